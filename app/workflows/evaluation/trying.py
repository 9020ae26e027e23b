"""One measure or one indicator of a draft: tried on one subject before it is kept, and taken out again.

What is tried gives its value, and how many rows counted; it need not fit the rest of the draft yet, and nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.errors import BadInput, NotFound, Problem, WrongState
from app.extensions import db
from app.models import EvalSchemeVersion
from app.roles import Act
from app.services import access
from app.services.fields import is_seen
from app.services.language.kinds import Type
from app.services.language.wording import words as formula_words
from app.words import Words, say
from app.workflows.evaluation import drafting, schemes
from app.workflows.evaluation.explaining import MeasureLine, lines_of
from app.workflows.evaluation.pins import SAMPLE, Pin
from app.workflows.evaluation.schemes import Scheme
from app.workflows.evaluation.sources import CLOSED_SETS, Column, sources
from app.workflows.evaluation.statements import valued
from app.workflows.evaluation.subjects import SUBJECTS, Subject, with_added

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying: the value (raw, of this type), and the measures it rests on, each with its rows."""

    type: Type
    value: int | None
    formula: Words
    measures: list[MeasureLine]


@dataclass(frozen=True, slots=True)
class Part:
    """A measure or an indicator as typed: its key, its document, and of what scheme (`body`) it is to be a part."""

    kind: str
    key: str
    document: Document
    body: Document

    @property
    def place(self) -> str:
        """Where it stands in the document."""
        return f"{self.kind}.{self.key}"


def of(version: EvalSchemeVersion) -> Subject:
    """Whom the scheme of a version grades."""
    return SUBJECTS[version.scheme.subject_type]


def facts_of(version: EvalSchemeVersion, source: str) -> Sequence[Column]:
    """What a measure over this source may use; nothing for one that does not know the subjects."""
    found = sources().get(source)
    return _offered(found.columns) if found is not None and of(version).counted_as in found.subjects else ()


def own_facts_of(version: EvalSchemeVersion) -> Sequence[Column]:
    """What indicators may use of the subjects themselves."""
    return _offered(with_added(of(version)).columns)


def _offered(columns: Iterable[Column]) -> Sequence[Column]:
    """Without the added fields that are out of use or not for the person asking."""
    who = access.principal()
    return [
        column
        for column in columns
        if column.added is None
        or (column.added.item is not None and column.added.item.active and is_seen(column.added, who))
    ]


def sources_for(version: EvalSchemeVersion) -> dict[str, Words]:
    """The sources that know the subjects of a scheme, by name."""
    return {name: one.words for name, one in sources().items() if of(version).counted_as in one.subjects}


def words_of(closed: str) -> Words:
    """The words of a closed set, as a condition writes them and as people read them."""
    members = list(CLOSED_SETS[closed])
    zh = "；".join(f'"{one.value}" {one.words.zh}' for one in members)
    return Words(zh, "; ".join(f'"{one.value}" {one.words.en}' for one in members))


def check(part: Part, pin: Pin = SAMPLE) -> Scheme:
    """A scheme that only shows this part. Raises `BadInput` with places inside the part, `NotAllowed`."""
    try:
        scheme = schemes.load(_alone(part), pin)
    except BadInput as refusal:
        raise BadInput([_inside(problem, part) for problem in refusal.problems]) from None
    schemes.check_readable(scheme)
    return scheme


def run(part: Part, subject_id: int, pin: Pin) -> Tried:
    """The value of this part for one subject.

    Raises:
        BadInput: it makes no sense (places are those inside the part), or there is no such subject he may see.
        NotAllowed: the person may not run evaluations, or it reads a confidential field he may not see.

    """
    who = access.principal()
    who.check(Act.run, "eval_run")
    scheme = check(part, pin)
    model = scheme.subject.model
    if db.session.scalar(sa.select(model.id).where(model.id == subject_id)) is None:
        raise BadInput([Problem(say("没有这个评价对象。", "There is no such subject."), "subject")])
    (one,) = scheme.indicators
    if one.value is None:
        raise BadInput(
            [Problem(say("人工评分的指标没有可试算的值。", "Points people give cannot be tried."))]
        )
    used = tuple(each for each in scheme.measures if each.key in one.value.facts)
    scheme = replace(scheme, measures=used)
    with access.acting(access.SYSTEM):
        row = db.session.execute(valued(scheme, [subject_id])).mappings().first()
        lines = lines_of(scheme, subject_id, who)
    value = None if row is None else row[f"v{one.column}"]
    return Tried(one.type, value, formula_words(one.value), lines)


