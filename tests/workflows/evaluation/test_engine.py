"""What an evaluation says, publishes, explains and compares, over rows one can count by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select, text

from app.errors import BadRequest, NotAllowed, NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    AuditLog,
    ClassificationValue,
    Customer,
    CustomerClassification,
    DocumentKind,
    DocumentStatus,
    EvalCurrent,
    EvalRun,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    RunStatus,
)
from app.roles import Reach
from app.services import access
from app.workflows.evaluation import comparing, explaining, packing, publishing, reading, runs
from app.workflows.evaluation.pins import pin
from tests import world
from tests.workflows.evaluation import shop

YEAR = "2025-01-01..2025-12-31"


@pytest.fixture
def people(in_app) -> world.World:
    return world.build()


@pytest.fixture
def three(people) -> dict[str, int]:
    """Ann's K1 buys 1,000.00 in the year, Bob's K2 buys 333.33 and complains twice, Dan's K3 buys nothing."""
    ids = {
        code: shop.customer(code, owner_id=people.employees[who], org_unit_id=people.unit_of(who))
        for code, who in (("K1", "ann"), ("K2", "bob"), ("K3", "dan"))
    }
    shop.order(ids["K1"], "2025-03-01T10:00", 600, 400)
    shop.order(ids["K1"], "2024-03-01T10:00", 50)
    shop.order(ids["K1"], "2026-01-01T10:00", 70)
    shop.order(ids["K1"], "2025-04-01T10:00", 80, status=DocumentStatus.draft)
    shop.order(ids["K1"], "2025-05-01T10:00", 90, status=DocumentStatus.voided)
    shop.order(ids["K2"], "2025-12-31T15:59:59.999999", "333.33")
    shop.order(ids["K2"], "2025-12-31T16:00", 5)
    shop.complaint(ids["K2"], "2025-06-01T10:00")
    shop.complaint(ids["K2"], "2025-07-01T10:00")
    return ids


def results(run_id: int) -> dict[str, tuple[Any, ...]]:
    with access.acting(access.SYSTEM):
        opened = reading.open_run(run_id)
        rows = db.session.execute(reading.visible(opened)).mappings().all()
        return {
            row["code"]: (row["v01"], row["v02"], row["s01"], row["s02"], row["total"], row["grade_no"])
            for row in rows
        }


def official(body: dict[str, Any], period: str = YEAR) -> int:
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", body, published=True)
        run_id = runs.start("SHOP", pin(period))
        runs.compute(run_id)
        return run_id


def test_values_scores_totals_and_grades_are_those_of_the_hand(three):
    assert results(shop.trial(shop.scheme(), YEAR)) == {
        "K1": (10_000_000, 0, 10_000, 10_000, 10_000, 0),
        "K2": (3_333_300, 2, 3_333, 5_000, 3_833, 2),
        "K3": (0, 0, 0, 10_000, 3_000, 2),
    }


def test_a_sealed_run_is_not_computed_again(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM), pytest.raises(WrongState):
        runs.compute(run_id)


def test_the_same_file_makes_one_trial_version_that_stays_out_of_pickers(three):
    first, second = shop.trial(shop.scheme(), YEAR), shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        versions = {db.session.get_one(EvalRun, run_id).scheme_version_id for run_id in (first, second)}
        version = db.session.get_one(EvalSchemeVersion, versions.pop())
        assert versions == set() and version.status is EvalStatus.trial
        assert not db.session.get_one(EvalScheme, version.scheme_id).active


def test_nobody_to_evaluate_is_said_and_not_sealed(in_app):
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(shop.scheme(), pin(YEAR))
        with pytest.raises(Refusal) as refused:
            runs.compute(run_id)
        assert "Nobody fits the population" in refused.value.words.en
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.failed


# ---- missing values, vetoes, coverage --------------------------------------------------------------------------------


def recency(missing: Any, **more: Any) -> dict[str, Any]:
    """The shop scheme with a third indicator that customers without an order have no value for."""
    body = shop.scheme(**more)
    body["measures"]["last"] = {
        "zh": "天",
        "en": "Days",
        "source": "order_lines",
        "aggregate": "days_since_last",
    }
    body["indicators"]["amount"]["weight"] = "40 %"
    body["indicators"]["recent"] = {
        "zh": "最近",
        "en": "Recent",
        "value": "last",
        "method": {"kind": "linear", "from": "365 days", "to": "0 days"},
        "weight": "30 %",
        "missing": missing,
    }
    return body


