"""A small company for tests: two sales teams, a service department, and people known by name.

Ann sells in team A beside Bob; Cat sells in team B of the same department; Dan works in another department. Lea leads
team A, Sam supervises, Hana heads the department, Leo leads the company, Ina inspects, Fay keeps the files, Ada administers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from app.extensions import db, transaction
from app.models import Account, Employee, OrgUnit, RoleGrant, UnitKind
from app.roles import Act, Reach
from app.services import access

PASSWORD = "a long word of the tests"
HASH = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")

PEOPLE = {
    "ann": ("林安", "team_a", "account_manager"),
    "bob": ("卜邦", "team_a", "seller"),
    "cat": ("柯婷", "team_b", "account_manager"),
    "dan": ("邓安", "service", "seller"),
    "lea": ("李雅", "team_a", "team_leader"),
    "sam": ("孙杉", "sales", "sales_supervisor"),
    "hana": ("韩娜", "sales", "sales_head"),
    "leo": ("雷欧", "hq", "company_leader"),
    "ina": ("殷娜", "inspection", "inspector"),
    "fay": ("费叶", "service", "info_keeper"),
    "ada": ("艾达", "hq", "administrator"),
}


@dataclass
class World:
    """The ids of the people and units of the test company."""

    units: dict[str, int] = field(default_factory=dict)
    employees: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)

    def principal(self, person: str) -> access.Principal:
        with access.acting(access.SYSTEM):
            found = access.principal_of(self.users[person])
        assert found is not None
        return found

    def unit_of(self, person: str) -> int:
        return self.units[PEOPLE[person][1]]


def build() -> World:
    """The company in the open database; inside an application context."""
    world = World()
    with access.acting(access.SYSTEM), transaction():
        for code, parent, kind in (
            ("hq", None, UnitKind.company),
            ("sales", "hq", UnitKind.department),
            ("team_a", "sales", UnitKind.team),
            ("team_b", "sales", UnitKind.team),
            ("service", "hq", UnitKind.department),
            ("inspection", "hq", UnitKind.supervision_group),
        ):
            _unit(world, code, parent, kind)
        roles = {role.name: role for role in db.session.scalars(select(Role))}
        for number, (person, (name, unit, role)) in enumerate(PEOPLE.items(), 1):
            _person(world, person, name, unit, number, roles[role])
        _heads(world)
    db.session.remove()
    return world


def _unit(world: World, code: str, parent: str | None, kind: UnitKind) -> None:
    unit = OrgUnit(
        code=f"T-{code}", name_zh=code, name_en=code, kind=kind, parent_id=world.units.get(parent or "")
    )
    db.session.add(unit)
    db.session.flush()
    above = db.session.get(OrgUnit, unit.parent_id) if unit.parent_id else None
    unit.path = f"{above.path if above else '/'}{unit.id}/"
    world.units[code] = unit.id


def _person(world: World, person: str, name: str, unit: str, number: int, role: Any) -> None:
    employee = Employee(no=f"T{number:03}", name=name, org_unit_id=world.units[unit])
    user = User(
        username=person,
        first_name=name,
        last_name="",
        email=f"{person}@example.invalid",
        active=True,
        password=HASH,
        roles=[role],
    )
    db.session.add_all([employee, user])
    db.session.flush()
    db.session.add(Account(user_id=user.id, employee_id=employee.id))
    world.employees[person], world.users[person] = employee.id, user.id


def _heads(world: World) -> None:
    for unit, person in (("team_a", "lea"), ("sales", "hana"), ("hq", "leo"), ("inspection", "ina")):
        db.session.get_one(OrgUnit, world.units[unit]).head_id = world.employees[person]
    for person, above in (("ann", "lea"), ("bob", "lea"), ("cat", "hana"), ("lea", "hana"), ("hana", "leo")):
        db.session.get_one(Employee, world.employees[person]).manager_id = world.employees[above]


def give_everything(world: World, person: str, reach: Reach) -> None:
    """Give this person one role: every act on every record type, as far as `reach`."""
    with access.acting(access.SYSTEM), transaction():
        role = Role(name=f"all_{reach.value}_{person}")
        db.session.add(role)
        db.session.flush()
        db.session.add_all(RoleGrant(role_id=role.id, resource="*", act=act, reach=reach) for act in Act)
        db.session.get_one(User, world.users[person]).roles = [role]
    db.session.remove()


def sign_in(client: Any, person: str) -> Any:
    """Sign in through the page, as people do."""
    answer = client.post("/sign-in", data={"username": person, "password": PASSWORD})
    assert answer.status_code == 303, answer.text[:500]
    return client
