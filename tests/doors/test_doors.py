"""Every door, every reach, every relation, every record type: nobody sees or touches a row outside his reach.

The matrix is generated from the registered record types. A cell is one door asked about one record by one person; the
control of each is his own record, which must come through. The last tests take the policy of one model off, and a door
past it, and see the matrix turn red.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from app.columns import Rows, now
from app.extensions import db, transaction
from app.models import (
    Admission,
    Attachment,
    CommercialTerm,
    Contact,
    Contract,
    Customer,
    ImportRun,
    Job,
    Notice,
    NoticeKind,
    SalesDocument,
    ServiceCase,
    Task,
    Visit,
)
from app.roles import Act, Reach
from app.services import access, attachments, records
from app.services.fields import fields_of, resource_of
from app.views import RECORD_TYPES
from app.views.home import SEARCHED
from tests.world import World, give_everything, sign_in

OWNERS = ("ann", "bob", "cat", "dan")
"""In relation to Ann: herself, her team, her department, somebody foreign."""
REACHED = {
    Reach.own: {"ann"},
    Reach.team: {"ann", "bob"},
    Reach.unit: {"ann", "bob", "cat"},
    Reach.all: {"ann", "bob", "cat", "dan"},
}
MADE: dict[type[Any], Callable[[str, dict[str, Any], int], dict[str, Any]]] = {
    Contact: lambda mark, _owned, customer: {"name": mark, "customer_id": customer, "phone": "13800000000"},
    Contract: lambda mark, owned, customer: {"title": mark, "customer_id": customer, **owned},
    SalesDocument: lambda mark, owned, customer: {"no": mark, "customer_id": customer, **owned},
    Admission: lambda mark, owned, customer: {"no": mark, "customer_id": customer, **owned},
    CommercialTerm: lambda mark, owned, customer: {
        "no": mark,
        "amount": 1,
        "valid_from": now().date(),
        "valid_to": now().date(),
        "customer_id": customer,
        **owned,
    },
    Visit: lambda mark, owned, customer: {
        "place": mark,
        "planned_on": now().date(),
        "customer_id": customer,
        **owned,
    },
    ServiceCase: lambda mark, owned, customer: {"subject": mark, "customer_id": customer, **owned},
    Task: lambda mark, owned, customer: {"title": mark, "customer_id": customer, **owned},
}
TYPES = (Customer, *MADE)


def test_every_owned_record_type_is_in_the_matrix():
    guarded = {model for model in RECORD_TYPES if model.__rows__ in {Rows.owned, Rows.follows}}
    covered = {*TYPES, *(model for model in guarded if getattr(model, "__part__", False))}
    assert {model.__name__ for model in guarded - covered} <= {"CustomerClassification"}


def mark_of(model: type[Any], owner: str) -> str:
    return f"MARK-{resource_of(model)}-{owner}"


def make_records(world: World) -> dict[type[Any], dict[str, int]]:
    """One record of each type for each owner: type → owner → id."""
    ids: dict[type[Any], dict[str, int]] = {model: {} for model in TYPES}
    with access.acting(access.SYSTEM), transaction():
        for owner in OWNERS:
            owned = {"owner_id": world.employees[owner], "org_unit_id": world.unit_of(owner)}
            customer = Customer(name=mark_of(Customer, owner), phone="13800000000", **owned)
            db.session.add(customer)
            db.session.flush()
            ids[Customer][owner] = customer.id
            for model, values in MADE.items():
                row = model(**values(mark_of(model, owner), owned, customer.id))
                db.session.add(row)
                db.session.flush()
                ids[model][owner] = row.id
            for model in TYPES:
                keep_file(model.__tablename__, ids[model][owner])
    db.session.remove()
    return ids


def keep_file(table: str, id_: int) -> None:
    """A file of this record, in its place in the folder."""
    file = Attachment(
        object_type=table,
        object_id=id_,
        doc_type="other",
        file_name=f"{table}-{id_}.txt",
        size=1,
        sha256="0" * 64,
        media_type="text/plain",
    )
    db.session.add(file)
    db.session.flush()
    path = attachments.folder.path(file.uid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


class Doors:
    """The doors of one record type, as one signed-in person finds them; each says whose records came through."""

    def __init__(self, client: Any, model: type[Any], ids: dict[str, int]) -> None:
        self.client = client
        self.model = model
        self.resource = resource_of(model)
        self.ids = ids
        self.owner_of = {id_: owner for owner, id_ in ids.items()}

    def all(self) -> Iterator[tuple[str, set[str]]]:
        for name in (
            "list",
            "picker",
            "rest_list",
            "rest_filter",
            "rest_sort",
            "rest_rison",
            "export",
            "count",
            *(("search",) if any(field.info.search for field in fields_of(self.model)) else ()),
        ):
            yield name, getattr(self, f"by_{name}")()
        for name in ("page", "log", "form", "rest_get", "attachment"):
            yield name, {owner for owner, id_ in self.ids.items() if getattr(self, f"by_{name}")(id_)}
        for name in ("save", "rest_put", "reveal", "bulk", "rest_delete", "delete"):
            yield name, {owner for owner, id_ in self.ids.items() if getattr(self, f"by_{name}")(id_)}

    def _owners(self, ids: Any) -> set[str]:
        return {self.owner_of[int(id_)] for id_ in ids if int(id_) in self.owner_of}

    def _marks(self, text: str) -> set[str]:
        return set(re.findall(rf"MARK-{self.resource}-(\w+)", text))

    def by_list(self) -> set[str]:
        html = self.client.get(f"/{self.resource}/list/?size=200").text
        return self._owners(re.findall(rf"/{self.resource}/show/(\d+)", html))

    def by_count(self) -> set[str]:
        """The exact count says how many, and so whose."""
        total = int(self.client.get(f"/{self.resource}/count").text.replace(",", ""))
        return set(OWNERS[:total])

    def by_picker(self) -> set[str]:
        found = self.client.get(f"/pick/{self.resource}").json["results"]
        return self._owners(entry["value"] for entry in found)

    def by_rest_list(self) -> set[str]:
        return self._owners(self.client.get(f"/api/v1/{self.resource}/?limit=200").json["ids"])

    def by_rest_filter(self) -> set[str]:
        field = "customer_id" if self.model is not Customer else "owner_id"
        answer = self.client.get(f"/api/v1/{self.resource}/?filter[{field}][some]=1&limit=200")
        return self._owners(answer.json["ids"])

    def by_rest_sort(self) -> set[str]:
        field = (
            next(field.name for field in fields_of(self.model) if field.info.sort)
            if self.model not in {Visit, Task}
            else ""
        )
        return self._owners(self.client.get(f"/api/v1/{self.resource}/?sort={field}&limit=200").json["ids"])

    def by_rest_rison(self) -> set[str]:
        return self._owners(self.client.get(f"/api/v1/{self.resource}/?q=(page:0,page_size:100)").json["ids"])

    def by_export(self) -> set[str]:
        text = self.client.post(f"/{self.resource}/export", data={"form": "csv"}).data.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
        return self._marks("\n".join(" ".join(row) for row in rows[1:]))

    def by_search(self) -> set[str]:
        """The search over everything, where it looks in this type, and the list's own."""
        listed = self.client.get(f"/{self.resource}/list/?q=MARK-{self.resource}&size=200").text
        html = self.client.get(f"/search?q=MARK-{self.resource}").text if self.resource in SEARCHED else ""
        return self._owners(re.findall(rf"/{self.resource}/show/(\d+)", html + listed))

    def by_page(self, id_: int) -> bool:
        return bool(self.client.get(f"/{self.resource}/show/{id_}").status_code == 200)

    def by_log(self, id_: int) -> bool:
        return bool(self.client.get(f"/{self.resource}/show/{id_}?tab=log").status_code == 200)

    def by_form(self, id_: int) -> bool:
        return bool(self.client.get(f"/{self.resource}/edit/{id_}").status_code == 200)

    def by_rest_get(self, id_: int) -> bool:
        return bool(self.client.get(f"/api/v1/{self.resource}/{id_}").status_code == 200)

    def by_attachment(self, id_: int) -> bool:
        with self.client.application.app_context(), access.acting(access.SYSTEM):
            mine = (Attachment.object_type == self.model.__tablename__) & (Attachment.object_id == id_)
            file = db.session.scalars(select(Attachment.id).where(mine)).one()
            db.session.remove()
        answer = self.client.get(f"/attachment/{file}")
        answer.close()
        return bool(answer.status_code == 200)

    def by_save(self, id_: int) -> bool:
        return bool(self.client.post(f"/{self.resource}/edit/{id_}", data={}).status_code == 302)

    def by_rest_put(self, id_: int) -> bool:
        return bool(self.client.put(f"/api/v1/{self.resource}/{id_}", json={}).status_code == 200)

    def by_reveal(self, id_: int) -> bool:
        sealed = [field for field in fields_of(self.model) if field.sealed]
        if not sealed:
            return self.by_page(id_)
        answer = self.client.post(f"/{self.resource}/reveal/{id_}/phone")
        return bool(answer.status_code == 200 and answer.text == "13800000000")

    def by_bulk(self, id_: int) -> bool:
        self.client.post(f"/{self.resource}/bulk", data={"act": "delete", "ids": [str(id_)]})
        return self._restore(id_)

    def by_delete(self, id_: int) -> bool:
        self.client.post(f"/{self.resource}/delete/{id_}")
        return self._restore(id_)

    def by_rest_delete(self, id_: int) -> bool:
        self.client.delete(f"/api/v1/{self.resource}/{id_}")
        return self._restore(id_)

    def _restore(self, id_: int) -> bool:
        """Whether the record is gone; it is put back for the next door."""
        with self.client.application.app_context(), access.acting(access.SYSTEM):
            with transaction():
                row = db.session.scalars(
                    select(self.model).where(self.model.id == id_).execution_options(with_deleted=True)
                ).one()
                was_deleted = row.deleted_at is not None
                row.deleted_at = row.deleted_by_id = None
            db.session.remove()
        return was_deleted


