"""What the benchmark of files times, each in a process of its own: `python -m bench.tasks TASK …`.

Imports nothing of the tests, so that the memory told is the product's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from stdnum.cn import uscc

import config
from app import create_app
from app.cli.serving import settle
from app.extensions import db
from app.models import Customer
from app.services import access, exports, imports, records, sheets
from app.workflows import importing

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
    app = _opened(url, folder)
    with app.app_context(), access.acting(_person(int(user))):
        order = imports.Order("customer", Path(file), "customers.xlsx", limits=sheets.LARGE)
        run = imports.stage(order)
        counts = importing.write(run)
        db.session.remove()
    if counts.refused or not counts.created:
        raise SystemExit(f"the import came out wrong: {counts}")


def take_out(url: str, folder: str, user: str, file: str, count: str) -> None:
    """Write all customers this person may see."""
    app = _opened(url, folder)
    with app.app_context(), access.acting(_person(int(user))):
        what = exports.taken(records.Query(Customer), COLUMNS)
        written = exports.write(what, Path(file), "xlsx", most=int(count))
        db.session.remove()
    if written != int(count):
        raise SystemExit(f"the export holds {written} rows")


def _opened(url: str, folder: str) -> Any:
    given = {"GUANHU_ENV": "test", "GUANHU_INSTANCE": folder, "GUANHU_DATABASE_URL": url}
    app = create_app(config.read(given))
    settle()
    return app


def _person(user: int) -> access.Principal:
    with access.acting(access.SYSTEM):
        found = access.principal_of(user)
    assert found is not None
    return found


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task for task in (read_alone, write_alone, bring_in, take_out)
}


def main(task: str, *given: str) -> None:
    wall, used = time.perf_counter(), sum(os.times()[:4])
    TASKS[task](*given)
    told = {"s": time.perf_counter() - wall, "processor": sum(os.times()[:4]) - used, "mb": _most_held()}
    print(json.dumps(told))


def _most_held() -> float:
    """The most memory this process held, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_024


if __name__ == "__main__":
    main(*sys.argv[1:])
