"""Deciding is a handful of statements, the same handful whatever the number of duties in the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from app import workflows
from app.extensions import db, transaction
from app.services import access

MOST = 20

CROWD = """
INSERT INTO approval_task
  (seat_id, step_id, request_id, assignee_id, order_no, weight, status, source)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most)
SELECT t.seat_id, t.step_id, t.request_id, t.assignee_id, n.i, 1, 'skipped', 'rule'
FROM approval_task t CROSS JOIN n WHERE t.request_id = :request
"""
"""So many duties of another request."""


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements issued in the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(" ".join(statement.split()))

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def cost(stage: Any, person: str, verb: str, steps: tuple[str, ...] = (), **given: Any) -> list[str]:
    """The statements of an act on a fresh request that has gone through these steps."""
    request = stage.submit("ann", stage.contract(amount=5)).request_id
    for before in steps:
        stage.act(before, request, "approve")
    who = stage.world.principal(person)
    db.session.remove()
    with counted() as seen, access.acting(who), transaction():
        workflows.act(request, verb, comment="so be it", **given)
    return seen


def costs(stage: Any) -> dict[str, int]:
    acts = {
        "approve and go on": cost(stage, "lea", "approve"),
        "approve, all of three": cost(stage, "hana", "approve", ("lea",)),
        "approve at the end": cost(stage, "fay", "approve", ("lea", "hana", "leo", "ina")),
        "reject": cost(stage, "lea", "reject"),
        "send back": cost(stage, "lea", "send_back"),
        "transfer": cost(stage, "lea", "transfer", to=stage.employee("sam")),
    }
    for act, seen in acts.items():
        assert len(seen) <= MOST, (act, seen)
    return {act: len(seen) for act, seen in acts.items()}


def test_a_decision_is_a_handful_of_statements_at_a_hundred_thousand_duties_too(stage, flow):
    flow(
        {"who": "lea", "due": "2wd", "when": "amount > 1元"},
        {"who": ["hana", "leo", "ina"], "mode": "all", "due": "3wd"},
        "fay",
    )
    few = costs(stage)
    other = stage.submit("cat", stage.contract("cat", amount=5)).request_id
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(text(CROWD), {"most": 100_000, "request": other})
    assert costs(stage) == few
