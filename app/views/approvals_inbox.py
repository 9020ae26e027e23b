"""The inbox as a page: what the address asks of a drawer, its table, and what came of a bulk approval.

The address is the state: `q`, `flow`, `type`, `by`, `state`, `overdue`, `unread`, `from`, `to`, `sort`, `page`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl

from flask import g, request, url_for
from flask_babel import gettext as _

from app import workflows
from app.columns import Tone, now
from app.errors import BadRequest
from app.extensions import company, db
from app.models import Employee, RequestStatus
from app.roles import Act as Right
from app.services import access, calendar, values
from app.services.fields import labels_of
from app.views import forms, pages
from app.views.lists import LONGEST_SEARCH, options, query_args_with
from app.views.web import page_number
from app.words import Words, say

DRAWERS = {
    "todo": Words("待办", "To do"),
    "done": Words("已办", "Done"),
    "mine": Words("我发起的", "Mine"),
    "cc": Words("抄送我的", "Copied to me"),
}
SIZE = 25
FILTERS = ("flow", "type", "by", "state", "overdue", "unread", "from", "to")
CARRIED = ("q", *FILTERS, "sort")
"""What of the address goes along from item to item."""


# ---- what is asked -----------------------------------------------------------------------------------------


def asked_of(args: Mapping[str, str]) -> workflows.Asked:
    """What these arguments ask of a drawer. Raises `BadRequest` for what makes no sense."""
    state = args.get("state", "")
    if state and state not in RequestStatus.__members__:
        raise BadRequest(say(zh="没有这个状态。", en="There is no such status."))
    last = _day(args.get("to", ""))
    return workflows.Asked(
        search=args.get("q", "").strip()[:LONGEST_SEARCH],
        flow=args.get("flow", "")[:60],
        object_type=args.get("type", "")[:60],
        submitter_id=_number(args.get("by", "")),
        state=state,
        overdue=args.get("overdue") == "1",
        unread=args.get("unread") == "1",
        start=_midnight(_day(args.get("from", ""))),
        end=_midnight(last + timedelta(days=1) if last else None),
        sort=args.get("sort", ""),
    )


def _number(text: str) -> int | None:
    if not text:
        return None
    if (found := values.whole(text)) is None:
        raise BadRequest(say(zh="“{text}”不是数字。", en="'{text}' is no number.", text=text[:20]))
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadRequest(say(zh="“{text}”不是日期。", en="'{text}' is no date.", text=text[:20])) from error


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), company.zone) if day else None


def carried(args: Mapping[str, str]) -> dict[str, Any]:
    """The conditions and the order of the list one works through."""
    return {name: args[name] for name in CARRIED if args.get(name)}


# ---- counts ------------------------------------------------------------------------------------------------


def waiting() -> int:
    """How many requests wait for this person, counted up to 100; asked for once a request."""
    if "waiting" not in g:
        g.waiting = workflows.count_inbox("todo")
    found: int = g.waiting
    return found


def _tabs(current: str) -> Iterable[pages.Tab]:
    counts = workflows.inbox_counts()
    g.waiting = counts.todo
    found = {"todo": counts.todo, "mine": counts.mine, "cc": counts.cc}
    for name, words in DRAWERS.items():
        shown = pages.badge(found.get(name, 0))
        tone: Tone = "bad" if name == "todo" else ""
        url = url_for("ApprovalView.inbox", drawer=name)
        yield pages.Tab(words, url, count=shown, current=name == current, tone=tone)


# ---- the page ----------------------------------------------------------------------------------------------


def inbox_page(drawer: str) -> pages.InboxPage:
    """The drawer the address asks for."""
    asked, number = asked_of(request.args), page_number(request.args)
    items = workflows.inbox(drawer, asked, page=number, size=SIZE)
    is_late = request.args.get("overdue") == "1"
    late = pages.Act(
        _("All") if is_late else _("Overdue only"),
        url=query_args_with(overdue="" if is_late else "1", page=""),
        icon="alarm",
    )
    return pages.InboxPage(
        title=_("Approvals"),
        tabs=tuple(_tabs(drawer)),
        table=_table(drawer, items, asked, number),
        acts=(*(() if drawer == "done" else (late,)), *_standins()),
    )


def _standins() -> Iterable[pages.Act]:
    """Where somebody is named who decides for the person asking while he is away."""
    if access.principal().may(Right.create, "approval_standin"):
        url = url_for("ApprovalStandinView.list")
        yield pages.Act(_("Stand-ins"), url=url, icon="user-share")


def _table(drawer: str, items: list[workflows.Item], asked: workflows.Asked, number: int) -> pages.ListPage:
    shown = items[:SIZE]
    clock = Clock()
    first = (number - 1) * SIZE + 1 if shown else 0
    last = first + len(shown) - 1 if shown else 0
    chips = tuple(_chips())
    return pages.ListPage(
        title=DRAWERS[drawer],
        resource="approval",
        columns=tuple(_column(name, drawer, asked) for name in COLUMNS[drawer]),
        rows=tuple(_row(item, drawer, clock) for item in shown),
        search=asked.search,
        search_url=url_for("ApprovalView.inbox", drawer=drawer),
        search_hint=_("Title or number"),
        chips=chips,
        clear_url=request.path,
        filters=tuple(_filters(drawer)),
        keep=(("sort", asked.sort),) if asked.sort else (),
        first=first,
        last=last,
        count_text=f"{first}-{last}" if shown else "",
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(items) > SIZE else "",
        note=_("Working time counts") if drawer == "todo" else "",
        bulk=tuple(_bulk(drawer)),
        bulk_url=url_for("ApprovalView.bulk"),
        empty=_empty(drawer, filtered=bool(chips or asked.search)),
    )


COLUMNS = {
    "todo": ("title", "flow", "step", "submitter", "arrived", "due"),
    "done": ("title", "flow", "submitter", "at", "status"),
    "mine": ("title", "flow", "step", "at", "due", "status"),
    "cc": ("title", "flow", "submitter", "at", "status"),
}
SORTED_BY = {"arrived": "arrived", "due": "due", "at": "at"}


def _heads(drawer: str) -> dict[str, str]:
    at = {"done": _("Done on"), "mine": _("Submitted on"), "cc": _("Copied on")}
    return {
        "title": _("Request"),
        "flow": _("Kind"),
        "step": _("Step"),
        "submitter": _("Submitted by"),
        "arrived": _("Arrived"),
        "at": at.get(drawer, ""),
        "due": _("Time left"),
        "status": _("Status"),
    }


def _column(name: str, drawer: str, asked: workflows.Asked) -> pages.Column:
    order = SORTED_BY.get(name, "")
    offered = workflows.SORTS[workflows.Drawer(drawer)]
    current = asked.sort or offered[0]
    direction = {order: "ascending", f"-{order}": "descending"}.get(current, "") if order else ""
    other = order if current == f"-{order}" else f"-{order}" if current == order else order
    return pages.Column(
        name,
        _heads(drawer)[name],
        sort_url=query_args_with(sort=other, page="") if order in offered else "",
        direction=direction,  # type: ignore[arg-type]
        wide_on_phone=name == "title",
        hidden_on_phone=name == "arrived",
    )


def _row(item: workflows.Item, drawer: str, clock: Clock) -> pages.Row:
    extra: dict[str, Any] = carried(request.args) if drawer == "todo" else {}
    if drawer == "cc" and not item.is_read:
        extra = {"unread": "1"}
    url = url_for("ApprovalView.show", pk=item.request_id, **extra)
    names = _heads(drawer)
    tone: Any = item.status.tone
    makers: dict[str, Callable[[], pages.Cell]] = {
        "title": lambda: _title(item, url),
        "flow": lambda: pages.Cell(item.flow, label=names["flow"]),
        "step": lambda: pages.Cell(item.step or values.EMPTY, label=names["step"]),
        "submitter": lambda: pages.Cell(item.submitter, label=names["submitter"]),
        "arrived": lambda: _moment(item.arrived_at, names["arrived"]),
        "at": lambda: _moment(item.arrived_at, names["at"]),
        "due": lambda: clock.cell(
            item.due_at if item.status is RequestStatus.running else None, names["due"]
        ),
        "status": lambda: pages.Cell(item.status.words, kind="badge", tone=tone, label=names["status"]),
    }
    return pages.Row(
        id=f"{item.request_id}-{item.seen}",
        url=url,
        cells=tuple(makers[name]() for name in COLUMNS[drawer]),
        selectable=drawer == "cc" or item.task_id is not None,
        group=item.step_key if drawer == "todo" else "",
    )


def _title(item: workflows.Item, url: str) -> pages.Cell:
    badges = []
    if item.for_whom:
        badges.append(pages.Cell(_("for %(name)s", name=item.for_whom), kind="badge"))
    if item.status is RequestStatus.returned:
        badges.append(pages.Cell(item.status.words, kind="badge", tone="warn"))
    elif item.round_no > 1:
        badges.append(pages.Cell(_("round %(n)s", n=item.round_no), kind="badge", tone="warn"))
    if not item.is_read:
        badges.append(pages.Cell(_("Unread"), kind="badge", tone="run"))
    return pages.Cell(
        item.title, kind="link", url=url, note=item.no or "", label=_("Request"), badges=tuple(badges)
    )


def labels_of_type(object_type: str) -> Words | str:
    """What records of this type are called."""
    subject = workflows.subjects.subjects.get(object_type)
    return labels_of(subject.model) if subject else object_type


def _moment(moment: datetime | None, label: str) -> pages.Cell:
    return pages.Cell(values.show_moment(moment) if moment else values.EMPTY, kind="date", label=label)


def _empty(drawer: str, *, filtered: bool) -> pages.EmptyState:
    if filtered:
        clear = pages.Act(_("Clear the filters"), url=request.path)
        text = _("No request fits these conditions.")
        return pages.EmptyState(_("Nothing matches"), text, act=clear, icon="search")
    title, text = {
        "todo": (_("Nothing waits for you"), _("What you are asked to decide appears here.")),
        "done": (_("Nothing decided yet"), _("What you decided stays here.")),
        "mine": (_("Nothing submitted yet"), _("Submit a record on its page; its way is shown here.")),
        "cc": (_("Nothing was copied to you"), _("What you are told of without deciding appears here.")),
    }[drawer]
    return pages.EmptyState(title, text, icon="checks")


# ---- filters -----------------------------------------------------------------------------------------------


def _filters(drawer: str) -> Iterable[pages.Field]:
    """The inputs of the filter drawer, with what is set."""
    held = request.args
    flows = tuple(pages.Choice(code, name) for code, name in _flows().items())
    types = tuple(pages.Choice(name, labels_of_type(name)) for name in workflows.subjects.subjects)
    yield pages.Field("flow", _("Kind"), "choice", value=held.get("flow", ""), choices=flows)
    yield pages.Field("type", _("Record type"), "choice", value=held.get("type", ""), choices=types)
    if drawer != "mine":
        who = held.get("by", "")
        yield pages.Field(
            "by", _("Submitted by"), "picker", value=who, text=_name_of(who), picker_url="/pick/employee"
        )
    if drawer != "todo":
        state = held.get("state", "")
        yield pages.Field("state", _("Status"), "choice", value=state, choices=options(RequestStatus))
    yield pages.Field("from", _("From"), "date", value=held.get("from", ""))
    yield pages.Field("to", _("Until"), "date", value=held.get("to", ""))
    if drawer != "done":
        yield pages.Field("overdue", _("Overdue only"), "flag", value=held.get("overdue", ""))
    if drawer == "cc":
        yield pages.Field("unread", _("Unread only"), "flag", value=held.get("unread", ""))


def _name_of(text: str) -> str:
    found = db.session.get(Employee, key) if (key := values.whole(text)) else None
    return found.name if found else text


def _chips() -> Iterable[pages.Chip]:
    held = request.args
    words: dict[str, Callable[[str], str]] = {
        "flow": lambda text: f"{_('Kind')} {_flow_name(text)}",
        "type": lambda text: f"{_('Record type')} {labels_of_type(text)}",
        "by": lambda text: f"{_('Submitted by')} {_name_of(text)}",
        "state": lambda text: f"{_('Status')} {RequestStatus[text].words}",
        "overdue": lambda _text: str(_("Overdue only")),
        "unread": lambda _text: str(_("Unread only")),
        "from": lambda text: f"{_('From')} {text}",
        "to": lambda text: f"{_('Until')} {text}",
    }
    for name in FILTERS:
        if held.get(name):
            yield pages.Chip(words[name](held[name]), query_args_with(**{name: "", "page": ""}))


def _flow_name(code: str) -> Words | str:
    return _flows().get(code, code)


def _flows() -> dict[str, Words]:
    """The flows there are; asked for once a request."""
    if "flows_offered" not in g:
        g.flows_offered = dict(workflows.flows_offered())
    found: dict[str, Words] = g.flows_offered
    return found


# ---- several at once ---------------------------------------------------------------------------------------


def _bulk(drawer: str) -> Iterable[pages.Act]:
    if drawer == "todo":
        comment = pages.Field("comment", _("Comment"), "long", wide=True)
        yield pages.Act(
            _("Approve"),
            method="post",
            icon="check",
            confirm=_("Each is decided by itself; what cannot be approved is listed with its reason."),
            fields=(comment,),
            hidden=(("_cmd", forms.new_cmd()), ("list", _carried_query())),
            primary=True,
        )
    if drawer == "cc":
        yield pages.Act(
            _("Mark as read"), url=url_for("ApprovalView.read"), method="post", icon="mail-opened"
        )


def _carried_query() -> str:
    bare = url_for("ApprovalView.inbox", **carried(request.args))
    return bare.partition("?")[2]


def list_args(query: str) -> dict[str, Any]:
    """The conditions a form carried along."""
    return carried(dict(parse_qsl(query)))


def results_page(outcomes: list[workflows.Outcome], back: str) -> pages.ResultsPage:
    """What came of each of the requests approved together."""
    done = sum(outcome.refusal is None for outcome in outcomes)
    left = len(outcomes) - done
    banners = []
    if done:
        banners.append(pages.Banner(_("%(n)s approved.", n=done), tone="ok"))
    if left:
        banners.append(
            pages.Banner(_("%(n)s not approved: the reason stands beside each.", n=left), tone="warn")
        )
    heads = (
        pages.Column("title", _("Request"), wide_on_phone=True),
        pages.Column("result", _("Result")),
        pages.Column("why", _("Reason")),
    )
    return pages.ResultsPage(
        title=_("Approved together"),
        crumbs=(pages.Crumb(_("Approvals"), back), pages.Crumb(_("Approved together"))),
        banners=tuple(banners),
        table=pages.ListPage(
            title=_("Result of each"),
            resource="approval_results",
            columns=heads,
            rows=tuple(_result_row(outcome) for outcome in outcomes),
        ),
        acts=(pages.Act(_("Back to the inbox"), url=back, primary=True),),
    )


def _result_row(outcome: workflows.Outcome) -> pages.Row:
    url = url_for("ApprovalView.show", pk=outcome.request_id)
    result = (
        pages.Cell(_("Approved"), kind="badge", tone="ok")
        if outcome.refusal is None
        else pages.Cell(_("Not approved"), kind="badge", tone="bad")
    )
    why = pages.Cell(_reasons(outcome), kind="long") if outcome.refusal else pages.Cell("")
    return pages.Row(
        id=str(outcome.request_id),
        url=url,
        cells=(pages.Cell(outcome.title, kind="link", url=url, note=outcome.no), result, why),
        selectable=False,
    )


def _reasons(outcome: workflows.Outcome) -> str:
    problems = getattr(outcome.refusal, "problems", None) or [outcome.refusal]
    return "\n".join(str(problem.words) for problem in problems)


# ---- time left ---------------------------------------------------------------------------------------------


class Clock:
    """Working time left until moments, by the company's calendar, which is read at the first need."""

    def __init__(self) -> None:
        self._calendar: calendar.Calendar | None = None
        self.now = now()

    @property
    def calendar(self) -> calendar.Calendar:
        if self._calendar is None:
            self._calendar = calendar.company_calendar()
        return self._calendar

    def cell(self, due: datetime | None, label: str) -> pages.Cell:
        """How long is left, or how late it is, with the deadline as a note."""
        if due is None:
            return pages.Cell(values.EMPTY, label=label)
        return pages.Cell(
            self.words(due), kind="badge", tone=self.tone(due), label=label, note=values.show_moment(due)
        )

    def words(self, due: datetime) -> str:
        if due < self.now:
            return str(_("%(time)s late", time=self._length(due, self.now)))
        return str(_("%(time)s left", time=self._length(self.now, due)))

    def tone(self, due: datetime) -> Tone:
        if due < self.now:
            return "bad"
        return "warn" if self.calendar.worked(self.now, due) < self.calendar.day_length / 2 else "run"

    def _length(self, start: datetime, end: datetime) -> str:
        worked, day = self.calendar.worked(start, end), self.calendar.day_length
        if worked >= day:
            return str(_("%(n)s working days", n=worked // day))
        hours = round(worked / timedelta(hours=1))
        return str(_("%(n)s working hours", n=hours) if hours else _("less than a working hour"))
