"""A person's own pages, as a browser meets them: a dead cookie is dead, a forged form is refused, a GET changes nothing."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, func, select, text, update

import config
from app import create_app
from app.columns import now
from app.extensions import Model, db, transaction
from app.models import AccessKey, Account, AuditAct, AuditLog, SavedCommand, UserSession
from app.services import access, account_keeping, accounts
from app.views.web import safe_next
from tests.conftest import PASSWORD

NEW = "black tea at dawn 7"


@pytest.fixture
def lin(hire):
    """Somebody with an account and no rights at all."""
    return hire("Lin")


@pytest.fixture
def tab(client, lin):
    """A browser Lin has signed in with, through the form."""
    answer = sign_in(client, lin.username)
    assert answer.status_code == 303
    return client


def sign_in(client, username, password=PASSWORD, **more):
    return client.post("/sign-in", data={"username": username, "password": password, **more})


def cookie_of(client) -> str:
    cookie = client.get_cookie("guanhu")
    assert cookie is not None
    return cookie.value


def replay(app, cookie: str) -> int:
    """What a thief gets who copied the cookie."""
    thief = app.test_client(use_cookies=False)
    return thief.get("/account/profile", headers={"Cookie": f"guanhu={cookie}"}).status_code


def last_act(app) -> AuditAct:
    with app.app_context():
        return db.session.scalar(select(AuditLog.act).order_by(AuditLog.id.desc()).limit(1))


def count(app, table) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table))


# ---- signing in and out ------------------------------------------------------------------------------------


def test_a_stranger_is_led_to_the_sign_in_and_back_to_where_he_wanted_to_go(client, lin):
    answer = client.get("/account/sessions?x=1")
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=%2Faccount%2Fsessions%3Fx%3D1")
    assert 'name="next" value="/account/sessions?x=1"' in client.get(answer.location).text
    answer = sign_in(client, lin.username, next="/account/sessions?x=1")
    assert (answer.status_code, answer.location) == (303, "/account/sessions?x=1")
    assert client.get(answer.location).status_code == 200


def test_a_program_nobody_knows_gets_json(client):
    answer = client.get("/api/v1/customer/")
    assert answer.status_code == 401
    assert answer.json == {"error": {"code": "not_signed_in", "message": "请先登录。"}}


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.example",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "",
        None,
    ],
)
def test_nobody_is_led_to_another_site(elsewhere):
    assert safe_next(elsewhere) == "/"


@pytest.mark.parametrize(("name", "password"), [("lin", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_whatever_was_wrong_the_page_says_the_same(client, lin, name, password):
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert "用户名或密码不正确。" in answer.text
    assert password == "" or password not in answer.text
    assert client.get("/account/profile").status_code == 303


def test_who_is_held_back_is_told_for_how_long(client, lin):
    for _ in range(5):
        sign_in(client, "lin", "wrong")
    answer = sign_in(client, "lin")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15
    assert "尝试次数过多" in answer.text


def test_signing_in_gives_a_new_cookie_and_keeps_nothing_of_the_old_session(client, lin):
    with client.session_transaction() as session:
        session["planted"] = "by an attacker"
    sign_in(client, lin.username)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert set(session) <= {"word", "csrf_token", "language"}


def test_signing_in_again_ends_the_session_before(app, tab, lin):
    old = cookie_of(tab)
    sign_in(tab, lin.username)
    assert replay(app, old) == 303
    assert replay(app, cookie_of(tab)) == 200


def test_a_copied_cookie_is_dead_after_the_sign_out(app, tab):
    cookie = cookie_of(tab)
    assert replay(app, cookie) == 200
    answer = tab.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert replay(app, cookie) == 303
    assert last_act(app) is AuditAct.sign_out


def test_a_copied_cookie_is_dead_after_a_change_of_password(app, tab):
    cookie = cookie_of(tab)
    answer = tab.post("/account/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
    assert (answer.status_code, answer.location) == (303, "/account/profile")
    assert replay(app, cookie) == 303
    assert tab.get("/account/profile").status_code == 200


def test_a_copied_cookie_is_dead_once_the_account_is_switched_off(app, tab, lin):
    cookie = cookie_of(tab)
    with app.app_context(), access.acting(access.SYSTEM):
        account_keeping.switch(lin.username, on=False)
    assert replay(app, cookie) == 303
    assert tab.get("/account/profile").status_code == 303


def test_a_cookie_that_names_a_user_opens_nothing(client, lin):
    with client.session_transaction() as session:
        session.update({"_user_id": str(lin.user_id), "_fresh": True, "word": lin.user_id})
    client.set_cookie("remember_token", f"{lin.user_id}|x")
    assert client.get("/account/profile").status_code == 303


@pytest.mark.parametrize(
    "path", ["/sign-out", "/language", "/theme", "/account/sessions/end", "/account/keys"]
)
def test_what_changes_something_is_no_get(tab, path):
    assert tab.get(path).status_code == 405
    assert tab.get("/account/profile").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/sign-out",
        "/language",
        "/theme",
        "/account/profile",
        "/account/password",
        "/account/sessions/end",
        "/account/sessions/1/end",
        "/account/keys",
        "/account/keys/1/revoke",
    ],
)
def test_a_form_without_its_token_is_refused(app, tab, path):
    before = digest(app)
    tab.csrf = False
    answer = tab.post(path, data={"language": "en", "theme": "dark", "name": "x", "days": "1"})
    assert answer.status_code == 400
    assert "页面已过期" in answer.text
    assert digest(app) == before


def digest(app) -> str:
    """Every row of every table, as one word."""
    seen = hashlib.sha256()
    with app.app_context(), access.acting(access.SYSTEM):
        for table in Model.metadata.sorted_tables:
            rows = sorted(map(repr, db.session.connection().execute(select(table))))
            seen.update(f"{table.name}{rows}".encode())
    return seen.hexdigest()


def test_reading_changes_nothing(app, tab):
    before = digest(app)
    for path in (
        "/",
        "/sign-in",
        "/account/profile",
        "/account/sessions",
        "/account/password",
        "/nowhere",
        "/sign-out",
    ):
        tab.get(path)
    assert digest(app) == before


# ---- language and look -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "speaks"),
    [("en-GB,en;q=0.9", "en"), ("zh-TW", "zh"), ("fr", "zh"), ("", "zh"), ("fr,en;q=0.5,zh;q=0.4", "en")],
)
def test_a_stranger_is_spoken_to_as_his_browser_asks_and_in_chinese_otherwise(client, asks, speaks):
    page = client.get("/sign-in", headers={"Accept-Language": asks}).text
    assert ('lang="zh-CN"' if speaks == "zh" else '<html lang="en"') in page


def test_the_language_of_the_account_wins_over_the_browser_and_a_choice_over_both(app, tab, lin):
    english = {"Accept-Language": "en"}
    assert '<html lang="zh-CN"' in tab.get("/account/profile", headers=english).text
    answer = tab.post("/language", data={"language": "en", "next": "/account/sessions"})
    assert (answer.status_code, answer.location) == (303, "/account/sessions")
    page = tab.get("/account/sessions").text
    assert '<html lang="en"' in page
    assert "Signed-in devices" in page
    with app.app_context():
        assert db.session.scalar(select(Account.language).where(Account.user_id == lin.user_id)) == "en"
    tab.post("/sign-out")
    assert '<html lang="en"' in tab.get("/sign-in").text


def test_a_stranger_chooses_his_language_on_the_sign_in_page(client, lin):
    client.post("/language", data={"language": "en", "next": "/sign-in?next=%2F"})
    assert "not right" in sign_in(client, "lin", "wrong").text
    sign_in(client, "lin")
    assert '<html lang="en"' in client.get("/account/profile").text


def test_an_unknown_language_is_ignored(tab):
    tab.post("/language", data={"language": "../../etc"})
    assert '<html lang="zh-CN"' in tab.get("/account/profile").text


def test_the_look_is_kept_with_the_account(tab):
    tab.post("/theme", data={"theme": "dark"})
    assert 'data-theme="dark"' in tab.get("/account/profile").text
    assert tab.post("/theme", data={"theme": "pink"}).status_code == 400


def test_the_profile_says_who_i_am_and_keeps_my_settings(tab, people, login):
    assert "您还没有任何权限" in tab.get("/account/profile").text
    page = login(people.alice).get("/account/profile").text
    assert "Alice" in page
    assert "E-alice" in page
    assert "Customers" in page
    answer = tab.post("/account/profile", data={"language": "en", "theme": "light", "_cmd": "1"})
    assert answer.status_code == 303
    page = tab.get("/account/profile").text
    assert 'data-theme="light"' in page
    assert "My account and rights" in page


# ---- password ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"current": "wrong", "password": NEW, "again": NEW}, "当前密码不正确"),
        ({"current": PASSWORD, "password": NEW, "again": NEW + "x"}, "两次输入的密码不一致"),
        ({"current": PASSWORD, "password": "short", "again": "short"}, "密码至少 12 个字符"),
        ({}, "当前密码不正确"),
    ],
)
def test_a_refused_password_says_why_and_never_shows_what_was_typed(tab, form, said):
    answer = tab.post("/account/password", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert NEW not in answer.text
    assert PASSWORD not in answer.text


def test_a_password_given_by_the_administrator_opens_only_the_page_to_change_it(
    app, client, lin, password_hash
):
    with app.app_context(), access.acting(access.SYSTEM):
        account_keeping.set_password(lin.username, password_hash)
    answer = sign_in(client, lin.username)
    assert answer.status_code == 303
    for path in ("/", "/account/profile", "/customer/list/"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (303, "/account/password")
    assert client.get("/api/v1/customer/").json["error"]["code"] == "password_expired"
    assert "只有您知道的密码" in client.get("/account/password").text
    client.post("/account/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
    assert client.get("/account/profile").status_code == 200


def test_a_set_up_link_lets_its_holder_choose_a_password_once(app, client):
    with app.app_context(), access.acting(access.SYSTEM):
        account_keeping.add("root", None)
        token = account_keeping.setup_token("root")
    assert "为 root 设置密码" in client.get(f"/set-up/{token}").text
    assert client.post(f"/set-up/{token}", data={"password": "x", "again": "x"}).status_code == 422
    answer = client.post(f"/set-up/{token}", data={"password": NEW, "again": NEW})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/account/profile").status_code == 200
    answer = app.test_client().get(f"/set-up/{token}")
    assert answer.status_code == 404
    assert "已使用或已过期" in answer.text


# ---- sessions ----------------------------------------------------------------------------------------------


def test_the_other_sign_ins_are_listed_and_can_be_ended(app, tab, lin):
    other = app.test_client()
    chrome = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
    other.post("/sign-in", data={"username": "lin", "password": PASSWORD}, headers={"User-Agent": chrome})
    page = tab.get("/account/sessions").text
    assert "Chrome · Windows" in page
    assert "本浏览器" in page
    with app.app_context():
        newest = db.session.scalar(select(func.max(UserSession.id)))
    assert tab.post(f"/account/sessions/{newest}/end").status_code == 303
    assert other.get("/account/profile").status_code == 303
    assert tab.post(f"/account/sessions/{newest}/end").status_code == 404


def test_signing_out_everywhere_else_leaves_this_browser(app, tab, lin):
    other = app.test_client()
    sign_in(other, "lin")
    tab.post("/account/sessions/end")
    assert other.get("/account/profile").status_code == 303
    assert tab.get("/account/profile").status_code == 200


def test_nobody_ends_the_session_of_another(app, tab, people, login):
    stranger = login(people.bob)
    with app.app_context():
        first = db.session.scalar(select(func.min(UserSession.id)))
    assert stranger.post(f"/account/sessions/{first}/end").status_code == 404
    assert tab.get("/account/profile").status_code == 200


def test_an_idle_session_leads_back_to_the_sign_in(app, tab):
    with app.app_context(), transaction():
        db.session.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=31)))
    assert tab.get("/account/profile").status_code == 303


# ---- keys and the API --------------------------------------------------------------------------------------


def new_key(tab, **more) -> str:
    page = tab.post("/account/keys", data={"name": "ERP", "days": "30", **more}).text
    return re.search(r"ghk_[\w-]+", page)[0]


def bearer(app, key: str, path: str = "/api/v1/customer/", **more):
    return app.test_client(use_cookies=False).get(path, headers={"Authorization": f"Bearer {key}", **more})


def test_a_key_speaks_for_its_owner_without_cookie_or_token(app, people, login):
    alice = login(people.alice)
    key = new_key(alice)
    assert bearer(app, key).status_code == 200
    assert bearer(app, key + "x").status_code == 401
    assert key not in alice.get("/account/profile").text
    with app.app_context():
        key_id = db.session.scalar(select(AccessKey.id))
    assert alice.post(f"/account/keys/{key_id}/revoke").status_code == 303
    assert bearer(app, key).status_code == 401


def test_a_key_has_its_owners_rights_and_no_more(app, tab, people, login):
    answer = bearer(app, new_key(tab), **{"Accept-Language": "en"})
    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "not_allowed"
    assert "no right" in answer.json["error"]["message"]


def test_a_key_is_revoked_by_its_owner_alone(app, tab, people, login):
    key = new_key(login(people.alice))
    with app.app_context():
        key_id = db.session.scalar(select(AccessKey.id))
    assert tab.post(f"/account/keys/{key_id}/revoke").status_code == 404
    assert bearer(app, key).status_code == 200


def test_the_api_with_a_cookie_needs_the_token_too(app, people, login):
    alice = login(people.alice)
    alice.csrf = False
    answer = alice.post("/api/v1/customer/", json={"name": "forged"})
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "bad_request"


def test_a_form_sent_twice_is_carried_out_once(app, tab):
    cmd = str(uuid.uuid4())
    new_key(tab, _cmd=cmd)
    again = tab.post("/account/keys", data={"name": "ERP", "days": "30", "_cmd": cmd})
    assert (again.status_code, again.location) == (303, "/account/profile")
    assert (count(app, AccessKey), count(app, SavedCommand)) == (1, 1)
    other = tab.post("/account/keys", data={"name": "another", "days": "30", "_cmd": cmd})
    assert other.status_code == 422


def test_what_somebody_may_not_do_is_written_down_when_he_tries(app, tab):
    assert tab.post("/customer/add", data={"name": "x"}).status_code == 403
    assert last_act(app) is AuditAct.denied


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement any engine sends meanwhile."""
    seen: list[str] = []

    def note(*args):
        seen.append(args[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_page_asks_once_who_is_there_and_never_per_permission(tab):
    with statements() as seen:
        tab.get("/account/sessions")
    assert sum("JOIN user_session" in statement for statement in seen) == 1
    assert len(seen) <= 6, seen


def test_creating_the_app_issues_no_statement(database, session_folder):
    settings = config.read(
        {"GUANHU_INSTANCE": str(session_folder / "instance"), "GUANHU_DATABASE_URL": database}
    )
    with statements() as seen:
        app = create_app(settings)
    assert seen == []
    assert app.extensions["appbuilder"].sm.builtin_roles == {}


def test_nothing_of_the_framework_is_served(app):
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    unwanted = ("/login", "/logout", "/lang/", "/back", "/static/appbuilder", "/users", "/roles", "/swagger")
    assert not [rule for rule in rules if rule.startswith((*unwanted, "/api/v1/security", "/api/v1/menu"))]


def test_text_is_only_text(app, tab):
    answer = tab.get("/sign-in?next=%22%3E%3Cscript%3E")
    assert "<script>" not in answer.text
    with app.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1


def test_a_session_word_is_long_and_only_its_digest_is_kept(app, tab):
    with tab.session_transaction() as session:
        word = session["word"]
    assert len(word) >= 43
    with app.app_context():
        held = db.session.scalars(select(UserSession.digest)).all()
    assert hashlib.sha256(word.encode()).hexdigest() in held
    assert timedelta(minutes=30) == accounts.IDLE
