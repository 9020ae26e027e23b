"""The floor: the same rows by SQL written by hand, in a bare table; what no page can be faster than.

`gunicorn bench.floor:answer`; the statement of each address stands in `STATEMENTS`.
"""

from __future__ import annotations

import html
import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import psycopg

URL = os.environ["BENCH_DATABASE"]
SCOPE = json.loads(os.environ["BENCH_SCOPE"])
IS_POSTGRESQL = URL.startswith("postgresql")
CUSTOMER = """SELECT c.id, c.code, c.name, c.status, c.is_key, c.grade, r.name_zh, o.name FROM customer c
LEFT JOIN lookup r ON r.id = c.region_id LEFT JOIN employee o ON o.id = c.owner_id"""
ORDER = """SELECT d.id, d.no, d.kind, c.name, d.ordered_at, d.total, d.status FROM sales_document d
LEFT JOIN customer c ON c.id = d.customer_id"""
UNITS = ", ".join(map(str, SCOPE["units"]))
MINE = (
    "{0}.deleted_at IS NULL AND ({0}.org_unit_id IN (" + UNITS + ") OR {0}.owner_id = " + f"{SCOPE['owner']})"
)
CUSTOMERS = f"{CUSTOMER} WHERE {MINE.format('c')}"
ORDERS = f"{ORDER} WHERE {MINE.format('d')}"
LIKE = "ILIKE" if IS_POSTGRESQL else "LIKE"
PAGE = "LIMIT 25 OFFSET :skip"
STATEMENTS = {
    "/customers": f"{CUSTOMERS} ORDER BY c.id DESC {PAGE}",
    "/customers/name": f"{CUSTOMERS} ORDER BY c.name, c.id {PAGE}",
    "/customers/last": f"{CUSTOMERS} ORDER BY c.last_order_on, c.id {PAGE}",
    "/customers/q": f"{CUSTOMERS} AND c.name {LIKE} :q ORDER BY c.id DESC {PAGE}",
    "/customers/code": f"{CUSTOMERS} AND c.code {LIKE} :q ORDER BY c.id DESC {PAGE}",
    "/customers/region": f"{CUSTOMERS} AND c.region_id = :region ORDER BY c.id DESC {PAGE}",
    "/customer": f"{CUSTOMERS} AND c.id = :id",
    "/orders": f"{ORDERS} ORDER BY d.id DESC {PAGE}",
    "/orders/q": f"{ORDERS} AND d.no {LIKE} :q ORDER BY d.id DESC {PAGE}",
    "/order": f"{ORDERS} AND d.id = :id",
}


def _connect() -> Any:
    if IS_POSTGRESQL:
        return psycopg.connect(URL.replace("+psycopg", ""), autocommit=True)
    return sqlite3.connect(URL.removeprefix("sqlite:///"), check_same_thread=False)


_open: list[Any] = []


def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """One page."""
    if not _open:
        _open.append(_connect())
    asked = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    values = {
        "q": f"%{asked.get('q', '')}%",
        "skip": 25 * (int(asked.get("page", 1)) - 1),
        **{name: int(asked.get(name, 0)) for name in ("id", "region")},
    }
    cursor = _open[0].cursor()
    cursor.execute(_written(STATEMENTS[environ["PATH_INFO"]]), values)
    cells = ("".join(f"<td>{html.escape(str(value))}</td>" for value in row) for row in cursor.fetchall())
    body = "<!doctype html><table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
    start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [body.encode()]


def _written(statement: str) -> str:
    """The statement with its parameters as psycopg writes them."""
    if not IS_POSTGRESQL:
        return statement
    for name in ("q", "skip", "region", "id"):
        statement = statement.replace(f":{name}", f"%({name})s")
    return statement
