"""Dealings with customers that are counted and judged: money owed, answers, talks, events, chances, projects, risks."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, Integer
from sqlalchemy.orm import Mapped, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Long,
    MomentType,
    MoneyType,
    PointsType,
    QuantityType,
    RateType,
    Rows,
    Short,
    belongs_to,
    field,
    now,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped

if TYPE_CHECKING:
    from app.schema.customers import Contact, Customer
    from app.schema.people import Employee


class EntryKind(Choice):
    """What an entry of a customer's account is."""

    invoice = enum.auto(), "发票", "Invoice"
    payment = enum.auto(), "付款", "Payment"
    refund = enum.auto(), "退款", "Refund"
    credit_note = enum.auto(), "红字发票", "Credit note"


class AccountEntry(Stamped, Binned, Extended, Model):
    """An entry of a customer's account; an invoice knows what of it is still open, and when it was settled in full."""

    __tablename__ = "account_entry"
    __label__ = "往来账", "Account entries"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __title__ = ("no",)
    __table_args__ = (
        unique("uq_account_entry_no", "no", zh="凭证号已存在。", en="This entry number is in use."),
        rule(
            "invoice_is_due",
            "kind <> 'invoice' OR due_on IS NOT NULL",
            zh="发票要有到期日。",
            en="An invoice needs its due date.",
        ),
        Index("ix_account_entry_measure", "customer_id", "due_on", "kind", "amount", "open_amount"),
    )

    id: Mapped[Id]
    no: Mapped[Code] = field(zh="凭证号", en="Entry no.", listed=True, sort=True, search=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True, index=False)
    kind: Mapped[EntryKind] = field(
        one_of(EntryKind), zh="类型", en="Kind", listed=True, default=EntryKind.invoice
    )
    amount: Mapped[Decimal] = field(MoneyType, zh="金额", en="Amount", listed=True)
    open_amount: Mapped[Decimal] = field(MoneyType, zh="未结金额", en="Open", listed=True, default=Decimal(0))
    posted_on: Mapped[date] = field(Date, zh="记账日期", en="Posted on", listed=True, sort=True)
    due_on: Mapped[date | None] = field(Date, zh="到期日", en="Due on", listed=True)
    settled_on: Mapped[date | None] = field(Date, zh="结清日期", en="Settled on", listed=True)
    sales_document_id: Mapped[int | None] = belongs_to("sales_document.id", zh="订单", en="Order")
    contract_id: Mapped[int | None] = belongs_to("contract.id", zh="合同", en="Contract")

    customer: Mapped[Customer] = relationship()


class SurveyKind(Choice):
    """What a customer was asked about."""

    general = enum.auto(), "总体满意度", "General satisfaction"
    visit = enum.auto(), "走访", "Visits"
    case = enum.auto(), "投诉处理", "Case handling"
    after_sales = enum.auto(), "售后服务", "After-sales"


