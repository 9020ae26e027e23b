"""Lists in the order of an added field, read by the index of its mirror: what has a value first, what has none after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import aliased

from app.extensions import db
from app.models import ExtraIndex
from app.services import extras, keyset
from app.services.fields import Field


def is_kept(sort: keyset.Sort) -> bool:
    """Whether the mirror keeps this order."""
    return bool(sort) and sort[0][0].item is not None and sort[0][0].kind not in extras.UNMIRRORED


@dataclass(frozen=True, slots=True)
class _Run:
    """The rows with a value of the field, or, where none is named, those without: a statement and its order."""

    keys: Select[Any]
    order: Sequence[Any]
    field: Field | None = None

    def read(self, most: int, begin: int | keyset.Start, *, back: bool = False) -> list[int]:
        if isinstance(begin, keyset.Start):
            value, *others = begin.key.values
            first = () if self.field is None else (extras.key_value(self.field, value),)
            begin = replace(begin, key=replace(begin.key, values=(*first, *others)))
        return keyset.ids_from(self.keys, self.order, most, begin, back=back)


def ids_from(
    keys: Select[Any], model: type[Any], sort: keyset.Sort, most: int, begin: int | keyset.Start
) -> list[int]:
    """At most so many ids in the order of an added field, past so many rows or beyond a key; backwards if that says so."""
    runs = _runs(keys, model, sort)
    return _skipped(*runs, most, begin) if isinstance(begin, int) else _beyond(*runs, most, begin)


def _runs(keys: Select[Any], model: type[Any], sort: keyset.Sort) -> tuple[_Run, _Run]:
    field = sort[0][0]
    mirror: Any = aliased(ExtraIndex)
    column = extras.key_of(field, mirror)
    first, *rest = keyset.order_of(model, sort)
    of_record = and_(
        mirror.info_item_id == extras.item_of(field).id,
        mirror.object_id == model.id,
        column.is_not(None),
    )
    filled = _Run(keys.join(mirror, of_record), [replace(first, column=column, nullable=False), *rest], field)
    return filled, _Run(keys.where(~exists().where(of_record)), rest)


def _skipped(filled: _Run, empty: _Run, most: int, skip: int) -> list[int]:
    found = filled.read(most, skip)
    if len(found) == most:
        return found
    passed = len(found) + skip
    if skip and not found:
        passed = db.session.scalar(select(func.count()).select_from(filled.keys.subquery())) or 0
    return [*found, *empty.read(most - len(found), max(0, skip - passed))]


def _beyond(filled: _Run, empty: _Run, most: int, start: keyset.Start) -> list[int]:
    has_value = start.key.values[0] is not None
    here, other = (filled, empty) if has_value else (empty, filled)
    found = here.read(most, start)
    if len(found) < most and has_value != start.back:
        found += other.read(most - len(found), 0, back=start.back)
    return found
