"""What is said of the features is true: each is shown by a test that exists, and few are left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = CHECKOUT / "docs" / "features.md"
MOST_LEFT_OUT = 8
FEATURES = {str(number) for number in range(1, 51)}

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+[a-z]? \|", line)
]


@cache
def functions_in(file: str) -> set[str]:
    path = CHECKOUT / file
    if not path.exists():
        return set()
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_feature_is_shown_by_tests_that_exist_or_left_out_with_its_reason(row: list[str]):
    number, _feature, verdict, told = row
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", told)
    for file, name in named:
        assert name in functions_in(file), f"{number}: there is no {file}::{name}"
    assert verdict in {"works", "deliberately not"}
    assert named if verdict == "works" else len(told) > len("because"), number


def test_every_feature_has_its_row_and_few_are_left_out():
    assert {re.match(r"\d+", row[0])[0] for row in ROWS} == FEATURES  # type: ignore[index]
    left_out = [row[0] for row in ROWS if row[2] == "deliberately not"]
    assert len(left_out) <= MOST_LEFT_OUT, left_out
