"""Taking records out: the one path for screen, job and command line. It obeys the rights of who asks, and is logged.

What an export is of can be kept (`state_of`, the names of its columns) and read anew later: by then other rights may
hold, and those count.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import and_, or_, select

from app.errors import BadRequest, NotAllowed, Refusal
from app.extensions import company, db, transaction
from app.models import AuditAct, Parameter
from app.roles import Act
from app.services import access, audit, codes, extras, filtering, records, sheets, values
from app.services.fields import Field, Kind, labels_of
from app.words import Words, say

MOST_ROWS = 1_000_000
FORMATS = {
    Kind.money: "#,##0.00",
    Kind.rate: "0.00%",
    Kind.moment: "yyyy-mm-dd hh:mm",
    Kind.date: "yyyy-mm-dd",
}
FORMS = ("xlsx", "csv")
LIMIT = "export.rows_limit"
"""The parameter that says how many rows go out without approval (Q-16); `export.rows_limit.<role>` says so for a role."""
LIMIT_UNSAID = 100
BATCH = 1_000
MOST_TITLES = 20_000
"""Titles of related records kept at hand while an export runs."""
TOLD_EVERY = 2 * BATCH
"""After how many rows an export says how far it is."""

Told = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out: which records, and which of their fields."""

    query: records.Query
    fields: tuple[Field, ...]

    @property
    def model(self) -> type[Any]:
        return self.query.model

    @property
    def is_confidential(self) -> bool:
        """Whether it holds fields not everybody sees who reads such records, or sealed ones, be they masked."""
        return any(field.info.confidential or field.sealed for field in self.fields)


def taken(query: records.Query, names: Sequence[str] | None = None) -> Taken:
    """What the person asking takes out of a list: all columns he may see, or those named, of the rows he may take.

    Raises:
        NotAllowed: he may not take such records out, or no longer see a column named.

    """
    model, who = query.model, access.principal()
    who.check(Act.take_out, access.resource_of(model))
    reached = access.within(model, Act.take_out, who)
    if reached is not None:
        query = replace(query, within=reached if query.within is None else and_(query.within, reached))
    offered = {field.name: field for field in columns(model)}
    unseen = [name for name in names or () if name not in offered]
    if unseen:
        raise NotAllowed(
            say(
                "您无权导出这些字段：{names}。",
                "You may not take these columns out: {names}.",
                names=", ".join(name[:60] for name in unseen[:5]),
            )
        )
    chosen = tuple(offered.values()) if names is None else tuple(offered[name] for name in names)
    return Taken(query, chosen)


def columns(model: type[Any]) -> tuple[Field, ...]:
    """The columns this person may take out."""
    return tuple(field for field in records.visible_fields(model) if field.kind is not Kind.json)


def count(what: Taken) -> int:
    """How many rows it is, exactly."""
    return records.page_of(replace(what.query, page=1, size=records.SIZES[0]), exact=True).total


def limit_of(who: access.Principal) -> int:
    """How many rows this person takes out without asking: the most that he, or a role of his, is allowed."""
    if who.system:
        return MOST_ROWS
    roles = select(Role.name).where(Role.id.in_(sorted(who.role_ids)))
    keys = [f"{LIMIT}.{name}" for name in db.session.scalars(roles)]
    kept = select(Parameter.value).where(or_(Parameter.key == LIMIT, Parameter.key.in_(keys)))
    found = [most for value in db.session.scalars(kept) if (most := values.whole(value.strip())) is not None]
    return max(found, default=LIMIT_UNSAID)


# ---- kept, and read anew -----------------------------------------------------------------------------------


def state_of(query: records.Query) -> dict[str, Any]:
    """What a list was asked for, as JSON."""
    return {
        "search": query.search,
        "conditions": [[one.op, one.field.name, one.raw] for one in query.conditions],
        "where": filtering.written(query.where) if query.where else "",
        "sort": ",".join(f"-{field.name}" if down else field.name for field, down in query.sort),
    }


def query_of(resource: str, state: Mapping[str, Any]) -> records.Query:
    """The list that was kept, with the rights of who asks now. Raises `BadRequest` for a field he may not see."""
    model = records.model_named(resource)
    return records.Query(
        model=model,
        search=str(state["search"]),
        conditions=tuple(records.condition(model, name, op, raw) for op, name, raw in state["conditions"]),
        sort=records.sort_of(model, str(state["sort"])),
        where=records.where(model, str(state.get("where", ""))),
    )


def described(query: records.Query) -> Words | None:
    """The conditions of a list in words, so that who decides knows which rows they are."""
    parts = [records.item_words(one) for one in query.conditions]
    if query.where is not None:
        parts += [records.item_words(one, query.model) for one in records.parts_of(query)]
    if query.search:
        parts.insert(0, say("搜索“{text}”", 'search "{text}"', text=query.search))
    if not parts:
        return None
    return Words("；".join(part.zh for part in parts), "; ".join(part.en for part in parts))


# ---- the file ----------------------------------------------------------------------------------------------


