"""Evaluation schemes: every version, what one weighs and how it grades, drafts as YAML, and having them put in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from sqlalchemy import select

from app import workflows
from app.errors import BadInput, NotFound, Problem, Refusal, Stale
from app.extensions import db, transaction
from app.models import EvalSchemeVersion, EvalStatus, Position
from app.roles import Act
from app.services import access, values
from app.services.commands import AlreadyDone
from app.services.language.kinds import POINTS
from app.services.language.wording import words as formula_words
from app.views import forms, pages
from app.views.base import fragment
from app.views.cells import LINKED, PLACES
from app.views.guards import needs
from app.views.web import once, yaml_file
from app.words import Words, say
from app.workflows import publications
from app.workflows.course import request_on
from app.workflows.evaluation import drafting, schemes
from app.workflows.evaluation.explaining import how
from app.workflows.evaluation.saying import spoken
from app.workflows.evaluation.subjects import SUBJECTS
from app.workflows.governed import is_decided

TITLE = Words("评价方案", "Evaluation schemes")
PACK = Words("制度包", "a pack")
LARGEST_TEXT = 256 * 1024
BEGINNING = """\
scheme: NEW-SCHEME
zh: 新方案
en: New scheme
subject: customer
population:
  where: customer_status = "active"
indicators:
  sales_amt:
    use: sales_amt
    method: {kind: percentile, prefer: high}
    weight: 100 %
    missing: reweight
grades:
  - {grade: A, zh: 甲, en: A, from: 60}
  - {grade: B, zh: 乙, en: B, from: 0}
