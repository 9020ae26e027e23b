"""What must hold of all requests at any moment, asked of the whole database: I1 to I14, and R14.

`guanhu check` runs them; so do the tests, after every act. Replaying every act into rows is left to the tests (R43); I10
asks here that the votes that stand are those that were given and not taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import Select, String, and_, cast, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import aliased

from app.columns import Choice
from app.extensions import Model, db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalEvidence,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    AuditLog,
    DutyStatus,
    Parameter,
    RequestStatus,
    SeatStatus,
    StepStatus,
    TimerStatus,
)
from app.services import access
from app.services.calendar import company_calendar
from app.words import Words
from app.workflows import machine, subjects
from app.workflows.ending import postponed
from app.workflows.flow import END, SUBMITTER, Flow, Step, compiled

ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)
ENDED = tuple(status for status in RequestStatus if status not in ALIVE)
VOTED = (DutyStatus.approved, DutyStatus.rejected)
MOST = 100
"""How many of those that break a law are named."""

Query = Callable[[], Select[Any]]
Finding = Callable[[], Iterable[int]]

_laws: list[tuple[str, Words, Finding]] = []


def _law(name: str, zh: str, en: str) -> Callable[[Query], Query]:
    """A law one statement asks for: it names the requests that break it."""

    def add(query: Query) -> Query:
        _laws.append((name, Words(zh, en), lambda: db.session.scalars(query().limit(MOST))))
        return query

    return add


def _worked_out(name: str, zh: str, en: str) -> Callable[[Finding], Finding]:
    """A law that needs the flow or the calendar to be asked."""

    def add(finding: Finding) -> Finding:
        _laws.append((name, Words(zh, en), finding))
        return finding

    return add


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that does not hold, and what it is broken by (the first hundred): requests, but for I9 flow versions."""

    law: str
    words: Words
    request_ids: tuple[int, ...]


def breaches() -> list[Breach]:
    """Every law that is broken; empty when all hold."""
    with access.acting(access.SYSTEM):
        found = [(name, words, tuple(dict.fromkeys(finding()))[:MOST]) for name, words, finding in _laws]
        return [Breach(name, words, ids) for name, words, ids in found if ids]


# ---- steps, duties, votes ----------------------------------------------------------------------------------


@_law("I1", "进行中的申请恰有一个打开的步骤", "A running request has exactly one open step, no other has any")
def _one_open_step() -> Select[Any]:
    active = select(func.count(ApprovalStep.id)).where(
        ApprovalStep.request_id == ApprovalRequest.id, ApprovalStep.status == StepStatus.active
    )
    count = active.scalar_subquery()
    going = [RequestStatus.running, RequestStatus.suspended]
    return select(ApprovalRequest.id).where(
        or_(
            and_(ApprovalRequest.status.in_(going), count != 1),
            and_(ApprovalRequest.status.not_in(going), count != 0),
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
        .join(ApprovalStep, ApprovalStep.id == ApprovalTask.step_id)
        .where(ApprovalTask.status.in_(VOTED), ~ApprovalStep.relaxed)
        .group_by(ApprovalTask.request_id, ApprovalTask.step_id, ApprovalTask.acted_by_id)
        .having(func.count(ApprovalTask.id) > 1)
    )


@_law("I5", "无人审批自己的申请", "Nobody decided on his own request")
def _not_his_own() -> Select[Any]:
    parties = [ApprovalRequest.submitter_id, ApprovalRequest.on_behalf_of_id]
    return (
        select(ApprovalRequest.id)
        .join(ApprovalTask, ApprovalTask.request_id == ApprovalRequest.id)
        .join(ApprovalStep, ApprovalStep.id == ApprovalTask.step_id)
        .where(
            ~ApprovalStep.relaxed,
            ApprovalTask.status.in_(VOTED),
            or_(*(who == party for who in _both(ApprovalTask) for party in parties)),
        )
    )


@_law("I5", "无人审批同一申请的两个步骤", "Nobody decided two steps of one request")
def _not_two_steps() -> Select[Any]:
    one, other = aliased(ApprovalTask), aliased(ApprovalTask)
    here, there = aliased(ApprovalStep), aliased(ApprovalStep)
    same = or_(*(mine == theirs for mine in _both(one) for theirs in _both(other)))
    return (
        select(one.request_id)
        .join(other, and_(other.request_id == one.request_id, other.id > one.id, same))
        .join(here, here.id == one.step_id)
        .join(there, there.id == other.step_id)
        .where(
            one.status.in_(VOTED),
            other.status.in_(VOTED),
            here.node != there.node,
            ~here.relaxed,
            ~there.relaxed,
        )
    )


def _both(task: Any) -> list[Any]:
    """Who decided, and for whom."""
    return [task.assignee_id, task.acted_by_id]


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
        .where(ApprovalRequest.status.in_(ALIVE), other.status.in_(ALIVE))
    )


