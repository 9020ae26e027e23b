"""From text to tree. The same formula may be written in Chinese or English:

[折扣率] <= 15% 且 [金额] < 50万          discount_rate <= 15 % and [Amount] < CNY 500000
若 [等级] = "重点" 则 30天 否则 90天      if [level] in ("A", "B") then 30 days else 90 days
"""  # noqa: D400, D415 - the first paragraph ends in examples

from __future__ import annotations

import json
import re
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from app.services.language.catalogue import Catalogue
from app.services.language.kinds import (
    BOOL,
    COUNT,
    DATE,
    MOMENT,
    TEXT,
    read_date,
    read_moment,
    read_number,
    unit_pattern,
)
from app.services.language.operators import OPERATORS
from app.services.language.problems import BadFormula, refuse
from app.services.language.trees import Apply, Literal, Name, Node, check_size

MAX_LENGTH = 2_000

SUBJECT = Name("·")
"""Stands for the tested input in a cell of a decision table."""

FUNCTIONS = {
    spoken: name
    for name, operator in OPERATORS.items()
    if operator.is_function
    for spoken in (operator.words.zh, operator.words.en)
}
COMPARISONS = {"==": "=", "≤": "<=", "≥": ">=", "≠": "!=", "<>": "!="}

WORD_END = "(?![A-Za-z0-9_.])"

GRAMMAR = r"""
?choice: either
    | _IF choice _THEN choice _ELSE choice -> cases
    | _IF choice _THEN choice _ELSE (_MISSING | _MISSING_ZH) -> cases
?either: both (_OR both)*
?both: negation (_AND negation)*
?negation: _NOT negation -> negation
    | test
?test: sum
    | sum COMPARE sum -> compare
    | sum _IN _open sum (_COMMA sum)* _close -> within
    | sum (_NOT _IN | _NOT_IN) _open sum (_COMMA sum)* _close -> outside
    | sum _BETWEEN sum (_AND | _TO) sum -> between
    | sum _FROM sum _TO_BELOW sum -> span
    | sum (_IS _MISSING | _MISSING_ZH) -> missing
    | sum (_IS _NOT _MISSING | _NOT_MISSING) -> present
?sum: product
    | sum SIGN product -> arithmetic
?product: unary
    | product SCALING unary -> arithmetic
?unary: SIGN unary -> signed
    | atom
?atom: NUMBER -> number
    | DATE -> date
    | MOMENT -> moment
    | STRING -> text
    | (TRUE | FALSE) -> truth
    | (NAME | LABEL) -> name
    | FUNCTION _open choice (_COMMA choice)* _close -> function
    | _open choice _close

cell: _ANY -> any_value
    | COMPARE sum -> cell_compare
    | sum _SPAN sum -> cell_span
    | sum (_COMMA sum)* -> cell_options
    | (_MISSING | _MISSING_ZH) -> cell_missing
    | (_NOT _MISSING | _NOT_MISSING) -> cell_present

_open: "(" | "（"
_close: ")" | "）"
_COMMA: "," | "，" | "、"
_SPAN: ".."
_ANY: "any" | "任意"
_IF: "if" | "若" | "如果"
_THEN: "then" | "则" | "那么"
_ELSE: "else" | "否则"
_OR: "or" | "或" | "或者" | "||"
_AND: "and" | "且" | "并且" | "&&"
_NOT: "not" | "非"
_IN: "in" | "属于"
_NOT_IN: "不属于"
_BETWEEN: "between" | "介于"
_TO: "至" | "到"
_FROM: "from" | "自" | "从"
_TO_BELOW: /to\s+below(?![A-Za-z0-9_.])/ | "至不足" | "到不足"
_IS: "is"
_MISSING: "missing"
_MISSING_ZH: "缺失" | "为空"
_NOT_MISSING: "不缺失" | "不为空"
COMPARE: "<=" | ">=" | "==" | "!=" | "<>" | "≤" | "≥" | "≠" | "=" | "<" | ">"
SIGN: "+" | "-" | "−"
SCALING: "*" | "×" | "/" | "÷"
TRUE: "true" | "True" | "是"
FALSE: "false" | "False" | "否"
FUNCTION.3: /(?:<FUNCTIONS>)(?=\s*[(（])/
MOMENT.5: /[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:\s*(?:Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?/
DATE.4: /[0-9]{4}-[0-9]{2}-[0-9]{2}/
NUMBER.2: /<NUMBER>/
STRING: /"(?:[^"\\\n]|\\.)*"/ | /“[^”\n]*”/ | /「[^」\n]*」/ | /'[^'\n]*'/
NAME: /(?!<KEYWORDS>)[A-Za-z_][A-Za-z0-9_.]*/
LABEL: /\[[^\[\]\n]+\]/
%ignore /[ \t\r\n\u3000\u00a0]+/
"""


