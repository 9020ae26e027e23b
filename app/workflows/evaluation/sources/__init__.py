"""What can be measured: one file per source, found by itself.

A source is one table (with what it may be joined to), the column that names the subject, the column that says when,
and the facts a measure may filter and add up. To add one: a module here that sets `SOURCE`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.columns import Choice, MomentType
from app.extensions import company, db
from app.models import ExtraIndex, Lookup, OrgUnit
from app.services import fields
from app.services.access import mappers, resource_of
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.kinds import (
    BOOL,
    COUNT,
    DATE,
    MOMENT,
    MONEY,
    POINTS,
    QUANTITY,
    RATE,
    TEXT,
    Kind,
    Type,
    choice,
)
from app.words import Words
from app.workflows.evaluation.dialects import company_day


@dataclass(frozen=True, slots=True)
class Join:
    """A table that is joined only when a fact of it is asked for; `after` names the join it hangs on."""

    table: sa.FromClause
    on: sa.ColumnElement[bool]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A fact of a source: `via` names the join it needs; `key` says that it names a record (to be counted, not added).

    `guarded_by` names the record type whose confidential fields the reader must be allowed to see, `added` the field of an
    administrator it is. What is measured of each row was read from the columns `behind` it.
    """

    fact: Fact
    via: str | None = None
    key: bool = False
    guarded_by: str | None = None
    added: fields.Field | None = None
    behind: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Source:
    """Rows that can be counted and added up per subject and moment.

    `subjects` maps a subject type to the column that names the subject of a row; `via` to the join that column needs.
    `stands` is what every counted row fulfils (not in the bin, not voided), with the words for a row that does not.
    `shown` are the facts an explanation shows of a row. `record` is the subject type the rows themselves are: such a
    source can be asked for measures of each row.
    """

    name: str
    words: Words
    table: sa.FromClause
    subjects: Mapping[str, sa.ColumnElement[Any]]
    time: sa.ColumnElement[Any]
    columns: tuple[Column, ...]
    stands: sa.ColumnElement[bool]
    fallen: Words
    shown: tuple[str, ...]
    joins: Mapping[str, Join] = field(default_factory=dict)
    via: Mapping[str, str] = field(default_factory=dict)
    record: str | None = None

    @property
    def key(self) -> sa.ColumnElement[Any]:
        return self.table.c.id

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.fact.name == name)

    def catalogue(self, pinned: Iterable[Fact] = ()) -> Catalogue:
        """Its facts, for formulas and filters, with those of the run."""
        return catalogue(self.columns, pinned)

    def rows(self, used: Iterable[str], subject: str | None = None) -> sa.FromClause:
        """Its table with what the used facts and the column of the subject need joined to it."""
        vias = [self.via[subject]] if subject is not None and subject in self.via else []
        return joined(self.table, self.columns, self.joins, used, vias)


def catalogue(columns: Iterable[Column], more: Iterable[Fact] = ()) -> Catalogue:
    """The facts of these columns, and those that come from elsewhere."""
    columns = tuple(columns)
    return Catalogue([*(column.fact for column in columns), *more], vocabularies(columns), company.zone)


def joined(
    table: sa.FromClause,
    columns: Iterable[Column],
    joins: Mapping[str, Join],
    used: Iterable[str],
    more: Iterable[str] = (),
) -> sa.FromClause:
    """A table with those joins the used facts need, and those named besides, each after the one it hangs on."""
    wanted = set(used)
    needed: dict[str, None] = {}
    for via in [*(column.via for column in columns if column.via and column.fact.name in wanted), *more]:
        line = [via]
        while (above := joins[line[0]].after) is not None:
            line.insert(0, above)
        needed |= dict.fromkeys(line)
    for via in needed:
        table = table.outerjoin(joins[via].table, joins[via].on)
    return table


# ---- how a file of this folder declares facts ----------------------------------------------------------------


def table_of(model: type[Any]) -> sa.Table:
    """The bare table of a model: runs compute under the system principal, so the row policy is not asked."""
    table: sa.Table = sa.inspect(model).local_table
    return table


def _units_above() -> sa.Alias | sa.Subquery:
    """Each unit with every unit it lies in, itself included: a row counts for the team and for the department above."""
    unit, above = table_of(OrgUnit).alias("unit"), table_of(OrgUnit).alias("above")
    within = sa.func.substr(unit.c.path, 1, sa.func.length(above.c.path)) == above.c.path
    return (
        sa.select(unit.c.id.label("unit_id"), above.c.id.label("above_id"))
        .where(within)
        .subquery("unit_above")
    )


