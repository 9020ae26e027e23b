"""Every operator and function: how it is written in both languages and what types it takes and gives.

To add one: an entry here, its meaning in `evaluating`, `sql` and `bounds`; a test asks for all four.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.services.language.kinds import (
    BOOL,
    COUNT,
    DATE,
    DAYS,
    MOMENT,
    MONEY,
    QUANTITY,
    RATE,
    SCALE,
    Kind,
    Type,
)
from app.services.language.problems import BadFormula, refuse
from app.services.language.trees import Literal, Node
from app.words import Words, say

Rule = Callable[[tuple[Node, ...], tuple[Type, ...]], Type]

ORDERED = frozenset({*SCALE, Kind.date, Kind.moment})


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its words, how many arguments it takes, its typing rule, and how deep its SQL nests."""

    words: Words
    least: int
    most: int
    rule: Rule
    is_function: bool = False
    nesting: int = 3


def mismatch(node: Node, first: Type, second: Type) -> BadFormula:
    """The refusal of two units that do not meet, with the way out when it is a bare number."""
    zh, en = "{first}和{second}不能放在一起", "{first} and {second} do not go together"
    if isinstance(node, Literal) and second == COUNT and first.kind in SCALE:
        zh = "这个数字缺单位：这里要{first}，例如 {example_zh}"
        en = "This number lacks its unit: {first} is expected, for example {example_en}"
    values: dict[str, object] = {"first": first.words, "second": second.words}
    values["example_zh"], values["example_en"] = EXAMPLES.get(first.kind, ("3", "3"))
    return refuse(zh, en, node.at, **values)


EXAMPLES = {
    Kind.money: ("50万元、500000元", "CNY 500000"),
    Kind.quantity: ("12.5单位", "12.5 units"),
    Kind.rate: ("15%", "15%"),
    Kind.points: ("85分", "85 points"),
    Kind.days: ("30天", "30 days"),
}


