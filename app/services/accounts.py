"""Accounts: signing in and out, sessions, passwords, personal keys, set-up links.

A cookie holds a random word and the database its digest, so that a session ends the moment its row says so. Failed
sign-ins are counted in the database, per account and per address, so that the count holds over all processes. The
answer to a wrong password and to an unknown account is the same, and takes the same time.

Hashing is slow on purpose and never happens inside a transaction; what opens one of its own says so.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from flask_appbuilder.security.sqla.manager import check_password_hash, generate_password_hash
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Select, bindparam, delete, func, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.columns import keyring, now
from app.errors import BadInput, BadRequest, NotFound, Problem, Refusal
from app.extensions import BY_KEY, db, transaction
from app.models import AccessKey, Account, AuditAct, SavedCommand, SignInAttempt, UserSession
from app.services import access, audit
from app.words import LANGUAGES, Words, say

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
CONFIRMED_FOR = timedelta(minutes=15)
"""How long a password typed counts as just typed, for what asks for it again (exports)."""
SEEN_EVERY = timedelta(minutes=1)
"""A session is written as seen at most this often (R10)."""

KEY_PREFIX = "ghk_"
KEY_DAYS = range(1, 181)
SETUP_HOURS = 24

FAKE_HASH = (
    "scrypt:32768:8:1$tK1lqD9MzKPFpLgD$5ccfb5dfff9d7f79261f3d251b1c2d5405befed84746bca1626f0a08175444e9"
    "ac8b2e9fb22ab3cf2dd561880f45790c0a707882aef4b88f27cf07d63bb7c51c"
)
"""What the password of an account that does not exist is checked against, so that it takes as long."""


# ---- who is signed in --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person signed in, as a plain value: which account, by which session or key, and how he likes his pages."""

    user_id: int
    username: str
    name: str
    language: str
    theme: str
    must_change_password: bool
    session_id: int | None = None
    seen_at: datetime | None = None
    confirmed_at: datetime | None = None
    standing: access.Standing | None = None
    """What he may: read together with who he is, so that a right taken away is gone with the next request."""


def visitor_with_word(word: str) -> Visitor | None:
    """Whose session this word opens, in one statement; None when it ended, idled out, or the account is off."""
    moment = now()
    return _visitor(_BY_WORD, digest=_digest(word), seen=moment - IDLE, started=moment - ABSOLUTE)


def visitor_with_key(key: str) -> Visitor | None:
    """Whose personal key this is, in one statement; None when it is unknown, revoked, expired, or the account is off."""
    return _visitor(_BY_KEY, digest=_digest(key), moment=now())


def _visitor(statement: Select[Any], **asked: Any) -> Visitor | None:
    found = db.session.execute(statement, asked).first()
    if found is None:
        return None
    session_id, seen_at, confirmed_at, first, last, language, theme, must_change, *standing = found
    stands = access.Standing(*standing)
    return Visitor(
        user_id=stands.user_id,
        username=stands.username,
        name=f"{first} {last}".strip() or stands.username,
        language=language or LANGUAGES[0],
        theme=theme or "auto",
        must_change_password=bool(must_change),
        session_id=session_id,
        seen_at=seen_at,
        confirmed_at=confirmed_at,
        standing=stands,
    )


def _visitors(*of_session: Any) -> Select[Any]:
    person = User.first_name, User.last_name, Account.language, Account.theme, Account.must_change_password
    people = select(*of_session, *person).select_from(User).outerjoin(Account, Account.user_id == User.id)
    return access.standing_of(people).where(User.active).execution_options(**BY_KEY)


_BY_WORD = (
    _visitors(UserSession.id, UserSession.seen_at, UserSession.confirmed_at)
    .join(UserSession, UserSession.user_id == User.id)
    .where(
        UserSession.digest == bindparam("digest"),
        UserSession.ended_at.is_(None),
        UserSession.seen_at > bindparam("seen"),
        UserSession.started_at > bindparam("started"),
    )
)
_BY_KEY = (
    _visitors(null(), null(), null())
    .join(AccessKey, AccessKey.user_id == User.id)
    .where(
        AccessKey.digest == bindparam("digest"),
        AccessKey.revoked_at.is_(None),
        AccessKey.expires_at > bindparam("moment"),
    )
)


def touch(visitor: Visitor) -> None:
    """Write that the session was used, at most once a minute, in a transaction of its own."""
    if visitor.session_id is None or visitor.seen_at is None or now() - visitor.seen_at < SEEN_EVERY:
        return
    with transaction():
        db.session.execute(
            update(UserSession).where(UserSession.id == visitor.session_id).values(seen_at=now())
        )


