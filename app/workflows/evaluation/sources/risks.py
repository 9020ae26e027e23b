"""Risks with customers, by the day they were identified."""

from __future__ import annotations

from app.models import Risk, RiskKind
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, day, key, number, owned, table_of, text, truth

RISK = table_of(Risk).alias("risk_row")

SOURCE = Source(
    name="risks",
    words=Words("客户风险", "Risks"),
    table=RISK,
    **owned(RISK),
    time=RISK.c.identified_on,
    columns=(
        key("risk", RISK.c.id, "风险", "Risk"),
        closed("kind", RISK.c.kind, RiskKind, "类型", "Kind"),
        text("description", RISK.c.description, "说明", "Description"),
        number("likelihood", RISK.c.likelihood, "可能性", "Likelihood"),
        number("impact", RISK.c.impact, "影响", "Impact"),
        day("identified_on", RISK.c.identified_on, "识别日期", "Identified on"),
        day("closed_on", RISK.c.closed_on, "解除日期", "Closed on"),
        truth("is_open", RISK.c.closed_on.is_(None), "未解除", "Open"),
    ),
    stands=RISK.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("kind", "description", "likelihood", "impact"),
)
