"""What a pack may hold: a registry of kinds, and the kind that is simply the rows of a table.

A kind says how an entry reads (its code, its complete form), what stands in the database in that same form, and how
complete forms are written there. The loader compares forms; it knows no table. Engines register theirs:

    @pack_kind("flows", after=("roles",))
    class Flows(PackKind): ...
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, TypeVar

from sqlalchemy import Boolean, Column, Date, Enum, Integer, String, inspect, select
from sqlalchemy.orm import QueryableAttribute

from app.columns import Scaled
from app.errors import Refusal
from app.extensions import db
from app.words import Words, say

Form = dict[str, Any]
"""An entry complete and canonical, as JSON holds it: defaults filled, codes instead of ids, numbers as text."""

Known = Mapping[str, set[str]]
"""Kind → the codes that may be referred to: those of the pack and of the packs it requires."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Under which circumstances forms are written."""

    pack: str
    trusted: bool


class PackKind(ABC):
    """One kind of configuration."""

    name: str
    after: tuple[str, ...] = ()
    """The kinds this one refers to, which are loaded before it."""

    @abstractmethod
    def code_of(self, body: Mapping[str, Any]) -> str:
        """The business code of an entry; empty when it names none."""

    @abstractmethod
    def problems(self, body: Mapping[str, Any], known: Known) -> Iterable[Words]:
        """What is wrong with an entry, asked of the file alone."""

    @abstractmethod
    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        """Code → complete form of the entries of one pack, which have no problems."""

    @abstractmethod
    def standing(self) -> dict[str, Form]:
        """Code → complete form of everything in the database."""

    @abstractmethod
    def write(self, forms: Mapping[str, Form], loading: Loading) -> None:
        """Make the database hold these forms; those of other codes stay as they are."""

    def is_retired(self, form: Form) -> bool:
        """Whether an administrator switched it off."""
        return form.get("active") is False


_kinds: dict[str, PackKind] = {}

K = TypeVar("K", bound=type[PackKind])


def pack_kind(name: str, *, after: tuple[str, ...] = ()) -> Callable[[K], K]:
    """Register a class as a kind of pack entry, found in `name.yaml` and `name/*.yaml`."""

    def add(kind: K) -> K:
        register(kind(), name, after)
        return kind

    return add


def register(kind: PackKind, name: str, after: tuple[str, ...] = ()) -> None:
    """Add a kind under this name."""
    if name in _kinds:
        raise ValueError(f"the pack kind {name} is registered twice")
    kind.name, kind.after = name, after
    _kinds[name] = kind


def kinds() -> list[PackKind]:
    """The registered kinds, each after those it refers to."""
    order = TopologicalSorter({name: set(kind.after) & set(_kinds) for name, kind in _kinds.items()})
    return [_kinds[name] for name in order.static_order()]


