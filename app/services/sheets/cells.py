"""What a parsed cell may be, and how it reads when given back to its owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from app.words import Words

from .parsing.marks import letters
from .reasons import FLAWS, Flaw


@dataclass(frozen=True, slots=True)
class Flagged:
    """A cell that is not empty but holds no usable value: a formula, an error, part of a merged area, a cut number."""

    flaw: Flaw
    text: str

    def words(self, address: str) -> Words:
        """The sentence for the person who owns the file; `address` is where the cell stands, such as C5."""
        return FLAWS[self.flaw].fill(cell=address, text=self.text)


Cell: TypeAlias = str | int | Decimal | bool | date | datetime | time | timedelta | Flagged | None
"""Numbers are exact: whole ones are int, others the shortest decimal a float stands for. Blank is None."""


class RawRow(NamedTuple):
    """One row: its number as the spreadsheet counts, and its cells from column A, without the blank ones at the end."""

    number: int
    cells: list[Cell]


def address(row: int, column: int) -> str:
    """How a spreadsheet names a cell: row 5, column 3 is C5."""
    return f"{letters(column)}{row}"


def written(cell: Cell) -> str:
    """The cell as text, the way its owner would have typed it."""
    if cell is None:
        return ""
    if isinstance(cell, Flagged):
        return "" if cell.flaw is Flaw.merged else cell.text
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return (
            cell.isoformat(sep=" ", timespec="seconds") if cell.time() != time() else cell.date().isoformat()
        )
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return str(cell)


def decoded(body: dict[str, Any]) -> Cell | dict[str, Any]:
    """What JSON could not say, turned back; used as the hook of the JSON reader."""
    if len(body) == 1:
        kind, value = next(iter(body.items()))
        return _DECODERS[kind](value)
    return Flagged(Flaw(body["x"]), body["v"])


_DECODERS: dict[str, Callable[[Any], Cell]] = {
    "d": date.fromisoformat,
    "t": datetime.fromisoformat,
    "c": time.fromisoformat,
    "p": lambda seconds: timedelta(seconds=float(seconds)),
}
