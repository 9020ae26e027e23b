"""Published figures of real data (`expected.json`), and the run that asks for many figures at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from app.extensions import db
from app.services import access
from app.workflows.evaluation import reading, spread
from tests.workflows.evaluation import shop

FOLDER = Path(__file__).parents[4] / "shared" / "data"
MOST_AT_ONCE = 24


def file(name: str) -> Path:
    """A file of the shared data; the test is skipped where it is not."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"missing: {path}")
    return path


def figures_of(dataset: str) -> dict[str, Any]:
    """Every figure of these data, by its name; where a publication is wrong, as it was worked out again."""
    every = json.loads(file("expected.json").read_text(encoding="utf-8"), parse_float=Decimal)
    return {one["figure"]: one["recomputed"] for one in every if one["dataset"] == dataset}


def rows_of(path: Path) -> Iterable[dict[str, Any]]:
    """The rows of the first sheet of a workbook, by its heads; an empty cell is an empty text."""
    heads, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    return (dict(zip(map(str, heads), row, strict=True)) for row in rows)


def shown(keys: Iterable[str]) -> dict[str, Any]:
    """Indicators that only show the measure, or the field of the subject, of the same name."""
    return {f"i_{key.replace('.', '_')}": {"zh": key, "en": key, "value": key} for key in keys}


def body(measures: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A scheme over customers that shows these measures."""
    named = {key: {"zh": key, "en": key} | dict(one) for key, one in measures.items()}
    return {
        "scheme": "FIGURES",
        "zh": "数",
        "en": "Figures",
        "subject": "customer",
        **({"measures": named} if named else {}),
        "indicators": shown(measures),
        **more,
    }


def measured(
    measures: Mapping[str, Mapping[str, Any]], source: str, period: str, code: str = "FIGURES"
) -> dict[str, int]:
    """The values of measures over the rows of all subjects: set against one customer, who is the whole population."""
    found: dict[str, int] = {}
    keys = list(measures)
    over = {"source": source, "whole": True, "window": "all"}
    for start in range(0, len(keys), MOST_AT_ONCE):
        some = {key: over | dict(measures[key]) for key in keys[start : start + MOST_AT_ONCE]}
        run_id = shop.trial(body(some, population={"where": f'customer_code = "{code}"'}), period)
        with access.acting(access.SYSTEM):
            (row,) = db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
            found |= {key: row[f"v{number:02}"] for number, key in enumerate(some, 1)}
    return found


def by_subject(scheme: Mapping[str, Any], period: str) -> dict[str, tuple[int | None, ...]]:
    """The raw values of each subject of a scheme, by its code."""
    run_id = shop.trial(dict(scheme), period)
    with access.acting(access.SYSTEM):
        rows = db.session.execute(reading.visible(reading.open_run(run_id))).mappings()
        slots = [f"v{number:02}" for number in range(1, len(scheme["indicators"]) + 1)]
        return {row["code"]: tuple(row[slot] for slot in slots) for row in rows}


def spread_of(scheme: Mapping[str, Any], period: str) -> dict[str, spread.Spread]:
    """What the page of a run tells of its indicators, by the name of each."""
    run_id = shop.trial(dict(scheme), period)
    with access.acting(access.SYSTEM):
        return {one.indicator.words.en: one for one in spread.spreads(reading.open_run(run_id))}
