"""Duties in the ledger: issues, obligations, rectifications, answers to risks; by the day they are due."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Employee, Task, TaskKind, TaskStatus
from app.words import Words
from app.workflows.evaluation.dialects import company_day, hours_between
from app.workflows.evaluation.sources import (
    Join,
    Source,
    closed,
    day,
    key,
    moment,
    owned,
    points,
    quantity,
    table_of,
    text,
    truth,
)

TASK = table_of(Task).alias("task_row")
DOER, ASSIGNER = (table_of(Employee).alias(name) for name in ("doer", "assigner"))
DUE = sa.func.coalesce(TASK.c.original_due_on, TASK.c.due_on, type_=sa.Date())
OWNED = owned(TASK)

SOURCE = Source(
    name="tasks",
    words=Words("责任事项", "Tasks"),
    table=TASK,
    subjects=OWNED["subjects"],
    via=OWNED["via"],
    joins={
        **OWNED["joins"],
        "doer": Join(DOER, DOER.c.id == TASK.c.owner_id),
        "assigner": Join(ASSIGNER, ASSIGNER.c.id == TASK.c.assigner_id, "doer"),
    },
    time=TASK.c.due_on,
    columns=(
        key("task", TASK.c.id, "事项", "Task"),
        text("title", TASK.c.title, "标题", "Title"),
        closed("kind", TASK.c.kind, TaskKind, "类型", "Kind"),
        closed("status", TASK.c.status, TaskStatus, "状态", "Status"),
        truth(
            "is_done",
            TASK.c.status.in_([TaskStatus.done, TaskStatus.verified]),
            "已完成",
            "Done",
        ),
        truth(
            "is_on_time",
            sa.and_(TASK.c.done_at.is_not(None), company_day(TASK.c.done_at) <= DUE),
            "按期完成",
            "Done in time",
        ),
        truth(
            "is_across",
            DOER.c.org_unit_id != ASSIGNER.c.org_unit_id,
            "跨部门",
            "Across departments",
            "assigner",
        ),
        day("due_on", TASK.c.due_on, "期限", "Due on"),
        moment("raised_at", TASK.c.created_at, "提出时间", "Raised at"),
        moment("done_at", TASK.c.done_at, "完成时间", "Done at"),
        quantity(
            "hours_to_answer",
            hours_between(TASK.c.created_at, TASK.c.first_update_at),
            "首次反馈用时（小时）",
            "Hours to first answer",
        ),
        points("satisfaction", TASK.c.satisfaction * 100, "客户满意度", "Satisfaction"),
    ),
    stands=sa.and_(TASK.c.deleted_at.is_(None), TASK.c.status != TaskStatus.cancelled),
    fallen=Words("已取消或在回收站中", "cancelled, or in the bin"),
    shown=("title", "kind", "status", "due_on"),
)
