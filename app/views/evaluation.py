"""Evaluations: the runs, the results of one as far as the reader sees their subjects, and why somebody has his grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, render_template, request, send_file, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView

from app import workflows
from app.columns import Tone
from app.errors import BadRequest, NotFound, Refusal, WrongState
from app.extensions import company, db, transaction
from app.models import (
    EvalAppeal,
    EvalFeedback,
    EvalRun,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    Job,
    RunKind,
    RunStatus,
)
from app.roles import Act
from app.services import access, exports, values
from app.services.fields import labels_of
from app.services.language.kinds import POINTS
from app.views import forms, pages, run_values, taking_out
from app.views.base import attempt, fragment
from app.views.cells import LINKED, PLACES, url_to
from app.views.guards import needs
from app.views.lists import query_args_with
from app.views.web import once, page_number
from app.words import Words, say
from app.workflows.evaluation import explaining, pins, publishing, reading, runs, standing
from app.workflows.evaluation.explaining import Explanation, MeasureLine
from app.workflows.evaluation.saying import BLANK, spoken
from app.workflows.evaluation.schemes import Grade, Scheme
from app.workflows.governed import is_decided

SIZE = 25
MOST_VALUES = 5
"""Indicators shown beside the total on the list of results; all stand on the page of one subject."""

TITLE = Words("评价结果", "Evaluation results")
SUBMITTED = Words("已提交审批。", "Submitted for approval.")


LINKED.add(EvalRun.__name__)
PLACES[EvalRun.__name__] = "EvaluationView.show"


class EvaluationView(BaseView):
    """Running schemes, reading, explaining and publishing their results."""

    route_base = "/evaluation"
    resource = "eval_run"
    class_permission_name = "eval_run"

    @expose("/")
    @needs(Act.read)
    def list(self) -> Any:
        """The runs, the newest first, and the form that starts one."""
        return render_template("evaluation/runs.html", page=_runs_page(()), fragment=fragment("results"))

    @expose("/start", methods=["POST"])
    @needs(Act.run)
    def start(self) -> Any:
        """Start an official run of a published scheme; a job computes it."""
        form = request.form
        with transaction():
            once().led_to(url_for("EvaluationView.list"))
        try:
            period = f"{form.get('period_from', '')}..{form.get('period_to', '')}"
            run_id = runs.start(form.get("scheme", ""), pins.pin(period, form.get("as_of") or None))
            runs.enqueue(run_id)
        except Refusal as refusal:
            problem = pages.Problem(message=refusal.words, label=Words("不能开始：", "It cannot start:"))
            return render_template("evaluation/runs.html", page=_runs_page((problem,))), refusal.status
        return redirect(url_for("EvaluationView.show", pk=run_id), 303)

    @expose("/show/<int:pk>")
    @needs(Act.read)
    def show(self, pk: int) -> Any:
        """One run: how it stands, how grades are spread, each result."""
        run = _find(pk)
        page = _run_page(reading.open_run(pk)) if run.status in reading.OVER else _waiting_page(run)
        return render_template("evaluation/run.html", page=page, fragment=fragment("results"))

    @expose("/<int:pk>/progress")
    @needs(Act.read)
    def progress(self, pk: int) -> Any:
        """How far the job is; asked every two seconds."""
        return render_template("job.html", page=_progress(_find(pk)), fragment=fragment("progress"))

    @expose("/<int:pk>/compute", methods=["POST"])
    @needs(Act.run)
    def compute(self, pk: int) -> Any:
        """Have a run computed that was cut off or failed; what an earlier attempt wrote is taken up."""
        runs.enqueue(_find(pk).id)
        return redirect(url_for("EvaluationView.show", pk=pk), 303)

    @expose("/explain/<int:pk>/<int:subject>")
    @needs(Act.read)
    def explain(self, pk: int, subject: int) -> Any:
        """Why one subject has its grade, down to the rows."""
        page = _explain_page(explaining.explain_subject(pk, subject), request.args.get("measure", ""))
        return render_template("evaluation/explain.html", page=page, fragment=fragment("explanation"))

    @expose("/sheet/<int:pk>/<int:subject>")
    @needs(Act.read)
    def sheet(self, pk: int, subject: int) -> Any:
        """A published result on one sheet for the customer's file, with a place for his opinion and signature."""
        page = _sheet_page(explaining.explain_subject(pk, subject))
        return render_template("evaluation/explain.html", page=page, fragment="")

    @expose("/<int:pk>/submit", methods=["POST"])
    @needs(Act.submit)
    def submit(self, pk: int) -> Any:
        """Have the grades of a run decided on; its approval publishes them."""
        attempt(lambda: workflows.submit(_find(pk)), str(SUBMITTED))
        return redirect(url_for("EvaluationView.show", pk=pk), 303)

    @expose("/<int:pk>/publish", methods=["POST"])
    @needs(Act.publish)
    def publish(self, pk: int) -> Any:
        """Make the grades of a run the current ones, in a company without a flow for that."""
        try:
            count = publishing.publish(pk)
        except NotFound:
            raise
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
        else:
            flash(str(say("已发布，{n} 个对象定级。", "Published: {n} subjects graded.", n=count)), "success")
        return redirect(url_for("EvaluationView.show", pk=pk), 303)

    @expose("/<int:pk>/export", methods=["POST"])
    @needs(Act.read)
    def export(self, pk: int) -> Any:
        """The results the reader sees, as a workbook."""
        opened, here = reading.open_run(pk), url_for("EvaluationView.show", pk=pk)
        if (first := taking_out.confirm_first(here)) is not None:
            return first
        with TemporaryDirectory() as folder:
            target = Path(folder) / "results.xlsx"
            try:
                reading.write(opened, target, exports.limit_of(access.principal()), named=True)
            except exports.OverLimit as over:
                flash(f"{over.words}{TAKE_THE_LIST}", "warning")
                return redirect(here, 303)
            content = BytesIO(target.read_bytes())
        return send_file(content, as_attachment=True, download_name=f"{opened.scheme.code}-{pk}.xlsx")


