"""Records of every type, generated from the schema: list them, find one, pick one, save one, put one in the bin.

Every door uses these, so that a rule holds on screens, in files, in the API and on the command line alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, func, inspect, select
from sqlalchemy.orm import Mapper, aliased, joinedload, undefer

from app.columns import now
from app.errors import BadInput, BadRequest, Change, NotAllowed, NotFound, Problem, Refusal, WrongState
from app.extensions import BY_KEY, among, db, stale
from app.models import AuditLog, Employee, RecordMerge
from app.roles import Act
from app.services import (
    access,
    codes,
    extra_conditions,
    extra_order,
    extras,
    filtering,
    keyset,
    searching,
    values,
)
from app.services.fields import (
    Field,
    Kind,
    every_field,
    field_named,
    fields_of,
    is_lookup,
    is_seen,
    is_written,
    labels_of,
    listed,
    models_by_resource,
    titles_of,
)
from app.services.language.checking import Formula
from app.services.language.wording import tree_words
from app.words import Words, language, say

MOST_COUNTED, MOST_FOUND = 1_500, 200
"""As far as the records of a list, and the hits of a search, are counted unasked: each must be read for it."""
TRIED = 2 * MOST_FOUND
"""Of what the index holds of a search so many are tried first: a head of a department may read half of them."""
SIZES = (25, 50, 100, 200)
PICKED = 20


# ---- what a person may see and type of a record ------------------------------------------------------------


def visible_fields(
    model: type[Any], who: access.Principal | None = None, *, of: Any = None
) -> tuple[Field, ...]:
    """The fields this person may see, of one record or of all he may read; sealed ones in their masked form.

    Confidential fields stand in lists only if he may see them wherever he may read.
    """
    who = who or access.principal()
    confidential = who.may(Act.see_confidential, access.resource_of(model)) and (
        who.covers(Act.see_confidential, access.resource_of(model))
        or (of is not None and access.may_write(of, Act.see_confidential, who))
    )
    seen = tuple(
        field
        for field in every_field(model)
        if (confidential or not field.info.confidential) and is_seen(field, who)
    )
    return seen if of is None else extra_conditions.shown(of, seen)


def editable_fields(
    model: type[Any], who: access.Principal | None = None, *, of: Any = None
) -> tuple[Field, ...]:
    """The fields this person may type: those that no process owns and that he may see."""
    who = who or access.principal()
    may_reassign = who.may(Act.reassign, access.resource_of(model))
    return tuple(
        field
        for field in visible_fields(model, who, of=of)
        if field.info.edit
        and field.kind is not Kind.json
        and (field.name != "owner_id" or may_reassign)
        and is_written(field, who)
    )


def title_of(record: Any) -> str:
    """What a record is called, in the reader's language."""
    if record is None:
        return values.EMPTY
    names = titles_of(type(record))
    if [name[-3:] for name in names] == ["_zh", "_en"]:
        names = names[:1] if language.get() == "zh" else names[1:]
    return " · ".join(text for name in names if (text := _part(record, name))) or f"#{record.id}"


def _part(record: Any, name: str) -> str:
    value = getattr(record, name)
    if value is None:
        return ""
    if hasattr(type(value), "__rows__"):
        return title_of(value)
    field = field_named(type(record), name)
    return values.show(field, value) if field else str(value)


def text_of(record: Any, field: Field) -> str:
    """A field of a record as the reader sees it."""
    if field.kind in extras.KEYS:
        return _related_title(record, field)
    return values.show(field, getattr(record, field.name))


def _related_title(record: Any, field: Field) -> str:
    key = getattr(record, field.name)
    if key is None:
        return values.EMPTY
    if field.relation:
        return title_of(getattr(record, field.relation))
    related = db.session.get(field.target, key) if field.target else None
    _hold(related)
    return title_of(related) if hasattr(field.target, "__rows__") else str(getattr(related, "name", key))


