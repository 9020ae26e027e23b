"""Fields a record works out from others: anew at every save while it is still open, and never typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.extensions import db
from app.services import access

Derivation = Callable[[Any], None]

derivations: dict[type[Any], Derivation] = {}

OPEN = (None, "draft", "returned")
"""The states in which what a record says may still change."""


def derives(model: type[Any]) -> Callable[[Derivation], Derivation]:
    """Have this function set the derived fields of records of a type."""

    def add(function: Derivation) -> Derivation:
        derivations[model] = function
        return function

    return add


def derive(record: Any) -> None:
    """Bring the derived fields of a record up to date, if it is still open; read for the house, whoever asks."""
    found = derivations.get(type(record))
    if found is not None and record.status in OPEN:
        with access.acting(access.SYSTEM), db.session.no_autoflush:
            found(record)


def former(record: Any) -> Any | None:
    """The record whose place this one takes (`supersedes_id`), also for one that is not written yet."""
    return db.session.get(type(record), record.supersedes_id) if record.supersedes_id is not None else None


def _derive_all(session: Session, _context: Any, _instances: Any) -> None:
    for row in [*session.new, *session.dirty]:
        if type(row) in derivations:
            derive(row)


event.listen(Session, "before_flush", _derive_all, insert=True)  # before the log looks at what changed
