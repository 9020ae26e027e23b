"""The facts a month of incentives is computed from, read set by set: orders, returns, sellers, quotas, what was paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import sqlalchemy as sa

from app.extensions import company, db
from app.models import (
    Customer,
    DocumentKind,
    DocumentStatus,
    Employee,
    EmployeeStatus,
    FraudStatus,
    IncentiveFraud,
    IncentiveLine,
    IncentiveMonth,
    IncentiveSheet,
    IncentiveStatus,
    OrgUnit,
    Parameter,
    QuotaOf,
    RulePurpose,
    SalesDocument,
    ThresholdRule,
)
from app.workflows.evaluation.dialects import days_from
from app.workflows.evaluation.sources import table_of
from app.workflows.incentives.settling import (
    NOTHING,
    Client,
    Facts,
    Movement,
    Paid,
    Quota,
    Rules,
    Seller,
    Tier,
    later,
    month_of,
)

DORMANT = "customer.new_after_dormant_days"
TRADED = (DocumentStatus.confirmed, DocumentStatus.closed)
TAKEN_BACK = (DocumentKind.goods_return, DocumentKind.cancellation)
STANDING = (IncentiveStatus.approved, IncentiveStatus.exported)
"""The states in which a month's lines are paid, or as good as paid: later months build on them."""


def facts_of(month: date) -> Facts:
    """The facts of a month, by its first day. Under the system principal."""
    rules = list(
        db.session.scalars(sa.select(ThresholdRule).where(ThresholdRule.active).order_by(ThresholdRule.id))
    )
    dormant_days = int(db.session.scalar(sa.select(Parameter.value).where(Parameter.key == DORMANT)) or 365)
    offsets = max((rule.month_offset or 0 for rule in rules), default=0)
    staff = _Staff(_in_force(rules, month), month)
    settled = frozenset(
        db.session.scalars(
            sa.select(IncentiveMonth.month).where(
                IncentiveMonth.status.in_(STANDING), IncentiveMonth.month < month
            )
        )
    )
    ids = _concerned(month, offsets, dormant_days)
    return Facts(
        month=month,
        rules={one: _rules(_in_force(rules, one)) for one in {month, *settled}},
        clients=_clients(ids, month, staff),
        sellers=list(staff.sellers.values()),
        unit_quotas=staff.unit_quotas,
        paid=_paid(ids, month, staff),
        settled=settled,
        dormant_days=dormant_days,
    )


# ---- rules -----------------------------------------------------------------------------------------------------


def _in_force(rules: Iterable[ThresholdRule], month: date) -> list[ThresholdRule]:
    """The rules in force on the first day of a month."""
    return [
        rule
        for rule in rules
        if rule.valid_from <= month and (rule.valid_to is None or month <= rule.valid_to)
    ]


def _rules(rules: Sequence[ThresholdRule]) -> Rules:
    found = {rule.purpose: rule for rule in rules}
    counted, deviation, fine = (
        found.get(purpose) for purpose in (RulePurpose.counted, RulePurpose.deviation, RulePurpose.fine)
    )
    return Rules(
        tiers=tuple(_tier(rule) for rule in rules if rule.purpose is RulePurpose.tier),
        counted_above=(counted and counted.lower) or NOTHING,
        counted_inclusive=bool(counted and counted.inclusive),
        deviation=(deviation and deviation.amount) or NOTHING,
        fine_multiple=(fine and fine.number) or 0,
    )


def _tier(rule: ThresholdRule) -> Tier:
    return Tier(
        rule.month_offset or 0,
        rule.lower or NOTHING,
        rule.inclusive,
        rule.amount or NOTHING,
        rule.exclusive_group or "",
    )


# ---- sellers ---------------------------------------------------------------------------------------------------


