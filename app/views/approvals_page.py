"""The page of a request: what is asked on the left, its course on the right, the acts below.

The acts are those the guard accepts, no others. What a decision is bound to goes along with it; refused, the page comes
again with what was typed and, where the record changed meanwhile, with the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import g, request, url_for
from flask_babel import gettext as _
from sqlalchemy import inspect

from app import workflows
from app.columns import Tone
from app.errors import Refusal, Stale
from app.extensions import db
from app.models import ApprovalAct, DutyStatus, Employee, RequestStatus
from app.services import access, codes, records, values
from app.services.fields import STAMPS, Field, Kind, field_named, labels_of
from app.views import forms, pages
from app.views.approvals_inbox import Clock, asked_of
from app.views.attachments import attach_act, attachment_list, may_attach
from app.views.cells import cell_of, url_to
from app.words import Words

RARE = frozenset(
    {
        "transfer",
        "add_signer",
        "consult",
        "copy",
        "remind",
        "reassign",
        "suspend",
        "resume",
        "ask_void",
        "void",
    }
)
"""What stands under "More"."""
PLACES = (
    ("before", Words("在我之前", "Before me")),
    ("parallel", Words("与我并行", "Beside me")),
    ("after", Words("在我之后", "After me")),
)
HINTS = {
    "approve": Words("同意后进入下一步骤", "It goes on to the next step"),
    "reject": Words("申请到此结束", "The request ends here"),
    "send_back": Words("申请保留，修改后重新提交", "It stays alive, to be changed and submitted again"),
    "withdraw": Words("收回您的提交，修改后可重新提交", "Take your submission back to change it"),
    "cancel": Words("提交人终止该申请", "Its submitter ends the request"),
    "take_back": Words("收回您刚才的审批", "Undo your own last approval"),
    "transfer": Words("由他人代替您审批", "Somebody else decides in your place"),
    "add_signer": Words("再请一人审批", "Have one more person decide"),
    "consult": Words("征询意见，不影响流程", "Ask for an opinion; the way stays the same"),
    "remind": Words("提醒当前审批人", "Remind whose turn it is"),
}
"""What each act means, said the same everywhere."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An act that was refused, with what was typed."""

    refusal: Refusal
    verb: str
    form: Mapping[str, str]


def page_of(
    case: workflows.Case, carried: dict[str, Any], refused: Refused | None = None
) -> pages.ApprovalPage:
    """The page of one request, in the list one works through."""
    asked, record = case.request, case.p.record
    here = url_for("ApprovalView.show", pk=asked.id, **carried)
    place, clock = _place(asked.id, carried), Clock()
    course = tuple(timeline(case.course(), clock))
    acts = tuple(_acts(case, refused))
    wanted = tuple(pages.Choice(kind, name) for kind, name, _count in case.wanted)
    return pages.ApprovalPage(
        title=asked.title,
        crumbs=(
            pages.Crumb(_("Approvals"), url_for("ApprovalView.inbox", **carried)),
            pages.Crumb(asked.no or asked.title),
        ),
        badges=tuple(_badges(case, clock)),
        facts=tuple(_facts(case)),
        banners=tuple(_banners(case, refused, offered=any(act.opened for act in acts))),
        sections=(*_stale_section(case, refused), _section(case)),
        table=_lines(case),
        evidence=attachment_list(record),
        evidence_act=attach_act(record, here, wanted) if may_attach(record) else None,
        course=course,
        flow_text=_("%(flow)s, edition %(n)s", flow=case.p.flow.name, n=asked.version.edition),
        acts=acts,
        hidden=tuple(_hidden(case, carried, place)) if acts else (),
        seen=_seen() if any(act.primary for act in acts) else "",
        record_url=url_to(record),
        position=place.position,
        prev_url=_show(place.before, carried),
        next_url=_show(place.after, carried),
        read_url=url_for("ApprovalView.read", ids=asked.id) if request.args.get("unread") else "",
    )


def _seen() -> str:
    return str(
        _(
            "Your decision counts for what you see here; if it changes meanwhile, you are shown the difference."
        )
    )


# ---- where one is in the list ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A request among those that wait, in the order of the list."""

    position: str = ""
    before: int | None = None
    after: int | None = None


