"""Talks with customers, by the moment they took place."""

from __future__ import annotations

from app.models import Channel, Interaction
from app.words import Words
from app.workflows.evaluation.sources import Source, closed, key, owned, table_of, text, truth

TALK = table_of(Interaction).alias("talk")

SOURCE = Source(
    name="interactions",
    words=Words("沟通记录", "Interactions"),
    table=TALK,
    **owned(TALK),
    time=TALK.c.occurred_at,
    columns=(
        key("interaction", TALK.c.id, "沟通", "Interaction"),
        key("customer", TALK.c.customer_id, "客户", "Customer"),
        closed("channel", TALK.c.channel, Channel, "方式", "Channel"),
        truth(
            "is_face_to_face",
            TALK.c.channel.in_([Channel.meeting, Channel.reception]),
            "面对面",
            "Face to face",
        ),
        text("content", TALK.c.content, "内容", "Content"),
    ),
    stands=TALK.c.deleted_at.is_(None),
    fallen=Words("在回收站中", "in the bin"),
    shown=("channel", "content"),
)
