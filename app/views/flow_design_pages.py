"""What the designer shows: the flows, a version with its steps and findings, tables of conditions, versions compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _

from app.columns import Tone
from app.models import ApprovalFlowVersion, FlowStatus
from app.roles import Act as Right
from app.services import access, values
from app.services.fields import labels_of
from app.services.language.catalogue import Catalogue
from app.services.language.kinds import Kind
from app.views import forms, pages
from app.views.cells import url_to
from app.views.flow_design_lines import tongues
from app.views.flow_design_picture import Picture, picture
from app.views.pages import Act, Banner, Cell, Choice, Column, Crumb, Field, Item, ListPage, Panel, Row
from app.words import Words, say
from app.workflows import conditions, designing, flows, simulating, subjects
from app.workflows.conditions import SIGNS, UNITS
from app.workflows.describing import ONWARD, SEPARATED, Describer, Difference, Trait, differences, joined
from app.workflows.designing import OWN_CONDITIONS, VERSION, Standing
from app.workflows.flow import END
from app.workflows.verifying import RULES

TITLE = Words("流程设计", "Flow designer")
CHECKED = Words("已检查", "Checked")
FLAWED = Words("有错误", "Has errors")


@dataclass(frozen=True, slots=True)
class StepBox:
    """A step on the page of a version: its number, name, what it says, what may be done with it."""

    key: str
    number: int
    name: Words
    traits: tuple[Trait, ...]
    edit_url: str = ""
    ways_url: str = ""
    when_url: str = ""
    acts: tuple[Act, ...] = ()
    flaws: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: what, where (a link), a case that shows it."""

    words: Words
    tone: Tone
    label: Words
    where: Words
    url: str = ""
    example: str = ""
    rule: pages.Text = ""


@dataclass(frozen=True, slots=True)
class VersionPage:
    """`flows/page.html`: a version of a flow with its picture, steps, findings and what can be done with it."""

    title: pages.Text
    crumbs: tuple[Crumb, ...]
    badges: tuple[Cell, ...]
    facts: tuple[pages.Text | Cell, ...]
    picture: Picture
    steps: tuple[StepBox, ...]
    own: tuple[Trait, ...]
    separated: Words = SEPARATED
    settings_url: str = ""
    add_step: Act | None = None
    primary: Act | None = None
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    findings: tuple[Found, ...] | None = None
    check: Act | None = None
    side: tuple[Panel, ...] = ()


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell of a table of conditions: its sign, its values."""

    sign: Field
    value: Field
    upto: Field
    unit: pages.Text = ""
    errors: tuple[pages.Text, ...] = ()


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: cells in the order of the columns, a written condition if need be, where it leads."""

    number: int
    cells: tuple[GridCell, ...]
    text: Field | None = None
    to: Field | None = None


@dataclass(frozen=True, slots=True)
class GridPage:
    """`flows/table.html`: conditions as a table; rows are tried in order, or are alternatives."""

    title: pages.Text
    crumbs: tuple[Crumb, ...]
    action_url: str
    cancel_url: str
    seen: str
    heads: tuple[pages.Text, ...]
    rows: tuple[GridRow, ...]
    columns: Field
    hint: pages.Text
    otherwise: pages.Text = ""
    leads: bool = False
    names: tuple[pages.Text, ...] = ()
    """The parameters a value may name."""
    problems: tuple[pages.Problem, ...] = ()
    banners: tuple[Banner, ...] = ()
    none: pages.Text = ""


# ---- the list ----------------------------------------------------------------------------------------------


