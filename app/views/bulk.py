"""Acts on many records: how far one is, what was refused and why, and the way back."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app.extensions import transaction
from app.models import JobStatus
from app.services import records
from app.services.fields import labels_of
from app.views import cells, pages
from app.views.base import fragment
from app.views.forms import new_cmd
from app.views.guards import needs_account
from app.views.web import once
from app.words import Words
from app.workflows import bulk_acts
from app.workflows.bulk_acts import Course


class BulkView(BaseView):
    """Every act on many records is its asker's alone."""

    route_base = "/bulk"

    @expose("/<int:pk>")
    @needs_account
    def show(self, pk: int) -> Any:
        """How far it is; once it is over, what became of each."""
        course = bulk_acts.find(pk)
        if not course.is_over:
            return render_template("job.html", page=_progress(course))
        return render_template("record/list.html", page=_result(course))

    @expose("/<int:pk>/progress")
    @needs_account
    def progress(self, pk: int) -> Any:
        """How far the job is; asked every two seconds."""
        return render_template("job.html", page=_progress(bulk_acts.find(pk)), fragment=fragment("progress"))

    @expose("/<int:pk>/undo", methods=["POST"])
    @needs_account
    def undo(self, pk: int) -> Any:
        """Take it back."""
        with transaction():
            command = once()
            where = url_for("BulkView.show", pk=bulk_acts.take_back(pk))
            command.led_to(where)
        return redirect(where, 303)


def _title(course: Course) -> str:
    what = labels_of(records.model_named(course.resource))
    return str(_("%(act)s: %(what)s", act=course.verb.words, what=what))


def _crumbs(course: Course) -> tuple[pages.Crumb, ...]:
    what = labels_of(records.model_named(course.resource))
    return pages.Crumb(what, f"/{course.resource}/list/"), pages.Crumb(_title(course))


def _progress(course: Course) -> pages.JobProgress:
    job = course.job
    return pages.JobProgress(
        title=_title(course),
        state=job.status.words,
        running=not course.is_over,
        done=job.done_units,
        total=job.total_units,
        tone="run" if not course.is_over else "ok",
        poll_url=url_for("BulkView.progress", pk=job.id),
        next_url=url_for("BulkView.show", pk=job.id),
        crumbs=_crumbs(course),
    )


def _result(course: Course) -> pages.ListPage:
    model = records.model_named(course.resource)
    told = _("%(done)s done, %(refused)s refused.", done=f"{course.done:,}", refused=f"{course.refusals:,}")
    cut = course.job.status is not JobStatus.done
    undo = pages.Act(
        _("Undo"),
        url=url_for("BulkView.undo", pk=course.job.id),
        method="post",
        icon="arrow-back-up",
        hidden=(("_cmd", new_cmd()),),
        confirm=_("Take it back in all %(n)s records?", n=f"{course.done:,}"),
    )
    return pages.ListPage(
        title=_title(course),
        resource="bulk",
        crumbs=_crumbs(course),
        banners=tuple(_banners(course, str(told), cut=cut)),
        acts=(undo,) if course.may_undo else (),
        columns=(
            pages.Column("title", _("Record"), wide_on_phone=True),
            pages.Column("why", _("Why it was refused"), wide_on_phone=True),
        ),
        rows=tuple(
            pages.Row(
                str(one.id),
                "" if one.title.startswith("#") else cells.place_of(model, one.id),
                (pages.Cell(one.title), pages.Cell(one.why)),
            )
            for one in course.refused
        ),
    )


def _banners(course: Course, told: str, *, cut: bool) -> Any:
    yield pages.Banner(told, tone="bad" if cut else "warn" if course.refused else "ok")
    if cut:
        said = course.job.message
        why = Words(said["zh"], said["en"]) if said else _("It was cut off; the rest is as it was.")
        yield pages.Banner(why, tone="bad")
    if course.undone_by is not None:
        link = url_for("BulkView.show", pk=course.undone_by)
        yield pages.Banner(_("This was taken back."), link_url=link)
