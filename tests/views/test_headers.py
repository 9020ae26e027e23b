"""What every answer carries, and how every refusal is said: in the reader's language, without a trace of the machine."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.exc import DataError, OperationalError

from app import create_app
from app.errors import BadInput, Change, NotAllowed, Problem, Stale
from app.services import access, audit
from app.views import web
from app.words import language, say
from tests.conftest import PASSWORD

PAGES = [
    "/",
    "/sign-in",
    "/account/profile",
    "/account/sessions",
    "/account/password",
    "/nowhere",
    "/customer/list/",
]


@pytest.fixture
def tab(people, login):
    return login(people.alice)


def headers_of(tab, path):
    with tab.get(path) as answer:
        return answer.headers


# ---- headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/customer/", "/api/v1/nowhere", "/static/js/theme.js"])
def test_every_answer_carries_the_headers(tab, path):
    headers = headers_of(tab, path)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("script-src").startswith("'self' 'nonce-")
    assert policy == {
        "default-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers or "Werkzeug" not in headers["Server"]


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/customer/"])
def test_pages_are_kept_by_nobody(tab, path):
    headers = tab.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert "HX-Request" in headers["Vary"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_obey_their_own_policy(tab, path):
    """No inline script, no inline style, no handler in an attribute: the policy would stop them."""
    page = tab.get(path).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_the_nonce_is_new_each_time(tab):
    first, second = (tab.get("/sign-in").headers["Content-Security-Policy"] for _ in range(2))
    assert first != second


def test_static_files_are_kept_for_long_under_their_version_alone(app, tab):
    version = app.config["ASSET_VERSION"]
    assert "immutable" in headers_of(tab, f"/static/js/theme.js?v={version}")["Cache-Control"]
    assert "immutable" not in headers_of(tab, "/static/js/theme.js?v=old")["Cache-Control"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client, hire):
    hire("Lin")
    answer = client.post("/sign-in", data={"username": "lin", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("guanhu=")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_over_https_the_cookie_is_bound_to_the_host_and_the_browser_stays_with_https(app):
    secure = {
        "SESSION_COOKIE_NAME": "__Host-guanhu",
        "SESSION_COOKIE_SECURE": True,
        "HSTS": True,
        "TRUSTED_HOSTS": ["crm.example.org"],
    }
    other = create_app({**app.config, **secure})
    answer = other.test_client().get("/sign-in", base_url="https://crm.example.org")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer.headers["Set-Cookie"].startswith("__Host-guanhu=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_another_host_name_is_refused(tab):
    answer = tab.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil" not in answer.text


# ---- refusals ----------------------------------------------------------------------------------------------


def refuse_with(app, monkeypatch, error: Exception) -> None:
    """Have the sessions page end like this."""

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setitem(app.view_functions, "AccountView.sessions", fail)
    monkeypatch.setitem(app.config, "TESTING", False)  # noqa: FBT003
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)  # noqa: FBT003


def test_a_page_that_is_not_there_is_said_in_words(tab):
    answer = tab.get("/nowhere")
    assert answer.status_code == 404
    assert "Nothing found here" in answer.text
    assert 'class="brand"' in answer.text


def test_a_stranger_meets_the_same_page_without_a_menu(client):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "没有找到" in answer.text
    assert 'class="brand"' not in answer.text


def test_an_address_no_key_can_have_is_not_there(tab):
    assert tab.get(f"/customer/show/{2**31}").status_code == 404
    assert tab.get(f"/customer/show/{10**30}").status_code == 404


def test_a_wrong_method_names_the_right_ones(tab):
    answer = tab.get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_the_api_answers_in_one_form(tab):
    answer = tab.get("/api/v1/nowhere")
    assert answer.status_code == 404
    assert set(answer.json) == {"error"}
    assert answer.json["error"]["code"] == "not_found"
    assert answer.json["error"]["message"].endswith(".")


def test_what_is_too_large_is_refused(app, tab, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    answer = tab.post("/account/profile", data={"language": "x" * 5000})
    assert answer.status_code == 413
    assert "larger than allowed" in answer.text


def test_a_refusal_says_what_why_and_by_which_article(app, tab, monkeypatch):
    words = say(zh="金额超限。", en="The amount is above the limit.")
    refuse_with(app, monkeypatch, NotAllowed(words, article="K-12"))
    answer = tab.get("/account/sessions")
    assert answer.status_code == 403
    assert "The amount is above the limit." in answer.text
    assert "K-12" in answer.text


def test_a_conflict_shows_what_changed_meanwhile(app, tab, monkeypatch):
    change = Change("name", say(zh="名称", en="Name"), "old name", "new name")
    words = say(zh="已被修改。", en="Changed by Bob.")
    refuse_with(app, monkeypatch, Stale(words, changes=[change], version_no=2))
    answer = tab.get("/account/sessions")
    assert answer.status_code == 409
    assert all(part in answer.text for part in ("Changed by Bob.", "old name", "new name"))


def test_several_problems_reach_a_program_field_by_field(app):
    problems = [Problem(say(zh="缺。", en="Missing."), "name"), Problem(say(zh="错。", en="Wrong."), "phone")]
    with app.test_request_context("/api/v1/customer/", headers={"Accept-Language": "en"}):
        app.preprocess_request()
        answer = web._refused(BadInput(problems))
    assert answer.status_code == 422
    assert answer.json["error"] == {
        "code": "bad_input",
        "message": "Missing.",
        "field": "name",
        "problems": [
            {"field": "name", "message": "Missing."},
            {"field": "phone", "message": "Wrong."},
        ],
    }


def test_a_fault_of_ours_shows_a_number_and_nothing_else(app, tab, monkeypatch, caplog):
    refuse_with(app, monkeypatch, RuntimeError("secret of the machine"))
    answer = tab.get("/account/sessions")
    assert answer.status_code == 500
    number = re.search(r"<code>([0-9a-f]{32})</code>", answer.text)[1]
    assert number in caplog.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_busy_database_asks_to_come_back(app, tab, monkeypatch):
    refuse_with(app, monkeypatch, OperationalError("SELECT secret", {}, Exception("database is locked")))
    answer = tab.get("/account/sessions")
    assert answer.status_code == 503
    assert "nothing was saved" in answer.text
    assert "secret" not in answer.text


def test_a_value_no_column_can_hold_is_a_bad_request(app, tab, monkeypatch):
    refuse_with(app, monkeypatch, DataError("SELECT secret", {}, Exception("out of range")))
    answer = tab.get("/account/sessions")
    assert answer.status_code == 400
    assert "secret" not in answer.text


def test_a_fragment_gets_the_body_of_the_refusal_alone(tab):
    answer = tab.get("/nowhere", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert "Nothing found here" in answer.text


def test_a_fragment_of_nobody_is_sent_to_the_sign_in(client):
    answer = client.get("/account/sessions", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


def test_nothing_of_one_request_is_left_for_the_next(tab):
    assert '<html lang="en"' in tab.get("/account/profile").text
    assert (language.get(), audit.origin.get(), access.asking()) == ("zh", audit.NOWHERE, None)