@pytest.mark.parametrize(
    ("missing", "total", "grade"),
    [
        ("zero", 3_000, 2),
        ({"policy": "neutral", "points": 50}, 4_500, 2),
        ("reweight", 4_286, 2),
        ("fail", 4_286, None),
    ],
)
def test_a_missing_value_follows_its_policy(three, missing, total, grade):
    assert results(shop.trial(recency(missing), YEAR))["K3"][4:] == (total, grade)


def test_who_is_excluded_is_no_result(three):
    assert set(results(shop.trial(recency("exclude"), YEAR))) == {"K1", "K2"}


def test_too_little_coverage_gives_no_grade(three):
    found = results(shop.trial(recency("reweight", minimum_coverage="80 %"), YEAR))
    assert found["K3"][5] is None and found["K1"][5] is not None


def test_a_veto_caps_the_grade(three):
    body = shop.scheme()
    body["indicators"]["complaint"]["veto"] = {"below": 60, "grade": "UNQUALIFIED"}
    body["indicators"]["amount"]["method"]["to"] = "CNY 300"
    assert results(shop.trial(body, YEAR))["K2"][4:] == (8_500, 2)
    run_id = shop.trial(body, YEAR)
    with access.acting(access.SYSTEM):
        notes = [note.en for note in explaining.explain(run_id, "K2").notes]
    assert notes == ["“Complaints made” is below 60 points: the grade is “Unqualified” at best."]


def test_a_score_is_carried_over_from_the_last_published_run(three):
    body = recency({"policy": "carry", "days": 800})
    with access.acting(access.SYSTEM):
        publishing.publish(official(body))
    later = official(body, "2026-01-01..2026-12-31")
    with access.acting(access.SYSTEM):
        rows = {
            row["code"]: row
            for row in db.session.execute(reading.visible(reading.open_run(later))).mappings()
        }
    assert rows["K1"]["v03"] == 364 and rows["K2"]["v03"] is not None
    assert rows["K3"]["s03"] is None and rows["K3"]["grade_no"] is None


# ---- reading, with the reader's eyes -----------------------------------------------------------------------------------


def test_each_reader_sees_the_results_of_his_own_customers(three, people):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(people.principal("ann")), pytest.raises(NotFound):
        reading.open_run(run_id)  # nobody else's business until it is published
    world.give_everything(people, "ann", Reach.own)
    with access.acting(people.principal("ann")):
        opened = reading.open_run(run_id)
        assert [row.code for row in db.session.execute(reading.visible(opened))] == ["K1"]
        assert [(line.grade.code, line.subjects) for line in reading.summary(opened)] == [("QUALITY", 1)]
        assert explaining.explain(run_id, "K1").total == 10_000
        with pytest.raises(NotFound):
            explaining.explain(run_id, "K2")
        assert [move.subjects for move in comparing.compare(run_id, run_id).moves] == [1]


def test_who_may_not_run_or_publish_is_refused(three, people):
    run_id = official(shop.scheme())
    with access.acting(people.principal("ann")):
        with pytest.raises(NotAllowed):
            runs.start_trial(shop.scheme(), pin(YEAR))
        with pytest.raises(NotAllowed):
            publishing.publish(run_id)


def test_the_file_has_one_row_per_visible_subject(three, people, tmp_path):
    run_id = shop.trial(shop.scheme(), YEAR)
    world.give_everything(people, "bob", Reach.own)
    with access.acting(people.principal("bob")):
        assert reading.write(reading.open_run(run_id), tmp_path / "out.csv") == 1
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "code,amount,complaint,amount_score,complaint_score,total,grade",
        "K2,333.33,2,33.33,50,38.33,UNQUALIFIED",
    ]
    world.give_everything(people, "ann", Reach.own)
    with access.acting(people.principal("ann")):
        reading.write(reading.open_run(run_id), tmp_path / "ann.xlsx")


# ---- explanation -------------------------------------------------------------------------------------------------------


