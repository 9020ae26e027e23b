"""A worker process with kinds of job of the tests' own: `python -m tests.job_worker LEASE_SECONDS`."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from app import create_app
from app.cli.serving import work
from app.extensions import db, transaction
from app.services import jobs

EFFECT = "CREATE TABLE effect (job_id INTEGER NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL)"


@jobs.kind("tests-steps", zh="分步", en="Steps")
def steps(run: jobs.Run) -> dict[str, Any]:
    """Write one line a step, each with its checkpoint, pausing before each."""
    for step in range(run.checkpoint.get("next", 0), run.args["steps"]):
        time.sleep(run.args.get("pause", 0))
        with transaction():
            db.session.execute(
                text("INSERT INTO effect (job_id, step, attempt) VALUES (:job, :step, :attempt)"),
                {"job": run.id, "step": step, "attempt": run.attempt},
            )
            run.save({"next": step + 1}, done=step + 1, total=run.args["steps"])
    return {"steps": run.args["steps"]}


if __name__ == "__main__":
    work(create_app(), timedelta(seconds=float(sys.argv[1])))
