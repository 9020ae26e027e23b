"""Measures: what is counted or added up for every subject, over which rows of which source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from app.columns import MomentType
from app.extensions import company
from app.services.language.catalogue import Fact
from app.services.language.checking import Formula, check
from app.services.language.kinds import BOOL, COUNT, DATE, DAYS, MOMENT, RATE, SCALE, Model, Type
from app.services.language.sql import ratio, share, sql
from app.services.language.trees import Name
from app.words import Words
from app.workflows.evaluation.dialects import company_day, days_from, days_until
from app.workflows.evaluation.parts import Part
from app.workflows.evaluation.pins import Pin, Window, edge, months_before, window
from app.workflows.evaluation.sources import Column, Join, Source, sources

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
    months = "months"
    days = "days"


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
    Aggregate.months: Words("有记录的月数", "months with a row"),
    Aggregate.days: Words("有记录的天数", "days with a row"),
}

BARE = frozenset({Aggregate.count, Aggregate.months, Aggregate.days})
"""What is counted without saying of what."""

COUNTS = BARE | {Aggregate.count_distinct}
NOTHING_IS_ZERO = frozenset({*COUNTS, Aggregate.sum})
"""The count or sum of no rows is 0; a mean, an extreme, a ratio, or the days since something that never was, is missing."""

BY_TIME = frozenset({Aggregate.days_since_last, Aggregate.days_since_first, Aggregate.days_first_to_last})


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, half-open; without a first moment it begins with the first row."""

    first: Any
    until: Any

    def tests(self, time: Element, given: Stretch | None = None) -> list[Element]:
        """What a time in it fulfils, beyond lying in a span that is given."""
        tests = [] if self.first is None or (given and self.first == given.first) else [time >= self.first]
        return tests if given and self.until == given.until else [*tests, time < self.until]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a scheme; `of`, `over` and `where` are formulas over the facts of its source.

    `time` is when a row counts (`at` names another fact than the source's own); `is_whole` adds up the rows of all
    subjects, so that each can be set against the whole; `is_again` takes the rows of later company days than that of the
    subject's first row that counts: what is bought again.
    """

    key: str
    words: Words
    source: Source
    aggregate: Aggregate
    of: Formula | None
    over: Formula | None
    where: Formula | None
    window: Window
    type: Type
    time: Element
    is_whole: bool = False
    is_again: bool = False

    @property
    def is_dated(self) -> bool:
        """Whether its time is a company date, not a moment."""
        return not isinstance(self.time.type, MomentType)

    def fact(self) -> Fact:
        """The measure as a fact for indicators."""
        domain: tuple[Model, Model] | None = None
        if self.aggregate in COUNTS or self.aggregate in BY_TIME:
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

    def read(self) -> Iterator[Column]:
        """The columns it rests on, also through what is measured of each row."""
        for column in self.source.columns:
            if column.fact.name in self.used:
                yield column
                yield from column.behind

    # ---- as SQL ----------------------------------------------------------------------------------------------

    def stretch(self, pin: Pin) -> Stretch:
        """From when (None: ever) to before when a row counts: the window, and the as-of moment."""
        start, end = self.window.bounds(pin)
        first = None if start is None else edge(start, is_dated=self.is_dated)
        ends: list[Any] = [edge(one, is_dated=self.is_dated) for one in (end, pin.as_of)]
        return Stretch(first, min(ends))

    def is_in_window(self, pin: Pin) -> Element:
        """Whether a row's time lies in the window and before the as-of moment."""
        return sa.and_(*self.stretch(pin).tests(self.time))

    def condition(self, pin: Pin, given: Stretch | None = None) -> Element | None:
        """Whether a row is counted, of those whose time lies in a span; None where all of these are."""
        tests = self.stretch(pin).tests(self.time, given)
        if self.where is not None:
            tests.append(sql(self.where))
        return sa.and_(*tests) if tests else None

    def is_later(self, time: Element, first: Element) -> Element:
        """Whether the day of a row is later than that of the first."""
        return time > first if self.is_dated else company_day(time) > company_day(first)

    def first_time(self, subject: str, subject_id: int, pin: Pin) -> Element:
        """When the first row of a subject is that counts."""
        whose, counts = self.source.subjects[subject] == subject_id, self.condition(pin)
        return (
            sa.select(sa.func.min(self.time, type_=self.time.type))
            .select_from(self.source.rows(self.used, subject))
            .where(whose, self.source.stands, sa.true() if counts is None else counts)
            .scalar_subquery()
        )

    def columns(
        self, condition: Element | None, pin: Pin, rows: Mapping[str, Element] | None = None
    ) -> list[Element]:
        """The aggregates of one pass over the source it is made of; `condition` where the pass has rows of others too.

        `rows` are the facts of a sub-query, and their `TIME`, where the pass reads one.
        """
        found = self._aggregates(pin, rows)
        picked = found if condition is None else [one.filter(condition) for one in found]
        # Sums of 64-bit numbers are wider on PostgreSQL.
        summed = [
            sa.cast(one, sa.BigInteger) if raw.name == "sum" else one
            for one, raw in zip(picked, found, strict=True)
        ]
        return [column.label(f"{self.key}_{index}") for index, column in enumerate(summed, 1)]

    def _aggregates(self, pin: Pin, rows: Mapping[str, Element] | None) -> list[sa.Function[Any]]:
        kind, time = self.aggregate, self.time if rows is None else rows[TIME]
        if kind is Aggregate.count:
            return [sa.func.count()]
        if kind is Aggregate.months:
            return [sa.func.count(self._month(pin, time).distinct())]
        if kind is Aggregate.days:
            return [sa.func.count((time if self.is_dated else company_day(time)).distinct())]
        if kind in BY_TIME:
            return [end(time, type_=time.type) for end in ENDS[kind]]
        value = _value(self.of, rows)
        if kind is Aggregate.ratio:
            return [sa.func.sum(value), sa.func.sum(_value(self.over, rows))]
        return [make(value) for make in MAKERS[kind]]

    def _month(self, pin: Pin, time: Element) -> Element:
        """Which company month of its window a row lies in, counted from the first."""
        start, end = (_day(one) for one in self.window.bounds(pin))
        edges = list(months_within(start, end)) if start and end else []
        passed = [sa.case((time >= edge(day, is_dated=self.is_dated), 1), else_=0) for day in edges]
        return sum(passed[1:], passed[0]) if passed else sa.literal(0, sa.Integer())

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


TIME = "time of the row"


def _value(formula: Formula | None, rows: Mapping[str, Element] | None) -> Element:
    """A formula over a row as a 64-bit number; a truth counts as 1 or 0."""
    if formula is None:
        raise RuntimeError("a measure without its formula passed the check")
    value = sql(formula, rows)
    return sa.case((value, 1), (sa.not_(Grouping(value)), 0)) if formula.type == BOOL else value


ENDS: dict[Aggregate, list[Any]] = {
    Aggregate.days_since_last: [sa.func.max],
    Aggregate.days_since_first: [sa.func.min],
    Aggregate.days_first_to_last: [sa.func.min, sa.func.max],
}
MAKERS: dict[Aggregate, list[Callable[[Element], sa.Function[Any]]]] = {
    Aggregate.count_distinct: [lambda value: sa.func.count(value.distinct())],
    Aggregate.sum: [sa.func.sum],
    Aggregate.mean: [sa.func.sum, sa.func.count],
    Aggregate.max: [lambda value: sa.func.max(value, type_=sa.BigInteger())],
    Aggregate.min: [lambda value: sa.func.min(value, type_=sa.BigInteger())],
}


# ---- from a scheme file ----------------------------------------------------------------------------------------


def measure(key: str, part: Part, subject: str, pin: Pin, *, nested: bool = False) -> Measure | None:
    """The measure written there; None when it makes no sense (the problems say why)."""
    words = part.words()
    whole = part.truth("whole", default=False)
    source = _source(part, None if whole else subject)
    aggregate = Aggregate(part.option("aggregate", [word.value for word in Aggregate]))
    seen = _window(part)
    if source is None:
        return None
    if "with" in part and not nested:
        source = _each(key, part, source, pin)
    time = _time(part, source)
    catalogue = source.catalogue(pin.facts())
    where = part.formula("where", catalogue, BOOL)
    of = part.formula("of", catalogue, needed=aggregate not in BY_TIME | BARE)
    over = part.formula("over", catalogue, needed=aggregate is Aggregate.ratio)
    again = part.truth("again", default=False)
    part.close()
    type_ = _type(part, source, aggregate, of, over)
    if aggregate is Aggregate.months and seen.bounds(pin)[0] is None:
        part.complain("window", "按月计数要有起点。", "Counting months needs a window that begins somewhere.")
    if type_ is None:
        return None
    if again and whole:
        part.complain("again", "合计所有对象时没有首日。", "The rows of all subjects have no first day.")
    return Measure(
        key, words, source, aggregate, of, over, where, seen, type_, time, is_whole=whole, is_again=again
    )


def _source(part: Part, subject: str | None) -> Source | None:
    every = sources()
    known = [name for name, source in every.items() if subject is None or subject in source.subjects]
    name = part.option("source", known)
    return every.get(name) if part.raw("source") == name else None


def _time(part: Part, source: Source) -> Element:
    """When a row counts: the source's own time, or another day or moment of it."""
    times = [
        column.fact for column in source.columns if column.fact.type in (DATE, MOMENT) and not column.via
    ]
    name = part.option("at", [fact.name for fact in times]) if "at" in part else None
    found = next((fact.expression for fact in times if fact.name == name), None)
    return source.time if found is None else found


def _each(key: str, part: Part, source: Source, pin: Pin) -> Source:
    """A source whose rows are subjects, with measures of each of them as further facts."""
    if source.record is None:
        part.complain("with", "该来源的行不是评价对象。", "The rows of this source are no subjects.")
        return source
    inner = [measure(name, one, source.record, pin, nested=True) for name, one in part.named("with")]
    joins, columns = dict(source.joins), list(source.columns)
    for group in by_source(one for one in inner if one is not None):
        via = f"each_{key}_{group[0].source.name}" + ("_whole" if group[0].is_whole else "")
        rows = passed(group, source.record, pin).subquery(via)
        on = sa.true() if group[0].is_whole else rows.c.subject_id == source.key
        joins[via] = Join(rows, on)
        known: Mapping[str, Element] = dict(rows.c.items())
        columns += [
            Column(replace(one.fact(), expression=one.value(known, pin)), via, behind=tuple(one.read()))
            for one in group
        ]
    return replace(source, joins=joins, columns=tuple(columns))


def passed(
    measures: Sequence[Measure], subject: str, pin: Pin, only: Sequence[int] | None = None
) -> sa.Select[Any]:
    """One pass over a source for all these measures: a common condition filters, differing ones choose the rows.

    With `only`, over the rows of these subjects alone.
    """
    source, whole = measures[0].source, measures[0].is_whole
    if measures[0].is_again:
        return _again(measures[0], subject, pin, only)
    span = _hull(measures, pin)
    conditions = [measure.condition(pin, span) for measure in measures]
    same = all(_is_same(condition, conditions[0]) for condition in conditions)
    columns = [
        column
        for measure, condition in zip(measures, conditions, strict=True)
        for column in measure.columns(None if same else condition, pin)
    ]
    used = [name for measure in measures for name in measure.used]
    counted = [*(span.tests(measures[0].time) if span else ()), source.stands]
    if same:
        counted += [one for one in conditions[:1] if one is not None]
    elif span is None:
        counted.append(sa.or_(*(one for one in conditions if one is not None)))
    if whole:
        return sa.select(*columns).select_from(source.rows(used)).where(*counted)
    column = source.subjects[subject]
    whose = column.is_not(None) if only is None else column.in_(only)
    return (
        sa.select(column.label("subject_id"), *columns)
        .select_from(source.rows(used, subject))
        .where(whose, *counted)
        .group_by(column)
    )


def _again(measure: Measure, subject: str, pin: Pin, only: Sequence[int] | None = None) -> sa.Select[Any]:
    """One pass over the rows a measure counts, each beside the first of its subject."""
    source, counts = measure.source, measure.condition(pin)
    whose, catalogue = source.subjects[subject], source.catalogue(pin.facts())
    first = sa.func.min(measure.time, type_=measure.time.type).over(partition_by=whose)
    facts = [sql(check(Name(name), catalogue)).label(name) for name in dict.fromkeys(measure.used)]
    rows = (
        sa.select(whose.label("whose"), measure.time.label(TIME), first.label("first"), *facts)
        .select_from(source.rows(measure.used, subject))
        .where(whose.is_not(None) if only is None else whose.in_(only), source.stands)
        .where(sa.true() if counts is None else counts)
        .subquery(f"rows_of_{measure.key}")
    )
    known: dict[str, Element] = dict(rows.c.items())
    counted = (
        sa.select(rows.c.whose.label("subject_id"), *measure.columns(None, pin, known))
        .where(measure.is_later(rows.c[TIME], rows.c.first))
        .group_by(rows.c.whose)
        .cte(f"again_{measure.key}")
        .prefix_with("MATERIALIZED")  # without statistics it would be worked out for each subject anew
    )
    return sa.select(*counted.c)


def _hull(measures: Sequence[Measure], pin: Pin) -> Stretch | None:
    """The stretch that holds the windows of all; None where they go by different times."""
    if any(not one.time.compare(measures[0].time) for one in measures):
        return None
    spans = [measure.stretch(pin) for measure in measures]
    firsts = [span.first for span in spans]
    return Stretch(None if None in firsts else min(firsts), max(span.until for span in spans))


def _is_same(one: Element | None, other: Element | None) -> bool:
    return one is other or (one is not None and other is not None and one.compare(other))


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
    if aggregate in BARE | BY_TIME:
        for unused in ("of", "over"):
            if unused in part:
                part.complain(unused, "这种汇总不用此键。", "This aggregate does not use this key.")
        return DAYS if aggregate in BY_TIME else COUNT
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


def by_source(measures: Iterable[Measure]) -> list[list[Measure]]:
    """The measures that share a pass: those of one source over the same rows, of each subject or of all.

    One that wants the first row of each subject has a pass of its own.
    """
    groups: dict[Any, list[Measure]] = {}
    for one in measures:
        alike = (one.source.name, one.is_whole, tuple(one.source.joins), one.key if one.is_again else "")
        groups.setdefault(alike, []).append(one)
    return list(groups.values())


def _day(when: date | datetime | None) -> date | None:
    return when.astimezone(company.zone).date() if isinstance(when, datetime) else when


def months_within(start: date, end: date) -> Iterator[date]:
    """The first days of the months that begin after one day and before another."""
    day = months_before(start.replace(day=1), -1)
    while day < end:
        yield day
        day = months_before(day, -1)
