"""A bulk edit is a run like that of a file."""

from alembic import op

revision = "0009_bulk_edit"
down_revision = "0008_saved_views"

WORDS = ("create", "update", "upsert")


def allow(words):
    listed = ", ".join(f"'{word}'" for word in words)
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_import_run_import_mode"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_import_run_import_mode"), f"mode IN ({listed})")


def upgrade():
    allow((*WORDS, "edit"))


def downgrade():
    op.execute("DELETE FROM import_run WHERE mode = 'edit'")
    allow(WORDS)
