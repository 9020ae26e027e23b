"""Changing the same fields of many records at once: a run like that of a file, judged row by row before anything is written.

The rows are the chosen records, however many, each with the values typed; what would change, stay or be refused is seen
first, and the run is written, told and taken back like any import. It needs the right to edit, not that to import. A
record somebody changes between the two is not written: its row keeps the version that was judged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select

from app.errors import BadInput, Problem
from app.extensions import db, transaction
from app.models import ImportMode, ImportRow, ImportRun, ImportStatus, Verdict
from app.roles import Act
from app.services import access, records, values
from app.services.chosen import Chosen
from app.services.fields import Field, Kind
from app.services.imports.checking import Checked, Checker, Plan
from app.services.imports.mapping import Column
from app.services.imports.resources import Resource, Target, resource
from app.services.imports.staging import ROWS, Box, Progress, _columns, _counted, _row_of, _write_run
from app.words import Words, say

CHUNK = 500
RECORD = say("记录", "Record")
GONE = say("没有这条记录，或您无权查看。", "There is no such record, or you may not see it.")


def offered(model: type[Any]) -> tuple[Field, ...]:
    """The fields that may be changed on many records at once: what is one record's own is not among them."""
    return tuple(
        field
        for field in records.editable_fields(model)
        if not field.unique and field.kind is not Kind.sealed and not field.info.form
    )


def stage_edit(
    name: str, chosen: Chosen, typed: Mapping[str, str], *, later: Callable[[int], object] | None = None
) -> int:
    """Judge what these values would do to these records; the id of the run, which waits to be applied.

    A field left empty stays as it is. Opens its own transactions. With `later`, which is told the run inside the
    transaction that begins it, somebody else calls `judge_edit`.

    Raises:
        NotAllowed: the person may not edit such records.
        BadInput: a value is refused, each with its field.
        Refusal: no record was chosen, or nothing was said.

    """
    access.principal().check(Act.edit, name)
    chosen.first(1)
    plan, wanted = _planned(name, typed)
    with transaction():
        run = _new_run(plan, chosen, {field: str(typed[field]) for field in wanted})
        if later is not None:
            later(run)
    if later is None:
        judge_edit(run, name, chosen, typed)
    return run


def judge_edit(
    run: int, name: str, chosen: Chosen, typed: Mapping[str, str], progress: Progress | None = None
) -> None:
    """Judge the records of a run; goes on where an earlier attempt was cut off. Opens its own transactions."""
    if db.session.scalar(select(ImportRun.status).where(ImportRun.id == run)) is not ImportStatus.checking:
        return
    access.principal().check(Act.edit, name)
    plan, wanted = _planned(name, typed)
    _keep(run, plan, chosen, wanted, progress)
    with transaction():
        counts = _counted(run)
        values: dict[str, Any] = {"status": ImportStatus.checked, **_columns(counts)}
        if note := chosen.gone_astray(counts.total):
            held = db.session.scalar(select(ImportRun.mapping).where(ImportRun.id == run)) or {}
            values["mapping"] = {**held, "notes": [[note.zh, note.en]]}
        _write_run(run, values)


def _planned(name: str, typed: Mapping[str, str]) -> tuple[Plan, dict[str, Any]]:
    found = resource(name)
    wanted = _parsed(found, typed)
    targets = [found.by_name[field] for field in wanted]
    return Plan(found, _columns_for(targets), (), ImportMode.edit), wanted


def _parsed(found: Resource, typed: Mapping[str, str]) -> dict[str, Any]:
    """The values that were typed; what is left empty is not asked for."""
    problems: list[Problem] = []
    wanted: dict[str, Any] = {}
    for field in offered(found.model):
        if not typed.get(field.name, "").strip():
            continue
        try:
            wanted[field.name] = records.value_of(field, typed[field.name])
        except values.BadValue as error:
            problems.append(Problem(error.words, field.name))
    if not wanted and not problems:
        problems.append(Problem(say("请至少填写一项。", "Fill in one field at least.")))
    if problems:
        raise BadInput(problems)
    return wanted


def _columns_for(targets: Sequence[Target]) -> list[Column]:
    """What the preview shows: which record, and the fields that are changed."""
    return [
        Column(1, str(RECORD), "A1", None),
        *(Column(number, str(target.label), f"{number}", target) for number, target in enumerate(targets, 2)),
    ]


def _new_run(plan: Plan, chosen: Chosen, typed: Mapping[str, str]) -> int:
    fields = [column.target.label for column in plan.columns if column.target]
    names = Words("、".join(field.zh for field in fields), ", ".join(field.en for field in fields))
    title = say("批量修改：{fields}", "Bulk edit: {fields}", fields=names)
    body = json.dumps([chosen.kept(), dict(typed)], ensure_ascii=False)
    run = ImportRun(
        resource=plan.resource.name,
        file_name=str(title)[:255],
        digest=hashlib.sha256(body.encode()).hexdigest(),
        mode=ImportMode.edit,
        mapping={"heads": [[c.number, c.head, c.target.name if c.target else None] for c in plan.columns]},
        status=ImportStatus.checking,
        person_id=access.principal().employee_id,
    )
    db.session.add(run)
    db.session.flush()
    return run.id


def _keep(run: int, plan: Plan, chosen: Chosen, wanted: Mapping[str, Any], progress: Progress | None) -> None:
    done, last = _kept_so_far(run)
    total = chosen.total() if progress else None
    editor = Editor(plan)
    box = Box(run, sealed=plan.resource.is_sealed)
    for ids in chosen.pieces(CHUNK, done=done, last=last):
        rows = list(editor.judged_records(enumerate(ids, done + 1), wanted))
        done += len(rows)
        with transaction():
            db.session.connection().execute(insert(ROWS), [_row_of(row, box, plan) for row in rows])
            if progress is not None:
                progress(done, total)
        db.session.expunge_all()


def _kept_so_far(run: int) -> tuple[int, int]:
    """How many records of a run were judged already, and the last of them."""
    done = db.session.scalar(select(func.max(ImportRow.row_no)).where(ImportRow.import_run_id == run)) or 0
    last = select(ImportRow.object_id).where(ImportRow.import_run_id == run, ImportRow.row_no == done)
    return done, db.session.scalar(last) or 0


class Editor(Checker):
    """Judges records that were chosen on a list."""

    def judged_records(
        self, numbered: Iterable[tuple[int, int]], wanted: Mapping[str, Any]
    ) -> Iterable[Checked]:
        """The records of these ids with the values wanted, each with its verdict."""
        pairs = list(numbered)
        there = self._visible([id_ for _number, id_ in pairs])
        told = [values.show(self.resource.by_name[name].field, value) for name, value in wanted.items()]
        for number, id_ in pairs:
            record = there.get(id_)
            row = Checked(number, [records.title_of(record), *told], dict(wanted), object_id=id_)
            if record is None:
                row.refuse(None, GONE)
            else:
                row.version = getattr(record, "version_no", None)
                self._judge_known(row, record)
            if row.is_refused:
                row.verdict = Verdict.refused
            yield row
