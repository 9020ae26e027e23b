"""A record is not edited while it is decided on, nor, where its life or its flow says so, after it (G4).

`check_editable` asks before a form is shown or saved; a session listener holds the same rule below every door. What the
house writes by rule (a move, an effect, the form of a step) passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import ApprovalAct, ApprovalRequest, RequestStatus
from app.roles import Act
from app.services import access
from app.words import say
from app.workflows import machine, subjects
from app.workflows.attempts import alive_request, attempt_on, latest_request
from app.workflows.flow import compiled
from app.workflows.refusals import Locked

KEPT = frozenset(
    {"status", "version_no", "changed_at", "changed_by_id", "created_at", "created_by_id", "deleted_by_id"}
)
"""Columns that are no edit of a record."""


def check_editable(record: Any, names: frozenset[str] | None = None) -> None:
    """Raises `Locked` when these fields of a record (all of them, unless named) cannot be edited now."""
    if refusal := _lock(record, names):
        raise refusal


def is_editable(record: Any) -> bool:
    """Whether any field of a record can be edited now."""
    return _lock(record, None) is None


def takes_lines(record: Any, model: type[Any]) -> bool:
    """Whether rows of this type may be added to a record now: lines that are decided on with it are frozen with it."""
    name = subjects.line_of(type(record), model)
    return name is None or _lock(record, frozenset({name})) is None


def shut(rows: Sequence[Any]) -> frozenset[int]:
    """Which of these rows of one type no form opens for: their own state, or that of what they are lines of, closes them.

    For a list, which offers no form that would only be refused: no statement, and one for lines, however many rows.
    """
    if not rows:
        return frozenset()
    model = type(rows[0])
    place = subjects.place_of_line(model)
    if place is None:
        return frozenset(row.id for row in rows if _is_closed(row))
    whole, _name, key = place
    wholes = {getattr(row, key) for row in rows}
    found = db.session.scalars(select(whole.model).where(whole.model.id.in_(wholes)))
    closed = {record.id for record in found if _is_closed(record)}
    return frozenset(row.id for row in rows if getattr(row, key) in closed)


def _is_closed(record: Any) -> bool:
    life = machine.machines.get(type(record))
    if life is None:
        return False
    return record.status == "in_approval" or (not life.still_open and record.status in life.closed)


def _lock(record: Any, names: frozenset[str] | None) -> Locked | None:
    for whole, lines in subjects.wholes_of(record):
        if refusal := _lock(whole, frozenset({lines})):
            return refusal
    life = machine.machines.get(type(record))
    if life is not None and record.status in life.closed and not _within(names, life.still_open):
        return Locked(
            say(
                zh="“{state}”状态的记录不能修改。",
                en='A record in the state "{state}" cannot be edited.',
                state=record.status.words,
            )
        )
    if record.__tablename__ not in subjects.subjects:
        return None
    request = latest_request(record)
    return _lock_of(request, names) if request is not None else None


def _within(names: frozenset[str] | None, free: frozenset[str]) -> bool:
    """Whether everything that is to be edited is free; of a whole form, whether anything is."""
    return bool(free) if names is None else names <= free


def _lock_of(request: ApprovalRequest, names: frozenset[str] | None) -> Locked | None:
    freeze = compiled(request.version.body, request.version.body_hash).freeze
    if request.status in {RequestStatus.running, RequestStatus.suspended}:
        free = freeze.free
        attempt = attempt_on(request, ApprovalAct.approve, {})
        if attempt.task is not None:
            free |= frozenset(attempt.node.fields)
        if not _within(names, free):
            return Locked(
                say(
                    zh="记录正在审批（{no}），不能修改。",
                    en="The record is being decided on ({no}): it cannot be edited.",
                    no=request.no or request.title,
                )
            )
    approved = request.status is RequestStatus.approved
    if approved and freeze.locked_after and not _within(names, freeze.free | freeze.rearm):
        return Locked(
            say(zh="记录已经审批通过，不能修改。", en="The record was approved: it cannot be edited.")
        )
    return None


@event.listens_for(Session, "before_flush")
def _hold(session: Session, _context: Any, _instances: Any) -> None:
    """Refuse edits of frozen records, whatever door they came through."""
    if access._by_rule.get():
        return
    for row in list(session.dirty):
        if type(row) in machine.machines and session.is_modified(row):
            _hold_row(row)
    for row in [*session.new, *session.dirty, *session.deleted]:
        if hasattr(type(row), "__follows__"):
            with db.session.no_autoflush:
                _hold_line(row)


def _hold_line(row: Any) -> None:
    """A line of a record is frozen with it, and cannot be added or taken away meanwhile."""
    for whole, lines in subjects.wholes_of(row):
        check_editable(whole, frozenset({lines}))


def _hold_row(row: Any) -> None:
    changed = frozenset(
        attribute.key
        for attribute in inspect(row).attrs
        if attribute.history.has_changes() and attribute.key in inspect(type(row)).column_attrs
    )
    if "deleted_at" in changed:
        _check_removable(row)
        return
    edited = changed - KEPT
    if not edited:
        return
    with db.session.no_autoflush:
        check_editable(row, edited)
        rearm(row, edited, machine.move_within_flush)


def _check_removable(row: Any) -> None:
    """A record put into the bin leaves its request behind, waiting for nobody; only its submitter or owner does that."""
    if row.deleted_at is None or row.__tablename__ not in subjects.subjects:
        return
    with db.session.no_autoflush:
        request = alive_request(row)
    if request is None:
        return
    who = access.principal()
    mine = who.employee_id in {request.submitter_id, getattr(row, "owner_id", None)}
    if not (mine or who.system or who.may(Act.administer, "approval_request")):
        raise Locked(
            say(zh="记录正在审批，不能删除。", en="The record is being decided on: it cannot be deleted.")
        )


def rearm(row: Any, edited: frozenset[str], move: Callable[[Any, str], None] = machine.move_by_rule) -> None:
    """Have an edit of a key field undo the approval: the record makes the move its flow names for that."""
    if row.__tablename__ not in subjects.subjects:
        return
    request = latest_request(row)
    if request is None or request.status is not RequestStatus.approved:
        return
    freeze = compiled(request.version.body, request.version.body_hash).freeze
    if edited & freeze.rearm and machine.can_move(row, freeze.rearm_move):
        move(row, freeze.rearm_move)
