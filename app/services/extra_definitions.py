"""The definitions of extra fields: what an administrator may say, and the code lists that hold what can be chosen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.errors import Problem
from app.models import Customer, Extended, InfoItem, ItemType, Lookup
from app.services.extra_conditions import demands_of, formula
from app.services.fields import list_of, models_by_resource
from app.services.language.kinds import BOOL, COUNT, DAYS, MONEY, POINTS, QUANTITY, RATE
from app.services.language.problems import BadFormula
from app.services.packs.kinds import Known, Table, register
from app.services.records import checked
from app.words import Words, say

KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
NUMBERS = frozenset({COUNT, DAYS, MONEY, POINTS, QUANTITY, RATE})
CHOSEN = frozenset({ItemType.choice, ItemType.choices})
FIXED = ("object_type", "key", "data_type")
"""What a definition says for ever: values were kept by it."""
OF_CUSTOMERS = ("required_at_stage", "fresh_days", "keeps_history")
"""What belongs to the file of a customer: its dated values point to him, and its stages are those of his life."""
ONLY_CUSTOMERS = say(
    "只有客户档案按阶段、时效和历次取值管理；其他记录的旧值见操作日志。",
    "Only a customer's file has stages, freshness and dated values; the log holds the former values of other records.",
)


def extended() -> dict[str, type[Any]]:
    """The record types that take extra fields, by table."""
    every: dict[str, Any] = {model.__tablename__: model for model in models_by_resource().values()}
    return {table: model for table, model in every.items() if issubclass(model, Extended)}


@checked(InfoItem)
def is_whole(item: InfoItem) -> Iterator[Problem]:
    """A definition names a record type that takes fields, and says what its kind needs."""
    if item.object_type not in extended():
        yield Problem(say("该记录类型不能添加字段。", "This record type takes no fields."), "object_type")
    if not KEY.fullmatch(item.key or ""):
        yield Problem(
            say(
                "编号只能用小写字母、数字和下划线，并以字母开头。",
                "A code has lower-case letters, digits and underscores, and begins with a letter.",
            ),
            "key",
        )
    if item.data_type in CHOSEN and not (item.choices or "").strip():
        yield Problem(say("请填写选项。", "Say what can be chosen."), "choices")
    if item.data_type is ItemType.relation and item.target not in models_by_resource():
        yield Problem(say("请选择关联的记录类型。", "Say which records it relates to."), "target")
    for name in OF_CUSTOMERS if item.object_type != Customer.__tablename__ else ():
        if getattr(item, name):
            yield Problem(ONLY_CUSTOMERS, name)
    yield from _formulas(item)
    state: Any = inspect(item, raiseerr=False)  # a row of a file is judged before it is one
    for name in FIXED if state is not None and state.persistent else ():
        if state.attrs[name].history.has_changes():
            yield Problem(say("保存后不能再改变。", "It cannot be changed once it is saved."), name)


def _formulas(item: InfoItem) -> Iterator[Problem]:
    """Conditions and formulas can be read; what is computed is a number."""
    model = extended().get(item.object_type)
    if model is None:
        return
    for name in ("required_if", "visible_if"):
        if text := getattr(item, name):
            try:
                formula(model, text, BOOL)
            except BadFormula as error:
                yield Problem(error.words, name)
    if item.data_type is not ItemType.computed:
        return
    try:
        if formula(model, item.formula or "").type not in NUMBERS:
            yield Problem(say("公式的结果应为数字。", "The formula must give a number."), "formula")
    except BadFormula as error:
        yield Problem(error.words, "formula")


# ---- as packs hold them ------------------------------------------------------------------------------------


class Items(Table):
    """Added fields as rows of a pack, by the record type they belong to."""

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterator[Words]:
        wrong = list(super().problems(body, known))
        yield from wrong
        if not wrong:
            row = self.model(**self.columns_of(body))
            yield from (problem.words for problem in is_whole(row))


register(
    Items(
        InfoItem,
        {
            "object_type": "object_type",
            "key": "key",
            "zh": "label_zh",
            "en": "label_en",
            "kind": "data_type",
            "help_zh": "help_zh",
            "help_en": "help_en",
            "choices": "choices",
            "target": "target",
            "formula": "formula",
            "place": "category",
            "position": "position",
            "listed": "shown_in_list",
            "required": "required",
            "required_if": "required_if",
            "visible_if": "visible_if",
            "stage": "required_at_stage",
            "fresh_days": "fresh_days",
            "history": "keeps_history",
            "sensitivity": "sensitivity",
            "active": "active",
        },
        key=("object_type", "key"),
        group="object_type",
    ),
    "info_items",
)


# ---- what follows from them -------------------------------------------------------------------------------

for _model in Extended.__subclasses__():
    checked(_model)(demands_of(_model))


@event.listens_for(Session, "before_flush", insert=True)
def _sync_choices(session: Session, _context: Any, _instances: Any) -> None:
    """The choices of a field are rows of a code list of its own: new lines are added, others switched on or off."""
    for item in [row for row in (*session.new, *session.dirty) if isinstance(row, InfoItem)]:
        if item.data_type in CHOSEN and inspect(item).attrs.choices.history.has_changes():
            with session.no_autoflush:
                _sync(session, item)


def _sync(session: Session, item: InfoItem) -> None:
    category = list_of(item.object_type, item.key)
    known = {row.name_zh: row for row in session.scalars(select(Lookup).where(Lookup.category == category))}
    numbers = itertools.count(len(known) + 1)
    wanted = [line for text in (item.choices or "").splitlines() if (line := text.strip())]
    for position, line in enumerate(wanted):
        zh, _, en = (part.strip() for part in line.partition("|"))
        row = known.pop(zh, None)
        if row is None:
            code = f"{next(numbers):03}"
            row = Lookup(category=category, code=code, name_zh=zh, name_en=en or zh)
            session.add(row)
        row.name_en, row.position, row.active = en or zh, position, True
    for gone in known.values():
        gone.active = False
