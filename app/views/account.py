"""What is a person's own: signing in and out, language and look, password, sign-ins, personal keys."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, session
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_babel import refresh
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.errors import BadInput, Problem, Refusal
from app.extensions import db, transaction
from app.models import Employee, OrgUnit, UnitKind
from app.roles import BREADTH, Act as Right, Reach
from app.services import access, accounts, codes, values
from app.views import pages
from app.views.guards import needs_account, open_to_all
from app.views.pages import Act, Cell, Choice, Column, Field, FormPage, Item, Panel, Row, Section
from app.views.security import WORD, forget, visitor
from app.views.web import new_cmd, once, safe_next
from app.words import LANGUAGES, Words, language, say

PROFILE, SESSIONS, CONFIRM = "/account/profile", "/account/sessions", "/account/confirm"

SAVED = say(zh="已保存。", en="Saved.")
CONFIRMED = say(zh="已确认，请继续。", en="Confirmed: go on.")
WELCOME_BACK = say(zh="您已退出。", en="You are signed out.")


class AccountView(BaseView):
    """Pages about the account of the person asking; they touch nobody else's."""

    route_base = ""
    default_view = "profile"

    # ---- signing in and out --------------------------------------------------------------------------------

    @expose("/sign-in", methods=["GET", "POST"])
    @open_to_all
    def sign_in(self) -> Any:
        """The form, and on POST a new session."""
        next_url = safe_next(request.values.get("next"))
        if request.method == "GET":
            return redirect(next_url, 303) if visitor() else _sign_in_page(next_url)
        name = request.form.get("username", "")
        try:
            word = accounts.sign_in(name, request.form.get("password", ""), request.user_agent.string)
        except (accounts.WrongPassword, accounts.TooMany) as refusal:
            return _sign_in_page(next_url, name, refusal)
        _leave_session()
        _open(word)
        return redirect(next_url, 303)

    @expose("/sign-out", methods=["POST"])
    @open_to_all
    def sign_out(self) -> Any:
        """End the session, here and in the database."""
        _leave_session()
        flash(str(WELCOME_BACK), "info")
        answer = redirect("/sign-in", 303)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    @expose("/set-up/<token>", methods=["GET", "POST"])
    @open_to_all
    def set_up(self, token: str) -> Any:
        """Choose the first password by a link that works once."""
        _id, username, _name = accounts.setup_account(token)
        problems: list[Problem] = []
        if request.method == "POST":
            try:
                new = _twice_the_same()
                word = accounts.use_setup(token, new, request.user_agent.string)
            except BadInput as refusal:
                problems = refusal.problems
            else:
                _open(word)
                return redirect("/", 303)
        title = say(zh="为 {name} 设置密码", en="Choose a password for {name}", name=username)
        page = _password_page(title, request.path, problems, ask_current=False)
        return render_template("account/password.html", page=page), 422 if problems else 200

    # ---- language and look ---------------------------------------------------------------------------------

    @expose("/language", methods=["POST"])
    @open_to_all
    def choose_language(self) -> Any:
        """Speak another language from now on, in this browser and for this account."""
        chosen = request.form.get("language", "")
        found = visitor()
        if chosen in LANGUAGES:
            session["language"] = chosen
            if found:
                with transaction():
                    accounts.choose_language(found.user_id, chosen)
        return redirect(safe_next(request.form.get("next")), 303)

    @expose("/theme", methods=["POST"])
    @open_to_all
    def choose_theme(self) -> Any:
        """Keep the look for this account; without one the browser alone remembers it."""
        found = visitor()
        if found:
            with transaction():
                accounts.choose_theme(found.user_id, request.form.get("theme", ""))
        return redirect(safe_next(request.form.get("next")), 303)

    @expose(PROFILE, methods=["GET", "POST"])
    @needs_account
    def profile(self) -> Any:
        """Who I am, what I may do, and the settings that are mine."""
        found = _signed_in()
        if request.method == "POST":
            with transaction():
                command = once()
                accounts.choose_language(found.user_id, request.form.get("language", ""))
                accounts.choose_theme(found.user_id, request.form.get("theme", ""))
                command.led_to(PROFILE)
            session["language"] = request.form["language"]
            _speak(request.form["language"])
            flash(str(SAVED), "success")
            return redirect(PROFILE, 303)
        return render_template("account/profile.html", page=_profile_page(found))

    # ---- password ------------------------------------------------------------------------------------------

    @expose(CONFIRM, methods=["GET", "POST"])
    @needs_account
    def confirm(self) -> Any:
        """Type my password again, before something that asks for it."""
        next_url = safe_next(request.values.get("next"))
        problems: list[Problem] = []
        if request.method == "POST":
            try:
                accounts.confirm(_signed_in(), request.form.get("current", ""))
            except BadInput as refusal:
                problems = refusal.problems
            else:
                flash(str(CONFIRMED), "success")
                return redirect(next_url, 303)
        page = _confirm_page(next_url, problems)
        return render_template("account/password.html", page=page), 422 if problems else 200

    @expose("/account/password", methods=["GET", "POST"])
    @needs_account
    def password(self) -> Any:
        """Change my password; every other browser and key is signed out by it."""
        found = _signed_in()
        problems: list[Problem] = []
        if request.method == "POST":
            try:
                new = _twice_the_same()
                current = request.form.get("current", "")
                word = accounts.change_own_password(found, current, new, request.user_agent.string)
            except BadInput as refusal:
                problems = refusal.problems
            else:
                _open(word)
                flash(str(PASSWORD_CHANGED), "success")
                return redirect("/" if found.must_change_password else PROFILE, 303)
        page = _password_page(CHANGE, request.path, problems, ask_current=True)
        if found.must_change_password:
            page = _with_note(page)
        return render_template("account/password.html", page=page), 422 if problems else 200

    # ---- where I am signed in ------------------------------------------------------------------------------

    @expose(SESSIONS)
    @needs_account
    def sessions(self) -> Any:
        """Where I am signed in."""
        return render_template("account/sessions.html", page=_sessions_page(_signed_in()))

    @expose("/account/sessions/end", methods=["POST"])
    @needs_account
    def end_others(self) -> Any:
        """Sign out everywhere but here."""
        with transaction():
            ended = accounts.end_other_sessions(_signed_in())
        flash(str(say(zh="已结束 {n} 处登录。", en="Ended elsewhere: {n}.", n=ended)), "success")
        return redirect(SESSIONS, 303)

    @expose("/account/sessions/<int:pk>/end", methods=["POST"])
    @needs_account
    def end(self, pk: int) -> Any:
        """Sign out one other browser."""
        with transaction():
            accounts.end_session(_signed_in(), pk)
        flash(str(say(zh="已结束该登录。", en="That sign-in is ended.")), "success")
        return redirect(SESSIONS, 303)

    # ---- personal keys -------------------------------------------------------------------------------------

    @expose("/account/keys", methods=["POST"])
    @needs_account
    def make_key(self) -> Any:
        """A new personal key, shown this once."""
        days = request.form.get("days", "")
        with transaction():
            command = once()
            key = accounts.make_key(
                _signed_in().user_id,
                request.form.get("name", ""),
                int(days) if days.isascii() and days.isdigit() else 0,
            )
            command.led_to(PROFILE)
        page = pages.MessagePage(
            title=say(zh="密钥已生成", en="The key is made"),
            what=key,
            why=say(
                zh="请立即复制保存：它只显示这一次。", en="Copy it now: it is shown this once, never again."
            ),
            todo=say(
                zh="调用接口时放在请求头 Authorization: Bearer 之后。",
                en="Programs send it in the header Authorization: Bearer.",
            ),
            icon="key",
            acts=(Act(say(zh="返回我的账号", en="Back to my account"), PROFILE, primary=True),),
        )
        return render_template("message.html", page=page)

    @expose("/account/keys/<int:pk>/revoke", methods=["POST"])
    @needs_account
    def revoke_key(self, pk: int) -> Any:
        """End a key at once."""
        with transaction():
            accounts.revoke_key(_signed_in().user_id, pk)
        flash(str(say(zh="密钥已撤销。", en="The key is revoked.")), "success")
        return redirect(PROFILE, 303)


