"""What the parsing child tells its parent: frames on a pipe, and the cells in them.

A frame is four bytes of length, one letter and JSON: `M` what the workbook is, `R` a batch of rows, `F` why it
failed, `E` the end. JSON and not pickle, because the child may have been taken over by the file it reads.
A cell is JSON's own text, number, true or null; what JSON cannot say is an object of one or two keys.
"""

from __future__ import annotations

import json
import math
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

HEAD = struct.Struct(">Ic")
LONGEST_FRAME = 64 * 1024 * 1024
BATCH_ROWS = 500
BATCH_CHARACTERS = 500_000
LONGEST_TEXT = 32_767
"""What Excel lets a cell hold; longer texts come from programs that mean harm or err."""
EXACT_BELOW = 10**15
"""A spreadsheet keeps fifteen digits of a number: of a longer code typed as a number the rest is lost."""
MIDNIGHT = time()
SPARE_ROWS = 32
"""Titles and heads do not count as rows of data; the parent counts those exactly."""


class Unreadable(Exception):
    """The file cannot be read further; the reason is a word of the parent's closed list."""

    def __init__(self, reason: str, *, row: int | None = None, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.row = row
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent wants read, and within which limits (bytes, seconds of CPU, rows, columns, characters)."""

    path: str
    kind: str
    sheet: str | None
    memory: int
    cpu: float
    cpu_per_row: float
    most_cpu: int
    rows: int
    columns: int
    fast_cells: int
    text: int


def confine(order: Order) -> None:
    """Take away from this process what a parser has no need of. The hard limit of CPU is for ever."""
    resource.setrlimit(resource.RLIMIT_AS, (order.memory, order.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (max(1, math.ceil(order.cpu)), order.most_cpu))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def send(kind: bytes, body: object) -> None:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    sys.stdout.buffer.write(HEAD.pack(len(data), kind))
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


Parse = Callable[[Order], Iterator[tuple[int, list[Any]]]]
"""A parser: sends its own `M` frame, then yields (row number, cells) of the rows that hold something."""


def run(parse: Parse) -> None:
    """The child's whole life: confine, parse, send; whatever goes wrong becomes a frame or an exit code."""
    order = Order(**json.loads(sys.argv[2]))
    confine(order)
    try:
        count = _send_rows(parse(order), order)
    except Unreadable as error:
        send(b"F", {"reason": error.reason, "row": error.row, "detail": error.detail})
    except MemoryError:
        send(b"F", {"reason": "too_much_memory"})
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - parsers raise anything; the parent must get an answer
        send(b"F", {"reason": "damaged", "detail": f"{type(error).__name__}: {error}"[:300]})
    else:
        send(b"E", {"rows": count})


def _send_rows(rows: Iterable[tuple[int, list[Any]]], order: Order) -> int:
    batch: list[tuple[int, list[Any]]] = []
    count = size = total = 0
    for number, cells in rows:
        if len(cells) > order.columns:
            raise Unreadable("too_many_columns", row=number, detail=str(len(cells)))
        count += 1
        if count > order.rows + SPARE_ROWS:
            raise Unreadable("too_many_rows", row=number)
        batch.append((number, cells))
        size += sum(len(cell) for cell in cells if type(cell) is str)
        if len(batch) >= BATCH_ROWS or size > BATCH_CHARACTERS:
            total += size
            if total > order.text:  # one long string used by every cell is small until it is spelled out
                raise Unreadable("bomb", row=number)
            send(b"R", batch)
            _earn(order, count)
            batch, size = [], 0
    if batch:
        send(b"R", batch)
    return count


def _earn(order: Order, rows: int) -> None:
    """Each row read earns the next some CPU, so that a large file may take long and a small one may not."""
    allowed = min(order.most_cpu, math.ceil(order.cpu + rows * order.cpu_per_row))
    resource.setrlimit(resource.RLIMIT_CPU, (max(1, allowed), order.most_cpu))


def encoded(value: object) -> Any:
    """A cell as the wire carries it: None for nothing, flagged when it cannot be what was typed."""
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        return None if value is None else _text(str(value))
    return encoder(value)


def flag(kind: str, text: str = "") -> dict[str, str]:
    """A cell that holds no usable value, and why."""
    return {"x": kind, "v": text[:200]}


def _text(value: str) -> Any:
    if len(value) > LONGEST_TEXT:
        return flag("too_long", value)
    return value or None


def _float(value: float) -> Any:
    if not math.isfinite(value):
        return flag("error", "#NUM!")
    if abs(value) >= EXACT_BELOW:
        return flag("damaged", repr(value))
    return int(value) if value.is_integer() else value


def _integer(value: int) -> Any:
    return flag("damaged", str(value)[:400]) if abs(value) >= EXACT_BELOW else value


def _datetime(value: datetime) -> Any:
    """A moment; at midnight it is a date, as parsers differ in what they call it."""
    if value.time() == MIDNIGHT:
        return {"d": value.date().isoformat()}
    return {"t": value.replace(tzinfo=None).isoformat()}


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    str: _text,
    bool: lambda value: value,
    int: _integer,
    float: _float,
    date: lambda value: {"d": value.isoformat()},
    datetime: _datetime,
    time: lambda value: {"c": value.isoformat()},
    timedelta: lambda value: {"p": value.total_seconds()},
}


def trimmed(cells: list[Any]) -> list[Any]:
    """Without the empty cells at the end; formats reach further than values."""
    end = len(cells)
    while end and cells[end - 1] is None:
        end -= 1
    return cells[:end] if end < len(cells) else cells


def chosen(sheets: list[tuple[str, bool]], wanted: str | None) -> str:
    """The sheet to read: the one asked for, else the first that is not hidden."""
    names = [name for name, _hidden in sheets]
    if not names:
        raise Unreadable("no_sheet")
    if wanted is None:
        return next((name for name, hidden in sheets if not hidden), names[0])
    if wanted not in names:
        raise Unreadable("no_such_sheet", detail=", ".join(name for name, hidden in sheets if not hidden))
    return wanted
