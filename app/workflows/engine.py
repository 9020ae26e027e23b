"""The verbs of approval: submit a record, decide, send back, withdraw and the rest (R30).

Every verb runs inside the caller's `transaction()`, takes the request's row first, checks everything, and changes all or
nothing. What a person may do, what the screens offer and what is refused come from one list of conditions (`GUARDS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from sqlalchemy import select

from app.columns import now
from app.errors import BadInput, BadRequest, Change, NotAllowed, NotFound, Problem, Refusal, Stale, WrongState
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalEvidence,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    Attachment,
    DutySource,
    DutyStatus,
    Employee,
    FlowStatus,
    QuorumMode,
    RequestStatus,
    StepStatus,
)
from app.roles import Act
from app.services import access, derived, numbering, records, values
from app.services.fields import Field, Kind, field_named
from app.services.language.problems import UnknownValue
from app.words import Words, say
from app.workflows import machine, people, proceedings, routing, subjects
from app.workflows.effects import bring_about
from app.workflows.flow import SUBMITTER, Document, Flow, Step, compiled
from app.workflows.proceedings import Deed, Proceeding, close_step, copy, finish, go_on, log, open_step, tell
from app.workflows.refusals import CommentRequired, ConditionUnmet, Duplicate, NotApprovable

NUMBERS = numbering.Series("approval", "SP{year}-{n:06d}")

ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)


class Given(TypedDict, total=False):
    """What comes with an act.

    `fields` are the step's fields as typed; `evidence` ids of files of the record; `to` an employee; `target` where a
    request is sent back to; `place` where a signer is added (`before`, `parallel`, `after`). `seen_version` and
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


# ---- submitting --------------------------------------------------------------------------------------------


def submit(record: Any, flow_code: str | None = None, **given: Unpack[Given]) -> Result:
    """Submit a record for decision, or submit it again after it was returned. Inside `transaction()`.

    Raises:
        NotAllowed: the person may not submit this record.
        Duplicate: it is being decided already.
        NotApprovable: no published flow covers it.
        BadInput: what the flow asks for is missing, each with its field.

    """
    who = access.principal()
    if replay := _replayed(None, ApprovalAct.submit, who, given):
        return replay
    _check_may_submit(record, who)
    derived.derive(record)
    alive = alive_request(record)
    if alive is not None and alive.status is not RequestStatus.returned:
        raise Duplicate(say(zh="该记录正在审批中。", en="This record is being decided on already."))
    if alive is not None:
        p = proceeding(alive)
        if alive.submitter_id != who.employee_id:
            raise NotAllowed(
                say(zh="只有提交人可以重新提交。", en="Only who submitted it may submit it again.")
            )
        return _enter(p, who, given, again=True)
    version, flow = flow_for(record, flow_code)
    request = _new_request(record, version, flow, who)
    p = Proceeding(request, flow, record)
    _check_submitter(p, who)
    if _released(p):
        return Result(None, "not_required")
    return _enter(p, who, given, again=False)


def _check_may_submit(record: Any, who: access.Principal) -> None:
    if who.employee_id is None:
        raise NotAllowed(say(zh="只有员工可以提交审批。", en="Only an employee may submit for approval."))
    if not records.may_change(record, Act.submit):
        raise NotAllowed(say(zh="您不能提交这条记录。", en="You may not submit this record."))
    records.refuse_deleted(record)


def _check_submitter(p: Proceeding, who: access.Principal) -> None:
    """A flow may name who submits."""
    if not p.flow.submitters:
        return
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        allowed = people.find(p.flow.submitters, proceedings.asked(p))
    if who.employee_id not in {person.employee_id for person in allowed}:
        raise NotAllowed(say(zh="该流程不由您发起。", en="This flow is not started by you."))


def flow_for(record: Any, code: str | None = None) -> tuple[ApprovalFlowVersion, Flow]:
    """The one published flow that covers a record; raises `NotApprovable` when none or several do."""
    statement = (
        select(ApprovalFlowVersion)
        .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
        .where(
            ApprovalFlow.object_type == record.__tablename__,
            ApprovalFlow.active,
            ApprovalFlowVersion.status == FlowStatus.published,
        )
        .order_by(ApprovalFlow.id)
    )
    if code is not None:
        statement = statement.where(ApprovalFlow.code == code)
    facts = subjects.facts_of(record)
    found = []
    for version in db.session.scalars(statement):
        flow = compiled(version.body, version.body_hash)
        if subjects.holds(flow.object_type, flow.applies, facts):
            found.append((version, flow))
    if len(found) != 1:
        words = say(zh="没有适用的审批流程，请联系流程管理员。", en="No approval flow covers this record.")
        several = say(
            zh="有多个审批流程适用：{names}",
            en="Several approval flows cover this record: {names}",
            names="、".join(flow.name.zh for _version, flow in found),
        )
        raise NotApprovable(several if found else words)
    return found[0]


