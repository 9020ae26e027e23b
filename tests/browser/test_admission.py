"""The admission as five people meet it: in a real browser, in both languages, the leader on his phone."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import (
    Account,
    Admission,
    AdmissionKind,
    AdmissionStatus,
    ApprovalRequest,
    Contract,
    Customer,
    Lifecycle,
    RequestStatus,
    User,
    Visit,
    VisitKind,
)
from app.services import access
from app.services.fields import field_named, labels_of
from app.views.customers import CustomerView
from app.words import Words
from tests.world import HASH, PASSWORD, World, sign_in

PDF = b"%PDF-1.4\n% a plainly invented document\n"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1366, "height": 800}
NAME = "澜洲恒泽种业有限公司"

FILES = Words("客户档案", "Customer files")
NEW = Words("新建", "New")
SAVE = Words("保存", "Save")
EDIT = Words("编辑", "Edit")
ATTACH = Words("上传附件", "Attach a file")
KIND_OF_DOCUMENT = Words("材料类型", "Kind of document")
FILE = Words("文件", "File")
LICENCE = Words("营业执照", "Business licence")
REPORT = Words("实地考察报告", "Field inspection report")
AGREEMENT = Words("已签署的合作协议", "Signed agreement")
SUBMIT = Words("提交审批", "Submit for approval")
SUBMITTED = Words("已提交审批。", "Submitted for approval.")
OPEN = Words("打开审批单", "Open the approval")
APPROVE = Words("同意", "Approve")
COMMENT = Words("意见", "Comment")
DONE = Words("已办理。", "Done.")
HELD = Words("完成走访", "Mark as held")
ARCHIVE = Words("归档", "File")


class Desk:
    """One person's browser, with the words he reads."""

    def __init__(self, page: Page, url: str, tongue: str) -> None:
        self.page, self.url, self.tongue = page, url, tongue

    def says(self, words: Words) -> str:
        return words.spoken(self.tongue)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def labelled(self, model: type[Any], name: str, within: Locator | Page | None = None) -> Locator:
        """The input of this field, found by its label."""
        field = field_named(model, name)
        return self.input(field.label, within)

    def input(self, words: Words, within: Locator | Page | None = None) -> Locator:
        label = re.compile(rf"^{re.escape(self.says(words))}$")
        return (within or self.page.locator("main")).get_by_label(label).locator("visible=true").first

    def press(self, words: Words, within: Locator | Page | None = None) -> None:
        name = re.compile(rf"^\W*{re.escape(self.says(words))}( Ctrl S)?$")
        where = within or self.page.locator("main")
        where.get_by_role("button", name=name).or_(where.get_by_role("link", name=name)).first.click()

    def told(self, words: Words) -> None:
        expect(self.page.locator("#toasts")).to_contain_text(self.says(words))

    def choose(self, field: Locator, text: str) -> None:
        """Pick what the server offers for these letters, once its list of suggestions has taken the field's place."""
        expect(self.page.locator("main select[data-picker]:not(.tomselected)")).to_have_count(0)
        field.click()
        field.press_sequentially(text)
        self.page.locator(".ts-dropdown .option:visible", has_text=text).first.click()

    def attach(self, kind: Words) -> None:
        self.press(ATTACH)
        dialog = self.page.locator("dialog[open]")
        self.input(KIND_OF_DOCUMENT, dialog).select_option(label=self.says(kind))
        named = f"{self.says(kind)}.pdf"
        self.input(FILE, dialog).set_input_files(
            {"name": named, "mimeType": "application/pdf", "buffer": PDF}
        )
        self.press(ATTACH, dialog)
        expect(self.page.locator("#files")).to_contain_text(named)

    def approve(self, fill: Callable[[Locator], None] = lambda _dialog: None) -> None:
        self.press(APPROVE, self.page.locator(".stick"))
        dialog = self.page.locator("dialog[open]")
        fill(dialog)
        self.input(COMMENT, dialog).fill("ok")
        self.press(APPROVE, dialog)
        self.told(DONE)


pytestmark = pytest.mark.stands_on("seed-industry")


@pytest.fixture
def desks(live_server: Any, world: World, app: Any, browser: Browser) -> Iterator[Callable[..., Desk]]:
    """`desks("ann", "zh")`: a browser of its own in which this person is signed in and reads this language."""
    contexts = []

    def open_for(person: str, tongue: str, viewport: dict[str, int] = DESK) -> Desk:
        locale = "zh-CN" if tongue == "zh" else "en-GB"
        context = browser.new_context(locale=locale, timezone_id="Asia/Shanghai", viewport=viewport)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{live_server.url}/sign-in")
        page.locator("#username").fill(person)
        page.locator("#password").fill(PASSWORD)
        page.locator("form.box button[type=submit]").click()
        expect(page.locator("#side")).to_be_attached()
        if not (page.locator("html").get_attribute("lang") or "").startswith(tongue):
            if viewport == PHONE:
                page.locator(".top .dropdown > .tool").click()
            page.get_by_role("button", name="English").locator("visible=true").click()
        expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{tongue}"))
        return Desk(page, live_server.url, tongue)

    wrong: list[str] = []
    yield open_for
    for context in contexts:
        context.close()
    assert wrong == [], "a script failed or broke the policy of the pages"