# ---- lists -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Query:
    """What a list is asked for. `sort` holds fields with whether they descend; `page` counts from 1."""

    model: type[Any]
    search: str = ""
    conditions: tuple[filtering.Condition, ...] = ()
    sort: tuple[tuple[Field, bool], ...] = ()
    page: int = 1
    size: int = SIZES[0]
    within: ColumnElement[bool] | None = None
    """A condition of the door itself, such as "of this customer"."""
    where: Formula | None = None
    """What the conditions, which are its short form, do not say."""
    start: keyset.Start | None = None
    """The record the page stands after or before, so that no page costs more than the first."""
    binned: bool = False
    """What lies in the recycle bin, and nothing else."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records; `total` is counted to one more than `most` unless asked exactly."""

    rows: list[Any]
    total: int
    has_next: bool
    most: int

    @property
    def is_capped(self) -> bool:
        return self.total > self.most


def page_of(query: Query, *, fields: Iterable[Field] | None = None, exact: bool = False) -> Page:
    """One page of the records this person may read: two statements for the rows, one for the count.

    What a search finds is counted as it is found. `fields` are those that will be shown (those of the list, unless said
    otherwise): what they relate to comes along.
    """
    if not may_list(query.model):
        access.principal().check(Act.read, access.resource_of(query.model))
    limited = _limited(query)
    most = MOST_FOUND if query.search else MOST_COUNTED
    skipped = (query.page - 1) * query.size
    at_once = query.search and query.start is None and not exact
    ids, further = _ids(limited, query, most + 1 - skipped if at_once else 0)
    rows = rows_of(query.model, ids, fields, binned=query.binned)
    if at_once and (ids or not skipped):
        total = skipped + len(ids) + further
    else:
        total = _count(limited, query.model, most=None if exact else most)
    return Page(rows=rows, total=total, has_next=further > 0, most=most)


def _ids(limited: Select[Any], query: Query, ahead: int = 0) -> tuple[list[int], int]:
    """The ids of the page, and how many others follow, as far as was looked: one, or `ahead` rows from its first."""
    keys = limited.with_only_columns(query.model.id)
    looked = max(query.size + 1, ahead)
    skipped = (query.page - 1) * query.size
    begin = query.start or skipped
    if ahead and not query.sort and (newest := _newest(query, skipped + looked)) is not None:
        found = newest[skipped:]
    elif extra_order.is_kept(query.sort):
        found = extra_order.ids_from(keys, query.model, query.sort, looked, begin)
    else:
        found = keyset.ids_from(keys, keyset.order_of(query.model, query.sort), looked, begin)
    page = found[: query.size]
    back = query.start is not None and query.start.back
    return (page[::-1], 1) if back else (page, len(found) - len(page))


def _newest(query: Query, looked: int) -> list[int] | None:
    """So many ids of a search in the order of newness, or all; None where the newest the index holds are too few.

    A database that is asked for both at once either writes down all that a common word is in, or looks up all records
    of a rare one, to show the first of them.
    """
    held = searching.newest(query.model, query.search.split(), TRIED)
    if held is None:
        return None
    limited = _limited(query, held).with_only_columns(query.model.id)
    found = keyset.ids_from(limited, keyset.order_of(query.model, ()), looked, 0) if held else []
    return found if len(found) == looked or len(held) < TRIED else None


@dataclass(frozen=True, slots=True)
class Parcel:
    """The records of a query that have the same value in a field: how many, and what amounts of theirs add up to."""

    value: Any
    title: str
    count: int
    sums: tuple[Any, ...]


MOST_PARCELS = 200


def groupable(model: type[Any]) -> tuple[Field, ...]:
    """What a list can be grouped by: closed sets, codes with names, related records, yes or no."""
    resource = access.resource_of(model)
    return tuple(
        field
        for field in visible_fields(model)
        if field.item is None
        and (field.kind in {Kind.choice, Kind.relation, Kind.flag} or (resource, field.name) in codes.KNOWN)
    )


