"""What a flow brings about and asks for on the way: states, deadlines, votes, evidence (V9, V11, V14, V15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import inspect

from app.models import QuorumMode
from app.services.calendar import Span
from app.services.fields import Field, field_named
from app.words import Words, say
from app.workflows import machine, subjects
from app.workflows.flow import Flow, Seat, Step
from app.workflows.verifying.cases import Cases, Way
from app.workflows.verifying.documents import steps_before
from app.workflows.verifying.findings import Finding


def of_outcomes(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """What is wrong with what a flow asks for and brings about."""
    for step in flow.steps:
        yield from _times(step)
        yield from _votes(step)
        yield from _unfilled(flow, step)
        yield from _unsupplied(flow, step)
    yield from _states(flow, cases)


# ---- deadlines ----------------------------------------------------------------------------------------------

DAYS: dict[str, tuple[float, float]] = {"wh": (1 / 24, 1 / 3), "wd": (1, 1.4), "d": (1, 1), "mo": (28, 31)}
"""How many days of the calendar one of each unit takes at the least and at the most, holidays left aside."""
HOLIDAYS = 10
"""Days a span in working time may take longer still."""


def _length(text: str) -> tuple[float, float]:
    """A span in days of the calendar: surely at least, surely at most."""
    span = Span.read(text)
    least, most = DAYS[span.unit]
    extra = HOLIDAYS if span.unit.startswith("w") else 0
    return span.count * least, span.count * most + extra


def _is_not_before(text: str, other: str) -> bool:
    """Whether a span surely ends no earlier than another that begins at the same time."""
    one, two = Span.read(text), Span.read(other)
    return one.count >= two.count if one.unit == two.unit else _length(text)[0] >= _length(other)[1]


def _times(step: Step) -> Iterator[Finding]:
    """V11: reminders after the deadline, escalation without one, a time-out before it."""
    if step.due is None and step.escalate_after is not None:
        words = say(zh="没有期限，永远不会升级。", en="Without a deadline it never escalates.")
        yield Finding("V11", f"{step.key}.escalate_after", words)
    if step.due is not None and step.remind_every is not None:
        late = _is_not_before(step.remind_every, step.due)
        words = say(
            zh="每 {every} 提醒一次，不早于期限 {due}。",
            en="A reminder every {every} comes no sooner than the deadline of {due}.",
            every=step.remind_every,
            due=step.due,
        )
        unused = say(
            zh="有期限的步骤按期限提醒，“每 {every}”不起作用。",
            en='A step with a deadline reminds by it: "every {every}" does nothing.',
            every=step.remind_every,
        )
        yield Finding("V11", f"{step.key}.remind_every", words if late else unused, is_error=late)
    if step.due is not None and step.time_out is not None and _is_not_before(step.due, step.time_out.after):
        words = say(
            zh="{after} 后即作废，不晚于期限 {due}。",
            en="It lapses after {after}, no later than its deadline of {due}.",
            after=step.time_out.after,
            due=step.due,
        )
        yield Finding("V11", f"{step.key}.time_out", words)


# ---- votes --------------------------------------------------------------------------------------------------


def _votes(step: Step) -> Iterator[Finding]:
    """V9: more votes needed than the flow itself can give, a number of votes that counts for nothing, a person twice."""
    for seat in step.seats:
        place = f"{step.key}.{seat.key}"
        named = [str(rule["employee"]) for rule in seat.people if "employee" in rule]
        if len(named) == len(seat.people):
            weighs = [seat.weights.get(no, 1) for no in dict.fromkeys(named)]
            size = sum(weighs) if seat.mode is QuorumMode.weight else len(weighs)
            if (seat.need or 0) > size and seat.mode in {QuorumMode.n_of_m, QuorumMode.weight}:
                yield Finding("V9", place, too_few(seat, seat.need or 0, size))
        if seat.need is not None and seat.mode not in {QuorumMode.n_of_m, QuorumMode.weight}:
            words = say(
                zh="席位“{seat}”的方式是“{mode}”，票数 {need} 不起作用。",
                en='The seat "{seat}" decides by "{mode}": {need} votes mean nothing there.',
                seat=seat.name,
                mode=seat.mode.words,
                need=seat.need,
            )
            yield Finding("V9", place, words, is_error=False)
        if any(seat.people.count(rule) > 1 for rule in seat.people):
            words = say(
                zh="席位“{seat}”重复指定同一人。", en='"{seat}" names the same twice.', seat=seat.name
            )
            yield Finding("V9", place, words, is_error=False)


def too_few(seat: Seat, need: int, size: int) -> Words:
    """A seat needs more votes than it holds."""
    return say(
        zh="席位“{seat}”需要 {need} 票，但只有 {size} 票。",
        en='The seat "{seat}" needs {need} votes and holds {size}.',
        seat=seat.name,
        need=need,
        size=size,
    )


# ---- evidence -----------------------------------------------------------------------------------------------


def _unfilled(flow: Flow, step: Step) -> Iterator[Finding]:
    """V14: a field that must be filled in, and that nobody fills in; only the submitter might is a warning."""
    for name in step.required:
        if _is_filled(flow, step, name):
            continue
        words = say(
            zh="步骤“{step}”要求填写“{field}”，但该步骤及之前的步骤都不能填写。",
            en='The step "{step}" requires "{field}", which no step up to it fills in.',
            step=step.name,
            field=_label(flow, name),
        )
        yield Finding("V14", f"{step.key}.required.{name}", words, is_error=not _is_editable(flow, name))


def _unsupplied(flow: Flow, step: Step) -> Iterator[Finding]:
    """V14: a related record that must be there, and that nobody can name; only the submitter might is a warning."""
    model = subjects.subject_named(flow.object_type).model
    for document in step.evidence:
        if document.record is None:
            continue
        relation = inspect(model).relationships.get(document.record)
        names = [str(column.key) for column in relation.local_columns] if relation else [document.record]
        if any(_is_filled(flow, step, name) for name in names):
            continue
        words = say(
            zh="步骤“{step}”要求“{document}”，但该步骤及之前的步骤都不能提供。",
            en='The step "{step}" asks for "{document}", which no step up to it can supply.',
            step=step.name,
            document=document.name,
        )
        is_error = not any(_is_editable(flow, name) for name in names)
        yield Finding("V14", f"{step.key}.evidence.{document.type}", words, is_error)


def _is_filled(flow: Flow, step: Step, path: str) -> bool:
    """Whether a field is filled in by then: on submission, by this step or one before it, or by an effect."""
    before = steps_before(flow, step)
    if path in flow.submit_required or any(path in it.fields for it in before):
        return True
    return any("effect" in effect for it in before[:-1] for effect in it.then)


def _is_editable(flow: Flow, path: str) -> bool:
    """Whether the submitter may fill a field in before he submits."""
    field = _field(flow, path)
    return field is not None and field.info.edit


def _label(flow: Flow, path: str) -> Words | str:
    field = _field(flow, path)
    return field.label if field else path


def _field(flow: Flow, path: str) -> Field | None:
    return None if "." in path else field_named(subjects.subject_named(flow.object_type).model, path)


# ---- states -------------------------------------------------------------------------------------------------

Effects = Iterable[Mapping[str, Any]]


def _states(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V15: moves the record cannot make where the flow wants them, and ends that leave it in approval for ever."""
    life = machine.machines.get(subjects.subject_named(flow.object_type).model)
    if life is None or not any(move.verb == "submit" for move in life.moves):
        return
    told: set[tuple[str, str]] = set()
    for way in cases.ways:
        for finding in _states_along(flow, life, way):
            if (finding.place, finding.words.en) not in told:
                told.add((finding.place, finding.words.en))
                yield finding
    if flow.releases_unneeded and not any(move.verb == "release" for move in life.moves):
        words = say(zh="这类记录没有“免审批”。", en="Records of this type cannot be released from approval.")
        yield Finding("V15", "unneeded", words)


