"""What the approval engine refuses, each with a code doors and callers can tell apart."""

from __future__ import annotations

from app.errors import Refusal
from app.words import Words, say


class Locked(Refusal):
    """The record is being decided on, or was: it cannot be edited."""

    code = "locked"


class ApprovalRequired(Refusal):
    """The act needs an approval that is not there."""

    code = "approval_required"


class CommentRequired(Refusal):
    """The act needs a comment."""

    code = "comment_required"
    status = 422

    def __init__(self, words: Words | None = None) -> None:
        super().__init__(words or say(zh="请填写意见。", en="Write a comment."), field="comment")


class Duplicate(Refusal):
    """There is already a request on this record."""

    code = "duplicate"


class ConditionUnmet(Refusal):
    """What a step asks for before it can be approved does not hold."""

    code = "condition"


class NotApprovable(Refusal):
    """No published flow covers the record: it cannot be approved, and is not."""

    code = "bad_definition"
