"""Many requests out of one: a real request, carried out by the engine, is multiplied inside the database.

Every row that belongs to it is copied with its references, so that the copies are as consistent as the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import String, Table, case, cast, func, insert, literal, select

from app import workflows
from app.extensions import db, transaction
from app.models import (
    ApprovalAction,
    ApprovalCopy,
    ApprovalRequest,
    ApprovalSeat,
    ApprovalStep,
    ApprovalTask,
    Contract,
    ContractKind,
    Customer,
    Employee,
    Lifecycle,
)
from app.services import access, records
from app.workflows.verifying import MUST_PASS
from tests.world import World

OPEN = 40
"""How many requests wait for the head at every size."""
CHUNK = 500
OTHERS = {"ann": "bob", "hana": "sam", "leo": "lea", "ina": "fay"}
"""Whose requests, tasks and copies every other lot is."""

Bind = dict[tuple[str, int], Any]


def publish(world: World, *, head: dict[str, Any] | None = None, **more: Any) -> None:
    """The flow of the bench: the head of sales (`head`: what else his step says), then the leader; the inspector is copied."""
    numbers = {name: _number(world, name) for name in ("hana", "leo", "ina")}
    steps = [
        {
            "key": "head",
            "name": {"zh": "部门负责人", "en": "Head"},
            "people": [{"employee": numbers["hana"]}],
            **(head or {}),
        },
        {
            "key": "leader",
            "name": {"zh": "公司领导", "en": "Leader"},
            "people": [{"employee": numbers["leo"]}],
        },
    ]
    for step in steps:
        step["due"] = "2wd"
    steps[1]["copies"] = [{"employee": numbers["ina"]}]
    body = {
        "code": "bench",
        "object_type": "contract",
        "name": {"zh": "合同审批", "en": "Contract approval"},
        "steps": steps,
        **more,
    }
    with access.acting(access.SYSTEM), transaction():
        workflows.flows.publish(workflows.flows.add_version(body))


def _number(world: World, person: str) -> str:
    with access.acting(access.SYSTEM):
        return str(db.session.get_one(Employee, world.employees[person]).no)


def submit(world: World, count: int) -> list[int]:
    """So many contracts of Ann's submitted by the engine, waiting for the head: the ids of the requests."""
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with access.acting(access.SYSTEM), transaction(), workflows.adopting([Customer], "bench"):
        customer = Customer(name="青岬种业有限公司", status=Lifecycle.active, code="B1", **owned)
        db.session.add(customer)
        db.session.flush()
        customer_id = customer.id
    with access.acting(world.principal("ann")), transaction():
        contracts = [
            Contract(title="玉米种子供应合同", kind=ContractKind.supply, customer_id=customer_id, **owned)
            for _ in range(count)
        ]
        db.session.add_all(contracts)
        db.session.flush()
        ids = [contract.id for contract in contracts]
    found = []
    for id_ in ids:
        with access.acting(world.principal("ann")), transaction():
            found.append(workflows.submit(records.find(Contract, id_)).request_id or 0)
    return found


def fill(world: World, tasks: int) -> list[int]:
    """A table of so many tasks, `OPEN` of them open ones of the head, a quarter of the others done by him, a quarter open
    ones of the leader, the rest those of other people; the ids of the requests that wait for the head.
    """
    MUST_PASS["contract"] = ()
    publish(world)
    *waiting, pattern = submit(world, OPEN + 1)
    with access.acting(world.principal("hana")), transaction():
        workflows.act(pattern, "approve")
    multiply(world, pattern, (tasks - OPEN) // 2 - 1)
    return waiting


def multiply(world: World, pattern: int, times: int) -> None:
    """Copy a request with everything that belongs to it so many times; every other lot is that of `OTHERS`."""
    others = {world.employees[one]: world.employees[other] for one, other in OTHERS.items()}
    with access.acting(access.SYSTEM), transaction():
        copies = Copies.of(pattern, others)
        for start in range(0, times, CHUNK):
            copies.make(start, min(CHUNK, times - start))
        copies.wind_on()
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(db.text("ANALYZE"))
    db.session.remove()


PARTS = (ApprovalStep, ApprovalSeat, ApprovalTask, ApprovalAction, ApprovalCopy)


@dataclass
class Copies:
    """The rows of one request, and where the ids of their copies begin in each table."""

    rows: list[tuple[Table, int]]
    first: dict[str, int]
    others: dict[int, int]
    place: dict[tuple[str, int], int] = field(default_factory=dict)
    width: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pattern: int, others: dict[int, int]) -> Copies:
        request = db.session.get_one(ApprovalRequest, pattern)
        rows = [(Contract.__table__, request.object_id), (ApprovalRequest.__table__, pattern)]
        for part in PARTS:
            rows += [(part.__table__, id_) for id_ in db.session.scalars(_ids(part, pattern))]
        first = {table.name: db.session.scalar(select(func.max(table.c.id))) for table, _id in rows}
        made = cls(rows, first, others)
        for table, id_ in rows:
            made.place[table.name, id_] = made.width.get(table.name, 0) + 1
            made.width[table.name] = made.place[table.name, id_]
        return made

    def make(self, start: int, count: int) -> None:
        series = select(literal(start).label("n")).cte("series", recursive=True)
        series = series.union_all(select(series.c.n + 1).where(series.c.n < start + count - 1))
        for table, id_ in self.rows:
            columns = {column.name: self._copied(table, column, id_, series.c.n, start) for column in table.c}
            source = select(*columns.values()).select_from(table).join(series, literal(value=True))
            db.session.execute(insert(table).from_select(list(columns), source.where(table.c.id == id_)))

    def _copied(self, table: Table, column: Any, id_: int, n: Any, start: int) -> Any:
        if column.name == "id":
            return self._moved(table.name, id_, n)
        if column.name == "no":
            return column + "-" + cast(self._moved(table.name, id_, n), String)
        if column.name == "due_at":
            kept = db.session.scalar(select(column).where(table.c.id == id_))
            return literal(kept and kept - timedelta(days=30, hours=start // CHUNK), column.type)
        if _target(column) == "employee" and (start // CHUNK) % 2:
            return case(self.others, value=column, else_=column)
        target = "contract" if column.name == "object_id" else _target(column)
        kept = db.session.scalar(select(column).where(table.c.id == id_)) if target in self.first else None
        return self._moved(target, kept, n) if (target, kept) in self.place else column

    def _moved(self, table: str, id_: int, n: Any) -> Any:
        return n * self.width[table] + self.first[table] + self.place[table, id_]

    def wind_on(self) -> None:
        """PostgreSQL counts its keys apart from the rows."""
        if db.engine.dialect.name == "postgresql":
            for name in self.first:
                db.session.execute(
                    db.text(
                        f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
                    )
                )


def _ids(part: type[Any], pattern: int) -> Any:
    if part is ApprovalSeat:
        return (
            select(part.id)
            .join(ApprovalStep, ApprovalStep.id == part.step_id)
            .where(ApprovalStep.request_id == pattern)
        )
    return select(part.id).where(part.request_id == pattern).order_by(part.id)


def _target(column: Any) -> str:
    return next((key.column.table.name for key in column.foreign_keys), "")
