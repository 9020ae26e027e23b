"""Formulas and error values of an .xls, found by walking its records; no kept reader of .xls reports formulas."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import olefile

from .marks import Marks
from .wire import Unreadable

RECORD = struct.Struct("<HH")
ADDRESS = struct.Struct("<HH")
BOUND_SHEET, BOOL_ERR, FILE_PASS = 0x0085, 0x0205, 0x002F
FORMULAS = (0x0006, 0x0206, 0x0406)
BEGINS = (0x0809, 0x0409, 0x0209, 0x0009)
ENDS = 0x000A
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


def marks_of(path: str, index: int, columns: int) -> Marks:
    """The marks of the sheet at this place in the workbook."""
    marks = Marks(columns)
    data = _stream(path)
    offsets = [struct.unpack_from("<I", body)[0] for kind, body in _records(data, 0) if kind == BOUND_SHEET]
    if index >= len(offsets):
        return marks
    for kind, body in _records(data, offsets[index]):
        if kind in FORMULAS and len(body) >= ADDRESS.size:
            row, column = ADDRESS.unpack_from(body)
            marks.add(row + 1, column + 1, "formula", "=")
        elif kind == BOOL_ERR and len(body) >= 8 and body[7]:  # noqa: PLR2004
            row, column = ADDRESS.unpack_from(body)
            marks.add(row + 1, column + 1, "error", ERRORS.get(body[6], "#ERROR"))
    return marks


def _stream(path: str) -> bytes:
    """The workbook stream, or nothing: what calamine can read without us is not refused here."""
    try:
        with olefile.OleFileIO(path) as package:
            name = next((name for name in ("Workbook", "Book") if package.exists(name)), None)
            data: bytes = package.openstream(name).read() if name else b""
            return data
    except (OSError, ValueError, IndexError, struct.error):
        return b""


def _records(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream, those of charts inside it left out."""
    depth = 0
    while start + RECORD.size <= len(data):
        kind, length = RECORD.unpack_from(data, start)
        start += RECORD.size
        body = data[start : start + length]
        start += length
        if kind in BEGINS:
            depth += 1
        elif kind == ENDS:
            depth -= 1
            if depth <= 0:
                return
        elif kind == FILE_PASS and depth == 1:
            raise Unreadable("encrypted")
        elif depth == 1:
            yield kind, body
