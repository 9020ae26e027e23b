"""Who is asking, which rows he may read and write: one place below every door.

A door sets the principal (`arrive` for a request, `acting` for a job). Every statement that touches a scoped table
is then filtered here, whatever asked for it: list, page, picker, API, export, report. Statements that would slip past
the filter (raw SQL, bare tables) are refused by the tripwire. Without a principal nothing can be read: fail closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from flask_appbuilder.security.sqla.models import User, assoc_user_role
from sqlalchemy import (
    ColumnElement,
    Engine,
    ScalarSelect,
    Select,
    String,
    Table,
    bindparam,
    cast,
    event,
    false,
    func,
    inspect,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import (
    Mapper,
    ORMExecuteState,
    RelationshipProperty,
    Session,
    aliased,
    with_loader_criteria,
)
from sqlalchemy.sql import visitors

from app.columns import Rows
from app.errors import NotAllowed
from app.extensions import BY_KEY, Model, among, db
from app.models import Account, Employee, InfoItem, OrgUnit, RoleGrant, UnitKind
from app.roles import BREADTH, Act, Reach
from app.words import say

EVERYTHING = "*"
"""The resource word of a grant that holds for every kind of record."""


# ---- the principal -----------------------------------------------------------------------------------------


class Criteria(NamedTuple):
    """What a statement is filtered by, and all tables that holds for."""

    options: tuple[Any, ...]
    tables: frozenset[str]


@dataclass(frozen=True)
class Principal:
    """Who is asking: his account, the employee behind it, where he sits, and what he was granted."""

    user_id: int | None
    employee_id: int | None
    name: str = ""
    org_unit_id: int | None = None
    team_ids: frozenset[int] = frozenset()
    unit_ids: frozenset[int] = frozenset()
    role_ids: frozenset[int] = frozenset()
    grants: Mapping[tuple[str, Act], Reach] = field(default_factory=dict)
    fields_state: tuple[Any, ...] = ()
    """When extra fields were last changed, and how many there are: what their definitions are remembered by."""
    system: bool = False
    criteria: dict[tuple[frozenset[str], bool], Criteria] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The row policy as loader options, worked out once for the tables of a statement: with and without the bin."""
    policies: dict[type[Any], ColumnElement[bool] | None] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The row policy of each table, worked out once."""

    def reach(self, act: Act, resource: str) -> Reach | None:
        """How far he may do this; None when he may not."""
        if self.system:
            return Reach.all
        found = [self.grants.get((resource, act)), self.grants.get((EVERYTHING, act))]
        return max((reach for reach in found if reach), key=BREADTH.index, default=None)

    def may(self, act: Act, resource: str) -> bool:
        return self.reach(act, resource) is not None

    def covers(self, act: Act, resource: str) -> bool:
        """Whether he may do this wherever he may read."""
        return _at_least(self.reach(act, resource), self.reach(Act.read, resource))

    def check(self, act: Act, resource: str) -> None:
        """Raises `NotAllowed` when he may not."""
        if not self.may(act, resource):
            raise NotAllowed(
                say(
                    zh="您没有“{act}”的权限，如确有需要请联系管理员。",
                    en='You have no right to "{act}" here; ask an administrator if you need it.',
                    act=act.words,
                )
            )


SYSTEM = Principal(user_id=None, employee_id=None, name="system", system=True)

_principal: ContextVar[Principal | Callable[[], Principal | None] | None] = ContextVar(
    "principal", default=None
)
_by_rule: ContextVar[bool] = ContextVar("by_rule", default=False)
_flushing: ContextVar[bool] = ContextVar("flushing", default=False)


class NoPrincipal(RuntimeError):
    """A protected table was asked for with nobody asking: a fault of ours, and no row is given."""


class PolicyBypass(RuntimeError):
    """A statement reached a protected table past the row policy: a fault of ours, and it was not run."""


def arrive(resolve: Callable[[], Principal | None] | None) -> Token[Any]:
    """Set who is asking, found out at the first protected statement; `depart` with the token."""
    return _principal.set(resolve)


def depart(token: Token[Any]) -> None:
    _principal.reset(token)


@contextmanager
def acting(principal: Principal) -> Iterator[Principal]:
    """Do what stands in the block as this principal: jobs, commands, tests."""
    token = _principal.set(principal)
    try:
        yield principal
    finally:
        _principal.reset(token)


@contextmanager
def by_rule() -> Iterator[None]:
    """What the block writes is written by a rule of the house (a move, an effect), not by the person asking."""
    token = _by_rule.set(True)
    try:
        yield
    finally:
        _by_rule.reset(token)


def principal() -> Principal:
    """Who is asking. Raises `NoPrincipal`."""
    found = asking()
    if found is None:
        raise NoPrincipal("nobody is asking")
    return found


def asking() -> Principal | None:
    """Who is asking, if anybody is."""
    held = _principal.get()
    if held is None or isinstance(held, Principal):
        return held
    token = _principal.set(SYSTEM)  # finding him out reads accounts: not through his own eyes
    try:
        found = held()
    finally:
        _principal.reset(token)
    _principal.set(found)
    return found


PART, NEXT = "\x1f", "\x1e"
"""What stands between the parts of a thing, and between things, where the database writes many in one text."""


class Standing(NamedTuple):
    """What the database says of who asks, as it stands there: everything a principal is made of."""

    user_id: int
    username: str
    employee_id: int | None
    name: str | None
    org_unit_id: int | None
    path: str | None
    units: str | None
    """His line of units and all below his department: id, path and kind of each."""
    grants: str | None
    """The grants of his roles: role, resource, act and reach of each."""
    fields_changed: datetime | None
    fields_count: int


def standing_of(statement: Select[Any]) -> Select[Any]:
    """A statement on `User` and `Account` with what is a `Standing` as its last columns."""
    return (
        statement.add_columns(
            User.id,
            User.username,
            Employee.id,
            Employee.name,
            OrgUnit.id,
            OrgUnit.path,
            _units(),
            _grants(),
            select(func.max(InfoItem.changed_at)).scalar_subquery(),
            select(func.count(InfoItem.id)).scalar_subquery(),
        )
        .outerjoin(Employee, Employee.id == Account.employee_id)
        .outerjoin(OrgUnit, OrgUnit.id == Employee.org_unit_id)
    )


def _units() -> ScalarSelect[Any]:
    """The units on the line of his, and those below the nearest of them that is no team."""
    above, unit = aliased(OrgUnit), aliased(OrgUnit)
    department = (
        select(above.path)
        .where(OrgUnit.path.startswith(above.path), above.kind != UnitKind.team)
        .order_by(func.length(above.path).desc())
        .limit(1)
        .correlate(OrgUnit)
        .scalar_subquery()
    )
    found = _joined(cast(unit.id, String), unit.path, type_coerce(unit.kind, String))
    his = or_(
        OrgUnit.path.startswith(unit.path), unit.path.startswith(func.coalesce(department, OrgUnit.path))
    )
    return select(func.aggregate_strings(found, NEXT)).where(his).correlate(OrgUnit).scalar_subquery()


def _grants() -> ScalarSelect[Any]:
    held = assoc_user_role.c
    grant = _joined(
        RoleGrant.resource, type_coerce(RoleGrant.act, String), type_coerce(RoleGrant.reach, String)
    )
    found = _joined(cast(held.role_id, String), func.coalesce(grant, ""))
    return (
        select(func.aggregate_strings(found, NEXT))
        .select_from(assoc_user_role)
        .outerjoin(RoleGrant, RoleGrant.role_id == held.role_id)
        .where(held.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )


def _joined(first: Any, *others: Any) -> Any:
    for other in others:
        first = first.concat(PART).concat(other)
    return first


_STANDING = (
    standing_of(select().select_from(User).outerjoin(Account, Account.user_id == User.id))
    .where(User.id == bindparam("user_id"), User.active)
    .execution_options(**BY_KEY)
)


def principal_of(user_id: int) -> Principal | None:
    """The principal of an account, in one statement; None when it is unknown or switched off."""
    found = db.session.execute(_STANDING, {"user_id": user_id}).first()
    return principal_with(Standing(*found)) if found else None


MOST_KNOWN = 1_000
_known: dict[Standing, Principal] = {}


def principal_with(found: Standing) -> Principal:
    """The principal of who stands there: the same, with his row policy worked out, as long as nothing about him changed."""
    known = _known.get(found)
    if known is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        known = _known[found] = _principal_with(found)
    return known


def _principal_with(found: Standing) -> Principal:
    unit_ids, team_ids = _units_below(found.path or "/", _parts(found.units))
    role_ids, grants = _united(_parts(found.grants))
    return Principal(
        user_id=found.user_id,
        employee_id=found.employee_id,
        name=found.name or found.username,
        org_unit_id=found.org_unit_id,
        team_ids=team_ids,
        unit_ids=unit_ids,
        role_ids=role_ids,
        grants=grants,
        fields_state=(found.fields_changed, found.fields_count),
    )


def _parts(written: str | None) -> list[list[str]]:
    return [one.split(PART) for one in (written or "").split(NEXT) if one]


def _united(written: Iterable[list[str]]) -> tuple[frozenset[int], dict[tuple[str, Act], Reach]]:
    """His roles, and the grants of all of them united, the widest reach winning."""
    roles: set[int] = set()
    grants: dict[tuple[str, Act], Reach] = {}
    for role_id, *grant in written:
        roles.add(int(role_id))
        if len(grant) < len(("resource", "act", "reach")):
            continue  # a role that grants nothing
        resource, act, reach = grant[0], Act[grant[1]], Reach[grant[2]]
        narrower = grants.get((resource, act))
        if narrower is None or BREADTH.index(reach) > BREADTH.index(narrower):
            grants[resource, act] = reach
    return frozenset(roles), grants


def _units_below(path: str, units: Sequence[list[str]]) -> tuple[frozenset[int], frozenset[int]]:
    """The units of his department with all below it, and those of his own unit.

    His department is the nearest unit above (or at) his own that is no team.
    """
    line = [part for part in path.split("/") if part]
    if not line:
        return frozenset(), frozenset()
    paths = {id_: path for id_, path, _kind in units}
    kinds = {id_: kind for id_, _path, kind in units}
    departments = [id_ for id_ in line if kinds.get(id_, UnitKind.team.value) != UnitKind.team.value]
    department = paths[departments[-1]] if departments else path
    return (
        frozenset(int(id_) for id_, below in paths.items() if below.startswith(department)),
        frozenset(int(id_) for id_, below in paths.items() if below.startswith(path)),
    )


# ---- the row policy ----------------------------------------------------------------------------------------


def resource_of(model: type[Any]) -> str:
    """The word a record type goes by in grants, addresses and commands."""
    return str(getattr(model, "__resource__", None) or model.__tablename__)


Widening = Callable[[type[Any], Principal], ColumnElement[bool] | None]
widenings: list[Widening] = []
"""What else lets a person read a row of an owned table, such as an open task on it; engines add theirs."""


def policy(model: type[Any], who: Principal) -> ColumnElement[bool] | None:
    """Which rows of this table he may read: an expression, or None for all."""
    if who.system:
        return None
    if model not in who.policies:
        who.policies[model] = _policy(model, who)
    return who.policies[model]


def _policy(model: type[Any], who: Principal) -> ColumnElement[bool] | None:
    rows: Rows = model.__rows__
    if rows is Rows.owned:
        return _owned(model, who, who.reach(Act.read, resource_of(model)))
    if rows is Rows.follows:
        return _following(model, who)
    if rows is Rows.personal:
        return _personal(model, who)
    return None


def _owned(model: type[Any], who: Principal, reach: Reach | None) -> ColumnElement[bool] | None:
    if reach is Reach.all:
        return None
    wider = [clause for widen in widenings if (clause := widen(model, who)) is not None]
    if reach is None:
        return or_(false(), *wider)
    reached = _reached(model, who, reach)
    return None if reached is None else or_(reached, *wider)


def _following(model: type[Any], who: Principal) -> ColumnElement[bool] | None:
    """Rows go with the record they belong to; they also need a grant of their own kind, unless they are its lines.

    The narrower of the two reaches counts.
    """
    is_part = getattr(model, "__part__", False)
    reach = Reach.all if is_part else who.reach(Act.read, resource_of(model))
    if reach is None:
        return false()
    limits = {column: _narrowed(_target_of(model, column), who, reach) for column in _follows(model)}
    if all(limit is None for limit in limits.values()):
        return None
    return or_(*[_through(model, column, limit) for column, limit in limits.items()])


def _narrowed(model: type[Any], who: Principal, reach: Reach) -> ColumnElement[bool] | None:
    """Which rows of this table he may read, and this reach of his holds."""
    if model.__rows__ is not Rows.owned or _at_least(reach, who.reach(Act.read, resource_of(model))):
        return policy(model, who)
    return _owned(model, who, reach)


def _at_least(reach: Reach | None, other: Reach | None) -> bool:
    """Whether a reach is as wide as another."""
    return other is None or (reach is not None and BREADTH.index(reach) >= BREADTH.index(other))


def within(model: type[Any], act: Act, who: Principal) -> ColumnElement[bool] | None:
    """Which of the rows he may read an act of his reaches: an expression, or None for all of them."""
    reach = who.reach(act, resource_of(model))
    if who.covers(act, resource_of(model)) or model.__rows__ not in {Rows.owned, Rows.follows}:
        return None
    if reach is None:
        return false()
    if model.__rows__ is Rows.owned:
        return _reached(model, who, reach)
    parents = {column: _target_of(model, column) for column in _follows(model)}
    return or_(*[_through(model, column, _reached(of, who, reach)) for column, of in parents.items()])


def _reached(model: type[Any], who: Principal, reach: Reach) -> ColumnElement[bool] | None:
    """The rows this reach of his holds, whatever else lets him read more."""
    if reach is Reach.all:
        return None
    mine = _is_his(model.owner_id, who)
    if reach is Reach.own:
        return mine
    units = who.unit_ids if reach is Reach.unit else who.team_ids
    return or_(mine, _is_of(model, sorted(units)))


def _is_of(model: type[Any], units: Sequence[int]) -> ColumnElement[bool]:
    """Whether a row is of one of these units, without its index on SQLite.

    By the index of each of many units it would find all the rows, and sort them; without one it walks the rows in the
    order of the list, and stops when the page is full.
    """
    unit: ColumnElement[Any] = model.org_unit_id
    return among(unit + 0 if db.session.get_bind().dialect.name == "sqlite" else unit, units)


def _follows(model: type[Any]) -> tuple[str, ...]:
    named = model.__follows__
    return (named,) if isinstance(named, str) else tuple(named)


def _through(model: type[Any], column: str, limit: ColumnElement[bool] | None) -> ColumnElement[bool]:
    """The rows whose `column` points to a record he may read."""
    key: ColumnElement[Any] = getattr(model, column)
    if limit is None:
        return key.is_not(None)
    parent = _target_of(model, column)
    # Row by row: what belongs to one record is few, and all the records he may read are many.
    allowed: Select[Any] = select(parent.id).where(parent.id == key, limit).correlate_except(parent)
    return allowed.exists()


def _target_of(model: type[Any], column: str) -> type[Any]:
    (key,) = inspect(model).columns[column].foreign_keys
    return next(m.class_ for m in mappers() if m.local_table is key.column.table)


def _personal(model: type[Any], who: Principal) -> ColumnElement[bool] | None:
    if who.reach(Act.read, resource_of(model)) is Reach.all:
        return None
    return _is_his(getattr(model, model.__person__), who)


def _is_his(person: Any, who: Principal) -> ColumnElement[bool]:
    """Whether the row is his; an account without an employee owns nothing, not even what nobody owns."""
    his: ColumnElement[bool] = false() if who.employee_id is None else person == who.employee_id
    return his


def mappers() -> list[Mapper[Any]]:
    """The mappers of our own tables."""
    return [mapper for mapper in Model.registry.mappers if hasattr(mapper.class_, "__rows__")]


GUARDED = (Rows.owned, Rows.follows, Rows.personal)
_models: dict[str, type[Any]] = {}
"""The record types with a policy or a bin, by table."""
_tables: set[str] = set()
_pattern: list[re.Pattern[str]] = []
KEPT = "row_policy"
"""The mark of a statement: the tables its filter holds for."""


def install(engine: Engine) -> None:
    """Set the tripwire on an engine, and learn which tables are protected."""
    if not _models:
        for mapper in mappers():
            is_guarded = mapper.class_.__rows__ in GUARDED
            if is_guarded:
                _tables.add(mapper.class_.__tablename__)
            if is_guarded or hasattr(mapper.class_, "deleted_at"):
                _models[mapper.class_.__tablename__] = mapper.class_
        names = "|".join(map(re.escape, sorted(_tables)))
        begins = r"(?:\b(?:from|join|update|into)\b|,)[\s(]*"
        _pattern.append(re.compile(rf'{begins}"?({names})"?(?![\w.])', re.IGNORECASE))
    event.listen(engine, "before_cursor_execute", _tripwire)


@event.listens_for(Session, "do_orm_execute")
def _filter(state: ORMExecuteState) -> None:
    """Add the row policy to every ORM statement that touches a protected table."""
    if not (state.is_select or state.is_update or state.is_delete) or not state.is_orm_statement:
        return
    touched = _touched(state)
    if not touched:
        return
    if state.is_column_load:  # refreshing a row that was already given out
        state.update_execution_options(**{KEPT: frozenset(_tables)})
        return
    who = asking()
    if who is None:
        return  # untagged: the tripwire refuses it
    key = touched, bool(state.execution_options.get("with_deleted"))
    criteria = who.criteria.get(key)
    if criteria is None:
        criteria = who.criteria[key] = _criteria(who, touched, with_deleted=key[1])
    held = set(map(id, state.statement._with_options))  # what is loaded later brings its filter along
    state.statement = state.statement.options(*(one for one in criteria.options if id(one) not in held))
    state.update_execution_options(**{KEPT: criteria.tables})


def _criteria(who: Principal, touched: frozenset[str], *, with_deleted: bool) -> Criteria:
    """What a statement on these tables is filtered by, and what its filter looks into.

    A policy that goes by another table says itself which of its rows count: it is not filtered once more.
    """
    options: list[Any] = []
    held: set[str] = set()
    waiting = sorted(touched)
    while waiting:
        name = waiting.pop()
        if name in held or name not in _models:
            continue
        held.add(name)
        model = _models[name]
        clause = policy(model, who) if name in _tables and name in touched else None
        if clause is not None:
            options.append(with_loader_criteria(model, clause, include_aliases=True))
            waiting += sorted(_tables_in(clause))
        if not with_deleted and hasattr(model, "deleted_at"):
            in_sight = model.deleted_at.is_(None)
            options.append(with_loader_criteria(model, in_sight, include_aliases=True))
    return Criteria(tuple(options), frozenset(held))


def _tables_in(clause: Any) -> set[str]:
    return {part.name for part in visitors.iterate(clause) if isinstance(part, Table)}


_touches: dict[Any, frozenset[str]] = {}
"""What statements touch, by what SQLAlchemy knows them again by."""
MOST_STATEMENTS = 2_000
_written_once: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()
"""The same, of statements that are written once and asked again and again."""


def _touched(state: ORMExecuteState) -> frozenset[str]:
    """The tables with a policy or a bin a statement touches, if any is protected."""
    statement: Any = state.statement
    if (known := _written_once.get(statement)) is not None:
        return known
    key = statement._generate_cache_key()
    if key is None:
        return _read_from(state)
    found = _touches.get(key.key)
    if found is None:
        if len(_touches) >= MOST_STATEMENTS:
            _touches.clear()
        found = _touches[key.key] = _read_from(state)
    if BY_KEY.keys() <= statement.get_execution_options().keys():
        _written_once[statement] = found
    return found


def _read_from(state: ORMExecuteState) -> frozenset[str]:
    """The same, read off the statement: what it asks for, looks into, and joins."""
    statement: Any = state.statement
    names = {mapper.local_table.name for mapper in state.all_mappers if isinstance(mapper.local_table, Table)}
    names |= _tables_in(statement)
    for option in getattr(statement, "_with_options", ()):
        for element in getattr(option, "context", ()):
            names |= {
                step.mapper.class_.__tablename__
                for step in element.path.path
                if isinstance(step, RelationshipProperty)
            }
    return frozenset(names & _models.keys()) if names & _tables else frozenset()


@lru_cache(maxsize=4_096)
def _protected(statement: str) -> frozenset[str]:
    """The protected tables a statement reads or writes."""
    return frozenset(name.lower() for name in _pattern[0].findall(statement))


def _tripwire(
    _connection: Connection, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: object
) -> None:
    """Refuse a statement on a protected table that the policy has not seen."""
    found = _protected(statement)
    if not found:
        return
    kept = context.execution_options.get(KEPT, ()) if context is not None else ()
    if found.issubset(kept) or (
        _flushing.get() and statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}
    ):
        return
    held = _principal.get()
    if isinstance(held, Principal) and held.system:
        return
    if asking() is None:
        raise NoPrincipal(f"nobody is asking: {statement[:120]}")
    raise PolicyBypass(f"past the row policy: {statement[:120]}")


# ---- writing -----------------------------------------------------------------------------------------------


@event.listens_for(Session, "before_flush")
def _check_writes(session: Session, _context: Any, _instances: Any) -> None:
    """Nobody writes a row he may not: new ones, changed ones (old and new owner), and none is deleted outright."""
    who = asking()
    changed = [row for row in session.dirty if session.is_modified(row)]
    for row in [*session.new, *changed, *session.deleted]:
        rows = getattr(type(row), "__rows__", None)
        if rows in GUARDED and not _may_write(session, row, who):
            raise NotAllowed(
                say(
                    zh="您不能修改这条记录：它不在您的权限范围内。",
                    en="You cannot change this record: it lies outside your reach.",
                )
            )
    _flushing.set(True)


@event.listens_for(Session, "after_flush")
def _flushed(_session: Session, _context: Any) -> None:
    _flushing.set(False)


@event.listens_for(Session, "after_soft_rollback")
def _rolled_back(_session: Session, _previous: Any) -> None:
    _flushing.set(False)


def _may_write(session: Session, row: Any, who: Principal | None) -> bool:
    if who is None:
        raise NoPrincipal(f"nobody is asking to write {type(row).__name__}")
    if who.system or _by_rule.get():
        return True
    if row in session.deleted:
        return bool(getattr(type(row), "__part__", False))
    return all(may_write(row, act, who) for act in _acts_on(session, row))


def _acts_on(session: Session, row: Any) -> Iterator[Act]:
    """What writing this row is: into the bin and out of it is deleting, another owner is a reassignment, too."""
    if row in session.new:
        yield Act.create
        return
    state = inspect(row).attrs
    is_binned = hasattr(type(row), "deleted_at") and state.deleted_at.history.has_changes()
    yield Act.delete if is_binned else Act.edit
    if hasattr(type(row), "owner_id") and state.owner_id.history.has_changes():
        yield Act.reassign


def may_write(row: Any, act: Act, who: Principal) -> bool:
    """Whether an act of his reaches this row, as it was and as it is."""
    model = type(row)
    if model.__rows__ is Rows.personal:
        return who.employee_id is not None and getattr(row, model.__person__) == who.employee_id
    if getattr(model, "__part__", False):
        return True  # its record is checked, and lines are written with it alone
    reach = who.reach(act, resource_of(model))
    if reach is None:
        return False
    if model.__rows__ is Rows.follows:
        return _parents_are_within(reach, row, who)
    return all(_within(reach, owner, unit, who) for owner, unit in _owners(row))


def _parents_are_within(reach: Reach, row: Any, who: Principal) -> bool:
    """Whether he sees the record this row goes with, and it is within reach; also the one it went with before."""
    for column in _follows(type(row)):
        parent = _target_of(type(row), column)
        for key in {getattr(row, column), _before(row, column)} - {None}:
            asked = select(parent.owner_id, parent.org_unit_id).where(parent.id == key)
            with db.session.no_autoflush:
                found = db.session.execute(asked).first()
            if found is None or not _within(reach, found.owner_id, found.org_unit_id, who):
                return False
    return True


def _before(row: Any, name: str) -> Any:
    """A column as it was before the change."""
    return (inspect(row).attrs[name].history.deleted or [getattr(row, name)])[0]


def _owners(row: Any) -> list[tuple[int | None, int | None]]:
    """Owner and unit as they are, and as they were before the change."""
    pairs = [(row.owner_id, row.org_unit_id)]
    before = (_before(row, "owner_id"), _before(row, "org_unit_id"))
    if inspect(row).persistent and before != pairs[0]:
        pairs.append(before)
    return pairs


def _within(reach: Reach, owner_id: int | None, org_unit_id: int | None, who: Principal) -> bool:
    if reach is Reach.all or (owner_id is not None and owner_id == who.employee_id):
        return True
    units = {Reach.unit: who.unit_ids, Reach.team: who.team_ids}.get(reach, frozenset())
    return org_unit_id in units
