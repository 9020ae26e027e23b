"""Bringing files in as a verb of the doors: judge, then write, here and now or as a job; opening data by its one entry."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from app.extensions import db, transaction
from app.models import Contract, Customer, ImportRun, SalesDocument, ServiceCase
from app.roles import Act
from app.services import access, imports, jobs
from app.services.imports.checking import locks
from app.services.imports.staging import Progress
from app.words import Words
from app.workflows import definitions, freezing
from app.workflows.machine import adopting, machines
from app.workflows.refusals import Locked

OPENING: dict[type[Any], str] = {
    Customer: "active",
    SalesDocument: "confirmed",
    Contract: "effective",
    ServiceCase: "closed",
}
"""Where opening data starts (R3); each is one of the states the record type's life lets it start in."""

JOB = "import"
LIVES = definitions.__name__
"""The lives of records must be known before any is entered in a later state."""


def _lock(record: Any, names: frozenset[str]) -> Words | None:
    try:
        freezing.check_editable(record, names)
    except Locked as refusal:
        return refusal.words
    return None


locks[:] = [_lock]


def opening_of(name: str) -> str | None:
    """The state opening data of this type starts in, if the person asking may enter such."""
    model = imports.resource(name).model
    state = OPENING.get(model)
    if state is None or not access.principal().may(Act.adopt_history, name):
        return None
    if state not in machines[model].adopted:
        raise RuntimeError(f"{name} cannot start as {state}")
    return state


def write(run_id: int, *, progress: Progress | None = None) -> imports.Counts:
    """Write what a judged run holds."""
    run = db.session.get_one(ImportRun, run_id)
    opening = (run.mapping or {}).get("opening")
    if opening is None:
        return imports.apply(run_id, progress=progress)
    entry = partial(_entry, run.resource, run.adopt_reason or run.file_name)
    return imports.apply(run_id, entry=entry, progress=progress)


def _entry(name: str, reason: str) -> AbstractContextManager[None]:
    return adopting([imports.resource(name).model], reason, told=False)


def enqueue(run_id: int) -> int:
    """Have a judged run written in the background; the id of the job."""
    who = access.principal()
    with transaction():
        return jobs.enqueue(
            JOB,
            {"run": run_id},
            requester=jobs.Requester(who.user_id, who.employee_id),
            idem_key=f"import:{run_id}",
        )


@jobs.kind(JOB, zh="导入", en="Import")
def _job(run: jobs.Run) -> dict[str, int]:
    def progress(done: int, total: int | None) -> None:
        run.save(done=done, total=total)

    counts = write(run.args["run"], progress=progress)
    return {"created": counts.created, "updated": counts.updated, "refused": counts.refused}
