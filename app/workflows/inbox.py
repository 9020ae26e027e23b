"""What waits for a person, what he has done, submitted and was copied on.

A drawer is one statement that walks an index in the order asked for and stops at the end of the page: it costs the same
whatever the number of tasks. What waits is exactly what the guard of the engine would let this person decide, so the
separation of duties stands in the statement, too. Statements are built once per shape and kept.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from app.columns import MomentType, Rows, now
from app.errors import BadRequest
from app.extensions import db
from app.models import (
    Account,
    ApprovalCopy,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalStandin,
    ApprovalStep,
    ApprovalTask,
    DutyStatus,
    Employee,
    RequestStatus,
    StepStatus,
)
from app.roles import Act
from app.services import access
from app.words import Words, say
from app.workflows import people, subjects
from app.workflows.engine import ALIVE
from app.workflows.flow import compiled

Request, Duty, Told = aliased(ApprovalRequest), aliased(ApprovalTask), aliased(ApprovalCopy)
"""Those of the record asked for; aliases cost much to make, and every statement of a person needs these."""

FURTHEST = 1_000
"""How far down a drawer may be leafed; beyond that its filters, the dates above all, lead on."""


class Drawer(enum.StrEnum):
    """The four drawers of the inbox."""

    todo = enum.auto()
    done = enum.auto()
    mine = enum.auto()
    cc = enum.auto()


SORTS = {
    Drawer.todo: ("due", "-due", "arrived", "-arrived"),
    Drawer.done: ("-at", "at"),
    Drawer.mine: ("-at", "at"),
    Drawer.cc: ("-at", "at"),
}
"""The orders a drawer is offered in, its own first; each has its index."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a drawer: `start` and `end` (exclusive) bound the time it is ordered by, `state` a request's."""

    ids: tuple[int, ...] = ()
    search: str = ""
    flow: str = ""
    object_type: str = ""
    submitter_id: int | None = None
    state: str = ""
    overdue: bool = False
    unread: bool = False
    start: datetime | None = None
    end: datetime | None = None
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One request in a drawer; `for_whom` names the one a stand-in acts for, `seen` is what a decision is bound to."""

    request_id: int
    no: str | None
    title: str
    flow: Words
    object_type: str
    object_id: int
    status: RequestStatus
    step: Words | None
    submitter: str
    submitted_at: datetime
    arrived_at: datetime | None
    due_at: datetime | None
    task_id: int | None = None
    for_whom: str | None = None
    is_read: bool = True
    round_no: int = 1
    seen: int = 0
    step_key: str = ""
    """The flow and the step it waits at: what is decided on together must be at the same."""

    @property
    def is_overdue(self) -> bool:
        return self.due_at is not None and self.due_at < now() and self.status is RequestStatus.running


@dataclass(frozen=True, slots=True)
class Counts:
    """How many wait, run of his own, and are unread, each counted up to 100."""

    todo: int
    mine: int
    cc: int


def inbox(kind: str, asked: Asked = Asked(), *, page: int = 1, size: int = 25) -> list[Item]:
    """A page of a drawer, one item more than `size` when there is a next page.

    Raises `BadRequest` for a drawer, an order or a page there is not.
    """
    drawer = _drawer_named(kind)
    if (page - 1) * size >= FURTHEST or page < 1:
        raise BadRequest(
            say(
                zh="只能翻到前 {most} 条，请用日期等条件筛选。",
                en="A drawer is leafed through as far as {most}: narrow it, by date for example.",
                most=FURTHEST,
            )
        )
    rows = _rows(drawer, asked, skip=(page - 1) * size, most=size + 1)
    steps = _step_names(rows)
    return [_item(row, steps) for row in rows]


def waiting_ids(asked: Asked = Asked(), most: int = 100) -> list[int]:
    """The requests that wait, in the order asked for: what comes next, and where one stands among them."""
    return list(dict.fromkeys(row.request_id for row in _rows(Drawer.todo, asked, most=most)))


def count(kind: str = "todo", most: int = 100) -> int:
    """How many requests lie in a drawer, counted up to `most`; one statement."""
    shape = _shape(_drawer_named(kind), Asked())
    if shape is None:
        return 0
    return _run(_counting(shape), Asked(), most=most, reach=most).scalar() or 0


def counts() -> Counts:
    """What stands on the tabs, in one statement."""
    shape = _shape(Drawer.todo, Asked())
    if shape is None:
        return Counts(0, 0, 0)
    return Counts(*_run(_counting_all(shape), Asked(), most=100, reach=100).one())


def flows_offered() -> list[tuple[str, Words]]:
    """Code and name of every flow, to choose among."""
    rows = db.session.execute(
        select(ApprovalFlow.code, ApprovalFlow.name_zh, ApprovalFlow.name_en).order_by(ApprovalFlow.id)
    )
    return [(code, Words(zh, en)) for code, zh, en in rows]


def mark_read(request_ids: Iterable[int]) -> None:
    """Note that the person asking has seen what he was copied on. Inside `transaction()`."""
    me = access.principal().employee_id
    db.session.execute(
        update(ApprovalCopy)
        .where(
            ApprovalCopy.employee_id == me,
            ApprovalCopy.request_id.in_(list(request_ids)),
            ApprovalCopy.read_at.is_(None),
        )
        .values(read_at=now())
    )


def _drawer_named(kind: str) -> Drawer:
    if kind not in Drawer.__members__:
        raise BadRequest(say(zh="没有这个收件箱。", en="There is no such drawer."))
    return Drawer(kind)


# ---- running a statement -----------------------------------------------------------------------------------

t, r, c = (
    ApprovalTask.__table__.alias("t"),
    ApprovalRequest.__table__.alias("r"),
    ApprovalCopy.__table__.alias("c"),
)
v, f, st = (
    ApprovalFlowVersion.__table__.alias("v"),
    ApprovalFlow.__table__.alias("f"),
    ApprovalStep.__table__.alias("st"),
)
ME: ColumnElement[Any] = bindparam("me")
NOW: ColumnElement[Any] = bindparam("now", type_=MomentType)
NOBODY, NEVER = cast(null(), Integer), cast(null(), MomentType)
MOST: Any = bindparam("most")
SKIP: Any = bindparam("skip")
REACH: Any = bindparam("reach")


@dataclass(frozen=True)
class Shape:
    """What makes one statement differ from another; its values are bound when it runs.

    `types` are the record types read whole by who has a part in the request, `limits` those with a row policy of their
    own: then the statement is that of one person, known by `rights`, as long as nothing of his rights changes.
    """

    drawer: Drawer
    sort: str
    filters: frozenset[str]
    types: tuple[str, ...]
    rights: tuple[Any, ...] = ()
    limits: tuple[tuple[str, Any], ...] = field(default=(), compare=False)


def _shape(drawer: Drawer, asked: Asked) -> Shape | None:
    """The shape of what is asked; None for who is no employee, or may read nothing that is decided on."""
    who = access.principal()
    sort = asked.sort or SORTS[drawer][0]
    if sort not in SORTS[drawer]:
        raise BadRequest(say(zh="不能这样排序。", en="There is no such order."))
    readable = {
        name: subject.model
        for name, subject in subjects.subjects.items()
        if who.may(Act.read, access.resource_of(subject.model))
    }
    if who.employee_id is None or not readable:
        return None
    limits = {
        name: clause
        for name, model in readable.items()
        if model.__rows__ is not Rows.owned and (clause := subjects.readable(model, who)) is not None
    }
    filters = frozenset(name for name in FILTERS if getattr(asked, name))
    types = tuple(sorted(readable.keys() - limits.keys()))
    rights = (who.user_id, who.employee_id, who.org_unit_id, who.unit_ids, who.team_ids, who.role_ids)
    known = (*rights, frozenset(who.grants.items())) if limits else ()
    return Shape(drawer, sort, filters, types, known, tuple(sorted(limits.items(), key=lambda pair: pair[0])))


def _rows(drawer: Drawer, asked: Asked, *, most: int, skip: int = 0) -> list[Any]:
    shape = _shape(drawer, asked)
    if shape is None:
        return []
    return list(_run(_paged(shape), asked, most=most, skip=skip, reach=skip + most).all())


def _run(statement: Select[Any], asked: Asked, **limits: int) -> Any:
    """Run a kept statement for the person asking: whose rows they are stands in it, so it is read for the house."""
    given = {name: _bound(name, asked) for name in FILTERS if getattr(asked, name)}
    known = {"me": access.principal().employee_id, "now": now()}
    with access.acting(access.SYSTEM), db.session.no_autoflush:
        return db.session.execute(statement, {**known, **given, **limits})


def _bound(name: str, asked: Asked) -> Any:
    value = getattr(asked, name)
    if name == "search":
        escaped = value.lower().replace("/", "//").replace("%", "/%").replace("_", "/_")
        return f"%{escaped}%"
    return value


def _step_names(rows: Iterable[Any]) -> dict[int, Any]:
    """The flows of these rows by version; one statement."""
    wanted = {row.version_id for row in rows if row.node}
    if not wanted:
        return {}
    found = db.session.execute(
        select(ApprovalFlowVersion.id, ApprovalFlowVersion.body, ApprovalFlowVersion.body_hash).where(
            ApprovalFlowVersion.id.in_(wanted)
        )
    )
    return {id_: compiled(body, body_hash) for id_, body, body_hash in found}


def _item(row: Any, flows: dict[int, Any]) -> Item:
    me = access.principal().employee_id
    return Item(
        request_id=row.request_id,
        no=row.no,
        title=row.title,
        flow=Words(row.name_zh, row.name_en),
        object_type=row.object_type,
        object_id=row.object_id,
        status=row.status,
        step=flows[row.version_id].step(row.node).name if row.node else None,
        submitter=row.submitter,
        submitted_at=row.opened_at,
        arrived_at=row.arrived or row.opened_at,
        due_at=row.due or row.due_at,
        task_id=row.task_id,
        for_whom=row.assignee if row.assignee_id not in {None, me} else None,
        is_read=row.drawer_read is not None,
        round_no=row.round_no,
        seen=row.version_no,
        step_key=f"{row.code}:{row.node}" if row.node else "",
    )


# ---- building statements -----------------------------------------------------------------------------------


def _text_found() -> ColumnElement[bool]:
    pattern: ColumnElement[str] = bindparam("search")
    return or_(func.lower(r.c.title).like(pattern, escape="/"), func.lower(r.c.no).like(pattern, escape="/"))


def _of_flow() -> ColumnElement[bool]:
    known = select(f.c.id).where(f.c.code == bindparam("flow")).scalar_subquery()
    return r.c.version_id.in_(select(v.c.id).where(v.c.flow_id == known))


FILTERS = (
    "ids",
    "search",
    "flow",
    "object_type",
    "submitter_id",
    "state",
    "overdue",
    "unread",
    "start",
    "end",
)


RANGES = ("overdue", "start", "end")


def _filters(shape: Shape) -> list[ColumnElement[bool]]:
    """What is asked for of the request."""
    known: dict[str, ColumnElement[bool]] = {
        "ids": r.c.id.in_(bindparam("ids", expanding=True)),
        "search": _text_found(),
        "flow": _of_flow(),
        "object_type": r.c.object_type == bindparam("object_type"),
        "submitter_id": r.c.submitter_id == bindparam("submitter_id"),
        "state": r.c.status == bindparam("state", type_=r.c.status.type),
        "unread": c.c.read_at.is_(None) if shape.drawer is Drawer.cc else true(),
    }
    return [clause for name, clause in known.items() if name in shape.filters]


def _ranges(shape: Shape, at: ColumnElement[Any], due: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """What is asked for of the time `at` a branch is ordered by, and of the deadline."""
    known: dict[str, ColumnElement[bool]] = {
        "overdue": and_(due < NOW, r.c.status == RequestStatus.running),
        "start": at >= bindparam("start", type_=MomentType),
        "end": at < bindparam("end", type_=MomentType),
    }
    return [known[name] for name in RANGES if name in shape.filters]


def _there(shape: Shape, *deciders: ColumnElement[int]) -> ColumnElement[bool]:
    """The record of a request is there and readable, and none of these people is a party to it."""
    limits = dict(shape.limits)
    found: list[ColumnElement[bool]] = []
    for name in (*shape.types, *limits):
        subject = subjects.subjects[name]
        table = subject.model.__table__
        asked = [table.c.id == r.c.object_id]
        if "deleted_at" in table.c:
            asked.append(table.c.deleted_at.is_(None))
        if name in limits:
            asked.append(limits[name])
        if deciders:
            asked.append(or_(st.c.relaxed, _no_party(subject, deciders)))
        rows = select(table.c.id).where(*asked).correlate(r, st, t)
        found.append(and_(r.c.object_type == literal(name), rows.exists()))
    return or_(*found)


def _no_party(subject: subjects.Subject, deciders: tuple[ColumnElement[int], ...]) -> ColumnElement[bool]:
    table, account = subject.model.__table__, Account.__table__
    asked = [func.coalesce(table.c[name], 0).not_in(deciders) for name in subject.parties if name in table.c]
    if "created_by_id" in table.c:
        accounts = select(account.c.user_id).where(account.c.employee_id.in_(deciders)).correlate(t)
        asked.append(func.coalesce(table.c.created_by_id, 0).not_in(accounts))
    return and_(true(), *asked)


def _uninvolved(*deciders: ColumnElement[int]) -> ColumnElement[bool]:
    """Neither is it the request of one of these people, nor did one decide another step of it (§4.3)."""
    other, step = ApprovalTask.__table__.alias(), ApprovalStep.__table__.alias()
    elsewhere = (
        select(other.c.id)
        .join(step, step.c.id == other.c.step_id)
        .where(
            other.c.request_id == r.c.id,
            other.c.status.in_([DutyStatus.approved, DutyStatus.rejected]),
            or_(other.c.assignee_id.in_(deciders), other.c.acted_by_id.in_(deciders)),
            step.c.node != st.c.node,
            ~step.c.relaxed,
        )
        .correlate(r, st, t)
    )
    submitted = or_(r.c.submitter_id.in_(deciders), func.coalesce(r.c.on_behalf_of_id, 0).in_(deciders))
    return or_(st.c.relaxed, and_(~submitted, ~elsewhere.exists()))


def _not_at_this_step() -> ColumnElement[bool]:
    """A stand-in counts once per step: he neither has a duty of his own at it nor voted at it."""
    other = ApprovalTask.__table__.alias()
    here = select(other.c.id).where(
        other.c.step_id == t.c.step_id,
        or_(
            and_(other.c.assignee_id == ME, other.c.status == DutyStatus.open),
            and_(
                or_(other.c.assignee_id == ME, other.c.acted_by_id == ME),
                other.c.status.in_([DutyStatus.approved, DutyStatus.rejected]),
                v.c.body["separation"].as_string().is_distinct_from("relaxed"),
            ),
        ),
    )
    return ~here.correlate(t, v).exists()


def _voted() -> ColumnElement[bool]:
    """Who has voted at a step, for himself or for another, does not vote there again; asked of the step, not of him."""
    other = ApprovalTask.__table__.alias()
    voters = select(other.c.acted_by_id).where(
        other.c.step_id == t.c.step_id,
        other.c.acted_by_id.is_not(None),
        other.c.status.in_([DutyStatus.approved, DutyStatus.rejected]),
    )
    return and_(ME.in_(voters.correlate(t)), v.c.body["separation"].as_string().is_distinct_from("relaxed"))


def _duties_of_principals() -> Select[Any]:
    """Found apart, so that the database begins with the few he stands in for."""
    s, duty = ApprovalStandin.__table__.alias(), ApprovalTask.__table__.alias()
    principals = select(s.c.principal_id).where(
        s.c.standin_id == ME, s.c.starts_at <= NOW, s.c.ends_at > NOW, s.c.revoked_at.is_(None)
    )
    found = select(duty.c.id).where(duty.c.assignee_id.in_(principals), duty.c.status == DutyStatus.open)
    return select(found.cte("stood_in").prefix_with("MATERIALIZED").c.id)


def _for_this_flow() -> ColumnElement[bool]:
    s = ApprovalStandin.__table__.alias()
    return (
        select(s.c.id)
        .where(
            s.c.standin_id == ME,
            s.c.principal_id == t.c.assignee_id,
            s.c.starts_at <= NOW,
            s.c.ends_at > NOW,
            s.c.revoked_at.is_(None),
            or_(s.c.flow_id.is_(None), s.c.flow_id == v.c.flow_id),
            or_(s.c.max_amount.is_(None), s.c.max_amount >= r.c.amount),
        )
        .correlate(t, v, r)
        .exists()
    )


def _nearly_all(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Conditions nearly every row fulfils, said so that the planner expects that, and walks the index in its order.

    It takes each subquery for one that drops half the rows; of a value that is there it assumes that it nearly always is.
    """
    return case((and_(*conditions), 1)).is_not(None)


