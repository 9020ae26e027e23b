"""The job ledger: a job asked for once runs once, and what it wrote before its worker died is neither lost nor doubled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.columns import now
from app.errors import NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import Job, JobSchedule, JobStatus
from app.services import access, account_keeping, jobs
from app.words import say
from tests.conftest import environment
from tests.job_worker import EFFECT
from tests.processes import Process

LEASE = 1.0
PATIENCE = 30


@pytest.fixture
def ledger(in_app, database) -> Iterator[None]:
    """The app, as the system, with a table the tests' jobs write to."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(EFFECT))
    engine.dispose()
    with access.acting(access.SYSTEM):
        yield


def ask(name: str = "tests-steps", **options) -> int:
    with transaction():
        return jobs.enqueue(name, options.pop("args", {"steps": 3}), **options)


def job(job_id: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job_id, populate_existing=True)


def effects(job_id: int) -> list[int]:
    db.session.rollback()
    rows = db.session.execute(
        text("SELECT step FROM effect WHERE job_id = :job ORDER BY step"), {"job": job_id}
    )
    return list(rows.scalars())


def standing() -> dict[str, int]:
    db.session.rollback()
    return jobs.counts()


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"after {PATIENCE} s still not: {what}")


@pytest.fixture
def worker(database, session_folder, tmp_path) -> Iterator[Callable[..., Process]]:
    """Start a worker process; all are killed at the end."""
    started: list[Process] = []
    environ = environment(database, tmp_path, session_folder / "instance")

    def start(lease: float = LEASE) -> Process:
        log = tmp_path / f"worker{len(started)}.log"
        process = Process("tests.job_worker", [str(lease)], environ=environ, log=log)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_job_runs_once_and_keeps_its_result(ledger):
    job_id = ask()
    assert jobs.drain() == 1
    found = job(job_id)
    assert (found.status, found.result, found.attempt) == (JobStatus.done, {"steps": 3}, 1)
    assert (found.done_units, found.total_units) == (3, 3)
    assert effects(job_id) == [0, 1, 2]
    assert jobs.drain() == 0


def test_the_same_key_asked_for_twice_is_one_job(ledger):
    first = ask(idem_key="monthly:2026-01")
    assert ask(idem_key="monthly:2026-01") == first
    jobs.drain()
    assert ask(idem_key="monthly:2026-01") == first
    assert jobs.drain() == 0


def test_a_job_waits_for_its_time_and_the_urgent_goes_first(ledger):
    later = ask(run_after=now() + timedelta(hours=1))
    usual = ask(priority=100)
    urgent = ask(priority=1)
    jobs.work_once("one")
    assert job(urgent).status is JobStatus.done
    assert job(usual).status is JobStatus.queued
    jobs.drain()
    assert job(later).status is JobStatus.queued


def test_nothing_is_asked_for_when_the_transaction_fails(ledger):
    def stumble() -> None:
        with transaction():
            jobs.enqueue("tests-steps")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert jobs.drain() == 0


def test_a_refusal_ends_the_job_with_its_sentence_in_both_languages(ledger, monkeypatch):
    def refuse(run: jobs.Run) -> None:
        raise Refusal(say("不行", "Not so"))

    monkeypatch.setitem(jobs.KINDS, "tests-refuse", jobs.Kind("tests-refuse", say("", ""), refuse))
    job_id = ask("tests-refuse")
    jobs.drain()
    assert job(job_id).status is JobStatus.failed
    assert job(job_id).message == {"zh": "不行", "en": "Not so"}


def test_a_fault_is_tried_again_after_a_pause_and_ends_after_the_last_attempt(ledger, monkeypatch):
    def stumble(run: jobs.Run) -> None:
        raise ZeroDivisionError("stumbled")

    monkeypatch.setitem(jobs.KINDS, "tests-fault", jobs.Kind("tests-fault", say("", ""), stumble))
    monkeypatch.setattr(jobs, "FIRST_PAUSE", timedelta(0))
    job_id = ask("tests-fault")
    jobs.work_once("one")
    assert job(job_id).status is JobStatus.queued
    assert job(job_id).error == "ZeroDivisionError: stumbled"
    assert jobs.drain() == jobs.ATTEMPTS - 1
    assert job(job_id).status is JobStatus.failed
    assert job(job_id).attempt == jobs.ATTEMPTS


def test_a_cancelled_job_never_runs_and_one_that_is_over_cannot_be_cancelled(ledger):
    job_id = ask()
    jobs.cancel(job_id)
    assert jobs.drain() == 0
    with pytest.raises(WrongState):
        jobs.cancel(job_id)
    with pytest.raises(NotFound):
        jobs.cancel(job_id + 1)


