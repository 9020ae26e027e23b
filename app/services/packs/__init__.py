"""Policy packs: configuration as files, loaded idempotently, compared, exported.

A pack is a folder: `pack.yaml` says who it is, every other file holds entries of one kind (`kind.yaml`, `kind/*.yaml`).
Every entry has a business code, and entries refer to each other by code. What was loaded is remembered by hash (R20):

- an entry that still stands as it was loaded follows the pack on upgrade;
- one an administrator changed is kept, and listed as a conflict when the pack changed it too;
- one he retired or removed stays so;
- one another pack, loaded later, has taken over stays with that pack.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from app.columns import now
from app.errors import BadInput, Problem, Refusal
from app.extensions import db
from app.models import AuditAct, PackEntry
from app.services import audit
from app.services.packs import tables
from app.services.packs.kinds import (
    Form,
    Known,
    Loading,
    PackKind,
    Table,
    digest_of,
    kinds,
    no_such,
    pack_kind,
    register,
)
from app.services.packs.reading import HEAD, Finding, Pack, folder_of, read, read_document, say_line, shipped
from app.words import say

__all__ = [
    "Finding",
    "Form",
    "Known",
    "Loading",
    "Pack",
    "PackKind",
    "Table",
    "diff",
    "digest_of",
    "export",
    "folder_of",
    "kinds",
    "lint",
    "load",
    "no_such",
    "pack_kind",
    "read",
    "read_document",
    "register",
    "shipped",
    "tables",
]


class Fate(Enum):
    """What loading does with an entry, seen from what stands in the database."""

    added = "added"
    """It is not there yet."""
    replaced = "replaced"
    """It stands as it was loaded, and the pack has a new form."""
    unchanged = "unchanged"
    """It stands as the pack has it."""
    kept = "kept"
    """An administrator changed it; the pack says nothing new."""
    conflict = "conflict"
    """An administrator changed it, and the pack has a new form: his stays."""
    retired = "retired"
    """An administrator switched it off or removed it: it stays so."""
    overlaid = "overlaid"
    """A pack loaded later has taken it over."""
    skipped = "skipped"
    """No part of the product knows this kind."""


WRITTEN = (Fate.added, Fate.replaced)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry and its fate; `differences` are the words in which what stands and what the pack says differ."""

    pack: str
    kind: str
    code: str
    fate: Fate
    differences: tuple[str, ...] = ()


@dataclass
class Report:
    """What became of the entries of one or several packs."""

    items: list[Item] = field(default_factory=list)

    def of(self, *fates: Fate) -> list[Item]:
        return [item for item in self.items if item.fate in fates]

    @property
    def conflicts(self) -> list[Item]:
        return self.of(Fate.conflict)

    @property
    def is_changed(self) -> bool:
        """Whether anything was (or would be) written."""
        return bool(self.of(*WRITTEN))

    def counts(self) -> dict[str, int]:
        return {fate.value: len(self.of(fate)) for fate in Fate if self.of(fate)}


# ---- checking ----------------------------------------------------------------------------------------------


def lint(name: str) -> list[Finding]:
    """Everything wrong with a pack, from its files alone: file, entry, sentence. Raises NotFound."""
    return _findings(_stack(name)[-1], _stack(name))


def _stack(name: str, above: tuple[str, ...] = ()) -> list[Pack]:
    """The packs this one requires, then itself. Raises NotFound, and Refusal where they require each other."""
    pack = read(name)
    if pack.code in above:
        raise Refusal(
            say(
                "制度包相互依赖：{line}。",
                "Packs require each other: {line}.",
                line=" → ".join([*above, pack.code]),
            )
        )
    found: list[Pack] = []
    for other in pack.requires:
        for below in _stack(other, (*above, pack.code)):
            if below.code not in {held.code for held in found}:
                found.append(below)
    return [*found, pack]


