"""Writing what a judged file says: in one transaction up to 5,000 rows, above in chunks with a checkpoint each (R12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Table,
    bindparam,
    func,
    insert,
    inspect,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer

from app.columns import Rows, new_uid
from app.errors import NotFound, Refusal, WrongState
from app.extensions import Model, broken_rule, db, transaction
from app.models import (
    AuditAct,
    DocumentKind,
    Employee,
    ImportRow,
    ImportRun,
    ImportStatus,
    SalesDocument,
    Verdict,
)
from app.services import access, audit, bulk, extra_conditions
from app.services.fields import Kind
from app.services.imports.cells import kept, restorer
from app.services.imports.orders import ORIGIN
from app.services.imports.relations import batched
from app.services.imports.resources import Resource, resource, rights_to_write
from app.services.imports.staging import (
    CHUNK,
    ROWS,
    VERSION,
    Box,
    Counts,
    Progress,
    _columns,
    _counted,
    _write_run,
    stretches,
)
from app.words import Words, say

LINES: Table = Model.metadata.tables["trade_line"]
AT_ONCE = 5_000
TOLD = (
    update(ROWS)
    .where(ROWS.c.id == bindparam("row"))
    .values(
        {name: bindparam(f"new_{name}") for name in ("verdict", "reasons", "object_id", "before", "applied")}
    )
)
"""What became of a row; of one that was new all but the id of its record is known."""
TOLD_NEW = (
    update(ROWS)
    .where(ROWS.c.id == bindparam("row"))
    .values(reasons=null(), object_id=bindparam("new_object_id"), applied=true())
)
WAITING = (ImportRow.verdict.in_((Verdict.new, Verdict.changed)), ImportRow.applied.is_(False))
Entry = Callable[[], AbstractContextManager[object]]
"""Opens what lets opening data start in a later state; the lives of records stand above this layer."""


def apply(run_id: int, *, entry: Entry = nullcontext, progress: Progress | None = None) -> Counts:
    """Write the rows of a run that are new or changed. Goes on where an earlier attempt was cut off.

    Raises:
        NotFound: there is no such run, or it is somebody else's.
        WrongState: the run is over, or was never judged.

    """
    run = _begin(run_id)
    writer = (LineWriter if run["resource"].line else Writer)(run_id, run["resource"], run["opening"])
    done = run["total"] - run["waiting"]
    is_linked = run["links"] == "forth"
    for number, stretch in enumerate(run["stretches"], 1):
        with transaction(), entry(), audit.held_by_change_set():
            rows = writer.waiting(stretch)
            writer.write(rows)
            done += len(rows)
            if progress:
                progress(done, run["total"])
            if number == len(run["stretches"]) and not is_linked:
                return _finish(run_id, run["resource"])
        db.session.expunge_all()
    if is_linked:
        writer.link()
    with transaction():
        return _finish(run_id, run["resource"])


def _begin(run_id: int) -> dict[str, Any]:
    with transaction():
        run = db.session.scalar(select(ImportRun).where(ImportRun.id == run_id))
        if run is None:
            raise NotFound(say("没有编号为 {id} 的导入。", "There is no import {id}.", id=run_id))
        if run.status not in {ImportStatus.checked, ImportStatus.applying}:
            raise WrongState(
                say(
                    "该导入{state}，不能写入。",
                    "This import cannot be written: {state}.",
                    state=run.status.words,
                )
            )
        found = resource(run.resource)
        for act in rights_to_write(run.mode):
            access.principal().check(act, found.name)
        count = select(func.count()).where(ImportRow.import_run_id == run_id, *WAITING)
        waiting = db.session.scalar(count) or 0
        facts = {
            "resource": found,
            "opening": run.mapping.get("opening"),
            "links": run.mapping.get("links"),
            "total": run.rows_total,
            "waiting": waiting,
            "stretches": [*stretches(run_id, *WAITING, size=None if waiting <= AT_ONCE else CHUNK)],
        }
        _write_run(run_id, {"status": ImportStatus.applying})
    return facts


def _finish(run_id: int, found: Resource) -> Counts:
    counts = _counted(run_id)
    _write_run(run_id, {"status": ImportStatus.done, **_columns(counts)})
    run = db.session.scalars(select(ImportRun).where(ImportRun.id == run_id)).one()
    audit.record(
        AuditAct.bring_in,
        found.model.__tablename__,
        None,
        changes={"import_run": run_id, "digest": run.digest, **_columns(counts)},
        reason=run.adopt_reason,
        summary=say(
            "导入 {file}：新增 {created}，更新 {updated}，相同 {same}，拒绝 {refused}",
            "{file} imported: {created} new, {updated} changed, {same} the same, {refused} refused",
            file=run.file_name,
            created=counts.created,
            updated=counts.updated,
            same=counts.unchanged,
            refused=counts.refused,
        ),
    )
    return counts


@dataclass(slots=True)
class Staged:
    """A judged row that waits to be written."""

    id: int
    number: int
    values: dict[str, Any]
    object_id: int | None
    version: int | None = None
    """The only version of the record that may be written over."""


class Writer:
    """Writes the staged rows of one run, a chunk at a time."""

    def __init__(self, run_id: int, found: Resource, opening: str | None) -> None:
        self.run_id = run_id
        self.resource = found
        self.model = found.model
        self.opening = opening
        self.box = Box(run_id, sealed=found.is_sealed)
        self.fields = {target.name: target.field for target in found.targets}
        self.sealed = {name: field.sealed for name, field in self.fields.items() if field.sealed}
        self.restorers = {name: restorer(field) for name, field in self.fields.items()}
        self._defaults = defaults(self.model)
        self.who = access.principal()
        self._units: dict[int, int | None] = {}
        self._told: list[dict[str, Any]] = []
        self._new: list[dict[str, Any]] = []

    def waiting(self, stretch: ColumnElement[bool]) -> list[Staged]:
        """The rows of this stretch of the file."""
        columns = (
            ImportRow.id,
            ImportRow.row_no,
            ImportRow.values,
            ImportRow.object_id,
            ImportRow.before,
        )
        found = db.session.execute(select(*columns).where(stretch).order_by(ImportRow.row_no))
        return [
            Staged(id_, number, self._values(number, body), object_id, (before or {}).get(VERSION))
            for id_, number, body, object_id, before in found
        ]

    def write(self, rows: list[Staged]) -> None:
        """Write these rows, and on the rows what became of them."""
        self._told, self._new = [], []
        self._write(rows)
        db.session.flush()
        if self._told:
            db.session.connection().execute(TOLD, self._told)
        if self._new:
            _tell_all(self._new)

    def link(self) -> None:
        """Point records of this run to those that stood further down in the file. Opens its own transactions."""

    def _tell_new(self, row: Staged, object_id: int) -> None:
        self._new.append({"row": row.id, "new_object_id": object_id})

    def _tell_changed(self, row: Staged, before: Any) -> None:
        self._told.append(
            {
                "row": row.id,
                "new_verdict": Verdict.changed,
                "new_reasons": None,
                "new_object_id": row.object_id,
                "new_before": before,
                "new_applied": True,
            }
        )

    def _write(self, rows: list[Staged]) -> None:
        known = self._load((row.object_id for row in rows if row.object_id is not None), locked=True)
        with access.by_rule():  # each was asked for when it was judged
            self._add([row for row in rows if row.object_id is None])
        self._change_all([(row, known.get(row.object_id)) for row in rows if row.object_id is not None])

    def _values(self, number: int, body: Any) -> dict[str, Any]:
        restorers = self.restorers
        return {
            name: restore(value) if value is not None and (restore := restorers[name]) else value
            for name, value in (self.box.opened(number, body) or {}).items()
            if name in restorers
        }

    def columns_of(self, values: dict[str, Any]) -> dict[str, Any]:
        """What a new record holds as columns of its table; what is sealed is sealed for it."""
        columns = extra_conditions.gathered(self.model, {**self._defaults, **self._plain(values)})
        if "uid" in columns:
            columns["uid"] = new_uid()
        for name, field in self.sealed.items():
            if values.get(name):
                columns |= field.columns(self.model.__tablename__, columns["uid"], values[name])
        return columns

    def made(self, values: dict[str, Any]) -> Any:
        """A new record."""
        plain = self._plain(values)
        record = self.model(**extra_conditions.gathered(self.model, plain))
        for name in values.keys() - plain.keys():
            setattr(record, name, values[name])
        return record

    def _plain(self, values: dict[str, Any]) -> dict[str, Any]:
        """What a new record holds, but for what is sealed."""
        plain = {n: v for n, v in values.items() if self.fields[n].kind is not Kind.sealed}
        if self.opening is not None and self._is_opening(values):
            plain["status"] = inspect(self.model).columns["status"].type.enum_class(self.opening)
        if self.model.__rows__ is Rows.owned:
            plain["owner_id"] = plain.get("owner_id") or self.who.employee_id
            plain["org_unit_id"] = self.unit_of(plain["owner_id"])
        return plain

    def _is_opening(self, values: dict[str, Any]) -> bool:
        """Whether a row brings what only opening data brings; without it the record starts as any other."""
        names = [target.name for target in self.resource.targets if target.opening]
        return not names or any(values.get(name) is not None for name in names)

    def unit_of(self, employee_id: int | None) -> int | None:
        if employee_id is not None and employee_id not in self._units:
            statement = select(Employee.org_unit_id).where(Employee.id == employee_id)
            self._units[employee_id] = db.session.scalar(statement)
        return None if employee_id is None else self._units[employee_id]

    def _load(self, ids: Iterable[int], *, locked: bool = False) -> dict[int, Any]:
        """These records as they are now; `locked` keeps others from changing them until it is written."""
        found: dict[int, Any] = {}
        for some in batched(sorted(set(ids)), 400):
            statement = select(self.model).where(self.model.id.in_(some)).options(undefer("*"))
            if locked:
                statement = statement.order_by(self.model.id).with_for_update(of=self.model)
            found |= {record.id: record for record in db.session.scalars(statement)}
        return found

    def _change_all(self, pairs: list[tuple[Staged, Any]]) -> None:
        """Change all at once; should one be refused, find out which. What was there is kept, for an undo."""
        there = []
        for row, record in pairs:
            if record is None:
                self.refuse(row, GONE)
            elif row.version is not None and row.version != record.version_no:
                self.refuse(row, CHANGED)
            else:
                there.append((row, record))
        before = {
            row.id: {name: kept(self.held(record, name)) for name in row.values} for row, record in there
        }
        for some in ([there], [[pair] for pair in there]):
            if self._changed(some, before):
                return

    def _changed(self, groups: list[list[tuple[Staged, Any]]], before: dict[int, Any]) -> bool:
        """Whether the groups were changed, each or none of it; of single rows those refused are told."""
        for group in groups:
            try:
                with db.session.begin_nested():
                    for row, record in group:
                        self._set(record, row.values)
                    db.session.flush()
            except (IntegrityError, Refusal) as error:
                if len(group) > 1:
                    return False
                self.refuse(group[0][0], _why(error))
                continue
            for row, _record in group:
                kept_before = self.box.closed(row.number, before[row.id])
                self._tell_changed(row, kept_before)
        return True

    def held(self, record: Any, name: str) -> Any:
        """What a record holds, sealed fields in plain: it goes into the sealed box of the row, and nowhere else."""
        seal = self.sealed.get(name)
        return seal.unseal(record) if seal else getattr(record, name)

    def _set(self, record: Any, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(record, name, value)
        if "owner_id" in values and hasattr(record, "org_unit_id"):
            record.org_unit_id = self.unit_of(record.owner_id)

    def _add(self, rows: list[Staged]) -> None:
        """Insert all at once; should the database refuse one, find out which."""
        if not rows:
            return
        try:
            with db.session.begin_nested():
                columns = [self.columns_of(row.values) for row in rows]
                empty: dict[str, Any] = dict.fromkeys(sorted(set().union(*columns)))
                lines = [empty | row for row in columns]
                ids = bulk.add(self.model, lines, told=bulk.ChangeSet("import_run", self.run_id))
        except IntegrityError:
            for row in rows:
                self._add_one(row)
            return
        for row, id_ in zip(rows, ids, strict=True):
            self._tell_new(row, id_)

    def _add_one(self, row: Staged) -> None:
        record = self.made(row.values)
        try:
            with db.session.begin_nested():
                db.session.add(record)
                db.session.flush()
        except IntegrityError as error:
            self.refuse(row, _why(error))
        else:
            self._tell_new(row, record.id)

    def refuse(self, row: Staged, words: Words) -> None:
        """A row that could be written when it was judged, and no longer can."""
        self._told.append(
            {
                "row": row.id,
                "new_verdict": Verdict.refused,
                "new_reasons": [{"cell": None, "field": None, "head": None, "zh": words.zh, "en": words.en}],
                "new_object_id": row.object_id,
                "new_before": None,
                "new_applied": False,
            }
        )


def _tell_all(told: list[dict[str, int]]) -> None:
    """Write on rows that were new which records they are; on PostgreSQL by one statement for all."""
    connection = db.session.connection()
    if connection.dialect.name != "postgresql":
        connection.execute(TOLD_NEW, told)
        return
    columns = [literal([one[name] for one in told], ARRAY(Integer)) for name in ("row", "new_object_id")]
    pairs = func.unnest(*columns).table_valued("row", "new_object_id").render_derived()
    values = {"reasons": null(), "object_id": pairs.c.new_object_id, "applied": true()}
    connection.execute(update(ROWS).where(ROWS.c.id == pairs.c.row).values(values))


def defaults(model: type[Any]) -> dict[str, Any]:
    """What the columns of a new row hold where nothing is said, but for those that then hold nothing."""
    found: dict[str, Any] = {}
    for column in inspect(model).local_table.columns:
        default = column.default
        if default is not None and column.name not in STAMPED:
            found[column.name] = default.arg(None) if default.is_callable else default.arg
    return found


STAMPED = frozenset({"created_at", "created_by_id", "changed_at", "changed_by_id"})


def _why(error: IntegrityError | Refusal) -> Words:
    refusal = broken_rule(Model.metadata, error) if isinstance(error, IntegrityError) else error
    return refusal.words if isinstance(refusal, Refusal) else GONE


GONE = say(
    "检查之后这条记录已被他人修改或删除，请重新导入这一行。",
    "Somebody changed or removed this record after the check: import this row again.",
)


CHANGED = say(
    "检查之后这条记录已被修改，未写入；请重新选择后再改。",
    "This record was changed after the check and was left as it is: choose it again to change it.",
)


class LineWriter(Writer):
    """Writes lines and the documents they belong to. What a line copies of its document is copied here alone (R13)."""

    def _write(self, rows: list[Staged]) -> None:
        with access.by_rule():  # each was asked for when it was judged
            self._write_lines(rows)

    def _write_lines(self, rows: list[Staged]) -> None:
        documents = self._documents(rows)
        lines: list[dict[str, Any]] = []
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            document = documents[row.values["no"]]
            own = {name: value for name, value in row.values.items() if self.resource.by_name[name].of_line}
            lines.append({**EMPTY_LINE, **own, **copied(document)})
            totals[document.no] += row.values["amount"]
            self._tell_new(row, document.id)
        for no, amount in totals.items():
            documents[no].total = (documents[no].total or Decimal(0)) + amount
        db.session.flush()
        if lines:
            with access.acting(access.SYSTEM):  # the documents were asked for; lines go with them
                db.session.connection().execute(insert(LINES), lines)

    def _documents(self, rows: list[Staged]) -> dict[str, Any]:
        """The documents of these lines: those an earlier chunk of this run began, and new ones."""
        first = {row.values["no"]: row.values for row in reversed(rows)}
        originals = _originals(row.values for row in rows)
        found = _numbered({*first, *originals.values()})
        fresh = {no: self.made(self._of_document(values)) for no, values in first.items() if no not in found}
        for no in fresh.keys() & originals.keys():
            named = originals[no]
            fresh[no].origin = fresh.get(named) or found.get(named)
        db.session.add_all(fresh.values())
        db.session.flush()
        return found | fresh

    def _of_document(self, values: dict[str, Any]) -> dict[str, Any]:
        own = {name: value for name, value in values.items() if not self.resource.by_name[name].of_line}
        if isinstance(own.get(ORIGIN), str):
            del own[ORIGIN]
        return {"kind": DocumentKind.order, **own}

    def link(self) -> None:
        """Point documents to their originals that an earlier chunk did not find yet."""
        columns = (ImportRow.row_no, ImportRow.values)
        for stretch in stretches(self.run_id, ImportRow.applied, size=CHUNK):
            rows = db.session.execute(select(*columns).where(stretch).order_by(ImportRow.row_no))
            originals = _originals(self._values(row.row_no, row.values) for row in rows)
            with transaction(), access.by_rule(), audit.held_by_change_set():
                found = _numbered({*originals, *originals.values()})
                for no in originals.keys() & found.keys():
                    if found[no].origin is None:
                        found[no].origin = found.get(originals[no])
            db.session.expunge_all()


def _originals(lines: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Which documents name an original that came with the same file, by its number."""
    found: dict[str, str] = {}
    for values in lines:
        if isinstance(named := values.get(ORIGIN), str):
            found.setdefault(values["no"], named)
    return found


