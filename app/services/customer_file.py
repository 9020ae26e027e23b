"""What stands out about a customer: what he bought, when he was last seen, what is open, what is due next."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from app.extensions import company, db
from app.models import (
    AccountEntry,
    Admission,
    ApprovalRequest,
    CaseStatus,
    CommercialTerm,
    Contact,
    Contract,
    ContractStatus,
    Customer,
    CustomerClassification,
    CustomerInfo,
    DocumentKind,
    DocumentStatus,
    Interaction,
    Need,
    Opportunity,
    Project,
    Risk,
    SalesDocument,
    ServiceCase,
    Task,
    TaskStatus,
    Visit,
    VisitStatus,
)
from app.roles import Act
from app.services import access, attachments, history, records
from app.words import Words

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


POINTING: tuple[type[Any], ...] = (
    *(Contact, Visit, Interaction, Opportunity, Need, Project),
    *(Admission, Contract, CommercialTerm, SalesDocument, ServiceCase),
    *(CustomerClassification, Risk, AccountEntry, Task),
)
"""What can belong to a customer."""
_ANY_OF = select(
    *(exists().where(model.__table__.c.customer_id == bindparam("customer")) for model in POINTING)
)


def lacking(customer_id: int) -> frozenset[type[Any]]:
    """The record types of which a customer has nothing at all, whoever may read it; one statement.

    It spares asking what the reader may read where there is nothing to read.
    """
    with access.acting(access.SYSTEM):
        row = db.session.execute(_ANY_OF, {"customer": customer_id}).one()
    return frozenset(model for model, is_there in zip(POINTING, row, strict=True) if not is_there)


def standing(customer_id: int, without: Collection[type[Any]] = ()) -> Standing:
    """The figures of a customer, over what the reader may see; one statement. He has nothing of the types in `without`.

    Bought is what orders of this calendar year come to, less returns; `bought_before` the same days a year ago.
    """
    found: dict[str, Any] = dict.fromkeys(Standing.__slots__)
    wanted: dict[str, ScalarSelect[Any]] = {}
    for model, (figures, count) in FIGURES.items():
        if access.principal().may(Act.read, access.resource_of(model)):
            found[count] = 0
            wanted |= {} if model in without else figures(customer_id)
    if wanted:
        row = db.session.execute(select(*(value.label(name) for name, value in wanted.items()))).one()
        found |= row._mapping
    return Standing(**found)


def _bought(customer_id: int) -> dict[str, ScalarSelect[Any]]:
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


def _visited(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    year = date(company.today().year, 1, 1)
    held = Visit.status.in_((VisitStatus.done, VisitStatus.filed))
    return {"visits": _count(Visit.id, Visit.customer_id == customer_id, held, Visit.planned_on >= year)}


def _complained(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    is_open = ServiceCase.status.in_(OPEN_CASES)
    return {"open_cases": _count(ServiceCase.id, ServiceCase.customer_id == customer_id, is_open)}


def _agreed(customer_id: int) -> dict[str, ScalarSelect[Any]]:
    mine = and_(Contract.customer_id == customer_id, Contract.status == ContractStatus.effective)
    return {
        "contracts": _count(Contract.id, mine),
        "contract_until": select(func.max(Contract.expires_on)).where(mine).scalar_subquery(),
    }


FIGURES: dict[type[Any], tuple[Callable[[int], dict[str, ScalarSelect[Any]]], str]] = {
    SalesDocument: (_bought, "orders"),
    Visit: (_visited, "visits"),
    ServiceCase: (_complained, "open_cases"),
    Contract: (_agreed, "contracts"),
}
"""What the figures are made of, and the count among them, which is 0 where there is nothing."""


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


# ---- the story ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened with a customer."""

    at: datetime
    record: Any


MOMENTS: tuple[tuple[type[Any], str], ...] = (
    (Visit, "held_at"),
    (Interaction, "occurred_at"),
    (SalesDocument, "ordered_at"),
    (ServiceCase, "received_at"),
    (Contract, "created_at"),
    (Opportunity, "created_at"),
    (Risk, "created_at"),
    (Task, "created_at"),
)
"""What the story of a customer is made of, and when each of it happened."""


def happened(customer_id: int, most: int = 50) -> list[Event]:
    """What happened with a customer, the newest first; one statement for each record type the reader may read."""
    found: list[Event] = []
    for model, name in MOMENTS:
        if access.principal().may(Act.read, access.resource_of(model)):
            at = getattr(model, name)
            rows = select(model).where(model.customer_id == customer_id, at.is_not(None))
            newest = db.session.scalars(rows.order_by(at.desc(), model.id.desc()).limit(most))
            found += [Event(getattr(row, name), row) for row in newest]
    return sorted(found, key=lambda event: event.at, reverse=True)[:most]


