"""Customers that another one brought, by the moment they were entered."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Customer
from app.words import Words
from app.workflows.evaluation.sources import Source, key, table_of, text

BROUGHT = table_of(Customer).alias("brought")

SOURCE = Source(
    name="referrals",
    words=Words("转介绍", "Referrals"),
    table=BROUGHT,
    subjects={"customer": BROUGHT.c.referrer_id},
    time=BROUGHT.c.created_at,
    columns=(
        key("customer", BROUGHT.c.id, "客户", "Customer"),
        text("code", BROUGHT.c.code, "客户代码", "Customer code"),
        text("name", BROUGHT.c.name, "客户名称", "Customer name"),
    ),
    stands=sa.and_(BROUGHT.c.deleted_at.is_(None), BROUGHT.c.merged_into_id.is_(None)),
    fallen=Words("已合并或在回收站中", "merged, or in the bin"),
    shown=("code", "name"),
)
