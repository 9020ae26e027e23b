"""The life of a plan (SM-13, SM-16): decided as a whole with its lines; an adjustment is a new edition of it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.models import (
    ClassificationScheme,
    ClassificationValue,
    CustomerClassification,
    Employee,
    Plan,
    PlanKind,
    PolicyKey,
    Visit,
)
from app.services import classes, numbering, parameters
from app.services.derived import derives, former
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.effects import effect
from app.workflows.machine import By, Machine, check, move_by_rule, moves
from app.workflows.subjects import Subject

NUMBERS = numbering.Series("plan", "JH{year}-{n:04d}")

YEAR = 365
LEAST_VISITS = {
    "CORE": "visit.min_per_year.core",
    "IMPORTANT": "visit.min_per_year.important",
    "GENERAL": "visit.per_year.general",
}
"""The parameter that says how often a year a key customer of each tier is visited at least (H-04 … H-06)."""


@derives(Plan)
def settle(plan: Plan) -> None:
    """An adjustment is the next edition of what it adjusts; a visit plan knows whether it visits too rarely."""
    if (before := former(plan)) is not None:
        plan.no, plan.edition = before.no, before.edition + 1
    dated = None not in {plan.period_start, plan.period_end}
    plan.below_minimum = dated and plan.kind is PlanKind.visit and _is_below_minimum(plan)


def _is_below_minimum(plan: Plan) -> bool:
    """Whether a customer on the plan is seen less often than his tier or another class asks for, by its days."""
    days = (plan.period_end - plan.period_start).days + 1
    planned = Counter(line.customer_id for line in _lines(plan) if line.customer_id is not None)
    tiers = db.session.execute(
        select(CustomerClassification.customer_id, ClassificationValue.code)
        .join(ClassificationValue, ClassificationValue.id == CustomerClassification.value_id)
        .join(ClassificationScheme, ClassificationScheme.id == CustomerClassification.scheme_id)
        .where(
            ClassificationScheme.code == "KEY-TIER",
            CustomerClassification.valid_to.is_(None),
            CustomerClassification.customer_id.in_(planned),
        )
    )
    of_tier = {code: parameters.number(key) or Decimal(0) for code, key in LEAST_VISITS.items()}
    least = classes.strictest(PolicyKey.visits, planned)
    for customer, code in tiers:
        least[customer] = max(least.get(customer, Decimal(0)), of_tier.get(code, Decimal(0)))
    return any(planned[customer] < int(number * days / YEAR) for customer, number in least.items())


def _lines(plan: Any) -> list[Any]:
    return [line for line in plan.lines if line.deleted_at is None]


@check("plan_is_whole", Plan, zh="计划明细完整", en="the lines of the plan are complete")
def plan_is_whole(plan: Any) -> Words | None:
    """A visit says when, who and what (H-09); the targets of a sales plan add up (D-47)."""
    lines = _lines(plan)
    if plan.kind is PlanKind.visit:
        return _visits_are_whole(plan, lines)
    if plan.kind is PlanKind.sales and sum(line.amount or 0 for line in lines) != (plan.target_amount or 0):
        return say(
            zh="明细目标之和须等于计划目标金额。",
            en="The targets of the lines must add up to that of the plan.",
        )
    return None


def _visits_are_whole(plan: Any, lines: list[Any]) -> Words | None:
    if not lines:
        return say(zh="请先填写走访明细。", en="Add the visits first.")
    for line in lines:
        if not (line.customer_id and line.employee_id and line.on and line.content):
            return say(
                zh="每次走访须写明客户、走访人、日期和内容。",
                en="Each visit needs its customer, visitor, day and content.",
            )
        if not plan.period_start <= line.on <= plan.period_end:
            return say(
                zh="{day} 的走访不在计划期内。",
                en="The visit on {day} lies outside the period of the plan.",
                day=line.on.isoformat(),
            )
    if plan.below_minimum and not plan.exception_reason:
        return say(
            zh="有重点客户低于最低走访次数，请填写例外说明。",
            en="A key customer is visited less often than his tier asks for: say why.",
        )
    return None


def number(plan: Any) -> None:
    plan.no = plan.no or numbering.take(NUMBERS)


def supersede_former(plan: Any) -> None:
    """The adjusted plan takes the place of the former one."""
    if plan.supersedes is not None:
        move_by_rule(plan.supersedes, "supersede")


@effect("plan_visits", Plan, zh="生成各次走访", en="enter the planned visits")
def plan_visits(plan: Any) -> None:
    """The visits of an approved visit plan, each for its visitor to hold."""
    for line in _lines(plan):
        visitor = db.session.get_one(Employee, line.employee_id)
        visit = Visit(
            customer_id=line.customer_id,
            planned_on=line.on,
            purpose=line.content,
            owner_id=visitor.id,
            org_unit_id=visitor.org_unit_id,
        )
        db.session.add(visit)


SUBJECT = Subject(Plan, lines=("lines",))

PLAN = Machine(
    Plan,
    first="draft",
    moves=(
        *decided(submit_checks=("plan_is_whole",), on_submit=(number,), on_approve=(supersede_former,)),
        moves("complete", "approved", "completed", Words("完成", "Complete"), tone="ok"),
        moves("supersede", "approved", "superseded", Words("由新版替代", "Superseded"), by=By.rule),
    ),
    adopted=("approved", "completed"),
    closed=("approved", "rejected", "withdrawn", "completed", "superseded"),
)
