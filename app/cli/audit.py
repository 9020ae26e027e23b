"""The record of what happened, from the command line: sealing it now, and proving it whole."""

from __future__ import annotations

import sys

import click

from app.cli.base import BAD_USAGE, REFUSED, report, reports, stop, with_app
from app.services import audit as log
from app.words import say


@click.group()
def audit() -> None:
    """The record of what happened: seal, verify."""


@audit.command()
@with_app
def seal() -> None:
    """Chain the lines written since the last time; prints how far the chain goes."""
    head = None
    while sealed := log.seal():
        head = sealed
    if head is not None:
        log.anchors.drop(head)
        click.echo(str(head))


@audit.command()
@click.option(
    "--anchor", metavar="ID:HASH", help="How far the chain went at least (the last line of audit-anchors)."
)
@reports
@with_app
def verify(*, anchor: str | None, as_json: bool) -> None:
    """Prove that no line was changed, removed, put in between or cut off; exit code 1 names the first that was."""
    found = log.verify(_anchor(anchor))
    if as_json:
        report(
            [
                {
                    "whole": found.whole,
                    "sealed": found.sealed,
                    "unsealed": found.unsealed,
                    "head": str(found.head) if found.head else None,
                    "broken_at": found.broken_at,
                    "reason": str(found.words) if found.words else None,
                }
            ],
            as_json=True,
        )
    elif found.whole:
        whole = say(
            "完好：已封存 {sealed} 行，待封存 {unsealed} 行。",
            "Whole: {sealed} lines sealed, {unsealed} waiting.",
            sealed=found.sealed,
            unsealed=found.unsealed,
        )
        click.echo(str(whole))
    if not found.whole:
        broken = say(
            "日志已被破坏，首处在第 {line} 行：{why}",
            "The log was tampered with, first at line {line}: {why}",
            line=found.broken_at or 0,
            why=found.words or "",
        )
        click.echo(str(broken), err=True)
        sys.exit(REFUSED)


def _anchor(text: str | None) -> log.Anchor | None:
    """The anchor given, else the newest of the instance's file."""
    try:
        return log.Anchor.parse(text) if text else log.anchors.last()
    except ValueError:
        stop(say("锚点应形如 ID:HASH。", "An anchor looks like ID:HASH."), BAD_USAGE)


COMMANDS = [audit]
