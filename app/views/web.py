"""What holds for every request: who asks, in which language, what headers go back, and how a refusal is said."""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, current_app, flash, g, jsonify, redirect, render_template, request, session
from flask_wtf.csrf import CSRFError
from sqlalchemy import Integer, Select, bindparam, exists, func, select
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter
from werkzeug.wrappers import Response as AnyResponse

from app.errors import BadInput, BadRequest, NotAllowed, Refusal, Stale
from app.extensions import BY_KEY, csrf, db, transaction
from app.models import (
    ApprovalStandin,
    ApprovalTask,
    AuditAct,
    Employee,
    Notice,
    OrgUnit,
    Position,
    TaskStatus,
)
from app.roles import Act as Right
from app.services import access, accounts, audit, commands, values
from app.views.guards import ANYBODY
from app.views.pages import Act, Change, Me, MenuItem, MessagePage
from app.views.security import ask_no_more, visitor
from app.words import LANGUAGES, Words, language, say

log = logging.getLogger(__name__)

SIGN_IN = "/sign-in"
PASSWORD = "/account/password"  # noqa: S105  an address, no secret
API = "/api/"
MOST_PAGES = 100_000
"""As far as anybody turns pages."""


class Identity(IntegerConverter):
    """A number in an address: what no key can be is no address of ours."""

    def __init__(self, map: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max", values.LARGEST_KEY)
        super().__init__(map, *args, **kwargs)


def install(app: Flask) -> None:
    """Bind to the app, before any view is registered. Issues no statement."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # `_let_in` does it, for the API too
    app.url_map.converters["int"] = Identity
    audit.anchors.path = Path(app.config["INSTANCE"]) / "audit-anchors"
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if hops := app.config.get("PROXY_HOPS", 0):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.url_value_preprocessor(_arrive)
    app.before_request(_let_in)
    app.after_request(_headers)
    app.teardown_request(_leave)
    app.context_processor(_common)
    _answer_errors(app)


# ---- arriving and leaving ----------------------------------------------------------------------------------


def _arrive(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Before anything can be refused: a number for the request, a language to refuse in, who is asking."""
    g.request_id = uuid.uuid4().hex
    g.csp_nonce = secrets.token_urlsafe(16)
    g.tokens = (
        (language, language.set(_spoken_before())),
        (audit.origin, audit.origin.set(audit.Origin(request.remote_addr, g.request_id))),
    )
    g.principal_token = access.arrive(_principal)


def _leave(_error: BaseException | None) -> None:
    """Nothing of one request is left for the next."""
    for variable, token in g.pop("tokens", ()):
        variable.reset(token)
    if token := g.pop("principal_token", None):
        access.depart(token)


def _principal() -> access.Principal | None:
    found = visitor()
    return access.principal_with(found.standing) if found and found.standing else None


def _spoken_before() -> str:
    """The language chosen in this browser, else the best the browser asks for, else Chinese."""
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _let_in() -> AnyResponse | None:
    """Ask who is there, refuse what is forged, send away who may not come in."""
    if request.endpoint == "static":
        return None
    found = visitor()
    if found:
        _greet(found)
    if request.routing_exception is not None:
        return None
    if found is None or found.session_id is not None:
        csrf.protect()
    if is_open():
        return None
    if found is None:
        return _ask_to_sign_in()
    if found.must_change_password and request.path != PASSWORD:
        return _ask_for_new_password()
    return None


def is_open() -> bool:
    """Whether this route says of itself that it asks for no account; every other one does."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "needs", None) == ANYBODY


def _greet(found: accounts.Visitor) -> None:
    """His language, and once a minute the last use of his session; a busy database is no reason to refuse a page."""
    if found.session_id is None:
        language.set(request.accept_languages.best_match(LANGUAGES) or found.language)
    elif session.get("language") not in LANGUAGES:
        language.set(found.language)
    try:
        accounts.touch(found)
    except OperationalError:
        log.info("a session could not be marked as seen: the database is busy")


def _ask_to_sign_in() -> AnyResponse:
    if is_api():
        return problem(401, "not_signed_in", SIGN_IN_FIRST)
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": SIGN_IN})
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(SIGN_IN if wanted == "/" else f"{SIGN_IN}?{urlencode({'next': wanted})}", 303)


def _ask_for_new_password() -> AnyResponse:
    if is_api():
        return problem(403, "password_expired", say(zh="请先设置新密码。", en="Choose a new password first."))
    return redirect(PASSWORD, 303)


SIGN_IN_FIRST = say(zh="请先登录。", en="Sign in first.")


def is_api() -> bool:
    """Whether a program asks: it is answered in JSON."""
    return request.path.startswith(API)


def safe_next(address: str | None, otherwise: str = "/") -> str:
    """An address of this site to go on to; anything that could lead elsewhere is dropped."""
    address = address or ""
    parts = urlsplit(address)
    odd = parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//")
    if odd or "\\" in address or not address.isprintable() or parts.path in {SIGN_IN, "/sign-out"}:
        return otherwise
    return address


def once(location: str = "") -> commands.Command:
    """Claim the form or call being carried out, inside the open transaction: sent twice, it is done once (R34).

    `location` is where it leads, if that is known before; the command is told otherwise.
    Forms carry `_cmd`, calls the header `Idempotency-Key`; without either nothing is remembered.
    Raises `AlreadyDone`, answered with what the first one led to.
    """
    found = visitor()
    key = request.headers.get("Idempotency-Key") or request.form.get("_cmd", "")
    if found is None:
        return commands.Command(None)
    return commands.begin(key, found.user_id, _digest_of_request(), location)


def _digest_of_request() -> str:
    """What was sent, as one digest: the same key with another content is a mistake, not a repetition."""
    parts = [request.method, request.path]
    parts += [f"{n}={v}" for n, v in sorted(request.form.items(multi=True)) if n != "csrf_token"]
    parts += [f"{n}={file.filename}" for n, file in sorted(request.files.items(multi=True))]
    if request.is_json:
        parts.append(request.get_data(as_text=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def new_cmd() -> str:
    """A fresh number for a form, sent back as `_cmd`."""
    return str(uuid.uuid4())


# ---- headers -----------------------------------------------------------------------------------------------


def _headers(response: AnyResponse) -> AnyResponse:
    """What a browser may do with an answer of ours; a view that set a header of its own (a download) keeps it."""
    nonce = g.get("csp_nonce", "")
    policy = (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy)
    for name, value in FIXED_HEADERS.items():
        headers.setdefault(name, value)
    if current_app.config.get("HSTS"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static":
        if request.args.get("v") == current_app.config["ASSET_VERSION"] and response.status_code == 200:  # noqa: PLR2004
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response


FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def _asset_version(app: Flask) -> str:
    """A word that changes when a file of the static folder does."""
    folder = Path(app.static_folder or "")
    seen = sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:12]


def yaml_file(text: str, name: str) -> Response:
    """A document as a YAML file to take away; `name` without its ending."""
    answer = Response(text, content_type="application/yaml; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
    return answer


def page_number(args: Mapping[str, str], most: int = MOST_PAGES) -> int:
    """The page an address asks for, from 1 on. Raises `BadRequest`."""
    text = args.get("page") or "1"
    if not (found := values.whole(text, most)):
        raise BadRequest(say("页码“{text}”不存在。", "There is no page '{text}'.", text=text[:20]))
    return found


# ---- what every template reads -----------------------------------------------------------------------------


def _common() -> dict[str, Any]:
    """The context of every page; a page about a fault of ours asks the database nothing."""
    found = None if g.get("bare") else visitor()
    return {
        "language": language.get(),
        "csp_nonce": lambda: g.csp_nonce,
        "asset_version": current_app.config["ASSET_VERSION"],
        "me": me(found) if found else None,
    }


def me(found: accounts.Visitor) -> Me:
    """The person signed in, for the frame: who he is, where he sits, how many notices he has not read."""
    who = access.asking()
    unit, position, unread = desk_of(who.employee_id) if who and who.employee_id else ("", "", 0)
    return Me(
        name=who.name if who else found.name,
        username=found.username,
        language="en" if language.get() == "en" else "zh",
        theme=found.theme,  # type: ignore[arg-type]
        notices=unread,
        unit=unit,
        role=position,
        quick=quick(who) if who else (),
    )


TASKS, STANDINS = ApprovalTask.__table__.c, ApprovalStandin.__table__.c


def desk_of(employee_id: int) -> tuple[Words | str, Words | str, int]:
    """His unit, his position, and how many notices he has not read (counted up to 100); one statement.

    It also tells whether anything can wait for him to decide: only then the frame counts what does.
    """
    row = db.session.execute(_desk(), {"employee": employee_id}).first()
    if row is None:
        return "", "", 0
    if not (row[5] or row[6]):
        g.waiting = 0
    return Words(row[0], row[1]), Words(row[2], row[3]) if row[2] else "", row[4]


@cache
def _desk() -> Select[Any]:
    employee = bindparam("employee", type_=Integer)
    unread = select(Notice.id).where(Notice.recipient_id == employee, Notice.read_at.is_(None)).limit(100)
    return (
        select(
            OrgUnit.name_zh,
            OrgUnit.name_en,
            Position.name_zh,
            Position.name_en,
            select(func.count()).select_from(unread.subquery()).scalar_subquery(),
            exists().where(TASKS.assignee_id == employee, TASKS.status == TaskStatus.open),
            exists().where(STANDINS.standin_id == employee),
        )
        .select_from(Employee)
        .join(OrgUnit, OrgUnit.id == Employee.org_unit_id)
        .outerjoin(Position, Position.id == Employee.position_id)
        .where(Employee.id == employee)
        .execution_options(**BY_KEY)
    )


def quick(who: access.Principal) -> tuple[MenuItem, ...]:
    """The phone's bottom bar: what people open on the way."""
    here = "/" + request.path.split("/")[1]
    return tuple(
        MenuItem(words, url, current=here == "/" + url.split("/")[1], icon=icon)
        for words, url, icon, resource in QUICK
        if not resource or who.may(Right.read, resource)
    )


QUICK = (
    (say(zh="今日", en="Today"), "/", "home", ""),
    (say(zh="审批", en="Approvals"), "/approval/", "checkbox", ""),
    (say(zh="客户", en="Customers"), "/customer/list/", "building", "customer"),
    (say(zh="走访", en="Visits"), "/visit/list/", "map-pin", "visit"),
)


# ---- errors ------------------------------------------------------------------------------------------------

TITLES = {
    400: say(zh="请求无法处理", en="This request makes no sense"),
    401: say(zh="请先登录", en="Sign in first"),
    403: say(zh="没有权限", en="You may not do this"),
    404: say(zh="没有找到", en="Nothing found here"),
    405: say(zh="不支持的操作", en="This address does not take that"),
    409: say(zh="未能完成", en="This was not done"),
    413: say(zh="内容太大", en="Too large"),
    415: say(zh="不支持的格式", en="This format is not read here"),
    422: say(zh="请更正后重试", en="To be put right"),
    429: say(zh="请稍后再试", en="Try again later"),
    500: say(zh="系统出错了", en="Something went wrong on our side"),
    503: say(zh="系统繁忙", en="The system is busy"),
}
SENTENCES = {
    400: say(
        zh="地址或提交的内容不完整或有误。", en="The address, or what was sent, is incomplete or wrong."
    ),
    401: SIGN_IN_FIRST,
    403: say(
        zh="您没有这项操作的权限，如确有需要请联系管理员。",
        en="You have no right to do this; ask an administrator if you need it.",
    ),
    404: say(
        zh="页面不存在，或您无权查看。",
        en="This page does not exist, or you may not see it.",
    ),
    405: say(zh="这个地址不接受这种请求。", en="This address does not accept this kind of request."),
    413: say(zh="提交的内容超过了允许的大小。", en="What you sent is larger than allowed."),
    415: say(zh="请以 JSON 或表单提交。", en="Send it as JSON or as a form."),
    429: say(zh="请求过于频繁，请稍后再试。", en="Too many requests: try again in a while."),
    500: say(
        zh="错误已记录。请重试；若仍出现，请把请求编号告诉管理员。",
        en="The fault is recorded. Try again; if it stays, give the administrator the request number.",
    ),
    503: say(
        zh="数据库正忙，什么都没有保存，请稍后重试。",
        en="The database is busy and nothing was saved: try again in a moment.",
    ),
}
CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_format",
    429: "too_many",
    500: "fault",
    503: "busy",
}
EXPIRED = say(
    zh="页面已过期，请刷新后重试；您输入的内容没有保存。",
    en="This page is too old: reload it and try again. What you typed was not saved.",
)


