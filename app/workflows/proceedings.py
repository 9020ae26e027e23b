"""A request under way: opening and closing its steps, following its way, ending it. Verbs stand in `engine`.

At most one step of a request is open at a time; what is reviewed side by side are seats of one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from app.columns import now
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalCopy,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    AuditAct,
    DutyStatus,
    Notice,
    NoticeKind,
    QuorumMode,
    RequestStatus,
    SeatStatus,
    StepStatus,
    TimerKind,
    TimerStatus,
)
from app.services import access, audit
from app.services.calendar import Calendar, company_calendar
from app.words import Words, say
from app.workflows import people, routing, subjects
from app.workflows.effects import bring_about
from app.workflows.flow import Flow, Seat, Step
from app.workflows.people import Asked, Found, NobodyFound

ESCALATE_AFTER = "2wd"
"""How long after its deadline a step is brought before the superior, unless the flow says otherwise (G6)."""

VOTES = {DutyStatus.approved: routing.Vote.approved, DutyStatus.rejected: routing.Vote.rejected}
PENDING = (DutyStatus.waiting, DutyStatus.open)


@dataclass(slots=True)
class Proceeding:
    """A request with its flow and its record, for one act."""

    request: ApprovalRequest
    flow: Flow
    record: Any

    def holds(self, condition: str | None) -> bool:
        """Whether a condition holds for the frozen facts of the request."""
        return subjects.holds(self.flow.object_type, condition, self.request.facts)

    def open_step(self) -> ApprovalStep | None:
        """The step that waits for a decision."""
        return db.session.scalar(
            select(ApprovalStep).where(
                ApprovalStep.request_id == self.request.id, ApprovalStep.status == StepStatus.active
            )
        )

    def tasks(self, step: ApprovalStep) -> list[ApprovalTask]:
        """The duties of a step, in order."""
        return list(
            db.session.scalars(
                select(ApprovalTask)
                .where(ApprovalTask.step_id == step.id)
                .order_by(ApprovalTask.order_no, ApprovalTask.id)
            )
        )

    def seats(self, step: ApprovalStep) -> list[ApprovalSeat]:
        return list(db.session.scalars(select(ApprovalSeat).where(ApprovalSeat.step_id == step.id)))


# ---- what happened -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deed:
    """An act as it is written down."""

    act: ApprovalAct
    task: ApprovalTask | None = None
    step: ApprovalStep | None = None
    comment: str | None = None
    payload: Mapping[str, Any] | None = None
    idem_key: str | None = None
    fingerprint: str | None = None
    by_house: bool = False


def log(p: Proceeding, deed: Deed) -> ApprovalAction:
    """Write an act into the course of the request, and into the list of what happened."""
    who = access.principal()
    request = p.request
    request.last_seq += 1
    actor = None if deed.by_house else who.employee_id
    assignee = deed.task.assignee_id if deed.task else None
    action = ApprovalAction(
        request_id=request.id,
        seq=request.last_seq,
        act=deed.act,
        actor_id=actor,
        user_id=None if deed.by_house else who.user_id,
        acting_for_id=assignee if actor and assignee and assignee != actor else None,
        step_id=deed.step.id if deed.step else None,
        task_id=deed.task.id if deed.task else None,
        comment=deed.comment,
        payload=dict(deed.payload) if deed.payload else None,
        content_hash=request.content_hash,
        idem_key=deed.idem_key,
        fingerprint=deed.fingerprint,
    )
    db.session.add(action)
    db.session.flush()
    audit.record(
        AuditAct.approval,
        request.object_type,
        request.object_id,
        changes={"act": [None, deed.act.value], "step": [None, deed.step.node if deed.step else None]},
        reason=deed.comment,
        summary=say(zh="{flow}：{act}", en="{flow}: {act}", flow=p.flow.name, act=deed.act.words),
    )
    return action


def tell(p: Proceeding, employee_ids: Iterable[int], words: Words) -> None:
    """Notify people of the request; whoever acts needs no notice of it."""
    actor = access.principal().employee_id
    for employee_id in dict.fromkeys(employee_ids):
        if employee_id != actor:
            notice = Notice(
                kind=NoticeKind.approval,
                recipient_id=employee_id,
                text_zh=words.zh,
                text_en=words.en,
                object_type="approval_request",
                object_id=p.request.id,
            )
            db.session.add(notice)


def turn_words(p: Proceeding, step: Step) -> Words:
    """The notice to whose turn it is; it names the one who submitted, not the one who decided before."""
    return say(
        zh="{who}提交的“{title}”等待您处理：{step}",
        en='"{title}", submitted by {who}, waits for you: {step}',
        who=p.request.submitter.name,
        title=p.request.title,
        step=step.name,
    )


def copy(p: Proceeding, employee_ids: Iterable[int], reason: str) -> None:
    """Let people see the request without deciding."""
    fresh = []
    for employee_id in dict.fromkeys(employee_ids):
        known = db.session.scalar(
            select(ApprovalCopy.id).where(
                ApprovalCopy.request_id == p.request.id,
                ApprovalCopy.employee_id == employee_id,
                ApprovalCopy.reason == reason,
            )
        )
        if known is None:
            db.session.add(ApprovalCopy(request_id=p.request.id, employee_id=employee_id, reason=reason))
            fresh.append(employee_id)
    words = say(
        zh="{who}提交的“{title}”抄送给您。",
        en='You were copied on "{title}", submitted by {who}.',
        who=p.request.submitter.name,
        title=p.request.title,
    )
    tell(p, fresh, words)


# ---- opening a step ----------------------------------------------------------------------------------------


def asked(p: Proceeding) -> Asked:
    """What the rules that name people are asked about."""
    return Asked(p.request.submitter_id, p.record, people.deciders_of(p.request))


def seated(p: Proceeding, step: Step) -> list[tuple[Seat, list[Found]]]:
    """Who would sit on each seat of a step now; raises `NobodyFound` when a seat that decides stays empty."""
    excluded = set(people.shut_out(p.flow, p.request, p.record, step))
    found: list[tuple[Seat, list[Found]]] = []
    for seat in step.seats:
        if not p.holds(seat.when):
            continue
        with access.acting(access.SYSTEM), db.session.no_autoflush:
            named = people.find(seat.people, asked(p))
            sitting = people.separated(named, excluded, pool=seat.mode is QuorumMode.any)
        if not sitting and not seat.optional:
            raise NobodyFound(
                say(
                    zh="步骤“{step}”没有可以审批的人，请联系流程管理员。",
                    en='Nobody may decide at the step "{step}": ask whoever keeps the flow.',
                    step=step.name,
                )
            )
        if sitting:
            found.append((seat, sitting))
        if p.flow.strict and step.decides:
            excluded.update(person.employee_id for person in sitting)
    return found


def open_step(p: Proceeding, step: Step, why: Mapping[str, Any] | None = None) -> ApprovalStep:
    """Reach a step: its seats, a duty for each person, its deadlines and notices."""
    places = seated(p, step)
    moment = now()
    calendar = company_calendar() if step.due or step.remind_every or step.time_out else None
    due = calendar.add(moment, step.due) if calendar and step.due else None
    row = ApprovalStep(
        request_id=p.request.id,
        round_no=p.request.round_no,
        visit_no=_visit(p, step),
        ordinal=p.flow.ordinal(step.key),
        node=step.key,
        status=StepStatus.active,
        reason=dict(why) if why else None,
        activated_at=moment,
        due_at=due,
        relaxed=not (p.flow.strict and step.decides),
    )
    db.session.add(row)
    db.session.flush()
    p.request.due_at = due
    opened: list[int] = []
    for seat, sitting in places:
        opened += _fill_seat(p, row, seat, sitting)
    if calendar:
        _arm(p, row, step, calendar)
    tell(p, opened, turn_words(p, step))
    if step.copies:
        with access.acting(access.SYSTEM), db.session.no_autoflush:
            told = [person.employee_id for person in people.find(step.copies, asked(p))]
        copy(p, told, step.key)
    db.session.flush()
    return row


def _visit(p: Proceeding, step: Step) -> int:
    before = db.session.scalar(
        select(func.max(ApprovalStep.visit_no)).where(
            ApprovalStep.request_id == p.request.id,
            ApprovalStep.round_no == p.request.round_no,
            ApprovalStep.node == step.key,
        )
    )
    return (before or 0) + 1


def _fill_seat(p: Proceeding, row: ApprovalStep, seat: Seat, sitting: Sequence[Found]) -> list[int]:
    """Write a seat and its duties; those whose turn it is are given back."""
    weights = _weights(seat, sitting)
    need = routing.need_of(seat, weights)
    if need > sum(weights):
        raise NobodyFound(
            say(
                zh="席位“{seat}”需要 {need} 票，但只有 {size} 票。",
                en='The seat "{seat}" needs {need} votes and holds {size}.',
                seat=seat.name,
                need=need,
                size=sum(weights),
            )
        )
    chair = ApprovalSeat(
        step_id=row.id,
        key=seat.key,
        mode=seat.mode,
        reject_policy=seat.rejected,
        need=need,
        size=sum(weights),
        optional=seat.optional,
    )
    db.session.add(chair)
    db.session.flush()
    opened = []
    for place, (person, weight) in enumerate(zip(sitting, weights, strict=True)):
        waits = seat.mode is QuorumMode.sequential and place > 0
        db.session.add(
            ApprovalTask(
                seat_id=chair.id,
                step_id=row.id,
                request_id=p.request.id,
                assignee_id=person.employee_id,
                order_no=place,
                weight=weight,
                status=DutyStatus.waiting if waits else DutyStatus.open,
                opened_at=None if waits else row.activated_at,
                due_at=row.due_at,
                reason={"zh": person.why.zh, "en": person.why.en},
            )
        )
        if not waits:
            opened.append(person.employee_id)
    return opened


def _weights(seat: Seat, sitting: Sequence[Found]) -> list[int]:
    """Each person's weight; one vote each but in weighted seats, where the flow gives them by employee number."""
    if seat.mode is not QuorumMode.weight:
        return [1] * len(sitting)
    numbers = people.numbers_of(person.employee_id for person in sitting)
    return [seat.weights.get(numbers[person.employee_id], 1) for person in sitting]


