"""Agreements, by the day they take effect."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Contract, ContractKind, ContractStatus
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, day, key, money, owned, table_of, text, truth

CONTRACT = table_of(Contract).alias("contract_row")
CHANGE = table_of(Contract).alias("change_row")
CHANGED = (
    sa.exists()
    .where(
        CHANGE.c.parent_id == CONTRACT.c.id,
        CHANGE.c.kind == ContractKind.change,
        CHANGE.c.deleted_at.is_(None),
        CHANGE.c.status.in_([ContractStatus.effective, ContractStatus.ended]),
    )
    .correlate(CONTRACT)
)

SOURCE = Source(
    name="contracts",
    words=Words("合同", "Contracts"),
    table=CONTRACT,
    **owned(CONTRACT),
    time=CONTRACT.c.effective_on,
    columns=(
        key("contract", CONTRACT.c.id, "合同", "Contract"),
        text("no", CONTRACT.c.no, "合同编号", "Contract no."),
        text("title", CONTRACT.c.title, "合同名称", "Title"),
        closed("kind", CONTRACT.c.kind, ContractKind, "合同类型", "Kind"),
        closed("status", CONTRACT.c.status, ContractStatus, "状态", "Status"),
        money("amount", CONTRACT.c.amount, "金额", "Amount"),
        day("consulted_on", CONTRACT.c.consulted_on, "协商日期", "Agreed on"),
        day("signed_on", CONTRACT.c.sign_on, "签订日期", "Signed on"),
        day("effective_on", CONTRACT.c.effective_on, "生效日期", "Effective on"),
        day("expires_on", CONTRACT.c.expires_on, "到期日期", "Expires on"),
        truth("is_changed", CHANGED, "有变更", "Changed"),
    ),
    stands=sa.and_(
        CONTRACT.c.deleted_at.is_(None),
        CONTRACT.c.effective_on.is_not(None),
        CONTRACT.c.status.in_([ContractStatus.effective, ContractStatus.ended]),
    ),
    fallen=Words("未生效或在回收站中", "not in effect, or in the bin"),
    shown=("no", "title", "kind", "status", "amount"),
)
