"""Keeping a judged file: one run, a row of it for each row of the file, counts, reasons; nothing of it is business data yet."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.columns import keyring
from app.errors import BadInput, Refusal
from app.extensions import AS_JSON, Model, db, insert_all, transaction
from app.models import ImportAlike, ImportMode, ImportRow, ImportRun, ImportStatus, Verdict
from app.roles import Act
from app.services import access, sheets
from app.services.imports.cells import kept
from app.services.imports.checking import Checked, Checker, LeftOut, Plan
from app.services.imports.mapping import Wish, check_complete, columns_of, key_of
from app.services.imports.orders import LineChecker
from app.services.imports.resources import resource
from app.words import Words, say

ROWS: Table = Model.metadata.tables["import_row"]
CHUNK = 1_000
Progress = Callable[[int, int | None], object]
"""Told how many rows are done, of how many (unknown while a file is read); called inside the open transaction."""


@dataclass(frozen=True, slots=True)
class Order:
    """A file to bring in, and how. `file_name` is what its owner called it; `opening` the state opening data starts in."""

    resource: str
    path: Path
    file_name: str
    sheet: str | None = None
    wish: Wish = field(default_factory=Wish)
    key: str | None = None
    mode: ImportMode = ImportMode.upsert
    opening: str | None = None
    reason: str = ""
    limits: sheets.Limits = sheets.SCREEN
    alike: ImportAlike = ImportAlike.create


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose columns are understood, ready to be judged."""

    plan: Plan
    sheet: sheets.Sheet
    notes: list[Words]

    def checker(self) -> Checker:
        return (LineChecker if self.plan.resource.line else Checker)(self.plan)


@dataclass(slots=True)
class Counts:
    """What became of the rows of a file, or will."""

    total: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    def add(self, verdict: Verdict, times: int = 1) -> None:
        name = COUNTED[verdict]
        setattr(self, name, getattr(self, name) + times)
        self.total += times


COUNTED = {
    Verdict.new: "created",
    Verdict.changed: "updated",
    Verdict.same: "unchanged",
    Verdict.refused: "refused",
}


def open_file(order: Order) -> Opened:
    """Begin to read a file: its sheet, its head, where its columns go.

    Raises:
        Unreadable: the file is refused as a whole.
        BadInput: the columns do not fit the record type.
        NotAllowed: the person may not bring in such records, or not so large a file.

    """
    who = access.principal()
    found = resource(order.resource)
    who.check(Act.bring_in, found.name)
    sheet = sheets.read(order.path, order.sheet, order.limits, name=order.file_name)
    try:
        columns = columns_of(sheet.head, found, order.wish)
        check_complete(columns, found, order.mode)
        key = key_of(columns, found, order.key)
    except BaseException:
        sheet.close()
        raise
    opening = order.opening if any(c.target and (c.target.opening or found.line) for c in columns) else None
    plan = Plan(found, columns, key, order.mode, opening, order.wish.words, order.alike)
    return Opened(plan, sheet, [*sheet.notes, *_left_out(plan)])


def _left_out(plan: Plan) -> Iterator[Words]:
    heads = [column.head for column in plan.columns if column.target is None]
    if heads:
        yield say("未导入的列：{heads}。", "Columns left out: {heads}.", heads=", ".join(heads))


def dry_run(order: Order, refused: Callable[[Checked, Plan], object] | None = None) -> tuple[Counts, Opened]:
    """Judge a file and keep nothing of it."""
    opened = open_file(order)
    counts = Counts()
    checker = opened.checker()
    rows: list[Checked] = []
    with opened.sheet:
        for batch in checker.judged(opened.sheet):
            for row in batch:
                counts.add(row.verdict)
                if row.group is not None or row.is_refused:
                    rows.append(row)
    left_out = checker.left_out()
    for row in rows:
        if row.verdict is not Verdict.refused and row.group in left_out:
            _move(counts, row.verdict)
            row.refuse(*left_out[row.group])
        if row.is_refused and refused:
            refused(row, opened.plan)
    return counts, opened


def _move(counts: Counts, verdict: Verdict) -> None:
    name = COUNTED[verdict]
    setattr(counts, name, getattr(counts, name) - 1)
    counts.refused += 1


