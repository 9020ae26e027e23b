"""Two gradings side by side: run against run, and a run against what other weights and edges would have given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView

from app.errors import BadInput
from app.extensions import db, transaction
from app.models import EvalRun, EvalScheme, EvalSchemeVersion
from app.roles import Act
from app.services import access, values
from app.views import pages
from app.views.base import fragment
from app.views.evaluation import crumbs, grade_cell, period_of
from app.views.guards import needs
from app.views.web import once
from app.words import Words, say
from app.workflows.evaluation import comparing, drafting, reading
from app.workflows.evaluation.comparing import ABSENT, Causes, Change, Comparison, Mover
from app.workflows.evaluation.schemes import Scheme

WHAT_IF = Words("假设分析", "What if")
COMPARE = Words("比较两次评价", "Compare two runs")
MOST_RUNS = 100
LONGEST = 20
WEIGHT, EDGE = "weight-", "from-"
"""What the fields of the form begin with: the weight of an indicator, the points a grade begins at."""
ELSEWHERE = Words("未评", "none")


class ComparisonView(BaseView):
    """Comparing gradings."""

    route_base = "/evaluation"
    resource = "eval_run"
    class_permission_name = "eval_run"

    @expose("/compare")
    @needs(Act.read)
    def compare(self) -> Any:
        """Who went from which grade to which between two runs, and by what."""
        first, second = (values.whole(request.args.get(name, "")) for name in ("first", "second"))
        found = comparing.compare(first, second) if first and second else None
        page = _compare_page(first or 0, second or 0, found)
        return render_template("evaluation/comparison.html", page=page, fragment=fragment("compared"))

    @expose("/<int:pk>/what-if")
    @needs(Act.run)
    def what_if(self, pk: int) -> Any:
        """What a run would have found under other weights and edges; nothing is written."""
        opened, change = reading.open_run(pk), _change(request.args)
        try:
            found = comparing.what_if(opened, comparing.changed(opened, change))
        except BadInput as refusal:
            page = _what_if_page(opened, change, None, refusal)
            return render_template("evaluation/comparison.html", page=page), refusal.status
        page = _what_if_page(opened, change, found)
        return render_template("evaluation/comparison.html", page=page, fragment=fragment("compared"))

    @expose("/<int:pk>/what-if/draft", methods=["POST"])
    @needs(Act.run)
    def draft(self, pk: int) -> Any:
        """Keep the weights and edges as a draft of the scheme, to be submitted by its own way."""
        opened, change = reading.open_run(pk), _change(request.form)
        with transaction():
            command = once()
            version = drafting.keep(change.of(opened.scheme.body))
            where = url_for("SchemeView.show", pk=version.id)
            command.led_to(where)
        flash(str(say("已存为方案草稿。", "Kept as a draft of the scheme.")), "success")
        return redirect(where, 303)


# ---- run against run ---------------------------------------------------------------------------------------


def _compare_page(first: int, second: int, found: Comparison | None) -> pages.ComparisonPage:
    runs = _runs()
    fields = tuple(
        pages.Field(
            name,
            label,
            "choice",
            str(chosen or ""),
            choices=tuple(pages.Choice(str(pk), words) for pk, words in runs.items()),
            required=True,
            submits=True,
        )
        for name, label, chosen in (
            ("first", Words("先前的评价", "The earlier run"), first),
            ("second", Words("后来的评价", "The later run"), second),
        )
    )
    form = pages.FormPage(
        title=COMPARE,
        action_url=url_for("ComparisonView.compare"),
        sections=(pages.Section("runs", "", fields=fields),),
        submit_label=Words("比较", "Compare"),
    )
    page = pages.ComparisonPage(title=COMPARE, form=form, crumbs=crumbs(pages.Crumb(COMPARE)))
    return _with_findings(page, found, second) if found else page


def _runs() -> dict[int, Words]:
    """The runs one may read whose results stand, the newest first."""
    statement = (
        reading.readable_runs()
        .add_columns(EvalScheme.name_zh, EvalScheme.name_en)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .join(EvalScheme, EvalScheme.id == EvalSchemeVersion.scheme_id)
        .where(EvalRun.status.in_(reading.OVER))
        .order_by(EvalScheme.code, EvalRun.id.desc())
        .limit(MOST_RUNS)
    )
    return {
        run.id: say(
            "{name}（{period}）#{id}",
            "{name} ({period}) #{id}",
            name=Words(zh, en),
            period=period_of(run),
            id=run.id,
        )
        for run, zh, en in db.session.execute(statement)
    }


# ---- what if -----------------------------------------------------------------------------------------------


def _change(given: Mapping[str, str]) -> Change:
    """The weights and edges typed; what is left empty stays."""
    typed = {name: text.strip()[:LONGEST] for name, text in given.items() if text.strip()}
    return Change(
        {name.removeprefix(WEIGHT): f"{text} %" for name, text in typed.items() if name.startswith(WEIGHT)},
        {name.removeprefix(EDGE): text for name, text in typed.items() if name.startswith(EDGE)},
    )


def _what_if_page(
    opened: reading.Opened, change: Change, found: Comparison | None, refusal: BadInput | None = None
) -> pages.ComparisonPage:
    run_id, scheme = opened.run.id, opened.scheme
    problems = refusal.problems if refusal else []
    form = pages.FormPage(
        title=WHAT_IF,
        action_url=url_for("ComparisonView.what_if", pk=run_id),
        sections=tuple(_what_if_sections(scheme, change)),
        problems=tuple(pages.Problem(problem.words) for problem in problems),
        submit_label=Words("试算", "Try"),
    )
    page = pages.ComparisonPage(
        title=say("{what}：{scheme}", "{what}: {scheme}", what=WHAT_IF, scheme=scheme.words),
        form=form,
        crumbs=crumbs(
            pages.Crumb(scheme.words, url_for("EvaluationView.show", pk=run_id)), pages.Crumb(WHAT_IF)
        ),
        facts=(period_of(opened.run),),
        acts=tuple(_draft_act(run_id, change, found)),
        banners=(
            pages.Banner(
                Words(
                    "用已封存的得分重新计算，不改变任何结果。",
                    "Computed anew from the sealed scores; no result is changed.",
                )
            ),
        ),
    )
    return _with_findings(page, found, run_id) if found else page


def _what_if_sections(scheme: Scheme, change: Change) -> Iterable[pages.Section]:
    weights = tuple(
        pages.Field(
            f"{WEIGHT}{one.key}",
            one.words,
            value=change.weights.get(one.key, f"{one.weight / 100:g} %").removesuffix(" %"),
            unit="%",
            maxlength=LONGEST,
        )
        for one in scheme.indicators
        if one.is_scored
    )
    yield pages.Section("weights", Words("权重（合计 100 %）", "Weights (100 % in all)"), fields=weights)
    if scheme.bands is None:
        return
    edges = sorted(scheme.bands.edges, reverse=True)
    yield pages.Section(
        "edges",
        Words("等级起点（分）", "Where grades begin (points)"),
        fields=tuple(
            pages.Field(
                f"{EDGE}{grade.code}",
                grade.words,
                value=change.edges.get(grade.code, f"{edge / 100:g}"),
                maxlength=LONGEST,
            )
            for grade, edge in zip(scheme.grades, edges, strict=False)
        ),
    )


def _draft_act(run_id: int, change: Change, found: Comparison | None) -> Iterable[pages.Act]:
    may = access.principal().may(Act.create, drafting.VERSION)
    if may and found is not None and (change.weights or change.edges):
        weights = [(f"{WEIGHT}{key}", text.removesuffix(" %")) for key, text in change.weights.items()]
        edges = [(f"{EDGE}{code}", text) for code, text in change.edges.items()]
        yield pages.Act(
            Words("存为方案草稿", "Keep as a draft scheme"),
            url=url_for("ComparisonView.draft", pk=run_id),
            method="post",
            icon="device-floppy",
            hidden=(*weights, *edges),
        )


# ---- what differs ------------------------------------------------------------------------------------------


def _with_findings(page: pages.ComparisonPage, found: Comparison, run_id: int) -> pages.ComparisonPage:
    return replace(
        page,
        figures=tuple(_figures(found)),
        charts=(_spreads(found),),
        tables=(_matrix(found), _movers(found, run_id)),
    )


def _places(scheme: Scheme) -> dict[str, int]:
    return {grade.code: number for number, grade in enumerate(scheme.grades)}


def _figures(found: Comparison) -> Iterable[pages.Figure]:
    before, after = _places(found.first), _places(found.second)
    counts = {"up": 0, "same": 0, "down": 0, "other": 0}
    for move in found.moves:
        if ABSENT in {move.before, move.after}:
            counts["same" if move.before == move.after else "other"] += move.subjects
            continue
        by = after[move.after] - before[move.before]
        counts["up" if by < 0 else "down" if by > 0 else "same"] += move.subjects
    for name, label in (
        ("up", Words("升级", "Up")),
        ("same", Words("不变", "As before")),
        ("down", Words("降级", "Down")),
        ("other", Words("仅一方有等级", "Graded in one alone")),
    ):
        yield pages.Figure(label, f"{counts[name]:,}")
    if found.causes is not None:
        yield from _causes(found.causes)


def _causes(causes: Causes) -> Iterable[pages.Figure]:
    yield pages.Figure(
        Words("总分平均变化", "Mean change of the total"),
        _signed(causes.difference),
        note=say("{n} 个对象", "{n} subjects", n=f"{causes.subjects:,}"),
    )
    for value, label in (
        (causes.by_value, Words("其中：指标值", "by values")),
        (causes.by_weight, Words("其中：权重", "by weights")),
        (causes.by_coverage, Words("其中：数据覆盖", "by coverage")),
    ):
        if value:
            yield pages.Figure(label, _signed(value))


def _signed(hundredths: Decimal | int) -> str:
    """Points with their sign, to two decimals."""
    return f"{Decimal(hundredths) / 100:+.2f}" if hundredths else "0"


def _spreads(found: Comparison) -> pages.Chart:
    """How many subjects have each grade, before and after; grades by their names, since schemes may differ."""
    names: dict[str, Words] = {}
    for scheme in (found.first, found.second):
        names |= {grade.code: grade.words for grade in scheme.grades}
    names[ABSENT] = ELSEWHERE
    before = {code: sum(m.subjects for m in found.moves if m.before == code) for code in names}
    after = {code: sum(m.subjects for m in found.moves if m.after == code) for code in names}
    shown = [code for code in names if before[code] or after[code]]
    parts = [
        say("{name} {a}→{b}", "{name} {a}→{b}", name=names[code], a=before[code], b=after[code])
        for code in shown
    ]
    return pages.Chart(
        title=Words("等级分布（您可见的对象）", "Grades (of the subjects you see)"),
        x=tuple(names[code] for code in shown),
        series=(
            pages.Series(Words("先前", "Before"), tuple(float(before[code]) for code in shown)),
            pages.Series(Words("之后", "After"), tuple(float(after[code]) for code in shown)),
        ),
        summary=Words("，".join(part.zh for part in parts), ", ".join(part.en for part in parts)),
    )


def _matrix(found: Comparison) -> pages.ListPage:
    """From which grade (down) to which (across)."""
    counts = {(move.before, move.after): move.subjects for move in found.moves}
    down = _shown(found.first, {move.before for move in found.moves})
    across = _shown(found.second, {move.after for move in found.moves})
    label = Words("先前 ＼ 之后", "Before ＼ after")
    columns = (
        pages.Column("before", label, wide_on_phone=True),
        *(pages.Column(f"to-{code}", words, numeric=True) for code, words in across),
        pages.Column("all", Words("合计", "All"), numeric=True),
    )
    rows = []
    for code, words in down:
        cells = [
            pages.Cell(f"{n:,}" if (n := counts.get((code, other), 0)) else "", "num", label=name)
            for other, name in across
        ]
        total = sum(counts.get((code, other), 0) for other, _ in across)
        whole = pages.Cell(f"{total:,}", "num", label=columns[-1].label)
        rows.append(pages.Row(code, "", (pages.Cell(words, label=label), *cells, whole), selectable=False))
    return pages.ListPage(
        title=Words("等级迁移", "Migration of grades"),
        resource="eval_run",
        columns=columns,
        rows=tuple(rows),
        first=1,
        last=len(rows),
    )


def _shown(scheme: Scheme, used: set[str]) -> list[tuple[str, Words]]:
    grades = [(grade.code, grade.words) for grade in scheme.grades]
    return [*grades, (ABSENT, ELSEWHERE)] if ABSENT in used else grades


MOVER_COLUMNS = (
    pages.Column("name", Words("对象", "Subject"), wide_on_phone=True),
    pages.Column("code", Words("编号", "Code")),
    pages.Column("before", Words("先前", "Before")),
    pages.Column("after", Words("之后", "After")),
    pages.Column("difference", Words("总分变化", "Change of the total"), numeric=True),
    pages.Column("by_value", Words("因指标值", "by values"), numeric=True),
    pages.Column("by_weight", Words("因权重", "by weights"), numeric=True),
    pages.Column("by_coverage", Words("因数据覆盖", "by coverage"), numeric=True),
)


def _movers(found: Comparison, run_id: int) -> pages.ListPage:
    return pages.ListPage(
        title=Words("总分变化最大的对象", "Those whose totals changed most"),
        resource="eval_run",
        columns=MOVER_COLUMNS,
        rows=tuple(_mover(one, found, run_id) for one in found.movers),
        first=1 if found.movers else 0,
        last=len(found.movers),
        empty=pages.EmptyState(Words("总分没有变化", "No total changed"), icon="equal"),
    )


def _mover(one: Mover, found: Comparison, run_id: int) -> pages.Row:
    url = url_for("EvaluationView.explain", pk=run_id, subject=one.subject_id)
    numbers = (one.difference, one.by_value, one.by_weight, one.by_coverage)
    labels = [column.label for column in MOVER_COLUMNS]
    cells = (
        pages.Cell(one.name, "link", url=url),
        pages.Cell(one.code),
        _grade(one.before, found.first),
        _grade(one.after, found.second),
        *(pages.Cell(_signed(number) if number else "", "num") for number in numbers),
    )
    told = tuple(replace(cell, label=label) for cell, label in zip(cells, labels, strict=True))
    return pages.Row(str(one.subject_id), url, told, selectable=False)


def _grade(code: str, scheme: Scheme) -> pages.Cell:
    number = _places(scheme).get(code)
    return grade_cell(None if number is None else scheme.grades[number], number, len(scheme.grades))
