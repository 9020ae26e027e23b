"""The checksum of results: worked out by the database that holds them, the same on both, however they are cut into chunks.

Each row becomes two sums of its columns times fixed factors, their product modulo two primes is added up. Sums of
rows can be added in any order, so that those of chunks make that of the whole. It shows that results are the same; what
keeps them is the trigger on sealed runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

Element = sa.ColumnElement[Any]

PRIMES = 2_147_483_647, 2_147_483_629
FACTORS = 1_299_709, 15_485_863
LARGEST = 33_554_393
"""Below this prime lie all factors: 52 columns of less than 2³¹ times 2²⁵ stay in 64 bits."""
NOTHING = 1_610_612_741
"""What stands for a column without a value."""


class Asked(Protocol):
    """A connection, or a session."""

    def execute(self, statement: Any, parameters: Any = None, /) -> sa.Result[Any]: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """How many subjects there are results of, and their checksum."""

    subjects: int
    checksum: str


def checking(rows: sa.FromClause) -> sa.Select[Any]:
    """The statement that works out the checksum of these rows; all their columns are whole numbers."""
    columns = list(rows.c)
    mixed = sa.select(*(_mixed(columns, base).label(f"m{base}") for base in FACTORS)).cte("mixed")
    one, two = mixed.prefix_with("MATERIALIZED").c
    sums = [sa.func.coalesce(_sum(one % _big(p) * (two % _big(p)) % _big(p)), 0) for p in PRIMES]
    return sa.select(sa.func.count(one), *sums)


def checked(asked: Asked, statement: sa.Select[Any], given: Mapping[str, Any] | None = None) -> Checked:
    """What such a statement finds."""
    row = asked.execute(statement, given or {}).one()
    return Checked(row[0], _text(row[1:]))


def _mixed(columns: Sequence[Element], base: int) -> Element:
    parts = [_small(column) * _big(pow(base, place, LARGEST)) for place, column in enumerate(columns, 1)]
    return sum(parts[1:], parts[0])


def _small(column: Element) -> Element:
    value = sa.func.coalesce(column, _big(NOTHING), type_=sa.BigInteger())
    return value % _big(PRIMES[0]) if isinstance(column.type, sa.BigInteger) else value


def _big(value: int) -> Element:
    return sa.literal(value, sa.BigInteger())


def _sum(value: Element) -> Element:
    return sa.cast(sa.func.sum(value), sa.BigInteger)


def together(parts: Iterable[Checked]) -> Checked:
    """The checksum of several sets of results as one."""
    parts = list(parts)
    halves = zip(*((int(part.checksum[:8], 16), int(part.checksum[8:], 16)) for part in parts), strict=True)
    return Checked(sum(part.subjects for part in parts), _text([sum(half) for half in halves]))


def _text(sums: Sequence[int]) -> str:
    return "".join(f"{value % prime:08x}" for value, prime in zip(sums, PRIMES, strict=True))
