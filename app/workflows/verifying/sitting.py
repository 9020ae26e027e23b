"""Whether somebody can decide every step of everybody's request, and enough different people (V8, V9, V10, V11, V18).

Every possible submitter is tried; those whom no rule names and whom the rules tell not apart stand for one another.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

from app.models import QuorumMode
from app.words import Words, say
from app.workflows import people, routing
from app.workflows.flow import Flow, Seat, Step
from app.workflows.people import Found, NobodyFound
from app.workflows.verifying.cases import Cases, Seated
from app.workflows.verifying.findings import Finding
from app.workflows.verifying.outcomes import too_few
from app.workflows.verifying.staff import Rules, Staff, ids

MOST_STATES = 3_000
"""How many combinations of earlier deciders are tried for one way and submitter."""

UNKNOWN_RULES = frozenset({"field", "decider"})
"""The rules whose people only the running request knows."""


def of_people(flow: Flow, cases: Cases, staff: Staff) -> Iterator[Finding]:
    """What is wrong with who would sit where."""
    submitters = staff.submitters(flow)
    if not submitters:
        words = say(zh="没有人有权提交。", en="Nobody has the right to submit.")
        yield Finding("V8", "submit", words, is_error=False)
    ways, readers = list(dict.fromkeys(way.steps for way in cases.ways)), staff.readers(flow)
    told: set[tuple[str, str, bool]] = set()
    for submitter, owner in _telling(flow, submitters, staff):
        course = Sitting(flow, staff, submitter, owner, readers)
        for finding in chain.from_iterable(course.of_way(way) for way in ways):
            if (key := (finding.rule, finding.place, finding.is_error)) not in told:
                told.add(key)
                yield finding


def _telling(flow: Flow, submitters: Sequence[int], staff: Staff) -> list[tuple[int, int]]:
    """Who submits whose record: one of each group the rules tell apart, and all who might be asked to decide themselves.

    First everybody his own; then, of those who may submit for others, the records of people who might be asked.
    """
    seen: set[Hashable] = set()
    asked: dict[Hashable, set[int]] = {}
    rules = [seat.people for step in flow.steps for seat in step.seats if _is_known(seat)]
    telling = []
    for submitter in submitters:
        group = staff.group(submitter)
        if group not in asked:
            asked[group] = set(chain.from_iterable(_line(staff, named, submitter) for named in rules))
        if submitter in asked[group] or group not in seen:
            telling.append(submitter)
        if submitter not in asked[group]:
            seen.add(group)
    own = [(submitter, submitter) for submitter in telling]
    others = [
        (submitter, owner)
        for submitter in telling
        for owner in sorted(staff.owners(flow, submitter, asked[staff.group(submitter)] - {submitter}))
    ]
    return own + others


def _line(staff: Staff, rules: Rules, submitter: int) -> set[int]:
    """Whom rules name, and everybody above them who might have to fill in."""
    try:
        found = set(ids(staff.named(rules, submitter, submitter)))
    except NobodyFound:
        return set()
    for person in list(found):
        shut = {person}
        while (above := staff.instead(person, shut)) is not None:
            shut.add(above.employee_id)
        found |= shut
    return found


def _is_known(seat: Seat) -> bool:
    return not any(UNKNOWN_RULES & set(rule) for rule in seat.people)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A step nobody may decide once these people decided those before it."""

    step: Step
    trail: tuple[tuple[str, int], ...]


Places = list[tuple[Seat, list[Found]]]


