"""A spreadsheet as rows: parsed by a limited child process, received batch by batch, its head found."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.words import Words, say

from .cells import RawRow, decoded
from .facts import FileFacts, Kind, inspect
from .heads import SEARCHED_ROWS, Head, found_head
from .limits import LARGE, MB, SCREEN, Limits
from .parsing.wire import HEAD, LONGEST_FRAME, Order
from .reasons import Reason, Unreadable

HERE = Path(__file__).parent
START = "import sys; sys.path.insert(0, sys.argv[1]); from parsing import {module}; {module}.main()"
PARSERS = {
    Kind.xlsx: ("by_calamine", "by_openpyxl"),
    Kind.xls: ("by_calamine",),
    Kind.text: ("by_csv",),
}
FINAL = (
    Reason.encrypted,
    Reason.no_such_sheet,
    Reason.too_many_rows,
    Reason.too_many_columns,
    Reason.too_slow,
)
"""What a second parser would only say again."""


class Child:
    """One parser at work; it is killed when it waits us out, when it fails and when nobody reads on."""

    def __init__(self, module: str, order: Order, limits: Limits) -> None:
        self.order = order
        self.limits = limits
        self.waited = 0.0
        self.rows = 0
        self.ended = False
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, the file's path as data
            [sys.executable, "-I", "-c", START.format(module=module), str(HERE), json.dumps(asdict(order))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"},
        )
        if self.process.stdout is None:
            raise AssertionError
        self.pipe = self.process.stdout.fileno()
        self.poll = select.poll()
        self.poll.register(self.pipe, select.POLLIN)

    def frame(self) -> tuple[bytes, Any]:
        """The next frame. Raises `Unreadable` when the child failed, died, or was too slow."""
        size, kind = HEAD.unpack(self._bytes(HEAD.size))
        if size > LONGEST_FRAME:
            raise self._ended(Reason.damaged, "frame too long")
        text = self._bytes(size).decode("utf-8", "surrogatepass")
        if kind == b"R":
            rows = json.loads(text, parse_float=Decimal, object_hook=decoded)
            self.rows += len(rows)
            return kind, rows
        body = json.loads(text)
        if kind == b"F":
            raise self._ended(
                Reason(_REASONS.get(body["reason"], body["reason"])), body.get("detail", ""), body.get("row")
            )
        return kind, body

    def batches(self) -> Iterator[list[RawRow]]:
        """What is left of the rows."""
        while not self.ended:
            kind, body = self.frame()
            self.ended = kind != b"R"
            if not self.ended:
                yield [RawRow(number, cells) for number, cells in body]

    def close(self) -> None:
        self.ended = True
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.wait()

    def _bytes(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait()
            piece = os.read(self.pipe, min(size - len(parts), MB))
            if not piece:
                raise self._died()
            parts += piece
        return bytes(parts)

    def _wait(self) -> None:
        """Only the time spent waiting for the child counts; what the reader does between rows is his own time."""
        began = time.monotonic()
        left = self.limits.seconds_for(self.rows) - self.waited
        ready = self.poll.poll(max(0.0, left) * 1000)
        self.waited += time.monotonic() - began
        if not ready:
            raise self._ended(Reason.too_slow)

    def _died(self) -> Unreadable:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return self._ended(Reason.too_slow)
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return self._ended(Reason.too_slow, f"signal {-status}")
        if status == -signal.SIGABRT:
            return self._ended(Reason.too_much_memory, "aborted")
        return self._ended(Reason.damaged, f"exit {status}")

    def _ended(self, reason: Reason, detail: str = "", row: int | None = None) -> Unreadable:
        self.close()
        values: dict[Reason, dict[str, object]] = {
            Reason.too_many_rows: {"limit": f"{self.limits.rows:,}"},
            Reason.too_many_columns: {"row": row, "limit": self.limits.columns},
            Reason.too_slow: {"seconds": round(self.limits.seconds_for(self.rows))},
            Reason.too_much_memory: {"limit": self.limits.memory // MB},
            Reason.bomb: {"limit": self.limits.inflated // MB, "ratio": self.limits.ratio},
            Reason.quotes: {"row": row},
            Reason.cell_too_long: {"row": row},
            Reason.no_such_sheet: {"sheet": self.order.sheet, "names": detail},
        }
        return Unreadable(reason, detail=detail, **values.get(reason, {}))


_REASONS = {"unmarked": "damaged"}


class Sheet:
    """One sheet of a file: its names, its head, and its rows of data, once through. Close it, or use it with `with`."""

    def __init__(self, child: Child, facts: FileFacts, meta: dict[str, Any], first: list[RawRow]) -> None:
        self._child = child
        self._first = first
        self.facts = facts
        self.limits = child.limits
        self.name: str = meta["sheet"] or ""
        self.names = [name for name, hidden in meta["sheets"] if not hidden]
        self.hidden = [name for name, hidden in meta["sheets"] if hidden]
        self._head: Head | None = None

    @property
    def head(self) -> Head:
        """The names of the columns. Raises `Unreadable` where there are none, or two are alike."""
        if self._head is None:
            self._head = found_head(self._first, self.name)
        return self._head

    @property
    def notes(self) -> list[Words]:
        """What the file holds that is left aside, for the person to know."""
        notes = []
        if self.hidden:
            names = "、".join(self.hidden[:5])
            notes.append(
                say("隐藏的工作表不导入：{names}。", "Hidden sheets are left aside: {names}.", names=names)
            )
        if self.facts.macros:
            notes.append(say("文件中的宏不会运行。", "The macros in the file are not run."))
        if self.facts.external_links:
            notes.append(say("指向其他文件的链接不会更新。", "Links to other files are not followed."))
        return notes

    def raw(self) -> Iterator[RawRow]:
        """All rows that hold something, titles and heads included."""
        with self:
            yield from self._first
            for batch in self._child.batches():
                yield from batch

    def __iter__(self) -> Iterator[RawRow]:
        """The rows of data, below the head. Raises `Unreadable` where there are more than allowed."""
        last_head_row = self.head.last_row
        count = 0
        for row in self.raw():
            if row.number <= last_head_row:
                continue
            count += 1
            if count > self.limits.rows:
                raise Unreadable(Reason.too_many_rows, limit=f"{self.limits.rows:,}")
            yield row

    def close(self) -> None:
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path, sheet: str | None = None, limits: Limits = SCREEN, *, name: str | None = None) -> Sheet:
    """Open one sheet of a file, the first visible one unless named. `name` is what its owner called the file.

    Raises `Unreadable` with a reason of the closed list, never anything else for a file of whatever content.
    """
    facts = inspect(path, limits, name=name)
    failure: Unreadable | None = None
    waited = 0.0
    for module in PARSERS[facts.kind]:
        child = Child(module, _order(path, facts, sheet, limits), limits)
        child.waited = waited
        try:
            return _opened(child, facts)
        except Unreadable as error:
            failure = error
            waited = child.waited
            if error.reason in FINAL:
                raise
        except BaseException:
            child.close()
            raise
    raise failure or AssertionError


def _opened(child: Child, facts: FileFacts) -> Sheet:
    _kind, meta = child.frame()
    first: list[RawRow] = []
    for batch in child.batches():
        first += batch
        if len(first) >= SEARCHED_ROWS:
            break
    return Sheet(child, facts, meta, first)


def _order(path: Path, facts: FileFacts, sheet: str | None, limits: Limits) -> Order:
    return Order(
        path=str(path.resolve()),
        kind=facts.kind,
        sheet=sheet,
        memory=limits.memory,
        cpu=limits.seconds,
        cpu_per_row=limits.seconds_per_100k / 100_000,
        most_cpu=int(LARGE.seconds_for(LARGE.rows)),
        rows=limits.rows,
        columns=limits.columns,
        fast_cells=limits.fast_cells,
        text=limits.inflated,
    )
