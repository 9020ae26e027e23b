"""The list of a record type as a page: what the address asks for, and what the page shows of it.

The address is the state: `q` the quick search, `<op>.<field>` a condition (`in.status=active`), `sort`, `page`, `size`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from app import workflows
from app.columns import Choice as ClosedSet
from app.errors import BadRequest
from app.extensions import db
from app.services import access, records, values
from app.services.fields import Field, Kind, labels_of, listed
from app.views import pages
from app.views.cells import cell_of, url_to
from app.views.web import page_number
from app.words import language, say

KEPT = ("sort", "size", "cols", "view")
"""What searching and filtering leave as it is."""
MAX_PAGE = 100_000
LONGEST_SEARCH = 100


def query_of(
    model: type[Any], args: MultiDict[str, str], within: ColumnElement[bool] | None = None
) -> records.Query:
    """What the address asks for. Raises `BadRequest` for what the list does not offer."""
    return records.Query(
        model=model,
        search=args.get("q", "").strip()[:LONGEST_SEARCH],
        conditions=tuple(_conditions(model, args)),
        sort=records.sort_of(model, args.get("sort", "")),
        page=page_number(args, MAX_PAGE),
        size=_size(args),
        within=within,
    )


def _conditions(model: type[Any], args: MultiDict[str, str]) -> Iterable[records.Condition]:
    for key in args:
        op, dot, name = key.partition(".")
        raw = ",".join(filter(None, args.getlist(key)))
        if dot and raw:
            yield records.condition(model, name, op, raw)


def columns_of(model: type[Any], args: MultiDict[str, str]) -> tuple[Field, ...]:
    """The columns the address asks for, in its order; none when it leaves that to the list. Raises `BadRequest`."""
    offered = {field.name: field for field in _choosable(model)}
    names = [name for part in args.getlist("cols") for name in part.split(",") if name]
    if unknown := next((name for name in names if name not in offered), None):
        raise BadRequest(say("没有“{name}”这一列。", "There is no column '{name}'.", name=unknown[:60]))
    return tuple(offered[name] for name in dict.fromkeys(names))


def _choosable(model: type[Any]) -> tuple[Field, ...]:
    return tuple(field for field in records.visible_fields(model) if field.kind is not Kind.json)


def _size(args: MultiDict[str, str]) -> int:
    text = args.get("size", "")
    return int(text) if text in {str(size) for size in records.SIZES} else records.SIZES[0]


# ---- the page ----------------------------------------------------------------------------------------------


def list_page(query: records.Query, acts: ListActs, *, fields: tuple[Field, ...] = ()) -> pages.ListPage:
    """The page of a query: its table, chips, pager, and what may be done."""
    visible = records.visible_fields(query.model)
    given = [field for field in fields or listed(query.model) if field in visible]
    chosen = () if fields else columns_of(query.model, request.args)
    shown = list(chosen) or in_one_language(given)
    page = records.page_of(query, fields=shown)
    shut = workflows.shut(page.rows)
    first = (query.page - 1) * query.size + 1 if page.rows else 0
    last = first + len(page.rows) - 1 if page.rows else 0
    return pages.ListPage(
        title=labels_of(query.model),
        resource=acts.resource,
        columns=tuple(_column(field, query, first=index == 0) for index, field in enumerate(shown)),
        rows=tuple(_row(record, shown, acts, shut) for record in page.rows),
        search=query.search,
        search_hint=_("Name, code or number"),
        search_url=request.path,
        chips=tuple(_chip(condition) for condition in query.conditions),
        clear_url=request.path,
        filters=tuple(_filters(query)),
        first=first,
        last=last,
        count_text=_count_text(first, last, page),
        prev_url=query_args_with(page=str(query.page - 1)) if query.page > 1 else "",
        next_url=query_args_with(page=str(query.page + 1)) if page.has_next else "",
        pages=tuple(_pages(query, page)),
        sizes=tuple(
            pages.Tab(str(size), query_args_with(size=str(size), page=""), current=size == query.size)
            for size in records.SIZES
        ),
        primary=acts.primary,
        acts=acts.acts,
        exports=acts.exports,
        bulk=acts.bulk,
        all_text=_all_text(page) if acts.bulk and page.has_next else "",
        bulk_url=acts.bulk_url,
        empty=_empty(query, acts),
        keep=tuple((name, request.args[name]) for name in KEPT if request.args.get(name)),
        tabs=acts.views,
        choosable=() if fields else tuple(_chooser(query.model, shown)),
    )


def _chooser(model: type[Any], shown: list[Field]) -> Iterable[pages.Choice]:
    """The columns on show in their order, then the others."""
    rest = [field for field in in_one_language(list(_choosable(model))) if field not in shown]
    for field in [*shown, *rest]:
        yield pages.Choice(field.name, field.label, note="1" if field in shown else "")


def in_one_language(fields: list[Field]) -> list[Field]:
    """Of a name kept in both languages the reader's alone, where the first of the two stood."""
    own, other = ("name_zh", "name_en") if language.get() == "zh" else ("name_en", "name_zh")
    names = {field.name: field for field in fields}
    if not {own, other} <= set(names):
        return fields
    first = next(field for field in fields if field.name in {own, other})
    kept = [field for field in fields if field.name != own or field is first]
    return [
        names[own] if field is first else field for field in kept if field is first or field.name != other
    ]


