"""The check before a flow is published: each kind of defect is found at its place, with a case; sound flows pass."""

from __future__ import annotations

import random
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from app.errors import BadInput
from app.extensions import db, transaction
from app.models import ApprovalFlowVersion
from app.services import access, packs
from app.workflows import flows
from app.workflows.verifying import MUST_PASS, RULES, Finding, of_document, of_people, paths, verify
from tests.workflows.flow_maker import Cast, make

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


@pytest.mark.req("W-02")
def test_lawyers_review_no_contract_of_their_own_department():
    legal = [
        seat.get("outside")
        for body in (yaml.safe_load(file.read_text(encoding="utf-8")) for file in SHIPPED)
        if body["object_type"] == "contract"
        for seat in body["steps"]
        if {"role": "legal"} in seat["people"]
    ]
    assert legal == ["owner"] * 3


def test_a_sound_flow_has_no_findings():
    body = flow_of(
        step("a"),
        step("b", when="expected_sales >= 50万"),
        step("c", when="expected_sales < 50万"),
        step("d"),
        submit={"required": ["expected_sales"]},
    )
    assert of_document(body) == []


LEADER = [{"role": "company_leader"}]
SALES = {"submit": {"required": ["expected_sales"]}}


def seats(*conditions: str | None) -> dict[str, Any]:
    """A step whose seats sit under these conditions."""
    named = [
        {"key": f"t{number}", "people": LEADER, **({"when": text} if text else {})}
        for number, text in enumerate(conditions, start=1)
    ]
    found = step("a", seats=named)
    del found["people"]
    return found


@pytest.mark.parametrize(
    ("blind", "found"),
    [
        ({10}, [("V18", "a.main", False)]),
        ({10, 11}, [("V18", "a.main", True)]),
        ({Cast().above[10]}, [("V18", "a.main", False)]),
        ({900}, []),
    ],
    ids=["one of two", "both", "the superior of one", "somebody else"],
)
def test_who_would_decide_and_may_not_read_the_record_is_found(blind: set[int], found: list[Any]):
    cast = Cast()
    cast.readers = lambda _flow: set(range(700)) - blind  # type: ignore[method-assign]
    body = flow_of(step("a", people=[{"role": "pool0"}]))
    assert [(it.rule, it.place, it.is_error) for it in of_people(body, cast)] == found


def edges(*rows: tuple[str, str | None]) -> list[dict[str, str]]:
    return [{"to": to, **({"when": text} if text else {})} for to, text in rows]