def _new_request(
    record: Any, version: ApprovalFlowVersion, flow: Flow, who: access.Principal
) -> ApprovalRequest:
    return ApprovalRequest(
        version_id=version.id,
        version=version,
        exclusive_group=flow.exclusive_group,
        object_type=record.__tablename__,
        object_id=record.id,
        object_version_no=record.version_no,
        title=_title(record),
        submitter_id=who.employee_id,
        submitter=db.session.get(Employee, who.employee_id),
        submitter_user_id=who.user_id,
        org_unit_id=getattr(record, "org_unit_id", None) or who.org_unit_id,
        status=RequestStatus.running,
        round_no=0,
        last_seq=0,
        facts=subjects.facts_of(record),
        facts_hash="",
        content={},
        content_hash="",
    )


def _title(record: Any) -> str:
    title = records.title_of(record) if hasattr(type(record), "__rows__") else f"#{record.id}"
    called = subjects.subject_of(record).title
    if called is not None:
        return called(record)[:255]
    return title[:255]


def _released(p: Proceeding) -> bool:
    """Whether no step of the flow asks for this record, and the flow says that it then needs no decision."""
    if routing.path(p.flow, p.holds):
        return False
    if not p.flow.releases_unneeded:
        raise NotApprovable(
            say(
                zh="流程“{flow}”的任何步骤都不适用，不能提交。",
                en='No step of the flow "{flow}" applies: it cannot be submitted.',
                flow=p.flow.name,
            )
        )
    machine.move_by_approval(p.record, "release")
    return True


def _enter(p: Proceeding, who: access.Principal, given: Given, *, again: bool) -> Result:
    """Freeze what is decided on, begin a round, and go to the first step."""
    request, record = p.request, p.record
    request.facts = subjects.facts_of(record)
    _check_complete(p)
    _check_way(p)
    with access.by_rule():
        resumed = _resumed(p) if again else None
        request.round_no += resumed is None
        request.status = RequestStatus.running
        request.decided_once = resumed is not None
        request.title = _title(record)
        _freeze(p)
        if not again:
            db.session.add(request)
        db.session.flush()
        comment = (given.get("comment") or "").strip() or None
        deed = Deed(
            ApprovalAct.submit,
            comment=comment,
            idem_key=given.get("idem_key"),
            fingerprint=fingerprint(None, ApprovalAct.submit, who, given),
            payload={"round": request.round_no},
        )
        log(p, deed)
        machine.move_by_approval(record, "submit", comment)
        request.object_version_no = record.version_no
        go_on(p, routing.Way((), resumed) if resumed else routing.first(p.flow, p.holds))
        if request.no is None:
            request.no = numbering.take(NUMBERS)
        db.session.flush()
    return Result(request.id, request.status.value)


def _resumed(p: Proceeding) -> Step | None:
    """The step an unchanged request goes on at, where its flow resumes: that which sent it back."""
    if not p.flow.resumes or subjects.digest(subjects.content_of(p.record)) != p.request.content_hash:
        return None
    last = db.session.scalar(
        select(ApprovalStep)
        .where(ApprovalStep.request_id == p.request.id, ApprovalStep.round_no == p.request.round_no)
        .order_by(ApprovalStep.id.desc())
        .limit(1)
    )
    return p.flow.step(last.node) if last is not None else None


def _freeze(p: Proceeding) -> None:
    """Keep what the record says now as what is decided on."""
    p.request.facts = subjects.facts_of(p.record)
    p.request.facts_hash = subjects.digest(p.request.facts)
    p.request.content = subjects.content_of(p.record)
    p.request.content_hash = subjects.digest(p.request.content)


