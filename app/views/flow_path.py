"""The way a record would take if it were submitted now, shown to who could submit it: its steps, and who would decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _

from app.errors import Refusal
from app.models import QuorumMode
from app.services import access
from app.views.pages import Cell, Item, Panel
from app.words import Words
from app.workflows import simulating
from app.workflows.describing import Describer, joined, spans
from app.workflows.simulating import Chair, Stage
from app.workflows.submitting import flow_for

MOST_NAMED = 4
"""How many people of a seat are named; the others are counted."""


def panels(record: Any) -> Iterator[Panel]:
    """The panel of a record that could be submitted; nothing where no flow covers it."""
    submitter = access.principal().employee_id
    try:
        version, _flow = flow_for(record)
        stages = simulating.preview(version.body, record, submitter) if submitter else []
    except Refusal:
        return
    describer = Describer(version.body)
    taken = [stage for stage in stages if stage.taken or stage.refusal]
    items = tuple(_item(number, stage, describer) for number, stage in enumerate(taken, start=1))
    yield Panel(
        _("The way if it were submitted now"),
        items,
        empty=_("No step applies."),
    )


def _item(number: int, stage: Stage, describer: Describer) -> Item:
    step: dict[str, Any] = next((one for one in describer.body["steps"] if one["key"] == stage.key), {})
    notes = (
        [stage.refusal]
        if stage.refusal
        else [_seat(chair, several=len(stage.chairs) > 1) for chair in stage.chairs]
    )
    if copies := step.get("copies"):
        notes.append(Words(f"抄送：{describer.who(copies).zh}", f"copies to: {describer.who(copies).en}"))
    due = spans(step.get("due"))
    return Item(
        stage.name,
        note=joined(notes, "；", "; ") or "",
        lead=str(number),
        badge=Cell(STOPS, "badge", "bad") if stage.refusal else Cell(due) if due else None,
    )


STOPS = Words("走不通", "Stops here")


def _seat(chair: Chair, *, several: bool) -> Words:
    """The people of a seat, and how many of them it takes."""
    names = [sitter.name for sitter in chair.people[:MOST_NAMED]]
    more = len(chair.people) - len(names)
    either = chair.mode in {QuorumMode.any, QuorumMode.n_of_m, QuorumMode.ratio}
    zh, en = (" 或 " if either else "、").join(names), (" or " if either else ", ").join(names)
    if more:
        zh, en = f"{zh} 等 {len(chair.people)} 人", f"{en} and {more} more"
    if chair.mode is QuorumMode.sequential:
        zh, en = zh.replace("、", " → "), en.replace(", ", " → ")
    if chair.need > 1 and either:
        zh, en = f"{zh}（{chair.need} 票）", f"{en} ({chair.need} votes)"
    return Words(f"{chair.name.zh}：{zh}", f"{chair.name.en}: {en}") if several else Words(zh, en)
