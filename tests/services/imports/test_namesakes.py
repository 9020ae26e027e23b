"""Rows called as a record is: told, and taken for it or left out as the person asks (B-33)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import Customer, ImportAlike, ImportMode, ImportRun, Verdict
from app.services import imports, records
from app.services.imports import preview
from app.workflows import importing

from .conftest import bring_in, order, reasons

HEADS = ["客户名称", "统一社会信用代码", "联系地址", "备注"]
CODE, OTHER_CODE = "91330106MA2CDEM10G", "91330106MA2CDEM20H"
THERE = ["云渚康林农资有限公司", CODE, "旧路 1 号", None]
LIKE = ["云渚市康林农资", None, "新路 2 号", "来自展会"]


@pytest.fixture(autouse=True)
def there(keeper, sheet):
    """A customer who is there, brought in before."""
    bring_in("customer", sheet(HEADS, THERE, name="first.xlsx"), mode=ImportMode.create)


def customers() -> dict[str, Customer]:
    return {row.name: row for row in db.session.scalars(select(Customer))}


def run_of(number: int) -> ImportRun:
    run = db.session.get(ImportRun, number)
    assert run is not None
    return run


def judged(path: Path) -> ImportRun:
    return run_of(imports.stage(order("customer", path)))


def test_such_a_row_is_told_and_created_all_the_same(sheet):
    found = judged(sheet(HEADS, LIKE, ["霁城泰木商行", None, None, None]))
    assert (found.rows_created, found.rows_refused, found.mapping["alike"]) == (2, 0, 1)
    first, second = preview.lines(found, Verdict.new)
    assert "云渚康林农资有限公司" in first.alike
    assert second.alike == ""
    assert [line.number for line in preview.lines(found, Verdict.new, alike=True)] == [first.number]
    assert importing.write(found.id).created == 2
    assert len(customers()) == 3


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["康林农资有限公司", None, None, None], False),
        (["云渚康林农资（集团）有限公司", None, None, None], True),
        (["云渚康林农资", OTHER_CODE, None, None], False),
        (["云渚康林农资有限责任公司", None, None, None], True),
    ],
)
def test_who_has_another_credit_code_or_another_name_is_somebody_else(sheet, row, told):
    run = judged(sheet(HEADS, row))
    assert run.mapping["alike"] == told


def test_left_out_it_says_who_it_is_like(sheet):
    run, counts = bring_in("customer", sheet(HEADS, LIKE), alike=ImportAlike.refuse)
    assert (counts.created, counts.refused) == (0, 1)
    (reason,) = reasons(run)[2]
    assert (
        reason["head"] == "客户名称" and "云渚康林农资有限公司" in reason["zh"] and "照样新建" in reason["zh"]
    )


def test_its_blanks_are_filled_and_nothing_else_is_touched(sheet):
    _run, counts = bring_in("customer", sheet(HEADS, LIKE), alike=ImportAlike.fill)
    assert (counts.created, counts.updated) == (0, 1)
    (one,) = customers().values()
    assert (one.name, one.address, one.remark) == (THERE[0], "旧路 1 号", "来自展会")


def test_the_values_of_the_file_are_taken_and_can_be_taken_back(sheet):
    run, counts = bring_in("customer", sheet(HEADS, LIKE), alike=ImportAlike.overwrite)
    assert counts.updated == 1
    (one,) = customers().values()
    assert (one.name, one.address, one.credit_code) == (LIKE[0], "新路 2 号", CODE)
    imports.undo(run)
    db.session.expire_all()
    (one,) = customers().values()
    assert (one.name, one.address, one.remark) == (THERE[0], "旧路 1 号", None)


def test_of_two_rows_for_one_record_the_first_alone_is_written(sheet):
    rows = [LIKE, ["云渚康林农资有限责任公司", None, "另一条路", None], [THERE[0], CODE, "第三条路", None]]
    _run, counts = bring_in("customer", sheet(HEADS, *rows), alike=ImportAlike.overwrite)
    assert (counts.created, counts.updated, counts.refused) == (0, 1, 2)
    (one,) = customers().values()
    assert one.address == "新路 2 号"


def test_two_rows_of_one_file_that_are_called_alike_are_told(sheet):
    rows = [["霁城泰木商行", None, None, None], ["霁城泰木有限公司", None, None, None]]
    run = judged(sheet(HEADS, *rows))
    assert [line.alike for line in preview.lines(run, Verdict.new)] == ["", "名称与第 2 行相近。"]
    run, counts = bring_in("customer", sheet(HEADS, *rows), alike=ImportAlike.fill)
    assert (counts.created, counts.refused) == (1, 1)


def test_a_record_one_may_not_see_is_not_named_and_not_written(people, acting_as, sheet):
    with acting_as(people.dora):
        path = sheet(HEADS, LIKE)
        run = judged(path)
        (line,) = preview.lines(run, Verdict.new)
        assert "云渚***" in line.alike and "康林" not in line.alike
        run, counts = bring_in("customer", path, alike=ImportAlike.overwrite)
        assert (counts.updated, counts.refused) == (0, 1)


def test_what_lies_in_the_bin_is_nobody(sheet):
    with transaction():
        (one,) = customers().values()
        records.remove(one)
    run = judged(sheet(HEADS, LIKE))
    assert run.mapping["alike"] == 0


def test_a_file_that_may_only_create_changes_nobody(sheet):
    _run, counts = bring_in(
        "customer", sheet(HEADS, LIKE), mode=ImportMode.create, alike=ImportAlike.overwrite
    )
    assert (counts.updated, counts.refused) == (0, 1)
