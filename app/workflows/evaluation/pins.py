"""What a run is pinned to in time: its period, its as-of moment, and the windows measures look through."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum, auto

from app.columns import now
from app.errors import BadRequest
from app.extensions import company
from app.services.language.catalogue import Fact
from app.services.language.kinds import COUNT, DATE, MOMENT
from app.words import Words, say


@dataclass(frozen=True, slots=True)
class Pin:
    """A period, half-open in company dates, and the moment nothing later than is looked at."""

    period_from: date
    period_to: date
    as_of: datetime

    @property
    def as_of_day(self) -> date:
        """The company date of the as-of moment."""
        return self.as_of.astimezone(company.zone).date()

    @property
    def last_day(self) -> date:
        """The last day of the period, as people name it."""
        return self.period_to - timedelta(days=1)

    @property
    def months(self) -> int:
        """How many calendar months the period touches."""
        first, last = self.period_from, self.last_day
        return (last.year - first.year) * 12 + last.month - first.month + 1

    def facts(self) -> list[Fact]:
        """What every formula may know of the pin."""
        days = (self.period_to - self.period_from).days
        return [
            Fact("as_of", MOMENT, "截止时刻", "As of", constant=self.as_of, nullable=False),
            Fact("as_of_day", DATE, "截止日", "As-of day", constant=self.as_of_day, nullable=False),
            Fact("period_from", DATE, "期初", "Period start", constant=self.period_from, nullable=False),
            Fact("period_to", DATE, "期末次日", "Day after period", constant=self.period_to, nullable=False),
            Fact("period_days", COUNT, "期内天数", "Days in period", constant=days, nullable=False),
            Fact(
                "period_months", COUNT, "期内月数", "Months in period", constant=self.months, nullable=False
            ),
        ]


SAMPLE = Pin(date(2001, 1, 1), date(2002, 1, 1), datetime(2002, 1, 1, tzinfo=UTC))
"""What a scheme is checked with while no run pins it."""


def midnight(day: date) -> datetime:
    """The moment the company's day begins."""
    return datetime.combine(day, time(), company.zone).astimezone(UTC)


def pin(period: str, as_of: str | None = None) -> Pin:
    """The pin of a command: `A..B` with both days included (R40); without an as-of, the end of B.

    Raises `BadRequest` for what is no period or no moment.
    """
    try:
        first, last = (date.fromisoformat(part.strip()) for part in period.split(".."))
        following = last + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            say(
                "评价期写作“2026-01-01..2026-12-31”（含首尾两日），而不是“{text}”。",
                "A period is written 2026-01-01..2026-12-31, both days included, not '{text}'.",
                text=period,
            )
        ) from error
    if following <= first:
        raise BadRequest(say("评价期的结束早于开始。", "The period ends before it starts."))
    if first > company.today():
        raise BadRequest(say("评价期尚未开始。", "The period has not begun yet."))
    return Pin(first, following, midnight(following) if as_of is None else _passed(moment(as_of)))


def _passed(when: datetime) -> datetime:
    """Only what has been can be looked at: what is still to come would change a sealed result's figures."""
    if when > now():
        raise BadRequest(say("截止时刻尚未到来。", "The as-of moment is still to come."))
    return when


