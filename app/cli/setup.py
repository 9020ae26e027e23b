"""Setting up: keys, database, packs, the first account."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from flask_migrate import upgrade
from sqlalchemy import select
from werkzeug.utils import import_string

from app import create_app
from app.cli.base import MIGRATIONS, opened
from app.columns import KeyRing
from app.extensions import db, transaction
from app.services import access, account_keeping, packs, searching
from app.words import say
from app.workflows import upkeep

BASE = "base"
FIRST = "admin"
FIRST_ROLE = "administrator"


@click.command()
@click.option(
    "--pack", "names", multiple=True, metavar="NAME", help="Load this policy pack too; may be repeated."
)
@click.option("--no-account", is_flag=True, help="Do not make the first account.")
@click.option("--quiet", is_flag=True, help="Say nothing of what went well.")
def init(*, names: tuple[str, ...], no_account: bool, quiet: bool) -> None:
    """Create or upgrade the database and load packs; safe to repeat."""
    app = prepare()
    with opened(app), access.acting(access.SYSTEM):
        set_up(names, quiet=quiet)
        if not no_account:
            _first_account(app)
    if not quiet:
        click.echo(
            str(say("就绪：运行 guanhu serve 启动服务。", "Ready: `guanhu serve` starts the server.")),
            err=True,
        )


def prepare() -> Flask:
    """The app, after making what it needs to start: keys and folders."""
    settings = import_string("config.read")(create_keys=True)
    KeyRing.create(Path(settings["KEY_FILE"]))
    Path(settings["FILES"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    return create_app(settings)


def set_up(names: Sequence[str] = (), *, quiet: bool) -> None:
    """Bring the database to this version, load pack base and these, plan what recurs; inside the app's context."""
    upgrade(str(MIGRATIONS))
    db.session.remove()
    for name in dict.fromkeys([BASE, *names]):
        with transaction():
            report = packs.load(name)
        _tell(name, report, quiet=quiet)
    with transaction():
        upkeep.plan()
    searching.complete()


def _tell(name: str, report: packs.Report, *, quiet: bool) -> None:
    """What became of a pack's entries; what an administrator changed and the pack changed too is always told."""
    if not quiet and report.is_changed:
        counts = ", ".join(f"{fate} {count}" for fate, count in report.counts().items())
        click.echo(
            str(say("制度包 {name}：{counts}", "Pack {name}: {counts}", name=name, counts=counts)), err=True
        )
    if report.conflicts:
        click.echo(
            str(
                say(
                    "制度包 {name} 有 {count} 处与本单位的修改冲突，已保留本单位的内容：guanhu pack diff {name}",
                    "Pack {name}: {count} entries were changed here and in the pack; yours are kept: guanhu pack diff {name}",
                    name=name,
                    count=len(report.conflicts),
                )
            ),
            err=True,
        )


def _first_account(app: Flask) -> None:
    """Where nobody can sign in yet: an administrator, and the link by which he chooses his password."""
    if db.session.scalar(select(User.id).limit(1)) is not None:
        return
    account_keeping.add(FIRST, None, roles=[FIRST_ROLE])
    token = account_keeping.setup_token(FIRST)
    click.echo(
        str(
            say(
                "首个管理员 {name}：请在 24 小时内打开此链接设置密码（只能使用一次）：",
                "The first administrator is {name}; choose his password by this link, once, within 24 hours:",
                name=FIRST,
            )
        ),
        err=True,
    )
    click.echo(f"{app.config['BASE_URL']}/set-up/{token}")


COMMANDS = [init]
