"""Filters of lists: every line is a condition of the language, comes back as the line it was, and means one thing everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import BadRequest
from app.extensions import company, db, transaction
from app.models import Customer, Interaction, Lifecycle, Visit
from app.services import access, filtering, records
from app.services.filtering import Condition, Group
from app.services.language.evaluating import holds
from tests.world import World

LINES = [
    ("name", "has", "华%_'"),
    ("name", "is", "华润"),
    ("name", "starts", "Hua"),
    ("grade", "in", "A,B"),
    ("grade", "not", "A"),
    ("status", "in", "active,prospect"),
    ("status", "not", "active"),
    ("region_id", "in", "3,4"),
    ("region_id", "not", "3"),
    ("region_id", "none", ""),
    ("is_key", "is", "1"),
    ("is_key", "is", "0"),
    ("last_order_on", "from", "2026-01-31"),
    ("last_order_on", "to", "2026-01-31"),
    ("last_order_on", "last", "30"),
    ("last_order_on", "next", "7"),
    ("last_order_on", "idle", "30"),
    ("last_order_on", "within", "last_quarter"),
    ("last_contact_at", "idle", "30"),
    ("last_contact_at", "some", ""),
    ("created_at", "from", "2026-01-31"),
    ("created_at", "to", "2026-01-31"),
    ("created_at", "is", "2026-01-31"),
    ("created_at", "within", "this_month"),
    ("credit_limit", "from", "50000.5"),
    ("remark", "none", ""),
    ("phone", "is", "13800000001"),
]


@pytest.fixture
def asked(in_app, world: World):
    """Customers of Ann's, and Ann asking."""
    day = company.today()
    with access.acting(access.SYSTEM), transaction():
        made = {}
        for name, more in {
            "华润种业": {
                "grade": "A",
                "status": Lifecycle.prospect,
                "last_order_on": day - timedelta(days=31),
            },
            "Hua Run": {"grade": "B", "is_key": True, "last_order_on": day, "phone": "13800000001"},
            "远方农场": {"last_order_on": None},
        }.items():
            owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
            made[name] = Customer(name=name, **owned, **more)
        db.session.add_all(made.values())
        db.session.flush()
        ids = {name: one.id for name, one in made.items()}
        his = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
        long_ago, lately = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(days=3)
        db.session.add(Interaction(customer_id=ids["华润种业"], occurred_at=long_ago, **his))
        visit = {"planned_on": day, "held_at": lately}
        db.session.add(Visit(customer_id=ids["Hua Run"], **visit, **his))
    db.session.remove()
    with access.acting(world.principal("ann")):
        yield SimpleNamespace(ids=ids)


def found(**args: Any) -> set[str]:
    page = records.page_of(records.Query(Customer, **args))
    return {row.name for row in page.rows}


def line(name: str, op: str, raw: str) -> Condition:
    return records.condition(Customer, name, op, raw)


def test_every_line_is_a_condition_of_the_language_and_comes_back_as_it_was(asked):
    fields = records.filterable(Customer)
    catalogue = filtering.catalogue_of(Customer, fields)
    for one in LINES:
        made = filtering.formula(line(*one), catalogue)
        again = filtering.read(filtering.written(made), catalogue)
        assert again == made
        assert filtering.item_of(again.tree, fields) == line(*one)
        assert found(conditions=(line(*one),)) == found(where=again)


def test_groups_in_groups_come_back_and_lines_inside_an_alternative_stay_lines(asked):
    fields = records.filterable(Customer)
    catalogue = filtering.catalogue_of(Customer, fields)
    inner = Group(any=False, items=(line("is_key", "is", "1"), line("name", "has", "Hua")))
    whole = Group(any=True, items=(line("grade", "not", "A"), inner, line("last_order_on", "idle", "30")))
    again = filtering.read(filtering.written(filtering.formula(whole, catalogue)), catalogue)
    assert filtering.item_of(again.tree, fields) == whole
    assert str(records.item_words(whole)).startswith(
        "（等级 不为 A 或 （重点客户 等于 是 且 客户名称 包含 Hua）"
    )
    odd = filtering.read("[last_order_on] > [established_on] and [is_key]", catalogue)
    parts = filtering.parts_of(filtering.item_of(odd.tree, fields))
    assert [type(part).__name__ for part in parts] == ["Written", "Condition"]


TAKEN = [
    ("last_contact_at", "idle", "30", {"华润种业", "远方农场"}),
    ("last_contact_at", "last", "30", {"Hua Run"}),
    ("last_order_on", "idle", "30", {"华润种业", "远方农场"}),
    ("last_order_on", "idle", "31", {"远方农场"}),
    ("last_order_on", "within", "today", {"Hua Run"}),
    ("grade", "not", "A", {"Hua Run", "远方农场"}),
    ("name", "has", "hua", {"Hua Run"}),
    ("created_at", "within", "today", {"华润种业", "Hua Run", "远方农场"}),
    ("created_at", "within", "yesterday", set()),
    ("phone", "is", "13800000001", {"Hua Run"}),
]


def test_a_line_takes_what_it_says(asked):
    for name, op, raw, expected in TAKEN:
        assert found(conditions=(line(name, op, raw),)) == expected, (name, op, raw)


def test_python_and_the_database_take_the_same_rows(asked):
    fields = records.filterable(Customer)
    catalogue = filtering.catalogue_of(Customer, fields)
    for name, op, raw in LINES:
        if name in {"phone", "last_contact_at"}:
            continue  # the one is sealed, the other worked out in the database
        made = filtering.formula(line(name, op, raw), catalogue)
        rows = records.page_of(records.Query(Customer)).rows
        taken = {
            row.name
            for row in rows
            if holds(made, {fact: getattr(row, fact) for fact in made.facts if hasattr(row, fact)})
        }
        assert found(where=made) == taken, (name, op, raw)


def test_nobody_asks_for_a_field_he_may_not_see(asked, world: World):
    for written in (
        "[credit_limit] > 5元",
        "[信用额度] > 5元",
        "coalesce([credit_limit], 1元) > 5元",
        "[phone_index] = 'x'",
    ):
        with access.acting(world.principal("ina")), pytest.raises(BadRequest) as refused:
            records.where(Customer, written)
        assert "credit_limit" not in str(refused.value.words).partition("可用")[2]
        assert "信用额度" not in str(refused.value.words).partition("可用")[2]
    with access.acting(world.principal("ina")), pytest.raises(BadRequest):
        records.condition(Customer, "credit_limit", "from", "5")
    with access.acting(world.principal("ina")), pytest.raises(BadRequest):
        records.sort_of(Customer, "credit_limit")


SNEAKY = (
    'contains([phone], "138")',
    '[phone] != "1"',
    "[phone] = [name]",
    'starts([phone], "1")',
    'coalesce([phone], "1") = "2"',
)


def test_a_sealed_field_is_asked_for_by_the_whole_value_alone(asked):
    for written in SNEAKY:
        with pytest.raises(BadRequest):
            records.page_of(records.Query(Customer, where=records.where(Customer, written)))


def test_the_first_days_of_periods():
    names = filtering.firsts(date(2026, 1, 31))
    assert (names["last_month"], names["next_month"], names["month_after"]) == (
        date(2025, 12, 1),
        date(2026, 2, 1),
        date(2026, 3, 1),
    )
    assert (names["last_quarter"], names["this_quarter"], names["next_quarter"]) == (
        date(2025, 10, 1),
        date(2026, 1, 1),
        date(2026, 4, 1),
    )
    assert (names["this_week"], names["next_week"]) == (date(2026, 1, 26), date(2026, 2, 2))
