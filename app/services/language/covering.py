"""Whether branches cover every case, and none twice: gaps, overlaps and dead branches, each with an example.

Every axis (a field, or a computed term compared with constants) is cut at each constant and one unit beside it; values
the conditions cannot tell apart are one class. Trying one value of each class is then as good as trying all of them.
Fields compared with fields, and computed terms, are treated as free of the rest: nothing is overlooked, but a case
found so may turn out to be impossible (`exact` is False), so such branches need a default.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from itertools import product
from math import prod

from app.services.language import bounds, trees
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula
from app.services.language.evaluating import Evaluator, build, settle
from app.services.language.kinds import BOOL, COUNT, SCALE, Kind, Model, Raw, Type, to_model
from app.services.language.trees import Apply, Literal, Name, Node
from app.services.language.wording import tree_words, value_words
from app.words import Words, say

MOST_CELLS = 50_000
MOST_EXAMPLES = 5

Cell = Mapping[str, Raw | None]


class Hit(StrEnum):
    """How branches are meant: exactly one holds, or the first that holds counts."""

    unique = auto()
    first = auto()


class Flaw(StrEnum):
    """What can be wrong with branches."""

    gap = auto()
    overlap = auto()
    dead = auto()
    undecided = auto()
    idle_default = auto()
    too_large = auto()


ERRORS = frozenset({Flaw.gap, Flaw.overlap, Flaw.dead, Flaw.too_large})


@dataclass(frozen=True, slots=True)
class Branch:
    """A way with its condition; without one it is the default, for whatever is left."""

    label: str
    condition: Formula | None


NO_CASE = Words("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw in words, the branches it concerns, and a case that shows it (model values by fact name)."""

    flaw: Flaw
    words: Words
    branches: tuple[str, ...] = ()
    example: Mapping[str, Model | None] = field(default_factory=dict)
    exact: bool = True
    case: Words = NO_CASE
    """The case in words alone, for who says the rest in his own."""

    @property
    def is_error(self) -> bool:
        """Whether it must stop publication; the others are warnings."""
        return self.flaw in ERRORS


def cover(
    branches: Sequence[Branch], hit: Hit = Hit.unique, assuming: Sequence[Formula] = ()
) -> list[Finding]:
    """The flaws of branches, over all cases in which the conditions `assuming` hold."""
    conditions = [branch.condition for branch in branches if branch.condition]
    if not conditions:
        return [] if branches else [Finding(Flaw.gap, NOTHING)]
    space = Space([*conditions, *assuming])
    if space.size > MOST_CELLS:
        return [Finding(Flaw.too_large, TOO_LARGE)]
    return _Course(branches, hit, space, len(conditions)).findings()


def satisfiable(formulas: Sequence[Formula]) -> Mapping[str, Model | None] | None:
    """A case in which all the conditions hold; None when there is none. A space too large counts as possible."""
    if not formulas:
        return {}
    space = Space(formulas)
    if space.size > MOST_CELLS:
        return {}
    tests = space.tests
    return next(
        (space.example(cell) for cell in space.cells() if all(test(cell) is True for test in tests)), None
    )


NOTHING = say(zh="没有任何分支", en="There is no branch at all")
TOO_LARGE = say(
    zh="组合太多，无法逐一核对；请减少同时判断的字段",
    en="Too many combinations to verify; test fewer fields at once",
)


# ---- the space of cases --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Axis:
    """One thing the conditions test: its type, what it can be, and the constants it is compared with."""

    name: str
    node: Node
    type: Type
    nullable: bool
    span: bounds.Span | None
    exact: bool
    cuts: dict[Raw, None] = field(default_factory=dict)
    atoms: list[Node] = field(default_factory=list)
    values: list[Raw | None] = field(default_factory=list)


