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
from app.views import lists, pages
from app.views.forms import new_cmd
from app.views.guards import needs_account
from app.views.web import once

VIEW = "view"
LABELS = {field.name: field.label for field in fields_of(SavedView)}


class SavedViewView(BaseView):
    """Keeping lists as one likes them."""

    route_base = "/view"

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
        view = saved_views.save(resource, lists.state_of(request.args), request.form, which)
        where = address_of(view)
        command.led_to(where)
    return where


def address_of(view: SavedView) -> str:
    """The address that opens a view: its whole state, and which it is."""
    return f"/{view.resource}/list/?{'&'.join(filter(None, [view.query, f'{VIEW}={view.id}']))}"


def opened_by_default(views: Iterable[SavedView], model: type[Any]) -> str:
    """Where a list that was asked for nothing goes on to: the nearest default view that opens for this person, if any."""
    if request.args:
        return ""
    defaults = (view for view in views if view.is_default)
    return next((address_of(view) for view in defaults if opens(view, model)), "")


def opens(view: SavedView, model: type[Any]) -> bool:
    """Whether the list still answers what a view asks, for this person."""
    args = MultiDict(parse_qsl(view.query))
    try:
        records.check(lists.query_of(model, args))
        lists.columns_of(model, args)
    except BadRequest:
        return False
    return True


def tabs_of(views: list[SavedView], resource: str) -> tuple[pages.Tab, ...]:
    """The views as tabs, after the list as it comes; none where there are no views."""
    if not views:
        return ()
    current = request.args.get(VIEW, "")
    known = {str(view.id) for view in views}
    whole = pages.Tab(_("All"), f"/{resource}/list/?{VIEW}=0", current=current not in known)
    return (
        whole,
        *(pages.Tab(view.name, address_of(view), current=current == str(view.id)) for view in views),
    )


def acts_of(views: list[SavedView], resource: str) -> tuple[pages.Act, ...]:
    """Keep the list as a view; change or throw away the one it was opened with."""
    who = access.principal()
    if who.employee_id is None:
        return ()
    state = lists.state_of(request.args)
    here, hidden = f"/{resource}/view?{state}".rstrip("?"), (("_cmd", new_cmd()),)
    current = next((view for view in views if str(view.id) == request.args.get(VIEW)), None)
    acts = [
        pages.Act(
            _("Save as a view"),
            url=here,
            method="post",
            icon="bookmark",
            rare=True,
            fields=_asked(),
            hidden=hidden,
        )
    ]
    if current is not None and current.owner_id == who.employee_id:
        if current.query != state:
            acts.append(
                pages.Act(
                    _("Save the view"),
                    url=here,
                    method="post",
                    rare=True,
                    hidden=(*hidden, (VIEW, str(current.id))),
                )
            )
        acts.append(
            pages.Act(
                _("Remove the view"),
                url=f"/view/{current.id}/remove",
                method="post",
                tone="bad",
                rare=True,
                confirm=_('Remove the view "%(name)s"? The records stay.', name=current.name),
            )
        )
    return tuple(acts)


def _asked() -> tuple[pages.Field, ...]:
    """What is asked of a new view: its name, and for whom it is."""
    return (
        pages.Field("name", LABELS["name"], required=True, maxlength=saved_views.LONGEST_NAME),
        pages.Field(
            "audience",
            LABELS["audience"],
            kind="choice",
            choices=lists.options(Audience),
            value=Audience.mine,
        ),
        pages.Field("role_id", LABELS["role_id"], kind="picker", picker_url="/pick/ab_role"),
        pages.Field("is_default", LABELS["is_default"], kind="flag"),
    )
