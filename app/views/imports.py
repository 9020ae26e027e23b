"""Bringing files in, in three steps over one run: choose a file, see what it would do, see what it did.

Small files are judged and written while the person waits, large ones by a job whose progress the page asks for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, send_file, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from app.errors import BadInput, BadRequest, Problem, Refusal
from app.extensions import transaction
from app.models import ImportAlike, ImportMode, ImportRun
from app.roles import Act
from app.services import access, commands, imports, values
from app.services.imports.staging import digest_of
from app.views import import_pages
from app.views.guards import needs_account
from app.views.security import visitor
from app.views.web import once, page_number
from app.words import say
from app.workflows import uploads

MB = 1024 * 1024


class TooLarge(Refusal):
    """More was sent than this person may send at once."""

    code = "too_large"
    status = 413


class ImportView(BaseView):
    """The import screens; every run is its owner's alone."""

    route_base = "/import"

    def create_blueprint(self, *args: Any, **kwargs: Any) -> Blueprint:
        """The blueprint, with the size of uploads settled before any body is read."""
        blueprint: Blueprint = super().create_blueprint(*args, **kwargs)
        blueprint.url_value_preprocessor(settle_size)
        return blueprint

    @expose("/")
    @needs_account
    def index(self) -> Any:
        """What may be brought in, and what this person brought in so far."""
        number = page_number(request.args)
        runs = uploads.mine(import_pages.SIZE + 1, skip=(number - 1) * import_pages.SIZE)
        return render_template("record/list.html", page=import_pages.index_page(runs, number))

    @expose("/new", methods=["GET", "POST"])
    @needs_account
    def new(self) -> Any:
        """Step 1: the file, its sheet, what its rows may do."""
        found = allowed(request.args.get("resource", ""))
        if request.method == "GET":
            return render_template("import/upload.html", page=import_pages.upload_page(found))
        try:
            run_id = receive(found.name, sent_file(), asked_by(request.form), **how_by(request.form))
        except (commands.AlreadyDone, commands.KeyUsed):
            raise
        except FileRefused as refused:
            return self._refused(refused)
        except Refusal as refusal:
            if refusal.status not in {400, 422}:
                raise
            page = import_pages.upload_page(found, refusal)
            return render_template("import/upload.html", page=page), 422
        return redirect(url_for("ImportView.show", pk=run_id), 303)

    def _refused(self, refused: FileRefused) -> Any:
        """The file is refused as a whole; where only its columns are not understood, they can be said."""
        run = uploads.find(refused.run_id)
        if isinstance(refused.why, BadInput) and uploads.path_of(run.id).exists():
            return render_template("import/check.html", page=import_pages.columns_page(run)), 422
        page = import_pages.upload_page(allowed(run.resource), refused.why)
        return render_template("import/upload.html", page=page), 422

    @expose("/template/<resource>")
    @needs_account
    def template(self, resource: str) -> Any:
        """A workbook to fill in."""
        found = allowed(resource)
        content = BytesIO()
        imports.write_template(found.name, content)
        content.seek(0)
        return send_file(content, as_attachment=True, download_name=f"{found.label}.xlsx", mimetype=XLSX)

    @expose("/<int:pk>")
    @needs_account
    def show(self, pk: int) -> Any:
        """Steps 2 and 3: what the file would do, how far it is, what it did."""
        template, page = import_pages.page_of(
            uploads.find(pk),
            request.args.get("tab", ""),
            page_number(request.args),
            alike="alike" in request.args,
        )
        return render_template(template, page=page)

    @expose("/<int:pk>/progress")
    @needs_account
    def progress(self, pk: int) -> Any:
        """How far the job is; asked every two seconds."""
        page = import_pages.progress_of(uploads.find(pk))
        fragment = "progress" if request.headers.get("HX-Request") else ""
        return render_template("job.html", page=page, fragment=fragment)

    @expose("/<int:pk>/again", methods=["POST"])
    @needs_account
    def again(self, pk: int) -> Any:
        """Judge the file once more, with its columns as they are said now."""
        run = uploads.find(pk)
        here = url_for("ImportView.show", pk=pk)
        try:
            with transaction():
                command = once()
                uploads.again(pk, asked_again(run))
                command.led_to(here)
            uploads.judge(pk)
        except BadInput as refusal:
            flash(str(refusal.words), "danger")
        except Refusal as refusal:
            if isinstance(refusal, commands.AlreadyDone) or refusal.status == 404:  # noqa: PLR2004 (not found)
                raise
            flash(str(refusal.words), "danger")
        return redirect(here, 303)

    @expose("/<int:pk>/apply", methods=["POST"])
    @needs_account
    def apply(self, pk: int) -> Any:
        """Write what was judged."""
        here = url_for("ImportView.show", pk=pk)
        with transaction():
            command = once()
            uploads.start(pk)
            command.led_to(here)
        uploads.write(pk)
        return redirect(here, 303)

    @expose("/<int:pk>/cancel", methods=["POST"])
    @needs_account
    def cancel(self, pk: int) -> Any:
        """Give it up; nothing was written."""
        uploads.discard(pk)
        flash(_("Nothing was imported."), "success")
        return redirect(url_for("ImportView.index"), 303)

    @expose("/<int:pk>/undo", methods=["POST"])
    @needs_account
    def undo(self, pk: int) -> Any:
        """Take back what was written."""
        here = url_for("ImportView.show", pk=pk)
        with transaction():
            command = once()
            uploads.take_back(pk)
            command.led_to(here)
        try:
            uploads.undo(pk)
        except Refusal as refusal:
            flash(str(refusal.words), "danger")
        return redirect(here, 303)

    @expose("/<int:pk>/refused")
    @needs_account
    def refused(self, pk: int) -> Any:
        """The refused rows as a workbook: the sender's own columns, and why."""
        return refused_workbook(uploads.find(pk))


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def refused_workbook(run: ImportRun) -> Any:
    """The refused rows of a run, as a download."""
    content = BytesIO()
    imports.write_refused(run.id, content)
    content.seek(0)
    name = _("%(file)s, refused rows.xlsx", file=Path(run.file_name).stem)
    return send_file(content, as_attachment=True, download_name=name, mimetype=XLSX)


