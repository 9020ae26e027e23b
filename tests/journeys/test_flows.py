"""Every flow of every pack: reachable from its record's page by the role that owns it, walked to its end by those it names,
and decided by its submitter in no way at all. What a flow needs for that is an entry in `flows.yaml`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.columns import now
from app.extensions import db, transaction
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalRequest,
    ApprovalStandin,
    ApprovalTask,
    Employee,
    RequestStatus,
)
from app.services import access, account_keeping
from app.workflows import people, verifying
from tests.journeys.company import DECLARED, SAID, Company, Running
from tests.world import HASH

PACKS = Path(__file__).resolve().parents[2] / "app/packs"
pytestmark = pytest.mark.stands_on.with_args(Company.build)


@pytest.fixture
def company(app: Flask) -> Company:
    return Company(app)


@pytest.mark.req("E-12", "E-16", "F-07", "F-12", "F-13", "F-20", "D-53", "G-12", "H-02", "C-20", "V-07")
def test_every_flow_is_submitted_on_its_records_page_by_its_owner_and_walked_to_its_end(company: Company):
    wrong = {}
    for code, wanted in DECLARED.items():
        run = company.submit(code, company.owner(wanted["by"]))
        steps = company.finish(run)
        status, brought = company.outcome(run)
        if (status, brought) != (wanted["ends"], wanted.get("brings", {})):
            wrong[code] = (steps, status, brought)
    assert wrong == {}


def test_every_flow_that_is_shipped_is_walked_and_tried():
    assert {file.stem for file in PACKS.glob("*/flows/*.yaml")} == set(DECLARED), (
        "it needs an entry in flows.yaml"
    )


def test_no_shipped_flow_has_a_finding_where_all_packs_are_loaded(company: Company):
    """As the company of today would be told before publishing: also of a superior who could not read the record."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        found = [
            f"{code}: {it.sentence.en}"
            for code, version in company.versions().items()
            for it in verifying.verify(version.body)
        ]
    assert not found, "\n".join(found)


# ---- nobody decides on his own request ---------------------------------------------------------------------

Way = Callable[[Company, Running, str], bool]
"""A way by which the submitter might come to decide; whether it led him there. The third is who has it before him."""

numbers = itertools.count(1)


def votes(company: Company, run: Running) -> int:
    """How often the submitter decided."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        acts = select(ApprovalAction).where(
            ApprovalAction.request_id == run.request_id,
            ApprovalAction.actor_id == company.employee(run.by).id,
            ApprovalAction.act == ApprovalAct.approve,
        )
        return len(db.session.scalars(acts).all())


def duties(company: Company, run: Running) -> int:
    """How often it was put before the submitter to decide."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        mine = select(ApprovalTask).where(
            ApprovalTask.request_id == run.request_id,
            ApprovalTask.assignee_id == company.employee(run.by).id,
        )
        return len(db.session.scalars(mine).all())


def call(company: Company, who: str, run: Running, verb: str, **sent: Any) -> Any:
    return company.client(who).post(f"/api/v1/approvals/{run.request_id}/{verb}", json=sent)


def agree(company: Company, run: Running, who: str) -> Any:
    """Approve by REST with all the step asks for."""
    turn = company.turn(run.request_id)
    assert turn is not None
    fields = company.filled(run, company.flow(run.flow).step(turn[0]))
    return call(
        company, who, run, "approve", comment=SAID, **{f"field.{path}": it for path, it in fields.items()}
    )


def by_screen(company: Company, run: Running, _decider: str) -> bool:
    turn = company.turn(run.request_id)
    assert turn is not None
    company.approve(run, turn[0], run.by)
    return votes(company, run) > 0


def by_rest(company: Company, run: Running, _decider: str) -> bool:
    agree(company, run, run.by)
    return votes(company, run) > 0


def by_bulk(company: Company, run: Running, _decider: str) -> bool:
    company.client(run.by).post("/approval/bulk", data={"ids": str(run.request_id), "comment": SAID})
    items = {"items": [{"id": run.request_id}], "comment": SAID}
    company.client(run.by).post("/api/v1/approvals/approve", json=items)
    return votes(company, run) > 0


def by_stand_in(company: Company, run: Running, decider: str) -> bool:
    """The decider is away and has named the submitter for the time."""
    with company.app.app_context(), access.acting(access.SYSTEM), transaction():
        away = ApprovalStandin(
            principal_id=company.employee(decider).id,
            standin_id=company.employee(run.by).id,
            starts_at=now() - timedelta(days=1),
            ends_at=now() + timedelta(days=1),
            reason="away",
        )
        db.session.add(away)
        db.session.flush()
        away_id = away.id
    agree(company, run, run.by)
    with company.app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.get_one(ApprovalStandin, away_id).revoked_at = now()
    return votes(company, run) > 0


def by_transfer(company: Company, run: Running, decider: str) -> bool:
    call(company, decider, run, "transfer", to=number_of(company, run.by), comment=SAID)
    return duties(company, run) > 0


