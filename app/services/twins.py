"""Customers that may be one: warned of while a new one is typed, listed for who may merge them (B-33).

Twins share their credit code, their telephone, or what their names come down to; names that share most of their letters
are shown as similar. Whoever types is told of customers he may not see, too, or two people develop the same one: of those
he learns the beginning of the name and whom to ask, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Customer, SearchEntry
from app.services import access, names, searching, values
from app.words import Words

SAME_CODE = Words("统一社会信用代码相同", "Same credit code")
SAME_NAME = Words("名称相同", "Same name")
SAME_PHONE = Words("电话相同", "Same telephone")
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


@dataclass(frozen=True, slots=True)
class Pair:
    """Two customers that may be one; `first` is the older file."""

    first: Customer
    second: Customer
    why: Words


def of(customer: Customer) -> list[Pair]:
    """The customers this person may see that may be this one, the surest first."""
    alike = [
        twin for twin in like(customer.name, customer.credit_code or "", but=customer.id) if twin.customer
    ]
    found = {twin.customer.id: Pair(customer, twin.customer, twin.why) for twin in alike if twin.customer}
    model: Any = Customer
    if number := customer.phone_index:
        same = select(model).where(model.phone_index == number, model.id != customer.id)
        for other in db.session.scalars(same.options(joinedload(model.owner)).limit(MOST_TRIED)):
            found.setdefault(other.id, Pair(customer, other, SAME_PHONE))
    return list(found.values())


def pairs(*, by_phone: bool = False, page: int = 1, size: int = 25) -> tuple[list[Pair], bool]:
    """The pairs among the customers this person may see, a page of what they share at a time, and whether there are more.

    Two statements. Each later file is paired with the oldest of those that share a name or telephone.
    """
    customer: Any = Customer
    shared = customer.phone_index if by_phone else SearchEntry.core
    joined = select(shared).select_from(Customer)
    if not by_phone:
        mine = and_(SearchEntry.object_type == "customer", SearchEntry.object_id == Customer.id)
        joined = joined.join(SearchEntry, mine).where(SearchEntry.core != "")
    twice = joined.where(shared.is_not(None)).group_by(shared).having(func.count() > 1)
    keys = list(db.session.scalars(twice.order_by(shared).offset((page - 1) * size).limit(size + 1)))
    rows = db.session.execute(
        joined.add_columns(Customer)
        .where(shared.in_(keys[:size]))
        .options(joinedload(Customer.owner))
        .order_by(shared, Customer.id)
    ).all()
    oldest: dict[str, Customer] = {}
    why = SAME_PHONE if by_phone else SAME_NAME
    found = [
        Pair(oldest[key], customer, why)
        for key, customer in rows
        if oldest.setdefault(key, customer) is not customer
    ]
    return found, len(keys) > size
