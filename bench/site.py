"""An application on a database of its own, with the test company in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_migrate import upgrade

import config
from app import create_app
from app.columns import KeyRing
from app.extensions import transaction
from app.services import access, packs
from tests.conftest import CsrfClient
from tests.world import World, build


def prepare(url: str, folder: Path) -> tuple[Any, World]:
    """A new database, and the application on it."""
    folder.mkdir(parents=True, exist_ok=True)
    KeyRing.create(Path(_settings(url, folder)["KEY_FILE"]))
    app = opened(url, folder)
    with app.app_context():
        upgrade(str(Path(__file__).resolve().parent.parent / "migrations"))
        with access.acting(access.SYSTEM), transaction():
            packs.load("base")
        return app, build()


def opened(url: str, folder: Path) -> Any:
    """The application on a database that was prepared."""
    app = create_app(_settings(url, folder))
    app.test_client_class = CsrfClient
    return app


def _settings(url: str, folder: Path) -> dict[str, Any]:
    given = {"GUANHU_ENV": "test", "GUANHU_INSTANCE": str(folder), "GUANHU_DATABASE_URL": url}
    return config.read(given, create_keys=True)
