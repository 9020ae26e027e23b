"""Random schemes over random rows: both databases give what plain fractions in Python give, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from app.extensions import db, transaction
from app.models import Customer, EvalRun, EvalRunStat, Lifecycle, SalesDocument, TradeLine
from app.services import access
from tests.workflows.evaluation import retail, shop

AS_OF = datetime(2025, 7, 1, 4, 5, 6, tzinfo=UTC)
PERIOD, AS_OF_TEXT = "2025-01-01..2025-12-31", "2025-07-01T04:05:06+00:00"
START = datetime(2024, 12, 31, 16, tzinfo=UTC)

# ---- data and schemes ------------------------------------------------------------------------------------------------

steps = st.sampled_from([0, 1, 86_400, 86_400 * 3, 86_400 * 30, 86_400 * 181])
moments = st.builds(
    lambda step, micro, sign: AS_OF - timedelta(seconds=step) + sign * timedelta(microseconds=micro),
    steps,
    st.sampled_from([0, 1, 999_999]),
    st.sampled_from([-1, 1]),
)
amounts = st.one_of(st.sampled_from([0, 1, -1, 10_000, 50_000]), st.integers(-(10**9), 10**9))
line = st.tuples(moments, amounts, st.sampled_from([None, "goods"]))
shops = st.lists(st.lists(line, max_size=4), min_size=1, max_size=9)

VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "sum": ({"aggregate": "sum", "of": "amount"}, "CNY {}"),
    "count": ({"aggregate": "count"}, "{}"),
    "filtered": ({"aggregate": "count", "where": "description is not missing"}, "{}"),
    "mean": ({"aggregate": "mean", "of": "amount"}, "CNY {}"),
    "max": ({"aggregate": "max", "of": "amount"}, "CNY {}"),
    "days": ({"aggregate": "days_since_last", "window": "all"}, "{} days"),
    "ratio": ({"aggregate": "ratio", "of": "description is missing", "over": "amount >= CNY 0"}, "{} %"),
}
UNIT = {"sum": 10_000, "mean": 10_000, "max": 10_000, "ratio": 10_000}
points = st.integers(0, 100)
policies = st.sampled_from(["zero", "reweight", "fail", 30])


@st.composite
def methods(draw: Any, value: str) -> dict[str, Any]:
    pattern = VALUES[value][1]
    kind = draw(
        st.sampled_from(["linear", "run", "bands", "value", "rank", "number", "percentile", "target"])
    )
    if kind == "linear":
        low, high = draw(st.lists(st.integers(-50, 50), min_size=2, max_size=2, unique=True))
        return {"kind": "linear", "from": pattern.format(low), "to": pattern.format(high)}
    if kind == "run":
        ends = draw(st.permutations(["lowest", "highest"]))
        return {"kind": "linear", "from": ends[0], "to": ends[1]}
    if kind == "bands":
        edges = sorted(draw(st.sets(st.integers(-20, 40), min_size=1, max_size=3)))
        rows = [{"to": pattern.format(edge), "points": draw(points)} for edge in edges]
        return {
            "kind": "bands",
            "closed": draw(st.sampled_from(["left", "right"])),
            "bands": [*rows, {"points": draw(points)}],
        }
    if kind in {"value", "rank", "number"}:
        groups = draw(st.integers(2, 5))
        found = {"kind": "quantiles", "groups": groups, "by": kind}
        found["points"] = draw(st.lists(points, min_size=groups, max_size=groups))
        return found | ({"ties": draw(st.sampled_from(["id", "code", "shared"]))} if kind != "value" else {})
    if kind == "percentile":
        return {"kind": "percentile", "prefer": draw(st.sampled_from(["high", "low"])), "alone": draw(points)}
    return {
        "kind": "target",
        "target": pattern.format(draw(st.integers(0, 30))),
        "cap": f"{draw(st.integers(100, 200))} %",
    }


@st.composite
def bodies(draw: Any) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
    weights = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    measures, indicators = {}, {}
    for number, (value, weight) in enumerate(zip(chosen, weights, strict=True)):
        policy = draw(policies)
        measures[f"m{number}"] = {
            "zh": f"量{number}",
            "en": f"M{number}",
            "source": "order_lines",
            **VALUES[value][0],
        }
        indicators[f"i{number}"] = {
            "zh": f"项{number}",
            "en": f"I{number}",
            "value": f"m{number}",
            "method": draw(methods(value)),
            "weight": f"{weight} %",
            "missing": {"policy": "neutral", "points": policy} if isinstance(policy, int) else policy,
        }
    grades = [
        {"grade": "A", "zh": "甲", "en": "A", "from": 66.67},
        {"grade": "B", "zh": "乙", "en": "B", "from": 33.33},
        {"grade": "C", "zh": "丙", "en": "C"},
    ]
    return {
        "scheme": "RANDOM",
        "zh": "随机",
        "en": "Random",
        "subject": "customer",
        "measures": measures,
        "indicators": indicators,
        "grades": grades,
        "values": chosen,
    }


# ---- the reference ---------------------------------------------------------------------------------------------------


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def away(value: Fraction) -> int:
    """Rounded half away from zero, as measures are."""
    return half_up(value) if value >= 0 else -half_up(-value)


def measure(value: str, lines: Sequence[tuple[datetime, int, str | None]]) -> int | None:
    before = [one for one in lines if one[0] < AS_OF]
    seen = [one for one in before if one[0] >= START]
    found = [amount for _, amount, _ in seen]
    if value == "days":
        return (AS_OF - max(at for at, _, _ in before)).days if before else None
    if value == "ratio":
        whole = sum(amount >= 0 for amount in found)
        return away(Fraction(sum(d is None for _, _, d in seen) * 10**6, whole)) if whole else None
    if value in {"mean", "max"} and not found:
        return None
    return {
        "sum": lambda: sum(found),
        "count": lambda: len(found),
        "filtered": lambda: sum(d is not None for _, _, d in seen),
        "mean": lambda: away(Fraction(sum(found), len(found))),
        "max": lambda: max(found),
    }[value]()


def raw(text: str, value: str) -> int:
    return int(text.replace("CNY", "").replace("days", "").replace("%", "")) * UNIT.get(value, 1)


def scores(method: dict[str, Any], value: str, values: list[int | None]) -> list[int | None]:
    """The scores of all subjects, in order of id."""
    known = sorted(one for one in values if one is not None)
    return [None if one is None else score(method, value, values, known, n) for n, one in enumerate(values)]


def score(method: dict[str, Any], value: str, values: list[Any], known: list[int], n: int) -> int | None:  # noqa: PLR0911 - one a method
    one, kind, size = values[n], method["kind"], len(known) - 1
    if kind == "linear":
        ends = {"lowest": known[0], "highest": known[-1]}
        zero, full = (
            ends[method[key]] if method[key] in ends else raw(method[key], value) for key in ("from", "to")
        )
        return 10_000 if zero == full else half_up(10_000 * min(max(Fraction(one - zero, full - zero), 0), 1))
    if kind == "bands":
        for band in method["bands"][:-1]:
            edge = raw(band["to"], value)
            if one <= edge if method["closed"] == "right" else one < edge:
                return band["points"] * 100
        return method["bands"][-1]["points"] * 100
    if kind == "quantiles":
        return method["points"][group(method, values, known, n)] * 100
    if kind == "percentile":
        ahead = (
            sum(other < one for other in known)
            if method["prefer"] == "high"
            else sum(other > one for other in known)
        )
        return half_up(Fraction(10_000 * ahead, size)) if size else method["alone"] * 100
    target = raw(method["target"], value)
    if target <= 0:
        return None
    cap = int(method["cap"].rstrip(" %")) * 100
    return min(half_up(Fraction(10_000 * max(one, 0), target)), cap)


def group(method: dict[str, Any], values: list[Any], known: list[int], n: int) -> int:
    one, size = values[n], len(known) - 1
    if method["by"] != "value":
        rank = sum(other < one for other in known)
        if method["ties"] != "shared":
            rank += sum(other == one for other in values[:n])
        if method["by"] == "number":
            parts = [
                len(known) // method["groups"] + (k < len(known) % method["groups"])
                for k in range(method["groups"])
            ]
            return sum(rank >= sum(parts[:k]) for k in range(1, method["groups"]))
        return sum(rank > Fraction(size * k, method["groups"]) for k in range(1, method["groups"]))
    above = 0
    for k in range(1, method["groups"]):
        spot = Fraction(size * k, method["groups"])
        low = floor(spot)
        above += one > known[low] + (spot - low) * (known[min(low + 1, size)] - known[low])
    return above


def expected(body: dict[str, Any], shop_lines: list[Any]) -> list[tuple[Any, ...]]:
    """Per subject: raw values, scores, total, number of the grade, coverage."""
    raws = [[measure(value, lines) for lines in shop_lines] for value in body["values"]]
    indicators = list(body["indicators"].values())
    found = [
        scores(one["method"], value, column)
        for one, value, column in zip(indicators, body["values"], raws, strict=True)
    ]
    rows = []
    for subject in range(len(shop_lines)):
        mine, failed = [], False
        for one, column in zip(indicators, found, strict=True):
            got, policy = column[subject], one["missing"]
            if got is None and policy == "zero":
                got = 0
            elif got is None and isinstance(policy, dict):
                got = policy["points"] * 100
            failed |= got is None and policy == "fail"
            mine.append(got)
        weights = [int(one["weight"].rstrip(" %")) for one in indicators]
        pairs = [(got, weight) for got, weight in zip(mine, weights, strict=True) if got is not None]
        present = sum(weight for _, weight in pairs)
        total = half_up(Fraction(sum(got * weight for got, weight in pairs), present)) if present else None
        grade = None if failed or total is None else (total < 6667) + (total < 3333)
        rows.append((*(column[subject] for column in raws), *mine, total, grade, present * 100))
    return rows


# ---- the comparison --------------------------------------------------------------------------------------------------


def fill(shop_lines: list[Any]) -> None:
    with access.acting(access.SYSTEM), transaction():
        for model in (TradeLine, SalesDocument):
            db.session.execute(sa.delete(model))
        db.session.execute(sa.update(Customer).values(deleted_at=AS_OF))
        for number, lines in enumerate(shop_lines, 1):
            customer = {
                "code": f"K{number:03}",
                "name": f"K{number}",
                "status": Lifecycle.active,
                "deleted_at": None,
            }
            table = Customer.__table__
            if (
                db.session.execute(
                    sa.update(table).where(table.c.id == number).values(deleted_at=None)
                ).rowcount
                == 0
            ):
                db.session.execute(sa.insert(Customer).values(id=number, **customer))
            if not lines:
                continue
            whose = {"customer_id": number, "kind": shop.ORDER}
            document = db.session.execute(
                sa.insert(SalesDocument)
                .values(no=f"D{number}", status=shop.CONFIRMED, ordered_at=AS_OF, **whose)
                .returning(SalesDocument.id)
            ).scalar_one()
            db.session.execute(
                sa.insert(TradeLine.__table__),
                [
                    {
                        "sales_document_id": document,
                        "line_no": n,
                        "qty": 1,
                        "unit_price": 0,
                        "discount_rate": 0,
                        "amount": retail.Decimal(amount) / 10_000,
                        "moment": at,
                        "description": text,
                        **whose,
                    }
                    for n, (at, amount, text) in enumerate(lines, 1)
                ],
            )


def compared(shop_lines: list[Any], body: dict[str, Any]) -> None:
    document = {key: part for key, part in body.items() if key != "values"}
    fill(shop_lines)
    run_id = shop.trial(document, PERIOD, AS_OF_TEXT)
    count = len(body["values"])
    names = [f"{letter}{slot:02}" for letter in "vs" for slot in range(1, count + 1)] + [
        "total",
        "grade_no",
        "coverage",
    ]
    found = [tuple(row[name] for name in names) for row in retail.result_rows(run_id)]
    assert found == expected(body, shop_lines)
    with access.acting(access.SYSTEM):
        stats = db.session.scalars(
            sa.select(EvalRunStat).where(EvalRunStat.run_id == run_id).order_by(EvalRunStat.slot)
        ).all()
        assert [stat.counted for stat in stats] == [
            sum(row[slot] is not None for row in found) for slot in range(count)
        ]
        assert db.session.get_one(EvalRun, run_id).population == len(shop_lines)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(shop_lines=shops, body=bodies())
def test_random_schemes_give_what_fractions_give(in_app, shop_lines, body):
    compared(shop_lines, body)


@pytest.mark.long
@settings(max_examples=1_000, deadline=None, suppress_health_check=QUIET)
@given(shop_lines=shops, body=bodies())
def test_many_random_schemes_give_what_fractions_give(in_app, shop_lines, body):
    compared(shop_lines, body)
