"""Several requests approved together: each decided by itself, in a transaction of its own, with a result of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import BadInput, Problem, Refusal
from app.extensions import db, transaction
from app.models import ApprovalRequest
from app.words import say
from app.workflows.engine import act
from app.workflows.inbox import Asked, inbox

MOST = 50
"""How many may be approved together."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one of them; `refusal` says why it was not approved."""

    request_id: int
    title: str
    no: str
    refusal: Refusal | None = None


def approve_together(
    wanted: Sequence[tuple[int, int | None]], *, comment: str | None = None, idem_key: str | None = None
) -> list[Outcome]:
    """Approve requests that wait at one and the same step; each comes with the version its approver saw.

    Raises `BadInput`, with nothing done, when they wait at different steps, or are none, or too many.
    """
    ids = tuple(dict.fromkeys(id_ for id_, _seen in wanted))
    if not 1 <= len(ids) <= MOST:
        raise BadInput(
            [Problem(say(zh="请选择 1 至 {most} 条。", en="Choose between 1 and {most}.", most=MOST), "ids")]
        )
    steps = {item.step_key for item in inbox("todo", Asked(ids=ids), size=MOST)}
    if len(steps) > 1:
        words = say(
            zh="只能一起同意同一流程同一步骤的申请，请重新选择。",
            en="Only requests at the same step of the same flow are approved together: choose again.",
        )
        raise BadInput([Problem(words, "ids")])
    seen = dict(wanted)
    return [_approve(id_, seen[id_], comment, f"{idem_key}:{id_}" if idem_key else None) for id_ in ids]


def _approve(request_id: int, seen: int | None, comment: str | None, idem_key: str | None) -> Outcome:
    refusal = None
    try:
        with transaction():
            act(request_id, "approve", comment=comment, seen_version=seen, idem_key=idem_key)
    except Refusal as error:
        refusal = error
    request = db.session.get(ApprovalRequest, request_id)
    if request is None or (refusal is not None and refusal.status == 404):  # noqa: PLR2004 (not found)
        return Outcome(request_id, f"#{request_id}", "", refusal)
    return Outcome(request_id, request.title, request.no or "", refusal)
