"""Measures: what is counted or added up for every subject, over which rows of which source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from app.services.language.catalogue import Fact
from app.services.language.checking import Formula
from app.services.language.kinds import BOOL, COUNT, DAYS, RATE, SCALE, Model, Type
from app.services.language.sql import ratio, share, sql
from app.words import Words
from app.workflows.evaluation.dialects import days_from, days_until
from app.workflows.evaluation.parts import Part
from app.workflows.evaluation.pins import Pin, Window, edge, window
from app.workflows.evaluation.sources import Source, sources

Element = sa.ColumnElement[Any]


class Aggregate(Enum):
    """How the rows of a subject become one number."""

    count = "count"
    count_distinct = "count_distinct"
    sum = "sum"
    mean = "mean"
    max = "max"
    min = "min"
    ratio = "ratio"
    days_since_last = "days_since_last"
    days_since_first = "days_since_first"
    days_first_to_last = "days_first_to_last"


WORDS = {
    Aggregate.count: Words("行数", "number of rows"),
    Aggregate.count_distinct: Words("不同值的个数", "number of different values"),
    Aggregate.sum: Words("合计", "sum"),
    Aggregate.mean: Words("平均", "mean"),
    Aggregate.max: Words("最大", "largest"),
    Aggregate.min: Words("最小", "smallest"),
    Aggregate.ratio: Words("合计之比", "ratio of sums"),
    Aggregate.days_since_last: Words("距最近一次的整天数", "whole days since the last"),
    Aggregate.days_since_first: Words("距第一次的整天数", "whole days since the first"),
    Aggregate.days_first_to_last: Words("首末两次相隔整天数", "whole days from the first to the last"),
}

NOTHING_IS_ZERO = frozenset({Aggregate.count, Aggregate.count_distinct, Aggregate.sum})
"""The count or sum of no rows is 0; a mean, an extreme, a ratio, or the days since something that never was, is missing."""

BY_TIME = frozenset({Aggregate.days_since_last, Aggregate.days_since_first, Aggregate.days_first_to_last})


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a scheme; `of`, `over` and `where` are formulas over the facts of its source."""

    key: str
    words: Words
    source: Source
    aggregate: Aggregate
    of: Formula | None
    over: Formula | None
    where: Formula | None
    window: Window
    type: Type

    def fact(self) -> Fact:
        """The measure as a fact for indicators."""
        domain: tuple[Model, Model] | None = None
        if self.aggregate in {Aggregate.count, Aggregate.count_distinct} or self.aggregate in BY_TIME:
            domain = (0, 10**12) if self.type == COUNT else (0, 400_000)
        return Fact(
            self.key,
            self.type,
            zh=self.words.zh,
            en=self.words.en,
            domain=domain,
            nullable=self.aggregate not in NOTHING_IS_ZERO,
        )

    @property
    def used(self) -> tuple[str, ...]:
        """The facts of the source it needs."""
        formulas = (self.of, self.over, self.where)
        return tuple(name for formula in formulas if formula for name in formula.facts)

    # ---- as SQL ----------------------------------------------------------------------------------------------

    def is_in_window(self, pin: Pin) -> Element:
        """Whether a row's time lies in the window and before the as-of moment."""
        start, end = self.window.bounds(pin)
        time, dated = self.source.time, self.source.is_dated
        ends = dict.fromkeys((edge(end, is_dated=dated), edge(pin.as_of, is_dated=dated)))
        tests = [time < one for one in ends]
        return sa.and_(*tests) if start is None else sa.and_(time >= edge(start, is_dated=dated), *tests)

    def condition(self, pin: Pin) -> Element:
        """Whether a row is counted."""
        seen = self.is_in_window(pin)
        return seen if self.where is None else sa.and_(seen, sql(self.where))

    def columns(self, condition: Element | None) -> list[Element]:
        """The aggregates of one pass over the source it is made of; `condition` where the pass has rows of others too."""

        def picked(value: Element) -> Element:
            return value if condition is None else sa.case((condition, value))

        return [
            column.label(f"{self.key}_{index}") for index, column in enumerate(self._aggregates(picked), 1)
        ]

    def _aggregates(self, picked: Any) -> list[Element]:
        kind = self.aggregate
        if kind is Aggregate.count:
            return [sa.func.count(picked(self.source.key))]
        if kind in BY_TIME:
            return [end(picked(self.source.time), type_=self.source.time.type) for end in ENDS[kind]]
        value = _value(self.of)
        if kind is Aggregate.ratio:
            return [_sum(picked(value)), _sum(picked(_value(self.over)))]
        return [make(picked(value)) for make in MAKERS[kind]]

    def value(self, columns: Mapping[str, Element], pin: Pin) -> Element:
        """The measure from the columns of its pass, for a subject that may have no row in it."""
        first = columns[f"{self.key}_1"]
        second = columns.get(f"{self.key}_2")
        if self.aggregate in NOTHING_IS_ZERO:
            return sa.func.coalesce(first, 0, type_=sa.BigInteger())
        if self.aggregate is Aggregate.mean:
            return share(first, second, type_=sa.BigInteger())
        if self.aggregate is Aggregate.ratio:
            return ratio(first, second, type_=sa.BigInteger())
        if self.aggregate is Aggregate.days_first_to_last:
            return days_from(first, second)
        if self.aggregate in BY_TIME:
            return days_until(first, pin)
        return first


