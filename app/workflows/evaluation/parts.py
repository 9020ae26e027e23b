"""Reading a scheme file place by place: what is wrong is collected with where it stands, not raised at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from app.errors import Problem
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, parse
from app.services.language.kinds import POINTS, SCALE, Type, read_number
from app.services.language.problems import BadFormula
from app.words import Words, say

MISSING: Any = object()
SIGN = re.compile(r"((?:CNY|¥)?\s*)[-−]\s*(.*)")
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Problems:
    """What was found wrong so far; a place is told once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, place: str, zh: str, en: str, /, **values: object) -> None:
        self.found.append(Problem(say(zh, en, **values), field=place))


class Part:
    """One mapping of a scheme file and its place in it. Keys nobody asked for are reported by `close`."""

    def __init__(self, body: Any, place: str, problems: Problems) -> None:
        self.place = place
        self.problems = problems
        self.body: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        self.asked: set[str] = set()
        if not isinstance(body, Mapping):
            problems.add(place, "这里要写成“键: 值”。", "Keys with values are expected here.")

    def at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def complain(self, key: str, zh: str, en: str, /, **values: object) -> None:
        self.problems.add(self.at(key), zh, en, **values)

    def raw(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return self.body.get(key, default)

    def __contains__(self, key: str) -> bool:
        self.asked.add(key)
        return self.body.get(key) is not None

    def text(self, key: str, *, needed: bool = True) -> str:
        """A text; an empty one where it is missing."""
        value = self.raw(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or needed:
            self.complain(key, "缺少文字“{key}”。", "The text '{key}' is missing.", key=key)
        return ""

    def words(self) -> Words:
        return Words(self.text("zh"), self.text("en"))

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        value = self.raw(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.complain(
            key,
            "应为 {low} 到 {high} 的整数。",
            "A whole number from {low} to {high} is expected.",
            low=low,
            high=high,
        )
        return default

    def option(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        """One of several words."""
        value = self.raw(key, default)
        if isinstance(value, str) and value in options:
            return value
        listed = "、".join(options), ", ".join(options)
        self.complain(key, "应为以下之一：{it}。", "One of these is expected: {it}.", it=Words(*listed))
        return default or options[0]

    def truth(self, key: str, *, default: bool) -> bool:
        value = self.raw(key, default)
        if isinstance(value, bool):
            return value
        self.complain(key, "应为 true 或 false。", "It must be true or false.")
        return default

    def rate(self, key: str, default: int | None) -> int | None:
        """A share such as `30 %`, in 1/10,000."""
        value = self.raw(key)
        if value is None:
            return default
        number = decimal(str(value).replace("%", "").strip())
        units = None if number is None else number * 100
        if units is None or units != units.to_integral_value() or not 0 <= units <= MOST_RATE:
            self.complain(key, "应为百分数，如 30 %。", "A percentage such as 30 % is expected.")
            return default
        return int(units)

    def points(self, key: str, default: int | None = None) -> int | None:
        """Points such as `85` or `62.5 points`, in 1/100."""
        value = self.raw(key)
        return default if value is None else self.points_of(value, key, default)

    def points_of(self, value: Any, key: str, default: int | None = None) -> int | None:
        number = decimal(str(value).replace("points", "").replace("分", "").strip())
        units = None if number is None else number * SCALE[POINTS.kind]
        if units is None or units != units.to_integral_value() or not 0 <= units <= MOST_POINTS:
            self.complain(key, "应为 0 到 100 的分数。", "Points from 0 to 100 are expected.")
            return default
        return int(units)

    def amount(self, key: str, type_: Type) -> int | None:
        """A value of this type with its unit, raw; None where it is missing or wrong."""
        value = self.raw(key)
        if value is None:
            return None
        text = str(value).strip()
        below = SIGN.fullmatch(text)
        sign, digits = (-1, f"{below[1]}{below[2]}") if below else (1, text)
        try:
            found, raw = read_number(digits)
        except (BadFormula, KeyError) as error:
            words = error.words if isinstance(error, BadFormula) else Words(text, text)
            self.problems.found.append(Problem(words, field=self.at(key)))
            return None
        if found != type_:
            self.complain(
                key,
                "这里要{wanted}，“{text}”却是{found}。",
                "{wanted} is expected here; '{text}' is {found}.",
                wanted=type_.words,
                found=found.words,
                text=text,
            )
            return None
        return sign * raw

    def formula(
        self, key: str, catalogue: Catalogue, expects: Type | None = None, *, needed: bool = False
    ) -> Formula | None:
        """The formula written there; None where it is missing or wrong."""
        if not needed and key not in self:
            return None
        value = self.raw(key)
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(key)
        if not text:
            return None
        try:
            return parse(text, catalogue, expects)
        except BadFormula as error:
            self.problems.found.append(Problem(error.words, field=self.at(key)))
            return None

    def part(self, key: str) -> Part:
        return Part(self.raw(key), self.at(key), self.problems)

    def parts(self, key: str) -> Iterator[Part]:
        """The mappings of a list."""
        value = self.raw(key)
        if not isinstance(value, list) or not value:
            self.complain(key, "这里要写一个列表。", "A list is expected here.")
            return
        for index, item in enumerate(value):
            yield Part(item, f"{self.at(key)}[{index + 1}]", self.problems)

    def named(self, key: str) -> Iterator[tuple[str, Part]]:
        """The mappings of a mapping, with their keys."""
        value = self.raw(key)
        if not isinstance(value, Mapping) or not value:
            self.complain(key, "这里要写“键: 值”。", "Keys with values are expected here.")
            return
        for name, item in value.items():
            if not isinstance(name, str) or KEY.fullmatch(name) is None:
                self.complain(
                    key,
                    "“{name}”不能作键：以小写字母开头，只含小写字母、数字和下划线。",
                    "'{name}' cannot be a key: lower-case letters, digits and underscores, a letter first.",
                    name=name,
                )
            yield str(name), Part(item, f"{self.at(key)}.{name}", self.problems)

    def close(self) -> None:
        """Report keys nobody asked for: a misspelt one must not pass silently."""
        for key in self.body:
            if key not in self.asked:
                self.complain(str(key), "不认识的键“{key}”。", "Unknown key '{key}'.", key=key)


MOST_POINTS = 10_000
MOST_RATE = 1_000_000


def decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
