"""What all commands share: opening the app, whose rights they have, how they report, how they end.

Exit codes: 0 done, 1 refused by a rule (or not able to start), 2 bad usage or unreadable input, 3 done with
rejected rows. What is said to people goes to standard error in their language; results go to standard output.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.utils import import_string

import app as guanhu
from app import create_app
from app.cli.waking import Bell
from app.errors import BadInput, NotReady, Refusal
from app.extensions import db
from app.services import access, jobs
from app.words import Words, language, say

DONE, REFUSED, BAD_USAGE, SOME_REJECTED = 0, 1, 2, 3

MIGRATIONS = Path(guanhu.__file__).resolve().parent.parent / "migrations"


class Door(click.Group):
    """A group of commands that ends every refusal with its sentence and the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        language.set(terminal_language())
        try:
            return super().invoke(ctx)
        except BadInput as refusal:
            for problem in refusal.problems:
                click.echo(
                    f"{problem.field}: {problem.words}" if problem.field else str(problem.words), err=True
                )
            sys.exit(REFUSED)
        except Refusal as refusal:
            article = f" ({refusal.article})" if refusal.article else ""
            stop(f"{refusal}{article}")
        except NotReady as reason:
            stop(str(reason))
        except OperationalError as error:
            stop(_unreachable(error))
        except Exception as error:
            if type(error) is import_string("config.SettingsError"):
                stop(str(Words(error.zh, error.en)))  # type: ignore[attr-defined]
            raise


def stop(sentence: str | Words, code: int = REFUSED) -> NoReturn:
    """Say why, and end."""
    click.echo(str(sentence), err=True)
    sys.exit(code)


def _unreachable(error: OperationalError) -> str:
    reason = str(error.orig).strip().splitlines()
    return str(
        say(
            "无法使用数据库：{reason}",
            "The database cannot be used: {reason}",
            reason=reason[0] if reason else type(error).__name__,
        )
    )


def terminal_language() -> str:
    """Chinese where the terminal's locale (or GUANHU_LANG) says so, else English."""
    for name in ("GUANHU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return "zh" if os.environ[name].lower().startswith("zh") else "en"
    return "en"


# ---- opening the app ---------------------------------------------------------------------------------------


@contextmanager
def opened(app: Flask | None = None) -> Iterator[Flask]:
    """The app, and its context around the block."""
    app = app or create_app()
    jobs.on_new_work(Bell(app.config["JOBS_URL"]).ring)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


def with_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command runs inside the app on an up-to-date database, with the rights of the system."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with opened(), access.acting(access.SYSTEM):
            check_migrated()
            return command(*args, **kwargs)

    return wrapped


def as_user(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command takes `--as USER` and runs inside the app with that person's rights, no more."""

    @click.option("--as", "username", required=True, metavar="USER", help="Whose rights the command has.")
    @functools.wraps(command)
    def wrapped(*args: Any, username: str, **kwargs: Any) -> Any:
        with opened():
            check_migrated()
            with access.acting(principal_called(username)):
                return command(*args, **kwargs)

    return wrapped


def principal_called(username: str) -> access.Principal:
    """The principal of the account of this name; ends the command when there is none."""
    with access.acting(access.SYSTEM):
        user_id = db.session.scalar(select(User.id).where(User.username == username))
        found = None if user_id is None else access.principal_of(user_id)
    if found is None:
        stop(
            say(
                "没有名为“{name}”的可用账号。",
                "There is no account '{name}' that may sign in.",
                name=username,
            ),
            BAD_USAGE,
        )
    return found


# ---- is the database as this version needs it --------------------------------------------------------------


def head() -> str | None:
    """The newest revision this version brings."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def revision() -> str | None:
    """The revision the database stands at; None before `guanhu init`."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check_migrated() -> None:
    """Raises NotReady unless the database stands where this version of the code needs it."""
    found, needed = revision(), head()
    if found == needed:
        return
    if found is None:
        raise NotReady(
            str(
                say(
                    "数据库尚未初始化：请先运行 guanhu init。",
                    "The database is not set up yet: run `guanhu init` first.",
                )
            )
        )
    raise NotReady(
        str(
            say(
                "数据库停留在版本 {found}，本程序需要 {needed}：请备份后运行 guanhu init。",
                "The database stands at {found}, this version needs {needed}: back it up, then run `guanhu init`.",
                found=found,
                needed=needed,
            )
        )
    )


# ---- reporting ---------------------------------------------------------------------------------------------


def reports(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command takes `--json`; it gets `as_json` and passes what it found to `report`."""
    return click.option("--json", "as_json", is_flag=True, help="Report as JSON.")(command)


def report(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as JSON, or as a table for people."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, default=str, indent=1))
        return
    if not rows:
        return
    table = [list(rows[0]), *[["" if cell is None else str(cell) for cell in row.values()] for row in rows]]
    widths = [max(_width(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if character >= "\u1100" else 1 for character in text)


def instance_folder() -> Path:
    return Path(current_app.config["INSTANCE"])
