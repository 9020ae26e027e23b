"""What lists can be filtered by: the fields a person may see, as facts of the condition language, and its short forms.

A short form is one line of the filter: a field, a comparison and what it is compared with, as written (`in.status=active`).
Every line and every group of lines is a tree of the language, so a filter means the same in Python and on both databases;
what only the language can say is kept as it was written. A field the reader may not see is no fact: he cannot ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, func, inspect, literal, select

from app.columns import FieldInfo, MomentType, WordsType, keyring
from app.errors import BadRequest
from app.extensions import company
from app.models import Customer, Interaction, Visit
from app.roles import Act
from app.services import access, extras, values
from app.services.fields import Field, Kind
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import Formula, check, parse
from app.services.language.kinds import (
    BOOL,
    COUNT,
    DATE,
    DAYS,
    MOMENT,
    MONEY,
    POINTS,
    QUANTITY,
    RATE,
    TEXT,
    Type,
    choice,
    to_raw,
    typed,
)
from app.services.language.problems import BadFormula
from app.services.language.sql import greatest, sql
from app.services.language.trees import Apply, Literal, Name, Node, replace, walk
from app.services.language.wording import text
from app.words import Words, say

TYPES: dict[Kind, Type] = {
    Kind.flag: BOOL,
    Kind.integer: COUNT,
    Kind.money: MONEY,
    Kind.quantity: QUANTITY,
    Kind.rate: RATE,
    Kind.points: POINTS,
    Kind.date: DATE,
    Kind.moment: MOMENT,
    Kind.text: TEXT,
    Kind.long: TEXT,
    Kind.choices: TEXT,
}
"""The type of the language for each kind of field; choices have vocabularies of their own."""

AS_FILTERED = {**TYPES, Kind.relation: COUNT, Kind.file: COUNT, Kind.sealed: TEXT}
"""In filters a relation is the key of what it points to, and a sealed field is known by the whole of it alone."""


# ---- lines and groups --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """One line: a field, a comparison, and what it is compared with (as written)."""

    field: Field
    op: str
    raw: str


@dataclass(frozen=True, slots=True)
class Written:
    """A condition no line can show, as a part of the formula it was written in."""

    tree: Node


@dataclass(frozen=True, slots=True)
class Group:
    """Lines and groups of which all must hold, or any."""

    any: bool
    items: tuple[Item, ...]


Item = Condition | Written | Group

MOMENTS = ("from", "to", "is", "last", "next", "idle", "within", "none", "some")
OPS: dict[Kind, tuple[str, ...]] = {
    Kind.text: ("has", "is", "starts", "in", "not", "none", "some"),
    Kind.long: ("has", "none", "some"),
    Kind.choices: ("has", "none", "some"),
    Kind.file: ("none", "some"),
    Kind.sealed: ("is", "none", "some"),
    Kind.choice: ("in", "not"),
    Kind.relation: ("in", "not", "none", "some"),
    Kind.flag: ("is",),
    **dict.fromkeys((Kind.date, Kind.moment), MOMENTS),
    **dict.fromkeys(
        (Kind.integer, Kind.money, Kind.quantity, Kind.rate, Kind.points),
        ("from", "to", "is", "none", "some"),
    ),
}
"""Which comparisons a kind of field offers; `last`, `next` and `idle` count days from today, `within` names a period."""

OP_WORDS: dict[str, Words] = {
    "has": Words("包含", "contains"),
    "is": Words("等于", "is"),
    "starts": Words("开头是", "starts with"),
    "in": Words("为", "is"),
    "not": Words("不为", "is not"),
    "from": Words("不小于", "from"),
    "to": Words("不大于", "up to"),
    "last": Words("最近（天）", "in the last days"),
    "next": Words("未来（天）", "in the next days"),
    "idle": Words("超过（天）没有", "not for days"),
    "within": Words("在期间", "in the period"),
    "none": Words("为空", "is empty"),
    "some": Words("不为空", "is filled"),
}
BARE = frozenset({"none", "some"})
"""The comparisons with nothing."""
DAY_WORDS = {
    "last": Words("在最近 {} 天内", "in the last {} days"),
    "next": Words("在未来 {} 天内", "in the next {} days"),
    "idle": Words("超过 {} 天没有", "not for {} days"),
}
"""The comparisons in days, as they are read."""


# ---- periods -----------------------------------------------------------------------------------------------

PERIODS: dict[str, tuple[str, Words]] = {
    "yesterday": ("today", Words("昨天", "yesterday")),
    "today": ("tomorrow", Words("今天", "today")),
    "tomorrow": ("day_after", Words("明天", "tomorrow")),
    "last_week": ("this_week", Words("上周", "last week")),
    "this_week": ("next_week", Words("本周", "this week")),
    "next_week": ("week_after", Words("下周", "next week")),
    "last_month": ("this_month", Words("上月", "last month")),
    "this_month": ("next_month", Words("本月", "this month")),
    "next_month": ("month_after", Words("下月", "next month")),
    "last_quarter": ("this_quarter", Words("上季度", "last quarter")),
    "this_quarter": ("next_quarter", Words("本季度", "this quarter")),
    "next_quarter": ("quarter_after", Words("下季度", "next quarter")),
    "last_year": ("this_year", Words("去年", "last year")),
    "this_year": ("next_year", Words("今年", "this year")),
    "next_year": ("year_after", Words("明年", "next year")),
}
"""What a period ends before, and what it is called. Its name is also the fact of its first day."""
AFTER = {
    "day_after": Words("后天", "the day after tomorrow"),
    "week_after": Words("再下周", "the week after next"),
    "month_after": Words("再下月", "the month after next"),
    "quarter_after": Words("再下季度", "the quarter after next"),
    "year_after": Words("后年", "the year after next"),
}
AT = "at."
"""Before the name of a day it is the moment the day begins, in company time."""


def firsts(today: date) -> dict[str, date]:
    """The first day of each period around today."""
    monday = today - timedelta(days=today.weekday())
    months = (today.year * 12 + today.month - 1, 1), (today.year * 12 + (today.month - 1) // 3 * 3, 3)
    found = {"yesterday": today - timedelta(days=1), "today": today}
    found |= {"tomorrow": today + timedelta(days=1), "day_after": today + timedelta(days=2)}
    weeks = ("last_week", "this_week", "next_week", "week_after")
    found |= {name: monday + timedelta(weeks=by) for by, name in enumerate(weeks, -1)}
    for unit, (month, step) in (
        ("month", months[0]),
        ("quarter", months[1]),
        ("year", (today.year * 12, 12)),
    ):
        names = (f"last_{unit}", f"this_{unit}", f"next_{unit}", f"{unit}_after")
        for by, name in enumerate(names, -1):
            at = month + by * step
            found[name] = date(at // 12, at % 12 + 1, 1)
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), company.zone).astimezone(UTC)


def _calendar(today: date) -> Iterator[Fact]:
    """The days and moments relative dates are counted from: the same for every record."""
    named = {name: words for name, (_end, words) in PERIODS.items()} | AFTER
    for name, day in firsts(today).items():
        zh, en = named[name].zh, named[name].en
        yield Fact(name, DATE, zh, en, nullable=False, constant=day)
        yield Fact(
            AT + name, MOMENT, f"{zh}零点", f"the start of {en}", nullable=False, constant=_midnight(day)
        )


# ---- facts -------------------------------------------------------------------------------------------------

NEVER = datetime(1900, 1, 1, tzinfo=UTC)
LAST_CONTACT = Field(
    "last_contact_at", Kind.moment, FieldInfo(Words("最近联系", "Last contact")), required=False
)
"""When somebody last visited the customer or talked with him, of what the reader may read."""


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """A field that is the latest moment in other records, of what the reader may read: their key of this one, the moment."""

    field: Field
    of: tuple[tuple[type[Any], str, str], ...]

    def expression(self, model: type[Any]) -> ColumnElement[Any]:
        """The moment itself; nothing where there is none."""
        never = literal(NEVER, MomentType())
        moments = [
            func.coalesce(
                select(func.max(getattr(other, moment)))
                .where(getattr(other, key) == model.id)
                .correlate(model)
                .scalar_subquery(),
                never,
                type_=MomentType(),
            )
            for other, key, moment in self.of
        ]
        found: ColumnElement[Any] = func.nullif(
            greatest(*moments, type_=MomentType()), never, type_=MomentType()
        )
        return found

    def none_since(self, model: type[Any], low: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the moment lies before this one, or there is none: no later record is looked for than the first found."""
        return and_(
            *(
                ~select(other.id)
                .where(getattr(other, key) == model.id, getattr(other, moment) >= low)
                .correlate(model)
                .exists()
                for other, key, moment in self.of
            )
        )


