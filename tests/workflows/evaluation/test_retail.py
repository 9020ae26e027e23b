"""Grades over real purchases: a published segmentation customer by customer, and other recipes against independent computations."""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.extensions import company, db, transaction
from app.models import EvalRun, SalesDocument, TradeLine
from app.services import access
from app.workflows.evaluation import runs, schemes
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import retail

SCHEMES = Path(__file__).parent / "schemes"


def run_file(name: str, period: str, as_of: str | None = None) -> int:
    body = schemes.body_of_file(SCHEMES / name)
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(body, pin(period, as_of))
        runs.compute(run_id)
    return run_id


@pytest.mark.long
def test_the_published_segments_come_out_customer_by_customer(in_app):
    rows = retail.lines()
    customers = retail.load(rows)
    run_id = run_file("segments.yaml", "2010-12-01..2011-12-10")
    with access.acting(access.SYSTEM):
        run = db.session.get_one(EvalRun, run_id)
        grades = [grade["grade"] for grade in run.scheme_version.body["grades"]]
    code_of = {number: code for code, number in customers.items()}
    found = {
        code_of[row["subject_id"]]: (
            row["v01"],
            row["v02"],
            round(row["v03"] / 10_000, 2),
            row["s01"] // 100,
            row["s02"] // 100,
            grades[row["grade_no"]],
        )
        for row in retail.result_rows(run_id)
    }
    with retail.file("expected_rfm_A_per_customer.csv").open(encoding="utf-8") as source:
        expected = {
            row["CustomerID"]: (
                int(row["recency"]),
                int(row["frequency"]),
                round(float(row["monetary"]), 2),
                int(row["R"]),
                int(row["F"]),
                row["segment"],
            )
            for row in csv.DictReader(source)
        }
    wrong = {code: (found.get(code), want) for code, want in expected.items() if found.get(code) != want}
    assert len(found) == len(expected) == 4339
    assert dict(list(wrong.items())[:5]) == {}


# ---- a second recipe, against an independent computation ---------------------------------------------------------

AS_OF = datetime(2010, 12, 9, 12, tzinfo=retail.ZONE)
FEW = 20_000


def by_hand(rows: list[retail.Line], customers: dict[str, int]) -> dict[int, tuple]:
    """The spring recipe in plain Python: per customer raw values, scores, total and grade."""
    mine: dict[int, list[retail.Line]] = {}
    for row in rows:
        goods = row.country == "United Kingdom" and row.product != "POST" and row.invoice[0] not in "CA"
        if row.customer and goods and row.at < AS_OF:
            mine.setdefault(customers[row.customer], []).append(row)
    raw = {}
    for customer, found in mine.items():
        recent = [row for row in found if row.at >= datetime(2010, 10, 9, 12, tzinfo=retail.ZONE)]
        if recent:
            days = (AS_OF - max(row.at for row in found)).days
            share = Fraction(sum(row.price < 2 for row in found), len(found))
            raw[customer] = (
                days,
                len({row.invoice for row in recent}),
                int(sum(row.quantity * row.price for row in recent) * 10_000),
                floor(share * 1_000_000 + Fraction(1, 2)),
            )
    n, size = len(raw), len(raw) - 1
    days, orders, spent = (sorted(entry[i] for entry in raw.values()) for i in range(3))

    def group(value: int, ordered: list[int]) -> int:
        spots = [Fraction(size * k, 3) for k in (1, 2)]
        edges = [
            ordered[floor(s)] + (s - floor(s)) * (ordered[min(floor(s) + 1, size)] - ordered[floor(s)])
            for s in spots
        ]
        return sum(value > edge for edge in edges)

    result = {}
    for customer, (recency, frequency, money, cheap) in raw.items():
        rank = bisect_left(orders, frequency)
        scores = (
            (10_000, 6_000, 2_000)[group(recency, days)],
            (2_000, 6_000, 10_000)[sum(rank * 3 > size * k for k in (1, 2))],
            floor(Fraction(10_000 * bisect_left(spent, money), size) + Fraction(1, 2)),
            floor(min(max(Fraction(800_000 - cheap, 600_000), 0), 1) * 10_000 + Fraction(1, 2)),
        )
        weighed = sum(score * weight for score, weight in zip(scores, (30, 30, 30, 10), strict=True))
        total = floor(Fraction(weighed, 100) + Fraction(1, 2))
        result[customer] = (*raw[customer], *scores, total, 0 if total >= 7000 else 1 if total >= 4000 else 2)
    assert n > 100
    return result


