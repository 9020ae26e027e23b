"""Today: what waits for this person, what is due, and his notices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import format_date, gettext as _
from sqlalchemy import and_, func, select
from sqlalchemy.orm import joinedload

from app import workflows
from app.columns import Tone, now
from app.extensions import company, db, transaction
from app.models import (
    Contract,
    ContractStatus,
    Customer,
    Lifecycle,
    Notice,
    ServiceCase,
    Task,
    TaskStatus,
    Visit,
    VisitStatus,
)
from app.roles import Act
from app.services import access, records, searching, values
from app.services.customer_file import OPEN_CASES
from app.services.fields import fields_of, labels_of, models_by_resource
from app.views import menu, pages
from app.views.cells import LINKED, place_of, task_item, url_to
from app.views.guards import needs_account
from app.views.lists import LONGEST_SEARCH
from app.words import Words, language

SHOWN = 8
_DATE = {"zh": "M月d日，EEEE", "en": "EEEE, d MMMM"}


class HomeView(BaseView):
    """The page everybody starts on, his notices, and the search over everything he may read."""

    route_base = ""
    default_view = "today"

    @expose("/")
    @needs_account
    def today(self) -> Any:
        """What waits, what is due, what is new."""
        who = access.principal()
        page = pages.HomePage(
            title=_("Today"),
            date=format_date(company.today(), _DATE[language.get()]),
            acts=tuple(_acts(who)),
            figures=tuple(_figures(who)),
            panels=(*_own_panels(who), _approval_panel(), _notice_panel(who)),
        )
        return render_template("home.html", page=page)

    @expose("/notices")
    @needs_account
    def notices(self) -> Any:
        """All notices of this person, the newest first."""
        page = pages.HomePage(title=_("Notices"), panels=(_notice_panel(access.principal(), most=100),))
        return render_template("home.html", page=page)

    @expose("/notices/read", methods=["POST"])
    @needs_account
    def read(self) -> Any:
        """Mark all notices of this person as read."""
        with transaction():
            for notice in db.session.scalars(select(Notice).where(Notice.read_at.is_(None))):
                notice.read_at = now()
        return redirect("/notices")

    @expose("/search")
    @needs_account
    def search(self) -> Any:
        """Every kind of record this person may read, by name, code or number."""
        text = request.args.get("q", "").strip()[:LONGEST_SEARCH]
        groups = tuple(_found(text)) if text else ()
        page = pages.SearchPage(
            query=text, groups=groups, note="" if groups or not text else _("Nothing found.")
        )
        return render_template("search.html", page=page)


FIRST = ("customer", "contact", "contract", "admission", "order", "product", "complaint", "task", "employee")
"""What people look for first; the other record types come after it."""
MOST_PLACES = 6


def _found(text: str) -> Iterable[pages.Panel]:
    """Screens and acts by name, then records, all by the tokens of the lists' own search."""
    yield from _places(text)
    who, models = access.principal(), models_by_resource()
    held = searching.types_with(text.split())
    for resource in dict.fromkeys((*FIRST, *models)):
        model = models[resource]
        is_asked = model.__tablename__ in held or any(field.sealed for field in fields_of(model))
        if not is_asked or model.__name__ not in LINKED or not who.may(Act.read, resource):
            continue
        items = tuple(
            pages.Item(title, url=place_of(model, id_), note=note)
            for id_, title, note in records.pick(model, text, limit=SHOWN)
        )
        if items:
            more = f"/{resource}/list/?{urlencode({'q': text})}" if len(items) == SHOWN else ""
            yield pages.Panel(labels_of(model), items=items, url=more, url_label=_("All"))


def _places(text: str) -> Iterable[pages.Panel]:
    """Screens of the menu, and what can be made there, by their names."""
    entries = [entry for entry in menu.entries_of(access.principal()) if _named(entry, text)]
    if screens := tuple(pages.Item(entry.label, url=entry.url) for entry in entries[:MOST_PLACES]):
        yield pages.Panel(_("Screens"), items=screens)
    made = [entry for entry in entries if menu.makes(entry, access.principal())]
    if acts := tuple(
        pages.Item(_("New: %(what)s", what=entry.label), url=f"/{entry.resource}/add")
        for entry in made[:MOST_PLACES]
    ):
        yield pages.Panel(_("Actions"), items=acts)


def _named(entry: menu.Entry, text: str) -> bool:
    return all(searching.fits((entry.label.zh, entry.label.en), term) for term in text.split())


def _own_panels(who: access.Principal) -> Iterable[pages.Panel]:
    """What is his to do, of the kinds of record he may read."""
    if who.may(Act.read, "task"):
        yield _task_panel(_tasks(who))
    if who.may(Act.read, "visit"):
        yield _visit_panel(who)


def _tasks(who: access.Principal) -> list[Task]:
    mine = select(Task).where(Task.owner_id == who.employee_id, Task.status == TaskStatus.open)
    return list(db.session.scalars(mine.order_by(Task.due_on).limit(SHOWN)))


def _task_panel(tasks: list[Task]) -> pages.Panel:
    return pages.Panel(
        labels_of(Task),
        items=tuple(task_item(task) for task in tasks),
        url="/task/list/?in.status=open",
        url_label=_("All"),
        empty=_("Nothing is due."),
    )


