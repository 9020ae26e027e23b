"""Plans with their lines, and the yearly list of key customers."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, Integer, String
from sqlalchemy.orm import Mapped, relationship

from app.columns import (
    Choice,
    Flag,
    Id,
    Long,
    MoneyType,
    Rows,
    Short,
    belongs_to,
    field,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped

if TYPE_CHECKING:
    from app.schema.customers import Customer
    from app.schema.people import Employee


class PlanKind(Choice):
    """What a plan is for."""

    visit = enum.auto(), "走访计划", "Visit plan"
    sales = enum.auto(), "年度销售计划", "Annual sales plan"
    development = enum.auto(), "客户开发计划", "Development plan"
    marketing = enum.auto(), "市场推广计划", "Marketing plan"
    maintenance = enum.auto(), "客户维护计划", "Maintenance plan"


class PlanStatus(Choice):
    """Where a plan stands (SM-13, SM-16, coarse)."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "执行中", "In execution", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    completed = enum.auto(), "已完成", "Completed", "end"
    superseded = enum.auto(), "已被新版替代", "Superseded", "end"


class Plan(Stamped, Binned, Extended, Model):
    """A plan of a period: who is visited when, what is sold to whom; an adjustment is a new edition."""

    __tablename__ = "plan"
    __label__ = "工作计划", "Plans"
    __rows__ = Rows.owned
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_plan_no", "no", "edition", zh="计划编号已存在。", en="This plan number is in use."),
        rule(
            "dates_in_order",
            "period_end >= period_start",
            zh="结束日期不能早于开始日期。",
            en="The end cannot come before the start.",
        ),
        rule(
            "target_not_negative",
            "target_amount IS NULL OR target_amount >= 0",
            zh="目标金额不能为负。",
            en="The target cannot be negative.",
        ),
        Index("ix_plan_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="计划编号", en="Plan no.", edit=False, listed=True, sort=True, search=True
    )
    title: Mapped[Short] = field(zh="计划名称", en="Title", listed=True, search=True)
    kind: Mapped[PlanKind] = field(
        one_of(PlanKind), zh="类型", en="Kind", listed=True, default=PlanKind.visit
    )
    period_start: Mapped[date] = field(Date, zh="开始日期", en="From", listed=True, sort=True)
    period_end: Mapped[date] = field(Date, zh="结束日期", en="Until", listed=True)
    target_amount: Mapped[Decimal | None] = field(MoneyType, zh="目标金额", en="Target", listed=True)
    market_analysis: Mapped[Long | None] = field(zh="市场分析", en="Market analysis")
    strategy: Mapped[Long | None] = field(zh="策略", en="Strategy")
    measures: Mapped[Long | None] = field(zh="行动措施", en="Action plan")
    resources: Mapped[Long | None] = field(zh="资源安排", en="Resources")
    below_minimum: Mapped[Flag] = field(
        zh="低于最低走访次数", en="Below the least number of visits", edit=False
    )
    exception_reason: Mapped[Long | None] = field(zh="例外说明", en="Why it may be below")
    supersedes_id: Mapped[int | None] = belongs_to("plan.id", zh="调整自", en="Adjusts")
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", edit=False, default=1)
    status: Mapped[PlanStatus] = field(
        one_of(PlanStatus), zh="状态", en="Status", edit=False, listed=True, default=PlanStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="编制人", en="Made by", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="编制部门", en="Department", edit=False)

    supersedes: Mapped[Plan | None] = relationship(remote_side="Plan.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Plan.owner_id")
    lines: Mapped[list[PlanLine]] = relationship(back_populates="plan", order_by="PlanLine.id")