def _check_complete(p: Proceeding) -> None:
    """What the flow asks of the form and its files before it may be submitted (E-01)."""
    problems = [_missing(p.record, name) for name in p.flow.submit_required if _is_empty(p.record, name)]
    problems += _missing_files(p, p.flow.documents)
    if problems:
        raise BadInput(problems)


def _check_way(p: Proceeding) -> None:
    """Refuse now what would only fail on the way: a condition that cannot be read, a step with nobody on it.

    What a later step will fill in is not known yet; the check ends there.
    """
    later = {name for step in p.flow.steps for name in step.fields}
    try:
        for step in routing.path(p.flow, p.holds):
            proceedings.seated(p, step)
    except UnknownValue as unknown:
        if not later.issuperset(unknown.facts):
            raise


def _is_empty(record: Any, path: str) -> bool:
    value = subjects.value_of(record, path)
    return value is None or (isinstance(value, str) and not value.strip())


def _missing(record: Any, path: str) -> Problem:
    holder, name = _holder(record, path)
    field = field_named(type(holder), name) if holder is not None else None
    label: Words | str = field.label if field else path
    return Problem(say(zh="请填写{label}。", en="Fill in {label}.", label=label), path)


def _missing_files(p: Proceeding, wanted: Iterable[Document]) -> list[Problem]:
    needed = [document for document in wanted if p.holds(document.when)]
    if not needed:
        return []
    counted = [file.doc_type for file in _files(p.record)]
    problems = []
    for document in needed:
        if document.record is not None:
            short = subjects.value_of(p.record, document.record) is None
        else:
            short = counted.count(document.type) < document.count
        if short:
            words = say(
                zh="缺少附件：{name}（{count} 份）。",
                en="Attach {name} ({count}).",
                name=document.name,
                count=document.count,
            )
            problems.append(Problem(words, "evidence"))
    return problems


def _files(record: Any) -> list[Attachment]:
    statement = select(Attachment).where(
        Attachment.object_type == record.__tablename__,
        Attachment.object_id == record.id,
        Attachment.deleted_at.is_(None),
    )
    return list(db.session.scalars(statement))


# ---- finding what is acted on ------------------------------------------------------------------------------


def proceeding(request: ApprovalRequest) -> Proceeding:
    """A request with its flow, as it was when it was submitted, and its record."""
    version = request.version
    flow = compiled(version.body, version.body_hash)
    return Proceeding(request, flow, subjects.record_of(request.object_type, request.object_id))


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


def not_running(request: ApprovalRequest) -> WrongState:
    """The refusal of an act on a request that is not waiting for one."""
    return WrongState(
        say(
            zh="该申请{status}，不能再进行此操作。",
            en="This request is {status}: nothing more can be done here.",
            status=request.status.words,
        )
    )


def _attempt(request_id: int, act: ApprovalAct, given: Given) -> Attempt:
    """Take the request's row, so that of two at once the second sees what the first did."""
    request = db.session.scalar(
        select(ApprovalRequest)
        .where(ApprovalRequest.id == request_id)
        .with_for_update(of=ApprovalRequest)
        .execution_options(populate_existing=True)
    )
    if request is None:
        raise NotFound(say(zh="没有这个审批申请。", en="There is no such request."))
    attempt = attempt_on(request, act, given)
    if attempt.task is None and not concerns(attempt):
        raise NotFound(say(zh="没有这个审批申请。", en="There is no such request."))
    return attempt


def attempt_on(request: ApprovalRequest, act: ApprovalAct, given: Given) -> Attempt:
    """The person asking before a request, with the duty of his that is open, his own first."""
    attempt = Attempt(proceeding(request), access.principal(), act, given)
    attempt.step = attempt.p.open_step()
    if attempt.step is not None and attempt.who.employee_id is not None:
        attempt.task = _own_task(attempt, attempt.step)
    return attempt


def _own_task(attempt: Attempt, step: ApprovalStep) -> ApprovalTask | None:
    who = attempt.who.employee_id
    if who is None:
        return None
    principals = people.principals_of(who, attempt.request.version.flow_id)
    wanted = attempt.given.get("task_id")
    mine = [
        task
        for task in attempt.p.tasks(step)
        if task.status is DutyStatus.open and task.assignee_id in principals and wanted in {None, task.id}
    ]
    return min(mine, key=lambda task: (principals.index(task.assignee_id), task.id), default=None)


