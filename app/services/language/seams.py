"""Where rows that divide a scale between them do not meet: a slit between two rows, or values both of them take.

`<15 %` beside `>15 %` leaves a slit at exactly 15 %; `<=15 %` beside `>=15 %` both take it. Rows that contain one
another, or have nothing in common, divide nothing and have no seam. Narrow seams (less than two units as people
write them) are never meant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from app.services.language import trees
from app.services.language.covering import MOST_CELLS, Axis, Branch, Cell, Flaw, Space, candidates
from app.services.language.evaluating import Evaluator
from app.services.language.kinds import Kind, Model, Raw
from app.words import Words, say

UNIT = {Kind.money: 10_000, Kind.rate: 10_000, Kind.quantity: 1_000, Kind.points: 100}
"""Raw units in one unit as people write it: a yuan, a per cent, a point; 1 for whatever is counted."""


@dataclass(frozen=True, slots=True)
class Seam:
    """Two rows (by their place) that leave a gap between them, or overlap, and a case in it."""

    flaw: Flaw
    rows: tuple[int, int]
    narrow: bool
    words: Words
    example: Mapping[str, Model | None]
    case: Words


Run = tuple[frozenset[int] | None, list[Raw]]
"""Neighbouring values that the same rows take; None where the table is not asked or cannot tell."""


def seams(branches: Sequence[Branch], assuming: Sequence[Branch] = ()) -> list[Seam]:
    """The seams between rows; defaults are no rows. One for each pair of rows and kind of flaw, the narrowest."""
    rows = [(place, branch) for place, branch in enumerate(branches) if branch.condition]
    facts = dict.fromkeys(name for _place, row in rows if row.condition for name in row.condition.facts)
    found: dict[tuple[Flaw, tuple[int, int]], Seam] = {}
    for fact in facts:
        about = [pair for pair in rows if pair[1].condition and fact in pair[1].condition.facts]
        if len(about) > 1:
            for seam in _along(fact, about, branches, assuming):
                kept = found.get((seam.flaw, seam.rows))
                if kept is None or (seam.narrow and not kept.narrow):
                    found[seam.flaw, seam.rows] = seam
    return list(found.values())


def _along(
    fact: str, rows: list[tuple[int, Branch]], branches: Sequence[Branch], assuming: Sequence[Branch]
) -> Iterator[Seam]:
    """The seams along the scales of one fact, for every combination of what else the rows ask."""
    known = [row.condition for _place, row in rows if row.condition]
    shared = {name for condition in known for name in condition.facts}
    given = [one.condition for one in assuming if one.condition and shared & set(one.condition.facts)]
    space = Space([*known, *given])
    for axis in space.axes.values():
        if fact not in trees.names(axis.node) or axis.span is None:
            continue
        others = [other for other in space.axes.values() if other is not axis]
        if prod(len(other.values) for other in others) * len(axis.values) > MOST_CELLS:
            continue
        line = _line(axis, space)
        for values in product(*(other.values for other in others)):
            base = dict(zip((other.name for other in others), values, strict=True))
            runs = _runs(space, axis.name, line, base, len(known))
            for flaw, first, second, inside in _seams_of(runs):
                pair = (rows[first][0], rows[second][0])
                yield _seam(space, flaw, pair, branches, axis, inside, base)


def _line(axis: Axis, space: Space) -> list[Raw]:
    """The values to try along a scale, in order: every constant and one unit beside it."""
    return sorted({value for value in candidates(axis, space.catalogue) if value is not None}, key=_order)


def _order(raw: Raw) -> int:
    return raw.toordinal() if isinstance(raw, dt.date) else int(raw)


def _runs(space: Space, name: str, line: Sequence[Raw], base: Cell, count: int) -> list[Run]:
    runs: list[Run] = []
    for value in line:
        hits = _hits(space.tests, {**base, name: value}, count)
        if not runs or runs[-1][0] != hits:
            runs.append((hits, []))
        runs[-1][1].append(value)
    return runs


def _hits(tests: Sequence[Evaluator], cell: Cell, count: int) -> frozenset[int] | None:
    answers = [test(cell) for test in tests[:count]]
    if None in answers or not all(test(cell) is True for test in tests[count:]):
        return None
    return frozenset(place for place, answer in enumerate(answers) if answer)


def _seams_of(runs: Sequence[Run]) -> Iterator[tuple[Flaw, int, int, list[Raw]]]:
    for (left, _), (middle, inside), (right, _) in zip(runs, runs[1:], runs[2:], strict=False):
        if left is None or middle is None or right is None:
            continue
        if middle <= left & right and left - right and right - left:
            yield Flaw.gap, min(left - right), min(right - left), inside
        for first in sorted((left & middle) - right):
            for second in sorted((middle & right) - left):
                yield Flaw.overlap, first, second, inside


def _seam(
    space: Space,
    flaw: Flaw,
    rows: tuple[int, int],
    branches: Sequence[Branch],
    axis: Axis,
    inside: list[Raw],
    base: Cell,
) -> Seam:
    cell = {**base, axis.name: inside[len(inside) // 2]}
    case = space.words(cell, [axis.name, *(name for name in base if base[name] is not None)])
    width = _order(inside[-1]) - _order(inside[0]) + 1
    labels = [branches[row].label for row in rows]
    zh, en = SENTENCES[flaw]
    return Seam(
        flaw=flaw,
        rows=rows,
        narrow=width < 2 * UNIT.get(axis.type.kind, 1),
        words=say(zh=zh, en=en, first=labels[0], second=labels[1], case=case),
        example=space.example(cell),
        case=case,
    )


SENTENCES = {
    Flaw.gap: (
        "「{first}」与「{second}」之间漏掉：{case}",
        "Between “{first}” and “{second}” nothing covers {case}",
    ),
    Flaw.overlap: (
        "「{first}」与「{second}」都管到：{case}",
        "“{first}” and “{second}” both cover {case}",
    ),
}
