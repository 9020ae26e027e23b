"""Lists people work in: filters built and read back, deep pages, cells typed where they stand, the bin, the way along a list."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from sqlalchemy import insert, select, update

from app.columns import now
from app.extensions import db, transaction
from app.models import Contact, Customer, DocumentKind, Lookup, SalesDocument
from app.services import access, bulk, keyset, searching
from tests.views.test_budgets import statements
from tests.world import World, sign_in


def fill(app: Flask, world: World, count: int, owner: str = "ann") -> list[int]:
    """So many customers of somebody's, by name 甲0000 and so on, the index of the search left out."""
    owned = {"owner_id": world.employees[owner], "org_unit_id": world.unit_of(owner)}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        last = db.session.scalar(select(db.func.coalesce(db.func.max(Customer.id), 0)))
        rows = [{"name": f"甲{number:05}", **owned} for number in range(count)]
        db.session.execute(insert(Customer), rows)
        return list(db.session.scalars(select(Customer.id).where(Customer.id > last).order_by(Customer.id)))


def set_all(app: Flask, ids: list[int], **values: Any) -> None:
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        told = bulk.ChangeSet("customer", 0)
        bulk.write(update(Customer).where(Customer.id.in_(ids)).values(**values), told=told)


def names(page: str) -> list[str]:
    return re.findall(r'<th class="key" scope="row"[^>]*><a [^>]*>([^<]+)</a>', page)


def link(page: str, words: str) -> str:
    found = re.search(rf'<a href="([^"]+)"[^>]*>\s*{words}\s*</a>', page)
    assert found, words
    return unescape(found[1])


# ---- filters -----------------------------------------------------------------------------------------------


def test_a_filter_is_built_line_by_line_and_becomes_an_address(app: Flask, world: World, client: Any):
    ids = fill(app, world, 3)
    set_all(app, ids[:1], grade="A", remark="x")
    sign_in(client, "ann")
    form = client.get("/customer/filter?sort=name&has.name=甲").text
    assert 'name="v.r-0" type="text"' in " ".join(re.sub(r"\s+", " ", form).split()) or "v.r-0" in form
    draft = {"kept": "sort=name", "g.r": "all", "f.r-0": "name", "o.r-0": "has", "v.r-0": "甲"}
    more = client.get("/customer/filter", query_string={**draft, "act": "group:r"}).text
    assert 'name="g.r-1"' in more
    nested = {
        "g.r-1": "any",
        "f.r-1-0": "grade",
        "o.r-1-0": "none",
        "f.r-1-1": "remark",
        "o.r-1-1": "has",
        "v.r-1-1": "x",
    }
    said = client.get("/customer/filter", query_string={**draft, **nested}).text
    assert "客户名称 包含 甲 且 （等级 为空 或 备注 包含 x）" in said
    gone = client.get("/customer/filter", query_string={**draft, **nested, "act": "drop:r-1-0"}).text
    assert "客户名称 包含 甲 且 （备注 包含 x）" in gone
    answer = client.get("/customer/filter", query_string={**draft, **nested, "act": "apply"})
    assert answer.status_code == 302
    args = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert args == {
        "sort": ["name"],
        "has.name": ["甲"],
        "where": ['[grade] is missing or contains([remark], "x")'],
    }
    page = client.get(answer.headers["Location"]).text
    assert names(page) == ["甲00000", "甲00001", "甲00002"]
    assert page.count('class="chip"') == 2


def test_each_chip_takes_one_condition_away(app: Flask, world: World, client: Any):
    fill(app, world, 2)
    sign_in(client, "ann")
    where = (
        "([grade] is missing or [is_key]) and not ([remark] is missing) and [last_order_on] < today - 30 days"
    )
    page = client.get(
        "/customer/list/", query_string={"where": where, "has.name": "甲", "sort": "-name"}
    ).text
    removing = [unescape(url) for url in re.findall(r'class="chip">[^<]*<a href="([^"]+)"', page)]
    assert len(removing) == 4
    without = [parse_qs(urlsplit(url).query) for url in removing]
    assert "has.name" not in without[0]
    assert without[2]["where"] == [
        "([grade] is missing or [is_key] = true) and [last_order_on] < [today] - 30 days"
    ]
    assert all(args["sort"] == ["-name"] for args in without)
    assert link(page, "清空") == "/customer/list/?sort=-name"


