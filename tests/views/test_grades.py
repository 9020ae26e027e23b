"""The yearly evaluation by the people it is for: marketing runs it, a leader publishes, a seller reads why."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from app.extensions import db, transaction
from app.models import ApprovalRequest, Customer, EvalRun, JobStatus, RunStatus, SalesDocument, ServiceCase
from app.services import access, jobs
from app.workflows.evaluation import runs
from tests.workflows.evaluation import shop

FORM = {"scheme": "CUST-YEAR", "period_from": "2025-01-01", "period_to": "2025-12-31", "as_of": ""}


@pytest.fixture
def cast(app, people, hire) -> SimpleNamespace:
    """Alice and Charlie with a customer each; Mia evaluates, Fin does the accounts."""
    people.mia = hire("Mia", "marketing")
    people.fin = hire("Fin", "finance")
    people.ids = {}
    with app.app_context():
        for code, owner in (("K1", people.alice), ("K2", people.charlie)):
            made = shop.customer(code, owner_id=owner.employee_id, org_unit_id=owner.org_unit_id)
            people.ids[code] = made
            shop.order(made, "2025-03-01T10:00", 900 if code == "K1" else 100)
            shop.order(made, "2026-03-01T10:00", 5)
            shop.complaint(made, "2025-05-01T10:00")
            with access.acting(access.SYSTEM), transaction():
                for table in (SalesDocument.__table__, ServiceCase.__table__):
                    owned = {"owner_id": owner.employee_id, "org_unit_id": owner.org_unit_id}
                    db.session.execute(table.update().where(table.c.customer_id == made).values(owned))
        db.session.remove()
    return people


def start(client, **more: str) -> str:
    found = re.search(r'name="_cmd" value="([^"]+)"', client.get("/evaluation/").text)
    assert found
    answer = client.post("/evaluation/start", data={**FORM, "_cmd": found[1], **more})
    assert answer.status_code == 303, answer.text[:2000]
    return str(answer.location)


def drain(app) -> int:
    with app.app_context():
        return jobs.drain()


def run_of(app, url: str) -> int:
    return int(url.rsplit("/", 1)[1])


def publish(app, evaluator, leader, run: int) -> None:
    """The evaluator submits the run, the leader approves it."""
    assert evaluator.post(f"/evaluation/{run}/submit").status_code == 303
    with app.app_context(), access.acting(access.SYSTEM):
        newest = select(ApprovalRequest.id).order_by(ApprovalRequest.id.desc()).limit(1)
        request_id = db.session.scalar(newest)
    assert leader.post(f"/approval/{request_id}/approve", data={"comment": "同意"}).status_code in {302, 303}
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.get_one(EvalRun, run).status is RunStatus.published


def test_the_seller_sees_the_grade_with_its_reason_after_a_leader_published_it(app, cast, login):
    mia, erin, alice = login(cast.mia, "zh"), login(cast.erin, "zh"), login(cast.alice, "zh")
    url = start(mia)
    assert 'hx-get="/evaluation/' in mia.get(url).text
    assert drain(app) == 1
    run = run_of(app, url)
    page = mia.get(url).text
    assert "Customer K1" in page and "Customer K2" in page and "CUST-YEAR" in page
    assert f"/evaluation/{run}/submit" in page and f"/evaluation/{run}/publish" not in page
    mine = f"/customer/show/{cast.ids['K1']}"
    why = f"/evaluation/explain/{run}/{cast.ids['K1']}"
    assert why not in alice.get(mine).text
    assert alice.get(url).status_code == alice.get(why).status_code == 404  # not published yet
    assert f"/evaluation/show/{run}" not in alice.get("/evaluation/").text
    erin.post(f"/evaluation/{run}/publish")  # refused: it is published by approval alone
    publish(app, mia, erin, run)

    page = alice.get(mine).text
    assert re.search(rf'<a class="gr \w+"\s+href="{why}">', page)
    assert "评价与等级" in page and "年度客户评价（2025-01-01 至 2025-12-31）" in page
    page = alice.get(f"{why}?measure=sales_amt").text
    assert "计入 1 行，排除 1 行" in page and "晚于截止时刻" in page and "等级界限：优质 ≥ 80" in page
    assert "Customer K2" not in alice.get(url).text
    assert alice.get(f"/evaluation/explain/{run}/{cast.ids['K2']}").status_code == 404
    assert alice.post(f"/evaluation/{run}/publish").status_code == 403


def test_rows_stay_hidden_from_whom_their_records_are_hidden(app, cast, login):
    mia = login(cast.mia)
    url = start(mia)
    drain(app)
    publish(app, mia, login(cast.erin), run_of(app, url))
    why = f"/evaluation/explain/{run_of(app, url)}/{cast.ids['K1']}?measure=complaint_cnt"
    with_rows, without = login(cast.alice).get(why).text, login(cast.fin).get(why).text
    assert "1 row counted, 0 left out" in with_rows and "2025-05-01" in with_rows
    assert "1 row counted, 0 left out; the 0 you may see are listed" in without
    assert "2025-05-01" not in without


def test_the_form_sent_twice_starts_one_run(app, cast, login):
    mia = login(cast.mia)
    data = {**FORM, "_cmd": "the-same-form"}
    first, second = (mia.post("/evaluation/start", data=data) for _ in range(2))
    assert first.status_code == second.status_code == 303
    drain(app)
    assert mia.post("/evaluation/start", data=data).status_code == 303
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.query(EvalRun).count() == 1


def test_a_run_that_failed_is_computed_again_once_there_is_somebody_to_evaluate(app, cast, login):
    mia = login(cast.mia, "zh")
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.execute(Customer.__table__.update().values(status="prospect"))
    url = start(mia)
    run = run_of(app, url)
    drain(app)
    page = mia.get(url).text
    assert "没有符合条件的评价对象" in page and f'action="/evaluation/{run}/compute"' in page
    assert f"/evaluation/{run}/compute" not in login(cast.alice).get(url).text
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.execute(Customer.__table__.update().values(status="active"))
    assert mia.post(f"/evaluation/{run}/compute").status_code == 303
    assert mia.post(f"/evaluation/{run}/compute").status_code == 303
    with app.app_context():
        job = runs.job_of(run)
        assert job is not None and job.status is JobStatus.queued
    assert drain(app) == 1
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.get_one(EvalRun, run).status is RunStatus.sealed
    assert "Customer K1" in mia.get(url).text


def test_the_explanation_shows_what_was_found_last_time(app, cast, login):
    mia, erin = login(cast.mia, "zh"), login(cast.erin, "zh")
    urls = []
    for year in ("2025", "2026"):
        url = start(mia, period_from=f"{year}-01-01", period_to=f"{year}-12-31")
        drain(app)
        publish(app, mia, erin, run_of(app, url))
        urls.append(url)
    first, second = (run_of(app, url) for url in urls)
    subject = cast.ids["K1"]
    page = mia.get(f"/evaluation/explain/{second}/{subject}").text
    assert f'href="/evaluation/explain/{first}/{subject}"' in page and "2025-01-01 至 2025-12-31" in page
    assert "已被取代" in mia.get("/evaluation/").text


def test_programs_run_read_explain_and_publish_as_people_do(app, cast, login):
    mia, erin, alice = login(cast.mia), login(cast.erin), login(cast.alice)
    made = mia.post("/api/v1/evaluations/", json=FORM)
    assert made.status_code == 202
    run = made.json["id"]
    assert mia.get(f"/api/v1/evaluations/{run}").json["job"]["status"] == "queued"
    assert mia.get(f"/api/v1/evaluations/{run}/results").status_code == 409
    drain(app)
    assert mia.get("/api/v1/evaluations/").json["result"][0]["status"] == "sealed"
    assert [row["code"] for row in mia.get(f"/api/v1/evaluations/{run}/results").json["result"]] == [
        "K1",
        "K2",
    ]
    assert alice.get(f"/api/v1/evaluations/{run}/results").status_code == 404
    assert alice.get("/api/v1/evaluations/").json["result"] == []
    assert mia.post(f"/api/v1/evaluations/{run}/publish").status_code == 403
    assert erin.post(f"/api/v1/evaluations/{run}/publish").status_code == 403  # by approval alone
    publish(app, mia, erin, run)
    assert [row["code"] for row in alice.get(f"/api/v1/evaluations/{run}/results").json["result"]] == ["K1"]
    why = alice.get(f"/api/v1/evaluations/{run}/explain/{cast.ids['K1']}").json
    assert sum(one["contribution"] or 0 for one in why["indicators"]) == why["total"]
    bought = next(line for line in why["measures"] if line["key"] == "sales_amt")
    assert sum(row["value"] or 0 for row in bought["rows"]) == bought["value"] == 900 * 10_000
    assert alice.get(f"/api/v1/evaluations/{run}/explain/{cast.ids['K2']}").status_code == 404
    assert alice.post("/api/v1/evaluations/", json=FORM).status_code == 403
    assert mia.post("/api/v1/evaluations/", json={**FORM, "period_to": "2024"}).status_code == 400
    assert mia.get("/api/v1/evaluations/999").status_code == 404