def write(
    what: Taken,
    target: Path,
    form: str,
    *,
    most: int | None = None,
    told: Told | None = None,
    reason: str = "",
) -> int:
    """Write records to a file and log it; the number of rows. Opens its own transaction for the log.

    `told` is called with the rows written so far, outside any transaction.

    Raises:
        Refusal: there are more rows than `most` (the limit of the person asking unless said otherwise).

    """
    if form not in FORMS:
        raise BadRequest(say("不支持这种文件格式。", "This kind of file is not offered."))
    check_count(count(what), limit_of(access.principal()) if most is None else most)
    rows = _told(rows_of(what), told)
    written = _xlsx(target, what, rows) if form == "xlsx" else _csv(target, what, rows)
    with transaction():
        audit.record(
            AuditAct.take_out,
            what.model.__tablename__,
            None,
            reason=reason or None,
            summary=say("导出 {count} 行", "{count} rows taken out", count=written),
        )
    return written


def check_count(rows: int, most: int) -> None:
    """Raises `Refusal` for more rows than may go out, and than any file holds."""
    if rows > MOST_ROWS:
        raise Refusal(
            say(
                "一次最多导出 {most} 行，请先筛选。",
                "One export holds at most {most} rows: filter the list first.",
                most=f"{MOST_ROWS:,}",
            )
        )
    if rows > most:
        raise OverLimit(rows, most)


class OverLimit(Refusal):
    """More rows than go out without an approval, or than were approved."""

    code = "over_limit"
    status = 409

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(
            say(
                "共 {rows} 行，超过可直接导出的 {most} 行：须提交导出申请。",
                "These are {rows} rows; only {most} go out without approval: file a request.",
                rows=f"{rows:,}",
                most=f"{most:,}",
            )
        )


def rows_of(what: Taken) -> Iterator[list[object]]:
    """The cells of every row, in order of id; memory stays constant."""
    titles = {field.name: _Titles(field) for field in what.fields if field.kind in extras.KEYS}
    makers = [_maker(field, titles, _names(what.model, field)) for field in what.fields]
    places = [
        (place, titles[field.name]) for place, field in enumerate(what.fields, 1) if field.name in titles
    ]
    for rows in records.every(what.query, what.fields, BATCH):
        for place, known in places:
            known.learn({row[place] for row in rows})
        yield from [
            [
                None if value is None else make(value)
                for make, value in zip(makers, itertools.islice(row, 1, None), strict=True)
            ]
            for row in rows
        ]


class _Titles:
    """What the records a relation points to are called, as far as the person asking may see them."""

    def __init__(self, field: Field) -> None:
        self.target: Any = field.target
        self.known: dict[int, str] = {}

    def learn(self, keys: set[int | None]) -> None:
        """Read the titles of these records that are not known yet, in one statement; those of before are forgotten."""
        wanted = keys - {None} - self.known.keys()
        if len(self.known) > MOST_TITLES:
            self.known, wanted = {}, keys - {None}
        if wanted:
            rows = db.session.scalars(select(self.target).where(self.target.id.in_(wanted)))
            self.known |= {row.id: _title(row) for row in rows}

    def __getitem__(self, key: int) -> str:
        return self.known.get(key, values.EMPTY)


def _title(row: Any) -> str:
    return records.title_of(row) if hasattr(type(row), "__rows__") else str(getattr(row, "name", row.id))


def _names(model: type[Any], field: Field) -> Mapping[str, str]:
    """What the codes of a field are called; those people type stay codes, so that the file may come back."""
    key = access.resource_of(model), field.name
    if key not in codes.KNOWN or field.info.edit:
        return {}
    return {code: str(named.words) for code, named in codes.KNOWN[key]().items()}


def _maker(field: Field, titles: Mapping[str, _Titles], names: Mapping[str, str]) -> Callable[[Any], object]:
    """What makes the cell of a field: numbers and dates as such, the rest as the reader sees it."""
    if names:
        return lambda value: names.get(value, value)
    if field.kind in extras.KEYS:
        return titles[field.name].__getitem__
    if field.kind is Kind.moment:
        return lambda value: value.astimezone(company.zone).replace(tzinfo=None)
    if field.is_number or field.kind is Kind.date:
        return lambda value: value
    return lambda value: values.show(field, value)


def _told(rows: Iterable[list[object]], told: Told | None) -> Iterator[list[object]]:
    for number, row in enumerate(rows, 1):
        yield row
        if told is not None and number % TOLD_EVERY == 0:
            told(number)


def _xlsx(target: Path, what: Taken, rows: Iterable[Sequence[object]]) -> int:
    heads = [
        sheets.Column(str(field.label), number_format=FORMATS.get(field.kind, "")) for field in what.fields
    ]
    return sheets.write_xlsx(target, heads, rows, title=str(labels_of(what.model)))


def _csv(target: Path, what: Taken, rows: Iterable[Sequence[object]]) -> int:
    with target.open("w", encoding="utf-8", newline="") as file:
        return sheets.write_csv(file, [str(field.label) for field in what.fields], rows)
