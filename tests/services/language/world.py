"""A small world of facts the tests of the language share: their catalogue, their table, random formulas over them."""

from __future__ import annotations

import datetime as dt
import functools
import random
from decimal import Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from hypothesis import strategies as st

from app.columns import MomentType, MoneyType, PointsType, QuantityType, RateType
from app.services.language.catalogue import Catalogue, Fact
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
    Kind,
    Type,
    choice,
)
from app.services.language.trees import Apply, Literal, Name, Node
from app.words import Words

TODAY = dt.date(2026, 11, 1)
NOON = dt.datetime(2026, 11, 1, 4, 0, tzinfo=dt.UTC)
LEVEL = choice("level")

facts_table = sa.Table(
    "facts",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rate", RateType),
    sa.Column("growth", RateType),
    sa.Column("amount", MoneyType),
    sa.Column("limit", MoneyType),
    sa.Column("stock", QuantityType),
    sa.Column("score", PointsType),
    sa.Column("orders", sa.Integer),
    sa.Column("age", sa.BigInteger),
    sa.Column("is_key", sa.Boolean),
    sa.Column("level", sa.Enum("A", "B", "C", native_enum=False, create_constraint=True, name="level")),
    sa.Column("city", sa.String(60)),
    sa.Column("due_on", sa.Date),
    sa.Column("met_on", sa.Date),
    sa.Column("seen_at", MomentType),
)

_FACTS: list[tuple[str, Type, str, str, tuple[object, object] | None]] = [
    ("rate", RATE, "折扣率", "Discount", (Decimal(0), Decimal(1))),
    ("growth", RATE, "增长率", "Growth", (Decimal(-10), Decimal(10))),
    ("amount", MONEY, "金额", "Amount", (Decimal(-(10**9)), Decimal(10**9))),
    ("limit", MONEY, "信用额度", "Credit limit", (Decimal(-(10**9)), Decimal(10**9))),
    ("stock", QUANTITY, "库存", "Stock", (Decimal(-(10**6)), Decimal(10**6))),
    ("score", POINTS, "得分", "Score", (Decimal(0), Decimal(100))),
    ("orders", COUNT, "订单数", "Orders", (-(2**31), 2**31 - 1)),
    ("age", DAYS, "账龄", "Age", (-9999, 9999)),
    ("is_key", BOOL, "重点客户", "Key customer", None),
    ("level", LEVEL, "等级", "Level", None),
    ("city", TEXT, "城市", "City", None),
    ("due_on", DATE, "到期日", "Due on", None),
    ("met_on", DATE, "拜访日", "Met on", None),
    ("seen_at", MOMENT, "最近联系", "Seen at", None),
]

CATALOGUE = Catalogue(
    [
        *(
            Fact(name, type_, zh, en, domain, expression=facts_table.c[name])  # type: ignore[arg-type]
            for name, type_, zh, en, domain in _FACTS
        ),
        Fact("ceiling", RATE, "折扣上限", "Discount ceiling", constant=Decimal("0.15")),
        Fact("today", DATE, "今天", "Today", constant=TODAY),
        Fact("now", MOMENT, "现在", "Now", constant=NOON),
    ],
    {"level": {"A": Words("重点", "Key"), "B": Words("普通", "Ordinary"), "C": Words("潜在", "Potential")}},
    ZoneInfo("Asia/Shanghai"),
)

EDGES: dict[Kind, list[object]] = {
    Kind.rate: [0, 1, 149_999, 150_000, 150_001, 1_000_000, 333_333, 500_000],
    Kind.money: [
        0,
        1,
        -1,
        4_999,
        5_000,
        5_001,
        -5_000,
        4_999_999_999,
        5_000_000_000,
        10**13,
        -(10**13),
        30_001,
    ],
    Kind.quantity: [0, 1, -1, 500, 1_500, -2_500, 10**9, -(10**9)],
    Kind.points: [0, 1, 5_999, 6_000, 8_000, 10_000],
    Kind.count: [0, 1, 2, 3, -1, -7, 2**31 - 1, -(2**31), 100],
    Kind.days: [0, 1, 29, 30, 31, -1, 9_999],
    Kind.bool: [True, False],
    Kind.choice: ["A", "B", "C"],
    Kind.text: ["成都", "Chengdu", "chengdu", "", " ", "a'b"],
    Kind.date: [
        TODAY,
        TODAY - dt.timedelta(40),
        dt.date(2024, 2, 29),
        dt.date(1900, 1, 1),
        dt.date(2999, 12, 31),
    ],
    Kind.moment: [NOON, NOON - dt.timedelta(microseconds=1), dt.datetime(2025, 12, 31, 16, 0, tzinfo=dt.UTC)],
}


def raw_rows(number: int = 60) -> list[dict[str, object]]:
    """Rows of raw values, a quarter of them missing."""
    dice = random.Random(3)
    return [
        {
            name: None if dice.random() < 0.25 else dice.choice(_inside(type_, domain))
            for name, type_, _, _, domain in _FACTS
        }
        for _ in range(number)
    ]