TAKE_THE_LIST = Words(
    "发布后的等级可在客户列表中按申请导出。",
    " Published grades are taken out by request from the list of customers.",
)


def _find(pk: int) -> EvalRun:
    return reading.find_run(pk)


# ---- the runs ----------------------------------------------------------------------------------------------


def _runs_page(problems: tuple[pages.Problem, ...]) -> pages.RunsPage:
    number = page_number(request.args)
    statement = (
        reading.readable_runs()
        .add_columns(EvalScheme.name_zh, EvalScheme.name_en)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .join(EvalScheme, EvalScheme.id == EvalSchemeVersion.scheme_id)
        .order_by(EvalRun.id.desc())
        .offset((number - 1) * SIZE)
        .limit(SIZE + 1)
    )
    found = db.session.execute(statement).all()
    may_run = access.principal().may(Act.run, "eval_run")
    table = pages.ListPage(
        title=TITLE,
        resource="eval_run",
        columns=RUN_COLUMNS,
        rows=tuple(_run_row(run, Words(zh, en)) for run, zh, en in found[:SIZE]),
        first=(number - 1) * SIZE + 1 if found else 0,
        last=(number - 1) * SIZE + len(found[:SIZE]),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(found) > SIZE else "",
        empty=pages.EmptyState(
            Words("还没有评价运行", "No evaluation was run yet"),
            Words("选择方案和评价期即可开始。", "Choose a scheme and a period to begin."),
            icon="chart-bar",
        ),
    )
    return pages.RunsPage(title=TITLE, table=table, start=_start_form(problems) if may_run else None)


RUN_COLUMNS = (
    pages.Column("scheme", Words("方案", "Scheme"), wide_on_phone=True),
    pages.Column("period", Words("评价期", "Period")),
    pages.Column("kind", Words("类型", "Kind")),
    pages.Column("population", Words("对象数", "Subjects"), numeric=True),
    pages.Column("status", Words("状态", "Status")),
    pages.Column("sealed", Words("封存时间", "Sealed")),
)


def _run_row(run: EvalRun, name: Words) -> pages.Row:
    url = url_for("EvaluationView.show", pk=run.id)
    sealed = values.show_moment(run.sealed_at) if run.sealed_at else values.EMPTY
    labels = [column.label for column in RUN_COLUMNS]
    cells = (
        pages.Cell(name, kind="link", url=url, note=f"#{run.id}", label=labels[0]),
        pages.Cell(period_of(run), label=labels[1]),
        pages.Cell(run.kind.words, label=labels[2]),
        pages.Cell(f"{run.population:,}", kind="num", label=labels[3]),
        pages.Cell(run.status.words, kind="badge", tone=run.status.tone, label=labels[4]),
        pages.Cell(sealed, kind="date", label=labels[5]),
    )
    return pages.Row(id=str(run.id), url=url, cells=cells, selectable=False)


def period_of(run: EvalRun) -> Words:
    last = pins.Pin(run.period_from, run.period_to, run.as_of).last_day
    return say("{first} 至 {last}", "{first} to {last}", first=run.period_from, last=last)


