"""A server whose disk fills, whose database goes away, whose workers are killed: a sentence, and nothing lost or halved."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import resource
import signal
import sqlite3
import threading
import time
import urllib.error
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from app.extensions import db
from app.models import Customer
from app.services import access
from tests.conftest import Server
from tests.live.browser import Browser
from tests.world import World

pytestmark = pytest.mark.live

BUSY = 503
ADDED = (302, 303)
"""The way to the new customer; the second is said when the form had been carried out before."""
UNSAID = ("Traceback", "sqlite3", "psycopg", "INSERT", "sqlalchemy")
"""What no page tells about the inside of the product."""


def add(browser: Browser, name: str, cmd: str) -> int | None:
    """Add a customer; the status answered, None when the connection broke before there was one."""
    try:
        answer = browser.post("/customer/add", {"name": name, "_cmd": cmd, "owner_id": ""})
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        return None
    assert not [word for word in UNSAID if word in answer.text], answer.text[:2000]
    return answer.status


def add_at_last(browser: Browser, name: str, cmd: str) -> None:
    """Send the same form again until it is taken, as people do."""
    until = time.monotonic() + 30
    while (status := add(browser, name, cmd)) not in ADDED:
        assert time.monotonic() < until, f"{name}: {status}"
        time.sleep(0.2)


def names(app: object) -> list[str]:
    """The names of all customers, one for each that stands."""
    with access.acting(access.SYSTEM):
        found = sorted(db.session.scalars(select(Customer.name)))
    db.session.remove()  # the connection is not held while others are cut
    return found


def children(pid: int) -> list[int]:
    """The processes a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(server: Server) -> Iterator[int]:
    """The server's process and those below it."""
    waiting = [server.process.pid]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children(pid)


# ---- a full disk -------------------------------------------------------------------------------------------

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@only_sqlite
def test_a_full_disk_is_said_and_nothing_is_halved(in_app, world: World, database: str, live_server: Server):
    """No file may grow: what the system does to a write past that is what it does when the disk is full."""
    browser = Browser(live_server.url).sign_in("ann")
    before = names(in_app)
    file = Path(make_url(database).database or "")
    largest = max(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
    _limit(live_server, largest + 100_000)
    kept, refused = [], 0
    for number in range(400):
        name = f"盘满 {number}"
        status = add(browser, name, uuid.uuid4().hex)
        if status in ADDED:
            kept.append(name)
            continue
        refused += 1
        assert status == BUSY, status
        if refused == 3:
            break
    assert kept and refused == 3, "the disk never filled"
    assert browser.get("/customer/list/").status == 200, "reading goes on"
    _limit(live_server, resource.RLIM_INFINITY)
    assert add(browser, "有空间了", uuid.uuid4().hex) in ADDED
    assert names(in_app) == sorted([*before, *kept, "有空间了"])
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _limit(server: Server, size: int) -> None:
    for pid in processes(server):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


# ---- a database that goes away -----------------------------------------------------------------------------


@only_postgresql
def test_a_database_that_goes_away_is_said_and_found_again(
    in_app, world: World, database: str, live_server: Server
):
    browser = Browser(live_server.url).sign_in("ann")
    with _keeper(database) as keeper:
        keeper.execute(f"ALTER DATABASE {_name(database)} ALLOW_CONNECTIONS false")
        _cut(keeper, database)
        try:
            for path in ("/customer/list/", "/", "/approval/inbox/todo"):
                answer = browser.get(path)
                assert answer.status == BUSY, path
                assert "系统繁忙" in answer.text
                assert not [word for word in UNSAID if word in answer.text]
        finally:
            keeper.execute(f"ALTER DATABASE {_name(database)} ALLOW_CONNECTIONS true")
    assert browser.get("/customer/list/").status == 200


@only_postgresql
def test_cut_connections_lose_and_double_nothing(in_app, world: World, database: str, live_server: Server):
    """Whoever got no answer sends the same form again; each customer then stands exactly once."""
    before = names(in_app)
    over = threading.Event()

    def cut() -> None:
        draw = random.Random(7)
        with _keeper(database) as keeper:
            while not over.is_set():
                time.sleep(draw.uniform(0, 0.05))
                _cut(keeper, database)

    browser = Browser(live_server.url).sign_in("ann")
    enemy = threading.Thread(target=cut)
    enemy.start()
    sent = {f"断线 {number}": uuid.uuid4().hex for number in range(60)}
    try:
        answers = {name: add(browser, name, cmd) for name, cmd in sent.items()}
    finally:
        over.set()
        enemy.join(30)
    assert set(answers.values()) <= {*ADDED, BUSY, None}, answers
    assert BUSY in answers.values(), "no connection was cut at its work"
    db.engine.dispose()
    for name, cmd in sent.items():
        if answers[name] not in ADDED:
            add_at_last(browser, name, cmd)
    assert names(in_app) == sorted([*before, *sent])


def _keeper(database: str) -> psycopg.Connection[tuple[object, ...]]:
    url = make_url(database).set(drivername="postgresql", database="postgres")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def _name(database: str) -> str:
    return str(make_url(database).database)


def _cut(keeper: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    keeper.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [_name(database)]
    )


# ---- a killed worker ---------------------------------------------------------------------------------------


def test_a_killed_worker_loses_and_doubles_nothing(in_app, world: World, live_server: Server):
    before = names(in_app)
    browser = Browser(live_server.url).sign_in("ann")
    draw = random.Random(3)
    sent = {f"中断 {number}": uuid.uuid4().hex for number in range(30)}
    lost = 0
    for number, (name, cmd) in enumerate(sent.items()):
        enemy = None
        if number % 6 == 0:
            enemy = threading.Timer(draw.uniform(0, 0.05), _kill_workers, [live_server])
            enemy.start()
        status = add(browser, name, cmd)
        if enemy is not None:
            enemy.join()
        if status not in ADDED:
            lost += 1
            add_at_last(browser, name, cmd)
    assert lost, "nobody was at work when the workers were killed"
    assert names(in_app) == sorted([*before, *sent])


def _kill_workers(server: Server) -> None:
    """Those that answer: below the one that watches over them, which the server's own process started."""
    for watching in children(server.process.pid):
        for pid in children(watching):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