def parcels_of(query: Query, by: Field, summed: Sequence[Field]) -> list[Parcel]:
    """The records of a query counted and added up by a field, the largest first: two statements.

    At most `MOST_PARCELS`, and one more where there are others.
    """
    if not may_list(query.model):
        access.principal().check(Act.read, access.resource_of(query.model))
    column, count = getattr(query.model, by.name), func.count()
    sums = [func.sum(getattr(query.model, field.name)) for field in summed]
    grouped = _limited(query).with_only_columns(column, count, *sums).group_by(column)
    rows = db.session.execute(grouped.order_by(count.desc(), column).limit(MOST_PARCELS + 1)).all()
    titles = _titles(by, [row[0] for row in rows])
    return [Parcel(row[0], titles.get(row[0], values.EMPTY), row[1], tuple(row[2:])) for row in rows]


def _titles(field: Field, keys: Iterable[Any]) -> dict[Any, str]:
    """What values of a field are called; related records this person may not see are not named."""
    held = {key for key in keys if key is not None}
    if field.kind is not Kind.relation or field.target is None:
        return {key: values.show(field, key) for key in held}
    found = db.session.scalars(select(field.target).where(field.target.id.in_(held)))
    return {row.id: title_of(row) for row in found}


def neighbours(query: Query, record: Any) -> tuple[int | None, int | None]:
    """The records before and after one in the order of a list: two statements."""
    here = keyset.of(query.sort, record)
    found = [
        _ids(_limited(query), replace(query, size=1, start=keyset.Start(here, back)))[0]
        for back in (True, False)
    ]
    before, after = (ids[0] if ids else None for ids in found)
    return before, after


def may_list(model: type[Any]) -> bool:
    """Whether this person may list such records; parts of a record go with it and need no grant of their own."""
    return getattr(model, "__part__", False) or access.principal().may(Act.read, access.resource_of(model))


def rows_of(
    model: type[Any], ids: Iterable[int], fields: Iterable[Field] | None = None, *, binned: bool = False
) -> list[Any]:
    """These records in this order, with what is shown of related ones, in one statement."""
    wanted = list(ids)
    if not wanted:
        return []
    shown = listed(model) if fields is None else fields
    loading = [joinedload(getattr(model, field.relation)) for field in shown if field.relation]
    statement = select(model).where(among(model.id, wanted)).options(*loading)
    found = db.session.scalars(statement.execution_options(with_deleted=binned, **BY_KEY))
    by_id = {row.id: row for row in found}
    rows = [by_id[id_] for id_ in wanted if id_ in by_id]
    hold_related(rows, (field for field in shown if field.item is not None))
    return rows


def hold_related(rows: Sequence[Any], fields: Iterable[Field]) -> None:
    """Read what these fields of the rows point to, one statement a type, and hold it as long as the session."""
    wanted: dict[Any, set[int]] = {}
    for field in fields:
        if field.kind in extras.KEYS and field.target is not None:
            keys = {key for row in rows if (key := getattr(row, field.name)) is not None}
            wanted.setdefault(field.target, set()).update(keys)
    for target, keys in wanted.items():
        if keys:
            found = db.session.scalars(
                select(target).where(among(target.id, keys)).execution_options(**BY_KEY)
            )
            _hold(*found)


def ids_of(query: Query, most: int) -> list[int]:
    """The ids of all records of a query in its order, at most `most`."""
    if not may_list(query.model):
        access.principal().check(Act.read, access.resource_of(query.model))
    order = keyset.ordered(keyset.order_of(query.model, query.sort))
    chosen = _limited(query).with_only_columns(query.model.id).order_by(*order)
    return list(db.session.scalars(chosen.limit(most)))


def every(query: Query, fields: Iterable[Field], chunk: int = 1_000) -> Iterator[Sequence[Any]]:
    """The bare values of these fields of all records of a query, in order of id, a chunk at a time; the id comes first.

    Of a relation it is the key, of a sealed field the mask.
    """
    model = query.model
    fields = tuple(fields)
    columns = [getattr(model, _column_named(field)) for field in fields]
    limited = _limited(query).with_only_columns(model.id, *columns).order_by(model.id).limit(chunk)
    last = 0
    added = [(place, field) for place, field in enumerate(fields, 1) if field.item is not None]
    while rows := db.session.execute(limited.where(model.id > last)).all():
        yield [_with_extras(row, added) for row in rows] if added else rows
        last = rows[-1][0]


