"""The lines of a record in its own form: typed, added and taken away with it, each by the rights and checks of its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from sqlalchemy import select

from app import workflows
from app.errors import BadInput, Problem, Refusal
from app.extensions import db
from app.roles import Act
from app.services import access, records, values
from app.services.fields import Field, Kind, labels_of
from app.views import forms, pages

MOST = 100
"""A record with more lines is not typed in one form; its lines have their own list."""
PREFIX = "lines"
HAD = f"{PREFIX}_had"
"""The lines the form was filled with: one that does not come back is taken away."""
UNTYPED = frozenset({Kind.sealed, Kind.json, Kind.file, Kind.choices})


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of `model` that belong to a record by `column`."""

    model: type[Any]
    column: str

    def fields(self) -> tuple[Field, ...]:
        """What is typed of a line: the fields its list shows, less what says whose it is."""
        return tuple(
            field
            for field in records.editable_fields(self.model)
            if field.info.listed and field.name != self.column and field.kind not in UNTYPED
        )

    def of(self, record: Any) -> list[Any]:
        """The lines of a record this person may see, in order; one more than a form takes where there are many."""
        mine = select(self.model.id).where(getattr(self.model, self.column) == record.id)
        ids = db.session.scalars(mine.order_by(self.model.id).limit(MOST + 1))
        return records.rows_of(self.model, ids, self.fields())

    def is_offered(self, record: Any) -> bool:
        """Whether they are typed with this record: all of the rights are there, and nothing holds it or them."""
        who, resource = access.principal(), access.resource_of(self.model)
        if not all(who.may(act, resource) for act in (Act.read, Act.create, Act.edit, Act.delete)):
            return False
        if record is None:
            return True
        return workflows.takes_lines(record, self.model) and len(self.of(record)) <= MOST


def section(found: Lines, record: Any, refusal: Refusal | None) -> pages.Section | None:
    """The lines as a part of the form, with what was typed where it was refused; None where they are not offered."""
    if not found.is_offered(record):
        return None
    fields, title = found.fields(), labels_of(found.model)
    lines = found.of(record) if record is not None else []
    editor = pages.LinesEditor(
        title,
        PREFIX,
        tuple(pages.Column(field.name, field.label, numeric=field.is_number) for field in fields),
        tuple(_typed(fields, refusal) if refusal is not None else _held(fields, lines)),
        (*_marks("__n__"), *_row(fields, "__n__", {})),
        errors=tuple(problem.words for problem in _problems(refusal) if problem.field == PREFIX),
    )
    return pages.Section(PREFIX, title, lines=editor)


def hidden(found: Lines, record: Any) -> pages.Pairs:
    """What goes with the form so that a line that was taken away is known."""
    if not found.is_offered(record):
        return ()
    held = request.form.get(HAD)
    ids = [str(line.id) for line in found.of(record)] if record is not None else []
    return ((HAD, held if held is not None else ",".join(ids)),)


def _held(fields: Sequence[Field], lines: Iterable[Any]) -> Iterator[tuple[pages.Field, ...]]:
    for number, line in enumerate(lines):
        texts = {field.name: values.edit_text(field, getattr(line, field.name)) for field in fields}
        called = {field.name: records.text_of(line, field) for field in fields if field.kind is Kind.relation}
        row = _row(fields, str(number), texts, called)
        yield (*_marks(str(number), str(line.id), str(getattr(line, "version_no", "") or "")), *row)


def _typed(fields: Sequence[Field], refusal: Refusal) -> Iterator[tuple[pages.Field, ...]]:
    problems = _problems(refusal)
    for number in _numbers():
        texts = {field.name: request.form.get(_name(number, field.name), "") for field in fields}
        row = (
            *_marks(number, _sent(number, "id"), _sent(number, "version_no")),
            *_row(fields, number, texts),
        )
        yield tuple(
            replace(one, errors=tuple(problem.words for problem in problems if problem.field == one.name))
            for one in row
        )


def _row(
    fields: Sequence[Field], number: str, texts: Mapping[str, str], called: Mapping[str, str] | None = None
) -> tuple[pages.Field, ...]:
    inputs = (
        forms.one_input(
            field,
            texts.get(field.name, ""),
            name=_name(number, field.name),
            required=False,
            text=(called or {}).get(field.name) or None,
        )
        for field in fields
    )
    return tuple(replace(one, wide=False) for one in inputs)


def _marks(number: str, id_: str = "", version: str = "") -> tuple[pages.Field, ...]:
    """Which line it is, and as of which version."""
    return (
        pages.Field(_name(number, "id"), "", "hidden", value=id_),
        pages.Field(_name(number, "version_no"), "", "hidden", value=version),
    )


def _name(number: str, name: str) -> str:
    return f"{PREFIX}-{number}-{name}"


def _sent(number: str, name: str) -> str:
    return request.form.get(_name(number, name), "").strip()


def _numbers() -> list[str]:
    pattern = re.compile(rf"{PREFIX}-(\d{{1,4}})-id")
    return [found[1] for key in request.form if (found := pattern.fullmatch(key))][:MOST]


def _problems(refusal: Refusal | None) -> list[Problem]:
    return refusal.problems if isinstance(refusal, BadInput) else []


# ---- writing -----------------------------------------------------------------------------------------------


def save(found: Lines, record: Any) -> None:
    """Write the lines as the form has them, with their record. Inside `transaction()`.

    Raises `BadInput` with each problem at its input, and what refuses a change of a line.
    """
    if HAD not in request.form or not found.is_offered(record):
        return
    fields, problems, kept = found.fields(), [], set()
    before = {line.id: line for line in found.of(record)}
    for number in _numbers():
        sent = {field.name: _value(field, number) for field in fields}
        line = before.get(values.whole(_sent(number, "id")) or 0)
        try:
            if line is not None:
                kept.add(line.id)
                _change(line, fields, sent, values.whole(_sent(number, "version_no")))
            elif any(text not in {"", "0"} for text in sent.values()):
                records.create(found.model, {**sent, found.column: str(record.id)})
        except BadInput as refusal:
            problems += [
                Problem(one.words, _name(number, one.field) if one.field else PREFIX)
                for one in refusal.problems
            ]
    if problems:
        raise BadInput(problems)
    had = {values.whole(part) for part in request.form[HAD].split(",")}
    for id_, line in before.items():
        if id_ in had and id_ not in kept:
            workflows.check_editable(line)
            records.remove(records.find(found.model, id_, Act.delete))


def _value(field: Field, number: str) -> str:
    if field.kind is Kind.flag:
        return "1" if _name(number, field.name) in request.form else ""
    return _sent(number, field.name)


def _change(line: Any, fields: Sequence[Field], sent: dict[str, str], version: int | None) -> None:
    """Change a line if it differs from what the form holds; one that does not is left alone."""
    if all(values.edit_text(field, getattr(line, field.name)) == sent[field.name] for field in fields):
        return
    workflows.check_editable(line)
    records.change(records.find(type(line), line.id, Act.edit), sent, version)
