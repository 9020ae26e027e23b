"""What a name comes down to: without legal form, brackets and the words every company carries, equal in twins."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LEGAL_FORMS = (
    *("股份有限公司", "有限责任公司", "有限公司", "集团公司", "总公司", "分公司", "集团", "公司"),
    *("农民专业合作社", "专业合作社", "合作社", "经营部", "商行"),
)
LATIN_FORMS = re.compile(
    r"\b(?:co|company|corp|corporation|inc|incorporated|limited|ltd|llc|plc|gmbh|group|holdings?|the)\b"
)
PLACE_ENDINGS = re.compile(r"^([\u3400-\u9fff]{2,3}?)(?:省|市)")
LONGEST = 255
LEAST = 2


@lru_cache(maxsize=4_096)
def core_of(name: str | None) -> str:
    """The name as twins are told by; empty when too little is left."""
    text = unicodedata.normalize("NFKC", name or "").casefold()
    text = LATIN_FORMS.sub(" ", text)
    text = re.sub(r"[\W_]+", "", text)
    text = PLACE_ENDINGS.sub(r"\1", text)
    for form in LEGAL_FORMS:
        text = text.removesuffix(form)
    return text[:LONGEST] if len(text) >= LEAST else ""


def alike(one: str, other: str) -> float:
    """How much two cores share, from 0 to 1: the pairs of letters both have, of all pairs."""
    if one == other:
        return 1.0
    mine, theirs = _pairs(one), _pairs(other)
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}
