"""An ordinary person with the right to import, in Chinese: send a file, see what is refused, mend it, send it again."""

from __future__ import annotations

import os
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from playwright.sync_api import Page, expect

from tests.world import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
HEADS = ["客户名称", "客户类型", "统一社会信用代码", "成立日期", "所在省", "联系电话", "联系地址", "老板"]
ROWS = [
    ["澜洲恒泽种业有限公司", "企业", None, "2019-02-28", "山东省", "13800000001", "恒泽路 1 号", "甲"],
    ["雁浦金谷种业有限公司", "企业", None, "2019-02-30", "山东省", None, "金谷路 2 号", "乙"],
    ["东屿恒丰农资有限公司", "经销商", "91000000MA0DEMO2Z", "2018-05-01", "河南省", None, None, "丙"],
    ["青岬瑞和农化有限公司", "经销商", None, "2017/3/9", "没有这个省", "没有电话", None, None],
    ["云渚绿源园艺有限公司", "企业", None, "20200401", "四川", "13900000002", "绿源路　３ 号", None],
]
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1366, "height": 768}


def shot(page: Page, name: str) -> None:
    """No sideways scroll on a phone; pictures where a folder for them is named."""
    folder = os.environ.get("GUANHU_SHOTS")
    for size, mark in ((NARROW, "390"), (WIDE, "1366")):
        page.set_viewport_size(size)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{name} at {mark}: {over} px too wide"
        if folder:
            page.screenshot(path=f"{folder}/{name}-{mark}.png", full_page=True)


@pytest.fixture
def signed_in(live_server, world, page: Page) -> Page:
    page.goto(f"{live_server.url}/sign-in")
    page.locator("#username").fill("ann")
    page.locator("#password").fill(PASSWORD)
    page.locator("form.box button[type=submit]").click()
    expect(page.locator("#side")).to_be_visible()
    return page


def send(page: Page, path: Path) -> None:
    page.set_input_files("#f-file", path)
    page.get_by_role("button", name="上传并校验").click()


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the browser complained of."""
    found: list[str] = []
    page.on("console", lambda line: found.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def download(page: Page, link: str, target: Path) -> Worksheet:
    """Press a link and keep what comes."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).click()
    waiting.value.save_as(target)
    return openpyxl.load_workbook(target).active


def bring_in(page: Page, rows: int) -> None:
    """Press the button, answer the question."""
    page.get_by_role("button", name=f"导入 {rows:,} 行").click()
    expect(page.locator("dialog[open]")).to_contain_text("新增")
    shot(page, "2-ask")
    page.locator("dialog[open] button[type=submit]").click()


def test_refused_rows_are_downloaded_mended_and_go_in(signed_in: Page, live_server, tmp_path, said):
    page = signed_in
    page.goto(f"{live_server.url}/customer/list/")
    page.locator(".head").get_by_role("link", name="导入", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("导入客户")
    template = download(page, "下载模板", tmp_path / "template.xlsx")
    assert "客户名称" in [cell.value for cell in template[1]]
    shot(page, "1-upload")

    book = openpyxl.Workbook()
    book.active.title = "客户"
    for row in [HEADS, *ROWS]:
        book.active.append(row)
    book.save(tmp_path / "华东客户.xlsx")
    send(page, tmp_path / "华东客户.xlsx")
    expect(page.locator("main")).to_contain_text("还没有写入任何数据")
    expect(page.locator("main")).to_contain_text("雁浦金谷种业有限公司")
    shot(page, "2-check")
    page.get_by_role("link", name="拒绝 3").click()
    shot(page, "2-refused")
    mended = download(page, "下载拒绝的行", tmp_path / "mended.xlsx")
    bring_in(page, 2)
    expect(page.locator(".figs")).to_contain_text("新增")
    shot(page, "3-result")

    assert [mended.cell(1, n).value for n in range(1, 9)] == HEADS
    row = next(row for row in mended.iter_rows(min_row=2) if row[0].value == "雁浦金谷种业有限公司")
    row[3].value = "2019-02-27"
    mended.parent.save(tmp_path / "mended.xlsx")
    page.get_by_role("link", name="换一个文件").click()
    send(page, tmp_path / "mended.xlsx")
    bring_in(page, 1)
    page.get_by_role("link", name="打开列表").click()
    for name in (ROWS[0][0], ROWS[1][0], ROWS[4][0]):
        expect(page.locator("main")).to_contain_text(str(name))
    page.goto(f"{live_server.url}/import/")
    shot(page, "0-index")
    assert said == []


def test_a_bad_file_and_unknown_heads_are_answered_on_the_page(signed_in: Page, live_server, tmp_path):
    page = signed_in
    page.goto(f"{live_server.url}/import/new?resource=customer")
    (tmp_path / "picture.xlsx").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    send(page, tmp_path / "picture.xlsx")
    expect(page.get_by_role("alert").first).to_contain_text("PNG")
    shot(page, "4-bad")
    book = openpyxl.Workbook()
    for row in (["名头", "公司地"], ["澜洲恒泽种业有限公司", "新路 2 号"]):
        book.active.append(row)
    book.create_sheet("另一张").append(["x"])
    book.save(tmp_path / "odd.xlsx")
    send(page, tmp_path / "odd.xlsx")
    expect(page.get_by_role("alert").first).to_contain_text("没有一列能对应")
    shot(page, "4-columns")
    page.get_by_label("对应字段 名头").select_option(label="客户名称")
    page.get_by_role("button", name="重新校验").click()
    expect(page.get_by_role("button", name="导入 1 行")).to_be_visible()


def test_a_large_file_shows_its_progress_and_then_its_result(signed_in: Page, live_server, tmp_path):
    page = signed_in
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("客户")
    sheet.append(["客户名称", "联系地址"])
    for number in range(8_000):
        sheet.append(
            [f"客户{number:05}有限公司", f"大路 {number} 号，这里写得长一些，好让文件大一点 {number * 7919}"]
        )
    book.save(tmp_path / "large.xlsx")
    page.goto(f"{live_server.url}/import/new?resource=customer")
    send(page, tmp_path / "large.xlsx")
    expect(page.locator("#job")).to_be_visible()
    shot(page, "5-checking")
    expect(page.get_by_role("button", name="导入 8,000 行")).to_be_visible(timeout=60_000)
    shot(page, "5-check")
    bring_in(page, 8_000)
    expect(page.locator("#job")).to_contain_text("共 8,000", timeout=60_000)
    shot(page, "5-writing")
    expect(page.locator(".figs")).to_contain_text("8,000", timeout=40_000)
    shot(page, "5-result")
    page.get_by_role("button", name="撤销导入").click()
    page.locator("dialog[open] button[type=submit]").click()
    expect(page.locator("#job")).to_contain_text("撤销中")
    shot(page, "5-undoing")
    expect(page.locator("main")).to_contain_text("写入的内容已全部收回", timeout=60_000)


def test_too_large_a_file_is_told_its_limit(signed_in: Page, live_server, tmp_path):
    page = signed_in
    page.goto(f"{live_server.url}/import/new?resource=customer")
    (tmp_path / "huge.csv").write_bytes(b"x," * (20 << 20))
    send(page, tmp_path / "huge.csv")
    expect(page.locator("main")).to_contain_text("文件超过 25 MB")
    shot(page, "6-too-large")
