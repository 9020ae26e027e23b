"""Customers themselves, so that those who own them, or the whole, can be measured by them; each has measures of its own."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from app.models import Customer, Lifecycle
from app.words import Words
from app.workflows.evaluation.sources import (
    Source,
    closed,
    day,
    key,
    moment,
    number,
    owned,
    table_of,
    text,
    truth,
)
from app.workflows.evaluation.subjects import BIG, holds_class

CUSTOMER = table_of(Customer).alias("customer_row")
ASKED = (
    "party_type",
    "credit_code",
    "legal_representative",
    "industry_id",
    "region_id",
    "size_id",
    "address",
    "owner_id",
)
"""What a customer's file is taken to need at least."""

EVER = sa.literal(date(1900, 1, 1), sa.Date())
"""A customer is no event: files count whenever they were entered, so that past periods can be evaluated, too."""
GIVEN: list[sa.ColumnElement[int]] = [sa.case((CUSTOMER.c[name].is_not(None), 1), else_=0) for name in ASKED]
FILLED = sum(GIVEN[1:], GIVEN[0])

SOURCE = Source(
    name="customers",
    words=Words("客户档案", "Customer files"),
    table=CUSTOMER,
    **owned(CUSTOMER, customer=CUSTOMER.c.id),
    time=EVER,
    record="customer",
    columns=(
        key("customer", CUSTOMER.c.id, "客户", "Customer"),
        key("referrer", CUSTOMER.c.referrer_id, "介绍客户", "Referred by"),
        text("code", CUSTOMER.c.code, "客户代码", "Customer code"),
        text("name", CUSTOMER.c.name, "客户名称", "Customer name"),
        closed("status", CUSTOMER.c.status, Lifecycle, "客户状态", "Customer status"),
        truth("is_key", CUSTOMER.c.is_key, "重点客户", "Key customer"),
        truth("is_big", holds_class(CUSTOMER.c.id, BIG), "大客户", "Big customer"),
        truth(
            "is_core", holds_class(CUSTOMER.c.id, ("KEY-TIER", "CORE")), "核心重点客户", "Core key customer"
        ),
        truth(
            "is_important",
            holds_class(CUSTOMER.c.id, ("KEY-TIER", "IMPORTANT")),
            "重要重点客户",
            "Important key customer",
        ),
        number("filled", FILLED, "已填必填项", "Mandatory items filled"),
        number("asked", sa.literal(len(ASKED), sa.BigInteger()), "必填项", "Mandatory items"),
        truth("is_merged", CUSTOMER.c.merged_into_id.is_not(None), "已合并", "Merged"),
        moment("entered_at", CUSTOMER.c.created_at, "建档时间", "Entered at"),
        day("reviewed_on", CUSTOMER.c.reviewed_on, "档案复核日期", "File reviewed on"),
        day("admitted_on", CUSTOMER.c.admitted_on, "准入日期", "Admitted on"),
        day("first_order_on", CUSTOMER.c.first_order_on, "首次下单", "First order"),
        day("last_order_on", CUSTOMER.c.last_order_on, "最近下单", "Last order"),
    ),
    stands=CUSTOMER.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("code", "name", "status"),
)
