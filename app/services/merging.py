"""Two records made one (R41): the values chosen are kept, what pointed to the other points to the kept one.

What points to a record is read from the schema: every foreign key, and the tables that name a record by type and id. Rows
that would then stand twice (a class both hold, a list both are on) stay with the merged one, which remains as a stub in the
bin that names the kept one. Ids in history (log, requests decided, results) are not rewritten. Everything that moved is
written down, row by row in the log and as a whole in `record_merge`, so that it can be taken back.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Index, Table, UniqueConstraint, inspect, select, text
from sqlalchemy.orm import undefer

from app.columns import now
from app.errors import NotFound, Refusal, WrongState
from app.extensions import Model, db, stale
from app.models import ApprovalRequest, Attachment, AuditAct, Notice, RecordMerge, RequestStatus
from app.roles import Act
from app.services import access, audit, bulk, records
from app.services.fields import Field, field_named
from app.services.imports.cells import kept as as_json, restored
from app.words import say

ALIVE = (RequestStatus.running, RequestStatus.returned, RequestStatus.suspended)
NAMED_BY_TYPE = (Attachment, Notice)
"""Tables that name a record by type and id, and are no history."""
HISTORY = frozenset({"record_merge"})
AT_ONCE = 500
EARLIEST, LATEST = ("first_order_on", "admitted_on"), ("last_order_on",)
"""Dates the kept record takes over from the two: the earlier, the later."""
TAKEN_OVER = (*EARLIEST, *LATEST, "referrer_id")


@dataclass(frozen=True, slots=True)
class Reference:
    """A column whose rows point to a record type."""

    model: type[Any]
    column: str

    @property
    def name(self) -> str:
        return f"{self.model.__tablename__}.{self.column}"


def references(model: type[Any]) -> list[Reference]:
    """Every column of the schema that points to records of this type."""
    target = inspect(model).local_table
    classes = {mapper.local_table: mapper.class_ for mapper in access.mappers()}
    return [
        Reference(classes[table], inspect(classes[table]).get_property_by_column(key.parent).key)
        for table in sorted(Model.metadata.tables.values(), key=lambda table: table.name)
        for key in sorted(table.foreign_keys, key=lambda key: str(key.parent.name))
        if key.column.table is target and table in classes and table.name not in HISTORY
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """A field in which the two differ, as the reader sees both values."""

    field: Field
    kept: str
    merged: str


def choices(kept: Any, merged: Any) -> list[Choice]:
    """The fields this person may choose the value of: those he may type, in which the two differ."""
    offered = records.editable_fields(type(kept), of=kept)
    also = {field.name for field in records.editable_fields(type(merged), of=merged)}
    told = [
        Choice(field, records.text_of(kept, field), records.text_of(merged, field))
        for field in offered
        if field.name in also and field.name != "owner_id"
    ]
    return [choice for choice in told if choice.kept != choice.merged]


def moving(merged: Any) -> list[tuple[type[Any], int]]:
    """How many rows of which record type would move; read for the house."""
    found: dict[type[Any], int] = {}
    with access.acting(access.SYSTEM):
        for reference in references(type(merged)):
            if reference.model is not type(merged):
                found[reference.model] = found.get(reference.model, 0) + len(_pointing(reference, merged.id))
        for model in NAMED_BY_TYPE:
            found[model] = len(_named(model, merged))
    return [(model, count) for model, count in found.items() if count and hasattr(model, "__label__")]


def looked_at(model: type[Any], kept_id: int, merged_id: int) -> tuple[Any, Any]:
    """The two records. Raises `NotFound` or `NotAllowed` where this person's right to merge does not reach them."""
    return records.find(model, kept_id, Act.merge), records.find(model, merged_id, Act.merge)


def check(kept: Any, merged: Any) -> None:
    """Raises `Refusal` when it is one record, one is being decided on, or the one that would go has the code."""
    if kept.id == merged.id:
        raise Refusal(say("请选择两条不同的记录。", "Choose two different records."))
    if getattr(merged, "code", None) and not getattr(kept, "code", None):
        raise WrongState(
            say(
                "“{name}”已有代码，请保留它，而不是合并掉它。",
                '"{name}" has its code: keep it and merge the other one.',
                name=records.title_of(merged),
            )
        )
    _refuse_undecided(kept, merged)


