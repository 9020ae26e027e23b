"""Customers that may be one: the warning while a new one is typed, the list of pairs, merging two, taking it back."""

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
from app.services.fields import labels_of
from app.views import forms, pages
from app.views.base import ticked
from app.views.cells import url_to
from app.views.guards import needs
from app.views.lists import query_args_with
from app.views.web import once, page_number
from app.words import Words

TITLE = Words("查重与合并", "Duplicates")
MAX_PAGE = 10_000
COLUMNS = (
    pages.Column("first", Words("较早的档案", "Older file"), wide_on_phone=True),
    pages.Column("second", Words("较新的档案", "Newer file")),
    pages.Column("why", Words("相同之处", "What is the same")),
)
COLUMNS_OF = (
    pages.Column("first", Words("本客户", "This customer"), wide_on_phone=True),
    pages.Column("second", Words("可能相同的客户", "May be the same")),
    COLUMNS[2],
)
PAIR = 2
MERGED = (
    pages.Column("kept", Words("保留的档案", "Kept file"), wide_on_phone=True),
    pages.Column("merged", Words("并入的档案", "Merged file")),
    pages.Column("at", Words("时间", "When")),
    pages.Column("state", Words("状态", "Status")),
)


class DuplicateView(BaseView):
    """Finding twins and merging them."""

    route_base = "/duplicates"
    default_view = "list"
    resource = "customer"

    @expose("/")
    @needs(Act.merge)
    def list(self) -> Any:
        """The pairs this person may see, by name or by telephone; or what was merged lately."""
        kind = request.args.get("by", "name")
        page = _merged() if kind == "merged" else _pairs(by_phone=kind == "phone")
        return render_template("record/list.html", page=page)

    @expose("/of/<int:pk>")
    @needs(Act.merge)
    def of(self, pk: int) -> Any:
        """Who else this customer may be."""
        customer = records.find(Customer, pk, Act.merge)
        return render_template("record/list.html", page=_twins_of(customer))

    @expose("/chosen", methods=["POST"])
    @needs(Act.merge)
    def chosen(self) -> Any:
        """The two ticked on the list, side by side; the older stays unless one says otherwise."""
        ids = sorted(ticked())
        if len(ids) != PAIR:
            flash(_("Tick the two that are one."), "warning")
            return redirect(url_for("CustomerView.list"), 303)
        kept, merged = merging.looked_at(Customer, *ids)
        if merged.code and not kept.code:
            kept, merged = merged, kept
        return redirect(url_for("DuplicateView.merge", kept=kept.id, merged=merged.id), 303)

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

    @expose("/merge/<int:kept>/<int:merged>", methods=["GET", "POST"])
    @needs(Act.merge)
    def merge(self, kept: int, merged: int) -> Any:
        """Choose which value is kept of each field in which the two differ, then make them one."""
        if request.method == "GET":
            return render_template("record/form.html", page=_form(kept, merged))
        take = [name.removeprefix("take:") for name, value in request.form.items() if value == "merged"]
        seen = (
            values.whole(request.form.get("version_no", "")),
            values.whole(request.form.get("merged_version", "")),
        )
        try:
            with transaction():
                command = once()
                merging.merge(Customer, kept, merged, take, seen)
                where = url_for("CustomerView.show", pk=kept)
                command.led_to(where)
        except (AlreadyDone, NotFound):
            raise
        except Refusal as refusal:
            return render_template("record/form.html", page=_form(kept, merged, refusal)), refusal.status
        flash(_("The two are one file now."), "success")
        return redirect(where, 303)

    @expose("/undo/<int:pk>", methods=["POST"])
    @needs(Act.merge)
    def undo(self, pk: int) -> Any:
        """Take a merge back."""
        try:
            with transaction():
                done = merging.undo(Customer, pk)
                where = url_for("CustomerView.show", pk=done.merged_id)
        except NotFound:
            raise
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
            return redirect(url_for("DuplicateView.list", by="merged"), 303)
        flash(_("The merge is taken back."), "success")
        return redirect(where, 303)


def _tabs(current: str) -> tuple[pages.Tab, ...]:
    names = (("name", _("Same name")), ("phone", _("Same telephone")), ("merged", _("Merged lately")))
    return tuple(
        pages.Tab(label, url_for("DuplicateView.list", by=kind), current=kind == current)
        for kind, label in names
    )


def _pairs(*, by_phone: bool) -> pages.ListPage:
    number = page_number(request.args, MAX_PAGE)
    found, more = twins.pairs(by_phone=by_phone, page=number)
    return pages.ListPage(
        title=TITLE,
        resource="duplicates",
        tabs=_tabs("phone" if by_phone else "name"),
        columns=COLUMNS,
        rows=tuple(_row(pair) for pair in found),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if more else "",
        empty=pages.EmptyState(
            _("No duplicates"),
            _("No two customers you may see have this in common."),
            icon="copy-check",
        ),
    )


