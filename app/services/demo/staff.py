"""The people of the demo company: units, employees for every role, and their accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from app.extensions import db
from app.models import Employee, OrgUnit, Position, UnitKind
from app.services import account_keeping
from app.services.account_keeping import Details
from app.services.demo.scene import Scene
from app.services.packs.tables import path_of

UNITS = (
    ("heyuan", "", "禾原种业有限公司", "Heyuan Seeds Co., Ltd.", "company", None),
    ("gm_office", "heyuan", "总经办", "GM office", "department", "gm_office"),
    ("sales", "heyuan", "销售部", "Sales department", "department", "sales"),
    ("sales_north", "sales", "销售一组（北区）", "Sales team 1 (north)", "team", None),
    ("sales_south", "sales", "销售二组（南区）", "Sales team 2 (south)", "team", None),
    ("service", "heyuan", "客户服务部", "Customer service", "department", "service"),
    ("finance", "heyuan", "财务部", "Finance", "department", "finance"),
    ("legal", "heyuan", "法务部", "Legal", "department", "legal"),
    ("marketing", "heyuan", "市场部", "Marketing", "department", "marketing"),
    ("technical", "heyuan", "技术部", "Technical department", "department", "technical"),
    ("quality", "heyuan", "质量部", "Quality department", "department", "quality"),
    ("development", "heyuan", "产品开发部", "Product development", "department", None),
    ("supervision", "heyuan", "客户管理监督小组", "Supervision group", "supervision_group", "supervision"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """An employee of the demo company: user name, name, unit, position, role, superior."""

    username: str
    name: str
    unit: str
    position: str
    role: str
    superior: str = ""
    heads: str = ""
    language: str = "zh"


PEOPLE = (
    Person("gaoyuan", "高原野", "heyuan", "general_manager", "gm", "wenrenqiu", heads="heyuan"),
    Person("hanliqun", "韩立群", "heyuan", "company_leader", "company_leader", "gaoyuan"),
    Person("guwenlan", "顾闻澜", "gm_office", "office_director", "gm_office", "gaoyuan", "gm_office"),
    Person("zouziqian", "邹子谦", "gm_office", "it_administrator", "administrator", "guwenlan"),
    Person("tianyutong", "田雨桐", "gm_office", "it_administrator", "administrator", "guwenlan"),
    Person("fujingxing", "傅景行", "gm_office", "auditor", "auditor", "gaoyuan"),
    Person("zhouruoxi", "周若溪", "sales", "sales_head", "sales_head", "hanliqun", "sales"),
    Person("xiehuaijin", "谢怀瑾", "sales", "sales_supervisor", "sales_supervisor", "zhouruoxi"),
    Person("tangwangshu", "唐望舒", "sales", "information_keeper", "info_keeper", "zhouruoxi"),
    Person("qinyunfan", "秦云帆", "sales_north", "team_leader", "team_leader", "xiehuaijin", "sales_north"),
    Person("linzhiyuan", "林知远", "sales_north", "account_manager", "account_manager", "qinyunfan"),
    Person("luqinghe", "陆清和", "sales_north", "seller", "seller", "qinyunfan"),
    Person("suzhixia", "苏知夏", "sales_south", "team_leader", "team_leader", "xiehuaijin", "sales_south"),
    Person("chengshuyan", "程书言", "sales_south", "account_manager", "account_manager", "suzhixia"),
    Person("emmareed", "Emma Reed", "sales_south", "seller", "seller", "suzhixia", language="en"),
    Person("helingyi", "贺令仪", "service", "service_head", "service_head", "hanliqun", "service"),
    Person("shenjianing", "沈佳宁", "service", "service_specialist", "service_specialist", "helingyi"),
    Person("jiangwanqing", "江晚晴", "service", "service_specialist", "service_specialist", "helingyi"),
    Person("qiaomingda", "乔明达", "finance", "accounting_head", "finance", "gaoyuan", "finance"),
    Person("yinjingshu", "尹静姝", "finance", "accountant", "finance", "qiaomingda"),
    Person("wenxiuyuan", "温修远", "legal", "legal_counsel", "legal", "gaoyuan", "legal"),
    Person("mutinglan", "穆听澜", "marketing", "marketing_head", "marketing_head", "hanliqun", "marketing"),
    Person("ningqinghe", "宁青禾", "marketing", "marketing_specialist", "marketing", "mutinglan"),
    Person("cenweizhen", "岑维桢", "supervision", "inspector", "inspector", "gaoyuan", "supervision"),
    Person("shuanlan", "舒安澜", "supervision", "inspector", "inspector", "cenweizhen"),
    Person("wenrenqiu", "闻人秋", "heyuan", "chairman", "chairman"),
    Person("xuzhiyao", "徐知遥", "gm_office", "clerk", "employee", "guwenlan"),
    Person("ouyangce", "欧阳策", "sales", "big_customer_manager", "big_customer_manager", "zhouruoxi"),
    Person("duyulin", "杜雨霖", "technical", "technical_engineer", "technical", "hanliqun", "technical"),
    Person("jiyunzhou", "纪云舟", "quality", "quality_engineer", "quality", "hanliqun", "quality"),
    Person(
        "baizhiwei",
        "柏知微",
        "development",
        "product_engineer",
        "product_development",
        "hanliqun",
        "development",
    ),
)
LOOK_AFTER = ("seller", "account_manager", "big_customer_manager", "team_leader")
"""The roles whose holders own customers."""


def hire(scene: Scene, password_hash: str) -> None:
    """Set up the company: units, employees, heads, superiors, and an account each with this password."""
    units = _units()
    positions = {row.code: row.id for row in db.session.scalars(select(Position))}
    for place, person in enumerate(PEOPLE, start=1):
        scene.staff[person.username] = Employee(
            no=f"E{place:03d}",
            name=person.name,
            org_unit_id=units[person.unit].id,
            position_id=positions[person.position],
            hired_on=scene.today - timedelta(days=scene.random.randint(400, 4_000)),
        )
    db.session.add_all(scene.staff.values())
    db.session.flush()
    for person in PEOPLE:
        employee = scene.staff[person.username]
        if person.superior:
            employee.manager_id = scene.staff[person.superior].id
        if person.heads:
            units[person.heads].head_id = employee.id
        if person.role in LOOK_AFTER:
            scene.owners.append(employee)
        account_keeping.make(
            person.username,
            password_hash,
            roles=[person.role],
            employee_no=employee.no,
            details=Details(language=person.language, must_change_password=False),
        )
    db.session.flush()


def _units() -> dict[str, OrgUnit]:
    units = {
        code: OrgUnit(code=code, name_zh=zh, name_en=en, kind=UnitKind[kind], function=function)
        for code, _parent, zh, en, kind, function in UNITS
    }
    db.session.add_all(units.values())
    db.session.flush()
    for code, parent, *_rest in UNITS:
        units[code].parent_id = units[parent].id if parent else None
    by_id = {unit.id: unit for unit in units.values()}
    for unit in units.values():
        unit.path = path_of(unit, by_id)
    db.session.flush()
    return units
