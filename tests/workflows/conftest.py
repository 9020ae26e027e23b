"""What the tests of the approval engine stand on: the test company, flows written as dictionaries, one act a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app import workflows
from app.extensions import db, transaction
from app.models import (
    Admission,
    ApprovalAction,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    Attachment,
    Contract,
    ContractKind,
    Customer,
    Employee,
    Lifecycle,
)
from app.services import access, records
from app.workflows.verifying import MUST_PASS
from tests.world import World


class Stage:
    """People who act, one transaction each, and what they act on."""

    def __init__(self, world: World) -> None:
        self.world = world

    def as_(self, person: str) -> Any:
        return access.acting(self.world.principal(person))

    def submit(self, person: str, record_id: int, model: type[Any] = Contract, **given: Any) -> Any:
        with self.as_(person), transaction():
            return workflows.submit(records.find(model, record_id), **given)

    def act(self, person: str, request_id: int, verb: str, **given: Any) -> Any:
        with self.as_(person), transaction():
            return workflows.act(request_id, verb, **given)

    def todo(self, person: str) -> list[int]:
        with self.as_(person):
            return [item.request_id for item in workflows.inbox("todo")]

    def acts(self, person: str, request_id: int) -> set[str]:
        with self.as_(person):
            request = db.session.get_one(ApprovalRequest, request_id)
            return {offer.act.value for offer in workflows.acts_of(request)}

    def publish(self, body: dict[str, Any]) -> None:
        with access.acting(access.SYSTEM), transaction():
            workflows.flows.publish(workflows.flows.add_version(body))

    def employee(self, person: str) -> int:
        return self.world.employees[person]

    def contract(self, owner: str = "ann", **values: Any) -> int:
        """A draft contract of an active customer, made by its owner."""
        customer_id = self.customer(owner, Lifecycle.active)
        with self.as_(owner), transaction():
            contract = Contract(
                title="Supply of seed",
                kind=ContractKind.supply,
                customer_id=customer_id,
                owner_id=self.employee(owner),
                org_unit_id=self.world.unit_of(owner),
                **values,
            )
            db.session.add(contract)
            db.session.flush()
            return contract.id

    def customer(self, owner: str, status: Lifecycle = Lifecycle.prospect) -> int:
        with access.acting(access.SYSTEM), transaction(), workflows.adopting([Customer], "tests"):
            customer = Customer(
                name=f"Customer of {owner}",
                status=status,
                code=None if status is Lifecycle.prospect else f"T{db.session.query(Customer).count() + 1}",
                owner_id=self.employee(owner),
                org_unit_id=self.world.unit_of(owner),
            )
            db.session.add(customer)
            db.session.flush()
            return customer.id

    def admission(self, owner: str = "ann", **values: Any) -> int:
        customer_id = self.customer(owner)
        with self.as_(owner), transaction():
            admission = Admission(
                customer_id=customer_id,
                owner_id=self.employee(owner),
                org_unit_id=self.world.unit_of(owner),
                **{
                    "basic_situation": "a shop",
                    "cooperation_intent": "maize",
                    "expected_sales": 500_000,
                    **values,
                },
            )
            db.session.add(admission)
            db.session.flush()
            return admission.id

    def attach(self, person: str, table: str, record_id: int, doc_type: str) -> None:
        with self.as_(person), access.by_rule(), transaction():
            db.session.add(
                Attachment(
                    object_type=table,
                    object_id=record_id,
                    doc_type=doc_type,
                    file_name=f"{doc_type}.pdf",
                    size=10,
                    sha256=f"{doc_type:0>64}",
                    media_type="application/pdf",
                )
            )

    def find(self, model: type[Any], id_: int) -> Any:
        db.session.remove()
        with access.acting(access.SYSTEM):
            return db.session.get_one(model, id_)

    def told(self, request_id: int) -> list[tuple[Any, ...]]:
        """The acts of a request in order, by name: the same on both databases."""
        db.session.remove()
        with access.acting(access.SYSTEM):
            rows = db.session.execute(
                select(
                    ApprovalAction.act,
                    ApprovalAction.actor_id,
                    ApprovalAction.acting_for_id,
                    ApprovalStep.node,
                    ApprovalAction.payload,
                )
                .outerjoin(ApprovalStep, ApprovalStep.id == ApprovalAction.step_id)
                .where(ApprovalAction.request_id == request_id)
                .order_by(ApprovalAction.seq)
            )
            return [(act.value, self.called(by), self.called(whom), *rest) for act, by, whom, *rest in rows]

    def standing(self, request_id: int) -> list[Any]:
        """Where a request stands: its status, steps and duties, by name and without moments."""
        db.session.remove()
        with access.acting(access.SYSTEM):
            request = db.session.get_one(ApprovalRequest, request_id)
            rows = db.session.execute(
                select(ApprovalStep, ApprovalSeat, ApprovalTask)
                .outerjoin(ApprovalSeat, ApprovalSeat.step_id == ApprovalStep.id)
                .outerjoin(ApprovalTask, ApprovalTask.seat_id == ApprovalSeat.id)
                .where(ApprovalStep.request_id == request_id)
                .order_by(ApprovalStep.id, ApprovalSeat.id, ApprovalTask.order_no, ApprovalTask.id)
            )
            found: list[Any] = [(request.status.value, request.round_no, request.last_seq)]
            for step, seat, task in rows:
                found.append((step.round_no, step.node, step.visit_no, step.status.value))
                if task is not None:
                    duty = (self.called(task.assignee_id), task.status.value, self.called(task.acted_by_id))
                    found.append((seat.key, seat.status.value, *duty))
            return found

    def called(self, employee_id: int | None) -> str | None:
        return next((name for name, id_ in self.world.employees.items() if id_ == employee_id), None)

    def number(self, person: str) -> str:
        with access.acting(access.SYSTEM):
            return str(db.session.get_one(Employee, self.employee(person)).no)


@pytest.fixture
def stage(in_app: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The test company; its contracts need no lawyer, so that a flow of a test may be as short as its point."""
    monkeypatch.setitem(MUST_PASS, "contract", ())
    return Stage(world)


@pytest.fixture
def flow(stage: Stage) -> Callable[..., dict[str, Any]]:
    """`flow("leo", ["fay", "ina"])`: a flow of contracts with these people step by step; a list is one step's people."""

    def make(*steps: Any, **more: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "code": "contract_test",
            "object_type": "contract",
            "name": {"zh": "合同审批", "en": "Contract approval"},
            "steps": [_step(number, step) for number, step in enumerate(steps, 1)],
            **more,
        }
        stage.publish(body)
        return body

    def _step(number: int, step: Any) -> dict[str, Any]:
        if isinstance(step, dict):
            extra = dict(step)
            who = extra.pop("who", [])
        else:
            extra, who = {}, step
        people = [who] if isinstance(who, str) else who
        named = [{"employee": stage.number(person)} for person in people]
        return {
            "key": f"s{number}",
            "name": {"zh": f"第{number}步", "en": f"Step {number}"},
            **({"people": named} if named else {}),
            **extra,
        }

    return make
