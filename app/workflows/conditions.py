"""Conditions of a flow as a table a person fills in, and back: facts across, in each row what must hold of them.

The rows of a table of ways are tried in order; the rows of any other condition are alternatives. What says more than
a table can show keeps its written form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import BadInput, Problem
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import Formula, parse
from app.services.language.kinds import (
    BOOL,
    SCALE,
    Kind,
    Type,
    read_number,
    to_model,
    typed,
)
from app.services.language.operators import ORDERED
from app.services.language.problems import BadFormula
from app.services.language.trees import Apply, Literal, Name, Node
from app.services.language.wording import words
from app.words import Words, say
from app.workflows import subjects

UNITS = {
    Kind.money: Words("元", "CNY"),
    Kind.rate: Words("%", "%"),
    Kind.points: Words("分", "points"),
    Kind.days: Words("天", "days"),
    Kind.quantity: Words("单位", "units"),
}
"""The unit a bare number of each kind is meant in."""

SIGNS = {
    "": Words("不限", "anything"),
    "<": Words("小于", "below"),
    "<=": Words("不超过", "at most"),
    ">": Words("大于", "above"),
    ">=": Words("不低于", "at least"),
    "span": Words("自…至不足…", "from … to below …"),
    "=": Words("等于", "is"),
    "!=": Words("不等于", "is not"),
    "in": Words("属于", "one of"),
    "not in": Words("不属于", "none of"),
    "yes": Words("是", "yes"),
    "no": Words("否", "no"),
    "missing": Words("未填", "empty"),
    "present": Words("已填", "filled in"),
}
COMPARED = ("<", "<=", ">", ">=", "=", "!=")
BARE = ("", "yes", "no", "missing", "present")
"""The signs that need no value."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """What must hold of one fact: a sign and the values as they are typed."""

    sign: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its cells by fact, where it leads; `text` is a condition that does not fit into cells."""

    cells: Mapping[str, Cell] = field(default_factory=dict)
    to: str = ""
    text: str = ""


def signs_of(type_: Type) -> tuple[str, ...]:
    """The signs offered for facts of a type."""
    if type_.kind is Kind.bool:
        return ("", "yes", "no", "missing")
    if type_.kind is Kind.choice:
        return ("", "in", "not in", "missing", "present")
    if type_.kind in ORDERED:
        return ("", *COMPARED[:4], "span", *COMPARED[4:], "missing", "present")
    return ("", "=", "!=", "missing", "present")


def catalogue_of(body: Mapping[str, Any]) -> Catalogue:
    """The facts of a flow's record type and its own parameters."""
    known = subjects.catalogue_of(subjects.subject_named(body["object_type"]))
    return Catalogue([*known.facts.values(), *_params(body)], known.choices, known.zone)


def _params(body: Mapping[str, Any]) -> Iterable[Fact]:
    for param in body.get("params", ()):
        try:
            type_, raw = read_number(param["value"])
        except BadFormula:
            continue
        name, constant = param["name"], to_model(type_, raw)
        yield Fact(param["key"], type_, name["zh"], name["en"], nullable=False, constant=constant)


def spoken(text: str, catalogue: Catalogue) -> Words:
    """A written condition in both languages; one that cannot be read stays as it is written."""
    try:
        return words(parse(text, catalogue, BOOL))
    except BadFormula:
        return Words(text, text)


# ---- from the written form ---------------------------------------------------------------------------------


