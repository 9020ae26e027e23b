"""Exports: what a person may take out and how much of it, by whose word more, and that a file is kept for a day."""

from __future__ import annotations

import csv
import json
import os
import resource as machine
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.columns import now
from app.errors import BadInput, BadRequest, NotAllowed, NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    ApprovalRequest,
    AuditAct,
    AuditLog,
    Customer,
    ExportRequest,
    ExportStatus,
    JobStatus,
    Lifecycle,
    Notice,
    Parameter,
    RoleGrant,
)
from app.roles import Act
from app.services import access, exports, jobs, records, saved_views
from app.workflows import exporting
from tests.workflows.conftest import Stage, stage  # noqa: F401 (a fixture)

LIMIT = 3
PURPOSE = "Letters for the autumn campaign."


@pytest.fixture
def company(stage: Stage) -> Stage:  # noqa: F811
    """The limit is three rows. Ann owns three customers, Cat two, and Ann may not see credit limits."""
    with access.acting(access.SYSTEM), transaction():
        db.session.scalars(select(Parameter).where(Parameter.key == exports.LIMIT)).one().value = str(LIMIT)
    for owner, count in (("ann", 3), ("cat", 2)):
        add_customers(stage, owner, count)
    return stage


def add_customers(stage: Stage, owner: str, count: int, name: str = "Customer") -> None:  # noqa: F811
    with access.acting(access.SYSTEM), transaction():
        made = db.session.scalar(select(sa.func.count()).select_from(Customer)) or 0
        rows = [
            {
                "name": f"{name} {made + n} of {owner}",
                "code": f"K{made + n:07}",
                "status": Lifecycle.active,
                "owner_id": stage.employee(owner),
                "org_unit_id": stage.world.unit_of(owner),
            }
            for n in range(count)
        ]
        db.session.execute(sa.insert(Customer), rows)


def query(**more: Any) -> records.Query:
    return records.Query(model=Customer, **more)


def ask(stage: Stage, person: str, **wish: Any) -> int:  # noqa: F811
    with stage.as_(person), transaction():
        return exporting.ask(exporting.Wish(**{"query": query(), "reason": PURPOSE, **wish})).id


def find(request_id: int) -> ExportRequest:
    db.session.remove()
    with access.acting(access.SYSTEM):
        return db.session.get_one(ExportRequest, request_id)


def request_of(export_id: int) -> int:
    with access.acting(access.SYSTEM):
        return db.session.scalars(
            select(ApprovalRequest.id).where(ApprovalRequest.object_id == export_id)
        ).one()


def approve(stage: Stage, export_id: int) -> None:  # noqa: F811
    """The head of Ann's department approves, then the keeper of the data."""
    for person in ("lea", "hana", "fay"):
        todo = stage.todo(person)
        if request_of(export_id) in todo:
            stage.act(person, request_of(export_id), "approve")


def fetched(stage: Stage, person: str, export_id: int) -> Path:  # noqa: F811
    with stage.as_(person):
        return exporting.fetch(export_id)[1]


def sheet(path: Path) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(BytesIO(path.read_bytes()), read_only=True).active.values)


# ---- rights ------------------------------------------------------------------------------------------------


@pytest.mark.req("Q-16")
def test_nobody_takes_out_more_than_he_sees(company: Stage, tmp_path: Path):
    with company.as_("ann"):
        what = exports.taken(query())
        assert exports.write(what, tmp_path / "a.csv", "csv") == 3
    with (tmp_path / "a.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 4 and all("of ann" in ",".join(row) for row in rows[1:])


def test_who_may_not_take_records_out_is_refused(company: Stage):
    with company.as_("bob"), pytest.raises(NotAllowed):  # a seller reads his customers and exports none
        exports.taken(query())
    with pytest.raises(NotAllowed):
        ask(company, "bob")


def test_columns_one_may_not_see_are_neither_offered_nor_given(company: Stage):
    revoke(company, "ann", Act.see_confidential)
    with company.as_("ann"):
        assert "credit_limit" not in [field.name for field in exports.columns(Customer)]
        with pytest.raises(NotAllowed):
            exports.taken(query(), ["name", "credit_limit"])
        with pytest.raises(NotAllowed):
            exports.taken(query(), ["name", "phone_sealed"])


def revoke(stage: Stage, person: str, act: Act, resource: str = "customer") -> None:  # noqa: F811
    with access.acting(access.SYSTEM), transaction():
        roles = [role.id for role in db.session.get_one(User, stage.world.users[person]).roles]
        db.session.execute(
            sa.delete(RoleGrant).where(
                RoleGrant.role_id.in_(roles), RoleGrant.resource == resource, RoleGrant.act == act
            )
        )
    db.session.remove()


def test_a_sealed_number_goes_out_masked(company: Stage, tmp_path: Path):
    with company.as_("ann"), transaction():
        record = db.session.scalars(select(Customer)).first()
        records.change(record, {"phone": "13812345678"}, None)
    with company.as_("ann"):
        exports.write(exports.taken(query(), ["name", "phone"]), tmp_path / "a.csv", "csv")
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert "13812345678" not in text and "5678" in text


def test_no_cell_runs_as_a_formula(company: Stage, tmp_path: Path):
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.update(Customer).values(name="=HYPERLINK(1)", short_name="0012"))
    with company.as_("ann"):
        exports.write(exports.taken(query(), ["name", "short_name"]), tmp_path / "a.xlsx", "xlsx")
    assert sheet(tmp_path / "a.xlsx")[1] == ("'=HYPERLINK(1)", "0012")


