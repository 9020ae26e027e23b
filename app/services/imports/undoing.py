"""Taking an import back: what it made goes, what it changed is as it was; all of it, or nothing when somebody went on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from app.errors import NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import AuditAct, ImportRow, ImportRun, ImportStatus, Verdict
from app.services import access, audit, bulk, extras, order_days
from app.services.imports.applying import Writer
from app.services.imports.cells import restored
from app.services.imports.relations import batched
from app.services.imports.resources import resource, rights_to_change
from app.services.imports.staging import CHUNK, Progress, stretches
from app.words import say


def undo(run_id: int, progress: Progress | None = None) -> int:
    """Take a run back; how many rows it had written. Goes on where an earlier attempt was cut off.

    Raises:
        NotFound: there is no such run, or it is somebody else's.
        WrongState: the run was not written, or is taken back already.
        Refusal: somebody changed or used what it wrote.

    """
    run = db.session.scalar(select(ImportRun).where(ImportRun.id == run_id))
    if run is None:
        raise NotFound(say("没有编号为 {id} 的导入。", "There is no import {id}.", id=run_id))
    if run.status is not ImportStatus.done:
        raise WrongState(
            say("该导入{state}，不能撤销。", "This import cannot be undone: {state}.", state=run.status.words)
        )
    found = resource(run.resource)
    for act in rights_to_change(run.mode):
        access.principal().check(act, found.name)
    undoing = _Undo(run_id, found, run.mapping.get("opening"))
    undoing.check()
    total, links = run.rows_created + run.rows_updated, bool(run.mapping.get("links"))
    return undoing.carry_out(total, progress or _untold, links=links)


def _untold(_done: int, _total: int | None) -> None:
    """Nobody asks how far it is."""


class _Undo(Writer):
    """Takes back the rows of one run; made ones are known by their id, changed ones by what they were."""

    def check(self) -> None:
        """Nothing is taken back when one row cannot be: values changed since, or records made that were edited."""
        touched = sum(self._touched(some) for some in self._pieces(Verdict.new, Verdict.changed))
        if touched:
            raise Refusal(
                say(
                    "导入之后有 {n} 条记录被修改或删除，不能撤销。",
                    "{n} of the records were changed or removed after the import: it cannot be undone.",
                    n=touched,
                )
            )

    def _pieces(self, *verdicts: Verdict) -> Any:
        columns = (
            ImportRow.id,
            ImportRow.row_no,
            ImportRow.verdict,
            ImportRow.values,
            ImportRow.before,
            ImportRow.object_id,
        )
        for stretch in stretches(self.run_id, ImportRow.applied, ImportRow.verdict.in_(verdicts), size=CHUNK):
            rows = db.session.execute(select(*columns).where(stretch).order_by(ImportRow.row_no)).all()
            if rows:
                yield rows

    def _touched(self, rows: Any) -> int:
        """How many of these records are no longer as the run left them."""
        records = self._load(row.object_id for row in rows)
        count = 0
        for row in rows:
            record = records.get(row.object_id)
            if record is None or getattr(record, "deleted_at", None) is not None:
                count += 1
            elif row.verdict is Verdict.new:
                count += not self._is_untouched(record)
            else:
                values = self._values(row.row_no, row.values)
                count += any(self.held(record, name) != value for name, value in values.items())
        db.session.expunge_all()
        return count

    def _is_untouched(self, record: Any) -> bool:
        """Whether a record the run made was never edited; a document grew with the chunks of its lines."""
        if self.resource.line is not None:
            return bool(record.status in {self.opening, "draft"})
        return getattr(record, "version_no", 1) == 1

    def carry_out(self, total: int, progress: Progress, *, links: bool) -> int:
        """Put back what was changed, then remove what was made, in chunks."""
        count = 0
        for rows in self._pieces(Verdict.changed):
            count += len(rows)
            with transaction(), audit.held_by_change_set():
                self._put_back(rows)
                self._mark([row.id for row in rows])
                progress(count, total)
            db.session.expunge_all()
        if links:
            self._unlink()
        for rows in self._pieces(Verdict.new):
            count += len(rows)
            with transaction():
                self._remove({row.object_id for row in rows})
                self._mark([row.id for row in rows])
                progress(count, total)
        with transaction():
            self._finish(count)
        return count

    def _unlink(self) -> None:
        """Documents of one file may name each other: none could go before the other."""
        told = bulk.ChangeSet("import_run", self.run_id)
        for rows in self._pieces(Verdict.new):
            with transaction():
                for some in batched(sorted({row.object_id for row in rows}), 400):
                    made = self.model.id.in_(some)
                    bulk.write(update(self.model).where(made).values(origin_id=None), told=told)

    def _put_back(self, rows: Any) -> None:
        records = self._load(row.object_id for row in rows)
        for row in rows:
            before = self.box.opened(row.row_no, row.before) or {}
            values = {name: restored(self.fields[name], value) for name, value in before.items()}
            self._set(records[row.object_id], values)
        db.session.flush()

    def _remove(self, ids: set[int]) -> None:
        """Made by mistake, such rows are no business records: they leave, and their codes are free again."""
        told = bulk.ChangeSet("import_run", self.run_id)
        ordered = order_days.days_of(ids) if self.resource.line is not None else {}
        for some in batched(sorted(ids), 400):
            extras.forget(self.model, some)
            bulk.write(delete(self.model).where(self.model.id.in_(some)), told=told)
        if ordered:
            order_days.settle(db.session.connection(), come={}, gone=ordered)

    def _mark(self, ids: list[int]) -> None:
        for some in batched(ids, 400):
            statement = update(ImportRow).where(ImportRow.id.in_(some)).values(applied=False)
            db.session.execute(statement, execution_options={"synchronize_session": False})

    def _finish(self, count: int) -> None:
        statement = update(ImportRun).where(ImportRun.id == self.run_id).values(status=ImportStatus.undone)
        db.session.execute(statement, execution_options={"synchronize_session": False})
        audit.record(
            AuditAct.bring_in,
            self.model.__tablename__,
            None,
            changes={"import_run": self.run_id},
            summary=say("撤销导入，共 {n} 行", "Import undone, {n} rows", n=count),
        )
