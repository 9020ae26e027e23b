"""The form of a record: which inputs it has, what was typed into them, and what was wrong with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from flask import request
from flask_appbuilder.security.sqla.models import Role
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from app.errors import BadInput, Problem, Refusal, Stale
from app.extensions import db
from app.models import Attachment
from app.services import attachments, codes, extra_conditions, records, values
from app.services.fields import Field, Kind, models_by_resource, parts_of
from app.views import pages
from app.views.lists import options, picker_url

KINDS: dict[Kind, str] = {
    Kind.text: "text",
    Kind.long: "long",
    Kind.integer: "number",
    Kind.money: "money",
    Kind.quantity: "number",
    Kind.points: "number",
    Kind.rate: "number",
    Kind.date: "date",
    Kind.moment: "moment",
    Kind.flag: "flag",
    Kind.choice: "choice",
    Kind.choices: "pickers",
    Kind.relation: "picker",
    Kind.sealed: "text",
    Kind.file: "file",
}
UNSENT = frozenset({Kind.flag, Kind.choices})
"""What an empty input sends nothing for."""


def new_cmd() -> str:
    """A fresh name for one filled form, so that sending it twice does it once."""
    return str(uuid.uuid4())


def typed(fields: Iterable[Field]) -> dict[str, str]:
    """What the form sent for these fields. A box left unticked sends nothing, and means no; so do choices not made."""
    found: dict[str, str] = {}
    for field in fields:
        if field.name in request.form:
            found[field.name] = sent_for(field.name)
        elif field.kind in UNSENT and f"_has_{field.name}" in request.form:
            found[field.name] = ""
    return found


def inputs_of(model: type[Any]) -> tuple[Field, ...]:
    """What a form of this record type asks for: what is typed, and files of added fields."""
    asked = {*records.editable_fields(model), *attachments.file_fields(model)}
    return tuple(field for field in records.visible_fields(model) if field in asked)


def files_promised(model: type[Any]) -> AbstractContextManager[None]:
    """The form brought these files: their record may be written before they are kept."""
    fields = attachments.file_fields(model)
    return extra_conditions.promised(field.name for field in fields if _file_sent(field.name))


def keep_files(record: Any) -> None:
    """Keep the files the form brought for added fields of the record. Inside `transaction()`.

    Raises what `attachments.attach` raises, said at the field.
    """
    for field in attachments.file_fields(type(record), of=record):
        if sent := _file_sent(field.name):
            try:
                attachments.attach(record, field.name, sent.filename or "", sent.stream)
            except BadInput as refusal:
                raise BadInput([Problem(one.words, field.name) for one in refusal.problems]) from refusal


def _file_sent(name: str) -> FileStorage | None:
    """The file sent under this name, if one was chosen."""
    sent = request.files.get(name)
    return sent if sent is not None and sent.filename else None


def sent_for(name: str) -> str:
    """What the form sent under this name; several choices as one list."""
    return ",".join(request.form.getlist(name))


def form_page(
    model: type[Any],
    *,
    record: Any = None,
    sent: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    **page: Any,
) -> pages.FormPage:
    """The form of a new or existing record, with what was sent and what was wrong with it, if it was."""
    fields = inputs_of(model)
    states = states_of(model, record, sent)
    problems = _problems(refusal)
    version = _version(record, refusal)
    flags = tuple(
        (f"_has_{field.name}", "1")
        for field in fields
        if field.kind in UNSENT and states.get(field.name, SHOWN)[0]
    )
    return pages.FormPage(
        sections=tuple(
            pages.Section(
                part.name,
                part.title,
                fields=tuple(
                    _in_state(_input(field, record, sent, problems), states) for field in part.fields
                ),
            )
            for part in parts_of(model, fields)
        ),
        problems=tuple(_shown(problem, model) for problem in problems),
        version_no=version,
        cmd=request.form.get("_cmd") or new_cmd(),
        stale=_stale(refusal),
        submit_label=_("Save"),
        multipart=any(field.kind is Kind.file for field in fields),
        hidden=(*flags, *_merge_marks(refusal)),
        **page,
    )


SHOWN = True, False


def states_of(model: type[Any], record: Any, sent: Mapping[str, str] | None) -> dict[str, tuple[bool, bool]]:
    """Of the fields that hang on others: whether the form shows and demands each, for what is typed or held in it."""
    fields = {field.name: field for field in inputs_of(model)}

    def held(name: str) -> Any:
        field = fields.get(name)
        if field is None or field.kind is Kind.file or (sent is None and record is not None):
            return getattr(record, name, None)
        try:
            return values.parse(field, sent.get(name, "") if sent is not None else _held(field, record))
        except values.BadValue:
            return None

    return extra_conditions.states(model, fields.values(), held)


def _in_state(field: pages.Field, states: Mapping[str, tuple[bool, bool]]) -> pages.Field:
    """The input as what stands in the others makes it."""
    if field.name not in states:
        return field
    shown, demanded = states[field.name]
    return replace(field, hangs=True, hidden=not shown, required=demanded and field.kind != "flag")


def _problems(refusal: Refusal | None) -> list[Problem]:
    if refusal is None or isinstance(refusal, Stale):
        return []
    if isinstance(refusal, BadInput):
        return refusal.problems
    return [Problem(refusal.words, refusal.field)]


def _shown(problem: Problem, model: type[Any]) -> pages.Problem:
    field = next((f for f in records.visible_fields(model) if f.name == problem.field), None)
    return pages.Problem(problem.words, label=field.label if field else "", field=problem.field or "")


def seen_version() -> int | None:
    """The version the form was filled from."""
    return values.whole(request.form.get("version_no", ""))


def _version(record: Any, refusal: Refusal | None) -> str:
    """The version the next save is based on: after a conflict, the one the person has now seen."""
    if isinstance(refusal, Stale):
        return str(refusal.version_no)
    return request.form.get("version_no") or str(getattr(record, "version_no", "") or "")


def _stale(refusal: Refusal | None) -> pages.StaleNotice | None:
    if not isinstance(refusal, Stale):
        return None
    changes = tuple(
        pages.Change(
            change.label,
            old=change.theirs_before,
            new=change.theirs_now,
            mine=request.form.get(change.field, ""),
            name=change.field,
        )
        for change in refusal.changes
    )
    return pages.StaleNotice(who=refusal.words, when="", changes=changes, reload_url=request.path)


def _merge_marks(refusal: Refusal | None) -> pages.Pairs:
    if not isinstance(refusal, Stale):
        return ()
    return (("_stale_fields", ",".join(change.field for change in refusal.changes)),)


def merged(sent: dict[str, str]) -> dict[str, str]:
    """What was sent, less the fields where the other person's value is kept."""
    if "_merge" not in request.form:
        return sent
    theirs = set(request.form.get("_stale_fields", "").split(",")) - set(request.form.getlist("keep"))
    return {name: text for name, text in sent.items() if name not in theirs}


