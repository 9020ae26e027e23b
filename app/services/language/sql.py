"""A formula as SQL, with one meaning on SQLite and PostgreSQL.

Neither `round()`, nor floats, nor the engines' own division of mixed numbers is used. Products and ratios are taken
apart so that every step fits 64 bits; what appears more than once in such a step is named in a sub-select first, so
that the text of nested formulas grows with their length and not with its power.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import functions
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.functions import FunctionElement

from app.columns import MomentType
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula
from app.services.language.evaluating import settle
from app.services.language.kinds import SCALE, Kind
from app.services.language.problems import refuse
from app.services.language.trees import Literal, Name, Node

Element = sa.ColumnElement[Any]

RAW_TYPES: dict[Kind, Any] = {
    **dict.fromkeys(SCALE, sa.BigInteger()),
    Kind.bool: sa.Boolean(),
    Kind.date: sa.Date(),
    Kind.moment: MomentType(),
    Kind.text: sa.Text(),
    Kind.choice: sa.Text(),
}


def sql(formula: Formula, columns: Mapping[str, Element] | None = None) -> Element:
    """The formula as an expression that gives its raw value; `columns` stand in for the facts' own expressions.

    As a filter it takes only what is known to be true. An aggregate cannot be a fact: give it a column first.
    """
    catalogue = formula.catalogue
    tree = settle(formula.tree, catalogue)
    return sa.type_coerce(_Compiler(catalogue, columns or {}).build(tree), RAW_TYPES[formula.type.kind])


class _Compiler:
    def __init__(self, catalogue: Catalogue, columns: Mapping[str, Element]) -> None:
        self.catalogue = catalogue
        self.columns = columns

    def build(self, node: Node) -> Element:
        if isinstance(node, Literal):
            return literal(node)
        if isinstance(node, Name):
            return self.fact(node.name)
        # A bare column keeps its index in a comparison; anywhere else a narrow one could overflow on PostgreSQL.
        args = [
            self.fact(arg.name, wide=node.op not in COMPARING) if isinstance(arg, Name) else self.build(arg)
            for arg in node.args
        ]
        if node.op in ARITHMETIC and not self.is_date(node.args[0]):
            return ARITHMETIC[node.op](*args)
        return OTHERS[node.op](*args)

    def fact(self, name: str, *, wide: bool = False) -> Element:
        fact = self.catalogue.find(name)
        expression = self.columns.get(name, fact.expression)
        if expression is None:
            raise refuse(
                "「{fact}」不能用于数据库查询", "“{fact}” cannot be used in a query", fact=fact.words
            )
        if wide and fact.type.kind in SCALE and not _is_wide(expression):
            return sa.cast(expression, sa.BigInteger)
        return sa.type_coerce(expression, RAW_TYPES[fact.type.kind])

    def is_date(self, node: Node) -> bool:
        """Whether the first argument of an arithmetic operator is a date."""
        while not isinstance(node, Literal | Name):
            if node.op in ("days_between", "ratio", "year", "month"):
                return False
            node = node.args[1 if node.op == "cases" else 0]
        kind = node.type.kind if isinstance(node, Literal) else self.catalogue.find(node.name).type.kind
        return kind is Kind.date


def literal(node: Literal) -> Element:
    """A fixed value, always bound; numbers are 64 bits wide."""
    return sa.literal(node.value, RAW_TYPES[node.type.kind])


COMPARING = frozenset({"=", "!=", "<", "<=", ">", ">=", "in", "between", "span", "missing"})


def _is_wide(expression: Element) -> bool:
    return isinstance(getattr(expression.type, "impl", expression.type), sa.BigInteger)


# ---- what the two databases do not agree on ------------------------------------------------------------------


class _Own(FunctionElement[Any]):
    """A function of ours, written out for each database."""

    inherit_cache = True

    def __init__(self, *clauses: Element, type_: Any = None) -> None:
        super().__init__(*clauses)
        self.type = type_ or clauses[0].type


def _written(name: str, default: str, **dialects: str) -> Callable[..., Element]:
    """A function whose SQL is a pattern; each argument appears in it once, in order."""
    own = type(name, (_Own,), {"name": name, "inherit_cache": True})

    def writer(pattern: str) -> Callable[..., str]:
        def write(element: _Own, compiler: SQLCompiler, **options: Any) -> str:
            return pattern.format(*(compiler.process(clause, **options) for clause in element.clauses))

        return write

    compiles(own)(writer(default))
    for dialect, pattern in dialects.items():
        compiles(own, dialect)(writer(pattern))
    return own


def _named(result: str, *names: str) -> str:
    """A pattern that gives `result` over arguments named once, whatever they are."""
    arguments = ", ".join(f"{{{index}}} AS {name}" for index, name in enumerate(names))
    return f"(SELECT {result} FROM (SELECT {arguments}) AS p)"  # noqa: S608 - constants of ours


def _halved(top: str, bottom: str, sign: str) -> str:
    """A division rounded half away from zero; `sign` is below zero where the top is."""
    return f"(2*({top}) + CASE WHEN {sign} < 0 THEN -abs({bottom}) ELSE abs({bottom}) END) / (2*{bottom})"


def _product(scale: int) -> str:
    rest = f"(a - a/{scale}*{scale})*f"
    return _named(f"a/{scale}*f + {_halved(rest, str(scale), rest)}", "a", "f")


_REST = "(a - a/b*b)*1000"
_LAST = f"({_REST} - {_REST}/b*b)*1000"
_MOST = "CASE WHEN a/b < 0 THEN -1000000000000 ELSE 1000000000000 END"
_RATIO = f"a/b*1000000 + {_REST}/b*1000 + {_halved(_LAST, 'b', 'a')}"

share = _written("language_share", _named(f"CASE WHEN n <> 0 THEN {_halved('a', 'n', 'a')} END", "a", "n"))
ratio = _written(
    "language_ratio",
    _named(f"CASE WHEN b = 0 THEN NULL WHEN abs(a/b) >= 1000000 THEN {_MOST} ELSE {_RATIO} END", "a", "b"),
)
product_by_rate = _written("language_product_by_rate", _product(SCALE[Kind.rate]))
product_by_quantity = _written("language_product_by_quantity", _product(SCALE[Kind.quantity]))
days_between = _written(
    "language_days",
    "(-({0}) + ({1}))",
    sqlite="CAST(-julianday({0}) + julianday({1}) AS INTEGER)",
    postgresql="CAST(-(({0}) - date '2000-01-01') + (({1}) - date '2000-01-01') AS BIGINT)",
)
shifted = _written(
    "language_shifted",
    "(({0}) + ({1}))",
    sqlite="date({0}, ({1}) || ' days')",
    postgresql="(({0}) + CAST({1} AS INTEGER))",
)


def _place(name: str, test: str) -> Callable[..., Element]:
    """Where a text stands in another, small and capital Latin letters alike, which is all both databases agree on."""
    on_postgresql = f'(strpos(lower(({{0}}) COLLATE "C"), lower(({{1}}) COLLATE "C")) {test})'
    return _written(name, f"(instr(lower({{0}}), lower({{1}})) {test})", postgresql=on_postgresql)


contains, starts = _place("language_contains", "> 0"), _place("language_starts", "= 1")


class _Extreme(_Own):
    """The least or greatest of several; unknown when one is, which PostgreSQL's own functions are not."""

    inherit_cache = True
    sqlite = postgresql = ""