def digest_of(form: Form) -> str:
    """The hash by which two forms are compared."""
    text = json.dumps(form, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# ---- rows of a table ---------------------------------------------------------------------------------------


@dataclass
class Table(PackKind):
    """A kind whose entries are rows of one table.

    `columns` maps the word of the file to the column, `key` names those that make the code (joined by `/`), `group`
    the one that may be given as the heading of a group, `refs` maps a word to the foreign key and the kind it points
    into by code.
    """

    model: type[Any]
    columns: dict[str, str]
    key: tuple[str, ...] = ("code",)
    group: str = ""
    refs: dict[str, tuple[str, str]] = field(default_factory=dict)
    skip: Callable[[Mapping[str, Any]], bool] = lambda _body: False
    """Rows another kind keeps."""

    def code_of(self, body: Mapping[str, Any]) -> str:
        body = self._ungrouped(body)
        return "/".join(_text(body[word]) for word in self.key) if all(body.get(w) for w in self.key) else ""

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterator[Words]:
        body = self._ungrouped(body)
        for word in sorted(set(body) - set(self.columns) - set(self.refs)):
            yield say("未知的键“{word}”。", "The key '{word}' is unknown.", word=word)
        for word, name in self.columns.items():
            yield from _cell_problems(word, body.get(word), self._column(name))
        for word, (_name, kind) in self.refs.items():
            code = body.get(word)
            if code is not None and self._target(body, word, code) not in known.get(kind, set()):
                yield no_such(kind, _text(code))

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        return {self.code_of(body): self._form(self._ungrouped(body)) for body in bodies}

    def standing(self) -> dict[str, Form]:
        attributes = [getattr(self.model, name) for name in self.columns.values()]
        keys = [getattr(self.model, name) for name, _kind in self.refs.values()]
        codes = self._codes_by_id()
        found = {}
        for row in db.session.execute(select(*attributes, *keys)):
            form = {word: _plain(value) for word, value in zip(self.columns, row, strict=False)}
            form |= {
                word: self._short(word, codes[word].get(value))
                for word, value in zip(self.refs, row[len(attributes) :], strict=True)
            }
            form = {word: value for word, value in form.items() if value is not None}
            if not self.skip(form):
                found[self.code_of(form)] = form
        return found

    def write(self, forms: Mapping[str, Form], _loading: Loading) -> None:
        rows = {self._code_of_row(row): row for row in db.session.scalars(select(self.model))}
        for code, form in forms.items():
            row = rows.get(code)
            if row is None:
                row = rows[code] = self.model()
                db.session.add(row)
            for word, name in self.columns.items():
                setattr(row, name, _bound(self._column(name), form.get(word)))
        db.session.flush()
        self._link(forms, rows)

    def _link(self, forms: Mapping[str, Form], rows: Mapping[str, Any]) -> None:
        """Set the foreign keys, once every row has its id."""
        if not self.refs:
            return
        ids = {
            word: {code: id_ for id_, code in found.items()} for word, found in self._codes_by_id().items()
        }
        for code, form in forms.items():
            for word, (name, _kind) in self.refs.items():
                target = form.get(word)
                setattr(rows[code], name, ids[word][self._target(form, word, target)] if target else None)
        db.session.flush()

    def _form(self, body: Mapping[str, Any]) -> Form:
        form = {}
        for word, name in self.columns.items():
            value = body.get(word)
            form[word] = _plain(
                _default(self._column(name)) if value is None else _bound(self._column(name), value)
            )
        for word in self.refs:
            form[word] = None if body.get(word) is None else _text(body[word])
        return {word: value for word, value in form.items() if value is not None}

    def columns_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of an entry without problems, as a row takes them."""
        body = self._ungrouped(body)
        return {name: _bound(self._column(name), body.get(word)) for word, name in self.columns.items()}

    def _ungrouped(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "group" not in body or not self.group:
            return dict(body)
        return {self.group: body["group"], **{word: value for word, value in body.items() if word != "group"}}

    def _column(self, name: str) -> Column[Any]:
        column: Column[Any] = inspect(self.model).columns[name]
        return column

    def _code_of_row(self, row: Any) -> str:
        return "/".join(_text(_plain(getattr(row, self.columns[word]))) for word in self.key)

    def _codes_by_id(self) -> dict[str, dict[int, str]]:
        """Of each reference: id → code of what it may point to."""
        return {word: codes_by_id(_kinds[kind]) for word, (_name, kind) in self.refs.items()}

    def _target(self, body: Mapping[str, Any], word: str, code: Any) -> str:
        """The full code of what is referred to: rows of the same table are named within their group."""
        inside = self.group and _kinds[self.refs[word][1]] is self
        return f"{body[self.group]}/{_text(code)}" if inside else _text(code)

    def _short(self, word: str, code: str | None) -> str | None:
        inside = self.group and _kinds[self.refs[word][1]] is self
        return code.split("/", 1)[1] if inside and code else code


def codes_by_id(kind: PackKind) -> dict[int, str]:
    """The codes of the rows of a kind that is a table, by id."""
    if not isinstance(kind, Table):
        raise TypeError(f"the entries of {kind.name} are no rows of one table")
    attributes: list[QueryableAttribute[Any]] = [getattr(kind.model, kind.columns[word]) for word in kind.key]
    return {
        row[0]: "/".join(_text(_plain(part)) for part in row[1:])
        for row in db.session.execute(select(kind.model.id, *attributes))
    }


def no_such(kind: str, code: str) -> Words:
    """The sentence for a reference into nothing."""
    return say("{kind} 中没有“{code}”。", "There is no '{code}' among {kind}.", kind=kind, code=code)


# ---- cells -------------------------------------------------------------------------------------------------


def _cell_problems(word: str, value: Any, column: Column[Any]) -> Iterator[Words]:
    if value is None:
        if not column.nullable and column.default is None and column.server_default is None:
            yield say("缺少“{word}”。", "'{word}' is missing.", word=word)
        return
    try:
        bound = _bound(column, value)
    except (ValueError, ArithmeticError):
        yield say(
            "“{word}”的值“{value}”无效。", "'{value}' is no valid value of '{word}'.", word=word, value=value
        )
        return
    length = getattr(column.type, "length", None)
    if isinstance(bound, str) and length and len(bound) > length:
        yield say("“{word}”超过 {n} 个字符。", "'{word}' is longer than {n} characters.", word=word, n=length)


def _bound(column: Column[Any], value: Any) -> Any:
    """A value of a file or form as the column takes it. Raises ValueError."""
    kind = column.type
    if value is None:
        return _default(column)
    if isinstance(kind, Enum):
        return _member(kind, value)
    if isinstance(kind, Boolean | Integer) and not isinstance(kind, Scaled):
        wanted = bool if isinstance(kind, Boolean) else int
        if type(value) is not wanted:
            raise ValueError(value)
        return value
    if isinstance(kind, Date):
        return value if isinstance(value, date) else date.fromisoformat(value)
    if isinstance(kind, Scaled):
        return Decimal(_text(value))
    if isinstance(kind, String):
        return _text(value)
    raise ValueError(value)


def _member(kind: Enum, value: Any) -> Any:
    """The member of a closed set with this word. Raises ValueError."""
    if kind.enum_class is None or value not in kind.enums:
        raise ValueError(value)
    return kind.enum_class[str(value)]


def _default(column: Column[Any]) -> Any:
    found: Any = column.default
    return found.arg if found is not None and found.is_scalar else None


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value.value) if hasattr(value, "words") else value


def _text(value: Any) -> str:
    """A scalar of a file as text; a list or mapping is none. Raises ValueError."""
    if isinstance(value, Mapping | list | bool):
        raise ValueError(value)  # noqa: TRY004 (wrong in the file, not in the code)
    return value.isoformat() if isinstance(value, date) else str(value)


def missing_reference(kind: str, code: str) -> Refusal:
    """The refusal of an entry whose reference is gone from the database."""
    return Refusal(no_such(kind, code))
