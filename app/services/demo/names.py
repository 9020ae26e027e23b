"""Invented names: towns that are on no map, firms nobody founded, people nobody met, numbers nobody can dial."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from stdnum.cn import uscc

TOWNS = ("澜洲", "雁浦", "临澄", "青岬", "东屿", "云渚", "栖川", "朔岭", "麓原", "沧湾", "霁城", "砚池")
FIRST = "恒盛嘉瑞德金润丰禾绿广安宏北海新明天华益星源泰和永诚信顺达康"
SECOND = "泽谷穗田辰图澜野峰庄邦远苗桥木原泉收林岭霖茂宁沃坤"


@dataclass(frozen=True, slots=True)
class Trade:
    """A line of business: its codes, how a firm of it is called, and what it says it does."""

    industry: str
    party: str
    words: tuple[str, ...]
    scope: str
    size: str


TRADES = (
    Trade("seed_trade", "dealer", ("种业有限公司", "种子经营部"), "农作物种子批发、零售", "medium"),
    Trade(
        "farm_inputs",
        "dealer",
        ("农资连锁有限公司", "农资服务中心"),
        "种子、化肥、农膜销售及技术服务",
        "small",
    ),
    Trade("cooperative", "farm", ("种植专业合作社", "粮食种植专业合作社"), "粮食作物种植、销售", "small"),
    Trade("growing", "farm", ("家庭农场", "农场有限公司"), "玉米、大豆种植", "micro"),
    Trade(
        "agriculture",
        "company",
        ("农业科技有限公司", "现代农业有限公司"),
        "农业技术开发、推广，农产品销售",
        "medium",
    ),
    Trade("wholesale", "company", ("粮油贸易有限公司", "农产品贸易有限公司"), "粮油及农产品购销", "medium"),
    Trade("manufacturing", "company", ("饲料有限公司", "粮食加工有限公司"), "饲料、粮食加工与销售", "large"),
    Trade("breeding", "company", ("制种有限公司", "良种繁育有限公司"), "农作物种子生产、繁育", "medium"),
    Trade("public", "institution", ("农业技术推广站", "良种示范场"), "品种试验示范与技术推广", "small"),
    Trade("other", "company", ("园艺有限公司", "花卉苗木有限公司"), "苗木、花卉种植销售", "small"),
)

FOREIGN = (
    "Northfield Grain (Asia) Pte. Ltd.",
    "Harrowgate Seeds Ltd.",
    "Aldermere Farming Co., Ltd.",
    "Bluewater Agri Trading GmbH",
    "Stonebridge Growers Inc.",
    "Willowmoor Feed Ltd.",
)

SURNAMES = "陆苏程顾温江秦唐贺莫乔尹纪简穆宁苗岑舒安庄柏卫闻杭屈邵童燕"
GIVEN = (
    *("承霖", "雨桐", "景行", "思齐", "若宁", "书言", "清和", "望舒", "子衿", "知夏", "云帆", "星野"),
    *("维桢", "佩之", "怀瑾", "令仪", "修远", "听澜", "明达", "静姝", "安澜", "致远", "晚晴", "青禾"),
)
TITLES = {
    "legal_rep": "董事长",
    "principal": "总经理",
    "purchasing": "采购经理",
    "technical": "技术主管",
    "finance": "财务主管",
    "other": "业务员",
}


STRIDE = 61_807
"""Has no factor in common with the number of names there are, so that each is met once before any comes again."""


def firm(number: int) -> tuple[str, str, Trade]:
    """The name, short name and trade of the firm of this number; no two of the first 180,000 are called alike."""
    place = number * STRIDE
    place, town = divmod(place, len(TOWNS))
    place, trade = divmod(place, len(TRADES))
    place, first = divmod(place, len(FIRST))
    place, second = divmod(place, len(SECOND))
    short = TOWNS[town] + FIRST[first] + SECOND[second]
    return short + TRADES[trade].words[place % 2], short, TRADES[trade]


def person(random: Random) -> str:
    """A person's name."""
    return random.choice(SURNAMES) + random.choice(GIVEN)


def credit_code(number: int) -> str:
    """A unified social credit code with the right check digit, of an authority (99) and a place (000000) not there."""
    body = f"99000000{number:09d}"
    return body + str(uscc.calc_check_digit(body))


def phone(number: int) -> str:
    """A telephone number no network has: mobile numbers never begin with 100."""
    return f"1000{number % 10_000_000:07d}"


def email(number: int) -> str:
    """A mail address nothing is delivered to."""
    return f"contact{number}@customer.example"
