"""The application factory: the one place where the parts are put together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from werkzeug.utils import import_string

from app import api, views
from app.columns import keyring
from app.errors import NotReady
from app.extensions import company, csrf, db, guard, migrate
from app.services import access, attachments
from app.views import security, web


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """The application; settings come from the environment unless given. Issues no SQL statement.

    Raises:
        NotReady: the key file is missing or open to others, or a library of an extra is.

    """
    app = Flask(__name__)
    app.config.from_mapping(settings or import_string("config.read")())
    keyring.open(Path(app.config["KEY_FILE"]))
    attachments.folder.root = Path(app.config["FILES"])
    attachments.place.storage = attachments.folder
    if app.config.get("FILES_S3"):
        attachments.place.storage = _bucket(*app.config["FILES_S3"])
    company.zone = ZoneInfo(app.config["TIMEZONE"])
    csrf.init_app(app)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(Path(__file__).parent.parent / "migrations"))
    with app.app_context():
        _refuse_other_databases()
        guard(db.engine)
        access.install(db.engine)
        framework = security.Framework(app, db.session)
        web.install(app)
        views.register(framework)
        api.register(framework, views.RECORD_TYPES, views.READ_ONLY)
    return app


def _bucket(*how: str) -> attachments.Storage:
    """The store of files; it is read where it is asked for alone, since its library is an extra."""
    try:
        bucket = import_string("app.services.bucket.Bucket")
    except ImportError as error:
        raise NotReady("GUANHU_FILES_S3_URL is set: install Guanhu with its extra, guanhu[s3].") from error
    store: attachments.Storage = bucket.at(attachments.folder, *how)
    return store


def _refuse_other_databases() -> None:
    if db.engine.dialect.name not in {"sqlite", "postgresql"}:
        raise NotReady(f"Guanhu runs on SQLite and PostgreSQL, not on {db.engine.dialect.name}.")
