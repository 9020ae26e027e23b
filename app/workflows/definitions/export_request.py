"""The life of an export (SM-30): asked for, decided where it is above the limit, made, kept for a day."""

from __future__ import annotations

from typing import Any

from app.models import ExportRequest
from app.services import jobs
from app.words import Words
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, moves


def make_file(request: Any) -> None:
    """Have the file made by a job, with the rights its requester has by then."""
    requester = jobs.Requester(request.user_id, request.owner_id)
    request.job_id = jobs.enqueue(
        "export", {"id": request.id}, requester=requester, idem_key=f"export:{request.id}"
    )


EXPORT_REQUEST = Machine(
    ExportRequest,
    first="draft",
    moves=(
        *decided(on_approve=(make_file,)),
        moves("start", "draft", "approved", Words("开始导出", "Started"), by=By.rule),
        moves("finish", "approved", "ready", Words("已生成", "Made"), by=By.rule, tone="ok"),
        moves("fail", "approved", "failed", Words("失败", "Failed"), by=By.rule, tone="bad"),
        moves("expire", "ready", "expired", Words("过期", "Expired"), by=By.rule),
    ),
    closed=("approved", "ready", "expired", "rejected", "withdrawn", "failed"),
)
