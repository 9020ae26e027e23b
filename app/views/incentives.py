"""Incentives for new customers: their rules, the months, each seller's sheet, and what is suspected of fraud."""

from __future__ import annotations

from app.models import IncentiveFraud, IncentiveLine, IncentiveMonth, IncentiveSheet, ThresholdRule
from app.roles import Act
from app.services import access
from app.views import lists
from app.views.base import RecordView


class ThresholdRuleView(RecordView):
    """The numbers of the policy."""

    model = ThresholdRule
    area = "settings"


class IncentiveMonthView(RecordView):
    """A month: computed, decided on, handed to payroll."""

    model = IncentiveMonth
    area = "development"
    tabs_of = (IncentiveSheet,)


class IncentiveSheetView(RecordView):
    """What a person gets for a month, with the reasons; made by the engine alone, taken out for payroll."""

    model = IncentiveSheet
    area = "development"
    read_only = True
    tabs_of = (IncentiveLine,)

    def list_acts(self) -> lists.ListActs:
        acts = super().list_acts()
        if access.principal().may(Act.take_out, self.resource):
            acts.exports = tuple(self._export_acts())
        return acts


class IncentiveFraudView(RecordView):
    """Customers suspected to be new in name only."""

    model = IncentiveFraud
    area = "development"


VIEWS = (IncentiveMonthView, IncentiveSheetView, IncentiveFraudView, ThresholdRuleView)
