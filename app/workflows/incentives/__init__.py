"""Incentives for new customers (D-58 … D-68): each month's sheet of each seller, computed from the rules that are data.

`calculate` computes a month (or computes it anew while nobody decides on it), the approval flow of the pack decides,
`hand_over` closes it for payroll. `settling` is the arithmetic, `reading` gives it the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.columns import now
from app.errors import BadRequest, Refusal, WrongState
from app.extensions import company, db, transaction
from app.models import (
    AuditAct,
    IncentiveKind,
    IncentiveLine,
    IncentiveMonth,
    IncentiveSheet,
    IncentiveStatus,
    RulePurpose,
    ThresholdRule,
)
from app.roles import Act
from app.services import access, audit, jobs
from app.words import say
from app.workflows.evaluation.sources import table_of
from app.workflows.incentives import packing
from app.workflows.incentives.reading import STANDING, facts_of
from app.workflows.incentives.settling import Sheet, later, month_of, settle

__all__ = ["calculate", "hand_over", "month_named", "packing", "recalculate", "settle"]

SHEET, LINE = table_of(IncentiveSheet), table_of(IncentiveLine)
OPEN = (IncentiveStatus.draft, IncentiveStatus.returned, IncentiveStatus.rejected, IncentiveStatus.withdrawn)
"""The states in which a month may be computed anew."""


def month_named(text: str) -> date:
    """The first day of a month written `2026-10`. Raises `BadRequest`."""
    try:
        return date.fromisoformat(f"{text.strip()}-01")
    except ValueError as error:
        raise BadRequest(
            say(
                "月份写作“2026-10”，而不是“{text}”。",
                "A month is written 2026-10, not '{text}'.",
                text=text[:20],
            )
        ) from error


def calculate(month: date) -> IncentiveMonth:
    """Compute a month; what was computed before and not yet approved is replaced. Inside `transaction()`.

    Raises:
        NotAllowed: the person may not run incentives.
        Refusal: there are no rules in force, the month has not ended, or an earlier month is not approved yet.
        WrongState: the month is being decided on, or was paid.

    """
    who = access.principal()
    who.check(Act.run, "incentive_month")
    with access.acting(access.SYSTEM):
        _check_order(month)
        found = db.session.scalar(
            sa.select(IncentiveMonth).where(IncentiveMonth.month == month).with_for_update()
        )
        if found is None:
            found = IncentiveMonth(month=month, owner_id=who.employee_id, org_unit_id=who.org_unit_id)
            db.session.add(found)
            db.session.flush()
        recalculate(found)
    return found


def recalculate(found: IncentiveMonth) -> None:
    """Compute a month that is there anew, by rule of the house. Inside `transaction()`."""
    if found.status not in OPEN:
        raise WrongState(
            say(
                "{month} 的激励为“{state}”，不能重新计算。",
                "The incentives of {month} are “{state}”: they cannot be computed anew.",
                month=found.month.strftime("%Y-%m"),
                state=found.status.words,
            )
        )
    with access.acting(access.SYSTEM):
        sheets = settle(facts_of(found.month))
        _keep(found, sheets)
    audit.record(
        AuditAct.evaluation,
        "incentive_month",
        found.id,
        summary=say(
            "计算 {month} 新客户激励：{n} 张激励单，合计 {total} 元",
            "Incentives of {month} computed: {n} sheets, CNY {total} in all",
            month=found.month.strftime("%Y-%m"),
            n=len(sheets),
            total=found.total,
        ),
    )


def hand_over(found: IncentiveMonth) -> None:
    """Note when a month went to payroll."""
    found.exported_at = now()


def _check_order(month: date) -> None:
    """Raises `Refusal` unless the month is over, rules are in force and the months before it are settled."""
    if company.today() < later(month, 1):
        raise Refusal(say("该月尚未结束。", "This month has not ended yet."))
    if not db.session.scalar(
        sa.select(sa.func.count())
        .select_from(ThresholdRule)
        .where(
            ThresholdRule.active,
            ThresholdRule.purpose != RulePurpose.fine,
            ThresholdRule.valid_from <= month,
            sa.or_(ThresholdRule.valid_to.is_(None), ThresholdRule.valid_to >= month),
        )
    ):
        raise Refusal(say("该月没有生效的激励规则。", "No incentive rules are in force in this month."))
    waiting = db.session.scalar(
        sa.select(sa.func.min(IncentiveMonth.month)).where(
            IncentiveMonth.month < month, IncentiveMonth.status.not_in(STANDING)
        )
    )
    if waiting is not None:
        raise Refusal(
            say(
                "请先完成 {month} 的激励审批：退货扣回以已批准的月份为准。",
                "Finish the approval of {month} first: what is taken back depends on what was approved.",
                month=waiting.strftime("%Y-%m"),
            )
        )


# ---- writing ---------------------------------------------------------------------------------------------------


def _keep(month: IncentiveMonth, sheets: Sequence[Sheet]) -> None:
    """Write the sheets with their lines, whatever was there; the month's audit line tells of them."""
    db.session.flush()
    options = {"synchronize_session": False}
    own = sa.select(SHEET.c.id).where(SHEET.c.month_id == month.id)
    db.session.execute(sa.delete(LINE).where(LINE.c.sheet_id.in_(own)), execution_options=options)
    db.session.execute(sa.delete(SHEET).where(SHEET.c.month_id == month.id), execution_options=options)
    moment = now()
    lines: list[dict[str, Any]] = []
    for sheet in sheets:
        values = _row(sheet) | {"month_id": month.id, "created_at": moment, "changed_at": moment}
        sheet_id = db.session.execute(sa.insert(SHEET).values(values).returning(SHEET.c.id)).scalar_one()
        lines += [
            {
                "sheet_id": sheet_id,
                "kind": line.kind,
                "customer_id": line.customer_id,
                "acquired": line.acquired,
                "month_offset": line.offset,
                "net": line.net,
                "amount": line.amount,
            }
            for line in sheet.lines
        ]
    if lines:
        db.session.execute(sa.insert(LINE), lines)
    month.customers = sum(line["kind"] is IncentiveKind.counted for line in lines)
    month.total = sum((sheet.total for sheet in sheets), Decimal(0))
    month.calculated_at = moment
    db.session.flush()


def _row(sheet: Sheet) -> dict[str, Any]:
    return {
        "quota_of": sheet.of,
        "owner_id": sheet.employee_id,
        "org_unit_id": sheet.unit_id,
        "counted": sheet.counted,
        "quota": sheet.quota,
        "quota_amount": sheet.quota_amount,
        "bonus": sheet.sum_of(IncentiveKind.bonus, IncentiveKind.correction),
        "claw_back": sheet.sum_of(IncentiveKind.claw_back),
        "fine": sheet.sum_of(IncentiveKind.reversal, IncentiveKind.fine),
        "total": sheet.total,
        "version_no": 1,
    }


@jobs.kind("incentives", zh="新客户激励月结", en="New-customer incentives")
def close_month(_run: jobs.Run) -> dict[str, Any]:
    """Compute the month that has just ended, once, where rules are in force and nothing stands in the way."""
    month = later(month_of(company.today()), -1)
    with access.acting(access.SYSTEM), transaction():
        stands = db.session.scalar(sa.select(IncentiveMonth.id).where(IncentiveMonth.month == month))
        try:
            return {"month": calculate(month).id if stands is None else stands}
        except Refusal as refusal:
            return {"refused": refusal.words.en}
