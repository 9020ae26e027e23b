"""Every template is drawn with a believable page: in both languages, on a desk and on a phone, in light and dark."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.conftest import missing
from tests.views import gallery

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = CHECKOUT / "app" / "templates"
CATALOGUE = CHECKOUT / "app" / "translations" / "zh" / "LC_MESSAGES" / "messages.po"
AXE = CHECKOUT / "build" / "browser-tests" / "axe.min.js"
INNER = {
    "layout.html",
    "fragment.html",
    "macros.html",
    "import/frame.html",
    "record/bulk.html",
    "record/cell.html",
}

ADDRESSES = sorted(gallery.PAGES)
LOOKS = [
    (1366, "en", "dark"),
    (390, "zh", "light"),
    pytest.param(1366, "zh", "light", marks=pytest.mark.long),
    pytest.param(390, "en", "dark", marks=pytest.mark.long),
]


class Reader(HTMLParser):
    """What a person reads of a page, what its elements are called, and what must not be there."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.ids: Counter[str] = Counter()
        self.wants: set[str] = set()
        self.odd: list[str] = []
        self.tags: Counter[str] = Counter()
        self._in_template = 0
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._in_template += tag == "template"
        named = dict(attrs)
        self.odd += [f"{tag} {name}" for name in named if name == "style" or re.match(r"on[a-z]+$", name)]
        if tag in {"style", "center", "font"} or (tag == "script" and not named.get("src")):
            self.odd.append(tag)
        if self._in_template:
            return
        self.ids.update([named["id"]] if named.get("id") else [])
        self.wants.update((named.get("for") or "").split())
        for name in ("aria-describedby", "aria-labelledby"):
            self.wants.update((named.get(name) or "").split())
        self.text += [
            v for name, v in attrs if v and name in {"title", "aria-label", "placeholder", "data-l", "value"}
        ]

    def handle_endtag(self, tag: str) -> None:
        self._in_template -= tag == "template"

    def handle_data(self, data: str) -> None:
        if not data.startswith("DOCTYPE"):
            self.text.append(data)


@pytest.fixture(scope="module")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translations")
    compiled = folder / "zh" / "LC_MESSAGES" / "messages.mo"
    compiled.parent.mkdir(parents=True)
    with CATALOGUE.open("rb") as words, compiled.open("wb") as out:
        write_mo(out, read_po(words, locale="zh"))
    return folder


@pytest.fixture(scope="module")
def shown(translations: Path) -> FlaskClient:
    return gallery.create(translations).test_client()


