"""Exports: what was asked to be taken out, by whom, why, and what became of it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Json,
    Long,
    MomentType,
    Rows,
    Short,
    WordsType,
    belongs_to,
    field,
    new_uid,
    one_of,
    rule,
)
from app.extensions import Model
from app.schema.common import Stamped
from app.words import Words

if TYPE_CHECKING:
    from app.schema.people import Employee


class ExportForm(Choice):
    """What kind of file an export is."""

    xlsx = enum.auto(), "Excel 工作簿", "Excel workbook"
    csv = enum.auto(), "CSV 文件", "CSV file"


class ExportStatus(Choice):
    """Where an export stands; `approved` is one whose file is being made."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已撤回", "Withdrawn", "warn"
    approved = enum.auto(), "生成中", "Being made", "run"
    ready = enum.auto(), "可下载", "Ready", "ok"
    expired = enum.auto(), "已过期", "Expired", "end"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    failed = enum.auto(), "失败", "Failed", "bad"


class ExportRequest(Stamped, Model):
    """An export (SM-30): within the limit its file is made at once, above it once it is approved; kept for a day.

    `state` is what the list was asked for, `columns` the names of the fields; both are read anew, with the rights the
    person has then, when the file is made.
    """

    __tablename__ = "export_request"
    __label__ = "导出", "Exports"
    __rows__ = Rows.owned
    __title__ = ("title",)
    __table_args__ = (
        rule("rows_not_negative", "rows_counted >= 0", zh="行数不能为负。", en="Rows cannot be negative."),
        Index("ix_export_request_scope", "org_unit_id", "id"),
        Index("ix_export_request_expiry", "status", "expires_at"),
    )

    id: Mapped[Id]
    title: Mapped[Short] = field(zh="导出内容", en="What", edit=False, listed=True, search=True)
    resource: Mapped[Code] = field(zh="记录类型", en="Record type", edit=False)
    filters: Mapped[Words | None] = field(WordsType, zh="筛选条件", en="Conditions", edit=False)
    fields: Mapped[Words | None] = field(WordsType, zh="导出字段", en="Columns", edit=False)
    sensitive: Mapped[Flag] = field(zh="含保密字段", en="Confidential columns", edit=False)
    form: Mapped[ExportForm] = field(
        one_of(ExportForm), zh="格式", en="Format", edit=False, listed=True, default=ExportForm.xlsx
    )
    rows_counted: Mapped[int] = field(Integer, zh="行数", en="Rows", edit=False, listed=True)
    reason: Mapped[Long | None] = field(zh="用途", en="Purpose", edit=False)
    status: Mapped[ExportStatus] = field(
        one_of(ExportStatus),
        zh="状态",
        en="Status",
        edit=False,
        listed=True,
        default=ExportStatus.draft,
    )
    rows_written: Mapped[int | None] = field(Integer, zh="已导出行数", en="Rows written", edit=False)
    problem: Mapped[Words | None] = field(WordsType, zh="失败原因", en="Why it failed", edit=False)
    expires_at: Mapped[datetime | None] = field(
        MomentType, zh="有效期至", en="Kept until", edit=False, listed=True
    )
    fetched_at: Mapped[datetime | None] = field(MomentType, zh="首次下载", en="First fetched", edit=False)
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="申请人", en="Asked by", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)
    state: Mapped[Json] = mapped_column(default=dict)
    columns: Mapped[Json] = mapped_column(default=list)
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))

    owner: Mapped[Employee | None] = relationship(foreign_keys="ExportRequest.owner_id")
