"""Products and trade: what is sold, the documents it is sold by, and their lines."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Long,
    MomentType,
    MoneyType,
    QuantityType,
    RateType,
    Rows,
    Short,
    belongs_to,
    field,
    now,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped, Switched

if TYPE_CHECKING:
    from app.schema.configuration import Lookup
    from app.schema.contracts import Contract
    from app.schema.customers import Customer


class Product(Stamped, Binned, Extended, Switched, Model):
    """Something the company sells. Codes that differ only in case are different products."""

    __tablename__ = "product"
    __label__ = "产品", "Products"
    __rows__ = Rows.shared
    __title__ = ("name",)
    __table_args__ = (
        unique("uq_product_code", "code", zh="产品编号已存在。", en="This product code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="产品编号", en="Product code", listed=True, sort=True, search=True)
    name: Mapped[Short] = field(zh="产品名称", en="Product name", listed=True, sort=True, search=True)
    category_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="类别", en="Category", lookup="product_category", listed=True
    )
    specification: Mapped[Short | None] = field(zh="规格", en="Specification", listed=True)
    unit: Mapped[str | None] = field(String(20), zh="单位", en="Unit", listed=True)
    list_price: Mapped[Decimal | None] = field(MoneyType, zh="标价", en="List price", listed=True)
    unit_cost: Mapped[Decimal | None] = field(MoneyType, zh="成本", en="Unit cost", confidential=True)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")

    category: Mapped[Lookup | None] = relationship()


class DocumentKind(Choice):
    """What a trade document is."""

    quotation = enum.auto(), "报价", "Quotation"
    order = enum.auto(), "订单", "Order"
    goods_return = enum.auto(), "退货", "Return"
    cancellation = enum.auto(), "撤单", "Cancellation"
    adjustment = enum.auto(), "调整", "Adjustment"


class DocumentStatus(Choice):
    """Where a trade document stands."""

    draft = enum.auto(), "草稿", "Draft"
    confirmed = enum.auto(), "已确认", "Confirmed", "ok"
    closed = enum.auto(), "已关闭", "Closed", "end"
    voided = enum.auto(), "已作废", "Voided", "end"


GONE = "deleted_at IS NOT NULL OR status = 'voided'"
"""A document whose lines count nowhere; measures ask for these, which are few, and have them at hand."""


class SalesDocument(Stamped, Binned, Extended, Model):
    """A quotation, order, return, cancellation or adjustment. Its customer may be unknown (walk-ins)."""

    __tablename__ = "sales_document"
    __label__ = "订单", "Orders"
    __resource__ = "order"
    __rows__ = Rows.owned
    __title__ = ("no",)
    __table_args__ = (
        unique("uq_sales_document_no", "no", zh="单号已存在。", en="This document number is in use."),
        Index("ix_sales_document_scope", "org_unit_id", "id"),
        Index("ix_sales_document_reach", "id", "org_unit_id", "owner_id", "deleted_at"),
        Index("ix_sales_document_gone", "id", sqlite_where=text(GONE), postgresql_where=text(GONE)),
    )

    id: Mapped[Id]
    no: Mapped[Code] = field(zh="单号", en="Document no.", listed=True, sort=True, search=True)
    kind: Mapped[DocumentKind] = field(
        one_of(DocumentKind), zh="类型", en="Kind", listed=True, default=DocumentKind.order
    )
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    contract_id: Mapped[int | None] = belongs_to("contract.id", zh="合同", en="Contract")
    origin_id: Mapped[int | None] = belongs_to("sales_document.id", zh="原单", en="Original document")
    ordered_at: Mapped[datetime] = field(
        MomentType, zh="下单时间", en="Ordered", listed=True, sort=True, default=now
    )
    total: Mapped[Decimal] = field(
        MoneyType, zh="金额", en="Amount", edit=False, listed=True, default=Decimal(0)
    )
    status: Mapped[DocumentStatus] = field(
        one_of(DocumentStatus), zh="状态", en="Status", edit=False, listed=True, default=DocumentStatus.draft
    )
    requested_at: Mapped[datetime | None] = field(MomentType, zh="询价时间", en="Asked for")
    sent_at: Mapped[datetime | None] = field(MomentType, zh="报价发出时间", en="Sent")
    corrected: Mapped[Flag] = field(zh="发出后改价", en="Price corrected after sending")
    confirmed_at: Mapped[datetime | None] = field(MomentType, zh="确认时间", en="Confirmed", edit=False)
    required_on: Mapped[date | None] = field(Date, zh="要求交货日期", en="Required on")
    delivered_at: Mapped[datetime | None] = field(MomentType, zh="交货时间", en="Delivered")
    country: Mapped[Short | None] = field(zh="国家", en="Country")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")

    customer: Mapped[Customer | None] = relationship()
    contract: Mapped[Contract | None] = relationship()
    origin: Mapped[SalesDocument | None] = relationship(remote_side="SalesDocument.id")
    lines: Mapped[list[TradeLine]] = relationship(
        back_populates="sales_document", order_by="TradeLine.line_no", cascade="all, delete-orphan"
    )


class TradeLine(Model):
    """A line of exactly one document, contract or admission. Quantities and amounts are signed (R13).

    `customer_id`, `moment` and `kind` are copied from the document, so that a measure reads this one table.
    """

    __tablename__ = "trade_line"
    __label__ = "订单明细", "Order lines"
    __rows__ = Rows.follows
    __follows__ = "sales_document_id", "contract_id", "admission_id"
    __part__ = True
    __table_args__ = (
        rule(
            "one_parent",
            "(CASE WHEN sales_document_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN contract_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN admission_id IS NULL THEN 0 ELSE 1 END) = 1",
            zh="明细必须且只能属于一张单据。",
            en="A line belongs to exactly one document.",
        ),
        Index("uq_trade_line_document", "sales_document_id", "line_no", unique=True),
        Index("ix_trade_line_measure", "customer_id", "moment", "kind", "amount", "qty", "sales_document_id"),
    )

    id: Mapped[Id]
    sales_document_id: Mapped[int | None] = mapped_column(ForeignKey("sales_document.id", ondelete="CASCADE"))
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id", ondelete="CASCADE"), index=True)
    admission_id: Mapped[int | None] = mapped_column(
        ForeignKey("admission.id", ondelete="CASCADE"), index=True
    )
    line_no: Mapped[int] = field(Integer, zh="行号", en="Line", listed=True)
    product_id: Mapped[int | None] = belongs_to("product.id", zh="产品", en="Product", listed=True)
    description: Mapped[Short | None] = field(zh="说明", en="Description", listed=True)
    qty: Mapped[Decimal] = field(QuantityType, zh="数量", en="Quantity", listed=True)
    unit_price: Mapped[Decimal] = field(MoneyType, zh="单价", en="Unit price", listed=True)
    discount_rate: Mapped[Decimal] = field(RateType, zh="优惠幅度", en="Discount", default=Decimal(0))
    amount: Mapped[Decimal] = field(MoneyType, zh="金额", en="Amount", edit=False, listed=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    moment: Mapped[datetime] = mapped_column(MomentType)
    kind: Mapped[DocumentKind] = mapped_column(one_of(DocumentKind))

    sales_document: Mapped[SalesDocument | None] = relationship(back_populates="lines")
    product: Mapped[Product | None] = relationship()
