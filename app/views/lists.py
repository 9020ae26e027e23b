"""The list of a record type as a page: what the address asks for, and what the page shows of it.

The address is the state: `q` the quick search, `<op>.<field>` a condition (`in.status=active`), `where` a condition in
the language of conditions, `sort`, `group`, `page`, `size`, `cols`, `w` (widths). Deep pages carry the row they stand after or before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import g, request, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from app import workflows
from app.columns import Choice as ClosedSet
from app.errors import BadRequest
from app.services import access, filtering, keyset, records, values
from app.services.fields import Field, Kind, labels_of, listed
from app.views import pages
from app.views.cells import cell_of, in_words, names_of, url_to
from app.views.web import page_number
from app.words import language, say

KEPT = ("sort", "size", "cols", "w", "group", "view", "edit")
"""What searching and filtering leave as it is."""
PASSING = frozenset({"view", "page", "after", "before", "edit"})
"""What is no part of a list's state: where one stands in it, and how it came about."""
DEEP = 1_000
"""From this row on pages are found by the row before them, not by counting rows."""
MAX_PAGE = 100_000
LONGEST_SEARCH = 100
WIDTHS = range(64, 801)
"""How wide a column may be, in pixels of the screen's own measure."""
MOST_WIDTHS = 60


def query_of(
    model: type[Any], args: MultiDict[str, str], within: ColumnElement[bool] | None = None
) -> records.Query:
    """What the address asks for. Raises `BadRequest` for what the list does not offer."""
    sort = records.sort_of(model, ",".join(args.getlist("sort")))
    return records.Query(
        model=model,
        search=args.get("q", "").strip()[:LONGEST_SEARCH],
        conditions=tuple(_conditions(model, args)),
        sort=sort,
        page=page_number(args, MAX_PAGE),
        size=_size(args),
        within=within,
        where=records.where(model, args.get("where", "")),
        start=_start(sort, args),
    )


def _start(sort: keyset.Sort, args: MultiDict[str, str]) -> keyset.Start | None:
    """The row the page stands after, or before."""
    for name in ("after", "before"):
        if args.get(name):
            return keyset.Start(keyset.read(sort, args[name]), back=name == "before")
    return None


def _conditions(model: type[Any], args: MultiDict[str, str]) -> Iterable[filtering.Condition]:
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


def widths_of(written: str) -> dict[str, int]:
    """Column → width out of `name:240,code:120`; what means nothing is left out."""
    found = {}
    for part in written.split(",")[:MOST_WIDTHS]:
        name, _colon, text = part.partition(":")
        if name.isidentifier() and text.isdecimal() and len(text) < len("9999") and int(text) in WIDTHS:
            found[name] = int(text)
    return found


def _size(args: MultiDict[str, str]) -> int:
    text = args.get("size", "")
    return int(text) if text in {str(size) for size in records.SIZES} else records.SIZES[0]


# ---- the page ----------------------------------------------------------------------------------------------


