"""The page of a customer: its tabs with counts, one story of everything, the file's completeness, controls in force."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.extensions import db, transaction
from app.models import (
    ApprovalFlowVersion,
    ApprovalRequest,
    Contract,
    Customer,
    CustomerInfo,
    Interaction,
    Lifecycle,
    RequestStatus,
    Task,
)
from app.services import access, bulk, customer_file, packs
from tests.views.test_budgets import statements
from tests.world import World, sign_in


@pytest.fixture
def customer(app: Flask, world: World) -> int:
    """A customer of Ann's with a talk, a task, a contract and a request about it."""
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        found = Customer(name="甲公司", credit_limit=0, is_key=True, **owned)
        db.session.add(found)
        db.session.flush()
        talk = {"occurred_at": datetime(2026, 3, 1, tzinfo=UTC), "subject": "谈价格", "content": "谈价格"}
        columns = {column.name for column in Interaction.__table__.columns}
        db.session.add(
            Interaction(customer_id=found.id, **{k: v for k, v in talk.items() if k in columns}, **owned)
        )
        db.session.add(Task(customer_id=found.id, title="寄样品", **owned))
        contract = Contract(customer_id=found.id, title="购销合同", **owned)
        db.session.add(contract)
        db.session.flush()
        db.session.add(
            ApprovalRequest(
                version_id=db.session.scalar(select(ApprovalFlowVersion.id).limit(1)),
                exclusive_group="t",
                object_type="contract",
                object_id=contract.id,
                object_version_no=1,
                title="审购销合同",
                submitter_id=world.employees["ann"],
                submitter_user_id=world.users["ann"],
                status=RequestStatus.approved,
                facts_hash="0" * 64,
                content_hash="0" * 64,
            )
        )
        return found.id


@pytest.mark.req("B-01")
def test_the_tabs_gather_what_belongs_together_and_each_type_keeps_its_address(
    app: Flask, world: World, client: Any, customer: int
):
    sign_in(client, "ann")
    page = client.get(f"/customer/show/{customer}").text
    for word in (
        "联系人",
        "跟进与拜访",
        "合同与订单",
        "投诉与服务",
        "评价与等级",
        "风险与信用",
        "任务",
        "审批",
        "操作日志",
    ):
        assert word in page
    together = client.get(f"/customer/show/{customer}?tab=trade").text
    assert "购销合同" in together
    assert "?tab=contract" in together
    assert "购销合同" in client.get(f"/customer/show/{customer}?tab=contract").text
    assert client.get(f"/customer/show/{customer}?tab=nothing").status_code == 400


@pytest.mark.req("B-06")
def test_the_story_tells_everything_the_reader_may_read_and_no_more(
    app: Flask, world: World, client: Any, customer: int
):
    sign_in(client, "ann")
    story = client.get(f"/customer/show/{customer}?tab=story").text
    assert story.index("寄样品") < story.index("2026-03-01")
    assert "购销合同" in story
    assert "审购销合同" in client.get(f"/customer/show/{customer}?tab=approvals").text
    keeper = sign_in(app.test_client(), "fay")
    assert "寄样品" not in keeper.get(f"/customer/show/{customer}?tab=story").text


@pytest.mark.req("B-23")
def test_the_file_says_how_much_of_what_is_due_is_filled_and_what_is_missing(
    app: Flask, world: World, client: Any, customer: int
):
    sign_in(client, "ann")
    page = client.get(f"/customer/show/{customer}").text
    assert "50%（3/6 项）" in page
    assert "缺少：来源渠道" in page
    client.post(f"/customer/edit/{customer}", data={"name": "甲公司", "phone": "13812345678"})
    assert "66%（4/6 项）" in client.get(f"/customer/show/{customer}").text


@pytest.mark.req("B-24")
@pytest.mark.parametrize(("key", "due"), [(True, date(2026, 2, 28)), (False, date(2026, 11, 30))])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_key_customers_file_is_looked_at_after_three_months_a_prospects_after_twelve(
    app: Flask, *, key: bool, due: date
):
    with app.app_context():
        found = Customer(name="甲", status=Lifecycle.prospect, is_key=key, reviewed_on=date(2025, 11, 30))
        assert customer_file.review_due(found) == due


def test_what_is_not_free_with_a_customer_is_said_with_its_reason(
    app: Flask, world: World, client: Any, customer: int
):
    page = sign_in(client, "ann").get(f"/customer/show/{customer}").text
    assert "当前生效的控制" in page
    assert "不得赊销" in page
    assert "不得赊销" not in sign_in(app.test_client(), "fay").get(f"/customer/show/{customer}").text