class PlanLine(Stamped, Binned, Extended, Model):
    """A line of a plan: a visit with its day, visitor and content, or a target of a customer or seller (H-09, D-52)."""

    __tablename__ = "plan_line"
    __label__ = "计划明细", "Plan lines"
    __rows__ = Rows.follows
    __follows__ = "plan_id"
    __title__ = ("plan", "customer")
    __table_args__ = (
        rule(
            "amount_not_negative",
            "amount IS NULL OR amount >= 0",
            zh="目标金额不能为负。",
            en="The target cannot be negative.",
        ),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = belongs_to("plan.id", zh="计划", en="Plan", listed=True, ondelete="CASCADE")
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    employee_id: Mapped[int | None] = belongs_to("employee.id", zh="执行人", en="Who", listed=True)
    on: Mapped[date | None] = field(Date, zh="日期", en="Day", listed=True)
    content: Mapped[Long | None] = field(zh="内容", en="Content", listed=True)
    amount: Mapped[Decimal | None] = field(MoneyType, zh="目标金额", en="Target", listed=True)

    plan: Mapped[Plan] = relationship(back_populates="lines")
    customer: Mapped[Customer | None] = relationship()
    employee: Mapped[Employee | None] = relationship()


class KeyListStatus(Choice):
    """Where a list of key customers stands (SM-18, coarse)."""

    draft = enum.auto(), "清理中", "Under review"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已发布", "Published", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"


class KeyList(Stamped, Binned, Extended, Model):
    """The list of key customers of a year, or a change of it within the year (C-18…C-20)."""

    __tablename__ = "key_list"
    __label__ = "重点客户名单", "Key-customer lists"
    __rows__ = Rows.owned
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_key_list_no", "no", zh="名单编号已存在。", en="This list number is in use."),
        Index("ix_key_list_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="名单编号", en="List no.", edit=False, listed=True, sort=True, search=True
    )
    title: Mapped[Short] = field(zh="名单名称", en="Title", listed=True, search=True)
    year: Mapped[int] = field(Integer, zh="年度", en="Year", listed=True, sort=True, form="year")
    note: Mapped[Long | None] = field(zh="清理说明", en="Note on the review")
    status: Mapped[KeyListStatus] = field(
        one_of(KeyListStatus), zh="状态", en="Status", edit=False, listed=True, default=KeyListStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="编制人", en="Made by", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="编制部门", en="Department", edit=False)

    owner: Mapped[Employee | None] = relationship(foreign_keys="KeyList.owner_id")
    rows: Mapped[list[KeyListRow]] = relationship(back_populates="key_list", order_by="KeyListRow.id")


class KeyTier(Choice):
    """How much of a key customer; the words are those of the classes of scheme KEY-TIER, in small letters."""

    core = enum.auto(), "核心重点客户", "Core key customer"
    important = enum.auto(), "重要重点客户", "Important key customer"
    general = enum.auto(), "一般重点客户", "General key customer"


class KeyCriterion(Choice):
    """By what a customer is a key customer (C-18): one is enough."""

    income = enum.auto(), "主要收入来源", "Main source of income"
    awareness = enum.auto(), "行业知名度与美誉度", "Known and esteemed in the industry"
    cooperation = enum.auto(), "合作长期稳定且可深化", "Long and deepening cooperation"


class ListChange(Choice):
    """What becomes of a customer on the list."""

    keep = enum.auto(), "保留", "Keep"
    join = enum.auto(), "新增", "Add", "ok"  # type: ignore[assignment]
    move = enum.auto(), "调整层级", "Change tier", "warn"
    drop = enum.auto(), "移出", "Drop", "bad"


class KeyListRow(Stamped, Binned, Extended, Model):
    """A customer on the list: tier, criterion with its evidence, and what changes for him and why."""

    __tablename__ = "key_list_row"
    __label__ = "名单明细", "Rows of key-customer lists"
    __rows__ = Rows.follows
    __follows__ = "key_list_id"
    __title__ = ("key_list", "customer")
    __table_args__ = (
        unique(
            "uq_key_list_row_customer",
            "key_list_id",
            "customer_id",
            zh="该客户已在名单中。",
            en="This customer is on the list already.",
        ),
        rule(
            "change_has_reason",
            "change = 'keep' OR reason IS NOT NULL",
            zh="新增、调整或移出须说明原因。",
            en="Adding, changing and dropping need a reason.",
        ),
    )

    id: Mapped[Id]
    key_list_id: Mapped[int] = belongs_to(
        "key_list.id", zh="名单", en="List", listed=True, ondelete="CASCADE"
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    change: Mapped[ListChange] = field(
        one_of(ListChange), zh="变动", en="Change", listed=True, default=ListChange.keep
    )
    tier: Mapped[KeyTier] = field(one_of(KeyTier), zh="层级", en="Tier", listed=True, default=KeyTier.general)
    criterion: Mapped[KeyCriterion] = field(
        one_of(KeyCriterion), zh="入选标准", en="Criterion", listed=True, default=KeyCriterion.income
    )
    evidence: Mapped[Long | None] = field(zh="依据", en="Evidence")
    reason: Mapped[Long | None] = field(zh="变动原因", en="Reason", listed=True)

    key_list: Mapped[KeyList] = relationship(back_populates="rows")
    customer: Mapped[Customer] = relationship()