def _place(pk: int, carried: dict[str, Any]) -> Place:
    asked = asked_of(carried)
    ids = workflows.waiting_ids(asked)
    if asked == type(asked)(sort=asked.sort):
        g.waiting = len(ids)  # the number on the menu is this very list
    if pk not in ids:
        return Place(after=ids[0] if ids else None)
    at = ids.index(pk)
    return Place(
        position=_("%(n)s of %(all)s", n=at + 1, all=pages.badge(len(ids))),
        before=ids[at - 1] if at else None,
        after=ids[at + 1] if at + 1 < len(ids) else None,
    )


def _show(pk: int | None, carried: dict[str, Any]) -> str:
    return url_for("ApprovalView.show", pk=pk, **carried) if pk else ""


# ---- the head ----------------------------------------------------------------------------------------------


def _badges(case: workflows.Case, clock: Clock) -> Iterable[pages.Cell]:
    asked = case.request
    yield pages.Cell(asked.status.words, kind="badge", tone=asked.status.tone)
    if asked.due_at is not None and asked.status is RequestStatus.running:
        yield pages.Cell(clock.words(asked.due_at), kind="badge", tone=clock.tone(asked.due_at))


def _facts(case: workflows.Case) -> Iterable[str]:
    asked = case.request
    yield asked.submitter.name
    yield values.show_moment(asked.opened_at)
    if asked.round_no > 1:
        yield _("round %(n)s", n=asked.round_no)


def _banners(case: workflows.Case, refused: Refused | None, *, offered: bool) -> Iterable[pages.Banner]:
    if refused is not None:
        problems = getattr(refused.refusal, "problems", None) or [refused.refusal]
        text = "\n".join(str(problem.words) for problem in problems)
        typed = refused.form.get("comment", "").strip()
        if typed and not offered:
            text += "\n" + _("Your comment was: %(text)s", text=typed)
        yield pages.Banner(
            text, tone="warn" if isinstance(refused.refusal, Stale) else "bad", title=_("Not done.")
        )
    task = case.attempt.task
    if task is not None and task.assignee_id != case.attempt.who.employee_id and case.offers:
        yield pages.Banner(
            _("You act for %(name)s; both names are kept.", name=case.name_of(task.assignee_id)), tone="run"
        )


def _stale_section(case: workflows.Case, refused: Refused | None) -> Iterator[pages.Section]:
    """What somebody else changed while this person read, as far as he is shown it; files and lines are only named."""
    record, shown = case.p.record, {field.name for field in _shown(case)}
    changes = refused.refusal.changes if refused is not None and isinstance(refused.refusal, Stale) else []
    cells = [
        pages.Cell(
            _told(record, change.field, change.theirs_now),
            old=_told(record, change.field, change.theirs_before),
            label=change.label,
            wide=True,
        )
        for change in changes
        if change.field in shown
    ]
    cells += [
        pages.Cell(_("changed"), label=_beside(record, change.field), kind="badge", tone="warn", wide=True)
        for change in changes
        if field_named(type(record), change.field) is None
    ]
    if cells:
        yield pages.Section(id="stale", title=_("Changed since you opened it"), cells=tuple(cells))


def _beside(record: Any, name: str) -> str | Words:
    """What is decided on beside the fields of a record: its lines, its files."""
    relations = inspect(type(record)).relationships
    return labels_of(relations[name].mapper.class_) if name in relations else _("Files")


def _told(record: Any, name: str, text: str) -> str:
    """A value the engine tells of as plain text, as a reader sees it."""
    field = field_named(type(record), name)
    plain = {"None": None, "True": True, "False": False}.get(text, text)
    return _was(field, plain) if field is not None else text


# ---- the record --------------------------------------------------------------------------------------------


def _section(case: workflows.Case) -> pages.Section:
    """The record's fields, those changed since the last round with what they were."""
    record, changed, shown = case.p.record, case.changed, _shown(case)
    cells = tuple(
        _cell(record, field, changed.get(field.name))
        for field in shown
        if field.name in changed or getattr(record, field.name) not in {None, ""}
    )
    count = len([field for field in shown if field.name in changed])
    note = _("%(n)s changed since the last round", n=count) if count else ""
    return pages.Section(id="record", title=labels_of(type(record)), cells=cells, note=note)


