"""Condition rows and explanations: what builders and approvers see."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from app.services.language.checking import parse
from app.services.language.explaining import explain
from app.services.language.problems import BadFormula
from app.services.language.rows import ConditionRow, from_rows, to_rows
from app.services.language.wording import text
from tests.services.language.world import CATALOGUE

ROWS = [
    ConditionRow("rate", ">", (Decimal("0.15"),)),
    ConditionRow("amount", "span", (Decimal(0), Decimal(500_000))),
    ConditionRow("level", "in", ("A", "B")),
    ConditionRow("level", "not in", ("C",)),
    ConditionRow("city", "=", ("成都",)),
    ConditionRow("due_on", "between", (dt.date(2026, 1, 1), dt.date(2026, 12, 31))),
    ConditionRow("seen_at", "present"),
    ConditionRow("is_key", "=", (True,)),
]


def test_rows_become_one_condition_and_come_back() -> None:
    formula = from_rows(ROWS, CATALOGUE)
    assert text(formula, "zh").startswith(
        '[折扣率] > 15% 且 [金额] 自 0元 至不足 50万元 且 [等级] 属于 ("重点", "普通")'
    )
    assert to_rows(formula) == ROWS
    assert to_rows(from_rows([], CATALOGUE)) == []
    assert to_rows(from_rows(ROWS[:1], CATALOGUE)) == ROWS[:1]


def test_a_bare_truth_is_a_row_and_an_alternative_is_not() -> None:
    assert to_rows(parse("is_key and amount > 1元", CATALOGUE)) == [
        ConditionRow("is_key", "=", (True,)),
        ConditionRow("amount", ">", (Decimal(1),)),
    ]
    assert to_rows(parse("not is_key", CATALOGUE)) == [ConditionRow("is_key", "=", (False,))]
    assert to_rows(parse("is_key or amount > 1元", CATALOGUE)) is None
    assert to_rows(parse("amount > limit", CATALOGUE)) is None


@pytest.mark.parametrize(
    "row",
    [
        ConditionRow("nothing", "=", (1,)),
        ConditionRow("level", "<", ("A",)),
        ConditionRow("level", "=", ("Z",)),
        ConditionRow("amount", "=", ("x",)),
        ConditionRow("amount", "=", ()),
        ConditionRow("amount", "like", (Decimal(1),)),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(row: ConditionRow) -> None:
    with pytest.raises(BadFormula):
        from_rows([row], CATALOGUE)


def test_an_approver_reads_why_a_condition_holds() -> None:
    formula = parse("rate > ceiling and (amount > 50万 or limit is missing)", CATALOGUE)
    reasons = explain(formula, {"rate": Decimal("0.2"), "amount": None, "limit": Decimal(1)})
    assert [reason.answer for reason in reasons] == [True, None, False]
    assert reasons[0].words.zh == "[折扣率] > [折扣上限]：成立（[折扣率] = 20%，[折扣上限] = 15%）"
    assert reasons[1].words.en == "[Amount] > CNY 500000: cannot be decided ([Amount] = missing)"
