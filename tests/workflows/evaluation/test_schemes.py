"""What is wrong with a scheme file is said with its place, in both languages, before anything is computed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from app.errors import BadInput, BadRequest
from app.extensions import company
from app.workflows.evaluation import schemes
from app.workflows.evaluation.pins import Span, Window, months_before, pin, window
from app.workflows.evaluation.sources import sources
from app.workflows.evaluation.subjects import SUBJECTS
from tests.workflows.evaluation import shop

PACKS = Path(schemes.__file__).parents[2] / "packs"
SHIPPED = sorted(PACKS.glob("*/schemes/*.yaml"))


def change(path: str, value: Any) -> dict[str, Any]:
    """The shop scheme with one place of it changed (None: taken out)."""
    body = copy.deepcopy(shop.scheme())
    part: Any = body
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return body


BANDS = "indicators.complaint.method.bands"


@pytest.mark.parametrize(
    ("path", "value", "place", "says"),
    [
        ("indicators.amount.weight", "60 %", "indicators", "add up to 90 %"),
        (
            BANDS,
            [{"to": 1, "points": 9}, {"from": 2, "points": 0}],
            f"{BANDS}[2].from",
            "gap between 1 and 2",
        ),
        (BANDS, [{"to": 2, "points": 9}, {"from": 1, "points": 0}], f"{BANDS}[2].from", "1 to 2 overlaps"),
        (
            BANDS,
            [{"to": 2, "points": 9}, {"to": 1, "points": 5}, {"points": 0}],
            f"{BANDS}[3].from",
            "do not rise",
        ),
        (BANDS, [{"from": 1, "to": 2, "points": 9}, {"points": 0}], f"{BANDS}[1].from", "what lies below"),
        (BANDS, [{"to": 2, "points": 9}, {"to": 3, "points": 0}], f"{BANDS}[2].to", "what lies above"),
        (BANDS, [{"to": "2 days", "points": 9}, {"points": 0}], f"{BANDS}[1].to", "'2 days' is days"),
        (BANDS, [{"to": 2}, {"points": 0}], BANDS, "needs its points"),
        ("grades.1.from", None, "grades[3].to", "next begins is not said"),
        ("grades.2.to", 49, "grades[2].from", "gap between 49 points and 50 points"),
        ("grades.0.to", 99, "grades[1].to", "what lies above"),
        ("measures.bought.of", "amountt", "measures.bought.of", "amountt"),
        ("measures.bought.of", "kind", "measures.bought.of", "added up"),
        ("measures.bought.of", "document", "measures.bought.of", "not a record"),
        ("measures.bought.of", None, "measures.bought.of", "missing"),
        ("measures.bought.where", "amount > 5", "measures.bought.where", "unit"),
        ("measures.bought.source", "moon", "measures.bought.source", "order_lines"),
        ("measures.bought.window", "last fortnight", "measures.bought.window", "Unknown window"),
        ("measures.bought.wehre", "x", "measures.bought.wehre", "Unknown key 'wehre'"),
        ("measures.complaints.of", "no", "measures.complaints.of", "does not use"),
        ("indicators.amount.method.to", "1000", "indicators.amount.method.to", "'1000' is count"),
        ("indicators.amount.method.to", "CNY 0", "indicators.amount.method.to", "must differ"),
        ("indicators.amount.value", "bought + complaints", "indicators.amount.value", "do not go together"),
        ("indicators.amount.value", "is_key", "indicators.amount.value", "A number"),
        ("indicators.amount.method", None, "indicators.amount.method", "needs a method"),
        ("indicators.amount.missing", "neutral", "indicators.amount.missing", "needs its points"),
        ("indicators.amount.missing", "forget", "indicators.amount.missing", "carry"),
        ("indicators.amount.veto", {"below": 20, "grade": "Z"}, "indicators.amount.veto.grade", "QUALITY"),
        ("grades.0.grade", "GENERAL", "grades", "stands twice"),
        ("subject", "planet", "subject", "customer"),
        ("zh", None, "zh", "missing"),
        ("population", {"where": "bought > CNY 5"}, "population.where", "bought"),
        ("publish", {"customer_grade": "yes"}, "publish.customer_grade", "true or false"),
    ],
)
def test_each_mistake_is_named_with_its_place(path, value, place, says):
    problems = schemes.check(change(path, value))
    found = [(problem.field, problem.words.en) for problem in problems]
    assert any(at == place and says in words for at, words in found), found
    assert all(problem.words.zh and problem.words.zh != problem.words.en for problem in problems)


def test_all_mistakes_are_told_at_once():
    body = change("indicators.amount.weight", "60 %")
    body["measures"]["bought"]["window"] = "never"
    with pytest.raises(BadInput) as refused:
        schemes.load(body)
    assert {problem.field for problem in refused.value.problems} == {"measures.bought.window", "indicators"}


def test_more_than_24_indicators_are_refused():
    body = shop.scheme()
    one = {"zh": "项", "en": "Item", "value": "bought"}
    body["indicators"] |= {f"i{number}": one for number in range(23)}
    assert any("At most 24" in problem.words.en for problem in schemes.check(body))


# ---- decision tables -------------------------------------------------------------------------------------------------


def tabled(rows: list[tuple[list[str], str]]) -> list[str]:
    body = shop.scheme()
    for grade in body["grades"]:
        grade.pop("from", None)
    body["table"] = {
        "inputs": ["amount", "complaint"],
        "rows": [{"when": when, "grade": grade} for when, grade in rows],
    }
    return [f"{problem.field}: {problem.words.en}" for problem in schemes.check(body)]


GOOD = [
    ([">= 80分", "100分"], "QUALITY"),
    (["< 80分", "100分"], "GENERAL"),
    (["any", "< 100分"], "UNQUALIFIED"),
]


def test_a_table_without_gap_or_overlap_is_taken():
    assert tabled(GOOD) == []


def test_a_table_with_a_gap_of_one_unit_is_refused():
    (problem,) = tabled([([">= 80.01分", "100分"], "QUALITY"), *GOOD[1:]])
    assert problem == "table.rows: No row covers [Amount bought] = 80 points, [Complaints made] = 100 points."


def test_a_table_with_two_answers_is_refused():
    (problem,) = tabled([GOOD[0], (["<= 80分", "100分"], "GENERAL"), GOOD[2]])
    assert "Two rows cover [Amount bought] = 80 points" in problem


def test_a_row_nothing_reaches_is_refused():
    problems = tabled([*GOOD, (["any", "30分"], "QUALITY")])
    assert problems and ("Two rows" in problems[0] or "never be reached" in problems[0])
    assert tabled([*GOOD[:2], (["any", "0分, 50分"], "UNQUALIFIED"), (["any", "30分"], "QUALITY")]) == [
        "table.rows[4]: This row can never be reached."
    ]


def test_a_table_may_say_what_becomes_of_who_has_no_score():
    told = [(["missing", "any"], "UNQUALIFIED"), (["not missing", "100分"], "QUALITY")]
    assert tabled([*told, (["not missing", "< 100分"], "GENERAL")]) == []
    # says so of one input, it says so whatever the other is
    (problem,) = tabled(
        [(["missing", "100分"], "UNQUALIFIED"), *GOOD[:2], (["not missing", "< 100分"], "GENERAL")]
    )
    assert problem == "table.rows: No row covers [Amount bought] is missing, [Complaints made] = 0 points."
    (problem,) = tabled([*told, (["any", "< 100分"], "GENERAL")])
    assert problem.startswith("table.rows: Two rows cover [Amount bought] is missing")


def test_every_gap_of_a_table_is_told_at_once():
    problems = tabled([([">= 80分", "100分"], "QUALITY"), (["< 80分", "50分"], "GENERAL")])
    assert len(problems) > 1 and all(problem.startswith("table.rows: No row covers") for problem in problems)


def test_a_table_goes_by_the_scores_there_can_be_and_by_raw_values():
    body = shop.scheme()
    for grade in body["grades"]:
        grade.pop("from", None)
    body["table"] = {
        "inputs": ["complaint", "complaint.value"],
        "rows": [
            {"when": ["100分", "any"], "grade": "QUALITY"},
            {"when": ["0分, 50分", "< 10"], "grade": "GENERAL"},
            {"when": ["0分, 50分", ">= 10"], "grade": "UNQUALIFIED"},
        ],
    }
    assert schemes.check(body) == []
    body["table"]["rows"].pop()
    (problem,) = schemes.check(body)
    assert "[Complaints made value] = 10" in problem.words.en
    for inputs in ([["complaint"]], [None], [{}], ["complaint", "none"]):
        body["table"]["inputs"] = inputs
        assert any(problem.field == "table.inputs" for problem in schemes.check(body)), inputs


# ---- sources and shipped schemes ---------------------------------------------------------------------------------------


def test_every_fact_of_every_source_has_a_name_of_its_own_in_both_languages():
    for source in sources().values():
        for words in (source.words, source.fallen):
            assert words.zh and words.en
        for tongue in ("zh", "en"):
            labels = [column.fact.words.spoken(tongue) for column in source.columns]
            assert len(set(labels)) == len(labels)
        assert set(source.shown) <= set(source.catalogue().facts)
        assert set(source.subjects) <= {subject.counted_as for subject in SUBJECTS.values()}
        assert set(source.via.values()) <= set(source.joins)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_schemes_have_no_mistake(path):
    assert [(problem.field, problem.words.en) for problem in schemes.check(schemes.body_of_file(path))] == []


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\udcff"])
def test_a_file_that_is_no_scheme_is_said_so(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput):
        schemes.body_of_file(path)


# ---- periods and windows -----------------------------------------------------------------------------------------------


def test_a_period_includes_both_its_days_and_ends_with_company_time():
    found = pin("2025-01-01..2025-12-31")
    assert (found.period_to.isoformat(), found.last_day.isoformat()) == ("2026-01-01", "2025-12-31")
    assert found.as_of.astimezone(company.zone).isoformat().startswith("2026-01-01T00:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "2025",
        "2025-01-01..",
        "2025-02-30..2025-03-01",
        "2025-02-01..2025-01-01",
        "..",
        "9999-12-31..9999-12-31",
    ],
)
def test_what_is_no_period_is_refused(text):
    with pytest.raises(BadRequest):
        pin(text)


@pytest.mark.parametrize("text", ["soon", "2025-13-01", "2025-01-01 00:00:00.5"])
def test_what_is_no_as_of_is_refused(text):
    with pytest.raises(BadRequest):
        pin("2025-01-01..2025-12-31", text)


def test_windows_are_read_in_both_languages():
    assert window("last 12 months") == window("近 12 个月") == window("近1年") == Window(Span.months, 12)
    assert window("本期") == window("period") == Window()
    assert window("last 0 days") is None


def test_the_period_before_and_the_last_months_end_where_they_should():
    march = pin("2025-03-01..2025-03-31")
    assert [edge.isoformat() for edge in Window(Span.previous).bounds(march)] == ["2025-02-01", "2025-03-01"]
    assert [edge.isoformat() for edge in Window(Span.year_before).bounds(march)] == [
        "2024-03-01",
        "2024-04-01",
    ]
    assert months_before(march.last_day, 1).isoformat() == "2025-02-28"
