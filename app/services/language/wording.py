"""From tree to words: a formula as it reads in Chinese and English. What is written reads back as the same tree."""

from __future__ import annotations

from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula
from app.services.language.kinds import Raw, Type
from app.services.language.operators import OPERATORS
from app.services.language.trees import Apply, Literal, Name, Node
from app.words import Words

_CHOICE, _OR, _AND, _NOT, _TEST, _SUM, _PRODUCT, _ATOM = range(8)
"""How tightly each form binds; a looser one inside a tighter one stands in brackets."""

LEVELS = {"or": _OR, "and": _AND, "not": _NOT, "+": _SUM, "-": _SUM, "/": _PRODUCT, "cases": _CHOICE}
LEVELS |= dict.fromkeys(("*", "*rate", "*quantity"), _PRODUCT)
LEVELS |= dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "in", "between", "span", "missing"), _TEST)

PATTERNS = {
    "zh": {"between": "{} 介于 {} 至 {}", "span": "{} 自 {} 至不足 {}", "missing": "{} 缺失"},
    "en": {
        "between": "{} between {} and {}",
        "span": "{} from {} to below {}",
        "missing": "{} is missing",
    },
}
NEGATIONS = {
    "zh": {"missing": "{} 不缺失", "in": "不属于"},
    "en": {"missing": "{} is not missing", "in": "not in"},
}
CASES = {
    "zh": ("若 {} 则 {}", " 否则 ", "缺失"),
    "en": ("if {} then {}", " else ", "missing"),
}


def words(formula: Formula) -> Words:
    """The formula in both languages."""
    return Words(zh=text(formula, "zh"), en=text(formula, "en"))


def text(formula: Formula, tongue: str) -> str:
    """The formula in one language, ready to be edited and read again."""
    return _Writer(formula.catalogue, tongue).write(formula.tree, _CHOICE)


def tree_words(tree: Node, catalogue: Catalogue) -> Words:
    """A part of a formula in both languages."""
    return Words(
        zh=_Writer(catalogue, "zh").write(tree, _CHOICE), en=_Writer(catalogue, "en").write(tree, _CHOICE)
    )


def value_words(type_: Type, raw: Raw | None, catalogue: Catalogue) -> Words:
    """A raw value as a person reads it."""
    if raw is None:
        return Words(zh="缺失", en="missing")
    return Words(
        zh=catalogue.show(Literal(type_, raw), "zh"),
        en=catalogue.show(Literal(type_, raw), "en"),
    )


class _Writer:
    def __init__(self, catalogue: Catalogue, tongue: str) -> None:
        self.catalogue = catalogue
        self.tongue = tongue

    def write(self, node: Node, around: int) -> str:
        """The node as it stands inside something that binds as tightly as `around`."""
        if isinstance(node, Literal):
            return self.catalogue.show(node, self.tongue)
        if isinstance(node, Name):
            return self.catalogue.label(node.name, self.tongue)
        written = self._apply(node)
        return f"({written})" if LEVELS.get(node.op, _ATOM) < around else written

    def _apply(self, node: Apply) -> str:
        sign = OPERATORS[node.op].words.spoken(self.tongue)
        special = {"cases": self._cases, "not": self._negation, "in": self._within}.get(node.op)
        if special is not None:
            return special(node, sign)
        if node.op in PATTERNS[self.tongue]:
            return PATTERNS[self.tongue][node.op].format(*self._all(node.args, _SUM))
        if OPERATORS[node.op].is_function:
            return f"{sign}({', '.join(self._all(node.args, _CHOICE))})"
        level = LEVELS[node.op]
        if node.op in ("and", "or"):
            return f" {sign} ".join(self._all(node.args, level + 1))
        left, right = node.args
        behind = _SUM if level == _TEST else level + 1
        return f"{self.write(left, max(level, _SUM))} {sign} {self.write(right, behind)}"

    def _all(self, args: tuple[Node, ...], around: int) -> list[str]:
        return [self.write(arg, around) for arg in args]

    def _negation(self, node: Apply, sign: str) -> str:
        (term,) = node.args
        forms = NEGATIONS[self.tongue]
        if isinstance(term, Apply) and term.op == "missing":
            return forms["missing"].format(self.write(term.args[0], _SUM))
        if isinstance(term, Apply) and term.op == "in":
            return self._within(term, forms["in"])
        return f"{sign} {self.write(term, _NOT)}"

    def _within(self, node: Apply, sign: str) -> str:
        item, *options = node.args
        return f"{self.write(item, _SUM)} {sign} ({', '.join(self._all(tuple(options), _SUM))})"

    def _cases(self, node: Apply, _: str) -> str:
        pattern, between, nothing = CASES[self.tongue]
        parts = self._all(node.args[: len(node.args) // 2 * 2], _OR)
        written = [pattern.format(test, value) for test, value in zip(parts[::2], parts[1::2], strict=True)]
        other = self.write(node.args[-1], _OR) if len(node.args) % 2 else nothing
        return between.join([*written, other])