# ---- sessions and cookies ----------------------------------------------------------------------------------


def _signed_in() -> accounts.Visitor:
    """Who is signed in; `needs_account` has made sure."""
    found = visitor()
    assert found is not None  # noqa: S101
    return found


def _open(word: str) -> None:
    """Put a new session's word into the cookie; of what stood there only the language stays."""
    spoken = session.get("language")
    session.clear()
    session[WORD] = word
    if spoken in LANGUAGES:
        session["language"] = spoken
    forget()


def _leave_session() -> None:
    """End the session this browser is in, if it is in one."""
    found = visitor()
    if found and found.session_id is not None:
        with transaction():
            accounts.sign_out(found)
    spoken = session.get("language")
    session.clear()
    if spoken in LANGUAGES:
        session["language"] = spoken
    forget()


def _speak(tongue: str) -> None:
    language.set(tongue)
    refresh()


# ---- pages -------------------------------------------------------------------------------------------------


def _sign_in_page(next_url: str, name: str = "", refusal: Refusal | None = None) -> Any:
    page = pages.SignInPage(
        company=_company(),
        username=name[:128],
        next_url="" if next_url == "/" else next_url,
        problem=refusal.words if refusal else "",
    )
    answer = Response(
        render_template("account/sign_in.html", page=page), content_type="text/html; charset=utf-8"
    )
    if refusal:
        answer.status_code = refusal.status
    if isinstance(refusal, accounts.TooMany):
        answer.headers["Retry-After"] = str(refusal.seconds)
    return answer


