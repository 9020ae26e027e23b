"""What a file is, found from its bytes before any parser sees it: kind, real size unpacked, traps."""

from __future__ import annotations

import mmap
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from .limits import MB, Limits
from .reasons import Reason, Unreadable

CHUNK = 256 * 1024
LONGEST_TAG = 64
SMALL = 8 * MB
"""Below this the ratio says nothing: a blank workbook packs well, too."""
DIRECTORY_END = struct.Struct("<4s4H2IH")
LONGEST_COMMENT = 65_535
DIRECTORY_BYTES_A_MEMBER = 512
LOCAL_HEAD = struct.Struct("<4s5H3I2H")
ENCRYPTED_BIT = 0x1
MANY_CONTROLS = 0.02

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLD_EXCEL = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08")
FOREIGN = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b": "gzip",
    b"{\\rtf": "RTF",
    b"MZ": "EXE",
}
WEB_PAGE = (b"<html", b"<!doctype", b"<?xml", b"<table", b"<meta", b"<style")
DECLARATIONS = tuple(
    word.encode(encoding)
    for word in ("<!DOCTYPE", "<!ENTITY")
    for encoding in ("ascii", "utf-16-le", "utf-16-be")
)


class Kind(StrEnum):
    """The kinds of table we read."""

    xlsx = auto()
    xls = auto()
    text = auto()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that may be given to a parser."""

    kind: Kind
    bytes: int
    inflated: int
    macros: bool = False
    external_links: bool = False


def inspect(path: Path, limits: Limits, *, name: str | None = None) -> FileFacts:
    """What the file is. `name` is what its owner called it. Raises `Unreadable` with the reason."""
    size = path.stat().st_size
    if size == 0:
        raise Unreadable(Reason.empty_file)
    if size > limits.bytes:
        raise Unreadable(Reason.too_big, size=f"{size / MB:.1f}", limit=limits.bytes // MB)
    with path.open("rb") as source:
        start = source.read(4096)
    if start.startswith(ZIP):
        return _package(path, size, limits)
    if start.startswith(OLE):
        return _compound(path, size)
    if start.startswith(OLD_EXCEL):
        raise Unreadable(Reason.old_format)
    return _text(start, size, name or path.name)


def _text(start: bytes, size: int, name: str) -> FileFacts:
    for mark, kind in FOREIGN.items():
        if start.startswith(mark):
            raise Unreadable(Reason.other_format, kind=kind)
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(WEB_PAGE):
        raise Unreadable(Reason.other_format, kind="HTML / XML")
    if _looks_binary(start) or PurePosixPath(name).suffix.lower() in (".xlsx", ".xlsm", ".xls"):
        raise Unreadable(Reason.not_a_workbook)
    return FileFacts(Kind.text, size, size)


def _looks_binary(start: bytes) -> bool:
    """UTF-16 is full of NULs, any other text has none and hardly any other control character."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = sum(byte < 32 and byte not in b"\t\r\n\x0b\x0c\x1a" for byte in start)  # noqa: PLR2004
    nuls = max(start[::2].count(0), start[1::2].count(0))
    if nuls > len(start) * 0.2:
        return start[::2].count(0) > 0 and start[1::2].count(0) > 0
    return controls > len(start) * MANY_CONTROLS


def _compound(path: Path, size: int) -> FileFacts:
    with path.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if _names(data, "EncryptedPackage"):
            raise Unreadable(Reason.encrypted)
        if not any(_names(data, name) for name in ("Workbook", "WORKBOOK", "Book", "BOOK")):
            raise Unreadable(Reason.not_a_workbook)
        return FileFacts(Kind.xls, size, size, macros=_names(data, "_VBA_PROJECT"))


def _names(data: mmap.mmap, name: str) -> bool:
    """Whether the compound file's directory has an entry of this name (which ends with a NUL)."""
    return data.find(f"{name}\0".encode("utf-16-le")) >= 0


def _package(path: Path, size: int, limits: Limits) -> FileFacts:
    try:
        with path.open("rb") as raw:
            _check_directory(raw, size, limits)
            with ZipFile(raw) as package:
                members = package.infolist()
                _check_members(members, limits)
                names = {member.filename.lower().lstrip("/") for member in members}
                _check_kind(names)
                inflated = _inflated(raw, members, limits)
    except (BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError, EOFError) as error:
        raise Unreadable(Reason.damaged, detail=f"{type(error).__name__}: {error}") from error
    return FileFacts(
        Kind.xlsx,
        size,
        inflated,
        macros=any(name.endswith("vbaproject.bin") for name in names),
        external_links=any("externallinks/" in name for name in names),
    )


