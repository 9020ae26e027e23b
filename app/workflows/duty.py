"""Whether a person has something to decide on a record."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.models import ApprovalRequest, ApprovalTask, DutyStatus
from app.services import access
from app.workflows import people, subjects


def has_open_task(record: Any) -> bool:
    """Whether the person asking has an open duty on this record, his own or one he stands in for."""
    me = access.principal().employee_id
    if me is None or record.__tablename__ not in subjects.subjects:
        return False
    duty = (
        select(ApprovalTask.id)
        .join(ApprovalRequest, ApprovalRequest.id == ApprovalTask.request_id)
        .where(
            ApprovalRequest.object_type == record.__tablename__,
            ApprovalRequest.object_id == record.id,
            ApprovalTask.assignee_id.in_(people.principals_of(me)),
            ApprovalTask.status == DutyStatus.open,
        )
    )
    return db.session.scalar(duty.limit(1)) is not None
