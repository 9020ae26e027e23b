"""The world and the doors of the matrix: one record of every type for everybody, and every way to ask for it.

A cell is one door asked about one record by one person. Rows of a type are told apart by their owners, who stand in
four relations to Ann: herself, her team, her department, somebody foreign. Contacts and the like belong to whom the
customer belongs to. The types are those that have a screen and a row policy; their rows are made from the schema.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import Date, Enum, inspect, select
from sqlalchemy.exc import IntegrityError

from app.columns import MomentType, Rows, Scaled, now
from app.extensions import company, db, transaction
from app.models import Attachment, Customer, EvalRun
from app.roles import Act, Reach
from app.services import access, attachments
from app.services.fields import Kind, fields_of, resource_of
from app.views import READ_ONLY, RECORD_TYPES
from tests.world import PEOPLE, World

OWNERS = ("ann", "bob", "cat", "dan")
REACHED: dict[Reach | None, set[str]] = {
    None: set(),
    Reach.own: {"ann"},
    Reach.team: {"ann", "bob"},
    Reach.unit: {"ann", "bob", "cat"},
    Reach.all: {"ann", "bob", "cat", "dan"},
}
TYPES: tuple[type[Any], ...] = (
    Customer,
    *(
        model
        for model in RECORD_TYPES
        if model.__rows__ in {Rows.owned, Rows.follows} and model is not Customer
    ),
)
OF_CUSTOMERS = TYPES[1:]
THIRDS = tuple(TYPES[part::3] for part in range(3))
"""What is asked once for all types is asked for a third of them where it is asked again, for another third each time."""
OWNED = tuple(
    model for model in OF_CUSTOMERS if model.__rows__ is Rows.owned and hasattr(model, "customer_id")
)
"""The types of which somebody may have a record at somebody else's customer."""
PHONE = "13800000000"

Ids = dict[type[Any], dict[str, int]]
"""Type → owner → id."""


# ---- records -----------------------------------------------------------------------------------------------


def mark_of(model: type[Any], word: str) -> str:
    return f"MARK-{resource_of(model)}-{word}"


def named_by(model: type[Any]) -> str:
    """The field of a type that carries the mark: what its records are called by, else its first text, if it has any."""
    texts = [one.name for one in fields_of(model) if one.kind in {Kind.text, Kind.long} and not one.choices]
    called = [name for name in ("name", "title", "subject", "no") if name in texts]
    return next(iter([*called, *texts]), "")


def values_of(
    model: type[Any], mark: str, owned: dict[str, Any], customer_id: int | None, *, whole: bool = False
) -> dict[str, Any]:
    """A row of this type: its mark, its owner, its customer, and what the table asks for, or all it takes."""
    values: dict[str, Any] = {named_by(model): mark} if named_by(model) else {}
    if model.__rows__ is Rows.owned:
        values |= owned
    if any(one.sealed for one in fields_of(model)):
        values["phone"] = PHONE
    for column in inspect(model).columns:
        if column.key == "customer_id":
            values["customer_id"] = customer_id
        elif column.key not in values and (_is_typed(column) if whole else _is_asked_for(column)):
            values[column.key] = _some(column)
    return values


def _is_asked_for(column: Any) -> bool:
    return not (column.nullable or column.primary_key or column.default or column.server_default)


def _is_typed(column: Any) -> bool:
    is_amount = isinstance(column.type, Scaled)
    return _is_asked_for(column) or (
        "field" in column.info
        and column.info["field"].edit
        and not column.foreign_keys
        and (is_amount or not column.default)
    )


def _some(column: Any) -> Any:
    if column.foreign_keys:
        (key,) = column.foreign_keys
        newest = (
            select(key.column).order_by(key.column.desc()).limit(1)
        )  # a line goes to the record just made
        return db.session.execute(newest).scalar_one()
    if isinstance(column.type, Enum):
        return next(iter(column.type.enum_class or column.type.enums))
    if isinstance(column.type, Scaled):
        return Decimal(1)
    if isinstance(column.type, MomentType):
        return now()
    if isinstance(column.type, Date):
        return company.today() + timedelta(days=next(_days))
    kind = column.type.python_type
    return f"text {next(_days)}" if kind is str else kind()


