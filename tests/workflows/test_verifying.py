"""The check before a flow is published: each kind of defect is found at its place, with a case; sound flows pass."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from sqlalchemy import select

from app.errors import BadInput
from app.extensions import db, transaction
from app.models import ApprovalFlowVersion
from app.services import access, packs
from app.workflows import flows
from app.workflows.verifying import MUST_PASS, of_document, of_people, verify

SHIPPED = [file for name in packs.shipped() for file in sorted(packs.folder_of(name).glob("flows/*.yaml"))]


def step(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": {"zh": key, "en": key}, "people": [{"role": "company_leader"}], **more}


def flow_of(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "code": "x",
        "object_type": "admission",
        "name": {"zh": "流", "en": "flow"},
        "steps": list(steps),
        **more,
    }


def rules(body: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding.rule, finding.place) for finding in of_document(body) if finding.is_error}


@pytest.mark.parametrize("file", SHIPPED, ids=[file.stem for file in SHIPPED])
def test_every_shipped_flow_is_sound(file):
    body = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert flows.problems(body) == []
    assert of_document(body) == []
    assert body.get("separation", "strict") == "strict"


def test_a_sound_flow_has_no_findings():
    body = flow_of(
        step("a"),
        step("b", when="expected_sales >= 50万"),
        step("c", when="expected_sales < 50万"),
        step("d"),
        submit={"required": ["expected_sales"]},
    )
    assert of_document(body) == []


def test_a_step_nobody_reaches_is_found():
    assert rules(flow_of(step("a", next=[{"to": "c"}]), step("b"), step("c"))) == {("V2", "b")}
    never = flow_of(step("a"), step("b", when="expected_sales > 20元 and expected_sales < 10元"))
    assert ("V2", "b") in rules(never)


def test_a_step_dead_only_on_the_way_to_it_is_found():
    body = flow_of(
        step("a", next=[{"to": "c", "when": "expected_sales > 100元"}]),
        step("b", when="expected_sales > 200元"),
        step("c"),
    )
    assert rules(body) == {("V2", "b")}


def test_an_edge_that_never_counts_is_found():
    body = flow_of(
        step(
            "a",
            next=[
                {"to": "c", "when": "expected_sales > 10元"},
                {"to": "d", "when": "expected_sales > 20元"},
            ],
        ),
        step("b"),
        step("c"),
        step("d"),
    )
    assert ("V6", "a.next.2") in rules(body)


def test_a_table_that_misses_exactly_fifteen_per_cent_is_found_with_that_case():
    def seats(first: str, second: str) -> dict[str, Any]:
        people = [{"role": "company_leader"}]
        named = step(
            "a",
            seats=[
                {"key": "low", "people": people, "when": first},
                {"key": "high", "people": people, "when": second},
            ],
        )
        del named["people"]
        return flow_of(named)

    gap = [
        finding
        for finding in of_document(seats("expected_sales < 15元", "expected_sales > 15元"))
        if finding.rule == "V4"
    ]
    assert any(finding.example.get("expected_sales") == 15 for finding in gap), gap
    closed = of_document(
        seats("expected_sales < 15元 or expected_sales is missing", "expected_sales >= 15元")
    )
    assert not [finding for finding in closed if finding.is_error]


def test_a_mandatory_review_that_some_way_avoids_is_found(monkeypatch):
    monkeypatch.setitem(MUST_PASS, "admission", ("legal",))
    lawyers = {"people": [{"role": "legal"}]}
    assert rules(flow_of(step("a"), step("b", **lawyers))) == set()
    assert rules(flow_of(step("a"))) == {("V13", "steps")}
    avoided = flow_of(step("a", next=[{"to": "end", "when": "is_key_prospect"}]), step("b", **lawyers))
    found = [finding for finding in of_document(avoided) if finding.rule == "V13"]
    assert found[0].example["is_key_prospect"] is True
    assert rules(flow_of(step("a"), step("b", when="is_key_prospect", **lawyers))) == {("V13", "steps")}


def test_a_step_without_people_is_found_with_the_one_whose_request_is_stuck(stage):
    body = flow_of(step("a", people=[{"role": "auditor"}]))
    (finding,) = of_people(body)
    assert (finding.rule, finding.place) == ("V8", "a.main")
    assert finding.example["submitter"]


def test_two_steps_for_one_person_at_the_top_are_found(stage):
    body = flow_of(step("a"), step("b"))
    assert {finding.rule for finding in of_people(body)} == {"V10"}
    one = flow_of(step("a", people=[{"superior": "submitter"}]), step("b"))
    assert not [finding for finding in of_people(one) if finding.rule == "V8" and finding.is_error]


def test_a_person_publishes_only_what_the_company_can_run(stage):
    with access.acting(access.SYSTEM), transaction():
        version = flows.add_version(flow_of(step("a", people=[{"role": "auditor"}])))
        with pytest.raises(BadInput):
            flows.release(version)
        assert version.status.value == "draft"
    with access.acting(access.SYSTEM), transaction():
        flows.release(flows.add_version(flow_of(step("a"))))
    with access.acting(access.SYSTEM):
        found = db.session.scalars(select(ApprovalFlowVersion).where(ApprovalFlowVersion.edition == 2)).one()
        assert found.findings == []
        assert verify(found.body) == []
