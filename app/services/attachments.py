"""Files of records: kept by id in a folder, never by the name they came with; read by who reads the record."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Protocol

from sqlalchemy import ColumnElement, ScalarSelect, distinct, func, select

from app.columns import new_uid, now
from app.errors import BadInput, NotAllowed, NotFound, Problem
from app.extensions import BY_KEY, after_commit, db
from app.models import EXTRA, Attachment, Lookup
from app.roles import Act
from app.services import access, records, values
from app.services.fields import Field, Kind, is_written, models_by_resource
from app.words import Words, say

LARGEST_MB = 20
CHUNK = 1 << 20

MAGIC: tuple[tuple[bytes, str, frozenset[str]], ...] = (
    (b"%PDF-", "application/pdf", frozenset({"pdf"})),
    (b"\x89PNG\r\n\x1a\n", "image/png", frozenset({"png"})),
    (b"\xff\xd8\xff", "image/jpeg", frozenset({"jpg", "jpeg"})),
    (b"PK\x03\x04", "application/zip", frozenset({"xlsx", "docx", "pptx", "zip"})),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", frozenset({"xls", "doc", "ppt"})),
)
"""How a file begins, what it is then, and which endings it may have. What a browser would run is none of them."""
PLAIN = frozenset({"txt", "csv"})
ENDINGS = (".pdf", ".png", ".jpg", ".jpeg", ".doc", ".docx", ".xls", ".xlsx", ".txt", ".csv")
"""What a form offers to choose."""


PREVIEWED = frozenset({"image/png", "image/jpeg", "application/pdf"})
"""What a browser may show as it is: it is sent under this fixed type, in a sandbox, and runs nothing."""


class Storage(Protocol):
    """Where the bytes of files lie, by their id; another place than a folder has these four."""

    def keep(self, uid: str, source: Path) -> None:
        """Take over a file that was received; called once the transaction stands."""

    def path(self, uid: str) -> Path:
        """Where the bytes can be read from on this machine."""

    def holds(self, uid: str) -> bool:
        """Whether the bytes are there."""

    def sweep(self) -> int:
        """Bring the place in order, once in a while; how many files went."""


@dataclass
class Folder:
    """A folder of this machine: two letters of the id, then the id."""

    root: Path = Path("files")

    def path(self, uid: str) -> Path:
        return self.root / uid[:2] / uid

    def keep(self, uid: str, source: Path) -> None:
        target = self.path(uid)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        source.replace(target)

    def holds(self, uid: str) -> bool:
        return self.path(uid).exists()

    def waiting(self) -> Path:
        """The folder of what is received and not kept yet."""
        found = self.root / "waiting"
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
        return found

    def kept(self) -> Iterator[Path]:
        """Every file there is."""
        return self.root.glob("??/*")

    def sweep(self) -> int:
        """Remove what was taken in and never kept (a transaction that failed)."""
        day_ago = now().timestamp() - 86_400
        old = [path for path in self.waiting().glob("*") if path.stat().st_mtime < day_ago]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


@dataclass
class Place:
    """Where files are kept: what the factory was told, else the folder."""

    storage: Storage


folder = Folder()
"""The folder of this machine: what is received, and all there is where nothing else is set."""
place = Place(folder)


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a file: how long it holds, who may see it, which version of which document it is."""

    valid_from: date | None = None
    valid_to: date | None = None
    is_confidential: bool = False
    replaces: int | None = None
    """The file this is a newer version of."""


NOTHING_SAID = About()


def file_fields(model: type[Any], *, of: Any = None) -> list[Field]:
    """The added fields that hold a file and that this person may fill, of one record or of any of its type."""
    who = access.principal()
    seen = records.visible_fields(model, of=of)
    return [field for field in seen if field.kind is Kind.file and is_written(field, who)]


def types() -> list[Lookup]:
    """The kinds of document there are."""
    return list(db.session.scalars(_TYPES))


_TYPES = (
    select(Lookup)
    .where(Lookup.category == "doc_type", Lookup.active)
    .order_by(Lookup.position, Lookup.id)
    .execution_options(**BY_KEY)
)


def files_of(record: Any) -> list[Attachment]:
    """The files of a record the person asking has found, the newest first; confidential ones if he may see such."""
    statement = select(Attachment).where(*_seen_of(record)).order_by(Attachment.id.desc())
    return list(db.session.scalars(statement, execution_options=BY_KEY))


def count_of(record: Any) -> ScalarSelect[int]:
    """How many documents of a record the person asking may see, to be read with more; versions of one count once."""
    documents = func.count(distinct(func.coalesce(Attachment.series, Attachment.uid)))
    return select(documents).where(*_seen_of(record)).scalar_subquery()


