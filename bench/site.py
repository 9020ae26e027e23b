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
    settings = config.read(
        {"GUANHU_ENV": "test", "GUANHU_INSTANCE": str(folder), "GUANHU_DATABASE_URL": url}, create_keys=True
    )
    KeyRing.create(Path(settings["KEY_FILE"]))
    app = create_app(settings)
    app.test_client_class = CsrfClient
    with app.app_context():
        upgrade(str(Path(__file__).resolve().parent.parent / "migrations"))
        with access.acting(access.SYSTEM), transaction():
            packs.load("base")
        return app, build()
