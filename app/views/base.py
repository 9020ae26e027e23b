"""The screens every record type gets from the schema alone: list, page, form, picker, move, export.

A record type's view names its model and its place on the menu; the rest is derived. Each route asks for a right,
finds the record through the row policy, calls one verb in one transaction, and says what happened.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from flask import flash, g, jsonify, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _
from markupsafe import escape
from sqlalchemy import Integer, Select, bindparam, func, inspect, select
from werkzeug.datastructures import MultiDict

from app import workflows
from app.errors import BadRequest, NotAllowed, NotFound, Refusal, Stale, WrongState
from app.extensions import BY_KEY, db, transaction
from app.models import AuditAct
from app.roles import Act
from app.services import access, audit, extras, history, merging, records, saved_views, values
from app.services.chosen import Chosen
from app.services.commands import AlreadyDone
from app.services.fields import Field, Kind, field_named, labels_of, listed, parts_of
from app.services.imports import importable, offered
from app.views import (
    filters,
    flow_path,
    forms,
    inline,
    lines as line_editor,
    lists,
    pages,
    saved_views as view_acts,
    taking_out,
)
from app.views.attachments import attach_act, attachment_list, may_attach
from app.views.cells import LINKED, cell_of, names_of
from app.views.guards import needs
from app.views.lines import Lines
from app.views.web import once
from app.words import Words, say
from app.workflows import bulk_acts, uploads


@dataclass(frozen=True, slots=True)
class Related:
    """A tab of a record's page: records of another type that point to it by `column`."""

    model: type[Any]
    column: str

    @property
    def resource(self) -> str:
        return access.resource_of(self.model)

    def of(self, id_: Any) -> Any:
        """The condition that they belong to the record with this id."""
        return getattr(self.model, self.column) == id_


@dataclass(frozen=True, slots=True)
class Group:
    """A tab that shows several related record types together, the first rows of each."""

    name: str
    words: Words
    models: tuple[type[Any], ...]


SHOWN_OF_EACH = 10
"""So many rows of each record type stand on a tab of several."""

WRITABLE: set[str] = set()
"""The record types that have a form."""


def pointer(model: type[Any], target: type[Any]) -> str:
    """The column of `model` that points to `target`."""
    return next(
        str(column.key)
        for column in inspect(model).columns
        if any(key.column.table is inspect(target).local_table for key in column.foreign_keys)
    )


