"""What packs ship: every measure and scheme is checked, and runs on the demo company."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.cli import demo as command
from app.extensions import company, db, transaction
from app.models import EvalMeasure, EvalMeasureVersion, EvalRun, EvalRunStat
from app.services import access, demo, packs
from app.workflows.evaluation import library, runs, schemes
from app.workflows.evaluation.methods import FULL, Manual
from app.workflows.evaluation.pins import Pin, midnight
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

NOT_COMPUTED = {
    "stage_conv",
    "issue_cause_top",
    "discount_compliance",
    "inspection_score",
    "nda_cover",
    "visit_effect",
}
"""Metrics of the catalogue no table holds the facts of yet; the last is a scheme."""


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
    assert codes - set(library.shipped()) == NOT_COMPUTED


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
