"""Designing flows: drafts begun, changed, checked, published by a second person, compared, taken out and brought in.

What a designer saves may be unfinished; only `publish` asks that it is sound. A draft is changed against the hash of
the document its designer saw, so of two who change it at once one is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import func, select

from app.errors import BadInput, NotFound, Problem, WrongState
from app.extensions import db
from app.models import (
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    Employee,
    FlowStatus,
    RequestStatus,
)
from app.roles import Act
from app.services import access
from app.services.packs import read_document
from app.words import Words, say
from app.workflows import drafts, flows, governed, simulating, subjects, verifying
from app.workflows.attempts import alive_request
from app.workflows.course import request_on
from app.workflows.flow import SUBMITTER
from app.workflows.submitting import submit
from app.workflows.verifying import Finding

VERSION = "approval_flow_version"
ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)

Body = dict[str, Any]


# ---- finding -----------------------------------------------------------------------------------------------


def find(version_id: int) -> ApprovalFlowVersion:
    """A version of a flow; raises `NotFound`."""
    version = db.session.get(ApprovalFlowVersion, version_id)
    if version is None:
        raise NotFound(say(zh="没有这个流程版本。", en="There is no such version of a flow."))
    return version


@dataclass(frozen=True, slots=True)
class Standing:
    """A version as the list shows it: who wrote and published it, how many requests run on it and ever did."""

    version: ApprovalFlowVersion
    author: str
    publisher: str
    alive: int
    ever: int


def versions(flow_id: int | None = None) -> list[Standing]:
    """The versions of one flow or of all, by flow, the newest first; three statements."""
    statement = (
        select(ApprovalFlowVersion)
        .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
        .order_by(ApprovalFlow.code, ApprovalFlowVersion.edition.desc())
    )
    if flow_id is not None:
        statement = statement.where(ApprovalFlow.id == flow_id)
    found = db.session.scalars(statement).all()
    names = _names({id_ for version in found for id_ in (version.author_id, version.publisher_id)})
    counted = _requests([version.id for version in found])
    return [
        Standing(
            version,
            names.get(version.author_id or 0, ""),
            names.get(version.publisher_id or 0, ""),
            *counted.get(version.id, (0, 0)),
        )
        for version in found
    ]


def _names(ids: set[int | None]) -> dict[int, str]:
    statement = select(Employee.id, Employee.name).where(Employee.id.in_({id_ for id_ in ids if id_}))
    with access.acting(access.SYSTEM):
        return {row.id: row.name for row in db.session.execute(statement)}


def _requests(version_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many requests of each version are alive, and how many there ever were."""
    statement = (
        select(
            ApprovalRequest.version_id,
            func.count().filter(ApprovalRequest.status.in_(ALIVE)),
            func.count(),
        )
        .where(ApprovalRequest.version_id.in_(version_ids))
        .group_by(ApprovalRequest.version_id)
    )
    with access.acting(access.SYSTEM):
        return {id_: (alive, ever) for id_, alive, ever in db.session.execute(statement)}


def in_force(version: ApprovalFlowVersion) -> ApprovalFlowVersion | None:
    """The published version of the same flow."""
    return db.session.scalar(
        select(ApprovalFlowVersion).where(
            ApprovalFlowVersion.flow_id == version.flow_id,
            ApprovalFlowVersion.status == FlowStatus.published,
        )
    )


# ---- drafts ------------------------------------------------------------------------------------------------


def begin(code: str, object_type: str, name: Mapping[str, str]) -> ApprovalFlowVersion:
    """A new flow without steps, as a draft. Inside `transaction()`; raises `BadInput` naming the field."""
    access.principal().check(Act.create, VERSION)
    problems = [
        Problem(say(zh="请填写{what}。", en="Fill in {what}.", what=what), field)
        for field, what in (("name_zh", NAME_ZH), ("name_en", NAME_EN))
        if not name.get(field.removeprefix("name_"), "").strip()
    ]
    if not CODE.fullmatch(code):
        problems.append(Problem(BAD_CODE, "code"))
    elif db.session.scalar(select(ApprovalFlow.id).where(ApprovalFlow.code == code)):
        problems.append(Problem(say(zh="流程编号已存在。", en="This flow code is in use."), "code"))
    if object_type not in subjects.subjects:
        problems.append(Problem(say(zh="请选择记录类型。", en="Choose a record type."), "object_type"))
    if problems:
        raise BadInput(problems)
    return flows.keep({"code": code, "object_type": object_type, "name": dict(name), "steps": []})


CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")
BAD_CODE = say(
    zh="编号只用小写字母、数字和下划线，以字母开头。",
    en="A code is made of small letters, digits and underscores and begins with a letter.",
)
NAME_ZH, NAME_EN = Words("中文名称", "the Chinese name"), Words("英文名称", "the English name")


