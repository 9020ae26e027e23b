"""What inspections looked at, item by item, by the day of the inspection; it counts for the unit inspected."""

from __future__ import annotations

import sqlalchemy as sa

from app.models import Inspection, InspectionItem
from app.words import Words
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    in_unit,
    key,
    number,
    points,
    table_of,
    text,
)

ITEM = table_of(InspectionItem).alias("inspected_item")
INSPECTION = table_of(Inspection).alias("inspection_row")
DAY = (
    sa.select(INSPECTION.c.held_on)
    .where(INSPECTION.c.id == ITEM.c.inspection_id)
    .correlate(ITEM)
    .scalar_subquery()
)

SOURCE = Source(
    name="inspection_items",
    words=Words("检查项", "Items inspected"),
    table=ITEM,
    subjects={"unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "inspection": Join(INSPECTION, INSPECTION.c.id == ITEM.c.inspection_id),
        "unit": in_unit(INSPECTION.c.unit_id, "inspection"),
    },
    time=sa.type_coerce(DAY, sa.Date()),
    columns=(
        key("inspection", ITEM.c.inspection_id, "检查", "Inspection"),
        text("title", INSPECTION.c.title, "检查名称", "Title", "inspection"),
        text("item", ITEM.c.item, "检查内容", "Item"),
        number("weight", ITEM.c.weight, "权重", "Weight"),
        points("points", ITEM.c.points, "分数", "Points"),
    ),
    stands=ITEM.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("title", "item", "weight", "points"),
)
