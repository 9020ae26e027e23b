"""Everything that is changed is written down, once, in the same transaction, and cannot be rewritten unseen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DatabaseError

from app.errors import Refusal
from app.extensions import db, maintenance, transaction
from app.models import (
    Account,
    AuditAct,
    AuditLog,
    Customer,
    Employee,
    Job,
    OrgUnit,
    Parameter,
    RoleGrant,
)
from app.roles import Act, Reach
from app.services import access, audit, bulk
from app.words import say

pytestmark = pytest.mark.usefixtures("in_app")


class Before:
    """The last line there was before the test: loading the pack is told, too."""

    line_id = 0


@pytest.fixture(autouse=True)
def as_system(in_app):
    Before.line_id = db.session.scalar(select(func.max(AuditLog.id))) or 0
    with access.acting(access.SYSTEM):
        yield


@pytest.fixture
def unit(in_app) -> int:
    with access.acting(access.SYSTEM), transaction():
        unit = OrgUnit(code="TEST-HQ", name_zh="总部", name_en="Head office")
        db.session.add(unit)
        db.session.flush()
        unit.path = f"/{unit.id}/"
    return unit.id


def make_customer(**values) -> int:
    with transaction():
        customer = Customer(**{"name": "甲公司", **values})
        db.session.add(customer)
        db.session.flush()
        return customer.id


def lines(object_type: str | None = None) -> list[AuditLog]:
    found = select(AuditLog).where(AuditLog.id > Before.line_id).order_by(AuditLog.id)
    if object_type:
        found = found.where(AuditLog.object_type == object_type)
    return list(db.session.scalars(found))


# ---- what is written down ----------------------------------------------------------------------------------


def test_a_new_row_is_written_down_with_what_it_holds():
    customer_id = make_customer(credit_limit=Decimal("500000.5"), is_key=True)
    (line,) = lines("customer")
    assert (line.act, line.object_id) == (AuditAct.create, customer_id)
    assert line.changes["name"] == [None, "甲公司"]
    assert line.changes["credit_limit"] == [None, "500000.5"]
    assert line.changes["status"] == [None, "prospect"]
    assert line.summary == {"zh": "甲公司", "en": "甲公司"}
    assert "changed_at" not in line.changes


def test_a_change_says_what_it_was_and_what_it_became():
    customer_id = make_customer()
    with transaction():
        db.session.get_one(Customer, customer_id).name = "乙公司"
    assert lines("customer")[-1].changes == {"name": ["甲公司", "乙公司"]}


def test_a_field_set_without_having_been_read_still_says_what_it_was():
    customer_id = make_customer(remark="old")
    with transaction():
        customer = db.session.get_one(Customer, customer_id)
        db.session.expire(customer)
        customer.remark = "new"
    assert lines("customer")[-1].changes == {"remark": ["old", "new"]}


def test_setting_a_field_to_what_it_is_writes_nothing():
    customer_id = make_customer()
    before = len(lines())
    with transaction():
        db.session.get_one(Customer, customer_id).name = "甲公司"
    assert len(lines()) == before


def test_a_deleted_row_is_written_down_with_what_it_held(unit):
    with transaction():
        db.session.delete(db.session.get_one(OrgUnit, unit))
    line = lines("org_unit")[-1]
    assert line.act is AuditAct.delete
    assert line.changes["name_zh"] == ["总部", None]
    assert line.summary == {"zh": "总部", "en": "Head office"}


def test_a_sealed_field_leaves_its_mask_and_a_digest_and_never_its_text():
    customer_id = make_customer(phone="13812345678")
    with transaction():
        db.session.get_one(Customer, customer_id).phone = "13900000000"
    told = [line.changes for line in lines("customer")]
    assert told[0]["phone"][1].startswith("138****5678 #")
    assert [mark.split(" #")[0] for mark in told[1]["phone"]] == ["138****5678", "139****0000"]
    raw = "".join(str(part) for part in db.session.execute(text("SELECT changes FROM audit_log")).scalars())
    assert "13812345678" not in raw
    assert "13900000000" not in raw
    assert "phone_sealed" not in raw


def test_permissions_and_configuration_are_told_from_data():
    with transaction():
        role = Role(name="Juggler")
        db.session.add(role)
        db.session.flush()
        db.session.add(RoleGrant(role_id=role.id, resource="customer", act=Act.read, reach=Reach.own))
        db.session.add(Parameter(key="test_dormant", name_zh="休眠", name_en="Dormant", value="180"))
    assert {line.object_type: line.act for line in lines()} == {
        "ab_role": AuditAct.permission,
        "role_grant": AuditAct.permission,
        "parameter": AuditAct.configuration,
    }


def test_a_role_given_to_an_account_is_a_permission_and_its_password_is_hidden():
    with transaction():
        role = Role(name="Juggler")
        user = User(username="lin", first_name="Lin", last_name="", email="lin@invalid", password="scrypt:x")
        db.session.add_all([role, user])
    with transaction():
        db.session.scalars(select(User)).one().roles = [
            db.session.scalars(select(Role).where(Role.name == "Juggler")).one()
        ]
    first, second = lines("ab_user")
    assert first.changes["password"] == [None, "***"]
    assert (second.act, second.changes) == (AuditAct.permission, {"roles": [[], ["Juggler"]]})


def test_engine_rows_are_not_told_one_by_one():
    with transaction():
        db.session.add(Job(kind="nothing"))
    assert lines() == []


def test_a_change_rolled_back_leaves_no_line():
    with pytest.raises(Refusal), transaction():  # noqa: PT012
        db.session.add(Customer(name="丙公司"))
        db.session.flush()
        raise Refusal(say(zh="不行", en="no"))
    assert lines() == []


def test_a_refused_change_leaves_no_line():
    with pytest.raises(Refusal), transaction():
        db.session.add(Customer(name=""))
    assert lines() == []


def test_a_line_says_who_and_from_where_and_why(unit):
    with transaction():
        employee = Employee(no="7", name="林某", org_unit_id=unit)
        user = User(username="lin", first_name="Lin", last_name="", email="lin@invalid")
        db.session.add_all([employee, user])
        db.session.flush()
        db.session.add(Account(user_id=user.id, employee_id=employee.id))
        ids = user.id, employee.id
    token = audit.origin.set(audit.Origin("10.0.0.7", "abc"))
    who = access.Principal(*ids, grants={("*", Act.create): Reach.all})
    with access.acting(who), transaction(), audit.because("moved house"):
        db.session.add(Customer(name="丁公司"))
    audit.origin.reset(token)
    line = lines("customer")[-1]
    assert (line.user_id, line.person_id) == ids
    assert (line.address, line.request_id, line.reason) == ("10.0.0.7", "abc", "moved house")
    customer = db.session.scalars(select(Customer).where(Customer.name == "丁公司")).one()
    assert (customer.created_by_id, customer.changed_by_id) == (ids[0], ids[0])


def test_rows_of_a_change_set_are_stamped_but_not_told():
    with transaction(), audit.held_by_change_set():
        db.session.add(Customer(name="戊公司"))
    assert lines() == []
    assert db.session.scalars(select(Customer)).one().created_at is not None


def test_what_is_no_row_is_told_by_record():
    with transaction():
        audit.record(
            AuditAct.take_out,
            "customer",
            None,
            {"rows": [None, 12]},
            reason="monthly report",
            summary=say(zh="导出客户", en="Customers exported"),
        )
    (line,) = lines()
    assert line.summary["en"] == "Customers exported"
    assert (line.changes, line.reason) == ({"rows": [None, 12]}, "monthly report")


# ---- set-based changes -------------------------------------------------------------------------------------


def test_a_bulk_change_tells_each_row_with_what_it_was():
    first, second = make_customer(remark="a"), make_customer(name="乙公司")
    with transaction():
        assert bulk.change(Customer, Customer.id.in_([first, second]), {"remark": "b"}, reason="tidy") == 2
    told = lines("customer")[-2:]
    assert [(line.object_id, line.changes, line.reason) for line in told] == [
        (first, {"remark": ["a", "b"]}, "tidy"),
        (second, {"remark": [None, "b"]}, "tidy"),
    ]
    assert db.session.get_one(Customer, first).version_no == 2


def test_a_bulk_change_may_point_to_the_change_set_that_holds_the_cells():
    customer_id = make_customer()
    before = len(lines())
    with transaction():
        statement = update(Customer).where(Customer.id == customer_id).values(remark="x")
        assert bulk.write(statement, told=bulk.ChangeSet("import_run", 1)) == 1
    assert len(lines()) == before
    assert db.session.get_one(Customer, customer_id).remark == "x"


# ---- append-only -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET user_id = 9",
        "UPDATE audit_log SET previous_hash = 'x', own_hash = 'x', user_id = 9",
        "DELETE FROM audit_log",
        "INSERT INTO audit_log (at, act, own_hash) VALUES ('2026-01-01 00:00:00', 'move', 'x')",
    ],
)
def test_the_database_itself_keeps_the_log_append_only(statement):
    make_customer()
    audit.seal()
    with pytest.raises(DatabaseError, match=r"append-only|sealed by its job"), transaction():
        db.session.execute(text(statement))


# ---- the chain ---------------------------------------------------------------------------------------------


def without_triggers(*statements: str) -> None:
    """What somebody who owns the database file can do."""
    sqlite = db.engine.dialect.name == "sqlite"
    off = [
        "DROP TRIGGER audit_log_no_update",
        "DROP TRIGGER audit_log_no_delete",
        "DROP TRIGGER audit_log_no_sealed_insert",
    ]
    db.session.remove()
    with maintenance(), db.engine.begin() as connection:
        for statement in off if sqlite else ["ALTER TABLE audit_log DISABLE TRIGGER ALL"]:
            connection.execute(text(statement))
        for statement in statements:
            connection.execute(text(statement))


def line_no(n: int) -> int:
    """The number of the n-th line of this test."""
    return Before.line_id + n


def sealed_log(n: int = 4) -> audit.Anchor:
    for i in range(n):
        make_customer(name=f"客户{i}")
    anchor = audit.seal()
    assert anchor is not None
    return anchor


def test_the_seal_chains_every_line_and_the_chain_is_whole():
    anchor = sealed_log()
    make_customer(name="later")
    found = audit.verify(anchor)
    assert (found.whole, found.sealed, found.unsealed, found.head) == (True, line_no(4), 1, anchor)
    second = audit.seal()
    assert second is not None
    assert audit.seal() is None
    assert audit.verify(anchor).sealed == line_no(5)
    assert audit.Anchor.parse(str(second)) == second


def test_a_changed_line_is_found():
    sealed_log()
    without_triggers(f"UPDATE audit_log SET object_id = 99 WHERE id = {line_no(2)}")
    found = audit.verify()
    assert (found.broken_at, found.words) == (line_no(2), audit.CHANGED)


def test_a_removed_line_is_found():
    sealed_log()
    without_triggers(f"DELETE FROM audit_log WHERE id = {line_no(2)}")
    found = audit.verify()
    assert (found.broken_at, found.words) == (line_no(3), audit.REMOVED)


def test_a_line_put_in_between_is_found():
    sealed_log()
    without_triggers(
        f"DELETE FROM audit_log WHERE id = {line_no(3)}",
        f"INSERT INTO audit_log (id, at, act) VALUES ({line_no(3)}, '2026-01-01 00:00:00', 'move')",
    )
    found = audit.verify()
    assert (found.broken_at, found.words) == (line_no(4), audit.PUT_IN)


def test_a_forged_hash_does_not_fit_without_the_key():
    sealed_log()
    without_triggers(
        "INSERT INTO audit_log (id, at, act, previous_hash, own_hash) "
        f"SELECT {line_no(5)}, at, act, own_hash, '{'ab' * 32}' FROM audit_log WHERE id = {line_no(4)}"
    )
    found = audit.verify()
    assert (found.broken_at, found.words) == (line_no(5), audit.CHANGED)


def test_a_tail_cut_off_is_found_with_an_anchor_only():
    anchor = sealed_log()
    without_triggers(f"DELETE FROM audit_log WHERE id > {line_no(2)}")
    assert audit.verify().whole
    found = audit.verify(anchor)
    assert (found.broken_at, found.words) == (anchor.line_id, audit.CUT_OFF)


def test_erasing_a_sealed_field_keeps_the_chain_whole():
    customer_id = make_customer(phone="13812345678")
    audit.seal()
    with transaction():
        db.session.get_one(Customer, customer_id).phone = None
    audit.seal()
    assert audit.verify().whole


def test_deleting_rows_past_the_house_is_not_offered():
    make_customer()
    with pytest.raises(RuntimeError, match="open transaction"):
        bulk.write(delete(Customer), told=bulk.ChangeSet("import_run", 1))
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 1
