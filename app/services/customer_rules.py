"""Rules a whole customer keeps beyond its columns; importing this module has them kept, through every door."""

from __future__ import annotations

from collections.abc import Iterator

from app.errors import Problem
from app.extensions import company
from app.models import Customer
from app.services.records import checked
from app.words import say


@checked(Customer)
def founded_in_the_past(customer: Customer) -> Iterator[Problem]:
    """A company cannot have been founded in the future."""
    if customer.established_on is not None and customer.established_on > company.today():
        yield Problem(
            say(
                "成立日期 {day} 晚于今天。",
                "The date of foundation {day} lies in the future.",
                day=customer.established_on.isoformat(),
            ),
            "established_on",
        )
