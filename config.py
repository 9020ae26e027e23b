"""Settings: every `GUANHU_…` variable of the environment, checked here and nowhere else.

Imports nothing of the application. The factory calls `read()`; what is wrong comes back as one `SettingsError`
in Chinese and English, and the process that asked says it and ends.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

CHECKOUT = Path(__file__).resolve().parent
SHORTEST_KEY = 32
PORTS = range(1, 65536)

SETTINGS: dict[str, str] = {
    "GUANHU_ENV": "production, development or test; demo data is refused in production (development)",
    "GUANHU_INSTANCE": "folder of everything written at run time (instance/ beside the code)",
    "GUANHU_DATABASE_URL": "sqlite:///… or postgresql://… (sqlite:///INSTANCE/guanhu.db)",
    "GUANHU_DATABASE_PASSWORD_FILE": "file with the password of the PostgreSQL role (none: as the URL says)",
    "GUANHU_SECRET_KEY_FILE": "key signing cookies; further lines are older keys still accepted (INSTANCE/secret_key)",
    "GUANHU_KEY_FILE": "keys of sealed columns, written by `guanhu init` (INSTANCE/column_key)",
    "GUANHU_BASE_URL": "address people open; https except on the machine itself (http://127.0.0.1:PORT)",
    "GUANHU_HOST": "address the server listens on (127.0.0.1)",
    "GUANHU_PORT": "port the server listens on; PORT is read as well (8080)",
    "GUANHU_WORKERS": "web processes (2)",
    "GUANHU_PROXY_HOPS": "trusted proxies in front that set X-Forwarded-… (0)",
    "GUANHU_TIMEZONE": "the company's time zone (Asia/Shanghai)",
    "GUANHU_JOBS_URL": "wake-up of background jobs: sqlite:///…, postgresql://… or redis://… (INSTANCE/wakeup.db)",
    "GUANHU_FILES": "folder of attachments (INSTANCE/files)",
    "GUANHU_FILES_S3_URL": "S3-compatible store of attachments, such as https://store.example.org/bucket (none: the folder)",
    "GUANHU_FILES_S3_KEY_FILE": "file with the id of the access key and, on the next line, the key",
    "GUANHU_FILES_S3_REGION": "region of the store (us-east-1)",
    "GUANHU_UPLOAD_MAX_MB": "largest request body, 1 to 1024 (25)",
    "GUANHU_UPLOAD_LARGE_MAX_MB": "largest file of a person who may import large files, 1 to 1024 (100)",
    "GUANHU_LOG": "text or json lines on standard error (text)",
}
"""What can be set, and in brackets what holds when it is not. `docs/settings.md` is written from this table."""

NOT_OURS = {"GUANHU_CHROMIUM", "GUANHU_LANG"}
"""Read by the tests and by the command line before there is an app."""


class SettingsError(Exception):
    """A setting that cannot hold: one sentence in each language."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def read(environ: Mapping[str, str] = os.environ, *, create_keys: bool = False) -> dict[str, Any]:
    """The Flask configuration this environment asks for.

    With `create_keys` a missing signing key is made at its default place (0600); without, it is an error.
    Raises SettingsError.
    """
    _refuse_unknown(environ)
    instance = Path(environ.get("GUANHU_INSTANCE") or CHECKOUT / "instance").resolve()
    port = _number(environ, "GUANHU_PORT", environ.get("PORT") or "8080", PORTS)
    base_url = environ.get("GUANHU_BASE_URL") or f"http://127.0.0.1:{port}"
    database = _database_url(environ, instance)
    if create_keys:
        _create_folder(instance)
        _create_secret_key(environ, instance)
    secret_keys = _key_lines(_key_file(environ, "GUANHU_SECRET_KEY_FILE", instance / "secret_key"))
    return {
        "GUANHU_ENV": _choice(environ, "GUANHU_ENV", "development", ("production", "development", "test")),
        "INSTANCE": str(instance),
        "FILES": environ.get("GUANHU_FILES") or str(instance / "files"),
        "FILES_S3": _store_of_files(environ),
        "SQLALCHEMY_DATABASE_URI": database,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(database),
        "JOBS_URL": environ.get("GUANHU_JOBS_URL") or f"sqlite:///{instance / 'wakeup.db'}",
        "SECRET_KEY": secret_keys[0],
        "SECRET_KEY_FALLBACKS": secret_keys[1:],
        "KEY_FILE": environ.get("GUANHU_KEY_FILE") or str(instance / "column_key"),
        "TIMEZONE": _timezone(environ),
        "HOST": environ.get("GUANHU_HOST") or "127.0.0.1",
        "PORT": port,
        "WORKERS": _number(environ, "GUANHU_WORKERS", "2", range(1, 65)),
        "PROXY_HOPS": _number(environ, "GUANHU_PROXY_HOPS", "0", range(6)),
        "LOG": _choice(environ, "GUANHU_LOG", "text", ("text", "json")),
        **_web(environ, base_url),
        **FRAMEWORK,
    }


