"""A company of a million customers in our own schema, the same at every run: made by the database itself, set by set.

What looks like chance is arithmetic on the number of a row, so that both databases hold the same rows. Three fifths of
everything belong to the department of the person who asks, spread evenly; the rest is not his to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    String,
    Table,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
)

from app.columns import now
from app.extensions import db, maintenance, transaction
from app.models import (
    Customer,
    DocumentKind,
    DocumentStatus,
    Employee,
    Interaction,
    Lifecycle,
    Lookup,
    OrgUnit,
    Product,
    SalesDocument,
    SearchEntry,
    TradeLine,
    UnitKind,
)
from app.services import access, searching
from tests.world import World

LINES = 5
"""Lines of an order; there is an order for every customer."""
PRODUCTS = 500
SELLERS = 200
REGIONS = tuple("京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新")
SIGNS = "华中国东南西北新金银鼎盛恒瑞泰安宏远大海天宇卓越正和信达通明光辉星辰云龙腾飞嘉祥博文科创智联优品兴隆"
TRADES = ("种业有限公司", "农资有限公司", "化工有限公司", "石化贸易有限公司", "物流有限公司", "粮油集团")
CHECKING = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The signs of a credit code."""
SEED = 20_260_101
FIRST_DAY = date(2018, 1, 1)
DAYS = 2_900
CHUNK = 20_000


@dataclass(frozen=True)
class Row:
    """The number of a row, and what is drawn for it."""

    n: Any

    def drawn(self, what: int, below: int) -> ColumnElement[int]:
        """A number from 0 up to `below`, of its own for each `what`."""
        mixed = (self.n * 1_103_515_245 + what * 69_069 + SEED) % 2_147_483_647
        return (mixed * 48_271 % 2_147_483_647) % below

    def sign(self, what: int) -> Any:
        return func.substr(SIGNS, cast(self.drawn(what, len(SIGNS)) + 1, Integer), 1)

    def one(self, what: int, values: tuple[Any, ...]) -> Any:
        return case(dict(enumerate(values)), value=self.drawn(what, len(values)))

    def digits(self, prefix: str, width: int) -> Any:
        """The number with zeros before it."""
        return prefix + func.substr(cast(self.n + 10**width, String), 2)

    def day(self, what: int) -> Any:
        days = cast(self.drawn(what, DAYS), Integer)
        if _is_postgresql():
            return literal_column(f"DATE '{FIRST_DAY}'") + days
        return func.date(FIRST_DAY.isoformat(), cast(days, String) + " days")

    def moment(self, what: int, first: date = FIRST_DAY, days: int = DAYS) -> Any:
        seconds = self.drawn(what, days * 86_400)
        if _is_postgresql():
            return literal_column(f"TIMESTAMPTZ '{first} 00:00+00'") + seconds * literal_column(
                "INTERVAL '1 second'"
            )
        return func.strftime(
            "%Y-%m-%d %H:%M:%S.000000", first.isoformat(), cast(seconds, String) + " seconds"
        )


def fill(world: World, customers: int, *, is_searched: bool = True) -> None:
    """So many customers, an order of five lines and a talk for each, and the index of the quick search."""
    with access.acting(access.SYSTEM), transaction():
        if _is_postgresql():  # the rows point to one another as they are made
            db.session.execute(text("SET LOCAL session_replication_role = replica"))
        units = _units(world)
        people = _people(units)
        _codes()
        _customers(customers, people)
        _orders(customers, people)
        _talks(customers, people)
    with access.acting(access.SYSTEM):
        if is_searched:
            _index()
        settle()
    db.session.remove()


def _is_postgresql() -> bool:
    return bool(db.engine.dialect.name == "postgresql")


