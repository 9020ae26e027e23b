"""A field the administrator adds lives through a day of the back office: filled from a messy workbook, mended, found, filtered
by in a view everybody shares, typed anew, taken out, read by a program, and looked back at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from playwright.sync_api import Page, expect

from tests.browser.test_duplicates import enter
from tests.browser.test_extra_field import add_field
from tests.browser.test_import import bring_in, download, said, send, shot
from tests.browser.test_lists import line
from tests.services.sheets.conftest import shared
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
__all__ = ["said"]
MENDED = "定州市丰源种子有限公司"
"""Founded on the thirtieth of February, says the messy workbook."""


def mend(refused: Worksheet, target: Path) -> None:
    """The day of one of the refused rows, and what its customer's soil is, in a column of the new field."""
    column = {str(cell.value): cell.column for cell in refused[1]}
    soil = refused.max_column + 1
    refused.cell(1, soil, "土壤类型")
    names = {row[column["客户名称"] - 1].value: row for row in refused.iter_rows(min_row=2)}
    names[MENDED][column["成立日期"] - 1].value = "2002-03-01"
    refused.cell(names[MENDED][0].row, soil, "黑土、Loess")
    refused.parent.save(target)


def import_and_mend(page: Page, url: str, folder: Path) -> None:
    page.goto(f"{url}/customer/list/")
    page.locator(".head").get_by_role("link", name="导入", exact=True).click()
    send(page, shared("zh/customers_zh_messy.xlsx"))
    page.get_by_role("link", name="拒绝 241").click()
    shot(page, "office-1-refused")
    refused = download(page, "下载拒绝的行", folder / "refused.xlsx")
    assert refused.max_row == 242
    bring_in(page, 398)
    expect(page.locator(".figs")).to_contain_text("398")
    mend(refused, folder / "mended.xlsx")
    page.get_by_role("link", name="换一个文件").click()
    send(page, folder / "mended.xlsx")
    bring_in(page, 1)
    expect(page.locator(".figs")).to_contain_text("新增")


def filter_by_it_for_everybody(page: Page, url: str) -> None:
    page.goto(f"{url}/customer/list/")
    expect(page.locator(".foot")).to_contain_text("399")
    page.get_by_role("link", name="筛选").click()
    line(page, 0, "土壤类型", "包含").select_option(label="黄土")
    shot(page, "office-2-filter")
    page.locator("dialog[open]").get_by_role("button", name="应用", exact=True).last.click()
    expect(page.locator("#chips")).to_contain_text("土壤类型 包含 黄土")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator(".head").get_by_role("button", name="更多").click()
    page.get_by_role("button", name="存为视图").click()
    asked = page.locator("dialog[open]")
    asked.get_by_label("视图名称").fill("黄土客户")
    asked.get_by_label("可见范围").select_option(label="所有人")
    asked.get_by_role("button", name="存为视图").click()
    expect(page.locator(".tabs [aria-current]")).to_contain_text("黄土客户")


def take_out(page: Page, target: Path) -> None:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="导出").click()
        page.get_by_role("button", name="Excel").click()
    waiting.value.save_as(target)
    head, row = openpyxl.load_workbook(target).active.values
    taken = dict(zip(head, row, strict=True))
    assert (taken["客户名称"], taken["土壤类型"]) == (MENDED, "黑土、黄土")


def change_and_look_back(page: Page, url: str) -> None:
    page.locator("tbody .key a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(MENDED)
    expect(page.locator("main")).to_contain_text("黑土、黄土")
    shot(page, "office-3-page")
    customer = page.url.rpartition("/")[2].partition("?")[0]
    page.goto(f"{url}/customer/edit/{customer}")
    soil = page.locator(".ts-wrapper", has=page.locator("[id='f-extra.soil-ts-control']"))
    soil.locator(".item", has_text="黄土").locator(".remove").click()
    shot(page, "office-4-form")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/customer/show/**")
    expect(page.locator("main")).not_to_contain_text("黄土")
    answer = page.request.get(f"{url}/api/v1/customer/{customer}").json()
    assert answer["result"]["extra.soil"] == ["001"]
    page.goto(f"{url}/customer/show/{customer}?tab=log")
    expect(page.locator("#timeline")).to_contain_text("土壤类型")
    expect(page.locator("#timeline")).to_contain_text("黑土、黄土")
    shot(page, "office-5-log")


@pytest.mark.req("W-12", "B-21")
def test_a_field_is_added_and_then_imported_filtered_shared_taken_out_changed_and_looked_back_at(
    live_server: Any, world: World, page: Page, tmp_path: Path, said: list[str]
):
    url = live_server.url
    enter(page, url, "ada")
    add_field(page, url, "choices", "黑土 | Black\n红壤 | Red\n黄土 | Loess")
    enter(page, url, "ann")
    import_and_mend(page, url, tmp_path)
    filter_by_it_for_everybody(page, url)
    take_out(page, tmp_path / "taken.xlsx")
    change_and_look_back(page, url)
    enter(page, url, "bob")
    page.goto(f"{url}/customer/list/")
    page.get_by_role("button", name="其他视图").click()
    page.get_by_role("link", name="黄土客户").click()
    expect(page.locator("#chips")).to_contain_text("土壤类型 包含 黄土")
    assert said == []
