"""Values of fields an administrator added (R15): kept as text in `extra`, read as what they are, mirrored for lists.

An extra field is the attribute `extra.<key>` of its record, so that every door treats it as any other field. The same
writer keeps the mirror that lists filter and sort by, and the dated history of a customer's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from app.columns import MoneyType, QuantityType, to_units
from app.extensions import Model, company, db
from app.models import EXTRA, Customer, CustomerInfo, Extended, ExtraIndex
from app.services import access, values
from app.services.fields import Field, Item, Kind, extra_fields, field_named

INDEX = Model.metadata.tables[ExtraIndex.__tablename__]
HISTORY = Model.metadata.tables[CustomerInfo.__tablename__]


# ---- one value ---------------------------------------------------------------------------------------------


class _AsText:
    """Values kept as text, read as what their fields say."""

    def read(self, record: Extended, name: str) -> Any:
        field = field_named(type(record), name)
        return None if field is None else value_of(field, record.extra)

    def write(self, record: Extended, name: str, value: Any) -> None:
        record.extra = with_value(record.extra, name, value, field_named(type(record), name))


Extended.extra_values = _AsText()


def value_of(field: Field, held: Mapping[str, str] | None) -> Any:
    """The value of an extra field out of what a record holds."""
    text = (held or {}).get(field.name.removeprefix(EXTRA), "")
    return read(field, text)


def read(field: Field, text: str) -> Any:
    """The value a kept text stands for; None for one its field can no longer hold."""
    if field.kind is Kind.flag:
        return text == "1"
    if not text:
        return None
    if field.kind in KEYS:
        return values.whole(text)
    if field.kind is Kind.choices:
        return text  # also what can no longer be chosen
    try:
        return values.parse(field, text)
    except values.BadValue:
        return None


def kept(field: Field | None, value: Any) -> str:
    """A value as text."""
    if value is None or field is None:
        return ""
    return value.isoformat() if isinstance(value, date) else values.edit_text(field, value)


def with_value(
    held: Mapping[str, str] | None, name: str, value: Any, field: Field | None
) -> dict[str, str] | None:
    """What a record holds, with this value in it; None when it then holds nothing."""
    key, text = name.removeprefix(EXTRA), kept(field, value)
    found = {**(held or {}), key: text}
    if not text:
        found.pop(key)
    return found or None


def gathered(model: type[Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a new row in which extra fields stand under their own names: they become `extra`."""
    own = dict(columns)
    for name in [name for name in columns if name.startswith(EXTRA)]:
        own["extra"] = with_value(own.get("extra"), name, own.pop(name), field_named(model, name))
    return own


# ---- the mirror --------------------------------------------------------------------------------------------


@event.listens_for(Session, "after_flush")
def _keep(session: Session, _context: Any) -> None:
    """Mirror what was written, and keep the former values of what keeps them."""
    written: list[Any] = [*session.new, *session.dirty]
    for record in written:
        if issubclass(type(record), Extended):
            history = inspect(record).attrs.extra.history
            if history.has_changes():
                before = history.deleted[0] if history.deleted else None
                _mirror(
                    session, type(record), record.id, before or {}, history.added[0] if history.added else {}
                )


def _mirror(session: Session, model: type[Any], id_: int, before: Mapping[str, str], after: Any) -> None:
    now = after or {}
    changed = [field for field in extra_fields(model) if before.get(_key(field)) != now.get(_key(field))]
    ids = [field.item.id for field in changed if field.item is not None]
    if not ids:
        return
    connection = session.connection()
    connection.execute(delete(INDEX).where(INDEX.c.object_id == id_, INDEX.c.info_item_id.in_(ids)))
    rows = [row for field in changed if (row := _row(field, id_, now.get(_key(field), "")))]
    if rows:
        connection.execute(insert(INDEX), rows)
    if issubclass(model, Customer):
        _remember(session, id_, changed, now)


def _key(field: Field) -> str:
    return field.name.removeprefix(EXTRA)


def _row(field: Field, id_: int, text: str) -> dict[str, Any] | None:
    """The row of the mirror for one value; long text is not mirrored."""
    value = read(field, text)
    if value is None or field.kind is Kind.long or field.item is None:
        return None
    key = key_value(field, value)
    is_text = isinstance(key, str)
    return {
        "info_item_id": field.item.id,
        "object_id": id_,
        "int_key": None if is_text else key,
        "text_key": key if is_text else None,
    }


def key_value(field: Field, value: Any) -> int | str:
    """What the mirror holds for a value: numbers and keys as integers, text and days as text."""
    number = int_key(field, value)
    return str(value)[:255] if number is None else number


