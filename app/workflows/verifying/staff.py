"""Who works here, as far as the check needs it: who submits, whom the rules name, who stands above whom.

`Company` is the company of today, read from the database; a check on invented people brings its own `Staff`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Protocol

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.extensions import db
from app.models import Account, Employee, EmployeeStatus, Lookup, OrgUnit, Position, RoleGrant
from app.roles import Act, Reach
from app.services import access
from app.words import say
from app.workflows import people, proceedings, subjects
from app.workflows.flow import Flow, Seat
from app.workflows.people import Asked, Found

Known = Callable[[str, str], bool]
"""Whether there is a role, position, employee, function or kind of document of this code."""

Rules = Sequence[Mapping[str, Any]]


class Staff(Protocol):
    """The people a check goes by; all are named by their employee id."""

    def known(self, kind: str, code: str) -> bool:
        """Whether there is such a role, position, employee, function or kind of document."""

    def submitters(self, flow: Flow) -> Sequence[int]:
        """Everybody who may submit under this flow."""

    def colleagues(self, person: int) -> Collection[int]:
        """Everybody of a person's department."""

    def readers(self, flow: Flow) -> Collection[int]:
        """Everybody who may read a record of this kind once it is put before him."""

    def name(self, person: int) -> str:
        """What a person is called."""

    def group(self, person: int) -> Hashable:
        """What the rules tell submitters apart by: of one group they name the same people."""

    def owners(self, flow: Flow, submitter: int, among: Collection[int]) -> list[int]:
        """Those of these people whose records the submitter may submit too."""

    def named(self, rules: Rules, submitter: int, owner: int) -> list[Found]:
        """Whom rules name for a request of this submitter on a record of this owner."""

    def instead(self, person: int, excluded: Collection[int]) -> Found | None:
        """Who decides in place of a person who is shut out: the first of his superiors who is not."""

    def weights(self, seat: Seat, sitting: Sequence[Found]) -> list[int]:
        """The weight of each person's vote on a seat."""


ABOVE = say(zh="上级", en="the superior")

FROM_SUBMITTER = frozenset({"superior", "head", "within"})
"""The words of rules whose answer depends on who submits."""


