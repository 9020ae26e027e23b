"""Files sent through the doors: kept until they are written, judged at once or in the background, then written.

A run is one row (`import_run`) from the moment its file arrives. Whoever judges or writes it moves it on by a
compare-and-swap on its status, so that two presses of a button, or two tabs, do it once.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import CursorResult, delete, select, update

from app.columns import now
from app.errors import BadInput, NotFound, Problem, Refusal, WrongState
from app.extensions import after_commit, db, transaction
from app.models import ImportAlike, ImportMode, ImportRow, ImportRun, ImportStatus, Job, JobStatus
from app.roles import Act
from app.services import access, attachments, imports, jobs, sheets
from app.services.chosen import Chosen
from app.services.imports import ledger
from app.services.imports.mapping import columns_of
from app.services.imports.resources import rights_to_change, rights_to_write
from app.words import Words, say
from app.workflows import importing

JUDGE = "import_check"
JUDGE_EDIT = "bulk_edit_check"
UNDO = "import_undo"
BYTES_AT_ONCE = 1024 * 1024
"""A file up to here, unpacked, is judged while its sender waits: some 1,500 rows."""
ROWS_AT_ONCE = 1_000
"""So many rows are written while the person waits."""
CUT_OFF_AFTER = timedelta(minutes=2)
"""No request lives so long: what still stands in the middle then was cut off, and may be taken up again."""
KEPT_FOR = timedelta(days=2)
"""How long a file waits to be written."""
HABITS_FROM = 20
FIRST = ("customer", "contact", "product", "order", "complaint")
PIECE = 1 << 20

UNDER_WAY = (ImportStatus.uploaded, ImportStatus.checking, ImportStatus.applying)
ANEW = (ImportStatus.checked, ImportStatus.refused)
"""Where a run stands whose file may be judged again, read in another way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """How its sender wants a file to be read: the sheet, head → field, the key, and whether it is opening data (R3).

    `large` says that it is judged in the background, `alike` what becomes of rows that are called as a record is.
    """

    sheet: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    key: str | None = None
    opening: bool = False
    large: bool = False
    alike: str = ImportAlike.create.value

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, body: Mapping[str, Any] | None) -> Asked:
        return cls(**(body or {}))


# ---- the file ----------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where files wait; only the account the product runs under may look in."""
    found = attachments.folder.root / "imports"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def path_of(run_id: int) -> Path:
    """The file of a run, while it is kept."""
    return folder() / str(run_id)


def take_in(stream: IO[bytes]) -> Path:
    """Write what is sent to a file of no name yet; its owner removes it, or gives it to `accept`."""
    handle, name = tempfile.mkstemp(dir=folder(), prefix="new-")
    with os.fdopen(handle, "wb") as file:
        while piece := stream.read(PIECE):
            file.write(piece)
    return Path(name)


def is_large(path: Path) -> bool:
    """Whether its sender should not wait for this file to be judged; one that cannot be read is told at once."""
    try:
        return sheets.inspect(path, sheets.LARGE).inflated > BYTES_AT_ONCE
    except sheets.Unreadable:
        return False


def sweep() -> int:
    """Remove the files nobody came back for; how many."""
    oldest = time.time() - KEPT_FOR.total_seconds()
    late = [path for path in folder().iterdir() if path.stat().st_mtime < oldest]
    for path in late:
        path.unlink(missing_ok=True)
    return len(late)


# ---- judging -----------------------------------------------------------------------------------------------


def accept(resource: str, file_name: str, path: Path, asked: Asked, **how: Any) -> int:
    """A run for this file, inside `transaction()`; the file becomes the run's own. `judge` comes next.

    `how` are `mode` (`ImportMode`) and `reason` (why opening data is entered).

    Raises:
        NotAllowed, NotFound: the person may not bring in such records.
        BadInput: opening data without a reason.

    """
    _check_reason(asked, how.get("reason", ""))
    order = imports.Order(
        resource,
        path,
        file_name,
        asked.sheet,
        mode=how.get("mode", ImportMode.upsert),
        reason=how.get("reason", "") if asked.opening else "",
    )
    run_id = imports.upload(order)
    _keep(run_id, asked)
    path.replace(path_of(run_id))
    after_commit(sweep)
    if asked.large:
        _judge_later(run_id, asked)
    return run_id


def _check_reason(asked: Asked, reason: str) -> None:
    if asked.opening and not reason.strip():
        words = say("录入历史数据需要说明原因。", "Say why opening data is entered.")
        raise BadInput([Problem(words, "reason")])