_days = count()
"""No two rows have the same day or text, where a table wants each once."""


def add(model: type[Any], *about: Any) -> int:
    """A row of this type; where the least a row may hold breaks a rule of its table, one with every field filled."""
    try:
        with db.session.begin_nested():
            return _flushed(model(**values_of(model, *about)))
    except IntegrityError:
        return _flushed(model(**values_of(model, *about, whole=True)))


def _flushed(row: Any) -> int:
    db.session.add(row)
    db.session.flush()
    return int(row.id)


def make_records(world: World) -> Ids:
    """One record of each type for each owner, with a file."""
    ids: Ids = {model: {} for model in TYPES}
    with access.acting(access.SYSTEM), transaction():
        add(EvalRun, mark_of(EvalRun, "any"), {}, None)
        for owner in OWNERS:
            owned = owned_by(world, owner)
            ids[Customer][owner] = add(Customer, mark_of(Customer, owner), owned, None)
            db.session.get_one(Customer, ids[Customer][owner]).code = f"CODE-{owner}"
            for model in OF_CUSTOMERS:
                ids[model][owner] = add(model, mark_of(model, owner), owned, ids[Customer][owner])
            for model in TYPES:
                keep_file(model.__tablename__, ids[model][owner])
    db.session.remove()
    return ids


def owned_by(world: World, owner: str) -> dict[str, Any]:
    return {"owner_id": world.employees[owner], "org_unit_id": world.unit_of(owner)}


def make_crossed(world: World, ids: Ids) -> tuple[Ids, Ids]:
    """Of each owned type: everybody's record at Ann's customer, and Ann's record at everybody's customer."""
    at_hers: Ids = {model: {} for model in OWNED}
    of_hers: Ids = {model: {} for model in OWNED}
    with access.acting(access.SYSTEM), transaction():
        for model in OWNED:
            for owner in OWNERS:
                hers, theirs = ids[Customer]["ann"], ids[Customer][owner]
                of_owner, of_ann = owned_by(world, owner), owned_by(world, "ann")
                at_hers[model][owner] = add(model, mark_of(model, f"at-{owner}"), of_owner, hers)
                of_hers[model][owner] = add(model, mark_of(model, f"of-{owner}"), of_ann, theirs)
    db.session.remove()
    return at_hers, of_hers


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


# ---- doors -------------------------------------------------------------------------------------------------