def concerns(attempt: Attempt) -> bool:
    """Whether this person has to do with a request: he may read its record, or has or had a part in it."""
    request = attempt.request
    if attempt.who.employee_id in {request.submitter_id, request.on_behalf_of_id}:
        return True
    return _had_part(attempt) or subjects.is_readable(request.object_type, request.object_id)


def _had_part(attempt: Attempt) -> bool:
    who = attempt.who.employee_id
    found = select(ApprovalTask.id).where(
        ApprovalTask.request_id == attempt.request.id,
        (ApprovalTask.assignee_id == who) | (ApprovalTask.acted_by_id == who),
    )
    return db.session.scalar(found.limit(1)) is not None


def _replayed(request_id: int | None, act: ApprovalAct, who: access.Principal, given: Given) -> Result | None:
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


# ---- acting ------------------------------------------------------------------------------------------------


def act(request_id: int, verb: str, **given: Unpack[Given]) -> Result:
    """Do something on a request, as the person asking. Inside `transaction()`.

    Raises:
        NotFound: there is no such request, or it does not concern him.
        NotAllowed: he may not do this.
        WrongState: the request does not wait for it.
        Stale: the record or the request is not what he saw.
        CommentRequired, ConditionUnmet, BadInput: what the step asks for is missing.

    """
    if verb not in HANDLERS:
        raise BadRequest(say(zh="没有“{verb}”这个操作。", en="There is no act '{verb}'.", verb=verb[:40]))
    known = ApprovalAct[verb]
    who = access.principal()
    if replay := _replayed(request_id, known, who, given):
        return replay
    attempt = _attempt(request_id, known, given)
    if refusal := hindrance(attempt):
        raise refusal
    _check_seen(attempt)
    if known.value in attempt_comments(attempt) and attempt.comment is None:
        raise CommentRequired
    with access.by_rule():
        HANDLERS[verb](attempt)
        db.session.flush()
    return Result(attempt.request.id, attempt.request.status.value)


def hindrance(attempt: Attempt) -> Refusal | None:
    """Why the person asking may not do this now; None when he may. Screens offer exactly what passes."""
    if attempt.p.record is None or getattr(attempt.p.record, "deleted_at", None) is not None:
        return WrongState(say(zh="原记录已删除。", en="The record was deleted."))
    guard = GUARDS[attempt.act.value]
    return guard(attempt)


def _as_decider(attempt: Attempt) -> Refusal | None:
    """An open duty of one's own, or of somebody one stands in for, and an act its step offers."""
    if not attempt.verdict:
        attempt.verdict.append(_on_duty(attempt))
    if attempt.verdict[0] is not None:
        return attempt.verdict[0]
    if attempt.act.value not in attempt.node.acts:
        return NotAllowed(
            say(zh="此步骤不能{act}。", en='"{act}" is not offered at this step.', act=attempt.act.words)
        )
    return None


def _on_duty(attempt: Attempt) -> Refusal | None:
    """Whether the person has an open duty here that he may do, under the separation of duties."""
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request) if _had_part(attempt) else _not_yours()
    if attempt.task is None or attempt.step is None:
        return _not_yours()
    if not subjects.is_readable(attempt.request.object_type, attempt.request.object_id):
        return NotAllowed(say(zh="您无权查看该记录。", en="You may not see this record."))
    return _separation(attempt)


def _separation(attempt: Attempt) -> Refusal | None:
    """Neither the one who acts nor the one he acts for may be shut out (§4.3); checked when it is decided."""
    p = attempt.p
    excluded = people.shut_out(p.flow, p.request, p.record, attempt.node)
    pair = {attempt.who.employee_id, attempt.task.assignee_id if attempt.task else None}
    if pair & excluded:
        return NotAllowed(
            say(
                zh="您与该申请有关或已办理过其他步骤，须回避。",
                en="You are a party to this request, or decided another step of it.",
            )
        )
    return _second_vote(attempt)


def _second_vote(attempt: Attempt) -> Refusal | None:
    """One person counts once per step, as himself or as a stand-in."""
    if not attempt.p.flow.strict or attempt.step is None:
        return None
    me = attempt.who.employee_id
    voted = [
        task
        for task in attempt.p.tasks(attempt.step)
        if task.status in proceedings.VOTES and me in {task.assignee_id, task.acted_by_id}
    ]
    if voted:
        return NotAllowed(say(zh="您已在此步骤表决。", en="You have already voted at this step."))
    return None


