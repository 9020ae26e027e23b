"""Judging a whole file before anything is written: each row new, changed, the same, or refused with reasons by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import inspect, select
from sqlalchemy.orm import undefer

from app.columns import Rows, keyring
from app.extensions import among, db
from app.models import Employee, ImportAlike, ImportMode, Verdict
from app.roles import Act
from app.services import access, records, sheets
from app.services.fields import Field, Kind
from app.services.imports import relations
from app.services.imports.cells import Reader
from app.services.imports.mapping import Column
from app.services.imports.namesakes import NAME, Namesake, Namesakes
from app.services.imports.resources import STAND_IN, Resource, rights_to_change
from app.services.sheets import RawRow
from app.words import Words, say

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read: its columns, what tells rows apart, what rows may do, and where opening data starts."""

    resource: Resource
    columns: list[Column]
    key: tuple[str, ...]
    mode: ImportMode
    opening: str | None = None
    words: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    alike: ImportAlike = ImportAlike.create

    def column_of(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.target and column.target.name == name), None)


@dataclass(slots=True)
class Checked:
    """A row and its verdict. `values` holds fields by name; `reasons` are (field, words); `cleaned` names fields."""

    number: int
    cells: list[str | None]
    values: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = Verdict.new
    reasons: list[tuple[str | None, Words]] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    object_id: int | None = None
    version: int | None = None
    """The version of the record that was judged, where only that one may be written over."""
    group: str | None = None
    alike: Words | None = None
    """Who else it may be, by its name."""

    @property
    def is_refused(self) -> bool:
        return bool(self.reasons)

    def refuse(self, name: str | None, words: Words) -> None:
        self.reasons.append((name, words))


LeftOut = tuple[str | None, Words]
"""Why a row falls that is good itself: the field, if it is one, and the sentence."""
Links = Literal["back", "forth"]
"""Rows point to records above them alone, or also to some further down."""


