"""How a raw value becomes a score: one class per method, each read from a scheme file, checked, and written as SQL.

Scores are whole hundredths of a point. Everything is computed in 64-bit integers, with one rounding, half up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula
from app.services.language.kinds import COUNT, DAYS, POINTS, SCALE, Type, show
from app.services.language.wording import words as formula_words
from app.words import Words, say
from app.workflows.evaluation.dialects import bytewise
from app.workflows.evaluation.parts import Part

Element = sa.ColumnElement[Any]
Columns = Mapping[str, Element]

T = TypeVar("T")

FULL = 10_000
"""100 points."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What is known of all subjects of a run, for one indicator.

    `at` gives those asked for by their place in rising order, from 1: the value, then what ranks equal values.
    `passed` tells of a column how many of the values at these places it lies above.
    """

    counted: int
    low: int | None
    high: int | None
    at: Mapping[int, tuple[Any, ...]]
    passed: Callable[[Element], Element]


class Method(Protocol):
    """A way of scoring. `slot` names its columns: `v03` is the raw value of the third indicator."""

    def facts(self) -> Mapping[str, Formula]:
        """Formulas computed beside the raw value, by the prefix of their column."""

    def ties(self) -> str:
        """What ranks subjects with equal values: their `id`, their `code`, or nothing (`shared`)."""

    def places(self, counted: int) -> Sequence[int]:
        """Whose values it must know, by their place in rising order, from 1, where so many have one."""

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        """The score from all of these; NULL where there is none."""

    def possible(self) -> list[int] | None:
        """The scores it can give; None for any from 0 to 100 points."""

    def words(self) -> Words:
        """The method with its parameters, as a person reads it."""


class Plain:
    """What most methods need nothing of."""

    def facts(self) -> Mapping[str, Formula]:
        return {}

    def ties(self) -> str:
        return "shared"

    def places(self, counted: int) -> Sequence[int]:
        del counted
        return ()

    def possible(self) -> list[int] | None:
        return None


def big(value: int) -> Element:
    return sa.cast(sa.literal(value, sa.BigInteger()), sa.BigInteger)


def part_of_full(part: Element, whole: Element) -> Element:
    """`part / whole` in hundredths of a point, half up, for 0 ≤ part and 0 < whole; in two steps that fit 64 bits."""
    coarse = (part * 100) // whole
    rest = (part * 100) % whole
    return coarse * 100 + (rest * 200 + whole) // (whole * 2)


def chosen(cases: Iterable[tuple[Element, Element | int]], otherwise: Element | int | None = None) -> Element:
    """The value of the first test that holds."""
    return sa.case(*cases, else_=sa.null() if otherwise is None else otherwise)


def shown(type_: Type, raw: int) -> Words:
    return Words(show(type_, raw, "zh"), show(type_, raw, "en"))


def listed(values: Iterable[Words]) -> Words:
    values = list(values)
    return Words("、".join(v.zh for v in values), ", ".join(v.en for v in values))


# ---- the methods -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Linear(Plain):
    """From 0 points at one value to 100 at another; an end may be the lowest or highest value of the run."""

    type: Type
    zero: int | str
    full: int | str

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        value = columns[f"v{slot}"]
        zero, full = (self._end(end, whole) for end in (self.zero, self.full))
        if zero is None or full is None:
            return sa.cast(sa.null(), sa.BigInteger)
        if zero == full:
            return chosen([(value.is_(None), sa.null())], FULL)
        gained, span = (value - zero, full - zero) if zero < full else (zero - value, zero - full)
        return chosen(
            [(value.is_(None), sa.null()), (gained <= 0, 0), (gained >= span, FULL)],
            part_of_full(gained, big(span)),
        )

    @staticmethod
    def _end(end: int | str, whole: Whole) -> int | None:
        return end if isinstance(end, int) else {"low": whole.low, "high": whole.high}[end]

    def words(self) -> Words:
        zero, full = (
            END_WORDS[end] if isinstance(end, str) else shown(self.type, end)
            for end in (self.zero, self.full)
        )
        return say(
            "自 {zero}（0 分）至 {full}（100 分）按比例",
            "in proportion from {zero} (0 points) to {full} (100 points)",
            zero=zero,
            full=full,
        )


END_WORDS = {
    "low": Words("本次最低值", "the lowest value of the run"),
    "high": Words("本次最高值", "the highest value of the run"),
}


def _linear(part: Part, type_: Type, _: Catalogue) -> Method | None:
    ends: list[int | str | None] = []
    for key in ("from", "to"):
        word = {"lowest": "low", "highest": "high"}.get(str(part.raw(key)))
        ends.append(word or part.amount(key, type_))
        if ends[-1] is None and part.raw(key) is None:
            part.complain(key, "缺少“{key}”。", "'{key}' is missing.", key=key)
    zero, full = ends
    if zero is None or full is None:
        return None
    if zero == full:
        part.complain("to", "起止不能相同。", "The two ends must differ.")
    return Linear(type_, zero, full)


@dataclass(frozen=True, slots=True)
class Bands(Plain):
    """Points by interval: `edges[i]` parts band i from band i + 1. Half-open; with `right`, the upper edge belongs below."""

    type: Type
    edges: tuple[int, ...]
    points: tuple[int, ...]
    right: bool

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        del whole
        return self.given(columns[f"v{slot}"])

    def given(self, value: Element) -> Element:
        """What its band gives a value."""
        tests = [(value <= edge if self.right else value < edge) for edge in map(big, self.edges)]
        return chosen(
            [(value.is_(None), sa.null()), *zip(tests, self.points[:-1], strict=True)], self.points[-1]
        )

    def possible(self) -> list[int]:
        return sorted(set(self.points))

    def words(self) -> Words:
        sign = "≤" if self.right else "<"
        bands = [
            say(
                "{sign} {edge} 得 {points}",
                "{sign} {edge}: {points}",
                sign=sign,
                edge=shown(self.type, edge),
                points=shown(POINTS, points),
            )
            for edge, points in zip(self.edges, self.points, strict=False)
        ]
        rest = say("其余 {points}", "above: {points}", points=shown(POINTS, self.points[-1]))
        return listed([*bands, rest])


def _bands(part: Part, type_: Type, _: Catalogue) -> Method | None:
    right = part.option("closed", ["left", "right"], "left") == "right"
    found = intervals(list(part.parts("bands")), type_, lambda band: band.points("points"))
    if found is None:
        return None
    edges, points = found
    if any(one is None for one in points):
        part.complain("bands", "每段都要有分数。", "Every band needs its points.")
        return None
    return Bands(type_, tuple(edges), tuple(one for one in points if one is not None), right)


def intervals(
    bands: Sequence[Part], type_: Type, read: Callable[[Part], T]
) -> tuple[list[int], list[T]] | None:
    """Adjoining intervals in rising order: the edges between them, and what each gives. Gaps and overlaps are named."""
    if not bands:
        return None
    before = len(bands[0].problems.found)
    rows = [(band, _edge(band, "from", type_), _edge(band, "to", type_), read(band)) for band in bands]
    for band in bands:
        band.close()
    edges: list[int] = []
    for (low, _, to, _), (high, start, _, _) in pairwise(rows):
        edge = _joint(low, high, to, start, type_)
        if edge is not None and edges and edge <= edges[-1]:
            high.complain("from", "各段的界限没有依次升高。", "The edges of the bands do not rise.")
        if edge is not None:
            edges.append(edge)
    _check_ends(rows[0], rows[-1], type_)
    return None if len(bands[0].problems.found) > before else (edges, [row[3] for row in rows])


def _edge(band: Part, key: str, type_: Type) -> int | None:
    return band.points(key) if type_ == POINTS else band.amount(key, type_)


def _joint(low: Part, high: Part, to: int | None, start: int | None, type_: Type) -> int | None:
    """Where two neighbouring bands meet."""
    if to is not None and start is not None and to != start:
        words = {"to": shown(type_, to), "start": shown(type_, start)}
        if to < start:
            high.complain(
                "from", "{to} 至 {start} 之间有空档。", "There is a gap between {to} and {start}.", **words
            )
        else:
            high.complain("from", "{start} 至 {to} 重叠。", "{start} to {to} overlaps.", **words)
        return None
    if to is None and start is None:
        low.complain("to", "缺少与下一段的分界。", "Where this band ends and the next begins is not said.")
    return start if to is None else to


def _check_ends(first: tuple[Any, ...], last: tuple[Any, ...], type_: Type) -> None:
    """The outermost bands are open, or begin at 0 where nothing lies below."""
    band, start = first[0], first[1]
    if start is not None and (start > 0 or type_.kind not in {COUNT.kind, POINTS.kind, DAYS.kind}):
        band.complain(
            "from",
            "首段以下没有着落：去掉下限。",
            "Nothing covers what lies below: leave out the lower edge.",
        )
    band, end = last[0], last[2]
    if end is not None:
        band.complain(
            "to", "末段以上没有着落：去掉上限。", "Nothing covers what lies above: leave out the upper edge."
        )


@dataclass(frozen=True, slots=True)
class Quantiles(Plain):
    """Equal groups of all subjects, by value, by rank or by number (R32); group 1 holds the least.

    By value the edges lie between order statistics (linear interpolation), compared as whole multiples; by rank the
    same edges are laid over the ranks 1…n. The upper edge belongs to the group below it. By number the groups differ
    by one subject at most, the larger ones first, as NTILE of SQL has it.
    """

    type: Type
    groups: int
    by: str
    tied: str
    points: tuple[int, ...]

    @property
    def by_value(self) -> bool:
        return self.by == "value"

    def ties(self) -> str:
        return "shared" if self.by_value else self.tied

    def places(self, counted: int) -> Sequence[int]:
        found = {
            place + step for place in self._ends(counted) for step in ((0, 1) if self.by_value else (0,))
        }
        return sorted(place for place in found if place <= counted)

    def _ends(self, counted: int) -> list[int]:
        """The last place of each group but the highest; by value the one its edge lies at or behind."""
        if self.by == "number":
            size, larger = divmod(counted, self.groups)
            return [k * size + min(k, larger) for k in range(1, self.groups)]
        return [(counted - 1) * k // self.groups + 1 for k in range(1, self.groups)]

    def edges(self, whole: Whole) -> list[int | None]:
        """By value: `groups` times the value between each two groups; nothing where nobody has a value."""
        return [self._edge(k, whole) for k in range(1, self.groups)]

    def _edge(self, k: int, whole: Whole) -> int | None:
        if not whole.counted:
            return None
        place, part = divmod((whole.counted - 1) * k, self.groups)
        low = whole.at[place + 1][0]
        high = whole.at.get(place + 2, whole.at[place + 1])[0]
        return int((self.groups - part) * low + part * high)

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        value = columns[f"v{slot}"]
        if not whole.counted:
            return sa.cast(sa.null(), sa.BigInteger)
        above = self._valued(slot, columns, whole) if self.by_value else self._ranked(slot, columns, whole)
        return chosen(
            [(value.is_(None), sa.null()), *zip(above, self.points[:-1], strict=True)], self.points[-1]
        )

    def _ranked(self, slot: str, columns: Columns, whole: Whole) -> list[Element]:
        keys = [columns[f"v{slot}"], *tie_keys(self.tied, columns)]
        return [not_behind(keys, whole.at[place]) for place in self._ends(whole.counted)]

    def _valued(self, slot: str, columns: Columns, whole: Whole) -> list[Element]:
        value = columns[f"v{slot}"]
        return [value * self.groups <= big(edge) for edge in self.edges(whole) if edge is not None]

    def possible(self) -> list[int]:
        return sorted(set(self.points))

    def words(self) -> Words:
        how = Words("按值", "by value") if self.by_value else TIE_WORDS[self.tied]
        if self.by == "number":
            how = say("人数相等，{how}", "of equal number, {how}", how=how)
        return say(
            "全体{how}分为 {n} 等份，由小到大得 {points}",
            "all subjects in {n} equal groups {how}; from the least: {points}",
            how=how,
            n=self.groups,
            points=listed(shown(POINTS, points) for points in self.points),
        )


def tie_keys(ties: str, columns: Any) -> list[Element]:
    """What stands behind the value in the order of ranks."""
    if ties == "shared":
        return []
    by_id = [columns["subject_id"]]
    return by_id if ties == "id" else [bytewise(columns["subject_code"]), *by_id]


def not_behind(keys: Sequence[Element], place: Sequence[Any]) -> Element:
    """Whether a subject stands at this place of the order or before it."""
    key, *others = keys
    edge = sa.literal(place[0], key.type)
    if not others:
        return key <= edge
    return sa.or_(key < edge, sa.and_(key == edge, not_behind(others, place[1:])))


TIE_WORDS = {
    "id": Words("按名次（同值按录入先后）", "by rank (equal values in order of entry)"),
    "code": Words("按名次（同值按代码）", "by rank (equal values by code)"),
    "shared": Words("按名次（同值同名次）", "by rank (equal values share theirs)"),
}


def _quantiles(part: Part, type_: Type, _: Catalogue) -> Method | None:
    groups = part.whole("groups", 5, 2, 20)
    by = part.option("by", ["value", "rank", "number"], "value")
    ties = part.option("ties", list(TIE_WORDS), "id")
    prefer = part.option("prefer", ["high", "low"], "high")
    listed_points = part.raw("points")
    if listed_points is None:
        points = [SCALE[POINTS.kind] * k for k in range(1, groups + 1)]
        return Quantiles(type_, groups, by, ties, tuple(points if prefer == "high" else points[::-1]))
    read = (
        [part.points_of(value, "points") for value in listed_points]
        if isinstance(listed_points, list)
        else []
    )
    if len(read) != groups or any(one is None for one in read):
        part.complain(
            "points", "应有 {n} 个分数，由小到大。", "{n} points are expected, from the least.", n=groups
        )
        return None
    if prefer == "low":
        part.complain("prefer", "写明分数时不再写 prefer。", "With points given, leave out prefer.")
    return Quantiles(type_, groups, by, ties, tuple(one for one in read if one is not None))


@dataclass(frozen=True, slots=True)
class Percentile(Plain):
    """The share of the others one is ahead of; equal values share the lower rank. Alone: full points unless said."""

    low_is_better: bool
    alone: int

    def places(self, counted: int) -> Sequence[int]:
        """Score k goes to who is ahead of at least `ceil((2k - 1)(counted - 1) / 2 FULL)` others: half up."""
        others = counted - 1
        ahead = (-(-(2 * k - 1) * others // (2 * FULL)) for k in range(1, FULL + 1)) if others > 0 else ()
        return [counted + 1 - place if self.low_is_better else place for place in ahead]

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        value = columns[f"v{slot}"]
        if whole.counted <= 1:  # nobody to be compared with
            return chosen([(value.is_(None), sa.null())], self.alone)
        passed = FULL - whole.passed(value + 1) if self.low_is_better else whole.passed(value)
        return chosen([(value.is_(None), sa.null())], passed)

    def words(self) -> Words:
        better = (
            Words("越低越好", "lower is better")
            if self.low_is_better
            else Words("越高越好", "higher is better")
        )
        return say("在全体中的百分位（{better}）", "percentile among all ({better})", better=better)


def _percentile(part: Part, _type: Type, _: Catalogue) -> Method | None:
    low = part.option("prefer", ["high", "low"], "high") == "low"
    alone = part.points("alone", FULL)
    return None if alone is None else Percentile(low, alone)


@dataclass(frozen=True, slots=True)
class Target(Plain):
    """The share of a target that was reached, up to a cap; no target, or 0, is a missing value."""

    target: Formula
    cap: int

    def facts(self) -> Mapping[str, Formula]:
        return {"t": self.target}

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        del whole
        value, target = columns[f"v{slot}"], columns[f"t{slot}"]
        reached = part_of_full(value, sa.func.nullif(target, 0, type_=sa.BigInteger()))
        capped = chosen([(reached > self.cap, self.cap)], reached)
        return chosen(
            [
                (sa.or_(value.is_(None), target.is_(None), target <= 0), sa.null()),
                (value <= 0, 0),
                (value > target * (self.cap // FULL + 1), self.cap),
            ],
            capped,
        )

    def words(self) -> Words:
        return say(
            "相对目标（{target}）的完成率，最高 {cap}",
            "the share of the target ({target}) reached, at most {cap}",
            target=formula_words(self.target),
            cap=shown(POINTS, self.cap),
        )


def _target(part: Part, type_: Type, catalogue: Catalogue) -> Method | None:
    target = part.formula("target", catalogue, type_, needed=True)
    cap = part.rate("cap", FULL)
    if cap is not None and not FULL <= cap <= 5 * FULL:
        part.complain("cap", "上限应在 100 % 与 500 % 之间。", "The cap lies between 100 % and 500 %.")
    return None if target is None or cap is None else Target(target, cap)


@dataclass(frozen=True, slots=True)
class Computed(Plain):
    """Points by a formula over measures, kept between 0 and 100."""

    points: Formula

    def facts(self) -> Mapping[str, Formula]:
        return {"t": self.points}

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        del whole
        points = columns[f"t{slot}"]
        missing = sa.or_(points.is_(None), columns[f"v{slot}"].is_(None))
        return chosen([(missing, sa.null()), (points < 0, 0), (points > FULL, FULL)], points)

    def words(self) -> Words:
        return formula_words(self.points)


def _computed(part: Part, _type: Type, catalogue: Catalogue) -> Method | None:
    points = part.formula("points", catalogue, POINTS, needed=True)
    return None if points is None else Computed(points)


@dataclass(frozen=True, slots=True)
class Manual(Plain):
    """The mean of the points raters gave, half up, once enough of them have.

    `days` after the end of the period nobody rates any more; with `evidence` every score names what it rests on.
    """

    raters: int
    evidence: bool = False
    days: int | None = None

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        del whole
        return columns[f"v{slot}"]

    def words(self) -> Words:
        if self.raters == 1:
            return say("各评分人所给分数的平均", "the mean of the points raters give")
        return say("至少 {n} 人评分的平均", "the mean of at least {n} raters", n=self.raters)


def _manual(part: Part, _type: Type, _: Catalogue) -> Method | None:
    days = part.whole("days", 15, 1, 400) if "days" in part else None
    return Manual(part.whole("raters", 1, 1, 50), part.truth("evidence", default=False), days)


@dataclass(frozen=True, slots=True)
class Shown(Plain):
    """No score: the value is only shown."""

    def score(self, slot: str, columns: Columns, whole: Whole) -> Element:
        del slot, columns, whole
        return sa.cast(sa.null(), sa.BigInteger)

    def words(self) -> Words:
        return Words("不评分", "not scored")


READERS: Mapping[str, Callable[[Part, Type, Catalogue], Method | None]] = {
    "linear": _linear,
    "bands": _bands,
    "quantiles": _quantiles,
    "percentile": _percentile,
    "target": _target,
    "formula": _computed,
    "manual": _manual,
}


def method(part: Part, type_: Type, catalogue: Catalogue) -> Method | None:
    """The method written there; None when it makes no sense (the problems say why)."""
    kind = part.option("kind", list(READERS))
    found = READERS[kind](part, type_, catalogue) if part.raw("kind") == kind else None
    if part.raw("kind") == kind:
        part.close()
    return found