@_law("I10", "有效的表决与办理记录一致", "The votes that stand are those given and not taken back")
def _votes_as_told() -> Select[Any]:
    def count(*acts: ApprovalAct) -> Any:
        told = select(func.count(ApprovalAction.id)).where(
            ApprovalAction.task_id == ApprovalTask.id, ApprovalAction.act.in_(acts)
        )
        return told.scalar_subquery()

    given = count(ApprovalAct.approve, ApprovalAct.reject, ApprovalAct.send_back)
    stands = ApprovalTask.status.in_([*VOTED, DutyStatus.returned])
    standing = given - count(ApprovalAct.take_back)
    return select(ApprovalTask.request_id).where(
        or_(and_(stands, standing != 1), and_(~stands, standing != 0))
    )


@_law("I12", "决定在其步骤打开期间作出", "Every decision was made while its step was open")
def _in_time() -> Select[Any]:
    return (
        select(ApprovalTask.request_id)
        .join(ApprovalStep, ApprovalStep.id == ApprovalTask.step_id)
        .where(
            or_(
                ApprovalTask.decided_at < ApprovalStep.activated_at,
                ApprovalTask.decided_at > ApprovalStep.closed_at,
            )
        )
    )


@_law("I13", "每个待办都写明由来", "Every duty says why it is whose it is")
def _has_reason() -> Select[Any]:
    text = func.coalesce(cast(ApprovalTask.reason, String), "null")
    return select(ApprovalTask.request_id).where(text == "null")


# ---- the record --------------------------------------------------------------------------------------------


@_worked_out("I7", "记录的状态与其申请一致", "A record stands where its last request has come to")
def _effects_stand() -> Iterator[int]:
    for object_type, subject in subjects.subjects.items():
        if subject.model in machine.machines:
            yield from db.session.scalars(_out_of_step(object_type, subject.model).limit(MOST))


def _out_of_step(object_type: str, model: type[Any]) -> Select[Any]:
    """Requests that are the last of their record, which stands where none of its kind can have left it."""
    later = aliased(ApprovalRequest)
    words = {word.value for word in machine.machines[model].states}
    wrong = [
        and_(ApprovalRequest.status.in_(statuses), model.status.in_(_among(model, states)))
        for statuses, states in IMPOSSIBLE
        if words & states
    ]
    is_last = ~exists().where(
        later.object_type == ApprovalRequest.object_type,
        later.object_id == ApprovalRequest.object_id,
        later.id > ApprovalRequest.id,
    )
    return (
        select(ApprovalRequest.id)
        .join(model, model.id == ApprovalRequest.object_id)
        .where(ApprovalRequest.object_type == object_type, is_last, or_(*wrong))
        .execution_options(with_deleted=True)
    )


