"""What all parts of the demo company share: its size, its day, its chance, its people, and how rows are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, insert, select, text

from app.extensions import company, db
from app.models import AuditAct, ClassificationScheme, ClassificationValue, Employee, Lookup, NumberSeries
from app.services import audit
from app.services.numbering import Series
from app.words import say

AT_ONCE = 10_000
"""Rows of one statement."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many customers, and how much happens around them."""

    customers: int
    orders: int
    visits: int
    cases: int
    tasks: int


SCALES = {
    "small": Scale(120, 600, 160, 45, 60),
    "medium": Scale(2_000, 9_000, 2_000, 400, 500),
    "large": Scale(100_000, 300_000, 60_000, 8_000, 6_000),
}


@dataclass
class Scene:
    """One making of the demo company. The same seed on the same day makes the same rows."""

    scale: Scale
    today: date
    random: Random
    series: Mapping[str, Series]
    """The number series of record types, by table name."""

    staff: dict[str, Employee] = field(default_factory=dict)
    """Employees by user name."""

    owners: list[Employee] = field(default_factory=list)
    """Who looks after customers."""

    lookups: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    classes: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))
    """Scheme → class → their ids."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    next_ids: dict[type[Any], int] = field(default_factory=dict)
    counters: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def look_up(self) -> None:
        """Learn the ids of code lists and classes the packs brought."""
        for row in db.session.scalars(select(Lookup)):
            self.lookups[row.category][row.code] = row.id
        schemes = {row.id: row.code for row in db.session.scalars(select(ClassificationScheme))}
        for value in db.session.scalars(select(ClassificationValue)):
            self.classes[schemes[value.scheme_id]][value.code] = (value.scheme_id, value.id)

    def ids(self, model: type[Any], count: int) -> range:
        """The next ids of a table nobody else is writing to."""
        if model not in self.next_ids:
            self.next_ids[model] = (db.session.scalar(select(func.max(model.id))) or 0) + 1
        first = self.next_ids[model]
        self.next_ids[model] += count
        return range(first, first + count)

    def number(self, kind: str, year: int) -> str:
        """The next number of a series, as its engine would have given it in that year."""
        series = self.series[kind]
        year = year if series.is_yearly else 0
        self.counters[kind, year] += 1
        return series.pattern.format(n=self.counters[kind, year], year=year, scope="")

    def day(self, least: int, most: int) -> date:
        """A day between so many days ago and so many days ago."""
        return self.today - timedelta(days=self.random.randint(least, most))

    def moment(self, day: date, hours: tuple[int, int] = (8, 18)) -> datetime:
        """A moment of that day within these hours of the company's time."""
        clock = time(self.random.randrange(*hours), self.random.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)))
        return datetime.combine(day, clock, company.zone).astimezone(UTC)


def put(model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    """Write new rows set-based, with one line in the log for all of them: they are made up, not somebody's work."""
    if not rows:
        return
    for part in _parts(rows):
        db.session.execute(insert(model), part)
    audit.record(
        AuditAct.bring_in,
        model.__tablename__,
        None,
        summary=say(zh="演示数据 {n} 行", en="{n} rows of demo data", n=len(rows)),
    )


def _parts(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), AT_ONCE):
        yield list(rows[start : start + AT_ONCE])


def settle(scene: Scene) -> None:
    """Let sequences and number series go on where the demo ended."""
    if db.session.get_bind().dialect.name == "postgresql":
        for model, following in scene.next_ids.items():
            statement = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")
            db.session.execute(statement, {"name": model.__tablename__, "last": following - 1})
    for (kind, year), last in scene.counters.items():
        db.session.add(NumberSeries(kind=kind, scope="", year=year, last=last))
    db.session.flush()