def _arm(p: Proceeding, row: ApprovalStep, step: Step, calendar: Calendar) -> None:
    """Set the deadlines of a step: half-way, when due, then to the superior (G6); repeated ones; the time-out."""
    armed: list[tuple[TimerKind, int, datetime]] = []
    if row.due_at is not None:
        half = calendar.after(row.activated_at, calendar.worked(row.activated_at, row.due_at) / 2)
        armed += [(TimerKind.remind, 0, half), (TimerKind.remind, 1, row.due_at)]
        later = calendar.add(row.due_at, step.escalate_after or ESCALATE_AFTER)
        armed.append((TimerKind.escalate, 0, later))
    elif step.remind_every:
        armed.append((TimerKind.remind, 0, calendar.from_now(row.activated_at, step.remind_every)))
    if step.time_out:
        armed.append((TimerKind.time_out, 0, calendar.add(row.activated_at, step.time_out.after)))
    db.session.add_all(
        ApprovalTimer(request_id=p.request.id, step_id=row.id, kind=kind, level=level, fire_at=at)
        for kind, level, at in armed
    )


# ---- closing a step and going on ---------------------------------------------------------------------------


def seat_outcome(seat: ApprovalSeat, tasks: Iterable[ApprovalTask]) -> routing.Outcome:
    """What a seat has come to by the votes on it."""
    counted = [
        (VOTES.get(task.status, routing.Vote.open), task.weight)
        for task in tasks
        if task.seat_id == seat.id and task.status in {*VOTES, *PENDING}
    ]
    return routing.outcome(counted, seat.need, seat.reject_policy)


