"""Admission, contracts and preferential terms."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, String
from sqlalchemy.orm import Mapped, relationship

from app.columns import (
    Choice,
    Flag,
    Id,
    Long,
    MomentType,
    MoneyType,
    RateType,
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
    from app.schema.care import Visit
    from app.schema.customers import Customer
    from app.schema.people import Employee


class AdmissionKind(Choice):
    """Which admission a form is."""

    cooperation = enum.auto(), "客户合作申请", "Cooperation application"
    big_customer = enum.auto(), "大客户准入申请", "Big-customer admission"
    recognition = enum.auto(), "客户认定申请", "Recognition application"


class BigCriterion(Choice):
    """By what a customer counts as big (C-10): one is enough."""

    annual_sales = enum.auto(), "年销售额达标", "Annual sales"
    potential = enum.auto(), "需求重大且长期", "Large and lasting need"
    influence = enum.auto(), "行业影响力突出", "Influence in the industry"


class AdmissionStatus(Choice):
    """The coarse states of an admission (R2): whose turn it is, is read from the open step."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    completed = enum.auto(), "已完成", "Completed", "ok"
    lapsed = enum.auto(), "已失效", "Lapsed", "end"


class Admission(Stamped, Binned, Extended, Model):
    """An application to admit a customer (SM-03…SM-05), with the answers of its form."""

    __tablename__ = "admission"
    __label__ = "准入申请", "Admissions"
    __rows__ = Rows.owned
    __title__ = ("no", "customer")
    __table_args__ = (
        unique("uq_admission_no", "no", zh="申请编号已存在。", en="This application number is in use."),
        rule(
            "sales_not_negative",
            "expected_sales IS NULL OR expected_sales >= 0",
            zh="预计销售额不能为负。",
            en="Expected sales cannot be negative.",
        ),
        Index("ix_admission_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="申请编号", en="Application no.", edit=False, listed=True, sort=True, search=True
    )
    flow_kind: Mapped[AdmissionKind] = field(
        one_of(AdmissionKind), zh="申请类型", en="Kind", listed=True, default=AdmissionKind.cooperation
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    basic_situation: Mapped[Long | None] = field(zh="基本情况", en="Basic situation")
    cooperation_intent: Mapped[Long | None] = field(zh="合作意向", en="Cooperation intent")
    expected_sales: Mapped[Decimal | None] = field(
        MoneyType, zh="预计年销售额", en="Expected sales a year", listed=True
    )
    is_key_prospect: Mapped[Flag] = field(zh="重点潜在客户", en="Key prospect", listed=True)
    big_criterion: Mapped[BigCriterion | None] = field(
        one_of(BigCriterion), zh="大客户标准", en="Big-customer criterion"
    )
    reason: Mapped[Long | None] = field(zh="交易理由与方针", en="Reason and dealing policy")
    licence_checked: Mapped[Flag] = field(zh="证照齐全有效", en="Licences complete and valid", edit=False)
    reputation_good: Mapped[Flag] = field(zh="信誉良好", en="Good reputation", edit=False)
    demand_real: Mapped[Flag] = field(zh="需求真实", en="Demand is real", edit=False)
    willing: Mapped[Flag] = field(zh="合作意愿明确", en="Willing to cooperate", edit=False)
    strategy_fit: Mapped[Flag] = field(zh="符合市场战略", en="Fits our strategy", edit=False)
    inspection_wanted: Mapped[Flag] = field(zh="初审要求实地考察", en="Inspection asked for", edit=False)
    general_survey: Mapped[Long | None] = field(zh="一般调查", en="General survey")
    overall_judgement: Mapped[Long | None] = field(zh="综合判断", en="Overall judgement")
    finance_conclusion: Mapped[Long | None] = field(zh="财务调查结论", en="Conclusion of finance", edit=False)
    technical_conclusion: Mapped[Long | None] = field(
        zh="技术调查结论", en="Conclusion of the technicians", edit=False
    )
    quality_conclusion: Mapped[Long | None] = field(zh="质量调查结论", en="Conclusion of quality", edit=False)
    recommendation: Mapped[Long | None] = field(zh="初审意见", en="First review", edit=False)
    field_visit_id: Mapped[int | None] = belongs_to(
        "visit.id", zh="实地考察", en="Field inspection", edit=False
    )
    agreement_id: Mapped[int | None] = belongs_to(
        "contract.id", zh="合作协议", en="Agreement", edit=False, late_key="fk_admission_agreement"
    )
    decided_at: Mapped[datetime | None] = field(MomentType, zh="决定时间", en="Decided", edit=False)
    status: Mapped[AdmissionStatus] = field(
        one_of(AdmissionStatus),
        zh="状态",
        en="Status",
        edit=False,
        listed=True,
        default=AdmissionStatus.draft,
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="申请人", en="Applicant", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    field_visit: Mapped[Visit | None] = relationship()
    agreement: Mapped[Contract | None] = relationship(foreign_keys="Admission.agreement_id", post_update=True)
    owner: Mapped[Employee | None] = relationship(foreign_keys="Admission.owner_id")


class ContractKind(Choice):
    """What an agreement is."""

    supply = enum.auto(), "供应合同", "Supply contract"
    quality_assurance = enum.auto(), "质量保证合同", "Quality assurance contract"
    cooperation = enum.auto(), "合作协议", "Cooperation agreement"
    credit_settlement = enum.auto(), "记欠结算协议", "On-account agreement"
    change = enum.auto(), "变更协议", "Change"
    termination = enum.auto(), "解除协议", "Termination"


class ContractStatus(Choice):
    """Where an agreement stands (SM-06, coarse)."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    effective = enum.auto(), "生效", "Effective", "ok"
    ended = enum.auto(), "已终止", "Ended", "end"


class Contract(Stamped, Binned, Extended, Model):
    """An agreement with a customer, changes and terminations included (`parent_id`)."""

    __tablename__ = "contract"
    __label__ = "合同", "Contracts"
    __rows__ = Rows.owned
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_contract_no", "no", zh="合同编号已存在。", en="This contract number is in use."),
        rule(
            "amount_not_negative",
            "amount IS NULL OR amount >= 0",
            zh="合同金额不能为负。",
            en="The amount cannot be negative.",
        ),
        rule(
            "ends_after_start",
            "expires_on IS NULL OR effective_on IS NULL OR expires_on >= effective_on",
            zh="到期日不能早于生效日。",
            en="It cannot expire before it starts.",
        ),
        Index("ix_contract_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="合同编号", en="Contract no.", edit=False, listed=True, sort=True, search=True
    )
    title: Mapped[Short] = field(zh="合同名称", en="Title", listed=True, search=True)
    kind: Mapped[ContractKind] = field(
        one_of(ContractKind), zh="类型", en="Kind", listed=True, default=ContractKind.supply
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    admission_id: Mapped[int | None] = belongs_to("admission.id", zh="准入申请", en="Admission", edit=False)
    parent_id: Mapped[int | None] = belongs_to("contract.id", zh="原合同", en="Original contract")
    amount: Mapped[Decimal | None] = field(MoneyType, zh="金额", en="Amount", listed=True)
    payment_method_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="付款方式", en="Payment method", lookup="payment_method"
    )
    sign_on: Mapped[date | None] = field(Date, zh="签订日期", en="Signed on")
    effective_on: Mapped[date | None] = field(Date, zh="生效日期", en="Effective on", listed=True)
    expires_on: Mapped[date | None] = field(Date, zh="到期日期", en="Expires on", listed=True, sort=True)
    terms: Mapped[Long | None] = field(zh="主要条款", en="Main terms")
    cause_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="变更或解除原因", en="Cause of change or end", lookup="contract_cause"
    )
    consulted_on: Mapped[date | None] = field(Date, zh="与客户协商日期", en="Customer consulted on")
    aftermath: Mapped[Long | None] = field(zh="善后事项", en="Settlement", edit=False)
    status: Mapped[ContractStatus] = field(
        one_of(ContractStatus), zh="状态", en="Status", edit=False, listed=True, default=ContractStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    admission: Mapped[Admission | None] = relationship(foreign_keys="Contract.admission_id")
    parent: Mapped[Contract | None] = relationship(remote_side="Contract.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Contract.owner_id")


class TermKind(Choice):
    """What a customer is given beyond the usual."""

    discount = enum.auto(), "价格折扣", "Discount"
    rebate = enum.auto(), "返利", "Rebate"
    policy = enum.auto(), "政策优惠", "Policy preference"
    support = enum.auto(), "资源支持", "Resource support"


class TermStatus(Choice):
    """Where a preference stands (SM-24, coarse)."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "执行中", "In force", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    revoked = enum.auto(), "已收回", "Revoked", "bad"
    expired = enum.auto(), "已到期", "Expired", "end"


class CommercialTerm(Stamped, Binned, Extended, Model):
    """A preference for one customer and period, against the standard of his class (F-19…F-24).

    The standard, what overlapping terms add up to, and whether that is beyond it are computed, never typed.
    """

    __tablename__ = "commercial_term"
    __label__ = "优惠条件", "Preferential terms"
    __rows__ = Rows.owned
    __title__ = ("no", "customer")
    __table_args__ = (
        unique("uq_commercial_term_no", "no", zh="优惠编号已存在。", en="This number is in use."),
        rule(
            "gives_something",
            "discount_rate > 0 OR amount > 0",
            zh="请填写优惠幅度或优惠金额。",
            en="Give a discount rate or an amount.",
        ),
        rule(
            "discount_is_a_share",
            "discount_rate >= 0 AND discount_rate <= 1000000",
            zh="优惠幅度应在 0 至 100% 之间。",
            en="The discount lies between 0 and 100 %.",
        ),
        rule(
            "amount_not_negative", "amount >= 0", zh="优惠金额不能为负。", en="The amount cannot be negative."
        ),
        rule(
            "dates_in_order",
            "valid_to >= valid_from",
            zh="结束日期不能早于开始日期。",
            en="The end cannot come before the start.",
        ),
        Index("ix_commercial_term_scope", "org_unit_id", "id"),
        Index("ix_commercial_term_overlap", "customer_id", "status", "valid_to"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="优惠编号", en="Term no.", edit=False, listed=True, sort=True, search=True
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[TermKind] = field(
        one_of(TermKind), zh="类型", en="Kind", listed=True, default=TermKind.discount
    )
    discount_rate: Mapped[Decimal] = field(
        RateType, zh="优惠幅度", en="Discount rate", listed=True, default=Decimal(0)
    )
    amount: Mapped[Decimal] = field(MoneyType, zh="优惠金额", en="Amount", listed=True, default=Decimal(0))
    valid_from: Mapped[date] = field(Date, zh="开始日期", en="From", listed=True)
    valid_to: Mapped[date] = field(Date, zh="结束日期", en="Until", listed=True, sort=True)
    reason: Mapped[Long | None] = field(zh="申请理由", en="Reason")
    standard_rate: Mapped[Decimal] = field(
        RateType, zh="幅度标准", en="Standard rate", edit=False, default=Decimal(0)
    )
    total_rate: Mapped[Decimal] = field(
        RateType, zh="同期累计幅度", en="Rate with overlapping terms", edit=False, default=Decimal(0)
    )
    standard_amount: Mapped[Decimal] = field(
        MoneyType, zh="金额标准", en="Standard amount", edit=False, default=Decimal(0)
    )
    total_amount: Mapped[Decimal] = field(
        MoneyType, zh="同期累计金额", en="Amount with overlapping terms", edit=False, default=Decimal(0)
    )
    over_standard: Mapped[Flag] = field(zh="超出标准", en="Beyond the standard", edit=False, listed=True)
    high_risk: Mapped[Flag] = field(zh="高风险客户", en="High-risk customer", edit=False)
    status: Mapped[TermStatus] = field(
        one_of(TermStatus), zh="状态", en="Status", edit=False, listed=True, default=TermStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="申请人", en="Applicant", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="CommercialTerm.owner_id")