"""
"""What a new scheme begins as."""
MISSING = {
    "fail": Words("缺数据时不能评价", "no result without it"),
    "zero": Words("缺数据按 0 分", "none counts 0"),
    "neutral": Words("缺数据给固定分", "none counts a fixed score"),
    "reweight": Words("缺数据时由其他指标分担权重", "the others take its weight over"),
    "carry": Words("缺数据时沿用上次得分", "the former score is carried on"),
    "exclude": Words("缺数据时不参加评价", "without it nobody is rated"),
}
"""What becomes of a subject without a value, by the word schemes use."""

LINKED.add(EvalSchemeVersion.__name__)
PLACES[EvalSchemeVersion.__name__] = "SchemeView.show"


class SchemeView(BaseView):
    """Schemes and their versions."""

    route_base = "/scheme"
    resource = drafting.VERSION
    class_permission_name = drafting.VERSION

    @expose("/")
    @needs(Act.read)
    def list(self) -> Any:
        """Every version, by scheme."""
        return render_template("record/list.html", page=_list_page(), fragment=fragment("chips results"))

    @expose("/show/<int:pk>")
    @needs(Act.read)
    def show(self, pk: int) -> Any:
        """One version: its indicators and grades in words, and what may be done."""
        return render_template("record/page.html", page=_page(drafting.find(pk)))

    @expose("/new", methods=["GET", "POST"])
    @needs(Act.create)
    def new(self) -> Any:
        """A new draft, begun from a version (`of`) or from nothing."""
        start = request.args.get("of", "")
        text = drafting.written(drafting.find(key)) if (key := values.whole(start)) else BEGINNING
        return _written(text, drafting.save)

    @expose("/edit/<int:pk>", methods=["GET", "POST"])
    @needs(Act.edit)
    def edit(self, pk: int) -> Any:
        """Write a draft anew; a version that was submitted or is in force is not changed any more."""
        draft = drafting.find(pk)
        return _written(
            drafting.written(draft),
            lambda typed: drafting.save(typed, drafting.find(pk), request.form.get("seen", "")),
            draft,
        )

    @expose("/<int:pk>/submit", methods=["POST"])
    @needs(Act.submit)
    def submit(self, pk: int) -> Any:
        """Have a draft decided on; its approval puts it in force."""
        return _acted(pk, lambda: _submit(pk), say("已提交审批。", "Submitted for approval."))

    @expose("/<int:pk>/publish", methods=["POST"])
    @needs(Act.publish)
    def publish(self, pk: int) -> Any:
        """Put a draft in force, in a company without a flow for that; not by its author."""
        done = say("已发布，新的评价按此版本进行。", "Published: new runs use this version.")
        return _acted(pk, lambda: publications.publish_scheme(pk), done)

    @expose("/<int:pk>/discard", methods=["POST"])
    @needs(Act.edit)
    def discard(self, pk: int) -> Any:
        """Throw a draft away."""

        def throw() -> None:
            with transaction():
                drafting.discard(pk)

        return _acted(pk, throw, say("草稿已删除。", "The draft is gone."), gone=True)

    @expose("/<int:pk>/yaml")
    @needs(Act.read)
    def take_out(self, pk: int) -> Any:
        """A version as a YAML file, as packs hold it."""
        version = drafting.find(pk)
        return yaml_file(drafting.written(version), f"{version.scheme.code}-{version.edition}")


VIEW = SchemeView.__name__


def _submit(pk: int) -> None:
    with transaction():
        workflows.submit(drafting.find(pk))


def _acted(pk: int, act: Callable[[], object], done: Words, *, gone: bool = False) -> Any:
    """Carry out an act on a version; what stands against it is told on its page."""
    try:
        act()
    except NotFound:
        raise
    except Refusal as refusal:
        for problem in getattr(refusal, "problems", None) or [refusal]:
            flash(str(problem.words), "danger")
        gone = False
    else:
        flash(str(done), "success")
    return redirect(url_for(f"{VIEW}.list") if gone else url_for(f"{VIEW}.show", pk=pk), 303)


# ---- the list ----------------------------------------------------------------------------------------------


def _may(right: Act) -> bool:
    return access.principal().may(right, drafting.VERSION)


def _list_page() -> pages.ListPage:
    found = drafting.versions()
    new = pages.Act(Words("新建方案", "New scheme"), url_for(f"{VIEW}.new"), icon="plus", primary=True)
    return pages.ListPage(
        title=TITLE,
        resource=drafting.VERSION,
        columns=(
            pages.Column("name", Words("方案", "Scheme"), wide_on_phone=True),
            pages.Column("code", Words("编号", "Code")),
            pages.Column("subject", Words("评价对象", "Subjects")),
            pages.Column("edition", Words("版次", "Edition"), numeric=True),
            pages.Column("status", Words("状态", "Status")),
            pages.Column("author", Words("编写人", "Author")),
            pages.Column("publisher", Words("发布人", "Published by")),
        ),
        rows=tuple(_row(one) for one in found),
        primary=new if _may(Act.create) else None,
        empty=pages.EmptyState(
            Words("还没有评价方案", "No scheme yet"),
            Words(
                "方案规定评价谁、看哪些指标、怎样定级。",
                "A scheme says who is rated, by what, and how grades are given.",
            ),
            icon="chart-bar",
        ),
        note=say("共 {n} 个版本", "{n} versions", n=len(found)),
    )


def _row(one: drafting.Standing) -> pages.Row:
    version = one.version
    url = url_for(f"{VIEW}.show", pk=version.id)
    published = values.show_moment(version.published_at) if version.published_at else ""
    cells = (
        pages.Cell(_name(version), "link", url=url),
        pages.Cell(version.scheme.code),
        pages.Cell(_subject(version)),
        pages.Cell(str(version.edition), "num"),
        _status(version),
        pages.Cell(one.author or PACK),
        pages.Cell(one.publisher or (PACK if published else ""), note=published),
    )
    return pages.Row(str(version.id), url, cells, selectable=False)


def _name(version: EvalSchemeVersion) -> Words:
    return Words(str(version.body["zh"]), str(version.body["en"]))


def _subject(version: EvalSchemeVersion) -> Words | str:
    found = SUBJECTS.get(version.scheme.subject_type)
    return found.words if found else ""


def _status(version: EvalSchemeVersion) -> pages.Cell:
    return pages.Cell(version.status.words, "badge", version.status.tone)


# ---- one version -------------------------------------------------------------------------------------------


def _page(version: EvalSchemeVersion) -> pages.RecordPage:
    problems, scheme = schemes.check(version.body), None
    if not problems:
        scheme = schemes.load(version.body)
    primary, acts = _acts(version)
    return pages.RecordPage(
        title=_name(version),
        crumbs=(
            pages.Crumb(TITLE, url_for(f"{VIEW}.list")),
            pages.Crumb(publications.title_of_scheme(version)),
        ),
        badges=(pages.Cell(say("第 {n} 版", "Edition {n}", n=version.edition), "badge"), _status(version)),
        facts=(pages.Cell(version.scheme.code), _subject(version)),
        primary=primary,
        acts=acts,
        banners=tuple(pages.Banner(problem.words, "bad") for problem in problems),
        sections=tuple(_sections(scheme)) if scheme else (),
        tables=tuple(_parts(version, scheme)) if scheme else (),
    )


def _is_own_draft(version: EvalSchemeVersion) -> bool:
    """Whether the person asking may still change it."""
    mine = version.author_id == access.principal().employee_id
    return version.status is EvalStatus.draft and mine and _may(Act.edit)


def _parts(version: EvalSchemeVersion, scheme: schemes.Scheme) -> Iterable[pages.ListPage]:
    """Indicators and measures; in one's own draft each leads to its form."""
    for what, found in (("indicator", _indicators(scheme)), ("measure", _measures(scheme))):
        if not _is_own_draft(version):
            yield found
            continue
        rows = tuple(
            _linked(row, url_for(f"SchemePartView.{what}", pk=version.id, key=row.id)) for row in found.rows
        )
        new = url_for(f"SchemePartView.{what}", pk=version.id)
        act = pages.Act(Words("新建", "New"), new, icon="plus")
        yield replace(found, rows=rows, primary=act)


