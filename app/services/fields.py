"""What the schema says of each field of a record type, worked out once, for every door."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import JSON, Boolean, Date, Enum, Integer, LargeBinary, Text, event, func, inspect, select
from sqlalchemy.orm import ColumnProperty, Session

from app.columns import (
    Choice,
    FieldInfo,
    MomentType,
    MoneyType,
    PointsType,
    QuantityType,
    RateType,
    Scaled,
    Sealed,
)
from app.extensions import Model, db
from app.models import (
    EXTRA,
    Attachment,
    Employee,
    Extended,
    InfoItem,
    ItemCategory,
    ItemType,
    Lookup,
    Sensitivity,
)
from app.services import access
from app.services.access import mappers, resource_of
from app.words import Words


class Kind(enum.StrEnum):
    """What a field holds, which decides how it is typed, shown, compared and exported."""

    text = enum.auto()
    long = enum.auto()
    integer = enum.auto()
    money = enum.auto()
    quantity = enum.auto()
    rate = enum.auto()
    points = enum.auto()
    date = enum.auto()
    moment = enum.auto()
    flag = enum.auto()
    choice = enum.auto()
    choices = enum.auto()
    relation = enum.auto()
    file = enum.auto()
    sealed = enum.auto()
    json = enum.auto()


NUMBERS = frozenset({Kind.integer, Kind.money, Kind.quantity, Kind.rate, Kind.points})
SCALED = {MoneyType: Kind.money, QuantityType: Kind.quantity, RateType: Kind.rate, PointsType: Kind.points}


@dataclass(frozen=True, slots=True)
class Item:
    """What an administrator said of a field he added, beyond what every field has."""

    id: int
    key: str
    category: ItemCategory
    read_role_id: int | None
    edit_role_id: int | None
    required: bool
    required_if: str
    visible_if: str
    formula: str
    stage: str
    fresh_days: int | None
    keeps_history: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen in a field of several choices; `code` is what is kept."""

    code: str
    words: Words
    active: bool


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a record type.

    `name` is its attribute (a relation goes by its key, `customer_id`), `relation` the relationship that reaches the
    related record, `target` that record's type.
    """

    name: str
    kind: Kind
    info: FieldInfo
    required: bool
    max_length: int | None = None
    choices: type[Choice] | None = None
    relation: str = ""
    target: type[Any] | None = None
    sealed: Sealed | None = None
    unique: bool = False
    default: Any = None
    item: Item | None = None
    """What an administrator said of it, if he added it."""
    options: tuple[Option, ...] = ()
    """Of several choices: what can be chosen."""

    @property
    def label(self) -> Words:
        return self.info.label

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS


_known: dict[type[Any], tuple[Field, ...]] = {}


def every_field(model: type[Any]) -> tuple[Field, ...]:
    """The fields of a record type: those of the schema, then those an administrator added."""
    return (*fields_of(model), *extra_fields(model))


def fields_of(model: type[Any]) -> tuple[Field, ...]:
    """The labelled fields of a record type, in the order the schema declares them."""
    if model not in _known:
        _known[model] = _read(model)
    return _known[model]


def _read(model: type[Any]) -> tuple[Field, ...]:
    mapper = inspect(model)
    relations = {
        column: relation
        for relation in mapper.relationships
        if not relation.uselist
        for column in relation.local_columns
    }
    found = []
    for prop in mapper.column_attrs:
        column = prop.columns[0]
        if "field" in column.info:
            order = column._creation_order
            found.append((order, _field(prop, relations.get(column))))
    own = sorted((pair for pair in found if pair[1].name not in STAMPS), key=lambda pair: pair[0])
    stamps = [pair for pair in found if pair[1].name in STAMPS]
    return tuple(field for _order, field in [*own, *stamps])


STAMPS = ("active", "created_at", "changed_at")


def field_named(model: type[Any], name: str) -> Field | None:
    """The field of this name, if the record type has it."""
    among = extra_fields(model) if name.startswith(EXTRA) else fields_of(model)
    return next((field for field in among if field.name == name), None)


def listed(model: type[Any]) -> tuple[Field, ...]:
    """The fields a list shows: what the record is called first, since that is what the eye looks for."""
    titles = titles_of(model)
    found = [field for field in every_field(model) if field.info.listed]
    called = [field for field in found if titles and titles[0] in {field.name, field.relation}]
    return (*called, *(field for field in found if field not in called))


@cache
def models_by_resource() -> dict[str, type[Any]]:
    """Every record type that has a name of its own, by the word it goes by."""
    named = {resource_of(mapper.class_): mapper.class_ for mapper in mappers()}
    return {resource: model for resource, model in named.items() if hasattr(model, "__label__")}


def labels_of(model: type[Any]) -> Words:
    """What records of this type are called."""
    zh, en = model.__label__
    return Words(zh, en)


@dataclass(frozen=True, slots=True)
class Part:
    """A titled group of fields on pages and forms."""

    name: str
    title: Words
    fields: tuple[Field, ...]


def parts_of(model: type[Any], fields: Iterable[Field]) -> tuple[Part, ...]:
    """These fields in the groups the schema names (`__sections__`: first field, zh, en); the stamps come last."""
    order = {field.name: index for index, field in enumerate(fields_of(model))}
    named = getattr(model, "__sections__", ())
    starts = sorted((order[first], first, Words(zh, en)) for first, zh, en in named) or [
        (-1, "main", Words("基本信息", "Basic information"))
    ]
    grouped: dict[int, list[Field]] = {index: [] for index in range(len(starts) + 1)}
    placed: dict[ItemCategory, list[Field]] = {category: [] for category in ItemCategory}
    for field in fields:
        if field.item is not None:
            placed[field.item.category].append(field)
            continue
        stamp = field.name in STAMPS[1:]
        before = [index for index, start in enumerate(starts) if start[0] <= order[field.name]]
        grouped[len(starts) if stamp else max(before, default=0)].append(field)
    grouped[0] += placed.pop(ItemCategory.basic)
    titles = [(name, title) for _at, name, title in starts] + [("record", Words("记录", "Record"))]
    parts = [Part(*titles[index], tuple(found)) for index, found in grouped.items() if found]
    added = [Part(f"part-{name.value}", name.words, tuple(found)) for name, found in placed.items() if found]
    last = len(parts) - bool(grouped[len(starts)])
    return (*parts[:last], *added, *parts[last:])


def titles_of(model: type[Any]) -> tuple[str, ...]:
    """The attributes a record of this type is called by."""
    return tuple(getattr(model, "__title__", ("id",)))


def _field(prop: ColumnProperty[Any], relation: Any) -> Field:
    column = prop.columns[0]
    info: FieldInfo = column.info["field"]
    seal: Sealed | None = column.info.get("sealed")
    target = _target(column, relation)
    choices: Any = column.type.enum_class if isinstance(column.type, Enum) else None
    return Field(
        name=seal.name if seal else prop.key,
        kind=_kind(column, seal, target),
        info=info,
        required=not column.nullable and column.default is None and column.server_default is None,
        max_length=getattr(column.type, "length", None) if choices is None else None,
        choices=choices,
        relation=relation.key if relation is not None else "",
        target=target,
        sealed=seal,
        unique=_is_unique(column),
        default=getattr(column.default, "arg", None) if getattr(column.default, "is_scalar", False) else None,
    )


def _target(column: Any, relation: Any) -> type[Any] | None:
    related: type[Any]
    if relation is not None:
        related = relation.mapper.class_
        return related
    for key in column.foreign_keys:
        for mapper in Model.registry.mappers:
            if mapper.local_table is key.column.table:
                related = mapper.class_
                return related
    return None


def _kind(column: Any, seal: Sealed | None, target: type[Any] | None) -> Kind:
    if seal is not None:
        return Kind.sealed
    if target is not None:
        return Kind.relation
    if isinstance(column.type, Scaled):
        return SCALED[type(column.type)]
    for type_, kind in BY_TYPE:
        if isinstance(column.type, type_):
            return kind
    return Kind.text


BY_TYPE: tuple[tuple[type[Any], Kind], ...] = (
    (Enum, Kind.choice),
    (MomentType, Kind.moment),
    (Date, Kind.date),
    (Boolean, Kind.flag),
    (Integer, Kind.integer),
    (JSON, Kind.json),
    (Text, Kind.long),
    (LargeBinary, Kind.json),
)


def _is_unique(column: Any) -> bool:
    if column.unique:
        return True
    return any(
        [part.name for part in key.columns] == [column.name]
        for key in column.table.constraints
        if key.info.get("field")
    )


def is_lookup(field: Field) -> bool:
    """Whether the field's choices are rows of a code list."""
    return field.target is Lookup


