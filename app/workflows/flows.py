"""Flows as configuration: check a document, keep it as a version, publish it; flows of packs.

A published version never changes; another one takes its place for new requests, and running requests keep theirs. Who
wrote a version does not publish it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import event, func, inspect, select

from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, Problem, WrongState
from app.extensions import db
from app.models import (
    ApprovalAction,
    ApprovalFlow,
    ApprovalFlowRef,
    ApprovalFlowVersion,
    AuditLog,
    FlowStatus,
)
from app.roles import Act
from app.services import access
from app.services.packs import Form, Known, Loading, PackKind, pack_kind
from app.words import Words, say
from app.workflows import people, subjects, verifying


def problems(body: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a flow, from its document alone."""
    return [Problem(it.words, it.place) for it in verifying.of_document(body) if it.is_error]


# ---- versions ----------------------------------------------------------------------------------------------


def add_version(body: Mapping[str, Any], note: str | None = None) -> ApprovalFlowVersion:
    """Keep a document as a new draft version of its flow, made if there is none. Inside `transaction()`.

    Raises:
        BadInput: what is wrong with it, each with its place.

    """
    if found := problems(body):
        raise BadInput(found)
    return keep(body, note)


def keep(body: Mapping[str, Any], note: str | None = None) -> ApprovalFlowVersion:
    """Keep a document as a new draft as it stands, whole or not: nothing unsound is ever published.

    Inside `transaction()`.
    """
    flow = db.session.scalar(select(ApprovalFlow).where(ApprovalFlow.code == body["code"]))
    if flow is None:
        flow = ApprovalFlow(
            code=body["code"],
            name_zh=body["name"]["zh"],
            name_en=body["name"]["en"],
            object_type=body["object_type"],
            exclusive_group=body.get("exclusive_group", "decision"),
        )
        db.session.add(flow)
        db.session.flush()
    last = db.session.scalar(
        select(func.max(ApprovalFlowVersion.edition)).where(ApprovalFlowVersion.flow_id == flow.id)
    )
    version = ApprovalFlowVersion(
        flow_id=flow.id,
        flow=flow,
        edition=(last or 0) + 1,
        body=dict(body),
        body_hash=subjects.digest(body),
        note=note,
        author_id=access.principal().employee_id,
    )
    db.session.add(version)
    db.session.flush()
    _keep_refs(version)
    return version


def rewrite(version: ApprovalFlowVersion, body: Mapping[str, Any]) -> None:
    """Put another document into a draft; what was found in the one before no longer counts. Inside `transaction()`.

    Raises:
        WrongState: it is no draft.

    """
    if version.status is not FlowStatus.draft:
        raise WrongState(say(zh="只有草稿可以修改。", en="Only a draft can be changed."))
    version.body, version.body_hash, version.findings = dict(body), subjects.digest(body), None
    for ref in db.session.scalars(select(ApprovalFlowRef).where(ApprovalFlowRef.version_id == version.id)):
        db.session.delete(ref)
    db.session.flush()
    _keep_refs(version)


def _keep_refs(version: ApprovalFlowVersion) -> None:
    found = _refs(version.body)
    db.session.add_all(ApprovalFlowRef(version_id=version.id, kind=k, ref=r) for k, r in found)
    db.session.flush()


def writers(version: ApprovalFlowVersion) -> set[int]:
    """Who wrote in a version: its author, and everybody the audit log knows to have changed its document."""
    lines = select(AuditLog.person_id, AuditLog.changes).where(
        AuditLog.object_type == ApprovalFlowVersion.__tablename__, AuditLog.object_id == version.id
    )
    with access.acting(access.SYSTEM):
        found = {person for person, changes in db.session.execute(lines) if "body_hash" in (changes or {})}
    return {person for person in found | {version.author_id} if person is not None}