def _lines(case: workflows.Case) -> pages.ListPage | None:
    """The lines decided on with the record, each with the fields this person may see."""
    for name, lines in case.lines:
        relation = inspect(type(case.p.record)).relationships[name]
        model = relation.mapper.class_
        ((_local, remote),) = relation.local_remote_pairs
        hidden = {remote.key, "no", "status", "owner_id", "org_unit_id", *STAMPS}
        held = [one for one in records.visible_fields(model) if one.name not in hidden]
        shown = [one for one in held if any(getattr(line, one.name) not in {None, ""} for line in lines)]
        records.hold_related(lines, shown)
        return pages.ListPage(
            title=labels_of(model),
            resource=access.resource_of(model),
            columns=tuple(
                pages.Column(one.name, one.label, numeric=one.is_number, wide_on_phone=not place)
                for place, one in enumerate(shown)
            ),
            rows=tuple(
                pages.Row(str(line.id), "", tuple(cell_of(line, one) for one in shown), selectable=False)
                for line in lines
            ),
        )
    return None


def _shown(case: workflows.Case) -> list[Field]:
    """The fields this person sees here: those his step shows, as far as his rights let him see them."""
    hidden, asked = {"status", *STAMPS}, case.shown
    visible = records.visible_fields(type(case.p.record))
    return [one for one in visible if one.name not in hidden and (asked is None or one.name in asked)]


def _cell(record: Any, field: Field, change: list[Any] | None) -> pages.Cell:
    cell = cell_of(record, field)
    if change is None:
        return cell
    if field.kind is Kind.sealed:
        return replace(cell, badges=(pages.Cell(_("changed"), kind="badge", tone="warn"),))
    return replace(cell, old=_was(field, change[0]), kind="text")


def _was(field: Field, plain: Any) -> str:
    """What a field said before, as a reader sees it."""
    if field.kind is Kind.sealed:
        return values.EMPTY
    if plain in {None, ""}:
        return str(_("(empty)"))
    if field.kind is Kind.relation:
        return records.picked_title(field, int(plain)) or str(plain)
    if field.choices is not None:
        return values.show_choice(field, str(plain))
    if field.kind is Kind.flag:
        return values.show_flag(plain)
    return values.show(field, Decimal(str(plain))) if field.is_number else str(plain)


def _hidden(case: workflows.Case, carried: dict[str, Any], place: Place) -> Iterable[tuple[str, str]]:
    """What the decision is bound to: what was seen, this very click, and where it goes on."""
    yield "seen_version", str(case.request.version_no)
    yield "content_hash", case.content_hash
    yield "_cmd", forms.new_cmd()
    yield "go_on", "1"
    yield "next", str(place.after or "")
    yield "list", url_for("ApprovalView.inbox", **carried).partition("?")[2]


# ---- the course --------------------------------------------------------------------------------------------


def timeline(found: workflows.Course, clock: Clock) -> Iterable[pages.TimelineItem]:
    """The course of a request: what was done, what was passed over, who has it now, what is still to come."""
    past = [(entry.at, _entry(entry)) for entry in found.entries]
    past += [
        (stage.closed_at, pages.TimelineItem(title=stage.name, marks=(_mark(_("Not needed"), "end"),)))
        for stage in found.stages
        if stage.status == "skipped" and stage.closed_at is not None
    ]
    yield from (item for _at, item in sorted(past, key=lambda pair: pair[0]))
    for stage in found.stages:
        if stage.status == "active":
            yield _open_stage(stage, clock)
        elif stage.status == "waiting":
            yield pages.TimelineItem(
                title=stage.name, who=_people(stage), marks=(_mark(_("To come"), "end"),)
            )


def _entry(entry: Any) -> pages.TimelineItem:
    marks = [_mark(_("for %(name)s", name=entry.acting_for))] if entry.acting_for else []
    if entry.round_no > 1:
        marks.append(_mark(_("round %(n)s", n=entry.round_no), "warn"))
    if entry.files:
        marks.append(_mark("、".join(entry.files), "run"))
    by = f"{entry.by} → {entry.whom}" if entry.whom else entry.by
    tone: Any = {"bad": "bad", "warn": "warn", "end": "warn"}.get(entry.act.tone, "ok")
    return pages.TimelineItem(
        title=f"{entry.step} · {entry.act.words}" if entry.step else entry.act.words,
        when=values.show_moment(entry.at),
        who=by,
        tone=tone,
        quote=entry.comment or "",
        marks=tuple(marks),
    )


def _open_stage(stage: Any, clock: Clock) -> pages.TimelineItem:
    marks = (_mark(clock.words(stage.due_at), clock.tone(stage.due_at)),) if stage.due_at else ()
    due = _("due %(when)s", when=values.show_moment(stage.due_at)) if stage.due_at else ""
    return pages.TimelineItem(title=stage.name, when=due, who=_people(stage), tone="now", marks=marks)


