"""How a list is taken out: at once within the limit, by a job where it is long, by a request where it is above the limit."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import flash, redirect, request, send_file, url_for
from werkzeug.wrappers import Response

from app.errors import BadRequest
from app.extensions import company, transaction
from app.models import ExportRequest, ExportStatus
from app.services import access, accounts, exports, records
from app.services.fields import labels_of, listed
from app.views import lists
from app.views.security import visitor
from app.views.web import once
from app.words import say
from app.workflows import exporting

CENTRE = "ExportRequestView"


def list_as_shown(model: type[Any]) -> Response:
    """What a list shows, as a file; above the limit, the form on which to ask for it."""
    resource, kept = access.resource_of(model), lists.url_query(request.args)
    if (first := confirm_first(f"/{resource}/list/?{kept}")) is not None:
        return first
    query, form = lists.query_of(model, request.args), form_asked()
    names = shown_columns(model)
    rows = exports.count(exports.taken(query, names))
    try:
        exports.check_count(rows, exports.limit_of(access.principal()))
    except exports.OverLimit as over:
        flash(str(over.words), "warning")
        return redirect(f"{url_for(f'{CENTRE}.new')}?resource={resource}&form={form}&{kept}", 303)
    return carry_out(exporting.Wish(query, names, form))


def carry_out(wish: exporting.Wish) -> Response:
    """Ask for an export; its file when it is made at once, else the page that says how it stands."""
    with transaction():
        command = once()
        asked = exporting.ask(wish)
        request_id, status, job_id = asked.id, asked.status, asked.job_id
        where = url_for(f"{CENTRE}.show", pk=request_id)
        command.led_to(where)
    if status is not ExportStatus.approved:
        flash(str(say("已提交审批。", "Submitted for approval.")), "success")
        return redirect(where, 303)
    if job_id is not None:
        return redirect(url_for(f"{CENTRE}.progress", pk=request_id), 303)
    exporting.make(request_id)
    return send(request_id)


def send(request_id: int) -> Response:
    """The file of one's own export, as a download."""
    asked, path = exporting.fetch(request_id)
    content = BytesIO(path.read_bytes()) if path.stat().st_size <= SMALL else path
    name, media = file_name(asked), MEDIA[asked.form.value]
    return send_file(content, as_attachment=True, download_name=name, mimetype=media)


SMALL = 1 << 20
"""Bytes sent from memory; a larger file is sent from where it lies."""
MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


def file_name(asked: ExportRequest) -> str:
    """What the file is called where it goes: the kind of record and the day."""
    what = labels_of(records.model_named(asked.resource))
    return f"{what} {company.today():%Y-%m-%d}.{asked.form.value}"


def confirm_first(back: str) -> Response | None:
    """The way to the page that asks for the password, when it was not typed for a while."""
    found = visitor()
    if found is None or accounts.is_confirmed(found):
        return None
    return redirect(url_for("AccountView.confirm", next=back), 303)


def shown_columns(model: type[Any]) -> tuple[str, ...]:
    """The columns the list shows, by their names."""
    offered = {field.name for field in exports.columns(model)}
    fields = lists.columns_of(model, request.args) or lists.in_one_language(list(listed(model)))
    return tuple(field.name for field in fields if field.name in offered)


def form_asked() -> str:
    """The kind of file asked for. Raises `BadRequest`."""
    form = request.values.get("form") or exports.FORMS[0]
    if form not in exports.FORMS:
        raise BadRequest(say("不支持这种文件格式。", "This kind of file is not offered."))
    return form
