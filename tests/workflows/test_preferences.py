"""Preferential terms: within the standard the service department decides and the GM takes note; beyond it, both decide."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app import workflows
from app.errors import WrongState
from app.extensions import company, db, transaction
from app.models import ApprovalRequest, ApprovalStep, CommercialTerm, StepStatus, TermStatus
from app.services import access
from app.workflows import turning
from tests.workflows.conftest import Stage

STANDARD = Decimal("0.02")
"""The largest discount of a customer without a class that counts (parameter `class.max_discount_pct.other`)."""


pytestmark = pytest.mark.stands_on("customer-development")


@pytest.fixture
def terms(stage: Stage) -> Stage:
    """The test company with the flow of the pack; Fay is head of service, Leo general manager."""
    with access.acting(access.SYSTEM), transaction():
        for person, role in (("fay", "service_head"), ("leo", "gm")):
            user = db.session.get_one(User, stage.world.users[person])
            user.roles = [db.session.scalars(select(Role).where(Role.name == role)).one()]
    return stage


def term(stage: Stage, customer_id: int | None = None, **values: Any) -> int:
    """A draft of Ann's, for a year from today on."""
    customer_id = customer_id or stage.customer("ann", "active")  # type: ignore[arg-type]
    today = company.today()
    with stage.as_("ann"), transaction():
        row = CommercialTerm(
            **{
                "customer_id": customer_id,
                "discount_rate": STANDARD,
                "valid_from": today,
                "valid_to": today + timedelta(days=365),
                "reason": "a large order",
                "owner_id": stage.employee("ann"),
                "org_unit_id": stage.world.unit_of("ann"),
                **values,
            }
        )
        db.session.add(row)
        db.session.flush()
        return row.id


def way(stage: Stage, term_id: int) -> list[str]:
    """The steps a term goes through when everybody agrees, and its status after each decision."""
    request = stage.submit("ann", term_id, CommercialTerm).request_id
    people = {"service_decision": "fay", "service_support": "fay", "general_manager": "leo", "filing": "leo"}
    found = []
    while True:
        step = open_step(request)
        if step is None:
            return found
        stage.act(people[step], request, "approve")
        found.append(f"{step}: {stage.find(CommercialTerm, term_id).status.value}")


def open_step(request: int) -> str | None:
    with access.acting(access.SYSTEM):
        return db.session.scalar(
            select(ApprovalStep.node).where(
                ApprovalStep.request_id == request, ApprovalStep.status == StepStatus.active
            )
        )


WITHIN = ["service_decision: approved", "filing: approved"]
BEYOND = ["service_support: in_approval", "general_manager: approved"]
UNIT = Decimal("0.000001")


@pytest.mark.req("F-19", "F-20", "F-21", "F-22")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"discount_rate": STANDARD - UNIT}, WITHIN),
        ({"discount_rate": STANDARD}, WITHIN),
        ({"discount_rate": STANDARD + UNIT}, BEYOND),
        ({"discount_rate": Decimal(0), "amount": Decimal(20_000)}, WITHIN),
        ({"discount_rate": Decimal(0), "amount": Decimal("20000.0001")}, BEYOND),
    ],
    ids=["below", "at", "above", "amount at", "amount above"],
)
def test_the_standard_parts_the_ways_down_to_the_unit(terms: Stage, values: Any, expected: list[str]):
    assert way(terms, term(terms, **values)) == expected


@pytest.mark.req("F-22")
def test_a_request_split_to_stay_below_the_standard_is_added_up(terms: Stage):
    customer = terms.customer("ann", "active")  # type: ignore[arg-type]
    half = STANDARD / 2
    assert way(terms, term(terms, customer, discount_rate=half)) == WITHIN
    assert way(terms, term(terms, customer, discount_rate=half)) == WITHIN
    assert way(terms, term(terms, customer, discount_rate=UNIT)) == BEYOND


def test_the_standard_is_that_of_the_day_it_is_submitted(terms: Stage):
    customer = terms.customer("ann", "active")  # type: ignore[arg-type]
    waiting = term(terms, customer)
    assert terms.find(CommercialTerm, waiting).over_standard is False
    way(terms, term(terms, customer))
    assert way(terms, waiting) == BEYOND


@pytest.mark.req("F-24")
def test_a_term_whose_period_is_over_is_not_submitted(terms: Stage):
    past = term(terms, valid_from=date(2020, 1, 1), valid_to=date(2020, 12, 31))
    with pytest.raises(WrongState):
        terms.submit("ann", past, CommercialTerm)


@pytest.mark.req("F-19")
def test_a_colleague_outside_the_chain_does_not_see_the_terms(terms: Stage):
    hidden = term(terms)
    for person, seen in (("ann", 1), ("bob", 0), ("hana", 0), ("fay", 1), ("leo", 1)):
        with terms.as_(person):
            assert (
                len(db.session.scalars(select(CommercialTerm).where(CommercialTerm.id == hidden)).all())
                == seen
            )


def test_only_the_service_department_and_the_general_manager_take_a_term_back(terms: Stage):
    granted = term(terms)
    way(terms, granted)
    with terms.as_("ann"):
        assert workflows.moves_of(db.session.get_one(CommercialTerm, granted)) == []
    with terms.as_("leo"), transaction():
        workflows.move(db.session.get_one(CommercialTerm, granted), "revoke", "arrears")
    assert terms.find(CommercialTerm, granted).status is TermStatus.revoked


@pytest.mark.req("F-24")
def test_a_term_ends_with_its_last_day(terms: Stage, monkeypatch: pytest.MonkeyPatch):
    granted = term(terms, valid_to=company.today())
    way(terms, granted)
    with access.acting(access.SYSTEM):
        assert turning.turn() == {"expired": 0, "in_force": 0}
        tomorrow = company.today() + timedelta(days=1)
        monkeypatch.setattr(type(company), "today", lambda _self: tomorrow)
        assert turning.turn() == {"expired": 1, "in_force": 0}
    assert terms.find(CommercialTerm, granted).status is TermStatus.expired


def test_the_request_keeps_what_the_standard_was(terms: Stage):
    request = terms.submit("ann", term(terms), CommercialTerm).request_id
    assert terms.find(ApprovalRequest, request).facts["standard_rate"] == 20_000
