"""The wake-up of workers, by Huey's queues: a file by default, PostgreSQL or Redis by setting.

The ledger is the truth. What goes through here says only "look": lost or doubled, no job is.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

from huey import PostgresHuey, RedisHuey, SqliteHuey

from app.errors import NotReady
from app.words import say

STEP_SECONDS = 0.2
QUEUE = "guanhu"

log = logging.getLogger(__name__)


class Bell:
    """Rung where a job was written, heard where jobs are done."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pid = 0
        self._storage: Any = None

    def ring(self) -> None:
        """Say there may be work; a bell that already rings is left ringing."""
        storage = self._open()
        if storage.queue_size() == 0:
            storage.enqueue(b"look")

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Until the bell rings, the time is over, or the worker is asked to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not stopping.is_set():
            try:
                if self._open().dequeue() is not None:
                    return
            except Exception:
                log.warning("the wake-up at %s cannot be heard", self.url.split("@")[-1], exc_info=True)
                stopping.wait(seconds)
                return
            stopping.wait(STEP_SECONDS)

    def _open(self) -> Any:
        """The queue, opened anew in every process: a connection must not cross a fork."""
        if self._pid != os.getpid():
            self._storage = open_queue(self.url)
            self._pid = os.getpid()
        return self._storage


def open_queue(url: str) -> Any:
    """The storage of the Huey this address means."""
    if url.startswith("redis"):
        return RedisHuey(QUEUE, url=url, blocking=False).storage
    if url.startswith("postgres"):
        return PostgresHuey(QUEUE, dsn="postgresql://" + url.split("://", 1)[1], blocking=False).storage
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteHuey(QUEUE, filename=str(file), fsync=False).storage


def check_address(url: str) -> None:
    """Raises NotReady for an address no wake-up can have."""
    if not re.match(r"(sqlite:///|rediss?://|postgres(ql)?(\+psycopg)?://)", url):
        raise NotReady(
            str(
                say(
                    "GUANHU_JOBS_URL 只能是 sqlite:///、postgresql:// 或 redis://。",
                    "GUANHU_JOBS_URL must be sqlite:///…, postgresql://… or redis://….",
                )
            )
        )
