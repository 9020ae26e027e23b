"""The lives of records: which states there are, which moves lead from one to the next, and who may make them.

This is the only code that sets a status. A move compares and swaps: the record must still stand where it was read
(status and version), so of two people at once one wins. A status changed any other way is refused when it is flushed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.columns import Choice
from app.errors import BadInput, BadRequest, NotAllowed, Problem, WrongState
from app.extensions import db
from app.models import AuditAct
from app.roles import Act
from app.services import access, audit
from app.words import Words, say

Consequence = Callable[[Any], object]
"""What else a move brings about, in the same transaction, by rule of the house."""


Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Named(Generic[Told]):
    """A function on a closed list that flows name: the record type it is for, what it is called, what it does."""

    model: type[Any]
    words: Words
    run: Callable[[Any], Told]

    def __call__(self, record: Any) -> Told:
        """Run it on a record of its type."""
        return self.run(record)


Check = Callable[[Any], Words | None]
"""Says why a record may not make a move now, or nothing."""

checks: dict[str, Named[Words | None]] = {}
"""The closed list of conditions moves and flows may name; each is called what must hold."""


def check(name: str, model: type[Any], *, zh: str, en: str) -> Callable[[Check], Check]:
    """Put a condition on the list, under the name definitions use."""

    def add(function: Check) -> Check:
        checks[name] = Named(model, Words(zh, en), function)
        return function

    return add


def checks_of(model: type[Any]) -> dict[str, Words]:
    """The conditions on the list that records of a type can be asked, and what they are called."""
    return {name: found.words for name, found in checks.items() if found.model is model}


class By(enum.Enum):
    """Who makes a move."""

    person = enum.auto()
    """Whoever may do its act on the record."""
    approval = enum.auto()
    """The approval engine, when a request was decided."""
    rule = enum.auto()
    """The house: a consequence of something else."""


@dataclass(frozen=True, slots=True)
class Move:
    """One move: from where, to where, who makes it, what must hold, what is set before it and what follows."""

    verb: str
    words: Words
    sources: tuple[str, ...]
    target: str
    by: By = By.person
    act: Act = Act.edit
    checks: tuple[str, ...] = ()
    needs_reason: bool = False
    before: tuple[Consequence, ...] = ()
    then: tuple[Consequence, ...] = ()
    tone: str = ""


def moves(verb: str, sources: str, target: str, words: Words, **more: Any) -> Move:
    """A move in one line; `sources` are the states it starts from, parted by blanks."""
    return Move(verb, words, tuple(sources.split()), target, **more)


@dataclass(frozen=True)
class Machine:
    """The life of one record type. Its first state is where new records start.

    `adopted` are the states opening data may be entered in (R3); `closed` those in which nothing is edited any more,
    but for the fields in `still_open`. `guarded` is off for configuration: there the code that publishes it sets the
    status as well, with or without an approval.
    """

    model: type[Any]
    first: str
    moves: tuple[Move, ...]
    adopted: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    still_open: frozenset[str] = field(default_factory=frozenset)
    guarded: bool = True

    @property
    def states(self) -> type[Choice]:
        """The closed set of its states."""
        kind: type[Choice] = inspect(self.model).columns["status"].type.enum_class
        return kind

    def find(self, verb: str) -> Move:
        """The move of this name; raises `BadRequest`."""
        found = next((move for move in self.moves if move.verb == verb), None)
        if found is None:
            raise BadRequest(
                say(zh="没有“{verb}”这个操作。", en="There is no move '{verb}'.", verb=verb[:40])
            )
        return found

    def __post_init__(self) -> None:
        machines[self.model] = self


machines: dict[type[Any], Machine] = {}
"""The lives, by record type."""


def machine_of(record: Any) -> Machine:
    """The life of this record's type; raises `BadRequest` when it has none."""
    found = machines.get(type(record))
    if found is None:
        raise BadRequest(say(zh="这类记录没有状态。", en="Records of this type have no states."))
    return found


# ---- moving ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A move a person is offered on a record; `refusal` says why it cannot be made now."""

    verb: str
    words: Words
    tone: str
    needs_reason: bool
    refusal: Words | None = None


def moves_of(record: Any) -> list[Offer]:
    """The moves the person asking is offered on this record as it stands."""
    machine = machines.get(type(record))
    if machine is None or getattr(record, "deleted_at", None) is not None:
        return []
    who = access.principal()
    return [
        Offer(move.verb, move.words, move.tone, move.needs_reason, _hindrance(record, move))
        for move in machine.moves
        if move.by is By.person and record.status in move.sources and _may(record, move, who)
    ]


