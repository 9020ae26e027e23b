"""How Alembic runs: over the app's own engine, one run at a time, and numbering revisions 0001_what_it_does."""

import re

from alembic import context
from flask import current_app

FULL_TEXT_TABLES = re.compile(r"_fts(_(config|content|data|docsize|idx))?$")
ONE_AT_A_TIME = 7_270_001


def number(_context, _revision, directives):
    script = directives[0]
    head = context.script.get_current_head()
    following = int(head[:4]) + 1 if head else 1
    slug = re.sub(r"\W+", "_", (script.message or "").lower()).strip("_")
    script.rev_id = f"{following:04d}_{slug}"


def include_object(_item, name, type_, _reflected, _compare_to):
    """SQLite's full-text tables are made by hand in a migration; the models do not know them."""
    return not (type_ == "table" and name and FULL_TEXT_TABLES.search(name))


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=migrate.db.metadata,
        process_revision_directives=number,
        include_object=include_object,
        **{"compare_type": True, "render_as_batch": True, **migrate.configure_args},
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
        context.run_migrations()


migrate = current_app.extensions["migrate"]
with migrate.db.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        # A batch migration drops and renames tables: their children must not be dropped along.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    run(connection)
    connection.commit()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
