"""Customers that may be one: told of while one is typed, listed, merged with all that points to them, and taken back."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.columns import now
from app.extensions import Model, db, transaction
from app.models import (
    ApprovalFlowVersion,
    ApprovalRequest,
    Attachment,
    AuditLog,
    ClassificationScheme,
    ClassificationValue,
    Contact,
    Customer,
    CustomerClassification,
    Interaction,
    RecordMerge,
    RequestStatus,
    SalesDocument,
    Task,
)
from app.services import access, merging, names
from app.services.access import mappers
from tests.world import World, sign_in

CODE = "91350100M000100Y43"


def held(app: Flask, read: Any) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        found = read()
        db.session.remove()
        return found


@pytest.fixture
def twins(app: Flask, world: World) -> tuple[int, int]:
    """Two files of one company of Ann's, each with what belongs to it; the newer knows more."""
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        old = Customer(name="中甲种业有限公司", code="C-1", **owned)
        new = Customer(name="中甲种业", credit_code=CODE, short_name="中甲", **owned)
        new.phone = "13812345678"
        db.session.add_all([old, new])
        scheme = ClassificationScheme(code="t", name_zh="级", name_en="tier")
        db.session.add(scheme)
        db.session.flush()
        value = ClassificationValue(scheme_id=scheme.id, code="a", name_zh="甲", name_en="a")
        db.session.add(value)
        db.session.flush()
        for number, customer in enumerate((old, new)):
            db.session.add(Contact(customer_id=customer.id, name=f"联系人{number}"))
            db.session.add(Task(customer_id=customer.id, title=f"任务{number}", **owned))
            db.session.add(
                CustomerClassification(
                    customer_id=customer.id,
                    scheme_id=scheme.id,
                    value_id=value.id,
                    valid_from=date(2026, 1, 1),
                )
            )
        db.session.add(
            Attachment(
                object_type="customer",
                object_id=new.id,
                file_name="a.pdf",
                size=1,
                sha256="0" * 64,
                media_type="application/pdf",
            )
        )
        return old.id, new.id


def merge(client: Any, kept: int, merged: int, **form: str) -> Any:
    return client.post(f"/duplicates/merge/{kept}/{merged}", data=form)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海甲乙有限公司", "上海市甲乙股份有限公司"),
        ("甲乙（上海）有限责任公司", "甲乙(上海) 公司"),
        ("ACME Co., Ltd.", "acme"),
    ],
)
def test_what_a_name_comes_down_to_is_the_same_in_twins(one: str, other: str):
    assert names.core_of(one) == names.core_of(other) != ""


def test_every_key_of_the_schema_that_points_to_a_customer_is_known():
    keys = {
        f"{table.name}.{key.parent.name}"
        for table in Model.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "customer"
    }
    mapped = {mapper.local_table.name for mapper in mappers()}
    assert {reference.name for reference in merging.references(Customer)} == keys
    assert {name.split(".")[0] for name in keys} <= mapped