def _units(world: World) -> list[int]:
    """Ten teams: six of the department of sales, four of others."""
    found = []
    for number in range(10):
        above = world.units["sales" if number < 6 else "service"]
        path = db.session.scalar(select(OrgUnit.path).where(OrgUnit.id == above))
        name = f"{number + 1}部"
        unit = OrgUnit(code=f"B-{number}", name_zh=name, name_en=name, kind=UnitKind.team, parent_id=above)
        db.session.add(unit)
        db.session.flush()
        unit.path = f"{path}{unit.id}/"
        found.append(unit.id)
    return found


def _people(units: list[int]) -> list[tuple[int, int]]:
    """The sellers, each with his unit."""
    sellers = [
        Employee(
            no=f"S{number:03}", name=f"{SIGNS[number % 40]}销售{number:03}", org_unit_id=units[number % 10]
        )
        for number in range(SELLERS)
    ]
    db.session.add_all(sellers)
    db.session.flush()
    return [(seller.id, seller.org_unit_id) for seller in sellers]


def _codes() -> None:
    """The regions and the products."""
    db.session.add_all(
        Lookup(category="region", code=f"B{number:02}", name_zh=name, name_en=name)
        for number, name in enumerate(REGIONS)
    )
    db.session.add_all(
        Product(code=f"P{number:04}", name=f"{SIGNS[number % 40]}牌产品 {number:04}")
        for number in range(PRODUCTS)
    )
    db.session.flush()


def _customers(count: int, people: list[tuple[int, int]]) -> None:
    regions = tuple(
        db.session.scalars(select(Lookup.id).where(Lookup.category == "region").order_by(Lookup.id))
    )
    row = Row(_series(count))
    moment = row.moment(20)
    name = row.one(1, REGIONS) + row.sign(2) + row.sign(3) + row.sign(4) + row.one(5, TRADES)
    _write(
        Customer,
        row,
        {
            **_owned(row, people),
            "uid": row.digits("00000000-0000-4000-8000-", 12),
            "code": row.digits("C", 9),
            "name": name,
            "status": row.one(
                6, tuple(map(str, (Lifecycle.prospect, *[Lifecycle.active] * 3, Lifecycle.dormant)))
            ),
            "grade": row.one(7, ("A", "B", "C", "D")),
            "credit_code": _credit_code(row),
            "region_id": row.one(1, regions),
            "address": row.one(1, REGIONS) + row.sign(8) + row.sign(9) + "路 18 号",
            "registered_capital": cast(row.drawn(10, 5_000) + 50, String) + " 万元",
            "credit_limit": row.drawn(11, 5_000_000) * 10_000,
            "admitted_on": row.day(12),
            "last_order_on": row.day(13),
            "created_at": moment,
            "changed_at": moment,
        },
    )


def _credit_code(row: Row) -> Any:
    """Fifteen digits behind 91, and the sign that checks them."""
    weighed = (row.n // 10**place % 10 * pow(3, 16 - place, 31) for place in range(8))
    rest = (31 - (9 + 3 + sum(weighed, literal(0))) % 31) % 31
    return row.digits("91", 15) + func.substr(CHECKING, cast(rest + 1, Integer), 1)


def _orders(count: int, people: list[tuple[int, int]]) -> None:
    row = Row(_series(count))
    moment = row.moment(21)
    of = {"customer_id": row.n * 7_919 % count + 1, "kind": literal(str(DocumentKind.order))}
    _write(
        SalesDocument,
        row,
        {
            **_owned(row, people),
            **of,
            "no": row.digits("SO", 10),
            "ordered_at": moment,
            "created_at": moment,
            "changed_at": moment,
            "total": row.drawn(22, 500_000) * 10_000,
            "status": row.one(23, tuple(map(str, (DocumentStatus.confirmed, DocumentStatus.closed)))),
        },
    )
    line = Row(_series(count * LINES))
    order = (line.n - 1) // LINES + 1
    document = Row(order)
    product = db.session.scalar(select(func.min(Product.id)))
    price = (line.drawn(32, 900) + 1) * 10_000
    quantity = line.drawn(31, 20) + 1
    _write(
        TradeLine,
        line,
        {
            "sales_document_id": order,
            "line_no": (line.n - 1) % LINES + 1,
            "product_id": line.drawn(30, PRODUCTS) + product,
            "qty": quantity * 1_000,
            "unit_price": price,
            "amount": quantity * price,
            "customer_id": order * 7_919 % count + 1,
            "moment": document.moment(21),
            "kind": literal(str(DocumentKind.order)),
        },
    )


def _talks(count: int, people: list[tuple[int, int]]) -> None:
    row = Row(_series(count))
    moment = row.moment(40)
    values = {"customer_id": row.n, "occurred_at": moment, "created_at": moment, "changed_at": moment}
    _write(Interaction, row, {**_owned(row, people), **values})


def _series(count: int) -> Any:
    numbers = select(literal(1, BigInteger).label("n")).cte("numbers", recursive=True)
    return numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count)).c.n


