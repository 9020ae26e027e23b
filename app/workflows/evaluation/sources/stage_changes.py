"""Stages chances entered, by the moment they entered them, and whether they left them forward."""

from __future__ import annotations

from app.models import Lookup, Opportunity, OpportunityStage
from app.words import Words
from app.workflows.evaluation.sources import (
    Join,
    Source,
    key,
    moment,
    owned,
    table_of,
    text,
    truth,
)

ENTERED = table_of(OpportunityStage).alias("entered_stage")
CHANCE = table_of(Opportunity).alias("staged_chance")
STAGE = table_of(Lookup).alias("stage_of_pipeline")
OWNED = owned(CHANCE, after="chance", customer=CHANCE.c.customer_id)

SOURCE = Source(
    name="stage_changes",
    words=Words("商机阶段", "Stages of chances"),
    table=ENTERED,
    subjects=OWNED["subjects"],
    via={**OWNED["via"], "customer": "chance"},
    time=ENTERED.c.entered_at,
    columns=(
        key("opportunity", ENTERED.c.opportunity_id, "商机", "Chance"),
        text("name", CHANCE.c.name, "商机名称", "Name", "chance"),
        text("stage", STAGE.c.code, "阶段", "Stage", "stage"),
        moment("left_at", ENTERED.c.left_at, "离开时间", "Left"),
        truth("is_forward", ENTERED.c.forward, "向前推进", "Left forward"),
    ),
    joins={
        **OWNED["joins"],
        "chance": Join(CHANCE, CHANCE.c.id == ENTERED.c.opportunity_id),
        "stage": Join(STAGE, STAGE.c.id == ENTERED.c.stage_id),
    },
    stands=ENTERED.c.opportunity_id.in_(
        table_of(Opportunity)
        .select()
        .with_only_columns(table_of(Opportunity).c.id)
        .where(table_of(Opportunity).c.deleted_at.is_(None))
    ),
    fallen=Words("商机在回收站中", "the chance is in the bin"),
    shown=("name", "stage", "left_at", "is_forward"),
)
