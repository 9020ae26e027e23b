"""Accounts, jobs, and the record of what happened."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import (
    Choice,
    Code,
    Id,
    Json,
    Long,
    Moment,
    MomentType,
    Rows,
    Short,
    TokensType,
    field,
    now,
    one_of,
    unique,
)
from app.extensions import Model
from app.schema.common import Stamped, Switched


class UserSession(Model):
    """A signed-in browser: the cookie holds a random word, this row its digest; revoking it ends it at once."""

    __tablename__ = "user_session"
    __rows__ = Rows.inner

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    started_at: Mapped[Moment] = mapped_column(default=now)
    seen_at: Mapped[Moment] = mapped_column(default=now)
    confirmed_at: Mapped[Moment] = mapped_column(default=now)
    ended_at: Mapped[datetime | None] = mapped_column(MomentType)
    address: Mapped[str | None] = mapped_column(String(45))
    agent: Mapped[Short | None]


class SignInAttempt(Model):
    """Failed sign-ins of an account or an address, for the back-off that holds over all workers."""

    __tablename__ = "sign_in_attempt"
    __rows__ = Rows.inner

    id: Mapped[Id]
    subject: Mapped[Short] = mapped_column(unique=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[Moment] = mapped_column(default=now)


class AccessKey(Model):
    """A personal key for the API: only its digest is kept."""

    __tablename__ = "access_key"
    __rows__ = Rows.inner

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[Short]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Moment] = mapped_column(default=now)
    expires_at: Mapped[Moment]
    revoked_at: Mapped[datetime | None] = mapped_column(MomentType)


class SavedCommand(Model):
    """A form or call already carried out, so that sending it twice does it once (R34)."""

    __tablename__ = "command"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_command_key",
            "user_id",
            "key",
            zh="该请求已处理。",
            en="This request was already carried out.",
        ),
    )

    id: Mapped[Id]
    key: Mapped[Code]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    location: Mapped[str] = mapped_column(String(500), default="")
    answer: Mapped[Json | None]
    created_at: Mapped[Moment] = mapped_column(default=now, index=True)


class NoticeKind(Choice):
    """Why somebody is told."""

    approval = enum.auto(), "审批", "Approval", "run"
    reminder = enum.auto(), "提醒", "Reminder", "warn"
    alert = enum.auto(), "预警", "Alert", "bad"
    announcement = enum.auto(), "公告", "Announcement"


class Notice(Model):
    """Something one person is told, once, in both languages."""

    __tablename__ = "notice"
    __label__ = "通知", "Notices"
    __rows__ = Rows.personal
    __person__ = "recipient_id"
    __table_args__ = (Index("ix_notice_recipient", "recipient_id", "read_at", "id"),)

    id: Mapped[Id]
    kind: Mapped[NoticeKind] = field(one_of(NoticeKind), zh="类型", en="Kind", listed=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    text_zh: Mapped[Long]
    text_en: Mapped[Long]
    object_type: Mapped[Code | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    raised_at: Mapped[Moment] = mapped_column(default=now)
    read_at: Mapped[datetime | None] = mapped_column(MomentType)


class OutboxEntry(Model):
    """A message to the outside, written in the transaction, sent after it."""

    __tablename__ = "outbox"
    __rows__ = Rows.inner
    __table_args__ = (unique("uq_outbox_key", "key", zh="消息已存在。", en="This message exists."),)

    id: Mapped[Id]
    key: Mapped[Short]
    target: Mapped[Short]
    payload: Mapped[Json]
    created_at: Mapped[Moment] = mapped_column(default=now)
    next_at: Mapped[Moment] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(MomentType)


class JobStatus(Choice):
    """Where a background job stands."""

    queued = enum.auto(), "排队", "Queued"
    running = enum.auto(), "进行中", "Running", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    failed = enum.auto(), "失败", "Failed", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Job(Model):
    """A background job: the ledger is the truth, the transport only wakes a worker. `attempt` is the fencing token."""

    __tablename__ = "job"
    __label__ = "后台任务", "Jobs"
    __rows__ = Rows.personal
    __person__ = "person_id"
    __table_args__ = (
        unique("uq_job_idem_key", "idem_key", zh="该任务已存在。", en="This job exists."),
        Index("ix_job_due", "status", "run_after", "priority", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[Code] = field(zh="任务", en="Job", listed=True)
    args: Mapped[Json] = mapped_column(default=dict)
    idem_key: Mapped[Short | None]
    status: Mapped[JobStatus] = field(
        one_of(JobStatus), zh="状态", en="Status", listed=True, default=JobStatus.queued
    )
    run_after: Mapped[Moment] = mapped_column(default=now)
    priority: Mapped[int] = mapped_column(Integer, default=100)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    max_attempts: Mapped[int] = mapped_column(Integer, default=5)
    lease_owner: Mapped[Short | None]
    lease_until: Mapped[datetime | None] = mapped_column(MomentType)
    checkpoint: Mapped[Json | None]
    done_units: Mapped[int] = field(BigInteger, zh="已完成", en="Done", listed=True, default=0)
    total_units: Mapped[int] = field(BigInteger, zh="总量", en="Total", listed=True, default=0)
    message: Mapped[Json | None]
    result: Mapped[Json | None]
    error: Mapped[Long | None]
    created_at: Mapped[datetime] = field(MomentType, zh="创建时间", en="Created", listed=True, default=now)
    finished_at: Mapped[datetime | None] = field(MomentType, zh="结束时间", en="Finished", listed=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("employee.id"), index=True)


class JobSchedule(Stamped, Switched, Model):
    """When a recurring job is due; a slot makes at most one job for ever (`idem_key` = name and slot)."""

    __tablename__ = "job_schedule"
    __rows__ = Rows.inner

    id: Mapped[Id]
    name: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[Code]
    args: Mapped[Json] = mapped_column(default=dict)
    every_minutes: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[Moment]


class AuditAct(Choice):
    """What kind of thing happened."""

    create = enum.auto(), "新建", "Created"
    update = enum.auto(), "修改", "Changed"
    delete = enum.auto(), "删除", "Deleted"
    move = enum.auto(), "状态变更", "Moved"
    approval = enum.auto(), "审批", "Approval"
    bring_in = enum.auto(), "导入", "Import"
    take_out = enum.auto(), "导出", "Export"
    reveal = enum.auto(), "查看敏感信息", "Sealed field seen"
    sign_in = enum.auto(), "登录", "Sign-in"
    sign_in_failed = enum.auto(), "登录失败", "Sign-in failed"
    sign_out = enum.auto(), "退出", "Sign-out"
    permission = enum.auto(), "权限", "Permission"
    configuration = enum.auto(), "配置", "Configuration"
    evaluation = enum.auto(), "评价", "Evaluation"
    denied = enum.auto(), "拒绝访问", "Denied"


class AuditLog(Model):
    """What happened, for ever: append-only, chained by hash once sealed. `changes` = field → [old, new]."""

    __tablename__ = "audit_log"
    __label__ = "操作日志", "Audit log"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_audit_log_object", "object_type", "object_id", "id"),)

    id: Mapped[Id]
    at: Mapped[Moment] = mapped_column(default=now, index=True)
    act: Mapped[AuditAct] = mapped_column(one_of(AuditAct))
    user_id: Mapped[int | None] = mapped_column(Integer, index=True)
    person_id: Mapped[int | None] = mapped_column(Integer, index=True)
    object_type: Mapped[Code | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    object_version: Mapped[int | None] = mapped_column(Integer)
    summary: Mapped[Json | None]
    changes: Mapped[Json | None]
    reason: Mapped[Long | None]
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(36))
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    own_hash: Mapped[str | None] = mapped_column(String(64))


class SearchEntry(Model):
    """What one record is found by (`services.searching`): never shown. The migration adds what searches its tokens."""

    __tablename__ = "search_entry"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_search_entry_object",
            "object_type",
            "object_id",
            zh="该记录已在搜索索引中。",
            en="This record is in the index already.",
        ),
        Index("ix_search_entry_core", "object_type", "core"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    """Which record of which type it is (`searching.number_of`); SQLite's table of tokens knows an entry by it alone."""
    object_type: Mapped[Code]
    object_id: Mapped[int]
    tokens: Mapped[list[str]] = mapped_column(TokensType)
    core: Mapped[str | None] = mapped_column(String(255))
    """What is left of the name without legal form and common words: equal in twins."""
