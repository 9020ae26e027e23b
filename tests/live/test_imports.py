"""Real files through the real server's import screens: large ones as jobs that report, survive being killed, and are exact."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import islice, pairwise
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.cli.serving import work
from app.extensions import db
from app.models import Contact, Customer, ImportRun, ImportStatus, Job, Product, SalesDocument, TradeLine
from app.services import access, jobs
from app.services.imports import applying, checking
from app.workflows import uploads
from tests.live.browser import Answer, Browser
from tests.services.sheets.conftest import shared
from tests.world import World, sign_in

pytestmark = pytest.mark.live
MB = 1 << 20


class Importer(Browser):
    """Somebody at the import screens of a running server."""

    def send(self, resource: str, content: bytes, name: str, **fields: str) -> int:
        """Choose a file and press the button; the run."""
        page = self.get(f"/import/new?resource={resource}")
        cmd = re.search(r'name="_cmd" value="([^"]+)"', page.text)
        assert cmd, page.text[-2000:]
        parts = {"csrf_token": self.token, "_cmd": cmd[1], **fields}
        boundary, body = encode_multipart({**parts, "file": FileStorage(io.BytesIO(content), name)})
        headers = {"Referer": self.url, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        target = f"{self.url}/import/new?resource={resource}"
        answer = self._send(urllib.request.Request(target, body, headers))
        assert answer.status == 303, re.sub(r"<[^>]+>", " ", answer.text)[-3000:]
        return int(self.location.rsplit("/", 1)[1])

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=120) as answer:
                return Answer(answer.status, answer.read().decode(), answer.url)
        except urllib.error.HTTPError as error:
            self.location = error.headers.get("Location", "")
            return Answer(error.code, error.read().decode(), error.url)

    def watch(self, run: int, seconds: float = 400) -> list[str]:
        """Ask for the progress until the work has ended; what was said on the way."""
        said: list[str] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            html = self.get(f"/import/{run}/progress").text
            shown = re.search(r'<div class="row1 mb-2" role="status">(.*?)</main>', html, re.DOTALL)
            said.append(" ".join(re.sub(r"<[^>]+>", " ", shown[0] if shown else "").split())[:80])
            if "hx-get" not in html:
                return said
            time.sleep(0.3)
        raise AssertionError(said[-5:])

    def write(self, run: int) -> None:
        html = self.get(f"/import/{run}").text
        cmd = re.search(rf'action="/import/{run}/apply".*?name="_cmd" value="([^"]+)"', html, re.DOTALL)
        assert cmd, re.sub(r"<[^>]+>", " ", html)[-3000:]
        assert self.post(f"/import/{run}/apply", {"_cmd": cmd[1]}).status == 303

    def bring_in(self, resource: str, path: Path, **fields: str) -> int:
        """The whole way: send, wait, write, wait."""
        run = self.send(resource, path.read_bytes(), path.name, **fields)
        self.watch(run)
        self.write(run)
        self.watch(run)
        return run


@pytest.fixture
def ask(app: Any, world: World) -> Callable[[Any], Any]:
    """The answer of the database to a statement, past everybody's rights."""

    def run(statement: Any) -> Any:
        with app.app_context(), access.acting(access.SYSTEM):
            return db.session.scalar(statement)

    return run


def counts_of(run: ImportRun) -> tuple[int, int, int, int]:
    return run.rows_created, run.rows_updated, run.rows_unchanged, run.rows_refused


