"""An ordinary sales person at work in a list, in Chinese: find, filter, keep the view, change many at once, take it back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import insert, select

from app.extensions import db, transaction
from app.models import Customer, Interaction, Lifecycle, Lookup
from app.services import access, searching
from tests.browser.test_import import said, shot, signed_in
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
__all__ = ["said", "signed_in"]
WANTED = 1_342
NAMED = "澜洲丰禾农资有限公司"


@pytest.fixture
def customers(app: Any, world: World) -> None:
    """Ann's customers: 1,342 as they are looked for, and some of each other kind; two of the first are over."""
    with app.app_context(), access.acting(access.SYSTEM):
        with transaction():
            fujian, other = _region("福建省"), _region("河南省")
            owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
            wanted = {"region_id": fujian, "grade": "QUALITY", **owned}
            rows: list[dict[str, Any]] = [{"name": f"东屿第{n:04}农场", **wanted} for n in range(WANTED - 1)]
            rows.append({"name": NAMED, **wanted})
            for place in (-3, -7):
                rows[place]["status"] = Lifecycle.anonymised
            others = [("境外", {"region_id": other}), ("一般", {"grade": "GENERAL"}), ("常联系", {})]
            rows += [
                {"name": f"{name}第{n}农场", **wanted, **more} for name, more in others for n in range(5)
            ]
            for row in rows:
                row.setdefault("status", Lifecycle.prospect)
            db.session.execute(insert(Customer), rows)
            lately = select(Customer.id).where(Customer.name.startswith("常联系"))
            talk = {"occurred_at": datetime.now(UTC) - timedelta(days=2), **owned}
            talks = [{"customer_id": id_, **talk} for id_ in db.session.scalars(lately)]
            db.session.execute(insert(Interaction), talks)
        searching.complete()
        db.session.remove()


def _region(name: str) -> int:
    found = select(Lookup.id).where(Lookup.category == "region", Lookup.name_zh == name)
    return int(db.session.scalars(found).one())


def line(page: Page, place: int, field: str, op: str) -> Locator:
    """Say what the line of the filter compares; where its value is typed."""
    for part, label in (("f", field), ("o", op)):
        expect(page.locator(f"#b-{part}-r-{place}")).to_be_visible()
        page.locator(".builder").evaluate("form => { form.dataset.old = 1 }")
        page.locator(f"#b-{part}-r-{place}").select_option(label=label)
        expect(page.locator(".builder[data-old]")).to_have_count(0)  # each answer is the whole form anew
    return page.locator(f"#b-v-r-{place}")


def choose(page: Page, place: int, what: str) -> None:
    """Pick an entry of the line's list."""
    page.locator(f"#b-v-r-{place}-ts-control").fill(what[:2])
    page.locator(".ts-dropdown .option:visible", has_text=what).click()
    page.locator("#filter-h").click()


def find(page: Page) -> None:
    """By two characters of the name, and by the first letters of their sounds."""
    search = page.locator("#q")
    for word in ("丰禾", "fhnz"):
        search.fill(word)
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody")).to_contain_text(NAMED)
    search.fill("")
    expect(page.locator(".foot")).to_contain_text("1,357")


def narrow(page: Page) -> None:
    """By region, by grade, and by who was not talked with for thirty days."""
    page.get_by_role("link", name="筛选").click()
    line(page, 0, "所在地区", "为")
    choose(page, 0, "福建省")
    page.locator("#b-line-r").click()
    line(page, 1, "等级", "为")
    choose(page, 1, "优质")
    page.locator("#b-line-r").click()
    line(page, 2, "最近联系", "超过（天）没有").fill("30")
    shot(page, "lists-1-filter")
    page.locator("dialog[open]").get_by_role("button", name="应用", exact=True).last.click()
    expect(page.locator(".foot")).to_contain_text("1,342")
    for words in ("所在地区 为 福建省", "最近联系 超过 30 天没有"):
        expect(page.locator("#chips")).to_contain_text(words)


def keep(page: Page) -> None:
    """The list under a name, for everybody; and another column."""
    page.locator(".head").get_by_role("button", name="更多").click()
    page.get_by_role("button", name="存为视图").click()
    asked = page.locator("dialog[open]")
    asked.get_by_label("视图名称").fill("福建久未联系")
    asked.get_by_label("可见范围").select_option(label="所有人")
    asked.get_by_role("button", name="存为视图").click()
    expect(page.locator(".tabs [aria-current]")).to_contain_text("福建久未联系")
    shot(page, "lists-2-view")
    page.get_by_role("button", name="列", exact=True).click()
    page.locator(".columns").get_by_role("checkbox", name="备注").check()
    page.locator(".columns:visible").get_by_role("button", name="应用").click()
    expect(page.locator("thead")).to_contain_text("备注")


