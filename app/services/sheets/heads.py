"""Finding the head of a sheet: below titles and remarks, in one row or in several under merged groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .cells import Cell, Flagged, RawRow, address, written
from .cleaning import cleaned_name
from .reasons import Flaw, Reason, Unreadable

SEARCHED_ROWS = 30
LEAST_FILL = 0.5
LEAST_TEXT = 0.6


@dataclass(frozen=True, slots=True)
class HeadCell:
    """The name of a column (counted from 1), the group it stands under, and where the name stands."""

    column: int
    text: str
    group: str
    address: str


@dataclass(frozen=True, slots=True)
class Head:
    """The heads of a sheet and the rows they take."""

    first_row: int
    last_row: int
    cells: tuple[HeadCell, ...]

    @property
    def texts(self) -> list[str]:
        return [cell.text for cell in self.cells]

    def column(self, text: str) -> int | None:
        """The column of this name, counted from 1."""
        return next((cell.column for cell in self.cells if cell.text == text), None)


def found_head(rows: list[RawRow], sheet: str) -> Head:
    """The head among the first rows. Raises `Unreadable` where there is none, or two columns are alike."""
    if not rows:
        raise Unreadable(Reason.empty_sheet, sheet=sheet)
    start = next(_candidates(rows[:SEARCHED_ROWS]), None)
    if start is None:
        raise Unreadable(Reason.no_head, sheet=sheet)
    end = start
    while _has_groups(rows[end]) and end + 1 < len(rows) and _is_text(rows[end + 1]):
        end += 1
    cells = _told_apart(_head_cells(rows[start : end + 1]))
    _check_unique(cells, sheet)
    return Head(rows[start].number, rows[end].number, tuple(cells))


def _candidates(rows: list[RawRow]) -> Iterator[int]:
    """Rows that could be a head: filled about as wide as the table, and mostly text."""
    width = max(_filled(row) for row in rows)
    for index, row in enumerate(rows):
        texts = sum(isinstance(cell, str) for cell in row.cells)
        enough = texts >= min(2, width) and _filled(row) >= width * LEAST_FILL
        if enough and _texts_or_covered(row) >= _filled(row) * LEAST_TEXT:
            yield index


def _filled(row: RawRow) -> int:
    return sum(cell is not None for cell in row.cells)


def _texts_or_covered(row: RawRow) -> int:
    return sum(isinstance(cell, str) or _is_covered(cell) for cell in row.cells)


def _is_covered(cell: Cell) -> bool:
    return isinstance(cell, Flagged) and cell.flaw is Flaw.merged


def _has_groups(row: RawRow) -> bool:
    """Whether a name of this row stands over several columns."""
    return any(
        isinstance(cell, Flagged) and _is_covered(cell) and _row_of(cell.text) == row.number
        for cell in row.cells
    )


def _row_of(anchor: str) -> int:
    return int(anchor.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def _is_text(row: RawRow) -> bool:
    return all(cell is None or isinstance(cell, str) or _is_covered(cell) for cell in row.cells)


def _head_cells(rows: list[RawRow]) -> list[HeadCell]:
    """One name a column: the lowest text over it; the one above that is its group."""
    names = {address(row.number, column): cell for row in rows for column, cell in enumerate(row.cells, 1)}
    cells = []
    for column in range(1, max(len(row.cells) for row in rows) + 1):
        stack = [_name(names, address(row.number, column)) for row in rows]
        said = [(name, row) for name, row in zip(stack, rows, strict=True) if name]
        if said:
            name, row = said[-1]
            group = next((above for above, _row in reversed(said[:-1]) if above != name), "")
            cells.append(HeadCell(column, name, group, address(row.number, column)))
    return cells


def _name(names: dict[str, Cell], place: str) -> str:
    cell = names.get(place)
    if isinstance(cell, Flagged) and cell.flaw is Flaw.merged:
        cell = names.get(cell.text)
    return cleaned_name(written(cell)).text


def _told_apart(cells: list[HeadCell]) -> list[HeadCell]:
    """Names that occur under several groups carry the group's name."""
    texts = [cell.text for cell in cells]
    return [
        HeadCell(cell.column, f"{cell.group} {cell.text}", cell.group, cell.address)
        if cell.group and texts.count(cell.text) > 1
        else cell
        for cell in cells
    ]


def _check_unique(cells: list[HeadCell], sheet: str) -> None:
    seen: dict[str, HeadCell] = {}
    for cell in cells:
        first = seen.setdefault(cell.text, cell)
        if first is not cell:
            raise Unreadable(
                Reason.duplicate_head, sheet=sheet, head=cell.text, first=first.address, second=cell.address
            )
