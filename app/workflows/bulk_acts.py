"""One act on many chosen records by a job: each row its own result, all of it taken back at once.

Few records are done while the person waits; more by the job, which has the rights of who asked and goes on where it
was cut off. It writes down first which records they are, then does one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.errors import NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import Job, JobStatus
from app.roles import Act
from app.services import access, jobs, records
from app.services.chosen import Chosen
from app.services.fields import labels_of
from app.services.imports import ledger
from app.words import Words, say
from app.workflows.freezing import check_editable

KIND = "bulk_act"
AT_ONCE = 200
"""So many records are done while the person waits."""
PIECE = 50
"""Rows of one transaction."""
MOST_SHOWN = 500
"""Refused records that are told one by one."""


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
class Course:
    """A bulk act as its asker sees it; `refused` are the first of them."""

    job: Job
    verb: Verb
    resource: str
    done: int
    refusals: int
    refused: tuple[ledger.Refused, ...]
    undoes: int | None
    undone_by: int | None

    @property
    def is_over(self) -> bool:
        return self.job.status not in {JobStatus.queued, JobStatus.running}

    @property
    def may_undo(self) -> bool:
        """Whether it can be taken back: it is over, did something, and was not taken back yet."""
        return self.is_over and self.done > 0 and self.undoes is None and self.undone_by is None


def enqueue(resource: str, verb: str, chosen: Chosen) -> int:
    """Have a verb done with these records in the background; the id of the job. Inside `transaction()`.

    Raises `NotAllowed`, and `Refusal` for none.
    """
    chosen.first(1)
    return _enqueue(resource, verb, {"chosen": chosen.kept(), "undoes": None})


def _enqueue(resource: str, verb: str, args: dict[str, Any], idem_key: str | None = None) -> int:
    who = access.principal()
    who.check(VERBS[verb].act, resource)
    what = labels_of(records.model_named(resource))
    title = say("{act}：{what}", "{act}: {what}", act=VERBS[verb].words, what=what)
    return jobs.enqueue(
        KIND,
        {"resource": resource, "verb": verb, "run": ledger.begin(resource, verb, title), **args},
        requester=jobs.Requester(who.user_id, who.employee_id),
        idem_key=idem_key,
    )


@jobs.kind(KIND, zh="批量操作", en="Act on many records")
def _job(run: jobs.Run) -> dict[str, Any]:
    model, verb, held = records.model_named(run.args["resource"]), VERBS[run.args["verb"]], run.args["run"]
    if "at" not in run.checkpoint:
        _write_down(run, held)
    while entries := ledger.entries(held, past=run.checkpoint["at"], most=PIECE):
        with transaction():
            ledger.tell([_outcome(model, verb, entry) for entry in entries])
            done = run.checkpoint["done"] + len(entries)
            run.save({**run.checkpoint, "at": entries[-1].number, "done": done}, done=done)
        db.session.expunge_all()
    with transaction():
        ledger.finish(held)
    return {}


def _write_down(run: jobs.Run, held: int) -> None:
    """Put the chosen records in the ledger; goes on where it was cut off. Raises as `check_confirmed`."""
    for piece in _asked_of(run, held):
        with transaction():
            ledger.put(held, piece)
            run.save(done=0)
    count, _number, _last = ledger.so_far(held)
    if run.args["undoes"] is None:
        check_confirmed(Chosen.restored(run.args["resource"], run.args["chosen"]), count)
    with transaction():
        run.save({"at": 0, "done": 0}, done=0, total=count)


def _asked_of(run: jobs.Run, held: int) -> Iterator[list[tuple[int, int]]]:
    """The records not written down yet, by number and id: those chosen, or those the act to undo was done with."""
    count, number, last = ledger.so_far(held)
    if run.args["undoes"] is not None:
        yield from ledger.done_in(run.args["of"], past=number)
        return
    chosen = Chosen.restored(run.args["resource"], run.args["chosen"])
    for ids in chosen.pieces(ledger.PIECE, done=count, last=last):
        yield list(enumerate(ids, count + 1))
        count += len(ids)


def check_confirmed(chosen: Chosen, found: int) -> None:
    """Raises `WrongState` when there are other than so many as were confirmed: then nothing is done with any of them."""
    if why := chosen.gone_astray(found):
        raise WrongState(
            say(
                "{why}没有处理任何记录，请刷新列表后重新选择。",
                "{why} Nothing was done: reload the list and choose again.",
                why=why,
            )
        )


def _outcome(model: type[Any], verb: Verb, entry: ledger.Entry) -> ledger.Outcome:
    """Do it with one record, or leave it whole and say why not."""
    why = _refusal(model, verb, entry.object_id)
    return ledger.Outcome(entry, _title(model, entry.object_id) if why else "", why)


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
    if job is None or "run" not in job.args or (job.person_id, job.user_id) != (who.employee_id, who.user_id):
        raise NotFound(say("没有编号为 {id} 的任务。", "There is no job {id}.", id=job_id))
    undone_by = db.session.scalar(select(Job.id).where(Job.idem_key == f"{KIND}:undo:{job_id}"))
    done, refusals = ledger.counted(job.args["run"])
    return Course(
        job=job,
        verb=VERBS[job.args["verb"]],
        resource=job.args["resource"],
        done=done,
        refusals=refusals,
        refused=tuple(ledger.refused(job.args["run"], MOST_SHOWN)),
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
    args = {"of": course.job.args["run"], "undoes": job_id}
    return _enqueue(course.resource, course.verb.inverse, args, idem_key=f"{KIND}:undo:{job_id}")
