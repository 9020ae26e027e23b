"""A flow tried out: the way of one record with its people and reasons, and those of the last real ones."""

from __future__ import annotations

from typing import Any

import pytest

from app.extensions import db
from app.models import ApprovalRequest, Contract
from app.services import access
from app.workflows.simulating import NOT_COVERED, covers, preview, simulate

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def body_of(stage: Any) -> dict[str, Any]:
    def step(key: str, person: str, **more: Any) -> dict[str, Any]:
        people = [{"employee": stage.number(person)}]
        return {"key": key, "name": {"zh": key, "en": key.title()}, "people": people, **more}

    return {
        "code": "x",
        "object_type": "contract",
        "name": {"zh": "合同", "en": "contract"},
        "steps": [
            step("head", "hana", next=[{"to": "end", "when": "amount < 10000元"}]),
            step("files", "fay", when="amount < 50万"),
            step("leader", "leo", when="amount >= 50万"),
        ],
    }


def way(body: dict[str, Any], record: Any, submitter: int) -> list[str]:
    return [stage.key for stage in preview(body, record, submitter) if stage.taken]


def test_a_preview_names_the_steps_their_people_and_the_reasons_in_both_languages(stage):
    body, ann = body_of(stage), stage.employee("ann")
    record = stage.find(Contract, stage.contract(amount=500_000))
    with access.acting(access.SYSTEM):
        stages = preview(body, record, ann)
    assert [(it.key, it.taken) for it in stages] == [("head", True), ("files", False), ("leader", True)]
    (chair,) = stages[2].chairs
    assert [sitter.name for sitter in chair.people] == ["雷欧"]
    assert (chair.need, chair.signatures, stages[2].signatures) == (1, 1, 1)
    assert "does not hold" in stages[1].why[0].en
    assert "成立" in stages[2].why[0].zh


def test_what_stops_a_request_stands_in_the_preview(stage):
    record = stage.find(Contract, stage.contract(amount=None))
    with access.acting(access.SYSTEM):
        stages = preview(body_of(stage), record, stage.employee("ann"))
    assert "Amount" in stages[-1].refusal.en
    alone = {**body_of(stage), "steps": [{**body_of(stage)["steps"][0], "people": [{"role": "auditor"}]}]}
    with access.acting(access.SYSTEM):
        assert preview(alone, record, stage.employee("ann"))[0].refusal is not None


def test_the_last_records_are_counted_by_the_way_they_would_take_and_nothing_is_written(stage):
    for amount in (5_000, 20_000, 30_000, 500_000, None):
        stage.contract(amount=amount)
    with access.acting(access.SYSTEM):
        rows = simulate(body_of(stage), "contract", 10)
        assert not db.session.new and not db.session.dirty
        assert db.session.query(ApprovalRequest).count() == 0
    assert {(row.path, row.count, row.refusal is None) for row in rows} == {
        (("head", "files"), 2, True),
        (("head",), 1, True),
        (("head", "leader"), 1, True),
        (("head",), 1, False),
    }
    assert rows[0].path == ("head", "files")
    assert rows[0].signatures == (2, 2)
    assert rows[0].people == {"韩娜": 2, "费叶": 2}
    assert sum(row.share for row in rows) == pytest.approx(1)
    stopped = next(row for row in rows if row.refusal)
    assert "Amount" in stopped.refusal.en
    with stage.as_("dan"):
        assert simulate(body_of(stage), "contract", 10) == []


def test_what_a_flow_covers_is_told_with_its_parameters_filled_in(stage):
    param = {"key": "limit_covered", "name": {"zh": "适用限额", "en": "Limit"}, "value": "5万元"}
    body = {**body_of(stage), "params": [param], "applies": "amount >= limit_covered"}
    below, at = stage.contract(amount=49_999), stage.contract(amount=50_000)
    with access.acting(access.SYSTEM):
        assert not covers(body, stage.find(Contract, below))
        assert covers(body, stage.find(Contract, at))
        assert {row.path: row.refusal for row in simulate(body, "contract", 10)} == {
            ("head", "files"): None,
            (): NOT_COVERED,
        }


def test_the_preview_is_the_way_the_engine_then_takes(stage):
    body = body_of(stage)
    stage.publish(body)
    for amount in (9_999, 10_000, 499_999, 500_000):
        record = stage.contract(amount=amount)
        with access.acting(access.SYSTEM):
            foreseen = way(body, stage.find(Contract, record), stage.employee("ann"))
        request = stage.submit("ann", record).request_id
        people = {"head": "hana", "files": "fay", "leader": "leo"}
        for key in foreseen:
            result = stage.act(people[key], request, "approve")
        assert result.status == "approved"