def list_page(query: records.Query, acts: ListActs, *, fields: tuple[Field, ...] = ()) -> pages.ListPage:
    """The page of a query: its table, chips, pager, and what may be done."""
    by = None if fields else group_of(query.model, request.args)
    if by is not None:
        return _grouped_page(query, acts, by)
    visible = records.visible_fields(query.model)
    given = [field for field in fields or listed(query.model) if field in visible]
    chosen = () if fields else columns_of(query.model, request.args)
    shown = list(chosen) or in_one_language(given)
    page = records.page_of(query, fields=shown)
    shut = workflows.shut(page.rows)
    widths = {} if fields else widths_of(request.args.get("w", ""))
    first = (query.page - 1) * query.size + 1 if page.rows else 0
    last = first + len(page.rows) - 1 if page.rows else 0
    return replace(
        _frame(query, acts),
        columns=tuple(
            replace(_column(field, query, first=index == 0), width=widths.get(field.name, 0))
            for index, field in enumerate(shown)
        ),
        rows=tuple(_row(record, shown, acts, shut) for record in page.rows),
        first=first,
        last=last,
        count_text=_count_text(first, last, page),
        exact_url=f"{acts.count_url}?{state_of(request.args)}" if acts.count_url and page.is_capped else "",
        prev_url=_turned(query, page, back=True) if query.page > 1 else "",
        next_url=_turned(query, page) if page.has_next else "",
        pages=tuple(_pages(query, page)),
        sizes=tuple(
            pages.Tab(str(size), query_args_with(size=str(size), page=""), current=size == query.size)
            for size in records.SIZES
        ),
        bulk=acts.bulk,
        all_text=_all_text(page) if acts.bulk and page.has_next else "",
        all_total="" if page.is_capped else str(page.total),
        all_taken=bool(request.form.get("all")),
        all_counted=str(values.whole(request.form.get("counted", "")) or ""),
        bulk_url=acts.bulk_url,
        sorts=() if fields else tuple(_sorts(query)),
        groups=() if fields else _groupings(query.model),
        typing=_typing() if acts.typed else None,
        view="" if fields else request.args.get("view", ""),
        choosable=() if fields else tuple(_chooser(query.model, shown)),
    )


def _frame(query: records.Query, acts: ListActs) -> pages.ListPage:
    """What a list has around its rows."""
    return pages.ListPage(
        title=labels_of(query.model),
        resource=acts.resource,
        search=query.search,
        search_hint=_("Name, code or number"),
        search_url=here(),
        chips=tuple(_chips(query)),
        clear_url=cleared(),
        filter_url=acts.filter_url and f"{acts.filter_url}?{url_query(request.args)}",
        primary=acts.primary,
        acts=acts.acts,
        exports=acts.exports,
        empty=_empty(query, acts),
        keep=tuple(kept()),
        tabs=acts.views,
        views=acts.other_views,
    )


# ---- grouped -----------------------------------------------------------------------------------------------

MOST_SUMMED = 3


def group_of(model: type[Any], args: MultiDict[str, str]) -> Field | None:
    """The field the address groups the list by. Raises `BadRequest` for one no list is grouped by."""
    if not (name := args.get("group", "")):
        return None
    found = next((field for field in records.groupable(model) if field.name == name), None)
    if found is None:
        raise BadRequest(
            say("不能按“{name}”分组。", "No list is grouped by '{name}'.", name=name[:LONGEST_SEARCH])
        )
    return found


def _groupings(model: type[Any], by: Field | None = None) -> tuple[pages.Field, ...]:
    choices = tuple(pages.Choice(field.name, field.label) for field in records.groupable(model))
    made = pages.Field("group", _("Group by"), kind="choice", choices=choices, value=by.name if by else "")
    return (made,) if choices else ()


def _grouped_page(query: records.Query, acts: ListActs, by: Field) -> pages.ListPage:
    """A line for each value of a field: how many records, and what their amounts add up to; each leads to its records."""
    visible = records.visible_fields(query.model)
    summed = [
        field for field in listed(query.model) if field in visible and field.kind in SUMMED and not field.item
    ][:MOST_SUMMED]
    found = records.parcels_of(query, by, summed)
    shown = found[: records.MOST_PARCELS]
    cut = len(found) > len(shown)
    total = (
        _("%(groups)s groups", groups=len(shown)) if not cut else _("The %(n)s largest groups", n=len(shown))
    )
    chip = pages.Chip(_("Grouped by %(field)s", field=by.label), query_args_with(group=""), is_filter=False)
    return replace(
        frame := _frame(query, acts),
        chips=(*frame.chips, chip),
        columns=(
            pages.Column(by.name, by.label, wide_on_phone=True),
            pages.Column("count", _("Records"), numeric=True),
            *(pages.Column(field.name, field.label, numeric=True) for field in summed),
        ),
        rows=tuple(_parcel_row(parcel, by, summed, query.model) for parcel in shown),
        count_text=str(total),
        groups=_groupings(query.model, by),
    )


SUMMED = frozenset({Kind.money, Kind.quantity, Kind.points, Kind.integer})


