"""What the two databases say differently: whole days between moments, and the order of codes.

Days are exact to the microsecond, and floored: a day counts once it is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.extensions import company
from app.services.language.sql import days_between
from app.workflows.evaluation.pins import Pin

Element = sa.ColumnElement[Any]


class _MomentsApart(FunctionElement[int]):
    """Whole days from an earlier moment to a later one."""

    inherit_cache = True
    name = "whole_days"
    type = sa.BigInteger()


SQLITE = (
    "(SELECT (strftime('%s', substr(b, 1, 19)) - strftime('%s', substr(a, 1, 19)) "
    "- (substr(b, 20) < substr(a, 20))) / 86400 FROM (SELECT {start} AS a, {end} AS b))"
)


@compiles(_MomentsApart, "sqlite")
def _on_sqlite(element: _MomentsApart, compiler: SQLCompiler, **options: Any) -> str:
    """Moments are text there, `2026-01-31 08:00:00.000000`: whole seconds, less one where the fraction is behind."""
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return SQLITE.format(start=start, end=end)


@compiles(_MomentsApart, "postgresql")
def _on_postgresql(element: _MomentsApart, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(floor(extract(epoch FROM (({end}) - ({start}))) / 86400) AS BIGINT)"


class hours_between(FunctionElement[int]):  # noqa: N801 - SQLAlchemy names functions in lower case
    """Hours from a moment to a later one, by the clock, in 1/1,000 as quantities are."""

    inherit_cache = True
    name = "hours_between"
    type = sa.BigInteger()


HOURS = "(SELECT ({seconds}) * 5 / 18 FROM (SELECT {start} AS a, {end} AS b) AS p)"  # 1,000 / 3,600 = 5 / 18


@compiles(hours_between, "sqlite")
def _hours_on_sqlite(element: hours_between, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    seconds = "strftime('%s', substr(b, 1, 19)) - strftime('%s', substr(a, 1, 19))"
    return HOURS.format(seconds=seconds, start=start, end=end)


@compiles(hours_between, "postgresql")
def _hours_on_postgresql(element: hours_between, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    seconds = "CAST(floor(extract(epoch FROM date_trunc('second', b)) - extract(epoch FROM date_trunc('second', a))) AS BIGINT)"
    return HOURS.format(seconds=seconds, start=start, end=end)


class company_day(FunctionElement[Any]):  # noqa: N801 - as above
    """The company's date of a moment. SQLite knows no zones: there the zone's winter offset is taken all year."""

    inherit_cache = True
    name = "company_day"
    type = sa.Date()


@compiles(company_day, "sqlite")
def _day_on_sqlite(element: company_day, compiler: SQLCompiler, **options: Any) -> str:
    offset = datetime(2001, 1, 1, tzinfo=company.zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    return f"date({compiler.process(element.clauses, **options)}, '{minutes:+d} minutes')"


@compiles(company_day, "postgresql")
def _day_on_postgresql(element: company_day, compiler: SQLCompiler, **options: Any) -> str:
    zone = str(company.zone).replace("'", "")
    return f"CAST(({compiler.process(element.clauses, **options)}) AT TIME ZONE '{zone}' AS DATE)"


def days_from(first: Element, last: Element | None) -> Element:
    """Whole days from the first to the last; both are moments, or both company dates."""
    if last is None:
        raise RuntimeError("a distance has two ends")
    if isinstance(first.type, sa.Date):
        return days_between(first, last, type_=sa.BigInteger())
    return _MomentsApart(first, last)


def days_until(moment: Element, pin: Pin) -> Element:
    """Whole days from a moment (or company date) to the run's as-of moment (or day)."""
    if isinstance(moment.type, sa.Date):
        return days_between(moment, sa.literal(pin.as_of_day, sa.Date()), type_=sa.BigInteger())
    return _DaysUntil(moment, int(pin.as_of.timestamp()))


class _DaysUntil(FunctionElement[int]):
    """Whole days from a moment to a later one that is a whole second, told by the clock of Unix."""

    inherit_cache = True
    name = "days_until"
    type = sa.BigInteger()

    def __init__(self, moment: Element, second: int) -> None:
        super().__init__(moment, sa.literal(second, sa.BigInteger()))


@compiles(_DaysUntil, "sqlite")
def _until_on_sqlite(element: _DaysUntil, compiler: SQLCompiler, **options: Any) -> str:
    moment, second = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"(({second} - strftime('%s', substr({moment}, 1, 19)) - (substr({moment}, 20) > '.000000')) / 86400)"
    )


@compiles(_DaysUntil, "postgresql")
def _until_on_postgresql(element: _DaysUntil, compiler: SQLCompiler, **options: Any) -> str:
    moment, second = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(({second} - CAST(ceil(extract(epoch FROM {moment})) AS BIGINT)) / 86400)"


class bytewise(FunctionElement[str]):  # noqa: N801 - SQLAlchemy names functions in lower case
    """A code in the order of its characters, whatever the database's language."""

    inherit_cache = True
    name = "bytewise"
    type = sa.Text()


@compiles(bytewise)
def _bytewise(element: bytewise, compiler: SQLCompiler, **options: Any) -> str:
    collation = '"C"' if compiler.dialect.name == "postgresql" else "BINARY"
    return f"({compiler.process(element.clauses, **options)} COLLATE {collation})"