def _start_form(problems: tuple[pages.Problem, ...]) -> pages.FormPage:
    schemes = db.session.execute(
        sa.select(EvalScheme.code, EvalScheme.name_zh, EvalScheme.name_en)
        .join(EvalSchemeVersion, EvalSchemeVersion.scheme_id == EvalScheme.id)
        .where(EvalSchemeVersion.status == EvalStatus.published, EvalScheme.active)
        .order_by(EvalScheme.code)
    )
    choices = tuple(pages.Choice(code, Words(zh, en)) for code, zh, en in schemes)
    year = company.today().year - 1
    given = request.form
    fields = (
        pages.Field(
            "scheme",
            Words("方案", "Scheme"),
            "choice",
            given.get("scheme", ""),
            choices=choices,
            required=True,
        ),
        pages.Field(
            "period_from",
            Words("评价期自", "Period from"),
            "date",
            given.get("period_from", f"{year}-01-01"),
            required=True,
        ),
        pages.Field(
            "period_to",
            Words("评价期至（含）", "Period to (included)"),
            "date",
            given.get("period_to", f"{year}-12-31"),
            required=True,
        ),
        pages.Field(
            "as_of",
            Words("截止日", "As of"),
            "date",
            given.get("as_of", ""),
            help=Words(
                "该日零时之后的数据不看；不填为评价期结束",
                "Nothing after its beginning is looked at; empty: the end of the period",
            ),
        ),
    )
    return pages.FormPage(
        title=Words("开始评价", "Start an evaluation"),
        action_url=url_for("EvaluationView.start"),
        sections=(pages.Section("run", Words("评价", "Evaluation"), fields=fields),),
        problems=problems,
        cmd=forms.new_cmd(),
        submit_label=Words("开始", "Start"),
    )


# ---- one run -----------------------------------------------------------------------------------------------


def crumbs(*last: pages.Crumb) -> tuple[pages.Crumb, ...]:
    return (pages.Crumb(TITLE, url_for("EvaluationView.list")), *last)


def _waiting_page(run: EvalRun) -> pages.RunPage:
    """A run without results yet: how far it is, or why it has none."""
    title = Words(f"评价运行 {run.id}", f"Run {run.id}")
    return pages.RunPage(
        title=title,
        crumbs=crumbs(pages.Crumb(title)),
        badges=(pages.Cell(run.status.words, kind="badge", tone=run.status.tone),),
        facts=(period_of(run),),
        primary=_compute_act(run),
        job=_progress(run),
    )


def _compute_act(run: EvalRun) -> pages.Act | None:
    """For a run nobody computes: it failed, or its work was cut off."""
    if _is_under_way(run, runs.job_of(run.id)) or not access.principal().may(Act.run, "eval_run"):
        return None
    url = url_for("EvaluationView.compute", pk=run.id)
    return pages.Act(Words("重新计算", "Compute again"), url=url, method="post", icon="refresh", primary=True)


def _is_under_way(run: EvalRun, job: Job | None) -> bool:
    """Whether it is being computed, by a job or by the command line."""
    if run.status in reading.OVER:
        return False
    return runs.is_under_way(job) if job is not None else run.status is RunStatus.collecting


def _progress(run: EvalRun) -> pages.JobProgress:
    job = runs.job_of(run.id)
    running = _is_under_way(run, job)
    failed = not running and run.status not in reading.OVER
    message = Words(**job.message) if failed and job is not None and job.message else ""
    return pages.JobProgress(
        title=Words(f"评价运行 {run.id}", f"Run {run.id}"),
        state=job.status.words if job and (running or failed) else run.status.words,
        running=running,
        done=job.done_units if job else 0,
        total=job.total_units if job else 0,
        text=message,
        tone="bad" if failed else "ok" if run.status in reading.OVER else "run",
        poll_url=url_for("EvaluationView.progress", pk=run.id),
        next_url=url_for("EvaluationView.show", pk=run.id),
        crumbs=crumbs(pages.Crumb(Words(f"评价运行 {run.id}", f"Run {run.id}"))),
    )


def _run_page(opened: reading.Opened) -> pages.RunPage:
    run, lines = opened.run, reading.summary(opened)
    before = standing.runs_before(opened)
    return pages.RunPage(
        title=opened.scheme.words,
        crumbs=crumbs(pages.Crumb(Words(f"评价运行 {run.id}", f"Run {run.id}"))),
        badges=(
            pages.Cell(run.status.words, kind="badge", tone=run.status.tone),
            pages.Cell(run.kind.words, kind="badge"),
        ),
        facts=(period_of(run), say("截止 {at}", "as of {at}", at=values.show_moment(run.as_of))),
        primary=_next_act(opened),
        acts=(*_looking_acts(opened, before), *_export_act(opened)),
        banners=tuple(_run_banners(opened)),
        figures=tuple(_figures(opened, lines)),
        charts=(_spread(lines), *_trend(opened, before)) if lines else (),
        values=run_values.table(opened) if lines and not fragment("results") else None,
        table=_results(opened, lines),
        pinned=_pinned(opened),
    )