def one(app: Any, model: type[Any]) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        return db.session.scalars(select(model).order_by(model.id.desc())).first()


def applies(ann: Desk, app: Any) -> int:
    """The seller enters a prospect, applies, attaches the licence and submits: the id of the request."""
    page = ann.page
    page.locator("#side summary", has_text=ann.says(labels_of(Customer))).click()
    page.locator("#side").get_by_role("link", name=ann.says(FILES)).click()
    ann.press(NEW)
    ann.labelled(Customer, "name").fill(NAME)
    ann.press(SAVE)
    expect(page.locator("h1")).to_have_text(NAME)
    trade = next(group.words for group in CustomerView.groups if Admission in group.models)
    page.locator("main .tabs").get_by_role("link", name=ann.says(trade)).click()
    page.locator("main .tabs").get_by_role("link", name=ann.says(labels_of(Admission))).click()
    ann.press(NEW)
    ann.labelled(Admission, "flow_kind").select_option(label=ann.says(AdmissionKind.cooperation.words))
    ann.labelled(Admission, "basic_situation").fill("种子经销，三个门店。")
    ann.labelled(Admission, "cooperation_intent").fill("长期供种。")
    ann.labelled(Admission, "expected_sales").fill("1200000")
    ann.labelled(Admission, "is_key_prospect").check()
    ann.press(SAVE)
    ann.attach(LICENCE)
    ann.press(SUBMIT)
    ann.press(SUBMIT, page.locator("dialog[open]"))
    ann.told(SUBMITTED)
    ann.press(OPEN)
    expect(page.locator("#main .line")).to_be_visible()
    expect(page.get_by_role("button", name=ann.says(APPROVE), exact=True)).to_have_count(0)
    return int(one(app, ApprovalRequest).id)


def opens_from_inbox(desk: Desk) -> None:
    """From the inbox, as people come: the first thing that waits."""
    desk.open("/approval/")
    expect(desk.page.locator("tbody tr")).to_have_count(1)
    desk.page.locator("tbody .key a").click()
    expect(desk.page.locator("h1")).to_contain_text(NAME)


def inspects(ina: Desk, app: Any) -> None:
    """The inspector records her visit with its report and chooses it."""
    page = ina.page
    ina.open("/visit/list/")
    ina.press(NEW)
    ina.choose(page.get_by_role("combobox", name=ina.says(field_named(Visit, "customer_id").label)), NAME)
    ina.labelled(Visit, "kind").select_option(label=ina.says(VisitKind.field_inspection.words))
    ina.labelled(Visit, "planned_on").fill("2026-11-02")
    ina.labelled(Visit, "content").fill("看了库房与样品。")
    ina.labelled(Visit, "conclusion").fill("符合条件。")
    ina.press(SAVE)
    ina.attach(REPORT)
    for move in (HELD, ARCHIVE):
        ina.press(move, page.locator(".head"))
        ina.press(move, page.locator("dialog[open]"))
        ina.told(DONE)
    opens_from_inbox(ina)
    label = ina.says(field_named(Admission, "field_visit_id").label)
    ina.approve(lambda dialog: ina.choose(dialog.get_by_role("combobox", name=label), "2026-11-02"))


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.req("E-01", "E-04", "E-05", "E-06", "E-08", "E-09")
@pytest.mark.parametrize(
    ("database", "tongue"), [("sqlite", "zh"), ("sqlite", "en"), ("postgresql", "zh")], indirect=["database"]
)
def test_five_people_admit_a_customer_in_the_browser(desks: Callable[..., Desk], app: Any, tongue: str):
    request = applies(desks("ann", tongue), app)

    hana = desks("hana", tongue)
    opens_from_inbox(hana)

    def review(dialog: Locator) -> None:
        for name in ("licence_checked", "reputation_good", "demand_real", "willing"):
            hana.labelled(Admission, name, dialog).check()
        hana.labelled(Admission, "recommendation", dialog).fill("建议合作。")

    hana.approve(review)
    assert one(app, Admission).recommendation == "建议合作。"

    inspects(desks("ina", tongue), app)
    assert one(app, Admission).field_visit_id == one(app, Visit).id

    leo = desks("leo", tongue, PHONE)
    opens_from_inbox(leo)
    assert leo.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    leo.approve()
    assert one(app, Admission).status is AdmissionStatus.approved

    fay = desks("fay", tongue)
    opens_from_inbox(fay)
    fay.attach(AGREEMENT)

    def sign(dialog: Locator) -> None:
        fay.labelled(Contract, "sign_on", dialog).fill("2026-11-20")
        fay.labelled(Contract, "effective_on", dialog).fill("2026-11-21")

    fay.approve(sign)
    assert one(app, Admission).status is AdmissionStatus.completed

    customer = one(app, Customer)
    assert customer.status is Lifecycle.active
    assert customer.code
    ann = desks("ann", tongue)
    ann.open(f"/customer/show/{customer.id}")
    expect(ann.page.locator(".head .st")).to_have_text(ann.says(Lifecycle.active.words))
    expect(ann.page.locator(".head")).to_contain_text(customer.code)
    ann.open(f"/approval/show/{request}")
    expect(ann.page.locator("#main .line")).to_contain_text("ok")


