"""The coarse life of a visit (SM-12): planned, done, filed with its report."""

from __future__ import annotations

from typing import Any

from app.columns import now
from app.models import Visit
from app.words import Words, say
from app.workflows.machine import Machine, check, moves


@check("visit_reported", Visit, zh="已填写走访内容和结论", en="content and conclusion are written down")
def visit_reported(visit: Any) -> Words | None:
    if not visit.content or not visit.conclusion:
        return say(
            zh="请填写走访内容和结论后再归档。",
            en="Write down what was talked about and the conclusion first.",
        )
    return None


def held_now(visit: Any) -> None:
    visit.held_at = visit.held_at or now()


def filed_now(visit: Any) -> None:
    visit.filed_at = now()


VISIT = Machine(
    Visit,
    first="planned",
    moves=(
        moves("hold", "planned", "done", Words("完成走访", "Mark as held"), then=(held_now,), tone="ok"),
        moves("file", "done", "filed", Words("归档", "File"), checks=("visit_reported",), then=(filed_now,)),
        moves("cancel", "planned", "cancelled", Words("取消", "Cancel"), needs_reason=True, tone="bad"),
    ),
    adopted=("done", "filed"),
    closed=("filed", "cancelled"),
)
