"""Gaps, overlaps and dead branches, down to the unit."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal

import pytest

from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import parse
from app.services.language.covering import Branch, Finding, Flaw, Hit, cover, satisfiable
from app.services.language.evaluating import evaluator
from app.services.language.kinds import BOOL, COUNT, choice
from app.words import Words
from tests.services.language.world import CATALOGUE, NOON, TODAY, facts_table

COMPLETE = Catalogue(
    [
        Fact(f.name, f.type, f.zh, f.en, f.domain, nullable=False, constant=f.constant)
        for f in CATALOGUE.facts.values()
    ],
    CATALOGUE.choices,
    CATALOGUE.zone,
)


def branches(catalogue: Catalogue, *texts: str | None) -> list[Branch]:
    return [
        Branch(f"b{number}", parse(text, catalogue, BOOL) if text else None)
        for number, text in enumerate(texts, start=1)
    ]


def flaws(found: list[Finding]) -> list[Flaw]:
    return [finding.flaw for finding in found]


def test_a_gap_at_exactly_fifteen_percent_is_found_and_named() -> None:
    (finding,) = cover(branches(COMPLETE, "[折扣率] < 15%", "[折扣率] > 15%"))
    assert finding.flaw is Flaw.gap
    assert finding.example == {"rate": Decimal("0.15")}
    assert finding.words.zh == "没有分支管到：[折扣率] = 15%"
    assert finding.words.en == "No branch covers [Discount] = 15%"
    assert finding.is_error
    assert finding.exact


def test_an_overlap_at_exactly_fifteen_percent_is_found_and_named() -> None:
    (finding,) = cover(branches(COMPLETE, "[折扣率] <= 15%", "[折扣率] >= 15%"))
    assert finding.flaw is Flaw.overlap
    assert finding.branches == ("b1", "b2")
    assert finding.example == {"rate": Decimal("0.15")}


def test_one_ten_thousandth_of_the_currency_unit_is_a_gap() -> None:
    (finding,) = cover(branches(COMPLETE, "amount < 50万", "amount >= 500000.0001元"))
    assert finding.example == {"amount": Decimal(500_000)}
    assert cover(branches(COMPLETE, "amount <= 50万", "amount >= 500000.0001元")) == []


def test_a_branch_no_record_can_take_is_dead() -> None:
    found = cover(branches(COMPLETE, "rate > 20% and rate < 10%", "rate >= 0%"))
    assert flaws(found) == [Flaw.dead]
    assert found[0].branches == ("b1",)


def test_two_fields_are_covered_together() -> None:
    sound = ("rate <= 15% and amount <= 50万", "rate > 15% or amount > 50万")
    assert cover(branches(COMPLETE, *sound)) == []
    found = cover(branches(COMPLETE, "rate < 15% and amount < 50万", "rate >= 15%"))
    assert flaws(found) == [Flaw.gap]
    assert "50万元" in found[0].words.zh
    assert "折扣率" in found[0].words.zh


def test_the_first_hit_needs_no_exclusion_but_shadows() -> None:
    assert cover(branches(COMPLETE, "rate < 15%", "rate <= 100%"), Hit.first) == []
    found = cover(branches(COMPLETE, "rate <= 100%", "rate < 15%"), Hit.first)
    assert [(finding.flaw, finding.branches) for finding in found] == [(Flaw.dead, ("b2",))]


def test_a_default_takes_what_is_left_and_is_warned_of_when_idle() -> None:
    assert cover(branches(COMPLETE, "rate < 15%", None)) == []
    found = cover(branches(COMPLETE, "rate < 15%", "rate >= 15%", None))
    assert flaws(found) == [Flaw.idle_default]
    assert not found[0].is_error


def test_a_field_that_may_be_missing_is_warned_of_by_name() -> None:
    found = cover(branches(CATALOGUE, "[折扣率] < 15%", "[折扣率] >= 15%"))
    assert flaws(found) == [Flaw.undecided]
    assert "[折扣率] 缺失" in found[0].words.zh
    assert not found[0].is_error
    assert cover(branches(CATALOGUE, "coalesce(rate, 0%) < 15%", "coalesce(rate, 0%) >= 15%")) == []
    assert cover(branches(CATALOGUE, "rate < 15%", "rate >= 15%", "rate is missing")) == []
    assert cover(branches(CATALOGUE, "rate is missing", "rate < 15%", "rate >= 15%"), Hit.first) == []


def test_choices_truths_days_and_moments_are_covered() -> None:
    found = cover(branches(COMPLETE, 'level = "A"', 'level = "普通"'))
    assert found[0].example == {"level": "C"}
    assert "潜在" in found[0].words.zh
    assert cover(branches(COMPLETE, "is_key", "not is_key")) == []
    assert cover(branches(COMPLETE, "is_key = true", "is_key = false")) == []
    (gap,) = cover(branches(COMPLETE, "due_on < 2026-11-01", "due_on > 2026-11-01"))
    assert gap.example == {"due_on": TODAY}
    (gap,) = cover(branches(COMPLETE, "seen_at < now", "seen_at > now"))
    assert gap.example == {"seen_at": NOON}
    (gap,) = cover(branches(COMPLETE, 'city = "成都"', 'city = "乐山"'))
    assert gap.example["city"] not in ("成都", "乐山")


def test_a_parameter_stands_for_its_value() -> None:
    (gap,) = cover(branches(COMPLETE, "rate < ceiling", "rate > [折扣上限]"))
    assert gap.example == {"rate": Decimal("0.15")}


def test_fields_against_fields_and_computed_terms_are_covered_without_overlooking_anything() -> None:
    assert cover(branches(COMPLETE, "amount <= limit", "amount > limit")) == []
    assert cover(branches(COMPLETE, "amount <= limit", "limit < amount")) == []
    (gap,) = cover(branches(COMPLETE, "amount < limit", "amount > limit"))
    assert not gap.exact
    assert "[金额] = [信用额度]" in gap.words.zh
    found = cover(branches(COMPLETE, "ratio(amount, limit) < 90%", "ratio(amount, limit) > 90%", None))
    assert Flaw.gap not in flaws(found)
    (gap, *_) = cover(branches(COMPLETE, "amount × 2 < 50万", "amount × 2 > 50万"))
    assert "[金额] × 2 = 50万元" in gap.words.zh


def test_a_path_limits_what_must_be_covered() -> None:
    path = parse("rate < 15%", COMPLETE)
    assert cover(branches(COMPLETE, "rate < 10%", "rate >= 10% and rate < 15%"), assuming=[path]) == []
    found = cover(branches(COMPLETE, "rate < 20%", "rate >= 20%"), assuming=[path])
    assert [(finding.flaw, finding.branches) for finding in found] == [(Flaw.dead, ("b2",))]


def test_whether_conditions_can_hold_together() -> None:
    assert satisfiable([parse("rate > 20%", COMPLETE), parse("rate < 10%", COMPLETE)]) is None
    case = satisfiable([parse("rate > 20%", COMPLETE), parse('level = "B"', COMPLETE)])
    assert case is not None
    assert case["level"] == "B"
    assert case["rate"] > Decimal("0.2")
    assert satisfiable([]) == {}


def test_too_many_combinations_are_said_to_be_too_many() -> None:
    many = [f"rate = {i}% and growth = {i}% and orders = {i} and age = {i} days" for i in range(1, 30)]
    assert flaws(cover(branches(COMPLETE, *many))) == [Flaw.too_large]


@pytest.mark.parametrize("hit", list(Hit))
def test_every_verdict_agrees_with_trying_all_values(hit: Hit) -> None:
    small = Catalogue(
        [
            Fact("x", COUNT, "甲", "x", (0, 12)),
            Fact("y", COUNT, "乙", "y", (0, 12), nullable=False),
            Fact("z", choice("z"), "丙", "z", nullable=False),
        ],
        {"z": {word: Words(word, word) for word in "ABC"}},
    )
    space = [{"x": x, "y": y, "z": z} for x, y, z in itertools.product((None, *range(13)), range(13), "ABC")]
    dice = random.Random(5)
    for _ in range(60):
        texts = [_random_condition(dice) for _ in range(dice.randint(1, 4))]
        default = dice.random() < 0.3
        found = cover(branches(small, *texts, *((None,) if default else ())), hit)
        tests = [evaluator(parse(text, small)) for text in texts]
        seen, alive = _tried(tests, space, hit, default=default)
        assert {f.flaw for f in found} & {Flaw.gap, Flaw.overlap} == seen, texts
        dead = {f"b{i + 1}" for i in range(len(texts)) if i not in alive}
        assert {f.branches[0] for f in found if f.flaw is Flaw.dead} == dead, texts


def _random_condition(dice: random.Random) -> str:
    parts = [
        f"{dice.choice('xy')} {dice.choice(['<', '<=', '>', '>=', '='])} {dice.randint(0, 12)}"
        for _ in range(dice.randint(1, 3))
    ]
    if dice.random() < 0.5:
        parts.append(f"z in ({', '.join(repr(word) for word in dice.sample('ABC', 2))})")
    if dice.random() < 0.3:
        parts.append("x is not missing")
    return f" {dice.choice(['and', 'or'])} ".join(parts)


def _tried(tests: list, space: list, hit: Hit, *, default: bool) -> tuple[set[Flaw], set[int]]:
    seen, alive = set(), set()
    for case in space:
        answers = [test(case) for test in tests]
        if hit is Hit.first:
            decided = next((i for i, answer in enumerate(answers) if answer is not False), None)
            hits = [] if decided is None or answers[decided] is None else [decided]
        else:
            hits = [i for i, answer in enumerate(answers) if answer]
        alive.update(hits)
        if len(hits) > 1:
            seen.add(Flaw.overlap)
        if not any(answer is not False for answer in answers) and not default:
            seen.add(Flaw.gap)
    return seen, alive


def test_the_world_has_a_column_for_every_field() -> None:
    assert {f.name for f in CATALOGUE.facts.values() if f.constant is None} == set(facts_table.c.keys()) - {
        "id"
    }
