"""The evaluation screens: starting a run, its results as far as one sees them, why, and publication."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from app.extensions import db, transaction
from app.models import ApprovalRequest, Customer, EvalRun, Parameter, RunStatus
from app.services import access, exports, jobs
from app.workflows.evaluation import packing, reading
from tests import world
from tests.workflows.evaluation import shop


@pytest.fixture
def people(app) -> world.World:
    """Ann owns K1, Dan owns K2; Hana may run everything, Leo decides on it."""
    with app.app_context():
        found = world.build()
        for code, who in (("K1", "ann"), ("K2", "dan")):
            made = shop.customer(code, owner_id=found.employees[who], org_unit_id=found.unit_of(who))
            shop.order(made, "2025-03-01T10:00", 900 if code == "K1" else 100)
        with access.acting(access.SYSTEM), transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        world.give_everything(found, "hana", world.Reach.all)
        db.session.remove()
    return found


def english(client):
    client.post("/language", data={"language": "en"})
    return client


def started(client) -> str:
    form = {"scheme": "SHOP", "period_from": "2025-01-01", "period_to": "2025-12-31", "as_of": ""}
    answer = client.post("/evaluation/start", data=form)
    assert answer.status_code == 303, answer.text[:800]
    return answer.headers["Location"]


def computed(app) -> None:
    with app.app_context():
        assert jobs.drain() == 1
        db.session.remove()


def publish(app, evaluator, leader, run_id: int) -> None:
    """The evaluator submits a run on its page, the leader approves it in his inbox."""
    evaluator.post(f"/evaluation/{run_id}/submit")
    with app.app_context(), access.acting(access.SYSTEM):
        request_id = db.session.query(ApprovalRequest.id).scalar()
        db.session.remove()
    page = leader.get(f"/approval/show/{request_id}")
    assert f"/evaluation/show/{run_id}" in page.text and "门店评价" in page.text
    leader.post(f"/approval/{request_id}/approve", data={"comment": "同意"})


def test_a_run_is_started_computed_explained_and_published(app, people, client):
    world.sign_in(client, "hana")
    assert client.get("/evaluation/").status_code == 200
    url = started(client)
    waiting = client.get(url)
    assert waiting.status_code == 200 and "progress" in waiting.text
    run_id = int(url.rsplit("/", 1)[1])
    assert client.get(f"/evaluation/{run_id}/progress", headers={"HX-Request": "true"}).status_code == 200
    computed(app)
    page = client.get(url).text
    assert "Customer K1" in page and "优质" in page and "93分" in page
    with app.app_context(), access.acting(access.SYSTEM):
        k1 = db.session.query(Customer.id).filter_by(code="K1").scalar()
        db.session.remove()
    why = client.get(f"/evaluation/explain/{run_id}/{k1}?measure=bought").text
    assert "评为“优质”" in why and "计入 1 行" in why
    assert client.get(f"/evaluation/explain/{run_id}/{k1}?measure=none").status_code == 400
    assert client.get(f"/evaluation/explain/{run_id}/999").status_code == 404
    assert client.get(f"{url}?grade=QUALITY&q=K1").status_code == 200
    assert client.get(f"{url}?grade=Z").status_code == 400
    assert client.get("/evaluation/show/999").status_code == 404
    book = load_workbook(BytesIO(client.post(f"/evaluation/{run_id}/export").data))
    assert [cell.value for cell in next(book.active.rows)] == [
        "编号",
        "购买金额",
        "投诉次数",
        "购买金额（得分）",
        "投诉次数（得分）",
        "总分",
        "等级",
    ]
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.query(Parameter).filter_by(key=exports.LIMIT).one().value = "1"
    over = client.post(f"/evaluation/{run_id}/export", follow_redirects=True).text
    assert "超过可直接导出的 1 行" in over and "客户列表" in over

    client.post(f"/evaluation/{run_id}/publish")  # who ran it does not publish it
    leader = world.sign_in(app.test_client(), "leo")
    leader.post(f"/evaluation/{run_id}/publish")  # and nobody does past the flow
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.sealed
        db.session.remove()
    assert "提交审批" in client.get(url).text
    publish(app, client, leader, run_id)
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.published
        assert db.session.get_one(Customer, k1).grade == "QUALITY"
        db.session.remove()
    shown = leader.get(f"/customer/show/{k1}").text
    assert "门店评价（2025-01-01 至 2025-12-31）" in shown


def test_the_page_of_a_run_tells_how_values_are_spread_and_of_how_many(app, people, client, monkeypatch):
    world.sign_in(client, "hana")
    url = started(client)
    computed(app)
    spread = ("2 of 2", "CNY 100.00", "CNY 500.00", "CNY 565.69", "CNY 900.00")  # of 100 and 900
    page = english(client).get(url).text
    assert [one for one in spread if one not in page] == [] and "Standard deviation (sample)" in page
    monkeypatch.setattr(reading, "MOST_PEERS", 1)
    page = client.get(url).text
    assert "CNY 565.69" not in page and "?values=1" in page
    assert "CNY 565.69" in client.get(f"{url}?values=1").text
    assert "CNY 565.69" not in client.get(f"{url}?values=1", headers={"HX-Request": "true"}).text


def test_totals_are_drawn_over_time_with_one_point_for_each_period(app, people, client):
    """A period that was run again is one point, and one point alone is no line."""
    world.sign_in(client, "hana")
    with app.app_context():
        with access.acting(access.SYSTEM):
            k1 = db.session.scalar(select(Customer.id).where(Customer.code == "K1"))
        shop.order(k1, "2024-03-01T10:00", 300)
        db.session.remove()
    points = []
    for year in (2024, 2025, 2025):
        form = {"scheme": "SHOP", "period_from": f"{year}-01-01", "period_to": f"{year}-12-31"}
        url = client.post("/evaluation/start", data=form).headers["Location"]
        computed(app)
        drawn = re.search(r"总分均值走势.*?</figcaption>", client.get(url).text, re.DOTALL)
        told = drawn.group(0).rpartition("<figcaption>")[2] if drawn else ""
        points.append(re.findall(r"(\d{4})-12-31 \d+\.\d\d", told))
        with app.app_context(), access.acting(access.SYSTEM), transaction(), access.by_rule():
            db.session.execute(update(EvalRun).values(status=RunStatus.published))
    assert points == [[], ["2024", "2025"], ["2024", "2025"]]


def test_a_seller_sees_his_own_customers_alone(app, people, client):
    world.sign_in(client, "hana")
    url = started(client)
    computed(app)
    ann = world.sign_in(app.test_client(), "ann")
    assert ann.get(url).status_code == 404  # not published yet
    publish(app, client, world.sign_in(app.test_client(), "leo"), int(url.rsplit("/", 1)[1]))
    page = ann.get(url)
    assert page.status_code == 200 and "Customer K1" in page.text and "Customer K2" not in page.text
    assert ann.post("/evaluation/start", data={}).status_code == 403
    run_id = url.rsplit("/", 1)[1]
    assert ann.get(f"/evaluation/explain/{run_id}/2").status_code == 404
    assert ann.post(f"/evaluation/{run_id}/publish").status_code == 403


def test_a_wrong_period_is_said_with_what_was_typed(people, client):
    world.sign_in(client, "hana")
    form = {"scheme": "SHOP", "period_from": "2025-12-31", "period_to": "2025-01-01"}
    answer = client.post("/evaluation/start", data=form)
    assert answer.status_code == 400 and "2025-12-31" in answer.text and "评价期的结束早于开始" in answer.text


@pytest.mark.req("L-22")
def test_other_weights_are_tried_on_a_sealed_run_and_kept_as_a_draft(app, people, client):
    world.sign_in(client, "hana")
    url = started(client)
    computed(app)
    run_id = int(url.rsplit("/", 1)[1])
    tried = f"/evaluation/{run_id}/what-if"
    page = client.get(url).text
    assert tried in page and "/evaluation/compare?" in page
    page = client.get(tried).text
    assert "总分没有变化" in page and f"{tried}/draft" not in page  # nothing was changed yet
    page = client.get(f"{tried}?weight-amount=30&weight-complaint=70&from-QUALITY=90").text
    assert "等级迁移" in page and "Customer K2" in page and "+36.00" in page  # 0.7·10 + 30 → 0.3·10 + 70
    answer = client.get(f"{tried}?weight-amount=31&weight-complaint=70")
    assert answer.status_code == 422 and "权重合计为 101 %，应为 100 %" in answer.text
    answer = client.get(f"{tried}?from-QUALITY=10")
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    kept = client.post(f"{tried}/draft", data={"weight-amount": "30", "weight-complaint": "70"})
    assert kept.status_code == 303
    page = client.get(kept.location).text
    assert "30%" in page and "70%" in page and "草稿" in page
    assert client.post(f"{tried}/draft", data={"weight-amount": "30"}).status_code == 422
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.query(EvalRun).count() == 1
        assert db.session.get_one(EvalRun, run_id).status is RunStatus.sealed
        db.session.remove()


def test_two_runs_are_compared_as_far_as_the_reader_sees_their_subjects(app, people, client):
    world.sign_in(client, "hana")
    first = started(client).rsplit("/", 1)[1]
    computed(app)
    with app.app_context():
        shop.order(2, "2025-09-01T10:00", 700)
        db.session.remove()
    second = started(client).rsplit("/", 1)[1]
    computed(app)
    assert "先前的评价" in client.get("/evaluation/compare").text
    page = client.get(f"/evaluation/compare?first={first}&second={second}").text
    assert "Customer K2" in page and "+49.00" in page and "Customer K1" not in page  # K1 did not move
    assert client.get(f"/evaluation/compare?first={first}&second=999").status_code == 404
    ann = world.sign_in(app.test_client(), "ann")
    assert ann.get(f"/evaluation/compare?first={first}&second={second}").status_code == 404  # not published
    assert ann.get(f"/evaluation/{first}/what-if").status_code == 403
    assert ann.post(f"/evaluation/{first}/what-if/draft", data={}).status_code == 403
