"""The test workbooks of Apache POI: bombs, fuzzed, broken, encrypted. Each is answered in words and in time.

That a parser keeps within its memory is the operating system's doing: see `test_the_child_is_held_to_its_memory`.
"""

from __future__ import annotations

import csv
import time
from collections import Counter

import pytest

from app.services.sheets import Flagged, Flaw, Reason, Unreadable, read

from .conftest import DATA, shared

SECONDS = 20
NAMED = """
123233_charts.xlsx 12561-1.xls 12843-1.xls 1900DateWindowing.xls 1904DateWindowing.xls 25183.xls 34775.xls
44593.xls 45540_classic_Footer.xlsx 46535.xlsx 47737.xlsx 48936-strings.txt 48968.xls 49156.xlsx 50795.xlsx
50833.xls 51832.xls 52716.xlsx 53734.xlsx 54084%20-%20Greek%20-%20beyond%20BMP.xlsx 54764-2.xlsx 56278.xlsx
56450.xls 57181.xlsm 57893-many-merges.xlsx 58325_db.xlsx 59746_NoRowNums.xlsx 59858.xls 60284.xls 60512.xlsm
62629_target.xlsm 63934.xlsx 64130.xls Booleans.xlsx BrNotClosed.xlsx DBCSSheetName.xls ErrPtg.xls
Excel_file_with_trash_item.xlsx FormulaEvalTestData.xls InlineStrings.xlsx SampleSS.ods SampleSS.strict.xlsx
SampleSS.xlsx StringContinueRecords.xls TwoSheetsOneHidden.xlsx WORKBOOK_in_capitals.xls WithChartSheet.xlsx
WithTextBox.xlsb bug62181.xlsx clusterfuzz-testcase-minimized-POIHSSFFuzzer-4657005060816896.xls
clusterfuzz-testcase-minimized-POIHSSFFuzzer-5436547081830400.xls
clusterfuzz-testcase-minimized-POIXSSFFuzzer-5089447305609216.xlsx
clusterfuzz-testcase-minimized-POIXSSFFuzzer-5265527465181184.xlsx
clusterfuzz-testcase-minimized-XLSX2CSVFuzzer-6594557414080512.xlsx duplicate-filename.xlsx florida_data.ashx.xls
poc-shared-strings.xlsx sample-beta.xlsx shared_formulas.xlsx testEXCEL_3.xls xlsx-corrupted.xlsx xxe_in_schema.xlsx
""".split()  # noqa: SIM905 - names read better than a page of quotes


def is_value(cell) -> bool:
    return cell is not None and not (isinstance(cell, Flagged) and cell.flaw is Flaw.merged)


def answer(path, *, every_sheet=True) -> Reason | int:
    """How many cells the file holds, or why it is refused; anything else raised fails the test."""
    try:
        with read(path) as sheet:
            names = [name for name in sheet.names + sheet.hidden if name != sheet.name]
            cells = sum(is_value(cell) for row in sheet.raw() for cell in row.cells)
        for name in names if every_sheet else ():
            with read(path, name) as sheet:
                cells += sum(is_value(cell) for row in sheet.raw() for cell in row.cells)
    except Unreadable as error:
        return error.reason
    return cells


@pytest.mark.parametrize("name", NAMED)
def test_the_named_file_is_answered(name):
    began = time.monotonic()
    answer(shared(f"sheets/poi/{name.replace('%20', ' ')}"), every_sheet=False)
    assert time.monotonic() - began < SECONDS


def test_dates_of_both_calendars_are_told_apart():
    with (
        read(shared("sheets/poi/1904DateWindowing.xls")) as mac,
        read(shared("sheets/poi/1900DateWindowing.xls")) as win,
    ):
        assert [row.cells for row in mac.raw()] == [row.cells for row in win.raw()]


def test_formulas_of_an_old_workbook_are_flagged():
    with read(shared("sheets/poi/FormulaEvalTestData.xls")) as sheet:
        flaws = Counter(cell.flaw for row in sheet.raw() for cell in row.cells if isinstance(cell, Flagged))
    assert flaws[Flaw.formula] > 500


@pytest.mark.long
def test_every_file_is_answered_and_the_readable_are_parsed_whole():
    verdicts: Counter[str] = Counter()
    readable = whole = 0
    slowest = 0.0
    others = []
    index = shared("sheets/poi_index.csv").read_text("utf-8").splitlines()
    for row in csv.DictReader(index):
        began = time.monotonic()
        found = answer(DATA / "sheets" / "poi" / row["file"])
        slowest = max(slowest, time.monotonic() - began)
        verdicts["parsed" if isinstance(found, int) else found] += 1
        if row["openpyxl_ok"] == "True" and row["file"].endswith(("x", "m")):
            readable += 1
            parsed = isinstance(found, int) and found >= min(
                int(row["openpyxl_cells"]), int(row["calamine_cells"] or 0)
            )
            whole += parsed
            if not parsed:
                others.append((row["file"], found))
    print(f"\n{sum(verdicts.values())} files: {dict(verdicts)}; slowest {slowest:.1f} s")
    print(f"readable xlsx parsed whole: {whole} of {readable}; others {others}")
    assert slowest < SECONDS
    assert whole >= 0.9 * readable
