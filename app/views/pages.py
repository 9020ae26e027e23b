"""What a page shows: plain, frozen view models between the doors and the templates.

A view fills one of the `…Page` classes and renders the template named in its docstring as `page`; the templates
read nothing else but the common context (`menu`, `me`, `csrf_token`, `csp_nonce`, `_`). Every text is ready to be
read by the person asking: `str` already in his language, or `Words`, which speak it when printed. An empty text is
shown as "-" in a cell and left out elsewhere; nothing here is ever `None` on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.columns import Tone
from app.words import Words

MOST_SHOWN = 99
"""What a count beside a name says at most."""


def badge(count: int) -> str:
    """A count as it stands beside a name: nothing for none, no more than two figures."""
    return f"{MOST_SHOWN}+" if count > MOST_SHOWN else str(count) if count else ""


Text = str | Words

CellKind = Literal["text", "num", "badge", "grade", "link", "long", "sealed", "date", "change", "progress"]

FieldKind = Literal[
    "text", "long", "number", "money", "date", "moment", "choice", "choices", "radio", "picker", "pickers",
    "flag", "file", "password", "email", "tel", "sealed", "readonly", "hidden",
]  # fmt: skip

Pairs = tuple[tuple[str, str], ...]
"""Name and value, for hidden inputs and kept parameters."""


# --- Small parts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One value on a list, a record or an approval.

    `note` is a quiet second line, `old` the former value (shown struck through before `text`), `reveal_url` where a
    sealed value is uncovered (POST), `label` overrides the column's name on a phone card or names the value in a
    section. For `progress`, `text` is a number of percent. `wide` spans both columns of a section.
    """

    text: Text = ""
    kind: CellKind = "text"
    tone: Tone = ""
    url: str = ""
    note: Text = ""
    label: Text = ""
    old: Text = ""
    reveal_url: str = ""
    wide: bool = False
    badges: tuple[Cell, ...] = ()
    edit_url: str = ""
    """Where the value is typed in the list itself."""


ON_ONE_LINE = frozenset({"badge", "grade", "date", "sealed", "change"})
SHORT = 20
"""Characters that need not be broken."""


