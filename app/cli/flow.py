"""Approval flows from the command line: check one, try it on a record or on the last real ones, take it out and in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import inspect, select

from app.cli.base import BAD_USAGE, REFUSED, report, reports, stop, with_app
from app.errors import BadInput, NotFound
from app.extensions import db, transaction
from app.models import ApprovalFlow, ApprovalFlowVersion, Employee
from app.services import values
from app.services.packs import read_document
from app.words import Words, say
from app.workflows import designing, flows, simulating, subjects, verifying
from app.workflows.simulating import Row, Stage
from app.workflows.verifying import Finding

LARGEST_FILE = 256 * 1024
"""Bytes of a flow file; the largest flow there can be takes a tenth of it."""


@click.group()
def flow() -> None:
    """Approval flows: checked, tried out, taken out and in."""


# ---- checking -----------------------------------------------------------------------------------------------


@flow.command()
@click.argument("names", metavar="FILE|CODE...", nargs=-1, required=True)
@click.option("--document", "alone", is_flag=True, help="Check the document alone, whoever works here.")
@reports
def lint(names: tuple[str, ...], *, alone: bool, as_json: bool) -> None:
    """Say everything that is wrong with flows: YAML files, or codes of flows kept here.

    Ends with 1 when something stops a publication, with 2 when one cannot be read. Files checked by themselves need no
    database.
    """
    if alone and all(map(_is_file, names)):
        _lint(names, alone=alone, as_json=as_json)
    else:
        with_app(_lint)(names, alone=alone, as_json=as_json)


def _lint(names: tuple[str, ...], *, alone: bool, as_json: bool) -> None:
    found: list[tuple[str, Finding]] = []
    for name in names:
        body = _body(name)
        findings = verifying.of_document(body) if alone else verifying.verify(body)
        found += [(Path(name).name, it) for it in findings]
    report([_line(name, it, as_json=as_json) for name, it in found], as_json=as_json)
    if any(it.is_error for _name, it in found):
        click.get_current_context().exit(REFUSED)
    if not found and not as_json:
        click.echo(str(say("没有问题。", "Nothing is wrong with it.")), err=True)


def _line(name: str, it: Finding, *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return {"flow": name, **it.document()}
    return {
        "flow": name,
        "rule": it.rule,
        "weight": str(ERROR if it.is_error else WARNING),
        "place": it.place,
        "finding": str(it.words),
        "case": str(it.case or ""),
    }


ERROR, WARNING = say("错误", "error"), say("警告", "warning")


def _body(flow_or_file: str) -> Mapping[str, Any]:
    """The document of a flow file, or of the flow of this code: the published one, else the last draft."""
    if _is_file(flow_or_file):
        return _of_file(Path(flow_or_file))
    found: Mapping[str, Any] = _version(flow_or_file).body
    return found


def _is_file(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in {".yaml", ".yml", ".json"} or path.is_file()


def _of_file(path: Path) -> Mapping[str, Any]:
    try:
        body = read_document(_text(path))
    except BadInput as refused:
        stop("\n".join(f"{path.name}: {problem.words}" for problem in refused.problems), BAD_USAGE)
    if not isinstance(body, dict):
        stop(say("{file}：不是一个流程。", "{file}: this is not a flow.", file=path.name), BAD_USAGE)
    found: dict[str, Any] = body
    return found


def _text(path: Path) -> str:
    """What stands in a file; ends the command when it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            stop(say("{file}：文件太大。", "{file}: the file is too large.", file=path.name), BAD_USAGE)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "UTF-8"
        stop(
            say("{file}：无法读取：{why}", "{file}: it cannot be read: {why}", file=path.name, why=reason),
            BAD_USAGE,
        )


def _version(code: str) -> ApprovalFlowVersion:
    """The published version of a flow, else its last draft; ends the command when there is none."""
    try:
        return flows.published(code)
    except NotFound as none:
        statement = (
            select(ApprovalFlowVersion)
            .join(ApprovalFlow)
            .where(ApprovalFlow.code == code)
            .order_by(ApprovalFlowVersion.edition.desc())
            .limit(1)
        )
        found = db.session.scalar(statement)
        if found is None:
            stop(none.words, BAD_USAGE)
        return found


# ---- trying out ---------------------------------------------------------------------------------------------


@flow.command()
@click.argument("code", metavar="FILE|CODE")
@click.argument("record")
@click.option(
    "--by", "number", metavar="NO", help="The employee who would submit it; else the record's owner."
)
@reports
@with_app
def preview(code: str, record: str, *, number: str | None, as_json: bool) -> None:
    """Say which way a record (its id or number) would take: the steps, who decides them, and why."""
    body = _sound(_body(code))
    found = _record(str(body["object_type"]), record)
    stages = simulating.preview(body, found, _submitter(found, number))
    if not simulating.covers(body, found):
        click.echo(str(simulating.NOT_COVERED), err=True)
    report([_stage(stage, as_json=as_json) for stage in stages], as_json=as_json)
    if any(stage.refusal for stage in stages):
        click.get_current_context().exit(REFUSED)


