"""Workbooks and CSV of our own: exact, streamed, and nothing in them runs."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest

from app.services.sheets import Column, cleaned_name, read, write_csv, write_xlsx
from app.services.sheets.writer import csv_chunks, guarded

DANGEROUS = [
    "=1+1",
    "+1",
    "-5",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "\u200b=1",
    "＝1+1",
    "－2",
    '=HYPERLINK("http://127.0.0.1","x")',
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_text_that_a_spreadsheet_would_run_is_written_behind_an_apostrophe(tmp_path, text):
    path = tmp_path / "a.xlsx"
    write_xlsx(path, ["名称"], [[text]])
    cell = openpyxl.load_workbook(path).active["A2"]
    assert cell.data_type == "s"
    assert cell.value.startswith("'")
    out = io.StringIO(newline="")
    write_csv(out, ["名称"], [[text]])
    assert list(csv.reader(io.StringIO(out.getvalue().lstrip("\ufeff"), newline="")))[1][0].startswith("'")


@pytest.mark.parametrize(
    "text", ["甲公司", "KH001", "a=b", "2026-01-01", "1,234.50", "#REF!", "001234", "1e5"]
)
def test_any_other_text_stays_as_it_is_and_stays_text(tmp_path, text):
    path = tmp_path / "a.xlsx"
    write_xlsx(path, ["名称"], [[text]])
    cell = openpyxl.load_workbook(path).active["A2"]
    assert (cell.value, cell.data_type) == (text, "s")


def test_what_was_written_reads_back_the_same(tmp_path):
    path = tmp_path / "a.xlsx"
    row = [
        "001",
        "甲",
        Decimal("4.1"),
        12,
        True,
        date(2026, 1, 2),
        datetime.fromisoformat("2026-01-02T03:04:05"),
        None,
        10**17,
    ]
    count = write_xlsx(path, [f"列{n}" for n in range(len(row))], [row] * 3, title="客户/[x]")
    assert count == 3
    with read(path) as table:
        rows = [cells for _number, cells in table]
    assert rows == [[*row[:8], str(10**17)]] * 3


def test_an_exported_text_behind_its_apostrophe_comes_back_without_it():
    assert cleaned_name(guarded("-甲公司")).text == "-甲公司"
    assert cleaned_name("'s-Hertogenbosch").text == "'s-Hertogenbosch"


def test_characters_a_workbook_cannot_hold_are_left_out(tmp_path):
    path = tmp_path / "a.xlsx"
    write_xlsx(path, ["a"], [["x\x0b\x00y\ud800\uffffz"], ["y" * 40_000]])
    sheet = openpyxl.load_workbook(path).active
    assert sheet["A2"].value == "xyz"
    assert len(sheet["A3"].value) == 32_767


def test_a_template_carries_comments_choices_and_marks_what_is_required(tmp_path):
    path = tmp_path / "a.xlsx"
    columns = [
        Column("客户名称", required=True, comment="必填，不超过 255 字"),
        Column("等级", choices=("A", "B")),
    ]
    write_xlsx(path, columns, [], template_rows=1000)
    sheet = openpyxl.load_workbook(path).active
    assert sheet["A1"].comment.text == "必填，不超过 255 字"
    assert sheet["A1"].font.color.rgb == "00C00000"
    (rule,) = sheet.data_validations.dataValidation
    assert (rule.formula1, str(rule.sqref)) == ('"A,B"', "B2:B1001")
    assert sheet.freeze_panes == "A2"


def test_csv_in_pieces_is_the_same_csv():
    rows = [[f"KH{number}", Decimal("1.50"), None, 'a "b"\nc'] for number in range(1201)]
    out = io.StringIO(newline="")
    assert write_csv(out, list("abcd"), rows) == 1201
    assert b"".join(csv_chunks(list("abcd"), iter(rows))) == out.getvalue().encode()
    assert out.getvalue().startswith("\ufeffa,b,c,d\r\nKH0,1.50,,")


def test_writing_takes_constant_memory(tmp_path):
    tracemalloc.start()
    write_xlsx(tmp_path / "a.xlsx", list("abcde"), ([f"甲{n}", n, "x", None, 1] for n in range(3_000)))
    small = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    write_xlsx(tmp_path / "a.xlsx", list("abcde"), ([f"甲{n}", n, "x", None, 1] for n in range(12_000)))
    assert tracemalloc.get_traced_memory()[1] < small + 2_000_000
    tracemalloc.stop()
