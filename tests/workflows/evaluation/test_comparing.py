"""What would be under other weights and edges, from the stored scores; and why totals of two runs differ."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import BadInput, NotAllowed
from app.extensions import db
from app.models import EvalRun
from app.roles import Reach
from app.services import access
from app.workflows.evaluation import comparing, reading, schemes
from app.workflows.evaluation.comparing import Change
from tests import world
from tests.workflows.evaluation import shop

YEAR = "2025-01-01..2025-12-31"
AS_IS = Change({}, {})
CHANGES = [
    Change({"amount": "30 %", "complaint": "50 %", "held": "20 %"}, {}),
    Change({}, {"QUALITY": "70", "GENERAL": "40.5"}),
    Change(
        {"amount": "0.01 %", "complaint": "0 %", "held": "99.99 %"}, {"QUALITY": "99.99", "GENERAL": "0.01"}
    ),
]


def body() -> dict[str, Any]:
    """Three indicators; who was never visited has none for the third, whose weight the others take over."""
    made = shop.scheme(minimum_coverage="50 %")
    made["measures"]["seen"] = {
        "zh": "最近",
        "en": "Seen",
        "source": "visits",
        "aggregate": "days_since_last",
    }
    made["indicators"]["held"] = {
        "zh": "走访",
        "en": "Visits",
        "value": "seen",
        "method": {"kind": "linear", "from": "300 days", "to": "0 days"},
        "weight": "20 %",
        "missing": "reweight",
    }
    made["indicators"]["amount"]["weight"] = "50 %"
    made["indicators"]["complaint"]["veto"] = {"below": 60, "grade": "GENERAL"}
    made["grades"][2]["from"] = 0
    return made


@pytest.fixture
def many(in_app) -> dict[str, int]:
    dice = random.Random(7)
    people = world.build()
    found = {}
    for number in range(24):
        who = "ann" if number % 3 else "dan"
        found[f"K{number}"] = made = shop.customer(
            f"K{number}", owner_id=people.employees[who], org_unit_id=people.unit_of(who)
        )
        shop.order(made, "2025-03-01T10:00", dice.randrange(1, 1200))
        for _ in range(dice.choice((0, 0, 1, 3))):
            shop.complaint(made, "2025-06-01T10:00")
        if dice.random() < 0.5:
            shop.visit(made, f"2025-{dice.randrange(1, 13):02}-05T10:00")
    found["people"] = people
    return found


def moves(found: comparing.Comparison) -> dict[tuple[str, str], int]:
    return {(move.before, move.after): move.subjects for move in found.moves}


def if_changed(run_id: int, change: Change) -> comparing.Comparison:
    opened = reading.open_run(run_id)
    return comparing.what_if(opened, comparing.changed(opened, change), most=50)


@pytest.mark.req("L-22")
def test_what_if_nothing_changed_is_the_run_itself(many):
    run_id = shop.trial(body(), YEAR)
    with access.acting(access.SYSTEM):
        found = if_changed(run_id, AS_IS)
        spread = {
            line.grade.code if line.grade else "": line.subjects
            for line in reading.summary(reading.open_run(run_id))
        }
    assert moves(found) == {(grade, grade): count for grade, count in spread.items()}
    assert len(spread) >= 3 and found.movers == []
    assert found.causes is not None and found.causes.difference == 0


def test_what_if_finds_what_a_run_of_the_changed_scheme_finds(many):
    run_id = shop.trial(body(), YEAR)
    for change in CHANGES:
        real = shop.trial(schemes.body_of(change.of(body())), YEAR)
        with access.acting(access.SYSTEM):
            before = db.session.scalar(sa.select(sa.func.count(EvalRun.id)))
            found, wanted = if_changed(run_id, change), comparing.compare(run_id, real, most=50)
            assert db.session.scalar(sa.select(sa.func.count(EvalRun.id))) == before
        assert moves(found) == moves(wanted)
        assert found.movers == wanted.movers
        assert all(one.by_value == one.by_coverage == 0 for one in found.movers)
        assert found.causes == wanted.causes


def test_why_totals_differ_is_split_without_a_rest(many):
    first = shop.trial(body(), YEAR)
    for number in range(0, 12, 2):
        shop.order(many[f"K{number}"], "2025-10-01T10:00", 150)  # other values
    for number in range(12, 24):
        shop.visit(many[f"K{number}"], "2025-12-20T10:00")  # some have a score now that had none
    same = shop.trial(body(), YEAR)
    other = shop.trial(schemes.body_of(CHANGES[0].of(body())), YEAR)
    with access.acting(access.SYSTEM):
        by_values, by_all = (comparing.compare(first, run, most=50) for run in (same, other))
    for found in (by_values, by_all):
        assert found.movers and found.causes is not None
        for one in found.movers:
            assert one.by_value + one.by_weight + one.by_coverage == one.difference
        causes = found.causes
        assert causes.by_value + causes.by_weight + causes.by_coverage == causes.difference
    assert all(one.by_weight == 0 for one in by_values.movers)
    assert any(one.by_value > 0 for one in by_values.movers)
    assert any(one.by_coverage for one in by_values.movers)
    assert any(one.by_weight for one in by_all.movers)


def test_changes_that_make_no_sense_are_refused_by_name(many):
    run_id = shop.trial(body(), YEAR)
    with access.acting(access.SYSTEM):
        opened = reading.open_run(run_id)
        for change, what in (
            (Change({"amount": "60 %"}, {}), "The weights add up to 110 %, not to 100 %."),
            (Change({"amount": "much"}, {}), ""),
            (Change({}, {"QUALITY": "40"}), ""),
            (Change({}, {"UNQUALIFIED": "10"}), ""),
        ):
            with pytest.raises(BadInput) as refused:
                comparing.changed(opened, change)
            assert what in " ".join(problem.words.en for problem in refused.value.problems)


def test_who_may_not_run_evaluations_may_not_ask_and_others_see_their_own(many):
    run_id = shop.trial(body(), YEAR)
    people = many["people"]
    world.give_everything(people, "hana", Reach.unit)
    narrowed = body() | {"population": {"where": 'customer_code != "K1"'}}
    fewer = shop.trial(narrowed, YEAR)
    with access.acting(people.principal("hana")):
        left = moves(comparing.compare(run_id, fewer))
        come = moves(comparing.compare(fewer, run_id))
        assert sum(left.values()) == sum(come.values()) == 16
        assert [count for (_, after), count in left.items() if not after] == [1]
        assert [count for (before, _), count in come.items() if not before] == [1]
    with access.acting(people.principal("hana")):  # heads sales; Dan's customers are of another department
        assert sum(move.subjects for move in if_changed(run_id, AS_IS).moves) == 16
    with access.acting(access.SYSTEM):
        opened = reading.open_run(run_id)
    with access.acting(people.principal("ann")), pytest.raises(NotAllowed):
        comparing.what_if(opened, opened.scheme)
