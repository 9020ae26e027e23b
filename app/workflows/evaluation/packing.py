"""Schemes in packs: one file each, checked like any other, published when the pack is trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.columns import now
from app.extensions import db
from app.models import EXTRA, EvalMeasure, EvalMeasureVersion, EvalScheme, EvalSchemeVersion, EvalStatus
from app.services.extra_definitions import extended
from app.services.fields import kept_fields
from app.services.packs import Form, Known, Loading, PackKind, no_such, pack_kind
from app.words import Words, say
from app.workflows.evaluation import library, schemes
from app.workflows.evaluation.runs import next_edition, scheme_called


@pack_kind("measures")
class Measures(PackKind):
    """The library of measures (`library`); an entry is one measure, or a formula over others."""

    def code_of(self, body: Mapping[str, Any]) -> str:
        return str(body.get("code") or "")

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterator[Words]:
        for name in ("zh", "en"):
            if not body.get(name):
                yield say("缺少“{word}”。", "'{word}' is missing.", word=name)
        if awaits_fields(body, known):
            return
        entries = library.shipped() | {self.code_of(body): body}
        for subject in body.get("subjects", ["customer", "employee", "department"]):
            for problem in schemes.check(library.alone(body, str(subject), entries)):
                yield say("{place}：{what}", "{place}: {what}", place=problem.field or "", what=problem.words)

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        return {self.code_of(body): json.loads(schemes.canonical(body)) for body in bodies}

    def standing(self) -> dict[str, Form]:
        version = EvalMeasureVersion
        statement = (
            sa.select(EvalMeasure.code, version.body)
            .join(version, version.measure_id == EvalMeasure.id)
            .where(version.status == EvalStatus.published, EvalMeasure.active)
        )
        return {code: dict(body) for code, body in db.session.execute(statement)}

    def write(self, forms: Mapping[str, Form], _loading: Loading) -> None:
        held = {one.code: one for one in db.session.scalars(sa.select(EvalMeasure))}
        current = {
            one.measure_id: one
            for one in db.session.scalars(
                sa.select(EvalMeasureVersion).where(EvalMeasureVersion.status == EvalStatus.published)
            )
        }
        fresh = []
        for code, body in forms.items():
            measure = held.get(code)
            if measure is None:
                subjects = " ".join(body.get("subjects", ["customer", "employee", "department"]))
                measure = EvalMeasure(code=code, subject_type=subjects)
                db.session.add(measure)
            measure.name_zh, measure.name_en, measure.active = str(body["zh"]), str(body["en"]), True
            before = current.get(measure.id)
            if before is not None:
                move_edition(before, EvalStatus.retired)
            fresh.append((measure, body, before.edition + 1 if before else 1))
        db.session.flush()
        db.session.add_all(
            EvalMeasureVersion(
                measure_id=measure.id,
                edition=edition,
                status=EvalStatus.published,
                body=body,
                body_hash=schemes.hash_of(body),
                published_at=now(),
            )
            for measure, body, edition in fresh
        )
        db.session.flush()


def move_edition(version: EvalMeasureVersion, status: EvalStatus) -> None:
    """Set where an edition of a measure stands; measures have no life of their own beside their pack."""
    db.session.execute(
        sa.update(EvalMeasureVersion).where(EvalMeasureVersion.id == version.id).values(status=status)
    )


ADDED = re.compile(rf"\b{re.escape(EXTRA)}([a-z][a-z0-9_]*)")


def awaits_fields(body: Mapping[str, Any], known: Known) -> bool:
    """Whether it goes by added fields that come with the same packs and do not stand yet: it is checked once they do."""
    standing = {field.name for model in extended().values() for field in kept_fields(model)}
    missing = {key for key in ADDED.findall(schemes.canonical(body)) if f"{EXTRA}{key}" not in standing}
    brought = {code.rpartition("/")[2] for code in known.get("info_items", set())}
    return bool(missing) and missing <= brought


@pack_kind("schemes", after=("classifications", "measures", "info_items"))
class Schemes(PackKind):
    """Evaluation schemes; an entry is a whole scheme document."""

    def code_of(self, body: Mapping[str, Any]) -> str:
        return str(body.get("scheme") or "")

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterator[Words]:
        for problem in [] if awaits_fields(body, known) else schemes.check(library.expand(body)):
            yield say("{place}：{what}", "{place}: {what}", place=problem.field or "", what=problem.words)
        publish = body.get("publish")
        code = publish.get("classification") if isinstance(publish, Mapping) else None
        if code is not None and code not in known.get("classifications", set()):
            yield no_such("classifications", str(code))

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        return {self.code_of(body): json.loads(schemes.canonical(library.expand(body))) for body in bodies}

    def standing(self) -> dict[str, Form]:
        return {code: dict(body) for code, body in db.session.execute(_standing())}

    def write(self, forms: Mapping[str, Form], loading: Loading) -> None:
        for code, body in forms.items():
            schemes.load(
                body
            )  # also what awaited its fields: now they stand, or nothing of the pack is loaded
            keep(code, body, published=loading.trusted)


def _standing() -> sa.Select[str, Any]:
    """The published documents, and those of schemes that only have a draft."""
    version, other = EvalSchemeVersion, aliased(EvalSchemeVersion)
    published = (
        sa.exists()
        .where(other.scheme_id == EvalScheme.id, other.status == EvalStatus.published)
        .correlate(EvalScheme)
    )
    newest = (
        sa.select(sa.func.max(other.edition))
        .where(other.scheme_id == EvalScheme.id, other.status == EvalStatus.draft)
        .correlate(EvalScheme)
        .scalar_subquery()
    )
    draft = sa.and_(~published, version.status == EvalStatus.draft, version.edition == newest)
    return (
        sa.select(EvalScheme.code, version.body)
        .join(version, version.scheme_id == EvalScheme.id)
        .where(sa.or_(version.status == EvalStatus.published, draft))
    )


def keep(code: str, body: Mapping[str, Any], *, published: bool) -> int:
    """Keep a document as the newest edition of its scheme, in force at once or as a draft; the version's id.

    Inside a transaction. A document that already stands as the newest is left alone.
    """
    scheme = scheme_called(code, body, active=True)
    scheme.name_zh, scheme.name_en, scheme.active = str(body["zh"]), str(body["en"]), True
    status = EvalStatus.published if published else EvalStatus.draft
    digest = schemes.hash_of(body)
    same = sa.select(EvalSchemeVersion.id).where(
        EvalSchemeVersion.scheme_id == scheme.id,
        EvalSchemeVersion.body_hash == digest,
        EvalSchemeVersion.status == status,
    )
    held = db.session.scalar(same)
    if held is not None:
        return held
    if published:
        _retire(scheme.id)
    version = EvalSchemeVersion(
        scheme_id=scheme.id,
        edition=next_edition(scheme.id),
        status=status,
        body=dict(body),
        body_hash=digest,
        published_at=now() if published else None,
    )
    db.session.add(version)
    db.session.flush()
    return version.id


def _retire(scheme_id: int) -> None:
    """Take the edition in force out of it; runs made with it keep it."""
    current = sa.select(EvalSchemeVersion).where(
        EvalSchemeVersion.scheme_id == scheme_id, EvalSchemeVersion.status == EvalStatus.published
    )
    found: Iterable[EvalSchemeVersion] = db.session.scalars(current)
    for version in found:
        db.session.execute(
            sa.update(EvalSchemeVersion)
            .where(EvalSchemeVersion.id == version.id)
            .values(status=EvalStatus.retired)
        )