@dataclass(frozen=True, slots=True)
class Column:
    """A head of a table; `sort_url` leads to the next of ascending, descending, none.

    `optional` columns can be hidden by the person (remembered in the browser); `hidden` ones start hidden.
    """

    name: str
    label: Text
    numeric: bool = False
    sort_url: str = ""
    direction: Literal["", "ascending", "descending"] = ""
    hidden_on_phone: bool = False
    wide_on_phone: bool = False
    optional: bool = False
    hidden: bool = False
    width: int = 0
    """As the view says it, in pixels; 0 for as it comes."""

    def dress(self, cell: Cell) -> str:
        """The classes of a cell of this column."""
        short = cell.kind in ON_ONE_LINE or (len(str(cell.text)) <= SHORT and not cell.note)
        worn = {
            "num": self.numeric or cell.kind == "num",
            "nw": short,
            "long": cell.kind == "long",
            "hid": self.hidden_on_phone or not (cell.text or cell.badges),
            "full": self.wide_on_phone,
        }
        return " ".join(name for name, is_worn in worn.items() if is_worn)


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a closed list; `note` is the second line of a picker."""

    value: str
    label: Text
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Field:
    """An input, or what stands in its place when it may not be written.

    `value` is what the form sends back, `text` what a person reads (the name behind a picked id, the mask of a sealed
    value). Dates are `YYYY-MM-DD`, moments `YYYY-MM-DDTHH:MM`, flags `"1"` or empty. `picked` holds the chosen entries
    of `pickers` and `choices`. `picker_url` answers `?q=` with `{"results": [{"value", "text", "note"}]}`.
    """

    name: str
    label: Text
    kind: FieldKind = "text"
    value: str = ""
    text: Text = ""
    choices: tuple[Choice, ...] = ()
    picked: tuple[Choice, ...] = ()
    required: bool = False
    help: Text = ""
    help_url: str = ""
    help_link: Text = ""
    errors: tuple[Text, ...] = ()
    readonly: bool = False
    picker_url: str = ""
    input_type: str = ""
    maxlength: int = 0
    minimum: str = ""
    maximum: str = ""
    unit: Text = ""
    reveal_url: str = ""
    accept: str = ""
    autocomplete: str = ""
    placeholder: Text = ""
    rows: int = 3
    is_code: bool = False
    """Typed in a language of programs: the same for every reader, in letters of one width."""
    wide: bool = False
    autofocus: bool = False
    submits: bool = False
    """A change of this field sends its form at once (filters)."""
    hangs: bool = False
    """What stands in other fields says whether it is shown and demanded."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A button or link that does something.

    A `post` act is a form of its own with the token; with `confirm` (a sentence) or `fields` (what must be said with
    it, such as an opinion) it opens a dialog first, which sends `fields`, `hidden` and `name=value`. In a form's own
    save bar, and in a selection bar, it is a submit button with `name` and `value`. `rare` acts stand under "More";
    `key` is a keyboard letter (e edit, j next, k previous).
    """

    label: Text
    url: str = ""
    method: Literal["get", "post"] = "get"
    icon: str = ""
    tone: Tone = ""
    confirm: Text = ""
    name: str = ""
    value: str = ""
    primary: bool = False
    rare: bool = False
    hint: Text = ""
    key: str = ""
    fields: tuple[Field, ...] = ()
    hidden: Pairs = ()
    phrases: tuple[Text, ...] = ()
    """Saved sentences offered under the first long field of the dialog."""
    opened: bool = False
    """Its dialog opens with the page: what was typed was refused, and is not lost."""
    problems: tuple[Text, ...] = ()
    """Why it was refused, beyond what stands at its fields."""
    fills: str = ""
    """Where its dialog asks for its fields when it is opened, instead of standing in every page (bulk acts)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; the first cell is its name and links to `url`. Lines of one `group` are picked together."""

    id: str
    url: str
    cells: tuple[Cell, ...]
    edit_url: str = ""
    acts: tuple[Act, ...] = ()
    selectable: bool = True
    group: str = ""
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in words that can be taken away, or what else the list was asked for (`is_filter` false)."""

    text: Text
    remove_url: str
    is_filter: bool = True


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view, a kind of box or a part of a record; `count` is text because it may be capped ("1 万+")."""

    label: Text
    url: str
    count: Text = ""
    current: bool = False
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step of the way here; the last one has no address."""

    label: Text
    url: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that opens to what made it; `percent` (0-100, -1 for none) draws a bar under it."""

    label: Text
    value: Text
    unit: Text = ""
    note: Text = ""
    tone: Tone = ""
    url: str = ""
    percent: int = -1
    grade: Cell | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence across the page: the next act and its deadline, a control in force, a warning."""

    text: Text
    tone: Tone = ""
    title: Text = ""
    icon: str = ""
    link_url: str = ""
    link_text: Text = ""
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """What happened, happens, or is to come: filled dot when done, ring when coming or returned."""

    title: Text
    when: Text = ""
    who: Text = ""
    tone: Literal["", "ok", "now", "warn", "bad"] = ""
    quote: Text = ""
    marks: tuple[Cell, ...] = ()
    url: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs: what it was, what it became, and what the person filled in himself."""

    label: Text
    old: Text = ""
    new: Text = ""
    mine: Text = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file: evidence or appendix; `note` says size, who, when, whether it is locked."""

    name: Text
    url: str
    note: Text = ""
    icon: str = "file-text"
    acts: tuple[Act, ...] = ()
    preview_url: str = ""
    is_picture: bool = False
    badges: tuple[Cell, ...] = ()
    former: tuple[Attachment, ...] = ()
    """Earlier versions, the newest first."""


