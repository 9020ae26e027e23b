"""`guanhu audit`: the chain is sealed by a job, anchored outside the database, and proved by a command."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text

from app.extensions import db, maintenance, transaction
from app.models import AuditLog, Customer, Job, JobSchedule
from app.services import access, audit, jobs
from app.workflows import upkeep

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def quiet_anchors(monkeypatch, tmp_path):
    monkeypatch.setattr(audit.anchors, "path", tmp_path / "audit-anchors")


def cut_off(app, how_many: int) -> None:
    """What the owner of the file can do: remove the trigger, then the newest lines."""
    with app.app_context(), maintenance(), db.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_log_no_delete"))
        newest = select(AuditLog.id).order_by(AuditLog.id.desc()).limit(how_many)
        connection.execute(AuditLog.__table__.delete().where(AuditLog.id.in_(newest)))


def test_a_tail_cut_off_is_found_by_the_anchor_file(app, guanhu):
    sealed = guanhu("audit", "seal")
    assert sealed.returncode == 0, sealed.stderr
    anchor = sealed.stdout.strip()
    assert guanhu("audit", "verify").returncode == 0
    whole = guanhu("audit", "verify", "--json", "--anchor", anchor)
    assert json.loads(whole.stdout)[0]["whole"] is True
    cut_off(app, 3)
    broken = guanhu("audit", "verify", GUANHU_LANG="zh")
    assert broken.returncode == 1
    assert "截断" in broken.stderr
    assert guanhu("audit", "verify", "--anchor", "nonsense").returncode == 2


def test_the_job_seals_and_drops_an_anchor_and_comes_again(in_app):
    with access.acting(access.SYSTEM):
        with transaction():
            upkeep.plan()
            upkeep.plan()
            db.session.add(Customer(name="甲公司"))
        assert len(db.session.scalars(select(JobSchedule)).all()) == len(upkeep.RECURRING)
        assert jobs.plan_recurring() == len(upkeep.RECURRING)
        jobs.drain()
        assert [job.error for job in db.session.scalars(select(Job))] == [None] * len(upkeep.RECURRING)
        found = audit.verify(audit.anchors.last())
    assert found.whole
    assert found.head == audit.anchors.last()
    assert found.unsealed == 0
