"""The REST resource every record type gets from the schema alone.

Lists take `filter[field]=…`, `filter[field][op]=…`, `where` (a condition of the language), `search`, `sort=-field`, `limit`
and `cursor`, which says after which record to go on; FAB's Rison argument `q` is understood as well. An invisible record is a 404. Errors are `{"error": {"code", "message", "field"?}}`.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import prison
from flask import Response, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.api import ModelRestApi
from flask_appbuilder.models.sqla.interface import SQLAInterface
from prison.decoder import ParserException
from werkzeug.exceptions import UnsupportedMediaType

from app import workflows
from app.columns import Choice
from app.errors import BadRequest
from app.extensions import db, transaction
from app.roles import Act
from app.services import access, filtering, keyset, records, values
from app.services.fields import Field, Kind
from app.views.guards import needs
from app.views.web import once
from app.words import say

LIMITS = range(1, 201)
MOST_PAGES = 100_000
FAB_OPS = {
    "eq": "is",
    "ct": "has",
    "sw": "starts",
    "gt": "from",
    "lt": "to",
    "rel_o_m": "in",
    "in": "in",
}
"""FAB's names of comparisons in ours. `gt` and `lt` are inclusive here: the field's own bounds, as on the screens."""


class RecordApi(ModelRestApi):
    """List, get, create, change and bin records of one type."""

    model: ClassVar[type[Any]]
    resource: ClassVar[str]
    read_only: ClassVar[bool] = False
    csrf_exempt = False
    allow_browser_login = True
    openapi_spec_methods: ClassVar[dict[str, Any]] = {}

    @classmethod
    def of(cls, model: type[Any], *, read_only: bool) -> type[RecordApi]:
        """The resource class of a record type."""
        resource = access.resource_of(model)
        parts = {
            "model": model,
            "resource": resource,
            "read_only": read_only,
            "resource_name": resource,
            "class_permission_name": resource,
            "datamodel": SQLAInterface(model, db.session),
        }
        return type(f"{model.__name__}Api", (cls,), parts)

    def _init_properties(self) -> None:
        """FAB would read the columns of the model; the schema's fields are ours."""

    def _init_model_schemas(self) -> None:
        """FAB would make marshmallow schemas; `services.values` reads and writes values."""

    def _init_titles(self) -> None:
        """Labels come from the schema."""

    # ---- reading -------------------------------------------------------------------------------------------

    @expose("/_info", methods=["GET"])
    @needs(Act.read)
    def info(self) -> Response:
        """The fields of this record type, as this person may see and type them."""
        typed = {field.name for field in records.editable_fields(self.model)}
        described = [
            {
                "name": field.name,
                "kind": field.kind.value,
                "label": str(field.label),
                "required": field.required,
                "editable": field.name in typed and not self.read_only,
                "choices": [{"value": c.value, "label": str(c.words)} for c in field.choices or ()],
            }
            for field in records.visible_fields(self.model)
        ]
        return jsonify(resource=self.resource, fields=described)

    @expose("/", methods=["GET"])
    @needs(Act.read)
    def get_list(self) -> Response:
        """A page of records; `next` is the cursor of the following one."""
        query = self._query()
        fields = records.visible_fields(self.model)
        page = records.page_of(query, fields=fields)
        last = page.rows[-1] if page.has_next else None
        return jsonify(
            count=page.total,
            count_is_capped=page.is_capped,
            ids=[row.id for row in page.rows],
            result=[row_of(row, fields) for row in page.rows],
            next=None if last is None else keyset.word(query.sort, keyset.of(query.sort, last)),
        )

    @expose("/<int:pk>", methods=["GET"])
    @needs(Act.read)
    def get(self, pk: int) -> Response:
        """One record."""
        record = records.find(self.model, pk)
        return jsonify(id=record.id, result=row_of(record, records.visible_fields(self.model, of=record)))

    def _query(self) -> records.Query:
        asked = _rison(request.args.get("q"))
        found = [self._rison_condition(item) for item in asked.get("filters", [])]
        found += [c for key in request.args if (c := self._plain_condition(key)) is not None]
        sort = records.sort_of(self.model, request.args.get("sort", "") or _rison_sort(asked))
        page = values.whole(asked.get("page", 0), MOST_PAGES)
        cursor = request.args.get("cursor", "")
        return records.Query(
            model=self.model,
            search=request.args.get("search", ""),
            conditions=tuple(found),
            sort=sort,
            page=(page or 0) + 1,
            size=_limit(asked.get("page_size", records.SIZES[0])),
            where=records.where(self.model, request.args.get("where", "")),
            start=keyset.Start(keyset.read(sort, cursor)) if cursor else None,
        )

    def _plain_condition(self, key: str) -> filtering.Condition | None:
        found = re.fullmatch(r"filter\[([\w.]+)\](?:\[(\w+)\])?", key)
        if found is None:
            return None
        raw = ",".join(request.args.getlist(key))
        return records.condition(self.model, found[1], found[2] or self._usual_op(found[1]), raw)

    def _rison_condition(self, item: Any) -> filtering.Condition:
        if not isinstance(item, dict) or "col" not in item:
            raise BadRequest(say("参数 q 的筛选条件写法不对。", "The filters of argument q are malformed."))
        name = str(item["col"])
        op = FAB_OPS.get(str(item.get("opr", "")), str(item.get("opr", "")))
        return records.condition(
            self.model, name, self._usual_op(name) if op == "is" else op, str(item.get("value", ""))
        )

    def _usual_op(self, name: str) -> str:
        """What `filter[field]=value` means for the kind of field."""
        field = next((f for f in records.visible_fields(self.model) if f.name == name), None)
        return "in" if field is not None and field.kind in {Kind.choice, Kind.relation} else "is"

    # ---- writing -------------------------------------------------------------------------------------------

    @expose("/", methods=["POST"])
    @needs(Act.create)
    def post(self) -> tuple[Response, int]:
        """A new record."""
        self._refuse_read_only()
        with transaction():
            command = once()
            record = records.create(self.model, body_of())
            answer = row_of(record, records.visible_fields(self.model, of=record))
            command.led_to("", {"id": answer["id"], "result": answer})
        return jsonify(id=answer["id"], result=answer), 201

    @expose("/<int:pk>", methods=["PUT"])
    @needs(Act.edit)
    def put(self, pk: int) -> Response:
        """Change the named fields; with `version_no`, only if nobody changed the record since."""
        self._refuse_read_only()
        body = body_of()
        version = body.pop("version_no", None)
        if (seen := values.whole(version)) is None and version is not None:
            raise BadRequest(say("version_no 不是版本号。", "version_no is no version."))
        with transaction():
            record = records.find(self.model, pk, Act.edit)
            self._check_editable(record)
            records.change(record, body, seen)
            answer = row_of(record, records.visible_fields(self.model, of=record))
        return jsonify(id=pk, result=answer)

    @expose("/<int:pk>", methods=["DELETE"])
    @needs(Act.delete)
    def delete(self, pk: int) -> Response:
        """Put a record in the bin."""
        self._refuse_read_only()
        with transaction():
            record = records.find(self.model, pk, Act.delete)
            self._check_editable(record)
            records.remove(record)
        return jsonify(id=pk)

    @expose("/<int:pk>/restore", methods=["POST"])
    @needs(Act.delete)
    def restore(self, pk: int) -> Response:
        """Take a record out of the bin; who may delete it may bring it back."""
        self._refuse_read_only()
        with transaction():
            record = records.restore(self.model, pk)
            answer = row_of(record, records.visible_fields(self.model, of=record))
        return jsonify(id=pk, result=answer)

    @expose("/<int:pk>/move/<verb>", methods=["POST"])
    @needs(Act.read)
    def move(self, pk: int, verb: str) -> Response:
        """One of the record's moves, or `submit` for approval; the machine and the engine ask for the right of each."""
        self._refuse_read_only()
        body = body_of() if request.data else {}
        with transaction():
            record = records.find(self.model, pk)
            if verb == "submit" and workflows.buttons(record).can_submit:
                workflows.submit(record, idem_key=request.headers.get("Idempotency-Key"))
            else:
                workflows.move(record, verb, body.get("reason"))
            answer = row_of(record, records.visible_fields(self.model, of=record))
        return jsonify(id=pk, result=answer)

    def _check_editable(self, record: Any) -> None:
        records.refuse_deleted(record)
        workflows.check_editable(record)

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise BadRequest(
                say(
                    "这类记录由系统生成，不能直接修改。",
                    "Such records are made by the system and cannot be written.",
                )
            )


