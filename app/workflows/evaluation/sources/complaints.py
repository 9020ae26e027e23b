"""Complaints and other service cases, by the moment they were received."""

from __future__ import annotations

from app.models import CaseKind, CaseStatus, ServiceCase, Severity
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, key, moment, table_of, text

CASE = table_of(ServiceCase).alias("service_case_row")

SOURCE = Source(
    name="complaints",
    words=Words("投诉与服务", "Complaints and service"),
    table=CASE,
    subjects={"customer": CASE.c.customer_id, "employee": CASE.c.owner_id},
    time=CASE.c.received_at,
    columns=(
        key("case", CASE.c.id, "案件", "Case"),
        text("no", CASE.c.no, "编号", "No."),
        text("subject", CASE.c.subject, "主题", "Subject"),
        closed("kind", CASE.c.kind, CaseKind, "服务类型", "Kind"),
        closed("severity", CASE.c.severity, Severity, "严重程度", "Severity"),
        closed("status", CASE.c.status, CaseStatus, "状态", "Status"),
        moment("received_at", CASE.c.received_at, "受理时间", "Received"),
        moment("reply_due_at", CASE.c.reply_due_at, "答复期限", "Reply due"),
        moment("replied_at", CASE.c.replied_at, "答复时间", "Replied"),
    ),
    stands=CASE.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("no", "kind", "severity", "status", "subject"),
)