def _refuse_undecided(kept: Any, merged: Any) -> None:
    """Nothing that is being decided on changes under the eyes of who decides."""
    with access.acting(access.SYSTEM):
        subjects = {type(kept).__tablename__: {kept.id, merged.id}}
        for reference in references(type(merged)):
            ids = _pointing(reference, merged.id)
            subjects.setdefault(reference.model.__tablename__, set()).update(ids)
        for table, found in subjects.items():
            waiting = _waiting(table, sorted(found))
            if waiting is not None:
                raise WrongState(
                    say(
                        "“{title}”正在审批中，审批结束后才能合并。",
                        '"{title}" is being decided on: merge them when that is over.',
                        title=waiting.title,
                    )
                )


def _waiting(table: str, ids: Sequence[int]) -> Any:
    for some in _chunks(ids):
        request = db.session.scalars(
            select(ApprovalRequest)
            .where(
                ApprovalRequest.object_type == table,
                ApprovalRequest.object_id.in_(some),
                ApprovalRequest.status.in_(ALIVE),
            )
            .limit(1)
        ).first()
        if request is not None:
            return request
    return None


def merge(
    model: type[Any],
    kept_id: int,
    merged_id: int,
    take: Collection[str],
    versions: tuple[int | None, int | None],
) -> RecordMerge:
    """Make two records one; `take` names the fields whose value is the merged one's. Inside `transaction()`.

    Raises:
        Stale: one of them changed after the version that was looked at.
        Refusal: as `looked_at` and `check`.

    """
    kept, merged = looked_at(model, kept_id, merged_id)
    check(kept, merged)
    for record, version in zip((kept, merged), versions, strict=True):
        if version is not None and record.version_no != version:
            raise stale(*records.changes_since(record, version))
    chosen = [choice.field for choice in choices(kept, merged) if choice.field.name in take]
    done = RecordMerge(
        object_type=model.__tablename__,
        kept_id=kept_id,
        merged_id=merged_id,
        kept_before={},
        merged_before={},
        moved={},
    )
    touched = [*chosen, *(field for name in TAKEN_OVER if (field := field_named(model, name)))]
    before = {field.name: _held(kept, field) for field in touched}
    with access.by_rule():
        done.merged_before = _free_keys(merged, chosen)
        for field in chosen:
            _take(kept, merged, field, done.merged_before)
        _take_over(kept, merged)
        done.kept_before = {field.name: [before[field.name], _held(kept, field)] for field in touched}
        _note(merged, kept_id)
        merged.deleted_at, merged.deleted_by_id = now(), access.principal().user_id
        db.session.flush()
        done.moved = _move(model, merged_id, kept_id)
        db.session.add(done)
        db.session.flush()
    _tell(model, done)
    return done


def _tell(model: type[Any], done: RecordMerge) -> None:
    names = {row.id: records.title_of(row) for row in _both(model, done)}
    audit.record(
        AuditAct.update,
        model.__tablename__,
        done.kept_id,
        changes={
            "merged": [None, done.merged_id],
            **{f"moved.{k}": [None, len(v)] for k, v in done.moved.items()},
        },
        summary=say("合并“{name}”", 'Merged with "{name}"', name=names.get(done.merged_id, done.merged_id)),
    )


def _both(model: type[Any], done: RecordMerge) -> list[Any]:
    with access.acting(access.SYSTEM):
        statement = select(model).where(model.id.in_((done.kept_id, done.merged_id))).options(undefer("*"))
        return list(db.session.scalars(statement.execution_options(with_deleted=True)))


# ---- values ------------------------------------------------------------------------------------------------


def _held(record: Any, field: Field) -> Any:
    """What a record holds, as JSON; of a sealed field the box, never the text."""
    if field.sealed is None:
        return as_json(getattr(record, field.name))
    box = getattr(record, f"{field.name}_sealed")
    return None if box is None else base64.b64encode(box).decode()


def _put(record: Any, field: Field, value: Any) -> None:
    """Put back what `_held` kept."""
    if field.sealed is None:
        setattr(record, field.name, restored(field, value))
        return
    setattr(record, f"{field.name}_sealed", base64.b64decode(value) if value else None)
    setattr(record, field.name, field.sealed.unseal(record))


