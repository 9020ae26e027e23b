"""Fields an administrator adds, dated values of the customer file, merged records, versions and validity of files."""

import sqlalchemy as sa
from alembic import op

revision = "0011_extra_fields_and_merges"
down_revision = "0010_dealings"

EXTENDED = (
    "account_entry",
    "admission",
    "commercial_term",
    "contact",
    "contract",
    "customer",
    "event",
    "interaction",
    "key_list",
    "key_list_row",
    "need",
    "opportunity",
    "participant",
    "plan",
    "plan_line",
    "policy_document",
    "product",
    "project",
    "risk",
    "sales_document",
    "service_case",
    "survey_answer",
    "task",
    "visit",
)
ACTS = (
    *(
        "read",
        "create",
        "edit",
        "delete",
        "bring_in",
        "bring_in_large",
        "adopt_history",
        "take_out",
        "reveal",
    ),
    *("see_confidential", "reassign", "submit", "run", "publish", "administer"),
)


def allow(acts):
    """Say which acts a grant may be of."""
    listed = ", ".join(f"'{act}'" for act in acts)
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_role_grant_act"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_role_grant_act"), f"act IN ({listed})")


def upgrade():
    op.create_table(
        "info_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("label_zh", sa.String(length=255), nullable=False),
        sa.Column("label_en", sa.String(length=255), nullable=False),
        sa.Column(
            "data_type",
            sa.Enum(
                "text",
                "long",
                "number",
                "money",
                "date",
                "flag",
                "choice",
                "choices",
                "person",
                "relation",
                "file",
                "computed",
                name="item_type",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("help_zh", sa.String(length=255), nullable=True),
        sa.Column("help_en", sa.String(length=255), nullable=True),
        sa.Column("choices", sa.Text(), nullable=True),
        sa.Column("target", sa.String(length=60), nullable=True),
        sa.Column("formula", sa.Text(), nullable=True),
        sa.Column(
            "category",
            sa.Enum(
                "basic",
                "qualification",
                "operating",
                "capability",
                "demand",
                "cooperation",
                "other",
                name="item_category",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("shown_in_list", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("required_if", sa.Text(), nullable=True),
        sa.Column("visible_if", sa.Text(), nullable=True),
        sa.Column("required_at_stage", sa.String(length=60), nullable=True),
        sa.Column("fresh_days", sa.Integer(), nullable=True),
        sa.Column("keeps_history", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "sensitivity",
            sa.Enum(
                "normal",
                "confidential",
                name="sensitivity",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("read_role_id", sa.Integer(), nullable=True),
        sa.Column("edit_role_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["ab_user.id"], name=op.f("fk_info_item_changed_by_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["ab_user.id"], name=op.f("fk_info_item_created_by_id")),
        sa.ForeignKeyConstraint(
            ["edit_role_id"], ["ab_role.id"], name=op.f("fk_info_item_edit_role_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["read_role_id"], ["ab_role.id"], name=op.f("fk_info_item_read_role_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_info_item")),
        sa.UniqueConstraint("object_type", "key", name="uq_info_item_key"),
    )
    with op.batch_alter_table("info_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_info_item_edit_role_id"), ["edit_role_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_info_item_object_type"), ["object_type"], unique=False)
        batch_op.create_index(batch_op.f("ix_info_item_read_role_id"), ["read_role_id"], unique=False)

    op.create_table(
        "record_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.String(length=60), nullable=False),
        sa.Column("kept_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("kept_before", sa.JSON(), nullable=False),
        sa.Column("merged_before", sa.JSON(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["ab_user.id"], name=op.f("fk_record_merge_changed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["ab_user.id"], name=op.f("fk_record_merge_created_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_merge")),
    )
    with op.batch_alter_table("record_merge", schema=None) as batch_op:
        batch_op.create_index("ix_record_merge_kept", ["object_type", "kept_id"], unique=False)

    op.create_table(
        "extra_index",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("info_item_id", sa.Integer(), nullable=False),
        sa.Column("object_id", sa.Integer(), nullable=False),
        sa.Column("int_key", sa.BigInteger(), nullable=True),
        sa.Column("text_key", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["info_item_id"], ["info_item.id"], name=op.f("fk_extra_index_info_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extra_index")),
    )
    with op.batch_alter_table("extra_index", schema=None) as batch_op:
        batch_op.create_index("ix_extra_index_int", ["info_item_id", "int_key"], unique=False)
        batch_op.create_index("ix_extra_index_object", ["info_item_id", "object_id"], unique=False)
        batch_op.create_index("ix_extra_index_text", ["info_item_id", "text_key"], unique=False)

    op.create_table(
        "customer_info",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("info_item_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=True),
        sa.Column("recorded_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_customer_info_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["info_item_id"], ["info_item.id"], name=op.f("fk_customer_info_info_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"],
            ["employee.id"],
            name=op.f("fk_customer_info_recorded_by_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_info")),
    )
    with op.batch_alter_table("customer_info", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_info_info_item_id"), ["info_item_id"], unique=False)
        batch_op.create_index("ix_customer_info_item", ["customer_id", "info_item_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_info_recorded_by_id"), ["recorded_by_id"], unique=False)

    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("series", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("valid_from", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("valid_to", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("is_confidential", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("verified_by_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_attachment_series"), ["series"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_verified_by_id"), ["verified_by_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_attachment_verified_by_id"),
            "employee",
            ["verified_by_id"],
            ["id"],
            ondelete="RESTRICT",
        )

    with op.batch_alter_table("search_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("core", sa.String(length=255), nullable=True))
        batch_op.create_index("ix_search_entry_core", ["object_type", "core"], unique=False)

    for table in EXTENDED:
        op.add_column(table, sa.Column("extra", sa.JSON(none_as_null=True), nullable=True))
    allow((*ACTS, "merge"))


def downgrade():
    op.drop_index("ix_search_entry_core", table_name="search_entry")
    op.execute("ALTER TABLE search_entry DROP COLUMN core")  # a rebuilt table would lose its triggers
    for table in EXTENDED:
        op.drop_column(table, "extra")
    op.execute("DELETE FROM role_grant WHERE act = 'merge'")
    allow(ACTS)

    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_attachment_verified_by_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_attachment_verified_by_id"))
        batch_op.drop_index(batch_op.f("ix_attachment_series"))
        batch_op.drop_column("verified_by_id")
        batch_op.drop_column("verified_at")
        batch_op.drop_column("is_confidential")
        batch_op.drop_column("valid_to")
        batch_op.drop_column("valid_from")
        batch_op.drop_column("version")
        batch_op.drop_column("series")

    with op.batch_alter_table("customer_info", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_info_recorded_by_id"))
        batch_op.drop_index("ix_customer_info_item")
        batch_op.drop_index(batch_op.f("ix_customer_info_info_item_id"))

    op.drop_table("customer_info")
    with op.batch_alter_table("extra_index", schema=None) as batch_op:
        batch_op.drop_index("ix_extra_index_text")
        batch_op.drop_index("ix_extra_index_object")
        batch_op.drop_index("ix_extra_index_int")

    op.drop_table("extra_index")
    with op.batch_alter_table("record_merge", schema=None) as batch_op:
        batch_op.drop_index("ix_record_merge_kept")

    op.drop_table("record_merge")
    with op.batch_alter_table("info_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_info_item_read_role_id"))
        batch_op.drop_index(batch_op.f("ix_info_item_object_type"))
        batch_op.drop_index(batch_op.f("ix_info_item_edit_role_id"))

    op.drop_table("info_item")
