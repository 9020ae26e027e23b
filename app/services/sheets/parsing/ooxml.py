"""What the parsers of .xlsx leave out, read from the parts themselves: formulas, error values, merged areas, size."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from defusedxml import ElementTree

from .marks import Marks, position
from .wire import Unreadable

CHUNK = 1024 * 1024
SMALL_PART = 8 * 1024 * 1024
LONGEST_CELL = 256 * 1024
RELATION = re.compile(r"\{[^}]*\}id$")

FORMULA = re.compile(rb"<(?:\w+:)?f\b[^>]*?(?:/>|>([^<]*))")
ERROR = re.compile(
    rb"""<(?:\w+:)?c\b[^>]*\bt=["']e["'][^>]*>(?:[^<]|<(?!/?(?:\w+:)?[cv]\b))*<(?:\w+:)?v[^>]*>([^<]*)"""
)
MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\b[^>]*\bref=["']([A-Z]+\d+):([A-Z]+\d+)""")
DATA_END = re.compile(rb"</(?:\w+:)?sheetData>")
REFERENCE = re.compile(rb"""\br=["']([A-Z]+\d+)""")


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet of the workbook and the part of the package that holds it."""

    name: str
    hidden: bool
    part: str
    is_chart: bool


def sheet_parts(package: ZipFile) -> list[SheetPart]:
    """The sheets in their order. Raises `Unreadable` where the package does not say."""
    workbook = _workbook_part(package)
    folder, name = posixpath.split(workbook)
    targets = _relations(package, f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels", folder)
    sheets = []
    for element in _parsed(package, workbook).iter():
        if _tag(element.tag) != "sheet":
            continue
        relation = next((value for key, value in element.attrib.items() if RELATION.search(key)), "")
        part, kind = targets.get(relation, ("", ""))
        hidden = element.get("state", "visible") != "visible"
        sheets.append(
            SheetPart(element.get("name", ""), hidden, part, is_chart=not kind.endswith("/worksheet"))
        )
    return sheets


def marks_of(package: ZipFile, part: str, columns: int) -> tuple[Marks, int]:
    """The marks of one sheet and how many cells it says to hold; the part is read as a stream.

    Raises `Unreadable("unmarked")` where a formula or an error stands in a cell without an address.
    """
    marks = Marks(columns)
    cells = 0
    try:
        with package.open(part) as source:
            in_data = True
            for chunk in _whole_cells(source):
                ended = DATA_END.search(chunk)
                body = chunk[: ended.start()] if ended else chunk
                if in_data:
                    cells += body.count(b"<c ") + body.count(b":c ")
                    _mark(body, marks)
                in_data = in_data and not ended
                _mark_merges(chunk, marks)
    except (BadZipFile, KeyError, EOFError) as error:
        raise Unreadable("damaged", detail=str(error)[:200]) from error
    return marks, cells


def merges_of(package: ZipFile, part: str, marks: Marks) -> Marks:
    """Only the merged areas of a sheet."""
    with package.open(part) as source:
        for chunk in _whole_cells(source):
            _mark_merges(chunk, marks)
    return marks


def _whole_cells(source: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces, each cut where a cell begins, so that no cell is torn (unless it is absurdly long)."""
    rest = b""
    while piece := source.read(CHUNK):
        data = rest + piece
        cut = max(data.rfind(b"<c "), data.rfind(b":c "), data.rfind(b"<mergeCell "))
        if cut < 1:
            cut = max(0, len(data) - LONGEST_CELL)
        if data[cut : cut + 1] == b":":
            cut = data.rfind(b"<", 0, cut)
        yield data[:cut]
        rest = data[cut:]
    yield rest


def _mark(chunk: bytes, marks: Marks) -> None:
    if b"<f" in chunk or b":f" in chunk:
        for found in FORMULA.finditer(chunk):
            text = "=" + unescape((found.group(1) or b"").decode("utf-8", "replace"))
            marks.add(*_cell_around(chunk, found.start()), "formula", text)
    if b't="e"' in chunk or b"t='e'" in chunk:
        for found in ERROR.finditer(chunk):
            row, column = _address(found.group(0))
            if column not in marks.cells.get(row, ()):
                marks.add(row, column, "error", found.group(1).decode("utf-8", "replace"))


def _mark_merges(chunk: bytes, marks: Marks) -> None:
    if b"mergeCell" not in chunk:
        return
    for found in MERGED.finditer(chunk):
        top, left = position(found.group(1).decode())
        bottom, right = position(found.group(2).decode())
        marks.merge(top, left, bottom, right)


def _cell_around(chunk: bytes, place: int) -> tuple[int, int]:
    """The address of the cell whose opening tag is the last one before this place."""
    start = max(chunk.rfind(b"<c ", 0, place), chunk.rfind(b":c ", 0, place), 0)
    return _address(chunk[start : chunk.find(b">", start)])


def _address(tag: bytes) -> tuple[int, int]:
    found = REFERENCE.search(tag)
    where = position(found.group(1).decode()) if found else (0, 0)
    if where == (0, 0):
        raise Unreadable("unmarked")
    return where


def _workbook_part(package: ZipFile) -> str:
    for target, kind in _relations(package, "_rels/.rels", "").values():
        if kind.endswith("/officeDocument"):
            return target
    return "xl/workbook.xml"


def _relations(package: ZipFile, part: str, folder: str) -> dict[str, tuple[str, str]]:
    """Relation id → (part it points to, its type)."""
    try:
        elements = list(_parsed(package, part))
    except KeyError:
        return {}
    found = {}
    for element in elements:
        target = element.get("Target", "")
        whole = (
            target.lstrip("/")
            if target.startswith("/")
            else posixpath.normpath(posixpath.join(folder, target))
        )
        found[element.get("Id", "")] = (whole, element.get("Type", ""))
    return found


def _parsed(package: ZipFile, part: str) -> Any:
    with package.open(part) as source:
        data = source.read(SMALL_PART + 1)
    if len(data) > SMALL_PART:
        raise Unreadable("bomb", detail=part)
    return ElementTree.fromstring(data)


def _tag(name: str) -> str:
    return name.rpartition("}")[2]