class Company:
    """The people of the database; what was asked once is kept as long as the check lasts."""

    def __init__(self) -> None:
        self._named: dict[Hashable, list[Found]] = {}
        self._lines: dict[int, list[int]] = {}
        self._departments: dict[int, Collection[int]] = {}

    @cached_property
    def _codes(self) -> dict[str, set[str]]:
        functions = select(OrgUnit.function).where(OrgUnit.active, OrgUnit.function.is_not(None))
        kinds = {
            "role": select(Role.name),
            "position": select(Position.code),
            "employee": select(Employee.no),
            "function": functions,
            "document": select(Lookup.code).where(Lookup.category == "doc_type", Lookup.active),
        }
        return {kind: {str(code) for code in db.session.scalars(asked)} for kind, asked in kinds.items()}

    def known(self, kind: str, code: str) -> bool:
        return code in self._codes[kind]

    @cached_property
    def _employees(self) -> dict[int, Employee]:
        """Everybody who works here, kept in the session so that superiors are found without another question."""
        statement = select(Employee).where(Employee.status == EmployeeStatus.active)
        return {employee.id: employee for employee in db.session.scalars(statement)}

    @cached_property
    def _heads(self) -> set[int]:
        statement = select(OrgUnit).where(OrgUnit.head_id.is_not(None))
        return {unit.head_id for unit in db.session.scalars(statement) if unit.head_id is not None}

    def submitters(self, flow: Flow) -> Sequence[int]:
        found = sorted({id_ for _user, id_ in self._holders(flow, Act.submit) if id_ in self._employees})
        if not flow.submitters:
            return found
        return [
            id_ for id_ in found if id_ in {one.employee_id for one in self.named(flow.submitters, id_, id_)}
        ]

    def _holders(self, flow: Flow, act: Act) -> list[tuple[int, int]]:
        """The accounts whose roles grant an act on records of this kind, each with its employee."""
        resource = access.resource_of(subjects.subject_named(flow.object_type).model)
        granted = select(RoleGrant.role_id).where(
            RoleGrant.act == act, RoleGrant.resource.in_([resource, access.EVERYTHING])
        )
        rows = db.session.execute(
            select(User.id, Account.employee_id)
            .join(Account, Account.user_id == User.id)
            .where(User.active, User.roles.any(Role.id.in_(granted)), Account.employee_id.is_not(None))
        )
        return [(user_id, employee_id) for user_id, employee_id in rows if employee_id is not None]

    def colleagues(self, person: int) -> Collection[int]:
        if person not in self._departments:
            self._departments[person] = people.colleagues(person)
        return self._departments[person]

    def readers(self, flow: Flow) -> Collection[int]:
        """Whoever has any grant to read: a duty widens it to the record (`subjects.parts`), unless its type says more."""
        said = subjects.subject_named(flow.object_type).readers
        holders = self._holders(flow, Act.read)
        if said is not None:
            principals = ((access.principal_of(user_id), id_) for user_id, id_ in holders)
            return {id_ for who, id_ in principals if who is not None and said(who) is None}
        return {id_ for _user, id_ in holders}

    def name(self, person: int) -> str:
        return str(self._employees[person].name) if person in self._employees else f"#{person}"

    def group(self, person: int) -> Hashable:
        employee = self._employees.get(person) or db.session.get_one(Employee, person)
        alone = person if employee.manager_id is None and person in self._heads else None
        return employee.org_unit_id, employee.manager_id, alone, person in self._wide

    @cached_property
    def _wide(self) -> set[int]:
        """Everybody who holds a role that submits for others, of whatever record type."""
        wide = select(RoleGrant.role_id).where(RoleGrant.act == Act.submit, RoleGrant.reach != Reach.own)
        holders = (
            select(Account.employee_id)
            .join(User, User.id == Account.user_id)
            .where(User.active, User.roles.any(Role.id.in_(wide)), Account.employee_id.is_not(None))
        )
        return {int(id_) for id_ in db.session.scalars(holders) if id_ is not None}

    def owners(self, flow: Flow, submitter: int, among: Collection[int]) -> list[int]:
        if submitter not in self._wide:
            return []
        accounts = select(Account.user_id).where(Account.employee_id == submitter).order_by(Account.id)
        found: set[int] = set()
        for user_id in db.session.scalars(accounts).all():
            who = access.principal_of(user_id)
            resource = access.resource_of(subjects.subject_named(flow.object_type).model)
            reach = who.reach(Act.submit, resource) if who else None
            if who is not None and reach is Reach.all:
                found |= set(among)
            elif who is not None and reach in {Reach.team, Reach.unit}:
                units = who.team_ids if reach is Reach.team else who.unit_ids
                found |= {it for it in among if it in self._employees and self._unit(it) in units}
        return sorted(found)

    def _unit(self, person: int) -> int | None:
        return self._employees[person].org_unit_id

    def named(self, rules: Rules, submitter: int, owner: int) -> list[Found]:
        depends = any(FROM_SUBMITTER & set(rule) for rule in rules)
        key = repr(rules), (self.group(submitter), self.group(owner)) if depends else None
        if key not in self._named:
            asked = Asked(submitter, SimpleNamespace(owner_id=owner), {})
            self._named[key] = people.find(rules, asked)
        return self._named[key]

    @cached_property
    def _able(self) -> set[int]:
        """Everybody who works here and can sign in."""
        return set(people._employees())

    def _above(self, person: int) -> list[int]:
        """The superiors of a person, the nearest first."""
        if person not in self._lines:
            line: list[int] = []
            above = people.superior(person)
            while above is not None and above not in line and len(line) <= people.MOST_LEVELS:
                line.append(above)
                above = people.superior(above)
            self._lines[person] = line
        return self._lines[person]

    def instead(self, person: int, excluded: Collection[int]) -> Found | None:
        free = (above for above in self._above(person) if above in self._able and above not in excluded)
        return next((Found(above, ABOVE) for above in free), None)

    def weights(self, seat: Seat, sitting: Sequence[Found]) -> list[int]:
        return proceedings._weights(seat, sitting)


def ids(found: Iterable[Found]) -> list[int]:
    """The employees found, in order."""
    return [person.employee_id for person in found]