def _mark(text: Any, tone: Tone = "") -> pages.Cell:
    return pages.Cell(text, kind="badge", tone=tone)


def _people(stage: Any) -> str:
    """Who sits at a step and why; how each has voted, where one has."""
    me = access.principal().employee_id
    found = []
    for person in stage.people:
        said = [] if person.status in {DutyStatus.open, DutyStatus.waiting} else [str(person.status.words)]
        notes = [_("you") if person.employee_id == me else "", str(person.why), *said]
        told = _("; ").join(filter(None, notes))
        found.append(_("%(name)s (%(notes)s)", name=person.name, notes=told) if told else person.name)
    return "、".join(found) or _("nobody yet")


# ---- the acts ----------------------------------------------------------------------------------------------


def _acts(case: workflows.Case, refused: Refused | None) -> Iterable[pages.Act]:
    """The buttons: exactly what the engine would accept from this person."""
    asked = case.request
    phrases = _phrases() if case.offers else {}
    for index, offer in enumerate(case.offers):
        verb = offer.act.value
        again = refused if refused is not None and refused.verb == verb else None
        fields = tuple(_act_fields(case, offer))
        yield pages.Act(
            offer.words,
            url=url_for("ApprovalView.act", pk=asked.id, verb=verb),
            method="post",
            tone=offer.tone,  # type: ignore[arg-type]
            primary=index == 0 and verb == "approve",
            rare=verb in RARE,
            key="a" if verb == "approve" else "",
            hint=HINTS.get(verb, ""),
            confirm=asked.title,
            fields=tuple(_typed_again(field, again) for field in fields) if again else fields,
            hidden=tuple(_has_marks(case)) if verb == "approve" else (),
            phrases=tuple(phrases.get(verb, ())),
            opened=again is not None,
        )


def _phrases() -> dict[str, list[Words]]:
    """Sentences people often say, by the act: the code list `approval_phrase`, whose codes begin with it."""
    found: dict[str, list[Words]] = {}
    for code, named in codes.of_list("approval_phrase").items():
        found.setdefault(code.rpartition("_")[0], []).append(named.words)
    return found


def _typed_again(field: pages.Field, refused: Refused) -> pages.Field:
    """A field as it was sent, with what was wrong with it."""
    sent = refused.form.get(field.name, "")
    path = field.name.removeprefix("field.")
    problems = getattr(refused.refusal, "problems", None) or [refused.refusal]
    errors = tuple(
        problem.words for problem in problems if getattr(problem, "field", None) in {path, field.name}
    )
    text = _name_of(sent) if field.name == "to" else field.text
    return replace(field, value=sent, text=text, errors=errors)


def _name_of(text: str) -> str:
    found = db.session.get(Employee, key) if (key := values.whole(text)) else None
    return found.name if found is not None else ""


def _act_fields(case: workflows.Case, offer: workflows.ActOffer) -> Iterable[pages.Field]:
    if offer.act is ApprovalAct.approve:
        yield from _blank_fields(case)
    if offer.needs_person:
        yield pages.Field(
            name="to", label=_("Person"), kind="picker", required=True, picker_url="/pick/employee"
        )
    if offer.act is ApprovalAct.add_signer:
        places = tuple(pages.Choice(value, words) for value, words in PLACES)
        yield pages.Field(
            name="place", label=_("When"), kind="choice", required=True, choices=places, value="parallel"
        )
    if offer.targets:
        targets = tuple(pages.Choice(key, name) for key, name in offer.targets)
        yield pages.Field(
            name="target",
            label=_("Back to"),
            kind="choice",
            required=True,
            choices=targets,
            value=targets[0].value,
        )
    yield pages.Field(
        name="comment", label=_("Comment"), kind="long", required=offer.needs_comment, wide=True
    )


def _blank_fields(case: workflows.Case) -> Iterable[pages.Field]:
    """What the open step fills in."""
    for blank in case.blanks:
        field = field_named(type(blank.record), blank.name)
        if field is not None:
            text = values.edit_text(field, blank.value)
            yield forms.one_input(field, text, name=f"field.{blank.path}", required=blank.required)


def _has_marks(case: workflows.Case) -> Iterable[tuple[str, str]]:
    """A box left unticked sends nothing: these say which there were."""
    for blank in case.blanks:
        field = field_named(type(blank.record), blank.name)
        if field is not None and field.kind is Kind.flag:
            yield "_has", blank.path
