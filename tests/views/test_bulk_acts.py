"""One act on many records: by a job where they are many, each with its own result, and taken back as a whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import Customer, ImportRun, ImportStatus
from app.services import access, jobs, records
from app.services.imports import ledger
from app.workflows import bulk_acts
from tests.views.test_bulk_edit import customers, cut_off
from tests.world import World, sign_in


def left(app: Any, owner: int) -> int:
    with app.app_context(), access.acting(access.SYSTEM):
        mine = select(func.count()).select_from(Customer).where(Customer.owner_id == owner)
        return db.session.scalar(mine) or 0


def work(app: Any) -> None:
    with app.app_context():
        jobs.drain()


def test_many_records_are_deleted_by_a_job_each_with_its_result_and_all_of_them_come_back(
    app: Any, world: World, client: Any
):
    many = bulk_acts.AT_ONCE + 10
    own, foreign = customers(app, world, many, "hana"), customers(app, world, 2, "dan")
    sign_in(client, "hana")
    ids = [str(id_) for id_ in (*own, *foreign)]
    where = client.post("/customer/bulk", data={"act": "delete", "ids": ids}).headers["Location"]
    assert re.fullmatch(r"/bulk/\d+", where)
    assert "hx-trigger" in client.get(where).text
    assert left(app, world.employees["hana"]) == many
    work(app)
    assert left(app, world.employees["hana"]) == 0
    assert left(app, world.employees["dan"]) == 2
    page = client.get(where).text
    assert f"成功 {many} 条，被拒绝 2 条" in page
    assert f"#{foreign[0]}" in page
    assert "邓安" not in page
    undone = client.post(f"{where}/undo", data={})
    assert undone.status_code == 303
    work(app)
    assert left(app, world.employees["hana"]) == many
    assert "已撤销" in client.get(where).text
    assert client.post(f"{where}/undo", data={}).status_code == 409


def test_everything_a_list_holds_is_deleted_and_restored_from_the_bin(app: Any, world: World, client: Any):
    many = bulk_acts.AT_ONCE + 1
    customers(app, world, many, "hana")
    sign_in(client, "hana")
    client.post("/customer/bulk?q=hana", data={"act": "delete", "all": "1"})
    work(app)
    assert left(app, world.employees["hana"]) == 0
    client.post("/customer/restore", data={"all": "1"})
    work(app)
    assert left(app, world.employees["hana"]) == many


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is many for the product is few for a test."""
    monkeypatch.setattr(bulk_acts, "AT_ONCE", 5)
    monkeypatch.setattr(bulk_acts, "PIECE", 10)
    monkeypatch.setattr(ledger, "PIECE", 10)
    monkeypatch.setattr(records, "MOST_COUNTED", 20)


@pytest.mark.usefixtures("small")
def test_all_that_match_are_deleted_and_restored_by_jobs_that_go_on_where_they_were_cut_off(
    app: Any, world: World, client: Any
):
    customers(app, world, 35, "hana")
    hana = world.employees["hana"]
    sign_in(client, "hana")
    for path, act, lists, after in (
        ("/customer/bulk", "delete", "/customer/count", 0),
        ("/customer/restore", "restore", "/customer/bin/count", 35),
    ):
        counted = client.get(lists).text
        assert counted == "35"
        form = {"act": act, "all": "1", "counted": counted}
        where = client.post(path, data=form).headers["Location"]
        assert left(app, hana) == 35 - after  # the request did nothing
        for _piece in range(8):  # four pieces are written down, four are done
            cut_off(app)
        work(app)
        assert left(app, hana) == after
        assert "成功 35 条，被拒绝 0 条" in client.get(where).text
    client.post(f"{where}/undo")
    cut_off(app)
    work(app)
    assert left(app, hana) == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("many", [4, 12])
def test_nothing_is_deleted_when_the_list_holds_others_than_were_confirmed(
    app: Any, world: World, client: Any, many: int
):
    customers(app, world, many, "hana")
    sign_in(client, "hana")
    answer = client.post("/customer/bulk", data={"act": "delete", "all": "1", "counted": str(many - 1)})
    work(app)
    page = answer.text if many <= bulk_acts.AT_ONCE else client.get(answer.headers["Location"]).text
    assert f"确认时列表中有 {many - 1} 条，现在有 {many} 条" in page
    assert left(app, world.employees["hana"]) == many


@pytest.mark.usefixtures("small")
def test_what_an_act_did_is_no_import(app: Any, world: World, client: Any):
    customers(app, world, 12, "hana")
    sign_in(client, "hana")
    client.post("/customer/bulk", data={"act": "delete", "all": "1"})
    work(app)
    with app.app_context(), access.acting(access.SYSTEM):
        run = db.session.scalars(select(ImportRun)).one()
        assert (run.status, run.rows_updated, run.rows_refused) == (ImportStatus.done, 12, 0)
    assert f"/import/{run.id}" not in client.get("/import/").text
    assert client.get(f"/import/{run.id}").status_code == 404
    assert client.post(f"/import/{run.id}/undo").status_code == 404
    assert left(app, world.employees["hana"]) == 0


def test_a_few_are_deleted_while_one_waits(app: Any, world: World, client: Any):
    own = customers(app, world, 3, "hana")
    sign_in(client, "hana")
    answer = client.post("/customer/bulk", data={"act": "delete", "ids": [str(id_) for id_ in own[:2]]})
    assert answer.headers["Location"] == "/customer/list/"
    assert left(app, world.employees["hana"]) == 1


def test_an_act_on_many_is_its_askers_alone(app: Any, world: World, client: Any):
    customers(app, world, bulk_acts.AT_ONCE + 1, "hana")
    sign_in(client, "hana")
    where = client.post("/customer/bulk", data={"act": "delete", "all": "1"}).headers["Location"]
    sign_in(client, "leo")
    for answer in (client.get(where), client.get(f"{where}/progress"), client.post(f"{where}/undo")):
        assert answer.status_code == 404
    assert client.post("/customer/bulk", data={"act": "delete", "all": "1"}).status_code == 403
