"""Views kept at hand; whoever made one keeps it so."""

import sqlalchemy as sa
from alembic import op

revision = "0012_keep_views_at_hand"
down_revision = "0011_extra_fields_and_merges"


def upgrade():
    op.create_table(
        "view_pin",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_view_pin_employee_id")),
        sa.ForeignKeyConstraint(
            ["view_id"], ["saved_view.id"], name=op.f("fk_view_pin_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", "employee_id", name=op.f("pk_view_pin")),
    )
    with op.batch_alter_table("view_pin", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_view_pin_employee_id"), ["employee_id"], unique=False)
    op.execute("INSERT INTO view_pin (view_id, employee_id) SELECT id, owner_id FROM saved_view")


def downgrade():
    with op.batch_alter_table("view_pin", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_view_pin_employee_id"))

    op.drop_table("view_pin")
