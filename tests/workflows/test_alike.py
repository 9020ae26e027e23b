"""The same acts in the same order come to the same on SQLite and on PostgreSQL, refusals included."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app import workflows
from app.errors import Refusal
from app.extensions import db
from app.workflows.verifying import MUST_PASS
from tests.workflows.conftest import Stage
from tests.world import build as build_world

VERBS = (
    "approve",
    "approve",
    "approve",
    "reject",
    "send_back",
    "transfer",
    "add_signer",
    "take_back",
    "withdraw",
)
PEOPLE = ("ann", "lea", "hana", "leo", "ina", "fay", "sam")
ACTS = 60


def play(stage: Stage, seed: int) -> list[Any]:
    """Random acts on two requests, what became of each, and where the requests stand after all."""
    draw = random.Random(seed)
    contracts = [stage.contract("ann", amount=amount) for amount in (50, 500)]
    found: list[Any] = []
    for contract in contracts:
        stage.submit("ann", contract)
    for _ in range(ACTS):
        contract, person = draw.choice(contracts), draw.choice(PEOPLE)
        verb, to, place = (
            draw.choice(VERBS),
            draw.choice(PEOPLE),
            draw.choice(["before", "parallel", "after"]),
        )
        given = {"to": stage.employee(to), "place": place, "target": draw.choice(["submitter", "s1"])}
        found.append((person, verb, to, place, _outcome(stage, contract, person, verb, given)))
    requests = [contract_request(stage, contract) for contract in contracts]
    return [*found, *((stage.told(id_), stage.standing(id_)) for id_ in requests)]


def contract_request(stage: Stage, contract: int) -> int:
    with stage.as_("ann"):
        request = workflows.latest_request(db.session.get_one(workflows.subjects.CONTRACT.model, contract))
        assert request is not None
        return request.id


def _outcome(stage: Stage, contract: int, person: str, verb: str, given: dict[str, Any]) -> str:
    db.session.remove()
    try:
        if verb == "withdraw":
            stage.submit("ann", contract)
        return str(
            stage.act(person, contract_request(stage, contract), verb, comment="so be it", **given).status
        )
    except Refusal as refusal:
        return f"{refusal.code}: {refusal.words.en}"


def test_both_databases_come_to_the_same(sites: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(MUST_PASS, "contract", ())
    results = []
    for backend in ("sqlite", "postgresql"):
        site = sites.take(backend)
        site.open(())
        with site.app.app_context():
            results.append(_on_this_database())
            db.session.remove()
        site.close()
    assert results[0] == results[1]
    assert len({outcome for *_rest, outcome in results[0][:ACTS]}) > 4, "enough different things happened"


def _on_this_database() -> list[Any]:
    stage = Stage(build_world())
    names = [
        [{"employee": stage.number(person)} for person in who] for who in (["lea", "hana"], ["leo", "ina"])
    ]
    steps = [
        {"key": f"s{place}", "name": {"zh": "步", "en": "step"}, "people": people, "mode": mode}
        for place, (people, mode) in enumerate(zip(names, ("all", "any"), strict=True), 1)
    ]
    steps[1] |= {"return_to": ["submitter", "s1"]}
    name = {"zh": "流", "en": "flow"}
    stage.publish({"code": "contract_test", "object_type": "contract", "name": name, "steps": steps})
    return [entry for seed in (1, 2) for entry in play(stage, seed)][-(ACTS + 2) :]