def weigh(p: Proceeding, row: ApprovalStep) -> routing.Outcome:
    """Settle the seats of a step after a vote, let the next in order begin, and say what the step has come to."""
    tasks = p.tasks(row)
    results = []
    for seat in p.seats(row):
        result = seat_outcome(seat, tasks)
        mine = [task for task in tasks if task.seat_id == seat.id]
        if result is routing.Outcome.open:
            _let_next_begin(p, seat, mine)
        elif seat.status is SeatStatus.open:
            seat.status = SeatStatus[result.name]
            _dismiss(mine, DutyStatus.skipped)
        results.append((result, seat.optional))
    return routing.step_outcome(results)


def _let_next_begin(p: Proceeding, seat: ApprovalSeat, tasks: Sequence[ApprovalTask]) -> None:
    if seat.mode is not QuorumMode.sequential or any(task.status is DutyStatus.open for task in tasks):
        return
    following = next((task for task in tasks if task.status is DutyStatus.waiting), None)
    if following is not None:
        following.status = DutyStatus.open
        following.opened_at = now()
        row = db.session.get_one(ApprovalStep, following.step_id)
        tell(p, [following.assignee_id], turn_words(p, p.flow.step(row.node)))


def _dismiss(tasks: Iterable[ApprovalTask], status: DutyStatus) -> None:
    for task in tasks:
        if task.status in PENDING:
            task.status = status