def _parcel_row(parcel: records.Parcel, by: Field, summed: Sequence[Field], model: type[Any]) -> pages.Row:
    named = names_of(model, by).get(parcel.title)
    title = str(named.words) if named else parcel.title
    cells = [
        pages.Cell(str(_("(empty)")) if parcel.value is None else title),
        pages.Cell(f"{parcel.count:,}", "num"),
    ]
    cells += [
        pages.Cell(values.show(field, value) if value is not None else "", "num")
        for field, value in zip(summed, parcel.sums, strict=True)
    ]
    op, raw = _only(by, parcel.value)
    same = {f"{other}.{by.name}": "" for other in filtering.OPS[by.kind]}
    url = (
        ""
        if op not in filtering.OPS[by.kind]
        else query_args_with(**{**same, f"{op}.{by.name}": raw, "group": ""})
    )
    return pages.Row(str(parcel.value), url, tuple(cells))


def _only(by: Field, value: Any) -> tuple[str, str]:
    """The condition that takes the records of one value."""
    if value is None:
        return "none", "1"
    if by.kind is Kind.flag:
        return "is", "1" if value else "0"
    return "in", value.value if isinstance(value, ClosedSet) else str(value)


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
        self.cell_endpoint = ""
        self.typed: frozenset[str] = frozenset()
        """The fields that may be typed in the list itself."""
        self.filter_url = ""
        self.count_url = ""
        self.views: tuple[pages.Tab, ...] = ()
        self.other_views: tuple[pages.Tab, ...] = ()


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
    if (
        cells and cells[0].text == values.EMPTY
    ):  # a draft without its number yet: a dash is no name to open it by
        cells = (replace(cells[0], text=records.title_of(record)), *cells[1:])
    open_to_edit = acts.edit_endpoint and record.id not in shut
    if open_to_edit and request.args.get("edit"):
        cells = (
            *cells[:1],
            *(_typed(*pair, record, acts) for pair in zip(cells[1:], shown[1:], strict=True)),
        )
    edit_url = url_for(acts.edit_endpoint, pk=record.id) if open_to_edit else ""
    ticked = str(record.id) in request.form.getlist("ids") or bool(request.form.get("all"))
    return pages.Row(id=str(record.id), url=url_to(record), cells=cells, edit_url=edit_url, ticked=ticked)


def _typed(cell: pages.Cell, field: Field, record: Any, acts: ListActs) -> pages.Cell:
    """The cell as one that is typed where it stands, if it may be."""
    if field.name not in acts.typed:
        return cell
    return replace(cell, url="", edit_url=url_for(acts.cell_endpoint, pk=record.id, name=field.name))


def _count_text(first: int, last: int, page: records.Page) -> str:
    if not page.rows:
        return ""
    total = _("more than %(most)s", most=f"{page.most:,}") if page.is_capped else f"{page.total:,}"
    return str(_("%(first)s-%(last)s of %(total)s", first=first, last=last, total=total))


def _all_text(page: records.Page) -> str:
    """The offer to take the whole result, beyond this page."""
    if page.is_capped:
        return str(_("Select all that match"))
    return str(_("Select all %(total)s", total=f"{page.total:,}"))


