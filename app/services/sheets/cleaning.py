"""Cleaning what people paste into names and codes (R42): what is done is told, what deceives is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from app.words import Words, say

INVISIBLE = re.compile(
    "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufff9-\ufffb]"
)
DECEIVING = re.compile("[\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
BREAKS = re.compile("[ \t\u3000]*[\r\n\x85\u2028\u2029]+[ \t\u3000]*")
SPACES = re.compile(r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
WIDE = {
    code: code - 0xFEE0
    for first, last in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for code in range(first, last + 1)
}
PLAIN = re.compile("(?!')[!-~\u4e00-\u9fff（），。、；：]+(?: [!-~\u4e00-\u9fff（），。、；：]+)*")
"""Words a blank apart in which there is nothing to clean, as most names are: what follows would leave them as they are."""
GUARDED = re.compile(r"^'(?=[\s\x00-\x1f]*[=+\-@\t\r])")
SCIENTIFIC = re.compile(r"^\d(?:\.\d+)?[eE]\+?\d{1,3}$")
CJK = r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
BREAK_AMONG_CJK = re.compile(f"(?<={CJK})\n|\n(?={CJK})")

DECEIVING_WORDS = say(
    "含有改变文字方向的隐藏字符，会使显示与内容不一致。请重新输入。",
    "holds hidden characters that turn the direction of the text, so that it shows what it is not. Type it again.",
)
CONTROL_WORDS = say("含有不可显示的控制字符。请重新输入。", "holds control characters. Type it again.")
SCIENTIFIC_WORDS = say(
    "是科学计数法的数字，后面的位数已被表格软件丢掉。请把该列设为文本后重新填写。",
    "is a number in scientific notation; the spreadsheet has lost digits. Format the column as text and type it again.",
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text after cleaning, whether that changed it, and why it is refused (then it stands as it came)."""

    text: str
    changed: bool = False
    refused: Words | None = None


def cleaned_text(text: str) -> Cleaned:
    """Longer texts: composed (NFC), trimmed, without invisible characters; line breaks stay as they are."""
    refused = _refused(text)
    if refused:
        return Cleaned(text, refused=refused)
    clean = (
        INVISIBLE.sub("", unicodedata.normalize("NFC", _unguarded(text)))
        .replace("\r\n", "\n")
        .strip(" \t\r\n\u00a0\u3000")
    )
    return Cleaned(clean, changed=clean != text)


def cleaned_name(text: str) -> Cleaned:
    """Names: besides, one line, single spaces, full-width letters and digits made ordinary; brackets stay Chinese."""
    if PLAIN.fullmatch(text):
        return Cleaned(text)
    refused = _refused(text)
    if refused:
        return Cleaned(text, refused=refused)
    clean = INVISIBLE.sub("", unicodedata.normalize("NFC", _unguarded(text))).translate(WIDE)
    clean = BREAK_AMONG_CJK.sub("", BREAKS.sub("\n", clean.strip()))
    clean = SPACES.sub(" ", clean.replace("\n", " ")).strip()
    return Cleaned(clean, changed=clean != text)


def cleaned_code(text: str) -> Cleaned:
    """Codes: compatibility forms made ordinary (NFKC), nothing invisible, on one line, no doubled spaces."""
    if text.isascii() and text.isalnum() and not SCIENTIFIC.match(text):
        return Cleaned(text)
    refused = _refused(text) or (SCIENTIFIC_WORDS if SCIENTIFIC.match(text.strip()) else None)
    if refused:
        return Cleaned(text, refused=refused)
    clean = unicodedata.normalize("NFKC", INVISIBLE.sub("", _unguarded(text)))
    clean = SPACES.sub(" ", BREAKS.sub("", clean)).strip()
    return Cleaned(clean, changed=clean != text)


def _refused(text: str) -> Words | None:
    if DECEIVING.search(text):
        return DECEIVING_WORDS
    return CONTROL_WORDS if CONTROL.search(text) else None


def _unguarded(text: str) -> str:
    """Without the apostrophe our own exports put before what a spreadsheet would take for a formula."""
    return GUARDED.sub("", text)
