"""A run as two statements: the raw values of all subjects, and what comes of them.

The first reads one snapshot: population, one pass per source, `measured`, `valued`. What it gives is put aside
(`staging`), and looked at as a whole; from then on the score of a subject hangs on nothing but its own row. Each step
is a named sub-query (CTE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.models import EvalManualScore, EvalResult
from app.services.language.sql import sql
from app.workflows.evaluation.measures import by_source, passed
from app.workflows.evaluation.methods import FULL, Manual, Whole
from app.workflows.evaluation.schemes import Indicator, Scheme
from app.workflows.evaluation.sources import joined, table_of

Element = sa.ColumnElement[Any]

INCOMPLETE, FAILED, VETOED = 1, 2, 4
"""Flags of a result: too little of the weight is covered; a needed value is missing; a veto lowered the grade."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The published run scores are carried over from, and the slot each indicator had in it."""

    run_id: int
    slots: Mapping[str, int]


PassOf = Callable[[str, sa.Select[Any]], sa.FromClause]
"""How the rows of one pass over a source are had when they are joined to the population."""


def values(scheme: Scheme, scheme_id: int, earlier: Earlier | None, pass_of: PassOf) -> sa.Select[Any]:
    """One row per subject: `subject_id`, its code where ranks need it, `v…`, and what methods compute beside it."""
    found = _valued(scheme, scheme_id, _measured(scheme, _population(scheme, None), pass_of=pass_of), earlier)
    return sa.select(*found.c)


def results(scheme: Scheme, staged: sa.Select[Any], wholes: Mapping[str, Whole]) -> sa.Select[Any]:
    """One row per row of `staged`: `subject_id`, `v…`, `s…`, `total`, `grade_no`, `coverage`, `flags`."""
    rows = staged.cte("staged")
    known = dict(rows.c.items())
    slots = [rows.c[f"v{one.column}"] for one in scheme.indicators]
    scores = [_score(one, known, wholes[one.column]).label(f"s{one.column}") for one in scheme.indicators]
    scored = _once(sa.select(rows.c.subject_id, *slots, *scores), "scored")
    weighed = scored if not scheme.weight else _totalled(scheme, scored)
    slots = [weighed.c[f"{letter}{one.column}"] for letter in "vs" for one in scheme.indicators]
    return sa.select(weighed.c.subject_id, *slots, *_outcome(scheme, dict(weighed.c.items())))


def measured(scheme: Scheme, subject_ids: Sequence[int]) -> sa.Select[Any]:
    """The measures of these subjects as they are now, whether or not they belong to the population."""
    population = _population(replace(scheme, where=None, having=None), subject_ids)
    found = _measured(replace(scheme, having=None), population, subject_ids)
    return sa.select(found.c.subject_id, *(found.c[one.key] for one in scheme.measures))


def valued(scheme: Scheme, subject_ids: Sequence[int]) -> sa.Select[Any]:
    """The raw values `v…` of the indicators of these subjects as they are now, population or not."""
    free = replace(scheme, where=None, having=None)
    found = _valued(free, 0, _measured(free, _population(free, subject_ids), subject_ids), None)
    return sa.select(*found.c)


def population_of(scheme: Scheme) -> sa.CTE:
    """Whom a scheme evaluates, by its conditions over their own facts: `subject_id`."""
    return _population(scheme, None)


def _once(statement: sa.Select[Any], name: str) -> sa.CTE:
    """A sub-query whose columns are computed once, however often they are read."""
    return statement.cte(name).prefix_with("MATERIALIZED")


# ---- whom --------------------------------------------------------------------------------------------------------


def _population(scheme: Scheme, subject_ids: Sequence[int] | None) -> sa.CTE:
    subject = scheme.subject
    names = {column.fact.name for column in subject.columns}
    used = set(scheme.where.facts) if scheme.where else set()
    formulas = [scheme.having, *(one.value for one in scheme.indicators)]
    formulas += [formula for one in scheme.indicators for formula in one.method.facts().values()]
    wanted = {name for formula in formulas if formula for name in formula.facts} & names
    shown = [
        column.fact.expression.label(column.fact.name)
        for column in subject.columns
        if column.fact.name in wanted and column.fact.expression is not None
    ]
    if any(one.method.ties() == "code" for one in scheme.indicators):
        shown.append(subject.code.label("subject_code"))
    statement = (
        sa.select(subject.key.label("subject_id"), *shown)
        .select_from(joined(subject.table, subject.columns, subject.joins, used | wanted))
        .where(subject.stands)
    )
    if scheme.where is not None:
        statement = statement.where(sql(scheme.where))
    if subject_ids is not None:
        statement = statement.where(subject.key.in_(subject_ids))
    return statement.cte("population")


# ---- what --------------------------------------------------------------------------------------------------------