def _linked(row: pages.Row, url: str) -> pages.Row:
    """A row whose name leads to where it is changed."""
    return replace(row, url=url, cells=(replace(row.cells[0], kind="link", url=url), *row.cells[1:]))


def _acts(version: EvalSchemeVersion) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
    pk = version.id
    primary: pages.Act | None = None
    acts = []
    request = request_on(version) if version.status is EvalStatus.in_approval else None
    if request is not None:
        url = url_for("ApprovalView.show", pk=request.id)
        primary = pages.Act(Words("打开审批", "Open the approval"), url, icon="checks", primary=True)
    elif version.status is EvalStatus.draft:
        primary = _put_forward(pk)
        if _is_own_draft(version):
            acts.append(pages.Act(Words("修改", "Edit"), url_for(f"{VIEW}.edit", pk=pk), icon="edit"))
            question = Words("删除这份草稿？", "Throw this draft away?")
            gone = url_for(f"{VIEW}.discard", pk=pk)
            acts.append(
                pages.Act(Words("删除草稿", "Discard"), gone, "post", "trash", "bad", question, rare=True)
            )
    elif _may(Act.create):
        label = Words("修改（新建草稿）", "Change: new draft")
        primary = pages.Act(label, url_for(f"{VIEW}.new", of=pk), icon="edit", primary=True)
    acts.append(
        pages.Act(Words("导出 YAML", "Take out as YAML"), url_for(f"{VIEW}.take_out", pk=pk), icon="download")
    )
    return primary, tuple(acts)


def _put_forward(pk: int) -> pages.Act | None:
    """Asking for approval where a flow decides on schemes, publishing where none does."""
    if is_decided(drafting.VERSION):
        act, right, label = "submit", Act.submit, Words("提交审批", "Submit for approval")
        question = Words(
            "提交后由他人审批，通过后生效。", "Somebody else decides; once approved it is in force."
        )
    else:
        act, right, label = "publish", Act.publish, Words("发布", "Publish")
        question = Words("发布后新的评价按此版本进行。", "New runs will use this version.")
    if not _may(right):
        return None
    return pages.Act(label, url_for(f"{VIEW}.{act}", pk=pk), "post", "send", confirm=question, primary=True)


def _sections(scheme: schemes.Scheme) -> Iterable[pages.Section]:
    cells = [pages.Cell(scheme.subject.words, label=Words("评价对象", "Subjects"))]
    for formula, label in (
        (scheme.where, Words("评价范围", "Who is rated")),
        (scheme.having, Words("参加条件", "Taking part")),
    ):
        if formula is not None:
            cells.append(pages.Cell(_with_positions(formula_words(formula)), label=label, wide=True))
    if scheme.minimum_coverage:
        least = Words("最低数据覆盖", "Least coverage of data")
        cells.append(pages.Cell(f"{scheme.minimum_coverage / 100:g}%", label=least))
    cells.append(pages.Cell(_grades(scheme), label=Words("等级", "Grades"), wide=True))
    yield pages.Section("who", Words("对象与等级", "Subjects and grades"), cells=tuple(cells))


def _with_positions(said: Words) -> Words:
    """A condition with positions by their names: schemes write them by their codes."""
    zh, en = said.zh, said.en
    for position in db.session.scalars(select(Position)) if '"' in said.en else ():
        zh = zh.replace(f'"{position.code}"', f'"{position.name_zh}"')
        en = en.replace(f'"{position.code}"', f'"{position.name_en}"')
    return Words(zh, en)


def _grades(scheme: schemes.Scheme) -> Words:
    """The grades, best first, with the points they begin at where the total decides."""
    edges = sorted(scheme.bands.edges, reverse=True) if scheme.bands else []
    parts = []
    for place, grade in enumerate(scheme.grades):
        if place < len(edges):
            edge = spoken(POINTS, edges[place])
            parts.append(Words(f"{grade.words.zh}（{edge.zh}起）", f"{grade.words.en} (from {edge.en})"))
        else:
            parts.append(grade.words)
    return Words("；".join(part.zh for part in parts), "; ".join(part.en for part in parts))


