"""Rows out of workbooks and text, as people made them."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest

from app.services.sheets import LARGE, SCREEN, Flagged, Flaw, Limits, Reason, Unreadable, read
from app.services.sheets.parsing import by_openpyxl
from app.services.sheets.reader import PARSERS, Kind

from .conftest import SHEET, SHEET_HEAD, shared


@pytest.fixture(params=["by_calamine", "by_openpyxl"])
def parser(request, monkeypatch):
    """Each of the two parsers alone."""
    monkeypatch.setitem(PARSERS, Kind.xlsx, (request.param,))
    return request.param


def rows_of(path, sheet=None, limits=SCREEN):
    with read(path, sheet, limits) as table:
        return [row.cells for row in table]


HEADS = ["编码", "名称", "金额"]


def test_cells_keep_their_type_and_their_exact_value(workbook, parser):
    moment = datetime.fromisoformat("2026-01-02T03:04:05")
    path = workbook([HEADS, ["001234", "甲", 4.1], [12, True, -0.5], [date(2026, 1, 2), moment, 1e14]])
    assert rows_of(path) == [
        ["001234", "甲", Decimal("4.1")],
        [12, True, Decimal("-0.5")],
        [date(2026, 1, 2), moment, 10**14],
    ]


def test_a_number_is_a_date_only_where_the_cell_is_formatted_so(workbook, parser):
    def change(sheet):
        sheet["B2"].number_format = 'yyyy"年"m"月"d"日"'
        sheet["C2"].number_format = "[Red]0.00"

    (cells,) = rows_of(workbook([HEADS, [41121, 41121, 41121]], change))
    assert cells[0] == 41121
    assert cells[1] == date(2012, 7, 31)
    assert cells[2] == 41121


def test_the_calendar_of_1904_is_honoured(tmp_path, parser):
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["日期", "甲"])
    book.active.append([date(2026, 1, 2), "乙"])
    book.save(tmp_path / "mac.xlsx")
    assert rows_of(tmp_path / "mac.xlsx")[0][0] == date(2026, 1, 2)


def test_what_is_no_value_is_flagged_never_blank(workbook, parser):
    path = workbook([HEADS, ["=1+1", "#REF!", 9.13707250509410e17], ["x", "y", "z" * 40_000]])
    first, second = rows_of(path)
    assert [cell.flaw for cell in first] == [Flaw.formula, Flaw.error, Flaw.damaged]
    assert first[0].text == "=1+1"
    assert first[1].text == "#REF!"
    assert "C3" in second[2].words("C3").zh if isinstance(second[2], Flagged) else len(second[2]) == 32_767
    assert "粘贴为数值" in first[0].words("A2").zh


def test_cells_covered_by_a_merged_area_are_flagged_with_where_their_value_stands(workbook, parser):
    path = workbook(
        [HEADS, ["甲", "1", 1], [None, "2", 2], ["乙", None, 3]], lambda s: s.merge_cells("A2:A3")
    )
    rows = rows_of(path)
    assert rows[1][0] == Flagged(Flaw.merged, "A2")
    assert rows[2] == ["乙", None, 3]


def test_a_merged_area_without_a_value_is_only_drawn(workbook, parser):
    path = workbook([HEADS, ["甲", None, 1], ["乙", None, 2]], lambda s: s.merge_cells("B2:B3"))
    assert rows_of(path) == [["甲", None, 1], ["乙", None, 2]]


def test_leading_blank_rows_and_columns_keep_everything_in_place(tmp_path, parser):
    book = openpyxl.Workbook()
    sheet = book.active
    for column, head in enumerate(HEADS):
        sheet.cell(4, 3 + column, head)
        sheet.cell(6, 3 + column, f"v{column}")
    book.save(tmp_path / "a.xlsx")
    with read(tmp_path / "a.xlsx") as table:
        assert [(cell.address, cell.text) for cell in table.head.cells] == [
            ("C4", "编码"),
            ("D4", "名称"),
            ("E4", "金额"),
        ]
        (row,) = table
    assert row == (6, [None, None, "v0", "v1", "v2"])


def test_the_head_is_found_below_a_title_and_joined_from_groups(workbook, parser):
    rows = [
        ["客户信息表", None, None, None, None],
        ["基本信息", None, "联系方式", None, "备注"],
        ["编码", "名称", "电话", "邮箱", None],
        ["KH1", "甲", "1", "a@b.c", None],
    ]

    def change(sheet):
        for area in ("A1:E1", "A2:B2", "C2:D2", "E2:E3"):
            sheet.merge_cells(area)

    with read(workbook(rows, change)) as table:
        assert table.head.texts == ["编码", "名称", "电话", "邮箱", "备注"]
        assert table.head.cells[2].group == "联系方式"
        assert [row.number for row in table] == [4]


def test_two_columns_of_one_name_are_refused_with_both_addresses(workbook):
    with (
        pytest.raises(Unreadable) as caught,
        read(workbook([["名称", "等级", "名称"], ["a", "b", "c"]])) as table,
    ):
        list(table)
    assert caught.value.reason is Reason.duplicate_head
    assert "A1" in caught.value.words.zh and "C1" in caught.value.words.zh


def test_hidden_sheets_are_left_aside_and_said(tmp_path, parser):
    book = openpyxl.Workbook()
    book.active.title = "旧数据"
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("客户")
    sheet.append(["名称", "手机"])
    sheet.append(["甲", "1"])
    book.save(tmp_path / "a.xlsx")
    with read(tmp_path / "a.xlsx") as table:
        assert (table.name, table.names, table.hidden) == ("客户", ["客户"], ["旧数据"])
        assert "旧数据" in table.notes[0].zh


def test_a_sheet_that_is_not_there_is_answered_with_those_that_are(workbook, parser):
    with pytest.raises(Unreadable) as caught:
        read(workbook([HEADS, ["a", "b", "c"]]), "联系人")
    assert caught.value.reason is Reason.no_such_sheet
    assert "客户" in caught.value.words.zh


def test_an_empty_sheet_and_one_of_numbers_have_no_head(workbook):
    with read(workbook([])) as table, pytest.raises(Unreadable) as caught:
        list(table)
    assert caught.value.reason is Reason.empty_sheet
    with read(workbook([[1, 2, 3], [4, 5, 6]])) as table, pytest.raises(Unreadable) as caught:
        list(table)
    assert caught.value.reason is Reason.no_head


def test_a_lying_dimension_kills_no_more_than_the_child(altered):
    data = (
        SHEET_HEAD + b'<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        b'<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    with read(altered({SHEET: data})) as table:
        assert [row.number for row in table.raw()] == [1, 1048576]


def test_a_cell_in_the_last_column_is_too_many_columns(altered):
    data = (
        SHEET_HEAD
        + b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    with pytest.raises(Unreadable) as caught, read(altered({SHEET: data})) as table:
        list(table.raw())
    assert caught.value.reason is Reason.too_many_columns
    assert "200" in caught.value.words.en


def test_too_many_rows_are_refused_by_count(altered):
    rows = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (i, i) for i in range(1, 200_000))
    with (
        pytest.raises(Unreadable) as caught,
        read(altered({SHEET: SHEET_HEAD + b"<sheetData>" + rows + b"</sheetData></worksheet>"})) as table,
    ):
        list(table.raw())
    assert caught.value.reason is Reason.too_many_rows
    assert "50,000" in caught.value.words.zh


def test_exactly_the_allowed_rows_pass_and_one_more_does_not(workbook):
    limits = Limits(**{**{name: getattr(SCREEN, name) for name in SCREEN.__slots__}, "rows": 10})
    assert len(rows_of(workbook([HEADS] + [["a", "b", i] for i in range(10)]), limits=limits)) == 10
    with pytest.raises(Unreadable):
        rows_of(workbook([HEADS] + [["a", "b", i] for i in range(11)]), limits=limits)


def test_control_characters_written_as_escapes_arrive_as_such(altered, parser):
    cell = b'<row r="1"><c r="A1" t="inlineStr"><is><t>a_x0000_b</t></is></c></row>'
    with read(altered({SHEET: SHEET_HEAD + b"<sheetData>" + cell + b"</sheetData></worksheet>"})) as table:
        assert [row.cells for row in table.raw()] == [["a\0b"]]


def test_a_parser_that_does_not_end_is_killed_and_answered(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    monkeypatch.setattr("app.services.sheets.reader.START", "import time; time.sleep(60) # {module}")
    began = time.monotonic()
    with pytest.raises(Unreadable) as caught:
        read(path, limits=Limits(10**6, 10, 10, 10**6, 10**9, seconds=1, seconds_per_100k=0))
    assert caught.value.reason is Reason.too_slow
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("crime", "reason"),
    [
        ("import os; os.abort()", Reason.too_much_memory),
        ("import os; os._exit(3)", Reason.damaged),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Reason.damaged),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", Reason.too_slow),
        ("import os; os.write(1, bytes([255]) * 50)", Reason.damaged),
    ],
)
def test_a_parser_that_dies_is_an_answer_too(tmp_path, monkeypatch, crime, reason):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    monkeypatch.setattr("app.services.sheets.reader.START", crime + " # {module}")
    with pytest.raises(Unreadable) as caught:
        read(path)
    assert caught.value.reason is reason


def test_the_child_is_held_to_its_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    monkeypatch.setattr(
        "app.services.sheets.reader.START",
        "import sys; sys.path.insert(0, sys.argv[1]); from parsing import wire # {module}\n"
        "def parse(order):\n    yield 1, ['x' * (10 ** 9)]\nwire.run(parse)",
    )
    with pytest.raises(Unreadable) as caught:
        read(path)
    assert caught.value.reason is Reason.too_much_memory
    assert "512" in caught.value.words.zh


def test_the_child_loads_nothing_of_the_application(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from parsing import by_csv, by_calamine, by_openpyxl;"
        "print([name for name in sys.modules if name.startswith(('app', 'flask', 'sqlalchemy', 'psycopg'))])"
    )
    folder = str((__import__("pathlib").Path(by_openpyxl.__file__)).parents[1])
    out = subprocess.run(
        [sys.executable, "-I", "-c", code, folder], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_leaving_a_sheet_half_read_leaves_no_process(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 40_000)
    with read(path) as table:
        rows = iter(table)
        next(rows)
        process = table._child.process
        assert process.poll() is None
    assert process.returncode is not None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_text_is_read_in_its_own_encoding_and_separator(tmp_path, encoding, separator):
    lines = [["编码", "名称", "备注"], ["001", "甲，公司", 'say "hi"'], ["002", "乙\n公司", "a,b;c"]]
    text = "\r\n".join(separator.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert rows_of(path) == lines[1:]


def test_a_first_line_naming_the_separator_is_no_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\na;b,c\n1;2,3\n")
    with read(path) as table:
        assert table.head.texts == ["a", "b,c"]
        assert [row.cells for row in table] == [["1", "2,3"]]


@pytest.mark.parametrize("name", ["first_100k_lines/orders.xlsx"])
def test_both_parsers_read_the_same_from_a_real_workbook(name, monkeypatch):
    path = shared(f"transactions/{name}")
    seen = []
    for module in ("by_calamine", "by_openpyxl"):
        monkeypatch.setitem(PARSERS, Kind.xlsx, (module,))
        with read(path, limits=LARGE) as table:
            seen.append([row for row, _ in zip(table, range(5_000), strict=False)])
    assert seen[0] == seen[1]
