"""One meaning in Python, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from app.services.language.bounds import SPANS
from app.services.language.checking import Formula, check
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
