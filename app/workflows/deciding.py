"""Deciding: agreeing, refusing, sending back, and taking one's own last decision back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from app.columns import now
from app.errors import BadInput, Problem
from app.extensions import db
from app.models import (
    ApprovalEvidence,
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
from app.services import records, values
from app.services.fields import Field, Kind, field_named
from app.words import say
from app.workflows import machine, proceedings, routing, subjects
from app.workflows.asking import holder_of, is_empty, missing, missing_files
from app.workflows.attempts import Attempt, not_yours
from app.workflows.effects import bring_about
from app.workflows.flow import SUBMITTER, Step
from app.workflows.guards import last_action
from app.workflows.handing import hold_again, release
from app.workflows.proceedings import Proceeding, close_step, finish, go_on, log, open_step, tell
from app.workflows.refusals import CommentRequired, ConditionUnmet


def vote(attempt: Attempt, status: DutyStatus) -> tuple[ApprovalTask, ApprovalStep]:
    """Put down what has become of a duty, and who did it."""
    task, step = attempt.duty
    task.status = status
    task.acted_by_id = attempt.who.employee_id
    task.decided_at = now()
    task.comment = attempt.comment
    attempt.request.decided_once |= status is not DutyStatus.transferred
    return task, step


def approve(attempt: Attempt) -> None:
    p = attempt.p
    node = attempt.node
    _fill_in(attempt, node)
    _check_step(attempt, node)
    task, step = vote(attempt, DutyStatus.approved)
    log(p, attempt.deed(seat=p.seat_of(task).key))
    release(p, task)
    result = proceedings.weigh(p, step)
    if result is routing.Outcome.approved:
        close_step(p, step, StepStatus.approved)
        bring_about(p.record, node.then, attempt.comment)
        if node.then:
            p.freeze()
        go_on(p, routing.after(p.flow, node, p.holds))
    elif result is routing.Outcome.rejected:
        _end_rejected(attempt, step)


def reject(attempt: Attempt) -> None:
    _task, step = vote(attempt, DutyStatus.rejected)
    log(attempt.p, attempt.deed())
    if proceedings.weigh(attempt.p, step) is routing.Outcome.rejected:
        _end_rejected(attempt, step)


def _end_rejected(attempt: Attempt, step: ApprovalStep) -> None:
    close_step(attempt.p, step, StepStatus.rejected)
    if attempt.p.flow.returns_rejected:
        back_to_submitter(attempt, "send_back")
    else:
        finish(attempt.p, RequestStatus.rejected, attempt.comment)


def send_back(attempt: Attempt) -> None:
    target = attempt.given.get("target") or SUBMITTER
    if target not in attempt.node.return_to:
        raise BadInput([Problem(say(zh="不能退回到该步骤。", en="It cannot be sent back there."), "target")])
    p = attempt.p
    _task, step = vote(attempt, DutyStatus.returned)
    log(p, attempt.deed(target=target))
    close_step(p, step, StepStatus.returned)
    if target == SUBMITTER:
        back_to_submitter(attempt, "send_back")
    else:
        open_step(p, p.flow.step(target), {"sent_back_from": step.node})


def back_to_submitter(attempt: Attempt, verb: str) -> None:
    p = attempt.p
    p.request.status = RequestStatus.returned
    p.request.due_at = None
    machine.move_by_approval(p.record, verb, attempt.comment)
    words = say(
        zh="您提交的“{title}”已退回：{why}",
        en='"{title}", which you submitted, was sent back: {why}',
        title=p.request.title,
        why=attempt.comment or "-",
    )
    tell(p, [p.request.submitter_id], words)


def take_back(attempt: Attempt) -> None:
    """Undo the own last approval: the step it closed is open again, the one it opened is gone."""
    last = last_action(attempt.request)
    p = attempt.p
    found = [
        (step, task)
        for step, _seat, task in p.places
        if task is not None and last and task.id == last.task_id
    ]
    if not found:
        raise not_yours()
    step, mine = found[0]
    if attempt.step is not None and attempt.step is not step:
        close_step(p, attempt.step, StepStatus.cancelled)
    log(p, replace(attempt.deed(), step=step, task=mine))
    db.session.flush()  # of two open steps the database keeps one
    _reopen(p, step, p.seat_of(mine))
    hold_again(p, mine)
    mine.status, mine.acted_by_id, mine.decided_at, mine.comment = DutyStatus.open, None, None, None
    p.request.due_at = step.due_at


def _reopen(p: Proceeding, step: ApprovalStep, voted: ApprovalSeat) -> None:
    """Have a step stand as before the vote on this seat: what the vote made needless is needed again."""
    step.status, step.closed_at = StepStatus.active, None
    for seat in p.seats(step):
        if seat is voted or seat.status is SeatStatus.cancelled:
            seat.status = SeatStatus.open
            for task in p.tasks(step):
                if task.seat_id == seat.id and task.status is DutyStatus.skipped:
                    task.status = DutyStatus.open if task.opened_at else DutyStatus.waiting
    if p.flow.step(step.node).is_timed:
        rearm = (
            update(ApprovalTimer)
            .where(ApprovalTimer.step_id == step.id, ApprovalTimer.status == TimerStatus.cancelled)
            .values(status=TimerStatus.armed)
        )
        db.session.execute(rearm, execution_options={"synchronize_session": False})


def _fill_in(attempt: Attempt, node: Step) -> None:
    """Write what the step's form says into the record: only its fields, and frozen again at once."""
    typed = attempt.given.get("fields") or {}
    problems = []
    for path, raw in typed.items():
        holder, name = holder_of(attempt.p.record, path)
        if path not in node.fields or holder is None:
            problems.append(
                Problem(say(zh="此步骤不能填写该字段。", en="This step does not fill that in."), path)
            )
            continue
        try:
            setattr(holder, name, _typed(holder, name, raw))
        except values.BadValue as error:
            problems.append(Problem(error.words, path))
    if problems:
        raise BadInput(problems)
    if typed:
        db.session.flush()
    attempt.p.freeze()


