"""The kinds of value, their units, and how a value is written, stored and shown.

A *raw* value is what the databases hold: integers in the smallest unit (R1), dates, UTC moments, words, truths.
A *model* value is what the models show: `Decimal` for money, quantities, rates and points.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum, auto
from fractions import Fraction

from app.services.language.problems import refuse
from app.words import Words, say

Raw = bool | int | str | dt.date | dt.datetime
Model = Raw | Decimal


class Kind(StrEnum):
    """What sort of thing a value is; two values meet only in the same kind."""

    bool = auto()
    count = auto()  # type: ignore[assignment] # hides `str.count`, which no word needs
    money = auto()
    quantity = auto()
    rate = auto()
    points = auto()
    days = auto()
    date = auto()
    moment = auto()
    text = auto()
    choice = auto()


@dataclass(frozen=True, slots=True)
class Type:
    """A kind, and for a choice the name of the vocabulary its words come from."""

    kind: Kind
    of: str | None = None

    @property
    def words(self) -> Words:
        name = KIND_WORDS[self.kind]
        return say(zh="{name}（{of}）", en="{name} ({of})", name=name, of=self.of) if self.of else name


BOOL, COUNT, MONEY, QUANTITY, RATE, POINTS, DAYS, DATE, MOMENT, TEXT = (
    Type(kind) for kind in list(Kind)[:-1]
)


def choice(of: str) -> Type:
    """The type of the words of one vocabulary."""
    return Type(Kind.choice, of)


KIND_WORDS = {
    Kind.bool: say(zh="是否", en="yes or no"),
    Kind.count: say(zh="计数", en="count"),
    Kind.money: say(zh="金额", en="money"),
    Kind.quantity: say(zh="数量", en="quantity"),
    Kind.rate: say(zh="比率", en="rate"),
    Kind.points: say(zh="分数", en="points"),
    Kind.days: say(zh="天数", en="days"),
    Kind.date: say(zh="日期", en="date"),
    Kind.moment: say(zh="时刻", en="moment"),
    Kind.text: say(zh="文本", en="text"),
    Kind.choice: say(zh="选项", en="choice"),
}

SCALE = {
    Kind.count: 1,
    Kind.money: 10_000,
    Kind.quantity: 1_000,
    Kind.rate: 1_000_000,
    Kind.points: 100,
    Kind.days: 1,
}
"""Raw units in one shown unit; the kinds that are numbers."""

LARGEST_NUMBER = 10**18

DEFAULT_DOMAIN: dict[Kind, tuple[int, int]] = {
    Kind.count: (-(10**12), 10**12),
    Kind.money: (-(10**15), 10**15),
    Kind.quantity: (-(10**15), 10**15),
    Kind.rate: (-(10**9), 10**9),
    Kind.points: (-(10**9), 10**9),
    Kind.days: (-400_000, 400_000),
    Kind.date: (dt.date(1900, 1, 1).toordinal(), dt.date(2999, 12, 31).toordinal()),
}
"""Raw bounds assumed for a fact that declares none; dates as day numbers."""

UNITS: dict[str, tuple[Kind, Fraction]] = {
    "": (Kind.count, Fraction(1)),
    "%": (Kind.rate, Fraction(1, 100)),
    "‰": (Kind.rate, Fraction(1, 1000)),
    **dict.fromkeys(("元", "CNY", "yuan", "¥"), (Kind.money, Fraction(1))),
    **dict.fromkeys(("万", "万元"), (Kind.money, Fraction(10_000))),
    **dict.fromkeys(("亿", "亿元"), (Kind.money, Fraction(100_000_000))),
    **dict.fromkeys(("天", "日", "days", "day", "d"), (Kind.days, Fraction(1))),
    **dict.fromkeys(("分", "points", "point", "pt"), (Kind.points, Fraction(1))),
    **dict.fromkeys(("单位", "units", "unit"), (Kind.quantity, Fraction(1))),
}
"""The words a number may carry. 万 and 亿 alone are money, as in a written policy; a bare number is a count."""


def unit_pattern() -> str:
    """A number with its unit, as a regular expression for the lexer."""
    signs = sorted((unit for unit in UNITS if unit and not unit.isascii()), key=len, reverse=True)
    names = sorted((unit for unit in UNITS if unit.isascii() and unit.isalpha()), key=len, reverse=True)
    units = rf"%|{'|'.join(signs)}|(?:{'|'.join(names)})(?![A-Za-z0-9_])"
    return rf"(?:(?:CNY|¥)\s*)?[0-9]+(?:\.[0-9]+)?(?:\s*(?:{units}))?"


_NUMBER = re.compile(r"(CNY|¥)?\s*([0-9]+)(?:\.([0-9]+))?\s*(\D*)")


def read_number(text: str, position: int | None = None) -> tuple[Type, int]:
    """The type and raw value of a written number such as `15 %`, `50万`, `CNY 1.5`, `30天`, `3`."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise refuse("「{text}」不是数字", "“{text}” is not a number", position, text=text[:40])
    prefix, whole, part, unit = found.groups()
    kind, multiple = UNITS[unit or prefix or ""]
    if prefix and unit and kind is not Kind.money:
        raise refuse(
            "金额不能再带单位「{unit}」", "Money cannot carry the unit “{unit}” as well", position, unit=unit
        )
    if len(whole) > 18 or len(part or "") > 12:  # noqa: PLR2004 - the digits 64 bits can hold
        raise refuse("数字太长：{text}…", "The number is too long: {text}…", position, text=text[:20])
    exact = Fraction(f"{whole}.{part or 0}") * multiple * SCALE[kind]
    if exact.denominator != 1:
        raise refuse(
            "「{text}」比{kind}的最小单位 {step} 更细",
            "“{text}” is finer than the smallest unit of {kind}, {step}",
            position,
            text=text,
            kind=KIND_WORDS[kind],
            step=show(Type(kind), 1, "en"),
        )
    if exact > LARGEST_NUMBER:
        raise refuse("数字太大：{text}", "The number is too large: {text}", position, text=text)
    return Type(kind), int(exact)


