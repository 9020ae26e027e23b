"""The demo company: believable, whole, in an empty database alone, and at work through the real engine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from stdnum.cn import uscc
from werkzeug.security import check_password_hash

from app.cli import demo as command
from app.columns import Rows
from app.errors import Refusal
from app.extensions import company, db, transaction
from app.models import (
    Admission,
    AdmissionStatus,
    ApprovalRequest,
    Contact,
    Contract,
    Customer,
    DocumentKind,
    Employee,
    EvalRun,
    Lifecycle,
    Lookup,
    Notice,
    NumberSeries,
    OrgUnit,
    Product,
    RequestStatus,
    RunStatus,
    SalesDocument,
    ServiceCase,
    Task,
    TradeLine,
    Visit,
)
from app.roles import Act, Reach
from app.services import access, demo, packs
from app.services.demo import names
from app.workflows import demo as at_work, machine

HASH = "scrypt:32768:8:1$x$y"


@pytest.fixture
def system(in_app: Flask) -> Iterator[None]:
    with access.acting(access.SYSTEM):
        yield


def build() -> None:
    with access.acting(access.SYSTEM), transaction():
        demo.build("small", HASH, command.SERIES)


built = pytest.mark.stands_on("seed-industry", build)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def principal(username: str) -> access.Principal:
    user_id = db.session.scalar(select(User.id).where(User.username == username))
    found = access.principal_of(user_id or 0)
    assert found is not None
    return found


@built
@pytest.mark.usefixtures("system")
def test_every_area_has_something_to_show() -> None:
    least = {
        Customer: 100, Contact: 180, Product: 25, SalesDocument: 500, TradeLine: 1_300, Contract: 40,
        Admission: 15, Visit: 150, ServiceCase: 40, Task: 50, Notice: 30, Employee: 20, OrgUnit: 9,
    }  # fmt: skip
    assert {model.__tablename__: n for model, n in least.items() if count(model) < n} == {}
    states = set(db.session.scalars(select(Customer.status)))
    assert {Lifecycle.active, Lifecycle.dormant, Lifecycle.prospect} <= states


@built
@pytest.mark.usefixtures("system")
def test_orders_have_a_season_and_their_totals_are_exact() -> None:
    totals = dict(
        db.session.execute(
            select(TradeLine.sales_document_id, func.sum(TradeLine.amount)).group_by(
                TradeLine.sales_document_id
            )
        ).all()
    )
    documents = db.session.scalars(select(SalesDocument)).all()

    assert all(document.total == totals[document.id] for document in documents)
    assert {document.kind for document in documents} >= {DocumentKind.order, DocumentKind.goods_return}
    assert min(document.ordered_at.date() for document in documents) < company.today() - timedelta(days=450)
    lines = db.session.scalars(select(TradeLine).where(TradeLine.kind == DocumentKind.goods_return)).all()
    assert lines and all(line.qty < 0 and line.amount < Decimal(0) for line in lines)


@built
@pytest.mark.usefixtures("system")
def test_what_a_customer_is_agrees_with_what_he_ordered() -> None:
    last: dict[int | None, object] = dict(
        db.session.execute(
            select(SalesDocument.customer_id, func.max(SalesDocument.ordered_at))
            .where(SalesDocument.kind == DocumentKind.order)
            .group_by(SalesDocument.customer_id)
        ).all()
    )
    for customer in db.session.scalars(select(Customer)):
        assert (customer.last_order_on is not None) == (customer.id in last)
        assert (customer.code is None) == (customer.status is Lifecycle.prospect)
        if customer.status is Lifecycle.prospect:
            assert customer.last_order_on is None


@built
@pytest.mark.usefixtures("system")
def test_every_status_is_one_a_record_may_start_in_or_be_adopted_into() -> None:
    for model, life in machine.machines.items():
        states = set(db.session.scalars(select(model.status)))
        if life.guarded:
            assert {state.value for state in states} <= {life.first, *life.adopted}, model


@pytest.mark.req("Q-02")
@built
@pytest.mark.usefixtures("system")
def test_telephone_and_mail_are_sealed_masked_and_readable_where_they_stand() -> None:
    customer = db.session.scalars(select(Customer).order_by(Customer.id).limit(1)).one()

    assert "*" in customer.phone
    assert Customer.phone.unseal(customer) == names.phone(0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@built
@pytest.mark.usefixtures("system")
def test_nothing_of_it_exists() -> None:
    codes = db.session.scalars(select(Customer.credit_code).where(Customer.credit_code.is_not(None))).all()
    assert len(set(codes)) == len(codes)
    assert all(uscc.is_valid(code) and code.startswith("99000000") for code in codes)
    assert all(mask.endswith("@customer.example") for mask in db.session.scalars(select(Contact.email_mask)))


def test_the_first_hundred_thousand_firms_all_have_names_of_their_own() -> None:
    assert len({names.firm(number)[0] for number in range(100_000)}) == 100_000


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_same_seed_makes_the_same_company(in_app: Flask) -> None:
    assert made() == made()


def made() -> list[object]:
    """What the rows of a company are, which is then undone."""
    with access.acting(access.SYSTEM), suppress(_UndoneError), transaction():
        packs.load("seed-industry")
        demo.build("small", HASH, command.SERIES)
        customers = select(Customer.name, Customer.owner_id, Customer.last_order_on)
        lines = select(TradeLine.moment, TradeLine.qty, TradeLine.amount)
        found = [db.session.execute(customers).all(), db.session.execute(lines).all()]
        raise _UndoneError
    return found


class _UndoneError(Exception):
    pass


# ---- its people --------------------------------------------------------------------------------------------


@built
@pytest.mark.usefixtures("system")
def test_every_role_of_the_base_pack_has_somebody_with_grants() -> None:
    roles = set(db.session.scalars(select(Lookup.code).where(Lookup.category == "role")))
    people = demo.accounts()

    assert {person.role for person in people} == roles
    for person in people:
        who = principal(person.username)
        assert who.employee_id is not None
        assert who.may(Act.read, "product"), person.username


@pytest.mark.req("A-16", "A-40")
@built
@pytest.mark.usefixtures("system")
def test_each_sees_as_far_as_his_role_reaches() -> None:
    def seen(username: str) -> int:
        who = principal(username)
        with access.acting(who):
            return count(Customer)

    everything = count(Customer)
    assert 0 < seen("luqinghe") < seen("qinyunfan") < seen("xiehuaijin") == everything
    assert seen("hanliqun") == seen("shenjianing") == everything
    assert seen("zouziqian") == 0


@built
@pytest.mark.usefixtures("system")
def test_an_administrator_has_no_right_on_any_business_record() -> None:
    who = principal("zouziqian")
    business = [
        access.resource_of(mapper.class_)
        for mapper in access.mappers()
        if mapper.class_.__rows__ is Rows.owned and mapper.class_ is not Task
    ]
    beyond_his_own = [word for word in business if who.reach(Act.read, word) not in {None, Reach.own}]
    assert set(beyond_his_own) <= {"policy_document"}, "what everybody reads"
    assert who.reach(Act.edit, "role_grant") is Reach.all


# ---- where it goes -----------------------------------------------------------------------------------------


@built
@pytest.mark.usefixtures("system")
def test_it_goes_into_an_empty_database_alone() -> None:
    before = count(Customer)
    with pytest.raises(Refusal, match="空数据库"), transaction():
        demo.build("small", HASH, command.SERIES)
    assert count(Customer) == before


@built
@pytest.mark.usefixtures("system")
def test_numbers_and_ids_go_on_where_it_ended() -> None:
    codes = db.session.scalar(select(NumberSeries.last).where(NumberSeries.kind == "customer"))
    assert codes == db.session.scalar(select(func.count()).where(Customer.code.is_not(None)))
    with transaction():
        customer = Customer(name="又一家公司")
        db.session.add(customer)
        db.session.flush()
        assert customer.id == count(Customer)


# ---- at work -----------------------------------------------------------------------------------------------


@pytest.mark.req("E-06", "E-08")
@built
@pytest.mark.usefixtures("system")
def test_its_people_take_requests_through_the_real_engine() -> None:
    made = at_work.walk()

    assert made == len(at_work.STORIES)
    requests = set(db.session.scalars(select(ApprovalRequest.status)))
    assert {
        RequestStatus.running,
        RequestStatus.returned,
        RequestStatus.approved,
        RequestStatus.rejected,
    } == requests
    admissions = set(db.session.scalars(select(Admission.status)))
    assert {AdmissionStatus.draft, AdmissionStatus.in_approval, AdmissionStatus.completed} <= admissions
    admitted = select(Customer).join(Admission, Admission.customer_id == Customer.id)
    fresh = admitted.where(Customer.admitted_on == company.today())
    assert [customer.status for customer in db.session.scalars(fresh)] == [Lifecycle.active] * 2


@pytest.mark.req("L-01")
@built
@pytest.mark.usefixtures("system")
def test_the_published_schemes_are_run_and_their_grades_stand_on_customers() -> None:
    names_of_schemes = at_work.evaluate()

    assert names_of_schemes
    states = list(db.session.scalars(select(EvalRun.status).order_by(EvalRun.id)))
    assert set(states[:-1]) == {RunStatus.published}
    assert states[-1] is RunStatus.in_approval  # the correction the leader has before him
    graded = db.session.scalars(select(Customer).where(Customer.grade.is_not(None))).all()
    assert len({customer.grade for customer in graded}) > 1
    assert all(customer.grade_reason and customer.status is not Lifecycle.prospect for customer in graded)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_writes_the_accounts_where_their_owner_alone_reads_them(
    in_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(in_app.config, "INSTANCE", str(tmp_path))
    with access.acting(access.SYSTEM):
        command.make()
        path = command.accounts_file()
        username, password, role, _name = path.read_text(encoding="utf-8").splitlines()[1].split("\t")
        user = db.session.scalars(select(User).where(User.username == username)).one()

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert check_password_hash(user.password, password)
        assert [found.name for found in user.roles] == [role]
        with pytest.raises(SystemExit):
            command.make()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_there_is_no_demo_in_production(in_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(in_app.config, "GUANHU_ENV", "production")
    with access.acting(access.SYSTEM), pytest.raises(Refusal):
        command.make()
    with access.acting(access.SYSTEM):
        assert demo.is_empty()
