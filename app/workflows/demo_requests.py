"""The demo company at its other decisions: preferences, needs, plans, key customers, policies, changes of contracts.

Each tale is a record somebody makes, and how far the people whose turn it is take it; everybody acts with his own rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.extensions import company, db, transaction
from app.models import (
    Account,
    Admission,
    AdmissionKind,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    BigCriterion,
    CommercialTerm,
    Contract,
    ContractKind,
    ContractStatus,
    Customer,
    DecidedBy,
    DutyStatus,
    Employee,
    KeyCriterion,
    KeyList,
    KeyListRow,
    KeyTier,
    Lifecycle,
    ListChange,
    Lookup,
    Need,
    NeedPriority,
    NeedSource,
    NeedStatus,
    OrgUnit,
    Plan,
    PlanKind,
    PlanLine,
    PolicyDocument,
    PolicyStatus,
    RequestStatus,
    StepStatus,
    TermKind,
)
from app.services import access, attachments
from app.workflows.engine import act, submit
from app.workflows.flow import Flow, compiled
from app.workflows.machine import adopting
from app.workflows.subjects import subject_named

SELLER, KEEPER_OF_BIG, PLANNER, DRAFTER = "linzhiyuan", "ouyangce", "ningqinghe", "guwenlan"
EVERYBODY = 99
DRAFT = -1
PDF = b"%PDF-1.4\n% A page of the demo company\n%%EOF\n"
AGREED = "同意。"
OPINIONS: Mapping[str, str] = {
    "recommendation": "四项准入标准均满足，建议列为大客户。",
    "evaluation_result": "技术上可行，可纳入下一季品种计划。",
    "finance_conclusion": "近两年收支平稳，负债率合理。",
    "technical_conclusion": "仓储与加工设备满足要求。",
    "quality_conclusion": "检验制度健全，抽检合格。",
    "consultation": "销售部建议补充走访频次，已采纳。",
    "aftermath": "货款已结清，退回种子已入库。",
}
PAPERS: Mapping[Any, Sequence[tuple[str, str]]] = {
    AdmissionKind.recognition: (
        ("company_profile", "企业概况.pdf"),
        ("company_history", "企业沿革.pdf"),
        ("annual_accounts", "年度决算表.pdf"),
        ("product_guide", "产品指南.pdf"),
        ("product_catalogue", "产品目录.pdf"),
    )
}


@dataclass
class Scene:
    """Who is there, and which customers of each person a tale may take next."""

    users: dict[str, int]
    today: date

    def who(self, username: str) -> access.Principal:
        with access.acting(access.SYSTEM):
            found = access.principal_of(self.users[username])
        if found is None:
            raise LookupError(f"the account {username} of the demo is gone")
        return found

    def days(self, count: int) -> date:
        return self.today + timedelta(days=count)


@dataclass(frozen=True, slots=True)
class Tale:
    """A record one person makes, how many others agree before it waits (none: a draft), and how the last one ends it."""

    by: str
    make: Callable[[Scene, access.Principal], Any]
    agreed: int = 0
    end: str = ""
    why: str = ""


def walk() -> int:
    """Have the people of the demo tell the tales; how many. None where the customers or people are missing."""
    with access.acting(access.SYSTEM):
        users = {row.username: row.id for row in db.session.execute(select(User.username, User.id))}
    if not {SELLER, KEEPER_OF_BIG, PLANNER, DRAFTER} <= set(users):
        return 0
    scene = Scene(users, company.today())
    _adopt_policies(scene)
    for tale in TALES:
        _tell(scene, tale)
    return len(TALES)


def _tell(scene: Scene, tale: Tale) -> None:
    who = scene.who(tale.by)
    with access.acting(who), transaction():
        record = tale.make(scene, who)
        db.session.add(record)
        db.session.flush()
        for kind, name in PAPERS.get(getattr(record, "flow_kind", None), ()):
            attachments.attach(record, kind, name, BytesIO(PDF))
        if tale.agreed == DRAFT:
            return
        request_id = submit(record).request_id
    if request_id is None:
        return
    for _ in range(tale.agreed):
        if not _decide(request_id, "approve", AGREED):
            return
    if tale.end:
        _decide(request_id, tale.end, tale.why)


def _decide(request_id: int, verb: str, comment: str) -> bool:
    """Whoever has the request before him does this; whether anybody had."""
    with access.acting(access.SYSTEM):
        found = db.session.execute(
            select(ApprovalRequest, ApprovalStep.node, Account.user_id)
            .join(ApprovalStep, ApprovalStep.request_id == ApprovalRequest.id)
            .join(ApprovalTask, ApprovalTask.step_id == ApprovalStep.id)
            .join(Account, Account.employee_id == ApprovalTask.assignee_id)
            .where(
                ApprovalRequest.id == request_id,
                ApprovalRequest.status == RequestStatus.running,
                ApprovalStep.status == StepStatus.active,
                ApprovalTask.status == DutyStatus.open,
            )
            .order_by(ApprovalTask.id)
        ).first()
        if found is None:
            return False
        request, node, user_id = found
        who = access.principal_of(user_id)
        flow = compiled(request.version.body, request.version.body_hash)
        fields = _answers(flow, node) if verb == "approve" else {}
    if who is None:
        return False
    with access.acting(who), transaction():
        act(request_id, verb, comment=comment, fields=fields)
    return True


def _answers(flow: Flow, node: str) -> dict[str, str]:
    """What is typed into the form of a step: what stands in `OPINIONS`, and yes to every box."""
    columns = subject_named(flow.object_type).model.__table__.columns
    return {
        name: OPINIONS.get(name, "true")
        for name in flow.step(node).fields
        if name in OPINIONS or columns[name].type.python_type is bool
    }


# ---- who and what the tales are about ----------------------------------------------------------------------


def _owned(who: access.Principal) -> dict[str, Any]:
    return {"owner_id": who.employee_id, "org_unit_id": who.org_unit_id}


def _customers(who: access.Principal, count: int, *states: Lifecycle) -> list[Customer]:
    """The first customers of this person that stand so."""
    mine = select(Customer).where(
        Customer.owner_id == who.employee_id, Customer.status.in_(states or (Lifecycle.active,))
    )
    return list(db.session.scalars(mine.order_by(Customer.id).limit(count)))


def _customer(who: access.Principal, place: int, *states: Lifecycle) -> int:
    return _customers(who, place + 1, *states)[-1].id


def _cause(code: str) -> int | None:
    return db.session.scalar(
        select(Lookup.id).where(Lookup.category == "contract_cause", Lookup.code == code)
    )


def _term(place: int, rate: str, reason: str, **values: Any) -> Callable[[Scene, access.Principal], Any]:
    def make(scene: Scene, who: access.Principal) -> CommercialTerm:
        return CommercialTerm(
            customer_id=_customer(who, place),
            discount_rate=Decimal(rate),
            valid_from=scene.today,
            valid_to=scene.days(180),
            reason=reason,
            **values,
            **_owned(who),
        )

    return make


def _need(place: int, title: str, **values: Any) -> Callable[[Scene, access.Principal], Any]:
    def make(_scene: Scene, who: access.Principal) -> Need:
        return Need(customer_id=_customer(who, place), title=title, **values, **_owned(who))

    return make


def _change_of_need(_scene: Scene, who: access.Principal) -> Need:
    accepted = select(Need).where(Need.owner_id == who.employee_id, Need.status == NeedStatus.approved)
    before = db.session.scalars(accepted.order_by(Need.id)).first()
    return Need(
        customer_id=before.customer_id if before else _customer(who, 0),
        supersedes_id=before.id if before else None,
        title="抗倒伏早熟玉米品种",
        source=NeedSource.visit,
        function_req="生育期缩短十五天，抗倒伏。",
        change_reason="客户明年调整播期，要求再提早五天。",
        **_owned(who),
    )


def _visits(title: str, months: int) -> Callable[[Scene, access.Principal], Any]:
    def make(scene: Scene, who: access.Principal) -> Plan:
        chosen = select(Customer).where(Customer.is_key, Customer.status == Lifecycle.active)
        customers = list(db.session.scalars(chosen.order_by(Customer.id).limit(4)))
        return Plan(
            title=title,
            kind=PlanKind.visit,
            period_start=scene.days(10),
            period_end=scene.days(10 + 30 * months),
            strategy="先走访核心重点客户，同一区域合并行程。",
            exception_reason="旺季人手有限，余下走访列入下一季计划。",
            lines=[
                PlanLine(
                    customer_id=customer.id,
                    employee_id=customer.owner_id,
                    on=scene.days(12 + 5 * place),
                    content=("了解播种进度与用种反馈", "商谈下季订货与示范田", "收集对新品种的意见")[
                        place % 3
                    ],
                )
                for place, customer in enumerate(customers)
            ],
            **_owned(who),
        )

    return make


def _sales_plan(scene: Scene, who: access.Principal) -> Plan:
    customers = _customers(who, 3)
    return Plan(
        title=f"{scene.today.year + 1} 年度大客户销售计划",
        kind=PlanKind.sales,
        period_start=date(scene.today.year + 1, 1, 1),
        period_end=date(scene.today.year + 1, 12, 31),
        target_amount=Decimal(600_000 * len(customers)),
        market_analysis="玉米种植面积稳定，优质水稻需求上升。",
        strategy="与合作社直供客户深度合作，联合建设示范田。",
        measures="每月面谈一次，每季召开座谈会，旺季前完成备货。",
        resources="技术服务两人，示范田补贴十万元。",
        lines=[
            PlanLine(customer_id=customer.id, amount=Decimal(600_000), content="全年目标，按季分解")
            for customer in customers
        ],
        **_owned(who),
    )


def _key_list(title: str, change: ListChange) -> Callable[[Scene, access.Principal], Any]:
    def make(scene: Scene, who: access.Principal) -> KeyList:
        chosen = select(Customer).where(Customer.status == Lifecycle.active)
        chosen = chosen.where(Customer.is_key if change is ListChange.keep else ~Customer.is_key)
        customers = db.session.scalars(chosen.order_by(Customer.id).limit(6))
        return KeyList(
            title=title,
            year=scene.today.year,
            note="依据公司战略与客户重要性评价清理。",
            rows=[
                KeyListRow(
                    customer_id=customer.id,
                    change=change,
                    tier=(KeyTier.core, KeyTier.important, KeyTier.general)[place % 3],
                    criterion=list(KeyCriterion)[place % 3],
                    evidence=("近三年销售额居前", "区域内知名度高", "合作五年以上，计划扩大种植")[place % 3],
                    reason=None if change is ListChange.keep else "订货量连续两季增长",
                )
                for place, customer in enumerate(customers)
            ],
            **_owned(who),
        )

    return make


def _admission(
    kind: AdmissionKind, place: int, *states: Lifecycle, **values: Any
) -> Callable[[Scene, access.Principal], Any]:
    def make(_scene: Scene, who: access.Principal) -> Admission:
        return Admission(
            flow_kind=kind,
            customer_id=_customer(who, place, *states),
            basic_situation="区域骨干经销商，自有仓库与加工线。",
            cooperation_intent="扩大合作品种，共建示范基地。",
            **values,
            **_owned(who),
        )

    return make


def _amendment(
    kind: ContractKind, place: int, cause: str, **values: Any
) -> Callable[[Scene, access.Principal], Any]:
    def make(scene: Scene, who: access.Principal) -> Contract:
        effective = select(Contract).where(
            Contract.owner_id == who.employee_id, Contract.status == ContractStatus.effective
        )
        parents = list(db.session.scalars(effective.order_by(Contract.id).limit(place + 1)))
        parent = parents[-1]
        return Contract(
            title=f"{kind.words.zh} {parent.customer.name}"[:255],
            kind=kind,
            customer_id=parent.customer_id,
            parent_id=parent.id,
            cause_id=_cause(cause),
            consulted_on=scene.days(-3),
            amount=parent.amount or Decimal(120_000),
            **values,
            **_owned(who),
        )

    return make


POLICIES = (
    ("ZD-001", "客户管理制度", DecidedBy.gm_chairman, "规范客户准入、维护、评价与退出。"),
    ("ZD-002", "重点客户走访管理办法", DecidedBy.leading_group, "规范走访计划、记录、报告与跟踪。"),
    ("ZD-003", "优惠与信用管理办法", DecidedBy.gm_chairman, "分级管理优惠，控制欠费风险。"),
    ("ZD-004", "客户投诉处理办法", DecidedBy.leading_group, "规定受理、答复与回访时限。"),
)


def _adopt_policies(scene: Scene) -> None:
    """The policies the company began with, entered as opening data."""
    with access.acting(access.SYSTEM), transaction(), adopting([PolicyDocument], "演示公司现行制度"):
        drafter = db.session.scalars(
            select(Employee)
            .join(Account, Account.employee_id == Employee.id)
            .where(Account.user_id == scene.users[DRAFTER])
        ).one()
        office = db.session.get_one(OrgUnit, drafter.org_unit_id)
        for place, (code, title, decided_by, purpose) in enumerate(POLICIES):
            row = PolicyDocument(
                code=code,
                title=title,
                decided_by=decided_by,
                purpose=purpose,
                scope="公司各部门及全体销售、服务人员。",
                principles="客户至上、诚信、分级管理、持续改进。",
                content="第一章 总则；第二章 职责；第三章 流程；第四章 附则。",
                interpreter_unit_id=office.id,
                effective_on=scene.days(-400 + 30 * place),
                status=PolicyStatus.effective,
                owner_id=drafter.id,
                org_unit_id=office.id,
            )
            db.session.add(row)


def _revision(code: str, summary: str) -> Callable[[Scene, access.Principal], Any]:
    def make(scene: Scene, who: access.Principal) -> PolicyDocument:
        former = db.session.scalars(
            select(PolicyDocument).where(
                PolicyDocument.code == code, PolicyDocument.status == PolicyStatus.effective
            )
        ).one()
        return PolicyDocument(
            code=code,
            title=former.title,
            supersedes_id=former.id,
            change_summary=summary,
            purpose=former.purpose,
            scope=former.scope,
            principles=former.principles,
            content=former.content,
            interpreter_unit_id=former.interpreter_unit_id,
            effective_on=scene.days(30),
            **_owned(who),
        )

    return make


BIG = {"expected_sales": Decimal(1_600_000), "big_criterion": BigCriterion.annual_sales}
CANDIDATE = {
    "expected_sales": Decimal(800_000),
    "reason": "区域市场空白，可提高市场占有率。",
    "general_survey": "资料齐全，负责人面谈顺利。",
    "overall_judgement": "符合选择原则，可进入部门调查。",
}

TALES: Sequence[Tale] = (
    Tale(SELLER, _term(0, "0.02", "全年订货量居前，续签供应合同。"), agreed=EVERYBODY),
    Tale(SELLER, _term(1, "0.015", "新品种示范推广支持。"), agreed=1),
    Tale(KEEPER_OF_BIG, _term(0, "0.2", "承诺全年独家经销。"), agreed=1),
    Tale(KEEPER_OF_BIG, _term(1, "0.05", "集中采购，一次付清货款。")),
    Tale(KEEPER_OF_BIG, _term(2, "0.3", "竞争对手降价。"), end="reject", why="幅度过大，影响价格体系。"),
    Tale(
        SELLER, _term(2, "0", "示范田资源支持。", amount=Decimal(8_000), kind=TermKind.support), agreed=DRAFT
    ),
    Tale(
        SELLER,
        _need(0, "抗倒伏早熟玉米品种", source=NeedSource.visit, function_req="生育期缩短十天，抗倒伏。"),
        agreed=EVERYBODY,
    ),
    Tale(
        SELLER,
        _need(1, "小包装水稻种子", priority=NeedPriority.high, delivery_req="每袋五百克，三月前供货。"),
    ),
    Tale(SELLER, _need(2, "播种期技术指导", performance_req="每乡镇每季一次现场指导。"), agreed=DRAFT),
    Tale(SELLER, _change_of_need),
    Tale(PLANNER, _visits("重点客户春播走访计划", 3), agreed=EVERYBODY),
    Tale(PLANNER, _visits("重点客户夏季走访计划", 4), agreed=2),
    Tale(KEEPER_OF_BIG, _sales_plan, agreed=1),
    Tale(PLANNER, _key_list("年度重点客户名单", ListChange.keep), agreed=EVERYBODY),
    Tale(PLANNER, _key_list("重点客户名单年中调整", ListChange.join), agreed=2),
    Tale(KEEPER_OF_BIG, _admission(AdmissionKind.big_customer, 0, **BIG), agreed=EVERYBODY),
    Tale(KEEPER_OF_BIG, _admission(AdmissionKind.big_customer, 1, **BIG), agreed=1),
    Tale(
        KEEPER_OF_BIG,
        _admission(AdmissionKind.recognition, 0, Lifecycle.prospect, **CANDIDATE),
        agreed=2,
    ),
    Tale(
        SELLER,
        _amendment(ContractKind.change, 0, "need_change", terms="供货数量由一百吨调整为一百三十吨。"),
        agreed=1,
    ),
    Tale(
        SELLER, _amendment(ContractKind.termination, 1, "mutual", terms="双方协商解除，货款两清。"), agreed=1
    ),
    Tale(DRAFTER, _revision("ZD-002", "明确一般重点客户每年走访两次。"), agreed=2),
    Tale(DRAFTER, _revision("ZD-003", "补充优惠累计计算规则。"), agreed=3),
    Tale(DRAFTER, _revision("ZD-004", "缩短复杂投诉答复期限。"), agreed=DRAFT),
)
"""What the demo company is deciding on besides admissions."""
