"""What each person decided at a step of an approval, by the moment he did."""

from __future__ import annotations

from app.models import ApprovalStep, ApprovalTask, DutyStatus, Employee
from app.words import Words
from app.workflows.evaluation.dialects import hours_between
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    closed,
    in_unit,
    key,
    quantity,
    table_of,
    text,
)

DUTY = table_of(ApprovalTask).alias("duty")
STEP = table_of(ApprovalStep).alias("step")
DECIDER = table_of(Employee).alias("decider")

SOURCE = Source(
    name="decisions",
    words=Words("审批决定", "Decisions"),
    table=DUTY,
    subjects={"employee": DUTY.c.assignee_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "step": Join(STEP, STEP.c.id == DUTY.c.step_id),
        "decider": Join(DECIDER, DECIDER.c.id == DUTY.c.assignee_id),
        "unit": in_unit(DECIDER.c.org_unit_id, "decider"),
    },
    time=DUTY.c.decided_at,
    columns=(
        key("duty", DUTY.c.id, "审批任务", "Duty"),
        text("node", STEP.c.node, "步骤", "Step", "step"),
        closed("status", DUTY.c.status, DutyStatus, "状态", "Status"),
        quantity("hours", hours_between(DUTY.c.opened_at, DUTY.c.decided_at), "用时（小时）", "Hours taken"),
    ),
    stands=DUTY.c.decided_at.is_not(None),
    fallen=Words("未决定", "not decided"),
    shown=("node", "status"),
)