def _branches(shape: Shape) -> list[Select[Any]]:
    """The parts a drawer is made of, each in the order of its index."""
    return {Drawer.todo: _todo, Drawer.done: _done, Drawer.mine: _mine, Drawer.cc: _cc}[shape.drawer](shape)


def _todo(shape: Shape) -> list[Select[Any]]:
    """Duties that are open, his own and those he stands in for; and what was returned to him."""
    if shape.sort.lstrip("-") == "due":
        dated = [_duties(shape, t.c.due_at.is_not(None), 0)]
        undated = [] if "overdue" in shape.filters else [_duties(shape, t.c.due_at.is_(None), 1)]
    else:
        dated, undated = [_duties(shape, true(), 0)], []
    return [*dated, *undated, _stood_in(shape), _returned(shape)]


def _row(
    arrived: Any, due: Any, tie: Any, *, rank: Any = None, duty: bool = False, read: Any = None
) -> Select[Any]:
    """What every part of a drawer gives of an entry, so that parts can stand in one list."""
    return select(
        r.c.id.label("request_id"),
        (t.c.id if duty else NOBODY).label("task_id"),
        t.c.assignee_id if duty else NOBODY.label("assignee_id"),
        (literal(0) if rank is None else rank).label("rank"),
        arrived.label("arrived"),
        due.label("due"),
        tie.label("tie"),
        (arrived if read is None else read).label("drawer_read"),
    )


