"""Approvals as JSON: the four drawers, one request with what may be done with it, and the acts, alone or several at once."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.api import BaseApi

from app import workflows
from app.api.records import body_of
from app.errors import BadInput, BadRequest, Problem
from app.extensions import transaction
from app.models import ApprovalAct, RequestStatus
from app.services import values
from app.views.approvals_inbox import asked_of
from app.views.guards import needs_account
from app.views.web import page_number
from app.words import say

SIZE, LARGEST = 50, 100
TAKEN = ("comment", "content_hash", "target", "place")
NUMBERS = ("seen_version", "to", "task_id")
NAMES = {
    "search": "q",
    "flow": "flow",
    "type": "type",
    "submitter": "by",
    "status": "state",
    "overdue": "overdue",
    "unread": "unread",
    "from": "from",
    "to": "to",
    "sort": "sort",
}
"""What a call says, and what the inbox calls it in its address."""


class ApprovalApi(BaseApi):
    """`/api/v1/approvals/`."""

    resource_name = "approvals"
    csrf_exempt = False

    @expose("/<any(todo, done, mine, cc):drawer>", methods=["GET"])
    @needs_account
    def drawer(self, drawer: str) -> Response:
        """A page of a drawer of the person asking."""
        args = request.args
        size = _size(args.get("limit", str(SIZE)))
        asked = asked_of({NAMES[name]: _plain(text) for name, text in args.items() if name in NAMES})
        items = workflows.inbox(drawer, asked, page=page_number(args), size=size)
        return jsonify(result=[_item(item) for item in items[:size]], has_next=len(items) > size)

    @expose("/<int:pk>", methods=["GET"])
    @needs_account
    def one(self, pk: int) -> Response:
        """A request: where it stands, what the person asking may do, and what his decision is bound to."""
        case = workflows.open_case(pk)
        asked = case.request
        return jsonify(
            id=asked.id,
            no=asked.no,
            title=asked.title,
            status=asked.status.value,
            object_type=asked.object_type,
            object_id=asked.object_id,
            version_no=asked.version_no,
            content_hash=case.content_hash,
            acts=[offer.act.value for offer in case.offers],
        )

    @expose("/<int:pk>/<verb>", methods=["POST"])
    @needs_account
    def act(self, pk: int, verb: str) -> Response:
        """Carry out an act; `Idempotency-Key` names this very call."""
        given = given_of(body_of())
        with transaction():
            result = workflows.act(pk, verb, **given)
        answer = jsonify(id=result.request_id, status=result.status, replayed=result.replayed)
        if result.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer

    @expose("/approve", methods=["POST"])
    @needs_account
    def together(self) -> Response:
        """Approve several that wait at the same step: each by itself, with a result of its own."""
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise BadRequest(say("请求内容应为一个 JSON 对象。", "Send one JSON object."))
        outcomes = workflows.approve_together(
            _wanted(body.get("items")),
            comment=str(body["comment"]) if body.get("comment") else None,
            idem_key=request.headers.get("Idempotency-Key"),
        )
        return jsonify(result=[_outcome(outcome) for outcome in outcomes])


def _plain(text: str) -> str:
    return {"true": "1", "false": ""}.get(text, text)


def _size(text: str) -> int:
    if not (found := values.whole(text, LARGEST)):
        raise BadRequest(say("每页 1 至 {most} 条。", "Between 1 and {most} a page.", most=LARGEST))
    return found


def _wanted(items: Any) -> list[tuple[int, int | None]]:
    """The requests a call names, with the version of each that was seen. Raises `BadInput`."""
    found: list[tuple[int, int | None]] = []
    for one in items if isinstance(items, list) else [None]:
        id_, seen = (one.get("id"), one.get("seen_version")) if isinstance(one, dict) else (None, None)
        if not isinstance(id_, int) or not isinstance(seen, int | None):
            words = say("items 须为 [{id, seen_version}]。", "items must be [{id, seen_version}].")
            raise BadInput([Problem(words, "items")])
        found.append((id_, seen))
    return found


def given_of(body: dict[str, Any]) -> Any:
    """What a call sends, as the engine takes it."""
    given: dict[str, Any] = {name: str(body[name]) for name in TAKEN if body.get(name) is not None}
    given |= {name: number for name in NUMBERS if (number := values.whole(body.get(name))) is not None}
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
        "acting_for": item.for_whom,
        "submitted_at": item.submitted_at.isoformat(),
        "arrived_at": item.arrived_at.isoformat() if item.arrived_at else None,
        "due_at": item.due_at.isoformat() if item.due_at else None,
        "overdue": item.is_overdue,
        "round": item.round_no,
        "seen_version": item.seen,
        "object_type": item.object_type,
        "object_id": item.object_id,
    }


def _outcome(outcome: workflows.Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"id": outcome.request_id, "approved": outcome.refusal is None}
    if outcome.refusal is not None:
        found["error"] = {"code": outcome.refusal.code, "message": str(outcome.refusal.words)}
    return found


# ---- the description ---------------------------------------------------------------------------------------

TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
DAY, MOMENT = {"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}
ITEM = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "round", "seen_version", "object_id"), NUMBER),
        **dict.fromkeys(("no", "title", "flow", "step", "submitter", "acting_for", "object_type"), TEXT),
        **dict.fromkeys(("submitted_at", "arrived_at", "due_at"), MOMENT),
        "status": {"type": "string", "enum": [status.value for status in RequestStatus]},
        "overdue": FLAG,
    },
}
GIVEN = {
    "type": "object",
    "properties": {
        **dict.fromkeys(TAKEN, TEXT),
        **dict.fromkeys(NUMBERS, NUMBER),
        "place": {"type": "string", "enum": ["before", "parallel", "after"]},
    },
    "additionalProperties": {"description": "`field.<name>`: what the step fills in"},
}
TOGETHER = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "comment": TEXT,
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": NUMBER, "seen_version": NUMBER},
            },
        },
    },
}


def described() -> dict[str, Any]:
    """The paths of approvals in the description of the API (OpenAPI)."""
    one = _asked("id", NUMBER, where="path")
    verbs = [act.value for act in ApprovalAct if act.value in workflows.VERBS]
    verb = _asked("act", {"type": "string", "enum": verbs}, where="path")
    key = _asked("Idempotency-Key", TEXT, where="header")
    acted = {"type": "object", "properties": {"id": NUMBER, "status": TEXT, "replayed": FLAG}}
    paths: dict[str, Any] = {
        f"/approvals/{drawer}": {"get": _described(f"approvals_{drawer}", _list_of(ITEM), _filters(drawer))}
        for drawer in workflows.Drawer
    }
    shown = {
        "type": "object",
        "properties": {
            "id": NUMBER,
            "version_no": NUMBER,
            "content_hash": TEXT,
            "acts": {"type": "array", "items": {"type": "string", "enum": verbs}},
        },
    }
    outcome = {"type": "object", "properties": {"id": NUMBER, "approved": FLAG, "error": {"type": "object"}}}
    paths["/approvals/{id}"] = {"get": _described("approval", shown, [one])}
    paths["/approvals/{id}/{act}"] = {"post": _described("act_on_approval", acted, [one, verb, key], GIVEN)}
    paths["/approvals/approve"] = {"post": _described("approve_together", _list_of(outcome), [key], TOGETHER)}
    return paths


def _filters(drawer: workflows.Drawer) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {
        **dict.fromkeys(("search", "flow", "type"), TEXT),
        "submitter": NUMBER,
        "status": {"type": "string", "enum": [status.value for status in RequestStatus]},
        **dict.fromkeys(("overdue", "unread"), FLAG),
        **dict.fromkeys(("from", "to"), DAY),
        "sort": {"type": "string", "enum": list(workflows.SORTS[drawer])},
        "page": {"type": "integer", "minimum": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST},
    }
    return [_asked(name, kind) for name, kind in kinds.items()]


def _asked(name: str, kind: dict[str, Any], *, where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": kind}


def _list_of(kind: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"result": {"type": "array", "items": kind}, "has_next": FLAG}}


def _described(
    name: str, answer: dict[str, Any], parameters: list[dict[str, Any]], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    problem = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    refused = {"description": "Refused", **problem}
    found: dict[str, Any] = {
        "operationId": name,
        "tags": ["approvals"],
        "parameters": parameters,
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": answer}}},
            **dict.fromkeys(("400", "401", "403", "404", "409", "422"), refused),
        },
    }
    if body is not None:
        found["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return found
