"""The benchmarks themselves: what they build is sound, and one command prints the figures."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import Customer, Interaction, SalesDocument, SearchEntry, TradeLine
from app.services import access, records
from bench import company, pages
from tests.conftest import CHECKOUT
from tests.world import World

CUSTOMERS = 60


def test_the_company_of_the_bench_is_whole_and_the_same_on_both_databases(in_app: Any, world: World):
    company.fill(world, CUSTOMERS)
    with access.acting(access.SYSTEM):
        found = {
            model: db.session.scalar(select(func.count()).select_from(model))
            for model in (Customer, Interaction, SalesDocument, TradeLine, SearchEntry)
        }
        assert found[Customer] == found[Interaction] == found[SalesDocument] == CUSTOMERS
        assert found[TradeLine] == CUSTOMERS * company.LINES
        last = db.session.get_one(Customer, CUSTOMERS)
        assert (last.code, last.name, last.credit_code) == (
            "C000000060",
            "冀兴华西石化贸易有限公司",
            "91000000000000060R",
        )
        assert records.page_of(records.Query(Customer, search=last.name)).rows == [last]
        lines = db.session.scalars(select(TradeLine).where(TradeLine.sales_document_id == CUSTOMERS)).all()
        assert [line.line_no for line in lines] == [1, 2, 3, 4, 5]
        assert all(line.amount == line.qty * line.unit_price for line in lines)


@pytest.mark.long
def test_one_command_prints_the_figures_of_every_page():
    asked = [sys.executable, "-m", "bench", "pages", "--on", "sqlite", "--customers", "2000", "--rounds", "1"]
    answer = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=600)
    assert answer.returncode in {0, 1}, answer.stderr  # at this size a gate may be missed
    assert all(f"| {page.name} |" in answer.stdout for page in pages.PAGES)
