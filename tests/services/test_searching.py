"""The quick search: by part of a name, by its sound, by its initials; never past the row policy."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from app.columns import now
from app.errors import Refusal
from app.extensions import Model, db, transaction
from app.models import Customer, SearchEntry, Task, TaskKind, TaskStatus
from app.services import access, bulk, records, searching
from app.services.fields import field_named
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


def test_a_bulk_statement_leaves_to_the_database_what_it_is_not_told(customers):
    ann = {"owner_id": customers.employees["ann"], "org_unit_id": customers.unit_of("ann")}
    task = {"title": "回访", "status": TaskStatus.open, **ann}
    with access.acting(access.SYSTEM), transaction():
        first, second = bulk.add(
            Task, [task, {**task, "title": "催款"}], told=bulk.ChangeSet("import_run", 1)
        )
    with access.acting(access.SYSTEM):
        made = db.session.get_one(Task, second)
        assert (made.title, made.kind, made.extra, first < second) == ("催款", TaskKind.task, None, True)


def test_a_bulk_statement_that_breaks_a_rule_says_which(customers):
    row = {**defaults(Customer), "name": "沧湾明桥粮油", "uid": "0" * 32, "code": "A1"}
    with access.acting(access.SYSTEM), pytest.raises(Refusal, match="客户代码已存在"), transaction():
        bulk.add(Customer, [row, {**row, "uid": "1" * 32}], told=bulk.ChangeSet("import_run", 1))


def test_what_was_there_before_the_index_is_brought_in(customers):
    with transaction():
        db.session.execute(delete(SearchEntry))
    with access.acting(access.SYSTEM):
        assert found("康林") == set()
        assert searching.complete() >= len(NAMES)
        assert searching.complete() == 0
        assert found("康林") == {NAMES[0]}


def test_no_two_record_types_share_their_numbers(app):
    tables = [mapper.class_.__tablename__ for mapper in Model.registry.mappers]
    assert len(set(tables)) > 50
    assert len({searching.number_of(table, 7) >> searching.IDS for table in tables}) == len(set(tables))
    assert max(searching.number_of(table, 2**31 - 1) for table in tables) < 2**63


@pytest.fixture
def many(in_app, world):
    """Thirty customers with a word in common, by turns Ann's and Dan's; every tenth lies in the recycle bin."""
    with access.acting(access.SYSTEM), transaction():
        for number in range(30):
            owner = "ann" if number % 3 else "dan"
            name = f"瀚丰{'粮油' if number % 2 else '饲料'}{number:03}"
            deleted_at = now() if number % 10 == 9 else None
            unit = world.unit_of(owner)
            db.session.add(
                Customer(name=name, owner_id=world.employees[owner], org_unit_id=unit, deleted_at=deleted_at)
            )
    return world


@pytest.mark.parametrize("counted", [3, 200])
@pytest.mark.parametrize("tried", [1, 4, 12, 400])
@pytest.mark.parametrize("word", ["瀚", "瀚丰", "丰饲料", "饲料 瀚丰", "瀚丰饲料012", "hanfeng", "丰瀚"])
def test_however_many_are_tried_first_a_search_finds_the_same(many, monkeypatch, counted, tried, word):
    monkeypatch.setattr(records, "TRIED", tried)
    monkeypatch.setattr(records, "MOST_FOUND", counted)
    by_name = [(field_named(Customer, "name"), False)]
    for who in ("ann", "dan", "leo"):
        with access.acting(many.principal(who)):
            everything = records.page_of(records.Query(Customer, search=word, sort=tuple(by_name), size=200))
            expected = sorted((row.id for row in everything.rows), reverse=True)
            for number in (1, 2, 3):
                page = records.page_of(records.Query(Customer, search=word, page=number, size=4))
                assert [row.id for row in page.rows] == expected[4 * number - 4 : 4 * number]
                assert page.has_next == (len(expected) > 4 * number)
                assert page.total == len(expected) or not page.rows or page.total > counted


def test_the_words_of_the_test_before_find_somebody(many):
    with access.acting(many.principal("ann")):
        assert len(found("瀚丰")) == 18
        assert len(found("丰饲料")) == 10
    with access.acting(many.principal("dan")):
        assert len(found("瀚丰")) == 9


def test_the_types_that_hold_a_word_are_told(many):
    assert searching.types_with(["瀚丰", "粮油"]) == {"customer"}
    assert searching.types_with(["瀚丰", "林康"]) == set()
