"""One cell of a file as the value of a field: cleaned, read in the spellings people use, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.columns import Choice
from app.services import sheets, values
from app.services.fields import Field, Kind
from app.services.imports.aliases import WORDS
from app.services.imports.resources import Target
from app.words import Words, say

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's days have no zone
SERIALS = range(10_000, 80_000)
"""Days since the epoch a bare number in a date column may stand for: 1927 to 2119."""
CACHED = 2_000


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a cell: its value, or why it is refused; and whether it had to be cleaned."""

    value: Any = None
    refused: Words | None = None
    cleaned: bool = False


PLAIN = frozenset({str, int, bool, type(None)})


class Reader:
    """Reads the cells of one column."""

    def __init__(self, target: Target, resource: str, words: Mapping[str, str | None] | None = None) -> None:
        self.field = target.field
        self.words = {**WORDS.get((resource, target.name), {}), **(words or {})}
        self.is_code = (
            target.field.unique or target.field.kind is Kind.relation or bool(target.field.info.form)
        )
        self.required = target.field.required
        self._seen: dict[Any, Read] = {}

    def read(self, cell: sheets.Cell) -> Read:
        """The value of a cell that holds one."""
        found = self._seen.get((type(cell), cell))
        if found is None:
            found = self._read(cell)
            if len(self._seen) < CACHED:
                self._seen[type(cell), cell] = found
        return found

    def _read(self, cell: sheets.Cell) -> Read:
        raw: Any = cell
        changed = False
        if isinstance(cell, str):
            clean = self._clean(cell)
            if clean.refused:
                return Read(
                    refused=say("{label}{why}", "{label} {why}", label=self.field.label, why=clean.refused)
                )
            raw, changed = clean.text, clean.changed
            raw = self.words.get(raw, raw)
        elif cell is not None:
            raw, changed = self._typed(cell)
        try:
            return Read(self._value(raw), cleaned=changed)
        except values.BadValue as error:
            return Read(refused=error.words)

    def _clean(self, text: str) -> sheets.Cleaned:
        if self.field.kind is Kind.long:
            return sheets.cleaned_text(text)
        if not self.is_code:
            return sheets.cleaned_name(text)
        clean = sheets.cleaned_code(text)
        if self.field.info.form == "credit_code" and " " in clean.text:
            return replace(clean, text=clean.text.replace(" ", ""), changed=True)
        return clean

    def _typed(self, cell: Any) -> tuple[Any, bool]:
        """A number, date or truth value as its field can read it, and whether that is more than its spelling."""
        kind = self.field.kind
        if kind in {Kind.date, Kind.moment}:
            return _day(cell, kind)
        if kind is Kind.flag or self.field.is_number:
            return (int(cell) if isinstance(cell, bool) and kind is not Kind.flag else cell), False
        return sheets.written(cell), False

    def _value(self, raw: Any) -> Any:
        """The value; a relation stays the text it is looked up by."""
        if self.field.kind is Kind.relation:
            if raw is None or raw == "":
                return values.parse(self.field, raw)
            return str(raw)
        return values.parse(self.field, raw)


def _day(cell: Any, kind: Kind) -> tuple[Any, bool]:
    """A bare number in a date column is the day a spreadsheet counts, unless it is a date written without signs."""
    if isinstance(cell, int | Decimal) and not isinstance(cell, bool) and int(cell) in SERIALS:
        moment = EPOCH + timedelta(days=float(cell))
        return (moment if kind is Kind.moment else moment.date()), True
    return (cell if isinstance(cell, date) else sheets.written(cell)), False


def kept(value: Any) -> Any:
    """A value as the staged row holds it (JSON)."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, Choice):
        return value.value
    return format(value, "f") if isinstance(value, Decimal) else value.isoformat()


def restored(field: Field, value: Any) -> Any:
    """The value a staged row held."""
    if value is None:
        return None
    restore = _RESTORE.get(field.kind)
    if field.choices is not None:
        return field.choices[value]
    return restore(value) if restore else value


_RESTORE: dict[Kind, Callable[[Any], Any]] = {
    Kind.money: Decimal,
    Kind.quantity: Decimal,
    Kind.rate: Decimal,
    Kind.points: Decimal,
    Kind.date: date.fromisoformat,
    Kind.moment: datetime.fromisoformat,
}
