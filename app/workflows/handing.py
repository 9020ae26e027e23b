"""Handing a duty on, asking others, and telling them; who waits for whom when signers are added."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from app.columns import now
from app.errors import BadInput, NotAllowed, Problem, WrongState
from app.extensions import db
from app.models import (
    Account,
    ApprovalAct,
    ApprovalAction,
    ApprovalSeat,
    ApprovalTask,
    DutySource,
    DutyStatus,
    QuorumMode,
)
from app.roles import Act
from app.services import access
from app.services.fields import labels_of
from app.words import Words, say
from app.workflows import people, proceedings
from app.workflows.attempts import Attempt, not_running
from app.workflows.proceedings import Proceeding, copy, hand_over, log, tell

REMINDED_AGAIN = timedelta(hours=1)
"""How long after one reminder the submitter may send the next."""
HANDED = frozenset({DutySource.transfer, DutySource.superior, DutySource.escalation})
"""How a duty came to somebody in place of another."""


def newcomer(attempt: Attempt) -> int:
    """The person an act names: somebody who can act, is not shut out, and does not sit on this step yet."""
    to = _somebody(attempt)
    p, step = attempt.p, attempt.step
    if step is None:
        raise not_running(p.request)
    if to in p.shut_out(attempt.node):
        raise NotAllowed(
            say(
                zh="该员工须回避，不能处理此申请。",
                en="This person is a party to the request, or decided before.",
            )
        )
    sitting = {
        task.assignee_id
        for task in p.tasks(step)
        if task.status in {*proceedings.VOTES, *proceedings.PENDING}
    }
    if to in sitting:
        raise BadInput(
            [Problem(say(zh="该员工已在此步骤。", en="This person is at this step already."), "to")]
        )
    return to


def transfer(attempt: Attempt) -> None:
    """Another decides in one's place; one's own name stays in the course."""
    to = newcomer(attempt)
    task, _step = attempt.duty
    task.acted_by_id, task.decided_at, task.comment = attempt.who.employee_id, now(), attempt.comment
    log(attempt.p, attempt.deed(to=to))
    hand_over(task, to, DutySource.transfer, Words("转办", "transferred"))
    tell(attempt.p, [to], proceedings.turn_words(attempt.p, attempt.node))


def reassign(attempt: Attempt) -> None:
    """An administrator gives somebody's duty to another: whoever left, or cannot decide."""
    to = newcomer(attempt)
    task = _meant(attempt)
    log(attempt.p, attempt.deed(to=to, of=task.assignee_id))
    task.decided_at = now()
    heir = hand_over(task, to, DutySource.transfer, Words("管理员改派", "reassigned"))
    if heir.status is DutyStatus.open:
        tell(attempt.p, [to], proceedings.turn_words(attempt.p, attempt.node))


def _meant(attempt: Attempt) -> ApprovalTask:
    """The duty an administrator means: the one named, or the only one there is."""
    if attempt.step is None:
        raise not_running(attempt.request)
    wanted = attempt.given.get("task_id")
    found = [
        task
        for task in attempt.p.tasks(attempt.step)
        if task.status in proceedings.PENDING and wanted in {None, task.id}
    ]
    if len(found) != 1:
        words = say(zh="请指明改派哪一位的待办。", en="Say whose duty is given to another.")
        raise BadInput([Problem(words, "task_id")])
    return found[0]


def add_signer(attempt: Attempt) -> None:
    """A seat of its own beside the others: before (the asker waits), parallel, or after (the new one waits)."""
    to = newcomer(attempt)
    place = attempt.given.get("place", "before")
    task, step = attempt.duty
    if place not in {"before", "parallel", "after"}:
        raise BadInput([Problem(say(zh="加签位置不对。", en="There is no such place."), "place")])
    log(attempt.p, attempt.deed(to=to, place=place))
    number = sum(seat.key.startswith("added") for seat in attempt.p.seats(step)) + 1
    seat = ApprovalSeat(step=step, key=f"added{number}", mode=QuorumMode.any, need=1, size=1)
    db.session.add(seat)
    db.session.flush()
    waits = place == "after"
    db.session.add(
        ApprovalTask(
            seat_id=seat.id,
            step_id=step.id,
            request_id=attempt.request.id,
            assignee_id=to,
            status=DutyStatus.waiting if waits else DutyStatus.open,
            source=DutySource.added,
            parent_id=task.id,
            opened_at=None if waits else now(),
            due_at=task.due_at,
            reason={"zh": "加签", "en": "added", "place": place},
        )
    )
    if place == "before":
        task.status = DutyStatus.waiting
    if not waits:
        tell(attempt.p, [to], proceedings.turn_words(attempt.p, attempt.node))


