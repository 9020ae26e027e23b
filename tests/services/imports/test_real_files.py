"""Real customers, contacts, products and order lines go in whole, on both databases."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.extensions import db, transaction
from app.models import Contact, Customer, Lookup, Product, SalesDocument, TradeLine
from app.services import access, packs

from .conftest import bring_in, reasons, shared


@pytest.fixture
def base_pack(in_app):
    with access.acting(access.SYSTEM), transaction():
        packs.load("base")


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def test_the_real_customers_and_their_contacts_are_all_accounted_for(base_pack, keeper):
    path = shared("zh/customers_zh.xlsx")
    run, counts = bring_in("customer", path, sheet="客户")
    assert (counts.total, counts.created, counts.refused) == (5000, 4999, 1), list(reasons(run).items())[:5]
    ((row, (reason,)),) = reasons(run).items()
    assert reason["cell"] == f"C{row}"
    assert "校验位" in reason["zh"]
    assert "check digit" in reason["en"]
    run, counts = bring_in("contact", path, sheet="联系人")
    assert counts.total == 8255
    told = reasons(run)
    assert counts.created == 8255 - len(told)
    assert {reason["field"] for found in told.values() for reason in found} == {"customer_id"}
    assert all("KH00666" in reason["zh"] for found in told.values() for reason in found)
    assert (count(Customer), count(Contact)) == (4999, counts.created)
    first = db.session.scalar(select(Customer).where(Customer.code == "KH00001"))
    region = db.session.get(Lookup, first.region_id)
    assert (first.name, first.status, region.name_zh) == ("昌乐群信种苗有限公司", "active", "山东省")
    _again, counts = bring_in("customer", path, sheet="客户")
    assert (counts.unchanged, counts.created, counts.updated, counts.refused) == (4999, 0, 0, 1)


@pytest.mark.long
def test_a_hundred_thousand_order_lines_go_in_with_their_totals(base_pack, keeper):
    folder = "transactions/first_100k_lines"
    facts = json.loads(shared(f"{folder}/report.json").read_text())
    _run, counts = bring_in("customer", shared(f"{folder}/customers.xlsx"))
    assert (counts.created, counts.refused) == (facts["customers"], 0)
    _run, counts = bring_in("product", shared(f"{folder}/products.xlsx"))
    assert (counts.created, counts.refused) == (facts["products_case_sensitive"], 0)
    began = time.monotonic()
    run, counts = bring_in("order", shared(f"{folder}/orders.xlsx"))
    print(f"\n100,000 lines in {time.monotonic() - began:.1f} s")
    assert (counts.created, counts.refused) == (facts["lines"], 0), list(reasons(run).items())[:5]
    assert (count(SalesDocument), count(TradeLine)) == (facts["orders"], facts["lines"])
    total = select(func.sum(TradeLine.amount))
    assert Decimal(db.session.scalar(total)) == Decimal(str(facts["amount_all_lines"]))
    with_customer = total.where(TradeLine.customer_id.is_not(None))
    assert Decimal(db.session.scalar(with_customer)) == Decimal(str(facts["amount_lines_with_customer"]))
    of_documents = select(func.sum(SalesDocument.total))
    assert Decimal(db.session.scalar(of_documents)) == Decimal(str(facts["amount_all_lines"]))
    assert count(Product) == facts["products_case_sensitive"]


KINDS = {"C": "退货", "A": "坏账调整"}


def lines_of(source: Path) -> Iterator[list[str]]:
    """The raw register as an order file; the customer's number without its decimal."""
    yield [
        "订单编号",
        "单据类型",
        "客户编码",
        "产品编码",
        "产品名称",
        "数量",
        "单价",
        "下单时间",
        "国家/地区",
    ]
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            kind = KINDS.get(row["InvoiceNo"][0], "库存调整" if row["Quantity"].startswith("-") else "销售")
            customer = row["CustomerID"].removesuffix(".0")
            rest = [
                row[name]
                for name in ("StockCode", "Description", "Quantity", "UnitPrice", "InvoiceDate", "Country")
            ]
            yield [row["InvoiceNo"], kind, customer, *rest]


@pytest.mark.long
def test_the_whole_register_goes_in_and_its_published_totals_come_out(base_pack, keeper, tmp_path):
    for resource in ("customer", "product"):
        assert bring_in(resource, shared(f"transactions/full/{resource}s.xlsx"))[1].refused == 0
    path = tmp_path / "orders.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(lines_of(shared("transactions/online_retail.csv.gz")))
    run, counts = bring_in("order", path)
    assert (counts.created, counts.refused) == (541_909, 0), list(reasons(run).items())[:5]
    total = select(func.sum(TradeLine.amount))
    assert Decimal(db.session.scalar(total)) == Decimal("9747747.934")
    assert Decimal(db.session.scalar(total.where(TradeLine.customer_id.is_not(None)))) == Decimal(
        "8300065.814"
    )
    assert count(SalesDocument) == 25_900
