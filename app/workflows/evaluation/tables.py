"""Decision tables: several scores (or raw values) of a subject decide its grade; no case is left out or decided twice.

A cell is read, and a table is proved whole, as everywhere (`services.language.tables`, `covering`). Its own are what
scores can be, and the number of a grade as a row's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.errors import Problem
from app.services.language import trees
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, check
from app.services.language.covering import Branch, Finding, Flaw, cover
from app.services.language.kinds import BOOL
from app.services.language.problems import BadFormula
from app.services.language.sql import sql
from app.services.language.tables import read_cell, together
from app.services.language.trees import Apply, Literal, Name, Node
from app.services.language.wording import words
from app.workflows.evaluation.parts import Part

Element = sa.ColumnElement[Any]
Possible = Callable[[str], list[int] | None]


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
    found = Table(inputs, tuple(rows))
    _prove(part, catalogue, found, possible)
    return found


def _inputs(part: Part, catalogue: Catalogue) -> tuple[str, ...]:
    names = part.raw("inputs")
    if not isinstance(names, list) or not names:
        part.complain("inputs", "写明表格依据哪些指标。", "Name the indicators the table goes by.")
        return ()
    known = [name for name in names if isinstance(name, str) and name in catalogue.facts]
    for name in names:
        if name not in known:
            part.complain("inputs", "没有指标“{name}”。", "There is no indicator '{name}'.", name=name)
    return tuple(known) if len(known) == len(names) else ()


def _row(part: Part, catalogue: Catalogue, inputs: Sequence[str], grades: Sequence[str]) -> Row | None:
    grade = part.option("grade", list(grades))
    cells = part.raw("when")
    part.close()
    if not isinstance(cells, list) or len(cells) != len(inputs):
        part.complain(
            "when", "每个依据要有一格，共 {n} 格。", "One cell for each input, {n} in all.", n=len(inputs)
        )
        return None
    try:
        tests = [
            read_cell(str(cell), check(Name(name), catalogue))
            for name, cell in zip(inputs, cells, strict=True)
        ]
    except BadFormula as error:
        part.problems.found.append(Problem(error.words, field=part.at("when")))
        return None
    return Row(together(tests, catalogue), list(grades).index(grade), part.place)


# ---- proving it whole ----------------------------------------------------------------------------------------


def _prove(part: Part, catalogue: Catalogue, whole: Table, possible: Possible) -> None:
    """Each case there can be has exactly one row, and each row a case."""
    branches = [Branch(str(number), row.condition) for number, row in enumerate(whole.rows)]
    given = [*_given(catalogue, whole, possible)]
    for finding in cover(branches, assuming=given):
        if finding.is_error:
            _complain(part, finding, [whole.rows[int(label)] for label in finding.branches])


def _given(catalogue: Catalogue, whole: Table, possible: Possible) -> Iterator[Formula]:
    """What inputs can be: the scores there are; and no value at all only where the table says what then.

    Elsewhere a subject without one has no grade.
    """
    for name in dict.fromkeys(whole.inputs):
        asks = Apply("missing", (Name(name),))
        is_asked = any(asks in trees.walk(row.condition.tree) for row in whole.rows)
        scores = possible(name)
        if scores is not None:
            type_ = catalogue.facts[name].type
            one_of: Node = Apply("in", (Name(name), *(Literal(type_, score) for score in scores)))
            yield check(Apply("or", (asks, one_of)) if is_asked else one_of, catalogue, BOOL)
        elif not is_asked:
            yield check(Apply("not", (asks,)), catalogue, BOOL)


def _complain(part: Part, finding: Finding, rows: Sequence[Row]) -> None:
    """A flaw in words of tables."""
    if finding.flaw is Flaw.dead:
        part.problems.add(rows[0].place, "永远轮不到这一行。", "This row can never be reached.")
    elif finding.flaw is Flaw.too_large:
        part.complain("rows", "表格太大，无法验证。", "The table is too large to be verified.")
    elif finding.flaw is Flaw.gap:
        part.complain("rows", "没有一行管到：{case}。", "No row covers {case}.", case=finding.case)
    else:
        part.complain(
            "rows",
            "两行都管到 {case}：“{first}”与“{second}”。",
            "Two rows cover {case}: '{first}' and '{second}'.",
            case=finding.case,
            first=words(rows[0].condition),
            second=words(rows[-1].condition),
        )