def _line(p: Proceeding, task: ApprovalTask) -> list[ApprovalTask]:
    """A duty, and those it was handed on from; the last is how it came into the request."""
    known = {it.id: it for _step, _seat, it in p.places if it is not None}
    found = [task]
    while found[-1].source in HANDED and found[-1].parent_id in known:
        found.append(known[found[-1].parent_id])
    return found


def _waiters(p: Proceeding, done: ApprovalTask, status: DutyStatus) -> list[ApprovalTask]:
    """Those of this status who wait for a vote: signers added after it, or who asked for this signer before himself."""
    line = _line(p, done)
    ids = {task.id for task in line}
    asker = line[-1].parent_id if (line[-1].reason or {}).get("place") == "before" else None
    found = []
    for _step, _seat, task in p.places:
        if task is None or task.step_id != done.step_id or task.status is not status:
            continue
        theirs = _line(p, task)
        is_after = (theirs[-1].reason or {}).get("place") == "after" and theirs[-1].parent_id in ids
        if is_after or (asker is not None and asker in {it.id for it in theirs}):
            found.append(task)
    return found


def release(p: Proceeding, done: ApprovalTask) -> None:
    """Who waited for this vote goes on."""
    for task in _waiters(p, done, DutyStatus.waiting):
        task.status, task.opened_at = DutyStatus.open, now()
        tell(p, [task.assignee_id], proceedings.turn_words(p, p.flow.step(proceedings.node_of(p, task))))


def hold_again(p: Proceeding, undone: ApprovalTask) -> None:
    """A vote was taken back: who went on because of it waits again."""
    held = _waiters(p, undone, DutyStatus.open)
    if p.seat_of(undone).mode is QuorumMode.sequential:
        mates = (task for _step, seat, task in p.places if seat is p.seat_of(undone))
        held += [task for task in mates if task is not None and task.status is DutyStatus.open]
    for task in held:
        if task is not undone:
            task.status, task.opened_at = DutyStatus.waiting, None


def consult(attempt: Attempt) -> None:
    """Ask somebody's opinion: he sees the request and may reply, and has no vote."""
    to = _somebody(attempt)
    log(attempt.p, attempt.deed(to=to))
    copy(attempt.p, [to], "consult")


def reply(attempt: Attempt) -> None:
    """Say one's opinion to those who decide."""
    p = attempt.p
    log(p, attempt.deed())
    words = say(
        zh="关于“{title}”的意见：{what}",
        en='An opinion on "{title}": {what}',
        title=p.request.title,
        what=attempt.comment or "-",
    )
    tell(p, _deciding(attempt), words)


def _deciding(attempt: Attempt) -> list[int]:
    """Those whose turn it is."""
    if attempt.step is None:
        return []
    return [task.assignee_id for task in attempt.p.tasks(attempt.step) if task.status is DutyStatus.open]


def copy_to(attempt: Attempt) -> None:
    """Let somebody know of the request."""
    to = _somebody(attempt)
    log(attempt.p, attempt.deed(to=to))
    copy(attempt.p, [to], "")


def _somebody(attempt: Attempt) -> int:
    to = attempt.given.get("to")
    if to is None or not people.can_act(to):
        raise BadInput(
            [Problem(say(zh="请选择一位在职员工。", en="Choose an employee who works here."), "to")]
        )
    if not _may_read(to, type(attempt.p.record)):
        words = say(
            zh="该员工无权查看{what}，请另选一位。",
            en="This person may not see {what}: choose somebody else.",
            what=labels_of(type(attempt.p.record)),
        )
        raise BadInput([Problem(words, "to")])
    return to


def _may_read(employee_id: int, model: type[Any]) -> bool:
    """Whether somebody's rights let him read such records at all: else he would be asked and could not open it."""
    with access.acting(access.SYSTEM):
        users = db.session.scalars(select(Account.user_id).where(Account.employee_id == employee_id)).all()
        able = [who for id_ in users if (who := access.principal_of(id_)) is not None]
    return any(who.may(Act.read, access.resource_of(model)) for who in able)


def remind(attempt: Attempt) -> None:
    """Remind those whose turn it is; raises `WrongState` while they have hardly read the last one."""
    last = db.session.scalar(
        select(func.max(ApprovalAction.at)).where(
            ApprovalAction.request_id == attempt.request.id,
            ApprovalAction.act == ApprovalAct.remind,
            ApprovalAction.actor_id.is_not(None),
        )
    )
    if last is not None and now() < last + REMINDED_AGAIN:
        raise WrongState(
            say(zh="刚刚已催办，请一小时后再试。", en="They were reminded just now: try again in an hour.")
        )
    log(attempt.p, attempt.deed())
    words = say(
        zh="{who}催办：“{title}”",
        en='{who} asks you to decide "{title}"',
        who=attempt.request.submitter.name,
        title=attempt.request.title,
    )
    tell(attempt.p, _deciding(attempt), words)
