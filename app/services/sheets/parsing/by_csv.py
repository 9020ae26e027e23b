"""Plain text tables: the encoding and the separator are found by looking at the content."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .wire import LONGEST_TEXT, Order, Unreadable, encoded, run, send, trimmed

PIECE = 1024 * 1024
SAMPLE = 64 * 1024
SEPARATORS = ",\t;|"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
ENCODINGS = ("utf-8", "gb18030")
MANY_NULS = 0.2


def parse(order: Order) -> Iterator[tuple[int, list[Any]]]:
    csv.field_size_limit(LONGEST_TEXT * 32)
    path = Path(order.path)
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as lines:
        sample = lines.read(SAMPLE)
        lines.seek(0)
        separator = _said(sample) or separator_of(sample)
        skip = 1 if _said(sample) else 0
        send(b"M", {"sheets": [], "sheet": None, "encoding": encoding, "separator": separator})
        yield from _rows(csv.reader(lines, delimiter=separator, strict=True), skip)


def _rows(reader: Any, skip: int) -> Iterator[tuple[int, list[Any]]]:
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            cells = trimmed([encoded(value) for value in row])
            if cells and number > skip:
                yield number, cells
    except csv.Error as error:
        reason = "cell_too_long" if "field limit" in str(error) else "quotes"
        raise Unreadable(reason, row=number + 1, detail=str(error)) from error


def encoding_of(path: Path) -> str:
    """The encoding the whole file agrees with: by its mark, else UTF-8, else GB 18030 (which includes GBK)."""
    with path.open("rb") as source:
        start = source.read(SAMPLE)
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding if _fits(path, encoding) else _none()
    if start.count(0) > len(start) * MANY_NULS:
        wide = "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
        return wide if _fits(path, wide) else _none()
    return next((encoding for encoding in ENCODINGS if _fits(path, encoding)), "") or _none()


def _none() -> str:
    raise Unreadable("encoding")


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as source:
            while piece := source.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _said(sample: str) -> str:
    """The separator a first line `sep=;` names, as Excel writes it."""
    first = sample.partition("\n")[0].strip("\r\ufeff ")
    return first[4] if len(first) == 5 and first.lower().startswith("sep=") else ""  # noqa: PLR2004


def separator_of(sample: str) -> str:
    """The separator by which the first records fall into the same number of columns, and into most of them."""
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        widths = _widths(sample, separator)
        width, times = widths.most_common(1)[0] if widths else (1, 0)
        score = (times / max(1, sum(widths.values())), width)
        if width > 1 and score > best_score:
            best, best_score = separator, score
    return best


def _widths(sample: str, separator: str) -> Counter[int]:
    """How many records have how many columns; the last record of a sample may be torn."""
    widths: list[int] = []
    with suppress(csv.Error):
        widths.extend(
            len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator) if row
        )
    if len(widths) > 1 and len(sample) >= SAMPLE:
        widths.pop()
    return Counter(widths)


def main() -> None:
    run(parse)
