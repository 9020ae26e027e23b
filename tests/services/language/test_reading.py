"""Writing and reading formulas: text in both languages, canonical documents, units, limits, and anything else."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from decimal import Decimal

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from app.services.language.checking import Formula, load, parse
from app.services.language.evaluating import decides, evaluate, holds
from app.services.language.kinds import BOOL, COUNT, DAYS, MONEY, POINTS, RATE, choice, to_model, to_raw
from app.services.language.problems import BadFormula, UnknownValue
from app.services.language.tables import read_cell
from app.services.language.trees import Literal
from app.services.language.wording import text, words
from tests.services.language.test_meaning import FORMULAS
from tests.services.language.world import CATALOGUE, LEVEL, NOON, TODAY

QUICK = settings(
    max_examples=200,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


def refusal(written: str, **options: object) -> BadFormula:
    with pytest.raises(BadFormula) as refused:
        parse(written, CATALOGUE, **options)  # type: ignore[arg-type]
    return refused.value


# ---- round trips ---------------------------------------------------------------------------------------------


@QUICK
@given(formula=FORMULAS)
def test_what_is_written_reads_back_as_the_same_formula_in_both_languages(formula: Formula | None) -> None:
    if formula is None:
        return
    for tongue in ("zh", "en"):
        written = text(formula, tongue)
        if len(written) <= 2_000:
            assert parse(written, CATALOGUE, formula.type) == formula, written


@QUICK
@given(formula=FORMULAS)
def test_a_document_is_stable_and_reads_back(formula: Formula | None) -> None:
    if formula is None:
        return
    document = json.loads(json.dumps(formula.document()))
    assert load(document, CATALOGUE, formula.type) == formula
    assert load(document, CATALOGUE).document() == document


@pytest.mark.parametrize(
    ("written", "zh", "en"),
    [
        ("[折扣率] <= 15% and [金额] < 50万", "[折扣率] ≤ 15% 且 [金额] < 50万元", "[Discount] ≤ 15% and [Amount] < CNY 500000"),
        ('若 [等级] = "重点" 则 30天 否则 90天', '若 [等级] = "重点" 则 30天 否则 90天', 'if [Level] = "Key" then 30 days else 90 days'),
        ("not (amount is missing)", "[金额] 不缺失", "[Amount] is not missing"),
        ("rate from 15% to below 20 %", "[折扣率] 自 15% 至不足 20%", "[Discount] from 15% to below 20%"),
        ("[金额] 介于 1元 至 2元", "[金额] 介于 1元 至 2元", "[Amount] between CNY 1 and CNY 2"),
        ("level 不属于 ('A', “普通”)", '[等级] 不属于 ("重点", "普通")', '[Level] not in ("Key", "Ordinary")'),
        ("amount / limit > 90%", "占比([金额], [信用额度]) > 90%", "ratio([Amount], [Credit limit]) > 90%"),
        ("seen_at >= 2026-11-01 12:00", "[最近联系] ≥ 2026-11-01 12:00:00+08:00", "[Seen at] ≥ 2026-11-01 12:00:00+08:00"),
        ("-（3 - -2）*orders==6", "(3 - -2) × -1 × [订单数] = 6", "(3 - -2) × -1 × [Orders] = 6"),
        ("is_key == True or android", "", ""),
    ],
)  # fmt: skip
def test_the_same_thing_may_be_written_in_many_ways(written: str, zh: str, en: str) -> None:
    if not zh:
        assert "android" in refusal(written).words.en
        return
    formula = parse(written, CATALOGUE)
    assert (words(formula).zh, words(formula).en) == (zh, en)


@pytest.mark.parametrize(
    "written",
    [
        "([Key customer] or [Discount] > 1%) and [Key customer]",
        "[Key customer] or [Discount] > 1% and [Key customer]",
        "not ([Key customer] and [Discount] > 1%)",
        "not [Discount] > 1%",
        "(not [Key customer]) = [Key customer]",
        "(if [Key customer] then 1 else 2) + 1 = [Orders]",
        "[Orders] - (2 - 3) = 1 - 2 - 3",
        "([Orders] + 1) × 2 = [Orders] + 1 × 2",
        "([Discount] > 1% and [Key customer]) is missing",
        "min(if [Key customer] then 1 else 2, 3) = 1",
        "if (if [Key customer] then [Key customer] else missing) then 1 else 2",
    ],
)
def test_brackets_stand_where_they_are_needed_and_nowhere_else(written: str) -> None:
    formula = parse(written, CATALOGUE)
    assert text(formula, "en") == written
    assert parse(text(formula, "zh"), CATALOGUE) == formula


# ---- units ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "type_", "raw"),
    [
        ("15 %", RATE, 150_000),
        ("0.0001%", RATE, 1),
        ("3‰", RATE, 3_000),
        ("50万", MONEY, 5_000_000_000),
        ("1.5亿元", MONEY, 1_500_000_000_000),
        ("CNY 500000", MONEY, 5_000_000_000),
        ("¥0.0001", MONEY, 1),
        ("-3元", MONEY, -30_000),
        ("500000", COUNT, 500_000),
        ("30天", DAYS, 30),
        ("1 day", DAYS, 1),
        ("85.5分", POINTS, 8_550),
    ],
)
def test_a_number_says_its_unit(written: str, type_: object, raw: int) -> None:
    assert parse(written, CATALOGUE).tree == Literal(type_, raw)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "position", "sentence"),
    [
        ("amount < 500000", 10, "lacks its unit: money is expected, for example CNY 500000"),
        ("500000 < amount", 1, "lacks its unit"),
        ("rate > 0.15", 8, "count"),
        ("rate > 15", 8, "lacks its unit: rate"),
        ("amount > 15%", 10, "money and rate do not go together"),
        ("amount + orders > 1元", 10, "money"),
        ("amount × amount > 1元", 10, "cannot be multiplied"),
        ('city > "A"', 1, "order"),
        ("is_key > true", 1, "order"),
        ("amount", 1, "do not go together"),
        ("amount and is_key", 1, "A condition"),
        ('level = "X"', 9, "no “X”"),
        ("due_on + 3 > today", 10, "lacks its unit: days"),
        ("due_on > 2026-02-30", 10, "no day"),
        ("0.00001元 < amount", 1, "finer"),
        ("nothing > 1", 1, "no field “nothing”"),
        ("[折扣] > 1", 1, "no field"),
        ("if is_key then 1元 else 1 天", None, "days"),
        ("seen_at + 3 days > now", None, "fixed moment"),
        ("rate in (1%, ceiling)", 14, "fixed values"),
        ("year(amount) = 1", 6, "A date"),
    ],
)
def test_units_that_do_not_meet_are_refused_at_their_place(
    written: str, position: int | None, sentence: str
) -> None:
    refused = refusal(written, expects=BOOL)
    assert sentence in refused.words.en, refused.words.en
    if position is not None:
        assert refused.position == position
        assert refused.words.zh.startswith(f"第 {position} 个字符处")


@pytest.mark.parametrize(
    "written", ["amount <", "(amount", "2wd", "amount @ 3", "[", '"a', "if is_key then 1元", "", "  ", "a..b"]
)
def test_what_cannot_be_read_is_refused_in_both_languages(written: str) -> None:
    refused = refusal(written)
    assert refused.words.zh
    assert refused.words.en
    assert refused.status == 422


# ---- limits --------------------------------------------------------------------------------------------------


def test_length_depth_and_size_are_limited() -> None:
    assert "2,000" in refusal("is_key or " * 300 + "is_key").words.en.replace("2000", "2,000")
    assert "parts" in refusal(" or ".join(["1<2"] * 70)).words.en
    assert "deep" in refusal("not " * 30 + "is_key").words.en
    assert parse("(" * 900 + "is_key" + ")" * 900, CATALOGUE) == parse("is_key", CATALOGUE)
    assert "deep" in refusal("1-(" * 300 + "1" + ")" * 300).words.en
    assert "too long" in refusal("9" * 400).words.en


def test_a_result_that_could_overflow_is_refused() -> None:
    assert "clamp" in refusal("orders × orders × orders > 1").words.en
    assert parse("clamp(orders, 0, 1000) × clamp(orders, 0, 1000) × 1000 > 1", CATALOGUE).type == BOOL
    assert "clamp" in refusal("due_on + age × 1000 > today").words.en


def test_a_document_deeper_than_any_formula_is_refused() -> None:
    tree: object = {"fact": "is_key"}
    for _ in range(5_000):
        tree = {"op": "not", "args": [tree]}
    with pytest.raises(BadFormula):
        load({"language": 1, "tree": tree}, CATALOGUE)
    with pytest.raises(BadFormula):
        load({"language": 2, "tree": {"fact": "is_key"}}, CATALOGUE)


# ---- anything --------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["[折扣率]", "amount", "rate", "15%", "50万", "3", "且", "or", "not", "(", ")", "<", ">=", "=", "in", ",", "if", "then",
     "else", "missing", "is", '"A"', "today", "+", "-", "×", "/", "min", "ratio", "between", "from", "to below", "..",
     "2026-11-01", "\x00", "\ud800", "٣", "９", "“", "'", "\\", "[", "]", "{0}", "%s", ";--", "\n"]
)  # fmt: skip


@QUICK
@given(
    written=st.one_of(
        st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS).map("".join)
    )
)
def test_no_text_ends_in_anything_but_a_formula_or_a_refusal(written: str) -> None:
    with contextlib.suppress(BadFormula):
        parse(written, CATALOGUE)
    with contextlib.suppress(BadFormula):
        read_cell(written, parse("[金额]", CATALOGUE))


KEYS = st.sampled_from(
    ["language", "tree", "op", "args", "fact", "money", "count", "choice", "of", "bool", "date", "moment", "text", "zh", "en"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["amount", "is_key", "level", "A", "<", "and", "cases", "in", "2026-11-01", "2026-11-01T00:00Z", "\ud800"]),
    st.dates(),
)  # fmt: skip
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=12
)  # fmt: skip


@QUICK
@given(document=DOCUMENTS)
def test_no_document_ends_in_anything_but_a_formula_or_a_refusal(document: object) -> None:
    for found in (document, {"language": 1, "tree": document}):
        with contextlib.suppress(BadFormula):
            load(found, CATALOGUE)


@QUICK
@given(written=st.text(alphabet='{}[]:,"-| \nabopfacttreelanguage1', max_size=80))
def test_no_yaml_ends_in_anything_but_a_formula_or_a_refusal(written: str) -> None:
    try:
        document = yaml.safe_load(written)
    except (yaml.YAMLError, ValueError):
        return
    with contextlib.suppress(BadFormula):
        load(document, CATALOGUE)


# ---- values ----------------------------------------------------------------------------------------------------


def test_a_filter_takes_unknown_for_no_and_a_route_stops_and_names_the_field() -> None:
    condition = parse("[折扣率] > 15% and [金额] > 50万", CATALOGUE)
    missing = {"rate": Decimal("0.2"), "amount": None}
    assert not holds(condition, missing)
    with pytest.raises(UnknownValue) as stopped:
        decides(condition, missing)
    assert stopped.value.facts == ("amount",)
    assert stopped.value.words.zh == "缺少「金额」，无法判断；请先填写"
    assert stopped.value.field == "amount"
    assert decides(condition, {"rate": Decimal("0.1"), "amount": None}) is False
    assert decides(condition, {"rate": Decimal("0.2"), "amount": Decimal("500000.01")}) is True


def test_a_division_by_nothing_stops_and_says_so() -> None:
    with pytest.raises(UnknownValue) as stopped:
        decides(parse("ratio(amount, limit) > 90%", CATALOGUE), {"amount": Decimal(1), "limit": Decimal(0)})
    assert stopped.value.facts == ()
    assert "0" in stopped.value.words.en


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("amount × 15%", Decimal("0.0002")),
        ("amount / 2", Decimal("0.0005")),
        ("-amount / 2", Decimal("-0.0005")),
        ("ratio(1元, 3元)", Decimal("0.333333")),
        ("ratio(2元, 3元)", Decimal("0.666667")),
        ("ratio(1亿元, 0.0001元)", Decimal(1_000_000)),
        ("2.5单位 × 3元", None),
        ("3元 × 2.5单位", Decimal("7.5")),
        ("days_between(2024-02-28, 2024-03-01)", 2),
        ("now - 1 day", NOON - dt.timedelta(days=1)),
        ("today - 1 day", TODAY - dt.timedelta(days=1)),
        ("coalesce(limit, 7元)", Decimal(7)),
    ],
)
def test_numbers_are_exact_and_halves_go_away_from_zero(written: str, value: object) -> None:
    if value is None:
        value = Decimal("7.5")
    assert evaluate(parse(written, CATALOGUE), {"amount": Decimal("0.0010"), "limit": None}) == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [(MONEY, 0.5), (MONEY, Decimal("0.00001")), (MONEY, True), (COUNT, Decimal("1.5")), (MONEY, Decimal("NaN")),
     (MONEY, Decimal("1e999999")), (BOOL, 1), (RATE, "0.15"), (choice("level"), 3)],
)  # fmt: skip
def test_a_value_that_is_not_of_its_kind_is_refused(type_: object, value: object) -> None:
    with pytest.raises(BadFormula):
        to_raw(type_, value)  # type: ignore[arg-type]


def test_a_fact_the_caller_forgot_is_a_refusal_not_a_missing_value() -> None:
    with pytest.raises(BadFormula, match="金额"):
        evaluate(parse("amount > 1元", CATALOGUE), {})


def test_model_values_come_back_as_they_went_in() -> None:
    assert to_model(MONEY, to_raw(MONEY, Decimal("12.3456"))) == Decimal("12.3456")
    assert to_raw(LEVEL, "A") == "A"
