"""Meetings, trainings, promotions and care, by the day they were planned for."""

from __future__ import annotations

from app.models import Event, EventKind
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, day, key, money, owned, table_of, text, truth

EVENT = table_of(Event).alias("event_row")

SOURCE = Source(
    name="events",
    words=Words("活动", "Events"),
    table=EVENT,
    **owned(EVENT),
    time=EVENT.c.planned_on,
    columns=(
        key("event", EVENT.c.id, "活动", "Event"),
        text("title", EVENT.c.title, "主题", "Title"),
        closed("kind", EVENT.c.kind, EventKind, "类型", "Kind"),
        day("planned_on", EVENT.c.planned_on, "计划日期", "Planned on"),
        truth("is_held", EVENT.c.held_at.is_not(None), "已举办", "Held"),
        truth("for_development", EVENT.c.for_development, "用于开发新客户", "To win customers"),
        money("cost", EVENT.c.cost, "费用", "Cost"),
    ),
    stands=EVENT.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("title", "kind", "planned_on", "cost"),
)