# ---- signing in and out ------------------------------------------------------------------------------------


class TooMany(Refusal):
    """Too many attempts: wait, and how long."""

    code = "too_many"
    status = 429

    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, int(wait.total_seconds() + 0.999))
        minutes = (self.seconds + 59) // 60
        super().__init__(
            say(
                zh="尝试次数过多，请在 {minutes} 分钟后再试。",
                en="Too many attempts: try again in {minutes} min.",
                minutes=minutes,
            )
        )


class WrongPassword(Refusal):
    """The account and the password do not belong together; which of the two is wrong is not said."""

    code = "sign_in_failed"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            say(zh="用户名或密码不正确。", en="The user name or the password is not right."),
            field="password",
        )


def sign_in(name: str, password: str, agent: str | None = None) -> str:
    """Open a session; the word for the cookie. Opens its own transactions.

    The attempt is counted before the password is looked at, so that many at once gain nothing.
    Raises `WrongPassword`, and `TooMany` while the account or the address is held back.
    """
    address = audit.origin.get().address
    name = name.strip()[:128]
    user = _find(name)
    subjects = _subjects(user.username if user else name, address)
    _count(subjects)
    if not _is_right(user, password):
        with transaction():
            actor = audit.Actor(user.id if user else None)
            known = say(zh="账号 {name}", en="account {name}", name=user.username) if user else UNKNOWN
            audit.record(AuditAct.sign_in_failed, "ab_user", actor.user_id, summary=known, actor=actor)
        raise WrongPassword
    assert user is not None  # noqa: S101  _is_right says so
    with transaction():
        _forgive(subjects)
        return _open_session(user.id, agent)


UNKNOWN = say(zh="未知账号", en="unknown account")


@dataclass(frozen=True, slots=True)
class _Found:
    """What signing in needs of an account, as plain values."""

    id: int
    username: str
    name: str
    password: str | None


def _find(name: str) -> _Found | None:
    """The active account of this user name or address."""
    low = name.lower()
    row = db.session.execute(
        select(User.id, User.username, User.first_name, User.last_name, User.password)
        .where(or_(func.lower(User.username) == low, func.lower(User.email) == low), User.active)
        .order_by((func.lower(User.username) == low).desc())
        .limit(1)
    ).first()
    return _Found(row[0], row[1], f"{row[2]} {row[3]}", row[4]) if row else None


def _is_right(user: _Found | None, password: str) -> bool:
    """Whether the password fits; as slow for an account that is not there."""
    known = user.password if user else None
    fits = check_password_hash(known or FAKE_HASH, password)
    return bool(fits and known and password.strip("\0"))


def _open_session(user_id: int, agent: str | None) -> str:
    word = secrets.token_urlsafe(32)
    db.session.add(
        UserSession(
            user_id=user_id,
            digest=_digest(word),
            address=audit.origin.get().address,
            agent=(agent or "")[:255] or None,
        )
    )
    audit.record(AuditAct.sign_in, "ab_user", user_id, actor=audit.Actor(user_id))
    return word


def sign_out(visitor: Visitor) -> None:
    """End this session; inside a transaction."""
    _end_sessions(visitor.user_id, only=visitor.session_id)
    audit.record(AuditAct.sign_out, "ab_user", visitor.user_id, actor=audit.Actor(visitor.user_id))


def end_session(visitor: Visitor, session_id: int) -> None:
    """End one of his own sessions, inside a transaction. Raises `NotFound`."""
    if not _end_sessions(visitor.user_id, only=session_id):
        raise NotFound(say(zh="没有这个登录。", en="There is no such sign-in."))
    audit.record(AuditAct.sign_out, "ab_user", visitor.user_id, {"user_session": [session_id, None]})


def end_other_sessions(visitor: Visitor) -> int:
    """End all his sessions but this one, inside a transaction; how many there were."""
    ended = _end_sessions(visitor.user_id, but=visitor.session_id)
    audit.record(AuditAct.sign_out, "ab_user", visitor.user_id, {"user_sessions": [ended, 0]})
    return ended


def _end_sessions(user_id: int, *, only: int | None = None, but: int | None = None) -> int:
    statement = update(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    if only is not None:
        statement = statement.where(UserSession.id == only)
    if but is not None:
        statement = statement.where(UserSession.id != but)
    result: Any = db.session.execute(statement.values(ended_at=now()))
    return int(result.rowcount)


def sessions_of(user_id: int) -> Sequence[UserSession]:
    """The sessions that are still open, the one used last first."""
    moment = now()
    return db.session.scalars(
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.ended_at.is_(None),
            UserSession.seen_at > moment - IDLE,
            UserSession.started_at > moment - ABSOLUTE,
        )
        .order_by(UserSession.seen_at.desc())
    ).all()


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