def _not_yours() -> Refusal:
    return NotAllowed(say(zh="该申请不由您处理。", en="This request does not wait for you."))


def _as_submitter(attempt: Attempt) -> Refusal | None:
    if attempt.who.employee_id is None or attempt.who.employee_id != attempt.request.submitter_id:
        return NotAllowed(say(zh="只有提交人可以这样做。", en="Only who submitted it may do this."))
    return None


def _may_withdraw(attempt: Attempt) -> Refusal | None:
    """The submitter, while nobody has decided (R30, R43)."""
    if refusal := _as_submitter(attempt):
        return refusal
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request)
    if attempt.request.decided_once:
        return WrongState(
            say(
                zh="已有人审批，不能撤回；如需终止请撤销。",
                en="Somebody has decided already: it can only be cancelled.",
            )
        )
    return None


def _may_cancel(attempt: Attempt) -> Refusal | None:
    """The submitter or the record's owner, while it runs or lies with the submitter."""
    owner = getattr(attempt.p.record, "owner_id", None)
    who = attempt.who
    if who.employee_id not in {attempt.request.submitter_id, owner} and not who.may(
        Act.administer, "approval_request"
    ):
        return NotAllowed(
            say(zh="只有提交人或负责人可以撤销。", en="Only the submitter or the owner may cancel it.")
        )
    return None if attempt.request.status in ALIVE else not_running(attempt.request)


def _may_remind(attempt: Attempt) -> Refusal | None:
    if refusal := _as_submitter(attempt):
        return refusal
    return None if attempt.request.status is RequestStatus.running else not_running(attempt.request)


def _may_take_back(attempt: Attempt) -> Refusal | None:
    """A decider's own last act, while nobody acted after him and nothing has followed from it."""
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request)
    last = _last_action(attempt.request)
    if last is None or last.act is not ApprovalAct.approve or last.actor_id != attempt.who.employee_id:
        return WrongState(say(zh="没有可以收回的审批。", en="There is nothing of yours to take back."))
    step = db.session.get_one(ApprovalStep, last.step_id)
    if attempt.p.flow.step(step.node).then:
        return WrongState(
            say(zh="审批已产生结果，不能收回。", en="Something followed from it: it cannot be taken back.")
        )
    return None


def _last_action(request: ApprovalRequest) -> ApprovalAction | None:
    return db.session.scalar(
        select(ApprovalAction).where(
            ApprovalAction.request_id == request.id, ApprovalAction.seq == request.last_seq
        )
    )


Guard = Callable[[Attempt], Refusal | None]

GUARDS: dict[str, Guard] = {
    "approve": _as_decider,
    "reject": _as_decider,
    "send_back": _as_decider,
    "transfer": _as_decider,
    "add_signer": _as_decider,
    "consult": _as_decider,
    "copy": _as_decider,
    "withdraw": _may_withdraw,
    "cancel": _may_cancel,
    "take_back": _may_take_back,
    "remind": _may_remind,
}
"""Who may do what, and when: used by the engine, the screens and the API alike."""


def attempt_comments(attempt: Attempt) -> frozenset[str]:
    """The acts that need a comment where the request stands."""
    if attempt.step is None:
        return frozenset()
    node = attempt.node
    if node.comment_when and attempt.p.holds(node.comment_when):
        return node.comment | {"approve"}
    return node.comment


def _check_seen(attempt: Attempt) -> None:
    """A decision counts for what its maker saw: refuse it if the record or the request is not that any more."""
    given, request = attempt.given, attempt.request
    seen = given.get("seen_version")
    if seen is not None and seen != request.version_no and given.get("task_id") is None:
        raise Stale(
            say(
                zh="该申请已被他人处理，请刷新后再操作。",
                en="Somebody else has acted on this request: open it again.",
            ),
            changes=[],
            version_no=request.version_no,
        )
    if attempt.act.value not in {"approve", "reject", "send_back"}:
        return
    content = subjects.content_of(attempt.p.record)
    current = subjects.digest(content)
    if current == request.content_hash and given.get("content_hash") in {None, current}:
        return
    _check_frozen(attempt, content)
    if given.get("content_hash") not in {None, current}:
        raise Stale(
            say(
                zh="记录在您查看之后有变化，请核对后再决定。",
                en="The record changed after you opened it: compare, then decide.",
            ),
            changes=differences(attempt.p.record, request.content, content),
            version_no=attempt.p.record.version_no,
        )


