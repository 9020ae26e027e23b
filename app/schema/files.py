"""Files, imports and merges: attachments, import runs and the cells they changed, records made one."""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

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
    belongs_to,
    field,
    new_uid,
    one_of,
)
from app.extensions import Model
from app.schema.common import Binned, Stamped


class Attachment(Stamped, Binned, Model):
    """A file of a record: stored by id, never by the name it came with; its rows follow the record's policy."""

    __tablename__ = "attachment"
    __label__ = "附件", "Attachments"
    __rows__ = Rows.inner
    __title__ = ("file_name",)
    __table_args__ = (Index("ix_attachment_object", "object_type", "object_id"),)

    id: Mapped[Id]
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    object_type: Mapped[Code]
    object_id: Mapped[int] = mapped_column(Integer)
    doc_type: Mapped[Short | None] = field(zh="文件类型", en="Document type")
    file_name: Mapped[Short] = field(zh="文件名", en="File name")
    size: Mapped[int] = field(Integer, zh="大小", en="Size")
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[Code]
    series: Mapped[str | None] = mapped_column(String(36), index=True)
    """The `uid` of the first version; all versions of one document share it."""
    version: Mapped[int] = field(Integer, zh="版本", en="Version", default=1, server_default=text("1"))
    valid_from: Mapped[date | None] = field(Date, zh="有效期自", en="Valid from")
    valid_to: Mapped[date | None] = field(Date, zh="有效期至", en="Valid until")
    is_confidential: Mapped[Flag] = field(zh="保密", en="Confidential")
    verified_at: Mapped[datetime | None] = field(MomentType, zh="核验时间", en="Verified", edit=False)
    verified_by_id: Mapped[int | None] = belongs_to("employee.id", zh="核验人", en="Verified by", edit=False)


class RecordMerge(Stamped, Model):
    """Two records of one customer made one: which values were chosen and what moved, so that it can be taken back."""

    __tablename__ = "record_merge"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_record_merge_kept", "object_type", "kept_id"),)

    id: Mapped[Id]
    object_type: Mapped[Code]
    kept_id: Mapped[int] = mapped_column(Integer)
    merged_id: Mapped[int] = mapped_column(Integer)
    kept_before: Mapped[Json]
    merged_before: Mapped[Json]
    moved: Mapped[Json]
    undone_at: Mapped[datetime | None] = mapped_column(MomentType)


class ImportStatus(Choice):
    """Where an import stands."""

    uploaded = enum.auto(), "已上传", "Uploaded"
    checking = enum.auto(), "检查中", "Checking", "run"
    checked = enum.auto(), "待确认", "Checked", "warn"
    applying = enum.auto(), "写入中", "Writing", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    refused = enum.auto(), "未通过", "Refused", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"
    undone = enum.auto(), "已撤销", "Undone", "end"


class ImportMode(Choice):
    """Which rows of a file may do what."""

    create = enum.auto(), "仅新增", "Create only"
    update = enum.auto(), "仅更新", "Update only"
    upsert = enum.auto(), "新增并更新", "Create and update"
    edit = enum.auto(), "批量修改", "Bulk edit"


class ImportAlike(Choice):
    """What becomes of rows that stand for no record, but are called as one is."""

    create = enum.auto(), "照样新建", "Create them all the same"
    refuse = enum.auto(), "不导入", "Leave them out"
    fill = enum.auto(), "视为同一条，只补空白", "Same record: fill its blanks"
    overwrite = enum.auto(), "视为同一条，以文件为准", "Same record: take the file's values"


class ImportRun(Stamped, Model):
    """One file brought in: what it was, how it was read, and what became of its rows. It is one change set."""

    __tablename__ = "import_run"
    __label__ = "导入记录", "Imports"
    __rows__ = Rows.personal
    __person__ = "person_id"

    id: Mapped[Id]
    resource: Mapped[Code] = field(zh="记录类型", en="Record type", listed=True)
    file_name: Mapped[Short] = field(zh="文件", en="File", listed=True)
    digest: Mapped[str] = mapped_column(String(64))
    sheet: Mapped[Short | None] = field(zh="工作表", en="Sheet", listed=True)
    mode: Mapped[ImportMode] = field(
        one_of(ImportMode), zh="方式", en="Mode", listed=True, default=ImportMode.upsert
    )
    key_field: Mapped[Code | None]
    mapping: Mapped[Json] = mapped_column(default=dict)
    adopt_reason: Mapped[Long | None] = field(zh="历史数据说明", en="Why opening data")
    status: Mapped[ImportStatus] = field(
        one_of(ImportStatus), zh="状态", en="Status", listed=True, default=ImportStatus.uploaded
    )
    rows_total: Mapped[int] = field(Integer, zh="总行数", en="Rows", listed=True, default=0)
    rows_created: Mapped[int] = field(Integer, zh="新增", en="Created", listed=True, default=0)
    rows_updated: Mapped[int] = field(Integer, zh="更新", en="Updated", listed=True, default=0)
    rows_unchanged: Mapped[int] = field(Integer, zh="相同", en="Unchanged", listed=True, default=0)
    rows_refused: Mapped[int] = field(Integer, zh="拒绝", en="Refused", listed=True, default=0)
    problem: Mapped[Json | None]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("employee.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))


class Verdict(Choice):
    """What a row of an import file is."""

    new = enum.auto(), "新增", "New", "ok"
    changed = enum.auto(), "更新", "Changed", "run"
    same = enum.auto(), "相同", "Same"
    refused = enum.auto(), "拒绝", "Refused", "bad"


class ImportRow(Model):
    """A row of an import file: its cells, its verdict with reasons by cell, and what it changed (for undo)."""

    __tablename__ = "import_row"
    __rows__ = Rows.inner
    __table_args__ = (Index("uq_import_row_no", "import_run_id", "row_no", unique=True),)

    id: Mapped[Id]
    import_run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    row_no: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[Verdict] = mapped_column(one_of(Verdict))
    cells: Mapped[Json]
    values: Mapped[Json | None]
    reasons: Mapped[Json | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    before: Mapped[Json | None]
    applied: Mapped[Flag]
