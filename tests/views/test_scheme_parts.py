"""Measures and indicators of a draft: tried on a customer before anything is kept, refused beside their fields, kept."""

from __future__ import annotations

import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from flask_appbuilder.security.sqla.models import Role

from app.extensions import db, transaction
from app.models import Customer, DocumentStatus, EvalRun, EvalSchemeVersion, ItemType, Lookup
from app.services import access
from tests.views.test_schemes import seen_on
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


def sent(who: Any, where: str, typed: dict[str, str], seen: str = "") -> Any:
    """The answer to a form sent from the draft as it is now, or as it was `seen`."""
    return who.post(where, data={"seen": seen or seen_on(who.get(where)), **typed})


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
    assert "data-dirty" in page and "data-dirty" not in mia.get(where).text  # it is not kept yet
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}
    assert sent(mia, where, measure()).status_code == 303
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
    answer = sent(mia, where, indicator())
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
    page = sent(login(cast.mia, "zh"), draft.replace("show/", "") + "/measure", measure(**changed))
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
    page = sent(login(cast.mia, "zh"), draft.replace("show/", "") + "/indicator", indicator(**changed))
    assert page.status_code == 422
    assert beside(page.text, field) and says in beside(page.text, field), page.text[-3000:]
    assert set(parts(app, draft, "indicators")) == {"amount", "complaint"}


def test_confidential_fields_other_people_s_drafts_and_others_than_evaluators_are_refused(
    app, cast, draft, login
):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/measure"
    for more in ({"try": "1", "subject": str(cast.k1)}, {"try": "1"}, {}):
        page = sent(mia, where, measure(of="amount - cost * qty", **more))
        assert page.status_code == 403 and "“单位成本”是保密字段" in page.text
    assert login(cast.max).post(where, data=measure()).status_code == 403
    assert login(cast.alice).get(where).status_code == 403
    assert login(cast.alice).post(where, data=measure()).status_code == 403
    assert mia.get(f"{where}/none").status_code == 404
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}


@pytest.mark.parametrize(
    ("language", "told", "then"),
    [
        ("zh", "您打开本页之后又在别处改了这份草稿", "再次保存只写入本页的内容，其余保留"),
        (
            "en",
            "You changed this draft elsewhere",
            "saving again writes what stands on this page and keeps the rest",
        ),
    ],
    ids=["zh", "en"],
)
def test_of_two_windows_on_one_draft_the_later_is_told_and_then_both_parts_stand(
    app, cast, draft, login, language, told, then
):
    mia, where = login(cast.mia, language), draft.replace("show/", "")
    seen = seen_on(mia.get(f"{where}/measure"))
    assert seen == seen_on(mia.get(f"{where}/indicator"))
    assert sent(mia, f"{where}/indicator", indicator(), seen).status_code == 303
    tried = sent(mia, f"{where}/measure", measure(**{"try": "1", "subject": str(cast.k1)}), seen)
    assert tried.status_code == 200 and seen_on(tried) == seen  # trying is no seeing
    lost = sent(mia, f"{where}/measure", measure(), seen)
    assert lost.status_code == 409 and told in lost.text and then in lost.text
    assert 'value="最大一行"' in lost.text
    assert "largest" not in parts(app, draft, "measures") and "part" in parts(app, draft, "indicators")
    assert sent(mia, f"{where}/measure", measure(), seen_on(lost)).status_code == 303
    assert "largest" in parts(app, draft, "measures") and "part" in parts(app, draft, "indicators")


def test_a_weight_added_in_another_window_is_on_the_form_that_comes_back(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "")
    amount = f"{where}/indicator/amount"
    old = {"seen": seen_on(mia.get(amount)), **indicator(zh="购买额", value="bought", weight="70")}
    for name in ("key", "weight-amount"):
        old.pop(name)
    assert sent(mia, f"{where}/indicator", indicator()).status_code == 303
    lost = mia.post(amount, data=old)
    assert lost.status_code == 409 and "购买额" in lost.text
    assert re.search(
        r'<input[^>]*"weight-part"[^>]*value="10"|<input[^>]*value="10"[^>]*"weight-part"', lost.text
    )


