"""Entries of the search index are numbered by their records, and lists find what they may show in one index."""

import zlib

import sqlalchemy as sa
from alembic import op

revision = "0017_number_entries"
down_revision = "0016_documents_that_are_gone"

REACH = {"customer": "ix_customer_reach", "sales_document": "ix_sales_document_reach"}
IDS = 31
INTO = "INSERT INTO search_fts(rowid, tokens) VALUES (NEW.id, NEW.tokens)"
OUT = "INSERT INTO search_fts(search_fts, rowid, tokens) VALUES ('delete', OLD.id, OLD.tokens)"
UPDATED = f"CREATE TRIGGER search_entry_update AFTER UPDATE ON search_entry BEGIN {OUT}; {INTO}; END"
TYPES = "SELECT DISTINCT object_type FROM search_entry"
NUMBER = "UPDATE search_entry SET id = :first + object_id WHERE object_type = :type"


def upgrade():
    for table, index in REACH.items():
        op.create_index(index, table, ["id", "org_unit_id", "owner_id", "deleted_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE search_entry ALTER id DROP DEFAULT, ALTER id TYPE bigint")
        op.execute("DROP SEQUENCE search_entry_id_seq")
        number()
        return
    op.execute("DROP TRIGGER search_entry_update")
    number()
    op.execute("INSERT INTO search_fts(search_fts) VALUES ('rebuild')")
    op.execute(UPDATED)


def number():
    connection = op.get_bind()
    for type_ in connection.scalars(sa.text(TYPES)).all():
        connection.execute(sa.text(NUMBER), {"first": zlib.crc32(type_.encode()) << IDS, "type": type_})


def downgrade():
    """What the older version finds by numbers of its own it makes anew, as it does for a database without an index."""
    op.execute("DELETE FROM search_entry")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE search_entry ALTER id TYPE integer")
        op.execute("CREATE SEQUENCE search_entry_id_seq OWNED BY search_entry.id")
        op.execute("ALTER TABLE search_entry ALTER id SET DEFAULT nextval('search_entry_id_seq')")
    for table, index in REACH.items():
        op.drop_index(index, table_name=table)