@dataclass(slots=True)
class Sitting:
    """Who would sit where on the requests of one submitter for one owner; where these are two, flaws are warnings."""

    flow: Flow
    staff: Staff
    submitter: int
    owner: int
    readers: Collection[int]
    states: int = 0
    places: dict[Seated, Places] = field(default_factory=dict)
    wrong: dict[Seated, list[Finding]] = field(default_factory=dict)
    lines: dict[str, set[int]] = field(default_factory=dict)

    def of_way(self, way: tuple[Seated, ...]) -> Iterator[Finding]:
        """What keeps requests of this submitter on one way from being decided."""
        for seated in way:
            if seated not in self.wrong:
                self.wrong[seated] = list(self._of_step(seated))
                yield from self.wrong[seated]
        is_stuck = any(it.rule != "V18" for seated in way for it in self.wrong[seated])
        if is_stuck or not self.flow.strict or self._is_disjoint(way):
            return
        self.states = 0
        short = self._search(way, (), best=True)
        if short is not None:
            yield self._short(short)
            return
        self.states = 0
        risky = self._search(way, (), best=False)
        if risky is not None:
            yield self._risky(risky)

    def _is_disjoint(self, way: tuple[Seated, ...]) -> bool:
        """Whether nobody is asked at two deciding steps: then what one decides shuts nobody out of another."""
        asked = [
            {person for _seat, sitting in self._seated(seated, frozenset()) for person in ids(sitting)}
            for seated in way
            if self.flow.step(seated[0]).decides
        ]
        return sum(map(len, asked)) == len(set().union(*asked))

    # ---- one step ----

    def _of_step(self, seated: Seated) -> Iterator[Finding]:
        """V8, V9, V11, V18: the step as it would be if nobody had decided before."""
        step = self.flow.step(seated[0])
        try:
            places = self._seated(seated, frozenset())
        except NobodyFound as nobody:
            yield self._finding("V1", step.key, nobody.words)
            return
        shut = self._shut(step, frozenset())
        for seat, sitting in places:
            place = f"{step.key}.{seat.key}"
            if not sitting and not seat.optional:
                yield self._finding("V8", place, self._nobody(step))
            elif sitting:
                yield from self._of_votes(seat, place, sitting)
                yield from self._of_reading(seat, place, sitting, shut)
                yield from self._of_escalation(step, place, sitting, shut)
            shut |= set(ids(sitting)) if self.flow.strict and step.decides else set()

    def _shut(self, step: Step, decided: frozenset[int]) -> set[int]:
        """Who may not decide a step: the submitter, the owner, those who decided before, a department it names."""
        if not (self.flow.strict and step.decides):
            return set()
        whose = {"owner": self.owner, "submitter": self.submitter}.get(step.outside or "")
        outside = self.staff.colleagues(whose) if whose is not None else ()
        return {self.submitter, self.owner, *decided, *outside}

    def _seated(self, seated: Seated, decided: frozenset[int]) -> Places:
        """Who would sit on each seat of a step, as the engine seats them; seats only the request knows are left out."""
        if not decided and seated in self.places:
            return self.places[seated]
        step = self.flow.step(seated[0])
        excluded = self._shut(step, decided)
        found: Places = []
        for seat in step.seats:
            if seat.key not in seated[1] or not _is_known(seat):
                continue
            named = self.staff.named(seat.people, self.submitter, self.owner)
            pool = seat.mode is QuorumMode.any
            sitting = people.separated(named, excluded, pool=pool, instead=self.staff.instead)
            found.append((seat, sitting))
            if excluded:
                excluded.update(ids(sitting))
        if not decided:
            self.places[seated] = found
        return found

    def _of_votes(self, seat: Seat, place: str, sitting: list[Found]) -> Iterator[Finding]:
        weights = self.staff.weights(seat, sitting)
        need = routing.need_of(seat, weights)
        if need > sum(weights):
            yield self._finding("V9", place, too_few(seat, need, sum(weights)))

    def _of_reading(
        self, seat: Seat, place: str, sitting: list[Found], excluded: set[int]
    ) -> Iterator[Finding]:
        """V18: somebody who sits here, or would in place of one who is late or left, and may not read the record."""
        seeing = [person for person in sitting if person.employee_id in self.readers]
        need = routing.need_of(seat, self.staff.weights(seat, sitting))
        is_stuck = sum(self.staff.weights(seat, seeing)) < need and not seat.optional
        above = (self.staff.instead(person, {*excluded, *ids(sitting)}) for person in ids(sitting))
        asked = [*ids(sitting), *(person.employee_id for person in above if person is not None)]
        blind = next((person for person in asked if person not in self.readers), None)
        if blind is not None:
            words = say(
                zh="{who}在步骤“{step}”审批，但无权查看该类记录。",
                en='{who} would decide at the step "{step}", but may not read such records.',
                who=self.staff.name(blind),
                step=seat.name,
            )
            yield self._finding("V18", place, words, is_error=is_stuck)

    def _of_escalation(
        self, step: Step, place: str, sitting: list[Found], excluded: set[int]
    ) -> Iterator[Finding]:
        """V11: an escalation the flow asks for, with nobody above any of those who may be late."""
        if step.due is None or step.escalate_after is None:
            return
        shut = {*excluded, *ids(sitting)}
        if all(self.staff.instead(person, shut) is None for person in ids(sitting)):
            words = say(
                zh="步骤“{step}”超时后没有可以升级到的上级。",
                en='Overdue, the step "{step}" has no superior to escalate to.',
                step=step.name,
            )
            yield self._finding("V11", f"{place}.escalate_after", words)

    def _nobody(self, step: Step) -> Words:
        return say(
            zh="{who}提交时，步骤“{step}”没有可以审批的人。",
            en='For a request of {who} nobody may decide at the step "{step}".',
            who=self._who(),
            step=step.name,
        )

    def _finding(self, rule: str, place: str, words: Words, *, is_error: bool = True) -> Finding:
        who = self.staff.name(self.submitter)
        case = say(zh="提交人 {who}", en="submitted by {who}", who=self._who())
        is_own = self.owner == self.submitter
        return Finding(rule, place, words, is_error and is_own, {"submitter": who}, case)

    def _who(self) -> Words | str:
        """The submitter, and whose record it is where that is another's."""
        who = self.staff.name(self.submitter)
        if self.owner == self.submitter:
            return who
        owner = self.staff.name(self.owner)
        return say(zh="{who}（负责人 {owner}）", en="{who} (owner {owner})", who=who, owner=owner)

    # ---- all steps together ----

    def _search(
        self, way: tuple[Seated, ...], trail: tuple[tuple[str, int], ...], *, best: bool
    ) -> Stuck | None:
        """Try who decides each step: at best until everybody is found, at worst until somebody is not.

        None means: at best, there is a course with somebody for every step; at worst, there is none without.
        """
        self.states += 1
        if not way or self.states > MOST_STATES:
            return None
        seated, rest = way[0], way[1:]
        step = self.flow.step(seated[0])
        choices = self._choices(seated, rest, frozenset(person for _step, person in trail))
        if choices is None:
            return Stuck(step, trail)
        stuck: Stuck | None = None
        for chosen in choices:
            onwards = (*trail, *((step.key, person) for person in chosen)) if step.decides else trail
            stuck = self._search(rest, onwards, best=best)
            if (stuck is None) is best:
                return stuck
        return stuck

    def _choices(
        self, seated: Seated, rest: tuple[Seated, ...], decided: frozenset[int]
    ) -> list[tuple[int, ...]] | None:
        """Who might decide a step, up to those who make no difference later; None when nobody can."""
        found: list[tuple[int, ...]] = [()]
        later = set().union(*(self._asked(other) for other in rest))
        for seat, sitting in self._seated(seated, decided):
            weights = self.staff.weights(seat, sitting)
            if seat.optional:
                continue
            if not sitting or routing.need_of(seat, weights) > sum(weights):
                return None
            voting = _voting(seat, ids(sitting), weights, later)
            found = [(*before, *voters) for before in found for voters in voting]
        return found

    def _asked(self, seated: Seated) -> set[int]:
        """Everybody who may come to decide a step, superiors who fill in among them."""
        step = self.flow.step(seated[0])
        if step.decides and step.key not in self.lines:
            known = [seat.people for seat in step.seats if _is_known(seat)]
            self.lines[step.key] = set().union(*(_line(self.staff, it, self.submitter) for it in known))
        return self.lines.get(step.key, set())

    def _short(self, stuck: Stuck) -> Finding:
        """V10: whoever decides the steps before, nobody is left."""
        words = say(
            zh="{who}提交时，各步骤没有足够的不同审批人：到步骤“{step}”时已无人可审批。",
            en='For a request of {who} there are not enough different people: nobody is left for "{step}".',
            who=self._who(),
            step=stuck.step.name,
        )
        return self._finding("V10", stuck.step.key, words)

    def _risky(self, stuck: Stuck) -> Finding:
        """V10, a warning: there are enough people, unless certain ones decide the steps before."""
        before = Words(
            zh="、".join(
                f"{self.staff.name(who)}（{self.flow.step(key).name.zh}）" for key, who in stuck.trail
            ),
            en=", ".join(
                f"{self.staff.name(who)} ({self.flow.step(key).name.en})" for key, who in stuck.trail
            ),
        )
        words = say(
            zh="{who}提交时，若由{before}审批，步骤“{step}”就无人可审批。",
            en='For a request of {who}, once decided by {before}, nobody is left for "{step}".',
            who=self._who(),
            before=before,
            step=stuck.step.name,
        )
        return self._finding("V10", stuck.step.key, words, is_error=False)


def _voting(seat: Seat, sitting: list[int], weights: list[int], later: set[int]) -> list[tuple[int, ...]]:
    """The sets of people whose votes may decide a seat; of those who are not asked again, any is as good as another."""
    if seat.mode in {QuorumMode.all, QuorumMode.sequential}:
        return [tuple(sitting)]
    need = routing.need_of(seat, weights)
    weighs = dict(zip(sitting, weights, strict=True))
    fewest = routing.fewest(weights, need)
    neutral = [person for person in sitting if person not in later]
    counted = [*neutral[: len(sitting) if seat.mode is QuorumMode.weight else fewest]]
    counted += [person for person in sitting if person in later]
    found = [
        chosen
        for size in range(fewest, len(counted) + 1)
        for chosen in combinations(counted, size)
        if sum(weighs[person] for person in chosen) >= need
        and (size == fewest or seat.mode is QuorumMode.weight)
    ]
    return found or [tuple(sitting)]
