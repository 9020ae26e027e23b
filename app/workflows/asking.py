"""What a flow asks of a form and its files: told at once, each with its place (E-01)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.errors import Problem
from app.services.fields import field_named
from app.words import Words, say
from app.workflows import subjects
from app.workflows.flow import Document
from app.workflows.proceedings import Proceeding


def is_empty(record: Any, path: str) -> bool:
    """Whether nothing stands at this path of a record."""
    value = subjects.value_of(record, path)
    return value is None or (isinstance(value, str) and not value.strip())


def missing(record: Any, path: str) -> Problem:
    """The sentence that asks for a field."""
    holder, name = holder_of(record, path)
    field = field_named(type(holder), name) if holder is not None else None
    label: Words | str = field.label if field else path
    return Problem(say(zh="请填写{label}。", en="Fill in {label}.", label=label), path)


def missing_files(p: Proceeding, wanted: Iterable[Document]) -> list[Problem]:
    """The files that are asked for and are not there."""
    needed = [document for document in wanted if p.holds(document.when)]
    if not needed:
        return []
    counted = [file.doc_type for file in p.files]
    problems = []
    for document in needed:
        if document.record is not None:
            short = subjects.value_of(p.record, document.record) is None
        else:
            short = counted.count(document.type) < document.count
        if short:
            words = say(
                zh="缺少附件：{name}（{count} 份）。",
                en="Attach {name} ({count}).",
                name=document.name,
                count=document.count,
            )
            problems.append(Problem(words, "evidence"))
    return problems


def holder_of(record: Any, path: str) -> tuple[Any, str]:
    """The record a path's field belongs to (`agreement.sign_on` → the agreement), and the field's name."""
    *relations, name = path.split(".")
    return subjects.value_of(record, ".".join(relations)) if relations else record, name
