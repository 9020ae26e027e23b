"""Points people give, on screen: chosen by indicator and period, with evidence, in time, and never by the rated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.extensions import company, db, transaction
from app.models import EvalManualScore
from app.services import access
from app.workflows.evaluation import packing
from tests import world

PERIOD = "period_from={0}-01-01&period_to={0}-12-31"


def judged(**more):
    method = {"kind": "manual", "raters": 2, "evidence": True, "days": 15} | more
    one = {"zh": "影响力", "en": "Influence", "method": method, "weight": "100 %", "missing": "reweight"}
    return {
        "scheme": "JUDGED",
        "zh": "评分方案",
        "en": "Judged",
        "subject": "employee",
        "population": {"where": 'employee_no != "T002"'},
        "indicators": {"influence": one},
        "grades": [
            {"grade": "A", "zh": "甲", "en": "A", "from": 50},
            {"grade": "B", "zh": "乙", "en": "B", "from": 0},
        ],
    }


@pytest.fixture
def people(app):
    with app.app_context():
        found = world.build()
        with access.acting(access.SYSTEM), transaction():
            packing.keep("JUDGED", judged(), published=True)
        db.session.remove()
    return found


def given(app) -> list[tuple[int, str]]:
    with app.app_context(), access.acting(access.SYSTEM):
        rows = db.session.query(EvalManualScore.subject_id, EvalManualScore.points).all()
        db.session.remove()
    return [(subject, str(points)) for subject, points in rows]


@pytest.mark.req("M-08", "M-19")
def test_points_are_given_with_evidence_and_changed_by_who_gave_them(app, people, client):
    world.sign_in(client, "sam")
    year, ann = (company.today() - timedelta(days=15)).year, people.employees["ann"]
    page = client.get("/scoring/?what=JUDGED.influence").text
    assert "林安" in page and "卜邦" not in page  # Bob is no part of the population
    assert "至少 2 人评分后取平均" in page and f"评分截止 {year + 1}-01-15" in page
    where = f"/scoring/JUDGED/influence/{ann}?{PERIOD.format(year)}"
    assert where.replace("&", "&amp;") in page
    assert "影响力" in client.get(where).text
    for data, word in (
        ({"points": "80", "evidence": ""}, "请写明评分依据"),
        ({"points": "much", "evidence": "seen"}, "0 到 100 之间"),
        ({"points": "100.01", "evidence": "seen"}, "0 到 100 之间"),
    ):
        answer = client.post(where, data=data)
        assert answer.status_code == 422 and word in answer.text
    assert given(app) == []
    for points in ("80", "85.5"):
        assert client.post(where, data={"points": points, "evidence": "展会发言"}).status_code == 303
    twice = {"points": "85.5", "evidence": "展会发言", "_cmd": "pressed-twice"}
    first, second = (client.post(where, data=twice) for _press in range(2))
    assert (second.status_code, second.location) == (303, first.location)
    assert given(app) == [(ann, "85.5")]
    page = client.get("/scoring/?what=JUDGED.influence&q=林").text
    assert "85.5" in page and "展会发言" in page


def test_nobody_rates_himself_or_too_late_or_whom_he_does_not_see(app, people, client):
    year = (company.today() - timedelta(days=15)).year
    own = f"/scoring/JUDGED/influence/{people.employees['sam']}"
    world.sign_in(client, "sam")
    data = {"points": "99", "evidence": "me"}
    answer = client.post(f"{own}?{PERIOD.format(year)}", data=data)
    assert answer.status_code == 403 and "被评者不能给自己评分" in answer.text
    late = f"/scoring/JUDGED/influence/{people.employees['ann']}?{PERIOD.format(year - 1)}"
    answer = client.post(late, data=data)
    assert answer.status_code == 409 and "截止" in answer.text
    assert client.get(f"/scoring/JUDGED/none/1?{PERIOD.format(year)}").status_code == 404
    assert client.get(f"/scoring/JUDGED/influence/9999?{PERIOD.format(year)}").status_code == 404
    assert client.get("/scoring/?what=JUDGED.influence&period_from=x").status_code == 400
    assert given(app) == []
