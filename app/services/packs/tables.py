"""The kinds of the base: code lists, parameters, positions, units, classes, the calendar, and roles with their grants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.extensions import db
from app.models import (
    AssignMode,
    ClassificationScheme,
    ClassificationValue,
    Lookup,
    OrgUnit,
    Parameter,
    PolicyKey,
    Position,
    RoleGrant,
    ValuePolicy,
    WorkingDay,
)
from app.roles import BREADTH, Act, Reach
from app.services import access
from app.services.packs.kinds import Form, Known, Loading, PackKind, Table, pack_kind, register
from app.services.values import plain_number
from app.words import Words, say

NAMES = {"code": "code", "zh": "name_zh", "en": "name_en"}
NAMED_CLASS = ("code", "zh", "en", "definition")
HUNDRED = 100
LABELS = "role"
"""The code list that holds what roles are called: `ab_role` has only their code."""
OF_FIELD = "."
"""What the code list of an added field has in its name: it goes with the field."""

register(
    Table(
        Lookup,
        {"category": "category", **NAMES, "position": "position", "active": "active"},
        key=("category", "code"),
        group="category",
        refs={"parent": ("parent_id", "lookups")},
        skip=lambda form: form["category"] == LABELS or OF_FIELD in form["category"],
    ),
    "lookups",
)
register(
    Table(
        Parameter,
        {
            "key": "key",
            "zh": "name_zh",
            "en": "name_en",
            "value": "value",
            "unit": "unit",
            "article": "article",
        },
        key=("key",),
    ),
    "parameters",
)
register(Table(Position, {**NAMES, "duties": "duties", "active": "active"}), "positions")
register(
    Table(WorkingDay, {"day": "on", "works": "is_working", "note": "note"}, key=("day",)),
    "calendar",
)


class Units(Table):
    """Organisation units; the path of each follows from its parents."""

    def write(self, forms: Mapping[str, Form], loading: Loading) -> None:
        super().write(forms, loading)
        units = {unit.id: unit for unit in db.session.scalars(select(OrgUnit))}
        for unit in units.values():
            unit.path = path_of(unit, units)
        db.session.flush()


def path_of(unit: OrgUnit, units: Mapping[int, OrgUnit]) -> str:
    """The ids from the root down to the unit, as `/1/4/9/`."""
    line = [unit.id]
    parent = units.get(unit.parent_id or 0)
    while parent is not None and parent.id not in line:
        line.append(parent.id)
        parent = units.get(parent.parent_id or 0)
    return "/" + "".join(f"{id_}/" for id_ in reversed(line))


register(
    Units(
        OrgUnit,
        {**NAMES, "kind": "kind", "function": "function", "active": "active"},
        refs={"parent": ("parent_id", "org_units")},
    ),
    "org_units",
)


# ---- classification schemes with their classes -------------------------------------------------------------


@pack_kind("classifications")
class Classifications(PackKind):
    """Ways of sorting customers; the classes stand inside their scheme, the first one ranking highest.

    A class may say how its customers are treated: `policies: {visits: 6, discount: 10}`.
    """

    words = ("code", "zh", "en", "assigned", "active", "values")
    inner = ("code", "zh", "en", "definition", "policies")

    def code_of(self, body: Mapping[str, Any]) -> str:
        return str(body.get("code") or "")

    def problems(self, body: Mapping[str, Any], _known: Known) -> Iterator[Words]:
        yield from plain_problems(body, self.words, ("code", "zh", "en", "values"))
        if body.get("assigned", "manual") not in AssignMode.__members__:
            yield say("“assigned”的值无效。", "'assigned' holds no valid value.")
        seen: set[str] = set()
        for value in body.get("values") or ():
            if not isinstance(value, Mapping):
                yield say("“values”应为条目列表。", "'values' must be a list of entries.")
                continue
            yield from plain_problems(value, self.inner, ("code", "zh", "en"))
            yield from _policy_problems(value.get("policies") or {})
            if value.get("code") in seen:
                yield say("编号“{code}”重复。", "The code '{code}' stands twice.", code=value.get("code"))
            seen.add(str(value.get("code")))

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        return {
            str(body["code"]): {
                "code": str(body["code"]),
                "zh": body["zh"],
                "en": body["en"],
                "assigned": body.get("assigned", "manual"),
                "active": body.get("active", True),
                "values": [_class_form(value, value.get("policies") or {}) for value in body["values"]],
            }
            for body in bodies
        }

    def standing(self) -> dict[str, Form]:
        values: dict[int, list[Form]] = {}
        policies: dict[int, dict[str, Decimal]] = {}
        for policy in db.session.scalars(select(ValuePolicy)):
            policies.setdefault(policy.value_id, {})[policy.policy_key.value] = policy.number
        ordered = select(ClassificationValue).where(ClassificationValue.active)
        for value in db.session.scalars(ordered.order_by(ClassificationValue.rank, ClassificationValue.id)):
            form = {
                "code": value.code,
                "zh": value.name_zh,
                "en": value.name_en,
                "definition": value.definition,
            }
            values.setdefault(value.scheme_id, []).append(_class_form(form, policies.get(value.id, {})))
        return {
            scheme.code: {
                "code": scheme.code,
                "zh": scheme.name_zh,
                "en": scheme.name_en,
                "assigned": scheme.assign_mode.value,
                "active": scheme.active,
                "values": values.get(scheme.id, []),
            }
            for scheme in db.session.scalars(select(ClassificationScheme))
        }

    def write(self, forms: Mapping[str, Form], _loading: Loading) -> None:
        schemes = {scheme.code: scheme for scheme in db.session.scalars(select(ClassificationScheme))}
        for code, form in forms.items():
            scheme = schemes.setdefault(code, ClassificationScheme(code=code))
            scheme.name_zh, scheme.name_en, scheme.active = form["zh"], form["en"], form["active"]
            scheme.assign_mode = AssignMode[form["assigned"]]
            db.session.add(scheme)
        db.session.flush()
        held = {
            (value.scheme_id, value.code): value for value in db.session.scalars(select(ClassificationValue))
        }
        for code, form in forms.items():
            self._write_values(schemes[code].id, form["values"], held)
        db.session.flush()

    def _write_values(
        self, scheme_id: int, values: Sequence[Form], held: Mapping[tuple[int, str], ClassificationValue]
    ) -> None:
        """The classes of one scheme; one that is no longer named is switched off, since customers may hold it."""
        for rank, form in enumerate(values, start=1):
            value = held.get((scheme_id, form["code"])) or ClassificationValue(
                scheme_id=scheme_id, code=form["code"]
            )
            value.name_zh, value.name_en = form["zh"], form["en"]
            value.definition, value.rank, value.active = form.get("definition"), rank, True
            db.session.add(value)
            db.session.flush()
            _write_policies(value.id, form.get("policies", {}))
        named = {form["code"] for form in values}
        for (owner, code), value in held.items():
            if owner == scheme_id and code not in named:
                value.active = False


def _class_form(value: Mapping[str, Any], policies: Mapping[str, Any]) -> Form:
    """One class as it is compared: numbers as text, in the order of the words."""
    form: Form = {word: str(value[word]) for word in NAMED_CLASS if value.get(word) is not None}
    numbers = {
        key.value: plain_number(Decimal(str(policies[key.value])))
        for key in PolicyKey
        if key.value in policies
    }
    return form | {"policies": numbers} if numbers else form


def _policy_problems(policies: Any) -> Iterator[Words]:
    if not isinstance(policies, Mapping):
        yield say("“policies”应为“要求: 数值”。", "'policies' must read 'treatment: number'.")
        return
    for key, number in policies.items():
        if key not in PolicyKey.__members__:
            yield say("未知的键“{word}”。", "The key '{word}' is unknown.", word=key)
        elif not re.fullmatch(r"\d{1,12}(\.\d{1,3})?", str(number)):
            yield say("“{word}”应为不小于零的数值。", "'{word}' must be a number from zero.", word=key)
        elif key == PolicyKey.discount.value and Decimal(str(number)) > HUNDRED:
            yield say("优惠不能超过 100 %。", "A discount is at most 100 %.")


def _write_policies(value_id: int, wanted: Mapping[str, str]) -> None:
    """How one class is treated; what is no longer said is left open again."""
    held = {
        one.policy_key.value: one
        for one in db.session.scalars(select(ValuePolicy).where(ValuePolicy.value_id == value_id))
    }
    for key, number in wanted.items():
        row = held.pop(key, None) or ValuePolicy(value_id=value_id, policy_key=PolicyKey[key])
        row.number = Decimal(number)
        db.session.add(row)
    for row in held.values():
        db.session.delete(row)


# ---- roles -------------------------------------------------------------------------------------------------


@pack_kind("roles", after=("lookups",))
class Roles(PackKind):
    """Roles with their grants, written `resource: {reach: [acts]}`; `like` takes over the grants of other roles."""

    words = ("code", "zh", "en", "like", "grants", "position", "active")

    def code_of(self, body: Mapping[str, Any]) -> str:
        return str(body.get("code") or "")

    def problems(self, body: Mapping[str, Any], known: Known) -> Iterator[Words]:
        yield from plain_problems(body, self.words, ("code", "zh", "en"))
        for code in body.get("like") or ():
            if code not in known.get("roles", set()):
                yield say("没有角色“{code}”。", "There is no role '{code}'.", code=code)
        grants = body.get("grants") or {}
        if not isinstance(grants, Mapping):
            yield say(
                "“grants”应为“记录类型: {范围: [动作]}”。", "'grants' must read 'resource: {reach: [acts]}'."
            )
            return
        for resource, reaches in grants.items():
            yield from _grant_problems(str(resource), reaches)

    def forms(self, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Form]:
        by_code = {str(body["code"]): body for body in bodies}
        return {
            code: {
                "code": code,
                "zh": body["zh"],
                "en": body["en"],
                "position": body.get("position", 0),
                "active": body.get("active", True),
                "grants": _as_form(_united(code, by_code)),
            }
            for code, body in by_code.items()
        }

    def standing(self) -> dict[str, Form]:
        grants: dict[int, dict[tuple[str, Act], Reach]] = {}
        for grant in db.session.scalars(select(RoleGrant)):
            grants.setdefault(grant.role_id, {})[grant.resource, grant.act] = grant.reach
        labels = self._labels()
        return {
            role.name: {
                "code": role.name,
                "zh": labels[role.name].name_zh,
                "en": labels[role.name].name_en,
                "position": labels[role.name].position,
                "active": labels[role.name].active,
                "grants": _as_form(grants.get(role.id, {})),
            }
            for role in db.session.scalars(select(Role))
            if role.name in labels
        }

    def write(self, forms: Mapping[str, Form], _loading: Loading) -> None:
        roles = {role.name: role for role in db.session.scalars(select(Role))}
        labels = self._labels()
        for code, form in forms.items():
            label = labels.get(code) or Lookup(category=LABELS, code=code)
            label.name_zh, label.name_en, label.position = form["zh"], form["en"], form["position"]
            label.active = form["active"]
            roles[code] = roles.get(code) or Role(name=code)
            db.session.add_all([label, roles[code]])
        db.session.flush()
        wanted = {roles[code].id: _as_grants(form["grants"]) for code, form in forms.items()}
        for grant in db.session.scalars(select(RoleGrant).where(RoleGrant.role_id.in_(wanted))):
            reach = wanted[grant.role_id].pop((grant.resource, grant.act), None)
            if reach is None:
                db.session.delete(grant)
            else:
                grant.reach = reach
        for role_id, grants in wanted.items():
            db.session.add_all(
                RoleGrant(role_id=role_id, resource=resource, act=act, reach=reach)
                for (resource, act), reach in grants.items()
            )
        db.session.flush()

    def _labels(self) -> dict[str, Lookup]:
        return {row.code: row for row in db.session.scalars(select(Lookup).where(Lookup.category == LABELS))}


def resources() -> set[str]:
    """The words grants may name: one for each record type, FAB's users and roles, and `*`."""
    own = {access.resource_of(mapper.class_) for mapper in access.mappers()}
    return own | {"ab_user", "ab_role", access.EVERYTHING}