def test_what_is_wrong_in_a_filter_is_said_and_nothing_typed_is_lost(world: World, client: Any):
    sign_in(client, "ann")
    draft = {
        "kept": "",
        "g.r": "all",
        "f.r-0": "last_order_on",
        "o.r-0": "from",
        "v.r-0": "昨天前后",
        "act": "apply",
    }
    page = client.get("/customer/filter", query_string=draft).text
    assert "应写成 2026-01-31" in page
    assert "昨天前后" in page
    assert client.get("/customer/filter", query_string={**draft, "f.r-0": "password"}).status_code == 200
    many = {f"f.r-{number}": "name" for number in range(60)}
    assert client.get("/customer/filter", query_string={"kept": "", **many}).status_code == 400


def test_a_field_one_may_not_see_is_neither_offered_nor_asked_for_through_any_door(world: World, client: Any):
    sign_in(client, "ina")
    assert "credit_limit" not in client.get("/customer/filter").text
    for path in ("/customer/list/", "/api/v1/customer/", "/customer/count", "/customer/filter"):
        for args in (
            {"where": "[credit_limit] > 5元"},
            {"from.credit_limit": "5"},
            {"filter[credit_limit][from]": "5"},
        ):
            if "filter[credit_limit][from]" in args and not path.startswith("/api"):
                continue
            if "from.credit_limit" in args and path.startswith("/api"):
                continue
            assert client.get(path, query_string=args).status_code == 400, (path, args)
    sign_in(client, "ann")
    assert "credit_limit" in client.get("/customer/filter").text


def test_programs_filter_with_the_same_language(app: Flask, world: World, client: Any):
    ids = fill(app, world, 4)
    set_all(app, ids[:2], is_key=True)
    sign_in(client, "ann")
    found = client.get(
        "/api/v1/customer/", query_string={"where": "[is_key] and not ([name] = '甲00001')"}
    ).json
    assert [row["name"] for row in found["result"]] == ["甲00000"]
    assert client.get("/api/v1/customer/?where=[is_key] and").status_code == 400


# ---- order and pages ---------------------------------------------------------------------------------------


def test_a_list_is_sorted_by_several_columns(app: Flask, world: World, client: Any):
    fill(app, world, 4)
    sign_in(client, "ann")
    page = client.get("/customer/list/?sort=last_order_on&sort=-name&sort=").text
    assert names(page) == ["甲00003", "甲00002", "甲00001", "甲00000"]
    assert page.count('aria-sort="descending"') == 1
    assert '<option value="-name" selected' in " ".join(page.split())


def test_a_deep_page_costs_what_the_first_costs_and_turns_both_ways(app: Flask, world: World, client: Any):
    ids = fill(app, world, 1_300)
    set_all(app, ids[::3], grade="A")
    sign_in(client, "ann")
    client.get("/customer/list/?size=100&sort=name")
    url, seen, costs = "/customer/list/?size=100&sort=name", [], []
    for _page in range(13):
        with statements(app) as asked:
            page = client.get(url).text
        costs.append(len(asked))
        seen += names(page)
        if len(seen) < 1_300:
            url = link(page, "下一页")
    assert seen == [f"甲{number:05}" for number in range(1_300)]
    assert set(costs) == {costs[0]}
    assert "after=" in url
    with statements(app) as asked:
        client.get(url)
    assert [one for one in asked if "customer.name >=" in one]
    back = link(client.get(url).text, "上一页")
    assert "before=" in back
    assert names(client.get(back).text) == [f"甲{number:05}" for number in range(1_100, 1_200)]
    assert "第 1,101" in client.get(back).text or "第 1101" in client.get(back).text


