"""Two gradings side by side: who went from which grade to which, who moved most, and why totals differ.

The second is another run, or the first one graded again under other weights and edges (`what_if`): that asks the stored
scores alone, in one pass, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.errors import BadRequest
from app.extensions import db
from app.roles import Act
from app.services import access
from app.words import say
from app.workflows.evaluation import schemes
from app.workflows.evaluation.reading import RESULT, Opened, code_of, open_run, title_of, visible
from app.workflows.evaluation.schemes import Scheme
from app.workflows.evaluation.statements import graded_again, half_up, weighed_sum

ABSENT = ""
"""The place of a subject that one of the runs did not evaluate, or did not grade."""

Element = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Move:
    """How many subjects had one grade in the first run and another in the second."""

    before: str
    after: str
    subjects: int


@dataclass(frozen=True, slots=True)
class Mover:
    """A subject whose total changed, by how much (in 1/100 point), and by what: these three add up to it.

    Those whose grade changed come first.
    """

    subject_id: int
    code: str
    name: str
    before: str
    after: str
    difference: int
    by_value: int
    by_weight: int
    by_coverage: int


@dataclass(frozen=True, slots=True)
class Causes:
    """By how much totals differ in the mean, in 1/100 point, over the subjects that have one in both; and by what."""

    subjects: int
    difference: Decimal
    by_value: Decimal
    by_weight: Decimal
    by_coverage: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """The migration between two gradings, over the subjects the reader sees."""

    first: Scheme
    second: Scheme
    moves: list[Move]
    movers: list[Mover]
    causes: Causes | None


def compare(first_id: int, second_id: int, most: int = 20) -> Comparison:
    """The migration from one run to another. Raises `NotFound`, `WrongState`, `BadRequest` for different subjects."""
    first, second = open_run(first_id), open_run(second_id)
    if first.scheme.subject.name != second.scheme.subject.name:
        raise BadRequest(say("两次评价的对象不同，不能比较。", "The two runs grade different things."))
    return _compared(first, second.scheme, _side_by_side(first, second), most)


# ---- what if -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """Other weights and edges, as a scheme writes them: `30 %` by indicator, points by grade."""

    weights: Mapping[str, str]
    edges: Mapping[str, str]

    def of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The document with them in their places; all else stays."""
        return {
            **body,
            "indicators": {
                key: {**one, "weight": self.weights[key]} if key in self.weights else one
                for key, one in body["indicators"].items()
            },
            "grades": [
                {**grade, "from": self.edges[grade["grade"]]} if grade["grade"] in self.edges else grade
                for grade in body.get("grades", ())
            ],
        }


def changed(opened: Opened, change: Change) -> Scheme:
    """The scheme of a run with other weights and edges, checked as any other. Raises `BadInput` with every place."""
    return schemes.load(change.of(opened.scheme.body), opened.scheme.pin)


def what_if(opened: Opened, scheme: Scheme, most: int = 20) -> Comparison:
    """What a run would have found under another version of its scheme with the same indicators; nothing is written.

    Raises `NotAllowed` for who may not run evaluations.
    """
    access.principal().check(Act.run, "eval_run")
    slots = [RESULT.c[f"{letter}{one.column}"] for letter in "vs" for one in scheme.indicators]
    stored = (
        visible(opened)
        .order_by(None)
        .with_only_columns(
            RESULT.c.subject_id,
            *slots,
            RESULT.c.total.label("total_before"),
            RESULT.c.grade_no.label("grade_no_before"),
        )
    )
    again = graded_again(scheme, stored).subquery()
    pairs = sa.select(
        again.c.subject_id,
        again.c.grade_no_before.label("before"),
        again.c.grade_no.label("after"),
        again.c.total_before,
        again.c.total,
    )
    return _compared(opened, scheme, pairs, most)


# ---- two runs ----------------------------------------------------------------------------------------------------


OTHER = RESULT.alias("other")
Columns = Mapping[str, Element]
Pairs = sa.Select[Any] | sa.CompoundSelect[Any]


def _side_by_side(first: Opened, second: Opened) -> sa.CompoundSelect[Any]:
    """Each subject of either run, with both totals and the two between them.

    `with_values`: the total the first scheme gives the second run's scores, where both runs have one; `with_weights`:
    what the second scheme gives these. The rest is due to scores only one of the runs has. The other run's rows are
    found by their key, one by one: SQLite joins two large sets both ways without any index.
    """
    one, two = dict(RESULT.c.items()), dict(OTHER.c.items())
    in_first = _beside(first, second).add_columns(
        one["grade_no"].label("before"),
        two["grade_no"].label("after"),
        one["total"].label("total_before"),
        two["total"],
        *_between(first.scheme, second.scheme, one, two),
    )
    nothing = sa.cast(sa.null(), sa.BigInteger)
    grade = sa.cast(sa.null(), OTHER.c.grade_no.type)
    in_second = (
        _beside(second, first)
        .where(OTHER.c.subject_id.is_(None))
        .add_columns(
            grade.label("before"),
            one["grade_no"].label("after"),
            nothing.label("total_before"),
            one["total"],
            nothing.label("with_values"),
            nothing.label("with_weights"),
        )
    )
    return sa.union_all(in_first, in_second)


