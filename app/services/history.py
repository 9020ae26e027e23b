"""Reading what happened to a record from the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, or_, select

from app.extensions import db
from app.models import AuditLog, Employee, RecordMerge


def lines_of(model: type[Any], id_: int, most: int) -> list[tuple[AuditLog, str]]:
    """The newest lines about a record and what was merged into it, with who did it. The record was found first."""
    rows = db.session.execute(
        select(AuditLog, Employee.name)
        .outerjoin(Employee, Employee.id == AuditLog.person_id)
        .where(_is_of(model, id_))
        .order_by(AuditLog.id.desc())
        .limit(most)
    )
    return [(line, name or "") for line, name in rows]


def count_of(model: type[Any], id_: int) -> ScalarSelect[int]:
    """How many lines there are about a record, to be read with more."""
    return select(func.count(AuditLog.id)).where(_is_of(model, id_)).scalar_subquery()


def _is_of(model: type[Any], id_: int) -> ColumnElement[bool]:
    merged = select(RecordMerge.merged_id).where(
        RecordMerge.object_type == model.__tablename__,
        RecordMerge.kept_id == id_,
        RecordMerge.undone_at.is_(None),
    )
    is_of_it = or_(AuditLog.object_id == id_, AuditLog.object_id.in_(merged))
    return and_(AuditLog.object_type == model.__tablename__, is_of_it)
