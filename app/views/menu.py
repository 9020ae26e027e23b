"""The menu: ten areas in order, each with the screens the person may open. Names are English and stable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import request

from app.roles import Act
from app.services import access
from app.views import pages
from app.words import Words


@dataclass(frozen=True, slots=True)
class Entry:
    """A screen on the menu; shown to who has `act` on `resource` (empty: to everybody)."""

    label: Words
    url: str
    resource: str = ""
    act: Act = Act.read
    icon: str = ""
    count: Callable[[], int] | None = None
    is_typed: bool = False
    """Whether people type the records listed there."""


@dataclass(frozen=True, slots=True)
class Area:
    """A group of the menu."""

    name: str
    label: Words
    icon: str
    entries: list[Entry] = field(default_factory=list)


AREAS: tuple[Area, ...] = (
    Area("today", Words("今日", "Today"), "home"),
    Area("customers", Words("客户", "Customers"), "building"),
    Area("development", Words("开发", "Development"), "target"),
    Area("admission", Words("准入与合同", "Admission & contracts"), "file-text"),
    Area("needs", Words("需求与项目", "Needs & projects"), "puzzle"),
    Area("visits", Words("走访与关怀", "Visits & care"), "map-pin"),
    Area("service", Words("服务", "Service"), "headset"),
    Area("evaluation", Words("评价", "Evaluation"), "chart-bar"),
    Area("risk", Words("风险与监督", "Risk & control"), "shield"),
    Area("settings", Words("设置", "Settings"), "settings"),
)


def area(name: str) -> Area:
    return next(found for found in AREAS if found.name == name)


def add(area_name: str, entry: Entry) -> None:
    """Put a screen on the menu; a second registration of the same address is the same screen."""
    entries = area(area_name).entries
    if all(other.url != entry.url for other in entries):
        entries.append(entry)


def entries_of(who: access.Principal) -> list[Entry]:
    """The screens this person may open, in the order of the menu."""
    return [
        entry
        for group in AREAS
        for entry in group.entries
        if not entry.resource or who.may(entry.act, entry.resource)
    ]


def makes(entry: Entry, who: access.Principal) -> bool:
    """Whether the screen is a list this person may add a record to."""
    return entry.is_typed and entry.url == f"/{entry.resource}/list/" and who.may(Act.create, entry.resource)


def menu_of(who: access.Principal) -> tuple[pages.MenuArea, ...]:
    """The menu of this person: areas with at least one screen he may open."""
    here = request.path.split("/")[1]
    found = []
    for group in AREAS:
        items = tuple(
            _item(entry, here)
            for entry in group.entries
            if not entry.resource or who.may(entry.act, entry.resource)
        )
        if items:
            current = any(item.current for item in items)
            found.append(pages.MenuArea(group.name, group.label, group.icon, items, current=current))
    return tuple(found)


def _item(entry: Entry, here: str) -> pages.MenuItem:
    current = entry.url.split("/")[1] == here
    count = pages.badge(entry.count() if entry.count else 0)
    return pages.MenuItem(entry.label, entry.url, current=current, icon=entry.icon, count=count, tone="bad")
