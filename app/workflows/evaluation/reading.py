"""Reading runs: results as far as the reader may see their subjects, in order, summed up, and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.errors import NotFound, WrongState
from app.extensions import db, transaction
from app.models import AuditAct, EvalResult, EvalRun, EvalSchemeVersion, RunStatus
from app.roles import Act
from app.services import access, audit, exports, sheets
from app.services.language.kinds import POINTS, SCALE, Type
from app.words import Words, say
from app.workflows.evaluation import schemes
from app.workflows.evaluation.pins import Pin
from app.workflows.evaluation.schemes import Scheme
from app.workflows.evaluation.sources import table_of

RESULT = table_of(EvalResult)
OVER = frozenset({RunStatus.sealed, RunStatus.in_approval, RunStatus.published, RunStatus.superseded})


@dataclass(frozen=True)
class Opened:
    """A sealed run with its scheme."""

    run: EvalRun
    scheme_id: int
    scheme: Scheme

    def grade(self, number: int | None) -> schemes.Grade | None:
        return None if number is None else self.scheme.grades[number]


UNGRADED = Words("未评", "not graded")


PUBLIC = frozenset({RunStatus.published, RunStatus.superseded})


def readable_runs() -> sa.Select[Any]:
    """The runs the person asking may know of: published ones, and all for who runs or publishes evaluations."""
    statement = sa.select(EvalRun)
    return statement if _works_on_runs() else statement.where(EvalRun.status.in_(PUBLIC))


def find_run(run_id: int) -> EvalRun:
    """A run as it stands. Raises `NotFound`, also for one that is not published and none of the reader's business."""
    run = db.session.get(EvalRun, run_id)
    if run is None or (run.status not in PUBLIC and not _works_on_runs()):
        raise NotFound(say("没有评价运行 {id}。", "There is no evaluation run {id}.", id=run_id))
    return run


def _works_on_runs() -> bool:
    who = access.principal()
    return who.may(Act.run, "eval_run") or who.may(Act.publish, "eval_run")


def open_run(run_id: int) -> Opened:
    """A run whose results stand. Raises `NotFound`, `WrongState` for one that is not sealed."""
    run = find_run(run_id)
    version = db.session.get_one(EvalSchemeVersion, run.scheme_version_id)
    if run.status not in OVER:
        raise WrongState(
            say(
                "评价运行 {id} 尚无结果：{status}。",
                "Run {id} has no results yet: {status}.",
                id=run_id,
                status=run.status.words,
            )
        )
    pin = Pin(run.period_from, run.period_to, run.as_of)
    return Opened(run, version.scheme_id, schemes.load(version.body, pin))


def code_of(scheme: Scheme) -> sa.ColumnElement[Any]:
    """The column of the subject's record that is its code."""
    found: sa.ColumnElement[Any] = scheme.subject.attribute(scheme.subject.code)
    return found


def title_of(scheme: Scheme) -> sa.ColumnElement[Any]:
    """The column of the subject's record that is its name."""
    found: sa.ColumnElement[Any] = scheme.subject.attribute(scheme.subject.title)
    return found


def visible(opened: Opened, which: sa.ColumnElement[bool] | None = None) -> sa.Select[Any]:
    """The results of a run with code and name of their subjects, as far as the reader sees these.

    `which` names other runs of the scheme instead.
    """
    subject, model = opened.scheme.subject, opened.scheme.subject.model
    found = (
        sa.select(code_of(opened.scheme).label("code"), title_of(opened.scheme).label("name"), *RESULT.c)
        .join(RESULT, RESULT.c.subject_id == model.id)
        .where(RESULT.c.run_id == opened.run.id if which is None else which)
        .order_by(model.id)
    )
    if subject.is_personal and not _works_on_runs():
        found = found.where(model.id == access.principal().employee_id)
    return found


# ---- summed up ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """The subjects of one grade: how many, and the mean of each indicator's raw values and of the total."""

    grade: schemes.Grade | None
    subjects: int
    means: dict[str, Decimal | None]
    total: Decimal | None


def summary(opened: Opened) -> list[Line]:
    """Subjects and means by grade, over what the reader sees."""
    inner = visible(opened).order_by(None).subquery()
    sums = [
        column
        for one in opened.scheme.indicators
        for column in (
            sa.cast(sa.func.sum(inner.c[f"v{one.column}"]), sa.BigInteger),
            sa.func.count(inner.c[f"v{one.column}"]),
        )
    ]
    totals = (sa.cast(sa.func.sum(inner.c.total), sa.BigInteger), sa.func.count(inner.c.total))
    statement = sa.select(inner.c.grade_no, sa.func.count(), *totals, *sums).group_by(inner.c.grade_no)
    rows = sorted(db.session.execute(statement).all(), key=lambda row: (row[0] is None, row[0]))
    return [_line(opened, row) for row in rows]


def _line(opened: Opened, row: Any) -> Line:
    number, subjects, total, totalled, *sums = row
    pairs = zip(opened.scheme.indicators, sums[::2], sums[1::2], strict=True)
    means = {one.key: mean(one.type, total, counted) for one, total, counted in pairs}
    return Line(opened.grade(number), subjects, means, mean(POINTS, total, totalled))


MOST_PEERS = 20_000
"""Of a larger run no picture adds up all subjects: a page waits for nobody."""


