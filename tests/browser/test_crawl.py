"""Every page three people can reach by links: words only, in their language, and nothing broken."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar

import pytest
from playwright.sync_api import Browser, Page as BrowserPage

from app import models
from app.columns import Choice
from app.roles import Act, Reach
from app.services.demo import names, staff
from app.services.fields import field_named
from app.services.language.kinds import KIND_WORDS
from tests.browser.conftest import Demo
from tests.conftest import CHECKOUT

ROLES = ("account_manager", "sales_head", "administrator")
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SILENT = {"script", "style", "template", "title", "kbd"}
SPOKEN = {"title", "aria-label", "placeholder", "alt"}


class Reader:
    """A browser without a screen that follows redirects and reads whatever comes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.opener.addheaders = [
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36")
        ]

    def get(self, path: str) -> tuple[int, str]:
        """The status and the text of an address."""
        return self._open(urllib.request.Request(self.url + urllib.parse.quote(path, safe="/?&=%,.-:+")))

    def post(self, path: str, data: dict[str, str]) -> tuple[int, str]:
        """Send a form, with the token of the sign-in page or the one after it."""
        _status, page = self.get("/sign-in")
        token = re.search(r'name="csrf_token"\s+value="([^"]+)"', page)
        body = urllib.parse.urlencode({"csrf_token": token[1] if token else "", **data}).encode()
        return self._open(urllib.request.Request(self.url + path, body, {"Referer": self.url}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")


class Page(HTMLParser):
    """What a person reads of a page, and where its links lead; codes and free text of people are told apart."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.open: list[tuple[str, bool, bool]] = []
        self._label = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "a" and named.get("href"):
            self.links.append(named["href"])
        silent, code = self._around()
        silent = silent or tag in SILENT or (named.get("lang", "zh").startswith("en") and tag == "button")
        code = code or named.get("data-c") in CODES
        if not silent:
            self.texts += [named[name] for name in SPOKEN if named.get(name) and not code]
        if tag not in VOID:
            self.open.append((tag, silent, code))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        silent, code = self._around()
        text = " ".join(data.split())
        typed = bool(self.open) and self.open[-1][0] == "textarea"
        if not text or silent or typed:
            return
        if self.open and self.open[-1][0] == "dt":
            self._label = text
        in_dd = any(tag == "dd" for tag, _silent, _code in self.open)
        if not code and not (in_dd and self._label in CODE_LABELS):
            self.texts.append(text)

    def _around(self) -> tuple[bool, bool]:
        return self.open[-1][1:] if self.open else (False, False)


CODES = {"code", "key", "no", "name_en", "label_en", "category"}
"""Columns that hold identifiers, which are the same in every language."""
CODE_LABELS = {"编号", "键", "英文名称", "Code", "Key"} | {
    label
    for model, name in (
        (models.Lookup, "category"),
        (models.InfoItem, "choices"),
        (models.InfoItem, "required_at_stage"),
        (models.InfoItem, "required_if"),
        (models.InfoItem, "visible_if"),
    )
    for label in (field_named(model, name).label.zh, field_named(model, name).label.en)
}
"""Labels of what is a code, or is typed with codes and in both languages at once."""
LOG_OF_CODES = re.compile(r"/info_item/show/\d+\?tab=log")
"""A log that shows what was typed so, as it was typed."""

PYTHON = re.compile(
    r"\b(None(?!\.)|True|False|undefined|Undefined|NaN|nan|null)\b|Words\(|Cell\(|\{\{|\{%|%\(\w+\)s|<[A-Z]\w+ "
)
STOCK = re.compile(r"jquery|glyphicon|/static/appbuilder", re.IGNORECASE)
ENUM_WORDS = frozenset(
    member.value
    for kind in [*vars(models).values(), Act, Reach]
    if isinstance(kind, type) and issubclass(kind, Choice) and kind is not Choice
    for member in kind
)
"""Every word the database keeps for a closed set."""
COMPOUND_WORDS = frozenset(word for word in ENUM_WORDS if "_" in word)
"""Those that are no word of any language, wherever they stand."""
PLAIN_ENGLISH = {"counted"} | {words.en for words in KIND_WORDS.values()}
"""Words for a reader that are such a word by chance: whether a row counts in an evaluation, what a measure is a number of."""

SCHEMES = sorted((CHECKOUT / "app/packs").glob("*/schemes/*.yaml"))
"""What is evaluated by: their codes stand in both languages."""
NAMES = (
    *names.FOREIGN,
    *(person.name for person in staff.PEOPLE if person.name.isascii()),
    *(person.username for person in staff.PEOPLE),
    *("Excel", "CSV", "YAML", "English", "ABC", "MB", "Authorization", "Bearer", "Chrome", "Linux"),
    *("wd", "wh", "mo"),  # units as they are typed
    *(line[8:] for file in SCHEMES for line in file.read_text().splitlines() if line.startswith("scheme: ")),
)
"""What stays as it is in a Chinese page: names of the demo company's foreign people and firms, and of formats."""
LATIN_NAMES = {word for name in NAMES for word in re.findall(r"[A-Za-z]{2,}", name)}
IDENTIFIER = re.compile(
    r"\b[A-Z]{1,4}-?[A-Z]{0,3}\d[\w-]*\b"  # C000017, SP2026-000009, HY-SE030
    r"|\b[A-Z]+(-[A-Z]+)+\b|\b[0-9a-f]{16,}\b"  # CUST-YEAR, a checksum
    r"|\b\w*\*+\w*(@[\w.]+)?"  # what is masked
    r"|\b[\w.-]+@[\w.-]+"  # an address
    r"|\b[\w-]+\.(pdf|xlsx|xls|csv|txt|docx?|png|jpe?g)\b|\.(pdf|xlsx?|csv|docx?|png|jpe?g|txt)\b"
    r"|\b\d+ ?(kB|MB|KB)\b|\bAlt\b|\bEsc\b|\bCtrl\b"
)
ENGLISH = re.compile(r"[A-Za-z]{2,}")


@dataclass
class Found:
    """What a crawl has come to."""

    pages: int = 0
    shapes: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def blame(self, where: str, what: str) -> None:
        self.faults.append((where, what))


ORDERINGS = {"sort", "size"}
VARIATIONS = {"page", *ORDERINGS}
"""Ways to look at one list; one at a time is enough."""


def shape_of(address: str) -> str:
    """The address without numbers and values: pages of one shape come from one template and one view."""
    parts = urllib.parse.urlsplit(address)
    kept = [
        f"{name}={value}" if name == "tab" else name for name, value in urllib.parse.parse_qsl(parts.query)
    ]
    return re.sub(r"\d+", "#", parts.path) + "?" + "&".join(sorted(kept))


def arguments(address: str) -> set[str]:
    """The names of the arguments of an address."""
    return {name for name, _value in urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query)}


EVERY = 10**9
"""As many pages of a kind as there are."""


def crawl(reader: Reader, tongue: str, most: int) -> Found:
    """Follow every link from the first page on, breadth first; read each page that answers.

    Of a kind at most `most` are read; of the ways to order and size one list, one is enough.
    """
    found, waiting, known = Found(), deque(["/"]), {"/"}
    while waiting:
        address = waiting.popleft()
        shape = shape_of(address)
        if found.shapes.get(shape, 0) >= (1 if arguments(address) & ORDERINGS else most):
            continue
        found.shapes[shape] = found.shapes.get(shape, 0) + 1
        status, markup = reader.get(address)
        found.pages += 1
        if status != 200:
            found.blame(address, f"answers {status}")
        if status != 200 or not markup.lstrip().lower().startswith("<!doctype html"):
            continue
        page = Page(markup)
        if not LOG_OF_CODES.match(address):
            for fault in faults_of(markup, page, tongue):
                found.blame(address, fault)
        for link in page.links:
            target = urllib.parse.urljoin(address, link).split("#")[0]
            if target.startswith("/") and target not in known and len(VARIATIONS & arguments(target)) < 2:
                known.add(target)
                waiting.append(target)
            elif urllib.parse.urlsplit(target).netloc:
                found.blame(address, f"leads away: {target}")
    return found


def faults_of(markup: str, page: Page, tongue: str) -> Iterator[str]:
    """What a person should not have to read on this page."""
    if said := STOCK.search(markup):
        yield f"stock: {said[0]}"
    raw = ENUM_WORDS - (PLAIN_ENGLISH if tongue == "en" else set())
    for text in page.texts:
        if said := PYTHON.search(text):
            yield f"Python: {said[0]} in {text[:60]}"
        if text in raw or not COMPOUND_WORDS.isdisjoint(text.split()):
            yield f"enum word: {text[:60]}"
        elif tongue == "zh" and (words := english_in(text)):
            yield f"English: {' '.join(words)} in {text[:60]}"


def english_in(text: str) -> list[str]:
    """The English words of a Chinese text that are no name and no identifier."""
    return [word for word in ENGLISH.findall(IDENTIFIER.sub(" ", text)) if word not in LATIN_NAMES]


def signed_in(demo: Demo, role: str, tongue: str) -> Reader:
    reader = Reader(demo.url)
    username, password = demo.accounts[role]
    reader.post("/sign-in", {"username": username, "password": password})
    reader.post("/language", {"language": tongue, "next": "/"})
    status, markup = reader.get("/")
    assert status == 200 and 'id="side"' in markup, markup[-1000:]
    return reader


@pytest.mark.live
@pytest.mark.req("W-11")
@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_pages_of_every_kind_a_person_reaches_are_whole_and_in_his_language(
    demo: Demo, role: str, tongue: str
):
    found = crawl(signed_in(demo, role, tongue), tongue, most=2)
    assert found.faults == []
    assert found.pages > 100, "the crawl went nowhere"


@pytest.mark.live
@pytest.mark.long
@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_every_page_a_person_reaches_is_whole_and_in_his_language(demo: Demo, role: str, tongue: str):
    found = crawl(signed_in(demo, role, tongue), tongue, most=EVERY)
    print(f"{found.pages} pages of {len(found.shapes)} kinds read as {role} in {tongue}")
    assert found.faults == []
    assert found.pages > 1_000, "the crawl went nowhere"


def test_the_crawl_sees_what_it_is_looking_for():
    markup = (
        "<!doctype html><p>None</p><p>in_approval</p><p>Submit it</p><a href='https://example.org'>乙</a>"
    )
    found = list(faults_of(markup, Page(markup), "zh"))
    assert [fault.split(":")[0] for fault in found] == ["Python", "English", "enum word", "English"]
    fine = "<p>C000017 · SP2026-000009</p><p>林知远 linzhiyuan</p><dl><dt>编号</dt><dd>wholesale</dd></dl>"
    assert list(faults_of(fine, Page(fine), "zh")) == []


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("role", ROLES)
def test_no_page_scrolls_sideways_on_a_phone(demo: Demo, browser: Browser, role: str):
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale="zh-CN")
    enter(page, demo, role)
    wide = []
    for address in main_pages(page, demo):
        page.goto(demo.url + address, wait_until="load")
        page.wait_for_timeout(60)  # its scripts arrange the page
        if page.evaluate(TOO_WIDE) and (page.wait_for_timeout(500) or page.evaluate(TOO_WIDE)):
            wide.append((address, page.evaluate(BEYOND)))
    page.close()
    assert wide == []


TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
BEYOND = """() => [...document.querySelectorAll('body *')].filter(
    (part) => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).slice(0, 5).map((part) => `${part.tagName}.${part.className}: ${part.textContent.trim().slice(0, 30)}`)"""
"""What stands out to the right, so that who reads the failure knows where to look."""


def enter(page: BrowserPage, demo: Demo, role: str) -> None:
    page.goto(f"{demo.url}/sign-in")
    page.locator("#username").fill(demo.accounts[role][0])
    page.locator("#password").fill(demo.accounts[role][1])
    page.locator("form.box button[type=submit]").click()
    page.locator("#side").wait_for(state="attached")


def main_pages(page: BrowserPage, demo: Demo) -> list[str]:
    """Everything on the menu, and of each list the first record, its form and a form for a new one; his own pages."""
    found = page.evaluate("[...document.querySelectorAll('#side a')].map((a) => a.getAttribute('href'))")
    for address in [one for one in found if one.endswith("/list/")]:
        page.goto(demo.url + address)
        found += page.evaluate("""() => ['tbody .key a', 'tbody .do a', '.head .btn-primary'].map(
            (s) => document.querySelector(s)?.getAttribute('href')).filter((a) => a)""")
    return [
        *dict.fromkeys(found),
        "/account/profile",
        "/account/sessions",
        "/search?q=1",
        "/notices",
        "/no/such/page",
    ]