def _states_along(flow: Flow, life: machine.Machine, way: Way) -> Iterator[Finding]:
    """The states of a record along one way, if all agree; at each step, where a rejection would lead."""
    began = life.find("submit").target
    state: str | None = began
    for step in map(flow.step, way.keys):
        if "reject" in step.acts and not flow.returns_rejected:
            yield from _end(life, f"{step.key}.on_rejected", flow.on_rejected, state, began)
        if step.time_out and step.time_out.then:
            yield from _end(life, f"{step.key}.time_out", step.time_out.then, state, began)
        if state is not None and "send_back" in step.acts and not _can(life, "send_back", state):
            yield Finding("V15", f"{step.key}.acts", _impossible(life, "send_back", state))
        state, wrong = _after(life, f"{step.key}.then", step.then, state)
        yield from wrong
    if way.undecided is None and way.keys:
        yield from _end(life, "on_approved", flow.on_approved, state, began)


def _end(
    life: machine.Machine, place: str, effects: Effects, state: str | None, began: str
) -> Iterator[Finding]:
    after, wrong = _after(life, place, effects, state)
    yield from wrong
    if after == began:
        words = say(
            zh="流程结束后记录仍停留在“审批中”。", en="The request ends and leaves its record in approval."
        )
        yield Finding("V15", place, words)


def _after(
    life: machine.Machine, place: str, effects: Effects, state: str | None
) -> tuple[str | None, list[Finding]]:
    """The state after these effects (None once it cannot be told), and the moves that cannot be made."""
    for effect in effects:
        verb = str(effect.get("move", ""))
        if not verb or state is None:
            continue
        if not _can(life, verb, state):
            return None, [Finding("V15", place, _impossible(life, verb, state))]
        state = life.find(verb).target
    return state, []


def _can(life: machine.Machine, verb: str, state: str) -> bool:
    return any(move.verb == verb and state in move.sources for move in life.moves)


def _impossible(life: machine.Machine, verb: str, state: str) -> Words:
    word = next((word for word in life.states if word.value == state), None)
    move = next((move for move in life.moves if move.verb == verb), None)
    return say(
        zh="记录处于“{state}”时不能“{move}”。",
        en='A record that is "{state}" cannot make the move "{move}".',
        state=word.words if word else state,
        move=move.words if move else verb,
    )