def test_the_next_page_begins_at_its_key_and_walks_no_row_before_it(app: Flask, world: World, client: Any):
    fill(app, world, 60)
    sign_in(client, "ann")
    after = keyset.word((), keyset.Key((), 40))
    with statements(app) as asked:
        assert len(names(client.get(f"/customer/list/?page=2&after={after}").text)) == 25
    (keys,) = [one for one in asked if one.startswith("SELECT customer.id \n")]
    # One "or" beside the bound, and SQLite reads from the newest on.
    assert re.search(r"WHERE customer\.id < \S+ AND", keys), keys


def test_programs_walk_a_list_by_key_whatever_it_is_sorted_by(app: Flask, world: World, client: Any):
    ids = fill(app, world, 30)
    set_all(app, ids[::2], last_order_on=None)
    sign_in(client, "ann")
    for sort in ("", "name", "-name", "last_order_on,-name", "-last_order_on"):
        walked: list[int] = []
        cursor = ""
        for _page in range(5):
            asked = {"limit": 7, "sort": sort, "cursor": cursor}
            found = client.get("/api/v1/customer/", query_string=asked).json
            walked += found["ids"]
            cursor = found["next"] or ""
        assert cursor == ""
        whole = client.get("/api/v1/customer/", query_string={"limit": 200, "sort": sort}).json["ids"]
        assert walked == whole, sort
    for bad in ("zz", "W10", "WzEsMl0", keyset.word((), keyset.Key((), 2**31 + 5))):
        assert client.get("/api/v1/customer/", query_string={"cursor": bad}).status_code == 400


def test_a_capped_count_is_counted_exactly_when_asked(
    app: Flask, world: World, client: Any, monkeypatch: Any
):
    monkeypatch.setattr("app.services.records.MOST_COUNTED", 50)
    fill(app, world, 60)
    sign_in(client, "ann")
    page = client.get("/customer/list/?has.name=甲").text
    exact = re.search(r'hx-get="(/customer/count[^"]*)"', page)
    assert exact
    assert client.get(unescape(exact[1])).text == "60"


def test_what_a_search_finds_is_counted_as_it_is_found_and_taken_whole_however_much_it_is(
    app: Flask, world: World, client: Any, monkeypatch: Any
):
    monkeypatch.setattr("app.services.records.MOST_FOUND", 50)
    fill(app, world, 60)
    with app.app_context(), access.acting(access.SYSTEM):
        searching.complete()
    sign_in(client, "ann")
    said = {
        "1": "第 1–25 条，共 50 以上 条",
        "2": "第 26–50 条，共 50 以上 条",
        "3": "第 51–60 条，共 50 以上 条",
    }
    for page, text in said.items():
        assert text in client.get(f"/customer/list/?q=甲&page={page}").text
    first = client.get("/customer/list/?q=甲").text
    exact = re.search(r'hx-get="(/customer/count[^"]*)"', first)
    assert exact
    assert client.get(unescape(exact[1])).text == "60"
    assert "选择全部符合条件的记录" in first
    few = client.get("/customer/list/?q=甲&size=200").text
    assert "选择全部符合条件的记录" not in few


# ---- along a list ------------------------------------------------------------------------------------------


def test_a_record_leads_to_its_neighbours_in_the_list_one_came_from(app: Flask, world: World, client: Any):
    ids = fill(app, world, 5)
    sign_in(client, "ann")
    came = {"Referer": "http://localhost/customer/list/?sort=-name&has.name=甲"}
    page = client.get(f"/customer/show/{ids[2]}", headers=came).text
    following = re.search(r'<a href="([^"]+)" data-key="j">', page)
    before = re.search(r'<a href="([^"]+)" data-key="k">', page)
    assert following
    assert before
    assert following[1].startswith(f"/customer/show/{ids[1]}?")
    assert before[1].startswith(f"/customer/show/{ids[3]}?")
    assert "/customer/list/?has.name=%E7%94%B2&amp;sort=-name" in page
    last = client.get(f"/customer/show/{ids[0]}?list=sort%3D-name").text
    assert 'data-key="j"' not in last
    assert 'data-key="k"' in last
    assert 'data-key="j"' not in client.get(f"/customer/show/{ids[2]}").text
    assert client.get(f"/customer/show/{ids[2]}?list=where%3D%5Bnothing%5D").status_code == 200


