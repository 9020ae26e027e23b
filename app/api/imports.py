"""Bringing files in as JSON: the path of the screens, for programs.

`POST /api/v1/imports/<resource>` takes a file as multipart (`file`; `sheet`, `mode`, `key`, `alike`, `opening`,
`reason`, `mapping` as JSON `{head: field}`) and judges it; nothing is written before `POST /api/v1/imports/<id>/apply`.
Large files are worked on in the background: `GET /api/v1/imports/<id>` says how far they are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.api import BaseApi

from app.errors import BadRequest
from app.extensions import transaction
from app.models import ImportRun, Verdict
from app.services import imports
from app.services.imports import preview
from app.views.guards import needs_account
from app.views.imports import (
    FileRefused,
    allowed,
    asked_by,
    how_by,
    receive,
    refused_workbook,
    sent_file,
    settle_size,
)
from app.views.web import once, page_number
from app.words import Words, say
from app.workflows import uploads

SIZE = 100


class ImportApi(BaseApi):
    """`/api/v1/imports/`."""

    resource_name = "imports"
    csrf_exempt = False

    def create_blueprint(self, *args: Any, **kwargs: Any) -> Blueprint:
        """The blueprint, with the size of uploads settled before any body is read."""
        blueprint: Blueprint = super().create_blueprint(*args, **kwargs)
        blueprint.url_value_preprocessor(settle_size)
        return blueprint

    @expose("/<resource>", methods=["POST"])
    @needs_account
    def bring_in(self, resource: str) -> tuple[Response, int]:
        """Send a file; 201 with what it would do, 202 while it is judged in the background."""
        found = allowed(resource)
        try:
            run_id = receive(found.name, sent_file(), _asked(), **how_by(request.form))
        except FileRefused as refused:
            raise refused.why from refused
        run = uploads.find(run_id)
        return jsonify(run_of(run)), 202 if run.job_id else 201

    @expose("/<int:pk>", methods=["GET"])
    @needs_account
    def one(self, pk: int) -> Response:
        """Where an import stands: status, counts, progress."""
        return jsonify(run_of(uploads.find(pk)))

    @expose("/<int:pk>/rows/<any(new, changed, same, refused):verdict>", methods=["GET"])
    @needs_account
    def rows(self, pk: int, verdict: str) -> Response:
        """Rows of one verdict, a hundred a page: values with what stands there now, and reasons."""
        run = uploads.find(pk)
        lines = preview.lines(run, Verdict[verdict], first=(page_number(request.args) - 1) * SIZE, most=SIZE)
        return jsonify(result=[_line(line) for line in lines])

    @expose("/<int:pk>/refused.xlsx", methods=["GET"])
    @needs_account
    def refused(self, pk: int) -> Any:
        """The refused rows as a workbook: the sender's own columns, and why."""
        return refused_workbook(uploads.find(pk))

    @expose("/<int:pk>/apply", methods=["POST"])
    @needs_account
    def apply(self, pk: int) -> tuple[Response, int]:
        """Write what was judged; `Idempotency-Key` names this very call."""
        with transaction():
            command = once()
            uploads.start(pk)
            command.led_to("", {"id": pk})
        uploads.write(pk)
        run = uploads.find(pk)
        return jsonify(run_of(run)), 202 if run.job_id else 200

    @expose("/<int:pk>/cancel", methods=["POST"])
    @needs_account
    def cancel(self, pk: int) -> Response:
        """Give an import up that is not written."""
        uploads.discard(pk)
        return jsonify(run_of(uploads.find(pk)))

    @expose("/<int:pk>/undo", methods=["POST"])
    @needs_account
    def undo(self, pk: int) -> tuple[Response, int]:
        """Take back what was written; refused where somebody went on with it."""
        with transaction():
            command = once()
            uploads.take_back(pk)
            command.led_to("", {"id": pk})
        uploads.undo(pk)
        run = uploads.find(pk)
        return jsonify(run_of(run)), 202 if uploads.is_undoing(run) else 200


def _asked() -> uploads.Asked:
    asked = asked_by(request.form)
    text = request.form.get("mapping", "")
    if not text:
        return asked
    try:
        wish = imports.Wish.parse(json.loads(text))
    except ValueError as error:
        raise BadRequest(say("mapping 不是有效的 JSON。", "mapping is no valid JSON.")) from error
    return replace(asked, columns=wish.columns)


def run_of(run: ImportRun) -> dict[str, Any]:
    """An import as JSON."""
    job = uploads.job_of(run)
    problem = Words(run.problem["zh"], run.problem["en"]) if run.problem else None
    return {
        "id": run.id,
        "resource": run.resource,
        "file": run.file_name,
        "sheet": run.sheet,
        "mode": run.mode.value,
        "key": run.key_field,
        "status": run.status.value,
        "problem": str(problem) if problem else None,
        "columns": {head: name for _number, head, name in run.mapping.get("heads", [])},
        "rows": {
            "total": run.rows_total,
            "new": run.rows_created,
            "changed": run.rows_updated,
            "same": run.rows_unchanged,
            "refused": run.rows_refused,
            "alike": run.mapping.get("alike", 0),
        },
        "job": {"status": job.status.value, "done": job.done_units, "total": job.total_units}
        if job
        else None,
    }


def _line(line: preview.Line) -> dict[str, Any]:
    return {
        "row": line.number,
        "title": line.title,
        "alike": line.alike or None,
        "id": line.record.id if line.record is not None else None,
        "values": {name: cell.text for name, cell in line.cells.items()},
        "before": {name: cell.old for name, cell in line.cells.items() if cell.old is not None},
        "reasons": [{"column": one.head, "typed": one.typed, "message": one.text} for one in line.reasons],
    }
