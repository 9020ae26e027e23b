"""What a page may ask of the database: a fixed number of statements whatever the number of rows; and no GET changes a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, inspect
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.extensions import Model, db, transaction
from app.models import Contact, Customer
from app.services import access, searching
from app.services.fields import resource_of
from app.views import RECORD_TYPES
from tests.world import World, sign_in

PINNED = {
    "/customer/list/": 7,
    "/customer/list/?q=No&in.status=prospect&sort=-name&page=2": 6,
    "/customer/list/?idle.last_contact_at=30&where=[grade] is missing or [is_key]&sort=name&sort=-code": 7,
    "/customer/list/?sort=name&page=3&after=W3sidGV4dCI6Ik5vLiAwMDA0MCJ9LDQxXQ": 7,
    "/customer/filter?in.status=prospect": 2,
    "/customer/cell/1/remark": 3,
    "/customer/show/1": 9,  # of what he has nothing of nothing is asked; his grades, with the run of each
    "/customer/edit/1": 3,
    "/customer/add": 2,
    "/pick/customer?q=No": 2,
    "/api/v1/customer/?limit=50": 4,
    "/api/v1/customer/1": 2,
    "/api/v1/customer/?where=not [is_key]&sort=-name&cursor=W3sidGV4dCI6Ik5vLiAwMDA0MCJ9LDQxXQ": 4,
}
"""Statements of a page. More needs a reason, here.

One finds out who asks; one fills the frame (unit, position, unread notices), another counts what waits for who has
anything to decide. A list asks for its
saved views. Grades are named by one. A customer's page counts all its tabs by one, its figures by another; tasks, their
deadline and contacts are three.
"""


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements issued in the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill(world: World, count: int) -> None:
    """So many customers of Ann's, each with a contact."""
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with access.acting(access.SYSTEM), transaction():
        have = db.session.query(Customer).count()
        rows = [{"name": f"No. {number:05}", **owned} for number in range(have, count)]
        db.session.execute(insert(Customer), rows)
        contacts = [{"name": f"C{number}", "customer_id": number + 1} for number in range(have, count)]
        db.session.execute(insert(Contact), contacts)
    with access.acting(access.SYSTEM):
        searching.complete()
    db.session.remove()


def test_a_page_asks_the_same_of_the_database_at_a_hundred_and_at_ten_thousand_rows(
    app: Flask, world: World, client: Any
):
    sign_in(client, "ann")
    counts: dict[int, dict[str, int]] = {}
    for size in (100, 10_000):
        with app.app_context():
            fill(world, size)
        counts[size] = {}
        for url in PINNED:
            assert client.get(url).status_code == 200
            with statements(app) as seen:
                assert client.get(url).status_code == 200
            counts[size][url] = len(seen)
    assert counts[100] == counts[10_000] == PINNED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_making_the_application_asks_the_database_nothing(app: Flask):
    seen: list[str] = []
    fresh = create_app(dict(app.config))
    with fresh.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        assert len(list(fresh.url_map.iter_rules())) > 100
        assert not db.engine.pool.status().count("Connections in pool: 1")
    assert seen == []


def digest(app: Flask) -> dict[str, str]:
    """A digest of every table's rows."""
    found = {}
    with app.app_context(), access.acting(access.SYSTEM):
        for table in inspect(db.engine).get_table_names():
            rows = db.session.execute(db.text(f'SELECT * FROM "{table}"')).all()
            found[table] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
        db.session.remove()
    return found


def test_no_get_changes_a_row(app: Flask, world: World, client: Any):
    with app.app_context():
        fill(world, 3)
    sign_in(client, "leo")
    client.get("/")  # the session is marked as seen once a minute
    before = digest(app)
    urls = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    assert len(urls) > 60
    for url in urls:
        filled = url.replace("<int:pk>", "1").replace("<resource>", "customer").replace("<int:id_>", "1")
        answer = client.get(filled)
        assert answer.status_code < 500, f"{filled}: {answer.status_code}"
    for model in RECORD_TYPES:
        for path in (
            "list/?q=x",
            "add",
            "edit/1",
            "show/1?tab=log",
            "delete/1",
            "move/1/submit",
            "bulk",
            "export",
        ):
            assert client.get(f"/{resource_of(model)}/{path}").status_code < 500
    assert digest(app) == before


def test_outside_a_transaction_the_database_refuses_to_write(in_app: Flask):
    assert Model.metadata.tables
    with access.acting(access.SYSTEM), pytest.raises(DBAPIError, match=r"readonly|read-only"):
        db.session.execute(db.text("UPDATE parameter SET value = 'x'"))
    db.session.rollback()