def _key(shape: Shape) -> ColumnElement[Any]:
    return t.c.due_at if shape.sort.lstrip("-") == "due" else t.c.opened_at


def _directed(shape: Shape, *columns: Any) -> list[Any]:
    return [column.desc() if shape.sort.startswith("-") else column.asc() for column in columns]


def _open_duties(rank: Any) -> Select[Any]:
    return (
        _row(t.c.opened_at, t.c.due_at, t.c.id, rank=rank, duty=True)
        .select_from(t.join(r, r.c.id == t.c.request_id).join(st, st.c.id == t.c.step_id))
        .join(v, v.c.id == r.c.version_id)
        .where(
            t.c.status == DutyStatus.open,
            r.c.status == RequestStatus.running,
        )
        .limit(REACH)
    )


def _duties(shape: Shape, dated: ColumnElement[bool], rank: int) -> Select[Any]:
    key = _key(shape) if rank == 0 else t.c.id
    return (
        _open_duties(literal(rank))
        .where(
            t.c.assignee_id == ME,
            dated,
            _nearly_all(_there(shape, ME), _uninvolved(ME), ~_voted(), *_filters(shape)),
            *_ranges(shape, t.c.opened_at, t.c.due_at),
        )
        .order_by(*_directed(shape, key, t.c.id))
    )


