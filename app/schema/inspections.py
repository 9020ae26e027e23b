"""Supervision: what an inspection of a unit looked at, item by item, and how each item was found."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, Integer
from sqlalchemy.orm import Mapped, relationship

from app.columns import Id, Long, PointsType, Rows, Short, belongs_to, field, rule
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped

if TYPE_CHECKING:
    from app.schema.people import Employee, OrgUnit


class Inspection(Stamped, Binned, Extended, Model):
    """An inspection of one unit on a day (SM-19)."""

    __tablename__ = "inspection"
    __label__ = "监督检查", "Inspections"
    __rows__ = Rows.owned
    __title__ = ("title", "held_on")
    __table_args__ = (Index("ix_inspection_scope", "org_unit_id", "id"),)

    id: Mapped[Id]
    title: Mapped[Short] = field(zh="检查名称", en="Title", listed=True, search=True)
    unit_id: Mapped[int] = belongs_to("org_unit.id", zh="被检查部门", en="Unit inspected", listed=True)
    held_on: Mapped[date] = field(Date, zh="检查日期", en="Day", listed=True, sort=True)
    conclusion: Mapped[Long | None] = field(zh="检查结论", en="Conclusion")
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="检查人", en="Inspector", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="检查部门", en="Department", edit=False)

    unit: Mapped[OrgUnit] = relationship(foreign_keys="Inspection.unit_id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Inspection.owner_id")
    items: Mapped[list[InspectionItem]] = relationship(
        back_populates="inspection", order_by="InspectionItem.id"
    )


class InspectionItem(Stamped, Binned, Extended, Model):
    """One thing an inspection looked at: its weight, and the points it got of a hundred."""

    __tablename__ = "inspection_item"
    __label__ = "检查项", "Items inspected"
    __rows__ = Rows.follows
    __follows__ = "inspection_id"
    __title__ = ("item",)
    __table_args__ = (
        rule("weight_above_zero", "weight > 0", zh="权重要大于 0。", en="A weight is above 0."),
        rule(
            "points_in_range",
            "points >= 0 AND points <= 10000",
            zh="分数须在 0 到 100 之间。",
            en="Points lie between 0 and 100.",
        ),
    )

    id: Mapped[Id]
    inspection_id: Mapped[int] = belongs_to(
        "inspection.id", zh="检查", en="Inspection", listed=True, ondelete="CASCADE"
    )
    item: Mapped[Short] = field(zh="检查内容", en="Item", listed=True)
    weight: Mapped[int] = field(Integer, zh="权重", en="Weight", listed=True, default=1)
    points: Mapped[Decimal] = field(PointsType, zh="分数", en="Points", listed=True)
    finding: Mapped[Long | None] = field(zh="发现", en="Finding", listed=True)

    inspection: Mapped[Inspection] = relationship(back_populates="items")
