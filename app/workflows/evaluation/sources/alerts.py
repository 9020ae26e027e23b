"""Alerts people were given, by the moment they were raised."""

from __future__ import annotations

from app.models import Employee, Notice, NoticeKind
from app.words import Words
from app.workflows.evaluation.dialects import hours_between
from app.workflows.evaluation.sources import UNITS, Join, Source, in_unit, key, quantity, table_of, text

NOTICE = table_of(Notice).alias("alert")
READER = table_of(Employee).alias("reader")

SOURCE = Source(
    name="alerts",
    words=Words("预警", "Alerts"),
    table=NOTICE,
    subjects={"employee": NOTICE.c.recipient_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "reader": Join(READER, READER.c.id == NOTICE.c.recipient_id),
        "unit": in_unit(READER.c.org_unit_id, "reader"),
    },
    time=NOTICE.c.raised_at,
    columns=(
        key("alert", NOTICE.c.id, "预警", "Alert"),
        text("text", NOTICE.c.text_zh, "内容", "Text"),
        quantity(
            "hours_to_read",
            hours_between(NOTICE.c.raised_at, NOTICE.c.read_at),
            "响应用时（小时）",
            "Hours to reading",
        ),
    ),
    stands=NOTICE.c.kind == NoticeKind.alert,
    fallen=Words("不是预警", "no alert"),
    shown=("text",),
)
