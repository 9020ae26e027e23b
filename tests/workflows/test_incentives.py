"""Incentives for new customers: the worked examples, and random months against a reading of the policy of its own."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role, User

from app import workflows
from app.errors import BadRequest, NotAllowed, Refusal, WrongState
from app.extensions import company, db, transaction
from app.models import (
    AuditLog,
    Customer,
    DocumentKind,
    DocumentStatus,
    Employee,
    FraudStatus,
    IncentiveFraud,
    IncentiveKind,
    IncentiveLine,
    IncentiveMonth,
    IncentiveSheet,
    IncentiveStatus,
    Lifecycle,
    Notice,
    NoticeKind,
    OrgUnit,
    Position,
    QuotaOf,
    SalesDocument,
)
from app.services import access, records
from app.workflows import incentives
from app.workflows.incentives.settling import (
    Client,
    Facts,
    Movement,
    Paid,
    Quota,
    Rules,
    Seller,
    Sheet,
    Tier,
    later,
    month_of,
    settle,
)
from app.workflows.refusals import ConditionUnmet
from tests.workflows.conftest import Stage
from tests.world import World

YUAN = Decimal
RULES = Rules(
    tiers=(
        Tier(0, YUAN(2000), inclusive=True, amount=YUAN(50)),
        Tier(0, YUAN(4000), inclusive=True, amount=YUAN(100)),
        Tier(1, YUAN(3000), inclusive=True, amount=YUAN(50)),
        Tier(1, YUAN(5000), inclusive=False, amount=YUAN(100)),
        Tier(2, YUAN(5000), inclusive=False, amount=YUAN(100)),
        Tier(2, YUAN(10000), inclusive=False, amount=YUAN(200)),
    ),
    counted_above=YUAN(100),
    deviation=YUAN(10),
    fine_multiple=10,
)


# ---- the worked examples, through the rows of the pack -----------------------------------------------------------


pytestmark = pytest.mark.stands_on("customer-development")


@pytest.fixture
def desk(in_app, world: World) -> Desk:
    return Desk(world)


class Desk:
    """Channel 1 with one seller, Sue, under the rules of the pack; months are settled one after another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.no = 0
        with access.acting(access.SYSTEM):
            self.units = {unit.code: unit.id for unit in db.session.scalars(sa.select(OrgUnit))}
        self.sue = self.hire("channel_1")

    def hire(self, unit: str, **more: Any) -> int:
        self.no += 1
        return self.add(Employee, no=f"S{self.no}", name=f"S{self.no}", org_unit_id=self.units[unit], **more)

    @staticmethod
    def add(model: type[Any], **values: Any) -> int:
        """A row straight into its table, in whatever state; its id."""
        with access.acting(access.SYSTEM), transaction():
            return db.session.execute(sa.insert(model).values(**values).returning(model.id)).scalar_one()

    def customer(self, owner: int | None = None, **more: Any) -> int:
        self.no += 1
        values = {"code": f"C{self.no}", "name": f"C{self.no}", "status": Lifecycle.active, **more}
        return self.add(Customer, owner_id=owner or self.sue, **values)

    def order(self, customer: int, on: date, amount: str, origin: int | None = None, **more: Any) -> int:
        self.no += 1
        kind = (
            DocumentKind.order if origin is None and not amount.startswith("-") else DocumentKind.goods_return
        )
        values = {"kind": kind, "status": DocumentStatus.confirmed, "origin_id": origin, **more}
        at = datetime(on.year, on.month, on.day, 12, tzinfo=company.zone).astimezone(UTC)
        return self.add(
            SalesDocument, no=f"D{self.no}", customer_id=customer, ordered_at=at, total=YUAN(amount), **values
        )

    def fraud(self, customer: int, acquired: date, on: date) -> None:
        self.add(
            IncentiveFraud,
            customer_id=customer,
            acquired=acquired,
            seller_id=self.sue,
            evidence="seen",
            status=FraudStatus.approved,
            decided_at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC),
        )

    def settle(self, month: date, *, approved: bool = True) -> int:
        with access.acting(access.SYSTEM), transaction():
            made = incentives.calculate(month).id
            if approved:
                table = IncentiveMonth.__table__
                db.session.execute(
                    sa.update(table).where(table.c.id == made).values(status=IncentiveStatus.approved)
                )
        db.session.remove()
        return made

    def sheet(self, month: date, owner: int | None = None, of: QuotaOf = QuotaOf.person) -> IncentiveSheet:
        with access.acting(access.SYSTEM):
            statement = (
                sa.select(IncentiveSheet)
                .join(IncentiveMonth, IncentiveMonth.id == IncentiveSheet.month_id)
                .where(
                    IncentiveMonth.month == month,
                    IncentiveSheet.owner_id == (owner or self.sue),
                    IncentiveSheet.quota_of == of,
                )
            )
            return db.session.scalars(statement).one()

    def lines(self, month: date) -> list[tuple[str, int, Decimal]]:
        with access.acting(access.SYSTEM):
            statement = (
                sa.select(IncentiveLine.kind, IncentiveLine.month_offset, IncentiveLine.amount)
                .join(IncentiveSheet, IncentiveSheet.id == IncentiveLine.sheet_id)
                .join(IncentiveMonth, IncentiveMonth.id == IncentiveSheet.month_id)
                .where(IncentiveMonth.month == month, IncentiveLine.kind != IncentiveKind.counted)
                .order_by(IncentiveLine.id)
            )
            return [(kind.value, offset, amount) for kind, offset, amount in db.session.execute(statement)]


