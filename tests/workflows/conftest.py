"""What the tests of the approval engine stand on: the test company, flows written as dictionaries, one act a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app import workflows
from app.extensions import db, transaction
from app.models import (
    Admission,
    ApprovalRequest,
    Attachment,
    Contract,
    ContractKind,
    Customer,
    Employee,
    Lifecycle,
)
from app.services import access, records
from app.workflows.verifying import MUST_PASS
from tests.world import World, build as build_world


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

    def number(self, person: str) -> str:
        with access.acting(access.SYSTEM):
            return str(db.session.get_one(Employee, self.employee(person)).no)


@pytest.fixture
def stage(in_app: Any, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The test company; its contracts need no lawyer, so that a flow of a test may be as short as its point."""
    monkeypatch.setitem(MUST_PASS, "contract", ())
    return Stage(build_world())


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
