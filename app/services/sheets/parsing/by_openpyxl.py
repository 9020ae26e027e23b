"""Workbooks read by openpyxl as a stream: slower, constant memory, and content with what calamine gives up on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from . import ooxml
from .marks import Marks
from .wire import LONGEST_TEXT, Order, Unreadable, chosen, encoded, flag, run, send, trimmed

ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def parse(order: Order) -> Iterator[tuple[int, list[Any]]]:
    workbook = load_workbook(order.path, read_only=True, keep_links=False)
    sheets = [(sheet.title, sheet.sheet_state != "visible") for sheet in workbook.worksheets]
    name = chosen(sheets, order.sheet)
    sheet = workbook[name]
    if not isinstance(sheet, ReadOnlyWorksheet):
        raise Unreadable("no_such_sheet", detail=name)
    sheet.reset_dimensions()  # a file may claim any size
    marks = _merges(order, name)
    send(b"M", {"sheets": sheets, "sheet": name})
    for number, row in enumerate(sheet.iter_rows(max_col=None), 1):
        if not row:
            continue
        cells = trimmed(marks.lay(number, [_cell(cell) for cell in row]))
        if cells:
            yield number, cells


def _cell(cell: Any) -> Any:
    value = cell.value
    if value is None:
        return None
    kind = cell.data_type
    if kind == "s" and type(value) is str:
        return encoded(_unescaped(value))
    if kind == "f":
        return flag(
            "formula",
            value if isinstance(value, str) else f"={getattr(value, 'text', '') or ''}".replace("==", "="),
        )
    if kind == "e":
        return flag("error", str(value))
    return encoded(value)


def _unescaped(text: str) -> str:
    """The text with Excel's escapes of control characters undone; one too long is refused anyway."""
    if len(text) > LONGEST_TEXT or "_x" not in text:
        return text
    return ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


def _merges(order: Order, sheet: str) -> Marks:
    """The stream knows no merged areas; without them a covered cell would pass for a blank."""
    empty = Marks(order.columns)
    try:
        with ZipFile(order.path) as package:
            part = next((found.part for found in ooxml.sheet_parts(package) if found.name == sheet), "")
            return ooxml.merges_of(package, part, empty)
    except (BadZipFile, KeyError, SyntaxError, ValueError) as error:
        raise Unreadable("damaged", detail=f"{type(error).__name__}: {error}"[:300]) from error


def main() -> None:
    run(parse)