def _next_act(opened: reading.Opened) -> pages.Act | None:
    """Submit the run, go to its request, or publish it where no flow decides on it."""
    run = opened.run
    if not is_decided("eval_run"):
        return _publish_act(run)
    offered = workflows.buttons(run)
    if offered.can_submit:
        return pages.Act(
            Words("提交审批", "Submit for approval"),
            url=url_for("EvaluationView.submit", pk=run.id),
            method="post",
            icon="send",
            primary=True,
            confirm=Words(
                "审批通过后，等级和分类即写入客户档案。",
                "Once it is approved, grades and classes are written to the customer files. Submit?",
            ),
        )
    if offered.request is None:
        return None
    where = url_for("ApprovalView.show", pk=offered.request.id)
    return pages.Act(Words("查看审批", "Open the approval"), where, icon="checks", primary=bool(offered.acts))


def _publish_act(run: EvalRun) -> pages.Act | None:
    if not _is_to_publish(run) or publishing.is_runner(run.id, access.principal()):
        return None
    return pages.Act(
        Words("发布", "Publish"),
        url=url_for("EvaluationView.publish", pk=run.id),
        method="post",
        icon="check",
        primary=True,
        confirm=Words(
            "发布后，等级和分类即写入客户档案。",
            "Grades and classes are then written to the customer files. Publish?",
        ),
    )


def _is_to_publish(run: EvalRun) -> bool:
    """Whether it waits for a decision this person has the right to."""
    ready = run.kind is RunKind.official and run.status is RunStatus.sealed
    return ready and access.principal().may(Act.publish, "eval_run")


def _run_banners(opened: reading.Opened) -> Iterable[pages.Banner]:
    run = opened.run
    if run.kind is not RunKind.official:
        yield pages.Banner(
            Words("试算结果仅供参考，不能发布。", "A trial is for looking at: it cannot be published."),
            tone="warn",
        )
    if run.sealed_at is not None and run.sealed_at < run.as_of:
        yield pages.Banner(
            Words(
                "封存时评价期尚未结束，此后的数据没有计入。",
                "The period was not over when the results were sealed: later rows are not in them.",
            ),
            tone="warn",
        )
    if run.kind is not RunKind.official:
        return
    if run.status is RunStatus.sealed and is_decided("eval_run"):
        yield pages.Banner(
            Words(
                "结果已封存，提交审批通过后发布。",
                "The results are sealed. They are published once a leader has approved them.",
            )
        )
    elif _is_to_publish(run) and publishing.is_runner(run.id, access.principal()):
        yield pages.Banner(
            Words(
                "结果已封存，须由运行人以外的人发布。",
                "The results are sealed. They are published by somebody else than who ran the evaluation.",
            )
        )


def _looking_acts(opened: reading.Opened, before: Sequence[EvalRun]) -> Iterable[pages.Act]:
    """What else can be asked of sealed results."""
    pk = opened.run.id
    if opened.scheme.weight and access.principal().may(Act.run, "eval_run"):
        url = url_for("ComparisonView.what_if", pk=pk)
        yield pages.Act(Words("假设分析", "What if"), url=url, icon="adjustments")
    url = url_for("ComparisonView.compare", first=before[0].id if before else pk, second=pk)
    yield pages.Act(Words("与其他评价比较", "Compare"), url=url, icon="arrows-left-right")


def _export_act(opened: reading.Opened) -> Iterable[pages.Act]:
    if access.principal().may(Act.take_out, access.resource_of(opened.scheme.subject.model)):
        url = url_for("EvaluationView.export", pk=opened.run.id)
        yield pages.Act(Words("导出", "Export"), url=url, method="post", icon="download")


def _figures(opened: reading.Opened, lines: list[reading.Line]) -> Iterable[pages.Figure]:
    seen = sum(line.subjects for line in lines)
    yield pages.Figure(
        Words("对象", "Subjects"),
        f"{opened.run.population:,}",
        note=say("您可见 {n}", "you see {n}", n=f"{seen:,}"),
    )
    for line in lines:
        name = line.grade.words if line.grade else reading.UNGRADED
        share = f"{line.subjects * 100 / seen:.1f} %"
        yield pages.Figure(name, f"{line.subjects:,}", note=share)


def _spread(lines: list[reading.Line]) -> pages.Chart:
    names = tuple(line.grade.words if line.grade else reading.UNGRADED for line in lines)
    told_zh = "，".join(f"{name.zh} {line.subjects}" for name, line in zip(names, lines, strict=True))
    told_en = ", ".join(f"{name.en} {line.subjects}" for name, line in zip(names, lines, strict=True))
    return pages.Chart(
        title=Words("等级分布（您可见的对象）", "Grades (of the subjects you see)"),
        x=names,
        series=(pages.Series(Words("对象数", "Subjects"), tuple(float(line.subjects) for line in lines)),),
        summary=Words(told_zh, told_en),
    )


