"""Visits, planned and held; by the moment they were held, or the day they were planned for."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Visit, VisitKind, VisitStatus
from app.words import Words
from app.workflows.evaluation.dialects import hours_between
from app.workflows.evaluation.sources import (
    Source,
    closed,
    day,
    key,
    moment,
    owned,
    quantity,
    table_of,
    text,
    truth,
)

VISIT = table_of(Visit).alias("visit_row")
HELD = (VisitStatus.done, VisitStatus.filed)

SOURCE = Source(
    name="visits",
    words=Words("走访记录", "Visits"),
    table=VISIT,
    **owned(VISIT),
    time=VISIT.c.held_at,
    columns=(
        key("visit", VISIT.c.id, "走访", "Visit"),
        key("customer", VISIT.c.customer_id, "客户", "Customer"),
        closed("kind", VISIT.c.kind, VisitKind, "走访类型", "Kind"),
        closed("status", VISIT.c.status, VisitStatus, "状态", "Status"),
        truth("is_held", VISIT.c.status.in_(HELD), "已举行", "Held already"),
        day("planned_on", VISIT.c.planned_on, "计划日期", "Planned on"),
        moment("held_at", VISIT.c.held_at, "走访时间", "Held at"),
        moment("filed_at", VISIT.c.filed_at, "归档时间", "Filed at"),
        quantity(
            "hours_to_file",
            hours_between(VISIT.c.held_at, VISIT.c.filed_at),
            "归档用时（小时）",
            "Hours to filing",
        ),
        truth(
            "is_complete",
            sa.and_(*(VISIT.c[name].is_not(None) for name in ("content", "feedback", "conclusion"))),
            "记录完整",
            "Record complete",
        ),
        text("place", VISIT.c.place, "地点", "Place"),
        text("purpose", VISIT.c.purpose, "目的", "Purpose"),
        text("conclusion", VISIT.c.conclusion, "结论", "Conclusion"),
    ),
    stands=VISIT.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("kind", "status", "planned_on", "place", "purpose"),
)
