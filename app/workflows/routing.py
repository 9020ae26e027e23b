"""Where a request goes and when a step is decided: pure functions over votes and conditions, no database."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from app.models import QuorumMode, RejectPolicy
from app.workflows.flow import END, Flow, Seat, Step

Holds = Callable[[str | None], bool]
"""Whether a condition holds for the facts of the request; raises when it cannot be decided."""


class Vote(enum.Enum):
    """What a duty on a seat has come to."""

    open = enum.auto()
    approved = enum.auto()
    rejected = enum.auto()


class Outcome(enum.Enum):
    """What a seat or step has come to."""

    open = enum.auto()
    approved = enum.auto()
    rejected = enum.auto()


def need_of(seat: Seat, weights: Sequence[int]) -> int:
    """How many votes, or how much weight, a seat needs of people with these weights (1 each without weights)."""
    size = sum(weights)
    if seat.mode is QuorumMode.any:
        return 1
    if seat.mode in {QuorumMode.all, QuorumMode.sequential}:
        return size
    if seat.mode is QuorumMode.ratio:
        return max(1, ceil((seat.share or Fraction(1)) * size))
    return seat.need or size


def fewest(weights: Sequence[int], need: int) -> int:
    """How few people reach `need` votes, when the heaviest agree first; all of them where it is never reached."""
    votes = 0
    for number, weight in enumerate(sorted(weights, reverse=True), start=1):
        votes += weight
        if votes >= need:
            return number
    return len(weights)


def outcome(votes: Iterable[tuple[Vote, int]], need: int, policy: RejectPolicy) -> Outcome:
    """What a seat has come to: decided at the first vote that fixes it."""
    weight = dict.fromkeys(Vote, 0)
    for vote, weighs in votes:
        weight[vote] += weighs
    if weight[Vote.approved] >= need:
        return Outcome.approved
    if policy is RejectPolicy.one and weight[Vote.rejected]:
        return Outcome.rejected
    if weight[Vote.approved] + weight[Vote.open] < need:
        return Outcome.rejected
    return Outcome.open


def step_outcome(seats: Iterable[tuple[Outcome, bool]]) -> Outcome:
    """What a step has come to, from the outcome of each seat and whether it is optional."""
    deciding = [result for result, optional in seats if not optional]
    if Outcome.rejected in deciding:
        return Outcome.rejected
    return Outcome.open if Outcome.open in deciding else Outcome.approved


@dataclass(frozen=True, slots=True)
class Way:
    """What comes after a step: those passed over, with the condition that was not met, and the next to open."""

    skipped: tuple[Step, ...]
    step: Step | None


def first(flow: Flow, holds: Holds) -> Way:
    """The way from the submission on."""
    return _walk(flow, flow.steps[0], holds)


def after(flow: Flow, step: Step, holds: Holds) -> Way:
    """The way from a step that was approved on."""
    return _walk(flow, _follower(flow, step, holds), holds)


def _walk(flow: Flow, step: Step | None, holds: Holds) -> Way:
    skipped: list[Step] = []
    while step is not None and not is_needed(step, holds):
        skipped.append(step)
        step = _follower(flow, step, holds)
    return Way(tuple(skipped), step)


def is_needed(step: Step, holds: Holds) -> bool:
    """Whether a step applies: its own condition holds, and a seat of it that decides."""
    return holds(step.when) and any(holds(seat.when) and not seat.optional for seat in step.seats)


def _follower(flow: Flow, step: Step, holds: Holds) -> Step | None:
    for edge in step.next:
        if holds(edge.when):
            return None if edge.to == END else flow.step(edge.to)
    place = flow.ordinal(step.key) + 1
    return flow.steps[place] if place < len(flow.steps) else None


def path(flow: Flow, holds: Holds, start: Step | None = None) -> list[Step]:
    """The steps a request will go through if all agree, from the submission or from after `start`."""
    way = after(flow, start, holds) if start else first(flow, holds)
    found: list[Step] = []
    while way.step is not None:
        found.append(way.step)
        way = after(flow, way.step, holds)
    return found