def same(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    """All arguments have one type; it is given back. The bare number among units is the one blamed."""
    unit = next((type_ for type_ in types if type_ != COUNT), types[0])
    for arg, type_ in zip(args, types, strict=True):
        if type_ != unit:
            raise mismatch(arg, unit, type_)
    return unit


def _needs(kinds: frozenset[Kind], what: Words, args: tuple[Node, ...], types: tuple[Type, ...]) -> None:
    for arg, type_ in zip(args, types, strict=True):
        if type_.kind not in kinds:
            raise refuse(
                "这里要{what}，却是{type}",
                "{what} is expected here, not {type}",
                arg.at,
                what=what,
                type=type_.words,
            )


NUMBER = say(zh="数字", en="A number")
CONDITION = say(zh="一个条件", en="A condition")
COMPARABLE = say(zh="有大小先后的值", en="A value with an order")
DAY = say(zh="日期", en="A date")
WRITING = say(zh="文本", en="A text")


def _equal(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    same(args, types)
    return BOOL


def _ordered(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    unit = same(args, types)
    _needs(ORDERED, COMPARABLE, args, (unit,) * len(args))
    return BOOL


def _within(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    for arg in args[1:]:
        if not isinstance(arg, Literal):
            raise refuse(
                "「属于」的括号里只能写固定的值", "Only fixed values may stand in the list of “in”", arg.at
            )
    return _equal(args, types)


def _truths(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset({Kind.bool}), CONDITION, args, types)
    return BOOL


def _cases(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    pairs = len(args) // 2
    tests, values = slice(0, 2 * pairs, 2), [*range(1, 2 * pairs, 2)] + ([2 * pairs] if len(args) % 2 else [])
    _truths(args[tests], types[tests])
    return same(tuple(args[i] for i in values), tuple(types[i] for i in values))


def _sum(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    if types[0] in (DATE, MOMENT) and types[1].kind in (Kind.days, Kind.count):
        if types[1] != DAYS:
            raise mismatch(args[1], DAYS, types[1])
        return types[0]
    unit = same(args, types)
    _needs(frozenset(SCALE), NUMBER, args, (unit, unit))
    return unit


PRODUCTS = {"*": COUNT, "*rate": RATE, "*quantity": QUANTITY}
"""The factor each product takes; the other number keeps its unit. All three are written ×."""


def product_of(types: tuple[Type, ...]) -> str | None:
    """Which product multiplies the first type by the second; None when it makes no sense."""
    first, second = types
    return next(
        (op for op, factor in PRODUCTS.items() if second == factor and (op != "*quantity" or first == MONEY)),
        None,
    )


def _product(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset(SCALE), NUMBER, args, types)
    if product_of(types) is None:
        raise refuse(
            "{first}不能乘以{second}；只能乘以计数或比率",
            "{first} cannot be multiplied by {second}; a count or a rate can",
            args[1].at,
            first=types[0].words,
            second=types[1].words,
        )
    return types[0]


def _share(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset(SCALE), NUMBER, args, types)
    if types[1] != COUNT:
        raise mismatch(args[1], types[0], types[1])
    return types[0]


def _ratio(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset(SCALE), NUMBER, args, (same(args, types),) * 2)
    return RATE


def _size(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset(SCALE), NUMBER, args, types)
    return types[0]


def _least(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _ordered(args, types)
    return types[0]


def _dates(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    _needs(frozenset({Kind.date}), DAY, args, types)
    return DAYS if len(args) == 2 else COUNT  # noqa: PLR2004 - two dates have a distance


def _holds_text(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    """A text and a fixed piece of it, with capital and small Latin letters alike."""
    _needs(frozenset({Kind.text}), WRITING, args, types)
    if not isinstance(args[1], Literal) or not args[1].value:
        raise refuse("要找的文字要写成固定的值", "The text looked for must be a fixed one", args[1].at)
    return BOOL


def _coalesce(args: tuple[Node, ...], types: tuple[Type, ...]) -> Type:
    if not isinstance(args[1], Literal):
        raise refuse(
            "缺失时的替代值要写成固定的值", "The value that stands in must be a fixed one", args[1].at
        )
    return same(args, types)


MANY = 200

OPERATORS: dict[str, Operator] = {
    "or": Operator(say("或", "or"), 2, MANY, _truths),
    "and": Operator(say("且", "and"), 2, MANY, _truths),
    "not": Operator(say("非", "not"), 1, 1, _truths),
    "=": Operator(say("=", "="), 2, 2, _equal),
    "!=": Operator(say("≠", "≠"), 2, 2, _equal),
    "<": Operator(say("<", "<"), 2, 2, _ordered),
    "<=": Operator(say("≤", "≤"), 2, 2, _ordered),
    ">": Operator(say(">", ">"), 2, 2, _ordered),
    ">=": Operator(say("≥", "≥"), 2, 2, _ordered),
    "in": Operator(say("属于", "in"), 2, MANY, _within, nesting=6),
    "between": Operator(say("介于", "between"), 3, 3, _ordered, nesting=6),
    "span": Operator(say("自", "from"), 3, 3, _ordered, nesting=6),
    "missing": Operator(say("缺失", "is missing"), 1, 1, lambda _args, _types: BOOL),
    "cases": Operator(say("若", "if"), 2, MANY, _cases, nesting=6),
    "+": Operator(say("+", "+"), 2, 2, _sum),
    "-": Operator(say("-", "-"), 2, 2, _sum),
    **{op: Operator(say("×", "×"), 2, 2, _product, nesting=13 if op != "*" else 3) for op in PRODUCTS},
    "/": Operator(say("/", "/"), 2, 2, _share, nesting=13),
    "ratio": Operator(say("占比", "ratio"), 2, 2, _ratio, is_function=True, nesting=13),
    "min": Operator(say("最小", "min"), 2, 8, _least, is_function=True, nesting=6),
    "max": Operator(say("最大", "max"), 2, 8, _least, is_function=True, nesting=6),
    "clamp": Operator(say("限于", "clamp"), 3, 3, _least, is_function=True, nesting=6),
    "abs": Operator(say("绝对值", "abs"), 1, 1, _size, is_function=True),
    "days_between": Operator(say("相隔天数", "days_between"), 2, 2, _dates, is_function=True, nesting=6),
    "year": Operator(say("年份", "year"), 1, 1, _dates, is_function=True, nesting=6),
    "month": Operator(say("月份", "month"), 1, 1, _dates, is_function=True, nesting=6),
    "contains": Operator(say("包含", "contains"), 2, 2, _holds_text, is_function=True, nesting=6),
    "starts": Operator(say("开头是", "starts"), 2, 2, _holds_text, is_function=True, nesting=6),
    "coalesce": Operator(say("缺省", "coalesce"), 2, 2, _coalesce, is_function=True),
}
"""`between` includes both ends, `span` (自…至不足…, from…to below…) only the first. `cases` is if/then/else with any
number of tests; without an else, nothing else is known. `a / n` shares by a count; `ratio(a, b)` is a rate."""
