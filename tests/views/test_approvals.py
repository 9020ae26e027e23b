"""Deciding through the doors: the inbox and the page of a request over HTTP and REST, and what a decision costs there."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import workflows
from app.columns import now
from app.extensions import db, transaction
from app.models import (
    ApprovalCopy,
    ApprovalRequest,
    ApprovalStandin,
    ApprovalTask,
    Contract,
    RequestStatus,
)
from app.services import access
from app.workflows.verifying import MUST_PASS
from bench.requests import multiply, publish, submit
from tests.views.test_budgets import statements
from tests.world import PEOPLE, World, sign_in

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What the doors alone do needs no second database."""
DECIDERS = {"approve", "reject", "send_back"}


class Office:
    """The test company with requests waiting, and browsers of its people."""

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world = app, world
        self._clients: dict[str, Any] = {}

    def client(self, person: str) -> Any:
        if person not in self._clients:
            self._clients[person] = sign_in(self.app.test_client(), person)
            self._clients[person].post("/language", data={"language": "en"})
        return self._clients[person]

    def waiting(self, count: int = 1, **flow: Any) -> list[int]:
        with self.app.app_context():
            with access.acting(access.SYSTEM):
                is_new = db.session.scalar(select(ApprovalRequest.id).limit(1)) is None
            if is_new:
                publish(self.world, **flow)
            return submit(self.world, count)

    def act(self, person: str, request: int, verb: str, **given: Any) -> None:
        with self.app.app_context(), access.acting(self.world.principal(person)), transaction():
            workflows.act(request, verb, **given)

    def status(self, request: int) -> RequestStatus:
        with self.app.app_context(), access.acting(access.SYSTEM):
            return db.session.get_one(ApprovalRequest, request).status

    def change(self, model: type[Any], id_: int, **values: Any) -> None:
        with self.app.app_context(), access.acting(access.SYSTEM), access.by_rule(), transaction():
            for name, value in values.items():
                setattr(db.session.get_one(model, id_), name, value)

    def contract_of(self, request: int) -> int:
        with self.app.app_context(), access.acting(access.SYSTEM):
            return int(db.session.get_one(ApprovalRequest, request).object_id)

    def form(self, person: str, request: int) -> dict[str, str]:
        """The hidden part of the page of a request, as its forms send it."""
        text = self.client(person).get(f"/approval/show/{request}").text
        found = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', text))
        assert "content_hash" in found, text[-2000:]
        return found


