"""Raw values as people read them: grouped, with their unit, in both languages. Formulas are written by the language."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.extensions import company
from app.services.language.catalogue import Catalogue
from app.services.language.kinds import BOOL, POINTS, SCALE, Kind, Type
from app.words import Words

NOTHING = Words("无数据", "no data")
BLANK = Words("-", "-")
UNITS = {
    Kind.money: Words("{}元", "CNY {}"),
    Kind.rate: Words("{}%", "{}%"),
    Kind.points: Words("{}分", "{} points"),
    Kind.days: Words("{}天", "{} days"),
}
PLACES = {Kind.money: (2, 4), Kind.rate: (0, 2), Kind.points: (0, 2), Kind.quantity: (0, 3)}
"""How many decimals are shown, at least and at most."""


def spoken(type_: Type, raw: Any, catalogue: Catalogue | None = None, nothing: Words = NOTHING) -> Words:
    """The raw value as people read it; `catalogue` knows the names of choices."""
    if raw is None:
        return nothing
    if type_.kind in SCALE:
        text = _number(type_.kind, int(raw))
        unit = UNITS.get(type_.kind, Words("{}", "{}"))
        return Words(unit.zh.format(text), unit.en.format(text))
    if type_ == BOOL:
        return Words("是", "yes") if raw else Words("否", "no")
    if type_.kind is Kind.choice and catalogue is not None:
        return catalogue.choices.get(type_.of or "", {}).get(str(raw)) or Words(str(raw), str(raw))
    text = when(raw) if isinstance(raw, date) else str(raw)
    return Words(text, text)


def spoken_mean(type_: Type, value: Decimal | None) -> Words:
    """What was worked out of raw values, in whole units, as people read it: to two decimals, also where a value has none."""
    if value is None:
        return BLANK
    shown = value * 100 if type_.kind is Kind.rate else value
    text = f"{shown.quantize(Decimal('0.01'), ROUND_HALF_UP):,f}"
    unit = UNITS.get(type_.kind, Words("{}", "{}"))
    return Words(unit.zh.format(text), unit.en.format(text))


def points(raw: int) -> Words:
    return spoken(POINTS, raw)


def when(at: date) -> str:
    """A moment in company time to the minute, or a date."""
    if not isinstance(at, datetime):
        return at.isoformat()
    return at.astimezone(company.zone).strftime("%Y-%m-%d %H:%M")


def _number(kind: Kind, raw: int) -> str:
    least, most = PLACES.get(kind, (0, 0))
    value = Decimal(raw) * (100 if kind is Kind.rate else 1) / SCALE[kind]
    text = f"{value.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP):,f}"
    while len(text.partition(".")[2]) > least and text.endswith("0"):
        text = text[:-1]
    return text.rstrip(".")
