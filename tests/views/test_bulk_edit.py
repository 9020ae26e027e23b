"""Changing many records at once: seen before it is written, refused row by row, taken back as a whole."""

from __future__ import annotations

import re
import resource as machine
import time
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from app.extensions import db, transaction
from app.models import Customer, ImportRow, ImportRun, ImportStatus, Job, JobStatus
from app.services import access, jobs, records
from app.services.imports import applying, editing, undoing
from app.workflows import uploads
from tests.world import World, sign_in


def customers(app: Any, world: World, count: int, owner: str = "ann") -> list[int]:
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        rows = [
            Customer(
                name=f"{owner} 第{number:03}号公司",
                owner_id=world.employees[owner],
                org_unit_id=world.unit_of(owner),
            )
            for number in range(count)
        ]
        db.session.add_all(rows)
        db.session.flush()
        return [row.id for row in rows]


def remarks(app: Any) -> list[str | None]:
    with app.app_context(), access.acting(access.SYSTEM):
        return list(db.session.scalars(select(Customer.remark).order_by(Customer.id)))


def run_of(answer: Any) -> int:
    assert answer.status_code == 303
    found = re.search(r"/import/(\d+)$", answer.headers["Location"])
    assert found, answer.headers["Location"]
    return int(found[1])


def test_many_records_are_changed_at_once_those_out_of_reach_refused_and_all_of_it_taken_back(
    app: Any, world: World, client: Any
):
    own = customers(app, world, 38)
    foreign = customers(app, world, 2, "cat")
    sign_in(client, "ann")
    ids = [str(id_) for id_ in (*own, *foreign)]
    run = run_of(client.post("/customer/bulk-edit", data={"ids": ids, "remark": "需回访"}))
    assert set(remarks(app)) == {None}
    page = client.get(f"/import/{run}").text
    assert "批量修改" in page
    assert "修改 38 条记录" in page
    assert client.post(f"/import/{run}/apply").status_code == 303
    assert remarks(app).count("需回访") == 38
    with app.app_context(), access.acting(access.SYSTEM):
        told = db.session.get_one(ImportRun, run)
        assert (told.rows_updated, told.rows_refused) == (38, 2)
    assert client.post(f"/import/{run}/undo").status_code == 303
    assert set(remarks(app)) == {None}


def test_everything_the_list_holds_is_taken_beyond_its_page(app: Any, world: World, client: Any):
    customers(app, world, 60)
    customers(app, world, 3, "bob")
    sign_in(client, "ann")
    assert "选择全部" in client.get("/customer/list/").text
    form = {"all": "1", "remark": "统一"}
    run = run_of(client.post("/customer/bulk-edit?q=第00", data=form))
    client.post(f"/import/{run}/apply")
    assert remarks(app).count("统一") == 10


def test_what_is_left_empty_stays_and_nothing_said_is_refused(app: Any, world: World, client: Any):
    ids = [str(id_) for id_ in customers(app, world, 2)]
    sign_in(client, "ann")
    for form in ({"ids": ids}, {"remark": "x"}):
        assert client.post("/customer/bulk-edit", data=form).status_code in {409, 422}
    run = run_of(client.post("/customer/bulk-edit", data={"ids": ids, "remark": "y"}))
    client.post(f"/import/{run}/apply")
    with app.app_context(), access.acting(access.SYSTEM):
        assert len({row.name for row in db.session.scalars(select(Customer))}) == 2


def test_what_was_typed_and_ticked_stays_when_it_is_refused(app: Any, world: World, client: Any):
    ids = customers(app, world, 3)
    sign_in(client, "ann")
    form = {"ids": [str(id_) for id_ in ids[:2]], "remark": "需回访", "established_on": "昨天前后"}
    answer = client.post("/customer/bulk-edit?sort=name", data=form)
    assert answer.status_code == 422
    page = " ".join(answer.text.split())
    assert "需回访" in page
    assert "昨天前后" in page
    assert "成立日期应写成 2026-01-31" in page
    assert page.count("data-opened") == 1
    assert len(re.findall(r'name="ids" value="\d+" form="bar-customer" checked', page)) == 0
    assert len(re.findall(r'name="ids"[^>]* checked', page)) == 2
    assert 'action="/customer/list/"' in page
    taken = client.post("/customer/bulk-edit", data={"all": "1", "established_on": "x"})
    assert "data-taken-all" in taken.text


def test_what_is_one_records_own_is_not_offered(app: Any, world: World, client: Any):
    (id_,) = customers(app, world, 1)
    sign_in(client, "ann")
    answer = client.post("/customer/bulk-edit", data={"ids": [str(id_)], "credit_code": "91350100M000100Y43"})
    assert answer.status_code == 422


