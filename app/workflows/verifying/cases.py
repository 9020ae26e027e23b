"""Every case the conditions of a flow can tell apart, each sent through the flow as the engine would send it (V17).

Cutting every field at each constant and one unit beside it gives finitely many cases; trying one of each is as good as
trying all records. A field a step fills in counts as having one value throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import inspect

from app.services.language import trees
from app.services.language.covering import MOST_CELLS, Cell, Space
from app.words import Words
from app.workflows import routing, subjects
from app.workflows.flow import Flow, Step

Seated = tuple[str, tuple[str, ...]]
"""A step, and its seats that decide in this case or may take part."""


@dataclass(slots=True)
class Way:
    """A way through a flow, how many of the generated cases take it, and one that does."""

    steps: tuple[Seated, ...]
    undecided: str | None
    """The condition at which it stops because a value is missing; None where it goes through."""
    cell: Cell
    count: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key, _seats in self.steps)


@dataclass(slots=True)
class Seen:
    """What happened while all cases ran: the first case for each thing seen."""

    arrived: dict[str, Cell] = field(default_factory=dict)
    """Steps the way came to, taken or passed over."""
    reached: dict[str, Cell] = field(default_factory=dict)
    edges: set[tuple[str, int]] = field(default_factory=set)
    seats: set[tuple[str, str]] = field(default_factory=set)
    silent: dict[str, Cell] = field(default_factory=dict)
    """Steps that apply and are passed over all the same, since no seat of theirs decides."""


class _Undecided(Exception):
    """A condition that cannot be decided since a value is missing."""


class Cases:
    """All cases of a flow, and the ways they take. `is_too_large` where they cannot all be tried."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.subject = subjects.subject_named(flow.object_type)
        self.catalogue = subjects.catalogue_of(self.subject)
        texts = dict.fromkeys(_routing(flow))
        self.formulas = {text: subjects.formula(self.subject, text) for text in texts}
        self.space = Space(list(self.formulas.values())) if self.formulas else None
        self._seen = Seen()
        for name in self._always_given():
            axis = self.space.axes.get(name) if self.space else None
            if axis is not None:
                axis.values = [value for value in axis.values if value is not None]

    def _always_given(self) -> Iterator[str]:
        yield from self.flow.submit_required
        yield from (name for name in self.catalogue.facts if not _nullable(self.subject.model, name))

    @property
    def size(self) -> int:
        return self.space.size if self.space else 1

    @property
    def is_too_large(self) -> bool:
        return self.size > MOST_CELLS

    @property
    def seen(self) -> Seen:
        """What happened while all cases ran."""
        return self._seen if self.ways else Seen()

    @cached_property
    def ways(self) -> list[Way]:
        """Every way some case takes, the most frequent first; none when there are too many cases to try."""
        found: dict[tuple[tuple[Seated, ...], str | None], Way] = {}
        for (answers, empty), (cell, count) in self._kinds().items():
            way = self._run(dict(zip(self.formulas, answers, strict=True)), empty, cell)
            if way is not None:
                found.setdefault((way.steps, way.undecided), way).count += count
        return sorted(found.values(), key=lambda way: -way.count)

    def _kinds(self) -> dict[tuple[tuple[Any, ...], frozenset[str]], tuple[Cell, int]]:
        """The cases by what the conditions answer: the first of each kind, and how many there are."""
        if self.space is None:
            return {((), frozenset()): ({}, 1)}
        if self.is_too_large:
            return {}
        filled = [
            name
            for name in dict.fromkeys(name for step in self.flow.steps for name in step.required)
            if name in self.space.axes
        ]
        kinds: dict[tuple[tuple[Any, ...], frozenset[str]], tuple[Cell, int]] = {}
        for cell in self.space.cells():
            answers = tuple(test(cell) for test in self.space.tests)
            key = answers, frozenset(name for name in filled if cell[name] is None)
            first, count = kinds.get(key, (cell, 0))
            kinds[key] = first, count + 1
        return kinds

    def _run(self, answers: Mapping[str, Any], empty: frozenset[str], cell: Cell) -> Way | None:
        """The way of one kind of case; None where the flow does not cover it, or there is no such case."""

        def holds(condition: str | None) -> bool:
            answer = True if condition is None else answers[condition]
            if answer is None:
                raise _Undecided(condition)
            return bool(answer)

        steps: list[Seated] = []
        try:
            if not holds(self.flow.applies):
                return None
            for step in self._walk(holds, cell):
                steps.append((step.key, tuple(seat.key for seat in step.seats if holds(seat.when))))
                self._seen.reached.setdefault(step.key, cell)
                self._seen.seats.update((step.key, seat) for seat in steps[-1][1])
                if not empty.isdisjoint(step.required):
                    return None  # the step would have been filled in: there is no such case
        except _Undecided as stopped:
            return Way(tuple(steps), str(stopped), cell)
        return Way(tuple(steps), None, cell)

    def _walk(self, holds: routing.Holds, cell: Cell) -> Iterator[Step]:
        """The steps of one case, by the routing of the engine itself, which only ever goes on to later steps."""
        way = routing.first(self.flow, holds)
        while True:
            for passed in way.skipped:
                self._note(passed, holds, cell)
                if holds(passed.when):
                    self._seen.silent.setdefault(passed.key, cell)
            if way.step is None:
                return
            yield way.step
            self._note(way.step, holds, cell)
            way = routing.after(self.flow, way.step, holds)

    def _note(self, step: Step, holds: routing.Holds, cell: Cell) -> None:
        self._seen.arrived.setdefault(step.key, cell)
        taken = next((place for place, edge in enumerate(step.next) if holds(edge.when)), None)
        if taken is not None:
            self._seen.edges.add((step.key, taken))

    # ---- a case as a person reads it ----

    def example(self, cell: Cell) -> dict[str, Any]:
        return self.space.example(cell) if self.space else {}

    def case(self, cell: Cell, *conditions: str | None) -> Words:
        """The case in words, as far as these conditions ask (all of it without any)."""
        if self.space is None:
            return Words("任何记录", "any record")
        asked = {name for text in conditions if text for name in self.formulas[text].facts}
        names = [
            name
            for name, axis in self.space.axes.items()
            if not asked or asked & set(trees.names(axis.node)) or name in asked
        ]
        return self.space.words(cell, names)


def _routing(flow: Flow) -> Iterator[str]:
    """The conditions a way depends on."""
    if flow.applies:
        yield flow.applies
    for step in flow.steps:
        found = [step.when, *(seat.when for seat in step.seats), *(edge.when for edge in step.next)]
        yield from (text for text in found if text)


def _nullable(model: type[Any], path: str) -> bool:
    """Whether the field at a path of a record may be empty."""
    *relations, name = path.split(".")
    for relation in relations:
        found = inspect(model).relationships.get(relation)
        if found is None or any(column.nullable for column in found.local_columns):
            return True
        model = found.mapper.class_
    columns = inspect(model).columns
    return name not in columns or bool(columns[name].nullable)
