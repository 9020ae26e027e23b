"""Parameters as numbers: what a policy leaves to the company, read where a rule needs it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from sqlalchemy import select

from app.extensions import db
from app.models import Parameter

PERCENT = Decimal(100)


def text(key: str) -> str | None:
    """A parameter as it is written; None when it is not set."""
    with db.session.no_autoflush:
        return db.session.scalar(select(Parameter.value).where(Parameter.key == key))


def number(key: str) -> Decimal | None:
    """A parameter as a number, a percentage as a share of one; None when it is not set or no number."""
    with db.session.no_autoflush:
        found = db.session.execute(
            select(Parameter.value, Parameter.unit).where(Parameter.key == key)
        ).first()
    if found is None:
        return None
    try:
        value = Decimal(found.value)
    except InvalidOperation:
        return None
    return value / PERCENT if found.unit == "%" else value
