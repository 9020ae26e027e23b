"""Recipes nobody here wrote the engine for, as scheme files over real orders, against plain Python."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest

from tests.workflows.evaluation import retail
from tests.workflows.evaluation.test_retail import cells, run_file

FEW = 20_000
Scores = list[Fraction | int | None]


@pytest.fixture
def bought(in_app) -> tuple[list[retail.Line], dict[str, int]]:
    rows = retail.lines(FEW)
    return rows, retail.load(rows)


def by_customer(rows: Iterable[retail.Line], customers: Mapping[str, int]) -> dict[int, list[retail.Line]]:
    mine: dict[int, list[retail.Line]] = {}
    for row in rows:
        if row.customer:
            mine.setdefault(customers[row.customer], []).append(row)
    return {customer: mine[customer] for customer in sorted(mine)}


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def away(value: Fraction) -> int:
    """Rounded half away from zero, as values are."""
    return half_up(value) if value >= 0 else -half_up(-value)


def money(rows: Iterable[retail.Line]) -> int:
    return sum(int(row.quantity * row.price * 10_000) for row in rows)


# ---- methods, each over all values, None where there is none; points in 1/100 ----------------------------------------


def by_value(values: Sequence[int | None], points: Sequence[int]) -> Scores:
    """Edges between order statistics by linear interpolation; the upper edge below."""
    known = sorted(value for value in values if value is not None)
    edges = []
    for k in range(1, len(points)):
        spot = Fraction((len(known) - 1) * k, len(points))
        low = known[floor(spot)]
        edges.append(low + (spot - floor(spot)) * (known[min(floor(spot) + 1, len(known) - 1)] - low))
    return [None if value is None else points[sum(value > edge for edge in edges)] * 100 for value in values]


def by_number(values: Sequence[int], points: Sequence[int], codes: Sequence[str] | None) -> Scores:
    """NTILE; without codes equal values share the lowest rank."""
    size, larger = divmod(len(values), len(points))
    group_of = [k for k in range(len(points)) for _ in range(size + (k < larger))]
    return [points[group_of[rank]] * 100 for rank in ranks(values, codes)]


def by_rank(values: Sequence[int], points: Sequence[int], codes: Sequence[str]) -> Scores:
    whole = len(values) - 1
    return [
        points[sum(rank > Fraction(whole * k, len(points)) for k in range(1, len(points)))] * 100
        for rank in ranks(values, codes)
    ]


def ranks(values: Sequence[int], codes: Sequence[str] | None) -> list[int]:
    keys: list[Any] = list(values) if codes is None else list(zip(values, codes, strict=True))
    ordered = sorted(keys)
    return [bisect_left(ordered, key) for key in keys]


def percentile(values: Sequence[int | None], *, low: bool = False) -> Scores:
    turned = sorted(-value if low else value for value in values if value is not None)
    return [
        None
        if value is None
        else Fraction(10_000 * bisect_left(turned, -value if low else value), len(turned) - 1)
        for value in values
    ]


def graded(
    raw: Mapping[int, Sequence[int | None]],
    scored: Sequence[Scores],
    weights: Sequence[int],
    edges: Sequence[int],
) -> dict[int, tuple[int | None, ...]]:
    """Values, scores, total and grade of each: the weighted mean of the scores there are."""
    found = {}
    for place, (customer, values) in enumerate(raw.items()):
        mine = [None if column[place] is None else half_up(Fraction(column[place])) for column in scored]
        pairs = [(score, weight) for score, weight in zip(mine, weights, strict=True) if score is not None]
        total = half_up(
            Fraction(sum(score * weight for score, weight in pairs), sum(weight for _, weight in pairs))
        )
        found[customer] = (*values, *mine, total, sum(total < edge for edge in edges))
    return found


# ---- the recipes -----------------------------------------------------------------------------------------------------


def returning(rows: Sequence[retail.Line], customers: Mapping[str, int]) -> dict[int, tuple[int | None, ...]]:
    """As of the beginning of a day, by whole days: cancellations count, adjustments of debts do not."""
    until = date(2010, 12, 9)
    raw: dict[int, list[int | None]] = {}
    kept = (row for row in rows if row.invoice[0] != "A" and row.at.date() < until)
    for customer, mine in by_customer(kept, customers).items():
        days = sorted({row.at.date() for row in mine})
        again = len(days) - 1
        spent = Fraction(money(row for row in mine if row.at.date() > days[0]), again) if again else None
        raw[customer] = [
            again,
            (days[-1] - days[0]).days,
            (until - days[0]).days,
            None if spent is None else away(spent),
        ]
    codes = {number: code for code, number in customers.items()}
    frequency, recency, age, monetary = (list(column) for column in zip(*raw.values(), strict=True))
    scores = [
        by_value(frequency, [40, 80]),
        by_number(recency, [10, 40, 70, 100], [codes[customer] for customer in raw]),
        percentile(age, low=True),
        by_value(monetary, [0, 50, 100]),
    ]
    return graded(raw, scores, (30, 30, 20, 20), (7_500, 4_500))


def baskets(rows: Sequence[retail.Line], customers: Mapping[str, int]) -> dict[int, tuple[int | None, ...]]:
    until = datetime(2010, 12, 9, 15, 30, tzinfo=retail.ZONE)
    since = until - timedelta(days=8)
    raw: dict[int, list[int | None]] = {}
    for customer, mine in by_customer((row for row in rows if row.at < until), customers).items():
        bills: dict[str, list[retail.Line]] = {}
        for row in mine:
            if row.at >= since and row.invoice[0] not in "CA":
                bills.setdefault(row.invoice, []).append(row)
        totals = [total for bill in bills.values() if (total := money(bill)) > 0]
        moments = [bill[0].at for bill in bills.values() if money(bill) > 0]
        if len(totals) < 2:
            continue
        sold = [row for row in mine if row.invoice[0] not in "CA" and row.quantity > 0]
        back = -money(row for row in mine if row.invoice[0] == "C")
        priced = sum(row.price > 0 for row in sold)
        dear = sum(row.price >= 5 and row.quantity >= 6 for row in sold)
        raw[customer] = [
            away(Fraction((max(moments) - min(moments)).days * 1_000_000, len(totals) - 1)),
            max(totals),
            away(Fraction(sum(totals), len(totals))),
            len({row.product for row in sold if row.at >= since}),
            away(Fraction(back * 1_000_000, money(sold))),
            away(Fraction(dear * 1_000_000, priced)) if priced else None,
        ]
    codes = {number: code for code, number in customers.items()}
    gaps, largest, means, variety, returns, dears = (
        list(column) for column in zip(*raw.values(), strict=True)
    )
    scores: list[Scores] = [
        [Fraction(10_000 * (max(gaps) - gap), max(gaps) - min(gaps)) for gap in gaps],
        by_number(largest, [1, 2, 3, 4, 5], None),
        [min(half_up(Fraction(10_000 * mean, 4_000_000)), 12_000) for mean in means],
        by_rank(variety, [25, 50, 75, 100], [codes[customer] for customer in raw]),
        [10_000 if share <= 0 else 6_000 if share <= 50_000 else 0 for share in returns],
        [0 if score is None else score for score in percentile(dears)],
    ]
    return graded(raw, scores, (20, 20, 20, 20, 10, 10), (6_000, 4_000))


@pytest.mark.req("L-01")
def test_what_models_of_returning_customers_are_fed_with_is_what_plain_python_gives(bought):
    expected = returning(*bought)
    assert cells(run_file("returning.yaml", "2010-12-01..2010-12-31", "2010-12-09"), 4) == expected
    assert sum(values[3] is not None for values in expected.values()) > 50, "somebody came again"
    assert {values[-1] for values in expected.values()} == {0, 1, 2}


@pytest.mark.req("L-01")
def test_baskets_and_what_comes_back_are_what_plain_python_gives(bought):
    expected = baskets(*bought)
    assert cells(run_file("baskets.yaml", "2010-12-01..2010-12-31", "2010-12-09 15:30"), 6) == expected
    assert len(expected) > 30
    assert any(values[4] for values in expected.values()), "something came back"
    assert {values[-1] for values in expected.values()} == {0, 1, 2}
