"""The facts a formula may use: their types, labels, bounds, and where each comes from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.services.language.kinds import DEFAULT_DOMAIN, Kind, Model, Raw, Type, show, to_raw
from app.services.language.problems import UnknownFact, refuse
from app.services.language.trees import Literal
from app.words import Words, say


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known of the subject: a field, a measure, an indicator, a parameter or today's date.

    `domain` is the inclusive range in model values. `expression` is the fact in SQL. A fact with a `constant` is a
    parameter: the same for every subject, put in as a literal before anything is compiled or verified.
    """

    name: str
    type: Type
    zh: str
    en: str
    domain: tuple[Model, Model] | None = None
    nullable: bool = True
    expression: sa.ColumnElement[object] | None = field(default=None, compare=False)
    constant: Model | None = None

    @property
    def words(self) -> Words:
        return Words(zh=self.zh, en=self.en)

    def bounds(self) -> tuple[int, int] | None:
        """The range in raw numbers, dates as day numbers; None for what has no order."""
        if self.domain is None:
            return DEFAULT_DOMAIN.get(self.type.kind)
        low, high = (order(to_raw(self.type, edge)) for edge in self.domain)
        return None if low is None or high is None else (low, high)


def order(raw: Raw | None) -> int | None:
    """The number by which a raw value is ordered against its neighbours."""
    if isinstance(raw, dt.datetime | bool | str | None):
        return None
    return raw.toordinal() if isinstance(raw, dt.date) else raw


class Catalogue:
    """The facts of one subject type, found by name or by label in either language.

    `choices` names the vocabularies: `{"level": {"A": Words("甲", "First")}}`. `zone` is the company's time zone, in
    which written moments are meant.
    """

    def __init__(
        self,
        facts: Iterable[Fact],
        choices: Mapping[str, Mapping[str, Words]] | None = None,
        zone: dt.tzinfo = dt.UTC,
    ) -> None:
        self.facts = {fact.name: fact for fact in facts}
        self.choices = choices or {}
        self.zone = zone
        self._found: dict[str, str] = {}
        for labels in ((f.name for f in self.facts.values()), *self._labels()):
            for name, label in zip(self.facts, labels, strict=True):
                self._found.setdefault(label, name)

    def _labels(self) -> tuple[Iterable[str], Iterable[str]]:
        return (fact.zh for fact in self.facts.values()), (fact.en for fact in self.facts.values())

    def find(self, text: str, position: int | None = None) -> Fact:
        """The fact of that name or label; refuses an unknown one and names what is near."""
        name = self._found.get(text)
        if name is None:
            words = say(
                zh="没有「{text}」这一项；可用：{known}",
                en="There is no field “{text}”; known are: {known}",
                text=text[:60],
                known=self._near(text),
            )
            raise UnknownFact(words, position=position)
        return self.facts[name]

    def label(self, name: str, tongue: str) -> str:
        """How a fact is written in a formula: by its label, or by its name where the label is not its own."""
        label = self.facts[name].words.spoken(tongue) if name in self.facts else name
        if self._found.get(label) != name or set(label) & set("[]\n\r") or label != label.strip():
            return f"[{name}]"
        return f"[{label}]"

    def choice(self, type_: Type, text: str, position: int | None = None) -> Literal:
        """The choice written as `text`: its word, or its label in either language."""
        words = self.choices.get(type_.of or "", {})
        if text in words:
            return Literal(type_, text, position)
        hits = [word for word, label in words.items() if text in (label.zh, label.en)]
        if len(hits) == 1:
            return Literal(type_, hits[0], position)
        raise refuse(
            "{of} 里没有「{text}」；可用：{known}",
            "{of} has no “{text}”; known are: {known}",
            position,
            of=type_.of,
            text=text[:60],
            known=_listed(list(words.values())),
        )

    def show(self, literal: Literal, tongue: str) -> str:
        """A literal as it is written in a formula; reading it back gives the same literal."""
        if literal.type.kind is Kind.choice:
            label = self.choices.get(literal.type.of or "", {}).get(str(literal.value))
            spoken = label.spoken(tongue) if label else str(literal.value)
            return show(literal.type, spoken if self._is_own(literal, spoken) else literal.value, tongue)
        return show(literal.type, literal.value, tongue, self.zone)

    def _is_own(self, literal: Literal, label: str) -> bool:
        words = self.choices.get(literal.type.of or "", {})
        others = [word for word, known in words.items() if label in (word, known.zh, known.en)]
        return others == [literal.value] and label.isprintable()

    def _near(self, text: str) -> Words:
        facts = sorted(
            self.facts.values(), key=lambda fact: -len(set(text) & set(fact.zh + fact.en + fact.name))
        )
        return _listed([fact.words for fact in facts])


def _listed(words: list[Words], most: int = 8) -> Words:
    more = "…" if len(words) > most else ""
    return say(
        zh="{it}{more}",
        en="{it}{more}",
        more=more,
        it=Words(zh="、".join(w.zh for w in words[:most]), en=", ".join(w.en for w in words[:most])),
    )
