"""Schemes on screen: written as a draft, refused in words, submitted by the author, put in force by somebody else."""

from __future__ import annotations

import re
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


def seen_on(page: Any) -> str:
    """Against which state of the draft a form is filled in."""
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)
    return found[1] if found else ""


def written(who: Any, pk: int, text: str) -> Any:
    """The answer to a document sent from the form of a draft as it is now."""
    where = f"/scheme/edit/{pk}"
    return who.post(where, data={"body": text, "seen": seen_on(who.get(where))})


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
    assert written(mia, pk, document(zh="另名")).status_code == 409
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
    assert written(max_, pk, document(en="Other")).status_code == 403
    assert written(mia, pk, document(en="Shops anew")).status_code == 303
    assert "Shops anew" in max_.get(f"/scheme/show/{pk}").text
    assert mia.post(f"/scheme/{pk}/discard").status_code == 303
    assert standing(app) == {}
    assert mia.get(f"/scheme/show/{pk}").status_code == 404


@pytest.mark.parametrize(
    ("language", "told", "then"),
    [
        ("zh", "您打开本页之后又在别处改了这份草稿，本页的修改没有保存。", "再次保存将以本页的全文取代它"),
        ("en", "You changed this draft elsewhere", "saving again replaces it by the whole text on this page"),
    ],
    ids=["zh", "en"],
)
def test_of_two_windows_on_one_draft_the_later_is_told_and_keeps_what_it_typed(
    cast, login, language, told, then
):
    mia = login(cast.mia, language)
    pk = int(mia.post("/scheme/new", data={"body": document()}).location.rpartition("/")[2])
    first, second = mia.get(f"/scheme/edit/{pk}"), mia.get(f"/scheme/edit/{pk}")
    won = mia.post(f"/scheme/edit/{pk}", data={"body": document(en="The first"), "seen": seen_on(first)})
    assert won.status_code == 303
    mine = {"body": document(en="The second"), "seen": seen_on(second)}
    lost = mia.post(f"/scheme/edit/{pk}", data=mine)
    assert lost.status_code == 409
    assert told in lost.text and then in lost.text and "The second" in lost.text
    assert "The first" in mia.get(f"/scheme/{pk}/yaml").text
    # told so, he may replace it all the same
    assert mia.post(f"/scheme/edit/{pk}", data=mine | {"seen": seen_on(lost)}).status_code == 303
    assert "The second" in mia.get(f"/scheme/{pk}/yaml").text


def test_a_form_sent_twice_is_carried_out_once_and_leads_to_the_same_place(app, cast, login):
    mia = login(cast.mia)
    typed = {"body": document(), "_cmd": "sent-twice"}
    first, second = (mia.post("/scheme/new", data=typed) for _twice in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert first.status_code == 303 and standing(app) == {1: EvalStatus.draft}
    where = first.location.replace("show/", "") + "/measure/bought"
    page = mia.get(where)
    typed = {"zh": "额", "en": "Amount", "source": "order_lines", "aggregate": "sum", "of": "amount"}
    typed |= {"seen": seen_on(page), "_cmd": "part-sent-twice"}
    assert [mia.post(where, data=typed).location for _twice in range(2)] == [first.location] * 2


def test_a_form_refused_for_another_reason_still_answers_for_what_it_was_opened_with(cast, login):
    mia = login(cast.mia)
    pk = int(mia.post("/scheme/new", data={"body": document()}).location.rpartition("/")[2])
    seen = seen_on(mia.get(f"/scheme/edit/{pk}"))
    faulty = mia.post(f"/scheme/edit/{pk}", data={"body": "a: *b", "seen": seen})
    assert faulty.status_code == 422 and seen_on(faulty) == seen
    assert written(mia, pk, document(en="The first")).status_code == 303
    late = mia.post(f"/scheme/edit/{pk}", data={"body": "a: *b", "seen": seen_on(faulty)})
    assert seen_on(late) == seen
    assert mia.post(f"/scheme/edit/{pk}", data={"body": document(), "seen": seen}).status_code == 409


def test_what_a_new_scheme_begins_as_makes_sense(app, cast, login):
    mia = login(cast.mia)
    assert "NEW-SCHEME" in mia.get("/scheme/new").text
    with app.app_context():
        assert schemes.check(schemes.body_of(yaml.safe_load(BEGINNING))) == []
        db.session.remove()


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
