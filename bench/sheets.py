"""Files in and out: a hundred thousand customers of twenty columns, beside what openpyxl alone needs for the same file.

Every task runs in a process of its own (`bench.tasks`), which tells its time, the processor time of all its processes
and the most memory it held; taken in turn, so that a busy moment hits all alike.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl

from app.models import Customer
from app.services import fields
from bench.site import prepare
from bench.tasks import COLUMNS, TASKS, rows_of
from tests.world import World

PERSON = "ann"
ROWS = 100_000
ROUNDS = 3
IMPORT_GATE, EXPORT_GATE, MOST_MB = 1.6, 1.3, 300


def timed(task: str, *given: object) -> dict[str, float]:
    """Run a task in a new process: `s`, `processor` (s) and `mb` it held at most."""
    command = [sys.executable, "-m", "bench.tasks", task, *map(str, given)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{task}:\n{answer.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


# ---- the figures -------------------------------------------------------------------------------------------


def measure(kind: str, url_of: Callable[[], str], folder: Path, rows: int = ROWS) -> bool:
    """Print the figures of one database; whether the gates were held."""
    print(f"\n## Files, {kind}, {rows:,} rows of {len(COLUMNS)} columns\n", flush=True)
    book = folder / f"{kind}-in.xlsx"
    _write_book(book, rows)
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in TASKS}
    for number in range(ROUNDS):
        url, place = url_of(), folder / f"{kind}-files-{number}"
        place.mkdir()
        user = _company(url, place).users[PERSON]
        out = place / "out.xlsx"
        taken["read_alone"].append(timed("read_alone", book))
        taken["bring_in"].append(timed("bring_in", url, place, user, book))
        taken["write_alone"].append(timed("write_alone", out, rows))
        taken["take_out"].append(timed("take_out", url, place, user, out, rows))
    print("| | s | × openpyxl | processor, × | gate | MB |\n|---|---|---|---|---|---|")
    within = _line("import", taken["bring_in"], taken["read_alone"], IMPORT_GATE)
    within &= _line("export", taken["take_out"], taken["write_alone"], EXPORT_GATE)
    return within


def _line(name: str, ours: list[dict[str, float]], alone: list[dict[str, float]], gate: float) -> bool:
    seconds = statistics.median(one["s"] for one in ours)
    ratio, processor = (
        statistics.median(one[what] / other[what] for one, other in zip(ours, alone, strict=True))
        for what in ("s", "processor")
    )
    memory = max(one["mb"] for one in ours)
    is_kept = ratio <= gate and memory < MOST_MB
    print(
        f"| {name} | {seconds:.1f} | {ratio:.2f} | {processor:.2f} | {gate} | {memory:.0f} |{'' if is_kept else ' missed'}",
        flush=True,
    )
    return is_kept


def _write_book(file: Path, rows: int) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append([str(_label(name)) for name in COLUMNS])
    for row in rows_of(rows):
        sheet.append(row)
    book.save(file)


def _label(name: str) -> str:
    field = fields.field_named(Customer, name)
    assert field is not None
    return field.label.zh


def _company(url: str, folder: Path) -> World:
    _app, world = prepare(url, folder)
    return world
