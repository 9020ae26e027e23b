"""Approval behaviours that other products' tests pin down, replayed against our engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.replay import NotOffered, replay

VARIANTS = yaml.safe_load(Path(__file__).with_name("variants.yaml").read_text(encoding="utf-8"))["scenarios"]


@pytest.mark.req("W-01", "W-02", "W-04")
def test_the_engine_behaves_as_the_scenario_says(in_app: Any, scenario: dict[str, Any]) -> None:
    wrong = _replayed(scenario)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant["id"] for variant in VARIANTS])
def test_it_behaves_so_with_other_amounts_modes_and_orders(in_app: Any, variant: dict[str, Any]) -> None:
    wrong = _replayed(variant)
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("W-02")
def test_what_others_relax_our_law_refuses(in_app: Any, relaxed: dict[str, Any]) -> None:
    """Under strict separation nobody is seen deciding on his own request or two steps of one."""
    wrong = _replayed(relaxed, strict=True)
    assert not [line for line in wrong if line.startswith("broken law")], "\n".join(wrong)


def _replayed(scenario: dict[str, Any], *, strict: bool = False) -> list[str]:
    try:
        return replay(scenario, strict=strict)
    except NotOffered as feature:
        if scenario["feature"] == "core":
            pytest.fail(f"a core scenario needs what the engine does not offer: {feature}", pytrace=False)
        pytest.skip(f"not applicable: {feature}")
