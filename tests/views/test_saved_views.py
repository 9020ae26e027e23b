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


def strip(page: str) -> str:
    """The tabs of the list."""
    found = page.index('<nav class="tabs"')
    return page[found : page.index("</nav>", found)]


def test_one_keeps_a_view_at_hand_for_oneself_alone(world: World, client: Any):
    sign_in(client, "ann")
    id_ = keep(client, audience="everybody").headers["Location"].rpartition("=")[2]
    assert f"view={id_}" in strip(client.get("/customer/list/?view=0").text)
    sign_in(client, "cat")
    page = client.get("/customer/list/?view=0").text
    assert f"view={id_}" not in strip(page)
    assert f"view={id_}" in page
    assert client.post(f"/view/{id_}/pin", data={"on": "1"}).status_code == 303
    assert f"view={id_}" in strip(client.get("/customer/list/?view=0").text)
    sign_in(client, "ann")
    client.post(f"/view/{id_}/pin", data={})
    assert f"view={id_}" not in strip(client.get("/customer/list/?view=0").text)
    sign_in(client, "cat")
    assert f"view={id_}" in strip(client.get("/customer/list/?view=0").text)


def test_nobody_pins_a_view_he_is_not_offered(world: World, client: Any):
    sign_in(client, "ann")
    id_ = keep(client).headers["Location"].rpartition("=")[2]
    sign_in(client, "bob")
    assert client.post(f"/view/{id_}/pin", data={"on": "1"}).status_code == 404


def test_a_view_keeps_the_widths_of_its_columns(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "丁公司"})
    widths = "name:240,code:120,grade:9,owner_id:2000,../x:100"
    where = keep(client, query="cols=name,code", _w=widths).headers["Location"]
    assert [view.query for view in views(app)] == ["cols=name%2Ccode&w=name%3A240%2Ccode%3A120"]
    page = " ".join(client.get(where).text.split())
    assert 'data-c="name" data-w="240"' in page
    assert 'data-c="code" data-w="120"' in page


def test_an_open_view_says_that_the_list_was_changed_and_is_renamed_and_shared_by_its_maker(
    app: Any, world: World, client: Any
):
    sign_in(client, "ann")
    where = keep(client).headers["Location"]
    id_ = where.rpartition("=")[2]
    assert "已修改" not in strip(client.get(where).text)
    assert "已修改" in strip(client.get(f"{where}&size=50").text)
    assert keep(client, view=id_, name="重点客户", audience="everybody").status_code == 303
    assert [(view.name, view.audience) for view in views(app)] == [("重点客户", Audience.everybody)]
    refused = " ".join(keep(client, view=id_, name="", audience="everybody").text.split())
    assert refused.count("data-opened") == 1


def test_a_head_says_what_opens_for_a_role_and_for_everybody(app: Any, world: World, client: Any):
    with app.app_context():
        role = str(max(world.principal("ann").role_ids))
    sign_in(client, "hana")
    assert keep(client, audience="everybody", is_default="1").status_code == 303
    assert (
        keep(client, query="in.status=dormant", audience="role", role_id=role, is_default="1").status_code
        == 303
    )
    sign_in(client, "ann")
    assert "in.status=dormant" in client.get("/customer/list/").headers["Location"]
    sign_in(client, "bob")
    assert "in.status=active" in client.get("/customer/list/").headers["Location"]


def test_a_refused_view_names_the_role_that_was_chosen(app: Any, world: World, client: Any):
    sign_in(client, "ann")
    with app.app_context():
        id_ = max(world.principal("ada").role_ids)
    answer = keep(client, audience="role", role_id=str(id_))
    page = " ".join(answer.text.split())
    assert answer.status_code == 422
    assert f'<option value="{id_}" selected>{id_}</option>' not in page
    assert f'<option value="{id_}" selected>系统管理员</option>' in page
