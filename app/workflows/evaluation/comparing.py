"""Two runs side by side: how many subjects went from which grade to which, and who moved most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.errors import BadRequest
from app.extensions import db
from app.words import say
from app.workflows.evaluation.reading import RESULT, Opened, code_of, open_run, title_of, visible

ABSENT = ""
"""The place of a subject that one of the runs did not evaluate, or did not grade."""


@dataclass(frozen=True, slots=True)
class Move:
    """How many subjects had one grade in the first run and another in the second."""

    before: str
    after: str
    subjects: int


@dataclass(frozen=True, slots=True)
class Mover:
    """A subject whose total changed, by how much (in 1/100 point)."""

    code: str
    name: str
    before: str
    after: str
    difference: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The migration between two runs, over the subjects the reader sees."""

    first: Opened
    second: Opened
    moves: list[Move]
    movers: list[Mover]


def compare(first_id: int, second_id: int, most: int = 20) -> Comparison:
    """The migration from one run to another. Raises `NotFound`, `WrongState`, `BadRequest` for different subjects."""
    first, second = open_run(first_id), open_run(second_id)
    if first.scheme.subject.name != second.scheme.subject.name:
        raise BadRequest(say("两次评价的对象不同，不能比较。", "The two runs grade different things."))
    return Comparison(first, second, _moves(first, second), _movers(first, second, most))


def _moves(first: Opened, second: Opened) -> list[Move]:
    one, two = (visible(opened).order_by(None).subquery() for opened in (first, second))
    both = one.join(two, one.c.subject_id == two.c.subject_id, full=True)
    statement = (
        sa.select(one.c.grade_no, two.c.grade_no, sa.func.count())
        .select_from(both)
        .group_by(one.c.grade_no, two.c.grade_no)
    )
    found: dict[tuple[str, str], int] = {}
    for before, after, subjects in db.session.execute(statement):
        pair = (_code(first, before), _code(second, after))
        found[pair] = found.get(pair, 0) + subjects
    return [Move(before, after, subjects) for (before, after), subjects in sorted(found.items())]


def _movers(first: Opened, second: Opened, most: int) -> list[Mover]:
    before = RESULT.alias("before")
    model = second.scheme.subject.model
    difference = RESULT.c.total - before.c.total
    statement = (
        sa.select(
            code_of(second.scheme),
            title_of(second.scheme),
            before.c.grade_no,
            RESULT.c.grade_no,
            difference,
        )
        .join(RESULT, RESULT.c.subject_id == model.id)
        .join(before, before.c.subject_id == model.id)
        .where(RESULT.c.run_id == second.run.id, before.c.run_id == first.run.id, difference != 0)
        .order_by(sa.func.abs(difference).desc(), model.id)
        .limit(most)
    )
    return [
        Mover(code, name, _code(first, one), _code(second, two), by)
        for code, name, one, two, by in db.session.execute(statement)
    ]


def _code(opened: Opened, number: Any) -> str:
    grade = opened.grade(number)
    return grade.code if grade else ABSENT
