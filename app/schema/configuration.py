"""Configuration: lookups, parameters, saved views, the calendar, number series, what packs loaded."""

from __future__ import annotations

import enum
from datetime import date

from sqlalchemy import Date, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Long,
    Moment,
    Rows,
    Short,
    belongs_to,
    field,
    now,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Stamped, Switched


class Lookup(Stamped, Switched, Model):
    """A value of a code list an administrator may extend."""

    __tablename__ = "lookup"
    __label__ = "代码表", "Code lists"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique(
            "uq_lookup_category_code",
            "category",
            "code",
            zh="同类中编号已存在。",
            en="This code is in use in its list.",
        ),
    )

    id: Mapped[Id]
    category: Mapped[Code] = field(zh="类别", en="List", listed=True, sort=True, search=True)
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    parent_id: Mapped[int | None] = belongs_to("lookup.id", zh="上级", en="Parent")
    position: Mapped[int] = field(Integer, zh="顺序", en="Order", default=0)


class Parameter(Stamped, Model):
    """A named value a policy leaves to the company, such as the dormant days of a customer."""

    __tablename__ = "parameter"
    __label__ = "参数", "Parameters"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (unique("uq_parameter_key", "key", zh="参数已存在。", en="This parameter exists."),)

    id: Mapped[Id]
    key: Mapped[Code] = field(zh="键", en="Key", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    value: Mapped[Short] = field(zh="值", en="Value", listed=True)
    unit: Mapped[str | None] = field(
        String(10),
        zh="单位",
        en="Unit",
        listed=True,
        help_zh="wd、wh 按工作日历，d、mo 按自然日",
        help_en="wd, wh: working calendar; d, mo: calendar",
    )
    article: Mapped[Short | None] = field(zh="依据", en="Basis")


class Audience(Choice):
    """For whom a saved view is."""

    mine = enum.auto(), "仅自己", "Only me"
    role = enum.auto(), "同角色的人", "Everybody of a role"
    everybody = enum.auto(), "所有人", "Everybody"


class SavedView(Stamped, Model):
    """A list as somebody likes it: conditions, order and columns, kept as the arguments of its address."""

    __tablename__ = "saved_view"
    __label__ = "视图", "Saved views"
    __rows__ = Rows.inner
    __title__ = ("name",)
    __table_args__ = (
        Index("ix_saved_view_resource", "resource", "audience"),
        rule(
            "role_named",
            "(audience = 'role') = (role_id IS NOT NULL)",
            zh="请选择角色。",
            en="Choose the role.",
        ),
    )

    id: Mapped[Id]
    resource: Mapped[Code]
    name: Mapped[str] = field(String(60), zh="视图名称", en="Name of the view")
    query: Mapped[Long]
    owner_id: Mapped[int] = belongs_to("employee.id", zh="创建人", en="Made by", edit=False)
    audience: Mapped[Audience] = field(one_of(Audience), zh="可见范围", en="For whom", default=Audience.mine)
    role_id: Mapped[int | None] = belongs_to("ab_role.id", zh="角色", en="Role")
    is_default: Mapped[Flag] = field(zh="默认打开", en="Open by default")


class WorkingDay(Model):
    """A day the company's calendar treats otherwise than the public calendar does."""

    __tablename__ = "working_day"
    __label__ = "工作日调整", "Calendar exceptions"
    __rows__ = Rows.shared
    __title__ = ("on",)
    __table_args__ = (
        unique("uq_working_day_on", "on", zh="该日期已有设置。", en="This day is already set."),
    )

    id: Mapped[Id]
    on: Mapped[date] = field(Date, zh="日期", en="Day", listed=True)
    is_working: Mapped[Flag] = field(zh="上班", en="Working day", listed=True)
    note: Mapped[Short | None] = field(zh="说明", en="Note", listed=True)


class NumberSeries(Model):
    """The last number given of a kind in a scope and year; taken as the last write before the commit (R23)."""

    __tablename__ = "number_series"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_number_series_kind", "kind", "scope", "year", zh="序列已存在。", en="This series exists."),
    )

    id: Mapped[Id]
    kind: Mapped[Code]
    scope: Mapped[Code] = mapped_column(default="")
    year: Mapped[int] = mapped_column(Integer, default=0)
    last: Mapped[int] = mapped_column(Integer, default=0)


class PackEntry(Model):
    """What a pack loaded and what it looked like then, so that an upgrade keeps what an administrator changed."""

    __tablename__ = "pack_entry"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_pack_entry_code", "pack", "kind", "code", zh="条目已存在。", en="This entry exists."),
    )

    id: Mapped[Id]
    pack: Mapped[Code]
    kind: Mapped[Code]
    code: Mapped[Short]
    loaded_hash: Mapped[str] = mapped_column(String(64))
    loaded_at: Mapped[Moment] = mapped_column(default=now)
