"""How the pages of a list grow with its rows: medians at a thousand and at a hundred thousand customers.

`python -m bench [ROWS]`. Builds a database of its own per backend, asks each page several times in turn as an ordinary
person with the reach of his department, and prints medians with the ratio of the larger to the smaller.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import insert

import config
from app import create_app
from app.columns import KeyRing
from app.extensions import db, transaction
from app.models import Customer
from app.services import access, packs
from tests.conftest import CsrfClient
from tests.postgres import MissingPostgres, Postgres
from tests.world import World, build, sign_in

SMALL = 1_000
ROUNDS = 15
PAGES = {
    "list": "/customer/list/",
    "page 20": "/customer/list/?page=20",
    "sort": "/customer/list/?sort=-name",
    "contains": "/customer/list/?q=0099",
    "filter": "/customer/list/?in.status=prospect",
    "record": "/customer/show/500",
    "form": "/customer/edit/500",
    "picker": "/pick/customer?q=0099",
    "REST list": "/api/v1/customer/?limit=25",
}


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/bench.db", Path(folder), rows)
        try:
            server = Postgres()
        except MissingPostgres as absent:
            print(absent)
            return
        measure("PostgreSQL", server.url(server.create()), Path(folder), rows)
        server.stop()


def measure(name: str, url: str, folder: Path, rows: int) -> None:
    app, world = prepare(url, folder)
    client = sign_in(app.test_client(), "hana")
    medians: dict[int, dict[str, float]] = {}
    for size in (SMALL, rows):
        with app.app_context():
            fill(world, size)
        medians[size] = timed(client)
    print(f"\n{name}: milliseconds, median of {ROUNDS}; {SMALL:,} and {rows:,} customers")
    for page in PAGES:
        small, large = medians[SMALL][page], medians[rows][page]
        print(f"{page:>10} {small:8.1f} {large:8.1f}   × {large / small:.2f}")


def prepare(url: str, folder: Path) -> tuple[Any, World]:
    settings = config.read(
        {"GUANHU_ENV": "test", "GUANHU_INSTANCE": str(folder), "GUANHU_DATABASE_URL": url}, create_keys=True
    )
    KeyRing.create(Path(settings["KEY_FILE"]))
    app = create_app(settings)
    app.test_client_class = CsrfClient
    with app.app_context():
        upgrade(str(Path(__file__).resolve().parent.parent / "migrations"))
        with access.acting(access.SYSTEM), transaction():
            packs.load("base")
        return app, build()


def fill(world: World, count: int) -> None:
    """So many customers, all of one department."""
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with access.acting(access.SYSTEM), transaction():
        have = db.session.query(Customer.id).count()
        for start in range(have, count, 5_000):
            numbers = range(start, min(start + 5_000, count))
            db.session.execute(
                insert(Customer), [{"name": f"客户 {number:06}", **owned} for number in numbers]
            )
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(db.text("ANALYZE"))
    db.session.remove()


def timed(client: Any) -> dict[str, float]:
    """Milliseconds of each page, the pages taken in turn so that a busy moment hits all alike."""
    found: dict[str, list[float]] = {page: [] for page in PAGES}
    for number in range(ROUNDS + 2):
        for page, url in PAGES.items():
            start = time.perf_counter()
            answer = client.get(url)
            took = (time.perf_counter() - start) * 1_000
            assert answer.status_code == 200, (url, answer.status_code)
            if number > 1:
                found[page].append(took)
    return {page: statistics.median(times) for page, times in found.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