DERIVED: dict[type[Any], tuple[Latest, ...]] = {
    Customer: (
        Latest(
            LAST_CONTACT,
            ((Interaction, "customer_id", "occurred_at"), (Visit, "customer_id", "held_at")),
        ),
    ),
}
"""What lists can ask for beyond the columns."""


def derived(model: type[Any]) -> tuple[Field, ...]:
    """What this person may ask for beyond the columns."""
    who = access.principal()
    return tuple(
        latest.field
        for latest in DERIVED.get(model, ())
        if all(who.may(Act.read, access.resource_of(other)) for other, _key, _moment in latest.of)
    )


def is_asked(model: type[Any], field: Field) -> bool:
    """Whether a field can be compared with anything."""
    if field.kind is Kind.json or field.sealed or field.item is not None:
        return field.kind is not Kind.json
    return not isinstance(inspect(model).columns[field.name].type, WordsType)


def catalogue_of(model: type[Any], fields: tuple[Field, ...]) -> Catalogue:
    """These fields as facts, and the days relative dates are counted from."""
    return _catalogue(model, fields, company.today())  # type: ignore[arg-type] # a class is hashable


@lru_cache(maxsize=500)
def _catalogue(model: type[Any], fields: tuple[Field, ...], today: date) -> Catalogue:
    further = {latest.field: latest.expression(model) for latest in DERIVED.get(model, ())}
    facts = [
        Fact(
            field.name,
            type_of(field),
            field.label.zh,
            field.label.en,
            nullable=field.kind is not Kind.flag,
            expression=further[field] if field in further else column_of(model, field),
        )
        for field in fields
    ]
    choices = {
        field.choices.__name__: {word.value: word.words for word in field.choices}
        for field in fields
        if field.choices is not None
    }
    return Catalogue([*facts, *_calendar(today)], choices, company.zone)


