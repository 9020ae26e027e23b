"""What the check passes, the engine carries through: random sound flows, run by random deciders, never get stuck.

The people of `flow_maker.Cast` are put into a real database; the check must say the same of both.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app import workflows
from app.extensions import db, transaction
from app.models import (
    Account,
    ApprovalStep,
    ApprovalTask,
    Attachment,
    Contract,
    ContractKind,
    Customer,
    DutyStatus,
    Employee,
    Lifecycle,
    OrgUnit,
    RoleGrant,
    StepStatus,
    UnitKind,
)
from app.roles import Act, Reach
from app.services import access, records
from app.workflows import flows, simulating, verifying
from app.workflows.flow import read
from tests.workflows.flow_maker import DEPARTMENTS, Cast, Made, make
from tests.workflows.test_mutations import MUTATIONS

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def invented() -> Cast:
    """The cast without the one who stands alone: in a real company somebody always heads his department."""
    cast = Cast()
    cast.sellers.remove(9)
    return cast


class Company:
    """The cast as rows, and what its people do."""

    def __init__(self) -> None:
        self.cast = invented()
        self.employees: dict[int, int] = {}
        self.users: dict[int, int] = {}
        with access.acting(access.SYSTEM), transaction():
            self._hire()
        db.session.remove()

    def _hire(self) -> None:
        units = self._units()
        roles = self._roles()
        for number in sorted({*self.cast.above, 1}):
            named = [
                roles[name] for name, people in self.cast.roles.items() if number in people and name in roles
            ]
            seller = [roles["made_seller"]] if number in self.cast.sellers else []
            unit = units[self.cast.department.get(number, -1)]
            employee = Employee(no=str(number), name=f"no. {number}", org_unit_id=unit.id)
            user = User(
                username=f"u{number}",
                first_name="no.",
                last_name=str(number),
                email=f"u{number}@example.invalid",
                active=True,
                password="-",
                roles=[roles["made_reader"], *named, *seller],
            )
            db.session.add_all([employee, user])
            db.session.flush()
            db.session.add(Account(user_id=user.id, employee_id=employee.id))
            self.employees[number], self.users[number] = employee.id, user.id
        for person, above in self.cast.above.items():
            db.session.get_one(Employee, self.employees[person]).manager_id = self.employees[above]
        for department in range(DEPARTMENTS):
            units[department].head_id = self.employees[300 + department]

    def _units(self) -> dict[int, OrgUnit]:
        top = OrgUnit(code="M", name_zh="测试", name_en="Made", kind=UnitKind.company)
        db.session.add(top)
        db.session.flush()
        top.path = f"/{top.id}/"
        units = {-1: top}
        for number in range(DEPARTMENTS):
            unit = OrgUnit(
                code=f"M{number}",
                name_zh="部门",
                name_en="Department",
                kind=UnitKind.department,
                parent_id=top.id,
            )
            db.session.add(unit)
            db.session.flush()
            unit.path = f"{top.path}{unit.id}/"
            units[number] = unit
        return units

    def _roles(self) -> dict[str, Role]:
        """The roles of the cast; those of packs that have the same name lose their holders' other rights here."""
        found = {role.name: role for role in db.session.scalars(select(Role))}
        for name in [*self.cast.roles, "made_seller", "made_reader"]:
            if name not in found:
                found[name] = Role(name=name)
                db.session.add(found[name])
        db.session.flush()
        reading, selling = found["made_reader"].id, found["made_seller"].id
        for resource in ("contract", "customer"):
            db.session.add(RoleGrant(role_id=reading, resource=resource, act=Act.read, reach=Reach.all))
            db.session.add_all(
                RoleGrant(role_id=selling, resource=resource, act=act, reach=Reach.own)
                for act in (Act.create, Act.edit, Act.submit)
            )
        for grant in db.session.scalars(select(RoleGrant).where(RoleGrant.act == Act.submit)):
            if grant.role_id != selling and grant.resource in {"contract", "*"}:
                db.session.delete(grant)
        return found

    def as_(self, employee_id: int) -> Any:
        number = next(number for number, id_ in self.employees.items() if id_ == employee_id)
        with access.acting(access.SYSTEM):
            who = access.principal_of(self.users[number])
        assert who is not None
        return access.acting(who)

    def contract(self, owner: int, example: dict[str, Any]) -> int:
        """A draft contract with these facts, and every paper a step might ask for."""
        unit = self.cast.department[owner]
        with access.acting(access.SYSTEM), transaction(), workflows.adopting([Customer], "tests"):
            home = db.session.scalars(select(OrgUnit.id).where(OrgUnit.code == f"M{unit}")).one()
            customer = Customer(
                name="Made",
                status=Lifecycle.active,
                code=f"M{db.session.query(Customer).count()}",
                owner_id=self.employees[owner],
                org_unit_id=home,
                is_key=bool(example.get("customer.is_key")),
            )
            db.session.add(customer)
            db.session.flush()
            contract = Contract(
                title="Supply",
                kind=ContractKind(example.get("kind") or "supply"),
                customer_id=customer.id,
                owner_id=self.employees[owner],
                org_unit_id=home,
                amount=example.get("amount", 1),
                effective_on=example.get("effective_on", date(2026, 1, 1)),
            )
            db.session.add(contract)
            db.session.flush()
            for paper in ("nda", "signed_contract"):
                db.session.add(
                    Attachment(
                        object_type="contract",
                        object_id=contract.id,
                        doc_type=paper,
                        file_name=f"{paper}.pdf",
                        size=10,
                        sha256=f"{paper:0>64}",
                        media_type="application/pdf",
                    )
                )
            return contract.id

    def publish(self, made: Made) -> None:
        with access.acting(access.SYSTEM), transaction():
            flows.release(flows.add_version(made.body))

    def carry_through(
        self, rng: random.Random, made: Made, record_id: int, owner: int
    ) -> tuple[str, list[str]]:
        """Submit a record and let whoever is asked agree, in any order: how it ends, and the steps it took."""
        with self.as_(self.employees[owner]), transaction():
            request = workflows.submit(records.find(Contract, record_id)).request_id
        status = "running"
        while status == "running":
            with access.acting(access.SYSTEM):
                asked = select(ApprovalTask.assignee_id, ApprovalStep.node).join(
                    ApprovalStep, ApprovalStep.id == ApprovalTask.step_id
                )
                open_ = asked.where(
                    ApprovalTask.request_id == request, ApprovalTask.status == DutyStatus.open
                )
                person, node = rng.choice(db.session.execute(open_.order_by(ApprovalTask.id)).all())
            with self.as_(person), transaction():
                fields = dict.fromkeys(made.step(node).get("fields", ()), "as agreed")
                status = workflows.act(request, "approve", fields=fields).status
        with access.acting(access.SYSTEM):
            steps = select(ApprovalStep.node).where(
                ApprovalStep.request_id == request, ApprovalStep.status != StepStatus.skipped
            )
            return status, list(db.session.scalars(steps.order_by(ApprovalStep.id)))