def _bomb(limits: Limits) -> Unreadable:
    return Unreadable(Reason.bomb, limit=limits.inflated // MB, ratio=limits.ratio)


def _check_directory(raw: IO[bytes], size: int, limits: Limits) -> None:
    """The table of contents is checked before the library loads it: it may claim any number of members."""
    raw.seek(max(0, size - LONGEST_COMMENT - DIRECTORY_END.size))
    tail = raw.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + DIRECTORY_END.size > len(tail):
        raise Unreadable(Reason.damaged, detail="no end of directory")
    _, _, _, _, entries, directory, _, _ = DIRECTORY_END.unpack_from(tail, at)
    if entries > limits.members or directory > limits.members * DIRECTORY_BYTES_A_MEMBER:
        raise _bomb(limits)


def _check_members(members: list[ZipInfo], limits: Limits) -> None:
    if len(members) > limits.members or sum(member.file_size for member in members) > limits.inflated:
        raise _bomb(limits)
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if (
            ".." in parts
            or ":" in member.filename.partition("/")[0]
            or stat.S_ISLNK(member.external_attr >> 16)
        ):
            raise Unreadable(Reason.hostile, detail=member.filename[:200])
        if member.flag_bits & ENCRYPTED_BIT:
            raise Unreadable(Reason.encrypted)


def _check_kind(names: set[str]) -> None:
    if "xl/workbook.bin" in names:
        raise Unreadable(Reason.other_format, kind="xlsb")
    if "mimetype" in names and "content.xml" in names:
        raise Unreadable(Reason.other_format, kind="OpenDocument")
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise Unreadable(Reason.other_format, kind="Word / PowerPoint")
    if "[content_types].xml" not in names or not any("workbook" in name for name in names):
        raise Unreadable(Reason.not_a_workbook)


def _inflated(raw: IO[bytes], members: list[ZipInfo], limits: Limits) -> int:
    """The real size unpacked, counted by unpacking; what the members claim is not believed."""
    total = packed = 0
    for member in members:
        packed += member.compress_size
        tail = b""
        guarded = member.filename.lower().endswith((".xml", ".rels"))
        for piece in _unpacked(raw, member):
            total += len(piece)
            if total > limits.inflated or (total > SMALL and total > packed * limits.ratio):
                raise _bomb(limits)
            if guarded and _read_by_parsers(member.filename) and _declares(tail + piece):
                raise Unreadable(Reason.hostile, detail=f"declaration in {member.filename}"[:200])
            tail = piece[-LONGEST_TAG:]
    return total


def _declares(data: bytes) -> bool:
    return any(word in data for word in DECLARATIONS)


def _read_by_parsers(name: str) -> bool:
    """Drawings, themes and custom data may declare what they like: nobody here opens them."""
    low = name.lower().lstrip("/")
    return (
        low.endswith(".rels") or low.startswith(("xl/worksheets/", "[content_types]")) or low.count("/") <= 1
    )


def _unpacked(raw: IO[bytes], member: ZipInfo) -> Iterator[bytes]:
    """The pieces of one member. A member that does not unpack is left to the parser, which may not need it."""
    raw.seek(member.header_offset)
    head = raw.read(LOCAL_HEAD.size)
    if len(head) < LOCAL_HEAD.size or not head.startswith(ZIP):
        return
    *_, name_length, extra_length = LOCAL_HEAD.unpack(head)
    raw.seek(name_length + extra_length, 1)
    if member.compress_type == ZIP_STORED:
        yield from _pieces(raw, member.compress_size)
    elif member.compress_type == ZIP_DEFLATED:
        yield from _deflated(raw, member.compress_size)
    else:
        raise Unreadable(Reason.damaged, detail=f"compression {member.compress_type}")


def _deflated(raw: IO[bytes], size: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in _pieces(raw, size):
            data = piece
            while data and not inflater.eof:
                yield inflater.decompress(data, CHUNK)
                data = inflater.unconsumed_tail
    except zlib.error:
        return


def _pieces(raw: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (piece := raw.read(min(CHUNK, size))):
        size -= len(piece)
        yield piece
