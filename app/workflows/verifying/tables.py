"""Rows that divide cases between them: the seats of a step, its edges, steps with conditions (V4, V5, V6, V7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from app.services.language.covering import Branch, Flaw, Hit, cover, satisfiable
from app.services.language.seams import seams
from app.words import Words, say
from app.workflows import subjects
from app.workflows.flow import Flow, Step
from app.workflows.verifying.cases import Cases
from app.workflows.verifying.findings import Finding

ROW = {Flaw.gap: "V4", Flaw.overlap: "V5"}


def of_tables(flow: Flow, cases: Cases) -> Iterator[Finding]:
    """Seams between the rows of each table, and rows that never count."""
    for run in _runs(flow, cases):
        yield from _seams([(step.key, step.name, step.when) for step in run], cases, None)
    for step in flow.steps:
        seats = [(f"{step.key}.{seat.key}", seat.name, seat.when) for seat in step.seats if not seat.optional]
        yield from _seams(seats, cases, step.when)
        edges = [
            (f"{step.key}.next.{row}", _row_name(flow, edge.to, row), edge.when)
            for row, edge in enumerate(step.next, start=1)
        ]
        yield from _seams(edges, cases, step.when)
        yield from _dead_edges(flow, step, cases)
        yield from _dead_seats(step, cases)


def _runs(flow: Flow, cases: Cases) -> Iterator[list[Step]]:
    """Steps behind one another whose conditions ask for the same fields: they read as one table."""

    def asked(step: Step) -> frozenset[str] | None:
        return frozenset(cases.formulas[step.when].facts) if step.when else None

    for facts, run in groupby(flow.steps, asked):
        steps = list(run)
        if facts and len(steps) > 1:
            yield steps


def _row_name(flow: Flow, target: str, row: int) -> Words:
    names = {step.key: step.name for step in flow.steps}
    return say(
        zh="第 {row} 行（{to}）",
        en="row {row} ({to})",
        row=row,
        to=names.get(target, Words("结束", "the end")),
    )


Row = tuple[str, Words, str | None]
"""A place, what stands there, and its condition."""


def _seams(rows: Sequence[Row], cases: Cases, given: str | None) -> Iterator[Finding]:
    """Where two rows leave a slit, or both take the same values: an error.

    What is wide may be meant: a gap, or that of two edges the first counts, is a warning; seats and steps may overlap.
    """
    named = [(place, name, text) for place, name, text in rows if text is not None]
    branches = [Branch(name.en, cases.formulas[text]) for _place, name, text in named]
    assumed = [Branch("", cases.formulas[given])] if given else []
    are_edges = any(".next." in place for place, _name, _text in rows)
    has_default = are_edges and len(named) < len(rows)
    for seam in seams(branches, assumed):
        if seam.flaw is Flaw.overlap and not seam.narrow and not are_edges:
            continue
        first, second = (named[row] for row in seam.rows)
        words = say(
            zh="{first}与{second}{flaw}：{case}",
            en="{first} and {second} {flaw} {case}",
            first=first[1],
            second=second[1],
            flaw=BETWEEN[seam.flaw],
            case=seam.case,
        )
        is_error = seam.narrow and not (has_default and seam.flaw is Flaw.gap)
        yield Finding(ROW[seam.flaw], first[0], words, is_error, seam.example, seam.case)


BETWEEN = {
    Flaw.gap: say(zh="之间漏掉", en="leave out"),
    Flaw.overlap: say(zh="都包括", en="both take"),
}


def _dead_edges(flow: Flow, step: Step, cases: Cases) -> Iterator[Finding]:
    """V6: an edge that never counts, since those before it take every case; V7: none on any way to it."""
    if step.key not in cases.seen.arrived:
        return
    branches = [
        Branch(str(row), cases.formulas[edge.when] if edge.when else None)
        for row, edge in enumerate(step.next)
    ]
    alone: set[str] = set()
    if any(branch.condition for branch in branches):
        flaws = cover([*branches, Branch("default", None)], Hit.first)
        alone = {flaw.branches[0] for flaw in flaws if flaw.flaw is Flaw.dead}
    default = next((row for row, edge in enumerate(step.next) if edge.when is None), len(step.next))
    for row, edge in enumerate(step.next):
        if (step.key, row) in cases.seen.edges:
            continue
        words = say(
            zh="步骤“{step}”的{row}永远不会走到。",
            en='Nothing ever takes {row} of the step "{step}".',
            step=step.name,
            row=_row_name(flow, edge.to, row + 1),
        )
        is_idle_default = row == default
        rule = "V6" if str(row) in alone or row >= default else "V7"
        yield Finding(rule, f"{step.key}.next.{row + 1}", words, is_error=not is_idle_default)


def _dead_seats(step: Step, cases: Cases) -> Iterator[Finding]:
    """V6, V7: a seat on which nobody ever sits."""
    if step.key not in cases.seen.reached:
        return
    for seat in step.seats:
        if seat.when and (step.key, seat.key) not in cases.seen.seats:
            words = say(
                zh="步骤“{step}”的席位“{seat}”永远用不到。",
                en='The seat "{seat}" of the step "{step}" is never needed.',
                step=step.name,
                seat=seat.name,
            )
            rule = "V6" if satisfiable([cases.formulas[seat.when]]) is None else "V7"
            yield Finding(rule, f"{step.key}.{seat.key}", words)


def of_documents(flow: Flow) -> Iterator[Finding]:
    """V7: a document asked for in a case that never is."""
    subject = subjects.subject_named(flow.object_type)
    asked = [("submit.documents", document) for document in flow.documents]
    asked += [(f"{step.key}.evidence", document) for step in flow.steps for document in step.evidence]
    for place, document in asked:
        if document.when and satisfiable([subjects.formula(subject, document.when)]) is None:
            words = say(
                zh="“{document}”永远不会被要求。",
                en='"{document}" is never asked for.',
                document=document.name,
            )
            yield Finding("V7", f"{place}.{document.type}", words)
