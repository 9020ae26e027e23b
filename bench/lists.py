"""How the pages of a list grow with its rows: medians at a thousand and at a hundred thousand customers.

Builds a database of its own per backend, asks each page several times in turn as an ordinary person with the reach of
his department, and prints medians with the ratio of the larger to the smaller.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from app.extensions import db, transaction
from app.models import Customer
from app.services import access
from bench.site import prepare
from tests.world import World, sign_in

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


def measure(name: str, url: str, folder: Path, rows: int = 100_000) -> None:
    """Print the figures of one backend."""
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
