"""Agreements, by the day they take effect."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Contract, ContractKind, ContractStatus
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, day, key, money, table_of, text

CONTRACT = table_of(Contract).alias("contract_row")

SOURCE = Source(
    name="contracts",
    words=Words("合同", "Contracts"),
    table=CONTRACT,
    subjects={"customer": CONTRACT.c.customer_id, "employee": CONTRACT.c.owner_id},
    time=CONTRACT.c.effective_on,
    columns=(
        key("contract", CONTRACT.c.id, "合同", "Contract"),
        text("no", CONTRACT.c.no, "合同编号", "Contract no."),
        text("title", CONTRACT.c.title, "合同名称", "Title"),
        closed("kind", CONTRACT.c.kind, ContractKind, "合同类型", "Kind"),
        closed("status", CONTRACT.c.status, ContractStatus, "状态", "Status"),
        money("amount", CONTRACT.c.amount, "金额", "Amount"),
        day("signed_on", CONTRACT.c.sign_on, "签订日期", "Signed on"),
        day("effective_on", CONTRACT.c.effective_on, "生效日期", "Effective on"),
        day("expires_on", CONTRACT.c.expires_on, "到期日期", "Expires on"),
    ),
    stands=sa.and_(
        CONTRACT.c.deleted_at.is_(None),
        CONTRACT.c.effective_on.is_not(None),
        CONTRACT.c.status.in_([ContractStatus.effective, ContractStatus.ended]),
    ),
    fallen=Words("未生效或在回收站中", "not in effect, or in the bin"),
    shown=("no", "title", "kind", "status", "amount"),
)
