"""Two people at once: one decision, one request, one number; never none, never two (design §5.1)."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import workflows
from app.columns import now
from app.errors import Refusal
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    Contract,
    ContractStatus,
    NumberSeries,
    RequestStatus,
    StepStatus,
)
from app.services import access, numbering
from app.words import say
from app.workflows import timers
from app.workflows.invariants import breaches

TIMES = 50

pytestmark = pytest.mark.live


def at_once(app: Any, deeds: list[Callable[[], object]]) -> list[str]:
    """Carry out everything at the same moment, each in a thread of its own; the outcome of each."""
    barrier = threading.Barrier(len(deeds))
    outcomes = [""] * len(deeds)

    def run(place: int, deed: Callable[[], object]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                deed()
                outcomes[place] = "done"
            except Refusal as refusal:
                outcomes[place] = refusal.code
            except Exception as error:  # noqa: BLE001 (whatever it is, the test must show it)
                outcomes[place] = repr(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    db.session.remove()  # what this thread read before is not what stands now
    return outcomes


def deciding(stage: Any, person: str, request: int, verb: str) -> Callable[[], object]:
    who = stage.world.principal(person)

    def deed() -> object:
        with access.acting(who), transaction():
            return workflows.act(request, verb, comment="at once")

    return deed


def test_two_heads_at_once_give_one_decision(stage, flow, app):
    flow(["lea", "leo"])
    requests = [stage.submit("ann", stage.contract()).request_id for _ in range(TIMES)]
    db.session.remove()
    for request in requests:
        outcomes = at_once(
            app, [deciding(stage, "lea", request, "approve"), deciding(stage, "leo", request, "reject")]
        )
        assert Counter(outcomes)["done"] == 1, outcomes
        assert set(outcomes) <= {"done", "wrong_state", "not_allowed", "stale"}, outcomes
    with access.acting(access.SYSTEM):
        decided = db.session.execute(
            select(ApprovalAction.request_id, func.count())
            .where(ApprovalAction.act.in_([ApprovalAct.approve, ApprovalAct.reject]))
            .group_by(ApprovalAction.request_id)
        ).all()
        assert [count for _request, count in decided] == [1] * TIMES
        ended = db.session.scalars(select(ApprovalRequest.status)).all()
        assert set(ended) <= {RequestStatus.approved, RequestStatus.rejected}
        contracts = db.session.scalars(select(Contract.status)).all()
        assert Counter(status.value for status in contracts) == Counter(status.value for status in ended)


def test_a_double_click_counts_once(stage, flow, app):
    flow({"who": ["lea", "leo"], "mode": "all"})
    who = stage.world.principal("lea")
    requests = [stage.submit("ann", stage.contract()).request_id for _ in range(10)]
    db.session.remove()
    for request in requests:

        def deed(request: int = request) -> object:
            with access.acting(who), transaction():
                return workflows.act(request, "approve", idem_key=f"click-{request}")

        outcomes = at_once(app, [deed, deed, deed])
        assert "done" in outcomes
    with access.acting(access.SYSTEM):
        acts = db.session.scalars(
            select(ApprovalAction).where(ApprovalAction.act == ApprovalAct.approve)
        ).all()
    assert len(acts) == 10


def test_submitting_at_once_makes_one_request(stage, flow, app):
    flow("leo")
    who = stage.world.principal("ann")
    contracts = [stage.contract() for _ in range(10)]
    db.session.remove()
    for contract in contracts:

        def deed(contract: int = contract) -> object:
            with access.acting(who), transaction():
                return workflows.submit(db.session.get_one(Contract, contract))

        outcomes = at_once(app, [deed, deed])
        assert Counter(outcomes)["done"] == 1, outcomes
    with access.acting(access.SYSTEM):
        assert db.session.scalar(select(func.count(ApprovalRequest.id))) == 10
        assert set(db.session.scalars(select(Contract.status))) == {ContractStatus.in_approval}


def test_a_crowd_hammering_many_requests_gives_exactly_the_quorum(stage, flow, app):
    """Requests hammered by eight threads: each needs two of three, and gets two, and one effect."""
    flow({"who": ["lea", "hana", "leo"], "mode": "n_of_m", "need": 2})
    requests = [stage.submit("ann", stage.contract()).request_id for _ in range(12)]
    people = [stage.world.principal(person) for person in ("lea", "hana", "leo", "ina")]
    db.session.remove()

    def hammer(who: access.Principal) -> Callable[[], object]:
        def deed() -> object:
            for request in requests:
                try:
                    with access.acting(who), transaction():
                        workflows.act(request, "approve")
                except Refusal:
                    continue
            return None

        return deed

    outcomes = at_once(app, [hammer(who) for who in people * 2])
    assert outcomes == ["done"] * 8
    with access.acting(access.SYSTEM):
        votes = db.session.execute(
            select(ApprovalTask.request_id, func.count())
            .where(ApprovalTask.acted_by_id.is_not(None))
            .group_by(ApprovalTask.request_id)
        ).all()
        assert [count for _request, count in votes] == [2] * 12
        seqs = db.session.execute(
            select(ApprovalAction.request_id, func.count(), func.max(ApprovalAction.seq)).group_by(
                ApprovalAction.request_id
            )
        ).all()
        assert all(count == last == 3 for _request, count, last in seqs)
        assert set(db.session.scalars(select(Contract.status))) == {ContractStatus.approved}
        assert not db.session.scalars(
            select(ApprovalStep).where(ApprovalStep.status == StepStatus.active)
        ).all()


def test_whatever_is_done_at_once_could_have_been_done_one_after_another(stage, flow, app):
    """The acts four people throw at one request, told again in their order, are accepted again and come to the same."""
    heads = ["lea", "hana", "leo"]
    back = ["submitter", "s1"]
    flow({"who": heads, "mode": "n_of_m", "need": 2}, {"who": ["fay", "ina", "sam"], "return_to": back})
    for seed in range(6):
        request = stage.submit("ann", stage.contract()).request_id
        draw = random.Random(seed)
        deeds = [throwing(stage, person, request, draw.random()) for person in ("lea", "hana", "leo", "fay")]
        db.session.remove()
        assert at_once(app, deeds) == ["done"] * len(deeds)
        assert breaches() == []
        again = stage.submit("ann", stage.contract()).request_id
        for act, by, _whom, _node, payload in stage.told(request)[1:]:
            given = {
                name: value for name, value in (payload or {}).items() if name in {"to", "target", "place"}
            }
            stage.act(by, again, act, comment="at once", **given)
        assert stage.standing(again) == stage.standing(request)


VERBS = ("approve", "approve", "reject", "send_back", "transfer", "add_signer", "take_back", "copy")


def throwing(stage: Any, person: str, request: int, seed: float) -> Callable[[], object]:
    """Six random acts of one person; refusals are no matter."""
    who, draw = stage.world.principal(person), random.Random(seed)
    others = [stage.employee(name) for name in ("lea", "hana", "leo", "fay", "ina", "sam", "ada")]

    def deed() -> object:
        for _ in range(6):
            given = {"to": draw.choice(others), "target": draw.choice(["s1", "s1", "submitter"])}
            with contextlib.suppress(Refusal), access.acting(who), transaction():
                place = draw.choice(["before", "parallel", "after"])
                workflows.act(request, draw.choice(VERBS), comment="at once", place=place, **given)
        return None

    return deed


def test_of_many_sweepers_at_once_each_deadline_is_carried_out_by_one(stage, flow, app):
    flow({"who": "lea", "due": "2wd"})
    for _ in range(8):
        stage.submit("ann", stage.contract())
    at = now() + timedelta(days=20)

    def sweep() -> object:
        with access.acting(access.SYSTEM):
            return timers.sweep(at)

    db.session.remove()
    assert at_once(app, [sweep] * 4) == ["done"] * 4
    with access.acting(access.SYSTEM):
        acts = db.session.execute(
            select(ApprovalAction.request_id, ApprovalAction.act, func.count()).group_by(
                ApprovalAction.request_id, ApprovalAction.act
            )
        ).all()
    counted = Counter((act, count) for _request, act, count in acts)
    expected = {(ApprovalAct.submit, 1): 8, (ApprovalAct.remind, 2): 8, (ApprovalAct.escalate, 1): 8}
    assert counted == expected
    assert breaches() == []


def test_numbers_taken_at_once_have_no_gap_and_no_double(in_app, app):
    series = numbering.Series("test", "T{n:04d}")

    def take() -> object:
        with access.acting(access.SYSTEM), transaction():
            return taken.append(numbering.take(series))

    taken: list[str] = []
    db.session.remove()
    for _ in range(5):
        assert at_once(app, [take] * 4) == ["done"] * 4
    assert sorted(taken) == [f"T{n:04d}" for n in range(1, 21)]
    with pytest.raises(Refusal), access.acting(access.SYSTEM), transaction():
        _take_and_fail(series)
    with access.acting(access.SYSTEM):
        assert db.session.scalar(select(NumberSeries.last).where(NumberSeries.kind == "test")) == 20


def _take_and_fail(series: numbering.Series) -> None:
    numbering.take(series)
    raise Refusal(say(zh="不行", en="no"))
