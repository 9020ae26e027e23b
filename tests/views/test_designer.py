"""The flow designer: who may change and publish what, two designers at one draft, files in and out; looking changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app import workflows
from app.extensions import db, transaction
from app.models import ApprovalFlow, ApprovalFlowVersion, Contract, Customer, FlowStatus, RoleGrant, User
from app.roles import Act, Reach
from app.services import access
from app.views import pages
from app.views.flow_design_forms import FlowForm, StepForm
from app.workflows import designing
from tests.views.test_budgets import digest
from tests.world import World, sign_in

CODE = "big_contracts"
NEW = {"code": CODE, "object_type": "contract", "name_zh": "大额合同", "name_en": "Large contracts"}


SETTINGS = {
    "name_zh": "大额合同",
    "name_en": "Large contracts",
    "required": ["amount"],
    "on_approved": ["move:approve"],
    "on_rejected": ["move:reject"],
    "param-0-zh": "大额",
    "param-0-en": "Large",
    "param-0-value": "50",
    "param-0-unit": "万元",
}


class Designer:
    """A person at the designer: sends forms as the pages would, based on the draft as it stands."""

    def __init__(self, app: Flask, person: str) -> None:
        self.app, self.client = app, sign_in(app.test_client(), person)

    def begin(self) -> int:
        """A new flow; the id of its draft."""
        answer = self.client.post("/flow/new", data=NEW)
        assert answer.status_code == 303, answer.text[-2000:]
        return int(answer.headers["Location"].rsplit("/", 1)[1])

    def seen(self, pk: int) -> str:
        return str(kept(self.app, pk).body_hash)

    def post(self, path: str, pk: int, *, seen: str | None = None, **form: Any) -> Any:
        data = {"seen": seen if seen is not None else self.seen(pk), **form}
        return self.client.post(path, data=data)

    def add_step(self, pk: int, zh: str, en: str) -> str:
        """A new step; its key."""
        answer = self.post(f"/flow/{pk}/steps", pk, do="add", name_zh=zh, name_en=en)
        assert answer.status_code == 303, answer.text[-2000:]
        return str(answer.headers["Location"].rsplit("/", 1)[1])

    def fill(self, pk: int, key: str, *people: str, **more: Any) -> Any:
        """The form of a step, with who decides."""
        step = next(one for one in kept(self.app, pk).body["steps"] if one["key"] == key)
        form = {"name_zh": step["name"]["zh"], "name_en": step["name"]["en"], "kind": "decide",
                "seat-0-people": list(people), "seat-0-mode": "any", "acts": ACTS, "comment": ["reject", "send_back"],
                "return_to": ["submitter"]} | more  # fmt: skip
        return self.post(f"/flow/step/{pk}/{key}", pk, **form)


ACTS = ["approve", "reject", "send_back", "transfer", "add_signer", "consult", "copy"]


def kept(app: Flask, pk: int) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        version = db.session.get_one(ApprovalFlowVersion, pk)
        db.session.expunge(version)
        return version


@pytest.fixture
def designer(app: Flask, world: World) -> Callable[[str], Designer]:
    """`designer("ada")`. Publishing a flow takes no approval here; Hana may publish, Sam design."""
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        for flow in db.session.scalars(select(ApprovalFlow)):
            flow.active = False
        for person, acts in (
            ("hana", (Act.read, Act.edit, Act.publish)),
            ("sam", (Act.read, Act.create, Act.edit)),
        ):
            role = db.session.get_one(User, world.users[person]).roles[0]
            for act in acts:
                if not db.session.scalar(select(RoleGrant.id).where(RoleGrant.role_id == role.id, RoleGrant.act == act,
                                                                    RoleGrant.resource == "approval_flow_version")):  # fmt: skip
                    grant = RoleGrant(
                        role_id=role.id, resource="approval_flow_version", act=act, reach=Reach.all
                    )
                    db.session.add(grant)
        legal = db.session.scalars(select(Role).where(Role.name == "legal")).one()
        fay = db.session.get_one(User, world.users["fay"])
        fay.roles = [*fay.roles, legal]
    return lambda person: Designer(app, person)


def drawn(ada: Designer) -> int:
    """A flow with a legal review and the leader above a threshold, ready to be checked."""
    pk = ada.begin()
    assert ada.post(f"/flow/settings/{pk}", pk, **SETTINGS).status_code == 303
    for zh, en, who in (
        ("法务审核", "Legal review", "role:legal"),
        ("领导审批", "Leader", "role:company_leader"),
    ):
        key = ada.add_step(pk, zh, en)
        assert ada.fill(pk, key, who).status_code == 303
    table = {"col": ["amount"], "rows": "1", "r0.amount.sign": "<", "r0.amount.value": "大额", "r0.to": "end"}
    answer = ada.post(f"/flow/ways/{pk}/legal_review", pk, **table)
    assert answer.status_code == 303, answer.text[-3000:]
    return pk


def test_a_flow_is_drawn_checked_and_published_by_another(app: Flask, designer: Callable[[str], Designer]):
    ada = designer("ada")
    pk = drawn(ada)
    assert kept(app, pk).body["steps"][0]["next"] == [{"to": "end", "when": "amount < limit_large"}]
    assert ada.client.post(f"/flow/{pk}/check").status_code == 303
    assert "法务审核" in ada.client.get(f"/flow/show/{pk}").text
    assert not [one for one in kept(app, pk).findings if one["is_error"]]
    assert ada.post(f"/flow/{pk}/publish", pk, noted="1").status_code == 403  # its author
    hana = designer("hana")
    assert hana.post(f"/flow/{pk}/publish", pk, noted="1").status_code == 303
    assert kept(app, pk).status is FlowStatus.published
    assert re.search("第 1 版", hana.client.get(f"/flow/show/{pk}").text)
    nothing_of_it_can_be_changed(app, ada, pk)


def nothing_of_it_can_be_changed(app: Flask, ada: Designer, pk: int) -> None:
    """A published version stands; it is taken up as a new draft."""
    body = kept(app, pk).body
    for page in (f"step/{pk}/legal_review", f"ways/{pk}/legal_review", f"settings/{pk}"):
        assert ada.client.get(f"/flow/{page}").status_code == 404
    assert ada.fill(pk, "legal_review", "role:gm").status_code == 404
    for do in ("add", "drop", "up"):
        form = {"do": do, "key": "legal_review", "name_zh": "甲", "name_en": "A"}
        assert ada.post(f"/flow/{pk}/steps", pk, **form).status_code == 409
    for path in ("check", "discard"):
        assert ada.post(f"/flow/{pk}/{path}", pk).status_code == 409
    assert kept(app, pk).body == body
    answer = ada.client.post(f"/flow/{pk}/change")
    new = int(answer.headers["Location"].rsplit("/", 1)[1])
    assert kept(app, new).body == body and kept(app, new).status is FlowStatus.draft
    settings = SETTINGS | {"param-0-key": "limit_large", "param-0-value": "80"}
    assert ada.post(f"/flow/settings/{new}", new, **settings).status_code == 303
    compared = ada.client.get(f"/flow/compare/{new}/{pk}").text
    assert "50万元" in compared and "80万元" in compared
    assert ada.post(f"/flow/{new}/discard", new).status_code == 303
    assert ada.client.get(f"/flow/show/{new}").status_code == 404


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_may_not_design_is_refused_at_every_door(app: Flask, designer: Callable[[str], Designer]):
    pk = drawn(designer("ada"))
    dan, hana = designer("dan"), designer("hana")
    seen = {"seen": kept(app, pk).body_hash}
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("ApprovalFlowVersionView.")
    ]
    assert len(rules) > 15
    before = digest(app)
    for rule in rules:
        path = (
            rule.rule.replace("<int:pk>", str(pk))
            .replace("<int:other>", str(pk))
            .replace("<key>", "legal_review")
        )
        for method in {"GET", "POST"} & set(rule.methods or ()):
            answer = dan.client.open(path, method=method, data=seen if method == "POST" else None)
            assert answer.status_code == 403, f"{method} {path}"
    for path in ("new", "bring-in", f"{pk}/change"):
        assert hana.client.post(f"/flow/{path}", data=NEW).status_code == 403  # she may edit, not begin
    changed = {name for name, found in digest(app).items() if found != before[name]}
    assert changed <= {"audit_log", "user_session", "sign_in_attempt"}


def test_of_two_designers_one_wins_and_the_other_is_told(app: Flask, designer: Callable[[str], Designer]):
    ada, hana = designer("ada"), designer("hana")
    pk = drawn(ada)
    seen = ada.seen(pk)
    assert hana.fill(pk, "leader", "role:company_leader", due_n="3").status_code == 303
    body = kept(app, pk).body
    for answer in (
        ada.fill(pk, "leader", "role:legal", seen=seen),
        ada.post(f"/flow/settings/{pk}", pk, seen=seen, **SETTINGS),
        ada.post(f"/flow/ways/{pk}/legal_review", pk, seen=seen, rows="0"),
        ada.post(f"/flow/condition/{pk}?step=leader&at=when", pk, seen=seen, rows="0"),
        ada.post(f"/flow/{pk}/steps", pk, seen=seen, do="drop", key="leader"),
        ada.post(f"/flow/{pk}/discard", pk, seen=seen),
    ):
        assert answer.status_code == 409
        assert "韩娜" in answer.text
    assert kept(app, pk).body == body
    assert hana.post(f"/flow/{pk}/publish", pk, noted="1").status_code == 403  # she wrote in it as well


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_looking_at_a_flow_changes_nothing(app: Flask, designer: Callable[[str], Designer]):
    ada = designer("ada")
    pk = drawn(ada)
    ada.client.post(f"/flow/{pk}/check")
    before = digest(app)
    for path in ("", "new", "bring-in", f"show/{pk}", f"{pk}/yaml", f"compare/{pk}/{pk}", f"try/{pk}", f"settings/{pk}",
                 f"step/{pk}/leader", f"ways/{pk}/legal_review", f"condition/{pk}?step=leader&at=when",
                 f"condition/{pk}?at=applies"):  # fmt: skip
        assert ada.client.get(f"/flow/{path}").status_code == 200, path
    for path in (
        f"show/{pk + 1}",
        f"step/{pk}/nobody",
        f"condition/{pk}?step=leader&at=steps",
        f"ways/{pk}/end",
    ):
        assert ada.client.get(f"/flow/{path}").status_code == 404, path
    assert ada.client.get(f"/flow/try/{pk}?n=7").status_code == 400
    adding = {"col": ["amount"], "rows": "0", "do": "add"}
    assert ada.post(f"/flow/ways/{pk}/leader", pk, **adding).status_code == 200  # a row more, not saved yet
    assert digest(app) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_table_says_which_cell_is_wrong_and_keeps_what_was_typed(
    app: Flask, designer: Callable[[str], Designer]
):
    ada = designer("ada")
    pk = drawn(ada)
    table = {"col": ["amount", "kind"], "rows": "2", "r0.amount.sign": ">=", "r0.amount.value": "很多",
             "r0.to": "leader", "r1.kind.sign": "in", "r1.kind.value": ["supply", "procurement"], "r1.to": "end"}  # fmt: skip
    answer = ada.post(f"/flow/ways/{pk}/legal_review", pk, **table)
    assert answer.status_code == 422
    assert "第 1 行，金额" in answer.text and 'value="很多"' in answer.text
    fixed = table | {"r0.amount.sign": "span", "r0.amount.value": "10,000", "r0.amount.upto": "大额"}
    fixed["r1.kind.value"] = ["supply"]
    assert ada.post(f"/flow/ways/{pk}/legal_review", pk, **fixed).status_code == 303
    ways = kept(app, pk).body["steps"][0]["next"]
    assert ways == [
        {"to": "leader", "when": "amount from 10000元 to below limit_large"},
        {"to": "end", "when": 'kind = "supply"'},
    ]
    page = ada.client.get(f"/flow/ways/{pk}/legal_review").text
    assert 'value="10000"' in page and 'value="大额"' in page


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_step_takes_everything_the_form_offers(
    app: Flask, world: World, designer: Callable[[str], Designer]
):
    ada = designer("ada")
    pk = drawn(ada)
    condition = {"col": ["amount", "kind"], "rows": "2", "r0.amount.sign": ">=", "r0.amount.value": "大额",
                 "r1.kind.sign": "in", "r1.kind.value": ["supply"]}  # fmt: skip
    assert ada.post(f"/flow/condition/{pk}?step=leader&at=when", pk, **condition).status_code == 303
    assert ada.fill(pk, "leader", "role:company_leader", do="add_seat").status_code == 303
    seats = {"seat-0-name_zh": "领导", "seat-0-name_en": "Leader", "seat-1-name_zh": "财务", "seat-1-name_en": "Finance",
             "seat-1-people": ["role:finance", "superior:submitter:2"], "seat-1-mode": "ratio", "seat-1-share": "2/3",
             "seat-1-persons": [str(world.employees["fay"])], "seat-1-optional": "1", "kind": "decide",
             "fields": ["terms"], "required": ["terms"], "acts": ["approve", "reject", "send_back"],
             "return_to": ["submitter", "legal_review"], "due_n": "2", "due_unit": "wd", "time_out_n": "30",
             "time_out_unit": "d", "copies-people": ["role:gm"], "evidence-0-type": "nda", "evidence-0-count": "2",
             "shows": ["amount", "terms"], "checks": ["customer_admitted"], "then": ["move:approve"],
             "time_out_then": ["move:reject"], "evidence-1-type": "product_guide", "evidence-1-record": "parent"}  # fmt: skip
    assert ada.fill(pk, "leader", "role:company_leader", **seats).status_code == 303
    when = {"col": ["amount"], "rows": "1", "r0.amount.sign": ">=", "r0.amount.value": "大额"}
    for at in ("seats.seat_2", "evidence.nda"):
        page = ada.client.get(f"/flow/condition/{pk}?step=leader&at={at}")
        assert page.status_code == 200
        assert ada.post(f"/flow/condition/{pk}?step=leader&at={at}", pk, **when).status_code == 303
    assert kept(app, pk).body["steps"][1] == {
        "key": "leader",
        "name": {"zh": "领导审批", "en": "Leader"},
        "when": 'amount >= limit_large or kind = "supply"',
        "seats": [
            {"key": "seat_1", "name": {"zh": "领导", "en": "Leader"}, "people": [{"role": "company_leader"}]},
            {
                "key": "seat_2",
                "name": {"zh": "财务", "en": "Finance"},
                "people": [{"role": "finance"}, {"superior": "submitter", "levels": 2}, {"employee": "T010"}],
                "mode": "ratio",
                "share": "2/3",
                "optional": True,
                "when": "amount >= limit_large",
            },
        ],
        "shows": ["amount", "terms"],
        "fields": ["terms"],
        "required": ["terms"],
        "checks": ["customer_admitted"],
        "acts": ["approve", "reject", "send_back"],
        "return_to": ["submitter", "legal_review"],
        "due": "2wd",
        "time_out": {"after": "30d", "then": [{"move": "reject"}]},
        "then": [{"move": "approve"}],
        "copies": [{"role": "gm"}],
        "evidence": [
            {
                "type": "nda",
                "name": {"zh": "保密协议", "en": "Confidentiality agreement"},
                "count": 2,
                "when": "amount >= limit_large",
            },
            {"type": "product_guide", "name": NAMES["product_guide"], "record": "parent"},
        ],
    }
    again = ada.client.get(f"/flow/step/{pk}/leader").text
    assert len(re.findall(r'value="role:finance"[^>]*selected', again)) == 1 and 'value="2/3"' in again
    assert ada.fill(pk, "leader", "role:company_leader", due_n="x").status_code == 422


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_flow_takes_everything_its_settings_offer(app: Flask, designer: Callable[[str], Designer]):
    ada = designer("ada")
    pk = drawn(ada)
    settings = SETTINGS | {
        "param-0-key": "limit_large", "article": "001-P01 §2", "exclusive_group": "amount", "unneeded": "refuse",
        "on_reject": "return", "resubmit": "resume", "freeze_after": "locked", "free": ["terms"], "rearm": ["amount"],
        "rearm_move": "send_back", "on_approved": [], "on_rejected": ["move:cancel"], "submit-people": ["role:sales_head"],
        "documents-0-type": "nda", "documents-0-count": "1"}  # fmt: skip
    assert ada.post(f"/flow/settings/{pk}", pk, **(settings | {"rearm_move": ""})).status_code == 422
    assert ada.post(f"/flow/settings/{pk}", pk, **settings).status_code == 303
    kinds = {"col": ["kind"], "rows": "1", "r0.kind.sign": "in", "r0.kind.value": ["supply"]}
    asked = f"/flow/condition/{pk}?at=submit.documents.nda"
    assert ada.post(asked, pk, **kinds).status_code == 303
    body = kept(app, pk).body
    assert {name: body[name] for name in body if name not in {"steps", "params", "name", "code", "object_type"}} == {
        "article": "001-P01 §2",
        "exclusive_group": "amount",
        "on_reject": "return",
        "resubmit": "resume",
        "submit": {
            "required": ["amount"],
            "people": [{"role": "sales_head"}],
            "documents": [{"type": "nda", "name": NAMES["nda"], "when": 'kind = "supply"'}],
        },
        "freeze": {"free": ["terms"], "after": "locked", "rearm": {"fields": ["amount"], "move": "send_back"}},
        "on_approved": [],
        "on_rejected": [{"move": "cancel"}],
    }  # fmt: skip
    told = ada.client.get(f"/flow/show/{pk}").text
    for words in ("审批中可修改", "不能修改", "修改即失效", "状态“", "保密协议（仅当"):
        assert words in told, words
    assert ada.client.get(f"/flow/condition/{pk}?at=submit.documents.report").status_code == 404


NAMES = {
    "nda": {"zh": "保密协议", "en": "Confidentiality agreement"},
    "product_guide": {"zh": "产品指南", "en": "Product guide"},
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_form_that_is_sent_as_it_was_shown_leaves_every_shipped_flow_as_it_is(app: Flask, world: World):
    """Nothing a flow may say is lost on the way through the forms."""
    flows = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(PACKS.glob("*/flows/*.yaml"))]
    assert len(flows) >= 19
    changed = []
    for body in flows:
        forms: list[Any] = [FlowForm]
        forms += [lambda body, key=step["key"]: StepForm(body, key) for step in body["steps"]]
        for form in forms:
            with app.app_context(), access.acting(access.SYSTEM):
                with app.test_request_context():
                    sent = as_sent(form(deepcopy(body)).sections())
                with app.test_request_context(method="POST", data=sent):
                    after = deepcopy(body)
                    form(after).take()
            changed += [(body["code"], name) for name in {*body, *after} if body.get(name) != after.get(name)]
    assert changed == []


PACKS = Path(designing.__file__).parents[1] / "packs"


def as_sent(sections: Iterable[pages.Section]) -> MultiDict[str, str]:
    """What a browser sends of these sections, nothing touched."""
    fields = [field for section in sections for field in section.fields]
    fields += [field for section in sections if section.lines for row in section.lines.rows for field in row]
    found: MultiDict[str, str] = MultiDict()
    for field in fields:
        if field.kind in {"pickers", "choices"}:
            found.setlist(field.name, [one.value for one in field.picked])
        elif field.kind != "flag" or field.value:
            found.add(field.name, field.value)
    return found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_finding_stands_at_the_input_it_is_about(app: Flask, designer: Callable[[str], Designer]):
    ada = designer("ada")
    pk = drawn(ada)
    assert (
        ada.fill(pk, "leader", "role:finance", escalate_after_n="2", escalate_after_unit="wd").status_code
        == 303
    )
    ada.client.post(f"/flow/{pk}/check")
    assert ("V11", "leader.escalate_after") in {(one["rule"], one["place"]) for one in kept(app, pk).findings}
    step = ada.client.get(f"/flow/step/{pk}/leader").text
    assert re.search(r'name="escalate_after_n"[^>]*aria-invalid="true"', step)
    wrong = SETTINGS | {"param-0-key": "limit_large", "on_approved": ["effect:draft_agreement"]}
    assert ada.post(f"/flow/settings/{pk}", pk, **wrong).status_code == 303
    ada.client.post(f"/flow/{pk}/check")
    settings = ada.client.get(f"/flow/settings/{pk}").text
    assert re.search(r'name="on_approved"[^>]*aria-invalid="true"', settings)
    assert f"/flow/settings/{pk}#after" in ada.client.get(f"/flow/show/{pk}").text


def uploaded(ada: Designer, text: str) -> Any:
    file = {"file": (BytesIO(text.encode()), "flow.yaml")}
    return ada.client.post("/flow/bring-in", data=file, content_type="multipart/form-data")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_flow_is_taken_out_and_brought_in_and_refused_with_the_place(
    app: Flask, designer: Callable[[str], Designer]
):
    ada = designer("ada")
    pk = drawn(ada)
    text = ada.client.get(f"/flow/{pk}/yaml").text
    assert yaml.safe_load(text) == kept(app, pk).body
    answer = uploaded(ada, text)
    assert answer.status_code == 303, answer.text[-2000:]
    new = kept(app, int(answer.headers["Location"].rsplit("/", 1)[1]))
    assert (new.edition, new.status, new.body) == (2, FlowStatus.draft, kept(app, pk).body)
    before = digest(app)
    for spoilt, place in (
        (text.replace("amount < limit_large", "colour < 3"), "legal_review.next"),
        (text.replace("amount < limit_large", "amount < 5 %"), "legal_review.next"),
        (text.replace("50万元", "viel"), "params.limit_large"),
        (text.replace("to: end", "to: moon"), "moon"),
        (text.replace("object_type: contract", "object_type: admission"), "另一类记录"),
        (text.replace("steps:", "steps: &loop\n- *loop\nmore:"), "引用"),
        (text + "\n  : [", "无法读取"),
        ("[1, 2]", "不是一个流程"),
        ("", "256 KB"),
    ):
        refused = uploaded(ada, spoilt)
        assert refused.status_code == 422, spoilt
        assert place in refused.text, place
    assert digest(app) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_trying_a_flow_names_records_only_to_who_may_read_them(
    app: Flask, world: World, designer: Callable[[str], Designer]
):
    ada = designer("ada")
    pk = drawn(ada)
    title = "澜洲恒泽供种合同"
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
        customer = Customer(name="澜洲恒泽", **owned)
        db.session.add(customer)
        db.session.flush()
        db.session.add(Contract(title=title, customer_id=customer.id, amount=Decimal(600_000), **owned))
    told = ada.client.get(f"/flow/try/{pk}").text  # an administrator reads no contract
    assert "法务审核 → 领导审批" in told and "1 (100%)" in told and "费叶" in told
    assert title not in told
    assert title in designer("hana").client.get(f"/flow/try/{pk}").text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_draft_sent_back_stays_while_its_request_is_open(app: Flask, world: World):
    ada = Designer(app, "ada")
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        fay = db.session.get_one(User, world.users["fay"])
        fay.roles = [*fay.roles, db.session.scalars(select(Role).where(Role.name == "legal")).one()]
    pk = drawn(ada)
    assert ada.post(f"/flow/{pk}/propose", pk, noted="1").status_code == 303
    assert kept(app, pk).status is FlowStatus.in_approval
    assert ada.fill(pk, "leader", "role:legal").status_code == 404
    with app.app_context(), access.acting(world.principal("leo")), transaction():
        request = workflows.latest_request(db.session.get_one(ApprovalFlowVersion, pk)).id
        workflows.act(request, "send_back", comment="阈值太高", target="submitter")
    assert kept(app, pk).status is FlowStatus.draft
    assert ada.post(f"/flow/{pk}/discard", pk).status_code == 409
    assert ada.fill(pk, "leader", "role:company_leader", due_n="3").status_code == 303
    assert ada.post(f"/flow/{pk}/propose", pk).status_code == 303
    with app.app_context(), access.acting(world.principal("leo")), transaction():
        workflows.act(request, "approve", comment="ok")
    found = kept(app, pk)
    assert (found.status, found.publisher_id) == (FlowStatus.published, world.employees["leo"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_finding_leads_to_where_it_is_mended(app: Flask, designer: Callable[[str], Designer]):
    ada = designer("ada")
    pk = drawn(ada)
    dead = {"col": ["amount"], "rows": "2", "r0.amount.sign": ">", "r0.amount.value": "5", "r0.to": "leader",
            "r1.amount.sign": ">", "r1.amount.value": "6", "r1.to": "end"}  # fmt: skip
    assert ada.post(f"/flow/ways/{pk}/legal_review", pk, **dead).status_code == 303
    assert ada.fill(pk, "leader", "role:finance").status_code == 303
    ada.client.post(f"/flow/{pk}/check")
    page = ada.client.get(f"/flow/show/{pk}").text
    assert f"/flow/ways/{pk}/legal_review#row-2" in page
    assert f"/flow/step/{pk}/leader#seat-0" in page
    assert 'id="row-2"' in ada.client.get(f"/flow/ways/{pk}/legal_review").text
    answer = ada.post(f"/flow/{pk}/propose", pk, noted="1")
    assert answer.status_code == 303 and kept(app, pk).status is FlowStatus.draft  # errors stop it
