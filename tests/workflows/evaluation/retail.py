"""Real orders of a wholesaler (UCI Online Retail, Chen 2015, CC BY 4.0), straight into the tables."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.extensions import db, transaction
from app.models import Customer, Product, SalesDocument, TradeLine
from app.services import access

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "transactions"
ZONE = ZoneInfo("Asia/Shanghai")
PRICE, PIECE = 10_000, 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, as it stands there."""

    invoice: str
    product: str
    description: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str
    country: str


def file(name: str) -> Path:
    """A file of the shared data; the test is skipped where it is not."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"missing: {path}")
    return path


def lines(limit: int | None = None) -> list[Line]:
    """The first lines of the file, or all."""
    with gzip.open(file("online_retail.csv.gz"), "rt", encoding="utf-8") as source:
        rows = csv.reader(source)
        next(rows)
        found = []
        for number, row in enumerate(rows):
            if number == limit:
                break
            invoice, product, description, quantity, at, price, customer, country = row
            moment = datetime.fromisoformat(at).replace(tzinfo=ZONE)
            found.append(
                Line(
                    invoice,
                    product,
                    description,
                    int(quantity),
                    moment,
                    Decimal(price),
                    customer.removesuffix(".0"),
                    country,
                )
            )
    return found


def load(rows: list[Line]) -> dict[str, int]:
    """Write the lines with their customers, products and documents; the id of each customer by its code."""
    customers = {code: number for number, code in enumerate(sorted({r.customer for r in rows} - {""}), 1)}
    products = {code: number for number, code in enumerate(dict.fromkeys(r.product for r in rows), 1)}
    documents = {no: number for number, no in enumerate(dict.fromkeys(r.invoice for r in rows), 1)}
    heads: dict[str, Line] = {}
    totals: dict[str, Decimal] = {}
    for row in rows:
        heads.setdefault(row.invoice, row)
        totals[row.invoice] = totals.get(row.invoice, Decimal(0)) + row.quantity * row.price
    with access.acting(access.SYSTEM), transaction():
        fill(
            Customer,
            ("id", "uid", "code", "name", "status", "party_type", "is_key", "created_at", "changed_at"),
            [
                (number, f"u{number}", code, f"C {code}", "active", "company", False, NOW, NOW)
                for code, number in customers.items()
            ],
        )
        fill(
            Product,
            ("id", "code", "name", "active", "created_at", "changed_at"),
            [(number, code, code, True, NOW, NOW) for code, number in products.items()],
        )
        fill(
            SalesDocument,
            (
                "id",
                "no",
                "kind",
                "customer_id",
                "ordered_at",
                "total",
                "status",
                "country",
                "created_at",
                "changed_at",
            ),
            [
                (
                    number,
                    no,
                    kind(no),
                    customers.get(heads[no].customer),
                    utc(heads[no].at),
                    int(totals[no] * PRICE),
                    "confirmed",
                    heads[no].country,
                    NOW,
                    NOW,
                )
                for no, number in documents.items()
            ],
        )
        fill(
            TradeLine,
            (
                "id",
                "sales_document_id",
                "line_no",
                "product_id",
                "description",
                "qty",
                "unit_price",
                "discount_rate",
                "amount",
                "customer_id",
                "moment",
                "kind",
            ),
            [
                (
                    number,
                    documents[row.invoice],
                    number,
                    products[row.product],
                    row.description or None,
                    row.quantity * PIECE,
                    int(row.price * PRICE),
                    0,
                    int(row.quantity * row.price * PRICE),
                    customers.get(row.customer),
                    utc(row.at),
                    kind(row.invoice),
                )
                for number, row in enumerate(rows, 1)
            ],
        )
    return customers


def kind(invoice: str) -> str:
    """What kind of document a number of the file names."""
    return {"C": "cancellation", "A": "adjustment"}.get(invoice[0], "order")


def utc(local: datetime) -> datetime:
    return local.astimezone(UTC)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fill(model: type[Any], columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Rows as the database holds them, in bulk."""
    raw = db.session.connection().connection.dbapi_connection
    table = model.__tablename__
    names = ", ".join(columns)
    if db.session.get_bind().dialect.name == "postgresql":
        with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    stored = [tuple(_stored(value) for value in row) for row in rows]
    raw.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", stored)


def _stored(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def result_rows(run_id: int) -> list[dict[str, Any]]:
    """The results of a run, in order of subject."""
    with access.acting(access.SYSTEM):
        found = db.session.execute(
            sa.text("SELECT * FROM eval_result WHERE run_id = :run ORDER BY subject_id"), {"run": run_id}
        ).mappings()
        rows = [dict(row) for row in found]
        db.session.rollback()
        return rows
