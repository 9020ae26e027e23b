"""Who can be evaluated: what a subject type is, which of its facts a scheme may use, how a reader's scope limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.models import (
    ClassificationScheme,
    ClassificationValue,
    Customer,
    CustomerClassification,
    Employee,
    EmployeeStatus,
    Lifecycle,
    Lookup,
    OrgUnit,
    PartyType,
    Plan,
    PlanKind,
    PlanStatus,
    Position,
    UnitKind,
)
from app.words import Words
from app.workflows.evaluation.sources import Column, Join, added, closed, day, money, table_of, text, truth


@dataclass(frozen=True)
class Subject:
    """A kind of record schemes grade. `model` is what the reader's scope is asked of.

    `counted_as` is the word sources know it by: big customers and prospects are customers to a row of orders.
    """

    name: str
    words: Words
    model: type[Any]
    table: sa.FromClause
    code: sa.ColumnElement[Any]
    title: sa.ColumnElement[Any]
    stands: sa.ColumnElement[bool]
    columns: tuple[Column, ...]
    joins: Mapping[str, Join]
    counted_as: str
    is_personal: bool = False
    """Each reads his own result alone, unless he runs or publishes evaluations (M-20)."""

    @property
    def key(self) -> sa.ColumnElement[Any]:
        return self.table.c.id

    def attribute(self, column: sa.ColumnElement[Any]) -> Any:
        """The attribute of the model behind a column of the table, so that the row policy is asked."""
        return getattr(self.model, str(column.key))


BIG = "BIG", "BIG"
"""The class that makes a customer a big one, by its scheme and its code."""


def holds_class(customer_id: Any, which: tuple[str, str]) -> sa.ColumnElement[bool]:
    """Whether a customer stands in this class now."""
    held, kind, value = (
        table_of(model).alias(name)
        for model, name in (
            (CustomerClassification, "held"),
            (ClassificationScheme, "kind"),
            (ClassificationValue, "class"),
        )
    )
    found = sa.exists().where(
        held.c.customer_id == customer_id,
        held.c.valid_to.is_(None),
        held.c.scheme_id == kind.c.id,
        held.c.value_id == value.c.id,
        kind.c.code == which[0],
        value.c.code == which[1],
    )
    return found.correlate_except(held, kind, value)


CUSTOMER = table_of(Customer).alias("subject")
REGION, INDUSTRY, SIZE = (table_of(Lookup).alias(name) for name in ("region", "industry", "size"))
EMPLOYEE, UNIT, PLAN = (table_of(model).alias("subject") for model in (Employee, OrgUnit, Plan))
POST = table_of(Position).alias("post")
KEPT = sa.and_(CUSTOMER.c.deleted_at.is_(None), CUSTOMER.c.merged_into_id.is_(None))


def _customers(name: str, words: Words, which: sa.ColumnElement[bool]) -> Subject:
    """Customers of one sort."""
    return Subject(
        name=name,
        counted_as="customer",
        words=words,
        model=Customer,
        table=CUSTOMER,
        code=CUSTOMER.c.code,
        title=CUSTOMER.c.name,
        stands=sa.and_(KEPT, which),
        columns=(
            text("customer_code", CUSTOMER.c.code, "客户代码", "Customer code"),
            text("customer_name", CUSTOMER.c.name, "客户名称", "Customer name"),
            closed("party_type", CUSTOMER.c.party_type, PartyType, "客户类型", "Kind of party"),
            closed("customer_status", CUSTOMER.c.status, Lifecycle, "客户状态", "Customer status"),
            truth("is_key", CUSTOMER.c.is_key, "重点客户", "Key customer"),
            truth("is_big", holds_class(CUSTOMER.c.id, BIG), "大客户", "Big customer"),
            text("grade", CUSTOMER.c.grade, "现等级", "Present grade"),
            replace(
                money("credit_limit", CUSTOMER.c.credit_limit, "信用额度", "Credit limit"),
                guarded_by="customer",
            ),
            day("established_on", CUSTOMER.c.established_on, "成立日期", "Established on"),
            day("admitted_on", CUSTOMER.c.admitted_on, "准入日期", "Admitted on"),
            day("first_order_on", CUSTOMER.c.first_order_on, "首次下单", "First order"),
            day("last_order_on", CUSTOMER.c.last_order_on, "最近下单", "Last order"),
            text("region", REGION.c.code, "所在地区", "Region", "region"),
            text("industry", INDUSTRY.c.code, "所属行业", "Industry", "industry"),
            text("size", SIZE.c.code, "企业规模", "Size", "size"),
        ),
        joins={
            "region": Join(REGION, REGION.c.id == CUSTOMER.c.region_id),
            "industry": Join(INDUSTRY, INDUSTRY.c.id == CUSTOMER.c.industry_id),
            "size": Join(SIZE, SIZE.c.id == CUSTOMER.c.size_id),
        },
    )


def _units(name: str, words: Words, kind: UnitKind) -> Subject:
    """Units of one sort; what lies in a unit below counts for the unit above, too."""
    return Subject(
        name=name,
        counted_as="unit",
        words=words,
        model=OrgUnit,
        table=UNIT,
        code=UNIT.c.code,
        title=UNIT.c.name_zh,
        stands=sa.and_(UNIT.c.active, UNIT.c.kind == kind),
        columns=(
            text("unit_code", UNIT.c.code, "部门编号", "Unit code"),
            text("function", UNIT.c.function, "职能", "Function"),
        ),
        joins={},
    )


SUBJECTS = {
    subject.name: subject
    for subject in (
        _customers("customer", Words("客户", "Customers"), sa.true()),
        _customers("big_customer", Words("大客户", "Big customers"), holds_class(CUSTOMER.c.id, BIG)),
        _customers(
            "prospect",
            Words("潜在客户", "Prospects"),
            CUSTOMER.c.status.in_([Lifecycle.prospect, Lifecycle.applicant]),
        ),
        _customers("partner", Words("合作伙伴", "Partners"), CUSTOMER.c.party_type == PartyType.dealer),
        Subject(
            name="employee",
            counted_as="employee",
            is_personal=True,
            words=Words("员工", "Employees"),
            model=Employee,
            table=EMPLOYEE,
            code=EMPLOYEE.c.no,
            title=EMPLOYEE.c.name,
            stands=EMPLOYEE.c.status == EmployeeStatus.active,
            columns=(
                text("employee_no", EMPLOYEE.c.no, "工号", "Employee no."),
                text("post", POST.c.code, "岗位", "Position", "post"),
                day("hired_on", EMPLOYEE.c.hired_on, "入职日期", "Hired on"),
            ),
            joins={"post": Join(POST, POST.c.id == EMPLOYEE.c.position_id)},
        ),
        _units("department", Words("部门", "Departments"), UnitKind.department),
        _units("team", Words("小组", "Teams"), UnitKind.team),
        Subject(
            name="visit_programme",
            counted_as="visit_programme",
            words=Words("走访计划", "Visit programmes"),
            model=Plan,
            table=PLAN,
            code=PLAN.c.no,
            title=PLAN.c.title,
            stands=sa.and_(PLAN.c.deleted_at.is_(None), PLAN.c.kind == PlanKind.visit),
            columns=(
                text("programme_no", PLAN.c.no, "计划编号", "Plan no."),
                closed("programme_status", PLAN.c.status, PlanStatus, "计划状态", "Plan status"),
                day("programme_from", PLAN.c.period_start, "计划开始", "Plan from"),
                day("programme_to", PLAN.c.period_end, "计划结束", "Plan until"),
            ),
            joins={},
        ),
    )
}


def with_added(subject: Subject) -> Subject:
    """The subject with the fields an administrator added to its records as further facts."""
    columns, joins = added(subject.table)
    return replace(subject, columns=(*subject.columns, *columns), joins={**subject.joins, **joins})
