"""Every flow of every pack: reachable from its record's page by the role that owns it, walked to its end by those it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.journeys.company import DECLARED, ELSEWHERE, Company

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def company(app: Any) -> Company:
    found = Company(app)
    with app.app_context():
        found.build()
    return found


@pytest.mark.req("E-12", "E-16", "F-07", "F-12", "F-13", "F-20", "D-53", "G-12", "H-02", "C-20", "V-07")
def test_every_flow_is_submitted_on_its_records_page_by_its_owner_and_walked_to_its_end(
    company: Company, app: Any
):
    with app.app_context():
        flows = company.flows()
    assert set(flows) == {*DECLARED, *ELSEWHERE}, "a flow of a pack needs an entry in flows.yaml"
    wrong = {}
    for code, wanted in DECLARED.items():
        run = company.submit(code, company.owners[wanted["by"]])
        steps = company.finish(run)
        status, brought = company.outcome(run)
        if (status, brought) != (wanted["ends"], wanted.get("brings", {})):
            wrong[code] = (steps, status, brought)
    assert wrong == {}


def test_what_is_proven_elsewhere_is_proven_there():
    for code, file in ELSEWHERE.items():
        assert (CHECKOUT / file).exists(), code
