"""A run or a publication killed at any point goes on, and ends as one that was left in peace."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
from sqlalchemy import func, select

from app.extensions import db, transaction
from app.models import (
    Customer,
    CustomerClassification,
    EvalCurrent,
    EvalResult,
    EvalRun,
    EvalRunChunk,
    Job,
    JobStatus,
    RunStatus,
)
from app.services import access, jobs
from app.workflows.evaluation import packing, publishing, runs
from app.workflows.evaluation.pins import pin
from tests.conftest import CHECKOUT, environment
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.live

YEAR = "2025-01-01..2025-12-31"
ON = date(2026, 1, 15)

CHILD = """
import json, os, signal, sys
from datetime import date

from sqlalchemy import event

from app import create_app
from app.extensions import db, transaction
from app.services import access
from app.workflows.evaluation import publishing, runs
from app.workflows.evaluation.pins import pin

def die_at(words, count):
    # the process is gone before the statement that holds these words for the count-th time
    @event.listens_for(db.engine, "before_cursor_execute")
    def look(connection, cursor, statement, *rest):
        nonlocal count
        count -= all(word in statement for word in words)
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def act(scheme, period, publish):
    with access.acting(access.SYSTEM):
        if publish:
            with transaction():
                publishing.effect(publish, date(2026, 1, 15))
        else:
            start = runs.start if isinstance(scheme, str) else runs.start_trial
            runs.compute(start(scheme, pin(period)))

points = json.loads(sys.argv[1])
app = create_app()
with app.app_context():
    for words, count, *given in points:
        child = os.fork()
        if not child:
            die_at(words, count)
            act(*given)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, words
"""

PHASES = {
    "taking the run over": (["UPDATE eval_run SET status"], 1),
    "collecting": (["WITH", "population"], 1),
    "the first chunk": (["INSERT INTO eval_run_chunk"], 1),
    "the third chunk": (["INSERT INTO eval_run_chunk"], 3),
    "after the last chunk": (["SELECT eval_run_chunk.no"], 2),
    "the statistics": (["INSERT INTO eval_run_stat"], 1),
    "sealing": (["UPDATE eval_run SET status", "checksum"], 1),
    "telling of the seal": (["INSERT INTO audit_log"], 2),
}
"""At which statement of a run of four chunks it is killed; each lies in another phase or transaction."""

PUBLISHING = {
    "superseding": ["UPDATE eval_run SET status"],
    "current grades": ["INSERT INTO eval_current"],
    "classes": ["INSERT INTO customer_classification"],
    "grades of customers": ["UPDATE customer SET"],
    "telling": ["INSERT INTO audit_log"],
}
"""At which statement of a publication it is killed."""


@pytest.fixture
def far_apart(in_app):
    """Seven customers whose ids make four chunks."""
    ids = [1, 2, 10_001, 10_002, 20_500, 30_000, 30_001]
    for number, id_ in enumerate(ids):
        shop.customer(f"K{id_}", id=id_)
        shop.order(id_, "2025-03-01T10:00", 100 * number)


@pytest.fixture
def kill(database, session_folder, tmp_path):
    """`kill([words, count, scheme, period, run to publish], …)`: a process for each, dead at this statement.

    A scheme is a document for a trial, or the code of one in force.
    """

    def run(*points) -> None:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(points)],
            env=environment(database, tmp_path, session_folder / "instance"),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return run


def period(number: int) -> str:
    """A period of its own for each run, and the same orders within all of them."""
    return f"2025-01-01..2025-12-{number + 1:02}"


def chunks(run_id: int) -> int:
    found = db.session.scalar(select(func.count()).where(EvalRunChunk.run_id == run_id))
    db.session.rollback()
    return found or 0


@pytest.mark.req("L-22")
def test_a_run_killed_in_any_phase_ends_with_the_same_checksum(far_apart, kill):
    kill(*([*at, shop.scheme(), period(n), None] for n, at in enumerate(PHASES.values())))
    written = {}
    with access.acting(access.SYSTEM):
        undisturbed = db.session.get_one(EvalRun, shop.trial(shop.scheme(), YEAR)).checksum
        for number, phase in enumerate(PHASES):
            run_id = runs.start_trial(shop.scheme(), pin(period(number)))
            run = db.session.get_one(EvalRun, run_id)
            assert run.revision == 1, phase  # the one that was killed, not a new one
            assert run.sealed_at is None and run.status in runs.UNFINISHED, phase
            written[phase] = chunks(run_id)
            runs.compute(run_id)
            assert (run.status, run.population, run.checksum) == (RunStatus.sealed, 7, undisturbed), phase
    assert written == {
        "taking the run over": 0,
        "collecting": 0,
        "the first chunk": 0,
        "the third chunk": 2,
        "after the last chunk": 4,
        "the statistics": 4,
        "sealing": 4,
        "telling of the seal": 4,
    }


def written_by(run_id: int) -> tuple[int, int, int]:
    """Current grades, classes and customers' grades that stand."""
    counts = (
        db.session.scalar(select(func.count()).select_from(EvalCurrent)),
        db.session.scalar(
            select(func.count()).where(CustomerClassification.eval_run_id == run_id),
        ),
        db.session.scalar(select(func.count()).where(Customer.grade.is_not(None))),
    )
    db.session.rollback()
    return counts