@pytest.fixture
def office(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setitem(MUST_PASS, "contract", ())
    return Office(app, world)


# ---- what it costs -----------------------------------------------------------------------------------------

PINNED = {
    ("hana", "/approval/todo"): 8,
    ("hana", "/approval/todo?sort=-arrived&flow=bench&q=玉米"): 8,
    ("hana", "/approval/done"): 6,
    ("ann", "/approval/mine"): 8,
    ("ina", "/approval/cc"): 6,
    ("hana", "/approval/show/1"): 17,
    ("hana", "/api/v1/approvals/todo"): 3,
}
"""Statements of a page. One finds out who asks, two fill the frame; a drawer is one, its counts are one, the names of its
steps one, the calendar two, the flows to choose among one. A request's page must stay at 25 or below.
"""


def test_the_inbox_and_a_request_ask_the_same_at_a_hundred_and_at_ten_thousand_tasks(office: Office):
    requests = office.waiting(30)
    office.act("hana", requests[-1], "approve")
    counts = {}
    for times in (40, 4_900):
        with office.app.app_context():
            multiply(office.world, requests[-1], times)
        counts[times] = {page: asked(office, *page) for page in PINNED}
        with office.app.app_context(), access.acting(access.SYSTEM):
            assert db.session.query(ApprovalTask).count() > times * 2
    assert counts[40] == counts[4_900] == PINNED
    assert PINNED["hana", "/approval/show/1"] <= 25


def asked(office: Office, person: str, url: str) -> int:
    client = office.client(person)
    assert client.get(url).status_code == 200
    with statements(office.app) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


# ---- the inbox is what the guard accepts -------------------------------------------------------------------


def test_what_waits_for_a_person_is_exactly_what_he_may_decide(office: Office):
    """Over all people and all requests: stand-ins, parties, second accounts, who decided before, returned, cancelled."""
    people, id_of = list(PEOPLE), office.world.employees
    requests = office.waiting(8)
    office.act("hana", requests[1], "approve")
    office.act("hana", requests[2], "send_back", comment="why")
    office.act("hana", requests[3], "reject", comment="no")
    office.act("ann", requests[4], "cancel")
    office.change(Contract, office.contract_of(requests[5]), owner_id=id_of["hana"])
    office.act("hana", requests[6], "transfer", to=id_of["sam"])
    with office.app.app_context(), access.acting(access.SYSTEM), access.by_rule(), transaction():
        for principal, standin in (
            ("hana", "ann"),
            ("hana", "lea"),
            ("leo", "hana"),
            ("sam", "hana"),
            ("leo", "bob"),
        ):
            db.session.add(
                ApprovalStandin(
                    principal_id=id_of[principal],
                    standin_id=id_of[standin],
                    starts_at=now() - timedelta(hours=1),
                    ends_at=now() + timedelta(hours=1),
                )
            )
    shown, accepted = {}, {}
    with office.app.app_context():
        for person in people:
            with access.acting(office.world.principal(person)):
                items = workflows.inbox("todo", size=100)
                shown[person] = {item.request_id for item in items if item.task_id is not None}
                accepted[person] = {
                    id_
                    for id_ in requests
                    if DECIDERS
                    & {o.act.value for o in workflows.acts_of(db.session.get_one(ApprovalRequest, id_))}
                }
                assert workflows.count_inbox("todo") == len({item.request_id for item in items})
            db.session.remove()
    assert shown == accepted
    assert accepted["hana"] == {requests[0], requests[7], requests[6]}
    assert accepted["lea"] == {requests[0], requests[7]} | ({requests[5]} & accepted["lea"])
    assert accepted["ann"] == set()
    assert accepted["leo"] == {requests[1]}
    with office.app.app_context(), access.acting(office.world.principal("ann")):
        assert [i.request_id for i in workflows.inbox("todo") if i.status is RequestStatus.returned] == [
            requests[2]
        ]


# ---- deciding over HTTP ------------------------------------------------------------------------------------


@SQLITE
def test_a_decision_leads_to_the_next_that_waits(office: Office):
    first, second, third = office.waiting(3)
    client = office.client("hana")
    answer = client.post(f"/approval/{first}/approve", data=office.form("hana", first))
    assert answer.headers["Location"] == f"/approval/show/{second}"
    answer = client.post(f"/approval/{third}/approve", data=office.form("hana", third))
    assert answer.headers["Location"] == f"/approval/show/{second}"
    answer = client.post(f"/approval/{second}/approve", data=office.form("hana", second))
    assert answer.headers["Location"].startswith("/approval/")
    assert "Nothing waits for you" in client.get(answer.headers["Location"]).text


@SQLITE
def test_after_what_decides_nothing_one_stays_with_the_request(office: Office):
    first, _second = office.waiting(2)
    asked = {"to": str(office.world.employees["lea"]), "comment": "your opinion?"}
    answer = office.client("hana").post(f"/approval/{first}/consult", data=office.form("hana", first) | asked)
    assert answer.headers["Location"] == f"/approval/show/{first}"
    answer = office.client("ann").post(f"/approval/{first}/withdraw", data=office.form("ann", first))
    assert answer.headers["Location"] == f"/approval/show/{first}"


@SQLITE
def test_the_next_is_that_of_the_list_one_works_through(office: Office):
    first, second, third = office.waiting(3)
    client = office.client("hana")
    page = client.get(f"/approval/show/{second}?sort=-arrived").text
    assert f'href="/approval/show/{first}?sort=-arrived"' in page
    assert f'href="/approval/show/{third}?sort=-arrived"' in page
    form = {**office.form("hana", second), "next": str(first), "list": "sort=-arrived"}
    answer = client.post(f"/approval/{second}/approve", data=form)
    assert answer.headers["Location"] == f"/approval/show/{first}?sort=-arrived"


def test_a_double_click_decides_once_and_says_so(office: Office):
    request = office.waiting()[0]
    form = office.form("hana", request)
    client = office.client("hana")
    assert client.post(f"/approval/{request}/approve", data=form).status_code == 303
    answer = client.post(f"/approval/{request}/approve", data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert "Already carried out." in answer.text
    with office.app.app_context(), access.acting(office.world.principal("leo")):
        assert [item.request_id for item in workflows.inbox("todo")] == [request]


def test_a_second_decision_from_an_old_page_is_refused_with_the_reason(office: Office):
    request = office.waiting()[0]
    form = office.form("hana", request)
    office.act("hana", request, "approve")
    client = office.client("hana")
    answer = client.post(
        f"/approval/{request}/reject", data={**form, "_cmd": str(uuid.uuid4()), "comment": "too dear"}
    )
    assert answer.status_code == 403
    assert "This request does not wait for you." in answer.text
    assert "too dear" in answer.text
    assert office.status(request) is RequestStatus.running


@SQLITE
def test_the_same_click_with_another_content_is_no_repetition(office: Office):
    request = office.waiting()[0]
    form = office.form("hana", request)
    client = office.client("hana")
    client.post(f"/approval/{request}/approve", data=form)
    answer = client.post(f"/approval/{request}/approve", data={**form, "comment": "another"})
    assert answer.status_code == 409
    assert "This key was already used for something else." in answer.text


@pytest.mark.parametrize(("ended", "word"), [("cancel", "Cancelled"), ("withdraw", "Returned")])
def test_a_decision_after_its_submitter_took_it_back_is_refused_with_the_reason(
    office: Office, ended: str, word: str
):
    request = office.waiting()[0]
    form = office.form("hana", request)
    office.act("ann", request, ended)
    before = office.status(request)
    answer = office.client("hana").post(f"/approval/{request}/approve", data={**form, "comment": "fine"})
    assert answer.status_code == 409
    assert f"This request is {word}" in answer.text
    assert "Your comment was: fine" in answer.text
    assert office.status(request) is before


@SQLITE
def test_a_refused_act_keeps_what_was_typed(office: Office):
    request = office.waiting()[0]
    form = {**office.form("hana", request), "target": "submitter", "comment": " "}
    answer = office.client("hana").post(f"/approval/{request}/send_back", data=form)
    assert answer.status_code == 422
    assert "data-opened" in answer.text
    assert office.status(request) is RequestStatus.running


def test_a_record_changed_meanwhile_is_shown_with_the_difference(office: Office):
    request = office.waiting(freeze={"free": ["terms"]})[0]
    form = office.form("hana", request)
    office.change(Contract, office.contract_of(request), terms="paid in advance")
    answer = office.client("hana").post(f"/approval/{request}/approve", data={**form, "comment": "as agreed"})
    assert answer.status_code == 409
    assert "Changed since you opened it" in answer.text
    assert re.search(r"<del>.*\(empty\)\s*</del>.*<ins>.*paid in advance", answer.text, re.DOTALL)
    assert "None" not in answer.text
    assert "as agreed</textarea>" in answer.text
    assert office.status(request) is RequestStatus.running
    seen = {**office.form("hana", request), "comment": "as agreed"}
    assert office.client("hana").post(f"/approval/{request}/approve", data=seen).status_code == 303


@SQLITE
def test_a_step_shows_its_deciders_the_fields_it_names_and_no_others(office: Office):
    request = office.waiting(freeze={"free": ["terms", "amount"]}, head={"shows": ["title", "terms"]})[0]
    contract = office.contract_of(request)
    office.change(Contract, contract, terms="paid in advance", amount=Decimal("987654.00"))
    page = office.client("hana").get(f"/approval/show/{request}").text
    assert "paid in advance" in page
    assert "987,654" not in page
    form = office.form("hana", request)
    office.change(Contract, contract, terms="paid later", amount=Decimal("876543.00"))
    answer = office.client("hana").post(f"/approval/{request}/approve", data={**form, "comment": "fine"})
    assert answer.status_code == 409
    assert "paid later" in answer.text
    assert "876,543" not in answer.text and "876543" not in answer.text
    assert "876,543" in office.client("ann").get(f"/approval/show/{request}").text  # whose request it is
    office.act("hana", request, "approve")
    assert "876,543" not in office.client("hana").get(f"/approval/show/{request}").text
    assert "876,543" in office.client("leo").get(f"/approval/show/{request}").text  # his step names none


@SQLITE
def test_what_was_changed_before_it_was_submitted_again_is_marked(office: Office):
    request = office.waiting()[0]
    office.act("hana", request, "send_back", comment="why")
    contract = office.contract_of(request)
    office.change(Contract, contract, title="玉米种子供应合同（修订）")
    ann = office.client("ann")
    assert ann.post(f"/approval/submit/contract/{contract}").status_code == 303
    page = office.client("hana").get(f"/approval/show/{request}").text
    assert "1 changed since the last round" in page
    assert re.search(r"<del>.*玉米种子供应合同\s*</del>.*<ins>.*（修订）", page, re.DOTALL)
    assert "round 2" in page


@SQLITE
def test_the_course_names_who_comes_and_why_and_both_names_of_a_stand_in(office: Office):
    request = office.waiting()[0]
    with office.app.app_context(), access.acting(access.SYSTEM), access.by_rule(), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=office.world.employees["hana"],
                standin_id=office.world.employees["lea"],
                starts_at=now() - timedelta(hours=1),
                ends_at=now() + timedelta(hours=1),
            )
        )
    page = office.client("lea").get(f"/approval/show/{request}").text
    assert "You act for 韩娜" in page
    assert "雷欧 (named in the flow)" in page
    assert "To come" in page
    office.client("lea").post(f"/approval/{request}/approve", data=office.form("lea", request))
    page = office.client("ann").get(f"/approval/show/{request}").text
    assert "李雅" in page
    assert "for 韩娜" in page
    assert "working" in page


