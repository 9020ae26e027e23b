"""Setting up: keys, database, packs."""

from __future__ import annotations

from pathlib import Path

import click
from flask_migrate import upgrade
from werkzeug.utils import import_string

from app import create_app
from app.cli.base import MIGRATIONS, opened
from app.columns import KeyRing
from app.extensions import db
from app.services import access
from app.words import say


@click.command()
@click.option(
    "--pack", "packs", multiple=True, metavar="NAME", help="Load this policy pack too; may be repeated."
)
@click.option("--quiet", is_flag=True, help="Say nothing when all is well.")
def init(*, packs: tuple[str, ...], quiet: bool) -> None:
    """Create or upgrade the database and load packs; safe to repeat."""
    settings = import_string("config.read")(create_keys=True)
    KeyRing.create(Path(settings["KEY_FILE"]))
    Path(settings["FILES"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened(create_app(settings)), access.acting(access.SYSTEM):
        upgrade(str(MIGRATIONS))
        db.session.remove()
    if not quiet:
        click.echo(str(say("就绪。", "Ready.")))


COMMANDS = [init]
