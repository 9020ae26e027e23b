"""Projects with customers, by the day they begin."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Project
from app.words import Words
from app.workflows.evaluation.sources import (
    Source,
    day,
    key,
    money,
    owned,
    rate,
    table_of,
    text,
    truth,
)

PROJECT = table_of(Project).alias("project_row")

SOURCE = Source(
    name="projects",
    words=Words("合作项目", "Projects"),
    table=PROJECT,
    **owned(PROJECT),
    time=PROJECT.c.start_on,
    columns=(
        key("project", PROJECT.c.id, "项目", "Project"),
        text("name", PROJECT.c.name, "名称", "Name"),
        money("amount", PROJECT.c.amount, "金额", "Amount"),
        rate("progress", PROJECT.c.progress, "实际进度", "Progress"),
        rate("planned_progress", PROJECT.c.planned_progress, "计划进度", "Planned progress"),
        day("start_on", PROJECT.c.start_on, "开始日期", "Starts on"),
        day("end_on", PROJECT.c.end_on, "计划结束", "Planned end"),
        day("closed_on", PROJECT.c.closed_on, "实际结束", "Closed on"),
        truth("is_open", PROJECT.c.closed_on.is_(None), "进行中", "Open"),
        truth(
            "is_on_time",
            sa.and_(PROJECT.c.closed_on.is_not(None), PROJECT.c.closed_on <= PROJECT.c.end_on),
            "按期结束",
            "Closed in time",
        ),
        truth("several_units", PROJECT.c.several_units, "跨部门", "Several departments"),
    ),
    stands=PROJECT.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("name", "amount", "progress", "planned_progress", "end_on"),
)