@SQLITE
@pytest.mark.parametrize("verb", ["transfer", "add_signer", "consult", "copy"])
def test_nobody_is_asked_who_could_not_open_it(office: Office, verb: str):
    request = office.waiting()[0]
    form = office.form("hana", request) | {"to": str(office.world.employees["ada"]), "comment": "please look"}
    answer = office.client("hana").post(f"/approval/{request}/{verb}", data=form)
    assert answer.status_code == 422
    assert "This person may not see Contracts" in answer.text
    assert "please look</textarea>" in answer.text and "data-opened" in answer.text
    assert office.client("ada").get(f"/approval/show/{request}").status_code == 404


@SQLITE
def test_who_is_away_names_his_stand_in_by_screen_and_takes_it_back(office: Office):
    request = office.waiting()[0]
    hana, lea, world = office.client("hana"), office.client("lea"), office.world
    assert "/approval_standin/list/" in hana.get("/approval/todo").text
    begins, ends = now() - timedelta(days=1), now() + timedelta(days=3)
    form = {"standin_id": str(world.employees["lea"]), "starts_at": f"{begins:%Y-%m-%dT%H:%M}"}
    over = hana.post(
        "/approval_standin/add", data=form | {"ends_at": f"{begins + timedelta(hours=1):%Y-%m-%dT%H:%M}"}
    )
    assert over.status_code == 422 and "That is over already." in over.text
    assert 'name="principal_id"' not in over.text
    other = form | {"ends_at": f"{ends:%Y-%m-%dT%H:%M}", "principal_id": str(world.employees["leo"])}
    answer = hana.post("/approval_standin/add", data=other)  # for himself alone, whatever is sent
    assert answer.status_code == 302, answer.text[-2000:]
    where = answer.headers["Location"]
    assert "You act for 韩娜" in lea.get(f"/approval/show/{request}").text
    assert lea.get(where).status_code == 404
    assert lea.post(where.replace("show", "revoke")).status_code == 404
    assert hana.post(where.replace("show", "revoke")).status_code == 303
    assert "You act for 韩娜" not in lea.get("/approval/todo", follow_redirects=True).text
    assert request not in {item.request_id for item in waiting_for(office, "lea")}
    assert hana.post(where.replace("show", "revoke")).status_code == 409