@pytest.fixture
def company(in_app: Any) -> Company:
    return Company()


def possible(made: Made) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """A case for each way through a flow that a contract can be in."""
    cases = verifying.Cases(read(made.body))
    for way in cases.ways:
        example = cases.example(way.cell)
        if example.get("amount", 0) >= 0 and way.undecided is None:
            yield way.keys, example


def run(company: Company, seeds: range) -> int:
    """Run random flows; how many requests were carried through."""
    carried = 0
    for seed in seeds:
        rng = random.Random(seed)
        made = make(seed, "contract")
        company.publish(made)
        ways = list(possible(made))
        for foreseen, example in rng.sample(ways, min(2, len(ways))):
            owner = rng.choice(company.cast.sellers)
            record_id = company.contract(owner, example)
            with access.acting(access.SYSTEM):
                record = db.session.get_one(Contract, record_id)
                stages = simulating.preview(made.body, record, company.employees[owner])
            assert [stage.key for stage in stages if stage.taken] == list(foreseen)
            assert not [stage.refusal for stage in stages if stage.refusal]
            assert company.carry_through(rng, made, record_id, owner) == ("approved", list(foreseen)), (
                seed,
                example,
            )
            carried += 1
            db.session.remove()
    return carried


def test_what_passed_the_check_is_carried_through_on_the_way_foreseen(company):
    assert run(company, range(15)) > 20


@pytest.mark.long
def test_what_passed_the_check_is_carried_through_for_a_long_time(company):
    assert run(company, range(1_000, 1_250)) > 300


ABOUT_PEOPLE = (
    "a_role_has_no_holders",
    "more_votes_are_needed_than_there_are",
    "one_person_must_decide_twice",
    "a_pool_can_be_used_up_before",
    "nobody_stands_above_to_escalate_to",
)


def test_the_check_says_the_same_of_a_database_as_of_the_people_in_it(company):
    compared = 0
    for seed in range(40):
        name = ABOUT_PEOPLE[seed % len(ABOUT_PEOPLE)]
        made = make(f"{name} {seed}", "contract")
        if MUTATIONS[name](random.Random(seed), made) is None:
            continue
        real = {(it.rule, it.place, it.is_error) for it in verifying.verify(made.body)}
        data = {(it.rule, it.place, it.is_error) for it in verifying.verify(made.body, company.cast)}
        assert real == data, (name, seed)
        compared += bool(real)
    assert compared >= 15
