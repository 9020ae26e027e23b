"""Flask-AppBuilder as the frame: its tables, blueprints and permission names, none of its pages.

What of FAB is not wanted is not registered: its views, its static files, its templates, `GET /lang/…`, `GET /logout/`,
JWT, its limiter (which counts per process). Who is signed in comes from our session rows, what he may from our grants.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_appbuilder
from flask import Flask, Request, g, has_request_context, request, session
from flask_appbuilder import AppBuilder
from flask_appbuilder.menu import Menu
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_babel import Babel, get_translations
from flask_login import AnonymousUserMixin, LoginManager, UserMixin
from markupsafe import Markup

from app.roles import Act
from app.services import access, accounts
from app.words import LANGUAGES, language

WORD = "word"
"""Where the cookie keeps the random word of the session."""

ACTS = {
    "list": Act.read,
    "show": Act.read,
    "get": Act.read,
    "info": Act.read,
    "add": Act.create,
    "post": Act.create,
    "put": Act.edit,
}
"""FAB's own names of what a permission allows, in our words."""


class SignedIn(UserMixin):
    """Who is signed in, as Flask-Login and FAB ask for him: by `id`, never as a row that a rollback expires."""

    def __init__(self, visitor: accounts.Visitor) -> None:
        self.visitor = visitor
        self.id = visitor.user_id
        self.username = visitor.username

    @property
    def roles(self) -> list[Any]:
        """FAB's roles decide nothing here."""
        return []


class Security(SecurityManager):
    """FAB's security manager over our sessions and grants; it registers no view and writes nothing at the start."""

    def create_login_manager(self, app: Flask) -> LoginManager:
        """Flask-Login asks us alone: no remember cookie, no user id in the session."""
        manager = LoginManager(app)
        manager.session_protection = None
        manager.user_loader(self.load_user)
        manager.request_loader(find_signed_in)
        return manager

    def create_jwt_manager(self, app: Flask) -> None:
        """No JWT: a personal key can be revoked, a token cannot."""

    def create_limiter(self, app: Flask) -> None:
        """FAB's limiter counts per process; ours counts in the database (`accounts`)."""

    def create_db(self) -> None:
        """The migrations do that."""

    def register_views(self) -> None:
        """None of FAB's; ours are in `app.views.account`."""

    def load_user(self, pk: int | str) -> SignedIn | None:  # noqa: ARG002
        """A user id found in a cookie is no proof: only the session's word is."""
        return None

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002
        """Nothing is."""
        return False

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Whether the person asking may `can_<act>` on this resource; no statement beyond those of his principal."""
        who = access.asking() if has_request_context() else None
        name = permission_name.removeprefix("can_")
        act = ACTS.get(name) or Act.__members__.get(name)
        return who is not None and act is not None and who.may(act, view_name)

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        who = access.asking() if has_request_context() else None
        return {name for name in menu_names or [] if who is not None and who.may(Act.read, name)}


def find_signed_in(request: Request) -> SignedIn | None:
    """Who sent this request: by his personal key, or by the word in his cookie."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        visitor = accounts.visitor_with_key(key.strip())
    else:
        word = session.get(WORD)
        visitor = accounts.visitor_with_word(word) if isinstance(word, str) else None
    return SignedIn(visitor) if visitor else None


def visitor() -> accounts.Visitor | None:
    """Who is signed in on this request; found out once, for Flask-Login too."""
    if "visitor" not in g:
        user = find_signed_in(request)
        g.visitor = user.visitor if user else None
        g._login_user = user or AnonymousUserMixin()
    found: accounts.Visitor | None = g.visitor
    return found


def ask_no_more() -> None:
    """For a page that asks the database nothing: whoever was not found by now is nobody, for Flask-Login too."""
    g.setdefault("visitor", None)
    if "_login_user" not in g:
        g._login_user = AnonymousUserMixin()


class Framework(AppBuilder):
    """FAB's registry of views, set up with what is used of it and no more. Creating it issues no statement."""

    def init_app(self, app: Flask, session: Any) -> None:
        """Bind to the app; call it in the app's context."""
        for name, value in CONFIGURATION.items():
            app.config.setdefault(name, value)
        self._init_extension(app)
        self._session = session
        self.update_perms = False
        self.menu = Menu()
        self.indexview = self._indexview = None
        self.sm = Security(self)
        app.before_request(self.sm.before_request)
        _speak(app)


CONFIGURATION: dict[str, Any] = {
    "APP_NAME": "Guanhu",
    "APP_THEME": "",
    "APP_ICON": "",
    "ADDON_MANAGERS": [],
    "FAB_API_MAX_PAGE_SIZE": 200,
    "FAB_STATIC_FOLDER": "",
    "FAB_STATIC_URL_PATH": "",
    "FAB_BASE_TEMPLATE": "layout.html",
}


def _speak(app: Flask) -> None:
    """Sentences of FAB's forms from its catalogue, ours from ours; the language is the reader's."""
    of_fab = Path(flask_appbuilder.__file__).parent / "translations"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = f"{of_fab};{Path(app.root_path) / 'translations'}"
    Babel(app, default_locale=LANGUAGES[0], locale_selector=language.get)
    said: dict[tuple[str, str], Markup] = {}

    def gettext(text: str, /, **values: Any) -> Markup:
        """A sentence of a template in the reader's language, looked up once for each language."""
        key = language.get(), text
        found = said.get(key)
        if found is None:
            found = said[key] = Markup(get_translations().ugettext(text))  # noqa: S704  our own catalogue
        return found % values if values or "%" in found else found

    app.jinja_env.globals["_"] = gettext


def forget() -> None:
    """Drop what was found out about the person, after he signed in or out within a request."""
    g.pop("visitor", None)
    g.pop("_login_user", None)
