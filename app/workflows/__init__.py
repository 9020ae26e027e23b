"""Lives and processes: what moves a record, and who decides on it.

Doors call these; each writing one inside the caller's `transaction()`, as the person `services.access` names.
"""

from __future__ import annotations

from app.workflows import (
    definitions,
    drift,
    evaluation,
    exporting,
    flows,
    people,
    publications,
    subjects,
    timers,
    turning,
)
from app.workflows.course import (
    ORDER as VERBS,
    Buttons,
    Case,
    Course,
    Offer as ActOffer,
    acts_of,
    buttons,
    course,
    find as find_request,
    open_case,
    path_of,
)
from app.workflows.duty import has_open_task
from app.workflows.engine import Given, Result, act, alive_request, latest_request, submit
from app.workflows.freezing import check_editable, is_editable, rearm, shut, takes_lines
from app.workflows.inbox import (
    SORTS,
    Asked,
    Counts,
    Drawer,
    Item,
    count as count_inbox,
    counts as inbox_counts,
    flows_offered,
    inbox,
    mark_read,
    waiting_ids,
)
from app.workflows.machine import Offer as MoveOffer, adopting, move, moves_of
from app.workflows.refusals import Locked, NotApprovable
from app.workflows.together import Outcome, approve_together

__all__ = [
    "SORTS",
    "VERBS",
    "ActOffer",
    "Asked",
    "Buttons",
    "Case",
    "Counts",
    "Course",
    "Drawer",
    "Given",
    "Item",
    "Locked",
    "MoveOffer",
    "NotApprovable",
    "Outcome",
    "Result",
    "act",
    "acts_of",
    "adopting",
    "alive_request",
    "approve_together",
    "buttons",
    "check_editable",
    "count_inbox",
    "course",
    "definitions",
    "drift",
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
    "mark_read",
    "move",
    "moves_of",
    "open_case",
    "path_of",
    "people",
    "publications",
    "rearm",
    "shut",
    "subjects",
    "submit",
    "takes_lines",
    "timers",
    "turning",
    "waiting_ids",
]