FLAWS: list[tuple[str, str, bool, dict[str, Any]]] = [
    ("V1", "a.kind", True, flow_of(step("a", kind="dance"))),
    ("V1", "a.when", True, flow_of(step("a", when="colour = 3"))),
    ("V1", "a.fields", True, flow_of(step("a", fields=["colour"]))),
    ("V1", "a.people", True, flow_of(step("a", people=[{"decider": "b"}]), step("b"))),
    ("V1", "object_type", True, flow_of(step("a"), object_type="moon")),
    ("V2", "b", True, flow_of(step("a", next=edges(("c", None))), step("b"), step("c"))),
    ("V2", "applies", True, flow_of(step("a"), applies="expected_sales > 2元 and expected_sales < 1元")),
    ("V3", "b.next", True, flow_of(step("a"), step("b", next=edges(("a", None))))),
    ("V3", "a.next", True, flow_of(step("a", next=edges(("a", None))))),
    ("V3", "a.acts", True, flow_of(step("a", acts=["reject"]))),
    ("V3", "a.approve_when", True, flow_of(step("a", when="willing", approve_when="not willing"))),
    ("V4", "a.seats", True, flow_of(seats("expected_sales < 15元", "expected_sales > 15元"), **SALES)),
    (
        "V4",
        "b",
        True,
        flow_of(
            step("a"),
            step("b", when="expected_sales < 15元"),
            step("c", when="expected_sales > 15元"),
            **SALES,
        ),
    ),
    (
        "V4",
        "b",
        False,
        flow_of(
            step("a"),
            step("b", when="expected_sales < 15元"),
            step("c", when="expected_sales > 90元"),
            **SALES,
        ),
    ),
    ("V4", "steps", False, flow_of(step("a", when="willing"))),
    ("V4", "steps", True, flow_of(step("a", kind="filing"))),
    ("V4", "a.when", False, flow_of(step("a", when="expected_sales > 15元"), step("b"))),
    ("V5", "a.t1", True, flow_of(seats("expected_sales <= 15元", "expected_sales >= 15元"), **SALES)),
    (
        "V5",
        "a.next.1",
        False,
        flow_of(
            step("a", next=edges(("b", "expected_sales <= 90元"), ("c", "expected_sales > 15元"))),
            step("b"),
            step("c"),
            **SALES,
        ),
    ),
    (
        "V6",
        "a.next.2",
        True,
        flow_of(
            step("a", next=edges(("b", "expected_sales > 1元"), ("c", "expected_sales > 2元"))),
            step("b"),
            step("c"),
            **SALES,
        ),
    ),
    (
        "V6",
        "a.next.2",
        False,
        flow_of(step("a", next=edges(("b", "willing or not willing"), ("c", None))), step("b"), step("c")),
    ),
    ("V6", "a.t2", True, flow_of(seats(None, "expected_sales > 2元 and expected_sales < 1元"), **SALES)),
    (
        "V7",
        "b.next.1",
        True,
        flow_of(
            step("a", next=edges(("c", "willing"))),
            step("b", next=edges(("d", "willing"))),
            step("c"),
            step("d"),
        ),
    ),
    (
        "V7",
        "a.evidence.nda",
        True,
        flow_of(
            step(
                "a",
                evidence=[
                    {"type": "nda", "name": {"zh": "协", "en": "nda"}, "when": "willing and not willing"}
                ],
            )
        ),
    ),
    ("V9", "a.main", True, flow_of(step("a", mode="n_of_m"))),
    ("V9", "a.main", True, flow_of(step("a", mode="n_of_m", need=2, people=[{"employee": "1"}]))),
    ("V9", "a.main", False, flow_of(step("a", need=2))),
    ("V9", "a.main", False, flow_of(step("a", people=LEADER * 2))),
    ("V10", "separation", True, flow_of(step("a"), separation="relaxed")),
    ("V11", "a.due", True, flow_of(step("a", due="soon"))),
    ("V11", "a.remind_every", True, flow_of(step("a", due="2d", remind_every="3d"))),
    ("V11", "a.remind_every", False, flow_of(step("a", due="9d", remind_every="3d"))),
    ("V11", "a.escalate_after", True, flow_of(step("a", escalate_after="1wd"))),
    ("V11", "a.time_out", True, flow_of(step("a", due="10wd", time_out={"after": "7d"}))),
    ("V12", "a.when", True, flow_of(step("a", when="expected_sales > 15 %"))),
    ("V12", "a.when", True, flow_of(step("a", when=""))),
    ("V14", "a.required.no", True, flow_of(step("a", required=["no"]))),
    ("V14", "a.required.reason", False, flow_of(step("a", required=["reason"]))),
    ("V15", "a.then", True, flow_of(step("a", then=[{"effect": "rain"}]))),
    (
        "V15",
        "b.then",
        True,
        flow_of(step("a", then=[{"move": "approve"}]), step("b", then=[{"move": "approve"}])),
    ),
    ("V15", "on_approved", True, flow_of(step("a"), on_approved=[])),
    ("V15", "unneeded", True, flow_of(step("a"), unneeded="release")),
    ("V16", "a.return_to", True, flow_of(step("a", return_to=["b"]), step("b"))),
    ("V16", "b.return_to.a", False, flow_of(step("a", when="willing"), step("b", return_to=["a"]))),
    (
        "V17",
        "b.fields.reason",
        False,
        flow_of(
            step("a", when='reason = "x"'),
            step("b", fields=["reason"]),
            step("c", when='reason = "y"'),
            submit={"required": ["reason"]},
        ),
    ),
]


@pytest.mark.parametrize(
    ("rule", "place", "is_error", "body"), FLAWS, ids=[f"{rule} {place}" for rule, place, *_ in FLAWS]
)
def test_each_flaw_is_named_by_its_rule_and_place(rule, place, is_error, body):
    found = of_document(body)
    hit = [it for it in found if (it.rule, it.place, it.is_error) == (rule, place, is_error)]
    assert hit, [(it.rule, it.place, it.is_error) for it in found]
    assert it_is_said_in_both_languages(hit[0])


def it_is_said_in_both_languages(it: Finding) -> bool:
    kept = it.document()
    return bool(it.words.zh and it.words.en and kept["zh"] != kept["en"] and it.rule in RULES)


def test_a_condition_dead_only_on_the_way_to_it_is_no_flaw_elsewhere():
    body = flow_of(
        step("a", next=edges(("c", "expected_sales > 100元"))),
        step("b", when="expected_sales > 200元"),
        step("c"),
        **SALES,
    )
    assert rules(body) == {("V2", "b")}
    body["steps"][0].pop("next")
    assert of_document(body) == []