def _value(formula: Formula | None) -> Element:
    """A formula over a row as a 64-bit number; a truth counts as 1 or 0."""
    if formula is None:
        raise RuntimeError("a measure without its formula passed the check")
    value = sql(formula)
    return sa.case((value, 1), (sa.not_(value), 0)) if formula.type == BOOL else value


def _sum(value: Element) -> Element:
    return sa.cast(sa.func.sum(value), sa.BigInteger)


ENDS: dict[Aggregate, list[Any]] = {
    Aggregate.days_since_last: [sa.func.max],
    Aggregate.days_since_first: [sa.func.min],
    Aggregate.days_first_to_last: [sa.func.min, sa.func.max],
}
MAKERS: dict[Aggregate, list[Callable[[Element], Element]]] = {
    Aggregate.count_distinct: [lambda value: sa.func.count(value.distinct())],
    Aggregate.sum: [_sum],
    Aggregate.mean: [_sum, sa.func.count],
    Aggregate.max: [lambda value: sa.func.max(value, type_=sa.BigInteger())],
    Aggregate.min: [lambda value: sa.func.min(value, type_=sa.BigInteger())],
}


# ---- from a scheme file ----------------------------------------------------------------------------------------


def measure(key: str, part: Part, subject: str, pin: Pin) -> Measure | None:
    """The measure written there; None when it makes no sense (the problems say why)."""
    words = part.words()
    source = _source(part, subject)
    aggregate = Aggregate(part.option("aggregate", [word.value for word in Aggregate]))
    seen = _window(part)
    if source is None:
        return None
    catalogue = source.catalogue(pin.facts())
    where = part.formula("where", catalogue, BOOL)
    of = part.formula("of", catalogue, needed=aggregate not in BY_TIME and aggregate is not Aggregate.count)
    over = part.formula("over", catalogue, needed=aggregate is Aggregate.ratio)
    part.close()
    type_ = _type(part, source, aggregate, of, over)
    return None if type_ is None else Measure(key, words, source, aggregate, of, over, where, seen, type_)


def _source(part: Part, subject: str) -> Source | None:
    known = [name for name, source in sources().items() if subject in source.subjects]
    name = part.option("source", known)
    return sources().get(name) if part.raw("source") == name else None


def _window(part: Part) -> Window:
    text = str(part.raw("window", "period"))
    found = window(text)
    if found is None:
        part.complain(
            "window",
            "不认识的时间范围“{text}”；可写 本期、上期、去年同期、全部、近 90 天、近 12 个月。",
            "Unknown window '{text}'; write period, previous period, same period last year, all, last 90 days, "
            "last 12 months.",
            text=text,
        )
    return found or Window()


def _type(
    part: Part, source: Source, aggregate: Aggregate, of: Formula | None, over: Formula | None
) -> Type | None:
    """The unit of the measure; None when it has none."""
    if aggregate is Aggregate.count or aggregate in BY_TIME:
        for unused in ("of", "over"):
            if unused in part:
                part.complain(unused, "这种汇总不用此键。", "This aggregate does not use this key.")
        return COUNT if aggregate is Aggregate.count else DAYS
    if of is None:
        return None
    if aggregate is Aggregate.count_distinct:
        return COUNT
    if not _is_addable(part, source, "of", of):
        return None
    if aggregate is Aggregate.ratio:
        return _ratio_type(part, source, of, over)
    return COUNT if of.type == BOOL else of.type


def _ratio_type(part: Part, source: Source, of: Formula, over: Formula | None) -> Type | None:
    if over is None or not _is_addable(part, source, "over", over):
        return None
    first, second = (COUNT if formula.type == BOOL else formula.type for formula in (of, over))
    if first != second:
        part.complain(
            "over",
            "{first}与{second}不能相比。",
            "{first} cannot be set against {second}.",
            first=first.words,
            second=second.words,
        )
        return None
    return RATE


def _is_addable(part: Part, source: Source, key: str, formula: Formula) -> bool:
    names = {column.fact.name for column in source.columns if column.key}
    if (formula.type != BOOL and formula.type.kind not in SCALE) or names & set(formula.facts):
        part.complain(
            key,
            "这里要可以相加的数，却是{type}。",
            "A number that can be added up is expected here, not {type}.",
            type=Words("记录", "a record") if names & set(formula.facts) else formula.type.words,
        )
        return False
    return True


def by_source(measures: Iterable[Measure]) -> dict[str, list[Measure]]:
    """The measures of each source: they share one pass over it."""
    groups: dict[str, list[Measure]] = {}
    for one in measures:
        groups.setdefault(one.source.name, []).append(one)
    return groups
