"""A number that no key, page or version can be is refused in words at every door that reads one from text."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from app.models import KeyList
from app.roles import Reach
from app.services import values
from app.services.fields import field_named
from tests.world import World, give_everything, sign_in

HUGE = ["9" * 10, "9" * 19, "9" * 5000, "²"]
"""More than a key holds, a machine's word, what Python turns into a number; and what only looks like one."""

ADDRESSES = [
    "/customer/list/?page={n}",
    "/customer/list/?eq.owner_id={n}",
    "/customer/list/?in.owner_id={n}",
    "/customer/list/?last.created_on={n}",
    "/customer/list/?view={n}",
    "/approval/inbox/todo?page={n}",
    "/approval/inbox/done?by={n}",
    "/evaluation/?page={n}",
    "/import/?page={n}",
    "/customer/add?owner_id={n}",
    "/api/v1/customer/?page_size={n}&page={n}",
    "/api/v1/customer/?limit={n}",
    "/api/v1/customer/?cursor={n}",
    "/api/v1/customer/?q=(filters:!((col:owner_id,opr:eq,value:{n})))",
    "/api/v1/approval/todo?page={n}",
    "/api/v1/approval/todo?size={n}",
    "/customer/picker/owner_id?q=a&page={n}",
]

FORMS: list[tuple[str, dict[str, str]]] = [
    ("/customer/bulk", {"ids": "{n}", "act": "delete"}),
    ("/customer/bulk-edit", {"ids": "{n}", "field": "name", "value": "x"}),
    ("/customer/add", {"name": "新客户", "owner_id": "{n}"}),
    ("/view/save", {"resource": "customer", "query": "page=1", "name": "n", "view": "{n}", "role_id": "{n}"}),
    ("/approval/bulk", {"ids": "{n}-{n}", "act": "approve"}),
]


@pytest.fixture
def everything(app: Any, world: World, client: Any) -> Any:
    with app.app_context():
        give_everything(world, "ann", Reach.all)
    sign_in(client, "ann")
    return client


def test_no_address_and_no_form_breaks_on_a_number(everything: Any):
    for number, address in product(HUGE, ADDRESSES):
        answer = everything.get(address.format(n=number))
        assert answer.status_code < 500, (address, number[:20])
    for number, (address, form) in product(HUGE, FORMS):
        typed = {name: value.format(n=number) for name, value in form.items()}
        answer = everything.post(address, data=typed)
        assert answer.status_code < 500, (address, number[:20])


def test_a_call_that_names_no_version_is_refused_and_not_taken_for_the_newest(everything: Any):
    made = everything.post("/api/v1/customer/", json={"name": "新客户"}).json
    answer = everything.put(f"/api/v1/customer/{made['id']}", json={"name": "另名", "version_no": "new"})
    assert answer.status_code == 400
    assert everything.get(f"/api/v1/customer/{made['id']}").json["result"]["name"] == "新客户"


def test_a_year_reads_as_a_year():
    field = field_named(KeyList, "year")
    assert field is not None
    assert values.show(field, 2026) == "2026"
