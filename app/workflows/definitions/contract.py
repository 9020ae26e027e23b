"""The coarse life of an agreement (SM-06): decided by approval, then signed, effective, ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.extensions import company, db
from app.models import AdmissionKind, AdmissionStatus, Contract, ContractKind, ContractStatus
from app.services import access, numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, check, move_by_rule, moves

AMENDING = frozenset({ContractKind.change, ContractKind.termination})
"""Kinds that change or end another contract (`parent_id`)."""

NUMBERS = numbering.Series("contract", "HT{year}-{n:04d}")


@check("customer_admitted", Contract, zh="客户已准入", en="the customer is admitted")
def customer_admitted(contract: Any) -> Words | None:
    """No contract for a customer who is not admitted; but for those that admit him."""
    if _admits(contract) or contract.customer.status in {"active", "dormant"}:
        return None
    return say(
        zh="客户“{name}”尚未准入，不能签订合同。",
        en='"{name}" is not admitted: no contract can be made.',
        name=contract.customer.name,
    )


def _admits(contract: Any) -> bool:
    """The cooperation agreement, and the pair of contracts of a customer who was recognised."""
    admission = contract.admission
    return contract.kind is ContractKind.cooperation or (
        admission is not None
        and admission.flow_kind is AdmissionKind.recognition
        and admission.status is AdmissionStatus.approved
    )


@check(
    "contract_amends",
    Contract,
    zh="变更或解除针对同一客户的生效合同",
    en="a change or end is that of an effective contract with the same customer",
)
def contract_amends(contract: Any) -> Words | None:
    """A change or end is that of an effective contract with the same customer, one at a time (F-12, F-13)."""
    if contract.kind not in AMENDING:
        return None
    parent = contract.parent
    if parent is None or parent.customer_id != contract.customer_id:
        return say(zh="请选择该客户的原合同。", en="Choose the customer's contract it is about.")
    if parent.status is not ContractStatus.effective:
        return say(
            zh="原合同{state}，不能变更或解除。",
            en="The original contract is {state}: it can be neither changed nor ended.",
            state=parent.status.words,
        )
    if _is_amended_elsewhere(contract):
        return say(
            zh="原合同已有变更或解除正在办理。", en="Another change or end of this contract is under way."
        )
    return None


def _is_amended_elsewhere(contract: Any) -> bool:
    others = select(Contract.id).where(
        Contract.parent_id == contract.parent_id,
        Contract.id != contract.id,
        Contract.kind.in_(AMENDING),
        Contract.status.in_((ContractStatus.in_approval, ContractStatus.approved)),
    )
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        return db.session.scalar(others.limit(1)) is not None


@check("contract_signed", Contract, zh="已填写签订日期和期限", en="day of signing and term are filled in")
def contract_signed(contract: Any) -> Words | None:
    if contract.kind is ContractKind.termination:
        return say(
            zh="解除协议在善后办结时生效。", en="An end takes effect when everything after it is settled."
        )
    if contract.sign_on is None or contract.effective_on is None:
        return say(zh="请填写签订日期和生效日期。", en="Give the day of signing and the effective day.")
    if contract.effective_on > company.today():
        return say(
            zh="合同 {day} 起生效，尚未到期。",
            en="The agreement is effective from {day}, which has not come.",
            day=contract.effective_on.isoformat(),
        )
    return None


@check(
    "agreement_of_admission",
    Contract,
    zh="属于已通过准入的标准协议",
    en="it is the standard agreement of an approved admission",
)
def agreement_of_admission(contract: Any) -> Words | None:
    """Only the standard agreement of an approved admission takes effect without a review of its own."""
    admission = contract.admission
    if (
        contract.kind is ContractKind.cooperation
        and admission is not None
        and admission.status is AdmissionStatus.approved
    ):
        return None
    return say(
        zh="只有已通过准入的标准合作协议可以直接签订。",
        en="Only the standard agreement of an approved admission can be signed without review.",
    )


def number(contract: Any) -> None:
    contract.no = contract.no or numbering.take(NUMBERS)


def amend_parent(contract: Any) -> None:
    """A signed change puts its terms into the contract it changes; what they were is in the log (F-12)."""
    if contract.kind is ContractKind.change:
        for name in ("amount", "terms", "expires_on", "payment_method_id"):
            if (value := getattr(contract, name)) is not None:
                setattr(contract.parent, name, value)


def end_parent(contract: Any) -> None:
    """The contract whose end was agreed on is ended."""
    contract.effective_on = contract.effective_on or company.today()
    move_by_rule(contract.parent, "end")


CONTRACT = Machine(
    Contract,
    first="draft",
    moves=(
        *decided(submit_checks=("customer_admitted", "contract_amends"), on_submit=(number,)),
        moves(
            "take_effect",
            "approved",
            "effective",
            Words("签订生效", "Sign and take effect"),
            checks=("contract_signed", "customer_admitted", "contract_amends"),
            then=(amend_parent,),
        ),
        moves(
            "conclude",
            "approved",
            "effective",
            Words("办结解除", "Conclude"),
            by=By.approval,
            checks=("contract_amends",),
            then=(end_parent,),
        ),
        moves(
            "sign_standard",
            "draft",
            "effective",
            Words("标准协议生效", "Standard agreement takes effect"),
            by=By.rule,
            checks=("agreement_of_admission", "contract_signed"),
            then=(number,),
        ),
        moves("end", "effective", "ended", Words("终止", "End"), needs_reason=True, tone="bad"),
    ),
    adopted=("effective", "ended"),
    closed=("approved", "rejected", "withdrawn", "effective", "ended"),
    still_open=frozenset({"sign_on", "effective_on", "owner_id", "org_unit_id"}),
)