def _twins_of(customer: Customer) -> pages.ListPage:
    here = url_to(customer)
    return pages.ListPage(
        title=TITLE,
        resource="duplicates",
        crumbs=(
            pages.Crumb(labels_of(Customer), url_for("CustomerView.list")),
            pages.Crumb(customer.name, here),
        ),
        columns=COLUMNS_OF,
        rows=tuple(_row(pair) for pair in twins.of(customer)),
        empty=pages.EmptyState(
            _("No duplicates"), _("No customer you may see is like this one."), icon="copy-check"
        ),
    )


def _row(pair: twins.Pair) -> pages.Row:
    keep, other = pair.first, pair.second
    if other.code and not keep.code:
        keep, other = other, keep
    where = url_for("DuplicateView.merge", kept=keep.id, merged=other.id)
    cells = (_cell(pair.first), _cell(pair.second), pages.Cell(pair.why, kind="badge", tone="warn"))
    return pages.Row(
        id=f"{pair.first.id}-{pair.second.id}",
        url=where,
        cells=cells,
        acts=(pages.Act(_("Compare"), url=where),),
        selectable=False,
    )


def _cell(customer: Customer) -> pages.Cell:
    facts = [customer.code, str(customer.status.words), customer.owner.name if customer.owner else ""]
    return pages.Cell(
        customer.name, kind="link", url=url_to(customer), note=" · ".join(text for text in facts if text)
    )


def _merged() -> pages.ListPage:
    done = merging.done_lately(Customer)
    titles = merging.titles(Customer, done)
    rows = tuple(_merged_row(one, titles) for one in done if one.kept_id in titles)
    return pages.ListPage(
        title=TITLE,
        resource="duplicates",
        tabs=_tabs("merged"),
        columns=MERGED,
        rows=rows,
        empty=pages.EmptyState(_("Nothing here yet"), _("What is merged can be taken back here.")),
    )


def _merged_row(done: RecordMerge, titles: dict[int, str]) -> pages.Row:
    where = url_for("CustomerView.show", pk=done.kept_id)
    undone = done.undone_at is not None
    back = pages.Act(
        _("Take back"),
        url=url_for("DuplicateView.undo", pk=done.id),
        method="post",
        confirm=_("What moved goes back, and the merged file is there again."),
    )
    state = pages.Cell(_("taken back"), "badge", "end") if undone else pages.Cell(_("merged"), "badge", "ok")
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


# ---- comparing two -----------------------------------------------------------------------------------------


def _form(kept_id: int, merged_id: int, refusal: Refusal | None = None) -> pages.FormPage:
    kept, merged = merging.looked_at(Customer, kept_id, merged_id)
    if refusal is None:
        try:
            merging.check(kept, merged)
        except Refusal as found:
            refusal = found
    swap = url_for("DuplicateView.merge", kept=merged_id, merged=kept_id)
    return pages.FormPage(
        title=_("Merge: %(name)s", name=kept.name),
        action_url=url_for("DuplicateView.merge", kept=kept_id, merged=merged_id),
        crumbs=(pages.Crumb(TITLE, url_for("DuplicateView.list")), pages.Crumb(kept.name)),
        facts=(_("#%(merged)s joins #%(kept)s", merged=merged.code or merged.id, kept=kept.code or kept.id),),
        problems=(pages.Problem(refusal.words),) if refusal is not None else (),
        banners=(
            pages.Banner(
                _('"%(name)s" goes to the recycle bin and points here.', name=merged.name),
                title=_('"%(name)s" stays', name=kept.name),
                icon="arrows-join",
                link_url=swap,
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
            pages.Section("moves", _("What moves along"), cells=tuple(_moving(merged))),
        ),
        version_no=str(kept.version_no),
        hidden=(("merged_version", str(merged.version_no)),),
        cmd=forms.new_cmd(),
        cancel_url=url_for("DuplicateView.list"),
        submit_label=_("Merge"),
    )


def _choice(choice: merging.Choice, kept: Customer, merged: Customer) -> pages.Field:
    """Both values; the kept one's stands unless it has none."""
    empty = choice.kept == values.EMPTY
    return pages.Field(
        name=f"take:{choice.field.name}",
        label=choice.field.label,
        kind="radio",
        value="merged" if empty else "kept",
        choices=(
            pages.Choice("kept", choice.kept, note=kept.code or f"#{kept.id}"),
            pages.Choice("merged", choice.merged, note=merged.code or f"#{merged.id}"),
        ),
    )


def _moving(merged: Customer) -> Iterable[pages.Cell]:
    for model, count in merging.moving(merged):
        if records.may_list(model) or not hasattr(model, "__follows__"):
            yield pages.Cell(str(count), kind="num", label=labels_of(model))


def may_merge() -> bool:
    """Whether this person may merge customers at all."""
    return access.principal().may(Act.merge, "customer")
