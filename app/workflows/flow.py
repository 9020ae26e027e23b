"""A flow as a document: which steps, who sits in them, what they must bring, where the way goes on.

The document (YAML in a pack, canonical JSON in `approval_flow_version.body`) is checked against `SCHEMA` and turned
into the plain values below. A published document never changes, so what it means is worked out once per hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jsonschema

from app.errors import BadInput, Problem
from app.models import ApprovalAct, QuorumMode, RejectPolicy
from app.services.calendar import Span
from app.services.language.kinds import read_number
from app.services.language.problems import BadFormula
from app.words import Words, say
from app.workflows.subjects import catalogue_of, subjects

COMMENTED = ("reject", "send_back")
"""The acts that always need a comment (G3)."""

SUBMITTER = "submitter"
"""Where a request may always be sent back to."""

END = "end"
"""Where a way ends that needs no further step."""

ACTS = ("approve", "reject", "send_back", "transfer", "add_signer", "consult", "copy")
"""What a decider may do at a step unless it says otherwise."""

_WORDS = {
    "type": "object",
    "properties": {"zh": {"type": "string", "minLength": 1}, "en": {"type": "string", "minLength": 1}},
    "required": ["zh", "en"],
    "additionalProperties": False,
}
_TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}}
_PEOPLE = {"type": "array", "items": {"type": "object", "minProperties": 1}}
_EFFECTS = {"type": "array", "items": {"type": "object", "minProperties": 1}}
_DOCUMENTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "name": _WORDS,
            "record": {"type": "string"},
            "count": {"type": "integer", "minimum": 1},
            "when": {"type": "string"},
        },
        "required": ["type", "name"],
        "additionalProperties": False,
    },
}
_SEAT = {
    "people": _PEOPLE,
    "mode": {"enum": [mode.value for mode in QuorumMode]},
    "need": {"type": "integer", "minimum": 1},
    "share": {"type": "string"},
    "weights": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
    "rejected": {"enum": [policy.value for policy in RejectPolicy]},
}
_STEP = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "name": _WORDS,
        "kind": {"enum": ["decide", "filing"]},
        "outside": {"enum": ["owner", "submitter"]},
        "when": {"type": "string"},
        **_SEAT,
        "seats": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "key": {"type": "string", "minLength": 1},
                    "name": _WORDS,
                    "when": {"type": "string"},
                    "optional": {"type": "boolean"},
                    **_SEAT,
                },
                "required": ["key", "people"],
                "additionalProperties": False,
            },
        },
        "shows": _TEXTS,
        "fields": _TEXTS,
        "required": _TEXTS,
        "checks": _TEXTS,
        "evidence": _DOCUMENTS,
        "comment": {"type": "array", "items": {"enum": list(ACTS)}},
        "comment_when": {"type": "string"},
        "approve_when": {"type": "string"},
        "acts": {"type": "array", "items": {"enum": list(ACTS)}},
        "return_to": _TEXTS,
        "due": {"type": "string"},
        "remind_every": {"type": "string"},
        "escalate_after": {"type": "string"},
        "time_out": {
            "type": "object",
            "properties": {"after": {"type": "string"}, "then": _EFFECTS},
            "required": ["after"],
            "additionalProperties": False,
        },
        "then": _EFFECTS,
        "copies": _PEOPLE,
        "next": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"to": {"type": "string"}, "when": {"type": "string"}},
                "required": ["to"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["key", "name"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,59}$"},
        "object_type": {"type": "string"},
        "name": _WORDS,
        "article": {"type": "string"},
        "params": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "key": {"type": "string", "pattern": "^[a-z][a-z0-9]*_[a-z0-9_]{1,36}$"},
                    "name": _WORDS,
                    "value": {"type": "string", "minLength": 1},
                },
                "required": ["key", "name", "value"],
                "additionalProperties": False,
            },
        },
        "exclusive_group": {"type": "string"},
        "applies": {"type": "string"},
        "unneeded": {"enum": ["refuse", "release"]},
        "separation": {"enum": ["strict", "relaxed"]},
        "on_reject": {"enum": ["end", "return"]},
        "resubmit": {"enum": ["restart", "resume"]},
        "submit": {
            "type": "object",
            "properties": {"people": _PEOPLE, "required": _TEXTS, "documents": _DOCUMENTS},
            "additionalProperties": False,
        },
        "freeze": {
            "type": "object",
            "properties": {
                "free": _TEXTS,
                "after": {"enum": ["open", "locked"]},
                "rearm": {
                    "type": "object",
                    "properties": {"fields": _TEXTS, "move": {"type": "string"}},
                    "required": ["fields", "move"],
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "steps": {"type": "array", "minItems": 1, "maxItems": 40, "items": _STEP},
        "on_approved": _EFFECTS,
        "on_rejected": _EFFECTS,
    },
    "required": ["code", "object_type", "name", "steps"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A kind of file that must be there, or a related record that stands for one; how many; and when at all."""

    type: str
    name: Words
    count: int
    when: str | None
    record: str | None


