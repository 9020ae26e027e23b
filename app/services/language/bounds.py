"""Between which raw numbers a formula can lie, so that no database ever overflows (dates as day numbers)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from app.services.language.catalogue import Catalogue, order
from app.services.language.kinds import SCALE, Kind
from app.services.language.problems import BadFormula, refuse
from app.services.language.trees import Apply, Literal, Name, Node

Span = tuple[int, int]

LIMIT = 4 * 10**18
"""Twice this still fits 64 bits, which halving needs."""

RATIO_LIMIT = 1_000_000 * SCALE[Kind.rate]
"""A ratio beyond a million-fold counts as a million-fold."""

DIVISOR_LIMIT = 4 * 10**15
LAST_DAY = dt.date.max.toordinal()


def span(tree: Node, catalogue: Catalogue) -> Span | None:
    """The bounds of a checked tree; None where there is no order. Refuses what may leave the numbers' range."""
    if isinstance(tree, Literal):
        value = order(tree.value)
        return None if value is None else (value, value)
    if isinstance(tree, Name):
        return catalogue.find(tree.name).bounds()
    parts = [span(arg, catalogue) for arg in tree.args]
    if tree.op not in SPANS:
        return None
    values = [part for part in _values(tree.op, parts) if part is not None]
    if not values or len(values) < len(_values(tree.op, parts)):
        return None
    found = SPANS[tree.op](*values)
    most = LAST_DAY if _is_date(tree, catalogue) else LIMIT
    if max(abs(found[0]), abs(found[1])) > most or (most == LAST_DAY and found[0] < 1):
        raise _too_large(tree)
    _check_inside(tree, values)
    return found


def _values(op: str, parts: list[Span | None]) -> list[Span | None]:
    if op != "cases":
        return parts
    return parts[1::2] + (parts[-1:] if len(parts) % 2 else [])


def _is_date(tree: Node, catalogue: Catalogue) -> bool:
    """Whether a tree with bounds is a date: its values lie where its first value comes from."""
    while isinstance(tree, Apply):
        if tree.op in ("days_between", "year", "month", "ratio"):
            return False
        tree = tree.args[1 if tree.op == "cases" else 0]
    kind = tree.type.kind if isinstance(tree, Literal) else catalogue.find(tree.name).type.kind
    return kind is Kind.date


def _check_inside(tree: Apply, values: list[Span]) -> None:
    """The steps between must fit as well: see `sql` for how products and ratios are taken apart."""
    if tree.op == "*rate" and 2 * SCALE[Kind.rate] * _size(values[1]) > LIMIT:
        raise _too_large(tree)
    if tree.op == "*quantity" and 2 * SCALE[Kind.quantity] * _size(values[1]) > LIMIT:
        raise _too_large(tree)
    if tree.op == "ratio" and _size(values[1]) > DIVISOR_LIMIT:
        raise _too_large(tree)


def _too_large(tree: Apply) -> BadFormula:
    return refuse(
        "结果可能超出可计算的范围；请用「限于」收窄其中的数",
        "The result may exceed what can be computed; narrow one of its numbers with clamp()",
        tree.at,
    )


def _size(part: Span) -> int:
    return max(abs(part[0]), abs(part[1]))


def _corners(first: Span, second: Span) -> list[int]:
    return [a * b for a in first for b in second]


def _product(scale: int) -> Callable[[Span, Span], Span]:
    return lambda a, b: (min(_corners(a, b)) // scale, -(-max(_corners(a, b)) // scale))


def _share(a: Span, _: Span) -> Span:
    return (-_size(a), _size(a))


def _ratio(a: Span, b: Span) -> Span:
    return (0 if a[0] >= 0 and b[0] >= 0 else -RATIO_LIMIT, RATIO_LIMIT)


def _union(*parts: Span) -> Span:
    return (min(part[0] for part in parts), max(part[1] for part in parts))


def _least(*parts: Span) -> Span:
    return (min(part[0] for part in parts), min(part[1] for part in parts))


def _greatest(*parts: Span) -> Span:
    return (max(part[0] for part in parts), max(part[1] for part in parts))


SPANS: dict[str, Callable[..., Span]] = {
    "+": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "-": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "*": _product(1),
    "*rate": _product(SCALE[Kind.rate]),
    "*quantity": _product(SCALE[Kind.quantity]),
    "/": _share,
    "ratio": _ratio,
    "min": _least,
    "max": _greatest,
    "clamp": lambda a, low, high: _least(_greatest(a, low), high),
    "abs": lambda a: (0 if a[0] <= 0 <= a[1] else min(abs(a[0]), abs(a[1])), _size(a)),
    "days_between": lambda a, b: (b[0] - a[1], b[1] - a[0]),
    "year": lambda _: (1, 9999),
    "month": lambda _: (1, 12),
    "cases": _union,
    "coalesce": _union,
}
