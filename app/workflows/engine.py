"""The one door to acting on a request: check, do, write; all or nothing (R30).

Every verb runs inside the caller's `transaction()`, takes the request's row first, checks everything, and changes all or
nothing. What a person may do, what the screens offer and what is refused come from one list of conditions
(`guards.GUARDS`); what each verb does stands in `deciding`, `handing` and `ending`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from app.errors import BadRequest, NotFound
from app.models import ApprovalAct
from app.services import access
from app.words import say
from app.workflows import deciding, ending, handing
from app.workflows.attempts import (
    ALIVE,
    Attempt,
    Given,
    Result,
    alive_request,
    attempt_on,
    concerns,
    latest_request,
    lock,
    not_running,
    proceeding,
    replayed,
)
from app.workflows.guards import (
    GUARDS,
    attempt_comments,
    came_too_late,
    check_seen,
    hindrance,
    is_administrative,
)
from app.workflows.refusals import CommentRequired
from app.workflows.submitting import check_may_submit, flow_for, new_request, submit

__all__ = [
    "ALIVE",
    "GUARDS",
    "Attempt",
    "Given",
    "Result",
    "act",
    "alive_request",
    "attempt_comments",
    "attempt_on",
    "check_may_submit",
    "concerns",
    "flow_for",
    "hindrance",
    "latest_request",
    "new_request",
    "proceeding",
    "submit",
]

HANDLERS: dict[str, Callable[[Attempt], None]] = {
    "approve": deciding.approve,
    "reject": deciding.reject,
    "send_back": deciding.send_back,
    "withdraw": ending.withdraw,
    "cancel": ending.cancel,
    "take_back": deciding.take_back,
    "transfer": handing.transfer,
    "add_signer": handing.add_signer,
    "consult": handing.consult,
    "reply": handing.reply,
    "copy": handing.copy_to,
    "remind": handing.remind,
    "reassign": handing.reassign,
    "suspend": ending.suspend,
    "resume": ending.resume,
    "ask_void": ending.ask_void,
    "void": ending.void,
}


def act(request_id: int, verb: str, **given: Unpack[Given]) -> Result:
    """Do something on a request, as the person asking. Inside `transaction()`.

    Raises:
        NotFound: there is no such request, or it does not concern him.
        NotAllowed: he may not do this.
        WrongState: the request does not wait for it.
        Stale: the record or the request is not what he saw.
        CommentRequired, ConditionUnmet, BadInput: what the step asks for is missing.

    """
    if verb not in HANDLERS:
        raise BadRequest(say(zh="没有“{verb}”这个操作。", en="There is no act '{verb}'.", verb=verb[:40]))
    known = ApprovalAct[verb]
    who = access.principal()
    if replay := replayed(request_id, known, who, given):
        return replay
    attempt = _attempt(request_id, known, given)
    if refusal := hindrance(attempt):
        raise not_running(attempt.request) if came_too_late(attempt) else refusal
    check_seen(attempt)
    if known.value in attempt_comments(attempt) and attempt.comment is None:
        raise CommentRequired
    with access.by_rule():
        HANDLERS[verb](attempt)
        attempt.p.write()
    return Result(attempt.request.id, attempt.request.status.value)


def _attempt(request_id: int, act: ApprovalAct, given: Given) -> Attempt:
    request = lock(request_id)
    if request is not None:
        attempt = attempt_on(request, act, given, fresh=True)
        if attempt.task is not None or concerns(attempt) or is_administrative(attempt):
            return attempt
    raise NotFound(say(zh="没有这个审批申请。", en="There is no such request."))
