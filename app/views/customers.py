"""Customers and their contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from flask import g, url_for
from flask_babel import gettext as _

from app.columns import Tone
from app.extensions import company
from app.models import (
    AccountEntry,
    Admission,
    ApprovalRequest,
    CommercialTerm,
    Contact,
    Contract,
    Customer,
    CustomerClassification,
    EvalAppeal,
    EvalFeedback,
    Interaction,
    Lifecycle,
    Need,
    Opportunity,
    PolicyKey,
    Project,
    Risk,
    SalesDocument,
    ServiceCase,
    Task,
    Visit,
)
from app.roles import Act
from app.services import access, classes, customer_file, records, values
from app.services.fields import field_named, labels_of
from app.services.language.kinds import POINTS
from app.views import pages
from app.views.base import Group, RecordView
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
        *(Contact, Visit, Interaction, Opportunity, Need, Project),
        *(Admission, Contract, CommercialTerm, SalesDocument, ServiceCase),
        *(CustomerClassification, EvalFeedback, EvalAppeal, Risk, AccountEntry, Task),
    )
    groups = (
        Group("contact", Words("联系人", "Contacts"), (Contact,)),
        Group("followup", Words("跟进与拜访", "Follow-up"), (Visit, Interaction, Opportunity, Need, Project)),
        Group(
            "trade",
            Words("合同与订单", "Contracts and orders"),
            (Admission, Contract, CommercialTerm, SalesDocument),
        ),
        Group("complaint", Words("投诉与服务", "Service"), (ServiceCase,)),
        Group(
            "customer_classification",
            Words("评价与等级", "Grades"),
            (CustomerClassification, EvalFeedback, EvalAppeal),
        ),
        Group("risks", Words("风险与信用", "Risk and credit"), (Risk, AccountEntry)),
        Group("task", Words("任务", "Tasks"), (Task,)),
    )
    stories: ClassVar[dict[str, Words]] = {
        "approvals": Words("审批", "Approvals"),
        "files": Words("附件", "Files"),
        "story": Words("动态", "Timeline"),
    }

    files_tab = "files"

    def alike_url(self, record: Any) -> str:
        """The same company entered twice is developed twice (B-33)."""
        if not access.principal().may(Act.create, self.resource):
            return ""
        return url_for("CustomerDuplicateView.alike", but=record.id if record is not None else None)

    def acts_of(self, record: Any) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
        """Besides what every record offers: what people mostly come here for, to record a visit."""
        primary, acts = super().acts_of(record)
        if primary is None and access.principal().may(Act.create, "visit"):
            url = f"/visit/add?customer_id={record.id}"
            primary = pages.Act(_("Record a visit"), url, icon="map-pin", primary=True)
        return primary, acts

    def figures_of(self, record: Any) -> Iterable[pages.Figure]:
        """What he bought, when he was seen, what is open; each opens to what it is made of."""
        found = customer_file.standing(record.id, lacking_of(record))
        here = self.url("show", pk=record.id)
        if found.orders is not None:
            yield _bought(found, here)
            yield pages.Figure(
                _("Orders this year"), str(found.orders), url=f"{here}?tab=order", note=_last_order(record)
            )
        if found.visits is not None:
            yield pages.Figure(_("Visits this year"), str(found.visits), url=f"{here}?tab=visit")
        if found.open_cases is not None:
            tone: Tone = "bad" if found.open_cases else ""
            yield pages.Figure(
                _("Open complaints"), str(found.open_cases), tone=tone, url=f"{here}?tab=complaint"
            )
        if found.contracts is not None:
            until = _("until %(day)s", day=found.contract_until.isoformat()) if found.contract_until else ""
            yield pages.Figure(
                _("Contracts in force"), str(found.contracts), note=until, url=f"{here}?tab=contract"
            )

    def lacking(self, record: Any) -> frozenset[type[Any]]:
        """The tabs that are empty for everybody."""
        return lacking_of(record)

    def counts_of(self, record: Any) -> dict[str, int]:
        """How much there is to decide, to read and to look back at."""
        return customer_file.counts(record, lacking_of(record))

    def story_of(self, record: Any, tab: str) -> Iterable[pages.TimelineItem]:
        """Everything that happened with the customer, or every request for a decision about him."""
        if tab == "story":
            return map(_told, customer_file.happened(record.id))
        if tab == "approvals":
            return map(_asked_for, customer_file.requests(record.id))
        return ()

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
        yield _completeness(record, self.url("edit", pk=record.id))
        if controls := tuple(_controls(record)):
            yield pages.Panel(Words("当前生效的控制", "Controls in force"), items=controls)
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
                for contact in ([] if Contact in lacking_of(record) else customer_file.contacts(record.id))
            ),
            url=f"{here}?tab=contact",
            url_label=_("All"),
            empty=_("Nobody is named yet."),
        )


def _told(event: customer_file.Event) -> pages.TimelineItem:
    status = getattr(event.record, "status", None)
    marks = () if status is None else (pages.Cell(status.words, "badge", status.tone),)
    return pages.TimelineItem(
        title=f"{labels_of(type(event.record))} · {records.title_of(event.record)}",
        when=values.show_moment(event.at),
        url=url_to(event.record),
        marks=marks,
        tone="ok",
    )


def _asked_for(request: ApprovalRequest) -> pages.TimelineItem:
    done = request.closed_at is not None
    return pages.TimelineItem(
        title=request.title,
        when=values.show_moment(request.opened_at),
        url=url_for("ApprovalView.show", pk=request.id),
        marks=(pages.Cell(request.status.words, "badge", request.status.tone),),
        tone="ok" if done else "now",
    )


def _completeness(record: Any, edit_url: str) -> pages.Panel:
    """How much of what is due at this stage is filled, what is missing, and whether the file was looked at lately."""
    filled, missing = customer_file.completeness(record)
    total = filled + len(missing)
    percent = 100 * filled // total if total else 100
    may = records.may_change(record)
    review = customer_file.review_due(record)
    stale = (
        (
            pages.Item(
                _("The file is due for review"),
                note=_("since %(day)s", day=review.isoformat()),
                badge=pages.Cell(_("stale"), "badge", "warn"),
            ),
        )
        if review <= company.today()
        else ()
    )
    return pages.Panel(
        Words("档案完整度", "Completeness of the file"),
        text=say(
            "{percent}%（{filled}/{total} 项）",
            "{percent} % ({filled} of {total})",
            percent=percent,
            filled=filled,
            total=total,
        ),
        percent=percent,
        items=(
            *(pages.Item(_("missing: %(what)s", what=label)) for label in missing[:6]),
            *(
                pages.Item(label, note=day.isoformat(), badge=pages.Cell(_("stale"), "badge", "warn"))
                for label, day in customer_file.outdated(record)
            ),
            *stale,
        ),
        url=edit_url if may and missing else "",
        url_label=_("Fill in"),
    )


def _controls(record: Any) -> Iterable[pages.Item]:
    """What is not free with this customer now, and why."""
    if record.status in {Lifecycle.suspended, Lifecycle.ended}:
        yield pages.Item(
            _("No new business"),
            note=_("The customer is %(state)s.", state=record.status.words),
            badge=pages.Cell(record.status.words, "badge", record.status.tone),
        )
    seen = {field.name for field in records.visible_fields(Customer, of=record)}
    if "credit_limit" in seen and record.credit_limit is not None:
        limit = values.show_money(record.credit_limit)
        yield pages.Item(
            _("Nothing on account")
            if record.credit_limit == 0
            else _("On account up to %(limit)s", limit=limit),
            note=_("The credit limit of the file."),
        )
    classified = CustomerClassification not in lacking_of(record)
    for one in classes.treatment(record.id) if classified else ():
        if one.key is not PolicyKey.credit or "credit_limit" in seen:
            yield _treated(record, one)
    if record.is_key:
        yield pages.Item(_("Key customer: visited and reviewed more often"), note=_("Marked in the file."))


def _treated(record: Any, one: classes.Treatment) -> pages.Item:
    """What a class asks for, with the class as the reason, since when, and the way to the evaluation it comes from."""
    may_read = one.eval_run_id is not None and access.principal().may(Act.read, "eval_run")
    return pages.Item(
        say(
            "{what}：{number}",
            "{what}: {number}",
            what=one.key.words,
            number=values.show_number(one.number),
        ),
        url=url_for("EvaluationView.explain", pk=one.eval_run_id, subject=record.id) if may_read else "",
        note=say(
            "因{scheme}为“{value}”，自 {since} 起{reason}",
            "{scheme} is “{value}” since {since}{reason}",
            scheme=one.scheme,
            value=one.value,
            since=one.since,
            reason=f" · {one.reason}" if one.reason else "",
        ),
    )


def lacking_of(record: Any) -> frozenset[type[Any]]:
    """What a customer has nothing of; asked for once a request."""
    found: dict[int, frozenset[type[Any]]] = g.setdefault("lacking", {})
    if record.id not in found:
        found[record.id] = customer_file.lacking(record.id)
    return found[record.id]


def due_of(record: Any) -> list[Task]:
    """The open tasks about a customer; asked for once a request."""
    found: dict[int, list[Task]] = g.setdefault("due_tasks", {})
    if record.id not in found:
        found[record.id] = [] if Task in lacking_of(record) else customer_file.due(record.id)
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
    tone: Tone = "ok" if held.grade_no == 0 else "bad" if held.grade_no == last else "run"
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
    tone: Tone = ""
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