def list_page() -> ListPage:
    """Every flow with its versions."""
    found = designing.versions()
    return ListPage(
        title=TITLE,
        resource="approval_flow",
        columns=(
            Column("flow", _("Flow"), wide_on_phone=True),
            Column("kind", _("Record type")),
            Column("edition", _("Version"), numeric=True),
            Column("status", _("Status")),
            Column("author", _("Written by")),
            Column("publisher", _("Published by")),
            Column("alive", _("Requests under way"), numeric=True),
            Column("ever", _("All requests"), numeric=True),
        ),
        rows=tuple(_list_row(one) for one in found),
        primary=Act(_("New flow"), url_for("ApprovalFlowVersionView.new"), icon="plus", primary=True) if may(Right.create) else None,
        acts=(Act(_("Bring in a YAML file"), url_for("ApprovalFlowVersionView.bring_in"), icon="upload"),) if may(Right.create) else (),
        empty=pages.EmptyState(_("No flow yet"), _("A flow says who decides on a kind of record."), icon="git-branch"),
        note=_("%(n)s versions", n=len(found)),
    )  # fmt: skip


def _list_row(one: Standing) -> Row:
    version = one.version
    url = url_for("ApprovalFlowVersionView.show", pk=version.id)
    published = values.show_moment(version.published_at) if version.published_at else ""
    cells = (
        Cell(tongues(version.body["name"]), "link", url=url, badges=()),
        Cell(type_words(version)),
        Cell(str(version.edition), "num"),
        status_cell(version),
        Cell(one.author or _("a pack")),
        Cell(one.publisher, note=published),
        Cell(str(one.alive) if one.alive else "", "num"),
        Cell(str(one.ever) if one.ever else "", "num"),
    )
    return Row(str(version.id), url, cells, selectable=False)


def type_words(version: ApprovalFlowVersion) -> Words | str:
    """The record type of a flow in words."""
    found = subjects.subjects.get(version.flow.object_type)
    return labels_of(found.model) if found else version.flow.object_type


def status_cell(version: ApprovalFlowVersion) -> Cell:
    """Where a version stands; a draft also says how its check went."""
    if version.status is FlowStatus.draft and version.findings is not None:
        sound = designing.is_sound(version)
        mark = Cell(CHECKED if sound else FLAWED, "badge", "ok" if sound else "bad")
        return Cell(version.status.words, "badge", version.status.tone, badges=(mark,))
    return Cell(version.status.words, "badge", version.status.tone)


def may(right: Right) -> bool:
    """Whether the person asking has this right on flows."""
    return access.principal().may(right, VERSION)


# ---- a version ---------------------------------------------------------------------------------------------


def crumbs(version: ApprovalFlowVersion, *more: pages.Text) -> tuple[Crumb, ...]:
    """The way to a page below a version."""
    here = Crumb(name_of(version), url_for("ApprovalFlowVersionView.show", pk=version.id) if more else "")
    return Crumb(TITLE, url_for("ApprovalFlowVersionView.list")), here, *(Crumb(text) for text in more)


def name_of(version: ApprovalFlowVersion) -> Words:
    """A version by name and number."""
    return say(
        "{name}（第 {n} 版）", "{name} (version {n})", name=tongues(version.body["name"]), n=version.edition
    )


def version_page(version: ApprovalFlowVersion) -> VersionPage:
    """A version as whoever asks may see and change it."""
    all_ = designing.versions(version.flow_id)
    standing = next(one for one in all_ if one.version.id == version.id)
    draft = version.status is FlowStatus.draft
    editing = draft and may(Right.edit)
    found = tuple(_found(version, one) for one in version.findings or ())
    flawed = frozenset(_step_of(one["place"], version) for one in version.findings or () if one["is_error"])
    published = next((one.version for one in all_ if one.version.status is FlowStatus.published), None)
    status = status_cell(version)
    primary, acts = _version_acts(version, published, editing=editing)
    return VersionPage(
        title=tongues(version.body["name"]),
        crumbs=crumbs(version),
        badges=(Cell(say("第 {n} 版", "Version {n}", n=version.edition), "badge"), status, *status.badges),
        facts=(Cell(version.body["code"]), type_words(version)),
        picture=picture(version.body, flawed),
        steps=tuple(_step_boxes(version, editing=editing)),
        own=tuple(Describer(version.body).own_traits()),
        settings_url=url_for("ApprovalFlowVersionView.settings", pk=version.id) if editing else "",
        add_step=_add_step(version) if editing else None,
        primary=primary,
        acts=acts,
        banners=tuple(_banners(version, standing, published)),
        findings=found if version.findings is not None else None,
        check=_check_act(version) if editing else None,
        side=(*_changed_panel(version, published), _versions_panel(all_, version)),
    )


