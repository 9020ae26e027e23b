"""One meaning in Python, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from app.services.language.bounds import SPANS
from app.services.language.checking import Formula, check, parse
from app.services.language.evaluating import LAZY, STRICT, evaluator
from app.services.language.kinds import Kind
from app.services.language.operators import OPERATORS
from app.services.language.problems import BadFormula
from app.services.language.sql import ARITHMETIC, OTHERS, RAW_TYPES, sql
from app.services.language.trees import Node
from app.services.language.wording import text
from tests.postgres import MissingPostgres, Postgres
from tests.services.language.world import CATALOGUE, TYPES, facts_table, raw_rows, terms

ROWS = raw_rows()


@pytest.fixture(scope="module")
def databases() -> Iterator[list[sa.Connection]]:
    try:
        server = Postgres()
    except MissingPostgres as absent:
        pytest.skip(str(absent))
    addresses = ["sqlite://", server.url(server.create())]
    engines = [sa.create_engine(address, isolation_level="AUTOCOMMIT") for address in addresses]
    connections = []
    for engine in engines:
        facts_table.metadata.create_all(engine)
        connection = engine.connect()
        plain = sa.table("facts", *(sa.column(c.name, _plain_type(c.name)) for c in facts_table.c))
        connection.execute(plain.insert(), [{"id": i, **row} for i, row in enumerate(ROWS)])
        connections.append(connection)
    yield connections
    for connection, engine in zip(connections, engines, strict=True):
        connection.close()
        engine.dispose()
    server.stop()


def _plain_type(name: str) -> object:
    return sa.Integer() if name == "id" else RAW_TYPES[CATALOGUE.facts[name].type.kind]


def checked(tree: Node) -> Formula | None:
    """The formula, unless it could leave the range of numbers."""
    try:
        return check(tree, CATALOGUE)
    except BadFormula as refusal:
        if any(word in refusal.words.en for word in ("clamp", "parts", "deep")):
            return None
        raise


FORMULAS = st.sampled_from(TYPES).flatmap(lambda type_: terms(type_, 3)).map(checked)


def differences(formulas: list[Formula], databases: list[sa.Connection]) -> list[str]:
    """Where Python and a database disagree, in words."""
    expected = []
    for formula in formulas:
        run = evaluator(formula)
        expected.append([run({name: row.get(name) for name in formula.facts}) for row in ROWS])
    found = []
    for connection in databases:
        columns = [sql(formula).label(f"f{index}") for index, formula in enumerate(formulas)]
        got = connection.execute(sa.select(*columns).order_by(facts_table.c.id)).all()
        for index, formula in enumerate(formulas):
            for row, values in enumerate(got):
                if values[index] != expected[index][row]:
                    name = connection.dialect.name
                    shown = {name: ROWS[row].get(name) for name in formula.facts}
                    found.append(
                        f"{name}: {text(formula, 'en')} at {shown}: {values[index]!r}, not {expected[index][row]!r}"
                    )
    return found


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    derandomize=True,
    database=None,
)
@given(batch=st.lists(FORMULAS, min_size=8, max_size=8))
def test_python_sqlite_and_postgresql_agree_on_random_formulas(
    batch: list[Formula | None], databases: list[sa.Connection]
) -> None:
    formulas = [formula for formula in batch if formula]
    if formulas:
        assert differences(formulas, databases) == []


TRAPS = [
    "not is_key is missing",
    "(not is_key) is missing",
    "not (rate < 1% or is_key) and amount > 1元",
    "(is_key or rate < 1%) and not (amount > 1元 and orders > 2)",
    "limit - (amount - limit) - 1元 > 0元",
    "3 - (2 - orders) = 1",
    "(orders > 1) = (age > 1 day)",
    "min(amount, limit) <= max(amount, limit)",
    "amount / orders",
    "-amount / 2",
    "amount × 15% + amount × growth",
    "ratio(amount, limit)",
    "ratio(ratio(ratio(ratio(amount, limit), rate), growth), rate)",
    "ratio(clamp(amount, 1元, 3元), clamp(limit, 3元, 7元))",
    "clamp(amount, -100万, 100万) × stock",
    "abs(orders) + abs(orders)",
    "orders × 2 + orders",
    'contains(city, "CHENG")',
    'contains(city, "b") or contains(city, "都") and not starts(city, "c")',
    'starts(city, "成") or starts(city, "É")',
    'contains(city, "%") or contains(city, "\'")',
    "days_between(due_on, met_on)",
    "due_on + 400 days > met_on - age",
    "year(due_on) × 12 + month(met_on)",
    "seen_at > now - 1 day",
    'city in ("成都", "a\'b") or city = "Chengdu"',
    'if level = "A" then amount else if level = "B" then limit else missing',
    "if is_key then min(amount, limit) else 1元",
    "coalesce(amount, 0元) from 0元 to below 50万",
]
"""What the two databases would answer differently, or SQLAlchemy write wrongly, if we let them."""


@pytest.mark.parametrize("written", TRAPS)
def test_the_known_traps_are_no_difference(written: str, databases: list[sa.Connection]) -> None:
    assert differences([parse(written, CATALOGUE)], databases) == []


def test_the_deepest_formula_allowed_still_runs_on_sqlite(databases: list[sa.Connection]) -> None:
    deepest: dict[str, Formula] = {}
    for pattern, core in PATTERNS_OF_DEPTH:
        written = core
        while True:
            written = pattern.format(written)
            try:
                deepest[pattern] = parse(written, CATALOGUE)
            except BadFormula as refused:
                assert_deep(refused)
                break
    for formula in deepest.values():
        assert differences([formula], databases) == []


PATTERNS_OF_DEPTH = [
    ("ratio(rate, {})", "rate"),
    ("({} × rate)", "amount"),
    ("(amount / coalesce({}, 2))", "orders"),
    ("min(rate, growth, {})", "rate"),
    ("(rate - {})", "growth"),
    ("(is_key or rate > 1% and {})", "is_key"),
    ("(if is_key then rate else min(growth, {}))", "rate"),
    ("(is_key = {})", "is_key"),
    ("(if (rate > 1%) = {} then is_key else not is_key)", "is_key"),
]


def assert_deep(refused: BadFormula) -> None:
    assert any(word in refused.words.en for word in ("deep", "parts", "clamp", "money", "unit")), (
        refused.words.en
    )


def test_every_operator_has_its_meaning_everywhere() -> None:
    assert set(OPERATORS) == set(STRICT) | set(LAZY)
    assert set(OPERATORS) == set(ARITHMETIC) | set(OTHERS)
    numeric = {
        "+",
        "-",
        "*",
        "*rate",
        "*quantity",
        "/",
        "ratio",
        "min",
        "max",
        "clamp",
        "abs",
        "cases",
        "coalesce",
    }
    assert set(SPANS) == numeric | {"days_between", "year", "month"}
    assert set(RAW_TYPES) == set(Kind)
