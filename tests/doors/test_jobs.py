"""Work done in the background carries the rights of the person who asked for it, as they are when it is done."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select, update

from app.extensions import db, transaction
from app.models import Customer, EvalRun, ImportMode, Job, JobStatus, RunStatus
from app.roles import Reach
from app.services import access, jobs
from app.workflows import importing, uploads
from app.workflows.evaluation import packing
from tests.doors.matrix import OWNERS, REACHED, everything, make_records, mark_of
from tests.workflows.evaluation import shop
from tests.world import World, give_everything, sign_in

NEW = "renamed by file"


def import_by_job(world: World) -> set[str]:
    """Ann sends a file that renames everybody's customer; jobs judge and write it. Whose customers it renamed."""
    lines = ["客户编码,简称", *(f"CODE-{owner},{NEW}" for owner in OWNERS)]
    path = uploads.take_in(BytesIO("\n".join(lines).encode()))
    with access.acting(world.principal("ann")):
        with transaction():
            asked = uploads.Asked(large=True)
            run_id = uploads.accept("customer", "customers.csv", path, asked, mode=ImportMode.update)
        jobs.drain()
        db.session.rollback()
        with transaction():
            uploads.start(run_id)
        jobs.drain()
    with access.acting(access.SYSTEM):
        db.session.rollback()
        found = db.session.scalars(select(Customer.code).where(Customer.short_name == NEW)).all()
        db.session.remove()
    return {str(code).removeprefix("CODE-") for code in found}


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows there are, a job writes them."""
    monkeypatch.setattr(uploads, "ROWS_AT_ONCE", -1)


@pytest.mark.parametrize(
    ("database", "reach"),
    [*(("sqlite", reach) for reach in Reach), ("postgresql", Reach.team)],
    indirect=["database"],
)
@pytest.mark.usefixtures("in_background")
def test_an_import_job_writes_within_the_reach_of_who_asked(app: Any, world: World, reach: Reach):
    with app.app_context():
        make_records(world)
        give_everything(world, "ann", reach)
        assert import_by_job(world) == REACHED[reach]
        with access.acting(access.SYSTEM):
            kinds = set(db.session.scalars(select(Job.kind).where(Job.status == JobStatus.done)))
            asked = set(db.session.scalars(select(Job.person_id)))
            db.session.remove()
    assert kinds == {uploads.JUDGE, importing.JOB} and asked == {world.employees["ann"]}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("in_background")
def test_the_matrix_turns_red_when_a_job_has_the_rights_of_the_house(
    app: Any, world: World, monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        everybody = replace(world.principal("ann"), grants=everything(Reach.all), policies={}, criteria={})
        monkeypatch.setattr(jobs, "_rights_of", lambda _requester: everybody)
        make_records(world)
        give_everything(world, "ann", Reach.own)
        assert import_by_job(world) == set(OWNERS)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_job_of_who_lost_the_right_meanwhile_writes_nothing(app: Any, world: World, client: Any):
    run_id = evaluate(app, world, client, lose_right=True)
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.created
        assert db.session.scalars(select(Job.status)).all() == [JobStatus.failed]
        db.session.remove()


def evaluate(app: Any, world: World, client: Any, *, lose_right: bool = False) -> int:
    """Hana runs the shop's scheme over everybody's customer by a job; a published run unless she lost the right."""
    with app.app_context():
        ids = make_records(world)
        with access.acting(access.SYSTEM), transaction():
            db.session.execute(update(Customer).values(status="active"))
            packing.keep("SHOP", shop.scheme(), published=True)
        for owner in OWNERS:
            shop.order(ids[Customer][owner], "2025-03-01T10:00", 900)
        give_everything(world, "hana", Reach.all)
    form = {"scheme": "SHOP", "period_from": "2025-01-01", "period_to": "2025-12-31", "as_of": ""}
    started = sign_in(client, "hana").post("/evaluation/start", data=form)
    run_id = int(started.headers["Location"].rsplit("/", 1)[1])
    with app.app_context():
        if lose_right:
            take_roles(world, "hana")
        jobs.drain()
        db.session.remove()
        if not lose_right:
            with access.acting(access.SYSTEM), transaction():
                db.session.execute(update(EvalRun).values(status=RunStatus.published))
        db.session.remove()
    return run_id


def take_roles(world: World, person: str) -> None:
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(User, world.users[person]).roles = []
    db.session.remove()


def results(client: Any, run_id: int, ids: dict[str, int]) -> dict[str, set[str]]:
    """Whose results come through the doors of an evaluation: list, file, REST, explanations."""

    def named(text: str) -> set[str]:
        return {owner for owner in OWNERS if mark_of(Customer, owner) in text}

    rest = client.get(f"/api/v1/evaluations/{run_id}/results").json
    taken = client.get(f"/evaluation/show/{run_id}").text
    return {
        "page": named(taken),
        "grades": set(OWNERS[: sum(counts_of(taken))]),
        "rest": {row["name"].rsplit("-", 1)[1] for row in rest["result"]},
        "explain": {
            o for o in OWNERS if client.get(f"/evaluation/explain/{run_id}/{ids[o]}").status_code == 200
        },
        "rest explain": {
            o
            for o in OWNERS
            if client.get(f"/api/v1/evaluations/{run_id}/explain/{ids[o]}").status_code == 200
        },
    }


def counts_of(html: str) -> list[int]:
    """The subjects of each grade, as the tabs of the results count them."""
    return [int(one) for one in re.findall(r'grade=[^"]*"[^>]*>[^<]*<span class="cnt[^>]*>(\d+)', html)]


@pytest.mark.parametrize(
    ("database", "reach"),
    [*(("sqlite", reach) for reach in Reach), ("postgresql", Reach.unit)],
    indirect=["database"],
)
def test_results_of_an_evaluation_stop_at_the_reach_of_the_reader(
    app: Any, world: World, client: Any, reach: Reach, monkeypatch: pytest.MonkeyPatch
):
    run_id = evaluate(app, world, client)
    with app.app_context():
        give_everything(world, "ann", reach)
        with access.acting(access.SYSTEM):
            rows = db.session.execute(select(Customer.code, Customer.id)).all()
            ids = {code.removeprefix("CODE-"): id_ for code, id_ in rows}
        db.session.remove()
    ann = sign_in(app.test_client(), "ann")
    found = results(ann, run_id, ids)
    assert found == dict.fromkeys(found, REACHED[reach])
    if reach is Reach.own:
        monkeypatch.setattr(access, "_known", {})  # his policy is kept as long as nothing about him changes
        monkeypatch.setattr(access, "policy", lambda _model, _who: None)
        found = results(ann, run_id, ids)
        assert found == dict.fromkeys(found, REACHED[Reach.all])
