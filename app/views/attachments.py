"""Files of records: added on the record's page, downloaded, and, pictures and PDF, shown in a sandbox, never as a page of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from flask import flash, g, redirect, request, send_file, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app import workflows
from app.columns import Tone
from app.errors import BadInput, NotFound, Problem, Refusal
from app.extensions import company, transaction
from app.models import EXTRA, Attachment
from app.roles import Act
from app.services import access, attachments, records, values
from app.services.fields import Field, field_named
from app.views import pages
from app.views.cells import url_to
from app.views.forms import one_input
from app.views.guards import needs_account
from app.views.web import safe_next
from app.words import say

KILO = 1024
LOCKED = "sandbox; default-src 'none'"
SHOWN = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
SOON = timedelta(days=60)
"""So long before a document ends its end is said loudly (B-14)."""


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
                kind = request.form.get("doc_type", "")
                if kind.startswith(EXTRA):
                    workflows.check_editable(record)
                attachments.attach(record, kind, name, stream, by_duty=by_duty, about=_about())
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
        answer.headers["Content-Security-Policy"] = LOCKED
        return answer

    @expose("/<int:pk>/view")
    @needs_account
    def view(self, pk: int) -> Any:
        """A picture or PDF as the browser shows it: under its fixed type, in a sandbox; what else it claims to be is ignored."""
        file, _record = attachments.find(pk)
        if file.media_type not in attachments.PREVIEWED:
            raise NotFound(
                say("这种文件不能预览，请下载。", "This kind of file has no preview: download it.")
            )
        answer = send_file(attachments.path_of(file), mimetype=file.media_type, download_name=file.file_name)
        answer.headers["Content-Security-Policy"] = SHOWN
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    @expose("/<int:pk>/verify", methods=["POST"])
    @needs_account
    def verify(self, pk: int) -> Any:
        """Say that the file was looked at and is what it claims."""
        where = "/"
        try:
            with transaction():
                file, record = attachments.find(pk)
                where = url_to(record) or "/"
                attachments.verify(file, record)
        except NotFound:
            raise
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
        else:
            flash(_("The file is verified."), "success")
        return redirect(safe_next(request.form.get("next"), where), 303)

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
        return redirect(safe_next(request.form.get("next"), where or "/"), 303)


SAID = ("valid_from", "valid_to", "is_confidential")
"""What is asked of a file besides its kind."""


def _fields() -> list[Field]:
    return [field for name in SAID if (field := field_named(Attachment, name))]


def _about() -> attachments.About:
    """What the form said of the file. Raises `BadInput`."""
    said: dict[str, Any] = {}
    for field in _fields():
        try:
            said[field.name] = values.parse(field, request.form.get(field.name))
        except values.BadValue as error:
            raise BadInput([Problem(error.words, field.name)]) from error
    return attachments.About(**said, replaces=values.whole(request.form.get("replaces", "")))


def attachment_list(record: Any, back: str = "") -> tuple[pages.Attachment, ...]:
    """The documents of a record as its page shows them: the newest version of each, the former ones under it."""
    kinds = {choice.value: choice.label for choice in _kinds(record)}
    add = _add_act(record, back or url_to(record), ()) if may_attach(record) else None
    return tuple(
        _shown(file, kinds, former, acts=() if add is None else _acts(file, add))
        for file, former in attachments.latest(attachments.files_of(record))
    )


def _kinds(record: Any) -> tuple[pages.Choice, ...]:
    """What a file may be: what an added field asks for, and the kinds of document there are."""
    asked = (
        pages.Choice(field.name, field.label) for field in attachments.file_fields(type(record), of=record)
    )
    if "kinds_of_documents" not in g:  # the list of files and the form for another both ask
        g.kinds_of_documents = attachments.types()
    return (*asked, *(pages.Choice(kind.code, records.title_of(kind)) for kind in g.kinds_of_documents))


def _shown(
    file: Attachment, kinds: dict[str, pages.Text], former: list[Attachment], *, acts: tuple[pages.Act, ...]
) -> pages.Attachment:
    size = f"{max(1, file.size // KILO):,} kB"
    facts = [
        kinds.get(file.doc_type or "", ""),
        size,
        values.show_moment(file.created_at),
        _("version %(number)s", number=file.version) if file.version > 1 else "",
        _("verified on %(day)s", day=values.show_moment(file.verified_at)[:10]) if file.verified_at else "",
    ]
    seen = file.media_type in attachments.PREVIEWED
    return pages.Attachment(
        name=file.file_name,
        url=url_for("AttachmentView.download", pk=file.id),
        note=" · ".join(filter(None, map(str, facts))),
        icon="photo" if file.media_type.startswith("image/") else "file-text",
        acts=acts,
        preview_url=url_for("AttachmentView.view", pk=file.id) if seen else "",
        is_picture=file.media_type.startswith("image/"),
        badges=tuple(_badges(file)),
        former=tuple(_shown(old, kinds, [], acts=()) for old in former),
    )


def _badges(file: Attachment) -> Iterable[pages.Cell]:
    """How long it holds, and whether it is confidential."""
    if file.is_confidential:
        yield pages.Cell(_("confidential"), "badge", "warn")
    if file.valid_to is not None:
        yield _validity(file.valid_to)


def _validity(end: date) -> pages.Cell:
    today = company.today()
    if end < today:
        return pages.Cell(_("expired on %(day)s", day=end.isoformat()), "badge", "bad")
    tone: Tone = "warn" if end - today <= SOON else "ok"
    return pages.Cell(_("valid until %(day)s", day=end.isoformat()), "badge", tone)


def _acts(file: Attachment, add: pages.Act) -> tuple[pages.Act, ...]:
    """What may be done with one document: a newer version, its verification, the bin."""
    newer = replace(
        add,
        label=_("New version"),
        icon="",
        fields=tuple(field for field in add.fields if field.name != "doc_type"),
        hidden=(*add.hidden, ("replaces", str(file.id))),
        rare=True,
    )
    found = [newer]
    if file.verified_at is None and file.created_by_id != access.principal().user_id:
        url = url_for("AttachmentView.verify", pk=file.id)
        found.append(pages.Act(_("Verify"), url=url, method="post", hidden=add.hidden, rare=True))
    removal = pages.Act(
        _("Delete"),
        url=url_for("AttachmentView.remove", pk=file.id),
        method="post",
        tone="bad",
        confirm=_("Put this file in the recycle bin?"),
        hidden=add.hidden,
        rare=True,
    )
    return (*found, removal)


def attach_act(record: Any, back: str, wanted: tuple[pages.Choice, ...] = ()) -> pages.Act:
    """The button that adds a file; `wanted` are the kinds asked for, else all there are."""
    return _add_act(record, back, wanted or _kinds(record))


def _add_act(record: Any, back: str, kinds: tuple[pages.Choice, ...]) -> pages.Act:
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
                accept=",".join(attachments.ENDINGS),
            ),
            *(one_input(field, "", name=field.name, required=False) for field in _fields()),
        ),
        hidden=(("next", back),),
    )


def may_attach(record: Any) -> bool:
    """Whether this person may add files to the record."""
    return records.may_change(record, Act.edit) or workflows.has_open_task(record)