def _company() -> Words | str:
    """The name of the company, which whoever stands before the door may read."""
    with access.acting(access.SYSTEM):
        names = select(OrgUnit.name_zh, OrgUnit.name_en)
        row = db.session.execute(
            names.where(OrgUnit.parent_id.is_(None), OrgUnit.kind == UnitKind.company).order_by(OrgUnit.id)
        ).first()
    return Words(row[0], row[1]) if row else ""


CHANGE = say(zh="修改密码", en="Change password")
PASSWORD_CHANGED = say(
    zh="密码已修改；其他登录和个人密钥均已失效。",
    en="The password is changed; other sign-ins and personal keys have ended.",
)
RULES = say(
    zh="{least} 至 {most} 个字符；可用短句；不含用户名、姓名或产品名称。",
    en="{least} to {most} characters; a short sentence is fine; no user name, own name or product name in it.",
    least=accounts.SHORTEST,
    most=accounts.LONGEST,
)


def _twice_the_same() -> str:
    """The new password, typed twice. Raises `BadInput`."""
    new = request.form.get("password", "")
    if new != request.form.get("again", ""):
        differs = say(zh="两次输入的密码不一致。", en="The two passwords differ.")
        raise BadInput([Problem(differs, "again")])
    return new


def _confirm_page(next_url: str, problems: list[Problem]) -> FormPage:
    field = Field(
        "current",
        say(zh="密码", en="Password"),
        "password",
        required=True,
        autocomplete="current-password",
        maxlength=accounts.LONGEST,
        errors=tuple(problem.words for problem in problems),
        wide=True,
    )
    return FormPage(
        title=say(zh="请确认是您本人", en="Confirm that it is you"),
        action_url=CONFIRM,
        sections=(Section("password", "", fields=(field,)),),
        banners=(
            pages.Banner(
                say(
                    zh="导出数据前请再次输入密码，15 分钟内有效。",
                    en="Type your password again before data leaves the system; it counts for 15 minutes.",
                )
            ),
        ),
        hidden=(("next", next_url),),
        cancel_url=next_url,
        submit_label=say(zh="确认", en="Confirm"),
    )


