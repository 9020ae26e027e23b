"""Sentences in both languages of the product, chosen when they are shown, not when they are written."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

LANGUAGES = ("zh", "en")

language: ContextVar[str] = ContextVar("language", default="zh")
"""The language of the person being served; doors set it, nothing below reads the request."""


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in Chinese and English; `str()` gives the one the reader wants."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.spoken(language.get())

    def spoken(self, tongue: str) -> str:
        return self.zh if tongue == "zh" else self.en

    def fill(self, **values: object) -> Words:
        """The sentence with its named places filled; a value that is `Words` itself is spoken in each language."""
        return Words(zh=self.zh.format(**_spoken(values, "zh")), en=self.en.format(**_spoken(values, "en")))


def say(zh: str, en: str, **values: object) -> Words:
    """A sentence in both languages, with its named places filled."""
    words = Words(zh=zh, en=en)
    return words.fill(**values) if values else words


def _spoken(values: dict[str, object], tongue: str) -> dict[str, object]:
    return {
        name: value.spoken(tongue) if isinstance(value, Words) else value for name, value in values.items()
    }
