"""Customers and their contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flask import g, url_for
from flask_babel import gettext as _

from app.extensions import company
from app.models import (
    Admission,
    CommercialTerm,
    Contact,
    Contract,
    Customer,
    CustomerClassification,
    Need,
    SalesDocument,
    ServiceCase,
    Task,
    Visit,
)
from app.roles import Act
from app.services import access, customer_file, values
from app.services.fields import field_named
from app.services.language.kinds import POINTS
from app.views import pages
from app.views.base import RecordView
from app.views.cells import days_late, task_item, url_to
from app.words import Words, say
from app.workflows.evaluation.saying import BLANK, spoken
from app.workflows.evaluation.standing import Held, grades_of

TEN_THOUSAND = 10_000


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
    tabs_of = (
        Contact,
        Visit,
        Contract,
        CommercialTerm,
        SalesDocument,
        Need,
        ServiceCase,
        Task,
        Admission,
        CustomerClassification,
    )

    def alike_url(self, record: Any) -> str:
        """The same company entered twice is developed twice (B-33)."""
        if not access.principal().may(Act.create, self.resource):
            return ""
        return url_for("DuplicateView.alike", but=record.id if record is not None else None)

    def acts_of(self, record: Any) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
        """Besides what every record offers: what people mostly come here for, to record a visit."""
        primary, acts = super().acts_of(record)
        if primary is None and access.principal().may(Act.create, "visit"):
            url = f"/visit/add?customer_id={record.id}"
            primary = pages.Act(_("Record a visit"), url, icon="map-pin", primary=True)
        return primary, acts

    def figures_of(self, record: Any) -> Iterable[pages.Figure]:
        """What he bought, when he was seen, what is open; each opens to what it is made of."""
        found = customer_file.standing(record.id)
        here = self.url("show", pk=record.id)
        if found.orders is not None:
            yield _bought(found, here)
            yield pages.Figure(
                _("Orders this year"), str(found.orders), url=f"{here}?tab=order", note=_last_order(record)
            )
        if found.visits is not None:
            yield pages.Figure(_("Visits this year"), str(found.visits), url=f"{here}?tab=visit")
        if found.open_cases is not None:
            tone: pages.Tone = "bad" if found.open_cases else ""
            yield pages.Figure(
                _("Open complaints"), str(found.open_cases), tone=tone, url=f"{here}?tab=complaint"
            )
        if found.contracts is not None:
            until = _("until %(day)s", day=found.contract_until.isoformat()) if found.contract_until else ""
            yield pages.Figure(
                _("Contracts in force"), str(found.contracts), note=until, url=f"{here}?tab=contract"
            )

    def banners_of(self, record: Any) -> Iterable[pages.Banner]:
        """The task that is due next, and whether it is late."""
        task = next(iter(due_of(record)), None)
        if task is None or task.due_on is None:
            return
        days = (company.today() - task.due_on).days
        late = days_late(days) if days > 0 else ""
        yield pages.Banner(
            text=_("to be done by %(day)s", day=task.due_on.isoformat()),
            title=" · ".join(filter(None, [str(_("Next: %(what)s", what=task.title)), late])),
            tone="warn" if days >= 0 else "",
            icon="alarm",
            link_url=url_to(task),
            link_text=_("Open the task"),
        )

    def badges_of(self, record: Any) -> Iterable[pages.Cell]:
        """The grade leads to why it is what it is."""
        why = next((_why(record, held) for held in held_by(record) if held.is_own), "")
        for cell in super().badges_of(record):
            yield replace(cell, url=why) if cell.kind == "grade" and why else cell

    def sections_of(self, record: Any) -> tuple[pages.Section, ...]:
        """The fields; why the grade is what it is stands beside them, with the grades themselves."""
        sections = super().sections_of(record)
        if not held_by(record):
            return sections
        reason = field_named(Customer, "grade_reason")
        return tuple(
            replace(
                part, cells=tuple(cell for cell in part.cells if reason is None or cell.label != reason.label)
            )
            for part in sections
        )

    def side_of(self, record: Any) -> Iterable[pages.Panel]:
        """What grades he holds, what is to be done, and whom to call."""
        here = self.url("show", pk=record.id)
        if held_by(record):
            yield pages.Panel(
                Words("评价与等级", "Evaluation and grades"),
                items=tuple(_grade_item(record, held) for held in held_by(record)),
                text=record.grade_reason or "",
            )
        yield pages.Panel(
            _("To do"),
            items=tuple(task_item(task) for task in due_of(record)),
            url=f"{here}?tab=task",
            url_label=_("All"),
            empty=_("Nothing is due."),
        )
        yield pages.Panel(
            _("Contacts"),
            items=tuple(
                pages.Item(
                    contact.name,
                    url=url_to(contact),
                    note=" · ".join(filter(None, [contact.title or "", str(contact.role.words)])),
                )
                for contact in customer_file.contacts(record.id)
            ),
            url=f"{here}?tab=contact",
            url_label=_("All"),
            empty=_("Nobody is named yet."),
        )


def due_of(record: Any) -> list[Task]:
    """The open tasks about a customer; asked for once a request."""
    found: dict[int, list[Task]] = g.setdefault("due_tasks", {})
    if record.id not in found:
        found[record.id] = customer_file.due(record.id)
    return found[record.id]


def held_by(record: Any) -> list[Held]:
    """The grades a customer holds; asked for once a request."""
    found: dict[int, list[Held]] = g.setdefault("held_grades", {})
    if record.id not in found:
        found[record.id] = grades_of("customer", record.id)
    return found[record.id]


def _why(record: Any, held: Held) -> str:
    return url_for("EvaluationView.explain", pk=held.run_id, subject=record.id)


def _grade_item(record: Any, held: Held) -> pages.Item:
    last = held.grades - 1
    tone: pages.Tone = "ok" if held.grade_no == 0 else "bad" if held.grade_no == last else "run"
    return pages.Item(
        held.scheme,
        url=_why(record, held),
        badge=pages.Cell(held.grade, kind="grade", tone=tone),
        note=say(
            "{total} · {first} 至 {last} · 自 {since} 起",
            "{total} · {first} to {last} · since {since}",
            total=spoken(POINTS, held.total, nothing=BLANK),
            first=held.first,
            last=held.last,
            since=held.since,
        ),
    )


def _bought(found: customer_file.Standing, here: str) -> pages.Figure:
    """What he bought this year, against the same days of the last one."""
    now, before = found.bought or Decimal(0), found.bought_before or Decimal(0)
    note: str = ""
    tone: pages.Tone = ""
    if before > 0:
        change = (now - before) / before * 100
        note = _("%(change)s%% against last year", change=f"{change:+.1f}")
        tone = "ok" if change >= 0 else "bad"
    shown = values.show_money((now / TEN_THOUSAND).quantize(Decimal("0.01")))
    return pages.Figure(
        _("Bought this year"), shown, unit=_("10k CNY"), note=note, tone=tone, url=f"{here}?tab=order"
    )


def _last_order(record: Any) -> str:
    day = record.last_order_on
    return str(_("last on %(day)s", day=day.isoformat())) if day else ""


VIEWS = (CustomerView, ContactView, CustomerClassificationView)
