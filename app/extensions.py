"""The framework objects, made once and bound to the app by the factory, and the one door to writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from flask_appbuilder import Model as FabModel
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    MetaData,
    Table,
    any_,
    column,
    event,
    insert,
    literal,
    table as bare,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeEngine

from app.columns import Sealed
from app.errors import Refusal, Stale
from app.words import Words, say

FabModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    """The base of our tables: in FAB's registry, so that keys may point at its users, but typed."""

    registry = FabModel.registry

    def __init_subclass__(cls, **kwargs: Any) -> None:
        for name, part in list(vars(cls).items()):
            if isinstance(part, Sealed):
                setattr(cls, f"{name}_sealed", part.sealed)
                setattr(cls, f"{name}_index", part.index)
                setattr(cls, f"{name}_mask", part.mask)
        super().__init_subclass__(**kwargs)


@dataclass
class Company:
    """What holds for the whole company and is known at start."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))

    def today(self) -> date:
        return datetime.now(self.zone).date()


company = Company()
db = SQLAlchemy(model_class=FabModel)
migrate = Migrate()
csrf = CSRFProtect()  # without it FAB lets a GET delete

_writing: ContextVar[bool] = ContextVar("writing", default=False)
_after_commit: ContextVar[list[Callable[[], object]]] = ContextVar("after_commit")


@contextmanager
def transaction(on: Connection | None = None) -> Iterator[None]:
    """Commit what the block did, or nothing of it. The only door to writing.

    It ends the read snapshot first, so that what the block loads and checks is what it changes. On SQLite it takes
    the write lock at once: two writers wait for each other instead of failing. Keep slow work out of it.
    With `on`, on this connection of a `workbench`, whose temporary tables the block can read.

    Raises:
        Refusal: the sentence of the rule the database kept.
        Stale: somebody else changed the record meanwhile.

    """
    if _writing.get():
        raise RuntimeError("a transaction is already open: one request, one transaction")
    db.session.rollback()
    token = _writing.set(True)
    waiting = _after_commit.set([])
    try:
        if on is not None:
            db.session.connection(bind_arguments={"bind": on})
        yield
        db.session.commit()
        followers = _after_commit.get()
    except IntegrityError as error:
        db.session.rollback()
        raise broken_rule(Model.metadata, error) from error
    except StaleDataError as error:
        db.session.rollback()
        raise Stale(CHANGED_MEANWHILE, changes=[], version_no=0) from error
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _after_commit.reset(waiting)
        _writing.reset(token)
    for follow in followers:
        follow()


CHANGED_MEANWHILE = Words(
    "这条记录刚刚被其他人修改，请重新打开后再操作。",
    "Somebody else has just changed this record: open it again and repeat what you did.",
)


@contextmanager
def workbench() -> Iterator[Connection]:
    """A connection of one's own for temporary tables, which end with it."""
    with db.engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.invalidate()


@contextmanager
def one_state(bench: Connection) -> Iterator[None]:
    """What the block reads is one state of the database, whatever others write; it fills temporary tables alone.

    Nobody waits for it: on SQLite these tables lie outside the file whose lock a writer takes.
    """
    is_postgresql = bench.dialect.name == "postgresql"
    bench.execution_options(fills=True)
    if is_postgresql:
        bench.execution_options(isolation_level="REPEATABLE READ")
    with bench.begin():
        if is_postgresql:
            bench.execute(text("SET LOCAL jit = off"))
            bench.execute(text("SET LOCAL work_mem = '512MB'"))
        yield
    bench.execution_options(fills=False)
    if is_postgresql:
        bench.execution_options(isolation_level="READ COMMITTED")


@contextmanager
def maintenance() -> Iterator[None]:
    """Let migrations write: they open their own connections and commit themselves."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)


def after_commit(follow: Callable[[], object]) -> None:
    """Have something outside the database done once the open transaction stands (a wake-up, a file moved)."""
    _after_commit.get().append(follow)


def is_writing() -> bool:
    """Whether a `transaction()` is open here."""
    return _writing.get()


def broken_rule(metadata: MetaData, error: IntegrityError) -> Exception:
    """The refusal with the schema's sentence for the constraint the database kept; the error itself if it has none."""
    text = str(error.orig)
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    for table in metadata.tables.values():
        for constraint in table.constraints:
            words = constraint.info.get("message")
            if words and _is_named(constraint, name, text):
                return Refusal(words, field=constraint.info.get("field"))
    if "foreign key" in text.lower():
        return Refusal(STILL_USED)
    if "unique" in text.lower():
        return Refusal(ALREADY_USED)
    return error


STILL_USED = Words(
    "还有其他记录引用它，或所选的记录已不存在。",
    "Other records still point to it, or what you chose is gone.",
)
ALREADY_USED = Words("这个值已被使用，请换一个。", "This value is already used: choose another.")


def _is_named(constraint: Any, name: str | None, text: str) -> bool:
    """Whether the database meant this constraint; SQLite names the columns of a broken unique key, not the key."""
    if name is not None:
        return str(constraint.name) == name
    columns = ", ".join(f"{constraint.table.name}.{column.name}" for column in constraint.columns)
    return text.endswith((f": {constraint.name}", f"UNIQUE constraint failed: {columns}"))