def _refs(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """What a flow relies on, so that "who uses role X" can be answered."""
    found: set[tuple[str, str]] = set()
    for step in body["steps"]:
        seats = step.get("seats") or [step]
        for rule in [rule for seat in seats for rule in seat.get("people", ())]:
            found |= {(kind, str(rule[kind])) for kind in people.RULES if kind in rule}
        found |= {("effect", str(effect["effect"])) for effect in step.get("then", ()) if "effect" in effect}
        found |= {("document", str(document["type"])) for document in step.get("evidence", ())}
    return found


def publish(version: ApprovalFlowVersion) -> None:
    """Let new requests run on this version; the one before is retired. Inside `transaction()`.

    Raises:
        NotAllowed: the person may not publish, or wrote it himself (§4.3 no. 10).
        WrongState: it is no draft.
        BadInput: it no longer makes sense.

    """
    who = access.principal()
    who.check(Act.publish, "approval_flow_version")
    if who.employee_id in writers(version):
        raise NotAllowed(
            say(zh="流程须由编写人以外的人发布。", en="A flow is published by somebody else than its author.")
        )
    if version.status is not FlowStatus.draft:
        raise WrongState(ONLY_DRAFTS)
    put_in_force(version, who.employee_id)


ONLY_DRAFTS = say(zh="只有草稿可以发布。", en="Only a draft can be published.")


def put_in_force(version: ApprovalFlowVersion, publisher_id: int | None) -> None:
    """What publishing a version does; whoever calls has made sure that it was decided. Inside `transaction()`.

    Raises:
        WrongState: it is neither a draft nor in approval.
        BadInput: it no longer makes sense.

    """
    if version.status not in {FlowStatus.draft, FlowStatus.in_approval}:
        raise WrongState(ONLY_DRAFTS)
    if found := problems(version.body):
        raise BadInput(found)
    before = db.session.scalars(
        select(ApprovalFlowVersion).where(
            ApprovalFlowVersion.flow_id == version.flow_id,
            ApprovalFlowVersion.status == FlowStatus.published,
        )
    )
    for old in before:
        old.status = FlowStatus.retired
    db.session.flush()
    version.status = FlowStatus.published
    version.publisher_id = publisher_id
    version.published_at = now()
    db.session.flush()


def release(version: ApprovalFlowVersion, *, acknowledged: bool = False) -> None:
    """Publish a version the company of today can run: somebody may decide each step of everybody's request.

    This is what a person does on the screen; a pack publishes before there are people. Findings stay with the version.
    Whoever publishes says by `acknowledged` that he has read the warnings; the version keeps his name.

    Raises:
        BadInput: what stops it, or the warnings nobody has acknowledged, each with its place; else as `publish`.

    """
    check_company(version, acknowledged=acknowledged)
    publish(version)


def check_company(version: ApprovalFlowVersion, *, acknowledged: bool) -> None:
    """Keep with a version what the check finds today; raises `BadInput` when that stops it."""
    findings = verifying.verify(version.body)
    version.findings = [finding.document() for finding in findings]
    stopping = [it for it in findings if it.is_error or not acknowledged]
    if stopping:
        raise BadInput([Problem(it.words, it.place) for it in stopping])


def published(code: str) -> ApprovalFlowVersion:
    """The version new requests of a flow run on; raises `NotFound`."""
    found = db.session.scalar(
        select(ApprovalFlowVersion)
        .join(ApprovalFlow)
        .where(ApprovalFlow.code == code, ApprovalFlowVersion.status == FlowStatus.published)
    )
    if found is None:
        raise NotFound(say(zh="没有已发布的流程“{code}”。", en="No flow '{code}' is published.", code=code))
    return found


@event.listens_for(ApprovalFlowVersion, "before_update")
def _keep_published(_mapper: object, _connection: object, version: ApprovalFlowVersion) -> None:
    """What was published is never rewritten."""
    history = inspect(version).attrs
    was = (history.status.history.deleted or [version.status])[0]
    if was is not FlowStatus.draft and (
        history.body.history.has_changes() or history.body_hash.history.has_changes()
    ):
        raise RuntimeError("a published flow version is never rewritten: add another version")


@event.listens_for(ApprovalAction, "before_update")
@event.listens_for(ApprovalAction, "before_delete")
def _keep_action(_mapper: object, _connection: object, _action: ApprovalAction) -> None:
    """What was done in a request is never rewritten."""
    raise RuntimeError("approval_action is append-only")


# ---- flows of packs ----------------------------------------------------------------------------------------


@pack_kind("flows", after=("roles", "positions"))
class Flows(PackKind):
    """Flows in a pack, one document a file; a changed one is loaded as a new version (R20)."""

    def code_of(self, body: Mapping[str, Any]) -> str:
        return str(body.get("code") or "")

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterable[Words]:
        found = problems(body)
        if not found and known.get("roles"):
            roles = {ref for kind, ref in _refs(body) if kind == "role"}
            for role in sorted(roles - known["roles"]):
                yield say(zh="没有角色“{role}”。", en="There is no role '{role}'.", role=role)
        yield from (problem.words for problem in found)

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        return {str(body["code"]): dict(body) for body in bodies}

    def standing(self) -> dict[str, Form]:
        """The published document of each flow, or its last draft."""
        statement = (
            select(ApprovalFlow.code, ApprovalFlow.active, ApprovalFlowVersion.body)
            .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
            .order_by(ApprovalFlowVersion.status == FlowStatus.published, ApprovalFlowVersion.edition)
        )
        rows = db.session.execute(statement)
        return {code: body if active else {**body, "active": False} for code, active, body in rows}

    def write(self, forms: Mapping[str, Form], loading: Loading) -> None:
        for form in forms.values():
            version = add_version(form, note=loading.pack)
            if loading.trusted:
                publish(version)