@dataclass
class Doors:
    """The doors of one record type, as one signed-in person finds them: each says whose records come through.

    `asked` is what the last door was asked for (method and address), so that it can be taken off its hinges.
    """

    client: Any
    model: type[Any]
    ids: dict[str, int]
    asked: set[tuple[str, str]] = field(default_factory=set)

    SETS = (
        *(
            "list",
            "count",
            "filter",
            "picker",
            "search",
            "rest_list",
            "rest_filter",
            "rest_sort",
            "rest_rison",
        ),
        "export",
    )
    ROWS = ("page", "log", "form", "rest_get", "attachment", "reveal")
    WRITES = ("save", "cell", "rest_put", "bulk", "rest_delete", "delete")

    @property
    def resource(self) -> str:
        return resource_of(self.model)

    @property
    def is_written(self) -> bool:
        """Whether people write such records, or engines alone."""
        return self.model.__name__ not in READ_ONLY

    def names(self) -> tuple[str, ...]:
        """The doors this type has."""
        fields = fields_of(self.model)
        absent = {
            "search": not any(one.info.search for one in fields),
            "rest_sort": not any(one.info.sort for one in fields),
            "reveal": not any(one.sealed for one in fields),
            "cell": self._typed() is None,
        }
        return tuple(name for name in (*self.SETS, *self.ROWS, *self.WRITES) if not absent.get(name))

    def through(self, door: str, owners: tuple[str, ...] = OWNERS) -> set[str]:
        """Whose records come through this door."""
        self.asked.clear()
        ask: Callable[..., Any] = getattr(self, f"by_{door}")
        if door in self.SETS:
            found: set[str] = ask()
            return found & set(owners)
        return {owner for owner in owners if ask(self.ids[owner])}

    def get(self, path: str) -> Any:
        self.asked.add(("GET", path.partition("?")[0]))
        return self.client.get(path)

    def send(self, method: str, path: str, **body: Any) -> Any:
        self.asked.add((method, path.partition("?")[0]))
        return self.client.open(path, method=method, **body)

    def _answered(self, path: str) -> dict[str, Any]:
        answer = self.get(path)
        return (answer.json or {}) if answer.status_code == 200 else {}

    def _owners(self, ids: Any) -> set[str]:
        of = {id_: owner for owner, id_ in self.ids.items()}
        return {of[int(id_)] for id_ in ids if int(id_) in of}

    def _linked(self, html: str) -> set[str]:
        return self._owners(re.findall(rf"/{self.resource}/show/(\d+)", html))

    # -- several records at once --

    def by_list(self) -> set[str]:
        return self._linked(self.get(f"/{self.resource}/list/?size=200").text)

    def _always_there(self) -> str:
        """A field every row of this type has: whose it is, or what it belongs to."""
        if self.model.__rows__ is Rows.owned:
            return "owner_id"
        return "customer_id" if hasattr(self.model, "customer_id") else str(self.model.__follows__)

    def by_filter(self) -> set[str]:
        """The list, asked in the language of conditions."""
        name = self._always_there()
        return self._linked(self.get(f"/{self.resource}/list/?size=200&where=[{name}] is not missing").text)

    def by_count(self) -> set[str]:
        """The exact count says how many, and so whose."""
        total = self.get(f"/{self.resource}/count").text.replace(",", "")
        return set(OWNERS[: int(total)]) if total.isdecimal() else set()

    def by_picker(self) -> set[str]:
        found = self._answered(f"/pick/{self.resource}")
        return self._owners(entry["value"] for entry in found.get("results", ()))

    def by_search(self) -> set[str]:
        """The search over everything, where it looks in this type, and the list's own."""
        listed = self.get(f"/{self.resource}/list/?q=MARK-{self.resource}&size=200").text
        html = self.get(f"/search?q=MARK-{self.resource}").text
        return self._linked(html + listed)

    def _rest(self, query: str) -> set[str]:
        return self._owners(self._answered(f"/api/v1/{self.resource}/?{query}").get("ids", ()))

    def by_rest_list(self) -> set[str]:
        return self._rest("limit=200")

    def by_rest_filter(self) -> set[str]:
        name = self._always_there()
        return self._rest(f"filter[{name}][some]=1&limit=200")

    def by_rest_sort(self) -> set[str]:
        name = next(one.name for one in fields_of(self.model) if one.info.sort)
        return self._rest(f"sort=-{name}&limit=200")

    def by_rest_rison(self) -> set[str]:
        return self._rest("q=(page:0,page_size:100)")

    def by_export(self) -> set[str]:
        """Rows are told by their mark, by that of their customer, or by the name of their owner."""
        column = named_by(self.model) or ("customer_id" if hasattr(self.model, "customer_id") else "owner_id")
        sent = self.send("POST", f"/{self.resource}/export?cols={column}", data={"form": "csv"})
        if sent.status_code != 200:
            return set()
        rows = list(csv.reader(io.StringIO(sent.data.decode("utf-8-sig"))))
        text = "\n".join(" ".join(row) for row in rows[1:])
        if column == "owner_id":
            return {owner for owner in OWNERS if PEOPLE[owner][0] in text}
        called = self.resource if named_by(self.model) else resource_of(Customer)
        return set(re.findall(rf"MARK-{called}-(\w+)", text))

    # -- one record --

    def by_page(self, id_: int) -> bool:
        return bool(self.get(f"/{self.resource}/show/{id_}").status_code == 200)

    def by_log(self, id_: int) -> bool:
        return bool(self.get(f"/{self.resource}/show/{id_}?tab=log").status_code == 200)

    def by_form(self, id_: int) -> bool:
        return bool(self.get(f"/{self.resource}/edit/{id_}").status_code == 200)

    def by_rest_get(self, id_: int) -> bool:
        return bool(self.get(f"/api/v1/{self.resource}/{id_}").status_code == 200)

    def by_attachment(self, id_: int) -> bool:
        with self.client.application.app_context(), access.acting(access.SYSTEM):
            mine = (Attachment.object_type == self.model.__tablename__) & (Attachment.object_id == id_)
            file = db.session.scalars(select(Attachment.id).where(mine)).one()
            db.session.remove()
        answer = self.get(f"/attachment/{file}")
        answer.close()
        return bool(answer.status_code == 200)

    def by_reveal(self, id_: int) -> bool:
        answer = self.send("POST", f"/{self.resource}/reveal/{id_}/phone")
        return bool(answer.status_code == 200 and answer.text == PHONE)

    def by_save(self, id_: int) -> bool:
        """The form sent as it is: the version of the record counts up, or it comes back to its page."""
        return bool(self.send("POST", f"/{self.resource}/edit/{id_}", data={}).status_code == 302)

    def _typed(self) -> str | None:
        """A field everybody may type in a list who may edit its records."""
        typed = (one for one in fields_of(self.model) if one.info.edit and not one.info.confidential)
        found = (
            one.name for one in typed if one.kind not in {Kind.sealed, Kind.json} and one.name != "owner_id"
        )
        return next(found, None)

    def by_cell(self, id_: int) -> bool:
        return bool(self.get(f"/{self.resource}/cell/{id_}/{self._typed()}").status_code == 200)

    def by_rest_put(self, id_: int) -> bool:
        return bool(self.send("PUT", f"/api/v1/{self.resource}/{id_}", json={}).status_code == 200)

    def by_bulk(self, id_: int) -> bool:
        self.send("POST", f"/{self.resource}/bulk", data={"act": "delete", "ids": [str(id_)]})
        return self._restored(id_)

    def by_delete(self, id_: int) -> bool:
        self.send("POST", f"/{self.resource}/delete/{id_}")
        return self._restored(id_)

    def by_rest_delete(self, id_: int) -> bool:
        self.send("DELETE", f"/api/v1/{self.resource}/{id_}")
        return self._restored(id_)

    def _restored(self, id_: int) -> bool:
        """Whether the record was gone; it is put back for the next door."""
        with self.client.application.app_context(), access.acting(access.SYSTEM):
            everywhere = select(self.model).where(self.model.id == id_).execution_options(with_deleted=True)
            row = db.session.scalars(everywhere).one()
            was_deleted = getattr(row, "deleted_at", None) is not None
            if was_deleted:
                with transaction():
                    row = db.session.scalars(everywhere).one()
                    row.deleted_at = row.deleted_by_id = None
            db.session.remove()
        return was_deleted