def _owned(row: Row, people: list[tuple[int, int]]) -> dict[str, Any]:
    """Whose a row is: the seller drawn for its number, in all tables alike."""
    owners, units = zip(*people, strict=True)
    return {"owner_id": row.one(0, owners), "org_unit_id": row.one(0, units)}


def _write(model: type[Any], row: Row, values: Mapping[str, Any]) -> None:
    """Rows of a table, numbered from 1; what is not said is what the schema says of a new one."""
    table: Table = model.__table__
    given = {"id": row.n, **_defaults(table), **values}
    chosen = select(*(value.label(name) for name, value in given.items()))
    # What was drawn stands as the database keeps it: no type shall turn it once more.
    plain = insert(table).from_select(list(given), chosen, include_defaults=False)
    db.session.connection().execute(plain)
    if _is_postgresql():
        place = f"pg_get_serial_sequence('{table.name}', 'id')"
        db.session.execute(text(f"SELECT setval({place}, (SELECT max(id) FROM {table.name}))"))


def _defaults(table: Table) -> dict[str, Any]:
    """What the schema gives a new row, where that is one value for all."""
    found = {}
    for column in table.c:
        if column.default is not None and column.default.is_scalar:
            found[column.name] = literal(column.default.arg, column.type)
        elif column.default is not None and "at" in column.name:
            found[column.name] = literal(now(), column.type)
    return found


# ---- the index of the quick search, and what a database knows of its tables --------------------------------


def _index() -> None:
    """Write the index as bulk writing does, with what searches its tokens built at the end."""
    kept = text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_search_entry_tokens'")
    definition = db.session.scalar(kept) if _is_postgresql() else None
    for model in (Customer, SalesDocument):
        _entries(model, drop=definition is not None and model is Customer)
    if definition is not None:
        with transaction():
            db.session.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
            db.session.execute(text(definition))
    searching.complete()


def _entries(model: type[Any], *, drop: bool) -> None:
    fields = [getattr(model, field.name) for field in searching.searched(model)]
    last = 0
    if drop:
        with transaction():
            db.session.execute(text("DROP INDEX ix_search_entry_tokens"))
    while True:
        chosen = select(model.id, *fields).where(model.id > last).order_by(model.id).limit(CHUNK)
        rows = db.session.execute(chosen).mappings().all()
        if not rows:
            return
        last = rows[-1]["id"]
        entries = [searching.entry(model, row["id"], row) for row in rows]
        with transaction():
            _copy(entries)


def _copy(entries: list[dict[str, Any]]) -> None:
    """By COPY where there is one."""
    connection = db.session.connection()
    if not _is_postgresql():
        connection.execute(insert(SearchEntry.__table__), entries)
        return
    names = list(entries[0])
    raw = connection.connection.dbapi_connection
    with raw.cursor().copy(f"COPY search_entry ({', '.join(names)}) FROM STDIN") as copy:
        for entry in entries:
            copy.write_row([entry[name] for name in names])


def settle() -> None:
    """What a database does by itself in the night; SQLite does nothing."""
    db.session.remove()
    if _is_postgresql():
        with (
            maintenance(),
            db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            connection.exec_driver_sql("VACUUM ANALYZE")
