"""The records an act on many is asked of: those ticked on a list, or all it holds, however many.

All that a list holds is kept as what the list was asked for, not as ids: a job reads it a piece at a time, with the
rights its requester has by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_

from app.errors import Refusal
from app.roles import Act
from app.services import access, exports, records
from app.words import Words, say


@dataclass(frozen=True, slots=True)
class Chosen:
    """Records named by `ids`, or all of a `query`; `counted` is how many its asker was told they are, and confirmed."""

    ids: tuple[int, ...] = ()
    query: records.Query | None = None
    counted: int | None = None

    def first(self, most: int) -> list[int]:
        """Their ids in the order of the list, at most so many. Raises `Refusal` when nothing was chosen."""
        found = list(self.ids[:most]) if self.query is None else records.ids_of(self.query, most)
        if not found:
            raise Refusal(say("请先选择记录。", "Choose the records first."))
        return found

    def few(self, most: int) -> Chosen | None:
        """The same records by their ids, where they are at most so many."""
        found = self.first(most + 1)
        return replace(self, ids=tuple(found), query=None) if len(found) <= most else None

    def pieces(self, size: int, *, done: int = 0, last: int = 0) -> Iterator[list[int]]:
        """Their ids a piece at a time, past the `done` first of them, the last of which was `last`.

        What a list holds comes in the order of the ids.
        """
        if self.query is None:
            for at in range(done, len(self.ids), size):
                yield list(self.ids[at : at + size])
            return
        past = self.query.model.id > last
        within = past if self.query.within is None else and_(self.query.within, past)
        query = replace(self.query, within=within)
        for rows in records.every(query, (), size):
            yield [row.id for row in rows]

    def total(self) -> int:
        """How many are to be expected, for who waits for them: what was told, or else counted."""
        if self.query is None:
            return len(self.ids)
        first = replace(self.query, page=1, size=records.SIZES[0], start=None)
        return self.counted or records.page_of(first, exact=True).total

    def gone_astray(self, found: int) -> Words | None:
        """What to say when there were other than were confirmed: the list went on living since."""
        if self.counted is None or self.counted == found:
            return None
        return say(
            "确认时列表中有 {told} 条，现在有 {found} 条。",
            "The list held {told} records when this was confirmed, and holds {found} now.",
            told=f"{self.counted:,}",
            found=f"{found:,}",
        )

    # ---- kept by a job -------------------------------------------------------------------------------------

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        if self.query is None:
            return {"ids": list(self.ids), "counted": self.counted}
        if self.query.within is not None and not self.query.binned:
            raise TypeError("a condition of a door cannot be kept")
        state = exports.state_of(self.query)
        return {"list": state, "binned": self.query.binned, "counted": self.counted}

    @classmethod
    def restored(cls, resource: str, body: Mapping[str, Any]) -> Chosen:
        """What was kept, with the rights of who asks now. Raises `BadRequest`, `NotAllowed`."""
        if "list" not in body:
            return cls(tuple(body["ids"]), counted=body["counted"])
        query = exports.query_of(resource, body["list"])
        if body["binned"]:
            bin_ = records.binned(query.model)
            query = replace(query, within=bin_.within, binned=True)
        if not records.may_list(query.model):
            access.principal().check(Act.read, resource)
        return cls(query=query, counted=body["counted"])
