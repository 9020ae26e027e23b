"""The flow designer: who may change and publish what, two designers at one draft, files in and out; looking changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import yaml
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import ApprovalFlow, ApprovalFlowVersion, FlowStatus, RoleGrant, User
from app.roles import Act, Reach
from app.services import access
from tests.views.test_budgets import digest
from tests.world import World, sign_in

CODE = "big_contracts"
NEW = {"code": CODE, "object_type": "contract", "name_zh": "大额合同", "name_en": "Large contracts"}


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
    settings = {"name_zh": "大额合同", "name_en": "Large contracts", "param-0-zh": "大额", "param-0-en": "Large",
                "param-0-value": "50", "param-0-unit": "万元",
                "required": ["amount"]}  # fmt: skip
    assert ada.post(f"/flow/settings/{pk}", pk, **settings).status_code == 303
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
    assert ada.client.get(f"/flow/step/{pk}/legal_review").status_code == 404
    assert ada.fill(pk, "legal_review", "role:gm").status_code == 404
    assert re.search("第 1 版", hana.client.get(f"/flow/show/{pk}").text)
