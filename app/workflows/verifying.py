"""Whether a flow can be run before anybody runs it: every step reached, somebody to decide it, no law broken.

Errors stop publication; warnings are kept with the version. Each finding names its place, and where there is one a case
that shows it: values of a record, or the person whose request would be stuck.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import SimpleNamespace
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.extensions import db
from app.models import Account, Employee, EmployeeStatus, QuorumMode, RoleGrant
from app.roles import Act
from app.services import access
from app.services.language.checking import Formula, parse
from app.services.language.covering import Branch, Hit, cover, satisfiable
from app.services.language.kinds import BOOL
from app.words import Words, say
from app.workflows import people, subjects
from app.workflows.flow import END, Flow, Seat, Step, read
from app.workflows.people import Asked, Found, NobodyFound

MOST_PATHS = 2_000
MOST_SUBMITTERS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw of a flow: its rule (V2, V8 …), its place, what is wrong, a case that shows it."""

    rule: str
    place: str
    words: Words
    is_error: bool = True
    example: Mapping[str, Any] = field(default_factory=dict)


MUST_PASS: dict[str, tuple[str, ...]] = {"contract": ("legal",)}
"""The roles or functions whose review no flow of a record type may avoid."""


def verify(body: Mapping[str, Any]) -> list[Finding]:
    """Everything wrong with a flow that reads well (see `flows.problems` for one that does not)."""
    return [*of_ways(body), *of_people(body)]


