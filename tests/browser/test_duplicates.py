"""A seller is told of a customer already known while he types; the head of the department merges two files into one."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.extensions import transaction
from app.models import Contact, Customer
from app.services import access, records
from tests.browser.test_import import shot
from tests.world import PASSWORD, World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def enter(page: Page, url: str, person: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{url}/sign-in")
    page.locator("#username").fill(person)
    page.locator("#password").fill(PASSWORD)
    page.locator("form.box button[type=submit]").click()
    page.wait_for_selector("#side", state="attached")


@pytest.fixture
def twins(app: Flask, world: World) -> tuple[int, int]:
    with app.app_context(), access.acting(world.principal("ann")), transaction():
        old, new = (records.create(Customer, {"name": name}) for name in ("澄湖农资有限公司", "澄湖农资"))
        records.create(Contact, {"customer_id": new.id, "name": "顾晓"})
        return old.id, new.id


@pytest.mark.req("B-33")
def test_a_known_customer_is_told_while_typing_and_two_files_become_one(
    live_server: Any, twins: tuple[int, int], page: Page
):
    enter(page, live_server.url, "ann")
    page.goto(f"{live_server.url}/customer/add")
    page.locator("#f-name").press_sequentially("澄湖农")
    expect(page.get_by_role("status").filter(has_text="澄湖农资有限公司")).to_be_visible()
    shot(page, "1-known")
    enter(page, live_server.url, "hana")
    page.goto(f"{live_server.url}/duplicates/")
    shot(page, "2-pairs")
    page.get_by_role("link", name="比较").click()
    page.locator("input[name='take:name'][value=kept]").check()
    shot(page, "3-compare")
    page.get_by_role("button", name="合并").click()
    expect(page.locator("h1")).to_have_text("澄湖农资有限公司")
    page.goto(f"{live_server.url}/customer/show/{twins[1]}?tab=contact")
    page.goto(f"{live_server.url}/customer/show/{twins[0]}?tab=contact")
    expect(page.get_by_role("link", name="顾晓")).to_be_visible()
