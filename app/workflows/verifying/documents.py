"""What a flow says by itself: its form, and whether everything it names exists (V1, V3, V9, V11, V12, V15, V16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import inspect

from app.errors import BadInput, Problem
from app.services.language.problems import BadFormula, UnknownFact
from app.words import say
from app.workflows import machine, people, subjects
from app.workflows.effects import unknown
from app.workflows.flow import Document, Flow, Step, read
from app.workflows.verifying.findings import Finding
from app.workflows.verifying.staff import Known

RULE_OF_PLACE = {"next": "V3", "return_to": "V16", "due": "V11", "separation": "V10"}
"""The rules the reader of flows checks already, by the last word of the place."""

PERSONS = ("superior", "head")
"""The rules about people that start from somebody: the submitter, or an employee the record names."""


def of_form(body: Mapping[str, Any]) -> Flow | list[Finding]:
    """The flow a document describes, or what keeps it from being one."""
    try:
        flow = read(body)
    except BadInput as refused:
        return [_of_reader(body, problem) for problem in refused.problems]
    words = say(
        zh="条件是空的；不需要条件时请删去。", en="The condition is empty: leave it out where none is needed."
    )
    return [Finding("V12", place, words) for place in _empty_conditions(body)] or flow


def _empty_conditions(node: Any, place: str = "") -> Iterator[str]:
    """The places of conditions that are written and say nothing."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            key = item.get("key") if isinstance(item, Mapping) else None
            yield from _empty_conditions(item, f"{place}.{key or number + 1}".removeprefix("steps."))
    elif isinstance(node, Mapping):
        for name, item in node.items():
            where = f"{place}.{name}".lstrip(".")
            if item == "" and name in CONDITIONS:
                yield where
            yield from _empty_conditions(item, where)


CONDITIONS = frozenset({"applies", "when", "comment_when", "approve_when"})


def _of_reader(body: Mapping[str, Any], problem: Problem) -> Finding:
    """A problem of the reader under its rule, with steps named by their key instead of their number."""
    place = str(problem.field)
    first, _dot, rest = place.partition(".")
    if first == "steps" and rest:
        number, _dot, rest = rest.partition(".")
        step = body["steps"][int(number)] if number.isdigit() else None
        key = step.get("key") if isinstance(step, Mapping) else None
        place = ".".join(filter(None, (str(key or f"steps.{number}"), rest)))
        return Finding("V1", place, problem.words)
    steps = body.get("steps")
    seats = {
        f"{step.get('key')}.{seat.get('key')}"
        for step in _list(steps)
        if isinstance(step, Mapping)
        for seat in (*_list(step.get("seats")), {"key": "main"})
        if isinstance(seat, Mapping)
    }
    rule = "V9" if place in seats else RULE_OF_PLACE.get(place.rpartition(".")[2], "V1")
    return Finding(rule, place, problem.words)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def of_references(flow: Flow, known: Known | None) -> list[Finding]:
    """What is well formed and yet means nothing: unknown fields, checks, effects, kinds of document, rules, roles."""
    if flow.object_type not in subjects.subjects:
        words = say(
            zh="记录类型“{it}”没有审批。",
            en="'{it}' is no record type decided by approval.",
            it=flow.object_type,
        )
        return [Finding("V1", "object_type", words)]
    found = [*_conditions(flow)]
    found += [_missing("V1", place, name) for place, name in _unknown_names(flow)]
    found += [_missing("V15", place, name) for place, name in _unknown_effects(flow)]
    if known is not None:
        found += [_missing("V1", place, ref) for place, kind, ref in references(flow) if not known(kind, ref)]
    return found


def _conditions(flow: Flow) -> Iterator[Finding]:
    subject = subjects.subject_named(flow.object_type)
    for place, condition in flow.conditions():
        try:
            subjects.formula(subject, condition)
        except BadFormula as error:
            rule = "V1" if isinstance(error, UnknownFact) else "V12"
            yield Finding(rule, place, say(zh="{at}：{why}", en="{at}: {why}", at=place, why=error.words))


def _missing(rule: str, place: str, name: str) -> Finding:
    words = say(zh="{at}：没有“{name}”。", en="{at}: there is no '{name}'.", at=place, name=name)
    return Finding(rule, place, words)