def _password_page(title: Words, url: str, problems: list[Problem], *, ask_current: bool) -> FormPage:
    asked = [
        ("current", say(zh="当前密码", en="Current password"), "current-password"),
        ("password", say(zh="新密码", en="New password"), "new-password"),
        ("again", say(zh="再次输入新密码", en="New password again"), "new-password"),
    ]
    shown = asked if ask_current else asked[1:]
    fields = tuple(
        Field(
            name,
            label,
            "password",
            required=True,
            autocomplete=autocomplete,
            help=RULES if name == "password" else "",
            maxlength=accounts.LONGEST,
            errors=tuple(problem.words for problem in problems if problem.field == name),
            wide=True,
        )
        for name, label, autocomplete in shown
    )
    labels = {name: label for name, label, _ in shown}
    return FormPage(
        title=title,
        action_url=url,
        sections=(Section("password", "", fields=fields),),
        problems=tuple(
            pages.Problem(one.words, labels.get(one.field or "", ""), one.field or "") for one in problems
        ),
        cancel_url=PROFILE if ask_current else "",
        submit_label=say(zh="保存新密码", en="Save the new password"),
    )


def _with_note(page: FormPage) -> FormPage:
    """The page for who has to choose a password before anything else."""
    note = pages.Banner(
        say(
            zh="您的密码由管理员设置，请先换成只有您知道的密码。",
            en="An administrator gave you this password: choose one that only you know.",
        ),
        tone="warn",
    )
    return FormPage(
        title=page.title,
        action_url=page.action_url,
        sections=page.sections,
        problems=page.problems,
        submit_label=page.submit_label,
        banners=(note,),
    )


LANGUAGE_CHOICES = (Choice("zh", "中文"), Choice("en", "English"))
THEME_CHOICES = (
    Choice("auto", say(zh="跟随设备", en="Like the device")),
    Choice("light", say(zh="浅色", en="Light")),
    Choice("dark", say(zh="深色", en="Dark")),
)


def _profile_page(found: accounts.Visitor) -> pages.ProfilePage:
    who = access.principal()
    settings = FormPage(
        title=say(zh="我的设置", en="My settings"),
        action_url=PROFILE,
        cmd=new_cmd(),
        sections=(
            Section(
                "settings",
                say(zh="我的设置", en="My settings"),
                fields=(
                    Field(
                        "language",
                        say(zh="语言", en="Language"),
                        "radio",
                        value=language.get(),
                        choices=LANGUAGE_CHOICES,
                    ),
                    Field(
                        "theme",
                        say(zh="外观", en="Look"),
                        "radio",
                        value=found.theme,
                        choices=THEME_CHOICES,
                    ),
                ),
            ),
        ),
    )
    return pages.ProfilePage(
        title=say(zh="我的账号与权限", en="My account and rights"),
        sections=(_person(found, who), _rights(who)),
        settings=settings,
        side=(_keys(found),),
        acts=(Act(CHANGE, "/account/password", icon="key"), Act(WHERE, SESSIONS, icon="devices")),
    )


def _person(found: accounts.Visitor, who: access.Principal) -> Section:
    employee = db.session.get(Employee, who.employee_id) if who.employee_id else None
    cells = [
        Cell(who.name, label=say(zh="姓名", en="Name")),
        Cell(found.username, label=say(zh="用户名", en="User name")),
    ]
    if employee:
        unit, position = employee.org_unit, employee.position
        cells += [
            Cell(employee.no, label=say(zh="工号", en="Employee no.")),
            Cell(Words(unit.name_zh, unit.name_en), label=say(zh="部门", en="Department")),
        ]
        if position:
            cells.append(Cell(Words(position.name_zh, position.name_en), label=say(zh="岗位", en="Position")))
    return Section("person", say(zh="我", en="Me"), cells=tuple(cells))


def _rights(who: access.Principal) -> Section:
    """What this person may do, record type by record type, with how far it reaches."""
    names = codes.record_types()
    held: dict[str, dict[Reach, list[Right]]] = {}
    for (resource, act), reach in who.grants.items():
        held.setdefault(resource, {}).setdefault(reach, []).append(act)
    cells = tuple(
        Cell(
            _reaches(reaches),
            "long",
            label=names[resource].words if resource in names else resource,
            wide=True,
        )
        for resource, reaches in sorted(held.items())
    )
    none = say(zh="您还没有任何权限，请联系管理员。", en="You have no rights yet: ask an administrator.")
    return Section(
        "rights", say(zh="我可以做什么", en="What I may do"), cells=cells, note="" if cells else none
    )


