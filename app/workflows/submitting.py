"""Submitting a record for decision, and again after it came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from sqlalchemy import select

from app.errors import BadInput, NotAllowed
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    Employee,
    FlowStatus,
    RequestStatus,
)
from app.roles import Act
from app.services import access, derived, numbering, records
from app.services.language.problems import UnknownValue
from app.words import say
from app.workflows import machine, people, proceedings, routing, subjects
from app.workflows.asking import is_empty, missing, missing_files
from app.workflows.attempts import Given, Result, alive_request, fingerprint, proceeding, replayed
from app.workflows.flow import Flow, Step, compiled
from app.workflows.proceedings import Deed, Proceeding, go_on, log
from app.workflows.refusals import Duplicate, NotApprovable

NUMBERS = numbering.Series("approval", "SP{year}-{n:06d}")


def submit(record: Any, flow_code: str | None = None, **given: Unpack[Given]) -> Result:
    """Submit a record for decision, or submit it again after it was returned. Inside `transaction()`.

    Raises:
        NotAllowed: the person may not submit this record.
        Duplicate: it is being decided already.
        NotApprovable: no published flow covers it.
        BadInput: what the flow asks for is missing, each with its field.

    """
    who = access.principal()
    if replay := replayed(None, ApprovalAct.submit, who, given):
        return replay
    check_may_submit(record, who)
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
    request = new_request(record, version, flow, who)
    p = Proceeding(request, flow, record)
    _check_submitter(p, who)
    if _released(p):
        return Result(None, "not_required")
    return _enter(p, who, given, again=False)


def check_may_submit(record: Any, who: access.Principal) -> None:
    """Raises `NotAllowed` when this person may not submit this record."""
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


def new_request(
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
    called = subjects.subject_of(record).title
    if called is not None:
        return called(record)[:255]
    title = records.title_of(record) if hasattr(type(record), "__rows__") else f"#{record.id}"
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
        before = request.content
        p.freeze()
        if not again:
            db.session.add(request)
        db.session.flush()
        comment = (given.get("comment") or "").strip() or None
        deed = Deed(
            ApprovalAct.submit,
            comment=comment,
            idem_key=given.get("idem_key"),
            fingerprint=fingerprint(None, ApprovalAct.submit, who, given),
            payload={"round": request.round_no, "changed": changed_since(before, request.content)},
        )
        log(p, deed)
        machine.move_by_approval(record, "submit", comment)
        request.object_version_no = record.version_no
        go_on(p, routing.Way((), resumed) if resumed else routing.first(p.flow, p.holds))
        if request.no is None:
            request.no = numbering.take(NUMBERS)
        p.write()
    return Result(request.id, request.status.value)


def changed_since(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What was changed since it was submitted before: each field with what it was and became."""
    return {
        name: [before[name], after[name]] for name in after if name in before and before[name] != after[name]
    }


def _resumed(p: Proceeding) -> Step | None:
    """The step an unchanged request goes on at, where its flow resumes: that which sent it back."""
    if not p.flow.resumes or subjects.digest(p.content()) != p.request.content_hash:
        return None
    rounds = [step for step, _seat, _task in p.places if step.round_no == p.request.round_no]
    last = max(rounds, key=lambda step: step.id, default=None)
    return p.flow.step(last.node) if last is not None else None


def _check_complete(p: Proceeding) -> None:
    """What the flow asks of the form and its files before it may be submitted (E-01)."""
    problems = [missing(p.record, name) for name in p.flow.submit_required if is_empty(p.record, name)]
    problems += missing_files(p, p.flow.documents)
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
