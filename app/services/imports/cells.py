"""One cell of a file as the value of a field: cleaned, read in the spellings people use, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

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


class Read(NamedTuple):
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
        self.is_line = target.field.kind in {Kind.text, Kind.sealed}
        self._clean = self._cleaner()
        self._seen: dict[Any, Read] = {}

    def read(self, cell: sheets.Cell) -> Read:
        """The value of a cell that holds one."""
        key = cell if type(cell) is str else (type(cell), cell)
        found = self._seen.get(key)
        if found is None:
            found = self._read(cell)
            if len(self._seen) < CACHED:
                self._seen[key] = found
        return found

    def _read(self, cell: sheets.Cell) -> Read:
        try:
            if isinstance(cell, str):
                return self._spelled(self._clean(cell))
            raw, changed = (None, False) if cell is None else self._typed(cell)
            return Read(self._value(raw), cleaned=changed)
        except values.BadValue as error:
            return Read(refused=error.words)

    def _spelled(self, clean: sheets.Cleaned) -> Read:
        """The value of a text. One of a single line needs no second cleaning. Raises `BadValue`."""
        text = clean.text
        if clean.refused:
            return Read(
                refused=say("{label}{why}", "{label} {why}", label=self.field.label, why=clean.refused)
            )
        if self.is_line and text and text not in self.words:
            return Read(values.fitting(self.field, text), cleaned=clean.changed)
        return Read(self._value(self.words.get(text, text)), cleaned=clean.changed)

    def _cleaner(self) -> Callable[[str], sheets.Cleaned]:
        if self.field.kind is Kind.long:
            return sheets.cleaned_text
        if self.is_code and self.field.info.form == "credit_code":
            return _without_blanks
        return sheets.cleaned_code if self.is_code else sheets.cleaned_name

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


def _without_blanks(text: str) -> sheets.Cleaned:
    clean = sheets.cleaned_code(text)
    return replace(clean, text=clean.text.replace(" ", ""), changed=True) if " " in clean.text else clean


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
    restore = restorer(field)
    return value if value is None or restore is None else restore(value)


def restorer(field: Field) -> Callable[[Any], Any] | None:
    """What makes a value of this field of what a staged row held; nothing where that is the value itself."""
    return field.choices.__members__.__getitem__ if field.choices is not None else _RESTORE.get(field.kind)


_RESTORE: dict[Kind, Callable[[Any], Any]] = {
    Kind.money: Decimal,
    Kind.quantity: Decimal,
    Kind.rate: Decimal,
    Kind.points: Decimal,
    Kind.date: date.fromisoformat,
    Kind.moment: datetime.fromisoformat,
}