def change_forty(page: Page) -> None:
    page.locator("#size-customer").select_option(label="50")
    expect(page.locator("tbody tr")).to_have_count(50)
    ticks = page.locator("tbody .pick input")
    ticks.nth(0).click()
    ticks.nth(39).click(modifiers=["Shift"])
    expect(page.locator("#bar-customer")).to_contain_text("40")
    page.locator("#bar-customer").get_by_role("button", name="编辑").click()
    asked = page.locator("dialog[open]")
    asked.get_by_label("备注").fill("三十天未联系，本周回访")
    shot(page, "lists-3-many")
    asked.get_by_role("button", name="编辑").click()
    expect(page.get_by_role("link", name="拒绝 2")).to_be_visible()
    shot(page, "lists-4-check")


def test_a_sales_person_finds_filters_keeps_and_changes_many_and_takes_it_back(
    customers, signed_in: Page, live_server, said
):
    page, changed = signed_in, f"{live_server.url}/customer/list/?has.remark=本周回访"
    page.goto(f"{live_server.url}/customer/list/")
    find(page)
    narrow(page)
    keep(page)
    change_forty(page)
    run = page.url
    page.get_by_role("button", name=re.compile("修改 38 条")).click()
    page.locator("dialog[open] button[type=submit]").click()
    expect(page.locator(".figs")).to_contain_text("38")
    page.goto(changed)
    expect(page.locator(".foot")).to_contain_text("共 38 条")
    page.goto(run)
    page.get_by_role("button", name=re.compile("撤销")).click()
    page.locator("dialog[open] button[type=submit]").click()
    expect(page.locator("main")).to_contain_text("写入的内容已全部收回")
    page.goto(changed)
    expect(page.locator("main")).to_contain_text("没有匹配的结果")
    assert said == []


def test_keys_lead_through_a_list_and_a_cell_is_typed_where_it_stands(
    customers, signed_in: Page, live_server, said
):
    page = signed_in
    page.goto(f"{live_server.url}/customer/list/?sort=name&q=常联系")
    page.locator("tbody .key a").nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("常联系第1农场")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1)).to_contain_text("常联系第2农场")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", level=1)).to_contain_text("常联系第1农场")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("合同")
    expect(page.locator("#found")).to_contain_text("页面")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contract/list/**")

    page.goto(f"{live_server.url}/customer/list/?sort=name&q=常联系&cols=name,remark,established_on&edit=1")
    page.locator("td[data-c=remark] .cell-edit").first.click()
    page.locator(".cell-form textarea").fill("已电话")
    page.locator(".cell-form").get_by_role("button", name="保存").click()
    expect(page.locator("td[data-c=remark]").first).to_contain_text("已电话")
    page.locator("td[data-c=established_on] .cell-edit").first.click()
    expect(page.locator(".cell-form [autofocus]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".cell-form")).to_have_count(0)
    grip = page.locator("th[data-c=remark] .grip")
    grip.focus()
    before = grip.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowRight")
    assert grip.get_attribute("aria-valuenow") != before
    page.get_by_role("link", name="筛选").click()
    expect(page.locator("#b-f-r-0")).to_be_visible()
    shot(page, "lists-5-cells")
    assert said == []


def test_all_that_match_are_chosen_by_their_exact_number_and_the_dialog_asks_for_its_fields(
    app: Any, world: World, customers, signed_in: Page, live_server, said
):
    page = signed_in
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.execute(insert(Customer), [{"name": f"更多第{n:03}农场", **owned} for n in range(700)])
    page.goto(f"{live_server.url}/customer/list/")
    bar = page.locator("#bar-customer")
    page.locator("thead .pick input").click()
    bar.get_by_role("button", name="选择全部符合条件的记录").click()
    expect(bar).to_contain_text("已选择全部 2,057 条")
    edit = bar.get_by_role("button", name="编辑")
    edit.focus()
    page.keyboard.press("Enter")
    asked = page.locator("dialog[open]")
    expect(asked).to_contain_text("已选 2,057")
    expect(asked.locator("[data-filling] input").first).to_be_focused()
    asked.get_by_label("备注").fill("都回访")
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()
    edit.click()
    expect(asked.get_by_label("备注")).to_have_value("都回访")
    asked.get_by_role("button", name="编辑").click()
    expect(page.locator("main")).to_contain_text("1 选择记录")
    expect(page.get_by_role("button", name="修改 2,055 条记录")).to_be_visible(timeout=60_000)
    shot(page, "lists-6-all")
    assert said == []
