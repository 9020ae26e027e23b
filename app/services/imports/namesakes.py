"""Rows of a file whose name comes down to that of a record, or of a row above: perhaps one company twice (B-33).

Names are compared without legal form and the words every company carries, as everywhere (`services.names`). Who differs
in a number that may stand only once, such as the credit code, is somebody else, however he is called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from app.extensions import among, db
from app.models import SearchEntry
from app.services import access, names, records
from app.services.fields import Field
from app.services.imports.relations import AT_ONCE, batched
from app.words import Words, say

NAME = "name"


@dataclass(frozen=True, slots=True)
class Namesake:
    """Who a row may be, in a sentence; `record` where it is one record this person may see."""

    words: Words
    record: Any = None


@dataclass(frozen=True, slots=True)
class _Held:
    """A record that has the same core of a name."""

    id: int
    name: str
    numbers: Mapping[str, Any]


class Namesakes:
    """Looks the names of one file up, a batch at a time. `told` is what may stand only once in such a record."""

    def __init__(
        self, model: type[Any], told: Sequence[Field], visible: Callable[[list[int]], dict[int, Any]]
    ) -> None:
        self.model = model
        self.told = [field.name for field in told if field.name != NAME]
        self.visible = visible
        self._numbered: dict[int, int] = {}
        self._bare: dict[int, int] = {}
        """The rows above, with a number of their own and without, by what their name comes down to: a file may be long."""
        self._known: dict[str, list[_Held]] = {}
        self._seen: dict[int, Any] = {}

    @staticmethod
    def are_asked(model: type[Any]) -> bool:
        """Whether records of this type may be one by their name, as the schema declares it."""
        return (NAME,) in getattr(model, "__twins__", ())

    def prepare(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Look up the records that are called as these rows are."""
        cores = {core for values in rows if (core := names.core_of(values.get(NAME)))}
        numbers = [getattr(self.model, name) for name in self.told]
        entry = and_(
            SearchEntry.object_type == self.model.__tablename__, SearchEntry.object_id == self.model.id
        )
        found: dict[str, list[_Held]] = defaultdict(list)
        with access.acting(access.SYSTEM):  # a name is taken even by a record the person may not see
            for some in batched(sorted(cores), AT_ONCE):
                statement = select(SearchEntry.core, self.model.id, self.model.name, *numbers)
                asked = statement.join(SearchEntry, entry).where(among(SearchEntry.core, some))
                for core, id_, name, *held in db.session.execute(asked.order_by(self.model.id)):
                    found[core].append(_Held(id_, name, dict(zip(self.told, held, strict=True))))
        self._known = found
        self._seen = self.visible([one.id for held in found.values() for one in held]) if found else {}

    def of(self, values: Mapping[str, Any]) -> Namesake | None:
        """Who a row that stands for no record may be."""
        core = names.core_of(values.get(NAME))
        if held := self._like(values, self._known.get(core, ())):
            return self._among(held)
        above = self._bare.get(hash(core))
        if above is None and not self._has_number(values):
            above = self._numbered.get(hash(core))
        if not core or above is None:
            return None
        return Namesake(say("名称与第 {row} 行相近。", "The name is like that in row {row}.", row=above))

    def remember(self, number: int, values: Mapping[str, Any]) -> None:
        """A row that will be a record."""
        if core := names.core_of(values.get(NAME)):
            rows = self._numbered if self._has_number(values) else self._bare
            rows.setdefault(hash(core), number)

    def _has_number(self, values: Mapping[str, Any]) -> bool:
        return any(values.get(name) is not None for name in self.told)

    def _like(self, values: Mapping[str, Any], held: Iterable[_Held]) -> list[_Held]:
        return [one for one in held if not any(self._differs(values, one, name) for name in self.told)]

    def _differs(self, values: Mapping[str, Any], held: _Held, name: str) -> bool:
        mine, theirs = values.get(name), held.numbers.get(name)
        return mine is not None and theirs is not None and mine != theirs

    def _among(self, held: Sequence[_Held]) -> Namesake:
        first, record = held[0], self._seen.get(held[0].id)
        if record is None:
            return Namesake(
                say(
                    "名称与一条您无权查看的记录（{name}***）相近。",
                    "The name is like that of a record you may not see ({name}***).",
                    name=first.name[:2],
                )
            )
        title = records.title_of(record)
        if code := getattr(record, "code", None):
            title += f" {code}"
        if len(held) > 1:
            return Namesake(
                say(
                    "名称与 {n} 条已有记录相近，如“{title}”。",
                    "The name is like those of {n} records that are there, such as '{title}'.",
                    n=len(held),
                    title=title,
                )
            )
        words = say(
            "名称与已有的“{title}”相近。", "The name is like that of '{title}', which is there.", title=title
        )
        return Namesake(words, record)
