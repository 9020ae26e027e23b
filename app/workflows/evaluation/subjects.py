"""Who can be evaluated: what a subject type is, which of its facts a scheme may use, how a reader's scope limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.models import Customer, Employee, EmployeeStatus, Lifecycle, Lookup, PartyType
from app.words import Words
from app.workflows.evaluation.sources import Column, Join, closed, day, money, table_of, text, truth


@dataclass(frozen=True)
class Subject:
    """A kind of record schemes grade. `model` is what the reader's scope is asked of."""

    name: str
    words: Words
    model: type[Any]
    table: sa.FromClause
    code: sa.ColumnElement[Any]
    title: sa.ColumnElement[Any]
    stands: sa.ColumnElement[bool]
    columns: tuple[Column, ...]
    joins: Mapping[str, Join]

    @property
    def key(self) -> sa.ColumnElement[Any]:
        return self.table.c.id


CUSTOMER = table_of(Customer).alias("subject")
REGION, INDUSTRY, SIZE = (table_of(Lookup).alias(name) for name in ("region", "industry", "size"))
EMPLOYEE = table_of(Employee).alias("subject")

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            name="customer",
            words=Words("客户", "Customers"),
            model=Customer,
            table=CUSTOMER,
            code=CUSTOMER.c.code,
            title=CUSTOMER.c.name,
            stands=sa.and_(CUSTOMER.c.deleted_at.is_(None), CUSTOMER.c.merged_into_id.is_(None)),
            columns=(
                text("customer_code", CUSTOMER.c.code, "客户代码", "Customer code"),
                text("customer_name", CUSTOMER.c.name, "客户名称", "Customer name"),
                closed("party_type", CUSTOMER.c.party_type, PartyType, "客户类型", "Kind of party"),
                closed("customer_status", CUSTOMER.c.status, Lifecycle, "客户状态", "Customer status"),
                truth("is_key", CUSTOMER.c.is_key, "重点客户", "Key customer"),
                text("grade", CUSTOMER.c.grade, "现等级", "Present grade"),
                money("credit_limit", CUSTOMER.c.credit_limit, "信用额度", "Credit limit"),
                day("established_on", CUSTOMER.c.established_on, "成立日期", "Established on"),
                day("admitted_on", CUSTOMER.c.admitted_on, "准入日期", "Admitted on"),
                day("first_order_on", CUSTOMER.c.first_order_on, "首次下单", "First order"),
                text("region", REGION.c.code, "所在地区", "Region", "region"),
                text("industry", INDUSTRY.c.code, "所属行业", "Industry", "industry"),
                text("size", SIZE.c.code, "企业规模", "Size", "size"),
            ),
            joins={
                "region": Join(REGION, REGION.c.id == CUSTOMER.c.region_id),
                "industry": Join(INDUSTRY, INDUSTRY.c.id == CUSTOMER.c.industry_id),
                "size": Join(SIZE, SIZE.c.id == CUSTOMER.c.size_id),
            },
        ),
        Subject(
            name="employee",
            words=Words("员工", "Employees"),
            model=Employee,
            table=EMPLOYEE,
            code=EMPLOYEE.c.no,
            title=EMPLOYEE.c.name,
            stands=EMPLOYEE.c.status == EmployeeStatus.active,
            columns=(
                text("employee_no", EMPLOYEE.c.no, "工号", "Employee no."),
                day("hired_on", EMPLOYEE.c.hired_on, "入职日期", "Hired on"),
            ),
            joins={},
        ),
    )
}
