"""Who may decide: the closed list of rules that name people, and the separation of duties they all pass.

Each rule finds employees and says why (`Found`). Separation compares employees, not accounts (R35): nobody decides on
his own request, nobody decides two steps of one request, and whoever is shut out is replaced by his superior, never
by nobody (W-02).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import ColumnElement, Select, bindparam, inspect, select

from app.columns import MomentType, now
from app.errors import Refusal
from app.extensions import db
from app.models import (
    Account,
    ApprovalRequest,
    ApprovalStandin,
    Employee,
    EmployeeStatus,
    Lookup,
    OrgUnit,
    Position,
    UnitKind,
)
from app.services import access
from app.words import Words, say
from app.workflows.flow import Flow, Step
from app.workflows.subjects import subject_of

MOST_LEVELS = 12
"""How far up the line of superiors is followed."""


class NobodyFound(Refusal):
    """A rule names nobody who may decide: the request cannot be approved, and is not."""

    code = "bad_definition"
    status = 422


@dataclass(frozen=True, slots=True)
class Found:
    """One person a rule names, and why."""

    employee_id: int
    why: Words


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule is asked about: the request's submitter and record, and who decided before."""

    submitter_id: int
    record: Any
    deciders: Mapping[str, Collection[int]]
    """The employees who decided at each earlier step, by its key."""


Rule = Callable[[Mapping[str, Any], Asked], Iterable[Found]]
Instead = Callable[[int, Collection[int]], Found | None]
"""Who decides in place of a person, given those shut out."""


def find(rules: Iterable[Mapping[str, Any]], asked: Asked) -> list[Found]:
    """Everybody the rules name, each once, in order; raises `NobodyFound` for a rule that makes no sense."""
    rules = list(rules)
    found: dict[int, Found] = {}
    named = _by_numbers([str(rule["employee"]) for rule in rules if "employee" in rule])
    for rule in rules:
        word = next((word for word in rule if word in RULES), None)
        if word is None:
            raise NobodyFound(
                say(
                    zh="流程中的审批人规则“{rule}”无法识别。",
                    en="The flow names its people by an unknown rule: {rule}.",
                    rule=", ".join(rule)[:60],
                )
            )
        people = named.get(str(rule["employee"]), ()) if word == "employee" else RULES[word](rule, asked)
        for person in people:
            found.setdefault(person.employee_id, person)
    return list(found.values())


def _by_numbers(numbers: list[str]) -> dict[str, list[Found]]:
    """The people of these numbers; one statement however many are named."""
    if not numbers:
        return {}
    why = say(zh="指定人员", en="named in the flow")
    statement = select(Employee.no, Employee.id).where(is_able(), Employee.no.in_(numbers))
    return {no: [Found(id_, why)] for no, id_ in db.session.execute(statement)}


# ---- the rules ---------------------------------------------------------------------------------------------


def is_able() -> ColumnElement[bool]:
    """An employee who works here and can sign in."""
    account = (
        select(Account.id)
        .join(User, User.id == Account.user_id)
        .where(Account.employee_id == Employee.id, User.active)
    )
    return (Employee.status == EmployeeStatus.active) & account.exists()


def _employees(*conditions: ColumnElement[bool]) -> list[int]:
    statement = select(Employee.id).where(is_able(), *conditions).order_by(Employee.id)
    return list(db.session.scalars(statement))


def _by_number(rule: Mapping[str, Any], _asked: Asked) -> Iterable[Found]:
    number = str(rule["employee"])
    return _by_numbers([number]).get(number, [])


