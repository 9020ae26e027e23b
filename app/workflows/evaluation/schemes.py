"""Schemes: whom they grade, what they measure, how values become points, and points a grade. Read and checked here.

A scheme is a document (YAML in packs, canonical JSON in `eval_scheme_version.body`); `docs/evaluation.md` tells its
form. Reading never stops at the first mistake: `check` gives all of them, each with its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from app.errors import BadInput, NotAllowed, Problem, WrongState
from app.models import SLOTS
from app.roles import Act
from app.services import access
from app.services.fields import is_seen
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.checking import Formula
from app.services.language.kinds import BOOL, POINTS, SCALE, Type, to_model
from app.words import Words, say
from app.workflows.evaluation import library
from app.workflows.evaluation.measures import Measure, measure
from app.workflows.evaluation.methods import FULL, Bands, Method, Shown, intervals, method
from app.workflows.evaluation.parts import Part, Problems
from app.workflows.evaluation.pins import SAMPLE, Pin
from app.workflows.evaluation.sources import Column, catalogue
from app.workflows.evaluation.subjects import SUBJECTS, Subject, with_added
from app.workflows.evaluation.tables import Table, table

Element = sa.ColumnElement[Any]

ENGINE = 2
"""The edition of the rules of computing: a run keeps the one it was computed by."""

MISSING_POLICIES = ("fail", "zero", "neutral", "reweight", "carry", "exclude")


@dataclass(frozen=True, slots=True)
class Missing:
    """What becomes of a subject without a value: `points` for neutral, `days` for how old a carried score may be."""

    policy: str
    points: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Veto:
    """A score below `below` lets the grade be no better than number `grade_no`."""

    below: int
    grade_no: int


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator: its raw value, how it is scored, its weight in 1/10,000, its slot from 1."""

    key: str
    slot: int
    words: Words
    value: Formula | None
    type: Type
    method: Method
    weight: int
    missing: Missing
    veto: Veto | None

    @property
    def column(self) -> str:
        """The number its columns carry: `v03`, `s03`."""
        return f"{self.slot:02}"

    @property
    def is_scored(self) -> bool:
        return not isinstance(self.method, Shown)


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade a subject can get."""

    code: str
    words: Words


@dataclass(frozen=True, slots=True)
class Publishing:
    """What publication writes besides the current grade: the class of this classification, the customer's own grade."""

    classification: str | None = None
    customer_grade: bool = False


@dataclass(frozen=True)
class Scheme:
    """A checked scheme, bound to the pin of a run. Grades stand best first."""

    code: str
    words: Words
    subject: Subject
    where: Formula | None
    having: Formula | None
    measures: tuple[Measure, ...]
    indicators: tuple[Indicator, ...]
    grades: tuple[Grade, ...]
    bands: Bands | None
    table: Table | None
    minimum_coverage: int
    publishing: Publishing
    pin: Pin
    body: Mapping[str, Any] = field(repr=False)

    @property
    def weight(self) -> int:
        """The sum of all weights: 10,000, or 0 where nothing is weighed."""
        return sum(indicator.weight for indicator in self.indicators)

    def facts(self) -> Catalogue:
        """What its indicators may use: measures, facts of the subject, the pin."""
        return catalogue(self.subject.columns, [*(one.fact() for one in self.measures), *self.pin.facts()])

    def indicator(self, key: str) -> Indicator:
        return next(one for one in self.indicators if one.key == key)


# ---- files and bodies --------------------------------------------------------------------------------------------


def body_of_file(path: Path) -> dict[str, Any]:
    """The document of a scheme file. Raises `BadInput` when it is no YAML mapping."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:300]
        words = say(
            "无法读取方案文件 {file}：{reason}",
            "The scheme file {file} cannot be read: {reason}",
            file=path.name,
            reason=reason,
        )
        raise BadInput([Problem(words)]) from error
    if not isinstance(found, dict):
        raise BadInput([Problem(say("{file} 不是方案文件。", "{file} is no scheme file.", file=path.name))])
    return body_of(found)


def body_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as it is stored: with everything its indicators use written out, and as JSON gives it back."""
    return json.loads(canonical(library.expand(document)))  # type: ignore[no-any-return]


