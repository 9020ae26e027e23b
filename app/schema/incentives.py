"""Incentives for new customers: the rules of a policy as rows, and the monthly sheet of each seller payroll pays by."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Long,
    MomentType,
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
from app.schema.common import Stamped, Switched

if TYPE_CHECKING:
    from app.schema.customers import Customer
    from app.schema.people import Employee, OrgUnit, Position


class RulePurpose(Choice):
    """What a rule of incentives decides."""

    quota = enum.auto(), "开发任务", "Quota"
    counted = enum.auto(), "计数起点", "Least purchase to count"
    deviation = enum.auto(), "超欠任务奖惩", "Beyond or short of the quota"
    tier = enum.auto(), "采购奖励", "Purchase bonus"
    fine = enum.auto(), "造假处罚", "Fine for fraud"


class QuotaOf(Choice):
    """Whose a quota is."""

    person = enum.auto(), "每人", "Each person"
    unit = enum.auto(), "每部门", "The department"


class ThresholdRule(Stamped, Switched, Model):
    """One number of an incentive policy, in force from a day on; which of its columns count depends on its purpose.

    A quota is a number of customers a month, of each seller of a department (those of a position, where one is named)
    or of the department as a whole; that of the nearest department counts, one without department for all others. A tier pays `amount` once purchases of the month reach `lower`; `month_offset` 0 is
    the month of the first order. Of the tiers of one month and one group only the highest reached is paid.
    """

    __tablename__ = "threshold_rule"
    __label__ = "激励规则", "Incentive rules"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_threshold_rule_code", "code", zh="规则编号已存在。", en="This rule code is in use."),
        rule(
            "has_its_numbers",
            "CASE purpose WHEN 'quota' THEN number IS NOT NULL AND quota_of IS NOT NULL"
            " WHEN 'counted' THEN lower IS NOT NULL WHEN 'deviation' THEN amount IS NOT NULL"
            " WHEN 'tier' THEN month_offset IS NOT NULL AND lower IS NOT NULL AND amount IS NOT NULL"
            " ELSE number IS NOT NULL END",
            zh="该类规则缺少数值：任务要有对象和数量，起点要有下限，奖励要有月次、下限和金额，处罚要有倍数。",
            en="A number is missing: a quota needs whose it is and its number, a least purchase its lower bound,"
            " a bonus its month, lower bound and amount, a fine its multiple.",
        ),
        rule(
            "dates_in_order",
            "valid_to IS NULL OR valid_to >= valid_from",
            zh="结束日期不能早于开始日期。",
            en="The end cannot come before the start.",
        ),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    purpose: Mapped[RulePurpose] = field(one_of(RulePurpose), zh="用途", en="Purpose", listed=True)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="部门", en="Department", listed=True)
    position_id: Mapped[int | None] = belongs_to("position.id", zh="岗位", en="Position")
    quota_of: Mapped[QuotaOf | None] = field(one_of(QuotaOf), zh="任务对象", en="Whose quota", listed=True)
    number: Mapped[int | None] = field(
        Integer,
        zh="数量或倍数",
        en="Number or multiple",
        listed=True,
        help_zh="任务：每月客户数；处罚：奖金的倍数",
        help_en="quota: customers a month; fine: times the bonus",
    )
    month_offset: Mapped[int | None] = field(
        Integer,
        zh="月次",
        en="Month",
        listed=True,
        help_zh="0 为首次下单当月",
        help_en="0 is the month of the first order",
    )
    lower: Mapped[Decimal | None] = field(MoneyType, zh="下限", en="Lower bound", listed=True)
    inclusive: Mapped[Flag] = field(zh="含下限", en="Bound included", listed=True)
    amount: Mapped[Decimal | None] = field(MoneyType, zh="金额", en="Amount", listed=True)
    exclusive_group: Mapped[Code | None] = field(
        zh="互斥组",
        en="Exclusive group",
        help_zh="同组奖励只取最高一档；不填则同月为一组",
        help_en="only the highest bonus of a group is paid; empty: all of the month are one group",
    )
    valid_from: Mapped[date] = field(Date, zh="生效日期", en="In force from", listed=True)
    valid_to: Mapped[date | None] = field(Date, zh="失效日期", en="In force until")
    article: Mapped[Short | None] = field(zh="依据", en="Basis")

    org_unit: Mapped[OrgUnit | None] = relationship()
    position: Mapped[Position | None] = relationship()


class IncentiveStatus(Choice):
    """Where a month of incentives stands (SM-28, coarse)."""

    draft = enum.auto(), "已计算", "Calculated"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    exported = enum.auto(), "已交薪酬", "Handed to payroll", "end"


class IncentiveMonth(Stamped, Model):
    """A month of incentives: calculated, checked and approved, handed to payroll; from then on it never changes."""

    __tablename__ = "incentive_month"
    __label__ = "新客户激励月结", "Incentive months"
    __rows__ = Rows.owned
    __title__ = ("month",)
    __table_args__ = (
        Index("uq_incentive_month_month", "month", unique=True),
        Index("ix_incentive_month_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    month: Mapped[date] = field(
        Date,
        zh="月份",
        en="Month",
        listed=True,
        sort=True,
        index=False,
        help_zh="该月任一日，按该月首日保存",
        help_en="any day of it; kept as its first",
    )
    status: Mapped[IncentiveStatus] = field(
        one_of(IncentiveStatus),
        zh="状态",
        en="Status",
        listed=True,
        edit=False,
        default=IncentiveStatus.draft,
    )
    customers: Mapped[int] = field(
        Integer, zh="新客户数", en="New customers", listed=True, edit=False, default=0
    )
    total: Mapped[Decimal] = field(
        MoneyType, zh="合计", en="Total", listed=True, edit=False, default=Decimal(0)
    )
    calculated_at: Mapped[datetime | None] = field(MomentType, zh="计算时间", en="Calculated", edit=False)
    exported_at: Mapped[datetime | None] = field(MomentType, zh="交薪酬时间", en="Handed over", edit=False)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="经办人", en="Prepared by", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    owner: Mapped[Employee | None] = relationship(foreign_keys="IncentiveMonth.owner_id")


class IncentiveSheet(Stamped, Model):
    """What one seller gets or owes for a month; that of a department's quota goes to its head."""

    __tablename__ = "incentive_sheet"
    __label__ = "新客户激励单", "Incentive sheets"
    __rows__ = Rows.owned
    __title__ = ("month", "owner")
    __table_args__ = (
        unique(
            "uq_incentive_sheet_of",
            "month_id",
            "quota_of",
            "org_unit_id",
            "owner_id",
            zh="该月已有此人的激励单。",
            en="This person has a sheet of this month.",
        ),
        Index("ix_incentive_sheet_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    month_id: Mapped[int] = belongs_to(
        "incentive_month.id", zh="月结", en="Month", listed=True, edit=False, ondelete="CASCADE", index=False
    )
    quota_of: Mapped[QuotaOf] = field(one_of(QuotaOf), zh="对象", en="Whose", listed=True, edit=False)
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="人员", en="Person", listed=True, edit=False)
    org_unit_id: Mapped[int | None] = belongs_to(
        "org_unit.id", zh="部门", en="Department", listed=True, edit=False
    )
    counted: Mapped[int] = field(Integer, zh="新客户数", en="New customers", listed=True, edit=False)
    quota: Mapped[int | None] = field(Integer, zh="任务", en="Quota", listed=True, edit=False)
    quota_amount: Mapped[Decimal] = field(
        MoneyType, zh="任务奖惩", en="For the quota", listed=True, edit=False
    )
    bonus: Mapped[Decimal] = field(MoneyType, zh="采购奖励", en="Purchase bonus", listed=True, edit=False)
    claw_back: Mapped[Decimal] = field(MoneyType, zh="退货扣回", en="Claw-back", listed=True, edit=False)
    fine: Mapped[Decimal] = field(
        MoneyType, zh="造假扣罚", en="Fraud: reversal and fine", listed=True, edit=False
    )
    total: Mapped[Decimal] = field(MoneyType, zh="合计", en="Total", listed=True, edit=False)

    month: Mapped[IncentiveMonth] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="IncentiveSheet.owner_id")
    org_unit: Mapped[OrgUnit | None] = relationship(foreign_keys="IncentiveSheet.org_unit_id")


