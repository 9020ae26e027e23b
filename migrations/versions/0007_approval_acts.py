"""More acts of approvals (reply, reassign, suspend, resume, ask to void), the outcome "timed out", limits by amount."""

import sqlalchemy as sa
from alembic import op

revision = "0007_approval_acts"
down_revision = "0006_incentives"

STATUSES = ("running", "returned", "suspended", "approved", "rejected", "cancelled", "voided")
ACTS = (
    *(
        "submit",
        "approve",
        "reject",
        "send_back",
        "withdraw",
        "cancel",
        "take_back",
        "transfer",
        "add_signer",
    ),
    *("consult", "copy", "remind", "escalate", "time_out", "correct", "void"),
)
NEW_ACTS = ("reply", "reassign", "suspend", "resume", "ask_void")


def allow(batch_op, name, column, words):
    """Say which words a column may hold."""
    listed = ", ".join(f"'{word}'" for word in words)
    batch_op.drop_constraint(batch_op.f(name), type_="check")
    batch_op.create_check_constraint(batch_op.f(name), f"{column} IN ({listed})")


def upgrade():
    with op.batch_alter_table("approval_request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("amount", sa.BigInteger(), nullable=True))
        allow(batch_op, "ck_approval_request_request_status", "status", (*STATUSES, "timed_out"))
    with op.batch_alter_table("approval_action", schema=None) as batch_op:
        allow(batch_op, "ck_approval_action_approval_act", "act", (*ACTS, *NEW_ACTS))
    with op.batch_alter_table("approval_standin", schema=None) as batch_op:
        batch_op.add_column(sa.Column("max_amount", sa.BigInteger(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_approval_standin_limit_above_zero"), "max_amount IS NULL OR max_amount > 0"
        )


def downgrade():
    op.execute("UPDATE approval_request SET status = 'cancelled' WHERE status = 'timed_out'")
    listed = ", ".join(f"'{word}'" for word in NEW_ACTS)
    op.execute(f"UPDATE approval_action SET act = 'correct' WHERE act IN ({listed})")
    with op.batch_alter_table("approval_standin", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_approval_standin_limit_above_zero"), type_="check")
        batch_op.drop_column("max_amount")
    with op.batch_alter_table("approval_action", schema=None) as batch_op:
        allow(batch_op, "ck_approval_action_approval_act", "act", ACTS)
    with op.batch_alter_table("approval_request", schema=None) as batch_op:
        allow(batch_op, "ck_approval_request_request_status", "status", STATUSES)
        batch_op.drop_column("amount")