def test_a_measure_taken_out_in_another_window_is_not_lost_to_who_is_changing_it(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/measure"
    assert sent(mia, where, measure()).status_code == 303
    seen = seen_on(mia.get(f"{where}/largest"))
    assert sent(mia, f"{where}/largest/remove", {}).status_code == 303
    lost = sent(mia, f"{where}/largest", measure(zh="最大单行"), seen)
    assert lost.status_code == 409 and "最大单行" in lost.text
    assert sent(mia, f"{where}/largest", measure(zh="最大单行"), seen_on(lost)).status_code == 303
    assert parts(app, draft, "measures")["largest"]["zh"] == "最大单行"


def test_a_measure_is_taken_out_once_nothing_uses_it(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "")
    assert f"{where}/measure/bought/remove" in mia.get(f"{where}/measure/bought").text
    asked = mia.get(f"{where}/measure/bought/remove").text
    assert "因为指标“购买金额”在使用它" in asked
    refused = sent(mia, f"{where}/measure/bought/remove", {})
    assert refused.status_code == 409 and "因为指标“购买金额”在使用它" in refused.text
    english = sent(login(cast.mia, "en"), f"{where}/measure/bought/remove", {})
    assert "it is used by the indicator &#39;Amount bought&#39;" in english.text
    mia = login(cast.mia, "zh")
    assert sent(mia, f"{where}/measure", measure()).status_code == 303
    asked = mia.get(f"{where}/measure/largest/remove")
    assert "largest" in parts(app, draft, "measures")  # asking changes nothing
    command = re.search(r'name="_cmd" value="([^"]+)"', asked.text)
    for _pressed_twice in range(2):
        answer = sent(mia, f"{where}/measure/largest/remove", {"_cmd": command[1]}, seen_on(asked))
        assert (answer.status_code, answer.location) == (303, draft)
    assert set(parts(app, draft, "measures")) == {"bought", "complaints"}
    assert "最大一行" not in mia.get(draft).text
    assert mia.get(f"{where}/measure/largest/remove").status_code == 404


def test_an_indicator_is_taken_out_with_the_weights_of_the_others(app, cast, draft, login):
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "") + "/indicator/complaint/remove"
    asked = mia.get(where)
    assert 'name="weight-amount"' in asked.text and 'name="weight"' not in asked.text
    seen = seen_on(asked)
    short = sent(mia, where, {"weight-amount": "70"}, seen)
    assert short.status_code == 422 and "权重合计为 70 %" in short.text and seen_on(short) == seen
    assert set(parts(app, draft, "indicators")) == {"amount", "complaint"}
    assert sent(mia, where, {"weight-amount": "100"}, seen).status_code == 303
    assert {key: one["weight"] for key, one in parts(app, draft, "indicators").items()} == {"amount": "100 %"}
    # now nothing uses the measure either, and one indicator must stay
    last = draft.replace("show/", "") + "/indicator/amount/remove"
    assert "至少要有一个指标" in sent(mia, last, {}).text
    assert sent(mia, draft.replace("show/", "") + "/measure/complaints/remove", {}).status_code == 303
    assert set(parts(app, draft, "measures")) == {"bought"}


def test_parts_of_the_drafts_of_others_and_what_a_table_goes_by_stay(app, cast, draft, login):
    where = draft.replace("show/", "") + "/indicator/complaint/remove"
    assert sent(login(cast.max), where, {"weight-amount": "100"}).status_code == 403
    assert login(cast.alice).get(where).status_code == 403
    mia = login(cast.mia, "zh")
    whole = f"/scheme/edit/{draft.rpartition('/')[2]}"
    body = {"scheme": "SHOP", **shop.scheme()}
    for grade in body["grades"]:
        grade.pop("from", None)
    for one in body["indicators"].values():
        one.pop("weight")
    body["table"] = {
        "inputs": ["complaint"],
        "rows": [
            {"when": ["100分"], "grade": "QUALITY"},
            {"when": ["50分"], "grade": "GENERAL"},
            {"when": ["0分"], "grade": "UNQUALIFIED"},
        ],
    }
    text = yaml.safe_dump(body, allow_unicode=True, sort_keys=False)
    answer = mia.post(whole, data={"body": text, "seen": seen_on(mia.get(whole))})
    assert answer.status_code == 303, answer.text[-3000:]
    refused = sent(mia, where, {})
    assert refused.status_code == 409 and "因为等级表在使用它" in refused.text


def test_added_fields_are_offered_to_who_may_see_them_and_tried_like_any_other(app, cast, draft, login):
    """A choice with its names; what is out of use or for another role alone is not offered."""
    with app.app_context():
        shop.field("area", ItemType.number)
        shop.field("soil", ItemType.choice, "黏土 | Clay", "沙土 | Sand")
        shop.field("former", ItemType.text, active=False)
        with access.acting(access.SYSTEM):
            inspectors = db.session.query(Role.id).filter_by(name="inspector").scalar()
        shop.field("secret", ItemType.text, read_role_id=inspectors)
        with access.acting(access.SYSTEM), transaction():
            record, clay = (
                db.session.get_one(Customer, cast.k1),
                db.session.query(Lookup).filter_by(name_zh="黏土").one(),
            )
            setattr(record, "extra.area", Decimal("12.5"))
            setattr(record, "extra.soil", clay.id)
        db.session.remove()
    mia, where = login(cast.mia, "zh"), draft.replace("show/", "")
    page = mia.get(f"{where}/indicator").text
    assert "extra.area" in page and "黏土" in page
    assert "extra.former" not in page and "extra.secret" not in page
    more = {"source": "customers", "aggregate": "sum", "of": "extra.area", "window": "all"}
    tried = measure(**more, where='extra.soil = "黏土"', **{"try": "1", "subject": str(cast.k1)})
    page = sent(mia, f"{where}/measure", tried)
    assert "计入 1 行" in page.text and "12.5" in page.text
    page = sent(mia, f"{where}/measure", tried | {"where": 'extra.soil = "沙土"'})
    assert "计入 0 行" in page.text
