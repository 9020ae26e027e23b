"""Accounts from the command line: for who is locked out, and for the first ones."""

from __future__ import annotations

import secrets

import click
from werkzeug.security import generate_password_hash

from app.cli.base import report, reports, with_app
from app.services import account_keeping
from app.words import say

ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
LENGTH = 16


def new_password() -> str:
    """A random password without characters that look alike (about 92 bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


@click.group()
def user() -> None:
    """Accounts: add, reset, disable, enable, list."""


@user.command()
@click.argument("username")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role it has; may be repeated.")
@click.option("--employee", metavar="NO", help="The employee number of whose account it is.")
@with_app
def add(username: str, roles: tuple[str, ...], employee: str | None) -> None:
    """Make an account and print its first password."""
    password = new_password()
    account_keeping.add(username, generate_password_hash(password), roles=roles, employee_no=employee)
    _tell(username, password)


@user.command()
@click.argument("username")
@with_app
def reset(username: str) -> None:
    """Give an account a new password and end its sessions."""
    password = new_password()
    account_keeping.set_password(username, generate_password_hash(password))
    _tell(username, password)


def _tell(username: str, password: str) -> None:
    click.echo(
        str(
            say(
                "{name} 的初始密码（首次登录须修改）：",
                "The password of {name}, to be changed at the first sign-in:",
                name=username,
            )
        ),
        err=True,
    )
    click.echo(password)


@user.command()
@click.argument("username")
@with_app
def disable(username: str) -> None:
    """Let an account sign in no longer; its sessions end at once."""
    account_keeping.switch(username, on=False)


@user.command()
@click.argument("username")
@with_app
def enable(username: str) -> None:
    """Let a disabled account sign in again."""
    account_keeping.switch(username, on=True)


@user.command("list")
@reports
@with_app
def list_(*, as_json: bool) -> None:
    """All accounts."""
    rows = [
        {
            "username": name,
            "active": active,
            "employee": employee,
            "roles": roles if as_json else ", ".join(roles),
        }
        for name, active, employee, roles in account_keeping.listing()
    ]
    report(rows, as_json=as_json)


COMMANDS = [user]