def close_step(p: Proceeding, row: ApprovalStep, status: StepStatus) -> None:
    """End a step: what is still open on it needs nobody any more."""
    row.status = status
    row.closed_at = now()
    left = DutyStatus.skipped if status is StepStatus.approved else DutyStatus.cancelled
    _dismiss(p.tasks(row), left)
    for seat in p.seats(row):
        if seat.status is SeatStatus.open:
            seat.status = SeatStatus.cancelled
    db.session.execute(
        update(ApprovalTimer)
        .where(ApprovalTimer.step_id == row.id, ApprovalTimer.status == TimerStatus.armed)
        .values(status=TimerStatus.cancelled)
    )
    db.session.flush()


def go_on(p: Proceeding, way: routing.Way) -> None:
    """Follow the way: note the steps passed over, open the next, or end the request as approved."""
    for step in way.skipped:
        pass_over(p, step)
    if way.step is not None:
        open_step(p, way.step)
    else:
        finish(p, RequestStatus.approved)


def pass_over(p: Proceeding, step: Step) -> None:
    """Note that a step did not apply, and by which condition."""
    row = ApprovalStep(
        request_id=p.request.id,
        round_no=p.request.round_no,
        visit_no=_visit(p, step),
        ordinal=p.flow.ordinal(step.key),
        node=step.key,
        status=StepStatus.skipped,
        reason={"when": step.when},
        closed_at=now(),
    )
    db.session.add(row)
    db.session.flush()


def finish(p: Proceeding, status: RequestStatus, comment: str | None = None) -> None:
    """End a request with its effects, in this transaction, and tell the submitter."""
    p.request.status = status
    p.request.closed_at = now()
    p.request.due_at = None
    db.session.flush()
    if status is RequestStatus.approved:
        bring_about(p.record, p.flow.on_approved, comment)
    elif status is RequestStatus.rejected:
        bring_about(p.record, p.flow.on_rejected, comment)
    words = say(
        zh="您提交的“{title}”{status}。",
        en='"{title}", which you submitted: {status}.',
        title=p.request.title,
        status=status.words,
    )
    tell(p, [p.request.submitter_id], words)
    db.session.flush()