class RecordView(BaseView):
    """List, page, form and the rest for one model, generated from the schema."""

    model: ClassVar[type[Any]]
    area: ClassVar[str]
    icon: ClassVar[str] = ""
    menu_label: ClassVar[Words | None] = None
    """What it is called on the menu, where that is not the name of the record type."""
    read_only: ClassVar[bool] = False
    """Rows made by engines alone: no form, no import."""
    tabs_of: ClassVar[tuple[type[Any], ...]] = ()
    """Other record types that point to this one, each a tab of its page."""
    typed_with: ClassVar[type[Any] | None] = None
    """The record type whose rows are typed in this one's form, as its lines."""
    lines: ClassVar[Lines | None] = None
    groups: ClassVar[tuple[Group, ...]] = ()
    """How those tabs are put together, where there are many; each type keeps its own address."""
    stories: ClassVar[dict[str, Words]] = {}
    """Tabs that tell what happened; `story_of` tells it."""
    files_tab: ClassVar[str] = ""
    """The tab files stand on; empty for the first."""
    related: ClassVar[tuple[Related, ...]] = ()
    resource: ClassVar[str]
    default_view = "list"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "model" in vars(cls):
            cls.resource = access.resource_of(cls.model)
            cls.route_base = f"/{cls.resource}"
            cls.class_permission_name = cls.resource
            cls.endpoint = f"{cls.model.__name__}View"
            cls.related = tuple(Related(other, pointer(other, cls.model)) for other in cls.tabs_of)
            if cls.typed_with is not None:
                cls.lines = Lines(cls.typed_with, pointer(cls.typed_with, cls.model))
            LINKED.add(cls.model.__name__)
            if not cls.read_only:
                WRITABLE.add(cls.model.__name__)

    # ---- list ----------------------------------------------------------------------------------------------

    @expose("/list/")
    @needs(Act.read)
    def list(self) -> Any:
        """The records this person may read."""
        views = saved_views.offered(self.resource)
        if where := view_acts.opened_by_default(views, self.model):
            return redirect(where)
        return self._listed(views)

    def _listed(
        self, views: builtins.list[saved_views.Offered], refusal: Refusal | None = None, asked: str = ""
    ) -> Any:
        """The list the address asks for; after a refusal with what was typed for the act asked for."""
        g.list_path = self.url("list")
        acts = self.list_acts()
        acts.filter_url, acts.count_url = self.url("filter"), self.url("count")
        if acts.cell_endpoint:
            acts.typed = frozenset(field.name for field in inline.editable(self.model))
        acts.views, acts.other_views = view_acts.tabs_of(views, self.resource), view_acts.others_of(views)
        acts.acts += view_acts.acts_of(views, self.resource)
        if refusal is not None:
            acts.acts = tuple(forms.asked_again(act, refusal, asked) for act in acts.acts)
            acts.bulk = tuple(forms.asked_again(self._filled(act), refusal, asked) for act in acts.bulk)
        page = lists.list_page(lists.query_of(self.model, request.args), acts)
        blocks = fragment("chips results") if refusal is None else ""
        status = 200 if refusal is None else refusal.status
        return render_template("record/list.html", page=page, fragment=blocks), status

    @expose("/filter")
    @needs(Act.read)
    def filter(self) -> Any:
        """The form a filter is built in; what is built is an address of the list."""
        args, act = request.args, request.args.get("act", "")
        if act == "clear":
            return _go(
                f"{self.url('list')}?{filters.address_of(filters.Draft(), self.model, args.get('kept', ''))}"
            )
        if "kept" not in args:
            kept, draft = lists.state_of(args), filters.draft_from(lists.query_of(self.model, args))
        else:
            kept, draft = args["kept"], filters.draft_of(args)
        filters.act_on(draft, act)
        error = None
        if act == "apply":
            try:
                return _go(f"{self.url('list')}?{filters.address_of(draft, self.model, kept)}")
            except BadRequest as refusal:
                error = refusal.words
        page = filters.filter_page(self.model, draft, kept, self.url("list"), error)
        return render_template("record/filter.html", page=page, fragment=fragment("builder"))

    @expose("/view", methods=["POST"])
    @needs(Act.read)
    def keep(self) -> Any:
        """Keep the list of the address under a name, or change the view it was opened with."""
        query = lists.query_of(self.model, request.args)
        lists.columns_of(self.model, request.args)
        lists.group_of(self.model, request.args)
        records.page_of(query)  # what the list cannot answer is no view
        try:
            where = view_acts.keep(self.resource)
        except (NotAllowed, NotFound, AlreadyDone):
            raise
        except Refusal as refusal:
            return self._listed(saved_views.offered(self.resource), refusal, request.path)
        flash(_("The view is saved."), "success")
        return redirect(where, 303)

    @expose("/count")
    @needs(Act.read)
    def count(self) -> Any:
        """How many the list holds, exactly, as plain text."""
        return _exactly(lists.query_of(self.model, request.args))

    def list_acts(self) -> lists.ListActs:
        """What this person may do on the list."""
        who = access.principal()
        acts = lists.ListActs(self.resource)
        if self.read_only:
            return acts
        if who.may(Act.create, self.resource):
            acts.primary = pages.Act(_("New"), url=self.url("add"), icon="plus", primary=True)
        if who.may(Act.bring_in, self.resource) and self.resource in importable():
            acts.acts = (pages.Act(_("Import"), url=f"/import/new?resource={self.resource}", icon="upload"),)
        if who.may(Act.take_out, self.resource):
            acts.exports = tuple(self._export_acts())
        if who.may(Act.edit, self.resource):
            acts.edit_endpoint = f"{self.endpoint}.edit"
            acts.cell_endpoint = f"{self.endpoint}.cell"
        if who.may(Act.edit, self.resource) and self.resource in importable():
            acts.bulk = (self._bulk_edit_act(),)
        if who.may(Act.delete, self.resource) and hasattr(self.model, "deleted_at"):
            acts.acts += (pages.Act(_("Recycle bin"), url=self.url("bin"), icon="trash", rare=True),)
        if who.may(Act.delete, self.resource) and records.is_removable(self.model):
            acts.bulk += (
                pages.Act(
                    _("Delete"),
                    url=f"{self.url('bulk')}?{lists.url_query(request.args)}",
                    method="post",
                    name="act",
                    value="delete",
                    tone="bad",
                    confirm=_("Put the chosen records in the recycle bin?"),
                    hidden=(("_cmd", forms.new_cmd()),),
                ),
            )
            acts.bulk_url = self.url("bulk")
        if self._may_merge():
            twins = f"{self.model.__name__}DuplicateView"
            merge = pages.Act(
                _("Merge two"), url=url_for(f"{twins}.chosen"), method="post", icon="arrows-join"
            )
            acts.bulk += (merge,)
            found = pages.Act(_("Find duplicates"), url=url_for(f"{twins}.list"), icon="copy", rare=True)
            acts.acts += (found,)
        return acts

    def _may_merge(self) -> bool:
        """Whether two of these records may be one, and this person may say so."""
        return hasattr(self.model, "__twins__") and access.principal().may(Act.merge, self.resource)

    def _bulk_edit_act(self) -> pages.Act:
        """Change the same fields of the chosen records: what is left empty stays."""
        return pages.Act(
            _("Edit"),
            url=f"{self.url('bulk_edit')}?{lists.url_query(request.args)}",
            method="post",
            icon="edit",
            confirm=_("What you leave empty stays as it is. You see what would change before it is written."),
            fills=self.url("bulk_edit"),
        )

    def _bulk_fields(self) -> tuple[pages.Field, ...]:
        """What the dialog of a bulk edit asks."""
        return tuple(
            emptied(forms.one_input(field, "", name=field.name, required=False))
            for field in offered(self.model)
        )

    def _filled(self, act: pages.Act) -> pages.Act:
        """The act with the fields its dialog would ask for when it is opened."""
        return replace(act, fields=self._bulk_fields(), fills="") if act.fills else act

    def _export_acts(self) -> Iterable[pages.Act]:
        kept = lists.url_query(request.args)
        for form, label in (("xlsx", "Excel"), ("csv", "CSV")):
            yield pages.Act(label, url=f"{self.url('export')}?{kept}", method="post", name="form", value=form)
        choose = f"{url_for(f'{taking_out.CENTRE}.new')}?resource={self.resource}&{kept}"
        yield pages.Act(Words("选择字段…", "Choose columns…"), url=choose)

    @expose("/export", methods=["POST"])
    @needs(Act.take_out)
    def export(self) -> Any:
        """What the list shows, as a workbook or CSV; above the limit, on request."""
        return taking_out.list_as_shown(self.model)

    # ---- page ----------------------------------------------------------------------------------------------

    @expose("/show/<int:pk>")
    @needs(Act.read)
    def show(self, pk: int) -> Any:
        """One record: what it is, what may be done with it, and what belongs to it."""
        try:
            record = records.find(self.model, pk)
        except NotFound:
            if (kept := merging.kept_of(self.model, pk)) is None:
                raise
            return redirect(self.url("show", pk=kept))
        return render_template("record/page.html", page=self.record_page(record))

    def record_page(self, record: Any) -> pages.RecordPage:
        tab = request.args.get("tab", "")
        chosen = next((other for other in self.related if other.resource == tab), None)
        group = next((group for group in self.groups if group.name == tab), None)
        if tab not in {"", "log", self.files_tab, *self.stories} and chosen is None and group is None:
            raise BadRequest(say("没有“{tab}”这个标签页。", "There is no tab '{tab}'.", tab=tab[:40]))
        primary, acts = self.acts_of(record)
        tabs, inner_tabs = self._tabs(record, tab)
        came = self._came_from()
        before, after = self._beside(record, came)
        back = self.url("list") + (f"?{came}" if came else "")
        return pages.RecordPage(
            title=records.title_of(record),
            crumbs=(pages.Crumb(labels_of(self.model), back), pages.Crumb(records.title_of(record))),
            prev_url=before,
            next_url=after,
            badges=tuple(self.badges_of(record)),
            facts=tuple(self.facts_of(record)),
            primary=primary,
            acts=acts,
            figures=tuple(self.figures_of(record)),
            banners=() if tab else tuple(self.banners_of(record)),
            side=() if tab else (*self.side_of(record), *self._path(record, primary)),
            tabs=tabs,
            inner_tabs=inner_tabs,
            sections=() if tab else _typed_by(self.sections_of(record), acts),
            table=self._table(record, chosen) if chosen and group is None else None,
            tables=tuple(self._first_rows(record, group)) if group else (),
            timeline=tuple(self._log(record) if tab == "log" else self.story_of(record, tab)),
            timeline_title=_("Log") if tab == "log" else self.stories.get(tab, ""),
            **self._files(record, tab),
        )

    def _files(self, record: Any, tab: str) -> dict[str, Any]:
        """The files of the record, on the tab they stand on."""
        if tab != self.files_tab:
            return {}
        here = self.url("show", pk=record.id, tab=tab or None)
        add = None if self.read_only or not may_attach(record) else attach_act(record, here)
        return {"attachments": attachment_list(record, here), "attach_act": add}

    def _came_from(self) -> str | None:
        """What the list asked for that one came here from; None for who came another way."""
        if "list" in request.args:
            return request.args["list"]
        came = urlsplit(request.referrer or "")
        if came.netloc != request.host or came.path != self.url("list"):
            return None
        return lists.state_of(MultiDict(parse_qsl(came.query)))

    def _beside(self, record: Any, state: str | None) -> tuple[str, str]:
        """The pages of the records before and after this one in the list one came from."""
        if state is None:
            return "", ""
        try:
            query = lists.query_of(self.model, MultiDict(parse_qsl(state)))
            found = records.neighbours(query, record)
        except BadRequest:
            return "", ""
        here = (self.url("show", pk=pk, list=state) if pk else "" for pk in found)
        return next(here), next(here)

    def badges_of(self, record: Any) -> Iterable[pages.Cell]:
        """What stands beside the title: grade and status."""
        for name in ("grade", "status"):
            field = field_named(self.model, name)
            if field and getattr(record, name) is not None:
                yield cell_of(record, field)

    def figures_of(self, record: Any) -> Iterable[pages.Figure]:  # noqa: ARG002
        """The numbers in the head of the page."""
        return ()

    def banners_of(self, record: Any) -> Iterable[pages.Banner]:  # noqa: ARG002
        """What must be said before anything else: the next act and its deadline."""
        return ()

    def side_of(self, record: Any) -> Iterable[pages.Panel]:  # noqa: ARG002
        """The boxes beside the fields."""
        return ()

    def _path(self, record: Any, primary: pages.Act | None) -> Iterable[pages.Panel]:
        """Who would decide, where the act that matters most is to submit it."""
        return flow_path.panels(record) if primary is not None and primary.method == "post" else ()

    def facts_of(self, record: Any) -> Iterable[str | pages.Cell]:
        """What stands quietly beside the title: number and owner."""
        for name in ("code", "no", "owner_id"):
            field = field_named(self.model, name)
            if field and (text := records.text_of(record, field)) not in {
                values.EMPTY,
                records.title_of(record),
            }:
                yield text if name == "owner_id" else pages.Cell(text, label=field.label)

    def sections_of(self, record: Any) -> tuple[pages.Section, ...]:
        """The fields of the record, as this person may see them."""
        seen = records.visible_fields(self.model, of=record)
        shown = [field for field in seen if field.kind is not Kind.json]
        typed = () if self.read_only else inline.editable(self.model)
        return tuple(
            pages.Section(
                part.name,
                part.title,
                cells=tuple(
                    inline.typed(cell_of(record, field), self.url("cell", pk=record.id, name=field.name))
                    if field in typed
                    else cell_of(record, field)
                    for field in part.fields
                ),
            )
            for part in parts_of(self.model, shown)
        )

    def acts_of(self, record: Any) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
        """The buttons: the one that matters most, and the others."""
        if self.read_only:
            return None, ()
        offered = workflows.buttons(record)
        primary = self._approval_act(record, offered)
        acts = []
        editable = workflows.is_editable(record)
        if editable and records.may_change(record):
            acts.append(pages.Act(_("Edit"), url=self.url("edit", pk=record.id), icon="edit", key="e"))
        acts += (self._move_act(record, move) for move in offered.moves if move.refusal is None)
        if editable and records.is_removable(self.model) and records.may_change(record, Act.delete):
            acts.append(
                pages.Act(
                    _("Delete"),
                    url=self.url("delete", pk=record.id),
                    method="post",
                    tone="bad",
                    rare=True,
                    confirm=_("Put this record in the recycle bin?"),
                )
            )
        if self._may_merge() and records.may_change(record, Act.merge):
            url = url_for(f"{self.model.__name__}DuplicateView.of", pk=record.id)
            acts.append(pages.Act(_("Find duplicates"), url, icon="copy", rare=True))
        return primary, tuple(acts)

    def _approval_act(self, record: Any, offered: workflows.Buttons) -> pages.Act | None:
        """Submit the record, or go to the request it is in."""
        if offered.can_submit:
            return pages.Act(
                _("Submit for approval"),
                url=url_for("ApprovalView.submit", resource=self.resource, pk=record.id),
                method="post",
                icon="send",
                primary=True,
                confirm=_("Submit it? It cannot be edited while it is being decided."),
                hidden=(("_cmd", forms.new_cmd()),),
            )
        if offered.request is not None:
            where = url_for("ApprovalView.show", pk=offered.request.id)
            return pages.Act(_("Open the approval"), url=where, icon="checks", primary=bool(offered.acts))
        return None

    def _move_act(self, record: Any, move: workflows.MoveOffer) -> pages.Act:
        reason = pages.Field(name="reason", label=_("Reason"), kind="long", required=True, wide=True)
        return pages.Act(
            move.words,
            url=self.url("move", pk=record.id, verb=move.verb),
            method="post",
            tone=move.tone,  # type: ignore[arg-type]
            confirm=_("%(move)s: %(title)s", move=move.words, title=records.title_of(record)),
            fields=(reason,) if move.needs_reason else (),
            hidden=(("_cmd", forms.new_cmd()),),
        )

    def _tabs(self, record: Any, current: str) -> tuple[tuple[pages.Tab, ...], tuple[pages.Tab, ...]]:
        """The tabs, and under one of several record types a tab for each of them; one statement counts them all."""
        here = self.url("show", pk=record.id)
        shown = [other for other in self.related if records.may_list(other.model)]
        without = self.lacking(record)
        totals = dict.fromkeys(shown, 0) | _counted(
            [tab for tab in shown if tab.model not in without], record
        )
        single = {
            other.model: pages.Tab(
                labels_of(other.model),
                f"{here}?tab={other.resource}",
                count=pages.badge(total),
                current=current == other.resource,
            )
            for other, total in totals.items()
        }
        held = {other.model: total for other, total in totals.items()}
        tabs = [pages.Tab(_("Overview"), here, current=current == "")]
        inner: tuple[pages.Tab, ...] = ()
        for group in self.groups:
            among = [model for model in group.models if model in single]
            if len(group.models) > 1 and among:
                chosen = current == group.name or any(single[model].current for model in among)
                total = pages.badge(sum(held[model] for model in among))
                tabs.append(pages.Tab(group.words, f"{here}?tab={group.name}", count=total, current=chosen))
                inner = tuple(single[model] for model in among) if chosen else inner
            elif among:
                tabs.append(replace(single[among[0]], label=group.words))
        tabs += () if self.groups else single.values()
        counts = self.counts_of(record)
        further = {**self.stories, "log": _("Log")}
        tabs += [
            pages.Tab(
                words, f"{here}?tab={name}", count=pages.badge(counts.get(name, 0)), current=current == name
            )
            for name, words in further.items()
        ]
        return tuple(tabs), inner

    def _table(self, record: Any, other: Related) -> pages.ListPage:
        args = request.args.copy()
        args.pop("tab")
        query = lists.query_of(other.model, args, within=other.of(record.id))
        fields = tuple(field for field in listed(other.model) if field.name != other.column)
        return lists.list_page(query, self._child_acts(record, other), fields=fields)

    def _child_acts(self, record: Any, other: Related) -> lists.ListActs:
        """What may be done on the rows of a tab."""
        acts = lists.ListActs(other.resource)
        may_add = access.principal().may(Act.create, other.resource) and other.model.__name__ in WRITABLE
        if may_add and workflows.takes_lines(record, other.model):
            new = f"/{other.resource}/add?{other.column}={record.id}"
            acts.primary = pages.Act(_("New"), url=new, icon="plus", primary=True)
        return acts

    def _first_rows(self, record: Any, group: Group) -> Iterable[pages.ListPage]:
        """The first rows of each record type of a tab of several; each leads to all of its own."""
        here = self.url("show", pk=record.id)
        for other in self.related:
            if other.model not in group.models or not records.may_list(other.model):
                continue
            query = replace(lists.query_of(other.model, MultiDict(), other.of(record.id)), size=SHOWN_OF_EACH)
            fields = tuple(field for field in listed(other.model) if field.name != other.column)
            every = pages.Act(_("All"), url=f"{here}?tab={other.resource}")
            yield replace(
                lists.list_page(query, self._child_acts(record, other), fields=fields),
                acts=(every,),
                search_url="",
                prev_url="",
                next_url="",
                pages=(),
                sizes=(),
            )

    def lacking(self, record: Any) -> Collection[type[Any]]:  # noqa: ARG002
        """The record types on the tabs of which the record is known to have nothing."""
        return ()

    def counts_of(self, record: Any) -> Mapping[str, int]:  # noqa: ARG002
        """How much there is on the tabs that tell a story, as far as it is counted."""
        return {}

    def story_of(self, record: Any, tab: str) -> Iterable[pages.TimelineItem]:  # noqa: ARG002
        """What one of the `stories` tells."""
        return ()

    def _log(self, record: Any) -> Iterable[pages.TimelineItem]:
        """What happened to the record, the newest first."""
        return log_of(self.model, record.id)

    # ---- form ----------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @needs(Act.create)
    def add(self) -> Any:
        """A new record."""
        self._refuse_read_only()
        if request.method == "GET":
            return self._form(None)
        sent = forms.typed(records.editable_fields(self.model))
        try:
            with transaction():
                command = once()
                with forms.files_promised(self.model):
                    record = self.save_new(sent)
                forms.keep_files(record)
                self._save_lines(record)
                where = self.url("show", pk=record.id)
                command.led_to(where)
        except AlreadyDone:
            raise
        except Refusal as refusal:
            return self._form(None, sent, refusal)
        flash(_("Saved."), "success")
        return redirect(where)

    @expose("/edit/<int:pk>", methods=["GET", "POST"])
    @needs(Act.edit)
    def edit(self, pk: int) -> Any:
        """Change a record; somebody else's change meanwhile is shown, not overwritten."""
        if request.method == "GET":
            record = records.find(self.model, pk, Act.edit)
            self.check_editable(record)
            return self._form(record)
        sent = forms.merged(forms.typed(records.editable_fields(self.model)))
        try:
            with transaction():
                once(self.url("show", pk=pk))
                record = records.find(self.model, pk, Act.edit, shown=False)
                self.check_editable(record)
                with forms.files_promised(self.model):
                    self.save_change(record, sent, forms.seen_version())
                forms.keep_files(record)
                self._save_lines(record)
        except AlreadyDone:
            raise
        except Refusal as refusal:
            if refusal.status in {403, 404}:
                raise
            return self._form(records.find(self.model, pk, Act.edit), sent, refusal)
        flash(_("Saved."), "success")
        return redirect(self.url("show", pk=pk))

    def _save_lines(self, record: Any) -> None:
        if self.lines is not None:
            line_editor.save(self.lines, record)

    def save_new(self, sent: dict[str, str]) -> Any:
        return records.create(self.model, sent)

    def save_change(self, record: Any, sent: dict[str, str], version_no: int | None) -> None:
        records.change(record, sent, version_no)

    def check_editable(self, record: Any) -> None:
        """Raises `Refusal` while a process holds the record, and for what engines alone write."""
        self._refuse_read_only()
        records.refuse_deleted(record)
        workflows.check_editable(record)

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise WrongState(
                say(
                    "这类记录由系统生成，不能直接修改。",
                    "Such records are made by the system and cannot be written.",
                )
            )

    def _form(self, record: Any, sent: dict[str, str] | None = None, refusal: Refusal | None = None) -> Any:
        title = (
            records.title_of(record) if record is not None else _("New: %(what)s", what=labels_of(self.model))
        )
        back = self.url("show", pk=record.id) if record is not None else self.url("list")
        crumbs = (pages.Crumb(labels_of(self.model), self.url("list")), pages.Crumb(title))
        page = forms.form_page(
            self.model,
            record=record,
            sent=sent,
            refusal=refusal,
            title=title,
            action_url=request.full_path.rstrip("?"),
            cancel_url=back,
            crumbs=crumbs,
            alike_url=self.alike_url(record),
            reacts_url=self._reacts_url(record),
        )
        if self.lines is not None and (part := line_editor.section(self.lines, record, refusal)):
            more = line_editor.hidden(self.lines, record)
            page = replace(page, sections=(*page.sections, part), hidden=(*page.hidden, *more))
        status = 200 if refusal is None else 409 if isinstance(refusal, Stale) else 422
        return render_template("record/form.html", page=self.dressed(page)), status

    def _reacts_url(self, record: Any) -> str:
        """Where the form asks what is shown and demanded, where fields hang on others."""
        if not forms.states_of(self.model, record, None):
            return ""
        return self.url("reacts", pk=record.id if record is not None else None)

    @expose("/reacts", methods=["POST"])
    @needs(Act.read)
    def reacts(self) -> Any:
        """Which fields are shown and which demanded, for what stands in the form now; nothing is kept."""
        pk = values.whole(request.args.get("pk", ""))
        record = records.find(self.model, pk, Act.edit) if pk else None
        sent = forms.typed(records.editable_fields(self.model))
        if record is not None:
            held = {
                field.name: values.edit_text(field, getattr(record, field.name))
                for field in records.editable_fields(self.model)
            }
            sent = {**held, **sent}
        states = forms.states_of(self.model, record, sent)
        return jsonify({name: {"shown": shown, "needed": needed} for name, (shown, needed) in states.items()})

    def dressed(self, page: pages.FormPage) -> pages.FormPage:
        """The form with what a type shows otherwise."""
        return page

    def alike_url(self, record: Any) -> str:  # noqa: ARG002
        """Where the form asks, while it is typed, who this may be already; nowhere unless the type says so."""
        return ""

    # ---- other acts ----------------------------------------------------------------------------------------

    @expose("/move/<int:pk>/<verb>", methods=["POST"])
    @needs(Act.read)
    def move(self, pk: int, verb: str) -> Any:
        """One of the record's moves; the machine asks for the right of each."""
        here = self.url("show", pk=pk)

        def change() -> None:
            workflows.move(records.find(self.model, pk), verb, request.form.get("reason"))

        attempt(change, _("Done."))
        return redirect(here, 303)

    @expose("/delete/<int:pk>", methods=["POST"])
    @needs(Act.delete)
    def delete(self, pk: int) -> Any:
        """Put a record in the bin."""
        with transaction():
            record = records.find(self.model, pk, Act.delete)
            self.check_editable(record)
            records.remove(record)
        flash(_("Deleted."), "success")
        return redirect(self.url("list"))

    @expose("/bulk-edit", methods=["GET", "POST"])
    @needs(Act.edit)
    def bulk_edit(self) -> Any:
        """The fields that may be changed on many; sent, judge what they would do. The run says what, and waits."""
        if request.method == "GET":
            if not fragment("fields"):
                return redirect(self.url("list"))
            return render_template("record/bulk.html", fields=self._bulk_fields())
        typed = {field.name: forms.sent_for(field.name) for field in offered(self.model)}
        try:
            run = uploads.edit_many(self.resource, self._chosen(), typed)
        except (NotAllowed, NotFound):
            raise
        except Refusal as refusal:
            return self._listed(saved_views.offered(self.resource), refusal, request.path)
        return redirect(url_for("ImportView.show", pk=run), 303)

    def _chosen(self, query: records.Query | None = None) -> Chosen:
        """The records ticked on the list, or all it holds."""
        if not request.form.get("all"):
            return Chosen(tuple(dict.fromkeys(ticked())))
        counted = values.whole(request.form.get("counted", ""))
        return Chosen(query=query or lists.query_of(self.model, request.args), counted=counted)

    @expose("/bulk", methods=["POST"])
    @needs(Act.delete)
    def bulk(self) -> Any:
        """Delete several records, each with its own result; many by a job."""
        self._refuse_read_only()
        return self._with_each("delete", self._chosen(), self.url("list"))

    def _with_each(self, verb: str, chosen: Chosen, back: str) -> Any:
        """Do a verb with each of these records: few in a transaction each, many by a job that can be taken back."""
        if (few := chosen.few(bulk_acts.AT_ONCE)) is not None:
            bulk_acts.check_confirmed(chosen, len(few.ids))
            change = bulk_acts.VERBS[verb].change
            tell_each(len(few.ids), each(few.ids, lambda id_: change(self.model, id_)))
            return redirect(back, 303)
        with transaction():
            command = once()
            where = url_for("BulkView.show", pk=bulk_acts.enqueue(self.resource, verb, chosen))
            command.led_to(where)
        return redirect(where, 303)

    @expose("/bin")
    @needs(Act.delete)
    def bin(self) -> Any:
        """What was deleted, and can be brought back."""
        acts = lists.ListActs(self.resource)
        acts.count_url = self.url("bin_count")
        acts.bulk = (
            pages.Act(
                _("Restore"),
                url=f"{self.url('restore')}?{lists.url_query(request.args)}",
                method="post",
                icon="arrow-back-up",
                primary=True,
            ),
        )
        page = lists.list_page(self._binned(), acts, fields=tuple(listed(self.model)))
        title = _("Recycle bin: %(what)s", what=labels_of(self.model))
        crumbs = (pages.Crumb(labels_of(self.model), self.url("list")), pages.Crumb(_("Recycle bin")))
        empty = pages.EmptyState(_("The bin is empty"), _("What is deleted lies here until it is restored."))
        rows = tuple(replace(row, url="", edit_url="") for row in page.rows)
        page = replace(page, title=title, crumbs=crumbs, empty=page.empty and empty, rows=rows, search_url="")
        return render_template("record/list.html", page=page, fragment=fragment("chips results"))

    @expose("/restore", methods=["POST"])
    @needs(Act.delete)
    def restore(self) -> Any:
        """Take the chosen records out of the bin, each with its own result; many by a job."""
        return self._with_each("restore", self._chosen(self._binned()), self.url("bin"))

    def _binned(self) -> records.Query:
        """What the address asks of the bin."""
        bin_ = records.binned(self.model)
        return replace(lists.query_of(self.model, request.args), within=bin_.within, binned=bin_.binned)

    @expose("/bin/count")
    @needs(Act.delete)
    def bin_count(self) -> Any:
        """How many the bin holds, exactly, as plain text."""
        return _exactly(self._binned())

    @expose("/cell/<int:pk>/<name>", methods=["GET", "POST"])
    @needs(Act.edit)
    def cell(self, pk: int, name: str) -> Any:
        """One cell of the list, typed where it stands."""
        return inline.answer(self, pk, name)

    @expose("/reveal/<int:pk>/<name>", methods=["POST"])
    @needs(Act.reveal)
    def reveal(self, pk: int, name: str) -> Any:
        """A sealed field in plain, once, written in the log."""
        field = self._sealed_field(name)
        with transaction():
            record = records.find(self.model, pk, Act.reveal)
            text = field.sealed.unseal(record) if field.sealed else None
            audit.record(AuditAct.reveal, self.model.__tablename__, pk, summary=field.label)
        return str(escape(text or values.EMPTY)), {"Content-Type": "text/html; charset=utf-8"}

    def _sealed_field(self, name: str) -> Field:
        field = field_named(self.model, name)
        if field is None or field.sealed is None:
            raise BadRequest(say("没有这个敏感字段。", "There is no such sealed field."))
        return field

    def url(self, method: str, **arguments: Any) -> str:
        return url_for(f"{self.endpoint}.{method}", **arguments)


