"""Changing many records at once: seen before it is written, refused row by row, taken back as a whole."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select, update

from app.extensions import db, transaction
from app.models import Customer, ImportRun, Job, JobStatus
from app.services import access, jobs
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