def keep(
    part: Part, draft: EvalSchemeVersion, seen: str, weights: Mapping[str, str] | None = None
) -> EvalSchemeVersion:
    """Keep the part in its draft, with the weights of indicators (`30 %`) where they are given. Inside `transaction()`.

    Raises what `drafting.keep` raises; places inside the part begin there.
    """
    body = dict(draft.body)
    body[part.kind] = dict(body.get(part.kind) or {}) | {part.key: dict(part.document)}
    try:
        return drafting.keep(_weighed(body, weights or {}), draft, seen)
    except BadInput as refusal:
        raise BadInput([_inside(problem, part) for problem in refusal.problems]) from None


def take_out(
    kind: str, key: str, draft: EvalSchemeVersion, seen: str, weights: Mapping[str, str]
) -> EvalSchemeVersion:
    """Take a part out of its draft, with the weights of the indicators that stay. Inside `transaction()`.

    Raises what `drafting.keep` raises, and `WrongState` while something in the scheme rests on the part.
    """
    check_unused(kind, key, draft.body)
    body = dict(draft.body)
    body[kind] = {name: one for name, one in body[kind].items() if name != key}
    if not body[kind]:
        del body[kind]
    stay = {name: weight for name, weight in weights.items() if name != key}
    try:
        return drafting.keep(_weighed(body, stay), draft, seen)
    except BadInput as refusal:
        raise BadInput([replace(problem, field="") for problem in refusal.problems]) from None


def _weighed(body: dict[str, Any], weights: Mapping[str, str]) -> dict[str, Any]:
    indicators = dict(body.get("indicators") or {})
    for key, weight in weights.items():
        indicators[key] = dict(indicators[key]) | {"weight": weight}
    return body | {"indicators": indicators}


def check_unused(kind: str, key: str, body: Document) -> None:
    """Raises `WrongState`, naming what rests on this part of a scheme; `NotFound` where there is no such part."""
    one = (body.get(kind) or {}).get(key)
    if one is None:
        raise NotFound(say("方案中没有“{key}”。", "The scheme has no '{key}'.", key=key[:40]))
    if kind == "indicators" and len(body[kind]) == 1:
        raise WrongState(
            say(
                "方案至少要有一个指标：请先新建另一个，再移除这一个。",
                "A scheme has at least one indicator: make another one first, then remove this.",
            )
        )
    try:
        users = list(_users(kind, key, schemes.load(body)))
    except BadInput:  # a draft that makes no sense now: what is left of it is checked when it is kept
        return
    if users:
        raise WrongState(
            say(
                "“{name}”还不能移除，因为{users}在使用它；请先修改或移除使用它的部分。",
                "'{name}' cannot be removed yet: it is used by {users}. Change or remove what uses it first.",
                name=Words(str(one["zh"]), str(one["en"])),
                users=Words("、".join(user.zh for user in users), ", ".join(user.en for user in users)),
            )
        )


def _users(kind: str, key: str, scheme: Scheme) -> Iterator[Words]:
    """What rests on a part of a scheme."""
    if kind == "indicators":
        if scheme.table is not None and {key, f"{key}.value"} & set(scheme.table.inputs):
            yield Words("等级表", "the table of grades")
        return
    for one in scheme.indicators:
        formulas = [one.value, *one.method.facts().values()]
        if any(formula is not None and key in formula.facts for formula in formulas):
            yield say("指标“{name}”", "the indicator '{name}'", name=one.words)
    if scheme.having is not None and key in scheme.having.facts:
        yield Words("参加条件", "the condition for taking part")


def _alone(part: Part) -> dict[str, Any]:
    body = {key: part.body[key] for key in ("scheme", "zh", "en", "subject")}
    if part.kind == "measures":
        shown = {"zh": part.key, "en": part.key, "value": part.key}
        return body | {"measures": {part.key: part.document}, "indicators": {"tried": shown}}
    shown = {key: value for key, value in part.document.items() if key in {"zh", "en", "value", "method"}}
    found = body | {"indicators": {part.key: shown}}
    measures = part.body.get("measures")
    return found | {"measures": measures} if measures else found


def _inside(problem: Problem, part: Part) -> Problem:
    """A fault with its place inside the part; what lies elsewhere has no field."""
    place = problem.field or ""
    if place == part.kind:
        return replace(problem, field="key" if part.kind == "measures" else "weight")
    inner = place.removeprefix(f"{part.place}.")
    return replace(problem, field="" if inner == place else inner.partition(".")[0].partition("[")[0])