class Space:
    """All cases the conditions can tell apart."""

    def __init__(self, formulas: Sequence[Formula]) -> None:
        self.catalogue: Catalogue = formulas[0].catalogue
        self.axes: dict[str, Axis] = {}
        trees_ = [self._plain(settle(formula.tree, self.catalogue)) for formula in formulas]
        self.tests: list[Evaluator] = [build(tree) for tree in trees_]
        for axis in self.axes.values():
            axis.values = _classes(axis, self.catalogue)

    @property
    def size(self) -> int:
        return prod(len(axis.values) for axis in self.axes.values())

    @property
    def exact(self) -> bool:
        """Whether every case found is one that can occur."""
        return all(axis.exact for axis in self.axes.values())

    def cells(self) -> Iterator[dict[str, Raw | None]]:
        for values in product(*(axis.values for axis in self.axes.values())):
            yield dict(zip(self.axes, values, strict=True))

    def example(self, cell: Cell) -> dict[str, Model | None]:
        return {
            name: to_model(axis.type, cell[name])
            for name, axis in self.axes.items()
            if isinstance(axis.node, Name)
        }

    def words(self, cell: Cell, names: Sequence[str]) -> Words:
        """The case in words, as far as the named axes go."""
        parts = [self._axis_words(self.axes[name], cell[name]) for name in names]
        return Words(zh="，".join(p.zh for p in parts), en=", ".join(p.en for p in parts))

    def _axis_words(self, axis: Axis, value: Raw | None) -> Words:
        if isinstance(axis.node, Apply) and axis.node.op == "?" and isinstance(value, int):
            return tree_words(Apply(SIGNS[value], axis.node.args), self.catalogue)
        if isinstance(axis.node, Apply) and axis.node.op == "?":
            return tree_words(
                Apply("or", tuple(Apply("missing", (arg,)) for arg in axis.node.args)), self.catalogue
            )
        if value is None:
            return tree_words(Apply("missing", (axis.node,)), self.catalogue)
        name, shown = tree_words(axis.node, self.catalogue), value_words(axis.type, value, self.catalogue)
        return say(zh="{name} = {shown}", en="{name} = {shown}", name=name, shown=shown)

    # ---- conditions over axes instead of facts and terms ----

    def _plain(self, node: Node) -> Node:
        """The condition with every computed term replaced by an axis of its own."""
        if isinstance(node, Literal):
            return node
        if isinstance(node, Name):
            return self._atom(node, node)
        if node.op in ("between", "span"):
            item, low, high = node.args
            below = "<=" if node.op == "between" else "<"
            return self._plain(Apply("and", (Apply(">=", (item, low)), Apply(below, (item, high)))))
        if node.op in LOGIC or (node.op in ("=", "!=", "missing") and self._is_truth(node.args[0])):
            # Only conditions come here, so a branch or a stand-in is one as well.
            return Apply(node.op, tuple(self._plain(arg) for arg in node.args))
        return self._comparison(node)

    def _is_truth(self, node: Node) -> bool:
        return _type(node, self.catalogue) == BOOL

    def _comparison(self, node: Apply) -> Node:
        first, *others = node.args
        if all(isinstance(other, Literal) for other in others):
            return self._atom(Apply(node.op, (self._term(first), *others)), first)
        if isinstance(first, Literal):
            return self._comparison(Apply(FLIPPED[node.op], (others[0], first)))
        return self._between_fields(node.op, first, others[0])

    def _term(self, node: Node) -> Node:
        """The node as one axis: a field as it is, a field with a stand-in likewise, anything else under a name."""
        if isinstance(node, Name):
            return node
        if isinstance(node, Apply) and node.op == "coalesce" and isinstance(node.args[0], Name):
            return node
        return Name(self._named(node))

    def _named(self, node: Node) -> str:
        return f"·{trees.dump(node)}"

    def _between_fields(self, op: str, first: Node, second: Node) -> Node:
        """Two fields: one axis says whether the first is less (-1), equal (0) or more (1)."""
        if self._named(first) > self._named(second):
            op, first, second = FLIPPED[op], second, first
        ordered = Apply("?", (first, second))
        name = self._named(ordered)
        if name not in self.axes:
            ranked = _type(first, self.catalogue).kind not in (Kind.text, Kind.choice, Kind.bool)
            self.axes[name] = Axis(
                name, ordered, COUNT, self._may_be_missing(ordered), (-1 if ranked else 0, 1), exact=False
            )
        return self._atom(Apply(op, (Name(name), Literal(COUNT, 0))), ordered)

    def _atom(self, atom: Node, about: Node) -> Node:
        """Note an atom at its axis, with the constants it compares with."""
        (name,) = trees.names(atom)
        if name not in self.axes:
            self.axes[name] = self._axis(name, about)
        axis = self.axes[name]
        axis.atoms.append(atom)
        axis.cuts.update((node.value, None) for node in trees.walk(atom) if isinstance(node, Literal))
        return atom

    def _axis(self, name: str, about: Node) -> Axis:
        fact = self.catalogue.facts.get(name)
        if fact is not None:
            return Axis(name, Name(name), fact.type, fact.nullable, fact.bounds(), exact=True)
        type_ = _type(about, self.catalogue)
        span = bounds.span(about, self.catalogue)
        return Axis(name, about, type_, self._may_be_missing(about), span, exact=False)

    def _may_be_missing(self, node: Node) -> bool:
        divides = any(
            isinstance(part, Apply) and part.op in ("/", "ratio", "cases") for part in trees.walk(node)
        )
        return divides or any(self.catalogue.facts[name].nullable for name in trees.names(node))


