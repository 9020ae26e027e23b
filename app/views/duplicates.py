"""Records that may be one: the list of pairs, merging two, taking it back; of customers the warning while one is typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app.errors import NotFound, Refusal
from app.extensions import transaction
from app.models import Customer, RecordMerge
from app.roles import Act
from app.services import access, merging, records, twins, values
from app.services.commands import AlreadyDone
from app.services.fields import labels_of, models_by_resource
from app.views import forms, pages
from app.views.base import ticked
from app.views.cells import place_of, url_to
from app.views.guards import needs
from app.views.lists import query_args_with
from app.views.web import once, page_number
from app.words import Words, say

TITLE = Words("查重与合并", "Duplicates")
MAX_PAGE = 10_000
COLUMNS = (
    pages.Column("first", Words("较早的记录", "Older record"), wide_on_phone=True),
    pages.Column("second", Words("较新的记录", "Newer record")),
    pages.Column("why", Words("相同之处", "What is the same")),
)
COLUMNS_OF = (
    pages.Column("first", Words("本条记录", "This one"), wide_on_phone=True),
    pages.Column("second", Words("可能相同的记录", "May be the same")),
    COLUMNS[2],
)
PAIR = 2
MERGED_LATELY = "merged"
MERGED = (
    pages.Column("kept", Words("保留的记录", "Kept record"), wide_on_phone=True),
    pages.Column("merged", Words("并入的记录", "Merged record")),
    pages.Column("at", Words("时间", "When")),
    pages.Column("state", Words("状态", "Status")),
)


class Duplicates(BaseView):
    """Finding twins of a record type and merging them."""

    default_view = "list"
    model: type[Any]
    resource: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the record type after its model."""
        super().__init_subclass__(**kwargs)
        cls.resource = access.resource_of(cls.model)

    @expose("/")
    @needs(Act.merge)
    def list(self) -> Any:
        """The pairs this person may see, by what they share; or what was merged lately."""
        kind = request.args.get("by", "")
        page = self._merged() if kind == MERGED_LATELY else self._pairs(kind)
        return render_template("record/list.html", page=page)

    @expose("/of/<int:pk>")
    @needs(Act.merge)
    def of(self, pk: int) -> Any:
        """Which records this one may be, too."""
        record = records.find(self.model, pk, Act.merge)
        return render_template("record/list.html", page=self._twins_of(record))

    @expose("/chosen", methods=["POST"])
    @needs(Act.merge)
    def chosen(self) -> Any:
        """The two ticked on the list, side by side; the older stays unless one says otherwise."""
        ids = sorted(ticked())
        if len(ids) != PAIR:
            flash(_("Tick the two that are one."), "warning")
            return redirect(url_for(f"{self.model.__name__}View.list"), 303)
        return redirect(self._compared(*merging.looked_at(self.model, *ids)), 303)

    @expose("/merge/<int:kept>/<int:merged>", methods=["GET", "POST"])
    @needs(Act.merge)
    def merge(self, kept: int, merged: int) -> Any:
        """Choose which value is kept of each field in which the two differ, then make them one."""
        if request.method == "GET":
            return render_template("record/form.html", page=self._form(kept, merged))
        take = [name.removeprefix("take:") for name, value in request.form.items() if value == "merged"]
        seen = (
            values.whole(request.form.get("version_no", "")),
            values.whole(request.form.get("merged_version", "")),
        )
        try:
            with transaction():
                command = once()
                merging.merge(self.model, kept, merged, take, seen)
                where = place_of(self.model, kept)
                command.led_to(where)
        except (AlreadyDone, NotFound):
            raise
        except Refusal as refusal:
            return render_template("record/form.html", page=self._form(kept, merged, refusal)), refusal.status
        flash(_("The two are one file now."), "success")
        return redirect(where, 303)

    @expose("/undo/<int:pk>", methods=["POST"])
    @needs(Act.merge)
    def undo(self, pk: int) -> Any:
        """Take a merge back."""
        try:
            with transaction():
                done = merging.undo(self.model, pk)
                where = place_of(self.model, done.merged_id)
        except NotFound:
            raise
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
            return redirect(self._url("list", by=MERGED_LATELY), 303)
        flash(_("The merge is taken back."), "success")
        return redirect(where, 303)

    # ---- lists ---------------------------------------------------------------------------------------------

    def _url(self, method: str, **arguments: Any) -> str:
        return url_for(f"{self.endpoint}.{method}", **arguments)

    def _compared(self, keep: Any, other: Any) -> str:
        """Where two are compared: the one with a code stays."""
        if getattr(other, "code", None) and not keep.code:
            keep, other = other, keep
        return self._url("merge", kept=keep.id, merged=other.id)

    def _tabs(self, current: str) -> tuple[pages.Tab, ...]:
        kinds = [("-".join(key), twins.words_of(self.model, key)) for key in twins.keys_of(self.model)]
        return tuple(
            pages.Tab(label, self._url("list", by=kind), current=kind == current)
            for kind, label in (*kinds, (MERGED_LATELY, _("Merged lately")))
        )

    def _crumbs(self, *further: pages.Crumb) -> tuple[pages.Crumb, ...]:
        listed = url_for(f"{self.model.__name__}View.list")
        return (pages.Crumb(labels_of(self.model), listed), *further)

    def _pairs(self, kind: str) -> pages.ListPage:
        keys = {"-".join(key): key for key in twins.keys_of(self.model)}
        kind = kind if kind in keys else next(iter(keys))
        number = page_number(request.args, MAX_PAGE)
        found, more = twins.pairs(self.model, keys[kind], page=number)
        return pages.ListPage(
            title=TITLE,
            resource="duplicates",
            crumbs=self._crumbs(),
            tabs=self._tabs(kind),
            columns=COLUMNS,
            rows=tuple(self._row(pair) for pair in found),
            prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
            next_url=query_args_with(page=str(number + 1)) if more else "",
            empty=pages.EmptyState(
                _("No duplicates"), _("No two you may see have this in common."), icon="copy-check"
            ),
        )

    def _twins_of(self, record: Any) -> pages.ListPage:
        return pages.ListPage(
            title=TITLE,
            resource="duplicates",
            crumbs=self._crumbs(pages.Crumb(records.title_of(record), url_to(record))),
            columns=COLUMNS_OF,
            rows=tuple(self._row(pair) for pair in twins.of(record)),
            empty=pages.EmptyState(
                _("No duplicates"), _("Nothing you may see is like this."), icon="copy-check"
            ),
        )

    def _row(self, pair: twins.Pair) -> pages.Row:
        where = self._compared(pair.first, pair.second)
        return pages.Row(
            id=f"{pair.first.id}-{pair.second.id}",
            url=where,
            cells=(
                _cell(pair.first),
                _cell(pair.second),
                pages.Cell(pair.why, kind="badge", tone="warn"),
            ),
            acts=(pages.Act(_("Compare"), url=where),),
            selectable=False,
        )

    def _merged(self) -> pages.ListPage:
        done = merging.done_lately(self.model)
        titles = merging.titles(self.model, done)
        return pages.ListPage(
            title=TITLE,
            resource="duplicates",
            crumbs=self._crumbs(),
            tabs=self._tabs(MERGED_LATELY),
            columns=MERGED,
            rows=tuple(self._merged_row(one, titles) for one in done if one.kept_id in titles),
            empty=pages.EmptyState(_("Nothing here yet"), _("What is merged can be taken back here.")),
        )

    def _merged_row(self, done: RecordMerge, titles: dict[int, str]) -> pages.Row:
        where = place_of(self.model, done.kept_id)
        undone = done.undone_at is not None
        back = pages.Act(
            _("Take back"),
            url=self._url("undo", pk=done.id),
            method="post",
            confirm=_("What moved goes back, and the merged file is there again."),
        )
        state = (
            pages.Cell(_("taken back"), "badge", "end") if undone else pages.Cell(_("merged"), "badge", "ok")
        )
        return pages.Row(
            id=str(done.id),
            url=where,
            cells=(
                pages.Cell(titles[done.kept_id], kind="link", url=where),
                pages.Cell(titles.get(done.merged_id, f"#{done.merged_id}")),
                pages.Cell(values.show_moment(done.created_at), kind="date"),
                state,
            ),
            acts=() if undone else (back,),
            selectable=False,
        )

    # ---- comparing two -------------------------------------------------------------------------------------

    def _form(self, kept_id: int, merged_id: int, refusal: Refusal | None = None) -> pages.FormPage:
        kept, merged = merging.looked_at(self.model, kept_id, merged_id)
        if refusal is None:
            try:
                merging.check(kept, merged)
            except Refusal as found:
                refusal = found
        stays, goes = records.title_of(kept), records.title_of(merged)
        moves = tuple(_moving(merged))
        return pages.FormPage(
            title=_("Merge: %(name)s", name=stays),
            action_url=self._url("merge", kept=kept_id, merged=merged_id),
            crumbs=self._crumbs(pages.Crumb(TITLE, self._url("list")), pages.Crumb(stays)),
            facts=(
                say(
                    "{merged} 并入 {kept}", "{merged} joins {kept}", merged=_noted(merged), kept=_noted(kept)
                ),
            ),
            problems=(pages.Problem(refusal.words),) if refusal is not None else (),
            banners=(
                pages.Banner(
                    _('"%(name)s" goes to the recycle bin and points here.', name=goes),
                    title=_('"%(name)s" stays', name=stays),
                    icon="arrows-join",
                    link_url=self._url("merge", kept=merged_id, merged=kept_id),
                    link_text=_("Keep the other one instead"),
                ),
            ),
            sections=(
                pages.Section(
                    "values",
                    _("Which value stays"),
                    fields=tuple(_choice(choice, kept, merged) for choice in merging.choices(kept, merged)),
                    note=_("The two agree in everything else, or you may not choose."),
                ),
                *((pages.Section("moves", _("What moves along"), cells=moves),) if moves else ()),
            ),
            version_no=str(kept.version_no),
            hidden=(("merged_version", str(merged.version_no)),),
            cmd=forms.new_cmd(),
            cancel_url=self._url("list"),
            submit_label=_("Merge"),
        )


