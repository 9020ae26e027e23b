"""The life of a trade document (SM-26, coarse): its lines are frozen once it is confirmed."""

from __future__ import annotations

from typing import Any

from app.columns import now
from app.models import SalesDocument
from app.words import Words, say
from app.workflows.machine import By, Machine, check, moves


@check("document_has_lines", SalesDocument, zh="已填写明细", en="it has lines")
def document_has_lines(document: Any) -> Words | None:
    if not document.lines:
        return say(zh="请先填写明细。", en="Add at least one line first.")
    return None


@check("document_customer_active", SalesDocument, zh="客户已准入", en="the customer is admitted")
def document_customer_active(document: Any) -> Words | None:
    """No order for a customer who is not admitted (SM-01)."""
    customer = document.customer
    if customer is not None and document.kind == "order" and customer.status not in {"active", "dormant"}:
        return say(
            zh="客户“{name}”为{state}，不能下单。",
            en='"{name}" is {state}: no order can be taken.',
            name=customer.name,
            state=customer.status.words,
        )
    return None


def confirmed_now(document: Any) -> None:
    document.confirmed_at = now()


SALES_DOCUMENT = Machine(
    SalesDocument,
    first="draft",
    moves=(
        moves(
            "confirm",
            "draft",
            "confirmed",
            Words("确认", "Confirm"),
            checks=("document_has_lines", "document_customer_active"),
            then=(confirmed_now,),
            tone="ok",
        ),
        moves("close", "confirmed", "closed", Words("关闭", "Close")),
        moves("void", "draft confirmed", "voided", Words("作废", "Void"), needs_reason=True, tone="bad"),
        moves("reopen", "closed", "confirmed", Words("重新打开", "Reopen"), by=By.rule),
    ),
    adopted=("confirmed", "closed"),
    closed=("closed", "voided"),
    still_open=frozenset({"remark"}),
)
