"""Customers: the customer file, contacts, classifications and the classes they stand in."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Choice,
    Code,
    Flag,
    Id,
    Long,
    MoneyType,
    QuantityType,
    Rows,
    Short,
    WordsType,
    belongs_to,
    field,
    new_uid,
    one_of,
    rule,
    sealed,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped, Switched
from app.words import Words

if TYPE_CHECKING:
    from app.schema.configuration import Lookup
    from app.schema.people import Employee, OrgUnit


class PartyType(Choice):
    """What a customer is in law and in trade."""

    company = enum.auto(), "企业", "Company"
    individual = enum.auto(), "个人", "Individual"
    dealer = enum.auto(), "经销商", "Dealer"
    farm = enum.auto(), "种植户", "Grower"
    institution = enum.auto(), "机构", "Institution"


class Lifecycle(Choice):
    """Where a customer stands (SM-01)."""

    prospect = enum.auto(), "潜在", "Prospect"
    applicant = enum.auto(), "准入中", "Applicant", "run"
    active = enum.auto(), "合作中", "Active", "ok"
    dormant = enum.auto(), "休眠", "Dormant"
    suspended = enum.auto(), "暂停", "Suspended", "bad"
    ended = enum.auto(), "已终止", "Ended", "end"
    anonymised = enum.auto(), "已匿名", "Anonymised", "end"


class Customer(Stamped, Binned, Extended, Model):
    """A customer or prospect. `status` follows SM-01 and is moved by the machine alone."""

    __tablename__ = "customer"
    __label__ = "客户", "Customers"
    __rows__ = Rows.owned
    __title__ = ("name",)
    __twins__ = (("name",), ("phone",))
    __sections__ = (
        ("code", "基本信息", "Basic information"),
        ("credit_code", "登记与经营", "Registration and business"),
        ("address", "联系方式", "How to reach them"),
        ("credit_limit", "合作", "Cooperation"),
    )
    __table_args__ = (
        unique("uq_customer_code", "code", zh="客户代码已存在。", en="This customer code is in use."),
        unique(
            "uq_customer_credit_code",
            "credit_code",
            zh="统一社会信用代码已属于另一客户。",
            en="This credit code belongs to another customer.",
        ),
        rule("name_given", "length(name) > 0", zh="请填写客户名称。", en="A customer needs a name."),
        rule(
            "active_has_code",
            "status NOT IN ('active', 'dormant', 'suspended') OR code IS NOT NULL",
            zh="合作中的客户必须有客户代码。",
            en="An active customer must have its code.",
        ),
        Index("ix_customer_scope", "org_unit_id", "id"),
        Index("ix_customer_reach", "id", "org_unit_id", "owner_id", "deleted_at"),
    )

    id: Mapped[Id]
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    code: Mapped[str | None] = field(
        String(60), zh="客户代码", en="Customer code", edit=False, listed=True, sort=True, search=True
    )
    name: Mapped[Short] = field(zh="客户名称", en="Customer name", listed=True, sort=True, search=True)
    short_name: Mapped[Short | None] = field(zh="简称", en="Short name", search=True)
    party_type: Mapped[PartyType] = field(
        one_of(PartyType), zh="客户类型", en="Kind of party", default=PartyType.company
    )
    status: Mapped[Lifecycle] = field(
        one_of(Lifecycle),
        zh="状态",
        en="Status",
        edit=False,
        listed=True,
        default=Lifecycle.prospect,
        index=True,
    )
    is_key: Mapped[Flag] = field(zh="重点客户", en="Key customer", listed=True)
    grade: Mapped[str | None] = field(String(20), zh="等级", en="Grade", edit=False, listed=True, index=True)
    grade_reason: Mapped[Words | None] = field(WordsType, zh="等级依据", en="Reason of the grade", edit=False)
    credit_code: Mapped[str | None] = field(
        String(18), zh="统一社会信用代码", en="Unified social credit code", search=True, form="credit_code"
    )
    legal_representative: Mapped[Short | None] = field(zh="法定代表人", en="Legal representative")
    registered_capital: Mapped[Short | None] = field(zh="注册资本", en="Registered capital")
    established_on: Mapped[date | None] = field(Date, zh="成立日期", en="Established on")
    industry_id: Mapped[int | None] = belongs_to("lookup.id", zh="所属行业", en="Industry", lookup="industry")
    region_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="所在地区", en="Region", lookup="region", listed=True
    )
    size_id: Mapped[int | None] = belongs_to("lookup.id", zh="企业规模", en="Size", lookup="size")
    source_channel_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="来源渠道", en="Source", lookup="source_channel"
    )
    payment_method_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="付款方式", en="Payment method", lookup="payment_method"
    )
    address: Mapped[Short | None] = field(zh="注册地址", en="Registered address")
    phone = sealed(zh="联系电话", en="Phone", form="phone")
    email = sealed(zh="电子邮箱", en="E-mail", form="email")
    website: Mapped[Short | None] = field(zh="网站", en="Website")
    business_scope: Mapped[Long | None] = field(zh="经营范围", en="Business scope")
    credit_limit: Mapped[Decimal | None] = field(
        MoneyType,
        zh="信用额度",
        en="Credit limit",
        confidential=True,
        help_zh="0 表示不赊销；空表示不限",
        help_en="0: nothing on account; empty: no limit",
    )
    reviewed_on: Mapped[date | None] = field(Date, zh="档案复核日期", en="File reviewed on")
    referrer_id: Mapped[int | None] = belongs_to("customer.id", zh="介绍客户", en="Referred by")
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="客户经理", en="Account manager", listed=True)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)
    admitted_on: Mapped[date | None] = field(Date, zh="准入日期", en="Admitted on", edit=False)
    first_order_on: Mapped[date | None] = field(Date, zh="首次下单", en="First order", edit=False)
    last_order_on: Mapped[date | None] = field(Date, zh="最近下单", en="Last order", edit=False, sort=True)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)

    industry: Mapped[Lookup | None] = relationship(foreign_keys="Customer.industry_id")
    region: Mapped[Lookup | None] = relationship(foreign_keys="Customer.region_id")
    size: Mapped[Lookup | None] = relationship(foreign_keys="Customer.size_id")
    source_channel: Mapped[Lookup | None] = relationship(foreign_keys="Customer.source_channel_id")
    payment_method: Mapped[Lookup | None] = relationship(foreign_keys="Customer.payment_method_id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Customer.owner_id")
    referrer: Mapped[Customer | None] = relationship(
        foreign_keys="Customer.referrer_id", remote_side="Customer.id"
    )
    org_unit: Mapped[OrgUnit | None] = relationship(foreign_keys="Customer.org_unit_id")


class CustomerInfo(Model):
    """A former or present value of an extra field that keeps its history, as it was recorded."""

    __tablename__ = "customer_info"
    __label__ = "档案取值", "Values of the file"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __part__ = True
    __table_args__ = (Index("ix_customer_info_item", "customer_id", "info_item_id", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", index=False)
    info_item_id: Mapped[int] = belongs_to("info_item.id", zh="字段", en="Field", ondelete="CASCADE")
    value: Mapped[Long | None] = field(zh="取值", en="Value")
    as_of: Mapped[date] = field(Date, zh="日期", en="As of")
    source: Mapped[Short | None] = field(zh="来源", en="Source")
    recorded_by_id: Mapped[int | None] = belongs_to("employee.id", zh="记录人", en="Recorded by")


class ContactRole(Choice):
    """What a person is at the customer."""

    legal_rep = enum.auto(), "法定代表人", "Legal representative"
    principal = enum.auto(), "负责人", "Person in charge"
    purchasing = enum.auto(), "采购", "Purchasing"
    technical = enum.auto(), "技术", "Technical"
    finance = enum.auto(), "财务", "Finance"
    other = enum.auto(), "其他", "Other"


class Contact(Stamped, Binned, Extended, Model):
    """A person at a customer; phone and mail are sealed."""

    __tablename__ = "contact"
    __label__ = "联系人", "Contacts"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __title__ = ("name",)
    __twins__ = (("phone",), ("email",), ("customer_id", "name"))

    id: Mapped[Id]
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    name: Mapped[Short] = field(zh="姓名", en="Name", listed=True, sort=True, search=True)
    role: Mapped[ContactRole] = field(
        one_of(ContactRole), zh="角色", en="Role", listed=True, default=ContactRole.other
    )
    title: Mapped[Short | None] = field(zh="职务", en="Title", listed=True)
    phone = sealed(zh="手机", en="Mobile", form="phone")
    email = sealed(zh="邮箱", en="E-mail", form="email")
    birthday: Mapped[date | None] = field(Date, zh="生日", en="Birthday")
    preferences: Mapped[Long | None] = field(zh="偏好", en="Preferences")
    is_primary: Mapped[Flag] = field(zh="首要联系人", en="Primary contact", listed=True)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")

    customer: Mapped[Customer] = relationship()


class AssignMode(Choice):
    """How a class comes to a customer."""

    manual = enum.auto(), "人工", "By hand"
    evaluation = enum.auto(), "评价", "By evaluation"
    approval = enum.auto(), "审批", "By approval"


class ClassificationScheme(Stamped, Switched, Model):
    """A way of sorting customers, such as the key-customer tier."""

    __tablename__ = "classification_scheme"
    __label__ = "分类方案", "Classification schemes"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique(
            "uq_classification_scheme_code", "code", zh="方案编号已存在。", en="This scheme code is in use."
        ),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    assign_mode: Mapped[AssignMode] = field(
        one_of(AssignMode), zh="赋值方式", en="Assigned", listed=True, default=AssignMode.manual
    )


class ClassificationValue(Stamped, Switched, Model):
    """One class of a scheme."""

    __tablename__ = "classification_value"
    __label__ = "分类等级", "Classes"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique(
            "uq_classification_value_code",
            "scheme_id",
            "code",
            zh="同方案中编号已存在。",
            en="This code is in use in its scheme.",
        ),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = belongs_to("classification_scheme.id", zh="方案", en="Scheme", listed=True)
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    rank: Mapped[int] = field(Integer, zh="级次", en="Rank", listed=True, default=0)
    definition: Mapped[Long | None] = field(zh="定义", en="Definition")

    scheme: Mapped[ClassificationScheme] = relationship()


class PolicyKey(Choice):
    """What a class of customers is treated by (C-21); a duty is a least number, a ceiling a largest one."""

    visits = enum.auto(), "每年走访次数下限", "Least visits a year"
    talks = enum.auto(), "每月面谈次数下限", "Least face-to-face talks a month"
    discount = enum.auto(), "优惠上限（%）", "Largest discount (%)"
    credit = enum.auto(), "信用额度上限（元）", "Largest credit (CNY)"
    payment_days = enum.auto(), "账期上限（天）", "Longest payment term (days)"
    risk_on_fall = enum.auto(), "降至本级时立风险（下降级数）", "Risk case on a fall to it (grades fallen)"
    improvement_days = enum.auto(), "评为本级后限期改进（天）", "Improvement task when graded so (days)"


class ValuePolicy(Stamped, Model):
    """How customers of one class are treated: one number each. What is not said, a class leaves open."""

    __tablename__ = "value_policy"
    __label__ = "分级管理要求", "Treatment of classes"
    __rows__ = Rows.shared
    __title__ = ("policy_key",)
    __table_args__ = (
        unique(
            "uq_value_policy_key",
            "value_id",
            "policy_key",
            zh="该等级已有此项要求。",
            en="The class has this treatment already.",
        ),
        rule("not_negative", "number >= 0", zh="数值不能为负。", en="The number cannot be negative."),
        rule(
            "share_of_a_hundred",
            "policy_key <> 'discount' OR number <= 100000",
            zh="优惠不能超过 100 %。",
            en="A discount is at most 100 %.",
        ),
    )

    id: Mapped[Id]
    value_id: Mapped[int] = belongs_to(
        "classification_value.id", zh="等级", en="Class", listed=True, index=False
    )
    policy_key: Mapped[PolicyKey] = field(one_of(PolicyKey), zh="要求", en="Treatment", listed=True)
    number: Mapped[Decimal] = field(QuantityType, zh="数值", en="Number", listed=True)
    article: Mapped[Short | None] = field(zh="依据", en="Basis", listed=True)

    value: Mapped[ClassificationValue] = relationship()


class CustomerClassification(Stamped, Model):
    """A class a customer holds or held; the open one has no `valid_to`."""

    __tablename__ = "customer_classification"
    __label__ = "客户分类", "Customer classes"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __table_args__ = (
        Index(
            "uq_customer_classification_open",
            "customer_id",
            "scheme_id",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
        rule(
            "dates_in_order",
            "valid_to IS NULL OR valid_to >= valid_from",
            zh="结束日期不能早于开始日期。",
            en="The end cannot come before the start.",
        ),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    scheme_id: Mapped[int] = belongs_to("classification_scheme.id", zh="方案", en="Scheme", listed=True)
    value_id: Mapped[int] = belongs_to("classification_value.id", zh="等级", en="Class", listed=True)
    valid_from: Mapped[date] = field(Date, zh="开始日期", en="From", listed=True)
    valid_to: Mapped[date | None] = field(Date, zh="结束日期", en="Until", listed=True)
    reason: Mapped[Long | None] = field(zh="原因", en="Reason", listed=True)
    eval_run_id: Mapped[int | None] = mapped_column(ForeignKey("eval_run.id"), index=True)

    customer: Mapped[Customer] = relationship()
    scheme: Mapped[ClassificationScheme] = relationship()
    value: Mapped[ClassificationValue] = relationship()