def _numbered(numbers: Iterable[str]) -> dict[str, Any]:
    """The documents of these numbers that are there."""
    found: dict[str, Any] = {}
    for some in batched(sorted(numbers), 400):
        statement = select(SalesDocument).where(SalesDocument.no.in_(some)).options(undefer("*"))
        found |= {document.no: document for document in db.session.scalars(statement)}
    return found


EMPTY_LINE: dict[str, Any] = {"product_id": None, "description": None, "discount_rate": Decimal(0)}
"""All lines of a statement name the same columns."""


def copied(document: SalesDocument) -> dict[str, Any]:
    """What a line copies of its document."""
    return {
        "sales_document_id": document.id,
        "customer_id": document.customer_id,
        "moment": document.ordered_at,
        "kind": document.kind,
    }


def cancel(run_id: int) -> None:
    """Give up a run that was judged and not written."""
    with transaction():
        run = db.session.scalar(select(ImportRun).where(ImportRun.id == run_id))
        if run is None or run.status is not ImportStatus.checked:
            raise WrongState(say("该导入不能取消。", "This import cannot be cancelled."))
        db.session.execute(
            update(ImportRun).where(ImportRun.id == run_id).values(status=ImportStatus.cancelled),
            execution_options={"synchronize_session": False},
        )
