"""The library of measures packs ship (`measures.yaml`): a scheme's indicator names one (`use: sales_amt`) and gets it whole.

An entry is a measure over a source, a formula over other entries (`value`), or a judgement people give (`manual`). What
an indicator uses is written out into the scheme when it is read from its file, so that a version of a scheme is whole
in itself and a later edition of the library changes no run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.words import Words, say

PACKS = Path(__file__).resolve().parents[2] / "packs"
NAME = re.compile(r'"[^"]*"|[a-z][a-z0-9_]*')
ABOUT = frozenset({"code", "subjects", "over_zh", "over_en", "value", "manual", "note"})
"""What an entry says of itself, and no measure of a scheme does."""

Entry = Mapping[str, Any]


@lru_cache(maxsize=1)
def shipped() -> dict[str, Entry]:
    """Every entry of every pack that comes with the product, by code."""
    found: dict[str, Entry] = {}
    for path in sorted(PACKS.glob("*/measures.yaml")):
        found |= {str(entry["code"]): entry for entry in yaml.safe_load(path.read_text(encoding="utf-8"))}
    return found


def expand(body: Mapping[str, Any], known: Mapping[str, Entry] | None = None) -> dict[str, Any]:
    """The scheme with everything its indicators `use` written out; what is unknown is left, and refused by the check."""
    entries = shipped() if known is None else known
    measures = dict(body.get("measures") or {})
    indicators: dict[str, Any] = {}
    if not isinstance(body.get("indicators"), Mapping):
        return dict(body)
    for key, indicator in body["indicators"].items():
        entry = entries.get(str(indicator.get("use"))) if isinstance(indicator, Mapping) else None
        if entry is None:
            indicators[key] = indicator
            continue
        indicators[key] = _written(indicator, entry, entries)
        for name in _leaves(str(entry["code"]), entries):
            measures.setdefault(name, _measure(entries[name]))
    found = dict(body) | {"indicators": indicators}
    return found | {"measures": measures} if measures else found


def _written(indicator: Mapping[str, Any], entry: Entry, entries: Mapping[str, Entry]) -> dict[str, Any]:
    own = {key: value for key, value in indicator.items() if key != "use"}
    words = {"zh": entry["zh"], "en": entry["en"]}
    value = {} if entry.get("manual") else {"value": formula(str(entry["code"]), entries)}
    return {**words, **value, **own}


def formula(code: str, entries: Mapping[str, Entry]) -> str:
    """The formula of an entry over measures alone: entries that are formulas themselves are put in."""
    entry = entries[code]
    if "value" not in entry:
        return code
    parts = [
        f"({formula(part, entries)})" if part in entries and "value" in entries[part] else part
        for part in _words(str(entry["value"]))
    ]
    return "".join(parts)


def _words(text: str) -> Iterator[str]:
    """A formula in pieces: names stand alone, texts in quotes stay whole."""
    end = 0
    for found in NAME.finditer(text):
        yield text[end : found.start()]
        yield found.group()
        end = found.end()
    yield text[end:]


def _leaves(code: str, entries: Mapping[str, Entry]) -> list[str]:
    """The measures an entry comes down to."""
    if "value" not in entries[code]:
        return [] if entries[code].get("manual") else [code]
    names = [name for name in _words(formula(code, entries)) if name in entries]
    return list(dict.fromkeys(names))


def _measure(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in ABOUT}


def alone(entry: Entry, subject: str, known: Mapping[str, Entry] | None = None) -> dict[str, Any]:
    """A scheme that only shows one entry, to check it or to try it on a subject."""
    show: dict[str, Any] = {"use": entry["code"]}
    if entry.get("manual"):
        show |= {"method": {"kind": "manual"}}
    return expand(
        {
            "scheme": f"TRY-{entry['code']}",
            "zh": entry["zh"],
            "en": entry["en"],
            "subject": subject,
            "indicators": {entry["code"]: show},
        },
        known,
    )


def denominator(entry: Entry) -> Words | None:
    """What a ratio is a share of, as a report names it."""
    return say(str(entry["over_zh"]), str(entry["over_en"])) if "over_zh" in entry else None
