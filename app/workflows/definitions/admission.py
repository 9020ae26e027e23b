"""The coarse life of an admission (SM-03…SM-05); whose turn it is, is read from the open step of its flow (R2)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.columns import now
from app.extensions import db
from app.models import (
    Admission,
    AdmissionKind,
    Contract,
    ContractKind,
    ContractStatus,
    Lifecycle,
    VisitKind,
    VisitStatus,
)
from app.services import classes, numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.effects import effect
from app.workflows.machine import By, Machine, check, move_by_rule, moves

BIG = "BIG"
"""The scheme that tells big customers, and their class in it."""

PAIR = (ContractKind.supply, ContractKind.quality_assurance)
"""The contracts a recognised customer signs on one day."""

NUMBERS = numbering.Series("admission", "ZR{year}-{n:04d}")


@check("customer_is_candidate", Admission, zh="客户尚未准入", en="the customer is not admitted yet")
def customer_is_candidate(admission: Any) -> Words | None:
    """A candidate is admitted once; a big customer is one already who is not big yet."""
    if admission.flow_kind is AdmissionKind.big_customer:
        return _may_become_big(admission)
    if admission.customer.status not in {"prospect", "applicant"}:
        return say(
            zh="客户“{name}”已是{state}，无需准入。",
            en='"{name}" is already {state}: there is nothing to admit.',
            name=admission.customer.name,
            state=admission.customer.status.words,
        )
    return None


def _may_become_big(admission: Any) -> Words | None:
    if admission.customer.status in {Lifecycle.suspended, Lifecycle.ended, Lifecycle.anonymised}:
        return say(
            zh="客户“{name}”已{state}。",
            en='"{name}" is {state}.',
            name=admission.customer.name,
            state=admission.customer.status.words,
        )
    if classes.held(admission.customer_id, BIG) == BIG:
        return say(
            zh="客户“{name}”已是大客户。",
            en='"{name}" is a big customer already.',
            name=admission.customer.name,
        )
    return None


@check(
    "inspection_filed", Admission, zh="现场考察报告已归档", en="the report of the field inspection is filed"
)
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


@check("agreement_effective", Admission, zh="合作协议已生效", en="the cooperation agreement is effective")
def agreement_effective(admission: Any) -> Words | None:
    """Only an effective agreement makes a customer (E-09); a recognised one, the pair of contracts (E-21)."""
    if admission.flow_kind is AdmissionKind.recognition:
        return contract_pair_effective(admission)
    agreement = admission.agreement
    if agreement is None or agreement.status is not ContractStatus.effective:
        return say(zh="合作协议尚未生效。", en="The cooperation agreement is not effective yet.")
    if agreement.kind is not ContractKind.cooperation or agreement.customer_id != admission.customer_id:
        return say(
            zh="所选合同不是该客户的合作协议。", en="This is no cooperation agreement of this customer."
        )
    return None


@check(
    "contract_pair_effective",
    Admission,
    zh="供货与质保合同同日签订并已生效",
    en="supply and quality contracts were signed on one day and are in force",
)
def contract_pair_effective(admission: Any) -> Words | None:
    """Supply and quality assurance contract were signed on one day, and are in force (E-20, E-21)."""
    signed = {
        kind: day
        for kind, day in db.session.execute(
            select(Contract.kind, Contract.sign_on).where(
                Contract.admission_id == admission.id, Contract.status == ContractStatus.effective
            )
        )
        if kind in PAIR
    }
    if len(signed) < len(PAIR):
        return say(
            zh="供应合同与质量保证合同尚未全部生效。",
            en="The supply and the quality assurance contract are not both effective yet.",
        )
    if len(set(signed.values())) > 1:
        return say(
            zh="供应合同与质量保证合同须同日签订。",
            en="The supply and the quality assurance contract are signed on one day.",
        )
    return None


def number(admission: Any) -> None:
    admission.no = admission.no or numbering.take(NUMBERS)


def customer_applies(admission: Any) -> None:
    if admission.flow_kind is not AdmissionKind.big_customer:
        move_by_rule(admission.customer, "apply")


def customer_returns(admission: Any) -> None:
    if admission.flow_kind is not AdmissionKind.big_customer:
        move_by_rule(admission.customer, "return_to_prospect")


def decision_stands(admission: Any) -> None:
    admission.decided_at = now()


def customer_is_admitted(admission: Any) -> None:
    move_by_rule(admission.customer, "activate")


@effect("classify_big_customer", Admission, zh="列为大客户", en="class the customer as a big one")
def classify_big_customer(admission: Any) -> None:
    """The customer is a big customer from today on (E-12)."""
    classes.hold(admission.customer_id, BIG, BIG, f"{AdmissionKind.big_customer.words.zh} {admission.no}")


@effect("draft_contract_pair", Admission, zh="起草供货与质保合同", en="draft supply and quality contracts")
def draft_contract_pair(admission: Any) -> None:
    """Supply and quality assurance contract of a recognised customer, as drafts to be reviewed and signed (E-20, E-21)."""
    for kind in PAIR:
        db.session.add(
            Contract(
                title=f"{kind.words.zh} {admission.customer.name}"[:255],
                kind=kind,
                customer_id=admission.customer_id,
                admission_id=admission.id,
                payment_method_id=admission.customer.payment_method_id,
                owner_id=admission.owner_id,
                org_unit_id=admission.org_unit_id,
            )
        )


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
