"""Quotations, orders, returns, cancellations and adjustments as wholes, with their totals."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import DocumentKind, DocumentStatus, SalesDocument
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, key, money, table_of, text

DOCUMENT = table_of(SalesDocument).alias("document")

SOURCE = Source(
    name="documents",
    words=Words("订单", "Orders"),
    table=DOCUMENT,
    subjects={"customer": DOCUMENT.c.customer_id, "employee": DOCUMENT.c.owner_id},
    time=DOCUMENT.c.ordered_at,
    columns=(
        key("document", DOCUMENT.c.id, "单据", "Document"),
        key("contract", DOCUMENT.c.contract_id, "合同", "Contract"),
        text("no", DOCUMENT.c.no, "单号", "Document no."),
        closed("kind", DOCUMENT.c.kind, DocumentKind, "单据类型", "Kind"),
        closed("status", DOCUMENT.c.status, DocumentStatus, "单据状态", "Status"),
        money("total", DOCUMENT.c.total, "金额", "Amount"),
        text("country", DOCUMENT.c.country, "国家", "Country"),
    ),
    stands=sa.and_(DOCUMENT.c.deleted_at.is_(None), DOCUMENT.c.status != DocumentStatus.voided),
    fallen=Words("已作废或在回收站中", "voided, or in the bin"),
    shown=("no", "kind", "status", "total"),
)
