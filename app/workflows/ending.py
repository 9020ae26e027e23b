"""Stopping a request: withdrawing, cancelling, suspending, voiding."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.columns import now
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalStep,
    ApprovalTimer,
    RequestStatus,
    StepStatus,
    TimerKind,
    TimerStatus,
)
from app.services.calendar import Calendar, Span, company_calendar
from app.words import say
from app.workflows import machine
from app.workflows.attempts import Attempt
from app.workflows.deciding import back_to_submitter
from app.workflows.flow import Step
from app.workflows.proceedings import close_step, finish, log, tell

WORKING = frozenset({"wd", "wh"})
"""The units of the working calendar."""


def withdraw(attempt: Attempt) -> None:
    """The submitter has it back, to change it."""
    log(attempt.p, attempt.deed())
    _close(attempt)
    back_to_submitter(attempt, "withdraw")


def cancel(attempt: Attempt) -> None:
    """End it without a decision."""
    log(attempt.p, attempt.deed())
    _close(attempt)
    finish(attempt.p, RequestStatus.cancelled)
    machine.move_by_approval(attempt.p.record, "cancel", attempt.comment)


def _close(attempt: Attempt) -> None:
    if attempt.step is not None:
        close_step(attempt.p, attempt.step, StepStatus.cancelled)


# ---- stopping the clock ------------------------------------------------------------------------------------


def suspend(attempt: Attempt) -> None:
    """Nothing can be done, and no deadline comes, until it is resumed."""
    log(attempt.p, attempt.deed())
    attempt.request.status = RequestStatus.suspended
    _tell_all(attempt, zh="“{title}”的审批已暂停：{why}", en='The approval of "{title}" is suspended: {why}')


def resume(attempt: Attempt) -> None:
    """Go on; the time it was suspended does not count."""
    p, step, moment = attempt.p, attempt.step, now()
    log(p, attempt.deed()).at = moment
    attempt.request.status = RequestStatus.running
    if step is not None and p.flow.step(step.node).is_timed:
        _set_back(step, p.flow.step(step.node), _suspended_at(attempt), moment)
        attempt.request.due_at = step.due_at
        for task in p.tasks(step):
            task.due_at = step.due_at
    _tell_all(attempt, zh="“{title}”的审批已恢复。", en='The approval of "{title}" goes on.')


def _suspended_at(attempt: Attempt) -> datetime:
    found = db.session.scalar(
        select(ApprovalAction.at)
        .where(ApprovalAction.request_id == attempt.request.id, ApprovalAction.act == ApprovalAct.suspend)
        .order_by(ApprovalAction.seq.desc())
        .limit(1)
    )
    return found or now()


def _set_back(step: ApprovalStep, node: Step, since: datetime, until: datetime) -> None:
    """Set every deadline that had not come back by the time that did not count."""
    calendar = company_calendar()
    timers = db.session.scalars(
        select(ApprovalTimer).where(
            ApprovalTimer.step_id == step.id, ApprovalTimer.status == TimerStatus.armed
        )
    )
    for timer in timers:
        timer.fire_at = postponed(calendar, span_of(node, timer.kind), timer.fire_at, (since, until))
    if step.due_at is not None:
        step.due_at = postponed(calendar, node.due, step.due_at, (since, until))


def span_of(node: Step, kind: TimerKind) -> str | None:
    """The span a deadline of this kind was counted from."""
    if kind is TimerKind.time_out:
        return node.time_out.after if node.time_out else None
    return node.due or node.remind_every


def postponed(
    calendar: Calendar, span: str | None, at: datetime, stopped: tuple[datetime, datetime]
) -> datetime:
    """A deadline once the time between two moments does not count: working time where it is counted in that."""
    since, until = stopped
    if at <= since:
        return at
    if span is not None and Span.read(span).unit in WORKING:
        return calendar.after(until, calendar.worked(since, at))
    return at + (until - since)


# ---- voiding -----------------------------------------------------------------------------------------------


def ask_void(attempt: Attempt) -> None:
    """The first of the two it takes; nothing changes yet."""
    log(attempt.p, attempt.deed())


def void(attempt: Attempt) -> None:
    """Declare it void: who submitted it, who decided and who asked for it are told."""
    p = attempt.p
    was_approved = p.request.status is RequestStatus.approved
    log(p, attempt.deed())
    _close(attempt)
    finish(p, RequestStatus.voided)
    machine.move_by_approval(p.record, "void" if was_approved else "cancel", attempt.comment)
    _tell_all(attempt, zh="“{title}”已作废：{why}", en='"{title}" was declared void: {why}')


def _tell_all(attempt: Attempt, **sentence: str) -> None:
    p = attempt.p
    concerned: list[Any] = [p.request.submitter_id, getattr(p.record, "owner_id", None)]
    concerned += [task.assignee_id for _step, _seat, task in p.places if task is not None]
    words = say(**sentence, title=p.request.title, why=attempt.comment or "-")
    tell(p, [id_ for id_ in concerned if id_ is not None], words)
