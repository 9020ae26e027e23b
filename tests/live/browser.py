"""A browser without a screen for a running server: cookies, tokens, forms."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from tests.world import PASSWORD


class Answer:
    """What the server answered."""

    def __init__(self, status: int, text: str, url: str) -> None:
        self.status = status
        self.text = text
        self.url = url


class Standing(urllib.request.HTTPRedirectHandler):
    """Stays where the server answered: a redirect is an answer too."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


class Browser:
    """One person at one running server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), Standing())
        self.token = ""

    def get(self, path: str) -> Answer:
        answer = self._send(urllib.request.Request(self.url + path))
        found = re.search(r'name="csrf_token"\s+value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    def post(self, path: str, data: dict[str, Any]) -> Answer:
        body = urllib.parse.urlencode({"csrf_token": self.token, **data}).encode()
        return self._send(urllib.request.Request(self.url + path, body, {"Referer": self.url}))

    def sign_in(self, person: str) -> Browser:
        self.get("/sign-in")
        answer = self.post("/sign-in", {"username": person, "password": PASSWORD})
        assert answer.status == 303, answer.text[-2000:]
        self.get("/")
        return self

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.read().decode(), answer.url)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), error.url)
