"""What may be brought in: for each record type the fields a file may fill, by which key rows are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from app.errors import NotFound
from app.models import ImportMode, TradeLine
from app.roles import Act
from app.services import access, records
from app.services.fields import (
    Field,
    Kind,
    every_field,
    field_named,
    fields_of,
    labels_of,
    models_by_resource,
)
from app.words import Words, say

LINES: dict[str, type[Any]] = {"order": TradeLine}
"""Record types that come as one row a line, and the type of the lines."""

KEYS: dict[str, tuple[tuple[str, ...], ...]] = {"contact": (("customer_id", "name", "phone"),)}
"""Keys of record types whose schema has none; a part that is not in the file is left out, but never the first two."""

LEAST_KEY = 2

STAND_IN: dict[str, dict[str, str]] = {"product": {"name": "code"}}
"""What stands in for a required field a row leaves blank: a product without a name goes by its code."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A field a file may fill; `of_line` says that it belongs to the line, not to the document."""

    field: Field
    of_line: bool = False
    opening: bool = False
    """Given by a process, and typed only with opening data (a customer's code)."""

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def label(self) -> Words:
        return self.field.label


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A record type as imports see it."""

    name: str
    model: type[Any]
    targets: tuple[Target, ...]
    by_name: dict[str, Target]
    line: type[Any] | None = None

    @property
    def label(self) -> Words:
        return labels_of(self.model)

    @property
    def is_sealed(self) -> bool:
        """Whether rows of such a file may hold what is kept encrypted."""
        return any(target.field.kind is Kind.sealed for target in self.targets)

    def target(self, name: str) -> Target | None:
        return self.by_name.get(name)

    def business_keys(self) -> list[tuple[str, ...]]:
        """The keys rows can be told apart by, the best first."""
        own = [(target.name,) for target in self.targets if target.field.unique and not target.of_line]
        return [*own, *KEYS.get(self.name, ())]


def resource(name: str) -> Resource:
    """The record type of this name as the person asking may fill it. Raises `NotFound`, `NotAllowed`."""
    model = models_by_resource().get(name)
    if model is None or not hasattr(model, "__tablename__") or name not in importable():
        raise NotFound(
            say(
                "没有可导入的记录类型“{name}”，可选：{names}。",
                "There is no record type '{name}' to import; choose one of {names}.",
                name=name[:60],
                names=", ".join(importable()),
            )
        )
    who = access.principal()
    may_type = {field.name for field in records.editable_fields(model, who)}
    targets = [
        Target(field, opening=not field.info.edit)
        for field in every_field(model)
        if field.name in may_type or _is_opening(field)
    ]
    line = LINES.get(name)
    both = (*targets, *(_line_targets(line) if line else ()))
    return Resource(name, model, both, {target.name: target for target in both}, line)


def rights_to_write(mode: ImportMode) -> tuple[Act, ...]:
    """The rights a run asks for as a whole: a file needs that to import, a bulk edit that to edit."""
    return (Act.edit,) if mode is ImportMode.edit else (Act.bring_in,)


def rights_to_change(mode: ImportMode) -> tuple[Act, ...]:
    """The rights that must reach each record a run changes."""
    return tuple(dict.fromkeys((*rights_to_write(mode), Act.edit)))


@cache
def importable() -> tuple[str, ...]:
    """The record types files may be brought in for: business records and shared ones with a code."""
    return tuple(
        name
        for name, model in models_by_resource().items()
        if not getattr(model, "__part__", False)
        and (hasattr(model, "deleted_at") or field_named(model, "code") is not None)
        and name not in NOT_BY_FILE
    )


NOT_BY_FILE = frozenset({"approval_flow", "eval_scheme", "eval_measure", "attachment", "admission", "job"})
"""Record types that come by packs or by their own process alone."""


def _is_opening(field: Field) -> bool:
    return field.unique and not field.info.edit and field.kind is Kind.text


def _line_targets(line: type[Any]) -> list[Target]:
    return [
        Target(field, of_line=True) for field in fields_of(line) if field.info.edit or field.name == "amount"
    ]
