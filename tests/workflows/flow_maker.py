"""Random sound flows, and a company of invented people as plain data, for studies that need thousands of both.

`make(seed)` gives a flow that breaks no rule, with a note of where its tables, steps and conditions stand, so that a
test can put one defect into it. `Cast` answers what the check asks about people without a database.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.models import QuorumMode
from app.words import Words
from app.workflows.flow import Flow, Seat
from app.workflows.people import Found

Body = dict[str, Any]

# ---- people --------------------------------------------------------------------------------------------------

DEPARTMENTS = 3
POOLS = 14
WHY = Words("测试", "test")


@dataclass
class Cast:
    """Sellers in departments under their heads, pools of people by role, a board above them, and one person above all.

    Pools are disjoint; `chair` has nobody above him, `vacant` is a role without holders, `lonely` a role whose one
    holder submits and has nobody above him, and `blind` one whose holders may not read the records.
    """

    roles: dict[str, list[int]] = field(default_factory=dict)
    above: dict[int, int] = field(default_factory=dict)
    department: dict[int, int] = field(default_factory=dict)
    documents: frozenset[str] = frozenset({"signed_contract", "nda", "visit_record"})

    def __post_init__(self) -> None:
        self.roles = {"vacant": [], "chair": [1], "board": [2, 3, 4], "lonely": [9]}
        self.roles["blind"] = [700, 701]
        self.above = {2: 1, 3: 1, 4: 1, 700: 2, 701: 3}
        number = 10
        for pool in range(POOLS):
            self.roles[f"pool{pool}"] = list(range(number, number + 2 + pool % 3))
            number += 10
        self.roles["legal"] = [200, 201]
        self.roles["local"] = []
        for pool in (*(f"pool{it}" for it in range(POOLS)), "legal"):
            self.above |= {person: 2 + person % 3 for person in self.roles[pool]}
        self.sellers = [9]
        for department in range(DEPARTMENTS):
            head, lead = 300 + department, 310 + department
            local = [330 + 10 * department, 331 + 10 * department]
            sellers = list(range(400 + 10 * department, 404 + 10 * department))
            self.roles["local"] += local
            self.above |= {head: 2, lead: head, **dict.fromkeys(local, head), **dict.fromkeys(sellers, lead)}
            self.department |= dict.fromkeys([head, lead, *local, *sellers], department)
            self.sellers += sellers

    def known(self, kind: str, code: str) -> bool:
        known = {
            "role": set(self.roles),
            "document": set(self.documents),
            "employee": {str(number) for number in {*self.above, 1, 9}},
        }
        return code in known.get(kind, set())

    def submitters(self, _flow: Flow) -> Sequence[int]:
        return self.sellers

    def colleagues(self, person: int) -> Collection[int]:
        home = self.department.get(person)
        return {it for it, department in self.department.items() if department == home}

    def readers(self, _flow: Flow) -> Collection[int]:
        return range(700)

    def name(self, person: int) -> str:
        return f"no. {person}"

    def group(self, person: int) -> Hashable:
        return self.department.get(person), self.above.get(person)

    def owners(self, _flow: Flow, _submitter: int, _among: Collection[int]) -> list[int]:
        return []

    def named(self, rules: Sequence[Mapping[str, Any]], submitter: int, _owner: int) -> list[Found]:
        found = dict.fromkeys(person for rule in rules for person in self._by_rule(rule, submitter))
        return [Found(person, WHY) for person in found]

    def _by_rule(self, rule: Mapping[str, Any], submitter: int) -> list[int]:
        if "employee" in rule:
            return [int(rule["employee"])]
        if "superior" in rule:
            return [self.above[submitter]] if submitter in self.above else []
        if "head" in rule:
            return [300 + self.department[submitter]] if submitter in self.department else [300]
        people = self.roles.get(str(rule["role"]), [])
        if rule.get("within") != "department":
            return people
        home = self.department.get(submitter, 0)
        return [person for person in people if self.department.get(person) == home]

    def instead(self, person: int, excluded: Collection[int]) -> Found | None:
        above = self.above.get(person)
        while above is not None and above in excluded:
            above = self.above.get(above)
        return None if above is None else Found(above, WHY)

    def weights(self, seat: Seat, sitting: Sequence[Found]) -> list[int]:
        if seat.mode is not QuorumMode.weight:
            return [1] * len(sitting)
        return [seat.weights.get(str(person.employee_id), 1) for person in sitting]


# ---- scales --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """A field one divides by: its smallest unit, how its constants are written, where they may lie (raw)."""

    fact: str
    low: int
    high: int
    step: int
    unit: str

    def write(self, raw: int) -> str:
        if self.unit == "day":
            return (date(2026, 1, 1) + timedelta(days=raw)).isoformat()
        shown = Decimal(raw) / 10_000
        return f"{shown:f}{'元' if self.unit == 'money' else ' %'}"

    def draw(self, rng: random.Random, count: int) -> list[int]:
        places = rng.sample(range(self.low // self.step, self.high // self.step), count)
        return sorted(place * self.step for place in places)


AMOUNT = Scale("amount", 10**7, 10**11, 10**6, "money")
RATE = Scale("discount_rate", 10_000, 500_000, 5_000, "rate")
FROM = Scale("effective_on", 10, 700, 5, "day")
UNTIL = Scale("valid_to", 10, 700, 5, "day")

SCALES = {"contract": (AMOUNT, FROM), "commercial_term": (AMOUNT, RATE, UNTIL)}
TRUTHS = {
    "contract": ('kind = "credit_settlement"', "customer.is_key", 'kind in ("supply", "cooperation")'),
    "commercial_term": ("over_standard", "high_risk", "customer.is_key"),
}
FORMS = {"contract": "terms", "commercial_term": "reason"}
"""A field a step may fill in."""

Bound = tuple[int, bool]
"""A raw constant, and whether the row takes it."""


@dataclass
class Row:
    """One row of a table along a scale: from, to, and what carries its condition."""

    scale: Scale
    low: Bound | None
    high: Bound | None
    carrier: Body
    place: str

    def write(self) -> None:
        parts = []
        if self.low is not None:
            parts.append(f"{self.scale.fact} {'>=' if self.low[1] else '>'} {self.scale.write(self.low[0])}")
        if self.high is not None:
            parts.append(
                f"{self.scale.fact} {'<=' if self.high[1] else '<'} {self.scale.write(self.high[0])}"
            )
        self.carrier["when"] = " and ".join(parts)


@dataclass
class Table:
    """Rows that divide a scale; `kind` is seats, steps or edges; `place` the step it begins at."""

    kind: str
    place: str
    rows: list[Row]


@dataclass
class Made:
    """A sound flow, and where things stand in it."""

    body: Body
    tables: list[Table] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    """Steps every request passes, decided by a pool of their own."""
    thresholds: list[tuple[str, Scale]] = field(default_factory=list)
    """Steps that apply from a constant on."""
    pools: list[str] = field(default_factory=list)
    """Roles the flow does not use."""

    def step(self, key: str) -> Body:
        return next(step for step in self.body["steps"] if step["key"] == key)

    def copy(self) -> Made:
        return deepcopy(self)


# ---- flows ---------------------------------------------------------------------------------------------------


def make(seed: int | str, object_type: str | None = None) -> Made:
    """The sound flow of this seed."""
    return _Maker(random.Random(seed), object_type).flow()


class _Maker:
    def __init__(self, rng: random.Random, object_type: str | None) -> None:
        self.rng = rng
        self.type = object_type or rng.choice(sorted(SCALES))
        self.pools = [f"pool{number}" for number in range(POOLS)]
        rng.shuffle(self.pools)
        self.others = [
            {"superior": "submitter"},
            {"head": "submitter"},
            {"role": "local", "within": "department"},
        ]
        self.made = Made({})
        self.keys = 0

    def flow(self) -> Made:
        blocks = [self.rng.choice(BLOCKS) for _ in range(self.rng.randint(1, 3))]
        if self.type == "contract":
            blocks.insert(self.rng.randint(0, len(blocks)), _Maker.legal)
        blocks.insert(self.rng.randint(0, len(blocks)), _Maker.plain)
        steps: list[Body] = []
        for block in blocks:
            steps += block(self)
        self._join(steps)
        required = [scale.fact for scale in SCALES[self.type]]
        self.made.body = {
            "code": "made",
            "object_type": self.type,
            "name": {"zh": "随机", "en": "made"},
            "submit": {"required": required},
            "steps": steps,
        }
        self.made.pools = list(self.pools)
        for table in self.made.tables:
            for row in table.rows:
                row.write()
        self._returns(steps)
        return self.made

    def step(self, people: Body | None = None, **more: Any) -> Body:
        self.keys += 1
        key = f"s{self.keys}"
        found: Body = {"key": key, "name": {"zh": f"步骤{self.keys}", "en": f"Step {self.keys}"}, **more}
        if "seats" not in more:
            found["people"] = [people or self.pool()]
        if self.rng.random() < 0.4:
            found["due"] = self.rng.choice(["2wd", "16wh", "5d", "10wd"])
            if self.rng.random() < 0.4:
                found["escalate_after"] = "1wd"
            if self.rng.random() < 0.3:
                found["time_out"] = {"after": "3mo", "then": [{"move": "cancel"}]}
        elif self.rng.random() < 0.2:
            found["remind_every"] = "2d"
        return found

    def pool(self) -> Body:
        return {"role": self.pools.pop()}

    def scale(self) -> Scale:
        return self.rng.choice(SCALES[self.type])

    def _rows(self, kind: str, carriers: list[Body], places: list[str]) -> None:
        """Divide a scale between these, without slit or overlap."""
        scale = self.scale()
        cuts = scale.draw(self.rng, len(carriers) - 1)
        closed = [self.rng.random() < 0.5 for _ in cuts]
        rows = []
        for number, (carrier, place) in enumerate(zip(carriers, places, strict=True)):
            low = (cuts[number - 1], not closed[number - 1]) if number else None
            high = (cuts[number], closed[number]) if number < len(cuts) else None
            rows.append(Row(scale, low, high, carrier, place))
        self.made.tables.append(Table(kind, places[0].partition(".")[0], rows))

    # ---- blocks ----

    def plain(self) -> list[Body]:
        people = self.others.pop() if self.others and self.rng.random() < 0.3 else None
        step = self.step(people)
        if people is None:
            self._quorum(step)
        if self.rng.random() < 0.25:
            step["evidence"] = [{"type": "nda", "name": {"zh": "协议", "en": "NDA"}}]
        if self.rng.random() < 0.2:
            step["fields"] = step["required"] = [FORMS[self.type]]
        self.made.plain.append(step["key"])
        return [step]

    def _quorum(self, step: Body) -> None:
        mode = self.rng.choice(["any", "any", "all", "n_of_m", "ratio", "sequential"])
        step["mode"] = mode
        if mode == "n_of_m":
            step["need"] = 2
        if mode == "ratio":
            step["share"] = self.rng.choice(["50 %", "2/3", "60 %"])

    def legal(self) -> list[Body]:
        return [self.step({"role": "legal"})]

    def filing(self) -> list[Body]:
        return [self.step(kind="filing", acts=["approve", "consult"])]

    def side_by_side(self) -> list[Body]:
        seats: list[Body] = [{"key": "one", "people": [self.pool()]}, {"key": "two", "people": [self.pool()]}]
        if self.rng.random() < 0.4:
            seats.append(
                {"key": "extra", "people": [self.pool()], "when": self.rng.choice(TRUTHS[self.type])}
            )
        return [self.step(seats=seats)]

    def threshold(self) -> list[Body]:
        scale = self.scale()
        cuts = scale.draw(self.rng, self.rng.randint(1, 2))
        steps = [self.step(when=f"{scale.fact} >= {scale.write(cut)}") for cut in cuts]
        self.made.thresholds += [(step["key"], scale) for step in steps]
        return steps

    def asked(self) -> list[Body]:
        truth = self.rng.choice(TRUTHS[self.type])
        if self.rng.random() < 0.5:
            scale = self.scale()
            truth += f" and {scale.fact} > {scale.write(scale.draw(self.rng, 1)[0])}"
        return [self.step(when=truth)]

    def seats_table(self) -> list[Body]:
        seats = [{"key": f"t{n}", "people": [self.pool()]} for n in range(self.rng.randint(2, 3))]
        step = self.step(seats=seats)
        self._rows("seats", seats, [f"{step['key']}.{seat['key']}" for seat in seats])
        return [step]

    def steps_table(self) -> list[Body]:
        steps = [self.step() for _ in range(self.rng.randint(2, 3))]
        self._rows("steps", steps, [step["key"] for step in steps])
        return steps

    def edges_table(self) -> list[Body]:
        """A step whose edges lead to one of several steps, which all lead on to what comes after them."""
        first = self.step()
        arms = [self.step() for _ in range(self.rng.randint(2, 3))]
        first["next"] = [{"to": arm["key"]} for arm in arms]
        for arm in arms[:-1]:
            arm["next"] = [{"to": "JOIN"}]
        arms[-1]["joins"] = True
        places = [f"{first['key']}.next.{n}" for n in range(1, len(arms) + 1)]
        self._rows("edges", first["next"], places)
        return [first, *arms]

    def _join(self, steps: list[Body]) -> None:
        """Let the arms of tables lead on to the step after the last of them."""
        following = "end"
        for step in reversed(steps):
            if step.pop("joins", False):
                self._target = following
            for edge in step.get("next", ()):
                if edge["to"] == "JOIN":
                    edge["to"] = self._target
            following = step["key"]

    def _returns(self, steps: list[Body]) -> None:
        """Some steps send back to an earlier one every request has passed."""
        for place, step in enumerate(steps):
            earlier = [it["key"] for it in steps[:place] if it["key"] in self.made.plain]
            if earlier and "acts" not in step and self.rng.random() < 0.4:
                step["return_to"] = ["submitter", self.rng.choice(earlier)]


BLOCKS = [
    _Maker.plain,
    _Maker.filing,
    _Maker.side_by_side,
    _Maker.threshold,
    _Maker.asked,
    _Maker.seats_table,
    _Maker.steps_table,
    _Maker.edges_table,
]
