"""`python -m bench [lists] [approvals]`: the benchmarks, all unless some are named, on SQLite and PostgreSQL.

Ends with 1 when a figure misses its gate.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

from bench import approvals, lists
from tests.postgres import MissingPostgres, Postgres


def main(names: list[str]) -> bool:
    """Run the named benchmarks; whether every gate was held."""
    wanted = names or ["lists", "approvals"]
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        within = run(wanted, "SQLite", lambda: f"sqlite:///{folder}/{next(numbers)}.db", folder)
        try:
            server = Postgres()
        except MissingPostgres as absent:
            print(absent)
            return within
        within &= run(wanted, "PostgreSQL", lambda: server.url(server.create()), folder)
        server.stop()
    return within


def run(wanted: list[str], name: str, url_of: approvals.MakeUrl, folder: Path) -> bool:
    """The named benchmarks on one backend."""
    if "lists" in wanted:
        lists.measure(name, url_of(), folder)
    return "approvals" not in wanted or approvals.measure(name, url_of, folder)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