# ---- fields an administrator added -------------------------------------------------------------------------

KINDS: dict[ItemType, Kind] = {
    ItemType.text: Kind.text,
    ItemType.long: Kind.long,
    ItemType.number: Kind.quantity,
    ItemType.money: Kind.money,
    ItemType.date: Kind.date,
    ItemType.flag: Kind.flag,
    ItemType.choice: Kind.relation,
    ItemType.choices: Kind.choices,
    ItemType.person: Kind.relation,
    ItemType.relation: Kind.relation,
    ItemType.file: Kind.file,
    ItemType.computed: Kind.quantity,
}
"""What the kinds of extra fields are to every door; one choice is a row of a code list of the field's own, a file the
newest version of a document of the record."""
LONGEST_TEXT = 255
WORKED_OUT = frozenset({ItemType.computed, ItemType.file})
"""What is never typed: a file is attached."""
UNSORTED = frozenset({Kind.long, Kind.choices, Kind.file})
NOTED = "extra fields"


def extra_fields(model: type[Any]) -> tuple[Field, ...]:
    """The fields an administrator added to a record type, in their order.

    Asked for no statement where somebody asks: what he was found out with says whether they changed since they were
    read last. The house asks one a session.
    """
    return _added(model).in_use


def kept_fields(model: type[Any]) -> tuple[Field, ...]:
    """The fields an administrator added, those no longer in use among them: what was worked out by them is still read."""
    return _added(model).every


