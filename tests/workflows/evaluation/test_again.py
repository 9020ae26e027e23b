"""What is bought again: rows of later days than that of a subject's first row that counts."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.errors import BadInput
from app.extensions import db
from app.models import TradeLine
from app.services import access
from app.workflows.evaluation import explaining, schemes
from tests.workflows.evaluation import retail, shop

YEAR = "2025-01-01..2025-12-31"


def repeats(**more) -> dict:
    """The shop's scheme over what is bought after the first day."""
    body = shop.scheme()
    body["measures"]["bought"] |= {"again": True, **more}
    return body


@pytest.fixture
def buyers(world, in_app) -> dict[str, int]:
    """K1 comes again the next company day, though the same day by the clock of Greenwich; K2 only on one day."""
    ids = {
        code: shop.customer(code, owner_id=world.employees["ann"], org_unit_id=world.unit_of("ann"))
        for code in ("K1", "K2")
    }
    shop.order(ids["K1"], "2024-12-31T10:00", 7)
    shop.order(ids["K1"], "2025-03-01T01:00", 500, status=shop.DocumentStatus.draft)
    shop.order(ids["K1"], "2025-03-01T10:00", 100)
    shop.order(ids["K1"], "2025-03-01T15:59", 20)
    shop.order(ids["K1"], "2025-03-01T16:00", 300)
    shop.order(ids["K1"], "2025-05-01T10:00", 45)
    shop.order(ids["K2"], "2025-03-01T10:00", 900)
    return ids


@pytest.mark.req("L-02")
def test_the_first_day_is_that_of_the_first_row_that_counts_in_company_time(buyers):
    run_id = shop.trial(repeats(), YEAR)
    found = {row["subject_id"]: row["v01"] for row in retail.result_rows(run_id)}
    assert found == {buyers["K1"]: 345_0000, buyers["K2"]: 0}


def test_the_explanation_lists_what_was_bought_again_and_leaves_out_the_first_day(buyers):
    run_id = shop.trial(repeats(), YEAR)
    with access.acting(access.SYSTEM):
        bought = explaining.explain(run_id, "K1").measures[0]
        ids = [row.id for row in bought.rows if row.left_out is None]
        amount = db.session.scalar(sa.select(sa.func.sum(TradeLine.amount)).where(TradeLine.id.in_(ids)))
    assert (bought.counted, bought.value, amount) == (2, 345_0000, 345)
    reasons = sorted(str(row.left_out.en) for row in bought.rows if row.left_out)
    assert reasons[2:] == ["on the first day", "on the first day"]
    assert "after the first day" in bought.how.en


def test_the_rows_of_all_subjects_have_no_first_day():
    with pytest.raises(BadInput) as refused:
        schemes.load(repeats(whole=True))
    assert [problem.field for problem in refused.value.problems] == ["measures.bought.again"]
