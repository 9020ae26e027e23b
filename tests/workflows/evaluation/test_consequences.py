"""What a published grade brings about, as the policies of its class say: ceilings, duties, a risk case, a task to improve."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.extensions import db, transaction
from app.models import Parameter, PolicyKey, Risk, RiskKind, Task, TaskStatus
from app.services import access, classes, packs, preferences
from app.workflows.evaluation import packing, publishing, runs
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import shop

FIRST, SECOND = "2025-01-01..2025-12-31", "2026-01-01..2026-12-31"


@pytest.fixture
def two(in_app) -> dict[str, int]:
    """K1 buys for 1,000 in the first year and nothing in the second, K2 the other way round; neither complains."""
    found = {code: shop.customer(code) for code in ("K1", "K2")}
    shop.order(found["K1"], "2025-03-01T10:00", 1000)
    shop.order(found["K2"], "2026-03-01T10:00", 1000)
    return found


def publish(period: str, on: date) -> int:
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        run_id = runs.start("SHOP", pin(period))
        runs.compute(run_id)
        publishing.publish(run_id, on)
        return run_id


def asked(customer_id: int) -> dict[str, Any]:
    with access.acting(access.SYSTEM):
        return {
            one.key.value: (one.number, one.value.en, one.since) for one in classes.treatment(customer_id)
        }


@pytest.mark.req("C-21", "L-13")
def test_ceilings_and_duties_change_with_the_grade_and_name_the_class_they_come_from(two):
    with access.acting(access.SYSTEM):
        assert preferences.standard_rate(two["K1"]) == Decimal("0.02")  # no class yet: as everybody
    publish(FIRST, date(2026, 1, 15))
    assert asked(two["K1"])["visits"] == (4, "Quality", date(2026, 1, 15))
    publish(SECOND, date(2027, 1, 10))
    after = asked(two["K1"])
    assert after["discount"] == (0, "Unqualified", date(2027, 1, 10))
    assert after["credit"] == (0, "Unqualified", date(2027, 1, 10))
    assert asked(two["K2"])["discount"] == (10, "Quality", date(2027, 1, 10))
    with access.acting(access.SYSTEM):
        assert preferences.standard_rate(two["K1"]) == 0
        assert preferences.standard_rate(two["K2"]) == Decimal("0.1")


def test_of_the_classes_a_customer_holds_the_strictest_counts(two):
    publish(FIRST, date(2026, 1, 15))
    with access.acting(access.SYSTEM):
        with transaction():
            classes.hold(two["K1"], "CREDIT", "C", "slow payer")
        found = {one.key: one for one in classes.treatment(two["K1"])}
        assert found[PolicyKey.payment_days].number == 15
        assert found[PolicyKey.payment_days].reason == "slow payer"
        assert found[PolicyKey.discount].value.en == "Quality"
        assert classes.strictest(PolicyKey.payment_days, two.values()) == {two["K1"]: 15, two["K2"]: 0}
        with transaction():
            classes.hold(two["K1"], "KEY-TIER", "GENERAL", "on the list")
            db.session.add(Parameter(key=preferences.SCHEME, name_zh="依据", name_en="by", value="KEY-TIER"))
        assert preferences.standard_rate(two["K1"]) == Decimal("0.05")


@pytest.mark.req("L-13")
def test_a_fall_of_two_grades_opens_a_risk_and_a_poor_grade_a_task_once(two):
    publish(FIRST, date(2026, 1, 15))
    tasks = sa.select(Task.customer_id, Task.due_on, Task.status).order_by(Task.id)
    with access.acting(access.SYSTEM):
        assert db.session.execute(tasks).all() == [(two["K2"], date(2026, 2, 14), TaskStatus.open)]
        assert db.session.scalar(sa.select(sa.func.count(Risk.id))) == 0  # nobody fell: it is the first grade
    publish(SECOND, date(2027, 1, 10))
    publish(SECOND, date(2027, 1, 11))  # a correction with the same grades asks for nothing again
    with access.acting(access.SYSTEM):
        assert [row.customer_id for row in db.session.execute(tasks)] == [two["K2"], two["K1"]]
        (risk,) = db.session.scalars(sa.select(Risk)).all()
        assert (risk.customer_id, risk.kind, risk.identified_on) == (
            two["K1"],
            RiskKind.operation,
            date(2027, 1, 10),
        )
        assert "优质" in risk.description or "Quality" in risk.description


def test_a_class_with_senseless_policies_is_refused_by_name(in_app, tmp_path):
    del in_app
    (tmp_path / "pack.yaml").write_text(
        "{code: odd, zh: 怪, en: Odd, version: '1', requires: [base]}\n", "utf-8"
    )
    (tmp_path / "classifications.yaml").write_text(
        "- {code: ODD, zh: 怪, en: Odd, values: ["
        "{code: A, zh: 甲, en: A, policies: {visits: -1}}, {code: B, zh: 乙, en: B, policies: {discount: 101}},"
        "{code: C, zh: 丙, en: C, policies: {gift: 1}}, {code: D, zh: 丁, en: D, policies: [1]}]}\n",
        "utf-8",
    )
    told = " ".join(one.sentence.en for one in packs.lint(str(tmp_path)))
    for word in ("visits", "100 %", "gift", "policies"):
        assert word in told