def asked_again(act: pages.Act, refusal: Refusal, path: str) -> pages.Act:
    """The act that was refused, opened, with what was typed and what was wrong with it; another as it is."""
    sent = all(request.form.get(name, "") == value for name, value in act.hidden if not name.startswith("_"))
    if not act.fields or act.url.partition("?")[0] != path or not sent:
        return act
    problems = _problems(refusal)
    named = {field.name for field in act.fields}
    fields = tuple(
        replace(
            field,
            value=request.form.get(field.name, ""),
            text=_typed_text(field),
            errors=tuple(problem.words for problem in problems if problem.field == field.name),
        )
        for field in act.fields
    )
    rest = tuple(problem.words for problem in problems if problem.field not in named)
    return replace(act, fields=fields, problems=rest, opened=True)


def _typed_text(field: pages.Field) -> pages.Text:
    """What a picked record is called; the picker asks for it by its own address."""
    key = values.whole(request.form.get(field.name, ""))
    resource = field.picker_url.rpartition("/")[2].partition("?")[0]
    if field.kind != "picker" or not key:
        return field.text
    if resource == Role.__tablename__:
        return role_words(key)
    if resource not in models_by_resource():
        return field.text
    return records.title_of(db.session.get(models_by_resource()[resource], key))


def role_words(id_: int | None) -> str:
    """What a role is called by its readers."""
    role = db.session.get(Role, id_) if id_ else None
    if role is None:
        return ""
    named = codes.roles().get(role.name)
    return str(named.words) if named else str(role.name)


