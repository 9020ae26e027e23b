"""An administrator adds a field on the screen; a seller finds it on form, page and list at once."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_duplicates import enter
from tests.browser.test_import import shot
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def add_field(page: Page, url: str, kind: str, choices: str) -> None:
    """Soil, as a field of customers shown in lists."""
    page.goto(f"{url}/info_item/add")
    page.locator("#f-object_type").select_option("customer")
    page.locator("#f-key").fill("soil")
    page.locator("#f-label_zh").fill("土壤类型")
    page.locator("#f-label_en").fill("Soil")
    page.locator("#f-data_type").select_option(kind)
    page.locator("#f-choices").fill(choices)
    page.locator("#f-shown_in_list").check()
    shot(page, f"definition-{kind}")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("h1")).to_have_text("土壤类型")


@pytest.mark.req("W-12")
def test_a_field_added_on_the_screen_is_everywhere_at_once(live_server: Any, world: World, page: Page):
    url = live_server.url
    enter(page, url, "ada")
    add_field(page, url, "choice", "黑土 | Black\n红壤 | Red")

    enter(page, url, "ann")
    page.goto(f"{url}/customer/add")
    page.locator("#f-name").fill("青禾合作社")
    picker = page.locator(".ts-wrapper", has=page.locator("[id='f-extra.soil-ts-control']"))
    picker.click()
    page.get_by_role("option", name="黑土").click()
    page.get_by_role("button", name="保存").click()
    expect(page.locator("h1")).to_have_text("青禾合作社")
    expect(page.get_by_text("黑土")).to_be_visible()
    shot(page, "2-page")
    page.goto(f"{url}/customer/list/")
    expect(page.get_by_role("columnheader", name="土壤类型")).to_be_visible()
    expect(page.get_by_role("cell", name="黑土")).to_be_visible()
    shot(page, "3-list")
