"""After a grade is published: the sheet, what the customer was told and thinks, his appeal and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select

from app.extensions import company, db, transaction
from app.models import (
    AppealStatus,
    ApprovalRequest,
    Attachment,
    Customer,
    EvalAppeal,
    EvalFeedback,
    EvalRun,
    EvalScheme,
    Notice,
    Parameter,
    RoleGrant,
)
from app.roles import Act, Reach
from app.services import access
from app.workflows.evaluation import packing, publishing, runs
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.req("L-12")
YEAR = "2025-01-01..2025-12-31"


@pytest.fixture
def cast(app: Any, people: SimpleNamespace, hire: Any) -> SimpleNamespace:
    """Alice's customer K1 is graded; Mia ran it, Max keeps evaluations too, Erin leads the company."""
    people.mia, people.max = hire("Mia", "marketing"), hire("Max", "marketing")
    with app.app_context(), access.acting(access.SYSTEM):
        owner = people.alice
        people.k1 = shop.customer("K1", owner_id=owner.employee_id, org_unit_id=owner.org_unit_id)
        shop.order(people.k1, "2025-03-01T10:00", 300)
        people.run = graded(people.mia)
        db.session.remove()
    return people


def graded(runner: Any, body: dict[str, Any] | None = None, period: str = YEAR) -> int:
    """A published run, started by this person."""
    with transaction():
        packing.keep("SHOP", body or shop.scheme(), published=True)
    run_id = runs.start(str((body or shop.scheme())["scheme"]), pin(period))
    runs.compute(run_id)
    with transaction():
        db.session.get_one(EvalRun, run_id).created_by_id = runner.user_id
        publishing.effect(run_id, company.today())
    return run_id


def today(days: int = 0) -> str:
    return (company.today() + timedelta(days=days)).isoformat()


def feedback(cast: Any, **more: Any) -> dict[str, Any]:
    return {
        "run_id": cast.run,
        "customer_id": cast.k1,
        "told_on": today(),
        "way": "visit",
        "told_to": "钱掌柜",
        "opinion": "disagrees",
        "said": "三月有一张退货单未计",
        **more,
    }


def appeal(cast: Any, **more: Any) -> dict[str, Any]:
    return {
        "run_id": cast.run,
        "customer_id": cast.k1,
        "raised_on": today(),
        "raised_by": "钱掌柜",
        "grounds": "另有订单未计入",
        **more,
    }


def number_of(answer: Any) -> int:
    assert answer.status_code in {302, 303}, answer.text[-2500:]
    return int(answer.headers["Location"].partition("?")[0].rpartition("/")[2])


def status_of(app: Any, pk: int) -> AppealStatus:
    with app.app_context(), access.acting(access.SYSTEM):
        found = db.session.get_one(EvalAppeal, pk).status
        db.session.remove()
        return found


def decide(app: Any, login: Callable[..., Any], who: Any, act: str) -> None:
    with app.app_context(), access.acting(access.SYSTEM):
        newest = select(ApprovalRequest.id).order_by(ApprovalRequest.id.desc()).limit(1)
        request = db.session.scalar(newest)
        db.session.remove()
    login(who).post(f"/approval/{request}/{act}", data={"comment": "已复核"})


def appealed(cast: Any, login: Any) -> int:
    """Alice's appeal for K1, submitted."""
    alice = login(cast.alice, "zh")
    pk = number_of(alice.post("/eval_appeal/add", data=appeal(cast)))
    alice.post(f"/approval/submit/eval_appeal/{pk}")
    return pk


def test_what_the_customer_was_told_and_thinks_stands_by_his_grade(app, cast, login):
    alice = login(cast.alice, "zh")
    why = alice.get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert "尚未反馈" in why and "打印评价单" in why and f"run_id={cast.run}" in why
    sheet = alice.get(f"/evaluation/sheet/{cast.run}/{cast.k1}").text
    assert "签字（盖章）" in sheet and "购买金额" in sheet and "距“优质”还差" in sheet
    assert ">说明</th>" in why and ">说明</th>" not in sheet  # a column that would be empty
    form = alice.get(f"/eval_feedback/add?run_id={cast.run}&customer_id={cast.k1}").text
    assert "门店评价" in form and "Customer K1" in form
    pk = number_of(alice.post("/eval_feedback/add", data=feedback(cast)))
    why = alice.get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert "登门，钱掌柜" in why and "不认可" in why and "三月有一张退货单未计" in why
    assert "反馈人 Alice<" in why  # and nothing of files where there are none
    assert f"申诉期至 {today(30)}" in why and f"/eval_feedback/show/{pk}" in why
    page = alice.get(f"/customer/show/{cast.k1}?tab=eval_feedback").text
    assert "钱掌柜" in page
    assert login(cast.charlie).get(f"/eval_feedback/show/{pk}").status_code == 404


