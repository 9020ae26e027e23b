"""The quick search: by part of a name, by its sound, by its initials; never past the row policy."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from app.extensions import db, transaction
from app.models import Customer, SearchEntry
from app.services import access, bulk, records, searching
from app.services.imports.applying import defaults


def found(word: str) -> set[str]:
    page = records.page_of(records.Query(Customer, search=word))
    return {row.name for row in page.rows}


NAMES = ("云渚康林农资有限公司", "云梦农资连锁（北区）", "Willowmoor Feed Ltd.")


@pytest.fixture
def customers(in_app, world):
    """Two customers of Ann's with names alike in Chinese, and an English one of Dan's."""
    with access.acting(access.SYSTEM), transaction():
        for name, owner in zip(NAMES, ("ann", "ann", "dan"), strict=True):
            db.session.add(
                Customer(name=name, owner_id=world.employees[owner], org_unit_id=world.unit_of(owner))
            )
    return world


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("康林", {0}),
        ("农资", {0, 1}),
        ("林康", set()),
        ("云", {0, 1}),
        ("云渚 公司", {0}),
        ("yzkl", {0}),
        ("kanglin", {0}),
        ("YunMeng", {1}),
        ("北区", {1}),
        ("willow", {2}),
        ("WILLOWMOOR feed", {2}),
        ("moor", {2}),
        ("wi", {2}),
        ("llomoor", set()),
        ("ｗｉｌｌｏｗ", {2}),
        ("（", {1}),
        ("%", set()),
        ('"', set()),
    ],
)
def test_a_customer_is_found_by_part_sound_and_initials(customers, word, expected):
    with access.acting(access.SYSTEM):
        assert found(word) == {NAMES[at] for at in expected}


def test_nobody_finds_what_he_may_not_read(customers):
    with access.acting(customers.principal("ann")):
        assert found("农资") == {NAMES[0], NAMES[1]}
        assert found("willow") == set()


def test_a_renamed_customer_is_found_by_his_new_name_alone(customers):
    with access.acting(access.SYSTEM), transaction():
        record = db.session.scalars(select(Customer).where(Customer.name == NAMES[0])).one()
        record.name = "霁城泰木有限公司"
    with access.acting(access.SYSTEM):
        assert found("康林") == set()
        assert found("泰木") == found("jctm") == {"霁城泰木有限公司"}


def test_what_a_bulk_statement_adds_is_found(customers):
    with access.acting(access.SYSTEM), transaction():
        row = {**defaults(Customer), "name": "沧湾明桥粮油", "uid": "0" * 32}
        bulk.add(Customer, [row], told=bulk.ChangeSet("import_run", 1))
    with access.acting(access.SYSTEM):
        assert found("明桥") == {"沧湾明桥粮油"}


def test_what_was_there_before_the_index_is_brought_in(customers):
    with transaction():
        db.session.execute(delete(SearchEntry))
    with access.acting(access.SYSTEM):
        assert found("康林") == set()
        assert searching.complete() >= len(NAMES)
        assert searching.complete() == 0
        assert found("康林") == {NAMES[0]}
