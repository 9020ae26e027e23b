"""Configuration: lookups, parameters, saved views, the calendar, number series, what packs loaded."""

from __future__ import annotations

import enum
from datetime import date

from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import (
    Big,
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


class ViewPin(Model):
    """Who keeps a view at hand, on the tabs of its list; the others stand in a menu beside them."""

    __tablename__ = "view_pin"
    __rows__ = Rows.inner

    view_id: Mapped[int] = mapped_column(ForeignKey("saved_view.id", ondelete="CASCADE"), primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True, index=True)


class ItemType(Choice):
    """What an extra field holds."""

    text = enum.auto(), "文本", "Text"
    long = enum.auto(), "多行文本", "Long text"
    number = enum.auto(), "数字", "Number"
    money = enum.auto(), "金额", "Amount"
    date = enum.auto(), "日期", "Date"
    flag = enum.auto(), "是/否", "Yes or no"
    choice = enum.auto(), "单选", "One choice"
    choices = enum.auto(), "多选", "Several choices"
    person = enum.auto(), "人员", "Person"
    relation = enum.auto(), "关联记录", "Related record"
    file = enum.auto(), "文件", "File"
    computed = enum.auto(), "计算值", "Computed"


class ItemCategory(Choice):
    """Where an extra field stands on pages and forms."""

    basic = enum.auto(), "基本信息", "Basic information"
    qualification = enum.auto(), "资质信息", "Qualification"
    operating = enum.auto(), "经营信息", "Operation"
    capability = enum.auto(), "能力信息", "Capability"
    demand = enum.auto(), "需求信息", "Demand"
    cooperation = enum.auto(), "合作信息", "Dealings"
    other = enum.auto(), "其他信息", "Other information"


class Sensitivity(Choice):
    """Who sees a value: whoever sees the record, or only who may see confidential fields."""

    normal = enum.auto(), "普通", "Normal"
    confidential = enum.auto(), "保密", "Confidential", "warn"


class InfoItem(Stamped, Switched, Model):
    """A field an administrator added to a record type: an item of the customer file, or of any other record (R15)."""

    __tablename__ = "info_item"
    __label__ = "扩展字段", "Extra fields"
    __rows__ = Rows.shared
    __title__ = "label_zh", "label_en"
    __sections__ = (
        ("object_type", "字段", "The field"),
        ("choices", "取值", "What it holds"),
        ("category", "位置与要求", "Place and demands"),
        ("sensitivity", "谁可以看和改", "Who sees and writes it"),
    )
    __table_args__ = (
        unique(
            "uq_info_item_key",
            "object_type",
            "key",
            zh="该记录类型已有此编号的字段。",
            en="This record type has a field of this code.",
        ),
    )

    id: Mapped[Id]
    object_type: Mapped[Code] = field(zh="记录类型", en="Record type", listed=True, sort=True)
    key: Mapped[str] = field(
        String(40),
        zh="编号",
        en="Code",
        listed=True,
        help_zh="小写字母、数字和下划线；保存后不再改变",
        help_en="Lower-case letters, digits and underscores; it never changes",
    )
    label_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    label_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    data_type: Mapped[ItemType] = field(
        one_of(ItemType), zh="类型", en="Kind", listed=True, default=ItemType.text
    )
    help_zh: Mapped[Short | None] = field(zh="填写说明", en="Explanation in Chinese")
    help_en: Mapped[Short | None] = field(zh="英文说明", en="Explanation in English")
    choices: Mapped[Long | None] = field(
        zh="选项",
        en="Choices",
        help_zh="每行一个：中文 | 英文；单选和多选用",
        help_en="One a line: Chinese | English; for one choice and several",
    )
    target: Mapped[Code | None] = field(
        zh="关联的记录类型", en="Related record type", help_zh="关联记录用", help_en="For a related record"
    )
    formula: Mapped[Long | None] = field(
        zh="公式", en="Formula", help_zh="计算值用：以字段编号书写的公式", help_en="For a computed value"
    )
    category: Mapped[ItemCategory] = field(
        one_of(ItemCategory), zh="位置", en="Place", listed=True, default=ItemCategory.other
    )
    position: Mapped[int] = field(Integer, zh="顺序", en="Order", default=0)
    shown_in_list: Mapped[Flag] = field(zh="显示在列表", en="Shown in lists")
    required: Mapped[Flag] = field(zh="必填", en="Required", listed=True)
    required_if: Mapped[Long | None] = field(
        zh="必填条件", en="Required if", help_zh="以字段编号书写的条件", help_en="Such as is_key = true"
    )
    visible_if: Mapped[Long | None] = field(
        zh="显示条件", en="Shown if", help_zh="以字段编号书写的条件", help_en="Such as is_key = true"
    )
    required_at_stage: Mapped[Code | None] = field(
        zh="从哪个阶段起计入完整度",
        en="Counted from stage",
        help_zh="记录的状态编号",
        help_en="The code of a status, such as active",
    )
    fresh_days: Mapped[int | None] = field(
        Integer,
        zh="有效天数",
        en="Fresh for (days)",
        help_zh="超过即提示更新",
        help_en="Older values are marked",
    )
    keeps_history: Mapped[Flag] = field(zh="保留历次取值", en="Keeps former values")
    sensitivity: Mapped[Sensitivity] = field(
        one_of(Sensitivity), zh="敏感程度", en="Sensitivity", default=Sensitivity.normal
    )
    read_role_id: Mapped[int | None] = belongs_to(
        "ab_role.id", zh="仅此角色可见", en="Seen by this role alone"
    )
    edit_role_id: Mapped[int | None] = belongs_to(
        "ab_role.id", zh="仅此角色可改", en="Written by this role alone"
    )


class ExtraIndex(Model):
    """What extra fields are filtered and sorted by: a mirror of `extra`, kept by the same writer (R15)."""

    __tablename__ = "extra_index"
    __rows__ = Rows.inner
    __table_args__ = (
        Index("ix_extra_index_int", "info_item_id", "int_key"),
        Index("ix_extra_index_text", "info_item_id", "text_key"),
        Index("ix_extra_index_object", "info_item_id", "object_id"),
    )

    id: Mapped[Id]
    info_item_id: Mapped[int] = mapped_column(ForeignKey("info_item.id", ondelete="CASCADE"))
    object_id: Mapped[int] = mapped_column(Integer)
    int_key: Mapped[Big | None]
    text_key: Mapped[Short | None]


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
