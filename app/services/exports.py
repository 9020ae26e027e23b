"""Taking records out: the one path for screen, API and command line. It obeys the rights of who asks, and is logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import and_

from app.errors import Refusal
from app.extensions import company, transaction
from app.models import AuditAct
from app.roles import Act
from app.services import access, audit, records, sheets
from app.services.fields import Field, Kind, labels_of
from app.words import say

MOST_ROWS = 200_000
FORMATS = {
    Kind.money: "#,##0.00",
    Kind.rate: "0.00%",
    Kind.moment: "yyyy-mm-dd hh:mm",
    Kind.date: "yyyy-mm-dd",
}
FORMS = ("xlsx", "csv")


def write(query: records.Query, target: Path, form: str) -> int:
    """Write what a list holds to a file and log it; the number of rows. Opens its own transaction for the log.

    Of what the list holds only that is taken out which the person's right to do so reaches.

    Raises:
        NotAllowed: this person may not take such records out.
        Refusal: there are more rows than one export may hold.

    """
    model = query.model
    who = access.principal()
    who.check(Act.take_out, access.resource_of(model))
    reached = access.within(model, Act.take_out, who)
    if reached is not None:
        query = replace(query, within=reached if query.within is None else and_(query.within, reached))
    if records.page_of(query, exact=True).total > MOST_ROWS:
        raise Refusal(
            say(
                "一次最多导出 {most} 行，请先筛选。",
                "One export holds at most {most} rows: filter the list first.",
                most=f"{MOST_ROWS:,}",
            )
        )
    fields = [field for field in records.visible_fields(model) if field.kind is not Kind.json]
    rows = (row_of(record, fields) for record in records.every(query, fields))
    count = _xlsx(target, fields, rows, model) if form == "xlsx" else _csv(target, fields, rows)
    with transaction():
        audit.record(
            AuditAct.take_out,
            model.__tablename__,
            None,
            summary=say("导出 {count} 行", "{count} rows taken out", count=count),
        )
    return count


def _xlsx(target: Path, fields: Sequence[Field], rows: Iterable[Sequence[object]], model: type[Any]) -> int:
    columns = [sheets.Column(str(field.label), number_format=FORMATS.get(field.kind, "")) for field in fields]
    return sheets.write_xlsx(target, columns, rows, title=str(labels_of(model)))


def _csv(target: Path, fields: Sequence[Field], rows: Iterable[Sequence[object]]) -> int:
    with target.open("w", encoding="utf-8", newline="") as file:
        return sheets.write_csv(file, [str(field.label) for field in fields], rows)


def row_of(record: Any, fields: Sequence[Field]) -> list[object]:
    """A record as the cells of a file: numbers and dates as such, the rest as the reader sees it."""
    return [_cell(record, field) for field in fields]


def _cell(record: Any, field: Field) -> object:
    value = getattr(record, field.name)
    if value is None:
        return None
    if field.kind is Kind.moment:
        return value.astimezone(company.zone).replace(tzinfo=None)
    if field.is_number or field.kind is Kind.date:
        return value
    return records.text_of(record, field)
