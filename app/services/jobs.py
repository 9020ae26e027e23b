"""Background jobs: a ledger in the application's own database is the truth, anything else only wakes a worker.

A worker claims a job for the length of a lease and renews it while it works. What a job does is written in the same
transaction as its checkpoint, guarded by the number of the attempt: a worker that was killed, or frozen past its lease,
can neither lose an effect nor write one twice. Effects outside the database go through the outbox.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.columns import now
from app.errors import NotAllowed, NotFound, Refusal, WrongState
from app.extensions import after_commit, db, transaction
from app.models import Job, JobSchedule, JobStatus
from app.services import access
from app.services.access import Principal, acting
from app.words import Words, say

LEASE = timedelta(seconds=60)
"""How long a claimed job stays with its worker unless the worker renews it; it does so three times a lease."""

FIRST_PAUSE = timedelta(seconds=2)
"""The pause before a failed job is tried again; it doubles with every attempt."""

ATTEMPTS = 5

Context = Callable[[], AbstractContextManager[object]]
"""Opens what a database session lives in (the app's context), for the thread that renews leases."""

log = logging.getLogger(__name__)


class Stopping(BaseException):
    """The worker was asked to stop; raised inside the running job, at its next checkpoint."""


class LeaseLost(Exception):
    """Another worker has the job, or somebody cancelled it: nothing more may be written by this attempt."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its stable name, its words, and the function that does it."""

    name: str
    words: Words
    body: Callable[[Run], Any]


KINDS: dict[str, Kind] = {}


def kind(name: str, *, zh: str, en: str) -> Callable[[Callable[[Run], Any]], Callable[[Run], Any]]:
    """Register the function that does a kind of job; what it gives back (JSON) is the job's result."""

    def register(body: Callable[[Run], Any]) -> Callable[[Run], Any]:
        if name in KINDS and KINDS[name].body.__qualname__ != body.__qualname__:
            raise RuntimeError(f"two kinds of job are called {name}")
        KINDS[name] = Kind(name, Words(zh, en), body)
        return body

    return register


# ---- asking for a job --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requester:
    """For whom a job runs: the account and the employee whose rights it has; nobody is the system."""

    user_id: int | None = None
    person_id: int | None = None


SYSTEM = Requester()


def enqueue(
    name: str,
    args: dict[str, Any] | None = None,
    *,
    requester: Requester = SYSTEM,
    idem_key: str | None = None,
    run_after: datetime | None = None,
    priority: int = 100,
) -> int:
    """Write a job into the ledger, inside the caller's transaction; its id. Lower `priority` goes first.

    The same `idem_key` gives the same job, whatever became of it.
    """
    if name not in KINDS:
        raise RuntimeError(f"there is no kind of job called {name}")
    values = {
        "kind": name,
        "args": args or {},
        "idem_key": idem_key,
        "run_after": run_after or now(),
        "priority": priority,
        "max_attempts": ATTEMPTS,
        "user_id": requester.user_id,
        "person_id": requester.person_id,
    }
    insert = postgresql.insert if _is_postgresql() else sqlite.insert
    statement = insert(Job).values(values).on_conflict_do_nothing(index_elements=["idem_key"])
    with acting(access.SYSTEM):  # asking for a job is no writing of a record
        made = db.session.execute(statement.returning(Job.id)).scalar()
        if made is None:
            return db.session.execute(select(Job.id).where(Job.idem_key == idem_key)).scalar_one()
    after_commit(wake_up)
    return made


def cancel(job_id: int) -> None:
    """Cancel a job that is not over: a waiting one at once, a running one at its next checkpoint.

    Raises NotFound (also for a job the person asking may not see), WrongState.
    """
    with transaction():
        job = db.session.execute(select(Job).where(Job.id == job_id).with_for_update()).scalar()
        if job is None:
            raise NotFound(say("没有编号为 {id} 的任务。", "There is no job {id}.", id=job_id))
        if job.status not in {JobStatus.queued, JobStatus.running}:
            raise WrongState(
                say(
                    "任务 {id} 已结束：{status}。",
                    "Job {id} is over: {status}.",
                    id=job_id,
                    status=job.status.words,
                )
            )
        _change(Job.id == job_id, {"status": JobStatus.cancelled, "finished_at": now(), **NOBODYS})


NOBODYS: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def _is_postgresql() -> bool:
    return db.session.get_bind().dialect.name == "postgresql"


# ---- waking workers ----------------------------------------------------------------------------------------

_bell: list[Callable[[], object]] = []


def on_new_work(ring: Callable[[], object]) -> None:
    """Name what wakes the workers when a job was written; a lost or doubled ring does no harm."""
    _bell[:] = [ring]


def wake_up() -> None:
    """Tell the workers there may be something to do."""
    for ring in _bell:
        try:
            ring()
        except Exception:
            log.warning("workers could not be woken; they look again by themselves", exc_info=True)


# ---- doing a job -------------------------------------------------------------------------------------------


stopping = threading.Event()
"""Set when this worker process was asked to stop."""


def _stop_here() -> None:
    raise Stopping


@dataclass(slots=True)
class Run:
    """One attempt at a job, as its function sees it."""

    id: int
    kind: str
    args: dict[str, Any]
    attempt: int
    max_attempts: int
    requester: Requester
    checkpoint: dict[str, Any]
    lease: timedelta = LEASE
    lost: threading.Event = field(default_factory=threading.Event)

    def save(
        self,
        checkpoint: dict[str, Any] | None = None,
        *,
        done: int | None = None,
        total: int | None = None,
        message: Words | None = None,
    ) -> None:
        """Write how far the job is, in the transaction that holds what it did up to there.

        Raises LeaseLost when the attempt is over; the transaction then writes nothing. Once it is written and the
        worker was asked to stop, `Stopping` ends the job after the commit: it goes on elsewhere from here.
        """
        values: dict[str, Any] = {"lease_until": now() + self.lease}
        if checkpoint is not None:
            values["checkpoint"] = checkpoint
        if done is not None:
            values["done_units"] = done
        if total is not None:
            values["total_units"] = total
        if message is not None:
            values["message"] = {"zh": message.zh, "en": message.en}
        self._write(values)
        if checkpoint is not None:
            self.checkpoint = checkpoint
        if stopping.is_set():
            after_commit(_stop_here)

    def _write(self, values: dict[str, Any]) -> None:
        """Change the job's row if this attempt still holds it."""
        if not _change(
            and_(Job.id == self.id, Job.attempt == self.attempt, Job.status == JobStatus.running), values
        ):
            self.lost.set()
            raise LeaseLost(f"job {self.id}, attempt {self.attempt}")


def claim(owner: str, lease: timedelta = LEASE) -> Run | None:
    """Take the next job that is due, or whose worker no longer renews its lease; None when there is none."""
    with acting(access.SYSTEM):
        while True:
            moment = now()
            due = _due(moment)
            db.session.rollback()
            if db.session.execute(select(Job.id).where(due).limit(1)).scalar() is None:
                return None  # a look costs no write lock
            with transaction():
                run = _take(due, moment, owner, lease)
            if run is not None:
                return run


def _take(due: ColumnElement[bool], moment: datetime, owner: str, lease: timedelta) -> Run | None:
    """Claim one due job; None when it was used up (and is now failed), or another worker was faster."""
    next_one = select(Job).where(due).order_by(Job.priority, Job.id).limit(1)
    job = db.session.execute(next_one.with_for_update(skip_locked=True)).scalar()
    if job is None:
        return None
    if job.attempt >= job.max_attempts:
        _change(Job.id == job.id, {"status": JobStatus.failed, "error": GAVE_UP, "finished_at": moment})
        return None
    attempt = job.attempt + 1
    taken = {"status": JobStatus.running, "attempt": attempt, "error": None}
    _change(Job.id == job.id, {**taken, "lease_owner": owner, "lease_until": moment + lease})
    return Run(
        id=job.id,
        kind=job.kind,
        args=dict(job.args),
        attempt=attempt,
        max_attempts=job.max_attempts,
        requester=Requester(job.user_id, job.person_id),
        checkpoint=dict(job.checkpoint or {}),
        lease=lease,
    )


def _change(which: ColumnElement[bool], values: dict[str, Any]) -> bool:
    """Change a row of the ledger; whether there was one. The ledger is no record: nothing of it is audited."""
    statement = update(Job).where(which).values(values).execution_options(synchronize_session=False)
    with acting(access.SYSTEM):
        return cast("CursorResult[Any]", db.session.execute(statement)).rowcount == 1


GAVE_UP = "its worker ended without a word, again and again"


def _due(moment: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Job.status == JobStatus.queued, Job.run_after <= moment),
        and_(Job.status == JobStatus.running, Job.lease_until < moment),
    )


