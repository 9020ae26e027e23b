"""The rated is heard: a published result is told to him, his opinion kept, his objection decided and put right (L-12).

Feedback and appeals are about one result: that of a published run for one customer or employee. Employees speak for
customers; of employees, never the rated himself writes them down or decides on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from app.errors import Problem
from app.extensions import company, db
from app.models import (
    AppealStatus,
    EvalAppeal,
    EvalFeedback,
    EvalResult,
    EvalRun,
    EvalSchemeVersion,
    RunStatus,
)
from app.roles import Act
from app.services import access, attachments, parameters
from app.services.records import checked
from app.words import Words, say
from app.workflows.evaluation.sources import table_of
from app.workflows.evaluation.subjects import SUBJECTS
from app.workflows.machine import move_by_rule

DAYS = "evaluation.appeal_days"
"""The parameter that says for how many days after it was told of a grade may be appealed against."""
PUBLIC = frozenset({RunStatus.published, RunStatus.superseded})
RESULT = table_of(EvalResult)
Heard = EvalFeedback | EvalAppeal


# ---- what is written down ----------------------------------------------------------------------------------


@checked(EvalFeedback)
def feedback_fits(feedback: EvalFeedback) -> Iterator[Problem]:
    """A result is told once it is published, by somebody else than the rated."""
    yield from _about_a_result(feedback, feedback.told_on, "told_on")


@checked(EvalAppeal)
def appeal_fits(appeal: EvalAppeal) -> Iterator[Problem]:
    """An appeal is about a published result, and comes in time."""
    found = list(_about_a_result(appeal, appeal.raised_on, "raised_on"))
    yield from found
    if not found and (late := too_late(appeal)) is not None:
        yield Problem(late, "raised_on")


def _about_a_result(record: Heard, day: date | None, day_field: str) -> Iterator[Problem]:
    """What is wrong with whom and when a record is about; asked only when that changes."""
    state: Any = sa.inspect(record)
    named = ("run_id", "customer_id", "employee_id", day_field)
    if not any(state.attrs[name].history.has_changes() for name in named):
        return
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        run = db.session.get(EvalRun, record.run_id)
        if run is None:
            return
        field = _field_of(run)
        graded = _is_graded(run.id, getattr(record, field)) if field else False
    if run.status not in PUBLIC or run.published_at is None:
        yield Problem(say("该评价结果尚未发布。", "This result is not published yet."), "run_id")
        return
    if not graded or (record.customer_id is not None and record.employee_id is not None):
        words = say("该对象在这次评价中没有等级。", "He has no grade in this evaluation.")
        yield Problem(words, field or "run_id")
    elif record.employee_id is not None and record.employee_id == access.principal().employee_id:
        words = say(
            "被评者本人不能记录，请由他人办理。", "Not by the rated himself: have somebody else do it."
        )
        yield Problem(words, "employee_id")
    published = run.published_at.astimezone(company.zone).date()
    if day is not None and not published <= day <= company.today():
        words = say(
            "日期应在发布日 {first} 至今天之间。",
            "The day lies between publication on {first} and today.",
            first=published,
        )
        yield Problem(words, day_field)


def _field_of(run: EvalRun) -> str:
    """Which column names the rated of a run; none for units and plans."""
    version = db.session.get_one(EvalSchemeVersion, run.scheme_version_id)
    counted_as = SUBJECTS[version.scheme.subject_type].counted_as
    return {"customer": "customer_id", "employee": "employee_id"}.get(counted_as, "")


def _is_graded(run_id: int, subject_id: int | None) -> bool:
    found = sa.select(RESULT.c.subject_id).where(
        RESULT.c.run_id == run_id, RESULT.c.subject_id == subject_id, RESULT.c.grade_no.is_not(None)
    )
    return subject_id is not None and db.session.scalar(found) is not None


# ---- in time, and once -------------------------------------------------------------------------------------


def last_day(run: EvalRun, field: str, subject_id: int) -> date | None:
    """Until when a grade may be appealed against: counted from when it was told, else from its publication.

    None where the company sets no limit.
    """
    return _last_day(run, _told_on(run.id, field, subject_id))


def _last_day(run: EvalRun, told: date | None) -> date | None:
    days = parameters.number(DAYS)
    if days is None or run.published_at is None:
        return None
    return (told or run.published_at.astimezone(company.zone).date()) + timedelta(days=int(days))


def _told_on(run_id: int, field: str, subject_id: int) -> date | None:
    """When a result was told last, whoever may read what was said then."""
    told = sa.select(sa.func.max(EvalFeedback.told_on)).where(
        EvalFeedback.run_id == run_id, getattr(EvalFeedback, field) == subject_id
    )
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        return db.session.scalar(told)


def too_late(appeal: EvalAppeal) -> Words | None:
    """Why an appeal does not come in time."""
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        run = db.session.get_one(EvalRun, appeal.run_id)
    field = "customer_id" if appeal.customer_id is not None else "employee_id"
    last = last_day(run, field, getattr(appeal, field))
    if last is None or appeal.raised_on <= last:
        return None
    return say("申诉期已于 {day} 届满。", "Appeals were possible until {day}.", day=last)


def is_repeated(appeal: EvalAppeal) -> bool:
    """Whether this grade was appealed against before; what was cancelled does not count."""
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        other = sa.select(EvalAppeal.id).where(
            EvalAppeal.id != appeal.id,
            EvalAppeal.run_id == appeal.run_id,
            _same(EvalAppeal.customer_id, appeal.customer_id),
            _same(EvalAppeal.employee_id, appeal.employee_id),
            EvalAppeal.status.not_in([AppealStatus.draft, AppealStatus.withdrawn]),
        )
        return db.session.scalar(other.limit(1)) is not None


def _same(column: Any, value: int | None) -> Any:
    return column.is_(None) if value is None else column == value


# ---- put right ---------------------------------------------------------------------------------------------


def settle(run_id: int) -> int:
    """Close the upheld appeals a run that is published now puts right; how many. Inside its transaction.

    It is a later revision for the same period, in which the rated has a grade again.
    """
    later, before = sa.orm.aliased(EvalRun), sa.orm.aliased(EvalRun)
    version, of_before = sa.orm.aliased(EvalSchemeVersion), sa.orm.aliased(EvalSchemeVersion)
    subject = sa.func.coalesce(EvalAppeal.customer_id, EvalAppeal.employee_id)
    upheld = (
        sa.select(EvalAppeal)
        .join(before, before.id == EvalAppeal.run_id)
        .join(of_before, of_before.id == before.scheme_version_id)
        .join(later, later.id == run_id)
        .join(version, version.id == later.scheme_version_id)
        .join(RESULT, sa.and_(RESULT.c.run_id == run_id, RESULT.c.subject_id == subject))
        .where(
            EvalAppeal.status == AppealStatus.approved,
            before.id < run_id,
            of_before.scheme_id == version.scheme_id,
            before.period_from == later.period_from,
            before.period_to == later.period_to,
            RESULT.c.grade_no.is_not(None),
        )
    )
    found = db.session.scalars(upheld).all()
    for appeal in found:
        with access.by_rule():
            appeal.corrected_run_id = run_id
        move_by_rule(appeal, "correct")
    return len(found)


# ---- what is shown -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was told of one result, and what was objected to it, as far as the reader may read it.

    The newest first, each with how many of its files he may see.
    """

    field: str
    """The column that names the rated."""
    was_told: bool
    """Whether the result was told at all: that much of it is known to whoever may know the result."""
    feedback: list[tuple[EvalFeedback, int]]
    appeals: list[tuple[EvalAppeal, int]]
    last_day: date | None


def of_result(run: EvalRun, subject_type: str, subject_id: int) -> Hearing | None:
    """What was heard of one result; None for subjects nobody is told of, and for results that are not published."""
    field = {"customer": "customer_id", "employee": "employee_id"}.get(SUBJECTS[subject_type].counted_as)
    if field is None or run.status not in PUBLIC:
        return None
    told = _told_on(run.id, field, subject_id)
    return Hearing(
        field,
        told is not None,
        _read(EvalFeedback, run.id, field, subject_id),
        _read(EvalAppeal, run.id, field, subject_id),
        _last_day(run, told),
    )


def _read(model: Any, run_id: int, field: str, subject_id: int) -> list[Any]:
    """The records of a result the reader may read: knowing the result gives no right to them."""
    if not access.principal().may(Act.read, access.resource_of(model)):
        return []
    found = db.session.scalars(
        sa.select(model)
        .where(model.run_id == run_id, getattr(model, field) == subject_id)
        .options(selectinload(model.owner))
        .order_by(model.id.desc())
    ).all()
    if not found:
        return []
    files = db.session.execute(sa.select(*map(attachments.count_of, found))).one()
    return list(zip(found, files, strict=True))
