"""From a tree somebody wrote to a formula that makes sense: names found, types and units right, in its one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeGuard

from app.services.language import bounds, trees
from app.services.language.catalogue import Catalogue
from app.services.language.kinds import BOOL, LARGEST_NUMBER, MOMENT, TEXT, Kind, Type, is_storable
from app.services.language.operators import OPERATORS, mismatch, product_of
from app.services.language.problems import refuse
from app.services.language.reading import read
from app.services.language.trees import Apply, Literal, Name, Node

Typed = tuple[Node, Type]

MAX_NESTING = 60
"""Of the 100 that SQLite's parser holds; the rest is for the statement around the formula."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A checked formula: its tree, its type, and the facts it is about."""

    tree: Node
    type: Type
    catalogue: Catalogue = field(compare=False, repr=False)

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts it uses."""
        return trees.names(self.tree)

    def document(self) -> dict[str, Any]:
        """Its canonical JSON, to be stored."""
        return {"language": trees.VERSION, "tree": trees.dump(self.tree)}


def parse(text: str, catalogue: Catalogue, expects: Type | None = None) -> Formula:
    """The formula written in `text`; raises `BadFormula` with the position of what is wrong."""
    return check(read(text, catalogue), catalogue, expects)


def load(document: object, catalogue: Catalogue, expects: Type | None = None) -> Formula:
    """The formula of a stored document, or of a text as packs hold it."""
    if isinstance(document, str):
        return parse(document, catalogue, expects)
    match document:
        case {"language": trees.VERSION, "tree": tree, **rest} if not rest:
            return check(trees.load(tree), catalogue, expects)
    raise refuse(
        "这不是公式文档（语言版本 {version}）",
        "This is no formula document of language version {version}",
        version=trees.VERSION,
    )


def check(tree: Node, catalogue: Catalogue, expects: Type | None = None) -> Formula:
    """The formula of a tree, or `BadFormula`. Checking a checked tree changes nothing."""
    trees.check_size(tree)
    tree, type_ = _typed(tree, catalogue)
    if expects is not None:
        tree, type_ = as_choice((tree, type_), expects, catalogue)
        if type_ != expects:
            raise mismatch(tree, expects, type_)
    trees.check_size(tree)
    if _nesting(tree) > MAX_NESTING:
        raise refuse(
            "嵌套太深，请拆成几条", "Nested too deep for the database; split it into several", tree.at
        )
    bounds.span(tree, catalogue)
    return Formula(tree, type_, catalogue)


def _nesting(tree: Node) -> int:
    if not isinstance(tree, Apply):
        return 0
    return OPERATORS[tree.op].nesting + max(_nesting(arg) for arg in tree.args)


def _typed(node: Node, catalogue: Catalogue) -> Typed:
    if isinstance(node, Literal):
        return _literal(node, catalogue)
    if isinstance(node, Name):
        fact = catalogue.find(node.name, node.at)
        return Name(fact.name, node.at), fact.type
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise refuse("没有「{op}」这种运算", "There is no operation “{op}”", node.at, op=ascii(node.op)[:40])
    if not operator.least <= len(node.args) <= operator.most:
        raise refuse(
            "「{op}」要 {least} 到 {most} 个参数，却有 {found} 个",
            "“{op}” takes {least} to {most} arguments, not {found}",
            node.at,
            op=operator.words,
            least=operator.least,
            most=operator.most,
            found=len(node.args),
        )
    typed = _with_choices(node.op, [_typed(arg, catalogue) for arg in node.args], catalogue)
    node = _normal(node, typed)
    types = tuple(_type_of(arg, typed) for arg in node.args)
    result = OPERATORS[node.op].rule(node.args, types)
    if result == MOMENT and node.op in "+-" and not _is_fixed(node, catalogue):
        raise refuse(
            "时刻加减天数只能用于固定的时刻，例如现在",
            "Days can be added only to a fixed moment, such as now",
            node.at,
        )
    return node, result


def _type_of(arg: Node, typed: list[Typed]) -> Type:
    """The type of an argument after normalising: one of those typed, or a truth taken over from a nested term."""
    return next((type_ for node, type_ in typed if node is arg), BOOL)


def _literal(node: Literal, catalogue: Catalogue) -> Typed:
    if node.type.kind is Kind.choice:
        words = catalogue.choices.get(node.type.of or "", {})
        if node.value not in words:
            catalogue.choice(Type(Kind.choice, node.type.of), f"{node.value}\0", node.at)
    elif not is_storable(node.value):
        raise refuse(
            "值太大，或含有不能保存的字符（最多 {most}）",
            "The value is too large, or holds characters that cannot be stored (at most {most})",
            node.at,
            most=LARGEST_NUMBER,
        )
    return node, node.type


def as_choice(typed: Typed, expected: Type, catalogue: Catalogue) -> Typed:
    """A quoted word as the choice that is expected in its place; anything else as it is."""
    node, type_ = typed
    if expected.kind is not Kind.choice or type_ != TEXT:
        return typed
    if isinstance(node, Literal):
        return catalogue.choice(expected, str(node.value), node.at), expected
    if not isinstance(node, Apply) or node.op not in ("cases", "coalesce"):
        return typed
    last = len(node.args) - 1
    values = range(last + 1) if node.op == "coalesce" else {*range(1, last + 1, 2), last}
    found = [
        as_choice((arg, TEXT), expected, catalogue) if index in values else (arg, expected)
        for index, arg in enumerate(node.args)
    ]
    if any(type_ != expected for _, type_ in found):
        return typed
    return Apply(node.op, tuple(arg for arg, _ in found), node.at), expected


def _with_choices(op: str, typed: list[Typed], catalogue: Catalogue) -> list[Typed]:
    if op not in ("=", "!=", "in", "coalesce", "cases"):
        return typed
    expected = next((type_ for _, type_ in typed if type_.kind is Kind.choice), None)
    return [as_choice(one, expected, catalogue) for one in typed] if expected else typed


def _normal(node: Apply, typed: list[Typed]) -> Apply:
    """The one form of an application: terms of terms in one row, factors behind, equal units as a ratio."""
    args, types = tuple(arg for arg, _ in typed), tuple(type_ for _, type_ in typed)
    op = node.op
    if op in ("and", "or"):
        args = tuple(term for arg in args for term in (arg.args if _is(arg, op) else (arg,)))
    elif op == "cases" and len(args) % 2 and _is(args[-1], op):
        typed.extend(_inherited(args[-1], types[-1]))
        args = args[:-1] + args[-1].args
    elif op == "/" and types[0] == types[1]:
        op = "ratio"
    elif op.startswith("*"):
        if product_of(types) is None and product_of(types[::-1]) is not None:
            args, types = args[::-1], types[::-1]
        op = product_of(types) or op
    return Apply(op, args, node.at)


def _inherited(cases: Apply, type_: Type) -> list[Typed]:
    """The values of a nested case and their type; its tests are truths."""
    last = len(cases.args) - 1
    return [(arg, type_) for index, arg in enumerate(cases.args) if index % 2 or index == last]


def _is(node: Node, op: str) -> TypeGuard[Apply]:
    return isinstance(node, Apply) and node.op == op


def _is_fixed(node: Node, catalogue: Catalogue) -> bool:
    return all(catalogue.facts[name].constant is not None for name in trees.names(node))
