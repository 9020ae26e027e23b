"""Records seen through other records, and reports over many: tabs, titles of related records, descriptions, figures.

Everybody has a record at Ann's customer, and Ann has one at everybody's customer. What is not hers to read stands in
no tab, no count, no title of a relation and no figure; what is, does.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from app.extensions import company, db, transaction
from app.models import (
    CaseStatus,
    Contract,
    ContractStatus,
    Customer,
    Lifecycle,
    ServiceCase,
    Visit,
    VisitStatus,
)
from app.roles import Reach
from app.services import access
from app.services.fields import resource_of
from app.views import customers
from tests.doors.matrix import OWNED, OWNERS, REACHED, TYPES, Doors, make_crossed, make_records, mark_of
from tests.world import World, give_everything, sign_in

TABS = tuple(model for model in OWNED if model in customers.CustomerView.tabs_of)
Cells = dict[str, set[str]]
"""Door → whose records come through it."""


# ---- related records ---------------------------------------------------------------------------------------


def at_her_customer(client: Any, model: type[Any], hers: int, rows: dict[str, int]) -> Cells:
    """Whose records come through the doors that show what belongs to Ann's customer."""
    resource = resource_of(model)
    doors = Doors(client, model, rows)
    page = client.get(f"/customer/show/{hers}?tab={resource}&size=200").text
    listed = client.get(f"/{resource}/list/?in.customer_id={hers}&size=200").text
    rest = client.get(f"/api/v1/{resource}/?filter[customer_id]={hers}&limit=200").json
    rison = client.get(f"/api/v1/{resource}/?q=(filters:!((col:customer_id,opr:rel_o_m,value:{hers})))").json
    exact = int(client.get(f"/{resource}/count?in.customer_id={hers}").text)
    tab = re.compile(rf'tab={resource}"[^>]*>[^<]*<span class="cnt[^>]*>(\d+)')
    counted = tab.findall(client.get(f"/customer/show/{hers}?tab={resource}").text)
    return {
        "tab": doors._linked(page),
        "list": doors._linked(listed),
        "rest": doors._owners(rest["ids"]),
        "rest count": nth(rest["count"]),
        "rison": doors._owners(rison["ids"]),
        "count": nth(exact),
        "tab count": nth(int(counted[0]) if counted else -1),
    }


def nth(rows: int) -> set[str]:
    """Whose a number of rows is: besides what everybody has there, two of Ann's own are counted."""
    return set(OWNERS[: rows - 2]) if rows > 1 else {f"{rows} rows"}


def through_a_relation(client: Any, model: type[Any], rows: dict[str, int]) -> Cells:
    """Whose customers are named where Ann's own records point to them."""
    resource = resource_of(model)
    many = client.get(f"/{resource}/list/?size=200").text
    rest = client.get(f"/api/v1/{resource}/?limit=200").text
    taken = client.post(f"/{resource}/export", data={"form": "csv"}).data.decode("utf-8-sig")
    ones = {"page": "/{r}/show/{id}", "rest": "/api/v1/{r}/{id}"}
    found = {
        name: {
            owner
            for owner, id_ in rows.items()
            if named(owner, client.get(path.format(r=resource, id=id_)).text)
        }
        for name, path in ones.items()
    }
    wholes = {"list": many, "rest list": rest, "export": taken}
    return found | {name: {owner for owner in OWNERS if named(owner, text)} for name, text in wholes.items()}


def named(owner: str, text: str) -> bool:
    return mark_of(Customer, owner) in text