class CustomerDuplicateView(Duplicates):
    """Customers that are one; whoever types one is warned of them."""

    model = Customer
    route_base = "/duplicates"

    @expose("/alike")
    @needs(Act.create)
    def alike(self) -> Any:
        """Who the customer being typed may be, as a block of the form."""
        found = twins.like(
            request.args.get("name", "")[:255],
            request.args.get("credit_code", "")[:40],
            but=values.whole(request.args.get("but", "")) or 0,
        )
        shown = [(twin, url_to(twin.customer) if twin.customer else "") for twin in found]
        return render_template("parts/alike.html", twins=shown)


VIEWS: tuple[type[Duplicates], ...] = (
    CustomerDuplicateView,
    *(
        type(
            f"{model.__name__}DuplicateView",
            (Duplicates,),
            {"model": model, "route_base": f"/duplicates/{resource}"},
        )
        for resource, model in models_by_resource().items()
        if twins.keys_of(model) and model is not Customer
    ),
)
"""A screen for every record type that says by what two of its records may be one."""


def _cell(record: Any) -> pages.Cell:
    return pages.Cell(
        records.title_of(record),
        kind="link",
        url=url_to(record),
        note=" · ".join(filter(None, _facts(record))),
    )


def _facts(record: Any) -> Iterable[str | None]:
    """What tells a record from its twin: its code and state, whose it is, what it belongs to."""
    yield getattr(record, "code", None)
    if status := getattr(record, "status", None):
        yield str(status.words)
    if owner := getattr(record, "owner", None):
        yield owner.name
    if parent := getattr(record, getattr(record, "__follows__", "").removesuffix("_id"), None):
        yield records.title_of(parent)


def _choice(choice: merging.Choice, kept: Any, merged: Any) -> pages.Field:
    """Both values; the kept one's stands unless it has none."""
    empty = choice.kept == values.EMPTY
    return pages.Field(
        name=f"take:{choice.field.name}",
        label=choice.field.label,
        kind="radio",
        value="merged" if empty else "kept",
        choices=(
            pages.Choice("kept", choice.kept, note=_noted(kept)),
            pages.Choice("merged", choice.merged, note=_noted(merged)),
        ),
    )


def _noted(record: Any) -> str:
    return getattr(record, "code", None) or f"#{record.id}"


def _moving(merged: Any) -> Iterable[pages.Cell]:
    for model, count in merging.moving(merged):
        if records.may_list(model) or not hasattr(model, "__follows__"):
            yield pages.Cell(str(count), kind="num", label=labels_of(model))