def _answer_errors(app: Flask) -> None:
    app.config["ASSET_VERSION"] = _asset_version(app)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(commands.AlreadyDone, _done_before)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(InternalServerError, _fault)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(DataError, _out_of_range)


def problem(status: int, code: str, words: Words, **more: Any) -> AnyResponse:
    """The one form of a refusal in JSON; `more` are `field`, `article`, `problems`."""
    body = {"code": code, "message": str(words), **{name: value for name, value in more.items() if value}}
    answer = jsonify({"error": body})
    answer.status_code = status
    return answer


def message(status: int, what: Words, **more: Any) -> AnyResponse:
    """The one page of a refusal; htmx gets its body alone."""
    title = TITLES.get(status, TITLES[409])
    if request.routing_exception is not None and current_url_is_foreign():
        return Response(f"{title}\n", status, content_type="text/plain; charset=utf-8")
    page = MessagePage(title=title, what=what, code=status, **more)
    fragment = "body" if request.headers.get("HX-Request") else ""
    return Response(render_template("message.html", page=page, fragment=fragment), status)


def current_url_is_foreign() -> bool:
    """Whether the request came for a host that is not ours: no address can be built for it."""
    return isinstance(request.routing_exception, SecurityError)


def _refused(refusal: Refusal) -> AnyResponse:
    db.session.rollback()
    if isinstance(refusal, NotAllowed):
        _note_denied(refusal)
    if is_api():
        problems = refusal.problems if isinstance(refusal, BadInput) else []
        listed = (
            [{"field": one.field, "message": str(one.words)} for one in problems] if problems[1:] else None
        )
        answer = problem(
            refusal.status,
            refusal.code,
            refusal.words,
            field=refusal.field,
            article=refusal.article,
            problems=listed,
        )
    else:
        changes = _changes(refusal) if isinstance(refusal, Stale) else ()
        article = refusal.article or ""
        answer = message(refusal.status, refusal.words, article=article, changes=changes)
    if isinstance(refusal, accounts.TooMany):
        answer.headers["Retry-After"] = str(refusal.seconds)
    return answer


