"""A flow as a picture: its steps from top to bottom, the ways that jump on the right, drawn on the server as SVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.words import Words, say
from app.workflows.describing import FINISH, SUBMIT, Describer, seats_of
from app.workflows.flow import END

WIDE, GAP, LANE, ROW, LEFT = 240, 30, 14, 20, 4
"""Width of a step, height between two, between two ways that jump, of a line of text; the left margin."""
LONGEST, WAY = 30, 40
"""How much of a text fits into a step and at most on a way, in Latin letters."""
LETTER = 7.2
"""The width of a Latin letter."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text at its place; `full` is all of it where it was cut."""

    x: int
    y: int
    text: str
    full: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A step, the submission or the end."""

    y: int
    height: int
    lines: tuple[Line, ...]
    round: bool = False
    dashed: bool = False
    flaw: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way on, as the commands of an SVG path."""

    path: str
    label: Line | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws, and the same in a sentence."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    summary: Words
    x: int = LEFT
    box_width: int = WIDE


def picture(body: Mapping[str, Any], flawed: frozenset[str] = frozenset()) -> Picture:
    """The picture of a document; steps with errors are marked."""
    return _Drawing(body, flawed).drawn()


class _Drawing:
    def __init__(self, body: Mapping[str, Any], flawed: frozenset[str]) -> None:
        self.steps, self.flawed = body["steps"], flawed
        self.describer = Describer(body)
        self.jumps = [(step, edge) for step in self.steps for edge in step.get("next", ())]
        texts = [self._condition(edge) for _step, edge in self.jumps]
        self.turn = LEFT + WIDE + round(LETTER * min(WAY, max(map(room, texts), default=0))) + 14
        """Where the first of the ways that jump turns down."""
        self.top: dict[str, int] = {}
        self.bottom: dict[str, int] = {}

    def drawn(self) -> Picture:
        boxes = [self._end_box("", SUBMIT, 4)]
        for step in self.steps:
            boxes.append(self._step_box(step, boxes[-1].y + boxes[-1].height + GAP))
        boxes.append(self._end_box(END, FINISH, boxes[-1].y + boxes[-1].height + GAP))
        lanes = len(self.jumps)
        width = self.turn + LANE * lanes + 2 * LEFT if lanes else WIDE + 2 * LEFT
        return Picture(
            width=width,
            height=boxes[-1].y + boxes[-1].height + 4,
            boxes=tuple(boxes),
            arrows=(*self._straight(boxes), *self._jumping()),
            summary=self._summary(),
        )

    def _end_box(self, key: str, words: Words, y: int) -> Box:
        self.top[key], self.bottom[key] = y, y + 30
        return Box(y, 30, (Line(LEFT + WIDE // 2, y + 20, str(words)),), round=True)

    def _step_box(self, step: Mapping[str, Any], y: int) -> Box:
        texts = [(str(self.describer.step_name(step["key"])), True)]
        texts += [(str(self.describer.seat({**seat, "when": None})), False) for seat in seats_of(step)]
        if step.get("when"):
            texts.append(
                (str(say("仅当 {it}", "only when {it}", it=self.describer.condition(step["when"]))), False)
            )
        height = max(16 + ROW * len(texts), 12 + 26 * len(step.get("next", ())))
        self.top[step["key"]], self.bottom[step["key"]] = y, y + height
        return Box(
            y,
            height,
            tuple(
                Line(LEFT + WIDE // 2, y + 22 + ROW * number, cut(text, LONGEST), text, strong)
                for number, (text, strong) in enumerate(texts)
            ),
            dashed=bool(step.get("when")),
            flaw=step["key"] in self.flawed,
        )

    def _straight(self, boxes: list[Box]) -> Iterator[Arrow]:
        """From each box to the next, unless every way of it leads elsewhere."""
        ends = [True, *(not _is_final(step) for step in self.steps)]
        x = LEFT + WIDE // 2
        for leads, above, below in zip(ends, boxes, boxes[1:], strict=False):
            if leads:
                yield Arrow(f"M{x} {above.y + above.height}V{below.y - 2}")

    def _jumping(self) -> Iterator[Arrow]:
        """Each conditional way: out to the right, down its own lane, and back in; the lowest target outermost."""
        order = sorted(range(len(self.jumps)), key=lambda n: (self._target(n), -n))
        lanes = {number: place for place, number in enumerate(order)}
        placed: dict[str, int] = {}
        landed: dict[str, int] = {}
        for number, (step, edge) in enumerate(self.jumps):
            out = placed[step["key"]] = placed.get(step["key"], 0) + 1
            landing = landed[edge["to"]] = landed.get(edge["to"], 0) + 1
            y = self.top[step["key"]] + 26 * out - 6
            right, lane = LEFT + WIDE, self.turn + LANE * (lanes[number] + 1)
            target = min(self._target(number) + 8 * landing, self.bottom.get(edge["to"], y) - 4)
            text = self._condition(edge)
            label = Line(right + 8, y - 5, cut(text, WAY), text) if text else None
            yield Arrow(f"M{right} {y}H{lane}V{target}H{right + 2}", label)

    def _condition(self, edge: Mapping[str, Any]) -> str:
        return str(self.describer.condition(edge["when"])) if edge.get("when") else ""

    def _target(self, number: int) -> int:
        step, edge = self.jumps[number]
        return self.top.get(edge["to"], self.top[step["key"]])

    def _summary(self) -> Words:
        """The picture in a sentence: the steps in order, then the ways that jump."""
        names = [self.describer.step_name(step["key"]) for step in self.steps]
        order = Words(
            " → ".join(["提交", *(name.zh for name in names), "结束"]),
            " → ".join(["submission", *(name.en for name in names), "end"]),
        )
        jumps = [
            say(
                "{a}：{way}",
                "{a}: {way}",
                a=self.describer.step_name(step["key"]),
                way=self.describer.way(edge),
            )
            for step, edge in self.jumps
        ]
        return Words(
            "；".join([order.zh, *(j.zh for j in jumps)]), "; ".join([order.en, *(j.en for j in jumps)])
        )


def _is_final(step: Mapping[str, Any]) -> bool:
    """Whether some way of the step always holds, so that it never just goes on to the next."""
    return any(not edge.get("when") for edge in step.get("next", ()))


def room(text: str) -> int:
    """How wide a text is, in Latin letters; a Chinese character takes the room of two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(text: str, most: int) -> str:
    """As much of a text as has room."""
    if room(text) <= most:
        return text
    place = next(end for end in range(len(text), 0, -1) if room(text[:end]) < most)
    return text[:place].rstrip() + "…"
