"""The life of an edition of a policy (SM-22): consulted on, put into force, in force until the next one is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.extensions import company, db
from app.models import PolicyDocument, PolicyStatus
from app.roles import Act
from app.services.derived import derives, former
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.effects import effect
from app.workflows.machine import By, Machine, check, move_by_rule, moves
from app.workflows.subjects import Subject


@derives(PolicyDocument)
def settle_edition(policy: PolicyDocument) -> None:
    """A revision keeps the number of the policy, and takes the same way as its first edition (V-07)."""
    if (before := former(policy)) is not None:
        policy.code, policy.edition, policy.decided_by = before.code, before.edition + 1, before.decided_by


@check("policy_is_ahead", PolicyDocument, zh="生效日期未过", en="its day of effect has not passed")
def policy_is_ahead(policy: Any) -> Words | None:
    """Nothing is put into force backwards, and only what is in force is revised."""
    if policy.effective_on < company.today():
        return say(zh="生效日期不能早于今天。", en="It cannot take effect before today.")
    if policy.supersedes is not None and policy.supersedes.status is not PolicyStatus.effective:
        return say(zh="只能修订现行有效的制度。", en="Only a policy that is in force can be revised.")
    return None


@check("policy_is_due", PolicyDocument, zh="生效日期已到", en="its day of effect has come")
def policy_is_due(policy: Any) -> Words | None:
    if policy.effective_on > company.today():
        return say(
            zh="该制度自 {day} 起生效。",
            en="This policy takes effect on {day}.",
            day=policy.effective_on.isoformat(),
        )
    return None


def supersede_former(policy: Any) -> None:
    """There is one edition in force at a time."""
    before = db.session.scalar(
        select(PolicyDocument).where(
            PolicyDocument.code == policy.code, PolicyDocument.status == PolicyStatus.effective
        )
    )
    if before is not None:
        move_by_rule(before, "supersede")


@effect("put_policy_in_force", PolicyDocument, zh="制度生效", en="put the policy into force")
def put_policy_in_force(policy: Any) -> None:
    """An approved policy is in force at once if its day has come; else it waits for it."""
    if policy.effective_on <= company.today():
        move_by_rule(policy, "take_effect")


SUBJECT = Subject(PolicyDocument)

POLICY_DOCUMENT = Machine(
    PolicyDocument,
    first="draft",
    moves=(
        *decided(submit_checks=("policy_is_ahead",)),
        moves(
            "take_effect",
            "approved",
            "effective",
            Words("生效", "Take effect"),
            by=By.rule,
            checks=("policy_is_due",),
            before=(supersede_former,),
        ),
        moves("supersede", "effective", "superseded", Words("由新版替代", "Superseded"), by=By.rule),
        moves(
            "repeal",
            "effective",
            "repealed",
            Words("废止", "Repeal"),
            act=Act.administer,
            needs_reason=True,
            tone="bad",
        ),
    ),
    adopted=("effective", "superseded", "repealed"),
    closed=("approved", "rejected", "withdrawn", "effective", "superseded", "repealed"),
)
