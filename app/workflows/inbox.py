"""What waits for a person, what he has done, submitted and was copied on: one query each, whatever the number of tasks."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import aliased

from app.columns import now
from app.errors import BadRequest
from app.extensions import db
from app.models import (
    ApprovalCopy,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    DutyStatus,
    Employee,
    RequestStatus,
    StepStatus,
)
from app.roles import Act
from app.services import access
from app.words import Words, say
from app.workflows import people, subjects
from app.workflows.flow import compiled

Submitter = aliased(Employee)
Assignee = aliased(Employee)


class Drawer(enum.StrEnum):
    """The four drawers of the inbox."""

    todo = enum.auto()
    done = enum.auto()
    mine = enum.auto()
    cc = enum.auto()


@dataclass(frozen=True, slots=True)
class Item:
    """One request in a drawer; `for_whom` names the one a stand-in acts for."""

    request_id: int
    no: str | None
    title: str
    flow: Words
    object_type: str
    object_id: int
    status: RequestStatus
    step: Words | None
    submitter: str
    submitted_at: datetime
    arrived_at: datetime | None
    due_at: datetime | None
    task_id: int | None = None
    for_whom: str | None = None
    is_read: bool = True

    @property
    def is_overdue(self) -> bool:
        return self.due_at is not None and self.due_at < now() and self.status is RequestStatus.running


def inbox(kind: str, *, search: str = "", flow: str = "", page: int = 1, size: int = 25) -> list[Item]:
    """A page of a drawer (`todo`, `done`, `mine`, `cc`), newest duty first; raises `BadRequest` for another word.

    One more than `size` is given back when there is a next page.
    """
    statement = _drawer(kind)
    if search:
        statement = statement.where(
            ApprovalRequest.title.icontains(search, autoescape=True)
            | ApprovalRequest.no.icontains(search, autoescape=True)
        )
    if flow:
        statement = statement.where(ApprovalFlow.code == flow)
    rows = db.session.execute(statement.limit(size + 1).offset((page - 1) * size)).all()
    return [_item(row) for row in rows]


def count(kind: str = "todo", most: int = 100) -> int:
    """How many requests lie in a drawer, counted up to `most`."""
    ids = _drawer(kind).with_only_columns(ApprovalRequest.id).order_by(None).distinct().limit(most)
    return db.session.scalar(select(func.count()).select_from(ids.subquery())) or 0


def _drawer(kind: str) -> Select[Any]:
    who = access.principal()
    if kind not in DRAWERS:
        raise BadRequest(say(zh="没有这个收件箱。", en="There is no such drawer."))
    me = who.employee_id or 0
    statement = (
        select(
            ApprovalRequest,
            ApprovalFlow,
            ApprovalFlowVersion,
            Submitter.name,
            ApprovalStep.node,
            *_columns(kind),
        )
        .join(ApprovalFlowVersion, ApprovalFlowVersion.id == ApprovalRequest.version_id)
        .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
        .join(Submitter, Submitter.id == ApprovalRequest.submitter_id)
        .outerjoin(
            ApprovalStep,
            and_(ApprovalStep.request_id == ApprovalRequest.id, ApprovalStep.status == StepStatus.active),
        )
    )
    return DRAWERS[Drawer(kind)](statement, me).where(_readable(who))


def _columns(kind: str) -> list[Any]:
    """Task, its time, whose it is, and whether it was read; empty where the drawer knows none."""
    if kind == Drawer.todo:
        return [ApprovalTask.id, ApprovalTask.opened_at, ApprovalTask.due_at, Assignee.id, Assignee.name]
    if kind == Drawer.cc:
        return [ApprovalCopy.read_at, ApprovalCopy.copied_at]
    return []


def _todo(statement: Select[Any], me: int) -> Select[Any]:
    """Duties that are open, his own and those he stands in for; and what was returned to him."""
    return (
        statement.outerjoin(
            ApprovalTask,
            and_(
                ApprovalTask.request_id == ApprovalRequest.id,
                people.acts_for(ApprovalTask.assignee_id, me, ApprovalFlow.id),
                ApprovalTask.status == DutyStatus.open,
            ),
        )
        .outerjoin(Assignee, Assignee.id == ApprovalTask.assignee_id)
        .where(
            or_(
                and_(ApprovalTask.id.is_not(None), ApprovalRequest.status == RequestStatus.running),
                and_(ApprovalRequest.status == RequestStatus.returned, ApprovalRequest.submitter_id == me),
            )
        )
        .order_by(ApprovalTask.due_at.is_(None), ApprovalTask.due_at, ApprovalRequest.id.desc())
    )


def _done(statement: Select[Any], me: int) -> Select[Any]:
    acted = (
        select(ApprovalTask.request_id, func.max(ApprovalTask.decided_at).label("at"))
        .where(ApprovalTask.acted_by_id == me)
        .group_by(ApprovalTask.request_id)
        .subquery()
    )
    return statement.join(acted, acted.c.request_id == ApprovalRequest.id).order_by(
        acted.c.at.desc(), ApprovalRequest.id.desc()
    )


def _mine(statement: Select[Any], me: int) -> Select[Any]:
    return statement.where(ApprovalRequest.submitter_id == me).order_by(ApprovalRequest.id.desc())


def _cc(statement: Select[Any], me: int) -> Select[Any]:
    return (
        statement.join(ApprovalCopy, ApprovalCopy.request_id == ApprovalRequest.id)
        .where(ApprovalCopy.employee_id == me)
        .order_by(ApprovalCopy.read_at.is_not(None), ApprovalCopy.id.desc())
    )


DRAWERS = {Drawer.todo: _todo, Drawer.done: _done, Drawer.mine: _mine, Drawer.cc: _cc}


def _readable(who: access.Principal) -> ColumnElement[bool]:
    """Requests on records this person may read, and which are not in the bin."""
    found: list[ColumnElement[bool]] = []
    for object_type, subject in subjects.subjects.items():
        if not who.may(Act.read, access.resource_of(subject.model)):
            continue
        rows = select(subject.model.id).where(subject.model.id == ApprovalRequest.object_id)
        if (clause := subjects.readable(subject.model, who)) is not None:
            rows = rows.where(clause)
        if hasattr(subject.model, "deleted_at"):
            rows = rows.where(subject.model.deleted_at.is_(None))
        found.append(and_(ApprovalRequest.object_type == object_type, rows.exists()))
    return or_(false(), *found)


def _item(row: Any) -> Item:
    request, flow, version, submitter, node = row[:5]
    rest = row[5:]
    arrived: datetime | None = request.opened_at
    task_id = for_whom = None
    due, is_read = request.due_at, True
    if len(rest) == 5:  # noqa: PLR2004 (the columns of `todo`)
        task_id, opened, task_due, assignee_id, name = rest
        arrived, due = opened or arrived, task_due or due
        for_whom = name if assignee_id and assignee_id != access.principal().employee_id else None
    elif rest:
        is_read, arrived = rest[0] is not None, rest[1]
    step = compiled(version.body, version.body_hash).step(node).name if node else None
    return Item(
        request_id=request.id,
        no=request.no,
        title=request.title,
        flow=Words(flow.name_zh, flow.name_en),
        object_type=request.object_type,
        object_id=request.object_id,
        status=request.status,
        step=step,
        submitter=submitter,
        submitted_at=request.opened_at,
        arrived_at=arrived,
        due_at=due,
        task_id=task_id,
        for_whom=for_whom,
        is_read=is_read,
    )


# ---- what a task lets its holder read ----------------------------------------------------------------------


def _through_tasks(model: type[Any], who: access.Principal) -> ColumnElement[bool] | None:
    """Who has, had or was copied a part in a request reads its record, if he may read such records at all."""
    if (
        model.__tablename__ not in subjects.subjects
        or who.employee_id is None
        or not who.may(Act.read, access.resource_of(model))
    ):
        return None
    me = who.employee_id
    of_type = select(ApprovalFlow.id).where(ApprovalFlow.object_type == model.__tablename__)
    request, task, told = aliased(ApprovalRequest), aliased(ApprovalTask), aliased(ApprovalCopy)
    here = select(request.object_id).where(request.object_type == model.__tablename__)
    mine = people.acts_for(task.assignee_id, me, of_type) | (task.acted_by_id == me)
    identity: ColumnElement[Any] = model.id
    return or_(
        identity.in_(here.join(task, task.request_id == request.id).where(mine)),
        identity.in_(here.where(request.submitter_id == me)),
        identity.in_(here.join(told, told.request_id == request.id).where(told.employee_id == me)),
    )


access.widenings.append(_through_tasks)
