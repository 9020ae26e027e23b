"""The classes customers hold: which one now in a scheme, and how one takes the place of another."""

from __future__ import annotations

from sqlalchemy import select

from app.extensions import company, db
from app.models import ClassificationScheme, ClassificationValue, CustomerClassification


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
