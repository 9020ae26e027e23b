"""Who may do what on a request, and when: one list, used by the engine, the screens and the API alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from app.errors import Change, NotAllowed, Refusal, Stale, WrongState
from app.extensions import db
from app.models import (
    ApprovalAct,
    ApprovalAction,
    ApprovalCopy,
    ApprovalRequest,
    ApprovalStep,
    RequestStatus,
)
from app.roles import Act
from app.services.fields import field_named
from app.words import Words, say
from app.workflows import machine, proceedings, routing, subjects
from app.workflows.attempts import ALIVE, Attempt, not_running, not_yours
from app.workflows.proceedings import Proceeding

EXPLAINED = frozenset({"reply", "reassign", "suspend", "ask_void", "void"})
"""The acts that need a comment at any step."""

ADMINISTRATIVE = frozenset({"cancel", "reassign", "suspend", "resume", "ask_void", "void"})

DECISIONS = frozenset({"approve", "reject", "send_back"})


def hindrance(attempt: Attempt) -> Refusal | None:
    """Why the person asking may not do this now; None when he may. Screens offer exactly what passes."""
    if attempt.p.record is None or getattr(attempt.p.record, "deleted_at", None) is not None:
        return WrongState(say(zh="原记录已删除。", en="The record was deleted."))
    guard = GUARDS[attempt.act.value]
    return guard(attempt)


def _as_decider(attempt: Attempt) -> Refusal | None:
    """An open duty of one's own, or of somebody one stands in for, and an act its step offers."""
    if not attempt.verdict:
        attempt.verdict.append(_on_duty(attempt))
    if attempt.verdict[0] is not None:
        return attempt.verdict[0]
    if attempt.act.value not in attempt.node.acts:
        return NotAllowed(
            say(zh="此步骤不能{act}。", en='"{act}" is not offered at this step.', act=attempt.act.words)
        )
    return None


def _on_duty(attempt: Attempt) -> Refusal | None:
    """Whether the person has an open duty here that he may do, under the separation of duties."""
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request) if attempt.p.had_part(attempt.who.employee_id) else not_yours()
    if attempt.task is None or attempt.step is None:
        return not_yours()
    if not attempt.p.readable:
        return NotAllowed(say(zh="您无权查看该记录。", en="You may not see this record."))
    return _separation(attempt)


def came_too_late(attempt: Attempt) -> bool:
    """Whether somebody a later step names decides on what has ended before: it is over, not somebody else's."""
    request, me = attempt.request, attempt.who.employee_id
    if request.status is RequestStatus.running or attempt.act.value not in DECISIONS:
        return False
    if me is None or attempt.p.record is None:
        return False
    with suppress(Refusal):
        seats = [
            proceedings.seated(attempt.p, step) for step in routing.path(attempt.p.flow, attempt.p.holds)
        ]
        return any(
            me == person.employee_id for step in seats for _seat, sitting in step for person in sitting
        )
    return False


def _separation(attempt: Attempt) -> Refusal | None:
    """Neither the one who acts nor the one he acts for may be shut out (§4.3); checked when it is decided."""
    p = attempt.p
    excluded = p.shut_out(attempt.node)
    pair = {attempt.who.employee_id, attempt.task.assignee_id if attempt.task else None}
    if pair & excluded:
        return NotAllowed(
            say(
                zh="您与该申请有关或已办理过其他步骤，须回避。",
                en="You are a party to this request, or decided another step of it.",
            )
        )
    return _second_vote(attempt)


def _second_vote(attempt: Attempt) -> Refusal | None:
    """One person counts once per step, as himself or as a stand-in."""
    if not attempt.p.flow.strict or attempt.step is None:
        return None
    me = attempt.who.employee_id
    voted = [
        task
        for task in attempt.p.tasks(attempt.step)
        if task.status in proceedings.VOTES and me in {task.assignee_id, task.acted_by_id}
    ]
    if voted:
        return NotAllowed(say(zh="您已在此步骤表决。", en="You have already voted at this step."))
    return None


def _as_submitter(attempt: Attempt) -> Refusal | None:
    if attempt.who.employee_id is None or attempt.who.employee_id != attempt.request.submitter_id:
        return NotAllowed(say(zh="只有提交人可以这样做。", en="Only who submitted it may do this."))
    return None


def _may_withdraw(attempt: Attempt) -> Refusal | None:
    """The submitter, while nobody has decided (R30, R43)."""
    if refusal := _as_submitter(attempt):
        return refusal
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request)
    if attempt.request.decided_once:
        return WrongState(
            say(
                zh="已有人审批，不能撤回；如需终止请撤销。",
                en="Somebody has decided already: it can only be cancelled.",
            )
        )
    return None


