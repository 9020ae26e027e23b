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
from app.words import Words, say
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
@click.option(
    "--labels", is_flag=True, help="Head a .csv by names, as a workbook is, not by the keys programs read."
)
@reports
@as_user
def evaluate(
    *, scheme: str, period: str, as_of: str | None, out: Path | None, labels: bool, as_json: bool
) -> None:
    """Run an evaluation. SCHEME is the code of a published scheme, or a scheme file (then a trial run)."""
    pinned = pin(period, as_of)
    run_id = _started(scheme, pinned)
    runs.compute(run_id, _progress if sys.stderr.isatty() else None)
    opened = reading.open_run(run_id)
    count = None
    if out is not None:
        count = reading.write(opened, out, named=labels or out.suffix.lower() == ".xlsx")
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
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                "grade": line.grade.code if line.grade else None,
                "subjects": line.subjects,
                **{key: _plain(value) for key, value in line.means.items()},
                "total": _plain(line.total),
            }
            for line in lines
        ]
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
    names = {one.key: str(one.words) for one in opened.scheme.indicators}
    report(
        [
            {
                str(GRADE): str(line.grade.words if line.grade else reading.UNGRADED),
                str(SUBJECTS): line.subjects,
                **{names[key]: _plain(value) for key, value in line.means.items()},
                str(TOTAL): _plain(line.total),
            }
            for line in lines
        ],
        as_json=False,
    )


GRADE, SUBJECTS, TOTAL = Words("等级", "Grade"), Words("对象数", "Subjects"), Words("总分", "Total")
BEFORE, AFTER = Words("先前", "Before"), Words("之后", "After")


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
                str(Words("指标", "Indicator")): str(one.words),
                str(Words("数值", "Value")): str(one.value),
                str(Words("分值", "Score")): _points(one.score),
                str(Words("权重", "Weight")): f"{one.weight / 100:g} %" if one.weight else "",
                str(Words("得分", "Brings")): _points(one.contribution),
                str(Words("评分方法", "Scored by")): str(one.method),
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
                    str(Words("时间", "When")): row.at,
                    **{str(line.heads[name]): str(words) for name, words in row.shown.items()},
                    str(Words("未计入的原因", "Left out because")): str(row.left_out or ""),
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
    if as_json:
        moves = [
            {"before": move.before, "after": move.after, "subjects": move.subjects} for move in found.moves
        ]
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
        report([{"moves": moves, "movers": movers}], as_json=True)
        return
    before, after = _names(found.first), _names(found.second)
    report(
        [
            {
                str(BEFORE): before.get(move.before, NONE),
                str(AFTER): after.get(move.after, NONE),
                str(SUBJECTS): move.subjects,
            }
            for move in found.moves
        ],
        as_json=False,
    )
    if found.movers:
        click.echo()
        report(
            [
                {
                    str(Words("编号", "Code")): one.code,
                    str(Words("名称", "Name")): one.name,
                    str(BEFORE): before.get(one.before, NONE),
                    str(AFTER): after.get(one.after, NONE),
                    str(Words("总分变化", "Change of the total")): one.difference / 100,
                }
                for one in found.movers
            ],
            as_json=False,
        )


NONE = "-"


def _names(scheme: schemes.Scheme) -> dict[str, str]:
    """What its grades are called."""
    return {grade.code: str(grade.words) for grade in scheme.grades}


COMMANDS = [evaluate, explain, compare]