def _column_named(field: Field) -> str:
    """The column that holds a field, as far as it can be read without its record."""
    return f"{field.name}_mask" if field.sealed else "extra" if field.item is not None else field.name


def _with_extras(row: Sequence[Any], added: Sequence[tuple[int, Field]]) -> Sequence[Any]:
    """The row with what its extra fields hold, in place of all a record holds."""
    read = list(row)
    for place, field in added:
        read[place] = extras.value_of(field, row[place])
    return read


def _limited(query: Query, ids: Sequence[int] | None = None) -> Select[Any]:
    """The rows of the query, before order and page; of these ids alone, where the index was asked before."""
    statement = select(query.model)
    if ids is not None:
        statement = statement.where(among(query.model.id, ids))
    if query.within is not None:
        statement = statement.where(query.within)
    if query.binned:
        statement = statement.where(query.model.deleted_at.is_not(None)).execution_options(with_deleted=True)
    if asked := _asked(query):
        fields = filterable(query.model)
        statement = statement.where(*(filtering.clause(query.model, one, fields) for one in asked))
    fits = searching.matches if ids is None else searching.reads
    return statement.where(*(fits(query.model, term) for term in query.search.split()))


def _count(limited: Select[Any], model: type[Any], *, most: int | None) -> int:
    """How many there are; at most one more than `most`."""
    ids = limited.with_only_columns(model.id)
    if most is not None:
        ids = ids.limit(most + 1)
    counted = select(func.count()).select_from(ids.subquery())
    return db.session.scalar(counted, execution_options=limited.get_execution_options()) or 0


def filterable(model: type[Any]) -> tuple[Field, ...]:
    """What this person can filter a list by: what he may see of it, and what is worked out from what he may read."""
    seen = (field for field in visible_fields(model) if filtering.is_asked(model, field))
    return (*seen, *filtering.derived(model))


def condition(model: type[Any], name: str, op: str, raw: str) -> filtering.Condition:
    """A condition of a list, if the field and its kind offer it. Raises `BadRequest`."""
    field = next((f for f in filterable(model) if f.name == name), None)
    if field is None or op not in filtering.OPS.get(field.kind, ()):
        raise BadRequest(
            say(
                "不能按“{name}”这样筛选。",
                "This list cannot be filtered by '{name}' that way.",
                name=f"{name}:{op}"[:80],
            )
        )
    return filtering.Condition(field, op, raw)


def where(model: type[Any], written: str) -> Formula | None:
    """The condition an address carries in the condition language; None for none. Raises `BadRequest`."""
    if not written.strip():
        return None
    return filtering.read(written, filtering.catalogue_of(model, filterable(model)))


def parts_of(query: Query) -> tuple[filtering.Item, ...]:
    """What the written condition of a list asks, in the parts that can be taken away one by one."""
    if query.where is None:
        return ()
    return filtering.parts_of(filtering.item_of(query.where.tree, filterable(query.model)))


def without(query: Query, place: int) -> str:
    """The written condition of a list without one of its parts."""
    rest = tuple(one for at, one in enumerate(parts_of(query)) if at != place)
    if not rest:
        return ""
    catalogue = filtering.catalogue_of(query.model, filterable(query.model))
    return filtering.written(filtering.formula(filtering.Group(any=False, items=rest), catalogue))


def item_words(item: filtering.Item, model: type[Any] | None = None) -> Words:
    """A line or a group of a filter as a person reads it."""
    if isinstance(item, filtering.Condition):
        return _line_words(item)
    if isinstance(item, filtering.Group):
        parts = [item_words(one, model) for one in item.items]
        zh, en = (" 或 ", " or ") if item.any else (" 且 ", " and ")
        return Words(f"（{zh.join(one.zh for one in parts)}）", f"({en.join(one.en for one in parts)})")
    if model is None:
        return Words("其他条件", "another condition")
    return tree_words(item.tree, filtering.catalogue_of(model, filterable(model)))


