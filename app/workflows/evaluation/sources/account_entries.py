"""Invoices and payments of customers, by the day they are due."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import AccountEntry, Customer, EntryKind
from app.words import Words
from app.workflows.evaluation.sources import (
    Join,
    Source,
    closed,
    day,
    key,
    money,
    owned,
    table_of,
    text,
    truth,
)

ENTRY = table_of(AccountEntry).alias("entry")
DEBTOR = table_of(Customer).alias("debtor")
OWNED = owned(DEBTOR, after="debtor", customer=ENTRY.c.customer_id)

SOURCE = Source(
    name="account_entries",
    words=Words("往来账", "Account entries"),
    table=ENTRY,
    subjects=OWNED["subjects"],
    via=OWNED["via"],
    joins={**OWNED["joins"], "debtor": Join(DEBTOR, DEBTOR.c.id == ENTRY.c.customer_id)},
    time=ENTRY.c.due_on,
    columns=(
        key("entry", ENTRY.c.id, "凭证", "Entry"),
        text("no", ENTRY.c.no, "凭证号", "Entry no."),
        closed("kind", ENTRY.c.kind, EntryKind, "类型", "Kind"),
        money("amount", ENTRY.c.amount, "金额", "Amount"),
        money("open_amount", ENTRY.c.open_amount, "未结金额", "Open amount"),
        day("posted_on", ENTRY.c.posted_on, "记账日期", "Posted on"),
        day("due_on", ENTRY.c.due_on, "到期日", "Due on"),
        day("settled_on", ENTRY.c.settled_on, "结清日期", "Settled on"),
        truth(
            "is_on_time",
            sa.and_(ENTRY.c.settled_on.is_not(None), ENTRY.c.settled_on <= ENTRY.c.due_on),
            "按期结清",
            "Settled in time",
        ),
    ),
    stands=ENTRY.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("no", "kind", "amount", "open_amount", "due_on"),
)
