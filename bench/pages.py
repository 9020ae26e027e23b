"""The pages people open all day, asked of the product, of Django's admin over the same tables, and of bare SQL.

One server of one worker each, all asked by the same person in one run: in every round each page is asked once of each,
in an order drawn anew, so that a busy moment hits all alike. An answer that does not show the row it must show is no
answer. The same product over a tenth of the data is asked as well: pages may not grow with the rows.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from bench import company, servers
from bench.servers import Server
from bench.site import prepare
from tests.world import World

OURS, SMALL, SCOPED, WHOLE, FLOOR = "Guanhu", "a tenth", "Django", "Django, no scope", "floor"
COMMON = "华"
"""A sign one customer in sixteen has in his name."""
PAGE_ROWS = 25
MOST_BYTES = 300_000
GROWTH = 1.3
WARM = 2
FEWEST = 3
"""Rounds that count, however long they take."""
TURNS, QUICK_MS = 3, 100
"""How often a round asks for what takes less than this: a tenth more or less of it is chance."""
FLOOR_MS, ABOVE_MS, TIMES_FLOOR = 20, 30, 3
"""The processor time above the floor where the floor is below this, and how many floors elsewhere."""


@dataclass(frozen=True)
class Size:
    """How much is built, how often everybody is asked, and after how many minutes no further round begins."""

    customers: int = 1_000_000
    rounds: int = 11
    minutes: float = 15

    @property
    def of_companies(self) -> tuple[int, int]:
        """The customers of the two companies: growth is read off a tenth."""
        return self.customers, self.customers // 10


@dataclass(frozen=True)
class Page:
    """One page: where each contender has it, and by which SQL the row is found that it must show."""

    name: str
    ours: str
    django: str
    bare: str = ""
    shows: str = ""
    most: Mapping[str, float] = field(default_factory=lambda: {"postgresql": 0.8, "sqlite": 1.0})
    """How many of Django's medians it may take, by database."""
    saves: bool = False
    is_middle: bool = False
    """Whether it is the page in the middle: of ten times the rows it is another page, so that no growth is read off it."""


QUICK = {"postgresql": 0.5, "sqlite": 0.8}
FOUND = {"postgresql": 0.5, "sqlite": 1.0}
LIST, DJANGO = "/customer/list/", "/admin/django_admin/customer/"
ORDERS, DJANGO_ORDERS = "/order/list/", "/admin/django_admin/order/"
CODES = "SELECT code FROM customer WHERE {scope}"
NUMBERS = "SELECT no FROM sales_document WHERE {scope}"
NEWEST = "ORDER BY id DESC LIMIT 1"

