"""One act on many chosen records by a job: each row its own result, all of it taken back at once.

Few records are done while the person waits; more by the job, which has the rights of who asked and goes on where it
was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.errors import NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import Job, JobStatus
from app.roles import Act
from app.services import access, jobs, records
from app.words import Words, say
from app.workflows.freezing import check_editable

KIND = "bulk_act"
AT_ONCE = 200
"""So many records are done while the person waits."""
MOST = 10_000
PIECE = 50
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What may be done with many records: the right it needs, the act on one, and what takes it back."""

    words: Words
    act: Act
    change: Callable[[type[Any], int], Any]
    inverse: str = ""


def remove(model: type[Any], id_: int) -> None:
    """Put one record in the bin. Inside `transaction()`."""
    record = records.find(model, id_, Act.delete)
    records.refuse_deleted(record)
    check_editable(record)
    records.remove(record)


VERBS = {
    "delete": Verb(say("批量删除", "Delete many"), Act.delete, remove, inverse="restore"),
    "restore": Verb(say("批量恢复", "Restore many"), Act.delete, records.restore, inverse="delete"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A record nothing was done with, and why."""

    id: int
    title: str
    why: Words


@dataclass(frozen=True, slots=True)
class Course:
    """A bulk act as its asker sees it."""

    job: Job
    verb: Verb
    resource: str
    ids: tuple[int, ...]
    refused: tuple[Refused, ...]
    undoes: int | None
    undone_by: int | None

    @property
    def done(self) -> int:
        """How many records it was done with so far."""
        return self.job.done_units - len(self.refused)

    @property
    def is_over(self) -> bool:
        return self.job.status not in {JobStatus.queued, JobStatus.running}

    @property
    def may_undo(self) -> bool:
        """Whether it can be taken back: it is over, did something, and was not taken back yet."""
        return self.is_over and self.done > 0 and self.undoes is None and self.undone_by is None


def enqueue(resource: str, verb: str, ids: Sequence[int], *, undoes: int | None = None) -> int:
    """Have a verb done with these records in the background; the id of the job. Inside `transaction()`.

    Raises `NotAllowed`, and `Refusal` for none or too many.
    """
    who = access.principal()
    who.check(VERBS[verb].act, resource)
    if not ids:
        raise Refusal(say("请先选择记录。", "Choose the records first."))
    if len(ids) > MOST:
        raise Refusal(
            say(
                "一次最多处理 {most} 条记录，请先筛选。",
                "At most {most} records are taken at once: filter the list first.",
                most=f"{MOST:,}",
            )
        )
    return jobs.enqueue(
        KIND,
        {"resource": resource, "verb": verb, "ids": list(ids), "undoes": undoes},
        requester=jobs.Requester(who.user_id, who.employee_id),
        idem_key=f"{KIND}:undo:{undoes}" if undoes is not None else None,
    )


@jobs.kind(KIND, zh="批量操作", en="Act on many records")
def _job(run: jobs.Run) -> dict[str, Any]:
    model, verb = records.model_named(run.args["resource"]), VERBS[run.args["verb"]]
    ids: list[int] = run.args["ids"]
    at, refused = run.checkpoint.get("at", 0), list(run.checkpoint.get("refused", ()))
    while at < len(ids):
        with transaction():
            refused += _refusals(model, verb, ids[at : at + PIECE])
            at = min(at + PIECE, len(ids))
            run.save({"at": at, "refused": refused}, done=at, total=len(ids))
        db.session.expunge_all()
    return {"refused": refused}


def _refusals(model: type[Any], verb: Verb, ids: Sequence[int]) -> list[list[Any]]:
    """Do it with these records; those that were refused, as the job keeps them."""
    tried = [(id_, _refusal(model, verb, id_)) for id_ in ids]
    return [[id_, _title(model, id_), why.zh, why.en] for id_, why in tried if why is not None]


def _refusal(model: type[Any], verb: Verb, id_: int) -> Words | None:
    """Do it with one record, or leave it whole and say why not."""
    try:
        with db.session.begin_nested():
            verb.change(model, id_)
    except Refusal as refusal:
        return refusal.words
    return None


def _title(model: type[Any], id_: int) -> str:
    """What the record is called, if the person asking may know."""
    try:
        return records.title_of(records.find(model, id_))
    except Refusal:
        return f"#{id_}"


def find(job_id: int) -> Course:
    """A bulk act of the person asking. Raises `NotFound`."""
    job = db.session.scalars(
        select(Job).where(Job.id == job_id, Job.kind == KIND), execution_options={"populate_existing": True}
    ).first()
    who = access.principal()
    if job is None or (job.person_id, job.user_id) != (who.employee_id, who.user_id):
        raise NotFound(say("没有编号为 {id} 的任务。", "There is no job {id}.", id=job_id))
    held = job.result or job.checkpoint or {}
    undone_by = db.session.scalar(select(Job.id).where(Job.idem_key == f"{KIND}:undo:{job_id}"))
    return Course(
        job=job,
        verb=VERBS[job.args["verb"]],
        resource=job.args["resource"],
        ids=tuple(job.args["ids"]),
        refused=tuple(Refused(id_, title, Words(zh, en)) for id_, title, zh, en in held.get("refused", ())),
        undoes=job.args.get("undoes"),
        undone_by=undone_by,
    )


def take_back(job_id: int) -> int:
    """Undo a bulk act in the background, in the records it was done with; the id of the job. Inside `transaction()`.

    Raises `NotFound`; `WrongState` where there is nothing to take back.
    """
    course = find(job_id)
    if not course.may_undo:
        raise WrongState(say("没有可以撤销的内容。", "There is nothing to take back."))
    left = {one.id for one in course.refused}
    touched = [id_ for id_ in course.ids[: course.job.done_units] if id_ not in left]
    return enqueue(course.resource, course.verb.inverse, touched, undoes=job_id)
