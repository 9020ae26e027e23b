"""What is measured: servers of one worker each, asked by one person who is signed in, and the processor time they take."""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.postgres import free_port
from tests.world import PASSWORD

CHECKOUT = Path(__file__).resolve().parent.parent
DJANGO = CHECKOUT / "build" / "bench"
"""The environment Django lives in: it is no part of the product."""
PERSON = "hana"
START_SECONDS = 60
LONGEST_SECONDS = 600
SIGNS = "/?&=%,+."
"""What an address keeps as it is."""
TICKS = os.sysconf("SC_CLK_TCK")


# ---- servers -----------------------------------------------------------------------------------------------


@dataclass
class Server:
    """One contender: a process, where it listens, and the session of the person who asks."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, form: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET, or to a POST of a form."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_SECONDS)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form is not None:
            body = urlencode(form)
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"http://127.0.0.1:{self.port}{path}",
            }
        connection.request("GET" if form is None else "POST", quote(path, safe=SIGNS), body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        for header in response.headers.get_all("Set-Cookie") or ():
            self.cookies |= {name: part.value for name, part in SimpleCookie(header).items()}
        return Answer(response.status, content, response.getheader("Location", ""))

    def sign_in(self, path: str) -> None:
        form = {**self.ask(path).form(), "username": PERSON, "password": PASSWORD}
        answer = self.ask(path, form)
        if answer.status not in (302, 303):
            raise RuntimeError(f"{self.name}: sign-in answered {answer.status}")

    def processor(self) -> float:
        """Seconds of processor time its processes have taken so far."""
        return processor_of(self.process.pid)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    content: bytes
    location: str

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def link(self, part: str) -> str:
        """The first address of the page that holds this. Raises `LookupError`."""
        found = (html.unescape(link) for link in re.findall(r'href="([^"]*)"', self.text))
        link = next((link for link in found if part in link), None)
        if link is None:
            raise LookupError(part)
        return link

    def form(self) -> dict[str, str]:
        """What a browser would send of the largest form of the page."""
        reader = _Forms()
        reader.feed(self.text)
        return max(reader.forms, key=len, default={})


class _Forms(HTMLParser):
    """The fields of each form of a page with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._inside = self._choice = self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
            return
        if not self.forms:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("submit", "button", "file"):
            ticked = given.get("type") in ("checkbox", "radio")
            if not ticked or "checked" in given:
                form[name] = given.get("value", "on" if ticked else "")
        elif tag == "select":
            self._choice = name
        elif tag == "option" and self._choice and ("selected" in given or self._choice not in form):
            form[self._choice] = given.get("value", "")
        elif tag == "textarea":
            self._text = name
            form[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._choice = ""
        elif tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text and self.forms:
            self.forms[-1][self._text] += data.removeprefix("\n")


def guanhu(name: str, url: str, folder: Path) -> Server:
    """Our own product as it is served, with one worker and no background jobs."""
    port = free_port()
    settings = {
        "GUANHU_ENV": "test",
        "GUANHU_INSTANCE": str(folder),
        "GUANHU_DATABASE_URL": url,
        "GUANHU_PORT": str(port),
        "GUANHU_WORKERS": "1",
    }
    serve = [sys.executable, "-m", "app.cli", "serve", "--without-worker"]
    server = _started(name, serve, settings, port, folder)
    server.sign_in("/sign-in")
    return server


def django_admin(name: str, url: str, folder: Path, scope: Mapping[str, Any] | None) -> Server:
    """Django's admin, with the reach of our person or with none."""
    settings = {
        "BENCH_DATABASE": url,
        "BENCH_SCOPE": json.dumps(scope),
        "DJANGO_SETTINGS_MODULE": "django_admin.settings",
        "PYTHONPATH": str(CHECKOUT / "bench"),
    }
    python = str(django_environment() / "bin" / "python")
    subprocess.run([python, "-m", "django_admin"], env={**os.environ, **settings}, check=True)
    server = _gunicorn(name, python, "django.core.wsgi:get_wsgi_application()", settings, folder)
    server.sign_in("/admin/login/?next=/admin/")
    return server


def floor(name: str, url: str, folder: Path, scope: Mapping[str, Any]) -> Server:
    settings = {"BENCH_DATABASE": url, "BENCH_SCOPE": json.dumps(scope)}
    return _gunicorn(name, sys.executable, "bench.floor:answer", settings, folder)


def django_environment() -> Path:
    """Where Django is; made once, by pip, as `bench/requirements.txt` says."""
    if not (DJANGO / "made").exists():
        print("Installing Django beside the product (once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", DJANGO], check=True)
        wanted = CHECKOUT / "bench" / "requirements.txt"
        pip = [
            DJANGO / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "--requirement", wanted], check=True)
        (DJANGO / "made").touch()
    return DJANGO


def _gunicorn(name: str, python: str, app: str, settings: Mapping[str, str], folder: Path) -> Server:
    port = free_port()
    options = [
        "--workers",
        "1",
        "--worker-class",
        "sync",
        "--bind",
        f"127.0.0.1:{port}",
        "--log-level",
        "warning",
    ]
    patience = ["--timeout", str(LONGEST_SECONDS), "--no-control-socket"]
    return _started(name, [python, "-m", "gunicorn", *options, *patience, app], settings, port, folder)


def _started(name: str, command: list[str], settings: Mapping[str, str], port: int, folder: Path) -> Server:
    log = folder / f"{re.sub(r'[^a-z]+', '-', name.lower())}.log"
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env={**os.environ, **settings}, stdout=lines, stderr=lines
        )
    server = Server(name, process, port)
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not start:\n{log.read_text()[-2_000:]}") from None
            time.sleep(0.1)
        else:
            return server


# ---- processor time ----------------------------------------------------------------------------------------


def processor_of(pid: int) -> float:
    """Seconds of processor time a process and all below it have taken, also those of its children that have ended."""
    return sum(_one(below) for below in _family(pid)) + _ended(pid)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in _family(int(child)))]


def _one(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _ended(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
    return (int(user) + int(system)) / TICKS