FRAMEWORK: dict[str, Any] = {
    "DEBUG": False,
    "AUTH_TYPE": 1,
    "AUTH_USER_REGISTRATION": False,
    "AUTH_RATE_LIMITED": False,  # the limiter counts per process; ours counts in the database
    "RATELIMIT_ENABLED": False,
    "FAB_CREATE_DB": False,  # FAB would create our tables too, behind the migrations' back
    "FAB_UPDATE_PERMS": False,  # `guanhu init` does it, so that starting the app writes nothing
    "FAB_ADD_SECURITY_API": False,
    "FAB_ADD_OPENAPI_VIEWS": False,
    "FAB_API_SWAGGER_UI": False,
    "FAB_API_MAX_PAGE_SIZE": 200,
    "WTF_CSRF_ENABLED": True,
    "WTF_CSRF_TIME_LIMIT": None,  # a token lives as long as the session it belongs to
    "BABEL_DEFAULT_LOCALE": "zh",
    "LANGUAGES": {"zh": {"flag": "cn", "name": "中文"}, "en": {"flag": "gb", "name": "English"}},
    "APP_NAME": "Guanhu",
    "TEMPLATES_AUTO_RELOAD": False,
}


def _web(environ: Mapping[str, str], base_url: str) -> dict[str, Any]:
    """What the address people open decides: cookie names, trusted hosts, limits (ruling R27)."""
    secure, host = _address(base_url)
    largest = _number(environ, "GUANHU_UPLOAD_MAX_MB", "25", range(1, 1025))
    return {
        "BASE_URL": base_url.rstrip("/"),
        "PREFERRED_URL_SCHEME": "https" if secure else "http",
        "TRUSTED_HOSTS": sorted({host, "127.0.0.1", "localhost"}),
        "SESSION_COOKIE_NAME": "__Host-guanhu" if secure else "guanhu",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
        "HSTS": secure,
        "MAX_CONTENT_LENGTH": (largest + 1) * 1024 * 1024,  # the file, and the form around it
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "MAX_FORM_PARTS": 2_000,
        "UPLOAD_MAX_MB": largest,
        "UPLOAD_LARGE_MAX_MB": _number(environ, "GUANHU_UPLOAD_LARGE_MAX_MB", "100", range(1, 1025)),
    }