def _trend(opened: reading.Opened, before: Sequence[EvalRun]) -> Iterable[pages.Chart]:
    """The mean total of this run and those before it, where there are any."""
    runs_ = [*reversed(before), opened.run]
    means = reading.mean_totals(opened, [run.id for run in runs_]) if before else {}
    return _line_chart(
        Words("总分均值走势（您可见的对象）", "Mean total over time (of the subjects you see)"),
        Words("总分均值", "Mean total"),
        [(_last_day(run), means[run.id]) for run in runs_ if run.id in means],
    )


def _last_day(run: EvalRun) -> date:
    return pins.Pin(run.period_from, run.period_to, run.as_of).last_day


def _line_chart(title: Words, name: Words, marks: Iterable[tuple[date, Decimal]]) -> Iterable[pages.Chart]:
    """Points by the last day of their period, the last run of each; a single one makes no line."""
    points = dict(marks)
    if len(points) > 1:
        told = ", ".join(f"{day} {value:.2f}" for day, value in points.items())
        yield pages.Chart(
            title=title,
            x=tuple(day.isoformat() for day in points),
            series=(pages.Series(name, tuple(round(float(value), 2) for value in points.values()), "line"),),
            summary=Words(told, told),
        )


def _pinned(opened: reading.Opened) -> pages.Section:
    run = opened.run
    cells = (
        pages.Cell(opened.scheme.code, label=Words("方案编号", "Scheme code")),
        pages.Cell(str(run.scheme_version.edition), label=Words("方案版次", "Edition of the scheme")),
        pages.Cell(period_of(run), label=Words("评价期", "Period")),
        pages.Cell(values.show_moment(run.as_of), label=Words("截止时刻", "As of")),
        pages.Cell(f"{run.population:,}", label=Words("对象数", "Subjects")),
        pages.Cell(str(run.revision), label=Words("次数", "Revision")),
        pages.Cell(_moment(run.sealed_at), label=Words("封存时间", "Sealed")),
        pages.Cell(_moment(run.published_at), label=Words("发布时间", "Published")),
        pages.Cell(run.checksum or "", label=Words("校验和", "Checksum"), wide=True),
        *(
            pages.Cell(
                one.method.words(),
                label=one.words,
                note=f"{one.weight / 100:g} %" if one.weight else "",
                wide=True,
            )
            for one in opened.scheme.indicators
        ),
    )
    return pages.Section("pinned", Words("评价口径", "How it was computed"), cells=cells)


def _moment(at: datetime | None) -> str:
    return "" if at is None else values.show_moment(at)


# ---- results -----------------------------------------------------------------------------------------------


def _results(opened: reading.Opened, lines: list[reading.Line]) -> pages.ListPage:
    number, search = page_number(request.args), request.args.get("q", "").strip()[:100]
    chosen = request.args.get("grade", "")
    model = opened.scheme.subject.model
    statement = reading.visible(opened)
    if search:
        pattern = sa.or_(
            reading.code_of(opened.scheme).contains(search, autoescape=True),
            reading.title_of(opened.scheme).contains(search, autoescape=True),
        )
        statement = statement.where(pattern)
    if chosen:
        statement = statement.where(reading.RESULT.c.grade_no == _grade_no(opened, chosen))
    ordered = statement.order_by(None).order_by(
        reading.RESULT.c.grade_no.asc().nulls_last(), reading.RESULT.c.total.desc().nulls_last(), model.id
    )
    rows = db.session.execute(ordered.offset((number - 1) * SIZE).limit(SIZE + 1)).mappings().all()
    shown = opened.scheme.indicators[:MOST_VALUES]
    columns = (
        pages.Column("name", opened.scheme.subject.words, wide_on_phone=True),
        pages.Column("code", Words("编号", "Code")),
        pages.Column("grade", Words("等级", "Grade")),
        pages.Column("total", Words("总分", "Total"), numeric=True),
        *(pages.Column(one.key, one.words, numeric=True, optional=True) for one in shown),
    )
    return pages.ListPage(
        title=Words("结果", "Results"),
        resource="eval_run",
        columns=columns,
        rows=tuple(_result_row(opened, row, columns) for row in rows[:SIZE]),
        tabs=tuple(_grade_tabs(lines, chosen)),
        search=search,
        search_url=request.path,
        search_hint=Words("名称或代码", "Name or code"),
        first=(number - 1) * SIZE + 1 if rows else 0,
        last=(number - 1) * SIZE + len(rows[:SIZE]),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(rows) > SIZE else "",
        empty=pages.EmptyState(Words("没有可见的结果", "No result you may see"), icon="chart-bar"),
        keep=(("grade", chosen),) if chosen else (),
    )