def allow(app: Any, role: str, **grants: Reach) -> str:
    """A role that reads these record types, as far as it says; its name."""
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        made = Role(name=role)
        db.session.add(made)
        db.session.flush()
        db.session.add_all(
            RoleGrant(role_id=made.id, resource=resource, act=Act.read, reach=reach)
            for resource, reach in grants.items()
        )
    return role


def files(app: Any, of: str, pk: int, *, confidential: bool) -> None:
    """A file of a record, as it stands in the table."""
    with app.app_context():
        shop.add(
            Attachment,
            object_type=of,
            object_id=pk,
            file_name="a.pdf",
            size=1,
            sha256="0" * 64,
            media_type="application/pdf",
            is_confidential=confidential,
        )


RESULTS = {"eval_run": Reach.all, "eval_scheme": Reach.all, "customer": Reach.all}


def test_who_sees_a_result_does_not_read_feedback_and_appeals_by_that(app, cast, login, hire):
    alice = login(cast.alice, "zh")
    number_of(alice.post("/eval_feedback/add", data=feedback(cast)))
    number_of(alice.post("/eval_appeal/add", data=appeal(cast)))
    why = login(cast.alice, "en").get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert f">{today()}: 钱掌柜<" in why  # an appeal has its number once it is submitted
    rita = login(hire("Rita", allow(app, "reads_results", **RESULTS)), "zh")
    for page in ("explain", "sheet"):
        shown = rita.get(f"/evaluation/{page}/{cast.run}/{cast.k1}").text
        for kept in ("三月有一张退货单未计", "不认可", "钱掌柜", "另有订单未计入", "附件"):
            assert kept not in shown, (page, kept)
        # that he was told is no secret, and never said wrongly
        assert "尚未反馈" not in shown and "已反馈" in shown
    english = login(hire("Ray", "reads_results"), "en").get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert "not told yet" not in english and re.search(r">\s*told\s*<", english)


def test_of_feedback_and_appeals_only_the_rows_and_files_within_reach_are_shown(app, cast, login, hire):
    told = number_of(login(cast.alice, "zh").post("/eval_feedback/add", data=feedback(cast)))
    raised = number_of(login(cast.alice, "zh").post("/eval_appeal/add", data=appeal(cast)))
    for of, pk in (("eval_feedback", told), ("eval_appeal", raised)):
        files(app, of, pk, confidential=False)
        files(app, of, pk, confidential=True)
    where = f"/evaluation/explain/{cast.run}/{cast.k1}"
    own = allow(app, "reads_own", **RESULTS, eval_feedback=Reach.own, eval_appeal=Reach.own)
    shown = login(hire("Olga", own), "zh").get(where).text
    assert "三月有一张退货单未计" not in shown and "另有订单未计入" not in shown and "已反馈" in shown
    every = allow(app, "reads_every", **RESULTS, eval_feedback=Reach.all)
    shown = login(hire("Eva", every), "zh").get(where).text
    assert "三月有一张退货单未计" in shown and "附件 1 个" in shown and "另有订单未计入" not in shown
    assert "附件 2 个" not in shown


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"told_on": "2025-06-01"}, "日期应在发布日"),
        ({"told_on": "2999-06-01"}, "日期应在发布日"),
        ({"customer_id": "other"}, "没有等级"),
        ({"customer_id": ""}, "没有等级"),
        ({"run_id": "unpublished"}, "尚未发布"),
        ({"told_to": ""}, "对方人员"),
    ],
)
def test_feedback_that_fits_no_published_grade_is_refused(app, cast, login, changed, says):
    with app.app_context(), access.acting(access.SYSTEM):
        owner = cast.alice
        other = shop.customer("K9", owner_id=owner.employee_id, org_unit_id=owner.org_unit_id)
        trial = shop.trial(shop.scheme(), YEAR)
        db.session.remove()
    changed = {
        key: {"other": other, "unpublished": trial}.get(value, value) for key, value in changed.items()
    }
    page = login(cast.alice, "zh").post("/eval_feedback/add", data=feedback(cast, **changed))
    assert page.status_code == 422 and says in page.text
    with app.app_context(), access.acting(access.SYSTEM):
        assert db.session.scalar(select(func.count()).select_from(EvalFeedback)) == 0
        db.session.remove()


