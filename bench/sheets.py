"""Files in and out: a hundred thousand customers of twenty columns, beside what openpyxl alone needs for the same file.

Everything runs in a process of its own (`python -m bench.sheets TASK …`), which tells its time, the processor time of
all its processes and the most memory it held; taken in turn, so that a busy moment hits all alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from stdnum.cn import uscc

from app.extensions import db
from app.models import Customer
from app.services import access, exports, fields, imports, records, sheets
from app.workflows import importing
from bench.site import opened, prepare
from tests.world import World

PERSON = "ann"
ROWS = 100_000
ROUNDS = 3
IMPORT_GATE, EXPORT_GATE, MOST_MB = 1.6, 1.3, 300
COLUMNS = (
    "code",
    "name",
    "short_name",
    "party_type",
    "is_key",
    "credit_code",
    "legal_representative",
    "registered_capital",
    "established_on",
    "region_id",
    "source_channel_id",
    "payment_method_id",
    "address",
    "phone",
    "email",
    "website",
    "business_scope",
    "credit_limit",
    "reviewed_on",
    "remark",
)
REGION = "北京"


def rows_of(count: int) -> Iterator[list[Any]]:
    """The rows of the workbook, all of them sound."""
    for n in range(1, count + 1):
        body = f"91110000MA{n:07d}"
        yield [
            f"X{n:09d}",
            f"北京青禾种业第{n}有限公司",
            f"青禾{n}",
            "企业",
            "是" if n % 5 == 0 else "否",
            body + uscc.calc_check_digit(body),
            f"林{n % 97}",
            f"{n % 5_000 + 50} 万元",
            date(2000, 1, 1) + timedelta(days=n % 8_000),
            REGION,
            None,
            None,
            f"北京市海淀区中关村路 {n} 号",
            f"138{n:08d}",
            f"office{n}@example.com",
            f"https://www.example.com/{n}",
            "农作物种子批发与零售",
            n % 1_000 * 1_000,
            date(2025, 1, 1) + timedelta(days=n % 300),
            f"备注 {n}" if n % 3 == 0 else None,
        ]


# ---- tasks, each in a process of its own -------------------------------------------------------------------


def read_alone(file: str) -> None:
    """What openpyxl needs to read the file."""
    book = openpyxl.load_workbook(file, read_only=True)
    for _row in book.worksheets[0].iter_rows(values_only=True):
        pass


def write_alone(file: str, count: str) -> None:
    """What openpyxl needs to write the rows."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    for row in rows_of(int(count)):
        sheet.append(row)
    book.save(file)


def bring_in(url: str, folder: str, user: str, file: str) -> None:
    """Judge the file and write what it says, in chunks."""
    app = opened(url, Path(folder))
    with app.app_context(), access.acting(_person(int(user))):
        order = imports.Order("customer", Path(file), "customers.xlsx", limits=sheets.LARGE)
        run = imports.stage(order)
        counts = importing.write(run)
        db.session.remove()
    if counts.refused or not counts.created:
        raise SystemExit(f"the import came out wrong: {counts}")


def take_out(url: str, folder: str, user: str, file: str, count: str) -> None:
    """Write all customers this person may see."""
    app = opened(url, Path(folder))
    with app.app_context(), access.acting(_person(int(user))):
        what = exports.taken(records.Query(Customer), COLUMNS)
        written = exports.write(what, Path(file), "xlsx", most=int(count))
        db.session.remove()
    if written != int(count):
        raise SystemExit(f"the export holds {written} rows")


def _person(user: int) -> access.Principal:
    with access.acting(access.SYSTEM):
        found = access.principal_of(user)
    assert found is not None
    return found


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task for task in (read_alone, write_alone, bring_in, take_out)
}


def timed(task: str, *given: object) -> dict[str, float]:
    """Run a task in a new process: `s`, `processor` (s) and `mb` it held at most."""
    command = [sys.executable, "-m", "bench.sheets", task, *map(str, given)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{task}:\n{answer.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main(task: str, *given: str) -> None:
    wall, used = time.perf_counter(), sum(os.times()[:4])
    TASKS[task](*given)
    told = {"s": time.perf_counter() - wall, "processor": sum(os.times()[:4]) - used, "mb": _most_held()}
    print(json.dumps(told))


def _most_held() -> float:
    """The most memory this process held, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_024


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


if __name__ == "__main__":
    main(*sys.argv[1:])
