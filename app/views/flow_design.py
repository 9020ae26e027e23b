"""The flow designer: flows drawn, checked, tried on real records, compared and published, without a programmer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import gettext as _

from app.errors import BadInput, BadRequest, NotFound, Problem, Refusal, Stale
from app.extensions import transaction
from app.models import ApprovalFlowVersion, FlowStatus
from app.roles import Act
from app.services import values
from app.services.fields import labels_of
from app.views import flow_design_forms as typed, flow_design_pages as shown, forms, pages
from app.views.base import fragment
from app.views.cells import LINKED
from app.views.flow_design_lines import tongues
from app.views.guards import needs
from app.views.web import once, yaml_file
from app.words import Words, say
from app.workflows import conditions, designing, subjects
from app.workflows.describing import Describer
from app.workflows.designing import VERSION, Body

TITLE = shown.TITLE
LARGEST_FILE = 256 * 1024
Lines = list[conditions.Line]
AT = {
    "when": Words("适用条件", "Applies when"),
    "comment_when": Words("须填意见的情形", "A comment is needed when"),
    "approve_when": Words("可以同意的条件", "May be approved when"),
    "applies": Words("流程适用于", "The flow covers"),
}
"""What the conditions of a step and of the flow are called, by the name they have in the document."""


LINKED.add(ApprovalFlowVersion.__name__)


class ApprovalFlowVersionView(BaseView):
    """Flows and their versions."""

    route_base = "/flow"
    resource = VERSION
    class_permission_name = VERSION

    @expose("/")
    @needs(Act.read)
    def list(self) -> Any:
        """Every flow with its versions."""
        return render_template("record/list.html", page=shown.list_page(), fragment=fragment("chips results"))

    # ---- a new flow ----------------------------------------------------------------------------------------

    @expose("/new", methods=["GET", "POST"])
    @needs(Act.create)
    def new(self) -> Any:
        """Begin a flow: its code, names and record type."""
        if request.method == "GET":
            return render_template("record/form.html", page=_new_form())
        form = request.form
        names = {tongue: form.get(f"name_{tongue}", "").strip() for tongue in ("zh", "en")}
        try:
            with transaction():
                command = once()
                version = designing.begin(form.get("code", "").strip(), form.get("object_type", ""), names)
                where = url_for("ApprovalFlowVersionView.show", pk=version.id)
                command.led_to(where)
        except BadInput as refusal:
            return render_template("record/form.html", page=_new_form(refusal)), refusal.status
        return redirect(where, 303)

    @expose("/bring-in", methods=["GET", "POST"])
    @needs(Act.create)
    def bring_in(self) -> Any:
        """A YAML file as a new draft."""
        if request.method == "GET":
            return render_template("record/form.html", page=_file_form())
        try:
            text = _sent_text()
            with transaction():
                command = once()
                version = designing.bring_in(text)
                where = url_for("ApprovalFlowVersionView.show", pk=version.id)
                command.led_to(where)
        except BadInput as refusal:
            return render_template("record/form.html", page=_file_form(refusal)), refusal.status
        flash(_("Brought in as a new draft."), "success")
        return redirect(where, 303)

    # ---- a version -----------------------------------------------------------------------------------------

    @expose("/show/<int:pk>")
    @needs(Act.read)
    def show(self, pk: int) -> Any:
        """A version: its picture, its steps, what the check found."""
        return render_template("flows/page.html", page=shown.version_page(designing.find(pk)))

    @expose("/<int:pk>/change", methods=["POST"])
    @needs(Act.create)
    def change(self, pk: int) -> Any:
        """A new draft of this version."""
        with transaction():
            command = once()
            version = designing.take_up(designing.find(pk))
            where = url_for("ApprovalFlowVersionView.show", pk=version.id)
            command.led_to(where)
        flash(_("A new draft: version %(n)s.", n=version.edition), "success")
        return redirect(where, 303)

    @expose("/<int:pk>/check", methods=["POST"])
    @needs(Act.edit)
    def check(self, pk: int) -> Any:
        """Check a draft; what was found stays with it."""
        with transaction():
            found = designing.check(pk)
        if found:
            flash(_("The check found %(n)s points.", n=len(found)), "warning")
        else:
            flash(_("The check found nothing."), "success")
        return redirect(f"{url_for('ApprovalFlowVersionView.show', pk=pk)}#findings", 303)

    @expose("/<int:pk>/publish", methods=["POST"])
    @needs(Act.publish)
    def publish(self, pk: int) -> Any:
        """Let new requests run on a draft; by somebody else than its authors."""
        done = _("Published: new requests run on this version.")
        return _put_forward(pk, designing.publish, done)

    @expose("/<int:pk>/propose", methods=["POST"])
    @needs(Act.submit)
    def propose(self, pk: int) -> Any:
        """Submit a draft for approval, where publishing takes one."""
        return _put_forward(pk, designing.propose, _("Submitted for approval."))

    @expose("/<int:pk>/discard", methods=["POST"])
    @needs(Act.edit)
    def discard(self, pk: int) -> Any:
        """Throw a draft away."""
        with transaction():
            designing.discard(pk, request.form.get("seen", ""))
        flash(_("The draft is gone."), "success")
        return redirect(url_for("ApprovalFlowVersionView.list"), 303)

    @expose("/<int:pk>/yaml")
    @needs(Act.read)
    def take_out(self, pk: int) -> Any:
        """A version as a YAML file, as packs hold it."""
        version = designing.find(pk)
        return yaml_file(designing.written(version), f"{version.body['code']}-{version.edition}")

    @expose("/compare/<int:pk>/<int:other>")
    @needs(Act.read)
    def compare(self, pk: int, other: int) -> Any:
        """What one version says otherwise than another of the same flow."""
        first, second = designing.find(pk), designing.find(other)
        if first.flow_id != second.flow_id:
            raise NotFound(say("两个版本不属于同一流程。", "These are versions of different flows."))
        return render_template("record/list.html", page=shown.compare_page(first, second))

    @expose("/try/<int:pk>")
    @needs(Act.read)
    def trial(self, pk: int) -> Any:
        """The ways the last real records would take."""
        version, number = designing.find(pk), request.args.get("n", str(shown.SIZES[1]))
        if number not in {str(size) for size in shown.SIZES}:
            raise BadRequest(say("请选择记录条数。", "Choose how many records."))
        try:
            return render_template("record/list.html", page=shown.trial_page(version, int(number)))
        except Refusal as refusal:
            flash(_("It cannot be tried before it can be read: %(why)s", why=refusal.words), "warning")
            return redirect(url_for("ApprovalFlowVersionView.show", pk=pk), 303)

    # ---- its steps -----------------------------------------------------------------------------------------

    @expose("/<int:pk>/steps", methods=["POST"])
    @needs(Act.edit)
    def steps(self, pk: int) -> Any:
        """Add a step, take one out, move one."""
        form = request.form
        key, where = form.get("key", ""), url_for("ApprovalFlowVersionView.show", pk=pk)
        names = {tongue: form.get(f"name_{tongue}", "") for tongue in ("zh", "en")}
        acts: dict[str, Callable[[Body], object]] = {
            "add": lambda body: designing.add_step(body, names),
            "drop": lambda body: designing.drop_step(body, key),
            "up": lambda body: designing.shift_step(body, key, -1),
            "down": lambda body: designing.shift_step(body, key, 1),
        }
        act = acts.get(form.get("do", ""))
        if act is None:
            raise BadRequest(say("没有这个操作。", "There is no such act."))
        with transaction():
            command = once()
            version = designing.change(pk, form.get("seen", ""), act)
            if form["do"] == "add":
                where = url_for("ApprovalFlowVersionView.step", pk=pk, key=version.body["steps"][-1]["key"])
            command.led_to(where)
        return redirect(where, 303)

    @expose("/step/<int:pk>/<key>", methods=["GET", "POST"])
    @needs(Act.edit)
    def step(self, pk: int, key: str) -> Any:
        """The form of a step."""
        version = _draft(pk)
        if request.method == "GET":
            flaws = shown.flaws_of(version, key)
            form = typed.StepForm(typed.copied(version.body), key, flaws.fields, _conditions_at(pk, key))
            return render_template("record/form.html", page=_step_page(version, form, flaws=flaws))
        do = request.form.get("do", "")

        def edit(body: Body) -> None:
            form = typed.StepForm(body, key)
            form.take()
            typed.drop_seats(form.step)
            if do == "add_seat":
                typed.add_seat(form.step)

        here = url_for("ApprovalFlowVersionView.step", pk=pk, key=key)
        where = here if do else f"{url_for('ApprovalFlowVersionView.show', pk=pk)}#step-{key}"
        return _saved(pk, edit, where, lambda refusal: _step_refused(pk, key, refusal))

    @expose("/settings/<int:pk>", methods=["GET", "POST"])
    @needs(Act.edit)
    def settings(self, pk: int) -> Any:
        """The form of what a flow says beside its steps, with its parameters."""
        version = _draft(pk)
        if request.method == "GET":
            flaws = shown.flaws_of(version, "")
            form = typed.FlowForm(typed.copied(version.body), flaws.fields, _conditions_at(pk))
            return render_template("record/form.html", page=_settings_page(version, form, flaws=flaws))
        where = url_for("ApprovalFlowVersionView.show", pk=pk)
        return _saved(pk, lambda body: typed.FlowForm(body).take(), where, lambda r: _settings_refused(pk, r))

    # ---- tables of conditions ------------------------------------------------------------------------------

    @expose("/ways/<int:pk>/<key>", methods=["GET", "POST"])
    @needs(Act.edit)
    def ways(self, pk: int, key: str) -> Any:
        """Where a step leads, as a decision table."""
        version = _draft(pk)
        step, catalogue = designing.step_of(version.body, key), conditions.catalogue_of(version.body)
        targets = shown.targets_of(version.body, key)

        def page(
            lines: Sequence[conditions.Line], columns: Sequence[str], refusal: Refusal | None = None
        ) -> Any:
            name = Describer(version.body).step_name(key)
            table = shown.Table(columns, lines, getattr(refusal, "problems", ()), targets)
            return _grid(version, catalogue, table, refusal,
                         title=_('Ways on from "%(step)s"', step=name),
                         hint=_("From top to bottom, the first row that holds counts. In a row every cell must hold."),
                         otherwise=shown.onward(version.body, key))  # fmt: skip

        def edit(lines: Lines) -> Callable[[Body], None]:
            known = {target.value for target in targets}
            found = conditions.ways_of([line for line in lines if line.to in known], catalogue)
            return lambda body: designing.put(designing.step_of(body, key), "next", found)

        return _table(pk, catalogue, conditions.lines_of_ways(step.get("next", ()), catalogue), page, edit)

    @expose("/condition/<int:pk>", methods=["GET", "POST"])
    @needs(Act.edit)
    def condition(self, pk: int) -> Any:
        """One condition of a step or of the flow, as a table of alternatives."""
        version, key, at = _draft(pk), request.args.get("step", ""), request.args.get("at", "")
        catalogue = conditions.catalogue_of(version.body)
        place, under = designing.conditioned(version.body, key, at)

        def page(
            lines: Sequence[conditions.Line], columns: Sequence[str], refusal: Refusal | None = None
        ) -> Any:
            named = [Describer(version.body).step_name(key) if key else name_words(version)]
            named += [] if at in AT else [tongues(place.get("name") or version.body["name"])]
            table = shown.Table(columns, lines, getattr(refusal, "problems", ()))
            title = say(
                "{place}：{what}",
                "{place}: {what}",
                place=" · ".join(map(str, named)),
                what=AT.get(at, ONLY_WHEN),
            )
            return _grid(version, catalogue, table, refusal, title=AT[at] if at == "applies" else title,
                         hint=_("The rows are alternatives: one of them must hold. In a row every cell must hold."),
                         none=_("Without rows it always holds."))  # fmt: skip

        def edit(lines: Lines) -> Callable[[Body], None]:
            found = conditions.condition_of(lines, catalogue)
            return lambda body: designing.put(designing.conditioned(body, key, at)[0], under, found)

        return _table(pk, catalogue, conditions.lines_of(place.get(under), catalogue), page, edit)


ONLY_WHEN = Words("仅当", "Only when")


def _conditions_at(pk: int, key: str = "") -> Callable[[str], str]:
    """Where the condition of a place of a step, or of the flow, is filled in."""
    return lambda at: url_for("ApprovalFlowVersionView.condition", pk=pk, at=at, step=key or None)


def name_words(version: ApprovalFlowVersion) -> Words:
    return tongues(version.body["name"])


def _put_forward(pk: int, act: Callable[..., None], done: str) -> Any:
    """Publish a draft or ask for it, with the warnings taken note of; what stands against it is told."""
    try:
        with transaction():
            act(pk, request.form.get("seen", ""), acknowledged=bool(request.form.get("noted")))
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        for problem in getattr(refusal, "problems", None) or [refusal]:
            flash(str(problem.words), "danger")
    else:
        flash(done, "success")
    return redirect(url_for("ApprovalFlowVersionView.show", pk=pk), 303)


# ---- saving ------------------------------------------------------------------------------------------------


def _draft(pk: int) -> ApprovalFlowVersion:
    """A version that can still be changed; another one has no forms."""
    version = designing.find(pk)
    if version.status is not FlowStatus.draft:
        raise NotFound(say("该版本已不是草稿，不能修改。", "This version is no draft any more."))
    return version


def _saved(pk: int, edit: Callable[[Body], object], where: str, refused: Callable[[Refusal], Any]) -> Any:
    """Change a draft in one transaction and go on; a refusal gives the form back with what was typed."""
    try:
        with transaction():
            command = once()
            designing.change(pk, request.form.get("seen", ""), edit)
            command.led_to(where)
    except (BadInput, Stale) as refusal:
        return refused(refusal)
    flash(_("Saved."), "success")
    return redirect(where, 303)


def _told(refusal: Refusal | None) -> tuple[pages.Problem, ...]:
    if isinstance(refusal, Stale):
        return ()
    problems = getattr(refusal, "problems", None) or ([refusal] if refusal else [])
    return tuple(pages.Problem(one.words, field=one.field or "") for one in problems)


def _errors(refusal: Refusal | None) -> Mapping[str, Sequence[Words]]:
    found: dict[str, list[Words]] = {}
    for problem in getattr(refusal, "problems", ()):
        found.setdefault(problem.field or "", []).append(problem.words)
    return found


def _hidden(version: ApprovalFlowVersion) -> pages.Pairs:
    return (("seen", request.form.get("seen") or version.body_hash),)


# ---- forms -------------------------------------------------------------------------------------------------


def _new_form(refusal: Refusal | None = None) -> pages.FormPage:
    form, errors = request.form, _errors(refusal)

    def one(name: str, label: str, **more: Any) -> pages.Field:
        return pages.Field(name, label, value=form.get(name, ""), required=True,
                           errors=tuple(errors.get(name, ())), **more)  # fmt: skip

    types = tuple(pages.Choice(name, labels_of(found.model)) for name, found in subjects.subjects.items())
    fields = (
        one("name_zh", _("Chinese name"), maxlength=80),
        one("name_en", _("English name"), maxlength=80),
        one(
            "code",
            _("Code"),
            help=_("Small letters, digits and underscores; it never changes."),
            maxlength=60,
        ),
        one("object_type", _("Record type"), kind="choice", choices=types),
    )
    return pages.FormPage(
        title=_("New flow"),
        action_url=request.path,
        sections=(pages.Section("flow", "", fields=fields),),
        crumbs=(
            pages.Crumb(shown.TITLE, url_for("ApprovalFlowVersionView.list")),
            pages.Crumb(_("New flow")),
        ),
        problems=_told(refusal),
        cmd=forms.new_cmd(),
        cancel_url=url_for("ApprovalFlowVersionView.list"),
    )


def _file_form(refusal: Refusal | None = None) -> pages.FormPage:
    field = pages.Field("file", _("File"), "file", required=True, accept=".yaml,.yml", wide=True,
                        help=_('A flow as "Take out as YAML" gives it.'))  # fmt: skip
    return pages.FormPage(
        title=_("Bring in a YAML file"),
        action_url=request.path,
        sections=(pages.Section("file", "", fields=(field,)),),
        crumbs=(
            pages.Crumb(shown.TITLE, url_for("ApprovalFlowVersionView.list")),
            pages.Crumb(_("Bring in a YAML file")),
        ),
        problems=_told(refusal),
        cmd=forms.new_cmd(),
        cancel_url=url_for("ApprovalFlowVersionView.list"),
        submit_label=_("Bring in"),
        multipart=True,
    )


def _sent_text() -> str:
    file = request.files.get("file")
    content = file.read(LARGEST_FILE + 1) if file else b""
    if not content or len(content) > LARGEST_FILE:
        words = say("请选择一个不超过 256 KB 的 YAML 文件。", "Choose a YAML file of at most 256 KB.")
        raise BadInput([Problem(words, "file")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        words = say("文件不是 UTF-8 文本。", "The file is no UTF-8 text.")
        raise BadInput([Problem(words, "file")]) from error


def _step_page(
    version: ApprovalFlowVersion,
    form: typed.StepForm,
    refusal: Refusal | None = None,
    flaws: shown.Flaws | None = None,
) -> pages.FormPage:
    name = form.describer.step_name(form.key)
    return pages.FormPage(
        title=name,
        action_url=request.path,
        sections=form.sections(),
        crumbs=shown.crumbs(version, name),
        problems=_told(refusal),
        hidden=_hidden(version),
        cmd=forms.new_cmd(),
        cancel_url=url_for("ApprovalFlowVersionView.show", pk=version.id),
        submits=(
            pages.Act(
                _("Add a seat"), name="do", value="add_seat", hint=_("Saves, and seats others beside them")
            ),
        ),
        banners=(
            *_stale_banner(refusal),
            *(flaws.banners if flaws else ()),
            *_condition_banner(version, form),
        ),
    )


def _condition_banner(version: ApprovalFlowVersion, form: typed.StepForm) -> tuple[pages.Banner, ...]:
    """The conditions of a step stand on pages of their own, as tables."""
    links = [(AT[at], url_for("ApprovalFlowVersionView.condition", pk=version.id, step=form.key, at=at), form.step.get(at))
             for at in AT if at != "applies"]  # fmt: skip
    acts = tuple(pages.Act(typed.condition_words(words, held), url) for words, url, held in links)
    return (pages.Banner(_("Conditions of this step are filled in as tables:"), icon="table", acts=acts),)


def _step_refused(pk: int, key: str, refusal: Refusal) -> Any:
    version = designing.find(pk)
    form = typed.StepForm(typed.copied(version.body), key, _errors(refusal), _conditions_at(pk, key))
    _take_what_is_typed(form)
    return render_template("record/form.html", page=_step_page(version, form, refusal)), refusal.status


def _take_what_is_typed(form: typed.StepForm | typed.FlowForm) -> None:
    """Show what was typed, right or wrong."""
    try:
        form.take()
    except BadInput:
        return


def _settings_page(
    version: ApprovalFlowVersion,
    form: typed.FlowForm,
    refusal: Refusal | None = None,
    flaws: shown.Flaws | None = None,
) -> pages.FormPage:
    covers = pages.Act(
        AT["applies"], url_for("ApprovalFlowVersionView.condition", pk=version.id, at="applies")
    )
    return pages.FormPage(
        title=_("Settings and parameters"),
        action_url=request.path,
        sections=form.sections(),
        crumbs=shown.crumbs(version, _("Settings and parameters")),
        problems=_told(refusal),
        hidden=_hidden(version),
        cmd=forms.new_cmd(),
        cancel_url=url_for("ApprovalFlowVersionView.show", pk=version.id),
        banners=(
            *_stale_banner(refusal),
            *(flaws.banners if flaws else ()),
            pages.Banner(
                _("Which records the flow covers is filled in as a table:"), icon="table", acts=(covers,)
            ),
        ),
    )


def _settings_refused(pk: int, refusal: Refusal) -> Any:
    version = designing.find(pk)
    form = typed.FlowForm(typed.copied(version.body), _errors(refusal), _conditions_at(pk))
    _take_what_is_typed(form)
    return render_template("record/form.html", page=_settings_page(version, form, refusal)), refusal.status


def _stale_banner(refusal: Refusal | None) -> tuple[pages.Banner, ...]:
    """Somebody else was faster: the only way on is to open the draft anew."""
    if not isinstance(refusal, Stale):
        return ()
    again = pages.Act(_("Open it anew"), request.full_path.rstrip("?"))
    return (pages.Banner(refusal.words, "warn", icon="users", acts=(again,)),)


# ---- tables ------------------------------------------------------------------------------------------------

Page = Callable[..., Any]


def _table(
    pk: int,
    catalogue: Any,
    standing: Lines,
    page: Page,
    edit: Callable[[Lines], Callable[[Body], None]],
) -> Any:
    """Show a table, change its rows and columns without saving, or save it."""
    if request.method == "GET":
        return page(standing, shown.columns_of(standing))
    lines, columns = typed.typed_lines(catalogue), typed.typed_columns()
    do, _dash, number = request.form.get("do", "").partition("-")
    if do:
        return page(_reshaped(lines, do, values.whole(number) or 0), columns)
    try:
        return _saved(
            pk, edit(lines), url_for("ApprovalFlowVersionView.show", pk=pk), lambda r: page(lines, columns, r)
        )
    except BadInput as refusal:
        return page(lines, columns, refusal)


def _reshaped(lines: Lines, do: str, number: int) -> Lines:
    """The rows with one more, one less, or one moved."""
    found = [*lines]
    if do == "add":
        return [*found, conditions.Line()]
    if do == "drop":
        return found[:number] + found[number + 1 :]
    if do in {"up", "down"} and number < len(found):
        to = max(0, min(len(found) - 1, number + (1 if do == "down" else -1)))
        found.insert(to, found.pop(number))
    return found


def _grid(
    version: ApprovalFlowVersion, catalogue: Any, table: shown.Table, refusal: Refusal | None, **more: Any
) -> Any:
    banners = _stale_banner(refusal)
    page = shown.grid_page(
        version,
        catalogue,
        table,
        action_url=request.full_path.rstrip("?"),
        crumbs=shown.crumbs(version, more["title"]),
        banners=banners,
        **more,
    )
    status = refusal.status if refusal else 200
    return render_template("flows/table.html", page=page, fragment=fragment("table")), status