def _typed_by(sections: tuple[pages.Section, ...], acts: Iterable[pages.Act]) -> tuple[pages.Section, ...]:
    """The sections, typed where they stand by who may open their form, shown alone to others."""
    if any(act.key == "e" for act in acts):
        return sections
    return tuple(
        replace(part, cells=tuple(replace(cell, edit_url="") for cell in part.cells)) for part in sections
    )


def emptied(field: pages.Field) -> pages.Field:
    """An input of a bulk edit: nothing in it means that nothing is asked for, so a tick becomes a choice."""
    none = pages.Choice("", "-")
    if field.kind == "flag":
        both = (none, pages.Choice("1", values.YES), pages.Choice("0", values.NO))
        return replace(field, kind="choice", choices=both, value="")
    if field.kind == "choice":
        return replace(field, choices=(none, *field.choices))
    return field


def _counted(tabs: Sequence[Related], record: Any) -> dict[Related, int]:
    """How many records stand behind each tab, counted up to 100; one statement for all of them."""
    if not tabs:
        return {}
    counts = db.session.execute(_counting(tuple(tabs)), {"id": record.id}).one()
    return dict(zip(tabs, counts, strict=True))


@lru_cache(maxsize=1_000)
def _counting(tabs: tuple[Related, ...]) -> Select[Any]:
    """The statement that counts them, written once."""
    belongs = bindparam("id", type_=Integer)
    limited = [select(tab.model.id).where(tab.of(belongs)).limit(100).subquery() for tab in tabs]
    counts = [select(func.count()).select_from(rows).scalar_subquery() for rows in limited]
    return select(*counts).execution_options(**BY_KEY)


