"""Serving: the production server and the worker that does background jobs.

`guanhu serve` checks once, then forks: one child is gunicorn (preloaded, sync workers), the other does jobs. The parent
keeps nothing open; it restarts the job child when that dies and ends with gunicorn.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from sqlalchemy import text

from app import create_app
from app.cli import logs
from app.cli.base import DONE, check_migrated, opened
from app.cli.demo import make, tell
from app.cli.setup import prepare, set_up
from app.cli.waking import Bell, check_address
from app.errors import NotReady
from app.extensions import db
from app.services import access, demo as company, jobs
from app.words import say

REST_SECONDS = 2.0
"""The longest a worker waits before it looks into the ledger again by itself."""

RECURRING_SECONDS = 15.0
LOCK_WAIT_SECONDS = 30
PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


def settle() -> None:
    """What stands now stays as long as the process: the collector need not go through it again, nor forks copy it."""
    gc.collect()
    gc.freeze()


@click.command()
@click.option("--without-worker", is_flag=True, help="Leave background jobs to `guanhu worker` elsewhere.")
@click.option(
    "--demo", is_flag=True, help="First set up the database and, where it is empty, a demo company."
)
def serve(*, without_worker: bool, demo: bool) -> None:
    """Serve the product, and do its background jobs."""
    app = with_company() if demo else create_app()
    logs.configure(app.config["LOG"])
    check(app)
    settle()
    listener = listen(app.config["HOST"], app.config["PORT"])
    children: dict[str, Callable[[], None]] = {"web": lambda: _web(app, listener)}
    if not without_worker:
        children["worker"] = lambda: work(app)
    click.echo(str(say("管户已启动：{url}", "Guanhu serves on {url}", url=app.config["BASE_URL"])), err=True)
    sys.exit(Supervisor(children).run())


@click.command()
@click.option("--lease", type=click.FloatRange(min=0.3), default=jobs.LEASE.total_seconds(), hidden=True)
def worker(lease: float) -> None:
    """Do background jobs until told to stop."""
    app = create_app()
    logs.configure(app.config["LOG"])
    check(app)
    settle()
    work(app, timedelta(seconds=lease))


def with_company() -> Flask:
    """The app on a database that is set up and holds something to look at; all in one process, so that it is quick."""
    app = prepare()
    listen(app.config["HOST"], app.config["PORT"]).close()  # a busy port is said before the long part
    with opened(app), access.acting(access.SYSTEM):
        set_up(quiet=True)
        if company.is_empty():
            make()
        tell()
    sys.stdout.flush()
    return app


# ---- before anything is served -----------------------------------------------------------------------------


def check(app: Flask) -> None:
    """Raises NotReady unless the database is at this version's head and keeps what the rules rely on (R39)."""
    check_address(app.config["JOBS_URL"])
    with opened(app), access.acting(access.SYSTEM):
        check_migrated()
        if db.engine.dialect.name == "sqlite":
            _check_sqlite()


def _check_sqlite() -> None:
    """Foreign keys are kept, and a second writer waits instead of slipping in."""
    with db.engine.connect() as first:
        if first.scalar(text("PRAGMA foreign_keys")) != 1:
            raise NotReady(str(say("SQLite 未启用外键约束。", "SQLite does not keep foreign keys here.")))
        journal = str(first.scalar(text("PRAGMA journal_mode"))).lower()
    if journal != "wal":
        raise NotReady(
            str(
                say(
                    "SQLite 数据库所在文件系统不支持 WAL（当前为 {mode}）：请放到本机磁盘上。",
                    "SQLite cannot use its write-ahead log here (it is in mode {mode}): keep it on a local disk.",
                    mode=journal,
                )
            )
        )