def column_of(model: type[Any], field: Field) -> Any:
    """What a field is compared and sorted by."""
    if field.item is not None:
        return extras.column_of(model, field)
    return getattr(model, f"{field.name}_index" if field.sealed else field.name)


def type_of(field: Field) -> Type:
    """The type of a field in filters."""
    return choice(field.choices.__name__) if field.choices is not None else AS_FILTERED[field.kind]


# ---- the written form --------------------------------------------------------------------------------------


def read(written: str, catalogue: Catalogue) -> Formula:
    """The condition written in an address. Raises `BadRequest`, also for a field the reader may not see."""
    try:
        return parse(written, catalogue, BOOL)
    except BadFormula as error:
        raise BadRequest(error.words) from error


def formula(item: Item, catalogue: Catalogue) -> Formula:
    """A line or a group as a condition of the language. Raises `BadRequest`."""
    try:
        return check(tree_of(item), catalogue, BOOL)
    except BadFormula as error:
        raise BadRequest(error.words) from error


def written(asked: Formula) -> str:
    """The condition as an address carries it: by the names of the fields, the same in every language."""
    facts = [
        Fact(fact.name, fact.type, fact.name, fact.name, constant=fact.constant)
        for fact in asked.catalogue.facts.values()
    ]
    choices = {
        of: {word: Words(word, word) for word in known} for of, known in asked.catalogue.choices.items()
    }
    bare = Catalogue(facts, choices, asked.catalogue.zone)
    return text(Formula(asked.tree, asked.type, bare), "en")


