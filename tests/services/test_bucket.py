"""Attachments in an S3-compatible store: a real server, asked over HTTP."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from flask import Flask
from sqlalchemy import select

import config
from app import create_app
from app.extensions import db
from app.models import Attachment
from app.services import access, attachments
from app.services.bucket import DAY, Bucket
from tests.postgres import free_port
from tests.world import World, sign_in

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PDF = b"%PDF-1.7 a licence"


class Store:
    """A server of objects in memory, as a process that can be ended and begun again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Any = None
        self.client: Any = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="k", aws_secret_access_key="s", region_name="r"
        )

    def begin(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        self.client.create_bucket(Bucket="guanhu", CreateBucketConfiguration={"LocationConstraint": "r"})

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def held(self) -> list[str]:
        return [row["Key"] for row in self.client.list_objects_v2(Bucket="guanhu").get("Contents", [])]


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store()
    found.begin()
    yield found
    found.end()


@pytest.fixture
def bucket(app: Flask, store: Store) -> Iterator[Bucket]:
    found = Bucket.at(attachments.folder, f"{store.url}/guanhu", "k", "s", "r")
    attachments.place.storage = found
    yield found
    attachments.place.storage = attachments.folder


def fetched(client: Any) -> bytes:
    with client.get("/attachment/1") as answer:
        return bytes(answer.data)


def test_a_file_lies_in_the_store_and_comes_from_there_when_this_machine_has_it_no_more(
    app: Flask, world: World, client: Any, store: Store, bucket: Bucket
):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "甲"})
    client.post("/attachment/add/customer/1", data={"file": (io.BytesIO(PDF), "a.pdf")})
    (uid,) = store.held()
    here = attachments.folder.path(uid)
    here.unlink()
    assert fetched(client) == PDF
    assert here.exists()
    assert bucket.sweep() == 0
    day_ago = time.time() - DAY - 60
    os.utime(here, (day_ago, day_ago))
    assert attachments.sweep() == 1
    assert not here.exists()
    assert fetched(client) == PDF
    assert not bucket.holds("no-such-file")


def test_what_a_store_that_does_not_answer_misses_is_kept_and_sent_later(
    app: Flask, world: World, client: Any, store: Store, bucket: Bucket
):
    sign_in(client, "ann")
    client.post("/customer/add", data={"name": "甲"})
    store.end()
    client.post("/attachment/add/customer/1", data={"file": (io.BytesIO(PDF), "a.pdf")})
    assert fetched(client) == PDF
    here = max(attachments.folder.kept(), key=lambda path: path.stat().st_mtime)
    away = here.rename(here.with_suffix(".away"))
    answer = client.get("/attachment/1")
    assert answer.status_code == 503 and "文件存储暂时没有响应" in answer.text
    away.rename(here)
    store.begin()
    assert store.held() == []
    attachments.sweep()
    with app.app_context(), access.acting(access.SYSTEM):
        uid = db.session.scalars(select(Attachment.uid)).one()
        db.session.remove()
    assert uid in store.held()


def test_the_store_is_named_by_settings(database: str, tmp_path: Path, app: Flask):
    keys = tmp_path / "keys"
    keys.write_text("id\nkey\n")
    keys.chmod(0o600)
    named = {"GUANHU_FILES_S3_URL": "http://127.0.0.1:9/files", "GUANHU_FILES_S3_KEY_FILE": str(keys)}
    made = create_app({**app.config, "FILES_S3": config._store_of_files(named)})
    try:
        assert isinstance(attachments.place.storage, Bucket)
        assert attachments.place.storage.name == "files"
    finally:
        attachments.place.storage = attachments.folder
    assert made.config["FILES_S3"][1:] == ("id", "key", "us-east-1")
    for wrong in ("http://store.example/files", "https://store.example", "ftp://x/y"):
        with pytest.raises(config.SettingsError):
            config._store_of_files({**named, "GUANHU_FILES_S3_URL": wrong})
    keys.write_text("id\n")
    with pytest.raises(config.SettingsError):
        config._store_of_files(named)
