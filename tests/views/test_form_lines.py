"""The lines of a record in its own form: added, changed and taken away with it, and nothing of it half written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from app import workflows
from app.extensions import db, transaction
from app.models import Customer, Plan, PlanLine
from app.services import access, records
from tests.views.test_budgets import statements
from tests.world import World, sign_in

PLAN = {"title": "三季度走访", "kind": "visit", "period_start": "2026-07-01", "period_end": "2026-09-30"}


@pytest.fixture
def customers(app: Any, world: World) -> list[int]:
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        rows = [Customer(name=f"第{n}农场", **owned) for n in range(12)]
        db.session.add_all(rows)
        db.session.flush()
        return [row.id for row in rows]


def lines(app: Any) -> list[tuple[int | None, str | None]]:
    with app.app_context(), access.acting(access.SYSTEM):
        rows = db.session.scalars(select(PlanLine).where(PlanLine.deleted_at.is_(None)).order_by(PlanLine.id))
        return [(row.customer_id, row.content) for row in rows]


def line(number: int, customer: int | str, content: str = "", **more: str) -> dict[str, str]:
    typed = {"id": "", "customer_id": str(customer), "content": content, **more}
    return {f"lines-{number}-{name}": text for name, text in typed.items()}


def held(page: str) -> dict[str, str]:
    """What the form holds of its lines, as a browser sends it back."""
    page = " ".join(page.split())
    return dict(re.findall(r'type="hidden" name="(lines[^"]+)" value="([^"]*)"', page))


def test_lines_are_added_changed_and_taken_away_in_the_form_of_their_record(
    app: Any, world: World, client: Any, customers: list[int]
):
    sign_in(client, "ann")
    assert 'data-next="0"' in client.get("/plan/add").text
    sent = {**PLAN, "lines_had": "", **line(0, customers[0], "春播"), **line(3, customers[1]), **line(4, "")}
    answer = client.post("/plan/add", data=sent)
    assert answer.status_code == 302, answer.text
    assert lines(app) == [(customers[0], "春播"), (customers[1], None)]
    form = held(client.get("/plan/edit/1").text)
    first, second = (form[f"lines-{n}-id"] for n in (0, 1))
    assert form["lines_had"] == f"{first},{second}"
    changed = {
        **PLAN,
        "lines_had": form["lines_had"],
        **line(0, customers[0], "秋收", id=first, version_no=form["lines-0-version_no"]),
        **line(2, customers[2], "新增"),
    }
    assert client.post("/plan/edit/1", data=changed).status_code == 302
    assert lines(app) == [(customers[0], "秋收"), (customers[2], "新增")]
    assert client.post("/plan/edit/1", data=PLAN).status_code == 302
    assert len(lines(app)) == 2


def test_what_is_wrong_in_a_line_stands_there_and_nothing_is_written(
    app: Any, world: World, client: Any, customers: list[int]
):
    sign_in(client, "ann")
    sent = {
        **PLAN,
        "lines_had": "",
        **line(0, customers[0], "春播"),
        **line(1, customers[1], "秋收", amount="一百"),
    }
    answer = client.post("/plan/add", data=sent)
    assert answer.status_code == 422
    page = " ".join(answer.text.split())
    assert "秋收" in page
    assert re.search(r'id="f-lines-1-amount" name="lines-1-amount"[^>]*aria-invalid="true"', page)
    assert lines(app) == []
    assert client.get("/api/v1/plan/").json["ids"] == []


def test_lines_out_of_reach_are_neither_shown_nor_written(
    app: Any, world: World, client: Any, customers: list[int]
):
    sign_in(client, "ann")
    client.post("/plan/add", data={**PLAN, "lines_had": "", **line(0, customers[0])})
    sign_in(client, "cat")
    client.post("/plan/add", data={**PLAN, "lines_had": ""})
    stolen = {**PLAN, "lines_had": "1", **line(0, customers[1], "偷", id="1")}
    assert client.post("/plan/edit/2", data=stolen).status_code == 422
    assert lines(app) == [(customers[0], None)]
    sign_in(client, "ina")
    assert client.get("/plan/edit/1").status_code in {403, 404}


def test_a_form_with_many_lines_asks_the_database_as_often_as_one_with_two(
    app: Any, world: World, client: Any, customers: list[int]
):
    sign_in(client, "ann")
    counts = []
    for number, count in enumerate((2, 12), 1):
        sent = {**PLAN, "lines_had": ""}
        for place, id_ in enumerate(customers[:count]):
            sent |= line(place, id_, "x", employee_id=str(world.employees["ann"]))
        assert client.post("/plan/add", data=sent).status_code == 302
        with statements(app) as seen:
            assert client.get(f"/plan/edit/{number}").status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_an_approval_with_many_lines_asks_the_database_as_often_as_one_with_two(
    app: Any, world: World, client: Any, customers: list[int]
):
    people = [{"role": "company_leader"}]
    flow = {
        "code": "plan_test",
        "object_type": "plan",
        "name": {"zh": "计划审批", "en": "Plan approval"},
        "steps": [{"key": "s1", "name": {"zh": "一", "en": "One"}, "people": people}],
    }
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        workflows.flows.publish(workflows.flows.add_version(flow))
    sign_in(client, "hana")
    for count in (2, 12):
        sent = {**PLAN, "kind": "sales", "target_amount": str(100 * count), "lines_had": ""}
        for place, id_ in enumerate(customers[:count]):
            sent |= line(place, id_, "x", amount="100", employee_id=str(world.employees["ann"]))
        assert client.post("/plan/add", data=sent).status_code == 302
    with app.app_context(), access.acting(world.principal("hana")), transaction():
        asked = [workflows.submit(records.find(Plan, id_)).request_id for id_ in (1, 2)]
    sign_in(client, "leo")
    counts = []
    for request, named in zip(asked, ("第1农场", "第11农场"), strict=True):
        with statements(app) as seen:
            assert named in client.get(f"/approval/show/{request}").text
        counts.append(len(seen))
    assert counts[0] == counts[1]
