"""The production server: what it refuses to start with, that it starts and ends cleanly, that it does jobs meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.cli.serving import check
from app.cli.waking import check_address
from app.errors import NotReady
from app.extensions import db, transaction
from app.models import Job
from app.services import access, jobs
from app.words import say

pytestmark = pytest.mark.live
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def answer(url: str) -> int:
    try:
        return urllib.request.urlopen(url, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_it_serves_and_ends_when_told(live_server):
    assert answer(f"{live_server.url}/") < 500
    started = time.monotonic()
    live_server.process.terminate()
    assert live_server.process.wait(20) == 0
    assert time.monotonic() - started < 10


@on_sqlite
def test_a_killed_worker_is_replaced_and_the_web_goes_on(live_server):
    before = children(live_server.process.pid)
    worker = before[-1]
    os.kill(worker, signal.SIGKILL)
    end = time.monotonic() + 10
    while set(children(live_server.process.pid)) in ({before[0]}, set(before)) and time.monotonic() < end:
        time.sleep(0.05)
    after = children(live_server.process.pid)
    assert len(after) == 2
    assert before[0] in after
    assert worker not in after
    assert answer(f"{live_server.url}/") < 500


@on_sqlite
def test_a_killed_parent_takes_its_children_along(live_server):
    family = children(live_server.process.pid)
    family += [grandchild for child in family for grandchild in children(child)]
    live_server.process.kill()
    live_server.process.wait()
    end = time.monotonic() + 15
    while alive(family) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive(family) == []


def test_its_worker_looks_at_a_job_asked_for_meanwhile(live_server, in_app, monkeypatch):
    monkeypatch.setitem(jobs.KINDS, "tests-only", jobs.Kind("tests-only", say("", ""), lambda run: None))
    with access.acting(access.SYSTEM):
        with transaction():
            job_id = jobs.enqueue("tests-only")
        end = time.monotonic() + 15
        while db.session.get_one(Job, job_id).error is None and time.monotonic() < end:
            time.sleep(0.1)
            db.session.rollback()
        assert "no kind of job called tests-only" in db.session.get_one(Job, job_id).error


@on_sqlite
def test_a_busy_port_is_said_in_one_sentence(guanhu_process):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = guanhu_process("serve", GUANHU_PORT=str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"GUANHU_DATABASE_URL": "sqlite:////nowhere/at/all.db"}, "The database cannot be used"),
        ({"GUANHU_DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}, "The database cannot be used"),
        ({"GUANHU_SECRET_KEY_FILE": "/nowhere/key"}, "is missing"),
        ({"GUANHU_KEY_FILE": "/nowhere/key"}, "is missing"),
        ({"GUANHU_BASE_URL": "http://guanhu.example.org"}, "must be https"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(guanhu, settings, sentence):
    done = guanhu("user", "list", **settings)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wake_up_of_an_unknown_kind_is_refused():
    with pytest.raises(NotReady):
        check_address("amqp://localhost")


def test_a_database_before_or_behind_this_version_is_not_served(app, database):
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000_of_another_time'"))
    with pytest.raises(NotReady, match="0000_of_another_time"):
        check(app)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    engine.dispose()
    with pytest.raises(NotReady, match="guanhu init"):
        check(app)