def _reaches(reaches: dict[Reach, list[Right]]) -> Words:
    """`View, edit (own); create (all)`, each in the order of the vocabulary."""
    order = list(Right)
    parts = [
        (sorted(acts, key=order.index), reach)
        for reach, acts in sorted(reaches.items(), key=lambda held: BREADTH.index(held[0]), reverse=True)
    ]
    return Words(
        "；".join(f"{'、'.join(act.words.zh for act in acts)}（{reach.words.zh}）" for acts, reach in parts),
        "; ".join(f"{', '.join(act.words.en for act in acts)} ({reach.words.en})" for acts, reach in parts),
    )


WHERE = say(zh="已登录的设备", en="Signed-in devices")


def _keys(found: accounts.Visitor) -> Panel:
    items = tuple(
        Item(
            key.name,
            note=say(zh="{day} 到期", en="until {day}", day=values.show_moment(key.expires_at)),
            icon="key",
            act=Act(
                say(zh="撤销", en="Revoke"),
                f"/account/keys/{key.id}/revoke",
                "post",
                tone="bad",
                confirm=say(
                    zh="撤销后，使用它的程序立即失效。", en="Programs that use it stop working at once."
                ),
            ),
        )
        for key in accounts.keys_of(found.user_id)
    )
    new = Act(
        say(zh="新建密钥", en="New key"),
        "/account/keys",
        "post",
        icon="plus",
        hidden=(("_cmd", new_cmd()),),
        fields=(
            Field("name", say(zh="用途", en="What it is for"), required=True, maxlength=100),
            Field(
                "days",
                say(zh="有效天数", en="Days it lasts"),
                "number",
                value="90",
                required=True,
                minimum="1",
                maximum=str(accounts.KEY_DAYS[-1]),
            ),
        ),
    )
    none = say(
        zh="没有密钥。程序以您的身份调用接口时需要它。", en="None. A program that acts for you needs one."
    )
    return Panel(say(zh="个人密钥", en="Personal keys"), items=items, empty=none, act=new)


def _sessions_page(found: accounts.Visitor) -> pages.SessionsPage:
    heads = (
        Column("agent", say(zh="浏览器", en="Browser")),
        Column("address", say(zh="地址", en="Address")),
        Column("started_at", say(zh="登录时间", en="Signed in")),
        Column("seen_at", say(zh="最近使用", en="Last used")),
    )
    open_sessions = accounts.sessions_of(found.user_id)
    rows = tuple(_session_row(one, here=one.id == found.session_id) for one in open_sessions)
    others = len(rows) > 1
    return pages.SessionsPage(
        title=WHERE,
        table=pages.ListPage(title=WHERE, resource="user_session", columns=heads, rows=rows),
        end_all=Act(
            say(zh="结束其他登录", en="Sign out everywhere else"),
            f"{SESSIONS}/end",
            "post",
            tone="bad",
            confirm=say(zh="除本浏览器外，全部退出。", en="Every browser but this one is signed out."),
        )
        if others
        else None,
        note=say(
            zh="不认识的登录请立即结束，并修改密码。",
            en="End a sign-in you do not know at once, and change your password.",
        ),
    )


def _session_row(one: Any, *, here: bool) -> Row:
    badge = (Cell(say(zh="本浏览器", en="This browser"), "badge", "ok"),) if here else ()
    end = Act(say(zh="结束", en="End"), f"{SESSIONS}/{one.id}/end", "post", tone="bad")
    return Row(
        id=str(one.id),
        url="",
        cells=(
            Cell(_browser(one.agent or ""), badges=badge),
            Cell(one.address or ""),
            Cell(values.show_moment(one.started_at), "date"),
            Cell(values.show_moment(one.seen_at), "date"),
        ),
        acts=() if here else (end,),
        selectable=False,
    )


BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")


def _browser(agent: str) -> str:
    """`Chrome · Windows` of a browser's long name of itself."""
    browser = next((name for name in BROWSERS if f"{name}/" in agent), "")
    system = next((name for name in SYSTEMS if name in agent), "")
    return " · ".join(part for part in (browser.replace("Edg", "Edge"), system) if part) or agent[:60] or "-"
