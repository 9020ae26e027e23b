"""Pictures of the main screens into docs/screens: the product on a fresh demo company, seen by ordinary people.

Run by `make shots`; names of pictures after it take only those. The instance is made in a temporary folder and
dropped; nothing but 127.0.0.1 is asked for anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "docs" / "screens"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
HEIGHTS = {1366: 900, 390: 844}
SECONDS = 180


@dataclass(frozen=True)
class Shot:
    """One picture: what is seen, by the first account of which role, and how it looks.

    `way` is an address, then what is clicked from there on, each a CSS selector.
    """

    name: str
    role: str
    way: tuple[str, ...]
    tongue: str = "zh"
    width: int = 1366
    theme: str = "light"

    @property
    def file(self) -> str:
        return f"{self.name}-{self.tongue}-{self.width}-{self.theme}.png"


FIRST_ROW = "tbody tr .key a"
TODAY, CUSTOMERS = ("/",), ("/customer/list/?in.status=active&sort=-last_order_on",)
CUSTOMER = ("/customer/list/?in.grade=GENERAL&sort=-last_order_on", FIRST_ROW)
APPROVAL = ("/approval/todo", FIRST_ROW)
FORM = (*CUSTOMER, ".head .acts a[data-key=e]")
SELLER, HEAD, KEEPER, ADMINISTRATOR, EVALUATOR = (
    "account_manager",
    "sales_head",
    "info_keeper",
    "administrator",
    "marketing",
)

SHOTS = (
    Shot("sign-in", "", ("/sign-in",)),
    Shot("today", SELLER, TODAY),
    Shot("today", SELLER, TODAY, width=390),
    Shot("customers", SELLER, CUSTOMERS),
    Shot("customers", SELLER, CUSTOMERS, tongue="en"),
    Shot("customers", SELLER, CUSTOMERS, theme="dark"),
    Shot("customers", SELLER, CUSTOMERS, width=390),
    Shot("customer", SELLER, CUSTOMER),
    Shot("customer", SELLER, CUSTOMER, tongue="en", theme="dark"),
    Shot("customer", SELLER, CUSTOMER, width=390),
    Shot("form", SELLER, FORM),
    Shot("form", SELLER, FORM, tongue="en", width=390),
    Shot("inbox", HEAD, ("/approval/todo",)),
    Shot("inbox", HEAD, ("/approval/todo",), width=390),
    Shot("approval", HEAD, APPROVAL),
    Shot("approval", HEAD, APPROVAL, tongue="en", theme="dark"),
    Shot("approval", HEAD, APPROVAL, width=390),
    Shot("import", KEEPER, ("/import/new?resource=customer",)),
    Shot("evaluation", EVALUATOR, ("/evaluation/", FIRST_ROW)),
    Shot("evaluation", EVALUATOR, ("/evaluation/", FIRST_ROW), tongue="en", theme="dark"),
    Shot("grade", SELLER, (*CUSTOMER, ".head a.st, .head .gr")),
    Shot("rights", ADMINISTRATOR, ("/role_grant/list/",)),
    Shot("profile", SELLER, ("/account/profile",)),
    Shot("profile", SELLER, ("/account/profile",), tongue="en", width=390, theme="dark"),
)


@contextlib.contextmanager
def company() -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """A served demo company: its address, and name and password of the first account of each role."""
    folder = Path(tempfile.mkdtemp(prefix="guanhu-shots-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUANHU_")}
    environ = {
        **kept,
        "GUANHU_ENV": "development",
        "GUANHU_INSTANCE": str(folder),
        "GUANHU_PORT": str(port),
        "PYTHONPATH": str(CHECKOUT),
    }
    command = [sys.executable, "-m", "app.cli"]
    server = None
    try:
        server = subprocess.Popen(
            [*command, "serve", "--demo"],
            env=environ,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        yield url, accounts(folder)
    finally:
        if server is not None:
            server.terminate()
            server.wait(SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def accounts(folder: Path) -> dict[str, tuple[str, str]]:
    """Name and password of the first account of each role of the demo company."""
    found: dict[str, tuple[str, str]] = {}
    for line in (folder / "demo-accounts.txt").read_text(encoding="utf-8").splitlines():
        if "\t" in line:
            username, password, role, _name = line.split("\t")
            found.setdefault(role, (username, password))
    return found


def wait_for(url: str) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("the server did not start")


def chromium() -> str:
    found = os.environ.get("GUANHU_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return found or sys.exit("no Chromium: install it, or set GUANHU_CHROMIUM to the program")


def sign_in(page: Page, url: str, account: tuple[str, str] | None, tongue: str) -> None:
    """In as this person, in this language."""
    page.goto(f"{url}/sign-in")
    if account:
        page.locator("#username").fill(account[0])
        page.locator("#password").fill(account[1])
        page.locator("form.box button[type=submit]").click()
        page.locator("#side").wait_for(state="attached")
    if not (page.locator("html").get_attribute("lang") or "").startswith(tongue):
        # Pressed by script: on a phone the button stands in the menu of the account.
        page.locator(f"button[name=language][value={tongue}]").first.evaluate("button => button.click()")
        page.locator(f"html[lang|={tongue}]").wait_for(state="attached")


def take(
    browser: Browser, url: str, known: dict[str, tuple[str, str]], shots: list[Shot], folder: Path
) -> None:
    """Take these pictures, one browser for each person and look."""
    for one in {(shot.role, shot.tongue, shot.width, shot.theme): shot for shot in shots}.values():
        context = browser.new_context(
            viewport={"width": one.width, "height": HEIGHTS[one.width]},
            color_scheme=one.theme,
            locale="zh-CN" if one.tongue == "zh" else "en-GB",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        page = context.new_page()
        sign_in(page, url, known.get(one.role), one.tongue)
        alike = (one.role, one.tongue, one.width, one.theme)
        for shot in shots:
            if (shot.role, shot.tongue, shot.width, shot.theme) == alike:
                go(page, url, shot.way)
                page.screenshot(path=folder / shot.file, animations="disabled")
                print(f"{shot.file}\t{(folder / shot.file).stat().st_size // 1024} kB")
        context.close()


def go(page: Page, url: str, way: tuple[str, ...]) -> None:
    page.goto(url + way[0], wait_until="load")
    for selector in way[1:]:
        page.locator(selector).first.click()
        page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(150)


def main() -> None:
    wanted = [
        shot for shot in SHOTS if not sys.argv[1:] or any(re.search(w, shot.file) for w in sys.argv[1:])
    ]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with company() as (url, known), sync_playwright() as playwright:
        for tongue, locale in (("zh", "zh_CN"), ("en", "en_GB")):
            # The browser's own words (file and date inputs) follow the machine's language.
            browser = playwright.chromium.launch(
                executable_path=chromium(),
                args=[*FLAGS, f"--lang={locale.replace('_', '-')}"],
                env={**os.environ, "LANGUAGE": locale, "LANG": f"{locale}.UTF-8"},
            )
            take(browser, url, known, [shot for shot in wanted if shot.tongue == tongue], FOLDER)
            browser.close()


if __name__ == "__main__":
    main()