class SurveyAnswer(Stamped, Binned, Extended, Model):
    """One customer asked once, and what it answered: the share of the full score, in points of a hundred."""

    __tablename__ = "survey_answer"
    __label__ = "满意度答卷", "Survey answers"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __table_args__ = (
        rule(
            "score_in_range",
            "score IS NULL OR (score >= 0 AND score <= 10000)",
            zh="分数须在 0 到 100 之间。",
            en="A score lies between 0 and 100.",
        ),
        rule(
            "answered_has_score",
            "answered_at IS NULL OR score IS NOT NULL",
            zh="已答的问卷要有分数。",
            en="An answer needs its score.",
        ),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[SurveyKind] = field(
        one_of(SurveyKind), zh="调查内容", en="About", listed=True, default=SurveyKind.general
    )
    employee_id: Mapped[int | None] = belongs_to("employee.id", zh="被评员工", en="About whom")
    visit_id: Mapped[int | None] = belongs_to("visit.id", zh="走访", en="Visit")
    service_case_id: Mapped[int | None] = belongs_to("service_case.id", zh="案件", en="Case")
    invited_at: Mapped[datetime] = field(MomentType, zh="发放时间", en="Sent", listed=True, default=now)
    answered_at: Mapped[datetime | None] = field(MomentType, zh="答复时间", en="Answered", listed=True)
    score: Mapped[Decimal | None] = field(PointsType, zh="满意度", en="Satisfaction", listed=True)
    opinion: Mapped[Long | None] = field(zh="意见", en="Opinion")

    customer: Mapped[Customer] = relationship()


class Channel(Choice):
    """How one spoke with the customer."""

    call = enum.auto(), "电话", "Call"
    message = enum.auto(), "消息", "Message"
    mail = enum.auto(), "邮件", "Mail"
    meeting = enum.auto(), "面谈", "Meeting"
    reception = enum.auto(), "接待", "Reception"


class Interaction(Stamped, Binned, Extended, Model):
    """A talk with a customer: who, how, about what."""

    __tablename__ = "interaction"
    __label__ = "沟通记录", "Interactions"
    __rows__ = Rows.owned
    __title__ = ("occurred_at", "customer")
    __table_args__ = (Index("ix_interaction_scope", "org_unit_id", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    contact_id: Mapped[int | None] = belongs_to("contact.id", zh="联系人", en="Contact")
    channel: Mapped[Channel] = field(
        one_of(Channel), zh="方式", en="Channel", listed=True, default=Channel.call
    )
    occurred_at: Mapped[datetime] = field(
        MomentType, zh="时间", en="When", listed=True, sort=True, default=now
    )
    content: Mapped[Long | None] = field(zh="内容", en="Content")
    next_on: Mapped[date | None] = field(Date, zh="下次联系", en="Next contact")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="沟通人", en="Who", listed=True, edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    contact: Mapped[Contact | None] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Interaction.owner_id")


class EventKind(Choice):
    """What an event is."""

    meeting = enum.auto(), "会议", "Meeting"
    symposium = enum.auto(), "座谈会", "Symposium"
    training = enum.auto(), "培训", "Training"
    exhibition = enum.auto(), "展会", "Exhibition"
    promotion = enum.auto(), "促销活动", "Promotion"
    care = enum.auto(), "客户关怀", "Care"


class Event(Stamped, Binned, Extended, Model):
    """A meeting, symposium, training, exhibition, promotion or care, planned or held."""

    __tablename__ = "event"
    __label__ = "活动", "Events"
    __rows__ = Rows.owned
    __title__ = ("title",)
    __table_args__ = (
        rule("cost_not_negative", "cost >= 0", zh="费用不能为负。", en="The cost cannot be negative."),
        Index("ix_event_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    title: Mapped[Short] = field(zh="主题", en="Title", listed=True, search=True)
    kind: Mapped[EventKind] = field(
        one_of(EventKind), zh="类型", en="Kind", listed=True, default=EventKind.meeting
    )
    planned_on: Mapped[date] = field(Date, zh="计划日期", en="Planned on", listed=True, sort=True)
    held_at: Mapped[datetime | None] = field(MomentType, zh="举办时间", en="Held", listed=True)
    place: Mapped[Short | None] = field(zh="地点", en="Place")
    for_development: Mapped[Flag] = field(zh="用于开发新客户", en="To win customers")
    cost: Mapped[Decimal] = field(MoneyType, zh="费用", en="Cost", listed=True, default=Decimal(0))
    minutes: Mapped[Long | None] = field(zh="纪要", en="Minutes")
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="组织人", en="Organiser", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="组织部门", en="Department", edit=False)

    owner: Mapped[Employee | None] = relationship(foreign_keys="Event.owner_id")


class Participant(Stamped, Binned, Extended, Model):
    """A customer or colleague invited to an event, and whether he came."""

    __tablename__ = "participant"
    __label__ = "参加人", "Participants"
    __rows__ = Rows.follows
    __follows__ = "event_id"
    __title__ = ("event", "customer")
    __table_args__ = (
        rule(
            "one_party",
            "(customer_id IS NULL) <> (employee_id IS NULL)",
            zh="参加人是客户或员工，二者居一。",
            en="A participant is a customer or a colleague, one of the two.",
        ),
    )

    id: Mapped[Id]
    event_id: Mapped[int] = belongs_to("event.id", zh="活动", en="Event", listed=True, ondelete="CASCADE")
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    contact_id: Mapped[int | None] = belongs_to("contact.id", zh="联系人", en="Contact")
    employee_id: Mapped[int | None] = belongs_to("employee.id", zh="员工", en="Colleague", listed=True)
    attended: Mapped[Flag] = field(zh="到场", en="Attended", listed=True)
    hours: Mapped[Decimal | None] = field(QuantityType, zh="学时", en="Hours")

    event: Mapped[Event] = relationship()
    customer: Mapped[Customer | None] = relationship()
    employee: Mapped[Employee | None] = relationship()


class ChanceStatus(Choice):
    """How an opportunity stands (SM-02, coarse)."""

    open = enum.auto(), "进行中", "Open", "run"
    won = enum.auto(), "成交", "Won", "ok"
    lost = enum.auto(), "丢单", "Lost", "bad"


class Opportunity(Stamped, Binned, Extended, Model):
    """A chance to win a customer or an order, in a stage of the pipeline."""

    __tablename__ = "opportunity"
    __label__ = "商机", "Opportunities"
    __rows__ = Rows.owned
    __title__ = ("name",)
    __table_args__ = (
        rule(
            "closed_has_date",
            "outcome = 'open' OR closed_on IS NOT NULL",
            zh="已结束的商机要有结束日期。",
            en="A closed opportunity needs its date.",
        ),
        rule(
            "probability_is_a_share",
            "probability >= 0 AND probability <= 1000000",
            zh="概率应在 0 至 100% 之间。",
            en="A probability lies between 0 and 100 %.",
        ),
        Index("ix_opportunity_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    name: Mapped[Short] = field(zh="商机名称", en="Name", listed=True, search=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    stage_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="阶段", en="Stage", lookup="opportunity_stage", listed=True
    )
    stage_since: Mapped[datetime] = field(MomentType, zh="进入阶段时间", en="In stage since", default=now)
    expected_amount: Mapped[Decimal | None] = field(
        MoneyType, zh="预计金额", en="Expected amount", listed=True
    )
    probability: Mapped[Decimal] = field(
        RateType, zh="成交概率", en="Probability", listed=True, default=Decimal(0)
    )
    outcome: Mapped[ChanceStatus] = field(
        one_of(ChanceStatus), zh="结果", en="Outcome", listed=True, default=ChanceStatus.open
    )
    closed_on: Mapped[date | None] = field(Date, zh="结束日期", en="Closed on", sort=True)
    lost_reason: Mapped[Long | None] = field(zh="丢单原因", en="Why it was lost")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", listed=True, edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Opportunity.owner_id")


class OpportunityStage(Model):
    """The time a chance spent in one stage of the pipeline, and whether it left it forward; written at every change."""

    __tablename__ = "opportunity_stage"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_opportunity_stage_entered", "opportunity_id", "entered_at"),)

    id: Mapped[Id]
    opportunity_id: Mapped[int] = belongs_to(
        "opportunity.id", zh="商机", en="Opportunity", index=False, ondelete="CASCADE"
    )
    stage_id: Mapped[int] = belongs_to("lookup.id", zh="阶段", en="Stage", lookup="opportunity_stage")
    entered_at: Mapped[datetime] = field(MomentType, zh="进入时间", en="Entered")
    left_at: Mapped[datetime | None] = field(MomentType, zh="离开时间", en="Left")
    forward: Mapped[Flag] = field(zh="向前推进", en="Left forward")


class Project(Stamped, Binned, Extended, Model):
    """A project with a customer: what it is worth, how far it is, and how far it should be."""

    __tablename__ = "project"
    __label__ = "合作项目", "Projects"
    __rows__ = Rows.owned
    __title__ = ("name",)
    __table_args__ = (
        rule(
            "progress_is_a_share",
            "progress >= 0 AND progress <= 1000000 AND planned_progress >= 0 AND planned_progress <= 1000000",
            zh="进度应在 0 至 100% 之间。",
            en="Progress lies between 0 and 100 %.",
        ),
        rule(
            "dates_in_order",
            "end_on IS NULL OR end_on >= start_on",
            zh="结束日期不能早于开始日期。",
            en="The end cannot come before the start.",
        ),
        Index("ix_project_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    name: Mapped[Short] = field(zh="项目名称", en="Name", listed=True, search=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    contract_id: Mapped[int | None] = belongs_to("contract.id", zh="合同", en="Contract")
    amount: Mapped[Decimal] = field(MoneyType, zh="金额", en="Amount", listed=True, default=Decimal(0))
    start_on: Mapped[date] = field(Date, zh="开始日期", en="Starts on", listed=True, sort=True)
    end_on: Mapped[date | None] = field(Date, zh="计划结束", en="Planned end", listed=True)
    closed_on: Mapped[date | None] = field(Date, zh="实际结束", en="Closed on")
    progress: Mapped[Decimal] = field(RateType, zh="实际进度", en="Progress", listed=True, default=Decimal(0))
    planned_progress: Mapped[Decimal] = field(
        RateType, zh="计划进度", en="Planned progress", default=Decimal(0)
    )
    several_units: Mapped[Flag] = field(zh="跨部门", en="Several departments")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Lead", listed=True, edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Project.owner_id")


class RiskKind(Choice):
    """What may go wrong with a customer."""

    market = enum.auto(), "市场风险", "Market"
    credit = enum.auto(), "信用风险", "Credit"
    legal = enum.auto(), "法律风险", "Legal"
    operation = enum.auto(), "经营风险", "Operations"
    technical = enum.auto(), "技术风险", "Technical"


class Risk(Stamped, Binned, Extended, Model):
    """A risk with a customer: how likely and how grave, each from 1 to 5, and until when it stood."""

    __tablename__ = "risk"
    __label__ = "客户风险", "Risks"
    __rows__ = Rows.owned
    __title__ = ("kind", "customer")
    __table_args__ = (
        rule(
            "graded_one_to_five",
            "likelihood BETWEEN 1 AND 5 AND impact BETWEEN 1 AND 5",
            zh="可能性与影响为 1 到 5。",
            en="Likelihood and impact are 1 to 5.",
        ),
        Index("ix_risk_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[RiskKind] = field(
        one_of(RiskKind), zh="类型", en="Kind", listed=True, default=RiskKind.credit
    )
    description: Mapped[Long | None] = field(zh="说明", en="Description")
    likelihood: Mapped[int] = field(Integer, zh="可能性", en="Likelihood", listed=True, default=1)
    impact: Mapped[int] = field(Integer, zh="影响", en="Impact", listed=True, default=1)
    identified_on: Mapped[date] = field(Date, zh="识别日期", en="Identified on", listed=True, sort=True)
    closed_on: Mapped[date | None] = field(Date, zh="解除日期", en="Closed on", listed=True)
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="责任人", en="Responsible", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Risk.owner_id")
