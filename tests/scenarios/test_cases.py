"""Figures other products pin down, computed by ours. Groups whose part of the product is not built yet are named."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from app.extensions import company
from app.services.calendar import Calendar, read_hours

WEEK = "Mon-Fri "


def test_the_figures_are_the_same(case: dict[str, Any]) -> None:
    compute = GROUPS.get(case["group"])
    if compute is None:
        pytest.skip(f"not applicable: {case['group']}")
    assert compute(case["given"], case["expect"]) == case["expect"]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=company.zone)


def _first_response(given: dict[str, Any], _expected: dict[str, Any]) -> dict[str, Any]:
    assert given["calendar"].startswith(WEEK)
    calendar = Calendar(read_hours(given["calendar"].removeprefix(WEEK)), weekdays_only=True)
    worked = calendar.worked(_moment(given["created"]), _moment(given["first_reply"]))
    return {"working_seconds": int(worked.total_seconds())}


GROUPS = {"complaint first-response time": _first_response}
