"""What else is done with a request: handed on, asked about, stopped, voided, timed out; and what is refused each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select, update

from app import workflows
from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, Refusal, Stale, WrongState
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalEvidence,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalStandin,
    ApprovalStep,
    ApprovalTask,
    ApprovalTimer,
    AuditLog,
    Contract,
    ContractStatus,
    DutyStatus,
    Employee,
    EmployeeStatus,
    Notice,
    RequestStatus,
    StepStatus,
    TimerKind,
    TimerStatus,
)
from app.services import access
from app.services.calendar import company_calendar
from app.workflows import timers
from app.workflows.ending import postponed
from app.workflows.invariants import breaches
from app.workflows.refusals import CommentRequired, NotApprovable


@pytest.fixture
def admins(stage: Any) -> Any:
    """Ada administers, and so does Ina."""
    administers(stage, "ina")
    return stage


def administers(stage: Any, person: str) -> None:
    with access.acting(access.SYSTEM), transaction():
        role = db.session.scalars(select(Role).where(Role.name == "administrator")).one()
        user = db.session.get_one(User, stage.world.users[person])
        user.roles = [*user.roles, role]


@pytest.fixture(autouse=True)
def laws(stage: Any) -> Any:
    """Whatever a test does here, the laws hold at its end."""
    yield
    db.session.remove()
    assert breaches() == []


def leaves(stage: Any, person: str) -> None:
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(Employee, stage.employee(person)).status = EmployeeStatus.left


def stand_in(stage: Any, principal: str, standin: str, days: int = 1, **limits: Any) -> None:
    with access.acting(access.SYSTEM), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=stage.employee(principal),
                standin_id=stage.employee(standin),
                starts_at=now() + timedelta(days=days - 2),
                ends_at=now() + timedelta(days=days),
                **limits,
            )
        )


def told(stage: Any, person: str) -> list[str]:
    with access.acting(access.SYSTEM):
        mine = select(Notice.text_en).where(Notice.recipient_id == stage.employee(person))
        return list(db.session.scalars(mine.order_by(Notice.id)))


def open_deadlines() -> dict[TimerKind, list[datetime]]:
    with access.acting(access.SYSTEM):
        rows = db.session.execute(
            select(ApprovalTimer.kind, ApprovalTimer.fire_at)
            .where(ApprovalTimer.status == TimerStatus.armed)
            .order_by(ApprovalTimer.fire_at)
        ).all()
    return {kind: [at for it, at in rows if it is kind] for kind, _at in rows}


# ---- voiding -----------------------------------------------------------------------------------------------


@pytest.mark.req("W-02")
def test_two_administrators_void_a_request_one_alone_does_not(admins, flow):
    flow("lea", "leo")
    contract = admins.contract()
    request = admins.submit("ann", contract).request_id
    admins.act("lea", request, "approve")
    with pytest.raises(CommentRequired):
        admins.act("ada", request, "ask_void")
    with pytest.raises(WrongState):
        admins.act("ina", request, "void", comment="nobody asked")
    admins.act("ada", request, "ask_void", comment="made for the wrong customer")
    assert admins.todo("leo") == [request], "asking changes nothing"
    with pytest.raises(NotAllowed):
        admins.act("ada", request, "void", comment="I confirm myself")
    with pytest.raises(CommentRequired):
        admins.act("ina", request, "void")
    assert admins.act("ina", request, "void", comment="so it is").status == "voided"
    assert admins.find(Contract, contract).status is ContractStatus.withdrawn
    assert admins.todo("leo") == []
    with pytest.raises(WrongState):
        admins.act("leo", request, "approve")
    assert any("declared void" in text for text in told(admins, "lea"))
    with access.acting(access.SYSTEM):
        reasons = db.session.scalars(select(AuditLog.reason).where(AuditLog.object_type == "contract")).all()
    assert {"made for the wrong customer", "so it is"} <= set(reasons)


def test_a_second_account_of_who_asked_to_void_does_not_confirm_it(admins, flow):
    flow("lea")
    request = admins.submit("ann", admins.contract()).request_id
    admins.act("ada", request, "ask_void", comment="wrong")
    twin = access.Principal(
        **{**admins.world.principal("ada").__dict__, "user_id": admins.world.users["ina"], "criteria": {}}
    )
    with access.acting(twin), pytest.raises(NotAllowed), transaction():
        workflows.act(request, "void", comment="wrong")


def test_nobody_but_administrators_voids_suspends_or_reassigns_and_none_his_own_request(admins, flow):
    flow("lea")
    request = admins.submit("ann", admins.contract()).request_id
    for verb in ("ask_void", "void", "suspend", "reassign"):
        with pytest.raises(NotAllowed):
            admins.act("lea", request, verb, comment="x", to=admins.employee("leo"))
    administers(admins, "ann")
    for verb in ("ask_void", "suspend", "reassign"):
        with pytest.raises(NotAllowed):
            admins.act("ann", request, verb, comment="x", to=admins.employee("leo"))


def test_what_was_approved_is_not_voided_where_its_life_knows_no_way_back(admins, flow):
    flow("lea")
    request = admins.submit("ann", admins.contract()).request_id
    admins.act("lea", request, "approve")
    with pytest.raises(WrongState):
        admins.act("ada", request, "ask_void", comment="too late")


# ---- stopping the clock ------------------------------------------------------------------------------------


def test_suspended_nothing_happens_and_the_time_does_not_count(admins, flow):
    flow({"who": "lea", "due": "2wd", "time_out": {"after": "30d"}})
    request = admins.submit("ann", admins.contract()).request_id
    before = open_deadlines()
    admins.act("ada", request, "suspend", comment="the customer is being checked")
    assert admins.todo("lea") == []
    with pytest.raises(WrongState):
        admins.act("lea", request, "approve")
    assert timers.due(now() + timedelta(days=90)) == []
    with access.acting(access.SYSTEM), transaction():
        since = now() - timedelta(days=10)
        db.session.execute(
            update(ApprovalAction.__table__)
            .where(ApprovalAction.__table__.c.act == ApprovalAct.suspend)
            .values(at=since)
        )
        begun = since - timedelta(hours=1)
        due = company_calendar().add(begun, "2wd")
        db.session.execute(update(ApprovalStep).values(activated_at=begun, due_at=due))
    admins.act("ada", request, "resume")
    assert admins.todo("lea") == [request]
    after = open_deadlines()
    stopped = now() - since
    moved = after[TimerKind.time_out][0] - before[TimerKind.time_out][0]
    assert abs(moved - stopped) < timedelta(minutes=1), "calendar days: the clock stood as long as it stood"
    calendar = company_calendar()
    left = calendar.worked(since, before[TimerKind.escalate][0])
    assert abs(calendar.worked(now(), after[TimerKind.escalate][0]) - left) < timedelta(minutes=1)


def test_a_deadline_keeps_what_was_left_of_it_in_its_own_time():
    with_work = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, nine o'clock

    class Always:
        """A calendar that never rests."""

        def worked(self, start: datetime, end: datetime) -> timedelta:
            return end - start

        def after(self, moment: datetime, length: timedelta) -> datetime:
            return moment + length

    calendar: Any = Always()
    stopped = (with_work, with_work + timedelta(days=3))
    later = with_work + timedelta(days=1)
    assert postponed(calendar, "2wd", later, stopped) == with_work + timedelta(days=4)
    assert postponed(calendar, "30d", later, stopped) == later + timedelta(days=3)
    assert postponed(calendar, "2wd", with_work - timedelta(days=1), stopped) == with_work - timedelta(days=1)


@pytest.mark.req("W-06")
def test_timed_out_is_an_outcome_of_its_own_and_never_approves(stage, flow):
    flow({"who": "lea", "time_out": {"after": "3d"}})
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with access.acting(access.SYSTEM):
        assert timers.sweep(now() + timedelta(days=5)) == 1
    found = stage.find(ApprovalRequest, request)
    assert found.status is RequestStatus.timed_out
    assert stage.find(Contract, contract).status is ContractStatus.returned
    with access.acting(access.SYSTEM):
        assert db.session.scalars(select(ApprovalTask.status)).all() == [DutyStatus.expired]
    with pytest.raises(WrongState):
        stage.act("lea", request, "approve")
    assert stage.submit("ann", contract).request_id != request, "it may be asked for again"


# ---- who left ----------------------------------------------------------------------------------------------


def test_the_duty_of_who_left_goes_to_his_superior(stage, flow):
    flow(["lea"], "leo")
    request = stage.submit("ann", stage.contract()).request_id
    leaves(stage, "lea")
    with access.acting(access.SYSTEM):
        assert timers.relieve_all() == 1
        assert timers.relieve_all() == 0
    assert stage.todo("hana") == [request]
    with access.acting(access.SYSTEM):
        last = db.session.scalars(select(ApprovalAction).order_by(ApprovalAction.seq.desc())).first()
    assert (last.act, last.actor_id) == (ApprovalAct.reassign, None)
    assert last.payload == {"to": stage.employee("hana"), "of": stage.employee("lea")}
    stage.act("hana", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"


def test_who_left_decides_nothing_even_if_his_account_still_works(stage, flow):
    flow(["lea", "leo"])
    request = stage.submit("ann", stage.contract()).request_id
    who = stage.world.principal("lea")
    leaves(stage, "lea")
    with access.acting(who), pytest.raises(NotAllowed), transaction():
        workflows.act(request, "approve")


def test_an_administrator_reassigns_what_no_superior_takes(admins, flow):
    flow(["leo"], "ina")
    request = admins.submit("ann", admins.contract()).request_id
    leaves(admins, "leo")
    with access.acting(access.SYSTEM):
        assert timers.relieve_all() == 0
    with pytest.raises(NotAllowed):
        admins.act("ada", request, "reassign", to=admins.employee("ann"), comment="left")
    with pytest.raises(BadInput):
        admins.act("ada", request, "reassign", to=admins.employee("leo"), comment="left")
    admins.act("ada", request, "reassign", to=admins.employee("hana"), comment="left")
    assert admins.todo("hana") == [request]
    assert admins.act("hana", request, "approve").status == "running"


def test_of_several_duties_the_one_to_reassign_is_named(admins, flow):
    flow({"who": ["lea", "leo"], "mode": "all"})
    request = admins.submit("ann", admins.contract()).request_id
    with pytest.raises(BadInput) as refused:
        admins.act("ada", request, "reassign", to=admins.employee("hana"), comment="left")
    assert refused.value.field == "task_id"
    with access.acting(access.SYSTEM):
        task = db.session.scalars(
            select(ApprovalTask.id).where(ApprovalTask.assignee_id == admins.employee("leo"))
        ).one()
    admins.act("ada", request, "reassign", to=admins.employee("hana"), comment="left", task_id=task)
    admins.act("hana", request, "approve")
    assert admins.act("lea", request, "approve").status == "approved"


# ---- asking, telling, filing -------------------------------------------------------------------------------


def test_whose_opinion_is_asked_replies_and_has_no_vote(stage, flow):
    flow("lea", "leo")
    request = stage.submit("ann", stage.contract()).request_id
    with pytest.raises(Refusal):
        stage.act("hana", request, "reply", comment="nobody asked me")
    stage.act("lea", request, "consult", to=stage.employee("hana"), comment="is the price right?")
    assert "reply" in stage.acts("hana", request)
    assert "approve" not in stage.acts("hana", request)
    with pytest.raises(CommentRequired):
        stage.act("hana", request, "reply")
    stage.act("hana", request, "reply", comment="it is")
    assert any("it is" in text for text in told(stage, "lea"))
    assert stage.act("lea", request, "approve").status == "running"


def test_a_filing_step_may_be_done_by_who_decided_before_and_tells_others(stage, flow):
    flow("lea", {"who": "lea", "kind": "filing", "copies": [{"employee": stage.number("fay")}]})
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    assert stage.todo("lea") == [request]
    with stage.as_("fay"):
        assert [item.request_id for item in workflows.inbox("cc")] in ([request], [])
    assert any("copied" in text for text in told(stage, "fay"))
    assert stage.act("lea", request, "approve").status == "approved"


# ---- stand-ins ---------------------------------------------------------------------------------------------


@pytest.mark.req("W-02")
@pytest.mark.parametrize(
    ("limits", "amount", "may"),
    [
        ({"max_amount": Decimal(1000)}, Decimal(1000), True),
        ({"max_amount": Decimal(1000)}, Decimal("1000.01"), False),
        ({"max_amount": Decimal(1000)}, None, False),
        ({"days": -1}, Decimal(1), False),
        ({"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}, Decimal(1), False),
        ({"flow": "contract_test"}, Decimal(1), True),
        ({"flow": "contract_approval"}, Decimal(1), False),
    ],
)
def test_a_stand_in_acts_within_his_limits(stage, flow, limits, amount, may):
    flow("lea")
    limits = dict(limits)
    if code := limits.pop("flow", None):
        with access.acting(access.SYSTEM), transaction():
            found = db.session.scalar(select(ApprovalFlow.id).where(ApprovalFlow.code == code))
            if found is None:
                other = ApprovalFlow(code=code, name_zh="它", name_en="other", object_type="admission")
                db.session.add(other)
                db.session.flush()
                found = other.id
        limits["flow_id"] = found
    stand_in(stage, "lea", "leo", **limits)
    request = stage.submit("ann", stage.contract(amount=amount)).request_id
    assert (stage.todo("leo") == [request]) is may
    if may:
        assert stage.act("leo", request, "approve").status == "approved"
    else:
        with pytest.raises(NotAllowed):
            stage.act("leo", request, "approve")


def test_who_stood_in_at_one_step_does_not_decide_the_next(stage, flow):
    flow("lea", "hana")
    stand_in(stage, "lea", "hana")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("hana", request, "approve")
    with pytest.raises(NotAllowed):
        stage.act("hana", request, "approve")
    assert stage.todo("leo") == [request]


# ---- taking back, adding signers ---------------------------------------------------------------------------


def test_taken_back_the_deadlines_run_again_and_the_next_step_is_gone(stage, flow):
    flow({"who": "lea", "due": "2wd"}, {"who": "leo", "due": "3wd"})
    request = stage.submit("ann", stage.contract()).request_id
    before = open_deadlines()
    stage.act("lea", request, "approve")
    stage.act("lea", request, "take_back", idem_key="back")
    assert stage.act("lea", request, "take_back", idem_key="back").replayed
    assert open_deadlines() == before
    with access.acting(access.SYSTEM):
        steps = db.session.execute(
            select(ApprovalStep.node, ApprovalStep.status).order_by(ApprovalStep.id)
        ).all()
    assert steps == [("s1", StepStatus.active), ("s2", StepStatus.cancelled)]
    stage.act("lea", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"


def test_a_vote_taken_back_in_turn_makes_the_next_wait_again(stage, flow):
    flow({"who": ["lea", "leo"], "mode": "sequential"})
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    assert stage.todo("leo") == [request]
    stage.act("lea", request, "take_back")
    assert (stage.todo("lea"), stage.todo("leo")) == ([request], [])


def test_a_vote_taken_back_leaves_what_others_decided(stage, flow):
    flow({"who": ["lea", "hana", "leo"], "mode": "n_of_m", "need": 2}, "ina")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    stage.act("leo", request, "approve")
    stage.act("leo", request, "take_back")
    assert (stage.todo("lea"), stage.todo("hana"), stage.todo("leo")) == ([], [request], [request])
    stage.act("hana", request, "approve")
    assert stage.todo("ina") == [request]


def test_a_signer_added_beside_decides_as_well(stage, flow):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "add_signer", to=stage.employee("leo"), place="parallel")
    assert (stage.todo("lea"), stage.todo("leo")) == ([request], [request])
    assert stage.act("lea", request, "approve").status == "running"
    assert stage.act("leo", request, "approve").status == "approved"


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_signer_added_who_hands_it_on_still_lets_the_other_go_on(stage, flow, place):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "add_signer", to=stage.employee("leo"), place=place)
    first, last = ("leo", "lea") if place == "before" else ("lea", "leo")
    stage.act(first, request, "transfer", to=stage.employee("hana"))
    assert stage.todo(last) == []
    stage.act("hana", request, "approve")
    assert stage.todo(last) == [request]
    stage.act("hana", request, "take_back")
    assert stage.todo(last) == []
    stage.act("hana", request, "approve")
    assert stage.act(last, request, "approve").status == "approved"


def test_no_signer_is_added_who_is_a_party_or_sits_there(stage, flow):
    flow(["lea", "leo"])
    request = stage.submit("ann", stage.contract()).request_id
    with pytest.raises(NotAllowed):
        stage.act("lea", request, "add_signer", to=stage.employee("ann"), place="before")
    with pytest.raises(BadInput):
        stage.act("lea", request, "add_signer", to=stage.employee("leo"), place="before")
    with pytest.raises(BadInput):
        stage.act("lea", request, "add_signer", to=stage.employee("hana"), place="above")


# ---- what is sent wrongly ----------------------------------------------------------------------------------


def state() -> list[Any]:
    """Everything about requests, as it stands."""
    db.session.remove()
    with access.acting(access.SYSTEM):
        return [
            db.session.execute(select(model.__table__).order_by(model.__table__.c.id)).all()
            for model in (
                ApprovalRequest,
                ApprovalStep,
                ApprovalTask,
                ApprovalAction,
                ApprovalTimer,
                Notice,
                AuditLog,
            )
        ]


def refused(kind: type[Refusal], deed: Any) -> Refusal:
    """The refusal of a deed: of this kind, in both languages, and nothing has changed."""
    before = state()
    with pytest.raises(kind) as caught:
        deed()
    words = caught.value.words
    assert words.zh
    assert words.en
    assert words.zh != words.en
    assert state() == before
    return caught.value


def test_bad_acts_are_refused_with_their_reason_and_change_nothing(stage, flow):
    flow({"who": ["lea", "leo"], "mode": "all"}, "ina")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    seen = stage.find(ApprovalRequest, request).version_no
    stage.act("leo", request, "approve", idem_key="click")
    refused(Stale, lambda: stage.act("lea", request, "approve", seen_version=seen))
    refused(NotAllowed, lambda: stage.act("leo", request, "approve"))
    refused(Refusal, lambda: stage.act("leo", request, "reject", comment="no", idem_key="click"))
    refused(NotFound, lambda: stage.act("bob", request, "approve"))
    refused(NotFound, lambda: stage.act("lea", request + 1000, "approve"))
    refused(Refusal, lambda: stage.act("lea", request, "bless"))
    refused(BadInput, lambda: stage.act("lea", request, "send_back", comment="no", target="s9"))
    refused(BadInput, lambda: stage.act("lea", request, "approve", fields={"amount": "1"}))
    refused(BadInput, lambda: stage.act("lea", request, "approve", evidence=[77]))
    stage.act("ann", request, "cancel")
    for verb in ("approve", "reject", "send_back"):
        refused(WrongState, lambda verb=verb: stage.act("lea", request, verb, comment="late"))


def test_a_double_click_and_a_repeated_page_change_nothing_more(stage, flow):
    flow("lea", "ina")
    contract = stage.contract()
    first = stage.submit("ann", contract, idem_key="s")
    assert stage.submit("ann", contract, idem_key="s").replayed
    stage.act("lea", first.request_id, "approve", idem_key="a")
    before = state()
    assert stage.act("lea", first.request_id, "approve", idem_key="a").replayed
    assert state() == before


def test_a_flow_switched_off_while_requests_run_lets_them_end_and_takes_no_more(stage, flow):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    with access.acting(access.SYSTEM), transaction():
        db.session.scalars(
            select(ApprovalFlow).where(ApprovalFlow.code == "contract_test")
        ).one().active = False
    other = stage.contract()
    refused(NotApprovable, lambda: stage.submit("ann", other))
    assert stage.act("lea", request, "approve").status == "approved"


def test_a_flow_deleted_while_requests_run_is_refused_and_they_end(stage, flow):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id

    def delete() -> None:
        with access.acting(access.SYSTEM), transaction():
            version = stage.find(ApprovalRequest, request).version_id
            db.session.delete(db.session.get_one(ApprovalFlowVersion, version))

    refused(Refusal, delete)
    assert stage.act("lea", request, "approve").status == "approved"


def test_files_that_come_after_a_decision_change_nothing_of_what_was_decided_on(stage, flow):
    scan = {"type": "scan", "name": {"zh": "扫描件", "en": "Scan"}}
    flow({"who": "lea", "evidence": [scan]}, "leo")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with pytest.raises(BadInput):
        stage.act("lea", request, "approve")
    stage.attach("ann", "contract", contract, "scan")
    stage.act("lea", request, "approve")
    before = _proofs(request)
    stage.attach("ann", "contract", contract, "other")
    stage.act("leo", request, "approve")
    assert _proofs(request) == before
    assert len(before) == 1


def _proofs(request: int) -> list[Any]:
    with access.acting(access.SYSTEM):
        rows = select(ApprovalEvidence.step_id, ApprovalEvidence.object_id, ApprovalEvidence.digest)
        return list(db.session.execute(rows.where(ApprovalEvidence.request_id == request)).all())
