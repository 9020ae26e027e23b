"""Bad input ends in a named refusal, never in a silent zero: schemes that do not add up, no data, times to come."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.errors import BadInput, BadRequest, Refusal
from app.extensions import company, db, transaction
from app.models import DocumentKind, EvalRun, EvalScheme, RunStatus
from app.services import access
from app.workflows.evaluation import drafting, explaining, packing, publishing, reading, runs
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import shop

YEAR = "2025-01-01..2025-12-31"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The shop's scheme with another value at one place."""
    body = copy.deepcopy(shop.scheme())
    part: Any = body
    *steps, last = path.split(".")
    for step in steps:
        part = part[int(step) if step.isdigit() else step]
    part[last] = value
    return body


FAULTS = [
    ("indicators.amount.weight", "60 %", "indicators", "权重合计为 90 %，应为 100 %"),
    (
        "indicators.complaint.method.bands",
        [{"to": 1, "points": 100}, {"from": 2, "points": 0}],
        "indicators.complaint.method.bands[2].from",
        "1 至 2 之间有空档",
    ),
]


@pytest.mark.parametrize(("path", "value", "place", "says"), FAULTS)
def test_a_scheme_that_does_not_add_up_is_taken_by_no_door(in_app, path, value, place, says):
    body, customer = changed(path, value), shop.customer("K1")
    shop.order(customer, "2025-03-01T10:00", 600)
    doors = (lambda: runs.start_trial(body, pin(YEAR)), lambda: drafting.keep(body))
    with access.acting(access.SYSTEM):
        for door in doors:
            with pytest.raises(BadInput) as refused:
                door()
            assert [(one.field, says in one.words.zh) for one in refused.value.problems] == [(place, True)]
        assert "SHOP" not in set(db.session.scalars(select(EvalScheme.code)))
        assert db.session.scalar(select(func.count()).select_from(EvalRun)) == 0


# ---- no data ---------------------------------------------------------------------------------------------------------

COUNTING = ("count", "count_distinct", "sum", "months")
MEANING = ("mean", "max", "min", "ratio", "days_since_last", "days_since_first", "days_first_to_last")
OF = {"count_distinct": "document", "sum": "amount", "mean": "amount", "max": "amount", "min": "amount"}


def every_aggregate() -> dict[str, Any]:
    """A scheme that shows every aggregate, and scores days since the last order in every way there is."""
    measures: dict[str, Any] = {}
    for name in (*COUNTING, *MEANING):
        measures[name] = {"zh": name, "en": name, "source": "order_lines", "aggregate": name}
        measures[name] |= {"of": OF[name]} if name in OF else {}
    measures["ratio"] |= {"of": "amount", "over": "qty * price"}
    value = {"value": "days_since_last", "missing": "reweight"}
    methods = {
        "linear": {"kind": "linear", "from": "lowest", "to": "highest"},
        "bands": {"kind": "bands", "bands": [{"to": "30 days", "points": 100}, {"points": 0}]},
        "quantiles": {"kind": "quantiles", "groups": 5, "by": "value"},
        "ranks": {"kind": "quantiles", "groups": 5, "by": "rank", "ties": "code"},
        "percentile": {"kind": "percentile", "prefer": "low"},
    }
    shown = {f"show_{name}": {"zh": name, "en": name, "value": name} for name in measures}
    scored = {
        name: value | {"zh": name, "en": name, "weight": "20 %", "method": how}
        for name, how in methods.items()
    }
    return shop.scheme(measures=measures, indicators=shown | scored, publish={})


def test_without_any_data_only_counts_and_sums_are_zero_and_nobody_gets_a_grade(in_app):
    for code in ("K1", "K2"):
        shop.customer(code)
    run_id = shop.trial(every_aggregate(), YEAR)
    with access.acting(access.SYSTEM):
        opened = reading.open_run(run_id)
        for row in db.session.execute(reading.visible(opened)).mappings():
            values = {one.key: row[f"v{one.column}"] for one in opened.scheme.indicators}
            scores = {one.key: row[f"s{one.column}"] for one in opened.scheme.indicators if one.is_scored}
            assert [values[f"show_{name}"] for name in COUNTING] == [0] * len(COUNTING)
            assert [values[f"show_{name}"] for name in MEANING] == [None] * len(MEANING)
            assert set(scores.values()) == {None}
            assert (row["total"], row["grade_no"], row["coverage"]) == (None, None, 0)
        told = explaining.explain(run_id, "K1")
        assert (told.grade, told.sentence) == (reading.UNGRADED, None)
        assert "没有数据：linear、bands、quantiles、ranks、percentile。" in [note.zh for note in told.notes]


def test_a_ratio_over_rows_that_come_to_nothing_is_missing(in_app):
    customer = shop.customer("K1")
    shop.order(customer, "2025-03-01T10:00", 600)
    shop.order(customer, "2025-04-01T10:00", -600, kind=DocumentKind.goods_return)
    run_id = shop.trial(every_aggregate(), YEAR)
    with access.acting(access.SYSTEM):
        opened = reading.open_run(run_id)
        row = db.session.execute(reading.visible(opened)).mappings().one()
        values = {one.key: row[f"v{one.column}"] for one in opened.scheme.indicators}
        assert (values["show_count"], values["show_sum"], values["show_ratio"]) == (2, 0, None)


def test_nobody_to_evaluate_is_a_failed_run_that_is_never_published(in_app):
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        run_id = runs.start("SHOP", pin(YEAR))
        with pytest.raises(Refusal, match="没有符合条件的评价对象"):
            runs.compute(run_id)
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.failed
        db.session.rollback()
        with pytest.raises(Refusal, match="尚无结果"):
            publishing.publish(run_id)


# ---- times to come ---------------------------------------------------------------------------------------------------


def test_a_period_or_a_moment_to_come_is_refused():
    tomorrow = company.today() + timedelta(days=1)
    with pytest.raises(BadRequest, match="评价期尚未开始"):
        pin(f"{tomorrow}..{tomorrow + timedelta(days=30)}")
    with pytest.raises(BadRequest, match="截止时刻尚未到来"):
        pin(YEAR, f"{tomorrow + timedelta(days=1)}")
    assert pin(YEAR, f"{company.today()}").as_of_day == company.today()
