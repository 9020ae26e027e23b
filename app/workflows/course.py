"""The course of a request as people see it: what was done, what waits, what is still to come; and what one may do now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.errors import NotFound, Refusal
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    DutyStatus,
    Employee,
    RequestStatus,
    StepStatus,
)
from app.services import access
from app.services.language.problems import UnknownValue
from app.words import Words, say
from app.workflows import engine, machine, proceedings, routing, subjects
from app.workflows.engine import GUARDS, Attempt, attempt_comments, attempt_on, hindrance
from app.workflows.proceedings import Proceeding
from app.workflows.refusals import Duplicate

NEEDS_PERSON = frozenset({"transfer", "add_signer", "consult", "copy"})
ORDER = tuple(GUARDS)
"""The acts in the order screens offer them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An act a person may do now; what it asks of him."""

    act: ApprovalAct
    words: Words
    tone: str
    needs_comment: bool
    needs_person: bool
    targets: tuple[tuple[str, Words], ...] = ()
    """Where a request may be sent back to."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person at a step: what has become of his duty."""

    name: str
    employee_id: int
    seat: str
    status: DutyStatus
    why: Words
    comment: str | None = None
    decided_at: datetime | None = None
    acted_by: str | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the course; `status` is its own, or `waiting` for one to come, `cancelled` for one that never will."""

    key: str
    name: Words
    status: str
    round_no: int
    people: tuple[Person, ...] = ()
    opened_at: datetime | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One act in the course."""

    act: ApprovalAct
    at: datetime
    by: str
    acting_for: str | None
    step: Words | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Course:
    """A request as a whole: where it stands, its steps by round, its acts in order."""

    request: ApprovalRequest
    name: Words
    stages: tuple[Stage, ...]
    entries: tuple[Entry, ...]


def find(request_id: int) -> ApprovalRequest:
    """A request the person asking has to do with; raises `NotFound`."""
    request = db.session.get(ApprovalRequest, request_id)
    if request is None or not engine.concerns(attempt_on(request, ApprovalAct.approve, {})):
        raise NotFound(say(zh="没有这个审批申请。", en="There is no such request."))
    return request


def acts_of(request: ApprovalRequest) -> list[Offer]:
    """What the person asking may do on a request now: exactly what the engine would accept."""
    found = attempt_on(request, ApprovalAct.approve, {})
    attempts = [replace(found, act=ApprovalAct[act]) for act in ORDER]
    return [_offer(attempt) for attempt in attempts if hindrance(attempt) is None]


def _offer(attempt: Attempt) -> Offer:
    act = attempt.act
    targets: tuple[tuple[str, Words], ...] = ()
    if act is ApprovalAct.send_back:
        targets = tuple((key, _target_name(attempt.p, key)) for key in attempt.node.return_to)
    return Offer(
        act=act,
        words=act.words,
        tone=act.tone,
        needs_comment=act.value in attempt_comments(attempt),
        needs_person=act.value in NEEDS_PERSON,
        targets=targets,
    )


def _target_name(p: Proceeding, key: str) -> Words:
    return Words("提交人", "the submitter") if key == "submitter" else p.flow.step(key).name


@dataclass(frozen=True, slots=True)
class Buttons:
    """What the person asking may do with a record: its moves, whether it can be submitted, acts on its request."""

    moves: list[machine.Offer]
    can_submit: bool
    refusal: Words | None
    request: ApprovalRequest | None
    acts: list[Offer]


def buttons(record: Any) -> Buttons:
    """What a record's page offers the person asking."""
    if record.__tablename__ not in subjects.subjects:
        return Buttons(machine.moves_of(record), can_submit=False, refusal=None, request=None, acts=[])
    request = engine.alive_request(record)
    refusal = submit_hindrance(record, request)
    return Buttons(
        moves=machine.moves_of(record),
        can_submit=refusal is None,
        refusal=refusal.words if refusal else None,
        request=request or engine.latest_request(record),
        acts=acts_of(request) if request is not None else [],
    )


def submit_hindrance(record: Any, request: ApprovalRequest | None) -> Refusal | None:
    """Why the person asking may not submit this record now; None when he may."""
    who = access.principal()
    try:
        engine._check_may_submit(record, who)
        if not machine.can_move(record, "submit"):
            raise Duplicate(say(zh="当前状态不能提交。", en="It cannot be submitted as it stands."))
        if request is None:
            engine.flow_for(record)
        elif request.submitter_id != who.employee_id:
            raise Duplicate(
                say(zh="只有提交人可以重新提交。", en="Only who submitted it may submit it again.")
            )
    except Refusal as refusal:
        return refusal
    return None


def path_of(record: Any) -> list[Stage]:
    """The steps a record would go through if it were submitted now, and who would decide: nothing is written."""
    version, flow = engine.flow_for(record)
    request = engine._new_request(record, version, flow, access.principal())
    p = Proceeding(request, flow, record)
    found = _to_come(p, None, "waiting")
    if request in db.session:
        db.session.expunge(request)
    return found


# ---- the course --------------------------------------------------------------------------------------------


def course(request: ApprovalRequest) -> Course:
    """Everything about a request, in the order it happened, with what is still to come."""
    p = engine.proceeding(request)
    steps = list(
        db.session.scalars(
            select(ApprovalStep).where(ApprovalStep.request_id == request.id).order_by(ApprovalStep.id)
        )
    )
    sitting = _people(request)
    stages = [_stage(p, step, sitting.get(step.id, ())) for step in steps]
    stages += _rest(p, steps)
    return Course(request, p.flow.name, tuple(stages), tuple(_entries(p, steps)))


