"""One person's attempt at an act on a request: finding the request, its record, and the duty of his that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import NotAllowed, Refusal, WrongState
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    DutyStatus,
    RequestStatus,
)
from app.services import access
from app.words import say
from app.workflows import people, subjects
from app.workflows.flow import Step, compiled
from app.workflows.proceedings import Deed, Proceeding
from app.workflows.refusals import Duplicate

ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)


class Given(TypedDict, total=False):
    """What comes with an act.

    `fields` are the step's fields as typed; `evidence` ids of files of the record; `to` an employee; `task_id` the duty
    that is meant, where there are several; `target` where a request is sent back to; `place` where a signer is added
    (`before`, `parallel`, `after`). `seen_version` and
    `content_hash` are what the person saw; `idem_key` names this very click, so that sending it twice does it once.
    """

    comment: str | None
    fields: Mapping[str, Any]
    evidence: Sequence[int]
    seen_version: int | None
    content_hash: str | None
    idem_key: str | None
    task_id: int | None
    to: int | None
    target: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Result:
    """What an act has come to; `replayed` when it had been carried out before."""

    request_id: int | None
    status: str
    replayed: bool = False


@dataclass(slots=True)
class Attempt:
    """One person's attempt at an act on a request."""

    p: Proceeding
    who: access.Principal
    act: ApprovalAct
    given: Given
    step: ApprovalStep | None = None
    task: ApprovalTask | None = None
    verdict: list[Refusal | None] = field(default_factory=list)
    """Whether the duty may be done at all, once it was asked; the same for every act on it."""

    @property
    def request(self) -> ApprovalRequest:
        return self.p.request

    @property
    def node(self) -> Step:
        """The step of the flow that is open."""
        if self.step is None:
            raise not_running(self.request)
        return self.p.flow.step(self.step.node)

    @property
    def duty(self) -> tuple[ApprovalTask, ApprovalStep]:
        """The duty that is acted on, and its step."""
        if self.task is None or self.step is None:
            raise not_yours()
        return self.task, self.step

    @property
    def comment(self) -> str | None:
        return (self.given.get("comment") or "").strip() or None

    def deed(self, **payload: Any) -> Deed:
        """The act as it is written down."""
        return Deed(
            act=self.act,
            task=self.task,
            step=self.step,
            comment=self.comment,
            payload=payload or None,
            idem_key=self.given.get("idem_key"),
            fingerprint=fingerprint(self.request.id, self.act, self.who, self.given),
        )


def fingerprint(request_id: int | None, act: ApprovalAct, who: access.Principal, given: Given) -> str:
    """What makes two sendings of an act the same."""
    told = {name: given.get(name) for name in ("comment", "fields", "evidence", "to", "target", "place")}
    return subjects.digest([request_id, act.value, who.user_id, told])


# ---- finding what is acted on ------------------------------------------------------------------------------


def proceeding(request: ApprovalRequest, *, fresh: bool = False) -> Proceeding:
    """A request with its flow, as it was when it was submitted, and its record."""
    version = request.version
    flow = compiled(version.body, version.body_hash)
    found = subjects.seen(request.object_type, request.object_id)
    if found is None:
        return Proceeding(request, flow, None, readable=False, fresh=fresh)
    p = Proceeding(request, flow, found.record, readable=found.readable, fresh=fresh)
    p.parties = people.parties_of(request, found.record, found.maker_id)
    return p


def alive_request(record: Any, group: str = "decision") -> ApprovalRequest | None:
    """The request on a record that is not ended yet."""
    with db.session.no_autoflush:
        return db.session.scalar(
            select(ApprovalRequest).where(
                ApprovalRequest.object_type == record.__tablename__,
                ApprovalRequest.object_id == record.id,
                ApprovalRequest.exclusive_group == group,
                ApprovalRequest.status.in_(ALIVE),
            )
        )


def latest_request(record: Any) -> ApprovalRequest | None:
    """The last request on a record, alive or ended."""
    with db.session.no_autoflush:
        return db.session.scalar(
            select(ApprovalRequest)
            .where(
                ApprovalRequest.object_type == record.__tablename__, ApprovalRequest.object_id == record.id
            )
            .order_by(ApprovalRequest.id.desc())
            .limit(1)
        )


def lock(request_id: int) -> ApprovalRequest | None:
    """Take the request's row, so that of two at once the second sees what the first did."""
    return db.session.scalar(
        select(ApprovalRequest)
        .where(ApprovalRequest.id == request_id)
        .options(joinedload(ApprovalRequest.version), joinedload(ApprovalRequest.submitter))
        .with_for_update(of=ApprovalRequest)
        .execution_options(populate_existing=True)
    )


def attempt_on(request: ApprovalRequest, act: ApprovalAct, given: Given, *, fresh: bool = False) -> Attempt:
    """The person asking before a request, with the duty of his that is open, his own first."""
    attempt = Attempt(proceeding(request, fresh=fresh), access.principal(), act, given)
    attempt.step = attempt.p.open_step()
    if attempt.step is not None:
        attempt.task = _own_task(attempt, attempt.step)
    return attempt


def _own_task(attempt: Attempt, step: ApprovalStep) -> ApprovalTask | None:
    who = attempt.who.employee_id
    if who is None:
        return None
    principals = people.principals_of(who, attempt.request)
    wanted = attempt.given.get("task_id")
    mine = [
        task
        for task in attempt.p.tasks(step)
        if task.status is DutyStatus.open and task.assignee_id in principals and wanted in {None, task.id}
    ]
    return min(mine, key=lambda task: (principals.index(task.assignee_id), task.id), default=None)


def concerns(attempt: Attempt) -> bool:
    """Whether this person has to do with a request: he may read its record, or has or had a part in it."""
    request, me = attempt.request, attempt.who.employee_id
    is_his = me is not None and (
        me in {request.submitter_id, request.on_behalf_of_id} or attempt.p.had_part(me)
    )
    return is_his or attempt.p.readable


def replayed(request_id: int | None, act: ApprovalAct, who: access.Principal, given: Given) -> Result | None:
    """The result of this very act, if it was carried out before (R34)."""
    key = given.get("idem_key")
    if not key:
        return None
    action = db.session.scalar(select(ApprovalAction).where(ApprovalAction.idem_key == key))
    if action is None:
        return None
    if action.fingerprint != fingerprint(request_id, act, who, given):
        raise Duplicate(
            say(zh="该操作编号已用于另一操作。", en="This key was already used for something else.")
        )
    request = db.session.get_one(ApprovalRequest, action.request_id)
    return Result(request.id, request.status.value, replayed=True)


# ---- refusals ----------------------------------------------------------------------------------------------


def not_running(request: ApprovalRequest) -> WrongState:
    """The refusal of an act on a request that is not waiting for one."""
    return WrongState(
        say(
            zh="该申请{status}，不能再进行此操作。",
            en="This request is {status}: nothing more can be done here.",
            status=request.status.words,
        )
    )


def not_yours() -> Refusal:
    """The refusal of an act on a request that waits for somebody else."""
    return NotAllowed(say(zh="该申请不由您处理。", en="This request does not wait for you."))
