"""Incentives for new customers from the command line: compute a month, and take its sheets out."""

from __future__ import annotations

from pathlib import Path

import click
import sqlalchemy as sa

from app.cli.base import as_user, report, reports
from app.extensions import db, transaction
from app.models import IncentiveMonth, IncentiveSheet
from app.services import exports, records
from app.words import say
from app.workflows import incentives as engine


@click.command()
@click.argument("month")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The sheets as .xlsx or .csv.")
@reports
@as_user
def incentives(*, month: str, out: Path | None, as_json: bool) -> None:
    """Compute the new-customer incentives of MONTH (2026-10), and say what each seller gets."""
    first = engine.month_named(month)
    with transaction():
        month_id = engine.calculate(first).id
    found = db.session.get_one(IncentiveMonth, month_id)
    sentence = say(
        "{month}：新客户 {n} 个，合计 {total} 元；以下为您可见的激励单。",
        "{month}: {n} new customers, CNY {total} in all; below, the sheets you see.",
        month=month,
        n=found.customers,
        total=f"{found.total:,.2f}",
    )
    click.echo(str(sentence), err=True)
    mine = IncentiveSheet.month_id == month_id
    report(
        [
            {
                "of": sheet.quota_of.value,
                "person": sheet.owner.no if sheet.owner else None,
                "department": sheet.org_unit.code if sheet.org_unit else None,
                "counted": sheet.counted,
                "quota": sheet.quota,
                "for quota": sheet.quota_amount,
                "bonus": sheet.bonus,
                "claw-back": sheet.claw_back,
                "fine": sheet.fine,
                "total": sheet.total,
            }
            for sheet in db.session.scalars(sa.select(IncentiveSheet).where(mine).order_by(IncentiveSheet.id))
        ],
        as_json=as_json,
    )
    if out is not None:
        sheets = exports.taken(records.Query(IncentiveSheet, within=mine))
        form = out.suffix.lower().lstrip(".") or "xlsx"
        exports.write(sheets, out, form, most=exports.MOST_ROWS)  # a month is approved as a whole


COMMANDS = [incentives]
