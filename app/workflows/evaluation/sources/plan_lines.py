"""Lines of plans in force: targets of customers and sellers, visits planned; by the day the plan begins."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Plan, PlanKind, PlanLine, PlanStatus
from app.words import Words
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    closed,
    day,
    in_unit,
    key,
    money,
    table_of,
    text,
)

LINE = table_of(PlanLine).alias("plan_line_row")
PLAN = table_of(Plan).alias("plan_row")
KEPT = sa.select(PLAN.c.id).where(
    PLAN.c.status.in_([PlanStatus.approved, PlanStatus.completed]), PLAN.c.deleted_at.is_(None)
)
BEGINS = sa.select(PLAN.c.period_start).where(PLAN.c.id == LINE.c.plan_id).correlate(LINE).scalar_subquery()

SOURCE = Source(
    name="plan_lines",
    words=Words("计划明细", "Plan lines"),
    table=LINE,
    subjects={
        "customer": LINE.c.customer_id,
        "employee": LINE.c.employee_id,
        "visit_programme": LINE.c.plan_id,
        "unit": UNITS.c.above_id,
    },
    via={"unit": "unit"},
    joins={"plan": Join(PLAN, PLAN.c.id == LINE.c.plan_id), "unit": in_unit(PLAN.c.org_unit_id, "plan")},
    time=sa.type_coerce(BEGINS, sa.Date()),
    columns=(
        key("line", LINE.c.id, "明细", "Line"),
        key("plan", LINE.c.plan_id, "计划", "Plan"),
        text("title", PLAN.c.title, "计划名称", "Plan title", "plan"),
        closed("kind", PLAN.c.kind, PlanKind, "计划类型", "Kind of plan", "plan"),
        day("on", LINE.c.on, "日期", "Day"),
        money("amount", LINE.c.amount, "目标金额", "Target"),
        text("content", LINE.c.content, "内容", "Content"),
    ),
    stands=sa.and_(LINE.c.deleted_at.is_(None), LINE.c.plan_id.in_(KEPT)),
    fallen=Words("计划未批准或在回收站中", "its plan is not approved, or in the bin"),
    shown=("title", "kind", "on", "amount", "content"),
)
