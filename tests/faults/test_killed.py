"""A process that decides is killed in the middle, again and again: what it did is whole, or was not done."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import ApprovalAct, ApprovalAction, ApprovalRequest, Contract, ContractStatus, RequestStatus
from app.services import access
from app.workflows.invariants import breaches
from app.workflows.verifying import MUST_PASS
from tests.conftest import environment
from tests.workflows.conftest import Stage
from tests.world import World

KILLS = 3
REQUESTS = 40

DECIDER = """
import sys, config
from app import create_app, workflows
from app.extensions import transaction
from app.services import access
app = create_app(config.read())
with app.app_context():
    with access.acting(access.SYSTEM):
        who = access.principal_of(int(sys.argv[1]))
    print("begins", flush=True)
    with access.acting(who):
        for request in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
            with transaction():
                workflows.act(request, "approve", idem_key=f"once-{request}")
            print(request, flush=True)
"""
"""Approves one request after another until it is killed."""


@pytest.mark.long
@pytest.mark.live
def test_a_decider_killed_at_any_moment_leaves_whole_decisions(
    in_app: Any,
    world: World,
    database: str,
    tmp_path: Path,
    session_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(MUST_PASS, "contract", ())
    stage = Stage(world)
    step = {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"employee": stage.number("lea")}]}
    name = {"zh": "流", "en": "flow"}
    stage.publish({"code": "contract_test", "object_type": "contract", "name": name, "steps": [step]})
    requests = [stage.submit("ann", stage.contract()).request_id for _ in range(REQUESTS)]
    db.session.remove()
    first = requests[0]
    environ = environment(database, tmp_path, session_folder / "instance")
    draw = random.Random(17)
    for _ in range(KILLS):
        arguments = [sys.executable, "-c", DECIDER, str(world.users["lea"]), str(first), str(requests[-1])]
        with subprocess.Popen(arguments, env=environ, cwd=tmp_path, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(draw.randint(2, 8)):
                process.stdout.readline()
            time.sleep(draw.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        db.session.remove()
        assert breaches() == []
        first = requests[0] + _decided()
    assert 0 < _decided() < REQUESTS


def _decided() -> int:
    """How many were decided, each with its act and its effect."""
    db.session.remove()
    with access.acting(access.SYSTEM):
        acts = select(func.count(ApprovalAction.id)).where(ApprovalAction.act == ApprovalAct.approve)
        ended = select(func.count()).where(ApprovalRequest.status == RequestStatus.approved)
        moved = select(func.count()).where(Contract.status == ContractStatus.approved)
        counts = {db.session.scalar(one) for one in (acts, ended, moved)}
    assert len(counts) == 1, counts
    return counts.pop() or 0