def _version_acts(
    version: ApprovalFlowVersion, published: ApprovalFlowVersion | None, *, editing: bool
) -> tuple[Act | None, tuple[Act, ...]]:
    pk, acts = version.id, []
    primary: Act | None = None
    if editing and not designing.is_sound(version):
        primary = _check_act(version, primary=True)
    elif version.status is FlowStatus.draft and designing.is_sound(version):
        primary = _publish_act(version)
    elif request := designing.request_of(version):
        url = url_for("ApprovalView.show", pk=request.id)
        primary = Act(_("Open the approval"), url, icon="checks", primary=True)
    elif version.status in {FlowStatus.published, FlowStatus.retired} and may(Right.create):
        primary = Act(_("Change: new draft"), url_for("ApprovalFlowVersionView.change", pk=pk), "post", "edit", primary=True,
                      hidden=(("_cmd", forms.new_cmd()),))  # fmt: skip
    acts.append(
        Act(_("Try on real records"), url_for("ApprovalFlowVersionView.trial", pk=pk), icon="player-play")
    )
    if published is not None and published.id != pk:
        url = url_for("ApprovalFlowVersionView.compare", pk=pk, other=published.id)
        acts.append(Act(_("Compare with the published one"), url, icon="arrows-diff"))
    acts.append(
        Act(_("Take out as YAML"), url_for("ApprovalFlowVersionView.take_out", pk=pk), icon="download")
    )
    if editing:
        acts.append(
            Act(_("Throw this draft away"), url_for("ApprovalFlowVersionView.discard", pk=pk), "post", tone="bad", rare=True,
                confirm=_("This draft will be gone for good."), hidden=seen(version))
        )  # fmt: skip
    return primary, tuple(acts)


def may_publish(version: ApprovalFlowVersion) -> bool:
    """Whether the person asking may publish this draft: he has the right and wrote nothing in it."""
    wrote = flows.writers(version) if version.status is FlowStatus.draft else set()
    return (
        version.status is FlowStatus.draft
        and may(Right.publish)
        and access.principal().employee_id not in wrote
    )


def _check_act(version: ApprovalFlowVersion, *, primary: bool = False) -> Act:
    url = url_for("ApprovalFlowVersionView.check", pk=version.id)
    return Act(_("Check"), url, "post", "checklist", primary=primary)


def _publish_act(version: ApprovalFlowVersion) -> Act | None:
    """Publishing, or asking for it where that takes an approval; nothing for who may do neither."""
    approved = designing.is_approved()
    if not (may(Right.submit) if approved else may_publish(version)):
        return None
    warned = any(not one["is_error"] for one in version.findings or ())
    noted = Field("noted", _("I have taken note of the warnings"), "flag", required=True)
    method = "propose" if approved else "publish"
    return Act(
        _("Submit for publication") if approved else _("Publish"),
        url_for(f"ApprovalFlowVersionView.{method}", pk=version.id),
        "post",
        "send",
        primary=True,
        confirm=_("New requests will run on this version; those under way stay on theirs."),
        fields=(noted,) if warned else (),
        hidden=seen(version),
    )


def _add_step(version: ApprovalFlowVersion) -> Act:
    fields = (
        Field("name_zh", _("Chinese name"), required=True, maxlength=80),
        Field("name_en", _("English name"), required=True, maxlength=80),
    )
    url = url_for("ApprovalFlowVersionView.steps", pk=version.id)
    return Act(
        _("Add a step"), url, "post", "plus", name="do", value="add", fields=fields, hidden=seen(version)
    )


def seen(version: ApprovalFlowVersion) -> pages.Pairs:
    """What a form is based on, and this very click."""
    return ("seen", version.body_hash), ("_cmd", forms.new_cmd())