def _stood_in(shape: Shape) -> Select[Any]:
    is_due = shape.sort.lstrip("-") == "due"
    rank = case((t.c.due_at.is_(None), 1), else_=0) if is_due else literal(0)
    return (
        _open_duties(rank)
        .where(
            t.c.id.in_(_duties_of_principals()),
            _for_this_flow(),
            _there(shape, ME, t.c.assignee_id),
            _uninvolved(ME, t.c.assignee_id),
            _not_at_this_step(),
            *_filters(shape),
            *_ranges(shape, t.c.opened_at, t.c.due_at),
        )
        .order_by(rank, *_directed(shape, _key(shape), t.c.id))
    )


def _returned(shape: Shape) -> Select[Any]:
    rank = 1 if shape.sort.lstrip("-") == "due" else 0
    return (
        _row(r.c.opened_at, NEVER, r.c.id, rank=literal(rank))
        .where(
            r.c.submitter_id == ME,
            r.c.status == RequestStatus.returned,
            _there(shape),
            *_filters(shape),
            *_ranges(shape, r.c.opened_at, r.c.due_at),
        )
        .order_by(*_directed(shape, r.c.id))
        .limit(REACH)
    )


def _done(shape: Shape) -> list[Select[Any]]:
    """Requests he has acted on, each once, by his last act."""
    later = ApprovalTask.__table__.alias()
    again = select(later.c.id).where(
        later.c.request_id == t.c.request_id,
        later.c.acted_by_id == ME,
        or_(
            later.c.decided_at > t.c.decided_at,
            and_(later.c.decided_at == t.c.decided_at, later.c.id > t.c.id),
        ),
    )
    return [
        _row(t.c.decided_at, NEVER, t.c.id, duty=True)
        .join(r, r.c.id == t.c.request_id)
        .where(
            t.c.acted_by_id == ME,
            t.c.decided_at.is_not(None),
            _nearly_all(~again.correlate(t).exists(), _there(shape), *_filters(shape)),
            *_ranges(shape, t.c.decided_at, r.c.due_at),
        )
        .order_by(*_directed(shape, t.c.decided_at, t.c.id))
        .limit(REACH)
    ]


