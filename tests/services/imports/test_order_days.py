"""When a customer ordered first and last, with every order that comes, changes, falls or is taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import Customer, DocumentKind, SalesDocument
from app.services import access, imports, records
from app.workflows import machine

from .conftest import bring_in

HEADS = ["单号", "客户", "产品", "行号", "数量", "单价", "下单时间", "类型", "原单"]


@pytest.fixture
def ready(keeper, sheet) -> None:
    bring_in("customer", sheet(["客户编码", "客户名称"], ["K1", "甲公司"]))
    bring_in("product", sheet(["产品编码", "产品名称"], ["P1", "麦种"]))


def line(no: str, day: str, kind: str = "订单", origin: str | None = None) -> list[object]:
    return [no, "K1", "P1", 1, 2, 2, day, kind, origin]


def days() -> tuple[date | None, date | None]:
    db.session.rollback()
    with access.acting(access.SYSTEM):
        found = db.session.scalars(select(Customer).where(Customer.code == "K1")).one()
        return found.first_order_on, found.last_order_on


def test_an_import_sets_them_and_its_undo_puts_them_back(ready, sheet):
    assert days() == (None, None)
    bring_in("order", sheet(HEADS, line("S2", "2024-05-06"), line("S3", "2024-06-01")))
    assert days() == (date(2024, 5, 6), date(2024, 6, 1))
    run, _counts = bring_in("order", sheet(HEADS, line("S1", "2024-01-02"), line("S4", "2024-08-01")))
    assert days() == (date(2024, 1, 2), date(2024, 8, 1))
    imports.undo(run)
    assert days() == (date(2024, 5, 6), date(2024, 6, 1))


def test_a_return_names_the_order_it_takes_back_and_is_no_order(ready, sheet):
    bring_in("order", sheet(HEADS, line("S1", "2024-05-06")))
    bring_in("order", sheet(HEADS, line("R1", "2024-07-01", "退货", "S1")))
    taken = db.session.scalars(select(SalesDocument).where(SalesDocument.no == "R1")).one()
    assert taken.kind is DocumentKind.goods_return and taken.origin is not None and taken.origin.no == "S1"
    assert days() == (date(2024, 5, 6), date(2024, 5, 6))


def test_what_opening_data_said_stays_until_an_order_says_otherwise(ready, sheet):
    with access.acting(access.SYSTEM), transaction():
        found = db.session.scalars(select(Customer).where(Customer.code == "K1")).one()
        found.first_order_on = found.last_order_on = date(2020, 3, 1)
    run, _counts = bring_in("order", sheet(HEADS, line("S1", "2024-05-06")))
    assert days() == (date(2020, 3, 1), date(2024, 5, 6))
    imports.undo(run)
    assert days() == (date(2020, 3, 1), date(2020, 3, 1))


def test_drafts_void_and_binned_orders_are_none(ready, sheet):
    bring_in("order", sheet(HEADS, line("S1", "2024-05-06"), line("S2", "2024-06-01")))
    with access.acting(access.SYSTEM):
        with transaction():
            draft = SalesDocument(no="D1", ordered_at=datetime(2024, 9, 1, tzinfo=UTC))
            draft.customer_id = db.session.scalars(select(Customer.id)).one()
            db.session.add(draft)
        assert days() == (date(2024, 5, 6), date(2024, 6, 1))
        with transaction():
            last = db.session.scalars(select(SalesDocument).where(SalesDocument.no == "S2")).one()
            machine.move(last, "void", "twice")
        assert days() == (date(2024, 5, 6), date(2024, 5, 6))
        with transaction():
            records.remove(db.session.scalars(select(SalesDocument).where(SalesDocument.no == "S1")).one())
        assert days() == (None, None)
