"""What a decision brings about: the closed list of effects a flow may name, never a script.

An effect runs in the transaction of the decision, by rule of the house. `{move: approve}` makes a move of the record's
machine; `{effect: …}` runs one of the functions below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.errors import WrongState
from app.extensions import db
from app.models import Admission, Contract, ContractKind, ContractStatus
from app.services import access
from app.words import Words, say
from app.workflows.machine import Named, machine_of, move_by_approval, move_by_rule

Effect = Callable[[Any], object]

effects: dict[str, Named[object]] = {}
"""The closed list, by the name flows use."""


def effect(name: str, model: type[Any], *, zh: str, en: str) -> Callable[[Effect], Effect]:
    """Put an effect on the list."""

    def add(function: Effect) -> Effect:
        effects[name] = Named(model, Words(zh, en), function)
        return function

    return add


def bring_about(record: Any, wanted: Iterable[Mapping[str, Any]], reason: str | None = None) -> None:
    """Carry out what a flow names, in order."""
    for one in wanted:
        if "move" in one:
            move_by_approval(record, str(one["move"]), reason)
        else:
            with access.by_rule():
                effects[str(one["effect"])](record)
                db.session.flush()


def unknown(record_type: Any, wanted: Iterable[Mapping[str, Any]]) -> list[str]:
    """The effects named that records of this type do not have, for the check before a flow is published."""
    known = {move.verb for move in machine_of(record_type()).moves}
    brought = {name for name, found in effects.items() if found.model is record_type}
    return [
        str(one)
        for one in wanted
        if not (one.get("effect") in brought or one.get("move") in known) or len(one) != 1
    ]


@effect("draft_agreement", Admission, zh="起草合作协议", en="draft the cooperation agreement")
def draft_agreement(admission: Any) -> None:
    """The standard cooperation agreement of an approved admission, as a draft to be signed (E-09)."""
    if admission.agreement_id is not None:
        return
    name = admission.customer.name
    agreement = Contract(
        title=f"合作协议 {name}"[:255],
        kind=ContractKind.cooperation,
        customer_id=admission.customer_id,
        admission_id=admission.id,
        payment_method_id=admission.customer.payment_method_id,
        owner_id=admission.owner_id,
        org_unit_id=admission.org_unit_id,
    )
    db.session.add(agreement)
    db.session.flush()
    admission.agreement_id = agreement.id
    admission.agreement = agreement


@effect("sign_agreement", Admission, zh="合作协议生效", en="put the signed agreement into effect")
def sign_agreement(admission: Any) -> None:
    """The signed agreement takes effect; one that is effective already stays as it is."""
    agreement = admission.agreement
    if agreement is None:
        raise WrongState(say(zh="没有合作协议。", en="There is no cooperation agreement."))
    if agreement.status is not ContractStatus.effective:
        move_by_rule(agreement, "sign_standard")