# ---- the two databases -------------------------------------------------------------------------------------


def guard(engine: Engine) -> None:
    """Have this engine keep what the product promises of its database; the factory calls it once."""
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "rollback", _end)
        event.listen(engine, "before_cursor_execute", _plan)


def _prepare(connection: Any, _record: object) -> None:
    """SQLite as a server would keep it: keys checked, commits durable, transactions begun by us."""
    if not hasattr(connection, "executescript"):
        return
    connection.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


SQLITE_PRAGMAS = [
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "temp_store=MEMORY",
    "cache_size=-65536",
]


def _end(connection: Connection) -> None:
    """Keep the plans of a connection: psycopg forgets them with each rollback, in which tables may have gone again.

    What could only read has made nothing, so it ends with a commit.
    """
    if connection.invalidated:
        return
    raw: Any = connection.connection.dbapi_connection
    if raw.read_only and raw.info.transaction_status is TransactionStatus.INTRANS:
        with suppress(psycopg.Error):  # where the server has gone, the rollback that follows says so
            raw.commit()


BY_KEY = {"by_key": True}
"""The mark of a statement that finds a few rows by their keys: PostgreSQL plans it once, for whatever values.

What searches and lists is planned each time: one plan for a word many hold and a word nobody holds is wrong for both.
"""
PLANNED_AFTER, LONGEST_PLANNED = 2, 30_000
"""After how many times a plan is kept, and how many characters a statement may have for that."""


def _plan(
    connection: Connection, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: object
) -> None:
    raw: Any = connection.connection.dbapi_connection
    by_key = context is not None and "by_key" in context.execution_options
    writes_rows = statement.startswith(("INSERT", "UPDATE")) and "SELECT" not in statement
    is_kept = (by_key or writes_rows) and len(statement) < LONGEST_PLANNED
    raw.prepare_threshold = PLANNED_AFTER if is_kept else None


def among(
    column: ColumnElement[Any] | InstrumentedAttribute[Any], keys: Iterable[Any]
) -> ColumnElement[bool]:
    """Whether a key is one of these. PostgreSQL is given them as one value: the statement is the same for few and many."""
    held = list(keys)
    if db.session.get_bind().dialect.name == "sqlite":
        return column.in_(held)
    return column == any_(literal(held, ARRAY(column.type)))


def insert_all(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]], *, written: Collection[str] = ()
) -> None:
    """Insert rows, one at least, that name the same columns, among them all that only we know a default of.

    They go to the database as they are made, past the statements of SQLAlchemy, which cost more than the rows do;
    PostgreSQL copies them, and there the columns `written` hold what the server reads already. Raises what a statement
    raises.
    """
    waiting = iter(rows)
    first = next(waiting)
    dialect = connection.dialect
    raw: Any = connection.connection.dbapi_connection
    names = [*first]
    lines = _lines(table, names, chain([first], waiting), dialect, written)
    try:
        if dialect.name == "postgresql":
            quote = dialect.identifier_preparer.quote
            statement = f"COPY {quote(table.name)} ({', '.join(map(quote, names))}) FROM STDIN"
            with raw.cursor().copy(statement) as copy:
                for line in lines:
                    copy.write_row(line)
        else:
            statement = str(insert(bare(table.name, *map(column, names))).compile(dialect=dialect))
            raw.executemany(statement, lines)
    except dialect.loaded_dbapi.Error as error:
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, kind, dialect=dialect) from error


def _lines(
    table: Table,
    names: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    dialect: Dialect,
    written: Collection[str],
) -> Iterator[list[Any]]:
    """The rows as the database is given them: in the order of these columns, as their types write."""
    writers = [
        (place, write)
        for place, name in enumerate(names)
        if not (name in written and dialect.name == "postgresql")
        and (write := _writer(table.c[name].type, dialect))
    ]
    for row in rows:
        values = [row[name] for name in names]
        for place, write in writers:
            values[place] = write(values[place])
        yield values


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes of a value what the database is given; JSON goes there as text, not in a wrapper of the driver."""
    if isinstance(kind, JSON):
        return lambda value: None if value is None and kind.none_as_null else AS_JSON.encode(value)
    return kind.dialect_impl(dialect).bind_processor(dialect)


AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _begin(connection: Connection) -> None:
    """Outside `transaction()` the database itself refuses to write, but into the tables of a workbench."""
    raw: Any = connection.connection.dbapi_connection
    writing = _writing.get()
    fills = connection.get_execution_options().get("fills", False)
    if connection.dialect.name == "sqlite":
        raw.execute(f"PRAGMA query_only={'OFF' if writing or fills else 'ON'}")
        raw.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
    else:
        read_only = not (writing or fills)
        if raw.read_only != read_only:
            raw.read_only = read_only


def stale(by: str, changes: Any, version_no: int) -> Stale:
    """The refusal of an edit of a record that changed since it was read, with who did it and what."""
    words = say(
        zh="{by} 在您打开之后修改了这条记录，请核对后再保存。",
        en="{by} changed this record after you opened it: compare, then save again.",
        by=by,
    )
    return Stale(words, changes=list(changes), version_no=version_no)
