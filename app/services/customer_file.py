"""What stands out about a customer: what he bought, when he was last seen, what is open, what is due next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, select

from app.extensions import company, db
from app.models import (
    CaseStatus,
    Contact,
    Contract,
    ContractStatus,
    DocumentKind,
    DocumentStatus,
    SalesDocument,
    ServiceCase,
    Task,
    TaskStatus,
    Visit,
    VisitStatus,
)
from app.roles import Act
from app.services import access

BOUGHT = (DocumentKind.order, DocumentKind.goods_return, DocumentKind.cancellation, DocumentKind.adjustment)
OPEN_CASES = (CaseStatus.received, CaseStatus.investigating)


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one customer; None where the reader may not see what they are made of. Amounts in yuan."""

    bought: Decimal | None
    bought_before: Decimal | None
    orders: int | None
    visits: int | None
    open_cases: int | None
    contracts: int | None
    contract_until: date | None


def standing(customer_id: int) -> Standing:
    """The figures of a customer, over what the reader may see; one statement.

    Bought is what orders of this calendar year come to, less returns; `bought_before` the same days a year ago.
    """
    wanted = {**_bought(customer_id), **_seen(customer_id), **_agreed(customer_id)}
    if not wanted:
        return Standing(None, None, None, None, None, None, None)
    row = db.session.execute(select(*(value.label(name) for name, value in wanted.items()))).one()
    return Standing(**{name: getattr(row, name, None) for name in Standing.__slots__})


def _bought(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    if not access.principal().may(Act.read, access.resource_of(SalesDocument)):
        return {}
    today = company.today()
    year = _midnight(date(today.year, 1, 1))
    last_year, then = _midnight(date(today.year - 1, 1, 1)), _midnight(today - timedelta(days=364))
    this = SalesDocument.ordered_at >= year
    mine = and_(
        SalesDocument.customer_id == customer_id,
        SalesDocument.status.in_((DocumentStatus.confirmed, DocumentStatus.closed)),
        SalesDocument.kind.in_(BOUGHT),
    )
    before = and_(SalesDocument.ordered_at >= last_year, SalesDocument.ordered_at < then)
    return {
        "bought": _total(mine, this),
        "bought_before": _total(mine, before),
        "orders": _count(SalesDocument.id, mine, this, SalesDocument.kind == DocumentKind.order),
    }


def _seen(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    who, year = access.principal(), date(company.today().year, 1, 1)
    found = {}
    if who.may(Act.read, access.resource_of(Visit)):
        held = Visit.status.in_((VisitStatus.done, VisitStatus.filed))
        found["visits"] = _count(Visit.id, Visit.customer_id == customer_id, held, Visit.planned_on >= year)
    if who.may(Act.read, access.resource_of(ServiceCase)):
        found["open_cases"] = _count(
            ServiceCase.id, ServiceCase.customer_id == customer_id, ServiceCase.status.in_(OPEN_CASES)
        )
    return found


def _agreed(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    if not access.principal().may(Act.read, access.resource_of(Contract)):
        return {}
    mine = and_(Contract.customer_id == customer_id, Contract.status == ContractStatus.effective)
    return {
        "contracts": _count(Contract.id, mine),
        "contract_until": select(func.max(Contract.expires_on)).where(mine).scalar_subquery(),
    }


def _count(column: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(func.count(column)).where(*conditions).scalar_subquery()


def _total(*conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(func.sum(SalesDocument.total)).where(*conditions).scalar_subquery()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), company.zone).astimezone(UTC)


def due(customer_id: int, most: int = 5) -> list[Task]:
    """The open tasks about a customer, the most urgent first."""
    if not access.principal().may(Act.read, access.resource_of(Task)):
        return []
    undated = case((Task.due_on.is_(None), 1), else_=0)
    mine = select(Task).where(Task.customer_id == customer_id, Task.status == TaskStatus.open)
    return list(db.session.scalars(mine.order_by(undated, Task.due_on, Task.id).limit(most)))


def contacts(customer_id: int, most: int = 5) -> list[Contact]:
    """The first people at a customer."""
    if not access.principal().may(Act.read, access.resource_of(Contact)):
        return []
    mine = select(Contact).where(Contact.customer_id == customer_id)
    return list(db.session.scalars(mine.order_by(Contact.id).limit(most)))
