"""Working time: the company's days and hours, and when a deadline ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from app.errors import BadInput
from app.extensions import db, transaction
from app.models import Parameter, WorkingDay
from app.services import access
from app.services.calendar import HOURS, Calendar, Span, company_calendar, read_hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(read_hours(HOURS), zone=SHANGHAI)
WEEK = Calendar(read_hours("09:00-17:00"), zone=SHANGHAI, weekdays_only=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.req("W-13")
@pytest.mark.parametrize(
    ("begins", "span", "ends"),
    [
        ("2026-11-23 10:00", "2wd", "2026-11-25 10:00"),
        ("2026-11-23 10:00", "8wh", "2026-11-24 10:30"),
        ("2026-11-27 17:00", "1wd", "2026-11-30 17:00"),
        ("2026-11-28 12:00", "1wh", "2026-11-30 10:00"),
        ("2026-09-30 17:00", "1wd", "2026-10-08 17:00"),
        ("2026-11-23 12:30", "1wh", "2026-11-23 14:30"),
        ("2026-11-23 10:00", "30d", "2026-12-24 00:00"),
        ("2026-01-31 10:00", "1mo", "2026-03-01 00:00"),
        ("2026-11-30 10:00", "3mo", "2027-03-01 00:00"),
    ],
)
def test_a_deadline_ends_when_the_working_time_has_passed(begins, span, ends):
    assert CALENDAR.add(at(begins), span) == at(ends)


def test_public_holidays_and_exchanged_weekends_are_known():
    assert not CALENDAR.is_working(date(2026, 10, 1))
    assert CALENDAR.is_working(date(2026, 10, 10)), "a Saturday worked for the national holiday"
    assert not CALENDAR.is_working(date(2026, 11, 22))


def test_what_an_administrator_sets_wins(in_app):
    with access.acting(access.SYSTEM), transaction():
        db.session.add(WorkingDay(on=date(2026, 11, 23), is_working=False))
        db.session.add(
            Parameter(key="calendar.hours", name_zh="工作时间", name_en="Hours", value="08:00-10:00")
        )
    with access.acting(access.SYSTEM):
        calendar = company_calendar()
    assert calendar.add(at("2026-11-23 09:00"), "2wh") == at("2026-11-24 10:00")


moments = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 1)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001
lengths = st.integers(1, 3_000).map(lambda minutes: timedelta(minutes=minutes))


@given(moments, lengths, lengths)
def test_working_time_adds_up(begins, first, second):
    assert WEEK.after(WEEK.after(begins, first), second) == WEEK.after(begins, first + second)


@given(moments, lengths)
def test_as_much_is_worked_until_the_deadline_as_was_asked_for(begins, length):
    ends = WEEK.after(begins, length)
    assert WEEK.worked(begins, ends) == length
    local = ends.astimezone(SHANGHAI)
    assert local.weekday() < 5
    assert (local - timedelta(microseconds=1)).hour in range(9, 17)


@given(moments, moments, lengths)
def test_who_begins_later_ends_later(one, other, length):
    first, second = sorted([one, other])
    assert WEEK.after(first, length) <= WEEK.after(second, length)


@pytest.mark.parametrize("text", ["", "2", "wd", "0wd", "-1d", "2 weeks", "1.5wd"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(BadInput):
        Span.read(text)


@pytest.mark.parametrize("text", ["", "9-12", "12:00-09:00", "09:00-12:00,11:00-15:00", "25:00-26:00", "x"])
def test_hours_that_make_no_sense_are_refused(text):
    with pytest.raises(BadInput):
        read_hours(text)