def _step_boxes(version: ApprovalFlowVersion, *, editing: bool) -> Iterator[StepBox]:
    describer, pk = Describer(version.body), version.id
    steps = version.body["steps"]
    for place, step in enumerate(steps):
        key, url = step["key"], url_for("ApprovalFlowVersionView.steps", pk=pk)
        moves = [("up", _("Move up"), place > 0), ("down", _("Move down"), place < len(steps) - 1)]
        acts = [
            Act(label, url, "post", name="do", value=word, rare=True, hidden=(*seen(version), ("key", key)))
            for word, label, possible in moves
            if possible
        ]
        acts.append(Act(_("Take out"), url, "post", name="do", value="drop", tone="bad", rare=True,
                        confirm=_('Take out the step "%(step)s"?', step=describer.step_name(key)),
                        hidden=(*seen(version), ("key", key))))  # fmt: skip
        yield StepBox(
            key,
            place + 1,
            describer.step_name(key),
            tuple(describer.traits(step)),
            edit_url=url_for("ApprovalFlowVersionView.step", pk=pk, key=key) if editing else "",
            ways_url=url_for("ApprovalFlowVersionView.ways", pk=pk, key=key) if editing else "",
            when_url=url_for("ApprovalFlowVersionView.condition", pk=pk, step=key, at="when")
            if editing
            else "",
            acts=tuple(acts) if editing else (),
            flaws=sum(_step_of(one["place"], version) == key for one in version.findings or ()),
        )


def _banners(
    version: ApprovalFlowVersion, standing: Standing, published: ApprovalFlowVersion | None
) -> Iterator[Banner]:
    if version.findings:
        errors = sum(one["is_error"] for one in version.findings)
        warnings = len(version.findings) - errors
        if errors and version.status is FlowStatus.draft:
            text = _("Errors: %(errors)s, warnings: %(warnings)s. Errors stop publication.",
                     errors=errors, warnings=warnings)  # fmt: skip
            yield Banner(text, "bad", icon="alert-triangle", link_url="#findings", link_text=_("See them"))
    if version.status is FlowStatus.draft and designing.is_sound(version) and _publish_act(version) is None:
        yield Banner(
            _(
                "The check is passed. Somebody else than its authors, with the right to publish, publishes it."
            ),
            "run",
            icon="user-check",
        )
    if version.status is FlowStatus.in_approval:
        yield Banner(_("This version is in approval and can no longer be changed."), "run", icon="checks")
    if version.status is FlowStatus.draft and published is not None:
        alive = next(
            (one.alive for one in designing.versions(version.flow_id) if one.version.id == published.id), 0
        )
        yield Banner(_("Version %(n)s is in force; %(alive)s requests under way stay on it.",
                       n=published.edition, alive=alive), icon="info-circle")  # fmt: skip
    if standing.alive and version.status is not FlowStatus.draft:
        yield Banner(_("%(n)s requests under way run on this version.", n=standing.alive), icon="info-circle")


# ---- findings ----------------------------------------------------------------------------------------------

ERROR, WARNING = Words("错误", "Error"), Words("提醒", "Warning")


def _found(version: ApprovalFlowVersion, one: Mapping[str, Any]) -> Found:
    where, url = place_of(version, one["place"])
    return Found(
        Words(one["zh"], one["en"]),
        "bad" if one["is_error"] else "warn",
        ERROR if one["is_error"] else WARNING,
        where,
        url,
        example=str(Words(one["case_zh"], one["case_en"])) if one.get("case_zh") else "",
        rule=RULES.get(one["rule"], Words("", "")),
    )


def _step_of(place: str, version: ApprovalFlowVersion) -> str:
    """The step a place belongs to; nothing for the flow itself."""
    parts = place.split(".")
    keys = [step["key"] for step in version.body["steps"]]
    if parts[0] == "steps" and len(parts) > 1 and values.whole(parts[1], len(keys) - 1) is not None:
        return str(keys[int(parts[1])])
    return parts[0] if parts[0] in keys else ""


