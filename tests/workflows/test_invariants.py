"""Each law of requests is seen broken once: rows are damaged past the engine, and the check names law and request."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from app.columns import now
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalEvidence,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    Attachment,
    Contract,
    RequestStatus,
)
from app.services import access
from app.workflows.invariants import Breach, breaches, dangling

REQUEST, STEP, SEAT, TASK, ACTION, TIMER = (
    model.__table__
    for model in (ApprovalRequest, ApprovalStep, ApprovalSeat, ApprovalTask, ApprovalAction, ApprovalTimer)
)


@pytest.fixture
def office(stage: Any, flow: Any) -> dict[str, int]:
    """A request that runs at its second step, one that was approved, and one that was cancelled."""
    flow(
        {"who": "lea", "due": "2wd", "evidence": [{"type": "scan", "name": {"zh": "扫描件", "en": "Scan"}}]},
        {"who": ["leo", "ina"], "due": "2wd"},
    )
    found = {}
    for name in ("runs", "approved", "cancelled"):
        contract = stage.contract()
        stage.attach("ann", "contract", contract, "scan")
        found[name] = stage.submit("ann", contract).request_id
        stage.act("lea", found[name], "approve")
    stage.act("leo", found["approved"], "approve")
    stage.act("ann", found["cancelled"], "cancel")
    assert breaches() == []
    db.session.remove()
    return found


def broken(*statements: Any) -> list[Breach]:
    """What is found once these statements went past the engine."""
    with access.acting(access.SYSTEM), transaction():
        for statement in statements:
            db.session.execute(text(statement) if isinstance(statement, str) else statement)
    return breaches()


def of(request: int, table: Any, **values: Any) -> Any:
    return update(table).where(table.c.request_id == request).values(**values)


def one_step(request: int, node: str) -> Any:
    return select(STEP.c.id).where(STEP.c.request_id == request, STEP.c.node == node).scalar_subquery()


DAMAGE: dict[str, Callable[[Any, dict[str, int]], tuple[int, list[Any]]]] = {
    "I1": lambda _stage, it: (it["runs"], [of(it["runs"], STEP, status="cancelled")]),
    "I2": lambda _stage, it: (
        it["approved"],
        [of(it["approved"], TIMER, status="armed")],
    ),
    "I3": lambda _stage, it: (
        it["runs"],
        [update(ACTION).where(ACTION.c.request_id == it["runs"], ACTION.c.seq == 2).values(seq=9)],
    ),
    "I4": lambda stage, it: (
        it["runs"],
        [
            update(TASK)
            .where(TASK.c.step_id == one_step(it["runs"], "s2"))
            .values(status="approved", acted_by_id=stage.employee("leo"))
        ],
    ),
    "I5": lambda stage, it: (
        it["runs"],
        [
            update(TASK)
            .where(TASK.c.step_id == one_step(it["runs"], "s1"))
            .values(acted_by_id=stage.employee("ann"))
        ],
    ),
    "I5 twice": lambda stage, it: (
        it["approved"],
        [
            update(TASK)
            .where(TASK.c.step_id == one_step(it["approved"], "s2"), TASK.c.status == "approved")
            .values(acted_by_id=stage.employee("lea"))
        ],
    ),
    "I6": lambda _stage, it: (
        it["runs"],
        [update(SEAT).where(SEAT.c.step_id == one_step(it["runs"], "s2")).values(status="approved")],
    ),
    "I7": lambda _stage, it: (
        it["approved"],
        [
            update(Contract.__table__)
            .where(
                Contract.__table__.c.id
                == select(REQUEST.c.object_id).where(REQUEST.c.id == it["approved"]).scalar_subquery()
            )
            .values(status="in_approval")
        ],
    ),
    "I8": lambda _stage, it: (
        it["runs"],
        [
            "DROP INDEX ux_approval_request_alive",
            update(REQUEST)
            .where(REQUEST.c.id == it["cancelled"])
            .values(
                status="returned",
                object_id=select(REQUEST.c.object_id).where(REQUEST.c.id == it["runs"]).scalar_subquery(),
            ),
        ],
    ),
    "I10": lambda _stage, it: (
        it["runs"],
        [
            update(ACTION)
            .where(ACTION.c.request_id == it["runs"], ACTION.c.act == ApprovalAct.approve)
            .values(act=ApprovalAct.correct)
        ],
    ),
    "I11": lambda _stage, it: (
        it["runs"],
        [
            update(STEP).where(STEP.c.id == one_step(it["runs"], "s1")).values(node="s2", visit_no=7),
        ],
    ),
    "I12": lambda _stage, it: (
        it["approved"],
        [of(it["approved"], TASK, decided_at=now() - timedelta(days=3))],
    ),
    "I12 proof": lambda _stage, it: (
        it["approved"],
        [delete(ApprovalEvidence.__table__).where(ApprovalEvidence.request_id == it["approved"])],
    ),
    "I13": lambda _stage, it: (it["runs"], [of(it["runs"], TASK, reason=None)]),
    "I14": lambda _stage, it: (
        it["runs"],
        [of(it["runs"], STEP, due_at=now() + timedelta(days=99))],
    ),
}


@pytest.mark.parametrize("law", DAMAGE)
def test_a_broken_law_is_found_with_its_request(stage, office, law):
    request, damage = DAMAGE[law](stage, office)
    found: dict[str, tuple[int, ...]] = {}
    for breach in broken(*damage):
        found[breach.law] = (*found.get(breach.law, ()), *breach.request_ids)
    assert request in found.get(law.split()[0], ()), found


def test_a_flow_version_that_was_rewritten_is_found(office):
    versions = ApprovalFlowVersion.__table__
    version = select(REQUEST.c.version_id).where(REQUEST.c.id == office["runs"]).scalar_subquery()
    found = broken(update(versions).where(versions.c.id == version).values(body={"steps": []}))
    assert [breach.law for breach in found] == ["I9"]


def test_a_link_that_points_to_nothing_is_found(office):
    assert dangling() == []
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(
            insert(Attachment.__table__).values(
                uid="x",
                object_type="contract",
                object_id=4_711,
                file_name="x",
                size=1,
                sha256="x",
                media_type="x",
                created_at=now(),
                changed_at=now(),
                version_no=1,
            )
        )
        db.session.execute(
            insert(Attachment.__table__).values(
                uid="y",
                object_type="no_such_table",
                object_id=1,
                file_name="x",
                size=1,
                sha256="x",
                media_type="x",
                created_at=now(),
                changed_at=now(),
                version_no=1,
            )
        )
    assert {(lost.table, lost.object_type, len(lost.ids)) for lost in dangling()} == {
        ("attachment", "contract", 1),
        ("attachment", "no_such_table", 1),
    }


def test_the_command_ends_with_zero_when_all_holds_and_names_what_does_not(stage, office, guanhu):
    whole = guanhu("check", "--json")
    assert (whole.returncode, json.loads(whole.stdout)) == (0, [])
    request, damage = DAMAGE["I1"](stage, office)
    broken(*damage)
    found = guanhu("check", "--json")
    assert found.returncode == 1
    assert {"law": "I1", "of": "approval_request", "ids": [request]}.items() <= json.loads(found.stdout)[
        0
    ].items()
    assert "I1" in guanhu("check").stdout


def test_nothing_is_broken_in_a_request_that_is_suspended(stage, office):
    stage.act("ada", office["runs"], "suspend", comment="wait")
    assert stage.find(ApprovalRequest, office["runs"]).status is RequestStatus.suspended
    assert breaches() == []