def _unknown_names(flow: Flow) -> Iterator[tuple[str, str]]:
    model = subjects.subject_named(flow.object_type).model
    yield from (("submit.required", name) for name in flow.submit_required if not has(model, name))
    yield from (("submit.documents", it) for it in _unknown_records(model, flow.documents))
    yield from _unknown_people(flow, "submit.people", flow.submitters, 0)
    for place, step in enumerate(flow.steps):
        checks = machine.checks_of(model)
        yield from ((f"{step.key}.checks", name) for name in step.checks if name not in checks)
        wanted = sorted({*step.fields, *step.required})
        yield from ((f"{step.key}.fields", name) for name in wanted if not has(model, name))
        yield from ((f"{step.key}.shows", name) for name in step.shows if not has(model, name))
        yield from ((f"{step.key}.evidence", it) for it in _unknown_records(model, step.evidence))
        for rules in [*(seat.people for seat in step.seats), step.copies]:
            yield from _unknown_people(flow, f"{step.key}.people", rules, place)


def _unknown_records(model: type[Any], documents: tuple[Document, ...]) -> Iterator[str]:
    yield from (it.record for it in documents if it.record is not None and not has(model, it.record))


def _unknown_people(
    flow: Flow, place: str, rules: tuple[Mapping[str, Any], ...], ordinal: int
) -> Iterator[tuple[str, str]]:
    """Rules that are none, and those that start from a field or a step there is not."""
    model = subjects.subject_named(flow.object_type).model
    earlier = {step.key for step in flow.steps[:ordinal]}
    for rule in rules:
        word = next((word for word in rule if word in people.RULES), None)
        ref = str(rule[word]) if word else ""
        if word is None:
            yield place, ", ".join(map(str, rule))
        elif word == "decider" and ref not in earlier:
            yield place, f"decider: {ref}"
        elif word == "field" and not has(model, ref):
            yield place, f"field: {ref}"
        elif word in PERSONS and ref != "submitter" and not has(model, f"{ref}_id"):
            yield place, f"{word}: {ref}"


def _unknown_effects(flow: Flow) -> Iterator[tuple[str, str]]:
    model = subjects.subject_named(flow.object_type).model
    if model not in machine.machines:
        return
    named = [("on_approved", flow.on_approved), ("on_rejected", flow.on_rejected)]
    named += [(f"{step.key}.then", step.then) for step in flow.steps]
    named += [(f"{step.key}.time_out", step.time_out.then) for step in flow.steps if step.time_out]
    for place, wanted in named:
        unreadable = [one for one in wanted if not all(isinstance(word, str) for word in one.values())]
        yield from ((place, str(one)) for one in unreadable)
        yield from ((place, name) for name in ([] if unreadable else unknown(model, wanted)))


def references(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Place, kind and code of what a flow names outside itself: roles, positions, employees, kinds of document."""
    yield from (("submit.documents", "document", it.type) for it in flow.documents if it.record is None)
    yield from _people_named("submit.people", flow.submitters)
    for step in flow.steps:
        yield from (
            (f"{step.key}.evidence", "document", it.type) for it in step.evidence if it.record is None
        )
        yield from _people_named(f"{step.key}.copies", step.copies)
        for seat in step.seats:
            yield from _people_named(f"{step.key}.{seat.key}", seat.people)


def _people_named(place: str, rules: tuple[Mapping[str, Any], ...]) -> Iterator[tuple[str, str, str]]:
    for rule in rules:
        yield from (
            (place, kind, str(rule[kind]))
            for kind in ("role", "position", "employee", "function")
            if kind in rule
        )


def has(model: type[Any], path: str) -> bool:
    """Whether a record type has a field at this path (`agreement.sign_on`)."""
    *relations, name = path.split(".")
    for relation in relations:
        found = inspect(model).relationships.get(relation)
        if found is None:
            return False
        model = found.mapper.class_
    return name in inspect(model).attrs


def steps_before(flow: Flow, step: Step) -> tuple[Step, ...]:
    """The steps up to and with this one, in the order of the document."""
    return flow.steps[: flow.ordinal(step.key) + 1]
