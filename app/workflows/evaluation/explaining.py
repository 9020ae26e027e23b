"""Explanation of one subject's grade, down to the rows that were counted and those left out, each with the reason.

Raw values, scores and grade are those the run sealed. The rows are read now: where they no longer give what the run
found (a line was added since, say), the explanation says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.errors import NotFound
from app.extensions import db
from app.models import EvalOverride
from app.services import access
from app.services.language.checking import Formula, check
from app.services.language.kinds import BOOL, SCALE, Type
from app.services.language.sql import sql
from app.services.language.trees import Apply, Name
from app.services.language.wording import words as formula_words
from app.words import Words, say
from app.workflows.evaluation import hearing
from app.workflows.evaluation.hearing import Hearing
from app.workflows.evaluation.measures import WORDS as AGGREGATES, Aggregate, Measure
from app.workflows.evaluation.pins import edge
from app.workflows.evaluation.publishing import reason
from app.workflows.evaluation.reading import UNGRADED, Opened, code_of, open_run, visible
from app.workflows.evaluation.saying import BLANK, points, spoken, when
from app.workflows.evaluation.schemes import Indicator, Scheme
from app.workflows.evaluation.sources import Source
from app.workflows.evaluation.statements import INCOMPLETE, VETOED, measured

Element = sa.ColumnElement[Any]

MOST_ROWS = 200
"""Rows listed for one measure, of those the reader may read; all are counted."""

COUNTED, FALLEN, LATER, OUTSIDE, FIRST, UNMET = range(6)
"""Why a row is in or out; from `UNMET` on, which part of the filter it does not fulfil."""


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row of a source: its id, when it was, what it says, and what it brought in (raw) or why it was left out."""

    id: int
    at: str
    shown: dict[str, Words]
    value: int | None
    left_out: Words | None


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measure of one subject: what its rows give now, how many count and how many do not, and the newest of them."""

    key: str
    words: Words
    how: Words
    type: Type
    value: int | None
    counted: int
    left_out: int
    heads: dict[str, Words]
    numbers: frozenset[str]
    rows: list[RowLine] = field(repr=False)

    @property
    def tally(self) -> Words:
        """How many rows count and how many do not."""
        return say(
            "计入 {n} 行，排除 {m} 行",
            "{n} {rows} counted, {m} left out",
            n=self.counted,
            rows="row" if self.counted == 1 else "rows",
            m=self.left_out,
        )


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """An indicator of one subject. Contributions, in 1/100 point, add up to the total exactly."""

    key: str
    words: Words
    value: Words
    score: int | None
    weight: int
    contribution: int | None
    method: Words
    formula: Words
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one subject has its grade under a run."""

    run_id: int
    subject_id: int
    code: str
    name: str
    grade_no: int | None
    grade: Words
    total: int | None
    coverage: int | None
    sentence: Words | None
    indicators: list[IndicatorLine]
    measures: list[MeasureLine]
    notes: list[Words]
    heard: Hearing | None
    """What the rated was told and objected, once the result is published."""


def explain(run_id: int, code: str) -> Explanation:
    """The explanation of the subject of this code. Raises `NotFound`, also for one the reader may not see."""
    opened = open_run(run_id)
    return _explain(opened, code_of(opened.scheme) == code, code)


def explain_subject(run_id: int, subject_id: int) -> Explanation:
    """The explanation of the subject of this id. Raises `NotFound`, also for one the reader may not see."""
    opened = open_run(run_id)
    return _explain(opened, opened.scheme.subject.model.id == subject_id, subject_id)


