"""Settings are checked when the process starts: what cannot hold ends it with one sentence, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

import config


def read(tmp_path: Path, **settings: str) -> dict:
    return config.read({"GUANHU_INSTANCE": str(tmp_path), **settings}, create_keys=True)


def refusal(tmp_path: Path, **settings: str) -> str:
    with pytest.raises(config.SettingsError) as raised:
        read(tmp_path, **settings)
    assert raised.value.zh
    assert raised.value.zh != raised.value.en
    return raised.value.en


def test_nothing_need_be_set(tmp_path):
    settings = read(tmp_path)
    assert settings["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/guanhu.db"
    assert settings["BASE_URL"] == "http://127.0.0.1:8080"
    assert settings["DEBUG"] is False
    assert len(settings["SECRET_KEY"]) >= 32


def test_the_signing_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first = read(tmp_path)["SECRET_KEY"]
    assert read(tmp_path)["SECRET_KEY"] == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_without_a_signing_key_nothing_starts(tmp_path):
    with pytest.raises(config.SettingsError, match="is missing"):
        config.read({"GUANHU_INSTANCE": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "mode", "why"), [("short", 0o600, "shorter"), ("", 0o600, "shorter"), ("x" * 40, 0o644, "open")]
)
def test_a_bad_signing_key_is_refused(tmp_path, text, mode, why):
    file = tmp_path / "own_key"
    file.write_text(text)
    file.chmod(mode)
    assert why in refusal(tmp_path, GUANHU_SECRET_KEY_FILE=str(file))


def test_older_keys_stay_accepted(tmp_path):
    file = tmp_path / "own_key"
    file.write_text("n" * 40 + "\n" + "o" * 40 + "\n")
    file.chmod(0o600)
    settings = read(tmp_path, GUANHU_SECRET_KEY_FILE=str(file))
    assert (settings["SECRET_KEY"], settings["SECRET_KEY_FALLBACKS"]) == ("n" * 40, ["o" * 40])


@pytest.mark.parametrize(
    ("url", "name", "secure"),
    [
        ("https://guanhu.example.org", "__Host-guanhu", True),
        ("http://127.0.0.1:8080", "guanhu", False),
        ("http://localhost", "guanhu", False),
        ("http://[::1]:8080", "guanhu", False),
    ],
)
def test_the_address_decides_the_cookie(tmp_path, url, name, secure):
    settings = read(tmp_path, GUANHU_BASE_URL=url)
    assert (settings["SESSION_COOKIE_NAME"], settings["SESSION_COOKIE_SECURE"]) == (name, secure)


@pytest.mark.parametrize(
    "url", ["http://guanhu.example.org", "http://10.0.0.1", "ftp://x", "guanhu", "https://x/path"]
)
def test_an_address_that_is_not_safe_is_refused(tmp_path, url):
    assert "GUANHU_BASE_URL" in refusal(tmp_path, GUANHU_BASE_URL=url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GUANHU_DATABASE_URL", "mysql://localhost/x"),
        ("GUANHU_PORT", "0"),
        ("GUANHU_PORT", "eighty"),
        ("GUANHU_ENV", "live"),
        ("GUANHU_TIMEZONE", "Mars/Olympus"),
        ("GUANHU_UPLOAD_MAX_MB", "-1"),
        ("GUANHU_DATABSE_URL", "sqlite:////tmp/x"),
    ],
)
def test_a_setting_that_cannot_hold_is_named(tmp_path, name, value):
    assert name in refusal(tmp_path, **{name: value})


def test_the_password_of_the_database_comes_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("p@ss/word\n")
    file.chmod(0o600)
    settings = read(
        tmp_path,
        GUANHU_DATABASE_URL="postgresql://guanhu@db.example.org/guanhu",
        GUANHU_DATABASE_PASSWORD_FILE=str(file),
    )
    assert (
        settings["SQLALCHEMY_DATABASE_URI"]
        == "postgresql+psycopg://guanhu:p%40ss%2Fword@db.example.org/guanhu"
    )


def test_the_port_may_come_from_its_usual_name(tmp_path):
    assert read(tmp_path, PORT="9000")["BASE_URL"] == "http://127.0.0.1:9000"