@dataclass(frozen=True, slots=True)
class Seat:
    """A chair of a step and how many of its people must agree."""

    key: str
    name: Words
    people: tuple[Mapping[str, Any], ...]
    mode: QuorumMode
    need: int | None
    share: Fraction | None
    weights: Mapping[str, int]
    rejected: RejectPolicy
    optional: bool
    when: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the way may go on to, and when."""

    to: str
    when: str | None


@dataclass(frozen=True, slots=True)
class TimeOut:
    """When a step ends undecided, and what follows; it never approves."""

    after: str
    then: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flow."""

    key: str
    name: Words
    decides: bool
    outside: str | None
    """Whose department decides nothing here: that of the record's `owner`, or of the `submitter`."""
    when: str | None
    seats: tuple[Seat, ...]
    shows: tuple[str, ...]
    """The fields of the record its deciders are shown, beside those it fills in; none named, all they may see."""
    fields: tuple[str, ...]
    required: tuple[str, ...]
    checks: tuple[str, ...]
    evidence: tuple[Document, ...]
    comment: frozenset[str]
    comment_when: str | None
    approve_when: str | None
    acts: frozenset[str]
    return_to: tuple[str, ...]
    due: str | None
    remind_every: str | None
    escalate_after: str | None
    time_out: TimeOut | None
    then: tuple[Mapping[str, Any], ...]
    copies: tuple[Mapping[str, Any], ...]
    next: tuple[Edge, ...]

    @property
    def is_timed(self) -> bool:
        """Whether anything happens by itself while it is open."""
        return bool(self.due or self.remind_every or self.time_out)


@dataclass(frozen=True, slots=True)
class Freeze:
    """What may be edited while a request runs (`free`), whether after it (`locked_after`), and what undoes it."""

    free: frozenset[str]
    locked_after: bool
    rearm: frozenset[str]
    rearm_move: str


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A flow as the engine runs it."""

    code: str
    object_type: str
    name: Words
    exclusive_group: str
    applies: str | None
    releases_unneeded: bool
    strict: bool
    returns_rejected: bool
    """A rejection gives the record back to its submitter instead of ending the request."""
    resumes: bool
    """Submitted again unchanged, a request goes on where it was sent back; changed, it begins anew."""
    submitters: tuple[Mapping[str, Any], ...]
    submit_required: tuple[str, ...]
    documents: tuple[Document, ...]
    freeze: Freeze
    steps: tuple[Step, ...]
    on_approved: tuple[Mapping[str, Any], ...]
    on_rejected: tuple[Mapping[str, Any], ...]

    def step(self, key: str) -> Step:
        return next(step for step in self.steps if step.key == key)

    def ordinal(self, key: str) -> int:
        return next(place for place, step in enumerate(self.steps) if step.key == key)

    def conditions(self) -> Iterator[tuple[str, str]]:
        """Every condition, with the place it stands at."""
        if self.applies:
            yield "applies", self.applies
        for document in self.documents:
            if document.when:
                yield f"submit.documents.{document.type}", document.when
        for step in self.steps:
            yield from _conditions(step)


def _conditions(step: Step) -> Iterator[tuple[str, str]]:
    found = [("when", step.when), ("comment_when", step.comment_when), ("approve_when", step.approve_when)]
    found += [(f"seats.{seat.key}", seat.when) for seat in step.seats]
    found += [(f"evidence.{document.type}", document.when) for document in step.evidence]
    found += [(f"next.{edge.to}", edge.when) for edge in step.next]
    for place, condition in found:
        if condition:
            yield f"{step.key}.{place}", condition


_rehearsing: ContextVar[bool] = ContextVar("rehearsing", default=False)


@contextmanager
def rehearsal() -> Iterator[None]:
    """Let flows with relaxed separation run in the block: only to replay how other systems behave, never for real."""
    token = _rehearsing.set(True)
    try:
        yield
    finally:
        _rehearsing.reset(token)


def read(body: Mapping[str, Any]) -> Flow:
    """The flow a document describes, its parameters filled in; raises `BadInput` naming every place that is wrong."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    problems = [_problem(error) for error in validator.iter_errors(dict(body))]
    if problems := problems or list(_wrong_params(body)):
        raise BadInput(problems)
    flow = _flow(_filled(body, {param["key"]: param["value"] for param in body.get("params", ())}))
    problems = list(_inconsistencies(flow))
    if problems:
        raise BadInput(problems)
    return flow


