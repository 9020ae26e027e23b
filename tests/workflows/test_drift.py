"""Flows that could be run when they were published, and cannot any more: who keeps them is told, once."""

from __future__ import annotations

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import ApprovalFlow, ApprovalFlowVersion, FlowStatus, Notice
from app.services import access, jobs
from app.workflows import flows
from app.workflows.drift import recheck
from tests.workflows.conftest import Stage

BODY = {
    "code": "drifting",
    "object_type": "contract",
    "name": {"zh": "合同", "en": "Contracts"},
    "steps": [{"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"role": "info_keeper"}]}],
}


@pytest.fixture
def version_id(stage: Stage) -> int:
    """A flow written by the configurer and in force; those of packs are put aside."""
    with access.acting(access.SYSTEM), transaction():
        for flow in db.session.scalars(select(ApprovalFlow)):
            flow.active = False
    with stage.as_("ada"), access.by_rule(), transaction():
        made = flows.add_version(BODY).id
    with access.acting(access.SYSTEM), transaction():
        flows.put_in_force(db.session.get_one(ApprovalFlowVersion, made), stage.employee("leo"))
    return made


def keepers(*, active: bool) -> None:
    with access.acting(access.SYSTEM), transaction():
        for user in db.session.scalars(select(User)):
            if any(role.name == "info_keeper" for role in user.roles):
                user.active = active


def told() -> list[tuple[int, str]]:
    with access.acting(access.SYSTEM):
        notices = select(Notice).where(Notice.object_type == "approval_flow_version").order_by(Notice.id)
        return [(notice.recipient_id, notice.text_en) for notice in db.session.scalars(notices)]


@pytest.mark.req("V-12", "W-02")
def test_who_wrote_a_flow_is_told_once_that_nobody_is_left_to_decide(stage: Stage, version_id: int):
    with access.acting(access.SYSTEM):
        assert recheck() == 0
        assert told() == []
    keepers(active=False)
    with access.acting(access.SYSTEM):
        assert (recheck(), recheck()) == (1, 0)
    ((who, text),) = told()
    assert who == stage.employee("ada")
    assert "One" in text
    version = stage.find(ApprovalFlowVersion, version_id)
    assert (version.status, {one["rule"] for one in version.findings if one["is_error"]}) == (
        FlowStatus.published,
        {"V8"},
    )


def test_mended_and_broken_again_it_is_told_again(stage: Stage, version_id: int):
    for active in (False, True, False):
        keepers(active=active)
        with access.acting(access.SYSTEM):
            recheck()
    assert len(told()) == 2


def test_of_a_flow_whose_author_left_those_who_administer_flows_are_told(stage: Stage, version_id: int):
    keepers(active=False)
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(ApprovalFlowVersion, version_id).author_id = None
    with access.acting(access.SYSTEM):
        assert recheck() == 1
    assert {who for who, _text in told()} == {stage.employee("ada")}


def test_the_job_of_the_night_does_it(stage: Stage, version_id: int):
    keepers(active=False)
    with access.acting(access.SYSTEM), transaction():
        jobs.enqueue("flow_drift", {})
    assert jobs.drain() == 1
    assert len(told()) == 1