def _whole(grammar: str) -> str:
    """The grammar with its tables put in, and its English keywords matched as whole words only."""
    keywords = sorted(set(re.findall(r'"([A-Za-z]+)"', grammar)))
    return (
        re.sub(r'"([A-Za-z]+)"', rf"/\1{WORD_END}/", grammar)
        .replace("<KEYWORDS>", f"(?:{'|'.join(keywords)}){WORD_END}")
        .replace("<FUNCTIONS>", "|".join(sorted(FUNCTIONS, key=len, reverse=True)))
        .replace("<NUMBER>", unit_pattern())
    )


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Builds the tree bottom-up while the text is read. Names and types are settled later."""

    def number(self, token: Token) -> Node:
        at = _at(token)
        type_, value = read_number(str(token), at)
        return Literal(type_, value, at)

    def date(self, token: Token) -> Node:
        return Literal(DATE, read_date(str(token), _at(token)), _at(token))

    def moment(self, token: Token) -> Node:
        return Literal(MOMENT, str(token), _at(token))  # the zone comes with the catalogue

    def text(self, token: Token) -> Node:
        try:
            value = json.loads(token) if token[0] == '"' else str(token[1:-1])
        except ValueError as error:
            raise refuse("引号里的文字写法不对", "The quoted text is malformed", _at(token)) from error
        return Literal(TEXT, value, _at(token))

    def truth(self, token: Token) -> Node:
        return Literal(BOOL, token.type == "TRUE", _at(token))

    def name(self, token: Token) -> Node:
        return Name(token[1:-1].strip() if token.type == "LABEL" else str(token), _at(token))

    def function(self, token: Token, *args: Node) -> Node:
        return Apply(FUNCTIONS[token], args, _at(token))

    def signed(self, sign: Token, value: Node) -> Node:
        if sign == "+":
            return value
        if isinstance(value, Literal) and type(value.value) is int:
            return Literal(value.type, -value.value, _at(sign))
        return Apply("*", (value, Literal(COUNT, -1, _at(sign))), _at(sign))

    def arithmetic(self, left: Node, sign: Token, right: Node) -> Node:
        return Apply({"−": "-", "×": "*", "÷": "/"}.get(str(sign), str(sign)), (left, right), _at(sign))

    def compare(self, left: Node, sign: Token, right: Node) -> Node:
        return Apply(COMPARISONS.get(str(sign), str(sign)), (left, right), _at(sign))

    def either(self, *terms: Node) -> Node:
        return Apply("or", terms, terms[0].at)

    def both(self, *terms: Node) -> Node:
        return Apply("and", terms, terms[0].at)

    def negation(self, term: Node) -> Node:
        return Apply("not", (term,), term.at)

    def within(self, item: Node, *options: Node) -> Node:
        return Apply("in", (item, *options), item.at)

    def outside(self, item: Node, *options: Node) -> Node:
        return self.negation(self.within(item, *options))

    def between(self, item: Node, low: Node, high: Node) -> Node:
        return Apply("between", (item, low, high), item.at)

    def span(self, item: Node, low: Node, high: Node) -> Node:
        return Apply("span", (item, low, high), item.at)

    def missing(self, item: Node) -> Node:
        return Apply("missing", (item,), item.at)

    def present(self, item: Node) -> Node:
        return self.negation(self.missing(item))

    def cases(self, *parts: Node) -> Node:
        return Apply("cases", parts, parts[0].at)

    def any_value(self) -> Node:
        return Literal(BOOL, value=True)

    def cell_compare(self, sign: Token, value: Node) -> Node:
        return self.compare(SUBJECT, sign, value)

    def cell_span(self, low: Node, high: Node) -> Node:
        return self.span(SUBJECT, low, high)

    def cell_options(self, *options: Node) -> Node:
        if len(options) == 1:
            return Apply("=", (SUBJECT, options[0]), options[0].at)
        return self.within(SUBJECT, *options)

    def cell_missing(self) -> Node:
        return self.missing(SUBJECT)

    def cell_present(self) -> Node:
        return self.present(SUBJECT)


def _at(token: Token) -> int:
    return (token.start_pos or 0) + 1


_PARSER = Lark(
    _whole(GRAMMAR), parser="lalr", start=["choice", "cell"], transformer=_Builder(), maybe_placeholders=False
)


def read(text: str, catalogue: Catalogue, start: str = "choice") -> Node:
    """The tree of a written formula (`choice`) or of a cell of a decision table (`cell`), not yet checked."""
    if len(text) > MAX_LENGTH:
        raise refuse(
            "公式有 {length} 个字符，最多 {most} 个",
            "The formula has {length} characters; {most} are allowed",
            length=len(text),
            most=MAX_LENGTH,
        )
    if not text.strip():
        raise refuse("公式是空的", "The formula is empty")
    try:
        tree: Any = _PARSER.parse(text, start=start)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, BadFormula):
            raise error.orig_exc from error
        raise
    check_size(tree)
    return _place_moments(tree, catalogue)


def _place_moments(tree: Node, catalogue: Catalogue) -> Node:
    if isinstance(tree, Literal) and tree.type == MOMENT and isinstance(tree.value, str):
        return Literal(MOMENT, read_moment(tree.value, catalogue.zone, tree.at), tree.at)
    if isinstance(tree, Apply):
        return Apply(tree.op, tuple(_place_moments(arg, catalogue) for arg in tree.args), tree.at)
    return tree


def _unexpected(text: str, error: UnexpectedInput) -> BadFormula:
    at: Any = error.pos_in_stream
    token = getattr(error, "token", None)
    if not isinstance(error, UnexpectedCharacters) and token is not None and token.type == "$END":
        return refuse("公式没有写完", "The formula breaks off here", len(text) + 1)
    return refuse(
        "看不懂「{what}」。字段写在 [ ] 里，文字加引号，数字带单位（15%、50万元、30天、85分）",
        "“{what}” cannot stand here. Fields go in [ ], texts in quotes, numbers carry their unit "
        "(15%, CNY 500000, 30 days, 85 points)",
        at + 1 if isinstance(at, int) else None,
        what=text[at : at + 20].split("\n", maxsplit=1)[0],
    )