@dataclass(frozen=True, slots=True)
class EmptyState:
    """Why a list is empty: nothing yet, nothing matches, or no right to see (with whom to ask)."""

    title: Text
    text: Text = ""
    act: Act | None = None
    more: tuple[Act, ...] = ()
    icon: str = "inbox"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a panel."""

    title: Text
    url: str = ""
    note: Text = ""
    lead: Text = ""
    badge: Cell | None = None
    icon: str = ""
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A box with lines: the side of a record, a part of the home page, a group of search results."""

    title: Text
    items: tuple[Item, ...] = ()
    badges: tuple[Cell, ...] = ()
    url: str = ""
    url_label: Text = ""
    text: Text = ""
    percent: int = -1
    empty: Text = ""
    act: Act | None = None
    column: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a record (`cells`, each with its label) or of a form (`fields`)."""

    id: str
    title: Text
    fields: tuple[Field, ...] = ()
    cells: tuple[Cell, ...] = ()
    note: Text = ""
    edit_url: str = ""
    lines: LinesEditor | None = None
    banners: tuple[Banner, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a record's life in order."""

    label: Text
    tone: Literal["", "ok", "now", "bad"] = ""
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of a chart, one per mark of the axis."""

    name: Text
    data: tuple[float, ...]
    type: Literal["bar", "line"] = "bar"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of at most two series; `summary` says the same in a sentence for who cannot see it."""

    title: Text
    x: tuple[Text, ...]
    series: tuple[Series, ...]
    summary: Text
    unit: Text = ""

    def drawing(self) -> dict[str, object]:
        """What the script draws, as plain JSON."""
        return {
            "x": [str(mark) for mark in self.x],
            "series": [{"name": str(s.name), "data": list(s.data), "type": s.type} for s in self.series],
            "unit": str(self.unit),
        }


# --- The frame -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A screen on the menu; `icon` is only used on the phone's bottom bar."""

    label: Text
    url: str
    current: bool = False
    count: Text = ""
    tone: Tone = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class MenuArea:
    """A group of the menu; `name` is stable and English, `icon` a Tabler icon without its prefix."""

    name: str
    label: Text
    icon: str
    items: tuple[MenuItem, ...]
    current: bool = False


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in, as the frame shows him. `theme` is `light`, `dark` or `auto`; `notices` counts unread ones."""

    name: Text
    username: str
    language: Literal["zh", "en"] = "zh"
    theme: Literal["light", "dark", "auto"] = "auto"
    notices: int = 0
    unit: Text = ""
    role: Text = ""
    home_url: str = "/"
    notices_url: str = "/notices"
    profile_url: str = "/account/profile"
    password_url: str = "/account/password"  # noqa: S105  an address, no secret
    sessions_url: str = "/account/sessions"
    quick: tuple[MenuItem, ...] = ()
    """The phone's bottom bar, at most four."""


# --- The filter of a list ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FilterLine:
    """A line of a filter: what is compared, how, with what; `text` is a condition no line shows."""

    path: str
    field: Field | None = None
    op: Field | None = None
    value: Field | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """Lines and groups, and whether all of them must hold or any."""

    path: str
    mode: Field
    items: tuple[FilterLine | FilterGroup, ...] = ()
    may_nest: bool = True


@dataclass(frozen=True, slots=True)
class FilterPage:
    """`record/filter.html`: the drawer of a list's filter, and the page where there is no script."""

    title: Text
    action_url: str
    list_url: str
    kept: str
    root: FilterGroup
    sentence: str = ""
    error: Text = ""


@dataclass(frozen=True, slots=True)
class CellForm:
    """`record/cell.html`: the input of one cell of a list, in place of its value."""

    field: Field
    action_url: str
    version_no: str
    cmd: str
    title: Text
    errors: tuple[Text, ...] = ()