PAGES = (
    Page("list", LIST, DJANGO, "/customers?", f"{CODES} {NEWEST}", QUICK),
    Page(
        "far page",
        f"{LIST}?page={{far}}",
        f"{DJANGO}?p={{far}}",
        "/customers?page={far}",
        f"{CODES} {NEWEST} OFFSET {{skip_far}}",
        QUICK,
    ),
    Page(
        "deep page",
        f"{LIST}?page={{deep}}",
        f"{DJANGO}?p={{deep}}",
        "/customers?page={deep}",
        f"{CODES} {NEWEST} OFFSET {{skip}}",
        QUICK,
        is_middle=True,
    ),
    Page(
        "next deep page",
        "{next}",
        f"{DJANGO}?p={{after}}",
        "/customers?page={after}",
        f"{CODES} {NEWEST} OFFSET {{skip_after}}",
        QUICK,
    ),
    Page(
        "sort by name",
        f"{LIST}?sort=name",
        f"{DJANGO}?o=2",
        "/customers/name?",
        f"{CODES} ORDER BY name, {{tie}} LIMIT 1",
        QUICK,
    ),
    Page(
        "sort by last order",
        f"{LIST}?sort=last_order_on&cols=code,name,status,is_key,grade,region_id,owner_id,last_order_on",
        f"{DJANGO}?o=8",
        "/customers/last?",
        f"{CODES} ORDER BY last_order_on, {{tie}} LIMIT 1",
        QUICK,
    ),
    Page(
        "contains, common",
        f"{LIST}?q={COMMON}",
        f"{DJANGO}?q={COMMON}",
        f"/customers/q?q={COMMON}",
        f"{CODES} AND name LIKE '%{COMMON}%' {NEWEST}",
        FOUND,
    ),
    Page(
        "contains, rare",
        f"{LIST}?q={{rare}}",
        f"{DJANGO}?q={{rare}}",
        "/customers/q?q={rare}",
        f"{CODES} AND name LIKE '%{{rare}}%' {NEWEST}",
        FOUND,
    ),
    Page(
        "contains, code",
        f"{LIST}?q={{code}}",
        f"{DJANGO}?q={{code}}",
        "/customers/code?q={code}",
        f"{CODES} AND id = {{customer}}",
        FOUND,
    ),
    Page(
        "filter by region",
        f"{LIST}?in.region_id={{region}}",
        f"{DJANGO}?region__id__exact={{region}}",
        "/customers/region?region={region}",
        f"{CODES} AND region_id = {{region}} {NEWEST}",
    ),
    Page(
        "picker",
        "/pick/customer?q={code}",
        "/admin/autocomplete/?app_label=django_admin&model_name=order&field_name=customer&term={code}",
        "/customers/code?q={code}",
        "SELECT id FROM customer WHERE {scope} AND id = {customer}",
        FOUND,
    ),
    Page(
        "customer",
        "/customer/show/{customer}",
        f"{DJANGO}{{customer}}/change/",
        "/customer?id={customer}",
        f"{CODES} AND id = {{customer}}",
    ),
    Page(
        "form",
        "/customer/edit/{customer}",
        f"{DJANGO}{{customer}}/change/",
        "/customer?id={customer}",
        "SELECT name FROM customer WHERE {scope} AND id = {customer}",
    ),
    Page("empty form", "/customer/add", f"{DJANGO}add/"),
    Page("save", "/customer/edit/{customer}", f"{DJANGO}{{customer}}/change/", saves=True),
    Page("orders", ORDERS, DJANGO_ORDERS, "/orders?", f"{NUMBERS} {NEWEST}", QUICK),
    Page(
        "orders, far page",
        f"{ORDERS}?page={{far}}",
        f"{DJANGO_ORDERS}?p={{far}}",
        "/orders?page={far}",
        f"{NUMBERS} {NEWEST} OFFSET {{skip_far}}",
        QUICK,
    ),
    Page(
        "orders, deep page",
        f"{ORDERS}?page={{deep}}",
        f"{DJANGO_ORDERS}?p={{deep}}",
        "/orders?page={deep}",
        f"{NUMBERS} {NEWEST} OFFSET {{skip}}",
        QUICK,
        is_middle=True,
    ),
    Page(
        "orders, by number",
        f"{ORDERS}?q={{no}}",
        f"{DJANGO_ORDERS}?q={{no}}",
        "/orders/q?q={no}",
        f"{NUMBERS} AND id = {{order}}",
        FOUND,
    ),
    Page(
        "order",
        "/order/show/{order}",
        f"{DJANGO_ORDERS}{{order}}/change/",
        "/order?id={order}",
        f"{NUMBERS} AND id = {{order}}",
    ),
    Page(
        "order form",
        "/order/edit/{order}",
        f"{DJANGO_ORDERS}{{order}}/change/",
        "/order?id={order}",
        f"{NUMBERS} AND id = {{order}}",
    ),
)


# ---- who is asked ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class One:
    """What one answer took: milliseconds, milliseconds of processor time, bytes."""

    ms: float
    processor: float
    size: int


@dataclass
class Contender:
    """A server with what it must answer."""

    server: Server
    address: Callable[[Page], str]
    values: dict[str, Any]
    shows: dict[str, str]
    database: Callable[[], float]
    """The processor time of the database where it is a server of its own, in seconds."""

    def ask(self, page: Page) -> One:
        """One answer and what it took. Raises `RuntimeError` for a wrong one."""
        path = self.address(page).format_map(self.values)
        form = self._changed(path) if page.saves else None
        processor, start = self._processor(), time.perf_counter()
        answer = self.server.ask(path, form)
        took = time.perf_counter() - start
        worked = self._processor() - processor
        expected, shown = (302, 303) if page.saves else (200,), self.shows.get(page.name, "")
        if answer.status not in expected or shown not in answer.text:
            raise RuntimeError(f"{self.server.name}, {page.name}, {path}: {answer.status}, without {shown!r}")
        return One(took * 1_000, worked * 1_000, len(answer.content))

    def _processor(self) -> float:
        return self.server.processor() + self.database()

    def _changed(self, path: str) -> dict[str, str]:
        """The form as it stands, with another remark."""
        form = self.server.ask(path).form()
        return {**form, "remark": f"备注 {time.time_ns()}"}