def _free_keys(merged: Any, chosen: Iterable[Field]) -> dict[str, Any]:
    """What may stand once and is taken over leaves the merged record first."""
    held = {field.name: _held(merged, field) for field in chosen if field.unique}
    for name in held:
        setattr(merged, name, None)
    if held:
        db.session.flush()
    return held


def _take(kept: Any, merged: Any, field: Field, freed: dict[str, Any]) -> None:
    if field.sealed is not None:
        setattr(kept, field.name, field.sealed.unseal(merged))
    elif field.name in freed:
        setattr(kept, field.name, restored(field, freed[field.name]))
    else:
        setattr(kept, field.name, getattr(merged, field.name))


def _take_over(kept: Any, merged: Any) -> None:
    """What nobody chooses: the earliest and latest dates of the two, and nobody refers himself."""
    for names, pick in ((EARLIEST, min), (LATEST, max)):
        for name in names:
            known = [day for row in (kept, merged) if (day := getattr(row, name, None)) is not None]
            if known:
                setattr(kept, name, pick(known))
    if getattr(kept, "referrer_id", None) == merged.id:
        kept.referrer_id = None


# ---- what points to it -------------------------------------------------------------------------------------


def _move(model: type[Any], merged_id: int, kept_id: int) -> dict[str, list[int]]:
    """Let what points to the one point to the other, a line of the log each; the ids by column."""
    moved: dict[str, list[int]] = {}
    with access.acting(access.SYSTEM):
        found = {reference: _movable(reference, merged_id, kept_id) for reference in references(model)}
        named = {other: _ids_named(other, model.__tablename__, merged_id) for other in NAMED_BY_TYPE}
    for reference, ids in found.items():
        _point(reference.model, reference.column, ids, kept_id)
        moved[reference.name] = ids
    for other, ids in named.items():
        _point(other, "object_id", ids, kept_id)
        moved[f"{other.__tablename__}.object_id"] = ids
    return {name: ids for name, ids in moved.items() if ids}


def _point(model: type[Any], column: str, ids: Sequence[int], to: int) -> None:
    for some in _chunks(ids):
        bulk.change(model, model.id.in_(some), {column: to})


def _pointing(reference: Reference, id_: int) -> list[int]:
    """The rows that point to a record, those in the bin included."""
    column = getattr(reference.model, reference.column)
    statement = select(reference.model.id).where(column == id_).order_by(reference.model.id)
    return list(db.session.scalars(statement.execution_options(with_deleted=True)))


def _named(model: type[Any], record: Any) -> list[int]:
    return _ids_named(model, record.__tablename__, record.id)


def _ids_named(model: type[Any], table: str, id_: int) -> list[int]:
    statement = select(model.id).where(model.object_type == table, model.object_id == id_).order_by(model.id)
    return list(db.session.scalars(statement.execution_options(with_deleted=True)))


def _movable(reference: Reference, merged_id: int, kept_id: int) -> list[int]:
    """The rows that can move: not the kept record itself, and none that would stand twice then."""
    ids = set(_pointing(reference, merged_id))
    if _is_self(reference):
        ids.discard(kept_id)
    for columns, where in _keys_with(reference):
        taken = set(_key_values(reference, columns, where, kept_id).values())
        ids -= {id_ for id_, key in _key_values(reference, columns, where, merged_id).items() if key in taken}
    return sorted(ids)


def _is_self(reference: Reference) -> bool:
    (key,) = inspect(reference.model).columns[reference.column].foreign_keys
    return bool(key.column.table is inspect(reference.model).local_table)


def _keys_with(reference: Reference) -> Iterator[tuple[list[Any], str]]:
    """The unique keys this column is part of: their other columns, and where they hold."""
    table: Any = inspect(reference.model).local_table
    own = inspect(reference.model).columns[reference.column]
    for key in (*table.constraints, *table.indexes):
        unique = isinstance(key, UniqueConstraint) or (isinstance(key, Index) and key.unique)
        columns = list(key.columns)
        if unique and own in columns:
            where = key.dialect_options["sqlite"].get("where") if isinstance(key, Index) else None
            yield [column for column in columns if column is not own], "" if where is None else str(where)


def _key_values(reference: Reference, columns: list[Any], where: str, id_: int) -> dict[int, tuple[Any, ...]]:
    table: Table = inspect(reference.model).local_table
    own = inspect(reference.model).columns[reference.column]
    statement = select(table.c.id, *columns).where(own == id_)
    if where:
        statement = statement.where(text(where))
    return {row[0]: tuple(row[1:]) for row in db.session.connection().execute(statement)}


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))


