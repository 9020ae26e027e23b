"""The demo company at work: requests walked through the real engine by the people whose turn it is, and grades published.

Nothing here writes a status or a decision itself: everybody acts with his own rights, as on the screens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.extensions import company, db, transaction
from app.models import (
    Admission,
    ApprovalFlow,
    ApprovalFlowVersion,
    Customer,
    DocumentStatus,
    EvalRun,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    FlowStatus,
    Lifecycle,
    SalesDocument,
    ServiceCase,
    Visit,
    VisitKind,
    VisitStatus,
)
from app.services import access, attachments, records
from app.words import Words, language
from app.workflows.engine import act, submit
from app.workflows.evaluation import pins, runs
from app.workflows.evaluation.pins import Pin
from app.workflows.exporting import Wish, ask
from app.workflows.machine import move

FLOW = "cooperation_admission"
REVIEWER, INSPECTOR, LEADER, KEEPER = "zhouruoxi", "cenweizhen", "hanliqun", "tangwangshu"
SUPERVISOR, PURPOSE = "xiehuaijin", "与财务核对已完成订单的回款，核对后删除。"
SPECIALIST, EVALUATOR, PUBLISHER = "shenjianing", "mutinglan", "hanliqun"
YEARLY = "CUST-YEAR"
WAITING = "CUST-VALUE"

PDF = b"%PDF-1.4\n% A page of the demo company\n%%EOF\n"

STATEMENTS = (
    ("经营门店两处，服务周边三个乡镇，仓储两百平方米。", "计划经销玉米、水稻种子，配合示范田推广。"),
    ("合作社成员一百余户，统一供种、统一技术服务。", "希望直供玉米种子，并安排技术指导。"),
    ("从事粮油购销多年，近年拓展良种供应。", "计划先从小麦种子起步，逐年扩大。"),
    ("承包土地三千亩，机械化程度较高。", "需要稳定的大豆与玉米供种。"),
)
REVIEW: Mapping[str, str] = {
    "licence_checked": "true",
    "reputation_good": "true",
    "demand_real": "true",
    "willing": "true",
    "recommendation": "证照齐全，信誉良好，需求明确，建议准入。",
}


@dataclass(frozen=True, slots=True)
class Story:
    """How far an admission of the demo goes, and whether its customer is a key prospect."""

    goes_to: str
    is_key: bool = False


STORIES = (
    Story("completed", is_key=True),
    Story("completed"),
    Story("agreement"),
    Story("decision"),
    Story("decision", is_key=True),
    Story("inspection", is_key=True),
    Story("first_review"),
    Story("first_review"),
    Story("first_review", is_key=True),
    Story("returned"),
    Story("rejected"),
    Story("draft"),
)


def walk() -> int:
    """Have the people of the demo apply, review, inspect, decide; how many admissions. None without the flow."""
    with access.acting(access.SYSTEM):
        if not _is_published():
            return 0
        prospects = _prospects(len(STORIES))
    people = {name: _principal(user_id) for name, user_id in _users().items()}
    by_employee = {who.employee_id: who for who in people.values()}
    for place, (story, (customer_id, owner_id)) in enumerate(zip(STORIES, prospects, strict=False)):
        _tell(story, customer_id, by_employee[owner_id], people, place)
    _investigate(people[SPECIALIST])
    _ask_for_export(people[SUPERVISOR])
    return len(prospects)


def _users() -> dict[str, int]:
    with access.acting(access.SYSTEM):
        return {user.username: user.id for user in db.session.execute(select(User.username, User.id))}


def _is_published() -> bool:
    statement = (
        select(ApprovalFlowVersion.id)
        .join(ApprovalFlow)
        .where(ApprovalFlow.code == FLOW, ApprovalFlowVersion.status == FlowStatus.published)
    )
    return db.session.scalar(statement) is not None


def _principal(user_id: int) -> access.Principal:
    with access.acting(access.SYSTEM):
        found = access.principal_of(user_id)
    if found is None:
        raise LookupError(f"the account {user_id} of the demo is gone")
    return found


@contextmanager
def _as(who: access.Principal) -> Iterator[None]:
    token = language.set("zh")
    try:
        with access.acting(who), transaction():
            yield
    finally:
        language.reset(token)


def _prospects(count: int) -> list[tuple[int, int | None]]:
    """Prospects and who looks after them."""
    statement = select(Customer.id, Customer.owner_id).where(Customer.status == Lifecycle.prospect)
    return [(id_, owner) for id_, owner in db.session.execute(statement.order_by(Customer.id).limit(count))]


# ---- one admission -----------------------------------------------------------------------------------------

STAGES = ("draft", "first_review", "inspection", "decision", "agreement", "completed")


def _tell(
    story: Story,
    customer_id: int,
    applicant: access.Principal,
    people: Mapping[str, access.Principal],
    place: int,
) -> None:
    """Walk one admission as far as its story goes; the last stage is whose turn it is now."""
    situation, intent = STATEMENTS[place % len(STATEMENTS)]
    with _as(applicant):
        admission = Admission(
            customer_id=customer_id,
            basic_situation=situation,
            cooperation_intent=intent,
            expected_sales=Decimal(60_000 + 40_000 * (place % 7)),
            is_key_prospect=story.is_key,
            owner_id=applicant.employee_id,
            org_unit_id=applicant.org_unit_id,
        )
        db.session.add(admission)
        db.session.flush()
        admission_id = admission.id
        attachments.attach(admission, "business_licence", "营业执照.pdf", BytesIO(PDF))
        if story.goes_to == "draft":
            return
        request_id = submit(admission, FLOW).request_id
    if request_id is None or story.goes_to == "first_review":
        return
    _decide(story, request_id, admission_id, people)


def _decide(story: Story, request_id: int, admission_id: int, people: Mapping[str, access.Principal]) -> None:
    if story.goes_to == "returned":
        with _as(people[REVIEWER]):
            act(request_id, "send_back", comment="请补充近一年的经营情况与仓储照片。")
        return
    with _as(people[REVIEWER]):
        act(request_id, "approve", comment="同意推荐。", fields=REVIEW)
    if story.goes_to == "inspection":
        return
    if story.is_key:
        visit_id = _inspect(admission_id, people[INSPECTOR])
        with _as(people[INSPECTOR]):
            act(request_id, "approve", comment="考察属实。", fields={"field_visit_id": str(visit_id)})
    if story.goes_to == "decision":
        return
    with _as(people[LEADER]):
        if story.goes_to == "rejected":
            act(request_id, "reject", comment="该区域已有经销商，暂不增设。")
            return
        act(request_id, "approve", comment="同意准入。")
    if story.goes_to == "completed":
        _file(request_id, admission_id, people[KEEPER])


def _inspect(admission_id: int, who: access.Principal) -> int:
    """The inspector goes there and writes down what he saw."""
    with _as(who):
        customer_id = db.session.get_one(Admission, admission_id).customer_id
        visit = Visit(
            customer_id=customer_id,
            kind=VisitKind.field_inspection,
            planned_on=company.today(),
            purpose="准入实地考察",
            content="查看门店、仓库与种植基地，核对证照原件。",
            conclusion="经营真实，具备推广能力，建议准入。",
            status=VisitStatus.planned,
            owner_id=who.employee_id,
            org_unit_id=who.org_unit_id,
        )
        db.session.add(visit)
        db.session.flush()
        move(visit, "hold")
        return visit.id


def _file(request_id: int, admission_id: int, who: access.Principal) -> None:
    """The keeper files the signed agreement; that makes the customer."""
    today = company.today()
    with _as(who):
        admission = db.session.get_one(Admission, admission_id)
        attachments.attach(
            admission, "signed_agreement", "合作协议（已签署）.pdf", BytesIO(PDF), by_duty=True
        )
        dates = {
            "agreement.sign_on": today.isoformat(),
            "agreement.effective_on": today.isoformat(),
            "agreement.expires_on": date(today.year + 1, today.month, min(today.day, 28)).isoformat(),
        }
        act(request_id, "approve", comment="协议已归档。", fields=dates)


def _investigate(who: access.Principal) -> None:
    """The service specialist has begun with his oldest open case."""
    with _as(who):
        statement = select(ServiceCase).where(
            ServiceCase.owner_id == who.employee_id, ServiceCase.replied_at.is_(None)
        )
        case = db.session.scalars(statement.order_by(ServiceCase.received_at).limit(1)).first()
        if case is not None:
            move(case, "investigate")


def _ask_for_export(who: access.Principal) -> None:
    """The supervisor asks for more rows than go out by themselves; his head has not decided yet."""
    with _as(who):
        closed = records.condition(SalesDocument, "status", "in", DocumentStatus.closed.value)
        query = records.Query(SalesDocument, conditions=(closed,))
        ask(Wish(query, ("no", "customer_id", "ordered_at", "owner_id"), reason=PURPOSE))


# ---- evaluation --------------------------------------------------------------------------------------------


def evaluate(on_progress: Any = None) -> list[Words]:
    """Run and publish every published scheme; the names of the schemes.

    The yearly one goes by the last calendar year (L-02), so that an evaluator can run it again; the others by the year up
    to yesterday. One is run once more and waits in the leader's inbox.
    """
    with access.acting(access.SYSTEM):
        schemes = db.session.execute(
            select(EvalScheme.code, EvalScheme.name_zh, EvalScheme.name_en)
            .join(EvalSchemeVersion, EvalSchemeVersion.scheme_id == EvalScheme.id)
            .where(EvalSchemeVersion.status == EvalStatus.published)
            .order_by(EvalScheme.id)
        ).all()
    users = _users()
    if not schemes:
        return []
    yesterday = company.today() - timedelta(days=1)
    lately = pins.pin(f"{(yesterday - timedelta(days=364)).isoformat()}..{yesterday.isoformat()}")
    year = company.today().year - 1
    periods = {YEARLY: pins.pin(f"{year}-01-01..{year}-12-31")}
    for code, _zh, _en in schemes:
        with access.acting(_principal(users[EVALUATOR])):
            run_id = runs.start(code, periods.get(code, lately))
            runs.compute(run_id, on_progress)
        _publish(run_id, users, approve=True)
    codes = [code for code, _zh, _en in schemes]
    again = WAITING if WAITING in codes else codes[0]
    _publish(_run_again(again, periods.get(again, lately), users), users, approve=False)
    return [Words(zh, en) for _code, zh, en in schemes]


def _run_again(code: str, pin: Pin, users: Mapping[str, int]) -> int:
    """A correction of a run: the same scheme and period once more."""
    with access.acting(_principal(users[EVALUATOR])):
        run_id = runs.start(code, pin)
        runs.compute(run_id)
    return run_id


def _publish(run_id: int, users: Mapping[str, int], *, approve: bool) -> None:
    """The evaluator submits a run; the leader approves it, or has it still before him."""
    with _as(_principal(users[EVALUATOR])):
        request_id = submit(db.session.get_one(EvalRun, run_id)).request_id
    if approve and request_id is not None:
        with _as(_principal(users[PUBLISHER])):
            act(request_id, "approve", comment="同意发布。")
