"""Whether a flow can be run before anybody runs it: every step reached, somebody to decide it, no law broken.

Errors stop publication; warnings are acknowledged by whoever publishes. Each finding names its rule (`RULES`), its
place, and where there is one a case that shows it: values of a record, or the person whose request would be stuck.
What cannot be told beforehand (people a field of the record names, evidence nobody brings) the engine refuses itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.services import access
from app.words import Words
from app.workflows.flow import read
from app.workflows.verifying.cases import Cases
from app.workflows.verifying.documents import of_form, of_references, references
from app.workflows.verifying.findings import RULES, Finding, first_of_each
from app.workflows.verifying.outcomes import of_outcomes
from app.workflows.verifying.sitting import of_people as _of_people
from app.workflows.verifying.staff import Company, Staff
from app.workflows.verifying.tables import of_documents, of_tables
from app.workflows.verifying.ways import MUST_PASS, of_ways, words_of

__all__ = [
    "MUST_PASS",
    "RULES",
    "Cases",
    "Company",
    "Finding",
    "Path",
    "Staff",
    "of_document",
    "of_people",
    "paths",
    "references",
    "verify",
]


def verify(body: Mapping[str, Any], staff: Staff | None = None) -> list[Finding]:
    """Everything wrong with a flow, for the company as it stands today unless other `staff` is given; errors first."""
    with access.acting(access.SYSTEM):
        return _check(body, Company() if staff is None else staff)


def of_document(body: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with a flow from its document alone, whoever works here."""
    return _check(body, None)


@dataclass(frozen=True, slots=True)
class Path:
    """One way through a flow: how many of the generated cases take it, and one of them in words."""

    path: tuple[str, ...]
    names: tuple[Words, ...]
    count: int
    share: float
    """Of all generated cases, from 0 to 1."""
    case: Words
    undecided: str | None
    """The condition at which it stops because a value is missing."""


def paths(body: Mapping[str, Any]) -> list[Path]:
    """The ways the generated cases take, the most frequent first (V17); raises `BadInput` for what is no flow."""
    flow = read(body)
    cases = Cases(flow)
    total = sum(way.count for way in cases.ways)
    return [
        Path(way.keys, words_of(flow, way), way.count, way.count / total, cases.case(way.cell), way.undecided)
        for way in cases.ways
    ]


def of_people(body: Mapping[str, Any], staff: Staff | None = None) -> list[Finding]:
    """Whether there is somebody to decide every step of everybody's request, for a flow that is sound in itself."""
    flow = of_form(body)
    if isinstance(flow, list):
        return flow
    with access.acting(access.SYSTEM):
        return first_of_each(list(_of_people(flow, Cases(flow), staff or Company())))


def _check(body: Mapping[str, Any], staff: Staff | None) -> list[Finding]:
    flow = of_form(body)
    if isinstance(flow, list):
        return first_of_each(flow)
    if wrong := of_references(flow, staff.known if staff else None):
        return first_of_each(wrong)
    cases = Cases(flow)
    found = [*of_ways(flow, cases), *of_tables(flow, cases), *of_documents(flow), *of_outcomes(flow, cases)]
    if staff is not None:
        found += _of_people(flow, cases, staff)
    return first_of_each(found)
