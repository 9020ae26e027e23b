"""Files of records: kept by id in a folder, never by the name they came with; read by who reads the record."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select

from app.columns import new_uid, now
from app.errors import BadInput, NotAllowed, NotFound, Problem
from app.extensions import after_commit, db
from app.models import Attachment, Lookup
from app.roles import Act
from app.services import access, records, values
from app.services.fields import models_by_resource
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


@dataclass
class Folder:
    """Where the files lie: two letters of the id, then the id."""

    root: Path = Path("files")

    def path(self, uid: str) -> Path:
        return self.root / uid[:2] / uid


folder = Folder()


def types() -> list[Lookup]:
    """The kinds of document there are."""
    kinds = select(Lookup).where(Lookup.category == "doc_type", Lookup.active)
    return list(db.session.scalars(kinds.order_by(Lookup.position, Lookup.id)))


def files_of(record: Any) -> list[Attachment]:
    """The files of a record the person asking has found, the newest first."""
    statement = select(Attachment).where(
        Attachment.object_type == record.__tablename__, Attachment.object_id == record.id
    )
    return list(db.session.scalars(statement.order_by(Attachment.id.desc())))


def find(id_: int) -> tuple[Attachment, Any]:
    """A file and its record, if the person asking may read the record. Raises `NotFound`."""
    file = db.session.scalars(select(Attachment).where(Attachment.id == id_)).first()
    models = {model.__tablename__: model for model in models_by_resource().values()}
    model = models.get(file.object_type) if file is not None else None
    if file is None or model is None:
        raise NotFound(say("没有这个附件，或您无权查看。", "There is no such file, or you may not see it."))
    return file, records.find(model, file.object_id)


def attach(record: Any, doc_type: str, name: str, stream: IO[bytes], *, by_duty: bool = False) -> Attachment:
    """Keep a file with a record. Inside `transaction()`; the file moves to its place once that stands.

    `by_duty` says that a step of a flow asks the person for it, though he may not edit the record.

    Raises:
        NotAllowed: the person may not change the record.
        BadInput: the file is empty, too large, or of a kind that is not kept.

    """
    if not by_duty and not records.may_change(record, Act.edit):
        raise NotAllowed(say("您不能为这条记录添加附件。", "You cannot attach files to this record."))
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
        doc_type=doc_type or None,
        file_name=shown,
        size=size,
        sha256=digest,
        media_type=media_type,
    )
    with access.by_rule():
        db.session.add(file)
        db.session.flush()
    after_commit(_mover(waiting, folder.path(uid)))
    return file


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


def path_of(file: Attachment) -> Path:
    """Where the bytes lie. Raises `NotFound` when they are gone."""
    path = folder.path(file.uid)
    if not path.exists():
        raise NotFound(
            say(
                "附件的内容已丢失，请联系管理员。", "The content of this file is lost: tell an administrator."
            )
        )
    return path


def sweep() -> int:
    """Remove what was taken in and never kept (a transaction that failed); how many files."""
    waiting = folder.root / "waiting"
    day_ago = now().timestamp() - 86_400
    old = [path for path in waiting.glob("*") if path.stat().st_mtime < day_ago] if waiting.exists() else []
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _take_in(stream: IO[bytes]) -> tuple[Path, str, int]:
    """Write the stream to a waiting file: its path, digest and size."""
    waiting = folder.root / "waiting"
    waiting.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=waiting)
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


def _mover(source: Path, target: Path) -> Callable[[], None]:
    def move() -> None:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        source.replace(target)

    return move
