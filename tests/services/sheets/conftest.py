"""Workbooks made by the tests themselves, good and bad."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

DATA = Path(__file__).parents[4] / "shared" / "data"
SHEET = "xl/worksheets/sheet1.xml"
SHEET_HEAD = (
    b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
)


def shared(name: str) -> Path:
    """A file of the shared data; the test is skipped, naming it, where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook of these rows; `change` may alter the worksheet before it is saved."""

    def write(rows: list[list[object]], change=None, title="客户") -> Path:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = title
        for row in rows:
            sheet.append(row)
        if change:
            change(sheet)
        path = tmp_path / "book.xlsx"
        book.save(path)
        return path

    return write


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., Path]:
    """A small workbook with members of its package replaced, added or left out."""

    def write(replace=None, add=None, drop=()) -> Path:
        book = openpyxl.Workbook()
        book.active.append(["名称", "手机", "等级"])
        book.active.append(["甲公司", "13800000001", "A"])
        source = io.BytesIO()
        book.save(source)
        path = tmp_path / "altered.xlsx"
        with (
            zipfile.ZipFile(source) as old,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for name in old.namelist():
                if name not in drop and name not in (replace or {}):
                    new.writestr(name, old.read(name))
            for name, data in {**(replace or {}), **(add or {})}.items():
                new.writestr(name, data)
        return path

    return write