def clause(model: type[Any], asked: Formula, fields: Iterable[Field]) -> ColumnElement[bool]:
    """The condition in SQL; what is unknown does not match (R33). Raises `BadRequest` for a sealed field not asked whole."""
    sealed = {field.name: f"{model.__tablename__}.{field.name}" for field in fields if field.sealed}
    tree = replace(asked.tree, lambda node: _sealed(node, sealed))
    added = {field.name: field for field in fields if field.item is not None}
    return _clause(model, Formula(tree, asked.type, asked.catalogue), added)


def _clause(model: type[Any], asked: Formula, added: Mapping[str, Field]) -> ColumnElement[bool]:
    """The condition in SQL, its parts so written that an index finds what they ask for, where one can."""
    if isinstance(asked.tree, Apply) and asked.tree.op == "and":
        return and_(*(_clause(model, _part(asked, node, BOOL), added) for node in asked.tree.args))
    found = _by_mirror(model, asked, added)
    if found is None:
        found = _not_since_sql(model, asked)
    return sql(asked) if found is None else found


def _part(asked: Formula, node: Node, of: Type) -> Formula:
    return Formula(node, of, asked.catalogue)


OF_VALUES = frozenset({"=", "in", "<", "<=", ">", ">=", "between", "span", "contains", "starts"})
"""The comparisons that nothing fulfils but a value."""


def _by_mirror(model: type[Any], asked: Formula, added: Mapping[str, Field]) -> ColumnElement[bool] | None:
    """A comparison of one added field: what fulfils it is found in the mirror."""
    if not isinstance(asked.tree, Apply) or asked.tree.op not in OF_VALUES:
        return None
    facts = {part.name for part in walk(asked.tree) if isinstance(part, Name)}
    names = [name for name in facts if asked.catalogue.find(name).constant is None]
    if len(names) != 1 or names[0] not in added:
        return None
    return extras.holding(model, added[names[0]], lambda key: sql(asked, {names[0]: key}))


def _not_since_sql(model: type[Any], asked: Formula) -> ColumnElement[bool] | None:
    """`before … or missing` of a latest moment: nothing of the kind since."""
    for latest in DERIVED.get(model, ()):
        name = Name(latest.field.name)
        match asked.tree:
            case Apply("or", (Apply("<", (first, low)), Apply("missing", (second,)))) if (
                first == second == name
            ):
                return latest.none_since(model, sql(_part(asked, low, MOMENT)))
    return None


SEALED_TESTS = frozenset({"=", "in", "missing"})


def _sealed(node: Node, sealed: Mapping[str, str]) -> Node | None:
    """A test of a sealed field with the blind index of what it is compared with."""
    if not isinstance(node, Apply):
        return None
    names = [arg.name for arg in node.args if isinstance(arg, Name) and arg.name in sealed]
    if not names:
        return None
    first, *others = node.args
    if node.op not in SEALED_TESTS or len(names) > 1 or not all(isinstance(one, Literal) for one in others):
        raise BadRequest(
            say(
                "加密的字段只能按完整的值查找。",
                "A sealed field can be looked for by the whole value alone.",
            )
        )
    hashed = [
        Literal(TEXT, keyring.blind_index(str(one.value), sealed[names[0]]))
        for one in others
        if isinstance(one, Literal)
    ]
    return Apply(node.op, (first, *hashed))


# ---- from lines to trees -----------------------------------------------------------------------------------


def tree_of(item: Item) -> Node:
    """A line or a group as a tree, not yet checked."""
    if isinstance(item, Written):
        return item.tree
    if isinstance(item, Group):
        trees = tuple(tree_of(one) for one in item.items)
        return trees[0] if len(trees) == 1 else Apply("or" if item.any else "and", trees)
    return TREES[item.op](item.field, Name(item.field.name), item.raw)