def canonical(body: Mapping[str, Any]) -> str:
    """The one written form of a body, to be stored and hashed; the order of indicators is part of it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)


def hash_of(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def load(body: Mapping[str, Any], pin: Pin = SAMPLE) -> Scheme:
    """The scheme of a document, bound to a pin. Raises `BadInput` with everything that is wrong and where."""
    problems = Problems()
    scheme = _Reader(body, pin, problems).scheme()
    if problems.found or scheme is None:
        raise BadInput(problems.found)
    return scheme


def check_readable(scheme: Scheme) -> None:
    """Refuse what would tell the person asking of confidential fields he may not see (a trial run is his own).

    Raises `NotAllowed`, naming the field.
    """
    for column in _used(scheme):
        _check_may_see(column)


def check_in_use(scheme: Scheme) -> None:
    """Refuse to measure what nobody keeps any more. Raises `WrongState`, naming the field."""
    for column in _used(scheme):
        if column.added is not None and column.added.item is not None and not column.added.item.active:
            raise WrongState(
                say(
                    "字段“{field}”已停用，不能再据此评价；请启用它，或修改方案。",
                    "The field “{field}” is out of use: nothing new can be measured by it. Take it into use again, or "
                    "change the scheme.",
                    field=column.fact.words,
                )
            )


def _used(scheme: Scheme) -> Iterator[Column]:
    """The columns its measures and formulas read."""
    for one in scheme.measures:
        yield from one.read()
    formulas = [scheme.where, scheme.having, *(one.value for one in scheme.indicators)]
    formulas += [formula for one in scheme.indicators for formula in one.method.facts().values()]
    names = {name for formula in formulas if formula for name in formula.facts}
    yield from (column for column in scheme.subject.columns if column.fact.name in names)


def _check_may_see(column: Column) -> None:
    who, field_words = access.principal(), column.fact.words
    is_hidden = column.guarded_by and not who.may(Act.see_confidential, column.guarded_by)
    if is_hidden or (column.added is not None and not is_seen(column.added, who)):
        raise NotAllowed(
            say(
                "“{field}”是保密字段，您无权据此评价。",
                "“{field}” is confidential: you may not evaluate by it.",
                field=field_words,
            )
        )


def check(body: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with a scheme document, with its place; nothing when it can be published."""
    problems = Problems()
    _Reader(body, SAMPLE, problems).scheme()
    return problems.found