def _keep(run_id: int, asked: Asked) -> None:
    """Note on the run how its file was asked to be read."""
    held = db.session.scalar(select(ImportRun.mapping).where(ImportRun.id == run_id)) or {}
    _write(run_id, mapping={**held, "asked": asked.kept()})


def again(run_id: int, asked: Asked, *, mode: ImportMode | None = None) -> None:
    """Have the file of a run judged once more, read as `asked` now. Inside `transaction()`; `judge` comes next.

    Raises:
        WrongState: the run is under way, or over.
        Refusal: the file is no longer kept.
        BadInput: two columns were sent to one field.

    """
    run = find(run_id)
    if run.mode is ImportMode.edit:
        _edit_again(run)
        return
    _check_twice(run.resource, asked.columns.values())
    if not path_of(run_id).exists():
        raise Refusal(NOT_KEPT)
    stand = (*UNDER_WAY[:2], *ANEW) if is_cut_off(run) else ANEW
    values: dict[str, Any] = {"mapping": {"asked": asked.kept()}, "problem": None, "job_id": None, **NO_ROWS}
    _move(run_id, stand, ImportStatus.uploaded, **values, **({"mode": mode} if mode else {}))
    if asked.large:
        _judge_later(run_id, asked)


def _edit_again(run: ImportRun) -> None:
    """Have the choice of a bulk edit judged once more, whose job failed: it knows what was chosen and said."""
    failed = job_of(run)
    if failed is None or not is_cut_off(run):
        raise WrongState(BUSY)
    _move(run.id, UNDER_WAY[:2], ImportStatus.checking, **NO_ROWS)
    who = access.principal()
    requester = jobs.Requester(who.user_id, who.employee_id)
    _write(run.id, job_id=jobs.enqueue(JUDGE_EDIT, dict(failed.args), requester=requester))


NOT_KEPT = say("文件已不在服务器上，请重新上传。", "The file is no longer here: send it again.")
NO_ROWS = dict.fromkeys(("rows_total", "rows_created", "rows_updated", "rows_unchanged", "rows_refused"), 0)


def _check_twice(resource: str, names: Iterable[str | None]) -> None:
    found = imports.resource(resource)
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        target = found.target(twice[0])
        words = say(
            "有两列都对应到“{label}”，请只留一列。",
            "Two columns go to “{label}”: keep one of them.",
            label=target.label if target else twice[0],
        )
        raise BadInput([Problem(words)])


def judge(run_id: int) -> None:
    """Judge a file that waits for it, here and now, unless a job does it. Opens its own transactions.

    Raises what refuses a file as a whole; the run then says so.
    """
    run = find(run_id)
    if run.job_id is None and run.status is ImportStatus.uploaded:
        _judge(run_id, Asked.restored(run.mapping.get("asked")))


def _judge(run_id: int, asked: Asked, progress: imports.Progress | None = None) -> None:
    try:
        imports.stage(_order(find(run_id), asked), run_id=run_id, progress=progress)
    except Refusal as refusal:
        with transaction():
            _give_up(run_id, refusal)
        if not isinstance(refusal, BadInput):
            path_of(run_id).unlink(missing_ok=True)
        raise
    with transaction():
        _keep(run_id, asked)


def _order(run: ImportRun, asked: Asked) -> imports.Order:
    large = access.principal().may(Act.bring_in_large, run.resource)
    path = path_of(run.id)
    if not path.exists():
        raise Refusal(NOT_KEPT)
    return imports.Order(
        resource=run.resource,
        path=path,
        file_name=run.file_name,
        sheet=asked.sheet,
        wish=imports.Wish(asked.columns, habits=habits(run.resource)),
        key=asked.key,
        mode=run.mode,
        opening=importing.opening_of(run.resource) if asked.opening else None,
        reason=run.adopt_reason or "",
        limits=sheets.LARGE if large else sheets.SCREEN,
        alike=ImportAlike[asked.alike],
    )


def _give_up(run_id: int, refusal: Refusal) -> None:
    """A file refused as a whole, be it half way through: nothing of it is kept but the reason."""
    db.session.execute(delete(ImportRow).where(ImportRow.import_run_id == run_id))
    problem = {
        "zh": refusal.words.zh,
        "en": refusal.words.en,
        "code": str(getattr(refusal, "reason", refusal.code)),
    }
    _write(run_id, status=ImportStatus.refused, problem=problem, **NO_ROWS)


def habits(resource: str) -> dict[str, str | None]:
    """Head → field as this person said it for earlier files of this kind, the latest word on each."""
    earlier = (
        select(ImportRun.mapping)
        .where(
            ImportRun.resource == resource,
            ImportRun.status.in_((ImportStatus.checked, ImportStatus.done)),
            ImportRun.person_id == access.principal().employee_id,
        )
        .order_by(ImportRun.id.desc())
        .limit(HABITS_FROM)
    )
    found: dict[str, str | None] = {}
    for mapping in db.session.scalars(earlier):
        found = {**((mapping or {}).get("asked") or {}).get("columns", {}), **found}
    return found