CONDITIONS = frozenset({"applies", "when", "comment_when", "approve_when"})
_WORD = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|“[^”\n]*”|「[^」\n]*」|'[^'\n]*'|\[[^\[\]\n]*\])|([A-Za-z_][A-Za-z0-9_.]*)"""
)
"""What is quoted or in brackets, which is left alone, or a bare word, which may be a parameter."""


def _filled(body: Any, values: Mapping[str, str]) -> Any:
    """The document with the value of each parameter where its conditions name it."""
    if isinstance(body, list):
        return [_filled(part, values) for part in body]
    if not isinstance(body, dict):
        return body
    return {
        name: _WORD.sub(lambda word: values.get(word[2], word[0]), part)
        if name in CONDITIONS and isinstance(part, str)
        else _filled(part, values)
        for name, part in body.items()
    }


def _wrong_params(body: Mapping[str, Any]) -> Iterator[Problem]:
    params = body.get("params", ())
    keys = [param["key"] for param in params]
    subject = subjects.get(body["object_type"])
    facts = catalogue_of(subject).facts if subject and params else {}
    for param in params:
        if param["key"] in facts:
            yield _at(f"params.{param['key']}", zh="参数与字段同名。", en="this is also the name of a field")
        if keys.count(param["key"]) > 1:
            yield _at(f"params.{param['key']}", zh="参数重复。", en="this parameter stands twice")
        try:
            read_number(param["value"])
        except BadFormula as error:
            yield _at(f"params.{param['key']}", zh=error.words.zh, en=error.words.en)


def _problem(error: jsonschema.ValidationError) -> Problem:
    place = ".".join(str(part) for part in error.absolute_path) or "flow"
    words = say(
        zh="流程文件 {place} 处不对：{why}",
        en="The flow is wrong at {place}: {why}",
        place=place,
        why=error.message[:200],
    )
    return Problem(words, place)


def _flow(body: Mapping[str, Any]) -> Flow:
    submit = body.get("submit", {})
    freeze = body.get("freeze", {})
    rearm = freeze.get("rearm", {})
    return Flow(
        code=body["code"],
        object_type=body["object_type"],
        name=_words(body["name"]),
        exclusive_group=body.get("exclusive_group", "decision"),
        applies=body.get("applies"),
        releases_unneeded=body.get("unneeded") == "release",
        strict=body.get("separation") != "relaxed",
        returns_rejected=body.get("on_reject") == "return",
        resumes=body.get("resubmit") == "resume",
        submitters=tuple(submit.get("people", ())),
        submit_required=tuple(submit.get("required", ())),
        documents=_documents(submit.get("documents", ())),
        freeze=Freeze(
            free=frozenset(freeze.get("free", ())),
            locked_after=freeze.get("after") == "locked",
            rearm=frozenset(rearm.get("fields", ())),
            rearm_move=rearm.get("move", ""),
        ),
        steps=tuple(_step(step) for step in body["steps"]),
        on_approved=tuple(body.get("on_approved", [{"move": "approve"}])),
        on_rejected=tuple(body.get("on_rejected", [{"move": "reject"}])),
    )


def _step(body: Mapping[str, Any]) -> Step:
    seats = body.get("seats") or [{"key": "main", **{k: body[k] for k in _SEAT if k in body}}]
    time_out = body.get("time_out")
    return Step(
        key=body["key"],
        name=_words(body["name"]),
        decides=body.get("kind") != "filing",
        outside=body.get("outside"),
        when=body.get("when"),
        seats=tuple(_seat(seat, _words(body["name"])) for seat in seats),
        shows=tuple(body.get("shows", ())),
        fields=tuple(body.get("fields", ())),
        required=tuple(body.get("required", ())),
        checks=tuple(body.get("checks", ())),
        evidence=_documents(body.get("evidence", ())),
        comment=frozenset(body.get("comment", COMMENTED)),
        comment_when=body.get("comment_when"),
        approve_when=body.get("approve_when"),
        acts=frozenset(body.get("acts", ACTS)),
        return_to=tuple(body.get("return_to", (SUBMITTER,))),
        due=body.get("due"),
        remind_every=body.get("remind_every"),
        escalate_after=body.get("escalate_after"),
        time_out=TimeOut(time_out["after"], tuple(time_out.get("then", ()))) if time_out else None,
        then=tuple(body.get("then", ())),
        copies=tuple(body.get("copies", ())),
        next=tuple(Edge(edge["to"], edge.get("when")) for edge in body.get("next", ())),
    )


