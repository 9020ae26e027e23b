"""Rows of decision tables: cells read, put together, proved whole, and the same in Python and SQL."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, parse
from app.services.language.covering import Branch, Finding, Flaw, cover
from app.services.language.evaluating import evaluate
from app.services.language.problems import BadFormula
from app.services.language.sql import sql
from app.services.language.tables import read_cell, together
from app.services.language.wording import text
from tests.services.language.test_covering import COMPLETE
from tests.services.language.world import CATALOGUE, facts_table

TIERS = (
    ("< 15%", "< 50万"),
    ("< 15%", ">= 50万"),
    ("15%..30%", "any"),
    (">= 30%", "-"),
)
"""Rows over the discount and the amount."""


def row(*cells: str, catalogue: Catalogue = COMPLETE) -> Formula:
    inputs = [parse(name, catalogue) for name in ("[折扣率]", "[金额]")]
    read = [read_cell(cell, about) for cell, about in zip(cells, inputs, strict=True)]
    return together(read, catalogue)


def proved(*rows: tuple[str, ...]) -> list[Finding]:
    return cover([Branch(str(number), row(*cells)) for number, cells in enumerate(rows, start=1)])


@pytest.mark.parametrize(
    ("cells", "zh"),
    [
        (TIERS[0], "[折扣率] < 15% 且 [金额] < 50万元"),
        (("15%, 20%", "missing"), "[折扣率] 属于 (15%, 20%) 且 [金额] 缺失"),
        (("not missing", "any"), "[折扣率] 不缺失"),
        (("any", ""), "是"),
    ],
)
def test_a_row_demands_what_its_cells_do(cells: tuple[str, ...], zh: str) -> None:
    assert text(row(*cells), "zh") == zh


def test_rows_that_share_all_cases_have_no_finding() -> None:
    assert proved(*TIERS) == []


def test_a_row_left_out_is_a_gap_and_a_row_twice_an_overlap() -> None:
    (gap,) = proved(TIERS[0], *TIERS[2:])
    assert gap.flaw is Flaw.gap
    assert gap.example["rate"] < Decimal("0.15")
    assert gap.example["amount"] >= 500_000
    assert gap.case.zh in gap.words.zh
    found = proved(*TIERS, ("= 20%", "any"))
    assert [(f.flaw, f.branches) for f in found] == [(Flaw.overlap, ("3", "5"))]


def test_the_same_rows_hold_in_python_and_in_sql() -> None:
    engine = sa.create_engine("sqlite://")
    facts_table.metadata.create_all(engine)
    rates, amounts = (None, "0.149999", "0.15", "0.3"), (None, "499999.9999", "500000")
    cases = [
        {"rate": rate and Decimal(rate), "amount": amount and Decimal(amount)}
        for rate in rates
        for amount in amounts
    ]
    with engine.begin() as connection:
        connection.execute(facts_table.insert(), cases)
        for cells in (*TIERS, ("missing", "not missing"), ("15%, 30%", "any")):
            formula = row(*cells, catalogue=CATALOGUE)
            held = connection.execute(sa.select(sql(formula)).order_by(facts_table.c.id)).scalars().all()
            assert [evaluate(formula, case) for case in cases] == [
                None if one is None else bool(one) for one in held
            ]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (("< 15", "any"), "lacks its unit"),
        (("any", "< 15%"), ""),
        (("15%..", "any"), ""),
        (("any", "nothing"), ""),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(cells: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadFormula) as refused:
        row(*cells)
    assert re.search(sentence, refused.value.words.en), refused.value.words.en
