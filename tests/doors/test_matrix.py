"""Every door, every reach, every relation, every record type: nobody sees or touches a row outside his reach.

The control of each cell is a record within reach, which must come through. The last tests take the policy of one model
off, or run one door with the rights of the house, and see the matrix turn red.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.columns import Rows
from app.models import Contact, Contract, Customer, ExportRequest
from app.roles import Reach
from app.services import access
from app.views import RECORD_TYPES
from tests.doors.matrix import OWNERS, THIRDS, TYPES, Doors, Grants, Ids, everything, expected, make_records
from tests.world import World, give_everything, sign_in


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_guarded_table_is_limited_whether_it_has_a_screen_or_not(app: Any, world: World):
    with app.app_context():
        give_everything(world, "ann", Reach.own)
        ann = world.principal("ann")
        guarded = {one.class_ for one in access.mappers() if one.class_.__rows__ in access.GUARDED}
        assert [model.__name__ for model in guarded if access.policy(model, ann) is None] == []
    with_screen = {model for model in RECORD_TYPES if model.__rows__ in access.GUARDED}
    assert {model for model in with_screen if model.__rows__ is not Rows.personal} == set(TYPES)


def ask(client: Any, ids: Ids, grants: Grants, types: tuple[type[Any], ...] = TYPES) -> tuple[int, list[str]]:
    """How many cells were asked, and those that are not as they must be."""
    cells, wrong = 0, []
    for model in sorted(types, key=lambda model: model is not ExportRequest):  # asking leaves more of these
        doors = Doors(client, model, ids[model])
        for door in doors.names():
            through, due = doors.through(door), expected(grants, model, door)
            cells += len(OWNERS)
            if through != due:
                wrong.append(f"{doors.resource} by {door}: {sorted(through)} instead of {sorted(due)}")
    return cells, wrong


@pytest.mark.parametrize(
    ("database", "reach", "types"),
    [
        ("sqlite", Reach.own, TYPES),
        ("sqlite", Reach.team, THIRDS[0]),
        ("sqlite", Reach.unit, THIRDS[1]),
        ("sqlite", Reach.all, THIRDS[2]),
        ("postgresql", Reach.team, THIRDS[1]),
        ("postgresql", Reach.unit, THIRDS[0]),
        *(
            pytest.param(backend, reach, TYPES, marks=pytest.mark.long)
            for backend in ("sqlite", "postgresql")
            for reach in Reach
        ),
    ],
    indirect=["database"],
)
def test_no_row_outside_the_reach_comes_through_any_door(
    app: Any, world: World, client: Any, reach: Reach, types: tuple[type[Any], ...]
):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", reach)
    cells, wrong = ask(sign_in(client, "ann"), ids, everything(reach), types)
    print(f"{cells} cells asked with reach {reach}")
    assert wrong == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_matrix_turns_red_when_the_policy_of_one_model_is_off(
    app: Any, world: World, client: Any, monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    sign_in(client, "ann")
    policy = access.policy
    for off in TYPES:
        doors = Doors(client, off, ids[off])
        assert (doors.through("list"), doors.through("rest_get")) == ({"ann"}, {"ann"})
        with monkeypatch.context() as patch:
            patch.setattr(access, "_known", {})  # his policy is kept as long as nothing about him changes
            patch.setattr(
                access, "policy", lambda model, who, off=off: None if model is off else policy(model, who)
            )
            assert (doors.through("list"), doors.through("rest_get")) == (set(OWNERS), set(OWNERS)), off


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("model", [Customer, Contract, Contact])
def test_the_matrix_turns_red_when_one_door_goes_past_the_policy(
    app: Any, world: World, client: Any, model: type[Any], monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    doors = Doors(sign_in(client, "ann"), model, ids[model])
    kept_shut = []
    for door in doors.names():
        assert doors.through(door) == {"ann"}, door
        with monkeypatch.context() as patch:
            take_off(app, doors.asked, patch)
            if doors.through(door) != set(OWNERS):
                kept_shut.append(door)
    assert kept_shut == []


def take_off(app: Any, asked: set[tuple[str, str]], patch: pytest.MonkeyPatch) -> None:
    """Have the views of these addresses work with the rights of the house."""
    routes = app.url_map.bind("localhost")
    for endpoint in {routes.match(path, method=method)[0] for method, path in asked}:
        patch.setitem(app.view_functions, endpoint, past_the_policy(app.view_functions[endpoint]))


def past_the_policy(view: Any) -> Any:
    def opened(*arguments: Any, **named: Any) -> Any:
        with access.acting(access.SYSTEM):
            return view(*arguments, **named)

    return opened