def _go(where: str) -> Any:
    """On to another page, also where only a part of this one was asked for."""
    where = where.rstrip("?")
    return ("", 204, {"HX-Redirect": where}) if request.headers.get("HX-Request") else redirect(where)


def fragment(blocks: str) -> str:
    """The blocks of the page htmx asked for; nothing when a whole page is wanted."""
    return blocks if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted") else ""


def each(ids: Iterable[int], change: Callable[[int], Any]) -> list[Words]:
    """Make a change to each of these records in a transaction of its own; why some were refused."""
    refused = []
    for id_ in ids:
        try:
            with transaction():
                change(id_)
        except Refusal as refusal:
            refused.append(refusal.words)
    return refused


def tell_each(count: int, refused: Sequence[Words]) -> None:
    """Say how a change of several records went."""
    done = count - len(refused)
    flash(_("%(done)s done, %(refused)s refused.", done=done, refused=len(refused)), "success")
    for words in refused[:3]:
        flash(str(words), "warning")


def _exactly(query: records.Query) -> Any:
    return f"{records.page_of(query, exact=True).total:,}", {"Content-Type": "text/plain; charset=utf-8"}


def ticked() -> list[int]:
    """The rows a person ticked, in the order of the list."""
    return [key for text in request.form.getlist("ids") if (key := values.whole(text))]


