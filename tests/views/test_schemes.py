"""Schemes on screen: written as a draft, refused in words, submitted by the author, put in force by somebody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from app.extensions import db
from app.models import ApprovalRequest, EvalScheme, EvalSchemeVersion, EvalStatus
from app.services import access
from app.views.schemes import BEGINNING
from app.workflows.evaluation import schemes
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.req("L-02")


@pytest.fixture
def cast(people: SimpleNamespace, hire: Any) -> SimpleNamespace:
    people.mia, people.max = hire("Mia", "marketing"), hire("Max", "marketing")
    return people


def document(**more: Any) -> str:
    text: str = yaml.safe_dump(
        {"scheme": "SHOP", **shop.scheme(), **more}, allow_unicode=True, sort_keys=False
    )
    return text


def standing(app: Any) -> dict[int, EvalStatus]:
    with app.app_context(), access.acting(access.SYSTEM):
        rows = db.session.execute(
            select(EvalSchemeVersion.edition, EvalSchemeVersion.status)
            .join(EvalSchemeVersion.scheme)
            .where(EvalScheme.code == "SHOP")
        )
        return {row.edition: row.status for row in rows}


def newest_request(app: Any) -> int:
    with app.app_context(), access.acting(access.SYSTEM):
        return int(
            db.session.scalar(select(ApprovalRequest.id).order_by(ApprovalRequest.id.desc()).limit(1)) or 0
        )


def test_a_scheme_is_written_submitted_and_put_in_force_by_somebody_else(app, cast, login):
    mia, erin = login(cast.mia, "zh"), login(cast.erin, "zh")
    answer = mia.post("/scheme/new", data={"body": document()})
    assert answer.status_code == 303, answer.text[-1500:]
    where = answer.location
    page = mia.get(where).text
    assert "草稿" in page and "指标" in page and "提交审批" in page
    assert "SHOP" in mia.get("/scheme/").text
    pk = int(where.rpartition("/")[2])
    mia.post(f"/scheme/{pk}/publish")  # refused: it is put in force by approval alone
    assert standing(app) == {1: EvalStatus.draft}
    mia.post(f"/scheme/{pk}/submit")
    request = newest_request(app)
    assert f"/approval/show/{request}" in mia.get(where).text
    assert mia.post(f"/scheme/edit/{pk}", data={"body": document(zh="另名")}).status_code == 409
    mia.post(f"/approval/{request}/approve", data={"comment": "同意"})
    assert standing(app) == {1: EvalStatus.in_approval}
    erin.post(f"/approval/{request}/approve", data={"comment": "同意"})
    assert standing(app) == {1: EvalStatus.published}


def test_a_faulty_scheme_is_refused_with_its_places_and_what_was_typed_stays(app, cast, login):
    mia = login(cast.mia, "zh")
    indicators = shop.scheme()["indicators"]
    indicators["amount"]["weight"] = "71 %"
    answer = mia.post("/scheme/new", data={"body": document(indicators=indicators)})
    assert answer.status_code == 422
    assert "权重" in answer.text and "71 %" in answer.text
    for text in ("", "- a", "a: *b", "scheme: ["):
        assert mia.post("/scheme/new", data={"body": text}).status_code == 422, text
    assert standing(app) == {}


def test_a_draft_is_its_authors_and_goes_when_he_throws_it_away(app, cast, login):
    mia, max_ = login(cast.mia), login(cast.max)
    pk = int(mia.post("/scheme/new", data={"body": document()}).location.rpartition("/")[2])
    assert max_.post(f"/scheme/edit/{pk}", data={"body": document(en="Other")}).status_code == 403
    assert mia.post(f"/scheme/edit/{pk}", data={"body": document(en="Shops anew")}).status_code == 303
    assert "Shops anew" in max_.get(f"/scheme/show/{pk}").text
    assert mia.post(f"/scheme/{pk}/discard").status_code == 303
    assert standing(app) == {}
    assert mia.get(f"/scheme/show/{pk}").status_code == 404


def test_what_a_new_scheme_begins_as_makes_sense(cast, login):
    mia = login(cast.mia)
    assert "NEW-SCHEME" in mia.get("/scheme/new").text
    assert schemes.check(schemes.body_of(yaml.safe_load(BEGINNING))) == []


def test_a_seller_neither_reads_nor_writes_schemes(cast, login):
    alice = login(cast.alice)
    assert alice.get("/scheme/").status_code == 403
    assert alice.post("/scheme/new", data={"body": document()}).status_code == 403


def test_what_is_taken_out_comes_back_the_same(cast, login):
    mia = login(cast.mia)
    pk = int(mia.post("/scheme/new", data={"body": document()}).location.rpartition("/")[2])
    text = mia.get(f"/scheme/{pk}/yaml").text
    found = yaml.safe_load(text)
    assert schemes.body_of(found) == found
    assert text in mia.get(f"/scheme/new?of={pk}").text.replace("&#39;", "'").replace("&#34;", '"').replace(
        "&gt;", ">"
    ).replace("&lt;", "<").replace("&amp;", "&")


def staff(**more: Any) -> str:
    """A scheme over employees of two positions, with points raters give."""
    method = {"kind": "manual", "raters": 1}
    one = {"zh": "态度", "en": "Attitude", "method": method, "weight": "100 %", "missing": "reweight"}
    grades = [
        {"grade": "A", "zh": "甲", "en": "A", "from": 60},
        {"grade": "B", "zh": "乙", "en": "B", "from": 0},
    ]
    body = {
        "scheme": "STAFF",
        "zh": "员工",
        "en": "Staff",
        "subject": "employee",
        "population": {"where": 'post in ("seller", "team_leader")'},
        "indicators": {"attitude": one},
        "grades": grades,
    }
    return yaml.safe_dump(body | more, allow_unicode=True, sort_keys=False)


def test_positions_are_called_by_their_names_in_the_conditions_of_a_scheme(cast, login):
    mia = login(cast.mia, "zh")
    answer = mia.post("/scheme/new", data={"body": staff()})
    assert answer.status_code == 303, answer.text[-3000:]
    page = mia.get(answer.location).text
    assert "销售代表" in page and "seller" not in page and "team_leader" not in page
    assert "Sales representative" in login(cast.mia, "en").get(answer.location).text
