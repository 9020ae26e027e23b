"""The main screens of the demo company under axe-core, in both languages, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Demo
from tests.browser.test_crawl import enter
from tests.conftest import CHECKOUT, missing

AXE = CHECKOUT / "build" / "browser-tests" / "axe.min.js"
FIRST = "tbody .key a"
SCREENS = {
    "sales_head": (
        ("/",),
        ("/customer/list/?in.status=active&sort=name",),
        ("/customer/list/?in.status=active&edit=1", "td .cell-edit"),
        ("/customer/list/?in.status=active&idle.last_contact_at=30", "[data-fills]"),
        ("/customer/bin",),
        ("/customer/list/?in.status=active", FIRST),
        ("/customer/list/?in.status=active", FIRST, ".tabs a:nth-child(2)"),
        ("/customer/list/?in.status=active", FIRST, ".tabs a:last-child"),
        ("/customer/add",),
        ("/approval/todo",),
        ("/approval/todo", FIRST),
        ("/approval/done",),
        ("/approval/mine",),
        ("/approval/cc?unread=1",),
        ("/contract/list/",),
        ("/search?q=1",),
        ("/account/profile",),
        ("/no/such/page",),
    ),
    "administrator": (("/role_grant/list/",), ("/parameter/list/", FIRST), ("/import/",)),
    "marketing": (("/evaluation/",), ("/evaluation/", FIRST)),
}
"""By role: an address, then what is opened from there."""


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.req("W-11")
@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_main_screen_shuts_anybody_out(demo: Demo, browser: Browser, tongue: str, theme: str):
    if not AXE.exists():
        missing("no build/browser-tests/axe.min.js: run `python deploy/assets.py --tests`")
    faults = []
    for role, ways in SCREENS.items():
        locale = "zh-CN" if tongue == "zh" else "en-GB"
        context = browser.new_context(color_scheme=theme, locale=locale, reduced_motion="reduce")
        context.add_init_script(path=AXE)
        page = context.new_page()
        enter(page, demo, role)
        if not (page.locator("html").get_attribute("lang") or "").startswith(tongue):
            page.locator(f"button[name=language][value={tongue}]").first.click()
            page.locator(f"html[lang|={tongue}]").wait_for(state="attached")
        for way in ways:
            page.goto(demo.url + way[0], wait_until="load")
            for selector in way[1:]:
                page.locator(selector).first.click()
                page.wait_for_load_state("load")
            assert page.locator("html").get_attribute("data-bs-theme") == theme
            faults += [(" ".join(way), *fault) for fault in serious(page)]
        context.close()
    assert faults == []


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core calls serious or critical on this page, with the first element it means."""
    violations = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.browser
def test_the_check_sees_what_shuts_people_out(page: Page):
    if not AXE.exists():
        missing("no build/browser-tests/axe.min.js: run `python deploy/assets.py --tests`")
    page.set_content("<html lang=zh><title>甲</title><img src='data:,'><button></button></html>")
    page.add_script_tag(path=AXE)
    assert {rule for rule, _html in serious(page)} == {"image-alt", "button-name"}
