"""Which record types can be decided on, what conditions may ask of them, and what their deciders are shown.

Making another record type decidable is one `Subject(…)` line; its facts follow from its columns.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, false, inspect, null, or_, select, true
from sqlalchemy.orm import joinedload

from app.columns import Rows, Scaled
from app.errors import NotFound
from app.extensions import company, db
from app.models import Account, Admission, Attachment, Contract
from app.roles import Act
from app.services import access, audit, values
from app.services.fields import Field, Kind, fields_of
from app.services.filtering import TYPES
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import Formula, parse
from app.services.language.evaluating import decides
from app.services.language.kinds import (
    BOOL,
    DATE,
    MOMENT,
    MONEY,
    Type,
    choice,
    to_model,
    to_raw,
)
from app.words import Words, say

UNASKED = frozenset({"created_at", "changed_at"})


@dataclass(frozen=True, eq=False)
class Subject:
    """A record type requests are made on.

    `parties` are the fields that name employees who speak for the request and so never decide on it. `related` are the
    relations whose fields conditions may ask for too (`customer.is_key`), `lines` those to the lines of the record, which
    are decided on with it and frozen with it.
    """

    model: type[Any]
    parties: tuple[str, ...] = ("owner_id",)
    related: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    catalogue: Catalogue | None = field(default=None, compare=False)
    values: Callable[[Any], Mapping[str, Any]] | None = None
    shown: Callable[[Any], Mapping[str, str]] | None = None
    title: Callable[[Any], str] | None = None
    """What a request on the record is called, where the record's own title says too little."""
    readers: Callable[[access.Principal], ColumnElement[bool] | None] | None = None
    """Which of the rows a person may read, where that is more than the policy of the table says."""

    def __post_init__(self) -> None:
        subjects[self.object_type] = self

    @property
    def object_type(self) -> str:
        return str(self.model.__tablename__)


subjects: dict[str, Subject] = {}
"""The record types requests are made on, by table name."""


def subject_of(record: Any) -> Subject:
    """What a record is as the subject of a request; raises `NotFound` when its type is none."""
    return subject_named(record.__tablename__)


def subject_named(object_type: str) -> Subject:
    """The subject type of this table; raises `NotFound`."""
    if object_type not in subjects:
        raise NotFound(
            say(zh="这类记录没有审批流程。", en="Records of this type are not decided by approval.")
        )
    return subjects[object_type]


def record_of(object_type: str, object_id: int) -> Any | None:
    """The record a request is about, read for the house: whoever asks, and also from the bin."""
    model = subject_named(object_type).model
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        statement = select(model).where(model.id == object_id).execution_options(with_deleted=True)
        return db.session.scalars(statement).first()


@dataclass(frozen=True, slots=True)
class Seen:
    """The record of a request, whether the person asking may read it, and the employee who made it."""

    record: Any
    readable: bool
    maker_id: int | None


def seen(object_type: str, object_id: int) -> Seen | None:
    """The record of a request as `record_of`, with what is asked of it at every act: one statement."""
    subject = subject_named(object_type)
    model = subject.model
    clause = _readable_one(model, object_id, access.principal())
    made_by = (
        select(Account.employee_id).where(Account.user_id == model.created_by_id).scalar_subquery()
        if hasattr(model, "created_by_id")
        else null()
    )
    statement = (
        select(model, true() if clause is None else clause, made_by)
        .where(model.id == object_id)
        .options(*(joinedload(getattr(model, relation)) for relation in subject.related))
        .execution_options(with_deleted=True)
    )
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        found = db.session.execute(statement).first()
    if found is None:
        return None
    record, is_allowed, maker_id = found
    is_there = getattr(record, "deleted_at", None) is None
    return Seen(record, bool(is_allowed) and is_there, maker_id)


def is_readable(object_type: str, object_id: int) -> bool:
    """Whether the person asking may read this record, and it is not in the bin."""
    model = subject_named(object_type).model
    who = access.principal()
    statement = select(model.id).where(model.id == object_id)
    if (clause := _readable_one(model, object_id, who)) is not None:
        statement = statement.where(clause)
    with db.session.no_autoflush:
        return db.session.scalar(statement) is not None


parts: list[Callable[[type[Any], int, access.Principal], ColumnElement[bool]]] = []
"""Whether somebody has a part in a request on one record, which lets him read it; the inbox adds its own."""