def test_a_job_has_the_rights_of_its_requester_and_none_once_his_account_is_off(ledger, monkeypatch):
    seen: list[int | None] = []

    def look(run: jobs.Run) -> None:
        seen.append(access.principal().user_id)

    monkeypatch.setitem(jobs.KINDS, "tests-look", jobs.Kind("tests-look", say("", ""), look))
    user_id = account_keeping.add("alice", "no hash at all")
    ask("tests-look", requester=jobs.Requester(user_id))
    jobs.drain()
    account_keeping.switch("alice", on=False)
    refused = ask("tests-look", requester=jobs.Requester(user_id))
    jobs.drain()
    assert seen == [user_id]
    assert job(refused).status is JobStatus.failed


def test_a_slot_of_a_schedule_makes_one_job_and_missed_slots_make_one_together(ledger):
    slot = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    with transaction():
        db.session.add(
            JobSchedule(name="hourly", kind="tests-steps", args={"steps": 1}, every_minutes=60, next_at=slot)
        )
    assert jobs.plan_recurring() == 1
    assert jobs.plan_recurring() == 0
    db.session.rollback()
    line = db.session.query(JobSchedule).filter_by(name="hourly").populate_existing().one()
    assert line.next_at > now()
    assert line.next_at.minute == 0
    assert jobs.drain() == 1


def test_what_an_overtaken_attempt_writes_is_undone(ledger):
    job_id = ask()
    late = jobs.claim("late", lease=timedelta(seconds=-1))
    fast = jobs.claim("fast")
    assert (late.attempt, fast.attempt) == (1, 2)

    def write_late() -> None:
        with transaction():
            db.session.execute(text("INSERT INTO effect VALUES (:job, 0, 1)"), {"job": job_id})
            late.save({"next": 1})

    with pytest.raises(jobs.LeaseLost):
        write_late()
    assert effects(job_id) == []
    with transaction():
        fast.save({"next": 1})


@pytest.mark.live
def test_a_killed_worker_loses_nothing_and_doubles_nothing(ledger, worker):
    job_id = ask(args={"steps": 12, "pause": 0.1})
    first = worker()
    until(lambda: len(effects(job_id)) >= 4, "four steps")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert job(job_id).status is JobStatus.running
    worker()
    until(lambda: job(job_id).status is JobStatus.done, "the job is done")
    assert effects(job_id) == list(range(12))
    assert job(job_id).attempt == 2


@pytest.mark.live
def test_the_job_of_a_worker_that_died_on_this_machine_goes_on_without_waiting(ledger, worker):
    job_id = ask(args={"steps": 6, "pause": 0.1})
    first = worker(lease=600)
    until(lambda: len(effects(job_id)) >= 2, "two steps")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    worker(lease=600)
    until(lambda: job(job_id).status is JobStatus.done, "the job is done")
    assert effects(job_id) == list(range(6))


@pytest.mark.live
def test_a_worker_frozen_past_its_lease_cannot_write_when_it_thaws(ledger, worker, tmp_path: Path):
    job_id = ask(args={"steps": 12, "pause": 0.1})
    frozen = worker()
    until(lambda: len(effects(job_id)) >= 3, "three steps")
    os.killpg(frozen.pid, signal.SIGSTOP)
    worker()
    until(lambda: job(job_id).attempt == 2, "another worker has the job")
    os.killpg(frozen.pid, signal.SIGCONT)
    until(lambda: job(job_id).status is JobStatus.done, "the job is done")
    assert effects(job_id) == list(range(12))
    assert frozen.poll() is None


@pytest.mark.live
def test_a_worker_told_to_stop_gives_the_job_back_at_once(ledger, worker):
    job_id = ask(args={"steps": 12, "pause": 0.1})
    first = worker()
    until(lambda: len(effects(job_id)) >= 3, "three steps")
    first.terminate()
    assert first.wait(10) == 0
    assert job(job_id).status is JobStatus.queued
    assert jobs.drain() == 1
    assert effects(job_id) == list(range(12))


@pytest.mark.live
def test_several_workers_share_the_jobs_and_each_runs_once(ledger, worker):
    ids = [ask(args={"steps": 2, "pause": 0.01}) for _ in range(20)]
    worker()
    worker()
    until(lambda: standing() == {"done": 20}, "all are done")
    assert [effects(job_id) for job_id in ids] == [[0, 1]] * 20
    assert {job(job_id).attempt for job_id in ids} == {1}
