"""Preferences granted to customers, by the day they begin."""

from __future__ import annotations

from app.models import CommercialTerm, TermKind, TermStatus
from app.words import Words
from app.workflows.evaluation.sources import (
    Source,
    closed,
    day,
    key,
    money,
    owned,
    rate,
    table_of,
    text,
    truth,
)

TERM = table_of(CommercialTerm).alias("term")
GRANTED = (TermStatus.approved, TermStatus.revoked, TermStatus.expired)

SOURCE = Source(
    name="terms",
    words=Words("优惠条件", "Preferential terms"),
    table=TERM,
    **owned(TERM),
    time=TERM.c.valid_from,
    columns=(
        key("term", TERM.c.id, "优惠", "Term"),
        text("no", TERM.c.no, "优惠编号", "Term no."),
        closed("kind", TERM.c.kind, TermKind, "类型", "Kind"),
        closed("status", TERM.c.status, TermStatus, "状态", "Status"),
        rate("discount_rate", TERM.c.discount_rate, "优惠幅度", "Discount rate"),
        money("amount", TERM.c.amount, "优惠金额", "Amount"),
        day("valid_from", TERM.c.valid_from, "开始日期", "From"),
        truth("over_standard", TERM.c.over_standard, "超出标准", "Beyond the standard"),
    ),
    stands=TERM.c.deleted_at.is_(None) & TERM.c.status.in_(GRANTED),
    fallen=Words("未批准或在回收站中", "not granted, or in the bin"),
    shown=("no", "kind", "discount_rate", "amount", "status"),
)