M0, M1, M2 = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


@pytest.mark.req("D-58", "D-60")
@pytest.mark.parametrize(
    ("bought", "counted", "amount"),
    [(["150"] * 5, 5, 20), (["150"], 1, -20), (["150", "150", "100"], 2, -10), ([], 0, -30)],
    ids=["1", "2", "3", "none at all"],
)
def test_examples_1_to_3_the_quota_of_a_seller(desk, bought, counted, amount):
    for number, sum_ in enumerate(bought, 1):
        desk.order(desk.customer(), date(2026, 3, number), sum_)
    desk.settle(M0)
    sheet = desk.sheet(M0)
    assert (sheet.counted, sheet.quota, sheet.quota_amount, sheet.total) == (counted, 3, amount, amount)


@pytest.mark.req("D-61", "D-62", "D-63", "D-64")
@pytest.mark.parametrize(
    ("offset", "net", "bonus"),
    [
        (0, "2000.00", 50),
        (0, "1999.99", 0),
        (0, "4000", 100),
        (1, "3000", 50),
        (1, "5000", 50),
        (1, "5000.01", 100),
        (2, "5000", 0),
        (2, "10000", 100),
        (2, "10000.01", 200),
    ],
    ids=map(str, range(4, 13)),
)
def test_examples_4_to_12_the_bonus_of_each_month(desk, offset, net, bonus):
    customer = desk.customer()
    if offset:
        desk.order(customer, M0, "101")
    desk.order(customer, later(M0, offset) + timedelta(days=9), net)
    for month in range(offset + 1):
        desk.settle(later(M0, month))
    assert desk.sheet(later(M0, offset)).bonus == bonus


@pytest.mark.req("D-66")
def test_example_13_a_return_takes_the_difference_back(desk):
    customer = desk.customer()
    order = desk.order(customer, date(2026, 3, 31), "4100")
    desk.settle(M0)
    desk.order(customer, date(2026, 4, 2), "-300", origin=order)
    desk.settle(M1)
    assert (desk.sheet(M0).bonus, desk.sheet(M1).claw_back) == (100, -50)
    assert desk.lines(M1) == [("claw_back", 0, YUAN(-50))]
    desk.settle(M2)
    assert desk.lines(M2) == [], "taken back once"


@pytest.mark.req("D-59")
@pytest.mark.parametrize(("days", "counted"), [(400, 1), (366, 1), (365, 0)], ids=["14", "366", "15"])
def test_examples_14_and_15_who_comes_back_after_more_than_a_year_is_new(desk, days, counted):
    customer = desk.customer()
    again = date(2026, 3, 15)
    desk.order(customer, again - timedelta(days=days), "900")
    desk.order(customer, again, "900")
    desk.settle(M0)
    assert desk.sheet(M0).counted == counted


