"""Hold feedback on results, appeals, inspections, the stages of chances, and undertakings of confidentiality."""

import sqlalchemy as sa
from alembic import op

revision = "0014_feedback_and_inspections"
down_revision = "0013_treatment_of_classes"


def upgrade():
    op.create_table(
        "inspection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("org_unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["changed_by_id"], ["ab_user.id"], name=op.f("fk_inspection_changed_by_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["ab_user.id"], name=op.f("fk_inspection_created_by_id")),
        sa.ForeignKeyConstraint(["deleted_by_id"], ["ab_user.id"], name=op.f("fk_inspection_deleted_by_id")),
        sa.ForeignKeyConstraint(
            ["org_unit_id"], ["org_unit.id"], name=op.f("fk_inspection_org_unit_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["employee.id"], name=op.f("fk_inspection_owner_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["org_unit.id"], name=op.f("fk_inspection_unit_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inspection_held_on"), ["held_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_inspection_org_unit_id"), ["org_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_inspection_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index("ix_inspection_scope", ["org_unit_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_inspection_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "inspection_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=255), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "points >= 0 AND points <= 10000", name=op.f("ck_inspection_item_points_in_range")
        ),
        sa.CheckConstraint("weight > 0", name=op.f("ck_inspection_item_weight_above_zero")),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["ab_user.id"], name=op.f("fk_inspection_item_changed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["ab_user.id"], name=op.f("fk_inspection_item_created_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["ab_user.id"], name=op.f("fk_inspection_item_deleted_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"],
            ["inspection.id"],
            name=op.f("fk_inspection_item_inspection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_item")),
    )
    with op.batch_alter_table("inspection_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inspection_item_inspection_id"), ["inspection_id"], unique=False)

    op.create_table(
        "eval_appeal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("no", sa.String(length=60), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("employee_id", sa.Integer(), nullable=True),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("raised_by", sa.String(length=255), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("corrected_run_id", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "in_approval",
                "returned",
                "approved",
                "rejected",
                "withdrawn",
                "corrected",
                name="appeal_status",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("org_unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "status <> 'corrected' OR corrected_run_id IS NOT NULL",
            name=op.f("ck_eval_appeal_corrected_by_a_run"),
        ),
        sa.CheckConstraint(
            "(customer_id IS NULL) <> (employee_id IS NULL)", name=op.f("ck_eval_appeal_of_one")
        ),
        sa.ForeignKeyConstraint(["changed_by_id"], ["ab_user.id"], name=op.f("fk_eval_appeal_changed_by_id")),
        sa.ForeignKeyConstraint(
            ["corrected_run_id"],
            ["eval_run.id"],
            name=op.f("fk_eval_appeal_corrected_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["ab_user.id"], name=op.f("fk_eval_appeal_created_by_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_eval_appeal_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["deleted_by_id"], ["ab_user.id"], name=op.f("fk_eval_appeal_deleted_by_id")),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employee.id"], name=op.f("fk_eval_appeal_employee_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["org_unit_id"], ["org_unit.id"], name=op.f("fk_eval_appeal_org_unit_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["employee.id"], name=op.f("fk_eval_appeal_owner_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["eval_run.id"], name=op.f("fk_eval_appeal_run_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_appeal")),
        sa.UniqueConstraint("no", name="uq_eval_appeal_no"),
    )
    with op.batch_alter_table("eval_appeal", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_eval_appeal_corrected_run_id"), ["corrected_run_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_eval_appeal_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_employee_id"), ["employee_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_no"), ["no"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_org_unit_id"), ["org_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_raised_on"), ["raised_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_appeal_run_id"), ["run_id"], unique=False)
        batch_op.create_index("ix_eval_appeal_scope", ["org_unit_id", "id"], unique=False)

    op.create_table(
        "eval_feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("employee_id", sa.Integer(), nullable=True),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column(
            "way",
            sa.Enum(
                "visit",
                "meeting",
                "call",
                "letter",
                "mail",
                name="feedback_way",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("told_to", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column(
            "opinion",
            sa.Enum(
                "none",
                "agrees",
                "partly",
                "disagrees",
                name="opinion",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("org_unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "(customer_id IS NULL) <> (employee_id IS NULL)", name=op.f("ck_eval_feedback_of_one")
        ),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["ab_user.id"], name=op.f("fk_eval_feedback_changed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["ab_user.id"], name=op.f("fk_eval_feedback_created_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_eval_feedback_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["ab_user.id"], name=op.f("fk_eval_feedback_deleted_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employee.id"], name=op.f("fk_eval_feedback_employee_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["org_unit_id"], ["org_unit.id"], name=op.f("fk_eval_feedback_org_unit_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["employee.id"], name=op.f("fk_eval_feedback_owner_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["eval_run.id"], name=op.f("fk_eval_feedback_run_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_feedback")),
    )
    with op.batch_alter_table("eval_feedback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_eval_feedback_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_feedback_employee_id"), ["employee_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_feedback_org_unit_id"), ["org_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_feedback_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_feedback_run_id"), ["run_id"], unique=False)
        batch_op.create_index("ix_eval_feedback_scope", ["org_unit_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_eval_feedback_told_on"), ["told_on"], unique=False)

    op.create_table(
        "opportunity_stage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("opportunity_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forward", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["opportunity_id"],
            ["opportunity.id"],
            name=op.f("fk_opportunity_stage_opportunity_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["lookup.id"], name=op.f("fk_opportunity_stage_stage_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunity_stage")),
    )
    with op.batch_alter_table("opportunity_stage", schema=None) as batch_op:
        batch_op.create_index("ix_opportunity_stage_entered", ["opportunity_id", "entered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_opportunity_stage_stage_id"), ["stage_id"], unique=False)

    with op.batch_alter_table("employee", schema=None) as batch_op:
        batch_op.add_column(sa.Column("nda_signed_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("nda_until", sa.Date(), nullable=True))


def downgrade():
    with op.batch_alter_table("employee", schema=None) as batch_op:
        batch_op.drop_column("nda_until")
        batch_op.drop_column("nda_signed_on")

    with op.batch_alter_table("opportunity_stage", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_opportunity_stage_stage_id"))
        batch_op.drop_index("ix_opportunity_stage_entered")

    op.drop_table("opportunity_stage")
    with op.batch_alter_table("eval_feedback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_eval_feedback_told_on"))
        batch_op.drop_index("ix_eval_feedback_scope")
        batch_op.drop_index(batch_op.f("ix_eval_feedback_run_id"))
        batch_op.drop_index(batch_op.f("ix_eval_feedback_owner_id"))
        batch_op.drop_index(batch_op.f("ix_eval_feedback_org_unit_id"))
        batch_op.drop_index(batch_op.f("ix_eval_feedback_employee_id"))
        batch_op.drop_index(batch_op.f("ix_eval_feedback_customer_id"))

    op.drop_table("eval_feedback")
    with op.batch_alter_table("eval_appeal", schema=None) as batch_op:
        batch_op.drop_index("ix_eval_appeal_scope")
        batch_op.drop_index(batch_op.f("ix_eval_appeal_run_id"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_raised_on"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_owner_id"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_org_unit_id"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_no"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_employee_id"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_customer_id"))
        batch_op.drop_index(batch_op.f("ix_eval_appeal_corrected_run_id"))

    op.drop_table("eval_appeal")
    with op.batch_alter_table("inspection_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inspection_item_inspection_id"))

    op.drop_table("inspection_item")
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inspection_unit_id"))
        batch_op.drop_index("ix_inspection_scope")
        batch_op.drop_index(batch_op.f("ix_inspection_owner_id"))
        batch_op.drop_index(batch_op.f("ix_inspection_org_unit_id"))
        batch_op.drop_index(batch_op.f("ix_inspection_held_on"))

    op.drop_table("inspection")
