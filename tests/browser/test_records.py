"""A list and a record as one person likes them, in a real browser: widths kept, values typed in place, paper, fields that come and go."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.extensions import db, transaction
from app.models import Customer, InfoItem, ItemCategory, ItemType
from app.services import access, searching
from tests.browser.test_import import said, shot, signed_in
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
__all__ = ["said", "signed_in"]


@pytest.fixture
def record(app: Any, world: World) -> int:
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    item = {"object_type": "customer", "category": ItemCategory.operating, "data_type": ItemType.text}
    with app.app_context(), access.acting(access.SYSTEM):
        with transaction():
            rows = [Customer(name=f"东屿第{n}农场", **owned) for n in range(3)]
            named = {"label_zh": "大客户计划", "label_en": "Plan"}
            db.session.add_all([*rows, InfoItem(key="plan", visible_if="is_key = true", **named, **item)])
            db.session.flush()
            id_ = rows[0].id
        searching.complete()
        db.session.remove()
        return id_


def width(page: Page) -> int:
    return int(page.locator("thead th[data-c=name]").evaluate("head => head.offsetWidth"))


def test_a_view_keeps_the_widths_of_the_screen_and_the_first_column_stays(
    record: int, signed_in: Page, live_server, said
):
    page, there = signed_in, f"{live_server.url}/customer/list/"
    page.goto(there)
    grip = page.locator("th[data-c=name] .grip")
    grip.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wide = width(page)
    page.locator(".head").get_by_role("button", name="更多").click()
    page.get_by_role("button", name="存为视图").click()
    page.locator("dialog[open]").get_by_label("视图名称").fill("宽名称")
    page.locator("dialog[open]").get_by_role("button", name="存为视图").click()
    expect(page.locator(".tabs [aria-current]")).to_contain_text("宽名称")
    opened = page.url
    page.evaluate("window.localStorage.clear()")
    page.goto(there)
    assert width(page) != wide
    page.goto(opened)
    assert width(page) == wide
    assert page.locator("tbody th.key").first.evaluate("cell => getComputedStyle(cell).position") == "sticky"
    assert said == []


def test_a_value_is_typed_on_its_page_and_the_page_goes_to_paper_without_its_frame(
    record: int, signed_in: Page, live_server, said
):
    page = signed_in
    page.goto(f"{live_server.url}/customer/show/{record}")
    page.locator(f"[hx-get='/customer/cell/{record}/short_name']").click()
    page.locator(".cell-form input[name=short_name]").fill("东屿")
    page.locator(".cell-form").get_by_role("button", name="保存").click()
    expect(page.locator(f"[hx-get='/customer/cell/{record}/short_name']")).to_contain_text("东屿")
    page.reload()
    expect(page.locator(f"[hx-get='/customer/cell/{record}/short_name']")).to_contain_text("东屿")
    expect(page.get_by_role("button", name="打印")).to_be_visible()
    page.emulate_media(media="print")
    for part in (".side", ".top", ".acts >> nth=0"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.locator("main")).to_contain_text("东屿第0农场")
    assert page.pdf().startswith(b"%PDF")
    assert said == []


def test_a_field_comes_and_goes_while_one_types_what_it_hangs_on(
    record: int, signed_in: Page, live_server, said
):
    page = signed_in
    page.goto(f"{live_server.url}/customer/edit/{record}")
    plan = page.get_by_label("大客户计划")
    expect(plan).to_be_hidden()
    page.get_by_label("重点客户").check()
    expect(plan).to_be_visible()
    plan.fill("两年内进入前十")
    shot(page, "records-1-hangs")
    page.get_by_label("重点客户").uncheck()
    expect(plan).to_be_hidden()
    page.get_by_label("重点客户").check()
    expect(plan).to_be_visible()
    page.locator("[data-key=save]").click()
    expect(page.locator("main")).to_contain_text("两年内进入前十")
    assert said == []