def test_an_upheld_appeal_is_put_right_by_a_new_run(app, cast, login):
    pk = appealed(cast, login)
    decide(app, login, cast.alice, "approve")  # who speaks for the customer decides nothing
    assert status_of(app, pk) is AppealStatus.in_approval
    decide(app, login, cast.max, "approve")
    decide(app, login, cast.erin, "approve")
    assert status_of(app, pk) is AppealStatus.approved
    why = login(cast.alice, "zh").get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert "成立，待更正" in why and "另有订单未计入" in why
    with app.app_context(), access.acting(access.SYSTEM):
        told = select(Notice.text_zh).where(Notice.recipient_id == cast.mia.employee_id)
        assert any("申诉" in text and "成立" in text for text in db.session.scalars(told))
        other_period = graded(cast.mia, period="2026-01-01..2026-06-30")
        assert db.session.get_one(EvalAppeal, pk).status is AppealStatus.approved
        db.session.get_one(EvalRun, other_period)
        db.session.remove()
    assert "更正" in login(cast.mia, "zh").get(f"/eval_appeal/show/{pk}").text


def test_a_later_revision_for_the_same_period_corrects_and_another_period_does_not(app, cast, login):
    pk = appealed(cast, login)
    decide(app, login, cast.max, "approve")
    decide(app, login, cast.erin, "approve")
    with app.app_context(), access.acting(access.SYSTEM):
        shop.order(cast.k1, "2025-06-01T10:00", 700)
        second = graded(cast.mia)
        found = db.session.get_one(EvalAppeal, pk)
        assert (found.status, found.corrected_run_id) == (AppealStatus.corrected, second)
        assert db.session.get_one(Customer, cast.k1).grade == "QUALITY"
        db.session.remove()
    assert "已由新评价更正" in login(cast.alice, "zh").get(f"/customer/show/{cast.k1}?tab=eval_appeal").text


def test_an_appeal_that_is_not_upheld_keeps_the_grade_and_is_not_raised_again(app, cast, login):
    pk = appealed(cast, login)
    decide(app, login, cast.max, "reject")
    assert status_of(app, pk) is AppealStatus.rejected
    why = login(cast.alice, "zh").get(f"/evaluation/explain/{cast.run}/{cast.k1}").text
    assert "维持原等级" in why
    alice = login(cast.alice, "zh")
    again = number_of(alice.post("/eval_appeal/add", data=appeal(cast)))
    refused = alice.post(f"/approval/submit/eval_appeal/{again}", follow_redirects=True)
    assert "已经申诉过" in refused.text and status_of(app, again) is AppealStatus.draft


def test_an_appeal_comes_within_the_days_the_company_allows(app, cast, login):
    alice = login(cast.alice, "zh")
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        published = db.session.get_one(EvalRun, cast.run)
        early = published.published_at - timedelta(days=20)
        db.session.execute(
            EvalRun.__table__.update().where(EvalRun.id == cast.run).values(published_at=early)
        )
        limit = db.session.scalars(select(Parameter).where(Parameter.key == "evaluation.appeal_days")).one()
        limit.value = "15"
    page = alice.post("/eval_appeal/add", data=appeal(cast))
    assert page.status_code == 422 and f"申诉期已于 {today(-5)} 届满" in page.text
    # told later, the days run from then
    number_of(alice.post("/eval_feedback/add", data=feedback(cast, told_on=today(-3))))
    assert number_of(alice.post("/eval_appeal/add", data=appeal(cast)))


def test_of_employees_never_the_rated_writes_it_down_or_decides(app, cast, login, hire):
    moe = hire("Moe", "marketing")
    attitude = {
        "zh": "新客户",
        "en": "New customers",
        "value": "won",
        "method": {"kind": "linear", "from": "0", "to": "1"},
        "weight": "100 %",
    }
    body = {
        "scheme": "STAFF",
        "zh": "员工评价",
        "en": "Staff",
        "subject": "employee",
        "measures": {
            "won": {"zh": "新客户", "en": "Won", "source": "new_customers", "aggregate": "count"},
        },
        "indicators": {"attitude": attitude},
        "grades": [
            {"grade": "A", "zh": "甲", "en": "A", "from": 60},
            {"grade": "B", "zh": "乙", "en": "B", "from": 0},
        ],
    }
    with app.app_context(), access.acting(access.SYSTEM):
        with transaction():
            packing.keep("STAFF", body, published=True)
        assert db.session.scalar(select(EvalScheme.id).where(EvalScheme.code == "STAFF"))
        run = graded(cast.mia, body)
        db.session.remove()
    mine = {"run_id": run, "customer_id": "", "employee_id": cast.max.employee_id}
    for resource, form in (("eval_feedback", feedback), ("eval_appeal", appeal)):
        page = login(cast.max, "zh").post(f"/{resource}/add", data=form(cast, **mine))
        assert page.status_code == 422 and "被评者本人" in page.text
        assert number_of(login(cast.mia, "zh").post(f"/{resource}/add", data=form(cast, **mine)))
    login(cast.mia).post("/approval/submit/eval_appeal/1")
    for nobody in (cast.max, cast.mia):
        decide(app, login, nobody, "reject")
        assert status_of(app, 1) is AppealStatus.in_approval
    decide(app, login, moe, "reject")
    assert status_of(app, 1) is AppealStatus.rejected
