"""The screens. Each area's module names its views; they appear on the menu in the order given here."""

from __future__ import annotations

from typing import Any

from app.services.fields import labels_of
from app.views import customers, pickers, settings, trade, visits
from app.views.base import RecordView
from app.views.menu import Entry, add

VIEWS: tuple[type[RecordView], ...] = (
    *customers.VIEWS,
    *trade.VIEWS,
    *visits.VIEWS,
    *settings.VIEWS,
)
OTHERS: tuple[type[Any], ...] = (pickers.PickView,)


def register(framework: Any) -> None:
    """Register every screen with the framework and put it on the menu."""
    for view in (*VIEWS, *OTHERS):
        framework.add_view_no_menu(view)
    for view in VIEWS:
        entry = Entry(labels_of(view.model), f"/{view.resource}/list/", view.resource, icon=view.icon)
        add(view.area, entry)
