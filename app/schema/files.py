"""Files and imports: attachments, import runs and the cells they changed."""

from __future__ import annotations

import enum

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Choice, Code, Flag, Id, Json, Long, Rows, Short, field, new_uid, one_of
from app.extensions import Model
from app.schema.common import Binned, Stamped


class Attachment(Stamped, Binned, Model):
    """A file of a record: stored by id, never by the name it came with; its rows follow the record's policy."""

    __tablename__ = "attachment"
    __label__ = "附件", "Attachments"
    __rows__ = Rows.inner
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
