"""Where a flow leads: steps nobody reaches or leaves, cases nobody decides, reviews avoided (V2, V3, V4, V13, V16, V17)."""

from __future__ import annotations

from collections.abc import Iterator

from app.models import QuorumMode as Mode
from app.services.language.covering import satisfiable
from app.words import Words, say
from app.workflows import subjects
from app.workflows.flow import SUBMITTER, Flow, Seat, Step
from app.workflows.verifying.cases import Cases, Way
from app.workflows.verifying.findings import Finding

MUST_PASS: dict[str, tuple[str, ...]] = {"contract": ("legal",)}
"""The roles or functions whose review no flow of a record type may avoid."""


def of_ways(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """What is wrong with where a flow leads."""
    yield from _endless(flow)
    if cases.is_too_large:
        words = say(
            zh="条件组合有 {n} 种，无法逐一核对；请减少同时判断的字段。",
            en="There are {n} combinations of conditions, too many to try: ask for fewer fields.",
            n=cases.size,
        )
        yield Finding("V17", "steps", words)
        return
    if flow.applies and satisfiable([cases.formulas[flow.applies]]) is None:
        words = say(zh="流程不适用于任何记录。", en="The flow covers no record at all.")
        yield Finding("V2", "applies", words)
        return
    yield from _unreachable(flow, cases)
    yield from _undecided(flow, cases)
    yield from _silent(flow, cases)
    yield from _nobody_decides(flow, cases)
    yield from _avoided(flow, cases)
    yield from _returns(flow, cases)
    yield from _changing(flow)


def _endless(flow: Flow) -> Iterator[Finding]:
    """V3: a step that nobody can approve never ends."""
    subject = subjects.subject_named(flow.object_type)
    for step in flow.steps:
        if "approve" not in step.acts:
            words = say(
                zh="步骤“{step}”不允许同意，永远走不完。",
                en='Nobody may approve at the step "{step}": it never ends.',
                step=step.name,
            )
            yield Finding("V3", f"{step.key}.acts", words)
        asked = [subjects.formula(subject, text) for text in (step.approve_when, step.when) if text]
        if step.approve_when and satisfiable(asked) is None:
            words = say(
                zh="步骤“{step}”的通过条件永远不满足。",
                en='The step "{step}" can be approved in no case it is reached in.',
                step=step.name,
            )
            yield Finding("V3", f"{step.key}.approve_when", words)


def _unreachable(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V2: a step no record can reach, whatever its values and whichever way it comes."""
    for step in flow.steps:
        if step.key not in cases.seen.reached:
            words = say(
                zh="步骤“{step}”永远不会到达。",
                en='No record ever reaches the step "{step}".',
                step=step.name,
            )
            yield Finding("V2", step.key, words)


def _undecided(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V4, a warning: a value that may be missing when the way depends on it; the request then stops and asks (R33)."""
    told: set[str] = set()
    for way in cases.ways:
        if way.undecided is None or way.undecided in told:
            continue
        told.add(way.undecided)
        case = cases.case(way.cell, way.undecided)
        words = say(
            zh="{case} 时无法判断去向，申请会停下；请在提交时要求填写。",
            en="With {case} the way cannot be decided and the request stops: require it when submitting.",
            case=case,
        )
        place = _place_of(flow, way.undecided)
        yield Finding("V4", place, words, is_error=False, example=cases.example(way.cell), case=case)


def _place_of(flow: Flow, condition: str) -> str:
    return next((place for place, text in flow.conditions() if text == condition), "steps")


def _silent(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V4: a step that applies and is passed over in silence, since none of its seats decides the case."""
    for key, cell in cases.seen.silent.items():
        step = flow.step(key)
        case = cases.case(cell, *(seat.when for seat in step.seats if not seat.optional))
        words = say(
            zh="步骤“{step}”没有席位管到：{case}",
            en='At the step "{step}" no seat decides {case}',
            step=step.name,
            case=case,
        )
        yield Finding("V4", f"{key}.seats", words, example=cases.example(cell), case=case)


def _through(cases: Cases) -> Iterator[Way]:
    yield from (way for way in cases.ways if way.undecided is None)


def _nobody_decides(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V4: a case that ends approved though no step decides it; one that cannot be submitted at all is a warning."""
    for way in _through(cases):
        if any(flow.step(key).decides for key in way.keys) or (not way.keys and flow.releases_unneeded):
            continue
        if not way.keys and cases.seen.silent:
            continue  # said of the step already whose seats leave the case out
        case = cases.case(way.cell)
        words = say(zh="没有任何步骤决定：{case}", en="No step decides {case}", case=case)
        if not way.keys:
            words = say(
                zh="没有任何步骤适用，无法提交：{case}",
                en="No step applies, nothing can be submitted: {case}",
                case=case,
            )
        yield Finding(
            "V4", "steps", words, is_error=bool(way.keys), example=cases.example(way.cell), case=case
        )


def _avoided(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V13: a review the record type must always pass (the lawyers, for a contract), which some way avoids."""
    for wanted in MUST_PASS.get(flow.object_type, ()):
        for way in _through(cases):
            if any(_passes(flow.step(key), seats, wanted) for key, seats in way.steps):
                continue
            case = cases.case(way.cell)
            words = say(
                zh="必经审核“{what}”可以被绕过：{case}",
                en='The mandatory review "{what}" is avoided by {case}',
                what=wanted,
                case=case,
            )
            yield Finding("V13", "steps", words, example=cases.example(way.cell), case=case)
            break


def _passes(step: Step, seats: tuple[str, ...], wanted: str) -> bool:
    """Whether a step cannot be approved without this role or function."""
    return step.decides and any(
        _needs(seat, wanted) for seat in step.seats if seat.key in seats and not seat.optional
    )


def _needs(seat: Seat, wanted: str) -> bool:
    named = [wanted in {rule.get("role"), rule.get("function")} for rule in seat.people]
    return all(named) or (any(named) and seat.mode in {Mode.all, Mode.sequential})


def _returns(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """V16: a step a request is sent back to, which it has not come by before: never (an error), or not always."""
    for step in flow.steps:
        ways = [way for way in cases.ways if step.key in way.keys]
        for target in step.return_to:
            if target == SUBMITTER or not ways or "send_back" not in step.acts:
                continue
            without = [way for way in ways if target not in way.keys]
            if not without:
                continue
            case = cases.case(without[0].cell)
            words = say(
                zh="步骤“{step}”可退回到“{target}”，但该申请未经过它：{case}",
                en='"{step}" sends back to "{target}", which was not on the way of {case}',
                step=step.name,
                target=flow.step(target).name,
                case=case,
            )
            yield Finding(
                "V16",
                f"{step.key}.return_to.{target}",
                words,
                is_error=len(without) == len(ways),
                example=cases.example(without[0].cell),
                case=case,
            )


def _changing(flow: Flow) -> Iterator[Finding]:
    """V17, a warning: a field asked for before and after a step fills it in, which this check takes for one value."""
    for place, step in enumerate(flow.steps):
        before = " ".join(text for it in flow.steps[: place + 1] for text in [it.when] if text)
        after = " ".join(
            text
            for it in flow.steps[place:]
            for text in [it.when if it is not step else None, *(edge.when for edge in it.next)]
            if text
        )
        for name in step.fields:
            if name in before and name in after:
                words = say(
                    zh="“{field}”在步骤“{step}”填写前后都被判断，其值可能改变。",
                    en='"{field}" is asked for before and after the step "{step}" fills it in: it may change.',
                    field=name,
                    step=step.name,
                )
                yield Finding("V17", f"{step.key}.fields.{name}", words, is_error=False)


def words_of(flow: Flow, way: Way) -> tuple[Words, ...]:
    """The names of the steps of a way."""
    return tuple(flow.step(key).name for key in way.keys)