def move(record: Any, verb: str, reason: str | None = None) -> None:
    """Have a person make a move. Inside `transaction()`, where the record was found.

    Raises:
        BadRequest: there is no such move.
        WrongState: the record does not stand where the move starts, or a condition does not hold.
        NotAllowed: the person may not make it.

    """
    found = machine_of(record).find(verb)
    if found.by is not By.person or not _may(record, found, access.principal()):
        raise NotAllowed(say(zh="您不能执行“{move}”。", en='You cannot "{move}" this.', move=found.words))
    if found.needs_reason and not (reason or "").strip():
        raise BadInput([Problem(say(zh="请说明原因。", en="Give a reason."), "reason")])
    _make(record, found, reason)


def move_by_approval(record: Any, verb: str, reason: str | None = None) -> None:
    """Have the approval engine make a move: a request was submitted or decided."""
    _make(record, machine_of(record).find(verb), reason)


def move_by_rule(record: Any, verb: str, reason: str | None = None) -> None:
    """Have the house make a move as a consequence of something else; none when the record is already there."""
    found = machine_of(record).find(verb)
    if record.status != found.target:
        _make(record, found, reason)


def move_within_flush(record: Any, verb: str) -> None:
    """Make a move because of an edit that is being written: its consequences may set fields of this record alone."""
    found = machine_of(record).find(verb)
    before = record.status
    record.status = machine_of(record).states[found.target]
    for consequence in found.then:
        consequence(record)
    audit.record(
        AuditAct.move,
        record.__tablename__,
        record.id,
        changes={"status": [before.value, found.target]},
        summary=found.words,
    )


def can_move(record: Any, verb: str) -> bool:
    """Whether the record stands where this move starts."""
    return record.status in machine_of(record).find(verb).sources


def _may(record: Any, move: Move, who: access.Principal) -> bool:
    if who.system:
        return True
    if not hasattr(record, "owner_id"):
        return who.may(move.act, access.resource_of(type(record)))
    return access.may_write(record, move.act, who)


def _hindrance(record: Any, move: Move) -> Words | None:
    return next((words for name in move.checks if (words := checks[name](record))), None)


def _make(record: Any, found: Move, reason: str | None) -> None:
    machine = machine_of(record)
    if record.status not in found.sources:
        raise WrongState(
            say(
                zh="“{state}”状态下不能{move}。",
                en='"{move}" is not possible in the state "{state}".',
                state=record.status.words,
                move=found.words,
            )
        )
    if words := _hindrance(record, found):
        raise WrongState(words)
    before = record.status
    with access.by_rule(), _moving():
        for consequence in found.before:
            consequence(record)
        record.status = machine.states[found.target]
        db.session.flush()  # the row lock: `version_no` must still be what was read
        audit.record(
            AuditAct.move,
            record.__tablename__,
            record.id,
            changes={"status": [before.value, found.target]},
            reason=reason,
            summary=found.words,
        )
        for consequence in found.then:
            consequence(record)
        db.session.flush()


# ---- opening data ------------------------------------------------------------------------------------------

_set_by_machine: ContextVar[bool] = ContextVar("set_by_machine", default=False)
_adopting: ContextVar[bool] = ContextVar("adopting", default=False)


@contextmanager
def _moving() -> Iterator[None]:
    token = _set_by_machine.set(True)
    try:
        yield
    finally:
        _set_by_machine.reset(token)


@contextmanager
def adopting(models: Sequence[type[Any]], reason: str, *, told: bool = True) -> Iterator[None]:
    """Let new records of these types start in a later state: opening data, entered once (R3). Audited per run.

    A run of several transactions tells of itself once, at its end: then `told` is off here.

    Raises:
        NotAllowed: the person lacks the right to enter opening data.
        BadInput: no reason was given.

    """
    who = access.principal()
    for model in models:
        who.check(Act.adopt_history, access.resource_of(model))
    if not reason.strip():
        raise BadInput([Problem(say(zh="请说明录入历史数据的原因。", en="Say why opening data is entered."))])
    token = _adopting.set(True)
    try:
        yield
        db.session.flush()
    finally:
        _adopting.reset(token)
    for model in models if told else ():
        audit.record(
            AuditAct.bring_in,
            model.__tablename__,
            None,
            reason=reason,
            summary=say(zh="录入历史数据", en="Opening data entered"),
        )


@event.listens_for(Session, "before_flush")
def _guard_status(session: Session, _context: Any, _instances: Any) -> None:
    """A status is set by a move. New records start in the first state, or in an adopted one."""
    for row in session.new:
        machine = machines.get(type(row))
        if machine and machine.guarded and row.status is not None and row.status not in _starts(machine):
            raise RuntimeError(f"a new {type(row).__name__} cannot start as {row.status}")
    if _set_by_machine.get():
        return
    for row in session.dirty:
        machine = machines.get(type(row))
        if machine and machine.guarded and inspect(row).attrs.status.history.has_changes():
            raise RuntimeError(f"the status of a {type(row).__name__} is set by its machine alone")


def _starts(machine: Machine) -> tuple[str, ...]:
    return (machine.first, *machine.adopted) if _adopting.get() else (machine.first,)