def matrix(client: Any, ids: dict[type[Any], dict[str, int]], reach: Reach) -> tuple[int, list[str]]:
    """How many cells were asked, and those that are not as they must be."""
    cells, wrong = 0, []
    for model in TYPES:
        doors = Doors(client, model, ids[model])
        for door, through in doors.all():
            cells += len(OWNERS)
            if "ann" not in through:
                wrong.append(f"{doors.resource} by {door}: her own record does not come through")
            if through != REACHED[reach]:
                wrong.append(
                    f"{doors.resource} by {door}: {sorted(through)} instead of {sorted(REACHED[reach])}"
                )
    return cells, wrong


@pytest.mark.parametrize(
    ("database", "reach"),
    [*(("sqlite", reach) for reach in Reach), ("postgresql", Reach.team), ("postgresql", Reach.unit)],
    indirect=["database"],
)
def test_no_row_outside_the_reach_comes_through_any_door(app: Any, world: World, client: Any, reach: Reach):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", reach)
    cells, wrong = matrix(sign_in(client, "ann"), ids, reach)
    print(f"{cells} cells asked with reach {reach}")
    assert wrong == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("model", TYPES)
def test_the_matrix_turns_red_when_the_policy_of_one_model_is_off(
    app: Any, world: World, client: Any, model: type[Any], monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    policy = access.policy
    monkeypatch.setattr(access, "policy", lambda asked, who: None if asked is model else policy(asked, who))
    doors = Doors(sign_in(client, "ann"), model, ids[model])
    assert doors.by_list() == set(OWNERS)
    assert doors.by_rest_get(ids[model]["dan"])


WAYS = {
    "page_of": ("list", "count", "rest_list", "rest_filter", "rest_sort", "rest_rison"),
    "every": ("export",),
    "pick": ("picker",),
    "find": ("page", "log", "rest_get", "attachment", "reveal"),
}
"""What the doors go through, and which doors those are."""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("way", "door"), [(way, door) for way, doors in WAYS.items() for door in doors])
def test_the_matrix_turns_red_when_one_door_goes_past_the_policy(
    app: Any, world: World, client: Any, way: str, door: str, monkeypatch: pytest.MonkeyPatch
):
    with app.app_context():
        ids = make_records(world)
        give_everything(world, "ann", Reach.own)
    kept = getattr(records, way)

    def past(*arguments: Any, **named: Any) -> Any:
        with access.acting(access.SYSTEM):
            found = kept(*arguments, **named)
            return list(found) if way == "every" else found

    monkeypatch.setattr(records, way, past)
    doors = Doors(sign_in(client, "ann"), Customer, ids[Customer])
    ask = getattr(doors, f"by_{door}")
    through = {owner for owner, id_ in ids[Customer].items() if ask(id_)} if way == "find" else ask()
    assert through == set(OWNERS)


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
    for path in ("/", "/notices"):
        assert re.findall(r"MARK-notice-(\w+)", client.get(path).text) == ["ann"]
    client.post("/notices/read")
    with app.app_context(), access.acting(access.SYSTEM):
        unread = db.session.scalars(select(Notice.text_en).where(Notice.read_at.is_(None))).all()
    assert unread == ["MARK-notice-bob"]


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
        with pytest.raises(access.NoPrincipal):
            db.session.scalars(select(Customer)).all()
