"""What a formula is worth for one subject, in Python, with missing values as they are in SQL.

Missing in, missing out: only `and`, `or`, `is missing`, `coalesce` and a branch not taken can do without a value.
Where a whole must be made of a division it is rounded half away from zero, in one place: `rounded`.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Mapping
from typing import Any

from app.services.language.bounds import RATIO_LIMIT
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula
from app.services.language.kinds import SCALE, Kind, Model, Raw, Type, to_model, to_raw
from app.services.language.problems import UnknownValue, refuse
from app.services.language.trees import Apply, Literal, Name, Node, names, replace
from app.words import Words, say

Values = Mapping[str, Raw | None]
Evaluator = Callable[[Values], Any]


def evaluate(formula: Formula, values: Mapping[str, object]) -> Model | None:
    """The model value of the formula for model values by fact name; None when it is unknown."""
    return to_model(formula.type, evaluator(formula)(raw_values(formula, values)))


def holds(formula: Formula, values: Mapping[str, object]) -> bool:
    """Whether a filter takes the subject: unknown means no (R33)."""
    return evaluate(formula, values) is True


def decides(formula: Formula, values: Mapping[str, object]) -> bool:
    """Whether a routing condition holds; raises `UnknownValue` naming what is missing (R33)."""
    raw = raw_values(formula, values)
    answer = evaluator(formula)(raw)
    if answer is None:
        raise unknown(formula.tree, formula.catalogue, raw)
    return bool(answer)


def evaluator(formula: Formula) -> Evaluator:
    """The formula as a function of raw values, for many subjects."""
    return build(settle(formula.tree, formula.catalogue))


def raw_values(formula: Formula, values: Mapping[str, object]) -> dict[str, Raw | None]:
    """The raw values of the facts a formula uses; a fact that is not in `values` at all is a mistake of the caller."""
    facts = formula.catalogue.facts
    raw: dict[str, Raw | None] = {}
    for name in formula.facts:
        fact = facts[name]
        if fact.constant is None and name not in values:
            raise refuse("没有提供「{fact}」", "“{fact}” was not supplied", fact=fact.words)
        raw[name] = to_raw(fact.type, values[name] if fact.constant is None else fact.constant)
    return raw


def settle(tree: Node, catalogue: Catalogue) -> Node:
    """The tree with parameters put in and everything that is the same for all subjects computed."""

    def fixed(node: Node) -> Node | None:
        if isinstance(node, Name) and catalogue.facts[node.name].constant is not None:
            fact = catalogue.facts[node.name]
            value = to_raw(fact.type, fact.constant)
            return None if value is None else Literal(fact.type, value, node.at)
        return None

    return _folded(replace(tree, fixed))


def _folded(tree: Node) -> Node:
    if not isinstance(tree, Apply):
        return tree
    args = tuple(_folded(arg) for arg in tree.args)
    tree = Apply(tree.op, args, tree.at)
    if names(tree):
        return tree
    value = build(tree)({})
    return tree if value is None else Literal(_type_of_value(tree, value), value, tree.at)


def _type_of_value(tree: Node, value: Raw) -> Type:
    """The type of a computed constant; the kind of a number is that of the argument that keeps its unit."""
    if isinstance(value, bool):
        return Type(Kind.bool)
    while isinstance(tree, Apply):
        if tree.op in RESULTS:
            return Type(RESULTS[tree.op])
        tree = tree.args[1 if tree.op == "cases" else 0]
    return tree.type if isinstance(tree, Literal) else Type(Kind.count)


RESULTS = {"ratio": Kind.rate, "days_between": Kind.days, "year": Kind.count, "month": Kind.count}


# ---- the meaning of each operator ----------------------------------------------------------------------------


def rounded(dividend: int, divisor: int) -> int:
    """The whole number nearest to a division, halves away from zero. The divisor is not 0."""
    whole = (2 * abs(dividend) + abs(divisor)) // (2 * abs(divisor))
    return whole if (dividend < 0) == (divisor < 0) else -whole


def ratio(part: int, whole: int) -> int | None:
    """A share in parts per million; unknown over 0, and never beyond a million-fold."""
    if whole == 0:
        return None
    if abs(part) // abs(whole) >= RATIO_LIMIT // SCALE[Kind.rate]:
        return RATIO_LIMIT if (part < 0) == (whole < 0) else -RATIO_LIMIT
    return rounded(part * SCALE[Kind.rate], whole)


def _plus(value: Any, more: int) -> Any:
    return value + dt.timedelta(days=more) if isinstance(value, dt.date) else value + more


SMALL = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


def folded(text: str) -> str:
    """The text with small Latin letters for capital ones: what both databases agree on."""
    return text.translate(SMALL)


STRICT: dict[str, Callable[..., Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "not": operator.not_,
    "+": _plus,
    "-": lambda value, less: _plus(value, -less),
    "*": operator.mul,
    "*rate": lambda value, rate: rounded(value * rate, SCALE[Kind.rate]),
    "*quantity": lambda value, quantity: rounded(value * quantity, SCALE[Kind.quantity]),
    "/": lambda value, number: rounded(value, number) if number else None,
    "ratio": ratio,
    "min": min,
    "max": max,
    "clamp": lambda value, low, high: min(max(value, low), high),
    "abs": abs,
    "days_between": lambda start, end: (end - start).days,
    "year": lambda day: day.year,
    "month": lambda day: day.month,
    "contains": lambda text, part: folded(part) in folded(text),
    "starts": lambda text, part: folded(text).startswith(folded(part)),
}
"""Operators that are unknown as soon as one argument is."""


def build(tree: Node) -> Evaluator:
    """The function that gives the raw value of a settled tree."""
    if isinstance(tree, Literal):
        value = tree.value
        return lambda _: value
    if isinstance(tree, Name):
        name = tree.name
        return lambda values: values[name]
    args = [build(arg) for arg in tree.args]
    if tree.op in STRICT:
        return _strict(STRICT[tree.op], args)
    return LAZY[tree.op](*args)


def _strict(meaning: Callable[..., Any], args: list[Evaluator]) -> Evaluator:
    def run(values: Values) -> Any:
        found = [arg(values) for arg in args]
        return None if None in found else meaning(*found)

    return run


def _and(*terms: Evaluator) -> Evaluator:
    def run(values: Values) -> bool | None:
        answers = [term(values) for term in terms]
        return False if False in answers else None if None in answers else True

    return run


def _or(*terms: Evaluator) -> Evaluator:
    def run(values: Values) -> bool | None:
        answers = [term(values) for term in terms]
        return True if True in answers else None if None in answers else False

    return run


def _within(item: Evaluator, *options: Evaluator) -> Evaluator:
    words = frozenset(option({}) for option in options)

    def run(values: Values) -> bool | None:
        found = item(values)
        return None if found is None else found in words

    return run


def _cases(*parts: Evaluator) -> Evaluator:
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    other = parts[-1] if len(parts) % 2 else lambda _: None

    def run(values: Values) -> Any:
        for test, value in pairs:
            answer = test(values)
            if answer is None:
                return None
            if answer:
                return value(values)
        return other(values)

    return run


def _coalesce(item: Evaluator, other: Evaluator) -> Evaluator:
    def run(values: Values) -> Any:
        found = item(values)
        return other(values) if found is None else found

    return run


LAZY: dict[str, Callable[..., Evaluator]] = {
    "and": _and,
    "or": _or,
    "in": _within,
    "between": lambda x, low, high: _and(_strict(operator.ge, [x, low]), _strict(operator.le, [x, high])),
    "span": lambda x, low, high: _and(_strict(operator.ge, [x, low]), _strict(operator.lt, [x, high])),
    "missing": lambda item: lambda values: item(values) is None,
    "cases": _cases,
    "coalesce": _coalesce,
}


# ---- why it is unknown ---------------------------------------------------------------------------------------


def unknown(tree: Node, catalogue: Catalogue, values: Values) -> UnknownValue:
    """The refusal that names the missing facts that left a tree unknown, or says that a division by 0 did."""
    missing = tuple(dict.fromkeys(_missing(settle(tree, catalogue), values)))
    if not missing:
        words = say(
            zh="除数为 0，无法判断；请先补正相关数据",
            en="A division by 0 leaves this undecided; correct the data first",
        )
        return UnknownValue(words, ())
    labels = [catalogue.facts[name].words for name in missing]
    listed = Words(zh="、".join(label.zh for label in labels), en=", ".join(label.en for label in labels))
    words = say(
        zh="缺少「{facts}」，无法判断；请先填写",
        en="“{facts}” is missing, so this cannot be decided; fill it in first",
        facts=listed,
    )
    return UnknownValue(words, missing)


def _missing(tree: Node, values: Values) -> list[str]:
    if isinstance(tree, Name):
        return [tree.name] if values[tree.name] is None else []
    if isinstance(tree, Literal) or build(tree)(values) is not None:
        return []
    return [name for arg in tree.args for name in _missing(arg, values)]