def test_who_may_not_edit_may_not_edit_many(world: World, client: Any):
    sign_in(client, "leo")
    assert client.post("/customer/bulk-edit", data={"ids": ["1"], "remark": "x"}).status_code == 403


def test_many_records_are_handed_over_by_who_may_reassign_them(app: Any, world: World, client: Any):
    ids = [str(id_) for id_ in customers(app, world, 3)]
    form = {"ids": ids, "owner_id": str(world.employees["cat"])}
    sign_in(client, "ann")
    assert client.post("/customer/bulk-edit", data=form).status_code == 422
    sign_in(client, "hana")
    run = run_of(client.post("/customer/bulk-edit", data=form))
    client.post(f"/import/{run}/apply")
    with app.app_context(), access.acting(access.SYSTEM):
        assert set(db.session.scalars(select(Customer.owner_id))) == {world.employees["cat"]}


def test_a_large_selection_is_judged_written_and_taken_back_by_jobs_with_progress(
    app: Any, world: World, client: Any
):
    many = uploads.ROWS_AT_ONCE + 20
    customers(app, world, many)
    sign_in(client, "ann")
    run = run_of(client.post("/customer/bulk-edit", data={"all": "1", "remark": "统一回访"}))
    assert "hx-trigger" in client.get(f"/import/{run}").text
    with (
        app.app_context(),
        access.acting(access.SYSTEM),
        transaction(),
    ):  # it fails for good; going on judges the same choice anew
        db.session.execute(update(Job).values(status=JobStatus.failed))
    assert f"/import/{run}/again" in client.get(f"/import/{run}").text
    assert client.post(f"/import/{run}/again").status_code == 303
    assert "hx-trigger" in client.get(f"/import/{run}").text
    for act in ("apply", "undo"):
        with app.app_context():
            jobs.drain()
        assert f"{many:,}" in client.get(f"/import/{run}").text
        assert remarks(app).count("统一回访") == (0 if act == "apply" else many)
        assert client.post(f"/import/{run}/{act}").status_code == 303
    with app.app_context():
        jobs.drain()
    assert remarks(app).count("统一回访") == 0