DECIDED = (Admission, Contract, CommercialTerm, Need)
"""What about a customer is decided on, besides himself."""


def counts(customer: Customer, without: Collection[type[Any]] = ()) -> dict[str, int]:
    """How much there is on the tabs of the page beside the related records, of what the reader may see; one statement.

    The customer has nothing of the types in `without`.
    """
    told = [
        _count(model.id, model.customer_id == customer.id, getattr(model, name).is_not(None))
        for model, name in MOMENTS
        if model not in without and access.principal().may(Act.read, access.resource_of(model))
    ]
    wanted = {
        "approvals": _count(ApprovalRequest.id, _about(customer.id, without)),
        "files": attachments.count_of(customer),
        "story": sum(told, start=literal(0)),
        "log": history.count_of(Customer, customer.id),
    }
    row = db.session.execute(select(*(value.label(name) for name, value in wanted.items()))).one()
    return dict(row._mapping)


def requests(customer_id: int, most: int = 50) -> list[ApprovalRequest]:
    """The requests for a decision about a customer, of what the reader may read; one statement."""
    wanted = select(ApprovalRequest).where(_about(customer_id)).order_by(ApprovalRequest.id.desc())
    return list(db.session.scalars(wanted.limit(most)))


def _about(customer_id: int, without: Collection[type[Any]] = ()) -> ColumnElement[bool]:
    about: list[ColumnElement[bool]] = [
        and_(ApprovalRequest.object_type == "customer", ApprovalRequest.object_id == customer_id)
    ]
    for model in DECIDED:
        if model not in without and access.principal().may(Act.read, access.resource_of(model)):
            ids = select(model.id).where(model.customer_id == customer_id)
            table = model.__tablename__
            about.append(and_(ApprovalRequest.object_type == table, ApprovalRequest.object_id.in_(ids)))
    return or_(*about)


# ---- completeness and freshness (B-23, B-24) ---------------------------------------------------------------

STAGES = ("prospect", "applicant", "active")
FROM_STAGE: dict[str, tuple[str, ...]] = {
    "prospect": ("name", "party_type", "phone", "source_channel_id", "owner_id"),
    "applicant": ("address", "legal_representative", "credit_code", "business_scope"),
    "active": ("industry_id", "region_id", "payment_method_id"),
}
"""Which fields of the file are due from which stage; added fields say it themselves."""
REVIEW_MONTHS = {"key": 3, "prospect": 12, "other": 6}


def completeness(customer: Customer) -> tuple[int, list[Words]]:
    """How many of the fields due at the customer's stage are filled, and which are missing, of those the reader sees."""
    stage = customer.status.value if customer.status.value in STAGES else STAGES[-1]
    reached = STAGES[: STAGES.index(stage) + 1]
    due = {name for passed in reached for name in FROM_STAGE[passed]}
    fields = [
        field
        for field in records.visible_fields(Customer, of=customer)
        if field.name in due or (field.item is not None and field.item.stage in reached)
    ]
    missing = [field.label for field in fields if getattr(customer, field.name) in {None, ""}]
    return len(fields) - len(missing), missing


def outdated(customer: Customer) -> list[tuple[Words, date]]:
    """The added fields whose value is older than they say it holds, with its day; a statement only where one says so."""
    fields = {
        field.item.id: field
        for field in records.visible_fields(Customer, of=customer)
        if field.item is not None and field.item.fresh_days and getattr(customer, field.name) is not None
    }
    if not fields:
        return []
    rows = db.session.execute(
        select(CustomerInfo.info_item_id, func.max(CustomerInfo.as_of))
        .where(CustomerInfo.customer_id == customer.id, CustomerInfo.info_item_id.in_(fields))
        .group_by(CustomerInfo.info_item_id)
    ).all()
    today = company.today()
    return [
        (field.label, day)
        for id_, day in rows
        if (field := fields[id_]).item is not None and (today - day).days > (field.item.fresh_days or 0)
    ]


def review_due(customer: Customer) -> date:
    """When the file is to be looked at again: after 3 months for key customers, 12 for prospects, else 6."""
    kind = "key" if customer.is_key else "prospect" if customer.status.value == "prospect" else "other"
    last = customer.reviewed_on or customer.created_at.astimezone(company.zone).date()
    months = last.year * 12 + last.month - 1 + REVIEW_MONTHS[kind]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(last.day, monthrange(year, month + 1)[1]))
