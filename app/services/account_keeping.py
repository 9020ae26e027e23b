"""Accounts: made, given a new password, switched off. Passwords arrive here already hashed."""

from __future__ import annotations

from collections.abc import Sequence

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select, update

from app.columns import now
from app.errors import NotFound, Refusal
from app.extensions import db, transaction
from app.models import Account, Employee, SignInAttempt, UserSession
from app.words import say

NO_MAIL = "invalid"
"""The top-level domain that is never delivered to: FAB wants an address of every account."""


def add(
    username: str, password_hash: str, *, roles: Sequence[str] = (), employee_no: str | None = None
) -> int:
    """Make an account that must change its password at the first sign-in; its id.

    Raises Refusal when the name is taken, NotFound for an unknown role or employee number.
    """
    with transaction():
        if db.session.scalar(select(User.id).where(User.username == username)) is not None:
            raise Refusal(
                say("账号“{name}”已存在。", "The account '{name}' exists.", name=username), field="username"
            )
        employee = _employee(employee_no) if employee_no else None
        user = User(
            username=username,
            password=password_hash,
            first_name=employee.name if employee else username,
            last_name="",
            email=f"{username}@guanhu.{NO_MAIL}",
            active=True,
            roles=[_role(name) for name in roles],
        )
        db.session.add(user)
        db.session.flush()
        account = Account(
            user_id=user.id, employee_id=employee.id if employee else None, must_change_password=True
        )
        db.session.add(account)
        return int(user.id)


def set_password(username: str, password_hash: str) -> None:
    """Give an account a new password it must change, end its sessions and forget its failed sign-ins.

    Raises NotFound.
    """
    with transaction():
        user = _user(username)
        user.password = password_hash
        account = db.session.scalar(select(Account).where(Account.user_id == user.id))
        if account is None:
            account = Account(user_id=user.id)
            db.session.add(account)
        account.must_change_password = True
        _end_sessions(user.id)
        for attempt in db.session.scalars(
            select(SignInAttempt).where(SignInAttempt.subject.in_([username, f"user:{username}"]))
        ):
            db.session.delete(attempt)


def switch(username: str, *, on: bool) -> None:
    """Let an account sign in, or no longer: then its sessions end at once. Raises NotFound."""
    with transaction():
        user = _user(username)
        user.active = on
        if not on:
            _end_sessions(user.id)


def listing() -> list[tuple[str, bool, str | None, list[str]]]:
    """All accounts by name: username, active, employee name, the names of its roles."""
    users = db.session.scalars(select(User).order_by(User.username)).unique().all()
    joined = select(Account.user_id, Employee.name).join(Employee, Employee.id == Account.employee_id)
    names = {row.user_id: row.name for row in db.session.execute(joined)}
    return [
        (user.username, user.active, names.get(user.id), sorted(r.name for r in user.roles)) for user in users
    ]


def _end_sessions(user_id: int) -> None:
    open_ones = update(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    db.session.execute(open_ones.values(ended_at=now()).execution_options(synchronize_session=False))


def _user(username: str) -> User:
    found = db.session.scalar(select(User).where(User.username == username))
    if found is None:
        raise NotFound(say("没有账号“{name}”。", "There is no account '{name}'.", name=username))
    return found


def _role(name: str) -> Role:
    found = db.session.scalar(select(Role).where(Role.name == name))
    if found is None:
        raise NotFound(say("没有角色“{name}”。", "There is no role '{name}'.", name=name), field="role")
    return found


def _employee(number: str) -> Employee:
    found = db.session.scalar(select(Employee).where(Employee.no == number))
    if found is None:
        raise NotFound(
            say("没有工号为 {no} 的员工。", "There is no employee {no}.", no=number), field="employee"
        )
    return found
