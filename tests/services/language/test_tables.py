"""Decision tables: read, stored, verified, decided, and the same in SQL."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
import yaml

from app.services.language.covering import Flaw
from app.services.language.evaluating import evaluate
from app.services.language.problems import BadFormula, UnknownValue
from app.services.language.sql import sql
from app.services.language.tables import Table, decide, grid, load_table, verify
from tests.services.language.test_covering import COMPLETE
from tests.services.language.world import CATALOGUE, facts_table

TIERS = """
inputs: ["[折扣率]", "[金额]"]
outputs:
  - {name: step, type: text, zh: 步骤, en: Step}
  - {name: limit, type: rate, zh: 上限, en: Limit}
hit: unique
rows:
  - {when: ["< 15%", "< 50万"], then: [department, 15%]}
  - {when: ["< 15%", ">= 50万"], then: [company, 15%]}
  - {when: ["15%..30%", any], then: [company, 30 %]}
  - {when: [">= 30%", "-"], then: [owner, 100%]}
"""


def table(text: str = TIERS, **changes: object) -> Table:
    return load_table(yaml.safe_load(text) | changes, COMPLETE)


def test_a_sound_table_has_no_finding_and_decides_at_each_edge() -> None:
    tiers = table()
    assert verify(tiers) == []
    for rate, amount, step in (
        ("0.149999", "499999.9999", "department"),
        ("0.149999", "500000", "company"),
        ("0.15", "1", "company"),
        ("0.299999", "1", "company"),
        ("0.3", "1", "owner"),
    ):
        decision = decide(tiers, {"rate": Decimal(rate), "amount": Decimal(amount)})
        assert decision.values["step"] == step


def test_a_table_reads_back_from_its_document() -> None:
    tiers = table()
    assert load_table(tiers.document(), COMPLETE) == tiers
    assert load_table(tiers.document(), COMPLETE).document() == tiers.document()


def test_a_table_is_shown_as_a_grid_in_both_languages_and_read_back_from_it() -> None:
    tiers = table()
    assert grid(tiers, "zh")[:2] == [
        ["[折扣率]", "[金额]", "步骤", "上限"],
        ["< 15%", "< 50万元", '"department"', "15%"],
    ]
    assert grid(tiers, "en")[3] == ["15%..30%", "any", '"company"', "30%"]
    for tongue in ("zh", "en"):
        lines = grid(tiers, tongue)[1:]
        then = [[row.values[0].value, line[3]] for row, line in zip(tiers.rows, lines, strict=True)]
        rows = [{"when": line[:2], "then": values} for line, values in zip(lines, then, strict=True)]
        assert table(rows=rows) == tiers


def test_a_row_left_out_is_a_gap_and_a_row_twice_an_overlap() -> None:
    body = yaml.safe_load(TIERS)
    (gap,) = verify(load_table(body | {"rows": body["rows"][:1] + body["rows"][2:]}, COMPLETE))
    assert gap.flaw is Flaw.gap
    assert gap.example["rate"] < Decimal("0.15")
    assert gap.example["amount"] >= 500_000
    extra = {"when": ["= 20%", "any"], "then": ["x", "1%"]}
    found = verify(load_table(body | {"rows": [*body["rows"], extra]}, COMPLETE))
    assert [(f.flaw, f.branches) for f in found] == [(Flaw.overlap, ("3", "5"))]


def test_a_missing_input_stops_and_is_named() -> None:
    tiers = load_table(yaml.safe_load(TIERS), CATALOGUE)
    with pytest.raises(UnknownValue) as stopped:
        decide(tiers, {"rate": Decimal("0.1"), "amount": None})
    assert stopped.value.facts == ("amount",)
    assert decide(tiers, {"rate": Decimal("0.2"), "amount": None}).values["step"] == "company"
    first = load_table(yaml.safe_load(TIERS) | {"hit": "first"}, CATALOGUE)
    with pytest.raises(UnknownValue):
        decide(first, {"rate": Decimal("0.1"), "amount": None})
    rest = [{"when": ["any", "< 50万"], "then": ["x", "1%"]}, {"when": ["any", "any"], "then": ["y", "1%"]}]
    with pytest.raises(UnknownValue):
        decide(
            load_table(yaml.safe_load(TIERS) | {"hit": "first", "rows": rest}, CATALOGUE), {"amount": None}
        )


def test_a_value_no_row_covers_is_refused() -> None:
    body = yaml.safe_load(TIERS)
    with pytest.raises(BadFormula, match="0"):
        decide(
            load_table(body | {"rows": body["rows"][:1]}, COMPLETE),
            {"rate": Decimal(1), "amount": Decimal(1)},
        )


@pytest.mark.parametrize("hit", ["unique", "first"])
def test_the_same_row_decides_in_python_and_in_sql(hit: str) -> None:
    tiers = load_table(yaml.safe_load(TIERS) | {"hit": hit}, CATALOGUE)
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
        for output in ("step", "limit"):
            formula = tiers.output(output)
            found = connection.execute(sa.select(sql(formula)).order_by(facts_table.c.id)).scalars().all()
            assert [
                int(value * 1_000_000) if isinstance(value := evaluate(formula, case), Decimal) else value
                for case in cases
            ] == found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rows": []}, "1 to 200 rows"),
        ({"hit": "any"}, "hit policy"),
        ({"rows": [{"when": ["< 15"], "then": ["x", "1%"]}]}, "Row 1 needs 2 conditions"),
        ({"rows": [{"when": ["< 15", "any"], "then": ["x", "1%"]}]}, "Row 1, column 1: .*lacks its unit"),
        ({"rows": [{"when": ["< 15%", "any"], "then": ["x", 1]}]}, "Row 1, column 4: .*lacks its unit"),
        ({"rows": [{"when": ["< 15%", "any"], "then": ["x", "rate"]}]}, "fixed value"),
        ({"rows": 7}, "1 to 200 rows"),
        ({"inputs": ["[nothing]"]}, "no field"),
        ({"outputs": [{"name": "a", "type": "float", "zh": "a", "en": "a"}]}, "no type"),
        ({"language": 2}, "unknown version"),
        ({"more": 1}, "exactly"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadFormula) as refused:
        load_table(yaml.safe_load(TIERS) | change, COMPLETE)
    assert re.search(sentence, refused.value.words.en), refused.value.words.en