def _mine(shape: Shape) -> list[Select[Any]]:
    return [
        _row(r.c.opened_at, r.c.due_at, r.c.id)
        .where(
            r.c.submitter_id == ME,
            _nearly_all(_there(shape), *_filters(shape)),
            *_ranges(shape, r.c.opened_at, r.c.due_at),
        )
        .order_by(*_directed(shape, r.c.id))
        .limit(REACH)
    ]


def _cc(shape: Shape) -> list[Select[Any]]:
    """What he was told of, each request once."""
    later = ApprovalCopy.__table__.alias()
    again = select(later.c.id).where(
        later.c.request_id == c.c.request_id, later.c.employee_id == ME, later.c.id > c.c.id
    )
    return [
        _row(c.c.copied_at, r.c.due_at, c.c.id, read=c.c.read_at)
        .join(r, r.c.id == c.c.request_id)
        .where(
            c.c.employee_id == ME,
            _nearly_all(~again.correlate(c).exists(), _there(shape), *_filters(shape)),
            *_ranges(shape, c.c.copied_at, r.c.due_at),
        )
        .order_by(*_directed(shape, c.c.id))
        .limit(REACH)
    ]


def _together(shape: Shape) -> Any:
    parts = [select(*branch.subquery().c) for branch in _branches(shape)]
    return union_all(*parts).subquery("page") if parts[1:] else parts[0].subquery("page")


