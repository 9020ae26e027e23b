"""Lines of orders, returns, cancellations and adjustments; quantities and amounts are signed (R13)."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from app.models import (
    CommercialTerm,
    CustomerClassification,
    DocumentKind,
    DocumentStatus,
    PolicyKey,
    Product,
    SalesDocument,
    TermStatus,
    TradeLine,
    ValuePolicy,
)
from app.words import Words
from app.workflows.evaluation.dialects import company_day
from app.workflows.evaluation.sources import (
    Join,
    Source,
    closed,
    key,
    money,
    owned,
    quantity,
    rate,
    table_of,
    text,
)

LINE = table_of(TradeLine).alias("line")
DOCUMENT = table_of(SalesDocument).alias("document")
PRODUCT = table_of(Product).alias("product")
OWNED = owned(DOCUMENT, after="document", customer=LINE.c.customer_id)

DAY = company_day(LINE.c.moment)
GRANTED = (TermStatus.approved, TermStatus.revoked, TermStatus.expired)


def _granted() -> sa.ScalarSelect[int]:
    """The largest discount that was granted to the customer for the day of the line."""
    term = table_of(CommercialTerm).alias("granted_term")
    return (
        sa.select(sa.func.max(sa.type_coerce(term.c.discount_rate, sa.BigInteger)))
        .where(
            term.c.customer_id == LINE.c.customer_id,
            term.c.status.in_(GRANTED),
            term.c.deleted_at.is_(None),
            DAY.between(term.c.valid_from, term.c.valid_to),
        )
        .correlate(LINE)
        .scalar_subquery()
    )


def _of_class() -> sa.ScalarSelect[int]:
    """The strictest ceiling of the classes the customer held on the day of the line: from 1/1,000 % to 1/1,000,000."""
    held = table_of(CustomerClassification).alias("class_held")
    policy = table_of(ValuePolicy).alias("ceiling")
    return (
        sa.select(sa.func.min(sa.type_coerce(policy.c.number, sa.BigInteger)) * 10)
        .select_from(held.join(policy, policy.c.value_id == held.c.value_id))
        .where(
            held.c.customer_id == LINE.c.customer_id,
            policy.c.policy_key == PolicyKey.discount,
            held.c.valid_from <= DAY,
            sa.or_(held.c.valid_to.is_(None), held.c.valid_to > DAY),
        )
        .correlate(LINE)
        .scalar_subquery()
    )


# Written out, so that the databases see it is what the index of such documents holds.
VOIDED = SalesDocument.status == sa.literal(
    DocumentStatus.voided, table_of(SalesDocument).c.status.type, literal_execute=True
)

SOURCE = Source(
    name="order_lines",
    words=Words("订单明细", "Order lines"),
    table=LINE,
    subjects=OWNED["subjects"],
    via=OWNED["via"],
    time=LINE.c.moment,
    columns=(
        key("line", LINE.c.id, "明细", "Line"),
        key("document", LINE.c.sales_document_id, "单据", "Document"),
        key("customer", LINE.c.customer_id, "客户", "Customer"),
        key("product", LINE.c.product_id, "产品", "Product"),
        closed("kind", LINE.c.kind, DocumentKind, "单据类型", "Kind"),
        quantity("qty", LINE.c.qty, "数量", "Quantity"),
        money("price", LINE.c.unit_price, "单价", "Unit price"),
        money("amount", LINE.c.amount, "金额", "Amount"),
        rate("discount", LINE.c.discount_rate, "优惠幅度", "Discount"),
        rate("granted_discount", _granted(), "批准的优惠幅度", "Discount granted"),
        rate("class_discount", _of_class(), "等级的优惠上限", "Ceiling of the class"),
        text("description", LINE.c.description, "说明", "Description"),
        text("document_no", DOCUMENT.c.no, "单号", "Document no.", "document"),
        closed(
            "document_status", DOCUMENT.c.status, DocumentStatus, "单据状态", "Document status", "document"
        ),
        text("country", DOCUMENT.c.country, "国家", "Country", "document"),
        replace(money("cost", PRODUCT.c.unit_cost, "单位成本", "Unit cost", "product"), guarded_by="product"),
        key("category", PRODUCT.c.category_id, "产品类别", "Product category", "product"),
        text("product_code", PRODUCT.c.code, "产品编号", "Product code", "product"),
        text("product_name", PRODUCT.c.name, "产品名称", "Product name", "product"),
    ),
    joins={
        **OWNED["joins"],
        "document": Join(DOCUMENT, DOCUMENT.c.id == LINE.c.sales_document_id),
        "product": Join(PRODUCT, PRODUCT.c.id == LINE.c.product_id),
    },
    stands=sa.and_(
        LINE.c.sales_document_id.is_not(None),
        LINE.c.kind != DocumentKind.quotation,
        LINE.c.sales_document_id.not_in(
            sa.select(SalesDocument.id).where(sa.or_(SalesDocument.deleted_at.is_not(None), VOIDED))
        ),
    ),
    fallen=Words("报价、作废或回收站中的单据", "a quotation, or a document voided or in the bin"),
    shown=("document_no", "kind", "product_name", "description", "qty", "price", "amount"),
)
