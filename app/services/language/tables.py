"""The rows of decision tables: a cell is about the input of its column, and a row is what all its cells demand.

A cell is `any` (or `-`), a comparison `< 15%`, a half-open range `15%..20%`, a list `"A", "B"`, `missing` or
`not missing`. Missing values are neither less nor more than anything: only `missing` and `any` take them. Whether rows
leave a case out, or take one twice, is found by `covering`.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.services.language import trees
from app.services.language.catalogue import Catalogue
from app.services.language.checking import Formula, check
from app.services.language.kinds import BOOL
from app.services.language.reading import SUBJECT, read
from app.services.language.trees import Apply, Literal, Node


def read_cell(written: str, about: Formula) -> Node | None:
    """The condition of a cell on its input, None where it takes anything; raises `BadFormula`."""
    if written.strip() in ("", "-"):
        return None
    tree = read(written, about.catalogue, "cell")
    if isinstance(tree, Literal):
        return None
    placed = trees.replace(tree, lambda node: about.tree if node == SUBJECT else None)
    return check(placed, about.catalogue, BOOL).tree


def together(cells: Sequence[Node | None], catalogue: Catalogue) -> Formula:
    """What the cells of a row demand together; one that takes anything demands nothing."""
    asked = tuple(cell for cell in cells if cell is not None)
    tree: Node = (
        Literal(BOOL, value=True) if not asked else asked[0] if len(asked) == 1 else Apply("and", asked)
    )
    return Formula(tree, BOOL, catalogue)
