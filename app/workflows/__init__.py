"""Lives and processes: what moves a record, and who decides on it.

Doors call these; each writing one inside the caller's `transaction()`, as the person `services.access` names.
"""

from __future__ import annotations

from app.workflows import definitions, evaluation, exporting, flows, people, publications, subjects, timers
from app.workflows.course import (
    Buttons,
    Course,
    Offer as ActOffer,
    acts_of,
    blanks,
    buttons,
    content_hash,
    course,
    find as find_request,
    path_of,
    wanted,
)
from app.workflows.duty import has_open_task
from app.workflows.engine import Given, Result, act, alive_request, latest_request, submit
from app.workflows.freezing import check_editable, is_editable, rearm
from app.workflows.inbox import (
    SORTS,
    Asked,
    Counts,
    Item,
    count as count_inbox,
    counts as inbox_counts,
    flows_offered,
    inbox,
    waiting_ids,
)
from app.workflows.machine import Offer as MoveOffer, adopting, move, moves_of
from app.workflows.refusals import Locked, NotApprovable

__all__ = [
    "SORTS",
    "ActOffer",
    "Asked",
    "Buttons",
    "Counts",
    "Course",
    "Given",
    "Item",
    "Locked",
    "MoveOffer",
    "NotApprovable",
    "Result",
    "act",
    "acts_of",
    "adopting",
    "alive_request",
    "blanks",
    "buttons",
    "check_editable",
    "content_hash",
    "count_inbox",
    "course",
    "definitions",
    "evaluation",
    "exporting",
    "find_request",
    "flows",
    "flows_offered",
    "has_open_task",
    "inbox",
    "inbox_counts",
    "is_editable",
    "latest_request",
    "move",
    "moves_of",
    "path_of",
    "people",
    "publications",
    "rearm",
    "subjects",
    "submit",
    "timers",
    "waiting_ids",
    "wanted",
]