# ---- nobody decides on his own request ---------------------------------------------------------------------


@pytest.fixture
def asked(world: World, app: Any) -> int:
    """A request Hana, head of sales, made herself; her second account is that of a supervisor. The request's id."""
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        sam = db.session.get_one(User, world.users["sam"])
        second = User(username="hana2", first_name="韩娜", last_name="", email="hana2@example.invalid")
        second.active, second.password, second.roles = True, HASH, list(sam.roles)
        db.session.add(second)
        db.session.flush()
        db.session.add(Account(user_id=second.id, employee_id=world.employees["hana"]))
    hana = sign_in(app.test_client(), "hana")
    assert hana.post("/customer/add", data={"name": NAME, "_has_is_key": "1"}).status_code == 302
    form = {
        "customer_id": str(one(app, Customer).id),
        "flow_kind": "cooperation",
        "basic_situation": "种子经销",
        "cooperation_intent": "长期供种",
        "expected_sales": "1200000",
        "_has_is_key_prospect": "1",
    }
    assert hana.post("/admission/add", data=form).status_code == 302
    admission = one(app, Admission).id
    file = {"doc_type": "business_licence", "file": (io.BytesIO(PDF), "licence.pdf"), "next": "/"}
    hana.post(f"/attachment/add/admission/{admission}", data=file, content_type="multipart/form-data")
    answer = hana.post(f"/approval/submit/admission/{admission}", follow_redirects=True)
    request = one(app, ApprovalRequest)
    assert request is not None, answer.text[-3000:]
    return int(request.id)


def decision(client: Any, asked: int) -> dict[str, Any]:
    """Everything a decision must carry, as anybody who may read the request can find it out."""
    seen = client.get(f"/api/v1/approvals/{asked}").json
    filled = {"field.recommendation": "建议合作", "field.licence_checked": "1", "comment": "ok"}
    return {"seen_version": str(seen["version_no"]), "content_hash": seen["content_hash"], **filled}


@pytest.mark.req("E-05")
@pytest.mark.parametrize("account", ["hana", "hana2"])
def test_the_applicant_decides_by_no_door_and_by_no_second_account(app: Any, asked: int, account: str):
    client = sign_in(app.test_client(), account)
    assert "/approve" not in client.get(f"/approval/show/{asked}").text
    assert client.get("/approval/todo").text.count("/approval/show/") == 0
    body = decision(client, asked)
    assert client.get(f"/api/v1/approvals/{asked}").json["acts"].count("approve") == 0
    client.post(f"/approval/{asked}/approve", data={**body, "_cmd": str(uuid.uuid4())})
    assert where_it_stands(app) == (RequestStatus.running, None)
    answer = client.post(f"/api/v1/approvals/{asked}/approve", json=body)
    assert answer.status_code in {403, 404, 409}, answer.text
    assert where_it_stands(app) == (RequestStatus.running, None)


@pytest.mark.req("E-05")
def test_somebody_else_of_the_same_seat_decides_by_the_same_doors(app: Any, asked: int):
    sam = sign_in(app.test_client(), "sam")
    assert f"/approval/{asked}/approve" in sam.get(f"/approval/show/{asked}").text
    assert sam.post(f"/api/v1/approvals/{asked}/approve", json=decision(sam, asked)).status_code == 200
    assert where_it_stands(app)[1] == "建议合作"


def where_it_stands(app: Any) -> tuple[RequestStatus, str | None]:
    """The request's state, and what its first review recommends."""
    return one(app, ApprovalRequest).status, one(app, Admission).recommendation