LOGIC = frozenset({"and", "or", "not", "cases", "coalesce"})
CHECKS = frozenset(
    {"=", "!=", "<", "<=", ">", ">=", "in", "between", "span", "missing", "contains", "starts"}
)
FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
SIGNS = {-1: "<", 0: "=", 1: ">"}
"""How one field stands to another; `?` is the comparison itself."""


def _type(node: Node, catalogue: Catalogue) -> Type:
    """The type of a term, from the part that keeps its unit."""
    while isinstance(node, Apply):
        if node.op in RESULTS:
            return RESULTS[node.op]
        if node.op in CHECKS or node.op in ("and", "or", "not"):
            return BOOL
        node = node.args[1 if node.op == "cases" else 0]
    return node.type if isinstance(node, Literal) else catalogue.find(node.name).type


RESULTS = {"ratio": Type(Kind.rate), "days_between": Type(Kind.days), "year": COUNT, "month": COUNT}


def _classes(axis: Axis, catalogue: Catalogue) -> list[Raw | None]:
    """One value of each class the atoms tell apart, constants first because they read best."""
    tests = [build(atom) for atom in axis.atoms]
    found: dict[tuple[object, ...], Raw | None] = {}
    for value in candidates(axis, catalogue):
        found.setdefault(tuple(test({axis.name: value}) for test in tests), value)
    return list(found.values())


def candidates(axis: Axis, catalogue: Catalogue) -> Iterator[Raw | None]:
    """What is worth trying on an axis: its constants, one unit beside each, the ends of its domain, nothing at all."""
    cuts = [cut for cut in axis.cuts if type(cut) is not bool]
    if axis.type == BOOL:
        yield from (True, False)
    elif axis.type.kind is Kind.choice:
        yield from catalogue.choices.get(axis.type.of or "", cuts)
    elif axis.type.kind is Kind.text:
        yield from cuts
        yield from ("…", "…" + "".join(str(cut) for cut in cuts))
    elif axis.type.kind is Kind.moment:
        moments = [cut for cut in cuts if isinstance(cut, dt.datetime)] or [
            dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
        ]
        yield from moments
        yield from (moment + step * dt.timedelta(microseconds=1) for moment in moments for step in (-1, 1))
    elif axis.span is not None:
        yield from _numbers(axis, cuts)
    if axis.nullable:
        yield None


def _numbers(axis: Axis, cuts: Sequence[Raw]) -> Iterator[Raw]:
    """Constants, one unit beside each, and the ends of the domain; dates are day numbers meanwhile."""
    low, high = axis.span or (0, 0)
    numbers = [
        cut.toordinal() if isinstance(cut, dt.date) else int(cut) for cut in cuts if not isinstance(cut, str)
    ]
    beside = [number + step for number in numbers for step in (-1, 1)]
    for number in dict.fromkeys((*numbers, *beside, low, high)):
        if low <= number <= high:
            yield number if axis.type.kind in SCALE else dt.date.fromordinal(number)


# ---- going through the cases ---------------------------------------------------------------------------------