@dataclass(frozen=True)
class Site:
    """A database with a company of so many customers in it, and the reach of the person who asks."""

    url: str
    folder: Path
    customers: int
    scope: dict[str, Any]


def site_of(url: str, folder: Path, customers: int) -> Site:
    """The company in a new database."""
    start = time.perf_counter()
    app, world = prepare(url, folder)
    with app.app_context():
        company.fill(world, customers)
        scope = _scope(world)
    print(
        f"{customers:,} customers, {customers * company.LINES:,} order lines: {time.perf_counter() - start:.0f} s"
    )
    return Site(url, folder, customers, scope)


@dataclass(frozen=True)
class Asked:
    """The rows the pages of a company are asked about."""

    values: dict[str, Any]
    shown: dict[str, dict[str, str]]
    """What each page must show, by contender."""


def asked_of(site: Site, far: int) -> Asked:
    """What is asked of a company; `far` is the page in the middle of the smaller one."""
    units = ", ".join(map(str, site.scope["units"]))
    mine = f"(org_unit_id IN ({units}) OR owner_id = {site.scope['owner']})"
    reaches = {OURS: (mine, "id"), SCOPED: (mine, "id DESC"), WHOLE: ("1 = 1", "id DESC")}
    engine = create_engine(site.url)
    with engine.connect() as connection:
        values = _values(connection, site.customers, far, mine)
        shown = {
            name: {
                page.name: _row(connection, page, {**values, "scope": scope, "tie": tie})
                for page in PAGES
                if page.shows
            }
            for name, (scope, tie) in reaches.items()
        }
    engine.dispose()
    return Asked(values, shown)


