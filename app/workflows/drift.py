"""Flows in force against the company of today: people leave, roles change, and a step may be left with nobody (V8, V10).

Every night each published flow is checked again; who keeps it is told once of what was not found before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db, transaction
from app.models import (
    Account,
    ApprovalFlow,
    ApprovalFlowVersion,
    Employee,
    FlowStatus,
    Notice,
    NoticeKind,
    RoleGrant,
)
from app.roles import Act
from app.services import access, jobs
from app.words import Words, say
from app.workflows import people, verifying
from app.workflows.verifying import Finding


@jobs.kind("flow_drift", zh="流程与现有人员核对", en="Flows against the staff of today")
def watch(_run: jobs.Run) -> Any:
    """Check what is in force against today's company; how many flows have something new to say."""
    return {"told": recheck()}


def recheck() -> int:
    """Check every flow in use again, each in a transaction of its own; of how many somebody was told. As the system.

    Before anybody works here there is nothing to check.
    """
    if db.session.scalar(select(Employee.id).where(people.is_able()).limit(1)) is None:
        return 0
    statement = (
        select(ApprovalFlowVersion.id)
        .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
        .where(ApprovalFlow.active, ApprovalFlowVersion.status == FlowStatus.published)
    )
    return sum(_recheck(version_id) for version_id in db.session.scalars(statement).all())


def _recheck(version_id: int) -> bool:
    """Keep what is found today with the version; tell of errors that were not found the last time."""
    with access.acting(access.SYSTEM), transaction():
        version = db.session.get_one(
            ApprovalFlowVersion, version_id, options=[joinedload(ApprovalFlowVersion.flow)]
        )
        found = verifying.verify(version.body)
        known = {(one["rule"], one["place"]) for one in version.findings or () if one["is_error"]}
        fresh = [it for it in found if it.is_error and (it.rule, it.place) not in known]
        documents = [it.document() for it in found]
        if documents != (version.findings or []):
            version.findings = documents
        if fresh:
            _tell(version, fresh)
        return bool(fresh)


def _tell(version: ApprovalFlowVersion, fresh: list[Finding]) -> None:
    words = say(
        zh="流程“{flow}”按现有人员已不能全部办理：{what}",
        en='With the people of today not every request of the flow "{flow}" can be decided: {what}',
        flow=Words(version.flow.name_zh, version.flow.name_en),
        what=Words("；".join(it.words.zh for it in fresh), " ".join(it.words.en for it in fresh)),
    )
    db.session.add_all(
        Notice(
            kind=NoticeKind.alert,
            recipient_id=keeper,
            text_zh=words.zh[:MOST_TEXT],
            text_en=words.en[:MOST_TEXT],
            object_type=ApprovalFlowVersion.__tablename__,
            object_id=version.id,
        )
        for keeper in keepers_of(version)
    )


MOST_TEXT = 1_000
"""Characters of a notice: the rest stands on the page of the flow."""


def keepers_of(version: ApprovalFlowVersion) -> Iterable[int]:
    """Who wrote a flow, while he works here; else, and for one of a pack, everybody who administers flows."""
    if version.author_id is not None and people.can_act(version.author_id):
        return [version.author_id]
    granted = select(RoleGrant.role_id).where(
        RoleGrant.resource.in_([access.resource_of(ApprovalFlow), access.EVERYTHING]),
        RoleGrant.act == Act.administer,
    )
    holders = (
        select(Account.employee_id)
        .join(User, User.id == Account.user_id)
        .where(User.active, User.roles.any(Role.id.in_(granted)), Account.employee_id.is_not(None))
        .distinct()
    )
    return sorted(id_ for id_ in db.session.scalars(holders) if id_ is not None and people.can_act(id_))