def _judge_later(run_id: int, asked: Asked) -> None:
    who = access.principal()
    job = jobs.enqueue(
        JUDGE,
        {"run": run_id, "asked": asked.kept()},
        requester=jobs.Requester(who.user_id, who.employee_id),
    )
    _write(run_id, job_id=job)


@jobs.kind(JUDGE, zh="检查导入文件", en="Check an import file")
def _judging(run: jobs.Run) -> dict[str, Any]:
    """Judge a file in the background; cut off, it is judged anew. That a file is refused is a result, too."""

    def progress(done: int, total: int | None) -> None:
        run.save(done=done, total=total)

    try:
        _judge(run.args["run"], Asked.restored(run.args["asked"]), progress)
    except Refusal as refusal:
        return {"refused": refusal.code}
    return {}


def edit_many(resource: str, chosen: Chosen, typed: Mapping[str, str]) -> int:
    """A run that judges what these values would do to these records: now, or by a job where they are many.

    Opens its own transactions. Raises as `imports.stage_edit`.
    """
    if (few := chosen.few(ROWS_AT_ONCE)) is not None:
        return imports.stage_edit(resource, few, typed)
    who = access.principal()
    args = {"resource": resource, "chosen": chosen.kept(), "typed": dict(typed)}

    def later(run_id: int) -> None:
        requester = jobs.Requester(who.user_id, who.employee_id)
        _write(run_id, job_id=jobs.enqueue(JUDGE_EDIT, {"run": run_id, **args}, requester=requester))

    return imports.stage_edit(resource, chosen, typed, later=later)


@jobs.kind(JUDGE_EDIT, zh="检查批量修改", en="Check a bulk edit")
def _judging_edit(run: jobs.Run) -> dict[str, Any]:
    def progress(done: int, total: int | None) -> None:
        run.save(done=done, total=total)

    asked = run.args
    chosen = Chosen.restored(asked["resource"], asked["chosen"])
    imports.judge_edit(asked["run"], asked["resource"], chosen, asked["typed"], progress)
    return {}


# ---- writing -----------------------------------------------------------------------------------------------


def start(run_id: int) -> None:
    """Have a judged run written, inside `transaction()`; `write` comes next.

    Raises WrongState: the run is under way, or over.
    """
    run = find(run_id)
    for act in rights_to_write(run.mode):
        access.principal().check(act, run.resource)
    stand = (ImportStatus.checked, *UNDER_WAY[2:]) if is_cut_off(run) else (ImportStatus.checked,)
    in_background = run.rows_created + run.rows_updated > ROWS_AT_ONCE or run.status is ImportStatus.applying
    _move(run_id, stand, ImportStatus.applying, job_id=None)
    if in_background:
        _write_later(run_id, run.job_id)
    after_commit(lambda: path_of(run_id).unlink(missing_ok=True))


def _write_later(run_id: int, before: int | None) -> None:
    """`before` is the job that failed at it, if one did: a job that is over is not asked for again."""
    who = access.principal()
    job = jobs.enqueue(
        importing.JOB,
        {"run": run_id},
        requester=jobs.Requester(who.user_id, who.employee_id),
        idem_key=f"import:{run_id}:{before or 0}",
    )
    _write(run_id, job_id=job)


def write(run_id: int) -> None:
    """Write a run that was started, here and now, unless a job does it. Opens its own transactions."""
    run = find(run_id)
    if run.job_id is None and run.status is ImportStatus.applying:
        importing.write(run_id)


def discard(run_id: int) -> None:
    """Give a run up that is not written, and its file. Opens its own transaction."""
    find(run_id)
    imports.cancel(run_id)
    path_of(run_id).unlink(missing_ok=True)


# ---- taking back -------------------------------------------------------------------------------------------


def take_back(run_id: int) -> None:
    """Have a written run undone, inside `transaction()`; `undo` comes next.

    Raises WrongState: there is nothing to undo, or it is being undone.
    """
    run = find(run_id)
    if not may_undo(run):
        raise WrongState(BUSY)
    if run.rows_created + run.rows_updated > ROWS_AT_ONCE:
        who = access.principal()
        requester = jobs.Requester(who.user_id, who.employee_id)
        _write(run_id, job_id=jobs.enqueue(UNDO, {"run": run_id}, requester=requester))


def undo(run_id: int) -> None:
    """Undo a run, here and now, unless a job does it. Raises `Refusal` where somebody went on with what it wrote."""
    if not is_undoing(find(run_id)):
        imports.undo(run_id)