@pytest.mark.req("D-67")
def test_example_16_fraud_takes_the_bonus_back_and_ten_times_as_much(desk):
    customer = desk.customer()
    desk.order(customer, date(2026, 3, 3), "4100")
    desk.settle(M0)
    desk.fraud(customer, M0, date(2026, 4, 20))
    desk.settle(M1)
    sheet = desk.sheet(M1)
    assert desk.lines(M1) == [("reversal", 0, YUAN(-100)), ("fine", 0, YUAN(-1000))]
    assert (sheet.fine, sheet.total) == (-1100, -1100 - 30)
    desk.settle(M2)
    assert desk.lines(M2) == [], "fined once"


# ---- what surrounds them -----------------------------------------------------------------------------------------


@pytest.mark.req("D-58")
def test_a_department_s_quota_is_its_head_s_and_its_sellers_have_none(desk):
    head, seller = desk.hire("ecommerce"), desk.hire("ecommerce")
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(OrgUnit, desk.units["ecommerce"]).head_id = head
    for day in range(1, 13):
        desk.order(desk.customer(seller), date(2026, 3, day), "2500")
    desk.settle(M0)
    whole, own = desk.sheet(M0, head, QuotaOf.unit), desk.sheet(M0, seller)
    assert (whole.counted, whole.quota, whole.total) == (12, 10, 20)
    assert (own.counted, own.quota, own.quota_amount, own.bonus) == (12, None, 0, 600)


def test_a_quota_may_be_that_of_one_post_alone(desk):
    desk.settle(later(M0, -1))
    with access.acting(access.SYSTEM), transaction():
        post = db.session.scalars(sa.select(Position).where(Position.code == "seller")).one()
        rule = incentives.reading.ThresholdRule
        found = db.session.scalars(sa.select(rule).where(rule.code == "quota.channel_1")).one()
        found.position_id = post.id
    other = desk.hire("channel_1", position_id=post.id)
    desk.settle(M0)
    with access.acting(access.SYSTEM):
        owners = set(db.session.scalars(sa.select(IncentiveSheet.owner_id).where(IncentiveSheet.quota == 3)))
    assert desk.sheet(M0, other).quota == 3 and owners == {desk.sue, other}


def test_the_bonus_stays_with_who_won_the_customer(desk):
    customer = desk.customer()
    desk.order(customer, date(2026, 3, 3), "4100")
    desk.settle(M0)
    other = desk.hire("channel_1")
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(Customer, customer).owner_id = other
    desk.order(customer, date(2026, 4, 3), "3000")
    desk.settle(M1)
    assert (desk.sheet(M1).bonus, desk.sheet(M1, other).bonus) == (50, 0)


def test_who_bought_before_the_records_begin_is_not_new(desk):
    known = desk.customer(last_order_on=date(2025, 6, 1))
    long_gone = desk.customer(last_order_on=date(2025, 1, 1))
    for customer in (known, long_gone):
        desk.order(customer, date(2026, 3, 3), "900")
    desk.settle(M0)
    assert desk.sheet(M0).counted == 1


def test_drafts_void_and_binned_orders_win_nobody(desk):
    gone = datetime(2026, 3, 5, tzinfo=UTC)
    desk.order(desk.customer(), date(2026, 3, 3), "900", status=DocumentStatus.draft)
    desk.order(desk.customer(), date(2026, 3, 3), "900", status=DocumentStatus.voided)
    desk.order(desk.customer(), date(2026, 3, 3), "900", deleted_at=gone)
    desk.order(desk.customer(), date(2026, 3, 3), "900", kind=DocumentKind.quotation)
    desk.settle(M0)
    assert desk.sheet(M0).counted == 0


def test_an_order_voided_after_it_was_paid_for_is_taken_back(desk):
    order = desk.order(desk.customer(), date(2026, 3, 3), "4100")
    desk.settle(M0)
    table = SalesDocument.__table__
    with access.acting(access.SYSTEM), transaction():
        at = datetime(2026, 4, 3, tzinfo=UTC)
        db.session.execute(
            sa.update(table).where(table.c.id == order).values(status=DocumentStatus.voided, changed_at=at)
        )
    desk.settle(M1)
    assert desk.lines(M1) == [("claw_back", 0, YUAN(-100))]


