"""A person who may import, and files to import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from app.services import access, imports, sheets
from app.workflows import importing
from tests.services.sheets.conftest import shared

__all__ = ["shared"]


@pytest.fixture
def keeper(hire, acting_as) -> Iterator[access.Principal]:
    """The information keeper is asking."""
    with acting_as(hire("Ines", "info_keeper", unit="office")) as who:
        yield who


@pytest.fixture
def sheet(tmp_path) -> Callable[..., Path]:
    """Write a workbook of these rows."""

    def write(*rows: list[object], title: str = "Sheet1", name: str = "file.xlsx") -> Path:
        book = openpyxl.Workbook()
        book.active.title = title
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


def order(resource: str, path: Path, **how) -> imports.Order:
    return imports.Order(
        resource=resource,
        path=path,
        file_name=path.name,
        opening=importing.opening_of(resource),
        reason="opening data",
        limits=sheets.LARGE,
        **how,
    )


def bring_in(resource: str, path: Path, **how) -> tuple[int, imports.Counts]:
    """Judge and write; the run and its counts."""
    run = imports.stage(order(resource, path, **how))
    return run, importing.write(run)


def reasons(run: int) -> dict[int, list[dict]]:
    """Row → reasons, of the refused rows."""
    return {row.row_no: row.reasons for row in imports.refused_rows(run)}