# ---- cells -------------------------------------------------------------------------------------------------


def test_a_cell_is_typed_where_it_stands_and_nobody_elses_change_is_lost(
    app: Flask, world: World, client: Any
):
    (id_,) = fill(app, world, 1)
    sign_in(client, "ann")
    assert "cell-edit" not in client.get("/customer/list/").text
    page = client.get("/customer/list/?edit=1&cols=name,is_key,remark,status").text
    assert page.count('class="cell-edit"') == 2
    form = client.get(f"/customer/cell/{id_}/remark").text
    version = re.search(r'name="version_no"\s+value="(\d+)"', form)
    assert version
    saved = client.post(f"/customer/cell/{id_}/remark", data={"remark": "需回访", "version_no": version[1]})
    assert saved.status_code == 200
    assert "需回访" in saved.text
    stale = client.post(f"/customer/cell/{id_}/remark", data={"remark": "别的", "version_no": version[1]})
    assert stale.status_code == 409
    assert "现值：需回访" in stale.text
    assert "别的" in stale.text
    wrong = client.post(f"/customer/cell/{id_}/established_on", data={"established_on": "昨天"})
    assert wrong.status_code == 422
    assert "昨天" in wrong.text
    for name in ("status", "phone", "grade", "nothing"):
        assert client.post(f"/customer/cell/{id_}/{name}", data={name: "x"}).status_code == 400, name
    sign_in(client, "ina")
    assert client.post(f"/customer/cell/{id_}/remark", data={"remark": "y"}).status_code == 403


def test_a_value_is_typed_on_the_page_of_its_record_by_who_may_edit_it(app: Flask, world: World, client: Any):
    (id_,) = fill(app, world, 1)
    sign_in(client, "ann")
    page = client.get(f"/customer/show/{id_}").text
    assert f'hx-get="/customer/cell/{id_}/remark"' in page
    assert f"/customer/cell/{id_}/status" not in page
    assert f"/customer/cell/{id_}/phone" not in page
    sign_in(client, "ina")
    assert "cell-edit" not in client.get(f"/customer/show/{id_}").text


# ---- the bin -----------------------------------------------------------------------------------------------


def test_what_was_deleted_lies_in_the_bin_and_comes_back_by_who_may_delete(
    app: Flask, world: World, client: Any
):
    ids = fill(app, world, 2)
    sign_in(client, "hana")
    assert client.post(f"/customer/delete/{ids[0]}").status_code == 302
    assert names(client.get("/customer/list/").text) == ["甲00001"]
    assert "/customer/bin" in client.get("/customer/list/").text
    page = client.get("/customer/bin").text
    assert "甲00000" in page
    assert "甲00001" not in page
    sign_in(client, "ann")
    assert "/customer/bin" not in client.get("/customer/list/").text
    assert client.get("/customer/bin").status_code == 403
    assert client.post("/customer/restore", data={"ids": [str(ids[0])]}).status_code == 403
    sign_in(client, "hana")
    assert client.post("/customer/restore", data={"ids": [str(ids[0]), str(ids[1])]}).status_code == 303
    assert "成功 1 条，被拒绝 1 条" in client.get("/customer/bin").text
    assert sorted(names(client.get("/customer/list/").text)) == ["甲00000", "甲00001"]


def test_programs_bring_back_what_was_deleted(app: Flask, world: World, client: Any):
    ids = fill(app, world, 1)
    sign_in(client, "hana")
    assert client.delete(f"/api/v1/customer/{ids[0]}").status_code == 200
    assert client.get(f"/api/v1/customer/{ids[0]}").status_code == 404
    sign_in(client, "ann")
    assert client.post(f"/api/v1/customer/{ids[0]}/restore").status_code == 403
    sign_in(client, "hana")
    assert client.post(f"/api/v1/customer/{ids[0]}/restore").json["result"]["name"] == "甲00000"
    assert client.get(f"/api/v1/customer/{ids[0]}").status_code == 200
    assert client.post(f"/api/v1/customer/{ids[0]}/restore").status_code == 404


# ---- everything --------------------------------------------------------------------------------------------