def of_ways(body: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with a flow from its document alone: where it leads, and what it leaves out."""
    flow = read(body)
    ways = Ways(flow)
    return [*_unreachable(flow, ways), *_dead_edges(flow), *_silent_gaps(flow), *_avoided(flow, ways)]


def of_people(body: Mapping[str, Any]) -> list[Finding]:
    """Whether the company, as it stands today, has somebody to decide every step of everybody's request."""
    flow = read(body)
    with access.acting(access.SYSTEM):
        return list(_nobody(flow, Ways(flow)))


# ---- ways --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """A way through a flow: its steps, what must hold for it, and a record that takes it."""

    steps: tuple[str, ...]
    example: Mapping[str, Any]


class Ways:
    """All ways through a flow that some record can take, up to `MOST_PATHS` of them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.subject = subjects.subject_named(flow.object_type)
        self.found = list(islice(self._walk(flow.steps[0], (), self._given()), MOST_PATHS))

    def _given(self) -> tuple[Formula, ...]:
        return (self._formula(self.flow.applies),) if self.flow.applies else ()

    def _formula(self, text: str) -> Formula:
        return subjects.formula(self.subject, text)

    def _not(self, text: str) -> Formula:
        return parse(f"not ({text})", subjects.catalogue_of(self.subject), BOOL)

    def _walk(self, step: Step | None, taken: tuple[str, ...], given: tuple[Formula, ...]) -> Iterator[Way]:
        example = satisfiable(given)
        if example is None:
            return
        if step is None:
            yield Way(taken, example)
            return
        for applies, more in self._applying(step, given):
            for following, edge in self._edges(step):
                passed = (*taken, step.key) if applies else taken
                yield from self._walk(following, passed, (*more, *edge))

    def _applying(self, step: Step, given: tuple[Formula, ...]) -> Iterator[tuple[bool, tuple[Formula, ...]]]:
        """The step applies, or (where it has a condition) does not."""
        if step.when is None:
            yield True, given
            return
        yield True, (*given, self._formula(step.when))
        yield False, (*given, self._not(step.when))

    def _edges(self, step: Step) -> Iterator[tuple[Step | None, tuple[Formula, ...]]]:
        """Where the way goes on to, with what must hold: the first edge whose condition holds, else the next step."""
        before: tuple[Formula, ...] = ()
        for edge in step.next:
            target = None if edge.to == END else self.flow.step(edge.to)
            if edge.when is None:
                yield target, before
                return
            yield target, (*before, self._formula(edge.when))
            before = (*before, self._not(edge.when))
        place = self.flow.ordinal(step.key) + 1
        yield self.flow.steps[place] if place < len(self.flow.steps) else None, before


def _unreachable(flow: Flow, ways: Ways) -> Iterator[Finding]:
    """V2, V7: a step no record can reach, whatever its values."""
    reached = {key for way in ways.found for key in way.steps}
    for step in flow.steps:
        if step.key not in reached:
            words = say(
                zh="步骤“{step}”永远不会到达。",
                en='No record ever reaches the step "{step}".',
                step=step.name,
            )
            yield Finding("V2", step.key, words)


def _dead_edges(flow: Flow) -> Iterator[Finding]:
    """V6: an edge whose condition never counts, since those before it take every case."""
    subject = subjects.subject_named(flow.object_type)
    for step in flow.steps:
        branches = [
            Branch(edge.to, subjects.formula(subject, edge.when) if edge.when else None) for edge in step.next
        ]
        if any(branch.condition for branch in branches):
            for flaw in cover([*branches, Branch("default", None)], Hit.first):
                if flaw.is_error:
                    yield Finding("V6", f"{step.key}.next", flaw.words, example=flaw.example)


def _silent_gaps(flow: Flow) -> Iterator[Finding]:
    """V4: seats with conditions that leave a case in which nobody decides the step, so that it is passed over in silence."""
    subject = subjects.subject_named(flow.object_type)
    for step in flow.steps:
        deciding = [seat for seat in step.seats if not seat.optional]
        if any(seat.when is None for seat in deciding):
            continue
        branches = [Branch(seat.key, subjects.formula(subject, str(seat.when))) for seat in deciding]
        assuming = [subjects.formula(subject, step.when)] if step.when else []
        for flaw in cover(branches, Hit.first, assuming):
            if flaw.is_error:
                yield Finding("V4", f"{step.key}.seats", flaw.words, example=flaw.example)


def _avoided(flow: Flow, ways: Ways) -> Iterator[Finding]:
    """V13: a review the record type must always pass (the lawyers, for a contract), which some way avoids."""
    for wanted in MUST_PASS.get(flow.object_type, ()):
        passing = {step.key for step in flow.steps if _names(step, wanted)}
        for way in ways.found:
            if not passing & set(way.steps):
                words = say(
                    zh="必经审核“{what}”可以被绕过。",
                    en='The mandatory review "{what}" can be avoided.',
                    what=wanted,
                )
                yield Finding("V13", "steps", words, example=way.example)
                break


def _names(step: Step, wanted: str) -> bool:
    """Whether a seat that always decides names this role or function."""
    return step.decides and any(
        wanted in {rule.get("role"), rule.get("function")}
        for seat in step.seats
        if not seat.optional and seat.when is None
        for rule in seat.people
    )


# ---- people ------------------------------------------------------------------------------------------------


def _nobody(flow: Flow, ways: Ways) -> Iterator[Finding]:
    """V8, V10: a submitter whose request would find nobody, or not enough different people, on some way."""
    submitters = _submitters(flow)
    if not submitters:
        words = say(zh="没有人有权提交。", en="Nobody has the right to submit.")
        yield Finding("V8", "submit", words, is_error=False)
    told: set[str] = set()
    for submitter in submitters:
        for place, words in _stuck(flow, ways, submitter):
            if place not in told:
                told.add(place)
                yield Finding(
                    "V8" if place != "steps" else "V10", place, words, example={"submitter": submitter.name}
                )


def _submitters(flow: Flow) -> list[Employee]:
    """Everybody who may submit records of this type and can sign in."""
    resource = access.resource_of(subjects.subject_named(flow.object_type).model)
    granted = select(RoleGrant.role_id).where(
        RoleGrant.act == Act.submit, RoleGrant.resource.in_([resource, access.EVERYTHING])
    )
    able = (
        select(Account.employee_id)
        .join(User, User.id == Account.user_id)
        .where(User.active, User.roles.any(Role.id.in_(granted)))
    )
    statement = select(Employee).where(Employee.status == EmployeeStatus.active, Employee.id.in_(able))
    return list(db.session.scalars(statement.order_by(Employee.id).limit(MOST_SUBMITTERS)))


def _stuck(flow: Flow, ways: Ways, submitter: Employee) -> Iterator[tuple[str, Words]]:
    pools: dict[str, list[tuple[Seat, list[Found]]]] = {}
    for step in flow.steps:
        try:
            pools[step.key] = list(_seats_of(flow, step, submitter))
        except NobodyFound as nobody:
            yield step.key, nobody.words
            continue
        for seat, sitting in pools[step.key]:
            if not sitting and not seat.optional:
                yield f"{step.key}.{seat.key}", _nobody_words(step, submitter)
    if any(not sitting and not seat.optional for seats in pools.values() for seat, sitting in seats):
        return
    for way in ways.found:
        seats = [pair for key in way.steps if flow.step(key).decides for pair in pools.get(key, [])]
        if flow.strict and not _enough(seats):
            yield (
                "steps",
                say(
                    zh="{who}提交时，各步骤没有足够的不同审批人。",
                    en="For a request of {who} there are not enough different people for all the steps.",
                    who=submitter.name,
                ),
            )
            return


def _nobody_words(step: Step, submitter: Employee) -> Words:
    return say(
        zh="{who}提交时，步骤“{step}”没有可以审批的人。",
        en='For a request of {who} nobody may decide at the step "{step}".',
        who=submitter.name,
        step=step.name,
    )


def _seats_of(flow: Flow, step: Step, submitter: Employee) -> Iterator[tuple[Seat, list[Found]]]:
    """Who would sit at a step of a request of this person; people named by the record itself are not known yet."""
    record = SimpleNamespace(owner_id=submitter.id)
    asked = Asked(submitter.id, record, {})
    excluded = {submitter.id} if flow.strict and step.decides else set()
    for seat in step.seats:
        rules = [rule for rule in seat.people if "field" not in rule and "decider" not in rule]
        if len(rules) < len(seat.people):
            continue
        named = people.find(rules, asked)
        yield seat, people.separated(named, excluded, pool=seat.mode is QuorumMode.any)


def _enough(seats: Sequence[tuple[Seat, list[Found]]]) -> bool:
    """Whether every seat that decides can be given a person of its own (a matching; superiors fill in for pools of one)."""
    places = [
        [person.employee_id for person in sitting]
        for seat, sitting in seats
        if not seat.optional and sitting and seat.mode is QuorumMode.any
    ]
    held: dict[int, int] = {}
    return all(_place(number, places, held, set()) for number in range(len(places)))


def _place(number: int, places: Sequence[Collection[int]], held: dict[int, int], seen: set[int]) -> bool:
    for person in _with_superiors(places[number]):
        if person in seen:
            continue
        seen.add(person)
        if person not in held or _place(held[person], places, held, seen):
            held[person] = number
            return True
    return False


def _with_superiors(pool: Iterable[int]) -> list[int]:
    """A pool, then the superiors who fill in when all of it is shut out."""
    found = list(dict.fromkeys(pool))
    for person in list(found):
        above = people.superior(person)
        while above is not None and above not in found:
            found.append(above)
            above = people.superior(above)
    return found
