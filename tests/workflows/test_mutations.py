"""A study of the check: defects put into random sound flows, one at a time, must be found by rule and place.

Each mutation is a defect by construction: a seeded sound flow, changed in one place so that some record, some
submitter or some reference goes wrong. What is no defect (a skip removed, a threshold moved) is no mutation here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from app.workflows import verifying
from app.workflows.verifying import Finding
from tests.workflows.flow_maker import AMOUNT, FORMS, SCALES, Cast, Made, Row, Table, make

EACH = 200
"""Mutants of each class."""
FOUND = 0.99
CAST = Cast()


@dataclass(frozen=True)
class Defect:
    """What was done to a flow: where (prefixes of the place), the rules that may say so, whether it must block."""

    places: tuple[str, ...]
    rules: frozenset[str]
    blocks: bool = True

    def is_found(self, findings: list[Finding]) -> bool:
        return any(
            it.rule in self.rules
            and it.is_error >= self.blocks
            and it.place.startswith(self.places)
            and (it.rule not in SHOWN or it.case is not None)
            for it in findings
        )


SHOWN = frozenset({"V4", "V5", "V8", "V13"})
"""The rules whose findings show a case: a record, or a submitter."""


def at(place: str | tuple[str, ...], *rules: str, blocks: bool = True) -> Defect:
    return Defect((place,) if isinstance(place, str) else place, frozenset(rules), blocks)


Mutation = Callable[[random.Random, Made], Defect | None]
"""Changes a flow; None where the flow has nothing this defect could be put into."""
MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


def pick(rng: random.Random, found: list[Any]) -> Any:
    return rng.choice(found) if found else None


def steps_of(made: Made) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = made.body["steps"]
    return steps


def deciding(made: Made) -> list[dict[str, Any]]:
    return [step for step in steps_of(made) if step.get("kind") != "filing"]


# ---- the rows of tables ----------------------------------------------------------------------------------------


def _border(rng: random.Random, made: Made) -> tuple[Table, Row, Row] | None:
    """Two neighbouring rows of a table."""
    table = pick(rng, made.tables)
    if table is None:
        return None
    number = rng.randrange(len(table.rows) - 1)
    return table, table.rows[number], table.rows[number + 1]


def _places(table: Table, *rows: Row) -> tuple[str, ...]:
    """Where a flaw between these rows may be named: at either; where a seat is missing, at the seats of the step."""
    return (*(row.place for row in rows), *((f"{table.place}.seats",) if table.kind == "seats" else ()))


def _named(table: Table, row: Row) -> tuple[str, ...]:
    """Where a row by itself may be named: conditions of seats stand under `seats`, those of edges under their target."""
    step, _dot, rest = row.place.partition(".")
    target = row.carrier.get("to", "")
    return (row.place, f"{step}.seats.{rest}", f"{step}.next.{target}", *([target] if target else []))


def _moved(rng: random.Random, made: Made, up: int) -> tuple[str, ...] | None:
    """Move a border of one row by one unit: up +1 lets it overlap its neighbour, up -1 leaves a slit."""
    found = _border(rng, made)
    if found is None:
        return None
    table, below, above = found
    if rng.random() < 0.5:
        assert below.high is not None
        raw, closed = below.high
        # The unit next to the border: by the sign alone, or by the constant.
        below.high = (raw + up, closed) if rng.random() < 0.5 or closed is (up > 0) else (raw, not closed)
        below.write()
    else:
        assert above.low is not None
        raw, closed = above.low
        above.low = (raw - up, closed) if rng.random() < 0.5 or closed is (up > 0) else (raw, not closed)
        above.write()
    return _places(table, below, above)


@mutation
def rows_overlap_by_one_unit(rng: random.Random, made: Made) -> Defect | None:
    places = _moved(rng, made, +1)
    return places and at(places, "V5")


@mutation
def rows_leave_a_gap_of_one_unit(rng: random.Random, made: Made) -> Defect | None:
    places = _moved(rng, made, -1)
    return places and at(places, "V4")


@mutation
def a_row_is_deleted(rng: random.Random, made: Made) -> Defect | None:
    """A seat that nobody replaces, or an edge whose step is then reached by nobody."""
    table = pick(rng, [table for table in made.tables if table.kind != "steps"])
    if table is None:
        return None
    step = made.step(table.place)
    if table.kind == "seats":
        step["seats"].pop(rng.randrange(len(step["seats"])))
        return at(f"{table.place}.seats", "V4")
    number = rng.randrange(1, len(step["next"]))  # the first leads where the way goes on by itself
    target = step["next"].pop(number)["to"]
    return at(target, "V2")


@mutation
def the_magnitude_of_one_border_is_wrong(rng: random.Random, made: Made) -> Defect | None:
    """元 for 万元: one side of a border is ten thousand times too small."""
    found = _border(rng, made)
    if found is None or found[1].scale is not AMOUNT:
        return None
    table, below, above = found
    assert below.high is not None
    below.high = (below.high[0] // 10_000, below.high[1])
    below.write()
    is_dead = below.low is not None and below.low[0] >= below.high[0]
    places = _places(table, below, above) if not is_dead else (f"{table.place}",)
    return at(places, "V4", "V5", "V6", "V2", "V7", blocks=False)


@mutation
def the_unit_of_a_constant_is_another(rng: random.Random, made: Made) -> Defect | None:
    found = _border(rng, made)
    if found is None:
        return None
    row = found[1]
    row.carrier["when"] = row.carrier["when"].replace(" %", " 天").replace("元", " %")
    if row.scale.unit == "day":
        row.carrier["when"] = f"{row.scale.fact} < 30元"
    return at(_named(found[0], row), "V12")


@mutation
def a_row_contradicts_itself(rng: random.Random, made: Made) -> Defect | None:
    """A row that nothing can take: from more than it reaches to."""
    found = _border(rng, made)
    if found is None:
        return None
    table, below, above = found
    assert below.high is not None
    scale, cut = below.scale, below.high[0]
    one, two = scale.write(cut), scale.write(cut + scale.step)
    above.carrier["when"] = f"{scale.fact} > {two} and {scale.fact} < {one}"
    return at(_named(table, above), "V2", "V6")


@mutation
def a_condition_is_dead_on_the_way_to_it(rng: random.Random, made: Made) -> Defect | None:
    """A seat asked for only in cases its own step is never reached in."""
    key, scale = pick(rng, made.thresholds) or (None, None)
    if key is None or not made.pools:
        return None
    step = made.step(key)
    constant = step["when"].partition(">= ")[2]
    extra = {"key": "extra", "people": [{"role": made.pools[0]}], "when": f"{scale.fact} < {constant}"}
    step["seats"] = [{"key": "main", "people": step.pop("people")}, extra]
    return at(f"{key}.extra", "V7")


# ---- where the way leads -------------------------------------------------------------------------------------


@mutation
def an_edge_leads_back(rng: random.Random, made: Made) -> Defect | None:
    steps = steps_of(made)
    place = rng.randrange(len(steps))
    target = steps[rng.randrange(place + 1)]["key"]
    steps[place]["next"] = [{"to": target}, *steps[place].get("next", ())]
    return at(f"{steps[place]['key']}.next", "V3")


@mutation
def a_step_cannot_be_approved(rng: random.Random, made: Made) -> Defect | None:
    step = rng.choice(steps_of(made))
    step["acts"] = ["consult", "copy"] if step.get("kind") == "filing" else ["reject", "send_back"]
    return at(f"{step['key']}.acts", "V3")


@mutation
def a_step_is_jumped_over_always(rng: random.Random, made: Made) -> Defect | None:
    steps = steps_of(made)
    places = [n for n in range(1, len(steps) - 1) if "next" not in steps[n - 1]]
    place = pick(rng, places)
    if place is None or any(
        edge["to"] == steps[place]["key"] for step in steps for edge in step.get("next", ())
    ):
        return None
    steps[place - 1]["next"] = [{"to": steps[place + 1]["key"]}]
    return at(steps[place]["key"], "V2")


@mutation
def only_filing_is_left(_rng: random.Random, made: Made) -> Defect | None:
    if made.body["object_type"] == "contract":
        return None
    for step in steps_of(made):
        step["kind"] = "filing"
        step["acts"] = ["approve"]
        step.pop("return_to", None)
    return at("steps", "V4")


@mutation
def the_lawyers_are_left_out(rng: random.Random, made: Made) -> Defect | None:
    if made.body["object_type"] != "contract":
        return None
    steps = steps_of(made)
    place = next(n for n, step in enumerate(steps) if step.get("people") == [{"role": "legal"}])
    legal, scale = steps[place], rng.choice(SCALES["contract"])
    small = f"{scale.fact} < {scale.write(scale.draw(rng, 1)[0])}"
    way = rng.randrange(5)
    if way == 0:
        legal["people"] = [{"role": made.pools[0]}]
    elif way == 1:
        legal["when"] = rng.choice([small, f"not ({small})", "customer.is_key"])
    elif way == 2:
        legal["seats"] = [
            {"key": "legal", "people": legal.pop("people"), "optional": True},
            {"key": "main", "people": [{"role": made.pools[0]}]},
        ]
    elif way == 3:
        legal["people"] = [{"role": "legal"}, {"role": made.pools[0]}]
    else:
        first = {"key": "first", "name": legal["name"], "people": [{"role": made.pools[0]}]}
        target = steps[place + 1]["key"] if place + 1 < len(steps) else "end"
        first["next"] = [{"to": target, "when": small}]
        for step in steps[:place]:
            for edge in step.get("next", ()):
                edge["to"] = "first" if edge["to"] == legal["key"] else edge["to"]
        steps.insert(place, first)
    return at("steps", "V13")


@mutation
def a_request_is_sent_back_ahead(rng: random.Random, made: Made) -> Defect | None:
    steps = steps_of(made)
    place = rng.randrange(len(steps))
    step = steps[place]
    step["return_to"] = ["submitter", rng.choice([it["key"] for it in steps[place:]] + ["nowhere"])]
    return at(f"{step['key']}.return_to", "V16")


@mutation
def a_request_is_sent_back_to_where_it_never_was(rng: random.Random, made: Made) -> Defect | None:
    table = pick(rng, [table for table in made.tables if table.kind == "edges"])
    if table is None:
        return None
    arms = [edge["to"] for edge in made.step(table.place)["next"]]
    made.step(arms[1])["return_to"] = ["submitter", arms[0]]
    made.step(arms[1]).pop("acts", None)
    return at(f"{arms[1]}.return_to.{arms[0]}", "V16")


# ---- people --------------------------------------------------------------------------------------------------


def _with_people(rng: random.Random, made: Made) -> tuple[str, dict[str, Any]]:
    """A seat of a deciding step: its place, and what names its people."""
    step = rng.choice(deciding(made))
    if "seats" in step:
        seat = rng.choice(step["seats"])
        return f"{step['key']}.{seat['key']}", seat
    return f"{step['key']}.main", step


@mutation
def a_role_has_no_holders(rng: random.Random, made: Made) -> Defect | None:
    place, seat = _with_people(rng, made)
    seat["people"] = [{"role": "vacant"}]
    return at(place, "V8")


@mutation
def deciders_may_not_read_the_record(rng: random.Random, made: Made) -> Defect | None:
    place, seat = _with_people(rng, made)
    seat["people"] = [{"role": "blind"}]
    for name in ("mode", "need", "share", "weights"):
        seat.pop(name, None)
    return at(place, "V18")


@mutation
def only_a_submitter_could_decide(rng: random.Random, made: Made) -> Defect | None:
    place, seat = _with_people(rng, made)
    seat["people"] = [{"role": "lonely"}]
    seat.pop("mode", None)
    seat.pop("need", None)
    return at(place, "V8")


@mutation
def more_votes_are_needed_than_there_are(rng: random.Random, made: Made) -> Defect | None:
    place, seat = _with_people(rng, made)
    role = seat["people"][0].get("role")
    if role is None or role == "local":
        return None
    size = len(CAST.roles[role])
    seat.pop("share", None)
    seat |= {"mode": "n_of_m", "need": size + rng.randint(1, 3)}
    if rng.random() < 0.3:
        seat |= {"mode": "weight", "weights": {str(CAST.roles[role][0]): 3}, "need": size + 3}
    return at(place, "V9")


@mutation
def one_person_must_decide_twice(rng: random.Random, made: Made) -> Defect | None:
    """Two steps every request passes, each only for the one at the top, whom nobody can replace."""
    if len(made.plain) < 2:
        return None
    first, second = sorted(rng.sample(made.plain, 2), key=[it["key"] for it in steps_of(made)].index)
    for key in (first, second):
        step = made.step(key)
        for word in ("mode", "need", "share", "escalate_after"):
            step.pop(word, None)
        step["people"] = [{"role": "chair"}]
    return at(second, "V10")


@mutation
def a_pool_can_be_used_up_before(rng: random.Random, made: Made) -> Defect | None:
    """The only one of the second step may have decided the first: enough people, unless he does."""
    if len(made.plain) < 2:
        return None
    first, second = sorted(rng.sample(made.plain, 2), key=[it["key"] for it in steps_of(made)].index)
    for key, role in ((first, "board"), (second, "chair")):
        step = made.step(key)
        for word in ("mode", "need", "share", "escalate_after"):
            step.pop(word, None)
        step["people"] = [{"role": role}]
    made.step(first)["people"].append({"role": "chair"})
    return at(second, "V10", blocks=False)


@mutation
def separation_is_relaxed(_rng: random.Random, made: Made) -> Defect | None:
    made.body["separation"] = "relaxed"
    return at("separation", "V10")


@mutation
def nobody_stands_above_to_escalate_to(rng: random.Random, made: Made) -> Defect | None:
    place, seat = _with_people(rng, made)
    step = made.step(place.partition(".")[0])
    seat["people"] = [{"role": "chair"}]
    for word in ("mode", "need", "share"):
        seat.pop(word, None)
    step |= {"due": "3wd", "escalate_after": "1wd"}
    return at(place, "V11")


# ---- deadlines, references, evidence, states ----------------------------------------------------------------


@mutation
def a_deadline_makes_no_sense(rng: random.Random, made: Made) -> Defect | None:
    step = rng.choice(steps_of(made))
    key = step["key"]
    for word in ("due", "remind_every", "escalate_after", "time_out"):
        step.pop(word, None)
    changes: list[tuple[str, dict[str, Any]]] = [
        ("remind_every", {"due": "2d", "remind_every": rng.choice(["2d", "3d", "1mo"])}),
        ("remind_every", {"due": "2wd", "remind_every": rng.choice(["2wd", "4wd"])}),
        ("escalate_after", {"escalate_after": "1wd"}),
        ("time_out", {"due": "10wd", "time_out": {"after": rng.choice(["7d", "10wd", "3wd"])}}),
        ("due", {"due": rng.choice(["0wd", "soon", "-1d", "3 weeks"])}),
    ]
    word, change = rng.choice(changes)
    step |= change
    return at(f"{key}.{word}", "V11")


@mutation
def something_named_does_not_exist(rng: random.Random, made: Made) -> Defect | None:
    step = rng.choice(deciding(made))
    key = step["key"]
    place, seat = _with_people(rng, made)
    code = {rng.choice(["role", "employee", "position", "function"]): "nobody"}
    start = rng.choice([{"decider": "nobody"}, {"field": "colour"}, {"superior": "king"}])
    paper = {"type": "horoscope", "name": {"zh": "星座", "en": "horoscope"}}
    effect = rng.choice([{"effect": "rain"}, {"move": "fly"}])
    changes: list[tuple[dict[str, Any], str, Any, Defect]] = [
        (seat, "people", [code], at(place, "V1")),
        (seat, "people", [start], at(f"{place.partition('.')[0]}.people", "V1")),
        (step, "evidence", [paper], at(f"{key}.evidence", "V1")),
        (step, "then", [effect], at(f"{key}.then", "V15")),
        (step, "comment_when", "phase_of_the_moon > 3", at(f"{key}.comment_when", "V1")),
        (step, "checks", ["moon_is_full"], at(f"{key}.checks", "V1")),
        (step, "next", [{"to": "nowhere"}], at(f"{key}.next", "V3")),
        (step, "when", 'kind = "no such kind"', at(f"{key}.when", "V12")),
    ]
    where, word, wrong, defect = rng.choice(changes)
    where[word] = wrong
    return defect


@mutation
def evidence_is_asked_for_that_nobody_supplies(rng: random.Random, made: Made) -> Defect | None:
    step = rng.choice(steps_of(made))
    key, is_contract = step["key"], made.body["object_type"] == "contract"
    if is_contract and rng.random() < 0.4:
        paper = {"type": "nda", "name": {"zh": "准入", "en": "admission"}, "record": "admission"}
        step["evidence"] = [paper]
        return at(f"{key}.evidence.nda", "V14")
    wanted = rng.choice(["no", "decided_at"] if not is_contract else ["no", "admission_id", "customer.grade"])
    wanted = "no" if wanted == "decided_at" else wanted
    step["required"] = [wanted]
    return at(f"{key}.required.{wanted}", "V14")


@mutation
def a_field_is_required_that_no_step_fills_in(rng: random.Random, made: Made) -> Defect | None:
    form = FORMS[made.body["object_type"]]
    for step in steps_of(made):
        step.pop("fields", None)
        step.pop("required", None)
    step = rng.choice(steps_of(made))
    step["required"] = [form]
    return at(f"{step['key']}.required.{form}", "V14", blocks=False)


@mutation
def the_record_stays_in_approval(rng: random.Random, made: Made) -> Defect | None:
    word = rng.choice(["on_approved", "on_rejected"])
    made.body[word] = []
    return at("" if word == "on_rejected" else word, "V15")


@mutation
def a_move_cannot_be_made_there(rng: random.Random, made: Made) -> Defect | None:
    step = rng.choice(steps_of(made))
    step["then"] = [{"move": rng.choice(["approve", "submit"])}]
    return at("", "V15")


# ---- the study -----------------------------------------------------------------------------------------------


def mutants(name: str, wanted: int) -> list[tuple[int, Made, Defect]]:
    """The first mutants of a class, by seed: the same in every run."""
    found: list[tuple[int, Made, Defect]] = []
    for seed in count():
        if len(found) == wanted:
            return found
        assert seed < 20 * wanted, f"{name} fits too few flows"
        made = make(f"{name} {seed}")
        defect = MUTATIONS[name](random.Random(f"{name} {seed}"), made)
        if defect is not None:
            found.append((seed, made, defect))
    return found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_defect_is_found_by_its_rule_and_at_its_place(name: str, capsys: pytest.CaptureFixture[str]):
    missed = []
    for seed, made, defect in mutants(name, EACH):
        findings = verifying.verify(made.body, CAST)
        assert all(it.words.zh and it.words.en and it.place for it in findings)
        if not defect.is_found(findings):
            missed.append((seed, defect, [(it.rule, it.place) for it in findings]))
    with capsys.disabled():
        print(f"\n{name}: {EACH - len(missed)}/{EACH}", end="")
    assert len(missed) <= EACH * (1 - FOUND), missed[:5]


def test_sound_flows_raise_no_alarm(capsys: pytest.CaptureFixture[str]):
    alarmed = {}
    for seed in range(EACH):
        if findings := verifying.verify(make(seed).body, CAST):
            alarmed[seed] = [(it.rule, it.place, it.words.en) for it in findings]
    with capsys.disabled():
        print(f"\nsound flows without alarm: {EACH - len(alarmed)}/{EACH}", end="")
    assert alarmed == {}
