"""Documents that are voided or in the bin have an index of their own: measures leave their lines out."""

import sqlalchemy as sa
from alembic import op

revision = "0016_documents_that_are_gone"
down_revision = "0015_write_results_fast"

GONE = sa.text("deleted_at IS NOT NULL OR status = 'voided'")


def upgrade():
    with op.batch_alter_table("sales_document", schema=None) as batch_op:
        batch_op.create_index("ix_sales_document_gone", ["id"], sqlite_where=GONE, postgresql_where=GONE)


def downgrade():
    with op.batch_alter_table("sales_document", schema=None) as batch_op:
        batch_op.drop_index("ix_sales_document_gone", sqlite_where=GONE, postgresql_where=GONE)