def _typed(holder: Any, name: str, raw: Any) -> Any:
    field: Field | None = field_named(type(holder), name) if hasattr(type(holder), "__rows__") else None
    if field is None:
        return raw
    if isinstance(raw, str) or field.kind is Kind.relation:
        return records.value_of(field, raw)
    return raw


def _check_step(attempt: Attempt, node: Step) -> None:
    """Everything a step asks for before it can be approved, told at once."""
    p = attempt.p
    problems = [missing(p.record, path) for path in node.required if is_empty(p.record, path)]
    problems += missing_files(p, node.evidence)
    if problems:
        raise BadInput(problems)
    if node.comment_when and p.holds(node.comment_when) and attempt.comment is None:
        raise CommentRequired(
            say(
                zh="有准入标准未满足，例外通过须说明理由。",
                en="A standard is not met: say why it is approved all the same.",
            )
        )
    if not p.holds(node.approve_when):
        raise ConditionUnmet(
            say(zh="此步骤的通过条件不满足。", en="The condition of this step does not hold.")
        )
    for name in node.checks:
        if words := machine.checks[name](p.record):
            raise ConditionUnmet(words)
    _keep_evidence(attempt, node)


def _keep_evidence(attempt: Attempt, node: Step) -> None:
    """Note which files and records were before the decider, by their digests."""
    p, step = attempt.p, attempt.step
    named = set(attempt.given.get("evidence") or ())
    wanted = {document.type for document in node.evidence if document.record is None}
    files = [file for file in p.files if file.doc_type in wanted or file.id in named]
    if missing := named - {file.id for file in files}:
        raise BadInput(
            [Problem(say(zh="附件不属于该记录。", en="These files are not of this record."), str(missing))]
        )
    found = [(file.doc_type or "file", "attachment", file.id, file.sha256) for file in files]
    for document in node.evidence:
        related = subjects.value_of(p.record, document.record) if document.record else None
        if related is not None:
            digest = subjects.digest(subjects.plain_of(related))
            found.append((document.type, related.__tablename__, related.id, digest))
    moment = now()
    db.session.add_all(
        ApprovalEvidence(
            request_id=p.request.id,
            round_no=p.request.round_no,
            step_id=step.id if step else None,
            task_id=attempt.task.id if attempt.task else None,
            doc_type=kind,
            object_type=object_type,
            object_id=object_id,
            digest=digest,
            given_by_id=attempt.who.employee_id,
            given_at=moment,
        )
        for kind, object_type, object_id, digest in found
    )