def _may_cancel(attempt: Attempt) -> Refusal | None:
    """The submitter or the record's owner, while it runs or lies with the submitter."""
    if attempt.request.status not in ALIVE:
        return not_running(attempt.request)
    owner = getattr(attempt.p.record, "owner_id", None)
    who = attempt.who
    is_his = who.employee_id is not None and who.employee_id in {attempt.request.submitter_id, owner}
    if is_his or who.may(Act.administer, "approval_request"):
        return None
    return NotAllowed(
        say(zh="只有提交人或负责人可以撤销。", en="Only the submitter or the owner may cancel it.")
    )


def _may_remind(attempt: Attempt) -> Refusal | None:
    if refusal := _as_submitter(attempt):
        return refusal
    return None if attempt.request.status is RequestStatus.running else not_running(attempt.request)


def _may_take_back(attempt: Attempt) -> Refusal | None:
    """A decider's own last act, while nobody acted after him and nothing has followed from it."""
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request)
    last = last_action(attempt.request)
    if last is None or last.act is not ApprovalAct.approve or last.actor_id != attempt.who.employee_id:
        return WrongState(say(zh="没有可以收回的审批。", en="There is nothing of yours to take back."))
    step = db.session.get_one(ApprovalStep, last.step_id)
    if attempt.p.flow.step(step.node).then:
        return WrongState(
            say(zh="审批已产生结果，不能收回。", en="Something followed from it: it cannot be taken back.")
        )
    return None


def _may_reply(attempt: Attempt) -> Refusal | None:
    """Who was asked for his opinion, and does not decide at this step himself."""
    if attempt.request.status is not RequestStatus.running:
        return not_running(attempt.request) if attempt.p.readable else not_yours()
    me = attempt.who.employee_id
    if attempt.task is None and me not in {None, attempt.request.submitter_id} and _was_asked(attempt):
        return None
    return NotAllowed(say(zh="没有向您征询意见。", en="Your opinion was not asked for."))


def _was_asked(attempt: Attempt) -> bool:
    asked = select(ApprovalCopy.id).where(
        ApprovalCopy.request_id == attempt.request.id,
        ApprovalCopy.employee_id == attempt.who.employee_id,
        ApprovalCopy.reason == "consult",
    )
    return db.session.scalar(asked) is not None


# ---- administrators ----------------------------------------------------------------------------------------


def _as_administrator(attempt: Attempt) -> Refusal | None:
    """An employee who administers requests, and is no party to this one."""
    who = attempt.who
    if who.employee_id is None or not who.may(Act.administer, "approval_request"):
        return NotAllowed(say(zh="只有流程管理员可以这样做。", en="Only an administrator may do this."))
    if who.employee_id in attempt.p.parties:
        return NotAllowed(
            say(
                zh="您与该申请有关，须由其他管理员处理。",
                en="You are a party to it: another administrator does.",
            )
        )
    return None


def is_administrative(attempt: Attempt) -> bool:
    """Whether an administrator does what administrators do: also on what he may not read."""
    return attempt.act.value in ADMINISTRATIVE and attempt.who.may(Act.administer, "approval_request")


def _may_hold(attempt: Attempt) -> Refusal | None:
    """Reassigning a duty, or stopping the clock, while it runs."""
    if refusal := _as_administrator(attempt):
        return refusal
    return None if attempt.request.status is RequestStatus.running else not_running(attempt.request)


def _may_resume(attempt: Attempt) -> Refusal | None:
    if refusal := _as_administrator(attempt):
        return refusal
    return None if attempt.request.status is RequestStatus.suspended else not_running(attempt.request)


def _may_ask_void(attempt: Attempt) -> Refusal | None:
    """The first of two administrators, once."""
    if refusal := _voidable(attempt):
        return refusal
    if asker_of_void(attempt.p) is not None:
        return WrongState(
            say(
                zh="已申请作废，等待另一位管理员确认。",
                en="It was asked for: another administrator confirms it.",
            )
        )
    return None


def _may_void(attempt: Attempt) -> Refusal | None:
    """The second of two administrators (R30): another person, not only another account."""
    if refusal := _voidable(attempt):
        return refusal
    asker = asker_of_void(attempt.p)
    if asker is None:
        return WrongState(say(zh="尚未有人申请作废。", en="Nobody has asked to void it."))
    if asker == attempt.who.employee_id:
        return NotAllowed(
            say(zh="作废须由另一位管理员确认。", en="Another administrator than the one who asked voids it.")
        )
    return None


