"""Deadlines: reminders, escalation to the superior, time-outs. A sweeper fires what is due, each at most once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.columns import now
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    DutySource,
    DutyStatus,
    RequestStatus,
    StepStatus,
    TimerKind,
    TimerStatus,
)
from app.services import access, jobs
from app.services.calendar import company_calendar
from app.words import say
from app.workflows import engine, people, proceedings
from app.workflows.effects import bring_about
from app.workflows.proceedings import Deed, Proceeding


def due(at: datetime | None = None, most: int = 200) -> list[int]:
    """The deadlines that have come, oldest first."""
    return list(
        db.session.scalars(
            select(ApprovalTimer.id)
            .where(ApprovalTimer.status == TimerStatus.armed, ApprovalTimer.fire_at <= (at or now()))
            .order_by(ApprovalTimer.fire_at, ApprovalTimer.id)
            .limit(most)
        )
    )


def fire(timer_id: int, at: datetime | None = None) -> list[int]:
    """Carry out one deadline, inside a `transaction()` of its own, as the system; whom it reached is given back.

    Of two sweepers at once one claims it; a deadline of a record in the bin reaches nobody.
    """
    moment = at or now()
    claimed = db.session.execute(
        update(ApprovalTimer)
        .where(ApprovalTimer.id == timer_id, ApprovalTimer.status == TimerStatus.armed)
        .values(status=TimerStatus.fired)
        .returning(ApprovalTimer.id)
    ).first()
    if claimed is None:
        return []
    timer = db.session.get_one(ApprovalTimer, timer_id)
    request = db.session.scalar(
        select(ApprovalRequest)
        .where(ApprovalRequest.id == timer.request_id)
        .with_for_update(of=ApprovalRequest)
        .execution_options(populate_existing=True)
    )
    step = db.session.get_one(ApprovalStep, timer.step_id)
    if request is None or request.status is not RequestStatus.running or step.status is not StepStatus.active:
        return []
    p = engine.proceeding(request)
    if p.record is None or getattr(p.record, "deleted_at", None) is not None:
        return []
    with access.by_rule():
        reached = HANDLERS[timer.kind](p, step, timer, moment)
        db.session.flush()
    return reached


def sweep(at: datetime | None = None) -> int:
    """Fire everything that is due, each in a transaction of its own; how many there were. Outside `transaction()`."""
    found = due(at)
    for timer_id in found:
        with transaction():
            fire(timer_id, at)
    return len(found)


@jobs.kind("approval_deadlines", zh="审批期限", en="Approval deadlines")
def watch(_run: jobs.Run) -> Any:
    """Fire what is due, as often as the schedule says (see `upkeep`)."""
    return {"fired": sweep()}


def _open(p: Proceeding, step: ApprovalStep) -> list[ApprovalTask]:
    return [task for task in p.tasks(step) if task.status is DutyStatus.open]


def _remind(p: Proceeding, step: ApprovalStep, timer: ApprovalTimer, at: datetime) -> list[int]:
    reached = []
    for task in _open(p, step):
        task.reminded_at = at
        reached.append(task.assignee_id)
    words = say(
        zh="“{title}”等待您处理，请及时办理。",
        en='"{title}" still waits for you.',
        title=p.request.title,
    )
    proceedings.tell(p, reached, words)
    proceedings.log(p, Deed(ApprovalAct.remind, step=step, by_house=True, payload={"level": timer.level}))
    every = p.flow.step(step.node).remind_every
    if every and step.due_at is None:
        db.session.add(
            ApprovalTimer(
                request_id=p.request.id,
                step_id=step.id,
                kind=TimerKind.remind,
                level=timer.level + 1,
                fire_at=company_calendar().from_now(at, every),
            )
        )
    return reached


def _escalate(p: Proceeding, step: ApprovalStep, timer: ApprovalTimer, _at: datetime) -> list[int]:
    """Bring what is overdue before the superior too: he may decide it as well; the one who is late stays named."""
    step.escalation = timer.level + 1
    node = p.flow.step(step.node)
    excluded = set(people.shut_out(p.flow, p.request, p.record, node))
    excluded |= {task.assignee_id for task in p.tasks(step)}
    reached = []
    proceedings.log(p, Deed(ApprovalAct.escalate, step=step, by_house=True))
    for task in _open(p, step):
        instead = people.free_superior(task.assignee_id, excluded)
        if instead is None:
            continue
        excluded.add(instead.employee_id)
        task.status = DutyStatus.expired
        db.session.flush()
        _hand_over(p, step, task, instead.employee_id)
        reached.append(instead.employee_id)
    proceedings.tell(p, reached, proceedings.turn_words(p, node))
    return reached


def _hand_over(p: Proceeding, step: ApprovalStep, task: ApprovalTask, to: int) -> None:
    seat = db.session.get_one(ApprovalSeat, task.seat_id)
    db.session.add(
        ApprovalTask(
            seat_id=seat.id,
            step_id=step.id,
            request_id=p.request.id,
            assignee_id=to,
            order_no=task.order_no,
            weight=task.weight,
            status=DutyStatus.open,
            source=DutySource.escalation,
            parent_id=task.id,
            opened_at=now(),
            due_at=task.due_at,
            reason={"zh": "超时未办，转上级处理", "en": "overdue: handed to the superior"},
        )
    )


def _time_out(p: Proceeding, step: ApprovalStep, _timer: ApprovalTimer, _at: datetime) -> list[int]:
    """A step that nobody decided ends the request undecided: never approved."""
    node = p.flow.step(step.node)
    proceedings.log(p, Deed(ApprovalAct.time_out, step=step, by_house=True))
    proceedings.close_step(p, step, StepStatus.cancelled)
    proceedings.finish(p, RequestStatus.cancelled)
    bring_about(p.record, node.time_out.then if node.time_out else ())
    return [p.request.submitter_id]


HANDLERS: dict[TimerKind, Callable[[Proceeding, ApprovalStep, ApprovalTimer, datetime], list[int]]] = {
    TimerKind.remind: _remind,
    TimerKind.escalate: _escalate,
    TimerKind.time_out: _time_out,
}