@pytest.mark.req("D-65")
def test_a_month_that_cannot_be_settled_is_refused_with_its_reason(desk):
    with access.acting(access.SYSTEM), transaction():
        with pytest.raises(Refusal, match="尚未结束"):
            incentives.calculate(month_of(company.today()))
        with pytest.raises(Refusal, match="没有生效的激励规则"):
            incentives.calculate(date(2016, 1, 1))
    desk.settle(M0, approved=False)
    desk.settle(M0, approved=False)  # as often as one likes, until it is decided on
    with access.acting(access.SYSTEM), transaction(), pytest.raises(Refusal, match="请先完成 2026-03"):
        incentives.calculate(M1)
    desk.settle(M0)
    with access.acting(access.SYSTEM), transaction(), pytest.raises(WrongState, match="不能重新计算"):
        incentives.calculate(M0)
    with access.acting(desk.world.principal("ann")), transaction(), pytest.raises(NotAllowed):
        incentives.calculate(M1)
    with pytest.raises(BadRequest):
        incentives.month_named("March")
    assert incentives.month_named("2026-03") == M0
    with access.acting(access.SYSTEM):
        told = db.session.scalars(sa.select(AuditLog).where(AuditLog.object_type == "incentive_month")).all()
    assert any("Incentives of 2026-03 computed: 3 sheets" in str(line.summary) for line in told)


@pytest.mark.req("D-65")
def test_a_month_is_approved_by_others_than_it_pays_and_then_handed_to_payroll(desk):
    stage = Stage(desk.world)
    with access.acting(access.SYSTEM), transaction():
        for person, role in (("fay", "finance"), ("leo", "gm")):
            found = db.session.scalars(sa.select(Role).where(Role.name == role)).one()
            db.session.get_one(User, desk.world.users[person]).roles = [found]
        db.session.get_one(OrgUnit, desk.units["terminal"]).head_id = desk.world.employees["hana"]
    with stage.as_("fay"), transaction():
        month = incentives.calculate(M0).id
    request = stage.submit("fay", month, IncentiveMonth).request_id
    with stage.as_("fay"), transaction(), pytest.raises(WrongState):
        incentives.calculate(M0)
    stage.act("sam", request, "approve")
    with pytest.raises(ConditionUnmet, match="您本人的激励"):
        stage.act("hana", request, "approve")
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.delete(IncentiveSheet.__table__).where(IncentiveSheet.quota_of == QuotaOf.unit))
    stage.act("hana", request, "approve")
    stage.act("leo", request, "approve")
    with stage.as_("fay"), transaction():
        workflows.move(records.find(IncentiveMonth, month), "hand_over")
    with access.acting(access.SYSTEM):
        found = db.session.get_one(IncentiveMonth, month)
        assert found.status is IncentiveStatus.exported and found.exported_at is not None
        assert workflows.moves_of(found) == []


@pytest.mark.req("D-67")
def test_fraud_is_confirmed_by_approval_and_the_company_is_told(desk):
    stage = Stage(desk.world)
    with access.acting(access.SYSTEM), transaction():
        gm = db.session.scalars(sa.select(Role).where(Role.name == "gm")).one()
        db.session.get_one(User, desk.world.users["leo"]).roles = [gm]
    customer = desk.customer(org_unit_id=desk.units["channel_1"])
    with stage.as_("ina"), transaction():
        typed = {"customer_id": str(customer), "acquired": "2026-03-01", "evidence": "the address is his own"}
        fraud = records.create(IncentiveFraud, {**typed, "seller_id": str(desk.sue)}).id
    request = stage.submit("ina", fraud, IncentiveFraud).request_id
    stage.act("hana", request, "approve")
    stage.act("leo", request, "approve")
    with access.acting(access.SYSTEM):
        found = db.session.get_one(IncentiveFraud, fraud)
        assert found.status is FraudStatus.approved and found.decided_at is not None
        told = db.session.scalars(sa.select(Notice).where(Notice.kind == NoticeKind.announcement)).all()
        assert len(told) == db.session.scalar(sa.select(sa.func.count()).select_from(Employee))