# ---- as many as a list holds ---------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is many for the product is few for a test."""
    monkeypatch.setattr(uploads, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr(editing, "CHUNK", 10)
    monkeypatch.setattr(applying, "AT_ONCE", 10)
    monkeypatch.setattr(applying, "CHUNK", 10)
    monkeypatch.setattr(undoing, "CHUNK", 10)
    monkeypatch.setattr(records, "MOST_COUNTED", 20)


def work(app: Any) -> None:
    with app.app_context():
        jobs.drain()


def cut_off(app: Any) -> None:
    """The worker begins, is asked to stop, and gives the job back with the first chunk written."""
    jobs.stopping.set()
    with app.app_context(), pytest.raises(jobs.Stopping):
        jobs.work_once("a worker that stops")
    jobs.stopping.clear()


def told(app: Any, run: int) -> tuple[ImportStatus, int, int, int]:
    with app.app_context(), access.acting(access.SYSTEM):
        found = db.session.get_one(ImportRun, run)
        return found.status, found.rows_total, found.rows_updated, found.rows_refused


def edit_all(client: Any, counted: str, where: str = "") -> int:
    form = {"all": "1", "counted": counted, "remark": "统一回访"}
    return run_of(client.post(f"/customer/bulk-edit{where}", data=form))


@pytest.mark.usefixtures("small")
def test_all_that_match_are_changed_by_jobs_that_go_on_where_they_were_cut_off(
    app: Any, world: World, client: Any
):
    customers(app, world, 45)
    customers(app, world, 3, "bob")
    sign_in(client, "ann")
    page = client.get("/customer/list/").text
    assert "选择全部符合条件的记录" in page
    assert 'data-counts="/customer/count?"' in page
    counted = client.get("/customer/count").text
    run = edit_all(client, counted, "?sort=-name")
    assert told(app, run) == (ImportStatus.checking, 0, 0, 0)  # the request judged nothing
    cut_off(app)
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.scalar(select(func.count()).select_from(ImportRow)) == 10
    working = client.get(f"/import/{run}").text
    assert "共 45" in working
    assert "1 选择记录" in working
    work(app)
    assert told(app, run) == (ImportStatus.checked, 45, 45, 0)
    assert "修改 45 条记录" in client.get(f"/import/{run}").text
    client.post(f"/import/{run}/apply")
    cut_off(app)
    assert remarks(app).count("统一回访") == 10
    work(app)
    assert told(app, run) == (ImportStatus.done, 45, 45, 0)
    assert remarks(app).count("统一回访") == 45
    client.post(f"/import/{run}/undo")
    cut_off(app)
    assert remarks(app).count("统一回访") == 35
    work(app)
    assert set(remarks(app)) == {None}
    assert told(app, run)[0] is ImportStatus.undone


@pytest.mark.usefixtures("small")
def test_that_the_list_held_others_when_it_was_confirmed_is_told_before_anything_is_written(
    app: Any, world: World, client: Any
):
    customers(app, world, 12)
    sign_in(client, "ann")
    run = edit_all(client, "11")
    work(app)
    assert told(app, run) == (ImportStatus.checked, 12, 12, 0)
    assert "确认时列表中有 11 条，现在有 12 条" in client.get(f"/import/{run}").text
    assert set(remarks(app)) == {None}


@pytest.mark.parametrize("many", [3, 12])
def test_a_record_changed_after_the_check_is_left_as_it_is(
    app: Any, world: World, client: Any, small: None, many: int
):
    first, second, *_rest = customers(app, world, many)
    sign_in(client, "ann")
    run = edit_all(client, str(many))
    work(app)
    for id_, values in ((first, {"remark": "已签约"}), (second, {"name": "改名的公司"})):
        with app.app_context(), access.acting(access.SYSTEM), transaction():
            for name, value in values.items():
                setattr(db.session.get_one(Customer, id_), name, value)
    client.post(f"/import/{run}/apply")
    work(app)
    assert told(app, run) == (ImportStatus.done, many, many - 2, 2)
    assert remarks(app) == ["已签约", None, *["统一回访"] * (many - 2)]
    page = client.get(f"/import/{run}").text
    assert page.count("检查之后这条记录已被修改，未写入") == 2
    client.post(f"/import/{run}/undo")
    work(app)
    assert remarks(app) == ["已签约", *[None] * (many - 1)]


@pytest.mark.usefixtures("small")
def test_a_job_has_the_rights_its_asker_has_by_then(app: Any, world: World, client: Any):
    customers(app, world, 12)
    sign_in(client, "ann")
    run = edit_all(client, "12")
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        moved = {"owner_id": world.employees["cat"], "org_unit_id": world.unit_of("cat")}
        for row in db.session.scalars(select(Customer).order_by(Customer.id).limit(2)):
            for name, value in moved.items():
                setattr(row, name, value)
    work(app)
    assert told(app, run) == (ImportStatus.checked, 10, 10, 0)


def test_the_fields_of_the_dialog_are_asked_for_when_it_opens(app: Any, world: World, client: Any):
    customers(app, world, 1)
    sign_in(client, "ann")
    assert 'name="remark"' not in client.get("/customer/list/").text
    fields = client.get("/customer/bulk-edit", headers={"HX-Request": "true"}).text
    assert 'name="remark"' in fields
    assert "<html" not in fields
    assert 'name="credit_code"' not in fields
    assert client.get("/customer/bulk-edit").headers["Location"] == "/customer/list/"
    sign_in(client, "leo")
    assert client.get("/customer/bulk-edit", headers={"HX-Request": "true"}).status_code == 403


@pytest.mark.long
def test_thirty_thousand_records_are_changed_and_taken_back_in_bounded_memory(
    app: Any, world: World, client: Any
):
    many = 30_000
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        for first in range(0, many, 1_000):
            names = [f"第{number:05}号公司" for number in range(first, first + 1_000)]
            db.session.execute(insert(Customer), [{"name": name, **owned} for name in names])
    sign_in(client, "ann")
    client.get("/customer/list/")
    began, before = time.monotonic(), machine.getrusage(machine.RUSAGE_SELF).ru_maxrss
    run = edit_all(client, client.get("/customer/count").text.replace(",", ""))
    assert time.monotonic() - began < 1
    for act, so_many in (("apply", many), ("undo", 0)):
        work(app)
        assert client.post(f"/import/{run}/{act}").status_code == 303
        work(app)
        with app.app_context(), access.acting(access.SYSTEM):
            changed = select(func.count()).select_from(Customer).where(Customer.remark == "统一回访")
            assert db.session.scalar(changed) == so_many
    assert told(app, run) == (ImportStatus.undone, many, many, 0)
    grown = machine.getrusage(machine.RUSAGE_SELF).ru_maxrss - before
    print(f"{time.monotonic() - began:.1f} s, {grown / 1024:.0f} MB more")
    assert grown < 64 * 1024
