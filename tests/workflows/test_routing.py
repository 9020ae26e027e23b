"""Quorums and ways as pure functions, against their plain definitions, for all orders of votes and random flows."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from app.errors import BadInput
from app.models import QuorumMode, RejectPolicy
from app.words import Words
from app.workflows import flow, routing
from app.workflows.flow import Seat
from app.workflows.routing import Outcome, Vote

MODES = [QuorumMode.any, QuorumMode.all, QuorumMode.n_of_m, QuorumMode.ratio, QuorumMode.weight]


def seat(mode: QuorumMode, need: int | None = None, share: Fraction | None = None) -> Seat:
    return Seat(
        "main",
        Words("席", "seat"),
        ({"employee": "1"},),
        mode,
        need,
        share,
        {},
        RejectPolicy.one,
        optional=False,
        when=None,
    )


@st.composite
def polls(draw: st.DrawFn) -> tuple[list[tuple[Vote, int]], int, RejectPolicy]:
    """Votes with their weights, what is needed, and when a seat counts as rejected."""
    votes = draw(st.lists(st.tuples(st.sampled_from(Vote), st.integers(1, 4)), min_size=1, max_size=6))
    need = draw(st.integers(1, sum(weight for _vote, weight in votes)))
    return votes, need, draw(st.sampled_from(RejectPolicy))


@given(polls())
def test_a_seat_comes_to_what_its_votes_say_in_whatever_order_they_came(poll):
    votes, need, policy = poll
    yes = sum(weight for vote, weight in votes if vote is Vote.approved)
    still = sum(weight for vote, weight in votes if vote is Vote.open)
    no = any(vote is Vote.rejected for vote, _weight in votes)
    expected = Outcome.open
    if yes >= need:
        expected = Outcome.approved
    elif (policy is RejectPolicy.one and no) or yes + still < need:
        expected = Outcome.rejected
    for order in list(permutations(votes))[:24]:
        assert routing.outcome(order, need, policy) is expected


@given(polls())
def test_a_seat_decided_by_its_count_stays_decided_whatever_the_others_vote(poll):
    votes, need, _policy = poll
    decided = routing.outcome(votes, need, RejectPolicy.impossible)
    if decided is Outcome.open:
        return
    for later in (Vote.approved, Vote.rejected):
        filled = [(later if vote is Vote.open else vote, weight) for vote, weight in votes]
        assert routing.outcome(filled, need, RejectPolicy.impossible) is decided


@given(polls())
def test_an_outcome_is_announced_at_the_first_vote_that_fixes_it_and_never_changes(poll):
    votes, need, _policy = poll
    policy = RejectPolicy.impossible
    come = [(vote, weight) for vote, weight in votes if vote is not Vote.open]
    never = [(vote, weight) for vote, weight in votes if vote is Vote.open]
    announced = None
    for number in range(len(come) + 1):
        seen = come[:number] + [(Vote.open, weight) for _vote, weight in come[number:]] + never
        result = routing.outcome(seen, need, policy)
        fixed = {
            routing.outcome(
                [(rest if vote is Vote.open else vote, weight) for vote, weight in seen], need, policy
            )
            for rest in (Vote.approved, Vote.rejected)
        }
        assert (result is Outcome.open) == (len(fixed) > 1)
        assert announced in {None, result}
        announced = None if result is Outcome.open else result


@given(st.sampled_from(MODES), st.lists(st.integers(1, 5), min_size=1, max_size=7), st.data())
def test_what_a_seat_needs_lies_between_one_vote_and_all(mode, weights, data):
    if mode is not QuorumMode.weight:
        weights = [1] * len(weights)
    need = data.draw(st.integers(1, sum(weights)))
    share = Fraction(data.draw(st.integers(1, 100)), 100)
    needed = routing.need_of(seat(mode, need, share), weights)
    assert 1 <= needed <= sum(weights)
    if mode is QuorumMode.ratio:
        assert Fraction(needed, len(weights)) >= share
        assert needed == 1 or Fraction(needed - 1, len(weights)) < share


def test_two_thirds_of_three_is_two_not_three():
    assert routing.need_of(seat(QuorumMode.ratio, share=Fraction(2, 3)), [1, 1, 1]) == 2


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.booleans()), min_size=1, max_size=5))
def test_a_step_is_decided_by_the_seats_that_must_decide(seats):
    deciding = [result for result, optional in seats if not optional]
    found = routing.step_outcome(seats)
    assert (found is Outcome.rejected) == (Outcome.rejected in deciding)
    assert (found is Outcome.approved) == all(result is Outcome.approved for result in deciding)


# ---- ways --------------------------------------------------------------------------------------------------


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """A flow of some steps with conditions `c1 … c3` and edges to later steps."""
    count = draw(st.integers(1, 6))
    condition = st.none() | st.sampled_from(["c1", "c2", "c3"])
    steps = []
    for number in range(count):
        step: dict[str, Any] = {
            "key": f"s{number}",
            "name": {"zh": "步", "en": "step"},
            "people": [{"employee": "1"}],
        }
        if when := draw(condition):
            step["when"] = when
        later = [f"s{place}" for place in range(number + 1, count)] + ["end"]
        step["next"] = [
            {"to": draw(st.sampled_from(later))} | ({"when": edge} if (edge := draw(condition)) else {})
            for _ in range(draw(st.integers(0, 2)))
        ]
        steps.append(step)
    return {"code": "x", "object_type": "contract", "name": {"zh": "流", "en": "flow"}, "steps": steps}


@settings(max_examples=300)
@given(flows(), st.fixed_dictionaries({"c1": st.booleans(), "c2": st.booleans(), "c3": st.booleans()}))
def test_a_way_ends_goes_only_forward_and_opens_only_steps_that_apply(body, facts):
    read = flow.read(body)

    def holds(condition: str | None) -> bool:
        return condition is None or facts[condition]

    way = routing.path(read, holds)
    places = [read.ordinal(step.key) for step in way]
    assert places == sorted(set(places))
    assert all(holds(step.when) for step in way)
    assert _by_hand(body, facts) == [step.key for step in way]


def _by_hand(body: dict[str, Any], facts: dict[str, bool]) -> list[str]:
    """The way, walked over the document itself."""
    steps = {step["key"]: step for step in body["steps"]}
    keys, key, found = list(steps), body["steps"][0]["key"], []
    while key != "end":
        step = steps[key]
        if "when" not in step or facts[step["when"]]:
            found.append(key)
        place = keys.index(key) + 1
        key = next(
            (edge["to"] for edge in step["next"] if "when" not in edge or facts[edge["when"]]),
            keys[place] if place < len(keys) else "end",
        )
    return found


# ---- documents that are wrong ------------------------------------------------------------------------------

STEP = {"key": "s1", "name": {"zh": "一", "en": "One"}, "people": [{"employee": "1"}]}
FLOW = {"code": "x", "object_type": "contract", "name": {"zh": "流", "en": "flow"}, "steps": [STEP]}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [STEP, STEP]}, "s1"),
        ({"steps": [{**STEP, "people": []}]}, "s1.main"),
        ({"steps": [{**STEP, "mode": "n_of_m"}]}, "s1.main"),
        ({"steps": [{**STEP, "mode": "ratio", "share": "lots"}]}, "s1.main"),
        ({"steps": [{**STEP, "next": [{"to": "s1"}]}]}, "s1.next"),
        ({"steps": [{**STEP, "return_to": ["s9"]}]}, "s1.return_to"),
        ({"steps": [{**STEP, "due": "soon"}]}, "s1.due"),
        ({"steps": [{**STEP, "comment": []}]}, "s1.comment"),
        ({"separation": "relaxed"}, "separation"),
        ({"surprise": 1}, "flow"),
        ({"name": {"zh": "只有中文"}}, "name"),
    ],
)
def test_a_wrong_document_is_refused_at_its_place(change, place):
    with pytest.raises(BadInput) as refused:
        flow.read({**FLOW, **change})
    assert place in {problem.field for problem in refused.value.problems}


def test_a_good_document_is_read():
    assert flow.read(FLOW).step("s1").decides