def _beside(opened: Opened, other: Opened) -> sa.Select[Any]:
    """The subjects of a run the reader sees, with what the other run says of them beside it."""
    same = sa.and_(OTHER.c.run_id == other.run.id, OTHER.c.subject_id == RESULT.c.subject_id)
    return visible(opened).order_by(None).outerjoin(OTHER, same).with_only_columns(RESULT.c.subject_id)


def _between(first: Scheme, second: Scheme, one: Columns, two: Columns) -> tuple[Element, Element]:
    slots = {indicator.key: two[f"s{indicator.column}"] for indicator in second.indicators}
    mixed: dict[str, Element] = {}
    for indicator in first.indicators:
        own, other = one[f"s{indicator.column}"], slots.get(indicator.key)
        if other is not None:
            own = sa.case((sa.and_(own.is_not(None), other.is_not(None)), other), else_=own)
        mixed[indicator.key] = own
    with_values = _total([(mixed[i.key], i.weight) for i in first.indicators if i.weight])
    with_weights = _total([(mixed.get(i.key, slots[i.key]), i.weight) for i in second.indicators if i.weight])
    return with_values.label("with_values"), sa.func.coalesce(with_weights, with_values).label("with_weights")


def _total(weighed: list[tuple[Element, int]]) -> Element:
    if not weighed:
        return sa.cast(sa.null(), sa.BigInteger)
    present, points = weighed_sum(weighed)
    return half_up(points, present)


# ---- what differs ------------------------------------------------------------------------------------------------


def _compared(opened: Opened, second: Scheme, rows: Pairs, most: int) -> Comparison:
    """What a statement of pairs says, in one pass: how many went where, and the few that moved most."""
    first, pairs = opened.scheme, rows.cte("pairs")
    difference = pairs.c.total - pairs.c.total_before
    nothing: Element = sa.literal(0, sa.BigInteger())
    parts = [difference, nothing, difference, nothing]  # of one run, by other weights alone
    if "with_values" in pairs.c:
        parts = [
            difference,
            pairs.c.with_values - pairs.c.total_before,
            pairs.c.with_weights - pairs.c.with_values,
            pairs.c.total - pairs.c.with_weights,
        ]
    sums = [sa.cast(sa.func.coalesce(sa.func.sum(part), 0), sa.BigInteger) for part in parts]
    nobody = sa.cast(sa.null(), sa.Integer)
    grouped = sa.select(
        nobody, pairs.c.before, pairs.c.after, sa.func.count(), sa.func.count(difference), *sums
    ).group_by(pairs.c.before, pairs.c.after)
    moved = (
        sa.select(pairs.c.subject_id, pairs.c.before, pairs.c.after, sa.literal(1), sa.literal(1), *parts)
        .where(difference != 0)
        .order_by(
            sa.case((pairs.c.before != pairs.c.after, 0), else_=1),
            sa.func.abs(difference).desc(),
            pairs.c.subject_id,
        )
        .limit(most)
        .subquery()
    )
    both = sa.union_all(grouped, sa.select(*moved.c)).subquery()
    key = opened.scheme.subject.model.id
    named = sa.select(*both.c, code_of(first), title_of(first)).outerjoin_from(
        both, key.class_, key == both.c[0]
    )
    found = db.session.execute(named).all()
    moves: dict[tuple[str, str], int] = {}
    for _, before, after, subjects, *_ in (row for row in found if row[0] is None):
        pair = (_code(first, before), _code(second, after))
        moves[pair] = moves.get(pair, 0) + subjects
    movers = sorted((row for row in found if row[0] is not None), key=_most_moved)
    return Comparison(
        first,
        second,
        [Move(before, after, subjects) for (before, after), subjects in sorted(moves.items())],
        [
            Mover(subject_id, code or "", name, _code(first, before), _code(second, after), *map(int, by))
            for subject_id, before, after, _, _, *by, code, name in movers
        ],
        _causes([row[4:9] for row in found if row[0] is None]),
    )


def _most_moved(row: Sequence[Any]) -> tuple[bool, int, int]:
    """The order of movers: those whose grade changed first, then by how far."""
    subject_id, before, after, _, _, difference, *_ = row
    return before is None or after is None or before == after, -abs(difference), subject_id


def _causes(rows: list[Any]) -> Causes | None:
    counted, *sums = (
        (sum(int(value) for value in column) for column in zip(*rows, strict=True)) if rows else (0,)
    )
    if not counted:
        return None
    return Causes(counted, *(Decimal(total) / counted for total in sums))


def _code(scheme: Scheme, number: int | None) -> str:
    return ABSENT if number is None else scheme.grades[number].code
