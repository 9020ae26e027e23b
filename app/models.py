"""The whole schema, in reading order: declarations only.

What a row is, what its fields are called in both languages, and which rules the database keeps. No behaviour here.

To add a field: one line in its table, then `make migration`. It appears in list, page, form, filter, import
template, API and audit with its label. To add a record type: a table here, its view in `app/views/`, its grants in
`app/packs/base/roles.yaml`.

Areas: people and organisation · configuration · customers · products and trade · admission and contracts ·
visits, service and tasks · files, imports · approvals · evaluation · accounts, jobs and the record of what happened.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from app.columns import (
    Big,
    Choice,
    Code,
    Day,
    Flag,
    FlagOn,
    Id,
    Json,
    Long,
    Moment,
    MomentType,
    MoneyType,
    PointsType,
    QuantityType,
    RateType,
    Rows,
    Short,
    WordsType,
    belongs_to,
    field,
    new_uid,
    now,
    one_of,
    rule,
    sealed,
    unique,
)
from app.extensions import Model
from app.roles import Act, Reach
from app.words import Words

# ---- what every record carries -----------------------------------------------------------------------------


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


class Switched:
    """A configuration row is switched off, not deleted: what used it stays readable."""

    active: Mapped[FlagOn] = field(zh="启用", en="In use", listed=True)


# ---- people and organisation -------------------------------------------------------------------------------


class UnitKind(Choice):
    """What an organisation unit is."""

    company = enum.auto(), "公司", "Company"
    department = enum.auto(), "部门", "Department"
    team = enum.auto(), "小组", "Team"
    committee = enum.auto(), "委员会", "Committee"
    supervision_group = enum.auto(), "监督小组", "Supervision group"


class OrgUnit(Stamped, Switched, Model):
    """A company, department, team, committee or supervision group; `path` holds the ids from the root down."""

    __tablename__ = "org_unit"
    __label__ = "组织机构", "Organisation units"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_org_unit_code", "code", zh="部门编号已存在。", en="This unit code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    kind: Mapped[UnitKind] = field(
        one_of(UnitKind), zh="类型", en="Kind", listed=True, default=UnitKind.department
    )
    parent_id: Mapped[int | None] = belongs_to("org_unit.id", zh="上级", en="Parent", listed=True)
    path: Mapped[str] = mapped_column(String(255), default="/", index=True)
    function: Mapped[str | None] = field(
        String(60),
        zh="职能",
        en="Function",
        help_zh="职能的代码，见代码表“部门职能”",
        help_en="a code of the list of functions, such as legal, finance, quality",
    )
    head_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="负责人", en="Head", listed=True, late_key="fk_org_unit_head"
    )

    parent: Mapped[OrgUnit | None] = relationship(remote_side="OrgUnit.id")
    head: Mapped[Employee | None] = relationship(foreign_keys="OrgUnit.head_id", post_update=True)


class Position(Stamped, Switched, Model):
    """A post people hold, such as sales department head."""

    __tablename__ = "position"
    __label__ = "岗位", "Positions"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_position_code", "code", zh="岗位编号已存在。", en="This position code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    duties: Mapped[Long | None] = field(zh="职责", en="Duties")


class EmployeeStatus(Choice):
    """Whether an employee still works here."""

    active = enum.auto(), "在职", "Active", "ok"
    left = enum.auto(), "离职", "Left", "end"


class Employee(Stamped, Model):
    """A person of the company. Separation of duties compares employees, not accounts (R35)."""

    __tablename__ = "employee"
    __label__ = "员工", "Employees"
    __rows__ = Rows.shared
    __title__ = ("name",)
    __table_args__ = (
        unique("uq_employee_no", "no", zh="工号已存在。", en="This employee number is in use."),
    )

    id: Mapped[Id]
    no: Mapped[Code] = field(zh="工号", en="Employee no.", listed=True, sort=True, search=True)
    name: Mapped[Short] = field(zh="姓名", en="Name", listed=True, sort=True, search=True)
    org_unit_id: Mapped[int] = belongs_to("org_unit.id", zh="部门", en="Department", listed=True)
    position_id: Mapped[int | None] = belongs_to("position.id", zh="岗位", en="Position", listed=True)
    manager_id: Mapped[int | None] = belongs_to("employee.id", zh="直接上级", en="Superior")
    hired_on: Mapped[date | None] = field(Date, zh="入职日期", en="Hired on")
    status: Mapped[EmployeeStatus] = field(
        one_of(EmployeeStatus), zh="状态", en="Status", listed=True, default=EmployeeStatus.active
    )

    org_unit: Mapped[OrgUnit] = relationship(foreign_keys="Employee.org_unit_id")
    position: Mapped[Position | None] = relationship()
    manager: Mapped[Employee | None] = relationship(remote_side="Employee.id")


class Account(Stamped, Model):
    """Which employee signs in with which account; one employee may hold two accounts and stays one person."""

    __tablename__ = "account"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_account_user",
            "user_id",
            zh="该账号已关联员工。",
            en="This account already belongs to an employee.",
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    employee_id: Mapped[int | None] = mapped_column(ForeignKey("employee.id"), index=True)
    language: Mapped[str] = mapped_column(String(5), default="zh")
    theme: Mapped[str] = mapped_column(String(10), default="auto")
    must_change_password: Mapped[Flag]

    user: Mapped[User] = relationship(foreign_keys="Account.user_id")
    employee: Mapped[Employee | None] = relationship()


class RoleGrant(Stamped, Model):
    """One right of a role: an act on one kind of record (`*` for all), and how far it reaches."""

    __tablename__ = "role_grant"
    __label__ = "角色权限", "Role grants"
    __rows__ = Rows.shared
    __table_args__ = (
        unique(
            "uq_role_grant_role_resource_act",
            "role_id",
            "resource",
            "act",
            zh="该角色已有此权限。",
            en="The role already has this right.",
        ),
    )

    id: Mapped[Id]
    role_id: Mapped[int] = belongs_to("ab_role.id", zh="角色", en="Role", listed=True, ondelete="CASCADE")
    resource: Mapped[str] = field(String(60), zh="记录类型", en="Record type", listed=True, search=True)
    act: Mapped[Act] = field(one_of(Act), zh="动作", en="Act", listed=True)
    reach: Mapped[Reach] = field(one_of(Reach), zh="范围", en="Reach", listed=True, default=Reach.own)


# ---- configuration -----------------------------------------------------------------------------------------


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


# ---- customers ---------------------------------------------------------------------------------------------


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


class Customer(Stamped, Binned, Model):
    """A customer or prospect. `status` follows SM-01 and is moved by the machine alone."""

    __tablename__ = "customer"
    __label__ = "客户", "Customers"
    __rows__ = Rows.owned
    __title__ = ("name",)
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
    org_unit: Mapped[OrgUnit | None] = relationship(foreign_keys="Customer.org_unit_id")


class ContactRole(Choice):
    """What a person is at the customer."""

    legal_rep = enum.auto(), "法定代表人", "Legal representative"
    principal = enum.auto(), "负责人", "Person in charge"
    purchasing = enum.auto(), "采购", "Purchasing"
    technical = enum.auto(), "技术", "Technical"
    finance = enum.auto(), "财务", "Finance"
    other = enum.auto(), "其他", "Other"


class Contact(Stamped, Binned, Model):
    """A person at a customer; phone and mail are sealed."""

    __tablename__ = "contact"
    __label__ = "联系人", "Contacts"
    __rows__ = Rows.follows
    __follows__ = "customer_id"
    __title__ = ("name",)

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


# ---- products and trade ------------------------------------------------------------------------------------


class Product(Stamped, Binned, Switched, Model):
    """Something the company sells. Codes that differ only in case are different products."""

    __tablename__ = "product"
    __label__ = "产品", "Products"
    __rows__ = Rows.shared
    __title__ = ("name",)
    __table_args__ = (
        unique("uq_product_code", "code", zh="产品编号已存在。", en="This product code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="产品编号", en="Product code", listed=True, sort=True, search=True)
    name: Mapped[Short] = field(zh="产品名称", en="Product name", listed=True, sort=True, search=True)
    category_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="类别", en="Category", lookup="product_category", listed=True
    )
    specification: Mapped[Short | None] = field(zh="规格", en="Specification", listed=True)
    unit: Mapped[str | None] = field(String(20), zh="单位", en="Unit", listed=True)
    list_price: Mapped[Decimal | None] = field(MoneyType, zh="标价", en="List price", listed=True)
    unit_cost: Mapped[Decimal | None] = field(MoneyType, zh="成本", en="Unit cost", confidential=True)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")

    category: Mapped[Lookup | None] = relationship()


class DocumentKind(Choice):
    """What a trade document is."""

    quotation = enum.auto(), "报价", "Quotation"
    order = enum.auto(), "订单", "Order"
    goods_return = enum.auto(), "退货", "Return"
    cancellation = enum.auto(), "撤单", "Cancellation"
    adjustment = enum.auto(), "调整", "Adjustment"


class DocumentStatus(Choice):
    """Where a trade document stands."""

    draft = enum.auto(), "草稿", "Draft"
    confirmed = enum.auto(), "已确认", "Confirmed", "ok"
    closed = enum.auto(), "已关闭", "Closed", "end"
    voided = enum.auto(), "已作废", "Voided", "end"


class SalesDocument(Stamped, Binned, Model):
    """A quotation, order, return, cancellation or adjustment. Its customer may be unknown (walk-ins)."""

    __tablename__ = "sales_document"
    __label__ = "订单", "Orders"
    __resource__ = "order"
    __rows__ = Rows.owned
    __title__ = ("no",)
    __table_args__ = (
        unique("uq_sales_document_no", "no", zh="单号已存在。", en="This document number is in use."),
        Index("ix_sales_document_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[Code] = field(zh="单号", en="Document no.", listed=True, sort=True, search=True)
    kind: Mapped[DocumentKind] = field(
        one_of(DocumentKind), zh="类型", en="Kind", listed=True, default=DocumentKind.order
    )
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    contract_id: Mapped[int | None] = belongs_to("contract.id", zh="合同", en="Contract")
    ordered_at: Mapped[datetime] = field(
        MomentType, zh="下单时间", en="Ordered", listed=True, sort=True, default=now
    )
    total: Mapped[Decimal] = field(
        MoneyType, zh="金额", en="Amount", edit=False, listed=True, default=Decimal(0)
    )
    status: Mapped[DocumentStatus] = field(
        one_of(DocumentStatus), zh="状态", en="Status", edit=False, listed=True, default=DocumentStatus.draft
    )
    country: Mapped[Short | None] = field(zh="国家", en="Country")
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)
    remark: Mapped[Long | None] = field(zh="备注", en="Remark")

    customer: Mapped[Customer | None] = relationship()
    contract: Mapped[Contract | None] = relationship()
    lines: Mapped[list[TradeLine]] = relationship(
        back_populates="sales_document", order_by="TradeLine.line_no", cascade="all, delete-orphan"
    )


class TradeLine(Model):
    """A line of exactly one document, contract or admission. Quantities and amounts are signed (R13).

    `customer_id`, `moment` and `kind` are copied from the document, so that a measure reads this one table.
    """

    __tablename__ = "trade_line"
    __label__ = "订单明细", "Order lines"
    __rows__ = Rows.follows
    __follows__ = "sales_document_id", "contract_id", "admission_id"
    __part__ = True
    __table_args__ = (
        rule(
            "one_parent",
            "(CASE WHEN sales_document_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN contract_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN admission_id IS NULL THEN 0 ELSE 1 END) = 1",
            zh="明细必须且只能属于一张单据。",
            en="A line belongs to exactly one document.",
        ),
        Index("uq_trade_line_document", "sales_document_id", "line_no", unique=True),
        Index("ix_trade_line_measure", "customer_id", "moment", "kind", "amount", "qty"),
    )

    id: Mapped[Id]
    sales_document_id: Mapped[int | None] = mapped_column(ForeignKey("sales_document.id", ondelete="CASCADE"))
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id", ondelete="CASCADE"), index=True)
    admission_id: Mapped[int | None] = mapped_column(
        ForeignKey("admission.id", ondelete="CASCADE"), index=True
    )
    line_no: Mapped[int] = field(Integer, zh="行号", en="Line", listed=True)
    product_id: Mapped[int | None] = belongs_to("product.id", zh="产品", en="Product", listed=True)
    description: Mapped[Short | None] = field(zh="说明", en="Description", listed=True)
    qty: Mapped[Decimal] = field(QuantityType, zh="数量", en="Quantity", listed=True)
    unit_price: Mapped[Decimal] = field(MoneyType, zh="单价", en="Unit price", listed=True)
    discount_rate: Mapped[Decimal] = field(RateType, zh="优惠幅度", en="Discount", default=Decimal(0))
    amount: Mapped[Decimal] = field(MoneyType, zh="金额", en="Amount", edit=False, listed=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    moment: Mapped[datetime] = mapped_column(MomentType)
    kind: Mapped[DocumentKind] = mapped_column(one_of(DocumentKind))

    sales_document: Mapped[SalesDocument | None] = relationship(back_populates="lines")
    product: Mapped[Product | None] = relationship()


# ---- admission and contracts -------------------------------------------------------------------------------


class AdmissionKind(Choice):
    """Which admission a form is."""

    cooperation = enum.auto(), "客户合作申请", "Cooperation application"
    big_customer = enum.auto(), "大客户准入申请", "Big-customer admission"
    recognition = enum.auto(), "客户认定申请", "Recognition application"


class AdmissionStatus(Choice):
    """The coarse states of an admission (R2): whose turn it is, is read from the open step."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    completed = enum.auto(), "已完成", "Completed", "ok"
    lapsed = enum.auto(), "已失效", "Lapsed", "end"


