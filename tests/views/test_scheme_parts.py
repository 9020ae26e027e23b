"""Measures and indicators of a draft: tried on a customer before anything is kept, refused beside their fields, kept."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from app.extensions import db
from app.models import DocumentStatus, EvalRun, EvalSchemeVersion
from app.services import access
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.req("L-01", "L-11")


@pytest.fixture
def cast(app: Any, people: SimpleNamespace, hire: Any) -> SimpleNamespace:
    people.mia, people.max = hire("Mia", "marketing"), hire("Max", "marketing")
    with app.app_context():
        people.k1 = shop.customer("K1")
        shop.order(people.k1, "2025-03-01T10:00", 600, 400)
        shop.order(people.k1, "2025-04-01T10:00", 80, status=DocumentStatus.draft)
        shop.order(people.k1, "2024-03-01T10:00", 50)
        db.session.remove()
    return people


@pytest.fixture
def draft(cast: SimpleNamespace, login: Any) -> str:
    """Mia's draft of the shop's scheme."""
    body = {"scheme": "SHOP", **shop.scheme()}
    text = yaml.safe_dump(body, allow_unicode=True, sort_keys=False)
    return str(login(cast.mia, "zh").post("/scheme/new", data={"body": text}).location)


def parts(app: Any, draft: str, kind: str) -> dict[str, Any]:
    with app.app_context(), access.acting(access.SYSTEM):
        version = db.session.get_one(EvalSchemeVersion, int(draft.rpartition("/")[2]))
        found = dict(version.body[kind])
        assert db.session.query(EvalRun).count() == 0  # trying is no run
        db.session.remove()
        return found


def beside(page: str, field: str) -> str:
    """What stands beside a field that is refused."""
    found = re.search(rf'id="f-{field}-e">(.*?)</span>', page, re.DOTALL)
    return re.sub(r"<[^>]*>", "", found[1]).strip() if found else ""


def measure(**more: str) -> dict[str, str]:
    return {
        "key": "largest",
        "zh": "最大一行",
        "en": "Largest line",
        "source": "order_lines",
        "aggregate": "max",
        "of": "amount",
        "where": 'document_status = "confirmed"',
        "window": "本期",
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        **more,
    }


def indicator(**more: str) -> dict[str, str]:
    return {
        "key": "part",
        "zh": "大额占比",
        "en": "Share of the largest line",
        "value": "ratio(bought, bought)",
        "method": "{kind: linear, from: 0 %, to: 100 %}",
        "missing": "reweight",
        "weight": "10",
        "weight-amount": "60",
        "weight-complaint": "30",
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        **more,
    }


def test_a_measure_is_tried_on_a_customer_before_it_is_kept(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/measure"
    assert "订单明细" in mia.get(where).text
    page = mia.post(where, data=measure(**{"try": "1", "subject": str(cast.k1)})).text
    assert "600.00元" in page and "计入 2 行，排除 2 行" in page and "K1" in page
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}
    assert mia.post(where, data=measure()).status_code == 303
    kept = parts(app, draft, "measures")["largest"]
    assert (kept["of"], kept["window"], "over" in kept) == ("amount", "本期", False)
    assert "最大一行" in mia.get(draft).text
    # changed where it stands, tried with what is typed now
    changed = measure(aggregate="mean", **{"try": "1", "subject": str(cast.k1)})
    assert "500.00元" in mia.post(f"{where}/largest", data=changed).text
    assert parts(app, draft, "measures")["largest"]["aggregate"] == "max"


def test_an_indicator_is_a_formula_tried_on_a_customer_and_kept_with_all_weights(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/indicator"
    page = mia.post(where, data=indicator(**{"try": "1", "subject": str(cast.k1)})).text
    assert "100%" in page and "1,000.00元：计入 2 行，排除 2 行" in page
    answer = mia.post(where, data=indicator())
    assert answer.status_code == 303, answer.text[-2000:]
    kept = parts(app, draft, "indicators")
    assert {key: one["weight"] for key, one in kept.items()} == {
        "amount": "60 %",
        "complaint": "30 %",
        "part": "10 %",
    }
    assert kept["part"]["method"] == {"kind": "linear", "from": "0 %", "to": "100 %"}
    assert "大额占比" in login(cast.mia, "zh").get(draft).text


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"of": "amountt"}, "of", "amountt"),
        ({"of": ""}, "of", "缺少文字"),
        ({"of": "kind"}, "of", "可以相加的数"),
        ({"where": "amount > 5"}, "where", "单位"),
        ({"window": "最近"}, "window", "不认识的时间范围"),
        ({"source": "moon"}, "source", "应为以下之一"),
        ({"aggregate": "ratio"}, "over", "缺少文字"),
        ({"key": "Größte"}, "key", "不能作键"),
        ({"key": "bought"}, "key", "该键已使用"),
        ({"zh": ""}, "zh", "缺少文字"),
        ({"subject": "999999", "try": "1"}, "subject", "没有这个评价对象"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_measure_is_refused_beside_the_field_it_is_about(app, cast, draft, login, changed, field, says):
    page = login(cast.mia, "zh").post(draft.replace("show/", "") + "/measure", data=measure(**changed))
    assert page.status_code == 422
    assert says in beside(page.text, field), page.text[-3000:]
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"value": "bought + complaints"}, "value", "不能"),
        ({"value": "is_key"}, "value", "指标值要是数字"),
        ({"method": "{kind: linear, from: 0 %}"}, "method", ""),
        ({"method": "{kind: ["}, "method", "无法读取"),
        ({"method": "linear"}, "method", "kind: linear"),
        ({"weight": "11"}, "weight", "权重合计为 101 %"),
        ({"missing": "neutral"}, "missing", "缺少中性分数"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_indicator_is_refused_beside_the_field_it_is_about(app, cast, draft, login, changed, field, says):
    page = login(cast.mia, "zh").post(draft.replace("show/", "") + "/indicator", data=indicator(**changed))
    assert page.status_code == 422
    assert beside(page.text, field) and says in beside(page.text, field), page.text[-3000:]
    assert set(parts(app, draft, "indicators")) == {"amount", "complaint"}


def test_confidential_fields_other_people_s_drafts_and_others_than_evaluators_are_refused(
    app, cast, draft, login
):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/measure"
    for more in ({"try": "1", "subject": str(cast.k1)}, {"try": "1"}, {}):
        page = mia.post(where, data=measure(of="amount - cost * qty", **more))
        assert page.status_code == 403 and "“单位成本”是保密字段" in page.text
    assert login(cast.max).post(where, data=measure()).status_code == 403
    assert login(cast.alice).get(where).status_code == 403
    assert login(cast.alice).post(where, data=measure()).status_code == 403
    assert mia.get(f"{where}/none").status_code == 404
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}
