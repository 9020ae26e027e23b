"""Published figures of real data, as measures over everything: each comes out to the last digit, its denominator named.

`published.figures_of` gives all figures of a data set, and what a test finds is compared with all of them: none is left
out. Those of a wholesaler, of applicants for credit and of a survey stand in `test_added_fields`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.extensions import db, transaction
from app.models import CaseKind, CaseStatus, ExtraIndex, ItemType, Lookup, ServiceCase
from app.services import access
from app.workflows.evaluation import reading, runs, schemes
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import published, retail, shop


def test_no_published_figure_is_left_out():
    """Each test compares what it finds with every figure of its data; these are all the data there are figures of."""
    shown = ("Online Retail", "CFPB BoA", "Wholesale", "German credit", "Housing satisfaction")
    every = json.loads(published.file("expected.json").read_text(encoding="utf-8"))
    assert {one["dataset"] for one in every} == set(shown)
    assert sum(len(published.figures_of(dataset)) for dataset in shown) == len(every) == 96


# ---- the order lines of a wholesaler ---------------------------------------------------------------------------------

YEAR = "2010-12-01..2011-12-10"
"""To the end of the day before the one the published segments are as of."""
ALL = "2010-12-01..2011-12-31"
FEW = 20_000
SALES = 'kind = "order" and description is not missing and qty > 0 units and customer is not missing'
SEGMENTS = {
    "hibernating": ("12", "12"),
    "at_Risk": ("12", "34"),
    "cant_loose": ("12", "5"),
    "about_to_sleep": ("3", "12"),
    "need_attention": ("3", "3"),
    "loyal_customers": ("34", "45"),
    "promising": ("4", "1"),
    "new_customers": ("5", "1"),
    "potential_loyalists": ("45", "23"),
    "champions": ("5", "45"),
}
"""Of recency and of frequency the fifths; the first that fits."""


def segment_figures(name: str, customers: int, recency: Any, orders: Any, amount: Any) -> dict[str, Any]:
    """What is published of a segment; `amount` in 1/10,000."""
    means = {"recency": recency, "frequency": orders, "amount": amount}
    return {f"RFM-A {name} count": customers} | {
        f"RFM-A {name} mean {key}": rounded(value, 6) for key, value in means.items()
    }


def rounded(value: Any, places: int) -> Decimal:
    exact = Fraction(value)
    return Decimal(floor(exact * 10**places + Fraction(1, 2))).scaleb(-places)


def wanted(rows: Sequence[retail.Line], invoices: Iterable[str]) -> dict[str, Any]:
    """All figures in plain Python, of these lines."""
    sold = [
        row
        for row in rows
        if row.customer and row.description and row.quantity > 0 and row.invoice[0] not in "CA"
    ]
    bills = Counter(product for product, _ in {(row.product, row.invoice) for row in sold})
    totals = {no: sum(row.quantity * row.price for row in rows if row.invoice == no) for no in invoices}
    no_customer, no_text = (
        sum(not getattr(row, name) for row in rows) for name in ("customer", "description")
    )
    return {
        "rows": len(rows),
        "invoices": len({row.invoice for row in rows}),
        "customers": len({row.customer for row in rows} - {""}),
        "countries": len({row.country for row in rows}),
        "missing cells": no_customer + no_text,
        "missing CustomerID": no_customer,
        "missing Description": no_text,
        "products among complete lines": len(
            {row.product for row in rows if row.customer and row.description}
        ),
        "top 5 products by invoices": dict(bills.most_common(5)),
        "sales invoices with a customer": len({row.invoice for row in sold}),
        **{f"invoice {no} total": total for no, total in totals.items()},
        **segments_by_hand(sold),
    }


def segments_by_hand(sold: Iterable[retail.Line]) -> dict[str, Any]:
    """Recency and frequency in fifths: of recency by value, edges between order statistics; of frequency by rank."""
    mine: dict[str, list[retail.Line]] = {}
    for row in sold:
        mine.setdefault(row.customer, []).append(row)
    as_of = datetime(2011, 12, 11, tzinfo=retail.ZONE)
    days = {code: (as_of - max(row.at for row in rows)).days for code, rows in mine.items()}
    orders = {code: len({row.invoice for row in rows}) for code, rows in mine.items()}
    spent = {code: sum((row.quantity * row.price for row in rows), Decimal()) for code, rows in mine.items()}
    ordered, size = sorted(days.values()), len(mine) - 1
    edges = []
    for k in range(1, 5):
        spot = Fraction(size * k, 5)
        low, high = ordered[floor(spot)], ordered[min(floor(spot) + 1, size)]
        edges.append(low + (spot - floor(spot)) * (high - low))
    found: dict[str, list[str]] = {}
    for rank, code in enumerate(sorted(mine, key=lambda code: (orders[code], code))):
        recency = 5 - sum(days[code] > edge for edge in edges)
        frequency = 1 + sum(rank > Fraction(size * k, 5) for k in range(1, 5))
        name = next(n for n, (r, f) in SEGMENTS.items() if str(recency) in r and str(frequency) in f)
        found.setdefault(name, []).append(code)
    figures: dict[str, Any] = {"RFM-A customers": len(mine)}
    for name, codes in found.items():
        means = (
            Fraction(sum(Fraction(of[code]) for code in codes), len(codes)) for of in (days, orders, spent)
        )
        figures |= segment_figures(name, len(codes), *means)
    return figures


def computed(rows: Sequence[retail.Line], invoices: Sequence[str], products: Sequence[str]) -> dict[str, Any]:
    """The same by the engine: measures over all lines, and the scheme of the segments."""
    customers = retail.load(list(rows))
    shop.customer("FIGURES", id=len(customers) + 1)
    complete = "customer is not missing and description is not missing"
    counted = {
        "rows": {"aggregate": "count"},
        "invoices": {"aggregate": "count_distinct", "of": "document"},
        "customers": {"aggregate": "count_distinct", "of": "customer"},
        "countries": {"aggregate": "count_distinct", "of": "country"},
        "missing CustomerID": {"aggregate": "count", "where": "customer is missing"},
        "missing Description": {"aggregate": "count", "where": "description is missing"},
        "products among complete lines": {"aggregate": "count_distinct", "of": "product", "where": complete},
        "sales invoices with a customer": {"aggregate": "count_distinct", "of": "document", "where": SALES},
    }
    bills = {
        f"bills{number}": counted["sales invoices with a customer"]
        | {"where": f'product_code = "{code}" and {SALES}'}
        for number, code in enumerate(products)
    }
    totals = {
        f"total{number}": {"aggregate": "sum", "of": "amount", "where": f'document_no = "{no}"'}
        for number, no in enumerate(invoices)
    }
    keys = {f"m{number}": name for number, name in enumerate(counted)}
    asked = {key: counted[name] for key, name in keys.items()} | bills | totals
    found = published.measured(asked, "order_lines", ALL)
    figures: dict[str, Any] = {name: found[key] for key, name in keys.items()}
    figures["missing cells"] = figures["missing CustomerID"] + figures["missing Description"]
    most = sorted(
        ((code, found[f"bills{number}"]) for number, code in enumerate(products)), key=lambda one: -one[1]
    )
    figures["top 5 products by invoices"] = dict(most[:5])
    figures |= {
        f"invoice {no} total": Decimal(found[f"total{number}"]) / 10_000 for number, no in enumerate(invoices)
    }
    return figures | segments()


def segments() -> dict[str, Any]:
    """What the page of the run tells: subjects of each grade, and the means of their values."""
    body = schemes.body_of_file(Path(__file__).parent / "schemes" / "segments.yaml")
    with access.acting(access.SYSTEM):
        run_id = runs.start_trial(body, pin(YEAR))
        runs.compute(run_id)
        opened = reading.open_run(run_id)
        lines = reading.summary(opened)
        figures: dict[str, Any] = {"RFM-A customers": opened.run.population}
    for line in lines:
        assert line.grade is not None
        means = (line.means[key] for key in ("recency", "frequency", "monetary"))
        figures |= segment_figures(line.grade.code, line.subjects, *means)
    return figures


def test_the_first_orders_of_the_register_give_what_plain_python_gives(in_app):
    rows = retail.lines(FEW)
    invoices = ["536365", "536366", "536367", "536368", "536369", rows[-1].invoice]
    figures = wanted(rows, invoices)
    best = Counter(row.product for row in rows if row.customer and row.quantity > 0)
    assert computed(rows, invoices, [code for code, _ in best.most_common(24)]) == figures
    assert len(figures) > 50


@pytest.mark.long
def test_the_published_figures_of_the_register_come_out_exactly(in_app):
    rows = retail.lines()
    figures = published.figures_of("Online Retail")
    invoices = [name.split()[1] for name in figures if name.startswith("invoice ")]
    assert wanted(rows, invoices) == figures
    best = Counter(row.product for row in rows if row.customer and row.quantity > 0)
    assert computed(rows, invoices, [code for code, _ in best.most_common(48)]) == figures


# ---- complaints about a bank -----------------------------------------------------------------------------------------

DECADE = "2010-01-01..2024-12-31"
TEXTS = {
    "via": "Submitted via",
    "sub_product": "Sub-product",
    "issue": "Issue",
    "sub_issue": "Sub-issue",
    "response": "Company public response",
    "timely": "Timely response?",
}
"""What an administrator adds to complaints, and the columns of the file that hold it."""
YEARS = range(2017, 2024)


def complaints() -> list[dict[str, Any]]:
    """The file as complaints: each state a customer, the product a category, the rest in added fields."""
    rows = list(published.rows_of(published.file("complaints/boa_cfpb_raw.xlsx")))
    items = {name: shop.field(name, ItemType.text, table="service_case") for name in TEXTS}
    states = {state: shop.customer(state) for state in sorted({row["State"] for row in rows} - {""})}
    products = {
        name: shop.add(Lookup, category="case_category", code=name[:40], name_zh=name, name_en=name)
        for name in sorted({row["Product"] for row in rows})
    }
    cases, texts = [], []
    for number, row in enumerate(rows, 1):
        sent, received = (
            datetime.combine(row[name], datetime.min.time(), UTC)
            for name in ("Date submitted", "Date received")
        )
        replied = received if row["Timely response?"] else None
        cases.append((number, states.get(row["State"]), products[row["Product"]], sent, received, replied))
        texts += [(items[name], number, row[head]) for name, head in TEXTS.items() if row[head]]
    keep(cases, texts)
    shop.customer("FIGURES")
    return rows


def keep(cases: Sequence[tuple[Any, ...]], texts: Sequence[tuple[Any, ...]]) -> None:
    fixed = (
        CaseKind.complaint.value,
        CaseStatus.received.value,
        "low",
        "a complaint",
        retail.NOW,
        retail.NOW,
        1,
    )
    columns = ("id", "customer_id", "category_id", "received_at", "first_response_at", "replied_at")
    named = ("kind", "status", "severity", "subject", "created_at", "changed_at", "version_no")
    with access.acting(access.SYSTEM), transaction():
        retail.fill(ServiceCase, (*columns, *named), [(*one, *fixed) for one in cases])
        retail.fill(ExtraIndex, ("info_item_id", "object_id", "text_key"), texts)
        db.session.execute(sa.text("ANALYZE"))


def mode(counts: Mapping[Any, int]) -> Any:
    return max(counts, key=lambda one: counts[one])


def counted(conditions: Mapping[Any, str]) -> dict[Any, int]:
    """How many complaints fulfil each condition."""
    asked = {
        f"n{number}": {"aggregate": "count", "where": one} for number, one in enumerate(conditions.values())
    }
    found = published.measured(asked, "complaints", DECADE)
    return dict(zip(conditions, found.values(), strict=True))


def test_the_published_figures_of_complaints_come_out_with_their_denominators(in_app):
    rows = complaints()
    over_all = {"aggregate": "ratio", "over": "received_at is not missing"}
    figures: dict[str, Any] = published.measured(
        {
            "complaints": {"aggregate": "count"},
            "products": {"aggregate": "count_distinct", "of": "category"},
            "sub_products": {"aggregate": "count_distinct", "of": "extra.sub_product"},
            "states": {"aggregate": "count_distinct", "of": "customer"},
            "hours": {"aggregate": "mean", "of": "hours_to_response"},
            "timely": over_all | {"of": 'extra.timely = "Yes"'},
            "timely_answered": {
                "aggregate": "ratio",
                "of": 'extra.timely = "Yes"',
                "over": "extra.timely is not missing",
            },
            "web": over_all | {"of": 'extra.via = "Web"'},
        },
        "complaints",
        DECADE,
    )
    assert rounded(Fraction(figures.pop("timely_answered"), 10_000), 2) == Decimal("96.06")
    figures["sub-products"] = figures.pop("sub_products")
    figures["mean days to forward"] = rounded(Fraction(figures.pop("hours"), 1_000 * 24), 2)
    figures["timely rate %"] = rounded(Fraction(figures.pop("timely"), 10_000), 2)
    figures["web share %"] = rounded(Fraction(figures.pop("web"), 10_000), 0)
    figures |= counted(
        {
            "web complaints": 'extra.via = "Web"',
            "checking/savings complaints": 'category_code = "Checking or savings account"',
            "card complaints": 'category_code = "Credit card or prepaid card"',
            "checking account complaints": 'extra.sub_product = "Checking account"',
            "non-empty Sub-issue": "extra.sub_issue is not missing",
            "non-empty public response": "extra.response is not missing",
        }
    )
    figures["busiest year"] = mode(counted({year: f"year(row_day) = {year}" for year in YEARS}))
    figures["busiest month"] = mode(counted({month: f"month(row_day) = {month}" for month in range(1, 13)}))
    issues = sorted({row["Issue"] for row in rows})
    figures["top issue"] = mode(counted({issue: f'extra.issue = "{issue}"' for issue in issues}))
    assert figures | of_states() == published.figures_of("CFPB BoA")


def of_states() -> dict[str, Any]:
    """Each state as a subject: its complaints, those of each year, the mean hours of all and of those answered."""
    mean = {"source": "complaints", "aggregate": "mean", "of": "hours_to_response"}
    number = {"source": "complaints", "aggregate": "count"}
    measures: dict[str, Any] = {"number": number, "hours": mean}
    measures["answered"] = mean | {"where": "replied_at is not missing"}
    measures |= {f"in_{year}": number | {"where": f"year(row_day) = {year}"} for year in YEARS}
    scheme = published.body(measures, population={"having": "number > 0"})
    found = published.by_subject(scheme, DECADE)
    most = sorted(found, key=lambda state: -found[state][0])
    slowest, fastest = (pick(found, key=lambda state: found[state][at]) for pick, at in ((max, 1), (min, 2)))
    assert rounded(Fraction(found[fastest][1], 1_000), 2) == Decimal("8.88")  # of all, not of those answered
    return {
        "top five states": most[:5],
        "California's busiest year": mode(dict(zip(YEARS, found["CA"][3:], strict=True))),
        "slowest state": [slowest, rounded(Fraction(found[slowest][1], 1_000), 2)],
        "fastest state": [fastest, rounded(Fraction(found[fastest][2], 1_000), 2)],
    }
