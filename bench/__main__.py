"""`python -m bench [pages] [files] [approvals] [evaluations]`: the benchmarks, all unless some are named, on PostgreSQL and SQLite.

`--quick` builds a company of 20,000 customers and takes minutes; `--customers` says how many, `--minutes` how long the
pages are asked in each database. `python -m bench keep --kept FOLDER` builds the companies of pages and evaluations and
keeps them, with their PostgreSQL, until it is stopped: `python -m bench pages --kept FOLDER` measures those. Ends with 1
when a figure misses its gate.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bench import approvals, evaluations, pages, servers, sheets
from bench.kept import Kept
from tests.postgres import MissingPostgres, Postgres

OPTIONS = ("shared_buffers=1GB", "work_mem=16MB", "max_wal_size=4GB")
"""What a server of this size is given."""
BENCHMARKS = ("pages", "files", "approvals", "evaluations")
KEEP = "keep"


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="The benchmarks.")
    parser.add_argument("names", nargs="*", metavar="|".join(BENCHMARKS), help="all unless some are named")
    parser.add_argument("--on", choices=("postgresql", "sqlite"), help="one of the two databases alone")
    parser.add_argument("--customers", type=int, default=pages.Size.customers)
    parser.add_argument("--rounds", type=int, default=pages.Size.rounds)
    parser.add_argument("--minutes", type=float, default=pages.Size.minutes)
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where companies are kept")
    parser.add_argument("--quick", action="store_true", help="20,000 customers, five rounds")
    found = parser.parse_args(given)
    if wrong := set(found.names) - {*BENCHMARKS, KEEP}:
        parser.error(f"no benchmark {min(wrong)}")
    if KEEP in found.names and not found.kept:
        parser.error("keep where? --kept FOLDER")
    return found


def main(given: list[str]) -> bool:
    """Run what was asked for; whether every gate was held."""
    asked = arguments(given)
    customers, rounds = (20_000, 5) if asked.quick else (asked.customers, asked.rounds)
    size = pages.Size(customers, rounds, asked.minutes)
    names = [name for name in asked.names if name != KEEP] or list(BENCHMARKS)
    if KEEP in asked.names:
        keep(asked.kept, size, names)
        return True
    if asked.kept:
        return measure_kept(asked.kept, asked.on, size, names)
    print(
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    )
    folder = Path(tempfile.mkdtemp(prefix="guanhu-bench-"))
    within = True
    if asked.on != "sqlite":
        within &= on_postgresql(names, folder, size)
    if asked.on != "postgresql":
        numbers = itertools.count(1)
        within &= run(
            names, "sqlite", lambda: f"sqlite:///{folder}/{next(numbers)}.db", folder, lambda: 0.0, size
        )
    shutil.rmtree(folder)
    return within


def keep(folder: Path, size: pages.Size, names: list[str]) -> None:
    """Build the companies in both databases, say when they stand, and keep their server until told to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = itertools.count(1)
    Kept.build("sqlite", lambda: f"sqlite:///{folder}/{next(numbers)}.db", folder, size, names).write(
        folder / "sqlite.json"
    )
    server = Postgres(*OPTIONS, place=folder)
    try:
        of_server = Kept.build(
            "postgresql",
            lambda: server.url(server.create()),
            folder,
            size,
            names,
            server=server.process.pid,
        )
        of_server.write(folder / "postgresql.json")
        print(f"kept in {folder}; Ctrl+C ends it", flush=True)
        server.process.wait()
    except KeyboardInterrupt:
        (folder / "postgresql.json").unlink(missing_ok=True)
    finally:
        server.stop()


def measure_kept(folder: Path, on: str | None, size: pages.Size, names: list[str]) -> bool:
    """The benchmarks of companies that are kept."""
    within = True
    for kind in ("postgresql", "sqlite"):
        if on in (None, kind):
            within &= Kept.read(folder / f"{kind}.json").measure(kind, size, names)
    return within


def on_postgresql(names: list[str], folder: Path, size: pages.Size) -> bool:
    """On a server of our own, if there are binaries of one."""
    try:
        server = Postgres(*OPTIONS)
    except MissingPostgres as absent:
        print(absent)
        return True
    try:
        return run(
            names,
            "postgresql",
            lambda: server.url(server.create()),
            folder,
            lambda: servers.processor_of(server.process.pid),
            size,
        )
    finally:
        server.stop()


def run(
    names: list[str],
    kind: str,
    url_of: approvals.MakeUrl,
    folder: Path,
    database: Callable[[], float],
    size: pages.Size,
) -> bool:
    """The named benchmarks on one database."""
    within = True
    if "pages" in names:
        within &= pages.measure(kind, pages.build(kind, url_of, folder, size), database, size)
    if "files" in names:
        within &= sheets.measure(kind, url_of, folder, min(sheets.ROWS, size.customers))
    if "approvals" in names:
        within &= approvals.measure(kind, url_of, folder)
    if "evaluations" in names:
        site = evaluations.build(kind, url_of, folder, size.customers)
        within &= evaluations.measure(kind, site, size.customers, database)
    return within


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