# ---- what must come through --------------------------------------------------------------------------------

ACTS: dict[str, Act] = {
    **dict.fromkeys(("form", "save", "cell", "rest_put"), Act.edit),
    **dict.fromkeys(("bulk", "rest_delete", "delete"), Act.delete),
    "export": Act.take_out,
    "reveal": Act.reveal,
}
"""What a door asks for beyond reading."""

Grants = dict[tuple[str, Act], Reach]


def reach_of(grants: Grants, act: Act, resource: str) -> Reach | None:
    return grants.get((resource, act)) or grants.get((access.EVERYTHING, act))


def goes_with(model: type[Any]) -> type[Any]:
    """The type whose records these go with: most their customer, a row its list."""
    (key,) = inspect(model).columns[model.__follows__].foreign_keys
    return next(one for one in TYPES if inspect(one).local_table is key.column.table)


def expected(grants: Grants, model: type[Any], door: str) -> set[str]:
    """Whose records must come through a door for who has these grants, no more and no fewer."""
    resource = resource_of(model)
    found = REACHED[reach_of(grants, Act.read, resource)]
    if model.__rows__ is Rows.follows:
        found = found & REACHED[reach_of(grants, Act.read, resource_of(goes_with(model)))]
    act = ACTS.get(door)
    if act is None:
        return found
    if model.__name__ in READ_ONLY and act in {Act.edit, Act.delete}:
        return set()
    if act is Act.delete and not hasattr(model, "deleted_at"):
        return set()  # kept for ever
    return found & REACHED[reach_of(grants, act, resource)]


def everything(reach: Reach) -> Grants:
    return {(access.EVERYTHING, act): reach for act in Act}


def confidential_of(model: type[Any]) -> set[str]:
    return {one.name for one in fields_of(model) if one.info.confidential}
