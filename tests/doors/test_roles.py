"""The roles the product ships: what a role's grants say is what the doors give, as far as they reach, and no more.

Ann holds one role after another. Asked are her own record, the farthest one within reach, and the nearest one outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import RoleGrant
from app.roles import Act, Reach
from app.services import access
from app.services.fields import fields_of, resource_of
from app.views import READ_ONLY
from tests.doors.matrix import OWNERS, THIRDS, TYPES, Doors, Grants, Ids, expected, make_records, reach_of
from tests.world import World, sign_in

DOORS = {"list", "rest_list", "export", "rest_get", "form", "rest_delete", "reveal"}
"""One door for each act and way of asking; the others are held to the same walls by the matrix."""


def shipped() -> dict[str, tuple[int, Grants]]:
    """The roles of pack `base` as they were loaded: id and grants."""
    with access.acting(access.SYSTEM):
        grants: dict[int, Grants] = {}
        for one in db.session.scalars(select(RoleGrant)):
            grants.setdefault(one.role_id, {})[one.resource, one.act] = one.reach
        names = {role.id: role.name for role in db.session.scalars(select(Role))}
    return {names[id_]: (id_, held) for id_, held in grants.items()}


def give(world: World, person: str, role_id: int) -> None:
    with access.acting(access.SYSTEM), transaction():
        db.session.get_one(User, world.users[person]).roles = [db.session.get_one(Role, role_id)]
    db.session.remove()


def asked_about(due: set[str]) -> tuple[str, ...]:
    """Ann, the farthest owner within reach, and the nearest outside."""
    inside = [owner for owner in OWNERS if owner in due][-1:]
    outside = [owner for owner in OWNERS if owner not in due][:1]
    return tuple(dict.fromkeys(["ann", *inside, *outside]))


def faults(client: Any, ids: Ids, grants: Grants, types: tuple[type[Any], ...]) -> Iterator[tuple[int, str]]:
    """For each door the number of cells, and what is wrong with them."""
    for model in types:
        doors = Doors(client, model, ids[model])
        for door in sorted(DOORS & set(doors.names())):
            due = expected(grants, model, door)
            owners = OWNERS if door in Doors.SETS else asked_about(due)
            through = doors.through(door, owners)
            said = "" if through == due & set(owners) else f"{sorted(through)} instead of {sorted(due)}"
            yield len(owners), said and f"{doors.resource} by {door}: {said}"
        for act, through_it in acts_through(client, model, ids[model]["ann"]).items():
            may = is_granted(grants, model, act)
            yield 1, "" if through_it == may else f"{doors.resource}: {act} {'kept' if may else 'given'}"


def acts_through(client: Any, model: type[Any], hers: int) -> dict[Act, bool]:
    """Which acts that are about no record yet the doors let through: creating by form and REST, and what fields show."""
    resource = resource_of(model)
    form = client.get(f"/{resource}/add").status_code == 200
    rest = client.post(f"/api/v1/{resource}/", json={"no_such_field": "1"}).status_code == 422
    found = {Act.create: form} if form == rest else {Act.create: None}
    told = client.get(f"/api/v1/{resource}/_info")
    names = {one["name"] for one in (told.json or {}).get("fields", ())}
    secret = {one.name for one in fields_of(model) if one.info.confidential}
    if told.status_code == 200 and secret:
        row = client.get(f"/api/v1/{resource}/{hers}").json["result"]
        found[Act.see_confidential] = secret <= names and secret <= set(row)
        if not found[Act.see_confidential] and secret & (names | set(row)):
            found[Act.see_confidential] = None
    return found


def is_granted(grants: Grants, model: type[Any], act: Act) -> bool:
    if act is Act.create and model.__name__ in READ_ONLY:
        return False
    return reach_of(grants, act, resource_of(model)) is not None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("part", "every"),
    [
        *((part, 3) for part in range(4)),
        *(pytest.param(part, 1, marks=pytest.mark.long) for part in range(4)),
    ],
)
def test_a_shipped_role_gives_what_its_grants_say_and_no_more(
    app: Any, world: World, client: Any, part: int, every: int
):
    """Each role is asked about a third of the types, the next role about the next third; the long run asks all."""
    with app.app_context():
        ids = make_records(world)
        roles = shipped()
    sign_in(client, "ann")
    cells, wrong = 0, []
    for number, name in enumerate(sorted(roles)[part::4]):
        role_id, grants = roles[name]
        with app.app_context():
            give(world, "ann", role_id)
        for asked, fault in faults(client, ids, grants, TYPES[number % every :: every]):
            cells += asked
            wrong += [f"{name}: {fault}"] if fault else []
    print(f"{cells} cells asked of {len(sorted(roles)[part::4])} shipped roles")
    assert wrong == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_right_narrower_than_reading_stops_at_its_own_reach(app: Any, world: World, client: Any):
    with app.app_context():
        ids = make_records(world)
        grants: Grants = {(access.EVERYTHING, act): Reach.own for act in Act} | {
            (access.EVERYTHING, Act.read): Reach.all
        }
        with access.acting(access.SYSTEM), transaction():
            role = Role(name="reads_all_does_own")
            db.session.add(role)
            db.session.flush()
            db.session.add_all(
                RoleGrant(role_id=role.id, resource=resource, act=act, reach=reach)
                for (resource, act), reach in grants.items()
            )
            role_id = role.id
        give(world, "ann", role_id)
    sign_in(client, "ann")
    wrong = []
    for model in THIRDS[0]:
        doors = Doors(client, model, ids[model])
        for door in doors.names():
            through, due = doors.through(door), expected(grants, model, door)
            if through != due:
                wrong.append(f"{doors.resource} by {door}: {sorted(through)} instead of {sorted(due)}")
    assert wrong == []
