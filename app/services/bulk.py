"""Changing many rows by one statement, without losing what happened to each (R21).

A bare bulk statement is seen by no listener. Here it comes with what tells of it: the INSERT … SELECT that writes the
audit lines from the rows as they are (`told_as` builds it), or the change set that holds the cells. The row lock of
optimistic editing is raised by the same statement, so that an open form notices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Delete,
    Insert,
    Table,
    Update,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.columns import Scaled, now
from app.extensions import Model, db, insert_all, is_writing
from app.models import AuditAct, Stamped
from app.services import access, audit, extras, searching


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A row that holds every cell a run changes (an import run), so that no line per row is needed."""

    object_type: str
    object_id: int


def write(statement: Update | Delete | Insert, *, told: Insert | ChangeSet) -> int:
    """Carry out a set-based statement and tell of it; how many rows it wrote. Needs an open `transaction()`.

    The rows are chosen by a rule of the house: the row policy is not asked, so the caller has asked it.
    """
    if not is_writing():
        raise RuntimeError("a bulk statement needs an open transaction")
    db.session.flush()
    with access.acting(access.SYSTEM):
        if isinstance(told, Insert):
            db.session.execute(told)
        result: Any = db.session.execute(statement, execution_options={"synchronize_session": False})
    db.session.expire_all()
    return int(result.rowcount)


def add(model: type[Any], rows: Sequence[Mapping[str, Any]], *, told: ChangeSet) -> list[int]:
    """Insert rows of one table and give their ids in the order of the rows. Needs an open `transaction()`.

    Every row names the same columns; `told` is the change set that holds what they say.
    """
    if not is_writing() or told is None:
        raise RuntimeError("a bulk statement needs an open transaction")
    table = Model.metadata.tables[model.__tablename__]
    db.session.flush()
    who, moment = access.asking(), now()
    stamps: dict[str, Any] = {}
    if issubclass(model, Stamped):
        user_id = who.user_id if who else None
        stamps = {
            "created_at": moment,
            "changed_at": moment,
            "created_by_id": user_id,
            "changed_by_id": user_id,
        }
    with access.acting(access.SYSTEM):
        ids = _ids(table, len(rows))
        lines = [{**row, **stamps, "id": id_} for row, id_ in zip(rows, ids, strict=True)]
        insert_all(db.session.connection(), table, lines)
        searching.add(model, lines)
        extras.add(model, lines)
    return ids


def _ids(table: Table, count: int) -> list[int]:
    """Ids for new rows, taken beforehand: to be given them back, SQLite would insert one row at a time."""
    if db.session.get_bind().dialect.name == "sqlite":  # this transaction holds the write lock
        last = db.session.connection().execute(select(func.max(table.c.id))).scalar() or 0
        return list(range(last + 1, last + count + 1))
    sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
    numbers = select(sequence).select_from(func.generate_series(1, count).table_valued())
    return sorted(db.session.connection().execute(numbers).scalars())


def change(
    model: type[Any],
    where: ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    act: AuditAct = AuditAct.update,
    reason: str | None = None,
) -> int:
    """Set `values` on every row that fits, one line a row with what it was; how many rows there were."""
    told = told_as(model, where, values, act=act, reason=reason)
    return write(update(model).where(where).values({**values, **_stamps(model)}), told=told)


def told_as(
    model: type[Any],
    where: ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    act: AuditAct = AuditAct.update,
    reason: str | None = None,
) -> Insert:
    """The statement that writes, for each row that fits, what its fields are and what they will be.

    Run it before the change. Values may be expressions over the row; sealed fields cannot be written this way.
    """
    who = access.asking()
    whence = audit.origin.get()
    columns = {
        "at": literal(now(), audit.LINES.c.at.type),
        "act": literal(act, audit.LINES.c.act.type),
        "user_id": _maybe(who.user_id if who else None, "user_id"),
        "person_id": _maybe(who.employee_id if who else None, "person_id"),
        "object_type": literal(model.__tablename__),
        "object_id": model.id,
        "object_version": model.version_no + 1
        if issubclass(model, Stamped)
        else _maybe(None, "object_version"),
        "changes": _pairs(model, values),
        "reason": _maybe(reason, "reason"),
        "address": _maybe(whence.address, "address"),
        "request_id": _maybe(whence.request_id, "request_id"),
    }
    chosen = select(*columns.values()).where(where)
    return insert(audit.LINES).from_select(list(columns), chosen, include_defaults=False)


def _maybe(value: Any, column: str) -> ColumnElement[Any]:
    kind = audit.LINES.c[column].type
    return cast(null(), kind) if value is None else literal(value, kind)


def _pairs(model: type[Any], values: Mapping[str, Any]) -> ColumnElement[Any]:
    """`{field: [old, new]}` as the database builds it."""
    sqlite = db.session.get_bind().dialect.name == "sqlite"
    an_object = func.json_object if sqlite else func.json_build_object
    a_list = func.json_array if sqlite else func.json_build_array
    parts: list[Any] = []
    for name, new in values.items():
        column: InstrumentedAttribute[Any] = getattr(model, name)
        if isinstance(column.type, Scaled):
            raise TypeError(f"{name}: amounts are told by a change set, not by a statement")
        after = new if isinstance(new, ColumnElement) else literal(new, column.type)
        parts += [literal(name), a_list(column, after)]
    built = an_object(*parts)
    return built if sqlite else cast(built, JSON)


def _stamps(model: type[Any]) -> dict[str, Any]:
    if not issubclass(model, Stamped):
        return {}
    who = access.asking()
    return {
        "changed_at": now(),
        "changed_by_id": who.user_id if who else None,
        "version_no": model.version_no + 1,
    }
