"""A file over HTTP, from choosing it to what became of it: small ones at once, large ones by a job with progress."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.extensions import db
from app.models import AuditAct, AuditLog, Contact, Customer, ImportRun, ImportStatus, Job, JobStatus
from app.services import access, jobs
from app.workflows import uploads
from tests.world import World, sign_in

HEADS = ["客户名称", "统一社会信用代码", "成立日期", "联系电话"]
GOOD = ["澜洲恒泽种业有限公司", None, "2019-02-28", "13800000001"]
BAD_DATE = ["雁浦金谷种业有限公司", None, "2019-02-30", None]
BAD_CODE = ["东屿恒丰农资有限公司", "91000000MA0DEMO2Z", None, None]


def book(
    *rows: list[object], title: str = "客户", more: dict[str, list[list[object]]] | None = None
) -> bytes:
    """A workbook of these rows."""
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    for name, others in (more or {}).items():
        sheet = made.create_sheet(name)
        for row in others:
            sheet.append(row)
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def rows_of(content: bytes) -> list[list[Any]]:
    return [
        list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    ]


class Person:
    """Somebody at the import screens."""

    def __init__(self, client: Any, world: World, name: str) -> None:
        self.client = sign_in(client, name)
        self.world = world
        self.name = name

    def form(self, resource: str = "customer") -> dict[str, str]:
        html = self.client.get(f"/import/new?resource={resource}").text
        return dict(re.findall(r'name="(_cmd)" value="([^"]+)"', html))

    def send(
        self, content: bytes, *, resource: str = "customer", name: str = "客户.xlsx", **fields: str
    ) -> Any:
        """Choose a file and press the button. The body is made whole: the client's own stays open as a file."""
        file = FileStorage(io.BytesIO(content), name)
        boundary, body = encode_multipart({**self.form(resource), **fields, "file": file})
        return self.client.post(
            f"/import/new?resource={resource}",
            data=body,
            content_type=f"multipart/form-data; boundary={boundary}",
        )

    def run(self, answer: Any) -> int:
        assert answer.status_code == 303, answer.text[:3000]
        return int(answer.location.rsplit("/", 1)[1])

    def page(self, run: int, **args: str) -> str:
        answer = self.client.get(f"/import/{run}", query_string=args)
        assert answer.status_code == 200
        return str(answer.text)

    def press(self, run: int, verb: str = "apply", **more: str) -> Any:
        found = re.search(
            rf'action="/import/{run}/{verb}".*?name="_cmd" value="([^"]+)"', self.page(run), re.DOTALL
        )
        assert found, self.page(run)
        return self.client.post(f"/import/{run}/{verb}", data={"_cmd": found[1], **more})


@pytest.fixture
def person(app: Any, world: World) -> Callable[[str], Person]:
    return lambda name: Person(app.test_client(), world, name)


def stored(app: Any, statement: Any) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        return db.session.scalar(statement)


def count(app: Any, model: type[Any]) -> int:
    return int(stored(app, select(func.count()).select_from(model)))


def drain(app: Any) -> int:
    with app.app_context():
        return jobs.drain()


# ---- the journey -------------------------------------------------------------------------------------------


def test_a_file_is_checked_before_it_is_written_and_gives_back_what_it_refused(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD, BAD_DATE, BAD_CODE)))
    assert count(app, Customer) == 0
    html = ann.page(run)
    assert "澜洲恒泽种业有限公司" in html
    assert "138****0001" in html and "13800000001" not in html
    assert "日期不存在" in html or "没有这一天" in html or "2019-02-30" in html
    assert "还没有写入任何数据" in html
    answer = ann.press(run)
    assert answer.status_code == 303
    assert count(app, Customer) == 1
    html = ann.page(run)
    assert "新增" in html and "雁浦金谷种业有限公司" in html
    back = rows_of(ann.client.get(f"/import/{run}/refused").data)
    assert back[0] == [*HEADS, "原行号", "未导入的原因"]
    assert [row[0] for row in back[1:]] == ["雁浦金谷种业有限公司", "东屿恒丰农资有限公司"]
    assert back[1][:4] == BAD_DATE and "C3" in back[1][5]
    assert back[2][1] == BAD_CODE[1]
    assert not uploads.path_of(run).exists()