def moment(text: str) -> datetime:
    """A moment as typed: a date means its beginning; without an offset, company time. Whole seconds only."""
    try:
        found = datetime.fromisoformat(text.strip())
        found = (found if found.tzinfo else found.replace(tzinfo=company.zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            say(
                "截止时刻写作“2026-12-31”或“2026-12-31 18:00”，而不是“{text}”。",
                "An as-of moment is written 2026-12-31 or 2026-12-31 18:00, not '{text}'.",
                text=text,
            )
        ) from error
    if found.microsecond:
        raise BadRequest(say("截止时刻须为整秒。", "An as-of moment must be a whole second."))
    return found


def edge(when: date | datetime, *, is_dated: bool) -> date | datetime:
    """A window's edge as a source's time knows it; for dated rows a day that has begun by a moment counts."""
    if not isinstance(when, datetime):
        return when if is_dated else midnight(when)
    if not is_dated:
        return when
    local = when.astimezone(company.zone)
    return local.date() if local.time() == time() else local.date() + timedelta(days=1)


# ---- windows -------------------------------------------------------------------------------------------------


class Span(StrEnum):
    """What a window is measured from."""

    period = auto()
    previous = auto()
    year_before = auto()
    all = auto()
    days = auto()
    months = auto()
    before = auto()


NAMED = {
    "period": Span.period,
    "本期": Span.period,
    "previous period": Span.previous,
    "上期": Span.previous,
    "same period last year": Span.year_before,
    "去年同期": Span.year_before,
    "all": Span.all,
    "全部": Span.all,
    "before the period": Span.before,
    "期前": Span.before,
}
UNITS = {
    "day": (Span.days, 1),
    "days": (Span.days, 1),
    "天": (Span.days, 1),
    "日": (Span.days, 1),
    "month": (Span.months, 1),
    "months": (Span.months, 1),
    "个月": (Span.months, 1),
    "year": (Span.months, 12),
    "years": (Span.months, 12),
    "年": (Span.months, 12),
}
ROLLING = re.compile(rf"(?:last|近)\s*([0-9]{{1,4}})\s*({'|'.join(sorted(UNITS, key=len, reverse=True))})")

LEADING = re.compile(r"(?:([0-9]{1,4}) days before the period|期前\s*([0-9]{1,4})\s*[天日])")


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows count by their time: the period, one before it, all so far, or the last days or months."""

    span: Span = Span.period
    length: int = 0

    def bounds(self, pin: Pin) -> tuple[date | datetime | None, date | datetime]:
        """From when (None: ever) to before when; a date is the beginning of that company day."""
        if self.span is Span.all:
            return None, pin.as_of
        if self.span is Span.before:
            return pin.period_from - timedelta(days=self.length) if self.length else None, pin.period_from
        if self.span is Span.days:
            return pin.as_of - timedelta(days=self.length), pin.as_of
        if self.span is Span.months:
            local = pin.as_of.astimezone(company.zone)
            start = datetime.combine(months_before(local.date(), self.length), local.time(), company.zone)
            return start.astimezone(UTC), pin.as_of
        first, after = pin.period_from, pin.period_to
        if self.span is Span.previous:
            first, after = _previous(first, after)
        elif self.span is Span.year_before:
            first, after = months_before(first, 12), months_before(after, 12)
        return first, after

    @property
    def words(self) -> Words:
        if self.span is Span.days:
            return say("截止前 {n} 天", "the {n} days before the as-of moment", n=self.length)
        if self.span is Span.before and self.length:
            return say("评价期前 {n} 天", "the {n} days before the period", n=self.length)
        if self.span is Span.months:
            return say("截止前 {n} 个月", "the {n} months before the as-of moment", n=self.length)
        return WORDS[self.span]


WORDS = {
    Span.period: Words("评价期内", "within the period"),
    Span.previous: Words("上一期内", "within the period before"),
    Span.year_before: Words("去年同期内", "within the same period a year before"),
    Span.all: Words("截止时刻之前", "before the as-of moment"),
    Span.before: Words("评价期之前", "before the period"),
}


def window(text: str) -> Window | None:
    """The window written as `period`, `last 12 months`, `近 90 天` …; None when it is none."""
    plain = " ".join(text.split())
    if plain in NAMED:
        return Window(NAMED[plain])
    leading = LEADING.fullmatch(plain)
    if leading and int(leading[1] or leading[2]):
        return Window(Span.before, int(leading[1] or leading[2]))
    found = ROLLING.fullmatch(plain)
    if found is None or int(found[1]) == 0:
        return None
    span, size = UNITS[found[2]]
    return Window(span, int(found[1]) * size)


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _previous(first: date, after: date) -> tuple[date, date]:
    """The period of the same length before: whole months go by months, anything else by days."""
    months = (after.year - first.year) * 12 + after.month - first.month
    if first.day == after.day == 1 and months:
        return months_before(first, months), first
    return first - (after - first), first