class ListActs:
    """What may be done on a list, worked out by its view."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.primary: pages.Act | None = None
        self.acts: tuple[pages.Act, ...] = ()
        self.exports: tuple[pages.Act, ...] = ()
        self.bulk: tuple[pages.Act, ...] = ()
        self.bulk_url = ""
        self.edit_endpoint = ""
        self.views: tuple[pages.Tab, ...] = ()


def _column(field: Field, query: records.Query, *, first: bool) -> pages.Column:
    direction = next(("descending" if down else "ascending" for f, down in query.sort if f is field), "")
    following = {"": field.name, "ascending": f"-{field.name}", "descending": ""}[direction]
    return pages.Column(
        name=field.name,
        label=field.label,
        numeric=field.is_number,
        sort_url=query_args_with(sort=following, page="") if field.info.sort else "",
        direction=direction,  # type: ignore[arg-type]
        wide_on_phone=first,
    )


def _row(record: Any, shown: list[Field], acts: ListActs, shut: frozenset[int]) -> pages.Row:
    cells = tuple(cell_of(record, field) for field in shown)
    open_to_edit = acts.edit_endpoint and record.id not in shut
    edit_url = url_for(acts.edit_endpoint, pk=record.id) if open_to_edit else ""
    return pages.Row(id=str(record.id), url=url_to(record), cells=cells, edit_url=edit_url)


def _count_text(first: int, last: int, page: records.Page) -> str:
    if not page.rows:
        return ""
    total = _("more than %(most)s", most=f"{records.MOST_COUNTED:,}") if page.is_capped else f"{page.total:,}"
    return str(_("%(first)s-%(last)s of %(total)s", first=first, last=last, total=total))


def _all_text(page: records.Page) -> str:
    """The offer to take the whole result, beyond this page."""
    if page.is_capped:
        return ""
    return str(_("Select all %(total)s", total=f"{page.total:,}"))


def _pages(query: records.Query, page: records.Page) -> Iterable[pages.Tab]:
    """The page numbers around the one shown."""
    most = -(-min(page.total, records.MOST_COUNTED) // query.size)
    for number in range(max(1, query.page - 2), min(most, query.page + 2) + 1):
        yield pages.Tab(str(number), query_args_with(page=str(number)), current=number == query.page)


def _empty(query: records.Query, acts: ListActs) -> pages.EmptyState:
    if query.search or query.conditions:
        clear = pages.Act(_("Clear the filters"), url=request.path)
        return pages.EmptyState(
            _("Nothing matches"), _("No record fits these conditions."), act=clear, icon="search"
        )
    return pages.EmptyState(_("Nothing here yet"), _("What you may see appears here."), act=acts.primary)


def query_args_with(**changes: str) -> str:
    """The present address with some arguments changed; an empty one is dropped."""
    args = request.args.copy()
    for name, value in changes.items():
        args.pop(name, None)
        if value:
            args[name] = value
    if "page" not in changes and "page" in args:
        args.pop("page")
    query = url_query(args)
    return f"{request.path}?{query}" if query else request.path


def url_query(args: MultiDict[str, str]) -> str:
    """The arguments as they stand behind the question mark."""
    bare = url_for("static", filename="x", **args.to_dict(flat=False))  # type: ignore[arg-type]
    return bare.partition("?")[2]


# ---- conditions in words and as inputs ---------------------------------------------------------------------


def _chip(condition: records.Condition) -> pages.Chip:
    field, op = condition.field, condition.op
    words = [str(field.label), str(records.OP_WORDS[op])]
    if op not in {"none", "some"}:
        words.append("、".join(_operand_text(field, part) for part in condition.raw.split(",")))
    return pages.Chip(" ".join(words), query_args_with(**{f"{op}.{field.name}": "", "page": ""}))


def _operand_text(field: Field, raw: str) -> str:
    if field.kind is Kind.relation and field.target is not None:
        related = db.session.get(field.target, int(raw))
        return (
            records.title_of(related)
            if hasattr(field.target, "__rows__")
            else str(getattr(related, "name", raw))
        )
    if field.choices is not None:
        return values.show_choice(field, raw)
    if field.kind is Kind.flag:
        return values.show_flag(raw == "1")
    return raw


def _filters(query: records.Query) -> Iterable[pages.Field]:
    """The inputs of the filter drawer: every field the list offers, with what is set."""
    held = {(condition.op, condition.field.name): condition.raw for condition in query.conditions}
    for field in records.visible_fields(query.model):
        ops = records.OPS.get(field.kind, ())
        if "in" in ops:
            yield _chosen(field, held.get(("in", field.name), ""))
        elif field.kind is Kind.flag:
            yield _yes_or_no(field, held.get(("is", field.name), ""))
        elif "from" in ops:
            for op in ("from", "to"):
                label = f"{field.label} {records.OP_WORDS[op]}"
                yield _input(f"{op}.{field.name}", label, field, held.get((op, field.name), ""))
        elif ops:
            op = ops[0]
            yield _input(f"{op}.{field.name}", str(field.label), field, held.get((op, field.name), ""))


def _input(name: str, label: str, field: Field, value: str) -> pages.Field:
    kind: Any = "date" if field.kind in {Kind.date, Kind.moment} else "number" if field.is_number else "text"
    return pages.Field(name=name, label=label, kind=kind, value=value)


def _chosen(field: Field, raw: str) -> pages.Field:
    parts = [part for part in raw.split(",") if part]
    name = f"in.{field.name}"
    if field.choices is not None:
        return pages.Field(
            name=name,
            label=field.label,
            kind="choices",
            choices=options(field.choices),
            picked=tuple(c for c in options(field.choices) if c.value in parts),
        )
    picked = tuple(pages.Choice(part, _operand_text(field, part)) for part in parts)
    return pages.Field(
        name=name, label=field.label, kind="pickers", picked=picked, picker_url=picker_url(field)
    )


def _yes_or_no(field: Field, raw: str) -> pages.Field:
    both = (pages.Choice("", "-"), pages.Choice("1", values.YES), pages.Choice("0", values.NO))
    return pages.Field(name=f"is.{field.name}", label=field.label, kind="choice", choices=both, value=raw)


def options(choices: type[ClosedSet]) -> tuple[pages.Choice, ...]:
    """A closed set as entries of an input."""
    return tuple(pages.Choice(member.value, member.words) for member in choices)


def picker_url(field: Field) -> str:
    """Where the picker of a relation asks."""
    target: Any = field.target
    name = access.resource_of(target) if hasattr(target, "__rows__") else target.__tablename__
    return url_for("PickView.pick", resource=name, category=field.info.lookup or None)
