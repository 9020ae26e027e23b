"""Exports from asking to the file: made at once within the limit, above it by approval; kept a day for who asked.

The file is made with the rights its requester has when it is made, not when he asked: who lost his right meanwhile
gets nothing. Nobody but he fetches it, not even who approved it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, Problem, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    AuditAct,
    ExportForm,
    ExportRequest,
    ExportStatus,
    Job,
    JobStatus,
    Notice,
    NoticeKind,
)
from app.roles import Act
from app.services import access, attachments, audit, exports, jobs, records
from app.services.fields import labels_of
from app.words import Words, say
from app.workflows.definitions.export_request import make_file
from app.workflows.machine import move_by_rule
from app.workflows.subjects import Subject
from app.workflows.submitting import submit

KEPT_FOR = timedelta(days=1)
AT_ONCE = 2_000
"""Rows a person waits for; more are written by a job."""
PIECE = 1 << 20
MARGIN = 10
"""An approved export may have grown by a tenth (1/MARGIN) of its rows until it is made, no more."""


def _content(request: ExportRequest) -> dict[str, str]:
    """What is decided on: which rows and columns as they were asked for, and what for."""
    parts = {"state": request.state, "columns": request.columns}
    shown = {name: json.dumps(part, ensure_ascii=False, sort_keys=True) for name, part in parts.items()}
    return shown | {
        "resource": request.resource,
        "form": request.form.value,
        "rows_counted": str(request.rows_counted),
        "reason": request.reason or "",
    }


EXPORT = Subject(ExportRequest, shown=_content)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to take out: a list, its columns (all he sees unless named), the form, and what for."""

    query: records.Query
    columns: tuple[str, ...] | None = None
    form: str = ExportForm.xlsx.value
    reason: str = ""


def ask(wish: Wish) -> ExportRequest:
    """Ask for an export. Within the limit it may be made now (`make`), or a job does; above it, it is submitted.

    Inside `transaction()`.

    Raises:
        NotAllowed: the person may not take such records out, or is no employee and asks for more than the limit.
        BadInput: more than the limit without saying what for.
        NotApprovable: more than the limit, and no flow decides on exports.

    """
    who = access.principal()
    what = exports.taken(wish.query, wish.columns)
    rows = exports.count(what)
    exports.check_count(rows, exports.MOST_ROWS)
    over = rows > exports.limit_of(who)
    if over and not wish.reason.strip():
        raise BadInput([Problem(say("请说明导出用途。", "Say what the export is for."), "reason")])
    request = ExportRequest(
        title=str(say("{what}，{n} 行", "{what}, {n} rows", what=labels_of(what.model), n=f"{rows:,}"))[:255],
        resource=access.resource_of(what.model),
        filters=exports.described(wish.query),
        fields=_labels(what),
        sensitive=what.is_confidential,
        form=ExportForm[wish.form],
        rows_counted=rows,
        reason=wish.reason.strip() or None,
        owner_id=who.employee_id,
        org_unit_id=who.org_unit_id,
        user_id=who.user_id,
        state=exports.state_of(wish.query),
        columns=[field.name for field in what.fields],
    )
    with access.by_rule():
        db.session.add(request)
        db.session.flush()
    if over:
        submit(request)
        return request
    move_by_rule(request, "start")
    if rows > AT_ONCE:
        with access.by_rule():
            make_file(request)
            db.session.flush()
    return request


def _labels(what: exports.Taken) -> Words:
    labels = [field.label for field in what.fields]
    return Words("、".join(label.zh for label in labels), ", ".join(label.en for label in labels))


def find(request_id: int) -> ExportRequest:
    """An export as the person asking may know of it. Raises `NotFound`."""
    found: ExportRequest = records.find(ExportRequest, request_id)
    return found


# ---- making the file ---------------------------------------------------------------------------------------


def folder() -> Path:
    """Where the files lie; only the account the product runs under may look in."""
    found = attachments.folder.root / "exports"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def path_of(request: ExportRequest) -> Path:
    return folder() / request.uid


@jobs.kind("export", zh="导出", en="Export")
def make_as_job(run: jobs.Run) -> dict[str, Any]:
    """Make the file of an export; the requester is told."""
    request_id = int(run.args["id"])
    rows = make(request_id, run)
    return {"id": request_id, "rows": rows}


def make(request_id: int, run: jobs.Run | None = None) -> int:
    """Write the file of an export, as the person asking; how many rows. Opens its own transactions.

    Raises what refuses it; the export then says so.
    """
    request = _open(request_id)
    form, uid, most = request.form.value, request.uid, _most(request)
    wanted = request.resource, dict(request.state), list(request.columns), request.reason
    try:
        path, rows = _write(wanted, form, most, run)
    except Refusal as refusal:
        _end(request_id, "fail", run, problem=refusal.words)
        raise
    digest, size = _digest(path), path.stat().st_size
    path.replace(folder() / uid)
    ready = {"rows_written": rows, "size": size, "sha256": digest, "expires_at": now() + KEPT_FOR}
    _end(request_id, "finish", run, **ready)
    return rows


def _open(request_id: int) -> ExportRequest:
    """The export that is to be made: one's own, and approved or within the limit."""
    who = access.principal()
    with access.acting(access.SYSTEM):
        request = db.session.scalar(select(ExportRequest).where(ExportRequest.id == request_id))
    if request is None or (request.owner_id, request.user_id) != (who.employee_id, who.user_id):
        raise NotFound(say("没有这项导出。", "There is no such export."))
    if request.status is not ExportStatus.approved:
        raise WrongState(say("这项导出不在生成中。", "This export is not to be made now."))
    return request