def test_the_page_and_its_tabs_ask_a_fixed_number_of_statements(
    app: Flask, world: World, client: Any, customer: int
):
    sign_in(client, "ann")
    for tab, most in (("", 17), ("?tab=story", 19), ("?tab=approvals", 12), ("?tab=trade", 27)):
        client.get(f"/customer/show/{customer}{tab}")
        with statements(app) as seen:
            client.get(f"/customer/show/{customer}{tab}")
        assert len(seen) <= most, (tab, len(seen))


def test_a_value_older_than_its_field_says_it_holds_is_marked(
    app: Flask, world: World, client: Any, customer: int
):
    item = {
        "object_type": "customer",
        "key": "market",
        "label_zh": "养殖规模",
        "label_en": "Share",
        "active": "1",
    }
    admin = sign_in(app.test_client(), "ada")
    made = admin.post(
        "/info_item/add", data={**item, "data_type": "number", "category": "operating", "fresh_days": "90"}
    )
    assert made.status_code == 302
    sign_in(client, "ann")
    client.post(f"/customer/edit/{customer}", data={"name": "甲公司", "extra.market": "12"})
    fresh = client.get(f"/customer/show/{customer}").text
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.scalars(select(CustomerInfo)).one().as_of = date(2020, 1, 1)
    old = client.get(f"/customer/show/{customer}").text
    assert old.count("养殖规模") == fresh.count("养殖规模") + 1
    assert "2020-01-01" in old


@pytest.mark.req("B-21")
def test_items_of_the_file_come_with_packs_and_a_confidential_one_is_its_owners_to_fill(
    app: Flask, world: World, client: Any, customer: int
):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        packs.load("customer-development")
    sign_in(client, "ann")
    form = client.get(f"/customer/edit/{customer}").text
    for name in ("market_share", "credit_record", "company_history", "credit_standing"):
        assert f'name="extra.{name}"' in form
    assert "客户背景调查" in client.get(f"/customer/show/{customer}").text
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.get_one(Customer, customer).is_key = False
    shown = client.get(f"/customer/show/{customer}").text
    assert "客户背景调查" not in shown  # asked for of key customers alone
    sent = {"name": "甲公司", "extra.market_share": "12.5", "extra.credit_record": "按期付款"}
    assert client.post(f"/customer/edit/{customer}", data=sent).status_code == 302
    page = client.get(f"/customer/show/{customer}").text
    for text in ("按期付款", "12.5", "能力信息"):
        assert text in page
    keeper = sign_in(app.test_client(), "fay").get(f"/customer/show/{customer}").text
    assert "12.5" in keeper
    assert "按期付款" not in keeper
    with app.app_context(), access.acting(access.SYSTEM):
        dated = db.session.scalars(select(CustomerInfo.value).order_by(CustomerInfo.value)).all()
        assert dated == ["12.5", "按期付款"]
        db.session.remove()


def test_every_tab_that_holds_something_says_how_much(app: Flask, world: World, client: Any, customer: int):
    sign_in(client, "ann")
    for name in ("a.pdf", "b.pdf"):
        data = {"doc_type": "product_guide", "file": (io.BytesIO(b"%PDF-1.4 x"), name)}
        client.post(f"/attachment/add/customer/{customer}", data=data)
    page = re.sub(r"\s+", "", client.get(f"/customer/show/{customer}").text)
    assert re.search("附件<[^>]*>2<", page), page[page.index("附件") :][:200]
    assert "a.pdf" not in page
    assert "a.pdf" in client.get(f"/customer/show/{customer}?tab=files").text
    assert re.search(r"操作日志<[^>]*>\d+<", page)


def test_editing_comes_before_what_ends_the_cooperation(app: Flask, world: World, client: Any, customer: int):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        told = bulk.ChangeSet("customer", 0)
        active = update(Customer).where(Customer.id == customer)
        bulk.write(active.values(code="C1", status=Lifecycle.active), told=told)
    sign_in(client, "hana")
    page = client.get(f"/customer/show/{customer}").text
    edit, suspend = page.index('data-key="e"'), page.index(f"/customer/move/{customer}/suspend")
    assert 0 < edit < suspend
    assert '<span class="wide-only">' in page[edit:suspend]  # on a phone it stands under "More"


def test_a_tab_with_nothing_to_tell_says_so(world: World, client: Any, customer: int):
    sign_in(client, "ann")
    page = client.get(f"/customer/show/{customer}?tab=risks").text
    assert "还没有内容。" in page