def _people(request: ApprovalRequest) -> dict[int, tuple[Person, ...]]:
    """Everybody's duties by step."""
    rows = db.session.execute(
        select(ApprovalTask, ApprovalSeat.key, Employee.name)
        .join(ApprovalSeat, ApprovalSeat.id == ApprovalTask.seat_id)
        .join(Employee, Employee.id == ApprovalTask.assignee_id)
        .where(ApprovalTask.request_id == request.id)
        .order_by(ApprovalTask.id)
    ).all()
    names = _names({task.acted_by_id for task, _seat, _name in rows})
    found: dict[int, tuple[Person, ...]] = {}
    for task, seat, name in rows:
        why = task.reason or {}
        instead = task.acted_by_id not in {None, task.assignee_id}
        person = Person(
            name=name,
            employee_id=task.assignee_id,
            seat=seat,
            status=task.status,
            why=Words(why.get("zh", ""), why.get("en", "")),
            comment=task.comment,
            decided_at=task.decided_at,
            acted_by=names.get(task.acted_by_id) if instead else None,
        )
        found[task.step_id] = (*found.get(task.step_id, ()), person)
    return found


def _names(ids: set[int | None]) -> dict[int | None, str]:
    rows = db.session.scalars(
        select(Employee).where(Employee.id.in_([id_ for id_ in ids if id_ is not None]))
    )
    return {employee.id: employee.name for employee in rows}


def _stage(p: Proceeding, step: ApprovalStep, sitting: tuple[Person, ...]) -> Stage:
    return Stage(
        key=step.node,
        name=p.flow.step(step.node).name,
        status=step.status.value,
        round_no=step.round_no,
        people=sitting,
        opened_at=step.activated_at,
        due_at=step.due_at,
        closed_at=step.closed_at,
    )


def _rest(p: Proceeding, steps: list[ApprovalStep]) -> list[Stage]:
    """The steps after the open one if all agree; after an end before the last step, those that were never reached."""
    current = [step for step in steps if step.round_no == p.request.round_no]
    reached = [step for step in current if step.status is not StepStatus.skipped]
    if not reached or p.request.status in {RequestStatus.approved, RequestStatus.returned}:
        return []
    last = p.flow.step(reached[-1].node)
    status = "waiting" if p.request.status is RequestStatus.running else "cancelled"
    return _to_come(p, last, status)


def _to_come(p: Proceeding, start: Any, status: str) -> list[Stage]:
    try:
        steps = routing.path(p.flow, p.holds, start)
    except UnknownValue:
        return []  # a later step fills in what the way depends on
    return [
        Stage(
            step.key,
            step.name,
            status,
            p.request.round_no,
            _would_sit(p, step) if status == "waiting" else (),
        )
        for step in steps
    ]


def _would_sit(p: Proceeding, step: Any) -> tuple[Person, ...]:
    try:
        seats = proceedings.seated(p, step)
    except Refusal:
        return ()
    names = _names({person.employee_id for _seat, sitting in seats for person in sitting})
    return tuple(
        Person(names[person.employee_id], person.employee_id, seat.key, DutyStatus.waiting, person.why)
        for seat, sitting in seats
        for person in sitting
    )


def _entries(p: Proceeding, steps: list[ApprovalStep]) -> list[Entry]:
    nodes = {step.id: step.node for step in steps}
    actions = list(
        db.session.scalars(
            select(ApprovalAction)
            .where(ApprovalAction.request_id == p.request.id)
            .order_by(ApprovalAction.seq)
        )
    )
    names = _names({id_ for action in actions for id_ in (action.actor_id, action.acting_for_id)})
    house = str(Words("系统", "the system"))
    return [
        Entry(
            act=action.act,
            at=action.at,
            by=names.get(action.actor_id, house),
            acting_for=names.get(action.acting_for_id),
            step=p.flow.step(nodes[action.step_id]).name if action.step_id in nodes else None,
            comment=action.comment,
        )
        for action in actions
    ]


# ---- the form of a step ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blank:
    """A field the open step fills in: where it stands, its present value, whether it must be filled."""

    path: str
    record: Any
    name: str
    value: Any
    required: bool


def blanks(request: ApprovalRequest) -> list[Blank]:
    """The fields the person asking fills in at the open step; none when it is not his turn."""
    attempt = attempt_on(request, ApprovalAct.approve, {})
    if hindrance(attempt) is not None:
        return []
    node = attempt.node
    found = []
    for path in node.fields:
        holder, name = engine._holder(attempt.p.record, path)
        if holder is not None:
            value = getattr(holder, name)
            found.append(Blank(path, holder, name, value, path in node.required))
    return found


def wanted(request: ApprovalRequest) -> list[tuple[str, Words, int]]:
    """The files the open step asks for: type, name, how many."""
    attempt = attempt_on(request, ApprovalAct.approve, {})
    if attempt.step is None:
        return []
    documents = attempt.node.evidence
    return [
        (document.type, document.name, document.count)
        for document in documents
        if document.record is None and attempt.p.holds(document.when)
    ]


def content_hash(request: ApprovalRequest) -> str:
    """What a page that shows the record sends back with a decision, so that it counts for what was seen."""
    record = subjects.record_of(request.object_type, request.object_id)
    return subjects.digest(subjects.content_of(record))