def test_each_seller_sees_his_own_sheet_alone(desk):
    mine = desk.customer(desk.world.employees["ann"])
    for customer in (mine, desk.customer()):
        desk.order(customer, date(2026, 3, 3), "4100")
    desk.settle(M0)
    with access.acting(desk.world.principal("ann")):
        (sheet,) = db.session.scalars(sa.select(IncentiveSheet))
        assert (sheet.owner_id, sheet.quota, sheet.bonus) == (desk.world.employees["ann"], None, 100)
        assert {line.customer_id for line in db.session.scalars(sa.select(IncentiveLine))} == {mine}


# ---- five hundred random months -----------------------------------------------------------------------------------


LADDER = {
    0: [(400_000, True, 100), (200_000, True, 50)],
    1: [(500_000, False, 100), (300_000, True, 50)],
    2: [(1_000_000, False, 200), (500_000, False, 100)],
}


def pays(offset: int, net: int) -> int:
    return next((yuan * 100 for least, at, yuan in LADDER[offset] if net > least or (at and net == least)), 0)


def shifted(month: date, by: int) -> date:
    day = month.replace(day=15) + timedelta(days=30 * by)
    return day.replace(day=1)


def bought(moves: Any, month: date, known: date) -> int:
    """Cents bought on orders of a month, less returns of them booked by the end of month `known`."""
    return sum(c for on, booked, c, _o in moves if on.replace(day=1) == month and booked < shifted(known, 1))


def new_months(moves: Any, month: date) -> set[date]:
    days = sorted({on for on, _b, _c, is_order in moves if is_order and on < shifted(month, 1)})
    return {d.replace(day=1) for n, d in enumerate(days) if n == 0 or d - days[n - 1] > timedelta(365)}


def read_policy(events: Any, month: date, quota: int, sellers: int) -> dict[int, dict[str, int]]:
    """Section 5.7 read once more, in whole cents and from the events alone: seller → quota, bonus, claw-back, fraud.

    `events` is customer → (seller, [(day of order, day booked, cents, is order)], month of fraud by acquisition).
    """
    out: dict[int, dict[str, int]] = {s: defaultdict(int, quota=-1_000 * quota) for s in range(sellers)}
    before = shifted(month, -1)
    for seller, moves, frauds in events.values():
        mine = out[seller]
        for m0 in new_months(moves, month):
            fraud, had = frauds.get(m0, date.max), 0
            mine["quota"] += 1_000 * (m0 == month < fraud and bought(moves, m0, month) > 10_000)
            for offset in range(3):
                at = shifted(m0, offset)
                due = pays(offset, bought(moves, at, month)) if at <= month else 0
                was = pays(offset, bought(moves, at, before)) if at < month else 0
                had += was
                if month < fraud:
                    mine["bonus" if at == month else "claw_back"] += due - was
            if fraud == month:
                mine["fraud"] -= 11 * had
    return out


def random_events(random: Random, start: date, months: int) -> dict[int, Any]:
    """Customers with orders and later returns over some months, near every edge of the ladder, a few of them fraud."""
    edges = [10_000, 10_001, 199_999, 200_000, 300_000, 400_000, 500_000, 500_001, 1_000_000, 1_000_001]
    events: dict[int, Any] = {}
    for id_ in range(1, random.randint(10, 20)):
        moves: list[tuple[date, date, int, bool]] = []
        day = start + timedelta(days=random.randint(-420, 30 * months))
        for _ in range(random.randint(1, 5)):
            cents = random.choice(edges) if random.random() < 0.6 else random.randint(1, 1_200_000)
            moves.append((day, day, cents, True))
            if random.random() < 0.6:
                booked = day + timedelta(days=random.randint(0, 90))
                moves.append((day, booked, -random.choice([1, cents, random.randint(1, cents)]), False))
            day += timedelta(days=random.choice([random.randint(0, 40), 364, 365, 366, 400]))
        frauds = {}
        if random.random() < 0.3:
            frauds[month_of(moves[0][0])] = later(month_of(moves[0][0]), random.randint(0, 4))
        events[id_] = (random.randrange(3), moves, frauds)
    return events