def _indicators(scheme: schemes.Scheme) -> pages.ListPage:
    return pages.ListPage(
        title=Words("指标", "Indicators"),
        resource="indicator",
        columns=(
            pages.Column("name", Words("指标", "Indicator"), wide_on_phone=True),
            pages.Column("weight", Words("权重", "Weight"), numeric=True),
            pages.Column("value", Words("取值", "Value")),
            pages.Column("method", Words("评分方法", "Scored by")),
            pages.Column("missing", Words("缺数据时", "Without data")),
        ),
        rows=tuple(_indicator(one) for one in scheme.indicators),
    )


def _measures(scheme: schemes.Scheme) -> pages.ListPage:
    return pages.ListPage(
        title=Words("度量", "Measures"),
        resource="measure",
        columns=(
            pages.Column("name", Words("度量", "Measure"), wide_on_phone=True),
            pages.Column("how", Words("取数", "How")),
            pages.Column("unit", Words("单位", "Unit")),
        ),
        rows=tuple(
            pages.Row(
                one.key,
                "",
                (pages.Cell(one.words), pages.Cell(how(one)), pages.Cell(one.type.words)),
                selectable=False,
            )
            for one in scheme.measures
        ),
    )


def _indicator(one: schemes.Indicator) -> pages.Row:
    manual = Words("由评分人打分", "given by raters")
    return pages.Row(
        one.key,
        "",
        (
            pages.Cell(one.words),
            pages.Cell(f"{one.weight / 100:g}%" if one.weight else "", "num"),
            pages.Cell(formula_words(one.value) if one.value is not None else manual),
            pages.Cell(one.method.words()),
            pages.Cell(MISSING[one.missing.policy] if one.is_scored else ""),
        ),
        selectable=False,
    )


# ---- writing -----------------------------------------------------------------------------------------------


def seen_of(draft: EvalSchemeVersion, refusal: Refusal | None = None) -> pages.Pairs:
    """Against which state of a draft a form is filled in: as it was sent, but for a person just told that it changed."""
    kept = "" if isinstance(refusal, Stale) else request.form.get("seen", "")
    return (("seen", kept or draft.body_hash),)


def wrong_in(refusal: Refusal | None, again: Words) -> list[Problem]:
    """What a form tells of a refusal; where the draft was changed meanwhile, also what saving it `again` does."""
    if isinstance(refusal, Stale):
        return [Problem(say("{told}{again}", "{told} {again}", told=refusal.words, again=again))]
    return list(getattr(refusal, "problems", ())) or ([Problem(refusal.words)] if refusal else [])


REPLACES = Words(
    "请在新标签页打开现在的草稿核对：再次保存将以本页的全文取代它。",
    "Look at the draft as it is now in a new tab: saving again replaces it by the whole text on this page.",
)


def _written(
    text: str, save: Callable[[str], EvalSchemeVersion], draft: EvalSchemeVersion | None = None
) -> Any:
    """The form with a document, or what came of sending it; a refusal gives back what was typed."""
    if request.method == "GET":
        return render_template("record/form.html", page=_form(text, draft))
    typed = request.form.get("body", "")
    try:
        if not typed.strip() or len(typed.encode()) > LARGEST_TEXT:
            words = say("请填写不超过 256 KB 的方案。", "Write a scheme of at most 256 KB.")
            raise BadInput([Problem(words, "body")])
        with transaction():
            command = once()
            where = url_for(f"{VIEW}.show", pk=save(typed).id)
            command.led_to(where)
    except (NotFound, AlreadyDone):
        raise
    except Refusal as refusal:
        return render_template("record/form.html", page=_form(typed, draft, refusal)), refusal.status
    flash(str(say("草稿已保存。", "The draft is saved.")), "success")
    return redirect(where, 303)


def _form(
    text: str, draft: EvalSchemeVersion | None = None, refusal: Refusal | None = None
) -> pages.FormPage:
    told = tuple(pages.Problem(one.words, field=one.field or "") for one in wrong_in(refusal, REPLACES))
    back = url_for(f"{VIEW}.show", pk=draft.id) if draft else url_for(f"{VIEW}.list")
    named = (pages.Crumb(publications.title_of_scheme(draft), back),) if draft else ()
    field = pages.Field(
        "body",
        Words("方案", "Scheme"),
        "long",
        text,
        required=True,
        wide=True,
        rows=24,
        is_code=True,
        help=Words("YAML 文本，格式与导出的文件相同。", "YAML, as a file taken out holds it."),
    )
    title = Words("编写评价方案", "Write a scheme")
    return pages.FormPage(
        title=title,
        action_url=request.full_path.rstrip("?"),
        sections=(pages.Section("body", "", fields=(field,)),),
        crumbs=(pages.Crumb(TITLE, url_for(f"{VIEW}.list")), *named, pages.Crumb(title)),
        problems=told,
        hidden=seen_of(draft, refusal) if draft else (),
        cmd=forms.new_cmd(),
        cancel_url=back,
        submit_label=Words("保存草稿", "Save the draft"),
    )