def _explain(opened: Opened, which: Element, called: object) -> Explanation:
    run_id = opened.run.id
    found = db.session.execute(visible(opened).where(which)).mappings().first()
    if found is None:
        raise NotFound(
            say(
                "评价运行 {id} 中没有对象 {what}。", "Run {id} has no subject {what}.", id=run_id, what=called
            )
        )
    row = dict(found)
    scheme, reader = opened.scheme, access.principal()
    with access.acting(access.SYSTEM):
        measures = lines_of(scheme, row["subject_id"], reader)
        overrides = _overrides(opened, row["subject_id"])
    grade = opened.grade(row["grade_no"])
    return Explanation(
        run_id=run_id,
        subject_id=row["subject_id"],
        code=row["code"] or "",
        name=row["name"],
        grade_no=row["grade_no"],
        grade=grade.words if grade else UNGRADED,
        total=row["total"],
        coverage=row["coverage"],
        sentence=reason(scheme, row) if grade else None,
        indicators=_indicators(scheme, row),
        measures=measures,
        notes=[*_notes(scheme, row), *_changes(scheme, row, measures), *overrides],
        heard=hearing.of_result(opened.run, scheme.subject.name, row["subject_id"]),
    )


# ---- indicators --------------------------------------------------------------------------------------------------


def _indicators(scheme: Scheme, row: Mapping[str, Any]) -> list[IndicatorLine]:
    shares = contributions(scheme, row)
    return [
        IndicatorLine(
            key=one.key,
            words=one.words,
            value=spoken(one.type, row[f"v{one.column}"]),
            score=row[f"s{one.column}"],
            weight=one.weight,
            contribution=shares.get(one.key),
            method=one.method.words(),
            formula=formula_words(one.value) if one.value else Words("人工评分", "scored by people"),
            measures=_measures_of(scheme, one),
        )
        for one in scheme.indicators
    ]


def _measures_of(scheme: Scheme, one: Indicator) -> tuple[str, ...]:
    formulas = [one.value, *one.method.facts().values()]
    used = {name for formula in formulas if formula for name in formula.facts}
    return tuple(measure.key for measure in scheme.measures if measure.key in used)