def by_added_signer(company: Company, run: Running, decider: str) -> bool:
    to = number_of(company, run.by)
    call(company, decider, run, "add_signer", to=to, place="parallel", comment=SAID)
    return duties(company, run) > 0


def number_of(company: Company, username: str) -> int:
    with company.app.app_context(), access.acting(access.SYSTEM):
        found: Employee = company.employee(username)
        return found.id


def by_second_account(company: Company, run: Running, _decider: str) -> bool:
    """The submitter has another account, with all the rights of his first."""
    agree(company, run, second_account(company, run.by))
    return votes(company, run) > 0


def second_account(company: Company, by: str) -> str:
    with company.app.app_context(), access.acting(access.SYSTEM), transaction():
        second = f"{by}.{next(numbers)}"
        roles = [role.name for role in company.user(by).roles]
        account_keeping.make(
            second,
            HASH,
            roles=roles,
            employee_no=company.employee(by).no,
            details=account_keeping.Details(must_change_password=False),
        )
    return second


def by_later_role(company: Company, run: Running, decider: str) -> bool:
    """He is given the role after he submitted; the request comes back to him, and to the same step once more."""
    turn = company.turn(run.request_id)
    assert turn is not None
    step = company.flow(run.flow).step(turn[0])
    company.empower(run.by, step)
    agree(company, run, run.by)
    who, verb = (decider, "send_back") if "send_back" in step.acts else (run.by, "withdraw")
    assert call(company, who, run, verb, comment=SAID).status_code == 200
    company.hand_in(run.flow, run.by, run.resource, run.record_id)
    company.until_a_decision(run)
    return votes(company, run) > 0 or duties(company, run) > 0


UNPOWERED: dict[str, Way] = {
    "stand-in": by_stand_in,
    "transfer": by_transfer,
    "added signer": by_added_signer,
    "role granted later": by_later_role,
}
"""Tried while the submitter holds no role of the step; the last way gives it to him."""
EMPOWERED: dict[str, Way] = {
    "screen": by_screen,
    "REST": by_rest,
    "bulk act": by_bulk,
    "second account": by_second_account,
}
"""Tried while he holds every role of the step, and held it when the step was reached."""
WAYS = UNPOWERED | EMPOWERED


def waiting(company: Company, code: str) -> Running:
    """A request of this flow that waits for a decision."""
    run = company.submit(code, company.owner(DECLARED[code]["by"]))
    company.until_a_decision(run)
    return run


@pytest.mark.req("G1", "W-02")
def test_no_flow_is_decided_by_its_submitter_in_any_way(company: Company, capsys: pytest.CaptureFixture[str]):
    came_through, cells, decided = [], 0, []
    for code in DECLARED:
        run = waiting(company, code)
        for name, way in WAYS.items():
            _step, decider = company.until_a_decision(run)
            came_through += [f"{code}: {name}"] if way(company, run, decider) else []
            cells += 1
        step, decider = company.until_a_decision(run)
        company.approve(run, step, decider)
        if company.turn(run.request_id) != (step, decider):
            decided.append(code)
    with capsys.disabled():
        print(f"\n{len(DECLARED)} flows by {len(WAYS)} ways: {cells} cells, {len(came_through)} came through")
    assert came_through == []
    assert decided == list(DECLARED), "the control: whose turn it is decides"


@pytest.mark.req("L-23", "V-12", "W-02")
def test_who_made_it_puts_nothing_in_force_past_its_flow(company: Company):
    """The door for companies without the flow stays shut, for him and for his second account with a leader's rights."""
    for code in [code for code, wanted in DECLARED.items() if "door" in wanted]:
        by = company.owner(DECLARED[code]["by"])
        resource, record_id = company.make(code, by)
        company.empower(by, company.flow(code).steps[0])
        for who in (by, second_account(company, by)):
            page = company.client(who).get(DECLARED[code]["page"].format(id=record_id)).text
            sent = {"seen": company.seen_in(page), "noted": "1"}
            company.client(who).post(DECLARED[code]["door"].format(id=record_id), data=sent)
        assert company.status(resource, record_id) != "published", code


@pytest.mark.parametrize("company", ["sqlite"], indirect=True)
def test_every_way_leads_there_once_the_separation_is_off(company: Company, monkeypatch: pytest.MonkeyPatch):
    """The matrix sees what it must: without the separation of duties each of its ways lets the submitter decide."""
    monkeypatch.setattr(people, "shut_out", lambda *_: frozenset())
    shut = []
    for name, way in WAYS.items():
        by = company.owner(DECLARED["contract_termination"]["by"])
        if name in EMPOWERED:
            company.empower(by, company.flow("contract_termination").step("legal"))
        run = waiting(company, "contract_termination")
        step, decider = company.until_a_decision(run)
        assert step == "legal"
        shut += [] if way(company, run, decider) else [name]
        with company.app.app_context(), access.acting(access.SYSTEM), transaction():
            db.session.get_one(ApprovalRequest, run.request_id).status = RequestStatus.cancelled
    assert shut == []