def _sound(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document that can be run at all; raises `BadInput` with everything that keeps it from that."""
    if found := flows.problems(body):
        raise BadInput(found)
    return body


def _record(object_type: str, wanted: str) -> Any:
    """The record of this id or number; ends the command when there is none."""
    model = subjects.subject_named(object_type).model
    columns = inspect(model).columns
    named = [columns[name] == wanted for name in ("no", "code") if name in columns]
    found = db.session.scalar(select(model).where(named[0]).limit(1)) if named else None
    if found is None and (key := values.whole(wanted)):
        found = db.session.get(model, key)
    if found is None:
        stop(say("没有记录“{it}”。", "There is no record '{it}'.", it=wanted), BAD_USAGE)
    return found


def _submitter(record: Any, number: str | None) -> int:
    if number is not None:
        found = db.session.scalar(select(Employee.id).where(Employee.no == number))
        if found is None:
            stop(say("没有员工“{no}”。", "There is no employee '{no}'.", no=number), BAD_USAGE)
        return int(found)
    owner = getattr(record, "owner_id", None)
    if owner is None:
        stop(simulating.NO_OWNER, BAD_USAGE)
    return int(owner)


def _stage(stage: Stage, *, as_json: bool) -> dict[str, Any]:
    people = [(chair, sitter) for chair in stage.chairs for sitter in chair.people]
    if as_json:
        return {
            "step": stage.key,
            "name": _both(stage.name),
            "taken": stage.taken,
            "signatures": stage.signatures,
            "why": [_both(words) for words in stage.why],
            "people": [
                {"seat": chair.key, "need": chair.need, "name": sitter.name, "why": _both(sitter.why)}
                for chair, sitter in people
            ],
            "refusal": _both(stage.refusal) if stage.refusal else None,
        }
    return {
        "step": str(stage.name),
        "taken": str(YES if stage.taken else NO),
        "signatures": stage.signatures or None,
        "people": ", ".join(f"{sitter.name} ({sitter.why})" for _chair, sitter in people),
        "why": str(stage.refusal or "; ".join(map(str, stage.why))),
    }


YES, NO = say("是", "yes"), say("否", "no")


def _both(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}


@flow.command()
@click.argument("code", metavar="FILE|CODE")
@click.option(
    "--last", "last_n", type=click.IntRange(1, simulating.MOST_RECORDS), default=100, show_default=True
)
@reports
@with_app
def simulate(code: str, *, last_n: int, as_json: bool) -> None:
    """Say which ways the last real records would take, how many signatures that takes, and whose."""
    body = _sound(_body(code))
    rows = simulating.simulate(body, str(body["object_type"]), last_n)
    report([_row(row, as_json=as_json) for row in rows], as_json=as_json)


def _row(row: Row, *, as_json: bool) -> dict[str, Any]:
    low, high = row.signatures
    if as_json:
        return {
            "path": list(row.path),
            "count": row.count,
            "share": round(row.share, 4),
            "signatures": [low, high],
            "people": row.people,
            "example": row.example_id,
            "refusal": _both(row.refusal) if row.refusal else None,
        }
    return {
        "records": row.count,
        "share": f"{row.share:.0%}",
        "path": " → ".join(map(str, row.names)) or "-",
        "signatures": str(low) if low == high else f"{low}-{high}",
        "people": ", ".join(f"{name} {times}" for name, times in row.people.items()),
        "example": row.example,
        "refusal": str(row.refusal or ""),
    }


@flow.command()
@click.argument("code", metavar="FILE|CODE")
@reports
@with_app
def paths(code: str, *, as_json: bool) -> None:
    """Say which ways there are, tried with every case the conditions can tell apart, and a case for each."""
    report([_way(it, as_json=as_json) for it in verifying.paths(_sound(_body(code)))], as_json=as_json)


def _way(it: verifying.Path, *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return {
            "path": list(it.path),
            "count": it.count,
            "share": round(it.share, 4),
            "case": _both(it.case),
            "undecided": it.undecided,
        }
    return {
        "cases": it.count,
        "share": f"{it.share:.0%}",
        "path": " → ".join(map(str, it.names)) or "-",
        "case": str(it.case),
        "undecided": it.undecided or "",
    }


# ---- out and in ---------------------------------------------------------------------------------------------


@flow.command("export")
@click.argument("code")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file; else standard output.")
@with_app
def export_(code: str, *, out: Path | None) -> None:
    """Write a flow as YAML, as packs hold it: its published version, else its last draft."""
    text = designing.written(_version(code))
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(str(say("已写入 {file}", "Written to {file}", file=out)), err=True)


@flow.command()
@click.argument("file", type=click.Path(path_type=Path))
@reports
@with_app
def load(file: Path, *, as_json: bool) -> None:
    """Keep a YAML flow as a new draft; somebody publishes it on the screen, once it has no errors."""
    _of_file(file)
    with transaction():
        version = designing.bring_in(_text(file))
        rows = [{"flow": version.flow.code, "edition": version.edition, "status": version.status.value}]
    report(rows, as_json=as_json)


COMMANDS = [flow]