def _address(base_url: str) -> tuple[bool, str]:
    """Whether the address is https, and its host."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.path.strip("/") or parts.query:
        raise SettingsError(
            f"GUANHU_BASE_URL 应形如 https://guanhu.example.org,而不是“{base_url}”。",
            f"GUANHU_BASE_URL must look like https://guanhu.example.org, not '{base_url}'.",
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"GUANHU_BASE_URL 为 http://{host}:除本机外必须使用 https,否则密码会明文传输。",
            f"GUANHU_BASE_URL is http://{host}: beyond this machine it must be https, or passwords travel in clear.",
        )
    return parts.scheme == "https", host


def _store_of_files(environ: Mapping[str, str]) -> tuple[str, str, str, str] | None:
    """Address, key id, key and region of the store of attachments, if there is one."""
    if not (url := environ.get("GUANHU_FILES_S3_URL")):
        return None
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not secure or not re.fullmatch(r"/[^/]+/?", parts.path):
        raise SettingsError(
            f"GUANHU_FILES_S3_URL 应形如 https://store.example.org/bucket,而不是“{url}”。",
            f"GUANHU_FILES_S3_URL must look like https://store.example.org/bucket, not '{url}'.",
        )
    keys = _key_lines(_readable(Path(environ.get("GUANHU_FILES_S3_KEY_FILE") or "")), shortest=1)
    if len(keys) != 2:  # noqa: PLR2004
        raise SettingsError(
            "GUANHU_FILES_S3_KEY_FILE 应有两行:访问密钥的编号和密钥。",
            "GUANHU_FILES_S3_KEY_FILE must have two lines: the id of the access key, and the key.",
        )
    return url, keys[0], keys[1], environ.get("GUANHU_FILES_S3_REGION") or "us-east-1"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _database_url(environ: Mapping[str, str], instance: Path) -> str:
    url = environ.get("GUANHU_DATABASE_URL") or f"sqlite:///{instance / 'guanhu.db'}"
    if url.startswith("sqlite:///"):
        return url
    if not re.match(r"postgres(ql)?(\+psycopg)?://", url):
        scheme = url.split(":", 1)[0]
        raise SettingsError(
            f"GUANHU_DATABASE_URL 只能是 sqlite:/// 或 postgresql://,而不是“{scheme}”。",
            f"GUANHU_DATABASE_URL must be sqlite:///… or postgresql://…, not '{scheme}'.",
        )
    url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if password_file := environ.get("GUANHU_DATABASE_PASSWORD_FILE"):
        return _with_password(url, _key_lines(_readable(Path(password_file)), shortest=1)[0])
    return url


def _with_password(url: str, password: str) -> str:
    scheme, rest = url.split("://", 1)
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at:
        raise SettingsError(
            "设置了 GUANHU_DATABASE_PASSWORD_FILE,但 GUANHU_DATABASE_URL 中没有用户名。",
            "GUANHU_DATABASE_PASSWORD_FILE is set, but GUANHU_DATABASE_URL names no user.",
        )
    return f"{scheme}://{user.split(':', 1)[0]}:{quote(password, safe='')}@{host}{slash}{path}"


def _engine_options(database: str) -> dict[str, Any]:
    if database.startswith("sqlite"):
        return {"connect_args": {"timeout": 15}}
    return {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 5, "pool_recycle": 1800}


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    unknown = sorted(
        name for name in environ if name.startswith("GUANHU_") and name not in {*SETTINGS, *NOT_OURS}
    )
    if unknown:
        raise SettingsError(
            f"没有名为 {unknown[0]} 的设置;可用的设置见 docs/settings.md。",
            f"There is no setting {unknown[0]}; docs/settings.md lists those there are.",
        )


def _choice(environ: Mapping[str, str], name: str, default: str, words: tuple[str, ...]) -> str:
    word = environ.get(name) or default
    if word not in words:
        raise SettingsError(
            f"{name} 只能是 {'、'.join(words)},而不是“{word}”。",
            f"{name} must be {', '.join(words)}, not '{word}'.",
        )
    return word


def _number(environ: Mapping[str, str], name: str, default: str, allowed: range) -> int:
    text = environ.get(name) or default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) not in allowed:
        raise SettingsError(
            f"{name} 应为 {allowed[0]} 至 {allowed[-1]} 的整数,而不是“{text}”。",
            f"{name} must be a whole number from {allowed[0]} to {allowed[-1]}, not '{text}'.",
        )
    return int(text)


def _timezone(environ: Mapping[str, str]) -> str:
    name = environ.get("GUANHU_TIMEZONE") or "Asia/Shanghai"
    if name not in available_timezones():
        raise SettingsError(
            f"GUANHU_TIMEZONE:没有名为“{name}”的时区。", f"GUANHU_TIMEZONE: there is no time zone '{name}'."
        )
    return ZoneInfo(name).key


def _key_file(environ: Mapping[str, str], name: str, default: Path) -> Path:
    path = Path(environ.get(name) or default)
    if not path.exists():
        raise SettingsError(
            f"缺少密钥文件 {path}({name});请先运行 guanhu init。",
            f"The key file {path} ({name}) is missing; run guanhu init first.",
        )
    return _readable(path)


def _readable(path: Path) -> Path:
    """The file, if it can be read by its owner (and at most a group) alone."""
    try:
        mode = path.stat().st_mode
        path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"无法读取 {path}:{error.strerror}。", f"Cannot read {path}: {error.strerror}."
        ) from None
    if mode & stat.S_IRWXO:
        raise SettingsError(
            f"密钥文件 {path} 对所有人开放;请执行 chmod 600 {path}。",
            f"The key file {path} is open to everybody; run chmod 600 {path}.",
        )
    return path


def _key_lines(path: Path, shortest: int = SHORTEST_KEY) -> list[str]:
    """The keys of a file, newest first."""
    keys = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not keys or any(len(key) < shortest for key in keys):
        raise SettingsError(
            f"密钥文件 {path} 中的密钥短于 {shortest} 个字符。",
            f"The key file {path} holds a key shorter than {shortest} characters.",
        )
    return keys


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"无法创建文件夹 {folder}:{error.strerror}。",
            f"Cannot create the folder {folder}: {error.strerror}.",
        ) from None


def _create_secret_key(environ: Mapping[str, str], instance: Path) -> None:
    """Make the signing key at its default place; a place named by a setting is its owner's."""
    if not environ.get("GUANHU_SECRET_KEY_FILE"):
        _write_once(instance / "secret_key", secrets.token_urlsafe(48))


def _write_once(path: Path, text: str) -> None:
    """Write a new file only its owner can read; a file that is there stays as it is."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError(
            f"无法写入 {path}:{error.strerror}。", f"Cannot write {path}: {error.strerror}."
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