def _seat(body: Mapping[str, Any], name: Words) -> Seat:
    return Seat(
        key=body["key"],
        name=_words(body["name"]) if "name" in body else name,
        people=tuple(body.get("people", ())),
        mode=QuorumMode[body.get("mode", "any")],
        need=body.get("need"),
        share=_share(body["share"]) if "share" in body else None,
        weights=body.get("weights", {}),
        rejected=RejectPolicy[body.get("rejected", "one")],
        optional=body.get("optional", False),
        when=body.get("when"),
    )


def _share(text: str) -> Fraction | None:
    """`60 %` or `2/3` as an exact share; None when it is none."""
    found = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,4})?)\s*%\s*|\s*(\d{1,4})\s*/\s*(\d{1,4})\s*", text)
    if found is None or found[3] == "0":
        return None
    share = Fraction(found[1]) / 100 if found[1] else Fraction(int(found[2]), int(found[3]))
    return share if 0 < share <= 1 else None


def _documents(found: Any) -> tuple[Document, ...]:
    return tuple(
        Document(
            item["type"], _words(item["name"]), item.get("count", 1), item.get("when"), item.get("record")
        )
        for item in found
    )


def _words(found: Mapping[str, str]) -> Words:
    return Words(found["zh"], found["en"])


# ---- what the schema alone cannot say ----------------------------------------------------------------------


def _inconsistencies(flow: Flow) -> Iterator[Problem]:
    keys = [step.key for step in flow.steps]
    for key in {key for key in keys if keys.count(key) > 1}:
        yield _at(key, zh="步骤重复。", en="this step stands twice")
    if not flow.strict and not _rehearsing.get():
        yield _at("separation", zh="流程不得放宽职责分离。", en="no flow may relax the separation of duties")
    for place, step in enumerate(flow.steps):
        yield from _wrong_ways(step, keys, place)
        yield from _wrong_seats(step)
        yield from _wrong_times(step)
        if not _rehearsing.get() and not set(COMMENTED) <= step.comment:
            yield _at(
                f"{step.key}.comment", zh="驳回和退回必须填写意见。", en="reject and send back need a comment"
            )


def _wrong_ways(step: Step, keys: list[str], place: int) -> Iterator[Problem]:
    for edge in step.next:
        if edge.to != END and edge.to not in keys[place + 1 :]:
            yield _at(
                f"{step.key}.next", zh=f"去向“{edge.to}”不是后面的步骤。", en=f"'{edge.to}' is no later step"
            )
    for target in step.return_to:
        if target != SUBMITTER and target not in keys[:place]:
            yield _at(
                f"{step.key}.return_to",
                zh=f"退回目标“{target}”不是前面的步骤。",
                en=f"'{target}' is no earlier step",
            )


def _wrong_seats(step: Step) -> Iterator[Problem]:
    if all(seat.optional for seat in step.seats):
        yield _at(step.key, zh="至少一个席位必须表决。", en="at least one seat must decide")
    for seat in step.seats:
        at = f"{step.key}.{seat.key}"
        if not seat.people:
            yield _at(at, zh="没有指定审批人。", en="nobody is named")
        if seat.mode in {QuorumMode.n_of_m, QuorumMode.weight} and seat.need is None:
            yield _at(at, zh="缺少需要的票数。", en="the votes needed are missing")
        if seat.mode is QuorumMode.ratio and seat.share is None:
            yield _at(at, zh="缺少比例，应如 60 % 或 2/3。", en="the share is missing: write 60 % or 2/3")


def _wrong_times(step: Step) -> Iterator[Problem]:
    spans = [step.due, step.remind_every, step.escalate_after, step.time_out.after if step.time_out else None]
    for span in spans:
        if span is not None:
            try:
                Span.read(span)
            except BadInput as error:
                yield Problem(error.words, f"{step.key}.due")


def _at(place: str, *, zh: str, en: str) -> Problem:
    return Problem(say(zh="{place}：{why}", en="{place}: {why}", place=place, why=Words(zh, en)), place)


_compiled: dict[tuple[str, bool], Flow] = {}


def compiled(body: Mapping[str, Any], body_hash: str) -> Flow:
    """The flow of a stored version, worked out once per hash."""
    key = (body_hash, _rehearsing.get())
    if key not in _compiled:
        _compiled[key] = read(body)
    return _compiled[key]


def acts_words(act: str) -> Words:
    """What an act is called."""
    return ApprovalAct[act].words
