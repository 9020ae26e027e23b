"""Where rows that divide a scale do not meet: found exactly, against trying every value of a small scale."""

from __future__ import annotations

import random

import pytest

from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import parse
from app.services.language.covering import Branch, Flaw
from app.services.language.kinds import BOOL, COUNT, RATE
from app.services.language.seams import seams

CATALOGUE = Catalogue(
    [
        Fact("n", COUNT, "数量", "Number", (0, 30)),
        Fact("m", COUNT, "次数", "Times", (0, 30), nullable=False),
        Fact("rate", RATE, "折扣率", "Discount", nullable=False),
        Fact("key", BOOL, "重点", "Key", nullable=False),
    ]
)


def rows(*texts: str) -> list[Branch]:
    return [Branch(f"r{n}", parse(text, CATALOGUE, BOOL)) for n, text in enumerate(texts)]


def found(*texts: str, given: str | None = None) -> set[tuple[Flaw, tuple[int, int], bool]]:
    assuming = rows(given) if given else []
    return {(seam.flaw, seam.rows, seam.narrow) for seam in seams(rows(*texts), assuming)}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("rate < 15 %", "rate > 15 %"), {(Flaw.gap, (0, 1), True)}),
        (("rate > 15 %", "rate < 15 %"), {(Flaw.gap, (1, 0), True)}),
        (("rate <= 15 %", "rate >= 15 %"), {(Flaw.overlap, (0, 1), True)}),
        (("rate < 15 %", "rate >= 15 %"), set()),
        (("rate <= 14.99 %", "rate >= 15 %"), {(Flaw.gap, (0, 1), True)}),
        (("rate < 10 %", "rate > 15 %"), {(Flaw.gap, (0, 1), False)}),
        (("rate < 15 %", "rate > 10 %"), {(Flaw.overlap, (0, 1), False)}),
        (("rate > 10 %", "rate > 15 %"), set()),
        (("rate != 15 %",), set()),
        (("n < 3", "n > 3", "rate < 15 %"), {(Flaw.gap, (0, 1), True)}),
        (("n < 3 and key", "n > 3 and key"), {(Flaw.gap, (0, 1), True)}),
        (("n < 3 and key", "n > 3 and not key"), set()),
        (("n < 3", "n > 3", "n >= 0"), {(Flaw.gap, (0, 1), True)}),
        (("n in (1, 2)", "n in (4, 5)"), {(Flaw.gap, (0, 1), True)}),
    ],
)
def test_a_seam_is_where_one_row_ends_and_another_begins(texts, expected):
    assert found(*texts) == expected


def test_what_never_comes_before_the_table_is_no_seam():
    assert found("n < 3", "n > 3", given="n != 3") == set()
    assert found("n < 3", "n > 3", given="m != 3") == {(Flaw.gap, (0, 1), True)}


def test_a_seam_is_named_with_its_case_in_both_languages():
    (seam,) = seams(rows("rate < 15 %", "rate > 15 %"))
    assert "15%" in seam.words.zh and "15%" in seam.words.en
    assert str(seam.example["rate"]) == "0.15"


def test_seams_of_intervals_agree_with_trying_every_value():
    rng = random.Random(5)
    for _ in range(300):
        bounds = [sorted(rng.sample(range(31), 2)) for _ in range(2)]
        (a, b), (c, d) = bounds
        both = [value for value in range(31) if a <= value <= b and c <= value <= d]
        between = [value for value in range(31) if b < value < c or d < value < a]
        crossing = both and (a < c <= b < d or c < a <= d < b)
        expected: set[tuple[Flaw, bool]] = set()
        if crossing:
            expected = {(Flaw.overlap, len(both) < 2)}
        elif not both and between:
            expected = {(Flaw.gap, len(between) < 2)}
        answer = found(f"n between {a} and {b}", f"n between {c} and {d}")
        assert {(flaw, narrow) for flaw, _rows, narrow in answer} == expected, bounds