def _grade_no(opened: reading.Opened, code: str) -> int:
    codes = [grade.code for grade in opened.scheme.grades]
    if code not in codes:
        raise BadRequest(say("没有等级“{code}”。", "There is no grade '{code}'.", code=code[:40]))
    return codes.index(code)


def _grade_tabs(lines: list[reading.Line], chosen: str) -> Iterable[pages.Tab]:
    yield pages.Tab(Words("全部", "All"), query_args_with(grade="", page=""), current=not chosen)
    for line in lines:
        if line.grade:
            yield pages.Tab(
                line.grade.words,
                query_args_with(grade=line.grade.code, page=""),
                count=f"{line.subjects:,}",
                current=chosen == line.grade.code,
            )


def _result_row(opened: reading.Opened, row: Any, columns: tuple[pages.Column, ...]) -> pages.Row:
    url = url_for("EvaluationView.explain", pk=opened.run.id, subject=row["subject_id"])
    labels = [column.label for column in columns]
    figures = [
        pages.Cell(_value(one.type, row[f"v{one.column}"]), kind="num", label=label)
        for one, label in zip(opened.scheme.indicators, labels[4:], strict=False)
    ]
    cells = (
        pages.Cell(row["name"], kind="link", url=url, label=labels[0]),
        pages.Cell(row["code"] or "", label=labels[1]),
        grade_cell(opened.grade(row["grade_no"]), row["grade_no"], len(opened.scheme.grades), labels[2]),
        pages.Cell(_value(POINTS, row["total"]), kind="num", label=labels[3]),
        *figures,
    )
    return pages.Row(id=str(row["subject_id"]), url=url, cells=cells, selectable=False)


def grade_cell(grade: Grade | None, number: int | None, count: int, label: pages.Text = "") -> pages.Cell:
    if grade is None or number is None:
        return pages.Cell(reading.UNGRADED, kind="badge", label=label)
    tone: Tone = "ok" if number == 0 else "bad" if number == count - 1 else "run"
    return pages.Cell(grade.words, kind="grade", tone=tone, label=label)


def _value(type_: Any, raw: int | None) -> str:
    return str(spoken(type_, raw, nothing=BLANK))


# ---- why ---------------------------------------------------------------------------------------------------


def _explain_page(found: Explanation, measure: str) -> pages.ExplainPage:
    known = {line.key: line for line in found.measures}
    if measure and measure not in known:
        raise BadRequest(say("没有度量“{key}”。", "There is no measure '{key}'.", key=measure[:40]))
    opened = reading.open_run(found.run_id)
    past = standing.past_of(opened, found.subject_id)
    before = next((one.scores for one in past if one.is_before), {})
    chosen = known.get(measure) or next(iter(known.values()), None)
    subject = db.session.get(opened.scheme.subject.model, found.subject_id)
    run_url = url_for("EvaluationView.show", pk=found.run_id)
    grade = grade_cell(opened.grade(found.grade_no), found.grade_no, len(opened.scheme.grades))
    return pages.ExplainPage(
        title=found.name,
        crumbs=crumbs(pages.Crumb(opened.scheme.words, run_url), pages.Crumb(found.name)),
        badges=(grade,),
        facts=(pages.Cell(found.code), period_of(opened.run)),
        lines=tuple(_lines(found, known, before)),
        total=_value(POINTS, found.total) if found.total is not None else "",
        grade=grade,
        rule="\n".join(str(part) for part in (found.sentence, _bands(opened.scheme)) if part),
        banners=tuple(pages.Banner(note) for note in found.notes),
        acts=(*_hearing_acts(found), *_subject_act(subject)),
        charts=tuple(_pictures(opened, found, past)),
        sections=tuple(_hearing(found)),
        timeline=tuple(_past_item(one, found.subject_id) for one in past),
        table=_rows_table(chosen) if chosen else None,
    )


def _sheet_page(found: Explanation) -> pages.ExplainPage:
    """The result without what can only be looked at on a screen. Raises `WrongState` before it is published."""
    if found.heard is None or found.grade_no is None:
        words = say("只有已发布的等级才有评价单。", "Only a published grade has a sheet.")
        raise WrongState(words)
    page = _explain_page(found, "")
    why = url_for("EvaluationView.explain", pk=found.run_id, subject=found.subject_id)
    return replace(
        page,
        title=say(
            "{scheme}：{name}",
            "{scheme}: {name}",
            scheme=reading.open_run(found.run_id).scheme.words,
            name=found.name,
        ),
        crumbs=(*page.crumbs, pages.Crumb(SHEET)),
        lines=tuple(replace(line, children=()) for line in page.lines),
        acts=(pages.Act(Words("查看依据", "See what it rests on"), url=why, icon="list-search"),),
        charts=(),
        timeline=(),
        table=None,
        is_sheet=True,
    )


SHEET = Words("评价单", "Sheet")


