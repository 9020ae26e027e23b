"""The export centre: asking for a file, how it stands, fetching it while it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import render_template, request, url_for
from flask_appbuilder import expose

from app import workflows
from app.errors import BadInput, Problem, Refusal
from app.models import ExportForm, ExportRequest, ExportStatus
from app.roles import Act
from app.services import access, exports, records, values
from app.services.commands import AlreadyDone
from app.services.fields import labels_of
from app.views import forms, lists, pages, taking_out
from app.views.base import RecordView, fragment
from app.views.guards import needs, needs_account
from app.words import Words, say
from app.workflows import exporting

TITLE = Words("导出中心", "Export centre")
LONGEST_REASON = 2_000
OWN_ARGS = frozenset({"resource", "form"})
"""What the address of the form says besides the state of the list."""


class ExportRequestView(RecordView):
    """One's own exports; who decides on one sees what is asked for, and never the file."""

    model = ExportRequest
    area = "settings"
    icon = "download"
    menu_label = TITLE
    read_only = True

    @expose("/new", methods=["GET", "POST"])
    @needs_account
    def new(self) -> Any:
        """Which columns of a list, as what, and what for."""
        model = records.model_named(request.args.get("resource", ""))
        access.principal().check(Act.take_out, access.resource_of(model))
        if request.method == "GET":
            return render_template("record/form.html", page=_form(model, None))
        if (first := taking_out.confirm_first(request.full_path)) is not None:
            return first
        try:
            names = tuple(request.form.getlist("columns"))
            if not names:
                raise BadInput(
                    [Problem(say("请至少选择一个字段。", "Choose at least one column."), "columns")]
                )
            wish = exporting.Wish(
                _query(model), names, taking_out.form_asked(), request.form.get("reason", "")[:LONGEST_REASON]
            )
            return taking_out.carry_out(wish)
        except AlreadyDone:
            raise
        except Refusal as refusal:
            return render_template("record/form.html", page=_form(model, refusal)), refusal.status

    @expose("/<int:pk>/progress")
    @needs(Act.read)
    def progress(self, pk: int) -> Any:
        """How far the job is; asked every two seconds."""
        return render_template("job.html", page=_progress(exporting.find(pk)), fragment=fragment("progress"))

    @expose("/<int:pk>/file", methods=["POST"])
    @needs(Act.read)
    def file(self, pk: int) -> Any:
        """The file, for who asked for it, while it is kept."""
        back = url_for("ExportRequestView.show", pk=pk)
        return taking_out.confirm_first(back) or taking_out.send(pk)

    def acts_of(self, record: Any) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
        """Fetch the file; submit again, or go to the request."""
        if _is_own(record) and exporting.is_kept(record):
            url = url_for("ExportRequestView.file", pk=record.id)
            fetch = pages.Act(
                Words("下载", "Download"), url=url, method="post", icon="download", primary=True
            )
            return fetch, ()
        if record.status is ExportStatus.approved and record.job_id is not None and _is_own(record):
            url = url_for("ExportRequestView.progress", pk=record.id)
            return pages.Act(Words("查看进度", "Progress"), url=url, primary=True), ()
        return self._approval_act(record, workflows.buttons(record)), ()

    def _path(self, record: Any, primary: pages.Act | None) -> Iterable[pages.Panel]:
        """Who would decide, of an export that was withdrawn: fetching a file is no submitting."""
        return super()._path(record, primary) if record.status is ExportStatus.returned else ()

    def banners_of(self, record: Any) -> Iterable[pages.Banner]:
        """What becomes of it next."""
        if exporting.is_kept(record) and record.expires_at is not None:
            until = values.show_moment(record.expires_at)
            yield pages.Banner(
                say("文件保留至 {until}。", "The file is kept until {until}.", until=until), "ok"
            )
        elif record.status is ExportStatus.failed and record.problem is not None:
            yield pages.Banner(record.problem, "bad")
        elif record.status is ExportStatus.expired:
            yield pages.Banner(
                Words(
                    "文件已过期删除，请重新导出。", "The file was kept for a day and is gone: export again."
                )
            )


def _is_own(record: ExportRequest) -> bool:
    who = access.principal()
    return record.owner_id == who.employee_id and record.user_id == who.user_id


