"""How values are spread: the digits of exact fractions on both databases, over the subjects the reader sees."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext
from fractions import Fraction
from statistics import median

import pytest
import sqlalchemy as sa

from app.extensions import db, transaction
from app.models import EvalRun, RunStatus
from app.services import access
from app.workflows.evaluation import reading, spread
from tests.workflows.evaluation import shop

YEAR = "2025-01-01..2025-12-31"
ROLL = random.Random(20250101)
LISTS = {
    "none": [],
    "one": [7],
    "equal": [5, 5, 5],
    "cents": [ROLL.randrange(-(10**6), 10**6) for _ in range(9)],
    "vast": [
        ROLL.choice((-1, 1)) * ROLL.randrange(10**16, 9 * 10**17) for _ in range(12)
    ],  # their squares have 36 digits
}


def body() -> dict:
    """What a customer bought and what of it cost something; neither is scored."""
    shown = shop.scheme()
    lines = {"source": "order_lines", "zh": "量", "en": "M"}
    return {
        **{key: shown[key] for key in ("scheme", "zh", "en", "subject")},
        "measures": {
            "mean": lines | {"aggregate": "mean", "of": "amount"},
            "rows": lines | {"aggregate": "count"},
        },
        "indicators": {
            "amount": {"zh": "金额", "en": "Amount", "value": "mean"},
            "number": {"zh": "行数", "en": "Lines", "value": "rows"},
        },
    }


def exactly(raw: list[int]) -> tuple:
    """Lowest, highest, mean, median, sample deviation, by fractions."""
    mean = Fraction(sum(raw), len(raw))
    with localcontext(prec=50):
        found = None
        if len(raw) > 1:
            variance = sum((one - mean) ** 2 for one in raw) / (len(raw) - 1)
            found = (Decimal(variance.numerator) / variance.denominator).sqrt() / 10_000
        middle = median(map(Fraction, raw)) / 10_000
        shown = (mean / 10_000, middle)
        return min(raw), max(raw), *(Decimal(one.numerator) / one.denominator for one in shown), found


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.req("L-10")
def test_mean_median_and_deviation_have_the_digits_of_fractions(in_app, name):
    raw = LISTS[name]
    shop.customer("NOTHING")
    for number, one in enumerate(raw):
        shop.order(shop.customer(f"K{number}"), "2025-03-01T10:00", str(Decimal(one) / 10_000))
    run_id = shop.trial(body(), YEAR)
    with access.acting(access.SYSTEM):
        amount, number = spread.spreads(reading.open_run(run_id))
    assert (amount.subjects, amount.counted, number.counted) == (len(raw) + 1, len(raw), len(raw) + 1)
    found = (amount.low, amount.high, amount.mean, amount.median, amount.deviation)
    if not raw:
        assert found == (None,) * 5
        return
    low, high, *decimals = exactly(raw)
    assert found[:2] == (low, high)
    for told, wanted in zip(found[2:], decimals, strict=True):
        assert (told is None) == (wanted is None)
        assert told is None or abs(told - wanted) < Decimal("1e-20")


def test_values_are_those_of_the_subjects_the_reader_sees(world, in_app):
    for code, who, bought in (("K1", "ann", 100), ("K2", "ann", 300), ("K3", "dan", 900)):
        made = shop.customer(code, owner_id=world.employees[who], org_unit_id=world.unit_of(who))
        shop.order(made, "2025-03-01T10:00", bought)
    run_id = shop.trial(body(), YEAR)
    with access.acting(access.SYSTEM), transaction(), access.by_rule():
        db.session.execute(sa.update(EvalRun).values(status=RunStatus.published))
    with access.acting(world.principal("ann")):
        amount, _number = spread.spreads(reading.open_run(run_id))
    assert (amount.subjects, amount.counted, amount.low, amount.high) == (2, 2, 100_0000, 300_0000)
    assert (amount.mean, amount.median) == (200, 200)
    assert amount.deviation is not None and round(amount.deviation, 4) == Decimal("141.4214")
