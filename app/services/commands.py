"""Doing once what was sent twice: a form or call carries a key, and the key is kept with what came of it (R34)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.columns import now
from app.errors import Refusal
from app.extensions import db
from app.models import SavedCommand
from app.words import say

LONGEST_KEY = 60


class AlreadyDone(Refusal):
    """The same form was carried out before: where it led, and what it answered."""

    code = "already_done"

    def __init__(self, location: str, answer: Any) -> None:
        super().__init__(say(zh="该请求已处理。", en="This request was already carried out."))
        self.location = location
        self.answer = answer


class KeyUsed(Refusal):
    """The key stands for something else that was sent before."""

    code = "key_used"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            say(
                zh="该请求编号已用于另一内容，请刷新页面后重试。",
                en="This request number was used for something else: reload the page and try again.",
            )
        )


class Command:
    """A form being carried out; whoever does it says where it led."""

    def __init__(self, row_id: int | None) -> None:
        self._row_id = row_id

    def led_to(self, location: str, answer: Any = None) -> None:
        """Keep where the work led, for who sends the same again."""
        if self._row_id is not None:
            kept = update(SavedCommand).where(SavedCommand.id == self._row_id)
            db.session.execute(kept.values(location=location, answer=answer))


def begin(key: str, user_id: int, digest: str, location: str = "") -> Command:
    """Claim a key inside an open transaction; a second claimant waits for the first, and learns what became of it.

    Raises `AlreadyDone`, and `KeyUsed` when the digest of what is sent differs.
    """
    if not key:
        return Command(None)
    key = key[:LONGEST_KEY]
    insert = sqlite.insert if db.session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"key": key, "user_id": user_id, "digest": digest, "location": location, "created_at": now()}
    row_id = db.session.scalar(
        insert(SavedCommand).values(values).on_conflict_do_nothing().returning(SavedCommand.id)
    )
    if row_id is not None:
        return Command(row_id)
    held = db.session.scalars(
        select(SavedCommand).where(SavedCommand.key == key, SavedCommand.user_id == user_id)
    ).one()
    if held.digest != digest:
        raise KeyUsed
    raise AlreadyDone(held.location, held.answer)
