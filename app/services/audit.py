"""The one list of what happened: who, when, to which record, what it was and what it became.

A listener writes one line for every row of a business table that is made, changed or deleted through the session, in
the same transaction, and fills `Stamped`. What is no row (a move, a decision, an export, a sign-in, a sealed field
seen) is told with `record`. Sealed fields appear as their mask and a digest of the ciphertext, never in plain.

Lines are append-only (triggers, see `migrations/append_only.py`). `seal` chains them in order with a keyed hash, a few
seconds behind; `verify` finds the first line that was changed, removed or put in between. What `verify` cannot see
alone is a tail that was cut off: for that an `Anchor` is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import Row, Select, Table, bindparam, event, insert, inspect, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstanceState, Session

from app.columns import Rows, keyring, now
from app.extensions import Model, db, transaction
from app.models import AuditAct, AuditLog, Stamped
from app.services import access
from app.words import Words, say

SILENT = frozenset(
    {
        "audit_log",
        "import_row",
        "import_run",
        "job",
        "job_schedule",
        "notice",
        "trade_line",
        "approval_action",
        "approval_copy",
        "approval_evidence",
        "approval_request",
        "approval_seat",
        "approval_step",
        "approval_task",
        "approval_timer",
        "customer_info",
        "eval_current",
        "eval_result",
        "eval_run",
        "eval_run_chunk",
        "eval_run_stat",
        "extra_index",
    }
)
"""Tables of engines and ledgers, which keep their own history or tell it with `record`."""

ALSO = frozenset({"account", "attachment", "ab_user", "ab_role"})
"""Tables written down although no row policy speaks of them."""

PERMISSION = frozenset({"role_grant", "ab_role"})
CONFIGURATION = frozenset(
    {
        "approval_flow",
        "approval_flow_version",
        "classification_scheme",
        "classification_value",
        "eval_measure",
        "eval_measure_version",
        "eval_scheme",
        "eval_scheme_version",
        "info_item",
        "lookup",
        "number_series",
        "parameter",
        "working_day",
    }
)
"""Tables whose rows say how the house is run."""

UNTOLD = frozenset(
    {"created_at", "created_by_id", "changed_at", "changed_by_id", "version_no", "uid"}
    | {"last_login", "login_count", "fail_login_count", "created_on", "changed_on"}
    | {"created_by_fk", "changed_by_fk"}
)
SECRET = frozenset({"password"})
HIDDEN = "***"

Changes = dict[str, list[Any]]
"""Field → [what it was, what it became], as JSON holds it."""


LINES: Table = Model.metadata.tables["audit_log"]


# ---- where it comes from -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """From where something is done; a door sets it."""

    address: str | None = None
    request_id: str | None = None


NOWHERE = Origin()
origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)
_reason: ContextVar[str | None] = ContextVar("reason", default=None)
_covered: ContextVar[bool] = ContextVar("covered", default=False)


@contextmanager
def because(reason: str | None) -> Iterator[None]:
    """Write this reason beside everything the block changes; inside a transaction."""
    with _written_under(_reason, value=reason):
        yield


@contextmanager
def held_by_change_set() -> Iterator[None]:
    """Rows changed in the block are stamped but not told one by one: a change set (an import run) holds the cells."""
    with _written_under(_covered, value=True):
        yield


@contextmanager
def _written_under(variable: ContextVar[Any], *, value: object) -> Iterator[None]:
    """What stands before the block is written before it, what the block changes at its end: neither slips across."""
    db.session.flush()
    token = variable.set(value)
    try:
        yield
        db.session.flush()
    finally:
        variable.reset(token)


def _line(act: AuditAct, object_type: str | None, object_id: int | None) -> dict[str, Any]:
    """The columns of a line that do not depend on what changed."""
    who = access.asking()
    whence = origin.get()
    return {
        "at": now(),
        "act": act,
        "user_id": who.user_id if who else None,
        "person_id": who.employee_id if who else None,
        "object_type": object_type,
        "object_id": object_id,
        "reason": _reason.get(),
        "address": whence.address,
        "request_id": whence.request_id,
    }


# ---- telling -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, where no principal stands for him: at the sign-in, say."""

    user_id: int | None
    person_id: int | None = None


def record(
    act: AuditAct,
    object_type: str | None,
    object_id: int | None,
    changes: Mapping[str, Any] | None = None,
    reason: str | None = None,
    summary: Words | None = None,
    actor: Actor | None = None,
) -> None:
    """Write one line about something that is no change of a row; needs an open `transaction()`.

    `changes` maps a field to [old, new]; `summary` is a sentence about what was done.
    """
    line = _line(act, object_type, object_id)
    if actor:
        line |= {"user_id": actor.user_id, "person_id": actor.person_id}
    if reason:
        line["reason"] = reason
    if changes:
        line["changes"] = {name: plain(value) for name, value in changes.items()}
    if summary:
        line["summary"] = {"zh": summary.zh, "en": summary.en}
    db.session.execute(insert(LINES), [line])


