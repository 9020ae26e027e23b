"""Lists as somebody likes them: kept under a name, shared, opened by default, and never past anybody's rights."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import Audience, SavedView
from app.services import access
from tests.world import World, sign_in

STATE = "in.status=active&sort=-name&cols=name,code"


def keep(client: Any, **more: str) -> Any:
    form = {"name": "合作中", "audience": "mine", **more}
    return client.post(f"/customer/view?{form.pop('query', STATE)}", data=form)


def views(app: Any) -> list[SavedView]:
    with app.app_context(), access.acting(access.SYSTEM):
        return list(db.session.scalars(select(SavedView)))


def test_a_list_is_kept_with_its_conditions_order_and_columns(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    answer = keep(client)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "状态 为 合作中" in page
    assert 'aria-current="page">合作中' in page.replace("\n", "")
    assert [view.query for view in views(app)] == ["cols=name%2Ccode&in.status=active&sort=-name"]


def test_a_view_of_one_person_is_nobody_elses(world: World, client: Any):
    sign_in(client, "ann")
    where = keep(client).headers["Location"]
    id_ = where.rpartition("=")[2]
    sign_in(client, "bob")
    assert "合作中</a>" not in client.get("/customer/list/").text
    assert client.post(f"/view/{id_}/remove").status_code == 404
    assert keep(client, view=id_).status_code == 404


def test_a_shared_view_is_offered_to_all_and_changed_by_its_maker_alone(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    id_ = keep(client, audience="everybody").headers["Location"].rpartition("=")[2]
    sign_in(client, "cat")
    assert f"view={id_}" in client.get("/customer/list/").text
    assert client.post(f"/view/{id_}/remove").status_code == 403
    sign_in(client, "ann")
    assert client.post(f"/view/{id_}/remove").status_code == 303
    assert views(app) == []


def test_a_view_for_a_role_needs_a_role_of_ones_own(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    assert keep(client, audience="role").status_code == 422
    with app.app_context():
        foreign, own = (max(world.principal(person).role_ids) for person in ("ada", "ann"))
    assert keep(client, audience="role", role_id=str(foreign)).status_code == 422
    assert keep(client, audience="role", role_id=str(own)).status_code == 303
    assert [view.audience for view in views(app)] == [Audience.role]


def test_a_list_opens_with_the_nearest_default_and_all_is_one_click_away(world: World, client: Any):
    sign_in(client, "ann")
    keep(client, is_default="1")
    opened = client.get("/customer/list/")
    assert opened.status_code == 302
    assert "in.status=active" in opened.headers["Location"]
    assert client.get("/customer/list/?view=0").status_code == 200


def test_what_opens_by_default_for_others_is_the_administrators_to_say(world: World, client: Any):
    sign_in(client, "ann")
    assert keep(client, audience="everybody", is_default="1").status_code == 422


@pytest.mark.parametrize(
    "query", ["in.status=nonsense", "cols=nothing", "sort=nothing", "is.password=x", "page=x"]
)
def test_a_view_of_what_the_list_does_not_offer_is_refused(app: Any, world: World, client: Any, query: str):
    sign_in(client, "ann")
    assert keep(client, query=query).status_code == 400
    assert views(app) == []


def test_what_was_typed_for_a_view_stays_when_it_is_refused(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    answer = keep(client, name="我的重点", audience="role")
    assert answer.status_code == 422
    page = " ".join(answer.text.split())
    assert 'value="我的重点"' in page
    assert "请选择您自己的一个角色" in page
    assert "data-opened" in page
    assert "状态 为 合作中" in page
    assert views(app) == []


def test_too_much_for_a_view_is_refused_not_cut(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    answer = keep(
        client, query=f"has.name={'长' * 100}&{'&'.join(f'has.remark={n:0100}' for n in range(30))}"
    )
    assert answer.status_code == 422
    assert "条件太多" in answer.text
    assert views(app) == []


@pytest.mark.parametrize("query", ["from.credit_limit=5", "where=[credit_limit] > 5元", "in.status=gone"])
def test_a_default_view_one_may_not_open_locks_nobody_out(app: Any, world: World, client: Any, query: str):
    sign_in(client, "ina")
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        view = {"resource": "customer", "query": query, "name": "额度", "owner_id": world.employees["ada"]}
        db.session.add(SavedView(**view, audience=Audience.everybody, is_default=True))
    assert client.get("/customer/list/").status_code == 200
    keep(client, is_default="1")
    assert "in.status=active" in client.get("/customer/list/").headers["Location"]


def test_the_columns_are_chosen_and_ordered_by_the_address(world: World, client: Any):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "丙公司"})
    page = client.get("/customer/list/?cols=owner_id&cols=name").text
    head = page[page.index("<thead>") : page.index("</thead>")]
    assert head.index('data-c="owner_id"') < head.index('data-c="name"')
    assert 'data-c="grade"' not in head
    assert client.get("/customer/list/?cols=nothing").status_code == 400