def _seen_of(record: Any) -> Iterator[ColumnElement[bool]]:
    """What makes a file one of this record that the person asking may see."""
    yield Attachment.object_type == record.__tablename__
    yield Attachment.object_id == record.id
    yield Attachment.deleted_at.is_(None)
    if not sees_confidential(record):
        yield Attachment.is_confidential.is_(False)


def latest(files: Iterable[Attachment]) -> list[tuple[Attachment, list[Attachment]]]:
    """Each document in its newest version, with the former ones, the newest first."""
    series: dict[str, list[Attachment]] = {}
    for file in files:
        series.setdefault(file.series or file.uid, []).append(file)
    found = [sorted(versions, key=lambda file: -file.version) for versions in series.values()]
    return [(versions[0], versions[1:]) for versions in found]


def sees_confidential(record: Any) -> bool:
    """Whether the confidential files of a record are this person's business: its confidential fields are."""
    who, resource = access.principal(), access.resource_of(type(record))
    return who.covers(Act.see_confidential, resource) or (
        who.may(Act.see_confidential, resource) and records.may_change(record, Act.see_confidential)
    )


def find(id_: int) -> tuple[Attachment, Any]:
    """A file and its record, if the person asking may see both. Raises `NotFound`."""
    there = select(Attachment).where(Attachment.id == id_, Attachment.deleted_at.is_(None))
    file = db.session.scalars(there).first()
    models = {model.__tablename__: model for model in models_by_resource().values()}
    model = models.get(file.object_type) if file is not None else None
    if file is None or model is None:
        raise NotFound(say("没有这个附件，或您无权查看。", "There is no such file, or you may not see it."))
    record = records.find(model, file.object_id)
    if file.is_confidential and not sees_confidential(record):
        raise NotFound(say("没有这个附件，或您无权查看。", "There is no such file, or you may not see it."))
    return file, record


def attach(
    record: Any,
    doc_type: str,
    name: str,
    stream: IO[bytes],
    *,
    by_duty: bool = False,
    about: About = NOTHING_SAID,
) -> Attachment:
    """Keep a file with a record. Inside `transaction()`; the file moves to its place once that stands.

    `by_duty` says that a step of a flow asks the person for it, though he may not edit the record.

    Raises:
        NotAllowed: the person may not change the record.
        BadInput: the file is empty, too large, or of a kind that is not kept.

    """
    if not by_duty and not records.may_change(record, Act.edit):
        raise NotAllowed(say("您不能为这条记录添加附件。", "You cannot attach files to this record."))
    if about.valid_from and about.valid_to and about.valid_to < about.valid_from:
        raise BadInput([Problem(ENDS_BEFORE, "valid_to")])
    filled = _filled(record, doc_type, about)
    former = _former(record, about.replaces or (getattr(record, filled.name) if filled else None))
    shown = values.clean_line(Path(name.replace("\\", "/")).name)[:200] or "file"
    uid = new_uid()
    waiting, digest, size = _take_in(stream)
    try:
        media_type = _media_type(waiting, shown)
    except BadInput:
        waiting.unlink(missing_ok=True)
        raise
    file = Attachment(
        uid=uid,
        object_type=record.__tablename__,
        object_id=record.id,
        doc_type=(doc_type or None) if former is None else former.doc_type,
        series=uid if former is None else former.series or former.uid,
        version=1 if former is None else former.version + 1,
        valid_from=about.valid_from,
        valid_to=about.valid_to,
        is_confidential=about.is_confidential
        or (former is not None and former.is_confidential)
        or (filled is not None and filled.info.confidential),
        file_name=shown,
        size=size,
        sha256=digest,
        media_type=media_type,
    )
    with access.by_rule():
        db.session.add(file)
        db.session.flush()
        _let_hold(record, file.doc_type, file.id)
    after_commit(_keeper(uid, waiting))
    return file


def _filled(record: Any, doc_type: str, about: About) -> Field | None:
    """The added field a file is for, if it is for one. Raises `NotAllowed`, `BadInput`."""
    if not doc_type.startswith(EXTRA):
        return None
    field = next((field for field in file_fields(type(record), of=record) if field.name == doc_type), None)
    if field is None or not records.may_change(record, Act.edit):
        raise NotAllowed(say("您不能填写这个字段。", "You cannot fill this field."))
    if about.is_confidential and not field.info.confidential:
        raise BadInput([Problem(FOR_ALL.fill(label=field.label), "is_confidential")])
    return field


def _let_hold(record: Any, doc_type: str | None, id_: int | None) -> None:
    """Let the added field a document is for hold its newest version."""
    if doc_type and doc_type.startswith(EXTRA):
        setattr(record, doc_type, id_)
        db.session.flush()


