"""Whether everything that must hold of requests and links holds: for a nightly run, and after a restore."""

from __future__ import annotations

import sys

import click

from app.cli.base import REFUSED, report, reports, with_app
from app.words import say
from app.workflows.invariants import Breach, Dangling, breaches, dangling


@click.command()
@reports
@with_app
def check(*, as_json: bool) -> None:
    """Ask the laws of approvals (I1 to I14) and the links of all records; exit code 1 names what breaks them."""
    broken, lost = breaches(), dangling()
    rows = [*map(_of_breach, broken), *map(_of_link, lost)]
    if rows or as_json:
        report(rows, as_json=as_json)
    else:
        click.echo(say("完好。", "All laws hold, and every link points to something."))
    sys.exit(REFUSED if rows else 0)


def _of_breach(breach: Breach) -> dict[str, object]:
    of = "approval_flow_version" if breach.law == "I9" else "approval_request"
    return {"law": breach.law, "what": str(breach.words), "of": of, "ids": list(breach.request_ids)}


def _of_link(link: Dangling) -> dict[str, object]:
    words = say("指向的记录不存在", "points to a record that is not there")
    return {"law": "R14", "what": f"{words} ({link.object_type})", "of": link.table, "ids": list(link.ids)}


COMMANDS = [check]