def _check_frozen(attempt: Attempt, content: Mapping[str, Any]) -> None:
    """What was decided on so far is still there: only fields named as free may differ, and files only be added."""
    kept = attempt.request.content
    allowed = attempt.p.flow.freeze.free | {"attachment"} | editable_now(attempt.p, attempt.step)
    changed = {name for name in content if content[name] != kept.get(name)} - allowed
    gone = set(kept.get("attachment", ())) - set(content.get("attachment", ()))
    if changed or gone:
        raise Stale(
            say(
                zh="审批期间记录被改动，须退回后重新提交。",
                en="The record was changed while it was decided on: it must be sent back and submitted again.",
            ),
            changes=differences(attempt.p.record, kept, content),
            version_no=attempt.p.record.version_no,
        )


def editable_now(p: Proceeding, step: ApprovalStep | None) -> frozenset[str]:
    """The fields the open step fills in."""
    return frozenset(p.flow.step(step.node).fields) if step is not None else frozenset()


def differences(record: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields in which two contents differ, as a reader sees them."""
    found = []
    for name in after:
        if before.get(name) != after[name]:
            field = field_named(type(record), name) if hasattr(type(record), "__rows__") else None
            label = field.label if field else Words(name, name)
            found.append(Change(name, label, str(before.get(name)), str(after[name])))
    return found


# ---- what each act does ------------------------------------------------------------------------------------


def _vote(attempt: Attempt, status: DutyStatus) -> tuple[ApprovalTask, ApprovalStep]:
    task, step = attempt.task, attempt.step
    if task is None or step is None:
        raise _not_yours()
    task.status = status
    task.acted_by_id = attempt.who.employee_id
    task.decided_at = now()
    task.comment = attempt.comment
    attempt.request.decided_once |= status is not DutyStatus.transferred
    return task, step


def _approve(attempt: Attempt) -> None:
    p = attempt.p
    node = attempt.node
    _fill_in(attempt, node)
    _check_step(attempt, node)
    task, step = _vote(attempt, DutyStatus.approved)
    log(p, attempt.deed(seat=db.session.get_one(ApprovalSeat, task.seat_id).key))
    _release_after(attempt, task)
    result = proceedings.weigh(p, step)
    if result is routing.Outcome.approved:
        close_step(p, step, StepStatus.approved)
        bring_about(p.record, node.then, attempt.comment)
        if node.then:
            _freeze(p)
        go_on(p, routing.after(p.flow, node, p.holds))
    elif result is routing.Outcome.rejected:
        _end_rejected(attempt, step)


def _reject(attempt: Attempt) -> None:
    _task, step = _vote(attempt, DutyStatus.rejected)
    log(attempt.p, attempt.deed())
    if proceedings.weigh(attempt.p, step) is routing.Outcome.rejected:
        _end_rejected(attempt, step)


def _end_rejected(attempt: Attempt, step: ApprovalStep) -> None:
    close_step(attempt.p, step, StepStatus.rejected)
    if attempt.p.flow.returns_rejected:
        _back_to_submitter(attempt, "send_back")
    else:
        finish(attempt.p, RequestStatus.rejected, attempt.comment)


def _send_back(attempt: Attempt) -> None:
    target = attempt.given.get("target") or SUBMITTER
    if target not in attempt.node.return_to:
        raise BadInput([Problem(say(zh="不能退回到该步骤。", en="It cannot be sent back there."), "target")])
    p = attempt.p
    task, step = attempt.task, attempt.step
    if task is None or step is None:
        raise _not_yours()
    _vote(attempt, DutyStatus.returned)
    log(p, attempt.deed(target=target))
    close_step(p, step, StepStatus.returned)
    if target == SUBMITTER:
        _back_to_submitter(attempt, "send_back")
    else:
        open_step(p, p.flow.step(target), {"sent_back_from": step.node})


def _back_to_submitter(attempt: Attempt, verb: str) -> None:
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


def _withdraw(attempt: Attempt) -> None:
    log(attempt.p, attempt.deed())
    if attempt.step is not None:
        close_step(attempt.p, attempt.step, StepStatus.cancelled)
    _back_to_submitter(attempt, "withdraw")


def _cancel(attempt: Attempt) -> None:
    end_cancelled(attempt.p, attempt.step, attempt.deed())
    machine.move_by_approval(attempt.p.record, "cancel", attempt.comment)


def end_cancelled(p: Proceeding, step: ApprovalStep | None, deed: Deed) -> None:
    """End a request without a decision; the record's status is the caller's business."""
    log(p, deed)
    if step is not None:
        close_step(p, step, StepStatus.cancelled)
    finish(p, RequestStatus.cancelled)


def _take_back(attempt: Attempt) -> None:
    """Undo the own last approval: the step it closed is open again, the one it opened is gone."""
    last = _last_action(attempt.request)
    if last is None or last.task_id is None or last.step_id is None:
        raise _not_yours()
    p = attempt.p
    step = db.session.get_one(ApprovalStep, last.step_id)
    if attempt.step is not None and attempt.step.id != step.id:
        close_step(p, attempt.step, StepStatus.cancelled)
    log(
        p,
        Deed(
            ApprovalAct.take_back, step=step, comment=attempt.comment, idem_key=attempt.given.get("idem_key")
        ),
    )
    step.status = StepStatus.active
    step.closed_at = None
    db.session.flush()
    seats = {seat.id: seat for seat in p.seats(step)}
    mine = db.session.get_one(ApprovalTask, last.task_id)
    for task in p.tasks(step):
        if task.id == last.task_id or (task.status is DutyStatus.skipped and task.seat_id == mine.seat_id):
            sequential = seats[task.seat_id].mode is QuorumMode.sequential
            task.status = DutyStatus.waiting if sequential and task.id != last.task_id else DutyStatus.open
            task.decided_at = None
    seats[mine.seat_id].status = type(seats[mine.seat_id].status).open
    mine.acted_by_id = None
    p.request.due_at = step.due_at


def _fill_in(attempt: Attempt, node: Step) -> None:
    """Write what the step's form says into the record: only its fields, and frozen again at once."""
    typed = attempt.given.get("fields") or {}
    problems = []
    for path, raw in typed.items():
        holder, name = _holder(attempt.p.record, path)
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
    db.session.flush()
    _freeze(attempt.p)


def _holder(record: Any, path: str) -> tuple[Any, str]:
    """The record a path's field belongs to (`agreement.sign_on` → the agreement), and the field's name."""
    *relations, name = path.split(".")
    return subjects.value_of(record, ".".join(relations)) if relations else record, name


def _typed(holder: Any, name: str, raw: Any) -> Any:
    field: Field | None = field_named(type(holder), name) if hasattr(type(holder), "__rows__") else None
    if field is None:
        return raw
    if isinstance(raw, str) or field.kind is Kind.relation:
        return records._value(field, raw)
    return raw


def _check_step(attempt: Attempt, node: Step) -> None:
    """Everything a step asks for before it can be approved, told at once."""
    p = attempt.p
    problems = [_missing(p.record, path) for path in node.required if _is_empty(p.record, path)]
    problems += _missing_files(p, node.evidence)
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
    files = [file for file in _files(p.record) if file.doc_type in wanted or file.id in named]
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
        )
        for kind, object_type, object_id, digest in found
    )