def listen(host: str, port: int) -> socket.socket:
    """The socket served on, taken before anything forks. Raises NotReady when somebody else has it."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            sentence = say(
                "端口 {port} 已被占用：请停止占用它的程序，或用 PORT=… 换一个端口。",
                "Port {port} is in use: stop what uses it, or choose another with PORT=….",
                port=port,
            )
        else:
            sentence = say(
                "无法监听 {host}:{port}：{reason}。",
                "Cannot listen on {host}:{port}: {reason}.",
                host=host,
                port=port,
                reason=error.strerror or error.errno,
            )
        raise NotReady(str(sentence)) from error
    return listener


# ---- the web child -----------------------------------------------------------------------------------------


class Web(BaseApplication):  # type: ignore[misc]
    """Gunicorn around the app that is already built."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self.guanhu = app
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.guanhu


def _web(app: Flask, listener: socket.socket) -> None:

    settings = app.config
    Web(
        app,
        {
            "bind": f"fd://{listener.fileno()}",  # the socket taken before the fork
            "workers": settings["WORKERS"],
            "worker_class": "sync",
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": 15,
            "forwarded_allow_ips": "*" if settings["PROXY_HOPS"] else "127.0.0.1,::1",
            "max_requests": 20_000,
            "max_requests_jitter": 2_000,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_fork": _forked(app),
        },
    ).run()


def _forked(app: Flask) -> Callable[[Any, Any], None]:
    def fresh(_arbiter: Any, _worker: Any) -> None:
        """A connection must not be shared by two processes."""
        logs.take_over_gunicorn()
        with app.app_context():
            db.engine.dispose(close=False)

    return fresh


# ---- the job child -----------------------------------------------------------------------------------------


def work(app: Flask, lease: timedelta = jobs.LEASE) -> None:
    """Do jobs until SIGTERM or SIGINT; a job under way stops at its next checkpoint and goes back to the queue."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: jobs.stopping.set())
    with app.app_context():
        db.engine.dispose(close=False)
    bell = Bell(app.config["JOBS_URL"])
    owner = jobs.new_owner()
    planned = 0.0
    _carefully(app, jobs.release_dead)
    while not jobs.stopping.is_set():
        if time.monotonic() - planned > RECURRING_SECONDS:
            _carefully(app, jobs.plan_recurring)
            planned = time.monotonic()
        if not _carefully(app, lambda: jobs.work_once(owner, app.app_context, lease)):
            bell.wait(REST_SECONDS, jobs.stopping)


def _carefully(app: Flask, step: Callable[[], Any]) -> Any:
    """One step of the worker in a context of its own; a database that is away is waited for."""
    try:
        with app.app_context():
            return step()
    except jobs.Stopping:
        return None
    except Exception:
        log.exception("the worker goes on in a moment")
        time.sleep(1)
        return None


# ---- the parent --------------------------------------------------------------------------------------------


class Supervisor:
    """Forks the children, restarts the job child when it dies, passes signals on, ends with the web child."""

    def __init__(self, children: dict[str, Callable[[], None]]) -> None:
        self.children = children
        self.names: dict[int, str] = {}
        self.ending = False

    def run(self) -> int:
        """Until the web child ends; its exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        for name in self.children:
            self._start(name)
        code = DONE
        while self.names:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            name = self.names.pop(pid, "")
            if name == "web":
                code = 0 if self.ending else os.waitstatus_to_exitcode(status) or 1
                self._end()
            elif name and not self.ending:
                log.warning("the worker ended; starting another")
                time.sleep(0.5)
                self._start(name)
        return code

    def _start(self, name: str) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self.names[pid] = name
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            _die_with(parent)
            self.children[name]()
            code = DONE
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            log.exception("%s ended", name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            self.ending = True
        for pid, name in list(self.names.items()):
            if number != signal.SIGHUP or name == "web":
                _tell(pid, number)

    def _end(self) -> None:
        self.ending = True
        for pid in list(self.names):
            _tell(pid, signal.SIGTERM)


def _tell(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _die_with(parent: int) -> None:
    """Where the system can (Linux): a parent that is killed takes its children along."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


COMMANDS = [serve, worker]