def test_refused_rows_go_in_once_they_are_mended(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD, BAD_DATE)))
    ann.press(run)
    back = rows_of(ann.client.get(f"/import/{run}/refused").data)
    back[1][2] = "2019-02-27"
    run = ann.run(ann.send(book(*back)))
    assert "导入 1 行" in ann.page(run)
    ann.press(run)
    assert count(app, Customer) == 2


def test_changed_rows_show_what_stands_there_and_what_will(app, person):
    ann = person("ann")
    heads = ["客户名称", "联系地址", "备注"]
    ann.press(ann.run(ann.send(book(heads, ["澜洲恒泽种业有限公司", "旧路 1 号", "不变"]))))
    with app.app_context(), access.acting(access.SYSTEM):
        customer = db.session.scalars(select(Customer)).one()
        pk = customer.id
    run = ann.run(ann.send(book(["客户名称", "联系地址"], ["澜洲恒泽种业有限公司", "新路 2 号"]), key="name"))
    html = ann.page(run)
    assert f"/customer/show/{pk}" in html
    assert re.search(r"<del>.*旧路 1 号</del>.*<ins>.*新路 2 号", html, re.DOTALL)


def test_rows_called_as_a_record_is_are_shown_and_become_what_is_asked(app, person):
    ann = person("ann")
    heads = ["客户名称", "联系地址", "备注"]
    ann.press(ann.run(ann.send(book(heads, ["澜洲恒泽种业有限公司", "旧路 1 号", None]))))
    rows = [["澜洲市恒泽种业", "新路 2 号", "来自展会"], ["雁浦金谷种业商行", None, None]]
    run = ann.run(ann.send(book(heads, *rows)))
    html = ann.page(run)
    assert "1 行按关键字没有对应记录" in html and "名称与已有的“澜洲恒泽种业有限公司”相近" in html
    only = ann.page(run, tab="new", alike="1")
    assert "澜洲市恒泽种业" in only and "雁浦金谷种业商行" not in only
    assert ann.press(run, "again", alike="fill").status_code == 303
    html = ann.page(run, tab="changed")
    written = " ".join(re.findall(r"<ins>.*?</ins>", html, re.DOTALL))
    assert "来自展会" in written and "新路 2 号" not in written
    ann.press(run)
    assert count(app, Customer) == 2
    found = stored(app, select(Customer.remark).where(Customer.name == "澜洲恒泽种业有限公司"))
    assert found == "来自展会"
    run = ann.run(ann.send(book(heads, rows[0])))
    ann.press(run, "again", alike="nonsense")
    assert "没有这种导入方式" in ann.page(run)


def test_the_same_form_sent_twice_makes_one_import(app, person):
    ann = person("ann")
    form = ann.form()
    content = book(HEADS, GOOD)
    first, second = (
        ann.client.post(
            "/import/new?resource=customer",
            data={**form, "file": (io.BytesIO(content), "a.xlsx")},
            content_type="multipart/form-data",
        )
        for _ in range(2)
    )
    assert first.location == second.location
    assert count(app, ImportRun) == 1
    other = ann.client.post(
        "/import/new?resource=customer",
        data={**form, "file": (io.BytesIO(book(HEADS, BAD_DATE)), "a.xlsx")},
        content_type="multipart/form-data",
    )
    assert other.location != first.location


def test_pressing_import_twice_writes_once(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD)))
    cmd = {"_cmd": "one press"}
    answers = [ann.client.post(f"/import/{run}/apply", data=cmd) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    other_tab = ann.client.post(f"/import/{run}/apply", data={"_cmd": "another tab"})
    assert other_tab.status_code == 409
    assert count(app, Customer) == 1


def test_a_run_can_be_discarded(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD)))
    assert ann.client.post(f"/import/{run}/cancel").status_code == 303
    assert stored(app, select(ImportRun.status)) is ImportStatus.cancelled
    assert ann.client.post(f"/import/{run}/apply").status_code == 409
    assert count(app, Customer) == 0