@pytest.mark.parametrize("kind", ["seats", "steps", "edges"])
def test_a_table_that_misses_exactly_fifteen_per_cent_is_found_with_that_case(kind):
    def table(first: str, second: str) -> dict[str, Any]:
        rows = (f"discount_rate {first}", f"discount_rate {second}")
        made = {
            "seats": [seats(*rows)],
            "steps": [step("z"), step("a", when=rows[0]), step("b", when=rows[1])],
            "edges": [step("a", next=edges(("c", rows[0]), ("d", rows[1]))), step("b"), step("c"), step("d")],
        }
        found = flow_of(*made[kind], submit={"required": ["discount_rate"]})
        return found | {"object_type": "commercial_term"}

    (gap, *_rest) = [it for it in of_document(table("< 15 %", "> 15 %")) if it.rule == "V4"]
    assert gap.is_error
    assert gap.example == {"discount_rate": Decimal("0.15")}
    assert ("15%" in gap.case.zh, "15%" in gap.case.en) == (True, True)
    (both, *_rest) = [it for it in of_document(table("<= 15 %", ">= 15 %")) if it.rule == "V5"]
    assert both.is_error and both.example == {"discount_rate": Decimal("0.15")}
    assert not {it.rule for it in of_document(table("< 15 %", ">= 15 %"))} & {"V4", "V5"}


def test_a_flow_that_asks_for_too_many_fields_at_once_is_refused_not_half_checked():
    dates = [
        "customer.established_on",
        "customer.admitted_on",
        "customer.first_order_on",
        "customer.last_order_on",
    ]
    asked = [f"{name} > 2020-01-01 and {name} < 2025-01-01" for name in dates]
    asked += [f"{name} > 1元 and {name} < 9元" for name in ("expected_sales", "customer.credit_limit")]
    body = flow_of(*(step(f"s{number}", when=text) for number, text in enumerate(asked)), step("z"))
    assert not [it for it in of_document(body) if it.is_error]
    more = [step(f"t{number}", when=f"customer.{name}") for number, name in enumerate(["is_key"])]
    more += [step(f"u{number}", when=name) for number, name in enumerate(FLAGS)]
    assert ("V17", "steps") in rules(body | {"steps": [*body["steps"], *more]})


FLAGS = ["licence_checked", "reputation_good", "demand_real", "willing", "strategy_fit", "inspection_wanted"]


def test_the_ways_of_a_flow_come_with_a_case_for_each():
    found = paths(flow_of(step("a"), step("b", when="expected_sales >= 50万"), **SALES))
    assert {it.path for it in found} == {("a",), ("a", "b")}
    assert sum(it.share for it in found) == pytest.approx(1)
    assert all(it.case.zh and it.names for it in found)


def test_a_field_a_step_must_fill_in_is_never_missing_after_it():
    body = flow_of(
        step("a", fields=["reason"], required=["reason"]), step("b", when='reason = "x"'), step("c")
    )
    assert of_document(body) == []
    del body["steps"][0]["required"]
    assert {(it.rule, it.is_error) for it in of_document(body)} == {("V4", False)}


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    "",
    "x",
    [],
    {},
    [None],
    {1: 2},
    "amount >",
    10**30,
    "9" * 20 + "wd",
    "s1",
]


def test_a_document_of_any_shape_is_answered_with_findings():
    for seed in range(600):
        rng = random.Random(seed)
        body = make(seed).body
        node, parents = body, []
        while isinstance(node, dict | list) and node and (not parents or rng.random() < 0.8):
            key = rng.choice(list(node) if isinstance(node, dict) else list(range(len(node))))
            parents.append((node, key))
            node = node[key]
        holder, key = parents[-1]
        holder[key] = deepcopy(rng.choice(JUNK))
        assert all(it.document()["en"] for it in verify(body, Cast())), seed


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


def test_warnings_are_acknowledged_and_kept_with_the_version(stage):
    warned = flow_of(step("a", when="willing"))
    with access.acting(access.SYSTEM), transaction():
        version = flows.add_version(warned)
        with pytest.raises(BadInput) as refused:
            flows.release(version)
        assert [problem.field for problem in refused.value.problems] == ["steps"]
        flows.release(version, acknowledged=True)
        assert version.status.value == "published"
        version_id = version.id
    with access.acting(access.SYSTEM):
        (kept,) = db.session.get_one(ApprovalFlowVersion, version_id).findings
        assert (kept["rule"], kept["is_error"]) == ("V4", False)
        assert kept["case_zh"] and kept["case_en"]


def test_who_submits_for_another_is_tried_too_and_a_flaw_there_is_a_warning(stage):
    body = flow_of(step("a", people=[{"employee": stage.number("lea")}]), step("b"), object_type="contract")
    (finding,) = of_people(body)
    assert (finding.rule, finding.place, finding.is_error) == ("V10", "b", False)
    assert "韩娜" in finding.words.zh and "李雅" in finding.words.zh


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


def test_a_flow_that_names_its_submitters_is_checked_for_them_alone(stage):
    alone = flow_of(step("a", people=[{"employee": stage.number("leo")}]), object_type="contract")
    assert of_people(alone) == []
    by_leo = {**alone, "submit": {"people": [{"employee": stage.number("ann")}]}}
    assert of_people(by_leo) == []
    nobody = {**alone, "submit": {"people": [{"role": "auditor"}]}}
    assert [(it.rule, it.place, it.is_error) for it in of_people(nobody)] == [("V8", "submit", False)]