class IncentiveKind(Choice):
    """What a line of a sheet is."""

    counted = enum.auto(), "新客户", "New customer"
    bonus = enum.auto(), "采购奖励", "Purchase bonus", "ok"
    correction = enum.auto(), "补发", "Made up for", "ok"
    claw_back = enum.auto(), "退货扣回", "Claw-back", "warn"
    reversal = enum.auto(), "造假收回", "Reversal for fraud", "bad"
    fine = enum.auto(), "造假罚款", "Fine for fraud", "bad"


class IncentiveLine(Model):
    """One reason of a sheet's amount: a customer counted, a bonus, or what is taken back of one.

    `acquired` is the month of the customer's first or reactivating order, `net` what it bought in the month
    `month_offset` after it, less returns of those goods.
    """

    __tablename__ = "incentive_line"
    __label__ = "激励明细", "Incentive lines"
    __rows__ = Rows.follows
    __follows__ = ("sheet_id",)
    __part__ = True
    __table_args__ = (Index("ix_incentive_line_customer", "customer_id", "acquired", "month_offset"),)

    id: Mapped[Id]
    sheet_id: Mapped[int] = mapped_column(ForeignKey("incentive_sheet.id", ondelete="CASCADE"), index=True)
    kind: Mapped[IncentiveKind] = field(one_of(IncentiveKind), zh="类型", en="Kind", listed=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True, index=False)
    acquired: Mapped[date] = field(Date, zh="新增月份", en="Acquired in", listed=True)
    month_offset: Mapped[int] = field(Integer, zh="月次", en="Month", listed=True)
    net: Mapped[Decimal | None] = field(MoneyType, zh="净采购额", en="Net purchases", listed=True)
    amount: Mapped[Decimal] = field(MoneyType, zh="金额", en="Amount", listed=True)

    sheet: Mapped[IncentiveSheet] = relationship()
    customer: Mapped[Customer] = relationship()