def take_up(version: ApprovalFlowVersion) -> ApprovalFlowVersion:
    """A new draft of any version: how a published flow is changed. Inside `transaction()`."""
    access.principal().check(Act.create, VERSION)
    return flows.keep(version.body)


def change(version_id: int, seen: str, edit: Callable[[Body], object]) -> ApprovalFlowVersion:
    """Let `edit` change the document of a draft seen with this hash. Inside `transaction()`.

    Raises:
        Stale: somebody changed it since it was seen; it says who.
        WrongState: it is no draft any more.

    """
    access.principal().check(Act.edit, VERSION)
    version = find(version_id)
    _refuse_stale(version, seen)
    body = deepcopy(version.body)
    edit(body)
    if body != version.body:
        flows.rewrite(version, body)
    return version


def _refuse_stale(version: ApprovalFlowVersion, seen: str) -> None:
    if version.status is not FlowStatus.draft:
        raise WrongState(
            say(
                zh="该版本已不是草稿，不能修改；请从它新建草稿。",
                en="This version is no draft any more: take it up as a new draft.",
            )
        )
    drafts.check_seen(version, seen)


def discard(version_id: int, seen: str) -> None:
    """Throw a draft away; a flow that has no other version goes with it. Inside `transaction()`."""
    access.principal().check(Act.edit, VERSION)
    version = find(version_id)
    _refuse_stale(version, seen)
    if alive_request(version) is not None:
        raise WrongState(
            say(
                zh="该草稿的发布申请已退回但未结束，请先撤销申请。",
                en="It was sent back and its request is still open: cancel the request first.",
            )
        )
    flow, others = version.flow, versions(version.flow_id)[1:]
    db.session.delete(version)
    db.session.flush()
    if not others:
        db.session.delete(flow)


# ---- steps -------------------------------------------------------------------------------------------------


def step_of(body: Mapping[str, Any], key: str) -> Body:
    """A step of a document; raises `NotFound`."""
    found: Body | None = next((step for step in body["steps"] if step["key"] == key), None)
    if found is None:
        raise NotFound(say(zh="没有这个步骤。", en="There is no such step."))
    return found


def conditioned(body: Body, key: str, at: str) -> tuple[Body, str]:
    """The part of a document a condition belongs to, by its step and its place there, and the name it stands under.

    Places are those the flow tells of (`when`, `seats.legal`, `evidence.nda`). Raises `NotFound`.
    """
    place = step_of(body, key) if key else body
    if at in (OWN_CONDITIONS if key else ("applies",)):
        return place, at
    part, _dot, which = at.rpartition(".")
    found: list[Body] = {
        "seats": place.get("seats", []),
        "evidence": place.get("evidence", []),
        "submit.documents": place.get("submit", {}).get("documents", []),
    }.get(part, [])
    named = next((one for one in found if which == one["key" if part == "seats" else "type"]), None)
    if named is None:
        raise NotFound(say(zh="没有这个条件。", en="There is no such condition."))
    return named, "when"


OWN_CONDITIONS = ("when", "comment_when", "approve_when")
"""The conditions a step has of its own."""


def key_from(name: str, taken: Sequence[str], otherwise: str) -> str:
    """A key made of an English name, other than those taken."""
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:30].strip("_")
    stem = stem if stem[:1].isalpha() else f"{otherwise}_{stem}".rstrip("_")
    numbered = [stem, *(f"{stem}_{number}" for number in range(2, 100))]
    return next(key for key in numbered if key not in taken and key not in {SUBMITTER, "end"})


def add_step(body: Body, name: Mapping[str, str]) -> str:
    """A new step at the end; its key."""
    zh, en = (name.get(tongue, "").strip() for tongue in ("zh", "en"))
    problems = [
        Problem(say(zh="请填写{what}。", en="Fill in {what}.", what=what), field)
        for text, field, what in ((zh, "name_zh", NAME_ZH), (en, "name_en", NAME_EN))
        if not text
    ]
    if problems:
        raise BadInput(problems)
    key = key_from(en, [step["key"] for step in body["steps"]], "step")
    body["steps"].append({"key": key, "name": {"zh": zh, "en": en}, "people": []})
    return key


def drop_step(body: Body, key: str) -> None:
    """Take a step out, and every way and return that leads to it."""
    step_of(body, key)
    body["steps"] = [step for step in body["steps"] if step["key"] != key]
    for step in body["steps"]:
        put(step, "next", [edge for edge in step.get("next", ()) if edge["to"] != key])
        if "return_to" in step:
            step["return_to"] = [target for target in step["return_to"] if target != key]