def cells(run_id: int, indicators: int = 4) -> dict[int, tuple]:
    """What a run found: raw values, scores, total and grade by customer."""
    names = [f"{letter}{slot:02}" for letter in "vs" for slot in range(1, indicators + 1)]
    return {
        row["subject_id"]: tuple(row[name] for name in [*names, "total", "grade_no"])
        for row in retail.result_rows(run_id)
    }


@pytest.fixture
def retail_days(in_app):
    """The first days of the file in the database."""
    rows = retail.lines(FEW)
    return rows, retail.load(rows)


def test_another_recipe_gives_what_plain_python_gives(retail_days):
    rows, customers = retail_days
    assert cells(run_file("spring.yaml", "2010-12-01..2010-12-31", "2010-12-09 12:00")) == by_hand(
        rows, customers
    )


def test_moving_one_last_invoice_by_a_day_changes_exactly_the_expected_cells(retail_days):
    rows, customers = retail_days
    before = cells(run_file("spring.yaml", "2010-12-01..2010-12-31", "2010-12-09 12:00"))
    invoices = Counter(code for code, _ in {(row.customer, row.invoice) for row in rows if row.at < AS_OF})
    last = next(
        row
        for row in rows
        if invoices[row.customer] == 1 and row.customer and row.at > datetime(2010, 12, 3, tzinfo=retail.ZONE)
    )
    moved = [
        replace(row, at=row.at - timedelta(days=1)) if row.invoice == last.invoice else row for row in rows
    ]
    with access.acting(access.SYSTEM), transaction():
        at = retail.utc(last.at - timedelta(days=1))
        ids = select(SalesDocument.id).where(SalesDocument.no == last.invoice).scalar_subquery()
        db.session.execute(update(TradeLine).where(TradeLine.sales_document_id == ids).values(moment=at))
    after = cells(run_file("spring.yaml", "2010-12-01..2010-12-31", "2010-12-09 12:00"))
    expected = by_hand(moved, customers)
    changed = {(one, i) for one in before for i, cell in enumerate(before[one]) if after[one][i] != cell}
    assert changed == {
        (one, i) for one in before for i, cell in enumerate(before[one]) if expected[one][i] != cell
    }
    assert (customers[last.customer], 0) in changed and len(changed) < 100


def bought_again(rows: list[retail.Line], customers: dict[str, int]) -> dict[int, tuple]:
    """In plain Python: days with orders, days and orders after the first day, their mean amount, age and stretch."""
    until = datetime(2010, 12, 9, 12, tzinfo=retail.ZONE)
    mine: dict[int, list[retail.Line]] = {}
    for row in rows:
        if row.customer and row.invoice[0] not in "CA" and row.quantity > 0 and row.at < until:
            mine.setdefault(customers[row.customer], []).append(row)
    found = {}
    for customer, bought in mine.items():
        days = {row.at.astimezone(company.zone).date() for row in bought}
        again = [row for row in bought if row.at.astimezone(company.zone).date() > min(days)]
        spent = sum(int(row.quantity * row.price * 10_000) for row in again)
        first, last = min(row.at for row in bought), max(row.at for row in bought)
        repeats = len(days) - 1
        found[customer] = (
            len(days),
            repeats,
            len({row.invoice for row in again}),
            floor(Fraction(spent, repeats) + Fraction(1, 2)) if repeats else None,
            (until - first).days,
            (last - first).days,
        )
    return found


def test_what_is_bought_again_is_what_plain_python_finds(retail_days):
    rows, customers = retail_days
    run_id = run_file("repeat.yaml", "2010-12-01..2010-12-31", "2010-12-09 12:00")
    found = {one: values[:6] for one, values in cells(run_id, 6).items()}
    assert found == bought_again(rows, customers)
    assert sum(values[1] > 0 for values in found.values()) > 50, "somebody came again"


def test_the_same_data_gives_the_same_checksum_on_a_second_run(retail_days):
    first, second = (run_file("segments.yaml", "2010-12-01..2010-12-31") for _ in range(2))
    with access.acting(access.SYSTEM):
        one, two = db.session.get_one(EvalRun, first), db.session.get_one(EvalRun, second)
        assert (one.revision, two.revision) == (1, 2)
        assert one.checksum == two.checksum is not None
