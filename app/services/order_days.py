"""When a customer ordered first and last: kept true with every order that comes, changes, falls or is taken back.

What opening data said (a day no document of ours tells of) stays, until an order is earlier or later still.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.extensions import Model, company, db
from app.models import Customer, DocumentKind, DocumentStatus, SalesDocument
from app.services import access

COUNTED = (DocumentStatus.confirmed, DocumentStatus.closed)
TOLD = ("customer_id", "kind", "status", "ordered_at", "deleted_at")
"""What of a document says whether and when it counts."""
AT_ONCE = 400

Days = Mapping[int, Collection[date]]


CUSTOMER, DOCUMENT = (Model.metadata.tables[model.__tablename__] for model in (Customer, SalesDocument))


def days_of(document_ids: Iterable[int]) -> Days:
    """The days of those of these documents that count, by customer."""
    found: dict[int, set[date]] = defaultdict(set)
    ids = sorted(document_ids)
    connection = db.session.connection()
    for start in range(0, len(ids), AT_ONCE):
        some = DOCUMENT.c.id.in_(ids[start : start + AT_ONCE])
        with access.acting(access.SYSTEM):
            for customer_id, at in connection.execute(_counting().where(some)):
                found[customer_id].add(_day(at))
    return found


def settle(connection: sa.Connection, *, come: Days, gone: Days) -> None:
    """Bring the first and last day of these customers up to date, after orders of these days came or went."""
    with access.acting(access.SYSTEM):  # a rule of the house: the documents were asked for
        _settle(connection, come, gone)


def _settle(connection: sa.Connection, come: Days, gone: Days) -> None:
    ids = sorted({*come, *gone})
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        columns = (CUSTOMER.c.id, CUSTOMER.c.first_order_on, CUSTOMER.c.last_order_on)
        held = connection.execute(sa.select(*columns).where(CUSTOMER.c.id.in_(some))).all()
        lost = [id_ for id_, *days in held if set(days) & set(gone.get(id_, ()))]
        left = _left(connection, lost)
        changes = list(_changes(held, come, gone, left))
        if changes:
            statement = (
                sa.update(CUSTOMER)
                .where(CUSTOMER.c.id == sa.bindparam("id_"))
                .values(first_order_on=sa.bindparam("first"), last_order_on=sa.bindparam("last"))
            )
            connection.execute(statement, changes)


def _changes(held: Iterable[Any], come: Days, gone: Days, left: Days) -> Iterator[dict[str, Any]]:
    for id_, first, last in held:
        fallen, days = set(gone.get(id_, ())), set(come.get(id_, ()))
        if first in fallen or last in fallen:
            days |= set(left.get(id_, ()))
        earliest = [*days, *([first] if first and first not in fallen else [])]
        latest = [*days, *([last] if last and last not in fallen else [])]
        found = {
            "first": min(earliest or latest, default=None),
            "last": max(latest or earliest, default=None),
        }
        if (found["first"], found["last"]) != (first, last):
            yield {"id_": id_, **found}


def _left(connection: sa.Connection, customer_ids: Collection[int]) -> Days:
    """The first and the last day of the orders these customers have left."""
    if not customer_ids:
        return {}
    at = DOCUMENT.c.ordered_at
    ends = (
        _counting(DOCUMENT.c.customer_id, sa.func.min(at, type_=at.type), sa.func.max(at, type_=at.type))
        .where(DOCUMENT.c.customer_id.in_(customer_ids))
        .group_by(DOCUMENT.c.customer_id)
    )
    return {id_: {_day(first), _day(last)} for id_, first, last in connection.execute(ends)}


def _counting(*columns: Any) -> sa.Select[Any]:
    """The documents by which a customer has ordered."""
    return sa.select(*(columns or (DOCUMENT.c.customer_id, DOCUMENT.c.ordered_at))).where(
        DOCUMENT.c.customer_id.is_not(None),
        DOCUMENT.c.kind == DocumentKind.order,
        DOCUMENT.c.status.in_(COUNTED),
        DOCUMENT.c.deleted_at.is_(None),
    )


def _day(at: Any) -> date:
    day: date = at.astimezone(company.zone).date()
    return day


# ---- documents that are typed, moved, brought in ----------------------------------------------------------------


@event.listens_for(Session, "after_flush")
def _keep(session: Session, _context: Any) -> None:
    come: dict[int, set[date]] = defaultdict(set)
    gone: dict[int, set[date]] = defaultdict(set)
    for row in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(row, SalesDocument):
            before = None if row in session.new else _told(row, before=True)
            now = None if row in session.deleted else _told(row, before=False)
            if before != now:
                _put(gone, before)
                _put(come, now)
    if come or gone:
        settle(session.connection(), come=come, gone=gone)
        for customer in list(session.identity_map.values()):
            if isinstance(customer, Customer) and customer.id in {*come, *gone}:
                session.expire(customer, ["first_order_on", "last_order_on"])


def _put(days: dict[int, set[date]], told: tuple[int, date] | None) -> None:
    if told is not None:
        days[told[0]].add(told[1])


def _told(row: SalesDocument, *, before: bool) -> tuple[int, date] | None:
    """Customer and day of a document that counts, as it was or as it is."""
    state: Any = sa.inspect(row)
    held = {}
    for name in TOLD:
        history = state.attrs[name].history
        held[name] = history.deleted[0] if before and history.deleted else getattr(row, name)
        if before and history.added and not history.deleted:
            held[name] = None
    counts = held["kind"] == DocumentKind.order and held["status"] in COUNTED and held["deleted_at"] is None
    if not counts or held["customer_id"] is None or held["ordered_at"] is None:
        return None
    return held["customer_id"], _day(held["ordered_at"])
