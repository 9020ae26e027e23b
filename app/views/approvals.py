"""The inbox and the page of a request: deciding, alone and several at once, and going on to the next."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app import workflows
from app.errors import Refusal
from app.extensions import db, transaction
from app.services import records, values
from app.views import approvals_inbox, approvals_page
from app.views.approvals_inbox import list_args, waiting
from app.views.guards import needs_account

__all__ = ["ApprovalView", "waiting"]

NOT_FOUND = 404


class ApprovalView(BaseView):
    """What waits for a decision, and deciding."""

    route_base = "/approval"

    @expose("/")
    @expose("/<any(todo, done, mine, cc):drawer>")
    @needs_account
    def inbox(self, drawer: str = "todo") -> Any:
        """One drawer of the inbox."""
        return render_template("approval/inbox.html", page=approvals_inbox.inbox_page(drawer))

    @expose("/show/<int:pk>")
    @needs_account
    def show(self, pk: int) -> Any:
        """One request, with everything its decision needs."""
        page = approvals_page.page_of(workflows.open_case(pk), approvals_inbox.carried(request.args))
        return render_template("approval/page.html", page=page)

    @expose("/<int:pk>/<verb>", methods=["POST"])
    @needs_account
    def act(self, pk: int, verb: str) -> Any:
        """Carry out an act, and go on to the next; refused, the page comes again with what was typed."""
        carried = list_args(request.form.get("list", ""))
        try:
            with transaction():
                result = workflows.act(pk, verb, **_given())
        except Refusal as refusal:
            if refusal.status == NOT_FOUND:
                raise
            db.session.rollback()
            refused = approvals_page.Refused(refusal, verb, request.form)
            page = approvals_page.page_of(workflows.open_case(pk), carried, refused)
            return render_template("approval/page.html", page=page), refusal.status
        flash(_("Already carried out.") if result.replayed else _("Done."), "success")
        return redirect(_next_after(pk, verb, carried), 303)

    @expose("/bulk", methods=["POST"])
    @needs_account
    def bulk(self) -> Any:
        """Approve what was picked, and say what came of each."""
        carried = list_args(request.form.get("list", ""))
        outcomes = workflows.approve_together(
            _picked(), comment=request.form.get("comment"), idem_key=request.form.get("_cmd") or None
        )
        back = url_for("ApprovalView.inbox", **carried)
        return render_template("approval/results.html", page=approvals_inbox.results_page(outcomes, back))

    @expose("/read", methods=["POST"])
    @needs_account
    def read(self) -> Any:
        """Note that copies were read."""
        with transaction():
            workflows.mark_read(id_ for id_, _seen in _picked())
        return redirect(url_for("ApprovalView.inbox", drawer="cc"), 303)

    @expose("/submit/<resource>/<int:pk>", methods=["POST"])
    @needs_account
    def submit(self, resource: str, pk: int) -> Any:
        """Submit a record for approval."""
        model = records.model_named(resource)
        here = url_for(f"{model.__name__}View.show", pk=pk)
        try:
            with transaction():
                record = records.find(model, pk)
                workflows.submit(record, idem_key=request.form.get("_cmd") or None)
        except Refusal as refusal:
            if refusal.status == NOT_FOUND:
                raise
            for problem in getattr(refusal, "problems", None) or [refusal]:
                flash(str(problem.words), "danger")
            return redirect(here, 303)
        flash(_("Submitted for approval."), "success")
        return redirect(here, 303)


def _given() -> Any:
    """What the form sent, as the engine takes it."""
    form = request.form
    fields = {name.removeprefix("field."): form[name] for name in form if name.startswith("field.")}
    fields |= {name: "" for name in form.getlist("_has") if name not in fields}
    given: dict[str, Any] = {
        "comment": form.get("comment"),
        "fields": fields,
        "content_hash": form.get("content_hash") or None,
        "idem_key": form.get("_cmd") or None,
        "target": form.get("target") or None,
        "place": form.get("place", "parallel"),
    }
    for name in ("seen_version", "to", "task_id"):
        given[name] = values.whole(form.get(name, ""))
    return given


def _picked() -> list[tuple[int, int | None]]:
    """The requests that were picked, each as `id-version` of what was seen."""
    found = []
    for text in request.values.getlist("ids"):
        id_, _dash, seen = text.partition("-")
        if key := values.whole(id_):
            found.append((key, values.whole(seen)))
    return found


FINISHING = frozenset({"approve", "reject", "send_back", "transfer"})
"""The acts after which a request waits for one no more; after others one stays on its page."""


def _next_after(pk: int, verb: str, carried: dict[str, Any]) -> str:
    """What follows in the list one works through; its inbox when nothing is left."""
    if verb not in FINISHING or not request.form.get("go_on"):
        return url_for("ApprovalView.show", pk=pk, **carried)
    left = [id_ for id_ in workflows.waiting_ids(approvals_inbox.asked_of(carried)) if id_ != pk]
    if not left:
        return url_for("ApprovalView.inbox", **carried)
    following = values.whole(request.form.get("next", ""))
    chosen = following if following in left else left[0]
    return url_for("ApprovalView.show", pk=chosen, **carried)