def _measured(
    scheme: Scheme,
    population: sa.CTE,
    only: Sequence[int] | None = None,
    pass_of: PassOf = lambda name, rows: rows.cte(name),
) -> sa.CTE:
    """Each subject with its measures; those who do not fulfil `having` are no part of the population."""
    rows: sa.FromClause = population
    values: dict[str, Element] = {}
    for number, measures in enumerate(by_source(scheme.measures)):
        name = f"source_{measures[0].source.name}_{number}"
        one = pass_of(name, passed(measures, scheme.subject.counted_as, scheme.pin, only))
        on = sa.true() if measures[0].is_whole else one.c.subject_id == population.c.subject_id
        rows = rows.outerjoin(one, on)
        columns: Mapping[str, Element] = dict(one.c.items())
        for measure in measures:
            values[measure.key] = measure.value(columns, scheme.pin).label(measure.key)
    inner = sa.select(*population.c, *values.values()).select_from(rows)
    if scheme.having is None:
        return inner.cte("measured")
    every = inner.cte("unfiltered")
    return _once(sa.select(*every.c).where(sql(scheme.having, dict(every.c.items()))), "measured")


def _valued(scheme: Scheme, scheme_id: int, measured: sa.CTE, earlier: Earlier | None) -> sa.CTE:
    """Each subject with the raw value of each indicator, and what its method computes beside it."""
    known: Mapping[str, Element] = dict(measured.c.items())
    rows: sa.FromClause = measured
    columns: list[Element] = [
        measured.c[name] for name in ("subject_id", "subject_code") if name in measured.c
    ]
    for one in scheme.indicators:
        if one.value is None:
            given = _given(scheme, scheme_id, one).cte(f"given{one.column}")
            rows = rows.outerjoin(given, given.c.subject_id == measured.c.subject_id)
            columns.append(given.c.points.label(f"v{one.column}"))
        else:
            columns.append(sa.cast(sql(one.value, known), sa.BigInteger).label(f"v{one.column}"))
        for letter, formula in one.method.facts().items():
            columns.append(sa.cast(sql(formula, known), sa.BigInteger).label(f"{letter}{one.column}"))
    carried = [one for one in scheme.indicators if one.missing.policy == "carry"]
    if carried and earlier is not None:
        before = table_of(EvalResult).alias("earlier")
        rows = rows.outerjoin(
            before, sa.and_(before.c.run_id == earlier.run_id, before.c.subject_id == measured.c.subject_id)
        )
        columns += [
            before.c[f"s{earlier.slots[one.key]:02}"].label(f"p{one.column}")
            for one in carried
            if one.key in earlier.slots
        ]
    statement = sa.select(*columns).select_from(rows)
    needed = [one for one in scheme.indicators if one.missing.policy == "exclude"]
    if not needed:
        return statement.cte("valued")
    every = statement.cte("unexcluded")
    present = [every.c[f"v{one.column}"].is_not(None) for one in needed]
    return sa.select(*every.c).where(*present).cte("valued")