class _Reader:
    """One reading of a document."""

    def __init__(self, body: Mapping[str, Any], pin: Pin, problems: Problems) -> None:
        self.body = body
        self.part = Part(body, "", problems)
        self.pin = pin
        self.problems = problems

    def scheme(self) -> Scheme | None:
        part = self.part
        code, words = part.text("scheme"), part.words()
        subject = with_added(SUBJECTS[part.option("subject", list(SUBJECTS))])
        minimum = part.rate("minimum_coverage", 0) or 0
        publishing = self._publishing(subject)
        grades, edges = self._grades()
        measures = self._measures(subject)
        facts = catalogue(subject.columns, [*(one.fact() for one in measures), *self.pin.facts()])
        where, having = self._population(subject, facts)
        indicators = self._indicators(facts, [grade.code for grade in grades])
        decided = self._table(indicators, [grade.code for grade in grades])
        self._check_weights(indicators, edges, decided)
        part.close()
        if self.problems.found:
            return None
        return Scheme(
            code=code,
            words=words,
            subject=subject,
            where=where,
            having=having,
            measures=tuple(measures),
            indicators=tuple(indicators),
            grades=tuple(grades),
            bands=edges,
            table=decided,
            minimum_coverage=minimum,
            publishing=publishing,
            pin=self.pin,
            body=self.body,
        )

    # ---- whom it grades, what it measures ----

    def _population(self, subject: Subject, facts: Catalogue) -> tuple[Formula | None, Formula | None]:
        if "population" not in self.part:
            return None, None
        part = self.part.part("population")
        where = part.formula("where", catalogue(subject.columns, self.pin.facts()), BOOL)
        having = part.formula("having", facts, BOOL)
        part.close()
        return where, having

    def _measures(self, subject: Subject) -> list[Measure]:
        if "measures" not in self.part:
            return []
        found = [
            measure(key, part, subject.counted_as, self.pin) for key, part in self.part.named("measures")
        ]
        taken = {column.fact.name for column in subject.columns} | {fact.name for fact in self.pin.facts()}
        for one in found:
            if one is not None and one.key in taken:
                self.part.complain(
                    "measures",
                    "“{key}”已是评价对象的字段，请换一个键。",
                    "'{key}' is a field of the subject: choose another key.",
                    key=one.key,
                )
        return [one for one in found if one is not None]

    # ---- how it scores ----

    def _indicators(self, facts: Catalogue, grades: list[str]) -> list[Indicator]:
        found = []
        for slot, (key, part) in enumerate(self.part.named("indicators"), 1):
            if slot > SLOTS:
                part.complain("", "指标最多 {n} 个。", "At most {n} indicators.", n=SLOTS)
                break
            one = self._indicator(slot, key, part, facts, grades)
            if one is not None:
                found.append(one)
        return found

    def _indicator(
        self, slot: int, key: str, part: Part, facts: Catalogue, grades: list[str]
    ) -> Indicator | None:
        words = part.words()
        manual = isinstance(part.raw("method"), Mapping) and part.raw("method").get("kind") == "manual"
        value = None if manual else part.formula("value", facts, needed=True)
        if value is not None and value.type.kind not in SCALE:
            part.complain(
                "value",
                "指标值要是数字，却是{type}。",
                "A number is expected, not {type}.",
                type=value.type.words,
            )
            return None
        type_ = value.type if value else POINTS
        is_read = value is not None or manual
        how: Method | None = Shown()
        if "method" in part and is_read:
            how = method(part.part("method"), type_, facts)
        weight = part.rate("weight", 0) or 0
        missing, veto = self._missing(part), self._veto(part, grades)
        part.close()
        if how is None or not is_read:
            return None
        if isinstance(how, Shown) and (weight or veto):
            part.complain(
                "method",
                "有权重或否决条件的指标要有评分方法。",
                "An indicator with a weight or a veto needs a method.",
            )
        return Indicator(key, slot, words, value, type_, how, weight, missing, veto)

    def _missing(self, part: Part) -> Missing:
        value = part.raw("missing", "fail")
        if isinstance(value, Mapping):
            inner = part.part("missing")
            policy = inner.option("policy", MISSING_POLICIES)
            points = inner.points("points") if policy == "neutral" else 0
            days = inner.whole("days", 400, 1, 4000) if policy == "carry" else 0
            inner.close()
            if points is None:
                inner.complain("points", "缺少中性分数。", "The neutral points are missing.")
            return Missing(policy, points or 0, days)
        policy = part.option("missing", MISSING_POLICIES, "fail")
        if policy == "neutral":
            part.complain("missing", "neutral 要写明分数。", "neutral needs its points.")
        return Missing(policy, days=400 if policy == "carry" else 0)

    def _veto(self, part: Part, grades: list[str]) -> Veto | None:
        if "veto" not in part:
            return None
        inner = part.part("veto")
        below = inner.points("below")
        grade = inner.option("grade", grades) if grades else ""
        inner.close()
        if below is None:
            inner.complain("below", "缺少分数。", "The points are missing.")
        return None if below is None or grade not in grades else Veto(below, grades.index(grade))

    # ---- how it grades ----

    def _grades(self) -> tuple[list[Grade], Bands | None]:
        """The grades, best first; with the edges between them where the total decides."""
        if "grades" not in self.part:
            return [], None
        parts = list(self.part.parts("grades"))
        grades = [Grade(part.text("grade"), part.words()) for part in parts]
        if len({grade.code for grade in grades}) != len(grades):
            self.part.complain("grades", "等级重复。", "A grade stands twice.")
        if not any("from" in part or "to" in part for part in parts):
            for part in parts:
                part.close()
            return grades, None
        numbers = list(range(len(parts)))[::-1]
        found = intervals([parts[number] for number in numbers], POINTS, lambda part: part.place)
        return grades, Bands(POINTS, tuple(found[0]), tuple(numbers), right=False) if found else None

    def _publishing(self, subject: Subject) -> Publishing:
        if "publish" not in self.part:
            return Publishing()
        part = self.part.part("publish")
        found = Publishing(
            part.text("classification", needed=False) or None, part.truth("customer_grade", default=False)
        )
        part.close()
        if subject.name != "customer" and found != Publishing():
            part.complain("", "只有客户方案可写客户等级与分类。", "Only customers have a grade and classes.")
        return found

    def _table(self, indicators: list[Indicator], grades: list[str]) -> Table | None:
        if "table" not in self.part:
            return None
        scored = [one for one in indicators if one.is_scored]
        facts = [
            Fact(one.key, POINTS, zh=one.words.zh, en=one.words.en, domain=_points(0, FULL)) for one in scored
        ]
        raw = [
            Fact(f"{one.key}.value", one.type, zh=f"{one.words.zh}值", en=f"{one.words.en} value")
            for one in indicators
        ]
        possible = {one.key: one.method.possible() for one in scored}
        return table(self.part.part("table"), Catalogue([*facts, *raw]), grades, possible.get)

    def _check_weights(self, indicators: list[Indicator], edges: Bands | None, decided: Table | None) -> None:
        weights = [one.weight for one in indicators]
        whole = len(indicators) == len(self.part.raw("indicators") or ())
        if any(weights) and whole and sum(weights) != FULL:
            self.part.complain(
                "indicators",
                "权重合计为 {sum} %，应为 100 %。",
                "The weights add up to {sum} %, not to 100 %.",
                sum=f"{sum(weights) / 100:g}",
            )
        if edges is not None and decided is not None:
            self.part.complain(
                "table",
                "等级或由总分、或由表格决定，不能两者都写。",
                "Grades go by the total or by the table, not by both.",
            )
        if edges is not None and whole and not any(weights):
            self.part.complain(
                "indicators", "按总分定级，指标要有权重。", "Grades by the total need weights."
            )
        if "grades" in self.part and edges is None and decided is None and not self.problems.found:
            self.part.complain(
                "grades",
                "没有写明如何定级：写分数区间或表格。",
                "How grades are decided is not said: points or a table.",
            )


def _points(low: int, high: int) -> tuple[Any, Any]:
    return to_model(POINTS, low), to_model(POINTS, high)
