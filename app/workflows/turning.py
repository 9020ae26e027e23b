"""What the calendar brings about by itself: preferences end, approved policies take effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, select

from app.extensions import company, db, transaction
from app.models import CommercialTerm, PolicyDocument, PolicyStatus, TermStatus
from app.services import jobs
from app.workflows.machine import move_by_rule


@jobs.kind("turn_of_day", zh="按日期变更状态", en="What the date brings about")
def turn_of_day(_run: jobs.Run) -> Any:
    """What came to its day since the last time."""
    return turn()


def turn() -> dict[str, int]:
    """Move what has come to its day, each record in a transaction of its own; how many of each. As the system."""
    today = company.today()
    over = (CommercialTerm.status == TermStatus.approved, CommercialTerm.valid_to < today)
    due = (PolicyDocument.status == PolicyStatus.approved, PolicyDocument.effective_on <= today)
    return {
        "expired": _move(CommercialTerm, over, "expire"),
        "in_force": _move(PolicyDocument, due, "take_effect"),
    }


def _move(model: type[Any], conditions: Iterable[ColumnElement[bool]], verb: str) -> int:
    ids = list(db.session.scalars(select(model.id).where(*conditions).order_by(model.id)))
    for id_ in ids:
        with transaction():
            move_by_rule(db.session.get_one(model, id_), verb)
    return len(ids)