@pytest.mark.parametrize(
    ("database", "reach"),
    [*(("sqlite", reach) for reach in Reach), ("postgresql", Reach.team)],
    indirect=["database"],
)
def test_related_records_stop_at_the_reach(app: Any, world: World, client: Any, reach: Reach):
    with app.app_context():
        ids = make_records(world)
        at_hers, of_hers = make_crossed(world, ids)
        give_everything(world, "ann", reach)
    sign_in(client, "ann")
    cells, wrong = 0, []
    for model in TABS if reach is Reach.own else TABS[::3]:
        found = at_her_customer(client, model, ids[Customer]["ann"], at_hers[model])
        found |= {
            f"{name} of a relation": owners
            for name, owners in through_a_relation(client, model, of_hers[model]).items()
        }
        cells += len(found) * len(OWNERS)
        wrong += [
            f"{resource_of(model)} by {name}: {owners}"
            for name, owners in found.items()
            if owners != REACHED[reach]
        ]
    print(f"{cells} nested cells asked with reach {reach}")
    assert wrong == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nested_doors_turn_red_past_the_policy(
    app: Any, world: World, client: Any, monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        at_hers, of_hers = make_crossed(world, ids)
        give_everything(world, "ann", Reach.own)
    sign_in(client, "ann")
    hers = ids[Customer]["ann"]
    monkeypatch.setattr(access, "_known", {})  # his policy is kept as long as nothing about him changes
    monkeypatch.setattr(access, "policy", lambda _model, _who: None)
    found = at_her_customer(client, Visit, hers, at_hers[Visit]) | through_a_relation(
        client, Visit, of_hers[Visit]
    )
    assert {name: owners for name, owners in found.items() if owners != set(OWNERS)} == {}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_descriptions_list_fields_and_no_rows(app: Any, world: World, client: Any):
    with app.app_context():
        make_records(world)
        give_everything(world, "ann", Reach.all)
    sign_in(client, "ann")
    for model in TYPES:
        for asked in ("", "?q=(keys:!(add_columns,edit_columns,filters,permissions))"):
            told = client.get(f"/api/v1/{resource_of(model)}/_info{asked}")
            assert told.json["resource"] == resource_of(model) and told.json["fields"]
            assert "MARK" not in told.text
    told = client.get("/openapi.json")
    assert "/customer/" in told.json["paths"] and "MARK" not in told.text


# ---- reports -----------------------------------------------------------------------------------------------

STANDING: dict[type[Any], dict[str, Any]] = {
    Customer: {"status": Lifecycle.active},
    Contract: {"status": ContractStatus.effective, "expires_on": company.today},
    Visit: {"status": VisitStatus.done, "planned_on": company.today},
    ServiceCase: {"status": CaseStatus.received},
}
"""How records stand that figures count."""


def let_stand() -> None:
    with access.acting(access.SYSTEM), transaction():
        for model, values in STANDING.items():
            settled = {name: value() if callable(value) else value for name, value in values.items()}
            db.session.execute(sa.update(model).values(**settled))
    db.session.remove()


def figures(html: str) -> dict[str, int]:
    """Address → number, as a page's figures show them."""
    found = re.findall(r'<a[^>]*href="([^"]+)"[^>]*>(.*?)</a>', html, re.DOTALL)
    numbers = [(url.replace("&amp;", "&"), inner.strip().replace(",", "")) for url, inner in found]
    return {url: int(inner) for url, inner in numbers if inner.isdecimal()}


def reported(client: Any, hers: int) -> dict[str, int]:
    """The figures of the desk and of Ann's customer, by what they count."""
    desk, file = figures(client.get("/").text), figures(client.get(f"/customer/show/{hers}").text)
    asked = {
        "desk customers": (desk, r"^/customer/list/\?in\.status=active"),
        "desk complaints": (desk, r"^/complaint/list/"),
        "desk contracts": (desk, r"^/contract/list/"),
        "file visits": (file, r"\?tab=visit$"),
        "file complaints": (file, r"\?tab=complaint$"),
        "file contracts": (file, r"\?tab=contract$"),
    }
    return {
        name: next((number for url, number in shown.items() if re.search(wanted, url)), -1)
        for name, (shown, wanted) in asked.items()
    }


def due_in_reports(reach: Reach) -> dict[str, int]:
    """Everybody has one record of each type, one at Ann's customer, and Ann one at everybody's."""
    many = len(REACHED[reach])
    of_all = 2 * many + len(OWNERS)
    return {
        "desk customers": many,
        "desk complaints": of_all,
        "desk contracts": of_all,
        "file visits": many + 2,
        "file complaints": many + 2,
        "file contracts": many + 2,
    }


@pytest.mark.parametrize(
    ("database", "reach"), [*(("sqlite", reach) for reach in Reach)], indirect=["database"]
)
def test_figures_count_what_the_reader_may_read(
    app: Any, world: World, client: Any, reach: Reach, monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        make_crossed(world, ids)
        let_stand()
        give_everything(world, "ann", reach)
    sign_in(client, "ann")
    hers = ids[Customer]["ann"]
    assert reported(client, hers) == due_in_reports(reach)
    if reach is Reach.own:
        monkeypatch.setattr(access, "_known", {})  # his policy is kept as long as nothing about him changes
        monkeypatch.setattr(access, "policy", lambda _model, _who: None)
        assert reported(client, hers) == due_in_reports(Reach.all)