@lru_cache(maxsize=256)
def _counting(shape: Shape) -> Select[Any]:
    ids = select(_together(shape).c.request_id).distinct().limit(MOST).subquery()
    return select(func.count()).select_from(ids)


@lru_cache(maxsize=64)
def _counting_all(shape: Shape) -> Select[Any]:
    """To do, his own that are alive, copies not read."""
    mine = select(r.c.id).where(r.c.submitter_id == ME, r.c.status.in_(ALIVE)).limit(MOST).subquery()
    told = select(c.c.request_id).where(c.c.employee_id == ME, c.c.read_at.is_(None)).limit(MOST).subquery()
    return select(
        _counting(shape).scalar_subquery(),
        select(func.count()).select_from(mine).scalar_subquery(),
        select(func.count()).select_from(told).scalar_subquery(),
    )


@lru_cache(maxsize=256)
def _paged(shape: Shape) -> Select[Any]:
    """The rows of a page with everything shown of them."""
    page = _together(shape)
    submitter, assignee = Employee.__table__.alias(), Employee.__table__.alias()
    now_at = ApprovalStep.__table__.alias()
    is_arrived = shape.sort.lstrip("-") != "due"
    key = page.c.arrived if is_arrived else page.c.due
    return (
        select(
            *page.c,
            r.c.no,
            r.c.title,
            r.c.object_type,
            r.c.object_id,
            r.c.status,
            r.c.opened_at,
            r.c.due_at,
            r.c.round_no,
            r.c.version_no,
            r.c.version_id,
            f.c.code,
            f.c.name_zh,
            f.c.name_en,
            submitter.c.name.label("submitter"),
            assignee.c.name.label("assignee"),
            now_at.c.node,
        )
        .select_from(page)
        .join(r, r.c.id == page.c.request_id)
        .join(v, v.c.id == r.c.version_id)
        .join(f, f.c.id == v.c.flow_id)
        .join(submitter, submitter.c.id == r.c.submitter_id)
        .outerjoin(assignee, assignee.c.id == page.c.assignee_id)
        .outerjoin(now_at, and_(now_at.c.request_id == r.c.id, now_at.c.status == StepStatus.active))
        .order_by(page.c.rank, *_directed(shape, key, page.c.tie))
        .limit(MOST)
        .offset(SKIP)
    )