def _given(scheme: Scheme, scheme_id: int, indicator: Indicator) -> sa.Select[Any]:
    """The mean of the points raters gave for the period."""
    score = table_of(EvalManualScore)
    raters = indicator.method.raters if isinstance(indicator.method, Manual) else 1
    points, number = (
        sa.cast(sa.func.sum(sa.type_coerce(score.c.points, sa.BigInteger)), sa.BigInteger),
        sa.func.count(),
    )
    return (
        sa.select(score.c.subject_id, ((points * 2 + number) // (number * 2)).label("points"))
        .where(
            score.c.scheme_id == scheme_id,
            score.c.indicator == indicator.key,
            score.c.period_from == scheme.pin.period_from,
            score.c.period_to == scheme.pin.period_to,
        )
        .group_by(score.c.subject_id)
        .having(number >= raters)
    )


# ---- how much ----------------------------------------------------------------------------------------------------


def _score(one: Indicator, known: Mapping[str, Element], whole: Whole) -> Element:
    score = sa.cast(one.method.score(one.column, known, whole), sa.BigInteger)
    if not one.is_scored:
        return score
    if one.missing.policy == "zero":
        return sa.func.coalesce(score, 0, type_=sa.BigInteger())
    if one.missing.policy == "neutral":
        return sa.func.coalesce(score, one.missing.points, type_=sa.BigInteger())
    carried = known.get(f"p{one.column}")
    if one.missing.policy == "carry" and carried is not None:
        return sa.func.coalesce(score, carried, type_=sa.BigInteger())
    return score


# ---- what comes of it --------------------------------------------------------------------------------------------


def graded_again(scheme: Scheme, stored: sa.Select[Any]) -> sa.Select[Any]:
    """Totals and grades of stored scores under other weights and edges: nothing is measured again.

    `stored` names the columns of results, with `total` and `grade_no` as `total_before` and `grade_no_before`; these and
    whatever else it names but scores stand beside the new ones.
    """
    rows = stored.cte("stored")
    slots = {f"{letter}{one.column}" for letter in "vs" for one in scheme.indicators}
    asked = _asked(scheme)
    kept = [column for name, column in rows.c.items() if name not in slots or name in asked]
    weighed = _once(sa.select(*kept, *(_weighed(scheme, rows) if scheme.weight else ())), "weighed")
    known: dict[str, Element] = dict(weighed.c.items())
    if scheme.weight:
        known |= _mean(scheme, weighed)
    beside = [weighed.c[column.key] for column in kept if column.key not in slots]
    return sa.select(*beside, *_outcome(scheme, known))


def _asked(scheme: Scheme) -> set[str]:
    """The columns of results the outcome hangs on, beyond their weighted mean."""
    alone = {f"s{one.column}" for one in scheme.indicators if one.veto or _must_have(one)}
    by_table = scheme.indicators if scheme.table is not None else ()
    return alone | {f"{letter}{one.column}" for letter in "vs" for one in by_table}


def _outcome(scheme: Scheme, known: Mapping[str, Element]) -> list[Element]:
    """Total, grade, coverage and flags of subjects whose scores are known and weighed."""
    nothing = sa.cast(sa.null(), sa.Integer)
    total, coverage = (known.get(name, nothing) for name in ("total", "coverage"))
    failed = [known[f"s{one.column}"].is_(None) for one in scheme.indicators if _must_have(one)]
    is_failed: Element = sa.or_(sa.false(), *failed)
    thin: Element = sa.false() if not scheme.weight else _thin(scheme, known)
    grade, vetoed = _grade_no(scheme, known)
    flags = (
        sa.case((thin, INCOMPLETE), else_=0)
        + sa.case((is_failed, FAILED), else_=0)
        + sa.case((vetoed, VETOED), else_=0)
    )
    return [
        total.label("total"),
        sa.case((sa.or_(thin, is_failed), sa.null()), else_=grade).label("grade_no"),
        coverage.label("coverage"),
        flags.label("flags"),
    ]


def _must_have(one: Indicator) -> bool:
    """Whether a subject without this score gets no grade."""
    return one.is_scored and one.missing.policy in {"fail", "carry"}


def _thin(scheme: Scheme, known: Mapping[str, Element]) -> Element:
    return sa.or_(known["coverage"] == 0, known["coverage"] < scheme.minimum_coverage)


def _totalled(scheme: Scheme, scored: sa.CTE) -> sa.CTE:
    """The weighted mean of the scores there are, half up, and the weight they carry of all."""
    inner = sa.select(*scored.c, *_weighed(scheme, scored)).cte("weighed")
    kept = [column for column in inner.c if column.name not in {"present", "points"}]
    mean = [column.label(name) for name, column in _mean(scheme, inner).items()]
    return _once(sa.select(*kept, *mean), "totalled")


def _weighed(scheme: Scheme, scored: sa.CTE) -> list[Element]:
    present, points = weighed_sum(
        [(scored.c[f"s{one.column}"], one.weight) for one in scheme.indicators if one.weight]
    )
    return [present.label("present"), points.label("points")]


def _mean(scheme: Scheme, weighed: sa.CTE) -> dict[str, Element]:
    present = weighed.c.present
    return {"total": half_up(weighed.c.points, present), "coverage": present * FULL // scheme.weight}


def weighed_sum(weighed: Sequence[tuple[Element, int]]) -> tuple[Element, Element]:
    """Of scores, each with its weight: the weight of those there are, and their points times it."""
    present = _sum([sa.case((score.is_not(None), weight), else_=0) for score, weight in weighed])
    points = _sum([sa.func.coalesce(score, 0, type_=sa.BigInteger()) * weight for score, weight in weighed])
    return present, points


def half_up(points: Element, present: Element) -> Element:
    """The weighted mean in whole 1/100 points; missing where nothing has weight."""
    whole = sa.func.nullif(present, 0, type_=sa.BigInteger())
    return (points * 2 + present) // (whole * 2)


def _sum(parts: Sequence[Element]) -> Element:
    total: Element = sa.cast(parts[0], sa.BigInteger)
    for part in parts[1:]:
        total = sa.type_coerce(total + part, sa.BigInteger())
    return total


def _grade_no(scheme: Scheme, known: Mapping[str, Element]) -> tuple[Element, Element]:
    """The number of the grade after vetoes, and whether one of them lowered it."""
    grade: Element = sa.cast(sa.null(), sa.Integer)
    if scheme.bands is not None:
        grade = scheme.bands.given(known["total"])
    elif scheme.table is not None:
        columns = {one.key: known[f"s{one.column}"] for one in scheme.indicators}
        columns |= {f"{one.key}.value": known[f"v{one.column}"] for one in scheme.indicators}
        grade = scheme.table.grade_no(columns)
    vetoes = [
        (known[f"s{one.column}"] < one.veto.below, one.veto.grade_no) for one in scheme.indicators if one.veto
    ]
    lowered: list[Element] = []
    for test, cap in vetoes:
        lowered.append(sa.and_(test, grade < cap))
    lowest: Element = grade
    for test, cap in sorted(vetoes, key=lambda veto: veto[1]):
        lowest = sa.case((sa.and_(test, lowest < cap), cap), else_=lowest)
    return lowest, sa.or_(sa.false(), *lowered)
