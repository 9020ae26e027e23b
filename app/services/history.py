"""Reading what happened to a record from the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.models import AuditLog, Employee


def lines_of(model: type[Any], id_: int, most: int) -> list[tuple[AuditLog, str]]:
    """The newest lines about a record, with the name of who did it. Whoever asks has found the record first."""
    rows = db.session.execute(
        select(AuditLog, Employee.name)
        .outerjoin(Employee, Employee.id == AuditLog.person_id)
        .where(AuditLog.object_type == model.__tablename__, AuditLog.object_id == id_)
        .order_by(AuditLog.id.desc())
        .limit(most)
    )
    return [(line, name or "") for line, name in rows]
