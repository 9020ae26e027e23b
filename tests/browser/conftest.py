"""The demo company, made by the product's own command and served as in production, once for all tests of a session."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT, Server, free_port, wait_for
from tests.processes import Process


@dataclass(frozen=True)
class Demo:
    """The served demo company: its address, and name and password of the first account of each role."""

    url: str
    accounts: dict[str, tuple[str, str]]
    folder: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo company on a server of its own; tests look at it and change nothing."""
    with _served(tmp_path_factory.mktemp("demo"), "--demo") as made:
        yield made


@pytest.fixture
def own_demo(demo: Demo, tmp_path: Path) -> Iterator[Demo]:
    """A copy of the demo company one test may change, on a server of its own."""
    for name in ("secret_key", "column_key", "demo-accounts.txt"):
        shutil.copy2(demo.folder / name, tmp_path / name)
    for name in ("files", "audit-anchors"):
        if (demo.folder / name).is_dir():
            shutil.copytree(demo.folder / name, tmp_path / name)
    with (
        closing(sqlite3.connect(demo.folder / "guanhu.db")) as theirs,
        closing(sqlite3.connect(tmp_path / "guanhu.db")) as ours,
    ):
        theirs.backup(ours)
    with _served(tmp_path) as made:
        yield made


@contextmanager
def _served(folder: Path, *options: str) -> Iterator[Demo]:
    """The product serving what is in a folder, as its own command does."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("GUANHU_") and name != "PORT"
    }
    environ = {
        **kept,
        "GUANHU_ENV": "test",
        "GUANHU_INSTANCE": str(folder),
        "GUANHU_PORT": str(free_port()),
        "PYTHONPATH": str(CHECKOUT),
    }
    process = Process("app.cli", ["serve", *options], environ=environ, log=folder / "server.log")
    server = Server(f"http://127.0.0.1:{environ['GUANHU_PORT']}", process, folder, environ)
    wait_for(server, 90)
    yield Demo(server.url, accounts(folder), folder)
    process.end()
    shutil.rmtree(folder, ignore_errors=True)


def accounts(folder: Path) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for line in (folder / "demo-accounts.txt").read_text(encoding="utf-8").splitlines():
        if "\t" in line:
            username, password, role, _name = line.split("\t")
            found.setdefault(role, (username, password))
    return found