# ---- holding back ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures are free, how the pause grows after them, and when they are forgotten."""

    free: int
    first: timedelta
    longest: timedelta
    forgotten: timedelta

    def pause(self, failures: int) -> timedelta:
        """How long the next attempt has to wait after the last."""
        if failures < self.free:
            return timedelta(0)
        doubled = self.first * (1 << min(failures - self.free, 20))
        return min(self.longest, doubled)


PATIENCE = {
    "account": Patience(
        free=5, first=timedelta(seconds=15), longest=timedelta(minutes=15), forgotten=timedelta(hours=1)
    ),
    "address": Patience(
        free=30, first=timedelta(seconds=15), longest=timedelta(minutes=15), forgotten=timedelta(minutes=10)
    ),
}


def _subjects(name: str, address: str | None) -> list[str]:
    return [f"account:{name.lower()}", f"address:{address or 'none'}"]


def _count(subjects: list[str]) -> None:
    """Count an attempt beforehand, in a transaction of its own. Raises `TooMany` and counts nothing while held back."""
    with transaction():
        for subject in subjects:
            _insert_once(subject)
        rows = db.session.scalars(
            select(SignInAttempt)
            .where(SignInAttempt.subject.in_(subjects))
            .order_by(SignInAttempt.subject)
            .with_for_update()
        ).all()
        moment = now()  # not before the rows are ours: others may just have counted
        for row in rows:
            patience = PATIENCE[row.subject.partition(":")[0]]
            if row.last_at < moment - patience.forgotten:
                row.failures = 0
            pause = patience.pause(row.failures)
            if pause and row.last_at + pause > moment:
                raise TooMany(row.last_at + pause - moment)
        for row in rows:
            row.failures += 1
            row.last_at = moment


def _insert_once(subject: str) -> None:
    insert = sqlite.insert if db.session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"subject": subject, "failures": 0, "last_at": now()}
    db.session.execute(insert(SignInAttempt).values(values).on_conflict_do_nothing())


def _forgive(subjects: list[str]) -> None:
    """A right password clears its account and takes back what was counted for the address."""
    account, address = subjects
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.subject == account))
    db.session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.subject == address, SignInAttempt.failures > 0)
        .values(failures=SignInAttempt.failures - 1)
    )


# ---- passwords ---------------------------------------------------------------------------------------------

SHORTEST, LONGEST = 12, 128

COMMON = """
123456789012 1234567890123 12345678901234 123456789123 111111111111 000000000000 666666666666 888888888888
112233445566 121212121212 123123123123 987654321098 abcdefghijkl abcdefghijklm abcd12345678 abc123456789
a12345678901 aa1234567890 1qaz2wsx3edc 1qaz2wsx3edc4rfv qwertyuiop12 qwertyuiop123 qwertyuiop[] qwerty123456
qwertyuiopas qazwsxedcrfv zaq12wsxcde3 asdfghjkl123 zxcvbnm12345 1q2w3e4r5t6y 1q2w3e4r5t6y7u qweasdzxc123
password1234 password12345 passwordpassword password123! p@ssw0rd1234 passw0rd1234 passw0rd123! mypassword123
administrator administrator1 admin1234567 admin123456! adminadminadmin root12345678 rootrootroot welcome12345
welcome2023! welcome2024! welcome2025! welcome2026! letmein12345 changeme1234 changemechangeme iloveyou1234
woaini123456 woaini1314520 woaini5201314 5201314520131 1314520131452 sunshine1234 football1234 monkey123456
dragon123456 princess1234 superman1234 trustno1trustno1 testtesttest test12345678 guest1234567 default12345
secret123456 master123456 computer1234 internet1234 company12345 customer1234 salespassword spring2024! summer2024!
autumn2024! winter2024! spring2025! summer2025! autumn2025! winter2025! correcthorsebatterystaple
"""
COMMON_PASSWORDS = frozenset(COMMON.split())
FEWEST_CHARACTERS = 5
SHORTEST_WORD = 3
CONTEXT = ("guanhu", "管户", "crmcrm")


def check_new_password(password: str, *names: str, field: str = "password") -> None:
    """Refuse a password that is too short, too long, common, or made of names. Raises `BadInput`."""
    problem = _weakness(password, names)
    if problem:
        raise BadInput([Problem(problem, field)])