def row_of(record: Any, fields: tuple[Field, ...]) -> dict[str, Any]:
    """A record as JSON: amounts as decimal text, moments in UTC, related records with their title."""
    row: dict[str, Any] = {"id": record.id}
    if hasattr(record, "version_no"):
        row["version_no"] = record.version_no
    for field in fields:
        value = getattr(record, field.name)
        row[field.name] = _json(field, value)
        if field.kind is Kind.relation and field.relation:
            row[f"{field.relation}_title"] = records.text_of(record, field) if value is not None else None
    return row


def _json(field: Field, value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Choice):
        return value.value
    if field.kind is Kind.choices:
        return value.split(",")
    if field.is_number:
        return values.plain_number(value)
    return value.isoformat() if field.kind in {Kind.date, Kind.moment} else value


def body_of() -> dict[str, Any]:
    """The JSON object that was sent."""
    try:
        body = request.get_json()
    except UnsupportedMediaType:
        body = None
    if isinstance(body, dict):  # several choices are a list of texts
        body = {name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in body.items()}
    if not isinstance(body, dict) or not all(
        isinstance(v, (str, int, float, bool, type(None))) for v in body.values()
    ):
        raise BadRequest(
            say(
                "请求内容应为一个 JSON 对象，值为文字、数字或是否。",
                "Send one JSON object of texts, numbers and booleans.",
            )
        )
    return body


def _rison(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        asked = prison.loads(text)
    except (ParserException, ValueError, IndexError, TypeError):
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("filters", []), list):
        raise BadRequest(say("参数 q 不是有效的 Rison。", "Argument q is no valid Rison."))
    return asked


def _rison_sort(asked: dict[str, Any]) -> str:
    column = str(asked.get("order_column", ""))
    return f"-{column}" if column and asked.get("order_direction") == "desc" else column


def _limit(default: Any) -> int:
    limit = values.whole(request.args.get("limit", default))
    if limit is None or limit not in LIMITS:
        raise BadRequest(say("limit 应为 1 至 200。", "limit must be 1 to 200."))
    return limit