def _grant_problems(resource: str, reaches: Any) -> Iterator[Words]:
    if resource not in resources():
        yield say("没有记录类型“{word}”。", "There is no record type '{word}'.", word=resource)
    if not isinstance(reaches, Mapping):
        yield say("“{word}”应为“范围: [动作]”。", "'{word}' must read 'reach: [acts]'.", word=resource)
        return
    for reach, acts in reaches.items():
        if reach not in Reach.__members__:
            yield say("没有范围“{word}”。", "There is no reach '{word}'.", word=reach)
        for act in acts if isinstance(acts, list) else [acts]:
            if act not in Act.__members__:
                yield say("没有动作“{word}”。", "There is no act '{word}'.", word=act)


def _united(
    code: str, bodies: Mapping[str, Mapping[str, Any]], seen: frozenset[str] = frozenset()
) -> dict[tuple[str, Act], Reach]:
    """The grants of a role and of those it is like; its own word counts, else the widest."""
    grants: dict[tuple[str, Act], Reach] = {}
    for other in bodies[code].get("like") or ():
        if other in bodies and other not in seen:
            for key, reach in _united(other, bodies, seen | {code}).items():
                if key not in grants or BREADTH.index(reach) > BREADTH.index(grants[key]):
                    grants[key] = reach
    return grants | _as_grants(bodies[code].get("grants") or {})


def _as_grants(form: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[tuple[str, Act], Reach]:
    return {
        (str(resource), Act[act]): Reach[reach]
        for resource, reaches in form.items()
        for reach, acts in reaches.items()
        for act in acts
    }


def _as_form(grants: Mapping[tuple[str, Act], Reach]) -> Form:
    """`resource: {reach: [acts]}` in one order, so that equal grants read equal."""
    form: dict[str, dict[str, list[str]]] = {}
    for (resource, act), reach in sorted(grants.items(), key=lambda item: (item[0][0], ORDER[item[0][1]])):
        form.setdefault(resource, {}).setdefault(reach.value, []).append(act.value)
    return form


ORDER = {act: place for place, act in enumerate(Act)}


# ---- entries in general ------------------------------------------------------------------------------------


def plain_problems(body: Mapping[str, Any], words: Sequence[str], needed: Sequence[str]) -> Iterator[Words]:
    """Unknown and missing keys of an entry."""
    for word in sorted(str(word) for word in set(body) - set(words)):
        yield say("未知的键“{word}”。", "The key '{word}' is unknown.", word=word)
    for word in needed:
        if not body.get(word):
            yield say("缺少“{word}”。", "'{word}' is missing.", word=word)
