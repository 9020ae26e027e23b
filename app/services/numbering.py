"""Numbers of documents and codes of customers: without gaps, given once, never given again (R23)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.extensions import company, db
from app.models import NumberSeries


@dataclass(frozen=True, slots=True)
class Series:
    """A kind of number and how it is written, such as `Series("admission", "ZR{year}-{n:04d}")`.

    A pattern that names the year starts again each year.
    """

    kind: str
    pattern: str

    @property
    def is_yearly(self) -> bool:
        return "{year" in self.pattern


def take(series: Series, scope: str = "") -> str:
    """The next number of a series, as it is written; needs an open `transaction()`.

    The row of the series stays locked until the commit, so take it last. A rollback gives the number back.
    """
    year = company.today().year if series.is_yearly else 0
    return series.pattern.format(n=_next(series.kind, scope, year), year=year, scope=scope)


def _next(kind: str, scope: str, year: int) -> int:
    found = _step(kind, scope, year)
    if found is None:
        _start(kind, scope, year)
        found = _step(kind, scope, year)
    if found is None:
        raise RuntimeError(f"the series {kind} could not be started")
    return found


def _start(kind: str, scope: str, year: int) -> None:
    """Begin a series; two may find it missing at once, and the key lets one of them through."""
    try:
        with db.session.begin_nested():
            db.session.execute(insert(NumberSeries).values(kind=kind, scope=scope, year=year, last=0))
    except IntegrityError:
        return


def _step(kind: str, scope: str, year: int) -> int | None:
    statement = (
        update(NumberSeries)
        .where(NumberSeries.kind == kind, NumberSeries.scope == scope, NumberSeries.year == year)
        .values(last=NumberSeries.last + 1)
        .returning(NumberSeries.last)
        .execution_options(synchronize_session=False)
    )
    return db.session.scalar(statement)


def last(kind: str, scope: str = "", year: int = 0) -> int:
    """The last number given; 0 when none was."""
    statement = select(func.max(NumberSeries.last)).where(
        NumberSeries.kind == kind, NumberSeries.scope == scope, NumberSeries.year == year
    )
    return db.session.scalar(statement) or 0
