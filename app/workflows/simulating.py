"""A flow tried out before anybody runs it: the way of one record, and those of the last real ones. Nothing is written.

The parts are those the engine itself runs (`routing`, `people`, `proceedings.seated`), so what is said here happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.errors import Refusal
from app.extensions import db
from app.models import ApprovalRequest, Employee, QuorumMode, RequestStatus
from app.services import access, records
from app.services.language.explaining import explain
from app.services.language.problems import UnknownValue
from app.words import Words, say
from app.workflows import people, proceedings, routing, subjects
from app.workflows.flow import Flow, Step, read
from app.workflows.proceedings import Proceeding
from app.workflows.verifying.outcomes import too_few

MOST_RECORDS = 1_000
"""How many real records one simulation looks at."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """Somebody who would be asked, and why he."""

    employee_id: int
    name: str
    why: Words


@dataclass(frozen=True, slots=True)
class Chair:
    """A seat of a step: who would sit on it, and how many votes it takes."""

    key: str
    name: Words
    mode: QuorumMode
    need: int
    optional: bool
    people: tuple[Sitter, ...]
    signatures: int
    """The fewest people who must agree."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A step on the way: taken or passed over, why, and who would sit there; `refusal` where the way would stop."""

    key: str
    name: Words
    taken: bool
    why: tuple[Words, ...] = ()
    chairs: tuple[Chair, ...] = ()
    refusal: Words | None = None

    @property
    def signatures(self) -> int:
        """The fewest people who must agree at this step."""
        return sum(chair.signatures for chair in self.chairs if not chair.optional)


@dataclass(slots=True)
class Row:
    """The records that take one way: how many, how many signatures that takes, who gives them, and one of the records."""

    path: tuple[str, ...]
    names: tuple[Words, ...]
    refusal: Words | None
    """Why these records would not get through; None when they would."""
    count: int = 0
    share: float = 0.0
    """Of all records looked at, from 0 to 1."""
    signatures: tuple[int, int] = (0, 0)
    """The least and the most any of these records takes."""
    people: dict[str, int] = field(default_factory=dict)
    """Name → of how many of these records the person would be asked."""
    example_id: int = 0
    example: str = ""


def preview(body: Mapping[str, Any], record: Any, submitter: int) -> list[Stage]:
    """The steps a record would go through if this employee submitted it under this document, those passed over too."""
    return _way(read(body), record, submitter)


def covers(body: Mapping[str, Any], record: Any) -> bool:
    """Whether a flow is meant for this record; one whose condition cannot be decided is not."""
    return _covers(read(body), record)


def _covers(flow: Flow, record: Any) -> bool:
    try:
        return subjects.holds(flow.object_type, flow.applies, subjects.facts_of(record))
    except UnknownValue:
        return False


def simulate(body: Mapping[str, Any], subject_type: str, last_n: int = 100) -> list[Row]:
    """The ways the last records of this type would take, the most frequent first.

    Each is taken as submitted by its owner; only records the person asking may read are looked at.
    """
    model = subjects.subject_named(subject_type).model
    statement = select(model).order_by(model.id.desc()).limit(min(last_n, MOST_RECORDS))
    if (clause := subjects.readable(model, access.principal())) is not None:
        statement = statement.where(clause)
    found = list(db.session.scalars(statement))
    flow, rows = read(body), dict[tuple[tuple[str, ...], str], Row]()
    for record in found:
        _count(rows, flow, record)
    for row in rows.values():
        row.share = row.count / len(found)
    return sorted(rows.values(), key=lambda row: -row.count)


def _count(rows: dict[tuple[tuple[str, ...], str], Row], flow: Flow, record: Any) -> None:
    """Add a record to the row of its way."""
    stages, refusal = _way_of(flow, record)
    taken = [stage for stage in stages if stage.taken]
    key = tuple(stage.key for stage in taken)
    row = rows.setdefault(
        (key, refusal.en if refusal else ""), Row(key, tuple(stage.name for stage in taken), refusal)
    )
    signatures = sum(stage.signatures for stage in taken)
    low, high = row.signatures if row.count else (signatures, signatures)
    row.signatures = min(low, signatures), max(high, signatures)
    asked = Counter({sitter.name: 1 for stage in taken for chair in stage.chairs for sitter in chair.people})
    row.people = dict((Counter(row.people) + asked).most_common())
    row.count += 1
    if not row.example_id:
        row.example_id, row.example = record.id, records.title_of(record)