def _weakness(password: str, names: tuple[str, ...]) -> Words | None:
    low = password.lower()
    if len(password) < SHORTEST:
        return say(zh="密码至少 {n} 个字符。", en="A password needs at least {n} characters.", n=SHORTEST)
    if len(password) > LONGEST:
        return say(zh="密码最多 {n} 个字符。", en="A password may have at most {n} characters.", n=LONGEST)
    if low in COMMON_PASSWORDS or len(set(low)) < FEWEST_CHARACTERS or _is_row(low):
        return say(
            zh="这个密码太常见，容易被猜到，请换一个。", en="This password is too common: choose another."
        )
    words = {*CONTEXT, *(part for name in names for part in name.lower().replace("@", " ").split())}
    if any(len(word) >= SHORTEST_WORD and word in low for word in words):
        return say(
            zh="密码中不能含有用户名、姓名或产品名称。",
            en="A password must not contain the user name, the person's name or the product's.",
        )
    return None


def _is_row(text: str) -> bool:
    """Whether every character is the neighbour of the one before: `abcdefghijkl`, `987654321098`."""
    steps = {ord(second) - ord(first) for first, second in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}


def change_own_password(visitor: Visitor, current: str, new: str, agent: str | None) -> str:
    """Change the password of who is signed in; the word of his new session. Opens its own transactions.

    All his sessions and keys end. Raises `BadInput`, and `TooMany` after repeated wrong tries.
    """
    user = _find(visitor.username)
    subjects = _subjects(visitor.username, audit.origin.get().address)
    _count(subjects)
    if not _is_right(user, current):
        wrong = say(zh="当前密码不正确。", en="The current password is not right.")
        raise BadInput([Problem(wrong, "current")])
    with transaction():
        _forgive(subjects)
    if hmac.compare_digest(current.encode(), new.encode()):
        same = say(zh="新密码与当前密码相同。", en="The new password is the old one.")
        raise BadInput([Problem(same, "password")])
    check_new_password(new, visitor.username, visitor.name)
    password_hash = generate_password_hash(new)
    with transaction():
        store_password(visitor.user_id, password_hash, must_change=False)
        return _open_session(visitor.user_id, agent)


def is_confirmed(visitor: Visitor) -> bool:
    """Whether he typed his password a short while ago; a personal key has none to type."""
    return visitor.confirmed_at is None or visitor.confirmed_at > now() - CONFIRMED_FOR


def confirm(visitor: Visitor, password: str) -> None:
    """Note that who is signed in has typed his password again. Opens its own transactions.

    Raises `BadInput` for a wrong one, and `TooMany` after repeated wrong tries.
    """
    subjects = _subjects(visitor.username, audit.origin.get().address)
    _count(subjects)
    if not _is_right(_find(visitor.username), password):
        raise BadInput([Problem(say(zh="密码不正确。", en="The password is not right."), "current")])
    with transaction():
        _forgive(subjects)
        session = update(UserSession).where(UserSession.id == visitor.session_id)
        db.session.execute(session.values(confirmed_at=now()))


def store_password(user_id: int, password_hash: str | None, *, must_change: bool) -> None:
    """Write the hash, end every session and key; inside a transaction."""
    user = db.session.get_one(User, user_id)
    user.password = password_hash
    account_of(user_id).must_change_password = must_change
    cut_off(user_id)


def cut_off(user_id: int) -> None:
    """End all sessions and revoke all keys of an account."""
    _end_sessions(user_id)
    db.session.execute(
        update(AccessKey)
        .where(AccessKey.user_id == user_id, AccessKey.revoked_at.is_(None))
        .values(revoked_at=now())
    )


def account_of(user_id: int) -> Account:
    """The account row of a user, made when it is missing."""
    account = db.session.scalars(select(Account).where(Account.user_id == user_id)).first()
    if account is None:
        account = Account(user_id=user_id, language=LANGUAGES[0], theme="auto", must_change_password=False)
        db.session.add(account)
    return account


# ---- set-up links ------------------------------------------------------------------------------------------


def setup_token(user_id: int) -> str:
    """A word that lets its holder choose the password of this account, once, within a day. Raises `NotFound`."""
    user = db.session.get(User, user_id)
    if user is None:
        raise _no_setup()
    expires = int((now() + timedelta(hours=SETUP_HOURS)).timestamp())
    return f"{user.id}.{expires}.{_setup_mac(user.id, expires, user.password)}"