UNITS = _units_above()


def in_unit(column: Any, after: str | None = None) -> Join:
    """The units a row of this unit counts for."""
    return Join(UNITS, UNITS.c.unit_id == column, after)


def owned(
    table: sa.FromClause, *, after: str | None = None, customer: Any = None, owner: Any = None
) -> dict[str, Any]:
    """How rows with a customer, an owner and a unit belong to subjects; `after` where these stand in a joined table."""
    employee = table.c.owner_id if owner is None else owner
    subjects = {"employee": employee, "unit": UNITS.c.above_id}
    via = {"unit": "unit"} | ({"employee": after} if after and owner is None else {})
    if customer is not None or "customer_id" in table.c:
        subjects["customer"] = table.c.customer_id if customer is None else customer
    return {"subjects": subjects, "joins": {"unit": in_unit(table.c.org_unit_id, after)}, "via": via}


class Worded(Protocol):
    """A value that can be chosen, and what it is called."""

    @property
    def value(self) -> str: ...
    @property
    def words(self) -> Words: ...


CLOSED_SETS: dict[str, Iterable[Worded]] = {}


def vocabularies(columns: Iterable[Column]) -> dict[str, dict[str, Words]]:
    """The words of the closed sets these columns take their values from."""
    names = {column.fact.type.of for column in columns if column.fact.type.of}
    return {name: {member.value: member.words for member in CLOSED_SETS[name]} for name in names if name}


LARGEST: dict[Kind, Decimal] = {
    Kind.money: Decimal(10**7),
    Kind.quantity: Decimal(10**7),
    Kind.rate: Decimal(1000),
    Kind.count: Decimal(10**6),
}
"""What one row is taken to hold at most, in whole units, so that a product of two facts stays in 64 bits."""


def _column(
    type_: Type, name: str, expression: Any, words: tuple[str, str], via: str | None, *, key: bool = False
) -> Column:
    zh, en = words
    most = LARGEST.get(type_.kind)
    domain = (-most, most) if most and not key else None
    return Column(Fact(name, type_, zh=zh, en=en, domain=domain, expression=expression), via, key)