# ---- asking ------------------------------------------------------------------------------------------------


def _query(model: type[Any]) -> records.Query:
    """The list as the address keeps it."""
    args = request.args.copy()
    for name in OWN_ARGS:
        args.pop(name, None)
    return lists.query_of(model, args)


def _form(model: type[Any], refusal: Refusal | None) -> pages.FormPage:
    query, who = _query(model), access.principal()
    rows, limit = exports.count(exports.taken(query)), exports.limit_of(who)
    problems = getattr(refusal, "problems", None) or ([refusal] if refusal else [])
    label = Words("导出", "Export")
    kept = lists.url_query(request.args)
    return pages.FormPage(
        title=say("导出{what}", "Export: {what}", what=labels_of(model)),
        action_url=f"{request.path}?{kept}",
        crumbs=(
            pages.Crumb(TITLE, url_for("ExportRequestView.list")),
            pages.Crumb(say("导出{what}", "Export: {what}", what=labels_of(model))),
        ),
        banners=tuple(_banners(query, rows, limit)),
        sections=(
            pages.Section("export", label, fields=tuple(_fields(model, problems, is_over=rows > limit))),
        ),
        problems=tuple(pages.Problem(one.words, "", getattr(one, "field", "") or "") for one in problems),
        cmd=forms.new_cmd(),
        cancel_url=f"/{access.resource_of(model)}/list/",
        submit_label=Words("提交审批", "Submit for approval") if rows > limit else label,
    )


def _banners(query: records.Query, rows: int, limit: int) -> Iterable[pages.Banner]:
    """How many rows it is, and whether somebody must approve it."""
    if rows > limit:
        yield pages.Banner(
            say(
                "共 {rows} 行，超过 {limit} 行：审批通过后生成文件。",
                "These are {rows} rows, more than {limit}: the file is made once it is approved.",
                rows=f"{rows:,}",
                limit=f"{limit:,}",
            ),
            "warn",
        )
    else:
        yield pages.Banner(say("共 {rows} 行。", "These are {rows} rows.", rows=f"{rows:,}"))
    if (conditions := exports.described(query)) is not None:
        yield pages.Banner(conditions, title=Words("筛选条件", "Conditions"))


def _fields(model: type[Any], problems: Iterable[Any], *, is_over: bool) -> Iterable[pages.Field]:
    said: dict[str, list[Any]] = {}
    for one in problems:
        said.setdefault(getattr(one, "field", "") or "", []).append(one.words)
    chosen = request.form.getlist("columns") or list(taking_out.shown_columns(model))
    offered = tuple(pages.Choice(field.name, field.label) for field in exports.columns(model))
    yield pages.Field(
        name="columns",
        label=Words("字段", "Columns"),
        kind="choices",
        choices=offered,
        picked=tuple(one for one in offered if one.value in chosen),
        errors=tuple(said.get("columns", ())),
        wide=True,
    )
    yield pages.Field(
        name="form",
        label=Words("格式", "Format"),
        kind="choice",
        choices=tuple(pages.Choice(form.value, form.words) for form in ExportForm),
        value=taking_out.form_asked(),
    )
    yield pages.Field(
        name="reason",
        label=Words("用途", "Purpose"),
        kind="long",
        value=request.form.get("reason", ""),
        required=is_over,
        errors=tuple(said.get("reason", ())),
        wide=True,
    )


# ---- how it stands -----------------------------------------------------------------------------------------


def _progress(asked: ExportRequest) -> pages.JobProgress:
    job = exporting.job_of(asked)
    running = asked.status is ExportStatus.approved
    here = url_for("ExportRequestView.show", pk=asked.id)
    return pages.JobProgress(
        title=asked.title,
        state=job.status.words if job is not None and running else asked.status.words,
        running=running,
        done=job.done_units if job is not None else 0,
        total=job.total_units if job is not None else 0,
        text=asked.problem or "",
        tone="run" if running else "bad" if asked.status is ExportStatus.failed else "ok",
        poll_url=url_for("ExportRequestView.progress", pk=asked.id),
        next_url=here,
        crumbs=(
            pages.Crumb(TITLE, url_for("ExportRequestView.list")),
            pages.Crumb(asked.title, here),
        ),
    )


VIEWS = (ExportRequestView,)
