"""The description of the API (OpenAPI 3.0), generated from the schema, for people who are signed in."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView

from app.api import approvals
from app.api.records import RecordApi
from app.services import filtering, records
from app.services.fields import NUMBERS, Field, Kind, fields_of, labels_of
from app.views.guards import needs_account

JSON_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.integer: {"type": "integer"},
    Kind.flag: {"type": "boolean"},
    Kind.date: {"type": "string", "format": "date"},
    Kind.moment: {"type": "string", "format": "date-time"},
    Kind.relation: {"type": "integer"},
    Kind.file: {"type": "integer"},
    Kind.choices: {"type": "array"},
    **{kind: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"} for kind in NUMBERS - {Kind.integer}},
}


class DescriptionView(BaseView):
    """`/openapi.json`."""

    route_base = ""

    @expose("/openapi.json")
    @needs_account
    def describe(self) -> Response:
        """What there is to call, in the reader's language."""
        apis = [
            view for view in current_app.extensions["appbuilder"].baseviews if isinstance(view, RecordApi)
        ]
        paths: dict[str, Any] = {}
        for api in apis:
            paths.update(_paths(api))
        paths.update(approvals.described())
        return jsonify(
            openapi="3.0.3",
            info={"title": "Guanhu", "version": "1"},
            servers=[{"url": "/api/v1"}],
            paths=paths,
            components={
                "schemas": {
                    "Error": _error(),
                    **{api.resource: _schema(api.model) for api in apis},
                    **{f"{api.resource}_input": _input(api.model) for api in apis},
                },
                "securitySchemes": {
                    "key": {"type": "http", "scheme": "bearer"},
                    "cookie": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": current_app.config["SESSION_COOKIE_NAME"],
                    },
                },
            },
            security=[{"key": []}, {"cookie": []}],
        )


def _paths(api: RecordApi) -> dict[str, Any]:
    resource, label = api.resource, str(labels_of(api.model))
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    listed: dict[str, Any] = {
        "get": _operation(
            f"list_{resource}", label, resource, parameters=_list_parameters(api.model), many=True
        )
    }
    single: dict[str, Any] = {"get": _operation(f"get_{resource}", label, resource, parameters=[one])}
    if not api.read_only:
        listed["post"] = _operation(f"create_{resource}", label, resource, body=True, done="201")
        single["put"] = _operation(f"change_{resource}", label, resource, parameters=[one], body=True)
        single["delete"] = _operation(f"delete_{resource}", label, resource, parameters=[one])
    found = {f"/{resource}/": listed, f"/{resource}/{{id}}": single}
    if not api.read_only and hasattr(api.model, "deleted_at"):
        restoring = _operation(f"restore_{resource}", label, resource, parameters=[one])
        found[f"/{resource}/{{id}}/restore"] = {"post": restoring}
    return found


def _operation(name: str, label: str, resource: str, **options: Any) -> dict[str, Any]:
    """One operation; `options` are its parameters, whether it takes a body, answers many, and its status when done."""
    row = {"$ref": f"#/components/schemas/{resource}"}
    result: dict[str, Any] = {"type": "array", "items": row} if options.get("many") else row
    answer = {"type": "object", "properties": {"result": result}}
    done = {"description": "OK", "content": {"application/json": {"schema": answer}}}
    problem = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    refused = {code: {"description": text, **problem} for code, text in REFUSALS.items()}
    operation = {
        "operationId": name,
        "summary": f"{name.split('_', maxsplit=1)[0]} {label}",
        "tags": [resource],
        "parameters": options.get("parameters", []),
        "responses": {options.get("done", "200"): done, **refused},
    }
    if options.get("body"):
        schema = {"$ref": f"#/components/schemas/{resource}_input"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


REFUSALS = {
    "400": "Malformed",
    "401": "Not signed in",
    "403": "Not allowed",
    "404": "Not there, or not to be seen",
    "409": "Refused by a rule, or changed meanwhile",
    "422": "What was sent breaks rules",
}


def _list_parameters(model: type[Any]) -> list[dict[str, Any]]:
    plain = [
        {"name": "search", "in": "query", "schema": {"type": "string"}},
        {"name": "where", "in": "query", "schema": {"type": "string"}},
        {"name": "sort", "in": "query", "schema": {"type": "string"}},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200}},
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
    ]
    filters = [
        {"name": f"filter[{field.name}][{op}]", "in": "query", "schema": {"type": "string"}}
        for field in records.filterable(model)
        for op in filtering.OPS.get(field.kind, ())
    ]
    return plain + filters


def _schema(model: type[Any]) -> dict[str, Any]:
    own = {field.name: _property(field) for field in records.visible_fields(model)}
    return {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "version_no": {"type": "integer"}, **own},
    }


def _input(model: type[Any]) -> dict[str, Any]:
    added = (field for field in records.visible_fields(model) if field.item is not None)
    own = {field.name: _property(field) for field in (*fields_of(model), *added) if field.info.edit}
    return {"type": "object", "properties": {"version_no": {"type": "integer"}, **own}}


def _property(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {**JSON_TYPES.get(field.kind, {"type": "string"}), "title": str(field.label)}
    if field.choices is not None:
        described["enum"] = [member.value for member in field.choices]
    if field.kind is Kind.choices:
        described["items"] = {"type": "string", "enum": [option.code for option in field.options]}
    if field.max_length and field.kind is Kind.text:
        described["maxLength"] = field.max_length
    if not field.required:
        described["nullable"] = True
    return described


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    inner = {"type": "object", "properties": {"code": text, "message": text, "field": text, "article": text}}
    return {"type": "object", "properties": {"error": inner}}
