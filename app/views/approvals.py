"""The inbox and the page of a request: what is asked on the left, its course on the right, the acts below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app import workflows
from app.errors import BadRequest, Refusal, Stale
from app.extensions import transaction
from app.models import ApprovalRequest
from app.services import records, values
from app.services.fields import STAMPS, field_named, labels_of
from app.views import forms, pages
from app.views.attachments import attach_act, attachment_list, may_attach
from app.views.cells import cell_of, url_to
from app.views.guards import needs_account
from app.views.lists import query_args_with
from app.words import Words, say

DRAWERS = {
    "todo": Words("待办", "To do"),
    "done": Words("已办", "Done"),
    "mine": Words("我发起的", "Mine"),
    "cc": Words("抄送我的", "Copied to me"),
}
SIZE = 25
STAGE_TONES = {
    "done": "ok",
    "active": "now",
    "returned": "warn",
    "cancelled": "",
    "waiting": "",
    "skipped": "",
}
PERSON_ACTS = ("transfer", "add_signer", "consult", "copy")
PLACES = (
    ("before", Words("在我之前", "Before me")),
    ("parallel", Words("与我并行", "Beside me")),
    ("after", Words("在我之后", "After me")),
)


class ApprovalView(BaseView):
    """What waits for a decision, and deciding."""

    route_base = "/approval"

    @expose("/")
    @expose("/<any(todo, done, mine, cc):drawer>")
    @needs_account
    def inbox(self, drawer: str = "todo") -> Any:
        """One drawer of the inbox."""
        number = request.args.get("page", "1")
        if not number.isdecimal() or not 1 <= int(number[:6]) <= 100_000:  # noqa: PLR2004 (as far as anybody turns)
            raise BadRequest(say("页码不存在。", "There is no such page."))
        search = request.args.get("q", "").strip()[:100]
        items = workflows.inbox(drawer, workflows.Asked(search=search), page=int(number), size=SIZE)
        page = pages.InboxPage(
            title=_("Approvals"),
            tabs=tuple(_drawer_tab(name, words, drawer) for name, words in DRAWERS.items()),
            table=_inbox_table(items, drawer, search, int(number)),
        )
        return render_template("approval/inbox.html", page=page)

    @expose("/show/<int:pk>")
    @needs_account
    def show(self, pk: int) -> Any:
        """One request, with everything its decision needs."""
        return render_template("approval/page.html", page=_page(workflows.find_request(pk)))

    @expose("/<int:pk>/<verb>", methods=["POST"])
    @needs_account
    def act(self, pk: int, verb: str) -> Any:
        """Carry out an act: approve, send back, reject, withdraw, hand on."""
        here = url_for("ApprovalView.show", pk=pk)
        try:
            with transaction():
                result = workflows.act(pk, verb, **_given())
        except Stale as refusal:
            flash(_stale_words(refusal), "warning")
            return redirect(here, 303)
        except Refusal as refusal:
            if refusal.status == 404:  # noqa: PLR2004 (not found)
                raise
            flash(str(refusal.words), "danger")
            return redirect(here, 303)
        flash(_("Already carried out.") if result.replayed else _("Done."), "success")
        return redirect(_next_after(pk), 303)

    @expose("/submit/<resource>/<int:pk>", methods=["POST"])
    @needs_account
    def submit(self, resource: str, pk: int) -> Any:
        """Submit a record for approval."""
        model = records.model_named(resource)
        here = url_for(f"{model.__name__}View.show", pk=pk)
        try:
            with transaction():
                record = records.find(model, pk)
                workflows.submit(record, idem_key=request.form.get("_cmd") or None)
        except Refusal as refusal:
            if refusal.status == 404:  # noqa: PLR2004 (not found)
                raise
            for problem in getattr(refusal, "problems", None) or [refusal]:
                flash(str(problem.words), "danger")
            return redirect(here, 303)
        flash(_("Submitted for approval."), "success")
        return redirect(here, 303)


def _given() -> Any:
    """What the form sent, as the engine takes it."""
    form = request.form
    fields = {name.removeprefix("field."): form[name] for name in form if name.startswith("field.")}
    fields |= {name: "" for name in form.getlist("_has") if name not in fields}
    given: dict[str, Any] = {
        "comment": form.get("comment"),
        "fields": fields,
        "content_hash": form.get("content_hash") or None,
        "idem_key": form.get("_cmd") or None,
        "target": form.get("target") or None,
        "place": form.get("place", "parallel"),
    }
    for name, key in (("seen_version", "seen_version"), ("to", "to"), ("task_id", "task_id")):
        text = form.get(name, "")
        given[key] = int(text) if text.isdecimal() else None
    return given


def _stale_words(refusal: Stale) -> str:
    """What changed meanwhile, field by field."""
    parts = [f"{change.label}: {change.theirs_before} → {change.theirs_now}" for change in refusal.changes]
    return " ".join([str(refusal.words), *parts])


def _next_after(pk: int) -> str:
    """The next item of the inbox after a decision; the request itself when nothing waits."""
    waiting = [item for item in workflows.inbox("todo", size=2) if item.request_id != pk]
    if waiting and request.form.get("go_on"):
        return url_for("ApprovalView.show", pk=waiting[0].request_id)
    return url_for("ApprovalView.show", pk=pk)


def waiting() -> int:
    """How many requests wait for this person, counted up to 100; asked for once a request."""
    if "waiting" not in g:
        g.waiting = workflows.count_inbox("todo")
    found: int = g.waiting
    return found


# ---- the inbox ---------------------------------------------------------------------------------------------


def _drawer_tab(name: str, words: Words, current: str) -> pages.Tab:
    count = waiting() if name == "todo" else 0
    shown = "99+" if count > 99 else str(count) if count else ""  # noqa: PLR2004 (as it reads)
    return pages.Tab(words, url_for("ApprovalView.inbox", drawer=name), count=shown, current=name == current)


def _inbox_table(items: list[workflows.Item], drawer: str, search: str, number: int) -> pages.ListPage:
    shown = items[:SIZE]
    heads = (
        pages.Column("title", _("Request"), wide_on_phone=True),
        pages.Column("flow", _("Kind")),
        pages.Column("step", _("Step")),
        pages.Column("submitter", _("Submitted by")),
        pages.Column("at", _("Submitted")),
        pages.Column("due", _("Due")),
        pages.Column("status", _("Status")),
    )
    return pages.ListPage(
        title=DRAWERS[drawer],
        resource="approval",
        columns=heads,
        rows=tuple(_inbox_row(item) for item in shown),
        search=search,
        search_url=request.path,
        search_hint=_("Title or number"),
        first=(number - 1) * SIZE + 1 if shown else 0,
        last=(number - 1) * SIZE + len(shown),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(items) > SIZE else "",
        empty=pages.EmptyState(
            _("Nothing waits here"), _("Requests that concern you appear here."), icon="checks"
        ),
    )


def _inbox_row(item: workflows.Item) -> pages.Row:
    url = url_for("ApprovalView.show", pk=item.request_id)
    note = _("for %(name)s", name=item.for_whom) if item.for_whom else item.no or ""
    due = values.show_moment(item.due_at) if item.due_at else values.EMPTY
    late = (pages.Cell(_("Overdue"), kind="badge", tone="bad"),) if item.is_overdue else ()
    cells = (
        pages.Cell(item.title, kind="link", url=url, note=note, label=_("Request")),
        pages.Cell(item.flow, label=_("Kind")),
        pages.Cell(item.step or values.EMPTY, label=_("Step")),
        pages.Cell(item.submitter, label=_("Submitted by")),
        pages.Cell(values.show_moment(item.submitted_at), kind="date", label=_("Submitted")),
        pages.Cell(due, kind="date", label=_("Due"), badges=late),
        pages.Cell(item.status.words, kind="badge", tone=item.status.tone, label=_("Status")),  # type: ignore[arg-type]
    )
    return pages.Row(id=str(item.request_id), url=url, cells=cells, selectable=False)


# ---- one request -------------------------------------------------------------------------------------------


def _page(asked: ApprovalRequest) -> pages.ApprovalPage:
    record = workflows.subjects.record_of(asked.object_type, asked.object_id)
    found = workflows.course(asked)
    here = url_for("ApprovalView.show", pk=asked.id)
    acts = tuple(_acts(asked))
    wanted = tuple(pages.Choice(kind, name) for kind, name, _count in workflows.wanted(asked))
    return pages.ApprovalPage(
        title=asked.title,
        crumbs=(
            pages.Crumb(_("Approvals"), url_for("ApprovalView.inbox")),
            pages.Crumb(asked.no or asked.title),
        ),
        badges=(pages.Cell(asked.status.words, kind="badge", tone=asked.status.tone),),  # type: ignore[arg-type]
        facts=(found.name, asked.no or ""),
        sections=(_section(record),),
        evidence=attachment_list(record),
        evidence_act=attach_act(record, here, wanted) if may_attach(record) else None,
        course=tuple(timeline(found)),
        acts=acts,
        hidden=tuple(_hidden(asked)) if acts else (),
        record_url=url_to(record),
    )


def _section(record: Any) -> pages.Section:
    hidden = {"status", *STAMPS}
    shown = [field for field in records.visible_fields(type(record)) if field.name not in hidden]
    cells = tuple(cell_of(record, field) for field in shown if getattr(record, field.name) not in {None, ""})
    return pages.Section(id="record", title=labels_of(type(record)), cells=cells)


def _hidden(asked: ApprovalRequest) -> Iterable[tuple[str, str]]:
    """What the decision is bound to: what was seen, and this very click."""
    yield "seen_version", str(asked.version_no)
    yield "content_hash", workflows.content_hash(asked)
    yield "_cmd", forms.new_cmd()
    yield "go_on", "1"


def timeline(found: workflows.Course) -> Iterable[pages.TimelineItem]:
    """The course of a request: what was done, who has it now, what is still to come."""
    for entry in found.entries:
        marks = (
            (pages.Cell(_("for %(name)s", name=entry.acting_for), kind="badge"),) if entry.acting_for else ()
        )
        title = f"{entry.step} · {entry.act.words}" if entry.step else entry.act.words
        yield pages.TimelineItem(
            title=title,
            when=values.show_moment(entry.at),
            who=entry.by,
            tone="bad" if entry.act.tone == "bad" else "warn" if entry.act.tone == "warn" else "ok",
            quote=entry.comment or "",
            marks=marks,
        )
    for stage in found.stages:
        if stage.status in {"active", "waiting"}:
            names = "、".join(person.name for person in stage.people)
            due = _("due %(when)s", when=values.show_moment(stage.due_at)) if stage.due_at else ""
            yield pages.TimelineItem(
                title=stage.name, when=due, who=names, tone="now" if stage.status == "active" else ""
            )


def _acts(asked: ApprovalRequest) -> Iterable[pages.Act]:
    """The buttons: exactly what the engine would accept from this person."""
    for index, offer in enumerate(workflows.acts_of(asked)):
        verb = offer.act.value
        yield pages.Act(
            offer.words,
            url=url_for("ApprovalView.act", pk=asked.id, verb=verb),
            method="post",
            tone=offer.tone,  # type: ignore[arg-type]
            primary=index == 0 and verb == "approve",
            rare=verb in {*PERSON_ACTS, "remind"},
            confirm=_("%(act)s: %(title)s", act=offer.words, title=asked.title),
            fields=tuple(_act_fields(asked, offer)),
            hidden=tuple(_has_marks(asked)) if verb == "approve" else (),
        )


def _act_fields(asked: ApprovalRequest, offer: workflows.ActOffer) -> Iterable[pages.Field]:
    if offer.act.value == "approve":
        yield from _blank_fields(asked)
    if offer.needs_person:
        yield pages.Field(
            name="to", label=_("Person"), kind="picker", required=True, picker_url="/pick/employee"
        )
    if offer.act.value == "add_signer":
        places = tuple(pages.Choice(value, words) for value, words in PLACES)
        yield pages.Field(name="place", label=_("When"), kind="choice", choices=places, value="parallel")
    if offer.targets:
        targets = tuple(pages.Choice(key, name) for key, name in offer.targets)
        yield pages.Field(
            name="target", label=_("Back to"), kind="choice", choices=targets, value=targets[0].value
        )
    yield pages.Field(
        name="comment", label=_("Comment"), kind="long", required=offer.needs_comment, wide=True
    )


def _blank_fields(asked: ApprovalRequest) -> Iterable[pages.Field]:
    """What the open step fills in."""
    for blank in workflows.blanks(asked):
        field = field_named(type(blank.record), blank.name)
        if field is not None:
            text = values.edit_text(field, blank.value)
            yield forms.one_input(field, text, name=f"field.{blank.path}", required=blank.required)


def _has_marks(asked: ApprovalRequest) -> Iterable[tuple[str, str]]:
    """A box left unticked sends nothing: these say which there were."""
    for blank in workflows.blanks(asked):
        field = field_named(type(blank.record), blank.name)
        if field is not None and field.kind.value == "flag":
            yield "_has", blank.path
