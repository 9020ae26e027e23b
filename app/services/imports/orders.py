"""Judging files of one row a line: lines are gathered into their documents by number, and stand or fall together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.columns import MoneyType, half_up
from app.extensions import db
from app.models import DocumentKind, ImportMode, SalesDocument, TradeLine, Verdict
from app.services.imports.checking import (
    ALREADY,
    NOT_THERE,
    NOT_YOURS,
    Checked,
    Checker,
    LeftOut,
    Links,
)
from app.words import Words, say

TOLERANCE = Decimal("0.01")
NEGATIVE = frozenset({DocumentKind.goods_return, DocumentKind.cancellation})
SAME_FOR_ALL = ("customer_id", "kind")
"""What all lines of a document must agree in."""


ORIGIN = "origin_id"
IN_A_CIRCLE = say(
    "原单最终又指向这张单据本身。", "The original, or its own original, names this very document."
)


def spoiled(row: int) -> Words:
    return say(
        "同一单据的第 {row} 行未通过，整张单据不导入。",
        "Row {row} of the same document was refused: the whole document is left out.",
        row=row,
    )


def _origin_left_out(no: str) -> Words:
    return say(
        "原单“{no}”在同一文件中未通过，这张单据不导入。",
        "The original '{no}' stands in this file and was refused: this document is left out with it.",
        no=no[:60],
    )


@dataclass(slots=True)
class Document:
    """What the rows so far say of one document."""

    first_row: int
    held: dict[str, Any]
    record: Any = None
    lines: dict[int, Any] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)


class LineChecker(Checker):
    """Judges the lines of trade documents (R13)."""

    def __init__(self, plan: Any) -> None:
        super().__init__(plan)
        self.documents: dict[str, Document] = {}
        self.spoiled: dict[str, int] = {}
        """The first line of a document that was refused."""
        self.named: dict[str, tuple[str, Words]] = {}
        """The original a document names that is no record yet, and what is said if the file does not bring it either."""
        self.uniques = []  # a document's number stands on every line of it

    def _resolve(self, batch: list[Checked]) -> None:
        """An original that is no record yet may be in the file, above or further down."""
        named = [(row, row.values[ORIGIN]) for row in batch if ORIGIN in row.values]
        super()._resolve(batch)
        for row, text in named:
            no = row.values.get("no")
            if ORIGIN in row.values or no is None or self.named.get(no, (text,))[0] != text:
                continue
            missing = next(words for name, words in row.reasons if name == ORIGIN)
            row.reasons = [reason for reason in row.reasons if reason[0] != ORIGIN]
            row.values[ORIGIN] = text
            self.named[no] = text, missing

    def left_out(self) -> dict[str, LeftOut]:
        """The documents that have a refused line, name an original nobody brings, or one that is left out itself."""
        found: dict[str, LeftOut] = {no: (None, spoiled(row)) for no, row in self.spoiled.items()}
        good: set[str] = set()
        for no in self.named:
            path, at = [], no
            while at in self.named and at not in found and at not in good and at not in path:
                path.append(at)
                at = self.named[at][0]
            if path and at in path:
                found[at] = ORIGIN, IN_A_CIRCLE
            elif path and at not in self.documents and at not in found:
                found[path[-1]] = ORIGIN, self.named[path[-1]][1]
            for one in reversed(path):
                if (named := self.named[one][0]) in found:
                    found.setdefault(one, (ORIGIN, _origin_left_out(named)))
            good |= set(path) - found.keys()
        return found

    def links(self) -> Links | None:
        """Whether documents of the file name each other as originals."""
        left_out = self.left_out()
        rows = [
            (self.documents[no].first_row, self.documents[origin].first_row)
            for no, (origin, _missing) in self.named.items()
            if no not in left_out
        ]
        if not rows:
            return None
        return "forth" if any(own < other for own, other in rows) else "back"

    def _judge(self, batch: list[Checked]) -> None:
        matches = self._matches(batch)
        self._load_lines(batch, matches)
        for row in batch:
            row.group = row.values.get("no")
            document = self._document(row, matches.get(row.number))
            if document is not None:
                self._complete(row, document)
                self._judge_line(row, document)
            if row.is_refused and row.group is not None:
                self.spoiled.setdefault(row.group, row.number)

    def _load_lines(self, batch: list[Checked], matches: dict[int, Any]) -> None:
        """The lines of documents that are there already, to see whether the file says the same."""
        fresh = {
            row.values["no"]: matches[row.number]
            for row in batch
            if isinstance(matches.get(row.number), SalesDocument) and row.values["no"] not in self.documents
        }
        lines: dict[int, dict[int, Any]] = defaultdict(dict)
        ids = [record.id for record in fresh.values()]
        for line in (
            db.session.scalars(select(TradeLine).where(TradeLine.sales_document_id.in_(ids))) if ids else ()
        ):
            lines[line.sales_document_id or 0][line.line_no] = line
        for no, record in fresh.items():
            self.documents[no] = Document(0, {}, record, lines[record.id])

    def _document(self, row: Checked, match: Any) -> Document | None:
        if row.group is None:
            row.refuse("no", say("请填写{label}。", "Fill in {label}.", label=self._label("no")))
            return None
        if isinstance(match, Words):
            row.refuse("no", NOT_YOURS if match is NOT_YOURS else match)
            return None
        document = self.documents.get(row.group)
        if document is None:
            document = self.documents[row.group] = Document(row.number, {})
        if not document.held:
            document.first_row = row.number
            document.held = {name: row.values.get(name) for name in SAME_FOR_ALL}
            if document.record is None:
                self._judge_new(row)
        return document

    def _complete(self, row: Checked, document: Document) -> None:
        """Number and amount of a line where the file does not say them; signs of returns."""
        values = row.values
        values.setdefault("line_no", max(document.numbers, default=0) + 1)
        if values.get("kind") in NEGATIVE and values.get("qty", 0) > 0:
            values["qty"] = -values["qty"]
            if "amount" in values:
                values["amount"] = -abs(values["amount"])
            row.cleaned.append("qty")
        if "qty" not in values or "unit_price" not in values:
            told = {name for name, _words in row.reasons}
            for name in {"qty", "unit_price"} - values.keys() - told:
                row.refuse(name, say("请填写{label}。", "Fill in {label}.", label=self._label(name)))
            return
        exact = values["qty"] * values["unit_price"] * (1 - values.get("discount_rate", Decimal(0)))
        amount = half_up(exact, MoneyType.scale)
        said = values.get("amount", amount)
        if abs(said - amount) > TOLERANCE:
            row.refuse(
                "amount",
                say(
                    "金额 {said} 与数量 × 单价 = {amount} 不符。",
                    "The amount {said} is not quantity × price = {amount}.",
                    said=said,
                    amount=amount,
                ),
            )
        values["amount"] = amount

    def _judge_line(self, row: Checked, document: Document) -> None:
        for name in SAME_FOR_ALL:
            if row.values.get(name) != document.held[name]:
                row.refuse(
                    name,
                    say(
                        "同一单据的{label}与第 {first} 行不一致。",
                        "{label} differs from row {first} of the same document.",
                        label=self._label(name),
                        first=document.first_row,
                    ),
                )
        number = row.values["line_no"]
        if number in document.numbers:
            row.refuse(
                "line_no",
                say("同一单据的行号 {n} 重复。", "Line {n} stands twice in the document.", n=number),
            )
        document.numbers.add(number)
        if document.record is not None:
            self._judge_known_line(row, document)
        elif self.plan.mode is ImportMode.update:
            row.refuse("no", NOT_THERE)

    def _judge_known_line(self, row: Checked, document: Document) -> None:
        """A document that is there already is not rewritten by a file: its lines are the same, or refused."""
        row.object_id = document.record.id
        if self.plan.mode is ImportMode.create:
            row.refuse("no", ALREADY)
            return
        line = document.lines.get(row.values["line_no"])
        names = [name for name in row.values if self.resource.by_name[name].of_line]
        if line is not None and all(getattr(line, name) == row.values[name] for name in names):
            row.verdict = Verdict.same
        else:
            row.refuse(
                "no",
                say(
                    "单据已存在且内容不同，导入不改写已有单据。",
                    "The document is there already and says otherwise; a file does not rewrite it.",
                ),
            )