# --- Pages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListPage:
    """`record/list.html`; also a table inside another page.

    `keep` are parameters the search and filter forms carry along (sort, view, size). `count_text` says "1-25 of 10k+"
    ready made, `exact_url` answers the exact count as plain text. `pages` are tabs of page numbers, `sizes` of sizes
    per page. `bulk` acts post `ids` (repeated), or `all=1` with the filter, to their `url` or to `bulk_url`.
    `all_text` is the offer to take the whole result ("Select all 1,342").
    """

    title: Text
    resource: str
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    tabs: tuple[Tab, ...] = ()
    views: tuple[Tab, ...] = ()
    """Saved views that are not on the tabs; `count` says for whom each is."""
    view: str = ""
    """The saved view the list was opened with: its columns are remembered apart."""
    search: str = ""
    search_hint: Text = ""
    search_url: str = ""
    chips: tuple[Chip, ...] = ()
    clear_url: str = ""
    filters: tuple[Field, ...] = ()
    filter_url: str = ""
    """Where the filter is built, in place of `filters`."""
    sorts: tuple[Field, ...] = ()
    groups: tuple[Field, ...] = ()
    """What the list is grouped by, as an input."""
    typing: Tab | None = None
    """Typing in the cells: the address that turns it on or off."""
    quick_filters: tuple[Field, ...] = ()
    first: int = 0
    last: int = 0
    count_text: Text = ""
    exact_url: str = ""
    prev_url: str = ""
    next_url: str = ""
    pages: tuple[Tab, ...] = ()
    sizes: tuple[Tab, ...] = ()
    bulk: tuple[Act, ...] = ()
    bulk_url: str = ""
    all_text: Text = ""
    all_total: str = ""
    """How many the whole result is; empty where only `exact_url` tells."""
    all_taken: bool = False
    """The whole result was chosen, in the form this page answers."""
    all_counted: str = ""
    """How many that form said they are."""
    primary: Act | None = None
    acts: tuple[Act, ...] = ()
    exports: tuple[Act, ...] = ()
    empty: EmptyState | None = None
    keep: Pairs = ()
    choosable: tuple[Choice, ...] = ()
    """The columns the person may choose from, those on show first; these carry a note."""
    banners: tuple[Banner, ...] = ()
    crumbs: tuple[Crumb, ...] = ()
    note: Text = ""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """`record/page.html`: header with badge, next act and tabs; sections left, panels right; timeline; a child table."""

    title: Text
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text | Cell, ...] = ()
    """What stands quietly beside the title; a code is a cell, since it is the same in every language."""
    primary: Act | None = None
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    figures: tuple[Figure, ...] = ()
    stages: tuple[Stage, ...] = ()
    tabs: tuple[Tab, ...] = ()
    sections: tuple[Section, ...] = ()
    side: tuple[Panel, ...] = ()
    timeline: tuple[TimelineItem, ...] = ()
    timeline_title: Text = ""
    older_url: str = ""
    table: ListPage | None = None
    inner_tabs: tuple[Tab, ...] = ()
    """Where a tab is of several record types: each of them by itself."""
    tables: tuple[ListPage, ...] = ()
    """The first rows of several record types."""
    attachments: tuple[Attachment, ...] = ()
    attach_act: Act | None = None
    charts: tuple[Chart, ...] = ()
    prev_url: str = ""
    next_url: str = ""
    position: Text = ""
    """Where in its list the record stands ("1 of 20"); shown with previous and next."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a form in words, with the field it belongs to (empty: the whole record)."""

    message: Text
    label: Text = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class StaleNotice:
    """Somebody saved while this form was open: who, when, what changed; merge field by field or open anew."""

    who: Text
    when: Text
    changes: tuple[Change, ...] = ()
    reload_url: str = ""
    merge_name: str = "_merge"
    """Submitting with this name set keeps the other person's values except where `keep` (a field name) is ticked."""


@dataclass(frozen=True, slots=True)
class FormPage:
    """`record/form.html`: posts to `action_url` with `csrf_token`, `_cmd`, `version_no`, the fields and `hidden`."""

    title: Text
    action_url: str
    sections: tuple[Section, ...] = ()
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text, ...] = ()
    problems: tuple[Problem, ...] = ()
    version_no: str = ""
    cmd: str = ""
    stale: StaleNotice | None = None
    cancel_url: str = ""
    submit_label: Text = ""
    submits: tuple[Act, ...] = ()
    """Further ways to send it (save and new, save draft), as submit buttons with `name` and `value`."""
    acts: tuple[Act, ...] = ()
    """Links beside the title: an act that posts would be a form within this one."""
    is_typed: bool = False
    """It holds what was typed and is not kept yet: leaving the page is asked about."""
    banners: tuple[Banner, ...] = ()
    hidden: Pairs = ()
    multipart: bool = False
    alike_url: str = ""
    """Asked while the name and credit code are typed: who this may be already."""
    reacts_url: str = ""
    """Asked while anything is typed: which fields are shown and demanded now."""