def setup_account(token: str) -> tuple[int, str, str]:
    """Whose set-up word this is: id, user name, name. Raises `NotFound` when it was used, is too old, or is none."""
    user_id, expires, mac = _setup_parts(token)
    row = db.session.execute(
        select(User.id, User.username, User.password, User.first_name, User.last_name).where(
            User.id == user_id, User.active
        )
    ).first()
    known = row is not None and hmac.compare_digest(mac, _setup_mac(user_id, expires, row.password))
    if row is None or not known or expires < now().timestamp():
        raise _no_setup()
    return row.id, row.username, f"{row.first_name} {row.last_name}"


def use_setup(token: str, password: str, agent: str | None) -> str:
    """Set the password of the account the link is for; the word of a new session. Opens its own transaction."""
    user_id, username, name = setup_account(token)
    check_new_password(password, username, name)
    password_hash = generate_password_hash(password)
    with transaction():
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
        setup_account(token)  # two at once: the second waits, and finds it used
        store_password(user_id, password_hash, must_change=False)
        return _open_session(user_id, agent)


def _setup_parts(token: str) -> tuple[int, int, str]:
    parts = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,11})\.([0-9a-f]{64})", token)
    if parts is None:
        raise _no_setup()
    return int(parts[1]), int(parts[2]), parts[3]


def _setup_mac(user_id: int, expires: int, password_hash: str | None) -> str:
    return keyring.mac(f"{user_id}|{expires}|{password_hash or ''}", "set_up")


def _no_setup() -> NotFound:
    return NotFound(
        say(
            zh="该设置链接无效、已使用或已过期，请联系管理员重新生成。",
            en="This set-up link is not valid, was used, or is too old: ask the administrator for a new one.",
        )
    )


# ---- personal keys -----------------------------------------------------------------------------------------


def make_key(user_id: int, name: str, days: int) -> str:
    """Make a personal key for the API; it is shown this once. Inside a transaction. Raises `BadInput`."""
    if days not in KEY_DAYS:
        raise BadInput(
            [
                Problem(
                    say(zh="有效期须为 1 至 {n} 天。", en="It may last 1 to {n} days.", n=KEY_DAYS.stop - 1),
                    "days",
                )
            ]
        )
    if not name.strip():
        raise BadInput([Problem(say(zh="请填写用途。", en="Say what it is for."), "name")])
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row = AccessKey(
        user_id=user_id, name=name.strip()[:255], digest=_digest(key), expires_at=now() + timedelta(days=days)
    )
    db.session.add(row)
    db.session.flush()
    audit.record(AuditAct.create, "access_key", row.id, {"name": [None, row.name], "days": [None, days]})
    return key


def revoke_key(user_id: int, key_id: int) -> None:
    """Revoke one of a person's own keys, inside a transaction. Raises `NotFound`."""
    row = db.session.get(AccessKey, key_id)
    if row is None or row.user_id != user_id or row.revoked_at is not None:
        raise NotFound(say(zh="没有这个密钥。", en="There is no such key."))
    row.revoked_at = now()
    audit.record(AuditAct.delete, "access_key", row.id, {"name": [row.name, None]})


def keys_of(user_id: int) -> Sequence[AccessKey]:
    """The keys that still work, the newest first."""
    return db.session.scalars(
        select(AccessKey)
        .where(AccessKey.user_id == user_id, AccessKey.revoked_at.is_(None), AccessKey.expires_at > now())
        .order_by(AccessKey.id.desc())
    ).all()


# ---- one's own settings ------------------------------------------------------------------------------------

THEMES = ("auto", "light", "dark")


def choose_language(user_id: int, language: str) -> None:
    """Keep the language of a person, inside a transaction. Raises `BadRequest`."""
    if language not in LANGUAGES:
        raise BadRequest(say(zh="没有这种语言。", en="There is no such language."))
    account_of(user_id).language = language


def choose_theme(user_id: int, theme: str) -> None:
    """Keep the look a person likes, inside a transaction. Raises `BadRequest`."""
    if theme not in THEMES:
        raise BadRequest(say(zh="没有这种外观。", en="There is no such look."))
    account_of(user_id).theme = theme


# ---- tidying ----------------------------------------------------------------------------------------------


def tidy() -> None:
    """Remove what nobody needs any more: old attempts, sessions ended long ago, old commands. Its own transaction."""
    moment = now()
    with transaction():
        db.session.execute(delete(SignInAttempt).where(SignInAttempt.last_at < moment - timedelta(days=1)))
        db.session.execute(delete(UserSession).where(UserSession.seen_at < moment - timedelta(days=90)))
        db.session.execute(delete(SavedCommand).where(SavedCommand.created_at < moment - timedelta(days=7)))
