"""Files in an S3-compatible store (the extra `guanhu[s3]`); the folder of this machine stands before it.

A file is kept in the folder first and sent then, so that a store that does not answer loses nothing: what was not sent is
sent by the next sweep. What is asked for and not in the folder is fetched into it, and goes again after a day.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.columns import now
from app.errors import Unavailable
from app.services.attachments import Folder
from app.words import say

DAY = 86_400
GONE = {"404", "NoSuchKey", "NotFound"}
log = logging.getLogger(__name__)


@dataclass
class Bucket:
    """A bucket under an address such as `https://store.example.org/guanhu`, with a folder before it."""

    local: Folder
    client: Any
    name: str

    @classmethod
    def at(cls, local: Folder, url: str, key: str, secret: str, region: str) -> Bucket:
        """The bucket at this address; no request is made."""
        parts = urlsplit(url)
        # stores other than Amazon's know neither its checksums nor its regions
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 2},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = boto3.client(
            "s3",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=region,
            config=config,
        )
        return cls(local, client, parts.path.strip("/"))

    def keep(self, uid: str, source: Path) -> None:
        self.local.keep(uid, source)
        self._send(uid)

    def path(self, uid: str) -> Path:
        target = self.local.path(uid)
        if not target.exists():
            with _answering(), NamedTemporaryFile(dir=self.local.waiting(), delete=False) as part:
                found = self.client.get_object(Bucket=self.name, Key=uid)["Body"]
                with closing(found) as body:
                    shutil.copyfileobj(body, part)
            self.local.keep(uid, Path(part.name))
        return target

    def holds(self, uid: str) -> bool:
        with _answering():
            return self.local.holds(uid) or self._has(uid)

    def sweep(self) -> int:
        """Send what was not sent yet, and make room of what was; how many files went."""
        day_ago = now().timestamp() - DAY
        gone = 0
        for path in self.local.kept():
            if not self._has(path.name):
                self._send(path.name)
            elif path.stat().st_mtime < day_ago:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _has(self, uid: str) -> bool:
        try:
            self.client.head_object(Bucket=self.name, Key=uid)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return False
            raise
        return True

    def _send(self, uid: str) -> None:
        try:
            with self.local.path(uid).open("rb") as body:
                self.client.put_object(Bucket=self.name, Key=uid, Body=body)
        except (BotoCoreError, ClientError):
            log.exception("%s was not sent to the store of files; it is kept here and sent later", uid)


@contextmanager
def _answering() -> Iterator[None]:
    """Say it in a sentence when the store does not answer; raises `Unavailable`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        log.warning("the store of files: %s", error)
        raise Unavailable(
            say("文件存储暂时没有响应，请稍后再试。", "The store of files does not answer: try again later.")
        ) from error
