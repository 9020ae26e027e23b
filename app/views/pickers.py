"""What the pickers ask: records of a type by what was typed, never the whole table."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from flask_appbuilder.security.sqla.models import Role

from app.columns import Rows
from app.errors import NotFound
from app.roles import Act
from app.services import access, codes, records
from app.services.fields import models_by_resource
from app.views.guards import needs_account
from app.views.lists import LONGEST_SEARCH
from app.words import say

PLAIN = {"ab_role": Role}


class PickView(BaseView):
    """One address for every picker; it shows what the person may read."""

    route_base = "/pick"

    @expose("/<resource>")
    @needs_account
    def pick(self, resource: str) -> Any:
        """Up to twenty records: `{"results": [{"value", "text", "note"}]}`."""
        model = PLAIN.get(resource) or models_by_resource().get(resource)
        if model is None or getattr(model, "__rows__", Rows.shared) is Rows.inner:
            raise NotFound(say("没有这种记录。", "There is no such kind of record."))
        if getattr(model, "__rows__", Rows.shared) is not Rows.shared:
            access.principal().check(Act.read, resource)
        text = request.args.get("q", "").strip()[:LONGEST_SEARCH]
        if model is Role:
            return jsonify(results=_roles(text))
        found = records.pick(model, text, category=request.args.get("category", ""))
        return jsonify(
            results=[{"value": str(id_), "text": title, "note": note} for id_, title, note in found]
        )


def _roles(text: str) -> list[dict[str, str]]:
    """The roles whose code or name in the reader's language holds this text."""
    names = codes.roles()
    found = []
    for id_, code, _note in records.pick(Role, "", limit=records.MOST_COUNTED):
        name = str(names[code].words) if code in names else code
        if text.lower() in f"{code} {name}".lower():
            found.append({"value": str(id_), "text": name, "note": ""})
    return found[: records.PICKED]
