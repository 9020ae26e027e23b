"""Finding the records a file points to, by code or by name, many at a time and with the reader's rights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import or_, select

from app.extensions import among, db
from app.services import records
from app.services.fields import Field, fields_of, is_lookup, labels_of, titles_of
from app.words import Words, say

AT_ONCE = 1_000
LEAST_PREFIX = 2
CODES = ("code", "no", "credit_code")


class Finder:
    """The records one relation points to."""

    def __init__(self, field: Field) -> None:
        if field.target is None:
            raise TypeError(field.name)
        self.field = field
        self.model: Any = field.target
        names = {found.name for found in fields_of(self.model)}
        self.codes = [name for name in CODES if name in names]
        self.names = [name for name in titles_of(self.model) if name in names and name not in self.codes]
        self.small = is_lookup(field)
        self._found: dict[str, list[int]] = {}
        self._begun: dict[str, list[int]] = {}
        self._loaded = False

    def prepare(self, texts: Iterable[str]) -> None:
        """Look up those not yet known, in as few statements as may be."""
        if self.small:
            self._load_list()
            return
        unknown = sorted({text for text in texts if text not in self._found})
        for some in batched(unknown, AT_ONCE):
            self._look_up(some)

    def find(self, text: str) -> int | Words:
        """The id of the record called so, or why there is none."""
        ids = self._found.get(text) or (self._by_beginning(text) if self.small else [])
        if len(ids) == 1:
            return ids[0]
        if ids:
            return say(
                "有 {count} 条{what}名为“{text}”，请改填编号。",
                "{count} records of {what} are called '{text}': give the code instead.",
                count=len(ids),
                what=self.what,
                text=text[:60],
            )
        return say(
            "{label}：找不到“{text}”，或您无权查看。",
            "{label}: there is no '{text}', or you may not see it.",
            label=self.field.label,
            text=text[:60],
        )

    @property
    def what(self) -> Words:
        return labels_of(self.model) if hasattr(self.model, "__label__") else self.field.label

    def _look_up(self, texts: list[str]) -> None:
        columns = [getattr(self.model, name) for name in (*self.codes, *self.names)]
        statement = select(self.model.id, *columns).where(or_(*[among(column, texts) for column in columns]))
        by_code: dict[str, list[int]] = defaultdict(list)
        by_name: dict[str, list[int]] = defaultdict(list)
        for id_, *held in db.session.execute(statement):
            for name, text in zip((*self.codes, *self.names), held, strict=True):
                if text is not None:
                    (by_code if name in self.codes else by_name)[text].append(id_)
        for text in texts:
            self._found[text] = sorted(set(by_code.get(text) or by_name.get(text, [])))

    def _load_list(self) -> None:
        """A code list is small: all of it, by code and both names."""
        if self._loaded:
            return
        self._loaded = True
        statement = select(self.model.id, self.model.code, self.model.name_zh, self.model.name_en)
        if self.field.info.lookup:
            statement = statement.where(self.model.category == self.field.info.lookup)
        for id_, *texts in db.session.execute(statement.where(self.model.active)):
            for text in set(texts):
                self._found.setdefault(text, []).append(id_)

    def _by_beginning(self, text: str) -> list[int]:
        """A name without its ending, such as 四川 for 四川省, where only one begins so."""
        if len(text) < LEAST_PREFIX:
            return []
        if text not in self._begun:
            found = {id_ for name, ids in self._found.items() if name.startswith(text) for id_ in ids}
            self._begun[text] = sorted(found)
        return self._begun[text]


def batched(texts: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The texts in lists of at most `size`."""
    waiting = iter(texts)
    while some := list(islice(waiting, size)):
        yield some


def existing(model: type[Any], name: str, texts: Iterable[Any]) -> Iterator[tuple[Any, int, bool]]:
    """Which of these values of a unique field are taken: value, id, whether that row lies in the bin.

    Asked under the system's rights: a key is taken even by a row the person may not see.
    """
    column = getattr(model, name)
    binned = getattr(model, "deleted_at", None)
    for some in batched(sorted(set(texts)), AT_ONCE):
        statement = select(column, model.id, *([binned] if binned is not None else []))
        found = db.session.execute(
            statement.where(among(column, some)), execution_options={"with_deleted": True}
        )
        for value, id_, *deleted in found:
            yield value, id_, bool(deleted and deleted[0] is not None)


def title(model: type[Any], id_: int) -> str:
    """What a record is called, if the person asking may see it."""
    record = db.session.get(model, id_)
    return records.title_of(record) if record is not None else ""
