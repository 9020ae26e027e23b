"""Customers and their contacts."""

from __future__ import annotations

from app.models import (
    Admission,
    Contact,
    Contract,
    Customer,
    CustomerClassification,
    SalesDocument,
    ServiceCase,
    Task,
    Visit,
)
from app.views.base import RecordView
from app.words import Words


class ContactView(RecordView):
    """The people at customers."""

    model = Contact
    area = "customers"


class CustomerClassificationView(RecordView):
    """The classes customers hold and held; written by approvals and evaluations."""

    model = CustomerClassification
    area = "customers"
    read_only = True


class CustomerView(RecordView):
    """Customers, with everything that belongs to them in tabs."""

    model = Customer
    area = "customers"
    icon = "building"
    menu_label = Words("客户档案", "Customer files")
    tabs_of = (Contact, Visit, Contract, SalesDocument, ServiceCase, Task, Admission, CustomerClassification)


VIEWS = (CustomerView, ContactView, CustomerClassificationView)