def test_an_export_is_logged_with_its_size_and_purpose(company: Stage, tmp_path: Path):
    with company.as_("ann"):
        exports.write(exports.taken(query()), tmp_path / "a.csv", "csv", reason=PURPOSE)
    with access.acting(access.SYSTEM):
        line = db.session.scalars(select(AuditLog).where(AuditLog.act == AuditAct.take_out)).one()
    assert (line.object_type, line.person_id) == ("customer", company.employee("ann"))
    assert "3" in line.summary["en"] and line.reason == PURPOSE


# ---- the limit ---------------------------------------------------------------------------------------------


@pytest.mark.req("Q-16")
def test_the_limit_itself_goes_out_at_once_and_one_row_more_does_not(company: Stage, tmp_path: Path):
    export_id = ask(company, "ann", reason="")
    with company.as_("ann"):
        assert exporting.make(export_id) == LIMIT
    assert len(sheet(fetched(company, "ann", export_id))) == LIMIT + 1
    add_customers(company, "ann", 1)
    with company.as_("ann"), pytest.raises(exports.OverLimit):
        exports.write(exports.taken(query()), tmp_path / "a.csv", "csv")
    with pytest.raises(BadInput):
        ask(company, "ann", reason=" ")
    assert find(ask(company, "ann")).status is ExportStatus.in_approval


def test_a_role_may_have_a_limit_of_its_own(company: Stage):
    with company.as_("ann"):
        assert exports.limit_of(access.principal()) == LIMIT
    with access.acting(access.SYSTEM), transaction():
        db.session.add(Parameter(key=f"{exports.LIMIT}.account_manager", name_zh="x", name_en="x", value="7"))
    with company.as_("ann"):
        assert exports.limit_of(access.principal()) == 7
    with company.as_("bob"):
        assert exports.limit_of(access.principal()) == LIMIT


def test_without_the_parameter_a_hundred_rows_go_out(company: Stage):
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.delete(Parameter).where(Parameter.key == exports.LIMIT))
    with company.as_("ann"):
        assert exports.limit_of(access.principal()) == exports.LIMIT_UNSAID


def test_rows_that_come_between_asking_and_making_do_not_slip_out(company: Stage):
    export_id = ask(company, "ann", reason="")
    add_customers(company, "ann", 1)
    with company.as_("ann"), pytest.raises(exports.OverLimit):
        exporting.make(export_id)
    found = find(export_id)
    assert found.status is ExportStatus.failed and "4" in found.problem.en


# ---- by approval -------------------------------------------------------------------------------------------


@pytest.fixture
def big(company: Stage) -> int:
    """Ann's request for four rows."""
    add_customers(company, "ann", 1)
    return ask(company, "ann")


@pytest.mark.req("Q-16")
def test_an_export_above_the_limit_is_approved_by_two_and_made_for_its_requester(company: Stage, big: int):
    request_id = request_of(big)
    assert find(big).status is ExportStatus.in_approval
    company.act("hana", request_id, "approve")
    assert find(big).status is ExportStatus.in_approval
    assert jobs.drain() == 0
    company.act("fay", request_id, "approve")
    assert find(big).status is ExportStatus.approved
    assert jobs.drain() == 1
    found = find(big)
    assert (found.status, found.rows_written) == (ExportStatus.ready, 4)
    assert len(sheet(fetched(company, "ann", big))) == 5
    with company.as_("ann"):
        notices = db.session.scalars(select(Notice).where(Notice.object_type == "export_request")).all()
    assert len(notices) == 1


def test_whoever_decides_sees_what_is_asked_for(company: Stage):
    add_customers(company, "ann", 1)
    with company.as_("ann"):
        active = records.condition(Customer, "status", "in", "active")
        own = records.condition(Customer, "owner_id", "in", str(company.employee("ann")))
    export_id = ask(company, "ann", query=query(conditions=(active, own)), columns=("name", "status"))
    found = find(export_id)
    assert found.filters.zh == "状态 为 合作中；客户经理 为 林安"
    assert found.fields.en == "Customer name, Status"
    with company.as_("hana"):
        assert records.find(ExportRequest, export_id).reason == PURPOSE
    with company.as_("cat"), pytest.raises(NotFound):
        records.find(ExportRequest, export_id)


