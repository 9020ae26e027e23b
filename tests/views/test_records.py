"""The generated screens: saving, refusing, two people at one record, a form sent twice."""

from __future__ import annotations

import re
from typing import Any

from app.extensions import db
from app.models import Customer
from app.roles import Reach
from app.services import access
from tests.world import World, give_everything, sign_in


def customers(app: Any) -> list[Customer]:
    with app.app_context(), access.acting(access.SYSTEM):
        return list(db.session.query(Customer).order_by(Customer.id))


def test_a_form_sent_twice_makes_one_record(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    form = {"name": "甲公司", "_cmd": "one-click"}
    assert client.post("/customer/add", data=form).status_code == 302
    again = client.post("/customer/add", data=form)
    assert again.status_code == 303
    assert again.headers["Location"].endswith("/customer/show/1")
    assert len(customers(app)) == 1


def test_a_call_sent_twice_answers_the_same(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    key = {"Idempotency-Key": "call-1"}
    first = client.post("/api/v1/customer/", json={"name": "甲公司"}, headers=key)
    second = client.post("/api/v1/customer/", json={"name": "甲公司"}, headers=key)
    assert first.status_code == 201
    assert second.json["id"] == first.json["id"]
    assert len(customers(app)) == 1


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    form = {
        "name": "乙公司",
        "credit_code": "91330000MA28XXXXX1",
        "established_on": "2026-02-30",
        "email": "nobody",
    }
    answer = client.post("/customer/add", data=form)
    assert answer.status_code == 422
    for sentence in ("统一社会信用代码", "日历上没有", "不像邮箱地址"):
        assert sentence in answer.text
    assert 'value="乙公司"' in answer.text
    assert 'value="nobody"' in answer.text
    assert customers(app) == []


def test_a_number_already_used_is_said_in_words(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    code = "91350100M000100Y43"
    assert client.post("/customer/add", data={"name": "甲", "credit_code": code}).status_code == 302
    answer = client.post("/customer/add", data={"name": "乙", "credit_code": code})
    assert answer.status_code == 422
    assert "统一社会信用代码已属于另一客户" in answer.text
    assert "UNIQUE" not in answer.text


def test_who_saves_second_sees_what_the_first_changed_and_nothing_is_overwritten(
    app: Any, world: World, client: Any
):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "甲公司", "short_name": "旧"})
    form = client.get("/customer/edit/1").text
    version = re.search(r'name="version_no"\s+value="(\d+)"', form)
    assert version is not None
    other = sign_in(app.test_client(), "lea")
    saved = other.post(
        "/customer/edit/1", data={"name": "甲公司", "short_name": "新", "version_no": version[1]}
    )
    assert saved.status_code == 302
    mine = {"name": "甲公司（改）", "short_name": "我的", "version_no": version[1]}
    answer = client.post("/customer/edit/1", data=mine)
    assert answer.status_code == 409
    for piece in ("李雅", "旧", "新", "我的"):
        assert piece in answer.text
    assert customers(app)[0].short_name == "新"
    seen = re.search(r'name="version_no"\s+value="(\d+)"', answer.text)
    assert seen is not None
    again = client.post(
        "/customer/edit/1", data={**mine, "version_no": seen[1], "_merge": "1", "_stale_fields": "short_name"}
    )
    assert again.status_code == 302
    assert (customers(app)[0].name, customers(app)[0].short_name) == ("甲公司（改）", "新")


def test_a_status_cannot_be_typed_through_any_door(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "甲公司", "status": "active", "code": "X"})
    assert client.put("/api/v1/customer/1", json={"status": "active"}).status_code == 422
    assert client.put("/api/v1/customer/1", json={"code": "C-1"}).status_code == 422
    assert customers(app)[0].status.value == "prospect"
    assert customers(app)[0].code is None


def test_wrong_arguments_of_an_address_are_refused_in_words(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    for path in (
        "list/?page=abc",
        "list/?page=0",
        "list/?sort=phone",
        "list/?sort=secret",
        "list/?has.phone=138",
        "list/?in.status=nowhere",
        "list/?from.last_order_on=2026-02-30",
        "list/?in.owner_id=x",
        "list/?last.last_order_on=x",
        "list/?is.version_no=1",
        "show/1?tab=nope",
    ):
        assert client.get(f"/customer/{path}").status_code in {400, 404}, path
    for path in (
        "?q=(",
        "?q=!(1)",
        "?limit=0",
        "?limit=9999",
        "?cursor=zz",
        "?sort=phone",
        "?filter[uid]=1",
        "?filter[phone][has]=1",
    ):
        assert client.get(f"/api/v1/customer/{path}").status_code == 400, path
    assert client.post("/api/v1/customer/", data="{", content_type="application/json").status_code == 400
    assert client.post("/api/v1/customer/", json=[1]).status_code == 400
    assert client.get("/customer/show/99999999999999999999").status_code == 404


def test_a_sealed_number_is_found_by_the_whole_number_alone_and_seen_masked(
    app: Any, world: World, client: Any
):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "甲公司", "phone": "138 1234 5678"})
    assert "1234 5678" not in client.get("/customer/show/1").text
    assert client.get("/api/v1/customer/1").json["result"]["phone"].startswith("138****")
    assert "甲公司" in client.get("/customer/list/?q=13812345678").text
    assert "甲公司" not in client.get("/customer/list/?q=1381234").text
    assert client.post("/customer/reveal/1/phone").text == "138 1234 5678"


def test_what_was_binned_is_gone_from_every_list_and_its_number_stays_taken(
    app: Any, world: World, client: Any
):
    with app.app_context():
        give_everything(world, "ann", Reach.all)
    sign_in(client, "ann")
    code = "91350100M000100Y43"
    client.post("/customer/add", data={"name": "甲公司", "credit_code": code})
    assert client.post("/customer/delete/1").status_code == 302
    assert client.get("/customer/show/1").status_code == 404
    assert client.get("/api/v1/customer/").json["ids"] == []
    answer = client.post("/customer/add", data={"name": "乙公司", "credit_code": code})
    assert answer.status_code == 422
    assert "已属于另一客户" in answer.text


def test_search_treats_wildcards_as_letters(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "百分之百"})
    client.post("/customer/add", data={"name": "100% 公司"})
    ids = client.get("/api/v1/customer/?search=%25").json["ids"]
    assert ids == [2]
