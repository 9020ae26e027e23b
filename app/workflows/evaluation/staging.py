"""What a run works out before it writes: raw values in a temporary table, and what scoring needs to know of all subjects.

No subject is ranked among all: its score hangs on the values at certain places of the order, which are few.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.workflows.evaluation.methods import Whole, tie_keys
from app.workflows.evaluation.schemes import Indicator, Scheme
from app.workflows.evaluation.statements import Earlier, results, values

Element = sa.ColumnElement[Any]


@dataclass(frozen=True)
class Stage:
    """The raw values of a run, in a temporary table of its connection."""

    scheme: Scheme
    table: sa.Table
    population: int
    wholes: Mapping[str, Whole]

    def results(self, low: Any, high: Any) -> sa.Select[Any]:
        """The results of the subjects with these ids, both included."""
        rows = sa.select(self.table).where(self.table.c.subject_id.between(low, high))
        return results(self.scheme, rows, self.wholes)

    def chunks(self, connection: sa.Connection, size: int) -> list[tuple[int, int]]:
        """The number of each range of so many ids that has subjects, and how many."""
        number = (self.table.c.subject_id // size).label("number")
        statement = sa.select(number, sa.func.count()).group_by(number).order_by(number)
        return [(one, subjects) for one, subjects in connection.execute(statement)]


def stage(connection: sa.Connection, scheme: Scheme, scheme_id: int, earlier: Earlier | None) -> Stage:
    """Work out the raw values of everybody, and look at them as a whole; inside `one_state`."""
    made: list[sa.Table] = []

    def pass_of(name: str, rows: sa.Select[Any]) -> sa.FromClause:
        """SQLite joins a sub-query by an index it has to build first; a table in order of its key has one."""
        if connection.dialect.name != "sqlite" or "subject_id" not in rows.selected_columns:
            return rows.cte(name)
        made.append(_filled(connection, name, rows))
        return made[-1]

    table = _filled(connection, "raw_value", values(scheme, scheme_id, earlier, pass_of))
    for one in made:
        one.drop(connection)
    population, known = _counted(connection, scheme, table)
    wholes = {one.column: _whole(connection, table, one, known) for one in scheme.indicators}
    return Stage(scheme, table, population, wholes)


def _filled(connection: sa.Connection, name: str, rows: sa.Select[Any]) -> sa.Table:
    """A temporary table with these rows, one for each `subject_id`."""
    columns = [
        sa.Column(column.name, column.type, primary_key=column.name == "subject_id", autoincrement=False)
        for column in rows.selected_columns
    ]
    table = sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    table.create(connection)
    connection.execute(sa.insert(table).from_select([column.name for column in columns], rows))
    return table


def _counted(connection: sa.Connection, scheme: Scheme, table: sa.Table) -> tuple[int, Mapping[str, Any]]:
    """How many subjects there are; and of each indicator how many have a value, the lowest and the highest."""
    columns: list[Element] = [sa.func.count().label("population")]
    for one in scheme.indicators:
        value = table.c[f"v{one.column}"]
        columns += [
            sa.func.count(value).label(f"count{one.column}"),
            sa.func.min(value).label(f"low{one.column}"),
            sa.func.max(value).label(f"high{one.column}"),
        ]
    row = dict(connection.execute(sa.select(*columns).select_from(table)).mappings().one())
    return row["population"], row


def _whole(connection: sa.Connection, table: sa.Table, one: Indicator, known: Mapping[str, Any]) -> Whole:
    counted = known[f"count{one.column}"]
    places = one.method.places(counted) if counted else ()
    at = _places(connection, table, one, sorted(set(places))) if places else {}
    passed = _passing(connection, one.column, sorted(at[place][0] for place in places))
    return Whole(counted, known[f"low{one.column}"], known[f"high{one.column}"], at, passed)


def _places(
    connection: sa.Connection, table: sa.Table, one: Indicator, places: Sequence[int]
) -> dict[int, tuple[Any, ...]]:
    """What stands at these places of the order of an indicator."""
    value = table.c[f"v{one.column}"]
    keys = [value, *tie_keys(one.method.ties(), table.c)]
    place = sa.func.row_number().over(order_by=keys).label("place")
    ordered = sa.select(place, *keys).where(value.is_not(None)).subquery()
    wanted = sa.bindparam("places", places, sa.Integer, expanding=True, literal_execute=True)
    found = connection.execute(sa.select(ordered).where(ordered.c.place.in_(wanted)))
    return {place: tuple(values) for place, *values in found}


def _passing(connection: sa.Connection, slot: str, edges: Sequence[int]) -> Callable[[Element], Element]:
    """What tells of a column how many of these edges, in rising order, it lies above."""
    if connection.dialect.name == "postgresql":
        text = sa.literal("{" + ",".join(map(str, edges)) + "}", sa.Text())
        listed = sa.select(sa.cast(text, sa.ARRAY(sa.BigInteger))).scalar_subquery()  # read once a statement
        return lambda value: sa.func.width_bucket(value - 1, listed, type_=sa.BigInteger())
    step = sa.Table(
        f"step{slot}",
        sa.MetaData(),
        sa.Column("edge", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("passed", sa.BigInteger),
        prefixes=["TEMPORARY"],
    )
    if edges:
        step.create(connection)
        steps = [{"edge": edge, "passed": bisect_right(edges, edge)} for edge in sorted(set(edges))]
        connection.execute(sa.insert(step), steps)

    def passed(value: Element) -> Element:
        below = sa.select(step.c.passed).where(step.c.edge < value).order_by(step.c.edge.desc()).limit(1)
        return sa.func.coalesce(below.scalar_subquery(), 0, type_=sa.BigInteger())

    return passed
