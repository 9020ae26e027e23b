"""One cell of a list, typed where it stands: the same rights, checks and version as the form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _

from app.errors import BadInput, BadRequest, NotAllowed, NotFound, Refusal, Stale
from app.extensions import transaction
from app.roles import Act
from app.services import records, values
from app.services.commands import AlreadyDone
from app.services.fields import Field, Kind
from app.views import forms, pages
from app.views.cells import cell_of
from app.views.web import once
from app.words import say

UNTYPED = frozenset({Kind.sealed, Kind.json})
"""What is not typed in a cell: a sealed value is seen masked there."""


def editable(model: type[Any]) -> tuple[Field, ...]:
    """The fields this person may type in a list."""
    return tuple(field for field in records.editable_fields(model) if field.kind not in UNTYPED)


def typed(cell: pages.Cell, url: str) -> pages.Cell:
    """A value on a page as one that is typed where it stands; a link stays a link."""
    return cell if cell.url or cell.kind == "sealed" else replace(cell, edit_url=url)


def answer(view: Any, pk: int, name: str) -> Any:
    """The cell as it is shown (`?show=1`), its input, or what became of what was typed."""
    record = records.find(view.model, pk, Act.edit)
    field = next((one for one in editable(view.model) if one.name == name), None)
    if field is None or field not in records.editable_fields(view.model, of=record):
        raise BadRequest(say("这一格不能直接修改。", "This cell cannot be typed in."))
    if request.method == "GET":
        if request.args.get("show"):
            return _shown(view, record, field)
        view.check_editable(record)
        held = values.edit_text(field, getattr(record, name))
        return _asked(view, record, field, "0" if field.kind is Kind.flag and not held else held)
    return _save(view, pk, field)


def _save(view: Any, pk: int, field: Field) -> Any:
    typed = forms.sent_for(field.name)
    try:
        with transaction():
            command = once()
            record = records.find(view.model, pk, Act.edit)
            view.check_editable(record)
            view.save_change(record, {field.name: typed}, forms.seen_version())
            command.led_to(view.url("cell", pk=pk, name=field.name, show=1))
    except (NotAllowed, NotFound, AlreadyDone):
        raise
    except Refusal as refusal:
        return _asked(view, records.find(view.model, pk, Act.edit), field, typed, refusal), refusal.status
    return _shown(view, records.find(view.model, pk), field)


def _shown(view: Any, record: Any, field: Field) -> str:
    cell = replace(cell_of(record, field), url="", edit_url=view.url("cell", pk=record.id, name=field.name))
    return render_template("record/cell.html", cell=cell, page=None)


def _asked(view: Any, record: Any, field: Field, value: str, refusal: Refusal | None = None) -> str:
    made = forms.one_input(field, value, name=field.name, required=field.required)
    if field.kind is Kind.flag:
        both = (pages.Choice("1", values.YES), pages.Choice("0", values.NO))
        made = replace(made, kind="choice", choices=both, required=True)
    page = pages.CellForm(
        field=replace(made, autofocus=True),
        action_url=view.url("cell", pk=record.id, name=field.name),
        version_no=str(getattr(record, "version_no", "") or ""),
        cmd=forms.new_cmd(),
        title=_("%(field)s of %(name)s", field=field.label, name=records.title_of(record)),
        errors=tuple(_reasons(refusal, record, field)) if refusal else (),
    )
    return render_template("record/cell.html", cell=None, page=page)


def _reasons(refusal: Refusal, record: Any, field: Field) -> list[pages.Text]:
    """Why it was refused; what somebody else wrote meanwhile stands beside it."""
    if isinstance(refusal, Stale):
        now = say("现值：{value}", "Now: {value}", value=records.text_of(record, field))
        return [refusal.words, now]
    return [one.words for one in refusal.problems] if isinstance(refusal, BadInput) else [refusal.words]
