"""What every record carries: who made and changed it, the recycle bin, extra fields, the switch of configuration."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.columns import FlagOn, MomentType, TakesFields, field, now


class Stamped:
    """Who made a row and who changed it last, and its lock number (filled by `services.audit`)."""

    created_at: Mapped[datetime] = field(MomentType, zh="创建时间", en="Created", edit=False, default=now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    changed_at: Mapped[datetime] = field(MomentType, zh="修改时间", en="Changed", edit=False, default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    version_no: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 (a class is asked, not a row)
        return {"version_id_col": cls.version_no}


class Binned:
    """A business row is never deleted at once: it goes to the recycle bin."""

    deleted_at: Mapped[datetime | None] = mapped_column(MomentType)
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))


EXTRA = "extra."
"""What the attribute of an extra field begins with."""


class Extended(TakesFields):
    """A business row takes fields an administrator adds: their values as text, by key (R15).

    They are attributes named `extra.<key>`; nobody but `services.extras` touches `extra`.
    """

    extra_prefix = EXTRA
    extra: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))


class Switched:
    """A configuration row is switched off, not deleted: what used it stays readable."""

    active: Mapped[FlagOn] = field(zh="启用", en="In use", listed=True)
