"""The pages of an import: what is shown at each of its steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _

from app.columns import mask
from app.errors import BadInput, Problem, Refusal
from app.models import ImportAlike, ImportMode, ImportRun, ImportStatus, JobStatus, Verdict
from app.roles import Act
from app.services import access, imports, values
from app.services.imports import preview
from app.services.imports.resources import Target
from app.views import forms, pages
from app.views.cells import url_to
from app.views.lists import query_args_with
from app.words import Words, say
from app.workflows import importing, uploads

SIZE = 50
SHOWN_REFUSED = 10
RECENT = 8
COLUMN = "column."
"""How the inputs of the mapping begin; the head of the column follows."""

VERDICTS: dict[Verdict, tuple[Words, str]] = {
    Verdict.new: (Words("新增", "New"), "rows_created"),
    Verdict.changed: (Words("更新", "Changed"), "rows_updated"),
    Verdict.same: (Words("相同", "Same"), "rows_unchanged"),
    Verdict.refused: (Words("拒绝", "Refused"), "rows_refused"),
}
RECORDS_CHOSEN = Words("1 选择记录", "1 Choose records")
NO_PREVIEW = (ImportStatus.uploaded, ImportStatus.checking, ImportStatus.applying)


# ---- all imports -------------------------------------------------------------------------------------------


def index_page(runs: list[ImportRun], number: int) -> pages.ListPage:
    """What was brought in by the person asking, and what he may bring in."""
    acts = tuple(
        pages.Act(
            _("Import: %(what)s", what=found.label),
            url=url_for("ImportView.new", resource=found.name),
            icon="upload",
            primary=place == 0,
            rare=place > 0,
        )
        for place, found in enumerate(uploads.allowed())
    )
    none = pages.EmptyState(
        _("Nothing imported yet"),
        _("Files you import are listed here.")
        if acts
        else _("You have no right to import; ask an administrator if you need it."),
        icon="upload",
        more=tuple(pages.Act(act.label, url=act.url, icon="upload") for act in acts),
    )
    return _runs_table(
        runs,
        number,
        primary=acts[0] if acts and runs else None,
        acts=acts[1:] if runs else (),
        empty=none,
        title=_("Import & export"),
    )


def _runs_table(runs: list[ImportRun], number: int = 1, **more: Any) -> pages.ListPage:
    columns = (
        pages.Column("file", _("File"), wide_on_phone=True),
        pages.Column("what", _("Record type")),
        pages.Column("status", _("Status")),
        *(pages.Column(name, words, numeric=True) for words, name in VERDICTS.values()),
        pages.Column("at", _("When")),
    )
    return pages.ListPage(
        resource="import_run",
        columns=columns,
        rows=tuple(_run_row(run) for run in runs[:SIZE]),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(runs) > SIZE else "",
        **more,
    )


def _run_row(run: ImportRun) -> pages.Row:
    url = url_for("ImportView.show", pk=run.id)
    counts = (pages.Cell(f"{getattr(run, name):,}", kind="num") for _words, name in VERDICTS.values())
    cells = (
        pages.Cell(run.file_name, kind="link", url=url, note=run.sheet or ""),
        pages.Cell(label_of(run.resource)),
        pages.Cell(run.status.words, kind="badge", tone=run.status.tone),
        *counts,
        pages.Cell(values.show_moment(run.created_at), kind="date"),
    )
    return pages.Row(id=str(run.id), url=url, cells=cells, selectable=False)


def label_of(resource: str) -> pages.Text:
    """What a record type is called; a right lost since takes no label away."""
    try:
        return imports.resource(resource).label
    except Refusal:
        return resource


# ---- step 1 ------------------------------------------------------------------------------------------------


def upload_page(found: imports.Resource, refusal: Refusal | None = None) -> pages.ImportPage:
    """The file and how it is read; with what was wrong with the last one, if it was refused."""
    recent = uploads.mine(RECENT, resource=found.name)
    return pages.ImportPage(
        title=_("Import: %(what)s", what=found.label),
        resource=found.name,
        step=1,
        crumbs=_crumbs(found.label),
        template_act=pages.Act(
            _("Download the template"),
            url=url_for("ImportView.template", resource=found.name),
            icon="download",
        ),
        form=_upload_form(found, refusal),
        notes=tuple(_notes(found)),
        recent=_runs_table(recent, title=_("Recent imports")) if recent else None,
    )


def _crumbs(last: pages.Text) -> tuple[pages.Crumb, ...]:
    return (pages.Crumb(_("Import & export"), url_for("ImportView.index")), pages.Crumb(last))


def _upload_form(found: imports.Resource, refusal: Refusal | None) -> pages.FormPage:
    section = pages.Section(id="file", title=_("File"), fields=tuple(_upload_fields(found, refusal)))
    problems = tuple(
        pages.Problem(problem.words, field=problem.field or "") for problem in _problems(refusal)
    )
    return pages.FormPage(
        title=_("Import: %(what)s", what=found.label),
        action_url=url_for("ImportView.new", resource=found.name),
        sections=(section,),
        problems=problems,
        cmd=forms.new_cmd(),
        submit_label=_("Upload and check"),
        cancel_url=f"/{found.name}/list/",
        multipart=True,
    )


def _problems(refusal: Refusal | None) -> list[Problem]:
    if refusal is None:
        return []
    return refusal.problems if isinstance(refusal, BadInput) else [Problem(refusal.words, "file")]


def _upload_fields(found: imports.Resource, refusal: Refusal | None) -> Iterable[pages.Field]:
    sent = request.form
    errors: dict[str | None, tuple[Words, ...]] = {
        problem.field: (problem.words,) for problem in _problems(refusal)
    }
    yield pages.Field(
        name="file",
        label=_("File"),
        kind="file",
        required=True,
        accept=".xlsx,.xlsm,.xls,.csv,.tsv,.txt",
        help=_("Excel or CSV"),
        errors=errors.get("file", ()),
        wide=True,
    )
    yield pages.Field(
        name="sheet",
        label=_("Sheet"),
        value=sent.get("sheet", ""),
        help=_("Leave empty for the first sheet."),
        maxlength=31,
        errors=errors.get("sheet", ()),
    )
    yield pages.Field(
        name="mode",
        label=_("Rows may"),
        kind="choice",
        required=True,
        value=sent.get("mode", ImportMode.upsert.value),
        choices=tuple(pages.Choice(mode.value, mode.words) for mode in reversed(ImportMode)),
    )
    keys = _keys(found)
    if keys:
        yield pages.Field(
            name="key",
            label=_("Rows are told apart by"),
            kind="choice",
            value=sent.get("key", ""),
            choices=keys,
            placeholder=_("The best key the file has"),
            errors=errors.get("key", ()),
        )
    if importing.opening_of(found.name) is not None:
        yield from _opening_fields(errors)


def _keys(found: imports.Resource) -> tuple[pages.Choice, ...]:
    single = [key[0] for key in found.business_keys() if len(key) == 1]
    targets = [target for name in single if (target := found.target(name)) is not None]
    return tuple(pages.Choice(target.name, target.label) for target in targets) if targets[1:] else ()


def _opening_fields(errors: dict[str | None, tuple[Words, ...]]) -> Iterable[pages.Field]:
    """Opening data (R3): for who may enter such, with the reason."""
    yield pages.Field(
        name="opening",
        label=_("Opening data: records that were already in force elsewhere"),
        kind="flag",
        value=request.form.get("opening", ""),
        help=_("They skip admission and approval; numbers of the file are taken over. Recorded in the log."),
        wide=True,
    )
    yield pages.Field(
        name="reason",
        label=_("Why opening data"),
        kind="text",
        value=request.form.get("reason", ""),
        maxlength=500,
        wide=True,
        errors=errors.get("reason", ()),
    )


def _notes(found: imports.Resource) -> Iterable[str]:
    yield _("One row of heads, then one row for each record; in the template what must be filled is red.")
    yield _("Other heads are understood too: say where they go, and it is remembered.")
    yield _("An empty cell leaves the value as it is; formulas are not taken, paste them as values.")
    yield _("Dates as 2026-01-31; codes and numbers with leading zeros as text.")
    if found.line is not None:
        yield _("One row for each line; lines with the same number make one document.")
    large = access.principal().may(Act.bring_in_large, found.name)
    yield (
        _("At most 100 MB and 1,200,000 rows; large files are worked on in the background.")
        if large
        else _("At most 25 MB and 50,000 rows.")
    )


# ---- steps 2 and 3 -----------------------------------------------------------------------------------------


def page_of(run: ImportRun, tab: str, number: int, *, alike: bool = False) -> tuple[str, pages.ImportPage]:
    """The template and the page of a run where it stands; of new rows those alone that are `alike` to a record."""
    if run.status in NO_PREVIEW:
        step = "import/result.html" if run.status is ImportStatus.applying else "import/check.html"
        return step, _working_page(run)
    if run.status is ImportStatus.checked:
        return "import/check.html", _check_page(run, tab, number, alike=alike)
    if run.status is ImportStatus.refused and _may_say_columns(run):
        return "import/check.html", columns_page(run)
    return "import/result.html", _result_page(run, number)


def _frame(run: ImportRun, step: Any, **more: Any) -> pages.ImportPage:
    """What all pages of a run say: which file, which sheet, by which key."""
    sheet = _("sheet %(name)s", name=run.sheet) if run.sheet else ""
    return pages.ImportPage(
        title=title_of(run),
        resource=run.resource,
        step=step,
        number=f"#{run.id}",
        crumbs=_crumbs(run.file_name),
        source=" · ".join(filter(None, [run.file_name, sheet])),
        first_step=RECORDS_CHOSEN if run.mode is ImportMode.edit else "",
        **more,
    )


def title_of(run: ImportRun) -> str:
    """What a run is called: an import, or a bulk edit."""
    if run.mode is ImportMode.edit:
        return str(_("Bulk edit: %(what)s", what=label_of(run.resource)))
    return str(_("Import: %(what)s", what=label_of(run.resource)))


def _rule(run: ImportRun) -> str:
    """What tells rows apart and what they may do, in a sentence."""
    if run.mode is ImportMode.edit:
        return str(_("what was left empty stays as it is"))
    found = imports.resource(run.resource)
    names = [target.label for name in (run.key_field or "").split(",") if (target := found.target(name))]
    parts = [
        _("told apart by %(key)s", key=" + ".join(map(str, names))) if names else _("every row is new"),
        str(run.mode.words),
        _("empty cells keep what is there"),
    ]
    if run.mapping.get("opening"):
        parts.append(_("opening data: %(reason)s", reason=run.adopt_reason or ""))
    return str(_("; ")).join(parts)


def _other_file(run: ImportRun) -> tuple[pages.Act, ...]:
    if run.mode is ImportMode.edit:
        return ()
    where = url_for("ImportView.new", resource=run.resource)
    return (pages.Act(_("Choose another file"), url=where, icon="upload"),)


# ---- while it works ----------------------------------------------------------------------------------------


def _working_page(run: ImportRun) -> pages.ImportPage:
    banners: tuple[pages.Banner, ...] = ()
    if uploads.is_cut_off(run):
        writing = run.status is ImportStatus.applying
        verb = "ImportView.apply" if writing else "ImportView.again"
        on = pages.Act(_("Go on"), url=url_for(verb, pk=run.id), method="post", hidden=_cmd(), primary=True)
        if run.mode is ImportMode.edit and not writing and run.job_id is None:
            on = pages.Act(_("Choose again"), url=f"/{run.resource}/list/", primary=True)
        banners = (pages.Banner(_why_cut_off(run), tone="bad", acts=(on,)),)
    step = 3 if run.status is ImportStatus.applying else 2
    return _frame(run, step, job=None if banners else progress_of(run), banners=banners)


def _why_cut_off(run: ImportRun) -> str:
    job = uploads.job_of(run)
    if job is not None and job.message:
        return str(Words(job.message["zh"], job.message["en"]))
    return str(_("The work was cut off. What is written stays; going on takes up the rest."))


def progress_of(run: ImportRun) -> pages.JobProgress:
    """How far the judging or the writing is."""
    here = url_for("ImportView.show", pk=run.id)
    job = uploads.job_of(run)
    undoing = uploads.is_undoing(run)
    running = undoing or (run.status in NO_PREVIEW and not uploads.is_cut_off(run))
    writing = run.status is ImportStatus.applying
    done = job.done_units if job else 0
    waiting = job is not None and job.status is JobStatus.queued
    total = run.rows_total if writing else job.total_units if job else 0
    return pages.JobProgress(
        title=title_of(run),
        state=UNDOING if undoing else job.status.words if job and waiting else run.status.words,
        running=running,
        done=done if total else 0,
        total=total,
        text=run.file_name if writing or undoing or not done else _("%(n)s rows checked", n=f"{done:,}"),
        tone="run"
        if running
        else "bad"
        if uploads.is_cut_off(run) or run.status is ImportStatus.refused
        else "ok",
        poll_url=url_for("ImportView.progress", pk=run.id),
        next_url=here,
        crumbs=_crumbs(run.file_name),
    )


def _cmd() -> pages.Pairs:
    return (("_cmd", forms.new_cmd()),)


# ---- what it would do --------------------------------------------------------------------------------------


def _check_page(run: ImportRun, tab: str, number: int, *, alike: bool) -> pages.ImportPage:
    verdict = _verdict(run, tab)
    found = imports.resource(run.resource)
    writes = run.rows_created + run.rows_updated
    refused = verdict is Verdict.refused
    return _frame(
        run,
        2,
        rule=_rule(run),
        banners=(
            *(pages.Banner(note) for note in imports.notes_of(run.id)),
            *_alike_banner(run, alike=alike),
        ),
        tabs=tuple(_tab(run, one, verdict) for one in VERDICTS),
        preview=None if refused else _preview(run, verdict, number, alike=alike),
        rejected=_rejected(run, number, SIZE) if refused else _rejected(run, 1, SHOWN_REFUSED),
        rejects_act=_download(run),
        mapping=() if run.mode is ImportMode.edit else tuple(_mapping(run, found)),
        mapping_url=url_for("ImportView.again", pk=run.id),
        mapping_cmd=forms.new_cmd(),
        go=_go(run, writes) if writes else None,
        acts=(*_other_file(run), _discard(run)),
    )


def _alike_banner(run: ImportRun, *, alike: bool) -> Iterable[pages.Banner]:
    """New rows that are called as a record is: how many, what becomes of them, and what else could (B-33)."""
    count = run.mapping.get("alike", 0)
    if not count:
        return
    chosen = ImportAlike[uploads.Asked.restored(run.mapping.get("asked")).alike]
    acts = [
        pages.Act(
            other.words,
            url=url_for("ImportView.again", pk=run.id),
            method="post",
            hidden=(*_cmd(), ("alike", other.value)),
        )
        for other in ImportAlike
        if other is not chosen and (run.mode is ImportMode.upsert or other in CREATING)
    ]
    if chosen is ImportAlike.create:
        label = _("Show all new rows") if alike else _("Show them")
        here = url_for("ImportView.show", pk=run.id, tab=Verdict.new.value, alike=None if alike else "1")
        acts.insert(0, pages.Act(label, url=here))
    yield pages.Banner(
        _(
            "%(n)s rows stand for no record by their key, but are called as one is. Now: %(chosen)s.",
            n=f"{count:,}",
            chosen=chosen.words,
        ),
        tone="warn",
        acts=tuple(acts),
    )


CREATING = (ImportAlike.create, ImportAlike.refuse)
"""What can become of such rows where records may not be changed."""


def _verdict(run: ImportRun, tab: str) -> Verdict:
    """The tab that is asked for; else the first that holds something."""
    if tab in Verdict.__members__:
        return Verdict[tab]
    filled = [verdict for verdict, (_words, name) in VERDICTS.items() if getattr(run, name)]
    order = [Verdict.changed, Verdict.new, Verdict.refused, Verdict.same]
    return next((verdict for verdict in order if verdict in filled), Verdict.new)


def _tab(run: ImportRun, verdict: Verdict, current: Verdict) -> pages.Tab:
    words, name = VERDICTS[verdict]
    count = getattr(run, name)
    return pages.Tab(
        words,
        url_for("ImportView.show", pk=run.id, tab=verdict.value),
        count=f"{count:,}",
        current=verdict is current,
        tone="bad" if verdict is Verdict.refused and count else "",
    )


def _go(run: ImportRun, writes: int) -> pages.Act:
    parts = [
        _(
            "%(new)s new records, %(changed)s changed ones.",
            new=f"{run.rows_created:,}",
            changed=f"{run.rows_updated:,}",
        )
    ]
    if run.rows_refused:
        parts.append(_("%(n)s rows are refused and will not be written.", n=f"{run.rows_refused:,}"))
    if run.mapping.get("opening"):
        parts.append(_("As opening data: %(reason)s", reason=run.adopt_reason or ""))
    if run.mode is not ImportMode.edit:
        parts.append(_("The import starts no approval."))
    label = _("Change %(n)s records") if run.mode is ImportMode.edit else _("Import %(n)s rows")
    return pages.Act(
        label % {"n": f"{writes:,}"},
        url=url_for("ImportView.apply", pk=run.id),
        method="post",
        primary=True,
        confirm="\n".join(parts),
        hidden=_cmd(),
    )


def _discard(run: ImportRun) -> pages.Act:
    return pages.Act(_("Discard"), url=url_for("ImportView.cancel", pk=run.id), method="post", rare=True)


def _download(run: ImportRun) -> pages.Act | None:
    if not run.rows_refused:
        return None
    url = url_for("ImportView.refused", pk=run.id)
    return pages.Act(
        _("Download the refused rows"), url=url, icon="download", hint=_("Your columns and the reason")
    )


def _pager(
    run: ImportRun, verdict: Verdict, number: int, shown: int, *, alike: bool = False
) -> dict[str, Any]:
    total = run.mapping.get("alike", 0) if alike else getattr(run, VERDICTS[verdict][1])
    first = (number - 1) * SIZE + 1 if shown else 0
    last = first + shown - 1 if shown else 0
    return {
        "first": first,
        "last": last,
        "count_text": _(
            "%(first)s-%(last)s of %(total)s", first=f"{first:,}", last=f"{last:,}", total=f"{total:,}"
        ),
        "prev_url": _turn(run, verdict, number - 1, alike=alike) if number > 1 else "",
        "next_url": _turn(run, verdict, number + 1, alike=alike) if last < total and shown else "",
    }


def _turn(run: ImportRun, verdict: Verdict, number: int, *, alike: bool) -> str:
    only = "1" if alike else None
    return url_for("ImportView.show", pk=run.id, tab=verdict.value, page=number, alike=only)


def _preview(run: ImportRun, verdict: Verdict, number: int, *, alike: bool) -> pages.ListPage:
    """The rows of one verdict: what will stand there, and for changed ones what stands there now."""
    alike = alike and verdict is Verdict.new
    lines = preview.lines(run, verdict, first=(number - 1) * SIZE, most=SIZE, alike=alike)
    named = {line.named for line in lines}
    shown = [
        target
        for target in preview.columns_of(run)
        if _is_shown(target, lines, verdict) and {target.name} != named
    ]
    heads = (
        pages.Column("title", label_of(run.resource)),
        pages.Column("row", _("Row"), numeric=True),
        *(pages.Column(target.name, target.label, numeric=target.field.is_number) for target in shown),
    )
    return pages.ListPage(
        title=VERDICTS[verdict][0],
        resource="import_preview",
        columns=heads,
        rows=tuple(_line(line, shown) for line in lines),
        empty=pages.EmptyState(
            _("No rows here"), _("The other tabs show the rest of the file."), icon="table"
        ),
        **_pager(run, verdict, number, len(lines), alike=alike),
    )


def _is_shown(target: Target, lines: list[preview.Line], verdict: Verdict) -> bool:
    """Of changed rows only the columns in which something changes."""
    cells = [line.cells[target.name] for line in lines if target.name in line.cells]
    return any(cell.old is not None for cell in cells) if verdict is Verdict.changed else bool(cells)


def _line(line: preview.Line, shown: list[Target]) -> pages.Row:
    url = url_to(line.record) if line.record is not None else ""
    cells = [pages.Cell(line.title, kind="link" if url else "text", url=url, note=line.alike)]
    cells.append(pages.Cell(f"{line.number:,}", kind="num"))
    for target in shown:
        cell = line.cells.get(target.name)
        note = _("cleaned") if target.name in line.cleaned else ""
        if cell is None or (cell.old is None and line.record is not None and _changes(line)):
            cells.append(pages.Cell(label=target.label))
        else:
            kind: Any = "change" if cell.old is not None else "num" if target.field.is_number else "text"
            cells.append(pages.Cell(cell.text, kind=kind, old=cell.old or "", note=note, label=target.label))
    return pages.Row(id=str(line.number), url=url, cells=tuple(cells), selectable=False)


def _changes(line: preview.Line) -> bool:
    return any(cell.old is not None for cell in line.cells.values())


def _rejected(run: ImportRun, number: int, most: int) -> pages.ListPage | None:
    """The refused rows, a line for each reason."""
    if not run.rows_refused:
        return None
    lines = preview.lines(run, Verdict.refused, first=(number - 1) * SIZE, most=most)
    heads = (
        pages.Column("title", label_of(run.resource)),
        pages.Column("row", _("Row"), numeric=True),
        pages.Column("column", _("Column")),
        pages.Column("typed", _("You typed")),
        pages.Column("why", _("Why, and what to do"), wide_on_phone=True),
    )
    pager = _pager(run, Verdict.refused, number, len(lines)) if most == SIZE else {}
    return pages.ListPage(
        title=_("Refused rows"),
        resource="import_refused",
        columns=heads,
        rows=tuple(row for line in lines for row in _reason_rows(line)),
        **{**pager, "count_text": _("%(n)s rows", n=f"{run.rows_refused:,}")},
    )


def _reason_rows(line: preview.Line) -> Iterable[pages.Row]:
    for index, reason in enumerate(line.reasons):
        cells = (
            pages.Cell(line.title or values.EMPTY),
            pages.Cell(f"{line.number:,}", kind="num"),
            pages.Cell(reason.head or _("The whole row")),
            pages.Cell(reason.typed, tone="bad"),
            pages.Cell(reason.text),
        )
        yield pages.Row(id=f"{line.number}-{index}", url="", cells=cells, selectable=False)


# ---- where its columns go ----------------------------------------------------------------------------------


def _mapping(run: ImportRun, found: imports.Resource) -> Iterable[pages.MappedColumn]:
    first = preview.first_values(run)
    choices = _choices(found)
    for number, head, name in run.mapping.get("heads", []):
        yield _mapped(found, head, name, first.get(number, ""), choices)


def _choices(found: imports.Resource) -> tuple[pages.Choice, ...]:
    return tuple(pages.Choice(target.name, target.label) for target in found.targets)


def _mapped(
    found: imports.Resource, head: str, name: str | None, sample: str, choices: tuple[pages.Choice, ...]
) -> pages.MappedColumn:
    target = found.target(name) if name else None
    note: pages.Text = ""
    if target is None:
        note = _("Not imported")
    elif target.opening:
        note = _("Taken over with opening data; otherwise only to find the record")
    elif target.field.required:
        note = _("Required")
    return pages.MappedColumn(
        head=head,
        sample=mask(sample, target.field.sealed.keep) if target and target.field.sealed else sample[:60],
        field=pages.Field(
            name=f"{COLUMN}{head}", label=head, kind="choice", value=name or "", choices=choices
        ),
        note=note,
        tone="warn" if target is None else "",
    )


def _may_say_columns(run: ImportRun) -> bool:
    return (run.problem or {}).get("code") == BadInput.code and uploads.path_of(run.id).exists()


def columns_page(run: ImportRun) -> pages.ImportPage:
    """A file whose columns do not fit: where they go can be said here."""
    found = imports.resource(run.resource)
    problem = pages.Banner(_problem_of(run), tone="bad")
    try:
        heads, names = uploads.heads_of(run)
    except Refusal as refusal:
        return _frame(
            run, 2, banners=(problem, pages.Banner(refusal.words, tone="bad")), acts=_other_file(run)
        )
    choices = _choices(found)
    banners = [problem]
    if names:
        banners.append(_sheets_banner(run, names))
    return _frame(
        run,
        2,
        banners=tuple(banners),
        mapping=tuple(_mapped(found, head, name, first, choices) for head, first, name in heads),
        mapping_url=url_for("ImportView.again", pk=run.id),
        mapping_cmd=forms.new_cmd(),
        acts=_other_file(run),
    )


def _sheets_banner(run: ImportRun, names: list[str]) -> pages.Banner:
    """The other sheets of the file: perhaps one of them was meant."""
    acts = tuple(
        pages.Act(
            _("Read sheet %(name)s", name=name),
            url=url_for("ImportView.again", pk=run.id),
            method="post",
            hidden=(*_cmd(), ("sheet", name)),
        )
        for name in names[:5]
    )
    return pages.Banner(_("The file has other sheets."), acts=acts)


def _problem_of(run: ImportRun) -> pages.Text:
    if run.problem:
        return Words(run.problem["zh"], run.problem["en"])
    return run.status.words


# ---- what it did -------------------------------------------------------------------------------------------


def _result_page(run: ImportRun, number: int) -> pages.ImportPage:
    """A run that is over: written, refused as a whole, given up, or taken back."""
    if run.status is not ImportStatus.done:
        tone: Any = "bad" if run.status is ImportStatus.refused else ""
        text = TAKEN_BACK if run.status is ImportStatus.undone else NOTHING
        banner = pages.Banner(_problem_of(run) if run.problem else text, tone=tone, title=run.status.words)
        return _frame(run, 2, banners=(banner,), acts=_other_file(run))
    may_list = access.principal().may(Act.read, run.resource)
    return _frame(
        run,
        3,
        rule=_rule(run),
        job=progress_of(run) if uploads.is_undoing(run) else None,
        banners=tuple(_failed_undo(run)),
        figures=tuple(_figures(run)),
        rejected=_rejected(run, number, SIZE),
        rejects_act=_download(run),
        go=pages.Act(_("Open the list"), url=f"/{run.resource}/list/", primary=True) if may_list else None,
        acts=(*_undo(run), *_other_file(run)),
    )


def _failed_undo(run: ImportRun) -> Iterable[pages.Banner]:
    job = uploads.job_of(run)
    if job is not None and job.kind == uploads.UNDO and job.message:
        yield pages.Banner(Words(job.message["zh"], job.message["en"]), tone="bad")


def _undo(run: ImportRun) -> Iterable[pages.Act]:
    if uploads.may_undo(run):
        yield pages.Act(
            _("Undo the import"),
            url=url_for("ImportView.undo", pk=run.id),
            method="post",
            icon="arrow-back-up",
            tone="bad",
            confirm=_(
                "What it made is removed, what it changed becomes as it was. Refused if somebody went on with it."
            ),
            hidden=_cmd(),
        )


NOTHING = say("没有写入任何数据。", "Nothing was written.")
TAKEN_BACK = say("写入的内容已全部收回。", "All it had written is taken back.")
UNDOING = say("撤销中", "Being undone")


def _figures(run: ImportRun) -> Iterable[pages.Figure]:
    for verdict, (words, name) in VERDICTS.items():
        count = getattr(run, name)
        tone: Any = "bad" if verdict is Verdict.refused and count else ""
        yield pages.Figure(words, f"{count:,}", tone=tone)