def work_once(owner: str, context: Context | None = None, lease: timedelta = LEASE) -> bool:
    """Do one job, if one is due; whether there was one. With `context` its lease is renewed meanwhile."""
    run = claim(owner, lease)
    if run is None:
        return False
    stop = threading.Event()
    if context is not None:
        threading.Thread(target=_renew, args=(run, context, stop), daemon=True).start()
    try:
        _do(run)
    finally:
        stop.set()
    return True


def drain(limit: int = 1_000) -> int:
    """Do all jobs that are due, here and now; how many there were."""
    done = 0
    while done < limit and work_once("drain"):
        done += 1
    return done


def release_dead() -> int:
    """End the leases of workers of this machine that are no more, so that their jobs need not wait; how many.

    Should such a worker live after all (unseen from here, in another container), its next write finds the lease lost.
    """
    host = socket.gethostname()
    with acting(access.SYSTEM):
        db.session.rollback()
        held = select(Job.id, Job.attempt, Job.lease_owner).where(Job.status == JobStatus.running)
        dead = [row for row in db.session.execute(held) if _is_dead(row.lease_owner or "", host)]
        if not dead:
            return 0
        with transaction():
            return sum(
                _change(
                    and_(Job.id == row.id, Job.attempt == row.attempt, Job.status == JobStatus.running),
                    {"lease_until": now() - timedelta(seconds=1)},
                )
                for row in dead
            )


