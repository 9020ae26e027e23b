"""What comes into force by approval: grades, schemes and flows; never by who made them, through whatever door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select, update

from app import workflows
from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    Account,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalStandin,
    Customer,
    EvalResult,
    EvalRun,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    FlowStatus,
    Notice,
    RunStatus,
)
from app.services import access
from app.workflows import flows, publications
from app.workflows.evaluation import packing, publishing, runs
from app.workflows.evaluation.pins import pin
from app.workflows.refusals import ConditionUnmet
from tests.workflows.conftest import Stage
from tests.workflows.evaluation import shop
from tests.world import HASH

YEAR = "2025-01-01..2025-12-31"
EVALUATOR, LEADER, CONFIGURER = "fay", "leo", "ada"
STEP = {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"role": "company_leader"}]}
DRAFT = {"code": "x", "object_type": "admission", "name": {"zh": "流", "en": "flow"}, "steps": [STEP]}


def give_role(stage: Stage, person: str, role: str) -> None:
    with access.acting(access.SYSTEM), transaction():
        user = db.session.get_one(User, stage.world.users[person])
        user.roles = [*user.roles, db.session.scalars(select(Role).where(Role.name == role)).one()]
    db.session.remove()


@pytest.fixture
def sealed(stage: Stage) -> int:
    """A run of two customers (Ann's good, Bob's poor), made by the evaluator and sealed."""
    give_role(stage, EVALUATOR, "marketing")
    for code, who, amount in (("K1", "ann", 900), ("K2", "bob", 10)):
        customer = shop.customer(
            code, owner_id=stage.employee(who), org_unit_id=stage.world.unit_of(who), is_key=code == "K1"
        )
        shop.order(customer, "2025-03-01T10:00", amount)
    with access.acting(access.SYSTEM), transaction():
        packing.keep("SHOP", shop.scheme(), published=True)
    with stage.as_(EVALUATOR):
        run_id = runs.start("SHOP", pin(YEAR))
        runs.compute(run_id)
    return run_id


def grades() -> list[str | None]:
    with access.acting(access.SYSTEM):
        return list(db.session.scalars(select(Customer.grade).order_by(Customer.code)))


def submit(stage: Stage, run_id: int) -> int:
    return int(stage.submit(EVALUATOR, run_id, EvalRun).request_id)


# ---- grades ------------------------------------------------------------------------------------------------


@pytest.mark.req("L-23")
def test_an_evaluator_submits_and_a_leader_publishes(stage: Stage, sealed: int):
    request_id = submit(stage, sealed)
    assert stage.find(EvalRun, sealed).status is RunStatus.in_approval
    assert grades() == [None, None]
    assert stage.todo(LEADER) == [request_id]
    stage.act(LEADER, request_id, "approve")
    assert stage.find(EvalRun, sealed).status is RunStatus.published
    assert grades() == ["QUALITY", "UNQUALIFIED"]


def test_the_people_of_the_customers_are_told(stage: Stage, sealed: int):
    stage.act(LEADER, submit(stage, sealed), "approve")
    for person in ("ann", "bob"):
        with stage.as_(person):
            notice = db.session.scalars(select(Notice).where(Notice.object_type == "eval_run")).one()
        assert "1" in notice.text_en and notice.object_id == sealed
    with stage.as_("cat"):
        assert db.session.scalars(select(Notice)).all() == []


def test_a_rejected_evaluation_stays_sealed_and_may_be_submitted_again(stage: Stage, sealed: int):
    stage.act(LEADER, submit(stage, sealed), "reject", comment="The orders of May are missing.")
    assert stage.find(EvalRun, sealed).status is RunStatus.sealed
    assert grades() == [None, None]
    stage.act(LEADER, submit(stage, sealed), "approve")
    assert stage.find(EvalRun, sealed).status is RunStatus.published


@pytest.mark.parametrize("verb", ["withdraw", "cancel"])
def test_who_submitted_takes_an_evaluation_back(stage: Stage, sealed: int, verb: str):
    request_id = submit(stage, sealed)
    stage.act(EVALUATOR, request_id, verb)
    assert stage.find(EvalRun, sealed).status is RunStatus.sealed
    if verb == "withdraw":
        stage.act(EVALUATOR, request_id, "cancel")
        assert stage.find(EvalRun, sealed).status is RunStatus.sealed


@pytest.mark.req("W-02")
@pytest.mark.parametrize("way", ["direct", "own_task", "second_account", "standin", "role_after", "transfer"])
def test_who_ran_an_evaluation_publishes_it_by_no_way(stage: Stage, sealed: int, way: str):
    give_role(stage, EVALUATOR, "company_leader")  # he could publish those of others
    with stage.as_(EVALUATOR), pytest.raises(NotAllowed):
        publishing.publish(sealed)
    if way == "direct":
        return
    request_id = submit(stage, sealed)
    assert stage.todo(EVALUATOR) == []
    if way == "second_account":
        second_account(stage, EVALUATOR)
    if way == "standin":
        stands_in(stage, EVALUATOR, for_=LEADER)
    if way == "role_after":
        give_role(stage, EVALUATOR, "gm")
    if way == "transfer":
        with pytest.raises(NotAllowed):
            stage.act(LEADER, request_id, "transfer", to=stage.employee(EVALUATOR), comment="yours")
    with pytest.raises(Refusal):
        stage.act(EVALUATOR, request_id, "approve")
    assert stage.find(EvalRun, sealed).status is RunStatus.in_approval
    assert grades() == [None, None]


@pytest.mark.req("M-09", "W-02")
def test_who_is_rated_does_not_approve_his_own_result(stage: Stage, sealed: int):
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(
            update(EvalScheme).where(EvalScheme.code == "SHOP").values(subject_type="employee")
        )
        ids = db.session.scalars(select(EvalResult.subject_id).where(EvalResult.run_id == sealed)).all()
    rated = next(person for person, id_ in stage.world.employees.items() if id_ in ids)
    give_role(stage, rated, "gm")
    request_id = submit(stage, sealed)
    with pytest.raises(ConditionUnmet):
        stage.act(rated, request_id, "approve")
    assert stage.find(EvalRun, sealed).status is RunStatus.in_approval


def second_account(stage: Stage, person: str) -> None:
    """Have this person act through another account of the same employee from here on."""
    with access.acting(access.SYSTEM), transaction():
        first = db.session.get_one(User, stage.world.users[person])
        twin = User(
            username=f"{person}2",
            first_name="x",
            last_name="",
            email=f"{person}2@example.invalid",
            active=True,
            password=HASH,
            roles=list(first.roles),
        )
        db.session.add(twin)
        db.session.flush()
        db.session.add(Account(user_id=twin.id, employee_id=stage.employee(person)))
        stage.world.users[person] = twin.id
    db.session.remove()


def stands_in(stage: Stage, person: str, *, for_: str) -> None:
    with stage.as_(for_), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=stage.employee(for_),
                standin_id=stage.employee(person),
                starts_at=now() - timedelta(hours=1),
                ends_at=now() + timedelta(days=1),
            )
        )


def test_a_leader_does_not_publish_past_the_flow(stage: Stage, sealed: int):
    with stage.as_(LEADER), pytest.raises(NotAllowed):
        publishing.publish(sealed)
    assert grades() == [None, None]


def test_without_a_flow_a_second_person_publishes(stage: Stage, sealed: int):
    with access.acting(access.SYSTEM), transaction():
        flow = db.session.scalars(
            select(ApprovalFlow).where(ApprovalFlow.code == "evaluation_publication")
        ).one()
        flow.active = False
    with stage.as_(EVALUATOR), pytest.raises(NotAllowed):
        publishing.publish(sealed)
    with stage.as_(LEADER):
        assert publishing.publish(sealed) == 2


def test_only_who_may_submits_an_evaluation(stage: Stage, sealed: int):
    with pytest.raises(NotAllowed):
        stage.submit("ann", sealed, EvalRun)
    with stage.as_(EVALUATOR):
        trial = runs.start_trial(shop.scheme(), pin(YEAR))
        runs.compute(trial)
    with pytest.raises(WrongState):
        stage.submit(EVALUATOR, trial, EvalRun)


def test_a_run_not_published_is_nobody_elses_business(stage: Stage, sealed: int):
    request_id = submit(stage, sealed)
    with stage.as_("ann"), pytest.raises(NotFound):
        workflows.find_request(request_id)
    stage.act(LEADER, request_id, "approve")
    with stage.as_("ann"):
        assert workflows.find_request(request_id).id == request_id


def test_a_flow_may_ask_whose_grades_change(stage: Stage, sealed: int):
    with access.acting(access.SYSTEM):
        facts = publications.facts_of_run(db.session.get_one(EvalRun, sealed))
    assert facts == {
        "scheme": "SHOP",
        "subject_type": "customer",
        "subjects": 2,
        "changes": 2,
        "key_changes": 1,
        "falls": 0,
    }
    stage.act(LEADER, submit(stage, sealed), "approve")
    with access.acting(access.SYSTEM):
        facts = publications.facts_of_run(db.session.get_one(EvalRun, sealed))
    assert (facts["changes"], facts["key_changes"]) == (0, 0)


# ---- flows -------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(stage: Stage) -> int:
    with stage.as_(CONFIGURER), access.by_rule(), transaction():
        return flows.add_version(DRAFT).id


@pytest.mark.req("V-12")
def test_a_flow_is_published_by_approval_of_another(stage: Stage, draft: int):
    request_id = stage.submit(CONFIGURER, draft, ApprovalFlowVersion).request_id
    assert stage.find(ApprovalFlowVersion, draft).status is FlowStatus.in_approval
    with stage.as_(LEADER), pytest.raises(Refusal), transaction():
        flows.publish(db.session.get_one(ApprovalFlowVersion, draft))
    stage.act(LEADER, request_id, "approve")
    version = stage.find(ApprovalFlowVersion, draft)
    assert (version.status, version.publisher_id) == (FlowStatus.published, stage.employee(LEADER))


def test_the_author_of_a_flow_does_not_decide_on_it(stage: Stage, draft: int):
    give_role(stage, CONFIGURER, "company_leader")
    request_id = stage.submit(CONFIGURER, draft, ApprovalFlowVersion).request_id
    with pytest.raises(NotAllowed):
        stage.act(CONFIGURER, request_id, "approve")
    with stage.as_(CONFIGURER), pytest.raises(NotAllowed), transaction():
        flows.publish(db.session.get_one(ApprovalFlowVersion, draft))


def test_a_flow_sent_back_is_a_draft_again(stage: Stage, draft: int):
    request_id = stage.submit(CONFIGURER, draft, ApprovalFlowVersion).request_id
    stage.act(LEADER, request_id, "send_back", comment="Name the step.")
    assert stage.find(ApprovalFlowVersion, draft).status is FlowStatus.draft
    stage.submit(CONFIGURER, draft, ApprovalFlowVersion)
    stage.act(LEADER, request_id, "approve")
    assert stage.find(ApprovalFlowVersion, draft).status is FlowStatus.published


def test_the_flows_that_publish_are_themselves_published_by_the_one_before(stage: Stage):
    with access.acting(access.SYSTEM):
        body = dict(flows.published("flow_publication").body)
    with stage.as_(CONFIGURER), access.by_rule(), transaction():
        second = flows.add_version({**body, "article": "V-12"}).id
    request_id = stage.submit(CONFIGURER, second, ApprovalFlowVersion).request_id
    stage.act(LEADER, request_id, "approve")
    assert stage.find(ApprovalFlowVersion, second).status is FlowStatus.published


# ---- schemes -----------------------------------------------------------------------------------------------


def draft_scheme(stage: Stage, author: str, body: dict[str, Any]) -> int:
    with access.acting(access.SYSTEM), transaction():
        version_id = packing.keep("SHOP", body, published=False)
        db.session.get_one(EvalSchemeVersion, version_id).author_id = stage.employee(author)
    return version_id


def test_a_scheme_is_published_by_approval_of_another(stage: Stage):
    give_role(stage, EVALUATOR, "marketing")
    give_role(stage, EVALUATOR, "company_leader")
    version_id = draft_scheme(stage, EVALUATOR, shop.scheme())
    with stage.as_(EVALUATOR), pytest.raises(NotAllowed):
        publications.publish_scheme(version_id)
    request_id = stage.submit(EVALUATOR, version_id, EvalSchemeVersion).request_id
    with pytest.raises(NotAllowed):
        stage.act(EVALUATOR, request_id, "approve")
    assert stage.find(EvalSchemeVersion, version_id).status is EvalStatus.in_approval
    stage.act(LEADER, request_id, "approve")
    version = stage.find(EvalSchemeVersion, version_id)
    assert (version.status, version.publisher_id) == (EvalStatus.published, stage.employee(LEADER))


def test_a_scheme_that_makes_no_sense_is_not_published(stage: Stage):
    give_role(stage, EVALUATOR, "marketing")
    body = shop.scheme()
    body["indicators"]["amount"]["weight"] = "1 %"
    version_id = draft_scheme(stage, EVALUATOR, body)
    request_id = stage.submit(EVALUATOR, version_id, EvalSchemeVersion).request_id
    with pytest.raises(BadInput):
        stage.act(LEADER, request_id, "approve")
    assert stage.find(EvalSchemeVersion, version_id).status is EvalStatus.in_approval