def log_of(model: type[Any], id_: int, most: int = 50) -> Iterable[pages.TimelineItem]:
    """The lines of the audit log of one record, the newest first, with the fields this person may see."""
    labels = {field.name: field for field in records.visible_fields(model)}
    for line, name in history.lines_of(model, id_, most):
        changes = tuple(
            pages.Change(
                labels[key].label,
                old=_said(model, labels[key], pair[0]),
                new=_said(model, labels[key], pair[1]),
                name=key,
            )
            for key, pair in (line.changes or {}).items()
            if key in labels
        )
        yield pages.TimelineItem(
            title=Words(**line.summary) if line.summary and line.object_version is None else line.act.words,
            when=values.show_moment(line.at),
            who=name or "",
            tone="ok",
            quote=line.reason or "",
            changes=changes,
        )


def _said(model: type[Any], field: Field, kept: Any) -> str:
    """A logged value as the reader sees it."""
    if kept is None or kept == "":
        return values.EMPTY
    text = _plainly_said(field, kept)
    named = names_of(model, field).get(text)
    return str(named.words) if named else text


def _plainly_said(field: Field, kept: Any) -> str:
    if field.kind in extras.KEYS and (key := values.whole(kept)):
        return records.picked_title(field, key) or values.EMPTY
    if field.kind is Kind.flag:
        return values.show_flag(kept)
    if field.kind is Kind.choices:
        return values.show_choices(field, str(kept))
    if field.choices is not None:
        return values.show_choice(field, str(kept))
    return str(kept)


def attempt(change: Callable[[], Any], done: str) -> bool:
    """Make a change in one transaction and tell the person how it went; a refusal is a message, nothing else is."""
    try:
        with transaction():
            change()
    except Refusal as refusal:
        flash(str(refusal.words), "danger")
        return False
    flash(done, "success")
    return True