def test_the_requester_does_not_decide_and_one_person_does_not_decide_twice(company: Stage, big: int):
    for role in ("info_keeper", "sales_head"):
        give_role(company, "ann", role)
    give_role(company, "hana", "info_keeper")
    request_id = request_of(big)
    with pytest.raises(Refusal):
        company.act("ann", request_id, "approve")
    company.act("hana", request_id, "approve")
    with pytest.raises(Refusal):
        company.act("hana", request_id, "approve")
    with pytest.raises(Refusal):
        company.act("ann", request_id, "approve")
    assert find(big).status is ExportStatus.in_approval


def give_role(stage: Stage, person: str, role: str) -> None:  # noqa: F811
    with access.acting(access.SYSTEM), transaction():
        user = db.session.get_one(User, stage.world.users[person])
        user.roles = [*user.roles, db.session.scalars(select(Role).where(Role.name == role)).one()]
    db.session.remove()


def test_a_rejected_export_is_never_made(company: Stage, big: int):
    company.act("hana", request_of(big), "reject", comment="What for?")
    assert find(big).status is ExportStatus.rejected
    assert jobs.drain() == 0
    with pytest.raises(Refusal):
        fetched(company, "ann", big)
    with company.as_("ann"), pytest.raises(WrongState):
        exporting.make(big)


@pytest.mark.parametrize("loss", ["right", "column", "condition", "customers", "account"])
def test_a_right_lost_after_the_approval_counts(company: Stage, loss: str):
    add_customers(company, "ann", 1)
    columns = ("name", "credit_limit") if loss == "column" else ("name",)
    conditions = ()
    if loss == "condition":
        with company.as_("ann"):
            conditions = (records.condition(Customer, "credit_limit", "none", "1"),)
    export_id = ask(company, "ann", query=query(conditions=conditions), columns=columns)
    approve(company, export_id)
    if loss == "right":
        revoke(company, "ann", Act.take_out)
    if loss in {"column", "condition"}:
        revoke(company, "ann", Act.see_confidential)
    if loss == "customers":
        with access.acting(access.SYSTEM), transaction():
            moved = {"owner_id": company.employee("cat"), "org_unit_id": company.world.unit_of("cat")}
            first = select(Customer.id).where(Customer.owner_id == company.employee("ann")).limit(1)
            db.session.execute(sa.update(Customer).where(Customer.id.in_(first)).values(**moved))
    if loss == "account":
        with access.acting(access.SYSTEM), transaction():
            db.session.get_one(User, company.world.users["ann"]).active = False
    assert jobs.drain() == 1
    exporting.sweep()
    found = find(export_id)
    if loss == "customers":
        assert (found.status, found.rows_written) == (ExportStatus.ready, 3)
    else:
        assert found.status is ExportStatus.failed and found.problem.zh
        assert list(exporting.folder().glob(found.uid)) == []


def test_who_lost_the_right_no_longer_fetches_what_was_made(company: Stage):
    export_id = ask(company, "ann")
    with company.as_("ann"):
        exporting.make(export_id)
    revoke(company, "ann", Act.take_out)
    with pytest.raises(NotAllowed):
        fetched(company, "ann", export_id)


def test_nobody_but_the_requester_fetches_the_file(company: Stage, big: int):
    approve(company, big)
    jobs.drain()
    for person in ("hana", "fay", "leo", "cat"):
        with pytest.raises((NotAllowed, NotFound)):
            fetched(company, person, big)
        with company.as_(person), pytest.raises(NotFound):
            exporting.make(big)
    assert fetched(company, "ann", big).exists()


def test_an_export_that_grew_beyond_what_was_approved_is_not_made(company: Stage, big: int):
    approve(company, big)
    add_customers(company, "ann", 1)
    assert jobs.drain() == 1
    assert find(big).status is ExportStatus.failed


# ---- kept for a day ----------------------------------------------------------------------------------------


def test_a_file_is_kept_for_a_day_and_then_thrown_away(company: Stage):
    export_id = ask(company, "ann")
    with company.as_("ann"):
        exporting.make(export_id)
    path = fetched(company, "ann", export_id)
    left = find(export_id).expires_at - now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert exporting.sweep() == 0 and path.exists()
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.update(ExportRequest).values(expires_at=now()))
    with pytest.raises(WrongState):  # refused at once, whenever the sweeper comes
        fetched(company, "ann", export_id)
    old = path.stat().st_mtime - exporting.KEPT_FOR.total_seconds()
    os.utime(path, (old, old))
    assert exporting.sweep() == 1
    assert find(export_id).status is ExportStatus.expired and not path.exists()


