"""The yearly evaluation on the demo company: run, opened to an order line, tried with other weights, decided, felt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.extensions import company
from tests.browser.conftest import Demo

SOON = 30_000
"""How long a job of the worker may take, in milliseconds."""


@pytest.fixture
def enter(own_demo: Demo, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """`enter("marketing")`: a browser in which the first account of this role is signed in and reads Chinese."""
    contexts = []
    wrong: list[str] = []

    def open_for(role: str) -> Page:
        context = browser.new_context(
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            viewport={"width": 1366, "height": 800},
            reduced_motion="reduce",
            base_url=own_demo.url,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if "Refused to" in said.text else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/sign-in")
        username, password = own_demo.accounts[role]
        page.locator("#username").fill(username)
        page.locator("#password").fill(password)
        page.locator("form.box button[type=submit]").click()
        expect(page.locator("#side")).to_be_attached()
        if page.locator("html").get_attribute("lang") != "zh-CN":
            page.locator("button[name=language][value=zh]").first.click()
            expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        return page

    yield open_for
    for context in contexts:
        context.close()
    assert wrong == []


def run(page: Page) -> str:
    """Run CUST-YEAR for last year, which the form offers, and wait for its results; where they stand."""
    year = company.today().year - 1
    page.goto("/evaluation/")
    page.locator("summary").filter(has_text="开始评价").click()
    page.locator("#f-scheme").select_option("CUST-YEAR")
    expect(page.locator("#f-period_from")).to_have_value(f"{year}-01-01")
    expect(page.locator("#f-period_to")).to_have_value(f"{year}-12-31")
    page.get_by_role("button", name="开始", exact=True).click()
    expect(page.get_by_text("结果已封存，提交审批通过后发布。")).to_be_visible(timeout=SOON)
    return page.url


def submit(page: Page) -> str:
    """Submit what the page shows for approval; where its request stands."""
    page.get_by_role("button", name="提交审批").first.click()
    dialog = page.locator("dialog[open]")
    if dialog.count():
        dialog.locator("button[type=submit]").click()
    link = page.locator("a[href*='/approval/show/']").first
    expect(link).to_be_visible()
    return str(link.get_attribute("href"))


def approve(page: Page, where: str) -> None:
    page.goto(where)
    page.locator(".stick").get_by_role("button", name="同意").click()
    dialog = page.locator("dialog[open]")
    dialog.locator("textarea").first.fill("同意")
    dialog.get_by_role("button", name="同意", exact=True).click()
    expect(page.get_by_text("已办理。").first).to_be_visible()


def in_force(page: Page, customer: str) -> str:
    """What the customer's page says of controls in force."""
    page.goto(f"/customer/show/{customer}")
    heading = page.get_by_role("heading", name="当前生效的控制")
    return page.locator(".box", has=heading).inner_text()


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.req("L-13", "L-22", "L-23")
def test_a_grade_is_defended_changed_and_felt(enter: Callable[[str], Page]):
    mia, leader = enter("marketing"), enter("company_leader")
    first = run(mia)

    # why, down to an order line
    mia.locator("#results tbody a").first.click()
    expect(mia.locator("#explanation")).to_contain_text("等级界限：优质 ≥ 80")
    mia.locator("tr.tree a", has_text="销售额").first.click()
    rows = mia.locator("section", has=mia.get_by_role("heading", name=re.compile(r"销售额：计入 \d+ 行")))
    expect(rows.locator("tbody tr").first).to_contain_text(re.compile(r"[A-Z]{2}\d{4}-\d+"))

    # what if
    mia.goto(first)
    mia.get_by_role("link", name="假设分析").click()
    mia.locator("#f-weight-sales_amt").fill("10")
    mia.locator("#f-weight-csat").fill("21")
    mia.get_by_role("button", name="试算").click()
    expect(mia.get_by_text("权重合计为 101 %，应为 100 %")).to_be_visible()
    mia.locator("#f-weight-csat").fill("20")
    mia.locator("#f-from-QUALITY").fill("70")
    mia.get_by_role("button", name="试算").click()
    expect(mia.get_by_role("heading", name="等级迁移")).to_be_visible()
    moved = mia.locator("#compared tr", has=mia.locator("a[href*='/explain/']")).first
    expect(moved).to_contain_text("一般")
    expect(moved).to_contain_text("优质")
    customer = str(moved.locator("a").first.get_attribute("href")).rsplit("/", 1)[1]
    before = in_force(leader, customer)
    assert "每年走访次数下限：6" in before and "优惠上限（%）：5" in before

    # the changed scheme is put in force by somebody else, run, and published by somebody else
    mia.get_by_role("button", name="存为方案草稿").click()
    expect(mia.get_by_text("已存为方案草稿。")).to_be_visible()
    approve(leader, submit(mia))
    second = run(mia)
    assert second != first
    approve(leader, submit(mia))

    after = in_force(leader, customer)
    assert "每年走访次数下限：4" in after and "优惠上限（%）：10" in after
    assert "因客户评价等级为“优质”" in after
    reason = leader.locator("main").inner_text()
    assert "评为“优质”" in reason and "销售额" in reason
