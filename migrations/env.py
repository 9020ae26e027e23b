"""How Alembic runs: over the app's own engine, one run at a time, and numbering revisions 0001_what_it_does."""

import re

from alembic import context
from alembic.operations.ops import CreateForeignKeyOp, CreateTableOp, DropConstraintOp, ModifyTableOps
from flask import current_app
from sqlalchemy import ForeignKeyConstraint, TypeDecorator
from sqlalchemy.sql.elements import False_, True_

from app import extensions
from app.services import access

FOREIGN_TABLES = re.compile(r"_fts(_(config|content|data|docsize|idx))?$|^huey_")
ONE_AT_A_TIME = 7_270_001


def number(_context, _revision, directives):
    script = directives[0]
    head = context.script.get_current_head()
    following = int(head[:4]) + 1 if head else 1
    slug = re.sub(r"\W+", "_", (script.message or "").lower()).strip("_")
    script.rev_id = f"{following:04d}_{slug}"
    untangle(script)


def untangle(script):
    """Keys of tables that point at each other: added when both stand, dropped before either falls."""
    for made in [op for op in script.upgrade_ops.ops if isinstance(op, CreateTableOp)]:
        loops = [part for part in made.columns if isinstance(part, ForeignKeyConstraint) and part.use_alter]
        made.columns = [part for part in made.columns if all(part is not key for key in loops)]
        for key in loops:
            add = CreateForeignKeyOp.from_constraint(key)
            drop = DropConstraintOp(key.name, made.table_name, type_="foreignkey")
            script.upgrade_ops.ops.append(ModifyTableOps(made.table_name, [add]))
            script.downgrade_ops.ops.insert(0, ModifyTableOps(made.table_name, [drop]))


def include_object(_item, name, type_, _reflected, _compare_to):
    """What searches texts is made by hand in a migration, queues of Huey by itself: they are no models."""
    if type_ == "index":
        return name != "ix_search_entry_tokens"
    return not (type_ == "table" and name and FOREIGN_TABLES.search(name))


def render_item(kind, item, _context):
    """Our kinds of column are written as what they are in the database: an old migration outlives the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    if kind == "server_default" and isinstance(getattr(item, "arg", None), True_ | False_):
        return f"sa.{str(item.arg).lower()}()"  # what it is called is the database's business
    return False


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=migrate.db.metadata,
        process_revision_directives=number,
        include_object=include_object,
        render_item=render_item,
        **{"compare_type": True, "render_as_batch": True, **migrate.configure_args},
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
        context.run_migrations()


def keep_children(connection, on):
    """SQLite's batch migrations drop and rename tables: their children must not be dropped along.

    Said to the driver, since the pragma is deaf inside a transaction, and SQLAlchemy would begin one.
    """
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.execute(f"PRAGMA foreign_keys={'OFF' if on else 'ON'}")


migrate = current_app.extensions["migrate"]
writing = extensions._writing.set(True)
try:
    with access.acting(access.SYSTEM), migrate.db.engine.connect() as connection:
        keep_children(connection, on=True)
        run(connection)
        connection.commit()
        keep_children(connection, on=False)
finally:
    extensions._writing.reset(writing)
