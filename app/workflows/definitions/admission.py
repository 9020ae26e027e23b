"""The coarse life of an admission (SM-03…SM-05); whose turn it is, is read from the open step of its flow (R2)."""

from __future__ import annotations

from typing import Any

from app.columns import now
from app.models import Admission, ContractKind, ContractStatus, VisitKind, VisitStatus
from app.services import numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, check, move_by_rule, moves

NUMBERS = numbering.Series("admission", "ZR{year}-{n:04d}")


@check("customer_is_candidate")
def customer_is_candidate(admission: Any) -> Words | None:
    if admission.customer.status not in {"prospect", "applicant"}:
        return say(
            zh="客户“{name}”已是{state}，无需准入。",
            en='"{name}" is already {state}: there is nothing to admit.',
            name=admission.customer.name,
            state=admission.customer.status.words,
        )
    return None


@check("inspection_filed")
def inspection_filed(admission: Any) -> Words | None:
    """The report of the field inspection is there (E-07)."""
    visit = admission.field_visit
    if visit is None:
        return say(zh="请选择实地考察的走访记录。", en="Choose the visit of the field inspection.")
    if visit.kind is not VisitKind.field_inspection or visit.customer_id != admission.customer_id:
        return say(
            zh="所选走访不是对该客户的实地考察。",
            en="The visit chosen is no field inspection of this customer.",
        )
    if visit.status not in {VisitStatus.done, VisitStatus.filed} or not visit.conclusion:
        return say(
            zh="实地考察尚未完成或没有结论。", en="The field inspection is not done, or has no conclusion."
        )
    return None


@check("agreement_effective")
def agreement_effective(admission: Any) -> Words | None:
    """Only an effective agreement makes a customer (E-09)."""
    agreement = admission.agreement
    if agreement is None or agreement.status is not ContractStatus.effective:
        return say(zh="合作协议尚未生效。", en="The cooperation agreement is not effective yet.")
    if agreement.kind is not ContractKind.cooperation or agreement.customer_id != admission.customer_id:
        return say(
            zh="所选合同不是该客户的合作协议。", en="This is no cooperation agreement of this customer."
        )
    return None


def number(admission: Any) -> None:
    admission.no = admission.no or numbering.take(NUMBERS)


def customer_applies(admission: Any) -> None:
    move_by_rule(admission.customer, "apply")


def customer_returns(admission: Any) -> None:
    move_by_rule(admission.customer, "return_to_prospect")


def decision_stands(admission: Any) -> None:
    admission.decided_at = now()


def customer_is_admitted(admission: Any) -> None:
    move_by_rule(admission.customer, "activate")


ADMISSION = Machine(
    Admission,
    first="draft",
    moves=(
        *decided(
            submit_checks=("customer_is_candidate",),
            on_submit=(customer_applies, number),
            on_approve=(decision_stands,),
            on_reject=(decision_stands, customer_returns),
            on_cancel=(customer_returns,),
        ),
        moves(
            "complete",
            "approved",
            "completed",
            Words("完成准入", "Complete"),
            by=By.approval,
            checks=("agreement_effective",),
            then=(customer_is_admitted,),
        ),
        moves(
            "lapse", "approved", "lapsed", Words("失效", "Lapse"), by=By.approval, then=(customer_returns,)
        ),
    ),
    adopted=("completed",),
    closed=("approved", "rejected", "withdrawn", "completed", "lapsed"),
)
