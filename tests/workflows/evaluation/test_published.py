"""Published figures of real data, as measures over everything: each comes out to the last digit, its denominator named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from app.extensions import db, transaction
from app.models import CaseKind, CaseStatus, Lookup, ServiceCase
from app.services import access
from app.workflows.evaluation import reading
from tests.workflows.evaluation import retail, shop

SALES = 'kind = "order" and description is not missing and qty > 0 units'
LINES: dict[str, tuple[dict[str, Any], int]] = {
    "rows": ({"aggregate": "count"}, 541_909),
    "invoices": ({"aggregate": "count_distinct", "of": "document"}, 25_900),
    "countries": ({"aggregate": "count_distinct", "of": "country"}, 38),
    "no_description": ({"aggregate": "count", "where": "description is missing"}, 1_454),
}
INVOICES = {
    "536365": "139.12",
    "536366": "22.20",
    "536367": "278.73",
    "536368": "70.05",
    "536369": "17.85",
    "581583": "124.60",
    "581584": "140.64",
    "581585": "329.05",
    "581586": "339.20",
    "581587": "249.45",
}
TOP = {"85123A": 1978, "22423": 1704, "85099B": 1600, "47566": 1380, "84879": 1375}


def figures(measures: dict[str, dict[str, Any]], source: str, period: str) -> dict[str, int | None]:
    """The values of measures over the rows of all subjects, in one run."""
    found: dict[str, int | None] = {}
    keys = list(measures)
    for start in range(0, len(keys), 20):
        some = keys[start : start + 20]
        body = {
            "scheme": "FIGURES",
            "zh": "数",
            "en": "Figures",
            "subject": "customer",
            "population": {"where": 'customer_code = "FIGURES"'},
            "measures": {
                key: {"zh": key, "en": key, "source": source, "whole": True, "window": "all"} | measures[key]
                for key in some
            },
            "indicators": {f"i_{key}": {"zh": key, "en": key, "value": key} for key in some},
        }
        run_id = shop.trial(body, period)
        with access.acting(access.SYSTEM):
            (row,) = db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
            found |= {key: row[f"v{number:02}"] for number, key in enumerate(some, 1)}
    return found


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_published_figures_of_the_register_come_out_exactly(in_app):
    customers = retail.load(retail.lines())
    shop.customer("FIGURES", id=len(customers) + 1)
    measures = {key: spec for key, (spec, _) in LINES.items()}
    measures |= {
        f"total_{no}": {"aggregate": "sum", "of": "amount", "where": f'document_no = "{no}"'}
        for no in INVOICES
    }
    measures |= {"all_lines": {"aggregate": "sum", "of": "amount"}}
    found = figures(measures, "order_lines", "2010-12-01..2011-12-31")
    wanted: dict[str, int] = {key: value for key, (_, value) in LINES.items()}
    wanted |= {f"total_{no}": int(Decimal(total) * 10_000) for no, total in INVOICES.items()}
    wanted |= {"all_lines": int(Decimal("9747747.934") * 10_000)}
    assert found == wanted
    assert len(customers) == 4_372
    with_customer = {
        f"top_{code.lower()}": {
            "aggregate": "count_distinct",
            "of": "document",
            "where": f'product_code = "{code}" and {SALES} and customer is not missing',
        }
        for code in TOP
    }
    with_customer |= {
        "sales_invoices": {
            "aggregate": "count_distinct",
            "of": "document",
            "where": f"{SALES} and customer is not missing",
        },
        "no_customer": {"aggregate": "count", "where": "customer is missing"},
        "complete_products": {
            "aggregate": "count_distinct",
            "of": "product",
            "where": "customer is not missing and description is not missing",
        },
    }
    found = figures(with_customer, "order_lines", "2010-12-01..2011-12-31")
    assert found == {f"top_{code.lower()}": count for code, count in TOP.items()} | {
        "sales_invoices": 18_536,
        "no_customer": 135_080,
        "complete_products": 3_684,
    }


def rows_of(path: Path) -> Iterator[tuple[Any, ...]]:
    """The rows of the first sheet of a workbook, its head first."""
    with closing(load_workbook(path, read_only=True)) as book:
        yield from book.worksheets[0].iter_rows(values_only=True)


COMPLAINTS = retail.FOLDER.parent / "complaints" / "complaints.xlsx"


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_rate_of_timely_answers_depends_on_its_denominator(in_app):
    if not COMPLAINTS.exists():
        pytest.skip(f"missing: {COMPLAINTS}")
    rows = rows_of(COMPLAINTS)
    heads = [str(head) for head in next(rows)]
    timely = next(n for n, head in enumerate(heads) if "及时" in head or "imely" in head)
    start = datetime(2022, 1, 1, tzinfo=UTC)
    due = start + timedelta(days=15)
    late = {"yes": start + timedelta(days=1), "no": due + timedelta(days=1)}
    words = {
        "是": "yes",
        "yes": "yes",
        "Yes": "yes",
        "true": "yes",
        "否": "no",
        "No": "no",
        "no": "no",
        "false": "no",
    }
    values = [
        {
            "subject": "c",
            "kind": CaseKind.complaint,
            "status": CaseStatus.received,
            "severity": "low",
            "received_at": start,
            "reply_due_at": due,
            "replied_at": late.get(words.get(str(row[timely]), "")),
        }
        for row in rows
    ]
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.insert(ServiceCase.__table__), [dict(one, **STAMPS) for one in values])
    shop.customer("FIGURES")
    measures = {
        "complaints": {"aggregate": "count"},
        "of_all": {"aggregate": "ratio", "of": "is_on_time", "over": "received_at is not missing"},
        "of_answered": {"aggregate": "ratio", "of": "is_on_time", "over": "replied_at is not missing"},
    }
    found = figures(measures, "complaints", "2022-01-01..2022-12-31")
    assert found["complaints"] == 62_516
    assert [round(found[key] / 10_000, 2) for key in ("of_all", "of_answered")] == [93.77, 96.06]


STAMPS = {
    "created_at": datetime(2022, 1, 1, tzinfo=UTC),
    "changed_at": datetime(2022, 1, 1, tzinfo=UTC),
    "version_no": 1,
}


DECADE = "2010-01-01..2024-12-31"
ABOUT = {
    "web": "via=Web;",
    "sub_issues": "sub-issue;",
    "responses": "response;",
    "checking": "sub=Checking account;",
}


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_published_figures_of_the_complaints_come_out_with_their_denominators(in_app):
    """Each state is a customer; what a complaint is about stands in its subject, its product is its category."""
    path = retail.FOLDER.parent / "complaints" / "boa_cfpb_raw.xlsx"
    if not path.exists():
        pytest.skip(f"missing: {path}")
    rows = rows_of(path)
    heads = [str(head) for head in next(rows)]
    every = [dict(zip(heads, row, strict=True)) for row in rows]
    states = {state: shop.customer(state) for state in sorted({one["State"] for one in every} - {None})}
    products = {
        name: shop.add(Lookup, category="case_category", code=f"c{n}", name_zh=name, name_en=name)
        for n, name in enumerate(sorted({one["Product"] for one in every}))
    }
    with access.acting(access.SYSTEM), transaction():
        cases = [case(one, states, products) for one in every]
        db.session.execute(sa.insert(ServiceCase.__table__), cases)
    shop.customer("FIGURES")
    about = {
        key: {"aggregate": "count", "where": f'contains(subject, "{text}")'} for key, text in ABOUT.items()
    }
    whole = about | {
        "all": {"aggregate": "count"},
        "products": {"aggregate": "count_distinct", "of": "category"},
        "hours": {"aggregate": "mean", "of": "hours_to_response"},
    }
    found = figures(whole, "complaints", DECADE)
    days = Decimal(found.pop("hours")) / 1000 / 24
    assert round(days, 2) == Decimal("1.22")  # of all complaints
    assert found == {
        "web": 45_423,
        "sub_issues": 51_658,
        "responses": 60_341,
        "checking": 20_768,
        "all": 62_516,
        "products": 9,
    }
    assert round(found["web"] * 100 / found["all"]) == 73
    by_state = {code: values for code, values in by_subject().items() if values[0]}
    assert len(by_state) == 51
    assert sorted(by_state, key=lambda code: -by_state[code][0])[:5] == ["CA", "FL", "TX", "NY", "GA"]
    slowest = max(by_state, key=lambda code: by_state[code][1])
    fastest = min(by_state, key=lambda code: by_state[code][2])
    assert (slowest, round(Decimal(by_state[slowest][1]) / 1000, 2)) == ("SD", Decimal("74.12"))  # of all
    assert (fastest, round(Decimal(by_state[fastest][2]) / 1000, 2)) == (
        "IA",
        Decimal("7.46"),
    )  # of those answered
    assert round(Decimal(by_state["IA"][1]) / 1000, 2) == Decimal("8.88")  # the same of all


def case(one: dict[str, Any], states: dict[str, int], products: dict[str, int]) -> dict[str, Any]:
    """A row of the register as a complaint; "Timely response?" is empty for those not answered yet."""
    parts = [f"via={one['Submitted via']};", f"sub={one['Sub-product']};"]
    parts += [mark for mark, name in MARKS if one[name] is not None]
    sent, received = (one[name].replace(tzinfo=UTC) for name in ("Date submitted", "Date received"))
    return STAMPS | {
        "subject": "".join(parts),
        "kind": CaseKind.complaint,
        "status": CaseStatus.received,
        "severity": "low",
        "customer_id": states.get(one["State"]),
        "category_id": products[one["Product"]],
        "received_at": sent,
        "first_response_at": received,
        "replied_at": received if one["Timely response?"] is not None else None,
    }


MARKS = (("sub-issue;", "Sub-issue"), ("response;", "Company public response"))


def by_subject() -> dict[str, list[int]]:
    """Complaints of each state, and the mean hours to the first response: of all, and of those answered."""
    mean = {"source": "complaints", "aggregate": "mean", "of": "hours_to_response"}
    measures = {
        "number": {"source": "complaints", "aggregate": "count"},
        "hours": mean,
        "answered": mean | {"where": "replied_at is not missing"},
    }
    body = {
        "scheme": "STATES",
        "zh": "州",
        "en": "States",
        "subject": "customer",
        "measures": {key: {"zh": key, "en": key} | one for key, one in measures.items()},
        "indicators": {f"i_{key}": {"zh": key, "en": key, "value": key} for key in measures},
    }
    run_id = shop.trial(body, DECADE)
    with access.acting(access.SYSTEM):
        rows = db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        return {row["code"]: [row["v01"], row["v02"], row["v03"]] for row in rows}