def place_of(version: ApprovalFlowVersion, place: str) -> tuple[Words, str]:
    """A place in words, and where it is mended."""
    key, part = _aim(version, place)
    editing = version.status is FlowStatus.draft and may(Right.edit)
    if not key:
        return Words("流程", "The flow"), _own_url(version, part) if editing else ""
    name = Describer(version.body).step_name(key)
    leads = part.startswith("next")
    words = (
        say("“{step}”的去向", 'ways on from "{step}"', step=name)
        if leads
        else say("步骤“{step}”", 'step "{step}"', step=name)
    )
    if not editing:
        return words, f"#step-{key}"
    if leads:
        row = part.removeprefix("next.")
        anchor = f"#row-{row}" if values.whole(row) is not None else ""
        return words, url_for("ApprovalFlowVersionView.ways", pk=version.id, key=key) + anchor
    if part in OWN_CONDITIONS:
        return words, url_for("ApprovalFlowVersionView.condition", pk=version.id, step=key, at=part)
    where = url_for("ApprovalFlowVersionView.step", pk=version.id, key=key)
    return words, f"{where}#{section}" if (section := _section_of(version, key, part)) else where


ENDINGS = ("on_approved", "on_rejected")


def _aim(version: ApprovalFlowVersion, place: str) -> tuple[str, str]:
    """The step a place belongs to (none for the flow itself), and what of it is meant; how a request ends is the flow's."""
    key = _step_of(place, version)
    part = place.removeprefix(f"{key}.") if key and place.startswith(f"{key}.") else "" if key else place
    return ("", part) if part in ENDINGS else (key, part)


def _own_url(version: ApprovalFlowVersion, place: str) -> str:
    """Where something the flow says beside its steps is mended."""
    if place == "applies":
        return url_for("ApprovalFlowVersionView.condition", pk=version.id, at=place)
    if place.startswith("steps"):
        return ""
    section = OWN_SECTIONS.get(place.partition(".")[0], "")
    section = "documents" if place.startswith("submit.documents") else section
    return url_for("ApprovalFlowVersionView.settings", pk=version.id) + (f"#{section}" if section else "")


OWN_SECTIONS = {
    "params": "params",
    "submit": "submit",
    "unneeded": "submit",
    "freeze": "freeze",
    "on_approved": "after",
    "on_rejected": "after",
}
"""Where on the form of the flow a part of it is filled in."""
SECTIONS = {
    **dict.fromkeys(("due", "remind_every", "escalate_after"), "time"),
    **dict.fromkeys(("shows", "fields", "required", "checks", "acts", "comment", "return_to"), "does"),
    **dict.fromkeys(("time_out", "then"), "then"),
    **dict.fromkeys(("people", "main"), "seat-0"),
    "evidence": "evidence",
    "copies": "copies",
}
"""Where on the form of a step a part of it is filled in."""
INPUTS = {
    **{name: f"{name}_n" for name in ("due", "remind_every", "escalate_after")},
    **{
        name: name
        for name in ("shows", "fields", "required", "checks", "acts", "comment", "return_to", "then")
    },
    **dict.fromkeys(("people", "main"), "seat-0-people"),
    "time_out": "time_out_then",
    "evidence": "evidence",
    "copies": "copies-people",
    "on_approved": "on_approved",
    "on_rejected": "on_rejected",
    "submit": "submit-people",
    "submit.required": "required",
    "submit.documents": "documents",
    "freeze": "rearm",
}
"""The input a part of a step or of the flow is filled in with."""


def _seat_of(version: ApprovalFlowVersion, key: str, part: str) -> str:
    """The section of the seat a part of a step means; nothing for another part."""
    seats = [seat.get("key") for seat in designing.step_of(version.body, key).get("seats", ())]
    name = part.removeprefix("seats.")
    return f"seat-{seats.index(name)}" if name in seats else ""


def _section_of(version: ApprovalFlowVersion, key: str, part: str) -> str:
    return _seat_of(version, key, part) or SECTIONS.get(part.partition(".")[0], "")


@dataclass(frozen=True, slots=True)
class Flaws:
    """What the check found of a step, or of the flow itself: by the input it is about, and what is about none."""

    fields: Mapping[str, tuple[Words, ...]]
    banners: tuple[Banner, ...]


