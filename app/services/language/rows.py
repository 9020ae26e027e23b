"""Condition rows, as filter and rule builders show them: field, sign, values; all must hold. Both ways to formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, check
from app.services.language.kinds import BOOL, TEXT, Kind, Model, Type, to_model, to_raw
from app.services.language.operators import ORDERED
from app.services.language.problems import refuse
from app.services.language.trees import Apply, Literal, Name, Node

SIGNS = ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "between", "span", "missing", "present")


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One line of a builder: the fact's name, one of `SIGNS`, and model values."""

    fact: str
    sign: str
    values: tuple[Model, ...] = ()


def signs_for(type_: Type) -> tuple[str, ...]:
    """The signs a builder offers for a type."""
    if type_.kind in ORDERED:
        return SIGNS
    if type_.kind is Kind.bool:
        return ("=", "missing", "present")
    return ("=", "!=", "in", "not in", "missing", "present")


def from_rows(rows: Sequence[ConditionRow], catalogue: Catalogue) -> Formula:
    """The condition that all rows hold; no row at all means yes."""
    trees = [_tree(row, catalogue) for row in rows]
    whole: Node = (
        Apply("and", tuple(trees)) if len(trees) > 1 else trees[0] if trees else Literal(BOOL, value=True)
    )
    return check(whole, catalogue, BOOL)


def to_rows(formula: Formula) -> list[ConditionRow] | None:
    """The rows a condition is made of; None when it says more than rows can show."""
    if formula.tree == Literal(BOOL, value=True):
        return []
    tree = formula.tree
    terms = tree.args if isinstance(tree, Apply) and tree.op == "and" else (tree,)
    rows = [_row(term, formula.catalogue) for term in terms]
    found = [row for row in rows if row is not None]
    return found if len(found) == len(rows) else None


def _tree(row: ConditionRow, catalogue: Catalogue) -> Node:
    fact = catalogue.find(row.fact)
    if row.sign not in signs_for(fact.type):
        raise refuse(
            "「{fact}」不能用「{sign}」", "“{fact}” has no sign “{sign}”", fact=fact.words, sign=row.sign
        )
    values = []
    for value in row.values:
        raw = to_raw(fact.type, value)
        if raw is None:
            raise refuse("「{fact}」的值没有填", "The value for “{fact}” is empty", fact=fact.words)
        literal = Literal(fact.type if fact.type.kind is not Kind.choice else TEXT, raw)
        values.append(
            literal if literal.type != TEXT or fact.type == TEXT else catalogue.choice(fact.type, str(raw))
        )
    op = {"not in": "in", "present": "missing"}.get(row.sign, row.sign)
    tree: Node = Apply(op, (Name(fact.name), *values))
    return tree if op == row.sign else Apply("not", (tree,))


def _row(term: Node, catalogue: Catalogue) -> ConditionRow | None:
    if isinstance(term, Name):
        return ConditionRow(term.name, "=", (True,))
    if not isinstance(term, Apply):
        return None
    if term.op == "not":
        inner = _row(term.args[0], catalogue)
        turned = {"in": "not in", "missing": "present"}.get(inner.sign) if inner else None
        if inner and inner.sign == "=" and inner.values == (True,):
            return ConditionRow(inner.fact, "=", (False,))
        return ConditionRow(inner.fact, turned, inner.values) if inner and turned else None
    first, *others = term.args
    if not isinstance(first, Name) or term.op not in SIGNS:
        return None
    values = [to_model(other.type, other.value) for other in others if isinstance(other, Literal)]
    known = tuple(value for value in values if value is not None)
    return ConditionRow(first.name, term.op, known) if len(known) == len(others) else None
