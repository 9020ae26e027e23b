"""The course of a request as people see it: what was done, what waits, what is still to come; and what one may do now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import NotFound, Refusal
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalEvidence,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    Attachment,
    DutyStatus,
    Employee,
    RequestStatus,
    StepStatus,
)
from app.services import access
from app.services.language.problems import UnknownValue
from app.words import Words, say
from app.workflows import engine, machine, proceedings, routing, subjects
from app.workflows.asking import holder_of
from app.workflows.engine import GUARDS, Attempt, attempt_comments, attempt_on, hindrance
from app.workflows.flow import Seat, Step
from app.workflows.people import Found
from app.workflows.proceedings import Proceeding
from app.workflows.refusals import Duplicate

NEEDS_PERSON = frozenset({"transfer", "add_signer", "consult", "copy", "reassign"})
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
class Blank:
    """A field the open step fills in: where it stands, its present value, whether it must be filled."""

    path: str
    record: Any
    name: str
    value: Any
    required: bool


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
    """One act in the course; `round_no` is set where a round begins, `files` are what was put before it."""

    act: ApprovalAct
    at: datetime
    by: str
    acting_for: str | None
    step: Words | None
    comment: str | None
    whom: str | None = None
    round_no: int = 0
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """A request as a whole: where it stands, its steps by round, its acts in order."""

    request: ApprovalRequest
    name: Words
    stages: tuple[Stage, ...]
    entries: tuple[Entry, ...]


class Case:
    """A request before one person: its course, what he may do with it, what he is asked to fill in."""

    def __init__(self, request: ApprovalRequest) -> None:
        self.request = request
        self.attempt = attempt_on(request, ApprovalAct.approve, {})
        self.p = self.attempt.p
        self.steps = list(dict.fromkeys(step for step, _seat, _task in self.p.places))
        self._names: dict[int | None, str] = {}

    @cached_property
    def actions(self) -> list[ApprovalAction]:
        """What was done, in order."""
        statement = select(ApprovalAction).where(ApprovalAction.request_id == self.request.id)
        return list(db.session.scalars(statement.order_by(ApprovalAction.seq)))

    @cached_property
    def offers(self) -> list[Offer]:
        """What the person asking may do now: exactly what the engine would accept."""
        attempts = [replace(self.attempt, act=ApprovalAct[act]) for act in ORDER if self._can_be(act)]
        return [_offer(attempt) for attempt in attempts if hindrance(attempt) is None]

    def name_of(self, employee_id: int) -> str:
        """The name of somebody who takes part, once the course was asked for."""
        return self._names.get(employee_id, "")

    def _can_be(self, act: str) -> bool:
        """Spares the guard the question whether an approval is taken back that was never given."""
        return act != "take_back" or (
            bool(self.actions)
            and self.actions[-1].act is ApprovalAct.approve
            and self.actions[-1].actor_id == self.attempt.who.employee_id
        )

    @cached_property
    def content_hash(self) -> str:
        """What a page that shows the record sends back with a decision, so that it counts for what was seen."""
        return subjects.digest(self.p.content())

    @property
    def changed(self) -> dict[str, list[Any]]:
        """The fields that were changed before it was submitted again, each with what it was and became."""
        if self.request.round_no < 2 and not self.request.decided_once:  # noqa: PLR2004 (the first round)
            return {}
        last = next((one for one in reversed(self.actions) if one.act is ApprovalAct.submit), None)
        found: dict[str, list[Any]] = ((last.payload if last else None) or {}).get("changed", {})
        return found

    def course(self) -> Course:
        """Everything about it in the order it happened, with what is still to come."""
        to_come = self._to_come()
        self._learn(to_come)
        stages = [self._stage(step) for step in self.steps]
        stages += [_stage_to_come(coming, self._names, self.request.round_no) for coming in to_come]
        return Course(self.request, self.p.flow.name, tuple(stages), tuple(self._entries()))

    def _learn(self, to_come: list[Coming]) -> None:
        """The names of everybody mentioned who is not known yet; one statement."""
        duties = [task for _step, _seat, task in self.p.places if task is not None]
        ids = {id_ for task in duties for id_ in (task.assignee_id, task.acted_by_id)}
        for action in self.actions:
            ids |= {action.actor_id, action.acting_for_id, (action.payload or {}).get("to")}
        self._names |= _names((ids | _people_in(to_come)) - self._names.keys())

    def _stage(self, step: ApprovalStep) -> Stage:
        seats = {seat.id: seat.key for seat in self.p.seats(step)}
        sitting = [(task, seats[task.seat_id]) for task in self.p.tasks(step)]
        return Stage(
            key=step.node,
            name=self.p.flow.step(step.node).name,
            status=step.status.value,
            round_no=step.round_no,
            people=tuple(self._person(task, seat) for task, seat in sitting),
            opened_at=step.activated_at,
            due_at=step.due_at,
            closed_at=step.closed_at,
        )

    def _person(self, task: ApprovalTask, seat: str) -> Person:
        why = task.reason or {}
        instead = task.acted_by_id not in {None, task.assignee_id}
        return Person(
            name=self._names[task.assignee_id],
            employee_id=task.assignee_id,
            seat=seat,
            status=task.status,
            why=Words(why.get("zh", ""), why.get("en", "")),
            comment=task.comment,
            decided_at=task.decided_at,
            acted_by=self._names.get(task.acted_by_id) if instead else None,
        )

    def _to_come(self) -> list[Coming]:
        """The steps after the open one if all agree; after an end before the last step, those that were never reached."""
        request = self.request
        current = [step for step in self.steps if step.round_no == request.round_no]
        reached = [step for step in current if step.status is not StepStatus.skipped]
        if not reached or request.status in {RequestStatus.approved, RequestStatus.returned}:
            return []
        last = self.p.flow.step(reached[-1].node)
        status = "waiting" if request.status is RequestStatus.running else "cancelled"
        return _coming_after(self.p, last, status)

    def _entries(self) -> Iterator[Entry]:
        nodes = {step.id: step.node for step in self.steps}
        files = self._files()
        house = str(Words("系统", "the system"))
        for action in self.actions:
            payload = action.payload or {}
            yield Entry(
                act=action.act,
                at=action.at,
                by=self._names.get(action.actor_id, house),
                acting_for=self._names.get(action.acting_for_id),
                step=self.p.flow.step(nodes[action.step_id]).name if action.step_id in nodes else None,
                comment=action.comment,
                whom=self._names.get(payload.get("to")),
                round_no=payload.get("round", 0),
                files=tuple(files.get(action.task_id, ())) if action.act is ApprovalAct.approve else (),
            )

    def _files(self) -> dict[int | None, list[str]]:
        """The files that were before those who approved, by duty; asked for only where a step wants any."""
        if not any(self.p.flow.step(step.node).evidence for step in self.steps):
            return {}
        rows = db.session.execute(
            select(ApprovalEvidence.task_id, Attachment.file_name)
            .join(Attachment, Attachment.id == ApprovalEvidence.object_id)
            .where(
                ApprovalEvidence.request_id == self.request.id, ApprovalEvidence.object_type == "attachment"
            )
            .order_by(ApprovalEvidence.id)
        )
        found: dict[int | None, list[str]] = {}
        for task_id, name in rows:
            found.setdefault(task_id, []).append(name)
        return found

    # ---- the form of a step

    @cached_property
    def shown(self) -> frozenset[str] | None:
        """The fields of the record the steps this person is asked at show him; None for all his rights let him see."""
        me = self.attempt.who.employee_id
        nodes = {
            step.node
            for step, _seat, task in self.p.places
            if task is not None and me in {task.assignee_id, task.acted_by_id}
        }
        if self.attempt.task is not None:
            nodes.add(self.attempt.node.key)
        asked = [self.p.flow.step(node) for node in nodes]
        if not asked or not all(step.shows for step in asked):
            return None
        return frozenset(name for step in asked for name in (*step.shows, *step.fields))

    @cached_property
    def blanks(self) -> list[Blank]:
        """What the open step fills in, if its duty is his."""
        if not any(offer.act is ApprovalAct.approve for offer in self.offers):
            return []
        node = self.attempt.node
        found = []
        for path in node.fields:
            holder, name = holder_of(self.p.record, path)
            if holder is not None:
                found.append(Blank(path, holder, name, getattr(holder, name), path in node.required))
        return found

    @cached_property
    def lines(self) -> list[tuple[str, list[Any]]]:
        """The lines that are decided on with the record, by the relation they stand in, as far as they are shown."""
        names = [
            name
            for name in subjects.subject_of(self.p.record).lines
            if self.shown is None or name in self.shown
        ]
        return [(name, subjects._lines(self.p.record, name)) for name in names]

    @property
    def wanted(self) -> list[tuple[str, Words, int]]:
        """The files the open step asks for: type, name, how many."""
        if self.attempt.step is None:
            return []
        return [
            (document.type, document.name, document.count)
            for document in self.attempt.node.evidence
            if document.record is None and self.p.holds(document.when)
        ]


Seats = list[tuple[Seat, list[Found]]]
Coming = tuple[Step, str, Seats]
"""A step to come: whether it still will, and who would sit on it."""


def _names(ids: set[int | None]) -> dict[int | None, str]:
    known = [id_ for id_ in ids if id_ is not None]
    if not known:
        return {}
    rows = db.session.execute(select(Employee.id, Employee.name).where(Employee.id.in_(known)))
    return {row.id: row.name for row in rows}


def _coming_after(p: Proceeding, start: Step | None, status: str) -> list[Coming]:
    try:
        steps = routing.path(p.flow, p.holds, start)
    except UnknownValue:
        return []  # a later step fills in what the way depends on
    return [(step, status, _would_sit(p, step) if status == "waiting" else []) for step in steps]


def _would_sit(p: Proceeding, step: Step) -> Seats:
    try:
        return proceedings.seated(p, step)
    except Refusal:
        return []


def _people_in(to_come: list[Coming]) -> set[int | None]:
    return {
        one.employee_id for _step, _status, seats in to_come for _seat, sitting in seats for one in sitting
    }


def _stage_to_come(coming: Coming, names: dict[int | None, str], round_no: int) -> Stage:
    step, status, seats = coming
    people = tuple(
        Person(names[one.employee_id], one.employee_id, seat.key, DutyStatus.waiting, one.why)
        for seat, sitting in seats
        for one in sitting
    )
    return Stage(step.key, step.name, status, round_no, people)


def find(request_id: int) -> ApprovalRequest:
    """A request the person asking has to do with; raises `NotFound`."""
    return open_case(request_id).request


def request_on(record: Any) -> ApprovalRequest | None:
    """The last request on a record, if the person asking has to do with it."""
    request = engine.latest_request(record)
    try:
        return find(request.id) if request is not None else None
    except NotFound:
        return None


def open_case(request_id: int) -> Case:
    """A request before the person asking, who must have to do with it; raises `NotFound`."""
    request = db.session.scalar(
        select(ApprovalRequest)
        .where(ApprovalRequest.id == request_id)
        .options(joinedload(ApprovalRequest.version), joinedload(ApprovalRequest.submitter))
    )
    case = Case(request) if request is not None else None
    if case is None or not engine.concerns(case.attempt):
        raise NotFound(say(zh="没有这个审批申请。", en="There is no such request."))
    return case


def acts_of(request: ApprovalRequest) -> list[Offer]:
    """What the person asking may do on a request now: exactly what the engine would accept."""
    return Case(request).offers


def course(request: ApprovalRequest) -> Course:
    """Everything about a request, in the order it happened, with what is still to come."""
    return Case(request).course()


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
        engine.check_may_submit(record, who)
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
    request = engine.new_request(record, version, flow, access.principal())
    p = Proceeding(request, flow, record)
    coming = _coming_after(p, None, "waiting")
    if request in db.session:
        db.session.expunge(request)
    names = _names(_people_in(coming))
    return [_stage_to_come(one, names, round_no=1) for one in coming]
