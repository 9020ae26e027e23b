"""What an import does with rows, rights, keys and mappings."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from app.errors import BadInput, NotAllowed, NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    AuditLog,
    Contact,
    Customer,
    ImportMode,
    ImportRow,
    ImportRun,
    Product,
    SalesDocument,
    TradeLine,
)
from app.services import access, imports, jobs, records, sheets
from app.services.imports import applying
from app.workflows import importing

from .conftest import bring_in, order, reasons

HEADS = ["客户编码", "客户名称", "统一社会信用代码", "成立日期", "联系电话"]


def customer(code: str) -> Customer:
    return db.session.scalars(select(Customer).where(Customer.code == code)).one()


def test_new_changed_and_same_rows_are_told_apart(keeper, sheet):
    first = sheet(
        HEADS, ["K1", "甲公司", None, "2001-02-03", "021-5555 0100"], ["K2", "乙公司", None, None, None]
    )
    assert bring_in("customer", first)[1] == imports.Counts(2, created=2)
    second = sheet(
        HEADS,
        ["K1", "甲公司", None, "2001/2/3", "02155550100"],
        ["K2", "乙丙公司", None, None, None],
        ["K3", "丁", None, None, None],
    )
    run, counts = bring_in("customer", second)
    assert counts == imports.Counts(3, created=1, updated=1, unchanged=1)
    assert customer("K2").name == "乙丙公司"
    assert customer("K1").established_on == date(2001, 2, 3)
    row = db.session.scalar(select(ImportRow).where(ImportRow.import_run_id == run, ImportRow.row_no == 3))
    assert row.object_id == customer("K2").id
    assert row.before is not None


def test_opening_data_starts_active_with_its_code_and_is_told_once(keeper, sheet):
    run, _counts = bring_in("customer", sheet(HEADS, ["K1", "甲公司", None, None, None]))
    found = customer("K1")
    assert (found.status, found.owner_id, found.org_unit_id) == (
        "active",
        keeper.employee_id,
        keeper.org_unit_id,
    )
    lines = db.session.scalars(select(AuditLog).where(AuditLog.object_type == "customer")).all()
    assert [line.act for line in lines] == ["bring_in"]
    assert lines[0].reason == "opening data"
    assert lines[0].changes["import_run"] == run


def test_without_the_right_to_opening_data_rows_start_as_prospects_without_a_code(people, acting_as, sheet):
    with acting_as(people.dora):
        _run, counts = bring_in("customer", sheet(HEADS, ["K1", "甲公司", None, None, None]))
        found = db.session.scalars(select(Customer)).one()
    assert counts.created == 1
    assert (found.status, found.code, found.owner_id) == ("prospect", None, people.dora.employee_id)


def test_who_may_not_import_is_refused_before_the_file_is_read(people, acting_as, tmp_path):
    with acting_as(people.alice), pytest.raises(NotAllowed):
        imports.stage(order("customer", tmp_path / "none.xlsx"))


def test_a_record_outside_ones_reach_is_not_written_and_not_shown(people, acting_as, keeper, sheet):
    path = sheet(HEADS, ["K1", "甲公司", None, None, None])
    bring_in("customer", path)
    with acting_as(people.dora):
        run, counts = bring_in("customer", path)
        assert counts.refused == 1
        assert "无权查看" in reasons(run)[2][0]["zh"]


def test_every_problem_of_a_row_is_told_with_its_cell(keeper, sheet):
    run, counts = bring_in(
        "customer",
        sheet(
            HEADS,
            ["K1", None, "91340100MA2MQ03D3B", "2023-02-30", "abc"],
            ["K2", "x" * 300, "9.13E+17", "昨天", None],
        ),
    )
    assert counts == imports.Counts(2, refused=2)
    told = reasons(run)
    assert [reason["cell"] for reason in told[2]] == ["C2", "D2", "E2", "B2"]
    assert "日历上没有" in told[2][1]["zh"]
    assert "There is no day" in told[2][1]["en"]
    assert "科学计数法" in told[3][1]["zh"]


def test_a_key_may_stand_once_in_a_file_and_the_first_good_row_keeps_it(keeper, sheet):
    code = "91370725050941028J"
    run, counts = bring_in(
        "customer",
        sheet(
            HEADS,
            ["K1", None, None, None, None],
            ["K1", "甲公司", code, None, None],
            ["K1", "甲公司", None, None, None],
            ["K2", "乙公司", code, None, None],
        ),
    )
    assert counts == imports.Counts(4, created=1, refused=3)
    told = reasons(run)
    assert "第 3 行重复" in told[4][0]["zh"]
    assert told[5][0]["cell"] == "C5"


def test_a_unique_value_of_another_record_is_refused_with_its_name(keeper, sheet):
    code = "91370725050941028J"
    bring_in("customer", sheet(HEADS, ["K1", "甲公司", code, None, None]))
    run, counts = bring_in("customer", sheet(HEADS, ["K2", "乙公司", code, None, None]))
    assert counts.refused == 1
    assert "甲公司" in reasons(run)[2][0]["zh"]


def test_modes_keep_to_what_they_say(keeper, sheet):
    path = sheet(["客户编码", "客户名称"], ["K1", "甲公司"])
    run, counts = bring_in("customer", path, mode=ImportMode.update)
    assert counts.refused == 1
    bring_in("customer", path)
    run, counts = bring_in(
        "customer", sheet(["客户编码", "客户名称"], ["K1", "甲"], ["K2", "乙"]), mode=ImportMode.create
    )
    assert counts == imports.Counts(2, created=1, refused=1)
    assert "只新增" in reasons(run)[2][0]["zh"]
    assert customer("K1").name == "甲公司"


def test_a_blank_cell_changes_nothing(keeper, sheet):
    bring_in("customer", sheet(HEADS, ["K1", "甲公司", None, "2001-02-03", None]))
    _run, counts = bring_in("customer", sheet(HEADS, ["K1", None, None, None, None]))
    assert counts == imports.Counts(1, unchanged=1)
    assert customer("K1").name == "甲公司"


def test_columns_go_where_the_mapping_file_says_and_the_rest_is_told(keeper, sheet):
    path = sheet(["甲列", "乙列", "丙列", "电话"], ["K1", "甲公司", "大户", "02155550100"])
    with pytest.raises(BadInput) as caught:
        imports.stage(order("customer", path))
    assert "客户名称" in caught.value.words.zh
    wish = imports.Wish.parse(
        {
            "columns": {"甲列": "code", "乙列": "客户名称", "丙列": "party_type", "电话": None},
            "words": {"party_type": {"大户": "farm"}},
        }
    )
    run, counts = bring_in("customer", path, wish=wish)
    assert counts.created == 1, reasons(run)
    assert (customer("K1").party_type, customer("K1").phone) == ("farm", None)
    assert "电话" in imports.notes_of(run)[0].zh


@pytest.mark.parametrize("columns", [{"不存在": "name"}, {"客户名称": "nonsense"}, {"客户名称": "status"}])
def test_a_mapping_to_nowhere_is_refused_in_words(keeper, sheet, columns):
    with pytest.raises(BadInput):
        imports.stage(order("customer", sheet(HEADS, ["K1"]), wish=imports.Wish.parse(columns)))


def test_a_status_is_in_no_file(keeper):
    for name in imports.importable():
        assert imports.resource(name).target("status") is None


def test_there_is_no_import_of_what_is_no_business_record(keeper):
    for name in ("audit_log", "import_run", "trade_line", "nonsense"):
        with pytest.raises(NotFound):
            imports.resource(name)


def test_related_records_are_found_by_code_and_by_name(keeper, sheet):
    bring_in(
        "customer",
        sheet(
            HEADS,
            ["K1", "甲公司", None, None, None],
            ["K2", "同名", None, None, None],
            ["K3", "同名", None, None, None],
        ),
    )
    run, counts = bring_in(
        "contact",
        sheet(
            ["客户", "姓名", "手机", "首要联系人"],
            ["K1", "张三", "13800000001", "是"],
            ["甲公司", "李四", None, "否"],
            ["同名", "王五", None, None],
            ["没有", "赵六", None, None],
        ),
    )
    assert counts == imports.Counts(4, created=2, refused=2)
    told = reasons(run)
    assert "2 条" in told[4][0]["zh"]
    assert "找不到" in told[5][0]["zh"]
    assert [found.name for found in db.session.scalars(select(Contact).order_by(Contact.id))] == [
        "张三",
        "李四",
    ]


def test_sealed_cells_stand_nowhere_in_plain(keeper, sheet):
    bring_in(
        "customer",
        sheet(HEADS, ["K1", "甲公司", None, None, "13812345678"], ["K2", None, None, None, "13812345679"]),
    )
    dump = db.session.execute(text('SELECT cells, "values", reasons, "before" FROM import_row')).all()
    assert len(dump) == 2
    assert "1381234567" not in repr(dump)
    found = customer("K1")
    assert Customer.__dict__["phone"].unseal(found) == "13812345678"


ORDER_HEADS = ["订单编号", "客户编码", "产品编码", "数量", "单价", "金额", "下单时间", "单据类型"]


def some_orders(sheet):
    for resource, heads, row in (
        ("customer", ["客户编码", "客户名称"], ["K1", "甲公司"]),
        ("product", ["产品编码", "产品名称"], ["p1", "种子"]),
        ("product", ["产品编码", "产品名称"], ["P1", "化肥"]),
    ):
        assert bring_in(resource, sheet(heads, row))[1].created == 1


def test_lines_are_gathered_into_their_documents_and_keep_exact_duplicates(keeper, sheet):
    some_orders(sheet)
    line = ["S1", "K1", "P1", 3, 1.335, 4.005, "2024-05-06 07:08", "销售"]
    path = sheet(ORDER_HEADS, line, line, ["S2", None, "p1", 2, 10, None, "2024-05-07", "退货"])
    run, counts = bring_in("order", path)
    assert counts == imports.Counts(3, created=3), reasons(run)
    document = db.session.scalars(select(SalesDocument).where(SalesDocument.no == "S1")).one()
    assert (document.total, document.status, document.kind) == (Decimal("8.01"), "confirmed", "order")
    lines = db.session.scalars(select(TradeLine).order_by(TradeLine.id)).all()
    assert [(found.line_no, found.qty, found.amount) for found in lines] == [
        (1, Decimal(3), Decimal("4.005")),
        (2, Decimal(3), Decimal("4.005")),
        (1, Decimal(-2), Decimal(-20)),
    ]
    assert {found.customer_id for found in lines[:2]} == {document.customer_id}
    assert lines[0].moment == document.ordered_at
    assert lines[2].customer_id is None
    assert lines[0].product_id != lines[2].product_id
    assert bring_in("order", path)[1] == imports.Counts(3, unchanged=3)


def test_a_bad_line_keeps_its_whole_document_out_and_the_others_go_in(keeper, sheet):
    some_orders(sheet)
    good = ["2024-05-06", "销售"]
    run, counts = bring_in(
        "order",
        sheet(
            ORDER_HEADS,
            ["S1", "K1", "P1", 1, 2, 2, *good],
            ["S2", "K1", "P1", 1, 2, 2, *good],
            ["S1", "K1", "none", 1, 2, 2, *good],
            ["S1", "K1", "P1", 1, 2, 2, *good],
            ["S3", "K1", "P1", 1, 2, 5, *good],
        ),
    )
    assert counts == imports.Counts(5, created=1, refused=4)
    told = reasons(run)
    assert sorted(told) == [2, 4, 5, 6]
    assert "第 4 行未通过" in told[2][0]["zh"]
    assert "数量 × 单价" in told[6][0]["zh"]
    assert db.session.scalars(select(SalesDocument.no)).all() == ["S2"]


def test_a_dry_run_says_the_same_and_writes_nothing(keeper, sheet, tmp_path):
    path = sheet(HEADS, ["K1", "甲公司", None, None, None], ["K2", None, None, None, None])
    refused = []
    counts, opened = imports.dry_run(order("customer", path), lambda row, _plan: refused.append(row))
    assert counts == imports.Counts(2, created=1, refused=1)
    assert imports.write_checked(refused, opened.plan, tmp_path / "out.xlsx") == 1
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 0
    assert db.session.scalar(select(func.count()).select_from(ImportRun)) == 0


def test_a_file_refused_as_a_whole_leaves_a_run_that_says_why(keeper, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"no workbook")
    with pytest.raises(sheets.Unreadable):
        imports.stage(order("customer", path))
    run = db.session.scalars(select(ImportRun)).one()
    assert (run.status, run.problem["code"]) == ("refused", "not_a_workbook")


def test_what_was_taken_between_check_and_writing_is_refused_alone(keeper, sheet):
    run = imports.stage(
        order("customer", sheet(HEADS, ["K1", "甲", None, None, None], ["K2", "乙", None, None, None]))
    )
    bring_in("customer", sheet(HEADS, ["K1", "先到", None, None, None], ["K9", "丙", None, None, None]))
    counts = importing.write(run)
    assert counts == imports.Counts(2, created=1, refused=1)
    assert "客户代码已存在" in reasons(run)[2][0]["zh"]
    assert customer("K2").name == "乙"


def test_a_large_run_is_written_in_chunks_and_goes_on_where_it_was_cut_off(keeper, sheet, monkeypatch):
    monkeypatch.setattr(applying, "AT_ONCE", 10)
    monkeypatch.setattr(applying, "CHUNK", 4)
    run = imports.stage(
        order("customer", sheet(HEADS, *[[f"K{n}", f"甲{n}", None, None, None] for n in range(22)]))
    )
    seen = []

    def cut(done, total):
        seen.append((done, total))
        if done == 12:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        importing.write(run, progress=cut)
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 8
    assert importing.write(run) == imports.Counts(22, created=22)
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 22
    with pytest.raises(WrongState):
        importing.write(run)


@pytest.mark.parametrize("most", [5, 100])
def test_rows_that_wait_far_apart_are_all_written_and_the_refused_ones_keep_their_order(
    keeper, sheet, monkeypatch, most
):
    """In pieces of three rows, some without one that waits; and all at once."""
    monkeypatch.setattr(applying, "AT_ONCE", most)
    monkeypatch.setattr(applying, "CHUNK", 3)
    good = {2, 3, 11, 12, 13, 14, 27, 31}
    lines = [[f"K{n}", f"甲{n}" if n in good else None, None, None, None] for n in range(2, 33)]
    run = imports.stage(order("customer", sheet(HEADS, *lines)))
    refused = [n for n in range(2, 33) if n not in good]
    assert [row.row_no for row in imports.refused_rows(run)] == refused
    assert [row.row_no for row in imports.refused_rows(run, most=4)] == refused[:4]
    done = []
    counts = importing.write(run, progress=lambda count, _total: done.append(count))
    assert counts == imports.Counts(31, created=8, refused=23)
    assert set(db.session.scalars(select(Customer.code))) == {f"K{n}" for n in good}
    assert len(done) == (1 if most == 100 else 10)
    assert imports.undo(run) == 8
    assert list(db.session.scalars(select(Customer.code))) == []


def test_a_run_is_written_by_a_job_with_the_rights_of_who_asked(keeper, sheet):
    run = imports.stage(order("customer", sheet(HEADS, ["K1", "甲公司", None, None, None])))
    job = importing.enqueue(run)
    with access.acting(access.SYSTEM):
        assert jobs.drain() == 1
    assert customer("K1").owner_id == keeper.employee_id
    assert db.session.scalars(select(ImportRun)).one().rows_created == 1
    assert importing.enqueue(run) == job


def test_somebody_elses_run_is_not_found(keeper, people, acting_as, sheet):
    run = imports.stage(order("customer", sheet(HEADS, ["K1", "甲公司", None, None, None])))
    with acting_as(people.dora), pytest.raises(NotFound):
        imports.apply(run)


def test_the_template_carries_every_field_and_reads_back_as_itself(keeper, tmp_path):
    for name in ("customer", "contact", "product", "order"):
        path = tmp_path / f"{name}.xlsx"
        imports.write_template(name, path)
        with sheets.read(path) as table:
            heads = table.head.texts
        labels = {str(target.label) for target in imports.resource(name).targets}
        assert set(heads) == labels


@pytest.mark.parametrize(
    "written", ["2026-01-02", "2026/1/2", "2026.1.2", "2026年1月2日", "20260102", 20260102, 46024]
)
def test_a_day_is_read_in_the_spellings_people_use(keeper, sheet, written):
    _run, counts = bring_in("customer", sheet(HEADS, ["K1", "甲", None, "2025-01-01", None]))
    run, counts = bring_in("customer", sheet(HEADS, ["K1", "甲", None, written, None]))
    assert counts.updated + counts.refused == 1
    if counts.updated:
        assert customer("K1").established_on == date(2026, 1, 2)
    else:
        assert "晚于今天" in reasons(run)[2][0]["zh"]


def test_money_is_read_in_the_spellings_people_use(keeper, sheet):
    path = sheet(
        ["产品编码", "产品名称", "标价"],
        ["a", "a", "1,234.50"],
        ["b", "b", "3万"],
        ["c", "c", "￥12"],
        ["d", "d", 0.1],
        ["e", "e", "十元"],
    )
    _run, counts = bring_in("product", path)
    assert counts == imports.Counts(5, created=4, refused=1)
    prices = dict(db.session.execute(select(Product.code, Product.list_price)).all())
    assert prices == {"a": Decimal("1234.5"), "b": Decimal(30000), "c": Decimal(12), "d": Decimal("0.1")}


def test_an_import_is_taken_back_whole(keeper, sheet):
    bring_in("customer", sheet(HEADS, ["K1", "甲公司", None, "2001-02-03", "02155550100"]))
    run, counts = bring_in(
        "customer",
        sheet(HEADS, ["K1", "乙公司", None, "2002-02-03", "02155550101"], ["K2", "丙", None, None, None]),
    )
    assert (counts.updated, counts.created) == (1, 1)
    assert imports.undo(run) == 2
    found = customer("K1")
    assert (found.name, found.established_on) == ("甲公司", date(2001, 2, 3))
    assert Customer.__dict__["phone"].unseal(found) == "02155550100"
    assert db.session.scalars(select(Customer.code)).all() == ["K1"]
    assert db.session.get(ImportRun, run).status == "undone"
    with pytest.raises(WrongState):
        imports.undo(run)
    assert bring_in("customer", sheet(HEADS, ["K2", "丙", None, None, None]))[1].created == 1


def test_orders_are_taken_back_with_their_lines(keeper, sheet):
    some_orders(sheet)
    run, _counts = bring_in("order", sheet(ORDER_HEADS, ["S1", "K1", "P1", 1, 2, 2, "2024-05-06", "销售"]))
    assert imports.undo(run) == 1
    assert db.session.scalar(select(func.count()).select_from(TradeLine)) == 0
    assert db.session.scalar(select(func.count()).select_from(SalesDocument)) == 0


def test_an_import_somebody_went_on_with_is_not_taken_back(keeper, sheet):
    run, _counts = bring_in(
        "customer", sheet(HEADS, ["K1", "甲公司", None, None, None], ["K2", "乙", None, None, None])
    )
    with transaction():
        records.change(customer("K1"), {"remark": "seen"}, None)
    with pytest.raises(Refusal) as caught:
        imports.undo(run)
    assert "1 条记录" in caught.value.words.zh
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 2


def test_a_customer_with_contacts_keeps_the_import_that_made_it(keeper, sheet):
    run, _counts = bring_in("customer", sheet(HEADS, ["K1", "甲公司", None, None, None]))
    bring_in("contact", sheet(["客户编码", "姓名"], ["K1", "张三"]))
    with pytest.raises(Refusal):
        imports.undo(run)
    assert customer("K1").name == "甲公司"


def test_the_command_line_counts_rejects_and_ends_with_three(guanhu, hire, sheet, tmp_path):
    hire("Ines", "info_keeper", unit="office")
    path = sheet(HEADS, ["K1", "甲公司", None, None, None], ["K2", None, None, None, None])
    rejects = tmp_path / "rejects.xlsx"
    ran = guanhu("import", "customer", str(path), "--rejects", str(rejects), "--json", "--as", "ines")
    assert ran.returncode == 3, ran.stderr
    assert json.loads(ran.stdout)[0] == {
        "resource": "customer",
        "rows": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    with sheets.read(rejects) as table:
        assert len(list(table)) == 1
    assert guanhu("import", "customer", str(path), "--as", "nobody").returncode == 2
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04")
    ran = guanhu("import", "customer", str(broken), "--as", "ines")
    assert ran.returncode == 2
    assert "damaged" in ran.stderr or "损坏" in ran.stderr