def shift_step(body: Body, key: str, by: int) -> None:
    """Move a step up or down; ways and returns that would then lead nowhere are left for the check to name."""
    step = step_of(body, key)
    place = body["steps"].index(step)
    body["steps"].insert(max(0, min(len(body["steps"]) - 1, place + by)), body["steps"].pop(place))


def put(body: Body, name: str, value: Any) -> None:
    """Set a value, or take the name out where it says nothing."""
    if value in (None, "", [], {}):
        body.pop(name, None)
    else:
        body[name] = value


# ---- checking and publishing -------------------------------------------------------------------------------


def findings(body: Mapping[str, Any]) -> list[Finding]:
    """Everything wrong with a document as the company stands today."""
    if not body["steps"]:
        return [Finding("V1", "steps", say(zh="流程还没有步骤。", en="The flow has no step yet."))]
    return verifying.verify(body)


def check(version_id: int) -> list[Finding]:
    """Check a draft, and keep with it what was found. Inside `transaction()`."""
    access.principal().check(Act.edit, VERSION)
    version = find(version_id)
    if version.status is not FlowStatus.draft:
        raise WrongState(say(zh="只有草稿需要检查。", en="Only a draft is checked."))
    found = findings(version.body)
    version.findings = [finding.document() for finding in found]
    return found


def is_sound(version: ApprovalFlowVersion) -> bool:
    """Whether a draft was checked as it stands and nothing was found that stops publication."""
    return version.findings is not None and not any(one["is_error"] for one in version.findings)


def publish(version_id: int, seen: str, *, acknowledged: bool) -> None:
    """Publish a draft as it was seen; who does it takes note of its warnings. Inside `transaction()`.

    Raises:
        BadInput: what is wrong with it, each with its place, or the warnings nobody has taken note of.
        NotAllowed: the person wrote in it, or may not publish.

    """
    access.principal().check(Act.publish, VERSION)
    version = find(version_id)
    _refuse_stale(version, seen)
    flows.release(version, acknowledged=acknowledged)


def propose(version_id: int, seen: str, *, acknowledged: bool) -> None:
    """Ask that a draft as it was seen be published, where that takes an approval. Inside `transaction()`.

    Raises:
        BadInput: what is wrong with it, each with its place, or the warnings nobody has taken note of.

    """
    access.principal().check(Act.submit, VERSION)
    version = find(version_id)
    _refuse_stale(version, seen)
    stopping = [it for it in findings(version.body) if it.is_error or not acknowledged]
    if stopping:
        raise BadInput([Problem(it.words, it.place) for it in stopping])
    submit(version)


def is_approved() -> bool:
    """Whether publishing a flow takes an approval."""
    return governed.is_decided(VERSION)


def request_of(version: ApprovalFlowVersion) -> ApprovalRequest | None:
    """The request a version is in, if the person asking has to do with it."""
    return request_on(version) if version.status is FlowStatus.in_approval else None


# ---- trying out --------------------------------------------------------------------------------------------


def tried(version: ApprovalFlowVersion, last_n: int) -> list[simulating.Row]:
    """The ways the last real records would take under this version; raises `Refusal` where it cannot be read.

    Who designs flows is told of all records how many take which way; which records they are, only where he may read
    them (`may_see`).
    """
    designs = access.principal().may(Act.edit, VERSION)
    with access.acting(access.SYSTEM if designs else access.principal()):
        return simulating.simulate(version.body, version.flow.object_type, last_n)


def may_see(object_type: str, object_id: int) -> bool:
    """Whether a record may be named to the person asking."""
    resource = access.resource_of(subjects.subject_named(object_type).model)
    return access.principal().may(Act.read, resource) and subjects.is_readable(object_type, object_id)


# ---- in and out --------------------------------------------------------------------------------------------


def written(version: ApprovalFlowVersion) -> str:
    """A version as YAML, as packs hold it."""
    text: str = yaml.safe_dump(version.body, allow_unicode=True, sort_keys=False, width=110)
    return text


def bring_in(text: str) -> ApprovalFlowVersion:
    """A YAML document as a new draft of the flow it names. Inside `transaction()`.

    Raises:
        BadInput: everything wrong with it, each with its place.

    """
    access.principal().check(Act.create, VERSION)
    body = read_document(text)
    if not isinstance(body, dict) or not isinstance(body.get("steps"), list):
        words = say(zh="文件不是一个流程。", en="The file is not a flow.")
        raise BadInput([Problem(words, "file")])
    known = db.session.scalar(
        select(ApprovalFlow.object_type).where(ApprovalFlow.code == str(body.get("code")))
    )
    if known is not None and known != body.get("object_type"):
        words = say(zh="该编号的流程用于另一类记录。", en="The flow of this code is for another record type.")
        raise BadInput([Problem(words, "object_type")])
    return flows.add_version(body)
