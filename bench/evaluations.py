"""A run over all customers and ten order lines of each, beside the least the database itself must do for it.

The bound is one GROUP BY pass over each source as it is stored and one write of as many result rows, timed on the same
data right before; what if, comparing and explaining are timed on the run that was sealed.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.extensions import db, one_state, transaction, workbench
from app.models import Customer, DocumentKind, EvalResult, Interaction, SalesDocument, TradeLine
from app.services import access
from app.workflows.evaluation import comparing, explaining, reading, runs
from app.workflows.evaluation.comparing import Change
from app.workflows.evaluation.pins import Pin, midnight, pin
from app.workflows.evaluation.sources import table_of
from bench import company
from bench.site import opened, prepare

PERIOD = "2025-01-01..2025-12-31"
ROUNDS = 3
GATES = {"postgresql": 2.5, "sqlite": 4.0}
WHAT_IF_GATE, STATEMENTS_GATE, WRITER_GATE = 0.5, 20, 50.0
"""What if: of the bound. Explaining: statements. Another writer during a run on SQLite: ms at the 99th of 100."""

CUSTOMERS, DOCUMENTS, LINES, TALKS, RESULT = (
    table_of(model) for model in (Customer, SalesDocument, TradeLine, Interaction, EvalResult)
)
SCORED = {"kind": "percentile", "prefer": "high"}
GROWTH = [
    {"to": "-20 %", "points": 20},
    {"to": "0 %", "points": 50},
    {"to": "20 %", "points": 80},
    {"points": 100},
]


def scheme() -> dict[str, Any]:
    """Six indicators over two sources: percentile, bands, linear."""

    def measured(source: str, aggregate: str, **more: str) -> dict[str, Any]:
        return {"zh": aggregate, "en": aggregate, "source": source, "aggregate": aggregate, **more}

    def scored(value: str, method: dict[str, Any], weight: str) -> dict[str, Any]:
        return {
            "zh": value,
            "en": value,
            "value": value,
            "method": method,
            "weight": weight,
            "missing": "reweight",
        }

    return {
        "scheme": "BENCH",
        "zh": "测速",
        "en": "Bench",
        "subject": "customer",
        "measures": {
            "bought": measured("order_lines", "sum", of="amount"),
            "before": measured("order_lines", "sum", of="amount", window="same period last year"),
            "pieces": measured("order_lines", "sum", of="qty"),
            "items": measured("order_lines", "count"),
            "last_day": measured("order_lines", "days_since_last"),
            "talks": measured("interactions", "count"),
        },
        "indicators": {
            "bought": scored("bought", SCORED, "30 %"),
            "growth": scored("ratio(bought - before, before)", {"kind": "bands", "bands": GROWTH}, "20 %"),
            "pieces": scored("pieces", {"kind": "linear", "from": "0 units", "to": "200 units"}, "10 %"),
            "items": scored("items", {"kind": "linear", "from": 0, "to": 20}, "10 %"),
            "recency": scored("last_day", {"kind": "linear", "from": "365 days", "to": "0 days"}, "20 %"),
            "talks": scored("talks", {"kind": "linear", "from": 0, "to": 2}, "10 %"),
        },
        "grades": [
            {"grade": "A", "zh": "甲", "en": "A", "from": 70},
            {"grade": "B", "zh": "乙", "en": "B", "from": 40},
            {"grade": "C", "zh": "丙", "en": "C", "from": 0},
        ],
    }


CHANGE = Change({"bought": "40 %", "growth": "10 %"}, {"A": "65"})


Database = Callable[[], float]
"""The seconds of processor time a database server took so far; of one that runs in this process, none."""


@dataclass(frozen=True)
class Site:
    """One company in a database, and the folder of its files."""

    url: str
    folder: Path


@dataclass(frozen=True)
class Took:
    """How long something took: seconds of processor time, ours and the server's, and by the clock."""

    busy: float
    clock: float


