"""The lives of records: only their moves change a status, and each move asks for what it needs."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from app import workflows
from app.errors import BadInput, BadRequest, NotAllowed, Stale, WrongState
from app.extensions import company, db, transaction
from app.models import AuditAct, AuditLog, Customer, Lifecycle, Task, TaskStatus, Visit, VisitStatus
from app.services import access
from app.workflows.machine import By, checks, machines
from app.workflows.refusals import Locked


@pytest.mark.parametrize("machine", machines.values(), ids=[model.__tablename__ for model in machines])
def test_every_machine_speaks_of_states_and_checks_that_exist(machine: Any):
    states = {state.value for state in machine.states}
    assert machine.first in states
    for move in machine.moves:
        assert {*move.sources, move.target} <= states, move.verb
        assert set(move.checks) <= set(checks)
        assert move.words.zh and move.words.en
    assert {*machine.adopted, *machine.closed} <= states
    verbs = [move.verb for move in machine.moves]
    assert len(verbs) == len(set(verbs))


@pytest.mark.parametrize("machine", machines.values(), ids=[model.__tablename__ for model in machines])
def test_every_state_can_be_reached(machine: Any):
    reached, new = set(), {machine.first, *machine.adopted}
    while new:
        reached |= new
        new = {move.target for move in machine.moves if reached & set(move.sources)} - reached
    assert reached == {state.value for state in machine.states}


def _task(stage, person="ann", **values):
    with stage.as_(person), transaction():
        task = Task(
            title="call back",
            owner_id=stage.employee(person),
            org_unit_id=stage.world.unit_of(person),
            **values,
        )
        db.session.add(task)
        db.session.flush()
        return task.id


def test_a_move_asks_for_its_condition_and_writes_what_happened(stage):
    task = _task(stage)
    with stage.as_("ann"):
        offers = {offer.verb: offer.refusal for offer in workflows.moves_of(db.session.get_one(Task, task))}
        assert set(offers) == {"finish"}
        assert offers["finish"] is not None
    with pytest.raises(WrongState), stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Task, task), "finish")
    with stage.as_("ann"), transaction():
        db.session.get_one(Task, task).result = "he is content"
    with stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Task, task), "finish", "called at noon")
    assert stage.find(Task, task).status is TaskStatus.done
    with access.acting(access.SYSTEM):
        line = db.session.scalars(select(AuditLog).where(AuditLog.act == AuditAct.move)).one()
    assert (line.changes, line.reason, line.person_id) == (
        {"status": ["open", "done"]},
        "called at noon",
        stage.employee("ann"),
    )


def test_nobody_verifies_his_own_task(stage):
    task = _task(stage, result="done")
    with stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Task, task), "finish")
    with pytest.raises(WrongState), stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Task, task), "verify")
    with stage.as_("hana"), transaction():
        workflows.move(db.session.get_one(Task, task), "verify")
    assert stage.find(Task, task).status is TaskStatus.verified


def test_a_status_is_set_by_no_other_code(stage):
    task = _task(stage)
    with pytest.raises(RuntimeError), stage.as_("ann"), transaction():
        db.session.get_one(Task, task).status = TaskStatus.verified
    with pytest.raises(RuntimeError), access.acting(access.SYSTEM), transaction():
        db.session.add(Customer(name="x", status=Lifecycle.active, code="C9"))
    assert stage.find(Task, task).status is TaskStatus.open


def test_what_only_the_house_does_no_person_can(stage):
    customer = stage.customer("ann")
    with stage.as_("ann"):
        row = db.session.get_one(Customer, customer)
        by_house = [move.verb for move in machines[Customer].moves if move.by is not By.person]
    for verb in by_house:
        with pytest.raises(NotAllowed), stage.as_("ann"), transaction():
            workflows.move(db.session.get_one(Customer, row.id), verb)
    with pytest.raises(BadRequest), stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Customer, customer), "fly")


def test_a_move_that_needs_a_reason_is_refused_without_one(stage):
    visit = _visit(stage)
    with pytest.raises(BadInput), stage.as_("ann"), transaction():
        workflows.move(db.session.get_one(Visit, visit), "cancel", "  ")
    assert stage.find(Visit, visit).status is VisitStatus.planned


def _visit(stage):
    customer = stage.customer("ann")
    with stage.as_("ann"), transaction():
        visit = Visit(
            customer_id=customer,
            planned_on=company.today(),
            owner_id=stage.employee("ann"),
            org_unit_id=stage.world.unit_of("ann"),
        )
        db.session.add(visit)
        db.session.flush()
        return visit.id


def test_a_closed_record_is_not_edited(stage):
    visit = _visit(stage)
    with stage.as_("ann"), transaction():
        row = db.session.get_one(Visit, visit)
        workflows.move(row, "cancel", "he is ill")
    with pytest.raises(Locked), stage.as_("ann"), transaction():
        db.session.get_one(Visit, visit).place = "elsewhere"


def test_somebody_elses_record_is_not_moved(stage):
    task = _task(stage)
    with access.acting(stage.world.principal("dan")), transaction():
        with access.acting(access.SYSTEM):
            row = db.session.get_one(Task, task)
        with pytest.raises(NotAllowed):
            workflows.move(row, "cancel", "why not")


def test_a_record_changed_meanwhile_is_not_moved(stage):
    task = _task(stage, result="done")
    with pytest.raises(Stale), stage.as_("ann"), transaction():  # noqa: PT012 (the block is the transaction)
        row = db.session.get_one(Task, task)
        with access.acting(access.SYSTEM):
            db.session.execute(
                text("UPDATE task SET version_no = version_no + 1 WHERE id = :id"), {"id": task}
            )
        workflows.move(row, "finish")


def test_opening_data_needs_the_right_and_a_reason(stage):
    with (
        pytest.raises(NotAllowed),
        stage.as_("ann"),
        transaction(),
        workflows.adopting([Customer], "old system"),
    ):
        pass
    with pytest.raises(BadInput), stage.as_("fay"), transaction(), workflows.adopting([Customer], " "):
        pass
    with stage.as_("fay"), transaction(), workflows.adopting([Customer], "taken over from the old system"):
        db.session.add(Customer(name="Old", status=Lifecycle.active, code="A-1"))
    with access.acting(access.SYSTEM):
        assert (
            db.session.scalars(select(Customer.status).where(Customer.code == "A-1")).one()
            is Lifecycle.active
        )
        assert db.session.scalars(select(AuditLog).where(AuditLog.act == AuditAct.bring_in)).one().reason
