"""Grades over real purchases: a published segmentation, and other recipes against independent computations."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from app.extensions import db
from app.models import EvalRun
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
    assert Counter(entry[-1] for entry in found.values())["champions"] == 633
