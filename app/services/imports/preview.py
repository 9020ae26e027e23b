"""What a judged file would do, row by row, as its owner reads it: values, old → new, and the reasons of the refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Text, cast, select, true
from sqlalchemy.orm import undefer

from app.columns import keyring, mask
from app.extensions import db
from app.models import ImportRow, ImportRun, Verdict
from app.services import records, values
from app.services.fields import Kind
from app.services.imports.cells import restored
from app.services.imports.resources import Resource, Target, resource
from app.services.imports.staging import Box
from app.words import language


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it will be, and what stands there now where that differs."""

    text: str
    old: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is refused: the column it lies in (empty: the row as such), what stands there, and the sentence."""

    head: str
    typed: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file. `cells` are by field; `named` is the field whose value is its title, if one is.

    `record` is what the row changes, or is the same as.
    """

    number: int
    title: str
    cells: dict[str, Shown] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    record: Any = None
    cleaned: frozenset[str] = frozenset()
    named: str = ""
    alike: str = ""
    """Who else it may be."""


def columns_of(run: ImportRun) -> list[Target]:
    """The fields the file fills, in the order of its columns."""
    found = resource(run.resource)
    named = [found.target(name) for _number, _head, name in run.mapping.get("heads", []) if name]
    return [target for target in named if target is not None]


def lines(
    run: ImportRun, verdict: Verdict, *, first: int = 0, most: int = 50, alike: bool = False
) -> list[Line]:
    """Rows of one verdict in the order of the file; those that may be somebody else alone where so asked."""
    kept = cast(ImportRow.reasons, Text).contains('"alike"') if alike else true()
    statement = (
        select(ImportRow)
        .where(ImportRow.import_run_id == run.id, ImportRow.verdict == verdict, kept)
        .order_by(ImportRow.row_no)
        .offset(first)
        .limit(most)
    )
    rows = db.session.scalars(statement).all()
    reader = Reader(run)
    if verdict is Verdict.refused:
        return [reader.refused(row) for row in rows]
    known = reader.records(rows) if verdict in {Verdict.changed, Verdict.same} else {}
    return [reader.line(row, known.get(row.object_id)) for row in rows]


def first_values(run: ImportRun) -> dict[int, str]:
    """What stands in the first row of the file, by column counted from 1."""
    row = db.session.scalars(
        select(ImportRow).where(ImportRow.import_run_id == run.id).order_by(ImportRow.row_no).limit(1)
    ).first()
    cells = Reader(run).cells(row) if row else []
    return {number: text for number, text in enumerate(cells, 1) if text}


class Reader:
    """Reads staged rows of one run."""

    def __init__(self, run: ImportRun) -> None:
        self.run = run
        self.found: Resource = resource(run.resource)
        self.box = Box(run.id, sealed=self.found.is_sealed)
        self.heads: list[tuple[int, str, str | None]] = [
            (number, head, name) for number, head, name in run.mapping.get("heads", [])
        ]
        self.targets = {target.name: target for target in columns_of(run)}
        self._titles: dict[tuple[str, int], str] = {}

    def cells(self, row: ImportRow) -> list[str]:
        """The cells as they were typed."""
        return list(self.box.opened(row.row_no, row.cells) or [])

    def records(self, rows: Sequence[ImportRow]) -> dict[int | None, Any]:
        """The records these rows stand for, as far as the person may see them."""
        ids = sorted({row.object_id for row in rows if row.object_id is not None})
        statement = select(self.found.model).where(self.found.model.id.in_(ids)).options(undefer("*"))
        return {record.id: record for record in db.session.scalars(statement)}

    def line(self, row: ImportRow, record: Any) -> Line:
        held = self.box.opened(row.row_no, row.values) or {}
        cells = {
            name: self._shown(target, held[name], record)
            for name, target in self.targets.items()
            if name in held
        }
        cleaned = frozenset(self._cleaned(row))
        if record is not None:
            title = records.title_of(record)
            return Line(row.row_no, title, cells, record=record, cleaned=cleaned, alike=self._alike(row))
        named = next((name for name in [*NAMING, *cells] if name in cells), "")
        title = cells[named].text if named else ""
        return Line(row.row_no, title, cells, cleaned=cleaned, named=named, alike=self._alike(row))

    def refused(self, row: ImportRow) -> Line:
        typed = self.cells(row)
        by_name = {name: self._typed(typed, number) for number, _head, name in self.heads if name}
        title = next((by_name[name] for name in NAMING if by_name.get(name)), "") or next(
            filter(None, typed), ""
        )
        return Line(
            row.row_no, title, reasons=[self._reason(reason, by_name) for reason in row.reasons or []]
        )

    def _reason(self, reason: dict[str, Any], by_name: dict[str, str]) -> Reason:
        head = reason.get("head")
        target = self.found.target(reason.get("field") or "")
        where = head or (str(target.label) if target else "")
        return Reason(where, by_name.get(reason.get("field") or "", ""), reason.get(language.get(), ""))

    def _typed(self, cells: list[str], number: int) -> str:
        return cells[number - 1] if number <= len(cells) else ""

    def _alike(self, row: ImportRow) -> str:
        told: dict[str, str] = next((one["alike"] for one in row.reasons or [] if "alike" in one), {})
        return told.get(language.get(), "")

    def _cleaned(self, row: ImportRow) -> Iterable[str]:
        for reason in row.reasons or []:
            yield from reason.get("cleaned", [])

    def _shown(self, target: Target, body: Any, record: Any) -> Shown:
        value = restored(target.field, body)
        text = self._text(target, value)
        if record is None or target.of_line or not self._differs(target, value, record):
            return Shown(text)
        return Shown(text, records.text_of(record, target.field))

    def _differs(self, target: Target, value: Any, record: Any) -> bool:
        name = target.name
        if target.field.sealed:
            index = keyring.blind_index(value, f"{self.found.model.__tablename__}.{name}")
            return bool(index != getattr(record, f"{name}_index"))
        return bool(value != getattr(record, name))

    def _text(self, target: Target, value: Any) -> str:
        """The value as the reader sees it; what will be sealed is masked already."""
        if target.field.kind is Kind.relation and isinstance(value, int):
            key = (target.name, value)
            if key not in self._titles:
                self._titles[key] = records.picked_title(target.field, value) or values.EMPTY
            return self._titles[key]
        if target.field.sealed and value:
            return mask(str(value), target.field.sealed.keep)
        return values.show(target.field, value)


NAMING = ("name", "no", "title", "subject", "name_zh", "code")
"""Fields by which a row is told to people, the best first."""
