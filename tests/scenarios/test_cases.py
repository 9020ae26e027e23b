"""Figures other products pin down, computed by ours. Groups whose part of the product is not built yet are named."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.extensions import company, db, transaction
from app.models import Employee, EvalManualScore, EvalScheme, OrgUnit, UnitKind
from app.services import access
from app.services.calendar import Calendar, read_hours
from app.workflows.evaluation import packing, reading, runs, schemes
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import shop

WEEK = "Mon-Fri "


def test_the_figures_are_the_same(case: dict[str, Any]) -> None:
    compute = GROUPS.get(case["group"])
    if compute is None:
        pytest.skip(f"not applicable: {case['group']}")
    assert compute(case["given"], case["expect"]) == case["expect"]


@pytest.mark.req("L-08", "L-11")
def test_the_grades_are_the_same(in_app: Any, graded: dict[str, Any]) -> None:
    """Weights and bands through the real engine: a published document, points people gave, a run."""
    assert _graded(graded["given"], graded["expect"]) == graded["expect"]


def _graded(given: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    weights = given.get("criteria_weights", [100])
    points = given.get("criterion_score", given.get("criteria_scores", 100))
    points = points if isinstance(points, list) else [points] * len(weights)
    body = _scheme(weights, given.get("bands", [["only", 0, 100]]))
    problems = schemes.check(body)
    if problems:
        assert all(
            problem.field.split(".")[0].split("[")[0] in {"indicators", "grades"} for problem in problems
        )
        return {"error": expected.get("error", str(problems[0].words))}
    subject = shop.customer("K1")
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("CASE", body, published=True)
        scheme_id = db.session.scalars(sa.select(EvalScheme.id).where(EvalScheme.code == "CASE")).one()
        rater = _rater()
        period = pin("2025-01-01..2025-12-31")
        for number, one in enumerate(points):
            shop.add(
                EvalManualScore,
                scheme_id=scheme_id,
                indicator=f"c{number}",
                period_from=period.period_from,
                period_to=period.period_to,
                subject_id=subject,
                rater_id=rater,
                points=Decimal(str(one)),
            )
        run_id = runs.start("CASE", period)
        runs.compute(run_id)
        opened = reading.open_run(run_id)
        row = db.session.execute(reading.visible(opened)).mappings().one()
    total = row["total"] / 100
    grade = opened.grade(row["grade_no"])
    found = {
        "total": int(total) if total == int(total) else total,
        "grade": str(grade.words.en) if grade else None,
    }
    return {key: found[key] for key in expected if key in found} | {
        key: None for key in expected if key not in found
    }


def _scheme(weights: list[Any], bands: list[list[Any]]) -> dict[str, Any]:
    """The case as a document: one judged indicator a weight, one grade a band, best first, the highest open above."""
    grades = []
    for number, (name, low, high) in enumerate(sorted(bands, key=lambda band: -band[1])):
        grade = {"grade": f"G{number}", "zh": name, "en": name, "from": low}
        grades.append(grade if number == 0 and high == 100 else grade | {"to": high})
    one = {"zh": "项", "en": "Item", "method": {"kind": "manual"}}
    return {
        "scheme": "CASE",
        "zh": "例",
        "en": "Case",
        "subject": "customer",
        "indicators": {
            f"c{number}": one | {"weight": f"{weight} %"} for number, weight in enumerate(weights)
        },
        "grades": grades,
    }


def _rater() -> int:
    unit = shop.add(OrgUnit, code="U", name_zh="部", name_en="Unit", kind=UnitKind.company, path="/1/")
    return shop.add(Employee, no="R1", name="R", org_unit_id=unit)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=company.zone)


def _first_response(given: dict[str, Any], _expected: dict[str, Any]) -> dict[str, Any]:
    assert given["calendar"].startswith(WEEK)
    calendar = Calendar(read_hours(given["calendar"].removeprefix(WEEK)), weekdays_only=True)
    worked = calendar.worked(_moment(given["created"]), _moment(given["first_reply"]))
    return {"working_seconds": int(worked.total_seconds())}


GROUPS = {"complaint first-response time": _first_response}
