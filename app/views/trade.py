"""Admissions, contracts, preferential terms, products and orders."""

from __future__ import annotations

from app.models import Admission, CommercialTerm, Contract, Product, SalesDocument, TradeLine
from app.views.base import RecordView


class AdmissionView(RecordView):
    """Applications to admit a customer."""

    model = Admission
    area = "admission"


class ContractView(RecordView):
    """Agreements with customers."""

    model = Contract
    area = "admission"


class CommercialTermView(RecordView):
    """What customers are given beyond the usual."""

    model = CommercialTerm
    area = "admission"


class ProductView(RecordView):
    """What the company sells."""

    model = Product
    area = "service"


class SalesDocumentView(RecordView):
    """Quotations, orders and returns, with their lines."""

    model = SalesDocument
    area = "service"
    tabs_of = (TradeLine,)


VIEWS = (AdmissionView, ContractView, CommercialTermView, SalesDocumentView, ProductView)
