"""What administrators change as data: organisation, people, code lists, parameters, classes, roles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.columns import Rows
from app.models import (
    ClassificationScheme,
    ClassificationValue,
    Employee,
    InfoItem,
    Lookup,
    OrgUnit,
    Parameter,
    Position,
    RoleGrant,
    ValuePolicy,
    WorkingDay,
)
from app.services.extra_definitions import extended
from app.services.fields import KINDS, labels_of, models_by_resource
from app.views import pages
from app.views.base import RecordView
from app.words import Words


class OrgUnitView(RecordView):
    """The organisation tree."""

    model = OrgUnit
    area = "settings"


class PositionView(RecordView):
    """The posts people hold."""

    model = Position
    area = "settings"


class EmployeeView(RecordView):
    """The people of the company."""

    model = Employee
    area = "settings"


class RoleGrantView(RecordView):
    """Who may what, and how far."""

    model = RoleGrant
    area = "settings"


class InfoItemView(RecordView):
    """The fields administrators added to record types."""

    model = InfoItem
    area = "settings"
    menu_label = Words("字段与表单", "Fields and forms")

    def dressed(self, page: pages.FormPage) -> pages.FormPage:
        """Record types are chosen from those that take fields, and those that can be pointed to."""
        every = models_by_resource()
        takes, pointed = extended(), {name: model for name, model in every.items() if is_pointed_to(model)}
        kinds = tuple(pages.Choice(kind.value, kind.words) for kind in KINDS)
        offered = {"object_type": choices_of(takes), "target": choices_of(pointed), "data_type": kinds}
        return replace(
            page,
            sections=tuple(
                replace(
                    section,
                    fields=tuple(
                        replace(one, kind="choice", choices=offered[one.name]) if one.name in offered else one
                        for one in section.fields
                    ),
                )
                for section in page.sections
            ),
        )


def is_pointed_to(model: type[Any]) -> bool:
    """Whether an extra field may lead to records of this type: people may read them one by one."""
    return model.__rows__ in {Rows.owned, Rows.shared} and hasattr(model, "__title__")


def choices_of(models: dict[str, type[Any]]) -> tuple[pages.Choice, ...]:
    """Record types as entries of an input."""
    return tuple(pages.Choice(name, labels_of(model)) for name, model in models.items())


class LookupView(RecordView):
    """The code lists."""

    model = Lookup
    area = "settings"


class ParameterView(RecordView):
    """The values the policies leave to the company."""

    model = Parameter
    area = "settings"


class WorkingDayView(RecordView):
    """Days the company's calendar treats otherwise."""

    model = WorkingDay
    area = "settings"


class ClassificationSchemeView(RecordView):
    """The ways of sorting customers."""

    model = ClassificationScheme
    area = "settings"
    tabs_of = (ClassificationValue,)


class ClassificationValueView(RecordView):
    """The classes of a scheme."""

    model = ClassificationValue
    area = "settings"
    tabs_of = (ValuePolicy,)


class ValuePolicyView(RecordView):
    """How customers of each class are treated."""

    model = ValuePolicy
    area = "settings"


VIEWS = (
    OrgUnitView,
    EmployeeView,
    PositionView,
    RoleGrantView,
    InfoItemView,
    LookupView,
    ParameterView,
    WorkingDayView,
    ClassificationSchemeView,
    ClassificationValueView,
    ValuePolicyView,
)