def _pages(query: records.Query, page: records.Page) -> Iterable[pages.Tab]:
    """The page numbers around the one shown."""
    most = -(-min(page.total, page.most) // query.size)
    for number in range(max(1, query.page - 2), min(most, query.page + 2) + 1):
        yield pages.Tab(str(number), query_args_with(page=str(number)), current=number == query.page)


def _empty(query: records.Query, acts: ListActs) -> pages.EmptyState:
    if query.search or query.conditions or query.where:
        clear = pages.Act(_("Clear the filters"), url=cleared())
        return pages.EmptyState(
            _("Nothing matches"), _("No record fits these conditions."), act=clear, icon="search"
        )
    return pages.EmptyState(_("Nothing here yet"), _("What you may see appears here."), act=acts.primary)


def _turned(query: records.Query, page: records.Page, *, back: bool = False) -> str:
    """The page before or after this one: by its number, or deep in the list by the row it stands at."""
    number = query.page - 1 if back else query.page + 1
    if (number - 1) * query.size < DEEP:
        return query_args_with(page=str(number))
    row = page.rows[0 if back else -1]
    place = {"before" if back else "after": keyset.word(query.sort, keyset.of(query.sort, row))}
    return query_args_with(page=str(number), **place)


def query_args_with(**changes: str) -> str:
    """The present address with some arguments changed; an empty one is dropped. The first page, unless one is named."""
    return _address(request.args.copy(), changes)


def cleared() -> str:
    """The present address without its conditions."""
    return _address(
        MultiDict(pair for pair in request.args.items(multi=True) if not is_condition(pair[0])), {}
    )


def _address(args: MultiDict[str, str], changes: Mapping[str, str]) -> str:
    for name in ("page", "after", "before", *changes):
        args.poplist(name)
    for name, value in changes.items():
        if value:
            args[name] = value
    query = url_query(args)
    return f"{here()}?{query}" if query else here()


def here() -> str:
    """The page the list stands on, also where it answers a form sent from it."""
    return str(g.get("list_path") or request.path)


def is_condition(name: str) -> bool:
    """Whether an argument of the address limits the rows."""
    return name in {"q", "where"} or "." in name


def url_query(args: MultiDict[str, str]) -> str:
    """The arguments as they stand behind the question mark."""
    return urlencode(list(args.items(multi=True)))


def state_of(args: MultiDict[str, str]) -> str:
    """What an address asks of a list, always written in the same order."""
    pairs = [(name, value) for name, value in args.items(multi=True) if name not in PASSING and value]
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))


def kept() -> Iterable[tuple[str, str]]:
    """What the search form carries along: the conditions, and how the list looks."""
    for name, value in request.args.items(multi=True):
        if value and name != "q" and (name in KEPT or is_condition(name)):
            yield name, value


# ---- conditions in words, sorts as inputs ------------------------------------------------------------------


def _chips(query: records.Query) -> Iterable[pages.Chip]:
    """The conditions in words, each with the address without it."""
    for line in query.conditions:
        yield pages.Chip(in_words(line, query.model), query_args_with(**{f"{line.op}.{line.field.name}": ""}))
    for place, part in enumerate(records.parts_of(query)):
        words = in_words(part, query.model)
        yield pages.Chip(words, query_args_with(where=records.without(query, place)))


def _typing() -> pages.Tab:
    """Typing in the cells, turned on or off where one stands."""
    is_on = bool(request.args.get("edit"))
    here = {name: request.args[name] for name in ("page", "after", "before") if request.args.get(name)}
    return pages.Tab(_("Edit in the list"), query_args_with(**here, edit="" if is_on else "1"), current=is_on)


def _sorts(query: records.Query) -> Iterable[pages.Field]:
    """What the list is sorted by first, then, and then, as inputs."""
    offered = [field for field in records.visible_fields(query.model) if field.info.sort]
    choices = tuple(
        pages.Choice(f"{sign}{field.name}", f"{field.label} {way}")
        for field in in_one_language(offered)
        for sign, way in (("", _("ascending")), ("-", _("descending")))
    )
    held = [f"-{field.name}" if down else field.name for field, down in query.sort]
    labels = (_("Sort by"), _("then by"), _("and then by"))
    for label, value in zip(labels, (*held, "", "", ""), strict=False):
        yield pages.Field("sort", label, kind="choice", choices=choices, value=value)


def options(choices: type[ClosedSet]) -> tuple[pages.Choice, ...]:
    """A closed set as entries of an input."""
    return tuple(pages.Choice(member.value, member.words) for member in choices)


def picker_url(field: Field) -> str:
    """Where the picker of a relation asks."""
    target: Any = field.target
    name = access.resource_of(target) if hasattr(target, "__rows__") else target.__tablename__
    return url_for("PickView.pick", resource=name, category=field.info.lookup or None)