def _hearing_acts(found: Explanation) -> Iterable[pages.Act]:
    """Print the sheet, write down what was told and what is objected to."""
    if found.heard is None or found.grade_no is None:
        return
    url = url_for("EvaluationView.sheet", pk=found.run_id, subject=found.subject_id)
    yield pages.Act(Words("打印评价单", "Print the sheet"), url=url, icon="printer")
    about: dict[str, Any] = {"run_id": found.run_id, found.heard.field: found.subject_id}
    today = company.today().isoformat()
    for model, label, day, icon in (
        (EvalFeedback, Words("记录反馈", "Record feedback"), "told_on", "message"),
        (EvalAppeal, Words("登记申诉", "Record an appeal"), "raised_on", "scale"),
    ):
        if access.principal().may(Act.create, access.resource_of(model)):
            given = about | {day: today}
            yield pages.Act(label, url_for(f"{model.__name__}View.add", **given), icon=icon)


TOLD, NOT_TOLD = Words("已反馈", "told"), Words("尚未反馈", "not told yet")


def _hearing(found: Explanation) -> Iterable[pages.Section]:
    """What the rated was told, thinks and objects."""
    heard = found.heard
    if heard is None or found.grade_no is None:
        return
    cells = [_feedback_cell(one, files) for one, files in heard.feedback]
    if not heard.was_told:
        cells.append(pages.Cell(NOT_TOLD, "badge", "warn", label=labels_of(EvalFeedback)))
    elif not cells:  # told, but what was said then is not for this reader
        cells.append(pages.Cell(TOLD, "badge", "ok", label=labels_of(EvalFeedback)))
    cells += [_appeal_cell(one, files) for one, files in heard.appeals]
    until = heard.last_day
    note = say("申诉期至 {day}", "appeals until {day}", day=until) if until else ""
    yield pages.Section("hearing", Words("反馈与申诉", "Feedback and appeals"), cells=tuple(cells), note=note)


def _feedback_cell(one: EvalFeedback, files: int) -> pages.Cell:
    who = one.owner.name if one.owner else values.EMPTY
    note = say("反馈人 {who}{files}", "told by {who}{files}", who=who, files=_files("，", ", ", files))
    text = say("{day} {way}，{to}", "{day}, {way}: {to}", day=one.told_on, way=one.way.words, to=one.told_to)
    if one.said:
        note = say("“{said}” {note}", "“{said}” {note}", said=one.said, note=note)
    opinion = pages.Cell(one.opinion.words, "badge", one.opinion.tone)
    return pages.Cell(
        text, label=labels_of(EvalFeedback), url=url_to(one), note=note, badges=(opinion,), wide=True
    )


def _files(zh: str, en: str, n: int) -> Words:
    """How many files there are, after what stands before them; nothing where there are none."""
    if not n:
        return Words("", "")
    return Words(f"{zh}附件 {n} 个", f"{en}{n} {'file' if n == 1 else 'files'}")


def _appeal_cell(one: EvalAppeal, files: int) -> pages.Cell:
    note = say("“{grounds}”{files}", "“{grounds}”{files}", grounds=one.grounds, files=_files(" ", " ", files))
    text = say("{day} {who}", "{day}: {who}", day=one.raised_on, who=one.raised_by)
    if one.no:
        text = say("{no} {text}", "{no}, {text}", no=one.no, text=text)
    standing = pages.Cell(one.status.words, "badge", one.status.tone)
    return pages.Cell(
        text, label=labels_of(EvalAppeal), url=url_to(one), note=note, badges=(standing,), wide=True
    )


def _pictures(
    opened: reading.Opened, found: Explanation, past: Sequence[standing.Past]
) -> Iterable[pages.Chart]:
    """His scores against the mean of those the reader sees, and his total over time."""
    peers = reading.mean_scores(opened)
    scored = [one for one in found.indicators if one.score is not None and one.key in peers]
    if len(scored) > 1:
        pairs = [(one.words, Decimal(one.score or 0) / 100, peers[one.key]) for one in scored]
        parts = [
            say(
                "{name} {own}（{mean}）",
                "{name} {own} ({mean})",
                name=name,
                own=f"{own:.1f}",
                mean=f"{mean:.1f}",
            )
            for name, own, mean in pairs
        ]
        yield pages.Chart(
            title=Words(
                "各指标得分与平均（您可见的对象）", "Scores against the mean (of the subjects you see)"
            ),
            x=tuple(name for name, _, _ in pairs),
            series=(
                pages.Series(found.name, tuple(round(float(own), 2) for _, own, _ in pairs)),
                pages.Series(Words("平均", "Mean"), tuple(round(float(mean), 2) for _, _, mean in pairs)),
            ),
            summary=Words("，".join(part.zh for part in parts), ", ".join(part.en for part in parts)),
        )
    points = [(one.last, one.total) for one in past] + [(_last_day(opened.run), found.total)]
    marks = [
        (day, Decimal(total) / 100)
        for day, total in sorted(points, key=lambda one: one[0])
        if total is not None
    ]
    yield from _line_chart(Words("总分走势", "Total over time"), Words("总分", "Total"), marks)


