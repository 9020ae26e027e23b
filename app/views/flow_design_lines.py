"""The rows of the designer's forms: the files a step or a submission asks for, and the parameters of a flow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import gettext as _

from app.errors import Problem
from app.services import codes, values
from app.services.fields import fields_of
from app.services.language.kinds import read_number
from app.services.language.problems import BadFormula
from app.views import pages
from app.views.pages import Choice, Field
from app.words import Words, say
from app.workflows import designing, subjects
from app.workflows.conditions import UNITS
from app.workflows.describing import Describer
from app.workflows.designing import Body, put

MOST_LINES = 40
LARGEST_NUMBER = 99_999
"""As many as anybody means."""
Errors = Mapping[str, Sequence[Words]]


def tongues(body: Mapping[str, str]) -> Words:
    """A name as a document holds it."""
    return Words(body["zh"], body["en"])


def typed_name(prefix: str, problems: list[Problem]) -> dict[str, str]:
    """A name in both languages; one that is missing is a problem of its field."""
    found = {tongue: request.form.get(f"{prefix}name_{tongue}", "").strip() for tongue in ("zh", "en")}
    for tongue, text in found.items():
        if not text:
            problems.append(Problem(UNNAMED, f"{prefix}name_{tongue}"))
    return found


UNNAMED = say("请填写中英文名称。", "Fill in the name in both languages.")


def typed_number(name: str, problems: list[Problem]) -> int | None:
    """A whole number from 1 on, or nothing."""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not (found := values.whole(text, LARGEST_NUMBER)):
        problems.append(Problem(say("请填写正整数。", "Fill in a whole number from 1 on."), name))
    return found or None


def _numbers(prefix: str, name: str) -> list[str]:
    """The numbers of the rows that were sent, in their order."""
    pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,4}})-{name}")
    return [found[1] for key in request.form if (found := pattern.fullmatch(key))][:MOST_LINES]


# ---- kinds of file -----------------------------------------------------------------------------------------


def documents(
    prefix: str, title: str, describer: Describer, found: Sequence[Body], errors: Sequence[Words]
) -> pages.LinesEditor:
    """The files that must be there, or related records that stand for them; one empty row for another."""
    known = {code: Choice(code, named.words) for code, named in codes.of_list("doc_type").items()}
    related = {
        field.relation: Choice(field.relation, field.label)
        for field in fields_of(describer.model)
        if field.relation
    }

    def line(number: str, one: Body) -> tuple[Field, ...]:
        p, type_, record = f"{prefix}-{number}-", one.get("type", ""), one.get("record", "")
        types = known if type_ in {"", *known} else {**known, type_: Choice(type_, tongues(one["name"]))}
        records = related if record in {"", *related} else {**related, record: Choice(record, record)}
        return (
            Field(f"{p}type", _("Kind of document"), "choice", choices=tuple(types.values()), value=type_),
            Field(f"{p}count", _("How many"), "number", value=str(one.get("count", 1))),
            Field(f"{p}record", _("A record stands for it"), "choice", choices=tuple(records.values()), value=record),
        )  # fmt: skip

    heads = (
        pages.Column("type", _("Kind of document")),
        pages.Column("count", _("How many"), numeric=True),
        pages.Column("record", _("A record stands for it")),
    )
    rows = tuple(line(str(number), one) for number, one in enumerate([*found, {}]))
    return pages.LinesEditor(
        title, prefix, heads, rows, line("__n__", {}), add_label=_("Add a kind"), errors=tuple(errors)
    )


def typed_documents(prefix: str, before: Sequence[Body], problems: list[Problem]) -> list[Body]:
    """The kinds of file that were chosen; what the form does not show of them stays."""
    kept = {one["type"]: one for one in before}
    names = codes.of_list("doc_type")
    found: list[Body] = []
    for number in _numbers(prefix, "type"):
        type_ = request.form.get(f"{prefix}-{number}-type", "")
        if type_ not in kept and type_ not in names:
            continue
        one = dict(
            kept.get(type_)
            or {"type": type_, "name": {"zh": names[type_].words.zh, "en": names[type_].words.en}}
        )
        count = typed_number(f"{prefix}-{number}-count", problems) or 1
        put(one, "count", count if count > 1 else None)
        put(one, "record", request.form.get(f"{prefix}-{number}-record", ""))
        found.append(one)
    return found


# ---- parameters --------------------------------------------------------------------------------------------

PARAM_UNITS = (*(UNITS[kind] for kind in UNITS), Words("万元", "10k CNY"), Words("", "-"))
FIRST_UNIT = "元"


def params(found: Sequence[Body], errors: Errors) -> pages.LinesEditor:
    """The parameters: thresholds the conditions name."""
    heads = (
        pages.Column("zh", _("Chinese name")),
        pages.Column("en", _("English name")),
        pages.Column("value", _("Value")),
        pages.Column("unit", _("Unit")),
    )
    rows = tuple(_param(str(number), one, errors) for number, one in enumerate([*found, {}]))
    return pages.LinesEditor(
        _("Parameters (thresholds)"),
        "param",
        heads,
        rows,
        _param("__n__", {}, errors),
        add_label=_("Add a parameter"),
    )


def _param(number: str, one: Body, errors: Errors) -> tuple[Field, ...]:
    p, name = f"param-{number}-", one.get("name", {})
    value, unit = _shown_value(one.get("value", ""))

    def cell(which: str, label: str, text: str, **more: Any) -> Field:
        return Field(f"{p}{which}", label, value=text, errors=tuple(errors.get(f"{p}{which}", ())), **more)

    return (
        Field(f"{p}key", "", "hidden", value=one.get("key", "")),
        cell("zh", _("Chinese name"), name.get("zh", "")),
        cell("en", _("English name"), name.get("en", "")),
        cell("value", _("Value"), value, kind="number"),
        cell("unit", _("Unit"), unit, kind="choice", required=True,
             choices=tuple(Choice(words.zh, words) for words in PARAM_UNITS)),
    )  # fmt: skip


def _shown_value(text: str) -> tuple[str, str]:
    """A written number as it is typed: the number, its unit."""
    found = re.fullmatch(r"\s*(-?[0-9.]*)\s*(.*?)\s*", text)
    number, unit = found.groups() if found else (text, "")
    return number, {"万": "万元", "CNY": "元"}.get(unit, unit) if text else FIRST_UNIT


def typed_params(body: Body, problems: list[Problem]) -> Iterator[Body]:
    """The parameters that were typed; a new one gets a key that no field of the record has."""
    known = {param["key"] for param in body.get("params", ())}
    taken = [*known, *subjects.catalogue_of(subjects.subject_named(body["object_type"])).facts]
    for number in _numbers("param", "zh"):
        zh, en, value, unit, key = (
            request.form.get(f"param-{number}-{name}", "").strip()
            for name in ("zh", "en", "value", "unit", "key")
        )
        if not (zh or en or value):
            continue
        text = value.replace(",", "") + (unit if unit in {words.zh for words in PARAM_UNITS} else "")
        unnamed = [name for name, typed in (("zh", zh), ("en", en)) if not typed]
        problems += [Problem(UNNAMED, f"param-{number}-{name}") for name in unnamed]
        try:
            read_number(text)
        except BadFormula as error:
            problems.append(Problem(error.words, f"param-{number}-value"))
        if key not in known:
            key = designing.key_from(f"limit {en}", taken, "limit")
            taken.append(key)
        yield {"key": key, "name": {"zh": zh, "en": en}, "value": text}