def _most(request: ExportRequest) -> int:
    """How many rows may go out: as many as were counted, and somewhat more, or the limit."""
    grown = request.rows_counted + request.rows_counted // MARGIN
    return max(grown, exports.limit_of(access.principal()))


def _write(wanted: Any, form: str, most: int, run: jobs.Run | None) -> tuple[Path, int]:
    """A file of no name yet, with the rights of now."""
    resource, state, columns, reason = wanted
    what = exports.taken(exports.query_of(resource, state), columns)
    handle, name = tempfile.mkstemp(dir=folder(), prefix="new-")
    os.close(handle)
    path = Path(name)

    def tell(rows: int) -> None:
        if run is not None:
            with transaction():
                run.save(done=rows, total=max(rows, total))

    total = exports.count(what)
    try:
        return path, exports.write(what, path, form, most=most, told=tell, reason=reason or "")
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _end(request_id: int, verb: str, run: jobs.Run | None, **values: Any) -> None:
    """Write how it ended, and tell the requester when a job did it for him; the house writes, whatever he may still do."""
    with access.acting(access.SYSTEM), transaction():
        request = db.session.get_one(ExportRequest, request_id)
        for name, value in values.items():
            setattr(request, name, value)
        move_by_rule(request, verb)
        if run is not None:
            run.save(done=values.get("rows_written", 0), total=values.get("rows_written", 0))
            _tell(request)


def _tell(request: ExportRequest) -> None:
    if request.owner_id is None:
        return
    words = (
        say(
            "导出“{title}”已生成，请在一天内下载。",
            'The export "{title}" is ready: fetch it within a day.',
            title=request.title,
        )
        if request.status is ExportStatus.ready
        else say(
            "导出“{title}”失败：{why}",
            'The export "{title}" failed: {why}',
            title=request.title,
            why=request.problem or Words("", ""),
        )
    )
    notice = Notice(
        kind=NoticeKind.reminder,
        recipient_id=request.owner_id,
        text_zh=words.zh,
        text_en=words.en,
        object_type=ExportRequest.__tablename__,
        object_id=request.id,
    )
    db.session.add(notice)


# ---- fetching it -------------------------------------------------------------------------------------------


def fetch(request_id: int) -> tuple[ExportRequest, Path]:
    """The file of one's own export, while it is kept, and noted in the log. Opens its own transaction.

    Raises:
        NotFound: there is none the person may know of.
        NotAllowed: it is somebody else's, or he may no longer take such records out.
        WrongState: it is not ready, or no longer kept.

    """
    who = access.principal()
    with transaction():
        request = find(request_id)
        if request.owner_id != who.employee_id or request.user_id != who.user_id:
            raise NotAllowed(
                say("导出文件只供申请人下载。", "Only who asked for an export may fetch its file.")
            )
        who.check(Act.take_out, request.resource)
        path = path_of(request)
        if not is_kept(request) or not path.exists():
            raise WrongState(say("文件尚未生成或已过期。", "The file is not ready, or no longer kept."))
        with access.by_rule():
            request.fetched_at = request.fetched_at or now()
            db.session.flush()
        audit.record(
            AuditAct.take_out,
            ExportRequest.__tablename__,
            request.id,
            summary=say("下载导出文件", "File of an export fetched"),
        )
    return request, path


def is_kept(request: ExportRequest) -> bool:
    """Whether its file may be fetched now."""
    return (
        request.status is ExportStatus.ready and request.expires_at is not None and request.expires_at > now()
    )


def job_of(request: ExportRequest) -> Job | None:
    """The job that makes or made the file, if one does."""
    with access.acting(access.SYSTEM):
        return db.session.get(Job, request.job_id) if request.job_id is not None else None


# ---- keeping house -----------------------------------------------------------------------------------------


@jobs.kind("exports", zh="清理导出文件", en="Throw exported files away")
def sweep_as_job(_run: jobs.Run) -> dict[str, int]:
    return {"expired": sweep(), "files": attachments.sweep()}


def sweep() -> int:
    """Throw away what was kept long enough, and say of what will never be made that it failed; how many expired."""
    with access.acting(access.SYSTEM), transaction():
        late = db.session.scalars(
            select(ExportRequest).where(
                ExportRequest.status == ExportStatus.ready, ExportRequest.expires_at <= now()
            )
        ).all()
        for request in late:
            move_by_rule(request, "expire")
        for request in _given_up():
            request.problem = say("生成任务未能完成。", "The job that makes the file did not finish.")
            move_by_rule(request, "fail")
            _tell(request)
        kept = set(
            db.session.scalars(select(ExportRequest.uid).where(ExportRequest.status == ExportStatus.ready))
        )
    _remove_others(kept)
    return len(late)


def _given_up() -> Sequence[ExportRequest]:
    """Exports nobody makes any more: their job ended without a word, or the request that made them was cut off."""
    over = select(Job.id).where(Job.status.in_([JobStatus.failed, JobStatus.cancelled, JobStatus.done]))
    left = ExportRequest.job_id.is_(None) & (ExportRequest.changed_at < now() - KEPT_FOR / 24)
    return db.session.scalars(
        select(ExportRequest).where(
            ExportRequest.status == ExportStatus.approved, ExportRequest.job_id.in_(over) | left
        )
    ).all()


def _remove_others(kept: set[str]) -> None:
    """Remove files no export keeps; one that is being written is young."""
    young = now().timestamp() - KEPT_FOR.total_seconds() / 24
    for path in folder().iterdir():
        if path.name not in kept and path.stat().st_mtime < young:
            path.unlink(missing_ok=True)