# ---- a run -------------------------------------------------------------------------------------------------


def stage(order: Order, *, run_id: int | None = None, progress: Progress | None = None) -> int:
    """Judge a file and keep the verdicts; the id of the run, which waits to be applied. Opens its own transactions.

    `run_id` is that of a run which waits for its file to be judged; without it one is made.

    Raises what `open_file` raises; a file refused as a whole leaves a run that says so.
    """
    try:
        opened = open_file(order)
    except (sheets.Unreadable, BadInput) as refusal:
        _refuse_run(order, refusal, run_id)
        raise
    with opened.sheet:
        with transaction():
            run = _new_run(order, opened, run_id)
        counts, checker = _keep_rows(run, opened, progress)
    with transaction():
        if left_out := checker.left_out():
            _leave_out(run, opened.plan, left_out)
            counts = _counted(run)
        mapping = {**_mapping(opened), "links": checker.links(), "alike": checker.alike}
        _write_run(run, {"status": ImportStatus.checked, "mapping": mapping, **_columns(counts)})
    return run


def _new_run(order: Order, opened: Opened, run_id: int | None) -> int:
    values = {
        "sheet": opened.sheet.name or None,
        "key_field": ",".join(opened.plan.key) or None,
        "mapping": _mapping(opened),
        "status": ImportStatus.checking,
    }
    return _put_run(order, run_id, values)


def _mapping(opened: Opened) -> dict[str, Any]:
    """How a file was read."""
    plan = opened.plan
    return {
        "heads": [[c.number, c.head, c.target.name if c.target else None] for c in plan.columns],
        "words": {name: dict(words) for name, words in plan.words.items()},
        "opening": plan.opening,
        "sheets": opened.sheet.names,
        "notes": [[note.zh, note.en] for note in opened.notes],
    }


def upload(order: Order) -> int:
    """A run for a file that is judged later, in the background. Inside `transaction()`."""
    access.principal().check(Act.bring_in, resource(order.resource).name)
    return _put_run(order, None, {"sheet": order.sheet, "status": ImportStatus.uploaded})


def _refuse_run(order: Order, refusal: Refusal, run_id: int | None) -> None:
    """A file refused as a whole leaves its trace: who tried what, and why it was refused."""
    problem = {
        "zh": refusal.words.zh,
        "en": refusal.words.en,
        "code": str(getattr(refusal, "reason", refusal.code)),
    }
    with transaction():
        _put_run(order, run_id, {"sheet": order.sheet, "status": ImportStatus.refused, "problem": problem})


def _put_run(order: Order, run_id: int | None, values: dict[str, Any]) -> int:
    """Write these values on the run, or on a new one. What an earlier attempt kept of the file goes."""
    if run_id is not None:
        db.session.execute(delete(ImportRow).where(ImportRow.import_run_id == run_id))
        _write_run(run_id, values)
        return run_id
    run = ImportRun(
        resource=order.resource,
        file_name=order.file_name[:255],
        digest=digest_of(order.path),
        mode=order.mode,
        adopt_reason=order.reason or None,
        person_id=access.principal().employee_id,
        **values,
    )
    db.session.add(run)
    db.session.flush()
    return run.id


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _keep_rows(run: int, opened: Opened, progress: Progress | None) -> tuple[Counts, Checker]:
    counts = Counts()
    checker = opened.checker()
    box = Box(run, sealed=opened.plan.resource.is_sealed)
    for batch in checker.judged(opened.sheet):
        for row in batch:
            counts.add(row.verdict)
        with transaction():
            if batch:
                lines = (_row_of(row, box, opened.plan) for row in batch)
                insert_all(db.session.connection(), ROWS, lines)
            if progress:
                progress(counts.total, None)
        db.session.expunge_all()
    return counts, checker


def _row_of(row: Checked, box: Box, plan: Plan) -> dict[str, Any]:
    return {
        "import_run_id": box.run,
        "row_no": row.number,
        "verdict": row.verdict,
        "cells": box.closed(row.number, row.cells),
        "values": box.closed(row.number, {name: kept(value) for name, value in row.values.items()}),
        "reasons": reasons_of(row, plan),
        "object_id": row.object_id,
        "before": None if row.version is None else {VERSION: row.version},
        "applied": False,
    }