# ---- what is sent ------------------------------------------------------------------------------------------


def settle_size(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """How much this person may send; who may import large files may send more. Asked before the body is read.

    Raises `TooLarge`.
    """
    who = access.asking() if request.method == "POST" else None
    if who is None:
        return
    resource = request.args.get("resource") or (_values or {}).get("resource", "")
    large = who.may(Act.bring_in_large, resource)
    limit = current_app.config["UPLOAD_LARGE_MAX_MB" if large else "UPLOAD_MAX_MB"]
    request.max_content_length = (limit + 1) * MB  # the file, and the form around it
    if (request.content_length or 0) > request.max_content_length:
        raise TooLarge(
            say(
                "文件超过 {limit} MB。请拆成几个文件，或只保留需要导入的工作表。",
                "The file has more than {limit} MB. Split it, or keep only the sheet to import.",
                limit=limit,
            )
        )


def allowed(resource: str) -> imports.Resource:
    """A record type this person may bring in. Raises `NotFound`, `NotAllowed`."""
    found = imports.resource(resource)
    access.principal().check(Act.bring_in, found.name)
    return found


def sent_file() -> FileStorage:
    """The file of the form. Raises `BadInput` when none was chosen."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise BadInput([Problem(say("请选择文件。", "Choose a file."), "file")])
    return sent


def asked_by(form: Any) -> uploads.Asked:
    """How the sender wants his file to be read."""
    return uploads.Asked(
        sheet=form.get("sheet", "").strip() or None,
        key=form.get("key", "").strip() or None,
        opening=form.get("opening", "") in {"1", "true"},
        alike=_alike_by(form) or ImportAlike.create.value,
    )


def _alike_by(form: Any) -> str:
    """What becomes of rows that are called as a record is; nothing where the form does not say. Raises `BadRequest`."""
    word: str = form.get("alike", "")
    if word and word not in ImportAlike.__members__:
        raise BadRequest(say("没有这种导入方式。", "There is no such way to import."))
    return word


def how_by(form: Any) -> dict[str, Any]:
    """What the rows may do, and why opening data is entered."""
    word = form.get("mode") or ImportMode.upsert.value
    if word not in ImportMode.__members__:
        raise BadRequest(say("没有这种导入方式。", "There is no such way to import."))
    return {"mode": ImportMode[word], "reason": form.get("reason", "").strip()}


def asked_again(run: ImportRun) -> uploads.Asked:
    """What was asked before, with the columns as the form says them now."""
    before = uploads.Asked.restored(run.mapping.get("asked"))
    said = {
        name.removeprefix(import_pages.COLUMN): request.form[name] or None
        for name in request.form
        if name.startswith(import_pages.COLUMN)
    }
    sheet = request.form.get("sheet", before.sheet or "") or None
    if sheet != before.sheet:
        said = {}
    alike = _alike_by(request.form) or before.alike
    return replace(before, sheet=sheet, columns=said or before.columns, alike=alike)


@dataclass
class FileRefused(Exception):
    """A file refused as a whole, with the run that says so."""

    run_id: int
    why: Refusal


def receive(resource: str, sent: FileStorage, asked: uploads.Asked, **how: Any) -> int:
    """Keep a file and judge it, unless a job does; its run. The same form with the same file is taken once.

    Raises `FileRefused`, and what `uploads.accept` raises.
    """
    path = uploads.take_in(sent.stream)
    name = values.clean_line(Path((sent.filename or "").replace("\\", "/")).name)[:200] or "file"
    try:
        digest, asked = digest_of(path), replace(asked, large=uploads.is_large(path))
        with transaction():
            command = _claim(digest)
            run_id = uploads.accept(resource, name, path, asked, **how)
            command.led_to(url_for("ImportView.show", pk=run_id), {"id": run_id})
    finally:
        path.unlink(missing_ok=True)
    try:
        uploads.judge(run_id)
    except Refusal as refusal:
        raise FileRefused(run_id, refusal) from refusal
    return run_id


def _claim(digest: str) -> commands.Command:
    """A form goes back for another file under its old number: the number and the file together are claimed."""
    found = visitor()
    key = request.headers.get("Idempotency-Key") or request.form.get("_cmd", "")
    if found is None or not key:
        return commands.Command(None)
    sent_by_form = "Idempotency-Key" not in request.headers
    return commands.begin(f"{key[:36]}.{digest[:20]}" if sent_by_form else key, found.user_id, digest)