def may_undo(run: ImportRun) -> bool:
    """Whether the person asking may take this run back; that others went on with it is found out by trying."""
    who = access.principal()
    may = all(who.may(act, run.resource) for act in rights_to_change(run.mode))
    wrote = run.status is ImportStatus.done and run.rows_created + run.rows_updated > 0
    return may and wrote and not is_undoing(run)


def is_undoing(run: ImportRun) -> bool:
    """Whether a job is taking this run back."""
    job = job_of(run)
    return job is not None and job.kind == UNDO and job.status in {JobStatus.queued, JobStatus.running}


@jobs.kind(UNDO, zh="撤销导入", en="Undo an import")
def _undoing(run: jobs.Run) -> dict[str, int]:
    def progress(done: int, total: int | None) -> None:
        run.save(done=done, total=total)

    return {"rows": imports.undo(run.args["run"], progress)}


# ---- looking -----------------------------------------------------------------------------------------------


def find(run_id: int) -> ImportRun:
    """A run of the person asking. Raises `NotFound`."""
    run = db.session.scalars(
        select(ImportRun).where(ImportRun.id == run_id), execution_options={"populate_existing": True}
    ).first()
    if run is None or run.person_id != access.principal().employee_id or ledger.is_ledger(run):
        raise NotFound(say("没有编号为 {id} 的导入。", "There is no import {id}.", id=run_id))
    return run


def mine(most: int, *, resource: str = "", skip: int = 0) -> list[ImportRun]:
    """The runs of the person asking, the newest first."""
    own = ImportRun.person_id == access.principal().employee_id
    statement = select(ImportRun).where(own, ImportRun.mapping["verb"].as_string().is_(None))
    if resource:
        statement = statement.where(ImportRun.resource == resource)
    return list(db.session.scalars(statement.order_by(ImportRun.id.desc()).offset(skip).limit(most)))


def job_of(run: ImportRun) -> Job | None:
    """The job that judges or writes a run."""
    if run.job_id is None:
        return None
    return db.session.scalars(
        select(Job).where(Job.id == run.job_id), execution_options={"populate_existing": True}
    ).first()


def is_cut_off(run: ImportRun) -> bool:
    """Whether whoever had this run in hand is gone for good: its job failed, or its request ended long ago."""
    if run.status not in UNDER_WAY:
        return False
    job = job_of(run)
    if job is not None:
        return job.status in {JobStatus.failed, JobStatus.cancelled}
    return now() - run.changed_at > CUT_OFF_AFTER


def allowed() -> Iterator[imports.Resource]:
    """What the person asking may bring in, in the order a company enters its files."""
    who = access.principal()
    names = imports.importable()
    for name in [*(name for name in FIRST if name in names), *(name for name in names if name not in FIRST)]:
        if who.may(Act.bring_in, name):
            yield imports.resource(name)


def heads_of(run: ImportRun) -> tuple[list[tuple[str, str, str | None]], list[str]]:
    """The heads of a file that was refused for its columns, each with its first value and field, and the other sheets.

    Opens the file once more. Raises what refuses a file as a whole.
    """
    asked = Asked.restored(run.mapping.get("asked"))
    found = imports.resource(run.resource)
    order = _order(run, asked)
    with sheets.read(order.path, order.sheet, order.limits, name=order.file_name) as sheet:
        columns = columns_of(
            sheet.head, found, imports.Wish(habits={**habits(run.resource), **asked.columns})
        )
        first = next(iter(sheet), None)
        names = [name for name in sheet.names if name != sheet.name]
    cells = [sheets.written(cell) for cell in first.cells] if first else []
    return [
        (
            column.head,
            cells[column.number - 1] if column.number <= len(cells) else "",
            column.target.name if column.target else None,
        )
        for column in columns
    ], names


# ---- the row of the run ------------------------------------------------------------------------------------


def _move(run_id: int, stand: Iterable[ImportStatus], to: ImportStatus, **values: Any) -> None:
    """Bring a run from where it stands to the next state; whoever comes second is refused."""
    statement = (
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.status.in_(tuple(stand)))
        .values(status=to, changed_at=now(), **values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", db.session.execute(statement)).rowcount != 1:
        raise WrongState(BUSY)


BUSY: Words = say(
    "这次导入已在进行或已结束，请刷新页面查看。",
    "This import is under way or over: reload the page to see.",
)


def _write(run_id: int, **values: Any) -> None:
    statement = update(ImportRun).where(ImportRun.id == run_id).values(**values)
    db.session.execute(statement, execution_options={"synchronize_session": False})
