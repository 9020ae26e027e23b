"""What packs ship: every measure and scheme is checked, and runs on the demo company."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.cli import demo as command
from app.extensions import company, db, transaction
from app.models import (
    ChanceStatus,
    ClassificationScheme,
    ClassificationValue,
    CommercialTerm,
    CustomerClassification,
    Employee,
    EvalMeasure,
    EvalMeasureVersion,
    EvalRun,
    EvalRunStat,
    Inspection,
    InspectionItem,
    Lookup,
    Opportunity,
    OpportunityStage,
    OrgUnit,
    PolicyKey,
    TermKind,
    TermStatus,
    TradeLine,
    ValuePolicy,
)
from app.services import access, demo, packs
from app.workflows.evaluation import library, reading, runs, schemes
from app.workflows.evaluation.methods import FULL, Manual
from app.workflows.evaluation.pins import Pin, midnight
from tests import world
from tests.workflows.evaluation import shop
from tests.workflows.evaluation.test_schemes import SHIPPED

WANTED = {
    "CUST-YEAR": "purchase_qty 10, sales_amt 20, sales_growth 10, promo_ad 5, promo_event 5, promo_expand 5, coop_months 5, "
    "order_freq 5, coop_stability 5, csat 10, pay_ontime 10, breach_cnt 10",
    "CUST-P18": "purchase_freq 30, purchase_amt 40, complaint_cnt 15, event_cnt 15",
    "CUST-VALUE": "profit_contrib 40, interaction_cnt 20, complaint_cnt 20, sales_growth 20",
    "BIG-REL": "csat 30, loyalty_idx 25, project_progress 20, target_done 25",
    "IMPORTANCE": "contribution 35, influence_score 25, coop_stability 20, potential 20",
    "PROSPECT-SCORE": "industry_fit 25, size_score 20, credit_standing 20, need_score 20, intention 15",
    "CREDIT": "pay_ontime 40, overdue_ratio 25, credit_use 15, dispute_cnt 10, financial_rating 10",
    "VISIT-EFFECT": "csat_visit 40, business_growth 35, loyalty_change 25",
    "VISIT-STAFF": "visit_plan_done 30, csat_visit 25, issue_resolved 25, business_growth 20",
    "SERVICE-TEAM": "csat 30, sales_amt 25, new_cust 20, complaint_ontime 25",
    "PARTNER": "referral_cnt 20, sales_amt 30, breach_cnt 30, issue_resolved 20",
}
"""The ready-made schemes with their weights."""

A_SCHEME = {"visit_effect"}
"""Metrics of the catalogue that are schemes themselves."""


def bodies() -> dict[str, dict]:
    return {body["scheme"]: body for body in map(schemes.body_of_file, SHIPPED)}


@pytest.mark.req("L-03", "L-05", "L-08", "L-15", "L-17", "L-18", "L-20", "L-21", "M-02", "M-03")
def test_every_ready_made_scheme_is_shipped_with_its_weights():
    found = bodies()
    for code, wanted in WANTED.items():
        weights = {key: one["weight"] for key, one in found[code]["indicators"].items() if "weight" in one}
        assert ", ".join(f"{key} {weight.removesuffix(' %')}" for key, weight in weights.items()) == wanted
    for cycle in ("MONTH", "QUARTER", "YEAR"):
        weights = [
            int(one["weight"].removesuffix(" %")) for one in found[f"SALES-{cycle}"]["indicators"].values()
        ]
        assert [sum(weights[a:b]) for a, b in ((0, 4), (4, 8), (8, 10), (10, 12))] == [50, 25, 15, 10]
    assert {"DEV-TEAM", "DEV-DEPT", "VISIT-DEPT"} <= set(found)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scheme_adds_up_and_can_give_each_grade(path):
    scheme = schemes.load(schemes.body_of_file(path))
    assert scheme.weight == FULL and scheme.bands is not None
    assert sorted(scheme.bands.points) == list(range(len(scheme.grades)))
    assert all(0 < edge <= FULL for edge in scheme.bands.edges)


def test_every_measure_of_the_library_is_right_and_every_share_names_its_denominator():
    for code, entry in library.shipped().items():
        for subject in entry.get("subjects", ["customer", "employee", "department"]):
            problems = schemes.check(library.alone(entry, subject))
            assert [(code, subject, problem.field, problem.words.en) for problem in problems] == []
        is_share = entry.get("aggregate") == "ratio" or str(entry.get("value", "")).startswith("ratio(")
        if is_share:
            words = library.denominator(entry)
            assert words is not None and words.zh and words.en, code


def test_every_metric_of_the_catalogue_is_computed_or_a_judgement():
    catalogue = Path(__file__).parents[4] / "shared" / "requirements.md"
    if not catalogue.exists():
        pytest.skip(f"missing: {catalogue}")
    text = catalogue.read_text(encoding="utf-8")
    chapter = text[text.index("### 5.1 ") : text.index("### 5.6 ")]
    cells = [
        line.split("|")[1] for line in chapter.splitlines() if line.startswith("| ") and "Code" not in line
    ]
    codes = {code.strip().lower() for cell in cells for code in cell.split("/")}
    assert len(codes) > 90
    assert codes - set(library.shipped()) == A_SCHEME


def test_judgements_are_made_by_people_with_evidence_and_a_deadline():
    for body in bodies().values():
        scheme = schemes.load(body)
        manual = [one.method for one in scheme.indicators if isinstance(one.method, Manual)]
        assert all(method.evidence and method.days for method in manual)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_shipped_scheme_and_measure_runs_on_the_demo_company(in_app):
    with access.acting(access.SYSTEM):
        with transaction():
            for pack in packs.shipped():
                packs.load(pack)
        demo_company()
        end = company.today().replace(day=1)
        pin = Pin(end.replace(year=end.year - 1), end, midnight(end))
        for body in bodies().values():
            if body["scheme"] in {"BIG-REL", "PARTNER"} and not somebody(body, pin):
                continue
            run_id = runs.start_trial(body, pin)
            runs.compute(run_id)
            assert db.session.get_one(EvalRun, run_id).population > 0, body["scheme"]
        counted = 0
        for entry in library.shipped().values():
            if entry.get("manual"):
                continue
            run_id = runs.start_trial(library.alone(entry, entry.get("subjects", ["customer"])[0]), pin)
            runs.compute(run_id)
            stat = db.session.scalars(select(EvalRunStat).where(EvalRunStat.run_id == run_id)).one()
            counted += stat.counted > 0
        assert counted > 60
        assert db.session.scalar(select(func.count()).select_from(EvalMeasure)) == len(library.shipped())
        assert db.session.scalar(select(func.count()).select_from(EvalMeasureVersion)) == len(
            library.shipped()
        )


def somebody(body: dict, pin: Pin) -> bool:
    scheme = schemes.load(body, pin)
    return (
        db.session.scalar(select(func.count()).select_from(scheme.subject.table).where(scheme.subject.stands))
        > 0
    )


def demo_company() -> None:
    """The small invented company."""
    with transaction():
        demo.build("small", "x", command.SERIES)


# ---- facts of their own ----------------------------------------------------------------------------------------------


def measured(code: str, subject: str, period: str = "2025-01-01..2025-12-31") -> dict[str, int | None]:
    """The value of one measure of the library for each subject, by code."""
    run_id = shop.trial(library.alone(library.shipped()[code], subject), period)
    with access.acting(access.SYSTEM):
        rows = db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        return {row["code"]: row["v01"] for row in rows}


def lookup(kind: str, code: str, position: int = 0) -> int:
    return shop.add(Lookup, category=kind, code=code, name_zh=code, name_en=code, position=position)


def test_stages_left_forward_are_set_against_those_entered(in_app):
    stages = [lookup("opportunity_stage", f"s{place}", place) for place in range(3)]
    customer = shop.customer("K1")
    with access.acting(access.SYSTEM):
        chances = []
        for _ in range(2):
            with transaction():
                chances.append(Opportunity(name="chance", customer_id=customer, stage_id=stages[0]))
                db.session.add(chances[-1])
        for chance, change in (
            (0, {"stage_id": stages[1]}),
            (0, {"stage_id": stages[0]}),
            (0, {"outcome": ChanceStatus.won, "closed_on": company.today()}),
            (1, {"outcome": ChanceStatus.lost, "closed_on": company.today()}),
        ):
            with transaction():
                for name, value in change.items():
                    setattr(chances[chance], name, value)
        year = company.today().year
        found = measured("stage_conv", "customer", f"{year}-01-01..{year}-12-31")
        assert found == {"K1": 500_000}  # forward to s1 and won; back to s0 and lost
        kept = db.session.execute(select(OpportunityStage.forward, OpportunityStage.left_at)).all()
        assert sorted((forward, left is None) for forward, left in kept) == [
            (False, False),
            (False, False),
            (True, False),
            (True, False),
        ]


def test_the_commonest_cause_is_counted_by_quarter(in_app):
    causes = [lookup("case_category", f"c{place}") for place in range(2)]
    customer = shop.customer("K1")
    for cause, day in (
        (0, "2025-01-10"),
        (0, "2025-02-10"),
        (1, "2025-03-10"),
        (0, "2025-03-31"),
        (0, "2025-04-01"),
    ):
        shop.complaint(customer, f"{day}T10:00", category_id=causes[cause])
    assert measured("issue_cause_top", "customer") == {"K1": 3}
    assert measured("issue_cause_top", "customer", "2025-04-01..2025-06-30") == {"K1": 1}


def test_discounts_are_compared_with_what_was_granted_or_the_class_allows_that_day(in_app):
    customer, other = shop.customer("K1"), shop.customer("K2")
    for whose, day, rate in (
        (customer, "2025-03-01", "0.06"),  # granted
        (customer, "2025-05-01", "0.06"),  # no longer
        (customer, "2025-06-01", "0.02"),  # as for everybody
        (other, "2025-03-01", "0.10"),  # its class allows it
        (other, "2025-03-02", "0.1001"),
    ):
        document = shop.order(whose, f"{day}T10:00")
        line = {"sales_document_id": document, "line_no": 1, "customer_id": whose, "kind": shop.ORDER}
        moment = datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC)
        amounts = {"qty": Decimal(1), "unit_price": Decimal(100), "amount": Decimal(90), "moment": moment}
        shop.add(TradeLine, **line, **amounts, discount_rate=Decimal(rate))
    shop.add(
        CommercialTerm,
        customer_id=customer,
        kind=TermKind.discount,
        discount_rate=Decimal("0.06"),
        valid_from=date(2025, 1, 1),
        valid_to=date(2025, 3, 31),
        status=TermStatus.approved,
    )
    with access.acting(access.SYSTEM):
        scheme = db.session.scalars(select(ClassificationScheme.id).limit(1)).one()
    value = shop.add(ClassificationValue, scheme_id=scheme, code="D10", name_zh="十", name_en="Ten", rank=99)
    shop.add(ValuePolicy, value_id=value, policy_key=PolicyKey.discount, number=Decimal(10))
    shop.add(
        CustomerClassification,
        customer_id=other,
        scheme_id=scheme,
        value_id=value,
        valid_from=date(2025, 1, 1),
    )
    assert measured("discount_compliance", "customer") == {"K1": 666_667, "K2": 500_000}


def test_inspections_and_undertakings_count_for_the_unit(in_app):
    people = world.build()
    unit = people.unit_of("ann")
    inspection = shop.add(Inspection, title="走访检查", unit_id=unit, held_on=date(2025, 6, 1))
    for weight, points in ((1, "80"), (3, "60")):
        shop.add(InspectionItem, inspection_id=inspection, item="记录", weight=weight, points=Decimal(points))
    with access.acting(access.SYSTEM):
        code = db.session.get_one(OrgUnit, unit).code
        kind = db.session.get_one(OrgUnit, unit).kind.value
        mates = select(Employee).where(Employee.org_unit_id == unit)
        count = len(db.session.scalars(mates).all())
        with transaction():
            ann = db.session.get_one(Employee, people.employees["ann"])
            ann.nda_signed_on, ann.nda_until = company.today(), company.today() + timedelta(days=365)
            bob = db.session.get_one(Employee, people.employees["bob"])
            bob.nda_signed_on, bob.nda_until = date(2025, 1, 1), company.today() - timedelta(days=1)
    assert measured("inspection_score", kind)[code] == 6_500
    lately = f"{company.today() - timedelta(days=30)}..{company.today()}"
    found = measured("nda_cover", "employee", lately)
    assert found[number_of(people, "ann")] == 1_000_000 and found[number_of(people, "bob")] == 0
    assert measured("nda_cover", kind, lately)[code] == round(1_000_000 / count)


def number_of(people: world.World, who: str) -> str:
    with access.acting(access.SYSTEM):
        return str(db.session.get_one(Employee, people.employees[who]).no)
