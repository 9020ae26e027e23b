"""The approval engine on real databases: what it accepts, what it refuses, and that a refusal changes nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app import workflows
from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, Stale, WrongState
from app.extensions import db, transaction
from app.models import (
    ApprovalAction,
    ApprovalRequest,
    ApprovalStandin,
    ApprovalTask,
    AuditAct,
    AuditLog,
    Contract,
    ContractStatus,
    DutyStatus,
    Notice,
    RequestStatus,
)
from app.services import access
from app.services.language.problems import UnknownValue
from app.workflows import handing
from app.workflows.refusals import CommentRequired, ConditionUnmet, Duplicate, Locked, NotApprovable


def test_a_request_goes_step_by_step_to_its_end(stage, flow):
    flow("leo", "ina")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    assert (stage.todo("leo"), stage.todo("ina"), stage.todo("ann")) == ([request], [], [])
    stage.act("leo", request, "approve", comment="fine")
    assert (stage.todo("leo"), stage.todo("ina")) == ([], [request])
    assert stage.act("ina", request, "approve").status == "approved"
    found = stage.find(Contract, contract)
    assert found.status is ContractStatus.approved
    assert found.no
    assert stage.find(ApprovalRequest, request).no
    with stage.as_("leo"):
        assert [item.request_id for item in workflows.inbox("done")] == [request]
    with stage.as_("ann"):
        assert [item.request_id for item in workflows.inbox("mine")] == [request]
        entries = workflows.course(workflows.find_request(request)).entries
        assert [(entry.act.value, entry.by) for entry in entries] == [
            ("submit", "林安"),
            ("approve", "雷欧"),
            ("approve", "殷娜"),
        ]


@pytest.mark.req("W-02")
def test_nobody_decides_on_his_own_request_his_superior_does(stage, flow):
    flow("hana")
    contract = stage.contract("hana")
    request = stage.submit("hana", contract).request_id
    assert stage.acts("hana", request) == {"withdraw", "cancel", "remind"}
    with pytest.raises(NotAllowed):
        stage.act("hana", request, "approve")
    assert stage.todo("leo") == [request], "the head of the company is the superior of a department head"
    assert stage.act("leo", request, "approve").status == "approved"


@pytest.mark.req("W-02")
def test_the_owner_of_the_record_does_not_decide_on_it_either(stage, flow):
    flow("ann")
    contract = stage.contract("ann")
    with stage.as_("hana"), transaction():
        request = workflows.submit(db.session.get_one(Contract, contract)).request_id
    with pytest.raises(NotAllowed):
        stage.act("ann", request, "approve")
    assert stage.todo("lea") == [request]


@pytest.mark.req("W-02")
def test_one_person_never_decides_two_steps_of_one_request(stage, flow):
    flow("lea", "lea")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    with pytest.raises(NotAllowed):
        stage.act("lea", request, "approve")
    assert stage.todo("hana") == [request]


@pytest.mark.req("W-02")
def test_a_department_a_step_keeps_out_decides_there_by_no_way(stage, flow):
    flow({"who": ["hana", "leo"], "outside": "owner"})
    request = stage.submit("ann", stage.contract()).request_id
    assert (stage.todo("hana"), stage.todo("leo")) == ([], [request])
    for verb in ("transfer", "add_signer"):
        with pytest.raises(NotAllowed):
            stage.act("leo", request, verb, to=stage.employee("bob"), comment="his matter", place="parallel")
    with stage.as_("leo"), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=stage.employee("leo"),
                standin_id=stage.employee("hana"),
                starts_at=now() - timedelta(hours=1),
                ends_at=now() + timedelta(hours=1),
            )
        )
    with pytest.raises(NotAllowed):
        stage.act("hana", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"


def test_where_all_of_a_step_are_kept_out_their_superior_decides(stage, flow):
    flow({"who": "hana", "outside": "owner"})
    request = stage.submit("ann", stage.contract()).request_id
    assert (stage.todo("hana"), stage.todo("leo")) == ([], [request])


def test_a_second_account_of_the_applicant_is_still_the_applicant(stage, flow):
    flow(["hana", "leo"])
    request = stage.submit("hana", stage.contract("hana")).request_id
    twin = access.Principal(**{**stage.world.principal("hana").__dict__, "user_id": stage.world.users["ada"]})
    with access.acting(twin), pytest.raises(NotAllowed), transaction():
        workflows.act(request, "approve")


def test_nobody_left_to_decide_means_not_approvable_never_approved(stage, flow):
    flow("leo")
    contract = stage.contract()
    stage.publish(
        {
            "code": "contract_test",
            "object_type": "contract",
            "name": {"zh": "无人", "en": "Nobody"},
            "steps": [
                {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"role": "nobody_has_it"}]}
            ],
        }
    )
    with pytest.raises(workflows.people.NobodyFound):
        stage.submit("ann", contract)
    assert stage.find(Contract, contract).status is ContractStatus.draft
    assert db.session.scalar(select(ApprovalRequest)) is None


def test_without_a_flow_nothing_is_approvable(stage):
    with pytest.raises(NotApprovable):
        stage.submit("ann", stage.contract())


def test_a_rejection_needs_a_comment_and_ends_the_request(stage, flow):
    flow("leo", "ina")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with pytest.raises(CommentRequired):
        stage.act("leo", request, "reject")
    assert stage.act("leo", request, "reject", comment="too dear").status == "rejected"
    assert stage.find(Contract, contract).status is ContractStatus.rejected
    assert stage.todo("ina") == []
    with pytest.raises(WrongState):
        stage.act("leo", request, "approve")


@pytest.mark.req("W-04")
def test_sent_back_it_lies_with_the_submitter_and_comes_again_as_a_new_round(stage, flow):
    flow("lea", "leo")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    stage.act("lea", request, "approve")
    stage.act("leo", request, "send_back", comment="the price is missing")
    assert stage.todo("ann") == [request]
    assert stage.find(Contract, contract).status is ContractStatus.returned
    with stage.as_("ann"), transaction():
        db.session.get_one(Contract, contract).amount = 100
    assert stage.submit("ann", contract).request_id == request
    found = stage.find(ApprovalRequest, request)
    assert (found.round_no, found.status) == (2, RequestStatus.running)
    assert stage.todo("lea") == [request], "the whole way is gone again"


def test_sent_back_to_an_earlier_step_it_comes_round_again(stage, flow):
    flow("lea", {"who": "leo", "return_to": ["submitter", "s1"]})
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    stage.act("leo", request, "send_back", comment="check the licence", target="s1")
    assert stage.todo("lea") == [request]
    stage.act("lea", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"


def test_it_is_withdrawn_only_before_the_first_decision_and_cancelled_at_any_time(stage, flow):
    flow("lea", "leo")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    stage.act("ann", request, "withdraw")
    assert stage.todo("ann") == [request]
    stage.submit("ann", contract)
    stage.act("lea", request, "approve")
    with pytest.raises(WrongState):
        stage.act("ann", request, "withdraw")
    with pytest.raises(NotAllowed):
        stage.act("lea", request, "cancel")
    assert stage.act("ann", request, "cancel").status == "cancelled"
    assert stage.find(Contract, contract).status is ContractStatus.withdrawn
    assert stage.todo("leo") == []


def test_who_has_nothing_to_do_with_a_request_does_not_learn_of_it(stage, flow):
    flow("leo")
    request = stage.submit("ann", stage.contract()).request_id
    with pytest.raises(NotFound):
        stage.act("bob", request, "approve")


def test_the_record_is_frozen_while_it_is_decided_on(stage, flow):
    flow("leo", freeze={"free": ["terms"]})
    contract = stage.contract()
    stage.submit("ann", contract)
    with pytest.raises(Locked), stage.as_("ann"), transaction():
        db.session.get_one(Contract, contract).amount = 5
    with stage.as_("ann"), transaction():
        db.session.get_one(Contract, contract).terms = "a note"
    with pytest.raises(RuntimeError), stage.as_("ann"), transaction():
        db.session.get_one(Contract, contract).status = ContractStatus.approved
    with stage.as_("ann"), pytest.raises(Locked):
        workflows.check_editable(db.session.get_one(Contract, contract), frozenset({"amount"}))


def test_a_decision_counts_for_what_its_maker_saw(stage, flow):
    flow("leo", freeze={"free": ["terms"]})
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with stage.as_("leo"):
        seen = workflows.open_case(request).content_hash
    with stage.as_("ann"), transaction():
        db.session.get_one(Contract, contract).terms = "quite different"
    with pytest.raises(Stale) as refused:
        stage.act("leo", request, "approve", content_hash=seen)
    assert [change.field for change in refused.value.changes] == ["terms"]
    with stage.as_("leo"):
        seen = workflows.open_case(request).content_hash
    assert stage.act("leo", request, "approve", content_hash=seen).status == "approved"


@pytest.mark.parametrize(("verb", "status"), [("send_back", "returned"), ("reject", "rejected")])
def test_what_was_changed_past_the_rules_is_sent_back_or_rejected_never_approved(stage, flow, verb, status):
    flow("leo")
    contract = stage.contract(amount=100)
    request = stage.submit("ann", contract).request_id
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(update(Contract).where(Contract.id == contract).values(amount=999_999))
    with pytest.raises(Stale) as refused:
        stage.act("leo", request, "approve")
    assert [change.field for change in refused.value.changes] == ["amount"]
    assert stage.act("leo", request, verb, comment="The amount is not what was submitted.").status == status


def test_a_stale_page_is_refused(stage, flow):
    flow(["lea", "leo"], "ina")
    request = stage.submit("ann", stage.contract()).request_id
    seen = stage.find(ApprovalRequest, request).version_no
    stage.act("lea", request, "copy", to=stage.employee("fay"))
    with pytest.raises(Stale):
        stage.act("leo", request, "approve", seen_version=seen)


def test_sending_the_same_click_twice_does_it_once(stage, flow):
    flow("leo", "ina")
    request = stage.submit("ann", stage.contract()).request_id
    first = stage.act("leo", request, "approve", idem_key="click-1")
    again = stage.act("leo", request, "approve", idem_key="click-1")
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(Duplicate):
        stage.act("leo", request, "reject", comment="no", idem_key="click-1")
    with access.acting(access.SYSTEM):
        acts = db.session.scalars(select(ApprovalAction.act).order_by(ApprovalAction.seq)).all()
    assert [act.value for act in acts] == ["submit", "approve"]


def test_submitting_twice_makes_one_request(stage, flow):
    flow("leo")
    contract = stage.contract()
    stage.submit("ann", contract)
    with pytest.raises(Duplicate):
        stage.submit("ann", contract)


@pytest.mark.req("W-01")
def test_all_of_a_seat_must_agree_and_one_may_stop_it(stage, flow):
    flow({"who": ["lea", "hana", "leo"], "mode": "all"})
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    stage.act("leo", request, "approve")
    assert stage.todo("hana") == [request]
    assert stage.act("hana", request, "approve").status == "approved"


def test_two_of_three_are_enough_and_the_third_is_let_off(stage, flow):
    flow({"who": ["lea", "hana", "leo"], "mode": "n_of_m", "need": 2})
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"
    assert stage.todo("hana") == []


def test_a_share_and_a_weight_decide_too(stage, flow):
    flow(
        {"who": ["lea", "hana", "leo"], "mode": "ratio", "share": "2/3", "rejected": "impossible"},
        {"who": ["fay", "ina"], "mode": "weight", "need": 3, "weights": {stage.number("ina"): 3}},
    )
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "reject", comment="no")
    stage.act("leo", request, "approve")
    assert stage.act("hana", request, "approve").status == "running"
    assert stage.act("ina", request, "approve").status == "approved"


def test_one_after_another_each_waits_for_his_turn(stage, flow):
    flow({"who": ["lea", "leo"], "mode": "sequential"})
    request = stage.submit("ann", stage.contract()).request_id
    assert (stage.todo("lea"), stage.todo("leo")) == ([request], [])
    with pytest.raises(NotAllowed):
        stage.act("leo", request, "approve")
    stage.act("lea", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"


@pytest.mark.req("W-03")
def test_conditions_choose_the_way_to_the_fen(stage, flow):
    flow("lea", {"who": "leo", "when": "amount > 500000元"})
    for amount, steps in ((500_000, 1), ("500000.01", 2)):
        contract = stage.contract(amount=Decimal(str(amount)))
        request = stage.submit("ann", contract).request_id
        status = stage.act("lea", request, "approve").status
        assert status == ("approved" if steps == 1 else "running")


def test_a_condition_on_a_missing_value_stops_the_request_and_names_the_field(stage, flow):
    flow({"who": "leo", "when": "amount > 500000元"}, "lea")
    contract = stage.contract(amount=None)
    with pytest.raises(UnknownValue) as refused:
        stage.submit("ann", contract)
    assert refused.value.facts == ("amount",)
    assert stage.find(Contract, contract).status is ContractStatus.draft


def test_edges_lead_past_steps(stage, flow):
    flow({"who": "lea", "next": [{"to": "s3", "when": "amount < 100元"}]}, "hana", "leo")
    request = stage.submit("ann", stage.contract(amount=1)).request_id
    stage.act("lea", request, "approve")
    assert (stage.todo("hana"), stage.todo("leo")) == ([], [request])


def test_transfer_hands_the_duty_on_but_not_to_a_party(stage, flow):
    flow("lea", "ina")
    request = stage.submit("ann", stage.contract()).request_id
    with pytest.raises(NotAllowed):
        stage.act("lea", request, "transfer", to=stage.employee("ann"))
    stage.act("lea", request, "transfer", to=stage.employee("leo"))
    with pytest.raises(NotAllowed):
        stage.act("lea", request, "approve")
    stage.act("leo", request, "approve")
    assert stage.todo("ina") == [request]


def test_a_signer_added_before_is_heard_first(stage, flow):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "add_signer", to=stage.employee("leo"), place="before")
    assert (stage.todo("lea"), stage.todo("leo")) == ([], [request])
    stage.act("leo", request, "approve")
    assert stage.act("lea", request, "approve").status == "approved"


def test_a_signer_added_after_is_heard_last(stage, flow):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "add_signer", to=stage.employee("leo"), place="after")
    assert stage.act("lea", request, "approve").status == "running"
    assert stage.act("leo", request, "approve").status == "approved"


def test_a_stand_in_decides_and_both_names_stay(stage, flow):
    flow("lea", "ina")
    _stand_in(stage, "lea", "leo")
    request = stage.submit("ann", stage.contract()).request_id
    assert stage.todo("leo") == [request]
    stage.act("leo", request, "approve")
    action = db.session.scalars(select(ApprovalAction).order_by(ApprovalAction.id.desc())).first()
    assert (action.actor_id, action.acting_for_id) == (stage.employee("leo"), stage.employee("lea"))


def test_a_stand_in_who_is_the_applicant_is_refused(stage, flow):
    flow(["lea", "leo"])
    _stand_in(stage, "lea", "ann")
    request = stage.submit("ann", stage.contract()).request_id
    with pytest.raises(NotAllowed):
        stage.act("ann", request, "approve")


def _stand_in(stage, principal: str, standin: str) -> None:
    with access.acting(access.SYSTEM), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=stage.employee(principal),
                standin_id=stage.employee(standin),
                starts_at=now() - timedelta(days=1),
                ends_at=now() + timedelta(days=1),
            )
        )


def test_a_decision_is_taken_back_while_nobody_acted_after(stage, flow):
    flow("lea", "leo")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve")
    stage.act("lea", request, "take_back")
    assert (stage.todo("lea"), stage.todo("leo")) == ([request], [])
    stage.act("lea", request, "approve")
    stage.act("leo", request, "approve")
    with pytest.raises(WrongState):
        stage.act("lea", request, "take_back")


def test_a_step_asks_for_its_fields_its_files_and_its_condition(stage, flow):
    flow(
        {
            "who": "lea",
            "fields": ["expires_on"],
            "required": ["expires_on"],
            "evidence": [{"type": "scan", "name": {"zh": "扫描件", "en": "Scan"}}],
            "approve_when": 'title != "x"',
        }
    )
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with pytest.raises(BadInput) as refused:
        stage.act("lea", request, "approve")
    assert {problem.field for problem in refused.value.problems} == {"expires_on", "evidence"}
    with pytest.raises(BadInput):
        stage.act("lea", request, "approve", fields={"amount": "5"})
    stage.attach("ann", "contract", contract, "scan")
    assert stage.act("lea", request, "approve", fields={"expires_on": "2030-01-31"}).status == "approved"
    assert stage.find(Contract, contract).expires_on.isoformat() == "2030-01-31"


def test_an_unmet_condition_of_a_step_keeps_it_open(stage, flow):
    flow({"who": "lea", "approve_when": "amount < 10元"})
    request = stage.submit("ann", stage.contract(amount=10)).request_id
    with pytest.raises(ConditionUnmet):
        stage.act("lea", request, "approve")


def test_running_requests_keep_the_version_they_started_with(stage, flow):
    flow("lea", "leo")
    request = stage.submit("ann", stage.contract()).request_id
    flow("ina")
    stage.act("lea", request, "approve")
    assert stage.act("leo", request, "approve").status == "approved"
    other = stage.submit("ann", stage.contract()).request_id
    assert stage.todo("ina") == [other]


def test_a_record_in_the_bin_waits_for_nobody(stage, flow):
    flow("leo")
    contract = stage.contract()
    request = stage.submit("ann", contract).request_id
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(Contract, contract).deleted_at = now()
    assert stage.todo("leo") == []
    with pytest.raises(WrongState):
        stage.act("leo", request, "approve")


def test_everything_done_stands_in_the_list_of_what_happened_and_people_are_told(stage, flow):
    flow("lea", "leo")
    request = stage.submit("ann", stage.contract()).request_id
    stage.act("lea", request, "approve", comment="fine")
    with access.acting(access.SYSTEM):
        acts = db.session.scalars(select(AuditLog.act).where(AuditLog.object_type == "contract")).all()
        told = db.session.scalars(select(Notice.recipient_id).order_by(Notice.id)).all()
    assert {AuditAct.approval, AuditAct.move} <= set(acts)
    assert told == [stage.employee("lea"), stage.employee("leo")]


def test_who_was_reminded_just_now_is_not_reminded_again(stage, flow, monkeypatch):
    flow("lea")
    request = stage.submit("ann", stage.contract()).request_id
    assert stage.act("ann", request, "remind").status == "running"
    with pytest.raises(WrongState, match="一小时"):
        stage.act("ann", request, "remind")
    monkeypatch.setattr(handing, "REMINDED_AGAIN", timedelta(0))
    assert stage.act("ann", request, "remind").status == "running"


def test_the_buttons_are_what_the_engine_accepts(stage, flow):
    flow("lea", "leo")
    contract = stage.contract()
    with stage.as_("ann"):
        record = db.session.get_one(Contract, contract)
        assert workflows.buttons(record).can_submit
        assert [stage_.name.en for stage_ in workflows.path_of(record)] == ["Step 1", "Step 2"]
    request = stage.submit("ann", contract).request_id
    assert stage.acts("ann", request) == {"withdraw", "cancel", "remind"}
    assert stage.acts("lea", request) == {
        "approve",
        "reject",
        "send_back",
        "transfer",
        "add_signer",
        "consult",
        "copy",
    }
    assert stage.acts("leo", request) == set()


def test_history_is_append_only(stage, flow):
    flow("leo")
    stage.submit("ann", stage.contract())
    with pytest.raises(RuntimeError), access.acting(access.SYSTEM), transaction():
        db.session.scalars(select(ApprovalAction)).first().comment = "never said"


def test_the_tasks_of_one_person_count_once_per_request(stage, flow):
    flow(
        {
            "who": ["lea"],
            "seats": [
                {"key": "a", "people": [{"employee": stage.number("lea")}]},
                {"key": "b", "people": [{"employee": stage.number("lea")}]},
            ],
        }
    )
    request = stage.submit("ann", stage.contract()).request_id
    with access.acting(access.SYSTEM):
        tasks = db.session.scalars(select(ApprovalTask).where(ApprovalTask.status == DutyStatus.open)).all()
    assert len({task.assignee_id for task in tasks}) == 2, "a second seat goes to the superior"
    assert stage.todo("lea") == [request]
