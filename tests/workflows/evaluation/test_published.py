"""Published figures of real data, as measures over everything: each comes out to the last digit, its denominator named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from app.extensions import db, transaction
from app.models import CaseKind, CaseStatus, ServiceCase
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
    }
    found = figures(with_customer, "order_lines", "2010-12-01..2011-12-31")
    assert found == {f"top_{code.lower()}": count for code, count in TOP.items()} | {
        "sales_invoices": 18_536,
        "no_customer": 135_080,
    }


COMPLAINTS = retail.FOLDER.parent / "complaints" / "complaints.xlsx"


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_rate_of_timely_answers_depends_on_its_denominator(in_app):
    if not COMPLAINTS.exists():
        pytest.skip(f"missing: {COMPLAINTS}")
    sheet = load_workbook(COMPLAINTS, read_only=True).worksheets[0]
    rows = sheet.iter_rows(values_only=True)
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
