"""The life of a duty in the ledger: open, done, verified by somebody else (SM-14)."""

from __future__ import annotations

from typing import Any

from app.columns import now
from app.models import Task
from app.roles import Act
from app.services import access
from app.words import Words, say
from app.workflows.machine import Machine, check, moves


@check("task_has_result", Task, zh="已填写结果", en="the result is written down")
def task_has_result(task: Any) -> Words | None:
    if not task.result:
        return say(zh="请先填写结果。", en="Write down the result first.")
    return None


@check("verified_by_another", Task, zh="由他人验证", en="somebody else verifies it")
def verified_by_another(task: Any) -> Words | None:
    """Who did it does not verify it (§4.3 no. 6)."""
    if access.principal().employee_id == task.owner_id:
        return say(zh="责任人不能验证自己的事项。", en="Nobody verifies his own task.")
    return None


def done_now(task: Any) -> None:
    task.done_at = now()


TASK = Machine(
    Task,
    first="open",
    moves=(
        moves(
            "finish",
            "open",
            "done",
            Words("完成", "Done"),
            checks=("task_has_result",),
            then=(done_now,),
            tone="ok",
        ),
        moves("verify", "done", "verified", Words("验证", "Verify"), checks=("verified_by_another",)),
        moves("reopen", "done", "open", Words("退回重做", "Reopen"), needs_reason=True),
        moves(
            "cancel",
            "open",
            "cancelled",
            Words("取消", "Cancel"),
            act=Act.delete,
            needs_reason=True,
            tone="bad",
        ),
    ),
    adopted=("done", "verified"),
    closed=("verified", "cancelled"),
)
