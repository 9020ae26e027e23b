"""People and organisation: units, positions, employees, responsibilities and what roles may do."""

from __future__ import annotations

import enum
from datetime import date

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Code, Flag, Id, Long, Rows, Short, belongs_to, field, one_of, unique
from app.extensions import Model
from app.roles import Act, Reach
from app.schema.common import Stamped, Switched


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
    nda_signed_on: Mapped[date | None] = field(Date, zh="保密承诺签署日期", en="Undertaking signed on")
    nda_until: Mapped[date | None] = field(Date, zh="保密承诺有效期至", en="Undertaking valid until")
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
