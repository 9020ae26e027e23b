"""Workbooks given back: the refused rows in their owner's own columns with the reasons, and templates to fill in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select

from app.errors import NotFound
from app.extensions import db
from app.models import ImportRow, ImportRun, Verdict
from app.services import sheets
from app.services.fields import Kind
from app.services.imports.checking import Checked, Plan
from app.services.imports.resources import Target, resource
from app.services.imports.staging import Box, reasons_of, stretches
from app.words import Words, language, say

ROW = Words("原行号", "Row")
REASON = Words("未导入的原因", "Why it was refused")
TEMPLATE_ROWS = 2_000


def write_refused(run_id: int, target: Path | IO[bytes]) -> int:
    """The refused rows of a run as a workbook; how many."""
    run = db.session.scalar(select(ImportRun).where(ImportRun.id == run_id))
    if run is None:
        raise NotFound(say("没有编号为 {id} 的导入。", "There is no import {id}.", id=run_id))
    heads = [(number, head) for number, head, _name in (run.mapping or {}).get("heads", [])]
    box = Box(run_id, sealed=resource(run.resource).is_sealed)
    rows = (
        (row.row_no, box.opened(row.row_no, row.cells), row.reasons or []) for row in refused_rows(run_id)
    )
    return _write(target, heads, rows)


def refused_rows(run_id: int, *, most: int | None = None) -> Iterator[ImportRow]:
    """The refused rows of a run in the order of the file."""
    found = (
        row
        for stretch in stretches(run_id, ImportRow.verdict == Verdict.refused)
        for row in db.session.scalars(select(ImportRow).where(stretch).order_by(ImportRow.row_no)).all()
    )
    return islice(found, most)


def write_checked(rows: Iterable[Checked], plan: Plan, target: Path | IO[bytes]) -> int:
    """The refused rows of a dry run as a workbook; how many."""
    heads = [(column.number, column.head) for column in plan.columns]
    return _write(target, heads, ((row.number, row.cells, reasons_of(row, plan) or []) for row in rows))


def _write(target: Path | IO[bytes], heads: list[tuple[int, str]], rows: Iterable[Any]) -> int:
    columns = [
        *(sheets.Column(head) for _n, head in heads),
        sheets.Column(str(ROW)),
        sheets.Column(str(REASON), 60),
    ]
    lines = (
        [*(cells[n - 1] if n <= len(cells) else None for n, _head in heads), number, sentence_of(reasons)]
        for number, cells, reasons in rows
    )
    return sheets.write_xlsx(target, columns, lines, title=str(say("未导入", "Refused")))


def sentence_of(reasons: list[dict[str, Any]]) -> str:
    """The reasons of a row in the reader's language, each with its cell."""
    tongue = language.get()
    return "\n".join(
        f"{reason['cell']} {reason[tongue]}" if reason.get("cell") else reason[tongue]
        for reason in reasons
        if tongue in reason
    )


def write_template(name: str, target: Path | IO[bytes]) -> None:
    """A workbook to fill in: the heads in the reader's language, what is required, what may be chosen."""
    found = resource(name)
    columns = [
        sheets.Column(
            str(item.label),
            required=item.field.required,
            comment=_comment(item),
            choices=_choices(item),
        )
        for item in found.targets
        if item.field.kind is not Kind.json
    ]
    sheets.write_xlsx(target, columns, [], title=str(found.label), template_rows=TEMPLATE_ROWS)


def _comment(item: Target) -> str:
    parts = [
        say("必填。", "Required.") if item.field.required else None,
        item.field.info.help,
        say("填编号或名称。", "Code or name.") if item.field.kind is Kind.relation else None,
        say("写成 2026-01-31。", "Written 2026-01-31.")
        if item.field.kind in {Kind.date, Kind.moment}
        else None,
        say("最多 {n} 个字符。", "At most {n} characters.", n=item.field.max_length)
        if item.field.max_length
        else None,
    ]
    return "\n".join(str(part) for part in parts if part)


def _choices(item: Target) -> list[str]:
    if item.field.kind is Kind.flag:
        return [str(Words("是", "Yes")), str(Words("否", "No"))]
    return [str(choice.words) for choice in item.field.choices or ()]


def notes_of(run_id: int) -> list[Words]:
    """What was left aside of the file of a run."""
    run = db.session.scalar(select(ImportRun).where(ImportRun.id == run_id))
    return [Words(zh, en) for zh, en in ((run.mapping if run else None) or {}).get("notes", [])]
