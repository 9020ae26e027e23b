"""What must hold of all requests at any moment, asked of the whole database by one statement each.

`guanhu check` runs them; so do the tests, after every act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    DutyStatus,
    RequestStatus,
    SeatStatus,
    StepStatus,
    TimerStatus,
)
from app.services import access
from app.words import Words, say
from app.workflows import subjects

ENDED = (RequestStatus.approved, RequestStatus.rejected, RequestStatus.cancelled, RequestStatus.voided)
VOTED = (DutyStatus.approved, DutyStatus.rejected)

Query = Callable[[], Select[Any]]

_laws: list[tuple[str, Words, Query]] = []


def _law(name: str, zh: str, en: str) -> Callable[[Query], Query]:
    def add(query: Query) -> Query:
        _laws.append((name, Words(zh, en), query))
        return query

    return add


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that does not hold, and the requests it is broken by (the first hundred)."""

    law: str
    words: Words
    request_ids: tuple[int, ...]


def breaches() -> list[Breach]:
    """Every law that is broken; empty when all hold."""
    with access.acting(access.SYSTEM):
        found = [(name, words, tuple(db.session.scalars(query().limit(100)))) for name, words, query in _laws]
        broken = [Breach(name, words, ids) for name, words, ids in found if ids]
        return broken + _rewritten()


@_law("I1", "进行中的申请恰有一个打开的步骤", "A running request has exactly one open step, no other has any")
def _one_open_step() -> Select[Any]:
    active = select(func.count(ApprovalStep.id)).where(
        ApprovalStep.request_id == ApprovalRequest.id, ApprovalStep.status == StepStatus.active
    )
    count = active.scalar_subquery()
    return select(ApprovalRequest.id).where(
        or_(
            and_(ApprovalRequest.status == RequestStatus.running, count != 1),
            and_(ApprovalRequest.status.not_in([RequestStatus.running, RequestStatus.suspended]), count != 0),
        )
    )


@_law("I2", "已结束的申请没有待办和期限", "An ended request has no open duty and no deadline")
def _nothing_left() -> Select[Any]:
    duty = exists().where(
        ApprovalTask.request_id == ApprovalRequest.id,
        ApprovalTask.status.in_([DutyStatus.open, DutyStatus.waiting]),
    )
    timer = exists().where(
        ApprovalTimer.request_id == ApprovalRequest.id, ApprovalTimer.status == TimerStatus.armed
    )
    idle = (*ENDED, RequestStatus.returned)
    return select(ApprovalRequest.id).where(ApprovalRequest.status.in_(idle), or_(duty, timer))


@_law("I3", "办理记录的序号连续", "The acts of a request are numbered without gap")
def _no_gap() -> Select[Any]:
    return (
        select(ApprovalRequest.id)
        .outerjoin(ApprovalAction, ApprovalAction.request_id == ApprovalRequest.id)
        .group_by(ApprovalRequest.id, ApprovalRequest.last_seq)
        .having(
            or_(
                func.count(ApprovalAction.id) != ApprovalRequest.last_seq,
                func.coalesce(func.max(ApprovalAction.seq), 0) != ApprovalRequest.last_seq,
            )
        )
    )


@_law("I4", "一人在一个步骤只有一票", "One person has one vote at a step")
def _one_vote() -> Select[Any]:
    return (
        select(ApprovalTask.request_id)
        .join(ApprovalRequest, ApprovalRequest.id == ApprovalTask.request_id)
        .join(ApprovalFlowVersion, ApprovalFlowVersion.id == ApprovalRequest.version_id)
        .where(ApprovalTask.status.in_(VOTED), _is_strict())
        .group_by(ApprovalTask.request_id, ApprovalTask.step_id, ApprovalTask.acted_by_id)
        .having(func.count(ApprovalTask.id) > 1)
    )


@_law("I5", "无人审批自己的申请", "Nobody decided on his own request")
def _not_his_own() -> Select[Any]:
    deed = and_(
        ApprovalAction.request_id == ApprovalRequest.id,
        ApprovalAction.act.in_([ApprovalAct.approve, ApprovalAct.reject]),
        or_(
            ApprovalAction.actor_id == ApprovalRequest.submitter_id,
            ApprovalAction.acting_for_id == ApprovalRequest.submitter_id,
        ),
    )
    return (
        select(ApprovalRequest.id)
        .join(ApprovalFlowVersion, ApprovalFlowVersion.id == ApprovalRequest.version_id)
        .join(ApprovalAction, deed)
        .join(ApprovalStep, ApprovalStep.id == ApprovalAction.step_id)
        .where(_is_strict(), _is_deciding())
    )


def _is_strict() -> Any:
    return func.coalesce(ApprovalFlowVersion.body["separation"].as_string(), "strict") == "strict"


def _is_deciding() -> Any:
    """Filing steps, on which a person may act twice, are few and named in the flow: looked up by the flow itself."""
    return ApprovalStep.node.not_in(_filing_steps())


def _filing_steps() -> list[str]:
    bodies = db.session.scalars(select(ApprovalFlowVersion.body))
    return sorted({step["key"] for body in bodies for step in body["steps"] if step.get("kind") == "filing"})


@_law("I6", "席位通过当且仅当票数足够", "A seat is approved exactly when its votes suffice")
def _votes_suffice() -> Select[Any]:
    weight = (
        select(func.coalesce(func.sum(ApprovalTask.weight), 0))
        .where(ApprovalTask.seat_id == ApprovalSeat.id, ApprovalTask.status == DutyStatus.approved)
        .scalar_subquery()
    )
    return (
        select(ApprovalStep.request_id)
        .join(ApprovalSeat, ApprovalSeat.step_id == ApprovalStep.id)
        .where((ApprovalSeat.status == SeatStatus.approved) != (weight >= ApprovalSeat.need))
    )


@_law("I8", "同一记录同时只有一个申请", "A record has one request alive at a time")
def _one_alive() -> Select[Any]:
    other = aliased(ApprovalRequest)
    alive = [RequestStatus.running, RequestStatus.returned, RequestStatus.suspended]
    return (
        select(ApprovalRequest.id)
        .join(
            other,
            and_(
                other.object_type == ApprovalRequest.object_type,
                other.object_id == ApprovalRequest.object_id,
                other.exclusive_group == ApprovalRequest.exclusive_group,
                other.id != ApprovalRequest.id,
            ),
        )
        .where(ApprovalRequest.status.in_(alive), other.status.in_(alive))
    )


@_law("I12", "决定在其步骤打开之后作出", "Every decision was made while its step was open")
def _in_time() -> Select[Any]:
    return (
        select(ApprovalTask.request_id)
        .join(ApprovalStep, ApprovalStep.id == ApprovalTask.step_id)
        .where(ApprovalTask.decided_at < ApprovalStep.activated_at)
    )


def _rewritten() -> list[Breach]:
    """I9: a published document is what it was when it was published."""
    rows = db.session.execute(
        select(ApprovalFlowVersion.id, ApprovalFlowVersion.body, ApprovalFlowVersion.body_hash)
    )
    changed = tuple(id_ for id_, body, body_hash in rows if subjects.digest(body) != body_hash)
    words = say(zh="流程版本被改动", en="A flow version was rewritten")
    return [Breach("I9", words, changed)] if changed else []
