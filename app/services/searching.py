"""The index of the quick search: what each record is found by, computed when it is written (R16).

A record is found by any part of its names and codes, by the sound of a Chinese name and by its initials: 华润, `huarun` and
`hr` find the same customer. Tokens are single characters and pairs of Chinese text, triples of Latin letters and digits,
triples of the sound and pairs of the initials, each stream with a mark of its own. PostgreSQL keeps them in an array with
a GIN index, SQLite in an FTS5 table that triggers of the database fill. What is found is always joined to the record's own
table, so that the row policy holds.

An entry has a number that says of which record it is, so that FTS5, which knows nothing but numbers, finds the records of
one type and the newest of them without another look.
"""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Insert,
    Integer,
    Select,
    Text,
    and_,
    cast,
    delete,
    event,
    exists,
    false,
    func,
    inspect,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.columns import keyring
from app.extensions import Model, db, insert_all, transaction
from app.models import SearchEntry
from app.services import names, values
from app.services.fields import Field, fields_of

os.environ |= {"PYPINYIN_NO_PHRASES": "true", "PYPINYIN_NO_DICT_COPY": "true"}
from pypinyin import Style, lazy_pinyin  # asked one character at a time: the phrases are 40 MB unused

ENTRIES = Model.metadata.tables[SearchEntry.__tablename__]
FTS = "search_fts"
SOUND, INITIALS = "~", "^"
PAIR = 2
PIECES = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+")
LAST_PLAIN = 0x9FFF
"""Letters beyond are unknown to the tokenizer of SQLite, or in part: they are written as their number."""
AT_ONCE = 5_000
IDS = 31
"""How many bits of an entry's number are the id of its record; the others are its type's."""
ROWID: ColumnElement[int] = literal_column("rowid", Integer)


# ---- tokens ------------------------------------------------------------------------------------------------


def tokens_of(texts: Iterable[str | None]) -> list[str]:
    """Everything these texts are found by, sorted, each once."""
    found: set[str] = set()
    for text in filter(None, texts):
        for piece in PIECES.findall(_folded(text)):
            found |= _chinese(piece) if _is_chinese(piece) else _latin(piece)
    return sorted(found)


def asked_by(term: str) -> list[list[str]]:
    """The sets of tokens of which one must be there whole for a record to fit a word somebody typed, text first."""
    text: list[str] = []
    for piece in PIECES.findall(_folded(term)):
        text += _grams(piece, 2) if _is_chinese(piece) else _grams(_spelled(piece), 3)
    if not text:
        return []
    word = term.lower()
    if not (word.isascii() and word.isalpha()):
        return [text]
    initials = [INITIALS + gram for gram in _grams(word, 2)]
    return [text, initials, [SOUND + gram for gram in _grams(word, 3)]]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_chinese(piece: str) -> bool:
    return "\u3400" <= piece[0] <= "\u9fff"


@lru_cache(maxsize=4_096)
def _chinese(piece: str) -> frozenset[str]:
    """Characters, pairs, sound and initials of a run of Chinese text; many rows of a file share theirs."""
    syllables = [_syllable(character) for character in piece]
    sound, initials = "".join(syllables), "".join(syllable[:1] for syllable in syllables)
    return frozenset(
        (
            *piece,
            *_grams(piece, 2),
            *(SOUND + gram for gram in _grams(sound, 3)),
            *(INITIALS + gram for gram in _grams(initials, 2)),
        )
    )


def _latin(piece: str) -> set[str]:
    """Triples of a word or number, and how it begins."""
    word = _spelled(piece)
    return {word[:1], word[:2], *_grams(word, 3)}


def _grams(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)] or ([text] if text else [])


def _spelled(piece: str) -> str:
    if piece.isascii():
        return piece
    return "".join(letter if ord(letter) <= LAST_PLAIN else f"u{ord(letter):x}" for letter in piece)


@lru_cache(maxsize=10_000)
def _syllable(character: str) -> str:
    """How a character sounds, in plain letters; nothing for one the dictionary does not know."""
    sound = lazy_pinyin(character, style=Style.NORMAL, errors="ignore")
    return sound[0].replace("ü", "v") if sound else ""


# ---- asking ------------------------------------------------------------------------------------------------


def matches(model: type[Any], term: str) -> ColumnElement[bool]:
    """Whether a record fits one word of the quick search: found by the index, or equal to a sealed number or address.

    The candidates are one set of ids, so that the database may begin with them or with the order of the list. Text must
    then contain the word as it stands, not its pieces anywhere. A word of signs alone has no tokens: it is looked for
    in the texts themselves.
    """
    sealed, wanted = _sealed(model, term), _wanted(model, term)
    if not wanted:
        return or_(false(), *_contained(model, term), *sealed)
    identity: Any = model.id
    ids: Any = _found(model, [wanted])
    if sealed:
        columns: Any = model.__table__.c
        ids = ids.union_all(*(select(columns.id).where(clause) for clause in sealed))
    found: ColumnElement[bool] = identity.in_(ids)
    if _is_one_token(term):
        return found
    spoken = [identity.in_(_found(model, [wanted[1:]]))] if wanted[1:] else []
    return and_(found, or_(*_contained(model, term), *spoken, *sealed))


