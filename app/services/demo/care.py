"""What goes on between the company and its customers: agreements, visits, complaints, duties, notices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.models import (
    Admission,
    AdmissionKind,
    AdmissionStatus,
    CaseKind,
    CaseStatus,
    Contract,
    ContractKind,
    ContractStatus,
    Lifecycle,
    Notice,
    NoticeKind,
    ServiceCase,
    Severity,
    Task,
    TaskStatus,
    Visit,
    VisitKind,
    VisitStatus,
)
from app.services.demo.book import TRADING
from app.services.demo.scene import Scene, put

YEAR = timedelta(days=365)


def care(scene: Scene) -> None:
    """Make everything that hangs on customers and trade."""
    _admissions(scene)
    _contracts(scene)
    put(Visit, [_visit(scene) for _ in range(scene.scale.visits)])
    put(ServiceCase, _cases(scene))
    put(Task, [_task(scene, place) for place in range(scene.scale.tasks)])
    put(Notice, _notices(scene))


def _belongs(customer: dict[str, Any]) -> dict[str, Any]:
    return {"owner_id": customer["owner_id"], "org_unit_id": customer["org_unit_id"]}


def _some(scene: Scene, share: int, *states: Lifecycle) -> list[dict[str, Any]]:
    """One customer in `share` of those in these states."""
    return [row for row in scene.customers if row["status"] in states][::share]


# ---- admissions and contracts ------------------------------------------------------------------------------


def _admissions(scene: Scene) -> None:
    """Admissions of earlier years, completed, with the agreement that made the customer."""
    admitted = _some(scene, 4, Lifecycle.active)
    ids = zip(scene.ids(Admission, len(admitted)), scene.ids(Contract, len(admitted)), strict=True)
    admissions, agreements = [], []
    for customer, (id_, agreement_id) in zip(admitted, ids, strict=True):
        day = customer["admitted_on"]
        admissions.append(
            {
                "id": id_,
                "no": scene.number("admission", day.year),
                "flow_kind": AdmissionKind.cooperation,
                "customer_id": customer["id"],
                "basic_situation": "经营多年，门店与仓储条件齐备，在当地有稳定的种植户群体。",
                "cooperation_intent": "计划长期经销我司玉米、水稻品种，配合示范推广。",
                "expected_sales": Decimal(scene.random.choice((80_000, 150_000, 300_000, 600_000))),
                "is_key_prospect": customer["is_key"],
                "licence_checked": True,
                "reputation_good": True,
                "demand_real": True,
                "willing": True,
                "recommendation": "证照齐全，信誉良好，建议准入。",
                "decided_at": scene.moment(day - timedelta(days=6)),
                "status": AdmissionStatus.completed,
                "created_at": scene.moment(day - timedelta(days=20)),
                **_belongs(customer),
            }
        )
        agreements.append(
            _contract(scene, customer, agreement_id)
            | {
                "no": scene.number("contract", day.year),
                "title": f"{customer['short_name']}合作协议",
                "kind": ContractKind.cooperation,
                "admission_id": id_,
                "sign_on": day - timedelta(days=2),
                "effective_on": day,
                "created_at": scene.moment(day - timedelta(days=4)),
            }
        )
    put(Admission, admissions)
    put(Contract, agreements)


def _contract(scene: Scene, customer: dict[str, Any], id_: int) -> dict[str, Any]:
    return {
        "id": id_,
        "no": None,
        "title": f"{customer['short_name']}年度供种合同",
        "kind": ContractKind.supply,
        "customer_id": customer["id"],
        "admission_id": None,
        "amount": None,
        "payment_method_id": customer["payment_method_id"],
        "sign_on": None,
        "effective_on": None,
        "expires_on": None,
        "terms": "按年度计划供货；质量执行国家种子质量标准；违约责任按双方约定。",
        "status": ContractStatus.effective,
        "created_at": scene.moment(scene.today),
        **_belongs(customer),
    }


def _contracts(scene: Scene) -> None:
    """Supply contracts of a year: some running, some ended, some about to expire, a few in draft."""
    customers = _some(scene, 2, Lifecycle.active)
    rows = []
    for place, (customer, id_) in enumerate(zip(customers, scene.ids(Contract, len(customers)), strict=True)):
        ends = scene.today + timedelta(days=scene.random.choice((-120, -40, 12, 25, 45, 80, 150, 210, 300)))
        row = _contract(scene, customer, id_)
        row["amount"] = Decimal(scene.random.choice((60_000, 120_000, 180_000, 260_000, 480_000, 900_000)))
        if place % 12 == 5:
            row["status"] = ContractStatus.draft
        else:
            start = ends - YEAR
            row |= {
                "no": scene.number("contract", start.year),
                "sign_on": start - timedelta(days=5),
                "effective_on": start,
                "expires_on": ends,
                "status": ContractStatus.ended if ends < scene.today else ContractStatus.effective,
                "created_at": scene.moment(start - timedelta(days=12)),
            }
        rows.append(row)
    put(Contract, rows)


# ---- visits ------------------------------------------------------------------------------------------------

PURPOSES = ("了解库存与春播备货", "收集品种表现反馈", "商谈年度合同", "处理发芽率疑问", "介绍新审定品种")
CONTENTS = (
    "查看门店与仓库，核对库存；客户介绍当地种植结构变化。",
    "走访示范田，记录长势；与种植户座谈。",
    "沟通下一年度订货计划与优惠政策。",
)
FEEDBACKS = (
    "希望提前供货，避开运输高峰。",
    "建议增加小包装规格。",
    "对售后响应满意。",
    "竞品让利较大，价格压力明显。",
)
CONCLUSIONS = ("合作关系稳定，按计划跟进。", "需协调物流，责任事项已登记。", "意向明确，两周内提交方案。")


def _visit(scene: Scene) -> dict[str, Any]:
    random = scene.random
    customer = random.choice(scene.customers)
    day = scene.today + timedelta(days=random.randint(-365, 30))
    held = day < scene.today
    filed = held and (scene.today - day).days > 7
    late = held and random.random() < 0.05
    status = VisitStatus.planned if late or not held else VisitStatus.filed if filed else VisitStatus.done
    moment = scene.moment(day, (9, 17)) if held and not late else None
    return {
        "customer_id": customer["id"],
        "kind": random.choices(list(VisitKind), (60, 25, 5, 10))[0],
        "planned_on": day,
        "held_at": moment,
        "place": customer["address"],
        "purpose": random.choice(PURPOSES),
        "content": random.choice(CONTENTS) if moment else None,
        "feedback": random.choice(FEEDBACKS) if moment else None,
        "conclusion": random.choice(CONCLUSIONS) if moment else None,
        "status": status,
        "created_at": scene.moment(min(scene.today, day - timedelta(days=7))),
        **_belongs(customer),
    }


# ---- complaints --------------------------------------------------------------------------------------------

SUBJECTS = (
    ("发芽率低于标识", "要求检测并补种", "批次储存条件不当", "补发同品种并承担检测费"),
    ("到货延误影响播种", "要求赔偿误工", "运输环节调度失误", "改用专车配送并致歉"),
    ("包装破损", "要求换货", "装卸不当", "更换破损包装，改进装卸"),
    ("账单金额有误", "要求更正", "优惠未及时录入", "更正账单并回访确认"),
    ("技术指导不到位", "希望派人到田间", "人员安排紧张", "安排技术员到场指导"),
    ("品种纯度存疑", "要求鉴定", "制种隔离距离不足", "送检并按结果处理"),
)
REPLY_DAYS = {Severity.low: 3, Severity.medium: 5, Severity.high: 10}


def _cases(scene: Scene) -> list[dict[str, Any]]:
    buyers = [row for row in scene.customers if row["status"] in TRADING]
    days = sorted(scene.day(0, 360) for _ in range(scene.scale.cases))
    handlers = [scene.staff["shenjianing"], scene.staff["jiangwanqing"]]
    return [
        _case(scene, scene.random.choice(buyers), day, handlers[place % 2]) for place, day in enumerate(days)
    ]


def _case(scene: Scene, customer: dict[str, Any], day: Any, handler: Any) -> dict[str, Any]:
    random = scene.random
    subject, demand, cause, solution = random.choice(SUBJECTS)
    severity = random.choices(list(Severity), (6, 3, 1))[0]
    received = scene.moment(day, (8, 17))
    due = received + timedelta(days=REPLY_DAYS[severity])
    age = (scene.today - day).days
    replied = (
        received + timedelta(hours=random.randint(4, 24 * REPLY_DAYS[severity] + 30)) if age > 12 else None
    )
    status = CaseStatus.received if replied is None else CaseStatus.closed if age > 20 else CaseStatus.replied
    return {
        "no": scene.number("service_case", day.year) if replied else None,
        "kind": random.choices(list(CaseKind), (70, 15, 10, 5))[0],
        "customer_id": customer["id"],
        "subject": subject,
        "content": f"客户来电反映：{subject}。",
        "demand": demand,
        "severity": severity,
        "received_at": received,
        "reply_due_at": due,
        "replied_at": replied,
        "cause": cause if replied else None,
        "solution": solution if replied else None,
        "status": status,
        "owner_id": handler.id,
        "org_unit_id": customer["org_unit_id"],
        "created_at": received,
    }


# ---- duties and notices ------------------------------------------------------------------------------------

DUTIES = (
    "更新客户档案并复核联系方式",
    "跟进春播备货计划",
    "核对到期证照",
    "回访上月投诉客户",
    "提交走访记录",
    "确认示范田安排",
    "催收逾期货款",
    "准备续签合同",
)
HOUSE_DUTIES = ("完成季度检查表", "汇总本月评价数据", "复核角色权限", "整理归档合同", "准备部门例会材料")


def _task(scene: Scene, place: int) -> dict[str, Any]:
    """Duties of account managers about customers, and some of everybody else about the house."""
    random = scene.random
    customer = random.choice(scene.customers)
    about_customer = place % 3 != 0
    everybody = list(scene.staff.values())
    owner = everybody[place // 3 % len(everybody)]
    due = scene.today + timedelta(days=random.randint(-40, 25))
    done = due < scene.today and random.random() < 0.8
    whose = _belongs(customer) if about_customer else {"owner_id": owner.id, "org_unit_id": owner.org_unit_id}
    return {
        "title": random.choice(DUTIES if about_customer else HOUSE_DUTIES),
        "description": "演示数据：由制度规定的例行事项。",
        "customer_id": customer["id"] if about_customer else None,
        "due_on": due,
        "result": "已按要求完成。" if done else None,
        "status": TaskStatus.done if done else TaskStatus.open,
        "created_at": scene.moment(min(scene.today, due - timedelta(days=14))),
        **whose,
    }


def _notices(scene: Scene) -> list[dict[str, Any]]:
    """An announcement to everybody, and reminders of visits and expiring contracts to account managers."""
    raised = scene.moment(scene.today - timedelta(days=1))
    rows = [
        {
            "kind": NoticeKind.announcement,
            "recipient_id": employee.id,
            "text_zh": "《客户管理制度》已上线，请在“责任事项”中查看本岗位的事项。",
            "text_en": "The customer policy is live: see your duties under Tasks.",
            "object_type": None,
            "object_id": None,
            "raised_at": raised,
        }
        for employee in scene.staff.values()
    ]
    rows += [
        {
            "kind": NoticeKind.reminder,
            "recipient_id": customer["owner_id"],
            "text_zh": f"客户“{customer['name']}”本季度尚未走访，请安排。",
            "text_en": f'No visit to "{customer["name"]}" this quarter yet: please arrange one.',
            "object_type": "customer",
            "object_id": customer["id"],
            "raised_at": raised,
        }
        for customer in _some(scene, max(9, len(scene.customers) // 40), Lifecycle.active)
    ]
    return rows