@pytest.fixture(scope="module")
def address(translations: Path) -> Iterator[str]:
    if not (CHECKOUT / "app" / "static" / "vendor" / "manifest.json").exists():
        missing("no app/static/vendor: run `make assets`")
    server = make_server("127.0.0.1", 0, gallery.create(translations), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


# --- What is written -----------------------------------------------------------------------------------------------


def test_every_template_has_a_page_in_the_gallery():
    names = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    drawn = {template for template, _make in gallery.PAGES.values()}
    owned = {
        name for name in names if name.split("/")[0] in {t.split("/")[0] for t in drawn} or "/" not in name
    }
    assert owned - INNER - drawn == set()


@pytest.mark.parametrize("tongue", ["zh", "en"])
@pytest.mark.parametrize("where", ADDRESSES)
def test_a_page_shows_words_and_never_a_python_value(shown: FlaskClient, where: str, tongue: str):
    answer = shown.get(where, query_string={"as": tongue, "flash": "1"})
    assert answer.status_code == 200
    page = Reader(answer.text)
    read = " ".join(page.text)
    assert not re.search(r"\b(None|True|False|undefined|Undefined)\b|Words\(|Cell\(|\{\{|%\(", read)
    assert page.odd == [], "nothing inline: the policy of the pages forbids it"
    assert {name: n for name, n in page.ids.items() if n > 1} == {}
    assert page.wants - set(page.ids) == set(), "a label or description points nowhere"
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1


@pytest.mark.parametrize("where", ADDRESSES)
def test_a_chinese_page_holds_no_english_sentence_of_the_catalogue(shown: FlaskClient, where: str):
    page = Reader(shown.get(where, query_string={"as": "zh"}).text)
    read = {text.strip() for text in page.text}
    with CATALOGUE.open("rb") as words:
        english = {m.id for m in read_po(words, locale="zh") if m.id and m.string != m.id}
    assert read & english == set()


@pytest.mark.req("W-11")
def test_every_sentence_of_code_and_templates_has_its_chinese():
    with CATALOGUE.open("rb") as words:
        known = {m.id: m.string for m in read_po(words, locale="zh") if m.id}
    methods = [("templates/**.html", "jinja2"), ("views/**.py", "python")]
    used = {
        found[2]
        for found in extract_from_dir(CHECKOUT / "app", methods, {"templates/**.html": {"silent": "false"}})
    }
    assert sorted(s for s in used if not known.get(s)) == [], "run `make catalogues` and translate"
    for english, chinese in known.items():
        places = re.compile(r"%\((\w+)\)")
        assert set(places.findall(english)) == set(places.findall(chinese)), english


def test_a_fragment_is_only_the_blocks_that_were_asked_for(shown: FlaskClient):
    part = shown.get("/list", query_string={"as": "en", "fragment": "chips results"}).text
    assert "<html" not in part
    assert "<h1" not in part
    assert 'id="results"' in part
    assert 'id="chips"' in part
    assert 'id="job"' in shown.get("/job", query_string={"fragment": "progress"}).text
    assert 'id="found-list"' in shown.get("/search", query_string={"fragment": "results", "q": "a"}).text
    assert 'id="explanation"' in shown.get("/explain", query_string={"fragment": "explanation"}).text


def test_nothing_of_the_stock_frame_is_left(shown: FlaskClient):
    for where in ADDRESSES:
        text = shown.get(where).text
        assert not re.search(r"jquery|glyphicon|/static/appbuilder", text, re.IGNORECASE), where


def test_what_a_person_typed_is_shown_as_text_and_not_as_markup(
    shown: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    bad = "<script>alert(1)</script>'\"><img src=x>"
    monkeypatch.setattr(gallery, "COMPANY", gallery.t(bad, bad))
    for where in ADDRESSES:
        text = shown.get(where, query_string={"as": "en"}).text
        assert "<script>alert" not in text, where
        assert "<img" not in text, where


# --- What is seen ----------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(("width", "tongue", "theme"), LOOKS)
def test_no_page_breaks_the_policy_scrolls_sideways_or_fails_the_accessibility_check(
    browser: Browser, address: str, width: int, tongue: str, theme: str
):
    if not AXE.exists():
        missing("no build/browser-tests/axe.min.js: run `python deploy/assets.py --tests`")
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    context.add_init_script(
        "window.broken = [];"
        "document.addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective));"
        "window.addEventListener('error', (e) => broken.push(e.message));"
    )
    context.add_init_script(path=AXE)
    page = context.new_page()
    faults = []
    for where in ADDRESSES:
        page.goto(f"{address}{where}?as={tongue}&theme={theme}", wait_until="load")
        page.wait_for_timeout(60)
        faults += [(where, fault) for fault in page.evaluate("broken")]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append((where, "scrolls sideways"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        faults += [
            (where, v["id"], v["nodes"][0]["html"][:200])
            for v in found
            if v["impact"] in {"serious", "critical"}
        ]
    context.close()
    assert faults == []


@pytest.mark.browser
def test_what_is_touched_on_a_phone_is_large_enough(browser: Browser, address: str):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    small = """() => [...document.querySelectorAll(
        'main :is(button, a.btn, select, input), .bot > *, .top .tool')].filter((e) => {
          const r = e.getBoundingClientRect();
          return r.width > 1 && r.height > 1 && r.height < 43
            && !e.matches('.btn-link, .btn-sm, .btn-close, [type=checkbox], [type=radio], .tomselected')
            && !e.closest('.ts-control, .find');
        }).map((e) => e.outerHTML.slice(0, 120))"""
    for where in ADDRESSES:
        page.goto(f"{address}{where}?as=en")
        assert page.evaluate(small) == [], where
    page.close()


@pytest.mark.browser
def test_ticked_rows_raise_a_bar_that_counts_them_and_go_along_with_the_act(page: Page, address: str):
    page.goto(f"{address}/list?as=en")
    bar = page.locator("#bar-customer")
    expect(bar).to_be_hidden()
    page.get_by_label("Select this page").check()
    expect(bar.locator("[data-n]")).to_have_text("16")
    bar.get_by_text("Select all 1,342").click()
    expect(bar.get_by_text("All 1,342 are selected")).to_be_visible()
    bar.get_by_role("button", name="Change manager").click()
    dialog = page.locator("dialog[open]")
    assert dialog.locator("input[name=ids]").count() == 16
    assert dialog.locator("input[name=all]").input_value() == "1"
    assert dialog.locator("input[name=view]").input_value() == "mine"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    bar.get_by_role("button", name="Clear selection").click()
    expect(bar).to_be_hidden()


@pytest.mark.browser
def test_a_card_is_ticked_on_a_phone(browser: Browser, address: str):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/list?as=en")
    page.locator("tbody .pick input").first.check()
    expect(page.locator("#bar-customer [data-n]")).to_have_text("1")
    expect(page.locator("#bar-customer")).to_be_in_viewport()
    page.close()


@pytest.mark.browser
def test_a_picker_asks_the_server_and_shows_a_second_line_for_namesakes(page: Page, address: str):
    page.goto(f"{address}/form?as=zh")
    expect(page.locator("main select[data-picker]:not(.tomselected)")).to_have_count(0)
    box = page.get_by_role("combobox", name="上级客户")
    box.click()
    box.press_sequentially("lzy")
    options = page.locator(".ts-dropdown .option:visible")
    expect(options).to_have_count(2)
    expect(options.nth(1)).to_contain_text("华南销售部 · 0417")
    options.nth(1).click()
    assert page.locator("select[name=parent_id]").input_value() == "3"


@pytest.mark.browser
def test_a_dialog_demands_the_opinion_and_gives_the_focus_back(page: Page, address: str):
    page.goto(f"{address}/approval?as=zh")
    button = page.locator(".stick > button", has_text="驳回")
    button.click()
    dialog = page.locator("dialog[open]")
    expect(dialog.get_by_label("意见")).to_be_focused()
    dialog.get_by_role("button", name="驳回").click()
    expect(dialog).to_be_visible()
    assert dialog.locator("input[name=version_no]").input_value() == "12"
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


@pytest.mark.browser
def test_a_saved_sentence_fills_the_opinion(page: Page, address: str):
    page.goto(f"{address}/approval?as=zh")
    page.locator(".stick > button", has_text="同意").click()
    page.get_by_role("button", name="同意，按标准执行。").click()
    expect(page.locator("dialog[open] textarea")).to_have_value("同意，按标准执行。")


@pytest.mark.browser
def test_letters_are_shortcuts_only_while_nobody_types(page: Page, address: str):
    page.goto(f"{address}/page?as=en")
    page.locator("#q-all").focus()
    page.keyboard.press("e")
    assert page.url.split("?")[0].endswith("/page")
    page.locator("#main").focus()
    page.keyboard.press("e")
    page.wait_for_url("**/form")


@pytest.mark.browser
def test_keys_of_an_input_method_do_nothing(page: Page, address: str):
    page.goto(f"{address}/page?as=zh")
    press = """(key) => document.getElementById('main').dispatchEvent(new KeyboardEvent(
        'keydown', {key, bubbles: true, cancelable: true, isComposing: true}))"""
    page.evaluate(press, "e")
    page.wait_for_timeout(100)
    assert page.url.split("?")[0].endswith("/page")


@pytest.mark.browser
def test_the_theme_and_the_menu_are_as_they_were_left(page: Page, address: str):
    page.goto(f"{address}/list?as=en&theme=light")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    page.locator(".top [data-gh=theme]").click()
    page.locator(".top [data-gh=menu]").click()
    expect(page.locator("#side")).to_be_hidden()
    page.locator("details[data-menu=risk]").evaluate("d => d.open = true")
    page.wait_for_timeout(50)
    page.reload()
    assert page.locator("html").get_attribute("data-side") == "off"
    page.locator(".top [data-gh=menu]").click()
    expect(page.locator("details[data-menu=risk] li").first).to_be_visible()


@pytest.mark.browser
def test_leaving_a_changed_form_asks_first_and_saving_does_not(page: Page, address: str):
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{address}/new?as=en")
    page.get_by_label("Customer name").fill("Another name")
    page.locator(".brand").click()
    page.wait_for_url("**/")
    assert asked == ["beforeunload"]
    page.goto(f"{address}/new?as=en")
    page.get_by_label("Customer name").fill("Another name")
    with page.expect_navigation(
        url="**/form"
    ) as saved:  # seen to its end: a browser cannot close while it saves
        page.keyboard.press("Control+s")
    assert saved.value.request.method == "POST"
    assert asked == ["beforeunload"]


@pytest.mark.browser
def test_the_summary_of_faults_leads_to_the_field(page: Page, address: str):
    page.goto(f"{address}/form?as=en")
    expect(page.locator("[data-problems]")).to_be_focused()
    page.get_by_role("link", name="E-mail: the @ is missing").click()
    expect(page.get_by_label("E-mail")).to_be_focused()


@pytest.mark.browser
def test_lines_are_added_with_numbers_of_their_own(page: Page, address: str):
    page.goto(f"{address}/new?as=en")
    page.get_by_role("button", name="Add a line").click()
    page.get_by_role("button", name="Add a line").click()
    names = page.locator("[data-lines] tbody input:not([type=hidden])").evaluate_all(
        "all => all.map(i => i.name)"
    )
    assert names == [f"lines-{n}-{field}" for n in range(3) for field in ("product", "qty")]


@pytest.mark.browser
def test_searching_renews_the_rows_and_leaves_the_typing_alone(page: Page, address: str):
    page.goto(f"{address}/list?as=en")
    page.evaluate("document.querySelector('#results').dataset.old = '1'")
    page.get_by_label("Search in this list").press_sequentially("heng")
    expect(page.locator("#results[data-old]")).to_have_count(0)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("heng")
    assert "q=heng" in page.url
    assert page.locator("#results tbody tr").count() == 16


@pytest.mark.browser
def test_the_palette_finds_while_typing(page: Page, address: str):
    page.goto(f"{address}/home?as=zh")
    page.keyboard.press("Control+k")
    page.keyboard.type("恒泽")
    expect(page.locator("#found a").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator("#found a")).to_have_count(0)


@pytest.mark.browser
def test_a_sealed_value_is_shown_on_demand(page: Page, address: str):
    page.goto(f"{address}/page?as=zh")
    expect(page.locator(".pairs .sealed")).to_contain_text("138****1234")
    with page.expect_request("**/reveal") as asked:
        page.locator(".pairs .sealed button").click()
    assert asked.value.headers["x-csrftoken"] == "token"
    expect(page.locator(".pairs .sealed")).to_have_text("13800001234")