def flaws_of(version: ApprovalFlowVersion, key: str) -> Flaws:
    """What the last check found of one step (of the flow itself for an empty key), to be shown where it is mended."""
    fields: dict[str, tuple[Words, ...]] = {}
    banners = []
    for one in version.findings or ():
        at, part = _aim(version, str(one["place"]))
        if at != key or part == "steps":
            continue
        words = Words(one["zh"], one["en"])
        if name := _input_of(version, key, part):
            fields[name] = (*fields.get(name, ()), words)
            continue
        found = _found(version, one)
        mend = (Act(found.where, found.url),) if found.url and _is_elsewhere(part) else ()
        banners.append(Banner(words, found.tone, icon="alert-triangle", acts=mend))
    return Flaws(fields, tuple(banners))


def _input_of(version: ApprovalFlowVersion, key: str, part: str) -> str:
    """The input of a part; of a condition none, since it stands on a page of its own."""
    if _is_elsewhere(part):
        return ""
    if key and (seat := _seat_of(version, key, part)):
        return f"{seat}-people"
    parts = part.split(".")
    return INPUTS.get(".".join(parts[:2])) or INPUTS.get(parts[0], "")


def _is_elsewhere(part: str) -> bool:
    """Whether a part of a step or flow is filled in on a page of its own: its ways and its conditions."""
    return part.startswith("next") or part in {*OWN_CONDITIONS, "applies"}


# ---- versions ----------------------------------------------------------------------------------------------


def _versions_panel(all_: Sequence[Standing], shown: ApprovalFlowVersion) -> Panel:
    items = []
    for one in all_:
        version = one.version
        here = version.id == shown.id
        notes = [one.author or _("a pack")]
        notes += [_("published by %(who)s", who=one.publisher)] if one.publisher else []
        compare = Act(_("Compare"), url_for("ApprovalFlowVersionView.compare", pk=shown.id, other=version.id))
        items.append(
            Item(
                say("第 {n} 版", "Version {n}", n=version.edition),
                url="" if here else url_for("ApprovalFlowVersionView.show", pk=version.id),
                note=" · ".join(notes),
                badge=Cell(version.status.words, "badge", version.status.tone),
                act=None if here else compare,
            )
        )
    return Panel(_("Versions"), tuple(items))


def _changed_panel(version: ApprovalFlowVersion, published: ApprovalFlowVersion | None) -> Iterator[Panel]:
    if published is None or published.id == version.id or version.status is not FlowStatus.draft:
        return
    found = differences(published.body, version.body)
    items = tuple(
        Item(f"{one.where} · {one.label}", note=_change_text(one), badge=_change_badge(one))
        for one in found[:8]
    )
    url = url_for("ApprovalFlowVersionView.compare", pk=version.id, other=published.id)
    title = _("Changed since version %(n)s", n=published.edition)
    yield Panel(
        title,
        items,
        url=url if len(found) > len(items) else "",
        url_label=_("All"),
        empty=_("Nothing was changed."),
    )


def _change_text(one: Difference) -> str:
    return f"{one.before or values.EMPTY} → {one.after or values.EMPTY}"


ADDED, GONE, CHANGED = Words("增", "New"), Words("删", "Gone"), Words("改", "Changed")


def _change_badge(one: Difference) -> Cell:
    if one.before is None:
        return Cell(ADDED, "badge", "ok")
    return Cell(GONE, "badge", "end") if one.after is None else Cell(CHANGED, "badge", "warn")


