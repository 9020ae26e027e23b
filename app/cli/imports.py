"""Bringing files in from the command line: the same path the screen uses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import yaml

from app.cli.base import BAD_USAGE, SOME_REJECTED, as_user, report, reports, stop
from app.models import ImportAlike, ImportMode
from app.services import imports, sheets
from app.words import say
from app.workflows import importing


@click.command("import")
@click.argument("resource")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sheet", metavar="NAME", help="The sheet to read; else the first visible one.")
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON: `head: field`, null to leave a column out.",
)
@click.option("--key", metavar="FIELD", help="The field that tells which record a row stands for.")
@click.option(
    "--mode", type=click.Choice([mode.value for mode in ImportMode]), default="upsert", show_default=True
)
@click.option(
    "--alike",
    type=click.Choice([alike.value for alike in ImportAlike]),
    default="create",
    show_default=True,
    help="What becomes of rows that are called as a record is.",
)
@click.option("--reason", default="", help="Why opening data is entered (for the audit log).")
@click.option("--dry-run", is_flag=True, help="Judge the file and write nothing.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Where to put the refused rows."
)
@reports
@as_user
def import_(
    *, resource: str, file: Path, rejects: Path | None, dry_run: bool, as_json: bool, **how: Any
) -> None:
    """Bring records in from a workbook or a CSV file. RESOURCE is customer, contact, product, order.

    Ends with 3 when some rows were refused.
    """
    order = _order(resource, file, how)
    try:
        counts = _judge(order, rejects) if dry_run else _bring_in(order, rejects)
    except sheets.Unreadable as error:
        stop(error.words, BAD_USAGE)
    _tell(counts, resource, as_json=as_json)
    if counts.refused:
        sys.exit(SOME_REJECTED)


def _order(resource: str, file: Path, how: dict[str, Any]) -> imports.Order:
    wish = imports.Wish()
    if how["mapping"] is not None:
        try:
            wish = imports.Wish.parse(yaml.safe_load(how["mapping"].read_text("utf-8")))
        except (yaml.YAMLError, UnicodeError) as error:
            stop(
                say("对应关系文件无法读取：{why}", "The mapping cannot be read: {why}", why=error), BAD_USAGE
            )
    return imports.Order(
        resource=resource,
        path=file,
        file_name=file.name,
        sheet=how["sheet"],
        wish=wish,
        key=how["key"],
        mode=ImportMode[how["mode"]],
        opening=importing.opening_of(resource),
        reason=how["reason"] or str(say("导入 {file}", "Import of {file}", file=file.name)),
        limits=sheets.LARGE,
        alike=ImportAlike[how["alike"]],
    )


def _judge(order: imports.Order, rejects: Path | None) -> imports.Counts:
    refused: list[imports.Checked] = []
    counts, opened = imports.dry_run(order, lambda row, _plan: refused.append(row))
    for note in opened.notes:
        click.echo(str(note), err=True)
    if rejects is not None and refused:
        imports.write_checked(refused, opened.plan, rejects)
    return counts


def _bring_in(order: imports.Order, rejects: Path | None) -> imports.Counts:
    run = imports.stage(order, progress=_progress(say("检查", "Checking")))
    for note in imports.notes_of(run):
        click.echo(str(note), err=True)
    counts = importing.write(run, progress=_progress(say("写入", "Writing")))
    if rejects is not None and counts.refused:
        imports.write_refused(run, rejects)
    return counts


def _progress(what: object) -> imports.Progress | None:
    """A line that is written over, where a person looks on."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int | None) -> None:
        click.echo(f"\r{what} {done:,}{f' / {total:,}' if total else ''} ", nl=False, err=True)

    return show


def _tell(counts: imports.Counts, resource: str, *, as_json: bool) -> None:
    line = {
        "resource": resource,
        "rows": counts.total,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "rejected": counts.refused,
    }
    report([line], as_json=as_json)


COMMANDS = [import_]