def _by_role(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    name = str(rule["role"])
    holders = (
        select(Account.employee_id)
        .join(User, User.id == Account.user_id)
        .where(User.active, User.roles.any(Role.name == name))
    )
    named = (Lookup.category == "role") & (Lookup.code == name)
    statement = (
        select(Employee.id, Lookup.name_zh, Lookup.name_en)
        .outerjoin(Lookup, named)
        .where(is_able(), Employee.id.in_(holders), *_within(rule, asked))
        .order_by(Employee.id)
    )
    return [
        Found(id_, say(zh="角色“{role}”", en='role "{role}"', role=Words(zh or name, en or name)))
        for id_, zh, en in db.session.execute(statement)
    ]


def _by_position(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    position = db.session.scalar(select(Position).where(Position.code == str(rule["position"])))
    if position is None:
        return []
    why = say(zh="岗位“{it}”", en='position "{it}"', it=Words(position.name_zh, position.name_en))
    return [Found(id_, why) for id_ in _employees(Employee.position_id == position.id, *_within(rule, asked))]


def _by_superior(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    person: int | None = _person(str(rule["superior"]), asked)
    for _ in range(int(rule.get("levels", 1))):
        person = superior(person) if person else None
    return [Found(person, say(zh="直接上级", en="the superior"))] if person else []


def _by_head(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    employee = db.session.get(Employee, _person(str(rule["head"]), asked) or 0)
    for unit in _units_up(employee.org_unit_id) if employee else []:
        if unit.kind is not UnitKind.team and unit.head_id is not None:
            why = say(zh="{unit}负责人", en="head of {unit}", unit=Words(unit.name_zh, unit.name_en))
            return [Found(id_, why) for id_ in _employees(Employee.id == unit.head_id)]
    return []


def _by_function(rule: Mapping[str, Any], _asked: Asked) -> Iterable[Found]:
    units = db.session.scalars(
        select(OrgUnit).where(OrgUnit.function == str(rule["function"]), OrgUnit.active)
    )
    found = []
    for unit in units:
        why = say(zh="{unit}", en="{unit}", unit=Words(unit.name_zh, unit.name_en))
        whom = Employee.org_unit_id == unit.id if rule.get("members") else Employee.id == unit.head_id
        found += [Found(id_, why) for id_ in _employees(whom)]
    return found


def _by_field(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    """A field of the record that names an employee, a role or a unit; anything else is no rule, never a pass."""
    name = str(rule["field"])
    value = getattr(asked.record, name, None)
    why = say(zh="记录中的“{field}”", en='named by the field "{field}"', field=name)
    target = _target(asked.record, name)
    if target == "employee" and value is not None:
        return [Found(id_, why) for id_ in _employees(Employee.id == value)]
    if target == "ab_role" and value is not None:
        role = db.session.get(Role, value)
        return _by_role({"role": role.name}, asked) if role else []
    if target == "org_unit" and value is not None:
        unit = db.session.get(OrgUnit, value)
        return [Found(id_, why) for id_ in _employees(Employee.id == unit.head_id)] if unit else []
    if isinstance(value, str) and (word := value.partition(":"))[0] in {"employee", "role"} and word[2]:
        return RULES[word[0]]({word[0]: word[2]}, asked)
    raise NobodyFound(
        say(
            zh="字段“{field}”没有指定审批人。",
            en='The field "{field}" names nobody who could decide.',
            field=name,
        )
    )


def _target(record: Any, name: str) -> str | None:
    column = inspect(type(record)).columns.get(name)
    return next((key.column.table.name for key in column.foreign_keys), None) if column is not None else None


def _by_decider(rule: Mapping[str, Any], asked: Asked) -> Iterable[Found]:
    why = say(zh="前一步骤的审批人", en="decided an earlier step")
    return [Found(id_, why) for id_ in asked.deciders.get(str(rule["decider"]), ())]


RULES: dict[str, Rule] = {
    "employee": _by_number,
    "role": _by_role,
    "position": _by_position,
    "superior": _by_superior,
    "head": _by_head,
    "function": _by_function,
    "field": _by_field,
    "decider": _by_decider,
}


def _within(rule: Mapping[str, Any], asked: Asked) -> list[ColumnElement[bool]]:
    """`within: department` keeps a rule to the department of the submitter."""
    if rule.get("within") != "department":
        return []
    return [_below(_department(asked.submitter_id))]


def _department(employee_id: int) -> OrgUnit:
    """The department a person works in: the first unit above him that is no team."""
    units = _units_up(db.session.get_one(Employee, employee_id).org_unit_id)
    return next((unit for unit in units if unit.kind is not UnitKind.team), units[0])


def _below(unit: OrgUnit) -> ColumnElement[bool]:
    below = select(OrgUnit.id).where(OrgUnit.path.startswith(unit.path, autoescape=True))
    return Employee.org_unit_id.in_(below)


def colleagues(employee_id: int) -> frozenset[int]:
    """Everybody of a person's department; of somebody who stands above the departments, those beside him."""
    department = _department(employee_id)
    beside: ColumnElement[bool] = Employee.org_unit_id == department.id
    found = beside if department.kind is UnitKind.company else _below(department)
    return frozenset(db.session.scalars(select(Employee.id).where(found)))


def kept_out(step: Step, asked: Asked) -> frozenset[int]:
    """The department that decides nothing at a step (§4.3 no. 2)."""
    whose = _person(step.outside, asked) if step.outside else None
    return colleagues(whose) if whose is not None else frozenset()


def _person(word: str, asked: Asked) -> int | None:
    """`submitter`, or `owner` of the record."""
    return asked.submitter_id if word == "submitter" else getattr(asked.record, f"{word}_id", None)


def _units_up(unit_id: int | None) -> list[OrgUnit]:
    """A unit and those above it."""
    found: list[OrgUnit] = []
    while unit_id is not None and len(found) < MOST_LEVELS:
        unit = db.session.get_one(OrgUnit, unit_id)
        found.append(unit)
        unit_id = unit.parent_id
    return found


def superior(employee_id: int) -> int | None:
    """Whom a person reports to: his manager, or the next head above him in the organisation."""
    employee = db.session.get_one(Employee, employee_id)
    if employee.manager_id is not None:
        return employee.manager_id
    heads = (unit.head_id for unit in _units_up(employee.org_unit_id))
    return next((head for head in heads if head is not None and head != employee_id), None)


def numbers_of(employee_ids: Iterable[int]) -> dict[int, str]:
    """The employee numbers of these people."""
    rows = db.session.execute(select(Employee.id, Employee.no).where(Employee.id.in_(list(employee_ids))))
    return {id_: number for id_, number in rows}  # noqa: C416 (rows are no pairs to the type checker)


# ---- separation of duties ----------------------------------------------------------------------------------


def shut_out(
    flow: Flow, step: Step, parties: Collection[int], deciders: Mapping[str, Collection[int]]
) -> frozenset[int]:
    """The employees who may not decide at a step: the parties, and who decided at another step."""
    if not flow.strict or not step.decides:
        return frozenset()
    others = (people for key, people in deciders.items() if key != step.key and flow.step(key).decides)
    return frozenset(parties).union(*others)


def parties_of(request: ApprovalRequest, record: Any, maker_id: int | None = None) -> frozenset[int]:
    """Those whose request it is: who submitted it, on whose behalf, who owns the record and who made it.

    `maker_id` is the employee who made the record, where he is known already.
    """
    found = {request.submitter_id, request.on_behalf_of_id, maker_id}
    found |= {getattr(record, name, None) for name in subject_of(record).parties}
    if maker_id is None and (maker := getattr(record, "created_by_id", None)) is not None:
        with db.session.no_autoflush:
            found.add(db.session.scalar(select(Account.employee_id).where(Account.user_id == maker)))
    return frozenset(person for person in found if person is not None)


def separated(
    people: list[Found], excluded: Collection[int], *, pool: bool, instead: Instead | None = None
) -> list[Found]:
    """The people a step is given to, once those shut out are taken from it.

    Of a pool, of whom one is enough, they are dropped while others remain; everybody else is replaced by the first of
    his superiors who is not shut out himself (`instead` finds him, else `free_superior`).
    """
    kept = [person for person in people if person.employee_id not in excluded]
    if pool and kept:
        return kept
    taken = {person.employee_id for person in kept}
    for person in people:
        if person.employee_id in excluded:
            other = (instead or free_superior)(person.employee_id, {*excluded, *taken})
            if other is not None:
                kept.append(other)
                taken.add(other.employee_id)
    return kept


def free_superior(employee_id: int, excluded: Collection[int]) -> Found | None:
    """The first superior of a person who can act and is not shut out."""
    person = superior(employee_id)
    for _ in range(MOST_LEVELS):
        if person is None:
            return None
        if person not in excluded and can_act(person):
            return Found(
                person,
                say(zh="审批人须回避，转由其上级审批", en="the one named may not decide: his superior does"),
            )
        person = superior(person)
    return None


def can_act(employee_id: int) -> bool:
    """Whether this employee works here and can sign in."""
    return bool(_employees(Employee.id == employee_id))


# ---- stand-ins ---------------------------------------------------------------------------------------------


def principals_of(standin_id: int, request: ApprovalRequest | None = None) -> list[int]:
    """For whom this employee may act now, in this request if one is named: himself first. None once he has left."""
    table = ApprovalStandin.__table__.c
    others = _standing_in(standin_id)
    if request is not None:
        limited: ColumnElement[bool] = table.max_amount.is_(None)
        if request.amount is not None:
            limited = limited | (table.max_amount >= request.amount)
        of_flow = table.flow_id.is_(None) | (table.flow_id == request.version.flow_id)
        others = others.where(of_flow, limited)
    himself = select(Employee.id).where(Employee.id == standin_id, is_able())
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        found = list(db.session.scalars(himself.union_all(others)))
    return [standin_id, *(id_ for id_ in found if id_ != standin_id)] if standin_id in found else []


def _standing_in(standin_id: int) -> Select[Any]:
    """Those somebody stands in for when it is asked, read from the bare table: it is the duty that is looked for."""
    moment: ColumnElement[Any] = bindparam(None, callable_=now, type_=MomentType)
    table = ApprovalStandin.__table__.c
    return select(table.principal_id).where(
        table.standin_id == standin_id,
        table.starts_at <= moment,
        table.ends_at > moment,
        table.revoked_at.is_(None),
    )


def acts_for(assignee: Any, standin_id: int, flow_ids: Any, amount: Any) -> ColumnElement[bool]:
    """Whether a duty is this employee's, or of somebody he stands in for now, in these flows and up to this amount.

    In the statement itself. Where a stand-in is limited by amount, a request without one is beyond it.
    """
    table = ApprovalStandin.__table__.c
    limited = table.flow_id.in_(flow_ids) if isinstance(flow_ids, Select) else table.flow_id == flow_ids
    principals = _standing_in(standin_id).where(
        table.flow_id.is_(None) | limited, table.max_amount.is_(None) | (table.max_amount >= amount)
    )
    either: ColumnElement[bool] = (assignee == standin_id) | assignee.in_(principals)
    return either
