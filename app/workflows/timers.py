"""Deadlines: reminders, escalation to the superior, time-outs. A sweeper fires what is due, each at most once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.columns import now
from app.errors import Refusal
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    DutySource,
    DutyStatus,
    Employee,
    RequestStatus,
    StepStatus,
    TimerKind,
    TimerStatus,
)
from app.services import access, jobs
from app.services.calendar import company_calendar
from app.words import Words, say
from app.workflows import machine, people, proceedings
from app.workflows.attempts import lock, proceeding
from app.workflows.effects import bring_about
from app.workflows.proceedings import Deed, Proceeding, hand_over, log, tell, turn_words


def due(at: datetime | None = None, most: int = 200) -> list[int]:
    """The deadlines that have come, oldest first; those of suspended requests do not come."""
    return list(
        db.session.scalars(
            select(ApprovalTimer.id)
            .join(ApprovalRequest, ApprovalRequest.id == ApprovalTimer.request_id)
            .where(
                ApprovalTimer.status == TimerStatus.armed,
                ApprovalTimer.fire_at <= (at or now()),
                ApprovalRequest.status == RequestStatus.running,
            )
            .order_by(ApprovalTimer.fire_at, ApprovalTimer.id)
            .limit(most)
        )
    )


def fire(timer_id: int, at: datetime | None = None) -> list[int]:
    """Carry out one deadline, inside a `transaction()` of its own, as the system; whom it reached is given back.

    Of two sweepers at once one claims it; a deadline of a record in the bin reaches nobody.
    """
    request_id = db.session.scalar(select(ApprovalTimer.request_id).where(ApprovalTimer.id == timer_id))
    request = lock(request_id) if request_id is not None else None
    if request is None or request.status is not RequestStatus.running or not _claim(timer_id):
        return []
    timer = db.session.get_one(ApprovalTimer, timer_id)
    p = proceeding(request, fresh=True)
    step = p.open_step()
    if step is None or step.id != timer.step_id or not _is_there(p):
        return []
    with access.by_rule():
        reached = HANDLERS[timer.kind](p, step, timer, at or now())
        p.write()
    return reached


def _claim(timer_id: int) -> bool:
    claimed = db.session.execute(
        update(ApprovalTimer)
        .where(ApprovalTimer.id == timer_id, ApprovalTimer.status == TimerStatus.armed)
        .values(status=TimerStatus.fired)
        .returning(ApprovalTimer.id)
    )
    return claimed.first() is not None


def _is_there(p: Proceeding) -> bool:
    return p.record is not None and getattr(p.record, "deleted_at", None) is None


def sweep(at: datetime | None = None) -> int:
    """Fire everything that is due, each in a transaction of its own; how many there were. Outside `transaction()`.

    One that cannot be carried out (an effect is refused) stays set, and does not keep the others from coming.
    """
    done = 0
    for timer_id in due(at):
        with suppress(Refusal), transaction():
            fire(timer_id, at)
            done += 1
    return done


@jobs.kind("approval_deadlines", zh="审批期限", en="Approval deadlines")
def watch(_run: jobs.Run) -> Any:
    """Fire what is due and relieve who left, as often as the schedule says (see `upkeep`)."""
    return {"fired": sweep(), "relieved": relieve_all()}


# ---- who left ----------------------------------------------------------------------------------------------

LEFT = Words("原审批人已离岗，转由其上级审批", "who was to decide left: his superior does")


def of_leavers(most: int = 200) -> list[int]:
    """Duties of people who do not work here any more, or cannot sign in, in requests that run."""
    gone = select(Employee.id).where(~people.is_able())
    statement = (
        select(ApprovalTask.id)
        .join(ApprovalRequest, ApprovalRequest.id == ApprovalTask.request_id)
        .where(
            ApprovalTask.assignee_id.in_(gone),
            ApprovalTask.status.in_(proceedings.PENDING),
            ApprovalRequest.status == RequestStatus.running,
        )
        .order_by(ApprovalTask.id)
    )
    return list(db.session.scalars(statement.limit(most)))


def relieve_all() -> int:
    """Give every duty of a leaver to somebody who can do it, each in a transaction of its own; how many could be."""
    done = 0
    for task_id in of_leavers():
        with suppress(Refusal), transaction():
            done += relieve(task_id)
    return done


def relieve(task_id: int) -> bool:
    """Give the duty of somebody who left to his superior, inside a `transaction()`; whether there was one.

    Where no superior may decide, the request waits for an administrator, who reassigns it.
    """
    request_id = db.session.scalar(select(ApprovalTask.request_id).where(ApprovalTask.id == task_id))
    request = lock(request_id) if request_id is not None else None
    if request is None or request.status is not RequestStatus.running:
        return False
    p = proceeding(request, fresh=True)
    step = p.open_step()
    task = next((it for it in p.tasks(step) if it.id == task_id), None) if step else None
    if step is None or task is None or task.status not in proceedings.PENDING:
        return False
    instead = (
        None if people.can_act(task.assignee_id) else people.free_superior(task.assignee_id, _taken(p, step))
    )
    if instead is None:
        return False
    with access.by_rule():
        told = {"to": instead.employee_id, "of": task.assignee_id}
        log(p, Deed(ApprovalAct.reassign, step=step, by_house=True, payload=told))
        heir = hand_over(task, instead.employee_id, DutySource.superior, LEFT)
        if heir.status is DutyStatus.open:
            tell(p, [instead.employee_id], turn_words(p, p.flow.step(step.node)))
        p.write()
    return True


def _taken(p: Proceeding, step: ApprovalStep) -> set[int]:
    """Who cannot take over a duty: those shut out, and those who sit at the step already."""
    return {*p.shut_out(p.flow.step(step.node)), *(task.assignee_id for task in p.tasks(step))}


# ---- what deadlines do -------------------------------------------------------------------------------------

OVERDUE = Words("超时未办，转上级处理", "overdue: handed to the superior")


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
    tell(p, reached, words)
    log(p, Deed(ApprovalAct.remind, step=step, by_house=True, payload={"level": timer.level}))
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
    """Bring what is overdue before the superior, who decides instead; the one who is late stays named."""
    step.escalation = timer.level + 1
    excluded = _taken(p, step)
    reached = []
    log(p, Deed(ApprovalAct.escalate, step=step, by_house=True))
    for task in _open(p, step):
        instead = people.free_superior(task.assignee_id, excluded)
        if instead is None:
            continue
        excluded.add(instead.employee_id)
        hand_over(task, instead.employee_id, DutySource.escalation, OVERDUE)
        task.status = DutyStatus.expired
        reached.append(instead.employee_id)
    tell(p, reached, turn_words(p, p.flow.step(step.node)))
    return reached


def _time_out(p: Proceeding, step: ApprovalStep, _timer: ApprovalTimer, _at: datetime) -> list[int]:
    """A step nobody decided ends the request undecided, never approved; its record goes back unless the flow says more."""
    node = p.flow.step(step.node)
    log(p, Deed(ApprovalAct.time_out, step=step, by_house=True))
    for task in _open(p, step):
        task.status = DutyStatus.expired
    proceedings.close_step(p, step, StepStatus.cancelled)
    proceedings.finish(p, RequestStatus.timed_out)
    if node.time_out and node.time_out.then:
        bring_about(p.record, node.time_out.then)
    else:
        verbs = {move.verb for move in machine.machine_of(p.record).moves}
        machine.move_by_approval(p.record, "send_back" if "send_back" in verbs else "cancel")
    return [p.request.submitter_id]


HANDLERS: dict[TimerKind, Callable[[Proceeding, ApprovalStep, ApprovalTimer, datetime], list[int]]] = {
    TimerKind.remind: _remind,
    TimerKind.escalate: _escalate,
    TimerKind.time_out: _time_out,
}
