"""A request under way: opening and closing its steps, following its way, ending it. Verbs stand in `engine`.

At most one step of a request is open at a time; what is reviewed side by side are seats of one step. An act reads a
request once (its row, its record, its steps with their seats and duties) and writes it once, at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

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
    Attachment,
    AuditAct,
    DutySource,
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


Place = tuple[ApprovalStep, ApprovalSeat | None, ApprovalTask | None]
"""A duty with its seat and step; a step that was passed over has neither."""


@dataclass(slots=True)
class Proceeding:
    """A request with its flow and its record, for one act.

    `readable` says whether the person asking may read the record; `fresh` that what was read before the request was
    locked does not count. Steps, duties and files are read at first need, once.
    """

    request: ApprovalRequest
    flow: Flow
    record: Any
    readable: bool = True
    fresh: bool = False
    _parties: frozenset[int] | None = None
    _places: list[Place] | None = None
    _files: list[Attachment] | None = None
    _later: dict[type[Any], list[Callable[[], dict[str, Any]]]] = field(default_factory=dict)

    def holds(self, condition: str | None) -> bool:
        """Whether a condition holds for the frozen facts of the request."""
        return subjects.holds(self.flow.object_type, condition, self.request.facts)

    @property
    def places(self) -> list[Place]:
        """Every duty of the request, in any round, with its seat and step."""
        if self._places is None:
            self._places = self._read_places() if self.request.id else []
        return self._places

    def _read_places(self) -> list[Place]:
        statement = (
            select(ApprovalStep, ApprovalSeat, ApprovalTask)
            .outerjoin(ApprovalSeat, ApprovalSeat.step_id == ApprovalStep.id)
            .outerjoin(ApprovalTask, ApprovalTask.seat_id == ApprovalSeat.id)
            .where(ApprovalStep.request_id == self.request.id)
            .order_by(ApprovalStep.id, ApprovalSeat.id, ApprovalTask.order_no, ApprovalTask.id)
            .execution_options(populate_existing=self.fresh)
        )
        with db.session.no_autoflush:
            return [(step, seat, task) for step, seat, task in db.session.execute(statement)]

    def open_step(self) -> ApprovalStep | None:
        """The step that waits for a decision."""
        return next((step for step, _seat, _task in self.places if step.status is StepStatus.active), None)

    def tasks(self, step: ApprovalStep) -> list[ApprovalTask]:
        """The duties of a step, in order."""
        found = [task for at, _seat, task in self.places if at is step and task is not None]
        return sorted(found, key=lambda task: (task.order_no, task.id))

    def seats(self, step: ApprovalStep) -> list[ApprovalSeat]:
        found = [seat for at, seat, _task in self.places if at is step and seat is not None]
        return list(dict.fromkeys(found))

    def seat_of(self, task: ApprovalTask) -> ApprovalSeat:
        return next(seat for _step, seat, it in self.places if it is task and seat is not None)

    def visits(self, node: str) -> int:
        """How often a step was reached in this round."""
        here = {step.visit_no for step, _seat, _task in self.places if self._is_now(step, node)}
        return max(here, default=0)

    def _is_now(self, step: ApprovalStep, node: str) -> bool:
        return step.node == node and step.round_no == self.request.round_no

    def had_part(self, employee_id: int | None) -> bool:
        """Whether this person has or had a duty in the request."""
        duties = (task for _step, _seat, task in self.places if task is not None)
        return any(employee_id in {task.assignee_id, task.acted_by_id} for task in duties)

    def deciders(self) -> dict[str, set[int]]:
        """Who decided at each step, in any round; stand-ins and those they stood in for alike."""
        found: dict[str, set[int]] = {}
        for step, _seat, task in self.places:
            if task is not None and task.status in VOTES:
                both = {task.assignee_id, task.acted_by_id}
                found.setdefault(step.node, set()).update(id_ for id_ in both if id_ is not None)
        return found

    @property
    def parties(self) -> frozenset[int]:
        """Those whose request it is, who never decide on it."""
        if self._parties is None:
            self._parties = people.parties_of(self.request, self.record)
        return self._parties

    @parties.setter
    def parties(self, found: frozenset[int]) -> None:
        self._parties = found

    def shut_out(self, step: Step) -> frozenset[int]:
        """The employees who may not decide at a step of this request (§4.3)."""
        found = people.shut_out(self.flow, step, self.parties, self.deciders())
        if not step.outside or not found:
            return found
        with access.acting(access.SYSTEM), db.session.no_autoflush:
            return found | people.kept_out(step, asked(self))

    @property
    def files(self) -> list[Attachment]:
        """The files beside the record."""
        if self._files is None:
            self._files = subjects.files_of(self.record)
        return self._files

    def content(self) -> dict[str, Any]:
        """What a decider is shown of the record now."""
        return subjects.content_of(self.record, [file.sha256 for file in self.files])

    def freeze(self) -> None:
        """Keep what the record says now as what is decided on."""
        request = self.request
        request.facts = subjects.facts_of(self.record)
        request.facts_hash = subjects.digest(request.facts)
        request.content = self.content()
        request.content_hash = subjects.digest(request.content)
        request.amount = subjects.amount_of(self.record)

    def later(self, model: type[Any], row: Callable[[], dict[str, Any]]) -> None:
        """Have a row written at the end of the act, together with the others of its table."""
        self._later.setdefault(model, []).append(row)

    def write(self) -> None:
        """Write what the act did; then the rows that wait, one statement a table."""
        db.session.flush()
        waiting, self._later = self._later, {}
        with access.acting(access.SYSTEM):
            for model, rows in waiting.items():
                db.session.execute(insert(model), [row() for row in rows])


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
    with db.session.no_autoflush:  # what the act does is written once, at its end
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
            p.later(Notice, _notice(p.request, employee_id, words))


def _notice(request: ApprovalRequest, employee_id: int, words: Words) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "kind": NoticeKind.approval,
        "recipient_id": employee_id,
        "text_zh": words.zh,
        "text_en": words.en,
        "object_type": "approval_request",
        "object_id": request.id,
    }


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
    wanted = list(dict.fromkeys(employee_ids))
    known = select(ApprovalCopy.employee_id).where(
        ApprovalCopy.request_id == p.request.id,
        ApprovalCopy.employee_id.in_(wanted),
        ApprovalCopy.reason == reason,
    )
    with db.session.no_autoflush:
        had = set(db.session.scalars(known)) if wanted else set()
    fresh = [employee_id for employee_id in wanted if employee_id not in had]
    db.session.add_all(
        ApprovalCopy(request_id=p.request.id, employee_id=employee_id, reason=reason) for employee_id in fresh
    )
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
    return Asked(p.request.submitter_id, p.record, p.deciders())


def seated(p: Proceeding, step: Step) -> list[tuple[Seat, list[Found]]]:
    """Who would sit on each seat of a step now; raises `NobodyFound` when a seat that decides stays empty."""
    excluded = set(p.shut_out(step))
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
    with db.session.no_autoflush:
        places = seated(p, step)
        calendar = company_calendar() if step.is_timed else None
    moment = now()
    due = calendar.add(moment, step.due) if calendar and step.due else None
    row = ApprovalStep(
        request_id=p.request.id,
        round_no=p.request.round_no,
        visit_no=p.visits(step.key) + 1,
        ordinal=p.flow.ordinal(step.key),
        node=step.key,
        status=StepStatus.active,
        reason=dict(why) if why else None,
        activated_at=moment,
        due_at=due,
        relaxed=not (p.flow.strict and step.decides),
    )
    db.session.add(row)
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
    return row


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
        step=row,
        key=seat.key,
        mode=seat.mode,
        reject_policy=seat.rejected,
        need=need,
        size=sum(weights),
        optional=seat.optional,
    )
    db.session.add(chair)
    opened = []
    for place, (person, weight) in enumerate(zip(sitting, weights, strict=True)):
        waits = seat.mode is QuorumMode.sequential and place > 0
        p.later(ApprovalTask, _duty(chair, row, person, (place, weight, waits)))
        if not waits:
            opened.append(person.employee_id)
    return opened


def _duty(
    chair: ApprovalSeat, row: ApprovalStep, person: Found, place: tuple[int, int, bool]
) -> Callable[[], dict[str, Any]]:
    order_no, weight, waits = place
    return lambda: {
        "seat_id": chair.id,
        "step_id": row.id,
        "request_id": row.request_id,
        "assignee_id": person.employee_id,
        "order_no": order_no,
        "weight": weight,
        "status": DutyStatus.waiting if waits else DutyStatus.open,
        "opened_at": None if waits else row.activated_at,
        "due_at": row.due_at,
        "reason": {"zh": person.why.zh, "en": person.why.en},
    }


def hand_over(task: ApprovalTask, to: int, source: DutySource, why: Words) -> ApprovalTask:
    """Give a duty to somebody else, who waits or decides as the one before him did; the old one names why it ended."""
    pending = task.status in PENDING
    heir = ApprovalTask(
        seat_id=task.seat_id,
        step_id=task.step_id,
        request_id=task.request_id,
        assignee_id=to,
        order_no=task.order_no,
        weight=task.weight,
        status=task.status if pending else DutyStatus.open,
        source=source,
        parent_id=task.id,
        opened_at=None if task.status is DutyStatus.waiting else now(),
        due_at=task.due_at,
        reason={"zh": why.zh, "en": why.en},
    )
    if pending:
        task.status = DutyStatus.transferred
    db.session.add(heir)
    return heir


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
    for deadline in armed:
        p.later(ApprovalTimer, _deadline(row, *deadline))


def _deadline(row: ApprovalStep, kind: TimerKind, level: int, at: datetime) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "request_id": row.request_id,
        "step_id": row.id,
        "kind": kind,
        "level": level,
        "fire_at": at,
    }


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
        tell(p, [following.assignee_id], turn_words(p, p.flow.step(node_of(p, following))))


def node_of(p: Proceeding, task: ApprovalTask) -> str:
    """The step of the flow a duty belongs to."""
    return next(step.node for step, _seat, it in p.places if it is task)


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
    if p.flow.step(row.node).is_timed:
        disarm = (
            update(ApprovalTimer)
            .where(ApprovalTimer.step_id == row.id, ApprovalTimer.status == TimerStatus.armed)
            .values(status=TimerStatus.cancelled)
        )
        with db.session.no_autoflush:
            db.session.execute(disarm, execution_options={"synchronize_session": False})


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
        visit_no=p.visits(step.key) + 1,
        ordinal=p.flow.ordinal(step.key),
        node=step.key,
        status=StepStatus.skipped,
        reason={"when": step.when},
        closed_at=now(),
        relaxed=not (p.flow.strict and step.decides),
    )
    db.session.add(row)


def finish(p: Proceeding, status: RequestStatus, comment: str | None = None) -> None:
    """End a request with its effects, in this transaction, and tell the submitter."""
    p.request.status = status
    p.request.closed_at = now()
    p.request.due_at = None
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
