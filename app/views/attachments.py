"""Files of records: added on the record's page, always downloaded, never shown as a page of ours."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, send_file, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app import workflows
from app.errors import Refusal
from app.extensions import transaction
from app.models import Attachment
from app.roles import Act
from app.services import access, attachments, records, values
from app.views import pages
from app.views.cells import url_to
from app.views.guards import needs_account
from app.views.web import safe_next

KILO = 1024


class AttachmentView(BaseView):
    """Adding, downloading and removing files."""

    route_base = "/attachment"

    @expose("/add/<resource>/<int:pk>", methods=["POST"])
    @needs_account
    def add(self, resource: str, pk: int) -> Any:
        """Keep a file with a record; who has the record's open step before him may, too."""
        model = records.model_named(resource)
        sent = request.files.get("file")
        back = safe_next(request.form.get("next"), "/")
        try:
            with transaction():
                record = records.find(model, pk)
                name, stream = (sent.filename or "", sent.stream) if sent else ("", None)
                if stream is None:
                    raise attachments.nothing_sent()
                by_duty = workflows.has_open_task(record)
                attachments.attach(record, request.form.get("doc_type", ""), name, stream, by_duty=by_duty)
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
        else:
            flash(_("The file is attached."), "success")
        return redirect(back)

    @expose("/<int:pk>")
    @needs_account
    def download(self, pk: int) -> Any:
        """The file, as a download under the name it came with."""
        file, _record = attachments.find(pk)
        answer = send_file(
            attachments.path_of(file),
            as_attachment=True,
            download_name=file.file_name,
            mimetype="application/octet-stream",
        )
        answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return answer

    @expose("/<int:pk>/remove", methods=["POST"])
    @needs_account
    def remove(self, pk: int) -> Any:
        """Put a file in the bin, unless it is evidence in a running approval."""
        with transaction():
            file, record = attachments.find(pk)
            workflows.check_editable(record)
            attachments.remove(file, record)
            where = url_to(record)
        flash(_("Deleted."), "success")
        return redirect(where or "/")


def attachment_list(record: Any) -> tuple[pages.Attachment, ...]:
    """The files of a record as its page shows them."""
    kinds = {kind.code: records.title_of(kind) for kind in attachments.types()}
    return tuple(_shown(file, kinds) for file in attachments.files_of(record))


def _shown(file: Attachment, kinds: dict[str, str]) -> pages.Attachment:
    size = f"{max(1, file.size // KILO):,} kB"
    note = " · ".join(
        filter(None, [kinds.get(file.doc_type or "", ""), size, values.show_moment(file.created_at)])
    )
    return pages.Attachment(
        name=file.file_name, url=url_for("AttachmentView.download", pk=file.id), note=note
    )


def attach_act(record: Any, back: str, wanted: tuple[pages.Choice, ...] = ()) -> pages.Act:
    """The button that adds a file; `wanted` are the kinds asked for, else all there are."""
    kinds = wanted or tuple(pages.Choice(kind.code, records.title_of(kind)) for kind in attachments.types())
    return pages.Act(
        _("Attach a file"),
        url=url_for("AttachmentView.add", resource=access.resource_of(type(record)), pk=record.id),
        method="post",
        icon="paperclip",
        fields=(
            pages.Field(
                name="doc_type",
                label=_("Kind of document"),
                kind="choice",
                choices=kinds,
                value=kinds[0].value if kinds else "",
            ),
            pages.Field(
                name="file",
                label=_("File"),
                kind="file",
                required=True,
                accept=".pdf,.png,.jpg,.jpeg,.doc,.docx,.xls,.xlsx,.txt,.csv",
            ),
        ),
        hidden=(("next", back),),
    )


def may_attach(record: Any) -> bool:
    """Whether this person may add files to the record."""
    return records.may_change(record, Act.edit) or workflows.has_open_task(record)
