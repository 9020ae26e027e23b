"""Visits, service and tasks."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, Integer, String, text
from sqlalchemy.orm import Mapped, relationship

from app.columns import (
    Choice,
    Id,
    Long,
    MomentType,
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
    from app.schema.customers import Customer
    from app.schema.people import Employee


class VisitKind(Choice):
    """Why one goes there."""

    routine = enum.auto(), "例行走访", "Routine visit"
    monthly = enum.auto(), "每月面谈", "Monthly meeting"
    field_inspection = enum.auto(), "实地考察", "Field inspection"
    extra = enum.auto(), "临时走访", "Extra visit"


class VisitStatus(Choice):
    """Where a visit stands (SM-12, coarse)."""

    planned = enum.auto(), "已计划", "Planned", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    filed = enum.auto(), "已归档", "Filed", "end"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Visit(Stamped, Binned, Extended, Model):
    """A visit to a customer, planned or recorded."""

    __tablename__ = "visit"
    __label__ = "走访记录", "Visits"
    __rows__ = Rows.owned
    __title__ = ("planned_on", "customer")
    __table_args__ = (Index("ix_visit_scope", "org_unit_id", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[VisitKind] = field(
        one_of(VisitKind), zh="类型", en="Kind", listed=True, default=VisitKind.routine
    )
    planned_on: Mapped[date] = field(Date, zh="计划日期", en="Planned on", listed=True, sort=True)
    held_at: Mapped[datetime | None] = field(MomentType, zh="走访时间", en="Held", listed=True)
    filed_at: Mapped[datetime | None] = field(MomentType, zh="归档时间", en="Filed", edit=False)
    place: Mapped[Short | None] = field(zh="地点", en="Place")
    purpose: Mapped[Long | None] = field(zh="目的", en="Purpose")
    content: Mapped[Long | None] = field(zh="走访内容", en="Content")
    feedback: Mapped[Long | None] = field(zh="客户反馈", en="Feedback")
    conclusion: Mapped[Long | None] = field(zh="结论", en="Conclusion")
    status: Mapped[VisitStatus] = field(
        one_of(VisitStatus), zh="状态", en="Status", edit=False, listed=True, default=VisitStatus.planned
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="走访人", en="Visitor", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Visit.owner_id")


class CaseKind(Choice):
    """What a service case is."""

    complaint = enum.auto(), "投诉", "Complaint"
    after_sales = enum.auto(), "售后", "After-sales"
    technical = enum.auto(), "技术支持", "Technical"
    consultation = enum.auto(), "咨询", "Consultation"


class Severity(Choice):
    """How bad it is."""

    low = enum.auto(), "一般", "Low"
    medium = enum.auto(), "较重", "Medium", "warn"
    high = enum.auto(), "严重", "High", "bad"


class CaseStatus(Choice):
    """Where a case stands (SM-09, SM-10)."""

    received = enum.auto(), "已受理", "Received", "run"
    investigating = enum.auto(), "调查中", "Investigating", "run"
    replied = enum.auto(), "已答复", "Replied", "ok"
    closed = enum.auto(), "已关闭", "Closed", "end"


class ServiceCase(Stamped, Binned, Extended, Model):
    """A complaint, after-sales, technical or consultation case."""

    __tablename__ = "service_case"
    __label__ = "投诉与服务", "Complaints and service"
    __resource__ = "complaint"
    __rows__ = Rows.owned
    __title__ = ("no", "subject")
    __table_args__ = (
        unique("uq_service_case_no", "no", zh="编号已存在。", en="This number is in use."),
        rule(
            "reply_after_receipt",
            "replied_at IS NULL OR replied_at >= received_at",
            zh="答复时间不能早于受理时间。",
            en="A reply cannot come before the receipt.",
        ),
        Index("ix_service_case_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="编号", en="No.", edit=False, listed=True, sort=True, search=True
    )
    kind: Mapped[CaseKind] = field(
        one_of(CaseKind), zh="类型", en="Kind", listed=True, default=CaseKind.complaint
    )
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    subject: Mapped[Short] = field(zh="主题", en="Subject", listed=True, search=True)
    content: Mapped[Long | None] = field(zh="内容", en="Content")
    demand: Mapped[Long | None] = field(zh="客户诉求", en="Customer's demand")
    severity: Mapped[Severity] = field(
        one_of(Severity), zh="严重程度", en="Severity", listed=True, default=Severity.low
    )
    received_at: Mapped[datetime] = field(
        MomentType, zh="受理时间", en="Received", listed=True, sort=True, default=now
    )
    reply_due_at: Mapped[datetime | None] = field(
        MomentType, zh="答复期限", en="Reply due", listed=True, edit=False
    )
    replied_at: Mapped[datetime | None] = field(MomentType, zh="答复时间", en="Replied", edit=False)
    first_response_at: Mapped[datetime | None] = field(MomentType, zh="首次响应时间", en="First response")
    closed_at: Mapped[datetime | None] = field(MomentType, zh="关闭时间", en="Closed", edit=False)
    category_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="问题类别", en="Category", lookup="case_category"
    )
    recurrence_of_id: Mapped[int | None] = belongs_to("service_case.id", zh="重复自", en="Recurs after")
    cause: Mapped[Long | None] = field(zh="原因", en="Cause")
    solution: Mapped[Long | None] = field(zh="处理办法", en="Solution")
    status: Mapped[CaseStatus] = field(
        one_of(CaseStatus), zh="状态", en="Status", edit=False, listed=True, default=CaseStatus.received
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="受理人", en="Handled by", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer | None] = relationship()
    recurrence_of: Mapped[ServiceCase | None] = relationship(remote_side="ServiceCase.id")


class TaskKind(Choice):
    """What sort of duty a task is."""

    task = enum.auto(), "一般事项", "Task"
    issue = enum.auto(), "客户问题", "Issue"
    obligation = enum.auto(), "我方义务", "Our obligation"
    customer_obligation = enum.auto(), "客户义务", "Customer's obligation"
    rectification = enum.auto(), "整改", "Rectification"
    risk_response = enum.auto(), "风险应对", "Risk response"
    follow_up = enum.auto(), "跟进", "Follow-up"


class TaskStatus(Choice):
    """Where a task stands."""

    open = enum.auto(), "待办", "Open", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    verified = enum.auto(), "已验证", "Verified", "ok"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Task(Stamped, Binned, Extended, Model):
    """Something somebody must do by a date: the ledger of obligations, issues and rectifications."""

    __tablename__ = "task"
    __label__ = "责任事项", "Tasks"
    __rows__ = Rows.owned
    __title__ = ("title",)
    __table_args__ = (
        rule(
            "satisfaction_one_to_five",
            "satisfaction IS NULL OR satisfaction BETWEEN 1 AND 5",
            zh="满意度为 1 到 5。",
            en="Satisfaction is 1 to 5.",
        ),
        Index("ix_task_scope", "org_unit_id", "id"),
        Index("ix_task_due", "owner_id", "status", "due_on"),
    )

    id: Mapped[Id]
    title: Mapped[Short] = field(zh="事项", en="Task", listed=True, search=True)
    description: Mapped[Long | None] = field(zh="说明", en="Description")
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[TaskKind] = field(
        one_of(TaskKind),
        zh="类型",
        en="Kind",
        listed=True,
        default=TaskKind.task,
        server_default=text("'task'"),
    )
    due_on: Mapped[date | None] = field(Date, zh="期限", en="Due", listed=True, sort=True)
    original_due_on: Mapped[date | None] = field(
        Date, zh="最初期限", en="First due", help_zh="空则以期限为准", help_en="empty: as due"
    )
    assigner_id: Mapped[int | None] = belongs_to("employee.id", zh="交办人", en="Assigned by")
    first_update_at: Mapped[datetime | None] = field(MomentType, zh="首次反馈时间", en="First answer")
    done_at: Mapped[datetime | None] = field(MomentType, zh="完成时间", en="Done at", edit=False)
    satisfaction: Mapped[int | None] = field(
        Integer, zh="客户满意度（1-5）", en="Customer's satisfaction (1-5)"
    )
    result: Mapped[Long | None] = field(zh="结果", en="Result")
    status: Mapped[TaskStatus] = field(
        one_of(TaskStatus), zh="状态", en="Status", edit=False, listed=True, default=TaskStatus.open
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="责任人", en="Responsible", listed=True)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer | None] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Task.owner_id")
    assigner: Mapped[Employee | None] = relationship(foreign_keys="Task.assigner_id")