class _Course:
    """One walk over all cases, noting which branch each takes."""

    def __init__(self, branches: Sequence[Branch], hit: Hit, space: Space, conditions: int) -> None:
        self.branches = branches
        self.hit = hit
        self.space = space
        tests = iter(space.tests[:conditions])
        self.tests = [next(tests) if branch.condition else None for branch in branches]
        self.assumed = space.tests[conditions:]
        self.default = next((i for i, branch in enumerate(branches) if branch.condition is None), None)
        self.taken: set[int] = set()
        self.found: dict[tuple[object, ...], Finding] = {}
        self.gaps = 0

    def findings(self) -> list[Finding]:
        for cell in self.space.cells():
            if all(test(cell) is True for test in self.assumed):
                self._note(cell, self.verdict(cell))
        for index, branch in enumerate(self.branches):
            if index not in self.taken:
                self._dead(index, branch)
        order = list(Flaw)
        return sorted(self.found.values(), key=lambda finding: order.index(finding.flaw))

    def verdict(self, cell: Cell) -> tuple[Flaw | None, tuple[int, ...]]:
        """What happens to a case: the branch it takes, or the flaw and the branches concerned."""
        answers = [(index, test(cell)) for index, test in enumerate(self.tests) if test is not None]
        if self.hit is Hit.first:
            hits, unknown = _first(answers)
        else:
            hits = tuple(index for index, answer in answers if answer is True)
            unknown = tuple(index for index, answer in answers if answer is None)
        if len(hits) > 1:
            return Flaw.overlap, hits
        if hits:
            return None, hits
        if unknown:
            return Flaw.undecided, unknown
        return (Flaw.gap, ()) if self.default is None else (None, (self.default,))

    def _note(self, cell: Cell, verdict: tuple[Flaw | None, tuple[int, ...]]) -> None:
        flaw, indexes = verdict
        if flaw is None or flaw is Flaw.overlap:
            self.taken.update(indexes)
        if flaw is Flaw.overlap:
            self._add(flaw, cell, indexes[:2], indexes[:2])
        elif flaw is Flaw.gap:
            relevant = self._relevant(cell, verdict)
            key = tuple(cell[name] for name in relevant)
            if (flaw, *key) not in self.found and self.gaps < MOST_EXAMPLES:
                self.gaps += 1
                self._add(flaw, cell, key, ())
        elif flaw is Flaw.undecided:
            absent = tuple(name for name in self._relevant(cell, verdict) if cell[name] is None)
            if len(absent) == 1:
                self._add(flaw, cell, absent, indexes)

    def _relevant(self, cell: Cell, verdict: tuple[Flaw | None, tuple[int, ...]]) -> tuple[str, ...]:
        """The axes that matter: with any other value there, the case would fare differently."""
        return tuple(
            name
            for name, axis in self.space.axes.items()
            if any(self.verdict({**cell, name: value})[0] is not verdict[0] for value in axis.values)
        )

    def _add(self, flaw: Flaw, cell: Cell, key: tuple[object, ...], indexes: tuple[int, ...]) -> None:
        if (flaw, *key) in self.found:
            return
        relevant = self._relevant(cell, (flaw, indexes)) or tuple(self.space.axes)
        case = self.space.words(cell, relevant)
        exact = self.space.exact
        labels = tuple(self.branches[index].label for index in indexes)
        sentence = say(
            *SENTENCES[flaw, exact],
            case=case,
            first=labels[0] if labels else "",
            second=labels[-1] if labels else "",
        )
        self.found[flaw, *key] = Finding(flaw, sentence, labels, self.space.example(cell), exact, case)

    def _dead(self, index: int, branch: Branch) -> None:
        flaw = Flaw.idle_default if branch.condition is None else Flaw.dead
        self.found[flaw, index] = Finding(
            flaw, say(*SENTENCES[flaw, True], first=branch.label), (branch.label,)
        )


def _first(answers: Sequence[tuple[int, object]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    for index, answer in answers:
        if answer is True:
            return (index,), ()
        if answer is None:
            return (), (index,)
    return (), ()


SENTENCES: dict[tuple[Flaw, bool], tuple[str, str]] = {
    (Flaw.gap, True): ("没有分支管到：{case}", "No branch covers {case}"),
    (Flaw.gap, False): (
        "可能没有分支管到：{case}；请加一个默认分支",
        "Perhaps no branch covers {case}; add a default",
    ),
    (Flaw.overlap, True): (
        "「{first}」与「{second}」都管到：{case}",
        "“{first}” and “{second}” both cover {case}",
    ),
    (Flaw.overlap, False): (
        "「{first}」与「{second}」可能都管到：{case}",
        "“{first}” and “{second}” may both cover {case}",
    ),
    (Flaw.dead, True): ("「{first}」永远不会走到", "“{first}” can never be reached"),
    (Flaw.undecided, True): (
        "{case} 时无法判断，申请会停下并要求补填",
        "With {case} nothing can be decided: the request stops and asks for it",
    ),
    (Flaw.undecided, False): (
        "{case} 时无法判断，申请会停下并要求补填",
        "With {case} nothing can be decided: the request stops and asks for it",
    ),
    (Flaw.idle_default, True): (
        "默认分支「{first}」用不到：其他分支已管到一切",
        "The default “{first}” is never used: the other branches cover everything",
    ),
}
