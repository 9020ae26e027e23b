"""Background jobs from the command line: see, do, cancel."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import select

from app.cli.base import report, reports, with_app
from app.extensions import db
from app.models import Job, JobStatus
from app.services import jobs
from app.words import Words, say


@click.group()
def job() -> None:
    """Background jobs: list, run, cancel."""


@job.command("list")
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@reports
@with_app
def list_(*, status: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs."""
    newest = select(Job).order_by(Job.id.desc()).limit(limit)
    if status:
        newest = newest.where(Job.status == JobStatus[status])
    report([_line(found) for found in db.session.scalars(newest)], as_json=as_json)


def _line(found: Job) -> dict[str, Any]:
    message = str(Words(**found.message)) if found.message else found.error
    return {
        "id": found.id,
        "kind": found.kind,
        "status": found.status.value,
        "attempt": found.attempt,
        "done": found.done_units,
        "total": found.total_units,
        "created": found.created_at.isoformat(timespec="seconds"),
        "message": message,
    }


@job.command()
@with_app
def run() -> None:
    """Do all jobs that are due, here and now."""
    jobs.plan_recurring()
    done = jobs.drain()
    click.echo(str(say("已执行 {done} 个任务。", "{done} jobs done.", done=done)))


@job.command()
@click.argument("job_id", type=int)
@with_app
def cancel(job_id: int) -> None:
    """Cancel a job that is not over."""
    jobs.cancel(job_id)
    click.echo(str(say("任务 {id} 已取消。", "Job {id} is cancelled.", id=job_id)))


COMMANDS = [job]