@dataclass(frozen=True, slots=True)
class _Added:
    """The fields added to one record type."""

    every: tuple[Field, ...] = ()
    in_use: tuple[Field, ...] = ()


NONE_ADDED = _Added()


def _added(model: type[Any]) -> _Added:
    if not issubclass(model, Extended):
        return NONE_ADDED
    noted: dict[str, _Added] | None = db.session.info.get(NOTED)
    if noted is None:
        noted = db.session.info[NOTED] = _definitions(_state())
    table: Any = model.__tablename__  # type: ignore[attr-defined]
    return noted.get(table, NONE_ADDED)


def _state() -> tuple[Any, ...]:
    who = access.asking()
    if who is not None and who.fields_state:
        return who.fields_state
    return tuple(db.session.execute(select(func.max(InfoItem.changed_at), func.count(InfoItem.id))).one())


@lru_cache(maxsize=1)
def _definitions(_state: tuple[Any, ...]) -> dict[str, _Added]:
    """The extra fields by table, read anew when they changed."""
    items = db.session.scalars(select(InfoItem).order_by(InfoItem.position, InfoItem.id)).all()
    options = _options([item for item in items if item.data_type is ItemType.choices])
    found: dict[str, list[Field]] = {}
    for item in items:
        found.setdefault(item.object_type, []).append(
            _extra_field(item, options.get(list_of(item.object_type, item.key), ()))
        )
    return {
        table: _Added(tuple(fields), tuple(field for field in fields if field.item and field.item.active))
        for table, fields in found.items()
    }


def _options(items: Sequence[InfoItem]) -> dict[str, tuple[Option, ...]]:
    """What can be chosen in these fields, by code list; one statement where there are any."""
    if not items:
        return {}
    found: dict[str, list[Option]] = {}
    lists = select(Lookup).where(Lookup.category.in_([list_of(item.object_type, item.key) for item in items]))
    for row in db.session.scalars(lists.order_by(Lookup.position, Lookup.id)):
        option = Option(row.code, Words(row.name_zh, row.name_en), row.active)
        found.setdefault(row.category, []).append(option)
    return {category: tuple(options) for category, options in found.items()}


def list_of(object_type: str, key: str) -> str:
    """The code list that holds the choices of an extra field."""
    return f"{object_type}.{key}"[:60]


def _extra_field(item: InfoItem, options: tuple[Option, ...]) -> Field:
    targets: dict[ItemType, Any] = {
        ItemType.choice: Lookup,
        ItemType.person: Employee,
        ItemType.relation: models_by_resource().get(item.target or ""),
        ItemType.file: Attachment,
    }
    kind = KINDS[item.data_type]
    return Field(
        name=f"{EXTRA}{item.key}",
        kind=kind,
        info=FieldInfo(
            label=Words(item.label_zh, item.label_en),
            help=Words(item.help_zh, item.help_en or item.help_zh) if item.help_zh else None,
            edit=item.data_type not in WORKED_OUT,
            listed=item.shown_in_list,
            sort=kind not in UNSORTED,
            lookup=list_of(item.object_type, item.key) if item.data_type is ItemType.choice else "",
            confidential=item.sensitivity is Sensitivity.confidential,
        ),
        required=False,
        max_length=LONGEST_TEXT if kind is Kind.text else None,
        target=targets.get(item.data_type),
        options=options,
        item=Item(
            id=item.id,
            key=item.key,
            category=item.category,
            read_role_id=item.read_role_id,
            edit_role_id=item.edit_role_id,
            required=item.required,
            required_if=item.required_if or "",
            visible_if=item.visible_if or "",
            formula=item.formula or "",
            stage=item.required_at_stage or "",
            fresh_days=item.fresh_days,
            keeps_history=item.keeps_history,
            active=item.active,
        ),
    )


@event.listens_for(Session, "after_flush")
def _forget(session: Session, _context: Any) -> None:
    """Who changes a definition sees it at once."""
    if any(isinstance(row, InfoItem) for row in (*session.new, *session.dirty, *session.deleted)):
        _definitions.cache_clear()
        session.info[NOTED] = None


def is_seen(field: Field, who: access.Principal) -> bool:
    """Whether this person's roles let him see a field somebody added."""
    role = field.item.read_role_id if field.item is not None else None
    return role is None or who.system or role in who.role_ids


def is_written(field: Field, who: access.Principal) -> bool:
    """Whether this person's roles let him write a field somebody added."""
    role = field.item.edit_role_id if field.item is not None else None
    return role is None or who.system or role in who.role_ids