def _readable_one(model: type[Any], object_id: int, who: access.Principal) -> Any:
    """Whether this person may read one record: like `readable`, but asking only for his part in that one."""
    is_own = model.__rows__ is Rows.owned and subjects[model.__tablename__].readers is None
    reach = who.reach(Act.read, access.resource_of(model))
    if not is_own or who.system or reach is None:
        return readable(model, who)
    reached = access._reached(model, who, reach)
    return None if reached is None else or_(reached, *(part(model, object_id, who) for part in parts))


def readable(model: type[Any], who: access.Principal) -> Any:
    """Which rows of a subject type this person may read; None for all. What all share needs a grant here."""
    readers = subjects[model.__tablename__].readers
    if readers is not None:
        return readers(who)
    if model.__rows__ is Rows.shared and not who.may(Act.read, access.resource_of(model)):
        return false()
    return access.policy(model, who)


# ---- facts -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1_000)
def catalogue_of(subject: Subject) -> Catalogue:
    """The facts conditions of this record type may use."""
    if subject.catalogue is not None:
        return subject.catalogue
    facts: list[Fact] = []
    choices: dict[str, dict[str, Words]] = {}
    for path, fact_field, label in _asked(subject):
        facts.append(_fact(path, fact_field, label))
        if fact_field.choices is not None:
            choices[fact_field.choices.__name__] = {word.value: word.words for word in fact_field.choices}
    return Catalogue(facts, choices, company.zone)


def _asked(subject: Subject) -> list[tuple[str, Field, Words]]:
    """Path, field and label of everything that can be asked of this record type."""
    found = [(field.name, field, field.label) for field in _askable(subject.model)]
    for relation in subject.related:
        related = inspect(subject.model).relationships[relation]
        zh, en = related.mapper.class_.__label__
        for asked in _askable(related.mapper.class_):
            label = say(
                zh="{of}·{field}", en="{of}: {field}", of=Words(zh, en.rstrip("s")), field=asked.label
            )
            found.append((f"{relation}.{asked.name}", asked, label))
    return found


def _askable(model: Any) -> list[Field]:
    return [
        field
        for field in fields_of(model)
        if (field.kind in TYPES or field.kind is Kind.choice) and field.name not in UNASKED
    ]


def _fact(path: str, field: Field, label: Words) -> Fact:
    type_ = choice(field.choices.__name__) if field.choices is not None else TYPES[field.kind]
    return Fact(path, type_, label.zh, label.en, nullable=field.kind is not Kind.flag)


def facts_of(record: Any) -> dict[str, Any]:
    """Every fact of a record, in the form it is kept in a request."""
    subject = subject_of(record)
    catalogue = catalogue_of(subject)
    if subject.values is not None:
        values = subject.values(record)
        return {
            name: freeze(fact.type, values[name]) for name, fact in catalogue.facts.items() if name in values
        }
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        return {name: freeze(fact.type, value_of(record, name)) for name, fact in catalogue.facts.items()}


def value_of(record: Any, path: str) -> Any:
    """What stands at a path of a record (`customer.is_key`), read for the house."""
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        for part in path.split("."):
            record = getattr(record, part) if record is not None else None
        return record


def freeze(type_: Type, value: Any) -> Any:
    """A value as JSON keeps it: raw numbers, days and moments as text, sentences in Chinese."""
    if isinstance(value, Words):
        value = value.zh
    if isinstance(value, str) and not value.isprintable():
        value = " ".join(value.split())
    raw = to_raw(type_, value)
    return raw.isoformat() if isinstance(raw, dt.date) else raw


def thaw(type_: Type, kept: Any) -> Any:
    """The value of what `freeze` kept."""
    if isinstance(kept, str) and type_ == DATE:
        return dt.date.fromisoformat(kept)
    if isinstance(kept, str) and type_ == MOMENT:
        return dt.datetime.fromisoformat(kept)
    return to_model(type_, kept)


@lru_cache(maxsize=1_000)
def formula(subject: Subject, text: str) -> Formula:
    """A written condition on records of this type; raises `BadFormula`."""
    return parse(text, catalogue_of(subject), BOOL)