def _changes(stale: Stale) -> tuple[Change, ...]:
    return tuple(Change(change.label, change.theirs_before, change.theirs_now) for change in stale.changes)


def _note_denied(refusal: NotAllowed) -> None:
    """Write down that somebody tried to do what he may not; looking is left to the server's log."""
    found = visitor()
    if found is None or request.method in {"GET", "HEAD", "OPTIONS"}:
        log.info("denied: user %s, %s %s", found and found.user_id, request.method, request.path)
        return
    with transaction():
        tried = {"request": [None, f"{request.method} {request.path}"[:255]]}
        audit.record(AuditAct.denied, None, None, tried, summary=refusal.words)


def _done_before(done: commands.AlreadyDone) -> AnyResponse:
    if is_api():
        answer = jsonify(done.answer if done.answer is not None else {"location": done.location})
        answer.headers["Idempotent-Replayed"] = "true"
        return answer
    flash(str(done), "info")
    return redirect(safe_next(done.location), 303)


def _http(error: HTTPException) -> AnyResponse:
    status = error.code
    if status is None or status < 400:  # noqa: PLR2004
        return error.get_response()
    words = EXPIRED if isinstance(error, CSRFError) else SENTENCES.get(status, SENTENCES[400])
    answer = problem(status, CODES.get(status, "refused"), words) if is_api() else message(status, words)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer


def _out_of_range(_error: DataError) -> AnyResponse:
    """A number or a text no column can hold."""
    db.session.rollback()
    return _refused(BadRequest(SENTENCES[400]))


def _busy(error: OperationalError) -> AnyResponse:
    log.warning("request %s: the database could not be used: %s", g.request_id, error.orig)
    return _without_database(503)


def _fault(error: InternalServerError) -> AnyResponse:
    """The fault itself is in the server's log, under the number the person sees."""
    log.error("request %s failed: %r", g.get("request_id"), error.original_exception or error)
    return _without_database(500)


def _without_database(status: int) -> AnyResponse:
    db.session.rollback()
    g.bare = True
    ask_no_more()
    if is_api():
        return problem(status, CODES[status], SENTENCES[status], request_id=g.request_id)
    home = Act(say(zh="返回首页", en="Home"), "/", primary=True)
    return message(status, SENTENCES[status], request_id=g.request_id, acts=(home,))