IMPOSSIBLE: list[tuple[tuple[RequestStatus, ...], set[str]]] = [
    (ENDED, {"in_approval"}),
    ((RequestStatus.running, RequestStatus.suspended), {"draft", "returned", "rejected", "withdrawn"}),
    ((RequestStatus.returned,), {"in_approval", "rejected", "withdrawn"}),
]
"""Where a record cannot stand while its last request stands there."""


def _among(model: type[Any], words: set[str]) -> list[Choice]:
    return [word for word in machine.machines[model].states if word.value in words]


# ---- flows, ways, deadlines --------------------------------------------------------------------------------


@_worked_out("I9", "流程版本发布后未被改动", "A flow version is what it was when it was kept")
def _not_rewritten() -> Iterator[int]:
    rows = db.session.execute(
        select(ApprovalFlowVersion.id, ApprovalFlowVersion.body, ApprovalFlowVersion.body_hash)
    )
    yield from (id_ for id_, body, body_hash in rows if subjects.digest(body) != body_hash)


def _flows() -> dict[int, Flow]:
    """The flows of all versions requests ran on; of one that was rewritten nothing more is said."""
    used = select(ApprovalRequest.version_id)
    rows = db.session.execute(
        select(ApprovalFlowVersion.id, ApprovalFlowVersion.body, ApprovalFlowVersion.body_hash).where(
            ApprovalFlowVersion.id.in_(used)
        )
    ).all()
    return {id_: compiled(body, hash_) for id_, body, hash_ in rows if subjects.digest(body) == hash_}


@_worked_out("I11", "步骤的先后符合流程", "One step follows another as the flow says")
def _as_drawn() -> Iterator[int]:
    flows = _flows()
    rows = db.session.execute(
        select(
            ApprovalStep.request_id,
            ApprovalStep.round_no,
            ApprovalStep.node,
            ApprovalStep.status,
            ApprovalRequest.version_id,
        )
        .join(ApprovalRequest, ApprovalRequest.id == ApprovalStep.request_id)
        .order_by(ApprovalStep.request_id, ApprovalStep.round_no, ApprovalStep.id)
    )
    for (request_id, _round, version_id), group in groupby(rows, lambda row: (row[0], row[1], row[4])):
        steps = [(row[2], row[3]) for row in group]
        if version_id in flows and not _is_way(flows[version_id], steps):
            yield request_id


def _is_way(flow: Flow, steps: list[tuple[str, StepStatus]]) -> bool:
    """Whether these steps of a round can have come one after another; conditions stand in the rows passed over."""
    if steps[0][0] != flow.steps[0].key:
        return False
    reached = {steps[0][0]}
    for (node, status), (following, came_to) in pairwise(steps):
        step = flow.step(node)
        allowed = set(step.return_to) - {SUBMITTER} | {node}
        if status in {StepStatus.approved, StepStatus.skipped}:
            allowed = _followers(flow, step) | {node}
        elif status is StepStatus.cancelled:  # a decision before it was taken back, and made again
            allowed |= {after for before in reached for after in _followers(flow, flow.step(before))}
        elif came_to is StepStatus.cancelled:  # opened by a decision taken back, and made another way
            allowed |= _followers(flow, step)
        if following not in allowed:
            return False
        reached.add(following)
    return True


def _followers(flow: Flow, step: Step) -> set[str]:
    place = flow.ordinal(step.key) + 1
    after = {flow.steps[place].key} if place < len(flow.steps) else set()
    return {edge.to for edge in step.next if edge.to != END} | after


@_worked_out("I12", "已通过的步骤有所需的证据", "A step that was approved has the evidence it asks for")
def _is_proven() -> Iterator[int]:
    for version_id, flow in _flows().items():
        for step in flow.steps:
            for document in step.evidence:
                if document.when is None:
                    yield from db.session.scalars(_without(version_id, step.key, document.type).limit(MOST))