@dataclass(frozen=True, slots=True)
class LinesEditor:
    """Rows of a document in a section of its form: `fields` of one line; names are sent as `prefix-<n>-<name>`.

    `rows` hold the fields of each line already filled; `blank` is the line to be copied by "Add line" (its names carry
    `__n__` for the number).
    """

    title: Text
    prefix: str
    heads: tuple[Column, ...]
    rows: tuple[tuple[Field, ...], ...] = ()
    blank: tuple[Field, ...] = ()
    add_label: Text = ""
    errors: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class InboxPage:
    """`approval/inbox.html`: to do, done, mine, copied to me; `table` holds the tasks, its tabs are the four boxes."""

    title: Text
    tabs: tuple[Tab, ...]
    table: ListPage
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """`approval/results.html`: what came of each of several acts; `table` lists them all."""

    title: Text
    table: ListPage
    crumbs: tuple[Crumb, ...] = ()
    banners: tuple[Banner, ...] = ()
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """`approval/page.html`: what is asked on the left, how it went on the right, the acts at the bottom.

    `acts` come in order: the primary first, `rare` under "More". Each posts to its own `url` with `hidden`, to which
    `hidden` of the page (`version_no`, content hash, `_cmd`) is added. `seen` says which version the decision is on.
    """

    title: Text
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text, ...] = ()
    banners: tuple[Banner, ...] = ()
    sections: tuple[Section, ...] = ()
    figures: tuple[Figure, ...] = ()
    figures_title: Text = ""
    evidence: tuple[Attachment, ...] = ()
    evidence_act: Act | None = None
    course: tuple[TimelineItem, ...] = ()
    flow_text: Text = ""
    flow_url: str = ""
    articles: tuple[Text, ...] = ()
    side: tuple[Panel, ...] = ()
    acts: tuple[Act, ...] = ()
    hidden: Pairs = ()
    seen: Text = ""
    record_url: str = ""
    record_label: Text = ""
    table: ListPage | None = None
    position: Text = ""
    prev_url: str = ""
    next_url: str = ""
    read_url: str = ""
    """Told once the page is shown, so that a copy counts as read."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """`job.html` and its fragment: how far a job is; `poll_url` is asked every two seconds while `running`.

    `done` and `total` count units; `total` 0 means unknown. When it ended, `next_url` leads to the result.
    """

    title: Text
    state: Text
    running: bool
    done: int = 0
    total: int = 0
    text: Text = ""
    tone: Tone = "run"
    poll_url: str = ""
    next_url: str = ""
    next_label: Text = ""
    cancel: Act | None = None
    crumbs: tuple[Crumb, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of the file and the field it goes to; `field` is a choice among the resource's fields."""

    head: Text
    sample: Text
    field: Field
    note: Text = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class ImportPage:
    """Three steps of an import: `import/upload.html`, `import/check.html`, `import/result.html`.

    Step 1 posts `form` (file, sheet, mode). Step 2 shows `mapping` (posted to `mapping_url`), the counts as `tabs`, the
    `preview` and `rejected` tables and ends with `go`. Step 3 shows `figures`, `job` while it runs, and `rejected`.
    """

    title: Text
    resource: str
    step: Literal[1, 2, 3]
    crumbs: tuple[Crumb, ...] = ()
    number: Text = ""
    first_step: Text = ""
    """What the first step was, if no file was chosen."""
    template_act: Act | None = None
    form: FormPage | None = None
    notes: tuple[Text, ...] = ()
    source: Text = ""
    rule: Text = ""
    mapping: tuple[MappedColumn, ...] = ()
    mapping_url: str = ""
    mapping_cmd: str = ""
    tabs: tuple[Tab, ...] = ()
    preview: ListPage | None = None
    rejected: ListPage | None = None
    rejects_act: Act | None = None
    go: Act | None = None
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    figures: tuple[Figure, ...] = ()
    job: JobProgress | None = None
    recent: ListPage | None = None