VERSION = "version_no"
"""Until a row is written, all that is kept of what stood there before: the version that was judged."""


def reasons_of(row: Checked, plan: Plan) -> list[dict[str, Any]] | None:
    """The reasons as they are kept: where, and the sentence in both languages.

    Of a row that is not refused: what was cleaned of it, and who else it may be.
    """
    if told := [_reason(row.number, plan, name, words) for name, words in row.reasons]:
        return told
    notes: dict[str, Any] = {"cleaned": row.cleaned} if row.cleaned else {}
    if row.alike is not None:
        notes["alike"] = {"zh": row.alike.zh, "en": row.alike.en}
    return [notes] if notes else None


def _reason(number: int, plan: Plan, name: str | None, words: Words) -> dict[str, Any]:
    column = plan.column_of(name) if name else None
    return {
        "cell": sheets.address(number, column.number) if column else None,
        "field": name,
        "head": column.head if column else None,
        "zh": words.zh,
        "en": words.en,
    }


class Box:
    """Keeps the cells of a row: in plain, or sealed where the record type has fields that are sealed."""

    def __init__(self, run: int, *, sealed: bool) -> None:
        self.run = run
        self.sealed = sealed

    def closed(self, row: int, body: Any) -> Any:
        if not self.sealed or not body:
            return body
        text = AS_JSON.encode(body)
        return {"sealed": base64.b64encode(keyring.seal(text, self._place(row))).decode()}

    def opened(self, row: int, body: Any) -> Any:
        if isinstance(body, dict) and body.keys() == {"sealed"}:
            return json.loads(keyring.unseal(base64.b64decode(body["sealed"]), self._place(row)))
        return body

    def _place(self, row: int) -> str:
        return f"import_row|{self.run}|{row}"


def stretches(
    run: int, *which: ColumnElement[bool] | InstrumentedAttribute[bool], size: int | None = CHUNK
) -> Iterator[ColumnElement[bool]]:
    """Conditions that take such rows of a run in turn: each the next `size` of the file, or all of them.

    Bounded on both sides: told to give the next by a limit, PostgreSQL, which knows little of a table that has just
    grown, sorts all that are left each time.
    """
    number = ImportRow.row_no
    ends = select(func.min(number), func.max(number)).where(ImportRow.import_run_id == run, *which)
    first, last = db.session.execute(ends).one()
    if first is not None:
        step = size or last - first + 1
        for start in range(first, last + 1, step):
            yield and_(ImportRow.import_run_id == run, number.between(start, start + step - 1), *which)


def _leave_out(run: int, plan: Plan, by_group: Mapping[str, LeftOut]) -> None:
    """Refuse the good lines of documents that are left out."""
    box = Box(run, sealed=plan.resource.is_sealed)
    columns = (ImportRow.id, ImportRow.row_no, ImportRow.values)
    for stretch in stretches(run, ImportRow.verdict != Verdict.refused):
        some = db.session.execute(select(*columns).where(stretch)).all()
        changes = [
            {"row": row.id, "why": [_reason(row.row_no, plan, *why)]}
            for row in some
            if (why := by_group.get(box.opened(row.row_no, row.values).get("no"))) is not None
        ]
        if changes:
            statement = (
                update(ImportRow)
                .where(ImportRow.id == bindparam("row"))
                .values(verdict=Verdict.refused, reasons=bindparam("why"))
            )
            db.session.connection().execute(statement, changes)


def _counted(run: int) -> Counts:
    counts = Counts()
    statement = select(ImportRow.verdict, func.count()).where(ImportRow.import_run_id == run)
    for verdict, times in db.session.execute(statement.group_by(ImportRow.verdict)):
        counts.add(verdict, times)
    return counts


def _columns(counts: Counts) -> dict[str, int]:
    return {
        "rows_total": counts.total,
        "rows_created": counts.created,
        "rows_updated": counts.updated,
        "rows_unchanged": counts.unchanged,
        "rows_refused": counts.refused,
    }


def _write_run(run: int, values: dict[str, Any]) -> None:
    statement = update(ImportRun).where(ImportRun.id == run).values(**values)
    db.session.execute(statement, execution_options={"synchronize_session": False})
