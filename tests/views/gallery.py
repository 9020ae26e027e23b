"""Every template with a believable page, served by a small application of its own.

`python -m tests.views.gallery` serves it on a free port of 127.0.0.1 and prints the address; `/shots` of the tests and
people who change a template look at it there. `?as=en` and `?as=zh` choose the language. All names are invented.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from flask import Flask, Response, flash, jsonify, render_template, request
from flask_babel import Babel

from app.views import flow_design_pages as fd, flow_design_picture as fp, pages as p
from app.words import Words, language
from app.workflows.describing import Trait

HERE = Path(__file__).resolve()
APP = HERE.parents[2] / "app"


def t(zh: str, en: str) -> Words:
    return Words(zh=zh, en=en)


POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)

PEOPLE = {"lin": t("林知远", "Lin Zhiyuan"), "zhou": t("周若溪", "Zhou Ruoxi"), "han": t("韩立群", "Han Liqun"),
          "gu": t("顾明哲", "Gu Mingzhe"), "su": t("苏婉清", "Su Wanqing"), "shen": t("沈佳宁", "Shen Jianing")}  # fmt: skip
COMPANY = t("澜洲恒泽新材料有限公司", "Lanzhou Hengze New Materials Co., Ltd.")
OTHERS = (
    t("雁浦金谷种业有限公司", "Yanpu Golden Valley Seeds Co., Ltd."),
    t("临澄德润化工贸易有限公司", "Lincheng Derun Chemical Trading Co., Ltd."),
    t("青岬港务物流股份有限公司", "Qingjia Port Logistics Inc."),
    t(
        "东屿精工橡塑制品（华东）有限责任公司",
        "Dongyu Precision Rubber and Plastics (East China) Limited Liability Company",
    ),
    t("云渚海川涂料有限公司", "Yunzhu Haichuan Coatings Co., Ltd."),
    t("雁浦盛禾农资连锁有限公司", "Yanpu Shenghe Farm Supplies Ltd."),
    t("澜洲宏图包装有限公司", "Lanzhou Hongtu Packaging Co., Ltd."),
    t("诺菲聚合物（亚洲）有限公司", "Northfield Polymers (Asia) Pte. Ltd."),
    t("临澄安顺运输有限公司", "Lincheng Anshun Transport Co., Ltd."),
    t("青岬瑞和日化有限公司", "Qingjia Ruihe Household Chemicals Co., Ltd."),
    t("东屿恒丰纺织有限公司", "Dongyu Hengfeng Textiles Co., Ltd."),
    t("云渚嘉禾饲料有限公司", "Yunzhu Jiahe Feed Co., Ltd."),
    t("雁浦海星船舶配件有限公司", "Yanpu Starfish Marine Parts Co., Ltd."),
    t("澜洲新禾生物科技有限公司", "Lanzhou Xinhe Biotech Co., Ltd."),
    t("临澄广源商贸有限公司", "Lincheng Guangyuan Trading Co., Ltd."),
)
WORKING = p.Cell(t("合作中", "Active"), "badge", "ok")
OPINION = p.Field("opinion", t("意见", "Opinion"), "long", maxlength=500)
OPINION_DUE = p.Field(
    "opinion",
    t("意见", "Opinion"),
    "long",
    required=True,
    help=t("会给申请人看到", "The applicant will read it"),
)
CLERK = p.Field(
    "to",
    t("转给", "To"),
    "picker",
    required=True,
    picker_url="/people",
    help=t("姓名、工号或拼音首字母", "Name, number or first letters"),
)


def menu(current: str) -> tuple[p.MenuArea, ...]:
    def area(name, zh, en, icon, *items):
        made = tuple(
            p.MenuItem(t(z, e), url, current=url == current, count=n, tone=tone)
            for z, e, url, n, tone in items
        )
        return p.MenuArea(name, t(zh, en), icon, made, current=any(i.current for i in made))

    return (
        area("today", "今日", "Today", "home", ("工作台", "Workbench", "/home", "", ""), ("审批中心", "Approvals", "/inbox", "12", "bad"),
             ("责任事项", "Duties", "/x1", "7", ""), ("日历", "Calendar", "/x2", "", ""), ("通知公告", "Notices", "/x3", "5", "")),
        area("customers", "客户", "Customers", "building", ("客户档案", "Customers", "/list", "", ""), ("联系人", "Contacts", "/x4", "", ""),
             ("重点客户名单", "Key customers", "/x5", "", ""), ("查重与合并", "Duplicates and merging", "/x6", "", "")),
        area("development", "开发", "Development", "target", ("商机", "Opportunities", "/x7", "", "")),
        area("contracts", "准入与合同", "Admission & contracts", "file-text", ("合同", "Contracts", "/x8", "", "")),
        area("projects", "需求与项目", "Needs & projects", "puzzle", ("客户需求", "Needs", "/x9", "", "")),
        area("visits", "走访与关怀", "Visits & care", "map-pin", ("走访计划", "Visit plans", "/x10", "", "")),
        area("service", "服务", "Service", "headset", ("投诉", "Complaints", "/x11", "2", "bad")),
        area("evaluation", "评价", "Evaluation", "chart-bar", ("评价结果", "Results", "/runs", "", "")),
        area("risk", "风险与监督", "Risk & control", "shield-check", ("制度台账", "Policies", "/x12", "", "")),
        area("settings", "设置", "Settings", "settings", ("导入与导出", "Import and export", "/import/1", "", "")),
    )  # fmt: skip


def me() -> p.Me:
    quick = (
        p.MenuItem(t("今日", "Today"), "/home", icon="home", current=request.path == "/home"),
        p.MenuItem(t("审批", "Approvals"), "/inbox", icon="checkbox", count="12", tone="bad"),
        p.MenuItem(t("客户", "Customers"), "/list", icon="building", current=request.path == "/list"),
        p.MenuItem(t("走访", "Visits"), "/x10", icon="map-pin"),
    )
    return p.Me(PEOPLE["lin"], "linzhiyuan", language=language.get(), notices=5, unit=t("华东销售部", "East China sales"),
                role=t("客户经理", "Account manager"), quick=quick, theme=request.args.get("theme", "light"))  # fmt: skip


# --- Lists ---------------------------------------------------------------------------------------------------------


def rows() -> tuple[p.Row, ...]:
    grades, tones = "BABBBCBCBC-DCCBD", ("", "", "warn")
    made = []
    for n, name in enumerate((COMPANY, *OTHERS)):
        state = WORKING if n not in (4, 10, 11) else p.Cell(
            {4: t("证照将到期", "Licence expiring"), 10: t("准入中", "In admission"), 11: t("暂停", "Suspended")}[n],
            "badge", {4: "warn", 10: "run", 11: "bad"}[n])  # fmt: skip
        late = (p.Cell(t("逾期 9 天", "9 days late"), "badge", "bad"),) if n == 0 else ()
        made.append(p.Row(
            str(n + 1), f"/page?n={n}", (
                p.Cell(name),
                p.Cell(f"C-{218 + n * 37:06d}"),
                p.Cell(grades[n], "grade", note=""),
                state,
                p.Cell(PEOPLE["lin"] if n % 4 else PEOPLE["zhou"]),
                p.Cell("" if n == 10 else f"{4286.5 / (n + 1):,.2f}", "num"),
                p.Cell("86.40" if n == 1 else "", "num", "bad"),
                p.Cell(f"2026-{11 + n // 14}-{(12 + n) % 28 + 1:02d}", "date", badges=late),
                p.Cell(t("发货额度上限", "Delivery capped") if n % 5 == 1 else "", "badge", "warn"),
            ),
            edit_url=f"/form?n={n}",
            acts=(p.Act(t("登记走访", "Record a visit"), "/x10"), p.Act(t("申请优惠", "Ask for a discount"), "/x"),
                  p.Act(t("移交客户经理", "Hand over"), "/x", "post", fields=(CLERK,), tone=""),
                  p.Act(t("删除", "Delete"), f"/x/{n}", "post", tone="bad", confirm=t("放入回收站，可以恢复。", "It goes to the recycle bin and can be restored."))),
        ))  # fmt: skip
    assert tones
    return tuple(made)


def table(**over) -> p.ListPage:
    made = {
        "title": t("客户", "Customers"), "resource": "customer",
        "columns": (
            p.Column("name", t("客户名称", "Customer"), sort_url="?sort=name"),
            p.Column("code", t("客户代码", "Code"), sort_url="?sort=code", optional=True),
            p.Column("grade", t("等级", "Grade"), optional=True),
            p.Column("status", t("状态", "Status")),
            p.Column("owner", t("客户经理", "Manager"), optional=True),
            p.Column("amount", t("本年（万元）", "Year (10k)"), numeric=True, sort_url="?sort=amount"),
            p.Column("overdue", t("逾期（万元）", "Overdue (10k)"), numeric=True),
            p.Column("next_visit", t("下次走访", "Next visit"), sort_url="?sort=x", direction="ascending"),
            p.Column("controls", t("生效控制", "Controls"), hidden_on_phone=True, optional=True),
        ),
        "rows": rows(),
        "tabs": (p.Tab(t("全部", "All"), "?v=all"), p.Tab(t("我负责的", "Mine"), "?v=mine", current=True), p.Tab(t("重点客户", "Key customers"), "?v=key"),
                 p.Tab(t("本月应走访", "Visit this month"), "?v=due", count="18"), p.Tab(t("证照将到期", "Licence expiring"), "?v=lic", count="3", tone="bad")),
        "search_url": "/list", "search_hint": t("名称、编号、拼音首字母", "Name, code, pinyin"),
        "chips": (p.Chip(t("状态 为 合作中、休眠", "Status is active or dormant"), "?"), p.Chip(t("地区 为 华东", "Region is East China"), "?")),
        "clear_url": "/list",
        "filters": (
            p.Field("filter[status]", t("状态", "Status"), "choices", choices=(p.Choice("a", t("合作中", "Active")), p.Choice("b", t("休眠", "Dormant")), p.Choice("c", t("暂停", "Suspended"))), picked=(p.Choice("a", ""),)),
            p.Field("filter[owner]", t("客户经理", "Manager"), "picker", picker_url="/people", value="1", text=PEOPLE["lin"]),
            p.Field("filter[next_visit_from]", t("下次走访从", "Next visit from"), "date"),
            p.Field("filter[region]", t("地区", "Region"), "choice", value="e", choices=(p.Choice("e", t("华东", "East China")),)),
        ),
        "first": 26, "last": 50, "count_text": t("第 26–50 条，共 1 万+", "26–50 of 10k+"), "exact_url": "/exact",
        "prev_url": "?p=1", "next_url": "?p=3",
        "pages": (p.Tab("1", "?p=1"), p.Tab("2", "?p=2", current=True), p.Tab("3", "?p=3")),
        "sizes": (p.Tab("25", "?s=25", current=True), p.Tab("50", "?s=50"), p.Tab("100", "?s=100")),
        "bulk": (p.Act(t("变更客户经理", "Change manager"), "/x", "post", name="act", value="hand", fields=(CLERK,)), p.Act(t("导出", "Export"), "/x", "post", name="act", value="export")),
        "bulk_url": "/x", "all_text": t("选择全部 1,342 条", "Select all 1,342"), "all_total": "1342",
        "primary": p.Act(t("新建客户", "New customer"), "/form", icon="plus", primary=True, key="new"),
        "acts": (p.Act(t("导入", "Import"), "/import/1", icon="upload"),),
        "exports": (p.Act(t("当前页 25 条", "This page, 25"), "/x"), p.Act(t("全部筛选结果", "The whole result"), "/x", "post")),
        "keep": (("sort", "name"), ("view", "mine")),
    }  # fmt: skip
    return p.ListPage(**{**made, **over})


def small(title: Words, resource: str) -> p.ListPage:
    """A table inside another page."""
    return p.ListPage(
        title, resource,
        columns=(p.Column("doc", t("单号", "Number")), p.Column("date", t("日期", "Date")), p.Column("amount", t("金额（元）", "Amount (CNY)"), numeric=True), p.Column("status", t("状态", "Status"))),
        rows=tuple(p.Row(str(n), f"/x?{n}", (p.Cell(f"SO-2026-{n:04d}"), p.Cell(f"2026-1{n % 2}-0{n}", "date"), p.Cell(f"{n * 12840.5:,.2f}", "num"), p.Cell(t("已发货", "Shipped"), "badge", "ok"))) for n in range(1, 6)),
        count_text=t("共 5 条", "5 in all"),
    )  # fmt: skip


def nothing() -> p.ListPage:
    return table(rows=(), pages=(), sizes=(), count_text="", exact_url="", prev_url="", next_url="", empty=p.EmptyState(
        t("没有符合条件的客户", "No customer matches"), t("两个条件同时满足的客户为 0。", "No customer meets both conditions."),
        p.Act(t("清空筛选", "Clear the filter"), "/list", primary=True), icon="filter-off"))  # fmt: skip


# --- Records -------------------------------------------------------------------------------------------------------


def record() -> p.RecordPage:
    cells = (
        p.Cell("91000000MA0DEMO18X", label=t("统一社会信用代码", "Credit code")), p.Cell(t("傅承安", "Fu Cheng'an"), label=t("法定代表人", "Legal representative")),
        p.Cell(t("民营企业", "Private company"), label=t("企业性质", "Kind of company")), p.Cell("138****1234", "sealed", label=t("联系电话", "Phone"), reveal_url="/reveal"),
        p.Cell(t("合成材料制造", "Synthetic materials"), label=t("所属行业", "Industry")), p.Cell(t("月结 30 天", "Monthly, 30 days"), label=t("付款方式", "Terms of payment")),
        p.Cell(t("华东 · 澜洲市", "East China · Lanzhou"), label=t("所在地区", "Region")), p.Cell(t("恒泽集团（演示）", "Hengze Group (demo)"), "link", url="/x", label=t("上级客户", "Parent"), note="C-000011"),
        p.Cell("2009-04-16", "date", label=t("成立日期", "Founded")), p.Cell("", label=t("官网", "Website")),
        p.Cell(t("聚丙烯、改性塑料母粒。\n明年一季度新增一条改性产线。", "Polypropylene, modified masterbatch.\nA new line in the first quarter."), "long", label=t("主要产品", "Main products")),
    )  # fmt: skip
    return p.RecordPage(
        COMPANY,
        crumbs=(p.Crumb(t("客户", "Customers"), "/list"), p.Crumb(t("我负责的", "Mine"), "/list"), p.Crumb("C-000218")),
        badges=(p.Cell("B", "grade"), WORKING), facts=(t("核心重点客户", "Core key customer"), "C-000218", t("客户经理 林知远", "Manager Lin Zhiyuan")),
        primary=p.Act(t("登记走访", "Record a visit"), "/x10", icon="map-pin", primary=True),
        acts=(p.Act(t("编辑", "Edit"), "/form", icon="edit", key="e"), p.Act(t("登记沟通", "Record a contact"), "/x", rare=True), p.Act(t("申请变更等级", "Ask for another grade"), "/x", rare=True),
              p.Act(t("移交客户经理", "Hand over"), "/x/hand", "post", rare=True, fields=(CLERK, OPINION)), p.Act(t("暂停合作", "Suspend"), "/x/stop", "post", tone="bad", rare=True, confirm=t("暂停后不能新签合同。", "No new contracts while suspended."), fields=(OPINION_DUE,))),
        banners=(p.Banner(t("应在 2026-11-12 前完成，依据《重点客户走访管理办法》第 8 条。逾期满 10 天将通知部门负责人。", "Due by 2026-11-12 under article 8 of the key visit policy. After 10 days the department head is told."), "warn", t("下一步：每月面谈已逾期 9 天", "Next: monthly talk, 9 days late"), link_url="/x", link_text=t("安排时间", "Plan it")),),
        figures=(p.Figure(t("本年金额", "This year"), "4,286.50", t("万元", "10k CNY"), t("较去年同期 +12.4%", "+12.4% on last year"), "ok", "/x"), p.Figure(t("应收余额", "Receivable"), "612.00", t("万元", "10k CNY"), t("无逾期", "nothing overdue")),
                 p.Figure(t("信用额度已用", "Credit used"), "68%", t("共 900 万元", "of 9.0 million"), percent=68), p.Figure(t("走访（本年 / 应到）", "Visits (made / due)"), "9 / 11", "", t("逾期 9 天", "9 days late"), "bad"),
                 p.Figure(t("投诉按时率", "Complaints in time"), "92%", t("12 件中 11 件", "11 of 12")), p.Figure(t("2026 上半年评价", "Grade H1 2026"), "78.5", url="/explain", grade=p.Cell("B", "grade"), note=t("上次 83.1 · A", "last 83.1 · A"))),
        stages=(p.Stage(t("潜在", "Lead"), "ok"), p.Stage(t("准入中", "Admission"), "ok", "2019-03"), p.Stage(t("合作中", "Active"), "now"), p.Stage(t("终止", "Ended"))),
        tabs=(p.Tab(t("概览", "Overview"), "?", current=True), p.Tab(t("联系人", "Contacts"), "?t=c", "6"), p.Tab(t("商机", "Opportunities"), "?t=o", "3"), p.Tab(t("合同", "Contracts"), "?t=k", "8"), p.Tab(t("订单", "Orders"), "?t=s", "214"), p.Tab(t("走访", "Visits"), "?t=v", "27"), p.Tab(t("投诉", "Complaints"), "?t=p", "12", tone="bad"), p.Tab(t("评价", "Evaluations"), "?t=e", "5"), p.Tab(t("审批记录", "Approvals"), "?t=a", "19"), p.Tab(t("附件", "Files"), "?t=f", "41"), p.Tab(t("操作日志", "Log"), "?t=l")),
        sections=(p.Section("basics", t("基本信息", "Basics"), cells=cells, edit_url="/form"),),
        side=(
            p.Panel(t("生效中的控制", "Controls in force"), (p.Item(t("本季优惠不超过 5%", "Discount up to 5% this quarter"), "/x", t("评价 B 级；《大客户管理办法》第 21 条", "Grade B; article 21"), icon="lock"), p.Item(t("单笔发货不超过 200 吨", "At most 200 t a delivery"), "", t("额度已用 68%；第 26 条", "Credit used 68%; article 26"), icon="truck"))),
            p.Panel(t("档案完整度", "Completeness"), (p.Item(t("缺 决算表（2025 年度）", "Missing: accounts 2025"), "/form"),), percent=86, badges=(p.Cell("86%", "badge", "ok"),)),
            p.Panel(t("关键联系人", "Key contacts"), (p.Item(t("傅承安", "Fu Cheng'an"), "/x", t("法定代表人 · 决策人", "Legal representative · decides"), badge=p.Cell(t("11-03 联系", "11-03"))),), url="?t=c", url_label=t("全部 6 位", "All 6")),
        ),
        table=small(t("最近订单", "Latest orders"), "order"),
        attachments=(p.Attachment(t("营业执照.pdf", "licence.pdf"), "/x", t("420 kB · 林知远 11-20 · 已锁定", "420 kB · Lin Zhiyuan 11-20 · locked")),),
        attach_act=p.Act(t("添加附件", "Add a file"), "/x/file", "post", icon="paperclip", fields=(p.Field("file", t("文件", "File"), "file", required=True, help=t("不超过 20 MB", "Up to 20 MB")),)),
        timeline=(
            p.TimelineItem(t("优惠申请 AP-2026-03187 审批中", "Discount request AP-2026-03187 under approval"), "11-20 16:42", PEOPLE["lin"], "now", marks=(p.Cell(t("部门负责人", "Department head"), "badge", "run"),), url="/approval"),
            p.TimelineItem(t("走访：四季度供货沟通", "Visit: deliveries in the fourth quarter"), "10-11 14:00", PEOPLE["lin"], "ok", t("客户计划明年一季度新增一条改性产线。", "A new line is planned for the first quarter."), (p.Cell(t("已归档", "Filed"), "badge", "ok"),)),
            p.TimelineItem(t("修改档案", "Record changed"), "09-02 09:10", PEOPLE["su"], "", changes=(p.Change(t("付款方式", "Terms of payment"), t("月结 15 天", "15 days"), t("月结 30 天", "30 days")),)),
        ),
        older_url="?older=1", prev_url="/page?n=0", next_url="/page?n=2", position=t("第 1 条，共 20 条", "1 of 20"),
    )  # fmt: skip


def form(*, faults: bool = True, stale: bool = True) -> p.FormPage:
    f = p.Field
    kinds = (
        p.Choice("p", t("民营企业", "Private company")),
        p.Choice("s", t("国有企业", "State-owned company")),
    )
    wrong = (
        (t("校验位不对，第 18 位应为 X", "The check digit is wrong; the 18th should be X"),) if faults else ()
    )
    return p.FormPage(
        t("编辑客户档案", "Edit customer"), "/form",
        crumbs=(p.Crumb(t("客户", "Customers"), "/list"), p.Crumb(COMPANY, "/page"), p.Crumb(t("编辑", "Edit"))),
        badges=(WORKING,), facts=("C-000218", t("打开时为第 12 版", "Opened at version 12")),
        sections=(
            p.Section("basics", t("基本信息", "Basics"), (
                f("name", t("客户名称", "Customer name"), value=str(COMPANY), required=True, maxlength=255, help=t("名称相近：澜洲恒泽化学有限公司（周若溪）", "Similar: Lanzhou Hengze Chemicals (Zhou Ruoxi)"), help_url="/x", help_link=t("申请协作", "Ask to work together")),
                f("credit_code", t("统一社会信用代码", "Credit code"), value="91000000MA0DEMO18Y", required=True, errors=wrong),
                f("owner_id", t("客户经理", "Account manager"), "picker", "1", PEOPLE["lin"], required=True, picker_url="/people", help=t("可输姓名、工号或拼音首字母，如 lzy", "Name, number or first letters of pinyin, such as lzy")),
                f("parent_id", t("上级客户", "Parent customer"), "picker", picker_url="/people"),
                f("kind", t("企业性质", "Kind of company"), "choice", "p", choices=kinds), f("founded_on", t("成立日期", "Founded"), "date", "2009-04-16"))),
            p.Section("licences", t("资质与证照", "Licences"), (f("licence_until", t("营业执照有效期至", "Licence valid until"), "date", "2027-01-21", help=t("到期前 60、30、7 天提醒", "Reminders 60, 30 and 7 days before")), f("licence_file", t("营业执照副本", "Copy of the licence"), "file", accept=".pdf,image/*", help=t("PDF 或图片，不超过 10 MB", "PDF or picture, up to 10 MB")))),
            p.Section("business", t("经营信息", "Business"), (
                f("revenue", t("上年营业收入", "Revenue last year"), "money", "38,600.0000", unit=t("万元", "10k CNY")), f("staff", t("员工人数", "Staff"), "number", "420", unit=t("人", "people")),
                f("channels", t("合作方式", "Ways of working"), "choices", choices=(p.Choice("a", t("直供", "Direct")), p.Choice("b", t("经销", "Dealer")), p.Choice("c", t("代销", "Commission"))), picked=(p.Choice("a", ""),)),
                f("export", t("有出口业务", "Exports"), "flag", "1"), f("tags", t("标签", "Tags"), "pickers", picked=(p.Choice("1", t("重点", "Key")), p.Choice("2", t("改性", "Modified"))), picker_url="/people"),
                f("products", t("主要产品", "Main products"), "long", "聚丙烯、改性塑料母粒"))),
            p.Section("terms", t("合作与结算", "Terms"), (f("limit", t("信用额度", "Credit limit"), "money", "900.00", readonly=True, unit=t("万元", "10k CNY"), help=t("只能通过信用额度申请改变（第 26 条）", "Changed only by a credit request (article 26)"), help_url="/approval", help_link=t("去申请", "Ask for it")), f("phone", t("联系电话", "Phone"), "sealed", text="138****1234", reveal_url="/reveal"))),
            p.Section("contact", t("联系方式", "Contact"), (f("mail", t("邮箱", "E-mail"), "email", "caigou.hengze.example", errors=(t("缺少 @", "The @ is missing"),) if faults else ()), f("called_at", t("上次联系", "Last contact"), "moment", "2026-11-20T16:42"), f("secret", "", "hidden", "7"))),
            p.Section("products", t("产品", "Products"), lines=p.LinesEditor(t("产品", "Products"), "lines", (p.Column("product", t("产品", "Product")), p.Column("qty", t("数量", "Quantity"), numeric=True)), rows=((f("lines-0-id", "", "hidden", "4"), f("lines-0-product", t("产品", "Product"), value="T30S"), f("lines-0-qty", t("数量", "Quantity"), "number", "12")),), blank=(f("lines-__n__-product", t("产品", "Product")), f("lines-__n__-qty", t("数量", "Quantity"), "number")))),
        ),
        problems=(p.Problem(t("校验位不对", "the check digit is wrong"), t("统一社会信用代码", "Credit code"), "credit_code"), p.Problem(t("缺少 @", "the @ is missing"), t("邮箱", "E-mail"), "mail")) if faults else (),
        version_no="12", cmd="0c6f3f52-5c1a-4a3d-9c55-2f6f3c1f0001", cancel_url="/page", multipart=True,
        stale=p.StaleNotice(PEOPLE["su"], t("3 分钟前", "3 minutes ago"), (p.Change(t("付款方式", "Terms of payment"), t("月结 30 天", "30 days"), t("月结 45 天", "45 days")), p.Change(t("办公地址", "Address"), t("188 号", "No. 188"), t("190 号", "No. 190"), t("192 号", "No. 192"), "address")), "/form") if stale else None,
        submits=(p.Act(t("保存并新建", "Save and new"), name="_then", value="new"),),
    )  # fmt: skip


# --- Approvals -----------------------------------------------------------------------------------------------------


def inbox() -> p.InboxPage:
    asks = (
        (
            t("优惠申请：聚丙烯 T30S 单价优惠 4%", "Discount: T30S, 4% off the price"),
            COMPANY,
            t("已超时 3 小时", "3 hours late"),
            "bad",
        ),
        (
            t("合同变更：付款期限 30 天改 45 天", "Contract change: terms from 30 to 45 days"),
            OTHERS[0],
            t("已超时 1 小时", "1 hour late"),
            "bad",
        ),
        (
            t("客户准入：客户合作申请", "Admission: new customer"),
            OTHERS[9],
            t("剩余 2 小时", "2 hours left"),
            "warn",
        ),
        (
            t("走访计划：2026 年 12 月", "Visit plan: December 2026"),
            OTHERS[4],
            t("剩余 4 小时", "4 hours left"),
            "warn",
        ),
        (
            t("信用额度：由 300 万元调至 400 万元", "Credit limit: from 3.0 to 4.0 million"),
            OTHERS[3],
            t("剩余 1 天", "1 day left"),
            "run",
        ),
        (
            t("投诉赔偿：批次熔指偏高", "Compensation: melt index of a batch"),
            COMPANY,
            t("剩余 1 天", "1 day left"),
            "run",
        ),
    )
    lines = tuple(
        p.Row(str(n), "/approval", (p.Cell(what, note=who), p.Cell(t("优惠申请", "Discount")), p.Cell(t("部门负责人", "Department head")), p.Cell(PEOPLE["lin"]), p.Cell("186.00", "num"), p.Cell("11-20 16:42", "date"), p.Cell(left, "badge", tone)),
              acts=(p.Act(t("办理", "Decide"), "/approval"),))
        for n, (what, who, left, tone) in enumerate(asks)
    )  # fmt: skip
    list_page = p.ListPage(
        t("待办列表", "To do"), "task",
        columns=(p.Column("what", t("事项", "Request")), p.Column("kind", t("类型", "Kind"), hidden_on_phone=True), p.Column("step", t("当前步骤", "Step"), hidden_on_phone=True), p.Column("who", t("申请人", "Applicant")), p.Column("amount", t("金额（万元）", "Amount (10k)"), numeric=True, hidden_on_phone=True), p.Column("at", t("提交时间", "Submitted"), hidden_on_phone=True), p.Column("left", t("剩余时间", "Time left"), sort_url="?", direction="ascending")),
        rows=lines, search_url="/inbox", search_hint=t("编号、客户、申请人", "Number, customer, applicant"),
        quick_filters=(p.Field("kind", t("类型", "Kind"), "choice", placeholder=t("全部类型", "All kinds"), choices=(p.Choice("d", t("优惠申请", "Discount")),)), p.Field("late", t("只看逾期", "Late only"), "flag", text="2")),
        bulk=(p.Act(t("批量同意", "Approve these"), "/x", "post", primary=True, fields=(OPINION,), confirm=t("只对同一步骤、同一类型开放；结果逐条给出。", "Only for the same step and kind; each has its own result.")),), bulk_url="/x",
        count_text=t("共 12 条待办，其中 2 条逾期", "12 to do, 2 of them late"), note=t("按剩余时间排序，按工作时间计", "By time left, in working hours"),
    )  # fmt: skip
    boxes = (
        p.Tab(t("待办", "To do"), "/inbox", "12", current=True, tone="bad"),
        p.Tab(t("已办", "Done"), "?b=done"),
        p.Tab(t("我发起的", "Mine"), "?b=mine", "3"),
        p.Tab(t("抄送我的", "Copied to me"), "?b=cc", "4"),
    )
    return p.InboxPage(
        t("审批中心", "Approvals"),
        boxes,
        list_page,
        acts=(p.Act(t("代理设置", "Stand-in"), "/x", icon="user-share"),),
    )


def results() -> p.ResultsPage:
    done, left = (
        p.Cell(t("已同意", "Approved"), "badge", "ok"),
        p.Cell(t("未办理", "Not approved"), "badge", "bad"),
    )
    why = p.Cell(
        t("该申请已撤销，不能再进行此操作。", "This request is cancelled: nothing more can be done here."),
        "long",
    )
    rows = (
        p.Row("1", "/approval", (p.Cell(COMPANY, note="SP2026-000001"), done, p.Cell("")), selectable=False),
        p.Row("2", "/approval", (p.Cell(OTHERS[0], note="SP2026-000002"), left, why), selectable=False),
    )
    heads = (
        p.Column("t", t("事项", "Request")),
        p.Column("r", t("结果", "Result")),
        p.Column("w", t("原因", "Reason")),
    )
    table = p.ListPage(t("逐条结果", "Result of each"), "results", columns=heads, rows=rows)
    return p.ResultsPage(t("批量同意", "Approved together"), table, banners=(p.Banner(t("已同意 1 条。", "1 approved."), "ok"),), acts=(p.Act(t("返回审批中心", "Back to the inbox"), "/inbox", primary=True),))  # fmt: skip


def approval() -> p.ApprovalPage:
    c, said = (
        p.Cell,
        (
            t("同意，按标准执行。", "Agreed, within the standard."),
            t("请补充材料。", "Please add the documents."),
        ),
    )
    return p.ApprovalPage(
        t("优惠申请：聚丙烯 T30S 单价优惠 4%", "Discount: T30S, 4% off the price"),
        crumbs=(p.Crumb(t("审批中心", "Approvals"), "/inbox"), p.Crumb(t("待办", "To do"), "/inbox"), p.Crumb("AP-2026-03187")),
        badges=(c(t("审批中", "Under approval"), "badge", "run"), c(t("已超时 3 小时", "3 hours late"), "badge", "bad")), facts=(PEOPLE["lin"], t("华东销售部", "East China sales"), t("11-20 16:42 提交", "submitted 11-20 16:42"), t("第 2 轮", "round 2")),
        sections=(p.Section("what", t("申请内容", "Request"), cells=(
            c(COMPANY, "link", url="/page", label=t("客户", "Customer"), note=t("C-000218 · 核心重点客户 · 无逾期应收", "C-000218 · core key customer · nothing overdue"), badges=(c("B", "grade"),), wide=True),
            c("4%", "change", old="5%", label=t("优惠幅度", "Discount"), note=t("标准上限 5%，在标准内", "standard up to 5%")), c(t("1,200 吨", "1,200 t"), old=t("1,000 吨", "1,000 t"), label=t("适用数量", "Quantity")),
            c("2026-12-01 – 2027-02-28", label=t("有效期", "Valid")), c(t("186.00 万元（壹佰捌拾陆万元整）", "1,860,000.00 CNY"), label=t("优惠金额", "Amount")),
            c(t("客户明年一季度新增改性产线，承诺月用量不低于 400 吨；竞争对手报价低 3.2%。", "A new line in the first quarter; at least 400 t a month are promised; a competitor is 3.2% below."), "long", label=t("理由", "Reason"))), note=t("比上一轮改了 2 处", "2 changes since the last round")),),
        figures=(p.Figure(t("毛利率（优惠后）", "Margin after discount"), "8.6%", "", t("下限 7%", "at least 7%")), p.Figure(t("本年已用优惠", "Discounts this year"), "212", t("万元", "10k CNY"), t("额度 500 万元", "of 5.0 million")), p.Figure(t("同类客户平均", "Average of peers"), "3.4%", "", t("27 家", "27 customers"))),
        evidence=(p.Attachment(t("客户用量承诺函.pdf", "promise.pdf"), "/x", t("420 kB · 林知远 11-20 · 已锁定", "420 kB · Lin Zhiyuan 11-20 · locked")), p.Attachment(t("价格测算.xlsx", "prices.xlsx"), "/x", t("38 kB · 第 2 轮已更新", "38 kB · updated in round 2"), "table")),
        course=(
            p.TimelineItem(t("林知远 提交", "Lin Zhiyuan submitted"), "11-19 10:20", t("第 1 轮", "round 1"), "ok"),
            p.TimelineItem(t("韩立群 退回", "Han Liqun sent it back"), "11-19 15:02", t("销售主管", "Sales supervisor"), "warn", t("幅度偏高，请补竞争报价并下调。", "Rather high; add the competing offer and lower it."), (c(t("退回", "Sent back"), "badge", "warn"),)),
            p.TimelineItem(t("周若溪 同意", "Zhou Ruoxi agreed"), "11-20 17:10", t("销售主管 · 用时 28 分", "Sales supervisor · 28 minutes"), "ok", t("测算无误。", "The figures are right."), (c(t("代 韩立群", "for Han Liqun"), "badge"),)),
            p.TimelineItem(t("顾明哲（您）", "Gu Mingzhe (you)"), t("应在 11-21 12:00 前", "due 11-21 12:00"), t("部门负责人", "Department head"), "now", marks=(c(t("已超时 3 小时", "3 hours late"), "badge", "bad"),)),
            p.TimelineItem(t("总经理", "General manager"), "", t("仅知会", "only told"), "", marks=(c(t("报备", "For the file"), "badge", "end"),))),
        flow_text=t("流程第 7 版 · 为什么是这些人", "Flow version 7 · why these people"), flow_url="/x",
        articles=(t("《大客户管理办法》第 21 条：标准内的优惠由大客户服务部批准并报总经理备案，超过标准由总经理批准。", "Big customers, article 21: discounts within the standard are approved by the big customer department and filed with the general manager; above it he approves them."),),
        acts=(p.Act(t("同意", "Approve"), "/x/approve", "post", "check", primary=True, fields=(OPINION,), phrases=said), p.Act(t("驳回", "Reject"), "/x/reject", "post", tone="bad", fields=(OPINION_DUE,), hint=t("驳回：申请结束", "Reject: the request ends")), p.Act(t("退回", "Send back"), "/x/send_back", "post", fields=(OPINION_DUE,), phrases=said, hint=t("退回：改好再报，单子保留", "Send back: to be mended and submitted again")),
              p.Act(t("加签", "Add signer"), "/x/add_signer", "post", fields=(CLERK, OPINION)), p.Act(t("转办", "Transfer"), "/x/transfer", "post", fields=(CLERK, OPINION), rare=True), p.Act(t("催办", "Remind"), "/x/remind", "post", rare=True)),
        hidden=(("version_no", "12"), ("seen", "a1b2")), seen=t("您看到的是第 12 版内容；若已改动，决定会被拒绝并显示差异", "You see version 12; if it has changed, the decision is refused and the difference shown"), record_url="/page",
    )  # fmt: skip


# --- Imports, evaluation, the rest -----------------------------------------------------------------------------------


def imports(step: int) -> p.ImportPage:
    c = p.Cell
    common = {
        "title": t("导入客户", "Import customers"),
        "resource": "customer",
        "step": step,
        "number": "IM-2026-0088",
        "crumbs": (p.Crumb(t("客户", "Customers"), "/list"), p.Crumb(t("导入", "Import"))),
    }
    rejected = p.ListPage(t("拒绝的行", "Refused rows"), "reject", columns=(p.Column("name", t("客户名称", "Customer")), p.Column("row", t("行", "Row"), numeric=True), p.Column("column", t("列", "Column")), p.Column("given", t("您填的", "You wrote")), p.Column("why", t("原因与改法", "Why and what to do"), wide_on_phone=True)),
        rows=(p.Row("1", "", (c(OTHERS[10]), c("44", "num"), c(t("统一社会信用代码", "Credit code")), c("91000000MA0DEMO2Z", tone="bad"), c(t("只有 17 位，应为 18 位", "17 characters, should be 18")))), p.Row("2", "", (c(OTHERS[11]), c("58", "num"), c(t("客户经理", "Manager")), c("林志远", tone="bad"), c(t("没有这个人；相近：林知远（0218）", "No such person; similar: Lin Zhiyuan (0218)"))))), count_text=t("2 行", "2 rows"))  # fmt: skip
    if step == 1:
        asked = (p.Field("file", t("文件", "File"), "file", required=True, accept=".xlsx,.xls,.csv", help=t("xlsx、xls 或 csv，不超过 25 MB、50,000 行", "xlsx, xls or csv; up to 25 MB and 50,000 rows"), wide=True), p.Field("mode", t("方式", "Mode"), "radio", "upsert", choices=(p.Choice("upsert", t("新增并更新", "Create and update")), p.Choice("create", t("只新增", "Create only")), p.Choice("update", t("只更新", "Update only"))), wide=True), p.Field("key", t("按此列匹配", "Match by"), "choice", "code", required=True, choices=(p.Choice("code", t("客户代码", "Code")),)))  # fmt: skip
        return p.ImportPage(**common, form=p.FormPage(t("上传", "Upload"), "/import/1", (p.Section("file", t("文件", "File"), asked),), multipart=True, cmd="x"), notes=(t("必填列的表头为红色", "Heads of required columns are red"), t("空单元格保留原值", "An empty cell keeps the old value")), template_act=p.Act(t("下载模板", "Download the template"), "/x", icon="download"), recent=small(t("最近的导入", "Latest imports"), "import"))  # fmt: skip
    if step == 2:
        preview = p.ListPage(t("变更的单元格", "Changed cells"), "change", columns=(p.Column("name", t("客户", "Customer")), p.Column("row", t("行", "Row"), numeric=True), p.Column("terms", t("付款方式", "Terms")), p.Column("revenue", t("上年收入（万元）", "Revenue (10k)"), numeric=True), p.Column("until", t("营业执照有效期", "Licence until"))),
            rows=tuple(p.Row(str(n), "", (c(name, note=f"C-{n:06d}"), c(str(n + 12), "num"), c(t("月结 45 天", "45 days"), old=t("月结 30 天", "30 days")), c("38,600.00", old="36,200.00"), c(t("不变", "same"), tone="end"))) for n, name in enumerate(OTHERS[:6])), count_text=t("第 1–6 条，共 974", "1–6 of 974"), next_url="?p=2")  # fmt: skip
        mapped = p.Field(
            "map-0",
            "",
            "choice",
            "name",
            choices=(
                p.Choice("name", t("客户名称", "Customer name")),
                p.Choice("code", t("客户代码", "Code")),
            ),
        )
        return p.ImportPage(**common, source=t("华东客户2026-11.xlsx · 工作表 客户", "east-2026-11.xlsx · sheet customers"), rule=t("按客户代码匹配，新增并更新；空单元格保留原值；导入不会发起审批", "Matched by code, created and updated; an empty cell keeps the old value; starts no approvals"),
            tabs=(p.Tab(t("新增", "New"), "?t=n", "312"), p.Tab(t("变更", "Changed"), "?t=c", "974", current=True), p.Tab(t("相同", "Same"), "?t=s", "1,018"), p.Tab(t("拒绝", "Refused"), "?t=r", "6", tone="bad")), preview=preview, rejected=rejected,
            rejects_act=p.Act(t("下载拒绝的行", "Download refused rows"), "/x", icon="download"), mapping=(p.MappedColumn(t("客户名称", "Customer name"), str(COMPANY), mapped), p.MappedColumn(t("备注2", "Remark 2"), "", p.Field("map-1", "", "choice", choices=mapped.choices), t("没有对应的字段", "No field of that name"), "warn")), mapping_url="/import/2", mapping_cmd="x",
            acts=(p.Act(t("换一个文件", "Another file"), "/import/1", icon="upload"),), go=p.Act(t("导入 1,286 行", "Import 1,286 rows"), "/x", "post", primary=True, confirm=t("新增 312 家，变更 974 家。6 行被拒绝，不会写入。", "312 new, 974 changed. 6 rows are refused and not written.")))  # fmt: skip
    return p.ImportPage(**common, job=progress(), figures=(p.Figure(t("新增", "New"), "312"), p.Figure(t("更新", "Updated"), "974", tone="ok"), p.Figure(t("拒绝", "Refused"), "6", tone="bad", note=t("下载后改好再传", "Download, mend, upload again"))), rejected=rejected, rejects_act=p.Act(t("下载拒绝的行", "Download refused rows"), "/x", icon="download"), acts=(p.Act(t("撤销这次导入", "Undo this import"), "/x", "post", tone="bad", confirm=t("恢复 974 家的原值，删除新增的 312 家。", "974 customers get their old values back, 312 new ones are deleted.")),))  # fmt: skip


def progress() -> p.JobProgress:
    return p.JobProgress(t("导入客户", "Import customers"), t("进行中", "Running"), running=True, done=640, total=1286, text=t("正在写入", "Writing"), poll_url="/job", cancel=p.Act(t("取消", "Cancel"), "/x/cancel", "post"), crumbs=(p.Crumb(t("后台任务", "Jobs"), "/x"), p.Crumb("88")))  # fmt: skip


def home() -> p.HomePage:
    late, soon, todo = (lambda text, tone: p.Cell(text, "badge", tone)), "warn", "run"
    duties = tuple(p.Item(what, "/x", who, badge=late(left, tone)) for what, who, left, tone in ((t("每月面谈", "Monthly talk"), COMPANY, t("逾期 9 天", "9 days late"), "bad"), (t("走访后回复客户", "Reply after the visit"), OTHERS[0], t("逾期 3 天", "3 days late"), "bad"), (t("合同续签意向确认", "Ask about renewal"), OTHERS[1], t("今天 17:30", "today 17:30"), soon), (t("提交走访记录", "Hand in the visit record"), OTHERS[2], t("今天 18:00", "today 18:00"), soon), (t("更新营业执照", "Renew the licence copy"), OTHERS[3], "11-24", todo)))  # fmt: skip
    waiting = tuple(
        p.Item(row.cells[0].text, "/approval", row.cells[0].note, badge=row.cells[-1])
        for row in inbox().table.rows[:3]
    )
    return p.HomePage(
        t("今日", "Today"), t("11 月 21 日，星期六（调休上班）", "Saturday, 21 November (a working day)"),
        acts=(p.Act(t("登记走访", "Record a visit"), "/x10", icon="map-pin"), p.Act(t("登记投诉", "Record a complaint"), "/x11", icon="headset")),
        figures=(p.Figure(t("本月金额", "This month"), "412.60", t("万元", "10k CNY"), t("目标 480，完成 86%", "target 480, 86% done"), percent=86), p.Figure(t("逾期应收", "Overdue"), "86.40", t("万元", "10k CNY"), t("比上月多 12.80", "12.80 more than last month"), "bad", "/x"), p.Figure(t("走访完成（本月）", "Visits this month"), "14 / 18", t("次", ""), t("还有 6 个工作日", "6 working days left")), p.Figure(t("投诉按时率", "Complaints in time"), "92", "%", t("上月 88%", "last month 88%"), "ok"), p.Figure(t("进行中商机", "Open opportunities"), "23", "", t("合计 1,860 万元", "18.6 million in all"))),
        panels=(
            p.Panel(t("责任事项", "Duties"), duties, (p.Cell(t("逾期 2", "2 late"), "badge", "bad"), p.Cell(t("今天 3", "3 today"), "badge", "warn")), "/x1", t("全部 27", "All 27")),
            p.Panel(t("最近看过", "Seen lately"), (p.Item(COMPANY, "/page", "C-000218"),)),
            p.Panel(t("待我审批", "Waiting for me"), waiting, (p.Cell(t("超时 1", "1 late"), "badge", "bad"),), "/inbox", t("全部 3", "All 3"), column="right"),
            p.Panel(t("有风险的投诉", "Complaints at risk"), (), empty=t("没有快到期的投诉。", "No complaint is close to its deadline."), column="right"),
            p.Panel(t("通知公告", "Notices"), (p.Item(t("《大客户管理办法》第 21 条已修订，12-01 起执行", "Article 21 of the big customer policy changes on 12-01"), "/x", t("总经办 · 今天 08:40 · 需阅读确认", "General office · today 08:40 · to be confirmed")), p.Item(t("您提交的合同 HT-2026-0101 已通过", "Your contract HT-2026-0101 was approved"), "/x", t("今天 09:12", "today 09:12"))), (p.Cell("5", "badge", "bad"),), act=p.Act(t("全部标为已读", "Mark all as read"), "/x", "post"), column="right"),
        ),
        charts=(chart(),),
    )  # fmt: skip


def chart() -> p.Chart:
    return p.Chart(t("等级分布", "Grades"), ("A", "B", "C", "D"), (p.Series(t("本次", "This run"), (212, 640, 388, 102)), p.Series(t("上次", "Last run"), (198, 655, 371, 118))), t("A 212 家，B 640 家，C 388 家，D 102 家。", "A 212, B 640, C 388, D 102 customers."), t("家", "customers"))  # fmt: skip


def run() -> p.RunPage:
    return p.RunPage(t("客户评价 2026 上半年", "Customer evaluation H1 2026"), crumbs=(p.Crumb(t("评价", "Evaluation"), "/runs"), p.Crumb("EV-2026-0003")), badges=(p.Cell(t("待发布", "To be published"), "badge", "warn"),), facts=(t("方案 customer_value 第 4 版", "scheme customer_value version 4"), t("1,342 家", "1,342 customers")), primary=p.Act(t("发布", "Publish"), "/x/publish", "post", primary=True, confirm=t("发布后不能再改。", "Published results never change.")), acts=(p.Act(t("导出", "Export"), "/x/export", "post", icon="download"), p.Act(t("与上次比较", "Compare"), "/x")), figures=(p.Figure(t("平均分", "Average"), "71.4"), p.Figure(t("等级变化", "Grades changed"), "184", url="/x")), charts=(chart(),), table=table(title=t("结果", "Results"), tabs=(p.Tab(t("全部", "All"), "?", "1,342", current=True), p.Tab("A", "?g=A", "212")), bulk=(), chips=()), pinned=p.Section("pinned", t("这次计算固定了什么", "What this run pinned"), cells=(p.Cell("2026-01-01 – 2026-06-30", label=t("期间", "Period")), p.Cell("2026-07-05 08:00", label=t("截至", "As of")))))  # fmt: skip


def comparison() -> p.ComparisonPage:
    sections = (
        p.Section("weights", t("权重（合计 100 %）", "Weights (100 % in all)"), (p.Field("w-sales", t("年采购额", "Bought a year"), value="60", unit="%"), p.Field("w-visits", t("走访完成率", "Visits held"), value="40", unit="%"))),
        p.Section("grades", t("等级起点（分）", "Where grades begin (points)"), (p.Field("g-A", "A", value="85"), p.Field("g-B", "B", value="70"))),
    )  # fmt: skip
    form = p.FormPage(
        t("假设分析", "What if"), sections=sections, action_url="/comparison", submit_label=t("试算", "Try")
    )
    return p.ComparisonPage(
        t("假设分析：客户评价", "What if: customers"),
        form,
        crumbs=(p.Crumb(t("评价", "Evaluation"), "/runs"), p.Crumb(t("假设分析", "What if"))),
        facts=(t("2026-01-01 至 2026-06-30", "2026-01-01 to 2026-06-30"),),
        banners=(p.Banner(t("不改变任何结果。", "No result is changed.")),),
        figures=(p.Figure(t("升级", "Up"), "14"), p.Figure(t("降级", "Down"), "9")),
        charts=(chart(),),
        tables=(small(t("等级迁移", "Migration"), "migration"),),
    )


def explain() -> p.ExplainPage:
    line = p.ExplainLine
    return p.ExplainPage(COMPANY, crumbs=(p.Crumb(t("客户评价 2026 上半年", "Customer evaluation H1 2026"), "/run"), p.Crumb("C-000218")), badges=(p.Cell("B", "grade"),), facts=(t("78.5 分", "78.5 points"), t("第 214 名，共 1,342 名", "214 of 1,342")), lines=(line(t("年购买金额", "Amount bought"), "4,286.50", t("万元", "10k CNY"), "92", "40%", "36.8", "35.1", t("分段", "bands"), url="/x", children=(line(t("已确认订单", "Confirmed orders"), "4,310.20", t("万元", "10k CNY"), url="/x"), line(t("退货", "Returns"), "-23.70", t("万元", "10k CNY"), url="/x"))), line(t("付款准时率", "Paid in time"), "81", "%", "61", "30%", "18.3", "27.0", t("线性", "linear"), t("比上次低 9 个百分点，是降级的主因", "9 points below last time, the main cause"), "bad", "/x"), line(t("合作潜力", "Potential"), "", "", "78", "30%", "23.4", "21.0", t("人工打分", "scored by hand"), t("依据：走访记录 VS-0231", "evidence: visit VS-0231"))), total="78.5", grade=p.Cell("B", "grade"), rule=t("75 分以上、85 分以下为 B。", "B is 75 and more, below 85."), acts=(p.Act(t("提出异议", "Object"), "/x/object", "post", fields=(OPINION_DUE,)),), timeline=(p.TimelineItem(t("2025 下半年：83.1 分 A", "H2 2025: 83.1 points, A"), "2026-01-31", "", "ok"),), charts=(chart(),))  # fmt: skip


def flow() -> fd.VersionPage:
    body = {
        "title": t("报价折扣审批", "Discount on quotations"),
        "limit": t("折扣率 ≤ 15%", "discount ≤ 15 %"),
    }
    line, box = fp.Line, fp.Box
    drawn = fp.Picture(
        452,
        214,
        (
            box(4, 30, (line(124, 24, str(t("提交", "Submission"))),), round=True),
            box(
                64,
                56,
                (
                    line(124, 86, str(t("部门负责人", "Head of the department")), strong=True),
                    line(
                        124,
                        106,
                        str(t("仅当 金额 > 5…", "only when amount > 5…")),
                        str(t("仅当 金额 > 50万元", "only when amount > CNY 500000")),
                    ),
                ),
                dashed=True,
                flaw=True,
            ),
            box(150, 30, (line(124, 170, str(t("结束", "End"))),), round=True),
        ),
        (
            fp.Arrow("M124 34V62"),
            fp.Arrow("M124 120V148"),
            fp.Arrow("M244 84H430V158H246", line(252, 79, str(body["limit"]))),
        ),
        t("提交 → 部门负责人 → 结束", "submission → head of the department → end"),
    )
    more = (
        p.Act(t("上移", "Move up"), "/x", "post", name="do", value="up"),
        p.Act(
            t("移除", "Take out"),
            "/x",
            "post",
            name="do",
            value="drop",
            tone="bad",
            confirm=t("移除？", "Out?"),
        ),
    )
    step = fd.StepBox(
        "head",
        1,
        t("部门负责人", "Head of the department"),
        (
            Trait(
                "who",
                t("审批人", "Who"),
                t("提交人所在部门负责人", "the head of the department of the submitter"),
            ),
            Trait(
                "next",
                t("去向", "Goes on"),
                t("折扣率 ≤ 15% → 结束；否则 → 下一步", "discount ≤ 15 % → end; otherwise → the next step"),
            ),
        ),
        "/x",
        "/flow-table",
        "/flow-table",
        more,
        1,
    )
    finding = fd.Found(
        t("第 2 行永远不会走到。", "Row 2 is never taken."),
        "bad",
        t("错误", "Error"),
        t("“部门负责人”的去向", "ways on from “Head of the department”"),
        "/flow-table",
        str(t("折扣率 12%", "discount 12 %")),
        t("无效的行", "dead rows"),
    )
    names = (
        p.Field("name_zh", t("中文名称", "Chinese name"), required=True),
        p.Field("name_en", t("英文名称", "English name"), required=True),
    )
    return fd.VersionPage(body["title"], (p.Crumb(t("流程设计", "Flow designer"), "/list"), p.Crumb(body["title"])), (p.Cell(t("第 2 版", "Version 2"), "badge"), p.Cell(t("草稿", "Draft"), "badge")), (p.Cell("discount"),), drawn, (step,), (Trait("limit", t("部门权限", "Department limit"), t("15%", "15%")),), settings_url="/x", add_step=p.Act(t("添加步骤", "Add a step"), "/x", "post", "plus", name="do", value="add", fields=names), primary=p.Act(t("检查", "Check"), "/x", "post", primary=True), acts=(p.Act(t("导出 YAML", "Take out as YAML"), "/x"),), banners=(p.Banner(t("检查发现 1 处错误。", "The check found 1 error."), "bad", link_url="#findings", link_text=t("查看", "See them")),), findings=(finding,), check=p.Act(t("检查", "Check"), "/x", "post"), side=(p.Panel(t("版本", "Versions"), (p.Item(t("第 1 版", "Version 1"), "/x", PEOPLE["han"], badge=p.Cell(t("已发布", "Published"), "badge", "ok")),)),))  # fmt: skip


def flow_table() -> fd.GridPage:
    f, c = p.Field, p.Choice
    rate, kind = t("折扣率", "Discount rate"), t("类型", "Kind")
    signs = (
        c("", t("不限", "anything")),
        c("<=", t("不超过", "at most")),
        c("span", t("自…至不足…", "from … to below …")),
        c("=", t("等于", "is")),
    )
    kinds = (c("discount", t("折扣", "Discount")), c("gift", t("赠品", "Gift")))
    targets = (c("gm", t("总经理", "General manager")), c("end", t("结束", "End")))

    def row(n: int, sign: str, first: str, then: str, *errors: p.Text) -> fd.GridRow:
        cells = (
            fd.GridCell(
                f(f"r{n}.rate.sign", rate, "choice", sign, choices=signs),
                f(f"r{n}.rate.value", rate, value=first),
                f(f"r{n}.rate.upto", rate, value="15"),
                "%",
                errors,
            ),
            fd.GridCell(
                f(
                    f"r{n}.kind.sign",
                    kind,
                    "choice",
                    "in",
                    choices=(c("", t("不限", "anything")), c("in", t("属于", "one of"))),
                ),
                f(f"r{n}.kind.value", kind, "pickers", picked=kinds[:1], choices=kinds[1:]),
                f(f"r{n}.kind.upto", kind),
            ),
        )
        return fd.GridRow(
            n,
            cells,
            f(f"r{n}.text", t("条件", "Condition"), value="amount > 5") if n else None,
            f(f"r{n}.to", t("去向", "Then to"), "choice", then, choices=targets, required=True),
        )

    return fd.GridPage(t("“部门负责人”的去向", "Ways on from “Head of the department”"), (p.Crumb(t("流程设计", "Flow designer"), "/list"), p.Crumb(t("决策表", "Table"))), "/form", "/flow", "seen", (rate, kind), (row(0, "<=", "5", "end"), row(1, "span", "5", "gm", t("请填写数值", "Fill in a number"))), f("col", t("列", "Columns"), "pickers", picked=(c("rate", rate), c("kind", kind)), choices=(c("amount", t("金额", "Amount")),)), t("自上而下，第一条符合的行生效。", "From top to bottom, the first row that holds counts."), otherwise=t("都不符合时 → 总经理", "if no row holds → General manager"), leads=True, names=(t("部门权限", "Department limit"),), problems=(p.Problem(t("第 2 行：请填写数值", "Row 2: fill in a number")),))  # fmt: skip


def message() -> p.MessagePage:
    return p.MessagePage(t("不能提交这份准入申请", "This admission cannot be submitted"), t("还没有实地考察记录。", "There is no record of a site visit yet."), 409, t("依据", "Under"), t("《大客户管理办法》第 14 条", "article 14 of the big customer policy"), "/x", t("先登记实地考察，再提交。", "Record the site visit first, then submit."), t("财会部 戴文清", "Dai Wenqing, finance"), "7K3M-20261121", (p.Act(t("登记实地考察", "Record the site visit"), "/x", primary=True), p.Act(t("返回", "Back"), "/page")), icon="hand-stop")  # fmt: skip


def profile() -> p.ProfilePage:
    settings = p.FormPage(t("设置", "Settings"), "/account/profile", (p.Section("mine", t("我的设置", "My settings"), (p.Field("language", t("语言", "Language"), "choice", "zh", required=True, choices=(p.Choice("zh", "中文"), p.Choice("en", "English"))), p.Field("theme", t("外观", "Appearance"), "radio", "auto", choices=(p.Choice("light", t("浅色", "Light")), p.Choice("dark", t("深色", "Dark")), p.Choice("auto", t("跟随设备", "Like the device")))))),), cmd="x")  # fmt: skip
    return p.ProfilePage(t("我的账号", "My account"), (p.Section("who", t("我是谁", "Who I am"), cells=(p.Cell(PEOPLE["lin"], label=t("姓名", "Name")), p.Cell(t("华东销售部", "East China sales"), label=t("部门", "Department")))),), settings, (p.Panel(t("我可以做什么", "What I may do"), (p.Item(t("客户：看、改", "Customers: read, write"), note=t("本部门", "my department")),)),), (p.Act(t("修改密码", "Change password"), "/account/password", icon="key"),))  # fmt: skip


def password() -> p.FormPage:
    f = p.Field
    return p.FormPage(t("修改密码", "Change password"), "/account/password", (p.Section("password", "", (f("current", t("当前密码", "Current password"), "password", required=True, autocomplete="current-password", wide=True), f("new", t("新密码", "New password"), "password", required=True, autocomplete="new-password", help=t("至少 12 个字符", "At least 12 characters"), errors=(t("太常见", "Too common"),), wide=True))),), problems=(p.Problem(t("太常见", "too common"), t("新密码", "New password"), "new"),), cmd="x")  # fmt: skip


def signin() -> p.SignInPage:
    return p.SignInPage(company=t("远岚化工（演示）", "Yuanlan Chemicals (demo)"), username="linzhiyuan", problem=t("账号或密码不对，还可以再试 3 次", "Wrong user name or password; 3 tries left"), otp=True, hint=t("登录即记入登录日志。", "Signing in is written to the log."), accounts=(("linzhiyuan", t("客户经理", "Account manager")),))  # fmt: skip


def found() -> p.SearchPage:
    return p.SearchPage(request.args.get("q", ""), (p.Panel(t("客户", "Customers"), (p.Item(COMPANY, "/page", "C-000218", icon="building"), p.Item(OTHERS[0], "/page", "C-000346", icon="building")), url="/list", url_label=t("全部 12", "All 12")), p.Panel(t("审批单", "Approvals"), (p.Item(t("优惠申请", "Discount"), "/approval", "AP-2026-03187", icon="checkbox"),))))  # fmt: skip


def filter_form():
    """A group in a group, a line of each look, and a fault."""
    mode = (
        p.Choice("all", t("满足以下全部条件", "All of these hold")),
        p.Choice("any", t("满足以下任一条件", "Any of these holds")),
    )
    names = (p.Choice("region", t("所在地区", "Region")), p.Choice("seen", t("最近联系", "Last contact")))

    def group(path, *items, value="all"):
        return p.FilterGroup(
            path,
            p.Field(f"g.{path}", t("关系", "Joined"), "choice", value=value, required=True, choices=mode),
            items,
        )

    def line(path, name, value):
        ops = (p.Choice("in", t("为", "is")), p.Choice("idle", t("已超过（天）没有", "not for days")))
        return p.FilterLine(
            path,
            p.Field(f"f.{path}", t("字段", "Field"), "choice", value=name, choices=names),
            p.Field(
                f"o.{path}", t("比较", "Comparison"), "choice", value=ops[0].value, required=True, choices=ops
            ),
            value,
        )

    inner = group(
        "r-1",
        line(
            "r-1-0", "seen", p.Field("v.r-1-0", t("天数", "Days"), "number", value="30", unit=t("天", "days"))
        ),
        p.FilterLine("r-1-1", text="[amount] > [limit]"),
        value="any",
    )
    first = line(
        "r-0",
        "region",
        p.Field(
            "v.r-0",
            t("地区", "Regions"),
            "pickers",
            picker_url="/people",
            picked=(p.Choice("3", t("福建省", "Fujian")),),
        ),
    )
    return p.FilterPage(t("筛选：客户", "Filter: Customers"), "/filter", "/list", "", group("r", first, inner), t("所在地区 为 福建省", "Region is Fujian"), t("天数应为整数。", "The number of days must be a whole number."))  # fmt: skip


PAGES = {
    "/filter": ("record/filter.html", filter_form),
    "/home": ("home.html", home), "/list": ("record/list.html", table), "/empty": ("record/list.html", nothing), "/page": ("record/page.html", record),
    "/form": ("record/form.html", form), "/new": ("record/form.html", lambda: form(faults=False, stale=False)), "/inbox": ("approval/inbox.html", inbox), "/approval": ("approval/page.html", approval), "/results": ("approval/results.html", results),
    "/import/1": ("import/upload.html", lambda: imports(1)), "/import/2": ("import/check.html", lambda: imports(2)), "/import/3": ("import/result.html", lambda: imports(3)),
    "/job": ("job.html", progress), "/message": ("message.html", message), "/search": ("search.html", found), "/sign-in": ("account/sign_in.html", signin),
    "/account/profile": ("account/profile.html", profile), "/account/password": ("account/password.html", password),
    "/account/sessions": ("account/sessions.html", lambda: p.SessionsPage(t("已登录的设备", "Signed-in devices"), small(t("设备", "Devices"), "session"), p.Act(t("退出其他设备", "Sign out elsewhere"), "/x", "post", tone="bad", confirm=t("其他设备上要重新登录。", "The other devices must sign in again.")))),
    "/runs": ("evaluation/runs.html", lambda: p.RunsPage(t("评价", "Evaluation"), small(t("评价运行", "Runs"), "run"), p.FormPage(t("开始一次评价", "Start a run"), "/runs", (p.Section("s", "", (p.Field("scheme", t("方案", "Scheme"), "choice", required=True, choices=(p.Choice("1", "customer_value"),)), p.Field("from", t("从", "From"), "date", required=True))),), cmd="x"))),
    "/run": ("evaluation/run.html", run), "/explain": ("evaluation/explain.html", explain),
    "/comparison": ("evaluation/comparison.html", comparison),
    "/flow": ("flows/page.html", flow), "/flow-table": ("flows/table.html", flow_table),
}  # fmt: skip
"""Address of the gallery → template and what makes its page."""


def create(translations: Path = APP / "translations") -> Flask:
    """The gallery as an application, with the same frame, policy and languages as the product."""
    app = Flask("app", root_path=str(APP))
    app.config.update(SECRET_KEY=secrets.token_hex(), BABEL_TRANSLATION_DIRECTORIES=str(translations))
    Babel(app, locale_selector=language.get)

    @app.before_request
    def speak() -> None:
        chosen = request.args.get("as") or request.cookies.get("as") or "zh"
        language.set(chosen)

    @app.context_processor
    def frame() -> dict[str, object]:
        signed_in = request.path != "/sign-in"
        return {
            "me": me() if signed_in else None,
            "menu": menu(request.path) if signed_in else (),
            "language": language.get(),
            "csrf_token": lambda: "token",
        }

    @app.after_request
    def policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        if "as" in request.args:
            response.set_cookie("as", request.args["as"], samesite="Lax")
        return response

    for address, (template, make) in PAGES.items():

        def show(template=template, make=make):
            if request.args.get("flash"):
                flash(str(t("已保存", "Saved")), "success")
                flash(str(t("没有成功", "That failed")), "error")
            return render_template(template, page=make(), fragment=request.args.get("fragment", ""))

        app.add_url_rule(address, address, show)
    app.add_url_rule("/", "root", lambda: "<!doctype html><title>root</title>")
    app.add_url_rule("/theme", "theme", lambda: "", methods=["POST"])
    app.add_url_rule(
        "/people",
        "people",
        lambda: jsonify(
            results=[
                {"value": "1", "text": "林知远", "note": "华东销售部 · 0218"},
                {"value": "3", "text": "林知源", "note": "华南销售部 · 0417"},
            ]
        ),
    )
    app.add_url_rule("/exact", "exact", lambda: "共 10,342 条")
    app.add_url_rule("/reveal", "reveal", lambda: "13800001234", methods=["POST"])
    app.add_url_rule("/form", "save", lambda: "", methods=["POST"])
    return app


if __name__ == "__main__":
    create().run(port=0)
