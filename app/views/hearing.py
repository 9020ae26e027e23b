"""What the rated is told of his result and objects to it; and what inspections found."""

from __future__ import annotations

from app.models import EvalAppeal, EvalFeedback, Inspection, InspectionItem
from app.views.base import RecordView


class EvalFeedbackView(RecordView):
    """Results told to those they are about, with their opinion."""

    model = EvalFeedback
    area = "evaluation"


class EvalAppealView(RecordView):
    """Objections to grades, decided by approval."""

    model = EvalAppeal
    area = "evaluation"


class InspectionView(RecordView):
    """Inspections of units, item by item."""

    model = Inspection
    area = "risk"
    tabs_of = (InspectionItem,)
    typed_with = InspectionItem


class InspectionItemView(RecordView):
    """The items of inspections."""

    model = InspectionItem
    area = "risk"


VIEWS = (EvalFeedbackView, EvalAppealView, InspectionView, InspectionItemView)