def test_an_import_can_be_undone_until_somebody_goes_on_with_it(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD)))
    ann.press(run)
    assert ann.press(run, "undo").status_code == 303
    assert stored(app, select(ImportRun.status)) is ImportStatus.undone
    assert count(app, Customer) == 0
    assert "写入的内容已全部收回" in ann.page(run)
    assert ann.client.post(f"/import/{run}/undo").status_code == 409
    run = ann.run(ann.send(book(HEADS, GOOD)))
    ann.press(run)
    pk = stored(app, select(Customer.id))
    ann.client.post(f"/customer/edit/{pk}", data={"name": "改过的名字有限公司", "version_no": "1"})
    html = ann.press(run, "undo")
    assert "不能撤销" in ann.client.get(html.location).text
    assert count(app, Customer) == 1


# ---- columns and sheets ------------------------------------------------------------------------------------


def test_unknown_heads_are_said_once_and_remembered(app, person):
    ann = person("ann")
    odd = book(["名头", "公司地"], ["澜洲恒泽种业有限公司", "新路 2 号"])
    answer = ann.send(odd)
    assert answer.status_code == 422
    assert "column.名头" in answer.text and "澜洲恒泽种业有限公司" in answer.text
    run = stored(app, select(func.max(ImportRun.id)))
    said = {"column.名头": "name", "column.公司地": "address", "_cmd": "said"}
    ann.client.post(f"/import/{run}/again", data=said)
    assert "导入 1 行" in ann.page(run)
    ann.press(run)
    later = ann.run(ann.send(book(["名头", "公司地", "备注"], ["东屿恒丰农资有限公司", "老街", "x"])))
    assert "老街" in ann.page(later)
    cat = person("cat")
    assert cat.send(odd).status_code == 422


def test_two_columns_for_one_field_are_refused(app, person):
    ann = person("ann")
    run = ann.run(ann.send(book([*HEADS, "名头"], [*GOOD, "x"])))
    said = {"column.客户名称": "name", "column.名头": "name"}
    html = ann.client.post(f"/import/{run}/again", data=said, follow_redirects=True).text
    assert "有两列都对应到“客户名称”" in html
    assert stored(app, select(ImportRun.status)) is ImportStatus.checked


def test_another_sheet_can_be_chosen_after_the_first_did_not_fit(app, person):
    ann = person("ann")
    content = book(["甲", "乙"], ["1", "2"], title="说明", more={"客户": [HEADS, GOOD]})
    answer = ann.send(content)
    assert answer.status_code == 422
    assert "读工作表 客户" in answer.text
    run = stored(app, select(func.max(ImportRun.id)))
    ann.client.post(f"/import/{run}/again", data={"sheet": "客户", "_cmd": "s"})
    assert "导入 1 行" in ann.page(run)


