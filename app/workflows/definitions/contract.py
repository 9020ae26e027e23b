"""The coarse life of an agreement (SM-06): decided by approval, then signed, effective, ended."""

from __future__ import annotations

from typing import Any

from app.extensions import company
from app.models import AdmissionStatus, Contract, ContractKind
from app.services import numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, check, moves

NUMBERS = numbering.Series("contract", "HT{year}-{n:04d}")

FOR_CANDIDATES = frozenset({ContractKind.cooperation, ContractKind.credit_settlement})
"""Kinds that may be drafted before the customer is active."""


@check("customer_admitted")
def customer_admitted(contract: Any) -> Words | None:
    """No contract for a customer who is not admitted; the cooperation agreement is what admits him."""
    if contract.kind is ContractKind.cooperation or contract.customer.status in {"active", "dormant"}:
        return None
    return say(
        zh="客户“{name}”尚未准入，不能签订合同。",
        en='"{name}" is not admitted: no contract can be made.',
        name=contract.customer.name,
    )


@check("contract_signed")
def contract_signed(contract: Any) -> Words | None:
    if contract.sign_on is None or contract.effective_on is None:
        return say(zh="请填写签订日期和生效日期。", en="Give the day of signing and the effective day.")
    if contract.effective_on > company.today():
        return say(
            zh="合同 {day} 起生效，尚未到期。",
            en="The agreement is effective from {day}, which has not come.",
            day=contract.effective_on.isoformat(),
        )
    return None


@check("agreement_of_admission")
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


CONTRACT = Machine(
    Contract,
    first="draft",
    moves=(
        *decided(submit_checks=("customer_admitted",), on_submit=(number,)),
        moves(
            "take_effect",
            "approved",
            "effective",
            Words("签订生效", "Sign and take effect"),
            checks=("contract_signed", "customer_admitted"),
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