def ours(sheets: list[Sheet], sellers: int) -> dict[int, dict[str, int]]:
    """Our sheets in the same words."""
    kind = IncentiveKind
    return {
        sheet.employee_id: {
            "quota": int(sheet.quota_amount * 100),
            "bonus": int(sheet.sum_of(kind.bonus) * 100),
            "claw_back": int(sheet.sum_of(kind.claw_back, kind.correction) * 100),
            "fraud": int(sheet.sum_of(kind.reversal, kind.fine) * 100),
        }
        for sheet in sheets
        if sheet.employee_id is not None and sheet.employee_id < sellers
    }


def plainly(found: dict[int, dict[str, int]]) -> dict[int, dict[str, int]]:
    words = ("quota", "bonus", "claw_back", "fraud")
    return {seller: {word: int(amounts.get(word, 0)) for word in words} for seller, amounts in found.items()}


@pytest.mark.req("D-60", "D-64", "D-66", "D-67")
def test_500_random_months_are_those_of_an_independent_reading():
    seen = defaultdict(int)
    months = 0
    for seed in range(100):
        random = Random(seed)
        start = later(date(2025, 1, 1), random.randrange(24))
        events, quota = random_events(random, start, 5), random.randint(0, 4)
        sellers = [Seller(number, 1, Quota(1, QuotaOf.person, quota)) for number in range(3)]
        clients = [
            Client(
                id_,
                sellers[seller],
                [Movement(on, booked, YUAN(cents) / 100, is_order) for on, booked, cents, is_order in moves],
                frauds=frauds,
            )
            for id_, (seller, moves, frauds) in events.items()
        ]
        paid: list[Paid] = []
        every = [later(start, number) for number in range(-18, 5)]
        for number, month in enumerate(every):
            facts = Facts(
                month,
                dict.fromkeys(every, RULES),
                clients,
                sellers,
                (),
                tuple(paid),
                frozenset(every[:number]),
            )
            sheets = settle(facts)
            if month >= start:
                found, wanted = plainly(ours(sheets, 3)), plainly(read_policy(events, month, quota, 3))
                assert found == wanted, (seed, month)
                months += 1
                for amounts in wanted.values():
                    for word, amount in amounts.items():
                        seen[word] += bool(amount)
            paid += [
                Paid(
                    line.customer_id,
                    line.acquired,
                    line.offset,
                    sellers[sheet.employee_id],
                    line.amount,
                    line.kind,
                )
                for sheet in sheets
                for line in sheet.lines
                if sheet.employee_id is not None
            ]
    assert months == 500
    assert all(seen[word] > 50 for word in ("quota", "bonus", "claw_back", "fraud")), dict(seen)


@pytest.mark.req("D-65")
def test_months_settled_from_the_rows_are_those_of_the_independent_reading(desk):
    random = Random(7)
    start = date(2025, 10, 1)
    events = {
        id_: one for seed in range(2) for id_, one in _shifted(random_events(random, start, 5), 100 * seed)
    }
    staff = [desk.sue, desk.hire("channel_1"), desk.hire("channel_1")]
    ids = {}
    for id_, (seller, moves, frauds) in events.items():
        ids[id_] = desk.customer(staff[seller])
        orders: dict[int, int] = {}
        for number, (_on, booked, cents, is_order) in enumerate(moves):
            origin = None if is_order else orders[number - 1]
            orders[number] = desk.order(ids[id_], booked, f"{cents / 100:.2f}", origin=origin)
        for acquired, found in frauds.items():
            desk.fraud(ids[id_], acquired, found + timedelta(days=3))
    for month in [later(start, number) for number in range(-15, 6)]:
        desk.settle(month)
        if month < start:
            continue
        wanted = plainly(read_policy(events, month, 3, 3))
        for seller, employee in enumerate(staff):
            sheet = desk.sheet(month, employee)
            assert {
                "quota": int(sheet.quota_amount * 100),
                "bonus": int(sheet.bonus * 100),
                "claw_back": int(sheet.claw_back * 100),
                "fraud": int(sheet.fine * 100),
            } == wanted[seller], (month, seller)


def _shifted(events: dict[int, Any], by: int) -> list[tuple[int, Any]]:
    return [(id_ + by, one) for id_, one in events.items()]
