"""Which column of a file goes to which field: found by label and alias, or said by the person who owns the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import BadInput, Problem
from app.models import ImportMode
from app.services.imports.aliases import HEADS
from app.services.imports.resources import LEAST_KEY, Resource, Target
from app.services.sheets.heads import Head, HeadCell
from app.words import LANGUAGES, Words, say

BRACKETS = re.compile(r"[（(\[【].*?[)）\]】]")
NOISE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of the file (counted from 1) and the field it goes to; none when it is left out."""

    number: int
    head: str
    address: str
    target: Target | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a mapping file says: head → field (None: leave out), and field → word in the file → word of the house."""

    columns: Mapping[str, str | None] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    habits: Mapping[str, str | None] = field(default_factory=dict)
    """Head → field as the person said it for earlier files; holds where the file has that head and nothing says otherwise."""

    @classmethod
    def parse(cls, body: Any) -> Wish:
        """The wish as a file holds it: `{columns: {…}, words: {…}}`, or the columns alone. Raises `BadInput`."""
        if body is None:
            return cls()
        if not isinstance(body, dict):
            raise BadInput(
                [Problem(say("对应关系应为“列名: 字段”。", "A mapping is written “head: field”."))]
            )
        parts = body if set(body) <= {"columns", "words"} else {"columns": body}
        columns = {
            str(head): None if name is None else str(name)
            for head, name in (parts.get("columns") or {}).items()
        }
        return cls(columns, parts.get("words") or {})


def columns_of(head: Head, resource: Resource, wish: Wish) -> list[Column]:
    """Where each column goes; a field takes one column, the one whose head fits it best. Raises `BadInput`."""
    wanted = _wanted(head, resource, wish)
    taken = {target.name for target in wanted.values() if target is not None}
    fits = [
        (rank, cell.column, target)
        for cell in head.cells
        if cell.column not in wanted
        for target in resource.targets
        if target.name not in taken and (rank := _fit(cell, resource, target)) is not None
    ]
    found: dict[int, Target | None] = dict(wanted)
    for _rank, column, target in sorted(fits, key=lambda fit: fit[:2]):
        if column not in found and target.name not in taken:
            found[column] = target
            taken.add(target.name)
    return [Column(cell.column, cell.text, cell.address, found.get(cell.column)) for cell in head.cells]


def _wanted(head: Head, resource: Resource, wish: Wish) -> dict[int, Target | None]:
    problems = []
    found: dict[int, Target | None] = {}
    for text, name in wish.columns.items():
        cell = next((cell for cell in head.cells if plain(cell.text) == plain(text)), None)
        target = _called(resource, name) if name else None
        if cell is None:
            problems.append(
                Problem(say("文件中没有“{head}”这一列。", "The file has no column '{head}'.", head=text))
            )
        elif name and target is None:
            problems.append(
                Problem(say("没有可导入的字段“{name}”。", "There is no field '{name}' to fill.", name=name))
            )
        else:
            found[cell.column] = target
    if problems:
        raise BadInput(problems)
    _follow_habits(head, resource, wish, found)
    return found


def _follow_habits(head: Head, resource: Resource, wish: Wish, found: dict[int, Target | None]) -> None:
    habits = {plain(text): name for text, name in wish.habits.items()}
    taken = {target.name for target in found.values() if target}
    for cell in head.cells:
        name = habits.get(plain(cell.text))
        target = resource.target(name) if name else None
        if plain(cell.text) not in habits or cell.column in found or (name and target is None):
            continue
        if target is None or target.name not in taken:
            found[cell.column] = target
            taken |= {target.name} if target else set()


def _called(resource: Resource, name: str) -> Target | None:
    """The field of this name or label."""
    return resource.target(name) or next(
        (
            target
            for target in resource.targets
            if plain(name) in {plain(target.label.spoken(t)) for t in LANGUAGES}
        ),
        None,
    )


def _fit(cell: HeadCell, resource: Resource, target: Target) -> int | None:
    """How well a head fits a field: 0 is its own name or label, then the aliases in their order; None not at all."""
    texts = {plain(cell.text), plain(BRACKETS.sub("", cell.text))}
    own = {plain(target.name), *(plain(target.label.spoken(tongue)) for tongue in LANGUAGES)}
    if texts & own:
        return 0
    for rank, alias in enumerate(HEADS.get(resource.name, {}).get(target.name, ()), 1):
        if plain(alias) in texts:
            return rank
    return None


def plain(text: str) -> str:
    """A head as it is compared."""
    return NOISE.sub("", unicodedata.normalize("NFKC", text).lower())


def check_complete(columns: list[Column], resource: Resource, mode: ImportMode) -> None:
    """Raises `BadInput` where no column is known, or one is missing without which no record can be made."""
    mapped = {column.target.name for column in columns if column.target}
    if not mapped:
        raise BadInput([Problem(_unknown(columns, resource))])
    if mode is ImportMode.update:
        return
    missing = [
        target.label
        for target in resource.targets
        if target.field.required and target.name not in mapped and target.name not in DERIVED
    ]
    if missing:
        raise BadInput([Problem(_missing(missing))])


DERIVED = frozenset({"line_no", "amount"})
"""Fields of a line that are counted where the file has no column for them."""


def _unknown(columns: list[Column], resource: Resource) -> Words:
    return say(
        "没有一列能对应到“{what}”的字段。文件的列：{heads}。请下载模板，或指定对应关系。",
        "None of the columns fits a field of {what}. The file has: {heads}. Use the template, or say where columns go.",
        what=resource.label,
        heads=", ".join(column.head for column in columns[:12]),
    )


def _missing(labels: list[Words]) -> Words:
    return say(
        "缺少必填的列：{labels}。请补上，或指定由哪一列对应。",
        "Columns are missing that must be there: {labels}. Add them, or say which column stands for them.",
        labels=Words("、".join(label.zh for label in labels), ", ".join(label.en for label in labels)),
    )


def key_of(columns: list[Column], resource: Resource, wish: str | None) -> tuple[str, ...]:
    """The fields rows are told apart by; empty when there is no such column. Raises `BadInput` for an unknown wish."""
    mapped = {column.target.name for column in columns if column.target}
    if wish:
        target = _called(resource, wish)
        if target is None or target.name not in mapped or target.of_line:
            raise BadInput(
                [
                    Problem(
                        say("“{key}”不能作为识别字段。", "'{key}' cannot tell rows apart here.", key=wish),
                        "key",
                    )
                ]
            )
        return (target.name,)
    for key in resource.business_keys():
        present = tuple(name for name in key if name in mapped)
        if present == key or (len(key) > 1 and present[:LEAST_KEY] == key[:LEAST_KEY]):
            return present
    return ()