class FraudStatus(Choice):
    """Where a suspicion of fraud stands: investigated, then decided on."""

    draft = enum.auto(), "调查中", "Under investigation", "run"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "造假属实", "Confirmed", "bad"
    rejected = enum.auto(), "不成立", "Unfounded", "end"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"


class IncentiveFraud(Stamped, Model):
    """A customer suspected to be new in name only: without this record and its approval nobody is fined."""

    __tablename__ = "incentive_fraud"
    __label__ = "激励造假调查", "Incentive fraud"
    __rows__ = Rows.owned
    __title__ = ("customer", "acquired")
    __table_args__ = (
        rule("evidence_given", "length(evidence) > 0", zh="请写明调查证据。", en="The evidence is missing."),
        Index("ix_incentive_fraud_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    acquired: Mapped[date] = field(
        Date,
        zh="新增月份",
        en="Acquired in",
        listed=True,
        help_zh="该客户被计为新客户的月份中任一日",
        help_en="any day of the month it counted as new",
    )
    seller_id: Mapped[int] = belongs_to("employee.id", zh="当事人", en="Seller", listed=True)
    evidence: Mapped[Long] = field(zh="调查证据", en="Evidence")
    status: Mapped[FraudStatus] = field(
        one_of(FraudStatus), zh="状态", en="Status", listed=True, edit=False, default=FraudStatus.draft
    )
    decided_at: Mapped[datetime | None] = field(MomentType, zh="决定时间", en="Decided", edit=False)
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="调查人", en="Investigator", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    seller: Mapped[Employee] = relationship(foreign_keys="IncentiveFraud.seller_id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="IncentiveFraud.owner_id")
