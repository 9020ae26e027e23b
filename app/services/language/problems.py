"""What the language refuses, as sentences a person can act on."""

from __future__ import annotations

from app.errors import Refusal
from app.words import Words, say


class BadFormula(Refusal):
    """A formula, condition or table that cannot be read, or makes no sense; `position` counts characters from 1."""

    code = "bad_formula"
    status = 422

    def __init__(self, words: Words, *, position: int | None = None) -> None:
        if position is not None:
            words = say(
                zh="第 {at} 个字符处：{what}", en="At character {at}: {what}", at=position, what=words
            )
        super().__init__(words)
        self.position = position


class UnknownFact(BadFormula):
    """A formula asks for a field there is not."""


class UnknownValue(Refusal):
    """A routing condition cannot be decided because values are missing (R33); `facts` are their names."""

    code = "missing_fact"
    status = 422

    def __init__(self, words: Words, facts: tuple[str, ...]) -> None:
        super().__init__(words, field=facts[0] if facts else None)
        self.facts = facts


def refuse(zh: str, en: str, position: int | None = None, **values: object) -> BadFormula:
    """The refusal with its sentence in both languages; to be raised by the caller."""
    return BadFormula(say(zh=zh, en=en, **values), position=position)
