"""Lists as somebody likes them: conditions, order and columns under a name, for himself, for a role or for everybody.

A view holds the arguments of the list's address, and is checked by the list each time it is opened, with the rights of
who opens it: a view never shows more than the list itself would. Only who made it, or an administrator of views, changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, or_, select

from app.errors import BadInput, NotAllowed, NotFound, Problem
from app.extensions import BY_KEY, db
from app.models import Audience, SavedView, ViewPin
from app.roles import Act
from app.services import access, values
from app.words import say

LONGEST = 3_500
"""Characters of an address; servers take some 4,000."""
LONGEST_NAME = 60
RESOURCE = "saved_view"


class Offered(NamedTuple):
    """A view somebody is offered, and whether he keeps it at hand."""

    view: SavedView
    is_pinned: bool


def offered(resource: str) -> list[Offered]:
    """The views this person is offered on a list: his own first, then those of his roles, then everybody's."""
    who = access.principal()
    asked = {"resource": resource, "person": who.employee_id, "roles": sorted(who.role_ids)}
    return [Offered(view, is_pinned) for view, is_pinned in db.session.execute(_OFFERED, asked)]


def _for(person: Any, roles: Any) -> ColumnElement[bool]:
    return or_(
        SavedView.owner_id == person,
        SavedView.audience == Audience.everybody,
        and_(SavedView.audience == Audience.role, SavedView.role_id.in_(roles)),
    )


_OFFERED = (
    select(SavedView, ViewPin.view_id.is_not(None))
    .outerjoin(ViewPin, and_(ViewPin.view_id == SavedView.id, ViewPin.employee_id == bindparam("person")))
    .where(
        SavedView.resource == bindparam("resource"),
        _for(bindparam("person"), bindparam("roles", expanding=True)),
    )
    .order_by(
        case((SavedView.audience == Audience.mine, 0), (SavedView.audience == Audience.role, 1), else_=2),
        SavedView.id,
    )
    .execution_options(**BY_KEY)
)


def save(resource: str, query: str, typed: Mapping[str, str], view_id: int | None = None) -> SavedView:
    """Keep a list under a name, or change a view. Inside `transaction()`.

    `typed` holds `name`, `audience`, `role_id` and `is_default`; what is not named stays.

    Raises:
        BadInput: each problem with its field.
        NotFound, NotAllowed: there is no such view, or it is somebody else's.

    """
    who = access.principal()
    if who.employee_id is None:
        raise NotAllowed(say("只有员工可以保存视图。", "Only an employee keeps views."))
    view = changeable(view_id) if view_id else SavedView(resource=resource, owner_id=who.employee_id)
    if len(query) > LONGEST:
        raise BadInput(
            [
                Problem(
                    say(
                        "条件太多，视图存不下（{now} 个字符，最多 {most}）：请减少条件或列。",
                        "This is too much for a view ({now} characters, {most} are kept): ask for less, or fewer columns.",
                        now=len(query),
                        most=LONGEST,
                    )
                )
            ]
        )
    view.query = query
    if "name" in typed:
        view.name = typed["name"].strip()
        view.audience = _audience(typed.get("audience", ""))
        view.role_id = values.whole(typed.get("role_id", "")) if view.audience is Audience.role else None
        view.is_default = bool(typed.get("is_default"))
    _check(view, who)
    db.session.add(view)
    db.session.flush()
    if view_id is None:
        pin(view.id)
    return view


def _audience(word: str) -> Audience:
    if word and word not in Audience.__members__:
        raise BadInput([Problem(say("请选择可见范围。", "Choose for whom it is."), "audience")])
    return Audience[word or "mine"]


def _check(view: SavedView, who: access.Principal) -> None:
    problems = []
    administers = who.may(Act.administer, RESOURCE)
    if not view.name or len(view.name) > LONGEST_NAME:
        problems.append(
            Problem(say("请填写视图名称，最多 60 字。", "Name the view, in up to 60 characters."), "name")
        )
    known = view.role_id in who.role_ids or (administers and view.role_id is not None)
    if view.audience is Audience.role and not known:
        problems.append(Problem(say("请选择您自己的一个角色。", "Choose one of your own roles."), "role_id"))
    if view.is_default and view.audience is not Audience.mine and not administers:
        problems.append(
            Problem(
                say(
                    "只有视图管理员可以设置他人的默认视图。",
                    "Only an administrator of views sets what opens by default for others.",
                ),
                "is_default",
            )
        )
    if problems:
        raise BadInput(problems)


def may_change(view: SavedView) -> bool:
    """Whether this person may change a view he is offered: one he made, or any as an administrator of views."""
    who = access.principal()
    return view.owner_id == who.employee_id or who.may(Act.administer, RESOURCE)


def changeable(view_id: int) -> SavedView:
    """The view, if this person may change it. Raises `NotFound`, also for what he is not offered; `NotAllowed`."""
    view = _found(view_id)
    if not may_change(view):
        raise NotAllowed(say("只有创建人可以修改该视图。", "Only who made this view changes it."))
    return view


def _found(view_id: int) -> SavedView:
    who = access.principal()
    his = _for(who.employee_id, who.role_ids)
    view = db.session.scalar(select(SavedView).where(SavedView.id == view_id, his))
    if view is None:
        raise NotFound(say("没有这个视图。", "There is no such view."))
    return view


def pin(view_id: int, *, on: bool = True) -> SavedView:
    """Keep a view this person is offered at hand, or no longer; for himself alone. Inside `transaction()`.

    Raises `NotFound`.
    """
    view, person = _found(view_id), access.principal().employee_id
    held = db.session.get(ViewPin, (view_id, person)) if person is not None else None
    if on and held is None and person is not None:
        db.session.add(ViewPin(view_id=view_id, employee_id=person))
    elif not on and held is not None:
        db.session.delete(held)
    db.session.flush()
    return view


def remove(view_id: int) -> SavedView:
    """Throw a view away, for whomever it was. Inside `transaction()`; raises as `changeable`."""
    view = changeable(view_id)
    db.session.delete(view)  # who kept it at hand goes with it
    db.session.flush()
    return view