@dataclass(frozen=True, slots=True)
class HomePage:
    """`home.html`: what waits for me, what is due, figures, notices, what I looked at last."""

    title: Text
    date: Text = ""
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    figures: tuple[Figure, ...] = ()
    panels: tuple[Panel, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`search.html`: the whole house searched; the fragment `results` fills the palette."""

    query: str
    groups: tuple[Panel, ...] = ()
    note: Text = ""


@dataclass(frozen=True, slots=True)
class MessagePage:
    """`message.html`: an error, a refusal or an end: what, why (article), what to do, whom to ask."""

    title: Text
    what: Text = ""
    code: int = 0
    why: Text = ""
    article: Text = ""
    article_url: str = ""
    todo: Text = ""
    whom: Text = ""
    request_id: str = ""
    acts: tuple[Act, ...] = ()
    changes: tuple[Change, ...] = ()
    icon: str = "alert-triangle"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """`account/sign_in.html`: posts `username`, `password`, `otp` (if `otp`) and `next` to `action_url`."""

    action_url: str = "/sign-in"
    company: Text = ""
    username: str = ""
    next_url: str = ""
    problem: Text = ""
    otp: bool = False
    hint: Text = ""
    help: Text = ""
    accounts: tuple[tuple[str, Text], ...] = ()
    """Names of the demonstration accounts with what they are; never a password."""


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """`account/profile.html`: who I am, what I may do, and the settings that are mine."""

    title: Text
    sections: tuple[Section, ...] = ()
    settings: FormPage | None = None
    side: tuple[Panel, ...] = ()
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """`account/sessions.html`: where I am signed in, and ending what I do not know."""

    title: Text
    table: ListPage
    end_all: Act | None = None
    note: Text = ""


@dataclass(frozen=True, slots=True)
class RunsPage:
    """`evaluation/runs.html`: the runs and the form that starts one."""

    title: Text
    table: ListPage
    start: FormPage | None = None
    banners: tuple[Banner, ...] = ()


@dataclass(frozen=True, slots=True)
class RunPage:
    """`evaluation/run.html`: what a run pinned, how grades and values are spread, and each result."""

    title: Text
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text, ...] = ()
    primary: Act | None = None
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    values: ListPage | None = None
    table: ListPage | None = None
    job: JobProgress | None = None
    pinned: Section | None = None


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """`evaluation/comparison.html`: what is set against what, chosen in a form, and how the grades of the two differ."""

    title: Text
    form: FormPage
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text, ...] = ()
    acts: tuple[Act, ...] = ()
    banners: tuple[Banner, ...] = ()
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[ListPage, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainLine:
    """An indicator of one subject: raw value, the score the method made of it, weight, points; opens to its rows.

    `children` are the measures or indicators it was made of.
    """

    name: Text
    raw: Text = ""
    unit: Text = ""
    score: Text = ""
    weight: Text = ""
    points: Text = ""
    before: Text = ""
    method: Text = ""
    note: Text = ""
    tone: Tone = ""
    url: str = ""
    children: tuple[ExplainLine, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainPage:
    """`evaluation/explain.html`: why this grade, number by number; the fragment `body` fills a drawer."""

    title: Text
    crumbs: tuple[Crumb, ...] = ()
    badges: tuple[Cell, ...] = ()
    facts: tuple[Text | Cell, ...] = ()
    figures: tuple[Figure, ...] = ()
    lines: tuple[ExplainLine, ...] = ()
    total: Text = ""
    grade: Cell | None = None
    rule: Text = ""
    banners: tuple[Banner, ...] = ()
    acts: tuple[Act, ...] = ()
    timeline: tuple[TimelineItem, ...] = ()
    table: ListPage | None = None
    charts: tuple[Chart, ...] = ()
    sections: tuple[Section, ...] = ()
    is_sheet: bool = False
    """The sheet for the customer's file: it has a place to sign."""