class Admission(Stamped, Binned, Model):
    """An application to admit a customer (SM-03…SM-05), with the answers of its form."""

    __tablename__ = "admission"
    __label__ = "准入申请", "Admissions"
    __rows__ = Rows.owned
    __title__ = ("no", "customer")
    __table_args__ = (
        unique("uq_admission_no", "no", zh="申请编号已存在。", en="This application number is in use."),
        rule(
            "sales_not_negative",
            "expected_sales IS NULL OR expected_sales >= 0",
            zh="预计销售额不能为负。",
            en="Expected sales cannot be negative.",
        ),
        Index("ix_admission_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="申请编号", en="Application no.", edit=False, listed=True, sort=True, search=True
    )
    flow_kind: Mapped[AdmissionKind] = field(
        one_of(AdmissionKind), zh="申请类型", en="Kind", listed=True, default=AdmissionKind.cooperation
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    basic_situation: Mapped[Long | None] = field(zh="基本情况", en="Basic situation")
    cooperation_intent: Mapped[Long | None] = field(zh="合作意向", en="Cooperation intent")
    expected_sales: Mapped[Decimal | None] = field(
        MoneyType, zh="预计年销售额", en="Expected sales a year", listed=True
    )
    is_key_prospect: Mapped[Flag] = field(zh="重点潜在客户", en="Key prospect", listed=True)
    licence_checked: Mapped[Flag] = field(zh="证照齐全有效", en="Licences complete and valid", edit=False)
    reputation_good: Mapped[Flag] = field(zh="信誉良好", en="Good reputation", edit=False)
    demand_real: Mapped[Flag] = field(zh="需求真实", en="Demand is real", edit=False)
    willing: Mapped[Flag] = field(zh="合作意愿明确", en="Willing to cooperate", edit=False)
    inspection_wanted: Mapped[Flag] = field(zh="初审要求实地考察", en="Inspection asked for", edit=False)
    general_survey: Mapped[Long | None] = field(zh="一般调查", en="General survey")
    recommendation: Mapped[Long | None] = field(zh="初审意见", en="First review", edit=False)
    field_visit_id: Mapped[int | None] = belongs_to(
        "visit.id", zh="实地考察", en="Field inspection", edit=False
    )
    agreement_id: Mapped[int | None] = belongs_to(
        "contract.id", zh="合作协议", en="Agreement", edit=False, late_key="fk_admission_agreement"
    )
    decided_at: Mapped[datetime | None] = field(MomentType, zh="决定时间", en="Decided", edit=False)
    status: Mapped[AdmissionStatus] = field(
        one_of(AdmissionStatus),
        zh="状态",
        en="Status",
        edit=False,
        listed=True,
        default=AdmissionStatus.draft,
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="申请人", en="Applicant", edit=False, listed=True
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    field_visit: Mapped[Visit | None] = relationship()
    agreement: Mapped[Contract | None] = relationship(foreign_keys="Admission.agreement_id", post_update=True)
    owner: Mapped[Employee | None] = relationship(foreign_keys="Admission.owner_id")


class ContractKind(Choice):
    """What an agreement is."""

    supply = enum.auto(), "供应合同", "Supply contract"
    quality_assurance = enum.auto(), "质量保证合同", "Quality assurance contract"
    cooperation = enum.auto(), "合作协议", "Cooperation agreement"
    credit_settlement = enum.auto(), "记欠结算协议", "On-account agreement"
    change = enum.auto(), "变更协议", "Change"
    termination = enum.auto(), "解除协议", "Termination"


class ContractStatus(Choice):
    """Where an agreement stands (SM-06, coarse)."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    effective = enum.auto(), "生效", "Effective", "ok"
    ended = enum.auto(), "已终止", "Ended", "end"


class Contract(Stamped, Binned, Model):
    """An agreement with a customer, changes and terminations included (`parent_id`)."""

    __tablename__ = "contract"
    __label__ = "合同", "Contracts"
    __rows__ = Rows.owned
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_contract_no", "no", zh="合同编号已存在。", en="This contract number is in use."),
        rule(
            "amount_not_negative",
            "amount IS NULL OR amount >= 0",
            zh="合同金额不能为负。",
            en="The amount cannot be negative.",
        ),
        rule(
            "ends_after_start",
            "expires_on IS NULL OR effective_on IS NULL OR expires_on >= effective_on",
            zh="到期日不能早于生效日。",
            en="It cannot expire before it starts.",
        ),
        Index("ix_contract_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="合同编号", en="Contract no.", edit=False, listed=True, sort=True, search=True
    )
    title: Mapped[Short] = field(zh="合同名称", en="Title", listed=True, search=True)
    kind: Mapped[ContractKind] = field(
        one_of(ContractKind), zh="类型", en="Kind", listed=True, default=ContractKind.supply
    )
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    admission_id: Mapped[int | None] = belongs_to("admission.id", zh="准入申请", en="Admission", edit=False)
    parent_id: Mapped[int | None] = belongs_to("contract.id", zh="原合同", en="Original contract")
    amount: Mapped[Decimal | None] = field(MoneyType, zh="金额", en="Amount", listed=True)
    payment_method_id: Mapped[int | None] = belongs_to(
        "lookup.id", zh="付款方式", en="Payment method", lookup="payment_method"
    )
    sign_on: Mapped[date | None] = field(Date, zh="签订日期", en="Signed on")
    effective_on: Mapped[date | None] = field(Date, zh="生效日期", en="Effective on", listed=True)
    expires_on: Mapped[date | None] = field(Date, zh="到期日期", en="Expires on", listed=True, sort=True)
    terms: Mapped[Long | None] = field(zh="主要条款", en="Main terms")
    status: Mapped[ContractStatus] = field(
        one_of(ContractStatus), zh="状态", en="Status", edit=False, listed=True, default=ContractStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="负责人", en="Owner", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    admission: Mapped[Admission | None] = relationship(foreign_keys="Contract.admission_id")
    parent: Mapped[Contract | None] = relationship(remote_side="Contract.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="Contract.owner_id")


# ---- visits, service and tasks -----------------------------------------------------------------------------


class VisitKind(Choice):
    """Why one goes there."""

    routine = enum.auto(), "例行走访", "Routine visit"
    monthly = enum.auto(), "每月面谈", "Monthly meeting"
    field_inspection = enum.auto(), "实地考察", "Field inspection"
    extra = enum.auto(), "临时走访", "Extra visit"


class VisitStatus(Choice):
    """Where a visit stands (SM-12, coarse)."""

    planned = enum.auto(), "已计划", "Planned", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    filed = enum.auto(), "已归档", "Filed", "end"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Visit(Stamped, Binned, Model):
    """A visit to a customer, planned or recorded."""

    __tablename__ = "visit"
    __label__ = "走访记录", "Visits"
    __rows__ = Rows.owned
    __title__ = ("planned_on", "customer")
    __table_args__ = (Index("ix_visit_scope", "org_unit_id", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[int] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    kind: Mapped[VisitKind] = field(
        one_of(VisitKind), zh="类型", en="Kind", listed=True, default=VisitKind.routine
    )
    planned_on: Mapped[date] = field(Date, zh="计划日期", en="Planned on", listed=True, sort=True)
    held_at: Mapped[datetime | None] = field(MomentType, zh="走访时间", en="Held", listed=True)
    place: Mapped[Short | None] = field(zh="地点", en="Place")
    purpose: Mapped[Long | None] = field(zh="目的", en="Purpose")
    content: Mapped[Long | None] = field(zh="走访内容", en="Content")
    feedback: Mapped[Long | None] = field(zh="客户反馈", en="Feedback")
    conclusion: Mapped[Long | None] = field(zh="结论", en="Conclusion")
    status: Mapped[VisitStatus] = field(
        one_of(VisitStatus), zh="状态", en="Status", edit=False, listed=True, default=VisitStatus.planned
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="走访人", en="Visitor", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Visit.owner_id")


class CaseKind(Choice):
    """What a service case is."""

    complaint = enum.auto(), "投诉", "Complaint"
    after_sales = enum.auto(), "售后", "After-sales"
    technical = enum.auto(), "技术支持", "Technical"
    consultation = enum.auto(), "咨询", "Consultation"


class Severity(Choice):
    """How bad it is."""

    low = enum.auto(), "一般", "Low"
    medium = enum.auto(), "较重", "Medium", "warn"
    high = enum.auto(), "严重", "High", "bad"


class CaseStatus(Choice):
    """Where a case stands (SM-09, SM-10)."""

    received = enum.auto(), "已受理", "Received", "run"
    investigating = enum.auto(), "调查中", "Investigating", "run"
    replied = enum.auto(), "已答复", "Replied", "ok"
    closed = enum.auto(), "已关闭", "Closed", "end"


class ServiceCase(Stamped, Binned, Model):
    """A complaint, after-sales, technical or consultation case."""

    __tablename__ = "service_case"
    __label__ = "投诉与服务", "Complaints and service"
    __resource__ = "complaint"
    __rows__ = Rows.owned
    __title__ = ("no", "subject")
    __table_args__ = (
        unique("uq_service_case_no", "no", zh="编号已存在。", en="This number is in use."),
        rule(
            "reply_after_receipt",
            "replied_at IS NULL OR replied_at >= received_at",
            zh="答复时间不能早于受理时间。",
            en="A reply cannot come before the receipt.",
        ),
        Index("ix_service_case_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="编号", en="No.", edit=False, listed=True, sort=True, search=True
    )
    kind: Mapped[CaseKind] = field(
        one_of(CaseKind), zh="类型", en="Kind", listed=True, default=CaseKind.complaint
    )
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    subject: Mapped[Short] = field(zh="主题", en="Subject", listed=True, search=True)
    content: Mapped[Long | None] = field(zh="内容", en="Content")
    demand: Mapped[Long | None] = field(zh="客户诉求", en="Customer's demand")
    severity: Mapped[Severity] = field(
        one_of(Severity), zh="严重程度", en="Severity", listed=True, default=Severity.low
    )
    received_at: Mapped[datetime] = field(
        MomentType, zh="受理时间", en="Received", listed=True, sort=True, default=now
    )
    reply_due_at: Mapped[datetime | None] = field(
        MomentType, zh="答复期限", en="Reply due", listed=True, edit=False
    )
    replied_at: Mapped[datetime | None] = field(MomentType, zh="答复时间", en="Replied", edit=False)
    cause: Mapped[Long | None] = field(zh="原因", en="Cause")
    solution: Mapped[Long | None] = field(zh="处理办法", en="Solution")
    status: Mapped[CaseStatus] = field(
        one_of(CaseStatus), zh="状态", en="Status", edit=False, listed=True, default=CaseStatus.received
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="受理人", en="Handled by", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer | None] = relationship()


class TaskStatus(Choice):
    """Where a task stands."""

    open = enum.auto(), "待办", "Open", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    verified = enum.auto(), "已验证", "Verified", "ok"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Task(Stamped, Binned, Model):
    """Something somebody must do by a date: the ledger of obligations, issues and rectifications."""

    __tablename__ = "task"
    __label__ = "责任事项", "Tasks"
    __rows__ = Rows.owned
    __title__ = ("title",)
    __table_args__ = (
        Index("ix_task_scope", "org_unit_id", "id"),
        Index("ix_task_due", "owner_id", "status", "due_on"),
    )

    id: Mapped[Id]
    title: Mapped[Short] = field(zh="事项", en="Task", listed=True, search=True)
    description: Mapped[Long | None] = field(zh="说明", en="Description")
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    due_on: Mapped[date | None] = field(Date, zh="期限", en="Due", listed=True, sort=True)
    result: Mapped[Long | None] = field(zh="结果", en="Result")
    status: Mapped[TaskStatus] = field(
        one_of(TaskStatus), zh="状态", en="Status", edit=False, listed=True, default=TaskStatus.open
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="责任人", en="Responsible", listed=True)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    customer: Mapped[Customer | None] = relationship()
    owner: Mapped[Employee | None] = relationship(foreign_keys="Task.owner_id")


# ---- files and imports -------------------------------------------------------------------------------------


class Attachment(Stamped, Binned, Model):
    """A file of a record: stored by id, never by the name it came with; its rows follow the record's policy."""

    __tablename__ = "attachment"
    __label__ = "附件", "Attachments"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_attachment_object", "object_type", "object_id"),)

    id: Mapped[Id]
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    object_type: Mapped[Code]
    object_id: Mapped[int] = mapped_column(Integer)
    doc_type: Mapped[Short | None] = field(zh="文件类型", en="Document type")
    file_name: Mapped[Short] = field(zh="文件名", en="File name")
    size: Mapped[int] = field(Integer, zh="大小", en="Size")
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[Code]


class ImportStatus(Choice):
    """Where an import stands."""

    uploaded = enum.auto(), "已上传", "Uploaded"
    checking = enum.auto(), "检查中", "Checking", "run"
    checked = enum.auto(), "待确认", "Checked", "warn"
    applying = enum.auto(), "写入中", "Writing", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    refused = enum.auto(), "未通过", "Refused", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"
    undone = enum.auto(), "已撤销", "Undone", "end"


class ImportMode(Choice):
    """Which rows of a file may do what."""

    create = enum.auto(), "仅新增", "Create only"
    update = enum.auto(), "仅更新", "Update only"
    upsert = enum.auto(), "新增并更新", "Create and update"


class ImportRun(Stamped, Model):
    """One file brought in: what it was, how it was read, and what became of its rows. It is one change set."""

    __tablename__ = "import_run"
    __label__ = "导入记录", "Imports"
    __rows__ = Rows.personal
    __person__ = "person_id"

    id: Mapped[Id]
    resource: Mapped[Code] = field(zh="记录类型", en="Record type", listed=True)
    file_name: Mapped[Short] = field(zh="文件", en="File", listed=True)
    digest: Mapped[str] = mapped_column(String(64))
    sheet: Mapped[Short | None] = field(zh="工作表", en="Sheet", listed=True)
    mode: Mapped[ImportMode] = field(
        one_of(ImportMode), zh="方式", en="Mode", listed=True, default=ImportMode.upsert
    )
    key_field: Mapped[Code | None]
    mapping: Mapped[Json] = mapped_column(default=dict)
    adopt_reason: Mapped[Long | None] = field(zh="历史数据说明", en="Why opening data")
    status: Mapped[ImportStatus] = field(
        one_of(ImportStatus), zh="状态", en="Status", listed=True, default=ImportStatus.uploaded
    )
    rows_total: Mapped[int] = field(Integer, zh="总行数", en="Rows", listed=True, default=0)
    rows_created: Mapped[int] = field(Integer, zh="新增", en="Created", listed=True, default=0)
    rows_updated: Mapped[int] = field(Integer, zh="更新", en="Updated", listed=True, default=0)
    rows_unchanged: Mapped[int] = field(Integer, zh="相同", en="Unchanged", listed=True, default=0)
    rows_refused: Mapped[int] = field(Integer, zh="拒绝", en="Refused", listed=True, default=0)
    problem: Mapped[Json | None]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("employee.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))


class Verdict(Choice):
    """What a row of an import file is."""

    new = enum.auto(), "新增", "New", "ok"
    changed = enum.auto(), "更新", "Changed", "run"
    same = enum.auto(), "相同", "Same"
    refused = enum.auto(), "拒绝", "Refused", "bad"


class ImportRow(Model):
    """A row of an import file: its cells, its verdict with reasons by cell, and what it changed (for undo)."""

    __tablename__ = "import_row"
    __rows__ = Rows.inner
    __table_args__ = (Index("uq_import_row_no", "import_run_id", "row_no", unique=True),)

    id: Mapped[Id]
    import_run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    row_no: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[Verdict] = mapped_column(one_of(Verdict))
    cells: Mapped[Json]
    values: Mapped[Json | None]
    reasons: Mapped[Json | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    before: Mapped[Json | None]
    applied: Mapped[Flag]


# ---- approvals ---------------------------------------------------------------------------------------------


class FlowStatus(Choice):
    """Where a version of a flow stands; a published one never changes."""

    draft = enum.auto(), "草稿", "Draft"
    published = enum.auto(), "已发布", "Published", "ok"
    retired = enum.auto(), "已停用", "Retired", "end"


class ApprovalFlow(Stamped, Switched, Model):
    """A kind of approval for one kind of record; what it does stands in its versions."""

    __tablename__ = "approval_flow"
    __label__ = "审批流程", "Approval flows"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_approval_flow_code", "code", zh="流程编号已存在。", en="This flow code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    object_type: Mapped[Code] = field(zh="记录类型", en="Record type", listed=True, index=True)
    exclusive_group: Mapped[Code] = mapped_column(default="decision")


class ApprovalFlowVersion(Stamped, Model):
    """One edition of a flow: steps, people, conditions and deadlines as canonical JSON; running requests keep theirs."""

    __tablename__ = "approval_flow_version"
    __label__ = "流程版本", "Flow versions"
    __rows__ = Rows.shared
    __table_args__ = (
        unique(
            "uq_approval_flow_version_edition",
            "flow_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the flow exists.",
        ),
        rule(
            "published_by_another",
            "publisher_id IS NULL OR author_id IS NULL OR publisher_id <> author_id",
            zh="流程不能由其编写人发布。",
            en="A flow is not published by its author.",
        ),
        Index(
            "ux_approval_flow_version_published",
            "flow_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
    )

    id: Mapped[Id]
    flow_id: Mapped[int] = belongs_to("approval_flow.id", zh="流程", en="Flow", listed=True)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[FlowStatus] = field(
        one_of(FlowStatus), zh="状态", en="Status", listed=True, edit=False, default=FlowStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    findings: Mapped[Json | None]
    note: Mapped[Long | None] = field(zh="说明", en="Note", listed=True)
    author_id: Mapped[int | None] = belongs_to("employee.id", zh="编写人", en="Author", edit=False)
    publisher_id: Mapped[int | None] = belongs_to("employee.id", zh="发布人", en="Published by", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    flow: Mapped[ApprovalFlow] = relationship()


class ApprovalFlowRef(Model):
    """What a version of a flow relies on (role, position, fact, document type, effect): who uses role X."""

    __tablename__ = "approval_flow_ref"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_approval_flow_ref_ref", "kind", "ref"),)

    id: Mapped[Id]
    version_id: Mapped[int] = mapped_column(
        ForeignKey("approval_flow_version.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[Code]
    ref: Mapped[Short]


class RequestStatus(Choice):
    """Where a request for a decision stands. Running, returned and suspended ones are alive."""

    running = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    suspended = enum.auto(), "已暂停", "Suspended", "warn"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    cancelled = enum.auto(), "已撤销", "Cancelled", "end"
    voided = enum.auto(), "已作废", "Voided", "end"


class ApprovalRequest(Model):
    """One request for a decision on one record, pinned to the version of the flow it was submitted under.

    `facts` are the values its conditions are asked of, `content` what its deciders were shown; both are frozen when it
    is submitted, and their hashes bind each decision to them.
    """

    __tablename__ = "approval_request"
    __label__ = "审批申请", "Approval requests"
    __rows__ = Rows.inner
    __title__ = ("no", "title")
    __table_args__ = (
        unique("uq_approval_request_no", "no", zh="审批编号已存在。", en="This request number is in use."),
        Index(
            "ux_approval_request_alive",
            "exclusive_group",
            "object_type",
            "object_id",
            unique=True,
            sqlite_where=text("status IN ('running', 'returned', 'suspended')"),
            postgresql_where=text("status IN ('running', 'returned', 'suspended')"),
        ),
        Index("ix_approval_request_object", "object_type", "object_id", "id"),
        Index("ix_approval_request_submitter", "submitter_id", "status", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(String(60), zh="审批编号", en="Request no.", listed=True)
    version_id: Mapped[int] = belongs_to("approval_flow_version.id", zh="流程版本", en="Flow version")
    exclusive_group: Mapped[Code]
    object_type: Mapped[Code] = field(zh="记录类型", en="Record type")
    object_id: Mapped[int] = mapped_column(Integer)
    object_version_no: Mapped[int] = mapped_column(Integer)
    title: Mapped[Short] = field(zh="事项", en="Subject", listed=True)
    submitter_id: Mapped[int] = belongs_to(
        "employee.id", zh="提交人", en="Submitted by", listed=True, index=False
    )
    submitter_user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    on_behalf_of_id: Mapped[int | None] = belongs_to("employee.id", zh="代何人提交", en="On behalf of")
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department")
    status: Mapped[RequestStatus] = field(
        one_of(RequestStatus), zh="状态", en="Status", listed=True, default=RequestStatus.running
    )
    round_no: Mapped[int] = field(Integer, zh="轮次", en="Round", default=1)
    decided_once: Mapped[Flag]
    facts: Mapped[Json] = mapped_column(default=dict)
    facts_hash: Mapped[str] = mapped_column(String(64))
    content: Mapped[Json] = mapped_column(default=dict)
    content_hash: Mapped[str] = mapped_column(String(64))
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    opened_at: Mapped[datetime] = field(
        MomentType, zh="提交时间", en="Submitted at", listed=True, default=now
    )
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due", listed=True)
    closed_at: Mapped[datetime | None] = field(MomentType, zh="结束时间", en="Closed at")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("approval_request.id"), index=True)
    version_no: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))

    version: Mapped[ApprovalFlowVersion] = relationship()
    submitter: Mapped[Employee] = relationship(foreign_keys="ApprovalRequest.submitter_id")
    on_behalf_of: Mapped[Employee | None] = relationship(foreign_keys="ApprovalRequest.on_behalf_of_id")

    __mapper_args__ = {"version_id_col": version_no}


class StepStatus(Choice):
    """Where one activation of a step stands."""

    active = enum.auto(), "进行中", "In progress", "run"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    returned = enum.auto(), "已退回", "Returned", "warn"
    skipped = enum.auto(), "不适用", "Not needed", "end"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class ApprovalStep(Model):
    """One activation of a step of the flow; `reason` says why the way led here (or past it)."""

    __tablename__ = "approval_step"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_step_visit",
            "request_id",
            "round_no",
            "node",
            "visit_no",
            zh="该步骤已开始。",
            en="This step was already opened.",
        ),
        Index(
            "ux_approval_step_active",
            "request_id",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"), index=True)
    round_no: Mapped[int] = mapped_column(Integer)
    visit_no: Mapped[int] = mapped_column(Integer, default=1)
    ordinal: Mapped[int] = mapped_column(Integer)
    node: Mapped[Code]
    status: Mapped[StepStatus] = field(one_of(StepStatus), zh="状态", en="Status", default=StepStatus.active)
    reason: Mapped[Json | None]
    activated_at: Mapped[Moment] = mapped_column(default=now)
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due")
    closed_at: Mapped[datetime | None] = mapped_column(MomentType)
    escalation: Mapped[int] = mapped_column(Integer, default=0)


class QuorumMode(Choice):
    """How many of the people of a seat must agree."""

    any = enum.auto(), "或签", "Any one"
    all = enum.auto(), "会签", "Everyone"
    n_of_m = enum.auto(), "多数会签", "N of M"
    ratio = enum.auto(), "比例会签", "By share"
    weight = enum.auto(), "加权会签", "By weight"
    sequential = enum.auto(), "依次审批", "One after another"


class RejectPolicy(Choice):
    """When a seat counts as rejected."""

    one = enum.auto(), "一人驳回即驳回", "One rejection ends it"
    impossible = enum.auto(), "无法达成时驳回", "When agreement is out of reach"


class SeatStatus(Choice):
    """Where a chair of a step stands."""

    open = enum.auto(), "进行中", "In progress", "run"
    approved = enum.auto(), "已通过", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class ApprovalSeat(Model):
    """A chair in a step (legal, finance …): `need` votes, or weight, of the `size` its people hold."""

    __tablename__ = "approval_seat"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_approval_seat_key", "step_id", "key", zh="席位重复。", en="This seat exists in the step."),
        rule(
            "need_within_size",
            "need >= 1 AND need <= size",
            zh="需要的票数必须在 1 与总票数之间。",
            en="The votes needed must be between one and all there are.",
        ),
    )

    id: Mapped[Id]
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"), index=True)
    key: Mapped[Code]
    mode: Mapped[QuorumMode] = mapped_column(one_of(QuorumMode))
    reject_policy: Mapped[RejectPolicy] = mapped_column(one_of(RejectPolicy), default=RejectPolicy.one)
    need: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    optional: Mapped[Flag]
    status: Mapped[SeatStatus] = mapped_column(one_of(SeatStatus), default=SeatStatus.open)


class DutyStatus(Choice):
    """Where one person's duty on a seat stands."""

    waiting = enum.auto(), "等待", "Waiting"
    open = enum.auto(), "待处理", "To do", "run"
    approved = enum.auto(), "已同意", "Approved", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    returned = enum.auto(), "已退回", "Returned", "warn"
    skipped = enum.auto(), "无需处理", "Not needed", "end"
    transferred = enum.auto(), "已转办", "Transferred", "end"
    expired = enum.auto(), "已超时", "Timed out", "warn"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class DutySource(Choice):
    """How somebody came to a duty."""

    rule = enum.auto(), "流程规则", "By the flow"
    superior = enum.auto(), "上级代为审批", "Moved to the superior"
    transfer = enum.auto(), "转办", "Transferred"
    added = enum.auto(), "加签", "Added signer"
    escalation = enum.auto(), "超时升级", "Escalated"


class ApprovalTask(Model):
    """One person's duty on a seat. The inbox is one query over this table."""

    __tablename__ = "approval_task"
    __rows__ = Rows.inner
    __table_args__ = (
        Index("ix_approval_task_inbox", "assignee_id", "status", "due_at"),
        Index("ix_approval_task_done", "acted_by_id", "decided_at"),
        Index("ix_approval_task_request", "request_id", "status"),
        Index(
            "ux_approval_task_person",
            "seat_id",
            "assignee_id",
            unique=True,
            sqlite_where=text("status IN ('waiting', 'open', 'approved', 'rejected')"),
            postgresql_where=text("status IN ('waiting', 'open', 'approved', 'rejected')"),
        ),
    )

    id: Mapped[Id]
    seat_id: Mapped[int] = mapped_column(ForeignKey("approval_seat.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"), index=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    assignee_id: Mapped[int] = belongs_to("employee.id", zh="处理人", en="Assigned to", index=False)
    order_no: Mapped[int] = mapped_column(Integer, default=0)
    weight: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[DutyStatus] = field(one_of(DutyStatus), zh="状态", en="Status", default=DutyStatus.open)
    source: Mapped[DutySource] = field(one_of(DutySource), zh="来源", en="Came by", default=DutySource.rule)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    acted_by_id: Mapped[int | None] = belongs_to("employee.id", zh="办理人", en="Done by", index=False)
    opened_at: Mapped[datetime | None] = field(MomentType, zh="到达时间", en="Arrived")
    due_at: Mapped[datetime | None] = field(MomentType, zh="期限", en="Due")
    decided_at: Mapped[datetime | None] = field(MomentType, zh="办理时间", en="Done at")
    reminded_at: Mapped[datetime | None] = mapped_column(MomentType)
    reason: Mapped[Json | None]
    comment: Mapped[Long | None] = field(zh="意见", en="Comment")

    request: Mapped[ApprovalRequest] = relationship()
    step: Mapped[ApprovalStep] = relationship()
    seat: Mapped[ApprovalSeat] = relationship()
    assignee: Mapped[Employee] = relationship(foreign_keys="ApprovalTask.assignee_id")
    acted_by: Mapped[Employee | None] = relationship(foreign_keys="ApprovalTask.acted_by_id")


class ApprovalAct(Choice):
    """What somebody, or the house, did in a request (R30)."""

    submit = enum.auto(), "提交", "Submit"
    approve = enum.auto(), "同意", "Approve", "ok"
    reject = enum.auto(), "驳回", "Reject", "bad"
    send_back = enum.auto(), "退回", "Send back", "warn"
    withdraw = enum.auto(), "撤回", "Withdraw"
    cancel = enum.auto(), "撤销", "Cancel", "end"
    take_back = enum.auto(), "收回", "Take back"
    transfer = enum.auto(), "转办", "Transfer"
    add_signer = enum.auto(), "加签", "Add a signer"
    consult = enum.auto(), "征询", "Consult"
    copy = enum.auto(), "抄送", "Copy"
    remind = enum.auto(), "催办", "Remind"
    escalate = enum.auto(), "超时升级", "Escalate", "warn"
    time_out = enum.auto(), "超时", "Time out", "warn"
    correct = enum.auto(), "更正", "Correct"
    void = enum.auto(), "作废", "Void", "end"


class ApprovalAction(Model):
    """What was done in a request, in order, for ever: never changed, never deleted."""

    __tablename__ = "approval_action"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_action_seq",
            "request_id",
            "seq",
            zh="他人刚刚处理了该申请，请刷新。",
            en="Somebody else has just acted on this request: open it again.",
        ),
        unique(
            "uq_approval_action_idem_key",
            "idem_key",
            zh="该操作已处理。",
            en="This act was already carried out.",
        ),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = field(MomentType, zh="时间", en="At", default=now)
    act: Mapped[ApprovalAct] = field(one_of(ApprovalAct), zh="动作", en="Act")
    actor_id: Mapped[int | None] = belongs_to("employee.id", zh="办理人", en="Done by")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    acting_for_id: Mapped[int | None] = belongs_to("employee.id", zh="代何人", en="For")
    step_id: Mapped[int | None] = mapped_column(ForeignKey("approval_step.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    comment: Mapped[Long | None] = field(zh="意见", en="Comment")
    payload: Mapped[Json | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    idem_key: Mapped[Short | None]
    fingerprint: Mapped[str | None] = mapped_column(String(64))

    actor: Mapped[Employee | None] = relationship(foreign_keys="ApprovalAction.actor_id")
    acting_for: Mapped[Employee | None] = relationship(foreign_keys="ApprovalAction.acting_for_id")


class ApprovalEvidence(Model):
    """What was put before the deciders at a step: a file, or another record such as the visit report."""

    __tablename__ = "approval_evidence"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_approval_evidence_request", "request_id", "round_no"),)

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    round_no: Mapped[int] = mapped_column(Integer)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("approval_step.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("approval_task.id"), index=True)
    doc_type: Mapped[Code] = field(zh="类型", en="Kind")
    object_type: Mapped[Code]
    object_id: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    given_by_id: Mapped[int] = belongs_to("employee.id", zh="提供人", en="Given by")
    given_at: Mapped[Moment] = mapped_column(default=now)
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("approval_evidence.id"), index=True)


class ApprovalStandin(Stamped, Model):
    """Who acts for whom in approvals, for a period; both names stay on what is decided."""

    __tablename__ = "approval_standin"
    __label__ = "审批代批", "Stand-ins"
    __rows__ = Rows.personal
    __person__ = "principal_id"
    __table_args__ = (
        rule(
            "two_people",
            "principal_id <> standin_id",
            zh="不能由本人代批。",
            en="Nobody stands in for himself.",
        ),
        rule(
            "ends_after_start",
            "ends_at > starts_at",
            zh="结束时间须晚于开始时间。",
            en="It must end after it starts.",
        ),
        Index("ix_approval_standin_standin", "standin_id", "starts_at", "ends_at"),
    )

    id: Mapped[Id]
    principal_id: Mapped[int] = belongs_to("employee.id", zh="被代批人", en="For whom", listed=True)
    standin_id: Mapped[int] = belongs_to("employee.id", zh="代批人", en="Stand-in", listed=True, index=False)
    starts_at: Mapped[datetime] = field(MomentType, zh="开始", en="From", listed=True)
    ends_at: Mapped[datetime] = field(MomentType, zh="结束", en="Until", listed=True)
    flow_id: Mapped[int | None] = belongs_to(
        "approval_flow.id", zh="仅限流程", en="Only for flow", listed=True
    )
    reason: Mapped[Long | None] = field(zh="原因", en="Reason")
    revoked_at: Mapped[datetime | None] = field(MomentType, zh="撤销时间", en="Revoked", edit=False)

    principal: Mapped[Employee] = relationship(foreign_keys="ApprovalStandin.principal_id")
    standin: Mapped[Employee] = relationship(foreign_keys="ApprovalStandin.standin_id")


class TimerKind(Choice):
    """What a deadline does when it comes."""

    remind = enum.auto(), "提醒", "Remind"
    escalate = enum.auto(), "升级", "Escalate"
    time_out = enum.auto(), "超时", "Time out"


class TimerStatus(Choice):
    """Whether a deadline is still set."""

    armed = enum.auto(), "待触发", "Armed"
    fired = enum.auto(), "已触发", "Fired"
    cancelled = enum.auto(), "已取消", "Cancelled"


class ApprovalTimer(Model):
    """A deadline of an open step; a sweeper claims those that are due."""

    __tablename__ = "approval_timer"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_timer_level",
            "step_id",
            "kind",
            "level",
            zh="期限已设置。",
            en="This deadline is set.",
        ),
        Index("ix_approval_timer_due", "status", "fire_at"),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("approval_step.id"))
    kind: Mapped[TimerKind] = mapped_column(one_of(TimerKind))
    level: Mapped[int] = mapped_column(Integer, default=0)
    fire_at: Mapped[Moment]
    status: Mapped[TimerStatus] = mapped_column(one_of(TimerStatus), default=TimerStatus.armed)


class ApprovalCopy(Model):
    """Who was told of a request without being asked to decide."""

    __tablename__ = "approval_copy"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_approval_copy_person",
            "request_id",
            "employee_id",
            "reason",
            zh="已抄送此人。",
            en="This person was already copied.",
        ),
        Index("ix_approval_copy_employee", "employee_id", "read_at", "id"),
    )

    id: Mapped[Id]
    request_id: Mapped[int] = mapped_column(ForeignKey("approval_request.id"))
    employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    reason: Mapped[Short] = mapped_column(default="")
    copied_at: Mapped[Moment] = mapped_column(default=now)
    read_at: Mapped[datetime | None] = mapped_column(MomentType)

    request: Mapped[ApprovalRequest] = relationship()


# ---- evaluation --------------------------------------------------------------------------------------------


class EvalStatus(Choice):
    """Where a version of a measure or scheme stands; a published one never changes, a trial one is never offered."""

    draft = enum.auto(), "草稿", "Draft"
    trial = enum.auto(), "试算", "Trial"
    published = enum.auto(), "已发布", "Published", "ok"
    retired = enum.auto(), "已停用", "Retired", "end"


class EvalMeasure(Stamped, Switched, Model):
    """Something counted for every subject, such as the orders of the period; how, stands in its versions."""

    __tablename__ = "eval_measure"
    __label__ = "评价度量", "Measures"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_eval_measure_code", "code", zh="度量编号已存在。", en="This measure code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    subject_type: Mapped[Code] = field(zh="评价对象", en="Subject", listed=True, edit=False)


class EvalMeasureVersion(Stamped, Model):
    """One edition of a measure: source, aggregate, field, filter and window as canonical JSON."""

    __tablename__ = "eval_measure_version"
    __label__ = "度量版本", "Measure versions"
    __rows__ = Rows.shared
    __table_args__ = (
        unique(
            "uq_eval_measure_version_edition",
            "measure_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the measure exists.",
        ),
        Index(
            "ux_eval_measure_version_published",
            "measure_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
    )

    id: Mapped[Id]
    measure_id: Mapped[int] = belongs_to("eval_measure.id", zh="度量", en="Measure", listed=True)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[EvalStatus] = field(
        one_of(EvalStatus), zh="状态", en="Status", listed=True, edit=False, default=EvalStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    measure: Mapped[EvalMeasure] = relationship()


class EvalScheme(Stamped, Switched, Model):
    """A way of grading, such as the yearly evaluation of customers; what it weighs stands in its versions."""

    __tablename__ = "eval_scheme"
    __label__ = "评价方案", "Evaluation schemes"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_eval_scheme_code", "code", zh="评价方案编号已存在。", en="This scheme code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    subject_type: Mapped[Code] = field(zh="评价对象", en="Subject", listed=True, edit=False)


class EvalSchemeVersion(Stamped, Model):
    """One edition of a scheme: population, measures, indicators, weights and grades as canonical JSON."""

    __tablename__ = "eval_scheme_version"
    __label__ = "方案版本", "Scheme versions"
    __rows__ = Rows.shared
    __table_args__ = (
        unique(
            "uq_eval_scheme_version_edition",
            "scheme_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the scheme exists.",
        ),
        rule(
            "published_by_another",
            "publisher_id IS NULL OR author_id IS NULL OR publisher_id <> author_id",
            zh="评价方案不能由其编写人发布。",
            en="A scheme is not published by its author.",
        ),
        Index(
            "ux_eval_scheme_version_published",
            "scheme_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
        Index("ix_eval_scheme_version_hash", "scheme_id", "body_hash"),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = belongs_to("eval_scheme.id", zh="方案", en="Scheme", listed=True, index=False)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[EvalStatus] = field(
        one_of(EvalStatus), zh="状态", en="Status", listed=True, edit=False, default=EvalStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    note: Mapped[Long | None] = field(zh="说明", en="Note", listed=True)
    author_id: Mapped[int | None] = belongs_to("employee.id", zh="编写人", en="Author", edit=False)
    publisher_id: Mapped[int | None] = belongs_to("employee.id", zh="发布人", en="Published by", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    scheme: Mapped[EvalScheme] = relationship()


class RunKind(Choice):
    """What a run is for."""

    official = enum.auto(), "正式", "Official"
    trial = enum.auto(), "试算", "Trial"
    what_if = enum.auto(), "假设", "What-if"


class RunStatus(Choice):
    """Where a run stands. From sealed on, its results never change."""

    created = enum.auto(), "待运行", "Waiting"
    collecting = enum.auto(), "计算中", "Computing", "run"
    sealed = enum.auto(), "已封存", "Sealed", "ok"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    published = enum.auto(), "已发布", "Published", "ok"
    superseded = enum.auto(), "已被取代", "Superseded", "end"
    failed = enum.auto(), "失败", "Failed", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class EvalRun(Stamped, Model):
    """One computation of a scheme for a period, pinned to its version, its as-of moment and its population.

    The period is half-open, `[period_from, period_to)` in company time. `checksum` is over all results in order.
    """

    __tablename__ = "eval_run"
    __label__ = "评价运行", "Evaluation runs"
    __rows__ = Rows.shared
    __title__ = ("id",)
    __table_args__ = (
        unique(
            "uq_eval_run_revision",
            "scheme_version_id",
            "period_from",
            "period_to",
            "kind",
            "revision",
            zh="该期的这一次评价已存在。",
            en="This revision of the run exists.",
        ),
        rule(
            "period_in_order",
            "period_to > period_from",
            zh="评价期的结束须晚于开始。",
            en="The period must end after it starts.",
        ),
        rule(
            "sealed_has_checksum",
            "sealed_at IS NULL OR checksum IS NOT NULL",
            zh="封存的评价必须有校验和。",
            en="A sealed run must have its checksum.",
        ),
    )

    id: Mapped[Id]
    scheme_version_id: Mapped[int] = belongs_to(
        "eval_scheme_version.id", zh="方案版本", en="Scheme version", listed=True, edit=False, index=False
    )
    kind: Mapped[RunKind] = field(
        one_of(RunKind), zh="类型", en="Kind", listed=True, edit=False, default=RunKind.trial
    )
    revision: Mapped[int] = field(Integer, zh="次数", en="Revision", listed=True, edit=False, default=1)
    period_from: Mapped[date] = field(Date, zh="评价期自", en="Period from", listed=True, edit=False)
    period_to: Mapped[date] = field(Date, zh="评价期至（不含）", en="Period to (excluded)", edit=False)
    as_of: Mapped[datetime] = field(MomentType, zh="截止时刻", en="As of", listed=True, edit=False)
    status: Mapped[RunStatus] = field(
        one_of(RunStatus), zh="状态", en="Status", listed=True, edit=False, default=RunStatus.created
    )
    population: Mapped[int] = field(BigInteger, zh="评价对象数", en="Subjects", edit=False, default=0)
    engine: Mapped[int] = mapped_column(Integer, default=1)
    checksum: Mapped[str | None] = mapped_column(String(64))
    base_run_id: Mapped[int | None] = mapped_column(ForeignKey("eval_run.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    started_at: Mapped[datetime | None] = field(MomentType, zh="开始时间", en="Started", edit=False)
    sealed_at: Mapped[datetime | None] = field(MomentType, zh="封存时间", en="Sealed", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    scheme_version: Mapped[EvalSchemeVersion] = relationship()


class EvalRunStat(Model):
    """What scoring used of all subjects of a run: how many had a value, its range, the edges of its quantiles."""

    __tablename__ = "eval_run_stat"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_run_stat_slot",
            "run_id",
            "slot",
            "peer",
            zh="该统计已存在。",
            en="This statistic exists.",
        ),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(Integer)
    peer: Mapped[Short] = mapped_column(default="")
    counted: Mapped[Big] = mapped_column(default=0)
    missing: Mapped[Big] = mapped_column(default=0)
    low: Mapped[Big | None]
    high: Mapped[Big | None]
    edges: Mapped[Json | None]


class EvalRunChunk(Model):
    """A range of subjects of a run whose results stand, with their checksum: where a killed run goes on."""

    __tablename__ = "eval_run_chunk"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_eval_run_chunk_no", "run_id", "no", zh="该分段已存在。", en="This chunk exists."),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id", ondelete="CASCADE"))
    no: Mapped[int] = mapped_column(Integer)
    low_id: Mapped[Big]
    high_id: Mapped[Big]
    subjects: Mapped[int] = mapped_column(Integer)
    checksum: Mapped[str] = mapped_column(String(64))


SLOTS = 24
"""How many indicators a scheme may have: each has one column for its raw value and one for its score."""


class EvalResult(Model):
    """What a run found for one subject: its total and grade, and per indicator the raw value and the score.

    `v01`…`v24` are raw values in the smallest unit of their kind, `s01`…`s24` scores in 1/100 point, NULL where there
    is none. `grade_no` counts the grades of the scheme version from 0; `coverage` is in 1/10,000 of the weight.
    """

    __tablename__ = "eval_result"
    __rows__ = Rows.inner
    __table_args__ = (
        *[Column(f"v{slot:02}", BigInteger) for slot in range(1, SLOTS + 1)],
        *[Column(f"s{slot:02}", Integer) for slot in range(1, SLOTS + 1)],
        Index("ix_eval_result_subject", "subject_id", "run_id"),
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    total: Mapped[int | None] = mapped_column(Integer)
    grade_no: Mapped[int | None] = mapped_column(SmallInteger)
    coverage: Mapped[int | None] = mapped_column(Integer)
    flags: Mapped[int] = mapped_column(Integer, default=0)


class EvalManualScore(Stamped, Model):
    """The points one rater gave one subject for an indicator nothing computes, with what he bases them on."""

    __tablename__ = "eval_manual_score"
    __label__ = "人工评分", "Manual scores"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_manual_score_rater",
            "scheme_id",
            "indicator",
            "period_from",
            "period_to",
            "subject_id",
            "rater_id",
            zh="您已为该对象评过此项。",
            en="You have already scored this subject here.",
        ),
        rule(
            "points_in_range",
            "points >= 0 AND points <= 10000",
            zh="分数须在 0 到 100 之间。",
            en="Points lie between 0 and 100.",
        ),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = belongs_to("eval_scheme.id", zh="方案", en="Scheme", listed=True, index=False)
    indicator: Mapped[Code] = field(zh="指标", en="Indicator", listed=True)
    period_from: Mapped[date] = field(Date, zh="评价期自", en="Period from", listed=True)
    period_to: Mapped[date] = field(Date, zh="评价期至（不含）", en="Period to (excluded)")
    subject_id: Mapped[int] = mapped_column(Integer)
    rater_id: Mapped[int] = belongs_to("employee.id", zh="评分人", en="Rater", listed=True)
    points: Mapped[Decimal] = field(PointsType, zh="分数", en="Points", listed=True)
    evidence: Mapped[Long | None] = field(zh="依据", en="Evidence", listed=True)


class EvalOverride(Stamped, Model):
    """A grade decided otherwise than the run found it, with the reason; the result itself stays as it is."""

    __tablename__ = "eval_override"
    __label__ = "等级调整", "Grade overrides"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_override_subject",
            "run_id",
            "subject_id",
            zh="该对象已有调整。",
            en="This subject has an override.",
        ),
        rule("reason_given", "length(reason) > 0", zh="请填写调整原因。", en="An override needs its reason."),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = belongs_to("eval_run.id", zh="评价运行", en="Run", index=False)
    subject_id: Mapped[int] = mapped_column(Integer)
    from_grade: Mapped[Code | None] = field(zh="原等级", en="From")
    to_grade: Mapped[Code] = field(zh="调整后等级", en="To")
    reason: Mapped[Long] = field(zh="原因", en="Reason")
    request_id: Mapped[int | None] = mapped_column(ForeignKey("approval_request.id"), index=True)
    valid_to: Mapped[date | None] = field(Date, zh="有效期至", en="Valid until")


class EvalCurrent(Model):
    """The grade a subject holds under a scheme now, and the run it comes from; written by publication alone."""

    __tablename__ = "eval_current"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_current_subject",
            "scheme_id",
            "subject_id",
            zh="该对象已有当前等级。",
            en="This subject has its current grade.",
        ),
        Index("ix_eval_current_subject", "subject_id"),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = mapped_column(ForeignKey("eval_scheme.id"))
    subject_id: Mapped[int] = mapped_column(Integer)
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id"), index=True)
    grade: Mapped[Code]
    grade_no: Mapped[int] = mapped_column(SmallInteger)
    total: Mapped[int | None] = mapped_column(Integer)
    effective_from: Mapped[Day]


# ---- accounts, jobs and the record of what happened --------------------------------------------------------


class UserSession(Model):
    """A signed-in browser: the cookie holds a random word, this row its digest; revoking it ends it at once."""

    __tablename__ = "user_session"
    __rows__ = Rows.inner

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    started_at: Mapped[Moment] = mapped_column(default=now)
    seen_at: Mapped[Moment] = mapped_column(default=now)
    confirmed_at: Mapped[Moment] = mapped_column(default=now)
    ended_at: Mapped[datetime | None] = mapped_column(MomentType)
    address: Mapped[str | None] = mapped_column(String(45))
    agent: Mapped[Short | None]


class SignInAttempt(Model):
    """Failed sign-ins of an account or an address, for the back-off that holds over all workers."""

    __tablename__ = "sign_in_attempt"
    __rows__ = Rows.inner

    id: Mapped[Id]
    subject: Mapped[Short] = mapped_column(unique=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    last_at: Mapped[Moment] = mapped_column(default=now)


class AccessKey(Model):
    """A personal key for the API: only its digest is kept."""

    __tablename__ = "access_key"
    __rows__ = Rows.inner

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[Short]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Moment] = mapped_column(default=now)
    expires_at: Mapped[Moment]
    revoked_at: Mapped[datetime | None] = mapped_column(MomentType)


class SavedCommand(Model):
    """A form or call already carried out, so that sending it twice does it once (R34)."""

    __tablename__ = "command"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_command_key",
            "user_id",
            "key",
            zh="该请求已处理。",
            en="This request was already carried out.",
        ),
    )

    id: Mapped[Id]
    key: Mapped[Code]
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    location: Mapped[str] = mapped_column(String(500), default="")
    answer: Mapped[Json | None]
    created_at: Mapped[Moment] = mapped_column(default=now, index=True)


class NoticeKind(Choice):
    """Why somebody is told."""

    approval = enum.auto(), "审批", "Approval", "run"
    reminder = enum.auto(), "提醒", "Reminder", "warn"
    alert = enum.auto(), "预警", "Alert", "bad"
    announcement = enum.auto(), "公告", "Announcement"


class Notice(Model):
    """Something one person is told, once, in both languages."""

    __tablename__ = "notice"
    __label__ = "通知", "Notices"
    __rows__ = Rows.personal
    __person__ = "recipient_id"
    __table_args__ = (Index("ix_notice_recipient", "recipient_id", "read_at", "id"),)

    id: Mapped[Id]
    kind: Mapped[NoticeKind] = field(one_of(NoticeKind), zh="类型", en="Kind", listed=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    text_zh: Mapped[Long]
    text_en: Mapped[Long]
    object_type: Mapped[Code | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    raised_at: Mapped[Moment] = mapped_column(default=now)
    read_at: Mapped[datetime | None] = mapped_column(MomentType)


class OutboxEntry(Model):
    """A message to the outside, written in the transaction, sent after it."""

    __tablename__ = "outbox"
    __rows__ = Rows.inner
    __table_args__ = (unique("uq_outbox_key", "key", zh="消息已存在。", en="This message exists."),)

    id: Mapped[Id]
    key: Mapped[Short]
    target: Mapped[Short]
    payload: Mapped[Json]
    created_at: Mapped[Moment] = mapped_column(default=now)
    next_at: Mapped[Moment] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(MomentType)


class JobStatus(Choice):
    """Where a background job stands."""

    queued = enum.auto(), "排队", "Queued"
    running = enum.auto(), "进行中", "Running", "run"
    done = enum.auto(), "已完成", "Done", "ok"
    failed = enum.auto(), "失败", "Failed", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class Job(Model):
    """A background job: the ledger is the truth, the transport only wakes a worker. `attempt` is the fencing token."""

    __tablename__ = "job"
    __label__ = "后台任务", "Jobs"
    __rows__ = Rows.personal
    __person__ = "person_id"
    __table_args__ = (
        unique("uq_job_idem_key", "idem_key", zh="该任务已存在。", en="This job exists."),
        Index("ix_job_due", "status", "run_after", "priority", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[Code] = field(zh="任务", en="Job", listed=True)
    args: Mapped[Json] = mapped_column(default=dict)
    idem_key: Mapped[Short | None]
    status: Mapped[JobStatus] = field(
        one_of(JobStatus), zh="状态", en="Status", listed=True, default=JobStatus.queued
    )
    run_after: Mapped[Moment] = mapped_column(default=now)
    priority: Mapped[int] = mapped_column(Integer, default=100)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    max_attempts: Mapped[int] = mapped_column(Integer, default=5)
    lease_owner: Mapped[Short | None]
    lease_until: Mapped[datetime | None] = mapped_column(MomentType)
    checkpoint: Mapped[Json | None]
    done_units: Mapped[int] = field(BigInteger, zh="已完成", en="Done", listed=True, default=0)
    total_units: Mapped[int] = field(BigInteger, zh="总量", en="Total", listed=True, default=0)
    message: Mapped[Json | None]
    result: Mapped[Json | None]
    error: Mapped[Long | None]
    created_at: Mapped[datetime] = field(MomentType, zh="创建时间", en="Created", listed=True, default=now)
    finished_at: Mapped[datetime | None] = field(MomentType, zh="结束时间", en="Finished", listed=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("employee.id"), index=True)


class JobSchedule(Stamped, Switched, Model):
    """When a recurring job is due; a slot makes at most one job for ever (`idem_key` = name and slot)."""

    __tablename__ = "job_schedule"
    __rows__ = Rows.inner

    id: Mapped[Id]
    name: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[Code]
    args: Mapped[Json] = mapped_column(default=dict)
    every_minutes: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[Moment]


class AuditAct(Choice):
    """What kind of thing happened."""

    create = enum.auto(), "新建", "Created"
    update = enum.auto(), "修改", "Changed"
    delete = enum.auto(), "删除", "Deleted"
    move = enum.auto(), "状态变更", "Moved"
    approval = enum.auto(), "审批", "Approval"
    bring_in = enum.auto(), "导入", "Import"
    take_out = enum.auto(), "导出", "Export"
    reveal = enum.auto(), "查看敏感信息", "Sealed field seen"
    sign_in = enum.auto(), "登录", "Sign-in"
    sign_in_failed = enum.auto(), "登录失败", "Sign-in failed"
    sign_out = enum.auto(), "退出", "Sign-out"
    permission = enum.auto(), "权限", "Permission"
    configuration = enum.auto(), "配置", "Configuration"
    evaluation = enum.auto(), "评价", "Evaluation"
    denied = enum.auto(), "拒绝访问", "Denied"


class AuditLog(Model):
    """What happened, for ever: append-only, chained by hash once sealed. `changes` = field → [old, new]."""

    __tablename__ = "audit_log"
    __label__ = "操作日志", "Audit log"
    __rows__ = Rows.inner
    __table_args__ = (Index("ix_audit_log_object", "object_type", "object_id", "id"),)

    id: Mapped[Id]
    at: Mapped[Moment] = mapped_column(default=now, index=True)
    act: Mapped[AuditAct] = mapped_column(one_of(AuditAct))
    user_id: Mapped[int | None] = mapped_column(Integer, index=True)
    person_id: Mapped[int | None] = mapped_column(Integer, index=True)
    object_type: Mapped[Code | None]
    object_id: Mapped[int | None] = mapped_column(Integer)
    object_version: Mapped[int | None] = mapped_column(Integer)
    summary: Mapped[Json | None]
    changes: Mapped[Json | None]
    reason: Mapped[Long | None]
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(36))
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    own_hash: Mapped[str | None] = mapped_column(String(64))
