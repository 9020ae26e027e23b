"""The coarse life of a customer's need (SM-15): evaluated, developed, verified; a change takes the same way again."""

from __future__ import annotations

from typing import Any

from app.models import Need, NeedStatus
from app.services import access, numbering
from app.services.derived import derives, former
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.effects import effect
from app.workflows.machine import By, Machine, check, move_by_rule, moves
from app.workflows.subjects import Subject

NUMBERS = numbering.Series("need", "XQ{year}-{n:04d}")

CHANGEABLE = frozenset({NeedStatus.approved, NeedStatus.developing, NeedStatus.verified})
"""The states in which a need may still change."""


@derives(Need)
def settle_edition(need: Need) -> None:
    """A change goes by the number of the need it changes, as its next edition (G-12)."""
    if (before := former(need)) is not None:
        need.no, need.edition = before.no, before.edition + 1


@check(
    "need_may_change",
    Need,
    zh="变更针对同一客户已受理的需求",
    en="what is changed is an accepted need of the same customer",
)
def need_may_change(need: Any) -> Words | None:
    """What is changed is an accepted need of the same customer."""
    before = need.supersedes
    if before is None:
        return None
    if before.customer_id != need.customer_id:
        return say(zh="原需求属于另一客户。", en="The need it changes is another customer's.")
    if before.status not in CHANGEABLE:
        return say(
            zh="原需求{state}，不能更改。",
            en="The need it changes is {state}: there is nothing to change.",
            state=before.status.words,
        )
    return None


@check("need_verified", Need, zh="已由他人验证并写明结果", en="somebody else verified it and wrote down how")
def need_verified(need: Any) -> Words | None:
    """Somebody else than who recorded it verifies it, and writes down how (G-10)."""
    if not need.verification_result:
        return say(zh="请先填写验证结果。", en="Write down what the verification showed first.")
    if access.principal().employee_id == need.owner_id:
        return say(zh="记录人不能验证自己的需求。", en="Nobody verifies a need he recorded himself.")
    return None


def number(need: Any) -> None:
    need.no = need.no or numbering.take(NUMBERS)


@effect("supersede_need", Need, zh="取代被更改的需求", en="take the place of the need it changes")
def supersede_need(need: Any) -> None:
    """The accepted change takes the place of what it changes."""
    if need.supersedes is not None:
        move_by_rule(need.supersedes, "supersede")


SUBJECT = Subject(Need, related=("customer",))

NEED = Machine(
    Need,
    first="draft",
    moves=(
        *decided(submit_checks=("need_may_change",), on_submit=(number,)),
        moves("develop", "approved", "developing", Words("开始开发", "Begin development")),
        moves(
            "verify",
            "developing",
            "verified",
            Words("验证通过", "Verified"),
            checks=("need_verified",),
            tone="ok",
        ),
        moves("close", "verified", "closed", Words("客户验收关闭", "Accepted by the customer")),
        moves(
            "supersede",
            "approved developing verified",
            "superseded",
            Words("由新版替代", "Superseded"),
            by=By.rule,
        ),
    ),
    adopted=("approved", "closed"),
    closed=("approved", "rejected", "withdrawn", "developing", "verified", "closed", "superseded"),
    still_open=frozenset({"verification_result"}),
)
