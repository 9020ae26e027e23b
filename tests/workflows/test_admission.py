"""The cooperation admission of pack `seed-industry`, from the seller's form to an active customer with a code."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import workflows
from app.errors import BadInput, NotAllowed, WrongState
from app.extensions import company, db, transaction
from app.models import (
    Admission,
    AdmissionStatus,
    ApprovalEvidence,
    ApprovalFlowVersion,
    ApprovalTimer,
    Contract,
    ContractStatus,
    Customer,
    Lifecycle,
    TimerKind,
    Visit,
    VisitKind,
)
from app.services import access, packs
from app.workflows import timers
from app.workflows.refusals import CommentRequired, ConditionUnmet

REVIEW = {
    "licence_checked": "true",
    "reputation_good": "true",
    "demand_real": "true",
    "willing": "true",
    "recommendation": "Admit: sound business",
}


pytestmark = pytest.mark.stands_on("seed-industry")


@pytest.fixture
def loaded(stage):
    return stage


def _submitted(stage, **values):
    admission = stage.admission("ann", **values)
    stage.attach("ann", "admission", admission, "business_licence")
    return admission, stage.submit("ann", admission, Admission).request_id


def _inspect(stage, customer_id, *, conclusion="a real shop"):
    with stage.as_("ina"), transaction():
        visit = Visit(
            customer_id=customer_id,
            kind=VisitKind.field_inspection,
            planned_on=company.today(),
            owner_id=stage.employee("ina"),
            org_unit_id=stage.world.unit_of("ina"),
            content="looked at the store",
            conclusion=conclusion,
        )
        db.session.add(visit)
        db.session.flush()
        workflows.move(visit, "hold")
        return visit.id


@pytest.mark.req("E-01", "E-06", "E-07", "E-08", "E-09", "W-01")
def test_five_people_take_a_key_prospect_to_an_active_customer_with_a_code(loaded):
    stage = loaded
    admission, request = _submitted(stage, is_key_prospect=True)
    found = stage.find(Admission, admission)
    assert found.status is AdmissionStatus.in_approval
    assert found.no.startswith("ZR")
    customer = found.customer_id
    assert stage.find(Customer, customer).status is Lifecycle.applicant

    stage.act("hana", request, "approve", fields=REVIEW)
    visit = _inspect(stage, customer)
    stage.act("ina", request, "approve", fields={"field_visit_id": str(visit)})
    stage.act("leo", request, "approve", comment="agreed")
    found = stage.find(Admission, admission)
    assert found.status is AdmissionStatus.approved
    agreement = found.agreement_id
    assert stage.find(Contract, agreement).status is ContractStatus.draft

    stage.attach("fay", "admission", admission, "signed_agreement")
    today = company.today().isoformat()
    dates = {"agreement.sign_on": today, "agreement.effective_on": today}
    assert stage.act("fay", request, "approve", fields=dates).status == "approved"
    assert stage.find(Admission, admission).status is AdmissionStatus.completed
    assert stage.find(Contract, agreement).status is ContractStatus.effective
    customer = stage.find(Customer, customer)
    assert (customer.status, customer.code) == (Lifecycle.active, "C000001")
    with access.acting(access.SYSTEM):
        kinds = db.session.scalars(select(ApprovalEvidence.doc_type).order_by(ApprovalEvidence.id)).all()
    assert kinds == ["inspection_report", "signed_agreement"]


def test_an_ordinary_prospect_needs_no_inspection_unless_the_reviewer_asks_for_one(loaded):
    stage = loaded
    _admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields=REVIEW)
    assert stage.todo("leo") == [request]
    _admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields={**REVIEW, "inspection_wanted": "true"})
    assert stage.todo("ina") == [request]


@pytest.mark.req("E-01")
def test_it_is_not_submitted_without_form_and_licence(loaded):
    stage = loaded
    admission = stage.admission("ann", basic_situation=None)
    with pytest.raises(BadInput) as refused:
        stage.submit("ann", admission, Admission)
    assert {problem.field for problem in refused.value.problems} == {"basic_situation", "evidence"}
    assert stage.find(Admission, admission).status is AdmissionStatus.draft


@pytest.mark.req("E-06")
def test_the_reviewer_is_not_the_seller(loaded):
    stage = loaded
    admission = stage.admission("hana")
    stage.attach("hana", "admission", admission, "business_licence")
    request = stage.submit("hana", admission, Admission).request_id
    with pytest.raises(NotAllowed):
        stage.act("hana", request, "approve", fields=REVIEW)
    assert (stage.todo("hana"), stage.todo("sam")) == ([], [request]), "another reviewer of the pool does it"


@pytest.mark.req("E-08")
def test_there_is_no_decision_without_a_recommendation(loaded):
    stage = loaded
    _admission, request = _submitted(stage)
    with pytest.raises(BadInput) as refused:
        stage.act("hana", request, "approve", fields={**REVIEW, "recommendation": ""})
    assert refused.value.field == "recommendation"


@pytest.mark.req("E-07")
def test_a_key_prospect_is_not_decided_without_the_report_of_the_inspection(loaded):
    stage = loaded
    admission, request = _submitted(stage, is_key_prospect=True)
    customer = stage.find(Admission, admission).customer_id
    stage.act("hana", request, "approve", fields=REVIEW)
    with pytest.raises(BadInput):
        stage.act("ina", request, "approve")
    visit = _inspect(stage, customer, conclusion=None)
    with pytest.raises(ConditionUnmet):
        stage.act("ina", request, "approve", fields={"field_visit_id": str(visit)})
    assert stage.todo("leo") == []


@pytest.mark.req("E-02", "E-03")
def test_a_failed_standard_passes_only_with_the_leaders_reason(loaded):
    stage = loaded
    _admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields={**REVIEW, "reputation_good": "false"})
    with pytest.raises(CommentRequired):
        stage.act("leo", request, "approve")
    stage.act("leo", request, "approve", comment="the dispute is settled")
    assert stage.todo("fay") == [request]


@pytest.mark.req("E-09")
def test_without_an_effective_agreement_nobody_becomes_a_customer(loaded):
    stage = loaded
    admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields=REVIEW)
    stage.act("leo", request, "approve")
    today = company.today()
    dates = {
        "agreement.sign_on": today.isoformat(),
        "agreement.effective_on": today.replace(year=today.year + 1).isoformat(),
    }
    with pytest.raises(BadInput):
        stage.act("fay", request, "approve", fields=dates)
    stage.attach("fay", "admission", admission, "signed_agreement")
    with pytest.raises(WrongState):
        stage.act("fay", request, "approve", fields=dates)
    found = stage.find(Admission, admission)
    assert found.status is AdmissionStatus.approved
    assert stage.find(Customer, found.customer_id).code is None


def test_a_rejected_applicant_is_a_prospect_again(loaded):
    stage = loaded
    admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields=REVIEW)
    stage.act("leo", request, "reject", comment="no demand")
    found = stage.find(Admission, admission)
    assert found.status is AdmissionStatus.rejected
    assert stage.find(Customer, found.customer_id).status is Lifecycle.prospect


def test_an_admission_without_agreement_lapses(loaded):
    stage = loaded
    admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields=REVIEW)
    stage.act("leo", request, "approve")
    with access.acting(access.SYSTEM):
        at = db.session.scalar(select(ApprovalTimer.fire_at).where(ApprovalTimer.kind == TimerKind.time_out))
        timers.sweep(at)
    found = stage.find(Admission, admission)
    assert found.status is AdmissionStatus.lapsed
    assert stage.find(Customer, found.customer_id).status is Lifecycle.prospect


def test_loading_the_pack_again_changes_nothing(loaded):
    with access.acting(access.SYSTEM), transaction():
        report = packs.load("seed-industry")
    assert not [item for item in report.items if item.kind == "flows" and item.fate.value != "unchanged"]
    with access.acting(access.SYSTEM):
        assert {version.edition for version in db.session.scalars(select(ApprovalFlowVersion))} == {1}


def test_what_is_late_is_reminded_then_brought_before_the_superior(loaded):
    stage = loaded
    _admission, request = _submitted(stage)
    stage.act("hana", request, "approve", fields=REVIEW)
    with access.acting(access.SYSTEM):
        armed = db.session.scalars(
            select(ApprovalTimer)
            .where(ApprovalTimer.kind != TimerKind.time_out, ApprovalTimer.status == "armed")
            .order_by(ApprovalTimer.fire_at)
        ).all()
        assert [timer.kind.value for timer in armed] == ["remind", "remind", "escalate"]
        last = armed[-1].fire_at
        assert timers.sweep(last) == 3
        assert timers.sweep(last) == 0
