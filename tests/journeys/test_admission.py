"""A customer is admitted by five people over HTTP: seller, head of sales, inspector, leader, keeper of the files."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import Account, Admission, AdmissionStatus, ApprovalRequest, Customer, Lifecycle
from app.services import access
from tests.world import HASH, World, sign_in

PDF = b"%PDF-1.4\n% a plainly invented document\n"


class People:
    """Browsers of several people, and what they do with them."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.clients: dict[str, Any] = {}

    def __getitem__(self, person: str) -> Any:
        if person not in self.clients:
            self.clients[person] = sign_in(self.app.test_client(), person)
        return self.clients[person]

    def attach(self, person: str, resource: str, pk: int, kind: str) -> None:
        data = {"doc_type": kind, "file": (io.BytesIO(PDF), f"{kind}.pdf"), "next": "/"}
        answer = self[person].post(
            f"/attachment/add/{resource}/{pk}", data=data, content_type="multipart/form-data"
        )
        assert answer.status_code == 302

    def form(self, person: str, pk: int) -> dict[str, str]:
        """What the page of the request binds a decision to."""
        html = self[person].get(f"/approval/show/{pk}").text
        found = re.findall(r'name="(seen_version|content_hash|_cmd)"\s+value="([^"]+)"', html)
        assert {name for name, _value in found} >= {"seen_version", "content_hash", "_cmd"}, html[:3000]
        return dict(found)

    def approve(self, person: str, pk: int, **fields: str) -> Any:
        sent = self.form(person, pk) | {
            f"field.{name.replace('__', '.')}": text for name, text in fields.items()
        }
        return self[person].post(
            f"/approval/{pk}/approve", data={**sent, "comment": "ok"}, follow_redirects=True
        )


pytestmark = pytest.mark.stands_on("seed-industry")


@pytest.fixture
def people(app: Any, world: World) -> People:
    del world
    return People(app)


def one(app: Any, model: type[Any]) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        return db.session.scalars(select(model).order_by(model.id.desc())).first()


def apply_for(people: People, app: Any, *, is_key: bool, by: str = "ann") -> tuple[int, int]:
    """Ann enters a prospect and submits its application: ids of the admission and the request."""
    ann = people[by]
    answer = ann.post("/customer/add", data={"name": "澜洲恒泽种业有限公司", "_has_is_key": "1"})
    assert answer.status_code == 302, answer.text[-3000:]
    customer = one(app, Customer)
    form = {
        "customer_id": str(customer.id),
        "flow_kind": "cooperation",
        "basic_situation": "种子经销",
        "cooperation_intent": "长期供种",
        "expected_sales": "1200000",
        "_has_is_key_prospect": "1",
        "is_key_prospect": "1" if is_key else "",
    }
    assert ann.post("/admission/add", data=form).status_code == 302
    admission = one(app, Admission)
    people.attach(by, "admission", admission.id, "business_licence")
    answer = ann.post(f"/approval/submit/admission/{admission.id}", follow_redirects=True)
    assert one(app, ApprovalRequest) is not None, answer.text
    return admission.id, one(app, ApprovalRequest).id


@pytest.mark.req("E-01", "E-04", "E-05", "E-06", "E-08", "E-09")
def test_a_key_prospect_becomes_an_active_customer_with_a_code_through_five_people(people: People, app: Any):
    admission, pk = apply_for(people, app, is_key=True)
    reviewed = {"licence_checked": "1", "reputation_good": "1", "demand_real": "1", "willing": "1"}
    people.approve("hana", pk, recommendation="建议合作", **reviewed)
    assert one(app, Admission).recommendation == "建议合作"
    visit_form = {
        "customer_id": str(one(app, Customer).id),
        "kind": "field_inspection",
        "planned_on": "2026-11-02",
    }
    assert people["ina"].post("/visit/add", data=visit_form).status_code == 302
    _inspect(people, app, pk)
    people.approve("leo", pk)
    assert one(app, Admission).status is AdmissionStatus.approved
    people.attach("fay", "admission", admission, "signed_agreement")
    people.approve("fay", pk, agreement__sign_on="2026-11-20", agreement__effective_on="2026-11-21")
    assert one(app, Admission).status is AdmissionStatus.completed
    customer = one(app, Customer)
    assert customer.status is Lifecycle.active
    assert customer.code


def _inspect(people: People, app: Any, pk: int) -> None:
    """Ina records her visit, files it with its report, and approves the inspection."""
    from app.models import Visit  # noqa: PLC0415 (only here)

    visit = one(app, Visit)
    people.attach("ina", "visit", visit.id, "inspection_report")
    held = {
        "customer_id": str(visit.customer_id),
        "kind": "field_inspection",
        "planned_on": "2026-11-02",
        "held_at": "2026-11-02T10:00",
        "content": "库房与样品",
        "conclusion": "符合条件",
        "version_no": str(visit.version_no),
    }
    assert people["ina"].post(f"/visit/edit/{visit.id}", data=held).status_code == 302
    for verb in ("record", "hold", "file"):
        people["ina"].post(f"/visit/move/{visit.id}/{verb}")
    answer = people.approve("ina", pk, field_visit_id=str(visit.id))
    assert one(app, Admission).field_visit_id == visit.id, re.findall(r"alert[^<]*<[^<]*", answer.text)


@pytest.mark.req("G1", "W-02")
def test_who_applies_decides_by_no_door_and_through_no_second_account(people: People, app: Any, world: World):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        head = db.session.get_one(User, world.users["hana"])
        second = User(
            username="hana2",
            first_name="hana",
            last_name="",
            email="hana2@example.invalid",
            active=True,
            password=HASH,
            roles=list(head.roles),
        )
        db.session.add(second)
        db.session.flush()
        db.session.add(Account(user_id=second.id, employee_id=world.employees["hana"]))
    _admission, pk = apply_for(people, app, is_key=False, by="hana")
    for person in ("hana", "hana2"):
        sent = {"field.recommendation": "同意", "comment": "同意"}
        people[person].post(f"/approval/{pk}/approve", data=sent)
        answer = people[person].post(f"/api/v1/approvals/{pk}/approve", json=sent)
        assert answer.status_code == 403, answer.text
        assert answer.json["error"]["code"] == "not_allowed"
        assert "approve" not in people[person].get(f"/api/v1/approvals/{pk}").json["acts"]
        assert people[person].get("/api/v1/approvals/todo").json["result"] == []
    assert one(app, Admission).status is AdmissionStatus.in_approval
    assert one(app, Admission).recommendation is None
    assert [item["id"] for item in people["sam"].get("/api/v1/approvals/todo").json["result"]] == [pk]
