"""Two heads decide the same request at the same moment, through the real server: one decision, fifty times over."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from app import workflows
from app.extensions import db, transaction
from app.models import Admission, ApprovalAct, ApprovalAction, ApprovalTask, Attachment, Customer, DutyStatus
from app.services import access
from tests.live.browser import Browser
from tests.world import World

pytestmark = pytest.mark.stands_on("seed-industry")
TIMES = 50


def submitted(world: World, count: int) -> list[int]:
    """So many applications of Ann's, each waiting for its first review by Sam or Hana."""
    ids = []
    for number in range(count):
        with access.acting(world.principal("ann")), transaction():
            owned = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
            customer = Customer(name=f"客户 {number}", **owned)
            db.session.add(customer)
            db.session.flush()
            admission = Admission(
                customer_id=customer.id,
                basic_situation="x",
                cooperation_intent="y",
                expected_sales=1,
                **owned,
            )
            db.session.add(admission)
            db.session.flush()
            with access.by_rule():
                db.session.add(
                    Attachment(
                        object_type="admission",
                        object_id=admission.id,
                        doc_type="business_licence",
                        file_name="x.pdf",
                        size=1,
                        sha256="0" * 64,
                        media_type="application/pdf",
                    )
                )
                db.session.flush()
            ids.append(workflows.submit(admission).request_id)
    db.session.remove()
    return [id_ for id_ in ids if id_ is not None]


def form_of(browser: Browser, pk: int) -> dict[str, str]:
    html = browser.get(f"/approval/show/{pk}").text
    return dict(re.findall(r'name="(seen_version|content_hash|_cmd)"\s+value="([^"]+)"', html))


@pytest.mark.live
@pytest.mark.req("W-01")
def test_two_heads_deciding_at_once_give_one_decision(app: Any, world: World, live_server: Any):
    with app.app_context():
        requests = submitted(world, TIMES)
    heads = [Browser(live_server.url).sign_in(person) for person in ("sam", "hana")]
    barrier = threading.Barrier(2)
    answers: dict[int, list[int]] = {pk: [] for pk in requests}

    def decide(browser: Browser) -> None:
        for pk in requests:
            sent = form_of(browser, pk) | {"field.recommendation": "同意", "comment": "ok"}
            barrier.wait(60)
            answer = browser.post(f"/approval/{pk}/approve", sent)
            answers[pk].append(answer.status)

    threads = [threading.Thread(target=decide, args=[browser]) for browser in heads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    with app.app_context(), access.acting(access.SYSTEM):
        decided = db.session.execute(
            select(ApprovalAction.request_id, func.count())
            .where(ApprovalAction.act == ApprovalAct.approve)
            .group_by(ApprovalAction.request_id)
        ).all()
        counted = db.session.scalar(
            select(func.count()).select_from(ApprovalTask).where(ApprovalTask.status == DutyStatus.approved)
        )
    assert dict.fromkeys(requests, 1) == dict(decided)
    assert counted == TIMES
    for pair in answers.values():  # one decides, the other is told
        assert pair.count(303) == 1 and set(pair) <= {303, 403, 409}
