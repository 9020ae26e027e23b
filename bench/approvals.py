"""What deciding and the inbox cost at 100 and at 100,000 tasks: medians of turns taken in both databases, as ratios.

The head has forty requests before him at both sizes and half of all tasks behind him, the leader half of all tasks
before him; what the seller submitted and what the inspector was copied on grows alike. A gate of 1.3 is held.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.requests import fill
from bench.site import prepare
from tests.views.test_budgets import statements
from tests.world import sign_in

MakeUrl = Callable[[], str]
SIZES = (100, 100_000)
ROUNDS = 11
GATE = 1.3

PAGES = {
    "to do (head)": ("hana", "/approval/todo"),
    "to do, by arrival": ("hana", "/approval/todo?sort=-arrived"),
    "to do (leader)": ("leo", "/approval/todo"),
    "to do, overdue": ("leo", "/approval/todo?overdue=1"),
    "to do, of a flow": ("leo", "/approval/todo?flow=bench"),
    "to do, by a word": ("leo", "/approval/todo?q=玉米"),
    "done": ("hana", "/approval/done"),
    "mine": ("ann", "/approval/mine"),
    "copied to me": ("ina", "/approval/cc"),
    "REST to do": ("leo", "/api/v1/approvals/todo?limit=25"),
    "a request": ("hana", "/approval/show/{open}"),
}


@dataclass
class Office:
    """One application on a database of one size, with people signed in."""

    app: Any
    clients: dict[str, Any]
    waiting: list[int]

    def page(self, name: str) -> Any:
        person, url = PAGES[name]
        answer = self.clients[person].get(url.format(open=self.waiting[-1]))
        assert answer.status_code == 200, (url, answer.status_code)

    def decide(self) -> None:
        """The head approves the next that waits, as a program does."""
        asked = f"/api/v1/approvals/{self.waiting.pop(0)}/approve"
        answer = self.clients["hana"].post(asked, json={})
        assert answer.status_code == 200, answer.text


def offices(url_of: MakeUrl, folder: Path) -> dict[int, Office]:
    found = {}
    for size in SIZES:
        app, world = prepare(url_of(), folder / str(size))
        with app.app_context():
            waiting = fill(world, size)
        people = {person: sign_in(app.test_client(), person) for person in ("hana", "leo", "ann", "ina")}
        found[size] = Office(app, people, waiting)
    return found


def measure(name: str, url_of: MakeUrl, folder: Path) -> bool:
    """Print the figures of one backend; whether every ratio is within the gate."""
    start = time.perf_counter()
    both = offices(url_of, folder)
    acts: dict[str, Callable[[Office], Any]] = {
        page: lambda office, page=page: office.page(page) for page in PAGES
    }
    acts["a decision"] = Office.decide
    times: dict[str, dict[int, list[float]]] = {act: {size: [] for size in SIZES} for act in acts}
    for number in range(ROUNDS + 2):
        for act, run in acts.items():
            for size in SIZES if number % 2 else reversed(SIZES):
                took = _timed(run, both[size])
                if number > 1:
                    times[act][size].append(took)
    small, large = SIZES
    print(f"\n{name}: ms, median of {ROUNDS}; {small:,} and {large:,} tasks; statements")
    within = True
    for act, run in acts.items():
        a, b = (statistics.median(times[act][size]) for size in SIZES)
        asked = [_statements(run, both[size]) for size in SIZES]
        is_kept = b / a <= GATE and asked[0] == asked[1]
        within &= is_kept
        counts = "/".join(map(str, asked))
        print(f"{act:>20} {a:8.1f} {b:8.1f}   × {b / a:.2f}   {counts:>7} {'' if is_kept else '  MISSED'}")
    print(f"{'':>20} {time.perf_counter() - start:.0f} s in all")
    return within


def _timed(run: Callable[[Office], Any], office: Office) -> float:
    start = time.perf_counter()
    run(office)
    return (time.perf_counter() - start) * 1_000


def _statements(run: Callable[[Office], Any], office: Office) -> int:
    run(office)  # once a minute the session is marked as seen
    with statements(office.app) as seen:
        run(office)
    return len(seen)
