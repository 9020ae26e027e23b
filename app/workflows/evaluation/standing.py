"""The grades a record holds now and those it held, each with the run it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.models import EvalCurrent, EvalRun, EvalScheme, EvalSchemeVersion, RunStatus
from app.roles import Act
from app.services import access
from app.words import Words
from app.workflows.evaluation.pins import Pin
from app.workflows.evaluation.reading import RESULT, UNGRADED, Opened


@dataclass(frozen=True, slots=True)
class Held:
    """A grade in force: the place of the grade among `grades` (0 is the best), the total in 1/100 point."""

    run_id: int
    scheme: Words
    grade: Words
    grade_no: int
    grades: int
    total: int | None
    since: date
    first: date
    last: date
    is_own: bool
    """Whether it is the grade written on the record itself."""


def grades_of(subject: str, subject_id: int) -> list[Held]:
    """The grades in force of a record the reader found, the record's own first; one statement.

    Nothing for who may not read evaluations.
    """
    if not access.principal().may(Act.read, "eval_run"):
        return []
    statement = (
        sa.select(EvalCurrent, EvalRun, EvalSchemeVersion.body)
        .join(EvalRun, EvalRun.id == EvalCurrent.run_id)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .join(EvalScheme, EvalScheme.id == EvalCurrent.scheme_id)
        .where(EvalScheme.subject_type == subject, EvalCurrent.subject_id == subject_id)
        .order_by(EvalCurrent.effective_from.desc(), EvalCurrent.run_id.desc())
    )
    found = [_held(current, run, body) for current, run, body in db.session.execute(statement)]
    return sorted(found, key=lambda held: not held.is_own)


def _held(current: EvalCurrent, run: EvalRun, body: Mapping[str, Any]) -> Held:
    grades = body["grades"]
    grade = grades[current.grade_no]
    return Held(
        run_id=current.run_id,
        scheme=Words(body["zh"], body["en"]),
        grade=Words(grade["zh"], grade["en"]),
        grade_no=current.grade_no,
        grades=len(grades),
        total=current.total,
        since=current.effective_from,
        first=run.period_from,
        last=Pin(run.period_from, run.period_to, run.as_of).last_day,
        is_own=bool((body.get("publish") or {}).get("customer_grade")),
    )


@dataclass(frozen=True, slots=True)
class Past:
    """What another published run of the same scheme found for a subject; scores by indicator, in 1/100 point."""

    run_id: int
    first: date
    last: date
    grade: Words
    grade_no: int | None
    total: int | None
    scores: dict[str, int | None]
    is_before: bool
    """Whether its period ended before the other began."""


def runs_before(opened: Opened, most: int = 5) -> list[EvalRun]:
    """The published runs of the same scheme for this or an earlier period, the newest first."""
    statement = (
        sa.select(EvalRun)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .where(
            EvalSchemeVersion.scheme_id == opened.scheme_id,
            EvalRun.id != opened.run.id,
            EvalRun.period_to <= opened.run.period_to,
            EvalRun.status.in_([RunStatus.published, RunStatus.superseded]),
        )
        .order_by(EvalRun.period_to.desc(), EvalRun.id.desc())
        .limit(most)
    )
    return list(db.session.scalars(statement))


def past_of(opened: Opened, subject_id: int, most: int = 6) -> list[Past]:
    """The other published results of a subject under this scheme, the newest period first; one statement.

    For a subject the reader found: the row policy was asked for it.
    """
    run = opened.run
    statement = (
        sa.select(RESULT, EvalRun, EvalSchemeVersion.body)
        .join(EvalRun, EvalRun.id == RESULT.c.run_id)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .where(
            RESULT.c.subject_id == subject_id,
            EvalSchemeVersion.scheme_id == opened.scheme_id,
            EvalRun.id != run.id,
            EvalRun.status.in_([RunStatus.published, RunStatus.superseded]),
        )
        .order_by(EvalRun.period_to.desc(), EvalRun.id.desc())
        .limit(most)
    )
    return [_past(row, run) for row in db.session.execute(statement).mappings()]


def _past(row: Any, later: EvalRun) -> Past:
    run, body, number = row[EvalRun], row[EvalSchemeVersion.body], row["grade_no"]
    grade = None if number is None else body["grades"][number]
    return Past(
        run_id=run.id,
        first=run.period_from,
        last=Pin(run.period_from, run.period_to, run.as_of).last_day,
        grade=UNGRADED if grade is None else Words(grade["zh"], grade["en"]),
        grade_no=number,
        total=row["total"],
        scores={key: row[f"s{slot:02}"] for slot, key in enumerate(body["indicators"], 1)},
        is_before=run.period_to <= later.period_from,
    )