def _way_of(flow: Flow, record: Any) -> tuple[list[Stage], Words | None]:
    if not _covers(flow, record):
        return [], NOT_COVERED
    owner = getattr(record, "owner_id", None)
    if owner is None:
        return [], NO_OWNER
    stages = _way(flow, record, owner)
    refusal = next((stage.refusal for stage in stages if stage.refusal), None)
    return stages, refusal or (None if any(stage.taken for stage in stages) else NO_STEP)


NOT_COVERED = say(zh="流程不适用于该记录。", en="The flow does not cover it.")
NO_OWNER = say(zh="该记录没有负责人。", en="It has no owner.")
NO_STEP = say(zh="没有任何步骤适用。", en="No step applies.")


# ---- one way ------------------------------------------------------------------------------------------------


def _way(flow: Flow, record: Any, submitter: int) -> list[Stage]:
    request = ApprovalRequest(
        submitter_id=submitter,
        object_type=flow.object_type,
        object_id=record.id,
        status=RequestStatus.running,
        facts=subjects.facts_of(record),
    )
    return list(_stages(Proceeding(request, flow, record)))


def _stages(p: Proceeding) -> Iterator[Stage]:
    step: Step | None = None
    while True:
        try:
            way = routing.after(p.flow, step, p.holds) if step else routing.first(p.flow, p.holds)
        except UnknownValue as unknown:
            yield Stage("", UNDECIDED, taken=False, refusal=unknown.words)
            return
        for passed in way.skipped:
            yield Stage(passed.key, passed.name, taken=False, why=_reasons(p, passed))
        if way.step is None:
            return
        yield _stage(p, way.step, step)
        step = way.step


UNDECIDED = say(zh="无法判断下一步", en="What follows cannot be decided")


def _stage(p: Proceeding, step: Step, before: Step | None) -> Stage:
    why = (*_edge_reasons(p, before, step), *_reasons(p, step))
    try:
        chairs = tuple(_chairs(p, step))
    except Refusal as refusal:
        return Stage(step.key, step.name, taken=True, why=why, refusal=refusal.words)
    return Stage(step.key, step.name, taken=True, why=why, chairs=chairs)


def _chairs(p: Proceeding, step: Step) -> Iterator[Chair]:
    seats = proceedings.seated(p, step)
    names = names_of({person.employee_id for _seat, sitting in seats for person in sitting})
    for seat, sitting in seats:
        weights = proceedings._weights(seat, sitting)
        need = routing.need_of(seat, weights)
        if need > sum(weights):
            raise people.NobodyFound(too_few(seat, need, sum(weights)))
        yield Chair(
            key=seat.key,
            name=seat.name,
            mode=seat.mode,
            need=need,
            optional=seat.optional,
            people=tuple(Sitter(one.employee_id, names[one.employee_id], one.why) for one in sitting),
            signatures=routing.fewest(weights, need),
        )


def names_of(employee_ids: set[int]) -> dict[int, str]:
    """The names of these people."""
    with access.acting(access.SYSTEM):
        found = db.session.scalars(select(Employee).where(Employee.id.in_(employee_ids)))
        return {employee.id: employee.name for employee in found}


# ---- why ----------------------------------------------------------------------------------------------------


def _reasons(p: Proceeding, step: Step) -> tuple[Words, ...]:
    """Why a step applies or does not: the statements of its condition, and of its seats where none of them decides."""
    conditions = [step.when] if step.when else []
    if step.when is None or p.holds(step.when):
        conditions += [seat.when for seat in step.seats if seat.when]
    return tuple(
        words for condition in conditions for words in _explained(p.flow, condition, p.request.facts)
    )


def _edge_reasons(p: Proceeding, before: Step | None, step: Step) -> tuple[Words, ...]:
    """Why the way went on here from the step before: the first edge that held, if it leads here."""
    for edge in before.next if before else ():
        if p.holds(edge.when):
            led = edge.to == step.key and edge.when
            return tuple(_explained(p.flow, str(edge.when), p.request.facts)) if led else ()
    return ()


def _explained(flow: Flow, condition: str, facts: Mapping[str, Any]) -> Iterator[Words]:
    subject = subjects.subject_named(flow.object_type)
    catalogue = subjects.catalogue_of(subject)
    asked = subjects.formula(subject, condition)
    known = {
        name: subjects.thaw(catalogue.facts[name].type, facts[name]) for name in asked.facts if name in facts
    }
    yield from (reason.words for reason in explain(asked, known))
