"""Saved views on a list: its tabs, the acts that keep and change them, and the address that opens one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from flask import flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.errors import BadRequest
from app.extensions import transaction
from app.models import Audience, SavedView
from app.services import access, records, saved_views, values
from app.services.fields import fields_of
from app.services.saved_views import Offered
from app.views import forms, lists, pages
from app.views.forms import new_cmd
from app.views.guards import needs_account
from app.views.web import once

VIEW = "view"
WIDTHS = "_w"
"""The input the browser fills with the widths of the columns."""
LABELS = {field.name: field.label for field in fields_of(SavedView)}


class SavedViewView(BaseView):
    """Keeping lists as one likes them."""

    route_base = "/view"

    @expose("/<int:pk>/pin", methods=["POST"])
    @needs_account
    def pin(self, pk: int) -> Any:
        """Keep a view at hand on the tabs of its list, or put it away."""
        with transaction():
            view = saved_views.pin(pk, on=bool(request.form.get("on")))
            where = address_of(view)
        return redirect(where, 303)

    @expose("/<int:pk>/remove", methods=["POST"])
    @needs_account
    def remove(self, pk: int) -> Any:
        """Throw a view away."""
        with transaction():
            view = saved_views.remove(pk)
            where = f"/{view.resource}/list/?{VIEW}=0"
        flash(_("The view is removed."), "success")
        return redirect(where, 303)


def keep(resource: str) -> str:
    """Keep the list of the address as the form says; where it opens. Raises as `saved_views.save`."""
    with transaction():
        command = once()
        which = values.whole(request.form.get(VIEW, ""))
        view = saved_views.save(resource, lists.state_of(_seen()), request.form, which)
        where = address_of(view)
        command.led_to(where)
    return where


def _seen() -> MultiDict[str, str]:
    """What the address asks for, with the widths the columns have on the screen."""
    args = request.args.copy()
    if widths := lists.widths_of(request.form.get(WIDTHS, "")):
        args["w"] = ",".join(f"{name}:{width}" for name, width in widths.items())
    return args


def address_of(view: SavedView) -> str:
    """The address that opens a view: its whole state, and which it is."""
    return f"/{view.resource}/list/?{'&'.join(filter(None, [view.query, f'{VIEW}={view.id}']))}"


def opened_by_default(views: Iterable[Offered], model: type[Any]) -> str:
    """Where a list that was asked for nothing goes on to: the nearest default view that opens for this person, if any."""
    if request.args:
        return ""
    defaults = (one.view for one in views if one.view.is_default)
    return next((address_of(view) for view in defaults if opens(view, model)), "")


def opens(view: SavedView, model: type[Any]) -> bool:
    """Whether the list still answers what a view asks, for this person."""
    args = MultiDict(parse_qsl(view.query))
    try:
        records.check(lists.query_of(model, args))
        lists.columns_of(model, args)
        lists.group_of(model, args)
    except BadRequest:
        return False
    return True


def tabs_of(views: list[Offered], resource: str) -> tuple[pages.Tab, ...]:
    """The list as it comes, the views this person keeps at hand, and the one that is open; none without views."""
    if not views:
        return ()
    current = current_of(views)
    whole = pages.Tab(_("All"), f"/{resource}/list/?{VIEW}=0", current=current is None)
    at_hand = (one.view for one in views if one.is_pinned or one.view is current)
    return (whole, *(_tab(view, current) for view in at_hand))


def others_of(views: list[Offered]) -> tuple[pages.Tab, ...]:
    """The views that are offered, but not at hand."""
    current = current_of(views)
    return tuple(
        pages.Tab(one.view.name, address_of(one.view), count=one.view.audience.words)
        for one in views
        if not one.is_pinned and one.view is not current
    )


def _tab(view: SavedView, current: SavedView | None) -> pages.Tab:
    """A view as a tab; the open one says whether the list was changed since."""
    is_open = view is current
    changed = is_open and view.query != lists.state_of(request.args)
    return pages.Tab(
        view.name,
        address_of(view),
        count=_("changed") if changed else "",
        tone="warn" if changed else "",
        current=is_open,
    )


def current_of(views: Iterable[Offered]) -> SavedView | None:
    """The view the list was opened with, also where it answers a form sent from it."""
    wanted = request.args.get(VIEW) or request.form.get(VIEW)
    return next((one.view for one in views if str(one.view.id) == wanted), None)


def acts_of(views: list[Offered], resource: str) -> tuple[pages.Act, ...]:
    """Keep the list as a view; keep the open one at hand, change it or throw it away."""
    if access.principal().employee_id is None:
        return ()
    state = lists.state_of(request.args)
    here = f"/{resource}/view?{state}".rstrip("?")
    new = pages.Act(
        _("Save as a view"),
        url=here,
        method="post",
        icon="bookmark",
        rare=True,
        fields=_asked(None),
        hidden=_sent(None),
    )
    current = current_of(views)
    if current is None:
        return (new,)
    is_pinned = any(one.is_pinned for one in views if one.view is current)
    pin = pages.Act(
        _("Take the view off the tabs") if is_pinned else _("Keep the view on the tabs"),
        url=f"/view/{current.id}/pin",
        method="post",
        rare=True,
        hidden=() if is_pinned else (("on", "1"),),
    )
    return (new, pin, *(_changes(current, here) if saved_views.may_change(current) else ()))


def _changes(view: SavedView, here: str) -> Iterable[pages.Act]:
    """What who may change a view does with it."""
    yield pages.Act(_("Save the view"), url=here, method="post", rare=True, hidden=_sent(view))
    yield pages.Act(
        _("Settings of the view"),
        url=here,
        method="post",
        rare=True,
        confirm=_("The list is kept as it is now."),
        fields=_asked(view),
        hidden=_sent(view),
    )
    yield pages.Act(
        _("Remove the view"),
        url=f"/view/{view.id}/remove",
        method="post",
        tone="bad",
        rare=True,
        confirm=_('Remove the view "%(name)s"? The records stay.', name=view.name),
    )


def _sent(view: SavedView | None) -> pages.Pairs:
    return ("_cmd", new_cmd()), (WIDTHS, ""), (VIEW, str(view.id) if view else "")


def _asked(view: SavedView | None) -> tuple[pages.Field, ...]:
    """What is asked of a view: its name, for whom it is, and whether it opens by itself."""
    role = forms.role_words(view.role_id) if view else ""
    return (
        pages.Field(
            "name",
            LABELS["name"],
            required=True,
            maxlength=saved_views.LONGEST_NAME,
            value=view.name if view else "",
        ),
        pages.Field(
            "audience",
            LABELS["audience"],
            kind="choice",
            choices=lists.options(Audience),
            value=(view.audience if view else Audience.mine).value,
        ),
        pages.Field(
            "role_id",
            LABELS["role_id"],
            kind="picker",
            picker_url="/pick/ab_role",
            value=str(view.role_id or "") if view else "",
            text=role,
        ),
        pages.Field(
            "is_default", LABELS["is_default"], kind="flag", value="1" if view and view.is_default else ""
        ),
    )
