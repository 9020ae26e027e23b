"""Customers asked how content they are, by the moment they were asked."""

from __future__ import annotations

from app.models import Customer, SurveyAnswer, SurveyKind
from app.words import Words
from app.workflows.evaluation.sources import (
    Join,
    Source,
    closed,
    key,
    moment,
    owned,
    points,
    table_of,
    text,
    truth,
)

ANSWER = table_of(SurveyAnswer).alias("answer")
ASKED = table_of(Customer).alias("asked")
OWNED = owned(ASKED, after="asked", customer=ANSWER.c.customer_id, owner=ANSWER.c.employee_id)

SOURCE = Source(
    name="survey_answers",
    words=Words("满意度答卷", "Survey answers"),
    table=ANSWER,
    subjects=OWNED["subjects"],
    via=OWNED["via"],
    joins={**OWNED["joins"], "asked": Join(ASKED, ASKED.c.id == ANSWER.c.customer_id)},
    time=ANSWER.c.invited_at,
    columns=(
        key("answer", ANSWER.c.id, "答卷", "Answer"),
        key("customer", ANSWER.c.customer_id, "客户", "Customer"),
        closed("kind", ANSWER.c.kind, SurveyKind, "调查内容", "About"),
        moment("invited_at", ANSWER.c.invited_at, "发放时间", "Sent"),
        moment("answered_at", ANSWER.c.answered_at, "答复时间", "Answered"),
        truth("is_answered", ANSWER.c.answered_at.is_not(None), "已答复", "Answered already"),
        points("score", ANSWER.c.score, "满意度", "Satisfaction"),
        text("opinion", ANSWER.c.opinion, "意见", "Opinion"),
    ),
    stands=ANSWER.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("kind", "score", "opinion"),
)
