"""Flows as configuration: what is refused before it is published, who publishes, what a new version changes; deadlines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import workflows
from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, WrongState
from app.extensions import db, transaction
from app.models import (
    ApprovalFlow,
    ApprovalFlowRef,
    ApprovalFlowVersion,
    ApprovalTask,
    ApprovalTimer,
    DutySource,
    DutyStatus,
    FlowStatus,
    Notice,
    TimerStatus,
)
from app.services import access
from app.workflows import flows, timers

STEP = {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"role": "company_leader"}]}
FLOW = {"code": "x", "object_type": "contract", "name": {"zh": "流", "en": "flow"}, "steps": [STEP]}
VERSIONS = (
    select(ApprovalFlowVersion)
    .join(ApprovalFlow)
    .where(ApprovalFlow.code == FLOW["code"])
    .order_by(ApprovalFlowVersion.edition)
)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"object_type": "moon"}, "object_type"),
        ({"applies": "no_such_field > 1"}, "applies"),
        ({"applies": "amount > 50 %"}, "applies"),
        ({"applies": "amount"}, "applies"),
        ({"steps": [{**STEP, "when": "amount >"}]}, "s1.when"),
        ({"steps": [{**STEP, "fields": ["colour"]}]}, "s1.fields"),
        ({"steps": [{**STEP, "checks": ["moon_is_full"]}]}, "s1.checks"),
        ({"steps": [{**STEP, "then": [{"effect": "rm"}]}]}, "s1.then"),
        ({"steps": [{**STEP, "then": [{"move": "fly"}]}]}, "s1.then"),
        ({"steps": [{**STEP, "people": [{"horoscope": "lion"}]}]}, "s1.people"),
        ({"on_approved": [{"effect": "__import__('os')"}]}, "on_approved"),
        ({"submit": {"required": ["colour"]}}, "submit.required"),
    ],
)
def test_a_flow_that_means_nothing_is_refused_at_its_place(change, place):
    assert place in {problem.field for problem in flows.problems({**FLOW, **change})}


def test_the_author_does_not_publish_his_own_flow(stage):
    with access.acting(access.SYSTEM):
        ada = access.Principal(**stage.world.principal("ada").__dict__)
    with access.acting(ada), access.by_rule(), transaction():
        version = flows.add_version(FLOW)
        with pytest.raises(NotAllowed):
            flows.publish(version)
    with access.acting(access.SYSTEM), transaction():
        version = db.session.scalars(VERSIONS).one()
        assert version.author_id == stage.employee("ada")
        flows.publish(version)
        with pytest.raises(WrongState):
            flows.publish(version)


def test_who_may_not_publish_does_not(stage):
    with access.acting(access.SYSTEM), transaction():
        flows.add_version(FLOW)
    with stage.as_("ann"), transaction():
        version = db.session.scalars(VERSIONS).one()
        with pytest.raises(NotAllowed):
            flows.publish(version)


@pytest.mark.req("W-01")
def test_a_published_version_is_never_rewritten_and_one_is_published_at_a_time(stage):
    stage.publish(FLOW)
    with pytest.raises(RuntimeError), access.acting(access.SYSTEM), transaction():
        db.session.scalars(VERSIONS).one().body = {**FLOW, "applies": "amount > 1元"}
    stage.publish({**FLOW, "applies": "amount > 1元"})
    with access.acting(access.SYSTEM):
        versions = db.session.scalars(VERSIONS).all()
        assert [version.status for version in versions] == [FlowStatus.retired, FlowStatus.published]
        assert flows.published("x").edition == 2
        refs = db.session.execute(select(ApprovalFlowRef.kind, ApprovalFlowRef.ref)).all()
        assert ("role", "company_leader") in {tuple(ref) for ref in refs}
        with pytest.raises(NotFound):
            flows.published("y")


def test_several_flows_that_cover_a_record_are_refused_not_guessed(stage):
    stage.publish(FLOW)
    stage.publish({**FLOW, "code": "y"})
    with pytest.raises(workflows.NotApprovable):
        stage.submit("ann", stage.contract())
    assert stage.submit("ann", stage.contract(), flow_code="y").status == "running"


def test_the_body_is_checked_again_when_it_is_published(stage):
    with access.acting(access.SYSTEM), transaction():
        version = flows.add_version(FLOW)
        version.body = {**FLOW, "applies": "no_such_field"}
        with pytest.raises(BadInput):
            flows.publish(version)


# ---- deadlines ---------------------------------------------------------------------------------------------


def _armed() -> list[Any]:
    with access.acting(access.SYSTEM):
        return list(
            db.session.scalars(
                select(ApprovalTimer)
                .where(ApprovalTimer.status == TimerStatus.armed)
                .order_by(ApprovalTimer.fire_at)
            )
        )


def test_a_step_that_is_due_reminds_and_then_goes_to_the_superior_never_approves(stage, flow):
    flow({"who": "lea", "due": "2wd"})
    request = stage.submit("ann", stage.contract()).request_id
    half, due, escalate = _armed()
    assert half.fire_at < due.fire_at < escalate.fire_at
    with access.acting(access.SYSTEM):
        assert timers.sweep(half.fire_at) == 1
        assert timers.sweep(half.fire_at) == 0
        assert timers.sweep(escalate.fire_at) == 2
    assert (stage.todo("lea"), stage.todo("hana")) == ([], [request])
    with access.acting(access.SYSTEM):
        tasks = db.session.scalars(select(ApprovalTask).order_by(ApprovalTask.id)).all()
        assert [(task.status, task.source) for task in tasks] == [
            (DutyStatus.expired, DutySource.rule),
            (DutyStatus.open, DutySource.escalation),
        ]
        told = db.session.scalars(select(Notice.recipient_id).order_by(Notice.id)).all()
    assert told == [stage.employee(person) for person in ("lea", "lea", "lea", "hana")]
    assert stage.act("hana", request, "approve").status == "approved"


def test_what_was_decided_reminds_nobody(stage, flow):
    flow({"who": "lea", "due": "2wd"}, "leo")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    assert _armed() == []
    with access.acting(access.SYSTEM):
        assert timers.sweep(now() + timedelta(days=60)) == 0


def test_a_repeated_reminder_comes_once_per_delay(stage, flow):
    flow({"who": "lea", "remind_every": "3d"})
    stage.submit("ann", stage.contract())
    start = now()
    fired = []
    for day in range(1, 11):
        with access.acting(access.SYSTEM):
            if timers.sweep(start + timedelta(days=day, minutes=1)):
                fired.append(day)
    assert fired == [3, 6, 9]