class _Staff:
    """Employees with the quota that holds for each: that of the nearest department above him that has one."""

    def __init__(self, rules: Sequence[ThresholdRule], month: date) -> None:
        self.units = {unit.id: unit for unit in db.session.scalars(sa.select(OrgUnit))}
        self.heads = {unit.head_id for unit in self.units.values()}
        self.rules = {rule.org_unit_id: rule for rule in rules if rule.purpose is RulePurpose.quota}
        self.month = month
        people = db.session.scalars(sa.select(Employee).order_by(Employee.id)).all()
        self.by_id = {one.id: self._seller(one) for one in people}
        self.sellers = {one.id: self.by_id[one.id] for one in people if self._works(one)}

    @property
    def unit_quotas(self) -> list[Quota]:
        found = [self._quota(rule) for unit_id, rule in self.rules.items() if unit_id is not None]
        return [quota for quota in found if quota.of is QuotaOf.unit]

    def of(self, employee_id: int | None, unit_id: int | None = None) -> Seller:
        """The seller who is this employee; nobody, where a customer has no owner."""
        return self.by_id.get(employee_id or 0) or Seller(employee_id, unit_id)

    def _works(self, employee: Employee) -> bool:
        hired = employee.hired_on is None or employee.hired_on < later(self.month, 1)
        return hired and employee.status is EmployeeStatus.active

    def _seller(self, employee: Employee) -> Seller:
        line = [int(part) for part in self.units[employee.org_unit_id].path.split("/") if part]
        rule = next((self.rules[one] for one in [*reversed(line), None] if one in self.rules), None)
        quota = self._quota(rule) if rule is not None and self._is_meant(rule, employee) else None
        return Seller(employee.id, employee.org_unit_id, quota)

    def _is_meant(self, rule: ThresholdRule, employee: Employee) -> bool:
        """Whether a quota is his: he holds the post it names, or, where a personal one names none, heads no unit."""
        if rule.position_id is not None:
            return employee.position_id == rule.position_id
        return rule.quota_of is QuotaOf.unit or employee.id not in self.heads

    def _quota(self, rule: ThresholdRule) -> Quota:
        unit = self.units.get(rule.org_unit_id or 0)
        return Quota(
            rule.org_unit_id or 0,
            rule.quota_of or QuotaOf.person,
            rule.number or 0,
            unit.head_id if unit else None,
        )


# ---- orders and returns ------------------------------------------------------------------------------------------


def _start(month: date) -> datetime:
    return datetime.combine(month, time(), company.zone)


def _day(moment: datetime) -> date:
    return moment.astimezone(company.zone).date()


DOCUMENT = table_of(SalesDocument)


def _concerned(month: date, offsets: int, dormant_days: int) -> sa.Subquery:
    """Customers that may be new in the months that pay now, and those with something taken back in this one.

    Who ordered within the dormant days before is certainly not new; the exact days are counted later, in company dates.
    """
    order, before = DOCUMENT.alias("started"), DOCUMENT.alias("before")
    earlier = sa.select(before.c.id).where(
        before.c.customer_id == order.c.customer_id,
        *_counts(before, DocumentKind.order),
        before.c.ordered_at < order.c.ordered_at,
        days_from(before.c.ordered_at, order.c.ordered_at) < dormant_days - 1,
    )
    started = sa.select(order.c.customer_id).where(
        *_counts(order, DocumentKind.order),
        order.c.ordered_at >= _start(later(month, -offsets)),
        order.c.ordered_at < _start(later(month, 1)),
        ~sa.exists(earlier),
    )
    given = DOCUMENT.alias("given")
    returned = sa.select(given.c.customer_id).where(
        *_counts(given, *TAKEN_BACK),
        given.c.ordered_at >= _start(month),
        given.c.ordered_at < _start(later(month, 1)),
    )
    voided = sa.select(DOCUMENT.c.customer_id).where(
        DOCUMENT.c.status == DocumentStatus.voided,
        DOCUMENT.c.changed_at >= _start(month),
        DOCUMENT.c.changed_at < _start(later(month, 1)),
        DOCUMENT.c.customer_id.is_not(None),
    )
    fraud = sa.select(IncentiveFraud.customer_id).where(
        IncentiveFraud.status == FraudStatus.approved, IncentiveFraud.decided_at < _start(later(month, 1))
    )
    return sa.union(started, returned, voided, fraud).subquery("concerned")