def _value(field: Field, raw: str) -> Any:
    """What was written, as a value of the field. Raises `BadRequest`."""
    if field.kind is Kind.relation:
        if (key := values.whole(raw)) is None:
            raise BadRequest(say("“{raw}”不是有效的编号。", "'{raw}' is no valid id.", raw=raw[:40]))
        return key
    try:
        found = values.parse(field, raw)
    except values.BadValue as error:
        raise BadRequest(error.words) from error
    if found is None:
        raise BadRequest(say("{label}：请填写条件的值。", "{label}: fill in the value.", label=field.label))
    return found


def _literal(field: Field, raw: str) -> Literal:
    kept = to_raw(type_of(field), _value(field, raw))
    if kept is None:  # pragma: no cover - a value that was read is never missing
        raise BadRequest(say("值无效。", "The value is not valid."))
    return Literal(type_of(field), kept)


def _piece(raw: str) -> Literal:
    """A piece of a text need not have the form the whole must have."""
    return Literal(TEXT, values.clean_line(raw))


def _same(field: Field, name: Name, raw: str) -> Node:
    if field.kind is not Kind.moment:
        return Apply("=", (name, _literal(field, raw)))
    low: Any = _value(field, raw)
    return Apply("span", (name, Literal(MOMENT, low), Literal(MOMENT, low + timedelta(days=1))))


def _until(field: Field, name: Name, raw: str) -> Node:
    """Up to and with: a day given for a moment counts to its end."""
    if field.kind is not Kind.moment:
        return Apply("<=", (name, _literal(field, raw)))
    return Apply("<", (name, Literal(MOMENT, _value(field, raw) + timedelta(days=1))))


def _among(field: Field, name: Name, raw: str) -> Node:
    options = tuple(_literal(field, part) for part in raw.split(",") if part)
    if not options:
        raise BadRequest(say("{label}：请至少选一项。", "{label}: choose one at least.", label=field.label))
    return Apply("in", (name, *options))


def _not_among(field: Field, name: Name, raw: str) -> Node:
    return Apply("or", (Apply("not", (_among(field, name, raw),)), Apply("missing", (name,))))


MOST_DAYS = 100_000


def _days(raw: str) -> Literal:
    days = values.whole(raw.strip(), MOST_DAYS)
    if days is None:
        raise BadRequest(say("天数应为整数。", "The number of days must be a whole number."))
    return Literal(DAYS, days)


def _day(field: Field, name: str) -> Name:
    return Name(AT + name if field.kind is Kind.moment else name)


def _recently(field: Field, name: Name, raw: str) -> Node:
    low = Apply("-", (_day(field, "today"), _days(raw)))
    return Apply("span", (name, low, _day(field, "tomorrow")))


def _soon(field: Field, name: Name, raw: str) -> Node:
    high = Apply("+", (_day(field, "tomorrow"), _days(raw)))
    return Apply("span", (name, _day(field, "today"), high))


def _not_since(field: Field, name: Name, raw: str) -> Node:
    """Longer ago than so many days, or never."""
    low = Apply("-", (_day(field, "today"), _days(raw)))
    return Apply("or", (Apply("<", (name, low)), Apply("missing", (name,))))


def _within(field: Field, name: Name, raw: str) -> Node:
    if raw not in PERIODS:
        raise BadRequest(say("没有“{raw}”这个期间。", "There is no period '{raw}'.", raw=raw[:40]))
    return Apply("span", (name, _day(field, raw), _day(field, PERIODS[raw][0])))


TREES: dict[str, Callable[[Field, Name, str], Node]] = {
    "has": lambda _field, name, raw: Apply("contains", (name, _piece(raw))),
    "starts": lambda _field, name, raw: Apply("starts", (name, _piece(raw))),
    "is": _same,
    "in": _among,
    "not": _not_among,
    "from": lambda field, name, raw: Apply(">=", (name, _literal(field, raw))),
    "to": _until,
    "last": _recently,
    "next": _soon,
    "idle": _not_since,
    "within": _within,
    "none": lambda _field, name, _raw: Apply("missing", (name,)),
    "some": lambda _field, name, _raw: Apply("not", (Apply("missing", (name,)),)),
}


