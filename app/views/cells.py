"""How a field of a record looks on lists and pages: text, badge, link, number, sealed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from flask import g, has_request_context, request, url_for
from flask_babel import gettext as _

from app.columns import Choice
from app.extensions import company, db
from app.models import Task
from app.roles import Act
from app.services import access, codes, extras, filtering, records, values
from app.services.fields import Field, Kind, is_lookup
from app.views import pages
from app.views.pages import Cell
from app.words import Words

HALF_A_LINE = 60
"""Characters; what is longer takes both columns of a section."""


SHAPES = {Kind.long: "long", Kind.date: "date", Kind.moment: "date"}


def cell_of(record: Any, field: Field, *, linked: bool = False) -> Cell:
    """The cell of one field; `linked` makes it lead to its record."""
    value = getattr(record, field.name)
    text = records.text_of(record, field)
    url = url_to(record) if linked else ""
    if field.kind is Kind.choice and isinstance(value, Choice):
        return Cell(text=text, kind="badge", tone=value.tone, label=field.label)
    named = names_of(type(record), field).get(text)
    text = str(named.words) if named else text
    if field.name == "grade" and value:
        return Cell(text=text, kind="grade", tone=named.tone if named else "", label=field.label)  # type: ignore[arg-type]
    if field.kind is Kind.sealed:
        return _sealed(record, field, text)
    if field.kind in extras.KEYS and value is not None:
        return Cell(text=text, url=_related_url(record, field), label=field.label)
    if field.is_number:
        return Cell(text=text, kind="num", label=field.label)
    if field.kind is Kind.flag and not value:
        text = values.EMPTY  # a column of "no" hides the few "yes"
    kind: Any = "text" if text == values.EMPTY else SHAPES.get(field.kind, "text")
    return Cell(
        text=text,
        kind="link" if url else kind,
        url=url,
        label=field.label,
        wide=kind == "long" or len(text) > HALF_A_LINE,
    )


def names_of(model: type[Any], field: Field) -> dict[str, codes.Named]:
    """The names of the codes this field holds, if it holds codes; asked for once a request."""
    key = access.resource_of(model), field.name
    if key not in codes.KNOWN:
        return {}
    held: dict[Any, dict[str, codes.Named]] = g.setdefault("names_of_codes", {})
    if key not in held:
        held[key] = codes.KNOWN[key]()
    return held[key]


def in_words(item: filtering.Item, model: type[Any]) -> Words:
    """A part of a filter as a person reads it: what is compared with codes, by the names of these."""
    return records.item_words(_named(item, model), model)


def _named(item: filtering.Item, model: type[Any]) -> filtering.Item:
    if isinstance(item, filtering.Group):
        return replace(item, items=tuple(_named(one, model) for one in item.items))
    if not isinstance(item, filtering.Condition) or not (known := names_of(model, item.field)):
        return item
    spoken = (str(known[code].words) if code in known else code for code in item.raw.split(","))
    return replace(item, raw=",".join(spoken))


def _sealed(record: Any, field: Field, text: str) -> Cell:
    resource = access.resource_of(type(record))
    may = access.principal().may(Act.reveal, resource) and text != values.EMPTY
    where = url_for(f"{type(record).__name__}View.reveal", pk=record.id, name=field.name) if may else ""
    return Cell(text=text, kind="sealed", reveal_url=where, label=field.label)


def _related_url(record: Any, field: Field) -> str:
    if is_lookup(field):
        return ""
    if field.kind is Kind.file:
        return url_for("AttachmentView.download", pk=getattr(record, field.name))
    if field.item is not None:
        related = db.session.get(field.target, getattr(record, field.name)) if field.target else None
    else:
        related = getattr(record, field.relation) if field.relation else None
    return url_to(related) if related is not None else ""


def task_item(task: Task) -> pages.Item:
    """A task as a line of a panel, with how urgent it is."""
    if task.due_on is None:
        return pages.Item(task.title, url=url_to(task))
    days = (company.today() - task.due_on).days
    late = days_late(days) if days > 0 else ""
    badge = pages.Cell(late or _("due today"), "badge", "bad" if late else "warn") if days >= 0 else None
    return pages.Item(task.title, url=url_to(task), note=task.due_on.isoformat(), badge=badge)


def days_late(days: int) -> str:
    """How late something is, in days of the calendar."""
    return str(_("%(days)s days late", days=days))


LINKED: set[str] = set()
"""The record types that have a page of their own; views add theirs when they are registered."""
PLACES: dict[str, str] = {}
"""Those whose page is not the generated one: the endpoint it has instead."""


def url_to(record: Any) -> str:
    """The page of a record, if its type has one that this person may open."""
    model = type(record)
    if model.__name__ not in LINKED or not access.principal().may(Act.read, access.resource_of(model)):
        return ""
    return place_of(model, record.id)


def place_of(model: type[Any], id_: int) -> str:
    """The page of a record of a type that has one."""
    where = PLACES.get(model.__name__, f"{model.__name__}View.show")
    return f"{_folder(where, request.script_root if has_request_context() else '')}{id_}"


@lru_cache(maxsize=1_000)
def _folder(endpoint: str, _root: str) -> str:
    """The address of the pages of an endpoint, without the number: a list leads to a hundred."""
    return url_for(endpoint, pk=0).removesuffix("0")