def _inside(type_: Type, domain: tuple[object, object] | None) -> list[object]:
    values = EDGES[type_.kind]
    bounds = next(
        fact for fact in CATALOGUE.facts.values() if fact.type == type_ and fact.domain == domain
    ).bounds()
    if bounds is None or type_.kind is Kind.date:
        return values
    return [value for value in values if bounds[0] <= value <= bounds[1]]  # type: ignore[operator]


@functools.cache
def literals(type_: Type) -> st.SearchStrategy[Node]:
    values = st.sampled_from(EDGES[type_.kind])
    if type_.kind in (Kind.money, Kind.count, Kind.rate, Kind.points, Kind.quantity):
        values = st.one_of(values, st.integers(-1_000_000, 1_000_000))
    return values.map(lambda value: Literal(type_, value))


@functools.cache
def fields(type_: Type) -> st.SearchStrategy[Node]:
    return st.sampled_from([Name(f.name) for f in CATALOGUE.facts.values() if f.type == type_])


NUMBERS = (MONEY, RATE, COUNT, QUANTITY, POINTS, DAYS)


@functools.cache
def terms(type_: Type, depth: int) -> st.SearchStrategy[Node]:
    """Random well-typed trees of one type; some may be refused for what they could grow to."""
    leaf = st.one_of(fields(type_), literals(type_))
    if depth == 0:
        return leaf
    inner = terms(type_, depth - 1)
    ways = [leaf, leaf]
    if type_ == BOOL:
        ways.extend(_truths(depth - 1))
    else:
        ways.append(_call("cases", conditions(depth - 1), inner, inner))
        ways.append(_call("cases", conditions(depth - 1), inner))
        ways.append(_call("coalesce", inner, literals(type_)))
    if type_ in NUMBERS:
        ways.extend(_numbers(type_, depth - 1, inner))
    if type_ in (*NUMBERS, DATE):
        ways.append(_call("min", inner, inner))
        ways.append(_call("max", inner, inner, inner))
        ways.append(_call("clamp", inner, literals(type_), literals(type_)))
    if type_ == DATE:
        ways.append(_call("+", inner, terms(DAYS, depth - 1)))
        ways.append(_call("-", inner, terms(DAYS, depth - 1)))
    if type_ == MOMENT:
        ways.append(_call("-", st.just(Name("now")), literals(DAYS)))
    return st.one_of(ways)


def _numbers(type_: Type, depth: int, inner: st.SearchStrategy[Node]) -> list[st.SearchStrategy[Node]]:
    ways = [
        _call("+", inner, inner),
        _call("-", inner, inner),
        _call("abs", inner),
        _call("*rate", inner, terms(RATE, 0)),
        _call("*", inner, literals(COUNT)),
    ]
    if type_ != COUNT:
        ways.append(_call("/", inner, terms(COUNT, depth)))
    if type_ == MONEY:
        ways.append(_call("*quantity", inner, terms(QUANTITY, 0)))
    if type_ == RATE:
        ways.extend(_call("ratio", terms(unit, depth), terms(unit, depth)) for unit in NUMBERS)
    if type_ == DAYS:
        ways.append(_call("days_between", terms(DATE, depth), terms(DATE, depth)))
    if type_ == COUNT:
        ways.extend(_call(part, terms(DATE, depth)) for part in ("year", "month"))
    return ways


def _truths(depth: int) -> list[st.SearchStrategy[Node]]:
    """Comparisons, tests of membership, and logic, each as likely as the others."""
    inner = conditions(depth)
    ordered = [(unit, terms(unit, depth)) for unit in (*NUMBERS, DATE, MOMENT)]
    signs = ("=", "!=", "<", "<=", ">", ">=")
    compared = [_call(sign, term, term) for sign in signs for _, term in ordered]
    equal = [
        _call(sign, fields(unit), terms(unit, 0)) for sign in ("=", "!=") for unit in (LEVEL, TEXT, BOOL)
    ]
    listed = [
        _call("in", fields(unit), literals(unit), literals(unit)) for unit in (LEVEL, TEXT, MONEY, DATE)
    ]
    ranged = [
        _call(op, term, literals(unit), literals(unit))
        for op in ("between", "span")
        for unit, term in ordered
    ]
    absent = [_call("missing", terms(unit, depth)) for unit in (MONEY, RATE, BOOL)]
    joined = [_call("and", inner, inner), _call("or", inner, inner, inner), _call("not", inner)]
    chosen = [
        _call("cases", inner, inner, inner),
        _call("=", inner, inner),
        _call("coalesce", inner, literals(BOOL)),
    ]
    groups = (
        compared,
        equal,
        listed + ranged,
        [*absent, _call("missing", fields(LEVEL))],
        joined,
        joined,
        chosen,
    )
    return [st.one_of(group) for group in groups]


def _call(op: str, *args: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.tuples(*args).map(lambda found: Apply(op, found))


@functools.cache
def conditions(depth: int) -> st.SearchStrategy[Node]:
    """Random conditions."""
    return terms(BOOL, depth)


TYPES = (BOOL, BOOL, BOOL, *NUMBERS, DATE, MOMENT, LEVEL, TEXT)
