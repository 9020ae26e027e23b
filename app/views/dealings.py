"""Dealings with customers: account entries, survey answers, talks, events, chances, projects, risks."""

from __future__ import annotations

from app.models import (
    AccountEntry,
    Event,
    Interaction,
    Opportunity,
    Participant,
    Project,
    Risk,
    SurveyAnswer,
)
from app.views.base import RecordView


class OpportunityView(RecordView):
    """Chances to win customers and orders."""

    model = Opportunity
    area = "development"


class ProjectView(RecordView):
    """Projects with customers."""

    model = Project
    area = "needs"


class InteractionView(RecordView):
    """Talks with customers."""

    model = Interaction
    area = "visits"


class EventView(RecordView):
    """Meetings, trainings, promotions and care, with who came."""

    model = Event
    area = "visits"
    tabs_of = (Participant,)


class ParticipantView(RecordView):
    """Who was invited to an event, and who came."""

    model = Participant
    area = "visits"


class SurveyAnswerView(RecordView):
    """Customers asked, and what they answered."""

    model = SurveyAnswer
    area = "service"


class AccountEntryView(RecordView):
    """Invoices and payments."""

    model = AccountEntry
    area = "service"


class RiskView(RecordView):
    """Risks with customers."""

    model = Risk
    area = "risk"


VIEWS = (
    OpportunityView,
    ProjectView,
    InteractionView,
    EventView,
    ParticipantView,
    SurveyAnswerView,
    AccountEntryView,
    RiskView,
)
