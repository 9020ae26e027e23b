"""What each seller gets for new customers in a month: a pure function over facts, to the cent.

The rules are rows (`threshold_rule`); what is computed from them is requirement by requirement:

- a customer is *acquired* in the month of its first order, or of an order more than `dormant_days` days after the one
  before it (D-59), by the seller who has it then;
- it *counts* when what it bought that month, less returns, is more than the rule says (D-60); a seller gets or owes an
  amount for each customer beyond or short of the quota; a quota of a department is its head's;
- it *pays* a bonus for its purchases in that month and each month a tier names, the highest tier alone (D-61 … D-64);
- a return takes back the difference whenever it is booked (D-66): what is due now less what earlier months paid;
- for confirmed fraud all that was paid is taken back, and a multiple of it is fined (D-67).

Amounts are `Decimal`s of the company's currency; months are their first days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise

from app.models import IncentiveKind, QuotaOf

NOTHING = Decimal(0)


# ---- the facts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tier:
    """A bonus of `amount` once purchases in the month `offset` after acquisition reach `lower`."""

    offset: int
    lower: Decimal
    inclusive: bool
    amount: Decimal
    group: str = ""

    def is_reached(self, net: Decimal) -> bool:
        return net >= self.lower if self.inclusive else net > self.lower


@dataclass(frozen=True, slots=True)
class Quota:
    """How many new customers a month are expected: of each seller of a unit, or of the unit, whose head answers for it."""

    unit_id: int
    of: QuotaOf
    number: int
    head_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a policy says on one day."""

    tiers: tuple[Tier, ...] = ()
    counted_above: Decimal = NOTHING
    counted_inclusive: bool = False
    deviation: Decimal = NOTHING
    fine_multiple: int = 0

    def counts(self, net: Decimal) -> bool:
        """Whether a new customer with these purchases counts for the quota."""
        return net > self.counted_above or (self.counted_inclusive and net == self.counted_above)

    def bonus(self, offset: int, net: Decimal) -> Decimal:
        """What purchases of a month pay: the highest tier reached of each group."""
        best: dict[str, Decimal] = {}
        for tier in self.tiers:
            if tier.offset == offset and tier.is_reached(net):
                best[tier.group] = max(best.get(tier.group, NOTHING), tier.amount)
        return sum(best.values(), NOTHING)