def changes_of(row: Any) -> Changes:
    """What is changed on this row and not yet written, in the form of a line; sealed fields as marks."""
    return _changes(inspect(row), new=row in db.session.new)


def plain(value: Any) -> Any:
    """A value as JSON holds it: decimals and moments as text, bytes as a digest."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return mark(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | int | float) else format(value, "")


def mark(box: bytes, shown: str | None = None) -> str:
    """What stands for a sealed value: its mask and the beginning of the digest of its ciphertext."""
    digest = "#" + hashlib.sha256(box).hexdigest()[:16]
    return f"{shown} {digest}" if shown else digest


# ---- the listener ------------------------------------------------------------------------------------------


def is_told(table: str, rows: Rows | None) -> bool:
    """Whether rows of this table are written down one by one."""
    if table in SILENT:
        return False
    return table in ALSO or rows in {Rows.owned, Rows.follows, Rows.shared, Rows.personal}


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _context: Any, _instances: Any) -> None:
    """Stamp what is written, and note what it was while that can still be seen."""
    dirty = [row for row in session.dirty if session.is_modified(row)]
    _stamp(list(session.new), dirty)
    if _covered.get():
        return
    waiting = session.info.setdefault("audit", [])
    for row in session.new:
        if _told(row):
            waiting.append((AuditAct.create, row, {}))
    for row in dirty:
        if _told(row) and (changes := _changes(inspect(row), new=False)):
            waiting.append((AuditAct.update, row, changes))
    for row in session.deleted:
        if _told(row):
            waiting.append((AuditAct.delete, row, _last_values(inspect(row))))


@event.listens_for(Session, "after_flush")
def _after_flush(session: Session, _context: Any) -> None:
    """Write the lines: new rows have their numbers now, and the flush has not failed."""
    lines = []
    for act, row, changes in session.info.pop("audit", []):
        state = inspect(row)
        found = _first_values(state) if act is AuditAct.create else changes
        table = str(state.mapper.local_table.name)
        line = _line(_act_on(table, act, found), table, state.dict["id"])
        version = state.dict.get("version_no")
        lines.append({**line, "object_version": version, "changes": found, "summary": _title(state)})
    if lines:
        session.connection().execute(insert(LINES), lines)


@event.listens_for(Session, "after_soft_rollback")
def _after_rollback(session: Session, _previous: Any) -> None:
    session.info.pop("audit", None)


def _told(row: Any) -> bool:
    table = getattr(type(row), "__tablename__", "")
    return is_told(table, getattr(type(row), "__rows__", None))


def _act_on(table: str, act: AuditAct, changes: Changes) -> AuditAct:
    if table in PERMISSION or (table == "ab_user" and "roles" in changes):
        return AuditAct.permission
    return AuditAct.configuration if table in CONFIGURATION else act


def _stamp(new: list[Any], dirty: list[Any]) -> None:
    who = access.asking()
    user_id = who.user_id if who else None
    moment = now()
    for row in new:
        if isinstance(row, Stamped):
            if "created_at" not in inspect(row).dict:
                row.created_at = moment
            row.created_by_id = row.created_by_id or user_id
            row.changed_at, row.changed_by_id = row.created_at, row.created_by_id
    for row in dirty:
        if isinstance(row, Stamped):
            row.changed_at, row.changed_by_id = moment, user_id


def _changes(state: InstanceState[Any], *, new: bool) -> Changes:
    """Field → [old, new] of a row that is about to be written."""
    if new:
        return _first_values(state)
    changed: dict[str, tuple[Any, Any]] = {}
    unknown: list[str] = []
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if history.added:
            changed[attribute.key] = (history.deleted[0] if history.deleted else None, history.added[0])
            if not history.deleted:
                unknown.append(attribute.key)
    for name, old in _stored(state, unknown).items():
        changed[name] = (old, changed[name][1])
    changes = _told_pairs(state, {name: pair for name, pair in changed.items() if pair[0] != pair[1]})
    if isinstance(state.obj(), User):
        changes |= _role_changes(state)
    return changes


def _stored(state: InstanceState[Any], names: list[str]) -> dict[str, Any]:
    """Values the database still holds, of fields that were set without having been read."""
    names = [name for name in names if name not in UNTOLD]
    if not names or not state.identity:
        return {}
    table = state.mapper.local_table
    columns = [state.mapper.columns[name] for name in names]
    statement = select(*columns).where(table.c.id == state.identity[0])
    with access.acting(access.SYSTEM):
        found = db.session.connection().execute(statement).first()
    return dict(zip(names, found, strict=True)) if found else {}


def _role_changes(state: InstanceState[Any]) -> Changes:
    history = state.attrs["roles"].history
    if not history.added and not history.deleted:
        return {}
    kept: list[Role] = list(history.unchanged)
    before, after = [*kept, *history.deleted], [*kept, *history.added]
    return {"roles": [sorted(role.name for role in before), sorted(role.name for role in after)]}


def _first_values(state: InstanceState[Any]) -> Changes:
    """[None, value] of everything a new row holds."""
    names = {attribute.key for attribute in state.mapper.column_attrs}
    held = {name: (None, value) for name, value in state.dict.items() if name in names and value is not None}
    changes = _told_pairs(state, held)
    if isinstance(state.obj(), User) and state.dict.get("roles"):
        changes["roles"] = [[], sorted(role.name for role in state.dict["roles"])]
    return changes


def _last_values(state: InstanceState[Any]) -> Changes:
    """[value, None] of everything a row held before it is deleted."""
    names = [attribute.key for attribute in state.mapper.column_attrs]
    missing = [name for name in names if name not in state.dict]
    held = {**state.dict, **_stored(state, missing)}
    return _told_pairs(
        state, {name: (held[name], None) for name in names if name in held and held[name] is not None}
    )


def _told_pairs(state: InstanceState[Any], pairs: Mapping[str, tuple[Any, Any]]) -> Changes:
    """Pairs as they are written: sealed fields under their own name, secrets hidden, extra fields one by one."""
    told: Changes = {}
    inner = {f"{name}_{part}" for name in _sealed_names(state) for part in ("index", "mask")}
    for name, (old, new) in pairs.items():
        if name == "id" or name in UNTOLD or name in inner:
            continue
        column = state.mapper.columns[name]
        if sealed := column.info.get("sealed"):
            masks = pairs.get(f"{sealed.name}_mask") or (state.dict.get(f"{sealed.name}_mask"),) * 2
            told[sealed.name] = [_sealed_mark(old, masks[0]), _sealed_mark(new, masks[1])]
        elif name in SECRET:
            told[name] = [HIDDEN if old else None, HIDDEN if new else None]
        elif name == "extra":
            told |= _extra_pairs(old or {}, new or {})
        else:
            told[name] = [plain(old), plain(new)]
    return told


def _sealed_names(state: InstanceState[Any]) -> list[str]:
    return [column.info["sealed"].name for column in state.mapper.columns if "sealed" in column.info]


def _sealed_mark(box: bytes | None, shown: str | None) -> str | None:
    return None if box is None else mark(box, shown)


def _extra_pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    names = sorted(set(old) | set(new))
    return {
        f"extra.{name}": [plain(old.get(name)), plain(new.get(name))]
        for name in names
        if old.get(name) != new.get(name)
    }


def _title(state: InstanceState[Any]) -> dict[str, str] | None:
    """What the row was called then, in both languages."""
    names = getattr(state.class_, "__title__", ("username",) if state.class_ is User else ("name",))
    held = {name: str(plain(state.dict[name])) for name in names if state.dict.get(name) is not None}
    if not held:
        return None
    zh = " ".join(value for name, value in held.items() if not name.endswith("_en"))
    en = " ".join(value for name, value in held.items() if not name.endswith("_zh"))
    return {"zh": zh or en, "en": en or zh}


# ---- the chain ---------------------------------------------------------------------------------------------

BEGINNING = "0" * 64
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last sealed line and its hash; kept elsewhere, it shows later that no tail was cut off."""

    line_id: int
    own_hash: str

    def __str__(self) -> str:
        return f"{self.line_id}:{self.own_hash}"

    @classmethod
    def parse(cls, text_: str) -> Anchor:
        """The anchor written as `id:hash`; raises `ValueError`."""
        line_id, _, own_hash = text_.strip().partition(":")
        return cls(int(line_id), own_hash)