# ---- afterwards --------------------------------------------------------------------------------------------


def kept_of(model: type[Any], id_: int) -> int | None:
    """The id of the record this one was merged into, if it was."""
    if not hasattr(model, "__twins__"):
        return None
    into = select(RecordMerge.kept_id).where(
        RecordMerge.object_type == model.__tablename__,
        RecordMerge.merged_id == id_,
        RecordMerge.undone_at.is_(None),
    )
    return db.session.scalar(into.order_by(RecordMerge.id.desc()).limit(1))


def _note(merged: Any, kept_id: int | None) -> None:
    """Say on the record itself what it was merged into, where it has a place for that; `record_merge` says it of all."""
    if hasattr(merged, "merged_into_id"):
        merged.merged_into_id = kept_id


def done_lately(model: type[Any], most: int = 50) -> list[RecordMerge]:
    """The newest merges of a record type."""
    wanted = select(RecordMerge).where(RecordMerge.object_type == model.__tablename__)
    return list(db.session.scalars(wanted.order_by(RecordMerge.id.desc()).limit(most)))


def titles(model: type[Any], merges: Iterable[RecordMerge]) -> dict[int, str]:
    """What the records of these merges are called: kept ones this person may see, and what was merged into them."""
    wanted = {done.kept_id: done.merged_id for done in merges}
    seen = db.session.scalars(select(model).where(model.id.in_(wanted)))
    found = {row.id: records.title_of(row) for row in seen}
    into = {done.merged_id for done in merges if done.kept_id in found}
    with access.acting(access.SYSTEM):
        gone = select(model).where(model.id.in_(into)).execution_options(with_deleted=True)
        return {row.id: records.title_of(row) for row in db.session.scalars(gone)} | found


def undo(model: type[Any], id_: int) -> RecordMerge:
    """Take a merge back: what moved goes back, as far as nobody moved it on; values changed since stay. Inside `transaction()`.

    Raises:
        NotFound: there is no such merge, or this person may not see the kept record.
        WrongState: it is taken back already, or the kept record was itself merged since.

    """
    done = db.session.scalar(
        select(RecordMerge).where(RecordMerge.id == id_, RecordMerge.object_type == model.__tablename__)
    )
    if done is None:
        raise NotFound(say("没有这次合并。", "There is no such merge."))
    if done.undone_at is not None:
        raise WrongState(say("这次合并已撤销。", "This merge was taken back already."))
    kept = records.find(model, done.kept_id, Act.merge)
    merged = next((row for row in _both(model, done) if row.id == done.merged_id), None)
    if merged is None or merged.deleted_at is None or kept_of(model, merged.id) != kept.id:
        raise WrongState(say("这次合并已无法撤销。", "This merge can no longer be taken back."))
    _refuse_undecided(kept, merged)
    with access.by_rule():
        _restore(kept, merged, done)
        done.undone_at = now()
        _note(merged, None)
        merged.deleted_at = merged.deleted_by_id = None
        db.session.flush()
        _move_back(done)
    audit.record(
        AuditAct.update,
        model.__tablename__,
        done.kept_id,
        changes={"merged": [done.merged_id, None]},
        summary=say("撤销合并", "Merge taken back"),
    )
    return done


def _restore(kept: Any, merged: Any, done: RecordMerge) -> None:
    """Put the former values back where the kept record still holds what the merge gave it."""
    for name, (before, given) in done.kept_before.items():
        field = field_named(type(kept), name)
        if field is None or _held(kept, field) != given:
            done.merged_before = {key: held for key, held in done.merged_before.items() if key != name}
        elif before != given:
            _put(kept, field, before)
    db.session.flush()
    for name, value in done.merged_before.items():
        if (field := field_named(type(merged), name)) is not None:
            _put(merged, field, value)


def _move_back(done: RecordMerge) -> None:
    classes = {mapper.class_.__tablename__: mapper.class_ for mapper in access.mappers()}
    for name, ids in done.moved.items():
        table, _, column = name.partition(".")
        other = classes[table]
        for some in _chunks(ids):
            still = getattr(other, column) == done.kept_id
            bulk.change(other, other.id.in_(some) & still, {column: done.merged_id})
