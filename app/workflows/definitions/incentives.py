"""The lives of a month of incentives and of a suspicion of fraud (SM-28, coarse): computed, decided, handed to payroll."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.columns import now
from app.extensions import db
from app.models import (
    Employee,
    EmployeeStatus,
    IncentiveFraud,
    IncentiveMonth,
    IncentiveSheet,
    Notice,
    NoticeKind,
)
from app.roles import Act
from app.services import access
from app.words import Words, say
from app.workflows import incentives
from app.workflows.definitions.shared import decided
from app.workflows.machine import Machine, check, moves
from app.workflows.subjects import Subject


@check("incentives_calculated", IncentiveMonth, zh="该月激励已计算", en="the month is computed")
def incentives_calculated(month: Any) -> Words | None:
    if month.calculated_at is None:
        return say(zh="该月激励尚未计算。", en="This month has not been computed yet.")
    return None


@check("no_own_incentive", IncentiveMonth, zh="不含审批人本人的激励", en="it pays nobody who decides on it")
def no_own_incentive(month: Any) -> Words | None:
    """Nobody decides on a month that pays him (SM-28)."""
    who = access.principal().employee_id
    mine = sa.select(IncentiveSheet.id).where(
        IncentiveSheet.month_id == month.id, IncentiveSheet.owner_id == who
    )
    with access.acting(access.SYSTEM):
        if who is not None and db.session.scalar(mine.limit(1)) is not None:
            return say(
                zh="其中有您本人的激励，不能由您审批。",
                en="It pays you yourself: somebody else decides on it.",
            )
    return None


@check(
    "fraud_of_a_seller",
    IncentiveFraud,
    zh="调查人不是当事人",
    en="the investigator is not the one investigated",
)
def fraud_of_a_seller(fraud: Any) -> Words | None:
    """The investigator is not the one investigated."""
    if fraud.owner_id == fraud.seller_id:
        return say(zh="当事人不能调查自己。", en="Nobody investigates himself.")
    return None


def decision_stands(fraud: Any) -> None:
    fraud.decided_at = now()


def make_public(fraud: Any) -> None:
    """The company is told (D-67)."""
    with access.acting(access.SYSTEM):
        seller = db.session.get_one(Employee, fraud.seller_id)
        words = say(
            zh="通报：经调查，{name}虚报新客户属实，收回奖金并按制度罚款。",
            en="Notice: {name} was found to have falsified a new customer; the bonus is taken back and a fine imposed.",
            name=seller.name,
        )
        people = db.session.scalars(sa.select(Employee.id).where(Employee.status == EmployeeStatus.active))
        db.session.add_all(
            Notice(
                kind=NoticeKind.announcement,
                recipient_id=id_,
                text_zh=words.zh,
                text_en=words.en,
                object_type="incentive_fraud",
                object_id=fraud.id,
            )
            for id_ in people
        )


INCENTIVE_MONTH = Machine(
    IncentiveMonth,
    first="draft",
    moves=(
        moves(
            "recalculate",
            "draft returned rejected withdrawn",
            "draft",
            Words("重新计算", "Compute anew"),
            act=Act.run,
            before=(incentives.recalculate,),
        ),
        *decided(submit_checks=("incentives_calculated",)),
        moves(
            "hand_over",
            "approved",
            "exported",
            Words("交薪酬发放", "Hand to payroll"),
            act=Act.take_out,
            then=(incentives.hand_over,),
            tone="ok",
        ),
    ),
    closed=("approved", "rejected", "withdrawn", "exported"),
)

INCENTIVE_FRAUD = Machine(
    IncentiveFraud,
    first="draft",
    moves=decided(
        submit_checks=("fraud_of_a_seller",),
        on_approve=(decision_stands, make_public),
        on_reject=(decision_stands,),
    ),
    closed=("approved", "rejected", "withdrawn"),
)

Subject(IncentiveMonth)
Subject(IncentiveFraud, parties=("owner_id", "seller_id"), related=("customer",))