def _line_words(line: filtering.Condition) -> Words:
    label, op = line.field.label, filtering.OP_WORDS[line.op]
    if line.op in filtering.BARE:
        return Words(f"{label.zh} {op.zh}", f"{label.en} {op.en}")
    if line.op in filtering.DAY_WORDS:
        spoken = filtering.DAY_WORDS[line.op]
        return Words(f"{label.zh} {spoken.zh.format(line.raw)}", f"{label.en} {spoken.en.format(line.raw)}")
    operands = [operand_words(line.field, line.op, part) for part in line.raw.split(",") if part]
    zh, en = "、".join(one.zh for one in operands), ", ".join(one.en for one in operands)
    return Words(f"{label.zh} {op.zh} {zh}", f"{label.en} {op.en} {en}")


def operand_words(field: Field, op: str, raw: str) -> Words:
    """What a field is compared with, as a person reads it."""
    if op == "within" and raw in filtering.PERIODS:
        return filtering.PERIODS[raw][1]
    if field.choices is not None and raw in field.choices.__members__:
        return field.choices[raw].words
    if field.kind is Kind.relation and (key := values.whole(raw)):
        title = picked_title(field, key) or raw
        return Words(title, title)
    if field.kind is Kind.flag:
        return values.YES if raw == "1" else values.NO
    if field.kind is Kind.choices:
        return next((option.words for option in field.options if option.code == raw), Words(raw, raw))
    return Words(raw, raw)


def check(query: Query) -> None:
    """Raises `BadRequest` for a list that cannot be answered; asks the database nothing."""
    _limited(query)


def _asked(query: Query) -> list[Formula]:
    """Everything that must hold of the rows."""
    if not query.conditions and query.where is None:
        return []
    catalogue = filtering.catalogue_of(query.model, filterable(query.model))
    found = [filtering.formula(one, catalogue) for one in query.conditions]
    return found if query.where is None else [*found, query.where]


def sort_of(model: type[Any], names: str) -> tuple[tuple[Field, bool], ...]:
    """`-last_order_on,name` → fields and whether they descend. Raises `BadRequest` for others than offered."""
    found = []
    for name in filter(None, names.split(",")):
        field = next((f for f in visible_fields(model) if f.name == name.lstrip("-") and f.info.sort), None)
        if field is None:
            raise BadRequest(
                say("不能按“{name}”排序。", "This list cannot be sorted by '{name}'.", name=name[:60])
            )
        found.append((field, name.startswith("-")))
    return tuple(found)


# ---- one record --------------------------------------------------------------------------------------------


def find(model: type[Any], id_: int, act: Act = Act.read, *, shown: bool = True) -> Any:
    """The record, if this person may read it and has the right `act`; with what it points to where it is `shown`.

    Raises:
        NotFound: there is none, or none he may see: both read the same.
        NotAllowed: he may see it, but not do this.

    """
    who = access.principal()
    who.check(Act.read, access.resource_of(model))
    found = db.session.execute(_found_by(inspect(model), act, shown=shown), {"id": id_}).first()
    record, *related_rows = found or (None,)
    _hold(*related_rows)
    if record is None:
        raise NotFound(
            say(
                "没有这条{what}，或您无权查看。",
                "There is no such record in {what}, or you may not see it.",
                what=labels_of(model),
            )
        )
    if act is not Act.read:
        who.check(act, access.resource_of(model))
        if not may_change(record, act):
            raise NotAllowed(
                say(
                    "您不能对这条记录执行“{act}”：它不在您的权限范围内。",
                    'Your right to "{act}" does not reach this record.',
                    act=act.words,
                )
            )
    return record


@cache
def _found_by(mapper: Mapper[Any], act: Act, *, shown: bool) -> Select[Any]:
    """The statement that finds a record by `id`, whole for who changes it; written once."""
    model = mapper.class_
    pointing = [field for field in fields_of(model) if shown]
    loading = [joinedload(getattr(model, field.relation)) for field in pointing if field.relation]
    loading += [undefer("*")] if act is not Act.read else []
    aside: list[tuple[Any, Any]] = [
        (getattr(model, field.name), aliased(field.target))
        for field in pointing
        if field.target is not None and _points_bare(field)
    ]
    asked = select(model, *(related for _key, related in aside)).where(model.id == bindparam("id"))
    for key, related in aside:
        asked = asked.outerjoin(related, related.id == key)
    return asked.options(*loading).execution_options(**BY_KEY)