def test_an_explanation_opens_to_the_rows_counted_and_those_left_out(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        found = explaining.explain(run_id, "K1")
    amount = found.measures[0]
    assert (amount.value, amount.counted, amount.left_out) == (10_000_000, 2, 4)
    assert sum(row.value for row in amount.rows if row.left_out is None) == amount.value
    assert [row.left_out.en for row in amount.rows if row.left_out] == [
        "a quotation, or a document voided or in the bin",
        "after the as-of moment",
        "not within the period",
        "does not fulfil: [Document status] = “Confirmed”".replace("“", '"').replace("”", '"'),
    ]
    assert sum(line.contribution for line in found.indicators) == found.total
    assert found.sentence.en.startswith(
        "Shop evaluation (2025-01-01 to 2025-12-31): total 100 points, graded “Quality”."
    )


def test_contributions_add_up_and_the_way_to_the_next_grade_is_told(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        found = explaining.explain(run_id, "K2")
    assert [line.contribution for line in found.indicators] == [2_333, 1_500]
    assert [note.en for note in found.notes] == ["11.67 points short of “General”."]


def test_rows_that_changed_after_the_run_are_told(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    shop.order(three["K2"], "2025-08-01T10:00", 1)
    with access.acting(access.SYSTEM):
        found = explaining.explain(run_id, "K2")
    assert found.indicators[0].value.en == "CNY 333.33"
    assert found.notes[-1].en == "The rows of “Amount bought” have changed since the run: now CNY 334.33."


# ---- publication -------------------------------------------------------------------------------------------------------


def test_publication_writes_grade_reason_class_and_dates(three):
    run_id = official(shop.scheme())
    with access.acting(access.SYSTEM):
        assert publishing.publish(run_id, date(2026, 1, 15)) == 3
        customer = db.session.get_one(Customer, three["K2"])
        assert customer.grade == "UNQUALIFIED"
        assert customer.grade_reason.zh == (
            "门店评价（2025-01-01 至 2025-12-31）：总分 38.33分，评为“不合格”。依据：购买金额 333.33元（33.33分），投诉次数 2（50分）。"
        )
        (held,) = classes(three["K2"])
        assert held == ("UNQUALIFIED", date(2026, 1, 15), None)
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.published
        assert "3" in db.session.scalars(select(AuditLog).order_by(AuditLog.id.desc())).first().summary["en"]


def classes(customer_id: int) -> list[tuple[str, date, date | None]]:
    held = CustomerClassification
    statement = (
        select(ClassificationValue.code, held.valid_from, held.valid_to)
        .join(ClassificationValue, ClassificationValue.id == held.value_id)
        .where(held.customer_id == customer_id)
        .order_by(held.id)
    )
    return [tuple(row) for row in db.session.execute(statement)]


def test_the_next_publication_closes_what_changed_and_leaves_what_did_not(three):
    with access.acting(access.SYSTEM):
        first = official(shop.scheme())
        publishing.publish(first, date(2026, 1, 15))
        shop.order(three["K2"], "2026-06-01T10:00", 1000)
        second = official(shop.scheme(), "2026-01-01..2026-12-31")
        publishing.publish(second, date(2027, 1, 10))
        assert classes(three["K2"]) == [
            ("UNQUALIFIED", date(2026, 1, 15), date(2027, 1, 10)),
            ("QUALITY", date(2027, 1, 10), None),
        ]
        assert classes(three["K3"]) == [("UNQUALIFIED", date(2026, 1, 15), None)]
        assert db.session.get_one(EvalRun, first).status is RunStatus.superseded
        grades = dict(
            tuple(row) for row in db.session.execute(select(EvalCurrent.subject_id, EvalCurrent.grade))
        )
        assert grades == {three["K1"]: "UNQUALIFIED", three["K2"]: "QUALITY", three["K3"]: "UNQUALIFIED"}
        with pytest.raises(WrongState):
            publishing.publish(first)


def test_a_trial_is_never_published(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM), pytest.raises(WrongState):
        publishing.publish(run_id)
    with access.acting(access.SYSTEM):
        assert db.session.get_one(Customer, three["K1"]).grade is None


@pytest.mark.req("L-22")
def test_a_run_keeps_the_scheme_it_was_made_with(three):
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        begun = runs.start("SHOP", pin(YEAR))
        changed = shop.scheme()
        changed["indicators"]["amount"]["method"]["to"] = "CNY 300"
        with transaction():
            packing.keep("SHOP", changed, published=True)
        runs.compute(begun)
        after = runs.start("SHOP", pin(YEAR))
        runs.compute(after)
    assert results(begun)["K2"][4] == 3_833
    assert results(after)["K2"][4] == 8_500
    with access.acting(access.SYSTEM):
        assert explaining.explain(begun, "K2").indicators[0].score == 3_333


@pytest.mark.req("L-22")
def test_sealed_results_never_change(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    for statement in (
        "UPDATE eval_result SET total = 1 WHERE run_id = :run",
        "DELETE FROM eval_result WHERE run_id = :run",
        "INSERT INTO eval_result (run_id, subject_id, flags) VALUES (:run, 999, 0)",
    ):
        with access.acting(access.SYSTEM), pytest.raises(Exception, match="sealed"), transaction():
            db.session.execute(text(statement), {"run": run_id})


def test_a_result_belongs_to_an_open_run_and_a_run_outlives_its_results(three):
    sealed = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        begun = runs.start_trial(shop.scheme(), pin(YEAR))
        with transaction():
            db.session.execute(
                text("INSERT INTO eval_result (run_id, subject_id, flags) VALUES (:run, 1, 0)"),
                {"run": begun},
            )
        for statement in (
            "INSERT INTO eval_result (run_id, subject_id, flags) VALUES (:none, 1, 0)",
            "UPDATE eval_result SET run_id = :none WHERE run_id = :begun",
            "UPDATE eval_result SET run_id = :sealed, subject_id = 999 WHERE run_id = :begun",
            "DELETE FROM eval_run WHERE id = :begun",
        ):
            given = {"begun": begun, "sealed": sealed, "none": 4_711}
            with pytest.raises(Exception, match="sealed"), transaction():
                db.session.execute(
                    text(statement).bindparams(**{k: v for k, v in given.items() if f":{k}" in statement})
                )
        runs.compute(begun)
        assert db.session.get_one(EvalRun, begun).checksum == db.session.get_one(EvalRun, sealed).checksum


# ---- comparison --------------------------------------------------------------------------------------------------------


def test_a_comparison_counts_who_moved_where(three):
    first = shop.trial(shop.scheme(), YEAR)
    shop.order(three["K3"], "2025-09-01T10:00", 900)
    second = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        found = comparing.compare(first, second)
        assert {(move.before, move.after): move.subjects for move in found.moves} == {
            ("QUALITY", "QUALITY"): 1,
            ("UNQUALIFIED", "UNQUALIFIED"): 1,
            ("UNQUALIFIED", "QUALITY"): 1,
        }
        assert [(mover.code, mover.difference) for mover in found.movers] == [("K3", 6_300)]
        same = comparing.compare(first, first)
        assert all(move.before == move.after for move in same.moves) and same.movers == []


def test_means_are_given_with_their_number(three):
    run_id = shop.trial(shop.scheme(), YEAR)
    with access.acting(access.SYSTEM):
        lines = {line.grade.code: line for line in reading.summary(reading.open_run(run_id))}
    assert (lines["UNQUALIFIED"].subjects, lines["UNQUALIFIED"].means["amount"]) == (2, Decimal("166.665"))


# ---- other sources -----------------------------------------------------------------------------------------------------


def test_visits_documents_and_returns_are_measured(three):
    shop.visit(three["K1"], "2025-02-01T08:00")
    shop.order(three["K1"], "2025-10-01T10:00", -100, kind=DocumentKind.goods_return)
    body = shop.scheme()
    body["measures"]["visits"] = {"zh": "走访", "en": "Visits", "source": "visits", "aggregate": "count"}
    body["measures"]["returns"] = {
        "zh": "退货率",
        "en": "Returns",
        "source": "order_lines",
        "aggregate": "ratio",
        "of": 'kind = "goods_return"',
        "over": "qty > 0 units",
        "where": 'document_status = "confirmed"',
    }
    body["indicators"] = {
        "amount": body["indicators"]["amount"] | {"weight": "100 %"},
        "visit": {"zh": "走访", "en": "Visits", "value": "visits + 0"},
        "back": {"zh": "退货", "en": "Returned", "value": "returns"},
    }
    run_id = shop.trial(body, YEAR)
    with access.acting(access.SYSTEM):
        rows = {
            row["code"]: row
            for row in db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        }
    assert (rows["K1"]["v01"], rows["K1"]["v02"], rows["K1"]["v03"]) == (9_000_000, 1, 500_000)
    assert (rows["K3"]["v02"], rows["K3"]["v03"]) == (0, None)


# ---- what is refused ---------------------------------------------------------------------------------------------------


def test_a_trial_over_a_field_one_may_not_read_is_refused_by_its_name(three, people):
    body = shop.scheme()
    body["measures"]["bought"]["of"] = "amount - cost * qty"
    with access.acting(people.principal("hana")), pytest.raises(NotAllowed):
        runs.start_trial(body, pin(YEAR))  # may not run at all
    marketing = replace_role(people, "hana", "marketing")
    with access.acting(marketing), pytest.raises(NotAllowed, match="单位成本"):
        runs.start_trial(body, pin(YEAR))
    with access.acting(marketing):
        runs.start_trial(shop.scheme(), pin(YEAR))


def replace_role(people, person: str, name: str) -> access.Principal:
    with access.acting(access.SYSTEM), transaction():
        role = db.session.scalars(select(Role).where(Role.name == name)).one()
        db.session.get_one(User, people.users[person]).roles = [role]
    db.session.remove()
    return people.principal(person)


def test_a_division_by_zero_is_a_missing_value_and_never_a_zero(three):
    body = recency("fail")
    body["indicators"]["recent"] |= {
        "value": "ratio(bought, CNY 0)",
        "method": {"kind": "linear", "from": "0 %", "to": "100 %"},
    }
    with access.acting(access.SYSTEM):
        rows = db.session.execute(reading.visible(reading.open_run(shop.trial(body, YEAR)))).mappings()
        assert {(row["v03"], row["s03"], row["grade_no"]) for row in rows} == {(None, None, None)}


def test_a_period_that_has_not_begun_is_refused():
    with pytest.raises(BadRequest, match="尚未开始"):
        pin("2999-01-01..2999-12-31")


# ---- wider measures ----------------------------------------------------------------------------------------------------


def test_months_whole_sums_other_days_and_each_of_one_s_customers_are_measured(three, people):
    shop.order(three["K1"], "2025-03-20T10:00", 1)
    shop.order(three["K1"], "2025-07-31T16:00", 1)  # already August in the company's time
    one = {"zh": "量", "en": "M", "source": "order_lines", "where": 'document_status = "confirmed"'}
    measures = {
        "months": one | {"aggregate": "months"},
        "whole": one | {"aggregate": "sum", "of": "amount", "whole": True},
    }
    indicators = {key: {"zh": key, "en": key.title(), "value": key} for key in measures}
    body = {"scheme": "WIDE", "zh": "宽", "en": "Wide", "subject": "customer"}
    with access.acting(access.SYSTEM):
        run_id = shop.trial(body | {"measures": measures, "indicators": indicators}, YEAR)
        rows = {
            row["code"]: row
            for row in db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        }
        assert [(rows[code]["v01"]) for code in ("K1", "K2", "K3")] == [2, 1, 0]
        assert {row["v02"] for row in rows.values()} == {(1000 + 2) * 10_000 + 3_333_300}
        each = {
            "zh": "占比",
            "en": "Share",
            "source": "customers",
            "window": "all",
            "aggregate": "ratio",
            "of": "bought >= CNY 1000",
            "over": "name is not missing",
            "with": {"bought": one | {"aggregate": "sum", "of": "amount"}},
        }
        staff = body | {
            "subject": "employee",
            "measures": {"share": each},
            "indicators": {"share": {"zh": "占比", "en": "Share", "value": "share"}},
        }
        run_id = shop.trial(staff, "2025-01-01..2026-11-01")
        rows = {
            row["code"]: row["v01"]
            for row in db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        }
        assert (rows["T001"], rows["T002"], rows["T003"]) == (1_000_000, 0, None)
        explained = explaining.explain(run_id, "T001")
        assert [(line.counted, line.value) for line in explained.measures] == [(1, 1_000_000)]
