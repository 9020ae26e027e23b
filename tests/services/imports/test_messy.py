"""The messy workbook: 24 kinds of faults, each row with the verdict a careful person would give."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import Customer, ImportRow, Lookup
from app.services import access, imports, packs, sheets

from .conftest import bring_in, reasons, shared


@pytest.fixture
def base_pack(in_app):
    with access.acting(access.SYSTEM), transaction():
        packs.load("base")


def verdicts(run: int) -> dict[int, str]:
    """Row → accept, reject or duplicate_of:row, as the key of the workbook writes it."""
    found = {}
    statement = select(ImportRow.row_no, ImportRow.verdict, ImportRow.reasons).where(
        ImportRow.import_run_id == run
    )
    for number, verdict, told in db.session.execute(statement):
        if verdict != "refused":
            found[number] = "accept"
        elif twice := [reason["zh"] for reason in told if "行重复" in reason["zh"]]:
            found[number] = "duplicate_of:" + twice[0].split("第 ")[1].split(" 行")[0]
        else:
            found[number] = "reject"
    return found


def test_every_row_gets_the_verdict_of_the_key(base_pack, keeper):
    key = json.loads(shared("zh/messy_key.json").read_text("utf-8"))
    run, _counts = bring_in("customer", shared("zh/customers_zh_messy.xlsx"))
    found = verdicts(run)
    wrong = [
        (e["row"], e["fault"], e["verdict"], found.get(e["row"]))
        for e in key["key"]
        if found.get(e["row"]) != e["verdict"]
    ]
    assert wrong == [], Counter((fault, wanted, got) for _row, fault, wanted, got in wrong)
    assert Counter(verdict.split(":")[0] for verdict in found.values()) == Counter(
        {"accept": 398, "reject": 202, "duplicate_of": 39}
    )
    for entry in key["key"]:
        if entry["verdict"] != "accept":
            continue
        canon = entry["canonical"]
        customer = db.session.scalars(select(Customer).where(Customer.code == canon["客户编码"])).one()
        region = db.session.get(Lookup, customer.region_id)
        assert (customer.name, customer.credit_code, region.name_zh, str(customer.established_on)) == (
            canon["客户名称"],
            canon["统一社会信用代码"],
            canon["省"],
            canon["成立日期"],
        ), entry


def test_the_refused_rows_come_back_in_their_owners_columns_with_the_reasons(base_pack, keeper, tmp_path):
    path = shared("zh/customers_zh_messy.xlsx")
    run, counts = bring_in("customer", path)
    target = tmp_path / "refused.xlsx"
    assert imports.write_refused(run, target) == counts.refused == 241
    with sheets.read(path) as original, sheets.read(target) as given:
        assert given.head.texts == [*original.head.texts, "原行号", "未导入的原因"]
        rows = list(given)
    told = reasons(run)
    assert [row.cells[-2] for row in rows] == sorted(told)
    assert all(row.cells[-1] for row in rows)
    future = next(row for row in rows if row.cells[-2] == 17)
    assert future.cells[-1] == "I17 成立日期 2099-01-01 晚于今天。"
    formula = next(row for row in rows if row.cells[-2] == 3)
    assert formula.cells[1].startswith("'=HYPERLINK")
    assert "粘贴为数值" in formula.cells[-1]
