"""The company's working time: which days are worked, from when to when, and when a deadline ends (R22, W-13).

Days come from the public calendar (`holidays`), exchanged working weekends included, and from `working_day`, where
an administrator sets a day otherwise. Hours come from the parameter `calendar.hours`, such as `09:00-12:00,13:30-18:00`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from sqlalchemy import select

from app.errors import BadInput, Problem
from app.extensions import company, db
from app.models import Parameter, WorkingDay
from app.words import say

HOURS = "09:00-12:00,13:30-18:00"
"""Worked when no parameter says otherwise."""

MOST_DAYS = 3_660
"""How far a deadline may reach, so that a calendar without working days ends."""

ONE_DAY = timedelta(days=1)
_UNIT = re.compile(r"(\d{1,5})\s*(wd|wh|d|mo)")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as a policy writes it: `2wd`, `8wh` by the working calendar, `30d`, `3mo` by the calendar."""

    count: int
    unit: str

    @classmethod
    def read(cls, text: str) -> Span:
        """The span written as `text`; raises `BadInput`."""
        found = _UNIT.fullmatch(text.strip())
        if found is None or int(found[1]) < 1:
            words = say(
                zh="「{text}」不是时长，请写成 2wd、8wh、30d 或 3mo。",
                en="“{text}” is no length of time: write 2wd, 8wh, 30d or 3mo.",
                text=text[:20],
            )
            raise BadInput([Problem(words)])
        return cls(int(found[1]), found[2])


@cache
def _public(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year)


@dataclass(frozen=True)
class Calendar:
    """A working calendar: hours of a working day, exceptions by date, and the time zone both are meant in."""

    hours: tuple[tuple[time, time], ...]
    exceptions: Mapping[date, bool] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: company.zone)
    weekdays_only: bool = False
    """Leave the public calendar aside: Monday to Friday are worked."""

    def is_working(self, day: date) -> bool:
        if day in self.exceptions:
            return self.exceptions[day]
        if self.weekdays_only:
            return day.weekday() < 5  # noqa: PLR2004 (Saturday)
        return bool(_public(day.year).is_working_day(day))

    @property
    def day_length(self) -> timedelta:
        """The working time of one working day."""
        return sum((_between(start, end) for start, end in self.hours), timedelta())

    def intervals(self, start: date) -> Iterator[tuple[datetime, datetime]]:
        """The working intervals from a day on, half-open, as UTC moments."""
        for offset in range(MOST_DAYS):
            day = start + offset * ONE_DAY
            if self.is_working(day):
                for begin, end in self.hours:
                    yield self._moment(day, begin), self._moment(day, end)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def add(self, moment: datetime, span: str | Span) -> datetime:
        """When a span that begins at `moment` ends, in UTC.

        Working time begins with the first working instant at or after `moment`. Calendar days and months end at 24:00
        company time.
        """
        span = Span.read(span) if isinstance(span, str) else span
        if span.unit == "d":
            return self._end_of(self._day(moment) + span.count * ONE_DAY)
        if span.unit == "mo":
            return self._end_of(_months_later(self._day(moment), span.count))
        length = self.day_length * span.count if span.unit == "wd" else timedelta(hours=span.count)
        return self.after(moment, length)

    def from_now(self, moment: datetime, span: str) -> datetime:
        """Like `add`, but a calendar day or month later at the same time of day: for what repeats."""
        read = Span.read(span)
        if read.unit == "d":
            return moment + read.count * ONE_DAY
        return self.add(moment, read)

    def after(self, moment: datetime, length: timedelta) -> datetime:
        """The moment by which `length` of working time has passed since `moment`."""
        left = length
        for begin, end in self.intervals(self._day(moment)):
            if end <= moment:
                continue
            begin = max(begin, moment.astimezone(UTC))  # noqa: PLW2901 (the day may have begun already)
            if left <= end - begin:
                return begin + left
            left -= end - begin
        raise BadInput([Problem(say("日历中没有足够的工作日。", "The calendar holds too few working days."))])

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two moments."""
        total = timedelta()
        for begin, stop in self.intervals(self._day(start)):
            if begin >= end:
                break
            total += max(min(stop, end) - max(begin, start), timedelta())
        return total

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _end_of(self, day: date) -> datetime:
        return self._moment(day + ONE_DAY, time())


def _between(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_of_next = date(year + (month == 11), (month + 1) % 12 + 1, 1)  # noqa: PLR2004 (December, from zero)
    last = (first_of_next - ONE_DAY).day
    return date(year, month + 1, min(day.day, last))


def read_hours(text: str) -> tuple[tuple[time, time], ...]:
    """The hours written as `09:00-12:00,13:30-18:00`, in order and not overlapping; raises `BadInput`."""
    try:
        parts = [part.split("-") for part in text.split(",")]
        hours = tuple((time.fromisoformat(a.strip()), time.fromisoformat(b.strip())) for a, b in parts)
    except ValueError:
        hours = ()
    edges = [edge for pair in hours for edge in pair]
    if not hours or any(later <= earlier for earlier, later in itertools.pairwise(edges)):
        words = say(
            zh="工作时间「{text}」写法不对，应如 {example}。",
            en="The working hours “{text}” are malformed: write them like {example}.",
            text=text[:40],
            example=HOURS,
        )
        raise BadInput([Problem(words, field="value")])
    return hours


def company_calendar() -> Calendar:
    """The calendar of the company as configured now (two statements)."""
    hours = db.session.scalar(select(Parameter.value).where(Parameter.key == "calendar.hours"))
    days = {day.on: day.is_working for day in db.session.scalars(select(WorkingDay))}
    return Calendar(hours=read_hours(hours or HOURS), exceptions=days)