# ---- what a task lets its holder read ----------------------------------------------------------------------


def _through_tasks(model: type[Any], who: access.Principal) -> ColumnElement[bool] | None:
    """Who has, had or was copied a part in a request reads its record, if he may read such records at all."""
    if (
        model.__tablename__ not in subjects.subjects
        or who.employee_id is None
        or not who.may(Act.read, access.resource_of(model))
    ):
        return None
    identity: ColumnElement[Any] = model.id
    return or_(*(identity.in_(request) for request in _with_part(model, who.employee_id)))


def _by_part(model: type[Any], object_id: int, who: access.Principal) -> ColumnElement[bool]:
    """The same of one record, found by it and not by all he ever had to do with."""
    if who.employee_id is None:
        return false()
    here = Request.object_id == object_id
    return or_(*(request.where(here).exists() for request in _with_part(model, who.employee_id)))


def _with_part(model: type[Any], me: int) -> Iterator[Select[Any]]:
    """The records of requests he has or had a duty in, submitted, or was told of."""
    of_type = select(ApprovalFlow.id).where(ApprovalFlow.object_type == model.__tablename__)
    here = select(Request.object_id).where(Request.object_type == model.__tablename__)
    mine = people.acts_for(Duty.assignee_id, me, of_type, Request.amount) | (Duty.acted_by_id == me)
    yield here.join(Duty, Duty.request_id == Request.id).where(mine)
    yield here.where(Request.submitter_id == me)
    yield here.join(Told, Told.request_id == Request.id).where(Told.employee_id == me)


access.widenings.append(_through_tasks)
subjects.parts.append(_by_part)