def waiting_for(office: Office, person: str) -> list[workflows.Item]:
    with office.app.app_context(), access.acting(office.world.principal(person)):
        return workflows.inbox("todo")


# ---- several at once ---------------------------------------------------------------------------------------


def picked(office: Office, requests: list[int]) -> list[str]:
    text = office.client("hana").get("/approval/todo").text
    found = re.findall(r'name="ids"\s+value="(\d+)-(\d+)"', text)
    return [f"{id_}-{seen}" for id_, seen in found if int(id_) in requests]


def test_several_are_approved_together_each_with_its_own_result(office: Office):
    requests = office.waiting(3)
    ids = picked(office, requests)
    office.act("ann", requests[1], "cancel")
    client = office.client("hana")
    answer = client.post("/approval/bulk", data={"ids": ids, "_cmd": "one-click", "comment": "as planned"})
    assert answer.status_code == 200
    assert "2 approved." in answer.text
    assert "1 not approved" in answer.text
    assert "This request is Cancelled" in answer.text
    assert [office.status(id_) for id_ in requests][1] is RequestStatus.cancelled
    again = client.post("/approval/bulk", data={"ids": ids, "_cmd": "one-click", "comment": "as planned"})
    assert "2 approved." in again.text
    with office.app.app_context(), access.acting(office.world.principal("leo")):
        assert {item.request_id for item in workflows.inbox("todo")} == {requests[0], requests[2]}


