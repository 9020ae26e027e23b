"""Codes that are kept as plain text and yet have a name: a customer's grade, a role, a record type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from app.extensions import BY_KEY, db
from app.models import EvalScheme, EvalSchemeVersion, EvalStatus, Lookup
from app.services import access
from app.services.fields import Kind, extra_fields, labels_of, list_of, models_by_resource
from app.words import Words, say

OF_FRAMEWORK = {
    access.EVERYTHING: say(zh="所有记录", en="All records"),
    "ab_role": say(zh="角色", en="Roles"),
    "ab_user": say(zh="账号", en="Accounts"),
}
"""What grants may be about besides record types of ours."""


@dataclass(frozen=True, slots=True)
class Named:
    """A code with its name and the colour it is shown in."""

    code: str
    words: Words
    tone: str = ""


def grades() -> dict[str, Named]:
    """The grades customers get, best first, as the published schemes name them; one statement.

    Where two schemes know the same code, the newer one's name counts.
    """
    found: dict[str, Named] = {}
    for body in db.session.scalars(_PUBLISHED):
        if body.get("publish", {}).get("customer_grade"):
            listed = body.get("grades", [])
            for place, grade in enumerate(listed):
                words = Words(grade.get("zh", grade["grade"]), grade.get("en", grade["grade"]))
                found[grade["grade"]] = Named(grade["grade"], words, _tone(place, len(listed)))
    return found


_PUBLISHED = (
    select(EvalSchemeVersion.body)
    .join(EvalScheme, EvalScheme.id == EvalSchemeVersion.scheme_id)
    .where(EvalSchemeVersion.status == EvalStatus.published)
    .order_by(EvalSchemeVersion.id)
    .execution_options(**BY_KEY)
)


def _tone(place: int, count: int) -> str:
    """Green for the best, red for the last, amber for the one before it where there are four."""
    if place == 0:
        return "ok"
    if place == count - 1:
        return "bad"
    return "warn" if place == count - 2 and count > len(("best", "middle", "last")) else "run"


def roles() -> dict[str, Named]:
    """The names of the roles; one statement."""
    return of_list("role")


def functions() -> dict[str, Named]:
    """What units are there for; one statement."""
    return of_list("unit_function")


def of_list(category: str) -> dict[str, Named]:
    """The entries of a code list; one statement."""
    rows = db.session.execute(
        select(Lookup.code, Lookup.name_zh, Lookup.name_en).where(Lookup.category == category)
    )
    return {code: Named(code, Words(zh, en)) for code, zh, en in rows}


def lists() -> dict[str, Named]:
    """The names of the code lists, those of added fields by their record type and field."""
    named = {code: Named(code, words) for code, words in LISTS.items()}
    for model in models_by_resource().values():
        of = labels_of(model)
        for field in extra_fields(model):
            if field.item is not None and (field.info.lookup or field.kind is Kind.choices):
                code = list_of(model.__tablename__, field.item.key)
                words = Words(f"{of.zh}：{field.label.zh}", f"{of.en}: {field.label.en}")
                named[code] = Named(code, words)
    return named


def units() -> dict[str, Named]:
    """The names of the units parameters are given in."""
    return {code: Named(code, words) for code, words in UNITS.items()}


def record_types() -> dict[str, Named]:
    """The names of what grants are about."""
    found = {name: Named(name, labels_of(model)) for name, model in models_by_resource().items()}
    return found | {name: Named(name, words) for name, words in OF_FRAMEWORK.items()}


LISTS = {
    "approval_phrase": Words("审批常用语", "Phrases of deciders"),
    "case_category": Words("投诉类别", "Kinds of complaint"),
    "contract_cause": Words("合同变更或解除原因", "Causes of changed or ended contracts"),
    "crop_season": Words("作物季节", "Crop seasons"),
    "doc_type": Words("文件类型", "Kinds of document"),
    "industry": Words("行业", "Industries"),
    "need_type": Words("需求类型", "Kinds of need"),
    "opportunity_stage": Words("商机阶段", "Stages of a chance"),
    "payment_method": Words("付款方式", "Payment methods"),
    "product_category": Words("产品类别", "Product categories"),
    "region": Words("地区", "Regions"),
    "reject_reason": Words("驳回原因", "Reasons of rejection"),
    "risk_type": Words("风险类型", "Kinds of risk"),
    "role": Words("角色", "Roles"),
    "sales_channel": Words("销售渠道", "Sales channels"),
    "size": Words("企业规模", "Company sizes"),
    "source_channel": Words("来源渠道", "Sources"),
    "unit_function": Words("部门职能", "Functions of units"),
}
UNITS = {
    "yuan": Words("元", "CNY"),
    "times": Words("次", "times"),
    "d": Words("天", "days"),
    "wd": Words("工作日", "working days"),
    "wh": Words("工作小时", "working hours"),
    "points": Words("分", "points"),
    "mo": Words("个月", "months"),
    "month": Words("月", "month"),
    "y": Words("年", "years"),
    "rows": Words("行", "rows"),
    "%": Words("%", "%"),
    "MB": Words("MB", "MB"),
    "code": Words("编号", "code"),
    "flag": Words("是 1 / 否 0", "1 yes, 0 no"),
}

KNOWN: dict[tuple[str, str], Callable[[], dict[str, Named]]] = {
    ("customer", "grade"): grades,
    ("role_grant", "role_id"): roles,
    ("role_grant", "resource"): record_types,
    ("org_unit", "function"): functions,
    ("lookup", "category"): lists,
    ("parameter", "unit"): units,
    ("export_request", "resource"): record_types,
    ("info_item", "object_type"): record_types,
    ("info_item", "target"): record_types,
}
"""Resource and field → the codes it holds."""
