"""Today: what waits for this person, what is due, and his notices."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _
from sqlalchemy import func, select

from app.columns import now
from app.extensions import company, db, transaction
from app.models import Customer, Notice, Task, TaskStatus
from app.roles import Act
from app.services import access, records, values
from app.services.fields import labels_of, models_by_resource
from app.views import pages
from app.views.cells import url_to
from app.views.guards import needs_account
from app.views.lists import LONGEST_SEARCH
from app.words import language

SHOWN = 8


class HomeView(BaseView):
    """The page everybody starts on, his notices, and the search over everything he may read."""

    route_base = ""
    default_view = "today"

    @expose("/")
    @needs_account
    def today(self) -> Any:
        """What waits, what is due, what is new."""
        who = access.principal()
        tasks = _tasks(who)
        page = pages.HomePage(
            title=_("Today"),
            date=company.today().isoformat(),
            figures=tuple(_figures(who, tasks)),
            panels=(_task_panel(tasks), _notice_panel(who)),
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


SEARCHED = (
    "customer",
    "contact",
    "contract",
    "admission",
    "order",
    "product",
    "complaint",
    "task",
    "employee",
)


def _found(text: str) -> Any:
    who = access.principal()
    models = models_by_resource()
    for resource in SEARCHED:
        if not who.may(Act.read, resource):
            continue
        rows = records.pick(models[resource], text, limit=SHOWN)
        items = tuple(
            pages.Item(title, url=f"/{resource}/show/{id_}", note=note) for id_, title, note in rows
        )
        if items:
            yield pages.Panel(labels_of(models[resource]), items=items)


def _tasks(who: access.Principal) -> list[Task]:
    if not who.may(Act.read, "task"):
        return []
    mine = select(Task).where(Task.owner_id == who.employee_id, Task.status == TaskStatus.open)
    return list(db.session.scalars(mine.order_by(Task.due_on).limit(SHOWN)))


def _task_panel(tasks: list[Task]) -> pages.Panel:
    today = company.today()
    items = tuple(
        pages.Item(
            task.title,
            url=url_to(task),
            note=task.due_on.isoformat() if task.due_on else "",
            badge=pages.Cell(_("Overdue"), kind="badge", tone="bad")
            if task.due_on and task.due_on < today
            else None,
        )
        for task in tasks
    )
    return pages.Panel(
        _("My tasks"), items=items, url="/task/list/", url_label=_("All"), empty=_("Nothing is due.")
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
            badge=pages.Cell(notice.kind.words, kind="badge", tone=notice.kind.tone),  # type: ignore[arg-type]
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


def _object_url(notice: Notice) -> str:
    """The page of what a notice is about."""
    if notice.object_type is None:
        return ""
    if notice.object_type == "approval_request":
        return f"/approval/show/{notice.object_id}"
    found = [
        name for name, model in models_by_resource().items() if model.__tablename__ == notice.object_type
    ]
    return f"/{found[0]}/show/{notice.object_id}" if found else ""


def _figures(who: access.Principal, tasks: list[Task]) -> Any:
    yield pages.Figure(_("Open tasks"), str(len(tasks)), url="/task/list/")
    if who.may(Act.read, "customer"):
        limited = select(Customer.id).limit(records.MOST_COUNTED + 1)
        total = db.session.scalar(select(func.count()).select_from(limited.subquery())) or 0
        shown = f"{records.MOST_COUNTED:,}+" if total > records.MOST_COUNTED else f"{total:,}"
        yield pages.Figure(_("Customers"), shown, url="/customer/list/")
