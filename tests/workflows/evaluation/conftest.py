"""Schemes are read inside an application: the fields an administrator added are facts they may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.extensions import db
from tests.conftest import Sites


@pytest.fixture(autouse=True)
def an_application(request: pytest.FixtureRequest, sites: Sites) -> Iterator[None]:
    """For a test that needs no database of its own: any, in which nobody added a field."""
    if "database" in request.fixturenames:
        yield
        return
    with sites.take("sqlite").app.app_context():
        yield
        db.session.remove()
