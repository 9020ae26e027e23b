"""The filter of a list as a person builds it: lines and groups, all or any, read back as a sentence.

The form holds the whole draft in its own names (`f.0-1` the field of the second line of the first group), so each press,
whether it adds, drops or changes something, is one question and one answer, and nothing is kept in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field as has, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.errors import BadRequest
from app.services import filtering, records, values
from app.services.fields import Field, Kind, labels_of
from app.services.language.checking import Formula
from app.services.language.kinds import BOOL
from app.views import lists, pages
from app.views.cells import in_words, names_of
from app.words import Words, say

ROOT = "r"
DEEPEST = 3
"""Groups stand in groups so deep."""
MOST_LINES = 40
SET = frozenset({"in", "not"})


@dataclass
class Line:
    """A line as it stands in the form; `text` is a condition no line shows."""

    field: str = ""
    op: str = ""
    raw: str = ""
    text: str = ""


@dataclass
class Draft:
    """A group as it stands in the form."""

    any: bool = False
    items: list[Line | Draft] = has(default_factory=list)


# ---- from the form and to it -------------------------------------------------------------------------------


def draft_of(args: MultiDict[str, str]) -> Draft:
    """The draft a form sent. Raises `BadRequest` for one no person builds."""
    kinds = {kind: {} for kind in "fovtg"}  # type: dict[str, dict[str, list[str]]]
    for name in args:
        kind, dot, path = name.partition(".")
        if dot and kind in kinds:
            kinds[kind][path] = args.getlist(name)
    if sum(map(len, (kinds["f"], kinds["t"], kinds["g"]))) > MOST_LINES:
        raise BadRequest(
            say(
                "条件太多，最多 {most} 条。",
                "These are too many conditions; {most} are allowed.",
                most=MOST_LINES,
            )
        )
    return _group(kinds, ROOT, 1)


def _group(kinds: dict[str, dict[str, list[str]]], path: str, depth: int) -> Draft:
    found = Draft(any=kinds["g"].get(path, [""])[0] == "any")
    for below in _below(kinds, path):
        if below in kinds["g"] and depth < DEEPEST:
            found.items.append(_group(kinds, below, depth + 1))
        elif below in kinds["t"]:
            found.items.append(Line(text=kinds["t"][below][0]))
        elif below in kinds["f"]:
            raw = ",".join(part.strip() for part in kinds["v"].get(below, ()) if part.strip())
            found.items.append(Line(kinds["f"][below][0], kinds["o"].get(below, [""])[0], raw))
    return found


def _below(kinds: dict[str, dict[str, list[str]]], path: str) -> list[str]:
    """The paths of what stands in a group, in order."""
    found = {other for kind in "ftg" for other in kinds[kind] if other.rpartition("-")[0] == path}
    return sorted(found, key=lambda other: values.whole(other.rpartition("-")[2], MOST_LINES) or 0)


def draft_from(query: records.Query) -> Draft:
    """The filter a list has, as a draft; an empty line where there is none."""
    items = [*query.conditions, *records.parts_of(query)]
    draft = Draft(items=[_drafted(item, query.model) for item in items])
    if len(draft.items) == 1 and isinstance(draft.items[0], Draft):
        return draft.items[0]
    return draft if draft.items else Draft(items=[Line()])


def _drafted(item: filtering.Item, model: type[Any]) -> Line | Draft:
    if isinstance(item, filtering.Condition):
        return Line(item.field.name, item.op, item.raw)
    if isinstance(item, filtering.Group):
        return Draft(item.any, [_drafted(one, model) for one in item.items])
    catalogue = filtering.catalogue_of(model, records.filterable(model))
    return Line(text=filtering.written(Formula(item.tree, BOOL, catalogue)))


def act_on(draft: Draft, act: str) -> None:
    """Add a line (`line:r-0`) or a group to a group of the draft, or drop what stands at a path."""
    verb, _colon, path = act.partition(":")
    if verb in {"line", "group"} and (group := _at(draft, path)) is not None:
        group.items.append(Line() if verb == "line" else Draft(not group.any, [Line()]))
    elif verb == "drop":
        group, place = _at(draft, path.rpartition("-")[0]), values.whole(path.rpartition("-")[2], MOST_LINES)
        if group is not None and place is not None and place < len(group.items):
            del group.items[place]


def _at(draft: Draft, path: str) -> Draft | None:
    found: Line | Draft = draft
    for part in path.split("-")[1:]:
        place = values.whole(part, MOST_LINES)
        if not isinstance(found, Draft) or place is None or place >= len(found.items):
            return None
        found = found.items[place]
    return found if isinstance(found, Draft) else None


# ---- to conditions and the address -------------------------------------------------------------------------


def items_of(draft: Draft, model: type[Any]) -> list[filtering.Item]:
    """The conditions of a draft; lines not filled in are none. Raises `BadRequest`."""
    found: list[filtering.Item] = []
    for one in draft.items:
        if isinstance(one, Draft):
            if inner := items_of(one, model):
                found.append(filtering.Group(one.any, tuple(inner)))
        elif one.text:
            asked = records.where(model, one.text)
            found += [filtering.Written(asked.tree)] if asked else []
        elif one.field and (one.raw or one.op in filtering.BARE):
            found.append(records.condition(model, one.field, one.op, one.raw))
    return found


def address_of(draft: Draft, model: type[Any], kept: str) -> str:
    """The arguments of the list with this filter: in short form what has one. Raises `BadRequest`."""
    items = items_of(draft, model)
    catalogue = filtering.catalogue_of(model, records.filterable(model))
    for item in items:
        filtering.formula(item, catalogue)
    pairs = [(name, value) for name, value in parse_qsl(kept) if name == "q" or not lists.is_condition(name)]
    short: dict[str, str] = {}
    rest: list[filtering.Item] = []
    for item in items:
        key = f"{item.op}.{item.field.name}" if isinstance(item, filtering.Condition) else ""
        if key and key not in short and not (draft.any and len(items) > 1):
            short[key] = item.raw or "1"  # type: ignore[union-attr]
        else:
            rest.append(item)
    pairs += short.items()
    if rest:
        whole = filtering.formula(filtering.Group(draft.any, tuple(rest)), catalogue)
        pairs.append(("where", filtering.written(whole)))
    return urlencode(pairs)


# ---- the page ----------------------------------------------------------------------------------------------


def filter_page(
    model: type[Any], draft: Draft, kept: str, list_url: str, error: Words | None = None
) -> pages.FilterPage:
    """The form of a draft."""
    return pages.FilterPage(
        title=_("Filter: %(what)s", what=labels_of(model)),
        action_url=request.path,
        list_url=f"{list_url}?{kept}" if kept else list_url,
        kept=kept,
        root=_shown_group(draft, model, ROOT),
        sentence=_sentence(draft, model),
        error=error or "",
    )


def _sentence(draft: Draft, model: type[Any]) -> str:
    """The draft as it reads, as far as it can be read."""
    try:
        items = items_of(draft, model)
    except BadRequest:
        return ""
    joint = _(" or ") if draft.any else _(" and ")
    return str(joint).join(str(in_words(item, model)) for item in items)


def _shown_group(draft: Draft, model: type[Any], path: str) -> pages.FilterGroup:
    items = [
        _shown_group(one, model, f"{path}-{place}")
        if isinstance(one, Draft)
        else _shown_line(one, model, f"{path}-{place}")
        for place, one in enumerate(draft.items)
    ]
    mode = pages.Field(
        f"g.{path}",
        _("How they are joined"),
        kind="choice",
        required=True,
        value="any" if draft.any else "all",
        choices=(pages.Choice("all", _("All of these hold")), pages.Choice("any", _("Any of these holds"))),
    )
    return pages.FilterGroup(path, mode, tuple(items), may_nest=path.count("-") < DEEPEST - 1)


def _shown_line(line: Line, model: type[Any], path: str) -> pages.FilterLine:
    if line.text:
        return pages.FilterLine(path, text=line.text)
    offered = records.filterable(model)
    fields = pages.Field(
        f"f.{path}",
        _("Field"),
        kind="choice",
        value=line.field,
        placeholder=_("Choose a field"),
        choices=tuple(pages.Choice(one.name, one.label) for one in lists.in_one_language(list(offered))),
    )
    field = next((one for one in offered if one.name == line.field), None)
    if field is None:
        return pages.FilterLine(path, field=fields)
    ops = _ops(field, model)
    op = line.op if line.op in ops else ops[0]
    compared = pages.Field(
        f"o.{path}",
        _("Comparison"),
        kind="choice",
        required=True,
        value=op,
        choices=tuple(pages.Choice(one, filtering.OP_WORDS[one]) for one in ops),
    )
    raw = line.raw if op == line.op else ""
    value = None if op in filtering.BARE else _value_input(field, op, raw, f"v.{path}", model)
    return pages.FilterLine(path, field=fields, op=compared, value=value)


def _ops(field: Field, model: type[Any]) -> tuple[str, ...]:
    """The comparisons a line offers: of a text that holds codes, those with codes."""
    ops = filtering.OPS[field.kind]
    if field.kind is not Kind.text:
        return ops
    if field in filtering.derived(model) or not names_of(model, field):
        return tuple(op for op in ops if op not in SET)
    return tuple(op for op in ops if op in SET | filtering.BARE)


def _value_input(field: Field, op: str, raw: str, name: str, model: type[Any]) -> pages.Field:
    label = _("Value of %(field)s", field=field.label)
    made = pages.Field(name, label, value=raw)
    if op == "within":
        periods = tuple(pages.Choice(word, words) for word, (_end, words) in filtering.PERIODS.items())
        return replace(made, kind="choice", choices=periods)
    if op in filtering.DAY_WORDS:
        return replace(made, kind="number", unit=_("days"))
    if field.kind is Kind.choices:
        options = tuple(pages.Choice(one.code, one.words) for one in field.options)
        return replace(made, kind="choice", choices=options)
    if op in SET:
        return _among(field, raw, made, model)
    if field.kind is Kind.flag:
        both = (pages.Choice("1", values.YES), pages.Choice("0", values.NO))
        return replace(made, kind="choice", choices=both)
    kind: Any = "date" if field.kind in {Kind.date, Kind.moment} else "number" if field.is_number else "text"
    return replace(made, kind=kind, unit="%" if field.kind is Kind.rate else "")


def _among(field: Field, raw: str, made: pages.Field, model: type[Any]) -> pages.Field:
    """Several of a closed list, or of records that are looked up."""
    held = [part for part in raw.split(",") if part]
    if field.kind is Kind.relation:
        picked = tuple(pages.Choice(part, records.operand_words(field, "in", part)) for part in held)
        return replace(made, kind="pickers", picked=picked, picker_url=lists.picker_url(field))
    every = tuple(_entries(field, model))
    return replace(
        made,
        kind="pickers",
        picked=tuple(one for one in every if one.value in held),
        choices=tuple(one for one in every if one.value not in held),
    )


def _entries(field: Field, model: type[Any]) -> Iterator[pages.Choice] | Iterable[pages.Choice]:
    if field.choices is not None:
        return lists.options(field.choices)
    return (pages.Choice(code, named.words) for code, named in names_of(model, field).items())
