"""What stands beside the matrix: nobody signed in, children of foreign customers, personal rows, rights of routes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.columns import Rows
from app.extensions import db, transaction
from app.models import Contact, Customer, ImportRun, Job, Notice, NoticeKind
from app.roles import Act, Reach
from app.services import access
from app.services.fields import resource_of
from tests.doors.matrix import TYPES, make_records
from tests.world import World, give_everything, sign_in


def test_nobody_is_refused_at_every_door(app: Any, world: World, client: Any):
    with app.app_context():
        ids = make_records(world)
    for model in TYPES:
        resource = resource_of(model)
        assert client.get(f"/{resource}/list/").status_code == 303
        assert client.get(f"/api/v1/{resource}/{ids[model]['ann']}").status_code == 401
        assert client.get(f"/pick/{resource}").status_code == 303


def test_a_child_cannot_be_hung_on_a_customer_out_of_reach(app: Any, world: World, client: Any):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    sign_in(client, "ann")
    foreign = {"name": "x", "customer_id": ids[Customer]["dan"]}
    assert client.post("/api/v1/contact/", json=foreign).status_code == 422
    assert client.post("/contact/add", data=foreign).status_code == 422
    moved = {"customer_id": ids[Customer]["dan"]}
    assert client.put(f"/api/v1/contact/{ids[Contact]['ann']}", json=moved).status_code == 422
    own = {"name": "x", "customer_id": ids[Customer]["ann"]}
    assert client.post("/api/v1/contact/", json=own).status_code == 201


def test_a_record_cannot_be_given_to_somebody_out_of_reach_nor_taken(app: Any, world: World, client: Any):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    sign_in(client, "ann")
    away = {"owner_id": world.employees["dan"]}
    assert client.put(f"/api/v1/customer/{ids[Customer]['ann']}", json=away).status_code == 403


def test_what_is_personal_comes_through_to_its_person_alone(app: Any, world: World, client: Any):
    with app.app_context():
        with access.acting(access.SYSTEM), transaction():
            for person in ("ann", "bob"):
                mine = world.employees[person]
                words = f"MARK-notice-{person}"
                db.session.add(
                    Notice(kind=NoticeKind.reminder, recipient_id=mine, text_zh=words, text_en=words)
                )
                db.session.add(
                    ImportRun(resource="customer", file_name=f"{person}.xlsx", digest="0", person_id=mine)
                )
                db.session.add(Job(kind=f"job-{person}", person_id=mine))
        db.session.remove()
        give_everything(world, "ann", Reach.unit)
        with access.acting(world.principal("ann")):
            assert db.session.scalars(select(ImportRun.file_name)).all() == ["ann.xlsx"]
            assert db.session.scalars(select(Job.kind)).all() == ["job-ann"]
    sign_in(client, "ann")
    assert "bob.xlsx" not in client.get("/import/").text
    for model in (one.class_ for one in access.mappers() if one.class_.__rows__ is Rows.personal):
        answer = client.get(f"/pick/{resource_of(model)}")
        assert "bob" not in answer.text, model
    for path in ("/", "/notices"):
        assert re.findall(r"MARK-notice-(\w+)", client.get(path).text) == ["ann"]
    client.post("/notices/read")
    with app.app_context(), access.acting(access.SYSTEM):
        unread = db.session.scalars(select(Notice.text_en).where(Notice.read_at.is_(None))).all()
    assert unread == ["MARK-notice-bob"]


def test_nobody_makes_himself_the_stand_in_of_another(app: Any, world: World, client: Any):
    """Whatever his rights, and by the API too: only who is away says who decides for him."""
    with app.app_context():
        give_everything(world, "ann", Reach.all)
    sign_in(client, "ann")
    ann, bob, lea = (world.employees[person] for person in ("ann", "bob", "lea"))
    away = {"starts_at": "2026-01-01T00:00", "ends_at": "2099-01-01T00:00", "reason": "x"}
    address = "/api/v1/approval_standin/"
    assert client.post(address, json={**away, "principal_id": lea, "standin_id": ann}).status_code == 403
    made = client.post(address, json={**away, "principal_id": ann, "standin_id": bob})
    assert made.status_code == 201, "his own, which must come through"
    assert client.put(f"{address}{made.json['id']}", json={"principal_id": lea}).status_code == 403
    over = client.post(
        address, json={**away, "ends_at": "2026-01-02T00:00", "principal_id": ann, "standin_id": bob}
    )
    assert over.status_code == 422 and "ends_at" in over.text


def test_an_account_without_an_employee_owns_nothing(app: Any, world: World):
    with app.app_context():
        with access.acting(access.SYSTEM), transaction():
            db.session.add(Customer(name="nobody's"))
            db.session.add(ImportRun(resource="customer", file_name="x", digest="0"))
        reading = {(resource, Act.read): Reach.own for resource in ("customer", "import_run")}
        with access.acting(access.Principal(user_id=1, employee_id=None, grants=reading)):
            assert db.session.scalars(select(Customer)).all() == []
            assert db.session.scalars(select(ImportRun)).all() == []
        db.session.remove()


def test_what_is_changed_of_rights_by_any_hand_holds_with_the_next_request(
    app: Any, world: World, client: Any
):
    """Nothing tells the product: rows are written past it, as another process would."""
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.team)
    sign_in(client, "ann")
    hers, of_bob, of_dan = (f"/customer/show/{ids[Customer][name]}" for name in ("ann", "bob", "dan"))
    asked = (hers, of_bob, of_dan)
    seen = []
    changes = (
        "SELECT 1",
        "UPDATE role_grant SET reach = 'own'",
        "UPDATE role_grant SET reach = 'team'",
        f"UPDATE employee SET org_unit_id = {world.unit_of('dan')} WHERE id = {world.employees['ann']}",
        "UPDATE role_grant SET reach = 'all'",
        "DELETE FROM ab_user_role",
    )
    for change in changes:
        with app.app_context(), access.acting(access.SYSTEM), transaction():
            db.session.execute(db.text(change))
        seen.append([client.get(url).status_code for url in asked])
    assert seen == [
        [200, 200, 404],
        [200, 404, 404],
        [200, 200, 404],
        [200, 404, 200],
        [200, 200, 200],
        [403, 403, 403],
    ]


def test_every_route_says_what_right_it_asks_for(app: Any):
    silent = []
    for rule in app.url_map.iter_rules():
        handler = app.view_functions[rule.endpoint]
        if rule.endpoint != "static" and not hasattr(handler, "needs"):
            silent.append(rule.endpoint)
    assert silent == []


def test_a_statement_past_the_policy_is_refused(app: Any, world: World):
    with app.app_context():
        make_records(world)
        with access.acting(world.principal("ann")), pytest.raises(access.PolicyBypass):
            db.session.execute(select(Customer.__table__))
        with access.acting(world.principal("ann")), pytest.raises(access.PolicyBypass):
            db.session.execute(db.text("SELECT name FROM customer"))
        with access.acting(world.principal("ann")), pytest.raises(access.PolicyBypass):
            db.session.execute(db.text("SELECT c.name FROM lookup l, customer c"))
        with pytest.raises(access.NoPrincipal):
            db.session.scalars(select(Customer)).all()
