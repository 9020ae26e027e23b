"""What every route asks before anything else: is somebody signed in, and may he do this here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort
from flask_appbuilder.baseviews import BaseView

from app.roles import Act
from app.services import access

ANYBODY = "anybody"
"""The mark of a route that asks for no account: signing in, and what the browser loads."""
SIGNED_IN = "signed_in"
"""The mark of a route that every signed-in person may use: his own things."""


def needs(act: Act, resource: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Refuse who may not do `act` on the view's record type (or on `resource`); nobody signed in is asked to."""

    def decorate(handle: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(handle)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            signed_in().check(act, resource or self.resource)
            return handle(self, *args, **kwargs)

        guarded.needs = act  # type: ignore[attr-defined]
        guarded._permission_name = act.value  # type: ignore[attr-defined]
        return guarded

    return decorate


def needs_account(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse who is not signed in."""

    @wraps(handle)
    def guarded(self: BaseView, *args: Any, **kwargs: Any) -> Any:
        signed_in()
        return handle(self, *args, **kwargs)

    guarded.needs = SIGNED_IN  # type: ignore[attr-defined]
    return guarded


def open_to_all(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Say of a route that it asks for no account, on purpose."""
    handle.needs = ANYBODY  # type: ignore[attr-defined]
    return handle


def signed_in() -> access.Principal:
    """Who is asking; a 401, which becomes the way to the sign-in page, when nobody is."""
    who = access.asking()
    return who if who is not None else abort(401)