# ---- handing on --------------------------------------------------------------------------------------------


def _newcomer(attempt: Attempt) -> int:
    """The person an act names: somebody who can act, is not shut out, and does not sit on this step yet."""
    to = attempt.given.get("to")
    if to is None or not people.can_act(to):
        raise BadInput(
            [Problem(say(zh="请选择一位在职员工。", en="Choose an employee who works here."), "to")]
        )
    p, step = attempt.p, attempt.step
    if step is None:
        raise not_running(p.request)
    if to in people.shut_out(p.flow, p.request, p.record, attempt.node):
        raise NotAllowed(
            say(
                zh="该员工须回避，不能处理此申请。",
                en="This person is a party to the request, or decided before.",
            )
        )
    sitting = {
        task.assignee_id
        for task in p.tasks(step)
        if task.status in {*proceedings.VOTES, *proceedings.PENDING}
    }
    if to in sitting:
        raise BadInput(
            [Problem(say(zh="该员工已在此步骤。", en="This person is at this step already."), "to")]
        )
    return to


def _transfer(attempt: Attempt) -> None:
    to = _newcomer(attempt)
    task, step = _vote(attempt, DutyStatus.transferred)
    log(attempt.p, attempt.deed(to=to))
    db.session.flush()
    db.session.add(
        ApprovalTask(
            seat_id=task.seat_id,
            step_id=step.id,
            request_id=attempt.request.id,
            assignee_id=to,
            order_no=task.order_no,
            weight=task.weight,
            status=DutyStatus.open,
            source=DutySource.transfer,
            parent_id=task.id,
            opened_at=now(),
            due_at=task.due_at,
            reason={"zh": "转办", "en": "transferred"},
        )
    )
    tell(attempt.p, [to], proceedings.turn_words(attempt.p, attempt.node))