# ---- bad files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "文件是空的"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        (b"PK\x03\x04" + bytes(100), "损坏"),
        (book(["客户名称", "客户名称"], ["a", "b"]), "两列同名"),
    ],
)
def test_a_bad_file_is_a_sentence_on_the_same_page_and_nothing_else(app, person, content, sentence):
    ann = person("ann")
    answer = ann.send(content)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'name="file"' in answer.text
    assert count(app, Customer) == 0
    assert not [path for path in uploads.folder().iterdir() if path.name.startswith("new-")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_form_without_a_file_and_a_sheet_that_is_not_there(app, person):
    ann = person("ann")
    answer = ann.client.post("/import/new?resource=customer", data=ann.form())
    assert answer.status_code == 422 and "请选择文件" in answer.text
    answer = ann.send(book(HEADS, GOOD), sheet="没有")
    assert answer.status_code == 422 and "没有名为“没有”的工作表" in answer.text
    assert 'value="没有"' in answer.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_too_large_an_upload_is_told_its_limit(app, person, monkeypatch):
    monkeypatch.setitem(app.config, "UPLOAD_MAX_MB", 1)
    monkeypatch.setitem(app.config, "UPLOAD_LARGE_MAX_MB", 2)
    ann = person("ann")
    answer = ann.send(bytes(5 << 19))
    assert answer.status_code == 413 and "文件超过 1 MB" in answer.text
    fay = person("fay")
    assert fay.send(bytes(5 << 19)).status_code == 422
    assert fay.send(bytes(4 << 20)).status_code == 413


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_wrong_addresses_are_refused_in_words(person):
    ann = person("ann")
    assert ann.client.get("/import/new").status_code == 404
    assert ann.client.get("/import/new?resource=nothing").status_code == 404
    assert ann.client.get("/import/999").status_code == 404
    assert ann.client.get("/import/?page=0").status_code == 400
    run = ann.run(ann.send(book(HEADS, GOOD)))
    assert ann.client.get(f"/import/{run}?page=x").status_code == 400
    assert ann.client.get(f"/import/{run}?tab=nonsense").status_code == 200
    assert ann.send(book(HEADS, GOOD), mode="nonsense").status_code == 422


# ---- rights ------------------------------------------------------------------------------------------------


def test_an_import_is_its_owners_alone(person):
    ann, fay, ada = person("ann"), person("fay"), person("ada")
    run = ann.run(ann.send(book(HEADS, GOOD, BAD_DATE)))
    for other in (fay, ada):
        for path in ("", "/progress", "/refused"):
            assert other.client.get(f"/import/{run}{path}").status_code == 404
        for verb in ("apply", "cancel"):
            assert other.client.post(f"/import/{run}/{verb}").status_code == 404
        assert other.client.post(f"/import/{run}/again", data={"_cmd": "x"}).status_code == 404
        assert other.client.get(f"/api/v1/imports/{run}").status_code == 404
        assert "客户.xlsx" not in other.client.get("/import/").text


def test_who_may_not_import_finds_no_door(app, person):
    dan = person("dan")
    assert "/import/new" not in dan.client.get("/customer/list/").text
    assert dan.client.get("/import/new?resource=customer").status_code == 403
    assert dan.client.get("/import/template/customer").status_code == 403
    sent = {"file": (io.BytesIO(book(HEADS, GOOD)), "a.xlsx")}
    answer = dan.client.post("/import/new?resource=customer", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 403
    assert "没有导入权限" in dan.client.get("/import/").text
    assert count(app, ImportRun) == 0


def test_nobody_is_sent_to_sign_in(client):
    assert client.get("/import/").status_code == 303
    assert client.post("/import/new?resource=customer").status_code == 303
    assert client.post("/api/v1/imports/customer").status_code == 401


def test_opening_data_needs_the_right_and_a_reason(app, person):
    rows = book(["客户编码", *HEADS], ["KH1", *GOOD])
    ann = person("ann")
    assert "opening" not in ann.client.get("/import/new?resource=customer").text
    ann.press(ann.run(ann.send(rows, opening="1", reason="试试")))
    assert stored(app, select(Customer.status)).value != "active"
    fay = person("fay")
    assert (
        fay.send(
            book(["客户编码", *HEADS], ["KH2", "雁浦北辰有限公司", None, None, None]), opening="1"
        ).status_code
        == 422
    )
    run = fay.run(
        fay.send(
            book(["客户编码", *HEADS], ["KH2", "雁浦北辰有限公司", None, None, None]),
            opening="1",
            reason="从旧系统转入",
        )
    )
    assert "从旧系统转入" in fay.page(run)
    fay.press(run)
    found = stored(app, select(Customer).where(Customer.code == "KH2"))
    assert found.status.value == "active"
    line = stored(
        app, select(AuditLog).where(AuditLog.act == AuditAct.bring_in).order_by(AuditLog.id.desc()).limit(1)
    )
    assert line.reason == "从旧系统转入"
    fay.press(fay.run(fay.send(book(["客户编码", *HEADS], ["KH3", "青岬瑞和有限公司", None, None, None]))))
    found = stored(app, select(Customer).where(Customer.name == "青岬瑞和有限公司"))
    assert (found.status.value, found.code) == ("prospect", None)


# ---- template, list ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_template_speaks_the_readers_language_and_offers_choices(person):
    ann = person("ann")
    made = openpyxl.load_workbook(io.BytesIO(ann.client.get("/import/template/customer").data)).active
    heads = [cell.value for cell in made[1]]
    assert "客户名称" in heads
    assert any(
        "企业" in (rule.formula1 or "") or "," in (rule.formula1 or "")
        for rule in made.data_validations.dataValidation
    )
    ann.client.post("/language", data={"language": "en"})
    ann.client.post("/lang", data={"language": "en"})
    made = openpyxl.load_workbook(
        io.BytesIO(ann.client.get("/import/template/customer", headers={"Accept-Language": "en"}).data)
    ).active
    assert made["A1"].value


def test_the_list_leads_to_its_import(person):
    ann = person("ann")
    assert "/import/new?resource=customer" in ann.client.get("/customer/list/").text
    ann.send(book(HEADS, GOOD))
    assert "客户.xlsx" in ann.client.get("/import/").text
    assert "客户.xlsx" in ann.client.get("/import/new?resource=customer").text


# ---- large files -------------------------------------------------------------------------------------------


@pytest.fixture
def small_is_large(monkeypatch) -> None:
    """Every file is worked on in the background."""
    monkeypatch.setattr(uploads, "BYTES_AT_ONCE", 0)
    monkeypatch.setattr(uploads, "ROWS_AT_ONCE", 0)


def test_a_large_file_is_judged_and_written_by_jobs_with_progress(app, person, small_is_large):
    ann = person("ann")
    names = [[f"客户{n:03}有限公司", None, None, None] for n in range(120)]
    run = ann.run(ann.send(book(HEADS, *names, BAD_DATE)))
    html = ann.page(run)
    assert f'hx-get="/import/{run}/progress"' in html
    polled = ann.client.get(f"/import/{run}/progress", headers={"HX-Request": "true"})
    assert 'id="job"' in polled.text and "<html" not in polled.text and "hx-get" in polled.text
    assert ann.client.post(f"/import/{run}/apply").status_code == 409
    assert drain(app) == 1
    polled = ann.client.get(f"/import/{run}/progress", headers={"HX-Request": "true"}).text
    assert f'data-ended="/import/{run}"' in polled and "hx-get" not in polled
    assert "导入 120 行" in ann.page(run)
    ann.press(run)
    assert count(app, Customer) == 0
    assert f'hx-get="/import/{run}/progress"' in ann.page(run)
    assert drain(app) == 1
    assert count(app, Customer) == 120
    job = stored(app, select(Job).order_by(Job.id.desc()).limit(1))
    assert (job.status, job.done_units, job.total_units) == (JobStatus.done, 121, 121)
    assert "120" in ann.page(run) and "雁浦金谷种业有限公司" in ann.page(run)
    ann.press(run, "undo")
    assert "撤销中" in ann.page(run)
    assert ann.client.post(f"/import/{run}/undo").status_code == 409
    assert drain(app) == 1
    assert count(app, Customer) == 0


def test_many_refused_rows_are_turned_page_by_page(person):
    ann = person("ann")
    run = ann.run(
        ann.send(book(HEADS, GOOD, *[[f"客户{n:03}有限公司", None, "2019-02-30", None] for n in range(60)]))
    )
    html = ann.page(run, tab="refused")
    assert "客户049有限公司" in html and "客户050有限公司" not in html
    assert f"/import/{run}?tab=refused&amp;page=2" in html
    assert "客户059有限公司" in ann.page(run, tab="refused", page="2")


def test_a_bad_large_file_ends_in_its_sentence(app, person, small_is_large):
    ann = person("ann")
    heads = "客户名称,客户名称\na,b".encode()
    run = ann.run(ann.send(heads, name="a.csv"))
    drain(app)
    assert stored(app, select(ImportRun.status)) is ImportStatus.refused
    assert "两列同名" in ann.page(run)
    assert stored(app, select(Job.status)) is JobStatus.done
    odd = ann.run(ann.send(book(["名头", "公司地"], ["澜洲恒泽种业有限公司", "新路 2 号"])))
    drain(app)
    assert "column.名头" in ann.page(odd)


def test_what_was_cut_off_is_offered_to_go_on(app, person, monkeypatch):
    ann = person("ann")
    run = ann.run(ann.send(book(HEADS, GOOD)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "write", lambda _run: None)
        ann.press(run)
    assert f'action="/import/{run}/apply"' not in ann.page(run)
    assert ann.client.post(f"/import/{run}/apply").status_code == 409
    monkeypatch.setattr(uploads, "CUT_OFF_AFTER", uploads.CUT_OFF_AFTER * 0)
    ann.press(run)
    assert drain(app) == 1
    assert count(app, Customer) == 1
    assert stored(app, select(ImportRun.status)) is ImportStatus.done


# ---- for programs ------------------------------------------------------------------------------------------


def test_a_program_takes_the_same_path(app, person):
    ann = person("ann")
    sent = {
        "file": (
            io.BytesIO(book(["名头", "成立日期"], ["澜洲恒泽种业有限公司", "2019-02-30"], ["b", None])),
            "a.xlsx",
        ),
        "mapping": '{"名头": "name"}',
    }
    answer = ann.client.post("/api/v1/imports/customer", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 201, answer.text
    body = answer.json
    assert body["rows"] == {"total": 2, "new": 1, "changed": 0, "same": 0, "refused": 1, "alike": 0}
    refused = ann.client.get(f"/api/v1/imports/{body['id']}/rows/refused").json["result"]
    assert refused[0]["row"] == 2 and refused[0]["reasons"][0]["column"] == "成立日期"
    assert ann.client.get(f"/api/v1/imports/{body['id']}/refused.xlsx").status_code == 200
    key = {"Idempotency-Key": "k1"}
    for _ in range(2):
        answer = ann.client.post(f"/api/v1/imports/{body['id']}/apply", headers=key)
        assert answer.status_code == 200, answer.text
    assert count(app, Customer) == 1
    assert ann.client.get(f"/api/v1/imports/{body['id']}").json["status"] == "done"
    assert ann.client.post(f"/api/v1/imports/{body['id']}/cancel").status_code == 409


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_program_is_told_in_json_what_is_wrong(person):
    ann = person("ann")

    def send(content: bytes, resource: str = "customer", **fields: str) -> Any:
        sent = {"file": (io.BytesIO(content), "a.xlsx"), **fields}
        return ann.client.post(f"/api/v1/imports/{resource}", data=sent, content_type="multipart/form-data")

    answer = send(b"")
    assert answer.status_code == 422 and answer.json["error"]["code"] == "unreadable_file"
    assert send(book(HEADS, GOOD), mapping="{").status_code == 400
    assert send(book(HEADS, GOOD), resource="nothing").status_code == 404
    assert send(book(HEADS, GOOD), resource="product").status_code == 403
    assert ann.client.post("/api/v1/imports/customer", data={}).status_code == 422


def test_contacts_find_their_customers(app, person):
    ann = person("ann")
    ann.press(ann.run(ann.send(book(HEADS, GOOD))))
    contacts = book(
        ["客户名称", "姓名", "手机"], [GOOD[0], "王五", "13900000009"], ["没有这家", "赵六", None]
    )
    run = ann.run(ann.send(contacts, resource="contact"))
    html = ann.page(run)
    assert "139****0009" in html and "没有这家" in html
    ann.press(run)
    assert count(app, Contact) == 1