def _subject_act(subject: Any) -> tuple[pages.Act, ...]:
    url = url_to(subject) if subject is not None else ""
    return (pages.Act(Words("打开档案", "Open the file"), url=url, icon="building"),) if url else ()


def _bands(scheme: Scheme) -> Words | None:
    """From how many points on each grade is given, where the total decides."""
    if scheme.bands is None:
        return None
    parts = [
        Words(
            f"{grade.words.zh} ≥ {spoken(POINTS, edge).zh}", f"{grade.words.en} ≥ {spoken(POINTS, edge).en}"
        )
        for grade, edge in zip(scheme.grades, sorted(scheme.bands.edges, reverse=True), strict=False)
    ]
    last = scheme.grades[-1].words
    return say(
        "等级界限：{bands}，其余 {last}。",
        "Where grades begin: {bands}; the rest {last}.",
        bands=Words("，".join(part.zh for part in parts), ", ".join(part.en for part in parts)),
        last=last,
    )


def _past_item(one: standing.Past, subject: int) -> pages.TimelineItem:
    total = _value(POINTS, one.total) if one.total is not None else ""
    return pages.TimelineItem(
        title=say("{grade} {total}", "{grade} {total}", grade=one.grade, total=total),
        when=say("{first} 至 {last}", "{first} to {last}", first=one.first, last=one.last),
        url=url_for("EvaluationView.explain", pk=one.run_id, subject=subject),
        tone="ok",
    )


def _lines(
    found: Explanation, known: dict[str, MeasureLine], before: Mapping[str, int | None]
) -> Iterable[pages.ExplainLine]:
    for one in found.indicators:
        earlier = before.get(one.key)
        yield pages.ExplainLine(
            name=one.words,
            raw=one.value,
            score=_value(POINTS, one.score) if one.score is not None else "",
            weight=f"{one.weight / 100:g} %" if one.weight else "",
            before="" if earlier is None else _value(POINTS, earlier),
            points=_value(POINTS, one.contribution) if one.contribution is not None else "",
            method=one.method,
            children=tuple(_child(found, known[key]) for key in one.measures),
        )


def _child(found: Explanation, line: MeasureLine) -> pages.ExplainLine:
    url = url_for(
        "EvaluationView.explain",
        pk=found.run_id,
        subject=found.subject_id,
        measure=line.key,
        _anchor="rows",
    )
    return pages.ExplainLine(
        name=line.words, raw=_value(line.type, line.value), method=line.how, note=line.tally, url=url
    )


def _unlisted(line: MeasureLine) -> Words:
    """Why fewer rows stand below than were looked at."""
    n = len(line.rows)
    if n == line.counted + line.left_out:
        return Words("", "")
    if n == explaining.MOST_ROWS:
        return say("，列出前 {n} 行", "; the first {n} are listed", n=n)
    return say("，列出您可查看的 {n} 行", "; the {n} you may see are listed", n=n)


def _rows_table(line: MeasureLine) -> pages.ListPage:
    """The rows behind one measure: those counted first, then those left out with the reason."""
    columns = (
        pages.Column("at", Words("时间", "When"), wide_on_phone=True),
        *(pages.Column(name, label, numeric=name in line.numbers) for name, label in line.heads.items()),
        pages.Column("verdict", Words("是否计入", "Counted")),
    )
    title = say(
        "{name}：{tally}{note}",
        "{name}: {tally}{note}",
        name=line.words,
        tally=line.tally,
        note=_unlisted(line),
    )
    rows = tuple(
        pages.Row(
            id=str(row.id),
            url="",
            cells=(
                pages.Cell(row.at or values.EMPTY, kind="date", label=columns[0].label),
                *(
                    pages.Cell(row.shown[name], kind="num" if name in line.numbers else "text", label=label)
                    for name, label in line.heads.items()
                ),
                pages.Cell(
                    row.left_out or Words("计入", "counted"),
                    kind="badge" if row.left_out is None else "text",
                    tone="ok" if row.left_out is None else "",
                    label=columns[-1].label,
                ),
            ),
            selectable=False,
        )
        for row in line.rows
    )
    empty = pages.EmptyState(
        Words("没有可列出的记录", "No rows to list"),
        Words("没有记录，或您无权查看。", "There are none, or you may not see them."),
        icon="inbox",
    )
    return pages.ListPage(
        title=title,
        resource="eval_run",
        columns=columns,
        rows=rows,
        empty=empty,
        first=1 if rows else 0,
        last=len(rows),
    )