def mean_scores(opened: Opened) -> dict[str, Decimal]:
    """The mean score of each indicator over the subjects the reader sees, in points; nothing for a large run."""
    if opened.run.population > MOST_PEERS:
        return {}
    inner = visible(opened).order_by(None).subquery()
    scored = [one for one in opened.scheme.indicators if one.is_scored]
    columns = [inner.c[f"s{one.column}"] for one in scored]
    sums = [sa.cast(sa.func.sum(column), sa.BigInteger) for column in columns]
    counts = [sa.func.count(column) for column in columns]
    row = db.session.execute(sa.select(*sums, *counts)).one()
    found = {}
    for one, total, counted in zip(scored, row[: len(scored)], row[len(scored) :], strict=True):
        value = mean(POINTS, total, counted)
        if value is not None:
            found[one.key] = value
    return found


def mean_totals(opened: Opened, run_ids: Sequence[int]) -> dict[int, Decimal]:
    """The mean total of each of these runs of one scheme over the subjects the reader sees, in points."""
    if opened.run.population > MOST_PEERS:
        return {}
    inner = visible(opened, RESULT.c.run_id.in_(list(run_ids))).order_by(None).subquery()
    grouped = sa.select(
        inner.c.run_id, sa.cast(sa.func.sum(inner.c.total), sa.BigInteger), sa.func.count(inner.c.total)
    ).group_by(inner.c.run_id)
    means = {run_id: mean(POINTS, total, counted) for run_id, total, counted in db.session.execute(grouped)}
    return {run_id: value for run_id, value in means.items() if value is not None}


def mean(type_: Type, total: int | None, counted: int) -> Decimal | None:
    """A mean in whole units, exact to six decimals more than the unit holds."""
    if not counted or total is None:
        return None
    return Decimal(int(total)) / (counted * SCALE[type_.kind])


def number(type_: Type, raw: int | None) -> Decimal | int | None:
    """A raw value in whole units."""
    scale = SCALE[type_.kind]
    return raw if raw is None or scale == 1 else Decimal(int(raw)) / scale


# ---- as a file ---------------------------------------------------------------------------------------------------

UNGRADED_CODE = ""


def write(opened: Opened, target: Path, most: int = exports.MOST_ROWS, *, named: bool = False) -> int:
    """One row per subject: code, raw values, scores, total, grade; a workbook, or CSV by the file's name.

    The number of rows. Raises `NotAllowed` for a reader who may not take records of the subject out, and `OverLimit`
    for more than `most` of them. With `named`, columns and grades go by their names, not by
    their keys.
    """
    model, who = opened.scheme.subject.model, access.principal()
    who.check(Act.take_out, access.resource_of(model))
    reached = access.within(model, Act.take_out, who)
    scored = [one for one in opened.scheme.indicators if one.is_scored]
    heads = _names(opened, scored) if named else _keys(opened, scored)
    rows = visible(opened) if reached is None else visible(opened).where(reached)
    seen = db.session.scalar(sa.select(sa.func.count()).select_from(rows.order_by(None).subquery()))
    exports.check_count(seen or 0, most)
    count = _write(target, heads, _cells(opened, rows, named=named))
    with transaction():
        audit.record(
            AuditAct.take_out,
            "eval_run",
            opened.run.id,
            summary=say("导出评价结果 {n} 行", "{n} results taken out", n=count),
        )
    return count


def _keys(opened: Opened, scored: Sequence[schemes.Indicator]) -> list[str]:
    """The heads programs read."""
    keys = [one.key for one in opened.scheme.indicators]
    return ["code", *keys, *(f"{one.key}_score" for one in scored), "total", "grade"]


def _names(opened: Opened, scored: Sequence[schemes.Indicator]) -> list[str]:
    """The heads people read, in their language."""
    names = [one.words for one in opened.scheme.indicators]
    points = [say("{name}（得分）", "{name} (score)", name=one.words) for one in scored]
    ends = (Words("总分", "Total"), Words("等级", "Grade"))
    return [str(head) for head in (Words("编号", "Code"), *names, *points, *ends)]


def _write(target: Path, heads: Sequence[str], rows: Iterator[list[Any]]) -> int:
    if target.suffix.lower() == ".xlsx":
        return sheets.write_xlsx(target, [sheets.Column(head) for head in heads], rows, title="results")
    with target.open("w", encoding="utf-8", newline="") as file:
        return sheets.write_csv(file, heads, rows, mark=False)


def _cells(opened: Opened, results: sa.Select[Any], *, named: bool) -> Iterator[list[Any]]:
    scored = [one for one in opened.scheme.indicators if one.is_scored]
    rows = db.session.execute(results, execution_options={"yield_per": 2_000})
    for row in rows.mappings():
        grade = opened.grade(row["grade_no"])
        yield [
            row["code"],
            *(number(one.type, row[f"v{one.column}"]) for one in opened.scheme.indicators),
            *(number(POINTS, row[f"s{one.column}"]) for one in scored),
            number(POINTS, row["total"]),
            _called(grade, named=named),
        ]


def _called(grade: schemes.Grade | None, *, named: bool) -> str:
    if named:
        return str(grade.words if grade else UNGRADED)
    return grade.code if grade else UNGRADED_CODE
