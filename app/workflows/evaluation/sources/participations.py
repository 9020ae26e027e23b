"""Who was invited to events, by the day of the event."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Event, EventKind, Participant
from app.words import Words
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    closed,
    in_unit,
    key,
    money,
    quantity,
    table_of,
    text,
    truth,
)

GUEST = table_of(Participant).alias("guest")
EVENT = table_of(Event).alias("event_row")
DAY = sa.select(EVENT.c.planned_on).where(EVENT.c.id == GUEST.c.event_id).correlate(GUEST).scalar_subquery()

SOURCE = Source(
    name="participations",
    words=Words("活动参加情况", "Participation in events"),
    table=GUEST,
    subjects={"customer": GUEST.c.customer_id, "employee": GUEST.c.employee_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "event": Join(EVENT, EVENT.c.id == GUEST.c.event_id),
        "unit": in_unit(EVENT.c.org_unit_id, "event"),
    },
    time=sa.type_coerce(DAY, sa.Date()),
    columns=(
        key("participant", GUEST.c.id, "参加人", "Participant"),
        key("event", GUEST.c.event_id, "活动", "Event"),
        text("title", EVENT.c.title, "主题", "Title", "event"),
        closed("kind", EVENT.c.kind, EventKind, "类型", "Kind", "event"),
        money("cost", EVENT.c.cost, "费用", "Cost", "event"),
        truth("attended", GUEST.c.attended, "到场", "Attended"),
        quantity("hours", GUEST.c.hours, "学时", "Hours"),
    ),
    stands=GUEST.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("title", "kind", "attended"),
)
