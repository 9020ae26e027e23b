"""What added fields make of the rest of a record: when they are shown, when they are demanded, what they work out to.

Conditions and formulas are written in the language of the house over the fields of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.columns import QuantityType, half_up
from app.errors import Problem
from app.models import Extended
from app.services import access, extras, filtering
from app.services.fields import Field, Kind, every_field, extra_fields, is_written
from app.services.language.checking import Formula, parse
from app.services.language.evaluating import evaluate, holds
from app.services.language.kinds import BOOL, Type
from app.services.language.problems import BadFormula
from app.words import say


def formula(model: type[Any], text: str, expects: Type | None = None) -> Formula:
    """A condition or formula over the fields of a record type. Raises `BadFormula`."""
    asked = tuple(
        field
        for field in every_field(model)
        if not field.sealed and filtering.is_asked(model, field) and field.kind is not Kind.json
    )
    return parse(text, filtering.catalogue_of(model, asked), expects)


def is_shown(model: type[Any], field: Field, held: Callable[[str], Any]) -> bool:
    """Whether the record's own values let a field appear; a condition that can no longer be read hides nothing."""
    if field.item is None or not field.item.visible_if:
        return True
    return _holds(model, field.item.visible_if, held, otherwise=True)


def _holds(model: type[Any], text: str, held: Callable[[str], Any], *, otherwise: bool) -> bool:
    try:
        condition = formula(model, text, BOOL)
        return holds(condition, {name: held(name) for name in condition.facts})
    except BadFormula:
        return otherwise


def shown(record: Any, fields: Iterable[Field]) -> tuple[Field, ...]:
    """Of these fields those the record's own values let appear."""
    model = type(record)
    return tuple(field for field in fields if is_shown(model, field, lambda name: getattr(record, name)))


def states(
    model: type[Any], fields: Iterable[Field], held: Callable[[str], Any]
) -> dict[str, tuple[bool, bool]]:
    """Of the fields that hang on others, by name: whether these values let each appear, and whether they demand it."""
    found = {}
    for field in fields:
        item = field.item
        if item is not None and (item.visible_if or item.required_if):
            needed = item.required or _is_demanded(model, item.required_if, held)
            found[field.name] = is_shown(model, field, held), needed
    return found


def _is_demanded(model: type[Any], text: str | None, held: Callable[[str], Any]) -> bool:
    return bool(text) and _holds(model, text or "", held, otherwise=False)


_promised: ContextVar[frozenset[str]] = ContextVar("promised", default=frozenset())


@contextmanager
def promised(names: Iterable[str]) -> Iterator[None]:
    """What a form brings besides its text: files, which can only be kept once their record is there.

    In this block nobody demands them. Whoever promises keeps them in the same transaction.
    """
    before = _promised.set(frozenset(names))
    try:
        yield
    finally:
        _promised.reset(before)


def demands_of(model: type[Any]) -> Callable[[Any], Iterator[Problem]]:
    """The check that a record of this type holds what its added fields demand of it."""

    def demanded(record: Any) -> Iterator[Problem]:
        who = access.principal()
        for field in extra_fields(model):
            item = field.item
            if item is None or not (item.required or item.required_if):
                continue
            if field.name in _promised.get() or not is_written(field, who):
                continue
            if getattr(record, field.name) not in {None, ""}:
                continue
            needed = item.required or _is_demanded(
                model, item.required_if, lambda name: getattr(record, name)
            )
            if needed and is_shown(model, field, lambda name: getattr(record, name)):
                yield Problem(say("请填写{label}。", "Fill in {label}.", label=field.label), field.name)

    return demanded


# ---- what is worked out ------------------------------------------------------------------------------------


def computed(model: type[Any], held: Callable[[str], Any]) -> dict[str, Decimal | None]:
    """The computed fields of a record, by name; unknown where something they need is."""
    found: dict[str, Decimal | None] = {}
    for field in extra_fields(model):
        if field.item is not None and field.item.formula:
            found[field.name] = _worked_out(model, field.item.formula, held)
    return found


def _worked_out(model: type[Any], text: str, held: Callable[[str], Any]) -> Decimal | None:
    try:
        asked = formula(model, text)
        value: Any = evaluate(asked, {name: held(name) for name in asked.facts})
    except (BadFormula, ArithmeticError):
        return None
    return None if value is None else half_up(Decimal(value), QuantityType.scale)


def _compute(session: Session, _context: Any, _instances: Any) -> None:
    rows: list[Any] = [*session.new, *session.dirty]
    for record in rows:
        if issubclass(type(record), Extended):
            with session.no_autoflush:
                for name, value in computed(type(record), lambda n, of=record: getattr(of, n)).items():  # type: ignore[misc]
                    if getattr(record, name) != value:
                        setattr(record, name, value)


event.listen(Session, "before_flush", _compute, insert=True)  # before the log looks at what changed


def gathered(model: type[Any], columns: dict[str, Any]) -> dict[str, Any]:
    """The columns of a new row, what is worked out of them included."""
    own = extras.gathered(model, columns)
    for name, value in computed(model, columns.get).items():
        own = extras.gathered(model, {**own, name: value})
    return own
