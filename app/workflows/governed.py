"""What comes into force by approval alone: record types for which a flow is published and in use."""

from __future__ import annotations

from sqlalchemy import select

from app.errors import NotAllowed
from app.extensions import db
from app.models import ApprovalFlow, ApprovalFlowVersion, FlowStatus
from app.services import access
from app.words import say


def is_decided(object_type: str) -> bool:
    """Whether records of this type are decided by a flow."""
    found = (
        select(ApprovalFlowVersion.id)
        .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
        .where(
            ApprovalFlow.object_type == object_type,
            ApprovalFlow.active,
            ApprovalFlowVersion.status == FlowStatus.published,
        )
    )
    return db.session.scalar(found.limit(1)) is not None


def check_undecided(object_type: str) -> None:
    """Raises `NotAllowed` for a person who passes by the flow; without a flow a second person decides by himself."""
    if not access.principal().system and is_decided(object_type):
        raise NotAllowed(
            say("须经审批发布：请提交审批。", "This is published by approval: submit it for approval.")
        )