def peak_of(server: Any) -> dict[int, float]:
    """The most memory each process of the server held so far, in MB; the parser's own children have ended."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            group = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2])
        except OSError:
            continue
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        if group == server.process.pid and peak:
            found[int(folder.name)] = int(peak[1]) / 1024
    return found


OPENING = {"opening": "1", "reason": "从旧系统转入"}


# ---- whole files -------------------------------------------------------------------------------------------


def test_a_messy_file_is_judged_through_the_screen_as_its_key_says(app, client, world, ask):
    key = json.loads(shared("zh/messy_key.json").read_text())
    verdicts = Counter(row["verdict"] for row in key["key"])
    sign_in(client, "fay")
    sent = {"file": (shared("zh/customers_zh_messy.xlsx").open("rb"), "messy.xlsx"), **OPENING}
    answer = client.post("/import/new?resource=customer", data=sent, content_type="multipart/form-data")
    run = ask(select(ImportRun))
    assert answer.location == f"/import/{run.id}"
    assert counts_of(run) == (verdicts["accept"], 0, 0, run.rows_total - verdicts["accept"])
    assert client.get(f"/import/{run.id}?tab=refused&page=5").status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(client.get(f"/import/{run.id}/refused").data)).active
    assert book.max_row == run.rows_refused + 1


@pytest.mark.long
def test_real_customers_and_contacts_go_in_through_the_screen(live_server, world, ask):
    fay = Importer(live_server.url).sign_in("fay")
    path = shared("zh/customers_zh.xlsx")
    began = time.monotonic()
    customers = fay.bring_in("customer", path, sheet="客户", **OPENING)
    print(f"\n5,000 customers in {time.monotonic() - began:.1f} s")
    assert counts_of(ask(select(ImportRun).where(ImportRun.id == customers))) == (4999, 0, 0, 1)
    assert "校验位" in fay.get(f"/import/{customers}").text
    began = time.monotonic()
    contacts = ask(select(ImportRun).where(ImportRun.id == fay.bring_in("contact", path, sheet="联系人")))
    print(f"8,255 contacts in {time.monotonic() - began:.1f} s")
    assert (contacts.rows_total, contacts.rows_updated, contacts.rows_unchanged) == (8255, 0, 0)
    assert (
        ask(select(func.count()).select_from(Contact))
        == contacts.rows_created
        == 8255 - contacts.rows_refused
    )
    print("peak MB:", peak_of(live_server))


@pytest.mark.long
def test_a_hundred_thousand_order_lines_go_in_through_the_screen_as_jobs(live_server, world, ask):
    folder = "transactions/first_100k_lines"
    fay = Importer(live_server.url).sign_in("fay")
    fay.bring_in("customer", shared(f"{folder}/customers.xlsx"), **OPENING)
    fay.bring_in("product", shared(f"{folder}/products.xlsx"))
    before = peak_of(live_server)
    times = [time.monotonic()]
    path = shared(f"{folder}/orders.xlsx")
    run = fay.send("order", path.read_bytes(), path.name, **OPENING)
    times.append(time.monotonic())
    said = fay.watch(run)
    times.append(time.monotonic())
    fay.write(run)
    said_writing = fay.watch(run)
    times.append(time.monotonic())
    steps = [f"{later - earlier:.1f}" for earlier, later in pairwise(times)]
    print(f"\nsend, check, write: {steps} s; peak MB {peak_of(live_server)}, before {before}")
    print(said[len(said) // 2], said_writing[len(said_writing) // 2], sep="\n")
    assert len({line for line in said if "已检查" in line}) > 3
    assert len({line for line in said_writing if "共 100,000" in line}) > 3
    found = ask(select(ImportRun).where(ImportRun.id == run))
    assert (found.status, counts_of(found)) == (ImportStatus.done, (100_000, 0, 0, 0))
    lines, with_customer, documents = 0, Decimal(0), set()
    total = Decimal(0)
    with gzip.open(shared("transactions/online_retail.csv.gz"), "rt", encoding="utf-8") as file:
        for line in islice(csv.DictReader(file), 100_000):
            amount = int(line["Quantity"]) * Decimal(line["UnitPrice"])
            total += amount
            with_customer += amount if line["CustomerID"] else 0
            documents.add(line["InvoiceNo"])
            lines += 1
    assert ask(select(func.count()).select_from(TradeLine)) == lines
    assert ask(select(func.count()).select_from(SalesDocument)) == len(documents)
    amount = select(func.sum(TradeLine.amount))
    assert Decimal(ask(amount)) == total
    assert Decimal(ask(amount.where(TradeLine.customer_id.is_not(None)))) == with_customer
    assert Decimal(ask(select(func.sum(SalesDocument.total)))) == total
    assert ask(select(func.count()).select_from(Product)) == 3143
    assert max(peak_of(live_server).values()) < 300


# ---- killed ------------------------------------------------------------------------------------------------


STEP = 100
PAUSE = 0.15


def slow_work(app: Any) -> None:
    """A worker that imports in small, slow steps, so that it can be killed between them."""
    applying.AT_ONCE, applying.CHUNK, checking.BATCH = 0, STEP, STEP
    save = jobs.Run.save

    def slowly(run: jobs.Run, *arguments: Any, **named: Any) -> None:
        time.sleep(PAUSE)
        save(run, *arguments, **named)

    jobs.Run.save = slowly
    work(app, timedelta(seconds=1.5))


@pytest.fixture
def worker(app) -> Iterator[Callable[[], BaseProcess]]:
    """Start a worker process; whatever still runs at the end is killed."""
    started: list[BaseProcess] = []

    def start() -> BaseProcess:
        started.append(get_context("fork").Process(target=slow_work, args=[app]))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()


def wait_until(check: Callable[[], Any], seconds: float = 90) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def many(count: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("客户")
    sheet.append(["客户名称", "联系地址"])
    for number in range(count):
        sheet.append([f"客户{number:05}有限公司", f"大路 {number} 号"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_job_killed_at_its_work_goes_on_and_writes_each_row_once(
    app, client, world, worker, ask, monkeypatch
):
    monkeypatch.setattr(uploads, "BYTES_AT_ONCE", 0)
    monkeypatch.setattr(uploads, "ROWS_AT_ONCE", 0)
    sign_in(client, "fay")
    sent = {"file": (io.BytesIO(many(1_000)), "a.xlsx")}
    answer = client.post("/import/new?resource=customer", data=sent, content_type="multipart/form-data")
    run = int(answer.location.rsplit("/", 1)[1])
    status = select(ImportRun.status).where(ImportRun.id == run)
    done = select(Job.done_units).order_by(Job.id.desc()).limit(1)

    first = worker()
    wait_until(lambda: ask(done) >= 2 * STEP)
    first.kill()
    first.join()
    assert ask(status) is ImportStatus.checking
    second = worker()
    wait_until(lambda: ask(status) is ImportStatus.checked)
    assert ask(select(ImportRun.rows_created)) == 1_000

    assert client.post(f"/import/{run}/apply").status_code == 303
    wait_until(lambda: ask(done) >= 3 * STEP)
    second.kill()
    second.join()
    written = ask(select(func.count()).select_from(Customer))
    assert 3 * STEP <= written < 1_000
    assert written % STEP == 0
    assert f'hx-get="/import/{run}/progress"' in client.get(f"/import/{run}").text
    worker()
    wait_until(lambda: ask(status) is ImportStatus.done)
    assert ask(select(func.count()).select_from(Customer)) == 1_000
    assert ask(select(func.count(Customer.name.distinct()))) == 1_000
    assert counts_of(ask(select(ImportRun))) == (1_000, 0, 0, 0)
    assert ask(select(Job.attempt).order_by(Job.id.desc()).limit(1)) == 2
