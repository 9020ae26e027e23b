"""A believable company in an empty database: reproducible by seed, dated relative to today, everything invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sqlalchemy import select

from app.errors import Refusal
from app.extensions import company, db
from app.models import Customer, Employee
from app.services.demo import book, care, staff, trade
from app.services.demo.scene import SCALES, Scene, settle
from app.services.numbering import Series
from app.words import say

__all__ = ["PACKS", "SCALES", "DemoAccount", "accounts", "build", "is_empty"]

PACKS = (
    "base",
    "seed-industry",
    "customer-development",
    "big-customers",
    "key-visits",
    "petrochemical",
)
"""The packs the company stands on; load them first."""

SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo company, and whose it is."""

    username: str
    name: str
    role: str


def accounts() -> list[DemoAccount]:
    """The accounts `build` makes; they all have the password it is given."""
    return [DemoAccount(person.username, person.name, person.role) for person in staff.PEOPLE]


def is_empty() -> bool:
    """Whether the database holds neither customers nor employees; accounts of the set-up may be there."""
    anybody = select(Employee.id).limit(1)
    anything = select(Customer.id).limit(1).execution_options(with_deleted=True)
    return db.session.scalar(anybody) is None and db.session.scalar(anything) is None


def build(size: str, password_hash: str, series: Mapping[str, Series], seed: int = SEED) -> Scene:
    """Make the company, inside the caller's `transaction()` and under the system principal.

    `size` is a word of `SCALES`; `series` names the number series of customer, admission, contract and service_case.
    Raises Refusal unless the database is empty.
    """
    if not is_empty():
        raise Refusal(
            say(
                "数据库中已有客户或员工，演示公司只能装入空数据库。",
                "The database already holds customers or employees: the demo company goes into an empty one.",
            )
        )
    scene = Scene(SCALES[size], company.today(), Random(seed), series)
    scene.look_up()
    staff.hire(scene, password_hash)
    book.sell(scene)
    book.win(scene)
    trade.trade(scene)
    book.write_customers(scene)
    trade.write_trade(scene)
    care.care(scene)
    settle(scene)
    db.session.expire_all()
    return scene