@SQLITE
def test_requests_at_different_steps_are_not_approved_together(office: Office):
    requests = office.waiting(2)
    office.act("hana", requests[0], "approve")
    with office.app.app_context(), access.acting(access.SYSTEM), access.by_rule(), transaction():
        db.session.add(
            ApprovalStandin(
                principal_id=office.world.employees["leo"],
                standin_id=office.world.employees["sam"],
                starts_at=now() - timedelta(hours=1),
                ends_at=now() + timedelta(hours=1),
            )
        )
        db.session.add(
            ApprovalStandin(
                principal_id=office.world.employees["hana"],
                standin_id=office.world.employees["sam"],
                starts_at=now() - timedelta(hours=1),
                ends_at=now() + timedelta(hours=1),
            )
        )
    sam = office.client("sam")
    assert sam.get("/approval/todo").text.count('data-group="bench:') == 2
    answer = sam.post("/approval/bulk", data={"ids": [f"{id_}-" for id_ in requests]})
    assert answer.status_code == 422
    assert "Only requests at the same step" in answer.text
    assert {office.status(id_) for id_ in requests} == {RequestStatus.running}
    assert sam.post("/approval/bulk").status_code == 422


@SQLITE
def test_nobody_decides_what_is_not_his_by_approving_together(office: Office):
    request = office.waiting()[0]
    answer = office.client("ann").post("/approval/bulk", data={"ids": [f"{request}-", "999-1"]})
    assert answer.text.count("Not approved") >= 2
    assert office.status(request) is RequestStatus.running


# ---- drawers -----------------------------------------------------------------------------------------------


def test_each_drawer_holds_its_own_and_the_address_is_its_state(office: Office):
    requests = office.waiting(3)
    office.act("hana", requests[0], "approve")
    office.change(ApprovalTask, 2, due_at=now() - timedelta(hours=1))

    def listed(person: str, query: str) -> list[int]:
        text = office.client(person).get(f"/approval/{query}").text
        return [int(id_) for id_ in re.findall(r'<tr data-href="/approval/show/(\d+)', text)]

    assert listed("hana", "todo") == requests[1:]
    assert listed("hana", "todo?sort=-arrived") == [requests[2], requests[1]]
    assert listed("hana", "todo?overdue=1") == [requests[1]]
    assert listed("hana", "done") == [requests[0]]
    assert listed("ann", "mine") == requests[::-1]
    assert listed("ann", "mine?sort=at") == requests
    assert listed("ann", "mine?state=approved") == []
    assert listed("ina", "cc") == [requests[0]]
    assert listed("hana", "todo?flow=other") == []
    assert listed("hana", "todo?type=contract&flow=bench") == requests[1:]
    assert listed("hana", f"todo?by={office.world.employees['bob']}") == []
    assert listed("hana", "todo?from=2999-01-01") == []
    assert listed("hana", "todo?to=2999-01-01") == requests[1:]
    with office.app.app_context(), access.acting(access.SYSTEM):
        number = db.session.get_one(ApprovalRequest, requests[2]).no
    assert listed("hana", f"todo?q={number}") == [requests[2]]
    assert listed("hana", "todo?q=100%25") == []
    assert "Nothing matches" in office.client("hana").get("/approval/todo?q=zzz").text
    for wrong in ("page=0", "page=41", "page=x", "sort=title", "from=yesterday", "by=me", "state=odd"):
        assert office.client("hana").get(f"/approval/todo?{wrong}").status_code == 400, wrong


