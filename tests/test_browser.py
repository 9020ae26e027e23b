"""The whole product as a person meets it: a real browser against the server of production."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complained of: scripts, policies, missing files, addresses of strangers."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda request: found.append(request.url))
    page.on(
        "request",
        lambda request: (
            found.append(request.url) if not request.url.startswith("http://127.0.0.1:") else None
        ),
    )
    return found


def test_a_person_signs_in_in_chinese(live_server, people, page: Page, complaints):
    page.goto(f"{live_server.url}/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator("#username").fill(people.alice.username)
    page.locator("#password").fill("not this one")
    page.locator("form.box button[type=submit]").click()
    expect(page.locator("#problem")).to_be_visible()
    assert [line for line in complaints if "401" not in line] == []
    complaints.clear()
    page.locator("#password").fill(PASSWORD)
    page.locator("form.box button[type=submit]").click()
    expect(page.get_by_role("navigation").first).to_contain_text("客户")
    assert complaints == []
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "guanhu")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
