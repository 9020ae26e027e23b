"""Policy packs from the command line: what there is, what is wrong, what would change; loading and exporting."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from app.cli.base import REFUSED, SOME_REJECTED, report, reports, with_app
from app.extensions import transaction
from app.services import packs
from app.services.packs import Fate, Report
from app.words import say

SHOWN = (Fate.added, Fate.replaced, Fate.kept, Fate.conflict, Fate.retired, Fate.overlaid, Fate.skipped)


@click.group()
def pack() -> None:
    """Policy packs: configuration as files."""


@pack.command("list")
@reports
@with_app
def list_(*, as_json: bool) -> None:
    """The packs that come with the product, and whether each stands as it is."""
    report([_line(name) for name in packs.shipped()], as_json=as_json)


def _line(name: str) -> dict[str, Any]:
    found = packs.read(name)
    state = packs.diff(name)
    counts = state.counts()
    waiting = counts.get(Fate.added.value, 0)
    return {
        "pack": found.code,
        "name": str(found.name),
        "version": found.version,
        "entries": len(found.entries),
        "loaded": len(found.entries) - waiting,
        "to_replace": counts.get(Fate.replaced.value, 0),
        "conflicts": counts.get(Fate.conflict.value, 0),
    }


@pack.command()
@click.argument("name")
@reports
@with_app
def lint(name: str, *, as_json: bool) -> None:
    """Say everything that is wrong with a pack (a shipped one by its code, any by its folder)."""
    found = packs.lint(name)
    rows = [{"file": item.file, "entry": item.entry, "problem": str(item.words)} for item in found]
    report(rows, as_json=as_json)
    if found:
        click.get_current_context().exit(REFUSED)
    if not as_json:
        click.echo(str(say("没有问题。", "Nothing is wrong with it.")), err=True)


@pack.command()
@click.argument("name")
@reports
@with_app
def diff(name: str, *, as_json: bool) -> None:
    """What loading a pack would do to each entry that differs from what stands."""
    show(packs.diff(name), as_json=as_json)


@pack.command()
@click.argument("names", nargs=-1, required=True)
@reports
@with_app
def load(names: tuple[str, ...], *, as_json: bool) -> None:
    """Load packs. What an administrator changed is kept and listed; then the command ends with 3."""
    found = load_all(names)
    show(found, as_json=as_json)
    if found.conflicts:
        click.get_current_context().exit(SOME_REJECTED)


@pack.command()
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option(
    "--all", "whole", is_flag=True, help="The whole configuration, not what was changed here alone."
)
@reports
@with_app
def export(folder: Path, *, whole: bool, as_json: bool) -> None:
    """Write what was configured here as a pack."""
    show(packs.export(folder, changed_only=not whole), as_json=as_json)


def load_all(names: Iterable[str]) -> Report:
    """Load these packs in order, each in a transaction of its own; what became of every entry."""
    found = Report()
    for name in dict.fromkeys(names):
        with transaction():
            found.items += packs.load(name).items
    return found


def show(found: Report, *, as_json: bool) -> None:
    """The entries that are not simply as they were, and the counts of all."""
    rows = [
        {
            "pack": item.pack,
            "kind": item.kind,
            "code": item.code,
            "fate": item.fate.value,
            "differs": item.differences if as_json else ", ".join(item.differences),
        }
        for item in found.of(*SHOWN)
    ]
    report(rows, as_json=as_json)
    if not as_json:
        counts = ", ".join(f"{fate} {count}" for fate, count in found.counts().items())
        click.echo(counts or str(say("没有条目。", "There are no entries.")), err=True)


COMMANDS = [pack]
