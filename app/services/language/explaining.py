"""Why a condition holds for a subject: each of its statements, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.services.language import trees
from app.services.language.checking import Formula
from app.services.language.evaluating import build, raw_values, settle
from app.services.language.kinds import Raw
from app.services.language.trees import Apply, Name, Node
from app.services.language.wording import tree_words, value_words
from app.words import Words, say


@dataclass(frozen=True, slots=True)
class Reason:
    """One statement of a condition, whether it holds (None: unknown), and the values it looked at."""

    statement: Words
    answer: bool | None
    values: Words

    @property
    def words(self) -> Words:
        return say(
            zh="{statement}：{answer}（{values}）",
            en="{statement}: {answer} ({values})",
            statement=self.statement,
            answer=ANSWERS[self.answer],
            values=self.values,
        )


ANSWERS = {
    True: say(zh="成立", en="holds"),
    False: say(zh="不成立", en="does not hold"),
    None: say(zh="无法判断", en="cannot be decided"),
}


def explain(formula: Formula, values: Mapping[str, object]) -> list[Reason]:
    """The statements of a condition in order, each with its answer for these model values."""
    raw = raw_values(formula, values)
    return [_reason(formula, statement, raw) for statement in _statements(formula.tree)]


def _statements(tree: Node) -> Iterator[Node]:
    if isinstance(tree, Apply) and tree.op in ("and", "or"):
        for term in tree.args:
            yield from _statements(term)
    else:
        yield tree


def _reason(formula: Formula, statement: Node, raw: Mapping[str, Raw | None]) -> Reason:
    catalogue = formula.catalogue
    shown = []
    for name in trees.names(statement):
        value = value_words(catalogue.facts[name].type, raw[name], catalogue)
        shown.append(
            say("{name} = {value}", "{name} = {value}", name=tree_words(Name(name), catalogue), value=value)
        )
    return Reason(
        tree_words(statement, catalogue),
        build(settle(statement, catalogue))(raw),
        Words(zh="，".join(one.zh for one in shown), en=", ".join(one.en for one in shown)),
    )
