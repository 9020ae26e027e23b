"""The one form every formula has: a tree of three kinds of node, and its canonical JSON.

The JSON is stable: the same tree gives the same document, so it can be hashed, compared and stored for years.
`{"language": 1, "tree": {"op": "<=", "args": [{"fact": "discount_rate"}, {"rate": 150000}]}}`
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.services.language.kinds import Kind, Raw, Type, is_storable
from app.services.language.problems import refuse

VERSION = 1
MAX_DEPTH = 20
MAX_NODES = 200


@dataclass(frozen=True, slots=True)
class Literal:
    """A written value, raw."""

    type: Type
    value: Raw
    at: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A fact of the catalogue."""

    name: str
    at: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function with its arguments."""

    op: str
    args: tuple[Node, ...]
    at: int | None = field(default=None, compare=False, repr=False)


Node = Literal | Name | Apply


def walk(tree: Node) -> Iterator[Node]:
    """Every node, parents first; without recursion, so that any depth can be measured."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Apply):
            waiting.extend(reversed(node.args))


def names(tree: Node) -> tuple[str, ...]:
    """The facts a tree uses, each once, in order of appearance."""
    return tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name)))


def replace(tree: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with every node for which `change` gives another one replaced by it, from the top."""
    changed = change(tree)
    if changed is not None:
        return changed
    if isinstance(tree, Apply):
        return Apply(tree.op, tuple(replace(arg, change) for arg in tree.args), tree.at)
    return tree


def check_size(tree: Node) -> None:
    """Refuses a tree deeper or larger than a person can follow."""
    level, depth, nodes = [tree], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH:
            raise refuse(
                "嵌套超过 {most} 层，请拆成几条",
                "Nested more than {most} deep; split it into several",
                level[0].at,
                most=MAX_DEPTH,
            )
        if nodes > MAX_NODES:
            raise refuse(
                "超过 {most} 个部分，请改用决策表",
                "More than {most} parts; use a decision table instead",
                level[0].at,
                most=MAX_NODES,
            )
        level = [arg for node in level if isinstance(node, Apply) for arg in node.args]


def dump(tree: Node) -> dict[str, Any]:
    """The canonical JSON of one tree."""
    if isinstance(tree, Name):
        return {"fact": tree.name}
    if isinstance(tree, Literal):
        return dump_literal(tree)
    return {"op": tree.op, "args": [dump(arg) for arg in tree.args]}


def dump_literal(literal: Literal) -> dict[str, Any]:
    value = literal.value
    if isinstance(value, dt.date):  # a moment is one too
        value = value.isoformat()
    document: dict[str, Any] = {literal.type.kind.value: value}
    return document | ({"of": literal.type.of} if literal.type.of else {})


def load(document: object, depth: int = 1) -> Node:
    """The tree of a JSON document; refuses anything that is not one. Operators and facts are checked later."""
    if depth > MAX_DEPTH:
        raise refuse("嵌套超过 {most} 层", "Nested more than {most} deep", most=MAX_DEPTH)
    match document:
        case {"fact": str(name), **rest} if not rest:
            return Name(name)
        case {"op": str(op), "args": [*args], **rest} if not rest and len(args) <= MAX_NODES:
            return Apply(op, tuple(load(arg, depth + 1) for arg in args))
        case {**content} if content:
            return load_literal(content)
    raise _unreadable(document)


def load_literal(document: Mapping[Any, Any]) -> Literal:
    """The literal of a document like `{"money": 5000000000}` or `{"choice": "A", "of": "level"}`."""
    match document:
        case {"choice": str(value), "of": str(of), **rest} if not rest:
            literal = Literal(Type(Kind.choice, of), value)
        case {**single} if len(single) == 1:
            (word, value), *_ = single.items()
            raw = _LITERALS[word](value) if isinstance(word, str) and word in _LITERALS else None
            if raw is None:
                raise _unreadable(document)
            literal = Literal(Type(Kind(word)), raw)
        case _:
            raise _unreadable(document)
    if not is_storable(literal.value):
        raise _unreadable(document)
    return literal


def _unreadable(document: object) -> Exception:
    return refuse(
        "公式文档里有看不懂的内容：{what}",
        "The formula document holds something unreadable: {what}",
        what=ascii(document)[:60],
    )


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> dt.date | None:
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(dt.UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


_LITERALS: dict[str, Callable[[Any], Raw | None]] = {
    **dict.fromkeys(("count", "money", "quantity", "rate", "points", "days"), _integer),
    "bool": lambda value: value if isinstance(value, bool) else None,
    "date": _date,
    "moment": _moment,
    "text": lambda value: value if isinstance(value, str) else None,
}
