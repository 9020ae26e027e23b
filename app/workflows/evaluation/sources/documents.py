"""Quotations, orders, returns, cancellations and adjustments as wholes, with their totals."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import DocumentKind, DocumentStatus, SalesDocument
from app.words import Words
from app.workflows.evaluation.dialects import company_day, hours_between
from app.workflows.evaluation.sources import (
    Source,
    closed,
    day,
    key,
    moment,
    money,
    number,
    owned,
    quantity,
    table_of,
    text,
    truth,
)

DOCUMENT = table_of(SalesDocument).alias("document")

DAY = company_day(DOCUMENT.c.ordered_at)
MONTH = sa.cast(sa.extract("year", DAY) * 12 + sa.extract("month", DAY), sa.BigInteger)
"""Months counted through, so that the first of a customer can be found."""

SOURCE = Source(
    name="documents",
    words=Words("订单", "Orders"),
    table=DOCUMENT,
    **owned(DOCUMENT),
    time=DOCUMENT.c.ordered_at,
    columns=(
        key("document", DOCUMENT.c.id, "单据", "Document"),
        key("customer", DOCUMENT.c.customer_id, "客户", "Customer"),
        key("contract", DOCUMENT.c.contract_id, "合同", "Contract"),
        text("no", DOCUMENT.c.no, "单号", "Document no."),
        closed("kind", DOCUMENT.c.kind, DocumentKind, "单据类型", "Kind"),
        closed("status", DOCUMENT.c.status, DocumentStatus, "单据状态", "Status"),
        money("total", DOCUMENT.c.total, "金额", "Amount"),
        day("required_on", DOCUMENT.c.required_on, "要求交货日期", "Required on"),
        moment("delivered_at", DOCUMENT.c.delivered_at, "交货时间", "Delivered"),
        moment("sent_at", DOCUMENT.c.sent_at, "报价发出时间", "Quotation sent"),
        truth("corrected", DOCUMENT.c.corrected, "发出后改价", "Price corrected"),
        truth(
            "is_late",
            sa.and_(
                DOCUMENT.c.delivered_at.is_not(None),
                company_day(DOCUMENT.c.delivered_at) > DOCUMENT.c.required_on,
            ),
            "交货逾期",
            "Delivered late",
        ),
        quantity(
            "hours_to_quote",
            hours_between(DOCUMENT.c.requested_at, DOCUMENT.c.sent_at),
            "报价用时（小时）",
            "Hours to quotation",
        ),
        quantity(
            "hours_to_confirm",
            hours_between(DOCUMENT.c.created_at, DOCUMENT.c.confirmed_at),
            "确认用时（小时）",
            "Hours to confirmation",
        ),
        day("ordered_on", DAY, "下单日期", "Ordered on"),
        number("month_no", MONTH, "下单月份序号", "Number of the month"),
        text("country", DOCUMENT.c.country, "国家", "Country"),
    ),
    stands=sa.and_(DOCUMENT.c.deleted_at.is_(None), DOCUMENT.c.status != DocumentStatus.voided),
    fallen=Words("已作废或在回收站中", "voided, or in the bin"),
    shown=("no", "kind", "status", "total"),
)
