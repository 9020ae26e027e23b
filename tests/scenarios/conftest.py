"""`pytest tests/scenarios --scenarios FILE --cases FILE` replays any file in the vocabulary of the shared scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.workflows.machine import machines
from app.workflows.subjects import subjects
from tests.scenarios.documents import LIFE, SUBJECT, ScenarioDocument

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--scenarios", default=str(SHARED / "scenarios_dev.yaml"), help="approval behaviours to replay"
    )
    parser.addoption(
        "--cases", default=str(SHARED / "peer_cases_dev.yaml"), help="figures other products pin down"
    )


def read(config: pytest.Config, option: str, key: str) -> list[dict[str, Any]]:
    """The entries of the file an option names; none when it is not there."""
    path = Path(config.getoption(option))
    return yaml.safe_load(path.read_text(encoding="utf-8"))[key] if path.exists() else []


@pytest.fixture(autouse=True)
def documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a scenario is replayed, the record type of the tests is one that is decided on."""
    monkeypatch.setitem(subjects, SUBJECT.object_type, SUBJECT)
    monkeypatch.setitem(machines, ScenarioDocument, LIFE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, option, key in [
        ("scenario", "--scenarios", "scenarios"),
        ("relaxed", "--scenarios", "scenarios"),
        ("case", "--cases", "cases"),
        ("graded", "--cases", "cases"),
    ]:
        if fixture not in metafunc.fixturenames:
            continue
        found = read(metafunc.config, option, key)
        if option == "--cases":  # those about evaluation need a database, the others none
            wanted = fixture == "graded"
            found = [case for case in found if case["group"].startswith("evaluation") is wanted]
        if fixture == "relaxed":
            options = [entry["definition"].get("options") or {} for entry in found]
            found = [
                entry for entry, it in zip(found, options, strict=True) if it.get("separation") == fixture
            ]
        if found:
            metafunc.parametrize(fixture, found, ids=[entry["id"] for entry in found])
        else:
            missing = metafunc.config.getoption(option)
            mark = pytest.mark.skip(reason=f"no such file: {missing}")
            metafunc.parametrize(fixture, [pytest.param(None, marks=mark, id="missing")])