def lines_of_ways(edges: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> list[Line]:
    """The rows of the ways that lead on from a step."""
    return [replace(_line(edge.get("when"), catalogue), to=edge["to"]) for edge in edges]


def lines_of(text: str | None, catalogue: Catalogue) -> list[Line]:
    """The alternatives of a condition; none when there is no condition."""
    if not text:
        return []
    formula = _formula(text, catalogue)
    if formula is None:
        return [Line(text=text)]
    tree = formula.tree
    parts = tree.args if isinstance(tree, Apply) and tree.op == "or" else (tree,)
    cells = [_cells(part, catalogue) for part in parts]
    found = [Line(one) for one in cells if one is not None]
    return found if len(found) == len(cells) else [Line(text=text)]


def _line(text: str | None, catalogue: Catalogue) -> Line:
    if not text:
        return Line()
    formula = _formula(text, catalogue)
    cells = _cells(formula.tree, catalogue) if formula else None
    return Line(text=text) if cells is None else Line(cells)


def _formula(text: str, catalogue: Catalogue) -> Formula | None:
    try:
        return parse(text, catalogue, BOOL)
    except BadFormula:
        return None


def _cells(tree: Node, catalogue: Catalogue) -> dict[str, Cell] | None:
    terms = tree.args if isinstance(tree, Apply) and tree.op == "and" else (tree,)
    found = [_cell(term, catalogue) for term in terms]
    cells = dict(one for one in found if one is not None)
    return cells if len(cells) == len(terms) else None


def _cell(term: Node, catalogue: Catalogue) -> tuple[str, Cell] | None:
    if isinstance(term, Name):
        return term.name, Cell("yes")
    if not isinstance(term, Apply):
        return None
    if term.op == "not":
        inner = _cell(term.args[0], catalogue)
        turned = TURNED.get(inner[1].sign) if inner else None
        return (inner[0], replace(inner[1], sign=turned)) if inner and turned else None
    first, *others = term.args
    if not isinstance(first, Name) or not isinstance(_shown(first, catalogue), str):
        return None
    shown = [_shown(other, catalogue) for other in others]
    values = tuple(value for value in shown if value is not None)
    sign = _sign(term.op, catalogue.facts[first.name].type)
    return (first.name, Cell(sign, values)) if sign and len(values) == len(others) else None


TURNED = {"yes": "no", "in": "not in", "missing": "present"}


def _sign(op: str, type_: Type) -> str:
    if type_.kind is Kind.choice:
        return {"=": "in", "!=": "not in"}.get(op, op if op in signs_of(type_) else "")
    return op if op in signs_of(type_) else ""


def _shown(node: Node, catalogue: Catalogue) -> str | None:
    """A value as it is typed: without its unit; a parameter by its name."""
    if isinstance(node, Name):
        return str(catalogue.facts[node.name].words)
    return typed(node.type, node.value) if isinstance(node, Literal) else None


# ---- to the written form -----------------------------------------------------------------------------------


def ways_of(lines: Sequence[Line], catalogue: Catalogue) -> list[dict[str, str]]:
    """The ways of the rows, in order; raises `BadInput` naming row and fact."""
    problems: list[Problem] = []
    found = []
    for number, line in enumerate(lines):
        text = _written(number, line, catalogue, problems)
        found.append({"to": line.to, "when": text} if text else {"to": line.to})
    if problems:
        raise BadInput(problems)
    return found


def condition_of(lines: Sequence[Line], catalogue: Catalogue) -> str | None:
    """The condition whose alternatives the rows are; None when one of them asks nothing."""
    problems: list[Problem] = []
    parts = [_written(number, line, catalogue, problems) for number, line in enumerate(lines)]
    if problems:
        raise BadInput(problems)
    if not parts or not all(parts):
        return None
    if len(parts) == 1:
        return parts[0]
    return " or ".join(f"({part})" if " and " in str(part) else str(part) for part in parts)


def _written(number: int, line: Line, catalogue: Catalogue, problems: list[Problem]) -> str | None:
    """The condition of one row; what is wrong with it is added to the problems, under `row.fact`."""
    parts = {"text": f"({line.text})"} if line.text and line.cells else {"text": line.text}
    parts |= {name: _term(catalogue.facts[name], cell, catalogue) for name, cell in line.cells.items()}
    parts = {name: part for name, part in parts.items() if part}
    for name, part in parts.items():
        try:
            parse(part, catalogue, BOOL)
        except BadFormula as error:
            where = catalogue.facts[name].words if name in catalogue.facts else WRITTEN
            told = say("第 {n} 行，{what}：{why}", "Row {n}, {what}: {why}",
                       n=number + 1, what=where, why=error.words)  # fmt: skip
            problems.append(Problem(told, f"{number}.{name}"))
    return " and ".join(parts.values()) or None


WRITTEN = say("条件", "condition")


def _term(fact: Fact, cell: Cell, catalogue: Catalogue) -> str:
    """What a cell demands, in the written language; a value not filled in is left out and refused by the parser."""
    values = [_value(fact.type, value, catalogue) for value in cell.values if value.strip()]
    patterns = {
        "": "",
        "yes": fact.name,
        "no": f"not {fact.name}",
        "missing": f"{fact.name} is missing",
        "present": f"{fact.name} is not missing",
        "in": _among(fact.name, "=", "in", values),
        "not in": _among(fact.name, "!=", "not in", values),
        "span": f"{fact.name} from {' to below '.join(values)}",
    }
    return patterns.get(cell.sign, f"{fact.name} {cell.sign} {' '.join(values)}")


def _among(name: str, alone: str, among: str, values: Sequence[str]) -> str:
    return f"{name} {alone} {values[0]}" if len(values) == 1 else f"{name} {among} ({', '.join(values)})"


def _value(type_: Type, text: str, catalogue: Catalogue) -> str:
    """One value in the written language: a parameter, a number with its unit, a quoted word."""
    text = text.strip()
    named = next((fact for fact in catalogue.facts.values() if text in {fact.name, fact.zh, fact.en}), None)
    if named is not None and named.constant is not None:
        return named.name
    bare = text.replace(",", "").replace("，", "")
    if type_.kind in SCALE and _NUMBER.fullmatch(bare):
        return bare + (UNITS[type_.kind].zh if type_.kind in UNITS else "")
    return json.dumps(text, ensure_ascii=False) if type_.kind in {Kind.choice, Kind.text} else text
