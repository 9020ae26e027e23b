"""Visits, complaints and service, and the tasks that come of them."""

from __future__ import annotations

from app.models import ServiceCase, Task, Visit
from app.views.base import RecordView


class TaskView(RecordView):
    """What somebody must do by a date."""

    model = Task
    area = "today"


class VisitView(RecordView):
    """Visits, planned and recorded."""

    model = Visit
    area = "visits"


class ServiceCaseView(RecordView):
    """Complaints and other cases."""

    model = ServiceCase
    area = "service"


VIEWS = (TaskView, VisitView, ServiceCaseView)