def test_an_export_whose_maker_was_cut_off_is_said_to_have_failed(company: Stage):
    export_id = ask(company, "ann")
    assert exporting.sweep() == 0 and find(export_id).status is ExportStatus.approved
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.update(ExportRequest).values(changed_at=now() - timedelta(hours=2)))
    exporting.sweep()
    assert find(export_id).status is ExportStatus.failed


# ---- large ones --------------------------------------------------------------------------------------------


def test_a_long_export_is_made_by_a_job_that_says_how_far_it_is(company: Stage, monkeypatch):
    add_customers(company, "ann", exporting.AT_ONCE + 1_500)
    with access.acting(access.SYSTEM), transaction():
        db.session.scalars(select(Parameter).where(Parameter.key == exports.LIMIT)).one().value = "9999"
    said: list[tuple[int, int]] = []
    save = jobs.Run.save
    monkeypatch.setattr(
        jobs.Run, "save", lambda self, *a, **k: (said.append((k["done"], k["total"])), save(self, *a, **k))
    )
    export_id = ask(company, "ann", form="csv", columns=("name",))
    found = find(export_id)
    assert found.status is ExportStatus.approved and found.job_id is not None
    assert jobs.drain() == 1
    assert said == [(2_000, 3_503), (3_503, 3_503)]
    with access.acting(access.SYSTEM):
        assert exporting.job_of(find(export_id)).status is JobStatus.done
    assert len(fetched(company, "ann", export_id).read_text(encoding="utf-8").splitlines()) == 3_504


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_memory_stays_constant_over_100_000_rows(company: Stage, tmp_path: Path):
    names = ["code", "name", "status", "owner_id", "credit_limit", "created_at"]
    add_customers(company, "ann", 2_000)
    take_out(company, names, tmp_path / "warm.csv")
    add_customers(company, "ann", 98_000)
    before = machine.getrusage(machine.RUSAGE_SELF).ru_maxrss
    assert take_out(company, names, tmp_path / "a.csv") == 100_003
    grown = machine.getrusage(machine.RUSAGE_SELF).ru_maxrss - before
    assert grown < 15_000, f"{grown} kB more at fifty times the rows"


def take_out(stage: Stage, names: list[str], target: Path) -> int:  # noqa: F811
    with stage.as_("ann"):
        what = exports.taken(query(), names)
        return exports.write(what, target, target.suffix[1:], most=exports.MOST_ROWS)


def test_a_list_that_was_kept_is_read_as_it_was_asked(company: Stage):
    with company.as_("ann"):
        asked = query(
            search="Customer",
            conditions=(records.condition(Customer, "status", "in", "active,dormant"),),
            sort=records.sort_of(Customer, "-name"),
        )
        assert exports.query_of("customer", exports.state_of(asked)) == asked
        with pytest.raises(BadRequest):
            exports.query_of("customer", {"search": "", "conditions": [["is", "no_such", "1"]], "sort": ""})


# ---- the command -------------------------------------------------------------------------------------------


def test_the_command_writes_a_list_with_the_rights_and_limit_of_a_person(company: Stage, guanhu, tmp_path):
    target = tmp_path / "out.csv"

    def run(*more: str, who: str = "ann", out: Path = target) -> Any:
        return guanhu("export", "customer", "--out", str(out), *more, "--as", who)

    done = run("--columns", "code,name", "--json")
    assert (done.returncode, json.loads(done.stdout)[0]["rows"]) == (0, 3), done.stderr
    assert len(target.read_text(encoding="utf-8").splitlines()) == 4
    assert run(who="bob").returncode == 1
    assert run(out=tmp_path / "out.exe").returncode == 2
    assert run("--view", "none").returncode == 2
    add_customers(company, "ann", 1)
    target.unlink()
    assert run().returncode == 1
    asked = run("--reason", PURPOSE, "--json")
    assert json.loads(asked.stdout)[0]["status"] == "in_approval" and not target.exists()
    few = run("--query", "in.status=dormant")
    assert few.returncode == 0 and len(target.read_text(encoding="utf-8").splitlines()) == 1


def test_the_command_writes_a_saved_view(company: Stage, guanhu, tmp_path):
    with company.as_("ann"), transaction():
        saved_views.save("customer", "in.status=active&cols=name,code", {"name": "Autumn"})
    target = tmp_path / "out.csv"
    done = guanhu("export", "customer", "--view", "Autumn", "--out", str(target), "--as", "ann")
    assert done.returncode == 0, done.stderr
    assert len(target.read_text(encoding="utf-8").splitlines()[0].split(",")) == 2
