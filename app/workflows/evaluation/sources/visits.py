"""Visits that were held, by the moment they were held."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Visit, VisitKind, VisitStatus
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, day, key, table_of, text

VISIT = table_of(Visit).alias("visit_row")

SOURCE = Source(
    name="visits",
    words=Words("走访记录", "Visits"),
    table=VISIT,
    subjects={"customer": VISIT.c.customer_id, "employee": VISIT.c.owner_id},
    time=VISIT.c.held_at,
    columns=(
        key("visit", VISIT.c.id, "走访", "Visit"),
        closed("kind", VISIT.c.kind, VisitKind, "走访类型", "Kind"),
        closed("status", VISIT.c.status, VisitStatus, "状态", "Status"),
        day("planned_on", VISIT.c.planned_on, "计划日期", "Planned on"),
        text("place", VISIT.c.place, "地点", "Place"),
        text("purpose", VISIT.c.purpose, "目的", "Purpose"),
        text("conclusion", VISIT.c.conclusion, "结论", "Conclusion"),
    ),
    stands=sa.and_(
        VISIT.c.deleted_at.is_(None),
        VISIT.c.held_at.is_not(None),
        VISIT.c.status.in_([VisitStatus.done, VisitStatus.filed]),
    ),
    fallen=Words("未举行、已取消或在回收站中", "not held, cancelled, or in the bin"),
    shown=("kind", "status", "planned_on", "place", "purpose"),
)
