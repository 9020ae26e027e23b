"""Sixty requests hammered by eight threads at once: each is decided once, nothing else happens, and all laws hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from app import workflows
from app.errors import Refusal
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalRequest,
    ApprovalTask,
    AuditAct,
    AuditLog,
    Contract,
    ContractStatus,
    RequestStatus,
)
from app.services import access
from app.workflows.invariants import breaches
from app.workflows.verifying import MUST_PASS
from tests.workflows.conftest import Stage
from tests.workflows.test_concurrency import at_once
from tests.world import World

REQUESTS = 60
HEADS = ("lea", "hana", "leo", "sam")
THREADS = 8


@pytest.mark.live
@pytest.mark.req("W-01", "W-02")
def test_sixty_requests_hammered_by_eight_threads_give_sixty_decisions(
    in_app: Any, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(MUST_PASS, "contract", ())
    stage = Stage(world)
    people = [{"employee": stage.number(person)} for person in HEADS]
    step = {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": people}
    name = {"zh": "流", "en": "flow"}
    stage.publish({"code": "contract_test", "object_type": "contract", "name": name, "steps": [step]})
    requests = [stage.submit("ann", stage.contract()).request_id for _ in range(REQUESTS)]
    told_before = _moves()
    principals = [world.principal(person) for person in HEADS] * (THREADS // len(HEADS))
    db.session.remove()
    came_to: list[str] = []

    outcomes = at_once(in_app, [_hammer(who, requests, came_to) for who in principals])

    seen = Counter(came_to)
    assert outcomes == ["done"] * THREADS
    assert seen.pop("done") == REQUESTS
    assert sum(seen.values()) == REQUESTS * (THREADS - 1)
    assert set(seen) <= {"wrong_state", "not_allowed", "stale"}, seen
    with access.acting(access.SYSTEM):
        acts = db.session.execute(select(ApprovalAction.act, func.count()).group_by(ApprovalAction.act)).all()
        assert dict(acts) == {ApprovalAct.submit: REQUESTS, ApprovalAct.approve: REQUESTS}
        voted = select(func.count(ApprovalTask.id)).where(ApprovalTask.acted_by_id.is_not(None))
        assert db.session.scalar(voted) == REQUESTS
        assert set(db.session.scalars(select(ApprovalRequest.status))) == {RequestStatus.approved}
        assert set(db.session.scalars(select(Contract.status))) == {ContractStatus.approved}
    assert _moves() - told_before == REQUESTS, "each contract was moved once more"
    assert breaches() == []


def _moves() -> int:
    with access.acting(access.SYSTEM):
        moved = select(func.count(AuditLog.id)).where(
            AuditLog.act == AuditAct.move, AuditLog.object_type == "contract"
        )
        return db.session.scalar(moved) or 0


def _hammer(who: access.Principal, requests: list[int], came_to: list[str]) -> Callable[[], object]:
    def deed() -> object:
        for request in requests:
            try:
                with access.acting(who), transaction():
                    workflows.act(request, "approve")
                came_to.append("done")
            except Refusal as refusal:
                came_to.append(refusal.code)
        return None

    return deed
