"""Complaints and other service cases, by the moment they were received."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.models import CaseKind, CaseStatus, Lookup, ServiceCase, Severity
from app.words import Words
from app.workflows.evaluation.dialects import company_day, hours_between
from app.workflows.evaluation.sources import (
    Join,
    Source,
    closed,
    key,
    moment,
    number,
    owned,
    quantity,
    table_of,
    text,
    truth,
)

CASE = table_of(ServiceCase).alias("service_case_row")

OWNED = owned(CASE)
CATEGORY = table_of(Lookup).alias("category")


def _quarter(case: Any) -> sa.ColumnElement[int]:
    """Quarters counted through, in company time."""
    day = company_day(case.c.received_at)
    months = sa.cast(sa.extract("year", day) * 12 + sa.extract("month", day) - 1, sa.BigInteger)
    return months // 3


def _causes() -> sa.Subquery:
    """How many complaints of a quarter have the same cause."""
    case = table_of(ServiceCase).alias("case_of_quarter")
    quarter = _quarter(case).label("quarter")
    return (
        sa.select(case.c.category_id, quarter, sa.func.count().label("cases"))
        .where(case.c.deleted_at.is_(None), case.c.kind == CaseKind.complaint)
        .group_by(case.c.category_id, quarter)
        .subquery("causes")
    )


CAUSES = _causes()

SOURCE = Source(
    name="complaints",
    words=Words("投诉与服务", "Complaints and service"),
    table=CASE,
    subjects=OWNED["subjects"],
    via=OWNED["via"],
    joins={
        **OWNED["joins"],
        "category": Join(CATEGORY, CATEGORY.c.id == CASE.c.category_id),
        "causes": Join(
            CAUSES, sa.and_(CAUSES.c.category_id == CASE.c.category_id, CAUSES.c.quarter == _quarter(CASE))
        ),
    },
    time=CASE.c.received_at,
    columns=(
        key("case", CASE.c.id, "案件", "Case"),
        key("customer", CASE.c.customer_id, "客户", "Customer"),
        key("category", CASE.c.category_id, "问题类别", "Category"),
        text("category_code", CATEGORY.c.code, "问题类别编号", "Category code", "category"),
        text("no", CASE.c.no, "编号", "No."),
        text("subject", CASE.c.subject, "主题", "Subject"),
        closed("kind", CASE.c.kind, CaseKind, "服务类型", "Kind"),
        closed("severity", CASE.c.severity, Severity, "严重程度", "Severity"),
        closed("status", CASE.c.status, CaseStatus, "状态", "Status"),
        moment("received_at", CASE.c.received_at, "受理时间", "Received"),
        moment("first_response_at", CASE.c.first_response_at, "首次响应时间", "First response"),
        moment("reply_due_at", CASE.c.reply_due_at, "答复期限", "Reply due"),
        moment("replied_at", CASE.c.replied_at, "答复时间", "Replied"),
        moment("closed_at", CASE.c.closed_at, "关闭时间", "Closed"),
        quantity(
            "hours_to_response",
            hours_between(CASE.c.received_at, CASE.c.first_response_at),
            "响应用时（小时）",
            "Hours to response",
        ),
        quantity(
            "hours_to_close",
            hours_between(CASE.c.received_at, CASE.c.closed_at),
            "处理用时（小时）",
            "Hours to closing",
        ),
        truth("is_recurring", CASE.c.recurrence_of_id.is_not(None), "重复发生", "Recurring"),
        truth(
            "is_on_time",
            sa.and_(CASE.c.replied_at.is_not(None), CASE.c.replied_at <= CASE.c.reply_due_at),
            "按期答复",
            "Replied in time",
        ),
        number(
            "same_cause", CAUSES.c.cases, "同季度同类投诉数", "Complaints of its cause that quarter", "causes"
        ),
    ),
    stands=CASE.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("no", "kind", "severity", "status", "subject"),
)