class Stopwatch:
    """Times what is done: the processor's time, which does not grow while others use the machine."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __call__(self, act: Callable[[], object]) -> Took:
        busy, clock = self._busy(), time.perf_counter()
        act()
        db.session.rollback()
        return Took(self._busy() - busy, time.perf_counter() - clock)

    def _busy(self) -> float:
        return time.process_time() + self.database()


def build(kind: str, url_of: Callable[[], str], folder: Path, customers: int) -> Site:
    """The company that is evaluated."""
    site = Site(url_of(), folder / f"{kind}-evaluations")
    app, world = prepare(site.url, site.folder)
    with app.app_context():
        start = time.perf_counter()
        company.fill(world, customers, is_searched=False)
        _second_half(customers)
        db.session.remove()
        db.engine.dispose()
    print(
        f"{customers:,} customers, {customers * 10:,} order lines: {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    return site


def measure(kind: str, site: Site, customers: int, database: Database) -> bool:
    """Print the figures of one database; whether the gates were held."""
    app = opened(site.url, site.folder)
    with app.app_context():
        return figures(kind, site.url, site.folder, customers, database)


def figures(kind: str, url: str, place: Path, customers: int, database: Database) -> bool:
    """The figures of a company that stands."""
    year, watch = pin(PERIOD), Stopwatch(database)
    bounds, whole, tried, compared, waits = [], [], [], [], []
    made: list[int] = []
    with access.acting(access.SYSTEM):
        for _ in range(ROUNDS):
            bounds.append(_bound(year, customers, watch))
            with _another_writer(kind, url, place) as told:
                whole.append(watch(lambda: made.append(_run(year))))
            waits.extend(told)
            tried.append(watch(lambda: _what_if(made[-1])))
            compared.append(watch(lambda: comparing.compare(made[0], made[-1])))
        statements, explained = _explained(made[-1], customers // 2, watch)
    db.session.remove()
    bound = statistics.median(one.busy for one in bounds)
    print(f"\n## Evaluations, {kind}, {customers:,} customers, {customers * 10:,} order lines\n")
    print(f"bound {bound:.2f} s of processor time (one pass a source and one write), median of {ROUNDS}\n")
    print("| | processor, s | by the clock, s | × bound | gate |\n|---|---|---|---|---|")
    within = _line("a run", whole, bound, GATES[kind])
    within &= _line("what if", tried, bound, WHAT_IF_GATE)
    within &= _line("comparing two runs", compared, bound, None)
    within &= _told(
        f"explaining, {statements} statements",
        explained,
        f"< {STATEMENTS_GATE}",
        is_kept=statements < STATEMENTS_GATE,
    )
    if len(waits) > 1:
        worst = statistics.quantiles(waits, n=100)[98]
        name = f"another writer meanwhile, 99 % of {len(waits)} within {worst:.1f} ms, all within {max(waits):.0f} ms"
        within &= _told(name, None, f"{WRITER_GATE:.0f} ms", is_kept=worst <= WRITER_GATE)
    return within


def _run(year: Pin) -> int:
    run_id = runs.start_trial(scheme(), year)
    runs.compute(run_id)
    return run_id


def _line(name: str, took: list[Took], bound: float, gate: float | None) -> bool:
    middle = sorted(took, key=lambda one: one.busy)[len(took) // 2]
    ratio = middle.busy / bound
    is_kept = gate is None or ratio <= gate
    print(
        f"| {name} | {middle.busy:.2f} | {middle.clock:.2f} | {ratio:.2f} | {gate or ''} |{'' if is_kept else ' missed'}",
        flush=True,
    )
    return is_kept


def _told(name: str, took: Took | None, gate: str, *, is_kept: bool) -> bool:
    busy, clock = (f"{took.busy:.3f}", f"{took.clock:.3f}") if took else ("", "")
    print(f"| {name} | {busy} | {clock} | | {gate} |{'' if is_kept else ' missed'}", flush=True)
    return is_kept


def _second_half(customers: int) -> None:
    """A second order of five lines for every customer, in the year that is evaluated: half of all lines lie in it."""
    year = date.fromisoformat(PERIOD[:10])
    for table, document, when, other in (
        (DOCUMENTS, DOCUMENTS.c.id, "ordered_at", {"no": DOCUMENTS.c.no + "-2"}),
        (LINES, LINES.c.sales_document_id, "moment", {"id": LINES.c.id + customers * company.LINES}),
    ):
        again = {
            document.name: document + customers,
            when: company.Row(sa.cast(document, sa.BigInteger)).moment(50, year, 365),
            **other,
        }
        chosen = sa.select(*(again.get(column.name, column).label(column.name) for column in table.c))
        names = [column.name for column in table.c]
        with access.acting(access.SYSTEM), transaction():
            made = sa.insert(table).from_select(names, chosen, include_defaults=False)
            db.session.connection().execute(made)
    company.settle()
    with access.acting(access.SYSTEM):
        count = db.session.scalar(sa.select(sa.func.count()).select_from(LINES))
        db.session.rollback()
    if count != customers * 10:
        raise RuntimeError(f"{count} order lines")


def _bound(year: Pin, customers: int, watch: Stopwatch) -> Took:
    """One GROUP BY over each source as it is stored, and one write of a result for each customer."""
    first, until = midnight(year.period_from - timedelta(days=365)), midnight(year.period_to)
    lines = sa.select(
        LINES.c.customer_id,
        sa.func.sum(sa.type_coerce(LINES.c.amount, sa.BigInteger)).label("amount"),
        sa.func.sum(sa.type_coerce(LINES.c.qty, sa.BigInteger)).label("qty"),
        sa.func.count().label("lines"),
        sa.func.max(LINES.c.moment).label("last"),
    ).where(LINES.c.kind == DocumentKind.order, LINES.c.moment >= first, LINES.c.moment < until)
    talks = sa.select(TALKS.c.customer_id, sa.func.count().label("talks"))

    def passes() -> None:
        with workbench() as connection, one_state(connection):
            for one in (lines.group_by(LINES.c.customer_id), talks.group_by(TALKS.c.customer_id)):
                inner = one.subquery()
                highest = (sa.func.max(column) for column in inner.c)
                connection.execute(sa.select(sa.func.count(), *highest).select_from(inner)).all()

    read = watch(passes)
    written = _written(customers, watch)
    return Took(read.busy + written.busy, read.clock + written.clock)


def _written(customers: int, watch: Stopwatch) -> Took:
    """One write of as many rows as a run has, into a table with the columns of results it fills, and their key."""
    slots = [f"{letter}{slot:02}" for letter in "vs" for slot in range(1, 7)]
    names = ["run_id", "subject_id", *slots, "total", "grade_no", "coverage", "flags"]
    columns = [sa.Column(name, RESULT.c[name].type, primary_key=RESULT.c[name].primary_key) for name in names]
    table = sa.Table("bound_write", sa.MetaData(), *columns, sqlite_with_rowid=False)
    with transaction():
        table.drop(db.session.connection(), checkfirst=True)
        table.create(db.session.connection())
    key = CUSTOMERS.c.id
    numbers = {slot: key * place for place, slot in enumerate(slots, 1)}
    given = {
        "run_id": 1,
        "subject_id": key,
        "total": 5_000,
        "grade_no": 1,
        "coverage": 10_000,
        "flags": 0,
        **numbers,
    }
    rows = sa.select(*(sa.type_coerce(given[name], table.c[name].type).label(name) for name in names))
    filled = sa.insert(table).from_select(names, rows.where(key <= customers))

    def write() -> None:
        with transaction():
            db.session.connection().execute(filled)

    return watch(write)


def _what_if(run_id: int) -> None:
    opened = reading.open_run(run_id)
    comparing.what_if(opened, comparing.changed(opened, CHANGE))


def _explained(run_id: int, subject: int, watch: Stopwatch) -> tuple[int, Took]:
    """How many statements explaining one subject takes, and how long."""
    counted: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        counted.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", count)
    try:
        spent = watch(lambda: explaining.explain_subject(run_id, subject))
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", count)
    return len(counted), spent


# ---- another writer ----------------------------------------------------------------------------------------


@contextmanager
def _another_writer(kind: str, url: str, place: Path) -> Iterator[list[float]]:
    """On SQLite another process that writes a row every ten milliseconds; how long each write took, in ms."""
    told: list[float] = []
    if kind != "sqlite":
        yield told
        return
    stop = place / "stop"
    stop.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.evaluations", url.removeprefix("sqlite:///"), str(stop)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield told
    finally:
        stop.touch()
        out, _ = process.communicate(timeout=60)
        told.extend(json.loads(out))


def write_on(database: str, stop: Path) -> list[float]:
    """Write one row after another until told to stop; how long each took, in ms."""
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    waits = []
    while not stop.exists():
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE customer SET version_no = version_no + 1 WHERE id = 1")
        connection.execute("COMMIT")
        waits.append((time.perf_counter() - start) * 1000)
        time.sleep(0.01)
    connection.close()
    return waits


if __name__ == "__main__":
    print(json.dumps(write_on(sys.argv[1], Path(sys.argv[2]))))
