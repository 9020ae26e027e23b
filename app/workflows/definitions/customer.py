"""The life of a customer, from prospect to the end (SM-01)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.extensions import company, db
from app.models import Customer
from app.roles import Act
from app.services import numbering
from app.words import Words, say
from app.workflows.machine import By, Machine, check, moves

CODES = numbering.Series("customer", "C{n:06d}")


@check("customer_has_keeper", Customer, zh="客户有负责人", en="the customer has an account manager")
def has_keeper(customer: Any) -> Words | None:
    if customer.owner_id is None:
        return say(zh="请先为客户指定客户经理。", en="Name an account manager for the customer first.")
    return None


def give_code(customer: Any) -> None:
    """The customer code: given once, at activation, and never changed."""
    customer.admitted_on = customer.admitted_on or company.today()
    while customer.code is None:
        code = numbering.take(CODES)
        with db.session.no_autoflush:
            taken = db.session.scalar(
                select(Customer.id).where(Customer.code == code).execution_options(with_deleted=True)
            )
        customer.code = None if taken else code


CUSTOMER = Machine(
    Customer,
    first="prospect",
    moves=(
        moves("apply", "prospect", "applicant", Words("申请准入", "Apply"), by=By.rule),
        moves(
            "return_to_prospect", "applicant", "prospect", Words("恢复为潜在", "Back to prospect"), by=By.rule
        ),
        moves(
            "activate",
            "prospect applicant",
            "active",
            Words("转为合作", "Activate"),
            by=By.rule,
            checks=("customer_has_keeper",),
            before=(give_code,),
        ),
        moves("fall_asleep", "active", "dormant", Words("转为休眠", "Fall dormant"), by=By.rule),
        moves("reactivate", "dormant", "active", Words("重新激活", "Reactivate"), by=By.rule),
        moves(
            "suspend",
            "active dormant",
            "suspended",
            Words("暂停合作", "Suspend"),
            act=Act.administer,
            needs_reason=True,
            tone="bad",
        ),
        moves(
            "resume",
            "suspended",
            "active",
            Words("恢复合作", "Resume"),
            act=Act.administer,
            needs_reason=True,
        ),
        moves(
            "end",
            "active dormant suspended",
            "ended",
            Words("终止合作", "End"),
            act=Act.administer,
            needs_reason=True,
            tone="bad",
        ),
        moves("anonymise", "prospect ended", "anonymised", Words("匿名化", "Anonymise"), by=By.rule),
    ),
    adopted=("active", "dormant", "suspended", "ended"),
    closed=("anonymised",),
)