def _input(field: Field, record: Any, sent: Mapping[str, str] | None, problems: list[Problem]) -> pages.Field:
    """One input: what was sent wins over what stands in the record."""
    is_file = field.kind is Kind.file
    value = "" if is_file else sent.get(field.name, "") if sent is not None else _held(field, record)
    errors = tuple(problem.words for problem in problems if problem.field == field.name)
    demanded = field.item is not None and field.item.required
    required = (field.required or demanded) and field.kind is not Kind.flag
    text = _called(field, record) if value and value == _now(field, record) else None
    made = replace(one_input(field, value, name=field.name, required=required, text=text), errors=errors)
    return _file_input(made, getattr(record, field.name, None)) if is_file else made


def _file_input(made: pages.Field, key: int | None) -> pages.Field:
    """The input of a file: what the one held is called, or that one chosen before must be chosen again."""
    held = db.session.get(Attachment, key) if key else None
    text = _("Choose the file again.") if _file_sent(made.name) else held.file_name if held else ""
    return replace(made, text=text, accept=",".join(attachments.ENDINGS))


def one_input(field: Field, value: str, *, name: str, required: bool, text: str | None = None) -> pages.Field:
    """The input of one field, holding `value` as it would be typed; `text` is what that is called, where it is known."""
    kind: Any = KINDS[field.kind]
    made = pages.Field(
        name=name,
        label=field.label,
        kind=kind,
        value=value,
        required=required,
        help=field.info.help or "",
        maxlength=field.max_length or 0,
        wide=field.kind is Kind.long,
        unit="%" if field.kind is Kind.rate else "",
        input_type={"phone": "tel", "email": "text"}.get(field.info.form, ""),
    )
    if field.choices is not None:
        return replace(made, choices=options(field.choices))
    if field.kind is Kind.choices:
        return among(made, field, value)
    if field.kind is Kind.relation:
        said = _picked_text(field, value) if text is None else text
        return replace(made, text=said, picker_url=picker_url(field))
    return made


def among(made: pages.Field, field: Field, value: str) -> pages.Field:
    """The input of several choices: those made, and those that can be."""
    held = value.split(",")
    chosen = {option.code: pages.Choice(option.code, option.words) for option in field.options}
    return replace(
        made,
        kind="pickers",
        picked=tuple(choice for code, choice in chosen.items() if code in held),
        choices=tuple(chosen[one.code] for one in field.options if one.active and one.code not in held),
    )


def _held(field: Field, record: Any) -> str:
    if record is None:
        return request.args.get(field.name, "") or _default(field)
    return values.edit_text(field, getattr(record, field.name))


def _default(field: Field) -> str:
    """What a new record starts with, as the schema says."""
    default = field.default
    if default is None:
        return ""
    return values.edit_text(field, default)


def _now(field: Field, record: Any) -> str:
    """Where a relation of a record points, if an attribute reaches it."""
    return str(getattr(record, field.name)) if field.relation and record is not None else ""


def _called(field: Field, record: Any) -> str | None:
    """What that is called: it was read with the record; nothing where the reader may not see it."""
    related = getattr(record, field.relation)
    if related is None:
        return ""
    return records.title_of(related) if hasattr(field.target, "__rows__") else None


def _picked_text(field: Field, value: str) -> str:
    if (key := values.whole(value)) is None:
        return ""
    return role_words(key) if field.target is Role else records.picked_title(field, key) or ""
