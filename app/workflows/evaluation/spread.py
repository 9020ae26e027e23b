"""How the raw values of each indicator are spread over the subjects a reader sees: worked out by the database, exactly.

The sum of the squares of 64-bit numbers does not fit 64 bits, and no float is used. So a value is taken as its distance from
the lowest, and the distance in pieces so small that products of two of them, added up over all subjects, fit; they are
put together here, where whole numbers have any length. Both databases therefore give the same digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import combinations_with_replacement
from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.services.language.kinds import SCALE
from app.workflows.evaluation.reading import Opened, visible
from app.workflows.evaluation.schemes import Indicator

Element = sa.ColumnElement[Any]

BITS = 62
"""A sum of so many bits stays a positive 64-bit number."""
DIGITS = 50
"""What roots are worked out to."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one indicator: how many of the subjects have one, and what these are like (raw; None without any).

    `mean`, `median` and `deviation` are in whole units. The deviation is that of a sample (n - 1): one value has none.
    """

    indicator: Indicator
    subjects: int
    counted: int
    low: int | None = None
    high: int | None = None
    mean: Decimal | None = None
    median: Decimal | None = None
    deviation: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """How many values a column has, and between which they lie."""

    counted: int
    low: int
    high: int

    @property
    def width(self) -> int:
        """The bits of one piece: two of them multiplied, once for each value, stay within `BITS`."""
        return (BITS - self.counted.bit_length()) // 2

    @property
    def pieces(self) -> int:
        return max(1, -(-(self.high - self.low).bit_length() // self.width))


def spreads(opened: Opened) -> list[Spread]:
    """The values of every indicator over the subjects the reader sees, in three statements."""
    seen = visible(opened).order_by(None)
    columns = _columns(opened, seen.subquery())
    subjects, ranges = _ranges(columns)
    sums = _sums(columns, ranges) if ranges else {}
    once = seen.cte("seen").prefix_with("MATERIALIZED")
    middles = _middles(_columns(opened, once), ranges) if ranges else {}
    return [
        _spread(one, subjects, ranges[one.column], sums, middles[one.column])
        if one.column in ranges
        else Spread(one, subjects, 0)
        for one in opened.scheme.indicators
    ]


def _columns(opened: Opened, rows: sa.FromClause) -> dict[str, Element]:
    return {one.column: rows.c[f"v{one.column}"] for one in opened.scheme.indicators}


def _ranges(columns: Mapping[str, Element]) -> tuple[int, dict[str, _Range]]:
    """How many subjects are seen, and the range of each column that has a value."""
    asked = [
        each(column) for column in columns.values() for each in (sa.func.count, sa.func.min, sa.func.max)
    ]
    subjects, *row = db.session.execute(sa.select(sa.func.count(), *asked)).one()
    parts = zip(columns, row[::3], row[1::3], row[2::3], strict=True)
    return subjects, {name: _Range(counted, low, high) for name, counted, low, high in parts if counted}


def _sums(columns: Mapping[str, Element], ranges: Mapping[str, _Range]) -> dict[tuple[str, ...], int]:
    """The sum of each piece of a column, and of each product of two, by the column and the numbers of the pieces."""
    asked: dict[tuple[str, ...], Element] = {}
    for name, found in ranges.items():
        pieces = _pieces(columns[name], found)
        for number, piece in enumerate(pieces):
            asked[name, str(number)] = sa.func.sum(piece)
        for one, other in combinations_with_replacement(range(len(pieces)), 2):
            asked[name, str(one), str(other)] = sa.func.sum(pieces[one] * pieces[other])
    row = db.session.execute(sa.select(*asked.values())).one()
    return {key: int(value) for key, value in zip(asked, row, strict=True)}


def _pieces(column: Element, found: _Range) -> list[Element]:
    """The distance of a value from the lowest, from its lowest bits to its highest."""
    distance = column - sa.literal(found.low, sa.BigInteger())
    mask = sa.literal((1 << found.width) - 1, sa.BigInteger())
    return [
        sa.type_coerce(
            distance.bitwise_rshift(sa.literal(number * found.width, sa.Integer())).bitwise_and(mask),
            sa.BigInteger(),
        )
        for number in range(found.pieces)
    ]


def _middles(columns: Mapping[str, Element], ranges: Mapping[str, _Range]) -> dict[str, list[int]]:
    """The value in the middle of each column's order, or the two there."""
    parts = []
    for name, found in ranges.items():
        column = columns[name]
        middle = (
            sa.select(column.label("value"))
            .where(column.is_not(None))
            .order_by(column)
            .offset((found.counted - 1) // 2)
            .limit(2 - found.counted % 2)
            .subquery(f"middle{name}")
        )
        parts.append(sa.select(sa.literal(name, sa.Text()), middle.c.value))
    middles: dict[str, list[int]] = {}
    for name, value in db.session.execute(sa.union_all(*parts)):
        middles.setdefault(name, []).append(value)
    return middles


def _spread(
    one: Indicator,
    subjects: int,
    found: _Range,
    sums: Mapping[tuple[str, ...], int],
    middle: Sequence[int],
) -> Spread:
    """Put the pieces together: sums and squares of the distances from the lowest, then of the values."""
    away = squared = 0
    for number in range(found.pieces):
        away += sums[one.column, str(number)] << (number * found.width)
    for low, high in combinations_with_replacement(range(found.pieces), 2):
        product = sums[one.column, str(low), str(high)] << ((low + high) * found.width)
        squared += product if low == high else 2 * product
    counted, scale = found.counted, SCALE[one.type.kind]
    with localcontext(prec=DIGITS):
        deviation = None
        if counted > 1:
            parts = Decimal(counted * squared - away * away) / (counted * (counted - 1))
            deviation = parts.sqrt() / scale
        return Spread(
            indicator=one,
            subjects=subjects,
            counted=counted,
            low=found.low,
            high=found.high,
            mean=Decimal(found.low * counted + away) / (counted * scale),
            median=Decimal(sum(middle)) / (len(middle) * scale),
            deviation=deviation,
        )