@SQLITE
def test_a_copy_counts_as_unread_until_it_was_opened(office: Office):
    request = office.waiting()[0]
    office.act("hana", request, "approve")
    ina = office.client("ina")
    assert "Unread" in ina.get("/approval/cc").text
    page = ina.get(f"/approval/show/{request}?unread=1").text
    told = re.search(r'data-tells="([^"]+)"', page)
    assert told is not None
    ina.post(told[1].replace("&amp;", "&"))
    assert ">Unread<" not in ina.get("/approval/cc").text
    with office.app.app_context(), access.acting(access.SYSTEM):
        assert db.session.scalars(select(ApprovalCopy.read_at)).all() != [None]


# ---- REST --------------------------------------------------------------------------------------------------


def test_the_same_acts_over_rest(office: Office):
    first, second, third = office.waiting(3)
    hana = office.client("hana")
    body = hana.get("/api/v1/approvals/todo?limit=2&sort=arrived").json
    assert [item["id"] for item in body["result"]] == [first, second]
    assert body["has_next"] is True
    assert hana.get("/api/v1/approvals/todo?limit=2&page=2&sort=arrived").json["result"][0]["id"] == third
    key = {"Idempotency-Key": "rest-one"}
    answer = hana.post(f"/api/v1/approvals/{first}/approve", json={"comment": "ok"}, headers=key)
    assert (answer.status_code, answer.json["replayed"]) == (200, False)
    answer = hana.post(f"/api/v1/approvals/{first}/approve", json={"comment": "ok"}, headers=key)
    assert (answer.status_code, answer.json["replayed"]) == (200, True)
    answer = hana.post(f"/api/v1/approvals/{first}/approve", json={"comment": "other"}, headers=key)
    assert answer.status_code == 409
    assert answer.json["error"]["message"]
    assert (
        hana.post(f"/api/v1/approvals/{second}/reject", json={}).json["error"]["code"] == "comment_required"
    )
    assert hana.post("/api/v1/approvals/999/approve", json={}).status_code == 404
    assert hana.post(f"/api/v1/approvals/{second}/dance", json={}).status_code == 400
    items = [{"id": second, "seen_version": 99}, {"id": third}]
    answer = hana.post("/api/v1/approvals/approve", json={"items": items, "comment": "both"})
    assert [one["approved"] for one in answer.json["result"]] == [False, True]
    assert answer.json["result"][0]["error"]["message"]
    assert hana.post("/api/v1/approvals/approve", json={"items": "all"}).status_code == 422
    assert [item["id"] for item in hana.get("/api/v1/approvals/done").json["result"]] == [third, first]
    assert len(office.client("ann").get("/api/v1/approvals/mine?status=running").json["result"]) == 3
    for wrong in ("limit=0", "limit=101", "page=0", "sort=x", "status=odd", "from=x"):
        answer = hana.get(f"/api/v1/approvals/todo?{wrong}")
        assert answer.status_code == 400, wrong
        assert answer.json["error"]["code"] == "bad_request"


@SQLITE
def test_the_description_names_every_call_of_approvals(office: Office):
    paths = office.client("hana").get("/openapi.json").json["paths"]
    for drawer in ("todo", "done", "mine", "cc"):
        asked = {one["name"]: one["schema"] for one in paths[f"/approvals/{drawer}"]["get"]["parameters"]}
        assert asked["page"]["type"] == "integer"
        assert asked["from"]["format"] == "date"
    act = paths["/approvals/{id}/{act}"]["post"]
    verbs = next(one for one in act["parameters"] if one["name"] == "act")["schema"]["enum"]
    assert {"approve", "reject", "send_back", "withdraw", "cancel", "transfer"} <= set(verbs)
    assert "Idempotency-Key" in {one["name"] for one in act["parameters"]}
