"""What administrators change as data: organisation, people, code lists, parameters, classes, roles."""

from __future__ import annotations

from app.models import (
    ClassificationScheme,
    ClassificationValue,
    Employee,
    Lookup,
    OrgUnit,
    Parameter,
    Position,
    RoleGrant,
    WorkingDay,
)
from app.views.base import RecordView


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


VIEWS = (
    OrgUnitView,
    EmployeeView,
    PositionView,
    RoleGrantView,
    LookupView,
    ParameterView,
    WorkingDayView,
    ClassificationSchemeView,
    ClassificationValueView,
)
