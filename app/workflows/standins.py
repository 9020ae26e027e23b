"""Who stands in for whom in approvals for a period: named and revoked by the one who is away, for himself alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.columns import now
from app.errors import Problem, WrongState
from app.models import ApprovalStandin
from app.roles import Act
from app.services import access, records
from app.services.records import checked
from app.words import say
from app.workflows import people


@checked(ApprovalStandin)
def _check(standin: ApprovalStandin) -> Iterator[Problem]:
    """One who can decide, for a period that is not over."""
    if not people.can_act(standin.standin_id):
        words = say(
            zh="请选择一位能登录的在职员工。", en="Choose an employee who works here and can sign in."
        )
        yield Problem(words, "standin_id")
    if standin.ends_at <= now():
        yield Problem(say(zh="结束时间已过。", en="That is over already."), "ends_at")


def revoke(standin_id: int) -> None:
    """End a stand-in now, inside `transaction()`; raises `WrongState` for one that has ended."""
    standin: Any = records.find(ApprovalStandin, standin_id, Act.edit)
    if not is_in_force(standin):
        raise WrongState(say(zh="该代批已经结束。", en="It has ended already."))
    with access.by_rule():
        standin.revoked_at = now()


def is_in_force(standin: ApprovalStandin) -> bool:
    """Whether it counts now or will."""
    return standin.revoked_at is None and standin.ends_at > now()
