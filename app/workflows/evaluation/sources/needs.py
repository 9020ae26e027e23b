"""What customers require, by the moment it was recorded."""

from __future__ import annotations

from app.models import Need, NeedStatus
from app.words import Words
from app.workflows.evaluation.dialects import hours_between
from app.workflows.evaluation.sources import (
    Source,
    closed,
    key,
    number,
    owned,
    quantity,
    table_of,
    text,
    truth,
)

NEED = table_of(Need).alias("need_row")
DONE = (NeedStatus.verified, NeedStatus.closed)
TAKEN = (NeedStatus.approved, NeedStatus.developing, *DONE)

SOURCE = Source(
    name="needs",
    words=Words("客户需求", "Needs"),
    table=NEED,
    **owned(NEED),
    time=NEED.c.created_at,
    columns=(
        key("need", NEED.c.id, "需求", "Need"),
        text("no", NEED.c.no, "需求编号", "Need no."),
        text("title", NEED.c.title, "名称", "Title"),
        closed("status", NEED.c.status, NeedStatus, "状态", "Status"),
        number("edition", NEED.c.edition, "版次", "Edition"),
        truth("is_change", NEED.c.supersedes_id.is_not(None), "为更改", "A change"),
        truth("is_evaluated", NEED.c.status.in_([*TAKEN, NeedStatus.rejected]), "已评审", "Evaluated"),
        truth("is_accepted", NEED.c.status.in_(TAKEN), "已接受", "Accepted"),
        truth("is_delivered", NEED.c.status.in_(DONE), "已交付", "Delivered"),
        quantity(
            "hours_to_last_move", hours_between(NEED.c.created_at, NEED.c.changed_at), "用时（小时）", "Hours"
        ),
    ),
    stands=NEED.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("no", "title", "status", "edition"),
)
