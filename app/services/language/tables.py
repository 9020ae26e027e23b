"""Decision tables: inputs across, one row a rule, one or more outputs; for tiers of approval and for grades.

As packs hold one (`hit` is `unique` when exactly one row must hold, `first` when the first that holds counts):

    inputs: ["[折扣率]", "[金额]"]
    outputs: [{name: step, type: text, zh: 步骤, en: Step}]
    hit: unique
    rows:
      - {when: ["< 15%", "< 50万"], then: [department]}
      - {when: [">= 15%", any], then: [leader]}

A cell is `any` (or `-`), a comparison `< 15%`, a half-open range `15%..20%`, a list `"A", "B"`, `missing` or
`not missing`. Missing values are neither less nor more than anything: only `missing` and `any` take them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.services.language import trees
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, as_choice, check, load
from app.services.language.covering import Branch, Finding, Hit, cover
from app.services.language.evaluating import evaluator, raw_values, unknown
from app.services.language.kinds import BOOL, COUNT, TEXT, Kind, Model, Type, choice, to_model
from app.services.language.operators import OPERATORS, mismatch
from app.services.language.problems import BadFormula, UnknownValue, refuse
from app.services.language.reading import SUBJECT, read
from app.services.language.trees import Apply, Literal, Node
from app.services.language.wording import text, tree_words
from app.words import Words, say

MOST_ROWS = 200
MOST_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Output:
    """What a table gives: its name in the code of its user, its type and labels."""

    name: str
    type: Type
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: a condition for each input (None takes anything), a value for each output."""

    cells: tuple[Node | None, ...]
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The row that decided, counted from 0, and the model values of the outputs."""

    row: int
    values: dict[str, Model | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A checked decision table."""

    inputs: tuple[Formula, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    hit: Hit
    catalogue: Catalogue = field(compare=False, repr=False)

    def condition(self, row: Row) -> Formula:
        """What all cells of a row demand together."""
        return together(row.cells, self.catalogue)

    def output(self, name: str) -> Formula:
        """One output as a formula, for Python and SQL: unknown where no row can be told to hold."""
        index = next(i for i, output in enumerate(self.outputs) if output.name == name)
        parts: list[Node] = []
        for row in self.rows:
            test = self.condition(row).tree
            if self.hit is Hit.unique:  # rows exclude each other, so one that is unknown decides nothing
                test = Apply("coalesce", (test, Literal(BOOL, value=False)))
            parts += [test, row.values[index]]
        return Formula(Apply("cases", tuple(parts)), self.outputs[index].type, self.catalogue)

    def document(self) -> dict[str, Any]:
        """Its canonical JSON, to be stored."""
        return {
            "language": trees.VERSION,
            "inputs": [trees.dump(formula.tree) for formula in self.inputs],
            "outputs": [
                {"name": o.name, "type": _dump_type(o.type), "zh": o.zh, "en": o.en} for o in self.outputs
            ],
            "hit": self.hit.value,
            "rows": [
                {
                    "when": [None if cell is None else trees.dump(cell) for cell in row.cells],
                    "then": [trees.dump_literal(value) for value in row.values],
                }
                for row in self.rows
            ],
        }


def together(cells: Sequence[Node | None], catalogue: Catalogue) -> Formula:
    """What the cells of a row demand together; one that takes anything demands nothing."""
    asked = tuple(cell for cell in cells if cell is not None)
    tree: Node = (
        Literal(BOOL, value=True) if not asked else asked[0] if len(asked) == 1 else Apply("and", asked)
    )
    return Formula(tree, BOOL, catalogue)


def verify(table: Table) -> list[Finding]:
    """Gaps, overlaps and dead rows; branches are named by their row, counted from 1."""
    branches = [Branch(str(number), table.condition(row)) for number, row in enumerate(table.rows, start=1)]
    return cover(branches, table.hit)


def decide(table: Table, values: Mapping[str, object]) -> Decision:
    """The one row that holds.

    Raises `UnknownValue` when a missing value leaves it open, `BadFormula` when none or two rows hold, which `verify`
    finds before.
    """
    open_rows: list[Formula] = []
    hits: list[int] = []
    for number, row in enumerate(table.rows):
        condition = table.condition(row)
        answer = evaluator(condition)(raw_values(condition, values))
        if answer is None:
            if table.hit is Hit.first:
                raise _open(condition, values)
            open_rows.append(condition)
        elif answer:
            hits.append(number)
            if table.hit is Hit.first:
                break
    if len(hits) == 1:
        row = table.rows[hits[0]]
        pairs = zip(table.outputs, row.values, strict=True)
        return Decision(hits[0], {o.name: to_model(o.type, value.value) for o, value in pairs})
    if open_rows and not hits:
        raise _open(open_rows[0], values)
    raise refuse(
        "决策表里有 {found} 行成立，应当正好一行",
        "{found} rows of the decision table hold where exactly one should",
        found=len(hits),
    )


def _open(condition: Formula, values: Mapping[str, object]) -> UnknownValue:
    return unknown(condition.tree, condition.catalogue, raw_values(condition, values))


def grid(table: Table, tongue: str) -> list[list[str]]:
    """The table as a person reads and edits it: the heads, then each row's cells and values."""
    heads = [text(formula, tongue) for formula in table.inputs]
    heads += [Words(zh=output.zh, en=output.en).spoken(tongue) for output in table.outputs]
    lines = [
        [cell_text(cell, table.catalogue, tongue) for cell in row.cells]
        + [table.catalogue.show(value, tongue) for value in row.values]
        for row in table.rows
    ]
    return [heads, *lines]


def cell_text(cell: Node | None, catalogue: Catalogue, tongue: str) -> str:
    """A cell as it is written: without its input."""
    if not isinstance(cell, Apply):
        return {"zh": "任意", "en": "any"}[tongue]
    rest = [tree_words(arg, catalogue).spoken(tongue) for arg in cell.args[1:]]
    if cell.op == "not":
        return {"zh": "不缺失", "en": "not missing"}[tongue]
    if cell.op == "missing":
        return {"zh": "缺失", "en": "missing"}[tongue]
    if cell.op == "span":
        return "..".join(rest)
    if cell.op in ("=", "in"):
        return ", ".join(rest)
    return f"{OPERATORS[cell.op].words.spoken(tongue)} {rest[0]}"


# ---- reading -------------------------------------------------------------------------------------------------


def load_table(document: object, catalogue: Catalogue) -> Table:
    """The table of a document, as stored or as packs hold it; raises `BadFormula` naming row and column."""
    body = _mapping(document, {"inputs", "outputs", "rows"}, {"hit", "language"}, TABLE)
    if body.get("language", trees.VERSION) != trees.VERSION:
        raise refuse("不认识的语言版本", "An unknown version of the language")
    inputs = tuple(_input(one, catalogue) for one in _list(body["inputs"], MOST_COLUMNS, INPUTS))
    outputs = tuple(_output(one, catalogue) for one in _list(body["outputs"], MOST_COLUMNS, OUTPUTS))
    if len({output.name for output in outputs}) < len(outputs):
        raise refuse("输出的名称重复", "Two outputs have the same name")
    hit = body.get("hit", "unique")
    if not isinstance(hit, str) or hit not in list(Hit):
        raise refuse("命中方式只能是 unique 或 first", "The hit policy is either unique or first")
    rows = tuple(
        _row(one, number, inputs, outputs)
        for number, one in enumerate(_list(body["rows"], MOST_ROWS, ROWS), start=1)
    )
    return Table(inputs, outputs, rows, Hit(hit), catalogue)


TABLE = say(zh="决策表", en="the decision table")
INPUTS = say(zh="输入", en="inputs")
OUTPUTS = say(zh="输出", en="outputs")
ROWS = say(zh="行", en="rows")
ROW = say(zh="一行", en="a row")


def _mapping(found: object, needed: set[str], allowed: set[str], what: Words) -> Mapping[str, Any]:
    if isinstance(found, Mapping) and needed <= found.keys() <= needed | allowed:
        return found
    raise refuse(
        "{what}要有 {needed}",
        "{what} has exactly {needed}",
        what=what,
        needed=", ".join(sorted(needed | allowed)),
    )


def _list(found: object, most: int, what: Words) -> Sequence[Any]:
    if isinstance(found, list) and 0 < len(found) <= most:
        return found
    raise refuse("{what}要有 1 到 {most} 项", "There must be 1 to {most} {what}", what=what, most=most)


def _input(found: object, catalogue: Catalogue) -> Formula:
    if isinstance(found, str):
        return load(found, catalogue)
    return check(trees.load(found), catalogue)


def _output(found: object, catalogue: Catalogue) -> Output:
    body = _mapping(found, {"name", "type", "zh", "en"}, set(), OUTPUTS)
    name, zh, en = body["name"], body["zh"], body["en"]
    if not all(isinstance(part, str) and part for part in (name, zh, en)):
        raise refuse("输出要有名称和中英文标签", "An output has a name and labels in both languages")
    return Output(name, _load_type(body["type"], catalogue), zh, en)


def _dump_type(type_: Type) -> str | dict[str, str]:
    return {"choice": type_.of} if type_.of else type_.kind.value


def _load_type(found: object, catalogue: Catalogue) -> Type:
    match found:
        case {"choice": str(of), **rest} if not rest and of in catalogue.choices:
            return choice(of)
        case str(kind) if kind in list(Kind) and kind != Kind.choice:
            return Type(Kind(kind))
    raise refuse("没有「{what}」这种类型", "There is no type “{what}”", what=ascii(found)[:40])


def _row(found: object, number: int, inputs: tuple[Formula, ...], outputs: tuple[Output, ...]) -> Row:
    body = _mapping(found, {"when", "then"}, set(), ROW)
    when, then = body["when"], body["then"]
    if not isinstance(when, list) or not isinstance(then, list):
        raise refuse(
            "第 {row} 行的 when 和 then 要是列表", "In row {row}, when and then are lists", row=number
        )
    if len(when) != len(inputs) or len(then) != len(outputs):
        raise refuse(
            "第 {row} 行要有 {inputs} 个条件和 {outputs} 个结果",
            "Row {row} needs {inputs} conditions and {outputs} results",
            row=number,
            inputs=len(inputs),
            outputs=len(outputs),
        )
    catalogue = inputs[0].catalogue
    cells = tuple(
        _placed(number, column, read_cell, one, input_)
        for column, (one, input_) in enumerate(zip(when, inputs, strict=True), start=1)
    )
    values = tuple(
        _placed(number, column, _value, one, output.type, catalogue)
        for column, (one, output) in enumerate(zip(then, outputs, strict=True), start=len(inputs) + 1)
    )
    return Row(cells, values)


def _placed(row: int, column: int, reader: Any, *args: Any) -> Any:
    try:
        return reader(*args)
    except BadFormula as error:
        what = say(zh="第 {row} 行第 {column} 列：{what}", en="Row {row}, column {column}: {what}",
                   row=row, column=column, what=error.words)  # fmt: skip
        raise BadFormula(what) from error


def read_cell(found: object, input_: Formula) -> Node | None:
    """The condition of a cell on its input, None where it takes anything; raises `BadFormula`."""
    if found is None or (isinstance(found, str) and found.strip() in ("", "-")):
        return None
    if not isinstance(found, str):
        tree = check(trees.load(found), input_.catalogue, BOOL).tree
        core = tree.args[0] if isinstance(tree, Apply) and tree.op == "not" else tree
        if not isinstance(core, Apply) or core.op not in CELLS or core.args[0] != input_.tree:
            raise refuse("这一格要说它那一列的输入", "This cell must be about the input of its column")
        return tree
    tree = read(found, input_.catalogue, "cell")
    if isinstance(tree, Literal):
        return None
    placed = trees.replace(tree, lambda node: input_.tree if node == SUBJECT else None)
    return check(placed, input_.catalogue, BOOL).tree


CELLS = frozenset({"=", "!=", "<", "<=", ">", ">=", "in", "span", "missing"})


def _value(found: object, type_: Type, catalogue: Catalogue) -> Literal:
    """The value of an output: a literal as stored, or what a person wrote."""
    if isinstance(found, bool):
        literal: Node = Literal(BOOL, found)
    elif isinstance(found, int):
        literal = Literal(COUNT, found)
    elif isinstance(found, Mapping):
        literal = check(trees.load_literal(found), catalogue).tree
    elif isinstance(found, str) and type_.kind in (Kind.text, Kind.choice):
        literal = as_choice((Literal(TEXT, found), TEXT), type_, catalogue)[0]
    elif isinstance(found, str):
        literal = load(found, catalogue).tree
    else:
        raise refuse("结果写法不对：{what}", "Not a value: {what}", what=ascii(found)[:40])
    if not isinstance(literal, Literal):
        raise refuse("结果要写成固定的值", "A result must be a fixed value")
    check(literal, catalogue)
    if literal.type != type_:
        raise mismatch(literal, type_, literal.type)
    return literal