def _add_signer(attempt: Attempt) -> None:
    """A seat of its own beside the others: before (the asker waits), parallel, or after (the new one waits)."""
    to = _newcomer(attempt)
    place = attempt.given.get("place", "before")
    task, step = attempt.task, attempt.step
    if place not in {"before", "parallel", "after"} or task is None or step is None:
        raise BadInput([Problem(say(zh="加签位置不对。", en="There is no such place."), "place")])
    log(attempt.p, attempt.deed(to=to, place=place))
    number = sum(seat.key.startswith("added") for seat in attempt.p.seats(step)) + 1
    seat = ApprovalSeat(step_id=step.id, key=f"added{number}", mode=QuorumMode.any, need=1, size=1)
    db.session.add(seat)
    db.session.flush()
    waits = place == "after"
    db.session.add(
        ApprovalTask(
            seat_id=seat.id,
            step_id=step.id,
            request_id=attempt.request.id,
            assignee_id=to,
            status=DutyStatus.waiting if waits else DutyStatus.open,
            source=DutySource.added,
            parent_id=task.id,
            opened_at=None if waits else now(),
            due_at=task.due_at,
            reason={"zh": "加签", "en": "added", "place": place},
        )
    )
    if place == "before":
        task.status = DutyStatus.waiting
    if not waits:
        tell(attempt.p, [to], proceedings.turn_words(attempt.p, attempt.node))


def _release_after(attempt: Attempt, done: ApprovalTask) -> None:
    """Who waited for this vote goes on: a signer added after it, or the one who asked for a signer before him."""
    if attempt.step is None:
        return
    for task in attempt.p.tasks(attempt.step):
        place = (task.reason or {}).get("place")
        if task.status is DutyStatus.waiting and task.parent_id == done.id and place == "after":
            task.status, task.opened_at = DutyStatus.open, now()
            tell(attempt.p, [task.assignee_id], proceedings.turn_words(attempt.p, attempt.node))
    if (done.reason or {}).get("place") == "before" and done.parent_id is not None:
        asker = db.session.get_one(ApprovalTask, done.parent_id)
        if asker.status is DutyStatus.waiting:
            asker.status = DutyStatus.open
            tell(attempt.p, [asker.assignee_id], proceedings.turn_words(attempt.p, attempt.node))


def _consult(attempt: Attempt) -> None:
    to = _somebody(attempt)
    log(attempt.p, attempt.deed(to=to))
    copy(attempt.p, [to], "consult")


def _copy(attempt: Attempt) -> None:
    to = _somebody(attempt)
    log(attempt.p, attempt.deed(to=to))
    copy(attempt.p, [to], "")


def _somebody(attempt: Attempt) -> int:
    to = attempt.given.get("to")
    if to is None or not people.can_act(to):
        raise BadInput(
            [Problem(say(zh="请选择一位在职员工。", en="Choose an employee who works here."), "to")]
        )
    return to


def _remind(attempt: Attempt) -> None:
    log(attempt.p, attempt.deed())
    step = attempt.step
    if step is not None:
        waiting = [task.assignee_id for task in attempt.p.tasks(step) if task.status is DutyStatus.open]
        words = say(
            zh="{who}催办：“{title}”",
            en='{who} asks you to decide "{title}"',
            who=attempt.request.submitter.name,
            title=attempt.request.title,
        )
        tell(attempt.p, waiting, words)


HANDLERS: dict[str, Callable[[Attempt], None]] = {
    "approve": _approve,
    "reject": _reject,
    "send_back": _send_back,
    "withdraw": _withdraw,
    "cancel": _cancel,
    "take_back": _take_back,
    "transfer": _transfer,
    "add_signer": _add_signer,
    "consult": _consult,
    "copy": _copy,
    "remind": _remind,
}