def test_the_search_finds_records_screens_and_acts_by_the_same_tokens(app: Flask, world: World, client: Any):
    fill(app, world, 1)
    with app.app_context(), access.acting(access.SYSTEM):
        searching.complete()
        with transaction():
            db.session.add(Lookup(category="region", code="zz", name_zh="甲地", name_en="Place"))
    sign_in(client, "ann")
    assert "甲00000" in client.get("/search?q=甲0").text
    page = client.get("/search?q=客户").text
    assert 'href="/customer/list/"' in page.partition("found-list")[2]
    assert 'href="/customer/add"' in page
    assert 'href="/contract/list/"' in client.get("/search?q=ht").text
    assert 'href="/customer/add"' in client.get("/search?q=custom").text
    sign_in(client, "leo")
    assert 'href="/customer/add"' not in client.get("/search?q=客户").text


def test_namesakes_are_told_apart_by_the_customer_they_belong_to(app: Flask, world: World, client: Any):
    ids = fill(app, world, 2)
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.add_all(Contact(customer_id=id_, name="苏静姝") for id_ in ids)
    sign_in(client, "ann")
    found = client.get("/search?q=苏静姝").text
    assert found.count(">苏静姝</a>") == 2
    assert '<span class="cell2">甲00000</span>' in found
    assert '<span class="cell2">甲00001</span>' in found


def test_a_record_whose_first_cell_is_empty_is_opened_by_its_name(app: Flask, world: World, client: Any):
    ids = fill(app, world, 1)
    sign_in(client, "ann")
    page = client.get("/customer/list/?cols=code,remark").text
    assert "甲00000" in names(page)
    assert "-" not in names(page)
    assert f'href="/customer/show/{ids[0]}">甲00000</a>' in page


def test_codes_in_a_filter_are_said_by_their_names(world: World, client: Any):
    sign_in(client, "ada")
    chips = client.get("/info_item/list/?in.object_type=customer,contact").text
    assert "客户、联系人" in chips
    nested = '[object_type] = "customer" or [object_type] is missing'
    page = client.get("/info_item/list/", query_string={"where": nested}).text
    assert "对象类型 为 customer" not in page
    assert "customer</span>" not in page


# ---- groups ------------------------------------------------------------------------------------------------


def test_a_list_is_counted_and_added_up_by_a_field_and_each_group_leads_to_its_records(
    app: Flask, world: World, client: Any
):
    ids = fill(app, world, 5)
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        for place, id_ in enumerate(ids):
            row = db.session.get_one(Customer, id_)
            row.is_key, row.grade = place < 2, "QUALITY" if place < 3 else None
            owned = {"owner_id": row.owner_id, "org_unit_id": row.org_unit_id}
            order = SalesDocument(
                no=f"D{place}",
                kind=DocumentKind.order,
                customer_id=id_,
                ordered_at=now(),
                total=Decimal("10.50"),
                **owned,
            )
            db.session.add(order)
    sign_in(client, "hana")
    page = " ".join(client.get("/customer/list/?group=grade").text.split())
    assert "共 2 组" in page
    assert re.search(r'href="/customer/list/\?in\.grade=QUALITY"[^>]*>[^<]+</a></th> ?<td[^>]*>3</td>', page)
    assert re.search(r'href="/customer/list/\?none\.grade=1"[^>]*>（空）</a></th> ?<td[^>]*>2</td>', page)
    page = client.get("/customer/list/?group=is_key&in.grade=QUALITY").text
    assert "in.grade=QUALITY&amp;is.is_key=1" in page
    owner = " ".join(client.get("/customer/list/?group=owner_id").text.split())
    assert f"in.owner_id={world.employees['ann']}" in owner
    assert "林安" in owner
    assert client.get("/customer/list/?group=name").status_code == 400
    assert client.get("/customer/list/?group=nothing").status_code == 400
    orders = " ".join(client.get("/order/list/?group=kind").text.split())
    assert "in.kind=order" in orders
    assert "52.50" in orders
    sign_in(client, "dan")
    assert "QUALITY" not in client.get("/customer/list/?group=grade").text
