"""What the house does for itself at regular times: sealing the log, throwing away what nobody needs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.columns import now
from app.extensions import db
from app.models import JobSchedule
from app.services import accounts, audit, jobs, searching

RECURRING = {
    "seal_audit": 5,
    "approval_deadlines": 5,
    "tidy": 24 * 60,
    "incentives": 24 * 60,
    "exports": 30,
    "turn_of_day": 60,
    "flow_drift": 24 * 60,
}
"""The kinds of job that come again by themselves, and after how many minutes."""


@jobs.kind("seal_audit", zh="封存操作日志", en="Seal the audit log")
def seal_audit(_run: jobs.Run) -> Any:
    """Chain the new lines, and write down outside the database how far the chain goes."""
    head = None
    while sealed := audit.seal():
        head = sealed
    if head is not None:
        audit.anchors.drop(head)
    return {"head": str(head) if head else None}


@jobs.kind("tidy", zh="清理过期数据", en="Throw away what is out of date")
def tidy(_run: jobs.Run) -> Any:
    """Old sign-in attempts, ended sessions, carried-out commands; what the search index missed or holds in vain."""
    accounts.tidy()
    searching.complete()
    return {}


def plan() -> None:
    """Put what recurs on the schedule, inside a transaction; what an administrator set there stays."""
    known = set(db.session.scalars(select(JobSchedule.name)))
    for kind, minutes in RECURRING.items():
        if kind not in known:
            db.session.add(JobSchedule(name=kind, kind=kind, every_minutes=minutes, next_at=now()))
