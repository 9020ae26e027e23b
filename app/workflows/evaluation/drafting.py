"""Schemes as data: drafts written, brought in, thrown away, taken out as YAML. A second person publishes (L-02, §4.3 no. 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.orm import joinedload

from app.errors import BadInput, NotAllowed, NotFound, Problem, WrongState
from app.extensions import db
from app.models import ApprovalRequest, Employee, EvalScheme, EvalSchemeVersion, EvalStatus, RequestStatus
from app.roles import Act
from app.services import access
from app.services.packs import read_document
from app.words import say
from app.workflows import drafts
from app.workflows.evaluation import runs, schemes

VERSION = "eval_scheme_version"
ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)


@dataclass(frozen=True, slots=True)
class Standing:
    """A version as the list shows it, with who wrote it and who published it; empty where a pack did."""

    version: EvalSchemeVersion
    author: str
    publisher: str


def versions() -> list[Standing]:
    """Every version but those of trials, by scheme, the newest first; one statement. Raises `NotAllowed`."""
    access.principal().check(Act.read, VERSION)
    author, publisher = sa.orm.aliased(Employee), sa.orm.aliased(Employee)
    statement = (
        sa.select(EvalSchemeVersion, author.name, publisher.name)
        .join(EvalSchemeVersion.scheme)
        .outerjoin(author, author.id == EvalSchemeVersion.author_id)
        .outerjoin(publisher, publisher.id == EvalSchemeVersion.publisher_id)
        .options(joinedload(EvalSchemeVersion.scheme))
        .where(EvalSchemeVersion.status != EvalStatus.trial)
        .order_by(EvalScheme.code, EvalSchemeVersion.edition.desc())
    )
    with access.acting(access.SYSTEM):  # names of people alone
        found = db.session.execute(statement).all()
    return [Standing(version, wrote or "", published or "") for version, wrote, published in found]


def find(version_id: int) -> EvalSchemeVersion:
    """A version of a scheme. Raises `NotFound`."""
    found = db.session.get(EvalSchemeVersion, version_id)
    if found is None or found.status is EvalStatus.trial:
        raise NotFound(say("没有这个方案版本。", "There is no such version of a scheme."))
    return found


def written(version: EvalSchemeVersion) -> str:
    """A version as YAML, as packs hold it."""
    text: str = yaml.safe_dump(version.body, allow_unicode=True, sort_keys=False, width=110)
    return text


def save(text: str, draft: EvalSchemeVersion | None = None, seen: str = "") -> EvalSchemeVersion:
    """A document as a new draft of the scheme it names, or as what a draft says from now on. Inside `transaction()`.

    A draft is written anew against the hash (`seen`) of what its writer was shown.

    Raises:
        Stale: the draft was changed since.
        BadInput: everything that is wrong with it, each with its place.
        NotAllowed: the person may not write schemes, or it reads a confidential field he may not see.
        WrongState: the version is no draft any more.

    """
    document = read_document(text)
    if not isinstance(document, dict):
        raise BadInput([Problem(say("文件不是评价方案。", "The file is no scheme."), "file")])
    return keep(document, draft, seen)


def keep(
    document: Mapping[str, Any], draft: EvalSchemeVersion | None = None, seen: str = ""
) -> EvalSchemeVersion:
    """As `save`, of a document that was read already. Inside `transaction()`."""
    who = access.principal()
    who.check(Act.create if draft is None else Act.edit, VERSION)
    if draft is not None:
        _check_own(draft, seen)
    body = schemes.body_of(document)
    schemes.check_readable(schemes.load(body))
    if draft is not None:
        return _rewrite(draft, body)
    scheme = runs.scheme_called(str(body["scheme"]), body, active=False)
    _check_same(scheme, body)
    version = EvalSchemeVersion(
        scheme=scheme,
        edition=runs.next_edition(scheme.id),
        status=EvalStatus.draft,
        body=body,
        body_hash=schemes.hash_of(body),
        author_id=who.employee_id,
    )
    db.session.add(version)
    db.session.flush()
    return version


def _check_own(draft: EvalSchemeVersion, seen: str) -> None:
    """Whether a draft may be written anew by the person asking, as he saw it."""
    _check_draft(draft)
    if draft.author_id != access.principal().employee_id:
        words = say(
            "草稿由其编写人修改；您可另建草稿。", "A draft is changed by its author; make one of your own."
        )
        raise NotAllowed(words)
    drafts.check_seen(draft, seen)


def _rewrite(draft: EvalSchemeVersion, body: dict[str, Any]) -> EvalSchemeVersion:
    if body["scheme"] != draft.scheme.code:
        raise BadInput(
            [Problem(say("方案编号不能改变。", "The code of the scheme cannot change."), "scheme")]
        )
    _check_same(draft.scheme, body)
    draft.body, draft.body_hash = body, schemes.hash_of(body)
    db.session.flush()
    return draft


def _check_same(scheme: EvalScheme, body: dict[str, Any]) -> None:
    if body["subject"] != scheme.subject_type:
        words = say("该编号的方案评价另一类对象。", "The scheme of this code evaluates other subjects.")
        raise BadInput([Problem(words, "subject")])


def discard(version_id: int) -> None:
    """Throw a draft away; a scheme without another version goes with it. Inside `transaction()`."""
    access.principal().check(Act.edit, VERSION)
    version = find(version_id)
    _check_draft(version)
    scheme = version.scheme
    db.session.delete(version)
    db.session.flush()
    others = sa.select(EvalSchemeVersion.id).where(EvalSchemeVersion.scheme_id == scheme.id).limit(1)
    if db.session.scalar(others) is None:
        db.session.delete(scheme)


def _check_draft(version: EvalSchemeVersion) -> None:
    """A draft that nobody was asked to decide on, or that came back for good."""
    if version.status is not EvalStatus.draft or _requests(version):
        raise WrongState(
            say(
                "该版本已提交或已生效，不能再修改；请另建草稿。",
                "This version was submitted or is in force: make a new draft instead.",
            )
        )


def _requests(version: EvalSchemeVersion) -> Sequence[int]:
    with access.acting(access.SYSTEM):
        wanted = sa.select(ApprovalRequest.id).where(
            ApprovalRequest.object_type == VERSION,
            ApprovalRequest.object_id == version.id,
            ApprovalRequest.status.in_(ALIVE),
        )
        return db.session.scalars(wanted).all()