class least(_Extreme):  # noqa: N801 - SQLAlchemy names functions in lower case
    """The smallest."""

    inherit_cache = True
    name, sqlite, postgresql = "language_least", "min", "least"


class greatest(_Extreme):  # noqa: N801 - as above
    """The largest."""

    inherit_cache = True
    name, sqlite, postgresql = "language_greatest", "max", "greatest"


@compiles(_Extreme, "sqlite")
def _extreme_on_sqlite(element: _Extreme, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.sqlite}({', '.join(compiler.process(clause, **options) for clause in element.clauses)})"


@compiles(_Extreme, "postgresql")
def _extreme_on_postgresql(element: _Extreme, compiler: SQLCompiler, **options: Any) -> str:
    clauses = [compiler.process(clause, **options) for clause in element.clauses]
    names = [f"v{index}" for index in range(len(clauses))]
    named = ", ".join(f"{clause} AS {name}" for clause, name in zip(clauses, names, strict=True))
    absent = " OR ".join(f"{name} IS NULL" for name in names)
    result = f"CASE WHEN {absent} THEN NULL ELSE {element.postgresql}({', '.join(names)}) END"
    return f"(SELECT {result} FROM (SELECT {named}) AS p)"  # noqa: S608 - bound and compiled parts only


# ---- the meaning of each operator ----------------------------------------------------------------------------


def _cases(*parts: Element) -> Element:
    """The first true test decides, and an unknown one before it leaves everything unknown."""
    whens: list[tuple[Element, Element]] = []
    for test, value in zip(parts[::2], parts[1::2], strict=False):
        whens.append((test, value))
        if not isinstance(test, functions.coalesce):
            whens.append((test.is_(None), sa.null()))
    return sa.case(*whens, else_=parts[-1] if len(parts) % 2 else None)


def _number(value: Element) -> Element:
    return sa.type_coerce(value, sa.BigInteger)


ARITHMETIC: dict[str, Callable[..., Element]] = {
    "+": lambda a, b: _number(a) + _number(b),
    "-": lambda a, b: _number(a) - _number(b),
    "*": lambda a, b: _number(a) * _number(b),
    "*rate": product_by_rate,
    "*quantity": product_by_quantity,
    "/": share,
    "ratio": lambda a, b: ratio(a, b, type_=sa.BigInteger()),
    "abs": lambda item: sa.func.abs(item, type_=sa.BigInteger()),
}
"""Operators on numbers; `+` and `-` also stand with dates, below."""

OTHERS: dict[str, Callable[..., Element]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": sa.and_,
    "or": sa.or_,
    "not": lambda term: Grouping(sa.not_(term)),  # SQLAlchemy writes `NOT x IS NULL` without the brackets
    "in": lambda item, *options: item.in_(options),
    "between": lambda item, low, high: sa.and_(item >= low, item <= high),
    "span": lambda item, low, high: sa.and_(item >= low, item < high),
    "missing": lambda item: item.is_(None),
    "cases": _cases,
    "coalesce": lambda item, other: sa.func.coalesce(item, other, type_=item.type),
    "contains": lambda text, part: contains(text, part, type_=sa.Boolean()),
    "starts": lambda text, part: starts(text, part, type_=sa.Boolean()),
    "min": least,
    "max": greatest,
    "clamp": lambda item, low, high: least(greatest(item, low), high),
    "days_between": lambda start, end: days_between(start, end, type_=sa.BigInteger()),
    "year": lambda day: sa.cast(sa.extract("year", day), sa.BigInteger),
    "month": lambda day: sa.cast(sa.extract("month", day), sa.BigInteger),
    "+": shifted,
    "-": lambda day, days: shifted(day, sa.cast(sa.literal(0), sa.BigInteger) - days),
}
