"""The coarse life of a complaint or service case (SM-09, SM-10)."""

from __future__ import annotations

from typing import Any

from app.columns import now
from app.models import ServiceCase
from app.services import numbering
from app.words import Words, say
from app.workflows.machine import Machine, check, moves

NUMBERS = numbering.Series("service_case", "TS{year}-{n:05d}")


@check("case_solved", ServiceCase, zh="已填写处理办法", en="the solution is written down")
def case_solved(case: Any) -> Words | None:
    if not case.solution:
        return say(zh="请先填写处理办法。", en="Write down the solution first.")
    return None


def number(case: Any) -> None:
    case.no = case.no or numbering.take(NUMBERS)


def replied_now(case: Any) -> None:
    case.replied_at = case.replied_at or now()


def closed_now(case: Any) -> None:
    case.closed_at = now()


SERVICE_CASE = Machine(
    ServiceCase,
    first="received",
    moves=(
        moves("investigate", "received", "investigating", Words("开始调查", "Investigate"), then=(number,)),
        moves(
            "reply",
            "received investigating",
            "replied",
            Words("答复客户", "Reply"),
            checks=("case_solved",),
            then=(number, replied_now),
            tone="ok",
        ),
        moves("close", "replied", "closed", Words("关闭", "Close"), then=(closed_now,)),
        moves("reopen", "replied closed", "investigating", Words("重新调查", "Reopen"), needs_reason=True),
    ),
    adopted=("replied", "closed"),
    closed=("closed",),
)
