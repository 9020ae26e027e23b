"""Plans, needs, the list of key customers, and the written policies."""

from __future__ import annotations

from app.models import KeyList, KeyListRow, Need, Plan, PlanLine, PolicyDocument
from app.views.base import RecordView


class NeedView(RecordView):
    """What customers require, in editions."""

    model = Need
    area = "needs"


class PlanView(RecordView):
    """Plans, with their lines."""

    model = Plan
    area = "development"
    tabs_of = (PlanLine,)
    typed_with = PlanLine


class PlanLineView(RecordView):
    """The lines of plans."""

    model = PlanLine
    area = "development"


class KeyListView(RecordView):
    """The yearly lists of key customers, with their rows."""

    model = KeyList
    area = "visits"
    tabs_of = (KeyListRow,)
    typed_with = KeyListRow


class KeyListRowView(RecordView):
    """The customers on these lists."""

    model = KeyListRow
    area = "visits"


class PolicyDocumentView(RecordView):
    """The policies of the company, in editions."""

    model = PolicyDocument
    area = "risk"


VIEWS = (NeedView, PlanView, PlanLineView, KeyListView, KeyListRowView, PolicyDocumentView)
