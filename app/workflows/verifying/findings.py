"""What the check before publication finds, and the rules it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.words import Words, say

RULES = {
    "V1": say(zh="写法与引用", en="form and references"),
    "V2": say(zh="到不了的步骤", en="unreachable steps"),
    "V3": say(zh="走不完的步骤", en="endless steps"),
    "V4": say(zh="漏掉的情形", en="cases nobody decides"),
    "V5": say(zh="重复的情形", en="cases decided twice"),
    "V6": say(zh="无效的行", en="dead rows"),
    "V7": say(zh="在路径上无效的条件", en="conditions dead on every way to them"),
    "V8": say(zh="无人可审批", en="nobody eligible"),
    "V9": say(zh="票数", en="votes"),
    "V10": say(zh="职责分离", en="separation of duties"),
    "V11": say(zh="期限", en="deadlines"),
    "V12": say(zh="条件的类型与单位", en="types and units of conditions"),
    "V13": say(zh="必经审核", en="mandatory reviews"),
    "V14": say(zh="无法提供的材料", en="evidence nobody can supply"),
    "V15": say(zh="审批结果", en="effects and states"),
    "V16": say(zh="退回目标", en="targets of sending back"),
    "V17": say(zh="模拟运行", en="simulation"),
    "V18": say(zh="审批人看不到记录", en="deciders who may not read the record"),
}
"""The rules by their code, which never changes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw of a flow: its rule, its place (step, then seat or row), what is wrong, and a case that shows it.

    `example` are values of a record, or the person whose request would be stuck; `case` is the same in words. Errors
    stop publication; a warning is acknowledged by whoever publishes.
    """

    rule: str
    place: str
    words: Words
    is_error: bool = True
    example: Mapping[str, Any] = field(default_factory=dict)
    case: Words | None = None

    @property
    def sentence(self) -> Words:
        """The finding with its code and place, as lists show it."""
        return say(
            zh="{rule} {place}：{words}",
            en="{rule} {place}: {words}",
            rule=self.rule,
            place=self.place,
            words=self.words,
        )

    def document(self) -> dict[str, Any]:
        """The finding as JSON keeps it with a version."""
        return {
            "rule": self.rule,
            "place": self.place,
            "zh": self.words.zh,
            "en": self.words.en,
            "is_error": self.is_error,
            "example": {name: None if it is None else str(it) for name, it in self.example.items()},
            "case_zh": self.case.zh if self.case else None,
            "case_en": self.case.en if self.case else None,
        }


def first_of_each(found: list[Finding]) -> list[Finding]:
    """Errors first; of several findings of one rule at one place in the same words, one."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for it in found:
        kept.setdefault((it.rule, it.place, it.words.en), it)
    return sorted(kept.values(), key=lambda it: not it.is_error)
