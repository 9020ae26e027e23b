"""A whole run as one statement: population, one pass per source, values, ranks, statistics, scores, totals, grades.

It reads one snapshot and writes nothing, so that nobody waits for it. Each step is a named sub-query (CTE):
`population` → one per source → `measured` → `valued` → `ranked` → `counted` (one row) → `scored` → the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.models import EvalManualScore, EvalResult
from app.services.language.sql import sql
from app.workflows.evaluation.dialects import bytewise
from app.workflows.evaluation.measures import by_source, passed
from app.workflows.evaluation.methods import FULL, Manual
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


def results(scheme: Scheme, scheme_id: int, earlier: Earlier | None = None) -> sa.Select[Any]:
    """One row per subject in order of id: `subject_id`, `v…`, `s…`, `total`, `grade_no`, `coverage`, `flags`, statistics."""
    population = _population(scheme, None)
    valued = _valued(scheme, scheme_id, _measured(scheme, population), earlier)
    ranked = _ranked(scheme, valued)
    counted = _counted(scheme, ranked)
    scored = _scored(scheme, ranked, counted)
    return _graded(scheme, scored, counted)


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


def _cte(statement: sa.Select[Any], name: str) -> sa.CTE:
    """A sub-query computed once, however often it is read."""
    cte = statement.cte(name)
    return cte.prefix_with("MATERIALIZED") if name in {"measured", "ranked", "counted"} else cte


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
    statement = (
        sa.select(subject.key.label("subject_id"), subject.code.label("subject_code"), *shown)
        .select_from(joined(subject.table, subject.columns, subject.joins, used | wanted))
        .where(subject.stands)
    )
    if scheme.where is not None:
        statement = statement.where(sql(scheme.where))
    if subject_ids is not None:
        statement = statement.where(subject.key.in_(subject_ids))
    return statement.cte("population")


# ---- what --------------------------------------------------------------------------------------------------------


def _measured(scheme: Scheme, population: sa.CTE, only: Sequence[int] | None = None) -> sa.CTE:
    """Each subject with its measures; those who do not fulfil `having` are no part of the population."""
    rows: sa.FromClause = population
    values: dict[str, Element] = {}
    for number, measures in enumerate(by_source(scheme.measures)):
        name = f"source_{measures[0].source.name}_{number}"
        one = passed(measures, scheme.subject.counted_as, scheme.pin, only).cte(name)
        on = sa.true() if measures[0].is_whole else one.c.subject_id == population.c.subject_id
        rows = rows.outerjoin(one, on)
        columns: Mapping[str, Element] = dict(one.c.items())
        for measure in measures:
            values[measure.key] = measure.value(columns, scheme.pin).label(measure.key)
    inner = sa.select(*population.c, *values.values()).select_from(rows)
    if scheme.having is None:
        return _cte(inner, "measured")
    every = inner.cte("unfiltered")
    return _cte(sa.select(*every.c).where(sql(scheme.having, dict(every.c.items()))), "measured")


def _valued(scheme: Scheme, scheme_id: int, measured: sa.CTE, earlier: Earlier | None) -> sa.CTE:
    """Each subject with the raw value of each indicator, and what its method computes beside it."""
    known: Mapping[str, Element] = dict(measured.c.items())
    rows: sa.FromClause = measured
    columns: list[Element] = [measured.c.subject_id, measured.c.subject_code]
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


def _ranked(scheme: Scheme, valued: sa.CTE) -> sa.CTE:
    """Each subject's place among all, where a method asks for it."""
    subject = (valued.c.subject_id, bytewise(valued.c.subject_code))
    windows = [
        column.label(name)
        for one in scheme.indicators
        for name, column in one.method.windows(one.column, valued.c[f"v{one.column}"], subject).items()
    ]
    return _cte(sa.select(*valued.c, *windows), "ranked")


def _counted(scheme: Scheme, ranked: sa.CTE) -> sa.CTE:
    """One row: of each indicator how many have a value, the lowest, the highest, and what its method needs besides."""
    columns: list[Element] = [sa.func.count().label("population")]
    for one in scheme.indicators:
        value = ranked.c[f"v{one.column}"]
        columns += [
            sa.func.count(value).label(f"count{one.column}"),
            sa.func.min(value, type_=sa.BigInteger()).label(f"low{one.column}"),
            sa.func.max(value, type_=sa.BigInteger()).label(f"high{one.column}"),
        ]
        more = one.method.statistics(one.column, dict(ranked.c.items()))
        columns += [column.label(name) for name, column in more.items()]
    return _cte(sa.select(*columns).select_from(ranked), "counted")


def _scored(scheme: Scheme, ranked: sa.CTE, counted: sa.CTE) -> sa.CTE:
    """Each subject's scores, after what the missing policies put in, and whether a needed one is missing."""
    known: dict[str, Element] = {**dict(counted.c.items()), **dict(ranked.c.items())}
    values = [ranked.c[f"v{one.column}"] for one in scheme.indicators]
    scores = [_score(one, known).label(f"s{one.column}") for one in scheme.indicators]
    statement = sa.select(ranked.c.subject_id, *values, *scores).select_from(ranked.join(counted, sa.true()))
    return statement.cte("scored")


def _score(one: Indicator, known: Mapping[str, Element]) -> Element:
    score = sa.cast(one.method.score(one.column, known), sa.BigInteger)
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


def _graded(scheme: Scheme, scored: sa.CTE, counted: sa.CTE) -> sa.Select[Any]:
    weighed = scored if not scheme.weight else _totalled(scheme, scored)
    slots = [weighed.c[f"{letter}{one.column}"] for letter in "vs" for one in scheme.indicators]
    statistics = [column for column in counted.c if column.name != "subject_id"]
    return (
        sa.select(weighed.c.subject_id, *slots, *_outcome(scheme, dict(weighed.c.items())), *statistics)
        .select_from(weighed.join(counted, sa.true()))
        .order_by(weighed.c.subject_id)
    )


def graded_again(scheme: Scheme, stored: sa.Select[Any]) -> sa.Select[Any]:
    """Totals and grades of stored scores under other weights and edges: nothing is measured again.

    `stored` names the columns of results, with `total` and `grade_no` as `total_before` and `grade_no_before`; they and
    whatever else it names stand beside the new ones.
    """
    scored = stored.cte("scored")
    weighed = scored if not scheme.weight else _totalled(scheme, scored)
    known = dict(weighed.c.items())
    kept = [column for name, column in known.items() if name not in {"total", "coverage"}]
    return sa.select(*kept, *_outcome(scheme, known)).select_from(weighed)


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
    present, points = weighed_sum(
        [(scored.c[f"s{one.column}"], one.weight) for one in scheme.indicators if one.weight]
    )
    inner = sa.select(*scored.c, present.label("present"), points.label("points")).cte("weighed")
    total = half_up(inner.c.points, inner.c.present)
    coverage = inner.c.present * FULL // scheme.weight
    kept = [column for column in inner.c if column.name not in {"present", "points"}]
    return sa.select(*kept, total.label("total"), coverage.label("coverage")).cte("totalled")


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
        grade = scheme.bands.score("", {"v": known["total"]})
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
