"""A run killed while it writes its results goes on, and ends as one that was left in peace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import EvalResult, EvalRun, EvalRunChunk, Job, JobStatus, RunStatus
from app.services import access, jobs
from app.workflows.evaluation import runs
from app.workflows.evaluation.pins import pin
from tests.conftest import CHECKOUT, environment
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.live

YEAR = "2025-01-01..2025-12-31"

CHILD = """
import json, os, signal, sys
from app import create_app
from app.services import access
from app.workflows.evaluation import runs
from app.workflows.evaluation.pins import pin

die_at = int(sys.argv[1])
seen = 0

def progress(done, total):
    global seen
    seen += 1
    if seen == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

with create_app().app_context(), access.acting(access.SYSTEM):
    run_id = runs.start_trial(json.loads(sys.argv[2]), pin(sys.argv[3]))
    runs.compute(run_id, progress)
"""


@pytest.fixture
def far_apart(in_app):
    """Seven customers whose ids make four chunks."""
    ids = [1, 2, 10_001, 10_002, 20_500, 30_000, 30_001]
    for number, id_ in enumerate(ids):
        shop.customer(f"K{id_}", id=id_)
        shop.order(id_, "2025-03-01T10:00", 100 * number)


def killed(database, session_folder, tmp_path, at: int) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(at), json.dumps(shop.scheme()), YEAR],
        env=environment(database, tmp_path, session_folder / "instance"),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]


def chunks(run_id: int) -> int:
    found = db.session.scalar(select(func.count()).where(EvalRunChunk.run_id == run_id))
    db.session.rollback()
    return found or 0


@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_run_killed_in_the_copy_phase_ends_with_the_same_checksum(
    far_apart, database, session_folder, tmp_path, at
):
    killed(database, session_folder, tmp_path, at)
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(shop.scheme(), pin(YEAR))
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.collecting
        assert chunks(run_id) == at - 1
        runs.compute(run_id)
        undisturbed = shop.trial(shop.scheme(), YEAR)
        first, second = (db.session.get_one(EvalRun, one) for one in (run_id, undisturbed))
        assert (first.id != second.id) and first.checksum == second.checksum
        assert first.population == second.population == 7


def test_what_changed_between_the_attempts_is_in_the_whole_result(
    far_apart, database, session_folder, tmp_path
):
    killed(database, session_folder, tmp_path, 3)
    shop.order(1, "2025-04-01T10:00", 500)
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(shop.scheme(), pin(YEAR))
        runs.compute(run_id)
        undisturbed = shop.trial(shop.scheme(), YEAR)
        assert (
            db.session.get_one(EvalRun, run_id).checksum == db.session.get_one(EvalRun, undisturbed).checksum
        )


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