# ---- from trees to lines -----------------------------------------------------------------------------------


def item_of(tree: Node, fields: Iterable[Field]) -> Item:
    """The lines and groups a condition is made of; what no line shows stays as it was written."""
    return _Reader({field.name: field for field in fields}).item(tree)


def parts_of(item: Item) -> tuple[Item, ...]:
    """What must hold together: each can be taken away on its own."""
    return item.items if isinstance(item, Group) and not item.any else (item,)


class _Reader:
    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = fields

    def item(self, node: Node) -> Item:
        if isinstance(node, Apply) and node.op in ("and", "or"):
            items = tuple(self._items(node))
            return items[0] if len(items) == 1 else Group(node.op == "or", items)
        return self.line(node) or Written(node)

    def _items(self, node: Apply) -> Iterator[Item]:
        args = list(node.args)
        while args:
            pair = self._pair(args[0], args[1]) if node.op == "or" and args[1:] else None
            yield pair or self.item(args[0])
            del args[: 2 if pair else 1]

    def _pair(self, first: Node, second: Node) -> Condition | None:
        """`not in … or missing`, `before … or missing`: two terms that are one line."""
        line = self._not_among(first) or self._not_since(first)
        alone = isinstance(second, Apply) and second.op == "missing"
        return line if line and alone and second.args == (Name(line.field.name),) else None  # type: ignore[union-attr]

    def line(self, node: Node) -> Condition | None:
        """The line that means this tree, found by trying each comparison of its field."""
        names = [part.name for part in walk(node) if isinstance(part, Name) and part.name in self.fields]
        if len(names) != 1:
            return None
        field = self.fields[names[0]]
        if isinstance(node, Name):
            return Condition(field, "is", "1")
        for op in OPS[field.kind]:
            for raw in _raws(field, op, node):
                if _means(field, op, raw, node):
                    return Condition(field, op, raw)
        return None

    def _not_among(self, node: Node) -> Condition | None:
        inner = self.line(node.args[0]) if isinstance(node, Apply) and node.op == "not" else None
        return Condition(inner.field, "not", inner.raw) if inner and inner.op == "in" else None

    def _not_since(self, node: Node) -> Condition | None:
        if not isinstance(node, Apply) or node.op != "<" or not isinstance(node.args[0], Name):
            return None
        field = self.fields.get(node.args[0].name)
        for raw in _literals(node) if field else ():
            if _means(field, "idle", raw, Apply("or", (node, Apply("missing", (node.args[0],))))):
                return Condition(field, "idle", raw)  # type: ignore[arg-type]
        return None


def _means(field: Any, op: str, raw: str, node: Node) -> bool:
    try:
        return TREES[op](field, Name(field.name), raw) == node
    except (BadRequest, BadFormula, values.BadValue):
        return False


def _raws(field: Field, op: str, node: Node) -> Iterable[str]:
    """What may have been written for a comparison to give this tree."""
    if op in BARE:
        return ("",)
    if op == "within":
        return [part.name.removeprefix(AT) for part in walk(node) if isinstance(part, Name)]
    if field.kind is Kind.flag:
        return ("1", "0")
    if op in {"in", "not"}:
        return (",".join(_literals(node)),)
    return _literals(node)


def _literals(node: Node) -> Sequence[str]:
    """The fixed values of a tree as a person types them."""
    return [text for part in walk(node) if isinstance(part, Literal) for text in _shown(part)]


def _shown(node: Literal) -> Iterator[str]:
    if not isinstance(node.value, datetime):
        yield typed(node.type, node.value)
        return
    day = node.value.astimezone(company.zone).date()
    yield day.isoformat()
    yield (day - timedelta(days=1)).isoformat()  # a day counts to its end
