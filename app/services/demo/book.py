"""The customers of the demo company, their people and classes, and what is sold to them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.columns import new_uid
from app.models import (
    Contact,
    ContactRole,
    Customer,
    CustomerClassification,
    Lifecycle,
    PartyType,
    Product,
)
from app.services.demo import names
from app.services.demo.scene import Scene, put

STATES = {
    Lifecycle.active: 70,
    Lifecycle.dormant: 9,
    Lifecycle.suspended: 2,
    Lifecycle.ended: 2,
    Lifecycle.prospect: 17,
}
TRADING = (Lifecycle.active, Lifecycle.dormant, Lifecycle.suspended, Lifecycle.ended)
KEY_SHARE = 0.12
CAPITAL = ("50万元", "100万元", "200万元", "500万元", "1000万元", "3000万元")
LIMITS = (None, None, Decimal(0), Decimal(50_000), Decimal(100_000), Decimal(300_000), Decimal(800_000))
PREFERENCES = ("偏好微信联系", "下午联系较方便", "关注发芽率指标", "重视送货时间", "希望先看示范田")
REMARKS = (
    "每年春播前集中订货。",
    "与本地农技站关系密切。",
    "仓储条件较好，可提前备货。",
    "价格敏感，关注优惠政策。",
)

GOODS = (
    ("corn_seed", "禾原玉", "玉米种子", "4000粒/袋", "袋", ("101", "102", "208", "316", "520", "703"), 62),
    ("rice_seed", "禾原优", "水稻种子", "1千克/袋", "袋", ("11", "23", "36", "58", "68"), 78),
    ("wheat_seed", "禾原麦", "小麦种子", "25千克/袋", "袋", ("5", "9", "12", "27"), 118),
    ("soybean_seed", "禾原豆", "大豆种子", "20千克/袋", "袋", ("1", "3", "8"), 196),
    (
        "vegetable_seed",
        "禾原蔬",
        "蔬菜种子",
        "10克/袋",
        "袋",
        ("番茄1", "辣椒2", "黄瓜3", "白菜4", "甘蓝5"),
        23,
    ),
    ("oil_seed", "禾原油", "油菜种子", "500克/袋", "袋", ("6", "15", "18"), 41),
    ("potato_seed", "禾原薯", "马铃薯种薯", "25千克/袋", "袋", ("2", "7"), 86),
    ("service", "田间", "技术服务", "次", "次", ("示范指导", "土壤检测"), 300),
)


def sell(scene: Scene) -> None:
    """Make the products."""
    for category, brand, kind, pack, unit, lines, price in GOODS:
        for place, line in enumerate(lines):
            amount = Decimal(price) + Decimal(place * price) / 10
            scene.products.append(
                {
                    "code": f"HY-{category[:2].upper()}{len(scene.products) + 1:03d}",
                    "name": f"{brand}{line}（{kind}）",
                    "category_id": scene.lookups["product_category"].get(category),
                    "specification": pack,
                    "unit": unit,
                    "list_price": amount,
                    "unit_cost": (amount * 62 / 100).quantize(Decimal("0.01")),
                }
            )
    for row, id_ in zip(scene.products, scene.ids(Product, len(scene.products)), strict=True):
        row["id"] = id_
    put(Product, scene.products)


def win(scene: Scene) -> None:
    """Make the customers; they are written when their orders are known."""
    regions = [id_ for code, id_ in scene.lookups["region"].items() if code != "000000"]
    states = _states(scene)
    for number, id_ in enumerate(scene.ids(Customer, scene.scale.customers)):
        scene.customers.append(_customer(scene, number, id_, states[number], regions))
    for number, name in enumerate(names.FOREIGN):
        row = scene.customers[number * 17 % len(scene.customers)]
        row |= {"name": name, "short_name": name.split(" ")[0], "credit_code": None}
        row["region_id"] = scene.lookups["region"].get("000000")


def _states(scene: Scene) -> list[Lifecycle]:
    """Where each customer stands: the shares exactly, in chance order."""
    count = scene.scale.customers
    states = [state for state, share in STATES.items() for _ in range(count * share // 100)]
    states += [Lifecycle.active] * (count - len(states))
    scene.random.shuffle(states)
    return states


def _customer(scene: Scene, number: int, id_: int, state: Lifecycle, regions: list[int]) -> dict[str, Any]:
    random = scene.random
    name, short, trade = names.firm(number)
    owner = scene.owners[random.randrange(len(scene.owners))]
    since = scene.day(20, 200) if state is Lifecycle.prospect else scene.day(560, 2_200)
    uid = new_uid()
    trades = state in TRADING
    return {
        "id": id_,
        "uid": uid,
        "code": scene.number("customer", scene.today.year) if trades else None,
        "name": name,
        "short_name": short,
        "party_type": PartyType[trade.party],
        "status": state,
        "is_key": trades and random.random() < KEY_SHARE,
        "credit_code": names.credit_code(number + 1),
        "legal_representative": names.person(random),
        "registered_capital": random.choice(CAPITAL),
        "established_on": since - timedelta(days=random.randint(300, 4_000)),
        "industry_id": scene.lookups["industry"].get(trade.industry),
        "region_id": random.choice(regions),
        "size_id": scene.lookups["size"].get(trade.size),
        "source_channel_id": random.choice([*scene.lookups["source_channel"].values()]),
        "payment_method_id": random.choice([*scene.lookups["payment_method"].values()]),
        "address": f"{name[:2]}市{random.choice('东西南北')}郊路{random.randint(1, 300)}号",
        **Customer.phone.columns("customer", uid, names.phone(number)),
        **Customer.email.columns("customer", uid, names.email(number)),
        "business_scope": trade.scope,
        "credit_limit": random.choice(LIMITS) if trades else None,
        "remark": random.choice(REMARKS) if random.random() < 0.2 else None,
        "owner_id": owner.id,
        "org_unit_id": owner.org_unit_id,
        "admitted_on": since if trades else None,
        "first_order_on": None,
        "last_order_on": None,
        "created_at": scene.moment(since - timedelta(days=10)),
    }


def write_customers(scene: Scene) -> None:
    """Write the customers, then their people and classes."""
    put(Customer, scene.customers)
    put(Contact, [row for customer in scene.customers for row in _contacts(scene, customer)])
    put(CustomerClassification, [row for customer in scene.customers for row in _classes(scene, customer)])


def _contacts(scene: Scene, customer: dict[str, Any]) -> list[dict[str, Any]]:
    random = scene.random
    roles = [ContactRole.principal, *random.sample(list(ContactRole)[2:], random.choice((0, 0, 1, 1, 2)))]
    rows = []
    for place, role in enumerate(roles):
        uid = new_uid()
        number = customer["id"] * 10 + place
        rows.append(
            {
                "uid": uid,
                "customer_id": customer["id"],
                "name": names.person(random),
                "role": role,
                "title": names.TITLES[role.value],
                **Contact.phone.columns("contact", uid, names.phone(5_000_000 + number)),
                **Contact.email.columns("contact", uid, names.email(5_000_000 + number)),
                "birthday": date(random.randint(1965, 1998), random.randint(1, 12), random.randint(1, 28)),
                "preferences": random.choice(PREFERENCES) if random.random() < 0.4 else None,
                "is_primary": place == 0,
            }
        )
    return rows


def _classes(scene: Scene, customer: dict[str, Any]) -> list[dict[str, Any]]:
    """The tier of key customers, and the channel a seed customer is."""
    found = []
    trades = customer["status"] in TRADING
    if customer["is_key"]:
        found.append(
            ("KEY-TIER", scene.random.choices(("CORE", "IMPORTANT", "GENERAL"), (1, 3, 6))[0], "年度名单审定")
        )
    if trades:
        party = customer["party_type"]
        channel = (
            "GROWER"
            if party is PartyType.farm
            else scene.random.choice(("COUNTY", "COUNTY", "SHOP", "PROVINCE"))
        )
        found.append(("SEED-CHANNEL", channel, "建档时确定"))
    rows = []
    for scheme, code, reason in found:
        scheme_id, value_id = scene.classes[scheme][code]
        rows.append(
            {
                "customer_id": customer["id"],
                "scheme_id": scheme_id,
                "value_id": value_id,
                "valid_from": max(customer["admitted_on"], date(scene.today.year - 1, 1, 31)),
                "reason": reason,
            }
        )
    return rows