class Probe:
    """A record as it would be, for the rules to look at; what nothing is said of is empty."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> None:
        return None


class Checker:
    """Judges the rows of one file, a batch at a time, with the rights of the person asking."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.resource = plan.resource
        self.model = plan.resource.model
        self.who = access.principal()
        targets = [(column.number - 1, column.target) for column in plan.columns if column.target]
        self.readers = [
            (place, target.name, Reader(target, self.resource.name, plan.words.get(target.name)).read)
            for place, target in targets
        ]
        self.finders = {
            target.name: relations.Finder(target.field)
            for _place, target in targets
            if target.field.kind is Kind.relation
        }
        self.uniques = [
            target.field for _place, target in targets if target.field.unique and not target.of_line
        ]
        self.seen: dict[str, dict[Any, int]] = {name: {} for name in [*(f.name for f in self.uniques), KEY]}
        self.required = [t for t in self.resource.targets if t.field.required and not t.of_line]
        self.opening = [t.name for t in self.resource.targets if t.opening]
        self.plain = {
            t.name for t in self.resource.targets if not t.of_line and t.field.kind is not Kind.sealed
        }
        self.reaches = [self.who.reach(act, self.resource.name) for act in (Act.bring_in, Act.create)]
        self._units: dict[int, int | None] = {}
        self.namesakes = (
            Namesakes(self.model, self.uniques, self._visible) if Namesakes.are_asked(self.model) else None
        )
        self.stands: dict[int, int] = {}
        """Which row stands for a record, where a name may tell it: what one row writes no other shall write over."""
        self.alike = 0
        """How many rows stand for no record by their key, but are called as one is."""

    def judged(self, rows: Iterable[RawRow]) -> Iterator[list[Checked]]:
        """The rows with their verdicts, in batches."""
        for some in relations.batched(rows, BATCH):
            batch = [found for row in some if (found := self._read(row)) is not None]
            self._resolve(batch)
            self._judge(batch)
            for row in batch:
                if row.is_refused:
                    row.verdict = Verdict.refused
            yield batch

    def left_out(self) -> dict[str, LeftOut]:
        """Of rows that stand or fall together those that fall, by their group, once all have been judged."""
        return {}

    def links(self) -> Links | None:
        """Whether rows of the file point to records of the same file, once all have been judged."""
        return None

    # ---- cells ----

    def _read(self, row: RawRow) -> Checked | None:
        """The values of a row; None where nothing of it is asked for."""
        cells = row.cells
        checked = Checked(
            row.number, [c if c is None or type(c) is str else sheets.written(c) for c in cells]
        )
        for place, name, read in self.readers:
            cell = cells[place] if place < len(cells) else None
            if type(cell) is str and not cell[:1].isalnum():
                cell = _suspected(cell)
            if cell is None:
                continue
            if type(cell) is sheets.Flagged:
                checked.refuse(name, cell.words(sheets.address(row.number, place + 1)))
                continue
            value, refused, cleaned = read(cell)
            if refused:
                checked.refuse(name, refused)
            elif value is not None:
                checked.values[name] = value
            if cleaned:
                checked.cleaned.append(name)
        return checked if checked.values or checked.reasons else None

    def _resolve(self, batch: list[Checked]) -> None:
        """Put ids in place of the codes and names of related records."""
        for name, finder in self.finders.items():
            finder.prepare({row.values[name] for row in batch if name in row.values})
            for row in batch:
                if name not in row.values:
                    continue
                found = finder.find(row.values[name])
                if isinstance(found, Words):
                    row.refuse(name, found)
                    del row.values[name]
                else:
                    row.values[name] = found

    # ---- verdicts ----

    def _judge(self, batch: list[Checked]) -> None:
        """Compare the rows with each other, with what is there, and with what the person may do."""
        matches = self._matches(batch)
        taken = {found.name: self._taken(found, batch) for found in self.uniques}
        if self.namesakes is not None:
            self.namesakes.prepare(row.values for row in batch if row.number not in matches)
        for row in batch:
            record = matches.get(row.number)
            self._check_twice(row)
            if isinstance(record, Words):
                row.refuse(self.plan.key[0], record)
            elif record is None:
                self._judge_unknown(row)
            else:
                self._judge_known(row, record)
            self._check_taken(row, taken)
            if self.namesakes is not None and row.object_id is not None:
                self._check_once(row, row.object_id)
            self._remember(row)
            if row.alike is not None and not (row.is_refused and self.plan.alike is ImportAlike.create):
                self.alike += 1

    def _matches(self, batch: list[Checked]) -> dict[int, Any]:
        """The record each row stands for, by row number; words where it cannot be had."""
        if not self.plan.key:
            return {}
        if len(self.plan.key) > 1:
            return self._match_by_parent(batch)
        (name,) = self.plan.key
        texts = {row.values[name] for row in batch if name in row.values}
        ids: dict[Any, list[tuple[int, bool]]] = {}
        with access.acting(access.SYSTEM):
            for value, id_, binned in relations.existing(self.model, name, texts):
                ids.setdefault(value, []).append((id_, binned))
        visible = self._visible([id_ for found in ids.values() for id_, _binned in found])
        return {
            row.number: self._match(ids[row.values[name]], visible)
            for row in batch
            if row.values.get(name) in ids
        }

    def _match(self, found: list[tuple[int, bool]], visible: dict[int, Any]) -> Any:
        if len(found) > 1:
            return say(
                "有 {n} 条记录与此相同，无法确定是哪一条。",
                "{n} records fit: which one is meant?",
                n=len(found),
            )
        id_, binned = found[0]
        if binned:
            return IN_BIN
        return visible.get(id_, NOT_YOURS)

    def _visible(self, ids: list[int]) -> dict[int, Any]:
        """The records of these ids the person may read."""
        found: dict[int, Any] = {}
        for some in relations.batched(ids, relations.AT_ONCE):
            statement = select(self.model).where(among(self.model.id, some)).options(undefer("*"))
            found |= {record.id: record for record in db.session.scalars(statement)}
        return found

    def _match_by_parent(self, batch: list[Checked]) -> dict[int, Any]:
        """Records told apart by what they belong to and what they are called."""
        parent, *rest = self.plan.key
        parents = {row.values[parent] for row in batch if parent in row.values}
        found: dict[tuple[Any, ...], Any] = {}
        column = getattr(self.model, parent)
        for some in relations.batched(sorted(parents), relations.AT_ONCE):
            statement = select(self.model).where(among(column, some)).options(undefer("*"))
            for record in db.session.scalars(statement):
                found[(getattr(record, parent), *(self._comparable(record, name) for name in rest))] = record
        matches = {}
        for row in batch:
            key = (row.values.get(parent), *(self._compared(name, row.values.get(name)) for name in rest))
            if key in found:
                matches[row.number] = found[key]
        return matches

    def _comparable(self, record: Any, name: str) -> Any:
        target = self.resource.target(name)
        return getattr(record, f"{name}_index" if target and target.field.sealed else name)

    def _compared(self, name: str, value: Any) -> Any:
        target = self.resource.target(name)
        if value is not None and target and target.field.sealed:
            return keyring.blind_index(value, f"{self.model.__tablename__}.{name}")
        return value

    def _judge_unknown(self, row: Checked) -> None:
        """A row that stands for no record by its key; perhaps for one by its name."""
        namesake = self.namesakes.of(row.values) if self.namesakes is not None else None
        if namesake is None:
            self._judge_new(row)
            return
        row.alike = namesake.words
        if self.plan.alike is ImportAlike.create:
            self._judge_new(row)
        else:
            self._judge_alike(row, namesake)

    def _check_once(self, row: Checked, record_id: int) -> None:
        """The first row that holds stands for a record, be it by its key or by its name."""
        first = self.stands.get(record_id)
        if first is not None:
            words = say(
                "与第 {row} 行是同一条记录。", "This is the record row {row} stands for already.", row=first
            )
            row.refuse(NAME, words)
        elif not row.is_refused:
            self.stands[record_id] = row.number

    def _judge_alike(self, row: Checked, namesake: Namesake) -> None:
        """A row taken for the record that is called as it is, or left out."""
        record = namesake.record
        if self.plan.alike is ImportAlike.refuse or record is None:
            row.refuse(NAME, say("{why}{hint}", "{why} {hint}", why=namesake.words, hint=CHOOSE))
            return
        if self.plan.alike is ImportAlike.fill:
            row.values = {
                name: value for name, value in row.values.items() if self._comparable(record, name) in EMPTY
            }
        self._judge_known(row, record)

    def _judge_new(self, row: Checked) -> None:
        if self.plan.mode is ImportMode.update:
            row.refuse(self.plan.key[0] if self.plan.key else None, NOT_THERE)
            return
        self._stand_in(row)
        missing = [target for target in self.required if target.name not in row.values]
        told = {name for name, _words in row.reasons}
        for target in missing:
            if target.name not in told:
                row.refuse(target.name, say("请填写{label}。", "Fill in {label}.", label=target.label))
        self._drop_opening(row)
        if not row.is_refused:
            self._check_record(row, Probe(self.attributes(row.values)), Act.create)

    def _stand_in(self, row: Checked) -> None:
        for name, source in STAND_IN.get(self.resource.name, {}).items():
            if (
                name not in row.values
                and source in row.values
                and all(name != told for told, _w in row.reasons)
            ):
                row.values[name] = row.values[source]
                row.cleaned.append(name)

    def _judge_known(self, row: Checked, record: Any) -> None:
        row.object_id = record.id
        if self.plan.mode is ImportMode.create:
            row.refuse(self.plan.key[0], ALREADY)
            return
        changed = self.changes(record, row.values)
        for name in sorted(changed.keys() & set(self.opening)):
            row.refuse(
                name,
                say(
                    "{label}不能通过导入修改。",
                    "{label} cannot be changed by a file.",
                    label=self._label(name),
                ),
            )
        row.verdict = Verdict.changed if changed else Verdict.same
        if changed and not row.is_refused:
            held = {column.key: getattr(record, column.key) for column in inspect(self.model).column_attrs}
            probe = Probe({**held, **self.attributes(changed)})
            if not all(access.may_write(record, act, self.who) for act in rights_to_change(self.plan.mode)):
                row.refuse(None, NOT_ALLOWED)
            for lock in locks:
                if words := lock(record, frozenset(changed)):
                    row.refuse(None, words)
            self._check_record(row, probe, None)

    def _label(self, name: str) -> Words:
        target = self.resource.target(name)
        return target.label if target else Words(name, name)

    def changes(self, record: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """What of these values differs from the record; a blank cell changes nothing."""
        return {
            name: value
            for name, value in values.items()
            if self._compared(name, value) != self._comparable(record, name)
        }

    def attributes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that are plain columns; sealed ones need a row to be sealed for."""
        return {name: value for name, value in values.items() if name in self.plain}

    def _drop_opening(self, row: Checked) -> None:
        """What a process gives is taken from a file only with opening data."""
        if self.plan.opening is None:
            for name in self.opening:
                row.values.pop(name, None)

    def _check_record(self, row: Checked, probe: Any, act: Act | None) -> None:
        """The rules of the whole record, and whether the person's rights reach it."""
        if act is not None and not self._may_create(probe):
            row.refuse(None, NOT_ALLOWED)
        with db.session.no_autoflush:
            for check in records.checks.get(self.model, ()):
                for problem in check(probe):
                    row.refuse(problem.field, problem.words)

    def _may_create(self, probe: Any) -> bool:
        if self.model.__rows__ is not Rows.owned:
            return all(self.reaches)
        owner = probe.owner_id or self.who.employee_id
        unit = self.unit_of(owner)
        return all(reach and access._within(reach, owner, unit, self.who) for reach in self.reaches)

    def unit_of(self, employee_id: int | None) -> int | None:
        if employee_id is None:
            return None
        if employee_id not in self._units:
            statement = select(Employee.org_unit_id).where(Employee.id == employee_id)
            self._units[employee_id] = db.session.scalar(statement)
        return self._units[employee_id]

    # ---- what may stand only once ----

    def _taken(self, found: Field, batch: list[Checked]) -> dict[Any, int]:
        """Whose record holds these values of a field that may stand once."""
        texts = {row.values[found.name] for row in batch if found.name in row.values}
        with access.acting(access.SYSTEM):
            return {value: id_ for value, id_, _binned in relations.existing(self.model, found.name, texts)}

    def _check_taken(self, row: Checked, taken: dict[str, dict[Any, int]]) -> None:
        for found in self.uniques:
            holder = taken[found.name].get(row.values.get(found.name))
            if holder is None or holder == row.object_id or (found.name,) == self.plan.key:
                continue
            row.refuse(
                found.name,
                say(
                    "{label}“{value}”已属于另一条记录{title}。",
                    "{label} '{value}' belongs to another record{title}.",
                    label=found.label,
                    value=row.values[found.name],
                    title=f"（{name}）" if (name := relations.title(self.model, holder)) else "",
                ),
            )

    def _check_twice(self, row: Checked) -> None:
        """A key may stand once in the file, too: the first row that holds keeps it."""
        for name, value in self._once(row):
            first = self.seen[name].get(value)
            if first is not None:
                field_name = self.plan.key[0] if name == KEY else name
                row.refuse(
                    field_name,
                    say(
                        "{label}与第 {first} 行重复。",
                        "{label} stands in row {first} already.",
                        label=self._label(field_name),
                        first=first,
                    ),
                )

    def _remember(self, row: Checked) -> None:
        if not row.is_refused:
            for name, value in self._once(row):
                self.seen[name][value] = row.number
            if self.namesakes is not None:
                self.namesakes.remember(row.number, row.values)

    def _once(self, row: Checked) -> Iterator[tuple[str, Any]]:
        for found in self.uniques:
            if found.name in row.values:
                yield found.name, row.values[found.name]
        if len(self.plan.key) > 1 or (self.plan.key and self.plan.key[0] not in self.seen):
            yield KEY, tuple(row.values.get(name) for name in self.plan.key)


def _suspected(text: str) -> str | sheets.Flagged | None:
    """A text that begins with a sign: nothing if it is blank, marked if it is a formula.

    A formula is also what somebody stored as text, and what a list of refused rows gave back with its quote.
    """
    if text.lstrip().removeprefix("'").lstrip().startswith("="):
        return sheets.Flagged(sheets.Flaw.formula, text.strip()[:60])
    return text if text.strip() else None


Lock = Callable[[Any, frozenset[str]], Words | None]
locks: list[Lock] = []
"""What keeps these fields of a record from being edited now, such as a running approval; lives stand above this layer."""

KEY = "(key)"
EMPTY = (None, "")
CHOOSE = say(
    "是同一条就合为一行，不是就选“照样新建”。",
    "One record: put it into one row. Two: have it created all the same.",
)
IN_BIN = say("这条记录在回收站中，请先恢复。", "This record lies in the recycle bin: restore it first.")
NOT_YOURS = say("已被使用，而您无权查看那条记录。", "Already used by a record you may not see.")
NOT_THERE = say("没有这条记录，而本次只更新。", "There is no such record, and this import only updates.")
ALREADY = say("已有这条记录，而本次只新增。", "This record is there already, and this import only adds.")
NOT_ALLOWED = say("这条记录不在您的权限范围内。", "This record lies outside your reach.")