def _counts(document: Any, *kinds: DocumentKind) -> list[sa.ColumnElement[bool]]:
    return [
        document.c.kind.in_(kinds),
        document.c.status.in_(TRADED),
        document.c.deleted_at.is_(None),
        document.c.customer_id.is_not(None),
    ]


def _clients(ids: sa.Subquery, month: date, staff: _Staff) -> list[Client]:
    movements, first = _movements(ids, month), {}
    for id_, found in movements.items():
        first[id_] = min((move.on for move in found if move.is_order), default=None)
    frauds = _frauds(ids, month)
    people = sa.select(
        Customer.id, Customer.owner_id, Customer.org_unit_id, Customer.first_order_on, Customer.last_order_on
    )
    statement = people.where(Customer.id.in_(sa.select(ids.c.customer_id))).order_by(Customer.id)
    return [
        Client(
            id=row.id,
            seller=staff.of(row.owner_id, row.org_unit_id),
            movements=movements.get(row.id, []),
            last_before=_last_before(first.get(row.id), row.last_order_on, row.first_order_on),
            frauds=frauds.get(row.id, {}),
        )
        for row in db.session.execute(statement)
    ]


def _last_before(first: date | None, *known: date | None) -> date | None:
    """The last order the customer file tells of that lies before the first one on record: opening data."""
    return max((day for day in known if day and first and day < first), default=None)


def _movements(ids: sa.Subquery, month: date) -> Mapping[int, list[Movement]]:
    document, origin = DOCUMENT.alias("document"), DOCUMENT.alias("origin")
    statement = (
        sa.select(
            document.c.customer_id,
            document.c.kind,
            document.c.ordered_at,
            document.c.total,
            origin.c.ordered_at.label("origin_at"),
        )
        .select_from(document.outerjoin(origin, origin.c.id == document.c.origin_id))
        .where(
            document.c.customer_id.in_(sa.select(ids.c.customer_id)),
            *_counts(document, DocumentKind.order, *TAKEN_BACK),
            document.c.ordered_at < _start(later(month, 1)),
        )
        .order_by(document.c.ordered_at, document.c.id)
    )
    found: dict[int, list[Movement]] = defaultdict(list)
    for row in db.session.execute(statement):
        booked = _day(row.ordered_at)
        on = booked if row.origin_at is None else _day(row.origin_at)
        found[row.customer_id].append(Movement(on, booked, row.total, row.kind == DocumentKind.order))
    return found


def _frauds(ids: sa.Subquery, month: date) -> Mapping[int, dict[date, date]]:
    statement = sa.select(
        IncentiveFraud.customer_id, IncentiveFraud.acquired, IncentiveFraud.decided_at
    ).where(
        IncentiveFraud.customer_id.in_(sa.select(ids.c.customer_id)),
        IncentiveFraud.status == FraudStatus.approved,
        IncentiveFraud.decided_at < _start(later(month, 1)),
    )
    found: dict[int, dict[date, date]] = defaultdict(dict)
    for row in db.session.execute(statement):
        found[row.customer_id][month_of(row.acquired)] = month_of(_day(row.decided_at))
    return found


# ---- what was paid -----------------------------------------------------------------------------------------------


def _paid(ids: sa.Subquery, month: date, staff: _Staff) -> list[Paid]:
    statement = (
        sa.select(IncentiveLine, IncentiveSheet.owner_id, IncentiveSheet.org_unit_id)
        .join(IncentiveSheet, IncentiveSheet.id == IncentiveLine.sheet_id)
        .join(IncentiveMonth, IncentiveMonth.id == IncentiveSheet.month_id)
        .where(
            IncentiveMonth.status.in_(STANDING),
            IncentiveMonth.month < month,
            IncentiveLine.customer_id.in_(sa.select(ids.c.customer_id)),
        )
        .order_by(IncentiveLine.id)
    )
    return [
        Paid(
            line.customer_id,
            line.acquired,
            line.month_offset,
            staff.of(owner_id, unit_id),
            line.amount,
            line.kind,
        )
        for line, owner_id, unit_id in db.session.execute(statement)
    ]
