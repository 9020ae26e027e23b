"""Sheets of new-customer incentives, by their month."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import IncentiveMonth, IncentiveSheet, QuotaOf
from app.words import Words
from app.workflows.evaluation.sources import UNITS, Source, closed, in_unit, key, money, number, table_of

SHEET = table_of(IncentiveSheet).alias("sheet")
MONTH = table_of(IncentiveMonth).alias("month_row")
BEGINS = sa.select(MONTH.c.month).where(MONTH.c.id == SHEET.c.month_id).correlate(SHEET).scalar_subquery()

SOURCE = Source(
    name="incentive_sheets",
    words=Words("新客户激励单", "Incentive sheets"),
    table=SHEET,
    subjects={"employee": SHEET.c.owner_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={"unit": in_unit(SHEET.c.org_unit_id)},
    time=sa.type_coerce(BEGINS, sa.Date()),
    columns=(
        key("sheet", SHEET.c.id, "激励单", "Sheet"),
        closed("whose", SHEET.c.quota_of, QuotaOf, "对象", "Whose"),
        number("counted", SHEET.c.counted, "新客户数", "New customers"),
        number("quota", SHEET.c.quota, "任务", "Quota"),
        money("total", SHEET.c.total, "合计", "Total"),
    ),
    stands=sa.true(),
    fallen=Words("不计", "not counted"),
    shown=("whose", "counted", "quota", "total"),
)
