"""The index of the quick search: an array with a GIN index on PostgreSQL, an FTS5 table kept by triggers on SQLite."""

import sqlalchemy as sa
from alembic import op

revision = "0003_search_index"
down_revision = "0002_inbox_in_order"

FTS = """CREATE VIRTUAL TABLE search_fts USING fts5(
  tokens, content='search_entry', content_rowid='id', detail='none', columnsize=0,
  tokenize="unicode61 remove_diacritics 0 tokenchars '~^'")"""
INTO = "INSERT INTO search_fts(rowid, tokens) VALUES (NEW.id, NEW.tokens)"
OUT = "INSERT INTO search_fts(search_fts, rowid, tokens) VALUES ('delete', OLD.id, OLD.tokens)"
SEARCHED = {
    "sqlite": [
        FTS,
        f"CREATE TRIGGER search_entry_insert AFTER INSERT ON search_entry BEGIN {INTO}; END",
        f"CREATE TRIGGER search_entry_delete AFTER DELETE ON search_entry BEGIN {OUT}; END",
        f"CREATE TRIGGER search_entry_update AFTER UPDATE ON search_entry BEGIN {OUT}; {INTO}; END",
    ],
    "postgresql": ["CREATE INDEX ix_search_entry_tokens ON search_entry USING gin (tokens)"],
}


def upgrade():
    op.create_table(
        "search_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.String(length=60), nullable=False),
        sa.Column("object_id", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Text().with_variant(sa.ARRAY(sa.Text()), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("object_type", "object_id", name="uq_search_entry_object"),
    )
    for statement in SEARCHED[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_fts")
    op.drop_table("search_entry")