def compare_page(version: ApprovalFlowVersion, other: ApprovalFlowVersion) -> ListPage:
    """What one version says otherwise than another."""
    older, newer = sorted((version, other), key=lambda one: one.edition)
    rows = tuple(
        Row(
            str(number),
            "",
            (
                Cell(one.where),
                Cell(one.label),
                Cell(_change_badge(one).text, "badge", _change_badge(one).tone),
                Cell(one.before or "", "long"),
                Cell(one.after or "", "long"),
            ),
            selectable=False,
        )
        for number, one in enumerate(differences(older.body, newer.body))
    )
    return ListPage(
        title=_("Version %(old)s and version %(new)s", old=older.edition, new=newer.edition),
        resource="flow_compared",
        crumbs=crumbs(version, _("Compared")),
        columns=(
            Column("where", _("Where"), wide_on_phone=True),
            Column("what", _("What")),
            Column("how", _("How")),
            Column("before", _("Version %(n)s", n=older.edition)),
            Column("after", _("Version %(n)s", n=newer.edition)),
        ),
        rows=rows,
        empty=pages.EmptyState(_("Both versions say the same"), icon="equal"),
    )


# ---- trying out --------------------------------------------------------------------------------------------

SIZES = (20, 100, 500)


def trial_page(version: ApprovalFlowVersion, last_n: int) -> ListPage:
    """The ways the last records would take, beside those under the published version."""
    rows = designing.tried(version, last_n)
    published = designing.in_force(version)
    before = designing.tried(published, last_n) if published and published.id != version.id else []
    was = {(row.path, row.refusal is None): row.count for row in before}
    total = sum(row.count for row in rows)
    here = url_for("ApprovalFlowVersionView.trial", pk=version.id)
    return ListPage(
        title=_("Try on real records"),
        resource="flow_tried",
        crumbs=crumbs(version, _("Try on real records")),
        columns=(
            Column("way", _("Way"), wide_on_phone=True),
            Column("count", _("Records"), numeric=True),
            *((Column("was", _("With version %(n)s", n=published.edition), numeric=True),) if before and published else ()),
            Column("signatures", _("Signatures"), numeric=True),
            Column("who", _("Who")),
            Column("example", _("For example")),
        ),
        rows=tuple(_trial_row(version, row, was if before else None) for row in rows),
        tabs=tuple(pages.Tab(_("Last %(n)s", n=n), f"{here}?n={n}", current=n == last_n) for n in SIZES),
        empty=pages.EmptyState(
            _("No records to try it on"),
            _("Nothing of this kind was entered yet, or you may not see any."), icon="player-play"),
        count_text=_("%(n)s records, each as if its owner submitted it now; nothing is written.", n=total) if rows else "",
    )  # fmt: skip


def _trial_row(
    version: ApprovalFlowVersion, row: simulating.Row, was: Mapping[tuple[tuple[str, ...], bool], int] | None
) -> Row:
    model = subjects.subject_named(version.flow.object_type).model
    way = " → ".join(str(name) for name in row.names) or values.EMPTY
    low, high = row.signatures
    outside = row.refusal == simulating.NOT_COVERED
    refused = (Cell(_("Would not get through"), "badge", "bad"),) if row.refusal and not outside else ()
    type_ = model.__tablename__
    seen_ = bool(row.example_id) and designing.may_see(type_, row.example_id)
    example = subjects.record_of(type_, row.example_id) if seen_ else None
    people = [f"{name} ({count})" for name, count in list(row.people.items())[:6]]
    cells = (
        Cell(simulating.NOT_COVERED, tone="end")
        if outside
        else Cell(way, badges=refused, note=row.refusal or ""),
        Cell(f"{row.count} ({row.share:.0%})", "num"),
        *((Cell(str(was.get((row.path, row.refusal is None), 0)), "num"),) if was is not None else ()),
        Cell("" if outside else str(low) if low == high else f"{low}–{high}", "num"),
        Cell(joined([Words(one, one) for one in people]) or ""),
        Cell(row.example if seen_ else "", url=url_to(example) if example is not None else ""),
    )
    return Row("-".join(row.path) or "none", "", cells, selectable=False)


# ---- tables of conditions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands or was typed: its columns, rows, and what is wrong with them."""

    columns: Sequence[str]
    lines: Sequence[conditions.Line]
    problems: Sequence[Any] = ()
    targets: tuple[Choice, ...] = ()


def columns_of(lines: Iterable[conditions.Line]) -> list[str]:
    """The facts some row asks about, in order."""
    return list(dict.fromkeys(name for line in lines for name in line.cells))