def contributions(scheme: Scheme, row: Mapping[str, Any]) -> dict[str, int]:
    """What each weighed score brings to the total, in 1/100 point: rounded so that they add up (largest remainders)."""
    weighed = {
        one.key: one.weight * row[f"s{one.column}"]
        for one in scheme.indicators
        if one.weight and row[f"s{one.column}"] is not None
    }
    present = sum(scheme.indicator(key).weight for key in weighed)
    if not present or row["total"] is None:
        return {}
    shares = {key: points // present for key, points in weighed.items()}
    rest = row["total"] - sum(shares.values())
    for key in sorted(weighed, key=lambda key: (-(weighed[key] % present), key))[:rest]:
        shares[key] += 1
    return shares


# ---- notes -------------------------------------------------------------------------------------------------------


def _notes(scheme: Scheme, row: Mapping[str, Any]) -> list[Words]:
    notes = []
    if row["flags"] & INCOMPLETE:
        notes.append(
            say(
                "有数据的指标只占权重的 {n} %，不足 {least} %，不予定级。",
                "Only {n} % of the weight has data, less than {least} %: no grade.",
                n=f"{row['coverage'] / 100:g}",
                least=f"{scheme.minimum_coverage / 100:g}",
            )
        )
    for one in scheme.indicators:
        score = row[f"s{one.column}"]
        if row["flags"] & VETOED and one.veto and score is not None and score < one.veto.below:
            notes.append(
                say(
                    "“{name}”低于 {below}，等级最高为“{grade}”。",
                    "“{name}” is below {below}: the grade is “{grade}” at best.",
                    name=one.words,
                    below=points(one.veto.below),
                    grade=scheme.grades[one.veto.grade_no].words,
                )
            )
    return [*notes, *_without_data(scheme, row), *_distance(scheme, row)]


def _without_data(scheme: Scheme, row: Mapping[str, Any]) -> list[Words]:
    """The indicators that have no score, in one sentence."""
    names = [one.words for one in scheme.indicators if one.is_scored and row[f"s{one.column}"] is None]
    if not names:
        return []
    listed = Words("、".join(name.zh for name in names), ", ".join(name.en for name in names))
    return [say("没有数据：{names}。", "There is no data for: {names}.", names=listed)]


def _distance(scheme: Scheme, row: Mapping[str, Any]) -> list[Words]:
    """How far the next better grade is, where the total decides."""
    number, total = row["grade_no"], row["total"]
    if scheme.bands is None or total is None or not number or row["flags"] & VETOED:
        return []
    better = min(edge for edge in scheme.bands.edges if edge > total)
    return [
        say(
            "距“{grade}”还差 {points}。",
            "{points} short of “{grade}”.",
            grade=scheme.grades[number - 1].words,
            points=points(better - total),
        )
    ]


def _changes(scheme: Scheme, row: Mapping[str, Any], measures: Sequence[MeasureLine]) -> list[Words]:
    """Indicators that are one measure, whose rows give something else now than the run found."""
    now = {line.key: line.value for line in measures}
    notes = []
    for one in scheme.indicators:
        if one.value and isinstance(one.value.tree, Name) and one.value.tree.name in now:
            found = now[one.value.tree.name]
            if found != row[f"v{one.column}"]:
                notes.append(
                    say(
                        "“{name}”的数据在评价之后有变：现为 {now}。",
                        "The rows of “{name}” have changed since the run: now {now}.",
                        name=one.words,
                        now=spoken(one.type, found),
                    )
                )
    return notes


def _overrides(opened: Opened, subject_id: int) -> list[Words]:
    found = db.session.scalars(
        sa.select(EvalOverride).where(
            EvalOverride.run_id == opened.run.id, EvalOverride.subject_id == subject_id
        )
    )
    return [
        say("等级调整为“{grade}”：{why}", "Grade set to “{grade}”: {why}", grade=one.to_grade, why=one.reason)
        for one in found
    ]


# ---- the rows behind a measure -----------------------------------------------------------------------------------


def lines_of(scheme: Scheme, subject_id: int, reader: access.Principal) -> list[MeasureLine]:
    """The measures of a scheme for one subject, with their rows; asked with the rights of the system."""
    values: Any = db.session.execute(measured(scheme, [subject_id])).mappings().first() or {}
    return [
        _measure(scheme, one, subject_id, values.get(one.key), _seen(one.source, reader))
        for one in scheme.measures
    ]


def _seen(source: Source, reader: access.Principal) -> Element | None:
    """Which rows of a source may be shown to the reader: those of records he may read; None for all.

    All rows count towards the grade he may know, but what stands in a row is no part of the grade.
    """
    base = source.table.element if isinstance(source.table, sa.Alias) else source.table
    model = next(mapper.class_ for mapper in access.mappers() if mapper.local_table is base)
    limit = access.policy(model, reader)
    return None if limit is None else source.key.in_(sa.select(model.id).where(limit))


def _measure(
    scheme: Scheme, one: Measure, subject_id: int, value: int | None, seen: Element | None
) -> MeasureLine:
    source, parts, subject = one.source, _parts(one), None if one.is_whole else scheme.subject.counted_as
    catalogue = source.catalogue()
    verdict = _verdict(scheme, one, parts, subject_id).label("verdict")
    facts = [source.column(name).fact for name in source.shown]
    shown = [sql(check(Name(fact.name), catalogue)).label(f"f{index}") for index, fact in enumerate(facts)]
    brings = sa.null() if one.of is None or one.of.type == BOOL else sql(one.of)
    rows = (
        sa.select(
            source.key.label("id"),
            one.time.label("at"),
            verdict,
            brings.label("brings"),
            (sa.true() if seen is None else seen).label("seen"),
            *shown,
        )
        .select_from(source.rows([*one.used, *source.shown], subject))
        .where(sa.true() if subject is None else source.subjects[subject] == subject_id)
        .subquery()
    )
    each = sa.select(rows.c.verdict, sa.func.count()).group_by(rows.c.verdict)
    counts: dict[int, int] = dict(db.session.execute(each).all())
    newest = sa.select(rows).order_by(rows.c.verdict, rows.c.at.desc(), rows.c.id).limit(MOST_ROWS)
    if seen is not None:
        newest = newest.where(rows.c.seen)
    lines = [
        RowLine(
            id=row["id"],
            at="" if row["at"] is None else when(row["at"]),
            shown={
                fact.name: spoken(fact.type, row[f"f{index}"], catalogue, BLANK)
                for index, fact in enumerate(facts)
            },
            value=_brought(one, row),
            left_out=_why(one, parts, row["verdict"]),
        )
        for row in db.session.execute(newest).mappings()
    ]
    counted = counts.get(COUNTED, 0)
    return MeasureLine(
        key=one.key,
        words=one.words,
        how=how(one),
        type=one.type,
        value=value,
        counted=counted,
        left_out=sum(counts.values()) - counted,
        heads={fact.name: fact.words for fact in facts},
        numbers=frozenset(fact.name for fact in facts if fact.type.kind in SCALE),
        rows=lines,
    )


def _brought(one: Measure, row: Any) -> int | None:
    """What a counted row brought in: its value, or 1 where rows are counted."""
    if row["verdict"] != COUNTED:
        return None
    return 1 if one.aggregate is Aggregate.count else row["brings"]


def _parts(one: Measure) -> list[Formula]:
    """The conditions of a filter that must all hold, one by one."""
    if one.where is None:
        return []
    tree = one.where.tree
    terms = tree.args if isinstance(tree, Apply) and tree.op == "and" else (tree,)
    return [check(term, one.where.catalogue, BOOL) for term in terms]


def _verdict(scheme: Scheme, one: Measure, parts: Sequence[Formula], subject_id: int) -> Element:
    """Why a row is in or out, as a number; what is unknown does not hold (R33)."""
    verdict: Element = sa.literal(COUNTED)
    if one.is_again:
        first = one.first_time(scheme.subject.counted_as, subject_id, scheme.pin)
        verdict = sa.case((one.is_later(one.time, first), verdict), else_=FIRST)
    for number, part in reversed(list(enumerate(parts, UNMET))):
        verdict = sa.case((sql(part), verdict), else_=number)
    later = one.time >= edge(scheme.pin.as_of, is_dated=one.is_dated)
    verdict = sa.case((one.is_in_window(scheme.pin), verdict), (later, LATER), else_=OUTSIDE)
    return sa.case((one.source.stands, verdict), else_=FALLEN)


def _why(one: Measure, parts: Sequence[Formula], verdict: int) -> Words | None:
    if verdict == COUNTED:
        return None
    if verdict < UNMET:
        reasons = {
            FALLEN: one.source.fallen,
            LATER: Words("晚于截止时刻", "after the as-of moment"),
            OUTSIDE: say("不在{window}", "not {window}", window=one.window.words),
            FIRST: Words("在首日", "on the first day"),
        }
        return reasons[verdict]
    return say("不满足：{part}", "does not fulfil: {part}", part=formula_words(parts[verdict - UNMET]))


def how(one: Measure) -> Words:
    """A measure in words: aggregate, formula, source, window, filter."""
    what = AGGREGATES[one.aggregate]
    if one.of is not None:
        what = say("{what} {of}", "{what} {of}", what=what, of=formula_words(one.of))
    if one.over is not None:
        what = say("{what} / {over}", "{what} / {over}", what=what, over=formula_words(one.over))
    said = say(
        "{source}：{window}的{what}",
        "{source}: {what} {window}",
        source=one.source.words,
        window=one.window.words,
        what=what,
    )
    if one.is_again:
        said = say("{how}，首日之后", "{how}, after the first day", how=said)
    if one.where is None:
        return said
    return say("{how}，条件：{where}", "{how}, where {where}", how=said, where=formula_words(one.where))