@pytest.mark.req("B-33")
def test_who_types_a_known_name_or_code_is_told_and_a_strangers_customer_stays_masked(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    sign_in(client, "ann")
    assert 'hx-get="/duplicates/alike' in client.get("/customer/add").text
    mine = client.get("/duplicates/alike?name=中甲种业科技").text
    assert "中甲种业有限公司" in mine
    assert "名称相似" in mine
    assert "统一社会信用代码相同" in client.get(f"/duplicates/alike?name=别的&credit_code={CODE}").text
    assert "中甲" not in client.get("/duplicates/alike?name=毫不相干").text
    strangers = sign_in(app.test_client(), "dan")
    told = strangers.get("/duplicates/alike?name=中甲种业").text
    assert "中甲***" in told
    assert "林安" in told
    assert "中甲种业" not in told
    assert "/customer/show/" not in told


def test_pairs_are_listed_for_who_may_merge_and_see_both(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    sign_in(client, "hana")
    page = client.get("/duplicates/").text
    assert f"/duplicates/merge/{twins[0]}/{twins[1]}" in page
    assert "/duplicates/" in client.get("/").text
    assert sign_in(app.test_client(), "ann").get("/duplicates/").status_code == 403
    assert merge(sign_in(app.test_client(), "ann"), *twins).status_code == 403


def test_a_customer_is_compared_from_its_page_and_two_from_the_list(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    old, new = twins
    sign_in(client, "hana")
    assert f"/duplicates/of/{new}" in client.get(f"/customer/show/{new}").text
    assert f"/duplicates/merge/{old}/{new}" in client.get(f"/duplicates/of/{new}").text
    assert "/duplicates/chosen" in client.get("/customer/list/").text
    two = client.post("/duplicates/chosen", data={"ids": [str(new), str(old)]})
    assert two.location.endswith(f"/duplicates/merge/{old}/{new}")
    assert client.post("/duplicates/chosen", data={"ids": [str(new)]}).location.endswith("/customer/list/")
    seller = sign_in(app.test_client(), "ann")
    assert "/duplicates/" not in seller.get(f"/customer/show/{new}").text
    assert "/duplicates/chosen" not in seller.get("/customer/list/").text
    assert seller.get(f"/duplicates/of/{new}").status_code == 403


def test_merging_moves_everything_keeps_what_was_chosen_and_can_be_taken_back(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    kept, merged = twins
    sign_in(client, "hana")
    form = client.get(f"/duplicates/merge/{kept}/{merged}").text
    assert 'name="take:credit_code"' in form
    assert "13812345678" not in form
    take = {"take:credit_code": "merged", "take:phone": "merged", "take:name": "kept"}
    assert merge(client, kept, merged, **take).status_code == 303

    def standing() -> Any:
        one = db.session.get(Customer, kept)
        stub = db.session.scalar(
            select(Customer).where(Customer.id == merged).execution_options(with_deleted=True)
        )
        points = {
            model.__tablename__: sorted(db.session.scalars(select(model.customer_id)).all())
            for model in (Contact, Task, CustomerClassification)
        }
        return {
            "kept": (one.name, one.credit_code, one.phone, Customer.phone.unseal(one)),
            "stub": (stub.merged_into_id, stub.deleted_at is not None, stub.credit_code),
            "points": points,
            "file": db.session.scalar(select(Attachment.object_id)),
        }

    found = held(app, standing)
    assert found["kept"] == ("中甲种业有限公司", CODE, "138****5678", "13812345678")
    assert found["stub"] == (kept, True, None)
    assert found["points"]["contact"] == [kept, kept]
    assert found["points"]["task"] == [kept, kept]
    assert found["points"]["customer_classification"] == [kept, merged]  # a second open class may not stand
    assert found["file"] == kept
    assert client.get(f"/customer/show/{merged}").headers["Location"].endswith(f"/customer/show/{kept}")
    assert "合并“中甲种业”" in client.get(f"/customer/show/{kept}?tab=log").text
    lines = held(app, lambda: db.session.scalars(select(AuditLog.object_type)).all())
    assert {"contact", "task", "customer", "attachment"} <= set(lines)
    done = held(app, lambda: db.session.scalar(select(RecordMerge)))
    assert "13812345678" not in json.dumps([done.kept_before, done.merged_before])

    assert "中甲种业" in client.get("/duplicates/?by=merged").text
    assert client.post(f"/duplicates/undo/{done.id}").status_code == 303
    back = held(app, standing)
    assert back["kept"] == ("中甲种业有限公司", None, None, None)
    assert back["stub"] == (None, False, CODE)
    assert back["points"]["contact"] == [kept, merged]
    assert back["file"] == merged
    again = client.post(f"/duplicates/undo/{done.id}", follow_redirects=True)
    assert "已撤销" in again.text


def test_what_was_changed_after_the_merge_is_not_overwritten_by_taking_it_back(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    kept, merged = twins
    sign_in(client, "hana")
    merge(client, kept, merged, **{"take:short_name": "merged", "take:credit_code": "merged"})
    client.post(f"/customer/edit/{kept}", data={"name": "中甲种业有限公司", "short_name": "后来改的"})
    done = held(app, lambda: db.session.scalar(select(RecordMerge.id)))
    client.post(f"/duplicates/undo/{done}")
    assert held(app, lambda: db.session.get(Customer, kept).short_name) == "后来改的"
    assert held(app, lambda: db.session.get(Customer, merged).credit_code) == CODE


def test_a_form_that_is_stale_and_a_file_without_its_code_are_refused(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    kept, merged = twins
    sign_in(client, "hana")
    assert merge(client, kept, merged, version_no="7", merged_version="1").status_code == 409
    swapped = merge(client, merged, kept)
    assert swapped.status_code == 409
    assert "已有代码" in swapped.text
    assert merge(client, kept, kept).status_code == 409
    assert held(app, lambda: db.session.scalar(select(RecordMerge.id))) is None


@pytest.mark.parametrize("table", ["customer", "sales_document"])
def test_nothing_is_merged_while_it_or_what_belongs_to_it_is_being_decided(
    app: Flask, world: World, client: Any, twins: tuple[int, int], table: str
):
    kept, merged = twins
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        order = SalesDocument(no="SO-1", customer_id=merged, kind="order", owner_id=world.employees["ann"])
        db.session.add(order)
        db.session.flush()
        db.session.add(
            ApprovalRequest(
                version_id=db.session.scalar(select(ApprovalFlowVersion.id).limit(1)),
                exclusive_group="t",
                object_type=table,
                object_id=merged if table == "customer" else order.id,
                object_version_no=1,
                title="合同甲",
                submitter_id=world.employees["ann"],
                submitter_user_id=world.users["ann"],
                status=RequestStatus.running,
                facts_hash="0" * 64,
                content_hash="0" * 64,
            )
        )
    sign_in(client, "hana")
    answer = merge(client, kept, merged)
    assert answer.status_code == 409
    assert "正在审批中" in answer.text
    assert held(app, lambda: db.session.get(Customer, merged).merged_into_id) is None


def test_what_was_merged_comes_back_by_taking_the_merge_back_alone(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    sign_in(client, "hana")
    merge(client, *twins)
    client.post("/customer/restore", data={"ids": [twins[1]]})
    assert held(app, lambda: db.session.get(Customer, twins[1])) is None


def test_contacts_are_found_compared_and_merged_as_customers_are(
    app: Flask, world: World, client: Any, twins: tuple[int, int]
):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        old = Contact(customer_id=twins[0], name="赵一", title="经理", phone="13912345678")
        new = Contact(
            customer_id=twins[0], name="赵一（经理）", phone="139-1234-5678", email="zhao@example.com"
        )
        same = Contact(customer_id=twins[0], name="赵一")
        db.session.add_all([old, new, same])
        db.session.flush()
        talk = Interaction(customer_id=twins[0], contact_id=new.id, occurred_at=now(), channel="call")
        talk.owner_id, talk.org_unit_id = world.employees["ann"], world.unit_of("ann")
        db.session.add(talk)
        kept, merged, third = old.id, new.id, same.id
    sign_in(client, "hana")
    phones = client.get("/duplicates/contact/").text
    assert "手机相同" in phones
    assert f"/duplicates/contact/merge/{kept}/{merged}" in phones
    names = client.get("/duplicates/contact/?by=customer_id-name").text
    assert f"/duplicates/contact/merge/{kept}/{third}" in names
    assert f"/duplicates/contact/of/{kept}" in client.get(f"/contact/show/{kept}").text
    assert f"/merge/{kept}/{merged}" in client.get(f"/duplicates/contact/of/{kept}").text
    assert "/duplicates/contact/chosen" in client.get("/contact/list/").text
    answer = client.post(f"/duplicates/contact/merge/{kept}/{merged}", data={"take:email": "merged"})
    assert answer.location.endswith(f"/contact/show/{kept}")

    def standing() -> Any:
        one = db.session.get(Contact, kept)
        return one.email, db.session.scalar(select(Interaction.contact_id)), db.session.get(Contact, merged)

    email, talked_with, gone = held(app, standing)
    assert email is not None
    assert (talked_with, gone) == (kept, None)
    assert client.get(f"/contact/show/{merged}").location.endswith(f"/contact/show/{kept}")
    client.post("/contact/restore", data={"ids": [merged]})
    assert held(app, standing)[2] is None  # only the merge itself is taken back
    done = held(app, lambda: db.session.scalar(select(RecordMerge)))
    assert client.post(f"/duplicates/contact/undo/{done.id}").status_code == 303
    email, talked_with, back = held(app, standing)
    assert (email, talked_with, back is not None) == (None, merged, True)
    seller = sign_in(app.test_client(), "ann")
    assert seller.get("/duplicates/contact/").status_code == 403
    assert "/duplicates/" not in seller.get(f"/contact/show/{kept}").text