def _hold(*rows: Any) -> None:
    """Keep rows at hand as long as the session: it forgets what nobody holds, and the next field asks for the same."""
    db.session.info.setdefault("held", set()).update(rows)


def _points_bare(field: Field) -> bool:
    """Whether a field points to a row everybody may read, which no attribute of its own record reaches."""
    target: Any = field.target
    if field.kind is not Kind.relation or field.relation or not hasattr(target, "__rows__"):
        return False
    return target.__rows__ not in access.GUARDED and not hasattr(target, "deleted_at")


def model_named(resource: str) -> type[Any]:
    """The record type that goes by this word. Raises `NotFound`."""
    model = models_by_resource().get(resource)
    if model is None:
        raise NotFound(say("没有这种记录。", "There is no such kind of record."))
    return model


def may_change(record: Any, act: Act = Act.edit) -> bool:
    """Whether this person's rights reach this record for the act (its state is another question)."""
    rows = getattr(type(record), "__rows__", None)
    who = access.principal()
    if rows in access.GUARDED:
        return access.may_write(record, act, who)
    return who.may(act, access.resource_of(type(record)))


def pick(
    model: type[Any], text: str, *, category: str = "", limit: int = PICKED
) -> list[tuple[int, str, str]]:
    """Records to choose from, by what was typed: id, title, second line. Only such as this person may read."""
    if model is User or not hasattr(model, "__rows__"):
        return _pick_plain(model, text, limit)
    statement = select(model)
    if category:
        statement = statement.where(model.category == category)
    if hasattr(model, "active"):
        statement = statement.where(model.active)
    for term in text.split():
        statement = statement.where(searching.matches(model, term))
    of = next((field for field in visible_fields(model) if field.name == "customer_id"), None)
    if of is not None:
        statement = statement.options(joinedload(model.customer))
    rows = db.session.scalars(statement.order_by(model.id).limit(limit)).all()
    return [(row.id, title_of(row), _second_line(row, of)) for row in rows]


def _pick_plain(model: type[Any], text: str, limit: int) -> list[tuple[int, str, str]]:
    """FAB's own tables, which carry a name and nothing else of ours."""
    statement = select(model).where(cast(model.name, String).icontains(text, autoescape=True))
    return [(row.id, row.name, "") for row in db.session.scalars(statement.order_by(model.name).limit(limit))]


def _second_line(record: Any, of: Field | None) -> str:
    """What tells namesakes apart: the code or number, or else the customer they belong to."""
    own = getattr(record, "code", None) or getattr(record, "no", None)
    return str(own or (_related_title(record, of) if of and getattr(record, of.name) else ""))


# ---- saving ------------------------------------------------------------------------------------------------

Check = Callable[[Any], Iterable[Problem]]
checks: dict[type[Any], list[Check]] = {}
"""Rules a whole record must keep beyond its columns, by record type; areas add theirs (`@checked`)."""


def checked(model: type[Any]) -> Callable[[Check], Check]:
    """Have a record checked by this function whenever it is saved, through whatever door."""

    def add(check: Check) -> Check:
        checks.setdefault(model, []).append(check)
        return check

    return add


def create(model: type[Any], typed: Mapping[str, Any]) -> Any:
    """A new record from what was typed. Inside `transaction()`.

    Raises:
        NotAllowed: this person may not create one.
        BadInput: every problem found, each with its field.

    """
    who = access.principal()
    who.check(Act.create, access.resource_of(model))
    record = model()
    _fill(record, typed, editable_fields(model, who), new=True)
    settle_owner(record)
    _check(record)
    db.session.add(record)
    db.session.flush()
    return record