def holds(object_type: str, condition: str | None, facts: Mapping[str, Any]) -> bool:
    """Whether a condition holds for frozen facts; none always does.

    Raises:
        UnknownValue: it cannot be decided because values are missing, which it names (R33).

    """
    if condition is None:
        return True
    subject = subject_named(object_type)
    asked = formula(subject, condition)
    catalogue = catalogue_of(subject)
    return decides(
        asked, {name: thaw(catalogue.facts[name].type, facts[name]) for name in asked.facts if name in facts}
    )


# ---- what deciders are shown -------------------------------------------------------------------------------


def content_of(record: Any, files: list[str] | None = None) -> dict[str, Any]:
    """What a decider is shown of a record, and decides on: its fields, and the files beside it (by their digests)."""
    subject = subject_of(record)
    if subject.shown is not None:
        return dict(subject.shown(record))
    held = [file.sha256 for file in files_of(record)] if files is None else files
    lines = {name: [plain_of(line) for line in _lines(record, name)] for name in subject.lines}
    return plain_of(record) | lines | {"attachment": held}


def _lines(record: Any, name: str) -> list[Any]:
    """The lines of a record as the house sees them, whatever the reader may; those in the bin are none."""
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        relation = inspect(type(record)).relationships[name]
        line, (pair,) = relation.mapper.class_, relation.local_remote_pairs
        statement = select(line).where(pair[1] == record.id).order_by(line.id)
        return list(db.session.scalars(statement))


def line_of(model: type[Any], line: type[Any]) -> str | None:
    """The relation by which rows of a type are lines of records of another, if they are."""
    subject = subjects.get(model.__tablename__)
    relations = inspect(model).relationships
    return next(
        (name for name in (subject.lines if subject else ()) if relations[name].mapper.class_ is line), None
    )


def wholes_of(line: Any) -> list[tuple[Any, str]]:
    """The record a line is decided on with (also the one it stood in before), and the relation to its lines."""
    if (place := place_of_line(type(line))) is None:
        return []
    subject, name, foreign_key = place
    keys = inspect(line).attrs[foreign_key].history.sum()
    found = [record_of(subject.object_type, key) for key in keys if key is not None]
    return [(record, name) for record in found if record is not None]


def place_of_line(model: type[Any]) -> tuple[Subject, str, str] | None:
    """What rows of a type are lines of: the subject, its relation to them, and the column of theirs that leads to it."""
    for subject in subjects.values():
        for name in subject.lines:
            relation = inspect(subject.model).relationships[name]
            if relation.mapper.class_ is model:
                ((_local, remote),) = relation.local_remote_pairs
                return subject, name, str(remote.key)
    return None


def plain_of(record: Any) -> dict[str, Any]:
    """The labelled columns of a record as JSON holds them, but for those the house keeps."""
    names = [
        attribute.key
        for attribute in inspect(type(record)).column_attrs
        if "field" in attribute.columns[0].info and attribute.key not in OUTSIDE
    ]
    return {name: _plain(record, name) for name in names}


def _plain(record: Any, name: str) -> Any:
    """A value as JSON holds it; a number as it will read when it comes back from the database."""
    value = getattr(record, name)
    if value is not None and isinstance(inspect(type(record)).columns[name].type, Scaled):
        return values.plain_number(value)
    return audit.plain(value)


OUTSIDE = frozenset(
    {"status", "created_at", "changed_at", "owner_id", "org_unit_id", "decided_at", "no", "grade"}
)
"""Fields the house keeps, which are no part of what is decided on."""


def files_of(record: Any) -> list[Attachment]:
    """The files beside a record, in the order they came."""
    statement = (
        select(Attachment)
        .where(
            Attachment.object_type == record.__tablename__,
            Attachment.object_id == record.id,
            Attachment.deleted_at.is_(None),
        )
        .order_by(Attachment.id)
    )
    with db.session.no_autoflush:
        return list(db.session.scalars(statement))


def amount_of(record: Any) -> Decimal | None:
    """What a record is about in money, where it has such a field: stand-ins are limited by it."""
    fact = catalogue_of(subject_of(record)).facts.get("amount")
    return value_of(record, "amount") if fact is not None and fact.type == MONEY else None


def digest(content: Any) -> str:
    """The hash of something JSON can hold, the same on both databases and for ever."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


ADMISSION = Subject(Admission, related=("customer",))
CONTRACT = Subject(Contract, related=("customer",))
