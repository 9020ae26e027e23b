"""Pages by key: the rows after (or before) one row in the order of a list, however deep in the list it stands.

The key of a row is what the list is sorted by, and its id. It travels as a word a program gives back as it was; whatever
stands in it, it only says where to go on, among the rows the person may read anyway. Empty values come last.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_

from app.errors import BadRequest
from app.extensions import db
from app.services import values
from app.services.fields import Field
from app.services.filtering import column_of, type_of
from app.services.language.kinds import to_model, to_raw
from app.services.language.problems import BadFormula
from app.services.language.trees import Literal, dump_literal, load_literal
from app.words import say

Sort = tuple[tuple[Field, bool], ...]
"""The fields a list is sorted by, each with whether it descends."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where a row stands: the values it is sorted by, as the models show them, and its id."""

    values: tuple[Any, ...]
    id: int


@dataclass(frozen=True, slots=True)
class Start:
    """The row a page stands after, or, going back, before."""

    key: Key
    back: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    column: Any
    descends: bool
    nullable: bool


def order_of(model: type[Any], sort: Sort) -> list[_Column]:
    """The columns a list is sorted by; the id comes last, the newest first where nothing is asked."""
    found = [_Column(column_of(model, field), down, not field.required) for field, down in sort]
    return [*found, _Column(model.id, sort[0][1] if sort else True, nullable=False)]


def ordered(order: Sequence[_Column], *, back: bool = False) -> Iterator[ColumnElement[Any]]:
    """The order in SQL, forwards or back."""
    for one in order:
        by = one.column.asc() if one.descends == back else one.column.desc()
        yield (by.nulls_first() if back else by.nulls_last()) if one.nullable else by


def beyond(order: Sequence[_Column], start: Start) -> ColumnElement[bool]:
    """Whether a row stands after the key, or before it."""
    *firsts, last = zip(order, (*start.key.values, start.key.id), strict=True)
    found = _further(*last, back=start.back)  # alone: with an "or" SQLite would walk all rows before it
    for one, value in reversed(firsts):
        found = or_(_further(one, value, back=start.back), and_(_same(one, value), found))
    first = order[0]
    bound = start.key.values[0] if start.key.values else None
    return found if bound is None or first.nullable else and_(_from(first, bound, back=start.back), found)


def ids_from(
    keys: Select[Any], order: Sequence[_Column], most: int, begin: int | Start, *, back: bool = False
) -> list[int]:
    """At most so many ids in this order, past so many rows or beyond a key; backwards where the key or `back` says so."""
    if isinstance(begin, Start):
        keys, back = keys.where(beyond(order, begin)), begin.back
    ordered_keys = keys.order_by(*ordered(order, back=back)).limit(most)
    return list(
        db.session.scalars(ordered_keys.offset(begin) if begin and isinstance(begin, int) else ordered_keys)
    )


def _same(one: _Column, value: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = one.column.is_(None) if value is None else one.column == value
    return same


def _further(one: _Column, value: Any, *, back: bool) -> ColumnElement[bool]:
    if value is None:  # the empty ones are last
        return one.column.is_not(None) if back else false()
    bound = literal(value) if isinstance(value, bool) else value
    further: ColumnElement[bool] = one.column > bound if one.descends == back else one.column < bound
    return or_(further, one.column.is_(None)) if one.nullable and not back else further


def _from(one: _Column, value: Any, *, back: bool) -> ColumnElement[bool]:
    """A plain bound, which an index can start at."""
    bound: ColumnElement[bool] = one.column >= value if one.descends == back else one.column <= value
    return bound


# ---- the key as a word -------------------------------------------------------------------------------------


def of(sort: Sort, record: Any) -> Key:
    """The key of a record in this order."""
    return Key(tuple(getattr(record, field.name) for field, _down in sort), record.id)


def word(sort: Sort, key: Key) -> str:
    """The key as an address carries it."""
    parts = [_kept(field, value) for (field, _down), value in zip(sort, key.values, strict=True)]
    text = json.dumps([*parts, key.id], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _kept(field: Field, value: Any) -> Any:
    if value is None:
        return None
    raw = to_raw(type_of(field), value)
    return None if raw is None else dump_literal(Literal(type_of(field), raw))


LONGEST = 2_000


def read(sort: Sort, written: str) -> Key:
    """The key of a word. Raises `BadRequest` for one that is none of this order."""
    try:
        text = base64.urlsafe_b64decode(written[:LONGEST] + "=" * (-len(written[:LONGEST]) % 4))
        *parts, id_ = json.loads(text)
        found = [_value(field, part) for (field, _down), part in zip(sort, parts, strict=True)]
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError, BadFormula):
        raise _lost() from None
    if (key := values.whole(id_)) is None:
        raise _lost()
    return Key(tuple(found), key)


def _value(field: Field, part: Any) -> Any:
    if part is None:
        return None
    literal = load_literal(part)
    if literal.type != type_of(field):
        raise ValueError(part)
    value = to_model(literal.type, literal.value)
    return field.choices[str(value)] if field.choices is not None else value


def _lost() -> BadRequest:
    return BadRequest(say("cursor 无效。", "The cursor is not valid."))
