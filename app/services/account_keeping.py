"""Accounts as an administrator keeps them: made, given a new password, switched on and off, listed.

Passwords arrive here already hashed, since hashing is slow and has no place in a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import delete, func, or_, select

from app.errors import BadInput, NotFound, Problem
from app.extensions import db, transaction
from app.models import Account, Employee, SignInAttempt
from app.services import accounts
from app.words import LANGUAGES, say


@dataclass(frozen=True, slots=True)
class Details:
    """What an account is made with beyond its name."""

    name: str = ""
    email: str = ""
    language: str = LANGUAGES[0]
    must_change_password: bool = True


def add(
    username: str,
    password_hash: str | None,
    *,
    roles: Sequence[str] = (),
    employee_no: str | None = None,
    details: Details | None = None,
) -> int:
    """Make an account; its id. Opens its own transaction. Raises `BadInput`.

    `password_hash` None makes an account that only a set-up link opens.
    """
    with transaction():
        return make(username, password_hash, roles=roles, employee_no=employee_no, details=details)


def make(
    username: str,
    password_hash: str | None,
    *,
    roles: Sequence[str] = (),
    employee_no: str | None = None,
    details: Details | None = None,
) -> int:
    """As `add`, inside a transaction that is already open."""
    details = details or Details()
    username = _checked_name(username)
    employee = _employee(employee_no)
    name = details.name or (employee.name if employee else username)
    user = User(
        first_name=name[:64],
        last_name="",
        username=username,
        password=password_hash,
        active=True,
        email=details.email or f"{username}@invalid",
    )
    user.roles = _roles(roles)
    db.session.add(user)
    db.session.flush()
    db.session.add(
        Account(
            user_id=user.id,
            employee_id=employee.id if employee else None,
            language=details.language,
            theme="auto",
            must_change_password=details.must_change_password and password_hash is not None,
        )
    )
    return int(user.id)


NAME_LENGTHS = range(1, 65)


def _checked_name(username: str) -> str:
    username = username.strip()
    if len(username) not in NAME_LENGTHS or any(c.isspace() or not c.isprintable() for c in username):
        odd = say(
            zh="用户名须为 1 至 64 个字符，不含空格。", en="A user name has 1 to 64 characters, no blanks."
        )
        raise BadInput([Problem(odd, "username")])
    taken = select(User.id).where(
        or_(func.lower(User.username) == username.lower(), func.lower(User.email) == username.lower())
    )
    if db.session.scalar(taken) is not None:
        used = say(zh="用户名“{name}”已存在。", en='The user name "{name}" is taken.', name=username)
        raise BadInput([Problem(used, "username")])
    return username


def _employee(employee_no: str | None) -> Employee | None:
    if not employee_no:
        return None
    found = db.session.scalars(select(Employee).where(Employee.no == employee_no)).first()
    if found is None:
        none = say(zh="没有工号为“{no}”的员工。", en="There is no employee {no}.", no=employee_no)
        raise BadInput([Problem(none, "employee")])
    return found


def _roles(names: Sequence[str]) -> list[Role]:
    found = {role.name: role for role in db.session.scalars(select(Role).where(Role.name.in_(names)))}
    missing = [name for name in names if name not in found]
    if missing:
        none = say(zh="没有名为“{name}”的角色。", en='There is no role "{name}".', name=missing[0])
        raise BadInput([Problem(none, "roles")])
    return [found[name] for name in names]


def set_password(username: str, password_hash: str | None) -> None:
    """Give an account another password, to be changed at the next sign-in; ends its sessions and keys.

    With None only a set-up link opens the account. Opens its own transaction. Raises `NotFound`.
    """
    with transaction():
        user = _by_name(username)
        accounts.store_password(user.id, password_hash, must_change=password_hash is not None)
        db.session.execute(
            delete(SignInAttempt).where(SignInAttempt.subject == f"account:{user.username.lower()}")
        )


def switch(username: str, *, on: bool) -> None:
    """Let an account sign in again, or no longer; switching off ends its sessions and keys at once.

    Opens its own transaction. Raises `NotFound`.
    """
    with transaction():
        user = _by_name(username)
        user.active = on
        if not on:
            accounts.cut_off(user.id)


def _by_name(username: str) -> User:
    user = db.session.scalars(
        select(User).where(func.lower(User.username) == username.strip().lower())
    ).first()
    if user is None:
        raise NotFound(say(zh="没有名为“{name}”的账号。", en='There is no account "{name}".', name=username))
    return user


def listing() -> list[tuple[str, bool, str, list[str]]]:
    """Every account: its name, whether it is on, the employee's name (or nothing), its roles."""
    rows = db.session.execute(
        select(User, Employee.name)
        .outerjoin(Account, Account.user_id == User.id)
        .outerjoin(Employee, Employee.id == Account.employee_id)
        .order_by(User.username)
    )
    return [
        (user.username, bool(user.active), employee or "", sorted(role.name for role in user.roles))
        for user, employee in rows
    ]


def setup_token(username: str) -> str:
    """A word for a link by which the holder of this account chooses its password, once. Raises `NotFound`."""
    return accounts.setup_token(_by_name(username).id)
