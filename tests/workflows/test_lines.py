"""What is decided on as a whole is frozen as a whole; what is approved puts itself into what it changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import workflows
from app.columns import now
from app.errors import Refusal, WrongState
from app.extensions import company, db, transaction
from app.models import Contract, ContractKind, ContractStatus, Lifecycle, Plan, PlanKind, PlanLine
from app.services import access
from tests.workflows.conftest import Stage

FLOW: dict[str, Any] = {
    "code": "plan_test",
    "object_type": "plan",
    "name": {"zh": "计划审批", "en": "Plan approval"},
    "steps": [
        {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"role": "company_leader"}]},
    ],
}


@pytest.fixture
def plan(stage: Stage) -> int:
    """A sales plan of the head of sales with one line, submitted."""
    stage.publish(FLOW)
    customer = stage.customer("hana", Lifecycle.active)
    with stage.as_("hana"), transaction():
        owned = {"owner_id": stage.employee("hana"), "org_unit_id": stage.world.unit_of("hana")}
        today = company.today()
        row = Plan(
            title="sales",
            kind=PlanKind.sales,
            period_start=today,
            period_end=today + timedelta(days=90),
            target_amount=100,
            **owned,
        )
        row.lines.append(PlanLine(customer_id=customer, amount=100))
        db.session.add(row)
        db.session.flush()
        plan_id = row.id
    stage.submit("hana", plan_id, Plan)
    return plan_id


def line_of(plan_id: int) -> PlanLine:
    return db.session.scalars(select(PlanLine).where(PlanLine.plan_id == plan_id)).one()


def alter(plan_id: int) -> None:
    line_of(plan_id).amount = 50


def add(plan_id: int) -> None:
    db.session.add(PlanLine(plan_id=plan_id, amount=1))


def bin_it(plan_id: int) -> None:
    line_of(plan_id).deleted_at = now()


def move_away(plan_id: int) -> None:
    before = db.session.get_one(Plan, plan_id)
    other = Plan(
        title="other",
        period_start=before.period_start,
        period_end=before.period_end,
        owner_id=before.owner_id,
        org_unit_id=before.org_unit_id,
    )
    db.session.add(other)
    db.session.flush()
    line_of(plan_id).plan_id = other.id


@pytest.mark.req("G4")
@pytest.mark.parametrize("deed", [alter, add, bin_it, move_away])
def test_the_lines_of_a_plan_are_frozen_while_it_is_decided_on(
    stage: Stage, plan: int, deed: Callable[[int], None]
):
    with stage.as_("hana"), pytest.raises(Refusal), transaction():
        deed(plan)
    with stage.as_("hana"):
        line = line_of(plan)
        assert line.amount == 100
        assert not workflows.is_editable(line)
        assert not workflows.takes_lines(line.plan, PlanLine)


def test_lines_may_change_again_once_the_plan_came_back(stage: Stage, plan: int):
    with access.acting(access.SYSTEM):
        request = workflows.alive_request(db.session.get_one(Plan, plan))
    assert request is not None
    stage.act("leo", request.id, "send_back", comment="too much")
    with stage.as_("hana"), transaction():
        alter(plan)
    with stage.as_("hana"):
        assert workflows.takes_lines(line_of(plan).plan, PlanLine)


@pytest.mark.req("D-47")
def test_targets_that_do_not_add_up_are_not_submitted(stage: Stage, plan: int):
    with access.acting(access.SYSTEM):
        request = workflows.alive_request(db.session.get_one(Plan, plan))
    assert request is not None
    stage.act("leo", request.id, "send_back", comment="too much")
    with stage.as_("hana"), transaction():
        alter(plan)
    with pytest.raises(WrongState):
        stage.submit("hana", plan, Plan)


@pytest.mark.req("F-12")
def test_a_signed_change_puts_its_terms_into_the_contract(stage: Stage, flow: Callable[..., dict[str, Any]]):
    flow("leo")
    today = company.today()
    draft = stage.contract(amount=100, terms="old")
    with access.acting(access.SYSTEM), transaction(), workflows.adopting([Contract], "tests"):
        parent = db.session.get_one(Contract, draft)
        effective = Contract(
            title="in force",
            kind=ContractKind.supply,
            customer_id=parent.customer_id,
            amount=100,
            terms="old",
            status=ContractStatus.effective,
            owner_id=parent.owner_id,
            org_unit_id=parent.org_unit_id,
        )
        db.session.add(effective)
        db.session.flush()
        parent_id, customer_id = effective.id, effective.customer_id
    changes = [stage.contract(amount=130, terms="new", sign_on=today, effective_on=today) for _ in range(2)]
    with access.acting(access.SYSTEM), transaction():
        for id_ in changes:
            row = db.session.get_one(Contract, id_)
            row.kind, row.parent_id, row.customer_id = ContractKind.change, parent_id, customer_id
    request = stage.submit("ann", changes[0]).request_id
    with pytest.raises(WrongState):
        stage.submit("ann", changes[1])
    stage.act("leo", request, "approve")
    with stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Contract, changes[0]), "take_effect")
    found = stage.find(Contract, parent_id)
    assert (found.amount, found.terms) == (130, "new")
