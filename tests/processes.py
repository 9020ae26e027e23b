"""Processes of the product, forked from one that has imported it already: importing it anew takes seconds each time.

`start("app.cli", ["serve"], …)` runs what `python -m app.cli serve` runs, in a session and a folder of its own. Tests of
the command itself start a real interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["app.cli"])


class Process:
    """A started process, asked and told like one of `subprocess`."""

    def __init__(self, module: str, arguments: Sequence[str], *, environ: dict[str, str], log: Path) -> None:
        self._process = NURSERY.Process(target=_begin, args=(module, [*arguments], environ, str(log)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; raises `TimeoutExpired` after so many seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def end(self, seconds: float = 15) -> None:
        """Ask it to end, and make it when it takes longer."""
        self.terminate()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()


def _begin(module: str, arguments: list[str], environ: dict[str, str], log: str) -> None:
    os.setsid()
    os.chdir(Path(log).parent)
    os.environ.clear()
    os.environ.update(environ)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for from_, to in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(from_, to)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")
