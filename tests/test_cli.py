"""The command line: set up twice as well as once, accounts for who is locked out, exit codes scripts can rely on."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import logs
from app.extensions import db, transaction
from app.models import Job, JobStatus
from app.services import access, jobs
from app.words import say
from tests.conftest import CHECKOUT

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.live
def test_a_bare_machine_is_set_up_and_the_first_link_works_once(tmp_path: Path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUANHU_")}
    environ = {**kept, "GUANHU_INSTANCE": str(tmp_path / "new"), "PYTHONPATH": str(CHECKOUT)}

    def guanhu(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app.cli", *arguments]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    refused = guanhu("serve")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    first = guanhu("init")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("http://127.0.0.1:8080/set-up/")
    again = guanhu("init")
    assert (again.returncode, again.stdout) == (0, "")
    for name in ("secret_key", "column_key"):
        assert (tmp_path / "new" / name).stat().st_mode & 0o077 == 0


@on_sqlite
def test_who_is_locked_out_is_let_in_and_who_left_is_shut_out(guanhu):
    added = guanhu("user", "add", "zoe", "--role", "seller")
    assert added.returncode == 0
    assert len(added.stdout.strip()) == 16
    reset = guanhu("user", "reset", "zoe")
    assert reset.stdout.strip() not in {"", added.stdout.strip()}
    assert guanhu("user", "disable", "zoe").returncode == 0
    (zoe,) = json.loads(guanhu("user", "list", "--json").stdout)
    assert (zoe["username"], zoe["active"], zoe["roles"]) == ("zoe", False, ["seller"])


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["user", "reset", "nobody"], 1),
        (["user", "add", "zoe", "--role", "no-such-role"], 1),
        (["job", "cancel", "1"], 1),
        (["job", "cancel", "one"], 2),
        (["no-such-command"], 2),
        (["user", "add"], 2),
    ],
)
def test_the_exit_code_says_how_it_ended(guanhu, arguments, code):
    done = guanhu(*arguments, GUANHU_LANG="zh")
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_jobs_are_seen_done_and_cancelled(guanhu, in_app, monkeypatch):
    monkeypatch.setitem(jobs.KINDS, "tests-only", jobs.Kind("tests-only", say("", ""), lambda run: None))
    with access.acting(access.SYSTEM):
        with transaction():
            job_id = jobs.enqueue("tests-only", run_after=jobs.now() + jobs.timedelta(days=1))
        assert guanhu("job", "cancel", str(job_id)).returncode == 0
        assert guanhu("job", "cancel", str(job_id)).returncode == 1
        (line,) = json.loads(guanhu("job", "list", "--status", "cancelled", "--json").stdout)
        assert (line["id"], line["kind"]) == (job_id, "tests-only")
        db.session.rollback()
        assert db.session.get_one(Job, job_id).status is JobStatus.cancelled


def stumble(password: str) -> None:
    try:
        len(password) / 0
    except ZeroDivisionError:
        logging.getLogger("app.tests").exception("job %s", 3)


def test_a_logged_fault_is_one_object_and_shows_no_value(capsys):
    root = logging.getLogger()
    before = (root.handlers, root.level)
    try:
        logs.configure("json")
        stumble("swordfish")
    finally:
        root.handlers, root.level = before
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["logger"]) == ("job 3", "error", "app.tests")
    assert "ZeroDivisionError" in said["exception"]
    assert "swordfish" not in line
