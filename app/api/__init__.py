"""The same verbs as JSON: one resource per record type, and the description of all of them."""

from __future__ import annotations

from typing import Any

from app.api.approvals import ApprovalApi
from app.api.description import DescriptionView
from app.api.evaluation import EvaluationApi
from app.api.imports import ImportApi
from app.api.records import RecordApi


def register(framework: Any, models: tuple[type[Any], ...], read_only: frozenset[str]) -> None:
    """Give each of these record types its resource under `/api/v1/`."""
    for model in models:
        framework.add_api(RecordApi.of(model, read_only=model.__name__ in read_only))
    framework.add_api(ApprovalApi)
    framework.add_api(EvaluationApi)
    framework.add_api(ImportApi)
    framework.add_view_no_menu(DescriptionView)
