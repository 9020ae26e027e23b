"""The life of a preference (SM-24): decided level by level, in force until it ends or is taken back."""

from __future__ import annotations

from typing import Any

from app.extensions import company
from app.models import CommercialTerm, Lifecycle
from app.roles import Act
from app.services import numbering, preferences
from app.services.derived import derives
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, check, moves
from app.workflows.subjects import Subject

NUMBERS = numbering.Series("commercial_term", "YH{year}-{n:04d}")


derives(CommercialTerm)(preferences.settle)


@check(
    "term_of_customer",
    CommercialTerm,
    zh="客户在册，且自今日起或以后生效",
    en="the customer is on the books, and it begins today or later",
)
def term_of_customer(term: Any) -> Words | None:
    """A preference is for a customer, and for days to come (E-27, F-24)."""
    if term.customer.status not in {Lifecycle.active, Lifecycle.dormant}:
        return say(
            zh="客户“{name}”为{state}，不能申请优惠。",
            en='"{name}" is {state}: no preference can be asked for.',
            name=term.customer.name,
            state=term.customer.status.words,
        )
    if term.valid_to < company.today():
        return say(zh="优惠期限已过。", en="The period of this preference is over.")
    return None


def number(term: Any) -> None:
    term.no = term.no or numbering.take(NUMBERS)


SUBJECT = Subject(CommercialTerm, related=("customer",))

COMMERCIAL_TERM = Machine(
    CommercialTerm,
    first="draft",
    moves=(
        *decided(submit_checks=("term_of_customer",), on_submit=(number,)),
        moves(
            "revoke",
            "approved",
            "revoked",
            Words("收回", "Revoke"),
            act=Act.administer,
            needs_reason=True,
            tone="bad",
        ),
        moves("expire", "approved", "expired", Words("到期", "Expire"), by=By.rule),
    ),
    adopted=("approved", "expired"),
    closed=("approved", "rejected", "withdrawn", "revoked", "expired"),
)