def change(record: Any, typed: Mapping[str, Any], version_no: int | None) -> Any:
    """The record with what was typed; fields not named stay. Inside `transaction()`, where it was found.

    Raises:
        Stale: somebody changed it after version `version_no` was read.
        BadInput: every problem found, each with its field.

    """
    model = type(record)
    access.principal().check(Act.edit, access.resource_of(model))
    if version_no is not None and hasattr(record, "version_no") and record.version_no != version_no:
        raise stale(*changes_since(record, version_no))
    allowed = editable_fields(model)
    _fill(record, typed, allowed, new=False)
    shown = {field.name for field in extra_conditions.shown(record, allowed)}
    if hidden := [name for name in typed if name not in shown]:
        raise BadInput([Problem(_not_editable(model, name), name) for name in hidden])
    settle_owner(record)
    _check(record)
    db.session.flush()
    return record


def remove(record: Any) -> None:
    """Put a business record in the bin, or switch a configuration row off. Inside `transaction()`.

    Raises:
        NotAllowed: this person may not.
        WrongState: such records are kept for ever (R24).

    """
    who = access.principal()
    who.check(Act.delete, access.resource_of(type(record)))
    if not is_removable(type(record)):
        raise WrongState(say("这类记录须长期保存，不能删除。", "Such records are kept and never deleted."))
    if hasattr(record, "deleted_at"):
        record.deleted_at = now()
        record.deleted_by_id = who.user_id
    elif hasattr(record, "active"):
        record.active = False
    else:
        db.session.delete(record)
    db.session.flush()


def binned(model: type[Any]) -> Query:
    """What lies in the bin of a type and this person may take out of it again, the newest first.

    Raises `NotFound` for a type that has no bin, `NotAllowed`.
    """
    who = access.principal()
    if not hasattr(model, "deleted_at"):
        raise NotFound(say("这类记录没有回收站。", "Such records have no recycle bin."))
    who.check(Act.delete, access.resource_of(model))
    mine = access.within(model, Act.delete, who)
    if hasattr(model, "__twins__"):  # a merged record comes back by taking the merge back
        merged = select(RecordMerge.merged_id).where(
            RecordMerge.object_type == model.__tablename__, RecordMerge.undone_at.is_(None)
        )
        alone = model.id.not_in(merged)
        mine = alone if mine is None else and_(mine, alone)
    return Query(model, within=mine, binned=True)


def restore(model: type[Any], id_: int) -> Any:
    """Take a record out of the bin. Inside `transaction()`.

    Raises:
        NotFound: there is none in the bin, or none this person may take out.
        NotAllowed: he may not delete such records, and so not bring them back.
        WrongState: what it belongs to lies in the bin itself.

    """
    query = binned(model)
    asked = _limited(query).where(model.id == id_).options(undefer("*"))
    record = db.session.scalars(asked).first()
    if record is None:
        raise NotFound(
            say("回收站里没有这条记录，或您无权恢复。", "It is not in the bin, or you may not restore it.")
        )
    for field in fields_of(model):
        key = getattr(record, field.name) if field.kind is Kind.relation and field.required else None
        if key is not None and not _is_reachable(field, key):
            raise WrongState(
                say(
                    "请先恢复它所属的{what}。",
                    "Restore what it belongs to first: {what}.",
                    what=field.label,
                )
            )
    record.deleted_at = record.deleted_by_id = None
    db.session.flush()
    return record


def is_removable(model: type[Any]) -> bool:
    """Whether rows of this type can go at all: to the bin, out of use, or, being settings, away (R24)."""
    has_way_out = hasattr(model, "deleted_at") or hasattr(model, "active")
    return has_way_out or model.__rows__ not in access.GUARDED or getattr(model, "__part__", False)


def _fill(record: Any, typed: Mapping[str, Any], allowed: tuple[Field, ...], *, new: bool) -> None:
    """Set what was typed, all problems collected before the first is told."""
    problems: list[Problem] = []
    names = {field.name: field for field in allowed}
    problems += [Problem(_not_editable(type(record), name), name) for name in typed if name not in names]
    for field in allowed:
        if field.name not in typed and not (new and field.required):
            continue
        if not new and field.kind is Kind.relation and _is_kept(record, field, typed[field.name]):
            continue  # what it points to was chosen before
        try:
            value = value_of(field, typed.get(field.name))
        except values.BadValue as error:
            problems.append(Problem(error.words, field.name))
            continue
        if field.kind is Kind.sealed and not new and value == getattr(record, field.name):
            continue  # the masked form came back untouched
        if value is not None or not field.required:
            setattr(record, field.name, value)
    if problems:
        raise BadInput(problems)


