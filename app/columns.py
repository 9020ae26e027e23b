"""The kinds of column the schema is written with, so that one field is one line.

Numbers people may add up are stored as 64-bit integers of a fixed scale and seen in Python as `Decimal`: nothing
is ever a float, and sums are exact and equal on SQLite and PostgreSQL.
"""

from __future__ import annotations

import base64
import enum
import hmac
import json
import os
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

from app.errors import NotReady
from app.words import Words

# ---- closed sets -------------------------------------------------------------------------------------------


Tone = Literal["", "run", "ok", "warn", "bad", "end"]
"""The one colour language: grey draft, blue going, green in force, amber soon, red refused or late, outline over."""


class Choice(enum.StrEnum):
    """A closed set: the member's name is the stored word; its labels and badge tone stand beside it.

    Written `draft = enum.auto(), "草稿", "Draft"`, with a badge tone (run, ok, warn, bad, end) as a fourth part.
    """

    words: Words
    tone: Tone

    def __new__(cls, value: str, zh: str, en: str, tone: Tone = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = Words(zh=zh, en=en)
        member.tone = tone
        return member


def one_of(choices: type[Choice]) -> Enum:
    """The column type of a closed set: stored as its word, checked by the database."""
    return Enum(choices, native_enum=False, create_constraint=True, length=30, name=_snake(choices.__name__))


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


# ---- exact numbers and moments -----------------------------------------------------------------------------


class Scaled(TypeDecorator[Decimal]):
    """A `Decimal` kept as an integer of `1/scale`. More decimals than the scale holds are refused, not rounded."""

    impl = BigInteger
    cache_ok = True
    scale = 1

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        return None if value is None else to_units(value, self.scale)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(int(value)) / self.scale

    @property
    def python_type(self) -> type[Decimal]:
        return Decimal


def to_units(value: Decimal | int, scale: int) -> int:
    """The integer of `1/scale` that is exactly `value`; raises `ValueError` when there is none."""
    units = Decimal(value) * scale
    whole = units.to_integral_value()
    if units != whole:
        raise ValueError(f"{value} has more decimals than 1/{scale}")
    return int(whole)


class MoneyType(Scaled):
    """An amount of the company's currency, in 1/10,000 of its unit."""

    cache_ok = True
    scale = 10_000


class QuantityType(Scaled):
    """A number of pieces, kilograms or the like, in 1/1,000."""

    cache_ok = True
    scale = 1_000


class RateType(Scaled):
    """A share (0.15 is 15 %), in parts per million."""

    cache_ok = True
    scale = 1_000_000


class PointsType(Scaled):
    """Points of an evaluation, in 1/100."""

    cache_ok = True
    scale = 100


class MomentType(TypeDecorator[datetime]):
    """A moment: UTC in the database, aware in Python on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class WordsType(TypeDecorator[Words]):
    """A sentence the product wrote itself, kept in both languages and shown in the reader's."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Words | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps({"zh": value.zh, "en": value.en}, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Words | None:
        return None if value is None else Words(**json.loads(value))


class TokensType(TypeDecorator[list[str]]):
    """What a record is found by: an array on PostgreSQL, words parted by blanks on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else " ".join(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str] | None:
        return value.split() if isinstance(value, str) else value


def now() -> datetime:
    """The present moment, aware, to the microsecond."""
    return datetime.now(UTC)


def half_up(value: Decimal, scale: int) -> Decimal:
    """`value` rounded half away from zero to the nearest 1/scale (R1: once, when stored)."""
    return (value * scale).to_integral_value(rounding=ROUND_HALF_UP) / scale


Id = Annotated[int, mapped_column(primary_key=True)]
Code = Annotated[str, mapped_column(String(60))]
Short = Annotated[str, mapped_column(String(255))]
Long = Annotated[str, mapped_column(Text)]
Flag = Annotated[bool, mapped_column(default=False, server_default=false())]
FlagOn = Annotated[bool, mapped_column(default=True, server_default=true())]
Big = Annotated[int, mapped_column(BigInteger)]
Money = Annotated[Decimal, mapped_column(MoneyType)]
Quantity = Annotated[Decimal, mapped_column(QuantityType)]
Rate = Annotated[Decimal, mapped_column(RateType)]
Points = Annotated[Decimal, mapped_column(PointsType)]
Moment = Annotated[datetime, mapped_column(MomentType)]
Day = Annotated[date, mapped_column(Date)]
Json = Annotated[Any, mapped_column(JSON)]


# ---- fields, relations, rules ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What the schema says of one field, beyond its type.

    `edit` says whether a person may type it; `listed` puts it among the first columns of the list; `sort` offers it
    for sorting (and is kept honest by an index); `search` lets the quick search look in it; `form` is the check its
    text must pass (`credit_code`, `email`, `phone`), or how a number reads (`year`: without grouping); `lookup` names
    the category whose rows are its choices; `confidential` hides it from all without that right; `tone` names the
    badge.
    """

    label: Words
    help: Words | None = None
    edit: bool = True
    listed: bool = False
    sort: bool = False
    search: bool = False
    form: str = ""
    lookup: str = ""
    confidential: bool = False
    unit: Words | None = None


def field(
    type_: Any = None,
    *,
    zh: str,
    en: str,
    help_zh: str = "",
    help_en: str = "",
    edit: bool = True,
    listed: bool = False,
    sort: bool = False,
    search: bool = False,
    form: str = "",
    confidential: bool = False,
    **options: Any,
) -> MappedColumn[Any]:
    """A column with its labels in both languages; `options` are those of `mapped_column`."""
    info = FieldInfo(
        label=Words(zh, en),
        help=Words(help_zh, help_en) if help_zh else None,
        edit=edit,
        listed=listed,
        sort=sort,
        search=search,
        form=form,
        confidential=confidential,
    )
    if sort and not options.get("unique"):
        options.setdefault("index", True)
    types = () if type_ is None else (type_,)
    return mapped_column(*types, info={"field": info}, **options)


def belongs_to(
    target: str,
    *,
    zh: str,
    en: str,
    edit: bool = True,
    listed: bool = False,
    lookup: str = "",
    ondelete: str = "RESTRICT",
    late_key: str | None = None,
    **options: Any,
) -> MappedColumn[Any]:
    """A foreign key: always indexed, and what happens on delete always said.

    With `lookup` the row belongs to the table `lookup`, and only to that category of it. Two tables that point at
    each other need one key made after both: `late_key` is its name.
    """
    info = FieldInfo(label=Words(zh, en), edit=edit, listed=listed, lookup=lookup)
    options.setdefault("index", True)
    key = ForeignKey(target, ondelete=ondelete, use_alter=bool(late_key), name=late_key)
    return mapped_column(key, info={"field": info}, **options)


def rule(name: str, sql: str, *, zh: str, en: str) -> CheckConstraint:
    """A rule the database keeps, with the sentence shown to whoever breaks it."""
    return CheckConstraint(sql, name=name, info={"message": Words(zh, en)})


def unique(name: str, *columns: str, zh: str, en: str) -> UniqueConstraint:
    """A key that may stand once, with the sentence shown to whoever types it a second time."""
    return UniqueConstraint(*columns, name=name, info={"message": Words(zh, en), "field": columns[-1]})


# ---- whose rows they are -----------------------------------------------------------------------------------


class Rows(enum.Enum):
    """Whose the rows of a table are: the row policy is derived from this (see `services.access`)."""

    owned = "owned"
    """Carries `owner_id` and `org_unit_id`: read by the reach of the reader's grant."""
    follows = "follows"
    """Belongs to the record its `__follows__` column points to: whoever reads that reads this."""
    shared = "shared"
    """Everybody signed in reads it; writing needs a grant."""
    personal = "personal"
    """Only the employee in its `__person__` column reads it."""
    inner = "inner"
    """No person reads it directly: the engines do, for him, under the system principal."""


# ---- sealed fields -----------------------------------------------------------------------------------------


class KeyRing:
    """The keys of sealed fields, read once from their file. Several may be readable; one writes."""

    def __init__(self) -> None:
        self._keys: dict[int, AESGCM] = {}
        self._current = 0
        self._index_key = b""

    def open(self, path: Path) -> None:
        """Read the key file; raises `NotReady` when it is missing, readable by others, or no key file."""
        if not path.exists():
            raise NotReady(
                f"The key file {path} is missing: run `guanhu init`, or restore it from the backup."
            )
        if path.stat().st_mode & 0o077:
            raise NotReady(f"The key file {path} can be read by other accounts: run `chmod 600 {path}`.")
        try:
            body = json.loads(path.read_text())
            keys = {int(number): base64.b64decode(text) for number, text in body["keys"].items()}
            self._keys = {number: AESGCM(key) for number, key in keys.items()}
            self._current = int(body["current"])
            self._index_key = base64.b64decode(body["index"])
        except (ValueError, KeyError, AttributeError) as error:
            raise NotReady(f"The key file {path} cannot be read: restore it from the backup.") from error

    @staticmethod
    def create(path: Path) -> None:
        """Write a new key file, readable by its owner alone; an existing one is left as it is."""
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {
            "current": 1,
            "keys": {"1": base64.b64encode(secrets.token_bytes(32)).decode()},
            "index": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(body, file)

    def seal(self, text: str, place: str) -> bytes:
        """Encrypt `text` so that it can be read at `place` (table, column and row) alone."""
        nonce = secrets.token_bytes(12)
        number = self._current
        box = self._keys[number].encrypt(nonce, text.encode(), f"{place}|{number}".encode())
        return number.to_bytes(2, "big") + nonce + box

    def unseal(self, sealed: bytes, place: str) -> str:
        """The text sealed at `place`; raises `cryptography.exceptions.InvalidTag` when it was moved or changed."""
        number = int.from_bytes(sealed[:2], "big")
        box = self._keys[number].decrypt(sealed[2:14], sealed[14:], f"{place}|{number}".encode())
        return box.decode()

    def blind_index(self, text: str, column: str) -> str:
        """What equality on a sealed column is searched by: a keyed digest of the normalised text (32 hex digits)."""
        key = hmac.digest(self._index_key, column.encode(), "sha256")
        return hmac.digest(key, normal_form(text).encode(), "sha256").hex()[:32]

    def mac(self, text: str, purpose: str) -> str:
        """A keyed digest of the text as it is (64 hex digits), which nobody without the key file can make."""
        key = hmac.digest(self._index_key, purpose.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()


keyring = KeyRing()


def normal_form(text: str) -> str:
    """A phone number, address or code as it is compared: NFKC, no blanks or hyphens, no +86, lower case."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    plain = plain.removeprefix("+86").removeprefix("0086")
    return plain if "@" in plain else plain.replace(" ", "").replace("-", "")


class Sealed:
    """A field kept encrypted. Reading it gives its masked form; the plain text only through `unseal`.

    It stands for three columns: `<name>_sealed` (AES-GCM), `<name>_index` (blind index for equality) and
    `<name>_mask` (what everybody may see). The row needs a `uid`, which is part of what the seal is bound to.
    """

    def __init__(self, info: FieldInfo, keep: int) -> None:
        self.info = info
        self.keep = keep
        self.name = ""
        self.sealed: MappedColumn[Any] = mapped_column(
            LargeBinary, nullable=True, info={"field": info, "sealed": self}
        )
        self.index: MappedColumn[Any] = mapped_column(String(32), nullable=True, index=True)
        self.mask: MappedColumn[Any] = mapped_column(String(60), nullable=True)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type) -> Any:
        return self if row is None else getattr(row, f"{self.name}_mask")

    def __set__(self, row: Any, text: str | None) -> None:
        if row.uid is None:
            row.uid = new_uid()
        for column, value in self.columns(row.__tablename__, row.uid, text).items():
            setattr(row, column, value)

    def columns(self, table: str, uid: str, text: str | None) -> dict[str, Any]:
        """The values of the three columns for a row written without its object."""
        if not text:
            return dict.fromkeys((f"{self.name}_sealed", f"{self.name}_index", f"{self.name}_mask"))
        return {
            f"{self.name}_sealed": keyring.seal(text, f"{table}|{self.name}|{uid}"),
            f"{self.name}_index": keyring.blind_index(text, f"{table}.{self.name}"),
            f"{self.name}_mask": mask(text, self.keep),
        }

    def unseal(self, row: Any) -> str | None:
        """The plain text. Whoever calls this has asked the field policy and writes the audit line."""
        box = getattr(row, f"{self.name}_sealed")
        return None if box is None else keyring.unseal(box, f"{row.__tablename__}|{self.name}|{row.uid}")


def sealed(*, zh: str, en: str, keep: int = 4, form: str = "") -> Any:
    """A field kept encrypted, masked but for its last `keep` characters."""
    return Sealed(FieldInfo(label=Words(zh, en), form=form), keep)


def mask(text: str, keep: int) -> str:
    """`13812345678` → `138****5678`; of an e-mail address the domain stays."""
    name, at, domain = text.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"[:60]
    tail = text[-keep:] if len(text) > keep else ""
    head = text[:3] if len(text) > keep + 4 else ""
    return f"{head}****{tail}"


def new_uid() -> str:
    """A row's immutable name for its seals."""
    return str(uuid.uuid4())


# ---- fields that are no columns ----------------------------------------------------------------------------


class FurtherValues(Protocol):
    """How the values of fields that are no columns are read and written, by the name of their attribute."""

    def read(self, record: Any, name: str) -> Any:
        """The value; None where the record type has no such field."""

    def write(self, record: Any, name: str, value: Any) -> None:
        """Hold this value."""


class TakesFields:
    """A row with fields beyond its columns: attributes whose names begin with a prefix no column has."""

    extra_prefix: ClassVar[str]
    extra_values: ClassVar[FurtherValues]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(self.extra_prefix):
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return self.extra_values.read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith(self.extra_prefix):
            self.extra_values.write(self, name, value)
        else:
            super().__setattr__(name, value)