def _approval_panel() -> pages.Panel:
    """What waits for this person's decision, the newest first."""
    waiting = workflows.inbox("todo", size=SHOWN)[:SHOWN]
    items = tuple(
        pages.Item(
            item.title,
            url=f"/approval/show/{item.request_id}",
            note=" · ".join(filter(None, [str(item.flow), str(item.step or ""), item.submitter])),
            badge=pages.Cell(_("Overdue"), "badge", "bad") if item.is_overdue else None,
        )
        for item in waiting
    )
    return pages.Panel(
        _("Waiting for me"),
        items=items,
        url="/approval/",
        url_label=_("All"),
        empty=_("No request waits for you."),
        column="right",
    )


def _notice_panel(who: access.Principal, most: int = SHOWN) -> pages.Panel:
    found = db.session.scalars(
        select(Notice).where(Notice.recipient_id == who.employee_id).order_by(Notice.id.desc()).limit(most)
    )
    items = tuple(
        pages.Item(
            notice.text_zh if language.get() == "zh" else notice.text_en,
            url=_object_url(notice),
            note=values.show_moment(notice.raised_at),
            badge=pages.Cell(notice.kind.words, kind="badge", tone=notice.kind.tone),
        )
        for notice in found
    )
    return pages.Panel(
        _("Notices"),
        items=items,
        url="/notices",
        url_label=_("All"),
        empty=_("No notices."),
        act=pages.Act(_("Mark all as read"), url="/notices/read", method="post") if items else None,
        column="right",
    )


ENGINES = {"approval_request": "approval", "approval_flow_version": "flow", "eval_run": "evaluation"}
"""Where the pages of what engines keep lie."""


def _object_url(notice: Notice) -> str:
    """The page of what a notice is about."""
    if notice.object_type is None:
        return ""
    if notice.object_type in ENGINES:
        return f"/{ENGINES[notice.object_type]}/show/{notice.object_id}"
    found = [
        name for name, model in models_by_resource().items() if model.__tablename__ == notice.object_type
    ]
    return f"/{found[0]}/show/{notice.object_id}" if found else ""


def _visit_panel(who: access.Principal) -> pages.Panel:
    """His visits of the next days, and those that are past and not recorded."""
    mine = select(Visit).where(Visit.owner_id == who.employee_id, Visit.status == VisitStatus.planned)
    shown = mine.options(joinedload(Visit.customer)).order_by(Visit.planned_on).limit(SHOWN)
    found = db.session.scalars(shown)
    today = company.today()
    items = tuple(
        pages.Item(
            records.title_of(visit.customer),
            url=url_to(visit),
            lead=visit.planned_on.isoformat(),
            note=visit.kind.words,
            badge=pages.Cell(_("To be recorded"), "badge", "warn") if visit.planned_on < today else None,
        )
        for visit in found
    )
    return pages.Panel(
        _("Planned visits"),
        items=items,
        url="/visit/list/?in.status=planned",
        url_label=_("All"),
        empty=_("No visit is planned."),
    )


def _acts(who: access.Principal) -> Iterable[pages.Act]:
    """What people come here to write down."""
    if who.may(Act.create, "visit"):
        yield pages.Act(_("Record a visit"), "/visit/add", icon="map-pin")
    if who.may(Act.create, "complaint"):
        yield pages.Act(_("Record a complaint"), "/complaint/add", icon="headset")


def _figures(who: access.Principal) -> Iterable[pages.Figure]:
    """How many there are of what he looks after, each figure opening to its list; one statement for all."""
    today = company.today()
    soon = today + timedelta(days=60)
    offered: tuple[tuple[pages.Text, type[Any], Any, str, Tone], ...] = (
        (
            Words("合作中客户", "Active customers"),
            Customer,
            Customer.status == Lifecycle.active,
            "/customer/list/?in.status=active",
            "",
        ),
        (
            _("Overdue tasks"),
            Task,
            and_(Task.status == TaskStatus.open, Task.due_on < today),
            f"/task/list/?in.status=open&to.due_on={today - timedelta(days=1)}",
            "bad",
        ),
        (
            _("Visits to be recorded"),
            Visit,
            and_(Visit.status == VisitStatus.planned, Visit.planned_on < today),
            f"/visit/list/?in.status=planned&to.planned_on={today - timedelta(days=1)}",
            "warn",
        ),
        (
            _("Open complaints"),
            ServiceCase,
            ServiceCase.status.in_(OPEN_CASES),
            "/complaint/list/?in.status=received,investigating",
            "",
        ),
        (
            _("Contracts ending in 60 days"),
            Contract,
            and_(Contract.status == ContractStatus.effective, Contract.expires_on.between(today, soon)),
            f"/contract/list/?in.status=effective&from.expires_on={today}&to.expires_on={soon}",
            "warn",
        ),
    )
    shown = [one for one in offered if who.may(Act.read, access.resource_of(one[1]))]
    limited = [select(one[1].id).where(one[2]).limit(records.MOST_COUNTED + 1).subquery() for one in shown]
    if not shown:
        return
    totals = db.session.execute(
        select(*(select(func.count()).select_from(rows).scalar_subquery() for rows in limited))
    ).one()
    for (label, _model, _condition, url, tone), total in zip(shown, totals, strict=True):
        text = f"{records.MOST_COUNTED:,}+" if total > records.MOST_COUNTED else f"{total:,}"
        yield pages.Figure(label, text, url=url, tone=tone if total else "")