def grid_page(version: ApprovalFlowVersion, catalogue: Catalogue, table: Table, **more: Any) -> GridPage:
    """A table of conditions to fill in."""
    known = [fact for fact in catalogue.facts.values() if fact.constant is None]
    columns = [name for name in table.columns if name in catalogue.facts]
    picked = tuple(Choice(name, catalogue.facts[name].words) for name in columns)
    choices = tuple(Choice(fact.name, fact.words) for fact in known if fact.name not in columns)
    wrong: dict[str, tuple[pages.Text, ...]] = {
        one.field: (one.words,) for one in table.problems if one.field
    }
    return GridPage(
        seen=request.form.get("seen") or version.body_hash,
        heads=tuple(catalogue.facts[name].words for name in columns),
        rows=tuple(_grid_row(number, line, columns, catalogue, table.targets, wrong)
                   for number, line in enumerate(table.lines)),
        columns=Field("col", _("Columns"), "pickers", picked=picked, choices=choices),
        leads=bool(table.targets),
        names=tuple(fact.words for fact in catalogue.facts.values() if fact.constant is not None),
        problems=tuple(pages.Problem(one.words) for one in table.problems),
        cancel_url=url_for("ApprovalFlowVersionView.show", pk=version.id),
        **more,
    )  # fmt: skip


def _grid_row(
    number: int,
    line: conditions.Line,
    columns: Sequence[str],
    catalogue: Catalogue,
    targets: tuple[Choice, ...],
    wrong: Mapping[str, tuple[pages.Text, ...]],
) -> GridRow:
    text = Field(
        f"r{number}.text", _("Written condition"), value=line.text, errors=wrong.get(f"{number}.text", ())
    )
    to = Field(f"r{number}.to", _("Then to"), "choice", choices=targets, value=line.to, required=True)
    return GridRow(
        number,
        tuple(_grid_cell(f"r{number}.{name}", line.cells.get(name, conditions.Cell()), catalogue, name,
                         wrong.get(f"{number}.{name}", ())) for name in columns),
        text=text if line.text else None,
        to=to if targets else None,
    )  # fmt: skip


def _grid_cell(
    prefix: str, cell: conditions.Cell, catalogue: Catalogue, name: str, errors: tuple[pages.Text, ...]
) -> GridCell:
    fact = catalogue.facts[name]
    signs = tuple(Choice(sign, SIGNS[sign]) for sign in conditions.signs_of(fact.type))
    first, second = (*cell.values, "", "")[:2]
    words = catalogue.choices.get(fact.type.of or "", {}) if fact.type.kind is Kind.choice else {}
    if words:
        picked = tuple(Choice(code, label) for code, label in words.items() if code in cell.values)
        rest = tuple(Choice(code, label) for code, label in words.items() if code not in cell.values)
        value = Field(f"{prefix}.value", fact.words, "pickers", picked=picked, choices=rest)
    else:
        value = Field(
            f"{prefix}.value", fact.words, "date" if fact.type.kind is Kind.date else "text", value=first
        )
    return GridCell(
        sign=Field(f"{prefix}.sign", fact.words, "choice", choices=signs, value=cell.sign),
        value=value,
        upto=Field(f"{prefix}.upto", fact.words, value=second),
        unit=UNITS.get(fact.type.kind, ""),
        errors=errors,
    )


def targets_of(body: Mapping[str, Any], key: str) -> tuple[Choice, ...]:
    """Where a step may lead on to: every later one, and the end."""
    describer, keys = Describer(body), [step["key"] for step in body["steps"]]
    later = keys[keys.index(key) + 1 :]
    return tuple(Choice(one, describer.step_name(one)) for one in (*later, END))


def onward(body: Mapping[str, Any], key: str) -> Words:
    """Where a step leads when no row holds: the step after it."""
    keys = [*(step["key"] for step in body["steps"]), END]
    after = Describer(body).step_name(keys[keys.index(key) + 1])
    return say("都不符合时 → {to}（{next}）", "if no row holds → {to} ({next})", to=after, next=ONWARD)
