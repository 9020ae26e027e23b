"""A field added without code: on form, page, list, filter, export, import, API and log, with the rights of any field."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import event, select

from app.extensions import db, transaction
from app.models import AuditLog, Customer, CustomerInfo, ExtraIndex, ImportMode, InfoItem, Lookup
from app.services import access, imports, keyset, records
from app.services.fields import field_named
from app.workflows import importing
from tests.world import PASSWORD, World, sign_in

FIELDS: tuple[dict[str, str], ...] = (
    {
        "key": "colour",
        "data_type": "choice",
        "label_zh": "颜色",
        "choices": "红 | Red\n绿 | Green",
        "shown_in_list": "1",
    },
    {"key": "area", "data_type": "number", "label_zh": "种植面积"},
    {"key": "turnover", "data_type": "money", "label_zh": "年营业额", "keeps_history": "1"},
    {"key": "since", "data_type": "date", "label_zh": "合作起始"},
    {"key": "note", "data_type": "text", "label_zh": "特别说明"},
    {"key": "organic", "data_type": "flag", "label_zh": "有机认证"},
)


@pytest.fixture
def fields(app: Flask, world: World) -> dict[str, int]:
    """Six fields an administrator added to customers on the screen; the ids of the choices of the first."""
    admin = sign_in(app.test_client(), "ada")
    for number, field in enumerate(FIELDS):
        form = {"object_type": "customer", "label_en": field["key"], "category": "operating", "active": "1"}
        answer = admin.post("/info_item/add", data={**form, "position": str(number), **field})
        assert answer.status_code == 302, answer.text
    with app.app_context():
        rows = db.session.scalars(select(Lookup).where(Lookup.category == "customer.colour"))
        return {row.name_zh: row.id for row in rows}


def typed(fields: dict[str, int], **values: str) -> dict[str, str]:
    return {
        "name": "甲公司",
        "extra.colour": str(fields["红"]),
        "extra.area": "12.5",
        "extra.turnover": "120万",
        "extra.since": "2020-03-01",
        "extra.note": "靠近港口",
        "extra.organic": "1",
        **values,
    }


def held(app: Flask, read: Any) -> Any:
    with app.app_context(), access.acting(access.SYSTEM):
        found = read()
        db.session.remove()
        return found


@pytest.mark.req("B-21")
def test_a_field_added_on_the_screen_is_on_form_page_list_and_log_at_once(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    sign_in(client, "ann")
    form = client.get("/customer/add").text
    assert 'name="extra.area"' in form
    assert "经营信息" in form
    assert client.post("/customer/add", data=typed(fields)).status_code == 302
    page = client.get("/customer/show/1").text
    for text in ("红", "12.5", "1,200,000.00", "2020-03-01", "靠近港口"):
        assert text in page
    listed = client.get("/customer/list/").text
    assert 'data-c="extra.colour"' in listed
    assert ">红<" in listed.replace(" ", "").replace("\n", "")
    assert client.post("/customer/edit/1", data={"name": "甲公司", "extra.area": "13"}).status_code == 302
    log = client.get("/customer/show/1?tab=log").text
    assert "种植面积" in log
    assert "12.5" in log
    with app.app_context(), access.acting(world.principal("ann")):
        found = db.session.get(Customer, 1)
        assert found is not None
        assert found.extra["turnover"] == "1200000"  # what the form did not hold stays
        db.session.remove()
    assert "客户：颜色" in sign_in(app.test_client(), "ada").get("/lookup/list/?has.category=colour").text


def test_what_is_no_value_of_the_field_is_said_at_its_field(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    sign_in(client, "ann")
    wrong = {
        "extra.area": "很大",
        "extra.since": "2020-02-30",
        "extra.colour": "999999",
        "extra.unknown": "x",
    }
    answer = client.post("/customer/add", data=typed(fields, **wrong))
    assert answer.status_code == 422
    for text in ("种植面积应为数字", "日历上没有", "颜色：所选的记录不存在"):
        assert text in answer.text


def test_lists_are_filtered_and_sorted_by_added_fields(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    sign_in(client, "ann")
    for number, area in enumerate(("5", "12.5", "40")):
        sent = typed(
            fields, name=f"客户{number}", **{"extra.area": area, "extra.since": f"202{number}-01-01"}
        )
        if number == 2:
            sent |= {"extra.colour": str(fields["绿"]), "extra.note": ""}
            sent.pop("extra.organic")
        assert client.post("/customer/add", data=sent).status_code == 302
    asked = {
        "from.extra.area=12.5": {1, 2},
        f"in.extra.colour={fields['绿']}": {2},
        "from.extra.since=2021-01-01": {1, 2},
        "has.extra.note=港口": {0, 1},
        "is.extra.organic=1": {0, 1},
        "none.extra.note=1": {2},
        "from.extra.turnover=1200001": set(),
    }
    for query, wanted in asked.items():
        answer = client.get(f"/customer/list/?{query}")
        assert answer.status_code == 200, query
        assert {n for n in range(3) if f"客户{n}" in answer.text} == wanted, query
    order = client.get("/customer/list/?sort=-extra.area").text
    assert order.index("客户2") < order.index("客户1") < order.index("客户0")
    found = client.get("/api/v1/customer/?filter[extra.area][to]=5&sort=extra.area").json
    assert [row["name"] for row in found["result"]] == ["客户0"]


HELD = {
    "area": ("5", "", "12.5", "40", "", "12.5", "1"),
    "turnover": ("3万", "", "2", "1亿", "", "2", "0"),
    "since": ("2024-05-01", "", "2020-01-01", "2025-12-31", "", "2020-01-01", "1999-01-01"),
    "note": ("b", "", "a", "d", "", "a", "c"),
    "colour": ("红", "", "绿", "绿", "", "红", "红"),
    "organic": ("1", "", "1", "", "", "1", "1"),
}


def test_a_list_in_the_order_of_an_added_field_turns_its_pages_both_ways(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    with app.app_context(), access.acting(world.principal("ann")):
        with transaction():
            for number in range(7):
                values = {f"extra.{name}": texts[number] for name, texts in HELD.items()}
                sent = {name: str(fields.get(text, text)) for name, text in values.items()}
                records.create(Customer, {"name": f"客户{number}", **sent})
        for name, down in itertools.product(HELD, (False, True)):
            sort = ((field_named(Customer, f"extra.{name}"), down),)
            query = records.Query(Customer, sort=sort, size=2)
            wanted = in_order(f"extra.{name}", down=down)

            assert [id_ for page in range(1, 5) for id_ in ids(replace(query, page=page))] == wanted, name
            for row in db.session.scalars(select(Customer)):
                at, key = wanted.index(row.id), keyset.of(sort, row)
                after = ids(replace(query, start=keyset.Start(key)))
                before = ids(replace(query, start=keyset.Start(key, back=True)))
                assert (before, after) == (wanted[max(0, at - 2) : at], wanted[at + 1 : at + 3]), name


@pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # plans of PostgreSQL follow the number of rows
def test_what_is_asked_of_an_added_field_is_found_by_its_index(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    with app.app_context(), access.acting(world.principal("ann")):
        plans: list[str] = []

        def note(_connection: Any, cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
            steps = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)
            plans.append(" / ".join(step[3] for step in steps))

        area = field_named(Customer, "extra.area")
        low = records.condition(Customer, "extra.area", "from", "12.5")
        event.listen(db.engine, "before_cursor_execute", note)
        ids(records.Query(Customer, sort=((area, True),)))
        ids(records.Query(Customer, conditions=(low,)))
        event.remove(db.engine, "before_cursor_execute", note)
        sorted_by = "SEARCH extra_index_1 USING INDEX ix_extra_index_int (info_item_id=? AND int_key>?)"
        found_by = "SEARCH extra_index USING INDEX ix_extra_index_int (info_item_id=? AND int_key>?)"
        assert any(plan.startswith(sorted_by) for plan in plans)
        assert any(found_by in plan for plan in plans)


def in_order(name: str, *, down: bool) -> list[int]:
    """The customers in the order of a field, those without a value last."""
    rows = db.session.scalars(select(Customer)).all()
    filled = [row for row in rows if getattr(row, name) is not None]
    ordered = sorted(filled, key=lambda row: (getattr(row, name), row.id), reverse=down)
    empty = sorted((row for row in rows if row not in filled), key=lambda row: row.id, reverse=down)
    return [row.id for row in (*ordered, *empty)]


def ids(query: records.Query) -> list[int]:
    return [row.id for row in records.page_of(query).rows]


def test_the_api_reads_and_writes_them_and_the_mirror_follows(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    sign_in(client, "ann")
    made = client.post("/api/v1/customer/", json={"name": "甲", "extra.area": "7", "extra.turnover": "100.5"})
    assert made.status_code == 201, made.text
    assert made.json["result"]["extra.area"] == "7"
    assert (
        client.put("/api/v1/customer/1", json={"extra.area": None, "extra.turnover": "200"}).status_code
        == 200
    )
    assert client.get("/api/v1/customer/1").json["result"]["extra.area"] is None
    described = {field["name"] for field in client.get("/api/v1/customer/_info").json["fields"]}
    assert {f"extra.{field['key']}" for field in FIELDS} <= described
    assert "extra.turnover" in client.get("/openapi.json").text
    rows = held(app, lambda: db.session.scalars(select(ExtraIndex.int_key)).all())
    assert rows == [2_000_000]
    history = held(
        app, lambda: db.session.scalars(select(CustomerInfo.value).order_by(CustomerInfo.id)).all()
    )
    assert history == ["100.5", "200"]
    changes = held(
        app,
        lambda: [
            line.changes for line in db.session.scalars(select(AuditLog)) if line.object_type == "customer"
        ],
    )
    assert changes[-1]["extra.turnover"] == ["100.5", "200"]


def test_an_export_holds_them_and_an_import_fills_them_and_can_be_undone(
    app: Flask, world: World, client: Any, fields: dict[str, int], tmp_path: Path
):
    book = openpyxl.Workbook()
    book.active.append(["客户名称", "颜色", "种植面积", "合作起始", "年营业额"])
    book.active.append(["甲", "绿", 3.5, "2021-05-06", "12.34"])
    book.active.append(["乙", "蓝", 1, "2021-05-06", "1"])
    source = tmp_path / "客户.xlsx"
    book.save(source)
    asked = imports.Order(resource="customer", path=source, file_name=source.name, mode=ImportMode.create)
    with app.app_context(), access.acting(world.principal("ann")):
        run = imports.stage(asked)
        counts = importing.write(run)
        assert (counts.created, counts.refused) == (1, 1)
        (made,) = db.session.scalars(select(Customer))
        assert made.extra == {
            "colour": str(fields["绿"]),
            "area": "3.5",
            "since": "2021-05-06",
            "turnover": "12.34",
        }
        db.session.remove()
    sign_in(client, "ann")
    assert "甲" in client.get(f"/customer/list/?in.extra.colour={fields['绿']}").text
    client.post("/account/confirm", data={"password": PASSWORD})
    answer = client.post(
        "/customer/export?cols=name,extra.colour,extra.area,extra.turnover",
        data={"form": "xlsx"},
        follow_redirects=True,
    )
    head, row = openpyxl.load_workbook(io.BytesIO(answer.data), read_only=True).active.values
    taken = dict(zip(head, row, strict=True))
    assert (taken["颜色"], taken["种植面积"], taken["年营业额"]) == ("绿", 3.5, 12.34)
    with app.app_context(), access.acting(world.principal("ann")):
        imports.undo(run)
        db.session.remove()
    assert held(app, lambda: db.session.scalars(select(ExtraIndex.id)).all()) == []


def test_fields_for_one_role_and_confidential_ones_are_hidden_behind_every_door(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        items = {item.key: item for item in db.session.scalars(select(InfoItem))}
        items["note"].sensitivity = "confidential"
        leo = world.principal("leo")
        items["area"].read_role_id = next(iter(leo.role_ids))
        items["since"].edit_role_id = next(iter(leo.role_ids))
    sign_in(client, "bob")
    assert client.post("/customer/add", data={"name": "甲", "extra.turnover": "5"}).status_code == 302
    form = client.get("/customer/add").text
    for name in ("note", "area", "since"):
        assert f'name="extra.{name}"' not in form
    assert 'name="extra.turnover"' in form
    body = client.get("/api/v1/customer/1").json["result"]
    assert {"extra.note", "extra.area"}.isdisjoint(body)
    assert "extra.since" in body
    assert client.put("/api/v1/customer/1", json={"extra.since": "2021-01-01"}).status_code == 422
    assert client.get("/customer/list/?from.extra.area=1").status_code == 400
    assert client.get("/customer/list/?cols=extra.area").status_code == 400


def test_stages_freshness_and_dated_values_are_those_of_a_customers_file(client: Any, world: World):
    sign_in(client, "ada")
    form = {"key": "size", "data_type": "text", "label_zh": "尺码", "label_en": "Size", "category": "basic"}
    for said in ({"keeps_history": "1"}, {"fresh_days": "30"}):
        refused = client.post("/info_item/add", data={**form, "object_type": "contact", **said})
        assert refused.status_code == 422
        assert "只有客户档案" in refused.text
    assert client.post("/info_item/add", data={**form, "object_type": "contact"}).status_code == 302


def test_a_definition_that_is_not_whole_is_refused_and_what_it_says_for_ever_stays(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    admin = sign_in(client, "ada")
    base = {"object_type": "customer", "label_zh": "甲", "label_en": "a", "category": "other"}
    for wrong in (
        {"key": "Größe", "data_type": "text"},
        {"key": "x", "data_type": "choice"},
        {"key": "x", "data_type": "relation"},
        {"key": "x", "data_type": "text", "object_type": "lookup"},
        {"key": "area", "data_type": "text"},
    ):
        assert admin.post("/info_item/add", data={**base, **wrong}).status_code == 422, wrong
    colour = held(app, lambda: db.session.scalars(select(InfoItem.id).where(InfoItem.key == "colour")).one())
    assert admin.post(f"/info_item/edit/{colour}", data={"data_type": "text"}).status_code == 422
    assert sign_in(app.test_client(), "ann").get("/info_item/add").status_code == 403
    assert (
        admin.post(f"/info_item/edit/{colour}", data={"choices": "绿 | Green\n蓝 | Blue"}).status_code == 302
    )
    rows = held(
        app,
        lambda: {
            r.name_zh: r.active
            for r in db.session.scalars(select(Lookup).where(Lookup.category == "customer.colour"))
        },
    )
    assert rows == {"红": False, "绿": True, "蓝": True}
    assert admin.post(f"/info_item/delete/{colour}").status_code == 302
    assert "extra.colour" not in sign_in(app.test_client(), "ann").get("/customer/add").text


def test_fields_are_shown_and_demanded_by_condition_and_worked_out_by_formula(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    admin = sign_in(app.test_client(), "ada")
    base = {"object_type": "customer", "category": "operating", "active": "1", "label_en": "x"}
    for field in (
        {"key": "plan", "data_type": "text", "label_zh": "大客户计划", "required_if": "is_key = true"},
        {"key": "herd", "data_type": "number", "label_zh": "牲畜数", "visible_if": "is_key = true"},
        {"key": "double", "data_type": "computed", "label_zh": "两倍面积", "formula": "extra.area * 2"},
    ):
        answer = admin.post("/info_item/add", data={**base, **field})
        assert answer.status_code == 302, answer.text
    for wrong in (
        {"data_type": "computed", "formula": "name"},
        {"data_type": "text", "visible_if": "no_such_field = 1"},
        {"data_type": "text", "required_if": "is_key +"},
    ):
        assert (
            admin.post("/info_item/add", data={**base, "key": "w", "label_zh": "错", **wrong}).status_code
            == 422
        )
    sign_in(client, "ann")
    refused = client.post("/customer/add", data={"name": "甲", "is_key": "1"})
    assert refused.status_code == 422
    assert "请填写大客户计划" in refused.text
    assert (
        client.post("/customer/add", data={"name": "甲", "extra.area": "2.5", "extra.herd": "3"}).status_code
        == 302
    )
    row = client.get("/api/v1/customer/1").json["result"]
    assert row["extra.double"] == "5"
    assert "extra.herd" not in row
    assert "牲畜数" not in client.get("/customer/show/1").text
    assert client.put("/api/v1/customer/1", json={"extra.double": "9"}).status_code == 422
    assert client.put("/api/v1/customer/1", json={"extra.area": "4"}).json["result"]["extra.double"] == "8"
    assert "甲" in client.get("/customer/list/?from.extra.double=8").text


def test_several_choices_are_made_shown_filtered_sent_and_taken_out_by_their_names(
    app: Flask, world: World, client: Any, fields: dict[str, int], tmp_path: Path
):
    admin = sign_in(app.test_client(), "ada")
    field = {
        "key": "crops",
        "data_type": "choices",
        "label_zh": "作物",
        "choices": "玉米 | Maize\n水稻 | Rice\n棉花 | Cotton",
    }
    base = {"object_type": "customer", "category": "demand", "active": "1", "label_en": "Crops"}
    assert admin.post("/info_item/add", data={**base, **field, "choices": ""}).status_code == 422
    assert admin.post("/info_item/add", data={**base, **field, "shown_in_list": "1"}).status_code == 302
    sign_in(client, "ann")
    several = {"name": "甲", "extra.crops": ["003", "001"]}
    assert client.post("/customer/add", data=several).status_code == 302
    assert client.post("/api/v1/customer/", json={"name": "乙", "extra.crops": ["rice"]}).status_code == 201
    refused = client.post("/api/v1/customer/", json={"name": "丁", "extra.crops": ["甘蔗"]})
    assert refused.status_code == 422
    assert "可选：玉米、水稻、棉花" in refused.text
    assert client.get("/api/v1/customer/1").json["result"]["extra.crops"] == ["001", "003"]
    for page in ("/customer/show/1", "/customer/list/"):
        assert "玉米、棉花" in client.get(page).text
    listed = client.get("/customer/list/?has.extra.crops=003").text
    assert "甲" in listed
    assert "乙" not in listed
    assert "作物 包含 棉花" in listed.replace("\n", " ")
    untouched = client.post("/customer/edit/1", data={"name": "甲", "_has_extra.crops": "1"})
    assert untouched.status_code == 302
    assert client.get("/api/v1/customer/1").json["result"]["extra.crops"] is None
    book = openpyxl.Workbook()
    book.active.append(["客户名称", "作物"])
    book.active.append(["丙", "水稻、Cotton"])
    book.active.append(["戊", "甘蔗"])
    book.save(tmp_path / "c.xlsx")
    asked = imports.Order(
        resource="customer", path=tmp_path / "c.xlsx", file_name="c.xlsx", mode=ImportMode.create
    )
    with app.app_context(), access.acting(world.principal("ann")):
        counts = importing.write(imports.stage(asked))
        db.session.remove()
    assert (counts.created, counts.refused) == (1, 1)
    client.post("/account/confirm", data={"password": PASSWORD})
    answer = client.post(
        "/customer/export?cols=name,extra.crops", data={"form": "xlsx"}, follow_redirects=True
    )
    rows = openpyxl.load_workbook(io.BytesIO(answer.data), read_only=True).active.values
    assert ("丙", "水稻、棉花") in set(rows)


def test_a_file_attached_for_a_field_is_its_value_in_its_newest_version(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    admin = sign_in(app.test_client(), "ada")
    field = {"key": "chart", "data_type": "file", "label_zh": "架构图", "label_en": "Chart"}
    base = {"object_type": "customer", "category": "operating", "active": "1"}
    assert admin.post("/info_item/add", data={**base, **field}).status_code == 302
    sign_in(client, "ann")
    assert client.post("/customer/add", data={"name": "甲"}).status_code == 302

    def attach(name: str, **said: str) -> Any:
        data = {"doc_type": "extra.chart", "file": (io.BytesIO(b"%PDF-1.4 x"), name), **said}
        return client.post("/attachment/add/customer/1", data=data)

    def value() -> Any:
        return client.get("/api/v1/customer/1").json["result"]["extra.chart"]

    attach("secret.pdf", is_confidential="1")
    assert value() is None  # the field is read by all who read the customer
    attach("first.pdf")
    first = value()
    attach("second.pdf")
    page = client.get("/customer/show/1").text
    assert "second.pdf" in page
    assert f"/attachment/{value()}" in page
    files = client.get("/customer/show/1?tab=files").text
    assert "架构图" in files
    assert "first.pdf" in files  # as the former version
    assert "甲" in client.get("/customer/list/?some.extra.chart=1").text
    assert "甲" not in client.get("/customer/list/?none.extra.chart=1").text
    assert client.put("/api/v1/customer/1", json={"extra.chart": first}).status_code == 422
    assert client.post(f"/attachment/{value()}/remove").status_code == 303
    assert value() == first
    assert client.post(f"/attachment/{first}/remove").status_code == 303
    assert value() is None


def test_a_form_takes_the_file_of_a_field_and_keeps_nothing_where_the_file_is_refused(
    app: Flask, world: World, client: Any
):
    admin = sign_in(app.test_client(), "ada")
    field = {"key": "chart", "data_type": "file", "label_zh": "架构图", "label_en": "Chart", "required": "1"}
    base = {"object_type": "customer", "category": "operating", "active": "1"}
    assert admin.post("/info_item/add", data={**base, **field}).status_code == 302
    sign_in(client, "ann")

    def send(path: str, name: str, file: str = "", body: bytes = b"%PDF-1.4 x") -> Any:
        chosen = {"extra.chart": (io.BytesIO(body), file)} if file else {}
        return client.post(path, data={"name": name, **chosen})

    form = client.get("/customer/add").text
    assert 'enctype="multipart/form-data"' in form
    assert re.search(r'<input type="file"[^>]*name="extra.chart"[^>]*required', form)
    assert send("/customer/add", "甲").status_code == 422  # what is demanded is missing
    refused = send("/customer/add", "甲", "run.exe", b"MZ")
    assert refused.status_code == 422
    assert "请重新选择文件" in refused.text
    assert "甲" not in client.get("/customer/list/").text
    page = send("/customer/add", "甲", "first.pdf").location
    form = page.replace("show", "edit")
    assert "first.pdf" in client.get(form).text
    assert send(form, "甲公司", "second.pdf").status_code == 302
    assert send(form, "甲二").status_code == 302  # the file stays as it is
    shown = client.get(page).text
    assert "甲二" in shown
    assert "second.pdf" in shown
    assert "first.pdf" in client.get(f"{page}?tab=files").text  # as the former version


def test_a_form_says_while_one_types_what_is_shown_and_demanded_and_takes_it(
    app: Flask, world: World, client: Any, fields: dict[str, int]
):
    admin = sign_in(app.test_client(), "ada")
    base = {"object_type": "customer", "category": "operating", "active": "1", "label_en": "x"}
    for field in (
        {"key": "plan", "data_type": "text", "label_zh": "大客户计划", "required_if": "is_key = true"},
        {"key": "herd", "data_type": "number", "label_zh": "牲畜数", "visible_if": "is_key = true"},
    ):
        assert admin.post("/info_item/add", data={**base, **field}).status_code == 302
    sign_in(client, "ann")
    form = " ".join(client.get("/customer/add").text.split())
    assert 'data-reacts="/customer/reacts"' in form
    assert 'data-hangs="extra.herd" hidden' in form
    asked = client.post("/customer/reacts", data={"name": "甲", "_has_is_key": "1"}).json
    assert asked == {
        "extra.herd": {"shown": False, "needed": False},
        "extra.plan": {"shown": True, "needed": False},
    }
    asked = client.post("/customer/reacts", data={"name": "甲", "is_key": "1"}).json
    assert asked["extra.herd"]["shown"]
    assert asked["extra.plan"]["needed"]
    client.post("/customer/add", data={"name": "甲"})
    assert client.post("/customer/edit/1", data={"extra.herd": "3"}).status_code == 422
    both = {"is_key": "1", "extra.herd": "3", "extra.plan": "有"}
    assert client.post("/customer/reacts?pk=1", data={}).json["extra.herd"] == {
        "shown": False,
        "needed": False,
    }
    assert client.post("/customer/edit/1", data=both).status_code == 302
    assert client.get("/api/v1/customer/1").json["result"]["extra.herd"] == "3"
    sign_in(client, "dan")
    assert client.post("/customer/reacts?pk=1", data={}).status_code == 404
