"""Marks laid over the parsed cells: formulas, error values and merged areas, which fast parsers do not report."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from .wire import Unreadable, flag

MOST_MARKS = 300_000
ADDRESS = re.compile("([A-Z]{1,3})([0-9]{1,8})")


@dataclass(slots=True)
class Marks:
    """What cells are instead of a value, by row and column (both from 1), and which areas are merged."""

    columns: int
    cells: dict[int, dict[int, dict[str, str]]] = field(default_factory=dict)
    merges: dict[int, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    active: list[tuple[int, int, int, str]] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, column: int, kind: str, text: str = "") -> None:
        self._spend(row)
        self.cells.setdefault(row, {})[column] = flag(kind, text)

    def merge(self, top: int, left: int, bottom: int, right: int) -> None:
        self._spend(top)
        self.merges[top].append((left, bottom, min(right, self.columns)))

    def lay(self, number: int, cells: list[Any]) -> list[Any]:
        """The row with its marks in place of what the parser made of those cells; rows come in order."""
        for column, mark in self.cells.get(number, {}).items():
            _put(cells, column, mark)
        if self.active or number in self.merges:
            self._lay_merges(number, cells)
        return cells

    def _lay_merges(self, number: int, cells: list[Any]) -> None:
        """Cells covered by a merged area are no blanks: their value stands in its first cell.

        An area without a value is only drawn, and a row without any value of its own says nothing.
        """
        for left, bottom, right in self.merges.get(number, ()):
            if left <= len(cells) and cells[left - 1] is not None:
                self.active.append((left, bottom, right, f"{letters(left)}{number}"))
        self.active = [area for area in self.active if area[1] >= number]
        if all(cell is None for cell in cells):
            return
        for left, _bottom, right, anchor in self.active:
            for column in range(left, right + 1):
                if f"{letters(column)}{number}" != anchor:
                    _put(cells, column, flag("merged", anchor), over=False)

    def _spend(self, row: int) -> None:
        self.count += 1
        if self.count > MOST_MARKS:
            raise Unreadable("too_much_memory", row=row)


def _put(cells: list[Any], column: int, mark: dict[str, str], *, over: bool = True) -> None:
    if column > len(cells):
        cells.extend([None] * (column - len(cells)))
    if over or cells[column - 1] is None:
        cells[column - 1] = mark


def letters(column: int) -> str:
    """A column's name: 1 is A, 27 is AA."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def position(reference: str) -> tuple[int, int]:
    """Row and column of an address such as B12; (0, 0) where it is none."""
    found = ADDRESS.fullmatch(reference)
    if found is None:
        return 0, 0
    column = 0
    for letter in found.group(1):
        column = column * 26 + ord(letter) - 64
    return int(found.group(2)), column
