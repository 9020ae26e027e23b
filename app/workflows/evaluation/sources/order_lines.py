"""Lines of orders, returns, cancellations and adjustments; quantities and amounts are signed (R13)."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from app.models import DocumentKind, DocumentStatus, Product, SalesDocument, TradeLine
from app.words import Words
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
            sa.select(SalesDocument.id).where(
                sa.or_(SalesDocument.deleted_at.is_not(None), SalesDocument.status == DocumentStatus.voided)
            )
        ),
    ),
    fallen=Words("报价、作废或回收站中的单据", "a quotation, or a document voided or in the bin"),
    shown=("document_no", "kind", "product_name", "description", "qty", "price", "amount"),
)
