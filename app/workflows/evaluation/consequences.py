"""What a published grade brings about beside itself, as the policies of its class say: a risk case, a task to improve.

Ceilings and duties of a class need no writing: they follow from the class a customer holds (`services.classes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.models import Customer, EvalCurrent, EvalRun, PolicyKey, Risk, RiskKind, Task, TaskStatus
from app.services import bulk, classes
from app.words import say
from app.workflows.evaluation.reading import RESULT, Opened
from app.workflows.evaluation.sources import table_of

CURRENT, CUSTOMER, RUN = (table_of(model) for model in (EvalCurrent, Customer, EvalRun))
MIDDLE = 3
"""How likely and how grave a risk is taken for until somebody looks at it, of 5."""

Policies = Mapping[PolicyKey, Decimal]


def follow(opened: Opened, on: date) -> tuple[int, int]:
    """Open risk cases and tasks for the grades of a run; asked before they become the current ones.

    How many risks and tasks. A customer graded so for the same period before is not asked of again.
    """
    said = classes.policies(opened.scheme.publishing.classification or "")
    by_number = {number: said.get(grade.code, {}) for number, grade in enumerate(opened.scheme.grades)}
    fallen = {number: one for number, one in by_number.items() if PolicyKey.risk_on_fall in one}
    poor = {number: one for number, one in by_number.items() if PolicyKey.improvement_days in one}
    told = bulk.ChangeSet("eval_run", opened.run.id)
    risks = [_risk(opened, row, on) for row in _rows(opened, _fell(fallen))] if fallen else []
    tasks = [_task(opened, row, poor, on) for row in _rows(opened, _is_new(opened, poor))] if poor else []
    if risks:
        bulk.add(Risk, risks, told=told)
    if tasks:
        bulk.add(Task, tasks, told=told)
    return len(risks), len(tasks)


def _rows(opened: Opened, which: sa.ColumnElement[bool]) -> list[Any]:
    """The customers of a run of whom something is asked, with the grade they get and the one they had."""
    held = sa.and_(CURRENT.c.scheme_id == opened.scheme_id, CURRENT.c.subject_id == RESULT.c.subject_id)
    statement = (
        sa.select(
            CUSTOMER.c.id,
            CUSTOMER.c.owner_id,
            CUSTOMER.c.org_unit_id,
            RESULT.c.grade_no,
            CURRENT.c.grade.label("code_before"),
        )
        .select_from(RESULT.join(CUSTOMER, CUSTOMER.c.id == RESULT.c.subject_id))
        .outerjoin(CURRENT, held)
        .outerjoin(RUN, RUN.c.id == CURRENT.c.run_id)
        .where(RESULT.c.run_id == opened.run.id, which)
        .order_by(CUSTOMER.c.id)
    )
    return list(db.session.execute(statement))


def _fell(fallen: Mapping[int, Policies]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(
            sa.and_(
                RESULT.c.grade_no == number, number - CURRENT.c.grade_no >= int(one[PolicyKey.risk_on_fall])
            )
            for number, one in fallen.items()
        )
    )


def _is_new(opened: Opened, poor: Mapping[int, Policies]) -> sa.ColumnElement[bool]:
    """Graded so now, and not already for this period by an earlier revision."""
    same = sa.and_(CURRENT.c.grade_no == RESULT.c.grade_no, RUN.c.period_to == opened.run.period_to)
    return sa.and_(RESULT.c.grade_no.in_(list(poor)), sa.or_(CURRENT.c.id.is_(None), ~same))


def _risk(opened: Opened, row: Any, on: date) -> dict[str, Any]:
    grades = opened.scheme.grades
    words = say(
        "{scheme}由“{before}”降为“{after}”。",
        "{scheme}: fallen from “{before}” to “{after}”.",
        scheme=opened.scheme.words,
        before=next((one.words for one in grades if one.code == row.code_before), row.code_before),
        after=grades[row.grade_no].words,
    )
    return {
        "customer_id": row.id,
        "kind": RiskKind.operation,
        "description": str(words),
        "likelihood": MIDDLE,
        "impact": MIDDLE,
        "identified_on": on,
        "owner_id": row.owner_id,
        "org_unit_id": row.org_unit_id,
    }


def _task(opened: Opened, row: Any, poor: Mapping[int, Policies], on: date) -> dict[str, Any]:
    grade = opened.scheme.grades[row.grade_no].words
    words = say(
        "评为“{grade}”：提出改进、限制或终止合作的方案",
        "Graded “{grade}”: propose to improve, limit or end the cooperation",
        grade=grade,
    )
    return {
        "title": str(words),
        "description": str(opened.scheme.words),
        "customer_id": row.id,
        "due_on": on + timedelta(days=int(poor[row.grade_no][PolicyKey.improvement_days])),
        "status": TaskStatus.open,
        "owner_id": row.owner_id,
        "org_unit_id": row.org_unit_id,
    }
