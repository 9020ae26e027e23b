"""Stand-ins: who decides for me while I am away, named by myself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import flash, redirect
from flask_appbuilder import expose
from flask_babel import gettext as _
from werkzeug import Response

from app.extensions import transaction
from app.models import ApprovalStandin
from app.roles import Act
from app.services import access, records
from app.views import pages
from app.views.base import RecordView
from app.views.guards import needs
from app.workflows import standins

MINE = "principal_id"


class ApprovalStandinView(RecordView):
    """For whom somebody decides is never typed: everybody names stand-ins for himself alone."""

    model = ApprovalStandin
    area = "today"

    def dressed(self, page: pages.FormPage) -> pages.FormPage:
        """The form without the one who is away: that is who fills it in."""
        sections = tuple(
            replace(part, fields=tuple(one for one in part.fields if one.name != MINE))
            for part in page.sections
        )
        return replace(super().dressed(page), sections=sections)

    def save_new(self, sent: dict[str, str]) -> Any:
        return records.create(self.model, {**sent, MINE: str(access.principal().employee_id or "")})

    def save_change(self, record: Any, sent: dict[str, str], version_no: int | None) -> None:
        records.change(record, {**sent, MINE: str(record.principal_id)}, version_no)

    def acts_of(self, record: Any) -> tuple[pages.Act | None, tuple[pages.Act, ...]]:
        primary, acts = super().acts_of(record)
        if not standins.is_in_force(record) or not records.may_change(record):
            return primary, ()
        revoke = pages.Act(
            _("Revoke"),
            url=self.url("revoke", pk=record.id),
            method="post",
            tone="bad",
            confirm=_("From now on nobody decides for you any more by this."),
        )
        return primary, (*acts, revoke)

    @expose("/revoke/<int:pk>", methods=["POST"])
    @needs(Act.edit)
    def revoke(self, pk: int) -> Response:
        """End it now."""
        with transaction():
            standins.revoke(pk)
        flash(_("Revoked."), "success")
        return redirect(self.url("show", pk=pk), 303)


VIEWS = (ApprovalStandinView,)
