"""Results have one index and no foreign key: what they belong to, the triggers see to."""

from alembic import op

from migrations import sealed_results

revision = "0015_write_results_fast"
down_revision = "0014_feedback_and_inspections"


def upgrade():
    sealed_results.downgrade(op)
    with op.batch_alter_table("eval_result", schema=None) as batch_op:
        batch_op.drop_index("ix_eval_result_subject")
        batch_op.drop_constraint("fk_eval_result_run_id", type_="foreignkey")
    sealed_results.upgrade(op)


def downgrade():
    sealed_results.downgrade(op)
    with op.batch_alter_table("eval_result", schema=None) as batch_op:
        batch_op.create_foreign_key("fk_eval_result_run_id", "eval_run", ["run_id"], ["id"])
        batch_op.create_index("ix_eval_result_subject", ["subject_id", "run_id"], unique=False)
    sealed_results.upgrade(op)
