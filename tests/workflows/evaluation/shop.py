"""A handful of customers with orders, complaints and visits, made row by row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.extensions import db, transaction
from app.models import (
    Customer,
    DocumentKind,
    DocumentStatus,
    InfoItem,
    ItemType,
    Lifecycle,
    SalesDocument,
    ServiceCase,
    TradeLine,
    Visit,
    VisitStatus,
)
from app.services import access
from app.workflows.evaluation import runs
from app.workflows.evaluation.pins import pin

ORDER = DocumentKind.order
CONFIRMED = DocumentStatus.confirmed


def add(model: type[Any], **values: Any) -> int:
    """A row straight into its table, in whatever state; its id."""
    with access.acting(access.SYSTEM), transaction():
        made = db.session.execute(sa.insert(model).values(**values).returning(model.id))
        return made.scalar_one()


def field(key: str, kind: ItemType, *choices: str, table: str = "customer", **more: Any) -> int:
    """A field an administrator added, as the screen of fields adds it; its id."""
    with access.acting(access.SYSTEM), transaction():
        item = InfoItem(
            object_type=table,
            key=key,
            data_type=kind,
            label_zh=f"字段{key}",
            label_en=key,
            choices="\n".join(choices) or None,
            **more,
        )
        db.session.add(item)
        db.session.flush()
        return item.id


def customer(code: str, **more: Any) -> int:
    return add(Customer, code=code, name=f"Customer {code}", status=Lifecycle.active, **more)


def order(
    customer_id: int,
    at: str,
    *amounts: int | str,
    kind: DocumentKind = ORDER,
    status: DocumentStatus = CONFIRMED,
) -> int:
    """A document with a line of one piece for each amount; moments are UTC."""
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    whose = {"customer_id": customer_id, "kind": kind}
    no = f"D{customer_id}-{at}-{kind}"
    document = add(SalesDocument, no=no, status=status, ordered_at=moment, **whose)
    for number, amount in enumerate(map(Decimal, amounts), 1):
        add(
            TradeLine,
            sales_document_id=document,
            line_no=number,
            qty=Decimal(1 if amount >= 0 else -1),
            unit_price=abs(amount),
            amount=amount,
            moment=moment,
            **whose,
        )
    return document


def complaint(customer_id: int, at: str, **more: Any) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    add(ServiceCase, subject="late", customer_id=customer_id, received_at=moment, **more)


def visit(customer_id: int, at: str, status: VisitStatus = VisitStatus.done) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    add(Visit, customer_id=customer_id, planned_on=moment.date(), held_at=moment, status=status)


def trial(body: dict[str, Any], period: str, as_of: str | None = None) -> int:
    """A sealed trial run of a document, with the rights of the system."""
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(body, pin(period, as_of))
        runs.compute(run_id)
        return run_id


def scheme(**more: Any) -> dict[str, Any]:
    """A small scheme: amount (linear), complaints (bands); three grades."""
    return {
        "scheme": "SHOP",
        "zh": "门店评价",
        "en": "Shop evaluation",
        "subject": "customer",
        "measures": {
            "bought": {
                "zh": "金额",
                "en": "Amount",
                "source": "order_lines",
                "aggregate": "sum",
                "of": "amount",
                "where": 'document_status = "confirmed" and kind != "quotation"',
            },
            "complaints": {"zh": "投诉", "en": "Complaints", "source": "complaints", "aggregate": "count"},
        },
        "indicators": {
            "amount": {
                "zh": "购买金额",
                "en": "Amount bought",
                "value": "bought",
                "method": {"kind": "linear", "from": "CNY 0", "to": "CNY 1000"},
                "weight": "70 %",
            },
            "complaint": {
                "zh": "投诉次数",
                "en": "Complaints made",
                "value": "complaints",
                "method": {
                    "kind": "bands",
                    "bands": [{"to": 1, "points": 100}, {"to": 3, "points": 50}, {"points": 0}],
                },
                "weight": "30 %",
            },
        },
        "grades": [
            {"grade": "QUALITY", "zh": "优质", "en": "Quality", "from": 80},
            {"grade": "GENERAL", "zh": "一般", "en": "General", "from": 50},
            {"grade": "UNQUALIFIED", "zh": "不合格", "en": "Unqualified"},
        ],
        "publish": {"classification": "EVAL-GRADE", "customer_grade": True},
        **more,
    }