def _voidable(attempt: Attempt) -> Refusal | None:
    """What is alive; what was approved only where the life of its record knows how to take it back."""
    if refusal := _as_administrator(attempt):
        return refusal
    request, record = attempt.request, attempt.p.record
    if request.status in ALIVE or (request.status is RequestStatus.approved and _undoes(record)):
        return None
    return not_running(request)


def _undoes(record: Any) -> bool:
    life = machine.machine_of(record)
    return any(move.verb == "void" and record.status in move.sources for move in life.moves)


def asker_of_void(p: Proceeding) -> int | None:
    """Who asked to void the request in this round, if somebody did."""
    asked = (
        select(ApprovalAction.actor_id)
        .where(ApprovalAction.request_id == p.request.id, ApprovalAction.act == ApprovalAct.ask_void)
        .order_by(ApprovalAction.seq.desc())
    )
    with db.session.no_autoflush:
        return db.session.scalar(asked.limit(1))


# ---- the list ----------------------------------------------------------------------------------------------


def last_action(request: ApprovalRequest) -> ApprovalAction | None:
    """What was done last in a request."""
    return db.session.scalar(
        select(ApprovalAction).where(
            ApprovalAction.request_id == request.id, ApprovalAction.seq == request.last_seq
        )
    )


Guard = Callable[[Attempt], Refusal | None]

GUARDS: dict[str, Guard] = {
    "approve": _as_decider,
    "reject": _as_decider,
    "send_back": _as_decider,
    "transfer": _as_decider,
    "add_signer": _as_decider,
    "consult": _as_decider,
    "copy": _as_decider,
    "withdraw": _may_withdraw,
    "cancel": _may_cancel,
    "take_back": _may_take_back,
    "remind": _may_remind,
    "reply": _may_reply,
    "reassign": _may_hold,
    "suspend": _may_hold,
    "resume": _may_resume,
    "ask_void": _may_ask_void,
    "void": _may_void,
}
"""Who may do what, and when: used by the engine, the screens and the API alike."""


def attempt_comments(attempt: Attempt) -> frozenset[str]:
    """The acts that need a comment where the request stands."""
    if attempt.step is None:
        return EXPLAINED
    node = attempt.node
    if node.comment_when and attempt.p.holds(node.comment_when):
        return node.comment | EXPLAINED | {"approve"}
    return node.comment | EXPLAINED


def check_seen(attempt: Attempt) -> None:
    """A decision counts for what its maker saw: refuse it if the record or the request is not that any more."""
    given, request = attempt.given, attempt.request
    seen = given.get("seen_version")
    if seen is not None and seen != request.version_no and given.get("task_id") is None:
        raise Stale(
            say(
                zh="该申请已被他人处理，请刷新后再操作。",
                en="Somebody else has acted on this request: open it again.",
            ),
            changes=[],
            version_no=request.version_no,
        )
    if attempt.act.value not in DECISIONS:
        return
    content = attempt.p.content()
    current = subjects.digest(content)
    if current == request.content_hash and given.get("content_hash") in {None, current}:
        return
    if attempt.act is ApprovalAct.approve:
        _check_frozen(attempt, content)
    if given.get("content_hash") not in {None, current}:
        raise Stale(
            say(
                zh="记录在您查看之后有变化，请核对后再决定。",
                en="The record changed after you opened it: compare, then decide.",
            ),
            changes=differences(attempt.p.record, request.content, content),
            version_no=attempt.p.record.version_no,
        )


def _check_frozen(attempt: Attempt, content: Mapping[str, Any]) -> None:
    """What was decided on so far is still there: only fields named as free may differ, and files only be added.

    Nobody agrees to anything else; it can always be sent back or rejected.
    """
    kept = attempt.request.content
    allowed = attempt.p.flow.freeze.free | {"attachment"} | editable_now(attempt.p, attempt.step)
    changed = {name for name in content if content[name] != kept.get(name)} - allowed
    gone = set(kept.get("attachment", ())) - set(content.get("attachment", ()))
    if changed or gone:
        raise Stale(
            say(
                zh="审批期间记录被改动，须退回后重新提交。",
                en="The record was changed while it was decided on: it must be sent back and submitted again.",
            ),
            changes=differences(attempt.p.record, kept, content),
            version_no=attempt.p.record.version_no,
        )


def editable_now(p: Proceeding, step: ApprovalStep | None) -> frozenset[str]:
    """The fields the open step fills in."""
    return frozenset(p.flow.step(step.node).fields) if step is not None else frozenset()


def differences(record: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields in which two contents differ, as a reader sees them."""
    found = []
    for name in after:
        if before.get(name) != after[name]:
            field = field_named(type(record), name) if hasattr(type(record), "__rows__") else None
            label = field.label if field else Words(name, name)
            found.append(Change(name, label, str(before.get(name)), str(after[name])))
    return found