def _without(version_id: int, node: str, doc_type: str) -> Select[Any]:
    proof = exists().where(
        ApprovalEvidence.step_id == ApprovalStep.id,
        ApprovalEvidence.doc_type == doc_type,
        ApprovalEvidence.given_at <= ApprovalStep.closed_at,
    )
    return (
        select(ApprovalRequest.id)
        .join(ApprovalStep, ApprovalStep.request_id == ApprovalRequest.id)
        .where(
            ApprovalRequest.version_id == version_id,
            ApprovalStep.node == node,
            ApprovalStep.status == StepStatus.approved,
            ~proof,
        )
    )


@_worked_out("I14", "期限按工作日历计算", "A deadline is what the calendar makes of the time that counted")
def _on_the_clock() -> Iterator[int]:
    flows, calendar, since = _flows(), company_calendar(), _calendar_changed_at()
    stopped = _suspensions()
    rows = db.session.execute(
        select(ApprovalRequest.id, ApprovalRequest.version_id, ApprovalStep)
        .join(ApprovalStep, ApprovalStep.request_id == ApprovalRequest.id)
        .where(ApprovalStep.status == StepStatus.active)
    )
    for request_id, version_id, row in rows:
        due = flows[version_id].step(row.node).due if version_id in flows else None
        if due is None or (since is not None and since > row.activated_at):
            continue
        expected = calendar.add(row.activated_at, due)
        for pause in stopped.get(request_id, ()):
            if pause[0] >= row.activated_at:
                expected = postponed(calendar, due, expected, pause)
        if row.due_at != expected:
            yield request_id


def _calendar_changed_at() -> datetime | None:
    hours = select(Parameter.id).where(Parameter.key == "calendar.hours").scalar_subquery()
    return db.session.scalar(
        select(func.max(AuditLog.at)).where(
            or_(
                AuditLog.object_type == "working_day",
                and_(AuditLog.object_type == "parameter", AuditLog.object_id == hours),
            )
        )
    )


def _suspensions() -> dict[int, list[tuple[datetime, datetime]]]:
    """When each request was suspended and resumed."""
    rows = db.session.execute(
        select(ApprovalAction.request_id, ApprovalAction.act, ApprovalAction.at)
        .where(ApprovalAction.act.in_([ApprovalAct.suspend, ApprovalAct.resume]))
        .order_by(ApprovalAction.request_id, ApprovalAction.seq)
    )
    found: dict[int, list[tuple[datetime, datetime]]] = {}
    for request_id, group in groupby(rows, lambda row: row[0]):
        moments = [row[2] for row in group]
        found[request_id] = list(zip(moments[::2], moments[1::2], strict=False))
    return found


# ---- links that point to nothing ---------------------------------------------------------------------------

LINKED = ("approval_request", "approval_evidence", "attachment", "notice")
"""The tables whose rows point to a record of any type, which must be there (R14); the list of what happened may outlive it."""


@dataclass(frozen=True, slots=True)
class Dangling:
    """Rows of a table that point to records that are not there (the first hundred)."""

    table: str
    object_type: str
    ids: tuple[int, ...]


def dangling() -> list[Dangling]:
    """Links of any type that point to no row of any table, the bin included."""
    tables = Model.metadata.tables
    types = union_all(
        *(
            select(literal(name), tables[name].c.object_type)
            .where(tables[name].c.object_type.is_not(None))
            .distinct()
            for name in LINKED
        )
    )
    found = []
    with access.acting(access.SYSTEM):
        for name, object_type in db.session.execute(types).all():
            ids = tuple(db.session.scalars(_lost(name, object_type).limit(MOST)))
            if ids:
                found.append(Dangling(name, object_type, ids))
    return found


def _lost(name: str, object_type: str) -> Select[Any]:
    table, target = Model.metadata.tables[name], Model.metadata.tables.get(object_type)
    lost = select(table.c.id).where(table.c.object_type == object_type)
    if target is None:
        return lost
    there = select(target.c.id).where(target.c.id == table.c.object_id)
    return lost.where(table.c.object_id.is_not(None), ~there.correlate(table).exists())