def _is_dead(owner: str, host: str) -> bool:
    """Whether the worker of this name ran here, and does no longer."""
    where, _, pid = owner.rpartition(":")[0].rpartition(":")
    if where != host or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def new_owner() -> str:
    """A name for this worker that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _do(run: Run) -> None:
    """Run the job's function with the rights of its requester, and write how it ended."""
    try:
        with acting(_rights_of(run.requester)):
            result = _body_of(run)(run)
        _finish(run, status=JobStatus.done, finished_at=now(), result=result, error=None)
    except LeaseLost:
        db.session.rollback()
        log.info("job %s: attempt %s was overtaken or cancelled", run.id, run.attempt)
    except Stopping:
        _give_back(run)
        raise
    except Refusal as refusal:
        words = {"zh": refusal.words.zh, "en": refusal.words.en}
        _finish(run, status=JobStatus.failed, finished_at=now(), message=words, error=refusal.words.en)
    except Exception as error:
        log.exception("job %s (%s), attempt %s", run.id, run.kind, run.attempt)
        _try_again(run, error)


def _rights_of(requester: Requester) -> Principal:
    """Whose rights the job has. A requester who lost his account since has none: the job is refused."""
    if requester.user_id is None:
        return access.SYSTEM
    with acting(access.SYSTEM):
        found = access.principal_of(requester.user_id)
    if found is None:
        raise NotAllowed(
            say("申请此任务的账号已停用。", "The account that asked for this job has been switched off.")
        )
    return found


def _body_of(run: Run) -> Callable[[Run], Any]:
    if run.kind not in KINDS:
        raise RuntimeError(f"there is no kind of job called {run.kind}")
    return KINDS[run.kind].body


def _finish(run: Run, **values: Any) -> None:
    """Write how the attempt ended, if it is still ours to say."""
    try:
        with transaction():
            run._write({**values, **NOBODYS})
    except LeaseLost:
        log.info("job %s: attempt %s was overtaken or cancelled", run.id, run.attempt)


def _try_again(run: Run, error: Exception) -> None:
    """Put a failed job back with a pause that doubles, or end it after its last attempt."""
    said = f"{type(error).__name__}: {error}"[:2_000]
    if run.attempt >= run.max_attempts:
        _finish(run, status=JobStatus.failed, finished_at=now(), error=said)
    else:
        pause = FIRST_PAUSE * 2 ** min(run.attempt - 1, 10)
        _finish(run, status=JobStatus.queued, run_after=now() + pause, error=said)


def _give_back(run: Run) -> None:
    """Return the job to the queue since the worker was asked to stop: this attempt does not count against it."""
    _finish(run, status=JobStatus.queued, run_after=now(), max_attempts=run.max_attempts + 1)


def _renew(run: Run, context: Context, stop: threading.Event) -> None:
    """Renew the lease three times its length, until the job is over or no longer ours."""
    while not stop.wait(run.lease.total_seconds() / 3):
        try:
            with context(), acting(access.SYSTEM), transaction():
                run._write({"lease_until": now() + run.lease})
        except LeaseLost:
            return
        except Exception:
            log.warning("job %s: its lease could not be renewed", run.id, exc_info=True)


# ---- what is due again and again ---------------------------------------------------------------------------


def plan_recurring() -> int:
    """Write the jobs whose slot has come; how many. A slot makes one job for ever, missed slots make one together."""
    moment = now()
    due = and_(JobSchedule.active, JobSchedule.next_at <= moment)
    with acting(access.SYSTEM):
        db.session.rollback()
        if db.session.execute(select(JobSchedule.id).where(due).limit(1)).scalar() is None:
            return 0
        with transaction():
            lines = select(JobSchedule).where(due).order_by(JobSchedule.id).with_for_update(skip_locked=True)
            return sum(_plan(line, moment) for line in db.session.execute(lines).scalars().all())


def _plan(line: JobSchedule, moment: datetime) -> bool:
    """Write the job of one due slot and move the line on; whether its kind exists."""
    known = line.kind in KINDS
    if known:
        enqueue(line.kind, dict(line.args), idem_key=f"{line.name}:{line.next_at:%Y-%m-%dT%H:%M}")
    else:
        log.warning("schedule %s names no kind of job: %s", line.name, line.kind)
    following = _following(line.next_at, timedelta(minutes=line.every_minutes), moment)
    statement = update(JobSchedule).where(JobSchedule.id == line.id).values(next_at=following)
    db.session.execute(statement.execution_options(synchronize_session=False))
    return known


def _following(slot: datetime, every: timedelta, moment: datetime) -> datetime:
    """The first slot after `moment`."""
    return slot + every * ((moment - slot) // every + 1)


def counts() -> dict[str, int]:
    """How many jobs stand in each state."""
    with acting(access.SYSTEM):
        rows = db.session.execute(select(Job.status, func.count()).group_by(Job.status))
        return {status.value: count for status, count in rows}
