"""Decision tables: several scores (or raw values) of a subject decide its grade; no case is left out or decided twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import sqlalchemy as sa

from app.errors import Problem
from app.services.language import trees
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, check
from app.services.language.evaluating import build, settle
from app.services.language.kinds import BOOL
from app.services.language.problems import BadFormula
from app.services.language.reading import SUBJECT, read
from app.services.language.sql import sql
from app.services.language.trees import Apply, Literal, Name, Node
from app.services.language.wording import value_words, words
from app.words import Words, say
from app.workflows.evaluation.parts import Part

MOST_CASES = 100_000
"""How many combinations of inputs are tried, at most, to prove a table whole."""

Element = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the condition all its cells make together, and the grade it gives."""

    condition: Formula
    grade_no: int
    place: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that exclude each other and leave nothing out."""

    inputs: tuple[str, ...]
    rows: tuple[Row, ...]

    def grade_no(self, columns: Mapping[str, Element]) -> Element:
        """The number of the grade; NULL where an input is missing and no row says what then."""
        return sa.case(*((sql(row.condition, columns), row.grade_no) for row in self.rows), else_=sa.null())

    def row_of(self, values: Mapping[str, Any]) -> Row | None:
        """The row that decides for these raw values."""
        for row in self.rows:
            tree = settle(row.condition.tree, row.condition.catalogue)
            if build(tree)(values) is True:
                return row
        return None


def table(part: Part, catalogue: Catalogue, grades: Sequence[str], possible: Possible) -> Table | None:
    """The table written there; None when it makes no sense (the problems say why).

    `possible` gives the scores an input can have, or None where it may lie anywhere.
    """
    inputs = _inputs(part, catalogue)
    before = len(part.problems.found)
    rows = [row for line in part.parts("rows") if (row := _row(line, catalogue, inputs, grades))]
    part.close()
    if len(part.problems.found) > before or not inputs or not rows:
        return None
    _prove(part, catalogue, Table(inputs, tuple(rows)), possible)
    return Table(inputs, tuple(rows))


Possible = Callable[[str], list[int] | None]


def _inputs(part: Part, catalogue: Catalogue) -> tuple[str, ...]:
    names = part.raw("inputs")
    if not isinstance(names, list) or not names:
        part.complain("inputs", "写明表格依据哪些指标。", "Name the indicators the table goes by.")
        return ()
    unknown = [str(name) for name in names if name not in catalogue.facts]
    for name in unknown:
        part.complain("inputs", "没有指标“{name}”。", "There is no indicator '{name}'.", name=name)
    return () if unknown else tuple(names)


def _row(part: Part, catalogue: Catalogue, inputs: Sequence[str], grades: Sequence[str]) -> Row | None:
    grade = part.option("grade", list(grades))
    cells = part.raw("when")
    part.close()
    if not isinstance(cells, list) or len(cells) != len(inputs):
        part.complain(
            "when", "每个依据要有一格，共 {n} 格。", "One cell for each input, {n} in all.", n=len(inputs)
        )
        return None
    tests: list[Node] = []
    for name, cell in zip(inputs, cells, strict=True):
        try:
            tree = read(str(cell), catalogue, "cell")
        except BadFormula as error:
            part.problems.found.append(Problem(error.words, field=part.at("when")))
            return None
        if not isinstance(tree, Literal):
            tests.append(trees.replace(tree, lambda node, name=name: Name(name) if node == SUBJECT else None))  # type: ignore[misc]
    whole: Node = (
        tests[0] if len(tests) == 1 else Apply("and", tuple(tests)) if tests else Literal(BOOL, value=True)
    )
    try:
        formula = check(whole, catalogue, BOOL)
    except BadFormula as error:
        part.problems.found.append(Problem(error.words, field=part.at("when")))
        return None
    return Row(formula, list(grades).index(grade), part.place)


def _prove(part: Part, catalogue: Catalogue, whole: Table, possible: Possible) -> None:
    """Try one value of every stretch between the numbers the table names: each case has exactly one row."""
    axes = [list(_representatives(whole, catalogue, name, possible(name))) for name in whole.inputs]
    if prod(map(len, axes)) > MOST_CASES:
        part.complain("rows", "表格太大，无法验证。", "The table is too large to be verified.")
        return
    tests = [(row, build(settle(row.condition.tree, catalogue))) for row in whole.rows]
    unused = {row.place for row in whole.rows}
    for case in product(*axes):
        values = dict(zip(whole.inputs, case, strict=True))
        hits = [row for row, holds in tests if holds(values) is True]
        unused.difference_update(row.place for row in hits)
        if len(hits) != 1:
            _complain(part, catalogue, values, hits)
            return
    for place in sorted(unused):
        part.problems.add(place, "永远轮不到这一行。", "This row can never be reached.")


def _complain(part: Part, catalogue: Catalogue, values: Mapping[str, Any], hits: Sequence[Row]) -> None:
    pairs = [
        say(
            "{name} = {value}",
            "{name} = {value}",
            name=catalogue.facts[name].words,
            value=value_words(catalogue.facts[name].type, raw, catalogue),
        )
        for name, raw in values.items()
    ]
    case = Words("，".join(pair.zh for pair in pairs), ", ".join(pair.en for pair in pairs))
    if not hits:
        part.complain("rows", "没有一行管到：{case}。", "No row covers {case}.", case=case)
        return
    both = [words(row.condition) for row in hits[:2]]
    part.complain(
        "rows",
        "两行都管到 {case}：“{first}”与“{second}”。",
        "Two rows cover {case}: '{first}' and '{second}'.",
        case=case,
        first=both[0],
        second=both[1],
    )


def _representatives(
    whole: Table, catalogue: Catalogue, name: str, possible: list[int] | None
) -> Iterator[Any]:
    """One value of each stretch of an input within which no cell of the table changes its answer."""
    if possible is not None:
        yield from possible
        return
    bounds = catalogue.facts[name].bounds()
    if bounds is None:
        return
    named = {literal.value for row in whole.rows for literal in _literals(row.condition.tree, name)}
    edges = {edge + step for edge in named if isinstance(edge, int) for step in (-1, 0, 1)}
    yield from sorted(edge for edge in {*edges, *bounds} if bounds[0] <= edge <= bounds[1])


def _literals(tree: Node, name: str) -> Iterator[Literal]:
    for node in trees.walk(tree):
        if isinstance(node, Apply) and Name(name) in node.args:
            yield from (arg for arg in node.args if isinstance(arg, Literal))
