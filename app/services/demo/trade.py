"""Eighteen months of orders: seasons, loyal and fading customers, a few returns, quotations and open drafts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.columns import half_up
from app.models import DocumentKind, DocumentStatus, Lifecycle, SalesDocument, TradeLine
from app.services.demo.book import TRADING
from app.services.demo.scene import Scene, put

DAYS = 548
SEASON = (9, 14, 20, 16, 8, 4, 3, 7, 13, 10, 6, 5)
"""How much of a year is ordered in each month: before the spring sowing, and before the autumn one."""

QUIET = 190
"""Days since the last order of a customer that fell dormant."""

RECENT = 30
QUANTITIES = (5, 10, 20, 20, 40, 50, 60, 80, 100, 120, 200, 300)
DISCOUNTS = ("0", "0", "0", "0", "0.02", "0.03", "0.05", "0.08")


def trade(scene: Scene) -> None:
    """Make the documents and lines, and note on each customer when he first and last ordered."""
    buyers = [row for row in scene.customers if row["status"] in TRADING]
    weights = [scene.random.lognormvariate(0, 0.9) for _ in buyers]
    days = _days(scene)
    chosen = scene.random.choices(buyers, weights, k=max(0, scene.scale.orders - len(buyers)))
    dated = [(_certain_day(scene, days, buyer), buyer) for buyer in buyers]
    dated += [(_day(scene, days, buyer), buyer) for buyer in chosen]
    dated.sort(key=lambda pair: (pair[0], pair[1]["id"]))
    for (day, buyer), id_ in zip(dated, scene.ids(SalesDocument, len(dated)), strict=True):
        document, its_lines = _document(scene, id_, buyer, day)
        scene.documents.append(document)
        scene.lines += its_lines


def write_trade(scene: Scene) -> None:
    put(SalesDocument, scene.documents)
    put(TradeLine, scene.lines)


def _days(scene: Scene) -> list[date]:
    """Days of the last eighteen months, each as often as its season is busy; few on Sundays."""
    found = []
    for back in range(DAYS):
        day = scene.today - timedelta(days=back)
        found += [day] * (SEASON[day.month - 1] if day.weekday() < 6 else 1)
    return found


def _certain_day(scene: Scene, days: list[date], buyer: dict[str, Any]) -> date:
    """Everybody ordered once at least; an active customer in the last months."""
    if buyer["status"] is Lifecycle.active:
        return scene.day(0, QUIET - 40)
    return _day(scene, days, buyer)


def _day(scene: Scene, days: list[date], buyer: dict[str, Any]) -> date:
    """A day in season; customers who are not active any more ordered nothing lately."""
    day = scene.random.choice(days)
    latest = scene.today - timedelta(days=QUIET)
    if buyer["status"] is not Lifecycle.active and day > latest:
        return latest - timedelta(days=scene.random.randint(0, DAYS - QUIET))
    return day


def _document(
    scene: Scene, id_: int, buyer: dict[str, Any], day: date
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    random = scene.random
    age = (scene.today - day).days
    kind = random.choices(
        (DocumentKind.order, DocumentKind.goods_return, DocumentKind.quotation),
        (93, 4, 3 if age < RECENT else 0),
    )[0]
    moment = scene.moment(day)
    sign = -1 if kind is DocumentKind.goods_return else 1
    lines = [
        _line(scene, id_, place, sign) | {"customer_id": buyer["id"], "moment": moment, "kind": kind}
        for place in range(1, random.choice((1, 2, 2, 3, 3, 4)) + 1)
    ]
    if kind is DocumentKind.order:
        buyer["first_order_on"] = buyer["first_order_on"] or day
        buyer["last_order_on"] = day
    prefix = {"order": "XS", "goods_return": "TH", "quotation": "BJ"}[kind.value]
    document = {
        "id": id_,
        "no": f"{prefix}{day:%y%m}-{id_:05d}",
        "kind": kind,
        "customer_id": buyer["id"],
        "ordered_at": moment,
        "total": sum((line["amount"] for line in lines), Decimal(0)),
        "status": _status(kind, age),
        "owner_id": buyer["owner_id"],
        "org_unit_id": buyer["org_unit_id"],
        "created_at": moment,
    }
    return document, lines


def _status(kind: DocumentKind, age: int) -> DocumentStatus:
    if kind is DocumentKind.quotation or age <= 1:
        return DocumentStatus.draft
    return DocumentStatus.confirmed if age < RECENT else DocumentStatus.closed


def _line(scene: Scene, document_id: int, place: int, sign: int) -> dict[str, Any]:
    random = scene.random
    product = random.choice(scene.products)
    qty = Decimal(sign * random.choice(QUANTITIES))
    if sign < 0:
        qty = Decimal(-random.choice((1, 2, 5, 10)))
    price: Decimal = product["list_price"]
    rate = Decimal(random.choice(DISCOUNTS))
    return {
        "sales_document_id": document_id,
        "line_no": place,
        "product_id": product["id"],
        "qty": qty,
        "unit_price": price,
        "discount_rate": rate,
        "amount": half_up(qty * price * (1 - rate), 10_000),
    }