class Anchors:
    """The file outside the database that says how far the chain went, and when; the factory names it."""

    path: Path | None = None

    def drop(self, anchor: Anchor) -> None:
        """Add a line; the file only grows."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{now().isoformat(timespec='seconds')} {anchor}\n")

    def last(self) -> Anchor | None:
        """The newest anchor there is; raises `ValueError` when the file holds something else."""
        if self.path is None or not self.path.exists():
            return None
        written = self.path.read_text(encoding="utf-8").split()
        return Anchor.parse(written[-1]) if written else None


anchors = Anchors()


@dataclass(frozen=True, slots=True)
class Finding:
    """What `verify` found: how far the chain holds, and the first line where it does not."""

    sealed: int
    unsealed: int
    head: Anchor | None
    broken_at: int | None = None
    words: Words | None = None

    @property
    def whole(self) -> bool:
        return self.words is None


def seal() -> Anchor | None:
    """Chain the lines not yet sealed, in order; the new head, or None when there was nothing to do.

    On PostgreSQL it waits a moment for running writers, so that no line with a smaller number can still appear; if
    they take longer, the next call seals. Opens its own transaction.
    """
    head = None
    with transaction():
        if not _writers_are_done():
            return None
        previous = db.session.execute(_sealed().order_by(AuditLog.id.desc()).limit(1)).first()
        chain = previous.own_hash if previous else BEGINNING
        rows = db.session.execute(_unsealed_after(previous.id if previous else None)).all()
        sealed = []
        for row in rows:
            own = keyring.mac(_canonical(row, chain), "audit_log")
            sealed.append({"line": row.id, "previous": chain, "own": own})
            chain = own
        if sealed:
            statement = (
                update(LINES)
                .where(LINES.c.id == bindparam("line"))
                .values(previous_hash=bindparam("previous"), own_hash=bindparam("own"))
            )
            db.session.connection().execute(statement, sealed)
            head = Anchor(sealed[-1]["line"], chain)
    return head


def verify(anchor: Anchor | None = None) -> Finding:
    """Walk the whole chain. A line changed, removed, or put in among sealed ones breaks it at that line."""
    walk = Finding(sealed=0, unsealed=0, head=None)
    chain = BEGINNING
    anchored = anchor is None
    for row in _lines():
        if row.own_hash is None:
            walk = replace(walk, unsealed=walk.unsealed + 1)
            continue
        if fault := _fault(row, chain, walk.unsealed):
            return replace(walk, broken_at=row.id, words=fault)
        chain = row.own_hash
        anchored = anchored or (anchor is not None and anchor == Anchor(row.id, chain))
        walk = replace(walk, sealed=walk.sealed + 1, head=Anchor(row.id, chain))
    if anchored or anchor is None:
        return walk
    return replace(walk, broken_at=anchor.line_id, words=CUT_OFF)


CHANGED = say(zh="这一行的内容在封存后被改动。", en="This line was changed after it was sealed.")
REMOVED = say(zh="这一行之前有行被删除或替换。", en="A line before this one was removed or replaced.")
PUT_IN = say(zh="这一行之前混入了未封存的行。", en="A line that was never sealed was put in before this one.")
CUT_OFF = say(
    zh="日志末尾被截断，或在锚点之前被改写。",
    en="The end of the log was cut off, or rewritten before the anchor.",
)


def _fault(row: Row[Any], chain: str, unsealed: int) -> Words | None:
    if unsealed:
        return PUT_IN
    if row.previous_hash != chain:
        return REMOVED
    return CHANGED if keyring.mac(_canonical(row, chain), "audit_log") != row.own_hash else None


def _canonical(row: Row[Any], chain: str) -> str:
    """One line as one text, the same on both databases and for ever."""
    parts = [
        chain,
        row.id,
        row.at.isoformat(timespec="microseconds"),
        row.act.value,
        row.user_id,
        row.person_id,
        row.object_type,
        row.object_id,
        row.summary,
        row.changes,
        row.reason,
        row.address,
        row.request_id,
    ]
    return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sealed() -> Select[Any]:
    return select(*LINES.c).where(AuditLog.own_hash.is_not(None))


def _unsealed_after(line_id: int | None) -> Select[Any]:
    lines = select(*LINES.c).where(AuditLog.own_hash.is_(None))
    if line_id is not None:
        lines = lines.where(AuditLog.id > line_id)
    return lines.order_by(AuditLog.id).limit(BATCH)


def _lines() -> Iterator[Row[Any]]:
    """Every line in order, a few thousand at a time."""
    last: int | None = None
    while True:
        page = select(*LINES.c).order_by(AuditLog.id).limit(BATCH)
        rows = db.session.execute(page if last is None else page.where(AuditLog.id > last)).all()
        yield from rows
        if len(rows) < BATCH:
            return
        last = rows[-1].id


def _writers_are_done() -> bool:
    """Whether nobody else holds an unfinished line; SQLite has one writer, and this is he."""
    if db.session.get_bind().dialect.name == "sqlite":
        return True
    connection = db.session.connection()
    try:
        with connection.begin_nested():
            connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
            connection.execute(text("LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE"))
    except OperationalError:
        return False
    return True