def _findings(pack: Pack, stack: Sequence[Pack]) -> list[Finding]:
    by_name = {kind.name: kind for kind in kinds()}
    known = _known(stack, by_name)
    found = list(pack.findings)
    seen: set[tuple[str, str]] = set()
    for entry in pack.entries:
        kind = by_name.get(entry.kind)
        if kind is None:
            words = say("未知的条目种类“{kind}”。", "The kind '{kind}' is unknown.", kind=entry.kind)
            found.append(Finding(entry.file, say_line(entry.line), words))
            continue
        code = kind.code_of(entry.body)
        name = code or say_line(entry.line)
        if not code:
            found.append(Finding(entry.file, name, say("缺少编号。", "It has no code.")))
        elif (entry.kind, code) in seen:
            found.append(Finding(entry.file, name, say("编号重复。", "The code stands twice.")))
        seen.add((entry.kind, code))
        found += [Finding(entry.file, name, words) for words in kind.problems(entry.body, known)]
    return found


def _known(stack: Iterable[Pack], by_name: Mapping[str, PackKind]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {name: set() for name in by_name}
    for pack in stack:
        for entry in pack.entries:
            if entry.kind in by_name:
                known[entry.kind].add(by_name[entry.kind].code_of(entry.body))
    return known


# ---- loading and comparing ---------------------------------------------------------------------------------


def load(name: str) -> Report:
    """Load a pack and those it requires, inside the caller's `transaction()` and under the system principal.

    Raises NotFound, and BadInput with every finding when a file is wrong: then nothing is loaded. Kinds nothing has
    registered are passed over and listed as skipped.
    """
    stack = _stack(name)
    _refuse_faulty(stack)
    report = Report()
    for pack in stack:
        items = _load_one(pack)
        report.items += items
        _tell(pack, items)
    return report


def diff(name: str) -> Report:
    """What loading the pack would do, without doing it. Raises NotFound and BadInput."""
    stack = _stack(name)
    _refuse_faulty(stack)
    pack = stack[-1]
    return Report([item for kind in kinds() for item, _form in _fates(kind, pack)] + _skipped(pack))


def _refuse_faulty(stack: Sequence[Pack]) -> None:
    names = {kind.name for kind in kinds()}
    found = [
        (pack, finding)
        for place, pack in enumerate(stack)
        for finding in _findings(_without_unknown(pack, names), stack[: place + 1])
    ]
    if found:
        raise BadInput([Problem(finding.sentence, f"{pack.code}/{finding.file}") for pack, finding in found])


def _without_unknown(pack: Pack, names: set[str]) -> Pack:
    entries = tuple(entry for entry in pack.entries if entry.kind in names)
    return Pack(
        pack.code, pack.folder, pack.name, pack.version, pack.requires, entries, pack.findings, pack.trusted
    )


def _skipped(pack: Pack) -> list[Item]:
    names = {kind.name for kind in kinds()}
    return [Item(pack.code, name, "*", Fate.skipped) for name in pack.kinds if name not in names]


def _load_one(pack: Pack) -> list[Item]:
    items = _skipped(pack)
    for kind in kinds():
        found = list(_fates(kind, pack))
        if not found:
            continue
        chosen = {item.code: form for item, form in found if item.fate in WRITTEN}
        if chosen:
            kind.write(chosen, Loading(pack.code, pack.trusted))
        _remember(
            pack, kind, {item.code: form for item, form in found if item.fate in (*WRITTEN, Fate.unchanged)}
        )
        items += [item for item, _form in found]
    return items


def _fates(kind: PackKind, pack: Pack) -> Iterator[tuple[Item, Form]]:
    """Each entry of this kind with what loading does to it."""
    bodies = [entry.body for entry in pack.of(kind.name)]
    if not bodies:
        return
    standing = kind.standing()
    noted = _noted(kind.name)
    for code, form in kind.forms(bodies).items():
        stands = standing.get(code)
        fate = _fate(kind, form, stands, noted.get(code, {}), pack.code)
        yield Item(pack.code, kind.name, code, fate, _differences(form, stands)), form


def _fate(kind: PackKind, form: Form, stands: Form | None, noted: Mapping[str, str], pack: str) -> Fate:
    """What becomes of an entry, from its form, what stands, and what packs loaded (oldest first)."""
    if stands == form:
        return Fate.unchanged
    loaded = noted.get(pack)
    if stands is None:
        return Fate.added if loaded is None else Fate.retired
    latest = list(noted)[-1] if noted else None
    if loaded is not None and latest != pack:
        return Fate.overlaid
    is_as_loaded = latest is not None and noted[latest] == digest_of(stands)
    if is_as_loaded:
        return Fate.replaced
    if kind.is_retired(stands) and not kind.is_retired(form):
        return Fate.retired
    return Fate.kept if loaded == digest_of(form) else Fate.conflict


def _differences(form: Form, stands: Form | None) -> tuple[str, ...]:
    if stands is None:
        return ()
    return tuple(sorted(word for word in {*form, *stands} if form.get(word) != stands.get(word)))


def _noted(kind: str) -> dict[str, dict[str, str]]:
    """Code → pack → hash of what was loaded, the pack that loaded last at the end."""
    found: dict[str, dict[str, str]] = {}
    rows = select(PackEntry).where(PackEntry.kind == kind).order_by(PackEntry.loaded_at, PackEntry.id)
    for entry in db.session.scalars(rows):
        found.setdefault(entry.code, {})[entry.pack] = entry.loaded_hash
    return found


def _remember(pack: Pack, kind: PackKind, forms: Mapping[str, Form]) -> None:
    """Note what now stands as the pack has it; an entry noted with the same hash keeps its date."""
    mine = select(PackEntry).where(PackEntry.pack == pack.code, PackEntry.kind == kind.name)
    held = {entry.code: entry for entry in db.session.scalars(mine)}
    moment = now()
    for code, form in forms.items():
        digest = digest_of(form)
        entry = held.get(code)
        if entry is None:
            db.session.add(
                PackEntry(pack=pack.code, kind=kind.name, code=code, loaded_hash=digest, loaded_at=moment)
            )
        elif entry.loaded_hash != digest:
            entry.loaded_hash, entry.loaded_at = digest, moment
    db.session.flush()


def _tell(pack: Pack, items: Sequence[Item]) -> None:
    counts = Report(list(items)).counts()
    if not any(item.fate in WRITTEN for item in items):
        return
    summary = say(
        "装入制度包“{name}”（{version}）",
        "Loaded the pack '{name}' ({version})",
        name=pack.name,
        version=pack.version,
    )
    audit.record(
        AuditAct.configuration,
        "pack_entry",
        None,
        changes={fate: [None, count] for fate, count in counts.items()},
        summary=summary,
    )


# ---- exporting ---------------------------------------------------------------------------------------------


def export(folder: Path, *, changed_only: bool = True) -> Report:
    """Write the running configuration into a folder as a pack of its name.

    By default only what differs from what packs have loaded: what administrators made, changed or retired. Nothing
    of the folder is overwritten: it must not exist. Raises Refusal.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(
            say("文件夹 {folder} 不为空。", "The folder {folder} is not empty.", folder=folder), field="out"
        )
    report = Report()
    bodies: dict[str, list[Form]] = {}
    for kind in kinds():
        noted = _noted(kind.name)
        for code, form in sorted(kind.standing().items()):
            loaded = set(noted.get(code, {}).values())
            if changed_only and digest_of(form) in loaded:
                continue
            fate = Fate.conflict if loaded else Fate.added
            report.items.append(Item(folder.name, kind.name, code, fate))
            bodies.setdefault(kind.name, []).append(form)
    _write_folder(folder, bodies)
    return report


def _write_folder(folder: Path, bodies: Mapping[str, Sequence[Form]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"code": folder.name, "zh": folder.name, "en": folder.name, "version": "1"}
    try:
        _dump(folder / HEAD, head)
        for name, forms in bodies.items():
            _dump(folder / f"{name}.yaml", list(forms))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _dump(file: Path, body: Any) -> None:
    with file.open("w", encoding="utf-8") as text:
        yaml.safe_dump(body, text, allow_unicode=True, sort_keys=False, width=110)