@pytest.mark.req("L-13")
def test_a_publication_killed_anywhere_has_published_nothing_and_is_done_again_whole(far_apart, kill):
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        run_id = runs.start("SHOP", pin(YEAR))
        runs.compute(run_id)
        db.session.remove()
        kill(*([words, 1, None, None, run_id] for words in PUBLISHING.values()))
        assert written_by(run_id) == (0, 0, 0)
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.sealed
        with transaction():
            assert publishing.effect(run_id, ON) == 7
        assert written_by(run_id) == (7, 7, 7)
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.published


def test_rows_that_changed_between_the_attempts_count_and_a_scheme_that_changed_does_not(far_apart, kill):
    """The result is that of one snapshot, under the edition the run was begun with."""
    with access.acting(access.SYSTEM):
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        kill([*PHASES["the third chunk"], "SHOP", YEAR, None])
        anew = shop.scheme()
        anew["indicators"]["amount"]["method"]["to"] = "CNY 300"
        with transaction():
            packing.keep("SHOP", anew, published=True)
        shop.order(1, "2025-04-01T10:00", 500)
        (run,) = db.session.scalars(select(EvalRun))
        assert (run.status, chunks(run.id)) == (RunStatus.collecting, 2)
        runs.compute(run.id)
        assert run.checksum == db.session.get_one(EvalRun, shop.trial(shop.scheme(), YEAR)).checksum
        second = db.session.get_one(EvalRun, runs.start("SHOP", pin(YEAR)))
        runs.compute(second.id)
        assert second.checksum != run.checksum
        assert second.scheme_version.edition > run.scheme_version.edition


def test_the_checksum_is_the_same_however_results_are_cut_into_chunks(far_apart, monkeypatch):
    with access.acting(access.SYSTEM):
        whole = shop.trial(shop.scheme(), YEAR)
        monkeypatch.setattr(runs, "CHUNK", 2)
        cut = shop.trial(shop.scheme(), YEAR)
        first, second = (db.session.get_one(EvalRun, one).checksum for one in (whole, cut))
        assert first == second and chunks(whole) < chunks(cut)
        shop.order(30_001, "2025-05-01T10:00", 1)
        assert db.session.get_one(EvalRun, shop.trial(shop.scheme(), YEAR)).checksum != first


def test_whoever_takes_a_run_over_leaves_the_first_without_a_pen(far_apart):
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(shop.scheme(), pin(YEAR))
        first = runs._take(run_id)
        runs.compute(run_id)
        with pytest.raises(runs.Overtaken):
            runs._collect(first, None, access.SYSTEM)
        found = select(func.count()).select_from(EvalResult).where(EvalResult.run_id == run_id)
        assert db.session.scalar(found) == 7


def test_a_run_in_the_background_is_a_job_with_progress(far_apart):
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(shop.scheme(), pin(YEAR))
        job_id = runs.enqueue(run_id)
        assert jobs.drain() == 1
        job = db.session.get_one(Job, job_id)
        assert (job.status, job.done_units, job.total_units) == (JobStatus.done, 7, 7)
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.sealed