@dataclass(frozen=True, slots=True)
class Seller:
    """Who is paid: an employee, his department, and the quota that holds for him."""

    employee_id: int | None
    unit_id: int | None
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """An order, or what was returned of one: `on` is the day of the order either way, `booked` when it was written."""

    on: date
    booked: date
    amount: Decimal
    is_order: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """A customer: who has it, what it bought and gave back, its last order before these records, when fraud was found."""

    id: int
    seller: Seller
    movements: Sequence[Movement]
    last_before: date | None = None
    frauds: Mapping[date, date] = field(default_factory=dict)
    """Month of acquisition → month the fraud was confirmed in."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A line of an earlier month that stands: what was paid, or taken back, for a month of a customer."""

    customer_id: int
    acquired: date
    offset: int
    seller: Seller
    amount: Decimal
    kind: IncentiveKind = IncentiveKind.bonus


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a month is computed from. `rules` hold by month; `settled` are the months that were paid before."""

    month: date
    rules: Mapping[date, Rules]
    clients: Sequence[Client]
    sellers: Sequence[Seller] = ()
    unit_quotas: Sequence[Quota] = ()
    paid: Sequence[Paid] = ()
    settled: frozenset[date] = frozenset()
    dormant_days: int = 365


# ---- the result ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One reason of an amount."""

    kind: IncentiveKind
    customer_id: int
    acquired: date
    offset: int
    net: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one person gets for a month."""

    of: QuotaOf
    employee_id: int | None
    unit_id: int | None
    counted: int
    quota: int | None
    quota_amount: Decimal
    lines: tuple[Line, ...] = ()

    def sum_of(self, *kinds: IncentiveKind) -> Decimal:
        return sum((line.amount for line in self.lines if line.kind in kinds), NOTHING)

    @property
    def total(self) -> Decimal:
        return self.quota_amount + sum((line.amount for line in self.lines), NOTHING)


def month_of(day: date) -> date:
    return day.replace(day=1)


def later(month: date, offset: int) -> date:
    """The first day of the month `offset` after this one (before it, where negative)."""
    year, index = divmod(month.year * 12 + month.month - 1 + offset, 12)
    return date(year, index + 1, 1)


def settle(facts: Facts) -> list[Sheet]:
    """The sheets of a month: of every seller with a quota or a line, and of every department with a quota of its own."""
    lines: dict[Seller, list[Line]] = {
        seller: [] for seller in facts.sellers if seller.quota and seller.quota.of is QuotaOf.person
    }
    paid = _ledger(facts.paid)
    for client in facts.clients:
        for seller, line in _lines_of(client, facts, paid):
            lines.setdefault(seller, []).append(line)
    rules = facts.rules.get(facts.month, Rules())
    sheets = [_sheet_of(seller, found, rules) for seller, found in lines.items()]
    units = _units(lines)
    sheets += [_unit_sheet(quota, units, rules) for quota in facts.unit_quotas]
    return sheets


def acquisitions(days: Iterable[date], last_before: date | None, dormant_days: int) -> list[date]:
    """The days on which a customer was new: its first order, and any more than `dormant_days` after the one before."""
    known = sorted(set(days))
    first = [known[0]] if known and _is_new(last_before, known[0], dormant_days) else []
    return first + [day for before, day in pairwise(known) if _is_new(before, day, dormant_days)]


def _is_new(before: date | None, day: date, dormant_days: int) -> bool:
    return before is None or (day - before).days > dormant_days


def _lines_of(
    client: Client, facts: Facts, paid: Mapping[tuple[int, date], _Account]
) -> Iterator[tuple[Seller, Line]]:
    days = [move.on for move in client.movements if move.is_order and move.booked < later(facts.month, 1)]
    new = {month_of(day) for day in acquisitions(days, client.last_before, facts.dormant_days)}
    for acquired in sorted({*new, *(month for id_, month in paid if id_ == client.id)}):
        if acquired > facts.month:
            continue
        account = paid.get((client.id, acquired), _Account())
        seller = account.seller or client.seller
        found = client.frauds.get(acquired)
        if found is not None and found <= facts.month:
            lines = _taken_back(client, acquired, account, facts)
        else:
            lines = _earned(client, acquired, account, facts)
        for line in lines:
            yield seller, line


def net_of(client: Client, month: date, known: date) -> Decimal:
    """What a customer bought on orders of a month, less what of it was returned, as booked by the end of month `known`."""
    end = later(known, 1)
    return sum(
        (move.amount for move in client.movements if month_of(move.on) == month and move.booked < end),
        NOTHING,
    )


def _earned(client: Client, acquired: date, account: _Account, facts: Facts) -> Iterator[Line]:
    """That it counts, its bonus of the month, and what differs from what earlier months paid."""
    if acquired == facts.month:
        net = net_of(client, acquired, facts.month)
        if facts.rules.get(acquired, Rules()).counts(net):
            yield Line(IncentiveKind.counted, client.id, acquired, 0, net, NOTHING)
    for offset in range(_last_offset(facts) + 1):
        month = later(acquired, offset)
        if month != facts.month and month not in facts.settled:
            continue
        net = net_of(client, month, facts.month)
        due = facts.rules.get(month, Rules()).bonus(offset, net) - account.paid.get(offset, NOTHING)
        if due:
            kind = IncentiveKind.bonus if month == facts.month else IncentiveKind.correction
            yield Line(kind if due > 0 else IncentiveKind.claw_back, client.id, acquired, offset, net, due)


def _taken_back(client: Client, acquired: date, account: _Account, facts: Facts) -> Iterator[Line]:
    """All that was paid for the customer, and the fine, once."""
    whole = NOTHING
    for offset, amount in sorted(account.paid.items()):
        if amount:
            whole += amount
            yield Line(IncentiveKind.reversal, client.id, acquired, offset, None, -amount)
    multiple = facts.rules.get(facts.month, Rules()).fine_multiple
    if whole > 0 and multiple:
        yield Line(IncentiveKind.fine, client.id, acquired, 0, None, -whole * multiple)


def _last_offset(facts: Facts) -> int:
    return max((tier.offset for rules in facts.rules.values() for tier in rules.tiers), default=0)


@dataclass(slots=True)
class _Account:
    """What earlier months paid for one acquisition of a customer, by month offset, and to whom."""

    seller: Seller | None = None
    paid: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def _ledger(paid: Iterable[Paid]) -> dict[tuple[int, date], _Account]:
    accounts: dict[tuple[int, date], _Account] = defaultdict(_Account)
    for one in paid:
        account = accounts[one.customer_id, one.acquired]
        account.seller = account.seller or one.seller
        if one.kind is not IncentiveKind.fine:
            account.paid[one.offset] += one.amount
    return accounts


# ---- sheets ----------------------------------------------------------------------------------------------------


def _counted(lines: Iterable[Line]) -> int:
    return sum(line.kind is IncentiveKind.counted for line in lines)


def _sheet_of(seller: Seller, lines: Sequence[Line], rules: Rules) -> Sheet:
    quota = seller.quota.number if seller.quota and seller.quota.of is QuotaOf.person else None
    counted = _counted(lines)
    amount = NOTHING if quota is None else rules.deviation * (counted - quota)
    return Sheet(QuotaOf.person, seller.employee_id, seller.unit_id, counted, quota, amount, tuple(lines))


def _units(lines: Mapping[Seller, Sequence[Line]]) -> dict[int, int]:
    """How many customers counted for each department with a quota of its own."""
    found: dict[int, int] = defaultdict(int)
    for seller, own in lines.items():
        if seller.quota and seller.quota.of is QuotaOf.unit:
            found[seller.quota.unit_id] += _counted(own)
    return found


def _unit_sheet(quota: Quota, counted: Mapping[int, int], rules: Rules) -> Sheet:
    number = counted.get(quota.unit_id, 0)
    amount = rules.deviation * (number - quota.number)
    return Sheet(QuotaOf.unit, quota.head_id, quota.unit_id, number, quota.number, amount)