def int_key(field: Field, value: Any) -> int | None:
    """What numbers and keys are compared by: an integer; nothing for text and days, which are compared as text."""
    if field.kind in AS_TEXT:
        return None
    scale = SCALES.get(field.kind)
    return to_units(Decimal(value), scale) if scale else int(value)


KEYS = frozenset({Kind.relation, Kind.file})
AS_TEXT = frozenset({Kind.text, Kind.date, Kind.choices})
SCALES = {Kind.money: MoneyType.scale, Kind.quantity: QuantityType.scale}


def _remember(session: Session, id_: int, changed: Sequence[Field], now: Mapping[str, str]) -> None:
    who = access.asking()
    rows = [
        {
            "customer_id": id_,
            "info_item_id": field.item.id,
            "value": now.get(_key(field)),
            "as_of": company.today(),
            "source": None,
            "recorded_by_id": who.employee_id if who else None,
        }
        for field in changed
        if field.item is not None and (field.item.keeps_history or field.item.fresh_days)
    ]
    if rows:
        with access.acting(access.SYSTEM):
            session.connection().execute(insert(HISTORY), rows)


def add(model: type[Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Mirror rows a bulk statement has written, each with its `id`. Inside `transaction()`."""
    if issubclass(model, Extended):
        for row in rows:
            if row.get("extra"):
                _mirror(db.session(), model, row["id"], {}, row["extra"])


def forget(model: type[Any], ids: Sequence[int]) -> None:
    """Drop the mirror and the history of records that are about to go. Inside `transaction()`."""
    items = [field.item.id for field in extra_fields(model) if field.item is not None]
    if not items:
        return
    connection = db.session.connection()
    connection.execute(delete(INDEX).where(INDEX.c.info_item_id.in_(items), INDEX.c.object_id.in_(ids)))
    if issubclass(model, Customer):
        with access.acting(access.SYSTEM):
            connection.execute(delete(HISTORY).where(HISTORY.c.customer_id.in_(ids)))


def item_of(field: Field) -> Item:
    """The definition of an added field. Raises `TypeError` for a column."""
    if field.item is None:
        raise TypeError(f"{field.name} is a column")
    return field.item


def column_of(model: type[Any], field: Field) -> ColumnElement[Any]:
    """An extra field of a record type in SQL: what it is filtered and sorted by."""
    item = item_of(field)
    if field.kind is Kind.long:
        return model.extra[item.key].as_string()  # type: ignore[no-any-return]
    found: ColumnElement[Any] = (
        select(key_of(field, ExtraIndex))
        .where(ExtraIndex.info_item_id == item.id, ExtraIndex.object_id == model.id)
        .limit(1)
        .scalar_subquery()
    )
    if field.kind is Kind.flag:
        return func.coalesce(found, 0) == 1
    return _typed(field, found)


def key_of(field: Field, mirror: Any) -> Any:
    """The column of the mirror that holds the values of a field."""
    return mirror.text_key if field.kind in AS_TEXT else mirror.int_key


def _typed(field: Field, key: Any) -> ColumnElement[Any]:
    """What the mirror holds as what the field is."""
    if field.kind is Kind.date:
        return type_coerce(key, Date()) if _is_sqlite() else func.date(key, type_=Date())
    found: ColumnElement[Any] = type_coerce(key, TYPES[field.kind]) if field.kind in TYPES else key
    return found


TYPES: dict[Kind, Any] = {Kind.money: MoneyType(), Kind.quantity: QuantityType()}
UNMIRRORED = frozenset({Kind.long, Kind.flag})
"""What is not read from the mirror alone: long text is not in it, and no row of a flag means no."""
MOST_LISTED = 50_000


def holding(
    model: type[Any], field: Field, condition: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> ColumnElement[bool] | None:
    """The records whose value of an added field fulfils a condition, found by the index of the mirror.

    None where that is no help: SQLite writes down all of them before it looks at the first, which takes longer than
    looking at the records one by one where every twentieth fits. PostgreSQL knows how many there are.
    """
    item = item_of(field)
    if field.kind in UNMIRRORED:
        return None
    fits = (ExtraIndex.info_item_id == item.id, condition(_typed(field, key_of(field, ExtraIndex))))
    if _is_sqlite():
        counted = select(ExtraIndex.id).where(*fits).limit(MOST_LISTED + 1).subquery()
        if (db.session.scalar(select(func.count()).select_from(counted)) or 0) > MOST_LISTED:
            return None
    found: ColumnElement[bool] = model.id.in_(select(ExtraIndex.object_id).where(*fits))
    return found


def _is_sqlite() -> bool:
    return db.session.get_bind().dialect.name == "sqlite"