def money(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(MONEY, name, expression, (zh, en), via)


def quantity(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(QUANTITY, name, expression, (zh, en), via)


def rate(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(RATE, name, expression, (zh, en), via)


def number(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(COUNT, name, expression, (zh, en), via)


def points(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(POINTS, name, expression, (zh, en), via)


def text(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(TEXT, name, expression, (zh, en), via)


def day(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(DATE, name, expression, (zh, en), via)


def moment(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(MOMENT, name, expression, (zh, en), via)


def truth(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    return _column(BOOL, name, expression, (zh, en), via)


def key(name: str, expression: Any, zh: str, en: str, via: str | None = None) -> Column:
    """The id of a record, such as the document of a line: for counting distinct ones."""
    return _column(COUNT, name, expression, (zh, en), via, key=True)


def closed(
    name: str, expression: Any, choices: type[Choice], zh: str, en: str, via: str | None = None
) -> Column:
    """A value of a closed set."""
    of = choices.__name__
    CLOSED_SETS[of] = choices
    return _column(choice(of), name, expression, (zh, en), via)


# ---- fields an administrator added ---------------------------------------------------------------------------

MIRROR = table_of(ExtraIndex)
AS_FACTS = {
    fields.Kind.money: MONEY,
    fields.Kind.quantity: QUANTITY,
    fields.Kind.text: TEXT,
    fields.Kind.date: DATE,
    fields.Kind.flag: BOOL,
}
"""What added fields are to a formula. Of a relation the key can be counted; long texts, files and several choices are none."""


@dataclass(frozen=True, slots=True)
class Option:
    """A value of an added field of one choice: its code, which stays, and its names."""

    value: str
    words: Words


def added(table: sa.FromClause) -> tuple[tuple[Column, ...], dict[str, Join]]:
    """The fields an administrator added to the records of a table, under the names they have everywhere, and their joins.

    Those taken out of use since stay, so that old runs can be read.
    """
    model = _model_of(table.element if isinstance(table, sa.Alias) else table)
    if model is None:
        return (), {}
    kept = [one for one in fields.kept_fields(model) if _is_fact(one)]
    if lists := {one.info.lookup for one in kept if one.info.lookup}:
        CLOSED_SETS.update(_choices(lists))
    found = [_added(table, resource_of(model), one) for one in kept]
    return tuple(column for column, _ in found), {via: on for _, joins in found for via, on in joins.items()}


def _is_fact(field_: fields.Field) -> bool:
    return field_.kind in AS_FACTS or field_.kind is fields.Kind.relation


@cache
def _model_of(table: sa.FromClause) -> type[Any] | None:
    return next((mapper.class_ for mapper in mappers() if mapper.local_table is table), None)


NOTED = "choices of added fields"


def _choices(lists: set[str]) -> dict[str, tuple[Option, ...]]:
    """What can, or once could, be chosen, by code list; those of all added fields are read at once, once a session."""
    noted: dict[str, tuple[Option, ...]] = db.session.info.get(NOTED, {})
    if lists <= noted.keys():
        return noted
    every = {one.info.lookup for mapper in mappers() for one in fields.kept_fields(mapper.class_)} - {""}
    rows = db.session.execute(
        sa.select(Lookup.category, Lookup.code, Lookup.name_zh, Lookup.name_en)
        .where(Lookup.category.in_(sorted(every)))
        .order_by(Lookup.position, Lookup.id)
    )
    noted = dict.fromkeys(every, ())
    for category, code, zh, en in rows:
        noted[category] += (Option(code, Words(zh, en)),)
    db.session.info[NOTED] = noted
    return noted


@sa.event.listens_for(Session, "after_flush")
def _forget(session: Session, _context: Any) -> None:
    """Who changes what can be chosen sees it at once."""
    if any(isinstance(row, Lookup) for row in (*session.new, *session.dirty, *session.deleted)):
        session.info.pop(NOTED, None)


@lru_cache(maxsize=1_000)
def _added(table: sa.FromClause, resource: str, field_: fields.Field) -> tuple[Column, dict[str, Join]]:
    """One field as a fact. The same for all who ask, so that measures of one pass share what is joined."""
    item, words = field_.item, field_.label
    if item is None:
        raise RuntimeError(f"{field_.name} is a column")
    via = f"extra_{item.key}"
    mirror = MIRROR.alias(via)
    joins = {via: Join(mirror, sa.and_(mirror.c.info_item_id == item.id, mirror.c.object_id == table.c.id))}
    type_ = AS_FACTS.get(field_.kind, COUNT)
    expression: sa.ColumnElement[Any] = mirror.c.int_key
    if type_ == TEXT:
        expression = mirror.c.text_key
    elif type_ == DATE:
        expression = sa.func.date(mirror.c.text_key, type_=sa.Date())
    elif type_ == BOOL:
        expression = sa.func.coalesce(mirror.c.int_key, 0, type_=sa.BigInteger()) == 1
    elif field_.info.lookup:
        chosen = table_of(Lookup).alias(f"choice_{item.key}")
        type_, expression = choice(field_.info.lookup), chosen.c.code
        joins[f"choice_{item.key}"] = Join(chosen, chosen.c.id == mirror.c.int_key, via)
        via = f"choice_{item.key}"
    column = _column(type_, field_.name, expression, (words.zh, words.en), via, key=type_ == COUNT)
    guarded_by = resource if field_.info.confidential else None
    return replace(column, guarded_by=guarded_by, added=field_), joins


# ---- all of them -----------------------------------------------------------------------------------------------


def _found() -> Iterator[Source]:
    for module in pkgutil.iter_modules(__path__):
        yield _dated(importlib.import_module(f"{__name__}.{module.name}").SOURCE)


def _dated(source: Source) -> Source:
    """The source with the company's day of its rows, where they have one: `year(row_day) = 2022`, `month(row_day) = 7`."""
    if not isinstance(source.time, sa.Column):
        return source
    own = company_day(source.time) if isinstance(source.time.type, MomentType) else source.time
    return replace(source, columns=(*source.columns, day("row_day", own, "发生日", "Day of the row")))


def _whole(source: Source) -> Source:
    columns, joins = added(source.table)
    if not columns:
        return source
    return replace(source, columns=(*source.columns, *columns), joins={**source.joins, **joins})


_sources: dict[str, Source] = {}


def sources() -> Mapping[str, Source]:
    """Every source by its name, with the fields added to its records."""
    if not _sources:
        _sources.update({source.name: source for source in _found()})
    return {name: _whole(source) for name, source in _sources.items()}
