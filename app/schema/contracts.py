"""Admission and contracts."""

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
    Rows,
    Short,
    belongs_to,
    field,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Stamped

if TYPE_CHECKING:
    from app.schema.care import Visit
    from app.schema.customers import Customer
    from app.schema.people import Employee


class AdmissionKind(Choice):
    """Which admission a form is."""

    cooperation = enum.auto(), "客户合作申请", "Cooperation application"
    big_customer = enum.auto(), "大客户准入申请", "Big-customer admission"
    recognition = enum.auto(), "客户认定申请", "Recognition application"


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


class Admission(Stamped, Binned, Model):
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
    licence_checked: Mapped[Flag] = field(zh="证照齐全有效", en="Licences complete and valid", edit=False)
    reputation_good: Mapped[Flag] = field(zh="信誉良好", en="Good reputation", edit=False)
    demand_real: Mapped[Flag] = field(zh="需求真实", en="Demand is real", edit=False)
    willing: Mapped[Flag] = field(zh="合作意愿明确", en="Willing to cooperate", edit=False)
    inspection_wanted: Mapped[Flag] = field(zh="初审要求实地考察", en="Inspection asked for", edit=False)
    general_survey: Mapped[Long | None] = field(zh="一般调查", en="General survey")
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


class Contract(Stamped, Binned, Model):
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
    status: Mapped[ContractStatus] = field(
        one_of(ContractStatus), zh="状态", en="Status", edit=False, listed=True, default=ContractStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    admission: Mapped[Admission | None] = relationship(foreign_keys="Contract.admission_id")
    parent: Mapped[Contract | None] = relationship(remote_side="Contract.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Contract.owner_id")
