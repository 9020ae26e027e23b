"""New customers as the incentives of each month counted them, by the month they were won in."""

from __future__ import annotations

from app.models import IncentiveKind, IncentiveLine, IncentiveSheet
from app.words import Words
from app.workflows.evaluation.sources import UNITS, Join, Source, closed, day, in_unit, key, money, table_of

LINE = table_of(IncentiveLine).alias("incentive_line_row")
SHEET = table_of(IncentiveSheet).alias("sheet_row")

SOURCE = Source(
    name="new_customers",
    words=Words("新客户", "New customers"),
    table=LINE,
    subjects={"customer": LINE.c.customer_id, "employee": SHEET.c.owner_id, "unit": UNITS.c.above_id},
    via={"employee": "sheet", "unit": "unit"},
    joins={
        "sheet": Join(SHEET, SHEET.c.id == LINE.c.sheet_id),
        "unit": in_unit(SHEET.c.org_unit_id, "sheet"),
    },
    time=LINE.c.acquired,
    columns=(
        key("line", LINE.c.id, "明细", "Line"),
        key("customer", LINE.c.customer_id, "客户", "Customer"),
        closed("kind", LINE.c.kind, IncentiveKind, "类型", "Kind"),
        day("acquired", LINE.c.acquired, "新增月份", "Acquired in"),
        money("net", LINE.c.net, "净采购额", "Net purchases"),
        money("amount", LINE.c.amount, "金额", "Amount"),
    ),
    stands=LINE.c.kind == IncentiveKind.counted,
    fallen=Words("不是新增", "no new customer"),
    shown=("acquired", "net"),
)
