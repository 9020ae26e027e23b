"""The standard a preference is measured by, and what a customer is given already (F-20, F-22, F-30)."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import func, select

from app.extensions import db
from app.models import CommercialTerm, PolicyKey, TermStatus
from app.services import classes, parameters

SCHEME = "preference.scheme"
RATE = "class.max_discount_pct.{code}"
AMOUNT = "preference.amount_max"
OTHER = "other"
NOTHING = Decimal(0)
PERCENT = Decimal(100)

COUNTED = (TermStatus.in_approval, TermStatus.approved)
"""The terms that count beside a new one: those in force, and those on their way."""


def settle(term: CommercialTerm) -> None:
    """Compare a term, with all that overlap it, with the standard: what is split to stay below it is added up."""
    if None in {term.customer_id, term.valid_from, term.valid_to}:
        return  # not filled in yet: it will be refused
    rate, amount = _overlapping(term)
    term.standard_rate = standard_rate(term.customer_id)
    term.standard_amount = parameters.number(AMOUNT) or NOTHING
    term.total_rate = rate + (term.discount_rate or NOTHING)
    term.total_amount = amount + (term.amount or NOTHING)
    term.over_standard = term.total_rate > term.standard_rate or term.total_amount > term.standard_amount
    term.high_risk = classes.held(term.customer_id, "CREDIT") == "D"


def standard_rate(customer_id: int) -> Decimal:
    """The largest discount of a customer's classes, as a share: the strictest counts.

    That of all others when he has none that counts.
    """
    code = classes.held(customer_id, parameters.text(SCHEME) or "")
    found = parameters.number(RATE.format(code=code.lower())) if code else None
    said = classes.strictest(PolicyKey.discount, [customer_id]).get(customer_id)
    rates = [rate for rate in (found, None if said is None else said / PERCENT) if rate is not None]
    return min(rates) if rates else parameters.number(RATE.format(code=OTHER)) or NOTHING


def _overlapping(term: CommercialTerm) -> tuple[Decimal, Decimal]:
    """What the other terms of this customer come to on days of this one."""
    statement = select(
        func.coalesce(func.sum(CommercialTerm.discount_rate), NOTHING),
        func.coalesce(func.sum(CommercialTerm.amount), NOTHING),
    ).where(
        CommercialTerm.customer_id == term.customer_id,
        CommercialTerm.status.in_(COUNTED),
        CommercialTerm.valid_from <= term.valid_to,
        CommercialTerm.valid_to >= term.valid_from,
    )
    if term.id is not None:
        statement = statement.where(CommercialTerm.id != term.id)
    rate, amount = db.session.execute(statement).one()
    return rate, amount