def _is_kept(record: Any, field: Field, typed: Any) -> bool:
    """Whether a relation comes back as it was."""
    key = getattr(record, field.name)
    return key is not None and str(typed).strip() == str(key)


def _not_editable(model: type[Any], name: str) -> Words:
    field = field_named(model, name)
    if field is None:
        return say("没有“{name}”这个字段。", "There is no field '{name}'.", name=name[:60])
    return say("{label}不能直接填写。", "{label} cannot be typed here.", label=field.label)


def value_of(field: Field, raw: Any) -> Any:
    """The value of a field as typed; what it points to must be there, and be seen by this person. Raises `BadValue`."""
    value = values.parse(field, raw)
    if field.kind is not Kind.relation or value is None:
        return value
    key = values.whole(str(value).strip())
    if key is None or not _is_reachable(field, key):
        raise values.BadValue(
            say(
                "{label}：所选的记录不存在，或您无权查看。",
                "{label}: what you chose is gone, or you may not see it.",
                label=field.label,
            )
        )
    return key


def picked_title(field: Field, id_: int) -> str:
    """What the record a relation points to is called, if this person may see it."""
    target: Any = field.target
    found = db.session.scalars(select(target).where(target.id == id_).execution_options(**BY_KEY)).first()
    if found is None:
        return ""
    return title_of(found) if hasattr(target, "__rows__") else str(getattr(found, "name", id_))


def _is_reachable(field: Field, id_: int) -> bool:
    target: Any = field.target
    statement = select(target.id).where(target.id == id_)
    if is_lookup(field) and field.info.lookup:
        statement = statement.where(target.category == field.info.lookup)
    return db.session.scalar(statement) is not None


def _check(record: Any) -> None:
    found = [problem for check in checks.get(type(record), ()) for problem in check(record)]
    if found:
        raise BadInput(found)


def settle_owner(record: Any) -> None:
    """An owned record belongs to somebody: to him who makes it, if nobody is named; its unit is its owner's."""
    if not hasattr(type(record), "owner_id"):
        return
    who = access.principal()
    if record.owner_id is None and not inspect(record).persistent:
        record.owner_id = who.employee_id
    history = inspect(record).attrs.owner_id.history
    if record.owner_id is not None and (history.has_changes() or record.org_unit_id is None):
        unit = db.session.scalar(select(Employee.org_unit_id).where(Employee.id == record.owner_id))
        record.org_unit_id = unit


def changes_since(record: Any, version_no: int) -> tuple[str, list[Change], int]:
    """Who changed a record after this version, what, and its version now (for the sentence of a stale form)."""
    model = type(record)
    lines = db.session.execute(
        select(AuditLog.changes, Employee.name)
        .outerjoin(Employee, Employee.id == AuditLog.person_id)
        .where(
            AuditLog.object_type == model.__tablename__,
            AuditLog.object_id == record.id,
            AuditLog.object_version > version_no,
        )
        .order_by(AuditLog.id)
    ).all()
    before: dict[str, str] = {}
    by = ""
    for changed, name in lines:
        by = name or by
        for key, pair in (changed or {}).items():
            before.setdefault(key, str(pair[0] if pair[0] is not None else values.EMPTY))
    found = [
        Change(field.name, field.label, before[field.name], text_of(record, field))
        for field in visible_fields(model)
        if field.name in before
    ]
    return by or str(SOMEBODY), found, record.version_no


SOMEBODY = Words("其他人", "Somebody else")


def refuse_deleted(record: Any) -> None:
    """Raises `Refusal` when the record lies in the bin."""
    if getattr(record, "deleted_at", None) is not None:
        raise Refusal(
            say("这条记录在回收站中，请先恢复。", "This record lies in the recycle bin: restore it first.")
        )
