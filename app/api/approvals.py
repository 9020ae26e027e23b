"""Approvals as JSON: the four drawers, one request with what may be done with it, and the acts."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.api import BaseApi

from app import workflows
from app.api.records import body_of
from app.errors import BadRequest
from app.extensions import transaction
from app.views.guards import needs_account
from app.words import say

SIZE = 50
TAKEN = ("comment", "content_hash", "target", "place")
NUMBERS = ("seen_version", "to", "task_id")


class ApprovalApi(BaseApi):
    """`/api/v1/approvals/`."""

    resource_name = "approvals"
    csrf_exempt = False

    @expose("/<any(todo, done, mine, cc):drawer>", methods=["GET"])
    @needs_account
    def drawer(self, drawer: str) -> Response:
        """A page of a drawer of the person asking."""
        text = request.args.get("page", "1")
        if not text.isdecimal() or not 1 <= int(text[:6]) <= 100_000:  # noqa: PLR2004 (as far as anybody reads)
            raise BadRequest(say("页码不存在。", "There is no such page."))
        items = workflows.inbox(drawer, page=int(text), size=SIZE)
        return jsonify(result=[_item(item) for item in items[:SIZE]], has_next=len(items) > SIZE)

    @expose("/<int:pk>", methods=["GET"])
    @needs_account
    def one(self, pk: int) -> Response:
        """A request: where it stands, what the person asking may do, and what his decision is bound to."""
        asked = workflows.find_request(pk)
        return jsonify(
            id=asked.id,
            no=asked.no,
            title=asked.title,
            status=asked.status.value,
            object_type=asked.object_type,
            object_id=asked.object_id,
            version_no=asked.version_no,
            content_hash=workflows.content_hash(asked),
            acts=[offer.act.value for offer in workflows.acts_of(asked)],
        )

    @expose("/<int:pk>/<verb>", methods=["POST"])
    @needs_account
    def act(self, pk: int, verb: str) -> Response:
        """Carry out an act; `Idempotency-Key` names this very call."""
        given = given_of(body_of())
        with transaction():
            result = workflows.act(pk, verb, **given)
        return jsonify(id=result.request_id, status=result.status, replayed=result.replayed)


def given_of(body: dict[str, Any]) -> Any:
    """What a call sends, as the engine takes it."""
    given: dict[str, Any] = {name: str(body[name]) for name in TAKEN if body.get(name) is not None}
    given |= {name: int(body[name]) for name in NUMBERS if str(body.get(name)).isdecimal()}
    given["fields"] = {
        name.removeprefix("field."): value for name, value in body.items() if name.startswith("field.")
    }
    given["idem_key"] = request.headers.get("Idempotency-Key")
    return given


def _item(item: workflows.Item) -> dict[str, Any]:
    return {
        "id": item.request_id,
        "no": item.no,
        "title": item.title,
        "flow": str(item.flow),
        "status": item.status.value,
        "step": str(item.step) if item.step else None,
        "submitter": item.submitter,
        "submitted_at": item.submitted_at.isoformat(),
        "due_at": item.due_at.isoformat() if item.due_at else None,
        "object_type": item.object_type,
        "object_id": item.object_id,
    }
