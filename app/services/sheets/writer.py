"""Our own workbooks and CSV files: streamed, and so written that no cell runs as a formula."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

MOST_ROWS = 1_048_575
LONGEST_TEXT = 32_767
LONGEST_CHOICES = 255
EXACT_BELOW = 10**15
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
SUSPECT = re.compile(
    r"^[\s\x00-\x20\u00ad\u200b-\u200f\u2060\ufeff]*[=+\-@\u207a\u207b\u208a\u208b\ufe62\ufe63\ufe66\uff0b\uff0d\uff1d\uff20\ufe6b\u2795\u2796\u2212]"
)
SUSPECT_STARTS = ("\t", "\r", "\n")
FORBIDDEN_IN_TITLE = re.compile(r"[\[\]:*?/\\]")
HEAD_FONT = Font(bold=True)
REQUIRED_FONT = Font(bold=True, color="C00000")
HEAD_FILL = PatternFill("solid", start_color="E8EEF7")
HEAD_ALIGNMENT = Alignment(vertical="center", wrap_text=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a workbook we write: its head, and for templates what may be entered and how."""

    head: str
    width: float = 16
    comment: str = ""
    required: bool = False
    choices: Sequence[str] = ()
    number_format: str = ""


def write_xlsx(
    target: Path | IO[bytes],
    columns: Sequence[Column | str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "Sheet1",
    template_rows: int = 0,
) -> int:
    """Write one table and say how many rows it has. Memory stays constant; a second sheet takes what one cannot hold.

    Text stays text: never a formula, never an error value. `template_rows` is how far below the head the choices of
    a template apply. Moments must be naive, in the reader's own time.
    """
    heads = [Column(column) if isinstance(column, str) else column for column in columns]
    workbook = Workbook(write_only=True)
    count = 0
    waiting = iter(rows)
    for number in itertools.count(1):
        sheet = _sheet(workbook, heads, title if number == 1 else f"{title} ({number})", template_rows)
        cells = _Cells(sheet, heads)
        before = count
        for row in itertools.islice(waiting, MOST_ROWS):
            sheet.append(cells.of(row))
            count += 1
        if count - before < MOST_ROWS:
            break
    workbook.save(target)
    return count


def write_csv(
    target: IO[str], heads: Sequence[str], rows: Iterable[Sequence[object]], *, mark: bool = True
) -> int:
    """Write one table as CSV; the same guard against formulas.

    It begins with a byte order mark, so that Excel reads it as UTF-8; files for programs leave that out.
    """
    if mark:
        target.write("\ufeff")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([guarded(head) for head in heads])
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the answer
        writer.writerow([_plain(value) for value in row])
    return count


def csv_chunks(heads: Sequence[str], rows: Iterable[Sequence[object]], *, size: int = 500) -> Iterator[bytes]:
    """The same CSV in pieces, for a response that is sent while it is made."""
    waiting = iter(rows)
    first = True
    while True:
        buffer = io.StringIO(newline="")
        if first:
            written = write_csv(buffer, heads, itertools.islice(waiting, size))
        else:
            writer = csv.writer(buffer, lineterminator="\r\n")
            written = sum(1 for _ in map(writer.writerow, _plain_rows(itertools.islice(waiting, size))))
        first = False
        if buffer.tell():
            yield buffer.getvalue().encode()
        if written < size:
            return


def guarded(text: str) -> str:
    """A text no spreadsheet takes for a formula, without characters XML cannot hold."""
    if text.isalnum():
        return text
    if SUSPECT.match(text) or text.startswith(SUSPECT_STARTS):
        text = f"'{text}"
    return FORBIDDEN.sub("", text) if FORBIDDEN.search(text) else text


def _plain_rows(rows: Iterable[Sequence[object]]) -> Iterator[list[str]]:
    return ([_plain(value) for value in row] for row in rows)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _sheet(workbook: Workbook, columns: list[Column], title: str, template_rows: int) -> Any:
    sheet = workbook.create_sheet(FORBIDDEN_IN_TITLE.sub(" ", title)[:31].strip("'") or "Sheet1")
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
        if column.choices and template_rows:
            _offer(sheet, number, column.choices, template_rows)
    sheet.append([_head(sheet, column) for column in columns])
    return sheet


def _head(sheet: Any, column: Column) -> Cell:
    cell = _text_cell(sheet, guarded(column.head))
    cell.font = REQUIRED_FONT if column.required else HEAD_FONT
    cell.fill = HEAD_FILL
    cell.alignment = HEAD_ALIGNMENT
    if column.comment:
        cell.comment = Comment(FORBIDDEN.sub("", column.comment), "", height=120, width=280)
    return cell


def _offer(sheet: Any, number: int, choices: Sequence[str], rows: int) -> None:
    """A list to choose from; Excel takes only a short one, and no word with a comma or a quote in it."""
    listed = ",".join(choices)
    if len(listed) > LONGEST_CHOICES or any("," in choice or '"' in choice for choice in choices):
        return
    rule = DataValidation(type="list", formula1=f'"{listed}"', allow_blank=True)
    letter = get_column_letter(number)
    rule.add(f"{letter}2:{letter}{rows + 1}")
    sheet.data_validations.append(rule)


class _Cells:
    """Turns values into what the stream takes; a cell object is made only where a bare value would not do."""

    def __init__(self, sheet: Any, columns: list[Column]) -> None:
        self.sheet = sheet
        self.formatted = [
            (place, self._with_format(column.number_format))
            for place, column in enumerate(columns)
            if column.number_format
        ]
        """One cell a column that has a format, filled anew for every row: the stream has written it by then."""
        self.makers: dict[type, Callable[[Any], Any]] = {
            str: self._text,
            int: self._number,
            Decimal: self._number,
            float: lambda value: value,
            bool: lambda value: value,
            type(None): lambda _value: None,
            date: lambda value: value,
            datetime: lambda value: value,
        }

    def of(self, row: Sequence[object]) -> list[Any]:
        makers = self.makers
        cells = [
            makers[type(value)](value) if type(value) in makers else self._text(str(value)) for value in row
        ]
        for place, cell in self.formatted:
            if place < len(cells) and not isinstance(cells[place], (str, Cell, NoneType)):
                cell.value = cells[place]
                cells[place] = cell
        return cells

    def _text(self, value: str) -> Any:
        if value[:1].isalnum() and value.isprintable() and len(value) <= LONGEST_TEXT:
            return value
        text = guarded(value)
        if text in ERROR_CODES:
            return _text_cell(self.sheet, text)
        return text[:LONGEST_TEXT]

    def _number(self, value: int | Decimal) -> object:
        """A spreadsheet keeps fifteen digits; a longer number is written as text rather than cut."""
        return value if -EXACT_BELOW < value < EXACT_BELOW else str(value)

    def _with_format(self, number_format: str) -> Cell:
        cell = WriteOnlyCell(self.sheet)
        cell.number_format = number_format
        return cell


def _text_cell(sheet: Any, text: str) -> Cell:
    cell = WriteOnlyCell(sheet, None)
    cell._value = text[:LONGEST_TEXT]
    cell.data_type = "s"
    return cell