def _middle(customers: int) -> int:
    return max(customers // (2 * PAGE_ROWS), 2)


def _scope(world: World) -> dict[str, Any]:
    who = world.principal(servers.PERSON)
    return {"units": sorted(who.team_ids | who.unit_ids), "owner": who.employee_id}


def _values(connection: Connection, customers: int, far: int, mine: str) -> dict[str, Any]:
    """The rows of the person who asks that stand three quarters through the tables, and half through his pages.

    `far` is the page that stands half through his pages of the smaller company.
    """
    deep = _middle(customers)
    found = {
        "far": far,
        "skip_far": (far - 1) * PAGE_ROWS,
        "deep": deep,
        "after": deep + 1,
        "skip": (deep - 1) * PAGE_ROWS,
        "skip_after": deep * PAGE_ROWS,
    }
    for name, table, word in (("customer", "customer", "code"), ("order", "sales_document", "no")):
        statement = (
            f"SELECT id, {word} FROM {table} WHERE {mine} AND id > {customers * 3 // 4} ORDER BY id LIMIT 1"
        )
        found[name], found[word] = connection.execute(text(statement)).one()
    statement = f"SELECT region_id, name FROM customer WHERE id = {found['customer']}"
    found["region"], name = connection.execute(text(statement)).one()
    trade = next(trade for trade in company.TRADES if name.endswith(trade))
    return {**found, "rare": name.removesuffix(trade)[-3:]}


def _row(connection: Connection, page: Page, values: Mapping[str, Any]) -> str:
    found = connection.scalar(text(page.shows.format_map(values)))
    if found is None:
        raise RuntimeError(f"{page.name}: the data hold no such row")
    return str(found)


def contenders(site: Site, small: Site, database: Callable[[], float]) -> list[Contender]:
    """The product, the same over a tenth, Django's admin with his reach and without, and the floor."""
    far = _middle(small.customers)
    asked, of_small = asked_of(site, far), asked_of(small, far)
    found = [_guanhu(OURS, site, asked, database), _guanhu(SMALL, small, of_small, database)]
    for name, scope in ((SCOPED, site.scope), (WHOLE, None)):
        server = servers.django_admin(name, site.url, site.folder, scope)
        found.append(Contender(server, lambda page: page.django, asked.values, asked.shown[name], database))
    server = servers.floor(FLOOR, site.url, site.folder, site.scope)
    return [*found, Contender(server, lambda page: page.bare, asked.values, asked.shown[OURS], database)]


def _guanhu(name: str, site: Site, asked: Asked, database: Callable[[], float]) -> Contender:
    """The next deep page is the one the deep page leads to."""
    server = servers.guanhu(name, site.url, site.folder)
    deep = server.ask(f"{LIST}?page={asked.values['deep']}")
    following = deep.link(f"page={asked.values['after']}")
    values = {**asked.values, "next": following}
    return Contender(server, lambda page: page.ours, values, asked.shown[OURS], database)


# ---- measuring ---------------------------------------------------------------------------------------------

Figures = dict[tuple[str, str], list[One]]
"""What the answers took, by page and contender."""


def ask_all(asked: list[Contender], size: Size) -> Figures:
    """Every page of every contender in every round, in an order drawn anew; the first rounds only warm up."""
    chance = random.Random(company.SEED)
    found: Figures = {}
    until = time.monotonic() + size.minutes * 60
    for number in range(size.rounds + WARM):
        if number >= FEWEST + WARM and time.monotonic() > until:
            break
        for page in PAGES:
            for name, taken in _round(page, [one for one in asked if one.address(page)], chance):
                if number >= WARM:
                    found.setdefault((page.name, name), []).append(taken)
    return found


def _round(page: Page, asked: list[Contender], chance: random.Random) -> Iterator[tuple[str, One]]:
    """One page asked of everybody, and again of those who answer quickly."""
    for _turn in range(TURNS):
        quick = []
        for one in chance.sample(asked, len(asked)):
            taken = one.ask(page)
            quick += [one] if taken.ms < QUICK_MS else []
            yield one.server.name, taken
        asked = quick


def build(kind: str, url_of: Callable[[], str], folder: Path, size: Size) -> list[Site]:
    """The company, and the same of a tenth of its size."""
    sites = []
    for customers in size.of_companies:
        place = folder / f"{kind}-{customers}"
        place.mkdir(parents=True)
        sites.append(site_of(url_of(), place, customers))
    return sites


def measure(kind: str, sites: list[Site], database: Callable[[], float], size: Size) -> bool:
    """Print the figures of one database; whether every gate was held."""
    load = os.getloadavg()[0]
    print(f"\n## Pages, {kind}; {size.customers:,} customers, load {load:.1f}\n", flush=True)
    asked = contenders(sites[0], sites[1], database)
    try:
        figures = ask_all(asked, size)
    finally:
        for one in asked:
            one.server.stop()
    counted = min(len(taken) for taken in figures.values())
    print(
        f"median of {counted}, three times as many where an answer takes less than {QUICK_MS} ms; load at the end {os.getloadavg()[0]:.1f}"
    )
    return report(kind, figures)


# ---- what is printed ---------------------------------------------------------------------------------------


def report(kind: str, figures: Figures) -> bool:
    """The table of medians and ratios; whether every gate was held."""
    print(
        "\n| page | ms | × Django | gate | × without scope | floor, ms | processor, ms | above floor | × ten times the rows | kB | missed |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    within = True
    for page in PAGES:
        missed = _line(page, kind, figures)
        within &= not missed
    return within


def _line(page: Page, kind: str, figures: Figures) -> bool:
    """Print the line of one page; whether it misses a gate."""

    def median(name: str, what: str = "ms") -> float:
        taken = figures.get((page.name, name))
        return statistics.median(getattr(one, what) for one in taken) if taken else math.nan

    ms, floor = median(OURS), median(FLOOR)
    worked, bare = median(OURS, "processor"), median(FLOOR, "processor")
    growth, gate = ms / median(SMALL), page.most[kind]
    size = median(OURS, "size")
    ratio = ms / median(SCOPED)
    heavy = worked - bare > ABOVE_MS if bare < FLOOR_MS else worked > TIMES_FLOOR * bare
    missed = [
        word
        for word, misses in (
            ("ratio", ratio > gate),
            ("processor", heavy),
            ("growth", growth > GROWTH and not page.is_middle),
            ("size", size > MOST_BYTES),
        )
        if misses
    ]
    print(
        f"| {page.name} | {ms:.1f} | {ratio:.2f} | {gate} | {ms / median(WHOLE):.2f} | {floor:.1f} | {worked:.1f} |"
        f" {worked - bare:+.1f} | {'' if page.is_middle else f'{growth:.2f}'} | {size / 1_000:.0f} | {', '.join(missed)} |".replace(
            "nan", "–"
        ),
        flush=True,
    )
    return bool(missed)
