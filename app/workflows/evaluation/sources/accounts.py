"""Accounts employees sign in with, by the day they were made, and their undertakings of confidentiality."""

from __future__ import annotations

from flask_appbuilder.security.sqla.models import User

from app.models import Account, Employee, EmployeeStatus
from app.words import Words
from app.workflows.evaluation.sources import (
    UNITS,
    Join,
    Source,
    day,
    in_unit,
    key,
    table_of,
    text,
    truth,
)

ACCOUNT = table_of(Account).alias("account_row")
HOLDER = table_of(Employee).alias("holder")
USER = table_of(User).alias("login")

SOURCE = Source(
    name="accounts",
    words=Words("系统用户", "Users"),
    table=ACCOUNT,
    subjects={"employee": ACCOUNT.c.employee_id, "unit": UNITS.c.above_id},
    via={"unit": "unit"},
    joins={
        "holder": Join(HOLDER, HOLDER.c.id == ACCOUNT.c.employee_id),
        "login": Join(USER, USER.c.id == ACCOUNT.c.user_id),
        "unit": in_unit(HOLDER.c.org_unit_id, "holder"),
    },
    time=ACCOUNT.c.created_at,
    columns=(
        key("employee", ACCOUNT.c.employee_id, "员工", "Employee"),
        text("name", HOLDER.c.name, "姓名", "Name", "holder"),
        truth("may_sign_in", USER.c.active, "账号启用", "May sign in", "login"),
        truth("works_here", HOLDER.c.status == EmployeeStatus.active, "在职", "Works here", "holder"),
        day("nda_signed_on", HOLDER.c.nda_signed_on, "保密承诺签署日期", "Undertaking signed on", "holder"),
        day("nda_until", HOLDER.c.nda_until, "保密承诺有效期至", "Undertaking valid until", "holder"),
    ),
    stands=ACCOUNT.c.employee_id.is_not(None),
    fallen=Words("没有对应的员工", "of no employee"),
    shown=("name", "may_sign_in", "nda_signed_on", "nda_until"),
)
