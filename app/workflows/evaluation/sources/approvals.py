"""Requests for approval, by the moment they were closed."""

from __future__ import annotations

from app.models import ApprovalRequest, Employee, RequestStatus
from app.words import Words
from app.workflows.evaluation.dialects import hours_between
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    closed,
    in_unit,
    key,
    moment,
    quantity,
    table_of,
    text,
)

REQUEST = table_of(ApprovalRequest).alias("request_row")
ASKER = table_of(Employee).alias("asker")

SOURCE = Source(
    name="approvals",
    words=Words("审批", "Approvals"),
    table=REQUEST,
    subjects={"employee": REQUEST.c.submitter_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "asker": Join(ASKER, ASKER.c.id == REQUEST.c.submitter_id),
        "unit": in_unit(ASKER.c.org_unit_id, "asker"),
    },
    time=REQUEST.c.closed_at,
    columns=(
        key("request", REQUEST.c.id, "审批单", "Request"),
        text("object_type", REQUEST.c.object_type, "记录类型", "Record type"),
        closed("status", REQUEST.c.status, RequestStatus, "状态", "Status"),
        moment("submitted_at", REQUEST.c.opened_at, "提交时间", "Submitted"),
        quantity(
            "hours", hours_between(REQUEST.c.opened_at, REQUEST.c.closed_at), "用时（小时）", "Hours taken"
        ),
    ),
    stands=REQUEST.c.closed_at.is_not(None),
    fallen=Words("未结束", "not closed yet"),
    shown=("object_type", "status"),
)
