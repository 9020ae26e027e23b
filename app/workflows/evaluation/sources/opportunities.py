"""Chances to win customers and orders, by the day they were closed."""

from __future__ import annotations

from app.models import ChanceStatus, Opportunity
from app.words import Words
from app.workflows.evaluation.dialects import company_day
from app.workflows.evaluation.sources import (
    Source,
    closed,
    day,
    key,
    moment,
    money,
    owned,
    rate,
    table_of,
    text,
)

CHANCE = table_of(Opportunity).alias("chance")

SOURCE = Source(
    name="opportunities",
    words=Words("商机", "Opportunities"),
    table=CHANCE,
    **owned(CHANCE),
    time=CHANCE.c.closed_on,
    columns=(
        key("opportunity", CHANCE.c.id, "商机", "Opportunity"),
        key("stage", CHANCE.c.stage_id, "阶段", "Stage"),
        text("name", CHANCE.c.name, "名称", "Name"),
        closed("outcome", CHANCE.c.outcome, ChanceStatus, "结果", "Outcome"),
        money("expected_amount", CHANCE.c.expected_amount, "预计金额", "Expected amount"),
        rate("probability", CHANCE.c.probability, "成交概率", "Probability"),
        moment("stage_since", CHANCE.c.stage_since, "进入阶段时间", "In stage since"),
        day("stage_on", company_day(CHANCE.c.stage_since), "进入阶段日期", "In stage from"),
        moment("made_at", CHANCE.c.created_at, "创建时间", "Entered at"),
        day("closed_on", CHANCE.c.closed_on, "结束日期", "Closed on"),
    ),
    stands=CHANCE.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("name", "outcome", "expected_amount", "closed_on"),
)
