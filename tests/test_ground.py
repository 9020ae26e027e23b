"""The ground of the tests themselves: each test has its own database, and the people are who they say."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.extensions import db
from app.models import Employee
from app.services import access


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(in_app, hire, turn):
    with access.acting(access.SYSTEM):
        assert db.session.scalars(select(Employee)).all() == []
        hire("Zoe", "seller", unit="sales/south")
        db.session.rollback()
        assert len(db.session.scalars(select(Employee)).all()) == 1


def test_the_database_refuses_to_write_outside_a_transaction(in_app):
    with access.acting(access.SYSTEM):
        db.session.add(Employee(no="1", name="Nobody", org_unit_id=1))
        with pytest.raises(Exception, match=r"read-?only"):
            db.session.flush()
        db.session.rollback()


def test_rights_are_those_of_the_roles(people, acting_as):
    with acting_as(people.alice) as alice:
        assert alice.employee_id == people.alice.employee_id
        assert access.principal() is alice
    with acting_as(people.dora) as dora:
        assert people.alice.org_unit_id in dora.unit_ids


def test_a_person_signed_in_sees_his_page_and_a_stranger_the_sign_in(login, people, client):
    assert login(people.alice).get("/").status_code == 200
    assert client.get("/").status_code in {302, 303}


def test_writing_needs_the_token_of_the_page(login, people):
    alice = login(people.alice)
    assert alice.post("/sign-out").status_code == 303
    alice = login(people.alice)
    alice.csrf = False
    assert alice.post("/sign-out").status_code == 400
    assert alice.get("/").status_code == 200


def test_two_accounts_of_one_employee_are_one_person(hire):
    first = hire("Zoe", "seller")
    second = hire("Zoe", "sales_head", account="zoe2")
    assert first.employee_id == second.employee_id
    assert first.user_id != second.user_id
