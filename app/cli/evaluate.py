"""Evaluations from the command line: run a scheme, explain one subject's grade, compare two runs."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from app.cli.base import BAD_USAGE, as_user, report, reports, stop
from app.errors import BadInput
from app.services.language.kinds import POINTS
from app.words import say
from app.workflows.evaluation import comparing, explaining, reading, runs, schemes
from app.workflows.evaluation.explaining import Explanation
from app.workflows.evaluation.pins import Pin, pin
from app.workflows.evaluation.saying import spoken, when


@click.command()
@click.argument("scheme")
@click.option(
    "--period", required=True, metavar="A..B", help="The period, both days included: 2026-01-01..2026-12-31."
)
@click.option(
    "--as-of", metavar="T", help="Nothing later is looked at; a day means its beginning. Else the end of B."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="One row per subject (.csv or .xlsx)."
)
@reports
@as_user
def evaluate(*, scheme: str, period: str, as_of: str | None, out: Path | None, as_json: bool) -> None:
    """Run an evaluation. SCHEME is the code of a published scheme, or a scheme file (then a trial run)."""
    pinned = pin(period, as_of)
    run_id = _started(scheme, pinned)
    runs.compute(run_id, _progress if sys.stderr.isatty() else None)
    opened = reading.open_run(run_id)
    count = None if out is None else reading.write(opened, out)
    _tell(opened, as_json=as_json)
    if count is not None and not as_json:
        click.echo(
            str(say("已写入 {n} 行：{file}", "{n} rows written to {file}", n=count, file=out)), err=True
        )


def _started(scheme: str, pinned: Pin) -> int:
    """The run of a file, or of a published scheme."""
    path = Path(scheme)
    if path.suffix.lower() not in {".yaml", ".yml"} and not path.is_file():
        return runs.start(scheme, pinned)
    try:
        return runs.start_trial(schemes.body_of_file(path), pinned)
    except BadInput as error:
        lines = [
            f"{problem.field}: {problem.words}" if problem.field else str(problem.words)
            for problem in error.problems
        ]
        stop("\n".join(lines), BAD_USAGE)


def _progress(done: int, total: int) -> None:
    """A line that is written over, where a person looks on."""
    click.echo(f"\r{done:,} / {total:,}", err=True, nl=done >= total)


def _tell(opened: reading.Opened, *, as_json: bool) -> None:
    run, lines = opened.run, reading.summary(opened)
    rows: list[dict[str, Any]] = []
    for line in lines:
        row: dict[str, Any] = {"grade": line.grade.code if line.grade else None, "subjects": line.subjects}
        row |= {key: _plain(value) for key, value in line.means.items()}
        rows.append(row | {"total": _plain(line.total)})
    if as_json:
        report(
            [
                {
                    "run": run.id,
                    "kind": run.kind.value,
                    "population": run.population,
                    "checksum": run.checksum,
                    "grades": rows,
                }
            ],
            as_json=True,
        )
        return
    sentence = say(
        "评价运行 {id}：{scheme}，评价期 {first} 至 {last}（含首尾），截止 {as_of}，共 {n} 个对象；以下为您可见的对象。",
        "Run {id}: {scheme}, period {first} to {last} (both included), as of {as_of}, {n} subjects; below, those you see.",
        id=run.id,
        scheme=opened.scheme.words,
        first=run.period_from,
        last=_last(opened),
        as_of=when(run.as_of),
        n=run.population,
    )
    click.echo(str(sentence), err=True)
    report(rows, as_json=False)


def _last(opened: reading.Opened) -> str:
    return opened.scheme.pin.last_day.isoformat()


def _plain(value: Decimal | None) -> str | None:
    """A mean with six decimals, without those that are nought."""
    if value is None:
        return None
    text = f"{value:.6f}"
    return text.rstrip("0").rstrip(".")


@click.command()
@click.argument("run", type=int)
@click.argument("subject")
@reports
@as_user
def explain(*, run: int, subject: str, as_json: bool) -> None:
    """Say why SUBJECT (its code) has its grade under RUN, down to the rows counted and those left out."""
    found = explaining.explain(run, subject)
    if as_json:
        report([_document(found)], as_json=True)
        return
    click.echo(f"{found.code} {found.name}: {found.grade}")
    for words in [*([found.sentence] if found.sentence else []), *found.notes]:
        click.echo(str(words))
    report(
        [
            {
                "indicator": str(one.words),
                "value": str(one.value),
                "points": _points(one.score),
                "weight": f"{one.weight / 100:g} %" if one.weight else "",
                "brings": _points(one.contribution),
                "method": str(one.method),
            }
            for one in found.indicators
        ],
        as_json=False,
    )
    for line in found.measures:
        click.echo()
        counts = say(
            "计入 {n} 行，排除 {m} 行", "{n} rows counted, {m} left out", n=line.counted, m=line.left_out
        )
        click.echo(f"{line.words}: {line.how} ({counts})")
        report(
            [
                {
                    "id": row.id,
                    "at": row.at,
                    **{name: str(words) for name, words in row.shown.items()},
                    "left out": str(row.left_out or ""),
                }
                for row in line.rows
            ],
            as_json=False,
        )


def _points(raw: int | None) -> str:
    return "" if raw is None else str(spoken(POINTS, raw))


def _document(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON, numbers raw, sentences in the reader's language."""
    return {
        "run": found.run_id,
        "code": found.code,
        "name": found.name,
        "grade": str(found.grade),
        "total": found.total,
        "coverage": found.coverage,
        "notes": [str(note) for note in found.notes],
        "indicators": [
            {
                "key": one.key,
                "value": str(one.value),
                "score": one.score,
                "weight": one.weight,
                "contribution": one.contribution,
                "method": str(one.method),
            }
            for one in found.indicators
        ],
        "measures": [
            {
                "key": line.key,
                "how": str(line.how),
                "value": line.value,
                "counted": line.counted,
                "left_out": line.left_out,
                "rows": [
                    {
                        "id": row.id,
                        "at": row.at,
                        "value": row.value,
                        "left_out": str(row.left_out) if row.left_out else None,
                    }
                    for row in line.rows
                ],
            }
            for line in found.measures
        ],
    }


@click.command()
@click.argument("first", type=int)
@click.argument("second", type=int)
@reports
@as_user
def compare(*, first: int, second: int, as_json: bool) -> None:
    """Say how many subjects went from which grade to which between two runs, and who moved most."""
    found = comparing.compare(first, second)
    moves = [{"before": move.before, "after": move.after, "subjects": move.subjects} for move in found.moves]
    movers = [
        {
            "code": one.code,
            "name": one.name,
            "before": one.before,
            "after": one.after,
            "points": one.difference / 100,
        }
        for one in found.movers
    ]
    if as_json:
        report([{"moves": moves, "movers": movers}], as_json=True)
        return
    report(moves, as_json=False)
    if movers:
        click.echo()
        report(movers, as_json=False)


COMMANDS = [evaluate, explain, compare]
