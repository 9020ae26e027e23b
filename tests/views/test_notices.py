"""What one is told: counted on every page until it is read, and nobody else's."""

from __future__ import annotations

from typing import Any

from app.extensions import db, transaction
from app.models import Notice, NoticeKind
from app.services import access
from tests.world import World, sign_in


def test_unread_notices_are_counted_on_every_page_until_they_are_read(app: Any, world: World, client: Any):
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        for person, text in (("ann", "请复核客户档案"), ("ann", "合同即将到期"), ("bob", "别人的事")):
            told = {"kind": NoticeKind.reminder, "recipient_id": world.employees[person]}
            db.session.add(Notice(**told, text_zh=text, text_en=text))
    sign_in(client, "ann")
    bell = 'class="cnt bad" aria-hidden="true">2</span>'
    assert bell in client.get("/customer/list/").text
    page = client.get("/notices").text
    assert "合同即将到期" in page
    assert "别人的事" not in page
    assert client.post("/notices/read").status_code == 302
    assert bell not in client.get("/customer/list/").text
    sign_in(client, "bob")
    assert 'class="cnt bad" aria-hidden="true">1</span>' in client.get("/customer/list/").text
