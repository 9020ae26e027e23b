"""The classes customers hold: which one now in a scheme, how one takes the place of another, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from app.extensions import company, db
from app.models import (
    ClassificationScheme,
    ClassificationValue,
    CustomerClassification,
    PolicyKey,
    ValuePolicy,
)
from app.words import Words

DUTIES = frozenset({PolicyKey.visits, PolicyKey.talks})
"""Of these the largest number is the strictest; of the ceilings the smallest."""
CEILINGS = frozenset({PolicyKey.discount, PolicyKey.credit, PolicyKey.payment_days})


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a customer is treated on one point now, and by which class, held since when, from which evaluation."""

    key: PolicyKey
    number: Decimal
    scheme: Words
    value: Words
    since: date
    reason: str | None
    eval_run_id: int | None


def treatment(customer_id: int) -> list[Treatment]:
    """What the classes a customer holds now ask for, point by point: the strictest counts (C-21); one statement."""
    held = CustomerClassification
    statement = (
        select(ValuePolicy, ClassificationValue, ClassificationScheme, held)
        .join(ClassificationValue, ClassificationValue.id == ValuePolicy.value_id)
        .join(held, held.value_id == ClassificationValue.id)
        .join(ClassificationScheme, ClassificationScheme.id == held.scheme_id)
        .where(held.customer_id == customer_id, held.valid_to.is_(None), ClassificationScheme.active)
        .order_by(held.valid_from, held.id)
    )
    found: dict[PolicyKey, Treatment] = {}
    for policy, value, scheme, holding in db.session.execute(statement):
        key, before = policy.policy_key, found.get(policy.policy_key)
        if key not in DUTIES | CEILINGS or (before and not _is_stricter(key, policy.number, before.number)):
            continue
        found[key] = Treatment(
            key,
            policy.number,
            Words(scheme.name_zh, scheme.name_en),
            Words(value.name_zh, value.name_en),
            holding.valid_from,
            holding.reason,
            holding.eval_run_id,
        )
    return [found[key] for key in PolicyKey if key in found]


def _is_stricter(key: PolicyKey, number: Decimal, other: Decimal) -> bool:
    return number > other if key in DUTIES else number < other


def strictest(key: PolicyKey, customers: Iterable[int]) -> dict[int, Decimal]:
    """The number that counts for each of these customers on one point; nothing where no class says."""
    held = CustomerClassification
    worst = func.max if key in DUTIES else func.min
    statement = (
        select(held.customer_id, worst(ValuePolicy.number))
        .join(ValuePolicy, ValuePolicy.value_id == held.value_id)
        .join(ClassificationScheme, ClassificationScheme.id == held.scheme_id)
        .where(
            held.customer_id.in_(list(customers)),
            held.valid_to.is_(None),
            ClassificationScheme.active,
            ValuePolicy.policy_key == key,
        )
        .group_by(held.customer_id)
    )
    return {customer: Decimal(number) for customer, number in db.session.execute(statement)}


def policies(scheme: str) -> dict[str, dict[PolicyKey, Decimal]]:
    """What each class of a scheme says, by the code of the class."""
    statement = (
        select(ClassificationValue.code, ValuePolicy.policy_key, ValuePolicy.number)
        .join(ValuePolicy, ValuePolicy.value_id == ClassificationValue.id)
        .join(ClassificationScheme, ClassificationScheme.id == ClassificationValue.scheme_id)
        .where(ClassificationScheme.code == scheme)
    )
    found: dict[str, dict[PolicyKey, Decimal]] = {}
    for code, key, number in db.session.execute(statement):
        found.setdefault(code, {})[key] = number
    return found


def held(customer_id: int, scheme: str) -> str | None:
    """The code of the class a customer holds now in a scheme."""
    return db.session.scalar(
        select(ClassificationValue.code)
        .join(CustomerClassification, CustomerClassification.value_id == ClassificationValue.id)
        .join(ClassificationScheme, ClassificationScheme.id == CustomerClassification.scheme_id)
        .where(
            CustomerClassification.customer_id == customer_id,
            CustomerClassification.valid_to.is_(None),
            ClassificationScheme.code == scheme,
        )
    )


def hold(customer_id: int, scheme: str, code: str | None, reason: str) -> None:
    """Have a customer hold a class of a scheme from today on (none: no class any more); what he holds already stays."""
    scheme_id = db.session.scalars(
        select(ClassificationScheme.id).where(ClassificationScheme.code == scheme)
    ).one()
    value_id = db.session.scalar(
        select(ClassificationValue.id).where(
            ClassificationValue.scheme_id == scheme_id, ClassificationValue.code == code
        )
    )
    before = db.session.scalar(
        select(CustomerClassification).where(
            CustomerClassification.customer_id == customer_id,
            CustomerClassification.scheme_id == scheme_id,
            CustomerClassification.valid_to.is_(None),
        )
    )
    if before is not None and before.value_id == value_id:
        return
    if before is not None:
        before.valid_to = company.today()
        db.session.flush()
    if value_id is not None:
        db.session.add(
            CustomerClassification(
                customer_id=customer_id,
                scheme_id=scheme_id,
                value_id=value_id,
                valid_from=company.today(),
                reason=reason,
            )
        )
