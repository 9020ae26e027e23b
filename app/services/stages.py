"""The stages a chance went through: written at every change, however it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.columns import now
from app.extensions import Model
from app.models import ChanceStatus, Lookup, Opportunity, OpportunityStage
from app.services import access

KEPT = "stage_changes"


STAGE, LOOKUP = (Model.metadata.tables[model.__tablename__] for model in (OpportunityStage, Lookup))


@event.listens_for(Session, "before_flush", insert=True)
def _notice(session: Session, _context: Any, _instances: Any) -> None:
    """A chance that changes its stage is in the new one from now on."""
    changed = list(_changed([*session.new, *session.dirty]))
    for chance, was_there in changed:
        if was_there and _history(chance, "stage_id").has_changes():
            chance.stage_since = now()
    session.info.setdefault(KEPT, []).extend(chance for chance, _ in changed)


def _changed(rows: list[Any]) -> Iterator[tuple[Opportunity, bool]]:
    for row in rows:
        if isinstance(row, Opportunity):
            names = ("stage_id", "outcome")
            if any(_history(row, name).has_changes() for name in names):
                yield row, bool(sa.inspect(row).persistent)


def _history(row: Any, name: str) -> Any:
    return sa.inspect(row).attrs[name].history


@event.listens_for(Session, "after_flush")
def _write(session: Session, _context: Any) -> None:
    """Close the stage it was in and open the one it is in; a chance that is closed is in none."""
    if changed := session.info.pop(KEPT, []):
        with access.acting(access.SYSTEM):  # a rule of the house: the chances were asked for
            for chance in changed:
                _follow(session.connection(), chance)


def _follow(connection: sa.Connection, chance: Opportunity) -> None:
    is_open = chance.outcome is ChanceStatus.open
    held = connection.execute(
        sa.select(STAGE.c.id, STAGE.c.stage_id).where(
            STAGE.c.opportunity_id == chance.id, STAGE.c.left_at.is_(None)
        )
    ).first()
    if held is not None and (not is_open or held.stage_id != chance.stage_id):
        forward = chance.outcome is ChanceStatus.won or (
            is_open and _place(connection, chance.stage_id) > _place(connection, held.stage_id)
        )
        left = sa.update(STAGE).where(STAGE.c.id == held.id).values(left_at=now(), forward=forward)
        connection.execute(left)
        held = None
    if held is None and is_open and chance.stage_id is not None:
        connection.execute(
            sa.insert(STAGE).values(
                opportunity_id=chance.id,
                stage_id=chance.stage_id,
                entered_at=chance.stage_since,
                forward=False,
            )
        )


def _place(connection: sa.Connection, stage_id: int | None) -> int:
    """Where a stage stands in the pipeline."""
    if stage_id is None:
        return -1
    return connection.execute(sa.select(LOOKUP.c.position).where(LOOKUP.c.id == stage_id)).scalar() or 0
