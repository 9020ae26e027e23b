"""What can go wrong, in words a person can act on. Doors translate these; anything else is a fault of ours."""

from __future__ import annotations

from dataclasses import dataclass

from app.words import Words


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what was typed: where, and why."""

    words: Words
    field: str | None = None


class Refusal(Exception):
    """The act is refused: what, why, and (where a policy says so) by which article.

    `code` is the stable word of the API, `status` its HTTP status.
    """

    code = "refused"
    status = 409

    def __init__(self, words: Words, *, field: str | None = None, article: str | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.field = field
        self.article = article

    def __str__(self) -> str:
        return str(self.words)


class NotAllowed(Refusal):
    """The person asking may not do this."""

    code = "not_allowed"
    status = 403


class NotFound(Refusal):
    """There is no such thing, or this person may not see it: both read the same."""

    code = "not_found"
    status = 404


class WrongState(Refusal):
    """The record does not stand where this act is possible."""

    code = "wrong_state"


class BadRequest(Refusal):
    """The address or its arguments make no sense."""

    code = "bad_request"
    status = 400


class Unavailable(Refusal):
    """What this needs does not answer now; nothing was changed, and it may be tried again later."""

    code = "unavailable"
    status = 503


class BadInput(Refusal):
    """What was typed breaks rules; each problem names its field."""

    code = "bad_input"
    status = 422

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].words, field=problems[0].field)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Change:
    """A field somebody else changed meanwhile: its name, and both values as the reader sees them."""

    field: str
    label: Words
    theirs_before: str
    theirs_now: str


class Stale(Refusal):
    """The record changed since it was read: who, when, which fields."""

    code = "stale"

    def __init__(self, words: Words, *, changes: list[Change], version_no: int) -> None:
        super().__init__(words)
        self.changes = changes
        self.version_no = version_no


class NotReady(Exception):
    """The product cannot start; the sentence says what is missing and what to do."""