def newest(model: type[Any], terms: Sequence[str], most: int) -> list[int] | None:
    """The ids of the newest records of which the index holds all of these words, the newest first, at most `most`.

    None where a word can be found in other ways than by its text. Whoever shows them still asks `reads`, and the row
    policy.
    """
    wanted = [_wanted(model, term) for term in terms]
    if any(len(one) != 1 for one in wanted) or any(_sealed(model, term) for term in terms):
        return None
    found = _found(model, wanted)
    return list(db.session.scalars(found.order_by(_number().desc()).limit(most)))


def reads(model: type[Any], term: str) -> ColumnElement[bool]:
    """Whether a record of which the index holds a word has it as it stands."""
    return true() if _is_one_token(term) else or_(*_contained(model, term))


def _wanted(model: type[Any], term: str) -> list[list[str]]:
    """The sets of tokens by which records of a type are looked up for a word."""
    wanted = asked_by(term) if searched(model) else []
    return [_telling(wanted[0]), *wanted[1:]] if wanted and not _is_one_token(term) else wanted


def _sealed(model: type[Any], term: str) -> list[ColumnElement[bool]]:
    """Whether a word is the value of one of the sealed fields."""
    return [
        getattr(model, f"{field.name}_index")
        == keyring.blind_index(term, f"{model.__tablename__}.{field.name}")
        for field in fields_of(model)
        if field.sealed and _may_be(field, term)
    ]


def _telling(tokens: list[str]) -> list[str]:
    """Of the pieces of a long number those that tell it from others, where the text is read as well.

    The letters it begins with and the noughts it is filled with stand in nearly all: looking those up costs more than
    the rest.
    """
    telling = [token for token in tokens[1:] if token[0].isdigit() and not token.startswith("00")]
    return telling if len(tokens) >= LONG and len(telling) > 1 else tokens


LONG = 5
"""So many pieces are a long number."""


def _may_be(field: Field, term: str) -> bool:
    """Whether a word could be a value of a sealed field at all: nobody's telephone number holds letters."""
    try:
        values.FORMS.get(field.info.form, str)(term)
    except values.BadValue:
        return False
    return True


def _contained(model: type[Any], term: str) -> list[ColumnElement[bool]]:
    """The word as it stands in one of the texts; only where its letters come large and small is that paid for."""
    texts = [getattr(model, field.name) for field in searched(model)]
    return [
        text.icontains(word, autoescape=True)
        if word.lower() != word.upper()
        else text.contains(word, autoescape=True)
        for text in texts
        for word in sorted({term, _folded(term)})
    ]


def _is_one_token(term: str) -> bool:
    """Whether what holds the token holds the word: a sign or two of Chinese are a token as they stand."""
    return len(term) <= PAIR and term == _folded(term) and all(map(_is_chinese, term))


def types_with(terms: Sequence[str]) -> set[str]:
    """The tables of which the index holds something for all of these words; one statement."""
    wanted = [alternatives for term in terms if (alternatives := asked_by(term))]
    if _is_postgresql():
        held = select(ENTRIES.c.object_type).distinct().where(*map(_holds, wanted))
        return set(db.session.scalars(held))
    if not wanted:
        return {model.__tablename__ for model in _models()}
    numbers = set(db.session.scalars(select(ROWID.op(">>")(IDS)).distinct().select_from(_held(wanted))))
    return {table for model in _models() if _type_number(table := model.__tablename__) in numbers}


def fits(texts: Iterable[str], term: str) -> bool:
    """Whether a word somebody typed finds one of these texts, by the same tokens as records."""
    tokens = set(tokens_of(texts))
    return any(tokens >= set(alternative) for alternative in asked_by(term))


def _found(model: type[Any], wanted: Sequence[Sequence[Sequence[str]]]) -> Select[Any]:
    """The ids of records of a type that hold, for each of the words, all tokens of one of its sets."""
    if _is_postgresql():
        is_of = ENTRIES.c.object_type == model.__tablename__
        return select(ENTRIES.c.object_id).where(is_of, *map(_holds, wanted))
    first, last = number_of(model.__tablename__, 0), number_of(model.__tablename__, (1 << IDS) - 1)
    return select(ROWID - first).select_from(_held(wanted)).where(ROWID.between(first, last))


def _number() -> ColumnElement[int]:
    """What entries of a type are ordered by, the oldest record first, where they are found."""
    return ENTRIES.c.object_id if _is_postgresql() else ROWID


def _is_postgresql() -> bool:
    return db.session.get_bind().dialect.name == "postgresql"


