"""Points people give: by several raters, with their evidence, in time, and never by the rated."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from app.errors import BadInput, NotAllowed, NotFound, WrongState
from app.extensions import company, transaction
from app.services import access
from app.workflows.evaluation import judging, packing, reading, runs
from app.workflows.evaluation.pins import Pin, midnight
from tests import world

TODAY = company.today()
PERIOD = Pin(TODAY.replace(month=1, day=1), TODAY + timedelta(days=1), midnight(TODAY + timedelta(days=1)))


def body(subject: str, **more):
    method = {"kind": "manual", "raters": 2, "evidence": True, "days": 15} | more
    one = {"zh": "影响力", "en": "Influence", "method": method, "weight": "100 %", "missing": "reweight"}
    return {
        "scheme": "JUDGED",
        "zh": "评分",
        "en": "Judged",
        "subject": subject,
        "indicators": {"influence": one},
        "grades": [{"grade": "A", "zh": "甲", "en": "A", "from": 50}, {"grade": "B", "zh": "乙", "en": "B"}],
    }


@pytest.fixture
def people(in_app):
    return world.build()


def publish(document) -> None:
    with access.acting(access.SYSTEM), transaction():
        packing.keep("JUDGED", document, published=True)


def give(people, person, subject_id, points="80", evidence="his talk at the fair", pin=PERIOD):
    with access.acting(people.principal(person)), transaction():
        judging.give("JUDGED", "influence", subject_id, pin, Decimal(points), evidence)


@pytest.mark.req("M-08", "M-19")
def test_the_mean_of_enough_raters_is_the_score_and_nobody_rates_himself(people):
    publish(body("employee"))
    ann = people.employees["ann"]
    give(people, "sam", ann, "80")
    give(people, "hana", ann, "60")
    give(people, "hana", ann, "71")  # thought better of it
    with pytest.raises(NotAllowed, match="不能给自己评分"):
        give(people, "ann", ann)
    with access.acting(access.SYSTEM):
        run_id = runs.start("JUDGED", PERIOD)
        runs.compute(run_id)
    found = {code: row for code, row in results_of(run_id).items() if row[0] is not None}
    assert found == {"T001": (7550, 7550, 0)}


def results_of(run_id):
    with access.acting(access.SYSTEM):
        rows = reading.db.session.execute(reading.visible(reading.open_run(run_id))).mappings().all()
        return {row["code"]: (row["v01"], row["s01"], row["grade_no"]) for row in rows}


def test_those_of_a_unit_and_its_head_do_not_rate_it(people):
    publish(body("department"))
    unit = people.units["sales"]
    for person in ("ann", "lea", "sam", "hana"):
        with pytest.raises(NotAllowed):
            give(people, person, unit)
    give(people, "ina", unit)


def test_bad_points_missing_evidence_late_and_unknown_are_refused(people):
    publish(body("employee"))
    ann = people.employees["ann"]
    for points in ("-1", "100.01", "3.141", "NaN"):
        with pytest.raises(BadInput) as refused:
            give(people, "sam", ann, points)
        assert [problem.field for problem in refused.value.problems] == ["points"]
    with pytest.raises(BadInput, match="评分依据"):
        give(people, "sam", ann, evidence=" ")
    past = Pin(PERIOD.period_from - timedelta(days=60), TODAY - timedelta(days=15), PERIOD.as_of)
    with pytest.raises(WrongState, match="截止"):
        give(people, "sam", ann, pin=past)
    with pytest.raises(NotFound):
        give(people, "sam", 10_000)


@pytest.mark.req("M-20")
def test_each_reads_his_own_result_alone(people):
    publish(body("employee", raters=1))
    give(people, "sam", people.employees["ann"])
    give(people, "sam", people.employees["bob"])
    with access.acting(access.SYSTEM):
        run_id = runs.start("JUDGED", PERIOD)
        runs.compute(run_id)
        opened = reading.open_run(run_id)
    with access.acting(people.principal("ann")):
        assert [row.code for row in reading.db.session.execute(reading.visible(opened))] == ["T001"]