def read_moment(text: str, zone: dt.tzinfo, position: int | None = None) -> dt.datetime:
    """The UTC moment of a written one; without an offset it is meant in the company's time zone."""
    try:
        moment = dt.datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise refuse("没有「{text}」这个时刻", "There is no moment “{text}”", position, text=text) from error


def read_date(text: str, position: int | None = None) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise refuse("没有「{text}」这一天", "There is no day “{text}”", position, text=text) from error


def show(type_: Type, raw: Raw, tongue: str, zone: dt.tzinfo = dt.UTC) -> str:
    """The raw value as it is written in a formula; reading it back gives the same value.

    The word of a choice is not translated here: the catalogue knows its label.
    """
    if isinstance(raw, bool):
        return {("zh", True): "是", ("zh", False): "否", ("en", True): "true", ("en", False): "false"}[
            tongue, raw
        ]
    if isinstance(raw, int):
        return _show_number(type_.kind, raw, tongue)
    if isinstance(raw, dt.datetime):
        try:
            return raw.astimezone(zone).isoformat(sep=" ")
        except OverflowError:
            return raw.isoformat(sep=" ")
    return raw.isoformat() if isinstance(raw, dt.date) else json.dumps(raw, ensure_ascii=False)


def _show_number(kind: Kind, raw: int, tongue: str) -> str:
    sign, size = ("-" if raw < 0 else ""), abs(raw)
    if kind is Kind.money and tongue == "zh" and size and size % 10**8 == 0:
        return f"{sign}{size // 10**8}万元"
    shown = plain(Fraction(size * (100 if kind is Kind.rate else 1), SCALE[kind]))
    pattern = NUMBER_FORMS[tongue].get(kind, "{}")
    return sign + pattern.format(shown)


NUMBER_FORMS = {
    "zh": {
        Kind.money: "{}元",
        Kind.rate: "{}%",
        Kind.points: "{}分",
        Kind.days: "{}天",
        Kind.quantity: "{}单位",
    },
    "en": {
        Kind.money: "CNY {}",
        Kind.rate: "{}%",
        Kind.points: "{} points",
        Kind.days: "{} days",
        Kind.quantity: "{} units",
    },
}


def plain(number: Fraction) -> str:
    """A decimal fraction in digits, without exponent or trailing zeros."""
    digits = f"{number.numerator * 10**12 // number.denominator:013d}"
    return f"{digits[:-12]}.{digits[-12:]}".rstrip("0").rstrip(".")


def typed(type_: Type, raw: Raw) -> str:
    """A raw value as a person types it, in the unit of its kind."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        return str(raw)
    sign, hundred = ("-" if raw < 0 else ""), 100 if type_.kind is Kind.rate else 1
    return sign + plain(Fraction(abs(raw) * hundred, SCALE[type_.kind]))


def to_raw(type_: Type, value: object) -> Raw | None:
    """The raw value of a model value; a whole number for money means whole units. Refuses what does not fit."""
    if value is None:
        return None
    raw = _TO_RAW[type_.kind](type_.kind, value)
    if raw is None or not is_storable(raw):
        raise refuse(
            "{value} 不能作为{kind}",
            "{value} cannot be used as {kind}",
            value=repr(value)[:60],
            kind=type_.words,
        )
    return raw


def to_model(type_: Type, raw: Raw | None) -> Model | None:
    """The model value of a raw value."""
    if raw is None or type_.kind not in SCALE or SCALE[type_.kind] == 1:
        return raw
    return Decimal(int(raw)) / SCALE[type_.kind]  # type: ignore[arg-type] # a scaled kind holds an integer


def is_storable(raw: Raw) -> bool:
    """Whether both databases can hold the value: 64-bit numbers, text without control characters."""
    if isinstance(raw, str):
        return raw.isprintable() and raw.encode("utf-8", "replace").decode("utf-8") == raw
    return not isinstance(raw, int) or abs(raw) <= LARGEST_NUMBER


def _number(kind: Kind, value: object) -> Raw | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        return None
    if abs(Decimal(value).adjusted()) > 40:  # noqa: PLR2004 - beyond any stored number; keeps the fraction small
        return None
    exact = Fraction(value) * SCALE[kind]
    return int(exact) if exact.denominator == 1 else None


def _moment(_: Kind, value: object) -> Raw | None:
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        return None
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        return None


def _date(_: Kind, value: object) -> Raw | None:
    return value if isinstance(value, dt.date) and not isinstance(value, dt.datetime) else None


_TO_RAW: dict[Kind, Callable[[Kind, object], Raw | None]] = {
    **dict.fromkeys(SCALE, _number),
    Kind.bool: lambda _, value: value if isinstance(value, bool) else None,
    Kind.date: _date,
    Kind.moment: _moment,
    Kind.text: lambda _, value: str(value) if isinstance(value, str) else None,
    Kind.choice: lambda _, value: str(value) if isinstance(value, str) else None,
}
