"""Records that may be one, listed for who may merge them; customers are warned of while a new one is typed, too (B-33).

By what two records of a type may be one is declared with the type. Customers that are one share their credit code, their telephone, or what their names come down to; names that share most of their letters
are shown as similar. Whoever types is told of customers he may not see, too, or two people develop the same one: of those
he learns the beginning of the name and whom to ask, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, false, func, or_, select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Customer, SearchEntry
from app.services import access, names, searching, values
from app.services.fields import field_named
from app.words import Words

SAME_CODE = Words("统一社会信用代码相同", "Same credit code")
SAME_NAME = Words("名称相同", "Same name")
SIMILAR = Words("名称相似", "Similar name")
ENOUGH = 0.5
"""So much of two names is the same that a person should look."""
MOST_TRIED = 200
SHORTEST_HALF = 2


@dataclass(frozen=True, slots=True)
class Twin:
    """A customer that may be the one being typed. `customer` is None where the reader may not see it."""

    name: str
    why: Words
    customer: Customer | None = None
    owner: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether saving would be refused anyway."""
        return self.why is SAME_CODE


def like(name: str, credit_code: str = "", *, but: int = 0, most: int = 5) -> list[Twin]:
    """The customers that may be the one being typed, the surest first; two statements."""
    core = names.core_of(name)
    code = _code(credit_code)
    if not core and not code:
        return []
    with access.acting(access.SYSTEM):
        rows = list(db.session.scalars(_candidates(core, code, but)))
    found = sorted(
        ((*_judged(row, core, code), row) for row in rows), key=lambda pair: (-pair[0], pair[2].id)
    )
    likely = [(why, row) for score, why, row in found if score >= ENOUGH][:most]
    seen = _readable(row.id for _why, row in likely)
    return [_twin(row, why, seen=row.id in seen) for why, row in likely]


def _code(text: str) -> str:
    try:
        return values.credit_code(text) if text.strip() else ""
    except values.BadValue:
        return ""


def _candidates(core: str, code: str, but: int) -> Select[Any]:
    same = select(SearchEntry.object_id).where(
        SearchEntry.object_type == "customer", SearchEntry.core == core
    )
    wanted: list[ColumnElement[bool]] = [Customer.credit_code == code] if code else []
    if core:
        wanted.append(Customer.id.in_(same))
        wanted += [searching.matches(Customer, half) for half in _halves(core)]
    nearest = case((Customer.credit_code == code, 0), (Customer.id.in_(same), 1), else_=2)
    return (
        select(Customer)
        .where(or_(*wanted), Customer.id != but)
        .options(joinedload(Customer.owner))
        .order_by(nearest, func.length(cast(Customer.name, String)), Customer.id)
        .limit(MOST_TRIED)
    )


def _halves(core: str) -> Iterable[str]:
    """Both halves of a name: one letter typed wrong leaves one of them whole."""
    middle = (len(core) + 1) // 2
    return [half for half in (core[:middle], core[middle:]) if len(half) >= SHORTEST_HALF]


def _judged(row: Customer, core: str, code: str) -> tuple[float, Words]:
    if code and row.credit_code == code:
        return 2.0, SAME_CODE
    share = names.alike(core, names.core_of(row.name))
    return share, SAME_NAME if share == 1 else SIMILAR


def _readable(ids: Iterable[int]) -> set[int]:
    wanted = list(ids)
    return set(db.session.scalars(select(Customer.id).where(Customer.id.in_(wanted)))) if wanted else set()


def _twin(row: Customer, why: Words, *, seen: bool) -> Twin:
    owner = row.owner.name if row.owner else ""
    return Twin(row.name, why, row, owner) if seen else Twin(f"{row.name[:2]}***", why, None, owner)


# ---- all there are -----------------------------------------------------------------------------------------

Key = tuple[str, ...]
"""The fields two records of a type share when they may be one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one; `first` is the older."""

    first: Any
    second: Any
    why: Words


def keys_of(model: type[Any]) -> tuple[Key, ...]:
    """By what records of this type may be one, as the schema declares it (`__twins__`)."""
    return getattr(model, "__twins__", ())


def words_of(model: type[Any], key: Key) -> Words:
    """What two records have in common that share a key."""
    labels = [field.label for name in key if (field := field_named(model, name))]
    zh, en = "和".join(one.zh for one in labels), " and ".join(one.en.lower() for one in labels)
    return Words(f"{zh}相同", f"Same {en}")


def of(record: Any) -> list[Pair]:
    """The records this person may see that may be this one, the surest first."""
    model, found = type(record), {}
    if isinstance(record, Customer):
        alike = like(record.name, record.credit_code or "", but=record.id)
        found = {twin.customer.id: Pair(record, twin.customer, twin.why) for twin in alike if twin.customer}
    for key in keys_of(model):
        held = [_held(record, name) for name in key]
        if all(held):
            same = (column == value for column, value in zip(_columns(model, key), held, strict=True))
            rows = _joined(select(model), model, key).where(*same, model.id != record.id)
            for other in db.session.scalars(rows.order_by(model.id).limit(MOST_TRIED)):
                found.setdefault(other.id, Pair(record, other, words_of(model, key)))
    return list(found.values())


def pairs(model: type[Any], key: Key, *, page: int = 1, size: int = 25) -> tuple[list[Pair], bool]:
    """The pairs among the records this person may see, a page of what they share at a time, and whether there are more.

    Two statements. Each later record is paired with the oldest of those that share the key.
    """
    columns = _columns(model, key)
    shared = _joined(select(*columns).select_from(model), model, key)
    twice = shared.where(*(column.is_not(None) for column in columns)).group_by(*columns)
    having = twice.having(func.count() > 1).order_by(*columns)
    keys = db.session.execute(having.offset((page - 1) * size).limit(size + 1)).all()
    wanted = (
        and_(*(column == value for column, value in zip(columns, one, strict=True))) for one in keys[:size]
    )
    rows = db.session.execute(
        shared.add_columns(model).where(or_(false(), *wanted)).order_by(*columns, model.id)
    ).all()
    oldest: dict[tuple[Any, ...], Any] = {}
    why = words_of(model, key)
    found = [
        Pair(oldest[tuple(held)], record, why)
        for *held, record in rows
        if oldest.setdefault(tuple(held), record) is not record
    ]
    return found, len(keys) > size


def _columns(model: type[Any], key: Key) -> list[Any]:
    """What a key is compared by: names by what they come down to, sealed fields by their blind index."""
    return [SearchEntry.core if name == "name" else getattr(model, _attribute(model, name)) for name in key]


def _held(record: Any, name: str) -> Any:
    return names.core_of(record.name) if name == "name" else getattr(record, _attribute(type(record), name))


def _attribute(model: type[Any], name: str) -> str:
    field = field_named(model, name)
    return f"{name}_index" if field is not None and field.sealed else name


def _joined(statement: Select[Any], model: type[Any], key: Key) -> Select[Any]:
    """With what names come down to, where the key holds one."""
    if "name" not in key:
        return statement
    own = and_(SearchEntry.object_type == model.__tablename__, SearchEntry.object_id == model.id)
    return statement.join(SearchEntry, own).where(SearchEntry.core != "")
