"""Hold how customers of a class are treated."""

import sqlalchemy as sa
from alembic import op

revision = "0013_treatment_of_classes"
down_revision = "0012_keep_views_at_hand"


def upgrade():
    op.create_table(
        "value_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value_id", sa.Integer(), nullable=False),
        sa.Column(
            "policy_key",
            sa.Enum(
                "visits",
                "talks",
                "discount",
                "credit",
                "payment_days",
                "risk_on_fall",
                "improvement_days",
                name="policy_key",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("article", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=True),
        sa.Column("version_no", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "policy_key <> 'discount' OR number <= 100000", name=op.f("ck_value_policy_share_of_a_hundred")
        ),
        sa.CheckConstraint("number >= 0", name=op.f("ck_value_policy_not_negative")),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["ab_user.id"], name=op.f("fk_value_policy_changed_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["ab_user.id"], name=op.f("fk_value_policy_created_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["value_id"],
            ["classification_value.id"],
            name=op.f("fk_value_policy_value_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_policy")),
        sa.UniqueConstraint("value_id", "policy_key", name="uq_value_policy_key"),
    )


def downgrade():
    op.drop_table("value_policy")