def _former(record: Any, id_: int | None) -> Attachment | None:
    """The newest version of the document a file replaces. Raises `NotFound`."""
    if id_ is None:
        return None
    old, of = find(id_)
    if (of.__tablename__, of.id) != (record.__tablename__, record.id):
        raise NotFound(say("没有这个附件，或您无权查看。", "There is no such file, or you may not see it."))
    series = old.series or old.uid
    return max(
        (file for file in files_of(record) if (file.series or file.uid) == series),
        key=lambda file: file.version,
    )


def verify(file: Attachment, record: Any) -> None:
    """Say that somebody looked at a file and it is what it claims (B-14). Inside `transaction()`.

    Raises:
        NotAllowed: the person may not change the record, or brought the file himself.

    """
    who = access.principal()
    if not records.may_change(record, Act.edit):
        raise NotAllowed(say("您不能核验这条记录的附件。", "You cannot verify files of this record."))
    if file.created_by_id == who.user_id:
        raise NotAllowed(say("上传人不能核验自己的附件。", "Who brought a file cannot verify it."))
    with access.by_rule():
        file.verified_at, file.verified_by_id = now(), who.employee_id
        db.session.flush()


def nothing_sent() -> BadInput:
    """The refusal of a form that came without its file."""
    return _refused(Words("请选择文件。", "Choose a file."))


def remove(file: Attachment, record: Any) -> None:
    """Put a file in the bin. Inside `transaction()`. Raises `NotAllowed`."""
    if not records.may_change(record, Act.edit):
        raise NotAllowed(say("您不能删除这条记录的附件。", "You cannot remove files of this record."))
    file.deleted_at = now()
    file.deleted_by_id = access.principal().user_id
    db.session.flush()
    if file.doc_type and file.doc_type.startswith(EXTRA) and getattr(record, file.doc_type) == file.id:
        left = [one for one in files_of(record) if one.series == file.series]
        with access.by_rule():
            _let_hold(record, file.doc_type, left[0].id if left else None)


def path_of(file: Attachment) -> Path:
    """Where the bytes lie. Raises `NotFound` when they are gone."""
    if not place.storage.holds(file.uid):
        raise NotFound(
            say(
                "附件的内容已丢失，请联系管理员。", "The content of this file is lost: tell an administrator."
            )
        )
    return place.storage.path(file.uid)


def sweep() -> int:
    """Bring the place of files in order; how many files went."""
    gone = folder.sweep()
    return gone if place.storage is folder else gone + place.storage.sweep()


def _take_in(stream: IO[bytes]) -> tuple[Path, str, int]:
    """Write the stream to a waiting file: its path, digest and size."""
    handle, name = tempfile.mkstemp(dir=folder.waiting())
    digest, size = hashlib.sha256(), 0
    with os.fdopen(handle, "wb") as target:
        for chunk in _chunks(stream):
            size += len(chunk)
            if size > LARGEST_MB * CHUNK:
                break
            digest.update(chunk)
            target.write(chunk)
    if size > LARGEST_MB * CHUNK or size == 0:
        Path(name).unlink()
        raise _refused(TOO_LARGE.fill(most=LARGEST_MB) if size else EMPTY)
    return Path(name), digest.hexdigest(), size


TOO_LARGE = Words("附件不能超过 {most} MB。", "A file may hold at most {most} MB.")
ENDS_BEFORE = Words(
    "有效期的结束日期不能早于开始日期。", "The end of its validity cannot come before the start."
)
FOR_ALL = Words(
    "字段“{label}”不是保密字段，请不要勾选保密。",
    "The field “{label}” is not confidential: do not tick that the file is.",
)
EMPTY = Words("文件是空的，请选择另一个。", "The file is empty: choose another.")
WRONG_KIND = Words(
    "不支持这种文件，请上传 PDF、图片、Word、Excel 或文本文件。",
    "This kind of file is not kept: attach PDF, pictures, Word, Excel or plain text.",
)


def _chunks(stream: IO[bytes]) -> Iterable[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _media_type(path: Path, name: str) -> str:
    """What the file is by its first bytes, if that agrees with its ending."""
    ending = name.rpartition(".")[2].lower()
    with path.open("rb") as file:
        start = file.read(4096)
    for magic, media_type, endings in MAGIC:
        if start.startswith(magic) and ending in endings:
            return media_type
    if ending in PLAIN and b"\x00" not in start:
        return "text/plain"
    raise _refused(WRONG_KIND)


def _refused(words: Words) -> BadInput:
    return BadInput([Problem(words, "file")])


def _keeper(uid: str, source: Path) -> Callable[[], None]:
    def keep() -> None:
        place.storage.keep(uid, source)

    return keep
