"""What an act on many records did with each of them: a run whose rows are the records, however many there are.

Its rows hold no cells: only which record, whether the act was done with it, and why not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from app.extensions import db
from app.models import ImportMode, ImportRow, ImportRun, ImportStatus, Verdict
from app.services import access
from app.services.imports.staging import ROWS, _columns, _counted, _write_run
from app.words import Words

PIECE = 1_000
TOLD = (
    update(ROWS)
    .where(ROWS.c.id == bindparam("row"))
    .values({name: bindparam(f"new_{name}") for name in ("verdict", "cells", "reasons", "applied")})
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the ledger, not acted on yet."""

    id: int
    number: int
    object_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A record nothing was done with, and why."""

    id: int
    title: str
    why: Words


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry: done, or refused with what the record is called and why."""

    entry: Entry
    title: str = ""
    why: Words | None = None


def begin(resource: str, verb: str, title: Words) -> int:
    """A run for an act on many records. Inside `transaction()`."""
    run = ImportRun(
        resource=resource,
        file_name=str(title)[:255],
        digest=hashlib.sha256(verb.encode()).hexdigest(),
        mode=ImportMode.edit,
        mapping={"verb": verb},
        status=ImportStatus.applying,
        person_id=access.principal().employee_id,
    )
    with access.by_rule():  # it is of a job, whose asker need not be an employee
        db.session.add(run)
        db.session.flush()
    return run.id


def is_ledger(run: ImportRun) -> bool:
    """Whether this run is no file and no edit, but what an act did."""
    return "verb" in (run.mapping or {})


def so_far(run: int) -> tuple[int, int, int]:
    """How many records are in the ledger, the number of the last, and its id."""
    count, last = db.session.execute(
        select(func.count(), func.max(ImportRow.row_no)).where(ImportRow.import_run_id == run)
    ).one()
    held = select(ImportRow.object_id).where(ImportRow.import_run_id == run, ImportRow.row_no == last)
    return count, last or 0, (db.session.scalar(held) or 0) if count else 0


def put(run: int, numbered: Iterable[tuple[int, int]]) -> None:
    """Write records into the ledger, each by number and id. Inside `transaction()`."""
    lines: list[dict[str, Any]] = [
        {
            "import_run_id": run,
            "row_no": number,
            "verdict": Verdict.changed,
            "cells": [],
            "values": None,
            "reasons": None,
            "object_id": id_,
            "before": None,
            "applied": False,
        }
        for number, id_ in numbered
    ]
    db.session.connection().execute(insert(ROWS), lines)


def entries(run: int, *, past: int, most: int, done: bool = False) -> list[Entry]:
    """The next records past a number: those the act was not done with yet, or those it was."""
    statement = (
        select(ImportRow.id, ImportRow.row_no, ImportRow.object_id)
        .where(
            ImportRow.import_run_id == run,
            ImportRow.row_no > past,
            ImportRow.verdict == Verdict.changed,
            ImportRow.applied.is_(done),
        )
        .order_by(ImportRow.row_no)
        .limit(most)
    )
    return [Entry(id_, number, of or 0) for id_, number, of in db.session.execute(statement)]


def done_in(run: int, *, past: int) -> Iterator[list[tuple[int, int]]]:
    """The records an act was done with, by number and id, a piece at a time."""
    while found := entries(run, past=past, most=PIECE, done=True):
        yield [(entry.number, entry.object_id) for entry in found]
        past = found[-1].number


def tell(outcomes: Sequence[Outcome]) -> None:
    """Write what became of these records. Inside the transaction that did it."""
    told = [
        {
            "row": one.entry.id,
            "new_verdict": Verdict.refused if one.why else Verdict.changed,
            "new_cells": [one.title] if one.why else [],
            "new_reasons": [{"zh": one.why.zh, "en": one.why.en}] if one.why else None,
            "new_applied": one.why is None,
        }
        for one in outcomes
    ]
    db.session.connection().execute(TOLD, told)


def finish(run: int) -> None:
    """Write the sums. Inside `transaction()`."""
    _write_run(run, {"status": ImportStatus.done, **_columns(_counted(run))})


def counted(run: int) -> tuple[int, int]:
    """With how many records it was done, and how many were refused, so far."""
    statement = (
        select(ImportRow.verdict, func.count())
        .where(
            ImportRow.import_run_id == run,
            ImportRow.applied.is_(True) | (ImportRow.verdict == Verdict.refused),
        )
        .group_by(ImportRow.verdict)
    )
    found = dict(db.session.execute(statement).all())
    return found.get(Verdict.changed, 0), found.get(Verdict.refused, 0)


def refused(run: int, most: int) -> list[Refused]:
    """The records that were refused, the first of them."""
    statement = (
        select(ImportRow.object_id, ImportRow.cells, ImportRow.reasons)
        .where(ImportRow.import_run_id == run, ImportRow.verdict == Verdict.refused)
        .order_by(ImportRow.row_no)
        .limit(most)
    )
    return [
        Refused(id_ or 0, cells[0], Words(why[0]["zh"], why[0]["en"]))
        for id_, cells, why in db.session.execute(statement)
    ]
