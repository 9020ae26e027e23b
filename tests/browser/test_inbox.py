"""A head of department decides on the phone: one after another, two together, one sent back; and by keys at the desk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app import workflows
from app.extensions import db
from app.models import ApprovalRequest, RequestStatus
from app.services import access
from app.workflows.verifying import MUST_PASS
from bench.requests import publish, submit
from tests.browser.test_axe import AXE, serious
from tests.conftest import missing
from tests.world import PASSWORD, World

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1366, "height": 800}
SHOTS = os.environ.get("GUANHU_SHOTS", "")
"""A folder for pictures of what was looked at; none are taken without it."""


@pytest.fixture
def waiting(app: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seven requests before the head of sales."""
    monkeypatch.setitem(MUST_PASS, "contract", ())
    with app.app_context():
        publish(world, freeze={"free": ["terms"]})
        return submit(world, 7)


@pytest.fixture
def enter(live_server: Any, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`enter("hana", "zh", PHONE)`: a browser in which this person is signed in; ends with no script fault."""
    contexts = []
    wrong: list[str] = []

    def open_for(person: str, tongue: str, viewport: dict[str, int], theme: str = "light") -> Page:
        locale = "zh-CN" if tongue == "zh" else "en-GB"
        context = browser.new_context(
            locale=locale,
            timezone_id="Asia/Shanghai",
            viewport=viewport,
            color_scheme=theme,
            reduced_motion="reduce",
            base_url=live_server.url,
        )
        contexts.append(context)
        if AXE.exists():
            context.add_init_script(path=AXE)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if "Refused to" in said.text else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/sign-in")
        page.locator("#username").fill(person)
        page.locator("#password").fill(PASSWORD)
        page.locator("form.box button[type=submit]").click()
        expect(page.locator("#side")).to_be_attached()
        if not (page.locator("html").get_attribute("lang") or "").startswith(tongue):
            page.evaluate(
                """tongue => {
                  const b = document.querySelector(`button[name=language][value=${tongue}]`);
                  b.closest("form").requestSubmit(b);
                }""",
                tongue,
            )
            expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{tongue}"))
        return page

    yield open_for
    for context in contexts:
        context.close()
    assert wrong == []


def look(page: Page, name: str) -> None:
    """The page, once loaded, fits its width and shuts nobody out; its picture, if pictures are wanted."""
    page.wait_for_load_state()  # its address is told before its document stands
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"], f"{name} is {wide} wide"
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
    if not AXE.exists():
        missing("no build/browser-tests/axe.min.js: run `python deploy/assets.py --tests`")
    assert serious(page) == []


def statuses(app: Any, requests: list[int]) -> list[tuple[RequestStatus, int | None]]:
    """Each request's state, and whose turn it is by the number of the open step."""
    with app.app_context(), access.acting(access.SYSTEM):
        found = []
        for id_ in requests:
            request = db.session.get_one(ApprovalRequest, id_)
            step = workflows.Case(request).p.open_step()
            found.append((request.status, step.ordinal if step else None))
        return found


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_head_works_his_inbox_through_on_the_phone(
    enter: Callable[..., Page], app: Any, waiting: list[int]
):
    page = enter("hana", "zh", PHONE)
    page.goto("/approval/")
    expect(page.locator("tbody tr")).to_have_count(7)
    expect(page.locator(".tabs [aria-current] .cnt")).to_have_text("7")
    look(page, "inbox-zh-390-light")
    page.locator("tbody .key a").first.click()
    page.wait_for_url(f"**/approval/show/{waiting[0]}")
    look(page, "item-zh-390-light")
    for number in range(3):
        page.wait_for_url(f"**/approval/show/{waiting[number]}*")
        bar = page.locator(".stick")
        approve = bar.get_by_role("button", name="同意", exact=True)
        assert (approve.bounding_box() or {})["height"] >= 44
        approve.click()
        dialog = page.locator("dialog[open]")
        dialog.get_by_role("button", name="同意，按标准执行。").click()
        if number == 0:
            look(page, "item-dialog-zh-390-light")
        dialog.locator("footer [type=submit]").click()
        page.wait_for_url(
            f"**/approval/show/{waiting[number + 1]}*"
        )  # the toast of the page before says the same
        expect(page.locator("#toasts")).to_contain_text("已办理。")
    page.goto("/approval/")
    boxes = page.locator("tbody input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    look(page, "picked-zh-390-light")
    page.locator(".lift").get_by_role("button", name="同意").click()
    page.locator("dialog[open] footer [type=submit]").click()
    expect(page.locator("main")).to_contain_text("已同意 2 条。")
    look(page, "results-zh-390-light")
    page.get_by_role("link", name="返回审批中心").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody .key a").first.click()
    page.locator(".stick").get_by_role("button", name="退回", exact=True).click()
    dialog = page.locator("dialog[open]")
    dialog.locator("textarea").fill("请补充测算依据。")
    dialog.locator("footer [type=submit]").click()
    page.wait_for_url(f"**/approval/show/{waiting[6]}")
    expect(page.locator("#toasts")).to_contain_text("已办理。")
    running = (RequestStatus.running, 1)
    assert statuses(app, waiting) == [
        *[running] * 5,
        (RequestStatus.returned, None),
        (RequestStatus.running, 0),
    ]


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_inbox_is_worked_by_keys_at_the_desk(enter: Callable[..., Page], app: Any, waiting: list[int]):
    page = enter("hana", "en", DESK, "dark")
    page.goto("/approval/todo")
    look(page, "inbox-en-1366-dark")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tbody .key a").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/approval/show/{waiting[0]}$"))
    look(page, "item-en-1366-dark")
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(rf"/approval/show/{waiting[1]}$"))
    page.keyboard.press("a")
    page.locator("dialog[open] textarea").fill("as agreed")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(rf"/approval/show/{waiting[2]}$"))
    with app.app_context(), access.acting(access.SYSTEM), access.by_rule():
        contract = db.session.get_one(ApprovalRequest, waiting[2]).object_id
    ann = enter("ann", "en", DESK)
    ann.goto(f"/contract/edit/{contract}")
    ann.locator("[name=terms]").fill("paid in advance")
    ann.locator("[data-key=save]").first.click()
    expect(ann.locator("h1")).to_be_visible()
    page.keyboard.press("a")
    page.locator("dialog[open] textarea").fill("still as agreed")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#stale")).to_contain_text("paid in advance")
    expect(page.locator("dialog[open] textarea")).to_have_value("still as agreed")
    look(page, "stale-en-1366-dark")
    page.keyboard.press("Escape")
    look(page, "stale-closed-en-1366-dark")
    page.keyboard.press("a")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(rf"/approval/show/{waiting[3]}$"))
    page.goto("/approval/done")
    expect(page.locator("tbody tr")).to_have_count(2)
    look(page, "done-en-1366-dark")
    page.goto("/approval/cc")
    expect(page.locator(".void h2")).to_have_text("Nothing was copied to you")
    look(page, "empty-en-1366-dark")
