"""Approvals: flows and their versions, requests, steps, seats, tasks, actions and evidence."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Json,
    Long,
    Moment,
    MomentType,
    MoneyType,
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
from app.schema.common import Stamped, Switched

if TYPE_CHECKING:
    from app.schema.people import Employee


class FlowStatus(Choice):
    """Where a version of a flow stands; a published one never changes."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    published = enum.auto(), "已发布", "Published", "ok"
    retired = enum.auto(), "已停用", "Retired", "end"


class ApprovalFlow(Stamped, Switched, Model):
    """A kind of approval for one kind of record; what it does stands in its versions."""

    __tablename__ = "approval_flow"
    __label__ = "审批流程", "Approval flows"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_approval_flow_code", "code", zh="流程编号已存在。", en="This flow code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    object_type: Mapped[Code] = field(zh="记录类型", en="Record type", listed=True, index=True)
    exclusive_group: Mapped[Code] = mapped_column(default="decision")


class ApprovalFlowVersion(Stamped, Model):
    """One edition of a flow: steps, people, conditions and deadlines as canonical JSON; running requests keep theirs."""

    __tablename__ = "approval_flow_version"
    __label__ = "流程版本", "Flow versions"
    __rows__ = Rows.shared
    __title__ = "flow", "edition"
    __table_args__ = (
        unique(
            "uq_approval_flow_version_edition",
            "flow_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the flow exists.",
        ),
        rule(
            "published_by_another",
            "publisher_id IS NULL OR author_id IS NULL OR publisher_id <> author_id",
            zh="流程不能由其编写人发布。",
            en="A flow is not published by its author.",
        ),
        Index(
            "ux_approval_flow_version_published",
            "flow_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
    )

    id: Mapped[Id]
    flow_id: Mapped[int] = belongs_to("approval_flow.id", zh="流程", en="Flow", listed=True)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[FlowStatus] = field(
        one_of(FlowStatus), zh="状态", en="Status", listed=True, edit=False, default=FlowStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    findings: Mapped[Json | None]
    note: Mapped[Long | None] = field(zh="说明", en="Note", listed=True)
    author_id: Mapped[int | None] = belongs_to("employee.id", zh="编写人", en="Author", edit=False)
    publisher_id: Mapped[int | None] = belongs_to("employee.id", zh="发布人", en="Published by", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    flow: Mapped[ApprovalFlow] = relationship()


class ApprovalFlowRef(Model):
    """What a version of a flow relies on (role, position, fact, document type, effect): who uses role X."""

    __tablename__ = "approval_flow_ref"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_approval_flow_ref_ref", "kind", "ref"),)

    id: Mapped[Id]
    version_id: Mapped[int] = mapped_column(
        ForeignKey("approval_flow_version.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[Code]
    ref: Mapped[Short]


class RequestStatus(Choice):
    """Where a request for a decision stands. Running, returned and suspended ones are alive."""

    running = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    suspended = enum.auto(), "已暂停", "Suspended", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    cancelled = enum.auto(), "已撤销", "Cancelled", "end"
    timed_out = enum.auto(), "已超时", "Timed out", "end"
    voided = enum.auto(), "已作废", "Voided", "end"


class ApprovalRequest(Model):
    """One request for a decision on one record, pinned to the version of the flow it was submitted under.

    `facts` are the values its conditions are asked of, `content` what its deciders were shown; both are frozen when it
    is submitted, and their hashes bind each decision to them. `amount` is the fact stand-ins are limited by.
    """

    __tablename__ = "approval_request"
    __label__ = "审批申请", "Approval requests"
    __rows__ = Rows.inner
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_approval_request_no", "no", zh="审批编号已存在。", en="This request number is in use."),
        Index(
            "ux_approval_request_alive",
            "exclusive_group",
            "object_type",
            "object_id",
            unique=True,
            sqlite_where=text("status IN ('running', 'returned', 'suspended')"),
            postgresql_where=text("status IN ('running', 'returned', 'suspended')"),
        ),
        Index("ix_approval_request_object", "object_type", "object_id", "id"),
        Index("ix_approval_request_submitter", "submitter_id", "status", "id"),
        Index("ix_approval_request_mine", "submitter_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(String(60), zh="审批编号", en="Request no.", listed=True)
    version_id: Mapped[int] = belongs_to("approval_flow_version.id", zh="流程版本", en="Flow version")
    exclusive_group: Mapped[Code]
    object_type: Mapped[Code] = field(zh="记录类型", en="Record type")
    object_id: Mapped[int] = mapped_column(Integer)
    object_version_no: Mapped[int] = mapped_column(Integer)
    title: Mapped[Short] = field(zh="事项", en="Subject", listed=True)
    submitter_id: Mapped[int] = belongs_to(
        "employee.id", zh="提交人", en="Submitted by", listed=True, index=False
    )
    submitter_user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    on_behalf_of_id: Mapped[int | None] = belongs_to("employee.id", zh="代何人提交", en="On behalf of")
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department")
    status: Mapped[RequestStatus] = field(
        one_of(RequestStatus), zh="状态", en="Status", listed=True, default=RequestStatus.running
    )
    round_no: Mapped[int] = field(Integer, zh="轮次", en="Round", default=1)
    decided_once: Mapped[Flag]
    facts: Mapped[Json] = mapped_column(default=dict)
    facts_hash: Mapped[str] = mapped_column(String(64))
    content: Mapped[Json] = mapped_column(default=dict)
    content_hash: Mapped[str] = mapped_column(String(64))
    amount: Mapped[Decimal | None] = field(MoneyType, zh="金额", en="Amount")
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    opened_at: Mapped[datetime] = field(
        MomentType, zh="提交时间", en="Submitted at", listed=True, default=now
    )
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due", listed=True)
    closed_at: Mapped[datetime | None] = field(MomentType, zh="结束时间", en="Closed at")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("approval_request.id"), index=True)
    version_no: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))

    version: Mapped[ApprovalFlowVersion] = relationship()
    submitter: Mapped[Employee] = relationship(foreign_keys="ApprovalRequest.submitter_id")
    on_behalf_of: Mapped[Employee | None] = relationship(foreign_keys="ApprovalRequest.on_behalf_of_id")

    __mapper_args__ = {"version_id_col": version_no}


class StepStatus(Choice):
    """Where one activation of a step stands."""

    active = enum.auto(), "进行中", "In progress", "run"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    returned = enum.auto(), "已退回", "Returned", "warn"
    skipped = enum.auto(), "不适用", "Not needed", "end"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class ApprovalStep(Model):
    """One activation of a step of the flow; `reason` says why the way led here (or past it).

    `relaxed` says that the separation of duties is not asked for here: a filing, or a flow that says so.
    """

    __tablename__ = "approval_step"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_step_visit",
            "request_id",
            "round_no",
            "node",
            "visit_no",
            zh="该步骤已开始。",
            en="This step was already opened.",
        ),
        Index(
            "ux_approval_step_active",
            "request_id",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"), index=True)
    round_no: Mapped[int] = mapped_column(Integer)
    visit_no: Mapped[int] = mapped_column(Integer, default=1)
    ordinal: Mapped[int] = mapped_column(Integer)
    node: Mapped[Code]
    status: Mapped[StepStatus] = field(one_of(StepStatus), zh="状态", en="Status", default=StepStatus.active)
    reason: Mapped[Json | None]
    activated_at: Mapped[Moment] = mapped_column(default=now)
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due")
    closed_at: Mapped[datetime | None] = mapped_column(MomentType)
    escalation: Mapped[int] = mapped_column(Integer, default=0)
    relaxed: Mapped[Flag]


class QuorumMode(Choice):
    """How many of the people of a seat must agree."""

    any = enum.auto(), "或签", "Any one"
    all = enum.auto(), "会签", "Everyone"
    n_of_m = enum.auto(), "多数会签", "N of M"
    ratio = enum.auto(), "比例会签", "By share"
    weight = enum.auto(), "加权会签", "By weight"
    sequential = enum.auto(), "依次审批", "One after another"


class RejectPolicy(Choice):
    """When a seat counts as rejected."""

    one = enum.auto(), "一人驳回即驳回", "One rejection ends it"
    impossible = enum.auto(), "无法达成时驳回", "When agreement is out of reach"


class SeatStatus(Choice):
    """Where a chair of a step stands."""

    open = enum.auto(), "进行中", "In progress", "run"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class ApprovalSeat(Model):
    """A chair in a step (legal, finance …): `need` votes, or weight, of the `size` its people hold."""

    __tablename__ = "approval_seat"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_approval_seat_key", "step_id", "key", zh="席位重复。", en="This seat exists in the step."),
        rule(
            "need_within_size",
            "need >= 1 AND need <= size",
            zh="需要的票数必须在 1 与总票数之间。",
            en="The votes needed must be between one and all there are.",
        ),
    )

    id: Mapped[Id]
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"), index=True)
    key: Mapped[Code]
    mode: Mapped[QuorumMode] = mapped_column(one_of(QuorumMode))
    reject_policy: Mapped[RejectPolicy] = mapped_column(one_of(RejectPolicy), default=RejectPolicy.one)
    need: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    optional: Mapped[Flag]
    status: Mapped[SeatStatus] = mapped_column(one_of(SeatStatus), default=SeatStatus.open)

    step: Mapped[ApprovalStep] = relationship()


class DutyStatus(Choice):
    """Where one person's duty on a seat stands."""

    waiting = enum.auto(), "等待", "Waiting"
    open = enum.auto(), "待处理", "To do", "run"
    approved = enum.auto(), "已同意", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    returned = enum.auto(), "已退回", "Returned", "warn"
    skipped = enum.auto(), "无需处理", "Not needed", "end"
    transferred = enum.auto(), "已转办", "Transferred", "end"
    expired = enum.auto(), "已超时", "Timed out", "warn"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class DutySource(Choice):
    """How somebody came to a duty."""

    rule = enum.auto(), "流程规则", "By the flow"
    superior = enum.auto(), "上级代为审批", "Moved to the superior"
    transfer = enum.auto(), "转办", "Transferred"
    added = enum.auto(), "加签", "Added signer"
    escalation = enum.auto(), "超时升级", "Escalated"


class ApprovalTask(Model):
    """One person's duty on a seat. The inbox is one query over this table."""

    __tablename__ = "approval_task"
    __rows__ = Rows.inner
    __table_args__ = (
        Index("ix_approval_task_inbox", "assignee_id", "status", "due_at", "id"),
        Index("ix_approval_task_arrived", "assignee_id", "status", "opened_at", "id"),
        Index("ix_approval_task_done", "acted_by_id", "decided_at", "id"),
        Index("ix_approval_task_request", "request_id", "status"),
        Index(
            "ux_approval_task_person",
            "seat_id",
            "assignee_id",
            unique=True,
            sqlite_where=text("status IN ('waiting', 'open', 'approved', 'rejected')"),
            postgresql_where=text("status IN ('waiting', 'open', 'approved', 'rejected')"),
        ),
    )

    id: Mapped[Id]
    seat_id: Mapped[int] = mapped_column(ForeignKey("approval_seat.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"), index=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    assignee_id: Mapped[int] = belongs_to("employee.id", zh="处理人", en="Assigned to", index=False)
    order_no: Mapped[int] = mapped_column(Integer, default=0)
    weight: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[DutyStatus] = field(one_of(DutyStatus), zh="状态", en="Status", default=DutyStatus.open)
    source: Mapped[DutySource] = field(one_of(DutySource), zh="来源", en="Came by", default=DutySource.rule)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    acted_by_id: Mapped[int | None] = belongs_to("employee.id", zh="办理人", en="Done by", index=False)
    opened_at: Mapped[datetime | None] = field(MomentType, zh="到达时间", en="Arrived")
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due")
    decided_at: Mapped[datetime | None] = field(MomentType, zh="办理时间", en="Done at")
    reminded_at: Mapped[datetime | None] = mapped_column(MomentType)
    reason: Mapped[Json | None]
    comment: Mapped[Long | None] = field(zh="意见", en="Comment")

    request: Mapped[ApprovalRequest] = relationship()
    step: Mapped[ApprovalStep] = relationship()
    seat: Mapped[ApprovalSeat] = relationship()
    assignee: Mapped[Employee] = relationship(foreign_keys="ApprovalTask.assignee_id")
    acted_by: Mapped[Employee | None] = relationship(foreign_keys="ApprovalTask.acted_by_id")


class ApprovalAct(Choice):
    """What somebody, or the house, did in a request (R30)."""

    submit = enum.auto(), "提交", "Submit"
    approve = enum.auto(), "同意", "Approve", "ok"
    reject = enum.auto(), "驳回", "Reject", "bad"
    send_back = enum.auto(), "退回", "Send back", "warn"
    withdraw = enum.auto(), "撤回", "Withdraw"
    cancel = enum.auto(), "撤销", "Cancel", "end"
    take_back = enum.auto(), "收回", "Take back"
    transfer = enum.auto(), "转办", "Transfer"
    add_signer = enum.auto(), "加签", "Add a signer"
    consult = enum.auto(), "征询", "Consult"
    copy = enum.auto(), "抄送", "Copy"
    remind = enum.auto(), "催办", "Remind"
    escalate = enum.auto(), "超时升级", "Escalate", "warn"
    time_out = enum.auto(), "超时", "Time out", "warn"
    correct = enum.auto(), "更正", "Correct"
    reply = enum.auto(), "答复", "Reply"
    reassign = enum.auto(), "改派", "Reassign", "warn"
    suspend = enum.auto(), "暂停", "Suspend", "warn"
    resume = enum.auto(), "恢复", "Resume"
    ask_void = enum.auto(), "申请作废", "Ask to void", "warn"
    void = enum.auto(), "作废", "Void", "end"


class ApprovalAction(Model):
    """What was done in a request, in order, for ever: never changed, never deleted."""

    __tablename__ = "approval_action"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_action_seq",
            "request_id",
            "seq",
            zh="他人刚刚处理了该申请，请刷新。",
            en="Somebody else has just acted on this request: open it again.",
        ),
        unique(
            "uq_approval_action_idem_key",
            "idem_key",
            zh="该操作已处理。",
            en="This act was already carried out.",
        ),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = field(MomentType, zh="时间", en="At", default=now)
    act: Mapped[ApprovalAct] = field(one_of(ApprovalAct), zh="动作", en="Act")
    actor_id: Mapped[int | None] = belongs_to("employee.id", zh="办理人", en="Done by")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    acting_for_id: Mapped[int | None] = belongs_to("employee.id", zh="代何人", en="For")
    step_id: Mapped[int | None] = mapped_column(ForeignKey("approval_step.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    comment: Mapped[Long | None] = field(zh="意见", en="Comment")
    payload: Mapped[Json | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    idem_key: Mapped[Short | None]
    fingerprint: Mapped[str | None] = mapped_column(String(64))

    actor: Mapped[Employee | None] = relationship(foreign_keys="ApprovalAction.actor_id")
    acting_for: Mapped[Employee | None] = relationship(foreign_keys="ApprovalAction.acting_for_id")


class ApprovalEvidence(Model):
    """What was put before the deciders at a step: a file, or another record such as the visit report."""

    __tablename__ = "approval_evidence"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_approval_evidence_request", "request_id", "round_no"),)

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    round_no: Mapped[int] = mapped_column(Integer)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("approval_step.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    doc_type: Mapped[Code] = field(zh="类型", en="Kind")
    object_type: Mapped[Code]
    object_id: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    given_by_id: Mapped[int] = belongs_to("employee.id", zh="提供人", en="Given by")
    given_at: Mapped[Moment] = mapped_column(default=now)
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("approval_evidence.id"), index=True)


class ApprovalStandin(Stamped, Model):
    """Who acts for whom in approvals, for a period; both names stay on what is decided."""

    __tablename__ = "approval_standin"
    __label__ = "审批代批", "Stand-ins"
    __title__ = ("standin", "starts_at")
    __rows__ = Rows.personal
    __person__ = "principal_id"
    __table_args__ = (
        rule(
            "two_people",
            "principal_id <> standin_id",
            zh="不能由本人代批。",
            en="Nobody stands in for himself.",
        ),
        rule(
            "ends_after_start",
            "ends_at > starts_at",
            zh="结束时间须晚于开始时间。",
            en="It must end after it starts.",
        ),
        rule(
            "limit_above_zero",
            "max_amount IS NULL OR max_amount > 0",
            zh="金额上限须大于零。",
            en="The limit must be above zero.",
        ),
        Index("ix_approval_standin_standin", "standin_id", "starts_at", "ends_at"),
    )

    id: Mapped[Id]
    principal_id: Mapped[int] = belongs_to("employee.id", zh="被代批人", en="For whom", listed=True)
    standin_id: Mapped[int] = belongs_to("employee.id", zh="代批人", en="Stand-in", listed=True, index=False)
    starts_at: Mapped[datetime] = field(MomentType, zh="开始", en="From", listed=True)
    ends_at: Mapped[datetime] = field(MomentType, zh="结束", en="Until", listed=True)
    flow_id: Mapped[int | None] = belongs_to(
        "approval_flow.id", zh="仅限流程", en="Only for flow", listed=True
    )
    max_amount: Mapped[Decimal | None] = field(MoneyType, zh="金额上限", en="Up to the amount", listed=True)
    reason: Mapped[Long | None] = field(zh="原因", en="Reason")
    revoked_at: Mapped[datetime | None] = field(MomentType, zh="撤销时间", en="Revoked", edit=False)

    principal: Mapped[Employee] = relationship(foreign_keys="ApprovalStandin.principal_id")
    standin: Mapped[Employee] = relationship(foreign_keys="ApprovalStandin.standin_id")


class TimerKind(Choice):
    """What a deadline does when it comes."""

    remind = enum.auto(), "提醒", "Remind"
    escalate = enum.auto(), "升级", "Escalate"
    time_out = enum.auto(), "超时", "Time out"


class TimerStatus(Choice):
    """Whether a deadline is still set."""

    armed = enum.auto(), "待触发", "Armed"
    fired = enum.auto(), "已触发", "Fired"
    cancelled = enum.auto(), "已取消", "Cancelled"


class ApprovalTimer(Model):
    """A deadline of an open step; a sweeper claims those that are due."""

    __tablename__ = "approval_timer"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_timer_level",
            "step_id",
            "kind",
            "level",
            zh="期限已设置。",
            en="This deadline is set.",
        ),
        Index("ix_approval_timer_due", "status", "fire_at"),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"))
    kind: Mapped[TimerKind] = mapped_column(one_of(TimerKind))
    level: Mapped[int] = mapped_column(Integer, default=0)
    fire_at: Mapped[Moment]
    status: Mapped[TimerStatus] = mapped_column(one_of(TimerStatus), default=TimerStatus.armed)


class ApprovalCopy(Model):
    """Who was told of a request without being asked to decide."""

    __tablename__ = "approval_copy"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_copy_person",
            "request_id",
            "employee_id",
            "reason",
            zh="已抄送此人。",
            en="This person was already copied.",
        ),
        Index("ix_approval_copy_employee", "employee_id", "read_at", "id"),
        Index("ix_approval_copy_all", "employee_id", "id"),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    reason: Mapped[Short] = mapped_column(default="")
    copied_at: Mapped[Moment] = mapped_column(default=now)
    read_at: Mapped[datetime | None] = mapped_column(MomentType)

    request: Mapped[ApprovalRequest] = relationship()
