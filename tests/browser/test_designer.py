"""A flow drawn on screens by an administrator, mended, published by a second person, and taken by a seller's requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from playwright.sync_api import Locator, expect
from sqlalchemy import select

from app import workflows
from app.extensions import company, db, transaction
from app.models import (
    ApprovalRequest,
    ApprovalTask,
    CommercialTerm,
    Customer,
    DutyStatus,
    Lifecycle,
    TermStatus,
    User,
)
from app.services import access
from app.words import Words
from tests.browser.test_admission import PHONE, SAVE, SUBMIT, SUBMITTED, Desk, desks, one
from tests.browser.test_axe import AXE, serious
from tests.conftest import missing
from tests.world import World

__all__ = ["desks"]

DESIGNER = Words("流程设计", "Flow designer")
SETTINGS = Words("设置", "Settings")
NEW_FLOW = Words("新建流程", "New flow")
ADD_STEP = Words("添加步骤", "Add a step")
ADD_ROW = Words("添加一行", "Add a row")
ADD_PARAMETER = Words("添加参数", "Add a parameter")
EDIT = Words("编辑", "Edit")
TABLE = Words("决策表", "Decision table")
CHECK = Words("检查", "Check")
PUBLISH = Words("提交发布审批", "Submit for publication")
CHANGE = Words("修改（新建草稿）", "Change: new draft")

STEPS = (
    ("部门负责人", "Department head", "service_head"),
    ("财务审核", "Finance review", "finance"),
    ("总经理", "General manager", "gm"),
)
LIMITS = (("部门权限", "Department limit", "5"), ("财务权限", "Finance limit", "15"))

UNIT = Decimal("0.0001")
RATES = {
    Decimal("0.05") - UNIT: 1,
    Decimal("0.05"): 1,
    Decimal("0.05") + UNIT: 2,
    Decimal("0.15") - UNIT: 2,
    Decimal("0.15"): 2,
    Decimal("0.15") + UNIT: 3,
}
"""Discount → how many of the steps a request takes: below, at and above each threshold."""


@pytest.fixture
def company_of_terms(world: World, app: Flask) -> dict[Decimal, int]:
    """Fay is head of service too, Hana in finance, Ina general manager; Ann has a customer and a draft of a preference for each rate: their ids."""
    today = company.today()
    owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
    found = {}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        for person, role in (("fay", "service_head"), ("hana", "finance"), ("ina", "gm")):
            user = db.session.get_one(User, world.users[person])
            user.roles = [*user.roles, db.session.scalars(select(Role).where(Role.name == role)).one()]
        with workflows.adopting([Customer], "tests"):
            customer = Customer(name="澜洲恒泽种业有限公司", status=Lifecycle.active, code="T1", **owned)
            db.session.add(customer)
            db.session.flush()
        for place, rate in enumerate(RATES):
            term = CommercialTerm(
                customer_id=customer.id,
                discount_rate=rate,
                valid_from=today + timedelta(days=40 * place),
                valid_to=today + timedelta(days=40 * place + 30),
                reason="大额订单",
                **owned,
            )
            db.session.add(term)
            db.session.flush()
            found[rate] = term.id
    return found


# ---- drawing -----------------------------------------------------------------------------------------------


def save(desk: Desk) -> None:
    desk.press(SAVE, desk.page.locator(".stick"))


def named(desk: Desk, name: str) -> Locator:
    return desk.page.locator(f'main [name="{name}"]')


def begins(ada: Desk) -> str:
    """From the menu to a new flow with two thresholds; the address of its page."""
    page = ada.page
    page.locator("#side summary", has_text=ada.says(SETTINGS)).click()
    page.locator("#side").get_by_role("link", name=ada.says(DESIGNER)).click()
    ada.press(NEW_FLOW)
    named(ada, "name_zh").fill("折扣审批")
    named(ada, "name_en").fill("Discount approval")
    named(ada, "code").fill("discount")
    named(ada, "object_type").select_option("commercial_term")
    save(ada)
    page.wait_for_url("**/flow/show/*")
    address = page.url
    page.locator("#own").get_by_role("link", name=ada.says(EDIT)).click()
    for number, (zh, en, value) in enumerate(LIMITS):
        if number:
            ada.press(ADD_PARAMETER)
        for part, text in (("zh", zh), ("en", en), ("value", value)):
            named(ada, f"param-{number}-{part}").fill(text)
        named(ada, f"param-{number}-unit").select_option("%")
    save(ada)
    expect(page.locator("#own")).to_contain_text("15%")
    return str(address)


def adds_steps(ada: Desk) -> None:
    page = ada.page
    for zh, en, role in STEPS:
        ada.press(ADD_STEP)
        dialog = page.locator("dialog[open]")
        dialog.locator("[name=name_zh]").fill(zh)
        dialog.locator("[name=name_en]").fill(en)
        ada.press(ADD_STEP, dialog)
        page.wait_for_url("**/flow/step/**")
        page.locator("#f-seat-0-people-ts-control").click()
        page.locator(f'.ts-dropdown [data-value="role:{role}"]').click()
        save(ada)
        page.wait_for_url("**/flow/show/**")
    expect(page.locator(".dia svg")).to_have_attribute(
        "aria-label", re.compile("部门负责人 → 财务审核 → 总经理")
    )


def fills_table(ada: Desk, key: str, rows: list[tuple[str, str, str]]) -> None:
    """The decision table of a step: sign, value and target of each row."""
    page = ada.page
    page.locator(f"#step-{key}").get_by_role("link", name=ada.says(TABLE)).click()
    page.locator("#f-col-ts-control").fill("优惠幅度")
    page.locator(".ts-dropdown .option:visible", has_text=re.compile("^优惠幅度$")).click()
    for number, (sign, value, to) in enumerate(rows):
        ada.press(ADD_ROW)
        named(ada, f"r{number}.discount_rate.sign").select_option(sign)
        named(ada, f"r{number}.discount_rate.value").fill(value)
        named(ada, f"r{number}.to").select_option(to)
    save(ada)
    page.wait_for_url("**/flow/show/**")


def checks(ada: Desk) -> Locator:
    """What the check says."""
    ada.press(CHECK, ada.page.locator(".head"))
    expect(ada.page.locator("#findings .st").first).to_be_visible()
    return ada.page.locator("#findings")


def shuts_nobody_out(ada: Desk, address: str) -> None:
    """The screens a flow is drawn on, under axe-core; a check said what is wrong with it, so the forms show that."""
    if not AXE.exists():
        missing("no build/browser-tests/axe.min.js: run `python deploy/assets.py --tests`")
    site, version = address.split("/show/")
    for where in ("settings/{}", "step/{}/finance_review", "ways/{}/department_head", "try/{}", "show/{}"):
        ada.page.goto(f"{site}/{where.format(version)}")
        ada.page.evaluate(AXE.read_text("utf-8"))
        assert serious(ada.page) == [], where


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.req("W-01", "W-03", "W-04")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_discount_flow_is_drawn_mended_published_and_taken(
    desks: Callable[..., Desk],
    app: Flask,
    world: World,
    company_of_terms: dict[Decimal, int],
):
    ada = desks("ada", "zh")
    page = ada.page
    address = begins(ada)
    adds_steps(ada)
    fills_table(ada, "department_head", [("<=", "部门权限", "end"), ("<=", "3", "general_manager")])
    fills_table(ada, "finance_review", [("<=", "财务权限", "end")])

    found = checks(ada)
    shuts_nobody_out(ada, address)
    expect(found).to_contain_text("第 2 行（总经理）永远不会走到")
    expect(page.get_by_role("button", name=ada.says(PUBLISH))).to_have_count(0)
    found.get_by_role("link", name="“部门负责人”的去向").click()
    page.locator("#row-2").get_by_role("button", name="移除").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    save(ada)
    expect(checks(ada)).not_to_contain_text("错误")

    ada.press(PUBLISH, page.locator(".head"))
    ada.press(PUBLISH, page.locator("dialog[open]"))
    ada.told(SUBMITTED)
    leo = desks("leo", "zh", PHONE)
    leo.open("/approval/")
    leo.page.locator("tbody .key a").click()
    expect(leo.page.locator("h1")).to_contain_text("折扣审批")
    leo.approve()
    page.goto(address)
    expect(page.locator(".head .st.ok")).to_have_text("已发布")

    takes_the_right_way(desks("ann", "zh"), app, world, company_of_terms)
    changes_a_threshold(desks("ada", "en"), address)


def takes_the_right_way(ann: Desk, app: Flask, world: World, terms: dict[Decimal, int]) -> None:
    """Ann sees before she submits who will decide; the request goes just there."""
    for rate, steps in RATES.items():
        ann.open(f"/commercial_term/show/{terms[rate]}")
        way = ann.page.locator("section.box", has_text="现在提交的审批路径").locator("li")
        expect(way).to_have_count(steps)
        for number, (zh, _en, _role) in enumerate(STEPS[:steps]):
            expect(way.nth(number)).to_contain_text(zh)
        ann.press(SUBMIT)
        ann.press(SUBMIT, ann.page.locator("dialog[open]"))
        ann.told(SUBMITTED)
        assert decided_by(app, world, int(one(app, ApprovalRequest).id)) == ["fay", "hana", "ina"][:steps], (
            rate
        )
    with app.app_context(), access.acting(access.SYSTEM):
        states = set(db.session.scalars(select(CommercialTerm.status)))
    assert states == {TermStatus.approved}


def decided_by(app: Flask, world: World, request_id: int) -> list[str]:
    """Who decides when all agree, in order."""
    persons = {id_: person for person, id_ in world.employees.items()}
    waiting = select(ApprovalTask.assignee_id).where(
        ApprovalTask.request_id == request_id, ApprovalTask.status == DutyStatus.open
    )
    found: list[str] = []
    with app.app_context():
        while True:
            with access.acting(access.SYSTEM):
                assignee = db.session.scalar(waiting)
            if assignee is None:
                return found
            found.append(persons[assignee])
            with access.acting(world.principal(found[-1])), transaction():
                workflows.act(request_id, "approve", comment="ok")


def changes_a_threshold(ada: Desk, address: str) -> None:
    """In English: a new draft of the published flow, what it changes in words, and a table that scrolls in its box."""
    page = ada.page
    page.goto(address)
    ada.press(CHANGE, page.locator(".head"))
    page.locator("#own").get_by_role("link", name="Edit", exact=True).click()
    named(ada, "param-1-value").fill("20")
    save(ada)
    changed = page.locator("section.box", has_text="Changed since version 1")
    expect(changed).to_contain_text("15% → 20%")
    expect(page.locator("#step-finance_review")).to_contain_text("[Discount rate] ≤ [Finance limit] → End")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
