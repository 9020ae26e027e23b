"""Workbooks read by calamine: ten times as fast as openpyxl, but it holds the whole sheet and dies of a lying one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import python_calamine as calamine

from . import biff, ooxml
from .marks import Marks
from .wire import Order, Unreadable, chosen, encoded, run, send, trimmed


def parse(order: Order) -> Iterator[tuple[int, list[Any]]]:
    try:
        with calamine.CalamineWorkbook.from_path(order.path) as workbook:
            yield from _parse(workbook, order)
    except calamine.PasswordError as error:
        raise Unreadable("encrypted") from error
    except calamine.CalamineError as error:
        raise Unreadable("damaged", detail=f"{type(error).__name__}: {error}"[:300]) from error


def _parse(workbook: calamine.CalamineWorkbook, order: Order) -> Iterator[tuple[int, list[Any]]]:
    sheets = [
        (sheet.name, sheet.visible != calamine.SheetVisibleEnum.Visible)
        for sheet in workbook.sheets_metadata
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet
    ]
    name = chosen(sheets, order.sheet)
    marks = _marks(order, name, workbook.sheet_names.index(name))
    sheet = workbook.get_sheet_by_name(name)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        marks.merge(top + 1, left + 1, bottom + 1, right + 1)
    send(b"M", {"sheets": sheets, "sheet": name})
    left = sheet.start[1] if sheet.start else 0
    yield from _rows(sheet, left, marks)


def _rows(sheet: calamine.CalamineSheet, left: int, marks: Marks) -> Iterator[tuple[int, list[Any]]]:
    """The rows that hold something. calamine begins at the first row but at the leftmost filled column."""
    margin: list[Any] = [None] * left
    last = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = trimmed(marks.lay(number, margin + [encoded(value) for value in row]))
        last = number
        if cells:
            yield number, cells
    for number in sorted(row for row in marks.cells if row > last):
        yield number, marks.lay(number, [])


def _marks(order: Order, sheet: str, index: int) -> Marks:
    if order.kind == "xls":
        return biff.marks_of(order.path, index, order.columns)
    with ZipFile(order.path) as package:
        part = next((found.part for found in ooxml.sheet_parts(package) if found.name == sheet), "")
        marks, cells = ooxml.marks_of(package, part, order.columns)
    if cells > order.fast_cells:
        raise Unreadable("too_much_memory", detail=f"{cells} cells")
    marks.merges.clear()  # calamine reports them too
    return marks


def main() -> None:
    run(parse)