def _held(wanted: Sequence[Sequence[Sequence[str]]]) -> FromClause:
    """The entries, in SQLite's table, that hold for each of the words all tokens of one of its sets."""
    words = [
        " OR ".join("(" + " AND ".join(f'"{token}"' for token in tokens) + ")" for tokens in alternatives)
        for alternatives in wanted
    ]
    asked = " AND ".join(f"({word})" for word in words)
    return func.search_fts(asked).table_valued(name=FTS)


def _holds(alternatives: Sequence[Sequence[str]]) -> ColumnElement[bool]:
    """Whether an entry holds all tokens of one of these sets, on PostgreSQL."""
    return or_(*(_all_of(tokens) for tokens in alternatives))


def _all_of(tokens: Sequence[str]) -> ColumnElement[bool]:
    result: ColumnElement[bool] = ENTRIES.c.tokens.op("@>", is_comparison=True)(
        cast(list(tokens), ARRAY(Text()))
    )
    return result


def searched(model: type[Any]) -> tuple[Field, ...]:
    """The fields of a record type the quick search looks in."""
    return tuple(field for field in fields_of(model) if field.info.search)


# ---- keeping the index -------------------------------------------------------------------------------------


@event.listens_for(Session, "after_flush")
def _keep(session: Session, _context: Any) -> None:
    """Write anew what the records just written are found by."""
    entries = [
        entry(type(record), record.id, {field.name: getattr(record, field.name) for field in fields})
        for record in [*session.new, *session.dirty]
        if (fields := _written(record))
    ]
    if entries:
        session.connection().execute(_upsert(session), entries)


def _written(record: Any) -> tuple[Field, ...]:
    """What a record is found by, if that was written."""
    fields = searched(type(record)) if hasattr(type(record), "__rows__") else ()
    state = inspect(record)
    changed = any(state.attrs[field.name].history.has_changes() for field in fields)
    return fields if changed else ()


def number_of(table: str, id_: int) -> int:
    """The number of the entry of one record: its type and its id, in 63 bits."""
    return _type_number(table) << IDS | id_


def _type_number(table: str) -> int:
    """A number for each type that needs no list of them; a test sees to it that no two have the same."""
    return zlib.crc32(table.encode())


def entry(model: type[Any], id_: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the index for one record."""
    texts = [values.get(field.name) for field in searched(model)]
    return {
        "id": number_of(model.__tablename__, id_),
        "object_type": model.__tablename__,
        "object_id": id_,
        "tokens": tokens_of(texts),
        "core": names.core_of(values.get("name")),
    }


def add(model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Index new rows a bulk statement has written, each with its `id`. Inside `transaction()`."""
    if not rows or not searched(model):
        return
    entries: Iterable[dict[str, Any]] = (entry(model, row["id"], row) for row in rows)
    if _is_postgresql():
        entries = ({**one, "tokens": _array_of(one["tokens"])} for one in entries)
    insert_all(db.session.connection(), ENTRIES, entries, written={"tokens"})


def _array_of(tokens: Iterable[str]) -> str:
    """The tokens as PostgreSQL writes an array. psycopg would look at each for what to quote: none holds such."""
    inside = '","'.join(tokens)
    return f'{{"{inside}"}}' if inside else "{}"


def _upsert(session: Any) -> Insert:
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(ENTRIES)
    result: Insert = statement.on_conflict_do_update(
        index_elements=["object_type", "object_id"],
        set_={"tokens": statement.excluded.tokens, "core": statement.excluded.core},
    )
    return result


def _missing(model: type[Any], limit: int = AT_ONCE) -> list[dict[str, Any]]:
    """Rows of a record type that are not in the index, at most `limit`: what was there before the index was."""
    fields = [getattr(model, field.name) for field in searched(model)]
    known = exists().where(
        ENTRIES.c.object_type == model.__tablename__,
        ENTRIES.c.object_id == model.id,
        ENTRIES.c.core.is_not(None),
    )
    statement = select(model.id, *fields).where(~known).order_by(model.id).limit(limit)
    with_bin = statement.execution_options(with_deleted=True)
    return [dict(row) for row in db.session.execute(with_bin).mappings()]


def _forget_gone(model: type[Any]) -> None:
    """Drop what the index holds of records that are no more. Inside `transaction()`."""
    table = model.__table__
    gone = ~exists().where(table.c.id == ENTRIES.c.object_id)
    db.session.connection().execute(delete(ENTRIES).where(ENTRIES.c.object_type == model.__tablename__, gone))


def complete() -> int:
    """Bring in what the index misses, and drop what is gone; how many records were brought in.

    Opens a transaction of its own for each bit, under the system principal.
    """
    count = 0
    for model in _models():
        while rows := _missing(model):
            entries = [entry(model, row["id"], row) for row in rows]
            with transaction():
                db.session.connection().execute(_upsert(db.session), entries)
            count += len(rows)
        with transaction():
            _forget_gone(model)
    return count


def _models() -> list[type[Any]]:
    """The record types the index covers."""
    covered = {mapper.class_ for mapper in Model.registry.mappers if hasattr(mapper.class_, "__rows__")}
    return sorted((model for model in covered if searched(model)), key=lambda model: model.__tablename__)
