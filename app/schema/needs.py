"""What customers require: needs, in editions."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from sqlalchemy import Index, Integer, String, text
from sqlalchemy.orm import Mapped, relationship

from app.columns import Choice, Flag, Id, Long, Rows, Short, belongs_to, field, one_of, rule, unique
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped

if TYPE_CHECKING:
    from app.schema.customers import Customer
    from app.schema.people import Employee


class NeedSource(Choice):
    """Where a need was learnt of (G-02)."""

    contact = enum.auto(), "日常沟通", "Daily contact"
    visit = enum.auto(), "走访", "Visit"
    survey = enum.auto(), "调研", "Survey"
    meeting = enum.auto(), "会议", "Meeting"
    complaint = enum.auto(), "投诉与反馈", "Complaint or feedback"


class NeedPriority(Choice):
    """How pressing it is."""

    high = enum.auto(), "高", "High", "bad"
    medium = enum.auto(), "中", "Medium", "warn"
    low = enum.auto(), "低", "Low"


class NeedStatus(Choice):
    """Where a need stands (SM-15, coarse): whose turn its evaluation is, is read from the open step."""

    draft = enum.auto(), "已记录", "Recorded"
    in_approval = enum.auto(), "评审中", "In evaluation", "run"
    returned = enum.auto(), "待澄清", "To be clarified", "warn"
    approved = enum.auto(), "已接受", "Accepted", "ok"
    rejected = enum.auto(), "未接受", "Not accepted", "bad"
    withdrawn = enum.auto(), "已取消", "Cancelled", "end"
    developing = enum.auto(), "开发中", "In development", "run"
    verified = enum.auto(), "已验证", "Verified", "ok"
    closed = enum.auto(), "已关闭", "Closed", "end"
    superseded = enum.auto(), "已被新版替代", "Superseded", "end"


class Need(Stamped, Binned, Extended, Model):
    """A requirement of a customer; a change of it is a new edition that takes the place of the former (G-12)."""

    __tablename__ = "need"
    __label__ = "客户需求", "Needs"
    __rows__ = Rows.owned
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_need_no", "no", "edition", zh="需求编号已存在。", en="This number is in use."),
        rule(
            "says_what",
            "function_req IS NOT NULL OR performance_req IS NOT NULL OR quality_req IS NOT NULL"
            " OR delivery_req IS NOT NULL",
            zh="功能、性能、质量、交付要求至少填写一项。",
            en="Say at least one of function, performance, quality and delivery.",
        ),
        rule(
            "change_has_reason",
            "supersedes_id IS NULL OR change_reason IS NOT NULL",
            zh="请说明更改原因。",
            en="Say why it changes.",
        ),
        Index("ix_need_scope", "org_unit_id", "id"),
        Index(
            "uq_need_open_change",
            "supersedes_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL AND status NOT IN ('rejected', 'withdrawn')"),
            postgresql_where=text("deleted_at IS NULL AND status NOT IN ('rejected', 'withdrawn')"),
        ),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="需求编号", en="Need no.", edit=False, listed=True, sort=True, search=True
    )
    title: Mapped[Short] = field(zh="需求名称", en="Title", listed=True, search=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    source: Mapped[NeedSource] = field(
        one_of(NeedSource), zh="来源", en="Learnt from", default=NeedSource.contact
    )
    type_id: Mapped[int | None] = belongs_to("lookup.id", zh="需求类型", en="Type", lookup="need_type")
    priority: Mapped[NeedPriority] = field(
        one_of(NeedPriority), zh="优先级", en="Priority", listed=True, default=NeedPriority.medium
    )
    description: Mapped[Long | None] = field(zh="说明", en="Description")
    function_req: Mapped[Long | None] = field(zh="功能要求", en="Function")
    performance_req: Mapped[Long | None] = field(zh="性能要求", en="Performance")
    quality_req: Mapped[Long | None] = field(zh="质量要求", en="Quality")
    delivery_req: Mapped[Long | None] = field(zh="交付要求", en="Delivery")
    supersedes_id: Mapped[int | None] = belongs_to("need.id", zh="更改自", en="Changes", index=False)
    change_reason: Mapped[Long | None] = field(zh="更改原因", en="Why it changes")
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", edit=False, listed=True, default=1)
    feasible: Mapped[Flag] = field(zh="可行", en="Feasible", edit=False)
    consistent: Mapped[Flag] = field(zh="与产品方向一致", en="Fits the products", edit=False)
    evaluation_result: Mapped[Long | None] = field(zh="评审结论", en="Evaluation", edit=False)
    verification_result: Mapped[Long | None] = field(zh="验证结果", en="Verification")
    status: Mapped[NeedStatus] = field(
        one_of(NeedStatus), zh="状态", en="Status", edit=False, listed=True, default=NeedStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="记录人", en="Recorded by", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    supersedes: Mapped[Need | None] = relationship(remote_side="Need.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Need.owner_id")
